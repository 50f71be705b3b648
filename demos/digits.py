"""Handwritten digits, read: an MLP 64-32-10 beside scikit-learn's, its mistakes, what its neurons look at.

    python -m demos digits --out out/digits

The data are 1797 pictures, of 8 × 8 pixels, of digits written by hand. A network with 32 hidden neurons
learns from three quarters of them and is tested on the others. You will see

1. some of the pictures;
2. the training, beside that of scikit-learn's `MLPClassifier` with equal settings, and what each costs;
3. the confusion matrix: which digit is read as which;
4. the pictures that the network finds hardest, and what it takes them for;
5. the weights of the hidden neurons, as pictures themselves.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import numpy.typing as npt

from nn import MLP, Adam, History, accuracy, fit, plots

from .shared import figures
from .shared.datasets import Split, digits
from .shared.report import Report, demo, require_uninterrupted

Array = npt.NDArray[np.float64]

PIXELS, HIDDEN, DIGITS = 64, 32, 10
BATCH, RATE = 32, 0.01
FULL, QUICK = (1797, 25), (300, 8)  # examples and epochs
HARDEST = 10
OURS, THEIRS = "this engine", "scikit-learn"


# --- the training ------------------------------------------------------------------------------------


def network(seed: int = 0) -> MLP:
    """a = tanh(W x + b) of 64 pixels in each of 32 hidden neurons, then a score for each of 10 digits."""
    return MLP(PIXELS, [HIDDEN, DIGITS], activation="tanh", seed=seed)


def train(data: Split, epochs: int, seed: int) -> tuple[MLP, History]:
    """The trained network, and its history."""
    model = network(seed)
    history = fit(
        model, data.X, data.y, loss="cross_entropy", optimizer=Adam(model.parameters(), lr=RATE),
        epochs=epochs, batch_size=BATCH, seed=seed, metrics=["accuracy"],
    )  # fmt: skip
    return model, require_uninterrupted(history)


def train_theirs(data: Split, epochs: int, seed: int) -> Any:
    """scikit-learn's `MLPClassifier` with our settings; only its random weights and order differ."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.neural_network import MLPClassifier

    theirs = MLPClassifier(
        [HIDDEN],
        activation="tanh",
        alpha=0.0,  # no weight decay
        batch_size=BATCH,
        learning_rate_init=RATE,
        max_iter=epochs,
        tol=0.0,
        n_iter_no_change=epochs,  # never stop early
        random_state=seed,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # as many epochs as ours, converged or not
        return theirs.fit(data.X, data.y)


def copied(theirs: Any) -> MLP:
    """Our network with scikit-learn's weights; it has to give scikit-learn's probabilities."""
    model = network()
    for layer, weights, biases in zip(model.layers, theirs.coefs_, theirs.intercepts_):
        for neuron, row, bias in zip(layer.neurons, weights.T, biases):
            neuron.w, neuron.b = row, bias
    return model


def weights_of(model: MLP) -> tuple[Array, Array]:
    """W of both layers: (32, 64) and (10, 32)."""
    first, last = ([[w.data for w in neuron.w] for neuron in layer.neurons] for layer in model.layers)
    return np.array(first), np.array(last)


# --- the reading -------------------------------------------------------------------------------------


def read(model: MLP, X: Array) -> Array:
    """The probability of each digit for each picture, (M, 10): the softmax of the scores."""
    scores = model.predict(X)
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


@dataclass(frozen=True, eq=False)
class Reading:
    """The probabilities (M, 10) that a network gives to the digits of M pictures, and their labels (M,)."""

    probabilities: Array
    labels: Any

    @property
    def accuracy(self) -> float:
        return accuracy(self.labels, self.probabilities)

    @property
    def answers(self) -> Any:
        """(M,), the most probable digits."""
        return self.probabilities.argmax(axis=1)

    @property
    def wrong(self) -> int:
        return int(np.sum(self.answers != self.labels))

    @property
    def confusion(self) -> Any:
        """(10, 10), how many pictures of the digit of the row are read as the digit of the column."""
        from sklearn.metrics import confusion_matrix

        return confusion_matrix(self.labels, self.answers, labels=range(DIGITS))

    @property
    def hardest(self) -> Any:
        """(M,), the indices of the pictures by the probability of their label, the least first."""
        own = self.probabilities[np.arange(len(self.labels)), self.labels]
        return np.argsort(own, kind="stable")


# --- the demo ----------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Answers:
    """The results, for the page and the claims; `seconds` of training by the name of the network."""

    data: Split
    epochs: int
    model: MLP
    start: MLP
    history: History
    theirs: Any
    seconds: dict[str, float]
    reading: Reading
    their_reading: Reading
    copied_reading: Reading

    @property
    def empty(self) -> Any:
        """(64,), whether a pixel is 0 in all training pictures."""
        return (self.data.X == 0.0).all(axis=0)

    @property
    def difference(self) -> float:
        """The largest between scikit-learn's probabilities and ours with its weights."""
        return float(np.abs(self.copied_reading.probabilities - self.their_reading.probabilities).max())


def answer(examples: int, epochs: int, seed: int) -> Answers:
    """Train both networks, and let them read the held-out pictures."""
    data = digits(examples, seed)
    began = perf_counter()
    model, history = train(data, epochs, seed)
    between = perf_counter()
    theirs = train_theirs(data, epochs, seed)
    seconds = {OURS: between - began, THEIRS: perf_counter() - between}
    readings = [
        Reading(each, data.y_unseen)
        for each in (
            read(model, data.X_unseen),
            theirs.predict_proba(data.X_unseen),
            read(copied(theirs), data.X_unseen),
        )
    ]
    return Answers(data, epochs, model, network(seed), history, theirs, seconds, *readings)


def present(answers: Answers, folder: Path) -> None:
    """Write the page."""
    data, reading, history = answers.data, answers.reading, answers.history
    count, unseen, right = len(data.y), len(data.y_unseen), history.metrics["accuracy"]
    report = Report(
        folder,
        "Handwritten digits, read",
        f"A network with {HIDDEN} hidden neurons has learned to read digits from {count} pictures. Of "
        f"{unseen} that it has never seen it reads {unseen - reading.wrong} right: {reading.accuracy:.1%}. "
        f"scikit-learn's network with equal settings reads {answers.their_reading.accuracy:.1%} right.",
    )
    report.section(
        "The pictures",
        "Each has 8 × 8 pixels, from 0 for paper to 1 for ink: the 64 features of an example. The class is "
        f"the digit. {count} are for training, {unseen} are held out: no update depends on them.",
    )
    chosen = np.array([np.flatnonzero(data.y == digit)[:3] for digit in range(DIGITS)]).T.ravel()
    report.show(
        "digits",
        figures.digits(data.X[chosen], columns=DIGITS),
        "Thirty pictures of handwritten digits, dark on light and coarse: in each column three times the "
        "same digit, from 0 on the left to 9 on the right.",
        "Three training pictures of each digit.",
    )
    report.section(
        "The training",
        f"An MLP 64-{HIDDEN}-{DIGITS} with tanh and softmax cross-entropy; {answers.epochs} epochs in "
        f"mini-batches of {BATCH}, with Adam and a learning rate of {RATE}. scikit-learn's ``MLPClassifier`` "
        "has the same settings. It begins with other random weights, and shuffles its batches in another "
        "order. Put into our network, its learned weights give its probabilities again, to "
        f"{answers.difference:.0e}: it is the same function, and only chance separates the two trainings.",
    )
    losses = {OURS: history.loss, THEIRS: answers.theirs.loss_curve_}
    report.show(
        "training",
        plots.by_epoch({"cross-entropy": losses, "read right": {OURS: right}}),
        "Two charts by epoch. Above the cross-entropy of this engine and of scikit-learn: both fall, side by "
        "side. Below the share of training pictures that this engine reads right: it rises from "
        f"{right[0]:.0%} to {right[-1]:.0%}.",
        "Each number is the mean over an epoch, of every picture just before its update.",
    )
    report.table(
        ["", "read right", "seconds to train", "per epoch"],
        [
            [name, f"{each.accuracy:.1%}", f"{seconds:.2f}", f"{seconds / answers.epochs:.3f}"]
            for (name, seconds), each in zip(answers.seconds.items(), (reading, answers.their_reading))
        ],
        f"Equal settings, on this machine, in this run; {unseen} held-out pictures",
    )
    report.say(
        f"On {unseen} pictures one more or less is {1 / unseen:.1%}, and another seed moves either number by "
        "about a percentage point: by that much, neither is better. The time is another matter. "
        f"scikit-learn takes {answers.seconds[OURS] / answers.seconds[THEIRS]:.0f} times less: this engine "
        "first records one picture as a graph of scalars, compiles it and compares the result with the "
        "graph. After that a whole batch is a few products of matrices here too.",
    )
    report.section("Which digit is read as which", most_confused(reading))
    report.show(
        "confusion",
        figures.confusion(reading.confusion),
        f"A table of 10 by 10 in shades of blue. {unseen - reading.wrong} of {unseen} pictures are on its "
        f"diagonal, read right; the {reading.wrong} elsewhere are framed in orange.",
        "A row for what is written, a column for what is read. Right answers are on the diagonal, mistakes "
        "are framed.",
    )
    report.section(
        "The hardest pictures",
        "The loss of a picture is −log p, with p the probability of the digit that it shows. These "
        f"{HARDEST} of the held-out pictures have the largest, the worst of all first. Below each: the "
        "probabilities of the ten digits.",
    )
    worst = reading.hardest[:HARDEST]
    labels, taken = reading.labels[worst], reading.answers[worst]
    told = [
        f"{_a(label)} read right, but barely" if label == other else f"{_a(label)} read as {_a(other)}"
        for label, other in zip(labels, taken)
    ]
    report.show(
        "mistakes",
        figures.hardest(data.X_unseen[worst], reading.probabilities[worst], labels),
        f"Ten pictures of digits, each above a bar chart of the probabilities of 0 to 9: {'; '.join(told)}.",
        "Blue and hatched: the digit shown. Orange: the digit that it is taken for, if that is another.",
    )
    report.section(
        "What the hidden neurons look at",
        "A hidden neuron has a weight for every pixel, so its weights are a picture too. Blue is where ink "
        "raises the neuron's sum, orange with a bar where ink lowers it. Some show a stroke or a curve; most "
        "are mixtures that no word fits, for the neurons share the work in no particular way. Above each "
        "picture: the digit whose score the neuron raises the most (▲), and the one whose score it lowers "
        "the most (▼), by its weights in the output layer.",
        f"The {answers.empty.sum()} white pixels are empty in all {count} pictures. The gradient of "
        "their weights is `δ · 0`, always, so these weights are exactly those of the start.",
    )
    hidden, output = weights_of(answers.model)
    report.show(
        "neurons",
        figures.neurons(np.where(answers.empty, np.nan, hidden), output),
        f"{HIDDEN} pictures of 8 by 8 squares from orange over grey to blue. A few show a patch, a "
        "stroke or a curve, none a whole digit; some squares at the left and right edge are white.",
        "The weights of the 32 hidden neurons, all on the same scale.",
    )
    report.tell(f"Hardest: {told[0]}, with the probability {reading.probabilities[worst[0], labels[0]]:.2g}.")
    report.close()


def most_confused(reading: Reading) -> str:
    """The number of mistakes, and the most frequent of them."""
    mistakes = reading.confusion - np.diag(np.diag(reading.confusion))
    most = int(mistakes.max())
    if most == 0:
        return "There is no mistake at all."
    text = f"{reading.wrong} of {len(reading.labels)} pictures are read wrong. "
    if most == 1:
        return text + "No mistake is made more than once."
    pairs = [f"{_a(written)} taken for {_a(taken)}" for written, taken in np.argwhere(mistakes == most)]
    times = "twice" if most == 2 else f"{most} times"
    return f"{text}The most common mistake{'s' if len(pairs) > 1 else ''}, {times}: {', '.join(pairs)}."


def _a(digit: int) -> str:
    return f"an {digit}" if digit == 8 else f"a {digit}"


def check(answers: Answers, least: float) -> None:
    """The claims of the page; `least` is the smallest accuracy that is promised."""
    assert answers.reading.accuracy >= least
    # The networks are the same function, and the trainings end equally well, within chance.
    assert answers.difference < 1e-12
    assert answers.reading.accuracy >= answers.their_reading.accuracy - 0.03
    # Where there is no ink, there is no gradient.
    before, after = weights_of(answers.start)[0], weights_of(answers.model)[0]
    assert (before[:, answers.empty] == after[:, answers.empty]).all()
    assert (before[:, ~answers.empty] != after[:, ~answers.empty]).all()


def work(given: dict[str, Any], folder: Path) -> None:
    answers = answer(*(QUICK if given["quick"] else FULL), given["seed"])
    present(answers, folder)
    check(answers, 0.8 if given["quick"] else 0.97 if given["seed"] == 0 else 0.95)


main = demo(work, quick=f"{QUICK[0]} pictures and {QUICK[1]} epochs")
