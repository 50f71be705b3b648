"""What numpy can do: which rows are views, what is written in place, and what is a float or not its own."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

from .. import tuning
from ..ir import nodes as ir
from ..ir.index_maps import strides_of
from ..ir.nodes import Indices, Node, ancestry
from ..ir.schedule import Schedule, Target

__all__ = ["OPERATORS", "ArrayTarget"]

OPERATORS = {"add": "{} + {}", "sub": "{} - {}", "mul": "{} * {}", "neg": "-{}"}  # of floats, by row


class ArrayTarget(Target):
    """Arrays for one size of batch: `load` computes what depends on the batch alone, `run` all else.

    Attributes
    ----------
    numbers, in_arrays : nodes that are floats in `run`, and those of them that are also read as arrays.
    outside : nodes in an array of the caller.
    few : whether the caller's parameters are copied, which is quicker than views of them at each call.
    escaping : results in a new array for each array of parameters, which the caller may keep.
    """

    phases = "load", "run"
    repeated = 1

    def __init__(self, outputs: Sequence[Node]) -> None:
        self.outputs, order = outputs, ancestry(outputs)
        graph = order[0].graph
        self._invariant: set[Node] = set()  # nodes that depend on the batch alone
        for node in order:
            varying = [arg for arg in node.args if not isinstance(arg, ir.Constant)]
            if isinstance(node, (ir.Inputs, ir.Symbol)) or (varying and self._invariant.issuperset(varying)):
                self._invariant.add(node)
        self._find_numbers(order)
        # What `run` reads of `load` in an array that both know. What it reads as a matrix alone stays a view:
        # BLAS takes the rows of a batch as they are.
        late = [node for node in order if node not in self._invariant]
        self._materialized = self._invariant.intersection(
            [
                *outputs,
                *(arg for node in late if node in self.numbers or not _is_product(node) for arg in node.args),
            ]
        )
        self.outside: set[Node] = {graph.parameters}
        if graph.inputs not in self._materialized:
            self.outside.add(graph.inputs)
        self.few = graph.parameters.size <= tuning.NUMPY_COPIED
        self.escaping: set[Node] = set()
        if not self.few:
            self._find_escaping(order)
        self._matrices = {
            each
            for node in order
            if isinstance(node, (ir.MatMul, ir.Outer, ir.LeaveOneOutSum))
            for each in (node, *node.args)
            if each.batched
        }

    def _find_numbers(self, order: Sequence[Node]) -> None:
        """Single numbers are floats: an array of one takes ten times as long."""
        self.numbers: set[Node] = set()
        in_arrays = set(self.outputs)
        for node in order:
            if node.size == 1 and not node.batched and node not in self._invariant and self._is_number(node):
                self.numbers.add(node)
        for node in reversed(order):
            scalar = node in self.numbers and node not in in_arrays
            if not (scalar and isinstance(node, ir.Gather)) and (
                not isinstance(node, ir.Apply) or node.row.vectors
            ):
                in_arrays.update(node.args)
        self.in_arrays = self.numbers & in_arrays

    def _is_number(self, node: Node) -> bool:
        if isinstance(node, ir.BatchSum):
            return True
        if _is_product(node):
            a, b = node.args
            return a.batched == b.batched
        known = [
            arg in self.numbers or isinstance(arg, ir.Symbol) or arg.scalar is not None for arg in node.args
        ]
        return all(known) and (
            isinstance(node, ir.Gather) or (isinstance(node, ir.Apply) and node.row.name in OPERATORS)
        )

    def _find_escaping(self, order: Sequence[Node]) -> None:
        for output in self.outputs:
            if not output.batched and not isinstance(output, ir.Gather) and output not in self._invariant:
                self.escaping.add(output)
        for output in [output for output in self.escaping if isinstance(output, ir.Apply)]:
            for arg in output.args:  # the output is written over it
                alone = sum(arg in node.args for node in order) == 1
                if isinstance(arg, ir.ScatterAdd) and alone and not arg.batched:
                    self.escaping.add(arg)

    def phase(self, node: Node, phases: dict[Node, int]) -> int:
        return 0 if self.is_invariant(node) else 1

    def is_invariant(self, node: Node) -> bool:
        """Whether it depends on the batch alone."""
        return node in self._invariant

    def is_view(self, schedule: Schedule, node: ir.Gather) -> bool:
        (x,) = node.args
        copied = isinstance(x, ir.Inputs) and x in self.outside and node in self._materialized
        return not (copied or isinstance(x, ir.Symbol) or node in self.numbers) and self.is_spaced(
            node, node.index
        )

    def is_part(self, schedule: Schedule, node: ir.ScatterAdd, index: Indices, arg: Node) -> bool:
        return isinstance(arg, (ir.MatMul, ir.Outer, ir.BatchSum, ir.Apply)) and self.is_spaced(arg, index)

    def is_spaced(self, node: Node, index: Indices) -> bool:
        """Whether a node may be a view of these rows of another.

        They must be evenly spaced, and the columns of a matrix contiguous: its reshaping is a copy otherwise.
        """
        spaced = strides_of(index)
        return (
            spaced is not None and min(spaced[1]) > 0 and (node not in self._matrices or spaced[1][-1] == 1)
        )

    def is_stored(self, schedule: Schedule, node: Node) -> bool:
        return node not in self.outside and (node not in self.numbers or node in self.in_arrays)

    def is_rewritten(self, node: Node, arg: Node) -> bool:
        elementwise = isinstance(node, ir.Apply) and not node.row.vectors and node not in self.numbers
        return (
            elementwise
            and (arg in self.escaping) is (node in self.escaping)
            and not isinstance(arg, (ir.Parameters, ir.Inputs))
        )

    def kind(self, node: Node) -> Hashable:
        return node.size, node.batched, node in self.escaping


def _is_product(node: Node) -> bool:
    return isinstance(node, (ir.MatMul, ir.Outer))
