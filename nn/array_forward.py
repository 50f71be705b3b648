"""The forward pass of the parts of a transformer as array code: one formula of each, for torch and for ONNX.

A formula is a function ``(ops, part, sub, x)``: `ops` has the operations that the two call differently,
`part` is the part of the model, and ``sub(name, x)`` what the part in it of that name makes of x. The vectors
of x lie along its last axis, and the positions of a sequence along the one before. An operand is a tensor of
torch, or what stands for one of ONNX; arithmetic and ``@`` they have themselves.
"""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Callable
from typing import Any, Protocol

from .activations import ACTIVATIONS, Activation
from .attention import CausalSelfAttention
from .feed_forward import FeedForward, MixtureOfExperts, SwiGLU
from .gpt import GPT, TransformerBlock
from .lora import LoRA
from .module import Module

__all__ = ["FORMULAS", "Operations", "known_activation"]

Sub = Callable[..., Any]


class Operations(Protocol):
    """What a formula needs besides arithmetic; T positions, H heads, vectors of n = H·d numbers."""

    def activated(self, activation: Activation, x: Any) -> Any:
        """The activation of each number, or of each vector."""

    def positions(self, tokens: Any) -> Any:
        """0, 1, ..., T − 1 for tokens (..., T)."""

    def heads(self, x: Any, n_head: int) -> Any:
        """(..., T, n) as (..., H, T, d)."""

    def joined(self, x: Any) -> Any:
        """(..., H, T, d) as (..., T, n)."""

    def transposed(self, x: Any) -> Any:
        """(..., T, d) as (..., d, T)."""

    def turned(self, x: Any, base: float) -> Any:
        """(..., T, d) with each pair of numbers turned by its rotary position."""

    def causal_softmax(self, scores: Any) -> Any:
        """The softmax of scores (..., T, T) over the positions that are not after the row's own."""

    def softmax(self, x: Any) -> Any:
        """The softmax along the last axis."""

    def of_the_largest(self, scores: Any, shares: Any, k: int) -> Any:
        """The shares of the k largest scores along the last axis, of equal ones the first; else 0."""

    def total(self, x: Any) -> Any:
        """The sum along the last axis, which stays."""

    def column(self, x: Any, i: int) -> Any:
        """Number i along the last axis, which stays."""


def known_activation(part: Any, caller: str) -> Activation:
    """The activation of a part, if it is one of `ACTIVATIONS`, whose formulas others have."""
    activation: Activation = part.activation
    if ACTIVATIONS.get(activation.name) != activation:
        raise ValueError(f"{caller} knows the nn.ACTIVATIONS alone, and {part!r} has {activation.name}")
    return activation


def _dropped(part: Any, sub: Sub, x: Any) -> Any:
    return x if part.dropout is None else sub("dropout", x)


def _attention(ops: Operations, part: CausalSelfAttention, sub: Sub, x: Any) -> Any:
    query, key, value = (ops.heads(sub(name, x), part.n_head) for name in ("query", "key", "value"))
    if part.rotary:
        query, key = (ops.turned(each, part.rotary_base) for each in (query, key))
    scores = (query @ ops.transposed(key)) / math.sqrt(part.n_embd // part.n_head)
    weights = _dropped(part, sub, ops.causal_softmax(scores))
    return sub("projection", ops.joined(weights @ value))


def _feed_forward(ops: Operations, part: FeedForward, sub: Sub, x: Any) -> Any:
    return sub("down", ops.activated(part.activation, sub("up", x)))


def _swiglu(ops: Operations, part: SwiGLU, sub: Sub, x: Any) -> Any:
    return sub("down", ops.activated(ACTIVATIONS["silu"], sub("gate", x)) * sub("up", x))


def _mixture(ops: Operations, part: MixtureOfExperts, sub: Sub, x: Any) -> Any:
    scores = sub("router", x)
    gates = ops.of_the_largest(scores, ops.softmax(scores), part.top_k)
    if part.normalize:
        gates = gates / ops.total(gates)
    weighted = (ops.column(gates, i) * sub(f"experts.{i}", x) for i in range(part.n_expert))
    return functools.reduce(operator.add, weighted)


def _block(ops: Operations, part: TransformerBlock, sub: Sub, x: Any) -> Any:
    x = x + _dropped(part, sub, sub("attention", sub("norm1", x)))
    return x + _dropped(part, sub, sub("feed_forward", sub("norm2", x)))


def _gpt(ops: Operations, part: GPT, sub: Sub, tokens: Any) -> Any:
    x = sub("token_embedding", tokens)
    if part.position_embedding is not None:
        x = x + sub("position_embedding", ops.positions(tokens))
    if part.embedding_norm is not None:
        x = sub("embedding_norm", x)
    x = _dropped(part, sub, x)
    for i in range(part.n_layer):
        x = sub(f"blocks.{i}", x)
    if part.final_norm is not None:
        x = sub("final_norm", x)
    return sub("output", x)


def _lora(ops: Operations, part: LoRA, sub: Sub, x: Any) -> Any:
    return sub("linear", x) + sub("B", sub("A", x)) * (part.alpha / part.rank)


FORMULAS: dict[type[Module], Callable[[Any, Any, Sub, Any], Any]] = {
    CausalSelfAttention: _attention,
    FeedForward: _feed_forward,
    SwiGLU: _swiglu,
    MixtureOfExperts: _mixture,
    TransformerBlock: _block,
    GPT: _gpt,
    LoRA: _lora,
}
