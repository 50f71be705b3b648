"""`explore` on a model: the graph of one example's loss while the model is trained on all examples."""

from __future__ import annotations

import contextlib
import copy
import os
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from autograd import Drawing, Explorer, Plane, Run, Value, explore, grad, mean, no_grad, topological_order

from .arguments import require_count, require_number
from .callbacks import Watch
from .diagrams import diagram
from .examples import Example, copies, examples_of
from .history import History
from .losses import Loss, binary_cross_entropy_with_logits, find_loss
from .module import Module, in_rows, mode, several
from .optimizers import SGD, Optimizer
from .schedules import Schedule
from .training import DivergenceError, fit

__all__ = ["explore_model"]

_NEURON = re.compile(r"layer(?P<layer>\d+)\.neuron(?P<neuron>\d+)")


def explore_model(
    model: Module,
    data: tuple[Any, Any] | list[tuple[Any, Any]],
    path: str | os.PathLike[str] | None = None,
    *,
    loss: str | Loss = "mse_loss",
    lr: float | Iterable[float] = 0.1,
    epochs: int = 50,
    batch_size: int | None = None,
    optimizer: Callable[..., Optimizer] = SGD,
    schedule: Callable[[Optimizer], Schedule] | None = None,
    seed: int | None = 0,
    example: int = 0,
    inputs: Sequence[str] | None = None,
    outputs: Sequence[str] | None = None,
    title: str = "",
    frames: int = 51,
    limit: int = 300,
    language: str = "en",
    progress: bool = True,
) -> Explorer:
    """Step through backpropagation in a model, and watch it train: `autograd.explore` on a `Module`.

    The page shows the graph of the loss of one example, with layers and neurons that open and close, beside
    the network with its weights. For each learning rate a copy of the model is trained on all examples; the
    model itself does not change.

    Parameters
    ----------
    model : a `Module`; the network is shown if `diagram` can draw it.
    data : (X, y) as for `fit`, features (N, D) and targets (N,) or (N, K); or a list of pairs (x, t).
    path : of the page, ending in ``.html``; None to write nothing.
    loss, epochs, batch_size, schedule, seed, progress : as for `fit`.
    lr : the learning rate, or several to switch between, beginning with the first.
    optimizer : a function of parameters and ``lr``, such as `SGD` or `Adam`.
    example : the row of the data whose graph is shown.
    inputs, outputs : names of the features and of the model's outputs, by default x1, x2, ... and y1, y2, ...
    title : the heading of the page.
    frames : the largest number of epochs shown, at least 2, evenly spread.
    limit : the largest number of boxes drawn with all layers closed.
    language : of the page at first, ``en`` or ``de``.

    Returns
    -------
    An `Explorer`. A training that diverges ends at the last epoch before.

    Raises
    ------
    TypeError, ValueError : if an argument is not as described.
    IndexError : if there is no such example.
    MissingExtraError : if neither pygraphviz nor Graphviz is there to place the nodes.

    Examples
    --------
    >>> from autograd import explore
    >>> from nn import MLP
    >>> X, y = [[0, 0], [0, 1], [1, 0], [1, 1]], [0, 1, 1, 0]
    >>> page = explore(MLP(2, [2, 1], "tanh", seed=1), (X, y), lr=[0.5, 0.1], epochs=20, progress=False)
    >>> "<h1>A training of MLP, step by step</h1>" in page.html
    True
    """
    X, y = _columns(data)
    loss = find_loss(loss)
    with mode(model, training=False):
        examples = examples_of(model, loss, X, y)
    if not -len(examples) <= example < len(examples):
        raise IndexError(f"example must be one of the {len(examples)} rows of the data, got {example!r}")
    epochs = require_count("epochs", epochs)
    frames = require_count("frames", frames)
    rates = [require_number("lr", rate, least=0.0) for rate in (lr if isinstance(lr, Iterable) else [lr])]
    if not rates:
        raise ValueError(f"lr must be a number or several, got {lr!r:.60}")
    output, x, predictions, names = _recorded(model, loss, examples[example], inputs, outputs)
    runs = []
    for rate in rates:
        trainee = copy.deepcopy(model)
        made = optimizer(_trainable(trainee), lr=rate)
        options = {"epochs": epochs, "batch_size": batch_size, "seed": seed, "progress": progress}
        runs.append(_trained(trainee, loss, examples, made, frames, schedule, **options))
    return explore(
        output,
        path,
        wrt=_trainable(model),
        runs=runs,
        network=_network(model, *names),
        plane=_plane(output, x, predictions, loss, examples),
        title=title or f"A training of {type(model).__name__}, step by step",
        frames=frames,
        limit=limit,
        language=language,
    )


def _trainable(model: Module) -> list[Value]:
    """The parameters that are not frozen; the others are shown as constants of the graph."""
    return [parameter for parameter in model.parameters() if parameter.requires_grad]


def _columns(data: Any) -> tuple[Any, Any]:
    """Features and targets, of two arrays or of pairs."""
    if isinstance(data, list) and all(isinstance(each, tuple) and len(each) == 2 for each in data):
        return [x for x, _ in data], [target for _, target in data]
    if not isinstance(data, Sequence) or len(data) != 2:
        raise TypeError(f"explore takes (X, y) with a model, got {type(data).__name__}: {data!r:.60}")
    return data[0], data[1]


def _recorded(
    model: Module, loss: Loss, example: Example, inputs: Sequence[str] | None, outputs: Sequence[str] | None
) -> tuple[Value, list[Value], list[Value], tuple[list[str], list[str]]]:
    """The labelled loss, features and predictions of one example, and the names of features and outputs."""
    features, target = example
    names = _names("inputs", inputs, [f"x{k}" for k in range(1, len(features) + 1)])
    x = [Value(number, name) for number, name in zip(features, names, strict=True)]
    with mode(model, training=False):
        prediction = model(x)
        predictions = several(prediction)
        numbers = range(1, len(predictions) + 1) if len(predictions) > 1 else ("",)
        called = _names("outputs", outputs, [f"y{k}" for k in numbers])
        for node, name in zip(predictions, called, strict=True):
            node.label = node.label or name
        output = _with_leaves(loss, prediction, target)
    output.label = output.label or "L"
    _name_neurons(output)
    return output, x, predictions, (names, called)


def _plane(
    output: Value, x: list[Value], predictions: list[Value], loss: Loss, examples: list[Example]
) -> Plane | None:
    """The plane of two features, if the targets are classes: two numbers, indices, or one-hot rows."""
    targets = np.array([target for _, target in examples])
    kinds = np.unique(targets)
    level = 0.0
    if len(predictions) > 1:
        classes = targets.argmax(axis=1) if targets.ndim == 2 else targets
        decides = set(kinds) <= ({0.0, 1.0} if targets.ndim == 2 else set(range(len(predictions))))
    else:
        classes = targets.reshape(len(examples), -1)[:, 0] > kinds.mean()
        decides = len(kinds) == 2
        level = 0.0 if loss is binary_cross_entropy_with_logits else float(kinds.mean())
    if len(x) != 2 or not decides or not {*x, *predictions} <= set(topological_order(output)):
        return None
    return Plane((x[0], x[1]), predictions, np.array([each for each, _ in examples]), classes, level)


def _names(what: str, given: Sequence[str] | None, default: list[str]) -> list[str]:
    names = list(given or default)
    if len(names) != len(default):
        raise ValueError(f"{what} must be {len(default)} names, got {given!r:.80}")
    return names


def _with_leaves(loss: Loss, prediction: Any, target: Any) -> Value:
    """The loss, with targets as leaves of the graph where the loss takes them; a class stays a number."""
    if in_rows(prediction) or (hasattr(prediction, "__iter__") and not isinstance(target, list)):
        return loss(prediction, target)  # type: ignore[no-any-return]  # a loss gives one Value, which `fit` checks
    if isinstance(target, list):
        leaves: Any = [Value(number, f"t{k}") for k, number in enumerate(target, 1)]
    else:
        leaves = Value(target, "t")
    try:
        output: Value = loss(prediction, leaves)
    except (TypeError, ValueError):
        output = loss(prediction, target)
    return output


def _name_neurons(output: Value) -> None:
    """Label the nodes of neurons as the network's drawing does: h2, and a_h2 after the activation."""
    found = [(node, _NEURON.fullmatch(node.scope)) for node in topological_order(output) if node.op]
    layers = {int(match["layer"]) for _, match in found if match}
    for node, match in found:
        if match and not node.label:
            layer = int(match["layer"])
            column = "o" if layer == max(layers) else "h" if len(layers) == 2 else f"h{layer + 1}."
            name = f"{column}{int(match['neuron']) + 1}"
            node.label = name if node.op == "dot" else f"a_{name}"


def _network(model: Module, inputs: list[str], outputs: list[str]) -> Drawing | None:
    try:
        return diagram(model, inputs=inputs, outputs=outputs)
    except TypeError:  # the model has no columns of neurons
        return None


def _trained(
    model: Module,
    loss: Loss,
    examples: list[Example],
    optimizer: Optimizer,
    frames: int,
    schedule: Callable[[Optimizer], Schedule] | None,
    **options: Any,
) -> Run:
    """The numbers that a page shows of a training of the model by `fit`."""
    rate, parameters = optimizer.lr, optimizer.parameters
    numbers = [[parameter.data for parameter in parameters]]  # (E + 1, P), the start and after each epoch
    losses: list[float] = []

    def note(epoch: int, history: History) -> None:
        numbers.append([parameter.data for parameter in parameters])
        losses.append(history.loss[-1])

    with contextlib.suppress(DivergenceError):  # the page shows how far it came
        X, y = map(list, zip(*examples))
        fit(
            model, X, y, loss=loss, optimizer=optimizer, schedule=schedule, callbacks=[Watch(note)], **options
        )
    with mode(model, training=False), no_grad():
        losses.append(_mean_loss(model, loss, examples).data)
    last = len(numbers) - 1
    shown = Run.kept(last, frames)
    batches = -(-len(examples) // (options["batch_size"] or len(examples)))
    # Is each update w ← w − η g, with the same η?
    descends = type(optimizer) is SGD and not optimizer.momentum and not optimizer.weight_decay
    plain = batches == 1 and descends and schedule is None
    gradients = None
    if plain and len(examples) > 1:  # of the mean loss over all examples, at each of these epochs
        rows = []
        with mode(model, training=False):
            for epoch in shown:
                for parameter, number in zip(parameters, numbers[epoch], strict=True):
                    parameter.data = number
                rows.append(grad(_mean_loss(model, loss, examples), parameters))
        gradients = np.array(rows)
    kind = type(optimizer).__name__
    return Run(
        label=f"η = {rate:g}" if plain else f"{kind}, η = {rate:g}",
        epochs=shown,
        parameters=np.array([numbers[epoch] for epoch in shown]),
        after=np.array([numbers[min(epoch + 1, last)] for epoch in shown]),
        losses=losses,
        lr=rate if plain else None,
        gradients=gradients,
        update=kind if batches == 1 else f"{kind}, {batches} mini-batches in an epoch",
    )


def _mean_loss(model: Module, loss: Loss, examples: list[Example]) -> Value:
    total: Value = mean([loss(model(x), target) for x, target in copies(examples)])
    return total
