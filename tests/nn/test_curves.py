"""Loss curves made up, and what is read from them."""

import math

import numpy as np
import pytest

from nn import LossCurve

GOAL = 0.1
EPOCHS = np.arange(50)


@pytest.mark.parametrize(
    ("losses", "expected"),
    [
        (0.99**EPOCHS, "too small"),
        (1.0 - 0.001 * EPOCHS, "too small"),
        (0.9**EPOCHS, "right"),
        (0.9**EPOCHS * (1.0 + 0.01 * (-1.0) ** EPOCHS), "right"),  # all rises together: a small ripple
        ([1.0, GOAL], "right"),
        (np.abs(0.9**EPOCHS * np.cos(EPOCHS)), "overshooting"),
        (0.9**EPOCHS + 0.2 * (EPOCHS == 10), "overshooting"),
        ([1.0, 5.0, 0.01], "overshooting"),  # it has arrived, but over the wall
        (1.1**EPOCHS, "divergent"),
        ([1.0, 0.5, math.inf], "divergent"),
        ([1.0, math.nan, 0.5], "divergent"),
        ([1.0, 0.01, 1.001], "divergent"),
        (np.ones(50), "stuck"),
        (0.5 + 0.5 * 0.5**EPOCHS, "stuck"),
        ([1.0], "stuck"),
        ([0.05], "right"),
        # The logarithm of a density has any sign.
        (-0.01 * EPOCHS - 1.0, "right"),
        (3.0 - 0.01 * EPOCHS, "too small"),
    ],
)
def test_the_verdict_on_a_curve(losses, expected):
    assert LossCurve(losses).verdict(GOAL) == expected


def test_the_verdict_does_not_depend_on_the_unit_of_the_loss():
    for curve in (0.99**EPOCHS, 0.9**EPOCHS, [1.0, 5.0, 0.01], 1.1**EPOCHS, np.ones(50)):
        scaled = [1e-6 * loss for loss in curve]
        assert LossCurve(scaled).verdict(1e-6 * GOAL) == LossCurve(curve).verdict(GOAL)


def test_a_curve_below_0_is_read_like_one_above():
    """As for the logarithm of a density: what is read goes by sizes, not by signs."""
    falling, still, bumpy = LossCurve(-1.0 - EPOCHS), LossCurve([-2.0] * 30), LossCurve([-1.0, -3.0, -2.0])
    assert (falling.verdict(-100.0), falling.rises(), falling.plateau()) == ("too small", [], None)
    assert (still.verdict(-100.0), still.rises(), still.plateau()) == ("stuck", [], (1, 30))
    assert (bumpy.verdict(-100.0), bumpy.rises()) == ("overshooting", [3])
    assert LossCurve([0.0] * 30).verdict(-1.0) == "stuck"


@pytest.mark.parametrize("end", [[math.inf], [math.inf] * 15, [math.nan] * 15, [-1e308, 1.7e308]])
def test_a_curve_that_left_the_finite_numbers_is_read_in_silence(end):
    curve = LossCurve([1.0] * 15 + end)
    assert (curve.verdict(GOAL), curve.plateau()) == ("divergent", (1, 15))
    assert curve.overshoots is not bool(np.isnan(end).any())
    assert curve.rises() == ([] if np.isnan(end).any() else [15 + len(end) if end[0] < 0.0 else 16])


def test_one_loss_has_no_peak():
    with pytest.raises(ValueError, match="a peak needs a loss after the first update"):
        LossCurve([1.0]).peak()


def test_no_loss_gets_no_verdict():
    for losses in ([], 1.0, [[1.0]]):
        with pytest.raises(ValueError, match="a loss curve needs at least one loss, got shape"):
            LossCurve(losses)


def test_rounding_is_no_rise():
    assert LossCurve([1.0, 1e-20, 3e-20, 1e-21]).rises() == []
    assert LossCurve([1.0, 1e-3, 3e-3, 1e-4]).rises() == [3]


def test_a_ripple_rises_and_is_no_overshoot():
    """The verdict and the fact agree: what overshoots is one rule."""
    ripple = LossCurve(0.9**EPOCHS * (1.0 + 0.01 * (-1.0) ** EPOCHS + 0.2 * (EPOCHS == 30)))
    assert ripple.rises()
    assert not ripple.overshoots
    assert ripple.verdict(GOAL) == "right"
    assert LossCurve([1.0, 0.5, 0.61, 0.1]).overshoots
    assert not LossCurve([1.0, 0.5, 0.59, 0.1]).overshoots


def test_the_peak_is_that_after_the_first_update():
    assert LossCurve([9.0, 1.0, 5.0, 2.0]).peak() == 3


def test_how_long_the_loss_takes_to_come_down():
    curve = LossCurve(0.5**EPOCHS)
    assert (curve.updates_to(0.1), curve.updates_to(1.0), curve.updates_to(1e-30)) == (4, 0, None)


@pytest.mark.parametrize(
    ("losses", "stretch"),
    [
        ([1.0] + [0.25] * 30 + [0.01, 0.001], (2, 31)),
        ([1.0] + [0.25] * 9 + [0.01], None),  # nine epochs are too few
        ([1.0] + [0.25] * 10 + [0.01], (2, 11)),
        ([1.0] + [0.25] * 10 + [0.01 * 0.9**k for k in range(100)], None),  # ten of 111, too small a share
        ([1.0] + [1e-10] * 30, None),  # it has arrived
        (0.99**EPOCHS, None),
        ([0.5] * 10 + [0.3] * 20, (11, 30)),  # the longest
    ],
)
def test_a_plateau_is_long_and_above_nothing(losses, stretch):
    assert LossCurve(losses).plateau() == stretch
