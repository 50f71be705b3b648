"""Rows of arrays at computed indices, and their transpose: `TakeRows` and `AddRows` on arrays."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...engine.numerics import places_in
from ..ir.index_maps import rows_at

__all__ = ["add_rows", "places", "take_rows"]


def places(index: Any, length: int, starts: Any) -> Any:
    """The rows of indices (m,) or (m, B), in that shape; an index out of range raises as `place_in` does."""
    found = places_in(index, length)
    return found + (starts if found.ndim == 1 else starts[:, None])


def take_rows(table: Any, places: Any, out: Any) -> None:
    """The rows of a table (R, n) or (R, n, B), into (m, n) or (m, n, B)."""
    if places.ndim == 1:
        np.take(table, places, axis=0, out=out, mode="clip")
    else:
        out[...] = rows_at(table, places)


def add_rows(x: Any, places: Any, out: Any) -> None:
    """Rows (m, n, B), or (m, n, 1) for all examples, added up in (R, n), or in (R, n, B) by example."""
    n = out.shape[1]
    target = places.reshape(len(places), 1, -1) * n + np.arange(n)[:, None]
    if out.ndim == 3:
        B = out.shape[2]
        target = target * B + np.arange(B)
    weights = np.broadcast_to(x, target.shape).reshape(-1)
    out[...] = np.bincount(target.reshape(-1), weights, out.size).reshape(out.shape)
