"""Formulas of a spreadsheet: what they refer to, what they come to, and how they read in names.

A formula becomes an `Expression`, as the formulas of a recorded graph are: its references are symbols, and
what the engine has a row for is that row. It is evaluated by a spreadsheet's rules: −A1^2 is (−A1)², an
empty cell counts as 0, and an error is a value of its own, such as ``#DIV/0!``. Nothing here recurses, for a
formula may be nested, and cells may hang on each other, as deep as a file likes.
"""

from __future__ import annotations

import functools
import math
import operator
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, cast

from ..engine.primitives import TABLE, Primitive
from ..symbolic import Apply, Expression, Number, Symbol
from .cells import IN_A_FORMULA, TOKEN, Book, Place, Sheet, corners, place_of, read_number

__all__ = ["Calculator", "Formula", "FormulaError", "Reference", "parsed"]

Content = float | str | None  # of a cell: a number, a text or an error, nothing


class FormulaError(ValueError):
    """A formula that cannot be computed here; the message says why."""


class _CellError(Exception):
    """An error that is the value of a cell, such as ``#DIV/0!``."""


class Reference(Symbol):
    """A cell or an area by its corners; `sheet` is ``""`` for the formula's own, `number` its place in it."""

    __slots__ = ("first", "last", "number", "sheet")

    def __init__(self, text: str, sheet: str, first: Place, last: Place, number: int) -> None:
        super().__init__(text)
        self.sheet, self.first, self.last, self.number = sheet, first, last, number

    def places(self) -> Iterator[Place]:
        for row in range(self.first[0], self.last[0] + 1):
            for column in range(self.first[1], self.last[1] + 1):
                yield row, column

    @property
    def count(self) -> int:
        return (self.last[0] - self.first[0] + 1) * (self.last[1] - self.first[1] + 1)


class _Text(Symbol):
    """A text, or an error, that a formula holds."""

    __slots__ = ()


@dataclass(frozen=True)
class _Function:
    """What a spreadsheet computes and the engine has no row for."""

    name: str
    vectors: tuple[int, ...] = ()


Area = tuple[Content, ...]
Operand = float | str | Area | None


@dataclass
class Formula:
    """A formula taken apart."""

    text: str  # as it stands in its cell
    expression: Expression
    references: list[Reference]  # in the order in which they are written, as the numbers are
    constants: list[float]

    @functools.cached_property
    def cost(self) -> int:
        """How many steps it takes to compute it, and how many cells it reads."""
        steps = self.expression.size + sum(1 for _ in self.expression.applications())
        return steps + sum(each.count for each in self.references)

    def words(self, name: Callable[[Reference], str]) -> str:
        """The formula with names for its references."""
        names = iter([name(each) for each in self.references])
        return TOKEN.sub(lambda token: next(names) if _refers(token) else token[0], self.text[1:])

    def compute(self, look: Callable[[Reference], Area]) -> Content:
        """The value, given the cells of each reference; a FormulaError for an unknown function."""

        def leaf(each: Any) -> Operand:
            if isinstance(each, Reference):
                return look(each)
            return each.data if isinstance(each, Number) else str(each.text)

        result: Any = self.expression.fold(leaf, lambda each, operands: _applied(each.row.name, operands))
        if isinstance(result, tuple):
            result = result[0] if len(result) == 1 else "#VALUE!"
        return 0.0 if result is None else result


def _single(operand: Operand) -> Content:
    """One value, where an area of one cell stands for its value."""
    if isinstance(operand, tuple):
        if len(operand) != 1:
            raise _CellError("#VALUE!")
        return operand[0]
    return operand


def _number(operand: Operand) -> float:
    value = _single(operand)
    if value is None:
        return 0.0
    if isinstance(value, str):
        read = None if value.startswith("#") else read_number(value)
        if read is None:
            raise _CellError(value if value.startswith("#") else "#VALUE!")
        return read
    return value


def _numbers(operands: Sequence[Operand]) -> list[float]:
    """All numbers of the operands; texts in areas do not count."""
    found: list[float] = []
    for operand in operands:
        if isinstance(operand, tuple):
            counted = [each for each in operand if isinstance(each, float) or str(each).startswith("#")]
            found += map(_number, counted)
        else:
            found.append(_number(operand))
    return found


def _power(base: float, exponent: float) -> float:
    result = base**exponent
    if isinstance(result, complex):
        raise _CellError("#NUM!")
    return float(result)


_COMPARED: dict[str, Callable[[float, float], bool]] = {
    "=": operator.eq, "<>": operator.ne, "<": operator.lt, ">": operator.gt,
    "<=": operator.le, ">=": operator.ge,
}  # fmt: skip
_BINDING = {"^": 5, "*": 4, "/": 4, "+": 3, "-": 3, **dict.fromkeys(_COMPARED, 1)}
_SIGN = 7  # how tightly a sign binds: −A1^2 is (−A1)²


def _rounded(x: float, digits: float = 0.0) -> float:
    scale = 10.0 ** int(digits)
    return math.copysign(math.floor(abs(x) * scale + 0.5) / scale, x)


_ROWS = {"+": "add", "-": "sub", "*": "mul", "/": "div", "^": "pow", "POWER": "pow", "LN": "log"}
_ROWS |= {name: name.lower() for name in ("EXP", "LOG10", "SQRT", "ABS", "TANH", "SIGN")}
"""What the engine has a row for, and under which name; the tables below go by it."""

_OF_NUMBERS: dict[str, Callable[..., float]] = {
    "add": operator.add,
    "sub": operator.sub,
    "mul": operator.mul,
    "div": operator.truediv,
    "pow": _power,
    "neg": operator.neg,
    "exp": math.exp,
    "log": math.log,
    "log10": math.log10,
    "sqrt": math.sqrt,
    "abs": abs,
    "tanh": math.tanh,
    "sign": lambda x: float((x > 0) - (x < 0)),
    "LOG": lambda x, base=10.0: math.log(x, base),
    "ROUND": _rounded,
    "PI": lambda: math.pi,
    "INT": math.floor,
    "N": float,
    "VALUE": float,
    "%": lambda x: x / 100.0,
}
_OF_LISTS: dict[str, Callable[[list[float]], float]] = {
    "SUM": math.fsum,
    "PRODUCT": math.prod,
    "AVERAGE": lambda values: math.fsum(values) / len(values),
    "MIN": lambda values: min(values, default=0.0),
    "MAX": lambda values: max(values, default=0.0),
    "SUMSQ": lambda values: math.fsum(value * value for value in values),
    "COUNT": lambda values: float(len(values)),
}


def _applied(name: str, operands: Sequence[Operand]) -> Operand:
    """What an operator or a function comes to; an error is a value too, for IF may leave it aside."""
    try:
        result = _result(name, operands)
    except FormulaError:
        raise
    except _CellError as error:
        return str(error)
    except ZeroDivisionError:
        return "#DIV/0!"
    except (OverflowError, ValueError):
        return "#NUM!"
    return "#NUM!" if isinstance(result, float) and not math.isfinite(result) else result


def _result(name: str, operands: Sequence[Operand]) -> Operand:
    if name in _OF_NUMBERS:
        numbers = list(map(_number, operands))
        try:
            return float(_OF_NUMBERS[name](*numbers))
        except TypeError:
            raise FormulaError(f"{name.upper()} does not take {len(numbers)} arguments") from None
    if name in _OF_LISTS:
        return _OF_LISTS[name](_numbers(operands))
    if name in _COMPARED:
        if any(isinstance(each, str) and each[:1] != "#" for each in map(_single, operands)):
            raise FormulaError("texts are not compared here")
        return float(_COMPARED[name](_number(operands[0]), _number(operands[1])))
    if name == "+":  # a sign
        return _single(operands[0])
    areas = [operand if isinstance(operand, tuple) else (operand,) for operand in operands]
    if name == "SUMPRODUCT" and areas and len({len(area) for area in areas}) == 1:
        return math.fsum(math.prod(map(_factor, row)) for row in zip(*areas))
    if name == "SUMXMY2" and len(areas) == 2 and len(areas[0]) == len(areas[1]):
        return math.fsum((_number(a) - _number(b)) ** 2 for a, b in zip(*areas))
    if name == "IF" and len(operands) in (2, 3):
        return _single(operands[1] if _number(operands[0]) else operands[2] if len(operands) == 3 else 0.0)
    raise FormulaError(f"the function {name:.40} is not known here")


def _factor(value: Content) -> float:
    """What a cell counts in a SUMPRODUCT: a text counts 0."""
    if isinstance(value, str) and value.startswith("#"):
        raise _CellError(value)
    return value if isinstance(value, float) else 0.0


# --- taking formulas apart -------------------------------------------------------------------------

_AREA = 100_000  # cells of one reference


def _refers(token: re.Match[str]) -> bool:
    """Whether it is a reference, or a name for one."""
    return token.lastgroup in ("cells", "name") and token[0].upper() not in ("TRUE", "FALSE")


def _reference(token: re.Match[str], book: Book | None, number: int) -> Reference:
    """What a reference, or a name of the workbook, refers to."""
    text = token[0]
    if not token["cells"]:
        named = TOKEN.fullmatch(book.defined.get(text.casefold(), "")) if book is not None else None
        if named is None or not named["cells"]:
            raise FormulaError(f"{text:.60} is not a cell of this workbook")
        token = named
    try:
        places = list(map(place_of, corners(token)))
    except ValueError as error:
        raise FormulaError(str(error)) from None
    rows, columns = zip(*places)
    sheet = (token["sheet"] or "")[:-1]
    if sheet.startswith("'"):
        sheet = sheet[1:-1].replace("''", "'")
    found = Reference(text, sheet, (min(rows), min(columns)), (max(rows), max(columns)), number)
    if found.count > _AREA:
        raise FormulaError(f"{text:.60} has more than {_AREA:,} cells")
    return found


def parsed(text: str, book: Book | None = None) -> Formula:
    """A formula, which begins with an equals sign, taken apart; a FormulaError if it has unknown parts.

    >>> formula = parsed("=0.5*(D9-$S$9)^2")
    >>> [each.text for each in formula.references]
    ['D9', '$S$9']
    >>> formula.compute(lambda each: (3.0,) if each.number == 0 else (1.0,))
    2.0
    >>> formula.words(lambda each: {"D": "t1", "$": "a_o1"}[each.text[0]])
    '0.5*(t1-a_o1)^2'
    """
    if text[:1] != "=" or len(text) > IN_A_FORMULA:
        raise FormulaError(f"{text:.60} is not a formula of at most {IN_A_FORMULA:,} letters")
    done: list[Expression] = []
    references: list[Reference] = []
    constants: list[float] = []
    waiting: list[tuple[str, int, int]] = []  # operators, how tightly they bind, and of how many operands
    counts: list[int] = []  # of each open parenthesis how many arguments it has so far
    expecting = True  # an operand, not an operator
    before = ""

    def operand(kind: str, token: re.Match[str]) -> Expression:
        word = token[0]
        if _refers(token):
            references.append(_reference(token, book, len(references)))
            return references[-1]
        if kind in ("text", "error"):
            return _Text(word if kind == "error" else word[1:-1].replace('""', '"'))
        number = float(word) if kind == "number" else float(word.upper() == "TRUE")
        if not math.isfinite(number):
            raise FormulaError(f"the number {word:.20} is too large")
        constants.append(number)
        return Number(number)

    def apply(name: str, count: int) -> None:
        operands = tuple(done[len(done) - count :])
        del done[len(done) - count :]
        row = {"-": "neg", "+": ""}.get(name) if count == 1 else None
        row = _ROWS.get(name) if row is None else row
        function = TABLE[row] if row else _Function(name)
        done.append(Apply(cast(Primitive, function), operands))  # it is only ever read by `_applied`

    def release(binding: int) -> None:
        """Have the operators that wait, and bind at least so tightly, act before what follows."""
        while waiting and waiting[-1][2] and waiting[-1][1] >= binding:
            name, _, count = waiting.pop()
            apply(name, count)

    for token in TOKEN.finditer(text, 1):
        kind, word = str(token.lastgroup), token[0]
        if kind == "space":
            continue
        if expecting and kind in ("cells", "name", "number", "text", "error"):
            done.append(operand(kind, token))
            expecting = False
        elif expecting and (kind == "function" or word == "("):
            waiting.append((word[:-1].upper().removeprefix("_XLFN."), 0, 0))
            counts.append(1)
        elif expecting and word in ("+", "-"):
            waiting.append((word, _SIGN, 1))
        elif word == ")" and counts and (not expecting or before == "function"):
            release(0)
            name, _, _ = waiting.pop()
            count = 0 if expecting else counts[-1]
            counts.pop()
            if name:
                apply(name, count)
            elif count > 1:
                raise FormulaError(f"{text:.60} has areas of several parts, which are not known here")
            expecting = False
        elif not expecting and word == "%":
            apply("%", 1)
        elif not expecting and word in _BINDING:
            release(_BINDING[word])
            waiting.append((word, _BINDING[word], 2))
            expecting = True
        elif not expecting and word in (",", ";") and counts:
            release(0)
            counts[-1] += 1
            expecting = True
        else:
            raise FormulaError(f"{text:.60} has parts that are not known here: {word:.20}")
        before = kind
    if expecting or counts:
        raise FormulaError(f"{text:.60} is not complete")
    release(0)
    return Formula(text, done[0], references, constants)


# --- a sheet that nobody calculated ----------------------------------------------------------------


class Calculator:
    """Computes the cells of a workbook that hold formulas without values."""

    def __init__(self, book: Book) -> None:
        self.book = book
        self._names = {name.casefold(): name for name in book.names}
        self._refused: set[tuple[str, Place]] = set()

    def fill(self, sheet: Sheet, every: bool = False) -> None:
        """Compute formulas that have no value, or `every` formula; one that is not known keeps none."""
        if every:
            for cell in sheet.cells.values():
                if cell.formula:
                    cell.value = None
        missing = [(sheet.name, place) for place, cell in sheet.cells.items() if cell.value is None]
        self.book.limits.take("formulas that were never calculated", len(missing))
        for wanted in missing:
            self._settle(wanted)

    def _settle(self, wanted: tuple[str, Place]) -> None:
        """Compute a cell after all that it needs, along the path of what needs what."""
        path = [wanted]
        opened: dict[tuple[str, Place], tuple[Formula, Iterator[tuple[str, Place]]]] = {}
        while path:
            name, place = at = path[-1]
            cell = self.book.sheet(name).cells[place]
            try:
                if cell.value is None and at not in self._refused:
                    if at not in opened:
                        text = self.book.sheet(name).formula(place)
                        self.book.limits.take("letters of such formulas", len(text))
                        formula = parsed(text, self.book)
                        opened[at] = formula, self._missing(name, formula)
                    formula, missing = opened[at]
                    needed = next(missing, None)
                    if needed in opened or needed in self._refused:
                        raise FormulaError("it needs its own value, or one that cannot be computed here")
                    if needed is not None:
                        path.append(needed)
                        continue
                    cell.value = formula.compute(functools.partial(self.values, name))
                    cell.text = repr(cell.value) if isinstance(cell.value, float) else str(cell.value)
            except FormulaError:
                self._refused.update(path)  # each needs the next
                return
            opened.pop(at, None)
            path.pop()

    def _missing(self, home: str, formula: Formula) -> Iterator[tuple[str, Place]]:
        """The cells that a formula needs and that have no value yet."""
        for each in formula.references:
            name = self._sheet_of(home, each)
            cells = self.book.sheet(name).cells
            self.book.limits.take("cells that such formulas read", each.count)
            for place in each.places():
                if place in cells and cells[place].value is None:
                    yield name, place

    def _sheet_of(self, home: str, each: Reference) -> str:
        if not each.sheet:
            return home
        if each.sheet.casefold() not in self._names:
            raise FormulaError(f"there is no sheet {each.sheet!r:.60} in this workbook")
        return self._names[each.sheet.casefold()]

    def values(self, home: str, each: Reference) -> Area:
        """The values of the cells of a reference in a formula of the sheet `home`."""
        self.book.limits.take("cells that such formulas read", each.count)
        cells = self.book.sheet(self._sheet_of(home, each)).cells
        return tuple(cells[place].value if place in cells else None for place in each.places())
