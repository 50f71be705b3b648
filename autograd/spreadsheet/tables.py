"""Tables on a sheet: where the header is, which columns are which quantities, and what stands beside.

A table is a row of names that the problem knows, with numbers below. It may start anywhere, stand
beside or below another one, or lie on its side. What is given only once (inputs, targets, the learning
rate) is looked for in the cells around: ``η = 0.5`` in one cell, or a label and its number next to it.
"""

from __future__ import annotations

import bisect
import itertools
import math
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import cast

import numpy as np
import numpy.typing as npt

from .cells import Cell, Place, Sheet, letters, read_number, reference
from .problem import Problem
from .vocabulary import EPOCH, MOMENTUM, RATE, updated

__all__ = ["Column", "Given", "Table", "find_tables", "givens"]

Array = npt.NDArray[np.float64]

_ABOVE = 5  # rows from a header down to its numbers, at most
_ROUNDED = 1e-13  # what is printed more finely than that was not rounded
_FORMATTED = -4  # decimals from which on a column was given that many, and is not short by chance
_SAVED, _SNAPPED = 10, 1e-10  # digits that Google Sheets saves, and what it saves as 0 if it is smaller
_BLANK = 3  # rows without numbers that end a table
_WEIGHT = re.compile(r"(?<=∂)w\d+$|^w\d+(?='?$)")
_ERROR = re.compile(r"#[^\s\d]{1,20}|Err:\d{3}|[+-]?(?:nan|inf|infinity)", re.IGNORECASE)


@dataclass
class Column:
    """A column of a table of R rows."""

    name: str
    header: str  # as the sheet writes it
    position: int  # the column of the sheet; of a table on its side, the row
    values: Array  # (R,), nan where there is no number
    slack: Array  # (R,): how far rounding to the printed digits may have changed each
    loose: Array  # (R,): the same by the column's own digits alone
    texts: dict[int, str] = field(default_factory=dict)  # by row what stands in place of a number

    @property
    def last_filled(self) -> int:
        """The last row with a number; -1 if there is none."""
        rows = np.flatnonzero(~np.isnan(self.values))
        return int(rows[-1]) if len(rows) else -1


@dataclass
class Given:
    """A number that stands on the sheet beside its name."""

    name: str
    value: float
    place: Place


@dataclass
class Table:
    """A table: its columns by the name of their quantity."""

    sheet: Sheet
    header: int  # the row of its header; of a table on its side, the column
    rows: list[int]
    columns: dict[str, Column]
    ignored: list[str]  # headers of columns that are no quantity, or one that is there already
    turned: bool  # it lies on its side
    unread: list[str]  # those of `ignored` that hold numbers which may be a quantity
    spare: list[Column]  # those there already with other numbers: their headings may be mistyped
    skipped: list[int] = field(default_factory=list)  # further rows of the grid that look like its own

    def place(self, name: str, row: int) -> Place:
        """Where the number of a quantity in a row of the table stands."""
        return self.at(self.rows[row], self.columns[name].position)

    @property
    def is_rounded(self) -> bool:
        """Whether any number has fewer digits than a double."""
        return any((column.slack > _ROUNDED).any() for column in self.columns.values())

    def _changed(self, changed: Callable[[Column], Column]) -> Table:
        columns = map(changed, self.columns.values())
        return replace(self, columns={column.name: column for column in columns})

    def cut(self) -> Table:
        """The table with numbers that were cut behind their last digit, and not rounded there."""
        return self._changed(lambda column: replace(column, slack=2.0 * column.slack))

    def exact(self, names: Collection[str]) -> Table:
        """The table where the numbers of these columns have all their digits."""
        zero = np.zeros(len(self.rows))
        return self._changed(
            lambda column: replace(column, slack=zero, loose=zero) if column.name in names else column
        )

    def loosened(self) -> Table:
        """The table with numbers that are no more exact than anybody could read them: cut, and as printed."""
        return self._changed(
            lambda each: replace(each, slack=np.where(each.loose > _ROUNDED, 2.0, 1.0) * each.loose)
        )

    def exchanged(self, missing: str, turn: int, kept: bool) -> Table:
        """The table with a spare column, or (`kept`) its namesake, under the missing name."""
        spare = self.spare[turn]
        held = self.columns[spare.name]
        one, other = (held, spare) if kept else (spare, held)
        columns = {**self.columns, spare.name: other, missing: replace(one, name=missing)}
        columns = dict(sorted(columns.items(), key=lambda item: item[1].position))
        rest = [each for each in self.spare if each is not spare]
        ignored = [each for each in self.ignored if each != f"{spare.header} (a second time)"]
        return replace(self, columns=columns, spare=rest, ignored=ignored)

    def renumbered(self, order: Mapping[str, str]) -> Table:
        """The table with its weights numbered in another order: by name the name that it means."""

        def meant(name: str) -> str:
            return _WEIGHT.sub(lambda match: order.get(match[0], match[0]), name)

        return self._changed(lambda column: replace(column, name=meant(column.name)))

    def at(self, row: int, column: int) -> Place:
        return (column, row) if self.turned else (row, column)

    def cell(self, name: str, row: int) -> str:
        """The name of that cell, such as N17."""
        return reference(self.place(name, row))

    def who(self, place: Place) -> tuple[str, int] | None:
        """The quantity and the row of the table whose number stands there."""
        row, column = self.at(*place)
        names = [name for name, each in self.columns.items() if each.position == column]
        return (names[0], self._turns[row]) if names and row in self._turns else None

    @cached_property
    def _turns(self) -> dict[int, int]:
        return {row: turn for turn, row in enumerate(self.rows)}

    @cached_property
    def area(self) -> tuple[Place, Place]:
        """The first and the last place that it takes, with its header."""
        positions = [column.position for column in self.columns.values()]
        return self.at(self.header, min(positions)), self.at(self.rows[-1], max(positions))

    def __contains__(self, place: Place) -> bool:
        """Whether a place lies within its area."""
        (top, left), (end, right) = self.area
        return top <= place[0] <= end and left <= place[1] <= right


# --- finding tables --------------------------------------------------------------------------------


def find_tables(sheet: Sheet, problem: Problem) -> list[Table]:
    """The tables of a sheet, from the top; if there is none, those that lie on their side."""
    return (
        _Search(problem, sheet, sheet, turned=False).tables()
        or _Search(problem, sheet, sheet.transposed(), turned=True).tables()
    )


class _Search:
    """The search for tables in a grid, which is the sheet or the sheet on its side."""

    def __init__(self, problem: Problem, sheet: Sheet, grid: Sheet, turned: bool) -> None:
        self.problem, self.sheet, self.grid, self.turned = problem, sheet, grid, turned
        self.quantity = problem.vocabulary.quantity
        self.names: dict[int, dict[int, str]] = {}  # by row and column
        self.numbers: dict[int, set[int]] = {}  # by row the columns with a number, or with an error for one
        self.texts: dict[int, set[int]] = {}
        for (row, column), cell in grid.cells.items():
            if isinstance(cell.value, float):
                self.numbers.setdefault(row, set()).add(column)
            elif isinstance(cell.value, str):
                name = self.quantity(cell.value)
                if name is not None:
                    self.names.setdefault(row, {})[column] = name
                elif _ERROR.fullmatch(cell.value):  # stands where a number belongs
                    self.numbers.setdefault(row, set()).add(column)
                else:
                    self.texts.setdefault(row, set()).add(column)
        self.in_order: dict[int, list[int]] = {}  # the numbers of a row, once they were asked for
        self.spans: dict[Place, int] = {}  # of a merged cell its last column
        for (top, left), (bottom, right) in grid.merged:
            self.spans[top, left] = right
            name = self.names.get(top, {}).get(left)
            for row in range(top + 1, min(bottom, top + _ABOVE) + 1):
                if name is not None:
                    self.names.setdefault(row, {})[left] = name
        self.places = {row: sorted(names) for row, names in self.names.items()}  # of the names
        self.numbers_of, self.texts_of = _by_column(self.numbers), _by_column(self.texts)

    def tables(self) -> list[Table]:
        found: list[Table] = []
        used: list[tuple[int, int, int, int]] = []
        for row in sorted(self.names):
            for names in self._split(self.names[row]):
                left, right = min(names), max(names)
                if any(row in range(top, end + 1) and left <= b and right >= a for top, end, a, b in used):
                    continue
                table = self._table(row, names)
                if table is not None:
                    self.grid.limits.take("tables")
                    found.append(table)
                    used.append((row, table.rows[-1], left, right))
        for table in found:
            table.skipped = self._skipped(table)
        return found

    def _skipped(self, table: Table) -> list[int]:
        """The rows from the header down, to where other names begin, that look like rows of the table."""
        names = {column.position: column.name for column in table.columns.values()}
        numbers, texts = (
            Counter(itertools.chain.from_iterable(held.get(column, ()) for column in names))
            for held in (self.numbers_of, self.texts_of)
        )
        rows, end = set(table.rows), table.rows[-1]
        found: list[int] = []
        for row in sorted({*numbers, *texts, *self.names}):
            if row <= table.header or row in rows:
                continue
            if row > end and (
                self._heads(row, min(names), max(names)) >= self.problem.fewest
                or (numbers[row] and self._begins_another(row, table.rows, names))
            ):
                break
            inside = row < end and numbers[row]
            if inside or numbers[row] >= self._enough(names) or texts[row] > 0.5 * len(names):
                found.append(row)
        return found

    def _heads(self, row: int, first: int, last: int) -> int:
        """How many names there are in a row from one column to another."""
        places = self.places.get(row, [])
        return bisect.bisect_right(places, last) - bisect.bisect_left(places, first)

    def _number(self, row: int, header: int, column: int) -> int | None:
        """The first column with a number in a row, among those that a header is merged over."""
        last = self.spans.get((header, column), column)
        if last == column:
            return column if column in self.numbers.get(row, ()) else None
        if row not in self.in_order:
            self.in_order[row] = sorted(self.numbers.get(row, ()))
        there = self.in_order[row]
        at = bisect.bisect_left(there, column)
        return there[at] if at < len(there) and there[at] <= last else None

    @staticmethod
    def _enough(places: Collection[int]) -> float:
        """How many of a table's columns a row must fill to be one of its rows."""
        return max(min(2, len(places)), 0.2 * len(places))

    def _table(self, header: int, names: dict[int, str]) -> Table | None:
        if len(set(names.values()) - {EPOCH, RATE, MOMENTUM}) < self.problem.fewest:
            return None
        self.grid.limits.take("headers")
        begin = self._begin(header, names)
        if begin is None:
            return None
        read = {}  # by the column of their numbers, which may be another of a merged header
        for column, name in names.items():
            there = self._number(begin, header, column)
            read[column if there is None else there] = name
        left, right, known = min(read), max(read), set(names.values())
        for row in range(header + 1, begin):  # a second line of names, for columns without one in the first
            for column, name in self.names.get(row, {}).items():
                if left <= column <= right and column not in read and name not in known:
                    read[column] = name
                    known.add(name)
        rows = self._rows(begin, read)
        self.grid.limits.take("rows of tables", len(rows))
        if not rows:
            return None
        columns, ignored, spare = self._columns(header, begin, rows, self._with_second(header, read))
        if not self._is_worth(columns, len(rows)):
            return None
        held = self._held(rows)
        unknown = self._unknown(header, held, left, right, set(read))
        unread = [title for column, title in unknown.items() if _may_be_quantity(held.get(column, []))]
        ignored = [*unknown.values(), *ignored]
        again = {f"{each.name}\0{turn}": each for turn, each in enumerate(spare)}
        _measure(columns | again, self.grid, rows, lambda name: self.problem.role(name.split("\0")[0]))
        return Table(self.sheet, header, rows, columns, ignored, self.turned, unread, spare)

    def _with_second(self, header: int, names: Mapping[int, str]) -> dict[int, str]:
        """The names, where y1 stands for a_o1 if there is a t1 too."""
        count, found = Counter(names.values()), dict(names)
        for column, name in names.items():
            cell = self.grid.cells.get((header, column))
            other = self.problem.vocabulary.also(str(cell.value)) if cell and count[name] > 1 else None
            if other is not None and other not in found.values():
                found[column] = other
        return found

    def _begin(self, header: int, names: dict[int, str]) -> int | None:
        """The first row with numbers below the names, unless a better header stands between."""
        left, right = min(names), max(names)
        for row in range(header + 1, header + _ABOVE + 1):
            there = sum(self._number(row, header, column) is not None for column in names)
            if there >= min(3, len(names)):
                return row
            if self._heads(row, left, right) >= 0.8 * len(names):
                return None
        return None

    def _columns(
        self, header: int, begin: int, rows: list[int], names: Mapping[int, str]
    ) -> tuple[dict[str, Column], list[str], list[Column]]:
        """The columns from left to right, the headers of those left out, and of these those that differ."""
        columns: dict[str, Column] = {}
        ignored: list[str] = []
        spare: list[Column] = []
        named: dict[str, list[Column]] = {}
        for position, name in sorted(names.items()):
            column = self._column(name, self._title(header, begin, position), position, rows)
            cells = (self.grid.cells.get((row, position)) for row in rows)
            waiting = any(cell is not None and cell.formula for cell in cells)
            if np.isnan(column.values).all() and not column.texts and not waiting:
                ignored.append(f"{column.header} (no numbers)")
            elif name == RATE and _is_curve(column):
                ignored.append(column.header)
            else:
                named.setdefault(name, []).append(column)
        twice = all(len(named[name]) == 2 for name in self.problem.weights if name in named)
        runs = self._runs(header, names)
        sizes = Counter(runs.values())
        for name, same in named.items():
            if name in self.problem.weights and twice and updated(name) not in named and _differ(*same):
                columns[name], again = same
                columns[updated(name)] = replace(again, name=updated(name))
                continue
            # Beside the table there may be another one, of epochs and losses, for some chart.
            best = max(same, key=lambda each: (sizes[runs[each.position]], -len(each.header)))
            columns[name] = best
            others = [each for each in same if each is not best]
            ignored += [f"{each.header} (a second time)" for each in others]
            spare += [
                each
                for each in others
                if runs[each.position] == runs[best.position]
                and not np.array_equal(each.values, best.values, equal_nan=True)
            ]
        return dict(sorted(columns.items(), key=lambda item: item[1].position)), ignored, spare

    def _runs(self, header: int, names: Iterable[int]) -> dict[int, int]:
        """Of each column with a name, the first of those to which headers lead without a gap."""
        runs: dict[int, int] = {}
        before = first = None
        for column in sorted(names):
            if before is None or not all((header, each) in self.grid.cells for each in range(before, column)):
                first = column
            assert first is not None
            runs[column] = first
            before = column
        return runs

    def _rows(self, begin: int, names: Mapping[int, str]) -> list[int]:
        left, right, enough = min(names), max(names), self._enough(names)
        rows: list[int] = []
        row, blank = begin, 0
        while blank < _BLANK and self._heads(row, left, right) < self.problem.fewest:
            if self._filled(row, names) >= enough:
                rows.append(row)
                blank = 0
            else:
                blank += 1
            row += 1
        return self._without_another(rows, names)

    def _without_another(self, rows: list[int], names: Mapping[int, str]) -> list[int]:
        """The rows down to where another table begins that has fewer columns, as of a loss for each rate."""
        for turn in range(len(rows) - 1, 0, -1):
            if not self._is_thin(rows[turn], rows[:1], names):
                break
        else:
            turn = 0
        for each in range(turn + 1, len(rows)):
            if self._begins_another(rows[each], rows[:each], names):
                return rows[:each]
        return rows

    def _is_thin(self, row: int, above: list[int], names: Mapping[int, str]) -> bool:
        """Whether a row fills less than half of the columns that those above fill."""
        return 2 * self._filled(row, names) < max(self._filled(each, names) for each in above)

    def _filled(self, row: int, columns: Iterable[int]) -> int:
        """How many of these columns have a number in a row."""
        return len(self.numbers.get(row, set()).intersection(columns))

    def _begins_another(self, row: int, above: list[int], names: Mapping[int, str]) -> bool:
        """Whether a row below a table belongs to another one, whose columns are not named here.

        It has fewer of them. It shows by headings of its own, by what is given here and differs there, or by
        an epoch that does not come after the one above.
        """
        if not self._is_thin(row, above[:1], names):
            return False
        headed = any(
            len(self.texts.get(each, set()).intersection(names)) > 1 and not self._filled(each, names)
            for each in range(above[-1] + 1, row)
        )
        differs = begins = False
        for column, name in names.items():
            here, first, last = (self._at(each, column) for each in (row, above[0], above[-1]))
            if not isinstance(here, float):
                continue
            if self.problem.role(name) == "given":
                differs = differs or (first == last and isinstance(first, float) and here != first)
            elif name == EPOCH:
                begins = begins or (isinstance(last, float) and here <= last)
        return headed or differs or begins

    def _at(self, row: int, column: int) -> float | str | None:
        cell = self.grid.cells.get((row, column))
        return None if cell is None else cell.value

    def _title(self, header: int, begin: int, column: int) -> str:
        texts = (self._at(row, column) for row in range(header, begin))
        named = (each for each in texts if isinstance(each, str) and self.quantity(each))
        return " ".join(next(named, self.names[header].get(column, "")).split())

    def _held(self, rows: list[int]) -> dict[int, list[float]]:
        """By column the numbers in these rows; none if there are only errors."""
        found: dict[int, list[float]] = {}
        for row in rows:
            for column in self.numbers.get(row, ()):
                value = self.grid.cells[row, column].value
                found.setdefault(column, []).extend([value] if isinstance(value, float) else [])
        return found

    def _unknown(
        self, header: int, held: Mapping[int, list[float]], left: int, right: int, known: set[int]
    ) -> dict[int, str]:
        """The other headers by column, from the gap on the left to that on the right."""

        def filled(column: int) -> bool:
            return (header, column) in self.grid.cells or column in held

        found = {}
        while filled(left - 1):
            left -= 1
        while filled(right + 1):
            right += 1
        for column in sorted({*range(left, right + 1)} - known):
            heading = self._at(header, column)
            if isinstance(heading, str):
                found[column] = " ".join(heading.split())[:40]
            elif column in held:
                where = letters(column) if not self.turned else f"row {column}"
                found[column] = f"{where}, which has no heading"
        return found

    def _column(self, name: str, title: str, position: int, rows: list[int]) -> Column:
        """A column of numbers and texts. A name heads another table, unless it is an error like Err:502."""
        column = Column(name, title, position, np.full(len(rows), math.nan), *np.zeros((2, len(rows))))
        for turn, row in enumerate(rows):
            cell = self.grid.cells.get((row, position))
            if cell is None or cell.value is None:
                continue
            if isinstance(cell.value, float):
                column.values[turn] = cell.value
            elif position not in self.names.get(row, ()) or _ERROR.fullmatch(cell.value):
                column.texts[turn] = cell.value
        return column

    def _split(self, names: dict[int, str]) -> Iterator[dict[int, str]]:
        """The names of one row as those of tables that stand side by side: where names begin again."""
        current: dict[int, str] = {}
        seen: set[str] = set()
        columns = sorted(names)
        for turn, column in enumerate(columns):
            if names[column] in seen:
                rest: set[str] = set()
                for each in itertools.islice(columns, turn, None):
                    if names[each] in rest:
                        break
                    rest.add(names[each])
                again = rest & seen
                whole = len(again) >= max(2 * self.problem.fewest, len(rest) / 2)
                if whole and again - {EPOCH, RATE, *self.problem.weights}:
                    yield current
                    current, seen = {}, set()
            current[column] = names[column]
            seen.add(names[column])
        if current:
            yield current

    def _is_worth(self, columns: dict[str, Column], rows: int) -> bool:
        """Whether there is anything to compute."""
        named = set(columns) - {EPOCH, RATE, MOMENTUM}
        computed = any(self.problem.role(name) not in ("given", "weight") for name in named)
        enough = computed or (rows > 2 and named >= set(self.problem.weights))
        return enough and len(named) >= self.problem.fewest


def _by_column(held: Mapping[int, Iterable[int]]) -> dict[int, list[int]]:
    """The rows of each column, given the columns of each row."""
    found: dict[int, list[int]] = {}
    for row, columns in held.items():
        for column in columns:
            found.setdefault(column, []).append(row)
    return found


def _may_be_quantity(numbers: list[float]) -> bool:
    """Whether a column holds numbers, other than those that count the rows."""
    return bool(numbers) and (len(numbers) == 1 or any(b - a != 1.0 for a, b in itertools.pairwise(numbers)))


def _is_curve(column: Column) -> bool:
    """Whether a heading states a number that the column does not hold: a loss curve below η = 0.1."""
    stated = [read_number(number) for _, number in _stated(column.header)]
    return bool(stated) and bool((column.values[~np.isnan(column.values)] != stated[0]).any())


def _differ(before: Column, after: Column) -> bool:
    """Whether the second column of a weight holds it after the update: it begins with another number."""
    return bool(before.values[0] != after.values[0]) and not math.isnan(after.values[0])


# --- how far a number was rounded ------------------------------------------------------------------


@dataclass
class _Print:
    """How a number is printed: the power of ten of its last digit, its digits, and its size."""

    unit: int
    digits: int
    size: int
    exponent: bool


_IN_BETWEEN = re.compile(r"[\s'’]")
_TIMES_TEN = re.compile(r"[×x*]10\^")


def _print(cell: Cell) -> _Print:
    text = cell.text.lower()
    if not text.isascii() or not text.replace("e", "").replace("-", "").replace(".", "").isdigit():
        text = _IN_BETWEEN.sub("", text.replace("−", "-").replace(",", "."))
        text = _TIMES_TEN.sub("e", text)
    percent = text.endswith("%")
    mantissa, _, power = text.rstrip("%").partition("e")
    whole, _, decimals = mantissa.lstrip("+-").partition(".")
    shift = int(power or 0) - 2 * percent
    assert isinstance(cell.value, float)
    size = math.floor(math.log10(abs(cell.value))) if cell.value and math.isfinite(cell.value) else -400
    return _Print(shift - len(decimals), len((whole + decimals).lstrip("0")), size, bool(power))


def _measure(columns: dict[str, Column], grid: Sheet, rows: list[int], kind_of: Callable[[str], str]) -> None:
    """Fill in how far each number of the table may be off, from the digits that its column prints.

    Zeros at the end may be left out (0.15), so one number alone does not tell. A column that hardly
    changes does not either: it goes by the others of its kind.
    """
    prints = {
        name: {
            turn: _print(grid.cells[row, column.position])
            for turn, row in enumerate(rows)
            if not math.isnan(column.values[turn])
        }
        for name, column in columns.items()
    }
    kinds = {name: kind_of(name) for name in columns}
    lively, nonzero = set(), set()
    for name in columns.keys() - {EPOCH, RATE}:  # each of those is typed in with as many digits as it needs
        numbers = {float(columns[name].values[turn]) for turn in prints[name]}
        units = {one.unit for one in prints[name].values()}
        # To four decimals or more in every row, so that is how the column is printed: 0.0007.
        formatted = len(prints[name]) > 1 and len(units) == 1 and min(units) <= _FORMATTED
        if len(numbers) > 3 or (formatted and kinds[name] != "given"):
            lively.add(name)
        if kinds[name] not in ("given", "weight") and numbers - {0.0}:
            nonzero.add(name)
    lively = lively or nonzero  # a row or two; how a zero is printed says nothing
    finest: dict[tuple[str, bool], tuple[int, int]] = {}
    for name, exponent in itertools.product(prints, (False, True)):
        alike = [one for one in prints[name].values() if one.exponent == exponent]
        if alike:
            most = -_usual_least([-one.digits for one in alike if one.digits] or [0])  # a zero has none
            finest[name, exponent] = _usual_least([one.unit for one in alike]), most
    usual: dict[str, tuple[float, float]] = {}
    for kind in {kinds[name] for name in prints if name not in lively}:
        kin = [other for other in lively if kinds[other] == kind] or list(lively)
        others = [finest[other, False] for other in kin if (other, False) in finest]
        if others:
            usual[kind] = tuple(np.median(others, axis=0))
    padded = {  # 0.10 is written by a format, not by chance
        name: any(grid.cells[rows[turn], column.position].text.endswith("0") for turn in prints[name])
        for name, column in columns.items()
    }
    for name, each in prints.items():
        usual_unit, usual_digits = usual.get("" if name in lively else kinds[name], (math.inf, -math.inf))
        for turn, one in each.items():
            unit = min(finest[name, one.exponent][0], usual_unit)
            digits = max(finest[name, one.exponent][1], usual_digits)
            expected = max(unit, one.size - digits + 1)
            # One zero left out at the end is common, and so is a column with fewer decimals further down;
            # two are rare enough to take the number as exact as the others.
            last = one.unit if expected <= one.unit <= expected + 1 else expected
            snapped = _SNAPPED if digits == _SAVED and not columns[name].values[turn] else 0.0
            columns[name].slack[turn] = max(0.51 * 10.0 ** min(last, 300), snapped)
            own = finest[name, one.exponent][0]
            by_format = own <= _FORMATTED or (own < -1 and padded[name])
            loose = 0.51 * 10.0 ** min(max(last, own) if by_format else last, 300)
            columns[name].loose[turn] = max(loose, snapped)


def _usual_least(numbers: list[int]) -> int:
    """The least, unless it is alone by more than 3: one cell with all its digits is an accident."""
    least, *others = sorted(numbers)
    return others[0] if len(others) > 2 and others[0] - least > 3 else least


# --- what is given beside --------------------------------------------------------------------------

# A number that a text states, and, read backwards from its sign, the name before it: three words at most, and
# what stands in parentheses. From the front each letter of a long text would begin a name, in quadratic time.
_STATED = re.compile(r"[=:] ?([+−-]?[.,]*+\d++(?:[.,]++\d++)*+(?:e-?\d++)?%?)", re.IGNORECASE)
_NAMED_BEFORE = re.compile(r" ?((?:\)[^()]*+\( ?)?(?:[^\s,;:=\d]++ ){0,2}[^\s,;:=]++)")
_NAME_AT_MOST = 100  # letters


def _stated(text: str) -> Iterator[tuple[str, str]]:
    """The numbers that a text states, with their names, as in "learning rate (η) = 0.5"."""
    last = 0
    for match in _STATED.finditer(text):
        before = text[max(last, match.start() - _NAME_AT_MOST) : match.start()][::-1]
        name = _NAMED_BEFORE.match(before)
        if name is not None and name.end() < _NAME_AT_MOST:
            yield name[1][::-1], match[1]
        last = match.end()


def givens(sheet: Sheet, tables: Iterable[Table], problem: Problem) -> list[Given]:
    """Numbers on the sheet, outside its tables, that stand beside the name of what is given."""
    wanted, quantity = {*problem.leaves, RATE, MOMENTUM}, problem.vocabulary.quantity
    tables = list(tables)

    def free(place: Place) -> bool:
        return not any(place in table for table in tables)

    spans = dict(sheet.merged)
    found: list[Given] = []
    for place, cell in sheet.cells.items():
        if not isinstance(cell.value, str) or not free(place):
            continue
        before = len(found)
        stated = [(quantity(text), read_number(number)) for text, number in _stated(cell.value)]
        sheet.limits.take("numbers stated in texts", len(stated))
        for name, value in stated:
            if name in wanted and value is not None:
                found.append(Given(name, value, place))
        name = quantity(cell.value)
        if name in wanted and all(name != each for each, _ in stated):
            for beside in filter(free, _beside(sheet, place, spans.get(place, place), several=name == RATE)):
                found.append(Given(name, cast(float, sheet.cells[beside].value), beside))
        sheet.limits.take("numbers beside their names", len(found) - before)
    return found


def _beside(sheet: Sheet, first: Place, last: Place, several: bool) -> Iterator[Place]:
    """The places of the numbers that belong to a label: on its right, else below it."""

    def what(place: Place) -> float | str | None:
        cell = sheet.cells.get(place)
        return None if cell is None else cell.value

    def number(place: Place) -> bool:
        return isinstance(what(place), float)

    right, below = (first[0], last[1] + 1), (last[0] + 1, first[1])
    sign = what(right)
    if sign in ("=", ":") or (sign is None and number((right[0], right[1] + 1)) and not number(below)):
        right = right[0], right[1] + 1
    labels = isinstance(what(right), str) or isinstance(what((first[0], first[1] - 1)), str)
    if number(right) and not (labels and number(below)):
        yield right
        while several and number((right[0], right[1] + 1)):
            right = right[0], right[1] + 1
            yield right
    elif number(below):
        yield below
