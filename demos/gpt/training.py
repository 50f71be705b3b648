"""Training one name a step with `fit`, and what judges it."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence

import numpy as np

from autograd import grad, mean
from nn import GPT, History, LinearLR, Optimizer, fit

__all__ = ["gradient_norms", "held_out_loss", "train"]

Texts = Sequence[Sequence[int]]


def train(model: GPT, texts: Texts, optimizer: Callable[..., Optimizer], rate: float) -> History:
    """Make a step from each text; the rate falls linearly to 0. What is frozen stays as it is."""
    return fit(
        model,
        [text[:-1] for text in texts],
        [text[1:] for text in texts],
        loss="cross_entropy",
        optimizer=functools.partial(optimizer, lr=rate),
        epochs=1,
        batch_size=1,
        shuffle=False,
        schedule=functools.partial(LinearLR, start_factor=1.0, end_factor=0.0, total_iters=len(texts)),
        schedule_interval="update",
        progress=False,
    )


def held_out_loss(model: GPT, texts: Texts) -> float:
    """The mean over all letters of −ln P(the letter that follows)."""
    sizes = np.array(list(map(len, texts)))
    tokens = np.array([[*text, *text[-1:] * (sizes.max() - len(text))] for text in texts])  # (N, T + 1)
    scores = model.predict(tokens[:, :-1])  # (N, T, V); no position looks at later ones
    logs = scores - np.logaddexp.reduce(scores, axis=-1, keepdims=True)
    found = np.take_along_axis(logs, tokens[:, 1:, None], axis=-1)[:, :, 0]
    return -float(found[np.arange(1, sizes.max()) < sizes[:, None]].mean())


def gradient_norms(model: GPT, texts: Texts) -> dict[str, float]:
    """By the name of each trained matrix, the gradient norm of the mean loss over some texts."""
    named = {name: p for name, p in model.named_parameters() if p.requires_grad}
    gradient = grad(mean([model.loss(text) for text in texts]), list(named.values()))
    squares: dict[str, float] = {}
    for name, slope in zip(named, gradient, strict=True):
        matrix = name.rpartition(".")[0].rstrip("0123456789.")
        squares[matrix] = squares.get(matrix, 0.0) + slope**2
    return {matrix: square**0.5 for matrix, square in squares.items()}
