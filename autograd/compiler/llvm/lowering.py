"""The code of nodes, and a pass over a batch."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, ClassVar

from ...engine.primitives import TABLE
from .. import tuning
from ..ir.index_maps import is_partition
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
    Symbol,
)
from ..ir.registry import Rules
from .builder import is_long
from .layout import AFTER, BEFORE, WITHIN
from .reductions import Sums

__all__ = ["Kernel"]


class Kernel(Sums):
    """A program as one function."""

    lowerings: ClassVar[Rules[Callable[..., None]]] = Rules("llvm")

    def emit(self, phase: int) -> None:
        """The code of all nodes of a phase."""
        self.phase = phase
        for group in self.groups[phase]:
            node = group[0]
            if isinstance(node, Apply):
                self._elementwise([each for each in group if isinstance(each, Apply)])
            elif node in self.sums:
                self.accumulate(node)
            else:
                self.lowerings[type(node)](self, node)

    def _elementwise(self, run: list[Apply]) -> None:
        shape = run[0].shape
        kept = [node for node in run if node in self.kept]
        # Eight lanes at a time where the code is long, as that of exp.
        long = any(is_long(node.row) for node in run)
        eights = self.phase == WITHIN and not self.straight and self.lanes > 8 and long
        width = 8 if eights else self.lanes if self.phase == WITHIN else 1
        rows = 1
        if self.phase != WITHIN and shape[-1] >= 8 and not self.unrolled:
            outer_args = [arg for node in run for arg in node.args if arg not in run]
            fits = all(self.along(arg) is not None for arg in outer_args)
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
                    else self.get(arg, index, lanes, rows=self.phase != WITHIN and lanes > 1)
                    for arg in node.args
                ]
                local[node] = self.apply(node.row, values)
            for node in kept:
                self.put(node, self.flat(node, index), local[node], lanes)

        def line(*outside: Any) -> None:
            length = shape[-1]
            full = length - length % rows
            if rows > 1:
                self.loop(0, full, rows, lambda j: compute((*outside, j), rows))
                if full < length:
                    self.loop(full, length, 1, lambda j: compute((*outside, j), 1))
            else:
                self.every(length, lambda j: compute((*outside, j), width))

        def everywhere() -> None:
            if len(shape) == 1:
                line()
            else:
                self.each(shape[:-1], line)

        def some_lanes(first: Any) -> None:
            self.first_lane = first
            everywhere()
            self.first_lane = None

        if eights:
            self.loop(0, self.lanes, 8, some_lanes)
        else:
            everywhere()

    # --- operations

    def _width(self) -> int:
        return self.lanes if self.phase == WITHIN else 1

    @lowerings.of(ScatterAdd)
    def _scatter_add(self, node: ScatterAdd) -> None:
        width, tiled = self._width(), is_partition(node)
        if not tiled:
            zero = self.number(0.0, width)
            self.every(node.size, lambda i: self.put(node, i, zero, width))
        for index, arg in node.pieces:
            if arg in self.joined and self.joined[arg][0] is node:
                continue

            def move(*place: Any, arg: Node = arg, index: Indices = index) -> None:
                value, row = self.get(arg, place, width), self.chosen(index, place)
                if not tiled:
                    value = self.builder.fadd(self.read(node, row, width), value)
                self.put(node, row, value, width)

            self.each(index.shape, move)

    @lowerings.of(Broadcast)
    def _broadcast(self, node: Node) -> None:
        width = self._width()
        self.each(
            node.shape,
            lambda *index: self.put(
                node, self.flat(node, index), self.get(node.args[0], index, width), width
            ),
        )

    @lowerings.of(Reduce)
    def _reduce(self, node: Reduce) -> None:
        (x,), axis, builder = node.args, node.axis, self.builder
        width = self._width()
        start, rule = {
            "sum": (0.0, builder.fadd),
            "max": (-math.inf, lambda a, b: self.apply(TABLE["maximum"], [a, b])),
            "min": (float(x.shape[0]), lambda a, b: builder.select(builder.fcmp_ordered("<", b, a), b, a)),
        }[node.how]

        def along(*rest: Any) -> None:
            def index(i: Any) -> tuple[Any, ...]:
                return (*rest[:axis], i, *rest[axis:])

            (result,) = self.every(
                x.shape[axis],
                lambda i, so_far: [rule(so_far, self.get(x, index(i), width))],
                [self.number(start, width)],
            )
            self.put(node, self.flat(node, index(0)), result, width)

        self.each([length for i, length in enumerate(x.shape) if i != axis], along)

    @lowerings.of(LeaveOneOutSum)
    def _leave_one_out_sum(self, node: Node) -> None:
        """The sum of those before, and then of those after."""
        (x,) = node.args
        width, n = self._width(), node.shape[0]
        zero = self.number(0.0, width)

        def column(*rest: Any) -> None:
            def before(i: Any, so_far: Any) -> list[Any]:
                self.put(node, self.flat(node, (i, *rest)), so_far, width)
                return [self.builder.fadd(so_far, self.get(x, (i, *rest), width))]

            def after(i: Any, so_far: Any) -> list[Any]:
                j = n - 1 - i if isinstance(i, int) else self.builder.sub(self.whole_number(n - 1), i)
                both = self.builder.fadd(self.get(node, (j, *rest), width), so_far)
                self.put(node, self.flat(node, (j, *rest)), both, width)
                return [self.builder.fadd(so_far, self.get(x, (j, *rest), width))]

            self.every(n, before, [zero])
            self.every(n, after, [zero])

        self.each(node.shape[1:], column)

    @lowerings.of(MatMul)
    def _matmul(self, node: MatMul) -> None:
        a, b = node.args
        n = b.shape[0]
        if self.phase != WITHIN and node.size == 1:
            self._inner(node, a, b)
            return
        wide = self.phase != WITHIN and not self.unrolled and self.along(b) == "unit" and b.shape[1] >= 8
        width = self._width()

        def cells(first: Any, count: int, column: Any, lanes: int) -> None:
            def step(k: Any, *sums: Any) -> list[Any]:
                right = self.get(b, (k, column), lanes, rows=wide and lanes > 1)
                return [
                    self.fma(self.get(a, (k, row) if node.transposed else (row, k), lanes), right, so_far)
                    for row, so_far in zip(rows, sums)
                ]

            rows = [self.plus(first, t) for t in range(count)]
            turns = self.every if count * lanes >= tuning.UNROLLED_SUMS else self.in_fours
            sums = turns(n, step, [self.number(0.0, lanes)] * count)
            for row, value in zip(rows, sums):
                self.put(node, self.flat(node, (row, column)), value, lanes)

        def rows_of(column: Any, lanes: int) -> None:
            tile = max(1, 24 // max(1, lanes // 8)) if lanes >= 8 else 8
            self.tiles(node.shape[0], min(tile, 8), lambda first, count: cells(first, count, column, lanes))

        if not wide:
            self.every(node.shape[1], lambda column: rows_of(column, width))
            return
        full = node.shape[1] - node.shape[1] % 8
        self.loop(0, full, 8, lambda column: rows_of(column, 8))
        self.loop(full, node.shape[1], 1, lambda column: rows_of(column, 1))

    def _inner(self, node: Node, a: Node, b: Node) -> None:
        """The inner product of a row and a column, in eight parts if they lie so in memory."""
        n = b.shape[0]
        row, column = self._line(a, n), self._line(b, n)
        full = 0
        total = self.number(0.0)
        if self.along(row) == self.along(column) == "unit" and n >= 16:
            full = n - n % 8
            (parts,) = self.loop(
                0,
                full,
                8,
                lambda k, so_far: [
                    self.fma(self.get(row, (k,), 8, True), self.get(column, (k,), 8, True), so_far)
                ],
                [self.number(0.0, 8)],
            )
            total = self.lane_sum(parts)
        (total,) = self.loop(
            full,
            n,
            1,
            lambda k, so_far: [self.fma(self.get(row, (k,), 1), self.get(column, (k,), 1), so_far)],
            [total],
        )
        self.put(node, 0, total, 1)

    def _line(self, node: Node, n: int) -> Node:
        """A row or a column as one axis."""
        return node.graph.reshape(node, (n,))

    @lowerings.of(Outer)
    def _outer(self, node: Node) -> None:
        """Of what is not batched, and of what is so wide that it is not added up block by block."""
        if node in self.wide:
            from_inputs = isinstance(node.args[1].source, Inputs)
            (self._product_with_inputs if from_inputs else self._product_of_lanes)(node)
            return
        a, b = node.args
        r = a.shape[1]

        def cell(i: Any, j: Any) -> None:
            (total,) = self.every(
                r,
                lambda k, so_far: [self.fma(self.get(a, (i, k), 1), self.get(b, (j, k), 1), so_far)],
                [self.number(0.0)],
            )
            self.put(node, self.flat(node, (i, j)), total, 1)

        self.each(node.shape, cell)

    @lowerings.of(Apply, BatchSum, Fused, Parameters, Inputs, Symbol, Constant, Gather)
    def _elsewhere(self, node: Node) -> None:
        """Elementwise nodes share a loop, batch sums are added up, and the others have nothing to compute."""
        raise NotImplementedError

    # --- a pass over a batch

    def examples(self, batch: Any, order: Any, first: Any, width: int) -> None:
        """The inputs of a block: lane l holds example order[first + l], the last one again beyond the end."""
        inputs, builder = self.order[0].graph.inputs, self.builder

        def lanes_from(lane: Any) -> None:
            self.first_lane = lane
            begin, starts = self.plus(first, lane), []
            for k in range(self.group):
                place = self.least(self.plus(begin, k), self.last) if self.lanes > 1 else begin
                example = builder.load(
                    builder.gep(order, [self.whole_number(place)], source_etype=self.whole), typ=self.whole
                )
                starts.append(self.times(example, width))

            def eight(i: Any) -> None:
                rows = [self.load(batch, self.plus(start, i), 8) for start in starts]
                for k, column in enumerate(self.transposed(rows)):
                    self.put(inputs, self.plus(i, k), column, 8)

            def one(i: Any) -> None:
                column = self.together([self.load(batch, self.plus(start, i)) for start in starts])
                self.put(inputs, i, column, self.group)

            full = width - width % 8 if self.group == 8 else 0
            self.loop(0, full, 8, eight)
            self.loop(full, width, 1, one)
            self.first_lane = None

        self.phase = WITHIN
        self.loop(0, self.lanes, self.group, lanes_from)

    def size_of(self, count: Any) -> None:
        """Set the number of examples in the batch."""
        self.count_int, self.last = count, self.builder.sub(count, self.whole_number(1))

    def run(self, count: Any, mean: bool, inputs: Callable[[Any], None], outputs: Any = None) -> None:
        """The three phases on `count` examples; `inputs` and `outputs` are done for each block."""
        builder = self.builder
        self.size_of(count)
        size, one = builder.sitofp(count, self.real), self.number(1.0)
        self.symbols |= {
            "batch_size": size,
            "cotangent": builder.fdiv(one, size) if mean else one,
            "total_cotangent": one if mean else size,
        }
        self.emit(BEFORE)
        if WITHIN in self.phases.values() or outputs is not None:
            self.clear()

            def block(first: Any) -> None:
                self.first, self.mask = first, self.valid_lanes(first, self.lanes)
                inputs(first)
                here = self.address(self.history_base, self.times(first, self.record // self.lanes))
                self.homes |= {node: (here, place) for node, place in self.history.items()}
                self.emit(WITHIN)
                if outputs is not None:
                    outputs(first)

            self.loop(0, count, self.lanes, block)
            self.phase = AFTER
            self.gather_sums()
        self.emit(AFTER)


Kernel.lowerings.require_all()
