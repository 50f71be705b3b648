"""Which slip it was: the engine's own formulas with something swapped, dropped, stale or left unbracketed.

A slip is not looked up in a list of known numbers. Each formula of the recorded graph is changed in every way
in which a person may write it wrongly, the changed formulas are evaluated on the rows that are wrong, and
one that gives the printed numbers, all of them and to their last digit, is the slip. Of several, the
simplest holds. Thousands are evaluated on a few rows first, where only what a change touches is computed
anew (`_Sample`); the few that fit are then tried on all rows, with the uncertainty of the result.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from ..symbolic import TEXT, Apply, Expression, Number, Symbol
from ..symbolic.expressions import flat
from .cells import Limits
from .expected import Array, Estimate, applied, descended, evaluate, names_in, propagated, shortest
from .grading import Flags, Judgement, exactly
from .mutations import STALE, Mutation, Stale, Template, kin, pairs, rated, renamed, reshaped, written
from .vocabulary import RATE, derivative, short, split_derivative

__all__ = ["MANY", "NotSearched", "Slip", "diagnose"]

Rows = npt.NDArray[np.intp]

_FIRST, _SAMPLE = 3, 5  # rows on which changed formulas are tried first: so many of the first, so many in all
_ROUNDS = 12  # of the secant method
_TOGETHER = 100  # names tried in one place, which take about as long as one formula
_WORK = "formulas tried to find slips"
_NEAR = 0.06  # how much more far-fetched a slip may be to be named beside the simplest
_WHOLE = 0.9  # the share of the wrong rows that a slip must explain to count as the cause of all
MANY = 15  # wrong columns beyond which no slip is looked for: that is not a sheet with slips
_FEW = 6  # wrong columns up to which two changes at once are tried: that takes long
_MOST_TIES = 3  # slips that explain the same numbers, beyond which none is named
_LARGEST = 120  # names and numbers in a formula, beyond which it is not changed


@dataclass(frozen=True)
class Slip:
    """A slip, in words."""

    words: str  # what is wrong
    formula: str = ""  # what was computed instead; "" where the words say all
    share: float = 1.0  # of the wrong rows that it explains
    others: tuple[str, ...] = ()  # other slips that would give the same numbers


class NotSearched(Exception):
    """So many formulas were tried for this file that no slip is looked for any further."""


@dataclass
class _Case:
    """Printed numbers that are wrong, what belongs there, and what the formula may have read."""

    name: str
    printed: Estimate
    right: Estimate
    rows: Rows  # of the table, whose numbers the formula reads
    values: Callable[[str], Estimate | None]
    limits: Limits

    def known(self, formula: Expression) -> dict[str, Estimate] | None:
        """What the formula reads; None if that is not known, or nothing."""
        found = {}
        for name in names_in(formula):
            values = self.values(name)
            if values is None:
                return None
            found[name] = values
        return found or None

    def near(self, value: Array, error: Array) -> Flags:
        flags: Flags = np.abs(self.printed.value - value) <= self.printed.error + error
        return flags

    @functools.cached_property
    def sample(self) -> _Sample:
        return _Sample(self)


class _Sample:
    """Formulas on a few of the wrong rows: each part is computed once, however many formulas have it."""

    def __init__(self, case: _Case) -> None:
        last = len(case.rows) - 1
        spread = np.linspace(0, last, _SAMPLE).astype(int)
        self._rows = np.unique([*range(min(_FIRST, last + 1)), *spread])[:_SAMPLE]
        self._case = case
        self._printed, self._right = case.printed.take(self._rows), case.right.take(self._rows)
        self._known: dict[Expression, Any] = {}
        self._stacked: dict[int, tuple[Any, Array]] = {}

    def fitting(self, change: Mutation | Template) -> Iterator[Mutation]:
        """The mutations that give the first of the wrong numbers, as far as these rows show."""
        if isinstance(change, Mutation):
            self._count(1)
            if self._fits(self._value(change.formula, {})).all():
                yield change
            return
        sizes = [len(hole.fills) for hole in change.holes]
        self._count(1 + math.prod(sizes) // _TOGETHER)
        fills: dict[Expression, Array] = {
            hole.symbol: self._stack(hole.fills).reshape(size, *[1] * (len(sizes) - turn), -1)
            for turn, (hole, size) in enumerate(zip(change.holes, sizes), 1)
        }
        for chosen in np.argwhere(self._fits(self._value(change.formula, fills))):
            yield change.mutation([int(turn) for turn in chosen])

    def _count(self, formulas: int) -> None:
        if not self._case.limits.has(_WORK, formulas):
            raise NotSearched

    def _stack(self, fills: Sequence[tuple[Symbol, float]]) -> Array:
        """The numbers of what fills a hole: shape (fills, rows)."""
        if id(fills) not in self._stacked:
            numbers = np.array([self._of_symbol(symbol) for symbol, _ in fills])
            self._stacked[id(fills)] = fills, numbers  # which keeps the list, and so its identity
        return self._stacked[id(fills)][1]

    def _of_symbol(self, symbol: Symbol) -> Array:
        values = self._case.values(symbol.text)
        return np.full(len(self._rows), math.nan) if values is None else values.value[self._rows]

    def _value(self, formula: Expression, fills: Mapping[Expression, Array]) -> Array:
        """The formula on these rows; what has a hole in it is not kept."""
        known = self._known
        own: dict[Expression, Any] = dict(fills.items())
        pending = [formula]
        while pending:
            each = pending[-1]
            if each in own or each in known:
                pending.pop()
            elif not isinstance(each, Apply):
                known[each] = each.data if isinstance(each, Number) else self._of_symbol(cast(Symbol, each))
            else:
                parts = list(flat(each.operands))
                missing = [part for part in parts if part not in known and part not in own]
                if missing:
                    pending += missing
                    continue
                found = own if any(part in own for part in parts) else known
                found[each] = applied(each, [self._operand(operand, own) for operand in each.operands])
        return np.asarray(self._operand(formula, own), float)

    def _operand(self, operand: Any, own: Mapping[Expression, Any]) -> Any:
        if isinstance(operand, tuple):
            return tuple([self._operand(each, own) for each in operand])
        return own[operand] if operand in own else self._known[operand]

    def _fits(self, value: Array) -> Flags:
        """Which of the numbers, rows last, are near what is printed in the first row where there are any."""
        printed, right = self._printed, self._right
        width = 4.0 * (printed.error + right.error) + 1e-9 * np.abs(printed.value)
        width = width + np.nan_to_num(2.0 * right.error * np.abs(value / right.value), posinf=0.0)
        near = np.abs(printed.value - value) <= width
        first = np.argmax(np.broadcast_to(np.isfinite(value), near.shape), axis=-1)
        flags: Flags = np.take_along_axis(near, first[..., None], axis=-1)[..., 0]
        return flags


def diagnose(judged: Judgement, name: str, limits: Limits) -> Slip | None:
    """The slip that explains a wrong column, or None; NotSearched if the limits end the search before."""
    column = judged.columns[name]
    rows = column.wrong[~np.isnan(column.printed.value[column.wrong])]
    if not len(rows) or len(judged.wrong_columns) > MANY:
        return None
    weight = name.removesuffix("'")
    if name in judged.network.leaves and not judged.moves(name):
        return _of_constant(judged, name, rows)
    if weight in judged.network.trained:
        if judged.gap > 1 and name == weight:  # a slip in one of many updates leaves no such trace
            return None
        return _of_update(judged, name, weight, rows, limits)
    bases = [base for base in _bases(judged, name) if base.size <= _LARGEST]
    if not bases:
        return None
    case = _case(judged, name, rows, rows, limits)
    return _found(judged, case, bases)


def _bases(judged: Judgement, name: str) -> Iterator[Expression]:
    """The formulas that a column may have been meant to hold: closed, and through one derivative before."""
    network = judged.network
    formula = judged.formula(name)
    yield formula
    if isinstance(formula, Apply) and formula.row.expansion is not None:
        yield formula.row.expansion(*formula.operands)  # softmax in exponentials
    whole = judged.written_out(formula)
    if whole is not formula:
        yield whole
    if not split_derivative(name):
        return
    top, bottom = network.pair(name)
    steps = network.steps(top, bottom)
    for step in steps[1:-1]:
        middle = step.name.text
        rest = network.steps(middle, bottom) if step.paths and middle not in network.parts(top) else []
        if rest and rest[-1].paths * step.paths == steps[-1].paths:
            yield network.symbol(derivative(top, middle)) * network.closed(derivative(middle, bottom))


def _case(
    judged: Judgement, name: str, rows: Rows, reads: Rows, limits: Limits, drift: bool = False
) -> _Case:
    """The wrong rows; `reads` are those that their formulas read."""
    network = judged.network
    trained = name.removesuffix("'") in network.trained

    def whole(plain: str) -> Estimate | None:
        if plain == RATE:
            return judged.rate
        if plain not in judged:
            if plain not in network:
                return None
            judged.derive([plain])
        own = judged[plain].own
        return judged.carried(own) if trained and split_derivative(plain) else own

    @functools.cache
    def values(text: str) -> Estimate | None:
        where = next((where for where, row in STALE.items() if text.endswith(f" {row}")), None)
        plain = text if where is None else text.removesuffix(f" {STALE[where]}")
        # A column that is wrong from its own row above would explain anything that hardly changes.
        each = judged[name].full if where and plain == name and not trained else whole(plain)
        if each is None:
            return None
        if where is not None:
            return _moved(judged, plain, each, where, reads)
        return _drifted(judged, text, each, reads) if drift else each.take(reads)

    column = judged.columns[name]
    return _Case(name, column.printed.take(rows), column.right.take(rows), reads, values, limits)


def _moved(judged: Judgement, name: str, each: Estimate, where: str, rows: Rows) -> Estimate:
    """A quantity from another row than those."""
    if where == "first":
        return each.take(np.zeros(len(rows), int))
    if where == "above":
        return each.moved_down().take(rows)
    last = judged.count - 1
    end = exactly(math.nan, judged.count)
    if name in judged.network.trained and judged.rate is not None and judged.moves(name):
        end = judged.predictions(name)[0]
    return each.take(np.minimum(rows + 1, last)).where(rows < last, end.take(rows))


def _drifted(judged: Judgement, name: str, each: Estimate, rows: Rows) -> Estimate:
    """What stands for a quantity in w − Σ η ∂E/∂w, which is w − η ∂E/∂w over all rows so far."""
    assert judged.rate is not None
    if split_derivative(name):
        return Estimate(
            np.nancumsum(judged.rate.value * each.value)[rows],
            np.nancumsum(np.abs(judged.rate.value) * each.error)[rows],
        )
    if name == RATE:
        return Estimate(np.ones(len(rows)), np.zeros(len(rows)))
    return each.take(np.zeros(len(rows), int))


def _found(judged: Judgement, case: _Case, bases: Sequence[Expression]) -> Slip | None:
    network = judged.network
    names = [name for name in (*network.leaves, *network.formulas) if name != case.name]

    def stale(name: str, where: str) -> bool:
        moving = name not in network.leaves or (name in network.trained and judged.moves(name))
        return moving and judged.count > 1

    shown = {network.kind(name) for name in judged.columns}
    changes: list[_Try] = []
    for turn, base in enumerate(bases):
        hidden = any(split_derivative(each) and network.kind(each) not in shown for each in names_in(base))
        own = names + [
            derivative(*pair)
            for each in names_in(base)
            if (known := split_derivative(each))
            for pair in itertools.product(dict.fromkeys([known[0], *network.parts(network.output)]), names)
            if network.kind(pair[1]) == network.kind(known[1]) and pair != known
        ]
        more = 0.02 * turn + 0.3 * hidden
        changes += [(more, each) for each in renamed(network, base, own, stale)]
        changes += [(more, each) for each in reshaped(base)]
        if judged.rate is not None:
            changes += [(more, each) for each in rated(base, float(judged.rate.value[0]))]
    pair = split_derivative(case.name)
    others = kin(network, case.name, list(network.formulas)) if case.name in network.formulas else []
    if pair is not None and pair[1] in network.trained:
        others = [derivative(pair[0], other) for other in network.trained if other != pair[1]]
    for other in others:
        words = f"{short(other)} stands where {short(case.name)} belongs"
        changes.append((0.0, Mutation(Symbol(other), words, 1.15, shown=False)))
    for where, row in STALE.items() if judged.count > 1 else ():
        symbol = Stale(network, case.name, where)
        changes.append((0.0, Mutation(symbol, f"it is the value {row}", 1.12, shown=False)))
    tries = [
        lambda: _of_one_number(judged, case),
        lambda: _best(case, changes),
        lambda: _of_number(case),
        lambda: _of_given(judged, case, bases[0]),
    ]
    if len(judged.wrong_columns) <= _FEW:
        tries.append(lambda: _best(case, [(0.0, each) for each in pairs(network, bases[0], names)]))
    return _first_whole(*tries)


def _first_whole(*tries: Callable[[], Slip | None]) -> Slip | None:
    """The first slip that explains all rows that are wrong, else the first that explains some."""
    some = None
    for attempt in tries:
        try:
            slip = attempt()
        except NotSearched:
            if some is None:
                raise
            break
        if slip is not None and slip.share >= _WHOLE:
            return slip
        some = some or slip
    return some


_Try = tuple[float, Mutation | Template]  # how much more far-fetched it is here than it says, and what


def _least(each: _Try) -> float:
    more, change = each
    return more + (change.least if isinstance(change, Template) else change.cost)


def _best(case: _Case, changes: Sequence[_Try]) -> Slip | None:
    """The simplest of the changes that explains the numbers."""
    hits: list[_Hit] = []
    best = math.inf
    seen: set[str] = set()
    for each in sorted(changes, key=_least):
        if _least(each) > best + _NEAR:
            break
        more, family = each
        for change in case.sample.fitting(family):
            cost = more + change.cost
            text = TEXT.write(change.formula)
            known = case.known(change.formula)
            if known is None or text in seen:
                continue
            seen.add(text)
            case.limits.has(_WORK, 1 + len(known) * len(case.rows) // (10 * _TOGETHER))
            hit = _tried(case, change, cost, known)
            if hit is not None:
                hits.append(hit)
                if hit.whole:
                    best = min(best, cost)
    if not hits:
        return None
    hits.sort(key=lambda hit: (not hit.whole, hit.cost, hit.rest))
    first, *others = hits
    ties = [
        hit.change.words
        for hit in others
        if hit.whole == first.whole
        and hit.cost <= first.cost + _NEAR
        and not np.allclose(hit.value, first.value, rtol=1e-11, atol=0.0, equal_nan=True)
    ]
    ties = [words for words in dict.fromkeys(ties) if words != first.change.words]
    if len(ties) >= _MOST_TIES:
        return None
    change = first.change
    formula = f"{short(case.name)} = {written(change.formula)}" if change.shown else ""
    return Slip(change.words, formula, first.share, tuple(ties))


@dataclass
class _Hit:
    """A change that explains wrong numbers."""

    change: Mutation
    cost: float
    value: Array
    share: float  # of the wrong rows
    rest: float  # how far off it is, against what rounding allows

    @property
    def whole(self) -> bool:
        return self.share >= _WHOLE


def _tried(case: _Case, change: Mutation, cost: float, known: Mapping[str, Estimate]) -> _Hit | None:
    """Whether the change explains the wrong numbers, at least from the first one on."""
    result = propagated(change.formula, known)
    comparable = np.isfinite(result.value)
    if not comparable.any() or not _is_different(case, result):
        return None
    fits = case.near(result.value, result.error) & comparable
    share = float(fits.sum() / comparable.sum())
    if share < 0.3 or not fits[int(np.argmax(comparable))]:
        return None
    rest = np.abs(case.printed.value - result.value) / (case.printed.error + result.error + 1e-300)
    return _Hit(change, cost, result.value, share, float(np.median(rest[comparable])))


def _is_different(case: _Case, result: Estimate) -> bool:
    """Whether the change changes anything: a slip that gives the right numbers explains no wrong ones."""
    return bool(np.any(np.abs(result.value - case.right.value) > 0.5 * (result.error + case.right.error)))


def _of_one_number(judged: Judgement, case: _Case) -> Slip | None:
    """The same number in every row that is wrong."""
    printed = case.printed.value
    if len(printed) < 2 or not np.all(np.abs(printed - printed[0]) <= 2.0 * case.printed.error):
        return None
    right = case.right.value
    if printed.any() and np.all(np.abs(right - right[0]) <= 4.0 * (case.printed.error + case.right.error)):
        return None  # where the right numbers do not change either, that is no sign
    first = int(case.rows[0])
    before = judged.columns[case.name].printed.value[first - 1] if first else math.nan
    if abs(before - printed[0]) <= 2.0 * case.printed.error[0]:
        return Slip("it stays at the number of the row before: the formula does not go on")
    return Slip(f"the number {printed[0]:g} stands in each of these rows")


def _of_number(case: _Case) -> Slip | None:
    """A constant: a factor too much, or a number that is added."""
    printed, right = case.printed.value, case.right.value
    ratio, rest = printed / right, printed - right
    errors = case.printed.error + case.right.error
    spread = errors / np.abs(right)
    if not (np.isfinite(ratio).all() and np.isfinite(spread).all()):
        return None
    factor = float(np.median(ratio))
    enough = len(ratio) > 1 or _is_plain(factor, spread[0])
    if enough and np.all(np.abs(ratio - factor) <= 2.0 * spread + 1e-12):
        plain = _plainest(factor, float(np.median(spread)))
        return Slip("its sign is turned" if plain == -1.0 else f"it is {plain:g} times what it should be")
    added = float(np.median(rest))
    if len(printed) > 1 and np.all(np.abs(rest - added) <= 2.0 * errors):
        return Slip(f"{_plainest(added, float(np.median(errors / abs(added)))):g} is added to it")
    return None


def _of_given(judged: Judgement, case: _Case, formula: Expression) -> Slip | None:
    """Another number for something that is given: the one that solves the formula for what is printed.

    By the secant method, in all rows at once.
    """
    known = case.known(formula)
    if known is None:
        return None
    values: dict[str, Any] = {name: each.value for name, each in known.items()}
    for name in names_in(formula):
        if name not in judged.network.leaves or name in judged.network.trained or judged.moves(name):
            continue
        stands = float(values[name][0])
        before = values[name] + 0.0
        there = before + 1e-3 * max(1.0, abs(stands))

        def off(number: Any, values: Any = values, name: str = name) -> Any:
            return evaluate(formula, {**values, name: number}) - case.printed.value

        last = off(before)
        for _ in range(_ROUNDS):
            now = off(there)
            step = now * (there - before) / (now - last)
            step = np.where(np.isfinite(step), step, 0.0)
            before, there, last = there, there - step, now
        little = 1e-6 * np.maximum(1.0, np.abs(there))
        slope = np.abs(off(there + little) - off(there)) / little
        error = (case.printed.error + case.right.error) / np.maximum(slope, 1e-300) + 1e-9
        used = float(np.median(there))
        if not np.all(np.abs(there - used) <= 4.0 * error) or abs(used - stands) <= 4.0 * error[0]:
            continue
        plain = shortest(used, 4.0 * float(np.median(error)))
        if plain is None or (len(there) < 2 and len(f"{plain:g}") > 4):
            continue
        tried = propagated(formula, {**known, name: exactly(plain, len(there))})
        if case.near(tried.value, tried.error).all():
            return Slip(f"it was computed with {name} = {plain:g}, where {name} is {stands:g} in this sheet")
    return None


def _plainest(number: float, spread: float) -> float:
    """The number with the fewest digits that is as near as one can tell."""
    return shortest(number, 2.0 * spread * abs(number) + 1e-12) or number


def _is_plain(number: float, spread: float) -> bool:
    return len(f"{_plainest(number, spread):g}") <= 4


def _of_constant(judged: Judgement, name: str, rows: Rows) -> Slip | None:
    """What is given grows from one row to the next."""
    values = judged.columns[name].printed.value
    steps = np.diff(values[rows[0] - 1 :])
    if not (len(steps) > 1 and steps[0] and np.allclose(steps, steps[0], rtol=1e-6, atol=0.0)):
        return None
    words = f"it grows by {steps[0]:g} with each row, as filling down a series does"
    return Slip(f"{words}, where one number belongs")


def _of_update(judged: Judgement, name: str, weight: str, rows: Rows, limits: Limits) -> Slip | None:
    """A slip in w ← w − η ∂E/∂w."""
    assert judged.rate is not None
    network = judged.network
    same_row = judged.after or name != weight
    rows = rows if same_row else rows[rows > 0]
    reads = rows if same_row else rows - 1
    if not len(rows):
        return None
    predicted = judged.predictions(weight, gap=1)[0]
    usual = judged.columns[name].fits(predicted if same_row else predicted.moved_down())
    drift = bool(usual[rows].all())
    case = _case(judged, name, rows, reads, limits, drift)
    slope = network.gradient(weight)
    old, rate, gradient = map(network.symbol, (weight, RATE, slope))
    base = network.update(weight)

    def stale(each: str, where: str) -> bool:
        return not drift and each != RATE and (each != weight or where != "below") and judged.count > 1

    added, step = descended(old, rate, -gradient), rate * gradient
    first = Stale(network, weight, "first")
    changes: list[Mutation | Template] = [
        Mutation(old, "its update is missing: it stays as it is in the row above", 1.0, shown=False),
        Mutation(added, "the step is added, where it belongs subtracted: w + η ∂E/∂w", 1.0),
        Mutation(step, f"{weight} itself is missing: only the step stands there", 1.2),
        Mutation(-step, f"{weight} itself is missing: only the step stands there", 1.2),
        Mutation(first, "it is the value of the first row again", 1.07, shown=False),
    ]
    for other in network.trained if not drift else ():
        if other != weight:
            words = f"the update of {other} stands where that of {weight} belongs"
            changes.append(Mutation(network.update(other), words, 1.15))
    names = [*map(network.gradient, network.trained), *network.trained, *network.formulas]
    changes += renamed(network, base, names, stale)
    changes += [change for change in reshaped(base) if change.words != f"{written(old)} is missing"]
    tries: list[Callable[[], Slip | None]] = [
        lambda: _best(case, [(0.0, each) for each in changes]),
        lambda: _of_rate(judged, case, weight, slope),
    ]
    whole = descended(old, rate, network.closed(slope))
    if not drift and whole.size <= _LARGEST:
        leaves = [*network.leaves, *network.formulas]
        more = [*renamed(network, whole, leaves, stale), *reshaped(whole)]
        tries.append(lambda: _best(case, [(0.0, each) for each in more]))
    tries += [] if drift else [lambda: _of_number(case)]
    return _first_whole(*tries)


def _of_rate(judged: Judgement, case: _Case, weight: str, slope: str) -> Slip | None:
    """Another learning rate than the sheet's."""
    old, step, rate = map(case.values, (weight, slope, RATE))
    assert judged.rate is not None
    if old is None or step is None or rate is None:
        return None
    ratio = (old.value - case.printed.value) / step.value
    error = (case.printed.error + old.error + 4e-15 + np.abs(ratio) * step.error) / np.abs(step.value)
    usable = np.isfinite(ratio) & np.isfinite(error)
    if not usable.any():
        return None
    best = np.argmin(np.where(usable, error, math.inf))
    used = float(ratio[best])
    if not np.all(np.abs(ratio - used)[usable] <= 2.0 * (error[usable] + error[best]) + 1e-12):
        return None
    true = float(judged.rate.value[case.rows[0]])
    factor = true / float(rate.value[0]) if rate.value[0] else 1.0
    found = _plainest(used * factor, float(error[best]) / max(abs(used), 1e-300))
    if found == true or (len(ratio) < 2 and not _is_plain(found, 0.0)):
        return None
    return Slip(f"the learning rate {found:g} is used, where η = {true:g} belongs")
