"""First names as tokens: 26 letters, and one token for both edges of a name."""

from __future__ import annotations

import random
from collections.abc import Sequence
from importlib.resources import files
from importlib.util import find_spec

from autograd import MissingExtraError

__all__ = ["EDGE", "LETTERS", "SYMBOLS", "read", "spelled", "tokens_of"]

LETTERS = "abcdefghijklmnopqrstuvwxyz"
EDGE = len(LETTERS)  # before the first letter and after the last
SYMBOLS = f"{LETTERS}·"
LONGEST = 15  # letters: with an edge they fill a block of 16
SHARE = 0.1  # of the names that are held out


def read(kind: str, seed: int) -> tuple[list[str], list[str]]:
    """The distinct first names of the census of 1990, shuffled: those to learn from, and the held-out ones.

    Parameters
    ----------
    kind : "female", "male", or "" for both.

    Raises
    ------
    MissingExtraError : without the package `names`.
    """
    if find_spec("names") is None:
        raise MissingExtraError("the demo gpt", "names", "demos")
    lists = [
        files("names").joinpath(f"dist.{each}.first") for each in ("female", "male") if kind in ("", each)
    ]
    lines = [line for each in lists for line in each.read_text(encoding="ascii").splitlines()]
    found = sorted({line.split()[0].lower() for line in lines})
    found = [name for name in found if len(name) <= LONGEST and set(name) <= set(LETTERS)]
    random.Random(seed).shuffle(found)
    held_out = round(SHARE * len(found))
    return found[held_out:], found[:held_out]


def tokens_of(name: str) -> list[int]:
    """
    >>> tokens_of("ada")
    [26, 0, 3, 0, 26]
    """
    return [EDGE, *map(LETTERS.index, name), EDGE]


def spelled(tokens: Sequence[int]) -> str:
    """The letters of tokens, without the edges."""
    return "".join(LETTERS[token] for token in tokens if token != EDGE)
