"""What is true of every graph, whatever pass it comes from: a broken rewrite is found where it was made."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .nodes import (
    OPERATIONS,
    BatchSum,
    Broadcast,
    Constant,
    Gather,
    Inputs,
    LeaveOneOutSum,
    MatMul,
    Node,
    Outer,
    Parameters,
    Reduce,
    ScatterAdd,
    Symbol,
    ancestry,
)

__all__ = ["IRError", "verify"]


class IRError(AssertionError):
    """A graph that no pass may make; the message names the node."""


def verify(outputs: Sequence[Node], stage: str = "program") -> None:
    """Check that operands come first and in one graph, and shapes, index maps and dtypes of all nodes.

    Raises
    ------
    IRError : it names the stage, the node and what is wrong.
    """
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
    if any(type(length) is not int and not isinstance(length, np.integer) for length in node.shape):
        return "its shape is not of whole numbers"
    return _misfit(node)


def _misfit(node: Node) -> str | None:
    """What is wrong with the fields and operands of an operation."""
    args = node.args
    if isinstance(node, (Parameters, Inputs, Symbol)):
        return "has operands" if args else None
    if isinstance(node, Constant):
        return None if node.data.dtype == np.float64 else f"its numbers are {node.data.dtype}"
    if isinstance(node, Gather):
        return _bad_index(node.index, args[0].size)
    if isinstance(node, ScatterAdd):
        for index, arg in node.pieces:
            if index.shape != arg.shape:
                return f"{arg.shape} rows for an index of {index.shape}"
            if _bad_index(index, node.size):
                return _bad_index(index, node.size)
    if isinstance(node, Broadcast):
        aligned = zip(args[0].shape[::-1], node.rows[::-1])
        if len(args[0].shape) > len(node.rows) or any(own not in (1, length) for own, length in aligned):
            return f"{args[0].shape} does not broadcast to it"
    if isinstance(node, MatMul):
        a, b = args
        if a.batched or len(a.shape) != 2 or len(b.shape) != 2 or a.shape[not node.transposed] != b.shape[0]:
            return f"no product of {a.shape} and {b.shape}"
    if isinstance(node, Outer) and (
        args[0].shape[1] != args[1].shape[1] or args[0].batched != args[1].batched
    ):
        return f"no outer product of {args[0].shape} and {args[1].shape}"
    if isinstance(node, BatchSum) and not args[0].batched:
        return "sums what is not batched"
    if isinstance(node, (Reduce, LeaveOneOutSum)) and not args[0].shape:
        return "sums along an axis that is not there"
    return None


def _bad_index(index: Any, rows: int) -> str | None:
    if index.dtype.kind != "i":
        return f"its index is {index.dtype}"
    return (
        "its index names a row that is not there"
        if index.size and not 0 <= index.min() <= index.max() < rows
        else None
    )
