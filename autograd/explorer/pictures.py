"""The graph as SVG, once for each way in which its scopes can be open or closed; and the network.

Graphviz places everything and leaves room for the widest numbers; ``web/marks.js`` finds the parts.
"""

from __future__ import annotations

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
from .script import ROOM

_MOST_STATES = 64  # with more ways to open scopes, only those with one path open are drawn
_MOST_BOXES = 160  # the most in a picture with open scopes


class Reached(View):
    """The graph with all gradients there: no node is dashed."""

    def grad(self, node: Value) -> float | None:
        return 0.0


@dataclass(frozen=True, slots=True)
class Blank(Look):
    """Room for numbers, and a name for every node."""

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


def pictures(
    passes: Passes, names: dict[Value, str], parameters: Collection[Value], limit: int
) -> Iterator[dict[str, Any]]:
    """The graph in every state of the page, the first one first.

    Keys: ``opened``, the open scopes; ``svg``, the drawing; ``frames``, the scope of each open frame by its
    title in the drawing; ``boxes``, the nodes of each by place, and its scope if it is closed; ``order``, the
    boxes in the order of computing.

    Raises
    ------
    GraphTooLargeError : if closed scopes still leave more than `limit` boxes.
    """
    view = Reached([passes.output])
    look = Blank(view, 4, False, None, frozenset(), parameters, names)
    kept: dict[frozenset[Cluster], Groups | None] = {}
    crowded: list[frozenset[Cluster]] = []  # states that open more are crowded too
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
        svg = Drawing(dot_text(boxes, arrows, "LR", "", legend=False)).render("svg").decode()
        framed = {f"cluster_{number}": ".".join(cluster) for cluster, number in frames(boxes).items()}
        scopes = [".".join(scope) for scope in sorted(opened)]
        order = _in_order(boxes, arrows)
        yield {"opened": scopes, "svg": svg, "frames": framed, "boxes": listed, "order": order}


def _grouped(box: Box, group: Group, openable: bool) -> Box:
    """A closed scope has a plus; repeats of a constant show their count only."""
    label = f"+ {box.label}" if group.scope and openable else box.label
    rows = box.rows[:1] if box.kind == "constant" and not group.single else box.rows
    return replace(box, label=label, rows=rows, tooltip="")


def _scopes(nodes: Sequence[Value]) -> dict[Cluster, None]:
    """Every scope and those around it, in order of first appearance."""
    found: dict[Cluster, None] = {}
    for scope in dict.fromkeys(node.scope for node in nodes):
        every = parts(scope)
        found.update((every[:size], None) for size in range(1, len(every) + 1))  # the outer ones first
    return found


def _states(nodes: Sequence[Value]) -> list[frozenset[Cluster]]:
    """The sets of scopes that may be open together: all if they are few, else one path at a time.

    A small graph is open at first, a large one closed.
    """
    scopes = _scopes(nodes)
    states = [frozenset[Cluster]()]
    for scope in scopes:  # opens within the scope around it
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
    """The boxes, each after those that it reads; repeats can form a cycle, which goes by number."""
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


# --- the network -----------------------------------------------------------------------------------


def network_picture(drawing: Drawing, passes: Passes) -> dict[str, Any]:
    """The drawing of a network, and the place of the node that each of its elements shows.

    An edge and the number on it show a weight, the number below a neuron its bias, and a neuron the last
    operation of its scope, or else the node that its weights are multiplied with.
    """
    outputs = {node.scope: place for place, node in enumerate(passes.nodes) if node.scope and node.op}
    multiplied: dict[Value, int] = {}
    for node in passes.nodes:
        if node.op == "dot":
            for weight, factor in zip(*node.operands[:2], strict=True):
                multiplied.setdefault(weight, passes.index[factor])
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
    headless = Drawing(drawing.source.replace("{", "{ edge [dir=none];", 1), drawing.engine)
    parameters = [name for name in places if isinstance(drawing.links.get(name), Value)]
    return {"svg": headless.render("svg").decode(), "places": places, "parameters": parameters}
