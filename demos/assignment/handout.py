"""The equations of the six steps with the numbers of a run, and the derivation that is handed in.

The formulas of the derivatives come from `autograd.explain`; all are LaTeX, which the pages show as MathML.
"""

from __future__ import annotations

import html
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from autograd import Derivation, Value, explain, grad, write_text
from autograd.symbolic import LATEX, Symbol

from ..shared import page
from ..shared.page import number
from .network import WEIGHTS, Record

__all__ = [
    "NEURONS", "STEPS", "TWO_PATHS", "Nodes", "activation_sum", "explained", "forward", "loss", "mathematics",
    "partial", "weight", "write",
]  # fmt: skip

Nodes = Mapping[str, Value]
Equation = tuple[str, list[str]]
"""A left side, and what it equals, a row each."""

NEURONS = ("h1", "h2", "o1", "o2")
STEPS = {
    "initialise": "Initialise the weights",
    "forward": "Forward pass",
    "loss": "Loss",
    "gradient": "Gradient of the loss for every weight, by partial derivatives",
    "update": "Update every weight at once",
    "repeat": "Repeat until the epochs are done",
}
TITLE = "Backpropagation through the assignment network"
TWO_PATHS = (
    "A hidden neuron feeds both outputs, so the loss depends on it along two paths, and the chain rule adds "
    "them. Each sum is computed once, and used for both weights of the neuron."
)


# --- the equations -----------------------------------------------------------------------------------


def name(label: str) -> str:
    return LATEX.symbol(Symbol(label))


def derivative(above: str, below: str) -> str:
    return rf"\frac{{\partial {name(above)}}}{{\partial {name(below)}}}"


def value(data: float, digits: int = 9) -> str:
    return LATEX.value(float(f"{data:.{digits}g}"))


def factor(data: float) -> str:
    """A number as a factor: in brackets if it is negative."""
    return rf"\left({value(data)}\right)" if data < 0.0 else value(data)


def times(*factors: str) -> str:
    return r" \cdot ".join(factors)


def row(left: str, *rights: str) -> Equation:
    return left, [" = ".join(rights)]


def forward(nodes: Nodes) -> Iterator[Equation]:
    """The weighted sum and the activation of each neuron, with names and with numbers."""
    for neuron in NEURONS:
        parents = nodes[neuron].parents  # of a dot: the weights, the inputs, and the bias if there is one
        half = len(parents) // 2
        terms = [*zip(parents[:half], parents[half : 2 * half], strict=True), *zip(parents[2 * half :])]
        names = " + ".join(times(*(name(node.label) for node in term)) for term in terms)
        numbers = " + ".join(times(*(factor(node.data) for node in term)) for term in terms)
        total = nodes[neuron].data
        yield row(name(neuron), names, numbers, value(total))
        sigmoid = rf"\frac{{1}}{{1 + e^{{{value(-total)}}}}}"
        yield row(name(f"a_{neuron}"), rf"\sigma({name(neuron)})", sigmoid, value(nodes[f"a_{neuron}"].data))


def loss(nodes: Nodes) -> Iterator[Equation]:
    """The error of each output, and the sum."""
    for k in (1, 2):
        t, a = f"t{k}", f"a_o{k}"
        names, numbers = (
            rf"\tfrac{{1}}{{2}} \left({left} - {right}\right)^2"
            for left, right in ((name(t), name(a)), (factor(nodes[t].data), factor(nodes[a].data)))
        )
        yield row(name(f"E{k}"), names, numbers, value(nodes[f"E{k}"].data))
    one, other = (nodes[label].data for label in ("E1", "E2"))
    total = value(nodes["E_total"].data, 17)
    yield row(name("E_total"), f"{name('E1')} + {name('E2')}", f"{factor(one)} + {factor(other)}", total)


def explained(nodes: Nodes, below: str, above: str = "E_total") -> Derivation:
    return explain(nodes[above], nodes[below], digits=9)


def closed(nodes: Nodes, above: str, below: str) -> str:
    """The closed form of ∂above/∂below."""
    ((_, sides),) = explained(nodes, below, above).sections(latex=True)["Closed form"]
    return sides[0][1]


def partial(nodes: Nodes, above: str, below: str) -> Equation:
    """∂above/∂below: its formula and its number."""
    formula = closed(nodes, above, below)
    return row(derivative(above, below), *dict.fromkeys([formula, value(slope(nodes, above, below))]))


def slope(nodes: Nodes, above: str, below: str) -> float:
    return float(grad(nodes[above], [nodes[below]])[0])


def weight(nodes: Nodes, label: str) -> tuple[list[Equation], list[Equation]]:
    """The chain rule of a weight with its factors, and their product."""
    neuron = next(neuron for neuron in NEURONS if nodes[label] in nodes[neuron].parents)
    activation = f"a_{neuron}"
    pairs = [("E_total", activation), (activation, neuron), (neuron, label)]
    whole = derivative("E_total", label)
    factors = [partial(nodes, *pair) for pair in pairs]
    if neuron.startswith("h"):  # its formula is in `activation_sum`
        factors[0] = row(derivative(*pairs[0]), value(slope(nodes, *pairs[0])))
    product = times(*(factor(slope(nodes, *pair)) for pair in pairs))
    return (
        [row(whole, times(*(derivative(*pair) for pair in pairs))), *factors],
        [(whole, [closed(nodes, "E_total", label), product, value(nodes[label].grad)])],
    )


def activation_sum(nodes: Nodes, activation: str) -> Equation:
    """∂E_total/∂a of a hidden activation: a path over each output, and their sum."""
    paths = [[(f"E{k}", f"a_o{k}"), (f"a_o{k}", f"o{k}"), (f"o{k}", activation)] for k in (1, 2)]
    return derivative("E_total", activation), [
        " + ".join(times(*(derivative(*pair) for pair in path)) for path in paths),
        closed(nodes, "E_total", activation),
        " + ".join(times(*(factor(slope(nodes, *pair)) for pair in path)) for path in paths),
        value(slope(nodes, "E_total", activation)),
    ]


def update(label: str, data: float, gradient: float, rate: float) -> Equation:
    left = rf"{name(label)} \leftarrow {name(label)} - \eta \cdot {derivative('E_total', label)}"
    new = value(data - rate * gradient, 12)
    return row(left, f"{value(data, 12)} - {times(f'{rate:g}', factor(gradient))}", new)


def aligned(equations: Iterable[Equation]) -> str:
    """The rows of a LaTeX environment, aligned at their equals signs."""
    rows = [
        (left if place == 0 else "", right)
        for left, rights in equations
        for place, right in enumerate(rights)
    ]
    return " \\\\\n".join(rf"{left} &= {right}" for left, right in rows)


def mathematics(equations: Iterable[Equation], label: str = "equations") -> str:
    """Equations as HTML, in a box that scrolls by itself."""
    return page.scrolling(page.mathml(rf"\begin{{align*}}{aligned(equations)}\end{{align*}}"), label)


# --- the derivation ----------------------------------------------------------------------------------


def write(nodes: Nodes, training: Record, folder: Path) -> None:
    """Write ``derivation.md``, with LaTeX between dollar signs, and ``derivation.html``, a page of its own.

    Parameters
    ----------
    nodes : the quantities of the first forward pass by label, after `backward`.
    """
    markdown, parts = [f"# {TITLE}"], []
    for block in blocks(nodes, training):
        if not isinstance(block, str):
            markdown.append(f"$$\n\\begin{{aligned}}\n{aligned(block)}\n\\end{{aligned}}\n$$")
            parts.append(mathematics(block))
        else:
            markdown.append(block)
            signs, _, words = block.rpartition("# ")
            tag = f"h{len(signs) + 1}" if signs else "p"
            parts.append(f"<{tag}>{html.escape(words)}</{tag}>")
    write_text(folder / "derivation.md", "\n\n".join(markdown) + "\n")
    write_text(folder / "derivation.html", page.document(TITLE, *parts))


def blocks(nodes: Nodes, training: Record) -> Iterator[str | list[Equation]]:
    """Headings, which begin with #, paragraphs, and equations."""
    titles = iter(f"## {place}. {title}" for place, title in enumerate(STEPS.values(), 1))
    yield next(titles)
    yield "The inputs, the targets and the weights that training starts from:"
    given = [label for label, node in nodes.items() if node.primitive is None]
    yield [row(name(label), value(nodes[label].data, 17)) for label in given]
    yield next(titles)
    yield "Each neuron takes the weighted sum of its inputs and applies σ(x) = 1 / (1 + e⁻ˣ):"
    yield list(forward(nodes))
    yield next(titles)
    yield "Half the squared error of each output, and their sum:"
    yield list(loss(nodes))
    yield next(titles)
    yield TWO_PATHS
    for activation in ("a_h1", "a_h2"):
        yield f"### The sum for {activation}"
        yield [activation_sum(nodes, activation)]
    for label in WEIGHTS:
        chain, product = weight(nodes, label)
        yield f"### The weight {label}"
        yield "The chain rule, factor by factor:"
        yield chain
        yield "Multiplied out, in closed form and in numbers:"
        yield product
    rate = training.rate
    yield next(titles)
    yield f"All eight with the learning rate η = {rate:g}: no gradient sees a changed weight."
    yield [update(label, nodes[label].data, nodes[label].grad, rate) for label in WEIGHTS]
    yield next(titles)
    change = f"from {number(nodes['E_total'].data)} to {number(training.row(-1)['E_total'])}"
    yield f"One such pass is an epoch. After {len(training.rows)} of them E_total has gone {change}."
