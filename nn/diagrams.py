"""`diagram`: a network as textbooks draw it, with its weights on the edges.

The positions are computed here, because Graphviz's layouts would place numbers on crossing edges.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence, Sized
from dataclasses import dataclass
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


@dataclass(frozen=True)
class _Network:
    """The columns of a drawing, from the inputs to the outputs."""

    layers: list[list[Any]]  # the neurons, without the inputs
    shown: list[list[int]]  # the numbers of the drawn neurons in each column
    sizes: list[int]

    def weights(self) -> Iterator[tuple[int, int, int, Any]]:
        """For each edge the column of the tail, the places of tail and head among the shown, the weight."""
        for column, neurons in enumerate(self.layers):
            for head, number in enumerate(self.shown[column + 1]):
                for tail, source in enumerate(self.shown[column]):
                    yield column, tail, head, neurons[number].w[source]

    def neurons(self) -> Iterator[tuple[int, int, Any]]:
        """For each neuron, inputs excepted, its column, its place among the shown, and itself."""
        for column, neurons in enumerate(self.layers, 1):
            for place, number in enumerate(self.shown[column]):
                yield column, place, neurons[number]

    def biases(self) -> dict[tuple[int, int], Any]:
        """The biases by column and place."""
        return {(column, place): each.b for column, place, each in self.neurons() if each.b is not None}

    def heights(self) -> list[list[float]]:
        """The heights of the shown neurons of each column, in rows, around 0. A ⋮ takes a row."""
        heights = []
        for shown, size in zip(self.shown, self.sizes):
            rows = [*range(len(shown) - 1), len(shown) - (size == len(shown))]
            heights.append([rows[-1] / 2 - row for row in rows])
        return heights


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
    precision : the significant digits of each number, at least 1.
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
    layers = _layers(model)
    require_option("color_by", color_by, "data", "grad")
    require_count("precision", precision)
    require_count("max_neurons", max_neurons, least=3)
    require_flag("legend", legend)
    require_text("title", title)
    sizes = [len(layers[0][0].w), *map(len, layers)]
    network = _Network(layers, [_shown(size, max_neurons) for size in sizes], sizes)
    names = _names(sizes, inputs, outputs)
    look = _Look(color_by, precision)
    texts = [look.text(weight) for *_, weight in network.weights()]
    place = _placed(network, texts) if len(texts) <= _MOST_NUMBERS else None
    lines = _lines(network, names, look, texts, place, _captions(model, sizes), legend)
    return Drawing(_dot_text(lines, title), "neato", dict(_links(network)))


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


def _shown(size: int, most: int) -> list[int]:
    """The numbers of the drawn neurons: all, or the first ones and the last."""
    return list(range(size)) if size <= most else [*range(most - 2), size - 1]


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


def _captions(model: Any, sizes: Sequence[int]) -> list[str]:
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


# --- numbers and colours ---------------------------------------------------------------------------


@dataclass(frozen=True)
class _Look:
    color_by: str
    precision: int

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

    def largest(self, parameters: Sequence[Any]) -> float:
        values = [abs(value) for value in map(self.value, parameters) if value is not None]
        return max((value for value in values if math.isfinite(value)), default=1.0) or 1.0


# --- positions -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Placed:
    """Distances between neurons and layers, and the numbers' share of the way along each layer's edges."""

    row: float
    column: float
    along: tuple[float, ...]


def _placed(network: _Network, texts: Sequence[str]) -> _Placed | None:
    """The smallest drawing with room for every number on its edge, or None."""
    width = max(map(len, texts), default=0) * _LETTER + 0.08
    heights = list(map(np.array, network.heights()))
    steepest = max(
        float(np.max(np.abs(heads[None, :] - tails[:, None]))) for tails, heads in pairwise(heights)
    )
    rows, columns = (1.3, 1.5, 1.75, 2.0, 2.3), (2.7, 3.1, 3.6, 4.2, 4.9, 5.6)
    for row, column in sorted(product(rows, columns), key=math.prod):
        if column < width + 1.6 or steepest * row > 1.1 * column:
            continue
        along = [_clearest(row * tails, row * heads, column, width) for tails, heads in pairwise(heights)]
        if all(clearance >= _CLEARANCE for _, clearance in along):
            return _Placed(row, column, tuple(share for share, _ in along))
    return None


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


def _links(network: _Network) -> Iterator[tuple[str, Any]]:
    """By node or edge of the drawing: its weight, its bias, or the scope of the neuron."""
    for column, tail, head, weight in network.weights():
        yield f"n{column}_{tail}->n{column + 1}_{head}", weight
        yield f"w{column}_{tail}_{head}", weight
    for (column, place), bias in network.biases().items():
        yield f"b{column}_{place}", bias
    for column, place, neuron in network.neurons():
        yield f"n{column}_{place}", getattr(neuron, "_name", "")


def _at(x: float, y: float) -> str:
    return f'pos="{x:.4g},{y:.4g}!"'.replace("-0,", "0,").replace(",-0!", ",0!")


def _note(name: str, label: str, position: str) -> str:
    """Bare text at a position."""
    return f"{name} [label={label}, {position}, shape=plaintext, fixedsize=false, style=solid]"


def _lines(
    network: _Network,
    names: Sequence[Sequence[str]],
    look: _Look,
    texts: Sequence[str],
    placed: _Placed | None,
    captions: Sequence[str],
    legend: bool,
) -> Iterator[str]:
    row = placed.row if placed else _ROW
    tallest = row * max(map(len, network.shown))
    column_width = placed.column if placed else max(_COLUMN, 0.35 * tallest)
    heights = [[row * y for y in ys] for ys in network.heights()]
    largest = look.largest([weight for *_, weight in network.weights()])
    biases = network.biases()
    largest_bias = look.largest(list(biases.values()))

    top = max(ys[0] for ys in heights) + _RADIUS + 0.45
    for column, caption in enumerate(captions):
        yield _note(f"caption{column}", Drawing.quoted(caption), _at(column * column_width, top))

    for column, ys in enumerate(heights):
        x = column * column_width
        shown = network.shown[column]
        for place, y in enumerate(ys):
            name = names[column][shown[place]]
            inside = len(name) <= _LONGEST_INSIDE
            attributes = f"label={Drawing.quoted(name if inside else '')}, {_at(x, y)}"
            if not inside:  # beside the neuron, where no edges are
                side = -1 if column == 0 else 1
                beside = _at(x + side * (_RADIUS + 0.08 + len(name) * _LETTER / 2), y)
                yield _note(f"name{column}_{place}", Drawing.quoted(name), beside)
            bias = biases.get((column, place))
            value = None if bias is None else look.value(bias)
            if value is not None:
                attributes += f', fillcolor="{PALETTE.shade(value, largest_bias)}"'
            yield f"n{column}_{place} [{attributes}]"
            if bias is not None and placed:
                below = _at(x, y - _RADIUS - 0.13)
                text = Drawing.quoted(look.text(bias, "b"))
                yield _note(f"b{column}_{place}", text, below)
        if len(shown) < network.sizes[column]:
            middle = (ys[-1] + ys[-2]) / 2
            yield _note(f"more{column}", '"⋮", fontsize=24', _at(x, middle))

    edges = list(zip(network.weights(), texts, strict=True))
    if not placed:  # the large ones over the small ones
        edges.sort(key=lambda edge: _size(look.value(edge[0][-1]), largest))
    for (column, tail, head, weight), text in edges:
        style = _edge(look.value(weight), largest, crowded=not placed)
        yield f"n{column}_{tail} -> n{column + 1}_{head} [{style}]"
        if placed:
            share = placed.along[column]
            x = (column + share) * column_width
            y = heights[column][tail] + share * (heights[column + 1][head] - heights[column][tail])
            name = f"w{column}_{tail}_{head}"
            yield f"{name} [label={Drawing.quoted(text)}, {_at(x, y)}, shape=box, {_PAPER}]"
    if legend:
        bottom = min(ys[-1] for ys in heights) - _RADIUS - 0.6
        yield from _legend(
            look, [look.value(weight) for *_, weight in network.weights()], bool(biases), bottom
        )


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


def _legend(look: _Look, values: Sequence[float | None], biased: bool, top: float) -> Iterator[str]:
    """A line for each style of edge in the drawing, and for the colours of neurons."""
    what = "weight" if look.color_by == "data" else "gradient"
    samples: dict[str, float | None] = {f"{what} > 0": 1.0, f"{what} < 0": -1.0}
    if 0.0 in values:
        samples[f"{what} = 0"] = 0.0
    if any(value != value for value in values):
        samples[f"{what} nan"] = math.nan
    if None in values:
        samples[f"no {what}"] = None
    left = -_RADIUS
    for number, (text, value) in enumerate(samples.items()):
        y = top - number * _TEXT * 1.3
        ends = [f"legend{number}_{end}" for end in (0, 1)]
        for name, x in zip(ends, (left, left + 0.6), strict=True):
            yield f"{name} [shape=point, style=invis, width=0.01, {_at(x, y)}]"
        yield f"{' -> '.join(ends)} [{_edge(value, 1.0)}]"
        yield _line_of_legend(f"legend{number}", text, left + 0.75, y)
    rest = [
        "the wider and darker, the larger",
        *(["neurons: their bias, in these colours"] if biased else []),
    ]
    for number, text in enumerate(rest, len(samples)):
        yield _line_of_legend(f"legend{number}", text, left, top - number * _TEXT * 1.3)


def _line_of_legend(name: str, text: str, left: float, y: float) -> str:
    """A line of left-aligned text."""
    width = len(text) * _LETTER + 0.1
    place = f"{_at(left + width / 2, y)}, width={width:.3g}, margin=0"
    return rf'{name} [label="{text}\l", {place}, shape=plaintext, style=solid]'


def _dot_text(lines: Iterator[str], title: str) -> str:
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
