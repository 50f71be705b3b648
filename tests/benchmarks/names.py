"""The step of the small GPT that every contestant computes: value, gradient and Adam on names of one length.

Parameters are one flat vector as `gpt.GPT.parameters` has them: embeddings of tokens and positions, output,
and of each layer query, key, value, projection, up and down, each matrix row by row.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from tests.benchmarks import gpt

Array = npt.NDArray[np.float64]

STEPS = 1000  # in which the rate falls to 0
RATE, BETAS, EPS = 0.01, (0.85, 0.99), 1e-8
LAYER = "query", "key", "value", "projection", "up", "down"


@dataclass(frozen=True)
class Names:
    """
    Attributes
    ----------
    batch, positions : B names with T + 1 tokens each, the edges included.
    """

    batch: int
    positions: int
    sizes: gpt.Sizes = field(default_factory=gpt.Sizes)

    @property
    def name(self) -> str:
        return f"{self.batch} of {self.positions} positions"

    @functools.cached_property
    def texts(self) -> npt.NDArray[np.int32]:
        """(B, T + 1), tokens from 0 to 26."""
        found = (gpt.tokens_of(name) for name in gpt.made_up_names(seed=3))
        right = (text for text in found if len(text) == self.positions + 1)
        return np.array(list(itertools.islice(right, self.batch)), dtype=np.int32)

    @functools.cached_property
    def weights(self) -> Array:
        return np.array(gpt.GPT(float, self.sizes).parameters)

    @property
    def shapes(self) -> Iterator[tuple[str, tuple[int, int]]]:
        n, vocabulary = self.sizes.width, gpt.EDGE + 1
        yield from (
            ("tokens", (vocabulary, n)),
            ("places", (self.sizes.block, n)),
            ("output", (vocabulary, n)),
        )
        for layer in range(self.sizes.layers):
            for name, shape in zip(LAYER, [(n, n)] * 4 + [(4 * n, n), (n, 4 * n)]):
                yield f"{name}{layer}", shape

    def matrices(self, flat: Any) -> dict[str, Any]:
        """Views of a flat vector by the name of the matrix."""
        found, end = {}, 0
        for name, (rows, columns) in self.shapes:
            start, end = end, end + rows * columns
            found[name] = flat[start:end].reshape(rows, columns)
        return found


def rates(taken: int, steps: int) -> Array:
    """η of so many steps, the first being step `taken`."""
    return RATE * (1.0 - np.arange(taken, taken + steps) / STEPS)


class Adam:
    """In plain numpy: the right answer of an update."""

    def __init__(self, parameters: int) -> None:
        self.first, self.second, self.spare = np.zeros((3, parameters))
        self.taken = 0

    def step(self, flat: Array, gradient: Array) -> None:
        b1, b2 = BETAS
        rate = rates(self.taken, 1)[0]
        self.taken += 1
        self.first *= b1
        self.first += (1.0 - b1) * gradient
        self.second *= b2
        self.second += (1.0 - b2) * gradient * gradient
        np.sqrt(self.second / (1.0 - b2**self.taken), out=self.spare)
        self.spare += EPS
        flat -= rate / (1.0 - b1**self.taken) * self.first / self.spare
