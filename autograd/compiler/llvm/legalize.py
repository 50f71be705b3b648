"""Legalization: rows of the table without native code become formulas of rows that have it."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...engine.primitives import TABLE
from ..backends import by_formula
from ..ir import nodes as ops
from ..ir.index_maps import broadcast_rows, is_injective, is_partition
from ..ir.nodes import MUL, POW, POWER, Graph, Indices, Node, ancestry, applies, rewrite
from ..ir.passes import EXPAND_FUSED, Outputs, Pass
from .builder import DIRECT, is_long
from .libm import ELEMENTARY

__all__ = ["PASSES", "all_legal", "letters"]


def letters(nodes: Sequence[Node]) -> int:
    """About how many characters the text of these nodes will have; at worst a third."""
    count = 0
    for node in ancestry(nodes):
        count += 10_000 if isinstance(node, ops.Apply) and is_long(node.row) else 250
        count += 25 * node.data.size if isinstance(node, ops.Constant) else 0
    return count


def _legal(node: Node, args: list[Node]) -> Node | None:
    """A node by the first formula of its row that runs on nodes; None if the row has native code."""
    if not isinstance(node, ops.Apply) or node.row.name in ELEMENTARY or node.row.name in DIRECT:
        return None
    row, graph = node.row, args[0].graph
    operands = [graph.elements(arg) if i in row.vectors else arg for i, arg in enumerate(args)]
    (result,) = all_legal(graph, [by_formula(row, operands, graph.node)])
    return graph.broadcast(result, np.broadcast_shapes(result.shape, node.shape))


def _by_root(node: Node, args: list[Node]) -> Node | None:
    """x^½, x^(3⁄2) and their inverses by √x, a tenth of the work; at −0 and −∞ as C99 has powers."""
    if not applies(node, POW) and not applies(node, POWER):
        return None
    (x, exponent), apply = args, args[0].graph.apply
    if exponent.scalar not in (-1.5, -0.5, 0.5, 1.5):
        return None
    size: Any = apply(TABLE["abs"], [x])
    root: Any = apply(TABLE["abs"], [apply(TABLE["sqrt"], [x])])
    power = {0.5: root, -0.5: 1.0 / root, 1.5: size * root, -1.5: 1.0 / size / root}[exponent.scalar]
    infinite = x.graph.constant(math.inf if exponent.scalar > 0.0 else 0.0)
    finite = apply(TABLE["greater"], [x, x.graph.constant(-math.inf)])
    return x.graph.broadcast(apply(TABLE["where"], [finite, power, infinite]), node.shape)


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


@dataclass(frozen=True)
class _WithoutPadding(Pass):
    """Sequences of several lengths are padded to one. Here sums skip the padding, as sums of lists."""

    name: str = "sums without padding"
    rule: Any = None

    def __call__(self, outputs: Sequence[Node]) -> Outputs:
        readers = Counter(arg for node in ancestry(outputs) for arg in node.args)

        def unpadded(node: Node, args: list[Node]) -> Node | None:
            if isinstance(node, ops.Reduce) and node.how == "sum" and node.batched:
                return _sum_of_the_rest(node, args[0])
            if isinstance(node, ops.Gather) and readers[node.args[0]] == 1:
                return _only_read_rows(args[0], node.index)
            if isinstance(node, ops.ScatterAdd) and any(readers[arg] == 1 for arg in node.args):
                return _flattened(node, args, [readers[arg] == 1 for arg in node.args])
            return None

        return rewrite(outputs, unpadded)


def _sum_of_the_rest(node: Node, x: Node) -> Node | None:
    """A sum over an axis without the numbers that are known to be 0."""
    factors = x.args if applies(x, MUL) else [x]
    zero = np.logical_and.reduce([np.broadcast_to(_is_padding(each), x.shape) for each in factors])
    if not zero.any() or zero.all():
        return None
    rest = np.flatnonzero(~zero)
    index = broadcast_rows(node, x.shape)[rest]
    return x.graph.scatter_add(node.shape, [(index, _rows(x, rest))])


def _only_read_rows(x: Node, index: Indices) -> Node | None:
    """The rows of a scatter-add that are read, if something is added to others."""
    if not isinstance(x, ops.ScatterAdd) or not is_injective(index):
        return None
    place = np.full(x.size, -1)
    place[index.reshape(-1)] = np.arange(index.size)
    pieces = []
    for rows, arg in x.pieces:
        read = np.flatnonzero(place[rows.reshape(-1)] >= 0)
        if len(read):
            pieces.append((place[rows.reshape(-1)[read]], _rows(arg, read)))
    if sum(len(rows) for rows, _ in pieces) == sum(rows.size for rows in x.indices):
        return None
    made = x.graph.scatter_add(index.shape, pieces)
    return made if made.batched == x.batched else None


def _flattened(node: ops.ScatterAdd, args: Sequence[Node], alone: Sequence[bool]) -> Node | None:
    """A scatter-add of the pieces of the scatter-adds in it that nothing else reads."""
    pieces: list[tuple[Indices, Node]] = []
    for index, arg, only in zip(node.indices, args, alone):
        if only and isinstance(arg, ops.ScatterAdd):
            pieces += [(index.reshape(-1)[rows], x) for rows, x in arg.pieces]
        else:
            pieces.append((index, arg))
    kept = len(pieces) == len(args) and all(x is arg for (_, x), arg in zip(pieces, args))
    return None if kept else args[0].graph.scatter_add(node.shape, pieces)


def _is_padding(x: Node) -> Any:
    """Which numbers of a node are known to be 0: those where a scatter-add has nothing but constants of 0."""
    (source,), index = (x.args, x.index) if isinstance(x, ops.Gather) else ([x], _places(x))
    if not isinstance(source, ops.ScatterAdd):
        return np.zeros(x.shape, bool)
    zero = np.ones(source.size, bool)
    for rows, arg in source.pieces:
        if not isinstance(arg, ops.Constant) or arg.data.any():
            zero[rows] = False
    return zero[index]


def _rows(x: Node, rows: Indices) -> Node:
    """Some rows of a node as one axis. Elementwise nodes are applied to these rows of their operands."""
    if isinstance(x, ops.Broadcast) and x.batched == x.args[0].batched:
        return x.graph.broadcast(_read(x.args[0], x, rows), rows.shape)
    if isinstance(x, ops.Apply) and x.row.name in DIRECT:
        return x.graph.apply(x.row, [_read(arg, x, rows) for arg in x.args])
    return _read(x, x, rows)


def _read(arg: Node, x: Node, rows: Indices) -> Node:
    """The numbers of an operand in some rows of a node; of a scatter-add from the piece that has them all."""
    graph = x.graph
    if arg.size == 1:
        return graph.broadcast(graph.reshape(arg, (1,)), (1 if x.size > 1 and arg is not x else len(rows),))
    found = graph.gather(arg, broadcast_rows(arg, x.shape)[rows])
    source = found.source
    if isinstance(found, ops.Gather) and isinstance(source, ops.ScatterAdd) and is_partition(source):
        for index, piece in source.pieces:
            place = np.full(source.size, -1)
            place[index] = _places(piece)
            if (place[found.index] >= 0).all():
                return graph.gather(piece, place[found.index])
    return found


def _places(x: Node) -> Indices:
    return np.arange(x.size).reshape(x.shape)


PASSES = (
    EXPAND_FUSED,
    Pass("rows without native code by their formulas", _legal),
    Pass("powers by roots", _by_root),
    _WithoutPadding(),
)
