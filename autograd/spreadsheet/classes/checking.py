"""A class checked: every sheet, with its points, and what several of them have in common."""

from __future__ import annotations

import functools
import hashlib
import math
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

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
_ALIKE = 3  # numbers that must be a student's for a sheet to be found by them


@dataclass(frozen=True)
class Entry:
    """A file that was handed in, or a student of the list who has handed in nothing.

    Attributes
    ----------
    path : where the file stands in what was given; ``""`` for none.
    student, number : whose it is: by the list, else as the platform names it.
    outcome : what came out.
    marks : the points for each quantity.
    remarks : on whose numbers the sheet has, and how its student was found.
    listed : the student of the list, if there is one.
    digest : of the file.
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
        """What is wrong: each slip once in words, and each quantity that is wrong for a reason not known."""
        return list(
            dict.fromkeys(each.slip or f"{short(each.quantity)} is wrong" for each in self.outcome.mistakes)
        )


@dataclass(frozen=True)
class Group:
    """Files that have the same wrong numbers, or are the same to the last byte. It is listed, not judged.

    Attributes
    ----------
    paths : the files.
    cells : the wrong cells that they share: quantity, place, number.
    explained : whether slips that are known explain all of these numbers: who makes them alone has them too.
    identical : whether the files are equal.
    """

    paths: Sequence[str]
    cells: Sequence[tuple[str, str, str]]
    explained: bool
    identical: bool


@dataclass(frozen=True)
class ClassReport:
    """What came out for a class.

    Attributes
    ----------
    name : of the folder or the archive.
    problem : what was to be handed in.
    entries : one for each file, and for each student of the list without one, by student.
    """

    name: str
    problem: Problem
    entries: Sequence[Entry]

    @property
    def status(self) -> int:
        """That of its gravest file, as of `check_workbook`."""
        order = (ALL_WRONG, UNREADABLE, UNSURE, ALL_RIGHT)
        return min((entry.outcome.status for entry in self.entries), key=order.index, default=UNREADABLE)

    @functools.cached_property
    def slips(self) -> dict[str, list[Entry]]:
        """Each slip with the files that have it, the most frequent first."""
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
        groups = list(by_numbers.items())
        groups += [((), entries) for entries in by_digest.values()]
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
        """In short, for a person to read."""
        counts = [sum(entry.outcome.status == status for entry in self.entries) for status in range(4)]
        yield f"{self.name}: {counted(len(self.entries), 'sheet')} of {self.problem.title}"
        said = (
            "right",
            "wrong",
            "not read or not handed in",
            "with nothing wrong, but not all could be checked",
        )
        yield "  " + "; ".join(f"{count} {words}" for count, words in zip(counts, said) if count)
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
    """Check every sheet in a folder or an archive, as learning platforms give them.

    A file that cannot be read, takes too long or needs too much memory is an entry with that reason; it stops
    nothing. With `out`, what came out for each file is kept there as soon as it is known, and found again if
    the same file is checked for the same problem: who interrupts this loses nothing.

    Parameters
    ----------
    source : a folder, or a .zip, with folders and archives in it. Names as those of Canvas, Moodle,
        Blackboard, Brightspace and Sakai tell the student; else the folder, or the name of the file.
    problem : what was to be handed in.
    out : a folder for what came out.
    students : who should have handed in, from a .csv or a workbook, with numbers of their own or not.
    weights : the points; by default 1 for each quantity.
    lr : the learning rate of all sheets; by default as each says.
    workers, seconds, megabytes : how many processes, and the most that a check may take: see `SECURITY.md`.
    progress : whether to show a bar, where somebody looks and tqdm is installed.

    Returns
    -------
    the entries, and what they have in common. `write_all` writes it.

    Raises
    ------
    SheetError : if the folder, the archive or the list of students cannot be read, or passes a limit.
    OSError : if nothing can be written to `out`.
    """
    path = Path(source)
    listed = list(students) if isinstance(students, Sequence) and not isinstance(students, str) else None
    if listed is None:
        listed = read_students(Path(students), problem.numbers)  # type: ignore[arg-type]  # a path then
    submissions = handed_in(path)
    if not submissions:
        raise SheetError(f"there is no sheet in {path}: it takes .xlsx, .ods, .xls and .csv files")
    of = [match_of(listed, each.student, each.number) for each in submissions]
    store = _Store(None if out is None else Path(out) / _KEPT, problem, lr)
    outcomes: dict[int, Outcome] = {}
    digests: dict[int, str] = {}
    keys: dict[int, str] = {}

    def jobs() -> Iterator[Job]:
        """The files that are not known already, each read when it is its turn."""
        for turn, (submission, student) in enumerate(zip(submissions, of, strict=True)):
            if submission.reason:
                outcomes[turn] = unread(submission.reason)
                continue
            try:
                data = submission.read()
            except SheetError as error:
                outcomes[turn] = unread(str(error))
                continue
            numbers = student.numbers if student is not None else {}
            digests[turn] = hashlib.sha256(data).hexdigest()
            keys[turn] = store.key(submission.name, digests[turn], numbers)
            known = store.load(keys[turn])
            if known is None:
                yield Job(turn, submission.name, data, numbers)
            else:
                outcomes[turn] = known
                shown.update()

    limits = {"lr": lr, "workers": workers, "seconds": seconds, "megabytes": megabytes}
    waiting = sum(not each.reason for each in submissions)
    with progress_bar(waiting, "sheet", progress) as shown:
        for job, outcome in run(jobs(), problem, **limits):  # type: ignore[arg-type]  # each has its own type
            outcomes[job.key] = outcome
            store.save(keys[job.key], outcome)
            shown.update()
    chosen = weights or Weights()
    entries = [
        _entry(submission, student, outcomes[turn], digests.get(turn, ""), listed, problem, chosen)
        for turn, (submission, student) in enumerate(zip(submissions, of, strict=True))
    ]
    there = {entry.listed.key for entry in entries if entry.listed is not None}
    for student in listed:
        if student.key not in there:
            nothing = unread("nothing was handed in")
            marks = chosen.marks(nothing, problem.quantities)
            entries.append(Entry("", student.name, student.number, nothing, marks, (), student))
    entries.sort(key=lambda entry: (entry.student.casefold(), entry.number, entry.path))
    return ClassReport(path.resolve().name, problem, entries)


def _entry(
    submission: Submission,
    student: Student | None,
    outcome: Outcome,
    digest: str,
    listed: Sequence[Student],
    problem: Problem,
    weights: Weights,
) -> Entry:
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
    name, number = (
        (submission.student, submission.number) if student is None else (student.name, student.number)
    )
    if student is None and listed:
        remarks.append("is not in the list of students")
    marks = weights.marks(outcome, problem.quantities)
    return Entry(submission.path, name, number, outcome, marks, remarks, student, digest)


def _has(outcome: Outcome, numbers: Mapping[str, float]) -> bool:
    """Whether the sheet starts with these numbers."""
    both = [name for name in numbers if name in outcome.numbers]
    return len(both) >= min(_ALIKE, len(numbers)) and all(
        _near(outcome.numbers[name], numbers[name]) for name in both
    )


def _near(a: float, b: float) -> bool:
    return math.isclose(a, b, rel_tol=1e-3, abs_tol=1e-6)


# --- what is kept ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Store:
    """Outcomes in files by what they depend on: the bytes, the name, the problem, and the checker itself."""

    folder: Path | None
    problem: Problem
    lr: float | None
    _checker: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        if self.folder is not None:
            self.folder.mkdir(parents=True, exist_ok=True)

    def key(self, name: str, digest: str, numbers: Mapping[str, float]) -> str:
        if not self._checker:
            self._checker.append(_fingerprint(self.problem, self.lr))
        said = repr([self._checker, name, digest, sorted(numbers.items())])
        return hashlib.sha256(said.encode("utf-8", "replace")).hexdigest()

    def _path(self, key: str) -> Path:
        assert self.folder is not None
        return self.folder / f"{key[:40]}.json"

    def load(self, key: str) -> Outcome | None:
        """What came out before; None if that is not known."""
        if self.folder is not None:
            with suppress(OSError, ValueError):  # what is damaged is made again
                return Outcome.from_json(self._path(key).read_text(encoding="utf-8"))
        return None

    def save(self, key: str, outcome: Outcome) -> None:
        if self.folder is not None and not _passing(outcome):
            write_text(self._path(key), outcome.to_json())


def _passing(outcome: Outcome) -> bool:
    """Whether it may come out otherwise another time: who ran out of time or memory gets another chance."""
    return outcome.status == UNREADABLE and not outcome.report


def _fingerprint(problem: Problem, lr: float | None) -> str:
    """Of all that an outcome depends on besides the file: another checker may tell more."""
    found = hashlib.sha256(__version__.encode())
    for path in sorted(Path(__file__).parents[2].rglob("*.py")):
        found.update(path.read_bytes())
    said = [
        problem.title, problem.numbers, problem.targets, problem.biases, problem.losses, problem.rates,
        problem.rate, lr, problem.vocabulary.fingerprint,
        [(name, TEXT.write(formula)) for name, formula in problem.standard.formulas.items()],
    ]  # fmt: skip
    found.update(repr(said).encode("utf-8", "replace"))
    return found.hexdigest()
