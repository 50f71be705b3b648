"""Loops of native code, whose lanes hold examples, or the rows of a single one."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd import Value, compile, dot, exp, logsumexp, relu, softmax, sum
from autograd.compiler import tuning
from tests.support.compiled import eager, needs_llvmlite, program_of
from tests.support.profiles import tries

pytestmark = needs_llvmlite

LENGTHS = st.sampled_from([1, 2, 3, 5, 7, 8, 9, 12, 15, 16, 17])  # around the lanes of a vector


@pytest.fixture(autouse=True)
def loops(monkeypatch):
    """Loops for programs that are so small that they would be straight code."""
    monkeypatch.setattr(tuning, "STRAIGHT", 0)
    monkeypatch.setattr(tuning, "STRAIGHT_ROWS", 0)


def sequence_model(positions, width, hidden, looks_back):
    """f(w, x): each position through a layer, then a mean of those before it, then a layer with shares."""

    def f(w, x):
        first, second, scale = w[: width * hidden], w[width * hidden : -hidden], w[-hidden:]
        rows = [x[i : i + width] for i in range(0, positions * width, width)]
        states = [
            [relu(dot(first[k * width : (k + 1) * width], row)) + 0.5 * scale[k] for k in range(hidden)]
            for row in rows
        ]
        if looks_back:
            states = [
                [dot(softmax([dot(state, other) for other in states[: t + 1]]), column[: t + 1])
                 for column in zip(*states)]
                for t, state in enumerate(states)
            ]  # fmt: skip
        scores = [
            [dot(second[k * hidden : (k + 1) * hidden], state) for k in range(width)] for state in states
        ]
        shares = [exp(each[0] - logsumexp(each)) * scale[t % hidden] for t, each in enumerate(scores)]
        return sum(shares) + sum([scores[t][k] * x[t] for t in range(positions) for k in range(width)])

    return f, 2 * width * hidden + hidden, positions * width


@tries(12)
@given(LENGTHS, LENGTHS, LENGTHS, st.booleans(), st.integers(0, 2**32 - 1))
def test_rows_in_lanes_have_the_numbers_of_the_engine(positions, width, hidden, looks_back, seed):
    """One example, and a few that are taken one by one; with matrices of every shape around a vector's."""
    f, P, inputs = sequence_model(positions, width, hidden, looks_back)
    rng = np.random.default_rng(seed)
    w, batch = 0.5 * rng.standard_normal(P), rng.standard_normal((3, inputs))
    values, gradients = eager(f, w, batch)
    program = program_of(f, P, inputs, backend="llvm")
    for B in (1, 3):
        value, gradient = program(w, batch[:B])
        assert value == pytest.approx(values[:B].mean(), rel=1e-11, abs=1e-12)
        size = np.abs(gradients).max()
        np.testing.assert_allclose(gradient, gradients[:B].mean(0), rtol=1e-10, atol=1e-12 * size)


@tries(4)
@given(LENGTHS, LENGTHS, LENGTHS, st.booleans(), st.sampled_from([4, 11, 17, 40]), st.integers(0, 2**32 - 1))
def test_examples_in_lanes_have_the_numbers_of_arrays(positions, width, hidden, looks_back, B, seed):
    f, P, inputs = sequence_model(positions, width, hidden, looks_back)
    rng = np.random.default_rng(seed)
    w, batch = 0.5 * rng.standard_normal(P), rng.standard_normal((B, inputs))
    value, gradient = program_of(f, P, inputs, backend="llvm")(w, batch)
    other, right = program_of(f, P, inputs, backend="numpy")(w, batch)
    assert value == pytest.approx(other, rel=1e-11, abs=1e-12)
    np.testing.assert_allclose(gradient, right, rtol=1e-10, atol=1e-12 * np.abs(right).max())


@tries(8)
@given(st.lists(st.integers(1, 9), min_size=5, max_size=9), st.integers(0, 2**32 - 1))
def test_sums_of_many_lengths_have_the_numbers_of_the_engine(lengths, seed):
    """The recorded sums are padded to one length; native code skips the padding."""
    rng = np.random.default_rng(seed)
    P, inputs = 6, 7
    taken = [(rng.integers(P, size=n), rng.integers(inputs, size=n)) for n in lengths]

    def f(w, x):
        squares, shares = [each * each for each in w], softmax(x)
        return sum(
            exp(dot([squares[i] for i in left], [shares[j] for j in right]) + sum([squares[i] for i in left]))
            for left, right in taken
        )

    w, batch = 0.3 * rng.standard_normal(P), rng.standard_normal((20, inputs))
    values, gradients = eager(f, w, batch)
    program = program_of(f, P, inputs, backend="llvm")
    for B in (1, 9, 20):
        value, gradient = program(w, batch[:B])
        assert value == pytest.approx(values[:B].mean(), rel=1e-12)
        np.testing.assert_allclose(gradient, gradients[:B].mean(0), rtol=1e-11, atol=1e-13)


EDGES = [0.0, -0.0, np.inf, -np.inf, np.nan, -1.0, 5e-324, 1e-310, 3e-206, 1e206, 1.7e308]


@tries(20)
@given(
    st.sampled_from([-1.5, -0.5, 0.5, 1.5]),
    st.lists(st.one_of(st.sampled_from(EDGES), st.floats(0.0, 1e300)), min_size=1, max_size=9),
)
def test_powers_that_are_roots_are_those_of_the_c_library(exponent, numbers):
    x = Value(1.0)
    program = compile(x**exponent, [], [x], backend="llvm")._program("llvm", "evaluate", "parameters")
    batch = np.array(numbers)[:, None]
    found, _ = program.table(np.empty(0), batch, None, (1,), None)
    with np.errstate(all="ignore"):
        right = np.power(
            batch, np.full_like(batch, exponent)
        )  # of a single exponent numpy makes its own root
    assert not np.signbit(found[~np.isnan(right)]).any()
    np.testing.assert_allclose(found, right, rtol=4e-16, atol=5e-324)
