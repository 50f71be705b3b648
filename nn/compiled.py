"""A model with its loss as a program: what `fit` runs instead of recording every example anew."""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from autograd import (
    GraphError,
    Program,
    Readings,
    Training,
    Value,
    compile,
    find_backend,
    grad,
    mean,
    no_grad,
    readings,
)

from .examples import Example, copies
from .kept import Kept
from .layers import Dropout
from .losses import LOSSES, Loss, ignored_class
from .module import Module, in_rows, mode, several
from .optimizers import SGD, Optimizer
from .weights import Weighted

__all__ = ["CompiledModel", "NotCompiledError"]

Array = npt.NDArray[np.float64]
Shape = tuple[int, int | None, tuple[int, ...]]


class NotCompiledError(ValueError):
    """The model, the loss or the update is not the same computation every time; the message says why."""


@dataclass(frozen=True)
class Recording:
    """The loss of examples of one shape, and their predictions, as a program.

    Attributes
    ----------
    program : of the loss and the K numbers of the prediction; its inputs are features, targets and factors.
    evaluation : the same with nothing dropped, without factors.
    masks : the dropouts with the number of their factors, in the order of the columns.
    rows : how many numbers each row of the prediction has; None of a flat one or of a number alone.
    scalar : whether the prediction is a number alone.
    width : K.
    """

    program: Program
    evaluation: Program
    masks: list[tuple[Dropout, int]]
    rows: list[int] | None
    scalar: bool
    width: int

    def predictions(self, outputs: Array) -> list[Any]:
        """The outputs (B, K) as the model gives them: numbers, lists of K, or lists of rows."""
        if self.rows is not None:
            ends = np.cumsum(self.rows)[:-1]
            return [[part.tolist() for part in np.split(each, ends)] for each in outputs]
        found: list[Any] = (outputs[:, 0] if self.scalar else outputs).tolist()
        return found


class CompiledModel:
    """The loss of a model for one example, and its predictions, recorded once and run on batches.

    The graph is recorded for one example, in which features, target and the random factors of a `Dropout`
    are inputs; of sequences once for each length, see `Recording`. Whether it is the same computation for
    other examples is checked: Python may read no number while it is recorded (see `autograd.Readings`), nor
    what the training changes, such as the rate; nothing that the code keeps between calls may change (see
    `Kept`, which puts it back afterwards), and for some examples value and gradient must be those of the
    eager engine, and a few updates those of the optimizer, which keeps numbers with `Optimizer.memory`.

    Parameters
    ----------
    model, loss, optimizer : as `fit` has them. A parameter that the optimizer does not update is constant.
    data : all examples to train with.
    backend : ``"numpy"``, ``"llvm"`` or ``"jax"``.
    clips : the limits of the gradient, as of `Training`.
    predictions : whether a training notes them.
    others : what else changes as the training goes on, a schedule and callbacks.

    Raises
    ------
    NotCompiledError : if it is not the same computation for every example, or every update.
    ImportError, GraphError : as `autograd.compile`; `GraphError` also if the update has no form for native
        code.
    """

    def __init__(
        self,
        model: Module,
        loss: Loss,
        optimizer: Optimizer,
        data: Sequence[Example],
        backend: str,
        clips: Mapping[str, float | None],
        predictions: bool,
        others: Sequence[Any] = (),
    ) -> None:
        self.model, self.loss, self.optimizer, self.backend = model, loss, optimizer, backend
        self.data, self.clips, self.noted = data, clips, predictions
        self.changing = [optimizer, *others]
        self.places = _trained(optimizer)
        self.updated = list(self.places.values())
        self.parameters = list(dict.fromkeys([*self.updated, *model.parameters()]))
        self.dropouts = [each for each in model.modules() if isinstance(each, Dropout) and each.p > 0.0]
        own = loss.loss if isinstance(loss, Weighted) else loss
        self.shape = functools.partial(_shape, ignored=ignored_class(own))
        shapes = list(map(self.shape, data))
        self.kinds = {shape: kind for kind, shape in enumerate(dict.fromkeys(shapes))}
        self.kind = np.array([self.kinds[shape] for shape in shapes])  # (N,), of each example
        self.examples = [np.flatnonzero(self.kind == kind) for kind in range(len(self.kinds))]  # of each kind
        self.row = np.empty(len(data), np.intp)  # (N,), of each example in the table of its kind
        for places in self.examples:
            self.row[places] = np.arange(len(places))
        facts = find_backend(backend)
        if facts.installed:
            facts.load()  # some libraries draw random numbers when they are imported
        with self._keeping_nothing():
            self.tables = [self.matrix([data[i] for i in places.tolist()]) for places in self.examples]
            self.recordings = [self._compile(data[int(places[0])]) for places in self.examples]
            self._check()
        self._take_update()

    # --- data

    def matrix(self, data: Sequence[Example]) -> Array:
        """Examples of one shape as rows (N, I): features, then targets."""
        features = np.array([x for x, _ in data])
        targets = np.array([target for _, target in data]).reshape(len(data), -1)
        return np.hstack([features, targets])

    def numbers(self) -> Array:
        return np.array([parameter.data for parameter in self.parameters])

    # --- the program

    @contextmanager
    def _keeping_nothing(self) -> Iterator[None]:
        """Within it, calls of the model and the loss may change nothing that they keep; it is put back after.

        Raises
        ------
        NotCompiledError : if they did, naming it.
        """
        before = Kept(model=self.model, loss=self.loss)
        try:
            _require_unchanged(before)  # which an iterator never is
            ((x, target),) = copies(self.data[:1])
            with mode(self.model, training=True), no_grad():  # what the first call makes is made then
                self.loss(self.model(x), target)
            kept = Kept(model=self.model, loss=self.loss)
            yield
            _require_unchanged(kept)
        finally:
            before.put_back()

    def _record(
        self, example: Example, training: bool
    ) -> tuple[Value, Any, list[Value], list[tuple[Dropout, int]]]:
        """The loss of an example, the prediction, the inputs that they were recorded from, and the masks."""
        (row,) = self.matrix([example])
        n = len(example[0])
        inputs = [
            Value(number, f"feature {i}" if i < n else "the target") for i, number in enumerate(row.tolist())
        ]
        x, target = inputs[:n], inputs[n:]
        reads = Readings([*inputs, *self.parameters], error=True)
        fault: Exception | None = None
        try:
            with (
                mode(self.model, training),
                _recording(self.dropouts) as masks,
                readings(reads),
                _watched(self.changing) as seen,
            ):
                prediction = self.model(x)
                single = not isinstance(example[1], list)
                loss = self.loss(prediction, target[0] if single else target)
        except Exception as error:  # it is the user's code
            fault = error
        if reads.found:  # which the user's code may have caught
            raise NotCompiledError(
                f"the model or the loss reads a number from the example: {reads.found[0]}. So it may "
                "compute something else for other examples: use where, maximum or minimum instead of if, or "
                "backend='eager'"
            ) from None
        if seen:
            place = f" ({reads.line_of(fault)})" if fault is not None else ""
            raise NotCompiledError(
                f"the model or the loss reads {seen[0]}{place}, which changes during the training and "
                "would be frozen: use backend='eager'"
            ) from None
        if fault is not None:
            raise NotCompiledError(
                "the model or the loss does not take Values in place of the example's numbers: "
                f"{type(fault).__name__}: {fault} ({reads.line_of(fault)})"
            ) from fault
        inputs += [factor for _, factors in masks for factor in factors]
        return loss, prediction, inputs, [(dropout, len(factors)) for dropout, factors in masks]

    def _compile(self, example: Example) -> Recording:
        """The program for all examples of the shape of this one."""
        found = []
        for training in (True, False):
            loss, prediction, inputs, masks = self._record(example, training)
            rows = [len(row) for row in prediction] if in_rows(prediction) else None
            try:
                outputs = _nodes(loss, prediction)
                program = compile(outputs, self.parameters, inputs, backend=self.backend)
            except ValueError as error:  # a leaf that is no parameter, for one
                raise NotCompiledError(f"the model or the loss cannot be compiled: {error}") from error
            scalar = not hasattr(prediction, "__iter__")
            found.append(Recording(program, program, masks, rows, scalar, program.outputs - 1))
            if training and not masks:
                return found[0]
        return replace(found[0], evaluation=found[1].program)

    def _check(self) -> None:
        """Compare with the eager engine's numbers: value and gradient, the loss, and the loss of each target.

        Value and gradient are compared for a few examples, with several targets among them. The loss is
        compared for more, with the least and the greatest of each feature among them: −99 may mark what is
        missing. A model of the user's own is called with as many examples as take a small part of a second,
        which may be all. The loss of one prediction is compared for every target.
        """
        steady = all(module._steady() for module in self.model.modules())
        # Parts of nn are the same computation for every length: one of them is looked at.
        own = self.loss.loss if isinstance(self.loss, Weighted) else self.loss
        known = steady and getattr(own, "func", own) in LOSSES.values()
        looked_at = [max(self.examples, key=len)] if known else self.examples
        data = sorted(i for places in looked_at for i in places.tolist())
        kinds: dict[Any, int] = {}
        for i in data:
            target = self.data[i][1]
            if isinstance(self.loss, Weighted):
                target = self.loss.target(target)
            kinds.setdefault(tuple(target) if isinstance(target, list) else target, i)
        each = list(kinds.values())
        # A position of a sequence is as good as an example.
        some, least = (1, 8) if self.recordings[0].rows is not None else (4, 64)
        firsts = [int(places[0]) for places in looked_at]
        few = sorted({*each[:some], *firsts, *(data[i] for i in _spread(len(data), some))})
        tables = [self.tables[self.kind[i]] for i in firsts]
        extremes = [
            int(places[i])
            for places, table in zip(looked_at, tables)
            for i in np.stack([table.argmin(axis=0), table.argmax(axis=0)], axis=1).ravel()
        ]
        count = least if steady else max(least, _NUMBERS // (1 + len(self.parameters)))
        spread = [data[i] for i in _spread(len(data), count)]
        more = {*(each if len(each) <= least else ()), *spread, *extremes[-least:]}
        x, target = self.data[data[0]]
        with mode(self.model, training=False), no_grad():
            prediction = self.model(x[:])
        alike = [i for i in each if self.kind[i] == self.kind[data[0]]]
        if isinstance(target, list):  # of a number alone, such as a class, there may be a rare one
            alike = [alike[i] for i in _spread(len(alike), count)]
        targets = [(x, self.data[i][1]) for i in alike]
        if not (
            self._agrees([self.data[i] for i in few])
            and self._agrees_forward([self.data[i] for i in sorted(more)], self.model)
            and self._agrees_forward(targets, lambda x: prediction)
        ):
            raise NotCompiledError(
                "the model or the loss is a different computation for other examples: it decides by "
                "what Python knows of them, such as their type, or draws random numbers; use where, maximum "
                "or minimum, Dropout, or backend='eager'"
            )

    def _agrees_forward(self, examples: Sequence[Example], model: Callable[[Any], Any]) -> bool:
        """Whether the losses of examples are the eager engine's, which calls this model."""
        with mode(self.model, training=False), no_grad():
            losses = [self.loss(model(x), target).data for x, target in copies(examples)]
        return _close(self.evaluate(examples)[0], losses, atol=1e-12)

    def still_agrees(self) -> bool:
        """Whether the model and its optimizer still are as they were recorded: a callback may change them."""
        dropping = [each for each in self.model.modules() if isinstance(each, Dropout) and each.p > 0.0]
        if dropping != self.dropouts or _trained(self.optimizer) != self.places:
            return False
        try:
            if _settings(self.optimizer) != self.settings:
                self._take_update()
            for places, recording in zip(self.examples, self.recordings):
                loss, prediction, inputs, _ = self._record(self.data[int(places[0])], training=True)
                outputs = _nodes(loss, prediction)
                if not recording.program.computes(outputs, self.parameters, inputs):
                    return False
        except NotCompiledError:
            return False
        return self._agrees_forward([self.data[i] for i in _spread(len(self.data), 2)], self.model)

    def _agrees(self, examples: Sequence[Example]) -> bool:
        """Whether value and gradient for examples are the eager engine's, with nothing dropped."""
        with mode(self.model, training=True), _recording(self.dropouts):
            total = mean([self.loss(self.model(x), target) for x, target in copies(examples)])
        partials = np.array(grad(total, self.parameters))  # (P,)
        parts = []
        for kind, places in _grouped(np.array(list(map(self._kind_of, examples)))):
            rows = self.matrix([examples[i] for i in places])
            factors = sum(n for _, n in self.recordings[kind].masks)
            nothing = np.ones((len(rows), factors))  # is dropped
            parts.append((self.recordings[kind].program, np.hstack([rows, nothing])))
        value, gradient = _mean_of(parts, self.numbers())
        sizes = np.abs([total.data, *partials])
        size = sizes.max(initial=0.0, where=np.isfinite(sizes))
        return _close(value, total.data) and _close(gradient, partials, atol=1e-9 * size)

    def _take_update(self) -> None:
        """Take the update of the optimizer as it is set now, if on whole arrays it gives the same numbers."""
        optimizer = self.optimizer
        refused = f"{type(optimizer).__name__} cannot be compiled, use backend='eager': its update "
        try:
            own, repeated = _clone(optimizer), _rule(_clone(optimizer))
            own._memory = remembered = _InitialMemory(own._memory)
            at = np.arange(len(optimizer.parameters))
            data = others = np.array([parameter.data for parameter in optimizer.parameters])
            memory: dict[str, Array] = {}
            generator = np.random.default_rng(0)
            same = True
            with np.errstate(all="ignore"):
                for _ in range(3):
                    gradient = generator.standard_normal(len(data))
                    data = own.update(data.copy(), gradient.copy(), at)
                    memory = memory or {name: array.copy() for name, array in remembered.first.items()}
                    changed = dict(memory)
                    others = np.array(repeated(others.copy(), gradient.copy(), np.float64(own.lr), changed))
                    for name, array in memory.items():
                        array[...] = changed[name]
                    same = same and _close(others, data)
        except Exception as error:  # it is the user's code
            raise NotCompiledError(
                f"{refused}does not run on whole arrays ({type(error).__name__}: {error})"
            ) from error
        if not same or not all(_close(memory[name], remembered[name]) for name in memory):
            raise NotCompiledError(
                f"{refused}gives different numbers when repeated: keep all that it remembers in "
                "Optimizer.memory, and read and set it with [at]"
            )
        self.settings, self.initial_memory = _settings(optimizer), remembered.first
        # A new rule for new settings, which are constants in its native code.
        self.rule = {} if _is_descent(optimizer) else {"rule": _rule(optimizer)}

    def dry_run(self, largest: int) -> None:
        """Make an update and forget it: what native code cannot do is found before the first step."""
        states = [dropout.generator.bit_generator.state for dropout in self.dropouts]
        firsts = [places[:1] for places in self.examples]  # in one batch, or in one each
        batches = firsts if largest == 1 else [np.concatenate(firsts)]
        try:
            batches = [np.arange(largest)] if len(firsts) == 1 else batches
            self.train(batches, largest, self.optimizer.lr)
        except Exception as error:
            raise GraphError(
                f"the update of {type(self.optimizer).__name__} has no form for native code "
                f"({type(error).__name__}: {error}): use backend='numpy'"
            ) from error
        finally:
            for dropout, state in zip(self.dropouts, states):
                dropout.generator.bit_generator.state = state

    # --- training

    def train(
        self, batches: Sequence[npt.NDArray[Any]], largest: int, rates: npt.ArrayLike
    ) -> tuple[Training, int, list[Any]]:
        """Make updates, and count those that stayed finite. The model is not touched; see `write_back`.

        Parameters
        ----------
        batches : the indices of the examples of each update.
        largest : the examples in the largest batch of the whole training.
        rates : η, one for all updates or one for each.

        Returns
        -------
        The training, how many updates were made, and the prediction of each visit, if they are noted.
        """
        visits, tables = list(batches), self.tables
        if any(recording.masks for recording in self.recordings):  # random factors belong to a visit
            visits, tables = self._with_factors(batches)
        else:
            visits = [self.row[batch] for batch in batches] if len(tables) > 1 else visits
        training = Training.of(
            self.numbers(),
            tables[0],
            visits,
            rates,
            {name: array[list(self.places)] for name, array in self._memory().items()},
            updated=len(self.updated),
            careful=True,
            outputs=self.recordings[0].width if self.noted and len(tables) == 1 else 0,
            largest=largest,
            **self.clips,
            **self.rule,
        )
        with np.errstate(all="ignore"):
            if len(tables) > 1:
                return training, *self._train_by_kind(training, np.concatenate(batches), tables)
            made = self.recordings[0].program.train(training)
        return training, made, self.recordings[0].predictions(training.noted) if self.noted else []

    def _train_by_kind(
        self, training: Training, order: npt.NDArray[Any], tables: Sequence[Array]
    ) -> tuple[int, list[Any]]:
        """Make the updates from examples of several shapes; `order` (V,) has the example of each visit.

        Of batches of one, native code makes all updates in a row from examples of one shape. A larger batch
        has several shapes: its gradient is the mean of what their programs give.
        """
        predictions: list[Any] = [None] * len(order)
        kinds, rows = self.kind[order], training.order
        parameters = training.state[: training.parameters]

        def compute(start: int, stop: int) -> tuple[Any, Any]:
            parts = []
            for kind, places in _grouped(kinds[start:stop]):
                program, table = self.recordings[kind].program, tables[kind][rows[start:stop][places]]
                parts.append((program, table))
                if self.noted:
                    found = self.recordings[kind].predictions(program.evaluate(parameters, table)[:, 1:])
                    for place, prediction in zip(places, found):
                        predictions[start + place] = prediction
            value, gradient = _mean_of(parts, parameters)
            return np.array([value]), gradient

        if training.largest > 1:
            return training.run(compute), predictions
        made = 0
        for start, stop in _runs(kinds):
            recording = self.recordings[kinds[start]]
            part = replace(
                training,
                batch=tables[kinds[start]],
                order=rows[start:stop],
                bounds=training.bounds[start:stop] - start,
                rates=training.rates[start:stop],
                outputs=recording.width if self.noted else 0,
            )
            done = recording.program.train(part)
            training.values[start:stop], training.norms[start:stop] = part.values, part.norms
            if self.noted:
                predictions[start:stop] = recording.predictions(part.noted)
            made += done
            if done < stop - start:
                break
        return made, predictions

    def _with_factors(self, batches: Sequence[npt.NDArray[Any]]) -> tuple[list[Any], list[Array]]:
        """Tables with a row for each visit, which has random factors; and the rows of each update in them."""
        order = np.concatenate(batches)
        drawn = self.draw(batches)
        rows, tables = np.empty(len(order), np.intp), []
        for kind, table in enumerate(self.tables):
            visits = np.flatnonzero(self.kind[order] == kind)
            rows[visits] = np.arange(len(visits))
            factors = drawn[kind] if len(visits) else np.empty((0, 0))
            tables.append(np.hstack([table[self.row[order[visits]]], factors]))
        return np.split(rows, np.cumsum(list(map(len, batches)))[:-1]), tables

    def draw(self, batches: Sequence[npt.NDArray[Any]]) -> dict[int, Array]:
        """Draw random factors for visits as one after the other does: by kind (V, ·)."""
        kinds = self.kind[np.concatenate([*batches, []]).astype(np.intp)]
        found: dict[int, list[Array]] = {}
        for start, stop in _runs(kinds):
            masks = self.recordings[kinds[start]].masks
            drawn: dict[Dropout, Iterator[Array]] = {}
            for dropout in self.dropouts:
                widths = [n for each, n in masks if each is dropout]
                factors = dropout.factors(stop - start, sum(widths))  # (V, Σ n)
                drawn[dropout] = iter(np.split(factors, np.cumsum(widths[:-1], dtype=np.intp), axis=1))
            columns = [next(drawn[dropout]) for dropout, _ in masks]
            found.setdefault(kinds[start], []).append(np.hstack([np.empty((stop - start, 0)), *columns]))
        return {kind: np.concatenate(parts) for kind, parts in found.items()}

    def write_back(self, training: Training) -> None:
        """Give the model and the optimizer the numbers that a training ended with."""
        self.optimizer.load_state_dict(self._state(training.memory))
        for parameter, number in zip(self.updated, training.row(0).tolist()):
            parameter.data = number

    def previous(self, training: Training) -> tuple[list[float], dict[str, Any]]:
        """The numbers of the parameters and the state of the optimizer before the last update."""
        numbers, _, *memory = training.previous.reshape(-1, training.parameters)[:, : training.updated]
        before = dict(zip(self.updated, numbers.tolist()))
        parameters = [before.get(parameter, parameter.data) for parameter in self.optimizer.parameters]
        return parameters, self._state(dict(zip(training.names, memory)))

    def _memory(self) -> dict[str, Array]:
        """By name what the optimizer remembers of each of its parameters, or will at first."""
        return {**self.initial_memory, **self.optimizer.state_dict()["memory"]}

    def _state(self, memory: Mapping[str, Array]) -> dict[str, Any]:
        """The optimizer's state with this memory of the parameters that are updated, (`updated`,) each."""
        remembered = {name: array.copy() for name, array in self._memory().items()}
        for name, array in memory.items():
            remembered[name][list(self.places)] = array
        return {"lr": self.optimizer.lr, "memory": remembered}

    def evaluate(self, examples: Sequence[Example]) -> tuple[list[float], list[Any]]:
        """The losses of examples, and the predictions."""
        losses, predictions = np.empty(len(examples)), [None] * len(examples)
        for kind, places in _grouped(np.array(list(map(self._kind_of, examples)))):
            recording, rows = self.recordings[kind], self.matrix([examples[i] for i in places])
            table = recording.evaluation.evaluate(self.numbers(), rows)  # (B, 1 + K)
            losses[places] = table[:, 0]
            for place, prediction in zip(places, recording.predictions(table[:, 1:])):
                predictions[place] = prediction
        return losses.tolist(), predictions

    def _kind_of(self, example: Example) -> int:
        """The number of the recording for an example; a shape that validation alone has is recorded now."""
        shape = self.shape(example)
        if shape not in self.kinds:
            self.recordings.append(self._compile(example))
            self.kinds[shape] = len(self.recordings) - 1
        return self.kinds[shape]


_NUMBERS = 100_000  # parameters that calls of the user's model go through while it is checked


def _require_unchanged(kept: Kept) -> None:
    changed = kept.changed()
    if changed:
        raise NotCompiledError(
            f"the model or the loss changes what it keeps between calls, {changed}: each call is "
            "a different computation; use Dropout for random numbers, or backend='eager'"
        )


def _shape(example: Example, ignored: int | None) -> Shape:
    """How many features and targets it has, None of a target that is a number alone; which it ignores."""
    x, target = example
    if not isinstance(target, list):
        return len(x), None, ()
    return len(x), len(target), tuple([i for i, each in enumerate(target) if each == ignored])


def _nodes(loss: Any, prediction: Any) -> list[Value]:
    """The loss and the numbers of a prediction, row by row, as nodes."""
    return [each if isinstance(each, Value) else Value(each) for each in (loss, *several(prediction))]


def _grouped(kinds: npt.NDArray[Any]) -> list[tuple[int, npt.NDArray[Any]]]:
    """Each kind that occurs, with the places where it does."""
    return [(int(kind), np.flatnonzero(kinds == kind)) for kind in np.unique(kinds)]


def _runs(kinds: npt.NDArray[Any]) -> list[tuple[int, int]]:
    """The first place and the one after the last of each run of one kind."""
    changes = (np.flatnonzero(np.diff(kinds)) + 1).tolist()
    return list(pairwise([0, *changes, len(kinds)])) if len(kinds) else []


def _mean_of(parts: Sequence[tuple[Program, Array]], parameters: Array) -> tuple[float, Array]:
    """The mean over all examples of the values and gradients of programs with their examples."""
    n = sum(len(rows) for _, rows in parts)
    value, gradient = 0.0, np.zeros(len(parameters))
    for program, rows in parts:
        share, (v, g) = len(rows) / n, program(parameters, rows)
        value += share * v
        gradient += share * g
    return value, gradient


def _is_descent(optimizer: Optimizer) -> bool:
    """Whether its rule is w ← w − η g, which is that of a training that is given none."""
    return type(optimizer) is SGD and not (optimizer.momentum or optimizer.weight_decay)


_CHANGING = ("parameters", "_memory", "_lr")  # attributes of an optimizer that a rule is given


def _trained(optimizer: Optimizer) -> dict[int, Value]:
    """The parameters that the optimizer updates, all but those that are frozen, by their place in it."""
    return {i: each for i, each in enumerate(optimizer.parameters) if each.requires_grad}


def _settings_of(optimizer: Optimizer) -> dict[str, Any]:
    attributes = object.__getattribute__(optimizer, "__dict__")
    return {name: value for name, value in attributes.items() if name not in _CHANGING}


def _settings(optimizer: Optimizer) -> str:
    return repr(_settings_of(optimizer))


def _rule(optimizer: Optimizer) -> Any:
    """The optimizer's `update` as a rule on whatever has arithmetic: arrays, or terms of native code."""

    def rule(data: Any, gradient: Any, rate: Any, memory: dict[str, Any]) -> Any:
        traced: Any = copy.copy(optimizer)
        cells = {name: _Slot(array) for name, array in memory.items()}
        traced._memory, traced._lr = cells, rate
        new = traced.update(data, gradient, slice(None))
        memory.update({name: cell.content for name, cell in cells.items()})
        return new

    return rule


def _clone(optimizer: Optimizer) -> Any:
    """A copy to try out, which shares nothing but the parameters."""
    return copy.deepcopy(optimizer, {id(optimizer.parameters): optimizer.parameters})


def _spread(n: int, count: int) -> list[int]:
    """At most `count` of the numbers below n, evenly spread."""
    return sorted({round(i) for i in np.linspace(0, n - 1, count).tolist()})


def _close(numbers: Any, eager: Any, atol: float = 0.0) -> bool:
    """Whether they agree. A number that is not finite is left to the training, which reports it."""
    return bool(np.all(np.isclose(numbers, eager, rtol=1e-9, atol=atol) | ~np.isfinite(eager)))


class _Slot:
    """One name in an optimizer's memory. It is read and set as a whole, whatever the index."""

    def __init__(self, content: Any) -> None:
        self.content = content

    def __getitem__(self, at: Any) -> Any:
        return self.content

    def __setitem__(self, at: Any, content: Any) -> None:
        self.content = content


class _InitialMemory(dict[str, Array]):
    """An optimizer's memory that records the initial state of each array, as it was when it was made."""

    def __init__(self, known: dict[str, Array]) -> None:
        super().__init__({name: array.copy() for name, array in known.items()})
        self.first = {name: array.copy() for name, array in known.items()}

    def setdefault(self, name: str, array: Any = None) -> Any:
        if name not in self:
            self.first[name] = array.copy()
        return super().setdefault(name, array)


_SETTLED = ("model", "optimizer", "parameters", "zero_grad")  # they stay, or are watched themselves


@contextmanager
def _watched(changing: Sequence[Any]) -> Iterator[list[str]]:
    """Within it, reading what these objects have in them is an error, and is noted: it may be caught.

    Settings of an optimizer stay, unless a callback changes them, which is followed.
    """
    seen: list[str] = []

    def watching(kind: Any) -> Any:
        def look(self: Any, name: str) -> Any:
            stays = name in _SETTLED or (name.startswith("__") and name != "__dict__")
            if not stays and not (isinstance(self, Optimizer) and name in _settings_of(self)):
                seen.append(f"{kind.__name__}.{name}")
                raise RuntimeError(f"{seen[-1]} is read")
            return super(watcher, self).__getattribute__(name)

        watcher = type(kind)(kind.__name__, (kind,), {"__getattribute__": look, "__slots__": ()})
        return watcher

    kinds = [(each, type(each)) for each in changing]
    try:
        for each, kind in kinds:
            each.__class__ = watching(kind)
        yield seen
    finally:
        for each, kind in kinds:
            object.__setattr__(each, "__class__", kind)


@contextmanager
def _recording(dropouts: Sequence[Dropout]) -> Iterator[list[tuple[Dropout, list[Value]]]]:
    """Within it the factors of a dropout are new `Value`s, which are collected."""
    masks: list[tuple[Dropout, list[Value]]] = []

    def factors(dropout: Dropout, n: int) -> Any:
        values = [Value(1.0) for _ in range(n)]
        masks.append((dropout, values))
        return np.array(values, dtype=object)

    try:
        for dropout in dropouts:
            vars(dropout)["factors"] = functools.partial(factors, dropout)
        yield masks
    finally:
        for dropout in dropouts:
            vars(dropout).pop("factors", None)
