"""A right sheet is not called wrong for columns that it leaves out, nor for decimals of each column."""

import random

import pytest

from autograd.spreadsheet import assignment, check_workbook
from tests.support.profiles import scaled
from tests.support.sheets_made import (
    COLUMNS,
    FOUR_BIASES,
    GIVEN,
    STANDARD,
    TWO_BIASES,
    WEIGHTS,
    Layout,
    Training,
    write_csv,
)  # fmt: skip

WRONG = 1


def partial(seed):
    """A right sheet, drawn: numbers, biases, columns left out, the decimals of each column."""
    draw = random.Random(seed)
    biases = draw.choice([{}, {}, {}, TWO_BIASES, FOUR_BIASES])
    given = {**STANDARD, **biases, "η": draw.choice([0.1, 0.5, 1.0, 2.0])}
    if draw.random() < 0.7:
        given |= {name: draw.choice((-1, 1)) * draw.randint(10, 90) / 100 for name in ("i1", "i2", *WEIGHTS)}
    training = Training(given, draw.randint(1, 14))
    columns = [name for name in [*COLUMNS, *biases] if name in GIVEN or draw.random() > 0.1]
    layout = Layout(columns, corner=(4, 1), rate=draw.choice([(1, 2), None]))
    grid = layout.grid(training)
    for name in set(columns) - set(GIVEN):
        digits = draw.choice([4, 5, 6, 8, 10])
        for row in range(training.count):
            grid[layout.place(name, row)] = f"{training.value(name, row):.{digits}f}"
    return grid


def called_wrong(seeds, path):
    reports = ((seed, check_workbook(write_csv(path, partial(seed)), assignment())) for seed in seeds)
    return [(seed, report.verdict) for seed, report in reports if report.status == WRONG]


def test_a_right_sheet_that_leaves_columns_out_is_not_wrong(tmp_path):
    assert called_wrong(range(scaled(15)), tmp_path / "partial.csv") == []


@pytest.mark.slow
def test_none_of_many_is_wrong(tmp_path):
    """Two of a thousand still are, 235 and 850: a sigmoid makes what is unknown finite (the profile long)."""
    assert called_wrong(range(scaled(200)), tmp_path / "partial.csv") == []
