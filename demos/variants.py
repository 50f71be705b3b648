"""Batch, stochastic and mini-batch gradient descent, and the optimizers, as paths on one loss surface.

    python -m demos variants --out out/variants

A line ŷ = w x + b is fitted to points. The loss is a surface over the plane of w and b, and a training is a
path down into its valley. You will see

1. batch, stochastic and mini-batch gradient descent from the same start, over the same number of epochs:
   their loss by epochs and by updates, and their paths;
2. momentum, Nesterov's momentum, Adagrad, RMSprop and Adam beside plain gradient descent, in a long and
   narrow valley.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from autograd import Value, mean
from nn import MLP, SGD, Adagrad, Adam, Optimizer, RMSprop, batches, mse_loss, plots

from .shared import page
from .shared.report import Report, demo

Array = npt.NDArray[np.float64]
Maker = Callable[[list[Value]], Optimizer]

SLOPE, INTERCEPT, NOISE = 0.8, -0.5, 0.3
NAMES = ("slope w", "intercept b")


# --- the surface -------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Points:
    """N points (x, y), to be fitted by ŷ = w x + b."""

    x: Array  # (N,)
    y: Array  # (N,)

    @classmethod
    def drawn(cls, n: int, low: float, high: float, rng: np.random.Generator) -> Points:
        """n points around the line, with x evenly from `low` to `high`."""
        x = np.linspace(low, high, n)
        return cls(x, SLOPE * x + INTERCEPT + rng.normal(0.0, NOISE, n))

    def loss(self, w: Array, b: Array) -> Array:
        """(1/N) Σ (w xᵢ + b − yᵢ)², for arrays of w and b."""
        with np.errstate(all="ignore"):  # a diverging training leaves the finite numbers
            errors = np.multiply.outer(w, self.x) + np.asarray(b)[..., None] - self.y
            return np.asarray(np.mean(errors**2, axis=-1))

    @property
    def design(self) -> Array:
        """(N, 2), a row (xᵢ, 1) for each point."""
        return np.column_stack([self.x, np.ones_like(self.x)])

    def best(self) -> Array:
        """(2,), the w and b of the least loss, by least squares."""
        return np.asarray(np.linalg.lstsq(self.design, self.y, rcond=None)[0], dtype=np.float64)

    def least(self) -> float:
        """The least loss."""
        return float(self.loss(*self.best()))

    def steepness(self) -> float:
        """The condition number of the surface: its curvature across the valley, over that along it."""
        return float(np.linalg.cond(self.design)) ** 2


# --- gradient descent --------------------------------------------------------------------------------


def descend(
    points: Points,
    start: tuple[float, float],
    optimizer: Maker,
    epochs: int,
    batch_size: int | None,
    seed: int,
) -> Array:
    """The path (U + 1, 2): w and b at the start and after each of the U updates."""
    line = MLP(1, [1])  # one linear neuron
    w, b = parameters = line.parameters()
    w.data, b.data = start
    optimize = optimizer(parameters)
    order = np.random.default_rng(seed)
    path = [start]
    for _ in range(epochs):
        for batch in batches(len(points.x), batch_size, seed=order):
            loss = mean([mse_loss(line([points.x[i]]), points.y[i]) for i in batch])
            optimize.zero_grad()
            loss.backward()
            optimize.step()
            path.append((w.data, b.data))
    return np.array(path)


@dataclass(frozen=True, eq=False)
class Descent:
    """A path, and the loss on all points along it, less the least loss."""

    name: str
    path: Array  # (U + 1, 2)
    excess: Array  # (U + 1,)

    @classmethod
    def along(cls, name: str, path: Array, points: Points) -> Descent:
        return cls(name, path, points.loss(*path.T) - points.least())

    @property
    def updates(self) -> int:
        return len(self.path) - 1

    def arrives(self, level: float) -> float:
        """The number of updates after which the excess stays below a level; inf if it does not."""
        above = np.flatnonzero(~(self.excess < level))
        first = int(above[-1]) + 1 if len(above) else 0
        return first if first <= self.updates else math.inf

    def hovers(self) -> float:
        """The mean excess over the last quarter of the updates."""
        return float(self.excess[-self.updates // 4 :].mean())


# --- 1 batch, stochastic, mini-batch -----------------------------------------------------------------

VARIANTS = {"batch": None, "mini-batches of 8": 8, "stochastic": 1}
VARIANT_START, VARIANT_RATE = (-1.2, 2.2), 0.15


def compare_variants(points: Points, epochs: int, seed: int) -> list[Descent]:
    """Each variant from the same start, with the same rate, over the same epochs."""
    rate = partial(SGD, lr=VARIANT_RATE)
    return [
        Descent.along(name, descend(points, VARIANT_START, rate, epochs, size, seed), points)
        for name, size in VARIANTS.items()
    ]


# --- 2 the optimizers --------------------------------------------------------------------------------

# No rate suits all of them, so each tries several, and is shown with the one that ends lowest.

METHODS: dict[str, Callable[..., Optimizer]] = {
    "gradient descent": SGD,
    "momentum": partial(SGD, momentum=0.9),
    "Nesterov": partial(SGD, momentum=0.9, nesterov=True),
    "Adagrad": Adagrad,
    "RMSprop": partial(RMSprop, alpha=0.9),
    "Adam": Adam,
}
METHOD_START, METHOD_RATES = (2.5, -2.5), (0.03, 0.1, 1.0, 0.01, 0.3)  # --quick tries the first three
UPDATES = 150
CLOSE = 0.01  # a training has arrived when its loss stays within this share of the least


def best_of_rates(name: str, points: Points, rates: Sequence[float]) -> tuple[float, Descent]:
    """The rate that ends lowest, and the training with it."""

    def training(rate: float) -> Descent:
        path = descend(points, METHOD_START, partial(METHODS[name], lr=rate), UPDATES, None, 0)
        return Descent.along(name, path, points)

    trainings = {rate: training(rate) for rate in rates}
    best = min(rates, key=lambda rate: np.nan_to_num(trainings[rate].excess[-1], nan=np.inf))
    return best, trainings[best]


# --- the demo ----------------------------------------------------------------------------------------


def work(given: dict[str, Any], folder: Path) -> None:
    quick, seed = given["quick"], given["seed"]
    report = Report(
        folder,
        "Variants of gradient descent, as paths on one surface",
        "A line `ŷ = w x + b` is fitted to points. Its loss, the mean of `(ŷ − y)²`, depends on `w` and "
        "`b` alone: it is a surface over a plane, and can be drawn as it is. A training is a path on it. "
        "The least loss is known, by least squares, so every curve shows the loss above it.",
    )
    epochs = 25 if quick else 40
    points = Points.drawn(24 if quick else 48, -1.0, 2.0, np.random.default_rng(seed))
    variants = compare_variants(points, epochs, seed)
    tell_variants(report, points, variants, epochs)

    valley = Points.drawn(8 if quick else 20, 1.0, 4.0, np.random.default_rng(seed))
    rates = sorted(METHOD_RATES[:3] if quick else METHOD_RATES)
    methods = [best_of_rates(name, valley, rates) for name in METHODS]
    tell_methods(report, valley, methods, rates)
    report.close()
    check(points, variants, valley, methods)


def tell_variants(report: Report, points: Points, variants: Sequence[Descent], epochs: int) -> None:
    """The first section of the page."""
    count = len(points.x)
    report.section(
        "Batch, stochastic, mini-batch",
        f"There are {count} points. Batch gradient descent takes the gradient of the loss on all of them: "
        f"one update in an epoch. Stochastic gradient descent takes one point at a time: {count} updates. "
        "Mini-batches are in between. All three begin at the same place, have the same learning rate, "
        f"{VARIANT_RATE}, and see the data {epochs} times.",
        "By epochs, which measure the work, stochastic descent falls fastest: by the end of the first it "
        f"has made {count} updates, and batch gradient descent one. Then it gets no closer: each point pulls "
        "towards a line of its own. Batch gradient descent never goes up, and passes it in the end. By "
        "updates the three hardly differ until they are near: an update from all points is worth no more "
        f"than one from a single point, and costs {count} times as much.",
    )
    by_epochs = {each.name: (range(epochs + 1), each.excess[:: each.updates // epochs]) for each in variants}
    by_updates = {each.name: (np.arange(1, each.updates + 1), each.excess[1:]) for each in variants}
    panels = [
        plots.Panel("By epochs", "epochs", by_epochs),
        plots.Panel("By updates", "updates (logarithmic)", by_updates, xscale="log"),
    ]
    report.show(
        "loss",
        plots.curves(panels, "loss above the least", floor=1e-5),
        "The loss of batch, mini-batch and stochastic gradient descent, twice. By epochs the stochastic "
        "curve drops in the first and then jitters, while the batch curve falls smoothly until it is "
        "below. By updates the three fall together, the batch curve without a jitter, and the "
        "stochastic curve goes on jittering long after the batch curve has ended.",
        "The same three trainings: the loss at the end of each epoch, and after each update.",
    )
    report.table(
        ["", "updates", "1 epoch", "last quarter"],
        [
            [each.name, f"{each.updates}", _small(each.excess[each.updates // epochs]), _small(each.hovers())]
            for each in variants
        ],
        "The loss above the least, after one epoch and in the mean of the last quarter",
    )
    report.show(
        "paths",
        plots.walks(
            points.loss,
            [plots.Walk(f"{each.name}: {each.updates} updates", each.path) for each in variants],
            points.best(),
            NAMES,
        ),
        "Three paths down the same valley, from the same start. That of batch gradient descent is a smooth "
        "curve, that of mini-batches staggers, and that of stochastic gradient descent ends in a cloud of "
        "points around the least loss.",
        "The paths, on level curves of the loss; a dot for each update.",
    )


def tell_methods(
    report: Report, valley: Points, methods: Sequence[tuple[float, Descent]], rates: Sequence[float]
) -> None:
    """The second section of the page."""
    report.section(
        "Momentum, Nesterov, Adagrad, RMSprop, Adam",
        "Now x lies between 1 and 4, far from 0, so that a steeper line with a lower intercept is almost as "
        f"good: the valley is long and narrow. Its curvature is {valley.steepness():.0f} times as large "
        "across as along. A rate that is not too large for the walls is small for the floor.",
        "Momentum gathers speed along the floor, and swings past the end; Nesterov's looks ahead and brakes. "
        "Adagrad, RMSprop and Adam divide each parameter's gradient by the size of its own past ones. That "
        "helps where one parameter is steep and the other flat; this valley lies askew, and they follow "
        "it at a slant. RMSprop, whose steps stay about as large as its rate, does not come to rest.",
    )
    report.show(
        "optimizers",
        plots.walks(
            valley.loss,
            [plots.Walk(f"{each.name}, η = {rate:g}", each.path) for rate, each in methods],
            valley.best(),
            NAMES,
        ),
        "Six paths through a narrow, slanting valley. Gradient descent drops to its floor and creeps along; "
        "momentum swings past the least loss and back; Nesterov's method swings less.",
        f"{UPDATES} updates each, from the same start, with the best of the rates "
        f"{', '.join(f'{rate:g}' for rate in rates)}.",
    )
    lines = {each.name: (np.arange(each.updates + 1), each.excess) for _, each in methods}
    report.show(
        "optimizers_loss",
        plots.curves([plots.Panel("By updates", "updates", lines)], "loss above the least", floor=1e-8),
        "The loss of the six methods by updates: Nesterov's method is the first to be far down.",
        "The loss of each method above the least, logarithmic.",
    )
    rows = []
    for rate, each in methods:
        arrival = each.arrives(CLOSE * valley.least())
        told = f"more than {each.updates}" if arrival == math.inf else f"{arrival}"
        rows.append([each.name, f"{rate:g}", told, _small(each.excess[-1])])
    header = ["method", "rate", "updates to within 1 %", "finally above the least"]
    report.table(header, rows, "When the loss stays within 1 % of the least")


def _small(excess: float) -> str:
    return page.number(excess, 2)


def check(
    points: Points,
    variants: Sequence[Descent],
    valley: Points,
    methods: Sequence[tuple[float, Descent]],
) -> None:
    """The claims of the page."""
    batch, mini, stochastic = variants
    count, epochs = len(points.x), batch.updates
    assert [mini.updates, stochastic.updates] == [epochs * -(-count // 8), epochs * count]
    # In the first epoch, the more updates the lower.
    assert stochastic.excess[count] < mini.excess[-(-count // 8)] < batch.excess[1]
    # Batch gradient descent never goes up; stochastic does, and stays above the others.
    assert np.all(np.diff(batch.excess) <= 0.0)
    assert np.any(np.diff(stochastic.excess) > 0.0)
    assert stochastic.hovers() > mini.hovers()
    assert stochastic.hovers() > batch.excess[-1]
    # In the valley, momentum in any form arrives before plain gradient descent does.
    arrivals = {each.name: each.arrives(CLOSE * valley.least()) for _, each in methods}
    for name in ("momentum", "Nesterov", "Adam"):
        assert arrivals[name] < arrivals["gradient descent"]


main = demo(work, quick="fit fewer points, for fewer epochs, with fewer rates")
