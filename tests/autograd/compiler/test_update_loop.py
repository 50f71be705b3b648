"""A loop of updates leaves the last finite state, and the one before it, whichever back end runs it."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd import Training, exp, log
from autograd.compiler.update_loop import Clamp, Finite, Follow, Keep, Measure, Shorten
from tests.support.compiled import backends, program_of
from tests.support.profiles import tries

ROWS = {"plain": {}, "momentum": {"rule": lambda w, g, rate, memory: step(w, g, rate, memory)}}


def step(w, g, rate, memory):
    memory["v"] = 0.5 * memory["v"] + g
    return w - rate * memory["v"]


def training_of(program, numbers, batch, batches, rate, rule, **options):
    memory = {"v": np.zeros(len(numbers))} if rule == "momentum" else {}
    return Training.of(
        np.array(numbers), np.array(batch), batches, rate, memory, careful=True, **ROWS[rule], **options
    )


def one_by_one(program, batch, numbers, batches, rate, rule):
    """The states after each update, from a call of the program for each."""
    w, memory = np.array(numbers), {"v": np.zeros(len(numbers))}
    states = [(w, memory["v"])]
    for rows in batches:
        _, gradient = program(w, np.array(batch)[rows])
        w = step(w, gradient, rate, memory) if rule == "momentum" else w - rate * gradient
        states.append((w, memory["v"]))
    return states


@backends
@pytest.mark.parametrize("rule", ROWS)
@pytest.mark.parametrize("size", [1, 5])
def test_the_state_before_the_last_update_is_kept(backend, rule, size):
    """Also over several calls: a call that makes no update leaves it."""
    program = program_of(lambda w, x: (w[0] * x[0] - w[1]) ** 2, 2, 1, backend=backend)
    batch, rows = np.linspace(-1.0, 1.0, 20)[:, None], np.arange(20).reshape(4, 5)[:, :size]
    states = one_by_one(program, batch, [1.0, 2.0], list(rows), 0.1, rule)
    training = training_of(program, [1.0, 2.0], batch, list(rows), 0.1, rule)
    assert program.train(training) == 4
    for state, (w, v) in [(training.state, states[4]), (training.previous, states[3])]:
        assert state[:2] == pytest.approx(w, rel=1e-13)
        if rule == "momentum":
            assert state[4:] == pytest.approx(v, rel=1e-13)


@backends
@pytest.mark.parametrize("rule", ROWS)
def test_a_loss_that_is_lost_leaves_its_parameters_and_those_before(backend, rule):
    """log(w) at w < 0: the second update makes w negative, and the third finds the loss lost."""
    program = program_of(lambda w, x: log(w[0]) * x[0], 1, 1, backend=backend)
    batch, batches = np.array([[1.0], [1.0], [1.0]]), [np.array([i]) for i in range(3)]
    states = one_by_one(program, batch, [1.0], batches[:2], 0.8, rule)
    training = training_of(program, [1.0], batch, batches, 0.8, rule)
    assert program.train(training) == 2
    assert np.isnan(training.values[2])
    assert training.state[0] < 0.0
    assert training.state[0] == pytest.approx(states[2][0][0])
    assert training.previous[0] == pytest.approx(states[1][0][0])


@backends
@pytest.mark.parametrize("rule", ROWS)
def test_a_parameter_that_is_lost_leaves_the_state_before_that_update(backend, rule):
    program = program_of(lambda w, x: exp(w[0] * x[0]), 1, 1, backend=backend)
    batch, batches = np.array([[1.0], [700.0]]), [np.array([0]), np.array([1])]
    states = one_by_one(program, batch, [1.0], batches[:1], -1e5, rule)
    batch[1] = 700.0 / states[1][0][0]
    training = training_of(program, [1.0], batch, batches, [-1e5, -1e304], rule)
    assert program.train(training) == 1
    assert np.isfinite(training.values).all()
    for state in (training.state, training.previous):
        assert state[0] == pytest.approx(states[1][0][0])


@backends
def test_an_update_does_not_depend_on_how_a_training_is_cut(backend):
    """The last batch is smaller: alone it is computed as in one go, if the largest batch is named."""
    program = program_of(lambda w, x: exp(w[0] * x[0]) * w[1], 2, 1, backend=backend)
    batch = np.random.default_rng(0).normal(size=(35, 1))
    batches = [np.arange(0, 16), np.arange(16, 32), np.arange(32, 35)]
    whole = training_of(program, [0.5, 0.25], batch, batches, 0.1, "plain")
    program.train(whole)
    numbers = np.array([0.5, 0.25])
    for rows in batches:
        part = training_of(program, numbers, batch, [rows], 0.1, "plain", largest=16)
        program.train(part)
        numbers = part.state[:2].copy()
    assert numbers.tobytes() == whole.state[:2].tobytes()


LIMITS = st.none() | st.sampled_from([1e-3, 0.05, 10.0])


def by_hand(program, batch, numbers, batches, rate, rule, clip_value, clip_norm):
    """Parameters, lengths of the gradients and values, by plain Python on numbers."""
    w, v, norms, values = list(numbers), [0.0] * len(numbers), [], []
    for rows in batches:
        value, gradient = program(w, batch[rows])
        values.append(value)
        gradient = gradient.tolist()
        norms.append(math.hypot(*gradient))
        if clip_value is not None:
            gradient = [min(max(g, -clip_value), clip_value) for g in gradient]
        if clip_norm is not None:
            factor = min(1.0, clip_norm / (math.hypot(*gradient) + 1e-6))
            gradient = [g * factor for g in gradient]
        if rule == "momentum":
            gradient = v = [0.5 * old + g for old, g in zip(v, gradient)]
        w = [number - rate * g for number, g in zip(w, gradient)]
    return w, norms, values


@backends
@tries(60)
@given(
    rule=st.sampled_from(sorted(ROWS)),
    sizes=st.lists(st.integers(1, 9), min_size=1, max_size=4),
    clip_value=LIMITS,
    clip_norm=LIMITS,
    careful=st.booleans(),
)
def test_an_update_is_the_steps_in_their_order(backend, rule, sizes, clip_value, clip_norm, careful):
    program = PROGRAMS.setdefault(backend, program_of(forward, 3, 2, backend=backend))
    batch = np.random.default_rng(0).normal(size=(40, 2))
    batches = [np.arange(3 * i, 3 * i + size) for i, size in enumerate(sizes)]
    start, limits = [0.5, -0.25, 0.75], {"clip_value": clip_value, "clip_norm": clip_norm}
    memory = {"v": np.zeros(3)} if rule == "momentum" else {}
    training = Training.of(
        np.array(start), batch, batches, 0.1, memory, careful=careful, **ROWS[rule], **limits
    )
    assert program.train(training) == len(sizes)
    w, norms, values = by_hand(program, batch, start, batches, 0.1, rule, **limits)
    assert training.row(0) == pytest.approx(w, rel=1e-12)
    assert training.values == pytest.approx(values, rel=1e-12)
    if careful:
        assert training.norms == pytest.approx(norms, rel=1e-12)


PROGRAMS = {}


def forward(w, x):
    return (exp(w[0] * x[0]) * w[1] - w[2] * x[1]) ** 2


def test_the_steps_are_data():
    program = program_of(forward, 3, 2, backend="numpy")
    make = lambda **options: training_of(
        program, [1.0, 2.0, 3.0], np.ones((2, 2)), [np.arange(2)], 0.1, "plain", **options
    )
    steps = make(clip_norm=2.0, clip_value=0.5).steps
    follow = steps[5]
    assert steps == [Measure(), Finite(False), Keep(), Clamp(0.5), Shorten(2.0), follow, Finite(True)]
    assert isinstance(follow, Follow)
    assert [type(step) for step in make().steps] == [Measure, Finite, Keep, Follow, Finite]
