"""What is printed, whatever its letters: no text of a file acts on the terminal, and no encoding fails."""

from __future__ import annotations

import codecs
import importlib
import io
import os
import sys
import unicodedata
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, TextIO

__all__ = ["brief", "clean", "lost", "progress_bar", "ready", "say"]

_LONGEST = 4_000  # letters of a line

_PLAIN = {
    "∂": "d", "∇": "grad ", "η": "eta", "σ": "sigma", "Σ": "sum ", "∑": "sum ", "½": "1/2", "²": "^2",
    "×": "x", "·": "*", "−": "-", "–": "-", "→": "->", "←": "<-", "≈": "~", "≤": "<=", "≥": ">=", "′": "'",
}  # fmt: skip


def clean(text: str) -> str:
    r"""The text on one line, with an escape for each character that would act on a terminal.

    Control characters, changes of the direction of writing, and halves of surrogate pairs are written as
    Python writes them; a line break, as any other white space, becomes a space.

    >>> clean("w1\x1b[2J\n RIGHT\u202e")
    'w1\\x1b[2J  RIGHT\\u202e'
    """
    return "".join(
        letter if letter.isprintable() else " " if letter.isspace() else ascii(letter)[1:-1]
        for letter in text[:_LONGEST]
    )


def brief(text: object, most: int = 60) -> str:
    """A text of the file, to be quoted in a line: without runs of spaces, and cut."""
    plain = " ".join(str(text)[: 4 * most].split())
    return plain if len(plain) <= most else plain[: most - 1] + "…"


def say(lines: Iterable[str], file: TextIO | None = None) -> None:
    """Print lines: what comes from a file reaches the terminal here, and only here."""
    for line in lines:
        print(clean(line), file=file)


# --- a bar -----------------------------------------------------------------------------------------


class _NoBar:
    """What stands for a bar that nobody would see."""

    def update(self) -> None: ...


@contextmanager
def progress_bar(total: int, unit: str, wanted: bool = True) -> Iterator[Any]:
    """A bar on which to call `update` after each of so many: if tqdm is installed and somebody looks."""
    tqdm: Any = None
    if wanted and sys.stderr is not None and sys.stderr.isatty():
        try:
            tqdm = importlib.import_module("tqdm.auto").tqdm
        except ImportError:  # the extra progress is not there
            tqdm = None
    if tqdm is None:
        yield _NoBar()
    else:
        with tqdm(total=total, unit=unit) as bar:
            yield bar


# --- streams -----------------------------------------------------------------------------------------


class _Patient(io.FileIO):
    """A stream whose reader may leave, as `head` does, or whose disk may be full: the work goes on."""

    failure: OSError | None = None

    def write(self, data: Any) -> int:
        try:
            return super().write(data)
        except BrokenPipeError:
            pass
        except OSError as error:
            self.failure = error
        return memoryview(data).nbytes


def _in_plain_letters(error: UnicodeError) -> tuple[str, int]:
    """For an encoding without them: ∂ as d, letters with accents without, all else as an escape."""
    assert isinstance(error, UnicodeEncodeError)
    found = []
    for letter in error.object[error.start : error.end]:
        plain = _PLAIN.get(letter) or unicodedata.normalize("NFKD", letter).encode("ascii", "ignore").decode()
        found.append(plain or ascii(letter)[1:-1])
    return "".join(found), error.end


def ready() -> None:
    """Make the standard streams take any text: also if they are closed, or a pipe, or not in UTF-8."""
    codecs.register_error("plain", _in_plain_letters)
    while (free := os.open(os.devnull, os.O_RDWR)) <= 2:  # else a file that is opened later becomes stdout
        continue
    os.close(free)
    for name, number in (("stdout", 1), ("stderr", 2)):
        stream = getattr(sys, name)
        if stream is not None and stream.isatty():
            stream.reconfigure(errors="plain")
            continue
        buffered = io.BufferedWriter(_Patient(number, "wb", closefd=False))
        encoding = "utf-8" if stream is None else stream.encoding
        setattr(sys, name, io.TextIOWrapper(buffered, encoding, "plain", line_buffering=number == 2))


def lost() -> OSError | None:
    """Why what was printed could not be written, if it could not."""
    sys.stdout.flush()
    raw = getattr(sys.stdout.buffer, "raw", None)
    return raw.failure if isinstance(raw, _Patient) else None
