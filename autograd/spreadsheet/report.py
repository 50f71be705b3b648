"""What came out of a check: findings as data, and the text that tells them, which is one view of it."""

from __future__ import annotations

import itertools
import math
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

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
    "ALL_RIGHT", "UNREADABLE", "UNSURE", "WRONG", "Finding", "TableReport", "WorkbookReport", "counted",
    "listed", "wrapped",
]  # fmt: skip

ALL_RIGHT, WRONG, UNREADABLE, UNSURE = range(4)
"""What a check comes to, and its exit status. UNSURE: nothing wrong is seen, but not all could be checked."""

_TOO_MANY = (
    "These are more than slips: the numbers may stand below other names than their own, or belong to another "
    "network, or the inputs above are not those that were used."
)


@dataclass(frozen=True, eq=False)
class Finding:
    """A column that is wrong.

    Attributes
    ----------
    table : the table, as in ``training.xlsx, sheet "training": the table in A8:AG108, 100 rows``.
    cell : the first wrong cell, such as ``N17``.
    quantity : its name, such as ``∂E_total/∂w3``.
    rows : the rows of the table that are wrong, counted from 0.
    given : what stands in the first of them: a number, a text, or None for an empty cell.
    expected : the right number; nan if a number belongs there, but which cannot be told.
    consequential : whether it is computed rightly, from numbers that are wrong in the same row.
    slip : which slip it was, if that can be told.
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

    @property
    def error(self) -> float:
        """The relative error of the first wrong cell, or the error where 0 belongs; nan for no number."""
        if not isinstance(self.given, float):
            return math.nan
        off = abs(self.given - self.expected)
        return off / abs(self.expected) if self.expected else off

    @property
    def severity(self) -> str:
        """``"wrong"``, or ``"consequential"``."""
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

    def lines(self, explained: bool = False) -> Iterator[str]:
        """The first wrong cell, what is found and what belongs there."""
        yield f"  {short(self.quantity)}: first wrong in {self.cell}, {self.extent}"
        yield f"      found  {brief(self.text) or 'nothing: the cell is empty'}"
        if not math.isfinite(self.expected):
            yield "      right  a number"
            return
        what = "relative error" if self.expected else "off by"
        error = "" if math.isnan(self.error) else f"   ({what} {self.error:.1e})"
        yield f"      right  {self.expected!r}{error}"
        read = self.reading
        if read is not None:
            if read.formula:
                yield f"      formula {brief(read.formula, 400)}"
            if read.words:
                yield f"      reads   {short(self.quantity)} = {brief(read.words, 400)}"
            yield from (f"      {brief(line, 400)}" for line in (read.remark, *read.repairs) if line)
        elif self.slip is not None and self.slip.formula:
            yield f"      computed as  {self.slip.formula}"
        if self.slip is not None and self.slip.share < 0.999:
            yield f"      (the slip explains {self.slip.share:.0%} of these rows)"
        yield from (f"      {line}" for line in self.derivation)
        if explained and self.explanation:
            yield from textwrap.indent(self.explanation, "      | ").splitlines()

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
    title : which table it is.
    findings : the columns that are wrong by a mistake of their own, from the left, then those that follow.
    doubts : why it cannot be called right, though nothing in it may be wrong, the gravest first.
    faults : what the sheet says of its learning rate that cannot be right.
    status : ``ALL_RIGHT``, ``WRONG`` or ``UNSURE``.
    """

    title: str
    understood: Understanding
    judged: Judgement
    findings: Sequence[Finding]
    coarse: Mapping[str, Flags]
    doubts: Sequence[str]

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

    def lines(self, explained: bool = False) -> Iterator[str]:
        """For a person to read: the verdict, what it rests on, the mistakes."""
        states = self.judged.states
        count = sum(int((each != MISSING).sum()) for each in states.values())
        columns = counted(len(states), "column")
        mistakes, wrong = self.mistakes, self.status == WRONG
        yield self.title
        if wrong:
            if mistakes:
                names = ", ".join(short(finding.quantity) for finding in mistakes)
                yield f"  WRONG: {len(mistakes)} of {columns}: {names}"
            for fault in self.faults:
                yield from wrapped(f"{'also' if mistakes else 'WRONG'}: {fault}")
        elif self.doubts:
            first, *others = self.doubts
            yield from wrapped(f"CANNOT TELL: {first}. Nothing wrong is seen in what could be compared")
            yield from itertools.chain.from_iterable(wrapped(f"also: {doubt}") for doubt in others)
        else:
            yield f"  RIGHT: all {columns}, {counted(count, 'cell')}, agree with the engine."
        if not wrong:
            yield from wrapped(self._basis())
        for line in (*self._how_read(), *(self.doubts if wrong else ())):
            yield from wrapped(line)
        if not mistakes:
            return
        if len(mistakes) > MANY:
            yield from ("", *wrapped(_TOO_MANY))
        groups: dict[str, list[Finding]] = {}
        for finding in mistakes:
            words = finding.slip.words if finding.slip else ""
            groups.setdefault(words or finding.quantity, []).append(finding)
        for group in groups.values():
            slip = group[0].slip
            if slip is not None:
                headline = f"{', '.join(short(finding.quantity) for finding in group)}: {slip.words}."
                if slip.others:
                    headline += f" (Or {'; or '.join(slip.others)}: these numbers do not tell them apart.)"
                yield from ("", *wrapped(headline))
            for finding in group:
                yield from itertools.chain([""] if slip is None else [], finding.lines(explained))
        yield ""
        for line in self._the_rest():
            yield from wrapped(line)

    def _basis(self) -> str:
        """What was compared, to how many digits, and what was taken as it stands."""
        judged = self.judged
        sure = {
            name: int((judged.agrees(name) & ~self.coarse.get(name, np.array(False))).sum())
            for name in judged.states
        }
        names = [name for name, number in sure.items() if number]
        if not names:
            return "nothing could be compared to enough digits"
        taken = [name for name in judged.states if judged.taken[name].any()]
        text = (
            f"compared: {counted(sum(sure.values()), 'cell')} in {counted(judged.count, 'row')}, computed "
            f"anew and equal to {counted(decimals(judged, names), 'decimal')} or more"
        )
        if taken:
            text += f"; taken as they stand: {listed(taken, 16)} of the first row"
        return text + ("; no update was compared" if judged.rate is None else "")

    def _how_read(self) -> Iterator[str]:
        """How the table was read."""
        understood, judged, table = self.understood, self.judged, self.understood.table
        problem, network, sources = understood.problem, judged.network, understood.sources

        def numbers(what: str, names: Iterable[str]) -> str:
            names = list(names)
            values = " ".join(f"{judged.full[name].value[0]:.12g}" for name in names)
            said = dict.fromkeys(sources[name] for name in names if name in sources)
            return f"{what} {values}" + (f" ({', '.join(said)})" if said else "")

        given = [("inputs", problem.inputs), ("targets", problem.targets[0]), ("biases", network.biases)]
        parts = [numbers(what, names) for what, names in given if names]
        if problem.biases and not network.biases:
            parts.append("no biases")
        if parts:
            yield "; ".join(parts)
        rate = understood.rate
        said = "no learning rate"
        if rate is not None:
            said = f"learning rate η = {rate.value[0]:.9g} ({sources.get(RATE, '--lr')})"
        yield f"{numbers('weights at first', problem.weights)}; {said}"
        yield from understood.notes
        if table.sheet.computed:
            yield (
                f"{counted(table.sheet.computed, 'formula')} on this sheet had never been calculated: their "
                "numbers are computed here. A spreadsheet program shows them when it has saved the file"
            )
        counts = {column.header for name, column in table.columns.items() if name in (EPOCH, RATE)}
        unknown = [column.header for name, column in table.columns.items() if name not in judged.states]
        ignored = [*table.ignored, *(each for each in unknown if each not in counts)]
        if ignored:
            yield f"not checked: {listed(ignored, 40)}"
        if table.turned:
            yield "the table lies on its side: its rows were read as columns"
        hidden = {
            column.header
            for name, column in table.columns.items()
            if table.place(name, 0)[1] in table.sheet.hidden_columns
        }
        if hidden:
            yield f"hidden columns, checked like the others: {listed(sorted(hidden), 40)}"
        if any(row in table.sheet.hidden_rows for row in table.rows) and not table.turned:
            yield "some rows are hidden; they were checked like the others"
        early = [
            f"{column.header} ends at {table.cell(name, last)}"
            for name, column in table.columns.items()
            if name in judged.states and (last := column.last_filled) < len(table.rows) - 2
        ]
        if early:
            yield f"some columns end before the table does: {listed(early)}"

    def _the_rest(self) -> Iterator[str]:
        """What else differs from a right sheet, and why that is no mistake."""
        follows = [short(finding.quantity) for finding in self.findings if finding.consequential]
        if follows:
            yield (
                f"{', '.join(follows)}: these are computed rightly from numbers that are wrong in the same "
                "row, and will be right with them."
            )
        right = [
            name
            for name, states in self.judged.states.items()
            if np.isin(states, (MISSING, RIGHT)).all() and name not in self.coarse
        ]
        if right:
            others, they = ("columns are", "They") if len(right) > 1 else ("column is", "It")
            yield (
                f"{len(right)} other {others} right for the weights of the same row. {they} will change too "
                "when the mistakes are mended, for the weights will."
            )


@dataclass(frozen=True, eq=False)
class WorkbookReport:
    """What came out for a file; `str` of it is the text.

    Attributes
    ----------
    path : the file.
    tables : what came out for each table that could be checked.
    status : ``ALL_RIGHT`` (0), ``WRONG`` (1), ``UNREADABLE`` (2: in part) or ``UNSURE`` (3: nothing wrong is
        seen, but not all could be checked); that of its gravest table.
    findings : the columns that are wrong, of all tables.
    """

    path: Path
    status: int
    tables: Sequence[TableReport]
    _told: Sequence[TableReport | Sequence[str]] = field(repr=False)

    @property
    def findings(self) -> list[Finding]:
        return [finding for table in self.tables for finding in table.findings]

    def lines(self, explained: bool = False) -> Iterator[str]:
        """The text, line by line; `explained` with the whole derivation of each wrong gradient."""
        for each in self._told:
            yield from each.lines(explained) if isinstance(each, TableReport) else each

    def __str__(self) -> str:
        return "\n".join(map(clean, self.lines()))


def counted(number: int, what: str) -> str:
    return f"{number} {what}" + ("" if number == 1 else "s")


def listed(names: Sequence[str], most: int = 8) -> str:
    """Names or headers, the first of them if there are many."""
    shown = [brief(short(name)) for name in names[:most]]
    return ", ".join([*shown, f"and {len(names) - most} more"] if len(names) > most else shown)


def wrapped(text: str) -> list[str]:
    return textwrap.wrap(
        clean(text), 108, initial_indent="  ", subsequent_indent="    ", break_long_words=False
    )
