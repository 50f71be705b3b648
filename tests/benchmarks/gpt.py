"""A small GPT, written in scalars for whatever class of scalars it is given, and trained on names.

Decoder only: token and position embeddings, RMSNorm without gain, causal attention over the keys and values
of earlier positions, an MLP of four times the width with ReLU, residuals around both; no biases, and an
output layer of its own. The sizes are those of Karpathy's microgpt: 4,192 parameters.
"""

from __future__ import annotations

import functools
import itertools
import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

LETTERS = "abcdefghijklmnopqrstuvwxyz"
EDGE = len(LETTERS)  # the token before the first letter and after the last


@dataclass(frozen=True)
class Sizes:
    width: int = 16
    heads: int = 4
    layers: int = 1
    block: int = 16  # the most positions


def made_up_names(seed: int = 0) -> Iterator[str]:
    """Names of two to four syllables."""
    rng = random.Random(seed)
    while True:
        syllables = (rng.choice("bdfghjklmnprstvwyz") + rng.choice("aeiou") for _ in range(rng.randint(2, 4)))
        yield "".join(syllables) + rng.choice(["", "", "n", "r", "x", "q", "c"])


def tokens_of(name: str) -> list[int]:
    return [EDGE, *map(LETTERS.index, name), EDGE]


def softmax(x: list[Any]) -> list[Any]:
    highest = max(each.data for each in x)
    powers = [(each - highest).exp() for each in x]
    total = sum(powers)
    return [power / total for power in powers]


def rms_norm(x: list[Any]) -> list[Any]:
    scale = (sum(each * each for each in x) / len(x) + 1e-5) ** -0.5
    return [each * scale for each in x]


def linear(matrix: list[list[Any]], x: list[Any]) -> list[Any]:
    return [inner(row, x) for row in matrix]


def inner(a: Sequence[Any], b: Sequence[Any]) -> Any:
    return sum(x * y for x, y in zip(a, b))


class GPT:
    def __init__(self, value: Any, sizes: Sizes, seed: int = 1) -> None:
        draw = functools.partial(random.Random(seed).gauss, 0.0, 0.08)

        def matrix(rows: int, columns: int) -> list[list[Any]]:
            return [[value(draw()) for _ in range(columns)] for _ in range(rows)]

        n = sizes.width
        self.sizes = sizes
        self.tokens, self.places, self.output = (matrix(m, n) for m in (EDGE + 1, sizes.block, EDGE + 1))
        shapes = [(n, n)] * 4 + [(4 * n, n), (n, 4 * n)]  # query, key, value, projection; up, down
        self.layers = [list(itertools.starmap(matrix, shapes)) for _ in range(sizes.layers)]
        matrices = [self.tokens, self.places, self.output, *itertools.chain(*self.layers)]
        self.parameters = [p for each in matrices for row in each for p in row]

    def losses(self, text: list[int]) -> list[Any]:
        """Of each position the cross-entropy of the token that follows it."""
        earlier: list[tuple[list[Any], list[Any]]] = [([], []) for _ in self.layers]
        length = min(self.sizes.block, len(text) - 1)
        scores = (self.scores(text[t], t, earlier) for t in range(length))
        return [-softmax(each)[following].log() for each, following in zip(scores, text[1:])]

    def scores(self, token: int, place: int, earlier: list[tuple[list[Any], list[Any]]]) -> list[Any]:
        """Of every token the score to come next; `earlier` has each layer's keys and values up to here."""
        x = rms_norm([a + b for a, b in zip(self.tokens[token], self.places[place])])
        for (query, key, value, projection, up, down), (keys, values) in zip(self.layers, earlier):
            normed = rms_norm(x)
            keys.append(linear(key, normed))
            values.append(linear(value, normed))
            attended = self.attend(linear(query, normed), keys, values)
            x = [a + b for a, b in zip(linear(projection, attended), x)]
            hidden = [each.relu() for each in linear(up, rms_norm(x))]
            x = [a + b for a, b in zip(linear(down, hidden), x)]
        return linear(self.output, x)

    def attend(self, query: list[Any], keys: list[list[Any]], values: list[list[Any]]) -> list[Any]:
        size = self.sizes.width // self.sizes.heads
        found = []
        for start in range(0, self.sizes.width, size):
            head = slice(start, start + size)
            weights = softmax([inner(query[head], each[head]) / math.sqrt(size) for each in keys])
            found += [inner(weights, column) for column in zip(*(each[head] for each in values))]
        return found


class Adam:
    """With a rate that falls linearly to 0 in so many steps."""

    def __init__(self, parameters: list[Any], steps: int, rate: float = 0.01) -> None:
        self.parameters, self.steps, self.rate = parameters, steps, rate
        self.taken = 0
        self.first, self.second = ([0.0] * len(parameters) for _ in range(2))

    def step(self) -> None:
        rate = self.rate * (1 - self.taken / self.steps)
        self.taken += 1
        unbias_first, unbias_second = 1 - 0.85**self.taken, 1 - 0.99**self.taken
        for i, p in enumerate(self.parameters):
            gradient = p.grad
            self.first[i] = 0.85 * self.first[i] + 0.15 * gradient
            self.second[i] = 0.99 * self.second[i] + 0.01 * gradient**2
            p.data -= (
                rate * (self.first[i] / unbias_first) / (math.sqrt(self.second[i] / unbias_second) + 1e-8)
            )
            p.grad = 0.0


def training(value: Any, steps: int, sizes: Sizes | None = None, seed: int = 0) -> Iterator[float]:
    """Step by step the loss of one name."""
    model = GPT(value, sizes or Sizes(), seed + 1)
    optimizer = Adam(model.parameters, steps)
    for name in itertools.islice(made_up_names(seed), steps):
        losses = model.losses(tokens_of(name))
        loss = sum(losses) / len(losses)
        loss.backward()
        optimizer.step()
        yield loss.data
