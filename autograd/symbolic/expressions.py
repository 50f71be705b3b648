"""Expressions: the rules of the table run on symbols.

An operand that is not a number decides what a row makes of it. A `Value` records a node; an
`Expression` keeps the formula. So the partials of a row, applied to symbols, are the derivative in
symbols, and one rule of the table serves the engine, the derivation and the spreadsheet.

Simplification writes as a person does. Products keep one coefficient in front and sums lose their zeros:
½ · 2 · (t − y) · (−1) is y − t.
"""

from __future__ import annotations

import functools
import math
import operator
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Any, TypeGuard, TypeVar

import numpy as np

from ..engine.primitives import TABLE, Primitive

OPERATORS = frozenset({"add", "sub", "mul", "div", "neg", "pow", "power"})
"""The rows that have an operator."""

T = TypeVar("T")


class Expression:
    """A formula: a `Number`, a `Symbol`, or a row of the table applied to formulas.

    Arithmetic and the functions of the table combine expressions and numbers. Equality is identity.

    Examples
    --------
    >>> from autograd import sigmoid
    >>> from autograd.symbolic import PYTHON, Symbol
    >>> x, y = Symbol("x"), Symbol("y")
    >>> formula = sigmoid(2 * x) * (0.0 + y)
    >>> PYTHON.write(formula), formula.evaluate({x: 0.0, y: 3.0})
    ('sigmoid(2.0 * x) * y', 1.5)
    """

    __slots__ = ()
    size = 1  # the symbols and numbers in its written form

    if TYPE_CHECKING:  # the table adds these below

        def __add__(self, other: Any) -> Expression: ...
        def __neg__(self) -> Expression: ...

        __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = __rtruediv__ = __add__
        __pow__ = __rpow__ = __add__
        __abs__ = __neg__

    @staticmethod
    def __primitive__(row: Primitive, args: Sequence[Any]) -> Expression:
        """The row applied to expressions and numbers, simplified."""
        operands = tuple(
            tuple(map(as_expression, arg)) if position in row.vectors else as_expression(arg)
            for position, arg in enumerate(args)
        )
        if _modes.verbatim:
            return Apply(row, operands)
        simplify = SIMPLER.get(row.name)
        if simplify is not None:
            return simplify(*operands)
        if row.vectors and row.expansion is not None:
            opened: Expression = row.expansion(*operands)
            if all(each.row.name in OPERATORS for each in opened.applications()):
                return opened  # a sum, mean or dot product, with its operators
        return _apply(row, *operands)

    def __eq__(self, other: object) -> bool:
        if _modes.verbatim and self is not other:
            raise TypeError("a formula has no number yet to be compared")
        return self is other

    __hash__ = object.__hash__

    def __bool__(self) -> bool:
        if _modes.verbatim:
            raise TypeError("a formula has no number yet to decide by")
        return True

    def fold(
        self,
        leaf: Callable[[Any], T],
        apply: Callable[[Apply, list[Any]], T],
        found: dict[int, T] | None = None,
    ) -> T:
        """Map the formula from its leaves up: each part once, and by a loop, however deep it is.

        Parameters
        ----------
        leaf : maps a `Symbol` or `Number`.
        apply : maps an application, given the results of its operands; a tuple for a sequence.
        found : the results by the ids of parts, shared by formulas that stay alive meanwhile.
        """
        found = {} if found is None else found
        pending: list[Expression] = [self]
        while pending:
            each = pending.pop()
            if id(each) in found:
                continue
            if not isinstance(each, Apply):
                found[id(each)] = leaf(each)
            elif missing := [operand for operand in flat(each.operands) if id(operand) not in found]:
                pending += (each, *missing)
            else:
                operands = [
                    tuple([found[id(one)] for one in operand])
                    if isinstance(operand, tuple)
                    else found[id(operand)]
                    for operand in each.operands
                ]
                found[id(each)] = apply(each, operands)
        return found[id(self)]

    def evaluate(self, values: Mapping[Symbol, Any], strict: bool = False) -> Any:
        """The value of the formula by IEEE 754, a float or an array of shape (R,).

        Parameters
        ----------
        values : for each symbol a float, or an array of shape (R,), one number for each row.
        strict : floats that overflow are nan, as they are errors in a spreadsheet.
        """

        def apply(each: Apply, operands: list[Any]) -> Any:
            result = each.row(*operands)
            overflows = strict and math.isinf(result) and all(map(math.isfinite, flat(operands)))
            return math.nan if overflows else result

        with np.errstate(all="ignore"):
            return self.fold(lambda leaf: leaf.data if isinstance(leaf, Number) else values[leaf], apply)

    def substituted(self, rule: Callable[[Symbol], Expression]) -> Expression:
        """The formula with each symbol replaced by the rule, and not simplified."""
        return self.fold(
            lambda leaf: rule(leaf) if isinstance(leaf, Symbol) else leaf,
            lambda each, operands: Apply(each.row, tuple(operands)),
        )

    def symbols(self) -> list[Symbol]:
        """Its symbols, each once, in the order of the written form."""
        return [part for part in self._parts() if isinstance(part, Symbol)]

    def applications(self) -> Iterator[Apply]:
        """Its applications, each once, in the order of the written form."""
        return (part for part in self._parts() if isinstance(part, Apply))

    def _parts(self) -> Iterator[Expression]:
        seen: set[int] = set()
        pending: list[Expression] = [self]
        while pending:
            each = pending.pop()
            if id(each) not in seen:
                seen.add(id(each))
                yield each
                if isinstance(each, Apply):
                    pending += list(flat(each.operands))[::-1]


class Number(Expression):
    """A number in a formula."""

    __slots__ = ("data",)

    def __init__(self, data: float) -> None:
        self.data = float(data)


class Symbol(Expression):
    """A name in a formula.

    Attributes
    ----------
    text : its name.
    latex : the name in LaTeX, if it is not `notations.latex_name` of the text.
    cell : the reference of its cell in a spreadsheet.
    """

    __slots__ = ("cell", "latex", "text")

    def __init__(self, text: str, latex: str = "", cell: str = "") -> None:
        self.text, self.latex, self.cell = text, latex, cell


class Apply(Expression):
    """A row of the table applied to formulas; a sequence among its operands is a tuple."""

    __slots__ = ("operands", "row", "size")

    def __init__(self, row: Primitive, operands: tuple[Any, ...]) -> None:
        self.row, self.operands = row, operands
        self.size = sum(operand.size for operand in flat(operands))


def flat(operands: Iterable[Any]) -> Iterator[Any]:
    """The operands, with the elements of each sequence."""
    for operand in operands:
        if isinstance(operand, tuple):
            yield from operand
        else:
            yield operand


def as_expression(value: Any) -> Expression:
    """The expression itself, or the number as one."""
    return value if isinstance(value, Expression) else Number(value)


def _apply(row: Primitive, *operands: Any) -> Expression:
    """The application, or its number if all operands are numbers."""
    application = Apply(row, operands)
    known = all(isinstance(operand, Number) for operand in flat(operands))
    return Number(application.evaluate({})) if known else application


# --- simplification --------------------------------------------------------------------------------

_add, _sub, _mul, _div, _neg, _pow = (TABLE[name] for name in ("add", "sub", "mul", "div", "neg", "pow"))


class _Modes(threading.local):
    faithful = False
    verbatim = False


_modes = _Modes()


@contextmanager
def _switched_on(mode: str) -> Iterator[None]:
    before = getattr(_modes, mode)
    setattr(_modes, mode, True)
    try:
        yield
    finally:
        setattr(_modes, mode, before)


def faithful() -> AbstractContextManager[None]:
    """Within it, simplification changes no digit: the operations stay in their order."""
    return _switched_on("faithful")


def verbatim() -> AbstractContextManager[None]:
    """Within it, nothing is simplified, and a rule that decides by numbers raises a `TypeError`."""
    return _switched_on("verbatim")


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
    if coefficient < 0.0:
        turned = _turned(rest)
        positive = _scaled(-coefficient, turned or rest)
        return positive if turned else Apply(_neg, (positive,))
    return rest if coefficient == 1.0 else Apply(_mul, (Number(coefficient), rest))


def _turned(rest: Expression) -> Expression | None:
    """The negative without a sign in front: the first difference in a product, turned round."""
    pending: list[tuple[Expression, Any]] = [(rest, None)]  # a factor, and (operands, position, place) around
    while pending:
        each, place = pending.pop()
        if isinstance(each, Apply) and each.row is _sub:
            turned = Apply(_sub, each.operands[::-1])
            while place is not None:
                (left, right), position, place = place
                turned = Apply(_mul, (left, turned) if position else (turned, right))
            return turned
        if isinstance(each, Apply) and each.row is _mul:
            pending += [(each.operands[position], (each.operands, position, place)) for position in (1, 0)]
    return None


def _product(left: Expression, right: Expression) -> Expression:
    for one, other in ((left, right), (right, left)):
        if _modes.faithful and (_is(one, 1.0) or _is(one, -1.0)):
            return other if _is(one, 1.0) else _negative(other)
        if not _modes.faithful and is_masked(one):  # nothing is computed in a branch that is not taken
            condition, a, b = one.operands
            return chosen(condition, _product(a, other), _product(b, other))
    if _modes.faithful:
        return _apply(_mul, left, right)
    (a, first), (b, second) = _coefficient(left), _coefficient(right)
    if a and b and not 1e-100 < abs(a * b) < 1e100:  # far out coefficients stay apart
        return Apply(_mul, (left, right)) if first or second else Number(a * b)
    if first is None or second is None:
        return _scaled(a * b, first if second is None else second)
    pending = [second]
    while pending:  # its factors from the left, as the engine multiplies
        each = pending.pop()
        if isinstance(each, Apply) and each.row is _mul:
            pending += each.operands[::-1]
        else:
            first = Apply(_mul, (first, each))
    return _scaled(a * b, first)


def is_masked(formula: Expression) -> TypeGuard[Apply]:
    """Whether it is a `where` that is 0 on one side."""
    return (
        isinstance(formula, Apply)
        and formula.row.name == "where"
        and any(_is(branch, 0.0) for branch in formula.operands[1:])
    )


def _negative(operand: Expression) -> Expression:
    coefficient, rest = _coefficient(operand)
    return _scaled(-coefficient, rest)


def _quotient(left: Expression, right: Expression) -> Expression:
    (a, first), (b, second) = _coefficient(left), _coefficient(right)
    if _modes.faithful and abs(b) != 1.0:
        return _apply(_div, left, right)
    if second is None and math.isfinite(b) and b != 0.0 and math.frexp(b)[0] in (0.5, -0.5):
        return _scaled(a / b, first)  # a power of two: exact
    if second is not None and abs(b) == 1.0:
        if abs(a) == 1.0 or (first is not None and not _modes.faithful):
            return _scaled(a * b, Apply(_div, (first or Number(1.0), second)))
        return _apply(_div, _negative(left) if b < 0.0 else left, second)
    return _apply(_div, left, right)


def _sum_of(left: Expression, right: Expression) -> Expression:
    return right if _is(left, 0.0) else _combined(_add, _sub, left, right)


def _difference(left: Expression, right: Expression) -> Expression:
    return _negative(right) if _is(left, 0.0) else _combined(_sub, _add, left, right)


def _combined(row: Primitive, opposite: Primitive, left: Expression, right: Expression) -> Expression:
    """A sum or difference; a negative right side turns one into the other."""
    if _is(right, 0.0):
        return left
    coefficient, rest = _coefficient(right)
    if coefficient < 0.0:
        return _apply(opposite, left, _scaled(-coefficient, rest))
    return _apply(row, left, right)


def _raised(base: Expression, exponent: Expression) -> Expression:
    if _is(exponent, 1.0):
        return base
    return Number(1.0) if _is(exponent, 0.0) else _apply(_pow, base, exponent)


def _monomial(c: Expression, a: Expression, n: Expression, k: Expression) -> Expression:
    """c aⁿ⁻ᵏ."""
    if _modes.faithful:
        return _apply(TABLE["monomial"], c, a, n, k)
    exponent = _apply(_sub, n, k) if isinstance(n, Number) else _difference(n, k)
    if not isinstance(exponent, Number):
        return _product(c, _apply(TABLE["power"], a, exponent))
    if _is(k, 0.0) and exponent.data < 0.0:  # a quotient, not a derivative
        return _quotient(c, _raised(a, Number(-exponent.data)))
    return _product(c, _raised(a, exponent))


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


def readable(formula: Expression) -> Expression:
    """The formula as a person writes it, simplified where `faithful` was not."""
    return formula.fold(as_expression, lambda each, operands: Expression.__primitive__(each.row, operands))


for _row in TABLE.values():
    _name = f"__{_row.method}__"
    if _row.method and hasattr(operator, _name):
        setattr(Expression, _name, lambda *args, row=_row: row(*args))
        setattr(Expression, f"__r{_row.method}__", lambda b, a, row=_row: row(a, b))
