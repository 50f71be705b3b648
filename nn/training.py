"""`fit`: forward, loss, backward, update, for as many epochs as asked."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping
from os import PathLike
from typing import Any

import numpy as np

from autograd import GraphError, Value, find_backend, rank_backends

from .arguments import (
    random_generator,
    require_count,
    require_flag,
    require_kind,
    require_option,
    require_positive,
)
from .batches import Order
from .callbacks import Callbacks, only_looks
from .compiled import CompiledModel
from .examples import Example, examples_of, split_of
from .history import History
from .loop import DivergenceError, Loop
from .losses import Loss, binary_cross_entropy_with_logits, cross_entropy, find_loss, hinge_loss
from .metrics import Metric, find_metrics
from .module import Module, mode
from .optimizers import Optimizer
from .rates import Rates
from .recording import NotCompiledError
from .schedules import Schedule
from .storage import file_name, load_training, printable
from .weights import Weighted, weights_of

__all__ = ["DivergenceError", "fit"]

Callback = Callable[[int, History], Any]


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
    schedule_interval: str = "epoch",
    clip_norm: float | None = None,
    clip_value: float | None = None,
    resume: History | str | PathLike[str] | None = None,
) -> History:
    """Train the model in place: W ← W − η ∂L/∂W, where L is the mean loss over a batch.

    Parameters
    ----------
    model : called with one example, a list of D numbers.
    X : the features (N, D), finite: lists, an array, or anything with ``__array__``. Or a list of N sequences
        of different lengths, such as tokens.
    y : the targets (N,) or (N, K), as the loss takes them for one example; or N rows of different lengths,
        such as the next token at each position.
    loss : a name of `nn.LOSSES`, or a function ``loss(prediction, target)`` that returns one `Value`, such as
        ``functools.partial(cross_entropy, label_smoothing=0.1)``.
    optimizer : an `Optimizer` of some or all parameters of the model, or a function of the parameters that
        makes one, such as ``functools.partial(SGD, lr=0.1)``. Frozen parameters (see `Module.requires_grad_`)
        stay as they are; a callback may freeze some and free others.
    epochs : the number of passes through the data, at least 1.
    batch_size : None for batch gradient descent, 1 for stochastic, k for mini-batches of k.
    shuffle, seed : the order of the examples, see `batches`; the same seed gives the same numbers.
    validation : (X, y) or (X, y, weights), whose loss is measured after each epoch.
    validation_split : the share of the data, from 0 to below 1, that is held out for validation instead: the
        last ⌈split · N⌉ examples, before any shuffling, as in Keras. Shuffle sorted data first.
    sample_weight : a weight w (N,) for each example, at least 0: the loss of a batch is (1/B) Σ wᵢ Lᵢ, not
        divided by Σ wᵢ. Metrics are not weighted.
    class_weight : a weight for each label, such as ``{0: 1.0, 1: 10.0}``, for all examples with that label,
        in validation too; or ``"balanced"`` for N / (K · count of the label). The labels are those of y, or
        the index of the 1 in one-hot rows. It multiplies `sample_weight`.
    backend : ``"eager"`` records and differentiates the object graph, example by example. ``"numpy"``,
        ``"llvm"`` (with the extra ``jit``) and ``"jax"`` (with the extra ``jax``) record one example and run
        whole epochs as array code, native code or by XLA, see `autograd.compile`. The model and the loss must
        then be the same computation for every example: it is an error if Python reads a number of the
        example, or if the code reads the learning rate or a schedule's epoch, counts its calls, draws at
        random, or changes anything else that it keeps between calls. All back ends give the same numbers, up
        to rounding. ``"auto"`` compiles where that is possible and pays; `History.backend_reason` says why.
        It goes by sizes, never by the clock, so that every run gives the same numbers.
        Sequences of different lengths are padded to one program if the loss is one of `nn.LOSSES` over
        positions and the recorded graph shows that no output depends on a later position; otherwise each
        length has a program of its own. Either way a batch is a mean over sequences.
    progress : whether to show a bar with the loss and the metrics, if tqdm is installed, in a terminal or a
        notebook.
    callbacks : functions ``callback(epoch, history)`` called after each epoch, from 1; one that returns True
        ends the training. Changes of the model, the loss or the optimizer count from then on, except that of
        the model's mode. See `nn.callbacks`, `EarlyStopping` and `Checkpoint`.
    metrics : names of `nn.METRICS`, or functions ``metric(y_true, y_pred)`` of arrays such as scikit-learn's,
        given the targets and the predictions, (N,) or (N, K); N counts all positions of sequences. For
        metrics that compare labels see `of_labels`.
    schedule : a `Schedule` of the optimizer, or a function of the optimizer that makes one, such as
        ``functools.partial(StepLR, step_size=10)``. It takes a step after each epoch, and goes on from there
        in another training.
    schedule_interval : ``"epoch"``, or ``"update"`` for a step after each update: then t and T of the
        schedule count updates, and its rate has to be a formula in t.
    clip_norm, clip_value : the limits of `clip_grad_norm_` and `clip_grad_value_` before each update.
    resume : the history of an interrupted training, or the path of a checkpoint, to go on from until `epochs`
        in all: with the same arguments, to the same numbers as without interruption. Callbacks that keep a
        state must be of the same types in the same order.

    Returns
    -------
    The `History`. Ctrl-C ends the training too: the parameters are those after the last whole update, and the
    history, marked `interrupted`, has the completed epochs. The model is left as after ``eval()``.

    Raises
    ------
    TypeError, ValueError : before the first step, if an argument or the data are not as described; it
        names the row, and in X the column. With a compiled back end, if the model or the loss is not the same
        computation for every example, or the optimizer's update does not run on arrays with all that it
        remembers in `Optimizer.memory`.
    IndexError : before the first step, if a model of tokens is given one that it does not have.
    ImportError : for ``"llvm"`` without llvmlite, and ``"jax"`` without jax.
    GraphError : for ``"llvm"`` and ``"jax"``, if the optimizer's update or a primitive has no form for them.
    DivergenceError : if the loss or a parameter is no longer finite, with the epoch, the batch, the first
        node that was not, and the likely cure. The parameters are then the last with a finite loss.

    Examples
    --------
    >>> from nn import MLP, SGD, fit
    >>> line = MLP(1, [1], seed=0)
    >>> X, y = [[0.0], [1.0], [2.0]], [1.0, 3.0, 5.0]
    >>> history = fit(line, X, y, loss="mse_loss", optimizer=SGD(line.parameters(), lr=0.2), epochs=200)
    >>> [round(p.data, 6) for p in line.parameters()]
    [2.0, 1.0]
    """
    require_kind(model, Module, "fit trains a Module, such as an MLP")
    if backend not in ("auto", "eager"):
        find_backend(backend, besides=["auto", "eager"])
    shuffle, progress = require_flag("shuffle", shuffle), require_flag("progress", progress)
    epochs = require_count("epochs", epochs)
    if batch_size is not None:
        batch_size = require_count("batch_size", batch_size)
    loss = find_loss(loss)
    optimizer = _optimizer_of(model, optimizer)
    schedule = _schedule_of(optimizer, schedule, schedule_interval)
    given = {"clip_value": clip_value, "clip_norm": clip_norm}
    clips = {name: None if limit is None else require_positive(name, limit) for name, limit in given.items()}
    measures = _metrics(metrics, loss)
    if validation is not None and validation_split:
        raise ValueError("give validation or validation_split, not both")
    if validation_split:
        (X, y, sample_weight), validation = split_of(validation_split, X, y, sample_weight)
    with mode(model, training=False):
        data = examples_of(model, loss, X, y)
        held_out = None if validation is None else _held_out(model, loss, validation)
    _require_effect(loss, data)
    weights = weights_of(data, sample_weight, held_out, validation, class_weight)
    if weights is not None:
        loss = Weighted(loss, data)
        data, held_out = loss.weighted(data, weights[0]), held_out and loss.weighted(held_out, weights[1])
    called_back = Callbacks(callbacks)
    order = Order(len(data), batch_size, shuffle, random_generator(seed))
    watched = [each for each in called_back.functions if only_looks(each) and hasattr(each, "__dict__")]
    make = functools.partial(
        CompiledModel, model, loss, optimizer, data, clips=clips, predictions=bool(measures),
        others=watched if schedule is None else [schedule, *watched],
    )  # fmt: skip
    choose = functools.partial(_compiled, make, backend, len(model.parameters()), order, epochs)
    rates = Rates(optimizer, schedule, by_update=schedule_interval == "update")
    loop = Loop(model, loss, optimizer, rates, measures, called_back, clips, order, data, held_out, choose)
    if resume is not None:
        _resume(loop, resume)
    return loop.run(epochs, progress)


# --- arguments -------------------------------------------------------------------------------------


def _optimizer_of(model: Module, optimizer: Any) -> Optimizer:
    parameters = model.parameters()
    if not isinstance(optimizer, Optimizer) and callable(optimizer):
        try:
            optimizer = optimizer(parameters)
        except TypeError as error:
            raise TypeError(
                f"optimizer could not be made from the parameters alone: {error}. Pass one, such "
                "as SGD(model.parameters(), lr=0.1), or what makes one, functools.partial(SGD, lr=0.1)"
            ) from error
    expected = "optimizer must be an Optimizer such as SGD(model.parameters(), lr=0.1), or what makes one"
    require_kind(optimizer, Optimizer, f"{expected} from the parameters")
    strangers = len(set(optimizer.parameters) - set(parameters))
    if strangers:
        raise ValueError(
            f"{strangers} of the optimizer's {len(optimizer.parameters)} parameters are not the model's: "
            "make it from the parameters of the model that you train"
        )
    if not any(parameter.requires_grad for parameter in optimizer.parameters):
        raise ValueError(
            f"each of the optimizer's {len(optimizer.parameters)} parameters is frozen, so that nothing is "
            "left to train: give some to it for which requires_grad_() was called"
        )
    found: Optimizer = optimizer
    return found


def _schedule_of(optimizer: Optimizer, schedule: Any, interval: Any) -> Schedule | None:
    require_option("schedule_interval", interval, "epoch", "update")
    if schedule is None:
        return None
    if not isinstance(schedule, Schedule) and callable(schedule):
        schedule = schedule(optimizer)
    expected = "schedule must be a Schedule such as StepLR(optimizer, step_size=10), or make one"
    require_kind(schedule, Schedule, f"{expected} from the optimizer")
    if schedule.optimizer is not optimizer:
        raise ValueError("the schedule belongs to another optimizer than the one given")
    if interval == "update" and type(schedule).step is not Schedule.step:
        raise ValueError(
            "schedule_interval='update' needs a schedule whose rate is a formula, and "
            f"{type(schedule).__name__} has a step of its own: give it after each epoch"
        )
    found: Schedule = schedule
    return found


# With fewer visits to examples, and fewer visits times parameters, compiling takes longer than it saves.
_FEW, _PAYS = 3000, 2e5


def _compiled(
    make: Callable[[str], CompiledModel], backend: str, parameters: int, order: Order, epochs: int
) -> tuple[CompiledModel | None, str, str]:
    """The compiled model, or None for the eager engine; the back end, and the reason for it.

    The choice depends on sizes, the model and the loss: every run of a training gives the same numbers.
    """

    def made(choice: str) -> CompiledModel:
        compiled = make(choice)
        if find_backend(choice).refuses:
            compiled.dry_run(order.largest)
        return compiled

    if backend != "auto":
        return None if backend == "eager" else made(backend), backend, "it was asked for"
    visits, updates = order.n * epochs, order.updates * epochs
    if visits < _FEW and visits * parameters < _PAYS:
        return None, "eager", "so short a training ends before a program would be compiled"
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
    function = getattr(loss, "func", loss)  # of a partial
    return find_metrics(metrics, logits=function in (binary_cross_entropy_with_logits, hinge_loss))


def _require_effect(loss: Any, data: list[Example]) -> None:
    """Refuse weights of classes that the mean over a single target divides out again."""
    given = getattr(loss, "keywords", {}) if getattr(loss, "func", loss) is cross_entropy else {}
    lone = not isinstance(data[0][1], list)
    if lone and given.get("weight") is not None and given.get("reduction", "mean") == "mean":
        raise ValueError(
            "weights of classes have no effect in the mean over the one target of an example, which is "
            "divided by its weight: give class_weight to fit, or the loss reduction='sum'"
        )


def _held_out(model: Module, loss: Loss, validation: Any) -> list[Example]:
    if not isinstance(validation, (tuple, list)) or len(validation) not in (2, 3):
        raise TypeError(
            f"validation must be a pair (X, y), got {type(validation).__name__}: {validation!r:.60}; "
            "or with weights (X, y, weights)"
        )
    X, y = validation[:2]
    return examples_of(model, loss, X, y, name="validation ")


def _resume(loop: Loop, resume: Any) -> None:
    if isinstance(resume, History):
        if resume.run is None:
            raise ValueError(
                "only a history that fit made in this session can be resumed: "
                "otherwise give the path of a checkpoint"
            )
        loop.restore(resume.run.snapshot())
    else:
        state = load_training(resume)
        try:
            loop.restore(state)
        except Exception as error:  # of what the file holds, or of a callback that took it
            raise ValueError(f"{file_name(resume)}: {printable(str(error))}") from error
