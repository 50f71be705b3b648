"""Trainings, as the parameters of each epoch."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..engine.replay import Passes
from ..engine.value import Value
from .columns import Floats

__all__ = ["Run", "descent"]


@dataclass(frozen=True, eq=False)
class Run:
    """A training for `explore` to show, frame by frame.

    Attributes
    ----------
    label : its name on the page, such as ``η = 0.5``.
    epochs : the number of epochs before each frame, (F,), ascending.
    parameters : the parameters in each frame, (F, P).
    after : the parameters after the update that follows each frame, (F, P).
    losses : the loss of every epoch from 0 to the last, (E,).
    lr : the learning rate η of w ← w − η ∂E/∂w; None for another update.
    gradients : the gradients of the updates, (F, P), such as means over many examples; None if they are those
        of the graph.
    update : another update than plain descent in words: ``Adam, 4 mini-batches``.
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
    weights = np.array([weight.data for weight in wrt], float)
    kept, before, after, losses = [], [], [], []
    for epoch in range(epochs + 1):
        now = passes.run(dict(zip(wrt, weights.tolist(), strict=True)))
        grads = np.array([0.0 if place is None else now.grads[place] for place in places], float)
        with np.errstate(all="ignore"):
            updated = weights - lr * grads
        losses.append(now.data[-1])
        ended = not math.isfinite(losses[-1])
        if epoch in shown or ended:
            kept.append(epoch)
            before.append(weights)
            after.append(updated)
        if ended:
            break
        weights = updated
    return Run(f"η = {lr:g}", kept, np.array(before), np.array(after), losses, lr)
