"""The sheets of a class in a folder or an archive, and their students.

Files have the names that learning platforms give them. Archives are read into memory, within limits, and
never unpacked to the disk, so no name in them leads anywhere.
"""

from __future__ import annotations

import functools
import io
import os
import re
import stat
import unicodedata
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from ...terminal import clean
from ..cells import LIMITS, OF_A_CLASS, Limits, SheetError

__all__ = ["Submission", "handed_in", "is_class"]

_SHEETS = (".xlsx", ".xlsm", ".xlsb", ".xls", ".ods", ".fods", ".csv", ".tsv", ".numbers")
_ADVICE = "give a part of the class at a time"
_LINK = "it is a link, which is not followed: put the file itself there"
_NOT_HANDED_IN = re.compile(
    r"__MACOSX|\..*|~\$.*|.*#|Thumbs\.db|desktop\.ini|(?:onlinetext|index|submissions?)\.html?", re.IGNORECASE
)
"""Files that programs leave in folders: macOS, offices with an open file, platforms."""


@dataclass(frozen=True)
class Submission:
    """A file that was handed in.

    Attributes
    ----------
    path : its place in the folder or archive, with ``/`` within archives too.
    student, number : its owner as the platform says: a name, and an id.
    read : gives its bytes, or raises a SheetError.
    reason : why it is not checked; ``""`` for a sheet.
    """

    path: str
    student: str
    number: str
    read: Callable[[], bytes]
    reason: str = ""

    @property
    def name(self) -> str:
        return self.path.rsplit("/", 1)[-1]


@dataclass(frozen=True)
class _File:
    """A file of an unknown student."""

    parts: tuple[str, ...]
    read: Callable[[], bytes]
    reason: str = ""
    workbook: bool = False  # whatever its name

    @property
    def is_sheet(self) -> bool:
        """Whether it has an entry of its own: a sheet, readable or not."""
        return self.workbook or bool(self.reason) or self.parts[-1].lower().endswith(_SHEETS)


def is_class(path: Path) -> bool:
    """Whether it is a folder, or a .zip that is no workbook."""
    if path.suffix.lower() != ".zip" or not os.path.isfile(path):
        return os.path.isdir(path)  # False, and no error, for an impossible name
    try:
        with zipfile.ZipFile(path) as archive:
            return not _is_workbook(archive)
    except _BROKEN:
        return True  # its entry gives the reason


def handed_in(path: Path) -> list[Submission]:
    """The sheets in a folder or an archive by name, and a file of each student without a sheet.

    Raises
    ------
    SheetError : if it cannot be read, or passes a limit.
    """
    limits = Limits(path.name, OF_A_CLASS, _ADVICE)
    files = list(_folder(path, limits) if path.is_dir() else _archive_file(path, limits))
    files.sort(key=lambda file: [part.casefold() for part in file.parts])
    files = _within_one_folder(files)
    found: list[Submission] = []
    others: dict[tuple[str, str], list[tuple[str, ...]]] = {}
    canvas = _is_canvas(files)
    for file in files:
        whose = _whose(file.parts, canvas)
        if file.is_sheet:
            limits.take("sheets")
            found.append(Submission("/".join(file.parts), *whose, file.read, file.reason))
        else:
            others.setdefault(whose, []).append(file.parts)
    with_sheets = {(each.student, each.number) for each in found}
    for whose, paths in others.items():
        if whose not in with_sheets:
            names = ", ".join(parts[-1] for parts in paths[:5])
            reason = f"there is no sheet, only {names}" + (" and others" if len(paths) > 5 else "")
            found.append(Submission("/".join(paths[0]), *whose, bytes, reason))
    return found


# --- files -----------------------------------------------------------------------------------------


def _folder(path: Path, limits: Limits) -> Iterator[_File]:
    """The files below a folder. Links are not followed."""
    pending: list[tuple[Path, tuple[str, ...]]] = [(path, ())]
    while pending:
        folder, parts = pending.pop()
        if len(parts) > OF_A_CLASS["folders within each other"]:
            raise SheetError(
                f"{path.name} has more than {len(parts) - 1} folders within each other: {_ADVICE}"
            )
        try:
            entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
        except OSError as error:
            raise SheetError(f"cannot read the folder {folder}: {error.strerror}") from None
        for entry in entries:
            if _NOT_HANDED_IN.fullmatch(entry.name):
                continue
            limits.take("files")
            inside = (*parts, clean(entry.name))
            if entry.is_symlink():
                yield _File(inside, bytes, _LINK)
            elif entry.is_dir():
                pending.append((folder / entry.name, inside))
            elif entry.name.lower().endswith(".zip"):
                yield from _opened(folder / entry.name, inside, limits)
            else:
                yield _File(inside, functools.partial(_bytes, folder / entry.name))


def _bytes(path: Path) -> bytes:
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise SheetError(f"{path.name} is a pipe or a device: save the sheet as a file")
        with path.open("rb") as file:
            return file.read(LIMITS["bytes"] + 1)
    except OSError as error:
        raise SheetError(f"cannot read {path.name}: {error.strerror}") from None


def _archive_file(path: Path, limits: Limits) -> Iterator[_File]:
    if not path.exists():
        raise SheetError(f"there is no file or folder {path}")
    files = list(_opened(path, (), limits))
    if len(files) == 1 and files[0].parts == ():  # the archive itself
        raise SheetError(f"{path.name}: {files[0].reason}")
    yield from files


def _opened(path: Path, parts: tuple[str, ...], limits: Limits) -> Iterator[_File]:
    """The files of an archive on the disk, or itself with the reason why it cannot be read."""
    try:
        data = path.read_bytes() if path.stat().st_size <= OF_A_CLASS["bytes of an archive"] else None
    except OSError as error:
        yield _File(parts, bytes, f"it cannot be read: {error.strerror}")
        return
    if data is None:
        limits.take("bytes of an archive", OF_A_CLASS["bytes of an archive"] + 1)
    yield from _unpacked(data or b"", parts, limits, 1)


_BROKEN = (
    zipfile.BadZipFile, zlib.error, EOFError, ValueError, RuntimeError, OSError,
    LookupError,
)  # fmt: skip


def _unpacked(data: bytes, parts: tuple[str, ...], limits: Limits, deep: int) -> Iterator[_File]:
    """The files of an archive; a damaged archive is a file with that reason."""
    if deep > OF_A_CLASS["archives within each other"]:
        yield _File(parts, bytes, f"it is more than {deep - 1} archives deep: {_ADVICE}")
        return
    limits.take("files", data.count(b"PK\1\2"))  # before there is an object for each
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            if _is_workbook(archive):
                yield _File(parts, lambda: data, workbook=True)
                return
            infos = archive.infolist()
            for info in infos:
                inside = (*parts, *_parts_of(info))
                if info.is_dir() or not inside or any(map(_NOT_HANDED_IN.fullmatch, inside)):
                    continue
                if stat.S_ISLNK(info.external_attr >> 16):
                    yield _File(inside, bytes, _LINK)
                elif info.flag_bits & 1:
                    yield _File(inside, bytes, "it is in an archive with a password: unpack it first")
                elif inside[-1].lower().endswith((".zip", *_SHEETS)):
                    nested = inside[-1].lower().endswith(".zip")
                    most = OF_A_CLASS["bytes of an archive"] if nested else LIMITS["bytes"]
                    yield from _member(archive, info, inside, limits, most, deep)
                else:
                    yield _File(inside, bytes)
    except SheetError:
        raise
    except _BROKEN as error:
        yield _File(parts, bytes, f"the archive is damaged ({_said(error)}): get it again")


def _member(
    archive: zipfile.ZipFile,
    info: zipfile.ZipInfo,
    inside: tuple[str, ...],
    limits: Limits,
    most: int,
    deep: int,
) -> Iterator[_File]:
    """A file in an archive, read up to its limit, whatever length the archive states."""
    try:
        with archive.open(info) as stream:
            pieces, length = [], 0
            while length <= most and (piece := stream.read(1 << 20)):
                limits.take("bytes when unpacked", len(piece))
                pieces.append(piece)
                length += len(piece)
    except SheetError:
        raise
    except _BROKEN as error:
        yield _File(inside, bytes, f"it is damaged in its archive ({_said(error)})")
        return
    data = b"".join(pieces)
    if inside[-1].lower().endswith(".zip"):
        yield from _unpacked(data, inside, limits, deep + 1)
    else:
        yield _File(inside, lambda: data)


def _said(error: Exception) -> str:
    return f"{str(error) or type(error).__name__:.80}"


def _is_workbook(archive: zipfile.ZipFile) -> bool:
    held = set(archive.namelist())
    return "[Content_Types].xml" in held or {"mimetype", "content.xml"} <= held


def _parts_of(info: zipfile.ZipInfo) -> tuple[str, ...]:
    """The name of a file in an archive, in UTF-8, declared or not, or in cp437, without `..` and its like."""
    name = info.filename
    if not info.flag_bits & 0x800:
        with suppress(UnicodeError):  # it was cp437, or the archive had the name a second time in Unicode
            name = name.encode("cp437").decode("utf-8")
    parts = unicodedata.normalize("NFC", name).replace("\\", "/").split("/")
    return tuple(clean(part) for part in parts if part not in ("", ".", ".."))


# --- their students --------------------------------------------------------------------------------

_MOODLE = re.compile(r"(?P<name>.+?)_(?P<number>\d+)_assignsubmission_\w+?_?")
_MOODLE_FILE = re.compile(r"(?P<name>.+?)_(?P<number>\d+)_assignsubmission_[a-z]+_.*")
_BLACKBOARD = re.compile(r".+_(?P<name>[^_]+)_attempt_\d{4}(?:-\d\d){5}(?:_.*|\..*)")
_BRIGHTSPACE = re.compile(r"\d+-\d+ - (?P<name>.+?) - .+")
_SAKAI = re.compile(r"(?P<name>[^()]+,[^()]+)\((?P<number>[^()]+)\)")
_FOLDERS = (_MOODLE, _MOODLE_FILE, _BRIGHTSPACE, _SAKAI)
_FILES = (_MOODLE_FILE, _BLACKBOARD, _BRIGHTSPACE)
_CANVAS = re.compile(r"(?P<name>[^\W_]+)(?:_LATE)?_(?P<number>\d{2,})_(?:\d+_)?.+", re.IGNORECASE)


def _within_one_folder(files: list[_File]) -> list[_File]:
    """Without the folder of the class that holds them all."""
    while (
        len(files) > 1
        and len({file.parts[:1] for file in files}) == 1
        and all(len(file.parts) > 1 for file in files)
        and not any(pattern.fullmatch(files[0].parts[0]) for pattern in _FOLDERS)
    ):
        files = [replace(file, parts=file.parts[1:]) for file in files]
    return files


def _is_canvas(files: Sequence[_File]) -> bool:
    """Whether files and archives in no folder begin with the names and ids of students.

    They do if there are several names, or one file: the week of week_12_ada.xlsx and week_12_alan.xlsx is no
    student.
    """
    names = [file.parts[0] for file in files if _stands_alone(file.parts)]
    starts = {match["name"] for match in map(_CANVAS.fullmatch, names) if match}
    return len(starts) > 1 or len(set(names)) == 1


def _stands_alone(parts: Sequence[str]) -> bool:
    """Whether it, or its archive, lies in no folder."""
    return len(parts) == 1 or parts[0].lower().endswith(".zip")


def _whose(parts: tuple[str, ...], canvas: bool) -> tuple[str, str]:
    """The student's name and id, by the names that platforms give folders and files."""
    for part in parts[:-1]:
        for pattern in _FOLDERS:
            if match := pattern.fullmatch(part):
                return _named(match)
    handed_in = next((part for part in parts if part.lower().endswith(".zip")), parts[-1])
    for pattern in _FILES:
        if match := pattern.fullmatch(parts[-1]) or pattern.fullmatch(handed_in):
            return _named(match)
    if not _stands_alone(parts):
        return parts[0], ""
    match = _CANVAS.fullmatch(parts[0]) if canvas else None
    return _named(match) if match else (parts[0].rpartition(".")[0] or parts[0], "")


def _named(match: re.Match[str]) -> tuple[str, str]:
    return " ".join(match["name"].split()), match.groupdict().get("number") or ""
