"""Options of a demo: a bad value gives one clear line and exit status 2, never a traceback."""

from __future__ import annotations

import argparse
import math
import re
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from autograd.terminal import OptionsError

__all__ = ["Options", "name", "numbers", "whole"]

Reader = Callable[[list[str]], Any]
"""Turns the words after a flag into its value; what an `OptionsError` says follows the flag's name."""


def numbers(count: int, above: float = -math.inf) -> Reader:
    """Reads `count` finite numbers, each greater than `above`, as a tuple."""

    def read(words: list[str]) -> tuple[float, ...]:
        found = " ".join(words).replace(",", " ").split()
        if len(found) != count:
            kind = "number" if count == 1 else "numbers"
            raise OptionsError(f"takes {count} {kind}, got {len(found)}: {_quoted(words)}")
        return tuple(map(number, found))

    def number(word: str) -> float:
        try:
            value = float(word) if "_" not in word else math.nan
        except ValueError:
            raise OptionsError(f"takes numbers, got {word!r:.60}") from None
        if not math.isfinite(value):
            raise OptionsError(f"takes finite numbers, got {word!r:.60}")
        if value <= above:
            raise OptionsError(f"must be greater than {above:g}, got {value:g}")
        return value

    return read


def whole(smallest: int, largest: int) -> Reader:
    """Reads one integer from `smallest` to `largest`."""

    def read(words: list[str]) -> int:
        word = " ".join(words).strip()
        if not re.fullmatch(r"[+-]?[0-9]+", word):
            raise OptionsError(f"takes a whole number, got {_quoted(words)}")
        if len(word) > 30 or not smallest <= int(word) <= largest:
            raise OptionsError(f"must be from {smallest} to {largest}, got {word:.40}")
        return int(word)

    return read


def name(kind: str) -> Reader:
    """Reads the name of one file or folder."""

    def read(words: list[str]) -> str:
        if len(words) != 1 or not words[0].strip() or "\0" in words[0]:
            raise OptionsError(f"takes the name of one {kind}, got {_quoted(words)}")
        return words[0]

    return read


def _quoted(words: Sequence[str]) -> str:
    return repr(" ".join(words).strip())[:80]


class Options(argparse.ArgumentParser):
    """argparse, without the usage text before each error and without guessing abbreviated options.

    Examples
    --------
    >>> options = Options("demo", "Shows how.")
    >>> options.value("--targets", numbers(2), default=(0.5, 0.5), help="t1 t2")
    >>> options.read([])["targets"], options.read(["--targets", "-1,", "2e-3"])["targets"]
    ((0.5, 0.5), (-1.0, 0.002))
    >>> options.read(["--targets", "1"])
    Traceback (most recent call last):
        ...
    autograd.terminal.OptionsError: --targets takes 2 numbers, got 1: '1'
    """

    def __init__(self, program: str, description: str) -> None:
        super().__init__(prog=program, description=description, allow_abbrev=False)
        self._values: dict[str, tuple[Reader, Any]] = {}

    def error(self, message: str) -> NoReturn:
        raise OptionsError(message)

    def value(self, flag: str, reader: Reader, *, help: str, default: Any = None, metavar: str = "X") -> None:
        """Add an option with a value; the help shows a default that is not None."""
        if default is not None:
            shown = " ".join(f"{value:g}" for value in default) if isinstance(default, tuple) else default
            help = f"{help} (default: {shown})"
        self._values[flag.lstrip("-")] = reader, default
        self.add_argument(flag, nargs="*", help=help, metavar=metavar)

    def switch(self, flag: str, *, help: str) -> None:
        """Add an option without a value; read as a bool."""
        self.add_argument(flag, action="store_true", help=help)

    def read(self, argv: Sequence[str]) -> dict[str, Any]:
        """The options by name, with their defaults.

        Raises
        ------
        OptionsError : naming the option, what it takes and what was given.
        """
        # argparse takes -1e-3 for an option; with a space in front it is a value.
        words = [f" {word}" if re.match(r"-(\d|\.|,|inf|nan)", word, re.I) else word for word in argv]
        found = vars(self.parse_args(words))
        for option, (reader, default) in self._values.items():
            try:
                found[option] = default if found[option] is None else reader(found[option])
            except OptionsError as error:
                raise OptionsError(f"--{option} {error}") from None
        return found
