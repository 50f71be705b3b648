"""The training: one name a step, on a program for each length of name, and two rules that make the step."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from autograd import Program, Value, compile
from nn import GPT

__all__ = ["Progress", "adam", "descent", "held_out_loss", "matrices_of", "train"]

Array = npt.NDArray[np.float64]
Rule = Callable[[Array, float], Array]
"""``rule(gradient, rate)`` is what a step takes away from the parameters."""


def descent(gradient: Array, rate: float) -> Array:
    """η g."""
    return rate * gradient


def adam(count: int, betas: tuple[float, float] = (0.85, 0.99), eps: float = 1e-8) -> Rule:
    """η m̂ / (√v̂ + ε), with the running means m of g and v of g², and m̂, v̂ without their start at 0.

    Source: Kingma and Ba 2015, algorithm 1.
    """
    m, v, taken = np.zeros(count), np.zeros(count), 0
    first, second = betas

    def rule(gradient: Array, rate: float) -> Array:
        nonlocal m, v, taken
        taken += 1
        m = first * m + (1.0 - first) * gradient
        v = second * v + (1.0 - second) * gradient**2
        step: Array = rate * (m / (1.0 - first**taken)) / (np.sqrt(v / (1.0 - second**taken)) + eps)
        return step

    return rule


@dataclass
class Progress:
    """What was seen on the way.

    Attributes
    ----------
    losses : of each name, before its step.
    norms : by matrix the length of its gradient, for each step.
    """

    losses: list[float] = field(default_factory=list)
    norms: dict[str, list[float]] = field(default_factory=dict)


class Programs(dict[int, Program]):
    """By the number of tokens the loss of such a text, compiled when it is first asked for."""

    def __init__(self, model: GPT) -> None:
        super().__init__()
        self.model = model
        self.trained = [p for p in model.parameters() if p.requires_grad]

    def __missing__(self, length: int) -> Program:
        tokens = [Value(0.0, f"token{i}") for i in range(length)]
        self[length] = program = compile(self.model.loss(tokens), self.trained, inputs=tokens)
        return program

    @property
    def numbers(self) -> Array:
        return np.array([p.data for p in self.trained])


def matrices_of(model: GPT) -> dict[str, list[int]]:
    """By the name of each matrix that is trained the places of its numbers among those that are."""
    found: dict[str, list[int]] = {}
    names = [name for name, p in model.named_parameters() if p.requires_grad]
    for place, name in enumerate(names):
        found.setdefault(name.rpartition(".")[0].rstrip("0123456789.") or name, []).append(place)
    return found


def train(model: GPT, texts: Sequence[Sequence[int]], rule: Rule, rate: float) -> Progress:
    """Make a step from each text; the rate falls linearly to 0. What is frozen stays as it is."""
    programs, progress = Programs(model), Progress()
    numbers, matrices = programs.numbers, matrices_of(model)
    for step, text in enumerate(texts):
        value, gradient = programs[len(text)](numbers, np.array([text], float))
        progress.losses.append(value)
        for name, places in matrices.items():
            progress.norms.setdefault(name, []).append(float(np.linalg.norm(gradient[places])))
        numbers -= rule(gradient, rate * (1.0 - step / len(texts)))
    for parameter, number in zip(programs.trained, numbers.tolist()):
        parameter.data = number
    return progress


def held_out_loss(model: GPT, texts: Sequence[Sequence[int]]) -> float:
    """The mean over all letters of −ln P(the letter that follows)."""
    programs, total, letters = Programs(model), 0.0, 0
    for length in sorted(set(map(len, texts))):
        batch = np.array([text for text in texts if len(text) == length], float)
        found = programs[length].evaluate(programs.numbers, batch)
        total += float(found.sum()) * (length - 1)
        letters += (length - 1) * len(batch)
    return total / letters
