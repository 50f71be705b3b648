"""The assignment: two inputs, two hidden neurons, two outputs, trained by backpropagation, step by step.

    python -m demos assignment --out out/assignment

You will see, on one page with all the numbers of your own run: the network with its weights, the
forward pass, the loss, the gradient of the loss for each of the eight weights factor by factor, the
update of all weights at once, the loss going down, and what the learning rate does to it. Beside the
page lie its pictures and ``table.csv``, with one row for each epoch.

    h1 = w1·i1 + w2·i2      a_h1 = σ(h1)        o1 = w5·a_h1 + w6·a_h2      a_o1 = σ(o1)
    h2 = w3·i1 + w4·i2      a_h2 = σ(h2)        o2 = w7·a_h1 + w8·a_h2      a_o2 = σ(o2)
    E1 = ½(t1 − a_o1)²      E2 = ½(t2 − a_o2)²  E_total = E1 + E2
"""

from __future__ import annotations

import math
import sys
import textwrap
from array import array
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from autograd import (
    Explorer,
    MissingExtraError,
    Value,
    draw,
    explore,
    save_workbook,
    topological_order,
    write_csv,
)
from nn import MLP, SGD, diagram, half_squared_error
from nn.curves import Curve, comment
from nn.plots import require_matplotlib

from ..shared import files
from ..shared.options import Options, OptionsError, fail
from ..shared.page import EXPLORER
from . import charts
from .handout import Handout
from .page import Lesson, derive, evaluate

PROGRAM = "python -m demos assignment"

WEIGHTS = ("w1", "w2", "w3", "w4", "w5", "w6", "w7", "w8")
SIX_RATES = (0.1, 0.2, 0.5, 0.8, 1.0, 2.0)
OVERSHOOT_RATES = (100.0, 1000.0)
MOST_EPOCHS = 100_000
QUICK_EPOCHS = 50
ROWS = 100  # of the workbook, which trains once for each learning rate
STEPS = 100  # epochs to step through, for each learning rate

Numbers = tuple[float, ...]
Advance = Callable[[], None]  # called after each epoch, to show progress


@dataclass(frozen=True)
class Settings:
    """What one run is about; the defaults are the assignment as courses set it."""

    inputs: Numbers = (0.05, 0.10)
    targets: Numbers = (0.5, 0.5)
    weights: Numbers = (0.15, 0.20, 0.25, 0.30, 0.40, 0.45, 0.50, 0.55)
    biases: Numbers | None = None  # of the hidden and of the output layer; they stay as they are
    lr: float = 0.5
    epochs: int = 1000
    seed: int | None = None  # what the weights were drawn with


# --- step 1: the network and its weights -------------------------------------------------------------


def build(settings: Settings) -> MLP:
    """The network with its initial weights, named as the assignment names them."""
    model = MLP(
        2, [2, 2], activation="sigmoid", output_activation="sigmoid", bias=settings.biases is not None
    )
    for weight, label, data in zip(weights_of(model), WEIGHTS, settings.weights, strict=True):
        weight.label, weight.data = label, data

    # The published walk-through adds one number to both neurons of a layer and never changes it.
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
    """Eight weights drawn uniformly from −1 to 1: the same seed gives the same weights."""
    drawn: list[float] = np.random.default_rng(seed).uniform(-1.0, 1.0, len(WEIGHTS)).tolist()
    return tuple(drawn)


# --- steps 2 and 3: the forward pass and the loss ----------------------------------------------------


def forward(model: MLP, settings: Settings) -> dict[str, Value]:
    """Run the network once and return every quantity of the assignment under its label.

    The order is that of the table's columns: what is given, the weights, then all that follows from
    them, E_total last.
    """
    i1, i2 = inputs = [Value(data) for data in settings.inputs]
    t1, t2 = (Value(data) for data in settings.targets)

    # A neuron returns its activation, which remembers the weighted sum that it was computed from.
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


def train(model: MLP, settings: Settings, lr: float) -> Iterator[dict[str, Value]]:
    """Train with one learning rate, and hand out the quantities of each epoch before its update.

    The weights and their gradients are to be read at once: the next epoch changes them. Training ends
    early after the first epoch whose loss is not a finite number.
    """
    weights = weights_of(model)
    optimizer = SGD(weights, lr=lr)  # the biases are not in it, so they stay
    for _ in range(settings.epochs):
        nodes = forward(model, settings)  # the graph is recorded anew in each epoch
        optimizer.zero_grad()
        nodes["E_total"].backward()  # ∂E/∂w for all eight, from the same old weights
        yield nodes
        if not math.isfinite(nodes["E_total"].data):
            return
        optimizer.step()  # w ← w − η ∂E/∂w, all at once


@dataclass(frozen=True, eq=False)
class History:
    """Every number of a run: one row for each epoch, with the weights before its update.

    Attributes
    ----------
    columns : the names of the columns.
    rows : (epochs, columns).
    after : the same quantities after the last update, without gradients.
    """

    columns: list[str]
    rows: npt.NDArray[np.float64]
    after: dict[str, float]

    def __getitem__(self, column: str) -> npt.NDArray[np.float64]:
        return self.rows[:, self.columns.index(column)]

    def curve(self, rate: float) -> Curve:
        """The loss curve, of the learning rate that this run had."""
        return Curve(rate, self["E_total"], np.abs(self.rows[:, -len(WEIGHTS) :]).max(axis=1))


def record(model: MLP, settings: Settings, advance: Advance) -> History:
    """Train the model as the settings say and keep all its numbers."""
    weights = weights_of(model)
    columns: list[str] = []
    numbers = array("d")
    for nodes in train(model, settings, settings.lr):
        columns = columns or [*nodes, *(f"∂E/∂{label}" for label in WEIGHTS)]
        numbers.extend([node.data for node in nodes.values()])
        numbers.extend([slope(weight) for weight in weights])
        advance()
    after = {label: node.data for label, node in forward(model, settings).items()}
    return History(columns, np.array(numbers).reshape(-1, len(columns)), after)


def loss_curve(settings: Settings, rate: float, advance: Advance) -> Curve:
    """The loss of each epoch when a fresh network is trained with this rate, and its steepest slope."""
    model = build(settings)
    weights = weights_of(model)
    losses, slopes = array("d"), array("d")
    for nodes in train(model, settings, rate):
        if not math.isfinite(nodes["E_total"].data):
            break
        losses.append(nodes["E_total"].data)
        slopes.append(max(abs(slope(weight)) for weight in weights))
        advance()
    return Curve(rate, np.array(losses), np.array(slopes))


def slope(weight: Value) -> float:
    """∂E_total/∂w as the last backward pass left it."""
    return weight.grad


def central_differences(settings: Settings) -> dict[str, float]:
    """The slope of the loss for each weight, found without any calculus: a little more, a little less."""
    slopes = {}
    for position, label in enumerate(WEIGHTS):
        width = 1e-5 * max(1.0, abs(settings.weights[position]))
        losses = []
        for change in (width, -width):
            weights = list(settings.weights)
            weights[position] += change
            changed = replace(settings, weights=tuple(weights))
            losses.append(forward(build(changed), changed)["E_total"].data)
        slopes[label] = (losses[0] - losses[1]) / (2.0 * width)
    return slopes


# --- what is handed in -------------------------------------------------------------------------------


def write_table(history: History, path: Path) -> None:
    """One row per epoch; every number with all its digits, so that it is read back exactly."""
    rows = enumerate(history.rows.tolist(), 1)
    write_csv(path, ["epoch", *history.columns], ([epoch, *row] for epoch, row in rows))


def draw_network(model: MLP, title: str, path: Path) -> None:
    """The network as textbooks draw it, with its weights on the edges."""
    diagram(model, inputs=["i1", "i2"], outputs=["o1", "o2"], precision=4, title=title).save(path)


def draw_graphs(nodes: dict[str, Value], folder: Path) -> None:
    """The gradient graph, and for each weight the same graph with its paths to the loss highlighted."""
    loss = nodes["E_total"]
    for node in topological_order(loss):
        node.scope = ""  # every node has a name of its own: no boxes around layers and neurons
    weights = [nodes[label] for label in WEIGHTS]
    picture = draw(loss, title="The gradient graph of the first step", parameters=weights, legend=True)
    picture.save(folder / "graph.svg")
    for weight in weights:
        picture = draw(
            loss,
            title=f"All paths from {weight.label} to E_total",
            parameters=weights,
            highlight=weight,
            derivatives=True,
        )
        picture.save(folder / f"graph_{weight.label}.svg")


def explorer(settings: Settings, path: Path) -> Explorer:
    """The network to step through, trained with its own learning rate and with all the others."""
    model = build(settings)
    nodes = forward(model, settings)
    rates = dict.fromkeys((settings.lr, *SIX_RATES, *OVERSHOOT_RATES))
    return explore(
        nodes["E_total"],
        path,
        wrt=weights_of(model),
        lr=list(rates),
        epochs=min(settings.epochs, STEPS),
        network=diagram(model, inputs=["i1", "i2"], outputs=["o1", "o2"]),
        title="The assignment network, step by step",
    )


def settings_from(argv: Sequence[str]) -> tuple[Settings, Path]:
    """The options as settings, and the folder to write into."""
    standard = Settings()
    options = Options(PROGRAM, "Train the assignment network and write everything that is handed in.")
    options.numbers("--lr", count=1, default=(standard.lr,), above=0.0, help="learning rate η")
    options.whole(
        "--epochs", default=None, smallest=1, largest=MOST_EPOCHS,
        help=f"how often to update (default: {standard.epochs})",
    )  # fmt: skip
    options.numbers("--targets", count=2, default=standard.targets, help="t1 t2")
    options.numbers("--inputs", count=2, default=standard.inputs, help="i1 i2")
    options.numbers("--weights", count=8, default=None, help="initial w1 to w8 (default: .15 .2 to .55)")
    options.numbers(
        "--biases", count=2, default=None, help="b1 b2, one for each layer, which are not updated"
    )
    options.whole(
        "--seed", default=None, smallest=0, largest=2**63, help="draw the initial weights at random"
    )
    options.folder("--out", default="out/assignment", help="where to write")
    options.switch("--quick", help=f"{QUICK_EPOCHS} epochs, unless --epochs says how many")
    given = options.parse(argv)

    seed, weights = given["seed"], given["weights"]
    if seed is not None and weights is not None:
        raise OptionsError("--seed draws the initial weights and --weights gives them: use one of the two")
    return Settings(
        inputs=given["inputs"],
        targets=given["targets"],
        weights=weights or (standard.weights if seed is None else random_weights(seed)),
        biases=given["biases"],
        lr=given["lr"][0],
        epochs=given["epochs"] or (QUICK_EPOCHS if given["quick"] else standard.epochs),
        seed=seed,
    ), Path(given["out"])


def main(argv: Sequence[str]) -> int:
    """Run the demo; returns the exit status."""
    try:
        settings, folder = settings_from(argv)
        require_matplotlib()
        files.prepare_folder(folder)
        hand_in(settings, folder)
    except (OptionsError, MissingExtraError) as error:
        return fail(PROGRAM, error)
    except OSError as error:
        return fail(PROGRAM, f"cannot write into {folder}: {error.strerror or error}")
    return 0


def hand_in(settings: Settings, folder: Path) -> None:
    """Train, write everything into the folder, and say what came out."""
    # Steps 1 to 4 once, to be looked at: the initial network, and its graph with all gradients.
    first = build(settings)
    nodes = forward(first, settings)
    nodes["E_total"].backward()
    draw_network(first, "Initial weights", folder / "network.svg")
    draw_graphs(nodes, folder)

    # All six steps, epoch after epoch; then the same network with each of the other learning rates.
    trained = build(settings)
    others = [rate for rate in SIX_RATES + OVERSHOOT_RATES if rate != settings.lr]
    with progress(settings.epochs * (1 + len(others))) as advance:
        history = record(trained, settings, advance)
        require_finite(history)
        curves = {rate: loss_curve(settings, rate, advance) for rate in others}
    curves[settings.lr] = history.curve(settings.lr)
    six, large = ([curves[rate] for rate in rates] for rates in (SIX_RATES, OVERSHOOT_RATES))
    words = comment(six, large)

    # The table, the workbook with its live formulas, and the derivation of all eight gradients.
    write_table(history, folder / "table.csv")
    weights = [nodes[label] for label in WEIGHTS]
    rows = min(settings.epochs, ROWS)
    save_workbook(nodes["E_total"], weights, folder / "backpropagation.xlsx", epochs=rows, lr=settings.lr)
    handout = Handout(nodes, WEIGHTS, settings.lr, settings.epochs, history.after)
    files.write(folder / "derivation.md", handout.markdown())
    files.write(folder / "derivation.html", handout.html())

    # The pictures of the training, and the page with all of it.
    updates = "1 update" if settings.epochs == 1 else f"{settings.epochs} updates"
    draw_network(trained, f"Weights after {updates}", folder / "network_trained.svg")
    charts.loss_of_run(history["E_total"], settings.lr, folder / "loss_curve.svg")
    charts.compare_rates(six, large, words, [folder / "loss_curves.svg", folder / "loss_curves.png"])
    lesson = Lesson(
        nodes=nodes,
        weights=WEIGHTS,
        lr=settings.lr,
        origin=origin(settings),
        columns=history.columns,
        rows=history.rows,
        after=history.after,
        differences=central_differences(settings),
        comment=words,
        rate_curves=charts.compare_rates(six, large),
        pictures={
            name: (folder / name).read_text(encoding="utf-8")
            for name in (
                "network.svg",
                "network_trained.svg",
                "graph.svg",
                "loss_curve.svg",
            )
            + tuple(f"graph_{label}.svg" for label in WEIGHTS)
        },
        explorer=explorer(settings, folder / EXPLORER),
    )
    files.write(folder / "index.html", lesson.html())
    print(summary(settings, history, words, folder))

    # The claim: backpropagation gives what the closed forms on the page give.
    largest = max(1.0, *map(abs, settings.inputs + settings.targets + settings.weights))
    for label in WEIGHTS:
        by_hand = evaluate(derive(nodes, label).closed, nodes)
        assert math.isclose(
            slope(nodes[label]), by_hand, rel_tol=1e-9, abs_tol=1e-14 * largest * largest * largest
        ), label


def require_finite(history: History) -> None:
    """Refuse numbers that have left the range of floats."""
    if not (np.isfinite(history.rows).all() and math.isfinite(history.after["E_total"])):
        raise OptionsError(
            f"the numbers leave the range of floats in epoch {len(history.rows)}: "
            "smaller numbers, or a smaller learning rate, help"
        )


def origin(settings: Settings) -> str:
    """Where the initial weights come from, for the page."""
    if settings.seed is not None:
        return f"The eight weights are drawn at random, uniformly from −1 to 1 (seed {settings.seed})."
    if settings.weights == Settings.weights:
        return "The eight weights start where the assignment puts them."
    return "The eight weights start where they were told to."


def summary(settings: Settings, history: History, words: Sequence[str], folder: Path) -> str:
    """What came out, in a few lines for the terminal."""
    before, after = float(history["E_total"][0]), history.after["E_total"]
    given = f"targets {_listed(settings.targets)}, learning rate {settings.lr:g}, {settings.epochs} epochs"
    if settings.biases is not None:
        given += f", fixed biases {_listed(settings.biases)}"
    updates = "1 update" if settings.epochs == 1 else f"{settings.epochs} updates"
    lines = [
        f"The assignment network: {given}",
        "",
        f"  E_total before training   {before!r}",
        f"          after {updates:<11} {after!r}" + ("" if after < before else "   (it did not go down)"),
        "",
        "          initial       trained",
        *(
            f"  {label}   {start:<12.9g}  {history.after[label]:.9g}"
            for label, start in zip(WEIGHTS, settings.weights, strict=True)
        ),
        "",
        *(line for text in words for line in textwrap.wrap(text, 96)),
        "",
        f"Open {folder / 'index.html'}",
    ]
    return "\n".join(lines)


def _listed(values: Numbers) -> str:
    return " ".join(f"{value:g}" for value in values)


@contextmanager
def progress(total: int) -> Iterator[Advance]:
    """A function to be called after each epoch; it moves a bar if there is a terminal and tqdm."""
    if sys.stderr.isatty():
        try:
            from tqdm import tqdm
        except ImportError:
            pass
        else:
            with tqdm(total=total, desc="training", unit="epoch", leave=False) as bar:
                yield bar.update
            return
    yield lambda: None
