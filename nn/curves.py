"""`LossCurve`: what the losses of a training say about its learning rate."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["LossCurve"]

OVERSHOT = 0.1  # share of the first loss: rises that add up to more are an overshoot
STILL = 1e-3  # a loss that stays within this share of itself does not move
ROUNDING = 1e-12  # share of the first loss: a rise to less is rounding
SETTLED = 1e-9  # share of the first loss: a still loss below it has arrived
PLATEAU_SHARE, PLATEAU_EPOCHS = 0.1, 10  # a plateau has at least this share of the epochs, and this many


@dataclass(frozen=True, eq=False)
class LossCurve:
    """The losses of a training, and what follows from them alone. Epochs count from 1.

    Attributes
    ----------
    losses : (E,), the loss of each epoch, at least one. A training that diverged ends there, or with inf or
        nan.

    Raises
    ------
    ValueError : if there are no losses.

    Examples
    --------
    >>> LossCurve([1.0, 0.4, 0.9, 0.1]).rises()
    [3]
    """

    losses: npt.NDArray[np.float64]

    def __post_init__(self) -> None:
        object.__setattr__(self, "losses", np.asarray(self.losses, dtype=np.float64))
        if self.losses.ndim != 1 or not len(self.losses):
            raise ValueError(f"a loss curve needs at least one loss, got shape {self.losses.shape}")

    def verdict(self, goal: float) -> str:
        """The learning rate in a word, the first that holds:

        - *divergent*: a loss is not finite, or the last is above the first;
        - *overshooting*: the curve `overshoots`;
        - *right*: the last loss is at most the goal, where the problem counts as learned;
        - *stuck*: in the second half of the epochs the loss falls by at most a thousandth of itself, on a
          plateau or where no gradient leads away from the start;
        - *too small*: the loss falls, and has not reached the goal.

        Examples
        --------
        >>> LossCurve([1.0, 0.9, 0.8, 0.7]).verdict(goal=0.1), LossCurve([1.0, 0.4, 0.1]).verdict(goal=0.1)
        ('too small', 'right')
        >>> LossCurve([1.0, 0.4, 0.9, 0.1]).verdict(goal=0.1), LossCurve([1.0, 2.0, 4.0]).verdict(goal=0.1)
        ('overshooting', 'divergent')
        """
        first, half, last = self.losses[0], self.losses[len(self.losses) // 2], self.losses[-1]
        if not np.all(np.isfinite(self.losses)) or last > first:
            return "divergent"
        if self.overshoots:
            return "overshooting"
        if last <= goal:
            return "right"
        if half - last <= STILL * abs(half):
            return "stuck"
        return "too small"

    @property
    def overshoots(self) -> bool:
        """Whether the rises between epochs add up to more than a tenth of the first loss."""
        with np.errstate(invalid="ignore", over="ignore"):  # inf - inf is no rise
            rises = np.nansum(np.maximum(np.diff(self.losses), 0.0))
        return bool(rises > OVERSHOT * abs(self.losses[0]))

    def rises(self) -> list[int]:
        """The epochs whose loss is above the previous one by more than rounding."""
        before, after = self.losses[:-1], self.losses[1:]
        real = (after > before + 1e-9 * np.abs(before)) & (np.abs(after) > ROUNDING * abs(self.losses[0]))
        return [int(index) + 2 for index in np.flatnonzero(real)]

    def peak(self) -> int:
        """The epoch of the highest loss after the first update; a ValueError for a single epoch."""
        if len(self.losses) < 2:
            raise ValueError("a peak needs a loss after the first update, but the curve has only one loss")
        return int(np.argmax(self.losses[1:])) + 2

    def updates_to(self, fraction: float) -> int | None:
        """The number of epochs after which the loss is at most this fraction of the first; None for never."""
        reached = np.flatnonzero(self.losses <= fraction * self.losses[0])
        return int(reached[0]) if len(reached) else None

    def plateau(self) -> tuple[int, int] | None:
        """The first and the last epoch of the longest stretch in which the loss does not move.

        None if it is shorter than ten epochs or a tenth of all. Below a billionth of the first loss there is
        no plateau: that is as good as 0.
        """
        longest, start, losses = (0, -1), 0, self.losses.tolist()
        for end in range(1, len(losses) + 1):
            level = abs(losses[start])
            if end < len(losses) and abs(losses[end] - losses[start]) <= STILL * level < math.inf:
                continue
            if end - 1 - start > longest[1] - longest[0] and level > SETTLED * abs(losses[0]):
                longest = (start, end - 1)
            start = end
        if longest[1] - longest[0] + 1 < max(PLATEAU_EPOCHS, PLATEAU_SHARE * len(losses)):
            return None
        return longest[0] + 1, longest[1] + 1
