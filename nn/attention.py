"""`CausalSelfAttention`: each position attends to itself and those before it."""

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
    require_positive,
    require_text,
)
from .array_forward import Operations, Sub
from .initializers import Initializer
from .layers import Seed, inputs_of, listed, make_dropout
from .linear import Linear, OneWidth, Vector, in_scope
from .module import Module

__all__ = ["CausalSelfAttention", "KeyValueCache", "vectors_of"]


@dataclass(slots=True)
class KeyValueCache:
    """The recorded keys and values of one attention layer, by position and head: ``keys[position][head]``.

    Attributes
    ----------
    keys, values : tuples of head_dim `Value`s.
    scores, weights : tuples of a `Value` for every position up to this one: the scores of its query with
        their keys, and the softmax of these.

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

    A head has queries q, keys k and values v of d numbers each. At position t it computes

        aₛ = softmax over s ≤ t of qₜ·kₛ / √d,  yₜ = Σₛ aₛ vₛ

    The projection maps the concatenated y of all heads. With rotary positions, the pairs (q₂ᵢ, q₂ᵢ₊₁) of
    position t, and those of k, are first turned by the angle t · base^(−2i/d), so that a score depends on the
    distance of the two positions.

    Parameters
    ----------
    n_embd : the length of the vectors; `n_head` divides it.
    n_head : the number of heads, at least 1.
    bias : whether the four linear maps have biases.
    rotary : whether positions are rotary, for which n_embd / n_head must be even.
    rotary_base : the base of the angles, above 0.
    dropout : p of a `Dropout` of the weights a, without normalizing them again.
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
    A call with T vectors gives T vectors. `step` takes one vector and a cache of those before it.

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
            Linear(n_embd, n_embd, bias, initializer, rng, f"{self._prefix}{part}")
            for part in ("query", "key", "value", "projection")
        )
        self.dropout = make_dropout(dropout, rng)
        self._turns: list[Any] = []  # for each position, of each pair the two rows of its rotation

    def __call__(self, x: Any) -> list[Vector]:
        cache = KeyValueCache()
        return [self.step(each, cache) for each in vectors_of(x, self)]

    def step(self, x: Any, cache: KeyValueCache) -> Vector:
        """The output at the next position, whose key and value are added to the cache.

        Parameters
        ----------
        x : the vector of this position, n_embd `Value`s or numbers.
        cache : of the positions before; it is changed.
        """
        x = inputs_of(x, self)
        place = len(cache)
        queries = self._heads(self.query(x), place, turned=True)
        cache.keys.append(self._heads(self.key(x), place, turned=True))
        cache.values.append(self._heads(self.value(x), place))
        scores: list[Vector] = []
        weights: list[Vector] = []
        attended: list[Value] = []
        root = math.sqrt(self.n_embd // self.n_head)
        for head, query in enumerate(queries):
            scope = f"{self._prefix}head{head}"
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
        query, key, value = (  # (..., H, T, d), of H heads of d numbers
            sub(name, x).unflatten(-1, (self.n_head, -1)).transpose(-3, -2)
            for name in ("query", "key", "value")
        )
        if self.rotary:
            query, key = (ops.turned(each, self.rotary_base) for each in (query, key))
        scores = (query @ key.transpose(-2, -1)) / math.sqrt(self.n_embd // self.n_head)
        weights = sub("dropout", ops.causal_softmax(scores))
        return sub("projection", (weights @ value).transpose(-3, -2).flatten(-2))

    def _heads(self, x: Vector, place: int, turned: bool = False) -> list[Vector]:
        """The parts of a vector for each head, `turned` by rotary positions."""
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
            found.append(in_scope(tuple(turns), f"{self._prefix}head{head}"))
        return found

    def _rotations(self, place: int) -> list[list[Vector]]:
        """The two rows of each pair's rotation at this position."""
        size = self.n_embd // self.n_head
        while len(self._turns) <= place:
            angles = [len(self._turns) * self.rotary_base ** (-i / size) for i in range(0, size, 2)]
            rows = [((math.cos(a), -math.sin(a)), (math.sin(a), math.cos(a))) for a in angles]
            scope = f"{self._prefix}rotary"
            self._turns.append([[in_scope(sequence(row), scope) for row in both] for both in rows])
        turns: list[list[Vector]] = self._turns[place]
        return turns

    @property
    def bias(self) -> bool:
        return self.projection.bias is not None

    def _settings(self) -> dict[str, Any]:
        return super()._settings() | {"dropout": self.dropout.p if self.dropout else 0.0}


def vectors_of(x: Any, reader: Any) -> list[Vector]:
    """The vectors of a sequence, each as one operand of the engine.

    Raises
    ------
    TypeError, ValueError : if x is no sequence of at least one vector of the reader's length.
    """
    rows = listed(x)
    if not isinstance(rows, (list, tuple)) or not rows or not all(hasattr(row, "__iter__") for row in rows):
        raise TypeError(
            f"{reader._name or type(reader).__name__} takes a sequence of vectors of {reader.n_in} numbers, "
            f"got {type(x).__name__}: {x!r:.60}"
        )
    return [inputs_of(row, reader) for row in rows]
