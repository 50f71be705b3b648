"""What the benchmarks rest on: their right answers, that a wrong contestant is found, and the report."""

import dataclasses
import importlib.util
import itertools
import shutil

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import autograd.engine
import nn
from autograd import Value, dot, hessian, sum, value_and_grad
from tests.benchmarks import derivatives, engine, gpt, history, report, transformer
from tests.benchmarks.compiled import Findings, Measurement, Row
from tests.benchmarks.contestants import BY_HAND, CPP, JAX, LLVM, NUMPY, TORCH, Contestant
from tests.benchmarks.names import Names
from tests.benchmarks.peers import by_hand, gpt_by_hand, gpt_ours, plain
from tests.benchmarks.targets import TENFOLD, targets
from tests.benchmarks.tasks import MOONS, TASKS, Task, answer, check, value_and_gradient
from tests.support.compiled import needs_llvmlite

PICTURES = ["compiling.svg", "first.svg", "growth.svg", "steps.svg"]
SMALL = [
    Task("2-3-1", (2, 3, 1), 7, "hinge_loss"),
    Task("5-4-3", (5, 4, 3), 6, "cross_entropy"),
    TASKS[-1],
]


@pytest.mark.parametrize("task", SMALL, ids=lambda task: task.name)
def test_the_right_answer_is_the_engine_s(task):
    n_in, *layers = task.sizes
    model = nn.MLP(n_in, layers, task.activation, task.output_activation, task.bias)
    parameters = model.parameters()
    for p, weight in zip(parameters, task.weights, strict=True):
        p.data = float(weight)
    examples = [getattr(nn, task.loss)(model(x), t) for x, t in zip(*(each.tolist() for each in task.data))]
    total = sum(examples) / task.batch + task.l2 * dot(parameters, parameters)
    assert isinstance(total, Value)
    total.backward()
    value, gradient = value_and_gradient(task, task.weights)
    assert value == pytest.approx(total.data, rel=1e-13)
    assert gradient == pytest.approx(np.array([p.grad for p in parameters]), rel=1e-12, abs=1e-15)


@needs_llvmlite
@pytest.mark.parametrize("name", derivatives.FUNCTIONS)
def test_the_functions_of_the_benchmark_have_the_derivatives_of_the_engine(name):
    function, points = derivatives.FUNCTIONS[name], derivatives.points_of(3, 4)
    found = {what: call() for what, call in derivatives.ours(function, points).items()}
    for b, point in enumerate(points.tolist()):
        of = lambda *x: function(autograd, x)
        value, gradient = value_and_grad(of)(*point)
        assert found["value"][b, 0] == pytest.approx(value, rel=1e-12)
        assert found["gradient"][b, 0] == pytest.approx(np.array(gradient), rel=1e-11)
        assert found["hessian"][b, 0] == pytest.approx(np.array(hessian(of, point)), rel=1e-10, abs=1e-12)


def test_a_report_says_how_the_derivatives_compare():
    names = derivatives.OURS, derivatives.OURS_OUT, derivatives.DDX, derivatives.DDX_BUFFER
    times = dict(zip(names, ([1e-5], [8e-6], [2e-5], [4e-6])))
    findings = Findings(derivatives=[derivatives.Measured("f", 2, 100, "value", times)])
    (section,) = [each for each in report.sections(findings, None) if each.anchor == "derivatives"]
    assert section.parts[1].rows == [["f", "2", "100", "value", "10", "2.00", "8", "0.50"]]
    assert "ahead in 1 of 2; not in: f, n = 2, B = 100, value (ddx-ad, in a buffer)." in section.parts[0]


def test_the_assignment_begins_and_ends_where_the_course_says():
    training = TASKS[-1]
    assert value_and_gradient(training, training.weights)[0] == pytest.approx(0.014181377937891659, rel=1e-15)
    assert answer(training, 1000)[0] < 1e-4


@pytest.mark.parametrize("task", SMALL, ids=lambda task: task.name)
def test_numpy_by_hand_does_the_task(task):
    check(dataclasses.replace(task, unit=1), by_hand.Numpy(task), BY_HAND)


@pytest.mark.parametrize("wrong", [{"rate": 0.0500001}, {"l2": 1.001e-4}])
def test_a_contestant_that_computes_something_else_is_an_error(wrong):
    runner = by_hand.Numpy(dataclasses.replace(MOONS, **wrong))
    with pytest.raises(
        ArithmeticError, match=r"slip does not compute 2-16-16-1, 100: it is off by \d\.\de-06"
    ):
        check(MOONS, runner, "slip")


def test_a_peer_that_is_not_installed_is_named_with_the_reason():
    def none(task):
        raise RuntimeError("no compiler here\nand more")

    measurement = Measurement(runs=1)
    absent = Contestant("absent", "no_such_peer.Runner", lambda task: True)
    broken = Contestant("broken", "by_hand.Numpy", lambda task: True)
    measurement._builds["broken"] = none
    row = measurement.row(SMALL[0], [absent, broken], firsts=0)
    assert row.times == {}
    assert set(measurement.findings.missing) == {"absent", "broken"}
    assert "no_such_peer" in measurement.findings.missing["absent"]
    assert measurement.findings.missing["broken"] == "RuntimeError: no compiler here"


def made_up():
    row = Row(
        MOONS,
        {
            LLVM: [4e-6, 8e-6], NUMPY: [50e-6, 90e-6], CPP: [4e-6, 4e-6], BY_HAND: [40e-6, 80e-6],
            JAX: [2e-5, 4e-5],
        },
        {LLVM: [0.25], NUMPY: [0.02], JAX: [1.0]},
    )  # fmt: skip
    grown = [
        Row(
            Task(f"n {n}", (2, 3, 1), n, "hinge_loss"),
            {name: [n * 1e-6] for name in (LLVM, NUMPY, BY_HAND)},
            {LLVM: [1.0 + n / 10], NUMPY: [n / 10]},
        )
        for n in (10, 100)
    ]
    whole = {"ours": [0.3], "jax": [1.0]}
    _, first, *_, large, fourth = (program.name for program in engine.PROGRAMS)
    measured = engine.Measured(
        {
            first: {engine.OURS: [0.1, 0.2, 0.3], engine.PEER: [2.1, 3.0, 6.1]},
            large: {engine.OURS: [2e-6, 2e-6], engine.PEER: [1.5e-6, 1e-6]},
        },
        {fourth: "No module named 'jax'"},
    )
    m = transformer
    small = m.Measured(
        {1: {m.PROGRAM: [0.2, 0.4], LLVM: [4e-5, 5e-5]}, 32: {LLVM: [2e-4], CPP: [1e-4], JAX: [5e-4]}},
        {1: {m.PROGRAM: [0.2], LLVM: [0.5]}, 32: {LLVM: [0.9], CPP: [0.8], JAX: [3.0]}},
        {f"{m.LLVM}, {m.FIRST}": [2.0, 3.0, 4.0]}, (0.025, 180.0), (100, 2e-12), {(16, 1): (0.1, 0.7)},
    )  # fmt: skip
    return Findings(
        [row], {"absent": "ImportError: gone"}, {}, {engine.PLAIN: measured}, whole, grown, grown[:1],
        transformer=small,
    )  # fmt: skip


def test_figures_are_added_to_the_history_and_read_again(tmp_path):
    path = tmp_path / "history.csv"
    path.write_text(",".join(field.name for field in dataclasses.fields(history.Record)) + "\n")
    assert history.append(made_up(), 'a "fast" machine, 2 cores', path) == 8
    found = history.read(path)
    assert {record.machine for record in found} == {'a "fast" machine, 2 cores'}
    _, first, *_, large, _ = (program.name for program in engine.PROGRAMS)
    assert {(record.engine, record.figure): (record.low, record.unit) for record in found} == {
        (engine.PLAIN, first): (20.3, "times faster"),
        (engine.PLAIN, large): (1.67, "times as long"),
        (history.STEP, f"a step of {MOONS.name}, beside {CPP}"): (1.5, "times as long"),
        (history.STEP, f"a step of {MOONS.name}, beside {BY_HAND}"): (0.1, "times as long"),
        (history.STEP, "the GPT's whole training, ours, llvm, from nothing, beside the plain program"): (
            60.0, "times faster",
        ),
        (history.STEP, "a step of the GPT, 1 of 8 positions, beside the plain program"): (
            6500.0, "times faster",
        ),
        (history.STEP, f"a step of the GPT, 32 of 8 positions, beside {CPP}"): (2.0, "times as long"),
        (history.STEP, f"a step of the GPT, 32 of 8 positions, beside {JAX}"): (0.4, "times as long"),
    }  # fmt: skip


def test_the_history_has_a_line_for_each_date_and_figure():
    found = history.read()
    keys = [(record.date, record.commit, record.engine, record.figure) for record in found]
    assert len(set(keys)) == len(keys)
    assert [record.date for record in found] == sorted(record.date for record in found)
    assert all(0 < record.low <= record.high for record in found)
    assert {record.figure for record in found if record.engine != history.STEP} <= {
        program.name for program in engine.PROGRAMS
    }


def test_targets_are_judged_by_the_ratios_within_the_rounds():
    judged = {target.claim: target for target in targets(made_up())}
    beside_cpp = judged[f"{MOONS.name}: {LLVM} / {CPP}"]
    assert (beside_cpp.measured, beside_cpp.limit, beside_cpp.verdict) == (1.5, 1.2, "MISSED")
    assert judged[f"{MOONS.name}: {LLVM} / {JAX}"].verdict == "met"
    assert judged[f"{MOONS.name}: {NUMPY} / {BY_HAND}"].verdict == "MISSED"
    assert judged[f"first result, {MOONS.name}: {LLVM} / {JAX}"].measured == 0.25
    assert judged[f"{MOONS.name}: {LLVM} / {TORCH}"].verdict == "not measured"
    assert judged["whole process: ours / jax"].verdict == "met"
    assert judged["whole process: ours / torch"].verdict == "not measured"
    grows = judged[f"growth, a step: largest factor for tenfold batch, {LLVM}"]
    assert (grows.measured, grows.limit) == (pytest.approx(10.0), TENFOLD)
    trained = judged["GPT, the whole training from nothing, beside the plain program"]
    assert (trained.measured, trained.limit, trained.verdict) == (60.0, 150.0, "MISSED")
    assert judged["GPT, the whole training from the kernel cache, beside the plain program"].measured is None
    assert judged["GPT, a step of one name, beside the plain program"].verdict == "met"
    assert judged[f"GPT, a step of 32 names: {LLVM} / {CPP}"].measured == pytest.approx(2.0)
    assert judged["GPT, losses of 100 steps beside the eager engine's, in 10⁻⁹"].verdict == "met"


def test_targets_of_the_engine_say_how_many_times_faster_or_how_much_more():
    judged = {target.claim: target for target in targets(made_up())}
    _, first, *_, large, _ = (program.name for program in engine.PROGRAMS)
    faster = judged[f"{engine.PLAIN}: {first}"]
    assert (faster.measured, faster.limit, faster.verdict) == (pytest.approx(61 / 3), 2.0, "met")
    assert dataclasses.replace(faster, limit=20.34).verdict == "MISSED"
    grows = judged[f"{engine.PLAIN}: {large}"]
    assert (grows.measured, grows.limit, grows.verdict) == (pytest.approx(5 / 3), 1.5, "MISSED")
    assert judged[f"{engine.COMPILED}: {first}"].verdict == "not measured"
    assert not targets(dataclasses.replace(made_up(), engine={}))[0].claim.startswith(engine.COMPILED)


def test_each_kind_of_engine_is_measured_in_a_process_of_its_own():
    found = engine.both(runs=1, largest=100, quick=True, text="bytes")
    assert {*found} == {engine.PLAIN, engine.COMPILED} if autograd.engine.compiled else {engine.PLAIN}
    for each in found.values():
        assert {*each.times} == {"bytes of a node"}
        assert 40.0 < each.times["bytes of a node"][engine.OURS][0] < 200.0


def test_programs_that_compute_different_numbers_are_an_error():
    with pytest.raises(ArithmeticError, match=r"compute different numbers: 1\.0 and 1\.1"):
        engine.require_close([2.0, 1.0], [2.0, 1.1], 1e-12)


@pytest.mark.slow
def test_the_gpt_of_the_benchmark_has_the_same_losses():
    """In its full size, with only the class exchanged."""
    assert len(gpt.GPT(Value, gpt.Sizes()).parameters) == 4192
    ours, theirs = (list(itertools.islice(gpt.training(value, 20), 4)) for value in (Value, plain.Value))
    assert ours == pytest.approx(theirs, rel=1e-12)


@given(
    st.builds(
        gpt.Sizes,
        heads=st.just(2),
        width=st.sampled_from([2, 4, 6]),
        layers=st.integers(0, 3),
        block=st.integers(1, 6),
    ),
    st.integers(0, 1000),
)
@settings(max_examples=5)
def test_a_gpt_of_any_size_has_the_same_losses_over_twenty_steps(sizes, seed):
    ours, theirs = (list(gpt.training(value, 20, sizes, seed)) for value in (Value, plain.Value))
    assert ours == pytest.approx(theirs, rel=1e-12)


# --- the GPT as a task ---------------------------------------------------------------------------------

TINY = Names(3, 5, gpt.Sizes(width=4, heads=2, layers=2, block=6))


def test_numpy_by_hand_has_the_gradient_of_the_gpt_that_the_engine_has():
    model, runner = gpt.GPT(Value, TINY.sizes), gpt_by_hand.Numpy(TINY)
    losses = [loss for text in TINY.texts.tolist() for loss in model.losses(text)]
    total = sum(losses) / len(losses)
    total.backward()
    assert [p.data for p in model.parameters] == TINY.weights.tolist()
    assert runner.value_and_gradient() == pytest.approx(total.data, rel=1e-13)
    right = np.array([p.grad for p in model.parameters])
    np.testing.assert_allclose(runner.gradient, right, rtol=1e-11, atol=1e-15)


@pytest.mark.parametrize(
    "name",
    [
        transformer.PROGRAM, transformer.EAGER, transformer.NUMPY,
        pytest.param(LLVM, marks=[needs_llvmlite, pytest.mark.slow]),
    ],
)  # fmt: skip
def test_every_contestant_of_the_gpt_computes_its_steps(name):
    module, function = transformer.PLACES[name].split(".")
    assert module == "gpt_ours"
    transformer.check(TINY, getattr(gpt_ours, function)(TINY))


@pytest.mark.slow
@pytest.mark.parametrize("name", [transformer.OURS_JAX, JAX, TORCH])
def test_a_contestant_of_the_gpt_is_checked_and_timed_in_a_process_of_its_own(name):
    library = "torch" if name == TORCH else "jax"
    if importlib.util.find_spec(library) is None:
        pytest.skip(f"{library} is in the extra bench")
    found = transformer.Measured()
    spent = transformer.printed(found, name, [transformer.__name__, "step", transformer.PLACES[name], 3, 5])
    assert found.missing == {}
    assert 0.0 < spent["step"] < spent["first"]


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("g++") is None, reason="needs a C++ compiler")
def test_the_gpt_in_cpp_has_the_gradient_of_numpy():
    names = Names(16, 5)
    runner, right = gpt_by_hand.Cpp(names), gpt_by_hand.Numpy(names)
    assert runner.value_and_gradient() == pytest.approx(right.value_and_gradient(), rel=1e-12)
    np.testing.assert_allclose(runner.gradient, right.gradient, rtol=1e-10, atol=1e-15)
    transformer.check(names, runner)


def test_a_contestant_of_the_gpt_that_computes_something_else_is_found(monkeypatch):
    monkeypatch.setattr(gpt_ours, "EPS", 1e-3)
    with pytest.raises(ArithmeticError, match="Ours computes something else"):
        transformer.check(TINY, gpt_ours.numpy(TINY))


@pytest.mark.slow
def test_the_whole_training_of_the_gpt_has_the_losses_of_the_engine():
    """One length after the other, whatever comes; each process prints its losses."""
    found, steps = transformer.Measured(), 4
    losses = [
        transformer.printed(found, each, [transformer.WHOLE, each, steps]) for each in ("numpy", "eager")
    ]
    assert found.missing == {}
    assert losses[0] == pytest.approx(losses[1], rel=1e-12)
    assert transformer.printed(found, "none", [transformer.WHOLE, "tpu", steps]) is None
    assert "backend must be one of" in found.missing["none"]


def test_the_report_says_all_of_it_in_each_of_its_forms(tmp_path):
    report.save(found := report.sections(made_up(), core=None), tmp_path)
    page, markdown = ((tmp_path / name).read_text() for name in ("index.html", "report.md"))
    for text in (page, markdown, report.as_text(found)):
        for said in (
            LLVM,
            CPP,
            "MISSED",
            "not measured",
            "1.50",
            "ImportError: gone",
            "not pinned",
            "≥ 20",
            "not built here as compiled",
            "No module named 'jax'",
            "10⁻⁴ Σ",
            "its whole training was not run",
        ):
            assert said in text
    assert f"| {LLVM} | 6 |" in markdown
    assert sorted(path.name for path in tmp_path.glob("*.svg")) == PICTURES
    assert all(f"]({path.name})" in markdown for path in tmp_path.glob("*.svg"))
    assert page.count("data:image/svg+xml") == len(PICTURES)
