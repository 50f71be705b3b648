"""Rows that are cheaper for all their arguments at once than one by one: softmax and its kin.

The table says what one probability is, and its partials. A layer has all of them, and in one pass they
cost one exponential each. `FORWARD` computes the results y from K arguments x, the first axis of a node;
`VJP` the adjoints of the arguments, x̄ⱼ = Σᵢ ȳᵢ ∂yᵢ/∂xⱼ; and `JVP` the tangents of the results,
ẏᵢ = Σⱼ ∂yᵢ/∂xⱼ ẋⱼ. These are the table's partials: 1 − p is never formed, but the sum of the other
probabilities. They use fused rows themselves, so that they can be differentiated again: the maximum that
`FORWARD` subtracts never is.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...engine.primitives import TABLE, exp, log1p
from .nodes import Node

__all__ = ["FORWARD", "JVP", "VJP"]

SOFTMAX = TABLE["softmax"]


def _exponentials(x: Any) -> Any:
    return exp(x - x.graph.reduce_max(x))


def _others(x: Any) -> tuple[Any, Any]:
    """For each exponential the sum of the others; and for the largest, Σ exp(xᵢ − m) − 1 without the 1.

    Both are nan where the largest argument is infinite. `reduce_min` leaves nan out, so that m alone decides.
    """
    others = x.graph.leave_one_out_sum(_exponentials(x))
    return others, x.graph.reduce_min(others)


def _softmax(x: Any) -> Any:
    exponentials = _exponentials(x)
    return exponentials / x.graph.reduce_sum(exponentials, 0)


def _log_softmax(x: Any) -> Any:
    _, rest = _others(x)
    return (x - x.graph.reduce_max(x)) - log1p(rest)


def _logsumexp(x: Any) -> Any:
    _, rest = _others(x)
    return x.graph.reshape(x.graph.reduce_max(x) + log1p(rest), x.shape[1:])


def _softmax_vjp(y: Any, x: Any, adjoint: Any) -> Any:
    others = x.graph.leave_one_out_sum
    return y * (adjoint * others(y) - others(adjoint * y))


def _log_softmax_vjp(y: Any, x: Any, adjoint: Any) -> Any:
    p, others = x.graph.fused(SOFTMAX, x), x.graph.leave_one_out_sum
    return adjoint * others(p) - p * others(adjoint)


def _logsumexp_vjp(y: Any, x: Any, adjoint: Any) -> Any:
    return x.graph.reshape(adjoint, (1, *adjoint.shape)) * x.graph.fused(SOFTMAX, x)


def _log_softmax_jvp(y: Any, x: Any, tangent: Any) -> Any:
    p, others = x.graph.fused(SOFTMAX, x), x.graph.leave_one_out_sum
    return tangent * others(p) - others(p * tangent)


def _logsumexp_jvp(y: Any, x: Any, tangent: Any) -> Any:
    return x.graph.reshape(x.graph.reduce_sum(x.graph.fused(SOFTMAX, x) * tangent, 0), x.shape[1:])


FORWARD: dict[str, Callable[[Node], Node]] = {
    "softmax": _softmax,
    "log_softmax": _log_softmax,
    "logsumexp": _logsumexp,
}
VJP: dict[str, Callable[[Node, Node, Node], Node]] = {
    "softmax": _softmax_vjp,
    "log_softmax": _log_softmax_vjp,
    "logsumexp": _logsumexp_vjp,
}
JVP: dict[str, Callable[[Node, Node, Node], Node]] = {
    "softmax": _softmax_vjp,  # its Jacobian is symmetric
    "log_softmax": _log_softmax_jvp,
    "logsumexp": _logsumexp_jvp,
}
