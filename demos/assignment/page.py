"""The six steps of training a network, told with the numbers of one run.

What stands here is words and formulas. The numbers come from the recorded graph: data, gradients and
local derivatives; which weight multiplies which input is read from the graph too.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from autograd import Explorer, Value, grad

from ..shared import page
from ..shared.page import EXPLORER, number

__all__ = ["Derivation", "Lesson", "derive", "evaluate"]


# --- the chain rule, factor by factor ----------------------------------------------------------------


@dataclass(frozen=True)
class Derivation:
    """How ∂E_total/∂w comes about for one weight.

    Attributes
    ----------
    weight : its label.
    factors : the chain, from the loss to the weight: pairs (above, below) of ∂above/∂below.
    forms : what each factor is, as a formula.
    closed : the closed form, as courses write it.
    """

    weight: str
    factors: tuple[tuple[str, str], ...]
    forms: tuple[str, ...]
    closed: str


def _wires(nodes: Mapping[str, Value], neuron: str) -> dict[str, str]:
    """What each weight of a neuron multiplies, from the dot node that the engine recorded."""
    parents = [parent.label for parent in nodes[neuron].parents]
    half = len(parents) // 2  # a bias, if there is one, comes last
    return dict(zip(parents[:half], parents[half : 2 * half], strict=True))


def _slope(output: str) -> str:
    """∂E_total/∂o of an output: ∂E/∂a · ∂a/∂o, as a formula."""
    return f"(a_{output} − t{output[1:]}) · a_{output} (1 − a_{output})"


def _ways(nodes: Mapping[str, Value], hidden: str) -> list[tuple[str, str]]:
    """The outputs that a hidden neuron feeds, each with the weight in between."""
    return [
        (output, weight)
        for output in ("o1", "o2")
        for weight, source in _wires(nodes, output).items()
        if source == f"a_{hidden}"
    ]


def derive(nodes: Mapping[str, Value], weight: str) -> Derivation:
    """The chain rule for one weight of the recorded network."""
    neuron = next(name for name in ("h1", "h2", "o1", "o2") if weight in _wires(nodes, name))
    source = _wires(nodes, neuron)[weight]
    activation = f"a_{neuron}"
    factors = (("E_total", activation), (activation, neuron), (neuron, weight))
    if neuron.startswith("o"):
        error = f"{activation} − t{neuron[1:]}"
        closed = f"{_slope(neuron)} · {source}"
    else:
        error = " + ".join(f"{_slope(output)} · {between}" for output, between in _ways(nodes, neuron))
        closed = f"[{error}] · {activation} (1 − {activation}) · {source}"
    return Derivation(weight, factors, (error, f"{activation} (1 − {activation})", source), closed)


def substitute(formula: str, nodes: Mapping[str, Value], digits: int = 9) -> str:
    """A formula with the numbers in the place of the names."""

    def data(match: re.Match[str]) -> str:
        value = number(nodes[match[0]].data, digits)
        return f"({value})" if value.startswith("−") else value

    return re.sub(r"[A-Za-z]\w*", data, formula)


def evaluate(formula: str, nodes: Mapping[str, Value]) -> float:
    """The value of a formula as printed, computed from the nodes' data in plain floats."""
    text = formula.replace("−", "-").replace("·", "*").replace("[", "(").replace("]", ")")
    text = re.sub(r"(\w) \(", r"\1 * (", text)
    names = {name: nodes[name].data for name in re.findall(r"[A-Za-z]\w*", text)}
    return float(eval(text, {"__builtins__": {}}, names))  # our own text, and only names of nodes in it


# --- the page ----------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Lesson:
    """All that the page tells.

    Attributes
    ----------
    nodes : the quantities of the first forward pass by label, after `backward`.
    weights : the labels of the weights.
    lr : the learning rate η.
    origin : where the initial weights come from, in words.
    columns, rows : the table: for each epoch the quantities before its update, and the gradients.
    after : the quantities after the last update.
    differences : per weight, the slope of the loss by central differences.
    comment : what the learning rates do, in paragraphs.
    rate_curves : the loss curves of all learning rates, as SVG text without the comment.
    pictures : SVG text by file name.
    explorer : the network to step through.
    """

    nodes: Mapping[str, Value]
    weights: Sequence[str]
    lr: float
    origin: str
    columns: Sequence[str]
    rows: npt.NDArray[np.float64]
    after: Mapping[str, float]
    differences: Mapping[str, float]
    comment: Sequence[str]
    rate_curves: str
    pictures: Mapping[str, str]
    explorer: Explorer

    def html(self) -> str:
        """The page."""
        return page.document(
            "Training a neural network, step by step",
            self._opening(),
            self._initialise(),
            self._forward(),
            self._loss(),
            self._gradients(),
            self._update(),
            self._repeat(),
            self._rates(),
            self._files(),
        )

    @property
    def epochs(self) -> int:
        return len(self.rows)

    def _of(self, label: str) -> float:
        return self.nodes[label].data

    def _factor(self, above: str, below: str) -> float:
        """∂above/∂below, from the recorded graph."""
        return float(grad(self.nodes[above], [self.nodes[below]])[0])

    def _opening(self) -> str:
        first, last = self._of("E_total"), self.after["E_total"]
        facts = {
            "loss before training": repr(first),
            f"loss after {_updates(self.epochs)}": repr(last),
            "learning rate η": f"{self.lr:g}",
            "targets t1, t2": f"{self._of('t1'):g}, {self._of('t2'):g}",
        }
        cards = "".join(
            f"<div><dt>{page.prose(name)}</dt><dd>{page.prose(value)}</dd></div>"
            for name, value in facts.items()
        )
        steps = [
            ("initialise", "Initialise the weights"),
            ("forward", "Forward pass"),
            ("loss", "Loss"),
            ("gradient", "Gradient of the loss for every weight"),
            ("update", "Update every weight at once"),
            ("repeat", "Repeat until the epochs are done"),
        ]
        links = "".join(f'<li><a href="#{anchor}">{title}</a></li>' for anchor, title in steps)
        return (
            page.paragraph(
                "Two inputs, one hidden layer of two neurons, two outputs, and the sigmoid everywhere: small "
                "enough to follow each number by hand, and trained like any larger network. Every number "
                "on this page was computed by the engine in this run.",
                "lead",
            )
            + page.explorer(
                self.explorer,
                EXPLORER,
                "Step through it: the forward pass, the loss, the gradient of every weight edge by edge, and "
                "the update. Click a weight for its derivation; the slider goes through the epochs.",
            )
            + f'<dl class="facts">{cards}</dl><ol>{links}</ol>'
            + '<p>And what it shows: <a href="#rates">what the learning rate does</a>.</p>'
        )

    def _initialise(self) -> str:
        biases = ""
        if "b1" in self.nodes:
            biases = page.paragraph(
                f"Each layer has one fixed bias, added to both of its neurons: "
                f"`b1 = {self._of('b1'):g}` in the "
                f"hidden layer and `b2 = {self._of('b2'):g}` in the output layer. They are not updated."
            )
        return page.section(
            "initialise",
            "1 Initialise the weights",
            page.paragraph(
                f"{self.origin} The inputs are `i1 = {number(self._of('i1'))}` and "
                f"`i2 = {number(self._of('i2'))}`, the targets `t1 = {number(self._of('t1'))}` and "
                f"`t2 = {number(self._of('t2'))}`."
            ),
            biases,
            page.table(
                ["weight", *(f"`{label}`" for label in self.weights)],
                [["initial", *(number(self._of(label)) for label in self.weights)]],
                "The initial weights",
            ),
            page.figure(
                self.pictures["network.svg"],
                "Network diagram: inputs i1 and i2, hidden neurons h1 and h2, outputs o1 and o2, with the "
                "initial weights on the edges: "
                + ", ".join(f"{label} = {number(self._of(label))}" for label in self.weights),
                "The network with its initial weights.",
            ),
        )

    def _forward(self) -> str:
        lines = []
        for neuron in ("h1", "h2", "o1", "o2"):
            terms = [f"{weight} · {source}" for weight, source in _wires(self.nodes, neuron).items()]
            if "b1" in self.nodes:
                terms.append("b1" if neuron.startswith("h") else "b2")
            formula = " + ".join(terms)
            lines.append([neuron, formula, substitute(formula, self.nodes), number(self._of(neuron))])
            lines.append(
                [
                    f"a_{neuron}",
                    f"σ({neuron})",
                    f"1 / (1 + exp({number(-self._of(neuron))}))",
                    number(self._of(f"a_{neuron}")),
                ]
            )
        return page.section(
            "forward",
            "2 Forward pass",
            page.paragraph(
                "Each neuron takes the weighted sum of what comes in"
                + (" plus the bias of its layer" if "b1" in self.nodes else "")
                + " and passes it through the sigmoid `σ(x) = 1 / (1 + exp(−x))`."
            ),
            page.equations(lines),
        )

    def _loss(self) -> str:
        lines = [
            [
                f"E{k}",
                f"½ (t{k} − a_o{k})²",
                f"½ ({substitute(f't{k} − a_o{k}', self.nodes)})²",
                number(self._of(f"E{k}")),
            ]
            for k in (1, 2)
        ]
        lines.append(["E_total", "E1 + E2", substitute("E1 + E2", self.nodes), repr(self._of("E_total"))])
        return page.section(
            "loss",
            "3 Loss",
            page.paragraph("Half the squared distance of each output from its target, and the sum of both."),
            page.equations(lines),
        )

    def _gradients(self) -> str:
        derivations = [derive(self.nodes, weight) for weight in self.weights]
        outer = [derivation for derivation in derivations if derivation.factors[1][1].startswith("o")]
        inner = [derivation for derivation in derivations if derivation not in outer]
        graph = self.pictures["graph.svg"]
        return page.section(
            "gradient",
            "4 Gradient of the loss for every weight, by partial derivatives",
            page.paragraph(
                "How does the loss change when one weight changes a little? The chain rule answers: "
                "multiply the local derivatives along the way from the loss back to the weight, and add up "
                "where several ways meet. Each kind of node has its own local derivative. That of the loss "
                "for an output, that of the sigmoid, and those of a weighted sum for a weight and for an "
                "input are, for the first output:"
            ),
            page.equations(
                [
                    [f"∂{above}/∂{below}", form, number(self._factor(above, below))]
                    for above, below, form in (
                        ("E_total", "a_o1", "a_o1 − t1"),
                        ("a_o1", "o1", "a_o1 (1 − a_o1)"),
                        ("o1", "w5", "a_h1"),
                        ("o1", "a_h1", "w5"),
                    )
                ]
            ),
            page.figure(
                graph,
                "Computation graph of the first step, from the inputs and weights on one side to "
                "E_total on the "
                f"other; each node shows its data and its gradient. E_total = {number(self._of('E_total'))}.",
                "The gradient graph of the first step: every operation the engine recorded, with the "
                "value that "
                "the forward pass computed and the gradient that the backward pass brought back.",
            ),
            "<h3>The weights of the output layer</h3>",
            *(self._derivation(derivation) for derivation in outer),
            "<h3>Back through the hidden layer: a sum over both outputs</h3>",
            page.paragraph(
                "A hidden neuron feeds both outputs, so the loss depends on it in two ways, and its "
                "derivative is "
                "the sum of the two. It is computed once and used for both weights of the neuron. "
                "The weights "
                "in it are the old ones: nothing has been updated yet."
            ),
            page.equations([self._sum(neuron) for neuron in ("h1", "h2")]),
            "<h3>The weights of the hidden layer</h3>",
            *(self._derivation(derivation) for derivation in inner),
            page.paragraph(
                "Slips that are easily made here: `a_h1 (1 − a_h1)` where `a_h2 (1 − a_h2)` belongs, in the "
                "derivatives for `w3` and `w4`; `w6` and `w7` exchanged in the sums; and an updated "
                "`w5` to `w8` used "
                "in the derivatives for `w1` to `w4`. The loss curve looks the same, the numbers are wrong.",
                "note",
            ),
            "<h3>All eight</h3>",
            page.table(
                ["weight", "backpropagation", "closed form", "central difference"],
                [
                    [
                        f"`∂E_total/∂{derivation.weight}`",
                        repr(self.nodes[derivation.weight].grad),
                        number(evaluate(derivation.closed, self.nodes), 12),
                        number(self.differences[derivation.weight], 7),
                    ]
                    for derivation in derivations
                ],
                "The gradient three ways: by the engine's backward pass, by the closed forms above, and by "
                "changing the weight a little to either side and looking at the loss.",
            ),
        )

    def _sum(self, neuron: str) -> list[str]:
        ways = _ways(self.nodes, neuron)
        chains = [
            [(f"E{output[1:]}", f"a_{output}"), (f"a_{output}", output), (output, f"a_{neuron}")]
            for output, _ in ways
        ]
        return [
            f"∂E_total/∂a_{neuron}",
            " + ".join(" · ".join(f"∂{above}/∂{below}" for above, below in chain) for chain in chains),
            " + ".join(f"{_slope(output)} · {weight}" for output, weight in ways),
            " + ".join(" · ".join(_signed(self._factor(*link)) for link in chain) for chain in chains),
            number(self._factor("E_total", f"a_{neuron}")),
        ]

    def _derivation(self, derivation: Derivation) -> str:
        """One weight: the chain, each factor's formula and number, the closed form, the result."""
        weight, name = derivation.weight, f"∂E_total/∂{derivation.weight}"
        factors = [
            [f"∂{above}/∂{below}", form, number(self._factor(above, below))]
            for (above, below), form in zip(derivation.factors, derivation.forms, strict=True)
        ]
        if derivation.factors[1][1].startswith("h"):  # the sum was written out already
            factors[0] = [factors[0][0], factors[0][2]]
        chain = " · ".join(f"∂{above}/∂{below}" for above, below in derivation.factors)
        numbers = " · ".join(_signed(self._factor(*factor)) for factor in derivation.factors)
        result = self.nodes[weight].grad
        assert result is not None
        return (
            f"<article><h4>{page.prose(f'The weight `{weight}`')}</h4>"
            + page.paragraph(f"`{name} = {chain}`")
            + page.equations(factors)
            + page.paragraph("Multiplied out, in closed form and in numbers:")
            + page.equations([[name, derivation.closed, numbers, number(result)]], "result")
            + page.details(
                f"The paths from `{weight}` to the loss, in the graph",
                page.figure(
                    self.pictures[f"graph_{weight}.svg"],
                    f"The computation graph with all paths from {weight} to E_total highlighted, and the "
                    "local derivatives on the edges.",
                    f"Multiply along each path and add the paths: `{name} = {number(result)}`.",
                ),
            )
            + "</article>"
        )

    def _update(self) -> str:
        first = dict(zip(self.columns, self.rows[0].tolist(), strict=True))
        if self.epochs > 1:
            second = dict(zip(self.columns, self.rows[1].tolist(), strict=True))
        else:
            second = dict(self.after)
        rows = [
            [
                f"`{label}`",
                number(first[label]),
                number(first[f"∂E/∂{label}"]),
                f"`{number(first[label])} − {self.lr:g} · {_signed(first[f'∂E/∂{label}'])}`",
                number(second[label]),
            ]
            for label in self.weights
        ]
        change = "falls" if second["E_total"] < first["E_total"] else "does not fall"
        return page.section(
            "update",
            "5 Update every weight at once",
            page.paragraph(
                "Each weight takes a step against its gradient, `w ← w − η · ∂E_total/∂w`, with the "
                "learning rate "
                f"`η = {self.lr:g}`. All eight gradients are computed before any weight changes."
            ),
            page.table(
                ["weight", "old", "gradient", "old − η · gradient", "new"],
                rows,
                "The first update in numbers",
            ),
            page.paragraph(
                f"With the new weights the loss {change}: from {first['E_total']!r} to {second['E_total']!r}."
            ),
        )

    def _repeat(self) -> str:
        shown = sorted({*range(min(5, self.epochs)), *range(max(0, self.epochs - 3), self.epochs)})
        rows: list[list[str]] = []
        for index in shown:
            if rows and index - 1 not in shown:
                rows.append(["⋮", *("" for _ in self.columns)])
            rows.append([str(index + 1), *(number(value) for value in self.rows[index].tolist())])
        first, last = self._of("E_total"), self.after["E_total"]
        return page.section(
            "repeat",
            "6 Repeat until the epochs are done",
            page.paragraph(
                f"Forward pass, loss, gradients, update: {self.epochs} times. The loss "
                + ("goes" if last < first else "does not go down: it goes")
                + f" from {first!r} to {last!r}, and the outputs to "
                f"`a_o1 = {number(self.after['a_o1'])}` and `a_o2 = {number(self.after['a_o2'])}`."
            ),
            page.figure(
                self.pictures["loss_curve.svg"],
                f"Loss by epoch, linear and logarithmic, from {number(first, 4)} "
                f"to {number(float(self.rows[-1][list(self.columns).index('E_total')]), 4)}.",
                f"The loss curve of this run, `η = {self.lr:g}`.",
                smallest=1.0,
            ),
            page.table(
                ["epoch", *(f"`{column}`" for column in self.columns)],
                rows,
                "The first and last rows of the table; each row holds the weights before its update",
            ),
            '<p>All rows, with all digits: <a href="table.csv">table.csv</a>.</p>',
            page.figure(
                self.pictures["network_trained.svg"],
                "Network diagram with the trained weights on the edges: "
                + ", ".join(f"{label} = {number(self.after[label])}" for label in self.weights),
                f"The network after {_updates(self.epochs)}.",
            ),
        )

    def _rates(self) -> str:
        return page.section(
            "rates",
            "What the learning rate does",
            page.paragraph(
                "The same network, from the same initial weights, with each of the six rates of the "
                "assignment, "
                "and with two that are far larger."
            ),
            page.figure(
                self.rate_curves,
                "Loss by epoch for six learning rates, and below for two rates far above them. "
                + " ".join(self.comment),
                "Loss curves by learning rate. What they show, computed from them:",
                smallest=1.0,
            ),
            *(page.paragraph(text) for text in self.comment),
        )

    def _files(self) -> str:
        told = {
            EXPLORER: "the network to step through, node by node and epoch by epoch",
            "backpropagation.xlsx": "the workbook: every cell a formula, change a yellow one and all follows",
            "derivation.html": "all eight gradients derived, factor by factor",
            "derivation.md": "the same as Markdown with LaTeX",
            "table.csv": "every number of every epoch",
        }
        items = [f'<li><a href="{name}">{name}</a>: {words}</li>' for name, words in told.items()]
        pictures = sorted([*self.pictures, "loss_curves.svg", "loss_curves.png"])
        items += [f'<li><a href="{name}">{name}</a></li>' for name in pictures]
        return page.section(
            "files",
            "The files beside this page",
            page.paragraph("For the hand-in:"),
            f"<ul>{''.join(items)}</ul>",
        )


def _signed(value: float) -> str:
    text = number(value)
    return f"({text})" if text.startswith("−") else text


def _updates(count: int) -> str:
    return f"{count} update" + ("" if count == 1 else "s")
