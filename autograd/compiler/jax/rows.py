"""The rows of the table on arrays of JAX, with the derivatives of the table.

A row is the function of `jax.numpy` with the name of its array form, or the first of its formulas. JAX
differentiates it by its `partials`, which run on `Traced` arrays: kinks and tails are those of the engine,
for derivatives of every order.
"""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.custom_derivatives import SymbolicZero

from ...engine.numerics import are_places
from ...engine.primitives import TABLE, Primitive
from ..backends import by_formula
from ..ir.fused_rules import FORWARD, JVP
from ..ir.index_maps import rows_at
from ..ir.nodes import Unknown

__all__ = [
    "Traced", "add_rows", "checked", "fused", "leave_one_out_sum", "on_arrays", "own_form", "reduce_max",
    "reduce_min", "take_rows",
]  # fmt: skip

_LINEAR = {TABLE[name] for name in ("add", "sub", "mul", "neg", "where")}  # JAX has the same derivatives
# Rows whose array form is several functions of numpy.
_OWN: dict[str, Callable[..., Any]] = {
    "mod": lambda a, b: _with_signed_zeros(jnp.mod(a, b), b),
    "floordiv": lambda a, b: _with_signed_zeros(jnp.floor_divide(a, b), a / b),
    "sign": lambda x: jnp.where(x > 0.0, 1.0, jnp.where(x < 0.0, -1.0, jnp.where(x == 0.0, 0.0, x))),
    "relu": lambda x: jnp.where(x <= 0.0, 0.0, x),
    "step": lambda x: jnp.where(x > 0.0, 1.0, jnp.where(x <= 0.0, 0.0, x)),
    "greater": lambda a, b: jnp.where(a > b, 1.0, jnp.where(a <= b, 0.0, math.nan)),
    "maximum": lambda a, b: jnp.where((a >= b) | (a != a), a, b),
    "minimum": lambda a, b: jnp.where((a <= b) | (a != a), a, b),
    "pow": jnp.power,
    "power": jnp.power,
    "sum": lambda values: functools.reduce(operator.add, values, 0.0),
}


def _with_signed_zeros(y: Any, like: Any) -> Any:
    return jnp.where(y == 0.0, jnp.copysign(0.0, like), y)


def own_form(row: Primitive) -> Callable[..., Any] | None:
    """The function of JAX for a row: its own, or that with the name of its array form in numpy."""
    if row.name in _OWN and TABLE.get(row.name) is row:
        return _OWN[row.name]
    array = row.array
    numpys = isinstance(array, np.ufunc) or getattr(array, "__module__", "") == "numpy"
    found: Callable[..., Any] | None = getattr(jnp, array.__name__, None) if numpys else None
    return found


@functools.cache
def on_arrays(row: Primitive) -> Callable[..., Any]:
    """A row as a function of arrays, and of lists of them for sequences.

    Raises
    ------
    GraphError : when it is called, if no formula of the row runs on arrays of JAX.
    """
    plain = own_form(row) or functools.partial(_by_formula, row)
    if row in _LINEAR:
        return plain
    function = jax.custom_jvp(plain)
    function.defjvp(functools.partial(_tangent, row), symbolic_zeros=True)
    return function


@functools.cache
def checked(row: Primitive, count: int) -> Callable[..., Any]:
    """`on_arrays` for a number of operands; it raises at once if no formula runs on arrays of JAX."""
    function = on_arrays(row)
    if own_form(row) is None:
        number = np.zeros(1, np.float32)
        jax.eval_shape(function, *[[number, number] if i in row.vectors else number for i in range(count)])
    return function


def _by_formula(row: Primitive, *args: Any) -> Any:
    shape = jnp.broadcast_shapes(*map(jnp.shape, jax.tree.leaves(args)))
    as_array = lambda result: jnp.broadcast_to(_bare(result), shape)  # noqa: E731  # a line, used once
    return by_formula(row, _traced(args), as_array)


def _tangent(row: Primitive, args: Sequence[Any], tangents: Sequence[Any]) -> tuple[Any, Any]:
    """The row, and Σ ∂y/∂aᵢ · ȧᵢ over the operands that have a tangent: other partials may be infinite."""
    y = on_arrays(row)(*args)
    products = []
    for i, (partial, tangent) in enumerate(zip(row.partials(Traced(y), *_traced(args)), tangents)):
        several = i in row.vectors
        each = tangent if several else [tangent]
        partials = partial if several and isinstance(partial, Sequence) else [partial] * len(each)
        pairs = [(_bare(p), t) for p, t in zip(partials, each) if not isinstance(t, SymbolicZero)]
        products += [p * t for p, t in pairs if not (isinstance(p, float) and p == 0.0)]
    total = functools.reduce(operator.add, products, jnp.zeros_like(y))
    return y, jnp.broadcast_to(total, y.shape).astype(y.dtype)


def _bare(arg: Any) -> Any:
    """The array of a `Traced`, or those of a sequence; numbers stay."""
    if isinstance(arg, (list, tuple)):
        return list(map(_bare, arg))
    return arg.array if isinstance(arg, Traced) else arg


def _traced(args: Sequence[Any]) -> list[Any]:
    return [_traced(arg) if isinstance(arg, (list, tuple)) else Traced(arg) for arg in args]


# --- sums that no row has -------------------------------------------------------------------------


def reduce_max(x: Any) -> Any:
    return jnp.max(x, axis=0, keepdims=True)


def reduce_min(x: Any) -> Any:
    """The minimum of the numbers and their count along the first axis, without nan."""
    count = float(len(x))
    return jnp.min(jnp.where(jnp.isnan(x), count, x), axis=0, keepdims=True, initial=count)


def leave_one_out_sum(x: Any) -> Any:
    """yᵢ = Σ xⱼ over j ≠ i along the first axis: running sums from both ends."""
    none = jnp.zeros_like(x[:1])
    before = jnp.concatenate([none, jnp.cumsum(x[:-1], axis=0)])
    after = jnp.concatenate([jnp.cumsum(x[:0:-1], axis=0)[::-1], none])
    return before + after


def _places(index: Any, length: int, starts: Any) -> tuple[Any, Any]:
    """The rows of indices (m,) or (m, B), and which are out of range: XLA cannot raise."""
    wrong = ~are_places(index, length)
    starts = starts if index.ndim == 1 else starts[:, None]
    return jnp.where(wrong, 0, index).astype(jnp.int32) + starts, wrong


def take_rows(table: Any, index: Any, length: int, starts: Any) -> Any:
    """`TakeRows`; nan where an index is out of range."""
    places, wrong = _places(index, length, starts)
    found = rows_at(jnp.asarray(table), places)
    wrong = wrong[:, None, :] if index.ndim == 2 else wrong.reshape(-1, *[1] * (found.ndim - 1))
    return jnp.where(wrong, math.nan, found)


def add_rows(x: Any, index: Any, length: int, starts: Any, zeros: Any) -> Any:
    """`AddRows`, added to an array of zeros in its shape."""
    x = jnp.asarray(x)
    places, _ = _places(index, length, starts)
    n = zeros.shape[1]
    if zeros.ndim == 3:
        places = places[:, None, :] if index.ndim == 2 else places[:, None, None]
        x = jnp.broadcast_to(x if x.ndim == 3 else x[..., None], (len(places), *zeros.shape[1:]))
        return zeros.at[places, jnp.arange(n)[:, None], jnp.arange(zeros.shape[2])].add(x)
    return zeros.at[places].add(x.transpose(0, 2, 1) if index.ndim == 2 else x)


@functools.cache
def fused(row: Primitive) -> Callable[[Any], Any]:
    """A row for all of its arguments at once, (K, ...): the rules of `ir.fused_rules`, on arrays."""
    function = jax.custom_jvp(lambda x: FORWARD[row.name](Traced(x)).array)

    @function.defjvp
    def tangent(args: Any, tangents: Any) -> tuple[Any, Any]:
        y = function(*args)
        return y, JVP[row.name](Traced(y), *map(Traced, args), *map(Traced, tangents)).array

    return function


def _on_traced(function: Callable[..., Any]) -> Any:
    return staticmethod(lambda x, *options: Traced(function(x.array, *options)))


class _Sums:
    """The methods of a `Graph` that fused rules call, on arrays."""

    reduce_max, reduce_min = _on_traced(reduce_max), _on_traced(reduce_min)
    leave_one_out_sum, reshape = _on_traced(leave_one_out_sum), _on_traced(jnp.reshape)
    reduce_sum = _on_traced(lambda x, axis: jnp.sum(x, axis=axis, keepdims=True))
    fused = staticmethod(lambda row, x: Traced(fused(row)(x.array)))


class Traced(Unknown):
    """An array of JAX, in the rules of the table."""

    __slots__ = ("array",)
    graph = _Sums

    def __init__(self, array: Any) -> None:
        self.array = array

    @property
    def shape(self) -> tuple[int, ...]:
        return jnp.shape(self.array)

    @staticmethod
    def __primitive__(row: Primitive, args: tuple[Any, ...]) -> Traced:
        return Traced(on_arrays(row)(*map(_bare, args)))
