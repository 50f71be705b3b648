"""The code of nodes, and a pass over a batch."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, NamedTuple

from ...engine.primitives import TABLE
from .. import tuning
from ..ir.index_maps import is_partition
from ..ir.nodes import (
    AddRows,
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
    Symbol,
    TakeRows,
)
from ..ir.registry import Rules
from .builder import is_long
from .layout import AFTER, BEFORE, WITHIN
from .memory import Memory
from .reductions import Reductions

__all__ = ["Kernel", "Table"]


class Table(NamedTuple):
    """Numbers of examples: the one of example e in column i is at ``pointer[e * step + i]``."""

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

    def emit(self, phase: int) -> None:
        """Write the code of all steps of a phase."""
        layout = self.layout
        self.within = phase == WITHIN
        self.width = layout.lanes if self.within else 1
        self.code.unrolled = layout.straight and (self.within or layout.lanes == 1)
        for group in layout.groups[phase]:
            node = group[0]
            if isinstance(node, Apply):
                self._elementwise([each for each in group if isinstance(each, Apply)])
            elif node in layout.sums:
                self.reductions.accumulate(node)
            else:
                self.lowerings[type(node)](self, node)

    def _elementwise(self, run: list[Apply]) -> None:
        code, memory, layout, shape = self.code, self.memory, self.layout, run[0].shape
        kept = [node for node in run if node in layout.kept]
        # Eight lanes at a time where the code is long, as that of exp.
        long = any(is_long(node.row) for node in run)
        eights = self.within and not layout.straight and layout.lanes > 8 and long
        width = 8 if eights else self.width
        rows = 1
        if not self.within and shape[-1] >= 8 and not code.unrolled:
            outer_args = [arg for node in run for arg in node.args if arg not in run]
            fits = all(memory.along(arg) is not None for arg in outer_args)
            fits = fits and all(
                arg.shape[-1:] in ((1,), shape[-1:])
                and (not isinstance(arg, Constant) or arg.size == 1 or arg.shape == shape)
                for arg in outer_args
            )
            rows = 8 if fits else 1

        def compute(index: tuple[Any, ...], lanes: int) -> None:
            local: dict[Node, Any] = {}
            for node in run:
                values = [
                    local[arg]
                    if arg in local
                    else memory.get(arg, index, lanes, rows=not self.within and lanes > 1)
                    for arg in node.args
                ]
                local[node] = code.apply(node.row, values)
            for node in kept:
                memory.set(node, index, local[node], lanes)

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
            full = length - length % rows
            if rows > 1:
                code.loop(0, full, rows, lambda j: compute((*outside, j), rows))
                if full < length:
                    code.loop(full, length, 1, lambda j: compute((*outside, j), 1))
            else:
                code.every(length, lambda j: compute((*outside, j), width))

        def everywhere() -> None:
            if len(shape) == 1:
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

    # --- operations

    @lowerings.of(ScatterAdd)
    def _scatter_add(self, node: ScatterAdd) -> None:
        code, memory, width, tiled = self.code, self.memory, self.width, is_partition(node)
        if not tiled:
            zero = code.number(0.0, width)
            code.every(node.size, lambda i: memory.write(node, i, zero, width))
        for index, arg in node.pieces:
            if arg in self.layout.joined and self.layout.joined[arg][0] is node:
                continue

            def move(*place: Any, arg: Node = arg, index: Indices = index) -> None:
                value, row = memory.get(arg, place, width), memory.chosen(index, place)
                if not tiled:
                    value = code.llvm.fadd(memory.read(node, row, width), value)
                memory.write(node, row, value, width)

            code.each(index.shape, move)

    @lowerings.of(TakeRows)
    def _take_rows(self, node: TakeRows) -> None:
        memory, width, table = self.memory, self.width, node.args[0]

        def row(j: Any) -> None:
            places = [] if memory.is_in_registers(table) else memory.places(node, j, width)

            def column(c: Any) -> None:
                value = memory.taken(table, places, c, width) if places else self._chosen(node, j, c)
                memory.set(node, (j, c), value, width)

            self.code.every(node.shape[1], column)

        self.code.every(node.shape[0], row)

    def _chosen(self, node: TakeRows, j: int, c: int) -> Any:
        """The same of a table in registers, which have no address."""
        code, memory, width, (table, index) = self.code, self.memory, self.width, node.args
        named, start = memory.get(index, (j,), width), int(node.starts[j])
        value = memory.get(table, (start, c), width)
        for k in range(1, node.length):
            here = code.llvm.fcmp_ordered("==", named, code.number(float(k), width))
            value = code.llvm.select(here, memory.get(table, (start + k, c), width), value)
        return value

    @lowerings.of(AddRows)
    def _add_rows(self, node: AddRows) -> None:
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

    def _added(self, node: AddRows, row: int, c: int) -> Any:
        """What is added to a number in registers."""
        code, memory, width, (x, index) = self.code, self.memory, self.width, node.args
        total = zero = code.number(0.0, width)
        for j, start in enumerate(node.starts.tolist()):
            if start <= row < start + node.length:
                named, k = memory.get(index, (j,), width), code.number(float(row - start), width)
                here = code.llvm.fcmp_ordered("==", named, k)
                total = code.llvm.fadd(total, code.llvm.select(here, memory.get(x, (j, c), width), zero))
        return total

    @lowerings.of(Broadcast)
    def _broadcast(self, node: Node) -> None:
        memory, width = self.memory, self.width
        self.code.each(
            node.shape,
            lambda *index: memory.write(
                node, memory.flat(node, index), memory.get(node.args[0], index, width), width
            ),
        )

    @lowerings.of(Reduce)
    def _reduce(self, node: Reduce) -> None:
        code, memory, llvm, width = self.code, self.memory, self.code.llvm, self.width
        (x,), axis = node.args, node.axis
        start, rule = {
            "sum": (0.0, llvm.fadd),
            "max": (-math.inf, lambda a, b: code.apply(TABLE["maximum"], [a, b])),
            "min": (float(x.shape[0]), lambda a, b: llvm.select(llvm.fcmp_ordered("<", b, a), b, a)),
        }[node.how]

        def along(*rest: Any) -> None:
            def index(i: Any) -> tuple[Any, ...]:
                return (*rest[:axis], i, *rest[axis:])

            (result,) = code.every(
                x.shape[axis],
                lambda i, so_far: [rule(so_far, memory.get(x, index(i), width))],
                [code.number(start, width)],
            )
            memory.set(node, index(0), result, width)

        code.each([length for i, length in enumerate(x.shape) if i != axis], along)

    @lowerings.of(LeaveOneOutSum)
    def _leave_one_out_sum(self, node: Node) -> None:
        """The running sum of the rows before each, and then of those after it."""
        code, memory, llvm, width = self.code, self.memory, self.code.llvm, self.width
        (x,), n, zero = node.args, node.shape[0], code.number(0.0, width)

        def column(*rest: Any) -> None:
            def before(i: Any, so_far: Any) -> list[Any]:
                memory.set(node, (i, *rest), so_far, width)
                return [llvm.fadd(so_far, memory.get(x, (i, *rest), width))]

            def after(i: Any, so_far: Any) -> list[Any]:
                j = n - 1 - i if isinstance(i, int) else llvm.sub(code.whole_number(n - 1), i)
                both = llvm.fadd(memory.get(node, (j, *rest), width), so_far)
                memory.set(node, (j, *rest), both, width)
                return [llvm.fadd(so_far, memory.get(x, (j, *rest), width))]

            code.every(n, before, [zero])
            code.every(n, after, [zero])

        code.each(node.shape[1:], column)

    @lowerings.of(MatMul)
    def _matmul(self, node: MatMul) -> None:
        code, memory, (a, b) = self.code, self.memory, node.args
        n, (length, columns) = b.shape[0], node.shape
        if not self.within and node.size == 1:
            self._inner(node, a, b)
            return
        wide = not self.within and not code.unrolled and memory.along(b) == "unit" and columns >= 8

        def cells(first: Any, count: int, column: Any, lanes: int) -> None:
            def step(k: Any, *sums: Any) -> list[Any]:
                right = memory.get(b, (k, column), lanes, rows=wide and lanes > 1)
                return [
                    code.fma(memory.get(a, (k, row) if node.transposed else (row, k), lanes), right, so_far)
                    for row, so_far in zip(rows, sums)
                ]

            rows = [code.plus(first, t) for t in range(count)]
            turns = code.every if count * lanes >= tuning.UNROLLED_SUMS else code.in_fours
            sums = turns(n, step, [code.number(0.0, lanes)] * count)
            for row, value in zip(rows, sums):
                memory.set(node, (row, column), value, lanes)

        def rows_of(column: Any, lanes: int) -> None:
            tile = max(1, 24 // max(1, lanes // 8)) if lanes >= 8 else 8
            code.tiles(length, min(tile, 8), lambda first, count: cells(first, count, column, lanes))

        if not wide:
            code.every(columns, lambda column: rows_of(column, self.width))
            return
        full = columns - columns % 8
        code.loop(0, full, 8, lambda column: rows_of(column, 8))
        code.loop(full, columns, 1, lambda column: rows_of(column, 1))

    def _inner(self, node: Node, a: Node, b: Node) -> None:
        """The inner product of a row and a column, in eight lanes if both are contiguous."""
        code, memory, n = self.code, self.memory, b.shape[0]
        row, column = (each.graph.reshape(each, (n,)) for each in (a, b))

        def step(k: Any, so_far: Any, lanes: int) -> list[Any]:
            left, right = (memory.get(each, (k,), lanes, lanes > 1) for each in (row, column))
            return [code.fma(left, right, so_far)]

        full, total = 0, code.number(0.0)
        if memory.along(row) == memory.along(column) == "unit" and n >= 16:
            full = n - n % 8
            (parts,) = code.loop(0, full, 8, lambda k, total: step(k, total, 8), [code.number(0.0, 8)])
            total = code.lane_sum(parts)
        (total,) = code.loop(full, n, 1, lambda k, total: step(k, total, 1), [total])
        memory.write(node, 0, total, 1)

    @lowerings.of(Outer)
    def _outer(self, node: Node) -> None:
        """What is not batched, and what is so wide that it is not added up block by block."""
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

    @lowerings.of(Apply, BatchSum, Fused, Parameters, Inputs, Symbol, Constant, Gather)
    def _refused(self, node: Node) -> None:
        """Refused: `emit` never comes here with them.

        Elementwise nodes share a loop, batch sums are accumulated, a pass expands fused rules, and the others
        are no steps of the schedule: there is nothing to compute.
        """
        raise NotImplementedError(  # refused: the schedule has no step for these
            f"{node!r} has no code of its own: it is read, joined or expanded elsewhere"
        )

    # --- a pass over a batch

    def examples(self, first: Any, tables: Sequence[Table] | None = None) -> None:
        """The inputs of a block: lane l holds example first + l of the batch, the last one beyond the end.

        Parameters
        ----------
        tables : where they are, each beside the one before; without it in the batch.
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

        column = 0
        for table in tables or [Table(batch.examples, inputs.size, inputs.size)]:
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

        `inputs` and `outputs` are done for each block. `blocks` does what it is given for the first example
        of each block.
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
