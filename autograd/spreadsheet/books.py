"""A file as a workbook: what it is, told by what is in it, and read by who reads that."""

from __future__ import annotations

import stat
from pathlib import Path

from .binary import open_old
from .cells import LIMITS, SAVE_AS, Book, Limits, SheetError, archive_of, open_workbook, read_text
from .opendocument import open_document

__all__ = ["book_of", "open_book"]

_OLD = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"  # how Microsoft's compound files begin


def open_book(path: Path) -> Book:
    """The workbook or the .csv file at that path, told by its content; a SheetError if it cannot be read."""
    limits = Limits(path.name)
    return book_of(path, _bytes(path, limits), limits)


def book_of(path: Path, data: bytes, limits: Limits) -> Book:
    """The same for the bytes of a file, counted by the limits already."""
    if not data.strip(b"\0 \t\r\n\xef\xbb\xbf"):
        raise SheetError(f"{path.name} is empty: save the sheet again")
    if data.startswith(_OLD):
        if "EncryptedPackage".encode("utf-16-le") in data:
            raise SheetError(
                f"{path.name} is protected by a password: open it, remove the password and save it again"
            )
        return open_old(path, data, limits)
    _refuse_others(path, data)
    if data[:2] == b"PK":
        archive = archive_of(path, data, limits)
        held = archive.namelist()
        of = open_document if "mimetype" in held or "content.xml" in held else open_workbook
        return of(path, archive, limits)
    if path.suffix.lower() in (".xlsx", ".xlsm", ".ods", ".xls"):
        kind = path.suffix.lower()
        raise SheetError(
            f"{path.name} is no {kind} file, whatever its name says, or it is damaged: {SAVE_AS}"
        )
    sheet = read_text(path.name, data, limits)
    return Book(path, "csv", [sheet.name], limits, _sheets={sheet.name: sheet})


def _bytes(path: Path, limits: Limits) -> bytes:
    """What is in the file, which must be one: a pipe may never end, and a device need not."""
    try:
        kind = path.stat()
        if stat.S_ISDIR(kind.st_mode):
            raise SheetError(f"{path} is a folder: give the name of a sheet in it")
        if not stat.S_ISREG(kind.st_mode):
            raise SheetError(f"{path} is a pipe or a device: save the sheet as a file and give its name")
        limits.take("bytes", kind.st_size)
        with path.open("rb") as file:
            data = file.read(LIMITS["bytes"] + 1)  # what the system makes up has no size
        limits.take("bytes", len(data) - kind.st_size)
        return data
    except FileNotFoundError:
        raise SheetError(f"there is no file {path}") from None
    except SheetError:
        raise
    except (OSError, ValueError) as error:
        raise SheetError(f"cannot read {path}: {getattr(error, 'strerror', None) or error}") from None


_CHECKED = "what can be checked is the .xlsx or .csv file itself"
_REFUSED = {
    **dict.fromkeys((b"<html", b"<!doctype html", b"<table"), f"is a web page: {SAVE_AS}"),
    b"<?xml": f"is XML, not an .xlsx workbook: {SAVE_AS}",
    b"%pdf": f"is a PDF: {_CHECKED}",
    **dict.fromkeys((b"\x89png", b"\xff\xd8\xff"), f"is a picture: {_CHECKED}"),
}  # by how a file begins, in small letters, what it is and what to do


def _refuse_others(path: Path, data: bytes) -> None:
    """Say what a file is that is something else than a workbook or a text."""
    head = data[:4096].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    what = next((what for begin, what in _REFUSED.items() if head.startswith(begin)), "")
    if head.startswith(b"{") and b'"cells"' in data:
        what = f"is a notebook: {_CHECKED}"
    if what:
        raise SheetError(f"{path.name} {what}")
