"""One pass over a batch as a native function: it writes the results, and returns whether all are finite.

It reads and writes the rows of the caller's arrays. The rows of a last block with fewer examples than lanes
are copied to and from scratch memory.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

from ..ir.nodes import Node
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
        parameters, batch, direction, step, self.count, results, value, self.scratch = code.arguments
        self.layout, self.lanes = layout, layout.lanes
        P, self.width, N = widths
        self.nodes, self.row = (nodes, sum(node.size for node in nodes)) if nodes[0].batched else ((), 0)
        self.parameters, self.direction = Table(parameters, P, 0), Table(direction, N, step)
        self.batch, self.results = batch, results
        self.read, self.written = layout.size, layout.size + self.lanes * self.width
        self.size = self.written + self.lanes * self.row
        records, homes = code.address(self.scratch, self.size), dict[Node, tuple[Any, Any]]()
        if not self.nodes:
            gradient = nodes[1]
            if layout.may_move(gradient):
                homes[gradient] = results, 0
        self.memory = memory = Memory(code, layout, parameters, self.scratch, records, homes=homes)
        self.kernel, llvm = Kernel(memory), code.llvm
        self.finite = llvm.alloca(code.whole)
        llvm.store(code.whole_number(1), self.finite)
        write = self._write if self.nodes else None
        self.kernel.run(batch, None, self.count, mean, self._examples, write, self._blocks)
        if not self.nodes:
            number = memory.get(nodes[0], (0,), 1)
            code.store(number, value, 0)
            if not homes:
                code.every(gradient.size, lambda i: code.store(memory.get(gradient, (i,), 1), results, i))
            self._note(code.fma(number, code.number(0.0), code.nothing(results, gradient.size)))
        llvm.ret(llvm.load(self.finite, typ=code.whole))

    def _note(self, check: Any) -> None:
        """Note a result that is not finite, for which a sum of 0 · x is nan."""
        code, llvm, ir = self.code, self.code.llvm, self.code.ir
        wrong = llvm.fcmp_unordered("uno", check, check)
        if isinstance(check.type, ir.VectorType):
            lanes = ir.IntType(check.type.count)
            wrong = llvm.icmp_unsigned("!=", llvm.bitcast(wrong, lanes), ir.Constant(lanes, 0))
        with llvm.if_then(wrong, likely=False):
            llvm.store(code.whole_number(0), self.finite)

    def _blocks(self, block: Callable[[Any], None]) -> None:
        """The whole blocks, and then the rest, on rows in scratch memory."""
        code, llvm, lanes, count = self.code, self.code.llvm, self.lanes, self.count
        copied = self.width if self.layout.straight else 0
        if lanes == 1 or not (copied or self.row):
            code.loop(0, count, lanes, block)
            return
        batch, results, whole = self.batch, self.results, llvm.and_(count, code.whole_number(-lanes))
        read, written = (code.address(self.scratch, start) for start in (self.read, self.written))
        is_left = llvm.icmp_signed("<", whole, count)

        def copy(lane: Any) -> None:
            """The last example again in lanes beyond the end."""
            source = code.address(
                batch, code.times(code.least(code.plus(whole, lane), self.memory.batch.last), copied)
            )
            target = code.address(read, code.times(lane, copied))
            code.in_eights(copied, lambda i, size: code.store(code.load(source, i, size), target, i, size))

        def part(number: Any) -> None:
            left = llvm.icmp_signed("!=", number, code.whole_number(0))
            start = llvm.select(left, whole, code.whole_number(0))
            stop = llvm.select(left, count, whole)
            # As if all rows up to this block lay before its own.
            own = [
                code.address(each, llvm.mul(whole, code.whole_number(-n)))
                for each, n in ((read, copied), (written, self.row))
            ]
            self.batch, self.results = (
                llvm.select(left, mine, given) for mine, given in zip(own, (batch, results))
            )
            code.loop(start, stop, lanes, block)

        if copied:
            with llvm.if_then(is_left):
                code.loop(0, lanes, 1, copy)
        code.loop(0, 2, 1, part)
        if self.row:
            with llvm.if_then(is_left):
                size = code.times(llvm.sub(count, whole), self.row)
                target = code.address(results, code.times(whole, self.row))
                code.in_eights(size, lambda i, n: code.store(code.load(written, i, n), target, i, n))

    # --- examples

    def _examples(self, first: Any) -> None:
        if self.layout.straight:
            self.memory.know(self.layout.inputs, self._columns(first))
        else:
            batch = Table(self.batch if self.lanes == 1 else self.code.arguments[1], self.width, self.width)
            self.kernel.examples(first, [self.parameters, batch, self.direction])

    def _columns(self, first: Any) -> list[Any]:
        """The inputs for a block of straight code, as vectors."""
        code, lanes, (given, P, _), along = self.code, self.lanes, self.parameters, self.direction
        found = [code.splat(code.load(given, i), lanes) for i in range(P)]
        start = code.address(self.batch, code.times(first, self.width))
        if lanes == 1:
            found += [code.load(start, i) for i in range(self.width)]
        elif self.width:
            found += columns(code, start, self.width)
        places = [code.least(code.plus(first, k), self.memory.batch.last) for k in range(lanes)]
        starts = [code.times(place, along.step) for place in places] if along.width else []
        for i in range(along.width):
            found.append(code.together([code.load(along.pointer, code.plus(each, i)) for each in starts]))
        return found

    # --- results

    def _write(self, first: Any) -> None:
        """The row of results of each example of a block."""
        code = self.code
        target = code.address(self.results, code.times(first, self.row))
        if self.layout.straight or self.lanes == 1:
            self._rows(target)
            return

        def some_lanes(lane: Any) -> None:
            with self.memory.lanes_from(lane):
                self._rows(code.address(target, code.times(lane, self.row)))

        code.loop(0, self.lanes, self.layout.group, some_lanes)

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
        code, group = self.code, self.layout.group
        distinct = {id(value): value for value in values if not isinstance(value, code.ir.Constant)}
        sums = [code.number(0.0, group)] * 4  # four, which do not wait for each other
        for n, value in enumerate(distinct.values()):
            sums[n % 4] = code.fma(value, code.number(0.0, group), sums[n % 4])
        if distinct:
            self._note(functools.reduce(code.llvm.fadd, sums[: len(distinct)]))
