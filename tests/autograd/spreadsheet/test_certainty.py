"""No right sheet is called wrong, whatever it leaves out; what is wrong still is, where that can be told."""

import random

import pytest

from autograd.spreadsheet import SheetError, check_workbook
from tests.autograd.spreadsheet.test_sheets_as_made import HEADINGS
from tests.support.partial_sheets import KINDS, left_out
from tests.support.profiles import scaled
from tests.support.sheets_made import COLUMNS, write_csv

RIGHT, WRONG, _, UNSURE = range(4)


@pytest.fixture(autouse=True, scope="module")
def without_diagnosis():
    """Which slip it was is not asked here, and takes the longest."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("autograd.spreadsheet.checking.diagnose", lambda *_: None)
        yield


def called_wrong(kind, seeds, folder):
    """The right sheets of these seeds that are called wrong, with the verdicts; and how many are right."""
    wrong, right = [], 0
    for seed in seeds:
        draw = random.Random(f"{kind} {seed}")
        sheet = KINDS[kind](draw)
        style = HEADINGS[draw.choice(list(HEADINGS))] if kind == "assignment" else str
        grid = left_out(draw, sheet, lambda name, style=style: style(name) if name in COLUMNS else name)
        path = write_csv(folder / "partial.csv", grid)
        try:
            report = check_workbook(path, sheet.problem)
        except SheetError:  # too little is left to see a table
            continue
        right += report.status == RIGHT
        if report.status == WRONG:
            wrong.append((seed, report.verdict))
    return wrong, right


@pytest.mark.parametrize("kind", KINDS)
def test_a_right_sheet_that_leaves_things_out_is_never_wrong(kind, tmp_path):
    wrong, _ = called_wrong(kind, range(scaled(12)), tmp_path)
    assert wrong == []


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "count"), [("assignment", 1000), ("classifier", 300), ("xor", 300)])
def test_a_thousand_right_sheets_are_never_wrong(kind, count, tmp_path):
    wrong, right = called_wrong(kind, range(count), tmp_path)
    print(f"{kind}: {count} sheets, {right} right, {len(wrong)} wrong")
    assert wrong == []
    assert right > 0.1 * count  # those that leave out little
