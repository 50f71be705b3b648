"""What came out for a class, written: tables for the teacher, and files that platforms read."""

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
from .students import slugs

__all__ = ["gradescope", "write_all"]

STATUS = ("right", "wrong", "not read", "not all checked")


def write_all(report: ClassReport, out: Path, hints: str = "slip") -> list[Path]:
    """Write the tables, the pages and the files for platforms into a folder.

    ``class.csv`` and ``class.html`` are for the teacher, and say everything. ``students`` has a page and a
    ``results.json`` in Gradescope's form for each file, which say as much as `hints` does; where there is one
    file, as on Gradescope itself, ``results.json`` lies beside the tables too. ``nbgrader.csv`` has the
    columns that nbgrader exports.

    Parameters
    ----------
    hints : ``"none"``, ``"place"``, ``"slip"`` or ``"answer"``.

    Returns
    -------
    the paths of what is for the teacher.
    """
    names = slugs([(entry.student, entry.number) for entry in report.entries])
    folder = out / "students"
    folder.mkdir(parents=True, exist_ok=True)
    for entry, name in zip(report.entries, names, strict=True):
        (folder / name).mkdir(parents=True, exist_ok=True)
        write_text(folder / name / "index.html", pages.of_student(report, entry, hints))
        said = json.dumps(gradescope(report, entry, hints), ensure_ascii=False, indent=1)
        write_text(folder / name / "results.json", said + "\n")
        if len(report.entries) == 1:
            write_text(out / "results.json", said + "\n")
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


def _row(entry: Entry, quantities: list[str]) -> Iterator[float | str]:
    yield from (entry.student, entry.number, entry.path, STATUS[entry.outcome.status])
    yield from (round(entry.points, 6), round(entry.most, 6))
    yield from (
        "; ".join(entry.slips),
        "; ".join([*entry.remarks, *entry.outcome.notes]),
        entry.outcome.reason,
    )
    points = {mark.quantity: mark.points for mark in entry.marks}
    yield from (points.get(quantity, "") for quantity in quantities)


_NBGRADER = (
    "assignment", "duedate", "timestamp", "student_id", "last_name", "first_name", "email", "raw_score",
    "late_submission_penalty", "score", "max_score",
)  # fmt: skip


def _nbgrader(report: ClassReport) -> Iterator[list[float | str]]:
    """A row for each student: that of the best file."""
    best: dict[tuple[str, str], Entry] = {}
    for entry in report.entries:
        key = entry.student, entry.number
        if key not in best or entry.points > best[key].points:
            best[key] = entry
    for (student, number), entry in best.items():
        listed = entry.listed
        first, last = (listed.first, listed.last) if listed else ("", "")
        names = (last or student, first) if last or first else (student, "")
        points, most = round(entry.points, 6), round(entry.most, 6)
        email = listed.email if listed else ""
        yield [report.problem.title, "", "", number or student, *names, email, points, 0.0, points, most]


def gradescope(report: ClassReport, entry: Entry, hints: str) -> dict[str, Any]:
    """What Gradescope reads of an autograder: ``results.json`` in its form, with a test for each quantity.

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
