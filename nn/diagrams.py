"""`diagram`: a network as textbooks draw it, with its weights on the edges.

The positions are computed here, because Graphviz's layouts would place numbers on crossing edges.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Sequence, Sized
from itertools import pairwise, product
from typing import Any

import numpy as np

from autograd import PALETTE, Drawing

from .arguments import require_count, require_flag, require_kind, require_option, require_text

__all__ = ["diagram"]

# Lengths in inches.
_RADIUS = 0.31
_TEXT = 0.2  # the height of a line of 12 points with its background
_LETTER = 0.092  # the width of a letter of 12 points, on average
_CLEARANCE = 0.04  # the least distance between a number and the edge of another
_ROW, _COLUMN = 0.78, 2.1  # between neurons and between layers, without numbers on the edges
_LONGEST_INSIDE = 5  # letters of a name that fit in a circle
_MOST_NUMBERS = 40  # the most edges with a number

_AUTOMATIC = re.compile(r"(?:\w+\.)+(?:w\d+|b)")  # a label by nn, such as layer0.neuron1.w2


def diagram(
    model: Any,
    *,
    color_by: str = "data",
    precision: int = 3,
    max_neurons: int = 16,
    inputs: Sequence[str] | None = None,
    outputs: Sequence[str] | None = None,
    title: str = "",
    legend: bool = False,
) -> Drawing:
    """Draw a network as columns of neurons, from inputs to outputs, with the weights as edges.

    An edge is blue above 0, orange and dashed below, and wider and darker for larger weights. Up to 40 edges
    carry their number, with the weight's own name if it has one (``w1 = 0.15``), and each bias is written
    below its neuron. A neuron has the colour of its bias.

    Parameters
    ----------
    model : an `MLP`, a `Layer` or a `Neuron`; or anything with ``layers``, ``neurons`` or ``w`` and ``b``.
    color_by : whether the weights (``"data"``) or their gradients (``"grad"``) are shown and give colour and
        width. An edge without a gradient is dotted.
    precision : the significant digits of each number, 1 to 17.
    max_neurons : the most neurons drawn of a layer, at least 3: the first ones and the last, with ⋮ between.
    inputs, outputs : their names; by default i1, i2, ... and o1, o2, ...
    title : a line above the drawing.
    legend : whether to explain edges and colours below it.

    Returns
    -------
    A `Drawing`. Equal networks give equal text.

    Raises
    ------
    TypeError, ValueError : if an argument is not as described.

    Examples
    --------
    >>> from nn import Neuron
    >>> from nn.diagrams import diagram
    >>> picture = diagram(Neuron(2, seed=0), inputs=["left", "right"])
    >>> "left" in picture.source, picture.source.count(" -> ")
    (True, 2)
    """
    require_option("color_by", color_by, "data", "grad")
    require_count("precision", precision, most=17)
    require_count("max_neurons", max_neurons, least=3)
    require_flag("legend", legend)
    require_text("title", title)
    picture = _Picture(model, color_by, precision, max_neurons)
    names = _names(picture.sizes, inputs, outputs)
    lines = [*picture.columns(names, _captions(model)), *picture.edges(), *picture.legend(legend)]
    return Drawing(_dot_text(lines, title), "neato", picture.links())


class _Picture:
    """The columns of a network, from inputs to outputs, and where they are drawn.

    Attributes
    ----------
    layers : the neurons of each column but the inputs.
    sizes, shown : of each column the size, and the numbers of the drawn neurons: all, or the first and last.
    weights : for each edge the column of its tail, the places of tail and head among the shown, the weight.
    neurons, biases : by column and place, without the inputs.
    row, column : the distances between neurons and between layers.
    along : for each layer the numbers' share of the way along the edges; None without room for numbers.
    heights : of the shown neurons of each column, around 0; a ⋮ takes a row.
    """

    def __init__(self, model: Any, color_by: str, precision: int, most: int) -> None:
        self.layers, self.color_by, self.precision = _layers(model), color_by, precision
        self.sizes = [len(self.layers[0][0].w), *map(len, self.layers)]
        self.shown = [[*range(n)] if n <= most else [*range(most - 2), n - 1] for n in self.sizes]
        self.weights = [
            (column, tail, head, neurons[number].w[source])
            for column, neurons in enumerate(self.layers)
            for head, number in enumerate(self.shown[column + 1])
            for tail, source in enumerate(self.shown[column])
        ]
        self.neurons = {
            (column, place): neurons[number]
            for column, neurons in enumerate(self.layers, 1)
            for place, number in enumerate(self.shown[column])
        }
        self.biases = {place: each.b for place, each in self.neurons.items() if each.b is not None}
        rows = []
        for shown, size in zip(self.shown, self.sizes):
            last = len(shown) - (size == len(shown))
            rows.append(np.array([last / 2 - row for row in [*range(len(shown) - 1), last]]))
        self.row, self.column, self.along = self._placed(rows)
        self.heights = [(self.row * each).tolist() for each in rows]

    def value(self, parameter: Any) -> float | None:
        if self.color_by == "grad" and not parameter.reached:
            return None
        return float(getattr(parameter, self.color_by))

    def text(self, parameter: Any, name: str = "") -> str:
        """The number of a parameter, after the name if you gave it one."""
        value = self.value(parameter)
        number = "none" if value is None else f"{value:.{self.precision}g}"
        label = parameter.label
        name = label if label and not _AUTOMATIC.fullmatch(label) else name
        sign = "∂" if self.color_by == "grad" else ""
        return f"{sign}{name} = {number}" if name else number

    def largest(self, parameters: Iterable[Any]) -> float:
        values = [abs(value) for value in map(self.value, parameters) if value is not None]
        return max((value for value in values if math.isfinite(value)), default=1.0) or 1.0

    def links(self) -> dict[str, Any]:
        """By node or edge of the drawing: its weight, its bias, or the scope of the neuron."""
        found: dict[str, Any] = {}
        for column, tail, head, weight in self.weights:
            found[f"n{column}_{tail}->n{column + 1}_{head}"] = found[f"w{column}_{tail}_{head}"] = weight
        found |= {f"b{column}_{place}": bias for (column, place), bias in self.biases.items()}
        return found | {f"n{i}_{j}": getattr(each, "_name", "") for (i, j), each in self.neurons.items()}

    def _placed(self, heights: Sequence[Any]) -> tuple[float, float, list[float] | None]:
        """The distances of the smallest drawing with room for every number on its edge, and their shares."""
        if len(self.weights) <= _MOST_NUMBERS:
            longest = max((len(self.text(weight)) for *_, weight in self.weights), default=0)
            width = longest * _LETTER + 0.08
            steepest = max(
                np.max(np.abs(heads[None, :] - tails[:, None])) for tails, heads in pairwise(heights)
            )
            rows, columns = (1.3, 1.5, 1.75, 2.0, 2.3), (2.7, 3.1, 3.6, 4.2, 4.9, 5.6)
            for row, column in sorted(product(rows, columns), key=math.prod):
                if column < width + 1.6 or steepest * row > 1.1 * column:
                    continue
                along = [_clearest(row * a, row * b, column, width) for a, b in pairwise(heights)]
                if all(clearance >= _CLEARANCE for _, clearance in along):
                    return row, column, [share for share, _ in along]
        return _ROW, max(_COLUMN, 0.35 * _ROW * max(map(len, self.shown))), None

    def columns(self, names: Sequence[Sequence[str]], captions: Sequence[str]) -> Iterator[str]:
        """The captions, and the neurons with their names and biases."""
        top = max(ys[0] for ys in self.heights) + _RADIUS + 0.45
        for column, caption in enumerate(captions):
            yield _note(f"caption{column}", Drawing.quoted(caption), _at(column * self.column, top))
        largest = self.largest(self.biases.values())
        for column, (ys, shown) in enumerate(zip(self.heights, self.shown)):
            x = column * self.column
            for place, y in enumerate(ys):
                name = names[column][shown[place]]
                inside = len(name) <= _LONGEST_INSIDE
                attributes = f"label={Drawing.quoted(name if inside else '')}, {_at(x, y)}"
                if not inside:  # beside the neuron, where no edges are
                    side = -1 if column == 0 else 1
                    beside = _at(x + side * (_RADIUS + 0.08 + len(name) * _LETTER / 2), y)
                    yield _note(f"name{column}_{place}", Drawing.quoted(name), beside)
                bias = self.biases.get((column, place))
                value = None if bias is None else self.value(bias)
                if value is not None:
                    attributes += f', fillcolor="{PALETTE.shade(value, largest)}"'
                yield f"n{column}_{place} [{attributes}]"
                if bias is not None and self.along:
                    text = Drawing.quoted(self.text(bias, "b"))
                    yield _note(f"b{column}_{place}", text, _at(x, y - _RADIUS - 0.13))
            if len(shown) < self.sizes[column]:
                yield _note(f"more{column}", '"⋮", fontsize=24', _at(x, (ys[-1] + ys[-2]) / 2))

    def edges(self) -> Iterator[str]:
        largest = self.largest([weight for *_, weight in self.weights])
        edges = self.weights
        if not self.along:  # the large ones over the small ones
            edges = sorted(edges, key=lambda edge: _size(self.value(edge[-1]), largest))
        for column, tail, head, weight in edges:
            style = _edge(self.value(weight), largest, crowded=not self.along)
            yield f"n{column}_{tail} -> n{column + 1}_{head} [{style}]"
            if self.along:
                share, y = self.along[column], self.heights[column][tail]
                y += share * (self.heights[column + 1][head] - y)
                place, text = _at((column + share) * self.column, y), Drawing.quoted(self.text(weight))
                yield f"w{column}_{tail}_{head} [label={text}, {place}, shape=box, {_PAPER}]"

    def legend(self, wanted: bool) -> Iterator[str]:
        """A line for each style of edge in the drawing, and for the colours of neurons."""
        if not wanted:
            return
        values = [self.value(weight) for *_, weight in self.weights]
        what = "weight" if self.color_by == "data" else "gradient"
        samples: dict[str, float | None] = {f"{what} > 0": 1.0, f"{what} < 0": -1.0}
        if 0.0 in values:
            samples[f"{what} = 0"] = 0.0
        if any(value != value for value in values):
            samples[f"{what} nan"] = math.nan
        if None in values:
            samples[f"no {what}"] = None
        rest = ["the wider and darker, the larger"]
        rest += ["neurons: their bias, in these colours"] if self.biases else []
        top = min(ys[-1] for ys in self.heights) - _RADIUS - 0.6
        for number, text in enumerate([*samples, *rest]):
            left, y = -_RADIUS, top - number * _TEXT * 1.3
            if text in samples:
                ends = [f"legend{number}_{end}" for end in (0, 1)]
                for name, x in zip(ends, (left, left + 0.6), strict=True):
                    yield f"{name} [shape=point, style=invis, width=0.01, {_at(x, y)}]"
                yield f"{' -> '.join(ends)} [{_edge(samples[text], 1.0)}]"
                left += 0.75
            width = len(text) * _LETTER + 0.1
            place = f"{_at(left + width / 2, y)}, width={width:.3g}, margin=0"
            yield rf'legend{number} [label="{text}\l", {place}, shape=plaintext, style=solid]'


def _layers(model: Any) -> list[list[Any]]:
    """The neurons of each layer of a model, a layer or a neuron."""
    layers = list(getattr(model, "layers", [])) or [model]
    neurons = [list(getattr(layer, "neurons", [])) or [layer] for layer in layers]
    for neuron in (neuron for layer in neurons for neuron in layer):
        if not (hasattr(neuron, "w") and hasattr(neuron, "b")):
            raise TypeError(
                f"diagram takes an MLP, a Layer or a Neuron, got {type(model).__name__}: {model!r:.60}"
            )
    return neurons


def _names(
    sizes: Sequence[int], inputs: Sequence[str] | None, outputs: Sequence[str] | None
) -> list[list[str]]:
    hidden = len(sizes) - 2
    names = []
    for column, size in enumerate(sizes):
        letter = "i" if column == 0 else "o" if column == len(sizes) - 1 else "h"
        layer = f"{column}." if letter == "h" and hidden > 1 else ""
        names.append([f"{letter}{layer}{number + 1}" for number in range(size)])
    for what, column, given in (("inputs", 0, inputs), ("outputs", -1, outputs)):
        if given is not None:
            require_kind(given, Sized, f"{what} must be {sizes[column]} names")
            if isinstance(given, str) or len(given) != sizes[column]:
                raise ValueError(f"{what} must be {sizes[column]} names, got {given!r:.80}")
            names[column] = [str(name) for name in given]
    return names


def _captions(model: Any) -> list[str]:
    """The heading of each column: its role and the activation."""
    layers = list(getattr(model, "layers", [])) or [model]
    captions = ["input"]
    for number, layer in enumerate(layers, 1):
        part = "output" if number == len(layers) else "hidden" if len(layers) == 2 else f"hidden {number}"
        neurons = getattr(layer, "neurons", None) or [layer]
        activation = getattr(layer, "activation", None) or getattr(neurons[0], "activation", "")
        name = activation if isinstance(activation, str) else getattr(activation, "name", "")
        name = name or getattr(activation, "__name__", "")
        captions.append(f"{part}\n{name}" if name else part)
    return captions


def _clearest(tails: Any, heads: Any, column: float, width: float) -> tuple[float, float]:
    """The share of the way at which a layer's numbers are farthest from other edges, and that distance.

    All numbers are at one share s of the way, in one column. There the edge from y to y' has the height
    y + s (y' − y), and no other edge may meet it within the width of its number.
    """
    starts = np.repeat(tails, len(heads))  # (E,), of the edges
    rises = np.tile(heads, len(tails)) - starts
    others = ~np.eye(len(starts), dtype=bool)
    margin = (_RADIUS + width / 2 + 0.25) / column  # leaves the ends of an edge visible
    best = (0.5, math.inf if len(starts) == 1 else -math.inf)
    for share in np.linspace(margin, 1.0 - margin, 41) if len(starts) > 1 else ():
        own = starts + share * rises
        ends = share + np.array([-0.5, 0.0, 0.5]) * width / column
        edges = starts[:, None] + ends * rises[:, None]  # (E, 3)
        away = np.min(np.abs(edges[None, :, :] - own[:, None, None]), axis=-1)  # (E, E)
        crossed = np.ptp(np.sign(edges[None, :, :] - own[:, None, None]), axis=-1) > 0
        away = np.where(crossed, 0.0, away)
        clearance = float(np.min(away[others])) - _TEXT / 2
        if clearance > best[1] + 1e-9:
            best = (float(share), clearance)
    return best


# --- text ------------------------------------------------------------------------------------------


def _at(x: float, y: float) -> str:
    return f'pos="{x:.4g},{y:.4g}!"'.replace("-0,", "0,").replace(",-0!", ",0!")


def _note(name: str, label: str, position: str) -> str:
    """Bare text at a position."""
    return f"{name} [label={label}, {position}, shape=plaintext, fixedsize=false, style=solid]"


_PAPER = f'color="{PALETTE["paper"]}", fixedsize=false, width=0, height=0, margin="0.03,0.01"'


def _size(value: float | None, largest: float) -> float:
    if value is None:
        return 0.0
    return min(1.0, abs(value) / largest) if math.isfinite(value) else 1.0


def _edge(value: float | None, largest: float, crowded: bool = False) -> str:
    """Colour by the sign, width and darkness by the size; thinner if `crowded`.

    Negative edges are dashed, because both colours are equally dark in grey print.
    """
    ends = ", arrowhead=none" if crowded else ""
    if value is None:
        return f'color="{PALETTE["zero line"]}", style=dotted{ends}'
    size = _size(value, largest)
    width = (0.4 + 1.8 * size) if crowded else (0.8 + 2.7 * size)
    dashes = ", style=dashed" if value < 0.0 else ""
    return f'color="{PALETTE.tint(value, size, " line")}", penwidth={width:.3g}{dashes}{ends}'


def _dot_text(lines: Iterable[str], title: str) -> str:
    font, ink, paper = PALETTE["font"], PALETTE["ink"], PALETTE["paper"]
    graph = (
        f'layout=neato, splines=line, outputorder=edgesfirst, bgcolor="{paper}", pad=0.25, '
        f'fontname="{font}", fontcolor="{ink}", fontsize=18, label={Drawing.quoted(title)}, labelloc=t'
    )
    node = (
        f'fontname="{font}", fontsize=12, shape=circle, fixedsize=true, style=filled, width={2 * _RADIUS:g}, '
        f'fontcolor="{ink}", fillcolor="{paper}", color="{PALETTE["badge"]}"'
    )
    edge = f'fontname="{font}", arrowsize=0.6'
    head = ["digraph network {", f"  graph [{graph}]", f"  node [{node}]", f"  edge [{edge}]"]
    return "\n".join([*head, *("  " + line for line in lines), "}", ""])
