"""micrograd's own demo, the two moons, on the same work: 100 points, MLP 2-16-16-1, hinge loss plus L2.

On bare `Value`s as micrograd writes it, it adds up with Python's `sum` (a chain of additions) or with
`autograd.sum` (one node).
"""

import builtins
import gc
import itertools
import random
import tracemalloc
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import autograd

Step = Callable[[], Any]


def moons(n: int, seed: int) -> tuple[list[list[float]], list[int]]:
    """Two interleaved half circles with noise, labels ±1."""
    rng = np.random.default_rng(seed)
    angle = rng.uniform(0.0, np.pi, n)
    label = rng.integers(0, 2, n)
    x = np.where(label == 0, np.cos(angle), 1.0 - np.cos(angle)) + rng.normal(0.0, 0.1, n)
    y = np.where(label == 0, np.sin(angle), 0.5 - np.sin(angle)) + rng.normal(0.0, 0.1, n)
    return np.column_stack([x, y]).tolist(), (2 * label - 1).tolist()


class BareMLP:
    """The network written out with `*`, `+` and a sum on any scalar class."""

    def __init__(self, value: Any, sizes: Sequence[int], add_up: Callable[[list[Any], Any], Any]) -> None:
        self.add_up = add_up
        self.layers = [
            [([value(random.uniform(-1, 1)) for _ in range(m)], value(0.0)) for _ in range(n)]
            for m, n in itertools.pairwise(sizes)
        ]

    def __call__(self, x: list[Any]) -> Any:
        for depth, layer in enumerate(self.layers):
            sums = [self.add_up([wi * xi for wi, xi in zip(w, x)], b) for w, b in layer]
            x = sums if depth == len(self.layers) - 1 else [each.relu() for each in sums]
        return x[0]

    def parameters(self) -> list[Any]:
        return [p for layer in self.layers for w, b in layer for p in [*w, b]]

    def zero_grad(self) -> None:
        for p in self.parameters():
            p.grad = 0.0


def step_of(value: Any, model: Any, points: list[list[float]], labels: list[int]) -> Step:
    """One pass of the demo: forward, loss, backward; the loss and the gradients."""

    def step() -> Any:
        inputs = [list(map(value, point)) for point in points]
        scores = list(map(model, inputs))
        losses = [(1 + -label * score).relu() for label, score in zip(labels, scores)]
        data_loss = builtins.sum(losses) * (1.0 / len(losses))
        total = data_loss + 1e-4 * builtins.sum(p * p for p in model.parameters())
        model.zero_grad()
        total.backward()
        return total

    return step


def one_node(products: list[Any], bias: Any) -> Any:
    return autograd.sum([*products, bias])


def memory_per_node(value: Any, nodes: int = 20_000) -> float:
    """Of a graph of additions and multiplications, by the allocator's own count."""
    x = value(1.0)
    y = x
    gc.collect()
    tracemalloc.start()
    for _ in range(nodes // 2):
        y = y * x + x
    size, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return size / nodes
