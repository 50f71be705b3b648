"""Training one name a step: one compiled program for names of all lengths, and two update rules on arrays."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from autograd import Value, compile, dot
from nn import GPT, cross_entropy

__all__ = ["adam", "descent", "held_out_loss", "matrices_of", "train"]

Array = npt.NDArray[np.float64]
Rule = Callable[[Array, float], Array]
"""``rule(gradient, rate)``, of shape (P,), is subtracted from the parameters."""


def descent(gradient: Array, rate: float) -> Array:
    """η g."""
    return rate * gradient


def adam(count: int, betas: tuple[float, float] = (0.85, 0.99), eps: float = 1e-8) -> Rule:
    """η m̂ / (√v̂ + ε), with the bias-corrected running means m̂ of g and v̂ of g².

    Source: Kingma and Ba 2015, algorithm 1.
    """
    m, v, steps = np.zeros(count), np.zeros(count), 0
    first, second = betas

    def rule(gradient: Array, rate: float) -> Array:
        nonlocal m, v, steps
        steps += 1
        m = first * m + (1.0 - first) * gradient
        v = second * v + (1.0 - second) * gradient**2
        step: Array = rate * (m / (1.0 - first**steps)) / (np.sqrt(v / (1.0 - second**steps)) + eps)
        return step

    return rule


class Padded:
    """The loss of texts of up to `longest` tokens as one program; what follows a text's end has weight 0.

    No position looks at later ones, so the padding changes nothing.
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
        """(P,), the parameters."""
        return np.array([p.data for p in self.trained])

    def batch(self, texts: Sequence[Sequence[int]]) -> Array:
        """(N, 2 T − 1), the tokens, and the weights of the mean over the letters of each text."""
        batch = np.zeros((len(texts), 2 * self.longest - 1))
        for row, text in zip(batch, texts):
            row[: len(text)] = text
            row[self.longest :][: len(text) - 1] = 1.0 / (len(text) - 1)
        return batch


def matrices_of(model: GPT) -> dict[str, list[int]]:
    """By the name of each trained matrix, the indices of its numbers among the trained parameters."""
    found: dict[str, list[int]] = {}
    names = [name for name, p in model.named_parameters() if p.requires_grad]
    for i, name in enumerate(names):
        found.setdefault(name.rpartition(".")[0].rstrip("0123456789.") or name, []).append(i)
    return found


def train(
    model: GPT, texts: Sequence[Sequence[int]], rule: Rule, rate: float
) -> tuple[list[float], dict[str, list[float]]]:
    """Make a step from each text; the rate falls linearly to 0, and frozen parameters stay.

    Returns
    -------
    The loss of each text before its step, and by matrix the norm of its gradient in each step.
    """
    padded, matrices = Padded(model, max(map(len, texts))), matrices_of(model)
    losses: list[float] = []
    norms: dict[str, list[float]] = {name: [] for name in matrices}
    numbers, batch = padded.numbers, padded.batch(texts)
    for step in range(len(texts)):
        value, gradient = padded.program(numbers, batch[step : step + 1])
        losses.append(value)
        for name, places in matrices.items():
            norms[name].append(float(np.linalg.norm(gradient[places])))
        numbers -= rule(gradient, rate * (1.0 - step / len(texts)))
    for parameter, number in zip(padded.trained, numbers.tolist()):
        parameter.data = number
    return losses, norms


def held_out_loss(model: GPT, texts: Sequence[Sequence[int]]) -> float:
    """The mean over all letters of −ln P(the letter that follows)."""
    padded = Padded(model, max(map(len, texts)))
    means = padded.program.evaluate(padded.numbers, padded.batch(texts))[:, 0]  # (N,)
    letters = [len(text) - 1 for text in texts]
    return float(np.average(means, weights=letters))
