"""`fit`: forward, loss, backward, update, for as many epochs as asked."""

from __future__ import annotations

import copy
import functools
import importlib
import json
import math
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from os import PathLike
from typing import Any

import numpy as np

from autograd import (
    AnomalyError,
    GraphError,
    Training,
    Value,
    detect_anomaly,
    mean,
    no_grad,
    rank_backends,
)

from .arguments import random_generator, require_count, require_flag, require_positive
from .batches import batches
from .compiled import CompiledModel, NotCompiledError
from .examples import Example, copies, examples_of, split_of
from .history import History
from .kept import Kept, is_users
from .layers import Dropout
from .losses import Loss, binary_cross_entropy_with_logits, find_loss, hinge_loss
from .metrics import Metric, find_metrics
from .module import Module, mode
from .optimizers import Optimizer, clip_grad_norm_, clip_grad_value_, gradient_norm
from .schedules import LambdaLR, Schedule
from .storage import file_name, load_training, printable, save
from .weights import Weighted, weights_of

__all__ = ["DivergenceError", "fit"]

BACKENDS = ("auto", "eager", "numpy", "llvm")

Callback = Callable[[int, History], Any]


class DivergenceError(ArithmeticError):
    """Training left the finite numbers; the message says where and the likely cure."""


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
    validation: tuple[Any, Any] | tuple[Any, Any, Any] | None = None,
    validation_split: float = 0.0,
    sample_weight: Any = None,
    class_weight: Mapping[Any, float] | str | None = None,
    backend: str = "auto",
    progress: bool = True,
    callbacks: Iterable[Callback] = (),
    metrics: Iterable[str | Metric] = (),
    schedule: Schedule | Callable[[Optimizer], Schedule] | None = None,
    clip_norm: float | None = None,
    clip_value: float | None = None,
    resume: History | str | PathLike[str] | None = None,
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
    validation : (X, y), or (X, y, weights) with weights as of `sample_weight`, to take the loss of after each
        epoch, without training on it.
    validation_split : the share of the data, from 0 to below 1, that is kept for validation instead: the last
        examples as they are given, ⌈split · N⌉ of them, before any shuffling, as Keras does it. So data that
        are sorted have to be shuffled first.
    sample_weight : a weight w (N,) for each example, at least 0. The loss of a batch is then (1/B) Σ wᵢ Lᵢ,
        as if the loss had multiplied by it; it is not divided by Σ wᵢ. Metrics are not weighted.
    class_weight : a weight for each label as a mapping, such as ``{0: 1.0, 1: 10.0}``, for all examples with
        it, those of validation too; or ``"balanced"`` for N / (K · count of the label). The labels are those
        of y, or of one-hot rows the number of the 1. Where both are given, the weights are multiplied.
    backend : ``"eager"`` records and differentiates the object graph, example by example. ``"numpy"`` and
        ``"llvm"`` (with the extra ``jit``) record one example and run whole epochs as array code or native
        code, see `autograd.compile`: the model and the loss have to be the same computation for every
        example. Where Python reads one of its numbers, to decide by it or otherwise, that is an error; and
        where the code reads the optimizer's rate or a schedule's epoch, counts its calls, draws at random, or
        changes else what it keeps between them. All
        give the same numbers, but for rounding. ``"auto"`` compiles where it pays and can be done, and
        `History.backend_reason` says why; it goes by sizes and never by the clock, so that numbers are the
        same again.
    progress : whether to show a bar with the loss and the metrics: with tqdm installed, in a terminal or a
        notebook.
    callbacks : called after each epoch with its number, from 1, and the history; one that returns True
        ends the training. What one changes of the model, the loss or the optimizer is followed; only the
        model's mode is that of training in every epoch. See `nn.callbacks` for what else they may have, and
        `EarlyStopping` and `Checkpoint`.
    metrics : names of `nn.METRICS`, or functions ``metric(y_true, y_pred)`` of arrays, such as
        scikit-learn's: the targets as they are given, and what the model gives, (N,) or (N, K). For metrics
        that compare labels see `of_labels`.
    schedule : a `Schedule` of the optimizer, or what makes one of it, such as
        ``functools.partial(StepLR, step_size=10)``; it takes a step after each epoch, and in another training
        goes on from there.
    clip_norm, clip_value : if given, `clip_grad_norm_` and `clip_grad_value_` before each update.
    resume : the history of a training that was interrupted, or the path of a checkpoint, to go on from
        there until `epochs` in all: with the same arguments to the same numbers as without interruption. The
        callbacks that keep a state have to be of the same types in the same order.

    Returns
    -------
    The `History`. Ctrl-C ends the training too: the parameters are those after the last whole update, the
    history has the epochs completed and is marked `interrupted`. The model is left as after ``eval()``.

    Raises
    ------
    TypeError, ValueError : before the first step, if an argument or the data are not as described; it
        names the row, and in X the column. With a back end that compiles, if the model or the loss is not
        the same computation for every example, or the optimizer's update not on arrays and what
        `Optimizer.memory` keeps.
    ImportError : for ``"llvm"`` without llvmlite.
    GraphError : for ``"llvm"``, if the optimizer's update or a primitive has no form for native code.
    DivergenceError : if the loss or a parameter is no longer finite, with the epoch, the batch, the first
        node that was not, and the likely cure. The parameters are then the last whose loss was finite.

    Examples
    --------
    >>> from nn import MLP, SGD, fit
    >>> line = MLP(1, [1], seed=0)
    >>> X, y = [[0.0], [1.0], [2.0]], [1.0, 3.0, 5.0]
    >>> history = fit(line, X, y, loss="mse_loss", optimizer=SGD(line.parameters(), lr=0.2), epochs=200)
    >>> [round(p.data, 6) for p in line.parameters()]
    [2.0, 1.0]
    """
    if not isinstance(model, Module):
        raise TypeError(f"fit trains a Module, such as an MLP, got {type(model).__name__}: {model!r:.60}")
    if backend not in BACKENDS:
        raise ValueError(f"backend must be one of {', '.join(map(repr, BACKENDS))}, got {backend!r}")
    shuffle, progress = require_flag("shuffle", shuffle), require_flag("progress", progress)
    epochs = require_count("epochs", epochs)
    if batch_size is not None:
        batch_size = require_count("batch_size", batch_size)
    loss = find_loss(loss)
    optimizer = _optimizer_of(model, optimizer)
    schedule = _schedule_of(optimizer, schedule)
    clips = _clips(clip_norm, clip_value)
    measures = _metrics(metrics, loss)
    if validation is not None and validation_split:
        raise ValueError("give validation or validation_split, not both")
    if validation_split:
        (X, y, sample_weight), validation = split_of(validation_split, X, y, sample_weight)
    with mode(model, training=False):
        data = examples_of(model, loss, X, y)
        held_out = None if validation is None else _held_out(model, loss, validation)
    weights = weights_of(data, sample_weight, held_out, validation, class_weight)
    if weights is not None:
        loss = Weighted(loss, data)
        data, held_out = loss.weighted(data, weights[0]), held_out and loss.weighted(held_out, weights[1])
    callbacks = _callbacks(callbacks)
    order = _Order(len(data), batch_size, shuffle, random_generator(seed))
    watched = [each for each in callbacks if _only_looks(each) and hasattr(each, "__dict__")]
    others = watched if schedule is None else [schedule, *watched]
    make = functools.partial(
        CompiledModel, model, loss, optimizer, data, clips=clips, predictions=bool(measures), others=others
    )
    sizes = len(model.parameters()), len(data), batch_size, epochs
    compiled, name, reason = _compiled(make, backend, *sizes)

    validated = held_out is not None
    run = _Run(model, loss, optimizer, schedule, clips, measures, order, compiled, callbacks, validated)
    run.history.backend, run.history.backend_reason = name, reason
    if resume is not None:
        run.restore(_state_of(resume), "" if isinstance(resume, History) else f"{file_name(resume)}: ")
    ended = run.begin()
    try:
        with mode(model, training=True), _progress_bar(epochs, run.history, progress) as advance:
            ended = run.call_back(run.pending) or ended
            for epoch in range(len(run.history) + 1, 1 if ended else epochs + 1):
                if epoch <= len(run.history):  # done together with the one before
                    continue
                if not callbacks:
                    run.epochs_ahead(epoch, epochs, held_out)
                if epoch > len(run.history):
                    run.epoch(epoch, data, held_out)
                for _ in range(len(run.history) + 1 - epoch):
                    advance()
                if run.call_back(range(len(callbacks))):
                    break
                if all(map(_only_looks, callbacks)) and not run.users_code_changed_things():
                    continue
                run.follow()
                run.follow_callbacks()
                if run.compiled is not None and not run.compiled.still_agrees():
                    run.compiled, name, reason = _compiled(make, backend, *sizes)
                    run.history.backend = name
                    who = "a metric or the schedule" if all(map(_only_looks, callbacks)) else "a callback"
                    run.history.backend_reason = f"{who} changed what is trained, and {reason}"
    except KeyboardInterrupt:
        run.history.interrupted = True
    finally:
        try:
            run.finish()
        except KeyboardInterrupt:  # it is done again from where it was; a second one gets through
            run.history.interrupted = True
            run.finish()
    for callback in callbacks:
        getattr(callback, "finish", lambda history: None)(run.history)
    return run.history


class _Order:
    """Which examples make which batch; it can be put back to the beginning of an epoch."""

    def __init__(self, n: int, batch_size: int | None, shuffle: bool, generator: np.random.Generator) -> None:
        self.n, self.batch_size, self.shuffle, self.generator = n, batch_size, shuffle, generator
        self.began: tuple[int, dict[str, Any]] = 0, {}  # an epoch, and the generator's state at its beginning

    def batches(self, epoch: int) -> Iterator[Any]:
        number, state = self.began
        if number == epoch:
            self.generator.bit_generator.state = state
        else:
            self.began = epoch, _state(self.generator)
        return batches(self.n, self.batch_size, self.shuffle, self.generator)

    def state(self, epoch: int) -> dict[str, Any]:
        """The generator's state at the beginning of an epoch, the current one or the next."""
        number, state = self.began
        return state if number == epoch else _state(self.generator)


class _Run:
    """A training: where it stands, and how to make an update and take the last one back."""

    def __init__(
        self,
        model: Module,
        loss: Loss,
        optimizer: Optimizer,
        schedule: Schedule | None,
        clips: Mapping[str, float | None],
        metrics: Mapping[str, Metric],
        order: _Order,
        compiled: CompiledModel | None = None,
        callbacks: Sequence[Callback] = (),
        validated: bool = False,
    ) -> None:
        self.model, self.loss, self.optimizer, self.schedule = model, loss, optimizer, schedule
        self.clips, self.metrics, self.order, self.compiled = clips, metrics, order, compiled
        self.parameters, self.callbacks = list(optimizer.parameters), callbacks
        self.validated = validated
        self.called = [0] * len(callbacks)  # the last epoch that each was called after
        self.ending = False  # whether one of them has ended the training, while others are still to be called
        self.pending: list[int] = []  # those that an interrupted training has not called after its last epoch
        of_users = is_users(type(schedule)) or any(map(is_users, map(_function, metrics.values())))
        self.calls_users = of_users or isinstance(schedule, LambdaLR)  # code that may change things as well
        self.kept: Kept | None = None  # what the model and the loss keep, after an epoch
        self.history = History(run=self)
        self.first = 0 if schedule is None else schedule.last_epoch
        self.steps: tuple[int, list[dict[str, Any]]] = 0, []  # an epoch, and what its updates so far gave
        self.ahead = self.steps  # the first of several epochs of one update each, and what those gave
        self.dropouts = [module for module in model.modules() if isinstance(module, Dropout)]
        self.before = self.now()
        self.pace = 1  # how many updates are made at a time
        self.redo: list[Any] = []  # the batches of the updates made since `before`
        self.end: dict[str, Any] | None = None  # where the training stood when it ended

    # --- an epoch

    def epoch(self, epoch: int, data: list[Example], held_out: list[Example] | None) -> None:
        """Go through the data once, from where it was interrupted."""
        self.follow()
        rate = self.optimizer.lr
        steps = self.steps[1] if self.steps[0] == epoch else []
        self.steps = epoch, steps
        batches = list(self.order.batches(epoch))
        visited = [i for batch in batches for i in batch.tolist()]
        if self.compiled is not None:
            self.compiled_steps(batches[len(steps) :])
        for number, batch in enumerate(batches, start=1):
            if number > len(steps):
                self.step([data[i] for i in batch], f"epoch {epoch}, batch {number}")
        row: dict[str, Any] = {
            "gradient_norm": float(np.mean([step["norm"] for step in steps])),
            "learning_rate": rate,
        }
        if self.metrics:
            predictions = [prediction for step in steps for prediction in step["predictions"]]
            row["metrics"] = self.measured([data[i][1] for i in visited], predictions)
        if held_out is not None:
            losses, outputs = self.judged(held_out)
            row["validation_loss"] = math.fsum(losses) / len(losses)
            if self.metrics:
                row["validation_metrics"] = self.measured([target for _, target in held_out], outputs)
        row["loss"] = math.fsum(step["loss"] * step["size"] for step in steps) / len(data)
        self.history.add(row)

    def judged(self, held_out: list[Example]) -> tuple[list[float], list[Any]]:
        """The losses of examples that are not trained on, and the predictions."""
        if self.compiled is not None:
            return self.compiled.evaluate(self.compiled.matrix(held_out))
        with mode(self.model, training=False), no_grad():
            held_out = copies(held_out)
            outputs = [self.model(x) for x, _ in held_out]
            losses = [self.loss(output, t).data for output, (_, t) in zip(outputs, held_out)]
        return losses, list(map(_numbers, outputs))

    def measured(self, targets: list[Any], predictions: list[Any]) -> dict[str, float]:
        if isinstance(self.loss, Weighted):
            targets = list(map(self.loss.target, targets))
        t, y = np.array(targets), np.array(predictions)
        return {name: float(metric(t, y)) for name, metric in self.metrics.items()}

    # --- after an epoch

    def follow(self) -> None:
        """The steps of the schedule after the epochs that are completed: each whole or not at all."""
        while self.schedule is not None and self.schedule.last_epoch < self.first + len(self.history):
            before = self.schedule.state_dict()
            try:
                self.schedule.follow(self.history, self.schedule.last_epoch - self.first + 1)
            except BaseException:
                self.schedule.load_state_dict(before)
                raise

    def users_code_changed_things(self) -> bool:
        """Whether metrics and schedules that are the user's code may have changed what is trained."""
        if self.compiled is None or not self.calls_users:
            return False
        self.follow()
        if self.kept is not None and not self.kept.changed():
            return False
        self.kept = Kept(model=self.model, loss=self.loss)
        return True

    def begin(self) -> bool:
        """Tell the callbacks before the first step; whether one of them ends the training."""
        answers = [getattr(each, "begin", lambda history: None)(self.history) for each in self.callbacks]
        return any(answer is True for answer in answers)

    def call_back(self, numbers: Iterable[int]) -> bool:
        """Call these callbacks after the last epoch; whether one of them ends the training.

        What is saved meanwhile has the callback as called, and after an interrupt in it as not called; and
        that one before it has ended the training.
        """
        epoch = len(self.history)
        for number in numbers:
            before = self.called[number]
            try:
                self.called[number] = epoch
                self.ending = self.callbacks[number](epoch, self.history) is True or self.ending
            except BaseException:
                self.called[number] = before
                raise
        ended, self.ending = self.ending, False
        return ended

    def follow_callbacks(self) -> None:
        """Go on with what callbacks may have changed: the mode, and which parameters are updated.

        Raises
        ------
        ValueError : if the optimizer remembers something of other parameters.
        """
        self.model.train()
        if self.optimizer.parameters != self.parameters:
            try:
                self.optimizer.load_state_dict(self.optimizer.state_dict())
            except ValueError as error:
                raise ValueError(
                    f"a callback changed the parameters of the optimizer: {error}; make a new optimizer of "
                    "those that go on, for another fit"
                ) from error
            self.parameters = list(self.optimizer.parameters)
            self.before = self.now()

    def step(self, examples: list[Example], place: str) -> None:
        """One update from the mean loss over the examples; that loss is of before the update.

        An interrupt finds it done and noted in `steps`, or neither.
        """
        steps = self.steps[1]
        done = len(steps)
        previous, self.before = self.before, self.now()
        try:
            given = copies(examples)
            outputs = [self.model(x) for x, _ in given]
            total = mean([self.loss(output, target) for output, (_, target) in zip(outputs, given)])
            if not math.isfinite(total.data):
                error = self.divergence(f"the loss became {total.data!r}", place, examples)
                self.before = previous  # it is the last update that went wrong
                raise error
            self.model.zero_grad()
            self.optimizer.zero_grad()  # of parameters that are no longer the model's
            total.backward()
            found = {
                "loss": total.data,
                "size": len(examples),
                "norm": gradient_norm(self.parameters),
                "predictions": list(map(_numbers, outputs)) if self.metrics else [],
            }
            _clip(self.parameters, **self.clips)
            self.optimizer.step()
            for parameter in self.parameters:
                if not math.isfinite(parameter.data):
                    fault = f"{parameter.label or 'a parameter'} became {parameter.data!r}"
                    self.take_back()
                    raise self.divergence(fault, place, examples)
            steps.append(found)
        except BaseException:
            self.take_back()
            del steps[done:]
            raise

    # --- updates that are compiled

    def compiled_steps(self, batches: list[Any]) -> None:
        """Updates from these batches, a stretch of them at a time, up to one whose numbers are not finite.

        That one is left for `step`, with all that was before it undone that `step` needs to see.
        """
        model = self.compiled
        assert model is not None
        steps = self.steps[1]
        while batches:
            # The last batch may be smaller, and native code may add so few numbers up in another order: it
            # never goes alone, so that what comes out does not depend on the pace.
            stretch = batches[: self.pace] if len(batches) > self.pace + 1 else batches
            done = len(steps)
            before = self.now()
            began = time.monotonic()
            try:
                training, finite = model.train(stretch)
                if finite < len(stretch):
                    self.put_back(before)
                    self.until_not_finite(stretch, training, finite)
                    return
                model.commit(training)
                first = 0
                for batch, loss, norm in zip(stretch, training.values.tolist(), training.norms.tolist()):
                    predictions = model.predictions(training, first, len(batch)) if self.metrics else []
                    steps.append({"loss": loss, "size": len(batch), "norm": norm, "predictions": predictions})
                    first += len(batch)
                self.before, self.redo = before, stretch
            except BaseException:
                self.put_back(before)
                del steps[done:]
                raise
            batches = batches[len(stretch) :]
            self.keep_pace(len(stretch), time.monotonic() - began)

    def keep_pace(self, updates: int, seconds: float) -> None:
        """As many updates at a time as make Ctrl-C answered soon."""
        if seconds < 0.1:
            self.pace = max(self.pace, 2 * updates)
        elif seconds > 0.3:
            self.pace = max(1, self.pace // 2)

    def until_not_finite(self, stretch: list[Any], training: Training, finite: int) -> None:
        """Do those updates of a stretch after which `step` finds what went wrong: the last finite update too
        if it is the loss that is lost, for then that update is to be taken back."""
        lost = not math.isfinite(training.values[finite])
        if finite > lost:
            self.compiled_steps(stretch[: finite - lost])
        elif lost and not finite and self.redo:
            noted, rate, stretch = self.steps, self.optimizer.lr, self.redo
            self.steps = 0, []
            try:
                self.put_back(self.before)
                if len(stretch) > 1:
                    self.compiled_steps(stretch[:-1])
                assert self.compiled is not None
                self.step(self.compiled.examples(stretch[-1]), "the last update before")
            finally:
                self.steps, self.optimizer.lr, self.redo = noted, rate, []

    def epochs_ahead(self, epoch: int, epochs: int, held_out: list[Example] | None) -> None:
        """Many epochs of batch gradient descent at a time, if nobody looks at the single one."""
        size = self.order.batch_size
        alone = size is None or size >= self.order.n
        begun = self.steps[0] == epoch and self.steps[1]
        if self.compiled is None or not alone or self.schedule or self.metrics or held_out or begun:
            return
        count = min(epochs - epoch + 1, self.pace)
        if count < 2:
            return
        self.steps = self.ahead = epoch, []
        self.compiled_steps([next(self.order.batches(epoch))] * count)
        self.note_ahead()

    def note_ahead(self) -> None:
        """A row for each of the epochs done ahead; if it is interrupted, `finish` goes on with it."""
        epoch, steps = self.ahead
        history = self.history
        history.trim()
        rows = steps[len(history) + 1 - epoch :]
        history.gradient_norm += [step["norm"] for step in rows]
        history.learning_rate += [self.optimizer.lr] * len(rows)
        losses = [step["loss"] * step["size"] / step["size"] for step in rows]  # to the bit as in `epoch`
        history.loss += losses  # last: epochs that have one are complete
        if self.steps is self.ahead:
            self.steps = 0, []

    # --- the way back

    def now(self) -> tuple[list[float], dict[str, Any], list[dict[str, Any]]]:
        """What an update changes: the parameters, the optimizer, the generators of dropouts."""
        return (
            [parameter.data for parameter in self.parameters],
            self.optimizer.state_dict(),
            [_state(dropout.generator) for dropout in self.dropouts],
        )

    def take_back(self) -> None:
        """Put things back as they were before the last update."""
        self.put_back(self.before)

    def put_back(self, before: tuple[list[float], dict[str, Any], list[dict[str, Any]]]) -> None:
        numbers, state, generators = before
        for parameter, number in zip(self.parameters, numbers, strict=True):
            parameter.data = number
        self.optimizer.load_state_dict(state)
        for dropout, each in zip(self.dropouts, generators, strict=True):
            dropout.generator.bit_generator.state = each

    def divergence(self, fault: str, place: str, examples: list[Example]) -> DivergenceError:
        """The error for a fault; the first node that is not finite is found by doing the step again."""
        for dropout, state in zip(self.dropouts, self.before[2], strict=True):
            dropout.generator.bit_generator.state = state
        found = ""
        try:
            with detect_anomaly():
                mean([self.loss(self.model(x), target) for x, target in copies(examples)]).backward()
        except AnomalyError as error:
            found = f"; first, {error}"
        return DivergenceError(
            f"{fault} in {place}: lower the learning rate (it is {self.optimizer.lr:g}), scale the features "
            f"or clip the gradient{found}; the parameters are the last whose loss was finite"
        )

    # --- going on

    def settings(self) -> dict[str, Any]:
        """What a resumed training must have in common with this one."""
        return {
            "loss": getattr(self.loss, "__name__", type(self.loss).__name__),
            "optimizer": type(self.optimizer).__name__,
            "schedule": type(self.schedule).__name__,
            "metrics": list(self.metrics),
            "examples": self.order.n,
            "batch_size": self.order.batch_size,
            "shuffle": self.order.shuffle,
            "weights": isinstance(self.loss, Weighted),
        }

    def finish(self) -> None:
        """Leave the model to be used; what becomes of it later does not change where the training stood."""
        self.model.eval()
        self.note_ahead()
        self.follow()
        self.end = self.snapshot()

    def snapshot(self) -> dict[str, Any]:
        """All that is needed to go on from here, in what JSON has."""
        if self.end is not None:
            return self.end
        self.history.trim()
        done = len(self.history)
        state = self.optimizer.state_dict()
        return {
            "settings": self.settings(),
            "history": copy.deepcopy(self.history.measured()),
            "steps": list(self.steps[1]) if self.steps[0] == done + 1 else [],
            "order": _plain(self.order.state(done + 1)),
            "parameters": [parameter.data for parameter in self.parameters],
            "optimizer": {**state, "memory": {k: v.tolist() for k, v in state["memory"].items()}},
            "schedule": None
            if self.schedule is None
            else {**self.schedule.state_dict(), "first": self.first},
            "dropouts": [_plain(_state(dropout.generator)) for dropout in self.dropouts],
            "ending": self.ending,
            "callbacks": [
                {
                    "type": type(callback).__name__,
                    "called": called,
                    "state": _kept(callback),
                }
                for callback, called in zip(self.callbacks, self.called)
            ],
        }

    def restore(self, state: dict[str, Any], source: str) -> None:
        """Stand where a snapshot was taken, or on any error stay; `source` begins what an error says."""
        own = self.settings()
        for name, was in state["settings"].items():
            if own[name] != was:
                raise ValueError(
                    f"{source}this training cannot be resumed with another {name}: "
                    f"it had {was!r}, and now it is {own[name]!r}"
                )
        was = bool(state["history"]["validation_loss"])
        if state["history"]["loss"] and was != self.validated:
            raise ValueError(
                f"{source}this training cannot be resumed with{'out' * was} validation data, for its history "
                f"has {'a' if was else 'no'} validation loss"
            )
        if len(state["parameters"]) != len(self.parameters) or len(state["dropouts"]) != len(self.dropouts):
            raise ValueError(
                f"{source}this training cannot be resumed with another model: it had "
                f"{len(state['parameters'])} parameters and {len(state['dropouts'])} dropouts, "
                f"and now there are {len(self.parameters)} and {len(self.dropouts)}"
            )
        before, lr = self.snapshot(), self.optimizer.lr
        try:
            self.stand(state)
        except BaseException as error:
            self.stand(before)
            self.optimizer.lr = lr
            if source and isinstance(error, Exception):
                raise ValueError(f"{source}{printable(str(error))}") from error
            raise

    def stand(self, state: dict[str, Any]) -> None:
        """Take everything from a snapshot."""
        with _loading("callbacks"):
            self.restore_callbacks(state)
        for parameter, number in zip(self.parameters, state["parameters"]):
            parameter.data = float(number)
        with _loading("optimizer"):
            self.optimizer.load_state_dict(state["optimizer"])
        if self.schedule is not None:
            with _loading("schedule"):
                self.schedule.load_state_dict(state["schedule"])
                self.first = state["schedule"]["first"]
                if self.first > self.schedule.last_epoch:
                    raise ValueError(f"its first epoch, {self.first}, is after its last")
        for dropout, each in zip(self.dropouts, state["dropouts"]):
            dropout.generator = _put(dropout.generator, each)
        for name, numbers in state["history"].items():
            setattr(
                self.history,
                name,
                {k: list(v) for k, v in numbers.items()} if isinstance(numbers, dict) else list(numbers),
            )
        following = len(self.history) + 1
        self.steps = following, list(state["steps"])
        self.order.generator = _put(self.order.generator, state["order"])
        self.order.began = following, _state(self.order.generator)
        self.before = self.now()

    def restore_callbacks(self, state: dict[str, Any]) -> None:
        """Give the callbacks that keep a state the one they had; a training that had none asks for none."""
        were, done = state.get("callbacks", []), len(state["history"]["loss"])
        now = [type(callback).__name__ for callback in self.callbacks]
        keeping = [number for number, callback in enumerate(self.callbacks) if _keeps(callback)]
        states = [each for each in were if each["state"] is not None]
        if states:
            kinds, own = [each["type"] for each in states], [now[number] for number in keeping]
            if kinds != own:
                raise ValueError(
                    "this training cannot be resumed with other callbacks that keep a state: "
                    f"it had {', '.join(kinds)}, and now there are {', '.join(own) or 'none'}"
                )
            for number, each in zip(keeping, states):
                callback: Any = self.callbacks[number]
                callback.load_state_dict(copy.deepcopy(each["state"]))
        if now == [each["type"] for each in were]:
            pairs = list(enumerate(were))
            self.ending = state.get("ending", False)
        else:
            pairs = list(zip(keeping, states))
        self.called = [done] * len(now)
        for number, each in pairs:
            self.called[number] = each["called"]
        self.pending = [number for number, called in enumerate(self.called) if called < done]

    def save(self, path: str | PathLike[str]) -> None:
        training = self.snapshot()
        for each in training["callbacks"]:
            each["state"] = _plain(each["state"])
            try:
                json.dumps(each["state"])
            except (TypeError, ValueError) as error:
                raise TypeError(
                    f"the state of {each['type']} must be numbers, text, and lists and dicts of these: "
                    f"{error}"
                ) from None
        save(self.model, path, training=training)


def _only_looks(callback: Any) -> bool:
    """Whether a callback changes nothing that is trained."""
    return bool(vars(type(callback)).get("only_looks"))


def _function(metric: Any) -> Any:
    """The function, or the class, of a metric that may be wrapped."""
    metric = getattr(metric, "metric", metric)
    metric = getattr(metric, "func", metric)
    return metric if hasattr(metric, "__name__") else type(metric)


def _keeps(callback: Any) -> bool:
    """Whether a callback keeps a state."""
    return hasattr(callback, "state_dict") and hasattr(callback, "load_state_dict")


def _kept(callback: Any) -> Any:
    return copy.deepcopy(callback.state_dict()) if _keeps(callback) else None


def _state(generator: np.random.Generator) -> dict[str, Any]:
    return dict(generator.bit_generator.state)


def _plain(state: Any) -> Any:
    """The state of a generator, or of a callback, in what JSON has; some hold arrays."""
    if isinstance(state, Mapping):
        return {name: _plain(each) for name, each in state.items()}
    if isinstance(state, (list, tuple)):
        return list(map(_plain, state))
    return state.tolist() if isinstance(state, (np.ndarray, np.generic)) else state


def _put(generator: np.random.Generator, state: Mapping[str, Any]) -> np.random.Generator:
    """The generator in that state, so that it stays shared with others; of another kind, a new one."""
    kind = state["bit_generator"]
    if type(generator.bit_generator).__name__ != kind:
        generator = np.random.Generator(getattr(np.random, kind)(0))
    generator.bit_generator.state = state
    return generator


@contextmanager
def _loading(part: str) -> Iterator[None]:
    """What a part of a snapshot is not taken for, in words; it may come from anywhere."""
    try:
        yield
    except Exception as error:
        fault = "" if isinstance(error, (TypeError, ValueError)) else f"{type(error).__name__}: "
        raise ValueError(f"training.{part} cannot be loaded, for {fault}{error}") from error


def _numbers(output: Any) -> Any:
    """The prediction as a number, or as a list of them."""
    return [float(each) for each in output] if hasattr(output, "__iter__") else float(output)


# --- arguments -------------------------------------------------------------------------------------


def _state_of(resume: Any) -> dict[str, Any]:
    if isinstance(resume, History):
        if resume.run is None:
            raise ValueError(
                "only a history that fit has made in this session can be resumed: "
                "give the path of a checkpoint"
            )
        return resume.run.snapshot()
    return load_training(resume)


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


def _schedule_of(optimizer: Optimizer, schedule: Any) -> Schedule | None:
    if schedule is None:
        return None
    if not isinstance(schedule, Schedule) and callable(schedule):
        schedule = schedule(optimizer)
    if not isinstance(schedule, Schedule):
        raise TypeError(
            "schedule must be a Schedule such as StepLR(optimizer, step_size=10), or make one from the "
            f"optimizer, got {type(schedule).__name__}: {schedule!r:.60}"
        )
    if schedule.optimizer is not optimizer:
        raise ValueError(
            "the schedule sets the learning rate of another optimizer than the one that is given"
        )
    return schedule


def _clips(norm: Any, value: Any) -> dict[str, float | None]:
    return {
        "clip_value": None if value is None else require_positive("clip_value", value),
        "clip_norm": None if norm is None else require_positive("clip_norm", norm),
    }


def _clip(parameters: list[Value], clip_value: float | None, clip_norm: float | None) -> None:
    if clip_value is not None:
        clip_grad_value_(parameters, clip_value)
    if clip_norm is not None:
        clip_grad_norm_(parameters, clip_norm)


# A training is recorded anew for every example if these are so few, and so many numbers at the most.
_FEW, _PAYS = 3000, 2e5


def _compiled(
    make: Callable[[str], CompiledModel],
    backend: str,
    parameters: int,
    examples: int,
    batch_size: int | None,
    epochs: int,
) -> tuple[CompiledModel | None, str, str]:
    """The model compiled, or None to record every example anew; the back end, and why it is that one.

    It goes by sizes, and by what the model and the loss are: a training gives the same numbers on every run.
    """

    def made(choice: str) -> CompiledModel:
        compiled = make(choice)
        if choice == "llvm":
            compiled.rehearse(np.arange(min(batch_size or examples, examples)))
        return compiled

    if backend != "auto":
        return None if backend == "eager" else made(backend), backend, "it was asked for"
    visits, updates = examples * epochs, epochs * -(-examples // (batch_size or examples))
    if visits < _FEW and visits * parameters < _PAYS:
        return None, "eager", "so short a training is over before a program is compiled"
    reason = "it takes the least time for a training of this size"
    for choice in rank_backends(parameters, updates, visits):
        try:
            return made(choice), choice, reason
        except NotCompiledError as error:
            return None, "eager", str(error)
        except (ImportError, GraphError) as error:
            reason = f"{choice} is not possible: {error}"
    return None, "eager", reason


def _metrics(metrics: Any, loss: Loss) -> dict[str, Metric]:
    if isinstance(metrics, str) or not isinstance(metrics, Iterable):
        raise TypeError(
            f"metrics must be a list of names and functions, got {type(metrics).__name__}: {metrics!r:.60}"
        )
    return find_metrics(metrics, logits=loss in (binary_cross_entropy_with_logits, hinge_loss))


def _held_out(model: Module, loss: Loss, validation: Any) -> list[Example]:
    if not isinstance(validation, (tuple, list)) or len(validation) not in (2, 3):
        raise TypeError(
            f"validation must be a pair (X, y), got {type(validation).__name__}: {validation!r:.60}; "
            "or with weights (X, y, weights)"
        )
    X, y = validation[:2]
    return examples_of(model, loss, X, y, name="validation ")


def _callbacks(callbacks: Any) -> list[Callback]:
    functions: list[Any] = list(callbacks) if isinstance(callbacks, Iterable) else [None]
    if not all(map(callable, functions)):
        raise TypeError(
            "callbacks must be a list of functions callback(epoch, history), "
            f"got {type(callbacks).__name__}: {callbacks!r:.60}"
        )
    return functions


@contextmanager
def _progress_bar(epochs: int, history: History, wanted: bool) -> Iterator[Callable[[], None]]:
    """What to call after each epoch: a bar if tqdm is installed and somebody looks, otherwise nothing."""
    tqdm: Any = None
    if wanted and (_in_notebook() or (sys.stderr is not None and sys.stderr.isatty())):
        with suppress(ImportError):
            tqdm = importlib.import_module("tqdm.auto").tqdm
    if tqdm is None:
        yield lambda: None
        return
    with tqdm(total=epochs, initial=len(history), unit="epoch") as bar:

        def advance() -> None:
            shown = {
                name: f"{numbers[-1]:.4g}"
                for name, numbers in history.columns.items()
                if name not in ("gradient_norm", "learning_rate")
            }
            bar.set_postfix(shown, refresh=False)
            bar.update()

        yield advance


def _in_notebook() -> bool:
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return type(shell).__name__ == "ZMQInteractiveShell"
