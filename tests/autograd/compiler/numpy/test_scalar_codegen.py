"""A batch of one in plain floats: the numbers of arrays and of the eager engine, wherever floats run."""

import ast
import functools
import itertools
import math
import threading

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from autograd import Training, Value, compile, dot, exp, grad, log, primitive, sin, sum, tanh, where
from autograd.compiler.ir.nodes import Graph
from autograd.compiler.numpy.backend import ArrayProgram
from autograd.compiler.numpy.scalar_codegen import ScalarProgram, pays
from autograd.engine.primitives import TABLE
from nn import ACTIVATIONS, LOSSES, MLP, SGD, Adagrad, Adam, AdamW, ExponentialLR, RMSprop, fit
from tests.support.compiled import eager, program_of
from tests.support.compiled_cases import CHOICES, CORNERS, LAYOUTS, of_numbers, spots, targets_for
from tests.support.random_graphs import programs, record, run

inf, nan = math.inf, math.nan
PAYS = "autograd.compiler.numpy.backend.pays"


def array_program(program, floats, purpose="training"):
    """What a program runs on, with floats for a batch of one or without."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(PAYS, lambda terms: floats)
        made = ArrayProgram(program._nodes("numpy", purpose), program.reduce == "mean", program.dtype)
        assert isinstance(made._scalars, ScalarProgram) == floats
    return made


def in_both(program, parameters, example, purpose="training"):
    """The results in floats, and those of arrays."""
    arguments = np.array(parameters, float), np.array([example], float)
    scalars = array_program(program, True, purpose)._scalars
    return scalars(*arguments), array_program(program, False, purpose)(*arguments)


def assert_same(got, right, rtol=1e-12, atol=0.0):
    assert len(got) == len(right)
    for one, other in zip(got, right):
        assert (one.shape, one.dtype) == (other.shape, other.dtype)
        np.testing.assert_allclose(one, other, rtol=rtol, atol=atol)


# --- the numbers -----------------------------------------------------------------------------------


@given(programs(), st.lists(st.booleans(), min_size=4, max_size=4), st.sampled_from(["mean", "sum"]))
def test_random_graphs(case, chosen, reduce):
    """Near a point where no rule raises, so that floats answer."""
    numbers, code, roots, duals = case
    leaves = list(map(Value, numbers))
    nodes = run(leaves, code, record)
    roots = [root for root in roots if isinstance(nodes[root], Value)]
    assume(roots)
    w, x = ([leaf for leaf, parameter in zip(leaves, chosen) if parameter is kind] for kind in (True, False))
    program = compile([nodes[root] for root in roots], w, x, reduce=reduce, backend="numpy")
    point = [[leaf.data for leaf in each] for each in (w, x)]
    found, right = in_both(program, *point)
    size = 1.0 + abs(float(duals[roots[0]].value)) + math.fsum(duals[roots[0]].sizes)
    assert_same(found, right, atol=1e-12 * size)
    value, gradient, *others = found
    assert value[0] == pytest.approx(nodes[roots[0]].data, rel=1e-12, abs=1e-12 * size)
    np.testing.assert_allclose(gradient, grad(nodes[roots[0]], w), rtol=1e-12, atol=1e-11 * size)
    for root, column in zip(roots[1:], others):
        scale = 1.0 + abs(float(duals[root].value)) + math.fsum(duals[root].sizes)
        assert float(column.reshape(())) == pytest.approx(nodes[root].data, rel=1e-12, abs=1e-12 * scale)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_operands_may_lie_in_any_way(layout):
    f, count, inputs = LAYOUTS[layout]
    rng = np.random.default_rng(1)
    point = rng.uniform(0.2, 1.0, count), rng.uniform(0.2, 1.0, inputs)
    found, right = in_both(program_of(f, count, inputs), *point)
    assert_same(found, right, 1e-13, 1e-14 * np.abs(right[1]).max())


@pytest.mark.parametrize("loss", LOSSES)
def test_networks(loss):
    """The outputs of the layer before the loss are noted too."""
    rng = np.random.default_rng(3)
    for activation in ACTIVATIONS:
        model = MLP(2, [3, 2], activation=activation, output_activation="sigmoid", seed=1)
        x, t = [Value(0.3), Value(-0.2)], list(map(Value, targets_for(loss, (1, 2), rng)[0].tolist()))
        y = model(x)
        if loss in ("cross_entropy", "binary_cross_entropy_with_logits"):
            y = [log(p) for p in y]
        program = compile([LOSSES[loss](y, t), *y], model.parameters(), x + t, backend="numpy")
        point = [p.data for p in model.parameters()], [*rng.standard_normal(2), *(v.data for v in t)]
        assert_same(*in_both(program, *point), rtol=1e-12, atol=1e-16)


@pytest.mark.parametrize("row", TABLE.values(), ids=lambda row: row.name)
def test_special_values(row):
    """Whether floats answer or raise, a batch of one has the numbers of arrays."""
    f, count = of_numbers(row), len(spots(row)[0])
    program = program_of(lambda w, x: f(w), count, 0, at=spots(row)[0])
    made, arrays = array_program(program, True), array_program(program, False)
    for spot in spots(row):
        # What is added up in another order may overflow on the way, and `Program` answers then.
        if row.name not in ("sum", "mean", "dot") or not {1e308, -1e308} & {*spot}:
            point = np.array(spot, float), np.empty((1, 0))
            assert_same(made(*point), arrays(*point), 1e-12, 1e-310)


@pytest.mark.parametrize("choice", CHOICES)
def test_the_branch_not_taken_may_raise(choice):
    program = program_of(CHOICES[choice], 2, 2)
    made = array_program(program, True, "gradient")
    for corner in CORNERS:
        values, gradients = eager(CHOICES[choice], [0.75, 1.5], [corner])
        value, gradient = made(np.array([0.75, 1.5]), np.array([corner]))
        np.testing.assert_allclose(value, values, rtol=1e-13)
        np.testing.assert_allclose(gradient, gradients[0], rtol=1e-13)


def test_constants_that_are_not_finite():
    f = lambda w, x: [where(x[0], w[0], constant) for constant in (inf, -inf, nan, 0.5)]
    for example, right in ([0.0], [inf, -inf, nan, 0.5]), ([1.0], [3.0] * 4):
        found, _ = in_both(program_of(f, 1, 1), [3.0], example, "evaluate")
        np.testing.assert_array_equal(np.concatenate(found).reshape(-1), right)


RAISING = {
    "1 / 0": (lambda w, x: x[0] / w[0], 0.0, inf),
    "0 / 0": (lambda w, x: w[0] / w[0], 0.0, nan),
    "log 0": (lambda w, x: log(w[0]), 0.0, -inf),
    "log −1": (lambda w, x: log(-x[0]) * w[0], 1.0, nan),
    "exp 1000": (lambda w, x: exp(w[0] * x[0]), 1000.0, inf),
    "sin inf": (lambda w, x: sin(w[0]), inf, nan),
}


@pytest.mark.parametrize("case", RAISING)
def test_where_floats_raise_arrays_answer(case):
    f, weight, right = RAISING[case]
    program = program_of(f, 1, 1, backend="numpy")
    made = program._program("numpy", "gradient")
    assert made._scalars(np.array([weight]), np.array([[1.0]])) is None
    assert made._scalars(np.array([0.5]), np.array([[-2.0]])) is not None
    assert program([weight], [[1.0]])[0] == pytest.approx(right, nan_ok=True)
    assert program.evaluate([weight], [[1.0]])[0, 0] == pytest.approx(right, nan_ok=True)


def test_the_assignment_by_hand():
    """As they are in the assignment, to the last digit."""
    model = MLP(2, [2, 2], activation="sigmoid", output_activation="sigmoid", bias=False)
    for p, weight in zip(model.parameters(), [0.15, 0.20, 0.25, 0.30, 0.40, 0.45, 0.50, 0.55]):
        p.data = weight
    x, t = [Value(0.05), Value(0.10)], [Value(0.5), Value(0.5)]
    error = LOSSES["half_squared_error"](model(x), t)
    program = compile(error, model.parameters(), x + t, backend="numpy")
    value, gradient = program([p.data for p in model.parameters()], [[0.05, 0.10, 0.5, 0.5]])
    assert value == error.data == 0.014181377937891659
    assert gradient.tolist() == pytest.approx(grad(error, model.parameters()), rel=1e-15)
    assert gradient[2] == 0.00035177632159073217


# --- trainings -------------------------------------------------------------------------------------

X = np.random.default_rng(5).standard_normal((6, 3))
OPTIMIZERS = {
    "SGD": functools.partial(SGD, lr=0.1),
    "momentum": functools.partial(SGD, lr=0.02, momentum=0.9),
    "nesterov": functools.partial(SGD, lr=0.02, momentum=0.9, nesterov=True, weight_decay=0.01),
    "Adagrad": functools.partial(Adagrad, lr=0.1),
    "RMSprop": functools.partial(RMSprop, lr=0.01),
    "Adam": functools.partial(Adam, lr=0.01),
    "AdamW": functools.partial(AdamW, lr=0.01),
}
OPTIONS = {
    "alone": {"batch_size": 1},
    "in pairs and one": {"batch_size": 5},
    "clipped": {"batch_size": 1, "clip_norm": 0.1, "clip_value": 0.2},
    "measured": {
        "batch_size": 1,
        "metrics": ["r2_score"],
        "schedule": functools.partial(ExponentialLR, gamma=0.9),
    },
}


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_fit_is_the_same_in_floats_and_on_arrays(optimizer, options, monkeypatch):
    def trained():
        model = MLP(2, [2, 1], activation="tanh", seed=0)
        return model, fit(
            model, X[:, :2].tolist(), X[:, 2].tolist(), loss="mse_loss", optimizer=OPTIMIZERS[optimizer],
            epochs=5, seed=0, backend="numpy", progress=False, **OPTIONS[options],
        )  # fmt: skip

    made = []
    monkeypatch.setattr(PAYS, lambda terms: made.append(terms) or True)
    model, history = trained()
    assert made
    monkeypatch.setattr(PAYS, lambda terms: False)
    right_model, right = trained()
    np.testing.assert_allclose(
        [p.data for p in model.parameters()], [p.data for p in right_model.parameters()], rtol=1e-12
    )
    np.testing.assert_allclose(history.loss, right.loss, rtol=1e-12)
    np.testing.assert_allclose(history.gradient_norm, right.gradient_norm, rtol=1e-12)
    assert history.metrics.keys() == right.metrics.keys()
    for name, column in right.metrics.items():
        np.testing.assert_allclose(history.metrics[name], column, rtol=1e-12)


def training_of(program, parameters, batches, rates, **options):
    return Training.of(np.array(parameters), X[:, : program.inputs], batches, rates, **options)


VISITS = {
    "one again and again": [np.array([2])] * 7,
    "one after the other": [np.array([number]) for number in (3, 1, 4, 1, 5, 0, 2)],
}


@pytest.mark.parametrize("options", [{}, {"careful": True, "updated": 2}, {"outputs": 2}], ids=str)
@pytest.mark.parametrize("visits", VISITS)
def test_descent_in_floats(visits, options):
    """All updates are made in floats, and are the same as on arrays, to the digits of their gradients."""

    def f(w, x):
        h = tanh(dot(w[:2], x[:2], w[2]))
        return [(h - x[2]) * (h - x[2]), h, w[0] * w[1]]

    program = program_of(f, 3, 3, backend="numpy")
    purpose = "training" if "outputs" in options else "gradient"
    found, right = (
        training_of(program, [0.5, -0.25, 0.125], VISITS[visits], np.linspace(0.5, 0.1, 7), **options)
        for _ in range(2)
    )
    assert array_program(program, True, purpose)._scalars.descend(found) == 7
    assert array_program(program, False, purpose).train(right) == 7
    assert (found.row(0) != [0.5, -0.25, 0.125][: found.updated]).all()
    for name in ("state", "values", "noted", *["norms"] * found.careful):
        np.testing.assert_allclose(getattr(found, name), getattr(right, name), rtol=1e-12, err_msg=name)


@pytest.mark.parametrize("limit", [{"clip_norm": 0.1}, {"clip_value": 0.05}], ids=str)
def test_limits_of_the_gradient(limit):
    program = program_of(lambda w, x: tanh(dot(w[:2], x, w[2])), 3, 2, backend="numpy")
    found, right = (
        training_of(program, [0.5, -0.25, 0.125], VISITS["one after the other"], 0.5, **limit)
        for _ in range(2)
    )
    assert array_program(program, True, "gradient").train(found) == 7
    assert array_program(program, False, "gradient").train(right) == 7
    np.testing.assert_allclose(found.state, right.state, rtol=1e-12)


@pytest.mark.parametrize("careful", [False, True])
@pytest.mark.parametrize("visit", VISITS)
@pytest.mark.parametrize(
    "f",
    [lambda w, x: exp(w[0] * w[0]) + x[0], lambda w, x: w[0] * w[0] * w[0], lambda w, x: 1.0 / w[0]],
    ids=["raising", "becoming infinite", "of a pole"],
)
def test_a_training_that_diverges_ends_as_on_arrays(f, visit, careful):
    program = program_of(f, 1, 1, backend="numpy")
    found, right = (training_of(program, [1.5], VISITS[visit], 50.0, careful=careful) for _ in range(2))
    done = array_program(program, True, "gradient").train(found)
    assert done == array_program(program, False, "gradient").train(right)
    assert (done < 7) == (careful and not np.isfinite(right.values).all())
    for name in ("state", "values", *["norms"] * careful):
        np.testing.assert_allclose(
            getattr(found, name)[: done + 1], getattr(right, name)[: done + 1], rtol=1e-12
        )


# --- what runs -------------------------------------------------------------------------------------


def network(*widths):
    model, x = MLP(3, list(widths), activation="tanh", seed=0), [Value(0.0) for _ in range(3)]
    return sum(model(x)), model.parameters(), x


def test_the_source_shows_the_floats_where_they_run():
    small, wide = (compile(*network(width, 2), backend="numpy") for width in (2, 64))
    arrays, floats = small.source.split("\n\n\n")
    assert arrays.startswith("def prepare(B):")
    assert floats.startswith("def run(parameters, example):\n    [w0, w1, ")
    assert floats.count("= tanh(") == 2
    ast.parse(small.source)
    assert "example" not in wide.source
    assert "example" not in compile(*network(2, 2), backend="numpy", dtype=np.float32).source


def test_wide_programs_are_for_arrays():
    terms = lambda count: program_of(lambda w, x: sum([tanh(wi) for wi in w]), count, 0)._nodes(
        "numpy", "evaluate"
    )
    assert pays(terms(10))
    assert not pays(terms(100))


def test_cost_is_counted_in_operations():
    """A product of matrices has as many for each number as it adds up, and all else that is added up too."""
    x = Graph(100, 0).parameters
    square, column, row = (x.graph.reshape(x, shape) for shape in ((10, 10), (100, 1), (1, 100)))
    cheap = [x.graph.apply(TABLE["tanh"], [x.graph.gather(x, np.array([i]))]) for i in range(4)]
    assert pays(cheap)  # 104 operations for 5 calls
    for dear in (
        x.graph.matmul(square, x.graph.reshape(cheap[0], (1, 1)) * square),
        x.graph.outer(column, column),
        x.graph.outer(row, row),
        x.graph.reduce_sum(column, 0),
        x.graph.reduce_sum(row, 1),
        x.graph.reduce_max(column),
        x.graph.reduce_min(column),
        x.graph.leave_one_out_sum(column),
    ):
        assert not pays([*cheap, dear])


def test_long_sums_do_not_nest():
    """Of 3000 summands, and of as many shares of one gradient."""
    f = lambda w, x: sum([w[0] * xi for xi in x]) + dot([w[0]] * 3000, list(map(sin, x)))
    example = np.linspace(0.0, 1.0, 3000)
    found, right = in_both(program_of(f, 1, 3000), [0.5], example)
    assert_same(found, right, 1e-11)
    assert found[1][0] == pytest.approx(math.fsum(example) + math.fsum(np.sin(example)), rel=1e-11)


@pytest.mark.slow
def test_a_deep_program_is_written():
    f = lambda w, x: functools.reduce(lambda h, i: sin(h + w[i % 3] * x[0]), range(1200), w[0])
    program = program_of(f, 3, 1, backend="numpy")
    (values, gradients) = eager(f, [0.5, -0.25, 0.125], [[0.3]])
    value, gradient = program([0.5, -0.25, 0.125], [[0.3]])
    assert "example" in program.source
    assert value == pytest.approx(values[0], rel=1e-12)
    np.testing.assert_allclose(gradient, gradients[0], rtol=1e-12)


def test_results_are_new_arrays():
    w = [Value(1.0), Value(2.0)]
    program = compile(0.5 * (w[0] * w[0] + w[1] * w[1]), w, backend="numpy")
    point = np.array([3.0, 4.0])
    _, gradient = program(point)
    assert gradient.tolist() == point.tolist()
    gradient[0] = 7.0
    assert program(point)[1].tolist() == point.tolist() == [3.0, 4.0]


def test_threads_share_a_program():
    """Also where one of them is left to arrays, which have buffers."""
    program = program_of(lambda w, x: w[1] * log(w[0] * x[0]) + exp(w[1]), 2, 1, backend="numpy")
    points = [np.array([number, 0.25 * number]) for number in (0.0, 1.0, 2.0, 0.0, 3.0)]
    batch = np.array([[0.5]])
    right = [program(point, batch) for point in points]
    wrong = []

    def repeat(number):
        for _ in range(300):
            value, gradient = program(points[number], batch)
            if not np.array_equal([value, *gradient], [right[number][0], *right[number][1]], equal_nan=True):
                wrong.append(number)

    threads = [threading.Thread(target=repeat, args=(number,)) for number in range(len(points))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


# --- primitives of the user ------------------------------------------------------------------------


def rounding():
    """It gives an int, and its name is that of a variable in the source."""
    return primitive(partials=lambda y, x: 0.0, name="w0")(round)


def picky():
    """It raises where arrays have an answer."""
    return primitive(partials=lambda y, x: 0.5 / y, name="picky", array=np.sqrt)(math.sqrt)


def with_numpy():
    return primitive(partials=lambda y, x: y * np.float64(2.0), name="t1_0")(lambda x: np.exp(2.0 * x))


def of_two_sequences():
    return primitive(partials=lambda y, a, b: (list(b), list(a)), name="inner", vectors=(0, 1))(
        lambda a, b: math.fsum(ai * bi for ai, bi in zip(a, b))
    )


def middle():
    return primitive(
        partials=lambda y, a, b, c: (1.0, 0.0, 0.0),
        name="middle",
        select=lambda a, b, c: [a, b, c].index(sorted([a, b, c])[1]),
    )(lambda a, b, c: sorted([a, b, c])[1])


USERS = {
    "an int": (rounding, lambda row: lambda w, x: row(w[0]) * w[1] + row(x[0])),
    "one that raises": (picky, lambda row: lambda w, x: row(w[0] * x[0]) + w[1]),
    "with numpy": (with_numpy, lambda row: lambda w, x: row(w[0] * x[0]) * w[1]),
    "sequences": (of_two_sequences, lambda row: lambda w, x: row([w[0], w[1], 2.0], [x[0], w[0], w[1]])),
    "one that selects": (middle, lambda row: lambda w, x: where(x[0], row(w[0], w[1], x[0]), w[0])),
}


@pytest.mark.parametrize("user", USERS)
def test_primitives_of_the_user(user):
    make, use = USERS[user]
    f = use(make())
    program = program_of(f, 2, 1, backend="numpy")
    for w, x in itertools.product([[0.7, 2.6], [1.5, -0.25]], [[1.0], [0.4]]):
        assert program._program("numpy", "gradient")._scalars is not None
        value, gradient = program(w, [x])
        values, gradients = eager(f, w, [x])
        assert value == pytest.approx(values[0], rel=1e-14)
        np.testing.assert_allclose(gradient, gradients[0], rtol=1e-14)


def test_a_primitive_that_raises_is_answered_by_its_array_form():
    row = picky()
    program = program_of(lambda w, x: row(w[0]) + x[0], 1, 1, backend="numpy")
    value, gradient = program([-1.0], [[2.0]])
    assert math.isnan(value)
    assert np.isnan(gradient).all()
