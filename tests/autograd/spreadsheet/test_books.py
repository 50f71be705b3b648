"""What a file is, is told by its content; an old .xls needs its extra, and is read within the limits."""

import random
import sys

import pytest

from autograd import MissingExtraError
from autograd.spreadsheet import SheetError, binary, cells
from autograd.spreadsheet.books import open_book
from demos import check
from tests.support.sheets_made import Layout, Training, write_csv

OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"


def test_without_its_library_an_xls_names_the_extra(monkeypatch, tmp_path, capsys):
    path = tmp_path / "a.xls"
    path.write_bytes(OLE + bytes(2000))
    monkeypatch.setitem(sys.modules, "xlrd", None)
    with pytest.raises(
        MissingExtraError, match=r'scalar-autograd\[xls\]"; or open it in a spreadsheet program'
    ):
        open_book(path)
    assert check.main([str(path)]) == 2
    assert "scalar-autograd[xls]" in capsys.readouterr().err


@pytest.mark.parametrize("seed", range(20))
def test_a_damaged_xls_is_refused_in_one_line(seed, tmp_path):
    pytest.importorskip("xlrd", reason="it reads .xls; it is in the extra xls")
    draw = random.Random(seed)
    path = tmp_path / "a.xls"
    path.write_bytes(OLE + draw.randbytes(draw.choice([100, 504, 3000])))
    with pytest.raises(SheetError, match=r"a\.xls is damaged or no \.xls workbook"):
        open_book(path)


class Page:
    """A sheet of xlrd."""

    name, visibility = "old", 1

    def __init__(self, rows):
        self.rows, self.nrows = rows, len(rows)

    def row_types(self, row):
        return [kind for kind, _ in self.rows[row]]

    def row_values(self, row):
        return [value for _, value in self.rows[row]]


def test_kinds_of_cells_of_an_xls():
    """1 is a text, 2 a number, 3 a date, 4 a truth, 5 an error, 0 and 6 are nothing."""
    row = [
        (1, " w1 "),
        (1, "0,5"),
        (2, 0.25),
        (3, 45000.0),
        (4, 1),
        (5, 7),
        (0, ""),
        (6, ""),
        (2, float("nan")),
    ]
    sheet = binary._read(Page([[], row]), cells.Limits("a.xls"), {7: "#DIV/0!"})
    assert sheet.hidden
    assert {place[1]: (cell.value, cell.text) for place, cell in sheet.cells.items()} == {
        1: ("w1", "w1"),
        2: (0.5, "0,5"),
        3: (0.25, "0.25"),
        4: (45000.0, "45000.0"),
        5: ("TRUE", "1"),
        6: ("#DIV/0!", "#DIV/0!"),
        9: ("nan", "nan"),
    }


def test_an_xls_has_the_limits_of_any_file(monkeypatch):
    monkeypatch.setitem(cells.LIMITS, "cells", 10)
    page = Page([[(2, 1.0)] * 3] * 4)
    with pytest.raises(SheetError, match=r"a\.xls has more than 10 cells"):
        binary._read(page, cells.Limits("a.xls"), {})


@pytest.mark.parametrize("name", ["a.ods", "a.xls", "a.xlsx"])
def test_a_name_that_promises_another_kind(name, tmp_path):
    path = write_csv(tmp_path / name, Layout().grid(Training(count=3)))
    with pytest.raises(SheetError, match="whatever its name says"):
        open_book(path)
