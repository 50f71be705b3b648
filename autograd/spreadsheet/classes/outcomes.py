"""What came out for a file, as plain data: it goes from one process to another, and is kept as JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from ...terminal import clean
from ..report import UNREADABLE, Finding, Refusal, TableReport, WorkbookReport
from ..vocabulary import short

__all__ = ["ABSENT", "FOLLOWS", "RIGHT", "UNCHECKED", "WRONG", "Mistake", "Outcome", "outcome_of", "unread"]

RIGHT, FOLLOWS, WRONG, UNCHECKED, ABSENT = "right", "follows", "wrong", "unchecked", "absent"
"""What is said of a quantity. FOLLOWS: computed rightly from wrong numbers. UNCHECKED: it is there, but
nothing of it could be compared. ABSENT: no column has it."""

_FIRST = (WRONG, FOLLOWS, RIGHT, UNCHECKED)  # which of them holds for a quantity that is there several times
_MOST_LINES = 400  # of a report that are kept


@dataclass(frozen=True)
class Mistake:
    """A column that is wrong by a mistake of its own.

    Attributes
    ----------
    table, cell, quantity : where: see `Finding`.
    where : the rows, in words.
    given, expected : the first wrong cell as it is shown, and the right number.
    slip : in words; ``""`` if it is not known.
    hints : what makes it right: the formula in names, its repairs, the derivation; line by line.
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
    """What came out for a file.

    Attributes
    ----------
    status : as of `check_workbook`: 0 right, 1 wrong, 2 not read, 3 not all could be checked.
    reason : why it was not read, or what else is not as it should be; ``""`` for nothing.
    states : of each quantity that the sheet has what is said of it.
    mistakes : what is wrong.
    notes : what could not be checked, and cannot be right of the learning rate.
    others : which numbers are not the problem's.
    numbers : what the sheet starts with: inputs, targets and the weights of the first row of its first table.
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
        """What `to_json` wrote.

        Raises
        ------
        ValueError : if it is something else.
        """
        try:
            given: dict[str, Any] = json.loads(text)
            mistakes = [Mistake(**each) for each in given.pop("mistakes")]
            return cls(mistakes=mistakes, **given)
        except (TypeError, KeyError, AttributeError, RecursionError) as error:
            raise ValueError(f"this is no outcome of a check: {error}") from None


def unread(reason: str) -> Outcome:
    """Of a file that could not be checked."""
    return Outcome(UNREADABLE, clean(reason))


def outcome_of(report: WorkbookReport) -> Outcome:
    """What a report comes to."""
    states: dict[str, str] = {}
    mistakes: list[Mistake] = []
    notes: list[str] = []
    others: list[str] = []
    numbers: dict[str, float] = {}
    for table in report.tables:
        for name, state in _states(table).items():
            _add(states, name, state)
        mistakes += [_mistake(each) for each in table.mistakes]
        said = (*table.faults, *table.doubts, *table.misnamed)
        others += [note for note in table.others if note not in others]
        notes += [note for note in said if note not in notes]
        numbers = numbers or _numbers(table)
    refused = [each for each in report.entries if isinstance(each, Refusal)]
    notes += [f"{each.where}: {each.verdict}" for each in refused]
    reason = "" if report.tables else clean(refused[0].verdict)
    lines = [clean(line) for line in report.lines(full=True)][:_MOST_LINES]
    notes, others = ([clean(note) for note in each] for each in (notes, others))
    return Outcome(report.status, reason, states, mistakes, notes, numbers, lines, others)


def _states(table: TableReport) -> dict[str, str]:
    """Of each quantity of a table what is said of it; a weight after its update counts as the weight."""
    wrong = {finding.quantity for finding in table.mistakes}
    follows = {finding.quantity for finding in table.findings} - wrong
    found: dict[str, str] = {}
    for name, column in table.judged.columns.items():
        sure = column.agrees & ~table.coarse.get(name, np.array(False))  # digits enough to show a slip
        state = WRONG if name in wrong else FOLLOWS if name in follows else RIGHT if sure.any() else UNCHECKED
        _add(found, name.removesuffix("'"), state)
    return found


def _add(found: dict[str, str], name: str, state: str) -> None:
    """What is said of a quantity that stands in several columns or tables."""
    found[name] = min(state, found.get(name, UNCHECKED), key=_FIRST.index)


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
