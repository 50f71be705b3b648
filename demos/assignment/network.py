"""The assignment network: its numbers, its forward pass and its training, step by step."""

from __future__ import annotations

import math
from array import array
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from autograd import Value
from nn import MLP, SGD, half_squared_error

from .comment import Curve

WEIGHTS = ("w1", "w2", "w3", "w4", "w5", "w6", "w7", "w8")
SIX_RATES = (0.1, 0.2, 0.5, 0.8, 1.0, 2.0)
OVERSHOOT_RATES = (100.0, 1000.0)

Numbers = tuple[float, ...]


@dataclass(frozen=True)
class Settings:
    """The numbers of a run; the defaults are the assignment as courses set it."""

    inputs: Numbers = (0.05, 0.10)
    targets: Numbers = (0.5, 0.5)
    weights: Numbers = (0.15, 0.20, 0.25, 0.30, 0.40, 0.45, 0.50, 0.55)
    biases: Numbers | None = None  # of the hidden and of the output layer; they are not trained
    lr: float = 0.5
    epochs: int = 1000
    seed: int | None = None  # of random weights


# --- step 1: the network and its weights -------------------------------------------------------------


def build(settings: Settings) -> MLP:
    """The network with its initial weights, labelled as in the assignment."""
    model = MLP(
        2, [2, 2], activation="sigmoid", output_activation="sigmoid", bias=settings.biases is not None
    )
    for weight, label, data in zip(weights_of(model), WEIGHTS, settings.weights, strict=True):
        weight.label, weight.data = label, data

    # As in the published walk-through, both neurons of a layer share one fixed bias.
    if settings.biases is not None:
        for layer, label, data in zip(model.layers, ("b1", "b2"), settings.biases, strict=True):
            shared = Value(data, label)
            for neuron in layer.neurons:
                neuron.b = shared
    return model


def weights_of(model: MLP) -> list[Value]:
    """w1 to w8, in order: neuron by neuron from the first hidden one to the last output."""
    return [weight for layer in model.layers for neuron in layer.neurons for weight in neuron.w]


def random_weights(seed: int) -> Numbers:
    """Eight weights drawn uniformly from −1 to 1."""
    drawn: list[float] = np.random.default_rng(seed).uniform(-1.0, 1.0, len(WEIGHTS)).tolist()
    return tuple(drawn)


# --- steps 2 and 3: the forward pass and the loss ----------------------------------------------------


def forward(model: MLP, settings: Settings) -> dict[str, Value]:
    """Run the network once; returns all quantities by label, in the order of the table's columns."""
    i1, i2 = inputs = [Value(data) for data in settings.inputs]
    t1, t2 = (Value(data) for data in settings.targets)

    # A neuron returns its activation, whose parent is the weighted sum.
    hidden_layer, output_layer = model.layers
    a_h1, a_h2 = hidden = [neuron(inputs) for neuron in hidden_layer.neurons]
    a_o1, a_o2 = (neuron(hidden) for neuron in output_layer.neurons)
    (h1,), (h2,), (o1,), (o2,) = a_h1.parents, a_h2.parents, a_o1.parents, a_o2.parents

    E1 = half_squared_error(a_o1, t1)
    E2 = half_squared_error(a_o2, t2)
    E_total = E1 + E2

    given = {"i1": i1, "i2": i2, "t1": t1, "t2": t2}
    parameters = dict(zip(WEIGHTS, weights_of(model), strict=True))
    for label, layer in zip(("b1", "b2"), model.layers, strict=True):
        bias = layer.neurons[0].b
        if bias is not None:
            parameters[label] = bias
    computed = {
        "h1": h1, "a_h1": a_h1, "h2": h2, "a_h2": a_h2,
        "o1": o1, "a_o1": a_o1, "o2": o2, "a_o2": a_o2,
        "E1": E1, "E2": E2, "E_total": E_total,
    }  # fmt: skip
    for label, node in {**given, **computed}.items():
        node.label = label
    return {**given, **parameters, **computed}


# --- steps 4, 5 and 6: gradients, update, repeat -----------------------------------------------------


@dataclass(frozen=True, eq=False)
class Record:
    """Every number of a training.

    Attributes
    ----------
    rate : the learning rate η.
    columns : the names of the C columns: the quantities, then the gradients.
    states : (E + 1, C), the start and the state after each of the E updates.
    """

    rate: float
    columns: list[str]
    states: npt.NDArray[np.float64]

    @property
    def rows(self) -> npt.NDArray[np.float64]:
        """(E, C), the rows of the table: each epoch before its update."""
        return self.states[:-1]

    def row(self, epoch: int) -> dict[str, float]:
        """The quantities by name, after `epoch` updates; -1 is after the last one."""
        return dict(zip(self.columns, self.states[epoch].tolist(), strict=True))

    def __getitem__(self, column: str) -> npt.NDArray[np.float64]:
        """(E,), a column of the table."""
        return self.rows[:, self.columns.index(column)]

    @property
    def curve(self) -> Curve:
        """The loss curve, of at least one epoch."""
        rows = self.rows if len(self.rows) else self.states
        losses, gradients = rows[:, self.columns.index("E_total")], rows[:, -len(WEIGHTS) :]
        return Curve(losses, self.rate, np.abs(gradients).max(axis=1))


def record(settings: Settings, advance: Callable[[], object] = lambda: None) -> Record:
    """Train a fresh network, and keep all numbers; calls `advance` in each epoch.

    Training ends early at a loss that is not finite.
    """
    model = build(settings)
    weights = weights_of(model)
    optimizer = SGD(weights, lr=settings.lr)  # without the biases
    numbers = array("d")
    for epoch in range(settings.epochs + 1):
        nodes = forward(model, settings)  # the graph is recorded anew in each epoch
        optimizer.zero_grad()
        nodes["E_total"].backward()  # ∂E/∂w for all eight, from the same old weights
        numbers.extend([node.data for node in nodes.values()])
        numbers.extend([weight.grad for weight in weights])
        advance()
        if epoch == settings.epochs or not math.isfinite(nodes["E_total"].data):
            break
        optimizer.step()  # w ← w − η ∂E/∂w, all at once
    columns = [*nodes, *(f"∂E/∂{label}" for label in WEIGHTS)]
    return Record(settings.lr, columns, np.array(numbers).reshape(-1, len(columns)))


def central_differences(settings: Settings) -> dict[str, float]:
    """∂E_total/∂w for each weight by differences, without any calculus."""
    quotients = {}
    for position, label in enumerate(WEIGHTS):
        width = 1e-5 * max(1.0, abs(settings.weights[position]))
        losses = []
        for change in (width, -width):
            weights = list(settings.weights)
            weights[position] += change
            changed = replace(settings, weights=tuple(weights))
            losses.append(forward(build(changed), changed)["E_total"].data)
        quotients[label] = (losses[0] - losses[1]) / (2.0 * width)
    return quotients
