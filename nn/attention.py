"""`CausalSelfAttention`: each position looks back at those before it, by queries, keys and values."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

from autograd import Value, dot, sequence, softmax

from .arguments import (
    Described,
    random_generator,
    require_count,
    require_flag,
    require_fraction,
    require_positive,
    require_text,
)
from .array_forward import Operations, Sub
from .initializers import Initializer
from .layers import Dropout, Seed, inputs_of, listed
from .linear import Linear, OneWidth, Vector, in_scope
from .module import Module

__all__ = ["CausalSelfAttention", "KeyValueCache", "vectors_of"]


@dataclass(slots=True)
class KeyValueCache:
    """What one attention layer keeps of the positions that it has seen, as the `Value`s that were recorded.

    Attributes
    ----------
    keys, values : of each position and each head a tuple of head_dim `Value`s: ``keys[position][head]``.
    scores, weights : of each position and each head a tuple of a `Value` for every position up to it: how
        well its query fits that one's key, and the softmax of these.

    Examples
    --------
    >>> from nn import CausalSelfAttention, KeyValueCache
    >>> attention, cache = CausalSelfAttention(4, n_head=2, seed=0), KeyValueCache()
    >>> for x in ([1.0, 0.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0]):
    ...     y = attention.step(x, cache)
    >>> len(cache), len(cache.keys[1]), [len(each) for each in cache.weights[1]]
    (2, 2, [2, 2])
    """

    keys: list[list[Vector]] = field(default_factory=list)
    values: list[list[Vector]] = field(default_factory=list)
    scores: list[list[Vector]] = field(default_factory=list)
    weights: list[list[Vector]] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.keys)


class CausalSelfAttention(OneWidth, Described, Module):
    """Attention of every position over itself and those before it, in several heads.

    Of a head with queries q, keys k and values v of d numbers each, at position t:

        aₛ = softmax over s ≤ t of qₜ·kₛ / √d,  yₜ = Σₛ aₛ vₛ

    and the heads' y side by side go through the projection. With rotary positions, the pairs (q₂ᵢ, q₂ᵢ₊₁) of
    position t, and those of k, are first turned by the angle t · base^(−2i/d): so a score depends on how far
    apart the two positions are.

    Parameters
    ----------
    n_embd : how long the vectors are; `n_head` divides it.
    n_head : the number of heads, at least 1.
    bias : whether the four linear maps have biases.
    rotary : whether positions are rotary; n_embd / n_head must be even then.
    rotary_base : the base of the angles, above 0.
    dropout : p of a `Dropout` of the weights a, which are not normalized again.
    initializer, seed, name : as for `Neuron`.

    Attributes
    ----------
    query, key, value, projection : `Linear` maps from n_embd to n_embd numbers.

    Raises
    ------
    TypeError, ValueError : if an argument is not as described; on a call, if a vector has not n_embd numbers.

    Source: Vaswani et al. 2017, "Attention is all you need", eq. 1; Su et al. 2021, "RoFormer: enhanced
    transformer with rotary position embedding", eq. 34.

    Examples
    --------
    A call with T vectors gives T vectors. `step` takes one, and a cache of what came before it.

    >>> from nn import CausalSelfAttention, KeyValueCache
    >>> attention = CausalSelfAttention(4, n_head=2, seed=0)
    >>> x = [[1.0, 2.0, 3.0, 4.0], [0.5, 0.0, -0.5, 1.0]]
    >>> whole, cache = attention(x), KeyValueCache()
    >>> steps = [attention.step(each, cache) for each in x]
    >>> [y.data for y in whole[1]] == [y.data for y in steps[1]]
    True
    """

    def __init__(
        self,
        n_embd: int,
        n_head: int,
        bias: bool = False,
        rotary: bool = False,
        rotary_base: float = 10000.0,
        dropout: float = 0.0,
        initializer: str | Initializer | None = None,
        seed: Seed = None,
        name: str = "",
    ) -> None:
        self._name = require_text("name", name)
        self.n_embd, self.n_head = require_count("n_embd", n_embd), require_count("n_head", n_head)
        if n_embd % n_head:
            raise ValueError(f"n_head must divide n_embd, got n_head={n_head} and n_embd={n_embd}")
        self.rotary = require_flag("rotary", rotary)
        if rotary and n_embd // n_head % 2:
            raise ValueError(f"rotary positions need an even n_embd / n_head, got {n_embd // n_head}")
        self.rotary_base = require_positive("rotary_base", rotary_base)
        rng = random_generator(seed)
        self.query, self.key, self.value, self.projection = (
            Linear(n_embd, n_embd, bias, initializer, rng, f"{name}.{part}" if name else part)
            for part in ("query", "key", "value", "projection")
        )
        p = require_fraction("dropout", dropout, below=True)
        self.dropout = Dropout(p, rng.spawn(1)[0]) if p else None
        self._turns: list[
            list[tuple[Vector, Vector]]
        ] = []  # of each position and pair the rows of a rotation

    def __call__(self, x: Any) -> list[Vector]:
        cache = KeyValueCache()
        return [self.step(each, cache) for each in vectors_of(x, self)]

    def step(self, x: Any, cache: KeyValueCache) -> Vector:
        """The output at the position after those in the cache, to which its key and value are added.

        Parameters
        ----------
        x : the vector of this position, n_embd `Value`s or numbers.
        cache : of the positions before; it is changed.
        """
        x = inputs_of(x, self)
        place, prefix = len(cache), f"{self._name}." if self._name else ""
        queries = self._heads(self.query(x), place, turned=True)
        cache.keys.append(self._heads(self.key(x), place, turned=True))
        cache.values.append(self._heads(self.value(x), place))
        scores: list[Vector] = []
        weights: list[Vector] = []
        attended: list[Value] = []
        root = math.sqrt(self.n_embd // self.n_head)
        for head, query in enumerate(queries):
            scope = f"{prefix}head{head}"
            products = in_scope(tuple([dot(query, keys[head]) for keys in cache.keys]), scope)
            scores.append(in_scope(tuple([each / root for each in products]), scope, constants=True))
            weights.append(in_scope(sequence(softmax(scores[-1])), scope))
            used = weights[-1]
            if self.dropout is not None and self.training:
                used = in_scope(sequence(self.dropout(used)), scope, constants=True)
            columns = zip(*(values[head] for values in cache.values))
            attended += in_scope(tuple([dot(used, column) for column in columns]), scope)
        cache.scores.append(scores)
        cache.weights.append(weights)
        y: Vector = self.projection(tuple(attended))
        return y

    def _array_forward(self, ops: Operations, sub: Sub, x: Any) -> Any:
        query, key, value = (ops.heads(sub(name, x), self.n_head) for name in ("query", "key", "value"))
        if self.rotary:
            query, key = (ops.turned(each, self.rotary_base) for each in (query, key))
        scores = (query @ ops.transposed(key)) / math.sqrt(self.n_embd // self.n_head)
        weights = sub("dropout", ops.causal_softmax(scores))
        return sub("projection", ops.joined(weights @ value))

    def _heads(self, x: Vector, place: int, turned: bool = False) -> list[Vector]:
        """The parts of a vector that belong to each head, turned by the position where that is asked."""
        size = self.n_embd // self.n_head
        heads = [x[start : start + size] for start in range(0, self.n_embd, size)]
        if not (self.rotary and turned):
            return heads
        rows = self._rotations(place)
        found = []
        for head, numbers in enumerate(heads):
            turns: list[Value] = []
            for pair, both in zip(zip(numbers[::2], numbers[1::2]), rows):
                turns += [dot(row, pair) for row in both]
            found.append(in_scope(tuple(turns), f"{self._name}.head{head}" if self._name else f"head{head}"))
        return found

    def _rotations(self, place: int) -> list[tuple[Vector, Vector]]:
        """The two rows of the rotation of each pair at this position."""
        size = self.n_embd // self.n_head
        while len(self._turns) <= place:
            angles = [len(self._turns) * self.rotary_base ** (-i / size) for i in range(0, size, 2)]
            rows = [((math.cos(a), -math.sin(a)), (math.sin(a), math.cos(a))) for a in angles]
            self._turns.append([(self._constants(one), self._constants(other)) for one, other in rows])
        return self._turns[place]

    def _constants(self, numbers: tuple[float, float]) -> Vector:
        return in_scope(sequence(numbers), f"{self._name}.rotary" if self._name else "rotary")

    @property
    def bias(self) -> bool:
        return self.projection.bias is not None

    def _settings(self) -> dict[str, Any]:
        return super()._settings() | {"dropout": self.dropout.p if self.dropout else 0.0}


def vectors_of(x: Any, reader: Any) -> list[Vector]:
    """The vectors of a sequence, each as one operand.

    Raises
    ------
    TypeError, ValueError : if it is no sequence of vectors of the reader's length, or has none.
    """
    rows = listed(x)
    if not isinstance(rows, (list, tuple)) or not rows or not all(hasattr(row, "__iter__") for row in rows):
        raise TypeError(
            f"{reader._name or type(reader).__name__} takes a sequence of vectors of {reader.n_in} numbers, "
            f"got {type(x).__name__}: {x!r:.60}"
        )
    return [inputs_of(row, reader) for row in rows]
