"""The command: a sheet of the assignment checked, and what came out printed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from ..errors import MissingExtraError
from ..terminal import OptionParser, OptionsError, refused, say
from .assignment import assignment
from .cells import SheetError
from .checking import check_workbook
from .classes.command import check, is_for_a_class
from .problem import Problem

__all__ = ["main"]


def _options(argv: Sequence[str], program: str) -> tuple[Path, float | None, bool, bool]:
    """The file, the learning rate if one is given, whether to explain at length, and to tell all."""
    parser = OptionParser(
        prog=program,
        description="Check a sheet of the assignment: the wrong cells, what belongs there, and why.",
        epilog="Exit status: 0 if all is right, 1 if something is wrong, 2 if the sheet cannot be read, 3 if "
        "nothing wrong is seen but not all could be checked (each reason is said), 70 if the program fails. "
        "A sheet of another network: backprop check SHEET --against EXPRESSION, see backprop --help.",
    )
    parser.add_argument(
        "sheet",
        metavar="SHEET",
        help="an .xlsx, .ods or .xls workbook, or a .csv file of any dialect; or a folder or a .zip, for the "
        "whole class: see FOLDER --help",
    )
    parser.add_argument(
        "--lr", metavar="X", help="learning rate η (default: as the sheet says, or as its updates tell)"
    )
    parser.add_argument(
        "--explain", action="store_true", help="print the whole derivation of each wrong gradient"
    )
    parser.add_argument(
        "--full",
        action="store_true",
        help="print all that is found (default: a screen), and how it is computed",
    )
    if any("\0" in word for word in argv):
        raise OptionsError("SHEET is not the name of a file")
    given = parser.read(argv)
    lr = None
    if given.lr is not None:
        try:
            lr = float(given.lr)
        except ValueError:
            raise OptionsError(f"--lr takes a number, got {given.lr!r:.60}") from None
        if not (math.isfinite(lr) and lr > 0.0):
            raise OptionsError(f"--lr must be a number greater than 0, got {given.lr.strip():.60}")
    return Path(given.sheet), lr, given.explain, given.full


def main(
    argv: Sequence[str], program: str = "python -m autograd.spreadsheet", problem: Problem | None = None
) -> int:
    """Run the check of a sheet, or of a whole class; returns the exit status.

    Parameters
    ----------
    problem : what the sheet should hold: the assignment by default.
    """
    if is_for_a_class(argv):
        return check(argv, program, problem)
    try:
        path, lr, explained, full = _options(argv, program)
        report = check_workbook(path, problem or assignment(), lr=lr)
    except (OptionsError, SheetError, MissingExtraError) as error:
        return refused(program, error)
    say(report.lines(explained, full))
    return report.status
