"""Rows that are cheaper for all their arguments at once than one by one: softmax and its kin.

The table says what one probability is, and its partials. A layer has all of them, and in one pass they
cost one exponential each. `FORWARD` says how the results for K arguments, the first axis of a term, are
computed; `PULLBACK` how the adjoints ȳ of the results become those of the arguments, x̄ⱼ = Σᵢ ȳᵢ ∂yᵢ/∂xⱼ;
and `PUSHFORWARD` how tangents of the arguments become those of the results, ẏᵢ = Σⱼ ∂yᵢ/∂xⱼ ẋⱼ. These are
the table's partials: nowhere is 1 − p formed, but the sum of the other probabilities. They use the families
themselves, so that they can be differentiated again: the maximum that `FORWARD` subtracts never is.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...engine.primitives import TABLE, exp, log1p
from .nodes import Term

__all__ = ["FORWARD", "PULLBACK", "PUSHFORWARD"]

SOFTMAX = TABLE["softmax"]


def _exponentials(x: Any) -> Any:
    return exp(x - x.block.largest(x))


def _others(x: Any) -> tuple[Any, Any]:
    """Of each exponential the sum of the others; and that of the largest, so Σ exp(xᵢ − m) − 1 without 1.

    Where the largest is infinite they are nan, which `smallest` leaves out: then m alone decides.
    """
    others = x.block.others(_exponentials(x))
    return others, x.block.smallest(others)


def _softmax(x: Any) -> Any:
    exponentials = _exponentials(x)
    return exponentials / x.block.total(exponentials)


def _log_softmax(x: Any) -> Any:
    _, rest = _others(x)
    return (x - x.block.largest(x)) - log1p(rest)


def _logsumexp(x: Any) -> Any:
    _, rest = _others(x)
    return x.block.reshape(x.block.largest(x) + log1p(rest), x.shape[1:])


def _softmax_back(y: Any, x: Any, adjoint: Any) -> Any:
    others = x.block.others
    return y * (adjoint * others(y) - others(adjoint * y))


def _log_softmax_back(y: Any, x: Any, adjoint: Any) -> Any:
    p, others = x.block.joint(SOFTMAX, x), x.block.others
    return adjoint * others(p) - p * others(adjoint)


def _logsumexp_back(y: Any, x: Any, adjoint: Any) -> Any:
    return x.block.reshape(adjoint, (1, *adjoint.shape)) * x.block.joint(SOFTMAX, x)


def _log_softmax_along(y: Any, x: Any, tangent: Any) -> Any:
    p, others = x.block.joint(SOFTMAX, x), x.block.others
    return tangent * others(p) - others(p * tangent)


def _logsumexp_along(y: Any, x: Any, tangent: Any) -> Any:
    return x.block.reshape(x.block.total(x.block.joint(SOFTMAX, x) * tangent), x.shape[1:])


FORWARD: dict[str, Callable[[Term], Term]] = {
    "softmax": _softmax,
    "log_softmax": _log_softmax,
    "logsumexp": _logsumexp,
}
PULLBACK: dict[str, Callable[[Term, Term, Term], Term]] = {
    "softmax": _softmax_back,
    "log_softmax": _log_softmax_back,
    "logsumexp": _logsumexp_back,
}
PUSHFORWARD: dict[str, Callable[[Term, Term, Term], Term]] = {
    "softmax": _softmax_back,  # its Jacobian is symmetric
    "log_softmax": _log_softmax_along,
    "logsumexp": _logsumexp_along,
}
