"""The students of a class, from a list of any dialect, and which of them a submission belongs to."""

from __future__ import annotations

import itertools
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ..books import open_book
from ..cells import SheetError

__all__ = ["Student", "match_of", "read_students", "slugs"]

_FIELDS = {
    "name": r"(?:full ?)?names?|students?|student ?name|display ?name",
    "first": r"(?:first|given) ?names?|forename|vornamen?|prénom|nombre",
    "last": r"(?:last|family|sur) ?names?|nachnamen?|familienname|nom|apellidos?",
    "number": r"(?:student|sis|sis user|user|matric(?:ulation)?)? ?(?:id(?: number)?|number|no\.?|#)"
    r"|matrikelnummer|user ?name|login|sid",
    "email": r"e-?mail(?: address)?|mail",
}
_PATTERNS = {name: re.compile(pattern) for name, pattern in _FIELDS.items()}


@dataclass(frozen=True)
class Student:
    """A student of a list: a name (first name first, if known), an id, and individual numbers by name."""

    name: str
    number: str = ""
    email: str = ""
    first: str = ""
    last: str = ""
    numbers: Mapping[str, float] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """The id or name, from which the student's numbers follow."""
        return self.number or self.name


def read_students(path: Path, names: Iterable[str] = ()) -> list[Student]:
    """The students in a .csv file or a workbook: a column of names, or several columns with headings.

    Parameters
    ----------
    path : the list, with headings such as name, first name, last name, id, email.
    names : the quantities whose numbers may have columns of their own.

    Raises
    ------
    SheetError : if it cannot be read, has no names, or has a student twice.
    """
    book = open_book(path)
    cells = book.sheet(book.names[0]).cells
    rows: dict[int, dict[int, str]] = {}
    for (row, column), cell in sorted(cells.items()):
        text = f"{cell.value:.17g}" if isinstance(cell.value, float) and not cell.text else cell.text
        rows.setdefault(row, {})[column] = str(text).strip()
    lines = list(rows.values())
    wanted = set(names)
    columns: dict[str, int] = {}
    for column, heading in (lines[0] if lines else {}).items():
        plain = heading.casefold().replace("_", " ").strip()
        part = next((part for part, pattern in _PATTERNS.items() if pattern.fullmatch(plain)), None)
        part = heading if heading in wanted else part
        if part:
            columns.setdefault(part, column)
    if {"name", "first", "last", "number", "email"}.isdisjoint(columns):
        columns = {"name": min((column for line in lines for column in line), default=1)}
    else:
        lines = lines[1:]
    found = [_student(line, columns, wanted, path) for line in lines if any(line.values())]
    found = [each for each in found if each.key]
    if not found:
        raise SheetError(f"{path.name} has no students: a name in each row, below headings or without")
    keys = Counter(each.key.casefold() for each in found)
    for each in reversed(found):
        if keys[each.key.casefold()] > 1:
            raise SheetError(
                f"{path.name} has {each.key!r:.60} twice: give each a number of its own, in a column id"
            )
    return found


def _student(line: Mapping[int, str], columns: Mapping[str, int], wanted: set[str], path: Path) -> Student:
    def text(part: str) -> str:
        word = line.get(columns.get(part, 0), "").removeprefix("'")
        return word.removesuffix(".0") if part == "number" else word

    first, last, name = text("first"), text("last"), text("name")
    if not name:
        name = f"{first} {last}".strip()
    elif not last and name.count(",") == 1:
        last, first = (part.strip() for part in name.split(","))
        name = f"{first} {last}"
    elif not last and not first:
        first, _, last = name.rpartition(" ")
    numbers = {}
    for each in wanted & columns.keys():
        try:
            numbers[each] = float(line.get(columns[each], ""))
        except ValueError:
            raise SheetError(f"{path.name}: {each} of {name!r:.60} is no number") from None
    return Student(
        name or text("number") or text("email"), text("number"), text("email"), first, last, numbers
    )


def match_of(students: Sequence[Student], name: str, number: str) -> Student | None:
    """The one student with that id or that name, in any order of its parts; else None."""
    if number:
        same = [each for each in students if number in (each.number, each.email)]
        if len(same) == 1:
            return same[0]
    wanted = _forms(name)
    for known in (_identifiers, lambda each: _forms(each.name)):
        same = [each for each in students if not wanted.isdisjoint(known(each))]
        if len(same) == 1:
            return same[0]
    return None


def _identifiers(student: Student) -> set[str]:
    texts = (student.number, student.email, student.email.partition("@")[0])
    return {plain for text in texts if (plain := _plain(text))}


def _forms(name: str) -> set[str]:
    """A name as platforms write it: its words in any order, run together."""
    words = [plain for word in re.split(r"[\s,._-]+", name) if (plain := _plain(word))]
    if len(words) > 4:
        return {"".join(words), "".join(sorted(words))}
    return {"".join(order) for order in itertools.permutations(words)}


def _plain(text: str) -> str:
    """Small letters and digits, without accents."""
    bare = unicodedata.normalize("NFKD", text.casefold().replace("ß", "ss"))
    return "".join(letter for letter in bare if letter.isalnum())


def slugs(names: Iterable[tuple[str, str]]) -> list[str]:
    """Distinct names of folders in plain letters, one for each student's name and id.

    >>> slugs([("Ada Lovelace", "12"), ("Ada Lovelace", "12"), ("../Żółć", ""), ("李", "")])
    ['ada-lovelace-12', 'ada-lovelace-12-2', 'zolc', 'student']
    """
    found: list[str] = []
    for name, number in names:
        text = unicodedata.normalize(
            "NFKD", f"{name} {number}".casefold().replace("ł", "l").replace("ß", "ss")
        )
        words = re.findall(r"[a-z0-9]+", text.encode("ascii", "ignore").decode())
        plain = "-".join(words)[:60] or "student"
        counts = (f"{plain}-{count}" if count > 1 else plain for count in itertools.count(1))
        found.append(next(each for each in counts if each not in found))
    return found
