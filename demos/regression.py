"""A regression on real patients: an MLP stopped early, against a straight line fitted to the same data.

    python -m demos regression --out out/regression

The data are ten measurements of each of 442 people with diabetes, and how far the disease has progressed a
year later. A network with 16 hidden neurons learns to predict that number from the mean squared error. You
will see

1. training and validation loss, and where the training stops;
2. predicted against true, for the network and for linear regression, with R² of both on held-out patients;
3. the residuals;
4. whether the difference between the two is more than chance.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from autograd import PALETTE
from nn import MLP, AdamW, EarlyStopping, History, fit, mean_absolute_error, r2_score

from .shared import figures, page
from .shared.datasets import Split, diabetes, split
from .shared.report import Report, demo, require_uninterrupted

Array = npt.NDArray[np.float64]

HIDDEN, BATCH, RATE, DECAY = 16, 32, 0.01, 1.0
EPOCHS, PATIENCE = 150, 20
QUICK = 15  # epochs at most
VALIDATION = 0.2  # the share of the training examples to validate with
RESAMPLES = 10_000
NETWORK, LINE = "network", "linear model"


# --- the models --------------------------------------------------------------------------------------


# 264 patients are few for 193 weights and biases. Weight decay and early stopping keep the network from
# learning them by heart.


def train(data: Split, epochs: int, seed: int) -> tuple[MLP, History, EarlyStopping]:
    """The network, trained on the standardised `data.X`, stopped by the loss on `data.X_unseen`."""
    model = MLP(data.X.shape[1], [HIDDEN, 1], activation="relu", seed=seed)
    stop = EarlyStopping(model, patience=PATIENCE)
    history = fit(
        model, data.X, data.y, loss="mse_loss",
        optimizer=AdamW(model.parameters(), lr=RATE, weight_decay=DECAY),
        epochs=epochs, batch_size=BATCH, seed=seed,
        validation=(data.X_unseen, data.y_unseen), callbacks=[stop],
    )  # fmt: skip
    return model, require_uninterrupted(history), stop


def predict_by_a_line(data: Split) -> Array:
    """The predictions of ordinary least squares for the held-out patients."""
    from sklearn.linear_model import LinearRegression

    found: Array = LinearRegression().fit(data.X, data.y).predict(data.X_unseen)
    return found


def differences(first: Array, second: Array, targets: Array, seed: int) -> Array:
    """R² of the first predictions less that of the second, (RESAMPLES,), on bootstrap samples.

    A sample draws as many patients as were held out, with replacement; R² = 1 − Σ (y − ŷ)² / Σ (y − ȳ)².
    """
    drawn = np.random.default_rng(seed).integers(len(targets), size=(RESAMPLES, len(targets)))
    y = targets[drawn]
    total = ((y - y.mean(axis=1, keepdims=True)) ** 2).sum(axis=1)
    found: Array = (((y - second[drawn]) ** 2).sum(axis=1) - ((y - first[drawn]) ** 2).sum(axis=1)) / total
    return found


# --- the demo ----------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Answers:
    """The results, for the page and the claims.

    Attributes
    ----------
    data : the patients; X in the features' own units.
    features : the names of the columns of X.
    held_back : the number of patients of X for validation.
    best : the epoch whose parameters were kept.
    found : the predictions of the network and of the linear model for the held-out patients.
    interval : holds 95 % of the differences of their R².
    """

    data: Split
    features: Sequence[str]
    held_back: int
    history: History
    best: int
    found: dict[str, Array]
    interval: tuple[float, float]

    @property
    def scores(self) -> dict[str, float]:
        return {name: r2_score(self.data.y_unseen, each) for name, each in self.found.items()}

    @property
    def errors(self) -> dict[str, float]:
        return {name: mean_absolute_error(self.data.y_unseen, each) for name, each in self.found.items()}

    @property
    def likeness(self) -> float:
        """The correlation of the two models' predictions."""
        return float(np.corrcoef(self.found[NETWORK], self.found[LINE])[0, 1])


def answer(epochs: int, seed: int) -> Answers:
    """Train the network, fit the line, and let both predict."""
    data, features = diabetes(seed)
    inner = split(data.X, data.y, seed, share=VALIDATION)
    from sklearn.preprocessing import StandardScaler

    scale = StandardScaler().fit(inner.X)
    mean, deviation = inner.y.mean(), inner.y.std()
    scaled = Split(
        scale.transform(inner.X), (inner.y - mean) / deviation,
        scale.transform(inner.X_unseen), (inner.y_unseen - mean) / deviation,
    )  # fmt: skip
    model, history, stop = train(scaled, epochs, seed)
    predicted = deviation * model.predict(scale.transform(data.X_unseen)) + mean
    found = {NETWORK: predicted, LINE: predict_by_a_line(data)}
    low, high = np.quantile(differences(found[NETWORK], found[LINE], data.y_unseen, seed), [0.025, 0.975])
    interval = float(low), float(high)
    return Answers(data, features, len(inner.y_unseen), history, stop.best_epoch, found, interval)


def present(answers: Answers, folder: Path) -> None:
    """Write the page."""
    data, history, scores, errors = answers.data, answers.history, answers.scores, answers.errors
    count, unseen, held_back = len(data.y), len(data.y_unseen), answers.held_back
    report = Report(
        folder,
        "A regression on real patients",
        f"Ten measurements ({', '.join(answers.features)}: s1 to s6 are of blood) are to predict how far a "
        "patient's diabetes has progressed after a year, a number from "
        f"{data.y.min():g} to {data.y.max():g}. On {unseen} held-out patients the network explains "
        f"R² = {scores[NETWORK]:.3f} of the variance, linear regression {scores[LINE]:.3f}.",
    )
    report.section(
        "The training, and where it stops",
        f"{unseen} of {unseen + count} patients are held out until the end. From {count - held_back} of the "
        f"others an MLP 10-{HIDDEN}-1 with relu learns, with the mean squared error as its loss, in "
        f"mini-batches of {BATCH}, by AdamW with the learning rate {RATE} and the weight decay {DECAY:g}. "
        f"The remaining {held_back} say when to stop: after {PATIENCE} epochs without a better validation "
        "loss. The parameters of the best epoch are put back. Features and target are standardised "
        "with the mean and the deviation of the training patients alone, so that nothing of the others "
        "enters the training; a model that always predicts the mean has a loss of 1.",
        f"The best epoch was {answers.best} of {len(history)}.",
    )
    figure = history.plot()
    (axes,) = figure.axes
    least, label = min(history.validation_loss), f"best, epoch {answers.best}"
    axes.plot(answers.best, least, "*", color=PALETTE["ink"], markersize=13, label=label)
    axes.legend()
    axes.set(ylabel="mean squared error", ylim=(0.0, None))
    report.show(
        "losses",
        figure,
        f"Two curves over {len(history)} epochs. The training loss falls from {history.loss[0]:.2f} to "
        f"{history.loss[-1]:.2f}, the validation loss from {history.validation_loss[0]:.2f} to "
        f"{history.validation_loss[-1]:.2f}, steeply at first. A star marks the least validation loss, "
        f"{least:.2f} in epoch {answers.best}.",
        "The loss of the training patients, and of those that say when to stop.",
    )
    report.section(
        "Predicted against true",
        "R² is the share of the variance that is explained: 1 − Σ (y − ŷ)² / Σ (y − ȳ)². A point on the "
        "dashed line is a patient predicted exactly. Both models draw the predictions towards the mean, as "
        "they should where the measurements hold only half of the information: patients who are well are "
        "predicted too high, the very ill too low.",
    )
    report.show(
        "predictions",
        figures.predictions(answers.found, data.y_unseen, scores),
        f"Two scatter charts of {unseen} held-out patients, predicted against true, with a dashed diagonal. "
        "In both the points rise along the diagonal in a broad cloud that is flatter than it, and the two "
        "clouds look alike.",
        "The held-out patients, as each model predicts them.",
    )
    learned = {NETWORK: f"{count - held_back} + {held_back}", LINE: f"{count}"}
    report.table(
        ["", "R²", "mean absolute error", "learned from"],
        [[name, f"{scores[name]:.4f}", f"{errors[name]:.2f}", learned[name]] for name in answers.found],
        "On the held-out patients",
    )
    report.say(
        f"The linear model has learned from all {count}; the network's {held_back} for validation have moved "
        "no weight."
    )
    report.section(
        "The residuals",
        "A residual is the error of a prediction, y − ŷ. A bend in the cloud of the linear model would be "
        "something that it has missed and a network could learn. Look for one.",
    )
    report.show(
        "residuals",
        figures.residuals(answers.found, data.y_unseen),
        "On the left the residuals of both models against their predictions: two clouds around "
        "0 that mix. On the right their histograms, highest around 0 and much alike.",
        "Residuals of the held-out patients: how large they are, and how often.",
    )
    verdict = _verdict(answers)
    report.section("Is the difference more than chance?", verdict)
    low, high = answers.interval
    report.tell(
        f"Stopped after {len(history)} epochs; the best was {answers.best}.",
        f"Difference of R²: {scores[NETWORK] - scores[LINE]:+.3f}; 95 % from {low:+.3f} to {high:+.3f}",
    )
    report.close()


def _verdict(answers: Answers) -> str:
    scores, (low, high) = answers.scores, answers.interval
    difference = scores[NETWORK] - scores[LINE]
    side = "above" if difference >= 0.0 else "below"
    text = (
        f"The network's R² is {page.number(abs(difference), 2)} {side} the line's. With other held-out "
        f"patients it would be another number: in 95 % of {RESAMPLES:,} bootstrap samples of the patients "
        f"it lies from {page.number(low, 2)} to {page.number(high, 2)}. "
    )
    if low <= 0.0 <= high:
        text += "0 is within: nothing shows that one of the two is better. "
    else:
        text += f"0 is not within: here the {NETWORK if low > 0.0 else LINE} is better. "
    return text + (
        f"Their predictions have a correlation of {answers.likeness:.3f}: what the network has found is, by "
        "and large, the line. More neurons do not help where the data do not bend."
    )


def check(answers: Answers, standard: bool) -> None:
    """The claims of the page, those of the default seed if `standard`."""
    scores, (low, high) = answers.scores, answers.interval
    if standard:
        assert scores[NETWORK] >= scores[LINE]
        assert low <= 0.0 <= high
    # The network is far better than the mean, which has R² = 0.
    assert scores[NETWORK] > 0.2
    assert answers.likeness > 0.9
    losses = answers.history.validation_loss
    assert losses[answers.best - 1] == min(losses)
    assert len(losses) - answers.best <= PATIENCE


def work(given: dict[str, Any], folder: Path) -> None:
    answers = answer(QUICK if given["quick"] else EPOCHS, given["seed"])
    present(answers, folder)
    check(answers, standard=given["seed"] == 0)


main = demo(work, quick=f"at most {QUICK} epochs instead of {EPOCHS}")
