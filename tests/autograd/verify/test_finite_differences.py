"""The numeric judge, itself judged by mpmath: right within its error estimate, and the estimate small."""

import math

import pytest

from autograd.verify.finite_differences import SAFETY, finite_differences
from tests.support.oracle import mp, mpf


def guarded(f):
    """A function of math as the judge sees one: a list of outputs, nan outside the domain, inf beyond."""

    def values(x):
        try:
            return [float(f(math, x))]
        except OverflowError:
            return [math.inf]
        except (ValueError, ZeroDivisionError):
            return [math.nan]

    return values


def found(f, x, noise=None):
    values = guarded(f)
    return finite_differences(values, x, [math.ulp(values(x)[0]) if noise is None else noise])[0]


# f, its derivative, x, and the relative error that the estimate must not exceed: `F` is math or mpmath.
SMOOTH = {
    "exp": (lambda F, x: F.exp(x), mp.exp, 1.0, 1e-9),
    "the tail of exp": (lambda F, x: F.exp(-x), lambda x: -mp.exp(-x), 20.0, 1e-9),
    "near overflow": (lambda F, x: F.exp(x), mp.exp, 709.0, 1e-9),
    "near underflow": (lambda F, x: F.exp(x), mp.exp, -700.0, 1e-9),
    "a large square": (lambda F, x: x * x, lambda x: 2 * x, 3e7, 1e-9),
    "a subnormal square": (lambda F, x: x * x, lambda x: 2 * x, 1e-160, 1e-6),
    "linear and huge": (lambda F, x: 1e300 * x, lambda x: mpf(1e300), 1.0, 1e-9),
    "the largest input": (lambda F, x: x / 2, lambda x: mpf(0.5), 1.7e308, 1e-9),
    "near the end of a domain": (lambda F, x: F.sqrt(x), lambda x: 0.5 / mp.sqrt(x), 1e-3, 1e-9),
    "very near the end of a domain": (lambda F, x: F.sqrt(x), lambda x: 0.5 / mp.sqrt(x), 1e-300, 1e-6),
    "near another end": (lambda F, x: F.asin(x), lambda x: 1 / mp.sqrt(1 - x * x), 0.999999, 1e-7),
    "near a pole": (lambda F, x: F.log1p(x), lambda x: 1 / (1 + x), -0.99, 1e-9),
    "very near a pole": (lambda F, x: 1 / x, lambda x: -1 / (x * x), 1e-20, 1e-9),
    "steep": (lambda F, x: F.tan(x), lambda x: 1 / mp.cos(x) ** 2, 1.5, 1e-9),
    "many periods away": (lambda F, x: F.sin(x), mp.cos, 1e8, 1e-9),
    "a high power": (lambda F, x: x**50, lambda x: 50 * x**49, 1.3, 1e-9),
    "a quick change": (lambda F, x: F.tanh(1e6 * x), lambda x: 1e6 * mp.sech(1e6 * x) ** 2, 1e-7, 1e-9),
    "the scale of 1 at a tiny input": (lambda F, x: F.exp(x), mp.exp, 1e-160, 1e-9),
    "zero": (lambda F, x: F.sin(x), mp.cos, 0.0, 1e-9),
    "flat at zero": (lambda F, x: F.cos(x), lambda x: -mp.sin(x), 0.0, 0.0),
    "a kink just aside": (lambda F, x: abs(x - 1), lambda x: mpf(1), 1 + 1e-12, 1e-9),
    "a kink within most steps": (lambda F, x: x * x + abs(x - 1e-9), lambda x: mpf(-1), 0.0, 1e-9),
    "a kink beyond a flat part": (lambda F, x: max(x, 0.0), lambda x: mpf(0), -1e-12, 0.0),
}


@pytest.mark.parametrize("name", SMOOTH)
def test_right_within_a_small_error_estimate(name):
    f, derivative, x, accuracy = SMOOTH[name]
    exact = float(derivative(mpf(x)))
    slope = found(f, x)
    assert slope.derivative.agrees(exact)
    assert slope.derivative.error <= accuracy * abs(exact) + 1e-13 * (exact == 0)
    assert not slope.leaps
    assert slope.kink is None
    for side in (slope.below, slope.above):
        assert side.agrees(exact)


@pytest.mark.parametrize("name", SMOOTH)
@pytest.mark.parametrize("factor", [-1.0, 0.0, 1.001, 1 + 1e-5])
def test_another_derivative_does_not_agree(name, factor):
    f, derivative, x, _ = SMOOTH[name]
    exact = float(derivative(mpf(x)))
    assert found(f, x).derivative.agrees(factor * exact) == (exact == 0.0)


UNSETTLED = {
    "more than a period between floats": (lambda F, x: F.sin(x), 1e20, None),
    "few floats to a period": (lambda F, x: F.sin(x), 1e16, None),
    "noise as large as the values": (lambda F, x: (1e16 + x) - 1e16, 3.0, 2.0),
    "noise that scatters": (lambda F, x: (1e16 * x + x) - 1e16 * x, 0.0, None),
    "undefined": (lambda F, x: F.sqrt(x), -1.0, None),
    "infinite": (lambda F, x: math.inf, 1.0, None),
    "an infinite input": (lambda F, x: 1.0, math.inf, None),
    "no input": (lambda F, x: 1.0, math.nan, None),
    "steeper than float64": (lambda F, x: 1e-280 * math.copysign(1.0, x) / x, 1e-300, None),
}


@pytest.mark.parametrize("name", UNSETTLED)
def test_nothing_is_said_where_the_values_say_nothing(name):
    f, x, noise = UNSETTLED[name]
    slope = found(f, x, noise)
    assert slope.derivative is None or slope.derivative.error * SAFETY > abs(slope.derivative.value)


def test_coarse_values_give_a_large_error():
    slope = found(lambda F, x: 1e16 + x, 3.0)
    assert slope.derivative.agrees(1.0)
    assert slope.derivative.error > 1.0
    assert not slope.derivative.agrees(1e4)


@pytest.mark.parametrize(
    ("f", "x", "low", "high"),
    [
        (lambda F, x: max(x, 0.0), 0.0, 0.0, 1.0),
        (lambda F, x: abs(x), 0.0, -1.0, 1.0),
        (lambda F, x: -abs(x - 3e7), 3e7, -1.0, 1.0),
        (lambda F, x: max(F.sin(x), 1 - F.cos(x)), 0.0, 0.0, 1.0),
        (lambda F, x: F.sqrt(abs(x)), 0.0, -math.inf, math.inf),
        (lambda F, x: F.sqrt(x) if x > 0 else x, 0.0, 1.0, math.inf),
    ],
)
def test_a_kink_has_a_slope_on_either_side(f, x, low, high):
    kink = found(f, x).kink
    assert [side.value for side in kink] == pytest.approx([low, high], abs=1e-10)


def test_an_edge_has_one_side():
    for f, x, exact in [
        (lambda F, x: F.sqrt(x), 0.0, math.inf),
        (lambda F, x: F.asin(x), 1.0, math.inf),
        (lambda F, x: F.acos(x), 1.0, -math.inf),
        (lambda F, x: F.sqrt(x) ** 3, 0.0, 0.0),
        (lambda F, x: F.exp(x) if x >= 2 else math.nan, 2.0, math.exp(2.0)),
    ]:
        slope = found(f, x)
        assert slope.edge
        assert slope.central is None
        assert slope.derivative.agrees(exact)
        assert not slope.derivative.agrees(-exact or 1.0)


def test_an_infinite_derivative_is_told_from_a_leap():
    cube_root = lambda F, x: math.copysign(abs(x) ** (1 / 3), x)
    slope = found(cube_root, 0.0)
    assert slope.derivative.value == math.inf
    assert not slope.leaps
    assert slope.derivative.agrees(math.inf)
    assert slope.derivative.agrees(1e300)  # it may be finite, and larger than what the steps can show
    for wrong in (-math.inf, 0.0, 1e3, math.nan):
        assert not slope.derivative.agrees(wrong)
    for leap in (
        lambda F, x: 1.0 if x > 0 else 0.0,
        lambda F, x: x - 3 * (x < 0),
        lambda F, x: 1e-3 * (x == 0),
    ):
        assert found(leap, 0.0).leaps
    assert not found(lambda F, x: math.floor(x), 0.5).leaps


def test_several_outputs_share_the_calls():
    calls = []

    def f(x):
        calls.append(x)
        return [x * x, math.exp(x), 7.0]

    square, exponential, constant = finite_differences(f, 1.0, [0.0] * 3)
    assert square.derivative.agrees(2.0)
    assert exponential.derivative.agrees(math.e)
    assert constant.derivative.value == 0.0
    assert len(calls) == len(set(calls)) < 60


def test_the_error_estimate_is_not_exceeded():
    """Sums of waves at pseudo-random points: the error against the estimate, and the estimate itself."""
    for k in range(300):
        x = math.sin(k) * 10 ** (k % 5 - 3)
        f = lambda F, t, k=k: F.sin(t * (1 + k % 5)) + F.exp(F.cos(t)) / (2 + F.sin(t * k))
        rounding = 4 * math.ulp(3.0) + k * math.ulp(x)  # of the values, and of the products with t
        estimate = found(f, x, rounding).derivative
        exact = float(mp.diff(lambda t, f=f: f(mp, t), mpf(x)))
        assert abs(estimate.value - exact) <= estimate.error
        assert estimate.error < 1e-6 * (1 + abs(exact))
