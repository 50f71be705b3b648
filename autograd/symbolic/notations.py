"""How a formula is written: as text, LaTeX, Python, or in the cells of a spreadsheet."""

from __future__ import annotations

import functools
import itertools
import math
import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from string import Formatter
from typing import Any

from ..engine.primitives import TABLE, Primitive
from .expressions import (
    OPERATORS,
    SIMPLER,
    Apply,
    Expression,
    Number,
    Symbol,
    as_expression,
    chosen,
    faithful,
)

__all__ = ["LATEX", "PYTHON", "SHEET", "TEXT", "Notation", "in_cells", "latex_name", "latex_text"]

_ATOM = 9.0  # binds tighter than any operator
_ANY = 0.0  # between brackets or commas an operand may bind as loosely as it likes
_RELATION, _SUM, _NEGATIVE, _PRODUCT, _FRACTION, _POWER = 0.5, 1.0, 1.5, 2.0, 3.0, 4.0

# For each operator how it is written, how tightly an operand must bind to need no parentheses, and
# how tightly the whole binds.
Operators = Mapping[str, tuple[str, tuple[float, ...], float]]
Signs = tuple[tuple[str, float], ...]

_IN_LINE: Operators = {
    "add": ("{} + {}", (_SUM, _SUM), _SUM),
    "sub": ("{} − {}", (_SUM, _PRODUCT), _SUM),
    "neg": ("−{}", (_PRODUCT,), _NEGATIVE),
    "mul": ("{} · {}", (_PRODUCT, _PRODUCT), _PRODUCT),
    "div": ("{} / {}", (_PRODUCT, _FRACTION), _PRODUCT),
    "pow": ("{}^{}", (_ATOM, _ATOM), _POWER),
    "power": ("{}^{}", (_ATOM, _ATOM), _POWER),
}

# A computer adds and multiplies from the left: a * (b / c) and a + (b - c) round, and overflow, differently
# without their parentheses.
_COMPUTED: Operators = {
    **_IN_LINE,
    "add": ("{} + {}", (_SUM, _PRODUCT), _SUM),
    "mul": ("{} * {}", (_PRODUCT, _FRACTION), _PRODUCT),
    "sub": ("{} - {}", (_SUM, _PRODUCT), _SUM),
    "neg": ("-{}", (_PRODUCT,), _NEGATIVE),
}

_div, _mul = TABLE["div"], TABLE["mul"]


@dataclass(frozen=True)
class Notation:
    """A way of writing formulas down.

    Attributes
    ----------
    symbol, number : how a `Symbol` and a number are written.
    operators : how the `OPERATORS` are.
    call : how another row is: a name before its operands, or a template with ``{0}``.
    signs : the signs of that notation as templates and numbers have them, and how tightly each binds.
    value : how a number is written that is the value of something, rather than part of a formula.
    parentheses : what is put around an operand that binds less tightly.
    separator, sequence : what is put between the operands of a call, and around a sequence of them.
    beside : whether a name before a parenthesis needs no sign of multiplication: a (1 − a).
    """

    symbol: Callable[[Symbol], str]
    number: Callable[[float], str]
    operators: Operators
    call: Callable[[Primitive], str]
    signs: Signs
    value: Callable[[float], str] = repr
    parentheses: str = "({})"
    separator: str = ", "
    sequence: str = "[{}]"
    beside: bool = False

    def write(self, formula: Expression) -> str:
        """The formula as text."""
        return formula.fold(self._leaf, self._application).text

    def _leaf(self, leaf: Symbol | Number) -> _Written:
        if isinstance(leaf, Number):
            text = self.number(leaf.data)
        else:
            text = self.symbol(leaf)  # a number, where a formula is written with its numbers
            if not re.match(r"[-−\\]?\d|[-−]|\\t?frac", text):
                return _Written(text, _ATOM)
        return _Written(text, _binding(text, self.signs))

    def _application(self, each: Apply, operands: list[Any]) -> _Written:
        if each.row.name not in self.operators:
            template = self.call(each.row)
            is_name = not re.search(r"\{\d+[}\[]", template.replace("{{", ""))
            return (self._called if is_name else self._filled)(template, each.row, operands)
        template, least, binding = self.operators[each.row.name]
        if self.beside and each.row is _mul and operands[1].binding < least[1]:
            template = "{} {}" if _ends_in_name(each.operands[0]) else template
        return _Written(template.format(*map(self._enclosed, operands, least)), binding)

    def _enclosed(self, operand: _Written, least: float) -> str:
        """The operand, in parentheses if it binds less tightly than it must."""
        return self.parentheses.format(operand.text) if operand.binding < least else operand.text

    def _called(self, name: str, row: Primitive, operands: list[Any]) -> _Written:
        """The operands in parentheses after a name."""
        texts = [
            self.sequence.format(self.separator.join(one.text for one in each))
            if isinstance(each, tuple)
            else each.text
            for each in operands
        ]
        text = name + self.parentheses.format(self.separator.join(texts))
        return _Written(text, _binding(name, self.signs))

    def _filled(self, template: str, row: Primitive, operands: list[Any]) -> _Written:
        """The operands in the places that a template has for them."""
        text, named = "", list[_Written]()
        for literal, field, _, _ in Formatter().parse(template):
            text += literal
            if field is not None:
                number, _, element = field.partition("[")
                operand = operands[int(number)]
                if element:
                    operand = operand[int(element[:-1])]
                elements = operand if isinstance(operand, tuple) else [operand]
                text += ",".join(_PLACE * len(elements))
                named += elements
        needed, binding = _needed(text, self.signs)
        written = [*map(self._enclosed, named, needed), ""]
        text = "".join(itertools.chain(*zip(text.split(_PLACE), written)))
        if template.startswith("|") and "||" in text:  # no telling where ||a| − |b|| begins and ends
            return _Written(row.name + self.parentheses.format(operands[0].text), _ATOM)
        return _Written(text, binding)


@dataclass(frozen=True, slots=True)
class _Written:
    """A formula as text, and how tightly that binds."""

    text: str
    binding: float


def _ends_in_name(formula: Expression) -> bool:
    while isinstance(formula, Apply) and formula.row is _mul:
        formula = formula.operands[1]
    return isinstance(formula, Symbol)


# --- what a template binds, and what in it must bind -----------------------------------------------

_PLACE = "\ue000"  # where an operand is to be written in

_TOKEN = re.compile(
    rf"""(?P<open>\\left(?:\\[a-zA-Z]+|\\?.)|[(\[{{⌊⌈])|(?P<close>\\right(?:\\[a-zA-Z]+|\\?.)|[)\]}}⌋⌉])|(?P<bar>\|)|(?P<comma>[,;])|(?P<space>[\s'′]+)
    |(?P<word>"[^"]*"|√|{_PLACE}|\d+\.?\d*(?:[eE][+-]?\d+)?|\\[a-zA-Z]+(?:_\w|_\{{\w+\}})?|[^\W\d²³][\w.:$!]*)|(?P<sign>.)""",
    re.VERBOSE | re.DOTALL,
)


@functools.lru_cache(maxsize=4096)
def _needed(template: str, signs: Signs) -> tuple[tuple[float, ...], float]:
    """How tightly each operand in a template must bind to need no parentheses, and how tightly all does.

    What cannot be told is taken for the loosest: better a parenthesis too many.
    """
    bindings = dict(signs)
    found = [(match.lastgroup or "", match[0]) for match in _TOKEN.finditer(template)]
    tokens = [(kind, text) for kind, text in found if kind != "space"]
    depth, bars, whole, before = 0, 0, _ATOM, "start"
    kinds, needed = [], []
    for kind, text in tokens:
        if kind == "bar":
            bars = 1 - bars
            kind = "open" if bars else "close"
        if kind == "word" and text in bindings:
            kind = "sign"
        kinds.append(kind)
        depth -= kind == "close"
        if depth == 0:
            if kind == "sign":
                binding = bindings.get(text, _ANY)
                first = before == "start" and binding == _SUM
                whole = min(whole, _NEGATIVE if first else binding)
            elif kind == "comma" or (kind == "word" and before in ("word", "close")):
                whole = _ANY
        depth += kind == "open"
        before = kind
    for place, (_, text) in enumerate(tokens):
        if text != _PLACE:
            continue
        around = []
        for side in (place - 1, place + 1):
            kind = kinds[side] if 0 <= side < len(kinds) else ""
            relation = kind == "sign" and bindings.get(tokens[side][1], _ATOM) == _RELATION
            bracket = "open" if side < place else "close"
            around.append(_ANY if kind in (bracket, "comma") else _SUM if relation else _ATOM)
        needed.append(max(around))
    return tuple(needed), whole


def _binding(text: str, signs: Signs) -> float:
    """How tightly a number, or the name of a function, binds as it is written."""
    return _needed(text, signs)[1]


# --- the four notations ----------------------------------------------------------------------------


def _plain_number(data: float) -> str:
    """All digits that are needed to read the same number again, as few as there can be."""
    text = repr(data)
    return text[:-2] if text.endswith(".0") else text


def _text_call(row: Primitive) -> str:
    if "·" in row.symbol and len(row.domain) == 1:  # |·|
        return row.symbol.replace("·", "{0}")
    return row.symbol if re.fullmatch(r"\w+′?|√", row.symbol) else row.name


def _latex_call(row: Primitive) -> str:
    name = row.symbol if re.fullmatch("[A-Za-z]+", row.symbol) else row.name
    return row.latex or rf"\operatorname{{{name}}}".replace("_", r"\_")


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
        "<": "{<}",  # in Markdown no tag
        "]": r"\rbrack ",  # and no link
    }
)
_GREEK = frozenset(
    ("alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "kappa", "lambda", "mu", "nu")
    + ("xi", "rho", "sigma", "tau", "phi", "chi", "psi", "omega")
)


def latex_text(text: str) -> str:
    """Plain words for LaTeX's text mode: what it or HTML would take for a command is left out."""
    return re.sub(r"[\\{}$&#^_%~<\[\]]", "", _printable(text))


def _printable(text: str) -> str:
    """The text in one line, with spaces for all that has no form of its own."""
    return "".join(letter if letter.isprintable() else " " for letter in text)


def latex_name(text: str) -> str:
    r"""A label as a mathematical name: what follows the first underscore, or a number, is an index.

    Examples
    --------
    >>> from autograd.symbolic import latex_name
    >>> latex_name("w5"), latex_name("a_o1"), latex_name("E_total")
    ('w_{5}', 'a_{o1}', 'E_{\\mathrm{total}}')
    """
    match = re.fullmatch(r"([^\W\d_]+?)(?:_(\w+)|(\d+))?", text)
    if match is None:
        return rf"\mathrm{{{_printable(text).translate(_ESCAPES)}}}"
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
    text = _plain_number(data)
    return "−" + text[1:] if text.startswith("-") else text


SPOKEN_NUMBERS = {
    math.pi: "π",
    math.sqrt(2.0): "√(2)",
    math.log(2.0): "ln(2)",
    math.log(10.0): "ln(10)",
    math.sqrt(2.0 * math.pi): "√(2 · π)",
    math.sqrt(2.0 / math.pi): "√(2 / π)",
    0.5 * math.sqrt(2.0 / math.pi): "1 / √(2 · π)",
    2.0 / math.sqrt(math.pi): "2 / √(π)",
}
"""Numbers that are written as what they come from."""

_LATEX_NUMBERS = {
    0.5: r"\tfrac{1}{2}",
    math.pi: r"\pi",
    math.sqrt(2.0): r"\sqrt{2}",
    math.log(2.0): r"\ln\left(2\right)",
    math.log(10.0): r"\ln\left(10\right)",
    math.sqrt(2.0 * math.pi): r"\sqrt{2 \cdot \pi}",
    math.sqrt(2.0 / math.pi): r"\sqrt{\frac{2}{\pi}}",
    0.5 * math.sqrt(2.0 / math.pi): r"\frac{1}{\sqrt{2 \cdot \pi}}",
    2.0 / math.sqrt(math.pi): r"\frac{2}{\sqrt{\pi}}",
}

TEXT = Notation(
    lambda symbol: symbol.text,
    lambda data: SPOKEN_NUMBERS.get(data) or _text_number(data),
    _IN_LINE,
    _text_call,
    (*dict.fromkeys("<>=", _RELATION).items(), *dict.fromkeys("+-−", _SUM).items())
    + (*dict.fromkeys("·×*/÷", _PRODUCT).items(), *dict.fromkeys("^²³", _POWER).items()),
    _text_number,
    beside=True,
)
"""Readable text: (a_o1 − t1) · a_o1 (1 − a_o1) · a_h1."""

PYTHON = Notation(
    lambda symbol: symbol.text,
    lambda data: repr(data) if math.isfinite(data) else f"float('{data}')",
    {
        **_COMPUTED,
        "pow": ("{}**{}", (_ATOM, _ATOM), _POWER),
        "power": ("{}**{}", (_ATOM, _ATOM), _POWER),
    },
    lambda row: row.name,
    (("-", _SUM),),
)
"""Python, where a function has the name of its row."""

LATEX = Notation(
    lambda symbol: symbol.latex or latex_name(symbol.text),
    lambda data: _LATEX_NUMBERS.get(data) or _latex_number(data),
    {
        **_IN_LINE,
        "sub": ("{} - {}", (_SUM, _PRODUCT), _SUM),
        "neg": ("-{}", (_PRODUCT,), _NEGATIVE),
        "mul": (r"{} \cdot {}", (_PRODUCT, _PRODUCT), _PRODUCT),
        "div": (r"\frac{{{}}}{{{}}}", (_ANY, _ANY), _FRACTION),
        "pow": ("{}^{{{}}}", (_ATOM, _ANY), _POWER),
        "power": ("{}^{{{}}}", (_ATOM, _ANY), _POWER),
    },
    _latex_call,
    (*dict.fromkeys("<>=", _RELATION).items(), *dict.fromkeys("+-", _SUM).items())
    + (*dict.fromkeys((r"\cdot", r"\times", "/", "*"), _PRODUCT).items(), ("^", _POWER))
    + (*dict.fromkeys((r"\frac", r"\tfrac", r"\dfrac"), _FRACTION).items(),),
    _latex_number,
    r"\left({}\right)",
    sequence=r"\left[{}\right]",
    beside=True,
)
"""LaTeX, for mathematics mode."""


def in_cells(formula: Expression) -> Expression:
    """The formula in rows that a spreadsheet has (see `Primitive.sheet`), for `SHEET` to write.

    Raises
    ------
    ValueError : for a row with no spreadsheet formula.
    """
    return formula.fold(as_expression, lambda each, operands: _in_cells(each.row, operands))


def _in_cells(row: Primitive, operands: list[Any]) -> Expression:
    if row.name in ("pow", "power"):
        return _raised_in_cells(row, *operands)
    if row is _div:
        return _quotient_in_cells(*operands)
    if row.name in OPERATORS or isinstance(row.sheet, str):
        return Apply(row, tuple(operands))
    rule = row.sheet or row.expansion or SIMPLER.get(row.name)
    if rule is None:
        raise ValueError(
            f"the primitive {row.name!r} has no spreadsheet formula: "
            'give its row one, such as primitive(..., sheet="EXP({0})")'
        )
    with faithful():
        return in_cells(as_expression(rule(*operands)))  # rules are in simpler rows: as deep as they go


def _quotient_in_cells(numerator: Expression, denominator: Expression) -> Expression:
    """a/b² as a/b/b, for b² may leave the floats where the quotient does not."""
    if isinstance(denominator, Apply) and denominator.row is _mul:
        left, right = denominator.operands
        if left is right:
            return Apply(_div, (Apply(_div, (numerator, left)), right))
    return Apply(_div, (numerator, denominator))


def _raised_in_cells(row: Primitive, base: Expression, exponent: Expression) -> Expression:
    """A power that is 0 where it underflows: 1e-200^2 is an error in LibreOffice, 1e-200 * 1e-200 is 0."""
    raised, size = Apply(row, (base, exponent)), TABLE["abs"](base)
    greater, least = TABLE["greater"], sys.float_info.min
    if not isinstance(exponent, Number):
        digits = chosen(size, exponent * TABLE["log"](size), Number(0.0))
        return chosen(greater(math.log(least), digits), Number(0.0), raised)
    n = exponent.data
    if abs(n) in (1.0, 2.0, 3.0, 4.0):
        row, product = (_mul, base) if n > 0.0 else (_div, Apply(_div, (Number(1.0), base)))
        for _ in range(int(abs(n)) - 1):
            product = Apply(row, (product, base))
        return product
    if abs(n) <= 1.0 or not math.isfinite(n):
        return raised
    limit = least ** (1.0 / n)
    gone = greater(limit, size) if n > 0.0 else greater(size, limit)
    return chosen(gone, Number(0.0), raised)


def _sheet_number(data: float) -> str:
    if not math.isfinite(data):
        return "1/0"  # an error value, as the engine's inf and nan are to be
    if 0.0 < abs(data) < sys.float_info.min:  # no spreadsheet reads a subnormal number
        return f"{_sheet_number(data * 2.0**100)}*{_sheet_number(2.0**-100)}"
    return _plain_number(data).replace("e", "E")


def _sheet_call(row: Primitive) -> str:
    assert isinstance(row.sheet, str)
    return row.sheet


SHEET = Notation(
    lambda symbol: symbol.cell,
    _sheet_number,
    {
        **{
            name: (template.replace(" ", ""), least, binding)
            for name, (template, least, binding) in _COMPUTED.items()
        },
        "neg": ("-{}", (_ATOM,), _NEGATIVE),  # a spreadsheet takes -A1^2 for (-A1)^2
    },
    _sheet_call,
    (*dict.fromkeys("<>=", _RELATION).items(), *dict.fromkeys("+-", _SUM).items())
    + (*dict.fromkeys("*/", _PRODUCT).items(), ("^", _POWER)),
    separator=",",
)
"""Spreadsheet formulas, where a symbol is the reference of its cell."""
