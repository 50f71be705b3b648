"""The feed-forward layers of a transformer: `FeedForward`, `SwiGLU`, `MixtureOfExperts`; and `GELU`."""

from __future__ import annotations

import functools
import operator
from collections.abc import Sequence
from typing import Any

from autograd import Value, dot, gelu, greater, sequence, silu, softmax, sum, where

from .activations import ACTIVATIONS, Activation, find_activation
from .arguments import Described, random_generator, require_count, require_flag, require_text
from .array_forward import Operations, Sub
from .initializers import Initializer
from .layers import Function, Seed, listed
from .linear import Linear, Vector, VectorModule, all_in_scope, in_scope
from .module import Module

__all__ = ["GELU", "FeedForward", "MixtureOfExperts", "SwiGLU", "make_feed_forward"]


class GELU(Described, Module):
    """The Gaussian error linear unit x Φ(x), of each number; Φ is the normal distribution function.

    Parameters
    ----------
    approximate : ``"none"``, or ``"tanh"`` for ½ x (1 + tanh(√(2/π) (x + 0.044715 x³))).

    Raises
    ------
    ValueError : if `approximate` is neither.

    Source: Hendrycks and Gimpel 2016, "Gaussian error linear units (GELUs)"; `torch.nn.GELU`.

    Examples
    --------
    >>> from nn import GELU
    >>> GELU()(0.0), GELU("tanh")([0.0, 100.0])
    (0.0, [0.0, 100.0])
    """

    def __init__(self, approximate: str = "none") -> None:
        gelu(0.0, approximate=approximate)  # checks the name
        self.approximate = approximate

    def __call__(self, x: Any) -> Any:
        x = listed(x)
        if isinstance(x, (list, tuple)):
            return list(map(self, x))
        return gelu(x, approximate=self.approximate)

    def _array_forward(self, ops: Operations, sub: Sub, x: Any) -> Any:
        return ops.activated(ACTIVATIONS["gelu" if self.approximate == "none" else "gelu_tanh"], x)


class _TwoMaps(VectorModule):
    """Linear maps to n_hidden numbers, and one back."""

    n_embd: int
    n_hidden: int
    up: Linear
    down: Linear

    def _build(
        self,
        parts: Sequence[str],
        n_hidden: int,
        bias: bool,
        initializer: str | Initializer | None,
        seed: Seed,
        name: str,
    ) -> None:
        self._name, rng = require_text("name", name), random_generator(seed)
        self.n_hidden = require_count("n_hidden", n_hidden)
        for part in parts:
            there = f"{self._prefix}{part}"
            setattr(self, part, Linear(self.n_embd, n_hidden, bias, initializer, rng, there))
        self.down = Linear(n_hidden, self.n_embd, bias, initializer, rng, f"{self._prefix}down")

    @property
    def bias(self) -> bool:
        return self.up.bias is not None

    def _activated(self, values: Sequence[Any]) -> Vector:
        return in_scope(sequence(values), f"{self._prefix}activation")


class FeedForward(_TwoMaps):
    """Two linear maps with an activation between: y = W₂ f(W₁ x + b₁) + b₂.

    Parameters
    ----------
    n_embd : the length of x and of y.
    n_hidden : the length between; None for 4 · n_embd.
    activation : f, as for `Layer`.
    bias : whether there are b₁ and b₂.
    initializer, seed, name : as for `Neuron`.

    Attributes
    ----------
    up, down : the `Linear` maps W₁ and W₂.

    Raises
    ------
    TypeError, ValueError : if an argument is not as described; on a call, if x has not n_embd numbers.

    Source: Vaswani et al. 2017, "Attention is all you need", eq. 2.

    Examples
    --------
    >>> from nn import FeedForward
    >>> len(FeedForward(4, seed=0)([1.0, 2.0, 3.0, 4.0])), len(FeedForward(4).parameters())
    (4, 128)
    """

    def __init__(
        self,
        n_embd: int,
        n_hidden: int | None = None,
        activation: Function = "relu",
        bias: bool = False,
        initializer: str | Initializer | None = None,
        seed: Seed = None,
        name: str = "",
    ) -> None:
        self.n_embd = require_count("n_embd", n_embd)
        self.activation: Activation = find_activation(activation)
        self._build(["up"], 4 * n_embd if n_hidden is None else n_hidden, bias, initializer, seed, name)

    def _output(self, x: Vector) -> Vector:
        sums = self.up._output(x)
        y: Vector = self.down(sums if self.activation.linear else self._activated(self.activation(sums)))
        return y

    def _array_forward(self, ops: Operations, sub: Sub, x: Any) -> Any:
        return sub("down", ops.activated(self.activation, sub("up", x)))


class SwiGLU(_TwoMaps):
    """A gated feed-forward layer: y = W₂ (silu(W x) ⊙ V x), where silu(z) = z σ(z).

    Parameters
    ----------
    n_embd : the length of x and of y.
    n_hidden : the length between; None for ⌊8/3 · n_embd⌋, which gives as many weights as a `FeedForward` has
        with 4 · n_embd.
    bias : whether each of the three maps has biases.
    initializer, seed, name : as for `Neuron`.

    Attributes
    ----------
    gate, up, down : the `Linear` maps W, V and W₂.

    Raises
    ------
    TypeError, ValueError : if an argument is not as described; on a call, if x has not n_embd numbers.

    Source: Shazeer 2020, "GLU variants improve transformer", eq. 6.

    Examples
    --------
    >>> from nn import SwiGLU
    >>> layer = SwiGLU(3, seed=0)
    >>> layer.n_hidden, len(layer([1.0, 2.0, 3.0]))
    (8, 3)
    """

    gate: Linear

    def __init__(
        self,
        n_embd: int,
        n_hidden: int | None = None,
        bias: bool = False,
        initializer: str | Initializer | None = None,
        seed: Seed = None,
        name: str = "",
    ) -> None:
        self.n_embd = require_count("n_embd", n_embd)
        n_hidden = max(1, 8 * n_embd // 3) if n_hidden is None else n_hidden
        self._build(["gate", "up"], n_hidden, bias, initializer, seed, name)

    def _output(self, x: Vector) -> Vector:
        gates = self._activated([silu(each) for each in self.gate(x)])
        y: Vector = self.down(self._activated([gate * each for gate, each in zip(gates, self.up(x))]))
        return y

    def _array_forward(self, ops: Operations, sub: Sub, x: Any) -> Any:
        return sub("down", ops.activated(ACTIVATIONS["silu"], sub("gate", x)) * sub("up", x))


class MixtureOfExperts(VectorModule):
    """Several feed-forward layers; a router chooses `top_k` of them for each vector.

    With the router's scores z = W x, p = softmax(z), and T the experts with the k largest z (of equal ones,
    the first):

        gᵢ = pᵢ / Σ over T of p  for i in T, otherwise 0;   y = Σᵢ gᵢ Eᵢ(x)

    The choice has no gradient; the router learns from that of the gates g. All experts are computed, those
    not chosen with weight 0, so that the recorded graph does not depend on the numbers and can be compiled.

    Parameters
    ----------
    n_embd : the length of x and of y.
    n_expert : the number of experts, at least 1.
    top_k : the number of chosen experts, from 1 to n_expert.
    normalize : whether the gates are divided by their sum. By default if `top_k` is above 1: normalized, the
        gate of a single expert would always be 1, and the router would not learn.
    n_hidden, activation, bias : of each expert, as for `FeedForward`; ``"swiglu"`` makes it a `SwiGLU`.
    initializer, seed, name : as for `Neuron`.

    Attributes
    ----------
    router : a `Linear` map from n_embd to n_expert numbers, without bias.
    experts : a list of `FeedForward` or `SwiGLU`.

    Raises
    ------
    TypeError, ValueError : if an argument is not as described; on a call, if x has not n_embd numbers.

    Source: Shazeer et al. 2017, "Outrageously large neural networks", eq. 1 and 3 to 5, without noise; Fedus,
    Zoph and Shazeer 2021, "Switch transformers", eq. 2, of one expert.

    Examples
    --------
    >>> from nn import MixtureOfExperts
    >>> mixture = MixtureOfExperts(4, n_expert=3, top_k=2, seed=0)
    >>> [round(gate.data, 3) for gate in mixture.gates([1.0, 2.0, 3.0, 4.0])].count(0.0)
    1
    """

    def __init__(
        self,
        n_embd: int,
        n_expert: int,
        top_k: int = 2,
        n_hidden: int | None = None,
        activation: Function = "relu",
        bias: bool = False,
        normalize: bool | None = None,
        initializer: str | Initializer | None = None,
        seed: Seed = None,
        name: str = "",
    ) -> None:
        self._name, rng = require_text("name", name), random_generator(seed)
        self.n_embd, self.n_expert = require_count("n_embd", n_embd), require_count("n_expert", n_expert)
        self.top_k = require_count("top_k", top_k)
        if top_k > n_expert:
            raise ValueError(f"top_k must be from 1 to n_expert={n_expert}, got {top_k}")
        self.normalize = top_k > 1 if normalize is None else require_flag("normalize", normalize)
        self.router = Linear(n_embd, n_expert, False, initializer, rng, f"{self._prefix}router")
        self.experts = [
            make_feed_forward(
                n_embd, n_hidden, activation, bias, initializer, rng, f"{self._prefix}expert{i}"
            )
            for i in range(n_expert)
        ]

    def gates(self, x: Any) -> Vector:
        """The gate g of each expert for a vector x, which is 0 for all but `top_k`."""
        scores = self.router(x)
        gates = _of_the_largest(scores, softmax(scores), self.top_k)
        if self.normalize:
            total = sum(gates)
            gates = [gate / total for gate in gates]
        return all_in_scope(sequence(gates), self.router._name)

    @property
    def n_hidden(self) -> int:
        return self.experts[0].n_hidden

    @property
    def bias(self) -> bool:
        return self.experts[0].bias

    @property
    def activation(self) -> Any:
        return getattr(self.experts[0], "activation", "swiglu")

    def _output(self, x: Vector) -> Vector:
        gates = self.gates(x)
        outputs = [expert(x) for expert in self.experts]
        return in_scope(tuple([dot(gates, column) for column in zip(*outputs)]), f"{self._prefix}mixture")

    def _array_forward(self, ops: Operations, sub: Sub, x: Any) -> Any:
        scores = sub("router", x)
        gates = ops.of_the_largest(scores, scores.softmax(-1), self.top_k)
        if self.normalize:
            gates = gates / gates.sum(-1, keepdim=True)
        weighted = (gates.narrow(-1, i, 1) * sub(f"experts.{i}", x) for i in range(self.n_expert))
        return functools.reduce(operator.add, weighted)


def _of_the_largest(scores: Vector, shares: Any, k: int) -> list[Value]:
    """The shares of the k largest scores, of equal ones the first, and 0 for all others.

    The comparisons are nodes, so a compiled program chooses anew for other numbers.
    """
    if k == len(scores):
        return list(shares)
    chosen = []
    for i, score in enumerate(scores):
        earlier = [1.0 - greater(score, each) for each in scores[:i]]  # equal scores come first
        later = [greater(each, score) for each in scores[i + 1 :]]
        before = sum([*earlier, *later])
        chosen.append(where(greater(float(k), before), shares[i], 0.0))
    return chosen


def make_feed_forward(
    n_embd: int, n_hidden: int | None, activation: Function, *rest: Any
) -> FeedForward | SwiGLU:
    """A `SwiGLU` if the activation is ``"swiglu"``, otherwise a `FeedForward`; `rest` is bias and so on."""
    if isinstance(activation, str) and activation == "swiglu":
        return SwiGLU(n_embd, n_hidden, *rest)
    return FeedForward(n_embd, n_hidden, activation, *rest)
