"""The outcome for a class as files: tables for the teacher, and the forms of platforms."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ...files import write_csv, write_text
from ..report import ALL_RIGHT, UNREADABLE
from ..vocabulary import short
from . import pages
from .checking import ClassReport, Entry
from .hints import for_quantity, in_words, told
from .outcomes import FOLLOWS, RIGHT
from .students import Student, slugs

__all__ = ["gradescope", "write_all"]

STATUS = ("right", "wrong", "not read", "not all checked")


def write_all(report: ClassReport, out: Path, hints: str = "slip") -> list[Path]:
    """Write the tables, the pages and the files for platforms into a folder.

    ``class.csv`` and ``class.html`` are for the teacher, and say everything. ``students`` has a page and a
    ``results.json`` in Gradescope's form for each file, at the level of `hints`. With one file, as on
    Gradescope itself, ``results.json`` lies beside the tables too. ``nbgrader.csv`` has nbgrader's columns.

    Parameters
    ----------
    hints : ``"none"``, ``"place"``, ``"slip"`` or ``"answer"``.

    Returns
    -------
    The paths of the teacher's files.
    """
    names = slugs([(entry.student, entry.number) for entry in report.entries])
    for entry, name in zip(report.entries, names, strict=True):
        folder = out / "students" / name
        folder.mkdir(parents=True, exist_ok=True)
        write_text(folder / "index.html", pages.of_student(report, entry, hints))
        said = json.dumps(gradescope(report, entry, hints), ensure_ascii=False, indent=1)
        for place in (folder, out) if len(report.entries) == 1 else (folder,):
            write_text(place / "results.json", said + "\n")
    quantities = list(report.problem.quantities)
    write_csv(
        out / "class.csv",
        [
            "student", "id", "file", "status", "points", "of", "slips", "remarks", "reason",
            *map(short, quantities),
        ],
        (_row(entry, quantities) for entry in report.entries),
    )  # fmt: skip
    write_csv(out / "nbgrader.csv", _NBGRADER, _nbgrader(report))
    links = [f"students/{name}/index.html" for name in names]
    write_text(out / "class.html", pages.of_class(report, links))
    return [out / "class.html", out / "class.csv", out / "nbgrader.csv"]


def _row(entry: Entry, quantities: list[str]) -> list[float | str]:
    points = {mark.quantity: mark.points for mark in entry.marks}
    return [
        entry.student, entry.number, entry.path, STATUS[entry.outcome.status],
        round(entry.points, 6), round(entry.most, 6), "; ".join(entry.slips),
        "; ".join([*entry.remarks, *entry.outcome.notes]), entry.outcome.reason,
        *(points.get(quantity, "") for quantity in quantities),
    ]  # fmt: skip


_NBGRADER = (
    "assignment", "duedate", "timestamp", "student_id", "last_name", "first_name", "email", "raw_score",
    "late_submission_penalty", "score", "max_score",
)  # fmt: skip


def _nbgrader(report: ClassReport) -> Iterator[list[float | str]]:
    """A row for each student, of the best file."""
    best: dict[tuple[str, str], Entry] = {}
    for entry in report.entries:
        key = entry.student, entry.number
        best[key] = max(best.get(key, entry), entry, key=lambda each: each.points)
    for (student, number), entry in best.items():
        listed = entry.listed or Student(student)
        names = listed.last or student, listed.first
        points, most = round(entry.points, 6), round(entry.most, 6)
        yield [
            report.problem.title,
            "",
            "",
            number or student,
            *names,
            listed.email,
            points,
            0.0,
            points,
            most,
        ]


def gradescope(report: ClassReport, entry: Entry, hints: str) -> dict[str, Any]:
    """A ``results.json`` as Gradescope reads it, with a test for each quantity.

    Source: Gradescope, "Autograder Specifications", Output Format:
    https://gradescope-autograders.readthedocs.io/en/latest/specs/. A ``score`` on top overrides the sum of
    the tests; ``stdout_visibility`` hides what the autograder itself prints.
    """
    tests = [
        {
            "name": short(mark.quantity),
            "score": mark.points,
            "max_score": mark.most,
            "status": "passed" if mark.state in (RIGHT, FOLLOWS) else "failed",
            "output": for_quantity(entry, mark.quantity, hints),
            "visibility": "hidden" if hints == "none" else "visible",
        }
        for mark in entry.marks
    ]
    lines = [in_words(entry)]
    for each in told(entry, hints):
        lines += ["", each.headline, *each.places, *each.lines]
    return {
        "score": round(entry.points, 6),
        "output": "\n".join(lines),
        "output_format": "text",
        "visibility": "visible",
        "stdout_visibility": "hidden",
        "tests": tests,
        "extra_data": {
            "file": entry.path,
            "status": STATUS[entry.outcome.status],
            "problem": report.problem.title,
            "read": entry.outcome.status != UNREADABLE,
            "right": entry.outcome.status == ALL_RIGHT,
        },
    }
