"""A model with its loss as a program, which `fit` runs instead of recording every example."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from autograd import GraphError, Program, Training, Value, compile, find_backend, grad, mean, no_grad

from .array_updates import ArrayUpdate, close
from .examples import Example, copies
from .layers import Dropout
from .losses import LOSSES, Loss
from .module import Module, in_rows, mode, several
from .optimizers import Optimizer
from .padding import PaddedLoss, is_causal
from .recording import Graph, NotCompiledError, factors_noted, keeping_nothing, record
from .weights import Weighted

__all__ = ["CompiledModel"]

Array = npt.NDArray[np.float64]
Indices = npt.NDArray[np.intp]
Shape = tuple[int, int | None]

PARAMETERS_CHECKED = 100_000  # calls of a user's model times its parameters, while it is checked


@dataclass(frozen=True)
class Recording:
    """The programs of examples of one shape.

    Attributes
    ----------
    program : the loss and the K numbers of the prediction; its inputs are features, targets and factors.
    evaluation : the same without dropout.
    masks : the dropout and the number of factors of each call, in the order of the columns.
    rows : the length of each row of the prediction; None if it is a list or a number.
    scalar : whether the prediction is a number.
    """

    program: Program
    evaluation: Program
    masks: list[tuple[Dropout, int]]
    rows: list[int] | None
    scalar: bool

    def predictions(self, outputs: Array) -> list[Any]:
        """The outputs (B, K) in the form of the model's: numbers, lists of K, or lists of rows."""
        if self.rows is not None:
            ends = np.cumsum(self.rows)[:-1]
            return [[part.tolist() for part in np.split(each, ends)] for each in outputs]
        found: list[Any] = (outputs[:, 0] if self.scalar else outputs).tolist()
        return found


class CompiledModel:
    """The loss and the prediction of a model, recorded for one example and run on batches.

    The inputs of the graph are features, target and the random factors of each `Dropout`. Sequences of
    different lengths are padded (see `PaddedLoss`) where the graph has no path from a position to an earlier
    output; otherwise each length is recorded.

    The graph has to be the same for all examples. While it is recorded, Python must not read its numbers (see
    `autograd.Readings`) nor what the training changes, such as the learning rate, and the code must not
    change what it keeps between calls (see `Kept`). For some examples value and gradient are compared with
    the eager engine, and a few updates with the optimizer (see `ArrayUpdate`).

    Parameters
    ----------
    model, loss, optimizer : as for `fit`. A parameter that the optimizer does not update is constant.
    data : the N examples for training.
    backend : ``"numpy"``, ``"llvm"`` or ``"jax"``.
    clips : the limits of the gradient, as for `Training`.
    predictions : whether a training notes them.
    others : further objects that the training changes: the schedule and callbacks.

    Raises
    ------
    NotCompiledError : if it is not the same computation for every example, or every update.
    ImportError, GraphError : as for `autograd.compile`.
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
        facts = find_backend(backend)
        if facts.installed:
            facts.load()  # some libraries draw random numbers on import
        self.updated = [parameter for parameter in optimizer.parameters if parameter.requires_grad]
        self.parameters = list(dict.fromkeys([*self.updated, *model.parameters()]))
        self.dropouts = self._dropping()
        targets = np.abs(np.concatenate([np.ravel(target) for _, target in data]))
        self.last_bits = 2.0**-46 * targets.max(initial=0.0, where=np.isfinite(targets))
        with keeping_nothing(model, loss, data[0]):
            self._record_all()
        self.update = ArrayUpdate(optimizer)

    def _record_all(self) -> None:
        """Record one example for all lengths where padding is right, or one for each shape."""
        self.padded = PaddedLoss.of(self.model, self.loss, self.data, pad=not self.dropouts)
        if self.padded is not None and self.padded.lengths:
            longest = {_shape(self._whole(example)): example for example in self.data}
            graphs = (self._graph(example, training=True) for example in longest.values())
            if all(is_causal(graph.x, graph.prediction) for graph in graphs):
                self._record_shapes()
                if self._agrees():
                    return
            self.padded = self.padded.without_padding()
        self._record_shapes()
        if not self._agrees():
            raise NotCompiledError(
                "the model or the loss is a different computation for other examples: it decides by "
                "what Python knows of them, such as their type, or draws random numbers; use where, maximum "
                "or minimum, Dropout, or backend='eager'"
            )

    def _record_shapes(self) -> None:
        """Record an example of each shape. All examples of a shape, or kind, are the rows of a table."""
        shapes = [_shape(self._whole(example)) for example in self.data]
        self.kinds = {shape: kind for kind, shape in enumerate(dict.fromkeys(shapes))}
        self.kind = np.array([self.kinds[shape] for shape in shapes])  # (N,)
        self.examples = [np.flatnonzero(self.kind == kind) for kind in range(len(self.kinds))]
        self.row = np.empty(len(self.data), np.intp)  # (N,), in the table of the kind
        for places in self.examples:
            self.row[places] = np.arange(len(places))
        self.tables = [self._table(self._of(places)) for places in self.examples]
        self.recordings = [self._compile(self.data[int(places[0])], self.backend) for places in self.examples]
        # The graph is checked in numpy, whose code is made in the least time. With several kinds the training
        # needs value and gradient of each in its own back end anyway.
        apart = self.backend != "numpy" and len(self.examples) == 1
        self.checked = [self._compile(self.data[0], "numpy")] if apart else self.recordings

    def _dropping(self) -> list[Dropout]:
        return [each for each in self.model.modules() if isinstance(each, Dropout) and each.p > 0.0]

    def _whole(self, example: Example) -> Example:
        return example if self.padded is None else self.padded.padded(example)

    def _table(self, data: Sequence[Example]) -> Array:
        """Examples of one kind as rows (N, I): features and targets."""
        whole = list(map(self._whole, data))
        targets = np.array([target for _, target in whole]).reshape(len(data), -1)
        return np.hstack([np.array([x for x, _ in whole]), targets])

    def _graph(self, example: Example, training: bool) -> Graph:
        loss: Loss = self.padded or self.loss
        with mode(self.model, training):
            return record(self.model, loss, self._whole(example), self.parameters, self.changing)

    def _compile(self, example: Example, backend: str) -> Recording:
        """The programs for the kind of this example."""
        programs: list[Program] = []
        for training in (True, False) if self.dropouts else (True,):
            graph = self._graph(example, training)
            try:
                programs.append(compile(_nodes(graph), self.parameters, graph.inputs, backend=backend))
            except ValueError as error:  # such as a leaf that is no parameter
                raise NotCompiledError(f"the model or the loss cannot be compiled: {error}") from error
            if training:
                masks = graph.masks
        prediction = graph.prediction
        rows = [len(row) for row in prediction] if in_rows(prediction) else None
        return Recording(programs[0], programs[-1], masks, rows, not hasattr(prediction, "__iter__"))

    # --- checks

    def _agrees(self) -> bool:
        """Whether the numbers are the eager engine's.

        Value and gradient are compared for a few examples, with several targets and all lengths among them;
        the loss for more, with the least and the greatest of each feature among them, since −99 may mark
        missing numbers; and the loss of one prediction with each target. A user's model is called with as
        many examples as take a small part of a second, which may be all.
        """
        steady = all(module._steady() for module in self.model.modules())
        own = self.loss.loss if isinstance(self.loss, Weighted) else self.loss
        kinds = list(range(len(self.tables)))
        if known := steady and getattr(own, "func", own) in LOSSES.values():
            # Parts of nn are the same computation for every length: one is enough.
            kinds = [max(kinds, key=lambda kind: len(self.examples[kind]))]
        data = sorted(i for kind in kinds for i in self.examples[kind].tolist())
        lengths: dict[Shape, int] = {}
        targets: dict[Any, int] = {}
        for i in data:
            target = self.data[i][1]
            lengths.setdefault(_shape(self.data[i]), i)
            if isinstance(self.loss, Weighted):
                target = self.loss.target(target)
            targets.setdefault(tuple(target) if isinstance(target, list) else target, i)
        each = list(targets.values())
        firsts = [lengths[min(lengths, key=lambda shape: shape[0])]] if known else list(lengths.values())
        in_positions = self.recordings[0].rows is not None
        some, least = (1, 8) if in_positions else (4, 64)  # each position counts as an example
        few = sorted({*each[:some], *firsts, *(data[i] for i in _spread(len(data), some))})
        if known and in_positions and not self.dropouts:
            return self._gradients_agree(self._of(few))
        extremes = [
            int(self.examples[kind][i])
            for kind in kinds
            for i in np.stack([self.tables[kind].argmin(axis=0), self.tables[kind].argmax(axis=0)], 1).ravel()
        ]
        count = least if steady else max(least, PARAMETERS_CHECKED // (1 + len(self.parameters)))
        spread = [data[i] for i in _spread(len(data), count)]
        more = {*(each if len(each) <= least else ()), *spread, *extremes[-least:]}
        x, target = self.data[data[0]]
        with mode(self.model, training=False), no_grad():
            prediction = self.model(x[:])
        alike = [i for i in each if _shape(self.data[i]) == _shape(self.data[data[0]])]
        if isinstance(target, list):  # a single number, such as a class, may be rare
            alike = [alike[i] for i in _spread(len(alike), count)]
        return (
            self._gradients_agree(self._of(few))
            and self._losses_agree(self._of(sorted(more)), self.model)
            and self._losses_agree([(x, self.data[i][1]) for i in alike], lambda x: prediction)
        )

    def _losses_agree(self, examples: Sequence[Example], model: Callable[[Any], Any]) -> bool:
        """Whether the losses of examples are those of the eager engine with this model."""
        with mode(self.model, training=False), no_grad():
            losses = [self.loss(model(x), target).data for x, target in copies(examples)]
        return close(self._evaluated(self.checked, examples)[0], losses, max(1e-12, self.last_bits))

    def _gradients_agree(self, examples: Sequence[Example]) -> bool:
        """Whether value and gradient are those of the eager engine, without dropout."""
        with mode(self.model, training=True), factors_noted(self.model, []):
            total = mean([self.loss(self.model(x), target) for x, target in copies(examples)])
        partials = np.array(grad(total, self.parameters))  # (P,)
        parts = []
        for kind, places in _grouped(np.array(list(map(self._kind_of, examples)))):
            rows = self._table([examples[i] for i in places])
            factors = sum(n for _, n in self.checked[kind].masks)
            parts.append((self.checked[kind].program, np.hstack([rows, np.ones((len(rows), factors))])))
        value, gradient = _mean_of(parts, self._numbers())
        sizes = np.abs([total.data, *partials])
        size = sizes.max(initial=0.0, where=np.isfinite(sizes))
        if close(value, total.data) and close(gradient, partials, atol=1e-9 * size):
            return True
        of_value, of_gradient = self._rounding(parts)
        of_gradient = max(of_gradient, 1e-9 * size)
        return close(value, total.data, of_value) and close(gradient, partials, of_gradient)

    def _rounding(self, parts: Sequence[tuple[Program, Array]]) -> tuple[float, float]:
        """How far value and gradient may be off: 8 times as far as the last bits of the parameters move them.

        Where a training has converged, both are sums that cancel, and back ends share no digit of them. Where
        it has saturated, they jump between 0 and the last bits of the targets.
        """
        numbers = self._numbers()
        value, gradient = _mean_of(parts, numbers)
        moves = np.zeros((3, 2))
        for row, signs in zip(moves, np.random.default_rng(0).choice([-1.0, 1.0], (3, len(numbers)))):
            other, others = _mean_of(parts, numbers * (1.0 + 2.0**-48 * signs))
            with np.errstate(invalid="ignore"):
                row[:] = abs(other - value), np.linalg.norm(others - gradient)
        found = 8.0 * moves.max(0, initial=0.0, where=np.isfinite(moves))
        of_value, of_gradient = np.maximum(found, self.last_bits)
        return float(of_value), float(of_gradient)

    def still_agrees(self) -> bool:
        """Whether model and optimizer are as they were recorded: callbacks may change them."""
        if self._dropping() != self.dropouts or not self.update.is_of_the_same_parameters:
            return False
        try:
            if self.update.has_new_settings:
                self.update = ArrayUpdate(self.optimizer)
            for places, recording in zip(self.examples, self.recordings):
                graph = self._graph(self.data[int(places[0])], training=True)
                if not recording.program.computes(_nodes(graph), self.parameters, graph.inputs):
                    return False
        except NotCompiledError:
            return False
        return self._losses_agree(self._of(_spread(len(self.data), 2)), self.model)

    def dry_run(self, largest: int) -> None:
        """Make an update and discard it, to find before the first step what native code cannot do.

        Raises
        ------
        GraphError : if it fails, or its value and gradient are not numpy's.
        """
        states = [dropout.generator.bit_generator.state for dropout in self.dropouts]
        firsts = [places[:1] for places in self.examples]  # in one batch, or in one each
        batches = firsts if largest == 1 else [np.concatenate(firsts)]
        try:
            batches = [np.arange(largest)] if len(firsts) == 1 else batches
            training, made, _ = self.train(batches, largest, self.optimizer.lr)
        except Exception as error:
            raise GraphError(
                f"the update of {type(self.optimizer).__name__} has no form for native code "
                f"({type(error).__name__}: {error}): use backend='numpy'"
            ) from error
        finally:
            for dropout, state in zip(self.dropouts, states):
                dropout.generator.bit_generator.state = state
        if made and self.checked is not self.recordings:
            parts = [(self.checked[0].program, training.examples(0, len(training.order)))]
            value, gradient = _mean_of(parts, self._numbers())
            found = training.values[0], training.norms[0]
            expected = value, np.linalg.norm(gradient[: training.updated])
            same = close(found, expected)
            if not (same or close(found, expected, np.array(self._rounding(parts)))):
                raise GraphError(
                    f"the {self.backend} back end gives the loss and the gradient norm {found}, and numpy "
                    f"{expected}: use backend='numpy'"
                )

    # --- training

    def train(
        self, batches: Sequence[Indices], largest: int, rates: npt.ArrayLike
    ) -> tuple[Training, int, list[Any]]:
        """Make updates up to one that is not finite, without changing the model; see `write_back`.

        Parameters
        ----------
        batches : the indices of the examples of each update.
        largest : the number of examples in the largest batch of the whole training.
        rates : η, one for all updates or one for each.

        Returns
        -------
        The training, the number of updates made, and the prediction of each visit, if noted.
        """
        visits, tables = list(batches), self.tables
        if any(recording.masks for recording in self.recordings):  # each visit has random factors
            visits, tables = self._with_factors(batches)
        elif len(tables) > 1:
            visits = [self.row[batch] for batch in batches]
        training = Training.of(
            self._numbers(),
            tables[0],
            visits,
            rates,
            self.update.memory,
            updated=len(self.updated),
            careful=True,
            outputs=self.recordings[0].program.outputs - 1 if self.noted and len(tables) == 1 else 0,
            largest=largest,
            **self.clips,
            **self.update.rule,
        )
        with np.errstate(all="ignore"):
            if len(tables) > 1:
                return training, *self._train_by_kind(training, np.concatenate(batches), tables)
            made = self.recordings[0].program.train(training)
        if not self.noted:
            return training, made, []
        return training, made, self._predictions(0, training.noted, self._of(np.concatenate(batches)))

    def _train_by_kind(
        self, training: Training, order: Indices, tables: Sequence[Array]
    ) -> tuple[int, list[Any]]:
        """Make updates from batches of several kinds: the gradient is the mean over the kinds' programs.

        `order` (V,) is the example of each visit.
        """
        predictions: list[Any] = [None] * len(order)
        parameters = training.state[: training.parameters]

        def compute(start: int, stop: int) -> tuple[Any, Any]:
            parts = []
            for kind, places in _grouped(self.kind[order[start:stop]]):
                program, visits = self.recordings[kind].program, start + places
                rows = tables[kind][training.order[visits]]
                parts.append((program, rows))
                if self.noted:
                    outputs = program.evaluate(parameters, rows)[:, 1:]
                    found = self._predictions(kind, outputs, self._of(order[visits]))
                    for visit, prediction in zip(visits.tolist(), found):
                        predictions[visit] = prediction
            value, gradient = _mean_of(parts, parameters)
            return np.array([value]), gradient

        return training.run(compute), predictions

    def _with_factors(self, batches: Sequence[Indices]) -> tuple[list[Any], list[Array]]:
        """The rows of each update, and the tables: a row is a visit, with its random factors."""
        order = np.concatenate(batches)
        drawn = self.draw(batches)
        rows, tables = np.empty(len(order), np.intp), []
        for kind, table in enumerate(self.tables):
            visits = np.flatnonzero(self.kind[order] == kind)
            rows[visits] = np.arange(len(visits))
            factors = drawn[kind] if len(visits) else np.empty((0, 0))
            tables.append(np.hstack([table[self.row[order[visits]]], factors]))
        return np.split(rows, np.cumsum(list(map(len, batches)))[:-1]), tables

    def draw(self, batches: Sequence[Indices]) -> dict[int, Array]:
        """The random factors of visits by kind, (V, ·), drawn as one visit after the other draws them."""
        kinds = self.kind[np.concatenate([*batches, []]).astype(np.intp)]
        changes = (np.flatnonzero(np.diff(kinds)) + 1).tolist()
        found: dict[int, list[Array]] = {}
        for start, stop in pairwise([0, *changes, len(kinds)]) if len(kinds) else ():
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
        """Set the model and the optimizer to the end of a training."""
        self.optimizer.load_state_dict(self.update.state(training.memory))
        for parameter, number in zip(self.updated, training.row(0).tolist()):
            parameter.data = number

    def previous(self, training: Training) -> tuple[list[float], dict[str, Any]]:
        """The optimizer's parameters and its state before the last update of a training."""
        numbers, _, *memory = training.previous.reshape(-1, training.parameters)[:, : training.updated]
        before = dict(zip(self.updated, numbers.tolist()))
        parameters = [before.get(parameter, parameter.data) for parameter in self.optimizer.parameters]
        return parameters, self.update.state(dict(zip(training.names, memory)))

    def evaluate(self, examples: Sequence[Example]) -> tuple[list[float], list[Any]]:
        """The losses of examples, and the predictions."""
        return self._evaluated(self.recordings, examples)

    def _evaluated(
        self, recordings: Sequence[Recording], examples: Sequence[Example]
    ) -> tuple[list[float], list[Any]]:
        losses, predictions = np.empty(len(examples)), [None] * len(examples)
        for kind, places in _grouped(np.array(list(map(self._kind_of, examples)))):
            own = [examples[i] for i in places]
            table = recordings[kind].evaluation.evaluate(self._numbers(), self._table(own))  # (B, 1 + K)
            losses[places] = table[:, 0]
            for place, prediction in zip(places, self._predictions(kind, table[:, 1:], own)):
                predictions[place] = prediction
        return losses.tolist(), predictions

    def _predictions(self, kind: int, outputs: Array, examples: Sequence[Example]) -> list[Any]:
        """The outputs (B, K) in the form of the model's, without padding."""
        found = self.recordings[kind].predictions(outputs)
        if self.padded is None or not self.padded.lengths:
            return found
        return [each[: len(x)] for each, (x, _) in zip(found, examples)]

    def _kind_of(self, example: Example) -> int:
        """The kind of an example; a shape that only validation has is recorded now."""
        shape = _shape(self._whole(example))
        if shape not in self.kinds:
            self.recordings.append(self._compile(example, self.backend))
            self.kinds[shape] = len(self.recordings) - 1
        return self.kinds[shape]

    def _of(self, numbers: Iterable[int]) -> list[Example]:
        return [self.data[i] for i in numbers]

    def _numbers(self) -> Array:
        return np.array([parameter.data for parameter in self.parameters])


def _shape(example: Example) -> Shape:
    """The numbers of features and targets; None for a target that is a number."""
    x, target = example
    return len(x), len(target) if isinstance(target, list) else None


def _nodes(graph: Graph) -> list[Value]:
    """The loss and the numbers of the prediction, row by row, as nodes."""
    outputs = [graph.loss, *several(graph.prediction)]
    return [each if isinstance(each, Value) else Value(each) for each in outputs]


def _grouped(kinds: Indices) -> list[tuple[int, Indices]]:
    """Each kind that occurs, with its places."""
    return [(int(kind), np.flatnonzero(kinds == kind)) for kind in np.unique(kinds)]


def _mean_of(parts: Sequence[tuple[Program, Array]], parameters: Array) -> tuple[float, Array]:
    """The means of value and gradient over all examples, each with its program."""
    n = sum(len(rows) for _, rows in parts)
    value, gradient = 0.0, np.zeros(len(parameters))
    for program, rows in parts:
        share, (v, g) = len(rows) / n, program(parameters, rows)
        value += share * v
        gradient += share * g
    return value, gradient


def _spread(n: int, count: int) -> list[int]:
    """At most `count` numbers below n, evenly spread."""
    return sorted({round(i) for i in np.linspace(0, n - 1, count).tolist()})
