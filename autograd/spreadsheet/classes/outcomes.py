"""The outcome for a file as plain data, to be sent between processes and kept as JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from ...terminal import clean
from ..report import UNREADABLE, Finding, Refusal, TableReport, WorkbookReport
from ..vocabulary import short

__all__ = ["ABSENT", "FOLLOWS", "RIGHT", "UNCHECKED", "WRONG", "Mistake", "Outcome", "outcome_of", "unread"]

RIGHT, FOLLOWS, WRONG, UNCHECKED, ABSENT = "right", "follows", "wrong", "unchecked", "absent"
"""The states of a quantity. FOLLOWS: computed rightly from wrong numbers. UNCHECKED: there, but without a
number to compare. ABSENT: in no column."""

_FIRST = (WRONG, FOLLOWS, RIGHT, UNCHECKED)  # the first holds for a quantity in several columns
_MOST_LINES = 400  # of a report that are kept


@dataclass(frozen=True)
class Mistake:
    """A column with a mistake of its own.

    Attributes
    ----------
    table, cell, quantity : the first wrong cell, as in `Finding`.
    where : the wrong rows, in words.
    given, expected : the text of the cell, and the right number.
    slip : the slip in words; ``""`` for an unknown one.
    hints : lines that help: the formula in names, its repairs, the derivation.
    """

    table: str
    cell: str
    quantity: str
    where: str
    given: str
    expected: str
    slip: str = ""
    hints: Sequence[str] = ()

    @property
    def words(self) -> str:
        return self.slip or f"{short(self.quantity)} is wrong"


@dataclass(frozen=True)
class Outcome:
    """The outcome for a file.

    Attributes
    ----------
    status : as of `check_workbook`: 0 right, 1 wrong, 2 not read, 3 not all could be checked.
    reason : why it was not read; ``""`` if it was.
    states : the state of each quantity in the sheet.
    mistakes : the mistakes.
    notes : remarks on unchecked cells and on the learning rate.
    others : numbers that differ from the problem's.
    numbers : inputs, targets and weights in the first row of the first table.
    report : the text of the check.
    """

    status: int
    reason: str = ""
    states: Mapping[str, str] = field(default_factory=dict)
    mistakes: Sequence[Mistake] = ()
    notes: Sequence[str] = ()
    numbers: Mapping[str, float] = field(default_factory=dict)
    report: Sequence[str] = ()
    others: Sequence[str] = ()

    def to_json(self) -> str:
        return json.dumps(asdict(self), ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> Outcome:
        """The outcome in a text of `to_json`; a ValueError for any other text."""
        try:
            given: dict[str, Any] = json.loads(text)
            mistakes = [Mistake(**each) for each in given.pop("mistakes")]
            return cls(mistakes=mistakes, **given)
        except (TypeError, KeyError, AttributeError, RecursionError) as error:
            raise ValueError(f"this is no outcome of a check: {error}") from None


def unread(reason: str) -> Outcome:
    """The outcome for a file that could not be checked."""
    return Outcome(UNREADABLE, clean(reason))


def outcome_of(report: WorkbookReport) -> Outcome:
    """The outcome in a report."""
    states: dict[str, str] = {}
    for table in report.tables:
        for name, state in _states(table):
            states[name] = min(state, states.get(name, UNCHECKED), key=_FIRST.index)
    refused = [each for each in report.entries if isinstance(each, Refusal)]
    notes = [note for table in report.tables for note in (*table.faults, *table.doubts, *table.misnamed)]
    notes += [f"{each.where}: {each.verdict}" for each in refused]
    return Outcome(
        report.status,
        reason="" if report.tables else clean(refused[0].verdict),
        states=states,
        mistakes=[_mistake(each) for table in report.tables for each in table.mistakes],
        notes=_once(notes),
        numbers=next(filter(None, map(_numbers, report.tables)), {}),
        report=[clean(line) for line in report.lines(full=True)][:_MOST_LINES],
        others=_once([note for table in report.tables for note in table.others]),
    )


def _once(notes: Sequence[str]) -> list[str]:
    return [clean(note) for note in dict.fromkeys(notes)]


def _states(table: TableReport) -> Iterator[tuple[str, str]]:
    """The state of each column; a weight after its update counts as the weight."""
    wrong = {finding.quantity for finding in table.mistakes}
    follows = {finding.quantity for finding in table.findings} - wrong
    for name, column in table.judged.columns.items():
        sure = column.agrees & ~table.coarse.get(name, np.array(False))  # digits enough to show a slip
        state = WRONG if name in wrong else FOLLOWS if name in follows else RIGHT if sure.any() else UNCHECKED
        yield name.removesuffix("'"), state


def _mistake(finding: Finding) -> Mistake:
    read = finding.reading
    hints = []
    if read is not None:
        hints += [f"the cell holds {read.formula}"] if read.formula else []
        hints += [line for line in (read.remark, *read.repairs) if line]
    elif finding.slip is not None and finding.slip.formula:
        hints.append(f"it was computed as {finding.slip.formula}")
    return Mistake(
        table=clean(finding.table),
        cell=finding.cell,
        quantity=finding.quantity,
        where=clean(finding.extent),
        given=clean(finding.text or "nothing: the cell is empty"),
        expected=repr(finding.expected),
        slip=clean(finding.slip.words) if finding.slip is not None else "",
        hints=[clean(line) for line in (*hints, *finding.derivation)],
    )


def _numbers(table: TableReport) -> dict[str, float]:
    judged = table.judged
    found = {name: float(judged[name].full.value[0]) for name in judged.network.leaves}
    return {name: number for name, number in found.items() if math.isfinite(number)}
