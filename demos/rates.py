"""Learning rates, initialisations and activations side by side, each curve with a computed verdict.

    python -m demos rates --out out/rates

One small network is trained on the same points again and again. You will see two tables of loss curves, with
a column for each learning rate, from far too small to far too large:

1. a row for each activation: sigmoid, tanh, relu;
2. a row for each initialisation: zeros, tiny, Xavier's, large.

The verdict above each curve is computed from the curve alone, by `nn.LossCurve.verdict`: too small, right,
overshooting, divergent, or stuck.
"""

from __future__ import annotations

import inspect
import math
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from autograd import PALETTE
from nn import MLP, SGD, DivergenceError, LossCurve, Watch, fit, plots
from nn.initializers import Initializer, uniform

from .shared import page
from .shared.report import Report, demo, require_uninterrupted

Array = npt.NDArray[np.float64]

RATES = (0.001, 0.03, 0.2, 0.5, 2.0)
ACTIVATIONS = ("sigmoid", "tanh", "relu")
INITIALISATIONS: dict[str, str | Initializer] = {
    "zeros": "zeros",
    "tiny, ±0.01": uniform(-0.01, 0.01),
    "Xavier": "xavier_uniform",
    "large, ±8": uniform(-8.0, 8.0),
}
HIDDEN = 8
CEILING = 100.0  # the highest loss shown
LOOKS = {  # the colour and the mark of each verdict
    "too small": (PALETTE["series 0"], "…"),
    "right": (PALETTE["series 2"], "✓"),
    "overshooting": (PALETTE["series 1"], "∿"),
    "divergent": (PALETTE["series 3"], "↑"),
    "stuck": (PALETTE["line"], "="),
}


# --- one training ------------------------------------------------------------------------------------

# One feature, one hidden layer, one output, batch gradient descent: small, so that there can be many.


def wave(n: int) -> tuple[Array, Array]:
    """n points of the curve y = 1 + sin 2x, evenly from x = −1 to 1."""
    x = np.linspace(-1.0, 1.0, n)
    return x[:, None], 1.0 + np.sin(2.0 * x)


@dataclass(frozen=True)
class Trial:
    """One training: the loss of each epoch, inf at the end if it diverged; the weights without the biases."""

    losses: list[float]
    weights: list[float]
    verdict: str


@dataclass(frozen=True, eq=False)
class Comparison:
    """The points, the epochs and the seed that all trainings share."""

    x: Array
    y: Array
    epochs: int
    seed: int

    @property
    def goal(self) -> float:
        """A tenth of the variance of y: R² is 0.9 there."""
        return 0.1 * float(np.var(self.y))

    def train(self, rate: float, activation: str, initialisation: str | Initializer | None) -> Trial:
        """Train once; None initialises as suits the activation."""
        model = MLP(1, [HIDDEN, 1], activation=activation, initializer=initialisation, seed=self.seed)
        losses: list[float] = []
        try:
            history = fit(
                model, self.x, self.y, loss="mse_loss", optimizer=SGD(model.parameters(), lr=rate),
                epochs=self.epochs, progress=False,
                callbacks=[Watch(lambda epoch, history: losses.append(history.loss[-1]))],
            )  # fmt: skip
            require_uninterrupted(history)
        except DivergenceError:
            losses.append(math.inf)
        weights = [weight.data for layer in model.layers for neuron in layer.neurons for weight in neuron.w]
        return Trial(losses, weights, LossCurve(np.array(losses)).verdict(self.goal))

    def row(self, activation: str, initialisation: str | Initializer | None = None) -> list[Trial]:
        """A training with each rate."""
        return [self.train(rate, activation, initialisation) for rate in RATES]


# --- the demo ----------------------------------------------------------------------------------------

Rows = Mapping[str, Sequence[Trial]]


def work(given: dict[str, Any], folder: Path) -> None:
    quick, seed = given["quick"], given["seed"]
    x, y = wave(6 if quick else 16)
    comparison = Comparison(x, y, 50 if quick else 120, seed)
    activations = {name: comparison.row(name) for name in ACTIVATIONS}
    initialisations = {
        # tanh is initialised Xavier's way by default: that row is trained already
        name: activations["tanh"] if name == "Xavier" else comparison.row("tanh", how)
        for name, how in INITIALISATIONS.items()
    }
    report = Report(
        folder,
        "Learning rates, and what a loss curve says about them",
        f"A network with {HIDDEN} hidden neurons learns {len(x)} points of the curve `y = 1 + sin 2x` by "
        f"batch gradient descent, in {comparison.epochs} epochs. From column to column only the learning "
        "rate changes, from row to row only the activation or the first weights.",
        f"Every curve is on the same axes. The dashed line is the goal, a loss of {comparison.goal:.2g}, a "
        "tenth of the variance of y. A curve that ends in a triangle has diverged.",
    )
    rule = textwrap.dedent(inspect.getsource(LossCurve.verdict))
    report.add(page.details("How the verdicts are computed", page.listing(rule, "verdict")))
    report.section(
        "Activations",
        "Each row goes from too small, over right, to divergent, but not at the same rates: the slope of a "
        "sigmoid is at most ¼, so its network still learns slowly at rates where the others have finished. A "
        "rate that overshoots throws the weights across the valley; they may fall back into it, or into a "
        "worse one.",
    )
    show(report, "activations", activations, comparison)
    report.section(
        "Initialisations",
        "Here the activation is tanh. From zeros nothing is learned at any rate: every hidden neuron gives "
        "0, so no weight has a gradient, and only the bias of the output moves. Tiny weights have tiny "
        "gradients, and take long to leave 0. Large ones make the valley steep: a rate that was right for "
        "Xavier's is too large.",
    )
    show(report, "initialisations", initialisations, comparison)
    report.close()
    check(activations, initialisations)


def show(report: Report, name: str, rows: Rows, comparison: Comparison) -> None:
    """The curves of a table as a picture, and its verdicts in words."""
    columns = [f"η = {rate:g}" for rate in RATES]
    report.show(
        name,
        plots.multiples(
            {name: [(each.losses, each.verdict) for each in row] for name, row in rows.items()},
            columns, LOOKS, comparison.goal, CEILING,
        ),
        f"Loss curves in {len(rows)} rows, {', '.join(rows)}, and a column for each learning rate. From left "
        "to right they go from flat, over falling, to climbing out of the picture. The verdict on each is "
        "in the table below.",
        "The loss by epoch, logarithmic, and the verdict on each curve.",
    )  # fmt: skip
    words = [[name, *(each.verdict for each in row)] for name, row in rows.items()]
    report.table(["", *columns], words, f"The verdicts, by {name[:-1]}")


def check(activations: Rows, initialisations: Rows) -> None:
    """The claims of the page."""
    for row in activations.values():
        verdicts = [each.verdict for each in row]
        assert verdicts[0] == "too small"
        assert "right" in verdicts
        assert verdicts[-1] == "divergent"
    found = {each.verdict for rows in (activations, initialisations) for row in rows.values() for each in row}
    assert found >= {"too small", "right", "overshooting", "divergent"}
    # At the rate where tanh and relu have arrived first, the sigmoid has not.
    slow, *others = activations.values()
    early = min(place for row in others for place, each in enumerate(row) if each.verdict == "right")
    assert slow[early].verdict == "too small"
    # From zeros, no weight ever moves.
    zeros, tiny, xavier, large = initialisations.values()
    assert all(weight == 0.0 for each in zeros for weight in each.weights)
    assert all(each.verdict != "right" for each in zeros)
    # Tiny weights are slower, and large ones make a right rate too large.
    assert tiny[1].losses[-1] > xavier[1].losses[-1]
    assert any(
        before.verdict == "right" and after.verdict in ("overshooting", "divergent")
        for before, after in zip(xavier, large)
    )


main = demo(work, quick="train for 50 epochs instead of 120, on fewer points")
