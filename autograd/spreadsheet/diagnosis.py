"""Which slip it was: the engine's own formulas with something swapped, dropped, stale or left unbracketed.

A slip is not looked up in a list of known numbers. Each formula of the recorded graph is changed in every way
in which a person may write it wrongly, the changed formulas are evaluated on the rows that are wrong, and
one that gives the printed numbers, all of them and to their last digit, is the slip. Of several, the
simplest holds.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from ..engine.primitives import TABLE
from ..symbolic import TEXT, Apply, Expression, Number, Symbol
from .expected import Array, Estimate, evaluate, names_in, propagated, substituted
from .grading import Flags, Judgement
from .vocabulary import RATE, TOTAL, derivative, split_derivative

__all__ = ["MANY", "Slip", "diagnose", "short"]

Rows = npt.NDArray[np.intp]

_SAMPLE = 10  # rows on which a changed formula is tried first
_NEAR = 0.06  # how much more far-fetched a slip may be to be named beside the simplest
_WHOLE = 0.9  # the share of the wrong rows that a slip must explain to count as the cause of all
MANY = 15  # wrong columns beyond which no slip is looked for: that is not a sheet with slips
_FEW = 6  # wrong columns up to which two changes at once are tried: that takes long
_MOST_TIES = 3  # slips that explain the same numbers, beyond which none is named
_ROWS = {"above": "of the row above", "below": "of the row below", "first": "of the first row"}

_ADD, _SUB, _MUL, _DIV, _NEG, _POW, _SIGMOID = (
    TABLE[name] for name in ("add", "sub", "mul", "div", "neg", "pow", "sigmoid")
)


@dataclass(frozen=True)
class Slip:
    """A slip, in words.

    Attributes
    ----------
    words : what is wrong.
    formula : what was computed instead, in writing; ``""`` where the words say all.
    share : of the wrong rows, how many it explains, from 0 to 1.
    others : other slips that would give the same numbers.
    """

    words: str
    formula: str
    share: float
    others: tuple[str, ...] = ()


@dataclass
class _Change:
    """A changed formula: how it differs (in words, or from what), and how far-fetched it is."""

    formula: Expression
    differs: str | Expression
    cost: float
    shown: bool = True  # whether the whole formula is worth showing
    before: _Change | None = None  # the change that came first, of two

    @cached_property
    def words(self) -> str:
        differs = self.differs  # put into words only for those that matter
        words = differs if isinstance(differs, str) else _difference(differs, self.formula)
        return words if self.before is None else f"{self.before.words}, and {words}"


def short(name: str) -> str:
    """The name of a quantity as people write it: ∂E/∂w1."""
    return name.replace(f"∂{TOTAL}/", "∂E/")


def _written(formula: Expression) -> str:
    return short(TEXT.write(formula))


# --- formulas as products and sums -----------------------------------------------------------------


def _is(formula: Expression, *rows: object) -> bool:
    return isinstance(formula, Apply) and formula.row in rows


def _factors(formula: Expression) -> list[Expression]:
    if isinstance(formula, Apply) and formula.row is _MUL:
        return [factor for operand in formula.operands for factor in _factors(operand)]
    return [formula]


def _terms(formula: Expression) -> list[tuple[bool, Expression]]:
    """The terms of a sum, each with whether it is added rather than subtracted."""
    if isinstance(formula, Apply) and formula.row in (_ADD, _SUB):
        left, right = formula.operands
        turned = formula.row is _SUB
        return _terms(left) + [(plus ^ turned, term) for plus, term in _terms(right)]
    if isinstance(formula, Apply) and formula.row is _NEG:
        return [(not plus, term) for plus, term in _terms(formula.operands[0])]
    return [(True, formula)]


def _product(factors: Sequence[Expression]) -> Expression:
    return functools.reduce(lambda a, b: Apply(_MUL, (a, b)), factors) if factors else Number(1.0)


def _sum(terms: Sequence[tuple[bool, Expression]]) -> Expression:
    if not terms:
        return Number(0.0)
    plus, first = terms[0]
    total = first if plus else Apply(_NEG, (first,))
    for plus, term in terms[1:]:
        total = Apply(_ADD if plus else _SUB, (total, term))
    return total


# --- changes of the shape --------------------------------------------------------------------------


def _reshaped(formula: Expression) -> Iterator[_Change]:
    """The formula with one thing dropped, turned, repeated or left without its parentheses."""
    factors, terms = _factors(formula), _terms(formula)
    if len(factors) > 1:
        yield from _in_product(factors)
    elif len(terms) > 1:
        yield from _in_sum(formula, terms)
    elif isinstance(formula, Apply):
        yield from _in_call(formula)


def _in_product(factors: list[Expression]) -> Iterator[_Change]:
    for position, factor in enumerate(factors):
        rest = factors[:position] + factors[position + 1 :]
        yield _Change(_product(rest), f"the factor {_bracketed(factor)} is missing", 1.2)
        yield _Change(
            _product([*factors, factor]), f"the factor {_bracketed(factor)} stands there twice", 1.4
        )
        terms = _terms(factor)
        if len(terms) > 1:
            words = f"the parentheses around {_written(factor)} are missing"
            before, after = factors[:position], factors[position + 1 :]
            for ahead, behind in ((before, after), ([], rest), (rest, [])):
                (plus, head), (minus, tail) = terms[0], terms[-1]
                opened = [(plus, _product([*ahead, head])), *terms[1:-1], (minus, _product([tail, *behind]))]
                yield _Change(_sum(opened), words, 1.25)
        for change in _reshaped(factor):
            changed = [*factors[:position], change.formula, *factors[position + 1 :]]
            yield _Change(_product(changed), change.differs, change.cost)
    for begin, end in itertools.combinations(range(len(factors) + 1), 2):
        if 1 < end - begin < len(factors):
            words = f"{_written(_product(factors[begin:end]))} is missing"
            yield _Change(_product(factors[:begin] + factors[end:]), words, 1.3)
    for position in range(1, len(factors)):
        before, after = factors[:position], factors[position:]
        left, right = before[-1], after[0]
        words = f"{{}} stands between {_bracketed(left)} and {_bracketed(right)} where · belongs"
        for sign, row in (("+", _ADD), ("−", _SUB), ("/", _DIV)):
            loose = Apply(row, (_product(before), _product(after)))
            tight = _product([*before[:-1], Apply(row, (left, right)), *after[1:]])
            half = _product([Apply(row, (_product(before), right)), *after[1:]])
            yield _Change(loose, words.format(sign), 1.5)
            yield _Change(half, words.format(sign), 1.5)
            yield _Change(tight, words.format(sign), 1.5)


def _in_sum(formula: Expression, terms: list[tuple[bool, Expression]]) -> Iterator[_Change]:
    for position, (plus, term) in enumerate(terms):
        rest = terms[:position] + terms[position + 1 :]
        yield _Change(_sum(rest), f"{_written(term)} is missing", 1.25)
        if not rest[0][0]:
            turned = [(not sign, each) for sign, each in rest]
            yield _Change(
                _sum(turned), f"{_sign(plus)}{_written(term)} is missing in {_written(formula)}", 1.25
            )
        verb = "subtracted" if plus else "added"
        other = [*terms[:position], (not plus, term), *terms[position + 1 :]]
        words = (
            f"{_written(term)} is {verb} in {_written(formula)}"
            if position
            else f"the sign of {_written(term)} is turned"
        )
        yield _Change(_sum(other), words, 1.2)
        for change in _reshaped(term):
            changed = [*terms[:position], (plus, change.formula), *terms[position + 1 :]]
            yield _Change(_sum(changed), change.differs, change.cost)
    for position in range(1, len(terms)):
        (sign, left), (plus, right) = terms[position - 1 : position + 1]
        first, *others = _factors(right)
        words = (
            f"{{}} stands between {_written(left)} and {_written(right)} where {'+' if plus else '−'} belongs"
        )
        for mark, row in (("·", _MUL), ("/", _DIV)):
            joined = _product([*_factors(left)[:-1], Apply(row, (_factors(left)[-1], first)), *others])
            merged = [*terms[: position - 1], (sign, joined), *terms[position + 1 :]]
            yield _Change(_sum(merged), words.format(mark), 1.5)


def _sign(plus: bool) -> str:
    return "" if plus else "−"


def _in_call(formula: Apply) -> Iterator[_Change]:
    if formula.row is _POW:
        base, exponent = formula.operands
        assert isinstance(exponent, Number)
        yield _Change(base, f"the square of {_bracketed(base)} is missing", 1.25)
        for another in (exponent.data + 1.0, exponent.data - 1.0):
            changed = Apply(_POW, (base, Number(another)))
            yield _Change(changed, f"the exponent {another:g} stands where {exponent.data:g} belongs", 1.5)
        for change in _reshaped(base):
            yield _Change(Apply(_POW, (change.formula, exponent)), change.differs, change.cost)
        return
    if len(formula.operands) != 1:
        return
    (inside,) = formula.operands
    name = TEXT.call(formula.row)
    yield _Change(inside, f"{name} is missing: the sum itself stands there", 1.25)
    negative = Apply(_NEG, (inside,))
    yield _Change(
        Apply(formula.row, (negative,)),
        f"{name}(−{_written(inside)}) stands where {_written(formula)} belongs",
        1.3,
    )
    for other in ("tanh", "relu", "exp", "softplus"):
        if TABLE[other] is not formula.row:
            changed = Apply(TABLE[other], (inside,))
            yield _Change(changed, f"{_written(changed)} stands where {_written(formula)} belongs", 1.5)
    if formula.row is _SIGMOID:
        power = Apply(TABLE["exp"], (negative,))
        for changed, cost in ((Apply(_ADD, (Number(1.0), power)), 1.25), (power, 1.4)):
            yield _Change(
                changed, f"{_written(changed)} stands where 1 / (1 + exp(−{_written(inside)})) belongs", cost
            )
    for change in _reshaped(inside):
        yield _Change(Apply(formula.row, (change.formula,)), change.differs, change.cost)


def _bracketed(formula: Expression) -> str:
    text = _written(formula)
    return f"({text})" if len(_terms(formula)) > 1 else text


# --- changes of names ------------------------------------------------------------------------------


def _kind(name: str) -> str:
    pair = split_derivative(name)
    if pair is not None:
        return f"∂{_kind(pair[0])}/∂{_kind(pair[1])}"
    return "h" if name[0] in "ho" else name[0]


def _replaced(formula: Expression, name: str, other: Symbol, which: frozenset[int] | None) -> Expression:
    """The formula with another name in some of the places of one, or in all."""
    turn = itertools.count()

    def replacement(symbol: Symbol) -> Expression:
        if symbol.text != name:
            return symbol
        return other if which is None or next(turn) in which else symbol

    return substituted(formula, replacement)


def _count(formula: Expression, name: str) -> int:
    turn = itertools.count()

    def counted(symbol: Symbol) -> Expression:
        if symbol.text == name:
            next(turn)
        return symbol

    substituted(formula, counted)
    return next(turn)


def _renamed(
    formula: Expression, names: Sequence[str], stale: Callable[[str, str], bool]
) -> Iterator[_Change]:
    """The formula with one name taken for another, or from another row."""
    for name in names_in(formula):
        count = _count(formula, name)
        places: list[frozenset[int] | None] = [None]
        if 1 < count <= 4:
            for size in range(1, count):
                places += map(frozenset, itertools.combinations(range(count), size))
        for other, cost in _alternatives(name, names, stale):
            for which in places:
                changed = _replaced(formula, name, Symbol(other), which)
                yield _Change(changed, formula, cost + (0.1 if which else 0.0))
    yield from _all_stale(formula, stale)


def _alternatives(
    name: str, names: Sequence[str], stale: Callable[[str, str], bool]
) -> Iterator[tuple[str, float]]:
    for other in names:
        if other != name:
            alike = _kind(other) == _kind(name)
            same_layer = alike and other[:-1] == name[:-1]
            yield other, 1.0 if same_layer else 1.03 if alike else 1.45
    for where in _ROWS:
        if stale(name, where):
            yield f"{name} {_ROWS[where]}", 1.1


def _all_stale(formula: Expression, stale: Callable[[str, str], bool]) -> Iterator[_Change]:
    """Several names at once from another row: all of a kind, or all."""
    names = [name for name in names_in(formula) if split_derivative(name) is None]
    kinds = {
        kind: [name for name in names if _kind(name) == kind] for kind in dict.fromkeys(map(_kind, names))
    }
    for where, row in _ROWS.items():
        for kind, group in {**kinds, "": names}.items():
            group = [name for name in group if stale(name, where)]
            if len(group) < 2:
                continue
            changed = formula
            for name in group:
                changed = _replaced(changed, name, Symbol(f"{name} {row}"), None)
            what = " and ".join(group) if len(group) <= 2 else f"{', '.join(group[:-1])} and {group[-1]}"
            what = what if kind else "everything in it"
            verb = "are" if kind else "is"
            why = ": they were updated already" if where == "below" and kind == "w" else ""
            yield _Change(
                changed,
                f"{what} {verb} taken from {row.removeprefix('of ')}{why}",
                1.1,
                shown=False,
            )


def _difference(old: Expression, new: Expression) -> str:
    """What stands where what belongs: the smallest part of the formula that shows it."""
    while True:
        before, after = _factors(old), _factors(new)
        if len(before) > 1 and len(before) == len(after):
            changed = [(a, b) for a, b in zip(before, after) if _written(a) != _written(b)]
            if len(changed) > 1:
                old, new = (_product(part) for part in zip(*changed))
                break
            ((old, new),) = changed
            continue
        terms, others = _terms(old), _terms(new)
        if len(terms) > 1 and len(terms) == len(others):
            differ = [(a, b) for (_, a), (_, b) in zip(terms, others) if _written(a) != _written(b)]
            # Of a − t the whole is shown: a alone would not tell which a.
            larger = any(isinstance(term, Apply) for _, term in terms)
            if len(differ) == 1 and (larger or _stale_words(*map(_written, differ[0]))):
                ((old, new),) = differ
                continue
        break
    found, right = _written(new), _written(old)
    return _stale_words(right, found) or f"{found} stands where {right} belongs"


def _stale_words(right: str, found: str) -> str:
    """What to say if the one is the other of another row; ``""`` if it is not."""
    for row in _ROWS.values():
        if found == f"{right} {row}":
            why = ", after its update" if row == _ROWS["below"] and right.startswith("w") else ""
            return f"{right} is taken from {row.removeprefix('of ')}{why}"
    return ""


# --- looking for the slip --------------------------------------------------------------------------


@dataclass
class _Case:
    """Printed numbers that are wrong, what belongs there, and what the formula may have read.

    Attributes
    ----------
    rows : the rows of the table whose numbers the formula reads.
    """

    name: str
    printed: Estimate
    right: Estimate
    rows: Rows
    values: Callable[[str], Estimate | None]

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


def diagnose(judged: Judgement, name: str) -> Slip | None:
    """The slip that explains the wrong numbers of a column; None if there is none that stands out."""
    rows = judged.wrong(name)
    rows = rows[~np.isnan(judged.seen[name].value[rows])]
    if not len(rows) or len(judged.wrong_columns) > MANY:
        return None
    weight = name.removesuffix("'")
    if name in judged.network.leaves and not judged.moves(name):
        return _of_constant(judged, name, rows)
    if weight in judged.network.trained:
        if judged.gap > 1 and name == weight:  # a slip in one of many updates leaves no such trace
            return None
        return _of_update(judged, name, weight, rows)
    bases = list(_bases(judged, name))
    case = _case(judged, name, rows, rows)
    return _found(judged, case, bases)


def _bases(judged: Judgement, name: str) -> Iterator[Expression]:
    """The formulas that a column may have been meant to hold: closed, and through one derivative before."""
    network = judged.network
    yield network.formula(name)
    pair = split_derivative(name)
    if pair is None:
        return
    top, bottom = pair
    whole = network.steps(top, bottom)
    for step in whole[1:-1]:
        if step.paths and step.name.text not in ("E1", "E2"):
            rest = network.steps(step.name.text, bottom)
            if rest and rest[-1].paths * step.paths == whole[-1].paths:
                outer = network.symbol(derivative(top, step.name.text))
                yield outer * network.closed(derivative(step.name.text, bottom))


def _case(judged: Judgement, name: str, rows: Rows, reads: Rows, drift: bool = False) -> _Case:
    """The wrong rows; `reads` are those that their formulas read."""
    network = judged.network
    trained = name.removesuffix("'") in network.trained
    lookup: dict[str, Estimate | None] = {}

    def whole(plain: str) -> Estimate | None:
        if plain == RATE:
            return judged.rate
        if plain not in judged.own:
            if plain not in network:
                return None
            judged.derive(plain)
        return judged.own[plain]

    def values(text: str) -> Estimate | None:
        if text not in lookup:
            lookup[text] = found(text)
        return lookup[text]

    def found(text: str) -> Estimate | None:
        for where, row in _ROWS.items():
            if text.endswith(f" {row}"):
                plain = text.removesuffix(f" {row}")
                # A column that is wrong from its own row above would explain anything that hardly changes.
                each = judged.full.get(plain) if plain == name and not trained else whole(plain)
                return None if each is None else _moved(judged, plain, each, where, reads)
        each = whole(text)
        if each is None:
            return None
        if drift:
            return _drifted(judged, text, each, reads)
        return each.take(reads)

    return _Case(name, judged.seen[name].take(rows), judged.right[name].take(rows), reads, values)


def _moved(judged: Judgement, name: str, each: Estimate, where: str, rows: Rows) -> Estimate:
    """A quantity from another row than those."""
    if where == "first":
        return each.take(np.zeros(len(rows), int))
    if where == "above":
        value = np.where(rows > 0, each.value[np.maximum(rows - 1, 0)], math.nan)
        return Estimate(value, each.error[np.maximum(rows - 1, 0)])
    last = judged.count - 1
    below = each.take(np.minimum(rows + 1, last))
    end = np.full(len(rows), math.nan), np.zeros(len(rows))
    if name in judged.network.trained and judged.rate is not None and judged.moves(name):
        after = judged.predictions(name)[0].take(rows)
        end = after.value, after.error
    return below.where(rows < last, Estimate(*end))


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
    names = [name for name in (*judged.network.leaves, *judged.network.formulas) if name != case.name]

    def stale(name: str, where: str) -> bool:
        moving = name not in judged.network.leaves or (name in judged.network.trained and judged.moves(name))
        return moving and judged.count > 1

    shown = {_kind(name) for name in judged.columns}
    changes: list[_Change] = []
    for turn, base in enumerate(bases):
        hidden = any(split_derivative(each) and _kind(each) not in shown for each in names_in(base))
        own = names + [
            derivative(*pair)
            for each in names_in(base)
            if (known := split_derivative(each))
            for pair in itertools.product({known[0], "E1", "E2"} & set(judged.network.formulas), names)
            if _kind(pair[1]) == _kind(known[1]) and pair != known
        ]
        for change in itertools.chain(_renamed(base, own, stale), _reshaped(base)):
            change.cost += 0.02 * turn + 0.3 * hidden
            changes.append(change)
    pair = split_derivative(case.name)
    if pair is not None:
        for other in judged.network.trained if pair[1] in judged.network.trained else ():
            if other != pair[1]:
                symbol = Symbol(derivative(pair[0], other))
                changes.append(
                    _Change(
                        symbol,
                        f"{short(symbol.text)} stands where {short(case.name)} belongs",
                        1.15,
                        shown=False,
                    )
                )
    elif case.name in judged.network.formulas:
        for other in judged.network.formulas:
            if other != case.name and _kind(other) == _kind(case.name):
                words = f"{other} stands where {case.name} belongs"
                changes.append(_Change(Symbol(other), words, 1.15, shown=False))
    for row in _ROWS.values():
        if judged.count > 1:
            changes.append(_Change(Symbol(f"{case.name} {row}"), f"it is the value {row}", 1.12, shown=False))
    tries = [
        lambda: _of_one_number(judged, case),
        lambda: _best(case, changes),
        lambda: _of_number(case),
    ]
    if len(judged.wrong_columns) <= _FEW:
        tries.append(lambda: _best(case, list(_pairs(bases[0], names, stale))))
    return _first_whole(*tries)


def _first_whole(*tries: Callable[[], Slip | None]) -> Slip | None:
    """The first slip that explains all rows that are wrong, else the first that explains some."""
    some = None
    for attempt in tries:
        slip = attempt()
        if slip is not None and slip.share >= _WHOLE:
            return slip
        some = some or slip
    return some


def _best(case: _Case, changes: Sequence[_Change]) -> Slip | None:
    """The simplest of the changes that explains the numbers."""
    few = np.unique(np.linspace(0, len(case.rows) - 1, _SAMPLE).astype(int))
    hits: list[_Hit] = []
    best = math.inf
    seen: set[str] = set()
    for change in sorted(changes, key=lambda change: change.cost):
        if change.cost > best + _NEAR:
            break
        known = case.known(change.formula)
        if known is None or not _may_fit(case, change, known, few):
            continue
        text = TEXT.write(change.formula)
        if text in seen:
            continue
        seen.add(text)
        hit = _tried(case, change, known)
        if hit is not None:
            hits.append(hit)
            if hit.whole:
                best = min(best, change.cost)
    if not hits:
        return None
    hits.sort(key=lambda hit: (not hit.whole, hit.change.cost, hit.rest))
    first, *others = hits
    ties = [
        hit.change.words
        for hit in others
        if hit.whole == first.whole
        and hit.change.cost <= first.change.cost + _NEAR
        and not np.allclose(hit.value, first.value, rtol=1e-11, atol=0.0, equal_nan=True)
    ]
    ties = [words for words in dict.fromkeys(ties) if words != first.change.words]
    if len(ties) >= _MOST_TIES:
        return None
    change = first.change
    written = f"{short(case.name)} = {_written(change.formula)}" if change.shown else ""
    return Slip(change.words, written, first.share, tuple(ties))


@dataclass
class _Hit:
    """A change that explains wrong numbers.

    Attributes
    ----------
    share : of the wrong rows, how many.
    rest : how far off it is, against what rounding allows.
    """

    change: _Change
    value: Array
    share: float
    rest: float

    @property
    def whole(self) -> bool:
        return self.share >= _WHOLE


def _tried(case: _Case, change: _Change, known: Mapping[str, Estimate]) -> _Hit | None:
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
    return _Hit(change, result.value, share, float(np.median(rest[comparable])))


def _may_fit(case: _Case, change: _Change, known: Mapping[str, Estimate], few: Rows) -> bool:
    """A quick look at some rows, without the uncertainty of the result."""
    value = evaluate(change.formula, {name: each.value[few] for name, each in known.items()})
    width = 4.0 * (case.printed.error[few] + case.right.error[few]) + 1e-9 * np.abs(case.printed.value[few])
    width = width + 2.0 * case.right.error[few] * np.abs(value / case.right.value[few])
    near = np.abs(case.printed.value[few] - value) <= width
    return bool(np.any(near))


def _is_different(case: _Case, result: Estimate) -> bool:
    """Whether the change changes anything: a slip that gives the right numbers explains no wrong ones."""
    return bool(np.any(np.abs(result.value - case.right.value) > 0.5 * (result.error + case.right.error)))


def _pairs(base: Expression, names: Sequence[str], stale: Callable[[str, str], bool]) -> Iterator[_Change]:
    """Two changes at once."""
    simple = [change for change in _reshaped(base) if change.cost < 1.3]
    for name in names_in(base):
        for other in names:
            if other != name and _kind(other) == _kind(name):
                changed = _replaced(base, name, Symbol(other), None)
                simple.append(_Change(changed, base, 1.0))
    for change in simple:
        for name in names_in(change.formula):
            for other in names:
                if other != name and _kind(other) == _kind(name):
                    changed = _replaced(change.formula, name, Symbol(other), None)
                    yield _Change(changed, change.formula, change.cost + 1.0, before=change)


def _of_one_number(judged: Judgement, case: _Case) -> Slip | None:
    """The same number in every row that is wrong."""
    printed = case.printed.value
    if len(printed) < 2 or not np.all(np.abs(printed - printed[0]) <= 2.0 * case.printed.error):
        return None
    right = case.right.value
    if printed.any() and np.all(np.abs(right - right[0]) <= 4.0 * (case.printed.error + case.right.error)):
        return None  # where the right numbers do not change either, that is no sign
    first = int(case.rows[0])
    before = judged.seen[case.name].value[first - 1] if first else math.nan
    if abs(before - printed[0]) <= 2.0 * case.printed.error[0]:
        return Slip("it stays at the number of the row before: the formula does not go on", "", 1.0)
    return Slip(f"the number {printed[0]:g} stands in each of these rows", "", 1.0)


def _of_number(case: _Case) -> Slip | None:
    """A constant: a factor too much, or a number that is added."""
    printed, right = case.printed.value, case.right.value
    ratio, rest = printed / right, printed - right
    errors = case.printed.error + case.right.error
    spread = errors / np.abs(right)
    if not (np.isfinite(ratio).all() and np.isfinite(spread).all()):
        return None
    factor = float(np.median(ratio))
    if np.all(np.abs(ratio - factor) <= 2.0 * spread + 1e-12) and (
        len(ratio) > 1 or _is_plain(factor, spread[0])
    ):
        plain = _plainest(factor, float(np.median(spread)))
        words = "its sign is turned" if plain == -1.0 else f"it is {plain:g} times what it should be"
        return Slip(words, "", 1.0)
    added = float(np.median(rest))
    if len(printed) > 1 and np.all(np.abs(rest - added) <= 2.0 * errors):
        return Slip(f"{_plainest(added, float(np.median(errors / abs(added)))):g} is added to it", "", 1.0)
    return None


def _plainest(number: float, spread: float) -> float:
    """The number with the fewest digits that is as near as one can tell."""
    for digits in range(1, 8):
        short_one = float(f"{number:.{digits}g}")
        if abs(short_one - number) <= 2.0 * spread * abs(number) + 1e-12:
            return short_one
    return number


def _is_plain(number: float, spread: float) -> bool:
    return len(f"{_plainest(number, spread):g}") <= 4


def _of_constant(judged: Judgement, name: str, rows: Rows) -> Slip | None:
    """What is given grows from one row to the next."""
    values = judged.seen[name].value
    steps = np.diff(values[rows[0] - 1 :])
    if not (len(steps) > 1 and steps[0] and np.allclose(steps, steps[0], rtol=1e-6, atol=0.0)):
        return None
    words = f"it grows by {steps[0]:g} with each row, as filling down a series does"
    return Slip(f"{words}, where one number belongs", "", 1.0)


def _of_update(judged: Judgement, name: str, weight: str, rows: Rows) -> Slip | None:
    """A slip in w ← w − η ∂E/∂w."""
    assert judged.rate is not None
    network = judged.network
    same_row = judged.after or name != weight
    rows = rows if same_row else rows[rows > 0]
    reads = rows if same_row else rows - 1
    if not len(rows):
        return None
    predicted = judged.predictions(weight, gap=1)[0]
    usual = judged.fits(name, predicted if same_row else judged.moved_down(predicted))
    drift = bool(usual[rows].all())
    case = _case(judged, name, rows, reads, drift)
    slope = derivative(network.output, weight)
    old, rate = network.symbol(weight), network.symbol(RATE)

    def update(gradient: Expression) -> Expression:
        return Apply(_SUB, (old, Apply(_MUL, (rate, gradient))))

    names = [derivative(network.output, each) for each in network.trained]
    names += [*network.trained, *network.formulas]
    base = update(network.symbol(slope))

    def stale(each: str, where: str) -> bool:
        return not drift and each != RATE and (each != weight or where != "below") and judged.count > 1

    changes = [
        _Change(old, "its update is missing: it stays as it is in the row above", 1.0, shown=False),
        _Change(
            update(Apply(_NEG, (network.symbol(slope),))),
            "the step is added, where it belongs subtracted: w + η ∂E/∂w",
            1.0,
        ),
        _Change(
            Apply(_MUL, (rate, network.symbol(slope))),
            f"{weight} itself is missing: only the step stands there",
            1.2,
        ),
        _Change(
            Apply(_NEG, (Apply(_MUL, (rate, network.symbol(slope))),)),
            f"{weight} itself is missing: only the step stands there",
            1.2,
        ),
        _Change(
            Symbol(f"{weight} {_ROWS['first']}"), "it is the value of the first row again", 1.07, shown=False
        ),
    ]
    for other in network.trained:
        if other != weight and not drift:
            theirs = Apply(
                _SUB,
                (
                    network.symbol(other),
                    Apply(_MUL, (rate, network.symbol(derivative(network.output, other)))),
                ),
            )
            changes.append(
                _Change(theirs, f"the update of {other} stands where that of {weight} belongs", 1.15)
            )
    changes += _renamed(base, names, stale)
    changes += [change for change in _reshaped(base) if change.words != f"{_written(old)} is missing"]
    whole = update(network.closed(slope))
    leaves = list(network.leaves) + list(network.formulas)
    tries: list[Callable[[], Slip | None]] = [
        lambda: _best(case, changes),
        lambda: _of_rate(judged, case, weight, slope),
    ]
    if not drift:
        tries.append(lambda: _best(case, [*_renamed(whole, leaves, stale), *_reshaped(whole)]))
        tries.append(lambda: _of_number(case))
    return _first_whole(*tries)


def _of_rate(judged: Judgement, case: _Case, weight: str, slope: str) -> Slip | None:
    """Another learning rate than the sheet's."""
    old, step = case.values(weight), case.values(slope)
    rate = case.values(RATE)
    assert judged.rate is not None
    if old is None or step is None or rate is None:
        return None
    ratio = (old.value - case.printed.value) / step.value
    error = (case.printed.error + old.error + 4e-15) / np.abs(step.value) + np.abs(
        ratio
    ) * step.error / np.abs(step.value)
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
    return Slip(f"the learning rate {found:g} is used, where η = {true:g} belongs", "", 1.0)
