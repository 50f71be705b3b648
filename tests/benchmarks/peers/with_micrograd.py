"""The moons' network in micrograd, as in its own demo; `moons` holds the step."""

from __future__ import annotations

import micrograd.engine
import micrograd.nn
import numpy as np

from tests.benchmarks.moons import step_of
from tests.benchmarks.tasks import Array, Task


class Micrograd:
    def __init__(self, task: Task) -> None:
        x, t = task.data
        n_in, *layers = task.sizes
        self.task = task
        self.model = micrograd.nn.MLP(n_in, layers)
        self.step = step_of(micrograd.engine.Value, self.model, x.tolist(), t[:, 0].tolist())
        self.start()

    def start(self) -> None:
        for p, weight in zip(self.model.parameters(), self.task.weights, strict=True):
            p.data = float(weight)

    def run(self, steps: int) -> float:
        for _ in range(steps):
            value = self.step().data
            for p in self.model.parameters():
                p.data -= self.task.rate * p.grad
        return float(value)

    def result(self) -> Array:
        return np.array([p.data for p in self.model.parameters()])
