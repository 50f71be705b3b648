"""The layout of memory: where the numbers of nodes are, and how code reads and writes them there.

Three phases follow each other: what depends on parameters alone; the blocks of examples, one example in
each lane of a vector; what depends on sums over the batch, which are kept as a vector for each parameter
and added up in the end.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .. import tuning
from ..ir.index_maps import is_partition, strides_of
from ..ir.nodes import (
    Apply,
    BatchSum,
    Constant,
    Gather,
    Indices,
    Inputs,
    Node,
    Outer,
    Parameters,
    ScatterAdd,
    Symbol,
    ancestry,
)
from .builder import Code

__all__ = ["AFTER", "BEFORE", "WITHIN", "Memory", "reduces"]

BEFORE, WITHIN, AFTER = range(3)  # the phases
_ELSEWHERE = (Gather, Constant, Symbol)  # nodes without numbers of their own in memory


class Memory(Code):
    """The nodes of a program, grouped into loops, and their places in the scratch memory.

    An index is a tuple with a Python number, or a value of the function, for each axis.
    """

    parameters: Any  # pointers, as is `scratch`
    scratch: Any
    mask: Any = None  # which lanes hold an example; None if all do
    batch: Any  # the examples as the caller has them, and the numbers of those in this batch
    examples_order: Any
    history_base: Any
    symbols: dict[str, Any]  # the value of each `Symbol`
    count_int: Any
    last: Any
    fused: bool = False  # of a training, whether its state has no gradient
    first: Any  # the number of a block's first example
    first_lane: Any = None  # of eight of its lanes, where all of them are not taken at once
    phase: int = BEFORE

    def __init__(
        self,
        name: str,
        nodes: Sequence[Node],
        lanes: int,
        real: Any,
        straight: bool,
        numbers_first: bool = False,
    ) -> None:
        super().__init__(name, real)
        self.lanes, self.straight = lanes, straight
        self.group = min(lanes, 8)  # lanes of an accumulator
        self.nodes = nodes
        self.order = ancestry(nodes)
        self.phases: dict[Node, int] = {}
        for node in self.order:
            if node.batched:
                phase = WITHIN
            elif any(arg.batched or self.phases[arg] == AFTER for arg in node.args):
                phase = AFTER
            else:
                phase = BEFORE
            self.phases[node] = phase
        readers: dict[Node, list[Node]] = {node: [] for node in self.order}
        for node in self.order:
            for arg in node.args:
                readers[arg].append(node)
        self._delay(readers)
        if numbers_first:  # then the rest is one loop, which reads a row before it is written
            self.order.sort(key=lambda node: node.size > 1)
        self.symbols = {}
        self.values: dict[tuple[Node, int], Any] = {}  # of straight code, by node and row
        self.size = 0  # of the scratch memory, in numbers
        sums = [node for node in self.order if isinstance(node, (Outer, BatchSum)) and reduces(node)]
        self.wide = {node for node in sums if not straight and lanes > 1 and _is_wide(node)}
        self.sums = [node for node in sums if node not in self.wide]
        self.history: dict[Node, int] = {}  # what wide products read of all blocks, and its place in a record
        self.record = 0  # numbers kept of a block
        for node in sorted(self.wide, key=lambda node: node.number):
            for source in [arg.source for arg in node.args]:
                if source not in self.history and not isinstance(source, Inputs):
                    self.history[source] = self.record
                    self.record += source.size * lanes
        self.places: dict[Node, int] = {}
        self.homes: dict[Node, tuple[Any, Any]] = {}  # nodes in other memory: its pointer, and where there
        # Sums that nothing but a "put" reads are computed where that has them.
        self.joined: dict[Node, tuple[Node, Indices]] = {}
        for node in self.order:
            if isinstance(node, ScatterAdd) and not node.batched and is_partition(node):
                whole = set(node.args) <= set(self.sums)
                for index, arg in node.pieces:
                    spaced = strides_of(index)
                    if spaced is None or readers[arg] != [node]:
                        continue
                    if (whole and arg in self.sums) or (arg in self.wide and spaced[1][-1] == 1):
                        self.joined[arg] = node, index
        self.groups = [self._grouped(phase) for phase in (BEFORE, WITHIN, AFTER)]
        self._allocate()

    @property
    def schedule(self) -> str:
        """For each phase the loops, with the nodes that each computes, and the place of what is kept."""
        lines = []
        for name, groups in zip(("before the batch", "for each block of examples", "after it"), self.groups):
            lines.append(f"{name}:")
            for group in groups:
                lines.append("  loop")
                lines += [f"    {self.places.get(node, '-'):>6} {node!r}" for node in group]
        return "\n".join([*lines, ""])

    @property
    def unrolled(self) -> bool:
        return self.straight and (self.phase == WITHIN or self.lanes == 1)

    def _delay(self, readers: Mapping[Node, Sequence[Node]]) -> None:
        """Move nodes that only the last phase reads into that phase, into the loop that reads them."""
        for node in reversed(self.order):
            early = (
                self.phases[node] == BEFORE and isinstance(node, (Apply, Gather)) and node not in self.nodes
            )
            if early and all(self.phases[reader] == AFTER for reader in readers[node]):
                self.phases[node] = AFTER

    def _grouped(self, phase: int) -> list[list[Node]]:
        """The nodes of a phase in order, elementwise nodes of one shape together: they share a loop.

        A sum over the batch is computed within the blocks, as soon as its operands are there.
        """
        groups: list[list[Node]] = []
        for node in self.order:
            when = WITHIN if node in self.sums else self.phases[node]
            if when != phase or isinstance(node, (Parameters, Inputs, *_ELSEWHERE)):
                continue
            run = groups[-1] if groups else []
            fits = isinstance(node, Apply) and bool(run) and isinstance(run[0], Apply)
            if (
                fits
                and run[0].shape == node.shape
                and not any(isinstance(arg, Gather) and arg.args[0] in run for arg in node.args)
            ):
                run.append(node)
            else:
                groups.append([node])
        return groups

    def _allocate(self) -> None:
        """The place of each node in the scratch memory: accumulators, their sums, all else.

        Within a block a place is used again when nobody reads it any more, so that all of them stay in the
        nearest cache.
        """
        count = 0
        self.accumulated = list(
            dict.fromkeys(self.joined[node][0] if node in self.joined else node for node in self.sums)
        )
        for node in self.accumulated:
            self.places[node] = count
            count += node.size
        self.accumulators = self.first_sum = self.size = count + -count % 8
        if self.group == 1:  # they are the sums
            self.first_sum = 0
        else:
            self.first_sum *= self.group
            self.size += self.first_sum
        self._align()
        for node in self.accumulated:
            self.places[node] += self.first_sum
        last: dict[Node, int] = {}
        for number, group in enumerate(self.groups[WITHIN]):
            for node in group:
                last |= dict.fromkeys([arg.source for arg in node.args], number)
        last |= dict.fromkeys([node.source for node in self.nodes], len(self.groups[WITHIN]))
        self.kept = {node.source for node in self.nodes}
        for phase in self.groups:
            for group in phase:
                self.kept |= {arg.source for node in group for arg in node.args if arg not in group}
        free: dict[int, list[int]] = {}
        block = self.order[0].graph
        for node in (block.inputs, *[t for t in self.order if self.phases[t] != WITHIN]):
            if isinstance(node, (Parameters, *_ELSEWHERE)) or node in self.places or node in self.joined:
                continue
            self._place(node, free)
        self.packing = self.size
        if any(isinstance(node.args[1].source, Inputs) for node in self.wide):
            self.size += tuning.WIDE_EXAMPLES * tuning.WIDE_COLUMNS
        for number, group in enumerate(self.groups[WITHIN]):
            for node in group:
                if node.batched and node in self.kept and not self.straight and node not in self.history:
                    self._place(node, free)
            for node in [node for node, end in last.items() if end == number]:
                if node.batched and node in self.places and node is not block.inputs:
                    free.setdefault(node.size, []).append(self.places[node])

    @property
    def packed(self) -> Any:
        return self.address(self.scratch, self.packing)

    def ends_with(self, nodes: Sequence[Node]) -> bool:
        """Whether the last loop of all computes these nodes: then they may lie where it reads from.

        Not if it reads a parameter in another turn than that in which it changes it.
        """
        last = self.groups[AFTER][-1] if self.groups[AFTER] else []
        read = {arg for node in last for arg in node.args if isinstance(arg.source, Parameters)}
        return bool(last) and set(nodes) <= set(last) and all(_in_step(arg, last[0].size) for arg in read)

    def _place(self, node: Node, free: dict[int, list[int]]) -> None:
        if node.batched and free.get(node.size):
            self.places[node] = free[node.size].pop()
            return
        self.places[node] = self.size
        self.size += node.size * (self.lanes if node.batched else 1)
        self._align()

    def _align(self) -> None:
        self.size += -self.size % (tuning.ALIGNED // self.bytes)

    # --- numbers of nodes

    def flat(self, node: Node, index: tuple[Any, ...]) -> Any:
        """The row number of an index, which may have more axes, and reach beyond an axis of length 1."""
        row: Any = 0
        for length, i in zip(node.shape, index[len(index) - len(node.shape) :]):
            row = self.plus(self.times(row, length), 0 if length == 1 else i)
        return row

    def origin(self, node: Node, index: tuple[Any, ...]) -> tuple[Node, Any]:
        """The node that has the numbers of a row, and the number of the row there."""
        if node in self.joined:
            source, rows = self.joined[node]
        elif isinstance(node, Gather):
            (source,), rows = node.args, node.index
        else:
            return node, self.flat(node, index)
        return source, self.chosen(rows, index)

    def chosen(self, rows: Indices, index: Sequence[Any]) -> Any:
        """The row number at an index of an array of row numbers."""
        aligned = [0 if n == 1 else i for n, i in zip(rows.shape, index[len(index) - rows.ndim :])]
        if all(isinstance(i, (int, np.integer)) for i in aligned):
            return int(rows[tuple(aligned)])
        spaced = strides_of(rows)
        if spaced is None:
            row: Any = 0
            for length, i in zip(rows.shape, aligned):
                row = self.plus(self.times(row, length), i)
            table = self.table(np.ascontiguousarray(rows, np.int64))
            place = self.builder.gep(table, [self.whole_number(row)], source_etype=self.whole)
            return self.builder.load(place, typ=self.whole)
        row, steps = spaced
        for i, step in zip(aligned, steps):
            row = self.plus(row, self.times(i, step))
        return row

    def get(self, node: Node, index: tuple[Any, ...], lanes: int, rows: bool = False) -> Any:
        """A number of a node in each lane: of an example each, or with `rows` of consecutive rows."""
        return self.read(*self.origin(node, index), lanes, rows and self.along(node) != "same")

    def read(self, source: Node, row: Any, lanes: int, consecutive: bool = False) -> Any:
        """The number in a row of a node that has numbers of its own, or those of the rows from there on."""
        if isinstance(source, Symbol):
            return self.splat(self.symbols[source.name], lanes)
        if isinstance(source, Constant):
            if isinstance(row, int) and not consecutive:
                return self.number(float(source.data.reshape(-1)[row]), lanes)
            base, offset = self.table(source.data), row
        elif source.batched and self.straight and not isinstance(source, Inputs):
            return self.values[source, row]
        else:
            base, start = self.home(source)
            if source.batched:
                place = self.plus(start, self.times(row, self.lanes))
                if self.first_lane is not None:
                    place = self.plus(place, self.first_lane)
                return self.load(base, place, lanes, True)
            offset = self.plus(start, row)
        if consecutive:
            return self.load(base, offset, lanes)
        return self.splat(self.load(base, offset), lanes)

    def put(self, node: Node, row: Any, value: Any, lanes: int) -> None:
        """Keep a number of a node."""
        if node.batched and self.straight and not isinstance(node, Inputs):
            self.values[node, row] = value
            return
        if node in self.history:
            value = self.valid(value)
        base, start = self.home(node)
        width = self.lanes if node.batched else 1
        place = self.plus(start, self.times(row, width))
        if node.batched and self.first_lane is not None:
            place = self.plus(place, self.first_lane)
        self.store(value, base, place, lanes, node.batched)

    def home(self, node: Node) -> tuple[Any, Any]:
        """Where the numbers of a node begin: a pointer, and an offset."""
        if node in self.homes:
            return self.homes[node]
        return (self.parameters, 0) if isinstance(node, Parameters) else (self.scratch, self.places[node])

    def along(self, node: Node) -> str | None:
        """How the numbers of a node lie along its last axis: consecutive, all the same, or neither."""
        if isinstance(node, Symbol) or node.shape[-1] == 1:
            return "same"
        if not isinstance(node, Gather):
            return "unit"
        spaced = strides_of(node.index)
        return "unit" if spaced is not None and spaced[1][-1] == 1 else None

    def part(self, value: Any, group: int) -> Any:
        """Some lanes of a vector: as many as an accumulator has."""
        if self.group == self.lanes:
            return value
        ir = self.ir
        chosen = range(group * self.group, (group + 1) * self.group)
        mask = ir.Constant(ir.VectorType(ir.IntType(32), self.group), list(chosen))
        return self.builder.shuffle_vector(value, ir.Constant(value.type, ir.Undefined), mask)

    def valid(self, value: Any) -> Any:
        """A value with 0 in the lanes that hold no example."""
        if self.mask is None:
            return value
        mask, lanes = self.mask, self.lanes
        if self.first_lane is not None:
            lanes = 8
            mask = self.valid_lanes(self.plus(self.first, self.first_lane), lanes)
        return self.builder.select(mask, value, self.number(0.0, lanes))

    def valid_lanes(self, first: Any, lanes: int) -> Any:
        """A mask of the lanes that hold an example; None for a single lane, which always does."""
        if lanes == 1:
            return None
        ir = self.ir
        numbers = ir.Constant(ir.VectorType(self.whole, lanes), list(range(lanes)))
        place = self.builder.add(self.splat(first, lanes), numbers)
        return self.builder.icmp_signed("<", place, self.splat(self.count_int, lanes))


def _is_wide(node: Node) -> bool:
    """Whether a product over the batch has many results: to compute it after all blocks is then faster than
    to add up the share of each."""
    if (
        not isinstance(node, Outer)
        or node.size < tuning.WIDE
        or any(arg.shape[1] != 1 or not arg.batched for arg in node.args)
    ):
        return False
    a, b = node.args
    return not isinstance(a.source, Inputs) and (not isinstance(b.source, Inputs) or _in_line(b))


def _in_line(node: Node) -> bool:
    """Whether the rows of a node are consecutive rows of another."""
    spaced = strides_of(node.index) if isinstance(node, Gather) else (0, (1, 1))
    return spaced is not None and spaced[1][0] == 1


def _in_step(node: Node, rows: int) -> bool:
    """Whether row i of a node is row i of the state: parameter i, or what the rule keeps for it."""
    index = node.index.reshape(-1) if isinstance(node, Gather) else np.arange(node.size)
    return len(index) == rows and bool((index % node.graph.parameters.size == np.arange(rows)).all())


def reduces(node: Node) -> bool:
    return any(arg.batched for arg in node.args)
