"""Numbers of its own for each student: a template to fill in, and the key to it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from ...files import write_csv
from ..problem import Problem
from .students import Student, read_students, slugs

__all__ = ["hand_out"]


def hand_out(
    problem: Problem,
    students: str | os.PathLike[str] | Sequence[Student],
    out: str | os.PathLike[str],
    *,
    seed: int | str = 0,
    epochs: int = 100,
    lr: float | None = None,
    momentum: float = 0.0,
    suffix: str = ".xlsx",
) -> list[Student]:
    """Write a template and a key for each student, each with numbers of its own, and the list of them.

    The numbers of a student follow from the seed and from what tells the student apart, so they stay when the
    list grows or is sorted. ``numbers.csv`` is what `check_class` takes as its list of students.

    Parameters
    ----------
    problem : what is to be handed in.
    students : a .csv file or a workbook with their names, or a sequence of `Student`.
    out : the folder, which is made: ``templates`` and ``keys`` in it, and ``numbers.csv``.
    seed : keep it to yourself, for the numbers follow from it.
    epochs, lr, momentum, suffix : of the templates and keys; ``".xlsx"`` or ``".csv"``.

    Returns
    -------
    the students with their numbers.

    Raises
    ------
    SheetError : if the list cannot be read.
    """
    if isinstance(students, (str, os.PathLike)):
        students = read_students(Path(students))
    folder, found = Path(out), []
    for part in ("templates", "keys"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    names = slugs((each.name, each.number) for each in students)
    for each, name in zip(students, names, strict=True):
        own = problem.individual(f"{seed}:{each.key}")
        for part, write in (("templates", own.template), ("keys", own.key)):
            write(folder / part / f"{name}{suffix}", epochs=epochs, lr=lr, momentum=momentum)
        found.append(replace(each, numbers=own.numbers))
    write_csv(
        folder / "numbers.csv",
        ["name", "id", "email", "first name", "last name", *problem.numbers],
        (
            [each.name, each.number, each.email, each.first, each.last, *each.numbers.values()]
            for each in found
        ),
    )
    return found
