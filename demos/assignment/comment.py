"""A comment on what the learning rates do, computed from their loss curves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from nn import LossCurve

__all__ = ["Curve", "comment", "spelled"]


@dataclass(frozen=True, eq=False)
class Curve(LossCurve):
    """The finite losses (E,) of the epochs with one learning rate, each before its update.

    Attributes
    ----------
    rate : the learning rate η > 0.
    steepest : (E,), the largest |∂E/∂w| of each epoch.
    """

    rate: float
    steepest: npt.NDArray[np.float64]

    @property
    def name(self) -> str:
        return f"η = {spelled(self.rate)}"


def spelled(rate: float) -> str:
    """A learning rate as courses write it: 0.1, 2.0, 100."""
    return repr(rate) if abs(rate) < 10.0 else f"{rate:g}"


def comment(ordinary: Sequence[Curve], large: Sequence[Curve]) -> list[str]:
    """A paragraph on the ordinary rates, and one on each large rate; all from the same start."""
    epochs = max(len(curve.losses) for curve in [*ordinary, *large])
    if epochs < 2:
        return ["With one epoch there is nothing to compare: every curve is one point."]
    if ordinary[0].losses[0] == 0.0:
        return ["The loss is 0 from the start: no learning rate has anything to do."]
    return [_speed(ordinary, epochs), *(_behaviour(curve, epochs) for curve in large)]


def _speed(curves: Sequence[Curve], epochs: int) -> str:
    """The slowest and the fastest rate, the time each takes, and the rates that overshoot."""
    by_loss = sorted(curves, key=lambda curve: (curve.losses[-1], -curve.rate))
    best, worst = by_loss[0], by_loss[-1]
    sentences = [f"All start from the same weights, at E = {curves[0].losses[0]:.4g}."]
    times = [curve.updates_to(0.1) for curve in curves]
    if any(times):
        never = f"more than {epochs}"
        told = [f"{never if time is None else time} at {curve.name}" for curve, time in zip(curves, times)]
        sentences.append(f"Updates until the loss is a tenth of that: {', '.join(told)}.")
    else:
        sentences.append(f"None of them brings the loss down to a tenth of that in {epochs} epochs.")
    products = [curve.rate * time for curve, time in zip(curves, times) if time is not None]
    if len(products) == len(curves) and max(products) <= 1.25 * min(products):
        sentences.append(
            f"Rate times updates is about {np.mean(products):.2g} each time: twice the rate, half the wait."
        )
    sentences.append(
        f"In epoch {epochs} the slowest is {worst.name} with E = {worst.losses[-1]:.3g} "
        f"and the fastest {best.name} with E = {best.losses[-1]:.3g}."
    )
    overshooting = [curve for curve in curves if curve.overshoots]
    largest = max(curves, key=lambda curve: curve.rate).name
    if overshooting:
        sentences += [_behaviour(curve, epochs) for curve in overshooting]
    elif any(curve.rises() for curve in curves):
        sentences.append(
            f"Up to {largest} nothing overshoots: the rises of a curve add up to less than a tenth of its "
            "first loss."
        )
    else:
        sentences.append(f"Up to {largest} no epoch's loss is above the one before: nothing overshoots.")
    stuck = [curve for curve in curves if curve not in overshooting and curve.plateau()]
    return " ".join([*sentences, *(_sticking(curve, epochs, curve.name) for curve in stuck)])


def _behaviour(curve: Curve, epochs: int) -> str:
    """Whether a rate overshoots, sticks or breaks down."""
    sentences = []
    losses, rises = curve.losses, curve.rises()
    first = losses[0]
    if curve.overshoots:
        peak, rise = curve.peak(), rises[0]
        top = losses[peak - 1]
        sentences.append(
            f"{curve.name} overshoots: the loss climbs from {first:.3g} to {top:.3g} "
            f"in epoch {peak}, {top / first:.2g} times what it started from."
            if top > first
            else f"{curve.name} overshoots: after falling to {losses[rise - 2]:.3g} the loss rises to "
            f"{losses[rise - 1]:.3g} in epoch {rise}."
        )
    elif len(losses) > 1:
        sentences.append(
            f"{curve.name} does not overshoot here: the loss goes from {first:.3g} to {losses[1]:.3g} in one "
            f"update and {'rises by less than a tenth of that in all' if rises else 'never rises'}."
        )
    if curve.plateau():
        sentences.append(_sticking(curve, epochs, "It" if sentences else curve.name))
    elif rises and len(losses) == epochs:
        sentences.append(f"It ends at {losses[-1]:.3g} in epoch {epochs}.")
    if len(losses) < epochs:
        sentences.append(
            f"{curve.name} breaks down: from epoch {len(losses) + 1} on the loss is not a finite number."
        )
    return " ".join(sentences)


def _sticking(curve: Curve, epochs: int, subject: str) -> str:
    """The epochs in which the loss does not move, and the reason."""
    start, end = curve.plateau() or (1, epochs)
    level = curve.losses[start - 1]
    gradient = float(np.median(curve.steepest[start - 1 : end]))
    text = f"{subject} sticks at E = {level:.3g} from epoch {start} to {end}: "
    # A weight's partial is (a − t) · a (1 − a) · input, and a − t is not small.
    if gradient < 1e-3 * np.sqrt(level):
        text += "the sigmoids are saturated, their slope a (1 − a) is almost 0, and "
    text += f"the largest |∂E/∂w| is about {gradient:.1g}"
    if gradient * curve.rate < 0.01:
        text += f", so that a typical update moves no weight by more than {gradient * curve.rate:.1g}"
    if end < epochs:
        text += f". Then it comes loose, and ends at {curve.losses[-1]:.3g}"
    return f"{text}."
