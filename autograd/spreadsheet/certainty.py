"""What is wrong in a sheet whatever it leaves out: numbers that it does not state, digits that it cuts.

A number that stands nowhere is taken from the problem, or worked out, to judge the rest. That is one guess of
many, and a cell may differ for the guess alone. So before anything is called wrong, such a number becomes an
interval, and a cell with d decimals is one too. What is wrong then as well is wrong; of all else there is no
telling. In a right sheet every interval holds the true number, so nothing in it is ever called wrong.

The interval of a number u comes from the printed cells. Each is computed from the cells before it *as they
are printed*, so that it depends on few numbers that nobody wrote down. Where it depends on u alone, and
linearly, f(u) = y ± width gives u = (y − f(0)) / slope ± width / |slope|. In a right sheet all these
intervals overlap. Where they do not, the sheet is wrong, and u lies where most columns have it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import cast

import numpy as np

from ..symbolic import Apply
from .expected import Estimate, applied, shortest
from .grading import FOLLOWS, UNKNOWN, Judgement
from .inference import NO_CHANGE, Understanding
from .vocabulary import RATE

__all__ = ["Interval", "bettered", "guessed", "intervals", "reconsider"]

_GUESSES = ("assumed", "from the numbers", "from the updates", "by trying")
_OF_ANY_RATE = ("assumed: ", "from the updates, ")  # updates wrong at any rate, if nothing is rounded
_EXACT = 1e-12  # below it a number has all digits that count
_STRAIGHT = 1e-9  # how far three points of a line may be off it, relatively
_NEAR = 0.01  # of a rate: so near its guess what is no line is taken for one
_LOOK = 24  # rows by which numbers are bounded
_ROUNDS = 4  # each number that is bounded helps to bound others
_WIDEST = 0.1  # from there on an interval is none: widths are added as if formulas were straight
_RANGE = np.linspace(-40.0, 40.0, 81)  # where a function of one number is inverted
_HALVINGS = 60


@dataclass(frozen=True)
class Interval:
    """Where a number lies that the sheet does not state; all numbers if nothing bounds it."""

    low: float = -math.inf
    high: float = math.inf

    @property
    def middle(self) -> float:
        return 0.5 * (self.low + self.high)

    @property
    def radius(self) -> float:
        return 0.5 * (self.high - self.low)

    @property
    def is_narrow(self) -> bool:
        return self.radius <= _WIDEST * max(1.0, abs(self.middle))

    def estimate(self, like: Estimate, wide: bool = True) -> Estimate:
        """The number and how far it may be off, in the shape of another; not known if that is far.

        Unless `wide`, the number with the fewest digits there, which is likely the one that was chosen.
        """
        short = None if wide else shortest(self.middle, self.radius)
        number, error = (self.middle, self.radius) if short is None else (short, 0.0)
        if not self.is_narrow:
            number, error = math.nan, 0.0
        return Estimate(np.full_like(like.value, number), np.full_like(like.error, error))


def guessed(found: Understanding) -> list[str]:
    """The numbers that the sheet does not state, and on which it is judged all the same."""
    names = [name for name, source in found.sources.items() if source in _GUESSES]
    if found.sources.get(RATE, "").startswith(_OF_ANY_RATE) and found.table.is_rounded:
        names.append(RATE)
    if found.after:  # the weights before the first row's update
        names += [name for name in found.problem.weights if name not in found.sources]
    known = {*found.given} if found.rate is None else {*found.given, RATE}
    return [name for name in names if name in known]


def reconsider(found: Understanding, judged: Judgement, known: Mapping[str, Interval]) -> None:
    """Call no cell wrong that is wrong only if the guesses are exact; `known` bounds them."""
    if not known and not found.table.is_rounded:
        return
    loose = replace(found, table=found.table.loosened())
    sure = _with(loose, known).judged(as_printed=bool(known))
    none_left = not sure.wrong_columns
    stays = found.network.trained if _stays(found) else ()
    for name, column in judged.columns.items():
        if name in stays:
            continue
        # A text in place of a number is wrong in any case.
        differs = (column.states >= FOLLOWS) & ~np.isnan(column.printed.value)
        states = sure.columns[name].states
        column.doubtful = differs & ((states < FOLLOWS) | none_left)
        column.states[differs & (states == FOLLOWS)] = FOLLOWS
        column.states[column.doubtful] = UNKNOWN


def _stays(found: Understanding) -> bool:
    """Whether the weights stay beyond their printed digits: a column with all digits does too."""
    if found.sources.get(RATE) != NO_CHANGE or len(found.table.rows) < 2:
        return False
    columns = [each for name, each in found.table.columns.items() if name in found.network.formulas]
    return any(bool((each.slack < _EXACT).all()) and np.ptp(each.values) == 0.0 for each in columns)


def bettered(found: Understanding, known: Mapping[str, Interval]) -> Understanding | None:
    """The same with other numbers for guesses that do not lie where they must; None if all do.

    No learning rate that may be 0 or less is taken: it explains weights that stay, or that go uphill.
    """
    off = {
        name: each
        for name, each in known.items()
        if each.is_narrow and not each.low <= _guess(found, name) <= each.high
        if name != RATE or each.low > 0.0
    }
    sources = found.sources | dict.fromkeys(off, "from the numbers")
    return replace(_with(found, off, wide=False), sources=sources) if off else None


# --- where a number lies ---------------------------------------------------------------------------


def intervals(found: Understanding) -> dict[str, Interval]:
    """Of each number that was guessed where it lies, by what the sheet prints.

    Not of a learning rate that could only be 0 or less: no right sheet has one, so the guess is what judges.
    """
    names = guessed(found)
    known = dict.fromkeys(names, Interval())
    loose = replace(found, table=found.table.loosened())
    for _ in range(_ROUNDS if names else 0):
        before = dict(known)
        for name in names:
            new = _most_voted(list(_votes(loose, known, name)), _guess(found, name))
            if new.radius < known[name].radius:
                known[name] = new
        if known == before:
            break
    if RATE in known and known[RATE].high <= 0.0:
        del known[RATE]
    return known


def _guess(found: Understanding, name: str) -> float:
    each = found.rate if name == RATE else found.given[name]
    assert each is not None
    return float(each.value[0])


def _with(found: Understanding, known: Mapping[str, Interval], wide: bool = True) -> Understanding:
    """The same with these numbers in place of those that were guessed."""
    old = found.given if found.rate is None else {**found.given, RATE: found.rate}
    new = {**old, **{name: each.estimate(old[name], wide) for name, each in known.items() if name in old}}
    rate = new.pop(RATE, None)
    return replace(found, given=new, rate=rate)


def _votes(
    found: Understanding, known: Mapping[str, Interval], name: str
) -> Iterator[tuple[Interval, float]]:
    """Where each printed cell that depends on a number has it, and how much that counts: a column 1."""
    place = known[name].middle if known[name].is_narrow else _guess(found, name)
    repeated = name == RATE and found.gap > 1
    step = 1e-4 * abs(place) if repeated else 1.0
    without = _with(found, {**known, name: Interval()}).judged(_LOOK, as_printed=True)
    reading = {each: without[each].full for each in without.columns if each in without}
    points = [
        _with(found, {**known, name: Interval(x, x)}).judged(_LOOK, reading=reading)
        for x in (place, place + step, place + 2.0 * step)
    ]
    for column, printed in _printed(points[0]):
        first, second, third = (each[column].computed for each in points)
        slope = (second.value - first.value) / step
        bend = np.abs(third.value - 2.0 * second.value + first.value)
        size = np.abs(first.value) + np.abs(second.value) + np.abs(third.value)
        moves = np.abs(slope) * step > _STRAIGHT * size + 1e-300
        off = (printed.value - first.value) / slope
        spread = first.error + second.error  # by as much the width grows with u, at most
        width = printed.error + first.error + (0.0 if repeated else np.abs(off) * spread)
        steep = np.abs(slope) - (0.0 if repeated else spread)
        radius = 1.5 * width / steep + 4e-15 * (abs(place) + np.abs(off))
        straight = np.abs(off) <= _NEAR * abs(place) if repeated else bend <= _STRAIGHT * size
        usable = moves & straight & (steep > 0.5 * np.abs(slope)) & np.isfinite(off) & np.isfinite(radius)
        usable &= ~points[0][column].taken
        rows = np.flatnonzero(usable)
        for row in rows:
            there = place + float(off[row])
            yield Interval(there - float(radius[row]), there + float(radius[row])), 1.0 / len(rows)


def _printed(judged: Judgement) -> Iterator[tuple[str, Estimate]]:
    """What is printed of quantities that are computed; of h1 also what σ(h1) tells, if only that is."""
    for name, column in judged.columns.items():
        yield name, column.printed
        inside = judged.network.inside(name)
        if inside and inside not in judged.columns:
            yield inside, _inverse(cast(Apply, judged.network.formulas[name]), column.printed)


def _inverse(formula: Apply, printed: Estimate) -> Estimate:
    """Where a function of one number has these values, if it only ever grows; else nan."""
    if (np.diff(applied(formula, [_RANGE])) < 0.0).any():
        return Estimate(np.full_like(printed.value, math.nan), printed.error)
    ends = []
    for value in (printed.value - printed.error, printed.value + printed.error):
        low, high = np.full_like(value, _RANGE[0]), np.full_like(value, _RANGE[-1])
        for _ in range(_HALVINGS):
            middle = 0.5 * (low + high)
            below = applied(formula, [middle]) < value
            low, high = np.where(below, middle, low), np.where(below, high, middle)
        ends.append(0.5 * (low + high))
    inside = (ends[0] > 0.9 * _RANGE[0]) & (ends[1] < 0.9 * _RANGE[-1])
    return Estimate(np.where(inside, 0.5 * (ends[0] + ends[1]), math.nan), 0.5 * (ends[1] - ends[0]))


def _most_voted(votes: list[tuple[Interval, float]], guess: float) -> Interval:
    """Where most of the votes overlap; of several such places the one that has the guess."""
    if not votes:
        return Interval()
    lows, highs, weights = np.array([(each.low, each.high, weight) for each, weight in votes]).T
    ends = np.unique([lows, highs])
    counts = np.zeros(len(ends))  # of the votes that have all from one end to the next
    np.add.at(counts, np.searchsorted(ends, lows), weights)
    np.subtract.at(counts, np.searchsorted(ends, highs), weights)
    counts = np.cumsum(counts).round(9)
    most = np.flatnonzero(counts == counts.max())
    best = next((turn for turn in most if ends[turn] <= guess <= ends[turn + 1]), most[0])
    return Interval(float(ends[best]), float(ends[best + 1]))
