"""What learning rates do, told from their loss curves: every word of the comment is computed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["Curve", "comment", "spelled"]

RISE = 1e-12  # of the first loss: a rise to less than this is rounding
LEVEL = 1e-3  # a loss that stays within this fraction of itself does not move
SHARE = 0.1  # for this share of the epochs, and at least
EPOCHS = 10  # this many, to be called stuck; and at a loss above
SETTLED = 1e-9  # of the first one, or else it has simply arrived


@dataclass(frozen=True, eq=False)
class Curve:
    """The loss of each epoch, before its update, while training with one learning rate.

    Attributes
    ----------
    rate : the learning rate η > 0.
    losses : E_total of epoch 1, 2, ...: at least one number. It ends early where the loss stopped
        being finite.
    slopes : the largest |∂E/∂w| of the same epochs.
    """

    rate: float
    losses: npt.NDArray[np.float64]
    slopes: npt.NDArray[np.float64]

    def epochs_to(self, fraction: float) -> int | None:
        """After how many updates the loss is at most this fraction of the first one; None for never."""
        reached = np.flatnonzero(self.losses <= fraction * self.losses[0])
        return int(reached[0]) if len(reached) else None

    def rises(self) -> list[int]:
        """The epochs whose loss is higher than that of the epoch before, by more than rounding."""
        before, after = self.losses[:-1], self.losses[1:]
        real = (after > before * (1.0 + 1e-9)) & (after > RISE * self.losses[0])
        return [int(index) + 2 for index in np.flatnonzero(real)]

    def peak(self) -> int:
        """The epoch of the highest loss after the first update."""
        return int(np.argmax(self.losses[1:])) + 2

    def stuck(self) -> tuple[int, int] | None:
        """The first and last epoch of the longest stretch in which the loss does not move, if it sticks."""
        longest, start = (0, -1), 0
        for end in range(1, len(self.losses) + 1):
            level = self.losses[start]
            if end < len(self.losses) and abs(self.losses[end] - level) <= LEVEL * level:
                continue
            if end - 1 - start > longest[1] - longest[0] and level > SETTLED * self.losses[0]:
                longest = (start, end - 1)
            start = end
        length = longest[1] - longest[0] + 1
        if length < max(EPOCHS, SHARE * len(self.losses)):
            return None
        return longest[0] + 1, longest[1] + 1


def spelled(rate: float) -> str:
    """A learning rate as courses write it: 0.1, 2.0, 100."""
    return repr(rate) if abs(rate) < 10.0 else f"{rate:g}"


def comment(ordinary: Sequence[Curve], large: Sequence[Curve]) -> list[str]:
    """What the curves show, in sentences: who is slow, who fast, who overshoots, who sticks.

    Parameters
    ----------
    ordinary : curves of the rates that are compared with one another, from the same start.
    large : curves of rates well above them.

    Returns
    -------
    A paragraph on the ordinary rates, and one on each of the large ones.
    """
    epochs = max(len(curve.losses) for curve in [*ordinary, *large])
    if epochs < 2:
        return ["With one epoch there is nothing to compare: every curve is one point."]
    if ordinary[0].losses[0] == 0.0:
        return ["The loss is 0 from the start: no learning rate has anything to do."]
    return [_speed(ordinary, epochs), *(_behaviour(curve, epochs) for curve in large)]


def _speed(curves: Sequence[Curve], epochs: int) -> str:
    """The slowest and the fastest, the time each takes, and whether any of them overshoots."""
    by_loss = sorted(curves, key=lambda curve: (curve.losses[-1], -curve.rate))
    best, worst = by_loss[0], by_loss[-1]
    sentences = [f"All start from the same weights, at E = {curves[0].losses[0]:.4g}."]

    times = {curve.rate: curve.epochs_to(0.1) for curve in curves}
    told = [f"{epochs if time is None else time} at η = {spelled(rate)}" for rate, time in times.items()]
    told = [(f"more than {text}" if time is None else text) for text, time in zip(told, times.values())]
    if all(time is None for time in times.values()):
        sentences.append(f"None of them brings the loss down to a tenth of that in {epochs} epochs.")
    else:
        sentences.append(f"Updates until the loss is a tenth of that: {', '.join(told)}.")
    products = [rate * time for rate, time in times.items() if time is not None]
    if len(products) == len(curves) and max(products) <= 1.25 * min(products):
        sentences.append(
            f"Rate times updates is about {np.mean(products):.2g} each time: twice the rate, half the wait."
        )
    sentences.append(
        f"In epoch {epochs} the slowest is η = {spelled(worst.rate)} with E = {worst.losses[-1]:.3g} "
        f"and the fastest η = {spelled(best.rate)} with E = {best.losses[-1]:.3g}."
    )
    rising = [curve for curve in curves if curve.rises()]
    if rising:
        sentences += [_behaviour(curve, epochs) for curve in rising]
    else:
        largest = max(curve.rate for curve in curves)
        sentences.append(
            f"Up to η = {spelled(largest)} no epoch's loss is above the one before: nothing overshoots."
        )
    sentences += [
        _sticking(curve, epochs) for curve in curves if curve not in rising and curve.stuck() is not None
    ]
    return " ".join(sentences)


def _behaviour(curve: Curve, epochs: int) -> str:
    """Whether one rate overshoots, sticks, breaks down, or does nothing of the sort."""
    sentences = []
    first, last = curve.losses[0], curve.losses[-1]
    rises = curve.rises()
    if rises:
        peak = curve.peak()
        top = curve.losses[peak - 1]
        if top > first:
            sentences.append(
                f"η = {spelled(curve.rate)} overshoots: the loss climbs from {first:.3g} to {top:.3g} "
                f"in epoch {peak}, {top / first:.2g} times what it started from."
            )
        else:
            low, high = curve.losses[rises[0] - 2], curve.losses[rises[0] - 1]
            sentences.append(
                f"η = {spelled(curve.rate)} overshoots: after falling to {low:.3g} the loss rises to "
                f"{high:.3g} "
                f"in epoch {rises[0]}."
            )
    elif len(curve.losses) > 1:
        sentences.append(
            f"η = {spelled(curve.rate)} does not overshoot here: the loss goes from {first:.3g} "
            f"to {curve.losses[1]:.3g} in one update and never rises."
        )
    if curve.stuck() is not None:
        sentences.append(_sticking(curve, epochs, "It" if sentences else ""))
    elif rises and len(curve.losses) == epochs:
        sentences.append(f"It ends at {last:.3g} in epoch {epochs}.")
    if len(curve.losses) < epochs:
        sentences.append(
            f"η = {spelled(curve.rate)} breaks down: from epoch {len(curve.losses) + 1} on "
            "the loss is not a finite number."
        )
    return " ".join(sentences)


def _sticking(curve: Curve, epochs: int, subject: str = "") -> str:
    """From when to when the loss does not move, and why."""
    stretch = curve.stuck()
    assert stretch is not None
    start, end = stretch
    level = curve.losses[start - 1]
    slope = float(np.median(curve.slopes[start - 1 : end]))
    text = (
        f"{subject or f'η = {spelled(curve.rate)}'} sticks at E = {level:.3g} from epoch {start} to {end}: "
    )
    # A weight's slope is (a − t) · a (1 − a) · input, and there is nothing small about a − t.
    if slope < 1e-3 * np.sqrt(level):
        text += "the sigmoids are saturated, their slope a (1 − a) is almost 0, and "
    text += f"the largest |∂E/∂w| is about {slope:.1g}"
    if slope * curve.rate < 0.01:
        text += f", so that a typical update moves no weight by more than {slope * curve.rate:.1g}"
    if end == epochs:
        return text + "."
    return text + f". Then it comes loose, and ends at {curve.losses[-1]:.3g}."
