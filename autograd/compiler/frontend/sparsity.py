"""Which second derivatives of a trace may be other than 0, and which columns are computed together.

Two leaves interact where a partial by one operand of a node depends on another: ∂²f/∂u∂v is a sum over the
nodes of ȳ ∂²y/∂a∂b · ∂a/∂u · ∂b/∂v. Columns that have no row in common are one product with the sum of their
unit vectors: each row of it belongs to one of them.

Sources: Walther 2008, Computing sparse Hessians with automatic differentiation, ACM Transactions on
Mathematical Software 34, article 3; Curtis, Powell and Reid 1974, On the estimation of sparse Jacobian
matrices, IMA Journal of Applied Mathematics 13, 117-119.
"""

from __future__ import annotations

import functools
import operator
from typing import Any

import numpy as np
import numpy.typing as npt

from ...engine.primitives import Primitive
from ..ir.nodes import Unknown
from .capture import FUSED, Trace

__all__ = ["interactions", "together"]

Rows = npt.NDArray[np.bool_]


class _Result(Unknown):
    """A number as a rule of the table sees it, with the leaves that it depends on, (N,)."""

    __slots__ = ("leaves",)

    def __init__(self, leaves: Any) -> None:
        self.leaves = leaves

    @staticmethod
    def __primitive__(row: Primitive, args: tuple[Any, ...]) -> _Result:
        return _Result(_leaves_of(args))


def _leaves_of(args: Any) -> Any:
    """The leaves (N,) that a number or a list of them depends on; False for none."""
    if isinstance(args, (list, tuple)):
        return functools.reduce(operator.or_, map(_leaves_of, args), np.False_)
    return getattr(args, "leaves", np.False_)


def interactions(trace: Trace, count: int) -> Rows:
    """(N, N): whether ∂²f/∂u∂v may be other than 0, for the first N = `count` inputs and any output f.

    It is an upper bound: True may be wrong, False never is.
    """
    found, results = np.zeros((count, count), dtype=bool), list[_Result]()
    for position, (row, operands) in enumerate(zip(trace.rows, trace.operands)):
        if row is None:
            results.append(_Result(np.arange(count) == position - trace.parameters))
            continue
        args: list[Any] = [
            [results[each] for each in operand] if type(operand) is tuple else results[operand]
            for operand in (operands[:1] if row in FUSED else operands)
        ]
        y = _Result(_leaves_of(args))
        results.append(y)
        pairs: list[tuple[Any, Any]] = []
        if row in FUSED:  # all partials depend on all arguments
            pairs = [(y, y)]
        elif row.select is None:  # what a row selects has the partial 1
            for arg, partial in zip(args, row.partials(y, *args)):
                several = isinstance(partial, (list, tuple))
                pairs += zip(arg, partial) if several else [(arg, partial)]
        for arg, partial in pairs:
            found |= np.outer(_leaves_of(arg), _leaves_of(partial))
    return found | found.T


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
