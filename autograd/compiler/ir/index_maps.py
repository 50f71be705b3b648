"""Index maps: the arrays of row numbers of gathers and scatter-adds."""

from __future__ import annotations

from typing import Any

import numpy as np

from .nodes import Indices, Node, ScatterAdd, Shape

__all__ = ["broadcast_rows", "is_contiguous", "is_injective", "is_partition", "rows_at", "strides_of"]


def strides_of(index: Indices) -> tuple[int, Shape] | None:
    """(start, steps) if the rows are evenly spaced along each axis, otherwise None."""
    if index.size == 0:
        return None
    start = int(index.flat[0])
    steps = tuple(
        int(index.take([1], axis).flat[0]) - start if index.shape[axis] > 1 else 1
        for axis in range(index.ndim)
    )
    grid: Any = start
    for axis, (length, step) in enumerate(zip(index.shape, steps)):
        grid = grid + np.arange(length).reshape((-1,) + (1,) * (index.ndim - 1 - axis)) * step
    return (start, steps) if np.array_equal(grid, index) else None


def is_contiguous(index: Indices) -> bool:
    """Whether the rows are evenly spaced, and consecutive along the last axis."""
    spaced = strides_of(index)
    return spaced is not None and spaced[1][-1] == 1


def broadcast_rows(arg: Node, shape: Shape) -> Indices:
    """The row of a node for each row of a shape that it broadcasts to, along one axis."""
    return np.broadcast_to(np.arange(arg.size).reshape(arg.shape), shape).reshape(-1)


def is_injective(index: Indices) -> bool:
    """Whether no row occurs twice."""
    return index.size == 0 or int(np.bincount(index.reshape(-1)).max()) == 1


def is_partition(node: ScatterAdd) -> bool:
    """Whether each row of a scatter-add comes from exactly one piece."""
    every = np.concatenate([index.reshape(-1) for index in node.indices] or [np.zeros(0, np.intp)])
    return len(every) == node.size and is_injective(every)


def rows_at(table: Any, places: Any) -> Any:
    """The rows of a table (R, n) or (R, n, B) at places (m,), or (m, B) by example."""
    if places.ndim == 1:
        return table[places]
    if table.ndim == 2:
        return table[places].transpose(0, 2, 1)
    n, B = table.shape[1:]
    return table[places[:, None, :], np.arange(n)[:, None], np.arange(B)]
