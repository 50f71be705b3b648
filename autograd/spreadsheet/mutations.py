"""A formula with a slip in it: something swapped, dropped, stale or left unbracketed.

Each mutation is a formula that a person may have written in place of the right one, with words for how it
differs, and how far-fetched it is. `diagnosis` tries them on the numbers. There are thousands: where names
are tried in one place, that is a `Template`, whose holes take the numbers of all of them at once; and the
formula and the words of a mutation are made only for those that fit.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from ..engine.primitives import TABLE
from ..symbolic import TEXT, Apply, Expression, Number, Symbol
from .expected import Network, names_in
from .vocabulary import RATE, short, split_derivative, stem

__all__ = [
    "ACTIVATIONS", "STALE", "Hole", "Mutation", "Stale", "Template", "kin", "pairs", "rated", "renamed",
    "reshaped", "with_holes", "written",
]  # fmt: skip

STALE = {"above": "of the row above", "below": "of the row below", "first": "of the first row"}
"""From which other row a number may be taken, in words."""

_ADD, _SUB, _MUL, _DIV, _NEG, _POW, _SIGMOID, _EXP = (
    TABLE[name] for name in ("add", "sub", "mul", "div", "neg", "pow", "sigmoid", "exp")
)
_SUMS = (_ADD, _SUB, _NEG)
ACTIVATIONS = ("sigmoid", "tanh", "relu", "exp", "softplus")
"""Functions that stand for one another."""


class Stale(Symbol):
    """A quantity of another row, `where` in `STALE`."""

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


@dataclass(eq=False)
class Mutation:
    """A changed formula; `cost`: how far-fetched it is; `shown`: whether the whole of it is shown."""

    made: Expression | Callable[[], Expression]  # the formula, or how it is made when it is asked for
    differs: str | Callable[[], str] | Expression  # how, or from what
    cost: float
    shown: bool = True
    before: Mutation | None = None  # that came first, of two

    @cached_property
    def formula(self) -> Expression:
        return self.made if isinstance(self.made, Expression) else self.made()

    @cached_property
    def words(self) -> str:
        """How it differs."""
        differs = self.differs
        if isinstance(differs, Expression):
            differs = _difference(differs, self.formula)
        words = differs if isinstance(differs, str) else differs()
        return words if self.before is None else f"{self.before.words}, and {words}"


@dataclass(frozen=True)
class Hole:
    """Where a name stood, and the names that are tried there, with how far-fetched each is."""

    symbol: Symbol
    stood: Symbol
    fills: Sequence[tuple[Symbol, float]]


@dataclass(frozen=True)
class Template:
    """A formula with one hole or two: as many mutations as there are ways to fill them."""

    base: Expression  # before the change
    formula: Expression  # with the symbols of the holes in it
    holes: Sequence[Hole]
    cost: float = 0.0  # whatever fills them
    before: Mutation | None = None  # that has `base` as its formula, of two mutations

    @property
    def least(self) -> float:
        """The cost of the least far-fetched of its mutations."""
        return self.cost + sum(min(cost for _, cost in hole.fills) for hole in self.holes)

    def mutation(self, chosen: Sequence[int]) -> Mutation:
        """The mutation with that fill in each hole; two are told one after the other."""
        base, before, cost = self.base, self.before, self.cost
        put = {hole.symbol: hole.stood for hole in self.holes}
        for hole, turn in zip(self.holes, chosen):
            if before is not None:
                base = before.formula
            put[hole.symbol] = hole.fills[turn][0]
            cost += hole.fills[turn][1]
            formula = self.formula.substituted(lambda each, put=dict(put): put.get(each, each))  # type: ignore[misc]  # mypy takes no default of a lambda
            before = Mutation(formula, base, cost, before=before)
        assert before is not None
        return before


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
        if not isinstance(each, Apply) or each.row not in _SUMS:
            found.append((plus, each))
        elif each.row is _NEG:
            pending.append((not plus, each.operands[0]))
        else:
            left, right = each.operands
            pending += [(plus ^ (each.row is _SUB), right), (plus, left)]
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


# --- places in a formula ---------------------------------------------------------------------------

Path = tuple[tuple[int, int | None], ...]  # from the root: of each operand its position, and that within


@functools.lru_cache(maxsize=512)
def _places(formula: Expression) -> list[tuple[Path, Expression, Apply | None]]:
    """Every part of the formula, in the order in which it is written, with its path and what it is in."""
    found: list[tuple[Path, Expression, Apply | None]] = []
    pending: list[tuple[Path, Expression, Apply | None]] = [((), formula, None)]
    while pending:
        path, each, _ = place = pending.pop()
        found.append(place)
        if isinstance(each, Apply):
            for position, operand in reversed([*enumerate(each.operands)]):
                several = enumerate(operand) if isinstance(operand, tuple) else [(None, operand)]
                pending += [
                    ((*path, (position, within)), part, each) for within, part in reversed([*several])
                ]
    return found


@functools.lru_cache(maxsize=512)
def _names(formula: Expression) -> dict[str, list[Path]]:
    """Where each name stands in the formula."""
    found: dict[str, list[Path]] = {}
    for path, each, _ in _places(formula):
        if isinstance(each, Symbol):
            found.setdefault(each.text, []).append(path)
    return found


def _put(formula: Expression, path: Path, new: Expression) -> Expression:
    """The formula with another part there; all that does not lead there stays the same object."""
    above: list[Apply] = []
    each = formula
    for position, within in path:
        assert isinstance(each, Apply)
        above.append(each)
        each = each.operands[position] if within is None else each.operands[position][within]
    for parent, (position, within) in zip(above[::-1], path[::-1]):
        operands = list(parent.operands)
        old = operands[position]
        operands[position] = new if within is None else (*old[:within], new, *old[within + 1 :])
        new = Apply(parent.row, tuple(operands))
    return new


def _put_all(formula: Expression, paths: Sequence[Path], new: Expression) -> Expression:
    for path in paths:
        formula = _put(formula, path, new)
    return formula


# --- changes of the shape --------------------------------------------------------------------------

Change = tuple[Expression, Callable[[], str], float]  # of a part: what it becomes, in words, the cost


@functools.lru_cache(maxsize=64)
def reshaped(formula: Expression) -> list[Mutation]:
    """The formula with one thing dropped, turned, repeated or left without its parentheses."""
    found = []
    for path, part, within in _places(formula):
        rows = {part.row, within.row} if within is not None and isinstance(part, Apply) else {None}
        inner = rows <= {_MUL} or rows <= {*_SUMS}  # of a product or a sum, which is changed as a whole
        for new, words, cost in () if inner else _in_itself(part):
            found.append(Mutation(functools.partial(_put, formula, path, new), words, cost))
    return found


def rated(formula: Expression, rate: float) -> Iterator[Mutation]:
    """The formula with the learning rate for one of its factors that is a number."""
    for path, part, within in _places(formula):
        if isinstance(part, Number) and within is not None and within.row is _MUL:
            eta = f"{RATE} (or 1)" if rate == 1.0 else RATE
            number = "½" if part.data == 0.5 else f"{part.data:g}"
            words = f"{eta} stands where {number} belongs"
            yield Mutation(functools.partial(_put, formula, path, Symbol(RATE)), words, 1.15)


def _in_itself(formula: Expression) -> Iterator[Change]:
    """The changes of a formula itself, not of its parts."""
    factors, terms = _factors(formula), _terms(formula)
    if len(factors) > 1:
        return _in_product(factors)
    if len(terms) > 1:
        return _in_sum(formula, terms)
    return _in_call(formula) if isinstance(formula, Apply) else iter(())


def _in_product(factors: list[Expression]) -> Iterator[Change]:
    for position, factor in enumerate(factors):
        before, after = factors[:position], factors[position + 1 :]
        rest, name = before + after, functools.partial(_bracketed, factor)
        yield _product(rest), _told("the factor {} is missing", name), 1.2
        yield _product([*factors, factor]), _told("the factor {} stands there twice", name), 1.4
        terms = _terms(factor)
        if len(terms) > 1:
            words = _told("the parentheses around {} are missing", factor)
            for ahead, behind in ((before, after), ([], rest), (rest, [])):
                (plus, head), (minus, tail) = terms[0], terms[-1]
                opened = [(plus, _product([*ahead, head])), *terms[1:-1], (minus, _product([tail, *behind]))]
                yield _sum(opened), words, 1.25
            for end in range(1, len(after)):  # what follows further on multiplies all of it
                joined = [*terms[:-1], (terms[-1][0], _product([terms[-1][1], *after[:end]]))]
                yield _product([*before, _sum(joined), *after[end:]]), words, 1.35
    for begin, end in itertools.combinations(range(len(factors) + 1), 2):
        if 1 < end - begin < len(factors):
            gone = _product(factors[begin:end])
            yield _product(factors[:begin] + factors[end:]), _told("{} is missing", gone), 1.3
    for position in range(1, len(factors)):
        before, after = factors[:position], factors[position:]
        left, right = before[-1], after[0]
        for sign, row in (("+", _ADD), ("−", _SUB), ("/", _DIV)):
            names = [functools.partial(_bracketed, each) for each in (left, right)]
            words = _told(f"{sign} stands between {{}} and {{}} where · belongs", *names)
            loose = Apply(row, (_product(before), _product(after)))
            half = _product([Apply(row, (_product(before), right)), *after[1:]])
            tight = _product([*before[:-1], Apply(row, (left, right)), *after[1:]])
            yield from ((each, words, 1.5) for each in (loose, half, tight))


def _in_sum(formula: Expression, terms: list[Term]) -> Iterator[Change]:
    for position, (plus, term) in enumerate(terms):
        before, after = terms[:position], terms[position + 1 :]
        rest = before + after
        yield _sum(rest), _told("{} is missing", term), 1.25
        if not rest[0][0]:
            turned = [(not sign, each) for sign, each in rest]
            mark = "" if plus else "−"
            yield _sum(turned), _told(f"{mark}{{}} is missing in {{}}", term, formula), 1.25
        words = _told("the sign of {} is turned", term)
        if position:
            words = _told(f"{{}} is {'subtracted' if plus else 'added'} in {{}}", term, formula)
        yield _sum([*before, (not plus, term), *after]), words, 1.2
    for position in range(1, len(terms)):
        (sign, left), (plus, right) = terms[position - 1 : position + 1]
        first, *others = _factors(right)
        for mark, row in (("·", _MUL), ("/", _DIV)):
            belongs = "+" if plus else "−"
            words = _told(f"{mark} stands between {{}} and {{}} where {belongs} belongs", left, right)
            joined = _product([*_factors(left)[:-1], Apply(row, (_factors(left)[-1], first)), *others])
            yield _sum([*terms[: position - 1], (sign, joined), *terms[position + 1 :]]), words, 1.5


def _in_call(formula: Apply) -> Iterator[Change]:
    inside, *others = formula.operands
    if formula.row is _POW and isinstance(others[0], Number):
        exponent = others[0].data
        yield inside, _told("the square of {} is missing", functools.partial(_bracketed, inside)), 1.25
        for another in (exponent + 1.0, exponent - 1.0):
            words = _told(f"the exponent {another:g} stands where {exponent:g} belongs")
            yield Apply(_POW, (inside, Number(another))), words, 1.5
    elif formula.row is _DIV:
        (divisor,) = others
        name = functools.partial(_bracketed, divisor)
        yield inside, _told("the division by {} is missing", name), 1.25
        words = _told("· stands between {} and {} where / belongs", inside, name)
        yield Apply(_MUL, (inside, divisor)), words, 1.3
    elif not others and not isinstance(inside, tuple):
        missing = f"{TEXT.call(formula.row)} is missing: the sum itself stands there"
        yield inside, _told("{}", lambda: missing), 1.25
        negative = Apply(_NEG, (inside,))
        turned = f"{TEXT.call(formula.row)}(−{{}}) stands where {{}} belongs"
        yield Apply(formula.row, (negative,)), _told(turned, inside, formula), 1.3
        for other in ACTIVATIONS:
            if TABLE[other] is not formula.row:
                changed = Apply(TABLE[other], (inside,))
                yield changed, _told("{} stands where {} belongs", changed, formula), 1.5
        if formula.row is _SIGMOID:
            power = Apply(_EXP, (negative,))
            less = Apply(_DIV, (Number(1.0), Apply(_SUB, (Number(1.0), power))))
            yield (
                Apply(_ADD, (Number(1.0), power)),
                _told(
                    "1 / 1 + exp(−{0}) stands where 1 / (1 + exp(−{0})) belongs: without parentheses", inside
                ),
                1.25,
            )
            for changed, cost in ((less, 1.3), (power, 1.4)):
                words = _told("{} stands where 1 / (1 + exp(−{})) belongs", changed, inside)
                yield changed, words, cost


def _told(text: str, *names: Expression | Callable[[], str]) -> Callable[[], str]:
    """The text with formulas in it, which are written when it is read."""
    return lambda: text.format(*[written(each) if isinstance(each, Expression) else each() for each in names])


# --- changes of names ------------------------------------------------------------------------------

IsStale = Callable[[str, str], bool]  # whether a name may be taken from that row: a key of `STALE`
_MOST_PLACES = 4  # of one name, beyond which it is taken for another in all of them, or in one


@functools.lru_cache(maxsize=64)
def with_holes(formula: Expression) -> list[tuple[Symbol, Symbol, bool, Expression]]:
    """Each name, a hole for it, whether that stands in some of its places only, and the formula with it."""
    found = []
    for name, paths in _names(formula).items():
        sizes = range(1, len(paths)) if len(paths) <= _MOST_PLACES else [1]
        some = itertools.chain.from_iterable(itertools.combinations(paths, size) for size in sizes)
        for places in (paths, *some):
            hole = Symbol("□")
            formula_with = _put_all(formula, places, hole)
            found.append((hole, Symbol(name), places is not paths, formula_with))
    return found


def renamed(
    network: Network, formula: Expression, names: Sequence[str], stale: IsStale
) -> Iterator[Template | Mutation]:
    """The formula with one name taken for another, or from another row."""
    fills: dict[str, list[tuple[Symbol, float]]] = {}
    for hole, stood, some, with_hole in with_holes(formula):
        if stood.text not in fills:
            fills[stood.text] = list(_alternatives(network, stood.text, names, stale))
        if fills[stood.text]:
            cost = 0.1 if some else 0.0
            yield Template(formula, with_hole, [Hole(hole, stood, fills[stood.text])], cost)
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
                changed = _put_all(changed, _names(formula)[name], Stale(network, name, where))
            what = " and ".join(group) if len(group) <= 2 else f"{', '.join(group[:-1])} and {group[-1]}"
            words = f"{what} are" if kind else "everything in it is"
            late = where == "below" and kind and network.weights.issuperset(group)
            why = ": they were updated already" if late else ""
            yield Mutation(changed, f"{words} taken from {row.removeprefix('of ')}{why}", 1.1, shown=False)


def pairs(network: Network, base: Expression, names: Sequence[str]) -> Iterator[Template]:
    """Two changes at once; the second takes a name for another of its kind."""

    def fills(name: str) -> list[tuple[Symbol, float]]:
        return [(Symbol(other), 1.0) for other in kin(network, name, names)]

    several = {name: some for name in names_in(base) if (some := fills(name))}
    for one, other in itertools.combinations(several, 2):
        holes = [Hole(Symbol("□"), Symbol(name), several[name]) for name in (one, other)]
        formula = base
        for hole in holes:
            formula = _put_all(formula, _names(base)[hole.stood.text], hole.symbol)
        yield Template(base, formula, holes)
    for change in reshaped(base):
        if change.cost < 1.3:
            for name, paths in _names(change.formula).items():
                if name in several:
                    hole = Hole(Symbol("□"), Symbol(name), several[name])
                    formula = _put_all(change.formula, paths, hole.symbol)
                    yield Template(change.formula, formula, [hole], change.cost, change)


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
