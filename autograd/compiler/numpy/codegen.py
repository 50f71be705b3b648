"""The source of the numpy back end: Python with one call of numpy for each node.

Arrays are planned: `prepare` allocates them once for a size of batch, an array is used again as soon as
nobody reads it any more, and a result is written in place where an operand is read for the last time.
Evenly spaced rows are a view, and a matrix product is one call of BLAS. What depends on the batch alone is
computed by `load`, once for all updates from the same batch.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import numpy as np

from ...engine.primitives import TABLE
from .. import tuning
from ..ir.index_maps import is_injective, is_partition, strides_of
from ..ir.nodes import (
    Apply,
    BatchSum,
    Broadcast,
    Constant,
    Fused,
    Gather,
    Indices,
    Inputs,
    LeaveOneOutSum,
    MatMul,
    Node,
    Outer,
    Parameters,
    Reduce,
    ScatterAdd,
    Shape,
    Symbol,
    ancestry,
    applies,
)
from ..ir.registry import Rules

__all__ = ["IN_PLACE", "Codegen", "view"]

RELU, STEP = TABLE["relu"], TABLE["step"]

_SYMBOLS = "cotangent, batch_size, total_cotangent"  # arguments of `load` and `run`
_UFUNCS = {"sum": "add", "max": "maximum", "min": "fmin"}  # of a `Reduce`
_OPERATORS = {"add": "{} + {}", "sub": "{} - {}", "mul": "{} * {}", "neg": "-{}"}
# Rows whose array form is not one function of numpy, and can be written without new arrays.
_NEGATIVE = bool(np.signbit(np.maximum(np.full(65, -0.0), np.zeros(65))).any())
_CLEAN = ("np.add({out}, 0.0, out={out})",) if _NEGATIVE else ()
# Of −0 numpy's maximum with 0 is one of the two, as the machine has it; with one 0 it takes twice as long.
IN_PLACE = {
    "relu": ("np.maximum({0}, {zeros}, out={out})", *_CLEAN),
    "step": ("np.maximum({0}, {zeros}, out={out})", "np.sign({out}, out={out})"),
}
_STEP_OF_RELU = ("np.sign({0}, out={out})",)


class Codegen:
    """Writes `prepare(B)`, which allocates arrays, and in it `load` and `run`, which compute.

    With `own`, `prepare(B)` returns `bind`, and ``bind(parameters)`` returns `load` and `run` for parameters
    in that array. The next `run` overwrites the results of the last one, so that a training copies nothing.
    """

    lowerings: ClassVar[Rules[Callable[[Any, Any, int], None]]] = Rules("numpy")

    def __init__(self, outputs: Sequence[Node], dtype: Any, own: bool) -> None:
        self.outputs, self.dtype, self.own = outputs, dtype, own
        order = ancestry(outputs)
        self.early: set[Node] = set()  # what depends on the batch alone
        for node in order:
            varying = [arg for arg in node.args if not isinstance(arg, Constant)]
            if isinstance(node, (Inputs, Symbol)) or (varying and self.early.issuperset(varying)):
                self.early.add(node)
        # These come first, so that no array that they are in is one that `run` has used before.
        self.order = sorted(order, key=lambda node: node not in self.early)
        self.constants: dict[str, Any] = {"rows": {}}
        self.preparation: list[str] = []
        self.binding: list[str] = []  # views of the parameters, with `own`
        self.loading: list[str] = []
        self.running: list[str] = []
        self.schedule: list[str] = []  # for each node when it is computed, and where
        self.lines = self.loading
        self.views: list[str] = []  # of the batch
        self.bound: dict[str, str] = {}  # by expression, the name that it was bound to
        self.shaped: set[Node] = set()  # of these it is in the node's own shape
        self.flat: dict[
            Node, str
        ] = {}  # of a node in an array of its own or in a view, all rows along one axis
        self.free: dict[tuple[int, bool], list[str]] = {}
        self.number: dict[Node, str] = {}  # of `numbers` the variable
        self._plan_numbers()
        # Of few parameters a copy is quicker than views of the caller's array each time.
        self.few = self.order[0].graph.parameters.size <= tuning.NUMPY_COPIED
        # What `run` reads of `load`: in an array that both know, or a view that is handed on if it is read as
        # a matrix only, for BLAS takes the rows of a batch as they are.
        late = [node for node in self.order if node not in self.early]
        self.loaded = self.early & {*outputs, *[arg for node in late for arg in node.args]}
        self.entered = self.early & {
            *outputs,
            *[arg for node in late if node in self.numbers or not _is_product(node) for arg in node.args],
        }
        graph = self.order[0].graph
        self.outside: set[Node] = set()  # what stays in the caller's array
        if not (self.few or own):
            self.outside.add(graph.parameters)
        if graph.inputs not in self.entered:
            self.outside.add(graph.inputs)
        self.fresh: set[Node] = set()  # for the caller to keep
        if not self.few and not own:
            self.fresh |= {
                output
                for output in outputs
                if not output.batched and not isinstance(output, Gather) and output not in self.early
            }
        self._plan()

    def _plan_numbers(self) -> None:
        """Decide which nodes are floats in `run`: an array of one number takes ten times as long."""
        self.numbers: set[Node] = set()
        in_arrays = set(self.outputs)  # those of them that are also read as arrays
        for node in self.order:
            if node.size == 1 and not node.batched and node not in self.early and self._is_number(node):
                self.numbers.add(node)
        for node in reversed(self.order):
            scalar = node in self.numbers and node not in in_arrays
            if not (scalar and isinstance(node, Gather)) and (
                not isinstance(node, Apply) or node.row.vectors
            ):
                in_arrays.update(node.args)
        self.in_arrays = self.numbers & in_arrays

    def _is_number(self, node: Node) -> bool:
        if isinstance(node, BatchSum):
            return True
        if _is_product(node):
            a, b = node.args
            return a.batched == b.batched
        known = [
            arg in self.numbers or isinstance(arg, Symbol) or arg.scalar is not None for arg in node.args
        ]
        return all(known) and (
            isinstance(node, Gather) or (isinstance(node, Apply) and node.row.name in _OPERATORS)
        )

    def _plan(self) -> None:
        """Decide which nodes share an array, and how long each array is read."""
        self.matrices = {
            each
            for node in self.order
            if isinstance(node, (MatMul, Outer, LeaveOneOutSum))
            for each in (node, *node.args)
            if each.batched
        }
        self.owner: dict[Node, Node] = {}
        self.homes: dict[Node, tuple[Node, Indices]] = {}  # computed in its place in a "put"
        for node in self.order:
            if isinstance(node, Gather) and node not in self.numbers and self._is_view(node):
                self.owner[node] = self._owner(node.args[0])
        viewed = {node.args[0] for node in self.owner}
        for node in self.order:
            if isinstance(node, ScatterAdd) and is_partition(node):
                for index, arg in node.pieces:
                    if (
                        isinstance(arg, (MatMul, Outer, BatchSum, Apply))
                        and arg not in self.homes
                        and arg not in self.outputs
                        and arg not in viewed
                        and (arg.shape, arg.batched) == (index.shape, node.batched)
                        and self._spaced(arg, index)
                    ):
                        self.homes[arg] = node, index
        # A constant in a "put" is written once, if its array is not used for anything else.
        self.lasting: set[tuple[Node, Node]] = set()
        held: set[Node] = set()
        for node in self.order:
            if isinstance(node, ScatterAdd) and is_partition(node):
                constant = [arg for index, arg in node.pieces if arg.scalar is not None and strides_of(index)]
                others = [arg for arg in node.args if arg not in constant and arg not in self.homes]
                if constant and not others:
                    self.lasting |= {(node, arg) for arg in constant}
                    held.add(node)
        self.last: dict[Node, int] = dict.fromkeys(map(self._owner, self.outputs), len(self.order))
        for output in [output for output in self.fresh if isinstance(output, Apply)]:
            for arg in output.args:  # it is written into the array of what is read by nobody else
                if (
                    isinstance(arg, ScatterAdd)
                    and sum(arg in node.args for node in self.order) == 1
                    and not arg.batched
                ):
                    self.fresh.add(arg)
        for number, node in enumerate(self.order):
            for each in (*node.args, node):
                owner = self._owner(each)
                self.last[owner] = max(self.last.get(owner, 0), number)
        held.update(map(self._owner, self.loaded))
        if self.own:
            held.update(node for node in self.order if isinstance(node, Parameters))
        self.last |= dict.fromkeys(held, len(self.order))
        self.held = held

    def _owner(self, node: Node) -> Node:
        """The node whose array this one is a part of."""
        while node in self.homes or node in self.owner:
            node = self.homes[node][0] if node in self.homes else self.owner[node]
        return node

    def _is_view(self, node: Gather) -> bool:
        (x,) = node.args
        if isinstance(x, Inputs) and x in self.outside and node in self.entered:
            return False
        return not isinstance(x, Symbol) and self._spaced(node, node.index)

    def _spaced(self, node: Node, index: Indices) -> bool:
        """Whether a node may be a view of these rows of another.

        They must be evenly spaced, and the columns of a matrix contiguous: its reshaping is a copy otherwise.
        """
        spaced = strides_of(index)
        return spaced is not None and min(spaced[1]) > 0 and (node not in self.matrices or spaced[1][-1] == 1)

    # --- names

    def _bind(self, expression: str, lines: list[str]) -> str:
        """A name for a view, which is made once in these lines."""
        if expression not in self.bound:
            name = f"v{len(self.bound)}"
            self.bound[expression] = name
            lines.append(f"{name} = {expression}")
            if lines is self.loading:
                self.views.append(name)
        return self.bound[expression]

    def _known(self, node: Node) -> list[str]:
        """The lines where the array of a node is there first, so that views of it are made there."""
        owner = self._owner(node)
        if isinstance(owner, Parameters) and self.own:
            return self.binding
        return self.lines if owner in self.outside or owner in self.fresh else self.preparation

    def _shaped(self, node: Node, shape: str) -> str:
        """The array of a node in a shape."""
        return self._bind(f"{self.flat[node]}.reshape({shape})", self._known(node))

    def _name(self, node: Node, batched: bool) -> str:
        """A node as an operand of what is batched, or not."""
        if isinstance(node, Symbol):
            return node.name
        if isinstance(node, Constant):
            if node.scalar is not None:
                return repr(node.scalar) if math.isfinite(node.scalar) else f"float('{node.scalar}')"
            return self._constant(node, node.data[..., None] if batched else node.data)
        lane = "B" if node.batched else "1" if batched else ""
        if (node.batched or not batched) and (len(node.shape) == 1 or node in self.shaped):
            return self.flat[node]
        return self._shaped(node, f"{', '.join(filter(None, [*map(str, node.shape), lane]))}")

    def _constant(self, node: Constant, data: Any) -> str:
        name = f"c{node.number}{'b' if data.ndim > len(node.shape) else ''}"
        self.constants[name] = data.astype(self.dtype)
        return name

    def _matrix(self, node: Node, batched: bool) -> str:
        """A node as a matrix: its first axis, and all the others in one."""
        if not batched or not node.batched:
            return self._name(node, False)
        if node.shape[1:] in ((), (1,)):
            return self.flat[node]
        return self._shaped(node, f"{node.shape[0]}, -1")

    def _transposed(self, node: Node, matrix: str) -> str:
        return self._bind(f"{matrix}.T", self._known(node))

    # --- arrays

    def _array(self, node: Node) -> str:
        """The array for a result: its home in another, a free one, or a new one."""
        if node in self.homes:
            put, index = self.homes[node]
            if put not in self.flat:
                self._allocate(put)
            self._lie_in(node, put, index)
        else:
            self._allocate(node)
        return self._name(node, node.batched)

    def _allocate(self, node: Node) -> None:
        if node in self.fresh:
            self.flat[node] = self._bind(f"np.empty({node.size}, dtype)  # n{node.number}", self.lines)
            return
        free = self.free.get((node.size, node.batched))
        if free and node not in self.held:
            self.flat[node] = free.pop()
            return
        rows = f"({node.size}, B)" if node.batched else f"{node.size}"
        self.flat[node] = self._bind(f"np.empty({rows}, dtype)  # n{node.number}", self.preparation)

    def _in_place(self, node: Node, number: int) -> str | None:
        """The array of an operand that is read here for the last time, if it fits."""
        if node in self.homes:
            return None
        for arg in node.args:
            if (
                arg in self.flat
                and self._owner(arg) is arg
                and self.last[arg] == number
                and (arg in self.fresh) is (node in self.fresh)
                and not isinstance(arg, (Parameters, Inputs))
                and (arg.shape, arg.batched) == (node.shape, node.batched)
            ):
                self.flat[node] = self.flat.pop(arg)
                return self._name(node, node.batched)
        return None

    def _lie_in(self, node: Node, owner: Node, index: Indices) -> None:
        self.flat[node] = self._part(owner, index)
        if strides_of(index.reshape(-1)) is None:
            self.shaped.add(node)

    def _part(self, node: Node, index: Indices) -> str:
        """Evenly spaced rows of an array, along one axis if they are so there."""
        start, steps = strides_of(index)  # type: ignore[misc]  # only rows that are evenly spaced come here
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
        for number, node in enumerate(self.order):
            self.lines = self.loading if node in self.early else self.running
            if node in self.numbers:
                self._compute(node)
            else:
                self.lowerings[type(node)](self, node, number)
            place = self.number.get(node) or self.flat.get(node) or "-"
            self.schedule.append(f"{'load' if node in self.early else 'run':5} {place:8} {node!r}")
            for done in [done for done in self.flat if self.last.get(done, number + 1) <= number]:
                name = self.flat.pop(done)
                if self._known(done) is self.preparation:
                    self.free.setdefault((done.size, done.batched), []).append(name)
        results = [self._result(output) for output in self.outputs]
        used = set(re.findall(r"\bv\d+\b", "\n".join([*self.running, *results])))
        views = "".join(f"{name}, " for name in self.views if name in used)
        if views:
            self.running.insert(0, f"{views}= views")
        self.loading.append(f"return {views.rstrip() or '()'}")
        functions = [
            "",
            f"def load(batch, {_SYMBOLS}):",
            *[f"    {line}" for line in self.loading],
            "",
            f"def run(parameters, views, {_SYMBOLS}):",
            *[f"    {line}" for line in self.running],
            f"    return {', '.join(results)},",
            "",
            "return load, run",
        ]
        if self.own:
            body = [*self.binding, *functions]
            functions = ["", "def bind(parameters):", *[f"    {line}" for line in body], "", "return bind"]
        body = [*self.preparation, *functions]
        return "\n".join(["def prepare(B):", *[f"    {line}".rstrip() for line in body], ""])

    @lowerings.of(Constant, Symbol)
    def _named(self, node: Node, number: int) -> None:
        """What is written where it is read."""

    @lowerings.of(Parameters, Inputs)
    def _given(self, node: Node, number: int) -> None:
        """The caller's arrays, or copies of them."""
        given = "parameters" if isinstance(node, Parameters) else "batch.T"
        if isinstance(node, Parameters) and self.own:
            self.flat[node] = given
        elif node not in self.outside:
            self._allocate(node)
            self._write(f"np.copyto({self.flat[node]}, {given})")
        else:
            self.flat[node] = given if isinstance(node, Parameters) else self._bind(given, self.lines)

    def _result(self, output: Node) -> str:
        if isinstance(output, (Symbol, Constant)):
            return f"np.full({output.shape}, {self._name(output, False)}, dtype)"
        name = self._name(output, output.batched)
        passing = self.own and self._owner(output) not in self.held  # it is computed anew each time
        return name if passing or output in self.fresh else f"{name}.copy()"

    def _write(self, line: str) -> None:
        self.lines.append(line)

    def _compute(self, node: Node) -> None:
        """A number."""
        if isinstance(node, Gather):
            self.number[node] = self._operand(node.args[0], False)
        else:
            self.number[node] = f"n{node.number}"
            if isinstance(node, Apply):
                operands = [self._operand(arg, False) for arg in node.args]
                expression = _OPERATORS[node.row.name].format(*operands)
            else:
                a, b = *map(self._line, node.args), *([self._ones()] if isinstance(node, BatchSum) else [])
                expression = f"{a}.dot({b})"
            self._write(f"n{node.number} = {expression}")
        if node in self.in_arrays:
            self._write(f"{self._array(node)}.fill({self.number[node]})")

    def _line(self, node: Node) -> str:
        """All numbers of a node along one axis."""
        if not isinstance(node, Constant) and not node.batched:
            return self.flat[node]
        name = self.flat[node] if node.batched else self._name(node, False)
        return self._bind(f"{name}.reshape(-1)", self._known(node))

    def _operand(self, node: Node, batched: bool) -> str:
        """A node as an operand of what is batched, or not: a number where it is one."""
        return self.number.get(node) or self._name(node, batched)

    @lowerings.of(Apply)
    def _apply(self, node: Apply, number: int) -> None:
        row = node.row
        operands = [
            # A vector of one constant is an array too.
            self._constant(arg, arg.data[..., None] if node.batched else arg.data)
            if i in row.vectors and isinstance(arg, Constant)
            else (self._name if row.vectors else self._operand)(arg, node.batched)
            for i, arg in enumerate(node.args)
        ]
        out = None if row.vectors else self._in_place(node, number)
        out = out or self._array(node)
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

    @lowerings.of(Gather)
    def _gather(self, node: Gather, number: int) -> None:
        (x,) = node.args
        if node in self.owner:
            self._lie_in(node, x, node.index)
            return
        out = self._array(node)
        if isinstance(x, Symbol):
            self._write(f"{out}.fill({x.name})")
            return
        if isinstance(x, Inputs) and self._spaced(node, node.index):
            in_line = strides_of(node.index.reshape(-1)) is not None
            self._write(f"np.copyto({self.flat[node] if in_line else out}, {self._part(x, node.index)})")
            return
        name = f"i{node.number}"
        self.constants[name] = node.index
        if isinstance(x, Inputs):
            self._write(f"{out}[...] = {self.flat[x]}[{name}]")
        else:
            self._write(f"np.take({self.flat[x]}, {name}, axis=0, out={out}, mode='clip')")

    @lowerings.of(ScatterAdd)
    def _scatter_add(self, node: ScatterAdd, number: int) -> None:
        if node not in self.flat:
            self._array(node)
        whole = is_partition(node)
        rows = self.flat[node]
        if not whole:
            self._write(f"{rows}.fill(0.0)")
        for piece_number, (index, arg) in enumerate(node.pieces):
            if self.homes.get(arg, (None, None))[1] is index:
                continue
            piece = self._name(arg, node.batched)
            if (node, arg) in self.lasting and self._known(node) is self.preparation:
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

    @lowerings.of(Reduce)
    def _reduce(self, node: Reduce, number: int) -> None:
        operand, out = self._name(node.args[0], node.batched), self._array(node)
        initial = f", initial={node.args[0].shape[0]}.0" if node.how == "min" else ""
        reduce = f"np.{_UFUNCS[node.how]}.reduce"
        self._write(f"{reduce}({operand}, axis={node.axis}, keepdims=True{initial}, out={out})")

    @lowerings.of(LeaveOneOutSum)
    def _leave_one_out_sum(self, node: Node, number: int) -> None:
        """By a matrix without its diagonal; of many rows the sums of those before and of those after."""
        (x,) = node.args
        if node.shape[0] > tuning.NUMPY_SQUARE:
            rows, out = self._name(x, node.batched), self._array(node)
            self._write(f"{out}[0] = 0.0")
            self._write(f"np.add.accumulate({rows}[:-1], axis=0, out={out}[1:])")
            self._write(f"{out}[:-1] += np.add.accumulate({rows}[:0:-1], axis=0)[::-1]")
            return
        name = f"c{node.number}"
        self.constants[name] = (1.0 - np.eye(node.shape[0])).astype(self.dtype)
        operand = self._matrix(x, node.batched)
        self._array(node)
        self._write(f"np.matmul({name}, {operand}, out={self._matrix(node, node.batched)})")

    @lowerings.of(MatMul)
    def _matmul(self, node: MatMul, number: int) -> None:
        a, b = node.args
        left = self._transposed(a, self._name(a, False)) if node.transposed else self._name(a, False)
        right = self._matrix(b, b.batched)
        self._array(node)
        self._write(f"np.matmul({left}, {right}, out={self._matrix(node, node.batched)})")

    @lowerings.of(Outer)
    def _outer(self, node: Node, number: int) -> None:
        a, b = node.args
        left, right = self._matrix(a, a.batched), self._transposed(b, self._matrix(b, b.batched))
        self._write(f"np.matmul({left}, {right}, out={self._array(node)})")

    @lowerings.of(BatchSum)
    def _batch_sum(self, node: Node, number: int) -> None:
        """By BLAS, which adds up several times as fast as numpy."""
        operand = self._name(node.args[0], True)
        self._write(f"np.matmul({operand}, {self._ones()}, out={self._array(node)})")

    def _ones(self) -> str:
        return self._bind("np.ones(B, dtype)", self.preparation)

    @lowerings.of(Broadcast)
    def _broadcast(self, node: Node, number: int) -> None:
        operand = self._name(node.args[0], node.batched)
        self._write(f"np.copyto({self._array(node)}, {operand})")

    @lowerings.of(Fused)
    def _fused(self, node: Node, number: int) -> None:
        raise NotImplementedError("fused rules are written out before")  # by a pass


Codegen.lowerings.require_all()


def _is_product(node: Node) -> bool:
    return isinstance(node, (MatMul, Outer))


def view(base: Any, start: int, shape: Shape, steps: Shape) -> Any:
    """Rows of `base` that lie `steps` rows apart along each axis of `shape`."""
    row, *lane = base.strides
    return np.ndarray(
        (*shape, *base.shape[1:]),
        base.dtype,
        base if base.flags.c_contiguous else base.T,
        start * row,
        (*(step * row for step in steps), *lane),
    )
