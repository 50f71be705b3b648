"""A right sheet is not called wrong for columns that it leaves out, nor for decimals of each column."""

import os
import random
import subprocess
import sys

import pytest

from autograd.spreadsheet import assignment, check_workbook
from autograd.spreadsheet.vocabulary import short
from tests.support.profiles import scaled
from tests.support.sheets_made import (
    COLUMNS,
    FOUR_BIASES,
    GIVEN,
    RIGHT,
    STANDARD,
    TWO_BIASES,
    WEIGHTS,
    Layout,
    Training,
    write_csv,
)  # fmt: skip

WRONG = 1
COMMON = {name: RIGHT[name].replace("a_h2", "a_h1") for name in ("∂E/∂w3", "∂E/∂w4")}


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
    for name in (each for each in columns if each not in GIVEN):  # in one order: it draws
        digits = draw.choice([4, 5, 6, 8, 10])
        for row in range(training.count):
            grid[layout.place(name, row)] = f"{training.value(name, row):.{digits}f}"
    return grid


def without(missing, slips, seed=0, digits=10):
    """A sheet that leaves columns out, with numbers of its own."""
    draw = random.Random(seed)
    given = STANDARD | {name: draw.randint(10, 90) / 100 for name in ("i1", "i2", "t1", "t2", *WEIGHTS)}
    columns = [name for name in COLUMNS if name not in missing]
    training = Training(given, 8).with_slip(slips)
    return Layout(columns, rate=(1, 40), corner=(3, 1), text=lambda x: f"{x:.{digits}f}").grid(training)


def called_wrong(seeds, path):
    reports = ((seed, check_workbook(write_csv(path, partial(seed)), assignment())) for seed in seeds)
    return [(seed, report.verdict) for seed, report in reports if report.status == WRONG]


def test_a_right_sheet_that_leaves_columns_out_is_not_wrong(tmp_path):
    assert called_wrong(range(scaled(15)), tmp_path / "partial.csv") == []


@pytest.mark.slow
def test_none_of_many_is_wrong(tmp_path):
    """100 here, 2,000 in the profile long."""
    assert called_wrong(range(scaled(100)), tmp_path / "partial.csv") == []


@pytest.mark.slow
def test_the_order_of_sets_changes_no_report(tmp_path):
    """Texts are hashed differently in every process: three of them tell the same of each sheet."""
    paths = [write_csv(tmp_path / f"{seed}.csv", partial(seed)) for seed in range(scaled(8))]
    paths.append(write_csv(tmp_path / "slip.csv", without(["i1", "i2", "h1"], COMMON)))
    program = (
        "import sys; from autograd.spreadsheet import assignment, check_workbook\n"
        "for path in sys.argv[1:]: print(*check_workbook(path, assignment()).lines(full=True), sep='\\n')"
    )
    said = [
        subprocess.run(
            [sys.executable, "-c", program, *map(str, paths)],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONIOENCODING": "utf-8"},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "21", "4077")
    ]
    assert said[0]
    assert len(set(said)) == 1


# What is left out, by kinds: it has to come from what is printed of the rest.
LEFT_OUT = [
    ("i1", "i2"), ("t1", "t2"), ("i1", "i2", "t1", "t2"), ("i1",), ("t2", "E1", "E2", "E_total"),
    ("w1",), ("w5",), ("w2", "i2"), ("i1", "i2", "h1"), ("i1", "i2", "a_h1", "o2"),
]  # fmt: skip


@pytest.mark.parametrize("missing", LEFT_OUT, ids=" ".join)
def test_the_commonest_slip_is_named_in_a_sheet_that_leaves_numbers_out(missing, tmp_path):
    """They are worked out from the columns that agree; those of the slip are outvoted."""
    for seed in range(scaled(3)):
        report = check_workbook(
            write_csv(tmp_path / "slip.csv", without(missing, COMMON, seed)), assignment()
        )
        (table,) = report.tables
        assert {short(each.quantity) for each in table.mistakes} == {*COMMON}, str(report)
        assert all(each.slip and "a_h1" in each.slip.words for each in table.mistakes), str(report)
        right = check_workbook(write_csv(tmp_path / "right.csv", without(missing, {}, seed)), assignment())
        assert right.status != WRONG, str(right)
