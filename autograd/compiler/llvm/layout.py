"""The layout of a kernel: in which loop each node is computed, and where its numbers are.

Three phases follow each other: what depends on parameters alone; the blocks of examples, one example in
each lane of a vector; what depends on sums over the batch, which are kept as a vector for each parameter
and added up in the end.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

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

__all__ = ["AFTER", "BEFORE", "WITHIN", "Layout", "reduces"]

BEFORE, WITHIN, AFTER = range(3)  # the phases
_ELSEWHERE = (Gather, Constant, Symbol)  # nodes without numbers of their own in memory


class Layout:
    """The nodes of a program, grouped into loops, and their places in the scratch memory.

    Parameters
    ----------
    nodes : what the program computes.
    lanes : examples in a block.
    straight : whether it is code without loops, whose numbers have names and no places.
    itemsize : bytes of a number.
    numbers_first : whether the single numbers come before all else.
    """

    def __init__(
        self, nodes: Sequence[Node], lanes: int, straight: bool, itemsize: int, numbers_first: bool = False
    ) -> None:
        self.lanes, self.straight = lanes, straight
        self._alignment = tuning.ALIGNED // itemsize  # in numbers
        self.group = min(lanes, 8)  # lanes of an accumulator
        self.nodes = nodes
        self.order = ancestry(nodes)
        self.inputs = self.order[0].graph.inputs
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
        for node in (self.inputs, *[t for t in self.order if self.phases[t] != WITHIN]):
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
                if node.batched and node in self.places and node is not self.inputs:
                    free.setdefault(node.size, []).append(self.places[node])

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
        self.size += -self.size % self._alignment


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
