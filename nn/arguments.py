"""Checks of numbers that users give, with errors that say what was given and what was expected."""

from __future__ import annotations

import math
import operator
from typing import Any

__all__ = ["require_count", "require_number"]


def require_count(name: str, value: Any) -> int:
    """`value` as an int of at least 1, numpy's integers included; an error that names it otherwise.

    >>> require_count("n_in", 2.0)
    Traceback (most recent call last):
        ...
    TypeError: n_in must be an integer, got float: 2.0
    """
    try:
        if isinstance(value, bool):
            raise TypeError
        count = operator.index(value)
    except TypeError:
        raise TypeError(f"{name} must be an integer, got {type(value).__name__}: {value!r:.60}") from None
    if count < 1:
        raise ValueError(f"{name} must be at least 1, got {count}")
    return count


def require_number(name: str, value: Any, least: float = -math.inf) -> float:
    """`value` as a finite float of at least `least`; an error that names it otherwise.

    >>> require_number("lr", -0.1, least=0.0)
    Traceback (most recent call last):
        ...
    ValueError: lr must be finite and at least 0, got -0.1
    """
    try:
        if isinstance(value, str):
            raise TypeError
        number = float(value)
    except TypeError:
        raise TypeError(f"{name} must be a number, got {type(value).__name__}: {value!r:.60}") from None
    if not (math.isfinite(number) and number >= least):
        bound = f" and at least {least:g}" if least > -math.inf else ""
        raise ValueError(f"{name} must be finite{bound}, got {value!r}")
    return number
