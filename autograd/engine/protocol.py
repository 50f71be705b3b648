"""What Python does with a `Value` as with a number: it goes by the data, and nothing is recorded.

Whoever asked for it is told of each such reading, see `readings`. At the end stand the names that micrograd
has for what a node refers to.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from .arguments import is_number
from .graph import require_fresh, sweep
from .node import current
from .readings import told, told_of_leaving

__all__ = [
    "NO_CHILDREN", "as_float", "ceiled", "compared", "floored", "formatted", "itself", "micrograds_backward",
    "micrograds_op", "micrograds_prev", "nearest", "read", "rounded", "shown", "truncated",
]  # fmt: skip

NO_CHILDREN = (
    "an operation of your own is added with primitive, "
    "@primitive(partials=lambda y, x: 3 * x * x) above def cube(x): return x**3"
)


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


def as_float(value: Any) -> float:
    y = read(value, "float({0})")
    if value._note.version >= 0 and value._note.operands != ():  # neither a constant nor cut off
        told_of_leaving()
    return y


def rounded(value: Any, digits: int | None = None) -> Any:
    return round(read(value, "round({0})"), digits)


def nearest(value: Any) -> float:
    """The nearest whole number, a plain one: numpy asks for it in `numpy.round`."""
    return float(np.rint(read(value, "round({0})")))


def truncated(value: Any) -> int:
    return math.trunc(read(value, "math.trunc({0})"))


def floored(value: Any) -> int:
    return math.floor(read(value, "math.floor({0})"))


def ceiled(value: Any) -> int:
    return math.ceil(read(value, "math.ceil({0})"))


def formatted(value: Any, spec: str) -> str:
    if current.unusual:
        told(value, "format({0})")
    return format(value._number, spec) if spec else repr(value)


def shown(value: Any) -> str:
    if current.unusual:
        told(value, "repr({0})")
    label = f", label={value.label!r}" if value.label else ""
    return f"Value(data={value._number!r}, grad={value._grad!r}{label})"


def itself(value: Any) -> Any:
    """Itself, for it is real: numpy asks for it in `numpy.std`, `numpy.var` and `numpy.vdot`."""
    return value


# --- micrograd's names -----------------------------------------------------------------------------

_MICROGRADS = {"add": "+", "mul": "*", "sub": "-", "div": "/", "relu": "ReLU"}


def micrograds_prev(value: Any) -> set[Any]:
    """The set of `parents`, by the name that micrograd has for it."""
    return set(value.parents)


def micrograds_op(value: Any) -> str:
    """How micrograd writes the operation: ``+``, ``*``, ``**2``, ``ReLU``; `op` where it has none."""
    return f"**{value._right._number:g}" if value.op == "pow" else _MICROGRADS.get(value.op, value.op)


def _one_step(value: Any) -> Callable[[], None]:
    """One step of the backward pass: each parent's `grad` grows by this node's share, as in micrograd."""
    return functools.partial(_sweep_alone, value)


def _sweep_alone(node: Any) -> None:
    if node.primitive is not None:
        require_fresh(node)
        mark = current.new_sweep()
        for parent in node.parents:
            if not parent.constant:
                parent._mark = mark + 1
        sweep([node], mark, -1)


def _not_set(value: Any, function: Any) -> None:
    raise AttributeError(f"_backward of a Value cannot be set: {NO_CHILDREN}")


micrograds_backward = property(_one_step, _not_set)
