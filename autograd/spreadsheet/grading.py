"""What is right in a table and what is not, each row judged by its own weights.

A wrong ∂E/∂w3 makes the next w3 differ from a right sheet, and then everything. So nothing is compared with a
training run from the start: each row is computed anew from the inputs, targets and weights that stand in
it, and a weight from the row above it, by the gradients that are printed there. Errors within a row are told
apart the same way: a number that is right for wrong printed numbers before it follows from them and is no
mistake of its own.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ..symbolic import Expression, Symbol
from .expected import Array, Estimate, Network, evaluate, names_in, propagated
from .tables import Column, Table
from .vocabulary import RATE, derivative, split_derivative, updated

__all__ = ["FOLLOWS", "MISSING", "RIGHT", "UNKNOWN", "WRONG", "Judgement", "Premises", "Quantity", "exactly"]

MISSING, UNKNOWN, RIGHT, FOLLOWS, WRONG = range(5)
"""The states of a cell. UNKNOWN: there is nothing to compare it with. FOLLOWS: right for wrong numbers of
its own row."""

_FILLED = 1e-13  # what filling down a series of step 0 may add to a number, relatively

States = npt.NDArray[np.int8]
Flags = npt.NDArray[np.bool_]


def exactly(value: float, rows: int) -> Estimate:
    """A number that is known, for each row."""
    return Estimate(np.full(rows, value), np.zeros(rows))


class Quantity:
    """A quantity in every row of a table: arrays of shape (rows,).

    Attributes
    ----------
    printed : the numbers of its column; nan where there is none.
    texts : where the column holds a text or an error in place of a number.
    full : what formulas read of it.
    own : as its own row has it: as printed where that is wrong, else as computed.
    bad : where its own row has it wrong.
    right : what belongs in its column.
    computed : what its formula gives; of a weight, the update by the right gradient.
    states : the state of each cell of its column.
    taken : the cells that are taken as they stand, for nothing computes them.
    doubtful : the cells that differ and may be right all the same.
    """

    def __init__(self, count: int, column: Column | None = None) -> None:
        nothing, never = exactly(math.nan, count), np.zeros(count, bool)
        self.printed, self.texts = nothing, never
        if column is not None:
            self.printed = Estimate(column.values, column.slack).take(slice(0, count))
            self.texts = np.isin(np.arange(count), list(column.texts))
        self.full = self.own = self.right = self.computed = nothing
        self.bad = self.taken = self.doubtful = never
        self.states: States = np.full(count, MISSING, np.int8)

    @property
    def wrong(self) -> npt.NDArray[np.intp]:
        """The rows that are wrong by a mistake of their own."""
        return np.flatnonzero(self.states == WRONG)

    @property
    def agrees(self) -> Flags:
        """Where the column was computed anew and holds what was computed."""
        flags: Flags = (self.states == RIGHT) & ~self.taken
        return flags

    def fits(self, *possible: Estimate) -> Flags:
        """Whether the printed numbers are among those that may be right, as far as digits tell."""
        printed, found = self.printed, np.zeros(len(self.texts), bool)
        for right in possible:
            near = np.abs(printed.value - right.value) <= printed.error + right.error
            found |= near | (printed.value == right.value) | ~np.isfinite(right.value)
        return found

    @property
    def is_coarse(self) -> bool:
        """Whether so few digits are printed that one update of a weight may not show."""
        error = np.sort(self.printed.error)
        return bool(error[len(error) // 2] > 1e-12)

    def grade(self, right: Estimate, fits: Flags, follows: Flags, taken: Flags) -> None:
        """Fill in the states; cells that are `taken` as they stand need no computing."""
        self.right, self.taken = right, taken
        known = np.isfinite(right.value) & np.isfinite(right.error)
        empty, texts = np.isnan(self.printed.value), self.texts
        there = np.maximum.accumulate(~empty) & np.maximum.accumulate(~empty[::-1])[::-1]
        cases = [
            (texts & (taken | (known & ~follows)), WRONG),
            (texts & follows, FOLLOWS),
            (texts, UNKNOWN),
            (empty & there & known, WRONG),  # an empty cell in the middle
            (empty, MISSING),
            (taken, RIGHT),
            (~known, UNKNOWN),
            (fits, RIGHT),
            (follows, FOLLOWS),
        ]
        states = np.select([each for each, _ in cases], [state for _, state in cases], WRONG)
        self.states = states.astype(np.int8)


@dataclass(kw_only=True)
class Premises:
    """What a table is judged by."""

    table: Table
    network: Network
    given: dict[str, Estimate]  # what the table does not hold, and weights of the first row
    rate: Estimate | None = None  # of each row; None: it is not known, and no update is judged
    after: bool = False  # a row holds its weights after its own update
    gap: int = 1  # updates from one row to the next
    momentum: float = 0.0  # the factor μ in v ← μ v + ∂E/∂w, w ← w − η v

    def judged(self, rows: int | None = None, rate: Estimate | None = None, **how: Any) -> Judgement:
        return Judgement(self, rows, rate, **how)


class Judgement:
    """A table and what is right in it; `judged[name]` is a quantity that was computed or printed.

    Parameters
    ----------
    rows : how many rows to look at; all by default.
    rate : the learning rate in place of the known one.
    as_printed : whether formulas read what is printed, where that is more exact than what is computed or
        there is no computing it. In a right sheet that is the same number.
    reading : what formulas read of these quantities, whatever is computed.

    Attributes
    ----------
    columns : the quantities that have a column.
    """

    def __init__(
        self,
        known: Premises,
        rows: int | None = None,
        rate: Estimate | None = None,
        *,
        as_printed: bool = False,
        reading: Mapping[str, Estimate] | None = None,
    ) -> None:
        self.table, self.network = known.table, known.network
        self.after, self.gap, self.momentum = known.after, known.gap, known.momentum
        self.count = len(self.table.rows[:rows])
        here = slice(0, self.count)
        rate = rate or known.rate
        self.rate = None if rate is None else rate.take(here)
        self._as_printed, self._reading = as_printed, reading or {}
        self._given = {name: each.take(here) for name, each in known.given.items()}
        trained = self.network.trained
        self.columns = {
            name: Quantity(self.count, column)
            for name, column in self.table.columns.items()
            if name in self.network or name.removesuffix("'") in trained
        }
        self._quantities: dict[str, Quantity] = {}  # those that are computed, in order
        self._replays: dict[bytes, dict[str, Estimate]] = {}  # by learning rate
        self._leaves()
        for name, formula in self.network.formulas.items():
            self._settle(name, [formula], names_in(formula))
        self._gradients()
        self._updates()

    def __getitem__(self, name: str) -> Quantity:
        return self._quantities[name] if name in self._quantities else self.columns[name]

    def __contains__(self, name: str) -> bool:
        return name in self._quantities

    def _add(self, name: str) -> Quantity:
        each = self._quantities[name] = self.columns.get(name) or Quantity(self.count)
        return each

    def evaluated(self, formula: Expression, what: str = "full") -> Estimate:
        """The formula on the quantities as computed (`full`), or as their rows have them (`own`)."""
        known = {name: getattr(self[name], what) for name in names_in(formula)}
        return propagated(formula, known or {"": exactly(0.0, self.count)})

    def troubled(self, names: Iterable[str]) -> Flags:
        """Where any of these quantities is wrong in its row."""
        return functools.reduce(np.logical_or, (self[name].bad for name in names), self._all(False))

    def _all(self, flag: bool) -> Flags:
        return np.full(self.count, flag)

    @property
    def _first_row(self) -> Flags:
        flags: Flags = np.arange(self.count) == 0
        return flags

    # --- what is given in each row -----------------------------------------------------------------

    def _leaves(self) -> None:
        for name in self.network.leaves:
            self._add(name).full = self._leaf(name)
        for name in self._chosen():
            self[name].full.error[0] = 0.0
        holes = [
            name
            for name in self.network.trained
            if np.isnan(self[name].full.value).any() and self.moves(name)
        ]
        if holes and self.rate is not None and self.gap == 1 and not self.momentum:
            self._fill(holes)
        for name in self.network.leaves:
            leaf = self[name]
            leaf.own, leaf.bad = leaf.full, leaf.texts
            if name not in self.columns:
                continue
            if not self.moves(name):
                first = leaf.full.take(np.zeros(self.count, int))
                first.error += _FILLED * np.abs(first.value)
                leaf.grade(first, leaf.fits(first), self._all(False), self._first_row)
            elif name not in self.network.trained:  # another example in each row
                leaf.grade(leaf.full, self._all(True), self._all(False), self._all(True))

    def _leaf(self, name: str) -> Estimate:
        """What each row is given, nan for weights that it does not print."""
        trained, moves = name in self.network.trained, self.moves(name)
        held = name in self.columns
        later = name if held and self.after and moves else updated(name)
        first = self._given.get(name)
        if trained and later in self.columns and (later == name or (not held and first is not None)):
            start = (math.nan, 0.0) if first is None else (first.value[0], first.error[0])
            shown = self.columns[later].printed.moved_down(*start)
        elif held:
            shown = self.columns[name].printed
        else:
            known = self._given[name]
            unknown = trained and moves and ~self._first_row
            return Estimate(np.where(unknown, math.nan, known.value), known.error.copy())
        rows = np.arange(self.count)
        if not moves:  # what is given may stand in the first row only
            rows = np.maximum.accumulate(np.where(np.isnan(shown.value), 0, rows))
        found = shown.take(rows)
        if not trained:
            found.error[self._short(shown)] = 0.0
        return found

    def moves(self, name: str) -> bool:
        """Whether it changes: all weights do, a bias if there is a gradient for it, what is given if it does.

        Unless it grows by the same step in each row: that is a series filled down, where one number belongs.
        """
        if name in self.network.weights or self.network.gradient(name) in self.columns:
            return True
        if name not in self.columns:
            return False
        column = self.table.columns[name]
        there = ~np.isnan(column.values)
        values, slack = column.values[there], column.slack[there]
        if np.all(np.abs(values - values[:1]) <= slack + slack[:1]):
            return False
        steps = np.diff(values)
        series = len(steps) > 1 and np.allclose(steps, steps[0], rtol=1e-6, atol=0.0)
        return name in self.network.trained or not series

    @staticmethod
    def _short(shown: Estimate) -> Flags:
        """Which numbers have so few digits that somebody chose them: 0.15, also where 0.1500 is printed."""
        digits = np.floor(-np.log10(np.maximum(2.0 * shown.error, 1e-300)))
        return np.array(
            [
                math.isfinite(value) and round(value, max(int(count) - 2, 1)) == value
                for value, count in zip(shown.value, digits)
            ]
        )

    def _chosen(self) -> list[str]:
        """The weights that the first row prints, if they are numbers that somebody chose, and exact then.

        One of them may be short by chance, if they were drawn at random; hardly all.
        """
        shown = [
            name
            for name in self.network.trained
            if name in self.columns and not (self.after and self.moves(name))
        ]
        chosen = all(self._short(self[name].full.take(slice(0, 1)))[0] for name in shown)
        return shown if chosen else []

    def _fill(self, holes: list[str]) -> None:
        """Weights that a row does not print, from the row above it."""
        assert self.rate is not None
        network = self.network
        missing = np.any([np.isnan(self[name].full.value) for name in holes], axis=0)
        slopes = {name: network.gradient(name) for name in holes}
        for row in np.flatnonzero(missing[1:]):
            here = slice(row, row + 1)
            above = {name: self[name].full.take(here) for name in network.leaves}
            above[RATE] = self.rate.take(here)
            for name in (*network.formulas, *network.with_needed(slopes.values())):
                above[name] = propagated(network.formula(name), above)
            for name, slope in slopes.items():
                full = self[name].full
                if not math.isnan(full.value[row + 1]):
                    continue
                right, printed = above[slope], self.columns.get(slope)
                if printed is not None and not math.isnan(printed.printed.value[row]):
                    said = printed.printed.take(here)
                    off = np.abs(said.value - right.value) > said.error + right.error
                    above[slope] = said.where(off | ~(said.error >= right.error), right)
                after = propagated(network.update(name), above)
                full.value[row + 1], full.error[row + 1] = after.value[0], after.error[0]

    # --- the forward pass and the gradients --------------------------------------------------------

    def _gradients(self) -> None:
        network = self.network
        wanted = dict.fromkeys(filter(split_derivative, self.columns))  # in one order on every run
        wanted |= dict.fromkeys(map(network.gradient, filter(self.moves, network.trained)))
        for name in network.in_order(wanted):
            top, bottom = network.pair(name)
            formulas = [closed := network.closed(name)]
            if (simple := network.simple(name)).size < closed.size:
                formulas.append(simple)
            if network.readers(name):
                formulas.append(network.chain(name, frozenset(self.columns)))
            if any(derivative(part, bottom) in self.columns for part in network.parts(top)):
                formulas.append(network.split(name))
            operands = dict.fromkeys(each for formula in formulas for each in names_in(formula))
            self.derive(operands)
            self._settle(name, formulas, operands)

    def _settle(self, name: str, formulas: list[Expression], operands: Iterable[str]) -> None:
        """Judge a quantity, given the formulas by which its row may have computed it."""
        each, troubled = self._add(name), self.troubled(operands)
        right = each.computed = self.evaluated(formulas[0])
        each.full = self._more_exact(name, right)
        if name not in self.columns:
            each.bad = troubled
            each.own = self.evaluated(formulas[0], "own") if troubled.any() else right
            return
        fits, follows = each.fits(right), self._all(False)
        if not fits.all():
            passed = fits.copy()
            for formula in filter(names_in, formulas):  # a derivative may be a constant, as ∂h1/∂h2 is
                shown = {operand: self._shown(operand) for operand in names_in(formula)}
                passed |= each.fits(self.evaluated(formula, "own"), propagated(formula, shown))
            follows = passed & ~fits & troubled
            fits |= passed & ~troubled
        each.grade(right, fits, follows | (troubled & each.texts), self._all(False))
        each.bad = each.states >= FOLLOWS
        each.own = each.printed.where(each.bad & ~np.isnan(each.printed.value), each.full)

    def _more_exact(self, name: str, computed: Estimate) -> Estimate:
        """What formulas read of a quantity: what is computed, or printed."""
        if name in self._reading:
            return self._reading[name]
        each = self[name]
        if not self._as_printed:
            return computed
        unknown = ~(np.isfinite(computed.value) & np.isfinite(computed.error))
        closer = each.fits(computed) & (each.printed.error < computed.error)
        return each.printed.where(~np.isnan(each.printed.value) & (unknown | closer), computed)

    def _shown(self, name: str) -> Estimate:
        """The quantity as printed, and as computed where it is not."""
        each = self[name]
        if self.after and name in self.network.trained:
            return each.own
        return each.printed.where(~np.isnan(each.printed.value), each.own)

    def derive(self, names: Iterable[str]) -> None:
        """Compute derivatives that no column prints."""
        for name in self.network.with_needed(each for each in names if each not in self):
            if name not in self:
                closed, each = self.network.closed(name), self._add(name)
                each.full, each.own = self.evaluated(closed), self.evaluated(closed, "own")
                each.bad = self.troubled(names_in(closed))

    def formula(self, name: str) -> Expression:
        """How a quantity is computed, as a person writes it: with p − t where that gives the same here."""
        if not split_derivative(name):
            return self.network.formula(name)
        closed, simple = self.network.closed(name), self.network.simple(name)
        self.derive(filter(split_derivative, names_in(simple)))
        one, other = self.evaluated(closed), self.evaluated(simple)
        near = np.abs(one.value - other.value) <= one.error + other.error
        return simple if simple.size < closed.size and near.all() else closed

    def written_out(self, formula: Expression) -> Expression:
        """The formula without derivatives that no column prints: each is written as a person writes it."""

        def rule(symbol: Symbol) -> Expression:
            hidden = split_derivative(symbol.text) and symbol.text not in self.columns
            return self.formula(symbol.text) if hidden else symbol

        while any(split_derivative(each) and each not in self.columns for each in names_in(formula)):
            formula = formula.substituted(rule)
        return formula

    # --- updates -----------------------------------------------------------------------------------

    def _updates(self) -> None:
        for name in filter(self.moves, self.network.trained):
            later = updated(name)
            predicted = self.predictions(name)
            if self.after and name in self.columns:
                self._judge_update(name, predicted, self._all(False))
            elif name in self.columns:
                below = [each.moved_down() for each in predicted]
                if later in self.columns and self.gap == 1:
                    below.append(self.columns[later].printed.moved_down())
                self._judge_update(name, below, self._first_row)
            if later in self.columns:
                self._judge_update(later, self.predictions(name, gap=1), self._all(False))

    def _judge_update(self, shown: str, possible: list[Estimate], taken: Flags) -> None:
        """Judge a weight by the numbers that an update may give; unknown if there are none."""
        column = self.columns[shown]
        right = possible[0] if possible else exactly(math.nan, self.count)
        column.computed = possible[min(1, len(possible) - 1)] if possible else right
        fits = column.fits(*possible)
        one_update_above = shown in self.network.trained and not self.after and self.gap == 1
        if self.rate is not None and one_update_above and not self.momentum and column.is_coarse:
            fits &= column.fits(*self.drifts(shown))
        column.grade(right, fits, self._all(False), taken)

    def after_update(self, name: str) -> tuple[Quantity, bool] | None:
        """The column that holds a weight after the update of each row, and whether one row further down."""
        later = name if self.after else updated(name)
        if later in self.columns:
            return self.columns[later], False
        return (self.columns[name], True) if name in self.columns and self.count > 1 else None

    def predictions(self, name: str, rate: Estimate | None = None, gap: int | None = None) -> list[Estimate]:
        """The weight after the update of each row: by its printed gradient, and by the right one.

        Empty if there is no learning rate.
        """
        rate = rate or self.rate
        if rate is None:
            return []
        if (gap or self.gap) > 1:
            return [self._replayed(rate)[name]]
        known = {name: self[name].full, RATE: rate}
        update, slope = self.network.update(name), self.network.gradient(name)
        return [propagated(update, {**known, slope: each}) for each in self._slopes(name)]

    def carried(self, slope: Estimate) -> Estimate:
        """The velocity of each row, v ← μ v + ∂E/∂w; without momentum the gradient itself."""
        if not self.momentum:
            return slope
        value, error = slope.value.copy(), slope.error.copy()
        for row in range(1, self.count):
            value[row] += self.momentum * value[row - 1]
            error[row] += self.momentum * error[row - 1]
        return Estimate(value, error)

    def _replayed(self, rate: Estimate) -> dict[str, Estimate]:
        """Each weight after as many updates of its row as there are to the next, by the right gradients."""
        key = rate.value.tobytes()
        if key in self._replays:
            return self._replays[key]
        network = self.network
        moving = list(filter(self.moves, network.trained))
        # Below the numbers themselves, a copy for each weight that is moved as far as it may be off.
        values: dict[str, Array] = {RATE: rate.value}
        values |= {name: np.tile(self[name].full.value, (1 + len(moving), 1)) for name in network.leaves}
        for turn, name in enumerate(moving, 1):
            values[name][turn] += self[name].full.error
        for _ in range(self.gap):
            for name in (*network.formulas, *network.with_needed(map(network.gradient, moving))):
                values[name] = evaluate(network.formula(name), values)
            values |= {name: evaluate(network.update(name), values) for name in moving}
        found = self._replays[key] = {}
        for name in moving:
            weight, *moved = values[name]
            error = np.abs(np.subtract(moved, weight)).sum(axis=0)
            found[name] = Estimate(weight, error + 4e-15 * self.gap * (1.0 + np.abs(weight)))
        return found

    def drifts(self, name: str, rate: Estimate | None = None) -> list[Estimate]:
        """The weight in each row from the first one: w − Σ η ∂E/∂w, which shows what rounding hides."""
        rate = rate or self.rate
        assert rate is not None
        weight, slope = self[name].full, self.network.symbol(self.network.gradient(name))
        found = []
        for each in self._slopes(name):
            step = propagated(self.network.symbol(RATE) * slope, {RATE: rate, slope.text: each})
            total = Estimate(np.nancumsum(step.value), np.nancumsum(step.error)).moved_down(0.0)
            value, error = weight.value[0] - total.value, weight.error[0] + total.error
            found.append(Estimate(value, error + 4e-15 * np.arange(1, self.count + 1) * np.abs(value)))
        return found

    def _slopes(self, name: str) -> list[Estimate]:
        """The gradient that an update may have used: as its row has it, the right one, as printed."""
        slope = self.network.gradient(name)
        return list(map(self.carried, (self[slope].own, self[slope].full, self._shown(slope))))

    # --- what came out -----------------------------------------------------------------------------

    @property
    def wrong_columns(self) -> list[str]:
        return [name for name, column in self.columns.items() if len(column.wrong)]

    @property
    def mistakes(self) -> int:
        """How many cells are wrong."""
        return sum(len(column.wrong) for column in self.columns.values())
