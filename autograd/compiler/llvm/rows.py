"""Tables (B, n) in memory from and to n vectors, with an example in each lane.

Eight rows at once: up to four columns by shuffles of all their numbers, more by 8 x 8 transpositions. Nothing
outside of the eight rows is read or written.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .builder import Builder

__all__ = ["columns", "write_columns"]

_FEW = 4  # columns up to which one shuffle of all numbers takes least
_EIGHT = 8  # rows at once


def columns(code: Builder, base: Any, width: int) -> list[Any]:
    """The columns of a table (8, width) at a pointer, a vector of eight for each."""
    if width <= _FEW:
        table = code.load(base, 0, _EIGHT * width)
        return [code.chosen(table, table, [width * k + i for k in range(_EIGHT)]) for i in range(width)]
    found: list[Any] = []
    for first in _tiles(width, _FEW):
        halves = [code.load(base, width * k + first, _FEW) for k in range(_EIGHT)]
        found[first:] = code.transposed([_joined(code, halves[k::_FEW]) for k in range(_FEW)])
    return found


def write_columns(code: Builder, values: Sequence[Any], base: Any, width: int, start: Any = 0) -> None:
    """Write columns, vectors of eight, into a table (8, width) at a pointer, from column `start` on."""
    count = len(values)
    if count == width <= _FEW:
        together = _joined(code, values)
        order = [_EIGHT * i + k for k in range(_EIGHT) for i in range(width)]
        code.store(code.chosen(together, together, order), base, 0, _EIGHT * width)
    elif count >= _EIGHT:
        for first in _tiles(count):
            for k, row in enumerate(code.transposed(values[first : first + _EIGHT])):
                code.store(row, base, code.plus(start, width * k + first), _EIGHT)
    elif count == width:  # each row but the last one reaches into the next one, which is written after it
        *rows, before, last = code.transposed([*values, *values[: _EIGHT - width]])
        order = [*range(2 * width - _EIGHT, width), *range(_EIGHT, _EIGHT + width)]
        for k, row in enumerate([*rows, before]):
            code.store(row, base, width * k, _EIGHT)
        code.store(code.chosen(before, last, order), base, _EIGHT * (width - 1), _EIGHT)
    else:
        for i, value in enumerate(values):
            for k in range(_EIGHT):
                code.store(code.lane(value, k), base, code.plus(start, width * k + i))


def _tiles(width: int, size: int = _EIGHT) -> list[int]:
    """The first column of each tile; the last tile overlaps the one before, if need be."""
    return [min(first, max(width - size, 0)) for first in range(0, width, size)]


def _joined(code: Builder, vectors: Sequence[Any]) -> Any:
    """The concatenation of vectors; the last one is repeated up to a power of two."""
    vectors = list(vectors)
    while len(vectors) > 1:
        vectors += vectors[-1:] * (len(vectors) % 2)
        size = 2 * vectors[0].type.count
        vectors = [code.chosen(a, b, range(size)) for a, b in zip(vectors[::2], vectors[1::2])]
    return vectors[0]
