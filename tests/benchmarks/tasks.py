"""What every contestant computes: the networks with their data and weights, and the right answer.

Parameters are one flat vector in the order of `nn.MLP.parameters()`: layer by layer the rows of [W | b].
"""

from __future__ import annotations

import functools
import itertools
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from tests.benchmarks.moons import moons

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Task:
    """A training step: the loss of a network on a batch plus λ Σ p², its gradient, and w ← w − η g.

    Attributes
    ----------
    loss : the name of a loss of `nn`; the mean is taken over the batch.
    l2, rate : λ and η.
    unit : so many steps are one unit of what is measured.
    updates : whether the weights are updated; if not, a step is the value and the gradient alone.
    """

    name: str
    sizes: tuple[int, ...]
    batch: int
    loss: str
    activation: str = "relu"
    output_activation: str = "linear"
    bias: bool = True
    l2: float = 1e-4
    rate: float = 0.05
    unit: int = 1
    updates: bool = True

    @property
    def is_assignment(self) -> bool:
        return self.sizes == (2, 2, 2)

    @property
    def shapes(self) -> list[tuple[int, int]]:
        """Of each layer the shape of [W | b]."""
        return [(n_out, n_in + self.bias) for n_in, n_out in itertools.pairwise(self.sizes)]

    def matrices(self, flat: Array) -> list[Array]:
        """Views of a flat vector as the [W | b] of each layer."""
        ends = np.cumsum([rows * columns for rows, columns in self.shapes])
        return [part.reshape(shape) for part, shape in zip(np.split(flat, ends[:-1]), self.shapes)]

    @functools.cached_property
    def weights(self) -> Array:
        """The weights to begin with."""
        if self.is_assignment:
            return np.array([0.15, 0.20, 0.25, 0.30, 0.40, 0.45, 0.50, 0.55])
        rng = np.random.default_rng(1)
        reach = [np.sqrt(3.0 / columns) for _, columns in self.shapes]
        return np.concatenate(
            [rng.uniform(-r, r, rows * columns) for r, (rows, columns) in zip(reach, self.shapes)]
        )

    @functools.cached_property
    def data(self) -> tuple[Array, Array]:
        """Features (B, D) and targets (B, K): ±1 for the hinge loss, one-hot for the cross-entropy."""
        if self.is_assignment:
            return np.array([[0.05, 0.10]]), np.array([[0.5, 0.5]])
        if self.loss == "hinge_loss":
            points, labels = moons(self.batch, seed=1)
            return np.array(points), np.array(labels, dtype=float)[:, None]
        rng = np.random.default_rng(2)
        classes = rng.integers(0, self.sizes[-1], self.batch)
        return rng.normal(size=(self.batch, self.sizes[0])), np.eye(self.sizes[-1])[classes]


class Runner(Protocol):
    """A contestant at its task."""

    def start(self) -> None:
        """Back to the weights to begin with."""

    def run(self, steps: int) -> float:
        """So many steps; the value in the last of them, before its update."""

    def result(self) -> Array:
        """The parameters now; where a task has no updates, the gradient."""


MOONS = Task("2-16-16-1, 100", (2, 16, 16, 1), 100, "hinge_loss")
LARGE = Task("784-128-10, 64", (784, 128, 10), 64, "cross_entropy")
TASKS = (
    MOONS,
    Task("2-16-16-1, 1000", (2, 16, 16, 1), 1000, "hinge_loss"),
    Task("64-32-10, 64", (64, 32, 10), 64, "cross_entropy"),
    LARGE,
    Task("784-128-10, 512", (784, 128, 10), 512, "cross_entropy"),
    Task(
        "2-2-2, 1", (2, 2, 2), 1, "half_squared_error", "sigmoid", "sigmoid",
        bias=False, l2=0.0, rate=0.5, updates=False,
    ),
    Task(
        "2-2-2, training", (2, 2, 2), 1, "half_squared_error", "sigmoid", "sigmoid",
        bias=False, l2=0.0, rate=0.5, unit=10_000,
    ),
)  # fmt: skip


# --- the right answer, as the formulas stand ---------------------------------------------------------

ACTIVATIONS = {
    "relu": (lambda z: np.maximum(z, 0.0), lambda a: (a > 0.0) * 1.0),
    "sigmoid": (lambda z: 1.0 / (1.0 + np.exp(-z)), lambda a: a * (1.0 - a)),
    "linear": (lambda z: z, lambda a: np.ones_like(a)),
}
"""An activation, and its derivative in terms of its own output."""


def losses(task: Task, a: Array, t: Array) -> tuple[Array, Array]:
    """The loss of each example, and its derivative with respect to the network's outputs."""
    if task.loss == "hinge_loss":
        margin = 1.0 - t * a
        return np.maximum(margin, 0.0).sum(1), np.where(margin > 0.0, -t, 0.0)
    if task.loss == "half_squared_error":
        return 0.5 * ((t - a) ** 2).sum(1), a - t
    normalizer = np.log(np.exp(a).sum(1, keepdims=True))
    return -(t * (a - normalizer)).sum(1), np.exp(a - normalizer) - t


def value_and_gradient(task: Task, flat: Array) -> tuple[float, Array]:
    """The loss on the whole batch and its gradient, in the plainest numpy."""
    x, t = task.data
    functions = [task.activation] * (len(task.sizes) - 2) + [task.output_activation]
    activations = [x]
    inputs = []
    for matrix, function in zip(task.matrices(flat), functions):
        inputs.append(np.c_[activations[-1], np.ones((task.batch, int(task.bias)))])
        activations.append(ACTIVATIONS[function][0](inputs[-1] @ matrix.T))
    each, upward = losses(task, activations[-1], t)
    adjoint = upward / task.batch
    gradients: list[Array] = []
    for k in reversed(range(len(functions))):
        adjoint = adjoint * ACTIVATIONS[functions[k]][1](activations[k + 1])
        gradients.insert(0, (adjoint.T @ inputs[k]).ravel())
        adjoint = adjoint @ task.matrices(flat)[k][:, : task.sizes[k]]
    value = float(each.mean() + task.l2 * (flat**2).sum())
    return value, np.concatenate(gradients) + 2.0 * task.l2 * flat


def answer(task: Task, steps: int) -> tuple[float, Array]:
    """The value in the last of so many steps, and what `Runner.result` is after it."""
    flat = task.weights.copy()
    value, gradient = value_and_gradient(task, flat)
    if not task.updates:
        return value, gradient
    for _ in range(steps - 1):
        flat -= task.rate * gradient
        value, gradient = value_and_gradient(task, flat)
    return value, flat - task.rate * gradient


def check(task: Task, runner: Runner, name: str, tolerance: float = 1e-9) -> None:
    """Raise where a contestant computes something else than the task."""
    steps = max(3, task.unit)
    runner.start()
    value, result = runner.run(steps), np.asarray(runner.result())
    right_value, right_result = answer(task, steps)
    origin = task.weights if task.updates else 0.0  # of updated weights, what is compared is their change
    size = np.abs(right_result - origin).max()
    first_value, _ = value_and_gradient(task, task.weights)  # a long training ends at a loss of 0
    apart = max(abs(value - right_value) / first_value, np.abs(result - right_result).max() / size)
    if not apart <= tolerance:
        raise ArithmeticError(f"{name} does not compute {task.name}: it is off by {apart:.1e}")
