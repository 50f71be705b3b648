"""The assignment network in CasADi: value and gradient through buffers, and its training by `mapaccum`."""

from __future__ import annotations

from typing import Any

import casadi
import numpy as np

from tests.benchmarks.tasks import Array, Task


def network(task: Task) -> tuple[Any, Any, Any, Any]:
    """The weights, the inputs, the targets, and the loss of them."""
    w, x, t = (casadi.SX.sym(name, n) for name, n in (("w", 8), ("x", 2), ("t", 2)))
    hidden = 1.0 / (1.0 + casadi.exp(-casadi.reshape(w[:4], 2, 2).T @ x))
    outputs = 1.0 / (1.0 + casadi.exp(-casadi.reshape(w[4:], 2, 2).T @ hidden))
    return w, x, t, 0.5 * casadi.sumsqr(t - outputs)


class Buffered:
    """A function that reads and writes arrays of ours, without any conversion in a call."""

    def __init__(self, function: Any, given: list[Array], results: list[Array]) -> None:
        self.kept = given, results  # CasADi has only their addresses
        self.buffer, self.trigger = function.buffer()
        for i, array in enumerate(given):
            self.buffer.set_arg(i, memoryview(array))
        for i, array in enumerate(results):
            self.buffer.set_res(i, memoryview(array))


class ValueAndGradient:
    def __init__(self, task: Task) -> None:
        w, x, t, loss = network(task)
        function = casadi.Function("step", [w, x, t], [loss, casadi.gradient(loss, w)])
        features, targets = task.data
        self.value, self.gradient = np.zeros(1), np.zeros(8)
        self.buffered = Buffered(
            function, [task.weights, features[0], targets[0]], [self.value, self.gradient]
        )

    def start(self) -> None:
        pass

    def run(self, steps: int) -> float:
        call = self.buffered.trigger
        for _ in range(steps):
            call()
        return float(self.value[0])

    def result(self) -> Array:
        return self.gradient.copy()


class Training:
    """One step w ← w − η ∇E, accumulated over all epochs in one function."""

    def __init__(self, task: Task) -> None:
        w, x, t, loss = network(task)
        x_given, t_given = (casadi.SX(each[0].tolist()) for each in task.data)
        loss = casadi.substitute(loss, casadi.vertcat(x, t), casadi.vertcat(x_given, t_given))
        after = w - task.rate * casadi.gradient(loss, w)
        self.task = task
        self.loss = casadi.Function("loss", [w], [loss])
        self.weights = task.weights.copy()
        self.history = np.zeros((task.unit, 8))
        training = casadi.Function("step", [w], [after]).mapaccum(task.unit)
        self.buffered = Buffered(training, [self.weights], [self.history])

    def start(self) -> None:
        self.weights[:] = self.task.weights

    def run(self, steps: int) -> float:
        for _ in range(steps // self.task.unit):
            self.buffered.trigger()
            self.weights[:] = self.history[-1]
        return float(self.loss(self.history[-2]))

    def result(self) -> Array:
        return self.history[-1].copy()


def contestant(task: Task) -> ValueAndGradient | Training:
    return Training(task) if task.updates else ValueAndGradient(task)
