"""What `fit` may call after each epoch: stopping early, and checkpoints."""

from __future__ import annotations

import os
from os import PathLike

from .arguments import require_count, require_flag, require_number
from .history import History
from .module import Module

__all__ = ["Checkpoint", "EarlyStopping"]


class EarlyStopping:
    """End the training when a number has not improved for `patience` epochs, and go back to the best model.

    Parameters
    ----------
    model : the model that is trained, to put its best parameters back at the end; None to leave those of the
        last epoch.
    patience : in epochs, at least 1.
    min_delta : by how much a number has to be better to count, at least 0.
    monitor : the column of `History.columns` to watch; by default ``"validation_loss"``, or without
        validation data ``"loss"``.
    largest : whether more is better, as of an accuracy.

    Attributes
    ----------
    best_epoch : counted from 1; 0 before the first.

    Raises
    ------
    TypeError, ValueError : if an argument is not as described; after an epoch, if there is no such column.

    Source: Prechelt 1998, "Early stopping - but when?", the criterion UP.

    Examples
    --------
    >>> from nn import MLP, SGD, EarlyStopping, fit
    >>> model = MLP(1, [1], seed=0)
    >>> stop = EarlyStopping(model, patience=3)
    >>> data = {"X": [[0.0], [1.0]], "y": [0.0, 1.0], "validation": ([[2.0]], [-5.0])}
    >>> history = fit(model, **data, loss="mse_loss", optimizer=SGD(model.parameters(), 0.1),
    ...               epochs=100, callbacks=[stop])
    >>> history.epochs == stop.best_epoch + 3
    True
    """

    def __init__(
        self,
        model: Module | None = None,
        patience: int = 10,
        min_delta: float = 0.0,
        monitor: str | None = None,
        largest: bool = False,
    ) -> None:
        if model is not None and not isinstance(model, Module):
            raise TypeError(f"EarlyStopping takes the model, got {type(model).__name__}: {model!r:.60}")
        if monitor is not None and not isinstance(monitor, str):
            raise TypeError(
                f"monitor must be the name of a column, got {type(monitor).__name__}: {monitor!r:.60}"
            )
        self.model = model
        self.patience = require_count("patience", patience)
        self.min_delta = require_number("min_delta", min_delta, least=0.0)
        self.monitor = monitor
        self.largest = require_flag("largest", largest)
        self.best_epoch = 0
        self._best: list[float] = []

    def __call__(self, epoch: int, history: History) -> bool:
        """Whether the training should end."""
        columns = history.columns
        name = self.monitor or ("validation_loss" if history.validation_loss else "loss")
        if name not in columns:
            raise ValueError(
                f"EarlyStopping watches {name!r}, and there is no such column: {', '.join(columns)}"
            )
        best = self._best_of(columns[name])
        if best == epoch and self.model is not None:
            self._best = [parameter.data for parameter in self.model.parameters()]
        elif best != self.best_epoch:
            self._best = []  # a resumed training, whose best epoch was before
        self.best_epoch = best
        return epoch - best >= self.patience

    def _best_of(self, numbers: list[float]) -> int:
        """Looked for in all the epochs, so that a resumed training stops where it would have stopped."""
        sign = -1.0 if self.largest else 1.0
        best = 0
        for epoch, number in enumerate(numbers):
            if sign * number < sign * numbers[best] - self.min_delta:
                best = epoch
        return best + 1

    def finish(self, history: History) -> None:
        """At the end of the training, put the best parameters back."""
        if self.model is not None and self._best:
            for parameter, number in zip(self.model.parameters(), self._best, strict=True):
                parameter.data = number


class Checkpoint:
    """Write a checkpoint after every so many epochs: see `History.save`, and `fit` with `resume`.

    Each takes the place of the one before, whole or not at all: whenever the process is killed, there is one
    that can be read.

    Parameters
    ----------
    path : of the file.
    every : in epochs, at least 1.

    Raises
    ------
    TypeError, ValueError : if an argument is not as described.

    Examples
    --------
    >>> import os, tempfile
    >>> from nn import MLP, SGD, Checkpoint, fit
    >>> data = {"X": [[0.0], [1.0]], "y": [0.0, 1.0], "loss": "mse_loss"}
    >>> def train(epochs, **options):
    ...     model = MLP(1, [1], seed=0)
    ...     return fit(model, **data, optimizer=SGD(model.parameters(), 0.1), epochs=epochs, **options)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "checkpoint.json")
    ...     first = train(3, callbacks=[Checkpoint(path)])
    ...     whole = train(5, resume=path)
    >>> whole.loss == train(5).loss
    True
    """

    def __init__(self, path: str | PathLike[str], every: int = 1) -> None:
        if not isinstance(path, (str, PathLike)):
            raise TypeError(f"Checkpoint takes a path, got {type(path).__name__}: {path!r:.60}")
        self.path = os.fspath(path)
        self.every = require_count("every", every)

    def __call__(self, epoch: int, history: History) -> None:
        if epoch % self.every == 0:
            history.save(self.path)
