"""`Value` in Python's number protocol, which uses the data and records nothing; and micrograd's names.

`readings` reports each such use where somebody asked for it.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..errors import GraphError
from .arguments import is_number
from .given import NO_CHILDREN
from .graph import active, edges, numbers, require_fresh, sweep
from .messages import ENGINE, describe
from .node import current, noted, version_of
from .readings import told, told_of_leaving

__all__ = [
    "as_float", "ceiled", "children", "compared", "constant", "floored", "formatted", "itself", "local_grads",
    "micrograds_backward", "micrograds_op", "micrograds_prev", "nearest", "reached", "read", "requires_grad",
    "rounded", "set_requires_grad", "shown", "truncated",
]  # fmt: skip


def read(value: Any, reading: str) -> float:
    """The number, which Python decides or computes with."""
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
    """The nearest whole number, as a float; `numpy.round` calls it."""
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
    """The complex conjugate of a real number; `numpy.std`, `numpy.var` and `numpy.vdot` call it."""
    return value


# --- whether it has a gradient ---------------------------------------------------------------------


def _constant(value: Any) -> bool:
    """Whether this leaf is a plain number that was written into an expression, such as the 2 in 2 * x."""
    return bool(value._note.version == -1)


def _reached(value: Any) -> bool:
    """Whether it has a gradient, from a backward pass or set by hand; ``grad = None`` takes it away."""
    told(value, "{0}.reached", but_of=ENGINE)
    return bool(value._mark != 0)


def set_requires_grad(value: Any, requires_grad: bool = True) -> Any:
    """Freeze this leaf with False: no backward pass adds to its gradient, and no training changes it.

    An optimizer skips it, even if it has an earlier gradient; `compile` takes its number as a constant. This
    holds in graphs that are recorded already, too. `grad`, `explain` and `compile` still differentiate by it
    on request, and ``data`` can still be set.

    Returns
    -------
    The `Value` itself.

    Raises
    ------
    TypeError : if `requires_grad` is not a bool.
    GraphError : if it is False for a node that was computed: use `detach`.

    Source: `torch.Tensor.requires_grad_`.

    Examples
    --------
    >>> from autograd import Value
    >>> w, frozen = Value(2.0), Value(3.0).requires_grad_(False)
    >>> (w * frozen).backward()
    >>> w.grad, frozen.grad, frozen.requires_grad
    (3.0, 0.0, False)
    """
    if not isinstance(requires_grad, (bool, np.bool_)):
        raise TypeError(
            f"requires_grad must be True or False, got {type(requires_grad).__name__}: {requires_grad!r:.60}"
        )
    note, version = value._note, version_of(value._note)
    if note.row is not None and not requires_grad:
        raise GraphError(
            f"only a leaf can be frozen, and {describe(value)} was computed: freeze the leaves that it "
            "depends on, or use its detach()"
        )
    if requires_grad and note.version < 0:
        version = max(version, 0)
    elif not requires_grad and note.version >= 0:
        current.frozen = max(current.frozen, version)
        version = -2 - version
    else:
        return value
    value._note = noted(version, None, note.operands, note.label, note.scope)
    return value


def _requires_grad(value: Any) -> bool:
    """Whether a backward pass gives it a gradient; setting it is `requires_grad_`."""
    return bool(value._note.version >= 0)


constant, reached = property(_constant), property(_reached)
requires_grad = property(_requires_grad, set_requires_grad)


# --- micrograd's names -----------------------------------------------------------------------------

_MICROGRADS = {"add": "+", "mul": "*", "sub": "-", "div": "/", "relu": "ReLU"}


def _micrograds_prev(value: Any) -> set[Any]:
    """micrograd's name for the set of `parents`."""
    return set(value.parents)


def _micrograds_op(value: Any) -> str:
    """micrograd's sign of the operation: ``+``, ``*``, ``**2``, ``ReLU``; otherwise `op`."""
    return f"**{value._right._number:g}" if value.op == "pow" else _MICROGRADS.get(value.op, value.op)


def _one_step(value: Any) -> Callable[[], None]:
    """One step of the backward pass: each parent's `grad` grows by this node's share, as in micrograd."""
    return functools.partial(_sweep_alone, value)


def _sweep_alone(node: Any) -> None:
    if node.primitive is not None:
        require_fresh(node)
        mark = current.new_sweep()
        for parent in node.parents:
            if parent.requires_grad:
                parent._mark = mark + 1
        sweep([node], mark, -1)


def _not_set(value: Any, function: Any) -> None:
    raise AttributeError(f"_backward of a Value cannot be set: {NO_CHILDREN}")


def _children(value: Any) -> tuple[Any, ...]:
    """microgpt's name for the `parents`."""
    return tuple(value.parents)


def _local_grads(value: Any) -> tuple[float, ...]:
    """microgpt's name for the derivatives of the node by its `parents`, at the recorded numbers.

    Raises
    ------
    GraphError : if the data of a parent was set since.
    """
    if value.primitive is None:
        return ()
    require_fresh(value)
    row, operands = value.primitive, value.operands
    if row.select is None:
        partials = row.partials_at(value._number, *numbers(operands))
        return tuple([float(partial) for _, partial in edges(operands, partials)])
    first = value.parents.index(active(value)[0])  # a repeated parent counts once
    return tuple([float(i == first) for i in range(len(value.parents))])


children, local_grads = property(_children), property(_local_grads)
micrograds_prev, micrograds_op = property(_micrograds_prev), property(_micrograds_op)
micrograds_backward = property(_one_step, _not_set)
