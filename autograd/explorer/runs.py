"""Trainings, as the numbers that the parameters took."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..engine.replay import Passes
from ..engine.value import Value
from .columns import Floats

__all__ = ["Run", "descent"]


@dataclass(frozen=True, eq=False)
class Run:
    """A training to be shown by `explore`, frame by frame.

    Attributes
    ----------
    label : what the page calls it, such as ``η = 0.5``.
    epochs : the epoch of each frame, (F,), ascending: how many had passed.
    parameters : the parameters in each frame, (F, P).
    after : the parameters after the update that follows each frame, (F, P).
    losses : the loss of every epoch from 0 to the last, also of those that are no frame.
    lr : the learning rate η, if the update is w ← w − η ∂E/∂w; None for any other.
    gradients : the gradients that the update was made with, (F, P), where they are not those of the graph:
        the mean over many examples, for one; None where they are.
    update : in words, where it is not plain descent: ``Adam, 4 mini-batches``.
    """

    label: str
    epochs: Sequence[int]
    parameters: Floats
    after: Floats
    losses: Sequence[float]
    lr: float | None = None
    gradients: Floats | None = None
    update: str = ""

    def __post_init__(self) -> None:
        shape = np.shape(self.parameters)
        for name in ("parameters", "after", "gradients"):
            array = getattr(self, name)
            if array is not None and (np.ndim(array) != 2 or np.shape(array) != shape):
                raise ValueError(f"a Run's {name} must be (frames, parameters), got shape {np.shape(array)}")
        if len(self.epochs) != shape[0] or not len(self.epochs) or len(self.losses) <= self.epochs[-1]:
            raise ValueError(
                f"a Run needs an epoch for each of its {shape[0]} frames and a loss for every epoch, "
                f"got {len(self.epochs)} epochs and {len(self.losses)} losses"
            )

    @staticmethod
    def kept(epochs: int, frames: int) -> list[int]:
        """At most `frames` epochs from 0 to `epochs`, evenly spread, with both ends.

        Examples
        --------
        >>> Run.kept(100, 5), Run.kept(3, 101)
        ([0, 25, 50, 75, 100], [0, 1, 2, 3])
        """
        if frames < 2:
            raise ValueError(f"frames must be at least 2, got {frames}")
        if epochs < frames:
            return list(range(epochs + 1))
        return sorted({round(epochs * place / (frames - 1)) for place in range(frames)})


def descent(passes: Passes, wrt: Sequence[Value], lr: float, epochs: int, frames: int) -> Run:
    """Gradient descent on the graph, w ← w − η ∂E/∂w; it ends at a loss that is not finite."""
    shown = set(Run.kept(epochs, frames))
    places = [passes.index.get(weight) for weight in wrt]
    weights = [weight.data for weight in wrt]
    found: list[Any] = []
    losses: list[float] = []
    for epoch in range(epochs + 1):
        now = passes.run(dict(zip(wrt, weights, strict=True)))
        losses.append(now.data[-1])
        ended = not math.isfinite(now.data[-1])
        grads = [0.0 if place is None else now.grads[place] for place in places]
        updated = [weight - lr * grad for weight, grad in zip(weights, grads, strict=True)]
        if epoch in shown or ended:
            found.append((epoch, weights, updated))
        if ended:
            break
        weights = updated
    numbers, before, after = zip(*found, strict=True)
    shape = (len(found), len(wrt))
    return Run(
        label=f"η = {lr:g}",
        epochs=list(numbers),
        parameters=np.array(before, dtype=np.float64).reshape(shape),
        after=np.array(after, dtype=np.float64).reshape(shape),
        losses=losses,
        lr=lr,
    )
