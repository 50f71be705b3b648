"""What numpy can do: which rows are views, what is written in place, and whose memory it is."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

from .. import tuning
from ..ir import nodes as ir
from ..ir.index_maps import strides_of
from ..ir.nodes import Indices, Node, ancestry
from ..ir.schedule import Schedule, Target

__all__ = ["ArrayTarget"]


class ArrayTarget(Target):
    """Arrays for one size of batch: `load` computes what depends on the batch alone, `run` all else.

    Attributes
    ----------
    outside : nodes in an array of the caller.
    few : whether the caller's parameters are copied, which is quicker than views of them at each call.
    escaping : results in a new array for each array of parameters, which the caller may keep.
    """

    phases = "load", "run"
    repeated = 1

    def __init__(self, outputs: Sequence[Node]) -> None:
        order, graph = ancestry(outputs), outputs[0].graph
        self._invariant: set[Node] = set()  # nodes that depend on the batch alone
        for node in order:
            varying = [arg for arg in node.args if not isinstance(arg, ir.Constant)]
            if isinstance(node, (ir.Inputs, ir.Symbol)) or (varying and self._invariant.issuperset(varying)):
                self._invariant.add(node)
        # Results of `load` that `run` reads are in arrays. Those that it reads only as matrices stay views of
        # the batch: BLAS takes its rows as they are.
        late = [node for node in order if node not in self._invariant and not _is_product(node)]
        self._materialized = self._invariant.intersection(
            [*outputs, *[arg for node in late for arg in node.args]]
        )
        self.outside: set[Node] = {graph.parameters}
        if graph.inputs not in self._materialized:
            self.outside.add(graph.inputs)
        self.few = graph.parameters.size <= tuning.NUMPY_COPIED
        self.escaping = {
            each
            for each in outputs
            if not (self.few or each.batched or isinstance(each, ir.Gather) or each in self._invariant)
        }
        self._matrices = {
            each
            for node in order
            if isinstance(node, (ir.MatMul, ir.Outer, ir.LeaveOneOutSum))
            for each in (node, *node.args)
            if each.batched
        }

    def phase(self, node: Node, phases: dict[Node, int]) -> int:
        return int(not self.is_invariant(node))

    def is_invariant(self, node: Node) -> bool:
        """Whether it depends on the batch alone."""
        return node in self._invariant

    def is_view(self, schedule: Schedule, node: ir.Gather) -> bool:
        (x,) = node.args
        copied = isinstance(x, ir.Inputs) and x in self.outside and node in self._materialized
        return not (copied or isinstance(x, ir.Symbol)) and self.is_spaced(node, node.index)

    def is_part(self, schedule: Schedule, node: ir.ScatterAdd, index: Indices, arg: Node) -> bool:
        return isinstance(arg, (ir.MatMul, ir.Outer, ir.BatchSum, ir.Apply)) and self.is_spaced(arg, index)

    def is_spaced(self, node: Node, index: Indices) -> bool:
        """Whether a node may be a view of these rows of another: they are evenly spaced.

        The columns of a matrix are contiguous too, or else reshaping copies it.
        """
        _, steps = strides_of(index) or (0, (0,))
        return min(steps) > 0 and (node not in self._matrices or steps[-1] == 1)

    def is_stored(self, schedule: Schedule, node: Node) -> bool:
        return node not in self.outside

    def is_rewritten(self, node: Node, arg: Node) -> bool:
        elementwise = isinstance(node, ir.Apply) and not node.row.vectors
        return elementwise and not isinstance(arg, ir.Inputs) and node not in self.escaping

    def kind(self, node: Node) -> Hashable:
        return node.size, node.batched, node in self.escaping


def _is_product(node: Node) -> bool:
    return isinstance(node, (ir.MatMul, ir.Outer))
