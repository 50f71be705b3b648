"""Formulas of a spreadsheet: what they refer to, what they come to, and how they read in names.

The arithmetic of one table is all there is to compute, so a formula becomes a short program for a stack
machine, and the functions are those that people use for it. A spreadsheet's rules hold: −A1^2 is
(−A1)², an empty cell counts as 0, and an error is a value of its own, such as ``#DIV/0!``.
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from .sheets import Book, Place, Sheet, column_of, read_number

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
    fixed : whether the row is (as in A$1), so that it stays when the formula is filled down.
    """

    text: str
    sheet: str
    first: Place
    last: Place
    fixed: bool

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
        try:
            result = self._run(look)
            if isinstance(result, tuple):
                result = _single(result)
            return 0.0 if result is None else result
        except FormulaError:
            raise
        except _CellError as error:
            return str(error)
        except ZeroDivisionError:
            return "#DIV/0!"
        except (OverflowError, ValueError):
            return "#NUM!"

    def _run(self, look: Callable[[int, Reference], Area]) -> Operand:
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
        return result


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
    "&": (2, lambda a, b: math.nan),
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
    if kind == "prefix":
        return -_number(operands[0]) if name == "-" else _single(operands[0])
    if kind == "postfix":
        return _number(operands[0]) / 100.0
    if kind == "infix":
        return _INFIX[name][1](_number(operands[0]), _number(operands[1]))
    if name in _OF_LISTS:
        return _OF_LISTS[name](_numbers(operands))
    if name in _OF_NUMBERS:
        return float(_OF_NUMBERS[name](*map(_number, operands)))
    areas = [operand if isinstance(operand, tuple) else (operand,) for operand in operands]
    if name == "SUMPRODUCT" and areas and len({len(area) for area in areas}) == 1:
        return math.fsum(
            math.prod(value if isinstance(value, float) else 0.0 for value in row) for row in zip(*areas)
        )
    if name == "SUMXMY2" and len(areas) == 2 and len(areas[0]) == len(areas[1]):
        return math.fsum((_number(a) - _number(b)) ** 2 for a, b in zip(*areas))
    if name == "IF" and len(operands) in (2, 3):
        return _single(operands[1] if _number(operands[0]) else operands[2] if len(operands) == 3 else 0.0)
    raise FormulaError(f"the function {name} is not known here")


# --- taking formulas apart -------------------------------------------------------------------------

_REFERENCE = re.compile(
    r"(?:'((?:[^']|'')+)'!|([^'!\[\]]+)!)?(\$?)([A-Za-z]{1,3})(\$?)(\d{1,7})(?::\$?([A-Za-z]{1,3})\$?(\d{1,7}))?"
)


def _reference(text: str, book: Book | None) -> Reference:
    if book is not None and text.casefold() in book.defined:
        text = book.defined[text.casefold()]
    match = _REFERENCE.fullmatch(text)
    if match is None:
        raise FormulaError(f"{text} is not a cell of this workbook")
    quoted, plain, _, column, fixed, row, last_column, last_row = match.groups()
    first = int(row), column_of(column.upper())
    last = (int(last_row), column_of(last_column.upper())) if last_row else first
    if last < first or (last[0] - first[0] + 1) * (last[1] - first[1] + 1) > 100_000:
        raise FormulaError(f"{text} is not an area that is computed with here")
    name = quoted.replace("''", "'") if quoted else plain or ""
    return Reference(text, name, first, last, bool(fixed))


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
    from openpyxl.formula import Tokenizer

    formula = Formula()
    waiting: list[tuple[str, str, int]] = []  # operators, and what has been opened: see `_release`
    counts: list[int] = []  # of each open function how many arguments it has so far
    before = ""
    try:
        tokens = Tokenizer(text).items
    except Exception as error:  # it raises its own and others'
        raise FormulaError(f"{text:.60} is not a formula") from error
    for token in tokens:
        kind, subtype, word = token.type, token.subtype, token.value
        if kind == "OPERAND" and subtype == "RANGE":
            formula.pieces.append(len(formula.references))
            formula.program.append(("cells", len(formula.references), 0))
            formula.references.append(_reference(word, book))
        else:
            formula.pieces.append(word)
            if kind == "OPERAND":
                formula.program.append(("value", _constant(subtype, word), 0))
            elif kind == "OPERATOR-PREFIX":
                waiting.append(("prefix", word, _PREFIX))
            elif kind == "OPERATOR-POSTFIX":
                formula.program.append(("postfix", word, 1))
            elif kind == "OPERATOR-INFIX":
                if word not in _INFIX:
                    raise FormulaError(f"the operator {word!r} is not known here")
                _release(waiting, formula, _INFIX[word][0])
                waiting.append(("infix", word, _INFIX[word][0]))
            elif kind in ("FUNC", "PAREN") and subtype == "OPEN":
                waiting.append(("open", word[:-1].upper().removeprefix("_XLFN."), 0))
                counts.append(1)
            elif kind in ("FUNC", "PAREN"):
                _release(waiting, formula, 0)
                if not waiting:
                    raise FormulaError(f"{text:.60} closes a parenthesis that was not opened")
                _, name, _ = waiting.pop()
                count = counts.pop()
                if name:
                    formula.program.append(("call", name, 0 if before == "OPEN" else count))
            elif kind == "SEP" and counts:
                _release(waiting, formula, 0)
                counts[-1] += 1
            elif kind != "WHITE-SPACE":
                raise FormulaError(f"{text:.60} has parts that are not known here")
        if kind != "WHITE-SPACE":
            before = subtype
    _release(waiting, formula, 0)
    if waiting or not formula.program:
        raise FormulaError(f"{text:.60} is not complete")
    _require_sound(formula, text)
    return formula


def _release(waiting: list[tuple[str, str, int]], formula: Formula, binding: int) -> None:
    """Have the operators that wait, and bind at least so tightly, act before what follows."""
    while waiting and waiting[-1][0] != "open" and waiting[-1][2] >= binding:
        kind, word, _ = waiting.pop()
        formula.program.append((kind, word, 1 if kind == "prefix" else 2))


def _require_sound(formula: Formula, text: str) -> None:
    depth = 0
    for _, _, count in formula.program:
        if depth < count:
            raise FormulaError(f"{text:.60} is not complete")
        depth += 1 - count
    if depth != 1:
        raise FormulaError(f"{text:.60} has parts that are not known here")


def _constant(subtype: str, word: str) -> float | str:
    if subtype == "NUMBER":
        return float(word)
    if subtype == "LOGICAL":
        return float(word.upper() == "TRUE")
    return word.strip('"')


# --- a sheet that nobody calculated ----------------------------------------------------------------


class Calculator:
    """Computes the cells of a workbook that hold formulas without values."""

    def __init__(self, book: Book) -> None:
        self.book = book
        self._refused: set[tuple[str, Place]] = set()

    def fill(self, sheet: Sheet, every: bool = False) -> None:
        """Give the formulas without a value theirs; or, if `every`, all formulas.

        One that cannot be computed here stays without.
        """
        if every:
            for cell in sheet.cells.values():
                if cell.formula:
                    cell.value = None
        for place in [place for place, cell in sheet.cells.items() if cell.value is None]:
            wanted = sheet.name, place
            try:
                self._settle(wanted)
            except FormulaError:
                self._refused.add(wanted)

    def _settle(self, wanted: tuple[str, Place]) -> None:
        """Compute a cell after all that it needs; a loop, for a thousand rows hang on each other."""
        pending = [wanted]
        opened: dict[tuple[str, Place], Formula] = {}
        while pending:
            name, place = pending[-1]
            sheet = self.book.sheet(name)
            cell = sheet.cells[place]
            if cell.value is not None:
                pending.pop()
                continue
            if (name, place) in self._refused:
                raise FormulaError(f"{_named(sheet, place)}, which cannot be computed here")
            if (name, place) not in opened:
                try:
                    formula = parsed(sheet.formula(place), self.book)
                except FormulaError as error:
                    raise FormulaError(f"{_named(sheet, place)}: {error}") from None
                opened[name, place] = formula
                pending += self._missing(name, formula)
                continue
            formula = opened[name, place]
            if any(each in opened and each in pending for each in self._missing(name, formula)):
                raise FormulaError(f"{_named(sheet, place)}: its formula needs its own value")
            try:
                cell.value = formula.compute(self._looker(name))
            except FormulaError as error:
                raise FormulaError(f"{_named(sheet, place)}: {error}") from None
            cell.text = repr(cell.value) if isinstance(cell.value, float) else str(cell.value)
            pending.pop()

    def _looker(self, home: str) -> Callable[[int, Reference], Area]:
        return lambda _, each: self.values(home, each)

    def _missing(self, home: str, formula: Formula) -> list[tuple[str, Place]]:
        found = []
        for each in formula.references:
            name = self._sheet_of(home, each)
            cells = self.book.sheet(name).cells
            found += [
                (name, place) for place in each.places() if place in cells and cells[place].value is None
            ]
        return found

    def _sheet_of(self, home: str, each: Reference) -> str:
        if not each.sheet:
            return home
        for name in self.book.names:
            if name.casefold() == each.sheet.casefold():
                return name
        raise FormulaError(f"there is no sheet {each.sheet!r} in this workbook")

    def values(self, home: str, each: Reference) -> Area:
        """The values of the cells of a reference in a formula of the sheet `home`."""
        cells = self.book.sheet(self._sheet_of(home, each)).cells
        return tuple(cells[place].value if place in cells else None for place in each.places())


def _named(sheet: Sheet, place: Place) -> str:
    from .sheets import reference

    return f"{reference(place)} holds {sheet.formula(place):.60}"
