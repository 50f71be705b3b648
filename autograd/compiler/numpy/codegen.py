"""The source of the numpy back end: Python with one call of numpy for each node.

`prepare` allocates the buffers of the schedule once for a size of batch, and `bind` makes views of the
parameters. `load` computes what depends on the batch alone, once for all updates from the same batch, and
`run` all else.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import numpy as np

from ...engine.primitives import TABLE
from .. import tuning
from ..ir import nodes as ir
from ..ir.index_maps import is_injective, is_partition, strides_of
from ..ir.nodes import Indices, Node, Shape, applies
from ..ir.registry import Rules
from ..ir.schedule import Buffer, Schedule
from .taking import add_rows, places, take_rows
from .target import ArrayTarget

__all__ = ["IN_PLACE", "Codegen", "view"]

RELU, STEP = TABLE["relu"], TABLE["step"]

_SYMBOLS = "cotangent, batch_size, total_cotangent"  # arguments of `load` and `run`
_UFUNCS = {"sum": "add", "max": "maximum", "min": "fmin"}  # of a `Reduce`
# Rows whose array form is several functions of numpy, here without new arrays.
_NEGATIVE = bool(np.signbit(np.maximum(np.full(65, -0.0), np.zeros(65))).any())
_CLEAN = ("np.add({out}, 0.0, out={out})",) if _NEGATIVE else ()
# The machine decides whether the maximum of −0 and 0 is −0. An array of zeros is twice as fast as one 0.
IN_PLACE = {
    "relu": ("np.maximum({0}, {zeros}, out={out})", *_CLEAN),
    "step": ("np.maximum({0}, {zeros}, out={out})", "np.sign({out}, out={out})"),
}
_STEP_OF_RELU = ("np.sign({0}, out={out})",)


class Codegen:
    """Writes `prepare(B)`, which allocates arrays and returns `bind`.

    ``bind(parameters)`` returns `load` and `run`, which read the parameters from that array (P,) each time.
    Each `run` overwrites the results of the one before.
    """

    lowerings: ClassVar[Rules[Callable[[Any, Any], None]]] = Rules("numpy")

    def __init__(self, outputs: Sequence[Node], dtype: Any) -> None:
        self.outputs, self.dtype, self.target = outputs, dtype, ArrayTarget(outputs)
        self.schedule = Schedule(outputs, self.target)
        self.constants: dict[str, Any] = {
            "rows": {}, "places": places, "take_rows": take_rows, "add_rows": add_rows, "inf": math.inf,
            "nan": math.nan,
        }  # fmt: skip
        self.preparation: list[str] = []
        self.binding: list[str] = []
        self.loading: list[str] = []
        self.running: list[str] = []
        self.lines = self.loading
        self.views: list[str] = []  # names that `load` binds to views of the batch
        self.bound: dict[str, str] = {}  # by expression its name
        self.flat: dict[Node, str] = {}  # by node its array or view, with all rows along one axis
        self.shaped: set[Node] = set()  # nodes that have a view in their own shape in `flat`
        self.arrays: dict[Buffer, str] = {}

    # --- names

    def _bind(self, expression: str, lines: list[str]) -> str:
        """The name of an expression that is evaluated once, in these lines."""
        if expression not in self.bound:
            name = f"v{len(self.bound)}"
            self.bound[expression] = name
            lines.append(f"{name} = {expression}")
            if lines is self.loading:
                self.views.append(name)
        return self.bound[expression]

    def _known(self, node: Node) -> list[str]:
        """The lines that bind a node's array and its views."""
        root = self.schedule.root(node)
        if isinstance(root, ir.Parameters) or root in self.target.escaping:
            return self.binding
        return self.lines if root in self.target.outside else self.preparation

    def _shaped(self, node: Node, shape: str) -> str:
        """The array of a node in a shape."""
        return self._bind(f"{self.flat[node]}.reshape({shape})", self._known(node))

    def _name(self, node: Node, batched: bool) -> str:
        """A node as an operand of one that is batched, or not."""
        if isinstance(node, ir.Symbol):
            return node.name
        if isinstance(node, ir.Constant):
            if node.scalar is not None:
                return repr(node.scalar)
            return self._constant(node, node.data[..., None] if batched else node.data)
        if node.batched is batched and (len(node.shape) == 1 or node in self.shaped):
            return self.flat[node]
        return self._shaped(
            node, ", ".join([*map(str, node.shape), *["B" if node.batched else "1"] * batched])
        )

    def _constant(self, node: ir.Constant, data: Any) -> str:
        name = f"c{node.number}{'b' if data.ndim > len(node.shape) else ''}"
        self.constants[name] = data.astype(self.dtype)
        return name

    def _matrix(self, node: Node) -> str:
        """A node as a matrix: all axes but the first as one."""
        if not node.batched:
            return self._name(node, False)
        return self.flat[node] if node.size == node.shape[0] else self._shaped(node, f"{node.shape[0]}, -1")

    def _transposed(self, node: Node, matrix: str) -> str:
        return self._bind(f"{matrix}.T", self._known(node))

    # --- arrays

    def _array(self, node: Node) -> str:
        self._allocate(node)
        return self._name(node, node.batched)

    def _allocate(self, node: Node) -> None:
        """The array of a node: its own, or rows of that of another one."""
        if node in self.schedule.aliases:
            whole, index = self.schedule.aliases[node]
            if whole not in self.flat:
                self._allocate(whole)
            self.flat[node] = self._part(whole, index)
            if strides_of(index.reshape(-1)) is None:
                self.shaped.add(node)
            return
        buffer = self.schedule.buffers[node]
        if buffer not in self.arrays:
            rows = f"({node.size}, B)" if node.batched else f"{node.size}"
            lines = self.binding if node in self.target.escaping else self.preparation
            self.arrays[buffer] = self._bind(f"np.empty({rows}, dtype)  # n{node.number}", lines)
        self.flat[node] = self.arrays[buffer]

    def _part(self, node: Node, index: Indices) -> str:
        """A view of evenly spaced rows of an array: a slice, if their spacing is even along one axis."""
        start, steps = strides_of(index)  # type: ignore[misc]  # callers pass evenly spaced rows
        known = self._known(node)
        flat = strides_of(index.reshape(-1))
        if flat is not None:
            step = flat[1][0]
            stop = start + step * index.size
            if start == 0 and step == 1 and stop == node.size:
                return self.flat[node]
            return self._bind(f"{self.flat[node]}[{start}:{stop}{'' if step == 1 else f':{step}'}]", known)
        return self._bind(f"view({self.flat[node]}, {start}, {index.shape}, {steps})", known)

    # --- lines

    def source(self) -> str:
        for step in self.schedule.steps:
            (node,) = step.nodes
            self.lines = self.running if step.phase else self.loading
            self.lowerings[type(node)](self, node)
        results = [self._result(output) for output in self.outputs]
        used = set(re.findall(r"\bv\d+\b", "\n".join([*self.running, *results])))
        views = "".join(f"{name}, " for name in self.views if name in used)
        if views:
            self.running.insert(0, f"{views}= views")
        self.loading.append(f"return {views.rstrip() or '()'}")
        functions = [
            *self.binding,
            "",
            f"def load(batch, {_SYMBOLS}):",
            *[f"    {line}" for line in self.loading],
            "",
            f"def run(views, {_SYMBOLS}):",
            *[f"    {line}" for line in self.running],
            f"    return {', '.join(results)},",
            "",
            "return load, run",
        ]
        bind = ["", "def bind(parameters):", *[f"    {line}" for line in functions], "", "return bind"]
        body = [*self.preparation, *bind]
        return "\n".join(["def prepare(B):", *[f"    {line}".rstrip() for line in body], ""])

    @lowerings.of(ir.Constant, ir.Symbol)
    def _named(self, node: Node) -> None:
        """Its readers name it."""

    @lowerings.of(ir.Parameters, ir.Inputs)
    def _given(self, node: Node) -> None:
        """The caller's arrays, or copies."""
        if isinstance(node, ir.Parameters):
            self.flat[node] = "parameters"
        elif node in self.target.outside:
            self.flat[node] = self._bind("batch.T", self.lines)
        else:
            self._allocate(node)
            self._write(f"np.copyto({self.flat[node]}, batch.T)")

    def _result(self, output: Node) -> str:
        if isinstance(output, (ir.Symbol, ir.Constant)):
            return f"np.full({output.shape}, {self._name(output, False)}, dtype)"
        name = self._name(output, output.batched)
        root = self.schedule.root(output)
        kept = root in self.schedule.pinned or isinstance(root, ir.Parameters)
        return f"{name}.copy()" if kept and output not in self.target.escaping else name

    def _write(self, line: str) -> None:
        self.lines.append(line)

    @lowerings.of(ir.Apply)
    def _apply(self, node: ir.Apply) -> None:
        row = node.row
        operands = [
            # A vector is an array even if it is one constant.
            self._constant(arg, arg.data[..., None] if node.batched else arg.data)
            if i in row.vectors and isinstance(arg, ir.Constant)
            else self._name(arg, node.batched)
            for i, arg in enumerate(node.args)
        ]
        out = self._array(node)
        rectified = row is STEP and applies(node.args[0], RELU)
        forms = _STEP_OF_RELU if rectified else IN_PLACE.get(row.name)
        if forms:
            zeros = "" if rectified else self._bind(f"np.zeros_like({out})", self._known(node))
            for form in forms:
                self._write(form.format(*operands, out=out, zeros=zeros))
        elif isinstance(row.array, np.ufunc):
            self._write(f"np.{row.array.__name__}({', '.join(operands)}, out={out})")
        else:
            self.constants["rows"][row.name] = row.array
            self._write(f"{out}[...] = rows[{row.name!r}]({', '.join(operands)})")

    @lowerings.of(ir.Gather)
    def _gather(self, node: ir.Gather) -> None:
        (x,), name = node.args, f"i{node.number}"
        self._allocate(node)
        if node in self.schedule.aliases:
            return
        out = self._name(node, node.batched)
        if isinstance(x, ir.Symbol):
            self._write(f"{out}.fill({x.name})")
        elif isinstance(x, ir.Inputs) and self.target.is_spaced(node, node.index):
            in_line = strides_of(node.index.reshape(-1)) is not None
            self._write(f"np.copyto({self.flat[node] if in_line else out}, {self._part(x, node.index)})")
        else:
            self.constants[name] = node.index
            copied = f"{out}[...] = {self.flat[x]}[{name}]"  # of the batch, which np.take would copy first
            taken = f"np.take({self.flat[x]}, {name}, axis=0, out={out}, mode='clip')"
            self._write(copied if isinstance(x, ir.Inputs) else taken)

    @lowerings.of(ir.ScatterAdd)
    def _scatter_add(self, node: ir.ScatterAdd) -> None:
        if node not in self.flat:
            self._array(node)
        whole = is_partition(node)
        rows = self.flat[node]
        if not whole:
            self._write(f"{rows}.fill(0.0)")
        for piece_number, (index, arg) in enumerate(node.pieces):
            if self.schedule.is_part(node, index, arg):
                continue
            piece = self._name(arg, node.batched)
            if (node, arg) in self.schedule.once and self._known(node) is self.preparation:
                self.preparation.append(f"np.copyto({self._part(node, index)}, {piece})")
                continue
            spaced = strides_of(index)
            if is_injective(index) and spaced is not None and min(spaced[1]) > 0:
                part = self._part(node, index)
                if strides_of(index.reshape(-1)) is not None and index.ndim > 1:
                    part = self._bind(
                        f"{part}.reshape({', '.join(map(str, index.shape))}{', B' if node.batched else ''})",
                        self._known(node),
                    )
                self._write(
                    f"np.copyto({part}, {piece})" if whole else f"np.add({part}, {piece}, out={part})"
                )
                continue
            name = f"i{node.number}x{piece_number}"
            self.constants[name] = index
            if is_injective(index):
                self._write(f"{rows}[{name}] {'=' if whole else '+='} {piece}")
            else:
                self._write(f"np.add.at({rows}, {name}, {piece})")

    @lowerings.of(ir.TakeRows)
    def _take_rows(self, node: ir.TakeRows) -> None:
        table = node.args[0]
        operand = self._name(table, table.batched)
        if isinstance(table, ir.Constant):  # an array even if it is one number
            operand = self._constant(table, table.data)
        self._write(f"take_rows({operand}, {self._places(node)}, {self._array(node)})")

    @lowerings.of(ir.AddRows)
    def _add_rows(self, node: ir.AddRows) -> None:
        self._write(f"add_rows({self._name(node.args[0], True)}, {self._places(node)}, {self._array(node)})")

    def _places(self, node: Any) -> str:
        """The rows of an index, found once by `load` if they depend on the batch alone."""
        index, name = node.args[1], f"starts{node.number}"
        name = next((known for known, starts in self.constants.items() if starts is node.starts), name)
        self.constants[name] = node.starts
        found = f"places({self._name(index, index.batched)}, {node.length}, {name})"
        return self._bind(found, self.loading) if self.target.is_invariant(index) else found

    @lowerings.of(ir.Reduce)
    def _reduce(self, node: ir.Reduce) -> None:
        operand, out = self._name(node.args[0], node.batched), self._array(node)
        initial = f", initial={node.args[0].shape[0]}.0" if node.how == "min" else ""
        reduce = f"np.{_UFUNCS[node.how]}.reduce"
        self._write(f"{reduce}({operand}, axis={node.axis}, keepdims=True{initial}, out={out})")

    @lowerings.of(ir.LeaveOneOutSum)
    def _leave_one_out_sum(self, node: Node) -> None:
        """A product with 1 − I; for many rows running sums from both ends."""
        (x,) = node.args
        if node.shape[0] > tuning.NUMPY_SQUARE:
            rows, out = self._name(x, node.batched), self._array(node)
            self._write(f"{out}[0] = 0.0")
            self._write(f"np.add.accumulate({rows}[:-1], axis=0, out={out}[1:])")
            self._write(f"{out}[:-1] += np.add.accumulate({rows}[:0:-1], axis=0)[::-1]")
            return
        name = f"c{node.number}"
        self.constants[name] = (1.0 - np.eye(node.shape[0])).astype(self.dtype)
        operand = self._matrix(x)
        self._array(node)
        self._write(f"np.matmul({name}, {operand}, out={self._matrix(node)})")

    @lowerings.of(ir.MatMul)
    def _matmul(self, node: ir.MatMul) -> None:
        a, b = node.args
        left = self._transposed(a, self._name(a, False)) if node.transposed else self._name(a, False)
        right = self._matrix(b)
        self._array(node)
        self._write(f"np.matmul({left}, {right}, out={self._matrix(node)})")

    @lowerings.of(ir.Outer)
    def _outer(self, node: Node) -> None:
        a, b = node.args
        left, right = self._matrix(a), self._transposed(b, self._matrix(b))
        self._write(f"np.matmul({left}, {right}, out={self._array(node)})")

    @lowerings.of(ir.BatchSum)
    def _batch_sum(self, node: Node) -> None:
        """A product with ones: BLAS sums several times as fast as numpy."""
        operand = self._name(node.args[0], True)
        self._write(f"np.matmul({operand}, {self._ones()}, out={self._array(node)})")

    def _ones(self) -> str:
        return self._bind("np.ones(B, dtype)", self.preparation)

    @lowerings.of(ir.Broadcast)
    def _broadcast(self, node: Node) -> None:
        operand = self._name(node.args[0], node.batched)
        self._write(f"np.copyto({self._array(node)}, {operand})")

    @lowerings.of(ir.Fused)
    def _fused(self, node: Node) -> None:
        raise NotImplementedError("a pass of this back end expands fused rules before")  # refused


Codegen.lowerings.require_all()


def view(base: Any, start: int, shape: Shape, steps: Shape) -> Any:
    """Rows of `base`, (n, B) or (n,), from `start` on, `steps` apart along the axes of `shape`."""
    row, *lane = base.strides
    return np.ndarray(
        (*shape, *base.shape[1:]),
        base.dtype,
        base if base.flags.c_contiguous else base.T,
        start * row,
        (*(step * row for step in steps), *lane),
    )
