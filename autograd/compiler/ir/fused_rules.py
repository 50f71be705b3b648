"""Rows that are cheaper for all their arguments at once than one by one: softmax, log_softmax, logsumexp.

The table computes one result at a time; all K results together take one exponential each. `FORWARD` computes
the results y from the arguments x (K, n); `VJP` the adjoints of the arguments, x̄ⱼ = Σᵢ ȳᵢ ∂yᵢ/∂xⱼ; `JVP` the
tangents of the results, ẏᵢ = Σⱼ ∂yᵢ/∂xⱼ ẋⱼ. The partials are the table's: the sum of the other probabilities
replaces 1 − p, which loses digits. VJPs and JVPs use fused rows, so they can be differentiated again. The
maximum that `FORWARD` subtracts is never differentiated.
"""

from __future__ import annotations

from typing import Any

from ...engine.primitives import TABLE, exp, log1p

__all__ = ["FORWARD", "JVP", "VJP"]

SOFTMAX = TABLE["softmax"]


def _exponentials(x: Any) -> Any:
    return exp(x - x.graph.reduce_max(x))


def _others(x: Any) -> tuple[Any, Any]:
    """Σ exp(xⱼ − m) over j ≠ i for each i, (K, n), and its value for the largest xᵢ = m, (1, n).

    Both are nan where m is infinite: m alone decides, since `reduce_min` ignores nan.
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


_NAMES = "softmax", "log_softmax", "logsumexp"
FORWARD: dict[str, Any] = dict(zip(_NAMES, (_softmax, _log_softmax, _logsumexp)))
VJP: dict[str, Any] = dict(zip(_NAMES, (_softmax_vjp, _log_softmax_vjp, _logsumexp_vjp)))
# The Jacobian of softmax is symmetric.
JVP: dict[str, Any] = dict(zip(_NAMES, (_softmax_vjp, _log_softmax_jvp, _logsumexp_jvp)))
