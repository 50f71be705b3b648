"""Numbers as a student's program gives them, and how near to the right ones they must be.

Right code in another style gives other digits: float32, another order of summation, printed numbers. Runs of
the graph with every number moved a little tell how far these carry.
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
_FINE = 1e-5  # double precision's share of the tolerance for single precision
_OFF_A_KINK = 1e-30
_MOST_DECIMALS = 8  # numbers with more were not rounded by hand
_LEAST_DECIMALS = 3


@dataclass(frozen=True, eq=False)
class Noise:
    """How far each node moves when the numbers of a graph do."""

    data: Array
    adjoints: Array


def noise_of(tape: Tape) -> tuple[Noise, Noise]:
    """The noise of rounding in single precision, and of a step off the kinks."""
    chance, found = np.random.default_rng(0), []
    for by, off in ((_SINGLE, 0.0), (0.0, _OFF_A_KINK)):
        moved = [tape.run(Change(), chance, by, off) for _ in range(_RUNS)]
        data = np.fmax.reduce([np.abs(each.data - tape.right.data) for each in moved], initial=0.0)
        adjoints = np.fmax.reduce(
            [np.abs(each.adjoints - tape.right.adjoints) for each in moved], initial=0.0
        )
        found.append(Noise(data, adjoints))
    return found[0], found[1]


@dataclass(frozen=True, eq=False)
class Shown:
    """Numbers that were handed in.

    Attributes
    ----------
    numbers : as float64, in the shape in which they came.
    coarse : their precision in units of float32's, 0 for float64.
    rounding : half a unit of the last decimal for rounded numbers, else 0.
    decimals : the number of decimals of rounded numbers.
    """

    numbers: Array
    coarse: float
    rounding: float = 0.0
    decimals: int = 0


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
    """An array of numbers, from Values and tensors too; for anything else words."""
    if given is None:
        return "None"
    for name in ("detach", "cpu", "numpy"):  # of a tensor
        if callable(getattr(given, name, None)) and type(given).__module__.startswith("torch"):
            given = getattr(given, name)()
    if not isinstance(given, np.ndarray) and not is_number(given):
        if is_number(getattr(given, "data", None)):  # a Value of any engine
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
    """The number of decimals of rounded numbers; 0 for others."""
    exponents = [int(Decimal(repr(float(number))).normalize().as_tuple().exponent) for number in numbers.flat]
    most = max((-exponent for exponent in exponents), default=0)
    return most if _LEAST_DECIMALS <= most <= _MOST_DECIMALS else 0


def few_decimals(given: Shown, expected: Array) -> int:
    """The number of right decimals, if too few to show a slip; else 0."""
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
