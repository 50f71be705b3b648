"""OpenDocument spreadsheets (.ods) read cell by cell, within the limits of any file.

All sheets are in one part. A cell, or a row, may say that it is repeated: what is empty is only counted on,
what holds something is put so many times, each counted.
"""

from __future__ import annotations

import math
import re
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from .cells import (
    COLUMNS,
    ROWS,
    Book,
    Cell,
    Element,
    Limits,
    Parts,
    Place,
    Sheet,
    SheetError,
    put,
    read_number,
    whole,
)

__all__ = ["in_excel", "open_document"]

_INLINE = {"p": "\n", "h": "\n", "span": "", "a": "", "s": " ", "tab": " ", "line-break": "\n"}
_NUMBERS = ("float", "percentage", "currency")


def open_document(path: Path, archive: zipfile.ZipFile, limits: Limits) -> Book:
    """The spreadsheet in an archive; a SheetError if it is damaged, protected or passes a limit."""
    with whole(path):
        held = archive.namelist()
        if "content.xml" not in held:
            raise SheetError(f"{path.name} is an OpenDocument file without content: save it again")
        parts = Parts(path, archive, limits, _INLINE)
        manifest = "META-INF/manifest.xml"
        if manifest in held and any(tag == "encryption-data" for tag, _, _ in parts.elements(manifest)):
            raise SheetError(
                f"{path.name} is protected by a password: open it, remove the password and save it again"
            )
        reader = _Reader(parts)
        reader.read()
    if not reader.found:
        raise SheetError(f"{path.name} has no sheet with cells: is it a spreadsheet?")
    parts.require_once("sheet", [sheet.name for sheet in reader.found])
    sheets = {sheet.name: sheet for sheet in reader.found}
    return Book(path, "ods", list(sheets), limits, defined=reader.defined, _sheets=sheets)


class _Reader:
    """The tables of a document, in one go over its content."""

    def __init__(self, parts: Parts) -> None:
        self.parts, self.limits = parts, parts.limits
        self.found: list[Sheet] = []
        self.defined: dict[str, str] = {}
        self._hidden_styles: set[str] = set()

    def read(self) -> None:
        elements = self.parts.elements("content.xml")
        style = ""
        within = [""]
        for tag, attributes, text in elements:
            if text is not None:
                within.pop()
                continue
            if tag == "table" and within[-1] == "spreadsheet":
                self._table(_plain(attributes), elements)  # up to its end
                continue
            within.append(tag)
            plain = _plain(attributes)
            if tag == "style":
                style = plain.get("name", "")
            elif tag == "table-properties" and plain.get("display") == "false":
                self._hidden_styles.add(style)
            elif tag == "named-range":
                self.limits.take("names of its own")
                area = in_excel(f"[{plain.get('cell-range-address', '')}]")
                self.defined[plain.get("name", "").casefold()] = area

    def _table(self, about: Mapping[str, str], elements: Iterator[Element]) -> None:
        """One sheet: its elements up to the end of the table."""
        self.limits.take("sheets")
        name = about.get("name", "")
        sheet = Sheet(name, hidden=about.get("style-name") in self._hidden_styles, limits=self.limits)
        own = True  # not what a reference to another file has brought here
        deep = 0  # tables within this one
        row, rows, column, columns = 0, 0, 0, 0
        held: list[tuple[int, int, Cell]] = []  # of a row the cells with something in them
        for tag, attributes, text in elements:
            if tag == "table":
                if text is not None and not deep:
                    break
                deep += 1 if text is None else -1
            elif deep:
                continue
            elif tag == "table-source":
                own = False
            elif tag == "table-column" and text is None:
                plain = _plain(attributes)
                count = _repeated(plain, "number-columns-repeated", COLUMNS)
                if _unseen(plain):
                    last = min(columns + count, COLUMNS)
                    self.limits.take("hidden columns", max(last - columns, 0))
                    sheet.hidden_columns.update(range(columns + 1, last + 1))
                columns += count
            elif tag == "table-row" and text is None:
                plain = _plain(attributes)
                rows = _repeated(plain, "number-rows-repeated", ROWS)
                if _unseen(plain):
                    self.limits.take("hidden columns", min(rows, 1000))
                    sheet.hidden_rows.update(range(row + 1, row + 1 + min(rows, 1000)))
                column, held = 0, []
            elif tag == "table-row":
                for turn in range(rows if held else 0):
                    for first, count, cell in held:
                        for further in range(count):
                            put(sheet, (row + 1 + turn, first + further), cell)
                row += rows
            elif tag in ("table-cell", "covered-table-cell") and text is not None:
                plain = _plain(attributes)
                count = _repeated(plain, "number-columns-repeated", COLUMNS)
                made = _cell(plain, text.strip())
                if made is not None:
                    held.append((column + 1, count, made))
                self._merged(sheet, (row + 1, column + 1), plain)
                column += count
        if own:
            self.found.append(sheet)

    def _merged(self, sheet: Sheet, place: Place, plain: Mapping[str, str]) -> None:
        down = _repeated(plain, "number-rows-spanned", ROWS)
        across = _repeated(plain, "number-columns-spanned", COLUMNS)
        if (down, across) != (1, 1):
            self.limits.take("merged areas")
            sheet.merged.append((place, (place[0] + down - 1, place[1] + across - 1)))


def _plain(attributes: Mapping[str, str]) -> dict[str, str]:
    """Attributes without their namespaces; of two of one name, that which the standard has."""
    found: dict[str, str] = {}
    for name, value in attributes.items():
        space, _, bare = name.rpartition(":")
        if bare not in found or space != "calcext":
            found[bare] = value
    return found


def _unseen(plain: Mapping[str, str]) -> bool:
    return plain.get("visibility", "visible") != "visible"


def _repeated(plain: Mapping[str, str], what: str, most: int) -> int:
    """How often something is repeated, or how far it reaches: 1 where it does not say."""
    text = plain.get(what, "1")
    if not re.fullmatch("[0-9]{1,9}", text):
        raise ValueError(f"{what} is {text:.20}")
    return min(max(int(text), 1), most)


def _cell(plain: Mapping[str, str], shown: str) -> Cell | None:
    """A cell, or None for one with nothing in it."""
    formula = plain.get("formula", "")
    formula = in_excel(formula) if formula else ""
    kind = plain.get("value-type", "")
    value: float | str | None = shown or None
    if shown.startswith("Err:") or (shown.startswith("#") and formula):
        value = _ERRORS.get(shown, shown if shown.startswith("#") else "#VALUE!")
    elif kind in _NUMBERS and "value" in plain:
        number = float(plain["value"])
        value, shown = (number, repr(number)) if math.isfinite(number) else (plain["value"], plain["value"])
    elif kind == "boolean":
        value = plain.get("boolean-value", shown).upper()
    elif kind == "string":
        value = shown = (plain.get("string-value") or shown).strip()
    if isinstance(value, str) and value and kind not in (*_NUMBERS, "boolean"):
        written = None if value.startswith("#") else read_number(value)  # a number that is kept as text
        value = value if written is None else written
    if value in (None, ""):
        return Cell(None, "", formula) if formula and not kind else None
    return Cell(value, shown, formula)


_ERRORS = {
    "Err:502": "#VALUE!",
    "Err:503": "#NUM!",
    "Err:504": "#REF!",
    "Err:508": "#VALUE!",
    "Err:522": "#REF!",
}

# --- OpenFormula -----------------------------------------------------------------------------------

_DIALECT = re.compile(r"^(?:(?:of|oooc|msoxl):)?=?")
_SHEET = r"(?:\$?(?P<{0}>'(?:[^']|'')*+'|[^\]'.:!$ ]++))?"
_PIECE = re.compile(
    r"""(?P<text>"(?:[^"]|"")*+")
    |\["""
    + _SHEET.format("sheet")
    + r"""\.(?P<first>\$?[A-Za-z]{1,3}\$?[0-9]{1,7})(?::"""
    + _SHEET.format("other")
    + r"""\.?(?P<last>\$?[A-Za-z]{1,3}\$?[0-9]{1,7}))?\]
    |\[[^\]]*+\]
    |(?P<vendor>COM\.MICROSOFT\.|ORG\.LIBREOFFICE\.|ORG\.OPENOFFICE\.|LEGACY\.)
    |.""",
    re.VERBOSE | re.DOTALL,
)


def in_excel(formula: str) -> str:
    """A formula, or a reference, of OpenFormula in the notation of .xlsx.

    >>> in_excel("of:=[.B3]*[.$S$9]+SUM([.A1:.B3];2)")
    '=B3*$S$9+SUM(A1:B3;2)'
    >>> in_excel("of:=[$'learning rates'.A5]^2"), in_excel("of:=[.#REF!]")
    ("='learning rates'!A5^2", '=#REF!')
    """
    if formula.startswith("["):
        return _PIECE.sub(_put, formula)
    return "=" + _PIECE.sub(_put, _DIALECT.sub("", formula, count=1))


def _put(piece: re.Match[str]) -> str:
    if piece["first"]:
        sheet = f"{piece['sheet']}!" if piece["sheet"] else ""
        if piece["other"] and piece["other"] != piece["sheet"]:
            return "#REF!"  # an area over several sheets, which no formula of a training has
        return sheet + piece["first"] + (f":{piece['last']}" if piece["last"] else "")
    if piece["vendor"]:
        return ""
    return "#REF!" if piece[0].startswith("[") and len(piece[0]) > 1 else piece[0]
