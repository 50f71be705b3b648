"""Derivatives of a function of one number from its values alone, with an estimate of their error.

A difference quotient has two errors. One falls with the step h, as h² if the quotient is central; the other,
the rounding error of the values divided by h, grows. No single step suits both exp(−x) at 20 and x² at 3e7.
So quotients are taken at many steps, from a quarter of the number down to a few units in its last place, and
extrapolated to h = 0 (Richardson). The extrapolation with the smallest error estimate wins (Ridders), among
those that agree with all smaller steps, each within its own error: otherwise a step that is a multiple of a
period, or leaps over a kink, would seem to converge.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

__all__ = ["Derivative", "FiniteDifferences", "finite_differences"]

SAFETY = 4.0  # a right derivative may be off by this many estimated errors
RATIO = 0.13  # of a step to the one before; with a power of 2 all quotients would round alike
ORDERS = 6  # the order of the extrapolation
FARTHEST = 1e6  # extrapolations start at most at a step this many times as large
CLEAR = 8.0  # a slope of this many rounding errors is not 0
UNCLEAR = 1e-3  # values with noise above this share of their size say nothing
SETTLING = 0.6  # quotients settle if each change is at most this part of the change before
LAST = 4  # quotients of the smallest steps, which decide whether there is a limit


class Quotient(NamedTuple):
    """A slope between two points at a distance `span`, with a bound on its rounding error."""

    span: float
    slope: float
    rounding: float


@dataclass(frozen=True)
class Derivative:
    """A derivative and its estimated error; if the value is infinite, the quotients grew past `least`."""

    value: float
    error: float
    least: float = math.inf

    def agrees(self, derivative: float) -> bool:
        """Whether the derivative may be this one."""
        if math.isinf(self.value):
            return math.copysign(derivative, self.value) == derivative and abs(derivative) >= self.least
        return abs(derivative - self.value) <= SAFETY * self.error

    @property
    def low(self) -> float:
        """The smallest possible value."""
        return self.value if math.isinf(self.value) else self.value - SAFETY * self.error

    @property
    def high(self) -> float:
        """The largest possible value."""
        return self.value if math.isinf(self.value) else self.value + SAFETY * self.error


@dataclass(frozen=True)
class FiniteDifferences:
    """The evidence of the values around a point: ``None`` where they do not settle.

    Attributes
    ----------
    central : the derivative, from both sides at once.
    below, above : the one-sided derivatives.
    edge : whether the function is defined on one side only.
    leaps : whether it is not continuous.
    steepness : the largest |slope| from the point to any other point tried.
    """

    central: Derivative | None = None
    below: Derivative | None = None
    above: Derivative | None = None
    edge: bool = False
    leaps: bool = False
    steepness: float = 0.0

    @property
    def kink(self) -> tuple[Derivative, Derivative] | None:
        """The one-sided derivatives, the smaller first, if they differ by more than their errors."""
        if self.below is None or self.above is None:
            return None
        first, second = sorted((self.below, self.above), key=lambda side: side.value)
        return (first, second) if first.high < second.low else None

    @property
    def derivative(self) -> Derivative | None:
        """The best estimate: the central one, or at an edge the one-sided one."""
        return self.central or ((self.below or self.above) if self.edge else None)


def finite_differences(
    f: Callable[[float], Sequence[float]], x: float, noise: Sequence[float]
) -> list[FiniteDifferences]:
    """The derivatives at x of a function with several outputs; `noise` is the error of each at x."""
    steps = [h for h in _steps(x) if abs(x) + h < math.inf]
    points = [(h, x - h, x + h, f(x - h), f(x + h)) for h in steps]
    return [
        _from_points(x, fx, [(h, a, b, fa[i], fb[i]) for h, a, b, fa, fb in points], noise[i])
        if math.isfinite(fx)
        else FiniteDifferences()
        for i, fx in enumerate(f(x))
    ]


def _steps(x: float) -> list[float]:
    """Steps in the scale of 1 and of x, down to the spacing of the floats at x."""
    step = max(1.0, abs(x)) / 4
    smallest = 2 * math.ulp(x) if x else 2.0**-54
    steps = []
    while step > smallest:
        steps.append(step)
        step *= RATIO
    return steps if len(steps) < 50 else steps[:20] + steps[-26:]


def _from_points(
    x: float, fx: float, points: Sequence[tuple[float, float, float, float, float]], noise: float
) -> FiniteDifferences:
    sizes = [abs(y) for y in (fx, *[y for *_, fa, fb in points for y in (fa, fb)]) if math.isfinite(y)]
    if noise > UNCLEAR * max(sizes):
        return FiniteDifferences()

    def quotient(a: float, fa: float, b: float, fb: float, bend: float = 0.0) -> Quotient:
        rise = fb - fa
        slope = rise / (b - a) if math.isfinite(rise) else (fb / 2 - fa / 2) / ((b - a) / 2)
        rounding = (2 * noise + 4 * (math.ulp(fa) + math.ulp(fb))) / (b - a) + 4 * math.ulp(slope)
        return Quotient(b - a, slope, rounding + abs(bend))

    central, below, above = [], [], []
    for h, a, b, fa, fb in points:
        if math.isfinite(fb):
            above.append(quotient(x, fx, b, fb))
        if math.isfinite(fa):
            below.append(quotient(a, fa, x, fx))
        if math.isfinite(fa) and math.isfinite(fb):
            # Where x ± h are rounded, x is not quite in the middle: the curvature adds an error.
            shift = abs((b - x) - (x - a)) / 2 + (math.ulp(h) if h > abs(x) else 0.0)
            central.append(quotient(a, fa, b, fb, ((fb - fx) / h - (fx - fa) / h) * (shift / h)))
    sides = [abs(each.slope) for each in below + above if CLEAR * each.rounding < abs(each.slope) < math.inf]
    return FiniteDifferences(
        _limit(central, 2),
        _limit(below, 1),
        _limit(above, 1),
        edge=(len(below) > LAST) != (len(above) > LAST),
        leaps=_leaps(below) or _leaps(above),
        steepness=max(sides, default=0.0),
    )


def _limit(quotients: Sequence[Quotient], power: int) -> Derivative | None:
    """The limit of quotients whose error is a series in the span to that power, as the span → 0."""
    if not all(math.isfinite(each.slope) for each in quotients[-LAST:]):
        return None
    quotients = [each for each in quotients if math.isfinite(each.slope)]
    last = len(quotients) - 1
    if last < LAST:
        return None
    pairs = list(itertools.pairwise(quotients))
    gaps = [abs(one.slope - other.slope) for one, other in pairs]
    noise = [one.rounding + other.rounding for one, other in pairs]
    for k in range(last - LAST + 1, last):
        if gaps[k] > max(SETTLING * gaps[k - 1], SAFETY * noise[k]):
            return _growth(quotients)
    table = _extrapolations(quotients, power)
    best: Derivative | None = None
    low, high = -math.inf, math.inf  # the range that the smaller steps allow
    for k in range(last - 1, 0, -1):
        for j, (value, rounding) in enumerate(table[k][: len(table[k + 1])]):
            neighbours = table[k + 1][j], table[k - 1][max(j - 1, 0)], table[k][max(j - 1, 0)]
            error = max(abs(value - other) for other, _ in neighbours) + rounding
            if low - error <= value <= high + error and (best is None or error < best.error):
                best = Derivative(value, error)
        slope, within = quotients[k + 1].slope, 2 * (gaps[k] + noise[k])
        low, high = max(low, slope - within), min(high, slope + within)
    return best


def _extrapolations(quotients: Sequence[Quotient], power: int) -> list[list[tuple[float, float]]]:
    """Neville's table: the extrapolation to 0 and its rounding error, by step and order."""
    table: list[list[tuple[float, float]]] = []
    for k, (span, slope, rounding) in enumerate(quotients):
        row = [(slope, rounding)]
        for j, (coarser, coarser_error) in enumerate(table[-1][:ORDERS] if table else [], 1):
            larger = quotients[k - j].span / span
            if larger > FARTHEST:
                break
            (value, error), ratio = row[-1], larger**power
            value += (value - coarser) / (ratio - 1)
            row.append((value, (ratio * error + coarser_error) / (ratio - 1)))
        table.append(row)
    return table


def _growth(quotients: Sequence[Quotient]) -> Derivative | None:
    """An infinite derivative, if the quotients keep growing, though less than at a leap."""
    last = [each.slope for each in quotients[-LAST:]]
    if all(a != 0.0 and 1.1 < b / a < 0.9 / RATIO for a, b in itertools.pairwise(last)):
        return Derivative(math.copysign(math.inf, last[-1]), 0.0, abs(last[-1]))
    return None


def _leaps(quotients: Sequence[Quotient]) -> bool:
    """Whether the rise of the function does not shrink with the step."""
    last = [each for each in quotients[-LAST:] if abs(each.slope) > CLEAR * each.rounding]
    rises = [abs(each.slope) * each.span for each in last]
    return len(rises) == LAST and min(rises) > 0.8 * max(rises)
