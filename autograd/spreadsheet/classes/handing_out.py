"""Individual numbers for each student: a template to fill in, and its key."""

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
    """Write a template and a key with individual numbers for each student, and the list of all numbers.

    A student's numbers follow from the seed and the student's id or name, so they stay when the list grows or
    is sorted. `check_class` takes ``numbers.csv`` as its list of students.

    Parameters
    ----------
    problem : the problem to set.
    students : a .csv file or a workbook with their names, or a sequence of `Student`.
    out : the folder to make, with ``templates``, ``keys`` and ``numbers.csv``.
    seed : determines the numbers, so keep it secret.
    epochs, lr, momentum, suffix : of the templates and keys; ``".xlsx"`` or ``".csv"``.

    Returns
    -------
    The students with their numbers.

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
