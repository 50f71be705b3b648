"""Callbacks of `fit`: stopping early, and checkpoints.

A callback is a function ``callback(epoch, history)``, called after each epoch; if it returns True, the
training ends. It may also have

- ``begin(history)``, called before the first step with the history of a resumed training: it may raise, or
  return True to end the training at once;
- ``finish(history)``, called after the last step;
- ``state_dict()`` and ``load_state_dict(state)``: a state of numbers, text, lists and dicts, saved in every
  checkpoint and history, and restored before ``begin`` when the training is resumed;
- ``only_looks = True`` in its class, if it changes nothing that is trained: `fit` then skips a search for
  changes that takes about as long as a few examples. `Watch` makes such a callback of a function.
"""

from __future__ import annotations

import copy
import math
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from os import PathLike
from typing import Any

from autograd import require_writable

from .arguments import (
    Described,
    require_column,
    require_count,
    require_flag,
    require_kind,
    require_number,
    require_state,
)
from .history import History
from .module import Module

__all__ = ["Callbacks", "Checkpoint", "EarlyStopping", "Watch", "only_looks"]


class EarlyStopping(Described):
    """End the training when a number has not improved for `patience` epochs, and restore the best parameters.

    nan is no improvement; where all numbers are nan, the parameters stay. Checkpoints save the best
    parameters too. A training resumed with this callback, but begun without it, keeps the last parameters if
    an earlier epoch was the best.

    Parameters
    ----------
    model : the model in training, for its best parameters; None to keep those of the last epoch.
    patience : in epochs, at least 1.
    min_delta : the smallest improvement that counts, at least 0.
    monitor : a column of `History.columns`; by default ``"validation_loss"``, or without one ``"loss"``.
    largest : whether more is better, as for an accuracy.

    Attributes
    ----------
    best_epoch : from 1; 0 before the first, and while all numbers are nan.

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

    only_looks = True

    def __init__(
        self,
        model: Module | None = None,
        patience: int = 10,
        min_delta: float = 0.0,
        monitor: str | None = None,
        largest: bool = False,
    ) -> None:
        require_kind(model, (Module, type(None)), "EarlyStopping takes the model")
        self.model = model
        self.patience = require_count("patience", patience)
        self.min_delta = require_number("min_delta", min_delta, least=0.0)
        self.monitor = require_column(monitor)
        self.largest = require_flag("largest", largest)
        self.best_epoch = 0
        self._best: list[float] = []

    def __call__(self, epoch: int, history: History) -> bool:
        """Whether the training should end."""
        best = self._best_of(history)
        if best == epoch and self.model is not None:
            self._best = [parameter.data for parameter in self.model.parameters()]
        elif best != self.best_epoch:
            self._best = []  # a resumed training, whose best epoch was before
        self.best_epoch = best
        return epoch - best >= self.patience

    def begin(self, history: History) -> bool:
        """Whether a resumed training has already ended."""
        return len(history) > 0 and len(history) - self._best_of(history) >= self.patience

    def _best_of(self, history: History) -> int:
        """The best of all epochs, so that a resumed training stops where it would have stopped."""
        sign = -1.0 if self.largest else 1.0
        best, least = 0, math.inf
        for epoch, number in enumerate(history.watched(self.monitor, type(self).__name__), start=1):
            if sign * number < least - self.min_delta or (number == number and not best):
                best, least = epoch, sign * number
        return best

    def state_dict(self) -> dict[str, Any]:
        """The column, the best epoch, and the parameters after it."""
        return {"monitor": self.monitor, "best_epoch": self.best_epoch, "best": list(self._best)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from the `state_dict` of another.

        Raises
        ------
        TypeError, ValueError : if `state` is none, or of another column or number of parameters.
        """
        require_state(self, state, monitor=object, best_epoch=object, best=list)
        if state["monitor"] != self.monitor:
            raise ValueError(
                f"this state comes from an EarlyStopping with monitor={state['monitor']!r}, "
                f"and this one has {self.monitor!r}"
            )
        best = [require_number("a parameter", number) for number in state["best"]]
        takes = 0 if self.model is None else len(self.model.parameters())
        if takes and state["best_epoch"] and len(best) not in (0, takes):
            raise ValueError(f"this state has {len(best)} best parameters, and the model has {takes}")
        self.best_epoch, self._best = require_count("best_epoch", state["best_epoch"], least=0), best

    def finish(self, history: History) -> None:
        """Restore the best parameters."""
        if self.model is not None and self._best:
            for parameter, number in zip(self.model.parameters(), self._best, strict=True):
                parameter.data = number


class Checkpoint(Described):
    """Write a checkpoint every few epochs: see `History.save`, and `fit` with `resume`.

    Each replaces the previous one as a whole: whenever the process is killed, a readable one remains.

    Parameters
    ----------
    path : of the file.
    every : in epochs, at least 1.

    Raises
    ------
    TypeError, ValueError : if an argument is not as described.
    OSError : before the first step, if no file can be written there.

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

    only_looks = True

    def __init__(self, path: str | PathLike[str], every: int = 1) -> None:
        require_kind(path, (str, PathLike), "Checkpoint takes a path")
        self.path = os.fspath(path)
        self.every = require_count("every", every)

    def begin(self, history: History) -> None:
        """Raise at once, before hours of training, if no file can be written there."""
        require_writable(self.path)

    def __call__(self, epoch: int, history: History) -> None:
        if epoch % self.every == 0:
            history.save(self.path)


class Watch(Described):
    """Call a function after each epoch that changes nothing that is trained, such as one that takes notes.

    After any other function `fit` looks for changes: it records the model again in each epoch.

    Parameters
    ----------
    function : ``function(epoch, history)``; if it returns True, the training ends.

    Raises
    ------
    TypeError : if `function` is none.

    Examples
    --------
    >>> from nn import MLP, SGD, Watch, fit
    >>> model, biases = MLP(1, [1], seed=0), []
    >>> watch = Watch(lambda epoch, history: biases.append(model.layers[0].neurons[0].b.data))
    >>> history = fit(model, [[0.0]], [1.0], loss="mse_loss", optimizer=SGD(model.parameters(), 0.25),
    ...               epochs=3, callbacks=[watch])
    >>> biases
    [0.5, 0.75, 0.875]
    """

    only_looks = True

    def __init__(self, function: Callable[[int, History], Any]) -> None:
        require_kind(function, Callable, "Watch takes a function of the epoch and the history")
        self.function = function

    def __call__(self, epoch: int, history: History) -> Any:
        return self.function(epoch, history)


class Callbacks:
    """The callbacks of one training; an interrupt may come between two of them.

    Attributes
    ----------
    called : for each callback, the last epoch after which it was called.
    ending : whether one has ended the training, before the others were called.
    """

    def __init__(self, functions: Any) -> None:
        self.functions: list[Any] = list(functions) if isinstance(functions, Iterable) else [None]
        if not all(map(callable, self.functions)):
            raise TypeError(
                "callbacks must be a list of functions callback(epoch, history), "
                f"got {type(functions).__name__}: {functions!r:.60}"
            )
        self.called, self.ending = [0] * len(self.functions), False

    def begin(self, history: History) -> bool:
        """Whether one ends the training before it begins."""
        answers = [function.begin(history) for function in self.functions if hasattr(function, "begin")]
        return any(answer is True for answer in answers)

    def call(self, history: History) -> bool:
        """Call those not yet called after the last epoch; whether one ends the training.

        A checkpoint written by one has it as called, and whether one before it has ended the training. An
        interrupted one counts as not called.
        """
        epoch = len(history)
        for number, function in enumerate(self.functions):
            before = self.called[number]
            if before < epoch:
                try:
                    self.called[number] = epoch
                    self.ending = function(epoch, history) is True or self.ending
                except BaseException:
                    self.called[number] = before
                    raise
        ended, self.ending = self.ending, False
        return ended

    def finish(self, history: History) -> None:
        for function in self.functions:
            getattr(function, "finish", lambda history: None)(history)

    @property
    def only_look(self) -> bool:
        """Whether none changes what is trained."""
        return all(map(only_looks, self.functions))

    def state(self) -> list[dict[str, Any]]:
        return [
            {
                "type": type(function).__name__,
                "called": called,
                "state": copy.deepcopy(function.state_dict()) if _keeps(function) else None,
            }
            for function, called in zip(self.functions, self.called)
        ]

    def load(self, states: Sequence[Mapping[str, Any]], ending: bool, epochs: int) -> None:
        """Restore the state of those that keep one; a training without any state asks for none."""
        types = [type(function).__name__ for function in self.functions]
        keeping = [number for number, function in enumerate(self.functions) if _keeps(function)]
        kept = [each for each in states if each["state"] is not None]
        were, are = [each["type"] for each in kept], [types[number] for number in keeping]
        if kept and were != are:
            raise ValueError(
                "this training cannot be resumed with other callbacks that keep a state: "
                f"it had {', '.join(were)}, and now there are {', '.join(are) or 'none'}"
            )
        for number, each in zip(keeping, kept):
            self.functions[number].load_state_dict(copy.deepcopy(each["state"]))
        same = types == [each["type"] for each in states]
        if same:
            self.ending = ending
        self.called = [epochs] * len(types)
        for number, each in enumerate(states) if same else zip(keeping, kept):
            self.called[number] = each["called"]


def only_looks(callback: Any) -> bool:
    """Whether a callback changes nothing that is trained."""
    return bool(vars(type(callback)).get("only_looks"))


def _keeps(callback: Any) -> bool:
    return hasattr(callback, "state_dict") and hasattr(callback, "load_state_dict")
