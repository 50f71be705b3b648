"""Options of a demo: a bad value gives one clear line and exit status 2, never a traceback."""

from __future__ import annotations

import argparse
import math
import re
import sys
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from autograd.terminal import say

__all__ = ["Options", "OptionsError", "fail"]


class OptionsError(ValueError):
    """A value that an option does not take; the message is the line that the user sees."""


def fail(program: str, message: object) -> int:
    """Say on one line of stderr what is wrong; returns the exit status."""
    say([f"{program}: error: {' '.join(str(message).split())}"], sys.stderr)
    return 2


class _Parser(argparse.ArgumentParser):
    """argparse, without the usage text before each error and without guessing abbreviated options."""

    def error(self, message: str) -> NoReturn:
        raise OptionsError(message)


class Options:
    """Options whose values are numbers, separated by spaces or commas.

    Examples
    --------
    >>> options = Options("demo", "Shows how.")
    >>> options.numbers("--targets", count=2, default=(0.5, 0.5), help="what is wanted")
    >>> options.parse([])["targets"], options.parse(["--targets", "-1,", "2e-3"])["targets"]
    ((0.5, 0.5), (-1.0, 0.002))
    >>> options.parse(["--targets", "1"])
    Traceback (most recent call last):
        ...
    demos.shared.options.OptionsError: --targets takes 2 numbers, got 1: '1'
    """

    def __init__(self, program: str, description: str) -> None:
        self._parser = _Parser(prog=program, description=description, allow_abbrev=False)
        self._readers: dict[str, Callable[[list[str]], Any]] = {}
        self._defaults: dict[str, Any] = {}

    def numbers(
        self,
        flag: str,
        *,
        count: int,
        default: tuple[float, ...] | None,
        help: str,
        above: float = -math.inf,
    ) -> None:
        """An option of `count` finite numbers, each greater than `above`; read as a tuple."""

        def read(words: list[str]) -> tuple[float, ...]:
            found = " ".join(words).replace(",", " ").split()
            if len(found) != count:
                raise OptionsError(f"{flag} takes {_counted(count)}, got {len(found)}: {_quoted(words)}")
            values = tuple(_number(flag, word) for word in found)
            for value in values:
                if value <= above:
                    raise OptionsError(f"{flag} must be greater than {above:g}, got {value:g}")
            return values

        self._add(flag, read, default=default, help=help, metavar="X")

    def whole(self, flag: str, *, default: int | None, smallest: int, largest: int, help: str) -> None:
        """An option of one integer from `smallest` to `largest`."""

        def read(words: list[str]) -> int:
            word = " ".join(words).strip()
            if not re.fullmatch(r"[+-]?[0-9]+", word):
                raise OptionsError(f"{flag} takes a whole number, got {_quoted(words)}")
            if len(word) > 30 or not smallest <= int(word) <= largest:
                raise OptionsError(f"{flag} must be from {smallest} to {largest}, got {word:.40}")
            return int(word)

        self._add(flag, read, default=default, help=help, metavar="N")

    def folder(self, flag: str, *, default: str, help: str) -> None:
        """An option that names a folder."""
        self._named(flag, "folder", default, help)

    def file(self, flag: str, *, help: str) -> None:
        """An option that names a file, and is not needed."""
        self._named(flag, "file", None, help)

    def _named(self, flag: str, what: str, default: str | None, help: str) -> None:

        def read(words: list[str]) -> str:
            if len(words) != 1 or not words[0].strip() or "\0" in words[0]:
                raise OptionsError(f"{flag} takes the name of one {what}, got {_quoted(words)}")
            return words[0]

        self._add(flag, read, default=default, help=help, metavar=what.upper())

    def switch(self, flag: str, *, help: str) -> None:
        """An option that is given or not, and takes no value; read as a bool."""
        name = flag.lstrip("-")
        self._readers[name] = lambda words: True
        self._defaults[name] = False
        self._parser.add_argument(flag, action="store_const", const=[], default=argparse.SUPPRESS, help=help)

    def _add(
        self, flag: str, read: Callable[[list[str]], Any], *, default: Any, help: str, metavar: str
    ) -> None:
        name = flag.lstrip("-")
        self._readers[name] = read
        self._defaults[name] = default
        if default is not None:
            shown = " ".join(f"{value:g}" for value in default) if isinstance(default, tuple) else default
            help = f"{help} (default: {shown})"
        self._parser.add_argument(flag, nargs="*", default=argparse.SUPPRESS, help=help, metavar=metavar)

    def parse(self, argv: Sequence[str]) -> dict[str, Any]:
        """The options by name, with their defaults.

        Raises
        ------
        OptionsError : naming the option, what it takes and what was given.
        """
        # argparse takes -1e-3 for an option; with a space in front it is a value.
        words = [
            f" {word}" if re.match(r"-(\d|\.|,|inf|nan)", word, re.IGNORECASE) else word for word in argv
        ]
        found = vars(self._parser.parse_args(words))
        return {
            name: read(found[name]) if name in found else self._defaults[name]
            for name, read in self._readers.items()
        }


def _number(flag: str, word: str) -> float:
    try:
        value = float(word) if "_" not in word else math.nan
    except ValueError:
        raise OptionsError(f"{flag} takes numbers, got {word!r:.60}") from None
    if not math.isfinite(value):
        raise OptionsError(f"{flag} takes finite numbers, got {word!r:.60}")
    return value


def _counted(count: int) -> str:
    return f"{count} number" + ("" if count == 1 else "s")


def _quoted(words: Sequence[str]) -> str:
    return repr(" ".join(words).strip())[:80]
