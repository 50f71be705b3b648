"""This engine at the task: one example recorded, compiled, and trained on the whole batch."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np

import nn
from autograd import Value, compile, dot
from tests.benchmarks.tasks import Array, Task


@dataclass(frozen=True)
class Recorded:
    loss: Value
    parameters: list[Value]
    inputs: list[Value]


def build_model(task: Task) -> nn.MLP:
    n_in, *layers = task.sizes
    model = nn.MLP(
        n_in, layers, activation=task.activation, output_activation=task.output_activation, bias=task.bias
    )
    for p, weight in zip(model.parameters(), task.weights, strict=True):
        p.data = float(weight)
    return model


def record(task: Task, model: nn.MLP) -> Recorded:
    """The loss of the first example; features and targets are inputs."""
    x, t = ([Value(v, f"{name}{i}") for i, v in enumerate(each[0])] for name, each in zip("xt", task.data))
    parameters = model.parameters()
    loss = getattr(nn, task.loss)(model(x), t)
    if task.l2:
        loss = loss + task.l2 * dot(parameters, parameters)
    return Recorded(loss, parameters, [*x, *t])


@functools.cache
def recorded(task: Task) -> Recorded:
    return record(task, build_model(task))


class Descent:
    """`Program.descend`, the loop in the program; where a task has no updates, a call for each step."""

    def __init__(self, backend: str, task: Task) -> None:
        graph = recorded(task)
        self.task = task
        self.program = compile(graph.loss, graph.parameters, inputs=graph.inputs, backend=backend)
        if self.program.backend != backend:
            raise RuntimeError(f"asked for the back end {backend}, got {self.program.backend}")
        self.batch = np.column_stack(task.data)
        self.flat = task.weights.copy()

    def start(self) -> None:
        self.flat[:] = self.task.weights

    def run(self, steps: int) -> float:
        if self.task.updates:
            return float(self.program.descend(self.flat, self.batch, self.task.rate, steps)[-1])
        for _ in range(steps):
            value, self.gradient = self.program(self.flat, self.batch)
        return float(value)

    def result(self) -> Array:
        return self.flat if self.task.updates else self.gradient


class Calls(Descent):
    """A call for the value and the gradient, and the update in numpy."""

    def run(self, steps: int) -> float:
        for _ in range(steps):
            value, gradient = self.program(self.flat, self.batch)
            self.flat -= self.task.rate * gradient
        return float(value)


llvm = functools.partial(Descent, "llvm")
numpy = functools.partial(Descent, "numpy")
llvm_calls = functools.partial(Calls, "llvm")
