"""What is right in a table and what is not, each row judged by its own weights.

A wrong ∂E/∂w3 makes the next w3 differ from a right sheet, and then everything. So nothing is compared with a
training run from the start: each row is computed anew from the inputs, targets and weights that stand in
it, and a weight from the row above it, by the gradients that are printed there. What is left over within a
row is told apart the same way: a number that is right for the printed numbers before it, though these
are wrong, follows from them and is no mistake of its own.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterable, Mapping
from typing import cast

import numpy as np
import numpy.typing as npt

from ..symbolic import Expression, Symbol
from .expected import Array, Estimate, Network, evaluate, names_in, propagated
from .tables import Column, Table
from .vocabulary import RATE, derivative, split_derivative, updated

__all__ = ["FOLLOWS", "MISSING", "RIGHT", "UNKNOWN", "WRONG", "Judgement", "exactly"]

MISSING, UNKNOWN, RIGHT, FOLLOWS, WRONG = range(5)
"""What is said of a cell. UNKNOWN: there is nothing to compare it with. FOLLOWS: right for wrong numbers of
its own row."""

_FILLED = 1e-13  # what filling down a series of step 0 may add to a number, relatively

States = npt.NDArray[np.int8]
Flags = npt.NDArray[np.bool_]


def exactly(value: float, rows: int) -> Estimate:
    """A number that is known, for each row."""
    return Estimate(np.full(rows, value), np.zeros(rows))


class Judgement:
    """A table and what is right in it.

    Attributes
    ----------
    states : of each column what is said of each of its cells.
    right : what belongs there.
    taken : of each column which of its cells are taken as they stand, for nothing computes them.
    own : each quantity as its own row has it: as printed where that is wrong, else as computed.
    seen : each quantity as printed, where it is.
    full, computed : each quantity as its formula gives it; with `as_printed`, `full` has what is printed
        where that is the more exact.
    doubtful : the cells that differ, and may be right all the same, by column.
    """

    def __init__(
        self,
        table: Table,
        network: Network,
        given: Mapping[str, Estimate],
        rate: Estimate | None,
        *,
        rows: int | None = None,
        after: bool = False,
        gap: int = 1,
        momentum: float = 0.0,
        as_printed: bool = False,
        reading: Mapping[str, Estimate] | None = None,
    ) -> None:
        """Judge the table.

        Parameters
        ----------
        network : the formulas.
        given : of inputs, targets and biases that the table does not hold, and of weights in the first row,
            the numbers.
        rate : the learning rate of each row; None if it is not known, and then no update is judged.
        rows : how many rows to look at; all by default.
        after : whether a row holds its weights after its own update.
        gap : how many updates there are from one row to the next.
        momentum : the factor μ in v ← μ v + ∂E/∂w, w ← w − η v.
        as_printed : whether formulas read what is printed, where that is more exact than what is computed or
            there is no computing it. In a right sheet that is the same number.
        reading : what formulas read of these quantities, whatever is computed.
        """
        self.table, self.network = table, network
        self.count = len(table.rows) if rows is None else min(rows, len(table.rows))
        self.rate = None if rate is None else rate.take(slice(0, self.count))
        self.after, self.gap, self.momentum = after, gap, momentum
        self._as_printed, self._reading = as_printed, reading or {}
        self._given = {name: each.take(slice(0, self.count)) for name, each in given.items()}
        self.columns = {name: column for name, column in table.columns.items() if self._is_known(name)}
        self.full: dict[str, Estimate] = {}
        self.computed: dict[str, Estimate] = {}
        self.seen = {name: self._printed(column) for name, column in self.columns.items()}
        self.own: dict[str, Estimate] = {}
        self.bad: dict[str, Flags] = {}
        self.states: dict[str, States] = {}
        self.right: dict[str, Estimate] = {}
        self.taken: dict[str, Flags] = {}
        self.doubtful: dict[str, Flags] = {}
        self._replays: dict[bytes, dict[str, Estimate]] = {}  # by learning rate
        self._leaves()
        self._forward()
        self._gradients()
        self._updates()

    def _is_known(self, name: str) -> bool:
        return name in self.network or name.removesuffix("'") in self.network.trained

    def _printed(self, column: Column) -> Estimate:
        return Estimate(column.values[: self.count], column.slack[: self.count])

    # --- what is given in each row -----------------------------------------------------------------

    def _leaves(self) -> None:
        for name in self.network.leaves:
            trained = name in self.network.trained
            shown = self.seen.get(name)
            if trained and self.after and shown is not None and self.moves(name):
                first = self._given.get(name, exactly(math.nan, 1))
                shown = shown.moved_down(first.value[0], first.error[0])
            if shown is None and trained and updated(name) in self.seen and name in self._given:
                first = self._given[name]
                shown = self.seen[updated(name)].moved_down(first.value[0], first.error[0])
            if shown is None:
                known = self._given[name]
                if trained and self.count > 1 and self.moves(name):
                    known = Estimate(known.value.copy(), known.error.copy())
                    known.value[1:] = math.nan
                self.full[name] = known
            else:
                last = np.arange(self.count)
                if not self.moves(name):  # what is given may stand in the first row only
                    last = np.maximum.accumulate(np.where(np.isnan(shown.value), 0, last))
                self.full[name] = shown.take(last)
                if not trained:
                    self.full[name].error[self._short(shown)] = 0.0
        for name in self._chosen():
            self.full[name].error[0] = 0.0
        holes = [
            name
            for name in self.network.trained
            if np.isnan(self.full[name].value).any() and self.moves(name)
        ]
        if holes:
            self._fill(holes)
        for name in self.network.leaves:
            self.own[name] = self.full[name]
            self.bad[name] = self._texts(name)

    def moves(self, name: str) -> bool:
        """Whether it changes: all weights do, a bias if there is a gradient for it, what is given if it does.

        Unless it grows by the same step in each row: that is a series filled down, where one number belongs.
        """
        if name in self.network.weights or self.network.gradient(name) in self.columns:
            return True
        column = self.columns.get(name)
        if column is None:
            return False
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
        after = self.after
        shown = [
            name for name in self.network.trained if name in self.seen and not (after and self.moves(name))
        ]
        chosen = all(self._short(self.full[name].take(slice(0, 1)))[0] for name in shown)
        return shown if chosen else []

    def _fill(self, holes: list[str]) -> None:
        """Weights that a row does not print, from the row above it."""
        missing = np.any([np.isnan(self.full[name].value) for name in holes], axis=0)
        if self.rate is None or self.gap > 1 or self.momentum:
            return
        network = self.network
        slopes = {name: network.gradient(name) for name in holes}
        for row in np.flatnonzero(missing[1:]):
            here = slice(row, row + 1)
            above = {name: self.full[name].take(here) for name in network.leaves}
            above[RATE] = self.rate.take(here)
            for name, formula in network.formulas.items():
                above[name] = propagated(formula, above)
            for name in network.with_needed(slopes.values()):
                above[name] = propagated(network.closed(name), above)
            for name, slope in slopes.items():
                if not math.isnan(self.full[name].value[row + 1]):
                    continue
                right, printed = above[slope], self.seen.get(slope)
                if printed is not None and not math.isnan(printed.value[row]):
                    said = printed.take(here)
                    off = np.abs(said.value - right.value) > said.error + right.error
                    above[slope] = said.where(off | ~(said.error >= right.error), right)
                after = propagated(network.update(name), above)
                self.full[name].value[row + 1], self.full[name].error[row + 1] = (
                    after.value[0],
                    after.error[0],
                )

    # --- the forward pass --------------------------------------------------------------------------

    def _forward(self) -> None:
        for name in self.network.leaves:
            if name not in self.columns:
                continue
            if not self.moves(name):
                self._judge_constant(name)
            elif name not in self.network.trained:  # another example in each row
                self.right[name] = self.full[name]
                self.states[name] = self._states(name, self._all(True), self._all(False), self._all(True))
        for name, formula in self.network.formulas.items():
            self.computed[name] = propagated(formula, self.full)
            operands = names_in(formula)
            troubled = np.any([self.bad[each] for each in operands], axis=0)
            self._settle(name, [formula], operands, troubled)

    def _judge_constant(self, name: str) -> None:
        first = self.full[name].take(np.zeros(self.count, int))
        first.error += _FILLED * np.abs(first.value)
        self.right[name] = first
        self.states[name] = self._states(name, self.fits(name, first), self._all(False), self._first_row())

    def _settle(
        self, name: str, formulas: Iterable[Expression], operands: Iterable[str], troubled: Flags
    ) -> None:
        """Judge a quantity, given the formulas by which its row may have computed it."""
        right = self.computed[name]
        self.full[name] = self._more_exact(name, right)
        if name not in self.columns:
            self.bad[name] = troubled
            self.own[name] = propagated(next(iter(formulas)), self.own) if troubled.any() else right
            return
        fits = self.fits(name, right)
        if not fits.all():
            passed = fits.copy()
            for formula in filter(names_in, formulas):  # a derivative may be a constant, as ∂h1/∂h2 is
                for known in (self.own, self._shown(names_in(formula))):
                    passed |= self.fits(name, propagated(formula, known))
            follows = passed & ~fits & troubled
            fits |= passed & ~troubled
        else:
            follows = np.zeros(self.count, bool)
        self.right[name] = right
        follows |= troubled & self._texts(name)
        self.states[name] = states = self._states(name, fits, follows)
        self.bad[name] = states >= FOLLOWS
        printed = self.seen[name]
        self.own[name] = printed.where(self.bad[name] & ~np.isnan(printed.value), self.full[name])

    def _more_exact(self, name: str, computed: Estimate) -> Estimate:
        """What formulas read of a quantity: what is computed, or printed."""
        if name in self._reading:
            return self._reading[name]
        printed = self.seen.get(name)
        if printed is None or not self._as_printed:
            return computed
        unknown = ~(np.isfinite(computed.value) & np.isfinite(computed.error))
        closer = self.fits(name, computed) & (printed.error < computed.error)
        return printed.where(~np.isnan(printed.value) & (unknown | closer), computed)

    def _shown(self, names: Iterable[str]) -> dict[str, Estimate]:
        """The quantities as printed, and as computed where they are not."""
        found = {}
        for name in names:
            computed = self.own[name]
            printed = self.seen.get(name)
            if printed is None or (self.after and name in self.network.trained):
                found[name] = computed
            else:
                found[name] = printed.where(~np.isnan(printed.value), computed)
        return found

    def fits(self, name: str, right: Estimate) -> Flags:
        """Whether the printed numbers are the right ones, as far as their digits and ours tell."""
        printed = self.seen[name]
        near = np.abs(printed.value - right.value) <= printed.error + right.error
        flags: Flags = near | (printed.value == right.value) | ~np.isfinite(right.value)
        return flags

    def fits_any(self, name: str, possible: Iterable[Estimate]) -> Flags:
        """Whether the printed numbers are one of those that may be right."""
        return functools.reduce(np.logical_or, [self.fits(name, each) for each in possible])

    def _texts(self, name: str) -> Flags:
        """Where the column, if there is one, holds a text or an error in place of a number."""
        found = self._all(False)
        if name in self.columns:
            found[[row for row in self.columns[name].texts if row < self.count]] = True
        return found

    def _all(self, flag: bool) -> Flags:
        return np.full(self.count, flag)

    def _first_row(self) -> Flags:
        first: Flags = np.arange(self.count) == 0
        return first

    def _states(self, name: str, fits: Flags, follows: Flags, taken: Flags | None = None) -> States:
        """What is said of each cell of a column; those that are `taken` as they stand need no computing."""
        column, values = self.columns[name], self.seen[name].value
        right = self.right[name]
        known = np.isfinite(right.value) & np.isfinite(right.error)
        self.taken[name] = taken = self._all(False) if taken is None else taken
        states = np.select([taken, ~known, fits, follows], [RIGHT, UNKNOWN, RIGHT, FOLLOWS], WRONG)
        states = states.astype(np.int8)
        states[np.isnan(values)] = MISSING
        there = np.flatnonzero(~np.isnan(values))
        if len(there):
            inside = np.zeros(self.count, bool)
            inside[there[0] : there[-1]] = True
            states[inside & np.isnan(values) & known] = WRONG  # an empty cell in the middle
        for row in column.texts:
            if row < self.count:
                if taken[row] or (known[row] and not follows[row]):
                    states[row] = WRONG
                else:
                    states[row] = FOLLOWS if follows[row] else UNKNOWN
        return states

    # --- gradients ---------------------------------------------------------------------------------

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
            self.computed[name] = propagated(closed, self.full)
            troubled = np.any([self.bad[each] for each in operands] or [self._all(False)], axis=0)
            self._settle(name, formulas, operands, troubled)

    def derive(self, names: Iterable[str]) -> None:
        """Compute derivatives that no column prints."""
        for name in self.network.with_needed(each for each in names if each not in self.own):
            if name not in self.own:
                closed = self.network.closed(name)
                self.full[name], self.own[name] = propagated(closed, self.full), propagated(closed, self.own)
                bad = [self.bad[each] for each in names_in(closed)]
                self.bad[name] = np.any(bad or [self._all(False)], axis=0)

    def formula(self, name: str) -> Expression:
        """How a quantity is computed, as a person writes it: with p − t where that gives the same here."""
        if not split_derivative(name):
            return self.network.formula(name)
        closed, simple = self.network.closed(name), self.network.simple(name)
        self.derive(filter(split_derivative, names_in(simple)))
        one, other = (propagated(each, self.full) for each in (closed, simple))
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
                self._judge_update(name, predicted)
            elif name in self.columns:
                below = [each.moved_down() for each in predicted]
                if later in self.columns and self.gap == 1:
                    below.append(self.seen[later].moved_down())
                self._judge_update(name, below, self._first_row())
            if later in self.columns:
                self._judge_update(later, self.predictions(name, gap=1))

    def _judge_update(self, shown: str, possible: list[Estimate], taken: Flags | None = None) -> None:
        """Judge a weight by the numbers that an update may give; unknown if there are none."""
        self.right[shown] = possible[0] if possible else exactly(math.nan, self.count)
        self.computed[shown] = possible[min(1, len(possible) - 1)] if possible else self.right[shown]
        fits = self.fits_any(shown, possible) if possible else self._all(False)
        one_update_above = shown in self.network.trained and not self.after and self.gap == 1
        if self.rate is not None and one_update_above and not self.momentum and self.is_coarse(shown):
            fits &= self.fits_any(shown, self.drifts(shown))
        self.states[shown] = self._states(shown, fits, self._all(False), taken)

    def after_update(self, name: str) -> tuple[str, bool] | None:
        """The column that holds a weight after the update of each row, and whether one row further down."""
        later = name if self.after else updated(name)
        if later in self.columns:
            return later, False
        return (name, True) if name in self.columns and self.count > 1 else None

    def predictions(self, name: str, rate: Estimate | None = None, gap: int | None = None) -> list[Estimate]:
        """The weight after the update of each row: by its printed gradient, and by the right one.

        Empty if there is no learning rate.
        """
        rate = rate or self.rate
        if rate is None:
            return []
        if (gap or self.gap) > 1:
            return [self._replayed(rate)[name]]
        known = {name: self.full[name], RATE: rate}
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
        values: dict[str, Array | float] = {RATE: rate.value}
        values |= {name: np.tile(self.full[name].value, (1 + len(moving), 1)) for name in network.leaves}
        for turn, name in enumerate(moving, 1):
            cast(Array, values[name])[turn] += self.full[name].error
        for _ in range(self.gap):
            for name, formula in network.formulas.items():
                values[name] = evaluate(formula, values)
            for name in network.with_needed(map(network.gradient, moving)):
                values[name] = evaluate(network.closed(name), values)
            values |= {name: evaluate(network.update(name), values) for name in moving}
        found = {}
        for name in moving:
            weight = cast(Array, values[name])
            error = np.abs(weight[1:] - weight[0]).sum(axis=0) + 4e-15 * self.gap * (1.0 + np.abs(weight[0]))
            found[name] = Estimate(weight[0], error)
        self._replays[key] = found
        return found

    def drifts(self, name: str, rate: Estimate | None = None) -> list[Estimate]:
        """The weight in each row from the first one: w − Σ η ∂E/∂w, which shows what rounding hides."""
        rate = rate or self.rate
        assert rate is not None
        weight, slope = self.full[name], self.network.symbol(self.network.gradient(name))
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
        return list(map(self.carried, (self.own[slope], self.full[slope], self._shown([slope])[slope])))

    def is_coarse(self, name: str) -> bool:
        """Whether the weight is printed with so few digits that one update may not show."""
        error = np.sort(self.seen[name].error)
        return bool(error[len(error) // 2] > 1e-12)

    # --- what came out -----------------------------------------------------------------------------

    def wrong(self, name: str) -> npt.NDArray[np.intp]:
        """The rows in which the column is wrong by a mistake of its own."""
        return np.flatnonzero(self.states.get(name, np.zeros(0)) == WRONG)

    def doubt(self, doubtful: dict[str, Flags], follows: Mapping[str, Flags]) -> None:
        """Call these cells neither right nor wrong, and those right for wrong numbers of their own row."""
        self.doubtful = doubtful
        for state, cells in ((FOLLOWS, follows), (UNKNOWN, doubtful)):
            for name, flags in cells.items():
                self.states[name][flags] = state

    def agrees(self, name: str) -> Flags:
        """Where the column was computed anew and holds what was computed."""
        flags: Flags = (self.states[name] == RIGHT) & ~self.taken[name]
        return flags

    @property
    def wrong_columns(self) -> list[str]:
        return [name for name in self.table.columns if len(self.wrong(name))]

    @property
    def mistakes(self) -> int:
        """How many cells are wrong."""
        return sum(len(self.wrong(name)) for name in self.states)
