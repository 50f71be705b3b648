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
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .primitives import TABLE, Primitive

__all__ = [
    "LATEX",
    "PYTHON",
    "SHEET",
    "TEXT",
    "Apply",
    "Expression",
    "Notation",
    "Number",
    "Symbol",
    "in_cells",
    "latex_name",
]


class Expression:
    """A formula: a `Number`, a `Symbol`, or a row of the table applied to formulas.

    Arithmetic and the functions of the table combine expressions with each other and with numbers.

    Examples
    --------
    >>> from autograd import sigmoid
    >>> from autograd.symbols import PYTHON, Symbol
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
        simplify = _SIMPLER.get(row.name)
        if simplify is not None:
            return simplify(*operands)
        if row.vectors and row.expansion is not None:
            spelled = _spelled_out(row, operands)
            if spelled is not None:
                return spelled
        return _apply(row, *operands)

    def numbers(self, values: Mapping[Symbol, float]) -> float:
        """What the expression comes to, given the numbers of its symbols."""
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
                pending += list(_flat(each.operands))[::-1]
        return list(found)


class Number(Expression):
    """A number in a formula."""

    __slots__ = ("data",)

    def __init__(self, data: float) -> None:
        self.data = float(data)

    def numbers(self, values: Mapping[Symbol, float]) -> float:
        return self.data


class Symbol(Expression):
    """A name in a formula.

    Attributes
    ----------
    text, latex : how it is written.
    cell : the reference of the cell that holds it, in a spreadsheet.
    """

    __slots__ = ("cell", "latex", "text")

    def __init__(self, text: str, latex: str = "", cell: str = "") -> None:
        self.text, self.latex, self.cell = text, latex or latex_name(text), cell

    def numbers(self, values: Mapping[Symbol, float]) -> float:
        return values[self]


class Apply(Expression):
    """A row of the table applied to formulas; a sequence among its operands is a tuple."""

    __slots__ = ("operands", "row", "size")

    def __init__(self, row: Primitive, operands: tuple[Any, ...]) -> None:
        self.row, self.operands = row, operands
        self.size = sum(operand.size for operand in _flat(operands))

    def numbers(self, values: Mapping[Symbol, float]) -> float:
        """The row evaluated on the numbers of its operands; a loop, for formulas may be deep."""
        found: dict[int, float] = {}
        pending: list[Any] = [self]
        while pending:
            each = pending[-1]
            if not isinstance(each, Apply):
                found[id(each)] = each.numbers(values)
                pending.pop()
                continue
            missing = [operand for operand in _flat(each.operands) if id(operand) not in found]
            if missing:
                pending += missing
                continue
            found[id(each)] = each.row.evaluate(
                *[
                    [found[id(one)] for one in operand] if isinstance(operand, tuple) else found[id(operand)]
                    for operand in each.operands
                ]
            )
            pending.pop()
        return found[id(self)]


def _flat(operands: Iterable[Any]) -> Iterable[Expression]:
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
    if all(isinstance(operand, Number) for operand in _flat(operands)):
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
            pending += _flat(each.operands)
    return opened


# --- what is not written down ----------------------------------------------------------------------

_add, _sub, _mul, _div, _neg, _pow = (TABLE[name] for name in ("add", "sub", "mul", "div", "neg", "pow"))


def _is(operand: Expression, number: float) -> bool:
    return isinstance(operand, Number) and operand.data == number


def _coefficient(operand: Expression) -> tuple[float, Expression | None]:
    """The numeric factor in front, and the rest."""
    if isinstance(operand, Number):
        return operand.data, None
    if isinstance(operand, Apply):
        if operand.row is _neg:
            return -1.0, operand.operands[0]
        if operand.row is _mul and isinstance(operand.operands[0], Number):
            return operand.operands[0].data, operand.operands[1]
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
    return Apply(_neg, (rest,)) if coefficient == -1.0 else Apply(_mul, (Number(coefficient), rest))


def _turned(rest: Expression) -> Expression | None:
    """The negative without a sign in front: a difference turned round, in a product the first one."""
    if not isinstance(rest, Apply):
        return None
    if rest.row is _sub:
        return Apply(_sub, rest.operands[::-1])
    if rest.row is _mul:
        left, right = rest.operands
        turned = _turned(left)
        if turned is not None:
            return Apply(_mul, (turned, right))
        turned = _turned(right)
        return None if turned is None else Apply(_mul, (left, turned))
    return None


def _product(left: Expression, right: Expression) -> Expression:
    (a, first), (b, second) = _coefficient(left), _coefficient(right)
    both = first if second is None else second if first is None else Apply(_mul, (first, second))
    return _scaled(a * b, both)


def _quotient(left: Expression, right: Expression) -> Expression:
    (a, first), (b, second) = _coefficient(left), _coefficient(right)
    if second is None and math.isfinite(b) and b != 0.0 and math.frexp(b)[0] in (0.5, -0.5):
        return _scaled(a / b, first)  # a power of two: exact
    if second is not None and b in (1.0, -1.0):
        over = Apply(_div, (first or Number(1.0), second))
        return (
            _scaled(a * b, over)
            if first is not None or abs(a) == 1.0
            else _apply(_div, Number(a * b), second)
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
        return _scaled(-1.0, right)
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
    exponent = _apply(_sub, n, k) if isinstance(n, Number) else _difference(n, k)
    known = isinstance(exponent, Number)
    return _product(c, _raised(a, exponent) if known else _apply(TABLE["power"], a, exponent))


def _chosen(condition: Expression, a: Expression, b: Expression) -> Expression:
    if isinstance(condition, Number):
        return a if condition.data else b
    return _apply(TABLE["where"], condition, a, b)


_SIMPLER: dict[str, Callable[..., Expression]] = {
    "add": _sum_of,
    "sub": _difference,
    "mul": _product,
    "div": _quotient,
    "neg": functools.partial(_product, Number(-1.0)),
    "pow": _raised,
    "monomial": _monomial,
    "where": _chosen,
    "sum": lambda values: functools.reduce(_sum_of, values, as_expression(0.0)),
}

for _row in TABLE.values():
    _name = f"__{_row.method}__"
    if _row.method and hasattr(operator, _name):
        setattr(Expression, _name, lambda *args, row=_row: row(*args))
        setattr(Expression, f"__r{_row.method}__", lambda b, a, row=_row: row(a, b))


# --- notations -------------------------------------------------------------------------------------

_ATOM = 9.0  # binds tighter than any operator

# For each operator how it is written, how tightly an operand must bind to stand without parentheses, and
# how tightly the whole binds.
Operators = Mapping[str, tuple[str, tuple[float, ...], float]]

_IN_LINE: Operators = {
    "add": ("{} + {}", (1, 1), 1),
    "sub": ("{} − {}", (1, 2), 1),
    "neg": ("−{}", (2,), 1.5),
    "mul": ("{} · {}", (2, 2), 2),
    "div": ("{} / {}", (2, 3), 2),
    "pow": ("{}^{}", (5, 5), 4),
    "power": ("{}^{}", (5, 5), 4),
}

OPERATORS = frozenset(_IN_LINE)
"""The rows that are written between their operands."""


@dataclass(frozen=True)
class Notation:
    """A way of writing formulas down.

    Attributes
    ----------
    symbol, number : how a `Symbol` and a number are written.
    operators : how the `OPERATORS` are.
    call : how the other rows are, given the row and its operands in writing, a list where it has a sequence.
    value : how a number is written that is the value of something, rather than part of a formula.
    parentheses : what stands around an operand that binds less tightly.
    beside : whether a name before a parenthesis needs no sign of multiplication: a (1 − a).
    """

    symbol: Callable[[Symbol], str]
    number: Callable[[float], str]
    operators: Operators
    call: Callable[[Primitive, list[Any]], str]
    value: Callable[[float], str] = repr
    parentheses: str = "({})"
    beside: bool = False

    def write(self, formula: Expression) -> str:
        """The formula as text; a loop, for formulas may be deep."""
        done: dict[int, tuple[str, float]] = {}
        pending: list[Expression] = [formula]
        while pending:
            each = pending[-1]
            if isinstance(each, Apply):
                missing = [operand for operand in _flat(each.operands) if id(operand) not in done]
                if missing:
                    pending += missing
                    continue
            done[id(each)] = self._written(each, done)
            pending.pop()
        return done[id(formula)][0]

    def _written(self, each: Expression, done: Mapping[int, tuple[str, float]]) -> tuple[str, float]:
        if isinstance(each, Symbol):
            return self.symbol(each), _ATOM
        if isinstance(each, Number):
            return self.number(each.data), 1.5 if math.copysign(1.0, each.data) < 0.0 else _ATOM
        assert isinstance(each, Apply)
        if each.row.name not in self.operators:
            texts: list[Any] = [
                [done[id(one)][0] for one in operand] if isinstance(operand, tuple) else done[id(operand)][0]
                for operand in each.operands
            ]
            return self.call(each.row, texts), _ATOM
        template, least, binding = self.operators[each.row.name]
        operands = [done[id(operand)] for operand in each.operands]
        loose = [bound < needed for (_, bound), needed in zip(operands, least)]
        written = [
            self.parentheses.format(text) if open else text for (text, _), open in zip(operands, loose)
        ]
        if self.beside and each.row is _mul and loose[1] and _ends_in_name(each.operands[0]):
            template = "{} {}"
        return template.format(*written), binding


def _ends_in_name(formula: Expression) -> bool:
    while isinstance(formula, Apply) and formula.row is _mul:
        formula = formula.operands[1]
    return isinstance(formula, Symbol)


def _plain_number(data: float) -> str:
    """All digits that are needed to read the same number again, as few as there can be."""
    text = repr(data)
    return text[:-2] if text.endswith(".0") else text


def _text_call(row: Primitive, operands: list[Any]) -> str:
    texts = [f"[{', '.join(each)}]" if isinstance(each, list) else each for each in operands]
    if "·" in row.symbol and len(texts) == 1:  # |·|
        return row.symbol.replace("·", texts[0])
    name = row.symbol if re.fullmatch(r"\w+|√", row.symbol) else row.name
    return f"{name}({', '.join(texts)})"


def _python_call(row: Primitive, operands: list[Any]) -> str:
    texts = [f"[{', '.join(each)}]" if isinstance(each, list) else each for each in operands]
    return f"{row.name}({', '.join(texts)})"


def _latex_call(row: Primitive, operands: list[Any]) -> str:
    texts = [
        r"\left[" + ", ".join(each) + r"\right]" if isinstance(each, list) else each for each in operands
    ]
    if "{" in row.latex:
        return row.latex.format(*texts)
    name = row.latex or rf"\operatorname{{{row.name}}}".replace("_", r"\_")
    return rf"{name}\left({', '.join(texts)}\right)"


def _latex_number(data: float) -> str:
    if not math.isfinite(data):
        return {math.inf: r"\infty", -math.inf: r"-\infty"}.get(data, r"\text{nan}")
    digits, _, exponent = _plain_number(data).partition("e")
    return rf"{digits} \cdot 10^{{{int(exponent)}}}" if exponent else digits


# In mathematics mode, so that LaTeX, MathJax and KaTeX read it alike.
_ESCAPES = str.maketrans(
    {
        **{character: "\\" + character for character in "#$%&_{} "},
        "\\": r"\backslash ",
        "^": r"\uparrow ",
        "~": r"\sim ",
        "\n": "\\ ",
    }
)
_GREEK = frozenset(
    ("alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "kappa", "lambda", "mu", "nu")
    + ("xi", "rho", "sigma", "tau", "phi", "chi", "psi", "omega")
)


def latex_text(text: str) -> str:
    """Plain words for LaTeX's text mode: what it would take for a command is left out."""
    return re.sub(r"[\\{}$&#^_%~]", "", text)


def latex_name(text: str) -> str:
    r"""A label as a mathematical name: what follows the first underscore, or a number, is an index.

    Examples
    --------
    >>> from autograd.symbols import latex_name
    >>> latex_name("w5"), latex_name("a_o1"), latex_name("E_total")
    ('w_{5}', 'a_{o1}', 'E_{\\mathrm{total}}')
    """
    match = re.fullmatch(r"([^\W\d_]+?)(?:_(\w+)|(\d+))?", text)
    if match is None:
        return rf"\mathrm{{{text.translate(_ESCAPES)}}}"
    name, index = match[1], match[2] or match[3]
    if not text.isascii():
        return rf"\text{{{text.replace('_', ' ')}}}"
    if name in _GREEK:
        name = "\\" + name
    elif len(name) > 1:
        name = rf"\mathit{{{name}}}"
    if index is None:
        return name
    index = index.translate(_ESCAPES)
    return rf"{name}_{{\mathrm{{{index}}}}}" if len(index) > 1 and index.isalpha() else f"{name}_{{{index}}}"


def _text_number(data: float) -> str:
    return _plain_number(data).replace("-", "−", 1) if data < 0.0 else _plain_number(data)


def _rewritten(**signs: str) -> dict[str, tuple[str, tuple[float, ...], float]]:
    """The operators in a line, with other signs for minus and times."""
    return {
        name: (template.replace("−", signs["minus"]).replace("·", signs["times"]), least, binding)
        for name, (template, least, binding) in _IN_LINE.items()
    }


TEXT = Notation(lambda symbol: symbol.text, _text_number, _IN_LINE, _text_call, _text_number, beside=True)
"""Readable text: (a_o1 − t1) · a_o1 (1 − a_o1) · a_h1."""

PYTHON = Notation(
    lambda symbol: symbol.text,
    repr,
    {**_rewritten(minus="-", times="*"), "pow": ("{}**{}", (5, 5), 4), "power": ("{}**{}", (5, 5), 4)},
    _python_call,
)
"""Python, where a function has the name of its row."""

LATEX = Notation(
    lambda symbol: symbol.latex,
    lambda data: r"\tfrac{1}{2}" if data == 0.5 else _latex_number(data),
    {
        **_rewritten(minus="-", times=r"\cdot"),
        "div": (r"\frac{{{}}}{{{}}}", (0, 0), 3),
        "pow": ("{}^{{{}}}", (5, 0), 4),
        "power": ("{}^{{{}}}", (5, 0), 4),
    },
    _latex_call,
    _latex_number,
    r"\left({}\right)",
    beside=True,
)
"""LaTeX, for mathematics mode."""


def in_cells(formula: Expression) -> Expression:
    """The formula in rows that a spreadsheet has (see `Primitive.sheet`), for `SHEET` to write.

    Raises
    ------
    ValueError : for a row with no spreadsheet formula.
    """
    done: dict[int, Expression] = {}
    pending: list[Expression] = [formula]
    while pending:
        each = pending[-1]
        if not isinstance(each, Apply):
            done[id(each)] = each
            pending.pop()
            continue
        missing = [operand for operand in _flat(each.operands) if id(operand) not in done]
        if missing:
            pending += missing
            continue
        row = each.row
        operands = [
            tuple(done[id(one)] for one in operand) if isinstance(operand, tuple) else done[id(operand)]
            for operand in each.operands
        ]
        pending.pop()
        if row.name in OPERATORS or isinstance(row.sheet, str):
            done[id(each)] = Apply(row, tuple(operands))
            continue
        rule = row.sheet or row.expansion
        if rule is None:
            raise ValueError(
                f"the primitive {row.name!r} has no spreadsheet formula: "
                'give its row one, such as primitive(..., sheet="EXP({0})")'
            )
        done[id(each)] = in_cells(rule(*operands))  # rules are in simpler rows: as deep as they go
    return done[id(formula)]


def _sheet_number(data: float) -> str:
    if not math.isfinite(data):
        raise ValueError(f"a spreadsheet has no {data}")
    text = _plain_number(data).replace("e", "E")
    return f"({text})" if data < 0.0 else text


def _sheet_call(row: Primitive, operands: list[Any]) -> str:
    assert isinstance(row.sheet, str)
    return row.sheet.format(*operands)


SHEET = Notation(
    lambda symbol: symbol.cell,
    _sheet_number,
    {
        **{
            name: (template.replace(" ", ""), least, binding)
            for name, (template, least, binding) in _rewritten(minus="-", times="*").items()
        },
        "neg": ("(-{})", (2,), _ATOM),  # a spreadsheet takes -A1^2 for (-A1)^2
    },
    _sheet_call,
)
"""Spreadsheet formulas, where a symbol is the reference of its cell."""
