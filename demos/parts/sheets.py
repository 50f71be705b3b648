"""Sheets as people save them, read cell by cell: .xlsx workbooks and .csv files of any dialect.

A cell has its value, the text that is seen, and in a workbook its formula too. Whatever cannot be
read is a `SheetError`, whose message says what the file is and what to do.
"""

from __future__ import annotations

import csv
import io
import math
import re
import struct
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path, PurePosixPath
from typing import Any
from xml.etree import ElementTree

from autograd.errors import MissingExtraError

__all__ = ["Book", "Cell", "Place", "Sheet", "SheetError", "letters", "open_book", "read_number"]

Place = tuple[int, int]  # row and column, both counted from 1 as in A1

_MOST_BYTES = 200_000_000  # of a file, and of each part of a workbook when unpacked twice that
_MOST_CELLS = 1_000_000  # of a sheet


class SheetError(ValueError):
    """A file that cannot be read as a sheet; the message says what to do."""


@dataclass(slots=True)
class Cell:
    """What stands in a cell.

    Attributes
    ----------
    value : a number, or a text (an error such as ``#DIV/0!`` is one); None if it was never calculated.
    text : the number as it is printed, which tells how far it was rounded.
    formula : with its equals sign; ``""`` for none. Of a formula that is shared with other cells: see
        `Sheet.formula`.
    """

    value: float | str | None
    text: str = ""
    formula: str = ""


@dataclass
class Sheet:
    """One sheet: its cells by place.

    Attributes
    ----------
    merged : areas whose cells are one, as first and last place.
    hidden_columns, hidden_rows : what its reader does not see.
    hidden : whether the whole sheet is hidden.
    computed : how many of its formulas nobody had calculated, so that their numbers were computed here.
    """

    name: str
    cells: dict[Place, Cell] = field(default_factory=dict)
    merged: list[tuple[Place, Place]] = field(default_factory=list)
    hidden_columns: set[int] = field(default_factory=set)
    hidden_rows: set[int] = field(default_factory=set)
    hidden: bool = False
    computed: int = 0
    shared: dict[Place, Place] = field(default_factory=dict)  # where the formula of a cell is written out
    _translators: dict[Place, Any] = field(default_factory=dict)

    def formula(self, place: Place) -> str:
        """The formula of the cell with its own references; ``""`` for none."""
        cell = self.cells.get(place)
        if cell is None:
            return ""
        first = self.shared.get(place)
        if first is None or first not in self.cells:
            return cell.formula
        if first not in self._translators:
            from openpyxl.formula.translate import Translator

            self._translators[first] = Translator(self.cells[first].formula, origin=reference(first))
        return str(self._translators[first].translate_formula(reference(place)))

    @property
    def extent(self) -> Place:
        """The last row and the last column that hold anything."""
        rows = (row for row, _ in self.cells)
        columns = (column for _, column in self.cells)
        return max(rows, default=0), max(columns, default=0)

    def transposed(self) -> Sheet:
        """The sheet with rows for columns. Its formulas stay as they are."""

        def turn(place: Place) -> Place:
            return place[1], place[0]

        return Sheet(
            self.name,
            {turn(place): Cell(cell.value, cell.text) for place, cell in self.cells.items()},
            [(turn(first), turn(last)) for first, last in self.merged],
            self.hidden_rows,
            self.hidden_columns,
            self.hidden,
        )


@dataclass
class Book:
    """A file with its sheets, which are read when they are asked for.

    Attributes
    ----------
    names : the names of the sheets, in order.
    defined : what the workbook calls cells of its own: a name and its reference.
    kind : ``"xlsx"`` or ``"csv"``.
    """

    path: Path
    kind: str
    names: list[str]
    defined: Mapping[str, str] = field(default_factory=dict)
    _sheets: dict[str, Sheet] = field(default_factory=dict)
    _archive: _Archive | None = None

    def sheet(self, name: str) -> Sheet:
        """The sheet of that name.

        Raises
        ------
        SheetError : if it is damaged or too large.
        """
        if name not in self._sheets:
            assert self._archive is not None
            self._sheets[name] = self._archive.sheet(name)
        return self._sheets[name]


def letters(column: int) -> str:
    """The name of a column.

    >>> letters(1), letters(26), letters(27)
    ('A', 'Z', 'AA')
    """
    name = ""
    while column:
        column, rest = divmod(column - 1, 26)
        name = chr(65 + rest) + name
    return name


def reference(place: Place, fixed: bool = False) -> str:
    """The name of a cell, such as N17, or $N$17 if it is to stay when a formula is filled down."""
    return f"${letters(place[1])}${place[0]}" if fixed else f"{letters(place[1])}{place[0]}"


@cache
def column_of(name: str) -> int:
    """The number of a column, given its letters."""
    if not re.fullmatch("[A-Z]{1,3}", name):
        raise ValueError(f"{name!r} is not the name of a column")
    number = 0
    for letter in name:
        number = 26 * number + ord(letter) - 64
    return number


def place_of(name: str) -> Place:
    """The place of a cell, given its name."""
    match = re.fullmatch(r"\$?([A-Z]{1,3})\$?([0-9]{1,7})", name)
    if match is None:
        raise ValueError(f"{name!r} is not the name of a cell")
    return int(match[2]), column_of(match[1])


_NUMBER = re.compile(
    r"([+-]?)((?:\d+(?:[.,]\d*)*|[.,]\d+))(?:\s*(?:e|×10\^|\*10\^|x10\^)([+-]?\d+))?(%?)", re.I
)

_PLAIN = re.compile(r"-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?", re.ASCII)  # most of them, and fast


def read_number(text: str) -> float | None:
    """The number that a text prints, with a decimal point or a decimal comma; None if it prints none.

    >>> read_number("0.15"), read_number("1,5E-05"), read_number("−2 %"), read_number("w1")
    (0.15, 1.5e-05, -0.02, None)
    """
    if _PLAIN.fullmatch(text):
        return _finite(text)
    plain = re.sub("[ \xa0\u202f'’]", "", text.strip()).replace("−", "-").replace("–", "-")
    match = _NUMBER.fullmatch(plain)
    if match is None:
        return None
    sign, digits, exponent, percent = match.groups()
    marks = [mark for mark in digits if mark in ".,"]
    if len(marks) > 1:  # the last one is the decimal mark, unless it is repeated: 1.234,5 and 1,234,567
        last = digits.rfind(marks[-1])
        if marks.count(marks[-1]) > 1:
            digits = digits.replace(".", "").replace(",", "")
        else:
            digits = re.sub("[.,]", "", digits[:last]) + "." + digits[last + 1 :]
    return _finite(f"{sign}{digits.replace(',', '.')}e{exponent or 0}", 100.0 if percent else 1.0)


def _finite(text: str, divisor: float = 1.0) -> float | None:
    number = float(text) / divisor
    return number if math.isfinite(number) else None


def open_book(path: Path) -> Book:
    """The workbook or the .csv file at that path, told by what is in it rather than by its name.

    Raises
    ------
    SheetError : if there is no such file, or if it is not a sheet that can be read.
    MissingExtraError : if openpyxl is not installed, for a workbook.
    """
    try:
        if path.is_dir():
            raise SheetError(f"{path} is a folder: give the name of the .xlsx or .csv file in it")
        size = path.stat().st_size
        if size > _MOST_BYTES:
            raise SheetError(
                f"{path.name} has {size / 1e6:.0f} MB, which is more than {_MOST_BYTES / 1e6:.0f} MB: "
                "keep the first thousand rows of the table and save it again"
            )
        data = path.read_bytes()
    except FileNotFoundError:
        raise SheetError(f"there is no file {path}") from None
    except (OSError, ValueError) as error:
        if isinstance(error, SheetError):
            raise
        raise SheetError(f"cannot read {path}: {getattr(error, 'strerror', None) or error}") from None
    if not data.strip(b"\0 \t\r\n\xef\xbb\xbf"):
        raise SheetError(f"{path.name} is empty: save the sheet again")
    _refuse_others(path, data)
    if data[:2] == b"PK":
        return _open_workbook(path, data)
    if path.suffix.lower() in (".xlsx", ".xlsm"):
        raise SheetError(
            f"{path.name} is not an .xlsx file, whatever its name says, or it is damaged: "
            "open it in a spreadsheet program and save it as .xlsx"
        )
    sheet = _read_text(path.name, data)
    return Book(path, "csv", [sheet.name], _sheets={sheet.name: sheet})


_SAVE_AS = "open it in a spreadsheet program and save it as .xlsx"


def _refuse_others(path: Path, data: bytes) -> None:
    """Say what a file is that is something else than a workbook or a text."""
    head = data[:4096].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if data[:8] == b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1":
        if "EncryptedPackage".encode("utf-16-le") in data:
            raise SheetError(
                f"{path.name} is protected by a password: open it, remove the password and save it again"
            )
        raise SheetError(f"{path.name} is in the old .xls format: {_SAVE_AS}")
    if head.startswith((b"<html", b"<!doctype html", b"<table")):
        raise SheetError(f"{path.name} is a web page: {_SAVE_AS}")
    if head.startswith(b"<?xml"):
        raise SheetError(f"{path.name} is XML, not an .xlsx workbook: {_SAVE_AS}")
    for begin, what in ((b"%pdf", "a PDF"), (b"\x89png", "a picture"), (b"\xff\xd8\xff", "a picture")):
        if head.startswith(begin):
            raise SheetError(f"{path.name} is {what}: what can be checked is the .xlsx or .csv file itself")


# --- text files ------------------------------------------------------------------------------------


def _read_text(name: str, data: bytes) -> Sheet:
    text = _decoded(name, data)
    lines = text.splitlines()
    stated = re.fullmatch(r'"?sep=(.)"?', lines[0].strip(), re.IGNORECASE) if lines else None
    delimiter = stated[1] if stated else _delimiter("\n".join(lines[:200]))
    sheet = Sheet(name)
    try:
        for row, words in enumerate(csv.reader(io.StringIO(text), delimiter=delimiter), 1):
            if row == 1 and stated:
                continue
            for column, word in enumerate(words, 1):
                word = word.strip()
                if word:
                    number = None if word.startswith("=") else read_number(word)
                    formula = word if re.match(r"=\s*[^=\s]", word) else ""
                    value = number if number is not None else None if formula else word
                    sheet.cells[row, column] = Cell(value, word, formula)
            if len(sheet.cells) > _MOST_CELLS:
                raise SheetError(_too_many(name))
    except csv.Error as error:
        raise SheetError(
            f"{name} is not a table in text form ({error}): save the sheet as .csv again"
        ) from None
    return sheet


def _too_many(name: str) -> str:
    return (
        f"{name} has more than {_MOST_CELLS:,} cells: keep the first thousand rows of the table and save it "
        "again"
    )


def _decoded(name: str, data: bytes) -> str:
    """The text, by its byte order mark, else by what fits."""
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        encodings = ["utf-16"]
    elif data[1:200:2].count(0) > data[:200:2].count(0) + 10:
        encodings = ["utf-16-le"]
    elif data[:200:2].count(0) > data[1:200:2].count(0) + 10:
        encodings = ["utf-16-be"]
    elif b"\0" in data:
        raise SheetError(f"{name} is not a text file: {_SAVE_AS}, or as .csv")
    else:
        encodings = ["utf-8-sig", "cp1252", "latin-1"]
    for encoding in encodings:
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise SheetError(f"{name} breaks off in the middle of a character: save it as .csv again, in UTF-8")


def _delimiter(text: str) -> str:
    """What separates the cells: that by which most of them are numbers, then by which there are most."""

    def score(delimiter: str) -> tuple[int, int]:
        try:
            cells = [word for words in csv.reader(io.StringIO(text), delimiter=delimiter) for word in words]
        except csv.Error:
            return 0, 0
        return sum(read_number(word) is not None for word in cells), len(cells)

    return max((",", ";", "\t", "|"), key=score)


# --- workbooks -------------------------------------------------------------------------------------

# The file is read here, and not by openpyxl, which gives either values or formulas (so it reads
# everything twice, and ten times slower) and gives up on a workbook for a style that it does not know.
# openpyxl takes formulas apart.

_BROKEN = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    LookupError,
    ValueError,
    NotImplementedError,  # zipfile on a compression that it does not know
    RuntimeError,
    OSError,
    ElementTree.ParseError,
)  # what the readers of archives and of XML raise on damaged ones


def _damaged(path: Path, error: BaseException) -> SheetError:
    detail = " ".join(str(error).split()) or type(error).__name__
    return SheetError(
        f"{path.name} is damaged or only part of it is there ({detail:.80}): "
        "get it again, or open it in a spreadsheet program and save it again"
    )


def _open_workbook(path: Path, data: bytes) -> Book:
    try:
        import openpyxl.formula  # noqa: F401  # a workbook may hold formulas
    except ImportError:
        raise MissingExtraError("reading an .xlsx file", "openpyxl", "xlsx") from None
    try:
        archive = _Archive(path, zipfile.ZipFile(io.BytesIO(data)))
        return Book(path, "xlsx", list(archive.parts), archive.defined, _archive=archive)
    except SheetError:
        raise
    except _BROKEN as error:
        raise _damaged(path, error) from error


class _Archive:
    """The parts of a workbook."""

    def __init__(self, path: Path, archive: zipfile.ZipFile) -> None:
        self.path, self.archive = path, archive
        held = set(archive.namelist())
        if "mimetype" in held or "content.xml" in held:
            raise SheetError(f"{path.name} is an OpenDocument file: {_SAVE_AS}")
        if any(name.endswith("workbook.bin") for name in held):
            raise SheetError(f"{path.name} is in the .xlsb format: {_SAVE_AS}")
        if any(name.startswith("Index/") for name in held):
            raise SheetError(f"{path.name} is a Numbers file: export it as .xlsx")
        if "[Content_Types].xml" not in held and "_rels/.rels" not in held:
            raise SheetError(
                f"{path.name} is an archive, but not an .xlsx workbook: unpack it and give the file in it"
            )
        main = next(
            (target for kind, target in self._related("").values() if kind == "officeDocument"),
            "xl/workbook.xml",
        )
        workbook = self._parsed(main)
        if _local(workbook) != "workbook":
            raise SheetError(f"{path.name} is not a workbook: {_SAVE_AS}")
        related = self._related(main)
        self.parts: dict[str, tuple[str, bool]] = {}  # of each sheet its part, and whether it is hidden
        self.defined: dict[str, str] = {}
        for element in workbook.iter():
            if _local(element) == "sheet":
                kind, target = related[_attribute(element, "id")]
                if kind == "worksheet":
                    hidden = element.get("state", "visible") != "visible"
                    self.parts[element.get("name", "")] = target, hidden
            elif _local(element) == "definedName" and element.text:
                self.defined[element.get("name", "").casefold()] = element.text
        if not self.parts:
            raise SheetError(f"{path.name} has no sheet with cells")
        self._strings = next((target for kind, target in related.values() if kind == "sharedStrings"), "")

    def _related(self, part: str) -> dict[str, tuple[str, str]]:
        """The parts that a part refers to: by identifier the kind and the name."""
        folder, name = PurePosixPath(part).parent, PurePosixPath(part).name
        try:
            root = self._parsed(str(folder / "_rels" / f"{name}.rels"))
        except KeyError:
            return {}
        found = {}
        for element in root:
            target = element.get("Target", "")
            full = target[1:] if target.startswith("/") else str(folder / target)
            kind = element.get("Type", "").rsplit("/", 1)[-1]
            found[element.get("Id", "")] = kind, full
        return found

    def _parsed(self, part: str) -> ElementTree.Element:
        if self.archive.getinfo(part).file_size > _MOST_BYTES:
            raise SheetError(_too_many(self.path.name))
        return ElementTree.fromstring(self.archive.read(part))

    @cached_property
    def strings(self) -> list[str]:
        """The texts that cells refer to by number."""
        return [_text_of(item) for item in self._parsed(self._strings)] if self._strings else []

    def sheet(self, name: str) -> Sheet:
        part, hidden = self.parts[name]
        try:
            if self.archive.getinfo(part).file_size > 2 * _MOST_BYTES:
                raise SheetError(_too_many(f"{self.path.name}, sheet {name!r},"))
            return self._read(name, part, hidden)
        except SheetError:
            raise
        except _BROKEN as error:
            raise _damaged(self.path, error) from error

    def _read(self, name: str, part: str, hidden: bool) -> Sheet:
        sheet = Sheet(name, hidden=hidden)
        masters: dict[str, Place] = {}
        row = column = 0
        with self.archive.open(part) as stream:
            for _, element in ElementTree.iterparse(stream):
                kind = _local(element)
                if kind == "row":
                    row = int(element.get("r") or row + 1)
                    column = 0
                    if element.get("hidden") in ("1", "true"):
                        sheet.hidden_rows.add(row)
                    for item in element:
                        named = item.get("r")
                        column = column_of(named.rstrip("0123456789")) if named else column + 1
                        self._add(sheet, (row, column), item, masters)
                    if len(sheet.cells) > _MOST_CELLS:
                        raise SheetError(_too_many(f"{self.path.name}, sheet {name!r},"))
                    element.clear()
                elif kind == "col" and element.get("hidden") in ("1", "true"):
                    first, last = int(element.get("min", 1)), int(element.get("max", 1))
                    sheet.hidden_columns.update(range(first, min(last, 16_384) + 1))
                elif kind == "mergeCell":
                    first_name, _, last_name = element.get("ref", "").partition(":")
                    sheet.merged.append((place_of(first_name), place_of(last_name or first_name)))
        return sheet

    def _add(self, sheet: Sheet, place: Place, item: ElementTree.Element, masters: dict[str, Place]) -> None:
        kind = item.get("t", "n")
        data: str | None = None
        formula = ""
        for child in item:
            which = _local(child)
            if which == "v":
                data = child.text
            elif which == "is":
                data = _text_of(child)
            elif which == "f":
                formula = self._formula(sheet, place, child, masters)
        if kind == "s" and data is not None:
            data = self.strings[int(data)]
        if data is None and not formula:
            return
        if data is None or (kind == "str" and not data):
            sheet.cells[place] = Cell(None, "", formula)
        elif kind in ("n", ""):
            number = float(data)
            sheet.cells[place] = Cell(number if math.isfinite(number) else data, repr(number), formula)
        elif kind == "b":
            sheet.cells[place] = Cell("TRUE" if data == "1" else "FALSE", data, formula)
        elif data.strip():
            written = read_number(data) if kind != "e" else None  # a number that is kept as text
            sheet.cells[place] = Cell(data.strip() if written is None else written, data.strip(), formula)

    def _formula(
        self, sheet: Sheet, place: Place, element: ElementTree.Element, masters: dict[str, Place]
    ) -> str:
        text = f"={element.text}" if element.text else ""
        group = element.get("si")
        if element.get("t") == "shared" and group is not None:
            if text:
                masters[group] = place
            elif group in masters:
                sheet.shared[place] = masters[group]
                return "="  # see Sheet.formula
        return text


def _local(element: ElementTree.Element) -> str:
    """The tag without its namespace: there is one for each flavour of the format."""
    return element.tag.rsplit("}", 1)[-1]


def _attribute(element: ElementTree.Element, name: str) -> str:
    """An attribute with any namespace."""
    return next((value for key, value in element.items() if key.rsplit("}", 1)[-1] == name), "")


def _text_of(element: ElementTree.Element) -> str:
    """The text of a string, whose parts may be formatted, without how it is read aloud."""
    return "".join(_texts(element))


def _texts(element: ElementTree.Element) -> Iterator[str]:
    for child in element:
        if _local(child) == "t":
            yield child.text or ""
        elif _local(child) == "r":
            yield from _texts(child)
