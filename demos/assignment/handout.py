"""The derivation that is handed in: the six steps with every formula, as Markdown and as a page.

The words are here; the formulas and their numbers come from `autograd.explain`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from autograd import Derivation, Value, explain, write_text
from autograd.symbolic import LATEX, Equation, Symbol

from ..shared import page
from ..shared.page import number
from .network import WEIGHTS, Record

__all__ = ["write"]

Block = tuple[str, str | list[Equation]]  # a kind (h2, h3, text, equations) and the content

TITLE = "Backpropagation through the assignment network"

_TWO_PATHS = (
    "A hidden neuron feeds both outputs, so the loss depends on it along two paths, and the chain rule adds "
    "them. These two sums are worked out once, and used again for every weight below the neuron."
)


def write(nodes: Mapping[str, Value], training: Record, folder: Path) -> None:
    """Write ``derivation.md``, with LaTeX between dollar signs, and ``derivation.html``, a page of its own.

    Parameters
    ----------
    nodes : the quantities of the first forward pass by label.
    training : what followed.
    """
    markdown, page_parts = [f"# {TITLE}"], []
    for kind, content in _blocks(nodes, training):
        if not isinstance(content, str):
            rows = " \\\\\n".join(map(_aligned, content))
            markdown.append(f"$$\n\\begin{{aligned}}\n{rows}\n\\end{{aligned}}\n$$")
            page_parts.append(mathematics(content))
        elif kind == "text":
            markdown.append(content)
            page_parts.append(page.paragraph(content))
        else:
            markdown.append(f"{'#' * int(kind[1])} {content}")
            page_parts.append(f"<{kind}>{page.prose(content)}</{kind}>")
    write_text(folder / "derivation.md", "\n\n".join(markdown) + "\n")
    write_text(folder / "derivation.html", page.document(TITLE, *page_parts))


def _blocks(nodes: Mapping[str, Value], training: Record) -> Iterator[Block]:
    loss = nodes["E_total"]
    by = {label: explain(loss, nodes[label], digits=9) for label in WEIGHTS}
    given = [label for label, node in nodes.items() if node.primitive is None]
    errors = [label for label in nodes if label.startswith("E")]
    between = [label for label in nodes if label not in given and label not in errors]
    forward = _forward(by.values())
    yield "h2", "1. Initialise the weights"
    yield "text", "The inputs, the targets and the weights that training starts from:"
    yield "equations", [_value(label, nodes[label]) for label in given]
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
        yield from _derived(explain(loss, nodes[label], digits=9))
    for label, derivation in by.items():
        yield "h3", f"The weight {label}"
        yield from _derived(derivation)
    rate = training.rate
    yield "h2", "5. Update every weight"
    yield "text", f"All at once, with the learning rate η = {rate:g}: no gradient sees a changed weight."
    yield "equations", [_update(label, nodes[label].data, by[label].value, rate) for label in WEIGHTS]
    yield "h2", "6. Repeat until the epochs are done"
    change = f"from {number(loss.data)} to {number(training.row(-1)['E_total'])}"
    epochs = len(training.rows)
    yield "text", f"One such pass is an epoch. After {epochs} of them E_total has gone {change}."


def _update(label: str, data: float, gradient: float, rate: float) -> Equation:
    name = _name(label)
    partial = rf"\frac{{\partial {_name('E_total')}}}{{\partial {name}}}"
    step = LATEX.value(float(f"{gradient:.9g}"))
    new = LATEX.value(float(f"{data - rate * gradient:.12g}"))
    step = rf"\left({step}\right)" if gradient < 0.0 else step
    return name, [
        (r"\leftarrow", rf"{name} - \eta \cdot {partial}"),
        ("=", rf"{LATEX.value(data)} - {rate:g} \cdot {step} = {new}"),
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
    """A formula and its number on one line."""
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
