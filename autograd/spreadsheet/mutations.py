"""A formula with a slip in it: something swapped, dropped, stale or left unbracketed.

Each mutation is a formula that a person may have written in place of the right one, with words for how it
differs, and how far-fetched it is. `diagnosis` tries them on the numbers.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from ..engine.primitives import TABLE
from ..symbolic import TEXT, Apply, Expression, Number, Symbol
from ..symbolic.expressions import flat
from .expected import Network, names_in
from .vocabulary import short, split_derivative, stem

__all__ = ["STALE", "Mutation", "Stale", "kin", "pairs", "renamed", "replaced", "reshaped", "written"]

STALE = {"above": "of the row above", "below": "of the row below", "first": "of the first row"}
"""From which other row a number may be taken, in words."""

_ADD, _SUB, _MUL, _DIV, _NEG, _POW, _SIGMOID, _EXP = (
    TABLE[name] for name in ("add", "sub", "mul", "div", "neg", "pow", "sigmoid", "exp")
)
_MISTAKEN = ("sigmoid", "tanh", "relu", "exp", "softplus")  # functions that stand for one another


class Stale(Symbol):
    """A quantity of another row.

    Attributes
    ----------
    name, where : the quantity, and a key of `STALE`.
    """

    __slots__ = ("_trained", "name", "where")

    def __init__(self, network: Network, name: str, where: str) -> None:
        super().__init__(f"{name} {STALE[where]}")
        self.name, self.where, self._trained = name, where, name in network.trained

    def words(self, right: Expression) -> str:
        """What is wrong, if the quantity of the same row belongs there; else ``""``."""
        if not isinstance(right, Symbol) or right.text != self.name:
            return ""
        why = ", after its update" if self.where == "below" and self._trained else ""
        return f"{short(self.name)} is taken from {STALE[self.where].removeprefix('of ')}{why}"


@dataclass
class Mutation:
    """A changed formula.

    Attributes
    ----------
    differs : how, in words; or from what.
    cost : how far-fetched it is.
    shown : whether the whole formula is worth showing.
    before : the mutation that came first, of two.
    """

    formula: Expression
    differs: str | Expression
    cost: float
    shown: bool = True
    before: Mutation | None = None

    @cached_property
    def words(self) -> str:
        differs = self.differs  # put into words only for those that matter
        words = differs if isinstance(differs, str) else _difference(differs, self.formula)
        return words if self.before is None else f"{self.before.words}, and {words}"


def written(formula: Expression) -> str:
    return short(TEXT.write(formula))


# --- formulas as products and sums -----------------------------------------------------------------

Term = tuple[bool, Expression]  # whether it is added rather than subtracted, and what it is


def _factors(formula: Expression) -> list[Expression]:
    found, pending = [], [formula]
    while pending:
        each = pending.pop()
        if isinstance(each, Apply) and each.row is _MUL:
            pending += each.operands[::-1]
        else:
            found.append(each)
    return found


def _terms(formula: Expression) -> list[Term]:
    found: list[Term] = []
    pending = [(True, formula)]
    while pending:
        plus, each = pending.pop()
        if isinstance(each, Apply) and each.row in (_ADD, _SUB):
            left, right = each.operands
            pending += [(plus ^ (each.row is _SUB), right), (plus, left)]
        elif isinstance(each, Apply) and each.row is _NEG:
            pending.append((not plus, each.operands[0]))
        else:
            found.append((plus, each))
    return found


def _product(factors: Sequence[Expression]) -> Expression:
    return functools.reduce(lambda a, b: Apply(_MUL, (a, b)), factors) if factors else Number(1.0)


def _sum(terms: Sequence[Term]) -> Expression:
    if not terms:
        return Number(0.0)
    plus, first = terms[0]
    total = first if plus else Apply(_NEG, (first,))
    for plus, term in terms[1:]:
        total = Apply(_ADD if plus else _SUB, (total, term))
    return total


def _bracketed(formula: Expression) -> str:
    text = written(formula)
    return f"({text})" if len(_terms(formula)) > 1 else text


# --- changes of the shape --------------------------------------------------------------------------


def reshaped(formula: Expression) -> Iterator[Mutation]:
    """The formula with one thing dropped, turned, repeated or left without its parentheses."""
    within: list[tuple[_Around, Iterator[Mutation | _Part]]] = [(lambda part: part, _in_itself(formula))]
    while within:  # the formula, a part of it, a part of that
        change = next(within[-1][1], None)
        if change is None:
            within.pop()
        elif isinstance(change, Mutation):
            whole = functools.reduce(lambda part, each: each[0](part), within[::-1], change.formula)
            yield Mutation(whole, change.differs, change.cost)
        else:
            within.append((change.around, _in_itself(change.part)))


_Around = Callable[[Expression], Expression]  # a part of a formula to the formula with that part


@dataclass(frozen=True)
class _Part:
    """A part of a formula that is changed in its turn, and what stands around it."""

    part: Expression
    around: _Around


def _in_itself(formula: Expression) -> Iterator[Mutation | _Part]:
    """The changes of a formula, and between them the parts of it."""
    factors, terms = _factors(formula), _terms(formula)
    if len(factors) > 1:
        return _in_product(factors)
    if len(terms) > 1:
        return _in_sum(formula, terms)
    return _in_call(formula) if isinstance(formula, Apply) else iter(())


def _among_factors(before: list[Expression], after: list[Expression], part: Expression) -> Expression:
    return _product([*before, part, *after])


def _among_terms(before: list[Term], plus: bool, after: list[Term], part: Expression) -> Expression:
    return _sum([*before, (plus, part), *after])


def _in_product(factors: list[Expression]) -> Iterator[Mutation | _Part]:
    for position, factor in enumerate(factors):
        before, after = factors[:position], factors[position + 1 :]
        rest, name = before + after, _bracketed(factor)
        yield Mutation(_product(rest), f"the factor {name} is missing", 1.2)
        yield Mutation(_product([*factors, factor]), f"the factor {name} stands there twice", 1.4)
        terms = _terms(factor)
        if len(terms) > 1:
            words = f"the parentheses around {written(factor)} are missing"
            for ahead, behind in ((before, after), ([], rest), (rest, [])):
                (plus, head), (minus, tail) = terms[0], terms[-1]
                opened = [(plus, _product([*ahead, head])), *terms[1:-1], (minus, _product([tail, *behind]))]
                yield Mutation(_sum(opened), words, 1.25)
        yield _Part(factor, functools.partial(_among_factors, before, after))
    for begin, end in itertools.combinations(range(len(factors) + 1), 2):
        if 1 < end - begin < len(factors):
            words = f"{written(_product(factors[begin:end]))} is missing"
            yield Mutation(_product(factors[:begin] + factors[end:]), words, 1.3)
    for position in range(1, len(factors)):
        before, after = factors[:position], factors[position:]
        left, right = before[-1], after[0]
        for sign, row in (("+", _ADD), ("−", _SUB), ("/", _DIV)):
            words = f"{sign} stands between {_bracketed(left)} and {_bracketed(right)} where · belongs"
            loose = Apply(row, (_product(before), _product(after)))
            half = _product([Apply(row, (_product(before), right)), *after[1:]])
            tight = _product([*before[:-1], Apply(row, (left, right)), *after[1:]])
            yield from (Mutation(each, words, 1.5) for each in (loose, half, tight))


def _in_sum(formula: Expression, terms: list[Term]) -> Iterator[Mutation | _Part]:
    for position, (plus, term) in enumerate(terms):
        before, after = terms[:position], terms[position + 1 :]
        rest, name = before + after, written(term)
        yield Mutation(_sum(rest), f"{name} is missing", 1.25)
        if not rest[0][0]:
            turned = [(not sign, each) for sign, each in rest]
            words = f"{'' if plus else '−'}{name} is missing in {written(formula)}"
            yield Mutation(_sum(turned), words, 1.25)
        words = f"{name} is {'subtracted' if plus else 'added'} in {written(formula)}"
        words = words if position else f"the sign of {name} is turned"
        yield Mutation(_sum([*before, (not plus, term), *after]), words, 1.2)
        yield _Part(term, functools.partial(_among_terms, before, plus, after))
    for position in range(1, len(terms)):
        (sign, left), (plus, right) = terms[position - 1 : position + 1]
        first, *others = _factors(right)
        for mark, row in (("·", _MUL), ("/", _DIV)):
            words = f"{mark} stands between {written(left)} and {written(right)} where "
            joined = _product([*_factors(left)[:-1], Apply(row, (_factors(left)[-1], first)), *others])
            merged = [*terms[: position - 1], (sign, joined), *terms[position + 1 :]]
            yield Mutation(_sum(merged), f"{words}{'+' if plus else '−'} belongs", 1.5)


def _in_call(formula: Apply) -> Iterator[Mutation | _Part]:
    inside, *others = formula.operands
    if formula.row is _POW and isinstance(others[0], Number):
        exponent = others[0].data
        yield Mutation(inside, f"the square of {_bracketed(inside)} is missing", 1.25)
        for another in (exponent + 1.0, exponent - 1.0):
            words = f"the exponent {another:g} stands where {exponent:g} belongs"
            yield Mutation(Apply(_POW, (inside, Number(another))), words, 1.5)
    elif others or isinstance(inside, tuple):
        return
    else:
        belongs = f"stands where {written(formula)} belongs"
        yield Mutation(inside, f"{TEXT.call(formula.row)} is missing: the sum itself stands there", 1.25)
        negative = Apply(_NEG, (inside,))
        words = f"{TEXT.call(formula.row)}(−{written(inside)}) {belongs}"
        yield Mutation(Apply(formula.row, (negative,)), words, 1.3)
        for other in _MISTAKEN:
            if TABLE[other] is not formula.row:
                changed = Apply(TABLE[other], (inside,))
                yield Mutation(changed, f"{written(changed)} {belongs}", 1.5)
        if formula.row is _SIGMOID:
            power = Apply(_EXP, (negative,))
            belongs = f"stands where 1 / (1 + exp(−{written(inside)})) belongs"
            for changed, cost in ((Apply(_ADD, (Number(1.0), power)), 1.25), (power, 1.4)):
                yield Mutation(changed, f"{written(changed)} {belongs}", cost)
    yield _Part(inside, lambda part: Apply(formula.row, (part, *others)))


# --- changes of names ------------------------------------------------------------------------------


def replaced(
    formula: Expression, name: str, other: Symbol, which: frozenset[int] | None = None
) -> Expression:
    """The formula with another name in some of the places of one, or in all."""
    turn = itertools.count()
    done: list[Expression] = []
    pending: list[tuple[Expression, bool]] = [(formula, False)]
    while pending:  # place by place, for a symbol is one object wherever it stands
        each, ready = pending.pop()
        if not isinstance(each, Apply):
            found = isinstance(each, Symbol) and each.text == name
            done.append(other if found and (which is None or next(turn) in which) else each)
        elif not ready:
            pending.append((each, True))
            pending += [(operand, False) for operand in [*flat(each.operands)][::-1]]
        else:
            count = len([*flat(each.operands)])
            parts = iter(done[-count:])
            del done[-count:]
            operands = [
                tuple(itertools.islice(parts, len(operand))) if isinstance(operand, tuple) else next(parts)
                for operand in each.operands
            ]
            done.append(Apply(each.row, tuple(operands)))
    return done[0]


def _count(formula: Expression, name: str) -> int:
    """In how many places a name stands."""
    count, pending = 0, [formula]
    while pending:
        each = pending.pop()
        if isinstance(each, Apply):
            pending += flat(each.operands)
        else:
            count += isinstance(each, Symbol) and each.text == name
    return count


IsStale = Callable[[str, str], bool]  # whether a name may be taken from that row: a key of `STALE`


def renamed(
    network: Network, formula: Expression, names: Sequence[str], stale: IsStale
) -> Iterator[Mutation]:
    """The formula with one name taken for another, or from another row."""
    for name in names_in(formula):
        count = _count(formula, name)
        places: list[frozenset[int] | None] = [None]
        if 1 < count <= 4:
            for size in range(1, count):
                places += map(frozenset, itertools.combinations(range(count), size))
        for other, cost in _alternatives(network, name, names, stale):
            for which in places:
                changed = replaced(formula, name, other, which)
                yield Mutation(changed, formula, cost + (0.1 if which else 0.0))
    yield from _all_stale(network, formula, stale)


def kin(network: Network, name: str, names: Sequence[str]) -> list[str]:
    """The other names of the same kind."""
    return [other for other in names if other != name and network.kind(other) == network.kind(name)]


def _alternatives(
    network: Network, name: str, names: Sequence[str], stale: IsStale
) -> Iterator[tuple[Symbol, float]]:
    alike = set(kin(network, name, names))
    for other in names:
        if other != name:
            same_layer = other in alike and stem(other) == stem(name)
            yield Symbol(other), 1.0 if same_layer else 1.03 if other in alike else 1.45
    for where in STALE:
        if stale(name, where):
            yield Stale(network, name, where), 1.1


def _all_stale(network: Network, formula: Expression, stale: IsStale) -> Iterator[Mutation]:
    """Several names at once from another row: all of a kind, or all."""
    names = [name for name in names_in(formula) if split_derivative(name) is None]
    groups = {
        kind: [name for name in names if network.kind(name) == kind] for kind in map(network.kind, names)
    }
    for where, row in STALE.items():
        for kind, group in {**groups, "": names}.items():
            group = [name for name in group if stale(name, where)]
            if len(group) < 2:
                continue
            changed = formula
            for name in group:
                changed = replaced(changed, name, Stale(network, name, where))
            what = " and ".join(group) if len(group) <= 2 else f"{', '.join(group[:-1])} and {group[-1]}"
            words = f"{what} are" if kind else "everything in it is"
            late = where == "below" and kind and network.weights.issuperset(group)
            why = ": they were updated already" if late else ""
            yield Mutation(changed, f"{words} taken from {row.removeprefix('of ')}{why}", 1.1, shown=False)


def pairs(network: Network, base: Expression, names: Sequence[str]) -> Iterator[Mutation]:
    """Two changes at once, the second of which takes a name for one of its kind."""
    simple = [change for change in reshaped(base) if change.cost < 1.3]
    for name in names_in(base):
        for other in kin(network, name, names):
            simple.append(Mutation(replaced(base, name, Symbol(other)), base, 1.0))
    for change in simple:
        for name in names_in(change.formula):
            for other in kin(network, name, names):
                changed = replaced(change.formula, name, Symbol(other))
                yield Mutation(changed, change.formula, change.cost + 1.0, before=change)


# --- in words --------------------------------------------------------------------------------------


def _difference(old: Expression, new: Expression) -> str:
    """What stands where what belongs: the smallest part of the formula that shows it."""
    while True:
        before, after = _factors(old), _factors(new)
        if len(before) > 1 and len(before) == len(after):
            changed = [(a, b) for a, b in zip(before, after) if written(a) != written(b)]
            if len(changed) > 1:
                old, new = (_product(part) for part in zip(*changed))
                break
            ((old, new),) = changed
            continue
        terms, others = _terms(old), _terms(new)
        if len(terms) > 1 and len(terms) == len(others):
            differ = [(a, b) for (_, a), (_, b) in zip(terms, others) if written(a) != written(b)]
            # Of a − t the whole is shown: a alone would not tell which a.
            larger = any(isinstance(term, Apply) for _, term in terms)
            if len(differ) == 1 and (larger or _stale_words(*differ[0])):
                ((old, new),) = differ
                continue
        break
    return _stale_words(old, new) or f"{written(new)} stands where {written(old)} belongs"


def _stale_words(right: Expression, found: Expression) -> str:
    return found.words(right) if isinstance(found, Stale) else ""
