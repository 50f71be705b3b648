"""Numbers of Python and its libraries, as a float or an int."""

from __future__ import annotations

import math
import operator
from numbers import Complex, Real
from typing import Any, SupportsFloat

import numpy as np

__all__ = ["Number", "integer", "is_number", "number"]

Number = SupportsFloat  # int, float, bool, Decimal, Fraction, and the scalars of numpy and torch


def number(data: Any, what: str = "Value") -> float:
    """`data` as a float; a `TypeError` or `ValueError` that names `what` if it is not one real number."""
    if is_number(data):
        try:
            return float(data)
        except OverflowError:
            raise ValueError(f"{what}: an integer of {_digits(data)} digits is beyond float64") from None
    shape = f" of shape {data.shape}" if isinstance(data, np.ndarray) else ""
    hint = " (a Value is a number already: use it, or its .data)" if hasattr(data, "_number") else ""
    raise TypeError(f"{what} takes a real number, got {type(data).__name__}{shape}: {data!r:.60}{hint}")


def is_number(data: Any) -> bool:
    """Whether `data` is one real number: Python's, numpy's, a Decimal or Fraction, an array without axes."""
    if type(data) in (float, int):
        return True
    dtype = getattr(data, "dtype", None)
    kind = getattr(dtype, "kind", "f")  # numpy has it, torch has not
    if kind not in "biuf" or getattr(dtype, "is_complex", False) or getattr(data, "shape", ()) != ():
        return False
    if getattr(data, "mask", False):  # numpy's float() of it is nan
        return False
    return isinstance(data, Real) or (
        hasattr(data, "__float__")
        and not hasattr(data, "_number")
        and not isinstance(data, (Complex, str, bytes))
    )


def integer(data: Any, what: str, least: int, most: int | None = None) -> int:
    """`data` as an int, Python's or numpy's and not a bool; a `ValueError` that names `what` otherwise."""
    try:
        whole = None if isinstance(data, (bool, np.bool_)) else operator.index(data)
    except TypeError:
        whole = None
    if whole is None or whole < least or (most is not None and whole > most):
        bounds = f"from {least} on" if most is None else f"from {least} to {most}"
        raise ValueError(f"{what} must be a whole number {bounds}, got {data!r:.60}")
    return whole


def _digits(whole: Any) -> int:
    """The number of digits of an integer; `str` refuses very long ones."""
    return int(math.log10(abs(whole))) + 1
