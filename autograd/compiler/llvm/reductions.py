"""Sums over the batch: accumulated block by block, or if they are wide computed after all blocks."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .. import tuning
from ..ir.index_maps import is_contiguous
from ..ir.nodes import AddRows, Gather, Inputs, Node, Outer
from .memory import Memory

__all__ = ["Reductions"]


class Reductions:
    """Writes the code of sums over the batch."""

    def __init__(self, memory: Memory) -> None:
        self.code, self.layout, self.memory = memory.code, memory.layout, memory
        self.lanes, self.group = memory.layout.lanes, memory.layout.group

    def accumulate(self, node: Node) -> None:
        """Add the contribution of this block to a sum."""
        if isinstance(node, AddRows):
            self._accumulate_rows(node)
        elif self.lanes == 1 and not self.code.unrolled:
            self._accumulate_one(node)
        elif isinstance(node, Outer):
            self._accumulate_outer(node)
        else:
            self.code.each(
                node.shape, lambda *index: self._add(node, index, self._valid(node.args[0], index))
            )

    def _accumulate_one(self, node: Node) -> None:
        """Add the contribution of one example: lanes along the rows of the sum."""
        code, memory, args, shape = self.code, self.memory, node.args, node.shape
        whole, index = self.layout.joined.get(node, (node, np.arange(node.size).reshape(shape)))
        if not is_contiguous(index) and is_contiguous(index.T):  # its columns lie there as rows
            args, shape, index = args[::-1], shape[::-1], index.T
        lines = is_contiguous(index)

        def add(place: Sequence[Any], value: Any, lanes: int) -> None:
            start = code.plus(memory.chosen(index, place), self.layout.places[whole])
            total = code.llvm.fadd(code.load_rows(memory.scratch, start, lanes), value)
            code.store_rows(total, memory.scratch, start, lanes)

        def along(length: int, body: Callable[[Any, int], None]) -> None:
            if lines:
                code.rows(length, body, again=False)
            else:
                code.every(length, lambda i: body(i, 1))

        if not isinstance(node, Outer):
            (x,) = args

            def numbers(*outside: Any) -> None:
                def number(i: Any, lanes: int) -> None:
                    add((*outside, i), memory.get(x, (*outside, i), lanes, rows=True), lanes)

                along(shape[-1], number)

            code.each(shape[:-1], numbers)
            return
        a, b = args
        n, r = b.shape
        columns = b.graph.gather(b, np.arange(n * r).reshape(n, r).T)

        def rows(first: Any, count: int) -> None:
            places = [code.plus(first, t) for t in range(count)]

            def column(j: Any, lanes: int) -> None:
                def step(k: Any, *sums: Any) -> list[Any]:
                    right = memory.get(columns, (k, j), lanes, rows=True)
                    return [
                        code.fma(memory.get(a, (place, k), lanes), right, so_far)
                        for place, so_far in zip(places, sums)
                    ]

                for place, total in zip(places, code.every(r, step, [code.number(0.0, lanes)] * count)):
                    add((place, j), total, lanes)

            along(n, column)

        code.tiles(shape[0], 8, rows)

    def _accumulate_outer(self, node: Node) -> None:
        code, (a, b) = self.code, node.args

        def rows(first: Any, count: int) -> None:
            places = [code.plus(first, t) for t in range(count)]
            if a.shape[1] > 1:
                code.every(node.shape[1], functools.partial(self._add_many, node, places))
                return
            left = [self._valid(a, (place, 0)) for place in places]

            def column(j: Any) -> None:
                right = self._valid(b, (j, 0))
                for place, each in zip(places, left):
                    self._add(node, (place, j), each, right)

            code.every(node.shape[1], column)

        code.tiles(node.shape[0], 8 if a.shape[1] > 1 else 4, rows)

    def _accumulate_rows(self, node: AddRows) -> None:
        """Add each row of each example at its index, lane by lane."""
        code, memory, scratch = self.code, self.memory, self.memory.scratch

        def add(lane: int, place: Any, c: Any, value: Any) -> None:
            source, row = memory.origin(node, (place, c))
            start = code.times(code.plus(row, self.layout.places[source] - self.layout.first_sum), self.group)
            at = code.plus(start, lane % self.group)
            code.store(code.llvm.fadd(code.load(scratch, at), code.lane(value, lane)), scratch, at)

        def line(j: Any) -> None:
            places = memory.places(node, j, self.lanes)

            def column(c: Any) -> None:
                value = self._valid(node.args[0], (j, c))
                for lane, place in enumerate(places):
                    add(lane, place, c, value)

            code.every(node.shape[1], column)

        code.every(node.args[0].shape[0], line)

    def _add_many(self, node: Node, places: list[Any], j: Any) -> None:
        """Add up the products of some rows and a column in registers, and then to accumulators.

        A lane without an example repeats the last one, so a 0 in one factor suffices.
        """
        code, memory, (a, b) = self.code, self.memory, node.args

        def step(k: Any, *sums: Any) -> list[Any]:
            right = self._valid(b, (j, k))
            return [
                self._added(memory.get(a, (place, k), self.lanes), right, so_far)
                for place, so_far in zip(places, sums)
            ]

        zero = code.number(0.0, self.group)
        for place, total in zip(places, code.in_fours(a.shape[1], step, [zero] * len(places))):
            self._add(node, (place, j), total)

    def _added(self, left: Any, right: Any, total: Any) -> Any:
        """A sum with as many lanes as an accumulator, and the products of all lanes."""
        for group in range(self.lanes // self.group):
            total = self.code.fma(self._part(left, group), self._part(right, group), total)
        return total

    def _valid(self, node: Node, index: tuple[Any, ...]) -> Any:
        return self.memory.valid(self.memory.get(node, index, self.lanes))

    def _add(self, node: Node, index: tuple[Any, ...], left: Any, right: Any = None) -> None:
        """Add a number to an accumulator, or a product."""
        code, scratch = self.code, self.memory.scratch
        source, row = self.memory.origin(node, index)
        place = code.times(code.plus(row, self.layout.places[source] - self.layout.first_sum), self.group)
        total = code.load(scratch, place, self.group, True)
        if right is not None:
            total = self._added(left, right, total)
        else:
            for group in range(left.type.count // self.group if self.group > 1 else 1):
                total = code.llvm.fadd(total, self._part(left, group))
        code.store(total, scratch, place, self.group, True)

    def _part(self, value: Any, group: int) -> Any:
        """Some lanes of a vector: as many as an accumulator has."""
        if self.group == 1 or value.type.count == self.group:
            return value
        undefined = self.code.ir.Constant(value.type, self.code.ir.Undefined)
        return self.code.chosen(value, undefined, range(group * self.group, (group + 1) * self.group))

    def clear(self) -> None:
        """Set the accumulators to 0."""
        code, scratch = self.code, self.memory.scratch
        size, width = self.layout.accumulators * self.group, 1 if code.unrolled else 8
        zero = code.number(0.0, width)
        for i in range(0, size, width) if code.unrolled else ():
            code.store(zero, scratch, i)
        if not code.unrolled:
            code.loop(0, size, 8, lambda i: code.store(zero, scratch, i, 8, True))

    def add_lanes(self) -> None:
        """Add up the lanes of the accumulators, eight of them at a time."""
        if self.group == 1:
            return
        code, scratch = self.code, self.memory.scratch

        def eight(i: Any) -> None:
            start = code.times(i, self.group)
            vectors = [
                code.load(scratch, code.plus(start, k * self.group), self.group, True) for k in range(8)
            ]
            total, place = code.transposed_sum(vectors), code.plus(i, self.layout.first_sum)
            code.store(total, scratch, place, 8, True)

        code.loop(0, self.layout.accumulators, 8, eight)

    # --- wide ones

    def wide(self, node: Node) -> None:
        """The code of a wide sum, after all blocks."""
        from_inputs = isinstance(node.args[1].source, Inputs)
        (self._product_with_inputs if from_inputs else self._product_of_lanes)(node)

    def _product_of_lanes(self, node: Node) -> None:
        """Σ aₑ xₑᵀ over examples e, of recorded nodes, which have zeros in lanes without an example."""
        code, memory, (a, b) = self.code, self.memory, node.args
        rows, columns = node.shape

        def kept(of: Node, row: Any, first: Any) -> Any:
            source, at = memory.origin(of, (row, 0))
            place = code.plus(memory.recorded(source, first), code.times(at, self.lanes))
            return code.load(memory.records, place, self.lanes, True)

        def tile(row: Any, count: int, column: Any, across: int) -> None:
            def block(first: Any, *sums: Any) -> list[Any]:
                x = [kept(b, code.plus(column, k), first) for k in range(across)]
                new = []
                for t in range(count):
                    factor = kept(a, code.plus(row, t), first)
                    for k in range(across):
                        total = sums[t * across + k]
                        for group in range(self.lanes // 8):
                            total = code.fma(self._part(factor, group), self._part(x[k], group), total)
                        new.append(total)
                return new

            zeros = [code.number(0.0, 8)] * (count * across)
            sums = code.loop(0, memory.batch.count, self.lanes, block, zeros)
            for t in range(count):
                vectors = list(sums[t * across : (t + 1) * across])
                target, at = memory.origin(node, (code.plus(row, t), column))
                total = code.transposed_sum(vectors) if across == 8 else code.lane_sum(vectors[0])
                memory.write(target, at, total, across)

        def columns_of(row: Any, count: int) -> None:
            full = columns - columns % 8
            code.loop(0, full, 8, lambda column: tile(row, count, column, 8))
            code.loop(full, columns, 1, lambda column: tile(row, count, column, 1))

        code.tiles(rows, min(rows, 3), columns_of)

    def _product_with_inputs(self, node: Node) -> None:
        """Σ aₑ xₑᵀ over examples e, where x are inputs in the caller's rows.

        Some columns of a chunk of examples are packed, and stay in the L1 cache while all rows pass.
        """
        code, memory, llvm, (a, b) = self.code, self.memory, self.code.llvm, node.args
        batch, (rows, columns) = memory.batch, node.shape
        source, first_row = memory.origin(a, (0, 0))
        _, next_row = memory.origin(a, (1, 0)) if rows > 1 else (source, first_row)
        begin = int(b.index.flat[0]) if isinstance(b, Gather) else 0  # its rows are consecutive
        width = node.graph.inputs.size
        step, at_once, packed = tuning.WIDE_EXAMPLES, tuning.WIDE_ROWS, tuning.WIDE_COLUMNS

        def packing() -> Any:
            return code.address(memory.scratch, self.layout.packing)

        def tile(row: Any, count: int, column: Any, vectors: int, lanes: int, first: Any, end: Any) -> None:
            def example(lane: Any, *sums: Any, block: Any) -> list[Any]:
                place = code.times(llvm.add(llvm.sub(block, first), lane), vectors * lanes)
                x = [code.load(packing(), code.plus(place, lanes * v), lanes, True) for v in range(vectors)]
                there = memory.recorded(source, block)
                new = []
                for t in range(count):
                    at = code.plus(first_row, code.times(code.plus(row, t), next_row - first_row))
                    place = code.plus(there, code.plus(code.times(at, self.lanes), lane))
                    factor = code.splat(code.load(memory.records, place), lanes)
                    new += [code.fma(factor, x[v], sums[t * vectors + v]) for v in range(vectors)]
                return new

            def block(first: Any, *sums: Any) -> list[Any]:
                here = code.least(llvm.sub(batch.count, first), self.lanes)
                return code.loop(0, here, 1, functools.partial(example, block=first), sums)

            places = [
                memory.origin(node, (code.plus(row, t), code.plus(column, lanes * v)))
                for t in range(count)
                for v in range(vectors)
            ]
            zero, is_first = code.number(0.0, lanes), llvm.icmp_signed("==", first, code.whole_number(0))
            known = [llvm.select(is_first, zero, self._result(target, at, lanes)) for target, at in places]
            sums = code.loop(first, end, self.lanes, block, known)
            for (target, at), total in zip(places, sums):
                memory.write(target, at, total, lanes)

        def across(column: Any, vectors: int, lanes: int, first: Any, end: Any) -> None:
            def pack(number: Any) -> None:
                example = memory.example(number)
                source = code.plus(code.times(example, width), code.plus(column, begin))
                target = code.times(llvm.sub(number, first), vectors * lanes)
                for v in range(vectors):
                    x = code.load(batch.examples, code.plus(source, lanes * v), lanes)
                    code.store(x, packing(), code.plus(target, lanes * v), lanes, True)

            code.loop(first, end, 1, pack)
            code.tiles(
                rows,
                min(rows, at_once),
                lambda row, count: tile(row, count, column, vectors, lanes, first, end),
            )

        def columns_of(column: Any, vectors: int, lanes: int) -> None:
            def chunk(first: Any) -> None:
                across(column, vectors, lanes, first, code.least(code.plus(first, step), batch.count))

            code.loop(0, batch.count, step, chunk)

        many, full = columns - columns % packed, columns - columns % 8
        code.loop(0, many, packed, lambda column: columns_of(column, packed // 8, 8))
        code.loop(many, full, 8, lambda column: columns_of(column, 1, 8))
        code.loop(full, columns, 1, lambda column: columns_of(column, 1, 1))

    def _result(self, target: Node, at: Any, lanes: int) -> Any:
        base, start = self.memory.home(target)
        return self.code.load(base, self.code.plus(start, at), lanes)
