"""Row numbers of terms: how they lie in the rows of another."""

from __future__ import annotations

from typing import Any

import numpy as np

from .nodes import Indices, Shape, Term

__all__ = ["affine", "distinct", "tiles"]


def affine(index: Indices) -> tuple[int, Shape] | None:
    """(start, steps) if the rows lie evenly spaced along each axis, otherwise None."""
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


def distinct(index: Indices) -> bool:
    """Whether no row is named twice."""
    return index.size == 0 or int(np.bincount(index.reshape(-1)).max()) == 1


def tiles(term: Term) -> bool:
    """Whether each row of a "put" comes from exactly one piece."""
    every = np.concatenate([index.reshape(-1) for index in term.index] or [np.zeros(0, np.intp)])
    return len(every) == term.size and distinct(every)
