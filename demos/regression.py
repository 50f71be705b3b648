"""A regression on real patients: an MLP stopped early, against a straight line fitted to the same data.

    python -m demos regression --out out/regression

Of 442 people with diabetes there are ten measurements and a number that says how far the disease is a
year later. A network with 16 hidden neurons learns to predict that number, with the mean squared error
as its loss. You will see

1. training and validation loss, and where the training is stopped;
2. predicted against true, for the network and for linear regression, with R² of both on patients that
   neither has seen;
3. what is left over: the residuals;
4. whether the difference between the two is more than chance.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from nn import MLP, AdamW, EarlyStopping, History, fit, mean_absolute_error, r2_score

from .shared import figures as pictures
from .shared import page
from .shared.datasets import Split, diabetes, split
from .shared.report import Report, demo, require_uninterrupted

Array = npt.NDArray[np.float64]

HIDDEN, BATCH, RATE, DECAY = 16, 32, 0.01, 1.0
EPOCHS, PATIENCE = 150, 20
QUICK = 15  # epochs at most
VALIDATION = 0.2  # the share of the training examples to validate with
RESAMPLES = 10_000
NETWORK, LINE = "network", "linear model"


# --- one scale for everything ------------------------------------------------------------------------

# Age is in years, cholesterol in mg/dl; a weight that fits one is far off for the other. So everything
# gets mean 0 and standard deviation 1, of the examples to learn from: with those of all patients, something
# of the held-out ones would have got into the training.


@dataclass(frozen=True, eq=False)
class Scale:
    """x ↦ (x − mean) / deviation, column by column."""

    mean: Any
    deviation: Any

    @classmethod
    def of(cls, numbers: Array) -> Scale:
        return cls(numbers.mean(axis=0), numbers.std(axis=0))

    def apply(self, numbers: Array) -> Array:
        scaled: Array = (numbers - self.mean) / self.deviation
        return scaled

    def undo(self, scaled: Array) -> Array:
        numbers: Array = scaled * self.deviation + self.mean
        return numbers


# --- the network -------------------------------------------------------------------------------------

# 264 patients are few for 193 weights and biases. Two things keep the network from learning them by heart:
# weight decay, and stopping when the loss on a fifth of the patients, the validation part, has not got
# better for a while. The parameters of the best epoch are put back.


def train(data: Split, epochs: int, seed: int) -> tuple[MLP, History, EarlyStopping]:
    """The network, learned from the standardised numbers `data.X`, stopped by `data.X_unseen`."""
    model = MLP(data.X.shape[1], [HIDDEN, 1], activation="relu", seed=seed)
    stop = EarlyStopping(model, patience=PATIENCE)
    history = fit(
        model,
        data.X,
        data.y,
        loss="mse_loss",
        optimizer=AdamW(model.parameters(), lr=RATE, weight_decay=DECAY),
        epochs=epochs,
        batch_size=BATCH,
        seed=seed,
        validation=(data.X_unseen, data.y_unseen),
        callbacks=[stop],
    )
    require_uninterrupted(history)
    return model, history, stop


# --- the line ----------------------------------------------------------------------------------------

# The linear model has a closed form and needs no validation part: it gets all patients but those held out.


def predict_by_a_line(data: Split) -> Array:
    """The predictions of ordinary least squares for the held-out patients."""
    from sklearn.linear_model import LinearRegression

    found: Array = LinearRegression().fit(data.X, data.y).predict(data.X_unseen)
    return found


# --- is it chance? -----------------------------------------------------------------------------------

# R² = 1 − Σ (y − ŷ)² / Σ (y − ȳ)². Had other patients been held out, both R² would be others. How much so
# can be told from those that were: draw as many of them, with repeats, again and again, and take the
# difference of the two R² each time. This is the bootstrap.


def differences(first: Array, second: Array, targets: Array, seed: int) -> Array:
    """R² of the first predictions less that of the second, for each of many resamples of the patients."""
    drawn = np.random.default_rng(seed).integers(len(targets), size=(RESAMPLES, len(targets)))
    y = targets[drawn]
    total = ((y - y.mean(axis=1, keepdims=True)) ** 2).sum(axis=1)
    found: Array = (((y - second[drawn]) ** 2).sum(axis=1) - ((y - first[drawn]) ** 2).sum(axis=1)) / total
    return found


# --- the demo ----------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Answers:
    """All that came out, for the page, the summary and the claims.

    Attributes
    ----------
    data : the patients; X has the features in their own units.
    features : the names of the columns of X.
    held_back : how many patients of X the network did not learn from, but was stopped by.
    history, best : of the training, and the epoch whose parameters were kept.
    found : the predictions for the held-out patients, of the network and of the linear model.
    interval : in which 95 % of the differences of their R² lie.
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
        """R² of each."""
        return {name: r2_score(self.data.y_unseen, each) for name, each in self.found.items()}

    @property
    def errors(self) -> dict[str, float]:
        """The mean absolute error of each."""
        return {name: mean_absolute_error(self.data.y_unseen, each) for name, each in self.found.items()}

    @property
    def likeness(self) -> float:
        """The correlation of the two models' predictions."""
        return float(np.corrcoef(self.found[NETWORK], self.found[LINE])[0, 1])


def answer(epochs: int, seed: int) -> Answers:
    """Train the network, fit the line, and let both predict."""
    data, features = diabetes(seed)
    inner = split(data.X, data.y, seed, share=VALIDATION)
    x, y = Scale.of(inner.X), Scale.of(inner.y)
    scaled = Split(x.apply(inner.X), y.apply(inner.y), x.apply(inner.X_unseen), y.apply(inner.y_unseen))
    model, history, stop = train(scaled, epochs, seed)
    found = {
        NETWORK: y.undo(model.predict(x.apply(data.X_unseen))),
        LINE: predict_by_a_line(data),
    }
    low, high = np.quantile(differences(found[NETWORK], found[LINE], data.y_unseen, seed), [0.025, 0.975])
    interval = float(low), float(high)
    return Answers(data, features, len(inner.y_unseen), history, stop.best_epoch, found, interval)


def present(answers: Answers, folder: Path) -> Path:
    """Write the page."""
    data, history, scores, errors = answers.data, answers.history, answers.scores, answers.errors
    count, unseen = len(data.y), len(data.y_unseen)
    held_back = answers.held_back
    report = Report(folder, "A regression on real patients")
    report.say(
        f"Ten measurements ({', '.join(answers.features)}: s1 to s6 are of blood) are to predict how far the "
        f"diabetes of a patient is after a year, a number from {data.y.min():g} to {data.y.max():g}. "
        f"Of {unseen} patients that it has never seen, the network explains R² = {scores[NETWORK]:.3f} of "
        f"the variance, linear regression {scores[LINE]:.3f}."
    )

    report.section("training", "1 The training, and where it stops")
    report.say(
        f"{unseen} of {unseen + count} patients are held out until the end. From {count - held_back} of the "
        f"others an MLP 10-{HIDDEN}-1 with relu learns, with the mean squared error as its loss, in "
        f"mini-batches of {BATCH}, by AdamW with the learning rate {RATE} and the weight decay {DECAY:g}. "
        f"The remaining {held_back} say when to stop: after {PATIENCE} epochs without a better validation "
        "loss, and the parameters of the best epoch are put back. Features and target are standardised, "
        "with the mean and the deviation of the patients to learn from: a model that always says the "
        "mean has a loss of 1.",
        f"The best epoch was {answers.best} of {len(history)}.",
    )
    report.show(
        "losses",
        pictures.losses(history.loss, history.validation_loss, answers.best),
        f"Two curves over {len(history)} epochs. The training loss falls from {history.loss[0]:.2f} to "
        f"{history.loss[-1]:.2f}, the validation loss from {history.validation_loss[0]:.2f} to "
        f"{history.validation_loss[-1]:.2f}, steeply at first. A star marks the least validation loss, "
        f"{min(history.validation_loss):.2f} in epoch {answers.best}.",
        "The loss of the patients to learn from, and of those that say when to stop.",
    )

    report.section("predictions", "2 Predicted against true")
    report.say(
        "R² is the share of the variance that is explained: 1 − Σ (y − ŷ)² / Σ (y − ȳ)². A point on the "
        "dashed line is a patient predicted exactly. Both models draw the predictions towards the mean, as "
        "they should where half of what is to be predicted is not in the measurements: patients who are "
        "well are predicted too high, the very ill too low."
    )
    report.show(
        "predictions",
        pictures.predictions(answers.found, data.y_unseen, scores),
        f"Two scatter charts of {unseen} held-out patients, predicted against true, with a dashed diagonal. "
        "In both the points rise along the diagonal in a broad cloud that is flatter than it, and the two "
        "clouds look alike.",
        "The held-out patients, as each model predicts them.",
    )
    report.add(
        page.table(
            ["", "R²", "mean absolute error", "learned from"],
            [
                [
                    NETWORK,
                    f"{scores[NETWORK]:.4f}",
                    f"{errors[NETWORK]:.2f}",
                    f"{count - held_back} + {held_back}",
                ],
                [LINE, f"{scores[LINE]:.4f}", f"{errors[LINE]:.2f}", f"{count}"],
            ],
            "On the held-out patients",
        )
    )
    report.say(
        f"The linear model has learned from all {count}; the network's {held_back} for validation have moved "
        "no weight."
    )

    report.section("residuals", "3 What is left over")
    report.say(
        "The residual is what a prediction misses, y − ŷ. A bend in the cloud of the linear model would be "
        "something that it has missed and a network could learn. Look for one."
    )
    report.show(
        "residuals",
        pictures.residuals(answers.found, data.y_unseen),
        "On the left the residuals of both models against their predictions: two clouds around "
        "0 that mix. On the right their histograms, highest around 0 and much alike.",
        "Residuals of the held-out patients: how large they are, and how often.",
    )

    report.section("chance", "4 Is the difference more than chance?")
    report.say(_verdict(answers))
    return report.close()


def _verdict(answers: Answers) -> str:
    scores, (low, high) = answers.scores, answers.interval
    difference = scores[NETWORK] - scores[LINE]
    side = "above" if difference >= 0.0 else "below"
    text = (
        f"The network's R² is {page.number(abs(difference), 2)} {side} the line's. Had other patients been "
        f"held out, it would be another number: in 95 % of {RESAMPLES:,} bootstrap samples of the held-out "
        f"patients it lies from {page.number(low, 2)} to {page.number(high, 2)}. "
    )
    if low <= 0.0 <= high:
        text += "0 is among them: nothing shows that one of the two is better. "
    else:
        text += f"0 is not among them: here the {NETWORK if low > 0.0 else LINE} is better. "
    return text + (
        f"Their predictions have a correlation of {answers.likeness:.3f}: what the network has found is, by "
        "and large, the line. More neurons do not help where the data do not bend."
    )


def summary(answers: Answers, index: Path) -> str:
    """What came out, in a few lines for the terminal."""
    scores, errors, (low, high) = answers.scores, answers.errors, answers.interval
    lines = [
        f"An MLP 10-{HIDDEN}-1 against a straight line, on {len(answers.data.y_unseen)} patients held out",
        "",
        "                   R²   mean absolute error",
        *(f"{name:14} {scores[name]:6.3f}   {errors[name]:19.2f}" for name in answers.found),
        "",
        f"Stopped after {len(answers.history)} epochs; the best was {answers.best}.",
        f"Difference of R²: {scores[NETWORK] - scores[LINE]:+.3f}; 95 % from {low:+.3f} to {high:+.3f}",
        "",
        f"Open {index}",
    ]
    return "\n".join(lines)


def check(answers: Answers, standard: bool) -> None:
    """The claims of the page; `standard` is whether nothing was chosen, above all no other seed."""
    scores, (low, high) = answers.scores, answers.interval
    if standard:
        assert scores[NETWORK] >= scores[LINE]
        assert low <= 0.0 <= high  # and yet that is not more than chance
    # Whatever the seed, the network has learned: by far better than the mean, which has R² = 0.
    assert scores[NETWORK] > 0.2
    assert answers.likeness > 0.9
    # The parameters of the best epoch were kept, and it is the best.
    losses = answers.history.validation_loss
    assert losses[answers.best - 1] == min(losses)
    assert len(losses) - answers.best <= PATIENCE


def work(given: dict[str, Any], folder: Path) -> None:
    answers = answer(QUICK if given["quick"] else EPOCHS, given["seed"])
    index = present(answers, folder)
    print(summary(answers, index))
    check(answers, standard=given["seed"] == 0)


main = demo(work, quick=f"at most {QUICK} epochs instead of {EPOCHS}")
