"""The code of nodes, and a pass over a batch."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, NamedTuple

import numpy as np

from ...engine.primitives import TABLE
from .. import tuning
from ..ir import nodes as ops
from ..ir.index_maps import broadcast_rows, is_contiguous, is_injective
from ..ir.nodes import MUL, Indices, Node, applies
from ..ir.registry import Rules
from .builder import is_long
from .layout import AFTER, BEFORE, WITHIN
from .memory import Memory
from .reductions import Reductions

__all__ = ["Kernel", "Table"]


class Table(NamedTuple):
    """Numbers of examples: column i of example e is at ``pointer[e * step + i]``."""

    pointer: Any
    width: int
    step: Any  # 0 if all examples have the same


class Kernel:
    """A program as code: each node by the lowering of its operation, loop by loop of the layout."""

    lowerings: ClassVar[Rules[Callable[..., None]]] = Rules("llvm")

    def __init__(self, memory: Memory) -> None:
        self.code, self.layout, self.memory = memory.code, memory.layout, memory
        self.reductions = Reductions(memory)
        self.width = 1  # lanes of the values of this phase
        self.within = False  # whether it is that of the blocks
        self.by_rows = False  # whether lanes hold rows, for they hold no examples

    def emit(self, phase: int) -> None:
        """Write the code of all steps of a phase."""
        layout = self.layout
        self.within = phase == WITHIN
        self.width = layout.lanes if self.within else 1
        self.code.unrolled = layout.straight and (self.within or layout.lanes == 1)
        self.by_rows = self.width == 1 and not self.code.unrolled
        for group in layout.groups[phase]:
            node = group[0]
            if isinstance(node, ops.Apply):
                self._elementwise([each for each in group if isinstance(each, ops.Apply)])
            elif node in layout.sums:
                self.reductions.accumulate(node)
            else:
                self.lowerings[type(node)](self, node)

    def _elementwise(self, run: list[ops.Apply]) -> None:
        code, memory, layout, shape = self.code, self.memory, self.layout, run[0].shape
        kept = [node for node in run if node in layout.kept]
        # Eight lanes at a time where the code is long, as that of exp.
        long = any(is_long(node.row) for node in run)
        eights = self.within and not layout.straight and layout.lanes > 8 and long
        width = 8 if eights else self.width
        flat = self._flat_views(run) if self.by_rows else None
        again = not any(map(memory.is_elsewhere, kept))  # which may be where an operand is

        def compute(index: tuple[Any, ...], lanes: int) -> None:
            local: dict[Node, Any] = {}
            for node in run:
                args = node.args if flat is None else [flat.get(arg, arg) for arg in node.args]
                values = [local[arg] if arg in local else self._get(arg, index, lanes) for arg in args]
                local[node] = code.apply(node.row, values)
            for node in kept:
                row = index[0] if flat is not None else memory.flat(node, index)
                memory.write(node, row, local[node], lanes)

        def compute_together(outside: tuple[int, ...], rows: list[int]) -> None:
            local: dict[Node, Any] = {}
            lanes = rows + rows[-1:] * ((1 << (len(rows) - 1).bit_length()) - len(rows))
            for node in run:
                values = [
                    local[arg]
                    if arg in local
                    else code.together([memory.get(arg, (*outside, j), 1) for j in lanes])
                    for arg in node.args
                ]
                local[node] = code.apply(node.row, values)
            for node in kept:
                for k, j in enumerate(rows):
                    memory.set(node, (*outside, j), code.lane(local[node], k), 1)

        def line(*outside: Any) -> None:
            length = shape[-1]
            if code.unrolled and width == 1 and long:  # a vector of rows takes as long as one of them
                for first in range(0, length, 8):
                    together = list(range(length)[first : first + 8])
                    if len(together) > 1:
                        compute_together(outside, together)
                    else:
                        compute((*outside, first), 1)
                return
            if self.by_rows:
                code.rows(length, lambda j, lanes: compute((*outside, j), lanes), again)
            else:
                code.every(length, lambda j: compute((*outside, j), width))

        def everywhere() -> None:
            if flat is not None:
                code.rows(run[0].size, lambda j, lanes: compute((j,), lanes), again)
            elif len(shape) == 1:
                line()
            else:
                code.each(shape[:-1], line)

        def some_lanes(first: Any) -> None:
            with memory.lanes_from(first):
                everywhere()

        if eights:
            code.loop(0, layout.lanes, 8, some_lanes)
        else:
            everywhere()

    def _flat_views(self, run: Sequence[ops.Apply]) -> dict[Node, Node] | None:
        """The operands of nodes as one axis each, if all lie in memory as the rows of the nodes do."""
        views: dict[Node, Node] = {}
        for arg in {arg for node in run for arg in node.args if arg not in run}:
            if arg.size != 1 and arg.shape != run[0].shape:
                return None
            views[arg] = arg.graph.reshape(arg, (arg.size,))
            if self.memory.along(views[arg]) is None:
                return None
        return views if len(run[0].shape) > 1 else {}

    def _get(self, node: Node, index: tuple[Any, ...], lanes: int) -> Any:
        return self.memory.get(node, index, lanes, self.by_rows)

    def _each(self, shape: Sequence[int], body: Callable[..., None], again: bool = True) -> None:
        """``body(index, lanes)`` for each index of a shape."""
        code = self.code
        if not self.by_rows or not shape:
            code.each(shape, lambda *index: body(index, self.width))
            return
        *outer, length = shape
        code.each(
            outer,
            lambda *outside: code.rows(length, lambda i, lanes: body((*outside, i), lanes), again),
        )

    # --- operations

    @lowerings.of(ops.ScatterAdd)
    def _scatter_add(self, node: ops.ScatterAdd) -> None:
        code, memory, joined = self.code, self.memory, self.layout.joined
        adding = np.concatenate([np.zeros(0, np.intp), *map(np.unique, node.indices)])  # pieces, by row
        once = bool((np.bincount(adding, minlength=node.size) == 1).all())
        if not once:
            self._each([node.size], lambda i, lanes: memory.write(node, i[0], code.number(0.0, lanes), lanes))
        for index, arg in node.pieces:
            if arg in joined and joined[arg][0] is node:
                continue
            if not is_injective(index):
                self._add_sums(node, index.reshape(-1), arg, once)
                continue

            def carry(place: Any, lanes: int, arg: Node = arg, index: Indices = index) -> None:
                value, row = self._get(arg, place, lanes), memory.chosen(index, place)
                if not once:
                    value = code.llvm.fadd(memory.read(node, row, lanes, self.by_rows), value)
                memory.write(node, row, value, lanes)

            if is_contiguous(index):
                self._each(index.shape, carry, again=once)
            else:
                code.each(index.shape, lambda *place, carry=carry: carry(place, self.width))

    def _add_sums(self, node: ops.ScatterAdd, index: Indices, arg: Node, once: bool) -> None:
        """Add a piece that names rows more than once: each row's sum is computed in registers."""
        code, memory, width = self.code, self.memory, self.width
        order = np.argsort(index, kind="stable")
        rows, first = np.unique(index[order], return_index=True)
        bounds = np.append(first, len(index))
        counts = set(np.diff(bounds).tolist())
        factors = arg.args if arg in self.layout.inlined and applies(arg, MUL) else [arg]
        terms = [self._rows_of(each, broadcast_rows(each, arg.shape)[order]) for each in factors]

        def add(k: Any, total: Any) -> list[Any]:
            return [self._plus(total, [term(k) for term in terms])]

        def row(i: Any) -> None:
            target = memory.chosen(rows, (i,))
            start = memory.chosen(bounds, (i,))
            total = code.number(0.0, width) if once else memory.read(node, target, width)
            if code.unrolled or (len(counts) == 1 and max(counts) <= 8):
                count = int(np.diff(bounds)[i]) if code.unrolled else max(counts)
                for k in range(count):
                    (total,) = add(code.plus(start, k), total)
            else:
                (total,) = code.loop(start, memory.chosen(bounds, (code.plus(i, 1),)), 1, add, [total])
            memory.write(node, target, total, width)

        code.every(len(rows), row)

    def _rows_of(self, node: Node, rows: Indices) -> Callable[[Any], Any]:
        """A function from k to the number of a node in row ``rows[k]``."""
        if isinstance(node, ops.Apply) and node in self.layout.inlined:
            row = node.row
            args = [self._rows_of(arg, broadcast_rows(arg, node.shape)[rows]) for arg in node.args]
            return lambda k: self.code.apply(row, [arg(k) for arg in args])
        view = node.graph.gather(node.graph.reshape(node, (node.size,)), rows)
        return lambda k: self.memory.get(view, (k,), self.width)

    def _plus(self, total: Any, factors: Sequence[Any]) -> Any:
        """A sum and a number, or a product of two."""
        a, *b = factors
        return self.code.fma(a, b[0], total) if b else self.code.llvm.fadd(total, a)

    @lowerings.of(ops.TakeRows)
    def _take_rows(self, node: ops.TakeRows) -> None:
        memory, width, table = self.memory, self.width, node.args[0]

        def row(j: Any) -> None:
            places = [] if memory.is_in_registers(table) else memory.places(node, j, width)

            def column(c: Any) -> None:
                value = memory.taken(table, places, c, width) if places else self._chosen(node, j, c)
                memory.set(node, (j, c), value, width)

            self.code.every(node.shape[1], column)

        self.code.every(node.shape[0], row)

    def _chosen(self, node: ops.TakeRows, j: int, c: int) -> Any:
        """The same of a table in registers, which have no address."""
        code, memory, width, (table, index) = self.code, self.memory, self.width, node.args
        named, start = memory.get(index, (j,), width), int(node.starts[j])
        value = memory.get(table, (start, c), width)
        for k in range(1, node.length):
            here = code.llvm.fcmp_ordered("==", named, code.number(float(k), width))
            value = code.llvm.select(here, memory.get(table, (start + k, c), width), value)
        return value

    @lowerings.of(ops.AddRows)
    def _add_rows(self, node: ops.AddRows) -> None:
        code, memory, width, x = self.code, self.memory, self.width, node.args[0]
        if memory.is_in_registers(node):
            code.each(node.shape, lambda row, c: memory.set(node, (row, c), self._added(node, row, c), width))
            return
        zero = code.number(0.0, width)
        code.every(node.size, lambda i: memory.write(node, i, zero, width))

        def row(j: Any) -> None:
            places = memory.places(node, j, width)
            code.every(
                node.shape[1], lambda c: memory.add(node, places, c, memory.get(x, (j, c), width), width)
            )

        code.every(x.shape[0], row)

    def _added(self, node: ops.AddRows, row: int, c: int) -> Any:
        """The sum that a number in registers gets."""
        code, memory, width, (x, index) = self.code, self.memory, self.width, node.args
        total = zero = code.number(0.0, width)
        for j, start in enumerate(node.starts.tolist()):
            if start <= row < start + node.length:
                named, k = memory.get(index, (j,), width), code.number(float(row - start), width)
                here = code.llvm.fcmp_ordered("==", named, k)
                total = code.llvm.fadd(total, code.llvm.select(here, memory.get(x, (j, c), width), zero))
        return total

    @lowerings.of(ops.Broadcast)
    def _broadcast(self, node: Node) -> None:
        self._each(
            node.shape,
            lambda index, lanes: self.memory.set(node, index, self._get(node.args[0], index, lanes), lanes),
        )

    @lowerings.of(ops.Reduce)
    def _reduce(self, node: ops.Reduce) -> None:
        code, memory, llvm = self.code, self.memory, self.code.llvm
        (x,), axis = node.args, node.axis
        start, rule = {
            "sum": (0.0, llvm.fadd),
            "max": (-math.inf, lambda a, b: code.apply(TABLE["maximum"], [a, b])),
            "min": (float(x.shape[0]), lambda a, b: llvm.select(llvm.fcmp_ordered("<", b, a), b, a)),
        }[node.how]

        def along(rest: Any, lanes: int) -> None:
            def index(i: Any) -> tuple[Any, ...]:
                return (*rest[:axis], i, *rest[axis:])

            (result,) = code.every(
                x.shape[axis],
                lambda i, so_far: [rule(so_far, self._get(x, index(i), lanes))],
                [code.number(start, lanes)],
            )
            memory.set(node, index(0), result, lanes)

        others = [length for i, length in enumerate(x.shape) if i != axis]
        if axis < len(x.shape) - 1:
            self._each(others, along)
        else:
            code.each(others, lambda *rest: along(rest, self.width))

    @lowerings.of(ops.LeaveOneOutSum)
    def _leave_one_out_sum(self, node: Node) -> None:
        """The running sum of the rows before each, and then of those after it."""
        code, memory, llvm = self.code, self.memory, self.code.llvm
        (x,), n = node.args, node.shape[0]

        def column(rest: Any, lanes: int) -> None:
            zero = code.number(0.0, lanes)

            def before(i: Any, so_far: Any) -> list[Any]:
                memory.set(node, (i, *rest), so_far, lanes)
                return [llvm.fadd(so_far, self._get(x, (i, *rest), lanes))]

            def after(i: Any, so_far: Any) -> list[Any]:
                j = n - 1 - i if isinstance(i, int) else llvm.sub(code.whole_number(n - 1), i)
                both = llvm.fadd(self._get(node, (j, *rest), lanes), so_far)
                memory.set(node, (j, *rest), both, lanes)
                return [llvm.fadd(so_far, self._get(x, (j, *rest), lanes))]

            code.every(n, before, [zero])
            code.every(n, after, [zero])

        self._each(node.shape[1:], column)

    @lowerings.of(ops.MatMul)
    def _matmul(self, node: ops.MatMul) -> None:
        code, memory, (a, b) = self.code, self.memory, node.args
        n, (length, columns) = b.shape[0], node.shape
        if not self.within and node.size == 1:
            self._inner(node, a, b)
            return
        if self.by_rows and columns == 1 and memory.along(a) == "unit" and a.shape[-1] >= 8:
            (self._columns_times if node.transposed else self._rows_times)(node, a, b)
            return

        def cells(first: Any, count: int, column: Any, lanes: int) -> None:
            def step(k: Any, *sums: Any) -> list[Any]:
                right = self._get(b, (k, column), lanes)
                return [
                    code.fma(memory.get(a, (k, row) if node.transposed else (row, k), lanes), right, so_far)
                    for row, so_far in zip(rows, sums)
                ]

            rows = [code.plus(first, t) for t in range(count)]
            turns = code.every if self.by_rows or count * lanes >= tuning.UNROLLED_SUMS else code.in_fours
            sums = turns(n, step, [code.number(0.0, lanes)] * count)
            for row, value in zip(rows, sums):
                memory.set(node, (row, column), value, lanes)

        def rows_of(column: Any, lanes: int) -> None:
            tile = max(1, 24 // max(1, lanes // 8)) if lanes >= 8 else 8
            code.tiles(length, min(tile, 8), lambda first, count: cells(first, count, column, lanes))

        self._each([columns], lambda column, lanes: rows_of(column[0], lanes))

    def _rows_times(self, node: Node, a: Node, b: Node) -> None:
        """A matrix times a column: lanes along the rows of the matrix, eight rows at once."""
        code, memory, n = self.code, self.memory, b.shape[0]
        column, full = b.graph.reshape(b, (n,)), n - n % 8

        def rows(first: Any, count: int) -> None:
            places = [code.plus(first, t) for t in range(count)]

            def step(k: Any, *sums: Any, lanes: int) -> list[Any]:
                right = self._get(column, (k,), lanes)
                return [
                    code.fma(self._get(a, (place, k), lanes), right, so_far)
                    for place, so_far in zip(places, sums)
                ]

            zeros = [code.number(0.0, 8)] * count
            sums = code.loop(0, full, 8, functools.partial(step, lanes=8), zeros)
            totals = list(map(code.lane_sum, sums))
            totals = code.loop(full, n, 1, functools.partial(step, lanes=1), totals)
            for place, total in zip(places, totals):
                memory.set(node, (place, 0), total, 1)

        code.tiles(node.shape[0], 8, rows)

    def _columns_times(self, node: Node, a: Node, b: Node) -> None:
        """The transpose of a matrix times a column: lanes along the matrix's rows, 32 numbers at once."""
        code, memory, n, length = self.code, self.memory, b.shape[0], node.shape[0]

        def rows(first: Any, lanes: int, count: int = 1) -> None:
            places = [code.plus(first, lanes * t) for t in range(count)]

            def step(k: Any, *sums: Any) -> list[Any]:
                right = memory.get(b, (k, 0), lanes)
                return [
                    code.fma(self._get(a, (k, place), lanes), right, so_far)
                    for place, so_far in zip(places, sums)
                ]

            for place, total in zip(places, code.every(n, step, [code.number(0.0, lanes)] * count)):
                memory.write(node, place, total, lanes)

        full = length - length % 32
        code.loop(0, full, 32, lambda first: rows(first, 8, 4))
        code.rows(length - full, lambda i, lanes: rows(code.plus(i, full), lanes))

    def _inner(self, node: Node, a: Node, b: Node) -> None:
        """The inner product of a row and a column, in eight lanes if both are contiguous."""
        code, memory, n = self.code, self.memory, b.shape[0]
        row, column = (each.graph.reshape(each, (n,)) for each in (a, b))

        def step(k: Any, so_far: Any, lanes: int) -> Any:
            left, right = (memory.get(each, (k,), lanes, lanes > 1) for each in (row, column))
            return code.fma(left, right, so_far)

        if memory.along(row) == memory.along(column) == "unit" and n >= 16:
            total = code.total(n, step)
        else:
            (total,) = code.loop(0, n, 1, lambda k, total: [step(k, total, 1)], [code.number(0.0)])
        memory.write(node, 0, total, 1)

    @lowerings.of(ops.Outer)
    def _outer(self, node: Node) -> None:
        """Products that are not batched, or that are wide."""
        if node in self.layout.wide:
            self.reductions.wide(node)
            return
        code, memory, (a, b) = self.code, self.memory, node.args

        def cell(i: Any, j: Any) -> None:
            (total,) = code.every(
                a.shape[1],
                lambda k, so_far: [code.fma(memory.get(a, (i, k), 1), memory.get(b, (j, k), 1), so_far)],
                [code.number(0.0)],
            )
            memory.set(node, (i, j), total, 1)

        code.each(node.shape, cell)

    @lowerings.of(
        ops.Apply, ops.BatchSum, ops.Fused, ops.Parameters, ops.Inputs, ops.Symbol, ops.Constant, ops.Gather
    )
    def _refused(self, node: Node) -> None:
        """Refused: no step of a schedule has these alone. `emit` groups Apply and accumulates BatchSum."""
        raise NotImplementedError(  # refused: the schedule has no step for these
            f"{node!r} has no code of its own: it is read, joined or expanded elsewhere"
        )

    # --- a pass over a batch

    def examples(self, first: Any, tables: Sequence[Table] | None = None) -> None:
        """Read the inputs of a block: example first + l in lane l, the last one again beyond the end.

        Parameters
        ----------
        tables : their columns, side by side; by default those of the batch.
        """
        code, memory, batch = self.code, self.memory, self.memory.batch
        lanes, group, inputs = self.layout.lanes, self.layout.group, self.layout.inputs

        def some_lanes(lane: Any, table: Table, column: int) -> None:
            begin, starts = code.plus(first, lane), []
            for k in range(group):
                place = code.least(code.plus(begin, k), batch.last) if lanes > 1 else begin
                starts.append(code.times(memory.example(place), table.step))

            def eight(i: Any) -> None:
                rows = [code.load(table.pointer, code.plus(start, i), 8) for start in starts]
                for k, vector in enumerate(code.transposed(rows)):
                    memory.write(inputs, code.plus(i, column + k), vector, 8)

            def one(i: Any) -> None:
                numbers = [code.load(table.pointer, code.plus(start, i)) for start in starts]
                memory.write(inputs, code.plus(i, column), code.together(numbers), group)

            full = table.width - table.width % 8 if group == 8 else 0
            with memory.lanes_from(lane):
                code.loop(0, full, 8, eight)
                code.loop(full, table.width, 1, one)

        def alone(table: Table, column: int) -> None:
            start = code.address(table.pointer, code.times(memory.example(first), table.step))
            code.in_eights(
                table.width,
                lambda i, size: memory.write(inputs, code.plus(i, column), code.load(start, i, size), size),
            )

        column = 0
        for table in tables or [Table(batch.examples, inputs.size, inputs.size)]:
            if lanes == 1 and not self.layout.straight:
                alone(table, column)
            else:
                code.loop(0, lanes, group, functools.partial(some_lanes, table=table, column=column))
            column += table.width

    def run(
        self,
        examples: Any,
        order: Any,
        count: Any,
        mean: bool,
        inputs: Callable[[Any], None],
        outputs: Callable[[Any], None] | None = None,
        blocks: Callable[[Callable[[Any], None]], None] | None = None,
    ) -> None:
        """The three phases on ``examples[order[:count]]``.

        `inputs` and `outputs` run in each block. `blocks` calls its argument for the first example of each.
        """
        code, memory, llvm = self.code, self.memory, self.code.llvm
        memory.take(examples, order, count)
        size, one = llvm.sitofp(count, code.real), code.number(1.0)
        memory.symbols |= {
            "batch_size": size,
            "cotangent": llvm.fdiv(one, size) if mean else one,
            "total_cotangent": one if mean else size,
        }
        self.emit(BEFORE)
        if WITHIN in self.layout.phases.values() or outputs is not None:
            self.reductions.clear()

            def block(first: Any) -> None:
                memory.enter_block(first)
                inputs(first)
                memory.keep_records()
                self.emit(WITHIN)
                if outputs is not None:
                    outputs(first)

            if blocks is None:
                code.loop(0, count, self.layout.lanes, block)
            else:
                blocks(block)
            self.reductions.add_lanes()
        self.emit(AFTER)


Kernel.lowerings.require_all()
