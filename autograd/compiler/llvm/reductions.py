"""Sums over the batch: accumulated block by block, or, for wide ones, computed after all blocks."""

from __future__ import annotations

import functools
from typing import Any

from .. import tuning
from ..ir.nodes import Gather, Node, Outer
from .layout import Memory

__all__ = ["Sums"]


class Sums(Memory):
    """How the shares of the blocks are added up."""

    def accumulate(self, node: Node) -> None:
        """Add this block's share to a sum over the batch."""
        if isinstance(node, Outer):
            self._accumulate_outer(node)
            return

        def one(*index: Any) -> None:
            self._add(node, index, self.valid(self.get(node.args[0], index, self.lanes)))

        self.each(node.shape, one)

    def _accumulate_outer(self, node: Node) -> None:
        a, b = node.args
        r = a.shape[1]

        def rows(first: Any, count: int) -> None:
            places = [self.plus(first, t) for t in range(count)]
            if r > 1:
                for place in places:
                    self.every(node.shape[1], functools.partial(self._add_many, node, place))
                return
            left = [self.valid(self.get(a, (place, 0), self.lanes)) for place in places]

            def column(j: Any) -> None:
                right = self.valid(self.get(b, (j, 0), self.lanes))
                for place, each in zip(places, left):
                    self._add(node, (place, j), each, right)

            self.every(node.shape[1], column)

        self.tiles(node.shape[0], 4, rows)

    def _add_many(self, node: Node, i: Any, j: Any) -> None:
        """Add the products of a row and a column to an accumulator."""
        a, b = node.args

        def step(k: Any) -> None:
            left, right = self.get(a, (i, k), self.lanes), self.get(b, (j, k), self.lanes)
            self._add(node, (i, j), self.valid(left), self.valid(right))

        self.every(a.shape[1], step)

    def _add(self, node: Node, index: tuple[Any, ...], left: Any, right: Any = None) -> None:
        """Add a number to an accumulator, or a product."""
        source, row = self.origin(node, index)
        place = self.times(self.plus(row, self.places[source] - self.first_sum), self.group)
        total = self.load(self.scratch, place, self.group, True)
        for group in range(self.lanes // self.group):
            if right is None:
                total = self.builder.fadd(total, self.part(left, group))
            else:
                total = self.fma(self.part(left, group), self.part(right, group), total)
        self.store(total, self.scratch, place, self.group, True)

    def clear(self) -> None:
        size, width = self.accumulators * self.group, 1 if self.unrolled else 8
        zero = self.number(0.0, width)
        for i in range(0, size, width) if self.unrolled else ():
            self.store(zero, self.scratch, i)
        if not self.unrolled:
            self.loop(0, size, 8, lambda i: self.store(zero, self.scratch, i, 8, True))

    def gather_sums(self) -> None:
        """Add up the lanes of the accumulators, eight of them at a time."""
        if self.group == 1:
            return

        def eight(i: Any) -> None:
            start = self.times(i, self.group)
            vectors = [
                self.load(self.scratch, self.plus(start, k * self.group), self.group, True) for k in range(8)
            ]
            self.store(self.transposed_sum(vectors), self.scratch, self.plus(i, self.first_sum), 8, True)

        self.loop(0, self.accumulators, 8, eight)

    # --- wide ones

    def _product_of_lanes(self, node: Node) -> None:
        """Σ aₑ xₑᵀ of nodes that were kept for all blocks: eight columns of three rows at once.

        Where there is no example both are 0.
        """
        a, b = node.args
        rows, columns = node.shape

        def kept(of: Node, row: Any, first: Any) -> Any:
            source, at = self.origin(of, (row, 0))
            there = self.plus(self.times(first, self.record // self.lanes), self.history[source])
            return self.load(
                self.history_base, self.plus(there, self.times(at, self.lanes)), self.lanes, True
            )

        def tile(row: Any, count: int, column: Any, across: int) -> None:
            def block(first: Any, *sums: Any) -> list[Any]:
                x = [kept(b, self.plus(column, k), first) for k in range(across)]
                new = []
                for t in range(count):
                    factor = kept(a, self.plus(row, t), first)
                    for k in range(across):
                        total = sums[t * across + k]
                        for group in range(self.lanes // 8):
                            total = self.fma(self.part(factor, group), self.part(x[k], group), total)
                        new.append(total)
                return new

            sums = self.loop(0, self.count_int, self.lanes, block, [self.number(0.0, 8)] * (count * across))
            for t in range(count):
                vectors = list(sums[t * across : (t + 1) * across])
                target, at = self.origin(node, (self.plus(row, t), column))
                total = self.transposed_sum(vectors) if across == 8 else self.lane_sum(vectors[0])
                self.put(target, at, total, across)

        def columns_of(row: Any, count: int) -> None:
            full = columns - columns % 8
            self.loop(0, full, 8, lambda column: tile(row, count, column, 8))
            self.loop(full, columns, 1, lambda column: tile(row, count, column, 1))

        self.tiles(rows, min(rows, 3), columns_of)

    def _product_with_inputs(self, node: Node) -> None:
        """Σ aₑ xₑᵀ over all examples e, from their rows as the caller has them, eight numbers at once.

        A stretch of examples at a time: some of their columns are laid out without gaps, and stay in the
        nearest cache while all rows pass.
        """
        a, b = node.args
        (rows, columns), builder = node.shape, self.builder
        source, first_row = self.origin(a, (0, 0))
        _, next_row = self.origin(a, (1, 0)) if rows > 1 else (source, first_row)
        begin = int(b.index.flat[0]) if isinstance(b, Gather) else 0  # its rows are consecutive
        width = self.order[0].graph.inputs.size
        step, at_once, packed = tuning.WIDE_EXAMPLES, tuning.WIDE_ROWS, tuning.WIDE_COLUMNS

        def tile(row: Any, count: int, column: Any, vectors: int, lanes: int, first: Any, end: Any) -> None:
            def example(lane: Any, *sums: Any, block: Any) -> list[Any]:
                place = self.times(builder.add(builder.sub(block, first), lane), vectors * lanes)
                x = [self.load(self.packed, self.plus(place, lanes * v), lanes, True) for v in range(vectors)]
                there = self.plus(self.times(block, self.record // self.lanes), self.history[source])
                new = []
                for t in range(count):
                    at = self.plus(first_row, self.times(self.plus(row, t), next_row - first_row))
                    place = self.plus(there, self.plus(self.times(at, self.lanes), lane))
                    factor = self.splat(self.load(self.history_base, place), lanes)
                    new += [self.fma(factor, x[v], sums[t * vectors + v]) for v in range(vectors)]
                return new

            def block(first: Any, *sums: Any) -> list[Any]:
                here = self.least(builder.sub(self.count_int, first), self.lanes)
                return self.loop(0, here, 1, functools.partial(example, block=first), sums)

            places = [
                self.origin(node, (self.plus(row, t), self.plus(column, lanes * v)))
                for t in range(count)
                for v in range(vectors)
            ]
            zero, is_first = (
                self.number(0.0, lanes),
                builder.icmp_signed("==", first, self.whole_number(0)),
            )
            known = [builder.select(is_first, zero, self._result(target, at, lanes)) for target, at in places]
            sums = self.loop(first, end, self.lanes, block, known)
            for (target, at), total in zip(places, sums):
                self.put(target, at, total, lanes)

        def across(column: Any, vectors: int, lanes: int, first: Any, end: Any) -> None:
            def pack(number: Any) -> None:
                example = builder.load(
                    builder.gep(self.examples_order, [number], source_etype=self.whole), typ=self.whole
                )
                source = self.plus(self.times(example, width), self.plus(column, begin))
                target = self.times(builder.sub(number, first), vectors * lanes)
                for v in range(vectors):
                    x = self.load(self.batch, self.plus(source, lanes * v), lanes)
                    self.store(x, self.packed, self.plus(target, lanes * v), lanes, True)

            self.loop(first, end, 1, pack)
            self.tiles(
                rows,
                min(rows, at_once),
                lambda row, count: tile(row, count, column, vectors, lanes, first, end),
            )

        def columns_of(column: Any, vectors: int, lanes: int) -> None:
            def stretch(first: Any) -> None:
                across(
                    column,
                    vectors,
                    lanes,
                    first,
                    self.least(self.plus(first, step), self.count_int),
                )

            self.loop(0, self.count_int, step, stretch)

        many, full = columns - columns % packed, columns - columns % 8
        self.loop(0, many, packed, lambda column: columns_of(column, packed // 8, 8))
        self.loop(many, full, 8, lambda column: columns_of(column, 1, 8))
        self.loop(full, columns, 1, lambda column: columns_of(column, 1, 1))

    def _result(self, target: Node, at: Any, lanes: int) -> Any:
        base, start = self.home(target)
        return self.load(base, self.plus(start, at), lanes)
