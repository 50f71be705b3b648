"""Invariants of every graph and schedule, so that a broken rewrite is found where it was made."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from . import nodes as ir
from .nodes import OPERATIONS, Node, ancestry
from .schedule import Buffer, Schedule, Step

__all__ = ["IRError", "verify"]


class IRError(AssertionError):
    """A graph that no pass may make; the message names the stage, the node and the problem."""


def verify(outputs: Sequence[Node] | Schedule, stage: str = "program") -> None:
    """Check the nodes of a program, or its schedule.

    Nodes: operands come first and are in the same graph; shapes, index maps and dtypes are right. Schedules:
    no number is read before it is computed or after its buffer is reused, and none is overwritten that is
    still to be read. The steps are followed for that, those of the repeated phase twice.

    Raises
    ------
    IRError
    """
    if isinstance(outputs, Schedule):
        _Run(outputs, stage)
        return
    graph = outputs[0].graph
    for node in ancestry(outputs):
        problem = _problem(node, graph)
        if problem:
            raise IRError(f"{stage}: {node!r}: {problem}")


def _problem(node: Node, graph: Any) -> str | None:
    args = node.args
    if type(node) not in OPERATIONS:
        return "is no operation"
    if node.graph is not graph or graph.nodes[node.number] is not node:
        return "is in another graph"
    if any(arg.graph is not graph or arg.number >= node.number for arg in args):
        return "uses a node before its definition"
    try:
        fresh = type(node)(args, *node.fields)
    except (ValueError, IndexError, TypeError) as error:
        return f"its operands do not fit: {error}"
    if (fresh.shape, fresh.batched) != (node.shape, node.batched):
        return f"has the shape {fresh.shape}, {'' if fresh.batched else 'not '}batched"
    if not all(isinstance(length, (int, np.integer)) for length in node.shape):
        return "its shape is not of whole numbers"
    return _misfit(node)


_NONE = Buffer(-1, 0, False)


class _Run:
    """The steps of a schedule, followed without numbers.

    Attributes
    ----------
    valid : the nodes whose numbers are in memory.
    holders : by buffer the node that it belongs to now.
    parts : by node that is no alias the nodes whose numbers its buffer has had.
    """

    def __init__(self, schedule: Schedule, stage: str) -> None:
        self.schedule, self.stage = schedule, stage
        self.valid: set[Node] = set()
        self.holders: dict[Buffer, Node] = {}
        self.parts: dict[Node, set[Node]] = {}
        again = schedule.target.repeated
        for phase in range(len(schedule.target.phases)):
            for _ in range(2 if phase == again else 1):
                own = [step for step in schedule.steps if step.phase == phase]
                self.valid.difference_update(node for step in own for node in step.nodes)
                for step in own:
                    self.make(step)
        for output in schedule.outputs:
            self.read(output, output)

    def make(self, step: Step) -> None:
        root_of, buffers = self.schedule.root, self.schedule.buffers
        written = {buffers[root]: root for root in map(root_of, step.nodes) if root in buffers}
        for node in step.nodes:
            for arg in self.schedule.read_by(node):
                self.read(arg, node)
                other = written.get(buffers.get(root_of(arg), _NONE), root_of(arg))
                if other is not root_of(arg) and not (step.nodes == [node] and _in_step(node, arg)):
                    self.fail(
                        node, f"n{other.number} is written over n{arg.number} in the step that reads it"
                    )
            root = root_of(node)
            buffer = buffers.get(root)
            if buffer is not None:
                held = self.holders.get(buffer, root)
                if held is not root:
                    self.valid -= self.parts.pop(held)
                if root.size > buffer.size or root.batched is not buffer.batched:
                    self.fail(node, f"its buffer has {buffer.size} rows")
                self.holders[buffer] = root
            self.valid.add(node)
            self.parts.setdefault(root, set()).add(node)

    def read(self, arg: Node, reader: Node) -> None:
        """Fail unless the numbers of an operand are in memory."""
        while not self.schedule.target.is_step(arg) and arg in self.schedule.aliases:
            arg = self.schedule.aliases[arg][0]
        if self.schedule.target.is_step(arg) and arg not in self.valid:
            buffer = self.schedule.buffers.get(self.schedule.root(arg))
            taken = f": n{self.holders[buffer].number} has its buffer" if buffer in self.holders else ""
            self.fail(reader, f"reads n{arg.number}, whose numbers are not there{taken}")

    def fail(self, node: Node, problem: str) -> None:
        raise IRError(f"{self.stage}: {node!r}: {problem}")


def _in_step(node: Node, arg: Node) -> bool:
    """Whether row i of a node is computed from row i of an operand and no other row."""
    return isinstance(node, ir.Apply) and not node.row.vectors and arg.shape == node.shape


def _misfit(node: Node) -> str | None:
    """What is wrong with the fields and operands of an operation."""
    args = node.args
    if isinstance(node, (ir.Parameters, ir.Inputs, ir.Symbol)):
        return "has operands" if args else None
    if isinstance(node, ir.Constant):
        return None if node.data.dtype == np.float64 else f"its numbers are {node.data.dtype}"
    if isinstance(node, ir.Gather):
        return _bad_index(node.index, args[0].size)
    if isinstance(node, ir.ScatterAdd):
        for index, arg in node.pieces:
            if index.shape != arg.shape:
                return f"{arg.shape} rows for an index of {index.shape}"
        return next(filter(None, (_bad_index(index, node.size) for index in node.indices)), None)
    if isinstance(node, ir.Broadcast):
        aligned = zip(args[0].shape[::-1], node.rows[::-1])
        if len(args[0].shape) > len(node.rows) or any(own not in (1, length) for own, length in aligned):
            return f"{args[0].shape} does not broadcast to it"
    if isinstance(node, (ir.TakeRows, ir.AddRows)):
        x, named = args
        rows = node.rows if isinstance(node, ir.AddRows) else x.shape[0]
        fits = not isinstance(node, ir.AddRows) or x.shape[0] == named.shape[0]
        if len(x.shape) != 2 or named.shape != node.starts.shape or node.starts.ndim != 1 or not fits:
            return f"no rows of {x.shape} for an index of {named.shape}"
        return _bad_index(node.starts, rows) or _bad_index(node.starts + node.length - 1, rows)
    if isinstance(node, ir.MatMul):
        a, b = args
        if a.batched or len(a.shape) != 2 or len(b.shape) != 2 or a.shape[not node.transposed] != b.shape[0]:
            return f"no product of {a.shape} and {b.shape}"
    if isinstance(node, ir.Outer) and (
        args[0].shape[1] != args[1].shape[1] or args[0].batched != args[1].batched
    ):
        return f"no outer product of {args[0].shape} and {args[1].shape}"
    if isinstance(node, ir.BatchSum) and not args[0].batched:
        return "sums what is not batched"
    if isinstance(node, (ir.Reduce, ir.LeaveOneOutSum)) and not args[0].shape:
        return "sums along an axis that is not there"
    return None


def _bad_index(index: Any, rows: int) -> str | None:
    if index.dtype.kind != "i":
        return f"its index is {index.dtype}"
    fits = not index.size or 0 <= index.min() <= index.max() < rows
    return None if fits else "its index names a row that is not there"
