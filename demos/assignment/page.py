"""The six steps of training a network, told with the numbers of one run.

The words are here. The numbers come from the recorded graph and from the training; the formulas of the
derivatives from `autograd.explain`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from autograd import Derivation, Explorer, Value, explain, grad

from ..shared import page
from ..shared.page import EXPLORER, in_brackets, number, signed
from ..shared.report import Report
from .network import WEIGHTS, Record, Settings, central_differences

__all__ = ["closed_form", "updates", "write"]

Nodes = Mapping[str, Value]

STEPS = {
    "initialise": "Initialise the weights",
    "forward": "Forward pass",
    "loss": "Loss",
    "gradient": "Gradient of the loss for every weight",
    "update": "Update every weight at once",
    "repeat": "Repeat until the epochs are done",
}


def write(
    settings: Settings,
    nodes: Nodes,
    training: Record,
    words: Sequence[str],
    rate_curves: str,
    stepped: Explorer,
    folder: Path,
) -> None:
    """Write the page.

    Parameters
    ----------
    nodes : the quantities of the first forward pass by label, after `backward`.
    words : what the learning rates do, in paragraphs.
    rate_curves : the loss curves of all learning rates, as SVG text without the words.
    stepped : the network to step through.
    folder : where the pictures are, and the page is to be.
    """
    report = Report(folder, "Training a neural network, step by step")
    open_page(report, settings, nodes, training, stepped)
    initialise(report, settings, nodes)
    forward(report, nodes)
    loss(report, nodes)
    gradients(report, settings, nodes)
    update(report, training)
    repeat(report, training)
    report.section("rates", "What the learning rate does")
    report.say(
        "The same network, from the same initial weights, with each of the six rates of the assignment, "
        "and with two that are far larger."
    )
    report.add(
        page.figure(
            rate_curves,
            "Loss by epoch for six learning rates, and below for two rates far above them. "
            + " ".join(words),
            "Loss curves by learning rate. What they show, computed from them:",
            smallest=1.0,
        )
    )
    report.say(*words)
    list_files(report)
    report.close()


def open_page(report: Report, settings: Settings, nodes: Nodes, training: Record, stepped: Explorer) -> None:
    report.say(
        "Two inputs, one hidden layer of two neurons, two outputs, and the sigmoid everywhere: small "
        "enough to follow each number by hand, and trained like any larger network. Every number "
        "on this page was computed by the engine in this run.",
        kind="lead",
    )
    report.add(
        page.explorer(
            stepped,
            EXPLORER,
            "Step through it: the forward pass, the loss, the gradient of every weight edge by edge, and "
            "the update. Click a weight for its derivation; the slider goes through the epochs.",
        ),
        page.facts(
            {
                "loss before training": repr(nodes["E_total"].data),
                f"loss after {updates(len(training.rows))}": repr(training.row(-1)["E_total"]),
                "learning rate η": f"{settings.lr:g}",
                "targets t1, t2": f"{nodes['t1'].data:g}, {nodes['t2'].data:g}",
            }
        ),
        page.contents(STEPS),
        '<p>And what it shows: <a href="#rates">what the learning rate does</a>.</p>',
    )


def initialise(report: Report, settings: Settings, nodes: Nodes) -> None:
    i1, i2, t1, t2 = (number(nodes[label].data) for label in ("i1", "i2", "t1", "t2"))
    report.section("initialise", f"1 {STEPS['initialise']}")
    report.say(
        f"{origin(settings)} The inputs are `i1 = {i1}` and `i2 = {i2}`, the targets `t1 = {t1}` and "
        f"`t2 = {t2}`."
    )
    if settings.biases is not None:
        b1, b2 = settings.biases
        report.say(
            f"Each layer has one fixed bias, added to both of its neurons: `b1 = {b1:g}` in the hidden layer "
            f"and `b2 = {b2:g}` in the output layer. They are not updated."
        )
    initial = {label: number(nodes[label].data) for label in WEIGHTS}
    report.add(
        page.table(
            ["weight", *(f"`{label}`" for label in WEIGHTS)],
            [["initial", *initial.values()]],
            "The initial weights",
        )
    )
    report.picture(
        "network.svg",
        "Network diagram: inputs i1 and i2, hidden neurons h1 and h2, outputs o1 and o2, with the "
        "initial weights on the edges: " + ", ".join(f"{label} = {data}" for label, data in initial.items()),
        "The network with its initial weights.",
    )


def origin(settings: Settings) -> str:
    """Where the initial weights come from, in words."""
    if settings.seed is not None:
        return f"The eight weights are drawn at random, uniformly from −1 to 1 (seed {settings.seed})."
    if settings.weights == Settings.weights:
        return "The eight weights start where the assignment puts them."
    return "The eight weights start where they were told to."


def forward(report: Report, nodes: Nodes) -> None:
    biased = "b1" in nodes
    lines = []
    for neuron in ("h1", "h2", "o1", "o2"):
        parents = nodes[neuron].parents  # of a dot: the weights, the inputs, and the bias if there is one
        half = len(parents) // 2
        terms = [*zip(parents[:half], parents[half : 2 * half], strict=True), *zip(parents[2 * half :])]
        names, numbers = (
            " + ".join(" · ".join(map(written, term)) for term in terms)
            for written in (lambda node: node.label, lambda node: signed(node.data))
        )
        total = nodes[neuron].data
        lines.append([neuron, names, numbers, number(total)])
        sigmoid = [f"σ({neuron})", f"1 / (1 + exp({number(-total)}))"]
        lines.append([f"a_{neuron}", *sigmoid, number(nodes[f"a_{neuron}"].data)])
    report.section("forward", f"2 {STEPS['forward']}")
    report.say(
        "Each neuron takes the weighted sum of what comes in"
        + (" plus the bias of its layer" if biased else "")
        + " and passes it through the sigmoid `σ(x) = 1 / (1 + exp(−x))`."
    )
    report.add(page.equations(lines))


def loss(report: Report, nodes: Nodes) -> None:
    lines = []
    for k in (1, 2):
        numbers = f"½ ({signed(nodes[f't{k}'].data)} − {signed(nodes[f'a_o{k}'].data)})²"
        lines.append([f"E{k}", f"½ (t{k} − a_o{k})²", numbers, number(nodes[f"E{k}"].data)])
    numbers = f"{signed(nodes['E1'].data)} + {signed(nodes['E2'].data)}"
    lines.append(["E_total", "E1 + E2", numbers, repr(nodes["E_total"].data)])
    report.section("loss", f"3 {STEPS['loss']}")
    report.say("Half the squared distance of each output from its target, and the sum of both.")
    report.add(page.equations(lines))


# --- the gradient --------------------------------------------------------------------------------------


def gradients(report: Report, settings: Settings, nodes: Nodes) -> None:
    report.section("gradient", f"4 {STEPS['gradient']}, by partial derivatives")
    report.say(
        "How does the loss change when one weight changes a little? The chain rule answers: "
        "multiply the local derivatives along the way from the loss back to the weight, and add up "
        "where several ways meet. Each kind of node has its own local derivative. That of the loss "
        "for an output, that of the sigmoid, and those of a weighted sum for a weight and for an "
        "input are, for the first output:"
    )
    local = [("E_total", "a_o1"), ("a_o1", "o1"), ("o1", "w5"), ("o1", "a_h1")]
    report.add(page.equations(partial(nodes, *pair) for pair in local))
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
    report.heading("Back through the hidden layer: a sum over both outputs")
    report.say(
        "A hidden neuron feeds both outputs, so the loss depends on it in two ways, and its derivative is "
        "the sum of the two. It is computed once and used for both weights of the neuron. The weights "
        "in it are the old ones: nothing has been updated yet."
    )
    report.add(page.equations(over_both_outputs(nodes, f"a_{neuron}") for neuron in ("h1", "h2")))
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
    report.add(
        page.table(
            ["weight", "backpropagation", "closed form", "central difference"],
            [
                [
                    f"`∂E_total/∂{label}`",
                    repr(nodes[label].grad),
                    number(closed_form(nodes, label), 12),
                    number(differences[label], 7),
                ]
                for label in WEIGHTS
            ],
            "The gradient three ways: by the engine's backward pass, by the closed forms above, and by "
            "changing the weight a little to either side and looking at the loss.",
        )
    )


def derive(report: Report, nodes: Nodes, weight: str) -> None:
    """One weight: the chain, each factor's formula and number, the closed form, the result."""
    neuron = next(name for name in ("h1", "h2", "o1", "o2") if nodes[weight] in nodes[name].parents)
    activation, name = f"a_{neuron}", f"∂E_total/∂{weight}"
    factors = [
        partial(nodes, *pair) for pair in (("E_total", activation), (activation, neuron), (neuron, weight))
    ]
    shown = [list(factor) for factor in factors]
    if neuron.startswith("h"):  # the sum was written out already
        del shown[0][1]
    chain = " · ".join(factor[0] for factor in factors)
    numbers = " · ".join(in_brackets(factor[-1]) for factor in factors)
    result = number(nodes[weight].grad)
    report.add(
        f"<article><h4>{page.prose(f'The weight `{weight}`')}</h4>",
        page.paragraph(f"`{name} = {chain}`"),
        page.equations(shown),
        page.paragraph("Multiplied out, in closed form and in numbers:"),
        page.equations([[name, explained(nodes, weight).formula, numbers, result]], "result"),
        page.details(
            f"The paths from `{weight}` to the loss, in the graph",
            page.figure(
                report.read(f"graph_{weight}.svg"),
                f"The computation graph with all paths from {weight} to E_total highlighted, and the "
                "local derivatives on the edges.",
                f"Multiply along each path and add the paths: `{name} = {result}`.",
            ),
        ),
        "</article>",
    )


def explained(nodes: Nodes, below: str, above: str = "E_total") -> Derivation:
    return explain(nodes[above], nodes[below], digits=9)


def partial(nodes: Nodes, above: str, below: str) -> list[str]:
    """∂above/∂below as an equation: its name, its formula, its number."""
    derivation = explained(nodes, below, above)
    return [f"∂{above}/∂{below}", derivation.formula, number(derivation.value)]


def closed_form(nodes: Nodes, label: str) -> float:
    """∂E_total/∂label as its closed form gives it, computed from the numbers that its names have."""
    derivation = explained(nodes, label)
    closed = derivation.steps[-1].closed
    return float(closed.evaluate({symbol: derivation.values[symbol.text] for symbol in closed.symbols()}))


def over_both_outputs(nodes: Nodes, activation: str) -> list[str]:
    """∂E_total/∂a of a hidden activation as an equation: a path over each output, and their sum."""
    chains = [[(f"E{k}", f"a_o{k}"), (f"a_o{k}", f"o{k}"), (f"o{k}", activation)] for k in (1, 2)]
    derivation = explained(nodes, activation)
    return [
        f"∂E_total/∂{activation}",
        " + ".join(" · ".join(f"∂{above}/∂{below}" for above, below in chain) for chain in chains),
        derivation.formula,
        " + ".join(
            " · ".join(signed(grad(nodes[above], [nodes[below]])[0]) for above, below in chain)
            for chain in chains
        ),
        number(derivation.value),
    ]


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
    change = "falls" if second["E_total"] < first["E_total"] else "does not fall"
    report.section("update", f"5 {STEPS['update']}")
    report.say(
        "Each weight takes a step against its gradient, `w ← w − η · ∂E_total/∂w`, with the learning rate "
        f"`η = {training.rate:g}`. All eight gradients are computed before any weight changes."
    )
    header = ["weight", "old", "gradient", "old − η · gradient", "new"]
    report.add(page.table(header, rows, "The first update in numbers"))
    report.say(f"With the new weights the loss {change}: from {first['E_total']!r} to {second['E_total']!r}.")


def repeat(report: Report, training: Record) -> None:
    epochs, before, after = len(training.rows), training.row(0)["E_total"], training.row(-1)
    shown = sorted({*range(min(5, epochs)), *range(max(0, epochs - 3), epochs)})
    rows: list[list[str]] = []
    for index in shown:
        if rows and index - 1 not in shown:
            rows.append(["⋮", *("" for _ in training.columns)])
        rows.append([str(index + 1), *(number(value) for value in training.rows[index].tolist())])
    report.section("repeat", f"6 {STEPS['repeat']}")
    report.say(
        f"Forward pass, loss, gradients, update: {epochs} times. The loss "
        + ("goes" if after["E_total"] < before else "does not go down: it goes")
        + f" from {before!r} to {after['E_total']!r}, and the outputs to "
        f"`a_o1 = {number(after['a_o1'])}` and `a_o2 = {number(after['a_o2'])}`."
    )
    report.picture(
        "loss_curve.svg",
        f"Loss by epoch, linear and logarithmic, from {number(before, 4)} "
        f"to {number(float(training['E_total'][-1]), 4)}.",
        f"The loss curve of this run, `η = {training.rate:g}`.",
        smallest=1.0,
    )
    report.add(
        page.table(
            ["epoch", *(f"`{column}`" for column in training.columns)],
            rows,
            "The first and last rows of the table; each row holds the weights before its update",
        ),
        '<p>All rows, with all digits: <a href="table.csv">table.csv</a>.</p>',
    )
    report.picture(
        "network_trained.svg",
        "Network diagram with the trained weights on the edges: "
        + ", ".join(f"{label} = {number(after[label])}" for label in WEIGHTS),
        f"The network after {updates(epochs)}.",
    )


def list_files(report: Report) -> None:
    told = {
        EXPLORER: "the network to step through, node by node and epoch by epoch",
        "backpropagation.xlsx": "the workbook: every cell a formula, change a yellow one and all follows",
        "derivation.html": "all eight gradients derived, factor by factor",
        "derivation.md": "the same as Markdown with LaTeX",
        "table.csv": "every number of every epoch",
    }
    pictures = ["graph.svg", *(f"graph_{label}.svg" for label in WEIGHTS), "loss_curve.svg"]
    pictures += ["loss_curves.png", "loss_curves.svg", "network.svg", "network_trained.svg"]
    report.section("files", "The files beside this page")
    report.say("For the hand-in:")
    report.add(page.links({**told, **dict.fromkeys(pictures, "")}))


def updates(count: int) -> str:
    return f"{count} update" + ("" if count == 1 else "s")
