"""The schedule: the phase, step and buffer of each node, and the lifetimes of buffers, for every back end.

A `Target` says what a back end can do: its phases, which nodes share a loop, which rows may be read or
written in the buffer of another node, and which nodes have no buffer. Order, aliases, lifetimes and reuse
follow.
"""

from __future__ import annotations

import itertools
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

from .index_maps import is_partition, strides_of
from .nodes import Constant, Gather, Indices, Node, ScatterAdd, Symbol, ancestry
from .passes import checked

__all__ = ["Buffer", "Schedule", "Step", "Target"]


@dataclass(frozen=True)
class Step:
    """Nodes that are computed together, in this order, in one loop over their rows."""

    phase: int
    nodes: list[Node]


@dataclass(frozen=True, eq=False)
class Buffer:
    """Memory for `size` rows, of one number or one for each example of the batch."""

    number: int
    size: int
    batched: bool


class Target:
    """The abilities of a back end that a schedule depends on.

    Attributes
    ----------
    phases : their names, in order.
    repeated : the number of the phase that runs repeatedly after one run of those before it.
    """

    phases: Sequence[str] = ("run",)
    repeated = 0

    def phase(self, node: Node, phases: dict[Node, int]) -> int:
        """The phase of a node, from those of its operands."""
        return 0

    def waits(self, node: Node, phase: int) -> bool:
        """Whether a node is computed in this later phase, that of all its readers."""
        return False

    def rank(self, node: Node) -> int:
        """Nodes of a phase come in the order of their ranks; none depends on one of a higher rank."""
        return 0

    def is_step(self, node: Node) -> bool:
        """Whether a node takes a step. Constants and symbols are part of the code that reads them."""
        return not isinstance(node, (Constant, Symbol))

    def joins(self, step: Step, node: Node) -> bool:
        """Whether a node is computed in the loop of the step before it, of the same phase."""
        return False

    def is_view(self, schedule: Schedule, node: Gather) -> bool:
        """Whether the rows of a gather are read in the buffer of its operand."""
        return False

    def is_inlined(self, schedule: Schedule, node: Node) -> bool:
        """Whether a node, no output, is computed row by row in the code that reads it."""
        return False

    def is_part(self, schedule: Schedule, node: ScatterAdd, index: Indices, arg: Node) -> bool:
        """Whether an operand is computed in its rows `index` of a scatter-add."""
        return False

    def is_stored(self, schedule: Schedule, node: Node) -> bool:
        """Whether a node that is no alias has a buffer, and not registers or memory of the caller."""
        return True

    def is_pinned(self, node: Node) -> bool:
        """Whether a node's buffer is never reused."""
        return False

    def is_rewritten(self, node: Node, arg: Node) -> bool:
        """Whether a node may overwrite an operand of its shape that nothing reads later."""
        return False

    def kind(self, node: Node) -> Hashable:
        """Equal for nodes that can use the same buffer, one after the other."""
        return node.size, node.batched


class Schedule:
    """The outputs of a program, scheduled for a target.

    Attributes
    ----------
    order : all nodes, by phase, operands first.
    phases : the phase of each node.
    steps : the steps in order.
    readers : by node its readers, once for each operand that it is.
    aliases : by node that is part of another node that node and the rows.
    once : pairs of a scatter-add and a constant in it that is written only once, since nothing overwrites it.
    inlined : the nodes that are computed in the code that reads them.
    kept : the nodes that are read outside of their step.
    pinned : nodes whose buffer is never reused.
    ends : by node that is no alias the last step that reads its buffer; for outputs the number of steps.
    buffers : by node that is no alias its buffer, if it has one.
    """

    def __init__(self, outputs: Sequence[Node], target: Target) -> None:
        self.outputs, self.target = list(outputs), target
        self.order = ancestry(outputs)
        self.readers: dict[Node, list[Node]] = {node: [] for node in self.order}
        self.phases: dict[Node, int] = {}
        for node in self.order:
            self.phases[node] = target.phase(node, self.phases)
            for arg in node.args:
                self.readers[arg].append(node)
        for node in reversed(self.order):
            when = {self.phases[reader] for reader in self.readers[node]}
            if node not in self.outputs and len(when) == 1 and target.waits(node, min(when)):
                self.phases[node] = min(when)
        self.order.sort(key=lambda node: (self.phases[node], target.rank(node)))
        self.aliases: dict[Node, tuple[Node, Indices]] = {}
        self.once: set[tuple[Node, Node]] = set()
        self.inlined: set[Node] = set()
        for node in self.order:
            if node not in self.outputs and target.is_inlined(self, node):
                self.inlined.add(node)
        self._find_aliases()
        self.steps = self._grouped()
        self.kept = {output.source for output in outputs}
        for step in self.steps:
            self.kept |= {
                arg.source for node in step.nodes for arg in self.read_by(node) if arg not in step.nodes
            }
        self.ends: dict[Node, int] = {}
        for number, step in enumerate(self.steps):
            for node in step.nodes:
                for each in (*self.read_by(node), node):
                    self.ends[self.root(each)] = number
        self.ends |= dict.fromkeys(map(self.root, outputs), len(self.steps))
        self.pinned = {node for node, _ in self.once}
        self.pinned.update(node for node in self.order if target.is_pinned(node))
        later = [arg for node in self.order if self._recurs(node) for arg in self.read_by(node)]
        self.pinned.update(self.root(each) for each in [*later, *outputs] if not self._recurs(each))
        self.buffers: dict[Node, Buffer] = {}
        self._assign_buffers()
        checked("schedule", self)

    def read_by(self, node: Node) -> list[Node]:
        """The operands of a node; inlined ones are replaced by their own operands."""
        found, pending = list[Node](), list(node.args)
        while pending:
            arg = pending.pop()
            if arg.source in self.inlined:
                pending += arg.source.args
            else:
                found.append(arg)
        return found

    def _recurs(self, node: Node) -> bool:
        return self.phases[node] >= self.target.repeated

    def root(self, node: Node) -> Node:
        """The node whose buffer contains this one."""
        while node in self.aliases:
            node = self.aliases[node][0]
        return node

    def is_part(self, node: Node, index: Indices, arg: Node) -> bool:
        """Whether an operand is computed in these rows of a scatter-add."""
        whole, rows = self.aliases.get(arg, (None, None))
        return whole is node and rows is index

    def __str__(self) -> str:
        """For each phase its steps: where each node is, ``b3`` for a buffer, ``in n7`` for an alias."""
        lines = []
        for phase, name in enumerate(self.target.phases):
            lines.append(f"{name}:")
            for step in self.steps:
                if step.phase == phase:
                    lines.append("  step")
                    lines += [f"    {self._place(node):>6}  {node!r}" for node in step.nodes]
        return "\n".join([*lines, ""])

    def _place(self, node: Node) -> str:
        if node in self.aliases:
            return f"in n{self.aliases[node][0].number}"
        return f"b{self.buffers[node].number}" if node in self.buffers else "-"

    def _find_aliases(self) -> None:
        target = self.target
        for node in self.order:
            if isinstance(node, Gather) and target.is_view(self, node):
                self.aliases[node] = node.args[0], node.index
        elsewhere = {*self.aliases, *self.outputs, *[source for source, _ in self.aliases.values()]}
        tiled = [node for node in self.order if isinstance(node, ScatterAdd) and is_partition(node)]
        parts: set[Node] = set()
        for node in tiled:
            for index, arg in node.pieces:
                free = not (arg in elsewhere or arg in parts or arg in self.inlined) and strides_of(index)
                fits = (arg.shape, arg.batched) == (index.shape, node.batched)
                if free and fits and target.is_part(self, node, index, arg):
                    self.aliases[arg] = node, index
                    parts.add(arg)
        for node in tiled:
            constant = [arg for index, arg in node.pieces if arg.scalar is not None and strides_of(index)]
            if parts.issuperset(set(node.args).difference(constant)):
                self.once |= {(node, arg) for arg in constant}

    def _grouped(self) -> list[Step]:
        steps: list[Step] = []
        for node in self.order:
            if node in self.inlined or not self.target.is_step(node):
                continue
            last = steps[-1] if steps and steps[-1].phase == self.phases[node] else None
            if last and self.target.joins(last, node):
                last.nodes.append(node)
            else:
                steps.append(Step(self.phases[node], [node]))
        return steps

    def _assign_buffers(self) -> None:
        """Give each root a buffer: one that it overwrites, a free one, or a new one."""
        free: dict[Hashable, list[Buffer]] = {}
        live: dict[Node, Buffer] = {}
        numbers = itertools.count()
        for number, step in enumerate(self.steps):
            for node in map(self.root, step.nodes):
                if node in self.buffers or not self.target.is_stored(self, node):
                    continue
                old = next((arg for arg in node.args if self._gives(arg, node, number)), None)
                waiting = free.get(self.target.kind(node))
                if old is not None:
                    buffer = live.pop(old)
                elif waiting and node not in self.pinned:
                    buffer = waiting.pop()
                else:
                    buffer = Buffer(next(numbers), node.size, node.batched)
                self.buffers[node] = live[node] = buffer
            for node in [node for node in live if self.ends[node] <= number]:
                if node not in self.pinned:
                    free.setdefault(self.target.kind(node), []).append(live[node])
                del live[node]

    def _gives(self, arg: Node, node: Node, number: int) -> bool:
        """Whether a node may overwrite an operand in the step of this number."""
        return (
            arg in self.buffers
            and self.ends[arg] == number
            and arg not in self.pinned
            and (arg.shape, arg.batched) == (node.shape, node.batched)
            and all(each is arg or self.root(each) is not arg for each in node.args)
            and self.target.is_rewritten(node, arg)
        )
