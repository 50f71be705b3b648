"""Softmax, its logarithm and the normalizer, compiled: all the results of a set at once."""

import math

import mpmath
import numpy as np
import pytest

from autograd import log_softmax, logsumexp, softmax, sum
from autograd.compiler import tuning
from tests.support.compiled import backends, eager, program_of
from tests.support.profiles import slow

inf, nan = math.inf, math.nan
FAMILIES = {
    "softmax": softmax,
    "log_softmax": log_softmax,
    "logsumexp": lambda values: [logsumexp(values)],
}
families = pytest.mark.parametrize("family", FAMILIES)
MEASURES = [1.0, -0.5, 2.0, 0.25]


def measured(family, count):
    """One number that depends on each result differently, of parameters that are added to inputs."""

    def f(w, x):
        results = FAMILIES[family]([a + b for a, b in zip(w, x)])
        return sum([MEASURES[i % 4] * result for i, result in enumerate(results)])

    return f


def agrees(family, batch, backend, accuracy=1e-12):
    """Of each example the results, and of the whole batch the value and the gradient, are the eager ones."""
    count = len(batch[0])
    results = program_of(
        lambda w, x: FAMILIES[family]([a + b for a, b in zip(w, x)]), count, count, backend=backend
    )
    expected = [[float(value) for value in FAMILIES[family](list(map(float, example)))] for example in batch]
    zeros = np.full(count, -0.0)
    np.testing.assert_allclose(results.evaluate(zeros, batch), expected, rtol=accuracy)
    f = measured(family, count)
    values, gradients = eager(f, zeros, batch)
    with np.errstate(invalid="ignore"):
        value, gradient = program_of(f, count, count, backend=backend)(zeros, batch)
        np.testing.assert_allclose(value, values.mean(), rtol=accuracy)
        np.testing.assert_allclose(gradient, gradients.mean(axis=0), rtol=accuracy, atol=1e-15)


SPECIAL = [
    (inf, 0.0, 1.0),
    (0.0, inf, -inf),
    (-inf, 0.0, 1.0),
    (-inf, -inf, -inf),
    (nan, 0.0, 1.0),
    (0.0, nan, inf),
    (1e306, -1e306, 0.0),
    (-0.0,),
    (3.0,),
]


@backends
@families
@pytest.mark.parametrize("example", SPECIAL)
def test_special_values_are_the_eager_ones(example, family, backend):
    """And stay in their own example: 0 · nan within a matrix product is nan."""
    ordinary = tuple(np.linspace(-1.0, 2.0, len(example)))
    for count in (1, 3, 20):
        agrees(family, [example] * count, backend)
    program = program_of(lambda w, x: FAMILIES[family](x), 0, len(example), backend=backend)
    alone = program.evaluate([], [ordinary] * 2)
    np.testing.assert_array_equal(program.evaluate([], [ordinary, example, ordinary])[[0, 2]], alone)


@backends
@families
def test_of_a_single_argument_the_results_are_the_eager_ones(family, backend):
    examples = [[inf], [-inf], [nan], [1e308], [0.0]]
    expected = [FAMILIES[family](example) for example in examples]
    program = program_of(lambda w, x: FAMILIES[family](x), 0, 1, backend=backend)
    np.testing.assert_array_equal(program.evaluate([], examples), expected)


@backends
@families
def test_ties_for_the_largest_are_the_eager_ones(family, backend):
    close = math.nextafter(2.0, 3.0)
    agrees(family, [(2.0, 2.0, 1.0), (0.0, 0.0, 0.0), (-1.0, 5.0, 5.0), (2.0, close, 2.0)], backend)


@backends
@pytest.mark.parametrize("gap", [0.5, 5.0, 30.0, 40.0, 300.0, 700.0])
def test_what_is_not_the_largest_keeps_its_digits(gap, backend):
    """ln Σ eˣ beside the largest is ln(1 + r): r is not what is left of 1 + r, which may be nothing."""
    batch = np.array([[0.0, -gap, -gap - 1.0], [-gap, -2.0 * gap, 0.0]])
    with mpmath.workdps(40):
        rests = [mpmath.fsum([mpmath.exp(x) for x in example if x != 0.0]) for example in batch]
        logarithms = np.array([float(mpmath.log1p(rest)) for rest in rests])
        slopes = np.array([float(rest / (1 + rest)) for rest in rests])  # of ln p for the largest
    for f, sign in (lambda w, x: logsumexp(x), 1.0), (lambda w, x: log_softmax(x)[0], -1.0):
        got = program_of(f, 0, 3, backend=backend).evaluate([], batch[:1])[:, 0]
        np.testing.assert_allclose(got, sign * logarithms[:1], rtol=1e-15)
    got = program_of(lambda w, x: log_softmax(x)[2], 0, 3, backend=backend).evaluate([], batch[1:])[:, 0]
    np.testing.assert_allclose(got, -logarithms[1:], rtol=1e-15)
    for place in (0, 2):
        program = program_of(lambda w, x, i=place: log_softmax(w)[i], 3, 0, backend=backend)
        slope = program(batch[place // 2])[1][place]
        assert slope == pytest.approx(slopes[place // 2], rel=1e-15)


@families
@pytest.mark.parametrize(("most", "count"), [(20, 21), *slow([(256, 256), (256, 257), (256, 400)])])
def test_many_arguments(most, count, family, monkeypatch):
    """Beyond a number of them without a matrix."""
    monkeypatch.setattr(tuning, "NUMPY_SQUARE", most)
    rng = np.random.default_rng(count)
    agrees(family, rng.normal(scale=5.0, size=(3, count)), "numpy")
    agrees(family, [np.where(np.arange(count) == 7, inf, 0.5)] * 3, "numpy")
