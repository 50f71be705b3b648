"""Rows that are cheaper for all their arguments at once than one by one: softmax and its kin.

The table says what one probability is, and its partials. A layer has all of them, and in one pass they
cost one exponential each. `FORWARD` says how the results for K arguments, the first axis of a term, are
computed; `PULLBACK` how the adjoints ȳ of the results become those of the arguments, x̄ⱼ = Σᵢ ȳᵢ ∂yᵢ/∂xⱼ,
with the table's partials: nowhere is 1 − p formed, but the sum of the other probabilities.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..primitives import absolute, exp, greater, log1p, where
from .terms import Term

__all__ = ["FORWARD", "PULLBACK"]

_LARGEST = float(np.finfo(np.float64).max)


def _softmax(x: Any) -> Any:
    exponentials = exp(x - x.block.largest(x))
    return exponentials / x.block.total(exponentials)


def _rest(x: Any, top: Any) -> Any:
    """ln Σ exp(xᵢ − m) without the largest, which is the 1 in it: once, if several are the largest."""
    below, total = greater(top, x), x.block.total
    more = (x.shape[0] - 1.0) - total(below)  # of the largest
    return log1p(total(where(below, exp(x - top), 0.0)) + more)


def _log_softmax(x: Any) -> Any:
    top = x.block.largest(x)
    return (x - top) - _rest(x, top)


def _logsumexp(x: Any) -> Any:
    top = x.block.largest(x)
    y = where(greater(absolute(top), _LARGEST), top, top + _rest(x, top))
    return x.block.reshape(y, x.shape[1:])


def _softmax_back(y: Any, x: Any, adjoint: Any) -> Any:
    others = x.block.others
    return y * (adjoint * others(y) - others(adjoint * y))


def _log_softmax_back(y: Any, x: Any, adjoint: Any) -> Any:
    others, p = x.block.others, _softmax(x)
    return adjoint * others(p) - p * others(adjoint)


def _logsumexp_back(y: Any, x: Any, adjoint: Any) -> Any:
    return x.block.reshape(adjoint, (1, *adjoint.shape)) * _softmax(x)


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
