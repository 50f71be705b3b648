"""One pass over a batch as a native function: it writes the results, and returns whether all are finite.

The examples come as rows of tables and the results of each example leave as a row, so that the caller's own
arrays are read and written. The last block, if it has fewer examples than lanes, has rows in the scratch
memory, which are copied.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..ir.nodes import Apply, Broadcast, Node, ScatterAdd
from .builder import Builder
from .layout import Layout
from .lowering import Kernel, Table
from .memory import Memory
from .rows import columns, write_columns

__all__ = ["ARGUMENTS", "SinglePass"]

ARGUMENTS = ["pointer"] * 3 + ["whole"] * 2 + ["pointer"] * 3
"""Parameters, batch, direction, the numbers from one direction to the next, B, results, value, scratch."""


class SinglePass:
    """The code of a pass.

    Parameters
    ----------
    nodes : all for each example; or the value and the gradient over the batch.
    widths : how many inputs of an example are parameters, are in the batch, and in the direction.

    Attributes
    ----------
    size : of the scratch memory, in numbers.
    """

    def __init__(
        self, nodes: Sequence[Node], layout: Layout, widths: tuple[int, int, int], mean: bool, dtype: Any
    ) -> None:
        self.code = code = Builder("pass", dtype, "whole", *ARGUMENTS)
        parameters, batch, direction, step, self.count, self.results, value, self.scratch = code.arguments
        self.nodes, self.layout, self.lanes = nodes, layout, layout.lanes
        P, width, N = widths
        self.tables = [Table(parameters, P, 0), Table(batch, width, width), Table(direction, N, step)]
        self.row = sum(node.size for node in nodes)
        self.read, self.written = layout.size, layout.size + self.lanes * width
        self.checks = self.written + (self.lanes * self.row if nodes[0].batched else 0)
        self.size = self.checks + layout.group
        records = code.address(self.scratch, self.size)
        homes: dict[Node, tuple[Any, Any]] = {}
        if not nodes[0].batched:
            gradient = nodes[1]
            if isinstance(gradient, (ScatterAdd, Apply, Broadcast)) and gradient not in layout.accumulated:
                homes[gradient] = self.results, 0
        self.memory = memory = Memory(code, layout, parameters, self.scratch, records, homes=homes)
        self.kernel = Kernel(memory)
        if nodes[0].batched:
            code.store(code.number(0.0, layout.group), self.scratch, self.checks, layout.group)
            self.kernel.run(batch, None, self.count, mean, self._examples, self._write)
            check = code.load(self.scratch, self.checks, layout.group)
            check = code.lane_sum(check) if layout.group > 1 else check
        else:
            self.kernel.run(batch, None, self.count, mean, self._examples)
            number = memory.get(nodes[0], (0,), 1)
            code.store(number, value, 0)
            if not homes:
                code.every(
                    gradient.size, lambda i: code.store(memory.get(gradient, (i,), 1), self.results, i)
                )
            check = code.fma(number, code.number(0.0), code.nothing(self.results, gradient.size))
        code.llvm.ret(code.llvm.zext(code.llvm.fcmp_ordered("ord", check, check), code.whole))

    def _is_whole(self, first: Any) -> Any:
        """Whether a block has an example in each lane."""
        return self.code.llvm.icmp_signed("<=", self.code.plus(first, self.lanes), self.count)

    # --- examples

    def _examples(self, first: Any) -> None:
        if not self.layout.straight:
            self.kernel.examples(first, self.tables)
            return
        self.memory.know(
            self.layout.inputs, [each for table in self.tables for each in self._columns(table, first)]
        )

    def _columns(self, table: Table, first: Any) -> list[Any]:
        """The columns of a table for a block of straight code, as vectors."""
        code, lanes = self.code, self.lanes
        if lanes == 1 or (isinstance(table.step, int) and table.step == 0):
            start = code.times(first, table.step)
            return [
                code.splat(code.load(table.pointer, code.plus(start, i)), lanes) for i in range(table.width)
            ]
        if not isinstance(table.step, int):
            last = self.memory.batch.last
            starts = [code.times(code.least(code.plus(first, k), last), table.step) for k in range(lanes)]
            return [
                code.together([code.load(table.pointer, code.plus(start, i)) for start in starts])
                for i in range(table.width)
            ]
        if not table.width:
            return []
        llvm, whole, width = code.llvm, self._is_whole(first), table.width
        own = code.address(self.scratch, self.read)

        def copy(lane: Any) -> None:
            source = code.times(code.least(code.plus(first, lane), self.memory.batch.last), width)
            target = code.times(lane, width)
            code.in_eights(
                width,
                lambda i, size: code.store(
                    code.load(table.pointer, code.plus(source, i), size), own, code.plus(target, i), size
                ),
            )

        with llvm.if_then(llvm.not_(whole)):
            code.loop(0, lanes, 1, copy)
        there = code.address(table.pointer, code.times(first, width))
        return columns(code, llvm.select(whole, there, own), width)

    # --- results

    def _write(self, first: Any) -> None:
        """The row of results of each example of a block."""
        code, llvm, lanes = self.code, self.code.llvm, self.lanes
        target = code.address(self.results, code.times(first, self.row))
        if lanes == 1:
            self._rows(target)
            return
        own, whole, there = code.address(self.scratch, self.written), self._is_whole(first), target
        target = llvm.select(whole, there, own)
        if self.layout.straight:
            self._rows(target)
        else:

            def some_lanes(lane: Any) -> None:
                with self.memory.lanes_from(lane):
                    self._rows(code.address(target, code.times(lane, self.row)))

            code.loop(0, lanes, self.layout.group, some_lanes)

        with llvm.if_then(llvm.not_(whole)):
            size = code.times(llvm.sub(self.count, code.whole_number(first)), self.row)
            code.in_eights(size, lambda i, n: code.store(code.load(own, i, n), there, i, n))

    def _rows(self, target: Any) -> None:
        """The results of as many examples as an accumulator has lanes, from a pointer on."""
        if self.layout.straight or self.row < 8:
            rows = [(node, i) for node in self.nodes for i in range(node.size)]
            self._some_rows(target, rows, 0)
            return
        start = 0
        for node in self.nodes:

            def tile(i: Any, node: Node = node, start: int = start) -> None:
                self._some_rows(
                    target, [(node, self.code.plus(i, k)) for k in range(8)], self.code.plus(i, start)
                )

            full = node.size - node.size % 8
            self.code.loop(0, full, 8, tile)
            self._some_rows(target, [(node, i) for i in range(full, node.size)], start + full)
            start += node.size

    def _some_rows(self, target: Any, rows: Sequence[tuple[Node, Any]], start: Any) -> None:
        code, group = self.code, self.layout.group
        values = [self.memory.get(node, (i,), group) for node, i in rows]
        if group == 1:
            self._store(values, target, start)
        elif values:
            write_columns(code, values, target, self.row, start)
        self._check(values)

    def _store(self, values: Sequence[Any], target: Any, start: Any) -> None:
        """Numbers one after the other: eights in which several are known, and then those that are not."""
        code, ir = self.code, self.code.ir
        written: set[int] = set()
        for first in range(0, len(values) - 7, 8):
            here = range(first, first + 8)
            known = [i for i in here if isinstance(values[i], ir.Constant)]
            if len(known) > 1:
                numbers = [values[i].constant if i in known else 0.0 for i in here]
                eight = ir.Constant(ir.VectorType(code.real, 8), numbers)
                code.store(eight, target, code.plus(start, first), 8)
                written.update(known)
        for i, value in enumerate(values):
            if i not in written:
                code.store(value, target, code.plus(start, i))

    def _check(self, values: Sequence[Any]) -> None:
        """Add 0 · x of values to what is nan as soon as one of them is not finite."""
        code, group = self.code, self.layout.group
        distinct = {id(value): value for value in values if not isinstance(value, code.ir.Constant)}
        zero, sums = code.number(0.0, group), [code.number(0.0, group)] * 4
        for n, value in enumerate(distinct.values()):
            sums[n % 4] = code.fma(value, zero, sums[n % 4])
        if distinct:
            total = code.load(self.scratch, self.checks, group)
            for each in sums[: len(distinct)]:
                total = code.llvm.fadd(total, each)
            code.store(total, self.scratch, self.checks, group)
