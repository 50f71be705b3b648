"""A class checked: each sheet with its points, and what several sheets have in common."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import math
import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...files import write_text
from ...symbolic import TEXT
from ...terminal import clean, progress_bar
from ...version import __version__
from ..cells import SheetError
from ..problem import Problem
from ..report import ALL_RIGHT, UNREADABLE, UNSURE, counted
from ..report import WRONG as ALL_WRONG
from ..vocabulary import short
from .marks import Mark, Weights
from .outcomes import Outcome, unread
from .students import Student, match_of, read_students
from .submissions import Submission, handed_in
from .workers import Job, run

__all__ = ["ClassReport", "Entry", "Group", "check_class"]

_KEPT = "checked"  # the folder of outcomes
_ALIKE = 3  # numbers by which a sheet's student is found
_SAID = {
    ALL_RIGHT: "right",
    ALL_WRONG: "wrong",
    UNREADABLE: "not read or not handed in",
    UNSURE: "with nothing wrong, but not all could be checked",
}


@dataclass(frozen=True)
class Entry:
    """A file, or a student of the list without one.

    Attributes
    ----------
    path : its place in the folder or archive; ``""`` for no file.
    student, number : its owner, by the list or as the platform says.
    outcome : the outcome of its check.
    marks : the points for each quantity.
    remarks : whose numbers the sheet has, and how its student was found.
    listed : the student of the list, if there is one.
    digest : the SHA-256 of the file.
    """

    path: str
    student: str
    number: str
    outcome: Outcome
    marks: Sequence[Mark]
    remarks: Sequence[str] = ()
    listed: Student | None = None
    digest: str = ""

    @property
    def points(self) -> float:
        return math.fsum(mark.points for mark in self.marks)

    @property
    def most(self) -> float:
        return math.fsum(mark.most for mark in self.marks)

    @property
    def slips(self) -> list[str]:
        """Each slip once, and each quantity that is wrong for an unknown reason, in words."""
        return list(dict.fromkeys(each.words for each in self.outcome.mistakes))


@dataclass(frozen=True)
class Group:
    """Files with the same wrong numbers, or equal files. They are listed, not judged.

    Attributes
    ----------
    paths : the files.
    cells : the wrong cells they share: quantity, place, number.
    explained : whether known slips explain all these numbers, so that others get them too.
    identical : whether the files are equal.
    """

    paths: Sequence[str]
    cells: Sequence[tuple[str, str, str]]
    explained: bool
    identical: bool


@dataclass(frozen=True)
class ClassReport:
    """The outcome for a class.

    Attributes
    ----------
    name : the name of the folder or archive.
    problem : the problem that was set.
    entries : one for each file, and for each student of the list without one, by student.
    """

    name: str
    problem: Problem
    entries: Sequence[Entry]

    @property
    def status(self) -> int:
        """The status of its gravest file, as `check_workbook` gives it."""
        order = (ALL_WRONG, UNREADABLE, UNSURE, ALL_RIGHT)
        return min((entry.outcome.status for entry in self.entries), key=order.index, default=UNREADABLE)

    @functools.cached_property
    def slips(self) -> dict[str, list[Entry]]:
        """The files with each slip, the most frequent slip first."""
        found: dict[str, list[Entry]] = {}
        for entry in self.entries:
            for slip in entry.slips:
                found.setdefault(slip, []).append(entry)
        return dict(sorted(found.items(), key=lambda item: (-len(item[1]), item[0])))

    @functools.cached_property
    def alike(self) -> list[Group]:
        """The files with the same wrong numbers."""
        by_numbers: dict[tuple[tuple[str, str, str], ...], list[Entry]] = {}
        by_digest: dict[str, list[Entry]] = {}
        for entry in self.entries:
            cells = tuple((each.quantity, each.cell, each.given) for each in entry.outcome.mistakes)
            if cells:
                by_numbers.setdefault(cells, []).append(entry)
            elif entry.digest:
                by_digest.setdefault(entry.digest, []).append(entry)
        groups = [*by_numbers.items(), *(((), entries) for entries in by_digest.values())]
        return [
            Group(
                paths=[entry.path for entry in entries],
                cells=[(short(quantity), cell, given) for quantity, cell, given in cells],
                explained=bool(cells) and all(each.slip for each in entries[0].outcome.mistakes),
                identical=len({entry.digest for entry in entries}) == 1,
            )
            for cells, entries in groups
            if len(entries) > 1
        ]

    def lines(self) -> Iterator[str]:
        """A summary to print."""
        counts = Counter(entry.outcome.status for entry in self.entries)
        yield f"{self.name}: {counted(len(self.entries), 'sheet')} of {self.problem.title}"
        yield "  " + "; ".join(f"{counts[status]} {_SAID[status]}" for status in sorted(counts))
        for slip, entries in list(self.slips.items())[:8]:
            yield f"  {len(entries):4d} × {slip}"
        for entry in self.entries:
            if entry.outcome.status == UNREADABLE:
                yield f"  {entry.student}: {entry.outcome.reason}"

    def __str__(self) -> str:
        return "\n".join(map(clean, self.lines()))


def check_class(
    source: str | os.PathLike[str],
    problem: Problem,
    out: str | os.PathLike[str] | None = None,
    *,
    students: str | os.PathLike[str] | Sequence[Student] = (),
    weights: Weights | None = None,
    lr: float | None = None,
    workers: int | None = None,
    seconds: float = 60.0,
    megabytes: int = 2_000,
    progress: bool = False,
) -> ClassReport:
    """Check every sheet in a folder or an archive of a learning platform.

    A file that cannot be read, takes too long or needs too much memory is an entry with that reason; it stops
    nothing. With `out`, the outcome of each file is kept there at once, and found again for the same file and
    problem: an interrupt loses nothing.

    Parameters
    ----------
    source : a folder, or a .zip, with folders and archives in it. Names as those of Canvas, Moodle,
        Blackboard, Brightspace and Sakai tell the student; otherwise the folder does, or the file's name.
    problem : the problem that was set.
    out : a folder for the outcomes.
    students : who should have handed in, from a .csv or a workbook, with individual numbers or without.
    weights : the points; by default 1 for each quantity.
    lr : the learning rate of all sheets; by default as each says.
    workers, seconds, megabytes : the number of processes, and the most that a check may take: see
        `SECURITY.md`.
    progress : whether to show a bar, on a terminal and with tqdm.

    Returns
    -------
    The entries, and what they have in common. `write_all` writes it.

    Raises
    ------
    SheetError : if the folder, the archive or the list of students cannot be read, or passes a limit.
    OSError : if nothing can be written to `out`.
    """
    path = Path(source)
    if isinstance(students, (str, os.PathLike)):
        students = read_students(Path(students), problem.numbers)
    submissions = handed_in(path)
    if not submissions:
        raise SheetError(f"there is no sheet in {path}: it takes .xlsx, .ods, .xls and .csv files")
    store = _Store(None if out is None else Path(out) / _KEPT, problem, lr)
    cases = [_Case(each, match_of(students, each.student, each.number)) for each in submissions]

    def jobs() -> Iterator[Job]:
        """The files without a known outcome, each read when its turn comes."""
        for case in cases:
            try:
                data = b"" if case.submission.reason else case.submission.read()
            except SheetError as error:
                case.outcome = unread(str(error))
                continue
            if case.submission.reason:
                case.outcome = unread(case.submission.reason)
                continue
            numbers = case.student.numbers if case.student is not None else {}
            case.digest = hashlib.sha256(data).hexdigest()
            case.key = store.key(case.submission.name, case.digest, numbers)
            known = store.load(case.key)
            if known is None:
                yield Job(case, case.submission.name, data, numbers)
            else:
                case.outcome = known
                shown.update()

    limits: Any = {"lr": lr, "workers": workers, "seconds": seconds, "megabytes": megabytes}
    with progress_bar(sum(not each.reason for each in submissions), "sheet", progress) as shown:
        for job, outcome in run(jobs(), problem, **limits):
            job.key.outcome = outcome
            store.save(job.key.key, outcome)
            shown.update()
    chosen = weights or Weights()
    entries = [_entry(case, students, problem, chosen) for case in cases]
    there = {entry.listed.key for entry in entries if entry.listed is not None}
    for student in students:
        if student.key not in there:
            nothing = unread("nothing was handed in")
            marks = chosen.marks(nothing, problem.quantities)
            entries.append(Entry("", student.name, student.number, nothing, marks, (), student))
    entries.sort(key=lambda entry: (entry.student.casefold(), entry.number, entry.path))
    return ClassReport(path.resolve().name, problem, entries)


@dataclass(eq=False)
class _Case:
    """A file on its way to an entry."""

    submission: Submission
    student: Student | None
    outcome: Outcome = dataclasses.field(default_factory=lambda: unread(""))
    digest: str = ""
    key: str = ""


def _entry(case: _Case, listed: Sequence[Student], problem: Problem, weights: Weights) -> Entry:
    submission, student, outcome = case.submission, case.student, case.outcome
    remarks: list[str] = []
    if not any(each.numbers for each in listed):
        remarks += outcome.others
    elif outcome.numbers:
        others = [each for each in listed if each.numbers and _has(outcome, each.numbers)]
        if student is None and len(others) == 1:
            student = others[0]
            remarks.append(f"found by its numbers: the file is called {submission.path}")
        elif student is not None and student not in others and student.numbers:
            differ = [
                f"{name} is {outcome.numbers[name]:g} and not {number:g}"
                for name, number in student.numbers.items()
                if name in outcome.numbers and not _near(outcome.numbers[name], number)
            ]
            whose = f", but those of {' and '.join(each.name for each in others)}" if others else ""
            remarks.append(f"the numbers are not the student's own{whose}: {', '.join(differ[:4])}")
    name, number = submission.student, submission.number
    if student is not None:
        name, number = student.name, student.number
    elif listed:
        remarks.append("is not in the list of students")
    marks = weights.marks(outcome, problem.quantities)
    return Entry(submission.path, name, number, outcome, marks, remarks, student, case.digest)


def _has(outcome: Outcome, numbers: Mapping[str, float]) -> bool:
    """Whether the sheet starts with these numbers."""
    both = [name for name in numbers if name in outcome.numbers]
    return len(both) >= min(_ALIKE, len(numbers)) and all(
        _near(outcome.numbers[name], numbers[name]) for name in both
    )


def _near(a: float, b: float) -> bool:
    return math.isclose(a, b, rel_tol=1e-3, abs_tol=1e-6)


# --- kept outcomes ---------------------------------------------------------------------------------


class _Store:
    """Outcomes in files, by all they depend on: the bytes, the name, the problem and the checker itself."""

    def __init__(self, folder: Path | None, problem: Problem, lr: float | None) -> None:
        self._folder, self._problem, self._lr = folder, problem, lr
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)

    @functools.cached_property
    def _checker(self) -> str:
        return _fingerprint(self._problem, self._lr)

    def key(self, name: str, digest: str, numbers: Mapping[str, float]) -> str:
        said = repr([self._checker, name, digest, sorted(numbers.items())])
        return f"{hashlib.sha256(said.encode('utf-8', 'replace')).hexdigest()[:40]}.json"

    def load(self, key: str) -> Outcome | None:
        if self._folder is not None:
            with suppress(OSError, ValueError):  # a damaged file is made again
                return Outcome.from_json((self._folder / key).read_text(encoding="utf-8"))
        return None

    def save(self, key: str, outcome: Outcome) -> None:
        passing = outcome.status == UNREADABLE and not outcome.report  # out of time or memory: tried again
        if self._folder is not None and not passing:
            write_text(self._folder / key, outcome.to_json())


def _fingerprint(problem: Problem, lr: float | None) -> str:
    """A digest of all that an outcome depends on besides the file: another checker may tell more."""
    found = hashlib.sha256(__version__.encode())
    for path in sorted(Path(__file__).parents[2].rglob("*.py")):
        found.update(path.read_bytes())
    names = {each.name for each in dataclasses.fields(problem)} - {"network", "vocabulary"}
    own = [(name, getattr(problem, name)) for name in sorted(names)]
    formulas = [(name, TEXT.write(formula)) for name, formula in problem.standard.formulas.items()]
    said = [lr, problem.vocabulary.fingerprint, own, formulas]
    found.update(repr(said).encode("utf-8", "replace"))
    return found.hexdigest()
