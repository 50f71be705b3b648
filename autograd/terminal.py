"""Options and output of commands: no text of a file acts on the terminal, and no encoding fails."""

from __future__ import annotations

import argparse
import codecs
import importlib
import io
import math
import os
import sys
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, NoReturn, TextIO

__all__ = [
    "OptionParser",
    "OptionsError",
    "above_zero",
    "brief",
    "clean",
    "lost",
    "progress_bar",
    "ready",
    "refused",
    "say",
    "whole",
]

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
    """A text of a file on one line, without runs of spaces, and cut."""
    plain = " ".join(str(text)[: 4 * most].split())
    return plain if len(plain) <= most else plain[: most - 1] + "…"


def say(lines: Iterable[str], file: TextIO | None = None) -> None:
    """Print lines. Text from files reaches the terminal here, and only here."""
    for line in lines:
        print(clean(line), file=file)


# --- options ---------------------------------------------------------------------------------------


class OptionsError(ValueError):
    """A value that an option does not take; the message is the line that the user sees."""


class OptionParser(argparse.ArgumentParser):
    """argparse with errors of one line, without guessed options, and with negative numbers as values."""

    def __init__(self, **facts: Any) -> None:
        super().__init__(allow_abbrev=False, **facts)

    def error(self, message: str) -> NoReturn:
        raise OptionsError(f"{message}; try --help")

    def read(self, words: Sequence[str]) -> Any:
        """The options as a namespace."""
        if any("\0" in word for word in words):
            raise OptionsError("an option has the NUL character in it, which is in no name of a file")
        return self.parse_args(
            [f" {word}" if word[:1] == "-" and word[1:2].isdigit() else word for word in words]
        )


def above_zero(word: str) -> float:
    number = float(word)
    if not 0.0 < number < math.inf:
        raise ValueError
    return number


above_zero.__name__ = "number above 0"  # argparse shows it in errors


def whole(smallest: int, largest: int) -> Callable[[str], int]:
    """A reader of whole numbers in a range."""

    def number(word: str) -> int:
        if len(word) > 9 or not smallest <= int(word) <= largest:
            raise ValueError
        return int(word)

    number.__name__ = f"whole number from {smallest} to {largest:,}"
    return number


def refused(program: str, error: object) -> int:
    """Say on one line of stderr why a command cannot work; returns the exit status 2."""
    say([f"{program}: error: {' '.join(str(error).split())}"], sys.stderr)
    return 2


# --- a bar -----------------------------------------------------------------------------------------


class _NoBar:
    def update(self) -> None: ...


@contextmanager
def progress_bar(total: int, unit: str, wanted: bool = True) -> Iterator[Any]:
    """A bar with `update`, shown on a terminal if tqdm is installed."""
    tqdm: Any = None
    if wanted and sys.stderr is not None and sys.stderr.isatty():
        with suppress(ImportError):  # the extra progress is not there
            tqdm = importlib.import_module("tqdm.auto").tqdm
    if tqdm is None:
        yield _NoBar()
    else:
        with tqdm(total=total, unit=unit) as bar:
            yield bar


# --- streams -----------------------------------------------------------------------------------------


class _Patient(io.FileIO):
    """A stream that goes on when its reader leaves, as `head` does, or its disk is full."""

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
    """Letters that an encoding lacks: ∂ as d, accents dropped, all else as an escape."""
    assert isinstance(error, UnicodeEncodeError)
    found = []
    for letter in error.object[error.start : error.end]:
        plain = _PLAIN.get(letter) or unicodedata.normalize("NFKD", letter).encode("ascii", "ignore").decode()
        found.append(plain or ascii(letter)[1:-1])
    return "".join(found), error.end


def ready() -> None:
    """Make the standard streams take any text, also closed ones, pipes, and other encodings than UTF-8."""
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
    """Why the output could not be written, if it could not."""
    sys.stdout.flush()
    raw = getattr(sys.stdout.buffer, "raw", None)
    return raw.failure if isinstance(raw, _Patient) else None
