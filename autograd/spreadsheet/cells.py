"""Sheets as people save them, read cell by cell: .xlsx workbooks and .csv files of any dialect.

A cell has its value, the text that is seen, and in a workbook its formula too. Whatever cannot be
read is a `SheetError`, whose message says what the file is and what to do. Files come from strangers: what
they may hold is counted while they are read (see `LIMITS`), and nothing in them is taken on trust.
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
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from pathlib import Path, PurePosixPath
from xml.parsers import expat

__all__ = [
    "COLUMNS", "IN_A_FORMULA", "LIMITS", "ROWS", "SAVE_AS", "TOKEN", "Book", "Cell", "Element", "Limits",
    "Parts", "Place", "Sheet", "SheetError", "archive_of", "corners", "letters", "moved", "open_workbook",
    "place_of", "put", "read_number", "read_text", "reference", "whole",
]  # fmt: skip

Place = tuple[int, int]  # row and column, both counted from 1 as in A1

LIMITS = {
    "bytes": 20_000_000,
    "parts": 5_000,
    "sheets": 100,
    "names of its own": 10_000,
    "bytes when unpacked": 64_000_000,
    "XML tags": 2_200_000,
    "cells": 330_000,
    "letters of text": 4_000_000,
    "letters of formulas": 32_000_000,
    "different texts": 20_000,
    "merged areas": 10_000,
    "hidden columns": 100_000,
    "formulas that were never calculated": 170_000,
    "letters of such formulas": 8_000_000,
    "cells that such formulas read": 2_000_000,
    "steps to repair formulas": 3_000_000,
    "headers": 2_000,
    "tables": 24,
    "rows of tables": 12_000,
    "formulas tried to find slips": 50_000,
    "numbers beside their names": 300,
    "numbers stated in texts": 5_000,
}
"""The most that is read of one file, all its sheets together: the assignment takes seconds."""

OF_A_CLASS = {
    "files": 20_000,
    "folders within each other": 20,
    "archives within each other": 4,
    "bytes of an archive": 500_000_000,
    "bytes when unpacked": 1_000_000_000,
    "sheets": 2_000,
}
"""The most that is read of what a class has handed in. Of each sheet that is in it: see `LIMITS`."""

ROWS, COLUMNS = 1_048_576, 16_384  # of a sheet, in every spreadsheet program
_IN_A_CELL = 32_767  # letters, likewise
IN_A_FORMULA = 8_192
_IN_A_NUMBER = 400  # letters: the smallest number written out has 340
_AT_ONCE = 1_000_000  # bytes of one line or one tag, which are in memory whole
_DEEP = 100  # elements within each other


class SheetError(ValueError):
    """A file that cannot be read as a sheet; the message says what to do."""


class Limits:
    """What may still be read of a file, and the advice for one that has more."""

    def __init__(
        self,
        file: str,
        most: Mapping[str, int] = LIMITS,
        advice: str = "keep the first thousand rows of the table in a file of their own",
    ) -> None:
        self.file, self.most, self.left, self._advice = file, most, dict(most), advice
        self._seen: set[str] = set()

    def take(self, what: str, number: int = 1) -> None:
        """Count; a SheetError if there is more of it than the limits say."""
        if not self.has(what, number):
            raise SheetError(
                f"{self.file} has more than {self.most[what]:,} {what}, the most that is read here: "
                f"{self._advice}"
            )

    def has(self, what: str, number: int = 1) -> bool:
        """Count, and say whether there was so much left."""
        self.left[what] -= number
        return self.left[what] >= 0

    def text(self, text: str) -> None:
        """Count a text in a cell: each may be a name, and is looked at as one."""
        self.take("letters of text", len(text))
        if text not in self._seen:
            self.take("different texts")
            self._seen.add(text)


@dataclass(slots=True)
class Cell:
    """What stands in a cell."""

    value: float | str | None  # an error such as #DIV/0! is a text; None: it was never calculated
    text: str = ""  # the number as printed, which tells how far it was rounded
    formula: str = ""  # with its equals sign; for one shared with other cells see `Sheet.formula`


@dataclass
class Sheet:
    """One sheet: its cells by place."""

    name: str
    cells: dict[Place, Cell] = field(default_factory=dict)
    merged: list[tuple[Place, Place]] = field(default_factory=list)  # areas whose cells are one
    hidden_columns: set[int] = field(default_factory=set)
    hidden_rows: set[int] = field(default_factory=set)
    hidden: bool = False
    computed: int = 0  # formulas that nobody had calculated, whose numbers were computed here
    shared: dict[Place, Place] = field(default_factory=dict)  # where the formula of a cell is written out
    limits: Limits = field(default_factory=lambda: Limits("the sheet"))

    def formula(self, place: Place) -> str:
        """The formula of the cell with its own references; ``""`` for none."""
        cell = self.cells.get(place)
        if cell is None:
            return ""
        first = self.shared.get(place, place)
        if first == place or first not in self.cells:
            return cell.formula
        return moved(self.cells[first].formula, place[0] - first[0], place[1] - first[1])

    def transposed(self) -> Sheet:
        """The sheet with rows for columns. Its cells are the same: their formulas stay as they are."""

        return replace(
            self,
            cells={place[::-1]: cell for place, cell in self.cells.items()},
            merged=[(first[::-1], last[::-1]) for first, last in self.merged],
            hidden_columns=self.hidden_rows,
            hidden_rows=self.hidden_columns,
        )


@dataclass
class Book:
    """A file with its sheets; those of an .xlsx are read when they are asked for."""

    path: Path
    kind: str  # xlsx, ods, xls or csv
    names: list[str]
    limits: Limits
    others: list[str] = field(default_factory=list)  # no sheets of cells, such as a chart that fills one
    defined: Mapping[str, str] = field(default_factory=dict)  # a name for cells, and its reference
    _sheets: dict[str, Sheet] = field(default_factory=dict)
    _archive: _Workbook | None = None

    def sheet(self, name: str) -> Sheet:
        """The sheet of that name; a SheetError if it is damaged or too large."""
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


_COLUMN = re.compile("[A-Z]{1,3}")
_CELL = re.compile(r"(\$?)([A-Z]{1,3})(\$?)([0-9]{1,7})")


@cache
def column_of(name: str) -> int:
    """The number of a column, given its letters."""
    number = 0
    if _COLUMN.fullmatch(name):
        for letter in name:
            number = 26 * number + ord(letter) - 64
    if not 1 <= number <= COLUMNS:
        raise ValueError(f"{name!r:.60} is not the name of a column")
    return number


def place_of(name: str) -> Place:
    """The place of a cell, given its name."""
    match = _CELL.fullmatch(name)
    if match is None or not 1 <= int(match[4]) <= ROWS:
        raise ValueError(f"{name!r:.60} is not the name of a cell")
    return int(match[4]), column_of(match[2])


# One token of a formula. Whatever it is, some alternative takes it, and in one step over its letters: a quote
# that is not closed is taken up to the end, for with each quote a new beginning the time would be quadratic.
TOKEN = re.compile(
    r"""(?P<space>\s++)
    |(?P<text>"(?:[^"]|"")*+")
    |(?P<cells>(?P<sheet>'(?:[^']|'')++'!|[^\W\d][\w.]*+!)?
        \$?[A-Za-z]{1,3}\$?[0-9]{1,7}(?::\$?[A-Za-z]{1,3}\$?[0-9]{1,7})?(?![\w.(!]))
    |(?P<number>(?:[0-9]++(?:\.[0-9]*+)?|\.[0-9]++)(?:[eE][+-]?[0-9]++)?)
    |(?P<error>\#(?:NULL!|DIV/0!|VALUE!|REF!|NAME\?|NUM!|N/A))
    |(?P<function>[^\W\d][\w.]*+\()
    |(?P<name>[^\W\d][\w.]*+)
    |(?P<operator><=|>=|<>|[-+*/^&=<>%(),;])
    |(?P<other>"(?:[^"]|"")*+|'(?:[^']|'')*+'?|.)""",
    re.VERBOSE | re.DOTALL,
)


def corners(token: re.Match[str]) -> list[str]:
    """The names of the first and the last cell of a reference, or of its only one."""
    return token["cells"].removeprefix(token["sheet"] or "").upper().split(":")


def moved(formula: str, down: int, across: int) -> str:
    """The formula as it is so many rows further down and columns further right, when it is filled there.

    References come out in capitals, also if nothing moves.

    >>> moved("=A$1*SUM(B2:C3)+LOG10(2)", 2, 1)
    '=B$1*SUM(C4:D5)+LOG10(2)'
    >>> moved("=B2", -2, 0)
    '=#REF!'
    """

    def shifted(name: str) -> str:
        match = _CELL.fullmatch(name)
        assert match is not None
        row, column = place_of(name)
        row += 0 if match[3] else down
        column += 0 if match[1] else across
        if not (1 <= row <= ROWS and 1 <= column <= COLUMNS):
            raise ValueError(f"{name} would leave the sheet")
        return f"{match[1]}{letters(column)}{match[3]}{row}"

    def put(token: re.Match[str]) -> str:
        if not token["cells"]:
            return token[0]
        try:
            return (token["sheet"] or "") + ":".join(map(shifted, corners(token)))
        except ValueError:
            return "#REF!"

    return TOKEN.sub(put, formula) if len(formula) <= IN_A_FORMULA else formula


_NUMBER = re.compile(
    r"([+-]?)((?:\d+(?:[.,]\d*)*|[.,]\d+))(?:\s*(?:e|×10\^|\*10\^|x10\^)([+-]?\d+))?(%?)", re.I
)
_PLAIN = re.compile(r"-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?", re.ASCII)  # most of them, and fast
_STORED = re.compile(r"\s*[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?\s*", re.ASCII)  # in a workbook
_IN_BETWEEN = re.compile("[ \xa0\u202f'’]")
_MARK = re.compile("[.,]")


def read_number(text: str) -> float | None:
    """The number that a text prints, with a decimal point or a decimal comma; None if it prints none.

    >>> read_number("0.15"), read_number("1,5E-05"), read_number("−2 %"), read_number("w1")
    (0.15, 1.5e-05, -0.02, None)
    """
    if len(text) <= _IN_A_NUMBER and _PLAIN.fullmatch(text):
        return _finite(text)
    plain = _IN_BETWEEN.sub("", text.strip()).replace("−", "-").replace("–", "-")
    match = _NUMBER.fullmatch(plain)
    if match is None:
        return None
    if len(plain) > _IN_A_NUMBER:
        raise SheetError(
            f"the number {plain:.20}… has {len(plain):,} letters: at most {_IN_A_NUMBER} are read"
        )
    sign, digits, exponent, percent = match.groups()
    marks = [mark for mark in digits if mark in ".,"]
    if len(marks) > 1:  # the last one is the decimal mark, unless it is repeated: 1.234,5 and 1,234,567
        last = digits.rfind(marks[-1])
        if marks.count(marks[-1]) > 1:
            digits = digits.replace(".", "").replace(",", "")
        else:
            digits = _MARK.sub("", digits[:last]) + "." + digits[last + 1 :]
    return _finite(f"{sign}{digits.replace(',', '.')}e{exponent or 0}", 100.0 if percent else 1.0)


def _finite(text: str, divisor: float = 1.0) -> float | None:
    number = float(text) / divisor
    return number if math.isfinite(number) else None


SAVE_AS = "open it in a spreadsheet program and save it as .xlsx"


def put(sheet: Sheet, place: Place, cell: Cell) -> None:
    """Add a cell, and count it."""
    if not (1 <= place[0] <= ROWS and 1 <= place[1] <= COLUMNS):
        raise SheetError(f"{sheet.limits.file} has more than {ROWS:,} rows or {COLUMNS:,} columns")
    if place in sheet.cells:
        raise ValueError(f"the cell {reference(place)} is there twice")
    sheet.limits.take("cells")
    sheet.limits.take("letters of formulas", len(cell.formula))
    if isinstance(cell.value, str):
        if len(cell.value) > _IN_A_CELL:
            raise SheetError(f"{sheet.limits.file} has more than {_IN_A_CELL:,} letters in one cell")
        sheet.limits.text(cell.value)
    sheet.cells[place] = cell


# --- text files ------------------------------------------------------------------------------------

_SEPARATOR = re.compile(r'"?sep=([,;|:\t])"?\s*', re.IGNORECASE)
_FORMULA = re.compile(r"=\s*+[^=\s]")


def read_text(name: str, data: bytes, limits: Limits) -> Sheet:
    """A .csv file of any dialect as a sheet."""
    encoding = _encoding(name, data)
    stream = io.TextIOWrapper(io.BytesIO(data), encoding, newline="")
    head = stream.read(100_000)
    stated = _SEPARATOR.fullmatch(head.splitlines()[0])
    delimiter = stated[1] if stated else _delimiter(head)
    stream.seek(0)
    sheet = Sheet(name, limits=limits)
    length = 0  # of the line of the table, which may have line breaks in its cells

    def lines() -> Iterator[str]:
        nonlocal length
        while line := stream.readline(_AT_ONCE):
            length += len(line)
            if length >= _AT_ONCE:
                raise SheetError(f"{name} has more than {_AT_ONCE:,} letters in one line: {SAVE_AS}")
            yield line

    try:
        for row, words in enumerate(csv.reader(lines(), delimiter=delimiter, strict=True), 1):
            length = 0
            if row == 1 and stated:
                continue
            for column, word in enumerate(words, 1):
                word = word.strip()
                if word:
                    number = None if word[0] == "=" else read_number(word)
                    formula = word if word[0] == "=" and _FORMULA.match(word) else ""
                    value = number if number is not None else None if formula else word
                    put(sheet, (row, column), Cell(value, word, formula))
    except SheetError:
        raise
    except (csv.Error, ValueError) as error:
        raise SheetError(
            f"{name} is not a table in text form ({error}): save the sheet as .csv again"
        ) from None
    return sheet


def _encoding(name: str, data: bytes) -> str:
    """How the text is written: by its byte order mark, else by what fits."""
    first, second = data[:200:2].count(0), data[1:200:2].count(0)  # zeros in the halves of UTF-16
    encodings = ["utf-8-sig", "cp1252", "latin-1"]
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        encodings = ["utf-16"]
    elif abs(first - second) > 10:
        encodings = ["utf-16-le" if second > first else "utf-16-be"]
    elif b"\0" in data:
        raise SheetError(f"{name} is not a text file: {SAVE_AS}, or as .csv")
    for encoding in encodings:
        with suppress(UnicodeDecodeError):
            data.decode(encoding)
            return encoding
    raise SheetError(f"{name} breaks off in the middle of a character: save it as .csv again, in UTF-8")


def _delimiter(head: str) -> str:
    """What separates the cells: that by which most of them are numbers, then by which there are most."""
    lines = head.splitlines()[:200]

    def score(delimiter: str) -> tuple[int, int]:
        try:
            cells = [word for words in csv.reader(lines, delimiter=delimiter) for word in words]
            return sum(read_number(word) is not None for word in cells), len(cells)
        except (csv.Error, SheetError):
            return 0, 0

    return max((",", ";", "\t", "|"), key=score)


# --- workbooks -------------------------------------------------------------------------------------

# The file is read here, and not by openpyxl, which gives either values or formulas (so it reads
# everything twice, and ten times slower), gives up on a workbook for a style that it does not know, and keeps
# whatever a file makes it keep.

# What the readers of archives and of XML raise on damaged ones.
_BROKEN = (
    zipfile.BadZipFile, zlib.error, struct.error, expat.ExpatError,
    EOFError, LookupError, ValueError, RuntimeError, OSError,
)  # fmt: skip


@contextmanager
def whole(path: Path) -> Iterator[None]:
    """Say of a file that cannot be read in here that it is damaged."""
    try:
        yield
    except SheetError:
        raise
    except _BROKEN as error:
        detail = " ".join(str(error).split()) or type(error).__name__
        raise SheetError(
            f"{path.name} is damaged or only part of it is there ({detail:.80}): "
            "get it again, or open it in a spreadsheet program and save it again"
        ) from error


def archive_of(path: Path, data: bytes, limits: Limits) -> zipfile.ZipFile:
    """The archive that a workbook is, with no more parts than are read."""
    limits.take("parts", data.count(b"PK\1\2"))  # before there is an object for each
    with whole(path):
        return zipfile.ZipFile(io.BytesIO(data))


def open_workbook(path: Path, archive: zipfile.ZipFile, limits: Limits) -> Book:
    """The .xlsx workbook in an archive."""
    with whole(path):
        parts = _Workbook(path, archive, limits)
    return Book(path, "xlsx", list(parts.parts), limits, parts.others, parts.defined, _archive=parts)


# An element of a part when it begins and, with its text, when it ends: its tag without the namespace, of
# which there is one for each flavour of the format, and its attributes.
Element = tuple[str, dict[str, str], str | None]


class Parts:
    """The parts of an archive of XML. The text of an `inline` element, and its end, joins its parent's."""

    def __init__(
        self, path: Path, archive: zipfile.ZipFile, limits: Limits, inline: Mapping[str, str] | None = None
    ) -> None:
        self.path, self.archive, self.limits, self._inline = path, archive, limits, inline or {}
        self.require_once("part", archive.namelist())

    def require_once(self, what: str, names: list[str]) -> None:
        """Refuse two parts of one name, capitals aside: programs may take either."""
        seen: set[str] = set()
        for name in names:
            if name.casefold() in seen:
                raise SheetError(
                    f"{self.path.name} has two {what}s of the name {name!r:.60}: rename one of them, or open "
                    "it in a spreadsheet program and save it again"
                )
            seen.add(name.casefold())

    def elements(self, part: str) -> Iterator[Element]:
        """The elements of a part, each twice: as it begins and as it ends."""
        found: list[Element] = []
        within: list[tuple[str, dict[str, str]]] = []
        texts: list[str] = []

        def begin(name: str, attributes: dict[str, str]) -> None:
            tag = name.rpartition(":")[2]
            if texts and texts[-1] and within[-1][0] not in self._inline:
                if texts[-1].isspace():  # what makes lines and indents in a part is no text
                    texts[-1] = ""
                elif not self._inline:
                    raise ValueError(f"text beside an element: {texts[-1]:.20}")
            found.append((tag, attributes, None))
            within.append((tag, attributes))
            texts.append("")
            if len(within) > _DEEP:
                raise SheetError(f"{self.path.name} has more than {_DEEP} XML elements within each other")

        def end(name: str) -> None:
            tag, attributes = within.pop()
            text = texts.pop()
            if tag in self._inline:
                data(text + self._inline[tag])
            elif tag != "t" or within[-1][0] != "rPh":  # how the text is read aloud
                found.append((tag, attributes, text))

        def data(text: str) -> None:
            texts[-1] += text
            if len(texts[-1]) > _IN_A_CELL:
                raise SheetError(f"{self.path.name} has more than {_IN_A_CELL:,} letters in one cell")

        def refuse(*_: object) -> None:
            raise SheetError(
                f"{self.path.name} declares a document type, which no spreadsheet has: {SAVE_AS}"
            )

        parser = expat.ParserCreate()
        parser.buffer_text = True
        parser.StartElementHandler, parser.EndElementHandler = begin, end
        parser.CharacterDataHandler, parser.StartDoctypeDeclHandler = data, refuse
        if self.archive.getinfo(part).compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise ValueError("a compression that no spreadsheet program uses")  # nor unpacks in steps
        with self.archive.open(part) as stream:
            fed = 0
            while piece := stream.read(1 << 16):
                self.limits.take("bytes when unpacked", len(piece))
                fed += len(piece)
                parser.Parse(piece)
                self.limits.take("XML tags", len(found))
                if fed - parser.CurrentByteIndex > _AT_ONCE:
                    raise SheetError(f"{self.path.name} has more than {_AT_ONCE:,} bytes in one XML tag")
                yield from found
                found.clear()
            parser.Parse(b"", True)
            yield from found


class _Workbook(Parts):
    """The parts of an .xlsx workbook."""

    def __init__(self, path: Path, archive: zipfile.ZipFile, limits: Limits) -> None:
        super().__init__(path, archive, limits)
        held = archive.namelist()
        if any(name.endswith("workbook.bin") for name in held):
            raise SheetError(f"{path.name} is in the .xlsb format: {SAVE_AS}")
        if any(name.startswith("Index/") for name in held):
            raise SheetError(f"{path.name} is a Numbers file: export it as .xlsx")
        if "[Content_Types].xml" not in held and "_rels/.rels" not in held:
            raise SheetError(
                f"{path.name} is an archive, but not an .xlsx workbook: unpack it and give the file in it"
            )
        kinds = dict(self._related("").values())
        main = kinds.get("officeDocument", "xl/workbook.xml")
        related = self._related(main)
        self.parts: dict[str, tuple[str, bool]] = {}  # of each sheet its part, and whether it is hidden
        self.defined: dict[str, str] = {}
        self.others: list[str] = []
        names = []
        elements = self.elements(main)
        if next(elements)[0] != "workbook":
            raise SheetError(f"{path.name} is not a workbook: {SAVE_AS}")
        for tag, attributes, text in elements:
            name = attributes.get("name", "")
            if tag == "sheet" and text is not None:
                self.limits.take("sheets")
                names.append(name)
                kind, target = related[_reference_of(attributes)]
                if kind == "worksheet":
                    self.parts[name] = target, attributes.get("state", "visible") != "visible"
                else:
                    self.others.append(name)
            elif tag == "definedName" and text:
                self.limits.take("names of its own")
                self.defined[name.casefold()] = text
        self.require_once("sheet", names)
        if not self.parts:
            raise SheetError(f"{path.name} has no sheet with cells")
        self._strings = dict(related.values()).get("sharedStrings", "")

    def _related(self, part: str) -> dict[str, tuple[str, str]]:
        """The parts that a part refers to: by identifier the kind and the name."""
        folder, name = PurePosixPath(part).parent, PurePosixPath(part).name
        list_of_parts = str(folder / "_rels" / f"{name}.rels")
        if list_of_parts not in self.archive.namelist():
            return {}
        found = {}
        for tag, attributes, text in self.elements(list_of_parts):
            if tag == "Relationship" and text is not None:
                self.limits.take("parts")
                target = attributes.get("Target", "")
                full = target[1:] if target.startswith("/") else str(folder / target)
                found[attributes.get("Id", "")] = attributes.get("Type", "").rsplit("/", 1)[-1], full
        return found

    @cached_property
    def strings(self) -> list[str]:
        """The texts that cells refer to by number."""
        found: list[str] = []
        runs: list[str] = []  # the pieces of a text, which may be formatted differently
        for tag, _, text in self.elements(self._strings) if self._strings else ():
            if text is None:
                continue
            if tag == "t":
                runs.append(text)
            elif tag == "si":
                self.limits.take("letters of text", sum(map(len, runs)))
                found.append("".join(runs))
                runs.clear()
        return found

    def sheet(self, name: str) -> Sheet:
        with whole(self.path):
            return self._read(name, *self.parts[name])

    def _read(self, name: str, part: str, hidden: bool) -> Sheet:
        sheet = Sheet(name, hidden=hidden, limits=self.limits)
        masters: dict[str, Place] = {}
        place = 0, 0
        for tag, attributes, text in self.elements(part):
            if tag == "c" and text is None:
                named = attributes.get("r")
                place = place_of(named) if named else (place[0], place[1] + 1)
                data = formula = ""
            elif tag == "c":
                self._add(sheet, place, attributes.get("t", "n"), data, formula)
            elif tag == "row" and text is None:
                place = int(attributes.get("r") or place[0] + 1), 0
                if attributes.get("hidden") in ("1", "true"):
                    sheet.hidden_rows.add(place[0])
            elif text is None:
                continue
            elif tag in ("v", "t"):
                data += text
            elif tag == "f":
                formula = self._formula(sheet, place, attributes, text, masters)
            elif tag == "mergeCell":
                self.limits.take("merged areas")
                begin, _, end = attributes.get("ref", "").partition(":")
                sheet.merged.append((place_of(begin), place_of(end or begin)))
            elif tag == "col" and attributes.get("hidden") in ("1", "true"):
                first, last = (int(attributes.get(name, "1")) for name in ("min", "max"))
                columns = range(max(first, 1), min(last, COLUMNS) + 1)
                self.limits.take("hidden columns", len(columns))
                sheet.hidden_columns.update(columns)
        return sheet

    def _add(self, sheet: Sheet, place: Place, kind: str, data: str, formula: str) -> None:
        if kind == "s" and data:
            if not 0 <= int(data) < len(self.strings):
                raise ValueError(f"there is no text {data}")
            data = self.strings[int(data)]
        value: float | str | None = data.strip() or None
        shown = data.strip()
        if data and kind in ("n", ""):
            if not _STORED.fullmatch(data):
                raise ValueError(f"{data:.40} is no number")
            number = float(data)
            value, shown = number if math.isfinite(number) else data, repr(number)
        elif data and kind == "b":
            value, shown = "TRUE" if data == "1" else "FALSE", data
        elif shown and kind != "e" and (written := read_number(data)) is not None:
            value = written  # a number that is kept as text
        if value is not None or (formula and not data):
            put(sheet, place, Cell(value, shown, formula))

    def _formula(
        self, sheet: Sheet, place: Place, attributes: dict[str, str], text: str, masters: dict[str, Place]
    ) -> str:
        group = attributes.get("si")
        if attributes.get("t") != "shared" or not group:
            return f"={text}" if text else ""
        if text:
            masters[group] = place
            return f"={text}"
        if group not in masters:
            return f"=the shared formula {group}, which is nowhere written out"
        sheet.shared[place] = masters[group]
        return "="  # see Sheet.formula


def _reference_of(attributes: Mapping[str, str]) -> str:
    """By what identifier a sheet refers to its part; the attribute's namespace may have any prefix."""
    return next((value for name, value in attributes.items() if name.rpartition(":")[2] == "id"), "")
