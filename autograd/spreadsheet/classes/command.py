"""The commands for a class: check its sheets, and hand out individual numbers."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ...errors import MissingExtraError
from ...terminal import OptionParser, OptionsError, above_zero, refused, say, whole
from ..assignment import assignment
from ..cells import SheetError
from ..problem import Problem
from .checking import check_class
from .handing_out import hand_out
from .hints import HINTS
from .marks import Weights
from .results import write_all
from .submissions import is_class

__all__ = ["check", "hand_out_numbers", "is_for_a_class"]

OPTIONS = ("--out", "--hints", "--weights", "--students", "--jobs", "--seconds")


def is_for_a_class(argv: Sequence[str]) -> bool:
    """Whether these options name a folder or an archive, or belong to a class."""
    if any(word.partition("=")[0] in OPTIONS for word in argv):
        return True
    return any(not word.startswith("-") and "\0" not in word and is_class(Path(word)) for word in argv)


_COUNT = whole(1, 100_000)


def check(argv: Sequence[str], program: str, problem: Problem | None = None) -> int:
    """Check a class; returns the exit status.

    Parameters
    ----------
    problem : the problem that was set, the assignment by default.
    """
    parser = OptionParser(
        prog=program,
        description="Check what a class has handed in: a folder, or the .zip of a learning platform.",
        epilog="Written are class.html, class.csv, nbgrader.csv, and for each student a page and a "
        "results.json. What is checked is kept there: interrupted, the same command goes on. Exit status: "
        "0 if all sheets are right, 1 if one is wrong, 2 if one was not read or handed in, 3 if not all could"
        " be checked, 130 if interrupted.",
    )
    add = parser.add_argument
    add("folder", metavar="FOLDER", help="a folder or a .zip, with folders and archives in it")
    add("--out", metavar="FOLDER", default="checked", help="where to write (default: checked)")
    add("--students", metavar="FILE", help="the list of students, or the numbers.csv of their own numbers")
    add("--weights", metavar="FILE", help="points for each quantity, in TOML (default: 1 each)")
    add("--hints", choices=HINTS, default="slip", help="what students are told (default: slip)")
    add("--lr", metavar="X", type=above_zero, help="learning rate η (default: as each sheet says)")
    add("--jobs", metavar="N", type=_COUNT, help="how many to check at once (default: one each processor)")
    add("--seconds", metavar="X", type=above_zero, default=60.0, help="the most for one sheet (default: 60)")
    problem = problem or assignment()
    out = Path()

    def work(given: Any) -> int:
        nonlocal out
        source, out = Path(given.folder), Path(given.out)
        if not is_class(source) and not source.exists():
            raise SheetError(f"there is no file or folder {source}")
        weights = Weights.read(Path(given.weights), problem) if given.weights else None
        report = check_class(
            source,
            problem,
            out,
            students=given.students or (),
            weights=weights,
            lr=given.lr,
            workers=given.jobs,
            seconds=given.seconds,
            progress=True,
        )
        paths = write_all(report, out, given.hints)
        say([*report.lines(), "", *(f"wrote {path}" for path in paths)])
        return report.status

    try:
        return _run(parser, argv, program, work)
    except KeyboardInterrupt:
        kept = f"What is checked is kept in {out}: the same command goes on"
        say([f"{program}: interrupted. {kept}"], sys.stderr)
        return 130


def hand_out_numbers(argv: Sequence[str], program: str, problem: Problem | None = None) -> int:
    """Write a template and a key for each student of a list; returns the exit status."""
    parser = OptionParser(
        prog=program,
        description="Numbers of its own for each student: a template to fill in, its key, and numbers.csv.",
        epilog="Check what is handed in with: backprop check FOLDER --students numbers.csv",
    )
    add = parser.add_argument
    add("students", metavar="FILE", help="a .csv or a workbook with their names, and ids if they have any")
    add("--out", metavar="FOLDER", default="handed_out", help="where to write (default: handed_out)")
    add("--seed", default="0", help="from which the numbers follow: keep it to yourself (default: 0)")
    add("--epochs", metavar="N", type=_COUNT, default=100, help="rows of the table (default: 100)")
    add("--lr", metavar="X", type=above_zero, help="learning rate η (default: 0.5)")
    add("--csv", action="store_true", help="write .csv files, and not .xlsx")

    def work(given: Any) -> int:
        suffix = ".csv" if given.csv else ".xlsx"
        found = hand_out(
            problem or assignment(),
            given.students,
            given.out,
            seed=given.seed,
            epochs=given.epochs,
            lr=given.lr,
            suffix=suffix,
        )
        say([f"{len(found)} templates and keys, and numbers.csv, are in {given.out}"])
        return 0

    return _run(parser, argv, program, work)


def _run(parser: OptionParser, argv: Sequence[str], program: str, work: Callable[[Any], int]) -> int:
    """Read the options and do the work; an error is one line, and exit status 2."""
    try:
        return work(parser.read(argv))
    except OSError as error:
        return refused(program, f"{error.strerror or error}: {error.filename or ''}")
    except (OptionsError, SheetError, MissingExtraError, ValueError) as error:
        return refused(program, error)
