"""The layout of a kernel: its schedule in three phases, and the place of each node in memory.

First comes what depends on parameters alone; then the blocks of examples, one example a lane; then what
depends on sums over the batch. Such a sum has a vector of accumulators for each number, added up at the end.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .. import tuning
from ..ir import nodes as ops
from ..ir.index_maps import is_contiguous, strides_of
from ..ir.nodes import Indices, Node, ancestry
from ..ir.schedule import Buffer, Schedule, Step, Target
from .builder import DIRECT

__all__ = ["AFTER", "BEFORE", "WITHIN", "Layout", "reduces"]

BEFORE, WITHIN, AFTER = range(3)  # the phases


class NativeTarget(Target):
    """What native code can do.

    Attributes
    ----------
    wide : products over the batch with many results, computed after all blocks.
    history : by node that wide products read, its place in the record of a block.
    record : numbers in the record of a block.
    """

    phases = "before the batch", "for each block of examples", "after it"
    repeated = WITHIN

    def __init__(self, nodes: Sequence[Node], lanes: int, straight: bool, numbers_first: bool) -> None:
        self.straight, self.numbers_first = straight, numbers_first
        self.wide = [node for node in ancestry(nodes) if not straight and lanes > 1 and _is_wide(node)]
        self.history: dict[Node, int] = {}
        self.record = 0
        for source in [arg.source for node in self.wide for arg in node.args]:
            if source not in self.history and not isinstance(source, ops.Inputs):
                self.history[source] = self.record
                self.record += source.size * lanes

    def phase(self, node: Node, phases: dict[Node, int]) -> int:
        """A sum over the batch is computed within the blocks, as soon as its operands are there."""
        if node.batched or self.is_sum(node):
            return WITHIN
        return AFTER if any(phases[arg] != BEFORE for arg in node.args) else BEFORE

    def waits(self, node: Node, phase: int) -> bool:
        """Nodes that only the last phase reads are computed there."""
        return phase == AFTER and isinstance(node, (ops.Apply, ops.Gather)) and not node.batched

    def rank(self, node: Node) -> int:
        """Single numbers first: then the rest is one loop, which reads a row before it is written."""
        return int(self.numbers_first and node.size > 1)

    def is_sum(self, node: Node) -> bool:
        """Whether it is added up over the batch, block by block."""
        return reduces(node) and node not in self.wide

    def is_step(self, node: Node) -> bool:
        return not isinstance(node, (ops.Parameters, ops.Inputs, ops.Gather, ops.Constant, ops.Symbol))

    def joins(self, step: Step, node: Node) -> bool:
        """Elementwise nodes of one shape share a loop, unless one reads other rows of another."""
        return (
            isinstance(node, ops.Apply)
            and isinstance(step.nodes[0], ops.Apply)
            and step.nodes[0].shape == node.shape
            and not any(isinstance(arg, ops.Gather) and arg.args[0] in step.nodes for arg in node.args)
        )

    def is_view(self, schedule: Schedule, node: ops.Gather) -> bool:
        return True

    def is_inlined(self, schedule: Schedule, node: Node) -> bool:
        """An instruction or two for each row of a sum or of moved rows, which then need no memory."""
        readers = schedule.readers[node]
        return (
            not self.straight
            and isinstance(node, ops.Apply)
            and node.row.name in DIRECT
            and node.batched
            and len(readers) == 1
            and isinstance(readers[0], (ops.Reduce, ops.ScatterAdd, ops.BatchSum))
            and schedule.phases[readers[0]] == schedule.phases[node]
        )

    def is_part(self, schedule: Schedule, node: ops.ScatterAdd, index: Indices, arg: Node) -> bool:
        """Sums that nothing else reads, and wide products with contiguous columns in the scatter-add."""
        lines = arg in self.wide and is_contiguous(index)
        return schedule.readers[arg] == [node] and (lines or all(map(self.is_sum, node.args)))

    def is_stored(self, schedule: Schedule, node: Node) -> bool:
        """Of the numbers of an example those that another loop reads; straight code has them in registers."""
        return not node.batched or (node in schedule.kept and not self.straight and node not in self.history)

    def is_pinned(self, node: Node) -> bool:
        return not node.batched


class Layout:
    """The schedule of a kernel, and the places of its nodes in the scratch memory, counted in numbers.

    Parameters
    ----------
    nodes : what the kernel computes.
    lanes : examples in a block.
    straight : whether it is code without loops, whose numbers are in registers.
    itemsize : bytes of a number.
    numbers_first : whether single numbers are computed before all else.

    Attributes
    ----------
    groups : for each phase its loops, as lists of nodes.
    sums, wide : sums over the batch that are accumulated block by block, and the others.
    inlined : elementwise nodes that are computed where they are read.
    joined : sums that are computed in the rows of a scatter-add: that node, and the rows.
    places : by node the offset of its numbers in the scratch memory.
    size : numbers of the scratch memory.
    """

    def __init__(
        self, nodes: Sequence[Node], lanes: int, straight: bool, itemsize: int, numbers_first: bool = False
    ) -> None:
        self.nodes, self.lanes, self.straight = nodes, lanes, straight
        self._alignment = tuning.ALIGNED // itemsize  # in numbers
        self.group = min(lanes, 8)  # lanes of an accumulator
        target = NativeTarget(nodes, lanes, straight, numbers_first)
        self.schedule = schedule = Schedule(nodes, target)
        self.inputs = schedule.order[0].graph.inputs
        self.wide, self.history, self.record = target.wide, target.history, target.record
        self.phases, self.kept, self.inlined = schedule.phases, schedule.kept, schedule.inlined
        self.groups = [[step.nodes for step in schedule.steps if step.phase == phase] for phase in range(3)]
        self.sums = [node for node in schedule.order if target.is_sum(node)]
        self.joined = {
            node: alias for node, alias in schedule.aliases.items() if not isinstance(node, ops.Gather)
        }
        self.places: dict[Node, int] = {}
        self.size = 0
        self._allocate()

    def _allocate(self) -> None:
        """Accumulators, their sums, inputs, other nodes that are not batched; then the buffers of a block."""
        count = 0
        self.accumulated = list(dict.fromkeys(map(self.schedule.root, self.sums)))
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
        self._place(self.inputs)
        buffers, places = self.schedule.buffers, dict[Buffer, int]()
        for node in sorted(buffers, key=lambda node: (self.schedule.target.rank(node), node.number)):
            if not node.batched and node not in self.places:
                self._place(node)
        self.packing = self.size
        if any(isinstance(node.args[1].source, ops.Inputs) for node in self.wide):
            self.size += tuning.WIDE_EXAMPLES * tuning.WIDE_COLUMNS
        for node in buffers:
            if node.batched:
                if buffers[node] not in places:
                    self._place(node)
                    places[buffers[node]] = self.places[node]
                self.places[node] = places[buffers[node]]

    def may_move(self, node: Node) -> bool:
        """Whether a node is written at once, and so may be written into other memory."""
        return isinstance(node, (ops.ScatterAdd, ops.Apply, ops.Broadcast)) and node not in self.accumulated

    def ends_with(self, nodes: Sequence[Node]) -> bool:
        """Whether the last loop computes these nodes, and no turn of it reads a parameter of another turn."""
        last = self.groups[AFTER][-1] if self.groups[AFTER] else []
        read = {arg for node in last for arg in node.args if isinstance(arg.source, ops.Parameters)}
        return bool(last) and set(nodes) <= set(last) and all(_in_step(arg, last[0].size) for arg in read)

    def _place(self, node: Node) -> None:
        self.places[node] = self.size
        self.size += node.size * (self.lanes if node.batched else 1)
        self._align()

    def _align(self) -> None:
        self.size += -self.size % self._alignment


def _is_wide(node: Node) -> bool:
    """Whether a product over the batch is faster as one product after all blocks."""
    if (
        not isinstance(node, ops.Outer)
        or node.size < tuning.WIDE
        or any(arg.shape[1] != 1 or not arg.batched for arg in node.args)
    ):
        return False
    a, b = node.args
    return not isinstance(a.source, ops.Inputs) and (not isinstance(b.source, ops.Inputs) or _in_line(b))


def _in_line(node: Node) -> bool:
    """Whether the rows of a node are consecutive rows of its source."""
    spaced = strides_of(node.index) if isinstance(node, ops.Gather) else (0, (1, 1))
    return spaced is not None and spaced[1][0] == 1


def _in_step(node: Node, rows: int) -> bool:
    """Whether row i of a node is parameter i, or a number that the rule remembers of it."""
    index = node.index.reshape(-1) if isinstance(node, ops.Gather) else np.arange(node.size)
    return len(index) == rows and bool((index % node.graph.parameters.size == np.arange(rows)).all())


def reduces(node: Node) -> bool:
    """Whether it is a product or sum over the batch."""
    over = isinstance(node, (ops.Outer, ops.BatchSum)) or (isinstance(node, ops.AddRows) and node.summed)
    return over and any(arg.batched for arg in node.args)
