"""Notations of formulas: text, LaTeX, Python, and the cells of a spreadsheet."""

from __future__ import annotations

import functools
import itertools
import math
import re
import sys
from collections.abc import Callable, Mapping, Sequence
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
    verbatim,
)

__all__ = ["LATEX", "PYTHON", "SHEET", "TEXT", "Notation", "in_cells", "latex_name", "latex_text"]

# Precedences; _ANY is enough between brackets or commas.
_ANY, _RELATION, _SUM, _NEGATIVE, _PRODUCT, _FRACTION, _POWER, _ATOM = 0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 9.0

# For each operator its template, the precedence that each operand needs without parentheses, and its own.
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

# A computer adds and multiplies from the left: without parentheses a * (b / c) and a + (b - c) would round,
# and overflow, differently.
_COMPUTED: Operators = {
    **_IN_LINE,
    "add": ("{} + {}", (_SUM, _PRODUCT), _SUM),
    "mul": ("{} * {}", (_PRODUCT, _FRACTION), _PRODUCT),
    "sub": ("{} - {}", (_SUM, _PRODUCT), _SUM),
    "neg": ("-{}", (_PRODUCT,), _NEGATIVE),
}


def _precedences(*groups: tuple[Sequence[str], float]) -> Signs:
    return tuple((sign, binding) for signs, binding in groups for sign in signs)


_div, _mul = TABLE["div"], TABLE["mul"]


@dataclass(frozen=True)
class Notation:
    """A way of writing formulas down.

    Attributes
    ----------
    symbol, number : write a `Symbol` and a number.
    operators : the `OPERATORS`.
    call : the form of another row: a name before its operands, or a template with ``{0}``.
    signs : the precedence of each sign in templates and numbers.
    value : writes a number that is a result, not part of a formula.
    parentheses : the template around an operand of lower precedence.
    separator, sequence : between the operands of a call, and the template around a sequence of them.
    beside : whether a name stands before a parenthesis without a sign: a (1 − a).
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
        return _Written(text, _needed(text, self.signs)[1])

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

        def listed(each: Any) -> str:
            joined = self.separator.join(map(listed, each)) if isinstance(each, tuple) else each.text
            return self.sequence.format(joined) if isinstance(each, tuple) else joined

        text = name + self.parentheses.format(self.separator.join(map(listed, operands)))
        return _Written(text, _needed(name, self.signs)[1])

    def _filled(self, template: str, row: Primitive, operands: list[Any]) -> _Written:
        """The operands in their places in a template."""
        text, named = "", list[_Written]()
        for literal, field, _, _ in Formatter().parse(template):
            text += literal
            if field is not None:
                number, _, element = field.partition("[")
                operand = operands[int(number)][int(element[:-1])] if element else operands[int(number)]
                elements = operand if isinstance(operand, tuple) else [operand]
                text += ",".join(_PLACE * len(elements))
                named += elements
        needed, binding = _needed(text, self.signs)
        written = [*map(self._enclosed, named, needed), ""]
        text = "".join(itertools.chain(*zip(text.split(_PLACE), written)))
        if template.startswith("|") and "||" in text:  # ||a| − |b|| is ambiguous
            return _Written(row.name + self.parentheses.format(operands[0].text), _ATOM)
        return _Written(text, binding)


@dataclass(frozen=True, slots=True)
class _Written:
    """A formula as text, and its precedence."""

    text: str
    binding: float


def _ends_in_name(formula: Expression) -> bool:
    while isinstance(formula, Apply) and formula.row is _mul:
        formula = formula.operands[1]
    return isinstance(formula, Symbol)


# --- precedence in templates -----------------------------------------------------------------------

_PLACE = "\ue000"  # the place of an operand

_TOKEN = re.compile(
    rf"""(?P<open>\\left(?:\\[a-zA-Z]+|\\?.)|[(\[{{⌊⌈])|(?P<close>\\right(?:\\[a-zA-Z]+|\\?.)|[)\]}}⌋⌉])|(?P<bar>\|)|(?P<comma>[,;])|(?P<space>[\s'′]+)
    |(?P<word>"[^"]*"|√|{_PLACE}|\d+\.?\d*(?:[eE][+-]?\d+)?|\\[a-zA-Z]+(?:_\w|_\{{\w+\}})?|[^\W\d²³][\w.:$!]*)|(?P<sign>.)""",
    re.VERBOSE | re.DOTALL,
)


@functools.lru_cache(maxsize=4096)
def _needed(template: str, signs: Signs) -> tuple[tuple[float, ...], float]:
    """The precedence that each operand of a template needs without parentheses, and that of the whole.

    Unknown signs bind loosest: better a parenthesis too many.
    """
    bindings = dict(signs)
    matches = _TOKEN.finditer(template)
    tokens = [(match.lastgroup or "", match[0]) for match in matches if match.lastgroup != "space"]
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


# --- the four notations ----------------------------------------------------------------------------


def _plain_number(data: float) -> str:
    """The fewest digits that read as the same number."""
    return repr(data).removesuffix(".0")


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
    """Plain words for LaTeX's text mode, without the letters of commands and tags."""
    return re.sub(r"[\\{}$&#^_%~<\[\]]", "", _printable(text))


def _printable(text: str) -> str:
    """The text in one line, with spaces for unprintable letters."""
    return "".join(letter if letter.isprintable() else " " for letter in text)


def latex_name(text: str) -> str:
    r"""A label as a mathematical name, whose index follows the first underscore or is a number.

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
    return _plain_number(data).replace("-", "−", data < 0.0)


with verbatim():
    _log, _sqrt, _one, _two, _pi = TABLE["log"], TABLE["sqrt"], Number(1.0), Number(2.0), Symbol("π", r"\pi")
    _ORIGINS: dict[float, Any] = {
        math.pi: _pi,
        math.sqrt(2.0): _sqrt(_two),
        math.log(2.0): _log(_two),
        math.log(10.0): _log(Number(10.0)),
        math.sqrt(2.0 * math.pi): _sqrt(_two * _pi),
        math.sqrt(2.0 / math.pi): _sqrt(_two / _pi),
        0.5 * math.sqrt(2.0 / math.pi): _one / _sqrt(_two * _pi),
        2.0 / math.sqrt(math.pi): _two / _sqrt(_pi),
    }

TEXT = Notation(
    lambda symbol: symbol.text,
    lambda data: SPOKEN_NUMBERS.get(data) or _text_number(data),
    _IN_LINE,
    _text_call,
    _precedences(("<>=", _RELATION), ("+-−", _SUM), ("·×*/÷", _PRODUCT), ("^²³", _POWER)),
    _text_number,
    beside=True,
)
"""Readable text: (a_o1 − t1) · a_o1 (1 − a_o1) · a_h1."""

SPOKEN_NUMBERS: dict[float, str] = {}
SPOKEN_NUMBERS.update({number: TEXT.write(origin) for number, origin in _ORIGINS.items()})
"""Numbers that text writes as what they come from."""

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
    _precedences(
        ("<>=", _RELATION),
        ("+-", _SUM),
        ((r"\cdot", r"\times", "/", "*"), _PRODUCT),
        ((r"\frac", r"\tfrac", r"\dfrac"), _FRACTION),
        ("^", _POWER),
    ),
    _latex_number,
    r"\left({}\right)",
    sequence=r"\left[{}\right]",
    beside=True,
)
"""LaTeX, for mathematics mode."""

_LATEX_NUMBERS: dict[float, str] = {0.5: r"\tfrac{1}{2}"}
_LATEX_NUMBERS.update({number: LATEX.write(origin) for number, origin in _ORIGINS.items()})


def in_cells(formula: Expression) -> Expression:
    """The formula in rows with a spreadsheet formula (see `Primitive.sheet`), for `SHEET`.

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
        return in_cells(as_expression(rule(*operands)))  # rules are in simpler rows


def _quotient_in_cells(numerator: Expression, denominator: Expression) -> Expression:
    """a/b² as a/b/b: b² may overflow where the quotient does not."""
    if isinstance(denominator, Apply) and denominator.row is _mul:
        left, right = denominator.operands
        if left is right:
            return Apply(_div, (Apply(_div, (numerator, left)), right))
    return Apply(_div, (numerator, denominator))


def _raised_in_cells(row: Primitive, base: Expression, exponent: Expression) -> Expression:
    """A power that underflows to 0: 1e-200^2 is an error in LibreOffice, 1e-200 * 1e-200 is 0."""
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
        return "1/0"  # an error, for the engine's inf and nan
    if 0.0 < abs(data) < sys.float_info.min:  # no spreadsheet reads a subnormal number
        return f"{_sheet_number(data * 2.0**100)}*{_sheet_number(2.0**-100)}"
    return _plain_number(data).replace("e", "E")


SHEET = Notation(
    lambda symbol: symbol.cell,
    _sheet_number,
    {
        **{name: (form.replace(" ", ""), least, own) for name, (form, least, own) in _COMPUTED.items()},
        "neg": ("-{}", (_ATOM,), _NEGATIVE),  # a spreadsheet reads -A1^2 as (-A1)^2
    },
    lambda row: str(row.sheet),
    _precedences(("<>=", _RELATION), ("+-", _SUM), ("*/", _PRODUCT), ("^", _POWER)),
    separator=",",
)
"""Spreadsheet formulas, where a symbol is the reference of its cell."""
