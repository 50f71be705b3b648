"""The adjoint program: reverse mode on nodes, with the partials of the table.

It is the sweep of `engine.graph` on arrays. From the output back, the VJP of each operation propagates the
node's adjoint to its operands. An operand that was broadcast to rows or examples gets the sum over them.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ...engine.primitives import TABLE, Primitive
from ...engine.replay import depending
from ...engine.rule import CONSTANT
from ...errors import GraphError
from . import nodes as ir
from .fused_rules import VJP
from .nodes import ADD, MUL, Indices, Node, Shape, ancestry
from .registry import Rules

__all__ = ["VJPS", "gradient", "gradient_by_inputs", "is_taken", "partials_of"]

WHERE = TABLE["where"]
VJPS: Rules[Callable[[_Sweep, Any, Node], None]] = Rules("vjp")
"""By operation: ``vjp(sweep, node, adjoint)`` propagates the adjoint to the operands."""


def gradient(output: Node) -> Node:
    """The derivatives (P,) of the output by the parameters, summed over the batch.

    The adjoint of each example's output is the symbol "cotangent".
    """
    graph = output.graph
    return _derivatives(
        output, graph.parameters, graph.cotangent if output.batched else graph.total_cotangent
    )


def gradient_by_inputs(output: Node) -> Node:
    """The derivatives (I,) of each example's output by its own inputs."""
    return _derivatives(output, output.graph.inputs, output.graph.constant(1.0))


def _derivatives(output: Node, leaves: Node, adjoint: Node) -> Node:
    graph, sweep = output.graph, _Sweep(output, leaves, adjoint)
    if leaves not in sweep.contributions:
        return graph.constant(np.zeros(leaves.shape))
    return graph.broadcast(sweep.adjoint(leaves), leaves.shape)


class _Sweep:
    """A reverse sweep that collects contributions to adjoints.

    `where` never differentiates the branch not taken. In a batch some examples take a branch and some do not,
    so a node that only branches read has a mask: 0 for each row and example that no taken branch reads.

    Attributes
    ----------
    active : the nodes that depend on the leaves.
    contributions : by node pairs of an index, or None for all rows, and the adjoint of these rows.
    masks : by node its mask, None if all count.
    """

    def __init__(self, output: Node, leaves: Node, adjoint: Node) -> None:
        self.graph = graph = output.graph
        self.zero, self.one = graph.constant(0.0), graph.constant(1.0)
        order = ancestry([output])
        self.active = depending([leaves], order, operator.attrgetter("args"))
        self.contributions: dict[Node, list[tuple[Indices | None, Node]]] = {}
        self.masks: dict[Node, Node | None] = {}
        self.mask: Node | None = None  # of the node whose VJP runs
        if output in self.active:
            self.add(output, adjoint, None)
        for node in reversed(order):
            if node in self.contributions and node is not leaves:
                self.mask = self.masks[node]
                VJPS[type(node)](self, node, self.adjoint(node))

    def adjoint(self, node: Node) -> Node:
        """The sum of the contributions to a node, in a shape that broadcasts to its own."""
        contributions = self.contributions[node]
        whole = [each for index, each in contributions if index is None]
        pieces = [(index, each) for index, each in contributions if index is not None]
        if pieces:
            whole.append(self.graph.scatter_add(node.shape, pieces))
        return functools.reduce(lambda a, b: self.graph.apply(ADD, [a, b]), whole)

    def add(self, arg: Node, adjoint: Node, mask: Node | None, index: Indices | None = None) -> None:
        """Add a contribution to a node, in a shape that broadcasts to its own, or to that of `index`."""
        if arg not in self.active:
            return
        graph = self.graph
        if index is not None:
            adjoint = graph.broadcast(adjoint, index.shape)
            if mask is not None:
                mask = graph.scatter_add(arg.shape, [(index, graph.broadcast(mask, index.shape))])
            if np.array_equal(index.reshape(-1), np.arange(arg.size)):
                adjoint, index = graph.reshape(adjoint, arg.shape), None
        known = self.masks.get(arg, self.zero)
        if mask is None or known is None:
            self.masks[arg] = None
        else:
            self.masks[arg] = mask if known is self.zero else graph.apply(WHERE, [known, self.one, mask])
        self.contributions.setdefault(arg, []).append((index, adjoint))

    def add_summed(
        self, node: Node, arg: Node, adjoint: Node, mask: Node | None, index: Indices | None = None
    ) -> None:
        """Add a contribution in the shape of `node`, summed over the axes that broadcasting added."""
        shape = arg.shape if index is None else index.shape
        if mask is not None:
            mask = self._summed(node, shape, arg.batched, mask)
        self.add(arg, self._summed(node, shape, arg.batched, adjoint), mask, index)

    def _summed(self, node: Node, shape: Shape, batched: bool, adjoint: Node) -> Node:
        """An adjoint of `node`, summed over the axes and examples that an operand of this shape lacks."""
        graph = self.graph
        for axis, (length, own) in enumerate(zip(node.shape, shape, strict=True)):
            if own == 1 and length != 1:
                if adjoint.shape[axis] == 1:
                    adjoint = graph.apply(MUL, [adjoint, graph.constant(float(length))])
                else:
                    adjoint = graph.reduce_sum(adjoint, axis)
        return graph.batch_sum(adjoint) if node.batched and not batched else adjoint

    def masked(self, adjoint: Node, mask: Node | None) -> Node:
        return adjoint if mask is None else self.graph.apply(WHERE, [mask, adjoint, self.zero])


# --- the VJP of each operation


@VJPS.of(ir.Apply)
def _apply(sweep: _Sweep, node: ir.Apply, adjoint: Node) -> None:
    """ā = ȳ ∂y/∂a."""
    if node.row.select is not None:
        _select(sweep, node, adjoint)
        return
    row, args, graph, mask = node.row, node.args, sweep.graph, sweep.mask
    for i, (arg, partial) in enumerate(zip(args, partials_of(node))):
        if arg not in sweep.active:
            continue
        partials = partial if isinstance(partial, Sequence) else [partial]
        products = [sweep.masked(graph.apply(MUL, [adjoint, graph.node(each)]), mask) for each in partials]
        if i not in row.vectors:
            sweep.add_summed(node, arg, products[0], mask)
            continue
        elements = np.arange(arg.size).reshape(arg.shape)
        if len(products) != len(elements):  # one partial for all of them
            products *= len(elements)
        for index, product in zip(elements, products):
            sweep.add_summed(node, arg, product, mask, index)


def _select(sweep: _Sweep, node: ir.Apply, adjoint: Node) -> None:
    """Only the selected operand gets the adjoint."""
    apply = sweep.graph.apply
    for position, arg in enumerate(node.args):
        if arg not in sweep.active:
            continue
        if node.row is WHERE:
            # 1 instead of the condition: masks are summed, and conditions may sum to 0.
            choices = [sweep.one, sweep.zero] if position == 1 else [sweep.zero, sweep.one]
            taken = apply(WHERE, [node.args[0], *choices]) if position else sweep.zero
        else:
            taken = apply(is_taken(node.row, position), node.args)
        mask = taken if sweep.mask is None else apply(WHERE, [taken, sweep.mask, sweep.zero])
        sweep.add_summed(node, arg, sweep.masked(adjoint, mask), mask)


def partials_of(node: ir.Apply) -> Sequence[Any]:
    """The partials of a row: a node or number for each operand, for a sequence one or a list."""
    row, graph = node.row, node.graph
    if row.left == CONSTANT:  # so are they all
        return row.partials(node, *node.args)
    operands = [graph.elements(arg) if i in row.vectors else arg for i, arg in enumerate(node.args)]
    try:
        return row.partials(node, *operands)
    except TypeError as error:
        raise GraphError(
            f"the partials of the primitive {row.name} do not run on arrays of numbers not known yet: write "
            "them in arithmetic and other primitives, a branch as where(...), without if, math. and np."
        ) from error


@functools.cache
def is_taken(row: Primitive, position: int) -> Primitive:
    """A row outside of the table: 1 where a selecting row takes the operand at a position, otherwise 0."""

    def forward(*args: float) -> float:
        return float(row.select(*args) == position)  # type: ignore[misc]  # it does select

    return Primitive(
        name=f"{row.name} takes argument {position}",
        forward=forward,
        partials=lambda y, *args: (0.0,) * len(args),
        array=np.vectorize(forward, otypes=[float]),
        symbol="?",
    )


@VJPS.of(ir.Fused)
def _fused(sweep: _Sweep, node: ir.Fused, adjoint: Node) -> None:
    graph, mask, (values,) = sweep.graph, sweep.mask, node.args
    if mask is not None:
        mask = graph.broadcast(mask, node.shape)
        mask = graph.reduce_sum(mask, 0) if len(node.shape) == len(values.shape) else graph.stack([mask])
    product = VJP[node.row.name](node, values, graph.broadcast(adjoint, node.shape))
    sweep.add(values, sweep.masked(product, mask), mask)


VJPS.of(ir.Gather)(lambda sweep, node, adjoint: sweep.add(node.args[0], adjoint, sweep.mask, node.index))
VJPS.of(ir.Broadcast)(lambda sweep, node, adjoint: sweep.add_summed(node, node.args[0], adjoint, sweep.mask))


@VJPS.of(ir.ScatterAdd)
def _scatter_add(sweep: _Sweep, node: ir.ScatterAdd, adjoint: Node) -> None:
    graph, mask = sweep.graph, sweep.mask
    for index, arg in node.pieces:
        rows = graph.gather(graph.broadcast(adjoint, node.shape), index)
        read = None if mask is None else graph.gather(graph.broadcast(mask, node.shape), index)
        if node.batched and not arg.batched:
            rows, read = graph.batch_sum(rows), None if read is None else graph.batch_sum(read)
        sweep.add(arg, rows, read)


@VJPS.of(ir.Reduce)
def _reduce(sweep: _Sweep, node: ir.Reduce, adjoint: Node) -> None:
    if node.how != "sum":
        _of_adjoint_programs(sweep, node, adjoint)
    sweep.add(node.args[0], adjoint, sweep.mask)


@VJPS.of(ir.MatMul)
def _matmul(sweep: _Sweep, node: ir.MatMul, adjoint: Node) -> None:
    """ā = ȳ bᵀ, summed over the batch; b̄ = aᵀ ȳ."""
    graph, mask, (a, b) = sweep.graph, sweep.mask, node.args
    whole = graph.broadcast(adjoint, node.shape, node.batched)
    by_column = None if mask is None else graph.reduce_sum(graph.broadcast(mask, node.shape), 0)
    everywhere = None if by_column is None else graph.batch_sum(graph.reduce_sum(by_column, 1))
    outer = lambda b, adjoint: graph.outer(adjoint, b)  # noqa: E731  # two operands, the adjoint second
    sweep.add(a, _of_taken(sweep, outer, b, whole, mask), everywhere)
    sweep.add(
        b, _of_taken(sweep, functools.partial(graph.matmul, transposed=True), a, whole, mask), by_column
    )


def _of_taken(
    sweep: _Sweep, multiply: Callable[[Node, Node], Node], factor: Node, adjoint: Node, mask: Node | None
) -> Node:
    """A product with an adjoint in which 0 · inf and 0 · nan are 0 where the mask is 0.

    Where a product that counts is not finite, it is the plain product.
    """
    if mask is None:
        return multiply(factor, adjoint)
    choose, graph = functools.partial(sweep.graph.apply, WHERE), sweep.graph
    strange = graph.apply(MUL, [factor, sweep.zero])  # nan for inf and nan, and nan is not 0
    finite = multiply(choose([strange, sweep.zero, factor]), adjoint)
    taken = graph.broadcast(mask, adjoint.shape, adjoint.batched)
    touched = multiply(choose([strange, sweep.one, sweep.zero]), taken)
    return choose([touched, multiply(factor, adjoint), finite])


@VJPS.of(ir.TakeRows)
def _take_rows(sweep: _Sweep, node: ir.TakeRows, adjoint: Node) -> None:
    """Only rows that were taken get the adjoint."""
    graph, (table, _), taken = sweep.graph, node.args, sweep.mask
    if taken is not None or not _takes_of_all_sets(node):
        taken = graph.add_rows(sweep.one if taken is None else taken, node)
    sweep.add(table, graph.add_rows(adjoint, node), taken)


def _takes_of_all_sets(node: ir.TakeRows) -> bool:
    """Whether one result is taken of each set of arguments of a fused row, which reads all arguments."""
    table, fused = node.args[0], node.args[0].source
    if not isinstance(fused, ir.Fused) or fused.shape[0] != node.length or len(fused.row.domain) == 1:
        return False
    results = table.index if isinstance(table, ir.Gather) else np.arange(table.size).reshape(table.shape)
    taken = np.stack([results[start : start + node.length] for start in node.starts])  # (m, K, n)
    which, sets = np.divmod(taken, fused.size // node.length)
    whole = (sets == sets[:, :1]).all() and (np.sort(which, axis=1) == np.arange(node.length)[:, None]).all()
    return bool(whole) and len(np.unique(sets)) == fused.size // node.length


@VJPS.of(ir.LeaveOneOutSum, ir.Outer, ir.BatchSum, ir.AddRows)
def _of_adjoint_programs(sweep: _Sweep, node: Node, adjoint: Node) -> None:
    """Refused: these are only in adjoint programs and in expanded fused rules."""
    raise NotImplementedError(  # refused: only programs that are derivatives already have these
        f"no VJP for {node!r}: differentiate the program before its fused rules are expanded, and a gradient "
        "by its JVP"
    )


# The contributions to a leaf are the result.
VJPS.of(ir.Parameters, ir.Inputs, ir.Symbol, ir.Constant)(lambda sweep, node, adjoint: None)
VJPS.require_all()
