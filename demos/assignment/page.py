"""The page: the six steps of training a network, with the numbers of one run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from autograd import Explorer
from nn.plots import picture

from ..shared import page
from ..shared.page import EXPLORER, number, signed
from ..shared.report import Report
from . import charts
from .comment import Curve
from .handout import (
    STEPS,
    TWO_PATHS,
    Nodes,
    activation_sum,
    explained,
    forward,
    loss,
    mathematics,
    partial,
    weight,
)
from .network import WEIGHTS, Record, Settings, central_differences

__all__ = ["closed_form", "updates", "write"]


def write(
    settings: Settings,
    nodes: Nodes,
    training: Record,
    rates: tuple[Sequence[Curve], Sequence[Curve]],
    words: Sequence[str],
    stepped: Explorer,
    folder: Path,
) -> Report:
    """The page, not closed yet.

    Parameters
    ----------
    nodes : the quantities of the first forward pass by label, after `backward`.
    rates : the loss curves of the six learning rates, and of the large ones.
    words : paragraphs on what the learning rates do.
    stepped : the network to step through.
    folder : holds the pictures.
    """
    report = Report(
        folder,
        "Training a neural network, step by step",
        "Two inputs, one hidden layer of two neurons, two outputs, and the sigmoid everywhere: small "
        "enough to follow each number by hand, and trained like any larger network. Every number "
        "on this page was computed by the engine in this run.",
    )
    report.add(
        page.explorer(
            stepped,
            EXPLORER,
            "Step through it: the forward pass, the loss, the gradient of every weight edge by edge, and "
            "the update. Click a weight for its derivation; the slider goes through the epochs.",
        )
    )
    facts = {
        "loss before training": repr(nodes["E_total"].data),
        f"loss after {updates(len(training.rows))}": repr(training.row(-1)["E_total"]),
        "learning rate η": f"{settings.lr:g}",
        "targets t1, t2": f"{nodes['t1'].data:g}, {nodes['t2'].data:g}",
    }
    if settings.biases is not None:
        facts["fixed biases b1, b2"] = ", ".join(f"{bias:g}" for bias in settings.biases)
    report.facts(facts)
    initialise(report, settings, nodes)
    report.section(
        STEPS["forward"],
        "Each neuron takes the weighted sum of its inputs"
        + ("" if settings.biases is None else " plus the bias of its layer")
        + " and passes it through the sigmoid `σ(x) = 1 / (1 + exp(−x))`.",
    )
    report.add(mathematics(forward(nodes), "The forward pass"))
    report.section(STEPS["loss"], "Half the squared error of each output, and the sum of both.")
    report.add(mathematics(loss(nodes), "The loss"))
    gradients(report, settings, nodes)
    update(report, training)
    repeat(report, training)
    report.section(
        "What the learning rate does",
        "The same network, from the same initial weights, with each of the six rates of the assignment, "
        "and with two that are far larger.",
    )
    report.add(
        page.figure(
            picture(charts.compare_rates(*rates)).decode(),
            "Loss by epoch for six learning rates, and below for two rates far above them. "
            + " ".join(words),
            "Loss curves by learning rate. What they show, computed from them:",
            smallest=1.0,
        )
    )
    report.say(*words)
    files = {
        EXPLORER: "the network to step through, node by node and epoch by epoch",
        "backpropagation.xlsx": "the workbook: every cell a formula, change a yellow one and all follows",
        "derivation.html": "all eight gradients derived, factor by factor",
        "derivation.md": "the same as Markdown with LaTeX",
        "table.csv": "every number of every epoch",
        **dict.fromkeys(sorted({*report.pictures, "loss_curves.png", "loss_curves.svg"}), ""),
    }
    report.section("The files beside this page", "For the hand-in:")
    report.add(page.links(files))
    return report


def initialise(report: Report, settings: Settings, nodes: Nodes) -> None:
    i1, i2, t1, t2 = (number(nodes[label].data) for label in ("i1", "i2", "t1", "t2"))
    report.section(
        STEPS["initialise"],
        f"{origin(settings)} The inputs are `i1 = {i1}` and `i2 = {i2}`, the targets `t1 = {t1}` and "
        f"`t2 = {t2}`.",
    )
    if settings.biases is not None:
        b1, b2 = settings.biases
        report.say(
            f"Each layer has one fixed bias, added to both of its neurons: `b1 = {b1:g}` in the hidden layer "
            f"and `b2 = {b2:g}` in the output layer. They are not updated."
        )
    initial = ", ".join(f"{label} = {number(nodes[label].data)}" for label in WEIGHTS)
    report.picture(
        "network.svg",
        "Network diagram: inputs i1 and i2, hidden neurons h1 and h2, outputs o1 and o2, with the "
        f"initial weights on the edges: {initial}",
        "The network with its initial weights.",
    )


def origin(settings: Settings) -> str:
    """Where the initial weights come from, in words."""
    if settings.seed is not None:
        return f"The eight weights are drawn at random, uniformly from −1 to 1 (seed {settings.seed})."
    if settings.weights == Settings.weights:
        return "The eight weights start where the assignment puts them."
    return "The eight weights have the initial values given."


# --- the gradient ------------------------------------------------------------------------------------


def gradients(report: Report, settings: Settings, nodes: Nodes) -> None:
    report.section(
        STEPS["gradient"],
        "How does the loss change when one weight changes a little? The chain rule answers: "
        "multiply the local derivatives along the path from the loss back to the weight, and add up "
        "where several paths meet. Each kind of node has its own local derivative. That of the loss "
        "for an output, that of the sigmoid, and those of a weighted sum for a weight and for an "
        "input are, for the first output:",
    )
    local = [("E_total", "a_o1"), ("a_o1", "o1"), ("o1", "w5"), ("o1", "a_h1")]
    report.add(mathematics([partial(nodes, *pair) for pair in local], "Local derivatives"))
    report.picture(
        "graph.svg",
        "Computation graph of the first step, from the inputs and weights on one side to E_total on the "
        f"other; each node shows its data and its gradient. E_total = {number(nodes['E_total'].data)}.",
        "The gradient graph of the first step: every operation the engine recorded, with the value that "
        "the forward pass computed and the gradient that the backward pass brought back.",
    )
    report.heading("The weights of the output layer")
    for label in WEIGHTS[4:]:
        derive(report, nodes, label)
    report.heading(
        "Back through the hidden layer: a sum over both outputs",
        f"{TWO_PATHS} The weights in it are the old ones: nothing has been updated yet.",
    )
    sums = [activation_sum(nodes, activation) for activation in ("a_h1", "a_h2")]
    report.add(mathematics(sums, "The sums over both outputs"))
    report.heading("The weights of the hidden layer")
    for label in WEIGHTS[:4]:
        derive(report, nodes, label)
    report.say(
        "Slips that are easily made here: `a_h1 (1 − a_h1)` where `a_h2 (1 − a_h2)` belongs, in the "
        "derivatives for `w3` and `w4`; `w6` and `w7` exchanged in the sums; and an updated `w5` to `w8` "
        "used in the derivatives for `w1` to `w4`. The loss curve looks the same, the numbers are wrong.",
        kind="note",
    )
    report.heading("All eight")
    differences = central_differences(settings)
    rows = [
        [
            f"`∂E_total/∂{label}`",
            repr(nodes[label].grad),
            number(closed_form(nodes, label), 12),
            number(differences[label], 7),
        ]
        for label in WEIGHTS
    ]
    caption = (
        "The gradient three ways: by the engine's backward pass, by the closed forms above, and by "
        "changing the weight a little to either side and looking at the loss."
    )
    report.add(page.table(["weight", "backpropagation", "closed form", "central difference"], rows, caption))


def derive(report: Report, nodes: Nodes, label: str) -> None:
    """One weight: the chain, each factor's formula and number, the closed form, the result."""
    chain, product = weight(nodes, label)
    result = number(nodes[label].grad)
    report.add(
        f"<article><h4>{page.prose(f'The weight `{label}`')}</h4>",
        mathematics(chain, f"The chain rule for {label}"),
        page.paragraph("Multiplied out, in closed form and in numbers:"),
        mathematics(product, f"The gradient of {label}"),
        page.details(
            f"The paths from `{label}` to the loss, in the graph",
            report.figure(
                f"graph_{label}.svg",
                f"The computation graph with all paths from {label} to E_total highlighted, and the "
                "local derivatives on the edges.",
                f"Multiply along each path and add the paths: `∂E_total/∂{label} = {result}`.",
            ),
        ),
        "</article>",
    )


def closed_form(nodes: Nodes, label: str) -> float:
    """∂E_total/∂label from its closed form and the numbers of its symbols."""
    derivation = explained(nodes, label)
    closed = derivation.steps[-1].closed
    return float(closed.evaluate({symbol: derivation.values[symbol.text] for symbol in closed.symbols()}))


# --- the update ------------------------------------------------------------------------------------------


def update(report: Report, training: Record) -> None:
    first, second = training.row(0), training.row(1)
    rows = [
        [
            f"`{label}`",
            number(first[label]),
            number(first[f"∂E/∂{label}"]),
            f"`{number(first[label])} − {training.rate:g} · {signed(first[f'∂E/∂{label}'])}`",
            number(second[label]),
        ]
        for label in WEIGHTS
    ]
    report.section(
        STEPS["update"],
        "Each weight takes a step against its gradient, `w ← w − η · ∂E_total/∂w`, with the learning rate "
        f"`η = {training.rate:g}`. All eight gradients are computed before any weight changes.",
    )
    header = ["weight", "old", "gradient", "old − η · gradient", "new"]
    report.add(page.table(header, rows, "The first update in numbers"))
    change = "falls" if second["E_total"] < first["E_total"] else "does not fall"
    report.say(f"With the new weights the loss {change}: from {first['E_total']!r} to {second['E_total']!r}.")


def repeat(report: Report, training: Record) -> None:
    epochs, before, after = len(training.rows), training.row(0)["E_total"], training.row(-1)
    shown = sorted({*range(min(5, epochs)), *range(max(0, epochs - 3), epochs)})
    rows: list[list[str]] = []
    for index in shown:
        if rows and index - 1 not in shown:
            rows.append(["⋮", *("" for _ in training.columns)])
        rows.append([str(index + 1), *(number(value) for value in training.rows[index].tolist())])
    report.section(
        STEPS["repeat"],
        f"Forward pass, loss, gradients, update: {epochs} times. The loss "
        + ("goes" if after["E_total"] < before else "does not go down: it goes")
        + f" from {before!r} to {after['E_total']!r}, and the outputs to "
        f"`a_o1 = {number(after['a_o1'])}` and `a_o2 = {number(after['a_o2'])}`.",
    )
    report.picture(
        "loss_curve.svg",
        f"Loss by epoch, linear and logarithmic, from {number(before, 4)} "
        f"to {number(float(training['E_total'][-1]), 4)}.",
        f"The loss curve of this run, `η = {training.rate:g}`.",
        smallest=1.0,
    )
    header = ["epoch", *(f"`{column}`" for column in training.columns)]
    caption = "The first and last rows of the table; each row holds the weights before its update"
    report.add(page.table(header, rows, caption))
    report.add('<p>All rows, with all digits: <a href="table.csv">table.csv</a>.</p>')
    report.picture(
        "network_trained.svg",
        "Network diagram with the trained weights on the edges: "
        + ", ".join(f"{label} = {number(after[label])}" for label in WEIGHTS),
        f"The network after {updates(epochs)}.",
    )
    report.table(
        ["weight", "initial", "trained"],
        [[f"`{label}`", number(training.row(0)[label]), number(after[label])] for label in WEIGHTS],
        "The weights before and after the training",
    )


def updates(count: int) -> str:
    return f"{count} update" + ("" if count == 1 else "s")
