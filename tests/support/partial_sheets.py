"""Right sheets that leave things out, drawn: columns, digits, the learning rate, with headings of many kinds.

All is computed in plain Python (see `sheets_made` and `planted_sheets`), and only then left out or cut, so a
check that calls such a sheet wrong is wrong itself.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from autograd import Problem
from autograd.spreadsheet import assignment

from .planted_sheets import NETWORKS
from .sheets_made import (
    BIASED,
    COLUMNS,
    FOUR_BIASES,
    GIVEN,
    STANDARD,
    TWO_BIASES,
    UPDATED,
    WEIGHTS,
    Grid,
    Training,
)

Text = Callable[[float], str]


def cut(digits: int) -> Text:
    """The digits behind are cut, and not rounded."""
    return lambda x: f"{math.trunc(x * 10**digits) / 10**digits:.{digits}f}"


def form(draw: random.Random) -> Text:
    """One way to write numbers."""
    digits = draw.choice([3, 4, 4, 5, 6, 8, 10])
    forms: list[Text] = [
        lambda x: f"{x:.{digits}f}",
        lambda x: f"{x:.{digits}g}",
        lambda x: repr(round(x, digits)),
        lambda x: f"{x:.{digits - 1}e}",
        cut(digits),
    ]
    return draw.choice(forms)


@dataclass(frozen=True)
class Numbers:
    """A right sheet before anything is left out: of each column the numbers, in order."""

    problem: Problem
    columns: Mapping[str, Sequence[float]]
    given: frozenset[str]
    rate: float


def of_assignment(draw: random.Random) -> Numbers:
    """With or without biases, with numbers of a course or of nobody, short ones or long ones."""
    biases = draw.choice([{}, {}, TWO_BIASES, FOUR_BIASES])
    count = draw.randint(1, 14)
    if draw.random() < 0.3:
        given = {**STANDARD, "η": draw.choice([0.1, 0.5, 1.0, 2.0, 100.0])}
    else:
        digits = draw.choice([2, 2, 3, 17])
        given = {
            name: round(draw.choice((-1, 1)) * draw.uniform(0.1, 0.9), digits)
            for name in ("i1", "i2", *WEIGHTS)
        }
        given |= {name: round(draw.uniform(0.02, 0.95), digits) for name in ("t1", "t2")}
        given["η"] = draw.choice([0.1, 0.2, 0.5, 0.8, 1.0, 2.0, 0.37])
    training = Training({**given, **biases}, count)
    names = [*COLUMNS, *biases, *(UPDATED if draw.random() < 0.2 else ())]
    assert len(biases) in (0, *BIASED)
    columns = {name: [training.value(name, row) for row in range(count)] for name in names}
    return Numbers(assignment(), columns, frozenset(GIVEN), given["η"])


def of_program(network: str) -> Callable[[random.Random], Numbers]:
    """One of the networks in which slips are planted."""

    def numbers(draw: random.Random) -> Numbers:
        program = NETWORKS[network](draw)
        rows = replace(program, count=draw.randint(1, 10)).rows()
        names = [*program.given, *program.updates, *program.formulas, *program.others]
        columns = {program.heading(name): [row[name] for row in rows] for name in names if name != "eta"}
        return Numbers(program.problem, columns, frozenset(program.given), program.given["eta"][0])

    return numbers


KINDS: Mapping[str, Callable[[random.Random], Numbers]] = {
    "assignment": of_assignment,
    **{name: of_program(name) for name in NETWORKS if name != "assignment"},
}


def left_out(draw: random.Random, sheet: Numbers, headings: Callable[[str], str] = str) -> Grid:
    """The sheet with columns, digits and the learning rate left out, as drawn; also on its side."""
    names = list(sheet.columns)
    if draw.random() < 0.3:
        draw.shuffle(names)
    share = draw.choice([0.0, 0.05, 0.1, 0.2, 0.35])
    of_given = draw.choice([0.0, 0.0, share])
    names = [name for name in names if draw.random() >= (of_given if name in sheet.given else share)]
    everywhere = draw.choice([None, repr, form(draw)])
    top, left = draw.randint(3, 6), draw.randint(1, 3)
    grid: Grid = {}
    for turn, name in enumerate(names):
        text = everywhere or form(draw)
        if name in sheet.given and draw.random() < 0.8:
            text = repr  # it was typed in
        grid[top, left + turn] = headings(name)
        for row, number in enumerate(sheet.columns[name], 1):
            grid[top + row, left + turn] = text(number)
    if draw.random() < 0.6:
        grid |= {(1, 1): "learning rate", (1, 2): sheet.rate}
    return {(column, row): x for (row, column), x in grid.items()} if draw.random() < 0.15 else grid
