"""Numbers as a student's program gives them, and whether they are the right ones.

Right code in another style gives other digits: float32, another order of summation, numbers that were
printed. How far those can carry is found by running the graph with every number moved a little.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import numpy as np

from ..engine.arguments import is_number
from .tape import Array, Change, Tape

__all__ = ["Noise", "Shown", "noise_of", "shown"]

_RUNS = 6  # with every number moved by chance
_SINGLE, _HALF = 6e-8, 5e-4  # half a unit in the last place of float32 and float16
_SAFETY = 8.0
_FINE = 1e-5  # of what single precision is allowed, for double precision
_OFF_A_KINK = 1e-30
_MOST_DECIMALS = 8  # numbers with more were not rounded by hand
_LEAST_DECIMALS = 3


@dataclass(frozen=True, eq=False)
class Noise:
    """How far rounding in single precision moves each node, and how far a step off the kinks."""

    data: Array
    adjoints: Array
    kinks_data: Array
    kinks_adjoints: Array


def noise_of(tape: Tape) -> Noise:
    chance = np.random.default_rng(0)
    right = tape.right
    found = []
    for by, off in ((_SINGLE, 0.0), (0.0, _OFF_A_KINK)):
        data, adjoints = np.zeros(len(right.data)), np.zeros(len(right.data))
        for _ in range(_RUNS):
            moved = tape.run(Change(), chance, by, off)
            data = np.fmax(data, np.abs(moved.data - right.data))
            adjoints = np.fmax(adjoints, np.abs(moved.adjoints - right.adjoints))
        found += [data, adjoints]
    return Noise(*found)


@dataclass(frozen=True, eq=False)
class Shown:
    """Numbers that were handed in.

    Attributes
    ----------
    numbers : as float64, in the shape in which they came.
    coarse : whether they are of single precision or less.
    rounding : half a unit of the last decimal, if they were rounded to some; else 0.
    decimals : how many decimals, if so.
    """

    numbers: Array
    coarse: float
    rounding: float = 0.0
    decimals: int = 0

    def turned(self, numbers: Array) -> Shown:
        return Shown(numbers, self.coarse, self.rounding, self.decimals)


def shown(given: Any) -> Shown | str:
    """What was handed in as numbers, or what it is instead, in words."""
    read = _read(given)
    if isinstance(read, str):
        return read
    kind = str(read.dtype)
    numbers = read.astype(np.float64)
    if not np.isfinite(numbers).all():
        return Shown(numbers, 1.0)
    if kind in ("float16", "bfloat16"):
        return Shown(numbers, _HALF / _SINGLE)
    decimals = _decimals(numbers)
    if decimals:
        return Shown(numbers, 1.0, 0.5000001 * 10.0**-decimals, decimals)
    with np.errstate(over="ignore"):
        single = kind == "float32" or bool((numbers.astype(np.float32) == numbers).all())
    return Shown(numbers, 1.0 if single else 0.0)


def _read(given: Any) -> Any:
    """An array of numbers; of Values their data, of torch's tensors the array; else words."""
    if given is None:
        return "None"
    for name in ("detach", "cpu", "numpy"):  # of a tensor
        if callable(getattr(given, name, None)) and type(given).__module__.startswith("torch"):
            given = getattr(given, name)()
    if not isinstance(given, np.ndarray) and not is_number(given):
        if hasattr(given, "data") and is_number(given.data):  # a Value of any engine
            return np.asarray(float(given.data))
        if not isinstance(given, (list, tuple)) and not hasattr(given, "__array__"):
            return f"{type(given).__name__} {given!r:.60}"
    try:
        array = np.asarray(given)
    except (ValueError, TypeError):
        return "a ragged list: its rows are not equally long"
    if array.dtype == object:
        data = [getattr(each, "data", each) for each in array.flat]
        if not all(map(is_number, data)):
            return f"an array of {type(next(each for each in data if not is_number(each))).__name__}"
        array = np.array([float(each) for each in data]).reshape(array.shape)
    if array.dtype.kind not in "fiub":
        return f"an array of {array.dtype}"
    return array


def _decimals(numbers: Array) -> int:
    """How many decimals the numbers were rounded to; 0 for numbers that were not."""
    exponents = [int(Decimal(repr(float(number))).normalize().as_tuple().exponent) for number in numbers.flat]
    most = max((-exponent for exponent in exponents), default=0)
    return most if _LEAST_DECIMALS <= most <= _MOST_DECIMALS else 0


def few_decimals(given: Shown, expected: Array) -> int:
    """To how many decimals the numbers are right, if they have too few to show a slip; else 0."""
    for decimals in range(1, _LEAST_DECIMALS):
        rounded = np.round(given.numbers, decimals) == given.numbers
        if rounded.all() and (np.abs(given.numbers - expected) <= 0.5000001 * 10.0**-decimals).all():
            return decimals if given.numbers.any() else 0
    return 0


def allowed(expected: Array, noise: Array, given: Shown, floor: float, fine: bool) -> Array:
    """How far each number may be off: for its own precision, or for single precision."""
    scale = float(np.abs(expected[np.isfinite(expected)]).max(initial=0.0))
    single = _SAFETY * noise + 1e-6 * scale
    if fine:
        single = single * (given.coarse or _FINE)
    return single * max(1.0, given.coarse) + given.rounding + floor
