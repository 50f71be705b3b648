"""`fit`: forward, loss, backward, update, for as many epochs as asked."""

from __future__ import annotations

import csv
import importlib
import math
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from numbers import Real
from os import PathLike
from typing import Any

import numpy as np

from autograd import Value, mean, no_grad, sum

from .arguments import random_generator, require_count, require_flag
from .batches import batches
from .losses import Loss, find_loss
from .module import Module
from .optimizers import Optimizer

__all__ = ["DivergenceError", "History", "fit"]

BACKENDS = ("auto", "eager")

Callback = Callable[[int, "History"], Any]


class DivergenceError(ArithmeticError):
    """Training left the finite numbers; the message says where and the likely cure."""


@dataclass
class History:
    """What happened, epoch by epoch.

    Attributes
    ----------
    loss : of each epoch, the mean over its examples, each taken just before the update it contributed to.
    validation_loss : of each epoch, the mean over the validation examples after its last update; empty
        without validation data.
    interrupted : whether Ctrl-C ended the training.

    Examples
    --------
    >>> history = History(loss=[0.5, 0.25])
    >>> len(history), history
    (2, History(2 epochs, loss 0.5 → 0.25))
    """

    loss: list[float] = field(default_factory=list)
    validation_loss: list[float] = field(default_factory=list)
    interrupted: bool = False

    @property
    def epochs(self) -> int:
        """The number of epochs completed."""
        return len(self.loss)

    def __len__(self) -> int:
        return len(self.loss)

    def to_csv(self, path: str | PathLike[str]) -> None:
        """Write one row per epoch at full precision: epoch, loss, and validation_loss where there is one."""
        columns = {"epoch": range(1, len(self) + 1), "loss": self.loss}
        if self.validation_loss:
            columns["validation_loss"] = self.validation_loss
        with open(path, "w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(columns)
            writer.writerows(zip(*columns.values(), strict=True))

    def __repr__(self) -> str:
        parts = [f"{len(self)} epoch{'s' if len(self) != 1 else ''}"]
        for name, losses in (("loss", self.loss), ("validation_loss", self.validation_loss)):
            if losses:
                parts.append(f"{name} {losses[0]:.4g} → {losses[-1]:.4g}")
        if self.interrupted:
            parts.append("interrupted")
        return f"History({', '.join(parts)})"


def fit(
    model: Module,
    X: Any,
    y: Any,
    *,
    loss: str | Loss,
    optimizer: Optimizer | Callable[[list[Value]], Optimizer],
    epochs: int,
    batch_size: int | None = None,
    shuffle: bool = True,
    seed: int | np.random.Generator | None = None,
    validation: tuple[Any, Any] | None = None,
    backend: str = "auto",
    progress: bool = True,
    callbacks: Iterable[Callback] = (),
) -> History:
    """Train the model in place: W ← W − η ∂L/∂W, where L is the mean loss over a batch.

    Parameters
    ----------
    model : called with one example, a list of D numbers.
    X : the features (N, D): lists, an array, or anything with ``__array__``; finite.
    y : the targets (N,) or (N, K), whatever the loss takes for one example.
    loss : a name of `nn.LOSSES`, or a function ``loss(prediction, target)`` that returns one `Value`.
    optimizer : an `Optimizer` of the model's parameters or of some, or what makes one of them, such as
        ``functools.partial(SGD, lr=0.1)``.
    epochs : how often to go through the data, at least 1.
    batch_size : None for batch gradient descent, 1 for stochastic, k for mini-batches of k.
    shuffle, seed : the order of the examples, see `batches`; the same seed gives the same numbers.
    validation : (X, y) to take the loss of after each epoch, without training on it.
    backend : ``"eager"`` records and differentiates the object graph; ``"auto"`` is the fastest there is.
    progress : whether to show a bar: with tqdm installed and in a terminal.
    callbacks : called after each epoch with its number, from 1, and the history; one that returns True
        ends the training.

    Returns
    -------
    The `History`. Ctrl-C ends the training too: the parameters are those after the last whole update, the
    history has the epochs completed and is marked `interrupted`.

    Raises
    ------
    TypeError, ValueError : before the first step, if an argument or the data are not as described; it
        names the row, and in X the column.
    DivergenceError : if the loss or a parameter is no longer finite, with the epoch, the batch and the
        likely cure. The parameters are then the last whose loss was finite.

    Examples
    --------
    >>> from nn import MLP, SGD, fit
    >>> line = MLP(1, [1], seed=0)
    >>> X, y = [[0.0], [1.0], [2.0]], [1.0, 3.0, 5.0]
    >>> history = fit(line, X, y, loss="mse_loss", optimizer=SGD(line.parameters(), lr=0.2), epochs=200)
    >>> [round(p.data, 6) for p in line.parameters()]
    [2.0, 1.0]
    """
    if not (callable(model) and hasattr(model, "parameters") and hasattr(model, "zero_grad")):
        raise TypeError(f"fit trains a Module, such as an MLP, got {type(model).__name__}: {model!r:.60}")
    if backend not in BACKENDS:
        raise ValueError(f"backend must be one of {', '.join(map(repr, BACKENDS))}, got {backend!r}")
    shuffle, progress = require_flag("shuffle", shuffle), require_flag("progress", progress)
    epochs = require_count("epochs", epochs)
    if batch_size is not None:
        batch_size = require_count("batch_size", batch_size)
    loss = find_loss(loss)
    optimizer = _optimizer_of(model, optimizer)
    data = _examples(model, loss, X, y)
    held_out = None if validation is None else _held_out(model, loss, validation)
    callbacks = _callbacks(callbacks)
    rng = random_generator(seed)

    history = History()
    descent = _Descent(model, loss, optimizer)
    try:
        with _progress_bar(epochs, progress) as advance:
            for epoch in range(1, epochs + 1):
                shares = [
                    descent.step([data[i] for i in batch], f"epoch {epoch}, batch {number}")
                    * (len(batch) / len(data))
                    for number, batch in enumerate(batches(len(data), batch_size, shuffle, rng), start=1)
                ]
                unseen = [] if held_out is None else [_mean_loss(model, loss, held_out)]
                history.loss.append(sum(shares))
                history.validation_loss += unseen
                advance(history)
                answers = [callback(epoch, history) for callback in callbacks]
                if any(answer is True for answer in answers):
                    break
    except KeyboardInterrupt:
        history.interrupted = True
    return history


class _Descent:
    """The updates, and the way back from the last one."""

    def __init__(self, model: Module, loss: Loss, optimizer: Optimizer) -> None:
        self.model = model
        self.loss = loss
        self.optimizer = optimizer
        self.parameters = optimizer.parameters
        self.before = [parameter.data for parameter in self.parameters]  # before the last update

    def step(self, examples: list[tuple[Any, Any]], place: str) -> float:
        """One update from the mean loss over the examples, which it returns: the loss before the update."""
        total = mean([self.loss(self.model(x), target) for x, target in examples])
        if not math.isfinite(total.data):
            self.restore()
            raise self.divergence(f"the loss became {total.data!r}", place)
        self.model.zero_grad()
        total.backward()
        self.before = [parameter.data for parameter in self.parameters]
        try:
            self.optimizer.step()
        except BaseException:  # Ctrl-C in the middle of the update
            self.restore()
            raise
        for parameter in self.parameters:
            if not math.isfinite(parameter.data):
                fault = f"{parameter.label or 'a parameter'} became {parameter.data!r}"
                self.restore()
                raise self.divergence(fault, place)
        return float(total.data)

    def restore(self) -> None:
        for parameter, number in zip(self.parameters, self.before, strict=True):
            parameter.data = number

    def divergence(self, fault: str, place: str) -> DivergenceError:
        return DivergenceError(
            f"{fault} in {place}: lower the learning rate (it is {self.optimizer.lr:g}), scale the features "
            "or start from smaller weights; the parameters are the last whose loss was finite"
        )


def _mean_loss(model: Module, loss: Loss, examples: list[tuple[Any, Any]]) -> float:
    with no_grad():
        return float(mean([float(loss(model(x), target)) for x, target in examples]))


def _optimizer_of(model: Module, optimizer: Any) -> Optimizer:
    parameters = model.parameters()
    if not isinstance(optimizer, Optimizer) and callable(optimizer):
        try:
            optimizer = optimizer(parameters)
        except TypeError as error:
            raise TypeError(
                f"optimizer could not be made from the parameters alone: {error}. Give one that is made, "
                "SGD(model.parameters(), lr=0.1), or what makes it, functools.partial(SGD, lr=0.1)"
            ) from error
    if not isinstance(optimizer, Optimizer):
        raise TypeError(
            "optimizer must be an Optimizer such as SGD(model.parameters(), lr=0.1), or make one from "
            f"the parameters, got {type(optimizer).__name__}: {optimizer!r:.60}"
        )
    strangers = len(set(optimizer.parameters) - set(parameters))
    if strangers:
        raise ValueError(
            f"{strangers} of the optimizer's {len(optimizer.parameters)} parameters are not the model's: "
            "make it from model.parameters() of the model that you train"
        )
    return optimizer


def _held_out(model: Module, loss: Loss, validation: Any) -> list[tuple[Any, Any]]:
    if not isinstance(validation, (tuple, list)) or len(validation) != 2:
        raise TypeError(
            f"validation must be a pair (X, y), got {type(validation).__name__}: {validation!r:.60}"
        )
    X, y = validation
    return _examples(model, loss, X, y, name="validation ")


def _callbacks(callbacks: Any) -> list[Callback]:
    functions: list[Any] = list(callbacks) if isinstance(callbacks, Iterable) else [None]
    if not all(map(callable, functions)):
        raise TypeError(
            "callbacks must be a list of functions callback(epoch, history), "
            f"got {type(callbacks).__name__}: {callbacks!r:.60}"
        )
    return functions


def _examples(model: Module, loss: Loss, X: Any, y: Any, name: str = "") -> list[tuple[Any, Any]]:
    """The data as pairs of an example's features and its target, checked."""
    features = _finite_array(f"{name}X", X)
    if features.size == 0:
        raise ValueError(f"{name}X has no data: its shape is {features.shape}")
    if features.ndim != 2:
        hint = "; for a single feature X.reshape(-1, 1)" if features.ndim == 1 else ""
        raise ValueError(f"{name}X must have the shape (N, D), got {features.shape}{hint}")
    targets = _finite_array(f"{name}y", y)
    if targets.ndim not in (1, 2):
        raise ValueError(f"{name}y must have the shape (N,) or (N, K), got {targets.shape}")
    if len(features) != len(targets):
        raise ValueError(
            f"{name}X and {name}y must have one row per example, got {len(features)} and {len(targets)} rows"
        )
    takes = getattr(model, "n_in", features.shape[1])
    if takes != features.shape[1]:
        raise ValueError(f"{name}X has {features.shape[1]} features, and the model takes {takes}")

    # Each loss knows which targets it takes; it is asked with the prediction for the first example.
    examples = list(zip(features.astype(np.float64).tolist(), targets.tolist()))
    with no_grad():
        prediction = model(examples[0][0])
        for i, (_, target) in enumerate(examples):
            try:
                value = loss(prediction, target)
            except (TypeError, ValueError) as error:
                raise _kind(error)(f"row {i} of {name}y: {error}") from error
            if not isinstance(value, Value):
                raise TypeError(
                    f"the loss must return one Value, and of row {i} of {name}y it returned "
                    f"{type(value).__name__}: {value!r:.60}"
                )
    return examples


def _finite_array(name: str, data: Any) -> Any:
    expected = f"{name} must be numbers in rows of one length"
    try:
        array = np.asarray(data)
    except ValueError as error:
        raise ValueError(f"{expected}, {_unequal_rows(data) or error}") from None
    if array.dtype == object:
        for place, item in np.ndenumerate(array):
            if not isinstance(item, (Real, Value)):
                raise TypeError(f"{expected}, got {type(item).__name__}{_in(place)}: {item!r:.60}")
        try:
            array = array.astype(np.float64)
        except OverflowError:
            raise ValueError(f"{name} must be finite, got an integer beyond float64") from None
    if array.dtype.kind not in "biuf":
        raise TypeError(f"{name} must be real numbers, got an array of {array.dtype}")
    faults = np.argwhere(~np.isfinite(array))
    if len(faults):
        place = tuple(faults[0].tolist())
        raise ValueError(f"{name} must be finite, got {array[place]}{_in(place)}")
    return array


def _unequal_rows(data: Any) -> str:
    """Which row has another length than the first, for an error."""
    sizes = [len(row) if hasattr(row, "__len__") else 1 for row in data] if isinstance(data, Iterable) else []
    odd = next((i for i, size in enumerate(sizes) if size != sizes[0]), None)
    return "" if odd is None else f"got {sizes[0]} in row 0 and {sizes[odd]} in row {odd}"


def _in(place: tuple[int, ...]) -> str:
    """Where in the data, for an error; of a lone number nothing."""
    axes = zip(("row", "column"), place)
    return " in " + ", ".join(f"{axis} {i}" for axis, i in axes) if place else ""


def _kind(error: Exception) -> type[Exception]:
    return TypeError if isinstance(error, TypeError) else ValueError


@contextmanager
def _progress_bar(epochs: int, wanted: bool) -> Iterator[Callable[[History], None]]:
    """What to call after each epoch: a bar on a terminal if tqdm is installed, otherwise nothing."""
    tqdm: Any = None
    if wanted and sys.stderr is not None and sys.stderr.isatty():
        with suppress(ImportError):
            tqdm = importlib.import_module("tqdm").tqdm
    if tqdm is None:
        yield lambda history: None
        return
    with tqdm(total=epochs, unit="epoch") as bar:

        def advance(history: History) -> None:
            bar.set_postfix(loss=f"{history.loss[-1]:.4g}", refresh=False)
            bar.update()

        yield advance
