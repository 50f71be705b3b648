"""What Python does with a `Value` as with a number: it goes by the data, and nothing is recorded.

Whoever asked for it is told of each such reading, see `readings`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .arguments import is_number
from .node import current
from .readings import told

__all__ = ["compared", "read"]


def read(value: Any, reading: str) -> float:
    """The number, for Python to decide or to compute with."""
    if current.unusual:
        told(value, reading, but_of=())
    return float(value._number)


def compared(compare: Callable[[Any, Any], bool], sign: str, value: Any, other: Any) -> bool:
    if current.unusual:
        told(value, f"{{0}} {sign} {{1}}", other, but_of=())
    if hasattr(other, "_number"):
        return compare(value._number, other._number)
    try:
        return compare(value._number, other)
    except TypeError:
        if is_number(other):
            return compare(value._number, float(other))
        raise TypeError(
            f"a Value is compared with real numbers and Values, got {type(other).__name__}: {other!r:.60}"
        ) from None
