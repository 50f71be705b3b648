"""The recorded graph to draw, as it is; `expansion` has it with nodes expanded."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from ..engine.graph import ancestors, edges, numbers_of
from ..engine.node import flat
from ..engine.primitives import Primitive
from ..engine.replay import depending
from ..engine.value import Value
from .text import Cluster


class View:
    """The graph that some outputs depend on.

    Attributes
    ----------
    outputs : the nodes to draw, with all that they depend on.
    values : all nodes, operands first.
    operations : the nodes that were computed.
    """

    def __init__(self, outputs: Sequence[Value]) -> None:
        self.outputs = outputs
        self._arrange(ancestors(outputs))

    def _arrange(self, order: list[Any]) -> None:
        self.values: list[Value] = order
        self.operations = [node for node in self.values if node.primitive is not None]

    def end(self, node: Value) -> Value:
        """The node itself, or the last step of its expansion."""
        return node

    def row(self, node: Value) -> Primitive | None:
        return self.end(node).primitive

    def operands(self, node: Value) -> tuple[Any, ...]:
        return node.operands

    def grad(self, node: Value) -> float | None:
        return node.grad if node.reached else None

    def cluster(self, node: Value) -> Cluster:
        return parts(node.scope)

    def parents(self, node: Value) -> tuple[Value, ...]:
        """The operands, with the elements of each sequence."""
        return flat(self.operands(node))

    def links(self, node: Value) -> Iterable[tuple[Value, float | None]]:
        """Each parent with the partial of the node by it; ``None`` for a branch not taken."""
        row, operands = self.row(node), self.operands(node)
        assert row is not None, "a leaf has no parents"
        args: list[Any] = list(map(numbers_of, operands))
        if row.select is None:
            return edges(operands, row.partials_at(self.end(node).data, *args))
        chosen = row.select(*args)
        return [(parent, 1.0 if place == chosen else None) for place, parent in enumerate(flat(operands))]

    def reached(self, start: Value) -> frozenset[Any]:
        """The nodes that depend on `start`."""
        return frozenset(depending([start], self.values, self.parents))


def parts(scope: str) -> Cluster:
    """The parts of a scope, outermost first.

    Examples
    --------
    >>> parts("layer0.neuron1")
    ('layer0', 'neuron1')
    """
    return tuple(part for part in scope.split(".") if part)
