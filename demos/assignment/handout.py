"""The derivation that is handed in: the six steps with every formula, as Markdown and as a page.

Words stand here; the formulas and their numbers come from `autograd.explain`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from autograd import Derivation, Value, explain
from autograd.symbolic import LATEX, Equation, Symbol

from ..shared import page
from ..shared.page import number

__all__ = ["Handout"]

Block = tuple[str, str | list[Equation]]  # a kind (h2, h3, text, equations) and the content

TITLE = "Backpropagation through the assignment network"

_TWO_PATHS = (
    "A hidden neuron feeds both outputs, so the loss depends on it along two paths, and the chain rule adds "
    "them. These two sums are worked out once, and used again for every weight below the neuron."
)


@dataclass(frozen=True, eq=False)
class Handout:
    """What the derivation tells.

    Attributes
    ----------
    nodes : the quantities of the first forward pass by label.
    weights : the labels of the weights.
    lr : the learning rate η.
    epochs : the number of updates.
    after : the quantities after the last update, by label.
    """

    nodes: Mapping[str, Value]
    weights: Sequence[str]
    lr: float
    epochs: int
    after: Mapping[str, float]

    def markdown(self) -> str:
        """The derivation as Markdown, with LaTeX between dollar signs."""
        parts = [f"# {TITLE}"]
        for kind, content in self._blocks():
            if isinstance(content, str):
                parts.append({"h2": "## ", "h3": "### ", "text": ""}[kind] + content)
            else:
                rows = " \\\\\n".join(_aligned(equation) for equation in content)
                parts.append(f"$$\n\\begin{{aligned}}\n{rows}\n\\end{{aligned}}\n$$")
        return "\n\n".join(parts) + "\n"

    def html(self) -> str:
        """The derivation as a page of its own, offline."""
        return page.document(TITLE, *self._elements())

    def _elements(self) -> Iterator[str]:
        for kind, content in self._blocks():
            if not isinstance(content, str):
                yield mathematics(content)
            elif kind == "text":
                yield page.paragraph(content)
            else:
                yield f"<{kind}>{page.prose(content)}</{kind}>"

    def _blocks(self) -> Iterator[Block]:
        loss = self.nodes["E_total"]
        by = {label: explain(loss, self.nodes[label], digits=9) for label in self.weights}
        given = [label for label, node in self.nodes.items() if node.primitive is None]
        errors = [label for label in self.nodes if label.startswith("E")]
        between = [label for label in self.nodes if label not in given and label not in errors]
        forward = _forward(by.values())
        yield "h2", "1. Initialise the weights"
        yield "text", "The inputs, the targets and the weights that training starts from:"
        yield "equations", [_value(label, self.nodes[label]) for label in given]
        yield "h2", "2. Forward pass"
        yield "text", "Each neuron takes the weighted sum of its inputs and applies σ(x) = 1 / (1 + e⁻ˣ):"
        yield "equations", [forward[_name(label)] for label in between]
        yield "h2", "3. Loss"
        yield "text", "Half the squared error of each output, and their sum:"
        yield "equations", [forward[_name(label)] for label in errors]
        yield "h2", "4. Gradient of the loss for every weight"
        yield "text", _TWO_PATHS
        for label in ("a_h1", "a_h2"):
            yield "h3", f"The sum for {label}"
            yield from _derived(explain(loss, self.nodes[label], digits=9))
        for label, derivation in by.items():
            yield "h3", f"The weight {label}"
            yield from _derived(derivation)
        yield "h2", "5. Update every weight"
        yield (
            "text",
            f"All at once, with the learning rate η = {self.lr:g}: no gradient sees a changed weight.",
        )
        yield "equations", [self._update(label, derivation) for label, derivation in by.items()]
        yield "h2", "6. Repeat until the epochs are done"
        change = f"from {number(loss.data)} to {number(self.after['E_total'])}"
        yield "text", f"One such pass is an epoch. After {self.epochs} of them E_total has gone {change}."

    def _update(self, label: str, derivation: Derivation) -> Equation:
        name, data = _name(label), self.nodes[label].data
        slope = rf"\frac{{\partial {_name('E_total')}}}{{\partial {name}}}"
        step = LATEX.value(float(f"{derivation.value:.9g}"))
        new = LATEX.value(float(f"{data - self.lr * derivation.value:.12g}"))
        step = rf"\left({step}\right)" if derivation.value < 0.0 else step
        return name, [
            (r"\leftarrow", rf"{name} - \eta \cdot {slope}"),
            ("=", rf"{LATEX.value(data)} - {self.lr:g} \cdot {step} = {new}"),
        ]


def _name(label: str) -> str:
    return LATEX.symbol(Symbol(label))


def _value(label: str, node: Value) -> Equation:
    return _name(label), [("=", LATEX.value(node.data))]


def _forward(derivations: Iterable[Derivation]) -> dict[str, Equation]:
    """The equations of the forward pass, each once, by what they define."""
    found: dict[str, Equation] = {}
    for derivation in derivations:
        for equation in derivation.sections(latex=True)["Forward pass"]:
            found[equation[0]] = equation
    return found


def _derived(derivation: Derivation) -> Iterator[Block]:
    """The chain rule, its factors, and the closed form with numbers."""
    sections = derivation.sections(latex=True)
    for heading, words in (
        ("Chain rule", "The chain rule along each path:"),
        ("Factors", "Factor by factor:"),
        ("Closed form", "Multiplied out, and with numbers:"),
    ):
        if heading in sections:
            yield "text", words
            yield "equations", sections[heading]


def _aligned(equation: Equation) -> str:
    left, sides = _short(equation)
    return left + " " + " \\\\\n".join(f"&{relation} {side}" for relation, side in sides)


def _short(equation: Equation) -> Equation:
    """A formula and its number stand on one line."""
    left, sides = equation
    if [relation for relation, _ in sides] == ["=", "="]:
        return left, [("=", f"{sides[0][1]} = {sides[1][1]}")]
    return equation


def mathematics(equations: Sequence[Equation]) -> str:
    """Equations in MathML, aligned at their relations."""
    rows = []
    for left, sides in map(_short, equations):
        for position, (relation, side) in enumerate(sides):
            cells = [left if position == 0 else "", relation, side]
            rows.append("<tr>" + "".join(f"<td>{page.mathml(cell)}</td>" for cell in cells) + "</tr>")
    content = f'<table role="presentation" class="mathematics">{"".join(rows)}</table>'
    return page.scrolling(content, "equations")
