"""Workbooks in the old .xls format, read by xlrd: numbers and texts, for it does not give the formulas."""

from __future__ import annotations

import importlib
import io
import math
from pathlib import Path
from typing import Any

from ..errors import MissingExtraError
from .cells import SAVE_AS, Book, Cell, Limits, Sheet, SheetError, put, read_number

__all__ = ["open_old"]

_TEXT, _NUMBER, _DATE, _BOOLEAN, _ERROR = range(1, 6)  # xlrd's types of a cell


def open_old(path: Path, data: bytes, limits: Limits) -> Book:
    """The .xls workbook in these bytes; a SheetError if it is damaged or passes a limit."""
    try:
        xlrd = importlib.import_module("xlrd")
    except ImportError:
        otherwise = f"; or {SAVE_AS}"
        raise MissingExtraError(f"reading {path.name}, an old .xls,", "xlrd", "xls", otherwise) from None
    sheets: dict[str, Sheet] = {}
    others = []
    try:
        with xlrd.open_workbook(
            file_contents=data, logfile=io.StringIO(), on_demand=True, ragged_rows=True
        ) as workbook:
            for number, name in enumerate(workbook.sheet_names()):
                limits.take("sheets")
                try:
                    page = workbook.sheet_by_index(number)
                except xlrd.XLRDError:  # a chart that fills a sheet
                    others.append(name)
                    continue
                sheets[name] = _read(page, limits, xlrd.error_text_from_code)
                workbook.unload_sheet(number)
    except SheetError:
        raise
    except Exception as error:  # xlrd raises whatever its parsing of damaged bytes comes upon
        detail = " ".join(str(error).split()) or type(error).__name__
        raise SheetError(f"{path.name} is damaged or no .xls workbook ({detail:.80}): {SAVE_AS}") from error
    if not sheets:
        raise SheetError(f"{path.name} has no sheet with cells")
    return Book(path, "xls", list(sheets), limits, others, _sheets=sheets)


def _read(page: Any, limits: Limits, errors: dict[int, str]) -> Sheet:
    """A sheet of xlrd as one of ours."""
    sheet = Sheet(page.name, hidden=bool(page.visibility), limits=limits)
    for row in range(page.nrows):
        for column, (kind, data) in enumerate(zip(page.row_types(row), page.row_values(row)), 1):
            value: float | str
            text = str(data)
            if kind in (_NUMBER, _DATE):
                value = float(data)
                text = repr(value)
                if not math.isfinite(value):
                    value = text
            elif kind == _BOOLEAN:
                value = "TRUE" if data else "FALSE"
            elif kind == _ERROR:
                value = text = errors.get(data, "#VALUE!")
            elif kind == _TEXT and text.strip():
                text = text.strip()
                written = read_number(text)  # a number that is kept as text
                value = text if written is None else written
            else:
                continue
            put(sheet, (row + 1, column), Cell(value, text))
    return sheet
