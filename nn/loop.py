"""The loop of a training: epochs of updates, which can be taken back and resumed."""

from __future__ import annotations

import copy
import functools
import itertools
import json
import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from os import PathLike
from typing import Any

import numpy as np

from autograd import AnomalyError, detect_anomaly, mean, no_grad, updates_at_once

from .batches import Order
from .callbacks import Callbacks
from .compiled import CompiledModel
from .examples import Example, called, copies
from .history import History
from .kept import Kept, is_users
from .layers import Dropout
from .losses import Loss, name_of
from .metrics import Metric
from .module import Module, in_rows, mode
from .optimizers import Optimizer, clip_grad_norm_, clip_grad_value_, gradient_norm
from .progress import progress_bar
from .rates import Rates
from .schedules import LambdaLR
from .storage import save
from .weights import Weighted

__all__ = ["DivergenceError", "Loop"]


class DivergenceError(ArithmeticError):
    """Training left the finite numbers; the message says where and the likely cure."""


@dataclass
class Standing:
    """A copy of what an update changes.

    Attributes
    ----------
    parameters : (P,).
    optimizer : its state.
    generators : the states of the generators of all dropouts.
    draw : repeats later draws of the dropouts, once the generators are set.
    """

    parameters: list[float]
    optimizer: dict[str, Any]
    generators: list[dict[str, Any]]
    draw: Callable[[], Any] = lambda: None


@dataclass(eq=False)
class Loop:
    """A training: its state, updates, and the way back from the last one.

    Attributes
    ----------
    model, loss, optimizer, metrics : as for `fit`, checked.
    rates, callbacks, order : the learning rates, the callbacks and the batches.
    clips : ``clip_value`` and ``clip_norm``.
    data, held_out : the examples for training and for validation.
    choose : gives the compiled model, or None for the eager engine; the back end's name, and the reason.
    steps : the first epoch not completed, and the loss, size, norm and predictions of each update from
        there on.
    before : the standing before the last update.
    end : the snapshot at the end of the training.
    """

    model: Module
    loss: Loss
    optimizer: Optimizer
    rates: Rates
    metrics: Mapping[str, Metric]
    callbacks: Callbacks
    clips: Mapping[str, float | None]
    order: Order
    data: list[Example]
    held_out: list[Example] | None
    choose: Callable[[], tuple[CompiledModel | None, str, str]]
    end: dict[str, Any] | None = None

    def __post_init__(self) -> None:
        self.parameters = list(self.optimizer.parameters)
        self.dropouts = [module for module in self.model.modules() if isinstance(module, Dropout)]
        schedule = self.rates.schedule
        of_users = is_users(type(schedule)) or any(map(is_users, map(_function, self.metrics.values())))
        self.calls_users = of_users or isinstance(schedule, LambdaLR)  # code that may change the model
        self.kept: Kept | None = None  # what the model and the loss keep, after the last epoch
        self.history = History(run=self)
        self.resumed = 0  # epochs of an earlier call
        self.steps: tuple[int, list[dict[str, Any]]] = 1, []
        self.before = self.now()
        self.history.backend_reason = self.choose_backend()

    def choose_backend(self) -> str:
        """Compile the model, or not; return the reason."""
        self.compiled, self.history.backend, reason = self.choose()
        self.at_once = 1  # updates made at a time: Ctrl-C is answered after them
        if self.compiled is not None:
            size = len(self.model.parameters())
            self.at_once = updates_at_once(self.history.backend, size, self.order.largest)
        return reason

    def run(self, epochs: int, progress: bool) -> History:
        """Train until that many epochs are completed, a callback ends the training, or Ctrl-C does."""
        history, callbacks = self.history, self.callbacks
        ended = callbacks.begin(history)
        try:
            with mode(self.model, training=True), progress_bar(epochs, history, progress) as advance:
                ended = callbacks.call(history) or ended  # those before which an interrupt came
                while not ended and len(history) < epochs:
                    done = len(history)
                    self.go_through_data(min(epochs, done + self.epochs_at_once()))
                    for _ in range(len(history) - done):
                        advance()
                    ended = callbacks.call(history)
                    if not ended:
                        self.follow_users_code()
        except KeyboardInterrupt:
            history.interrupted = True
        finally:
            try:
                self.finish()
            except KeyboardInterrupt:  # start again; a second one gets through
                history.interrupted = True
                self.finish()
        callbacks.finish(history)
        return history

    # --- epochs

    def epochs_at_once(self) -> int:
        """The number of epochs made together: one, if anything looks at single epochs."""
        by_epoch = self.rates.schedule is not None and not self.rates.by_update
        looked_at = self.callbacks.functions or by_epoch or self.metrics or self.held_out
        return 1 if looked_at else max(1, self.at_once // self.order.updates)

    def go_through_data(self, last: int) -> None:
        """Make the epochs up to the last one, from the update at which the training was interrupted."""
        self.follow()
        first, done = len(self.history) + 1, self.steps[1]
        drawn = [batch for epoch in range(first, last + 1) for batch in self.order.batches(epoch)]
        self.make_updates(drawn[len(done) :])
        row: dict[str, Any] = {}
        if self.metrics:
            visited = np.concatenate(drawn).tolist()  # (N,), in one epoch
            predictions = [prediction for step in done for prediction in step["predictions"]]
            row["metrics"] = self.measured([self.data[i] for i in visited], predictions)
        if self.held_out is not None:
            losses, outputs = self.judged(self.held_out)
            row["validation_loss"] = [math.fsum(losses) / len(losses)]
            if self.metrics:
                row["validation_metrics"] = self.measured(self.held_out, outputs)
        self.note_epochs(row)

    def note_epochs(self, row: Mapping[str, Any]) -> None:
        """Add the epochs with all their updates to the history, each whole or not at all."""
        (first, steps), n, epoch = self.steps, self.order.updates, len(self.history)
        done = steps[n * (epoch + 1 - first) : len(steps) - len(steps) % n]
        if done:
            norms = np.array([step["norm"] for step in done]).reshape(-1, n)
            shares = [step["loss"] * step["size"] for step in done]
            self.history.batch_loss[n * (epoch - self.resumed) :] = [step["loss"] for step in done]
            self.history.add(
                {
                    **row,
                    "gradient_norm": norms.mean(axis=1).tolist(),
                    "learning_rate": self.rates.after((epoch + k) * n - 1 for k in range(1, len(norms) + 1)),
                    "loss": [math.fsum(shares[i : i + n]) / self.order.n for i in range(0, len(shares), n)],
                }
            )
        self.steps = len(self.history) + 1, steps[len(steps) - len(steps) % n :]
        self.order.forget(self.steps[0])

    def judged(self, held_out: list[Example]) -> tuple[list[float], list[Any]]:
        """The losses of validation, and the predictions."""
        if self.compiled is not None:
            return self.compiled.evaluate(held_out)
        with mode(self.model, training=False), no_grad():
            held_out = copies(held_out)
            outputs = [called(f"row {i} of validation X", self.model, x) for i, (x, _) in enumerate(held_out)]
            losses = [self.loss(output, t).data for output, (_, t) in zip(outputs, held_out)]
        return losses, list(map(_numbers, outputs))

    def measured(self, examples: list[Example], predictions: list[Any]) -> dict[str, list[float]]:
        """The metrics by name; of sequences all positions count."""
        targets = [t if not isinstance(self.loss, Weighted) else self.loss.target(t) for _, t in examples]
        ragged = len({len(each) if isinstance(each, list) else 1 for each in predictions}) > 1
        if ragged or (predictions and in_rows(predictions[0])):
            targets, predictions = (list(itertools.chain(*each)) for each in (targets, predictions))
        t, y = np.array(targets), np.array(predictions)
        return {name: [float(metric(t, y))] for name, metric in self.metrics.items()}

    # --- after an epoch

    def follow(self) -> None:
        """Take the schedule's steps after the completed epochs or updates."""
        self.rates.follow(self.history, self.updates())

    def updates(self) -> int:
        """The number of updates made."""
        return (self.steps[0] - 1) * self.order.updates + len(self.steps[1])

    def follow_users_code(self) -> None:
        """Take account of what callbacks, metrics and the schedule may have changed."""
        who = "a callback"
        if self.callbacks.only_look:
            who = "a metric or the schedule"
            if self.compiled is None or not self.calls_users:
                return
            self.follow()
            if self.kept is not None and not self.kept.changed():
                return
            self.kept = Kept(model=self.model, loss=self.loss)
        self.follow()
        self.model.train()
        self.follow_parameters()
        if self.compiled is not None and not self.compiled.still_agrees():
            self.history.backend_reason = f"{who} changed what is trained, and {self.choose_backend()}"

    def follow_parameters(self) -> None:
        """Take account of other parameters in the optimizer.

        Raises
        ------
        ValueError : if it remembers something of the old ones.
        """
        if self.optimizer.parameters == self.parameters:
            return
        try:
            self.optimizer.load_state_dict(self.optimizer.state_dict())
        except ValueError as error:
            raise ValueError(
                f"a callback changed the parameters of the optimizer: {error}; make a new optimizer from "
                "those that remain, for another fit"
            ) from error
        self.parameters = list(self.optimizer.parameters)
        self.before = self.now()

    # --- updates

    def make_updates(self, batches: list[Any]) -> None:
        """Make an update from each of these batches, (B,) indices of examples."""
        first, steps = self.steps
        at = 0
        while at < len(batches):
            part = batches[at : at + self.at_once]
            if self.rates.by_update:
                self.follow()
            made = 0 if self.compiled is None else self.make_compiled(self.compiled, part)
            if made < len(part):  # after numbers that are not finite the eager engine says why
                if made and self.rates.by_update:
                    self.follow()
                epoch, number = divmod(len(steps), self.order.updates)
                place = f"epoch {first + epoch}, batch {number + 1}"
                self.make_eagerly(part[made], place)
                made += 1
            at += made

    def make_compiled(self, model: CompiledModel, batches: list[Any]) -> int:
        """Make and count updates, up to one whose numbers are not finite."""
        now = self.now()
        with self.whole_or_not_at_all(lambda: now):
            updates = self.updates()
            rates = self.rates.after(range(updates, updates + len(batches)))
            training, made, noted = model.train(batches, self.order.largest, rates)
            if made < len(batches):
                self.set_generators(now)
                model.draw(batches[:made])
            if made:
                model.write_back(training)
                losses, norms = training.values.tolist(), training.norms.tolist()
                for (start, end), loss, norm in zip(training.bounds[:made].tolist(), losses, norms):
                    self.note_update(loss, end - start, norm, noted[start:end])
                numbers, state = model.previous(training) if made > 1 else (now.parameters, now.optimizer)
                draw = functools.partial(model.draw, batches[: made - 1])
                self.before = Standing(numbers, state, now.generators, draw)
        return made

    def make_eagerly(self, batch: Any, place: str) -> None:
        """Make an update from a batch, (B,) indices of examples."""
        previous, self.before = self.before, self.now()
        examples = [self.data[i] for i in batch]
        with self.whole_or_not_at_all(lambda: self.before):
            given = copies(examples)
            outputs = [called(f"row {i} of X, in {place}", self.model, x) for i, (x, _) in zip(batch, given)]
            total = mean([self.loss(output, target) for output, (_, target) in zip(outputs, given)])
            if not math.isfinite(total.data):
                error = self.divergence(f"the loss became {total.data!r}", place, examples)
                self.before = previous  # the last update went wrong
                raise error
            self.model.zero_grad()
            self.optimizer.zero_grad()  # parameters that are no longer the model's
            total.backward()
            norm = gradient_norm(self.parameters)
            _clip(self.parameters, **self.clips)
            self.optimizer.step()
            for parameter in self.parameters:
                if not math.isfinite(parameter.data):
                    fault = f"{parameter.label or 'a parameter'} became {parameter.data!r}"
                    self.put_back(self.before)
                    raise self.divergence(fault, place, examples)
            predictions = list(map(_numbers, outputs)) if self.metrics else []
            self.note_update(total.data, len(examples), norm, predictions)

    def note_update(self, loss: float, size: int, norm: float, predictions: list[Any]) -> None:
        self.steps[1].append({"loss": loss, "size": size, "norm": norm, "predictions": predictions})

    # --- the way back

    @contextmanager
    def whole_or_not_at_all(self, before: Callable[[], Standing]) -> Iterator[None]:
        """A context in which updates are made; an error or an interrupt takes all back to `before`."""
        done = len(self.steps[1])
        try:
            yield
        except BaseException:
            self.put_back(before())
            del self.steps[1][done:]
            raise

    def now(self) -> Standing:
        return Standing(
            [parameter.data for parameter in self.parameters],
            self.optimizer.state_dict(),
            [dict(dropout.generator.bit_generator.state) for dropout in self.dropouts],
        )

    def put_back(self, standing: Standing) -> None:
        for parameter, number in zip(self.parameters, standing.parameters, strict=True):
            parameter.data = number
        self.optimizer.load_state_dict(standing.optimizer)
        self.set_generators(standing)

    def set_generators(self, standing: Standing) -> None:
        for dropout, state in zip(self.dropouts, standing.generators, strict=True):
            dropout.generator.bit_generator.state = state
        standing.draw()

    def divergence(self, fault: str, place: str, examples: list[Example]) -> DivergenceError:
        """The error for a fault, with the first node that is not finite, found by repeating the step."""
        self.set_generators(self.before)
        found = ""
        try:
            with detect_anomaly():
                mean([self.loss(self.model(x), target) for x, target in copies(examples)]).backward()
        except AnomalyError as error:
            found = f"; first, {error}"
        return DivergenceError(
            f"{fault} in {place}: lower the learning rate (it is {self.optimizer.lr:g}), scale the features "
            f"or clip the gradient{found}; the parameters are the last ones with a finite loss"
        )

    # --- going on

    def settings(self) -> dict[str, Any]:
        """What a resumed training must have in common with this one."""
        return {
            "loss": name_of(self.loss),
            "optimizer": type(self.optimizer).__name__,
            "schedule": self.rates.name,
            "metrics": list(self.metrics),
            "examples": self.order.n,
            "batch_size": self.order.batch_size,
            "shuffle": self.order.shuffle,
            "weights": isinstance(self.loss, Weighted),
        }

    def finish(self) -> None:
        """Leave the model ready for use, and take the last snapshot: the model may change afterwards."""
        self.model.eval()
        if not (self.metrics or self.held_out):
            self.note_epochs({})
        self.follow()
        self.end = self.snapshot()

    def snapshot(self) -> dict[str, Any]:
        """Everything that a training needs to go on from here, in types of JSON."""
        if self.end is not None:
            return self.end
        self.history.trim()
        done, now = len(self.history), self.now()
        memory = {name: array.tolist() for name, array in now.optimizer["memory"].items()}
        return {
            "settings": self.settings(),
            "history": copy.deepcopy(self.history.measured()),
            "steps": list(self.steps[1]) if self.steps[0] == done + 1 else [],
            "order": _plain(self.order.state(done + 1)),
            "parameters": now.parameters,
            "optimizer": {**now.optimizer, "memory": memory},
            "schedule": self.rates.state(),
            "dropouts": _plain(now.generators),
            "ending": self.callbacks.ending,
            "callbacks": self.callbacks.state(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a snapshot, or on any error change nothing.

        Raises
        ------
        ValueError : if it is of another training, or a part of it cannot be loaded.
        """
        self.require_same(state)
        before, lr = self.snapshot(), self.optimizer.lr
        try:
            self.load(state)
        except BaseException:
            self.load(before)
            self.optimizer.lr = lr
            raise

    def require_same(self, state: dict[str, Any]) -> None:
        refused, own = "this training cannot be resumed with", self.settings()
        for name, was in state["settings"].items():
            if own[name] != was:
                raise ValueError(f"{refused} another {name}: it had {was!r}, and now it is {own[name]!r}")
        was = bool(state["history"]["validation_loss"])
        if state["history"]["loss"] and was != (self.held_out is not None):
            some = "a" if was else "no"
            raise ValueError(
                f"{refused}{'out' * was} validation data, for its history has {some} validation loss"
            )
        had = len(state["parameters"]), len(state["dropouts"])
        has = len(self.parameters), len(self.dropouts)
        if had != has:
            raise ValueError(
                f"{refused} another model: it had {had[0]} parameters and {had[1]} dropouts, "
                f"and now there are {has[0]} and {has[1]}"
            )

    def load(self, state: dict[str, Any]) -> None:
        """Take everything from a snapshot."""
        self.resumed = len(state["history"]["loss"])
        with _loading("callbacks"):
            self.callbacks.load(state.get("callbacks", []), state.get("ending", False), self.resumed)
        for parameter, number in zip(self.parameters, state["parameters"]):
            parameter.data = float(number)
        with _loading("optimizer"):
            self.optimizer.load_state_dict(state["optimizer"])
        with _loading("schedule"):
            self.rates.load(state["schedule"])
        for dropout, each in zip(self.dropouts, state["dropouts"]):
            dropout.generator = _put(dropout.generator, each)
        vars(self.history).update(copy.deepcopy(state["history"]))
        self.steps = self.resumed + 1, list(state["steps"])
        self.order.generator = _put(self.order.generator, state["order"])
        self.order.states = {self.resumed + 1: dict(self.order.generator.bit_generator.state)}
        self.before = self.now()

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


def _function(metric: Any) -> Any:
    """The function or the class of a metric, which may be wrapped."""
    metric = getattr(metric, "metric", metric)
    metric = getattr(metric, "func", metric)
    return metric if hasattr(metric, "__name__") else type(metric)


def _plain(state: Any) -> Any:
    """The state of a generator or a callback in types of JSON; some hold arrays."""
    if isinstance(state, Mapping):
        return {name: _plain(each) for name, each in state.items()}
    if isinstance(state, (list, tuple)):
        return list(map(_plain, state))
    return state.tolist() if isinstance(state, (np.ndarray, np.generic)) else state


def _put(generator: np.random.Generator, state: Mapping[str, Any]) -> np.random.Generator:
    """The generator in this state: the same object, which may be shared, or one of another kind."""
    kind = state["bit_generator"]
    if type(generator.bit_generator).__name__ != kind:
        generator = np.random.Generator(getattr(np.random, kind)(0))
    generator.bit_generator.state = state
    return generator


@contextmanager
def _loading(part: str) -> Iterator[None]:
    """A context in which an error names the part of a snapshot: a file may hold anything."""
    try:
        yield
    except Exception as error:
        fault = "" if isinstance(error, (TypeError, ValueError)) else f"{type(error).__name__}: "
        raise ValueError(f"training.{part} cannot be loaded, because {fault}{error}") from error


def _numbers(output: Any) -> Any:
    """The prediction as a number, a list of numbers, or a list of rows."""
    return list(map(_numbers, output)) if hasattr(output, "__iter__") else float(output)


def _clip(parameters: list[Any], clip_value: float | None, clip_norm: float | None) -> None:
    if clip_value is not None:
        clip_grad_value_(parameters, clip_value)
    if clip_norm is not None:
        clip_grad_norm_(parameters, clip_norm)
