"""What came out of a check: findings as data, and the text that tells them, which is one view of it."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TypeVar

import numpy as np

from ..engine.value import Value
from ..symbolic import explain
from ..terminal import brief, clean
from .diagnosis import MANY, Slip
from .grading import MISSING, RIGHT, Flags, Judgement
from .inference import Understanding
from .repairs import Reading
from .resolution import decimals
from .vocabulary import EPOCH, RATE, short, split_derivative

__all__ = [
    "ALL_RIGHT", "UNREADABLE", "UNSURE", "WRONG", "Finding", "Refusal", "TableReport", "WorkbookReport",
    "counted", "listed",
]  # fmt: skip

ALL_RIGHT, WRONG, UNREADABLE, UNSURE = range(4)
"""What a check comes to, and its exit status. UNSURE: nothing wrong is seen, but not all could be checked."""

_SCREEN = 40  # lines of a report that is not asked for in full
_WIDTH = 108
T = TypeVar("T")

_TOO_MANY = (
    "These are more than slips: the numbers may stand below other names than their own, or belong to another "
    "network, or the inputs above are not those that were used."
)


@dataclass(frozen=True, eq=False)
class Finding:
    """A column that is wrong.

    Attributes
    ----------
    table : which table it is in, as in ``sheet "training", A8:AG108, 100 rows``.
    cell : the first wrong cell, such as ``N17``.
    quantity : its name, such as ``∂E_total/∂w3``.
    rows : the rows of the table that are wrong, counted from 0.
    given : what stands in the first of them: a number, a text, or None for an empty cell.
    expected : the right number; nan if a number belongs there, but which cannot be told.
    consequential : whether it is computed rightly, from numbers that are wrong in the same row.
    slip : which slip it was, if that can be told.
    searched : whether all that it may be was tried; not if the file has too many wrong columns.
    reading : the formula of the cell, in names, with its repairs; None in a sheet without formulas.
    derivation : where the right number comes from, line by line.
    nodes : the graph with the numbers of that row, by name.
    text : the cell as the sheet shows it.
    count : how many rows the table has.
    """

    table: str
    cell: str
    quantity: str
    rows: Sequence[int]
    given: float | str | None
    expected: float
    consequential: bool
    slip: Slip | None
    reading: Reading | None
    derivation: Sequence[str]
    nodes: Mapping[str, Value] = field(repr=False)
    text: str = ""
    count: int = 1
    searched: bool = True

    @property
    def error(self) -> float:
        """The relative error of the first wrong cell, or the error where 0 belongs; nan for no number."""
        if not isinstance(self.given, float):
            return math.nan
        off = abs(self.given - self.expected)
        return off / abs(self.expected) if self.expected else off

    @property
    def severity(self) -> str:
        return "consequential" if self.consequential else "wrong"

    @cached_property
    def explanation(self) -> str:
        """The engine's own derivation of a derivative at the numbers of that row, else ``""``."""
        pair = split_derivative(self.quantity)
        return str(explain(self.nodes[pair[0]], self.nodes[pair[1]], digits=9)) if pair else ""

    @property
    def repairs(self) -> Sequence[str]:
        """What to change in the formula so that it gives the right number."""
        return self.reading.repairs if self.reading is not None else ()

    def lines(self, full: bool = True, explained: bool = False, elsewhere: str = "") -> Iterator[str]:
        """The first wrong cell, what is found and what belongs there; if `full`, where that comes from."""
        yield from wrapped(f"{short(self.quantity)}: first wrong in {self.cell}, {self.extent}{elsewhere}")
        yield f"      found  {brief(self.text) or 'nothing: the cell is empty'}"
        if not math.isfinite(self.expected):
            yield "      right  a number"
            return
        kind = "relative error" if self.expected else "off by"
        error = "" if math.isnan(self.error) else f"   ({kind} {self.error:.1e})"
        yield f"      right  {self.expected!r}{error}"
        read = self.reading
        if read is not None:
            if read.formula:
                yield f"      formula {brief(read.formula, 400)}"
            if read.words and full:
                yield f"      reads   {short(self.quantity)} = {brief(read.words, 400)}"
            yield from (f"      {brief(line, 400)}" for line in (read.remark, *read.repairs) if line)
        elif self.slip is not None and self.slip.formula and (full or len(self.slip.formula) <= _WIDTH - 19):
            yield f"      computed as  {self.slip.formula}"
        if self.slip is not None and self.slip.share < 0.999:
            yield f"      (the slip explains {self.slip.share:.0%} of these rows)"
        if not self.searched:
            yield "      (which slip it is was not searched further: too many were tried for this file)"
        if full:
            yield from (f"      {line}" for line in self.derivation)
        if explained and self.explanation:
            yield from textwrap.indent(self.explanation, "      | ").splitlines()

    def brief_lines(self, elsewhere: str = "") -> Iterator[str]:
        """The same in a line, and what to change in the formula."""
        right = f"{self.expected:.9g}" if math.isfinite(self.expected) else "a number"
        found = f"{self.given:.9g}" if isinstance(self.given, float) else brief(self.text) or "nothing"
        where = f"{short(self.quantity)}: first wrong in {self.cell}, {self.extent}"
        yield from wrapped(f"{where}: {found}, right is {right}{elsewhere}")
        yield from (f"      {brief(line, 400)}" for line in self.repairs)

    @property
    def extent(self) -> str:
        """In which rows of the table."""
        rows, where = self.rows, f"row {self.rows[0] + 1} of {self.count}"
        if len(rows) == 1:
            return f"{where}, the only one" if self.count > 1 else where
        if rows[-1] - rows[0] + 1 == len(rows):
            tail = "and in all that follow" if rows[-1] == self.count - 1 else f"and up to row {rows[-1] + 1}"
            return f"{where}, {tail}"
        return f"{where}, and in {len(rows) - 1} more"


@dataclass(frozen=True, eq=False)
class TableReport:
    """What came out for a table.

    Attributes
    ----------
    where : which table it is, as in ``A8:AG108, 100 rows``, in a workbook with its sheet.
    findings : the columns that are wrong by a mistake of their own, from the left, then those that follow.
    doubts : why it cannot be called right, though nothing in it may be wrong, the gravest first.
    faults : what the sheet says of its learning rate that cannot be right.
    others, misnamed : which numbers are not the problem's, and a rate that is not its name's: no mistakes.
    status : ``ALL_RIGHT``, ``WRONG`` or ``UNSURE``.
    """

    where: str
    understood: Understanding
    judged: Judgement
    findings: Sequence[Finding]
    coarse: Mapping[str, Flags]
    doubts: Sequence[str]
    others: Sequence[str] = ()
    misnamed: Sequence[str] = ()

    @property
    def faults(self) -> Sequence[str]:
        return self.understood.faults

    @property
    def mistakes(self) -> list[Finding]:
        """The findings that are no consequence of others."""
        return [finding for finding in self.findings if not finding.consequential]

    @property
    def status(self) -> int:
        if self.mistakes or self.faults:
            return WRONG
        return UNSURE if self.doubts else ALL_RIGHT

    @property
    def verdict(self) -> str:
        """In a sentence without its full stop."""
        held, mistakes = self.judged.columns, self.mistakes
        columns = counted(len(held), "column")
        if mistakes:
            names = listed([finding.quantity for finding in mistakes], 16)
            return f"WRONG: {len(mistakes)} of {columns}: {names}"
        if self.faults:
            return f"WRONG: {self.faults[0]}"
        if self.doubts:
            return f"CANNOT TELL: {self.doubts[0]}. Nothing wrong is seen in what could be compared"
        heads = len(self.understood.headings)
        but = f"; but {counted(heads, 'heading')} {'is' if heads == 1 else 'are'} wrong" if heads else ""
        count = sum(int((each.states != MISSING).sum()) for each in held.values())
        return f"RIGHT: all {columns}, {counted(count, 'cell')}, agree with the engine{but}"

    def notes(self, full: bool = True) -> Iterator[str]:
        """What else there is to say of it, a line each: what it rests on, and how it was read."""
        wrong = self.status == WRONG
        yield from (f"also: {fault}" for fault in self.faults[0 if self.mistakes else 1 :])
        yield from self.understood.headings
        if not wrong:
            yield from (f"also: {doubt}" for doubt in self.doubts[1:])
            yield self._basis()
        yield from self._how_read(full)
        yield from self.doubts if wrong else ()

    def _basis(self) -> str:
        """What was compared, to how many digits, and what was taken as it stands."""
        judged = self.judged
        sure = {
            name: int((column.agrees & ~self.coarse.get(name, np.array(False))).sum())
            for name, column in judged.columns.items()
        }
        names = [name for name, number in sure.items() if number]
        if not names:
            return "nothing could be compared to enough digits"
        taken = [name for name, column in judged.columns.items() if column.taken.any()]
        text = (
            f"compared: {counted(sum(sure.values()), 'cell')} in {counted(judged.count, 'row')}, computed "
            f"anew and equal to {counted(decimals(judged, names), 'decimal')} or more"
        )
        if taken:
            text += f"; taken as they stand: {listed(taken, 16)} of the first row"
        return text + ("; no update was compared" if judged.rate is None else "")

    def _how_read(self, full: bool) -> Iterator[str]:
        """How the table was read."""
        understood, judged, table = self.understood, self.judged, self.understood.table
        problem, network, sources = understood.problem, judged.network, understood.sources

        def numbers(what: str, names: Iterable[str]) -> str:
            names = list(names)
            values = " ".join(f"{judged[name].full.value[0]:.12g}" for name in names)
            said = dict.fromkeys(sources[name] for name in names if name in sources)
            return f"{what} {values}" + (f" ({', '.join(said)})" if said else "")

        given = [("inputs", problem.inputs), ("targets", problem.targets[0]), ("biases", network.biases)]
        parts = [numbers(what, names) for what, names in given if names]
        parts += ["no biases"] if problem.biases and not network.biases else []
        if parts:
            yield "; ".join(parts)
        rate, said = understood.rate, "no learning rate"
        if rate is not None:
            said = f"learning rate η = {rate.value[0]:.9g} ({sources.get(RATE, '--lr')})"
        yield f"{numbers('weights at first', problem.weights)}; {said}"
        yield from understood.notes
        if table.sheet.computed:
            yield (
                f"{counted(table.sheet.computed, 'formula')} on this sheet had never been calculated: their "
                "numbers are computed here. A spreadsheet program shows them when it has saved the file"
            )
        known = {*judged.columns, EPOCH, RATE}
        ignored = [
            *table.ignored,
            *(each.header for each in table.columns.values() if each.name not in known),
        ]
        if ignored:
            yield f"not checked: {listed(ignored, 40)}"
        if table.turned:
            yield "the table lies on its side: its rows were read as columns"
        places = {column.header: table.place(name, 0) for name, column in table.columns.items()}
        hidden = [header for header, place in places.items() if place[1] in table.sheet.hidden_columns]
        if hidden:
            yield f"hidden columns, checked like the others: {listed(sorted(hidden), 40)}"
        if any(row in table.sheet.hidden_rows for row in table.rows) and not table.turned:
            yield "some rows are hidden; they were checked like the others"
        early = [
            f"{column.header} ends at {table.cell(name, last)}"
            for name, column in table.columns.items()
            if name in judged.columns and (last := column.last_filled) < len(table.rows) - 2
        ]
        if early:
            yield f"some columns end before the table does: {listed(early)}"

    def rest(self) -> Iterator[str]:
        """What else differs from a right sheet, and why that is no mistake."""
        follows = [short(finding.quantity) for finding in self.findings if finding.consequential]
        if follows:
            these = "these are" if len(follows) > 1 else "this is"
            yield (
                f"{', '.join(follows)}: {these} computed rightly from numbers that are wrong in the same "
                "row, and will be right with them."
            )
        right = sum(
            bool(np.isin(column.states, (MISSING, RIGHT)).all()) and name not in self.coarse
            for name, column in self.judged.columns.items()
        )
        if right:
            others, they = ("columns are", "They") if right > 1 else ("column is", "It")
            yield (
                f"{right} other {others} right for the weights of the same row. {they} will change too "
                "when the mistakes are mended, for the weights will."
            )


@dataclass(frozen=True)
class Refusal:
    """A table or a sheet that could not be checked: which one, its status, and why."""

    where: str
    status: int
    reason: str

    @property
    def verdict(self) -> str:
        """In a sentence without its full stop."""
        return f"{'CANNOT TELL' if self.status == UNSURE else 'CANNOT BE CHECKED'}: {self.reason}"


@dataclass(frozen=True, eq=False)
class WorkbookReport:
    """What came out for a file; `str` of it is the text.

    Attributes
    ----------
    path : the file.
    entries : what came out for each table, and for what could not be checked.
    remarks : what there is to say about the file.
    tables : what came out for each table that could be checked.
    status : ``ALL_RIGHT`` (0), ``WRONG`` (1), ``UNREADABLE`` (2: in part) or ``UNSURE`` (3: nothing wrong is
        seen, but not all could be checked); that of its gravest table.
    findings : the columns that are wrong, of all tables.
    """

    path: Path
    entries: Sequence[TableReport | Refusal]
    remarks: Sequence[str] = ()

    @property
    def tables(self) -> list[TableReport]:
        return [each for each in self.entries if isinstance(each, TableReport)]

    @property
    def status(self) -> int:
        return min((each.status for each in self.entries), key=(WRONG, UNREADABLE, UNSURE, ALL_RIGHT).index)

    @property
    def findings(self) -> list[Finding]:
        return [finding for table in self.tables for finding in table.findings]

    @property
    def verdict(self) -> str:
        """The gravest of its tables, in a sentence."""
        name = brief(self.path.name, 100)
        if len(self.entries) == 1:
            return f"{self.entries[0].verdict} ({name}, {self.entries[0].where})"
        gravest = [each for each in self.entries if each.status == self.status]
        tables = counted(len(self.entries), "table")
        if self.status == ALL_RIGHT:
            return f"RIGHT: all {tables} agree with the engine ({name})"
        word, _, reason = gravest[0].verdict.partition(": ")
        names = [finding.quantity for table in self.tables for finding in table.mistakes]
        reason = listed(list(dict.fromkeys(names)), 16) if names else reason
        return f"{word}: {len(gravest)} of {tables}: {reason} ({name})"

    def lines(self, explained: bool = False, full: bool = False) -> Iterator[str]:
        """The text, line by line: the verdict first, then what it rests on, then the mistakes.

        Equal mistakes of several tables are told once.

        Parameters
        ----------
        explained : with the whole derivation of each wrong gradient.
        full : with the derivation of each right number; else it is a screen at most.
        """
        lines = list(self._lines(explained, full or explained))
        rest = [] if full or explained or len(lines) <= _SCREEN else lines[_SCREEN - 1 :]
        yield from lines[: len(lines) - len(rest)]
        if rest:
            yield f"  … {counted(len(rest), 'more line')}: --full shows all"

    def _lines(self, explained: bool, full: bool) -> Iterator[str]:
        yield from textwrap.wrap(
            clean(f"{self.verdict}."), _WIDTH, subsequent_indent="  ", break_long_words=False
        )
        several = len(self.entries) > 1
        if several:
            for verdict, same in _grouped((each.verdict, each.where) for each in self.entries).items():
                yield from wrapped(f"{'; '.join(same)}: {verdict}.")
        for table in self.tables if full or not several else ():
            yield from ("", *wrapped(f"{table.where}:")) if several else ()
            for note in table.notes(full):
                yield from wrapped(note)
        if several and not full:
            notes = _grouped((note, table.where) for table in self.tables for note in table.notes(full))
            for note, same in notes.items():
                where = "all" if len(same) == len(self.tables) else "; ".join(same)
                yield from wrapped(f"{where}: {note}")
        yield from self._mistakes(explained, full)
        for remark in self.remarks:
            yield from wrapped(remark)

    def _mistakes(self, explained: bool, full: bool) -> Iterator[str]:
        """The findings, those of one slip together, and of one column of several tables."""
        found = [(finding, table) for table in self.tables for finding in table.mistakes]
        if not found:
            return
        if any(len(table.mistakes) > MANY for table in self.tables):
            yield from ("", *wrapped(_TOO_MANY))
        of_slips = _grouped(
            ((finding.slip.words if finding.slip else "") or finding.quantity, finding)
            for finding, _ in found
        )
        for group in of_slips.values():
            slip = group[0].slip
            columns = _grouped((finding.quantity, finding) for finding in group)
            yield ""
            if slip is not None:
                headline = f"{', '.join(map(short, columns))}: {slip.words}."
                if slip.others:
                    headline += f" (Or {'; or '.join(slip.others)}: these numbers do not tell them apart.)"
                yield from wrapped(headline)
            for turn, (finding, *others) in enumerate(columns.values()):
                cells = [f"{each.cell} ({each.table})" for each in others]
                elsewhere = f"; also in {listed(cells, 6)}" if cells else ""
                if full or not turn:
                    yield from finding.lines(full, explained, elsewhere)
                else:
                    yield from finding.brief_lines(elsewhere)
        yield ""
        for text in dict.fromkeys(line for table in self.tables if table.mistakes for line in table.rest()):
            yield from wrapped(text)

    def __str__(self) -> str:
        return "\n".join(map(clean, self.lines()))


def _grouped(pairs: Iterable[tuple[str, T]]) -> dict[str, list[T]]:
    """Of each first the seconds, both in order."""
    found: dict[str, list[T]] = {}
    for first, second in pairs:
        found.setdefault(first, []).append(second)
    return found


def counted(number: int, what: str) -> str:
    return f"{number} {what}" + ("" if number == 1 else "s")


def listed(names: Sequence[str], most: int = 8) -> str:
    """Names or headers, the first of them if there are many."""
    shown = [brief(short(name)) for name in names[:most]]
    return ", ".join([*shown, f"and {len(names) - most} more"] if len(names) > most else shown)


def wrapped(text: str) -> list[str]:
    return textwrap.wrap(
        clean(text), _WIDTH, initial_indent="  ", subsequent_indent="    ", break_long_words=False
    )
