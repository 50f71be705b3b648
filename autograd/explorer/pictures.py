"""The graph as SVG, once for each way in which its scopes can be open or closed; and the network.

Graphviz places everything and leaves room for the widest numbers. What is drawn carries attributes by
which the page finds it, and its colours are the names of the style sheet's, so that dark is dark.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ..drawing import PALETTE, Drawing
from ..drawing.boxes import Look, one_by_one
from ..drawing.collapse import Group, Groups, collapsed
from ..drawing.text import Arrow, Box, Cluster, dot_text, frames
from ..drawing.view import View, parts
from ..engine.replay import Passes
from ..engine.value import Value
from ..errors import GraphTooLargeError

ROOM = "888888888"  # as wide as the widest number that the page writes in its place
_MOST_STATES = 64  # with more ways to open scopes, only those with one path open are drawn
_MOST_BOXES = 160  # the most in a picture with open scopes
_SVG = "http://www.w3.org/2000/svg"
COLORS = {color: f"var(--{name.replace(' ', '-')})" for name, color in PALETTE.items() if color[0] == "#"}
CAPTIONS = {"data": "data", "grad": "grad", "|grad|": "norm"}


class Reached(View):
    """The graph as it looks when all gradients are there: nothing is dashed for want of one."""

    def grad(self, node: Value) -> float | None:
        return 0.0


@dataclass(frozen=True, slots=True)
class Blank(Look):
    """Room in the place of numbers, and a name for every node."""

    names: dict[Value, str]

    def number(self, number: float) -> str:
        return ROOM

    def name(self, node: Value) -> str:
        return self.names[node].removeprefix(f"{node.scope}.") if node.scope else self.names[node]

    def box(self, node: Value, largest: float) -> Box:
        box = Look.box(self, node, largest)
        if box.kind == "constant":
            return replace(box, label="", rows=(("", self.names[node]),), tooltip="")
        return replace(box, fill=PALETTE["paper"], tooltip="")


@dataclass(frozen=True)
class Picture:
    """The graph with some scopes open.

    Attributes
    ----------
    opened : these scopes.
    svg : the drawing.
    boxes : the nodes of each box by place, and its scope if it is a closed one.
    order : the boxes in the order in which they are computed.
    """

    opened: list[str]
    svg: str
    boxes: list[dict[str, Any]]
    order: list[int]


def pictures(
    passes: Passes, names: dict[Value, str], parameters: Collection[Value], limit: int
) -> Iterator[Picture]:
    """The graph in every state that the page can show, the one that it opens with first.

    Raises
    ------
    GraphTooLargeError : if closed scopes still leave more than `limit` boxes.
    """
    view = Reached([passes.output])
    look = Blank(view, 4, False, None, frozenset(), parameters, names)
    kept: dict[frozenset[Cluster], Groups | None] = {}
    crowded: list[frozenset[Cluster]] = []  # and so is what opens still more
    everything = frozenset(_scopes(passes.nodes))
    for opened in _states(passes.nodes):
        if len(view.values) <= limit and opened == everything:
            kept[opened] = None
        elif not any(map(opened.issuperset, crowded)):
            try:
                groups = Groups(view, 1, limit, opened)
            except GraphTooLargeError:
                if not kept:
                    raise
                crowded.append(opened)
                continue
            if not kept or len(groups.groups) <= _MOST_BOXES:
                kept[opened] = groups
            else:
                crowded.append(opened)
    for opened, divided in kept.items():
        if divided is None:
            boxes, arrows = one_by_one(look)
            listed = [{"nodes": [place], "scope": ""} for place in range(len(boxes))]
        else:
            boxes, arrows = collapsed(look, divided)
            openable = [
                not kept.keys().isdisjoint((opened | {group.scope}, _around(group.scope)))
                for group in divided.groups
            ]
            boxes = list(map(_grouped, boxes, divided.groups, openable))
            listed = [
                {"nodes": [passes.index[node] for node in group.members], "scope": ".".join(group.scope)}
                for group in divided.groups
            ]
        svg = _graph_svg(Drawing(dot_text(boxes, arrows, "LR", "", legend=False)), boxes)
        yield Picture([".".join(scope) for scope in sorted(opened)], svg, listed, _in_order(boxes, arrows))


def _grouped(box: Box, group: Group, openable: bool) -> Box:
    """A closed scope says that it opens; what repeats of a constant have in common is their number."""
    if group.scope and openable:
        box = replace(box, label=f"+ {box.label}")
    if box.kind == "constant" and not group.single:
        box = replace(box, rows=box.rows[:1])
    return replace(box, tooltip="")


def _scopes(nodes: Sequence[Value]) -> dict[Cluster, None]:
    """Every scope, and those around it, in the order in which they appear."""
    found: dict[Cluster, None] = {}
    for scope in dict.fromkeys(node.scope for node in nodes):
        every = parts(scope)
        found.update((every[:size], None) for size in range(1, len(every) + 1))  # the outer ones first
    return found


def _states(nodes: Sequence[Value]) -> list[frozenset[Cluster]]:
    """Which scopes may be open together: all combinations if they are few, else one path at a time.

    A small graph is open at first, a large one closed.
    """
    scopes = _scopes(nodes)
    states = [frozenset[Cluster]()]
    for scope in scopes:  # opens within the one around it
        if len(states) <= _MOST_STATES:
            states += [state | {scope} for state in states if not scope[:-1] or scope[:-1] in state]
    if len(states) > _MOST_STATES:
        states = [frozenset(), *map(_around, scopes)]
        if len(nodes) <= _MOST_BOXES:
            states.append(frozenset(scopes))
    return sorted(states, key=len, reverse=len(nodes) <= 60)


def _around(scope: Cluster) -> frozenset[Cluster]:
    """A scope and those around it."""
    return frozenset(scope[:size] for size in range(1, len(scope) + 1))


def _in_order(boxes: Sequence[Box], arrows: Sequence[Arrow]) -> list[int]:
    """The boxes, each after those that it reads from; in a cycle, which repeats can be in, by number."""
    waiting = [0] * len(boxes)
    readers: list[list[int]] = [[] for _ in boxes]
    for arrow in arrows:
        readers[arrow.tail].append(arrow.head)
        waiting[arrow.head] += 1
    order: list[int] = []
    left = dict.fromkeys(range(len(boxes)))
    while left:
        ready = next((box for box in left if waiting[box] <= 0), next(iter(left)))
        del left[ready]
        order.append(ready)
        for reader in readers[ready]:
            waiting[reader] -= 1
    return order


# --- SVG that the page can work on -----------------------------------------------------------------


def _graph_svg(drawing: Drawing, boxes: Sequence[Box]) -> str:
    scopes = {f"cluster_{number}": cluster for cluster, number in frames(boxes).items()}
    root = _parsed(drawing)
    for group, title in _titled(root):
        kind = group.get("class")
        if kind == "node":
            number = int(title[1:])
            group.set("data-box", str(number))
            _mark_shape(group)
            _mark_numbers(group)
        elif kind == "edge":
            tail, head = title.split("->")
            group.set("data-arrow", f"{tail[1:]}>{head[1:]}")
        elif kind == "cluster":
            group.set("data-scope", ".".join(part.partition("\0")[0] for part in scopes[title]))
            for label in group.findall(f"{{{_SVG}}}text"):
                label.text = f"− {label.text}"
    return _written(root)


def network_svg(drawing: Drawing, passes: Passes) -> str:
    """The drawing of a network, each element with the place of the node that it shows.

    An edge and the number on it show a weight, the number below a neuron for its bias, and a neuron
    for what it computes: for the last operation of its scope, or what its weights are multiplied with.
    """
    outputs = {node.scope: place for place, node in enumerate(passes.nodes) if node.scope and node.op}
    multiplied = _multiplied(passes)
    places: dict[str, int] = {}
    for name, link in drawing.links.items():
        if isinstance(link, str):
            if link in outputs:
                places[name] = outputs[link]
        elif link in passes.index:
            places[name] = passes.index[link]
            tail, arrow, _ = name.partition("->")
            if arrow and link in multiplied:
                places.setdefault(tail, multiplied[link])
    # An arrowhead would keep the colour of its first sign; the lines run from left to right anyway.
    root = _parsed(Drawing(drawing.source.replace("{", "{ edge [dir=none];", 1), drawing.engine))
    for group, title in _titled(root):
        place, kind = places.get(title), group.get("class")
        if place is None or kind == "graph":
            continue
        label = group.find(f"{{{_SVG}}}text")
        parameter = isinstance(drawing.links.get(title), Value)
        group.set("data-part", "edge" if kind == "edge" else "number" if parameter else "neuron")
        group.set("data-node", str(place))
        if kind == "node":
            _mark_shape(group)
        for shape in group:  # dashes say the sign, which a training may change
            shape.attrib.pop("stroke-dasharray", None)
        if parameter and label is not None and label.text:
            name, equals, _ = label.text.rpartition("= ")
            label.set("data-prefix", name + equals)
    return _written(root)


def _multiplied(passes: Passes) -> dict[Value, int]:
    """For each weight of a dot product, the place of the node it is multiplied with."""
    found: dict[Value, int] = {}
    for node in passes.nodes:
        if node.op == "dot":
            weights, inputs = node.operands[:2]
            for weight, factor in zip(weights, inputs, strict=True):
                found.setdefault(weight, passes.index[factor])
    return found


def _parsed(drawing: Drawing) -> ElementTree.Element:
    return ElementTree.fromstring(drawing.render("svg"))


def _titled(root: ElementTree.Element) -> list[tuple[ElementTree.Element, str]]:
    """The groups of an SVG with their names, which are taken out: a browser would show them as tooltips."""
    found = []
    for group in list(root.iter(f"{{{_SVG}}}g")):
        for title in group.findall(f"{{{_SVG}}}title"):
            group.remove(title)
            found.append((group, title.text or ""))
    return found


def _mark_shape(group: ElementTree.Element) -> None:
    """Tell the page which of the shapes is filled by the gradient."""
    filled = (
        each
        for each in group
        if each.get("fill") not in (None, "none") and each.get("stroke") not in (None, "none")
    )
    shape = next(filled, None)
    if shape is not None:  # a number that was written into an expression has no shape
        shape.set("class", "shape")


def _mark_numbers(group: ElementTree.Element) -> None:
    """Tell the page where numbers go, each by its caption, and put them flush with the right side."""
    right = min((_right(each) for each in group if each.get("class") == "shape"), default=0.0)
    caption = ""
    for text in group.iter(f"{{{_SVG}}}text"):
        content = text.text or ""
        if content.startswith(ROOM) and caption in CAPTIONS:
            text.set("data-number", CAPTIONS[caption])
            text.set("text-anchor", "end")
            text.set("x", f"{right - 6.0:.2f}")
            text.text = ""
        caption = content


def _right(shape: ElementTree.Element) -> float:
    """The largest x of a path or a polygon."""
    pairs = re.findall(r"(-?[\d.]+),-?[\d.]+", shape.get("d") or shape.get("points") or "")
    return max(map(float, pairs), default=float("inf"))


def _written(root: ElementTree.Element) -> str:
    """The SVG as text for a page: its colours by name, without what belongs to a file of its own."""
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
        for name in ("id", "font-family", "{http://www.w3.org/XML/1998/namespace}space"):
            element.attrib.pop(name, None)
        for name in ("fill", "stroke"):
            color = element.get(name, "").lower()
            if color in COLORS:
                element.set(name, COLORS[color])
    width = re.match(r"[\d.]+", root.get("width", "0"))
    root.set("data-width", width[0] if width else "0")
    del root.attrib["width"], root.attrib["height"]
    return ElementTree.tostring(root, encoding="unicode")
