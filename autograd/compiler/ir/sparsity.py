"""Which rows of an array depend on which leaves, and which columns of a Jacobian can be computed together.

Columns that have no row in common are one product with the sum of their unit vectors: each row of it belongs
to one of them.

Source: Curtis, Powell and Reid 1974, On the estimation of sparse Jacobian matrices, IMA Journal of Applied
Mathematics 13, 117-119.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from .nodes import (
    AddRows,
    Apply,
    BatchSum,
    Broadcast,
    Constant,
    Fused,
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
    TakeRows,
    ancestry,
)
from .registry import Rules

__all__ = ["dependence", "together"]

Rows = npt.NDArray[np.bool_]
DEPENDENCE: Rules[Callable[[Any, list[Rows]], Rows]] = Rules("dependence")
"""By operation: ``rule(node, args)`` from that of the operands, in a shape that broadcasts to (*rows, I)."""


def dependence(outputs: Sequence[Node]) -> list[Rows]:
    """For each output (*rows, I): whether a row may depend on an input of its example.

    It is an upper bound: True may be wrong, False never is.
    """
    inputs = outputs[0].graph.inputs
    found: dict[Node, Rows] = {}
    for node in ancestry(outputs):
        if node is inputs:
            found[node] = np.eye(inputs.size, dtype=bool)
            continue
        rows = DEPENDENCE[type(node)](node, [found[arg] for arg in node.args])
        found[node] = np.broadcast_to(rows, (*node.shape, inputs.size))
    return [found[output] for output in outputs]


def together(pattern: Rows) -> list[list[int]]:
    """The columns of a pattern (rows, columns) in groups; no two of a group have a row in common."""
    groups: list[tuple[list[int], Rows]] = []
    for number, column in enumerate(pattern.T):
        for group, rows in groups:
            if not (rows & column).any():
                group.append(number)
                rows |= column
                break
        else:
            groups.append(([number], column.copy()))
    return [group for group, _ in groups]


@DEPENDENCE.of(Parameters, Inputs, Symbol, Constant)
def _leaf(node: Node, args: list[Rows]) -> Rows:
    return np.zeros(1, dtype=bool)


@DEPENDENCE.of(Apply)
def _apply(node: Apply, args: list[Rows]) -> Rows:
    found = np.zeros((*node.shape, node.graph.inputs.size), dtype=bool)
    for i, arg in enumerate(args):
        found |= arg.any(axis=0) if i in node.row.vectors else arg
    return found


@DEPENDENCE.of(Gather)
def _gather(node: Gather, args: list[Rows]) -> Rows:
    (x,) = args
    rows: Rows = x.reshape(-1, x.shape[-1])[node.index]
    return rows


@DEPENDENCE.of(ScatterAdd)
def _scatter_add(node: ScatterAdd, args: list[Rows]) -> Rows:
    found = np.zeros((node.size, node.graph.inputs.size), dtype=bool)
    for index, arg in zip(node.indices, args):
        np.logical_or.at(found, index, arg)
    return found.reshape(*node.shape, -1)


@DEPENDENCE.of(TakeRows)
def _take_rows(node: TakeRows, args: list[Rows]) -> Rows:
    table, index = args
    rows = np.stack([table[start : start + node.length].any(axis=0) for start in node.starts])
    found: Rows = rows | index[:, None]
    return found


@DEPENDENCE.of(AddRows)
def _add_rows(node: AddRows, args: list[Rows]) -> Rows:
    x, index = args
    found = np.zeros((*node.shape, x.shape[-1]), dtype=bool)
    for start, row, own in zip(node.starts, x, index):
        found[start : start + node.length] |= row | own
    return found


@DEPENDENCE.of(Broadcast)
def _broadcast(node: Node, args: list[Rows]) -> Rows:
    return args[0]


@DEPENDENCE.of(Reduce)
def _reduce(node: Reduce, args: list[Rows]) -> Rows:
    rows: Rows = np.logical_or.reduce(args[0], axis=node.axis, keepdims=True)
    return rows


@DEPENDENCE.of(Fused, LeaveOneOutSum)
def _along_the_first_axis(node: Node, args: list[Rows]) -> Rows:
    rows: Rows = np.logical_or.reduce(args[0], axis=0)
    return rows


@DEPENDENCE.of(MatMul, Outer, BatchSum)
def _all_with_all(node: Node, args: list[Rows]) -> Rows:
    rows: Rows = np.concatenate([arg.reshape(-1, arg.shape[-1]) for arg in args])
    return _along_the_first_axis(node, [rows])


DEPENDENCE.require_all()
