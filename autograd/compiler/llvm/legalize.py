"""Legalization: rows of the table without native code become formulas of rows that have it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..backends import by_formula
from ..ir.nodes import Apply, Constant, Graph, Node, ancestry
from ..ir.passes import EXPAND_FUSED, Pass
from .builder import DIRECT, is_long
from .libm import ELEMENTARY

__all__ = ["PASSES", "all_legal", "letters"]


def letters(nodes: Sequence[Node]) -> int:
    """About how long the text of these nodes will be; some texts are three times as long."""
    count = 0
    for node in ancestry(nodes):
        count += 10_000 if isinstance(node, Apply) and is_long(node.row) else 250
        count += 25 * node.data.size if isinstance(node, Constant) else 0
    return count


def _legal(node: Node, args: list[Node]) -> Node | None:
    """A node by the first formula of its row that runs on nodes; None if the row has native code."""
    if not isinstance(node, Apply) or node.row.name in ELEMENTARY or node.row.name in DIRECT:
        return None
    row, graph = node.row, args[0].graph
    operands = [
        [graph.gather(arg, index) for index in np.arange(arg.size).reshape(arg.shape)]
        if i in row.vectors
        else arg
        for i, arg in enumerate(args)
    ]
    (result,) = all_legal(graph, [by_formula(row, operands, graph.node)])
    return graph.broadcast(result, np.broadcast_shapes(result.shape, node.shape))


def all_legal(graph: Graph, nodes: list[Node]) -> list[Node]:
    """The nodes with all rows legalized, also those that the formulas bring."""
    done: dict[Node, Node] = {}
    for node in ancestry(nodes):
        args = [done[arg] for arg in node.args]
        again = _legal(node, args)
        same = all(old is new for old, new in zip(node.args, args))
        done[node] = (
            again if again is not None else node if same else graph.make(type(node), args, *node.fields)
        )
    return [done[node] for node in nodes]


PASSES = (EXPAND_FUSED, Pass("rows without native code by their formulas", _legal))
