"""Float tricks for rules whose obvious form loses digits: rounding errors are computed and put back.

Most are written in arithmetic and primitives, so they run on floats, `Value`s and arrays alike.
"""

from __future__ import annotations

import decimal
import functools
import math
import operator
import sys
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

WIDE = decimal.Context(prec=40, Emin=decimal.MIN_EMIN, Emax=decimal.MAX_EMAX, traps=[])
LARGEST = sys.float_info.max
NEAR = 1e-290, 1e290  # between them a factor is far from overflow and from the subnormal numbers


def difference(a: Any, b: Any) -> tuple[Any, Any]:
    """a − b, and its rounding error (Knuth 1997, section 4.2.2, theorem B)."""
    y = a - b
    seen = y - a
    return y, (a - (y - seen)) - (b + seen)


def halves(x: Any) -> tuple[Any, Any]:
    """x as the sum of two numbers of 26 bits, products of which are exact (Dekker 1971)."""
    wide = 134217729.0 * x  # by 2²⁷ + 1
    high = wide - (wide - x)
    return high, x - high


def product(a: Any, b: Any) -> tuple[Any, Any]:
    """a b, and its rounding error, for products below 10²⁹⁰."""
    y, (a_high, a_low), (b_high, b_low) = a * b, halves(a), halves(b)
    return y, ((a_high * b_high - y) + (a_high * b_low + a_low * b_high)) + a_low * b_low


def inner_product(weights: Sequence[float], inputs: Sequence[float], bias: float = 0.0) -> float:
    """Σ wᵢ xᵢ + b, added from left to right, the bias last."""
    # Not builtins.sum: since Python 3.12 it compensates, and the array form does not.
    return functools.reduce(operator.add, map(operator.mul, weights, inputs), 0.0) + bias


def rectified(x: float) -> float:
    """The rectifier max(x, 0), with derivative 0 at 0 (convention: kink table); nan stays nan.

    >>> rectified(-2.0), rectified(3.0)
    (0.0, 3.0)
    """
    return 0.0 if x <= 0.0 else x


def polynomial(x: Any, coefficients: Sequence[float]) -> Any:
    """Σ cⱼ xʲ by Horner's rule."""
    return functools.reduce(lambda sum, c: sum * x + c, coefficients[-2::-1], coefficients[-1])


def by_halves(factor: Any, half: Any) -> Any:
    """factor · half², where half² may be subnormal although the product is not."""
    return half * factor * half


def one_by_one(forward: Callable[..., float], hard: Any, results: Any, *args: Any) -> Any:
    """The results, the `hard` ones computed by the forward rule instead.

    A sequence among the arguments has one more axis than the results, the first.
    """
    if not np.any(hard):
        return results
    results = np.array(results)
    for place in map(tuple, np.argwhere(hard)):
        numbers = []
        for arg in map(np.asarray, args):
            vector = arg.ndim > results.ndim
            whole = np.broadcast_to(arg, (*arg.shape[:vector], *results.shape))
            numbers.append(whole[(slice(None), *place) if vector else place].tolist())
        results[place] = forward(*numbers)
    return results


def element_by_element(forward: Callable[..., float], vectors: tuple[int, ...]) -> Callable[..., Any]:
    """The default array form of a row: its forward rule, once for each result."""
    if not vectors:
        return np.vectorize(forward, otypes=[float])

    def array(*args: Any) -> Any:
        shapes = [np.shape(arg)[1:] if i in vectors else np.shape(arg) for i, arg in enumerate(args)]
        results = np.empty(np.broadcast_shapes(*shapes))
        return one_by_one(forward, np.ones(results.shape, dtype=bool), results, *args)

    return array


def place_in(index: float, length: int) -> int:
    """A whole number from 0 below a length, as an int.

    Raises
    ------
    ValueError, IndexError : if it is not a whole number; if it is out of range.
    """
    if not float(index).is_integer():
        raise ValueError(f"an index is a whole number, here from 0 to {length - 1}, got {index!r}")
    if not 0.0 <= index < length:
        raise IndexError(f"an index into {length} values is from 0 to {length - 1}, got {index!r}")
    return int(index)


def are_places(indices: Any, length: Any) -> Any:
    """Whether each index is a whole number from 0 below the length, or below a length of its own."""
    return (indices >= 0.0) & (indices < length) & (indices == indices.round())  # of JAX too


def places_in(indices: Any, length: int) -> Any:
    """`place_in` for an array of indices."""
    indices = np.asarray(indices, dtype=np.float64)
    good = are_places(indices, length)
    if not good.all():
        place_in(float(indices[~good].flat[0]), length)
    return indices.astype(np.intp)


def constant(partials: tuple[float, ...]) -> Callable[..., tuple[float, ...]]:
    """A rule whose partials are always the same."""
    return lambda y, *args: partials


def as_array(arg: Any) -> Any:
    return np.float64(arg) if isinstance(arg, (int, float)) else np.asarray(arg, dtype=np.float64)


def stacked(args: Sequence[Any], vectors: tuple[int, ...]) -> list[Any]:
    """Sequences of numbers and arrays as one array each, the sequence along its first axis."""
    items = [item for i, arg in enumerate(args) for item in (arg if i in vectors else [arg])]
    shape = np.broadcast_shapes(*set(map(np.shape, items)))
    return [
        np.array([item if np.shape(item) == shape else np.broadcast_to(item, shape) for item in arg]).reshape(
            -1, *shape
        )
        if i in vectors
        else arg
        for i, arg in enumerate(args)
    ]


GONE = -746.0  # eˣ is 0 from here on


def exponentials_of(values: Sequence[float], top: float) -> list[float]:
    """exp(v − top) for each v, corrected for the rounding error of the difference."""
    exponentials = []
    for value in values:
        gap, rest = difference(value, top)
        exponentials.append(0.0 if gap < GONE else math.exp(gap) * (1.0 + rest))
    return exponentials


def exponentials_array(values: Any, top: Any) -> Any:
    gap, rest = difference(values, top)
    return np.where(gap < GONE, 0.0, np.exp(gap) * (1.0 + rest))


def split_top(values: Sequence[float]) -> tuple[float, float]:
    """The largest value m, and ln Σ exp(vᵢ − m) from the other terms alone, which keeps its digits."""
    top = max(values)
    rest = list(values)
    rest.remove(top)
    return top, math.log1p(math.fsum(exponentials_of(rest, top)))


def split_top_array(values: Any) -> tuple[Any, Any]:
    top = np.max(values, axis=0)
    others = exponentials_array(values, top)
    first = np.expand_dims(np.argmax(values, axis=0), 0)
    np.put_along_axis(others, first, 0.0, axis=0)
    return top, np.log1p(np.sum(others, axis=0))
