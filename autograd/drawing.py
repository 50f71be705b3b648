"""`draw`: the recorded graph as a picture, in one visual language.

Three floors in this file, each using only the one below:

- *text*: pure functions from boxes and arrows to DOT. Nothing here knows about `Value`.
- *boxes*: what a node of the graph looks like. Shape is its kind, colour the sign and size of its
  gradient, a dark badge its operation.
- *graph*: which nodes there are: all of them, fused nodes opened up, or layers collapsed to a box.

`Drawing` holds the text, and turns it into a file or a notebook picture where a renderer is found.
"""

from __future__ import annotations

import gc
import html
import io
import math
import os
import re
import sys
import threading
import uuid
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stderr
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any, NoReturn

from .errors import GraphError, GraphTooLargeError, MissingExtraError
from .graph import ancestors, require_fresh
from .primitives import TABLE, Primitive
from .value import Value, Vector

__all__ = ["PALETTE", "Drawing", "draw"]

# --- style: every colour, font and line of our drawings --------------------------------------------


class Palette(Mapping[str, str]):
    """Colours by what they mean, and the colours between the faint and the strong ones."""

    def __init__(self, colors: Mapping[str, str]) -> None:
        self._colors = dict(colors)

    def __getitem__(self, name: str) -> str:
        return self._colors[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._colors)

    def __len__(self) -> int:
        return len(self._colors)

    def shade(self, value: float, largest: float, kind: str = "") -> str:
        """The colour for a signed value: blue above 0, orange below, darker the larger; grey at 0.

        Parameters
        ----------
        value : the value; nan has a colour of its own.
        largest : the absolute value that gets the darkest colour. Each power of ten below it is fainter,
            down to four.
        kind : ``""`` for filling a box, ``" line"`` for drawing a line.

        Returns
        -------
        A colour ``#rrggbb``.

        Examples
        --------
        >>> from autograd import PALETTE
        >>> [PALETTE.shade(value, 1.0) for value in (1.0, -1.0, 0.001, 0.0)]
        ['#7db4e6', '#f6a860', '#d1e4f6', '#ececec']
        """
        return self.tint(value, strength(value, largest), kind)

    def tint(self, value: float, share: float, kind: str = "") -> str:
        """The colour for the sign of a value, `share` of the way from the faintest to the darkest."""
        if value != value:
            return self["invalid"]
        if value == 0.0:
            return self[f"zero{kind}"]
        sign = "positive" if value > 0 else "negative"
        return _mix(self[f"{sign}{kind}"], self[f"{sign}{kind} strong"], share)


PALETTE = Palette(
    {
        # Blue and orange differ for every kind of colour vision, and are equally dark in grey print,
        # so that darkness alone means size. From faint to strong, to fill a box and to draw a line.
        "positive": "#edf4fb",
        "positive strong": "#7db4e6",
        "positive line": "#a9c9e8",
        "positive line strong": "#0b559f",
        "negative": "#fef3e8",
        "negative strong": "#f6a860",
        "negative line": "#f3c79c",
        "negative line strong": "#b04a00",
        "zero": "#ececec",
        "zero line": "#b0b0b0",
        "invalid": "#e7b3d6",  # nan
        "paper": "#ffffff",
        "ink": "#1a1a1a",
        "caption": "#555555",
        "faded": "#9a9a9a",  # what is not on the highlighted paths
        "faded line": "#d4d4d4",
        "line": "#6b6b6b",
        "badge": "#3d3d3d",  # behind the symbol of an operation
        "layer": "#f6f6f4",
        "neuron": "#ebebe7",
        "frame": "#b5b5ae",
        "font": "Helvetica,Arial,sans-serif",
    }
)
"""The style of all drawings: colours by what they mean, and the font."""

_SHAPES = {
    "constant": 'shape=plaintext, style=solid, margin="0.03,0.02"',
    "input": "shape=box",
    "parameter": "shape=note",
    "result": "shape=box",
    "output": "shape=box, peripheries=2",
    "group": 'shape=folder, margin="0.12,0.08"',
}
_WIDTH = 1.2  # of the line around a box
_DECADES = 4  # a value this many powers of ten below the largest has the faintest colour


def strength(value: float, largest: float) -> float:
    """Where |value| lies between 0, four powers of ten or more below `largest`, and 1, at `largest`.

    Examples
    --------
    >>> strength(-10.0, 1000.0)
    0.5
    """
    value, largest = abs(value), abs(largest)
    if value >= largest or math.isinf(value):
        return 1.0
    if value == 0.0 or math.isinf(largest):
        return 0.0
    return max(0.0, 1.0 - (math.log10(largest) - math.log10(value)) / _DECADES)


def _mix(faint: str, strong: str, share: float) -> str:
    pairs = ((int(faint[i : i + 2], 16), int(strong[i : i + 2], 16)) for i in (1, 3, 5))
    return "#" + "".join(f"{round(low + (high - low) * share):02x}" for low, high in pairs)


# --- text ------------------------------------------------------------------------------------------

Cluster = tuple[str, ...]  # nested frames, outermost first; what follows a NUL in a name is not shown

# What XML and so SVG cannot hold: control characters and lone surrogates.
_UNPRINTABLE = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_LONGEST = 48  # characters of a label that are shown; the tooltip has them all


def marked_up(text: str, newline: str = "<BR/>") -> str:
    r"""The text for an HTML-like label, so that exactly it is shown.

    Graphviz expands ``\N`` (the node's name) and its like in these labels too, so backslashes double.

    Examples
    --------
    >>> marked_up("a<b & {c|d}")
    'a&lt;b &amp; {c|d}'
    """
    text = html.escape(_UNPRINTABLE.sub("\ufffd", text)).replace("\\", "\\\\")
    return text.replace("\n", newline)


def quoted(text: str) -> str:
    r"""The text as a quoted DOT string that shows exactly it: no escapes, no entities, no HTML.

    Examples
    --------
    >>> print(quoted('"\\N" is <b>'))
    "&quot;\\N&quot; is &lt;b&gt;"
    """
    return f'"{marked_up(text, chr(92) + "n")}"'


def _tooltip(text: str) -> str:
    """A quoted text for an attribute that Graphviz unescapes twice."""
    return quoted(text.replace("\\", "\\\\"))


def shortened(text: str) -> str:
    """The text cut to what fits a drawing."""
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


def decimal(number: float, precision: int) -> str:
    """The number with so many significant digits.

    Examples
    --------
    >>> decimal(0.14018137, 4), decimal(-3.0, 4)
    ('0.1402', '-3')
    """
    return f"{number:.{precision}g}"


@dataclass(frozen=True, slots=True)
class _Box:
    """One drawn node."""

    kind: str
    symbol: str = ""
    label: str = ""
    rows: tuple[tuple[str, str], ...] = ()  # caption and text
    fill: str = PALETTE["paper"]
    dashed: bool = False
    faded: bool = False
    width: float = _WIDTH
    cluster: Cluster = ()
    tooltip: str = ""


@dataclass(frozen=True, slots=True)
class _Arrow:
    """One drawn edge."""

    tail: int
    head: int
    label: str = ""
    dashed: bool = False
    faded: bool = False
    bold: bool = False
    far: bool = False  # two columns on rather than one


def _cell(text: str, attributes: str = "") -> str:
    return f"<TD{attributes}>{text}</TD>"


def _table(box: _Box) -> str:
    """The label of a box: badge and name, then a row for each number."""
    grey = PALETTE["faded"]
    ink, badge, caption = (
        (grey, grey, grey) if box.faded else (PALETTE["ink"], PALETTE["badge"], PALETTE["caption"])
    )
    wide = ' COLSPAN="2"'
    alone = "" if box.symbol and box.label else wide
    title = ""
    if box.symbol:
        symbol = f'<FONT COLOR="{PALETTE["paper"]}"><B>{marked_up(box.symbol)}</B></FONT>'
        title = _cell(symbol, f'{alone} BGCOLOR="{badge}" STYLE="ROUNDED"')
    if box.label:
        title += _cell(f"<B>{marked_up(shortened(box.label))}</B>", alone)
    lines = [title] if title else []
    for name, text in box.rows:
        if name:
            name = f'<FONT COLOR="{caption}" POINT-SIZE="12">{marked_up(name)}</FONT>'
            lines.append(_cell(name, ' ALIGN="LEFT"') + _cell(marked_up(text), ' ALIGN="RIGHT"'))
        else:
            lines.append(_cell(marked_up(text), wide))
    rows = "".join(f"<TR>{line}</TR>" for line in lines)
    table = f'<TABLE BORDER="0" CELLSPACING="0" CELLPADDING="2">{rows}</TABLE>'
    return f'<<FONT COLOR="{ink}">{table}</FONT>>'


def _box_text(name: str, box: _Box) -> str:
    style = "filled,rounded" if box.kind in ("result", "output") else "filled"
    attributes = [f"label={_table(box)}", _SHAPES[box.kind]]
    if box.kind != "constant":
        if box.dashed or style != "filled":
            attributes.append(f'style="{style}{",dashed" if box.dashed else ""}"')
        attributes.append(f'fillcolor="{PALETTE["paper"] if box.faded else box.fill}"')
        if box.faded:
            attributes.append(f'color="{PALETTE["faded line"]}"')
        elif box.width != _WIDTH:
            attributes.append(f'color="{PALETTE["ink"]}", penwidth={box.width:g}')
    if box.tooltip:
        attributes.append(f"tooltip={_tooltip(box.tooltip)}")
    return f"{name} [{', '.join(attributes)}]"


def _arrow_text(arrow: _Arrow) -> str:
    attributes = []
    if arrow.label:
        attributes.append(f"label={quoted(arrow.label)}")
    if arrow.dashed:
        attributes.append("style=dashed")
    if arrow.faded:
        attributes.append(f'color="{PALETTE["faded line"]}", fontcolor="{PALETTE["faded"]}"')
    if arrow.bold:
        attributes.append(f'color="{PALETTE["ink"]}", penwidth=2.4')
    if arrow.far:
        attributes.append("minlen=2")
    suffix = f" [{', '.join(attributes)}]" if attributes else ""
    return f"n{arrow.tail} -> n{arrow.head}{suffix}"


def _framed(boxes: Sequence[_Box]) -> Iterator[str]:
    """The boxes within the nested frames of their clusters, frames in order of first appearance."""
    rank: dict[Cluster, int] = {}
    for box in boxes:
        for size in range(len(box.cluster) + 1):
            rank.setdefault(box.cluster[:size], len(rank))

    def place(index: int) -> list[int]:
        cluster = boxes[index].cluster
        return [rank[cluster[: size + 1]] for size in range(len(cluster))]

    opened: Cluster = ()
    for index in sorted(range(len(boxes)), key=place):
        cluster = boxes[index].cluster
        pairs = enumerate(zip(opened, cluster))
        common = next((size for size, (a, b) in pairs if a != b), min(len(opened), len(cluster)))
        for size in range(len(opened), common, -1):
            yield "  " * size + "}"
        for size in range(common, len(cluster)):
            indent = "  " * (size + 2)
            fill = PALETTE["neuron" if size % 2 else "layer"]
            label = quoted(shortened(cluster[size].partition("\0")[0]))
            yield f"{'  ' * (size + 1)}subgraph cluster_{rank[cluster[: size + 1]]} {{"
            yield f'{indent}graph [label={label}, style="filled,rounded", fillcolor="{fill}"]'
        opened = cluster
        yield "  " * (len(cluster) + 1) + _box_text(f"n{index}", boxes[index])
    for size in range(len(opened), 0, -1):
        yield "  " * size + "}"


def _legend() -> Iterator[str]:
    """The visual language, in its own words: one row for the shapes, one for the colours."""
    samples = [
        [
            _Box("input", label="input", fill=PALETTE["paper"]),
            _Box("parameter", label="parameter", fill=PALETTE["paper"]),
            _Box("result", symbol="f", label="result of f", fill=PALETTE["paper"]),
            _Box("output", symbol="f", label="output", fill=PALETTE["paper"]),
        ],
        [
            _Box("input", label="grad < 0", fill=PALETTE["negative strong"]),
            _Box("input", label="grad = 0", fill=PALETTE["zero"]),
            _Box("input", label="grad > 0", fill=PALETTE["positive strong"]),
            _Box("input", label="no grad yet", dashed=True),
        ],
    ]
    yield "  subgraph cluster_legend {"
    caption = "colour is the gradient: the darker, the larger"
    yield f'    graph [label="{caption}", style=rounded, color="{PALETTE["frame"]}"]'
    for row, boxes in enumerate(samples):
        names = [f"legend{row}{column}" for column in range(len(boxes))]
        for name, box in zip(names, boxes, strict=True):
            yield "    " + _box_text(name, box)
        yield f"    {' -> '.join(names)} [style=invis]"
    yield "  }"


def _dot_text(
    boxes: Sequence[_Box], arrows: Iterable[_Arrow], direction: str, title: str, legend: bool
) -> str:
    """The whole picture as DOT. Equal arguments give equal text."""
    graph = [f"rankdir={direction}", f'bgcolor="{PALETTE["paper"]}"', f'color="{PALETTE["frame"]}"']
    graph += [
        f'fontname="{PALETTE["font"]}"',
        "fontsize=13",
        "labeljust=r",
        "pad=0.2",
        "nodesep=0.2",
        "ranksep=0.45",
    ]
    node = [f'fontname="{PALETTE["font"]}"', "fontsize=13", "style=filled", f'color="{PALETTE["line"]}"']
    node += ["width=0", "height=0", 'margin="0.06,0.04"', f"penwidth={_WIDTH:g}"]
    edge = [f'fontname="{PALETTE["font"]}"', "fontsize=12", f'color="{PALETTE["line"]}"']
    edge += [f'fontcolor="{PALETTE["ink"]}"', "arrowsize=0.7"]
    lines = [
        "digraph computation {",
        f"  graph [{', '.join(graph)}]",
        f"  node [{', '.join(node)}]",
        f"  edge [{', '.join(edge)}]",
        *_framed(boxes),
        *("  " + _arrow_text(arrow) for arrow in arrows),
        *(_legend() if legend else ()),
    ]
    if title:  # below the clusters, which would inherit it
        lines.append(f"  graph [label={quoted(title)}, labelloc=t, labeljust=c, fontsize=18]")
    return "\n".join([*lines, "}", ""])


# --- graph: what there is to draw ------------------------------------------------------------------


class _View:
    """The recorded graph, in which some fused nodes stand opened up.

    The user's graph is not touched: an expansion is recorded on the node's operands, which do not
    know of it, and the view remembers that the fused node is now computed as the expansion's end.
    """

    def __init__(self, outputs: Sequence[Value], limit: int | None) -> None:
        self.outputs = outputs
        self.order: list[Any] = ancestors(outputs)  # `Value`s and `Vector`s, operands first
        self._ends: dict[Value, Value] = {}  # opened node -> the end of its expansion
        self._operands: dict[Any, tuple[Any, ...]] = {}  # of inner nodes, where they differ
        self._clusters: dict[Value, Cluster] = {}  # of opened and inner nodes
        self._grads: dict[Value, float | None] = {}  # of inner nodes
        self.values: list[Value] = [node for node in self.order if type(node) is Value]
        if limit is not None and len(self.values) > limit:  # before any more work on millions
            _refuse(f"{len(self.values):,} nodes", limit, None)
        self.operations = [node for node in self.values if node.primitive is not None]

    def row(self, node: Value) -> Primitive | None:
        return self._ends.get(node, node).primitive

    def operands(self, node: Value) -> tuple[Any, ...]:
        end = self._ends.get(node, node)
        return self._operands.get(end) or end.operands

    def parents(self, node: Value) -> tuple[Value, ...]:
        return tuple(
            chain.from_iterable(
                self.elements(operand) if type(operand) is Vector else (operand,)
                for operand in self.operands(node)
            )
        )

    def inputs(self, node: Any) -> tuple[Any, ...]:
        return self.elements(node) if type(node) is Vector else self.operands(node)

    def elements(self, vector: Vector) -> tuple[Any, ...]:
        return self._operands.get(vector) or vector.values

    def grad(self, node: Value) -> float | None:
        return self._grads.get(node, node.grad)

    def cluster(self, node: Value) -> Cluster:
        return self._clusters.get(node) or _parts(node.scope)

    def links(self, node: Value) -> Iterator[tuple[Value, float | None]]:
        """Each parent with the local derivative by it, ``None`` for what the node does not read."""
        row, operands = self.row(node), self.operands(node)
        if row is None:
            return
        args: list[Any] = [
            [element.data for element in self.elements(operand)] if type(operand) is Vector else operand.data
            for operand in operands
        ]
        slopes: Sequence[Any]
        if row.select is not None:
            chosen = row.select(*args)
            slopes = [1.0 if position == chosen else None for position in range(len(args))]
        else:
            slopes = row.slopes(self._ends.get(node, node).data, *args)
        for operand, slope in zip(operands, slopes):
            if type(operand) is not Vector:
                yield operand, slope
                continue
            elements = self.elements(operand)
            shared = isinstance(slope, (int, float))  # one number that holds for all
            yield from zip(elements, [slope] * len(elements) if shared else map(float, slope))

    # --- opening fused nodes up

    def open(self, wanted: Callable[[Value, Primitive], bool]) -> None:
        """Put the expansion in the place of each fused node whose row is wanted, and so on within."""
        within: dict[Value, frozenset[str]] = {}  # the rows that an inner node is an expansion of
        seen: set[Any] = set(self.order)
        tried: set[Value] = set()
        same: dict[Any, Any] = {}  # inner node -> the equal inner node recorded before it
        known: dict[Any, Value] = {}
        numbers: Counter[str] = Counter()
        pending = True
        while pending:
            pending = False
            order: list[Any] = []
            for node in self.order:
                row = self.row(node) if type(node) is Value and node not in tried else None
                if row is not None and type(node) is Value and wanted(node, row):
                    tried.add(node)
                    outer = within.get(node, frozenset())
                    if row.name not in outer:
                        inner = self._expand(node, row, seen, same, known, numbers)
                        within.update((new, outer | {row.name}) for new in inner if type(new) is Value)
                        order += inner
                        pending = True
                order.append(node)
            self.order = order
        # What two expansions share may stand behind its first reader, where they were nested.
        self.order = _postorder(self.outputs, self.inputs, ())
        self.values = [node for node in self.order if type(node) is Value]
        self.operations = [node for node in self.values if node.primitive is not None]
        self._spread_gradients(within)

    def _expand(
        self,
        node: Value,
        row: Primitive,
        seen: set[Any],
        same: dict[Any, Any],
        known: dict[Any, Value],
        numbers: Counter[str],
    ) -> list[Any]:
        """The new nodes of one expansion. What two expansions both compute is drawn once.

        Three probabilities of one softmax are three expansions, but three exponentials and one sum.
        """
        operands = [
            Vector(self.elements(operand)) if type(operand) is Vector else operand
            for operand in self.operands(node)
        ]
        assert row.expansion is not None
        end = row.expansion(*operands)
        if type(end) is not Value or end in seen or not end.operands:  # under no_grad, for one
            return []
        fresh: list[Any] = []
        frame: Cluster = ()
        for new in _postorder([end], _operands_of, seen):
            inputs = new.values if type(new) is Vector else new.operands
            inputs = tuple(same.get(operand, operand) for operand in inputs)
            self._operands[new] = inputs
            if type(new) is Vector or new is end:
                fresh += [new] if new is not end else []
                continue
            signature = (new.primitive, self._signature(new)) if inputs else new
            if signature in known:
                same[new] = known[signature]
                frame = frame or self._clusters.get(known[signature], ())
            else:
                known[signature] = new
                fresh.append(new)
        seen.update(fresh)
        if not frame:
            numbers[row.name] += 1
            frame = (*self.cluster(node), f"{row.name}\0{numbers[row.name]}")
        self._ends[node] = end
        for new in [*fresh, node]:
            self._clusters[new] = frame
        return fresh

    def _signature(self, node: Value) -> tuple[int, ...]:
        """The parents, without their order where it changes nothing: a sum is correctly rounded."""
        ids = [id(parent) for parent in self.parents(node)]
        return tuple(sorted(ids) if node.op == "sum" else ids)

    def _spread_gradients(self, inner: Iterable[Value]) -> None:
        """Carry the gradients of the opened nodes through their expansions, by the chain rule."""
        self._grads = dict.fromkeys(inner)
        for node in reversed(self.order):
            adjoint = self.grad(node) if type(node) is Value else None
            if adjoint is None or (node not in self._ends and node not in self._grads):
                continue
            for parent, slope in self.links(node):
                if parent in self._grads and slope is not None and not parent.constant:
                    self._grads[parent] = (self._grads[parent] or 0.0) + adjoint * slope


def _operands_of(node: Any) -> tuple[Any, ...]:
    return node.values if type(node) is Vector else node.operands


def _postorder(
    ends: Iterable[Any], operands: Callable[[Any], tuple[Any, ...]], seen: Collection[Any]
) -> list[Any]:
    """What the ends depend on and is not seen yet, operands first (see `graph.ancestors`)."""
    order: list[Any] = []
    found: set[Any] = set()
    stack: list[Any] = list(ends)[::-1]
    while stack:
        node = stack.pop()
        if node is None:
            order.append(stack.pop())
        elif node not in found and node not in seen:
            found.add(node)
            stack += (node, None)
            stack += operands(node)[::-1]
    return order


def _parts(scope: str) -> Cluster:
    return tuple(part for part in scope.split(".") if part)


def _reached(view: _View, start: Value) -> set[Any]:
    """The nodes on paths from `start` to an output: in this graph, all that depend on `start`."""
    reached: set[Any] = {start}
    for node in view.order:
        if not reached.isdisjoint(view.inputs(node)):
            reached.add(node)
    return reached


# --- boxes: every node one by one ------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Look:
    """How the nodes of one picture are shown."""

    view: _View
    precision: int
    derivatives: bool
    start: Value | None
    reached: Collection[Any]
    parameters: Collection[Value]

    def kind(self, node: Value) -> str:
        if node.constant:
            return "constant"
        if not node.op:
            return "parameter" if node.scope or node in self.parameters else "input"
        return "output" if node in self.view.outputs else "result"

    def name(self, node: Value) -> str:
        """The label; within the frames of its scope ``layer0.neuron1.w2`` is ``w2``."""
        return node.label.removeprefix(f"{node.scope}.") if node.scope else node.label

    def number(self, number: float) -> str:
        return decimal(number, self.precision)

    def range(self, numbers: Sequence[float]) -> str:
        """The least and the largest of some numbers."""
        ends = [self.number(end) for end in (min(numbers), max(numbers))] if numbers else ["none"]
        return " … ".join(dict.fromkeys(ends))

    def faded(self, node: Any) -> bool:
        return self.start is not None and node not in self.reached

    def width(self, on_path: bool, start: bool) -> float:
        return _WIDTH if self.start is None or not on_path else 4.0 if start else 2.4

    def largest(self, nodes: Iterable[Value]) -> float:
        """The largest gradient, which is darkest. The output's own does not count: it is always 1."""
        grads = (self.view.grad(node) for node in nodes if node not in self.view.outputs)
        return max((abs(grad) for grad in grads if grad is not None and math.isfinite(grad)), default=1.0)

    def box(self, node: Value, cluster: Cluster, largest: float) -> _Box:
        """One node: its operation, label, data and gradient."""
        kind, grad = self.kind(node), self.view.grad(node)
        if kind == "constant":
            text = self.number(node.data)
            return _Box(
                kind, label=node.label, rows=(("", text),), faded=self.faded(node), cluster=cluster,
                tooltip=f"constant {node.data!r}",
            )  # fmt: skip
        row = self.view.row(node)
        lines = [node.label, f"op {row.name}" if row else kind, f"data {node.data!r}", f"grad {grad!r}"]
        return _Box(
            kind,
            symbol=row.symbol if row else "",
            label=self.name(node),
            rows=(("data", self.number(node.data)), ("grad", "none" if grad is None else self.number(grad))),
            fill=PALETTE["paper"] if grad is None else PALETTE.shade(grad, largest),
            dashed=grad is None,
            faded=self.faded(node),
            width=self.width(node in self.reached, node is self.start),
            cluster=cluster,
            tooltip="\n".join(line for line in lines if line),
        )  # fmt: skip

    def arrow(self, tail: int, head: int, parent: Value, slope: float | None) -> _Arrow:
        """One edge, dashed if it is not read; all that leaves a node of a highlighted path is on one."""
        shown = self.derivatives and slope is not None and not parent.constant
        return _Arrow(
            tail,
            head,
            label=self.number(slope) if shown and slope is not None else "",
            dashed=slope is None,
            faded=self.faded(parent),
            bold=parent in self.reached,
        )


def _arrows(look: _Look, node: Value, tail: Callable[[Value], int], head: int) -> Iterator[_Arrow]:
    """The edges into one node, one for each operand: x * x has two."""
    view, row = look.view, look.view.row(node)
    if row is None:
        return
    links: Iterable[tuple[Value, float | None]]
    if look.derivatives or row.select is not None:
        if look.derivatives and node.operands:
            require_fresh(node)
        links = view.links(node)
    else:
        links = ((parent, 0.0) for parent in view.parents(node))
    for parent, slope in links:
        yield look.arrow(tail(parent), head, parent, slope)


def _one_by_one(look: _Look) -> tuple[list[_Box], list[_Arrow]]:
    values = look.view.values
    index = {node: position for position, node in enumerate(values)}
    largest = look.largest(values)
    boxes = [look.box(node, look.view.cluster(node), largest) for node in values]
    arrows = chain.from_iterable(_arrows(look, node, index.__getitem__, index[node]) for node in values)
    return boxes, _spaced(boxes, list(arrows))


def _spaced(boxes: Sequence[_Box], arrows: list[_Arrow]) -> list[_Arrow]:
    """Leave room for a layer's own leaves behind the layer before it.

    Else they stand in the column of that layer's results, and the two frames one below the other.
    """
    frames = [box.cluster[:1] for box in boxes]
    roomy = {
        arrow.head
        for arrow in arrows
        if boxes[arrow.tail].kind == "parameter" and frames[arrow.tail] == frames[arrow.head]
    }
    return [
        replace(arrow, far=True)
        if arrow.head in roomy
        and boxes[arrow.tail].kind == "result"
        and frames[arrow.tail] != frames[arrow.head]
        else arrow
        for arrow in arrows
    ]


# --- boxes: layers and neurons collapsed -----------------------------------------------------------


@dataclass(slots=True)
class _Group:
    """The nodes of a scope, or where `scope` is empty, repeats of one node outside of all scopes."""

    scope: Cluster
    leaves: list[Value]
    operations: list[Value]
    times: int = 0  # how often the scope was recorded

    @property
    def members(self) -> list[Value]:
        return self.leaves + self.operations

    @property
    def single(self) -> bool:
        return not self.scope and len(self.leaves) + len(self.operations) == 1


class _Groups:
    """The graph divided into groups, each drawn as one box.

    A node recorded `depth` or more scopes deep belongs to the group of its first `depth` scopes. Of
    the others, nodes with the same operation, the same label and operands from the same groups are
    repeats of one another, such as the losses of many examples; and so are leaves with the same label
    that the same groups read.

    What is said of a `Vector` is said once for all nodes that read it, so that the time is in
    proportion to the parameters of a model rather than to its edges.
    """

    def __init__(self, view: _View, depth: int, limit: int) -> None:
        self.view, self.depth, self.limit = view, depth, limit
        self._operations = set(view.operations)
        self._first: dict[Value, Any] = {}  # the number of a node's group, before leaves are told apart
        self._within: dict[Any, dict[int, None]] = {}  # Vector -> the numbers of its elements
        loose = self._number()
        readers = self._readers(loose)
        for node in loose:  # leaves with the same label that others read are others
            self._first[node] = (self._first[node], tuple(sorted(readers[node])))
        first = self._first
        keys = dict.fromkeys(first[node] for node in chain(loose, view.operations))
        keys.update(dict.fromkeys(first.values()))  # a scope has its place by its first operation
        positions = {key: position for position, key in enumerate(keys)}
        self.of: dict[Value, int] = {node: positions[key] for node, key in first.items()}
        self.groups = [_Group((), [], []) for _ in keys]
        leaves = [group.leaves for group in self.groups]
        for node, position in self.of.items():
            if node not in self._operations:
                leaves[position].append(node)
        for node in view.operations:
            self.groups[self.of[node]].operations.append(node)
        for group in self.groups:
            group.scope = self._scope((group.leaves or group.operations)[0].scope)
        self.sources: dict[tuple[int, int], dict[Value, None]] = {}  # what a group hands to another
        self._connect()

    def _scope(self, scope: str) -> Cluster:
        """The first `depth` parts, the empty tuple if there are fewer."""
        parts = _parts(scope)[: self.depth]
        return parts if len(parts) == self.depth else ()

    def _number(self) -> list[Value]:
        """Give nodes with the same key the same number; returns the leaves outside of scopes."""
        view, first, operations = self.view, self._first, self._operations
        numbers: dict[Any, int] = {}  # key -> number; a key made of numbers stays small
        of_scope: dict[str, int] = {}
        loose: list[Value] = []
        for node in view.order:
            if type(node) is Vector:
                elements = view.elements(node)
                numbered = (
                    chain.from_iterable(map(self._within.__getitem__, elements))
                    if node.nested
                    else map(first.__getitem__, elements)
                )
                self._within[node] = dict.fromkeys(numbered)
                continue
            scope = node.scope
            if scope in of_scope:
                first[node] = of_scope[scope]
                continue
            key: Any = self._scope(scope)
            if key:
                of_scope[scope] = numbers.setdefault(key, len(numbers))
            else:
                place = tuple(part.partition("\0")[0] for part in view.cluster(node))
                if node in view.outputs:
                    key = node
                elif node in operations:
                    inputs = chain.from_iterable(
                        self._within[operand] if type(operand) is Vector else (first[operand],)
                        for operand in view.operands(node)
                    )
                    row = view.row(node)
                    key = (row, node.label, place, tuple(dict.fromkeys(inputs)))
                else:
                    loose.append(node)
                    key = (node.constant, node.label, place)
            first[node] = numbers.setdefault(key, len(numbers))
            if len(numbers) > self.limit:  # it can only become more, and a million keys take long
                _refuse(f"more than {self.limit:,} of its {len(view.values):,} nodes", self.limit, self.depth)
        return loose

    def _readers(self, leaves: Collection[Value]) -> dict[Any, set[int]]:
        """For each of the leaves the groups that read it, itself or in a `Vector`."""
        loose = set(leaves)
        readers: dict[Any, set[int]] = {node: set() for node in leaves}
        for node in self.view.operations:
            for operand in self.view.operands(node):
                if type(operand) is Vector or operand in loose:
                    readers.setdefault(operand, set()).add(self._first[node])
        for vector in reversed(self._within):
            if vector in readers:
                for element in self.view.elements(vector):
                    if element in loose:
                        readers[element].update(readers[vector])
        return readers

    def _connect(self) -> None:
        """Find what each group hands to another, and how often each scope was recorded.

        How often: the greatest common divisor of how often its parts were, by operation; and of the
        number of operations that no other in the same scope reads, for a chain of two is not a repeat.
        """
        view, of = self.view, self.of
        consumed: set[Value] = set()
        done: set[Any] = set()
        counts: Counter[Any] = Counter()
        ends: Counter[Any] = Counter()
        for node in view.operations:
            group, scope = of[node], node.scope
            if self.groups[group].scope:
                counts[group, scope, node.op] += 1
                ends[group, scope] += 1
            for operand in view.operands(node):
                elements: tuple[Value, ...] = (operand,)
                if type(operand) is Vector:
                    elements = view.elements(operand)
                    inside = len(self._within[operand]) == 1 and of[elements[0]] == group
                    if (operand, group, scope) in done or (inside and self._operations.isdisjoint(elements)):
                        continue
                    done.add((operand, group, scope))
                for parent in elements:
                    tail = of[parent]
                    if tail != group:
                        self.sources.setdefault((tail, group), {})[parent] = None
                    elif parent.op and parent.scope == scope and parent not in consumed:
                        consumed.add(parent)
                        ends[group, scope] -= 1
        for counter in (counts, ends):
            for key, count in counter.items():
                group = self.groups[key[0]]
                group.times = math.gcd(group.times, count)

    def times(self, position: int) -> int:
        """How often the nodes of a scope, or a node outside, were recorded."""
        group = self.groups[position]
        return max(1, group.times if group.scope else len(group.members))


def _collapsed(look: _Look, groups: _Groups) -> tuple[list[_Box], list[_Arrow]]:
    alone = [group.members[0] if group.single else None for group in groups.groups]
    largest = look.largest(node for node in alone if node is not None)
    boxes = [
        _group_box(look, group, groups.times(position), largest)
        for position, group in enumerate(groups.groups)
    ]
    arrows: list[_Arrow] = []
    for (tail, head), sources in groups.sources.items():
        node = alone[head]
        if node is not None and alone[tail] is not None:
            into = _arrows(look, node, groups.of.__getitem__, head)
            arrows += [arrow for arrow in into if arrow.tail == tail]
            continue
        values, times = len(sources), groups.times(head)
        share = values // times if values % times == 0 else values
        on_path = look.start is not None and not sources.keys().isdisjoint(look.reached)
        arrows.append(
            _Arrow(
                tail,
                head,
                label=f"{share:,}" if share > 1 else "",
                faded=look.start is not None and not on_path,
                bold=on_path,
            )
        )
    return boxes, arrows


def _group_box(look: _Look, group: _Group, times: int, largest: float) -> _Box:
    """A scope with its number of parameters and operations, or repeats with the range of theirs."""
    members = group.members
    if group.single:
        return look.box(members[0], look.view.cluster(members[0]), largest)
    every = f" ×{times:,}" if times > 1 else ""
    box = _scope_box(look, group, times) if group.scope else _repeats_box(look, members)
    on_path = look.start is not None and not set(members).isdisjoint(look.reached)
    return replace(
        box,
        label=f"{box.label}{every}".strip() if box.kind != "constant" else box.label,
        faded=look.start is not None and not on_path,
        width=look.width(on_path, look.start in members),
        tooltip=f"{'.'.join(group.scope)}{every}" if group.scope else "",
    )


def _scope_box(look: _Look, group: _Group, times: int) -> _Box:
    parameters = [leaf for leaf in group.leaves if not leaf.constant]
    grads = [node.grad for node in parameters or group.operations if node.grad is not None]
    rows: list[tuple[str, str]] = []
    if parameters:
        rows.append(("parameters", f"{len(parameters):,}"))
    if group.operations:
        rows.append(("operations", f"{len(group.operations) // times:,}"))
    if parameters:
        rows.append(("|grad|", look.number(math.hypot(*grads)) if grads else "none"))
    return _Box(
        "group",
        label=group.scope[-1],
        rows=tuple(rows),
        fill=PALETTE["layer" if len(group.scope) == 1 else "neuron"],
        dashed=not grads,
        cluster=group.scope[:-1],
    )


def _repeats_box(look: _Look, members: Sequence[Value]) -> _Box:
    node = members[0]
    kind, row, cluster = look.kind(node), look.view.row(node), look.view.cluster(node)
    data = look.range([member.data for member in members])
    if kind == "constant":
        rows = (("", f"{len(members):,} numbers"), ("", data))
        return _Box(kind, label=node.label, rows=rows, cluster=cluster)
    grads = [grad for grad in map(look.view.grad, members) if grad is not None]
    return _Box(
        kind,
        symbol=row.symbol if row else "",
        label=look.name(node),
        rows=(("data", data), ("grad", look.range(grads))),
        dashed=not grads,
        cluster=cluster,
    )


# --- draw ------------------------------------------------------------------------------------------

_DIRECTIONS = ("LR", "RL", "TB", "BT")


def draw(
    output: Value | Sequence[Value],
    *,
    direction: str = "LR",
    precision: int = 4,
    depth: int | None = None,
    expand: bool | Collection[str] = False,
    highlight: Value | None = None,
    derivatives: bool = False,
    parameters: Iterable[Value] = (),
    limit: int = 500,
    title: str = "",
    legend: bool = False,
) -> Drawing:
    """Draw the computation graph of `output`: each node with its label, data and gradient.

    Shape is the kind of a node: a sharp box is an input, one with a folded corner a parameter, a
    rounded one with a dark badge the result of an operation, a double line marks the output, and
    numbers written into an expression stand bare. Colour is the sign and the size of the gradient:
    blue above 0, orange below, grey at 0, fainter by a quarter for each power of ten below the largest.
    A node that no backward pass has reached is white with a dashed line, and says ``grad none``.

    Parameters
    ----------
    output : the `Value` to draw with all that it depends on, or several of them.
    direction : where the graph runs, from inputs to output: ``"LR"``, ``"RL"``, ``"TB"`` or ``"BT"``.
    precision : significant digits of each number, 1 to 17.
    depth : collapse: 1 draws every layer as one box, 2 every neuron (the parts of `Value.scope`), and
        what was recorded many times once, as ``×12``. The number at an arrow between boxes is how many
        values go along it each time.
    expand : draw fused nodes (softmax, sigmoid, dot, ...) in simpler operations: ``True`` for all, or
        the names of some.
    highlight : a node; all paths from it to the output stand out and the rest is faded.
    derivatives : write on each edge the local derivative of its head by its tail.
    parameters : leaves to show as parameters besides those that were recorded in a model.
    limit : the most nodes to draw; and four times as many edges. Graphviz takes long beyond it.
    title : a line above the drawing.
    legend : whether to explain shapes and colours below it.

    Returns
    -------
    A `Drawing`. Equal graphs give equal text: nodes are called n0, n1, ... in topological order.

    Raises
    ------
    GraphTooLargeError : a `ValueError`, if more than `limit` nodes would be drawn, after collapsing.
    GraphError : if `highlight` is not in the graph, or with `derivatives` if a leaf's data was set
        after the graph was recorded.
    TypeError, ValueError : if an argument is not what it should be.

    Examples
    --------
    >>> from autograd import Value
    >>> x = Value(3.0, "x")
    >>> y = x * x
    >>> y.label = "y"
    >>> y.backward()
    >>> picture = draw(y)
    >>> picture.source.count("n0 -> n1")
    2
    >>> draw(y, derivatives=True).source.count('n0 -> n1 [label="3"]')
    2
    """
    outputs = _outputs(output)
    _require(direction in _DIRECTIONS, "direction", f"one of {', '.join(_DIRECTIONS)}", direction)
    _require(_whole(precision, 1, 17), "precision", "a whole number from 1 to 17", precision)
    _require(depth is None or _whole(depth, 1), "depth", "None or a whole number from 1 on", depth)
    _require(_whole(limit, 1), "limit", "a whole number from 1 on", limit)
    wanted = _rows_to_expand(expand)
    with _uncollected():
        view = _View(outputs, limit if depth is None else None)
        if highlight is not None:
            _require_in(view, highlight)
        if wanted:
            view.open(lambda node, row: row.name in wanted and len(_parts(node.scope)) < (depth or math.inf))
        reached = () if highlight is None else _reached(view, highlight)
        look = _Look(view, precision, derivatives, highlight, reached, frozenset(parameters))
        if depth is None:
            edges = sum(
                len(view.elements(operand)) if type(operand) is Vector else 1
                for node in view.operations
                for operand in view.operands(node)
            )
            _require_fits(len(view.values), edges, limit, depth)
            boxes, arrows = _one_by_one(look)
        else:
            groups = _Groups(view, depth, limit)
            _require_fits(len(groups.groups), len(groups.sources), limit, depth)
            boxes, arrows = _collapsed(look, groups)
    return Drawing(_dot_text(boxes, arrows, direction, title, legend))


@contextmanager
def _uncollected() -> Iterator[None]:
    """Without the cyclic garbage collector, whose passes over a large graph would take half the time."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()


def _require(holds: bool, name: str, expected: str, given: Any) -> None:
    if not holds:
        raise ValueError(f"{name} must be {expected}, got {given!r:.60}")


def _whole(number: Any, least: int, most: float = math.inf) -> bool:
    return isinstance(number, int) and not isinstance(number, bool) and least <= number <= most


def _outputs(output: Any) -> tuple[Value, ...]:
    outputs = (output,) if isinstance(output, Value) else output
    if isinstance(outputs, Sequence) and len(outputs) > 0:
        values = tuple(outputs)
        if all(isinstance(value, Value) for value in values):
            return tuple(dict.fromkeys(values))
    raise TypeError(f"draw takes a Value or a sequence of them, got {type(output).__name__}: {output!r:.60}")


def _rows_to_expand(expand: bool | Collection[str]) -> frozenset[str]:
    names = frozenset(row.name for row in TABLE.values() if row.expansion is not None)
    if isinstance(expand, bool):
        return names if expand else frozenset()
    wanted = frozenset([expand] if isinstance(expand, str) else expand)
    unknown = ", ".join(sorted(map(repr, wanted - names)))
    _require(not unknown, "expand", f"True, False or names out of {', '.join(sorted(names))}", unknown)
    return wanted


def _require_in(view: _View, node: Any) -> None:
    if not isinstance(node, Value):
        raise TypeError(f"highlight takes a Value of the graph, got {type(node).__name__}: {node!r:.60}")
    if node not in set(view.order):
        raise GraphError(
            f"{node.label or 'the node'} cannot be highlighted: the output does not depend on it"
        )


def _require_fits(nodes: int, edges: int, limit: int, depth: int | None) -> None:
    if nodes > limit or edges > 4 * limit:
        _refuse(f"{nodes:,} nodes and {edges:,} edges", limit, depth)


def _refuse(size: str, limit: int, depth: int | None) -> NoReturn:
    if depth is None:
        size = f"the graph has {size}"
        cure = "collapse it with depth=1 (every layer of a model as one box) or depth=2 (every neuron)"
    else:
        size = f"collapsed to depth={depth} the graph still has {size}"
        cure = (
            "collapse it with depth=1 (every layer as one box)"
            if depth > 1
            else "give its nodes a scope to be collapsed by (Value.scope), as the layers of a model do"
        )
    raise GraphTooLargeError(
        f"{size}, and more than limit={limit:,} nodes or {4 * limit:,} edges are not drawn: "
        f"{cure}, draw a node nearer to the inputs, or raise the limit"
    )


# --- a drawing, and the programs that render it ----------------------------------------------------

_FORMATS = {".svg": "svg", ".png": "png", ".pdf": "pdf", ".dot": "dot"}


class Drawing:
    """A picture as DOT text, which becomes a file or a notebook picture on demand.

    Parameters
    ----------
    source : the DOT text.
    engine : the Graphviz layout that places its nodes, ``"dot"`` or ``"neato"``.

    Attributes
    ----------
    source, engine : as given.

    Examples
    --------
    >>> picture = Drawing("digraph { a -> b }")
    >>> print(picture)
    digraph { a -> b }
    """

    def __init__(self, source: str, engine: str = "dot") -> None:
        self.source = source
        self.engine = engine

    quoted = staticmethod(quoted)  # for those who write DOT of their own
    marked_up = staticmethod(marked_up)

    def __str__(self) -> str:
        return self.source

    def __repr__(self) -> str:
        return f"<Drawing, {self.source.count(chr(10))} lines of DOT: .save(path) or .source>"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Drawing):
            return NotImplemented
        return (self.source, self.engine) == (other.source, other.engine)

    def __hash__(self) -> int:
        return hash((self.source, self.engine))

    def render(self, format: str) -> bytes:
        """The picture in a format, ``"svg"``, ``"png"``, ``"pdf"`` or ``"dot"``, as bytes.

        Raises
        ------
        ValueError : for another format.
        MissingExtraError : if neither pygraphviz nor Graphviz's ``dot`` is installed.
        """
        _require(format in _FORMATS.values(), "format", f"one of {', '.join(_FORMATS.values())}", format)
        if format == "dot":
            return self.source.encode()
        return _render(self.source, self.engine, format)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the picture to a file; the suffix says as what: .svg, .png, .pdf or .dot.

        The file appears complete or not at all.

        Returns
        -------
        The path.

        Raises
        ------
        ValueError : for another suffix.
        FileNotFoundError : if the folder does not exist.
        MissingExtraError : if neither pygraphviz nor Graphviz's ``dot`` is installed.
        """
        path = Path(path)
        format = _FORMATS.get(path.suffix.lower(), "")
        _require(format != "", "the file's suffix", f"one of {', '.join(_FORMATS)}", str(path))
        if not path.parent.is_dir():
            raise FileNotFoundError(f"cannot save {path.name}: there is no folder {path.parent}")
        content = self.render(format)
        unfinished = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
        try:
            unfinished.write_bytes(content)
            unfinished.replace(path)
        finally:
            unfinished.unlink(missing_ok=True)
        return path

    def _repr_svg_(self) -> str:
        return self.render("svg").decode()

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        """What a notebook shows: the picture, or how to get a renderer."""
        try:
            return {"image/svg+xml": self._repr_svg_(), "text/plain": repr(self)}
        except MissingExtraError as error:
            return {"text/plain": f"{self!r}\n{error}"}


_rendering = threading.Lock()  # Graphviz keeps its state in global variables


def _render(source: str, engine: str, format: str) -> bytes:
    """Render in this process with pygraphviz, otherwise with the `dot` program."""
    try:
        import pygraphviz
    except ImportError:
        return _render_with_program(source, engine, format)
    with _rendering, _quiet():
        rendered: bytes = pygraphviz.AGraph(string=source).draw(format=format, prog=engine)
    return rendered


def _render_with_program(source: str, engine: str, format: str) -> bytes:
    import graphviz

    try:
        rendered: bytes = graphviz.pipe(engine, format, source.encode(), quiet=True)
    except graphviz.ExecutableNotFound:
        raise MissingExtraError(
            "drawing to a picture", "pygraphviz 2 or Graphviz", "render",
            otherwise=f"  or install Graphviz (https://graphviz.org/download) so that {engine} is on the "
            "path. The DOT text is there without either: .source, or .save to a .dot file",
        ) from None  # fmt: skip
    return rendered


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep what Graphviz's libraries, fontconfig above all, write to the process's stderr from the user."""
    try:
        sys.stderr.flush()
        stderr = os.dup(2)
    except (AttributeError, OSError, ValueError):  # no stderr, as under pythonw: nothing can be seen
        with redirect_stderr(io.StringIO()):
            yield
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        with redirect_stderr(io.StringIO()):
            yield
    finally:
        os.dup2(stderr, 2)
        os.close(nowhere)
        os.close(stderr)
