"""The forward pass on arrays: each layer has one formula for torch and ONNX, ``_array_forward(ops, sub, x)``.

x is a tensor of torch, or a tensor of an ONNX graph with some of the same methods; `ops` has what torch's
tensors have no method for, and ``sub(name, x)`` applies the module in that attribute, or returns x where the
attribute is None. Vectors lie along the last axis of x, positions along the axis before.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from .activations import ACTIVATIONS, Activation

__all__ = ["Operations", "Sub", "has_formula", "known_activation"]

Sub = Callable[[str, Any], Any]


class Operations(Protocol):
    """What a formula needs besides the operators and methods of a tensor; T positions."""

    def tensor(self, values: Any) -> Any:
        """The parameters (n,) or (m, n) as a tensor; torch has modules for the layers with parameters."""

    def activated(self, activation: Activation, x: Any) -> Any:
        """The activation of each number, or of each vector."""

    def positions(self, tokens: Any) -> Any:
        """0, 1, ..., T − 1 for tokens (..., T)."""

    def turned(self, x: Any, base: float) -> Any:
        """(..., T, d) with each pair of numbers turned by its rotary position."""

    def causal_softmax(self, scores: Any) -> Any:
        """The softmax of scores (..., T, T) over the positions up to the row's own."""

    def of_the_largest(self, scores: Any, shares: Any, k: int) -> Any:
        """The shares of the k largest scores along the last axis, of equal ones the first; else 0."""


def has_formula(part: Any) -> bool:
    """Whether the class of a part is one of `nn` with an ``_array_forward``."""
    return hasattr(part, "_array_forward") and type(part).__module__.startswith("nn.")


def known_activation(part: Any, caller: str) -> Activation:
    """The activation of a part, which must be one of `ACTIVATIONS`."""
    activation: Activation = part.activation
    if ACTIVATIONS.get(activation.name) != activation:
        raise ValueError(f"{caller} knows the nn.ACTIVATIONS alone, and {part!r} has {activation.name}")
    return activation
