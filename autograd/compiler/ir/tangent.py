"""The tangent program: forward mode on nodes, with the partials of the table.

From the leaves on, the JVP of each operation gives ẏ = Σ ∂y/∂aᵢ · ȧᵢ from the tangents of its operands. A
`where` has the tangent of the branch that is taken; the other branch does no harm, whatever its numbers are.
Applied to the adjoint program it gives second derivatives: forward over reverse.

Source: Griewank and Walther 2008, Evaluating Derivatives, sections 3.1 and 5.1.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

from ...engine.primitives import TABLE
from . import nodes as ir
from .adjoint import is_taken, partials_of
from .fused_rules import JVP
from .nodes import ADD, MUL, Node, ancestry
from .registry import Rules

__all__ = ["JVPS", "tangents"]

WHERE = TABLE["where"]
JVPS: Rules[Callable[[Any, dict[Node, Node]], Node]] = Rules("jvp")
"""By operation: ``jvp(node, found)`` is the tangent, in a shape that broadcasts to that of the node."""


def tangents(outputs: Sequence[Node], leaves: Node, direction: Node) -> list[Node]:
    """The derivatives of the outputs along a direction in the leaves, each in the shape of its output.

    Parameters
    ----------
    outputs : nodes that depend on the leaves per example, not through a sum over the batch.
    leaves, direction : nodes of one shape; a direction of zeros in a constant holds the leaves constant.
    """
    graph, found = leaves.graph, {leaves: direction}
    for node in ancestry(outputs):
        if node not in found and not found.keys().isdisjoint(node.args):
            tangent = graph.broadcast(JVPS[type(node)](node, found), node.shape)
            if not (isinstance(tangent, ir.Constant) and not tangent.data.any()):
                found[node] = tangent
    zero = graph.constant(0.0)
    return [graph.broadcast(found.get(output, zero), output.shape) for output in outputs]


@JVPS.of(ir.Apply)
def _apply(node: ir.Apply, found: dict[Node, Node]) -> Node:
    """ẏ = Σ ∂y/∂aᵢ · ȧᵢ."""
    if node.row.select is not None:
        return _select(node, found)
    graph, row, products = node.graph, node.row, []
    for i, (arg, partial) in enumerate(zip(node.args, partials_of(node))):
        if arg not in found:
            continue
        pairs = [(partial, found[arg])]
        if i in row.vectors:
            elements = graph.elements(found[arg])
            partials = partial if isinstance(partial, Sequence) else [partial] * len(elements)
            pairs = list(zip(partials, elements))
        products += [graph.apply(MUL, [graph.node(p), t]) for p, t in pairs if graph.node(p).scalar != 0.0]
    if not products:
        return graph.constant(0.0)
    return functools.reduce(lambda a, b: graph.apply(ADD, [a, b]), products)


def _select(node: ir.Apply, found: dict[Node, Node]) -> Node:
    """The tangent of the operand that was taken."""
    graph = node.graph
    zero = graph.constant(0.0)
    if node.row is WHERE:
        condition, *branches = node.args
        return graph.apply(WHERE, [condition, *[found.get(branch, zero) for branch in branches]])
    chosen = zero
    for position, arg in enumerate(node.args):
        if arg in found:
            mask = graph.apply(is_taken(node.row, position), node.args)
            chosen = graph.apply(WHERE, [mask, found[arg], chosen])
    return chosen


JVPS.of(ir.Fused)(lambda node, found: JVP[node.row.name](node, *node.args, found[node.args[0]]))
JVPS.of(ir.Broadcast)(lambda node, found: found[node.args[0]])
# Only the right matrix may depend on an example.
JVPS.of(ir.MatMul)(lambda node, found: node.graph.matmul(node.args[0], found[node.args[1]], node.transposed))
JVPS.of(ir.ScatterAdd)(
    lambda node, found: node.graph.scatter_add(
        node.shape, [(index, found[x]) for index, x in node.pieces if x in found]
    )
)


@JVPS.of(ir.Gather, ir.LeaveOneOutSum, ir.Reduce)
def _linear(node: Node, found: dict[Node, Node]) -> Node:
    """The operation, applied to the tangent. Maxima and minima are only in expanded fused rules."""
    if isinstance(node, ir.Reduce) and node.how != "sum":
        return _of_whole_batches(node, found)
    return node.graph.make(type(node), [found[node.args[0]]], *node.fields)


@JVPS.of(ir.TakeRows, ir.AddRows)
def _rows(node: Node, found: dict[Node, Node]) -> Node:
    """The same rows of the tangent; the index has none."""
    x, index = node.args
    if isinstance(node, ir.AddRows) and node.summed:
        return _of_whole_batches(node, found)
    if x not in found:
        return node.graph.constant(0.0)
    return node.graph.make(type(node), [found[x], index], *node.fields)


@JVPS.of(ir.Outer, ir.BatchSum)
def _of_whole_batches(node: Node, found: dict[Node, Node]) -> Node:
    """Refused: derivatives are of each example, and gradients by parameters are sums over the batch."""
    raise NotImplementedError(  # refused: a sum over the batch is of no single example
        f"no JVP for {node!r}: differentiate each example, before fused rules are expanded"
    )


# The tangent of a leaf is given, or 0.
JVPS.of(ir.Parameters, ir.Inputs, ir.Symbol, ir.Constant)(
    lambda node, found: found.get(node, node.graph.constant(0.0))
)
JVPS.require_all()
