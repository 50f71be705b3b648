"""The training: one name a step, one program for names of all lengths, and two rules that make the step."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from autograd import Value, compile, dot
from nn import GPT, cross_entropy

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


class Padded:
    """The loss of texts of up to so many tokens as one program: what is behind a text's end weighs nothing.

    No position looks at later ones, so what stands there changes nothing.
    """

    def __init__(self, model: GPT, longest: int) -> None:
        self.trained = [p for p in model.parameters() if p.requires_grad]
        tokens = [Value(0.0, f"token{i}") for i in range(longest)]
        weights = [Value(0.0, f"weight{i}") for i in range(longest - 1)]
        surprises = cross_entropy(model(tokens[:-1]), tokens[1:], reduction="none")
        self.longest = longest
        self.program = compile(dot(weights, surprises), self.trained, inputs=[*tokens, *weights])

    @property
    def numbers(self) -> Array:
        return np.array([p.data for p in self.trained])

    def batch(self, texts: Sequence[Sequence[int]]) -> Array:
        """Their tokens, and the weights of the mean over the letters of each, (N, 2 T − 1)."""
        batch = np.zeros((len(texts), 2 * self.longest - 1))
        for row, text in zip(batch, texts):
            row[: len(text)] = text
            row[self.longest :][: len(text) - 1] = 1.0 / (len(text) - 1)
        return batch


def matrices_of(model: GPT) -> dict[str, list[int]]:
    """By the name of each matrix that is trained the places of its numbers among those that are."""
    found: dict[str, list[int]] = {}
    names = [name for name, p in model.named_parameters() if p.requires_grad]
    for place, name in enumerate(names):
        found.setdefault(name.rpartition(".")[0].rstrip("0123456789.") or name, []).append(place)
    return found


def train(model: GPT, texts: Sequence[Sequence[int]], rule: Rule, rate: float) -> Progress:
    """Make a step from each text; the rate falls linearly to 0. What is frozen stays as it is."""
    padded, progress = Padded(model, max(map(len, texts))), Progress()
    numbers, matrices = padded.numbers, matrices_of(model)
    batch = padded.batch(texts)
    for step in range(len(texts)):
        value, gradient = padded.program(numbers, batch[step : step + 1])
        progress.losses.append(value)
        for name, places in matrices.items():
            progress.norms.setdefault(name, []).append(float(np.linalg.norm(gradient[places])))
        numbers -= rule(gradient, rate * (1.0 - step / len(texts)))
    for parameter, number in zip(padded.trained, numbers.tolist()):
        parameter.data = number
    return progress


def held_out_loss(model: GPT, texts: Sequence[Sequence[int]]) -> float:
    """The mean over all letters of −ln P(the letter that follows)."""
    padded = Padded(model, max(map(len, texts)))
    means = padded.program.evaluate(padded.numbers, padded.batch(texts))[:, 0]  # (N,)
    letters = [len(text) - 1 for text in texts]
    return float(np.average(means, weights=letters))
