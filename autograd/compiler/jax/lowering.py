"""The array program as the source of a Python function on arrays of JAX, one line for each node.

A node that is batched has the examples along its last axis. XLA decides on loops, buffers and layouts, so
there is neither a schedule here nor anything written in place.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import jax.numpy as jnp
import numpy as np

from ...errors import GraphError
from ..ir import nodes as ir
from ..ir.index_maps import is_injective, strides_of
from ..ir.nodes import Indices, Node, ancestry
from ..ir.registry import Rules
from .rows import add_rows, checked, fused, leave_one_out_sum, reduce_max, reduce_min, take_rows

__all__ = ["Lowering"]

_OPERATORS = {"add": "{} + {}", "sub": "{} - {}", "mul": "{} * {}", "neg": "-{}"}
_SYMBOLS = {"cotangent": "whole / B", "total_cotangent": "whole", "batch_size": "B"}
_REDUCED = {"max": "reduce_max({})", "min": "reduce_min({})", "sum": "jnp.sum({}, axis={}, keepdims=True)"}


class Lowering:
    """Writes ``compute(parameters, batch, mean)``, which gives the array of each output.

    Attributes
    ----------
    source : its text.
    compute : the function.
    """

    rules: ClassVar[Rules[Callable[[Any, Any], str]]] = Rules("jax")

    def __init__(self, outputs: Sequence[Node], mean: bool, dtype: np.dtype[Any]) -> None:
        self.dtype, self.rows = dtype, dict[str, Any]()
        self.scope: dict[str, Any] = {
            "jnp": jnp, "dtype": dtype, "inf": math.inf, "nan": math.nan, "rows": self.rows, "fused": {},
            "leave_one_out_sum": leave_one_out_sum, "reduce_max": reduce_max, "reduce_min": reduce_min,
            "take_rows": take_rows, "add_rows": add_rows,
            # Of a matrix product in float32 a GPU may keep ten bits.
            "einsum": functools.partial(jnp.einsum, precision="highest"),
        }  # fmt: skip
        lines = [
            "def compute(parameters, batch):",
            "    B = len(batch)",
            f"    whole = {'1.0' if mean else 'float(B)'}",
        ]
        for node in ancestry(outputs):
            if isinstance(node, ir.Constant):
                _require_normal(node.data, dtype)
            else:
                lines.append(f"    n{node.number} = {self.rules[type(node)](self, node)}")
        results = [self._whole(output) for output in outputs]
        self.source = "\n".join([*lines, f"    return {', '.join(results)},", ""])
        exec(compile(self.source, "<compiled by autograd>", "exec"), self.scope)
        self.compute: Callable[[Any, Any], tuple[Any, ...]] = self.scope["compute"]

    # --- operands

    def _named(self, name: str, array: Any) -> str:
        """The name of a constant array."""
        self.scope[name] = array
        return name

    def _operand(self, node: Node, batched: bool, scalar: bool = True) -> str:
        """A node as an operand of a node that is batched, or not; a literal, if it may be a `scalar`."""
        if scalar and node.scalar is not None:
            return repr(node.scalar)
        name = f"n{node.number}"
        if isinstance(node, ir.Constant):
            name = self._named(f"c{node.number}", node.data.astype(self.dtype))
        return f"{name}[..., None]" if batched and not node.batched else name

    def _whole(self, node: Node) -> str:
        return self._operand(node, node.batched, scalar=False)

    def _spread(self, node: Node, shape: tuple[int, ...], batched: bool) -> str:
        """A node, broadcast to a shape, batched or not."""
        operand = self._operand(node, batched, scalar=False)
        if (node.shape, node.batched) == (shape, batched):
            return operand
        return f"jnp.broadcast_to({operand}, {_shape(shape, batched)})"

    def _flat(self, node: Node) -> str:
        """All rows of a node along one axis."""
        name = self._whole(node)
        return name if len(node.shape) == 1 else f"{name}.reshape({_shape((node.size,), node.batched)})"

    def _taken(self, flat: str, name: str, index: Indices, count: int, batched: bool) -> str:
        """Rows of an array of `count` rows along one axis, in the shape of their index."""
        numbers = index.reshape(-1)
        spaced = strides_of(numbers)
        if spaced is not None and spaced[1][0] > 0:
            start, step = spaced[0], spaced[1][0]
            stop = start + step * (len(numbers) - 1) + 1
            if (start, stop, step) != (0, count, 1):
                flat += f"[{start}:{stop}]" if step == 1 else f"[{start}:{stop}:{step}]"
            return flat if index.ndim == 1 else f"{flat}.reshape({_shape(index.shape, batched)})"
        rows = strides_of(index)
        if rows is not None and index.ndim == 2 and 0 < index.shape[1] <= rows[1][0] and rows[1][1] == 1:
            (start, (stride, _)), (length, width) = rows, index.shape
            if start + length * stride <= count:
                table = (
                    f"{flat}[{start}:{start + length * stride}].reshape({_shape((length, stride), batched)})"
                )
                return f"{table}[:, :{width}]"
        if index.ndim == 2 and np.array_equal(index.T.reshape(-1), numbers.min() + np.arange(len(numbers))):
            turned = self._taken(flat, name, np.ascontiguousarray(index.T), count, batched)
            return f"{turned}.swapaxes(0, 1)"
        return f"jnp.take({flat}, {self._named(name, index)}, axis=0, mode='clip')"

    # --- operations

    rules.of(ir.Parameters)(lambda self, node: "parameters")
    rules.of(ir.Inputs)(lambda self, node: "batch.T")
    rules.of(ir.Symbol)(lambda self, node: f"jnp.full(1, {_SYMBOLS[node.name]}, dtype)")
    rules.of(ir.Constant)(lambda self, node: self._whole(node))
    rules.of(ir.Broadcast)(lambda self, node: self._spread(node.args[0], node.shape, node.batched))
    rules.of(ir.Reduce)(lambda self, node: _REDUCED[node.how].format(self._whole(node.args[0]), node.axis))
    rules.of(ir.LeaveOneOutSum)(lambda self, node: f"leave_one_out_sum({self._whole(node.args[0])})")
    rules.of(ir.BatchSum)(lambda self, node: f"jnp.sum({self._whole(node.args[0])}, axis=-1)")

    @rules.of(ir.Apply)
    def _apply(self, node: ir.Apply) -> str:
        row = node.row
        operands = [
            f"list({self._operand(arg, node.batched, scalar=False)})"
            if i in row.vectors
            else self._operand(arg, node.batched)
            for i, arg in enumerate(node.args)
        ]
        if row.name in _OPERATORS:
            return _OPERATORS[row.name].format(*operands)
        self.rows[row.name] = checked(row, len(node.args))
        return f"rows[{row.name!r}]({', '.join(operands)})"

    @rules.of(ir.Fused)
    def _fused(self, node: ir.Fused) -> str:
        self.scope["fused"][node.row.name] = fused(node.row)
        return f"fused[{node.row.name!r}]({self._whole(node.args[0])})"

    @rules.of(ir.Gather)
    def _gather(self, node: ir.Gather) -> str:
        (x,) = node.args
        return self._taken(self._flat(x), f"i{node.number}", node.index, x.size, x.batched)

    @rules.of(ir.ScatterAdd)
    def _scatter_add(self, node: ir.ScatterAdd) -> str:
        """The pieces, concatenated and permuted, or added where rows occur twice."""

        def zeros(*shape: int) -> str:
            return f"jnp.zeros({_shape(shape, node.batched)}, dtype)"

        if not node.args:
            return zeros(*node.shape)
        pieces = [
            f"{self._spread(arg, index.shape, node.batched)}.reshape({_shape((index.size,), node.batched)})"
            for index, arg in node.pieces
        ]
        index, name = np.concatenate([index.reshape(-1) for index in node.indices]), f"i{node.number}"
        alone = is_injective(index)
        if alone and len(index) < node.size:  # one more row, which is 0
            pieces.append(zeros(1))
        rows = pieces[0] if len(pieces) == 1 else f"jnp.concatenate([{', '.join(pieces)}])"
        if not alone:
            added = f"{zeros(node.size)}.at[{self._named(name, index)}].add({rows})"
            return f"{added}.reshape({_shape(node.shape, node.batched)})"
        order, count = np.full(node.size, len(index)), len(index) + (len(index) < node.size)
        order[index] = np.arange(len(index))
        return self._taken(rows, name, order.reshape(node.shape), count, node.batched)

    @rules.of(ir.TakeRows)
    def _take_rows(self, node: ir.TakeRows) -> str:
        return f"take_rows({', '.join(map(self._whole, node.args))}, {self._rows(node)})"

    @rules.of(ir.AddRows)
    def _add_rows(self, node: ir.AddRows) -> str:
        zeros = f"jnp.zeros({_shape(node.shape, node.batched)}, dtype)"
        return f"add_rows({', '.join(map(self._whole, node.args))}, {self._rows(node)}, {zeros})"

    def _rows(self, node: ir.TakeRows | ir.AddRows) -> str:
        return f"{node.length}, {self._named(f's{node.number}', node.starts)}"

    @rules.of(ir.MatMul)
    def _matmul(self, node: ir.MatMul) -> str:
        a, b = node.args
        left, lane = "nl" if node.transposed else "ln", "b" if b.batched else ""
        return f"einsum('{left},nr{lane}->lr{lane}', {self._whole(a)}, {self._whole(b)})"

    @rules.of(ir.Outer)
    def _outer(self, node: Node) -> str:
        a, b = (f"{rows}r{'b' if arg.batched else ''}" for rows, arg in zip("ln", node.args))
        return f"einsum('{a},{b}->ln', {', '.join(map(self._whole, node.args))})"


Lowering.rules.require_all()


def _require_normal(data: Any, dtype: np.dtype[Any]) -> None:
    sizes, least = np.absolute(data), np.finfo(dtype).tiny
    if ((sizes > 0.0) & (sizes < least)).any():
        raise GraphError(
            f"the program has a constant nearer to 0 than {least:.3g}, which XLA takes as 0: use "
            "backend='numpy'"
        )


def _shape(shape: tuple[int, ...], batched: bool) -> str:
    """A shape as text."""
    lengths = [*map(str, shape), *["B"] * batched]
    return f"({', '.join(lengths)}{',' * (len(lengths) == 1)})"
