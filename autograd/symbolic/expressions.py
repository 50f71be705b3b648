"""Expressions: the rules of the table run on symbols, and what comes of it in writing.

`Primitive` asks an operand that is not a number what to do with it. A `Value` records a node; an
`Expression` remembers the formula. So the partials of a row, applied to symbols, are the derivative in
symbols, and one rule of the table serves the engine, the derivation and the spreadsheet.

Products keep one numeric coefficient in front and sums lose their zeros, so that what a person would
not write down does not appear: ½ · 2 · (t − y) · (−1) is y − t.
"""

from __future__ import annotations

import functools
import math
import operator
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeGuard

from ..engine.primitives import TABLE, Primitive

__all__ = [
    "OPERATORS",
    "Apply",
    "Expression",
    "Number",
    "Symbol",
    "faithful",
    "is_masked",
    "readable",
]

OPERATORS = frozenset({"add", "sub", "mul", "div", "neg", "pow", "power"})
"""The rows that are written between their operands."""


class Expression:
    """A formula: a `Number`, a `Symbol`, or a row of the table applied to formulas.

    Arithmetic and the functions of the table combine expressions with each other and with numbers.

    Examples
    --------
    >>> from autograd import sigmoid
    >>> from autograd.symbolic import PYTHON, Symbol
    >>> x, y = Symbol("x"), Symbol("y")
    >>> PYTHON.write(sigmoid(2 * x) * (0.0 + y))
    'sigmoid(2.0 * x) * y'
    """

    __slots__ = ()
    size = 1  # how many symbols and numbers it takes to write it

    if TYPE_CHECKING:  # what the table adds below

        def __add__(self, other: Any) -> Expression: ...
        def __neg__(self) -> Expression: ...

        __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = __rtruediv__ = __add__
        __pow__ = __rpow__ = __add__
        __abs__ = __neg__

    @staticmethod
    def __primitive__(row: Primitive, args: Sequence[Any]) -> Expression:
        """The row applied to expressions and numbers, without what changes nothing."""
        operands = tuple(
            tuple(map(as_expression, arg)) if position in row.vectors else as_expression(arg)
            for position, arg in enumerate(args)
        )
        simplify = SIMPLER.get(row.name)
        if simplify is not None:
            return simplify(*operands)
        if row.vectors and row.expansion is not None:
            spelled = _spelled_out(row, operands)
            if spelled is not None:
                return spelled
        return _apply(row, *operands)

    def numbers(self, values: Mapping[Symbol, float], strict: bool = False) -> float:
        """What the expression comes to, given the numbers of its symbols.

        If `strict`, it is nan where something in it overflows: a spreadsheet has an error there, not inf.
        """
        raise NotImplementedError  # abstract: each kind of symbol has its own

    def names(self) -> list[Symbol]:
        """The symbols in it, each once, in the order in which they are written."""
        found: dict[Symbol, None] = {}
        pending: list[Expression] = [self]
        while pending:
            each = pending.pop()
            if isinstance(each, Symbol):
                found[each] = None
            elif isinstance(each, Apply):
                pending += list(flat(each.operands))[::-1]
        return list(found)


class Number(Expression):
    """A number in a formula."""

    __slots__ = ("data",)

    def __init__(self, data: float) -> None:
        self.data = float(data)

    def numbers(self, values: Mapping[Symbol, float], strict: bool = False) -> float:
        return self.data


class Symbol(Expression):
    """A name in a formula.

    Attributes
    ----------
    text : its name.
    latex : how LaTeX writes it, where not as any name: see `notations.latex_name`.
    cell : the reference of the cell that holds it, in a spreadsheet.
    """

    __slots__ = ("cell", "latex", "text")

    def __init__(self, text: str, latex: str = "", cell: str = "") -> None:
        self.text, self.latex, self.cell = text, latex, cell

    def numbers(self, values: Mapping[Symbol, float], strict: bool = False) -> float:
        return values[self]


class Apply(Expression):
    """A row of the table applied to formulas; a sequence among its operands is a tuple."""

    __slots__ = ("operands", "row", "size")

    def __init__(self, row: Primitive, operands: tuple[Any, ...]) -> None:
        self.row, self.operands = row, operands
        self.size = sum(operand.size for operand in flat(operands))

    def numbers(self, values: Mapping[Symbol, float], strict: bool = False) -> float:
        """The row evaluated on the numbers of its operands; a loop, for formulas may be deep."""
        found: dict[int, float] = {}
        pending: list[Any] = [self]
        while pending:
            each = pending[-1]
            if not isinstance(each, Apply):
                found[id(each)] = each.numbers(values)
                pending.pop()
                continue
            missing = [operand for operand in flat(each.operands) if id(operand) not in found]
            if missing:
                pending += missing
                continue
            number = each.row.evaluate(
                *[
                    [found[id(one)] for one in operand] if isinstance(operand, tuple) else found[id(operand)]
                    for operand in each.operands
                ]
            )
            if (
                strict
                and math.isinf(number)
                and all(math.isfinite(found[id(one)]) for one in flat(each.operands))
            ):
                number = math.nan
            found[id(each)] = number
            pending.pop()
        return found[id(self)]


def flat(operands: Iterable[Any]) -> Iterable[Expression]:
    for operand in operands:
        if isinstance(operand, tuple):
            yield from operand
        else:
            yield operand


def as_expression(value: Any) -> Expression:
    """The expression itself, or a number as one."""
    return value if isinstance(value, Expression) else Number(value)


def _apply(row: Primitive, *operands: Any) -> Expression:
    """The application, or if all operands are numbers its number."""
    if all(isinstance(operand, Number) for operand in flat(operands)):
        data = [
            [one.data for one in operand] if isinstance(operand, tuple) else operand.data
            for operand in operands
        ]
        return Number(row.evaluate(*data))
    return Apply(row, operands)


def _spelled_out(row: Primitive, operands: tuple[Any, ...]) -> Expression | None:
    """A sum, mean or dot product with its operators; None for what is more than arithmetic."""
    assert row.expansion is not None
    opened: Expression = row.expansion(*operands)
    pending = [opened]
    while pending:
        each = pending.pop()
        if isinstance(each, Apply):
            if each.row.name not in OPERATORS:
                return None
            pending += flat(each.operands)
    return opened


# --- what is not written down ----------------------------------------------------------------------

_add, _sub, _mul, _div, _neg, _pow = (TABLE[name] for name in ("add", "sub", "mul", "div", "neg", "pow"))


class _Modes(threading.local):
    faithful = False


_modes = _Modes()


@contextmanager
def faithful() -> Iterator[None]:
    """Within it, what is left out changes no digit: the operations stay in their order."""
    before = _modes.faithful
    _modes.faithful = True
    try:
        yield
    finally:
        _modes.faithful = before


def _is(operand: Expression, number: float) -> bool:
    return isinstance(operand, Number) and operand.data == number


def _coefficient(operand: Expression) -> tuple[float, Expression | None]:
    """The numeric factor in front, and the rest."""
    if isinstance(operand, Number):
        return operand.data, None
    if isinstance(operand, Apply):
        sign, inside = (-1.0, operand.operands[0]) if operand.row is _neg else (1.0, operand)
        if isinstance(inside, Apply) and inside.row is _mul and isinstance(inside.operands[0], Number):
            return sign * inside.operands[0].data, inside.operands[1]
        return sign, inside
    return 1.0, operand


def _scaled(coefficient: float, rest: Expression | None) -> Expression:
    if rest is None or coefficient == 0.0:
        return Number(coefficient)
    if coefficient == 1.0:
        return rest
    if coefficient < 0.0:
        turned = _turned(rest)
        if turned is not None:
            return _scaled(-coefficient, turned)
        return Apply(_neg, (_scaled(-coefficient, rest),))
    return Apply(_mul, (Number(coefficient), rest))


def _turned(rest: Expression) -> Expression | None:
    """The negative without a sign in front: a difference turned round, in a product the first one."""
    found: Expression | None = None
    above: list[tuple[Expression | None, Expression | None]] = []
    pending: list[tuple[Expression, tuple[tuple[Expression | None, Expression | None], ...]]] = [(rest, ())]
    while pending and found is None:
        each, way = pending.pop()
        if isinstance(each, Apply) and each.row is _sub:
            found = Apply(_sub, each.operands[::-1])
            above = list(way)
        elif isinstance(each, Apply) and each.row is _mul:
            left, right = each.operands
            pending += [(right, (*way, (left, None))), (left, (*way, (None, right)))]
    for left, right in reversed(above):
        assert found is not None
        found = Apply(_mul, (found if left is None else left, found if right is None else right))
    return found


def _product(left: Expression, right: Expression) -> Expression:
    if _modes.faithful:
        return _faithful_product(left, right)
    for one, other in ((left, right), (right, left)):
        if is_masked(one):  # of a branch that is not taken nothing is computed, not even what it is 0 times
            condition, a, b = one.operands
            return chosen(condition, _product(a, other), _product(b, other))
    (a, first), (b, second) = _coefficient(left), _coefficient(right)
    if a and b and not _FAR[0] < abs(a * b) < _FAR[1]:
        return Apply(_mul, (left, right)) if first or second else Number(a * b)
    if first is None or second is None:
        return _scaled(a * b, first if second is None else second)
    for factor in _factors(second):  # from the left, as the engine multiplies
        first = Apply(_mul, (first, factor))
    return _scaled(a * b, first)


_FAR = 1e-100, 1e100  # between them coefficients are put together


def _factors(formula: Expression) -> list[Expression]:
    factors: list[Expression] = []
    pending = [formula]
    while pending:
        each = pending.pop()
        if isinstance(each, Apply) and each.row is _mul:
            pending += each.operands[::-1]
        else:
            factors.append(each)
    return factors


def is_masked(formula: Expression) -> TypeGuard[Apply]:
    """Whether it is a `where` that is 0 on one side."""
    return (
        isinstance(formula, Apply)
        and formula.row.name == "where"
        and any(_is(branch, 0.0) for branch in formula.operands[1:])
    )


def _faithful_product(left: Expression, right: Expression) -> Expression:
    for one, other in ((left, right), (right, left)):
        if _is(one, 1.0):
            return other
        if _is(one, -1.0):
            return _negative(other)
    return _apply(_mul, left, right)


def _negative(operand: Expression) -> Expression:
    coefficient, rest = _coefficient(operand)
    return _scaled(-coefficient, rest)


def _quotient(left: Expression, right: Expression) -> Expression:
    (a, first), (b, second) = _coefficient(left), _coefficient(right)
    if _modes.faithful and abs(b) != 1.0:
        return _apply(_div, left, right)
    if second is None and math.isfinite(b) and b != 0.0 and math.frexp(b)[0] in (0.5, -0.5):
        return _scaled(a / b, first)  # a power of two: exact
    if second is not None and b in (1.0, -1.0):
        over = Apply(_div, (first or Number(1.0), second))
        return (
            _scaled(a * b, over)
            if (first is not None and not _modes.faithful) or abs(a) == 1.0
            else _apply(_div, _negative(left) if b < 0.0 else left, second)
        )
    return _apply(_div, left, right)


def _sum_of(left: Expression, right: Expression) -> Expression:
    if _is(left, 0.0):
        return right
    if _is(right, 0.0):
        return left
    coefficient, rest = _coefficient(right)
    if coefficient < 0.0:
        return _apply(_sub, left, _scaled(-coefficient, rest))
    return _apply(_add, left, right)


def _difference(left: Expression, right: Expression) -> Expression:
    if _is(right, 0.0):
        return left
    if _is(left, 0.0):
        return _negative(right)
    coefficient, rest = _coefficient(right)
    if coefficient < 0.0:
        return _apply(_add, left, _scaled(-coefficient, rest))
    return _apply(_sub, left, right)


def _raised(base: Expression, exponent: Expression) -> Expression:
    if _is(exponent, 1.0):
        return base
    return Number(1.0) if _is(exponent, 0.0) else _apply(_pow, base, exponent)


def _monomial(c: Expression, a: Expression, n: Expression, k: Expression) -> Expression:
    """c aⁿ⁻ᵏ as it is written."""
    if _modes.faithful:
        return _apply(TABLE["monomial"], c, a, n, k)
    exponent = _apply(_sub, n, k) if isinstance(n, Number) else _difference(n, k)
    known = isinstance(exponent, Number)
    if _is(k, 0.0) and isinstance(exponent, Number) and exponent.data < 0.0:  # a quotient, not a derivative
        return _quotient(c, _raised(a, Number(-exponent.data)))
    return _product(c, _raised(a, exponent) if known else _apply(TABLE["power"], a, exponent))


def chosen(condition: Expression, a: Expression, b: Expression) -> Expression:
    if isinstance(condition, Number):
        return a if condition.data else b
    return _apply(TABLE["where"], condition, a, b)


SIMPLER: dict[str, Callable[..., Expression]] = {
    "add": _sum_of,
    "sub": _difference,
    "mul": _product,
    "div": _quotient,
    "neg": _negative,
    "pow": _raised,
    "monomial": _monomial,
    "where": chosen,
    "sum": lambda values: functools.reduce(_sum_of, values, as_expression(0.0)),
}


def rebuilt(formula: Expression, rule: Callable[[Primitive, list[Any]], Expression]) -> Expression:
    """The formula with each application in it made anew, by the rule, of operands that were."""
    done: dict[int, Expression] = {}
    pending: list[Expression] = [formula]
    while pending:
        each = pending[-1]
        if not isinstance(each, Apply):
            done[id(each)] = each
            pending.pop()
            continue
        missing = [operand for operand in flat(each.operands) if id(operand) not in done]
        if missing:
            pending += missing
            continue
        operands = [
            tuple(done[id(one)] for one in operand) if isinstance(operand, tuple) else done[id(operand)]
            for operand in each.operands
        ]
        done[id(each)] = rule(each.row, operands)
        pending.pop()
    return done[id(formula)]


def readable(formula: Expression) -> Expression:
    """The formula as a person writes it: what was kept for the digits' sake is simplified."""
    return rebuilt(formula, Expression.__primitive__)


for _row in TABLE.values():
    _name = f"__{_row.method}__"
    if _row.method and hasattr(operator, _name):
        setattr(Expression, _name, lambda *args, row=_row: row(*args))
        setattr(Expression, f"__r{_row.method}__", lambda b, a, row=_row: row(a, b))
