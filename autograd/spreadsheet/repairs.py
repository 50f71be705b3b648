"""The formula of a wrong cell: how it reads in the names of the columns, and which reference is wrong.

A reference is wrong if another cell in its place gives the right number, in this row and in others
that are wrong: that is tried for each reference, with each cell that it may have been meant to be.
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from .cells import Book, Place, SheetError, moved, reference
from .expected import names_in
from .formulas import Area, Calculator, Formula, FormulaError, Reference, parsed
from .grading import Judgement
from .tables import Given
from .vocabulary import short, split_derivative

__all__ = ["Reading", "reading"]

_LOOKED_AT = 50  # rows, for those that hold the same formula
_TRIED = 3  # rows in which a repaired formula must give the right number

_Meant = Callable[[int], tuple[str, Place | None]]  # by row, a quantity and where it stands


@dataclass(frozen=True)
class Reading:
    """What there is to say of the formula of a cell."""

    formula: str  # "" for a number that was typed in
    words: str = ""  # the formula in names
    repairs: tuple[str, ...] = ()  # what to change so that it gives the right number, one way on each line
    remark: str = ""  # how it differs from the formulas above it


def reading(judged: Judgement, name: str, row: int, book: Book, beside: list[Given]) -> Reading | None:
    """Read the formula of a wrong cell; None in a sheet without formulas."""
    table = judged.table
    formulas = {
        each: table.sheet.formula(table.place(name, each)) for each in _rows_around(judged, name, row)
    }
    if not any(formulas.values()):
        return None
    if not formulas[row]:
        return Reading("", remark="a number stands here, where other rows have a formula")
    reader = _Reader(judged, name, book, {each.place: each for each in beside})
    try:
        formula = parsed(formulas[row], book)
        words = formula.words(lambda each: reader.name(each, row))
    except FormulaError:
        return Reading(formulas[row])
    return Reading(formulas[row], words, tuple(reader.repairs(row)), reader.remark(row, formulas))


def _rows_around(judged: Judgement, name: str, row: int) -> list[int]:
    near = [each for each in (row - 1, row, row + 1) if 0 <= each < judged.count]
    return [each for each in near if each or name not in judged.network.trained or each == row]


@dataclass(frozen=True)
class _Line:
    """A row whose formula is to be repaired: the formula, and what the cells of each reference hold."""

    row: int
    formula: Formula
    held: dict[int, Area]


class _Reader:
    def __init__(self, judged: Judgement, name: str, book: Book, labels: Mapping[Place, Given]) -> None:
        self.judged, self.table, self.quantity, self.labels = judged, judged.table, name, labels
        self.book, self.calculator = book, Calculator(book)
        self._goals: dict[int, list[tuple[float, float]]] = {}
        # A weight is computed from the row above, so that row's names stand without a remark.
        self.shift = 0 if name not in judged.network.trained or judged.after else -1

    def name(self, each: Reference, row: int) -> str:
        """What a reference in the formula of that row means."""
        if each.count > 1 or (each.sheet and each.sheet.casefold() != self.table.sheet.name.casefold()):
            return each.text
        who = self.table.who(each.first)
        if who is None:
            label = self.labels.get(each.first)
            return each.text if label is None else label.name
        column, turn = who
        where = {0: "", -1: "[row above]", 1: "[row below]"}.get(
            turn - row - self.shift, f"[{reference(each.first)}]"
        )
        return f"{short(column)}{where}"

    def remark(self, row: int, formulas: Mapping[int, str]) -> str:
        above = formulas.get(row - 1, "")
        if row - 1 in self.judged.columns[self.quantity].wrong or not above:
            return ""
        if self._filled_down(row - 1, row) == moved(formulas[row], 0, 0):
            return ""
        place = self.table.cell(self.quantity, row - 1)
        return f"the formula changes here: {place} above, which is right, holds {above}"

    def _filled_down(self, origin: int, row: int) -> str:
        """The formula of one row as it is in another when it is filled down."""
        before, after = (self.table.place(self.quantity, each) for each in (origin, row))
        text = self.table.sheet.formula(before)
        return moved(text, after[0] - before[0], after[1] - before[1])

    # --- repairs -----------------------------------------------------------------------------------

    def repairs(self, row: int) -> Iterator[str]:
        """What to put in place of a reference so that the formula gives the right numbers; at most two."""
        with contextlib.suppress(FormulaError, SheetError):  # too long for any formula of the assignment
            yield from itertools.islice(self._repairs(row), 2)

    def _repairs(self, row: int) -> Iterator[str]:
        lines = list(self._lines(row))
        first = lines[0].formula
        if all(self._is_right(line, line.held) for line in lines):
            yield "the formula gives the right number: let the spreadsheet program recalculate it"
            return
        groups: dict[str, list[int]] = {}
        for number, each in enumerate(first.references):
            groups.setdefault(each.text, []).append(number)
        for numbers in groups.values():
            repair = self._repair(lines, numbers)
            if repair is not None:
                yield self._sentence(first, numbers, *repair, row)

    def _lines(self, row: int) -> Iterator[_Line]:
        """That row, and others that are wrong and hold the same formula, filled down."""
        wrong, found = self.judged.columns[self.quantity].wrong, 0
        for each in map(int, wrong[wrong >= row][:_LOOKED_AT]):
            text = self.table.sheet.formula(self.table.place(self.quantity, each))
            if found < _TRIED and self._filled_down(row, each) == moved(text, 0, 0):
                found += 1
                formula, sheet = parsed(text, self.book), self.table.sheet.name
                held = {cells.number: self.calculator.values(sheet, cells) for cells in formula.references}
                yield _Line(each, formula, held)

    def _repair(self, lines: list[_Line], numbers: list[int]) -> tuple[tuple[int, ...], _Meant] | None:
        """In which places of one reference which other cell gives the right number in all lines."""
        several = [tuple(numbers)] + [(number,) for number in numbers if len(numbers) > 1]
        if 2 < len(numbers) <= 5:
            several += list(itertools.combinations(numbers, 2))
        for chosen in several:
            for meant in self._meant(lines[0].formula.references[numbers[0]], lines[0].row):
                if all(self._is_right(line, self._held(line, chosen, meant)) for line in lines):
                    return chosen, meant
        return None

    def _meant(self, each: Reference, row: int) -> Iterator[_Meant]:
        """What the reference may have been meant to be: a number beside the table, or in a row nearby."""
        who = self.table.who(each.first) if not each.sheet else None
        kind = self.judged.network.kind
        alike = kind(who[0]) if who else ""
        columns = sorted(self.table.columns, key=lambda column: kind(column) != alike)
        labels = [given for given in self.labels.values() if who is None or _slides(each, given.place)]
        for given in sorted(labels, key=lambda given: not _slides(each, given.place)):
            yield lambda _, given=given: (given.name, given.place)  # type: ignore[misc]  # mypy takes no default of a lambda
        for offset in (self.shift, self.shift - 1, self.shift + 1):
            for column in columns:
                same = who is not None and column == who[0]
                itself = who == (column, row + offset)
                if (column, offset) != (self.quantity, 0) and (same or offset == self.shift) and not itself:
                    yield self._nearby(column, offset)

    def _nearby(self, column: str, offset: int) -> _Meant:
        def meant(row: int) -> tuple[str, Place | None]:
            inside = 0 <= row + offset < self.judged.count
            return column, self.table.place(column, row + offset) if inside else None

        return meant

    def _held(self, line: _Line, chosen: tuple[int, ...], meant: _Meant) -> dict[int, Area]:
        """The values of the references with another cell for the chosen ones; empty if it holds no number."""
        _, place = meant(line.row)
        cell = self.table.sheet.cells.get(place) if place is not None else None
        known = cell is not None and isinstance(cell.value, float)
        return line.held | dict.fromkeys(chosen, (cell.value,)) if cell and known else {}

    def _is_right(self, line: _Line, held: Mapping[int, Area]) -> bool:
        if not held:
            return False
        self.book.limits.take("steps to repair formulas", line.formula.cost)
        try:
            result = line.formula.compute(lambda each: held[each.number])
        except FormulaError:
            return False
        return isinstance(result, float) and any(
            abs(result - right) <= slack for right, slack in self._right(line.row)
        )

    def _right(self, row: int) -> list[tuple[float, float]]:
        """What belongs there and how near it is right: also for the numbers of its row that are wrong."""
        if row not in self._goals:
            judged, name, network = self.judged, self.quantity, self.judged.network
            goals = [judged.columns[name].right]
            if name not in network.leaves and name in network:
                formula = network.formula(name)
                judged.derive(filter(split_derivative, names_in(formula)))
                goals.append(judged.evaluated(formula, "own"))
            slack = self.table.columns[name].slack[row]
            self._goals[row] = [
                (float(goal.value[row]), 2.0 * float(goal.error[row] + slack)) for goal in goals
            ]
        return self._goals[row]

    def _sentence(
        self, formula: Formula, numbers: list[int], chosen: tuple[int, ...], meant: _Meant, row: int
    ) -> str:
        each = formula.references[numbers[0]]
        old = self.name(each, row)
        new, place = meant(row)
        assert place is not None
        where = ""
        if len(numbers) > 1:
            turns = " and ".join(_ordinal(1 + numbers.index(number)) for number in chosen)
            everywhere = len(chosen) == len(numbers)
            where = " everywhere" if everywhere else f" in the {turns} of {len(numbers)} places"
        named = f"{each.text} ({old})" if old != each.text else each.text
        if old.split("[")[0] == short(new):
            return f"the reference {named} should be {reference(place)}, in another row{where}"
        fixed = self.table.who(place) is None  # it must not move when the formula is filled down
        why = ": it slides when the formula is filled down" if fixed and _slides(each, place) else ""
        return f"the reference {named} should be {reference(place, fixed)} ({short(new)}){where}{why}"


def _slides(each: Reference, place: Place) -> bool:
    """Whether the reference has moved down from that place, as one without $ does when it is filled down."""
    fixed = "$" in each.text.lstrip("$")
    return not fixed and not each.sheet and each.first[1] == place[1] and each.first[0] > place[0]


def _ordinal(number: int) -> str:
    return {1: "1st", 2: "2nd", 3: "3rd"}.get(number, f"{number}th")
