"""The look of a node: shape is its kind, colour the sign and size of its gradient, a badge its operation."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

from ..engine.graph import require_fresh
from ..engine.value import Value
from .style import PALETTE, WIDTH, WIDTH_OF_START, WIDTH_ON_PATH
from .text import Arrow, Box
from .view import View


@dataclass(frozen=True, slots=True)
class Look:
    """The look of the nodes of one picture."""

    view: View
    precision: int
    derivatives: bool
    start: Value | None  # of the highlighted paths
    reached: frozenset[Any]  # the nodes on these paths
    parameters: Collection[Value]

    def kind(self, node: Value) -> str:
        if node.constant:
            return "constant"
        if not node.op:
            return "parameter" if node.scope or node in self.parameters else "input"
        return "output" if node in self.view.outputs else "result"

    def name(self, node: Value) -> str:
        """The label: within the frames of its scope ``layer0.neuron1.w2`` is ``w2``."""
        return node.label.removeprefix(f"{node.scope}.") if node.scope else node.label

    def symbol(self, node: Value) -> str:
        row = self.view.row(node)
        return row.symbol if row else ""

    def number(self, number: float) -> str:
        return f"{number:.{self.precision}g}"

    def range(self, numbers: Sequence[float]) -> str:
        """The smallest and the largest of some numbers."""
        return " … ".join(dict.fromkeys(map(self.number, _ends(numbers)))) or "none"

    def on_path(self, nodes: Iterable[Any]) -> bool:
        return not self.reached.isdisjoint(nodes)

    def faded(self, nodes: Iterable[Any]) -> bool:
        return self.start is not None and not self.on_path(nodes)

    def width(self, nodes: Collection[Any]) -> float:
        if not self.on_path(nodes):
            return WIDTH
        return WIDTH_OF_START if self.start in nodes else WIDTH_ON_PATH

    def largest(self, nodes: Iterable[Value]) -> float:
        """The largest |gradient|, which is darkest. The output's own, always 1, does not count."""
        grads = (self.view.grad(node) for node in nodes if node not in self.view.outputs)
        return max((abs(grad) for grad in grads if grad is not None and math.isfinite(grad)), default=1.0)

    def fill(self, grads: Sequence[float], largest: float) -> str:
        """The colour of a gradient; of several a gradient from the smallest to the largest."""
        shades = dict.fromkeys(PALETTE.shade(end, largest) for end in _ends(grads))
        return ":".join(shades) or PALETTE["paper"]

    def box(self, node: Value, largest: float) -> Box:
        """One node: its operation, label, data and gradient."""
        kind, grad, row, data = self.kind(node), self.view.grad(node), self.view.row(node), node.data
        box = Box(
            kind, label=node.label, rows=(("", self.number(data)),), tooltip=f"constant {data!r}",
            faded=self.faded([node]), cluster=self.view.cluster(node),
        )  # fmt: skip
        if kind == "constant":
            return box
        lines = [node.label, f"op {row.name}" if row else kind, f"data {data!r}", f"grad {grad!r}"]
        return replace(
            box,
            symbol=self.symbol(node),
            label=self.name(node),
            rows=(("data", self.number(data)), ("grad", "none" if grad is None else self.number(grad))),
            fill=self.fill([] if grad is None else [grad], largest),
            dashed=grad is None,
            width=self.width([node]),
            tooltip="\n".join(filter(None, lines)),
        )

    def arrows(self, node: Value, index: Callable[[Value], int]) -> Iterator[Arrow]:
        """The edges into a node: x * x has two, and one from a branch not taken is dashed."""
        row = self.view.row(node)
        if row is None:
            return
        if self.derivatives:
            require_fresh(node)
        links: Iterable[tuple[Value, float | None]] = ((parent, 0.0) for parent in self.view.parents(node))
        if self.derivatives or row.select is not None:
            links = self.view.links(node)
        for parent, partial in links:
            written = self.derivatives and not parent.constant
            yield Arrow(
                index(parent),
                index(node),
                label=self.number(partial) if written and partial is not None else "",
                dashed=partial is None,
                faded=self.faded([parent]),
                bold=self.on_path([parent]),  # every edge from a node on a path is on one
            )


def _ends(numbers: Sequence[float]) -> Sequence[float]:
    """The smallest and the largest; nan if there is one, which `min` and `max` may miss."""
    invalid = [number for number in numbers if number != number]
    return invalid[:1] or ((min(numbers), max(numbers)) if numbers else ())


def one_by_one(look: Look) -> tuple[list[Box], list[Arrow]]:
    """A box for each node."""
    values = look.view.values
    index = {node: position for position, node in enumerate(values)}
    largest = look.largest(values)
    boxes = [look.box(node, largest) for node in values]
    arrows = chain.from_iterable(look.arrows(node, index.__getitem__) for node in values)
    return boxes, _spaced(boxes, list(arrows))


def _spaced(boxes: Sequence[Box], arrows: list[Arrow]) -> list[Arrow]:
    """Leave a column for a layer's own leaves behind the layer before it.

    Else they share one with its results, and one frame is drawn below the other.
    """
    frames = [box.cluster[:1] for box in boxes]

    def leads(arrow: Arrow, kind: str, inside: bool) -> bool:
        same = frames[arrow.tail] == frames[arrow.head]
        return boxes[arrow.tail].kind == kind and same == inside

    roomy = {arrow.head for arrow in arrows if leads(arrow, "parameter", inside=True)}
    return [
        replace(arrow, far=True) if arrow.head in roomy and leads(arrow, "result", inside=False) else arrow
        for arrow in arrows
    ]
