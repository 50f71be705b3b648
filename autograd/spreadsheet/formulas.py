"""Formulas of a spreadsheet: what they refer to, what they come to, and how they read in names.

The arithmetic of one table is all there is to compute, so a formula becomes a short program for a stack
machine, and the functions are those that people use for it. A spreadsheet's rules hold: −A1^2 is
(−A1)², an empty cell counts as 0, and an error is a value of its own, such as ``#DIV/0!``. Nothing here
recurses, for a formula may be nested, and cells may hang on each other, as deep as a file likes.
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from .cells import IN_A_FORMULA, TOKEN, Book, Place, Sheet, corners, place_of, read_number

__all__ = ["Calculator", "Formula", "FormulaError", "Reference", "parsed"]

Value = float | str | None  # of a cell: a number, a text or an error, nothing


class FormulaError(ValueError):
    """A formula that cannot be computed here; the message says why."""


class _CellError(Exception):
    """An error that is the value of a cell, such as ``#DIV/0!``."""


@dataclass(frozen=True)
class Reference:
    """A cell or an area that a formula refers to.

    Attributes
    ----------
    text : as the formula writes it.
    sheet : the name of the sheet; ``""`` for the formula's own.
    first, last : its corners.
    """

    text: str
    sheet: str
    first: Place
    last: Place

    def places(self) -> Iterator[Place]:
        for row in range(self.first[0], self.last[0] + 1):
            for column in range(self.first[1], self.last[1] + 1):
                yield row, column

    @property
    def size(self) -> int:
        return (self.last[0] - self.first[0] + 1) * (self.last[1] - self.first[1] + 1)


Area = tuple[Value, ...]
Operand = float | str | Area | None


@dataclass
class Formula:
    """A formula taken apart.

    Attributes
    ----------
    pieces : its text in pieces: what is text, and what is the number of a reference.
    references : what it refers to, in the order in which it is written.
    """

    pieces: list[str | int] = field(default_factory=list)
    references: list[Reference] = field(default_factory=list)
    program: list[tuple[str, str | float | int, int]] = field(default_factory=list)

    @property
    def cost(self) -> int:
        """How many steps it takes to compute it, and how many cells it reads."""
        return len(self.program) + sum(each.size for each in self.references)

    def words(self, name: Callable[[Reference], str]) -> str:
        """The formula with names for its references."""
        return "".join(
            name(self.references[piece]) if isinstance(piece, int) else piece for piece in self.pieces
        )

    def compute(self, look: Callable[[int, Reference], Area]) -> Value:
        """What the formula comes to, given the values of the cells of each reference.

        Raises
        ------
        FormulaError : if it has a function that is not known here.
        """
        stack: list[Operand] = []
        for kind, what, count in self.program:
            if kind == "value":
                stack.append(what)
            elif kind == "cells":
                assert isinstance(what, int)
                stack.append(look(what, self.references[what]))
            else:
                operands = stack[len(stack) - count :]
                del stack[len(stack) - count :]
                stack.append(_applied(kind, str(what), operands))
        (result,) = stack
        if isinstance(result, tuple):
            result = result[0] if len(result) == 1 else "#VALUE!"
        return 0.0 if result is None else result


def _single(operand: Operand) -> Value:
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
        if value.startswith("#"):
            raise _CellError(value)
        read = read_number(value)
        if read is None:
            raise _CellError("#VALUE!")
        return read
    return value


def _numbers(operands: Sequence[Operand]) -> list[float]:
    """All numbers of the operands; texts in areas do not count."""
    found: list[float] = []
    for operand in operands:
        if not isinstance(operand, tuple):
            found.append(_number(operand))
            continue
        for value in operand:
            if isinstance(value, str) and value.startswith("#"):
                raise _CellError(value)
            if isinstance(value, float):
                found.append(value)
    return found


def _power(base: float, exponent: float) -> float:
    result = base**exponent
    if isinstance(result, complex):
        raise _CellError("#NUM!")
    return float(result)


_INFIX: dict[str, tuple[int, Callable[[float, float], float]]] = {
    "^": (5, _power),
    "*": (4, operator.mul),
    "/": (4, operator.truediv),
    "+": (3, operator.add),
    "-": (3, operator.sub),
    "=": (1, lambda a, b: float(a == b)),
    "<>": (1, lambda a, b: float(a != b)),
    "<": (1, lambda a, b: float(a < b)),
    ">": (1, lambda a, b: float(a > b)),
    "<=": (1, lambda a, b: float(a <= b)),
    ">=": (1, lambda a, b: float(a >= b)),
}
_PREFIX, _POSTFIX = 7, 6  # how tightly a sign and a percent sign bind: −A1^2 is (−A1)²


def _rounded(x: float, digits: float = 0.0) -> float:
    scale = 10.0 ** int(digits)
    return math.copysign(math.floor(abs(x) * scale + 0.5) / scale, x)


_OF_NUMBERS: dict[str, Callable[..., float]] = {
    "EXP": math.exp,
    "LN": math.log,
    "LOG": lambda x, base=10.0: math.log(x, base),
    "LOG10": math.log10,
    "SQRT": math.sqrt,
    "POWER": _power,
    "ABS": abs,
    "SIGN": lambda x: float((x > 0) - (x < 0)),
    "TANH": math.tanh,
    "ROUND": _rounded,
    "PI": lambda: math.pi,
    "INT": math.floor,
    "N": float,
    "VALUE": float,
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


def _applied(kind: str, name: str, operands: Sequence[Operand]) -> Operand:
    """What an operator or a function comes to; an error is a value too, for IF may leave it aside."""
    try:
        result = _result(kind, name, operands)
    except FormulaError:
        raise
    except _CellError as error:
        return str(error)
    except ZeroDivisionError:
        return "#DIV/0!"
    except (OverflowError, ValueError):
        return "#NUM!"
    return "#NUM!" if isinstance(result, float) and not math.isfinite(result) else result


def _result(kind: str, name: str, operands: Sequence[Operand]) -> Operand:
    if kind == "prefix":
        return -_number(operands[0]) if name == "-" else _single(operands[0])
    if kind == "postfix":
        return _number(operands[0]) / 100.0
    if kind == "infix":
        binding, compute = _INFIX[name]
        if binding == 1 and any(isinstance(each, str) and each[:1] != "#" for each in map(_single, operands)):
            raise FormulaError("texts are not compared here")
        return compute(_number(operands[0]), _number(operands[1]))
    if name in _OF_LISTS:
        return _OF_LISTS[name](_numbers(operands))
    if name in _OF_NUMBERS:
        numbers = list(map(_number, operands))
        try:
            return float(_OF_NUMBERS[name](*numbers))
        except TypeError:
            raise FormulaError(f"{name} does not take {len(numbers)} arguments") from None
    areas = [operand if isinstance(operand, tuple) else (operand,) for operand in operands]
    if name == "SUMPRODUCT" and areas and len({len(area) for area in areas}) == 1:
        return math.fsum(math.prod(map(_factor, row)) for row in zip(*areas))
    if name == "SUMXMY2" and len(areas) == 2 and len(areas[0]) == len(areas[1]):
        return math.fsum((_number(a) - _number(b)) ** 2 for a, b in zip(*areas))
    if name == "IF" and len(operands) in (2, 3):
        return _single(operands[1] if _number(operands[0]) else operands[2] if len(operands) == 3 else 0.0)
    raise FormulaError(f"the function {name:.40} is not known here")


def _factor(value: Value) -> float:
    """What a cell counts in a SUMPRODUCT: a text counts 0."""
    if isinstance(value, str) and value.startswith("#"):
        raise _CellError(value)
    return value if isinstance(value, float) else 0.0


# --- taking formulas apart -------------------------------------------------------------------------

_AREA = 100_000  # cells of one reference


def _reference(token: re.Match[str], book: Book | None) -> Reference:
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
    found = Reference(text, sheet, (min(rows), min(columns)), (max(rows), max(columns)))
    if found.size > _AREA:
        raise FormulaError(f"{text:.60} has more than {_AREA:,} cells")
    return found


def parsed(text: str, book: Book | None = None) -> Formula:
    """A formula, which begins with an equals sign, taken apart.

    Raises
    ------
    FormulaError : if it is not one, or has parts that are not known here.

    Examples
    --------
    >>> formula = parsed("=0.5*(D9-$S$9)^2")
    >>> [each.text for each in formula.references]
    ['D9', '$S$9']
    >>> formula.compute(lambda number, each: (3.0,) if number == 0 else (1.0,))
    2.0
    >>> formula.words(lambda each: {"D": "t1", "$": "a_o1"}[each.text[0]])
    '0.5*(t1-a_o1)^2'
    """
    if text[:1] != "=" or len(text) > IN_A_FORMULA:
        raise FormulaError(f"{text:.60} is not a formula of at most {IN_A_FORMULA:,} letters")
    formula = Formula()
    waiting: list[tuple[str, str, int]] = []  # operators, and what has been opened: see `_release`
    counts: list[int] = []  # of each open parenthesis how many arguments it has so far
    expecting = True  # an operand, not an operator
    before = ""
    for token in TOKEN.finditer(text, 1):
        kind, word = str(token.lastgroup), token[0]
        formula.pieces.append(word)
        if kind == "space":
            continue
        if expecting and kind in ("cells", "name", "number", "text", "error"):
            formula.program.append(_operand(formula, kind, token, book))
            expecting = False
        elif expecting and (kind == "function" or word == "("):
            waiting.append(("open", word[:-1].upper().removeprefix("_XLFN."), 0))
            counts.append(1)
        elif expecting and word in ("+", "-"):
            waiting.append(("prefix", word, _PREFIX))
        elif word == ")" and counts and (not expecting or before == "function"):
            _release(waiting, formula, 0)
            _, name, _ = waiting.pop()
            count = 0 if expecting else counts[-1]
            counts.pop()
            if name:
                formula.program.append(("call", name, count))
            elif count > 1:
                raise FormulaError(f"{text:.60} has areas of several parts, which are not known here")
            expecting = False
        elif not expecting and word == "%":
            formula.program.append(("postfix", word, 1))
        elif not expecting and word in _INFIX:
            _release(waiting, formula, _INFIX[word][0])
            waiting.append(("infix", word, _INFIX[word][0]))
            expecting = True
        elif not expecting and word in (",", ";") and counts:
            _release(waiting, formula, 0)
            counts[-1] += 1
            expecting = True
        else:
            raise FormulaError(f"{text:.60} has parts that are not known here: {word:.20}")
        before = kind
    if expecting or counts:
        raise FormulaError(f"{text:.60} is not complete")
    _release(waiting, formula, 0)
    return formula


def _release(waiting: list[tuple[str, str, int]], formula: Formula, binding: int) -> None:
    """Have the operators that wait, and bind at least so tightly, act before what follows."""
    while waiting and waiting[-1][0] != "open" and waiting[-1][2] >= binding:
        kind, word, _ = waiting.pop()
        formula.program.append((kind, word, 1 if kind == "prefix" else 2))


def _operand(
    formula: Formula, kind: str, token: re.Match[str], book: Book | None
) -> tuple[str, str | float | int, int]:
    """A step of the program: a constant, or the next reference, which takes the place of its text."""
    word = token[0]
    if kind == "number":
        if not math.isfinite(float(word)):
            raise FormulaError(f"the number {word:.20} is too large")
        return "value", float(word), 0
    if word.upper() in ("TRUE", "FALSE"):
        return "value", float(word.upper() == "TRUE"), 0
    if kind in ("text", "error"):
        return "value", word if kind == "error" else word[1:-1].replace('""', '"'), 0
    formula.pieces[-1] = len(formula.references)
    formula.references.append(_reference(token, book))
    return "cells", formula.pieces[-1], 0


# --- a sheet that nobody calculated ----------------------------------------------------------------


class Calculator:
    """Computes the cells of a workbook that hold formulas without values."""

    def __init__(self, book: Book) -> None:
        self.book = book
        self._names = {name.casefold(): name for name in book.names}
        self._refused: set[tuple[str, Place]] = set()

    def fill(self, sheet: Sheet, every: bool = False) -> None:
        """Give the formulas without a value theirs; or, if `every`, all formulas.

        One that cannot be computed here stays without.
        """
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
                    cell.value = formula.compute(self._looker(name))
                    cell.text = repr(cell.value) if isinstance(cell.value, float) else str(cell.value)
            except FormulaError:
                self._refused.update(path)  # each needs the next
                return
            opened.pop(at, None)
            path.pop()

    def _looker(self, home: str) -> Callable[[int, Reference], Area]:
        return lambda _, each: self.values(home, each)

    def _missing(self, home: str, formula: Formula) -> Iterator[tuple[str, Place]]:
        """The cells that a formula needs and that have no value yet."""
        for each in formula.references:
            name = self._sheet_of(home, each)
            cells = self.book.sheet(name).cells
            self.book.limits.take("cells that such formulas read", each.size)
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
        self.book.limits.take("cells that such formulas read", each.size)
        cells = self.book.sheet(self._sheet_of(home, each)).cells
        return tuple(cells[place].value if place in cells else None for place in each.places())
