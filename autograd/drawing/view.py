"""What there is to draw: the recorded graph as it is. `expansion` has the graph with nodes opened up."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any

from ..engine.graph import ancestors
from ..engine.primitives import Primitive
from ..engine.value import Value
from ..engine.vector import Vector
from .text import Cluster


class View:
    """The graph that some outputs depend on.

    Attributes
    ----------
    outputs : the nodes to draw with all that they depend on.
    order : all `Value`s and `Vector`s, operands first.
    values : the `Value`s among them.
    operations : the `Value`s that were computed.
    """

    def __init__(self, outputs: Sequence[Value]) -> None:
        self.outputs = outputs
        self._arrange(ancestors(outputs))

    def _arrange(self, order: list[Any]) -> None:
        self.order = order
        self.values: list[Value] = [node for node in order if type(node) is Value]
        self.operations = [node for node in self.values if node.primitive is not None]

    def end(self, node: Value) -> Value:
        """The node that says how this one was computed: itself, or the last step of its expansion."""
        return node

    def row(self, node: Value) -> Primitive | None:
        return self.end(node).primitive

    def operands(self, node: Value) -> tuple[Any, ...]:
        return node.operands

    def elements(self, vector: Vector) -> tuple[Any, ...]:
        return vector.values

    def grad(self, node: Value) -> float | None:
        return node._grad

    def cluster(self, node: Value) -> Cluster:
        return parts(node.scope)

    def inputs(self, node: Any) -> tuple[Any, ...]:
        """The operands of a `Value`, the elements of a `Vector`."""
        return self.elements(node) if type(node) is Vector else self.operands(node)

    def parents(self, node: Value) -> tuple[Value, ...]:
        """The operands, and in the place of each `Vector` its elements."""
        return tuple(
            chain.from_iterable(
                self.elements(operand) if type(operand) is Vector else (operand,)
                for operand in self.operands(node)
            )
        )

    def links(self, node: Value) -> Iterator[tuple[Value, float | None]]:
        """Each parent with the local derivative by it, ``None`` for what the node does not read."""
        row, operands = self.row(node), self.operands(node)
        assert row is not None, "a leaf has no parents"
        args: list[Any] = [
            [element.data for element in self.elements(operand)] if type(operand) is Vector else operand.data
            for operand in operands
        ]
        slopes: Sequence[Any]
        if row.select is not None:
            chosen = row.select(*args)
            slopes = [1.0 if position == chosen else None for position in range(len(args))]
        else:
            slopes = row.slopes(self.end(node).data, *args)
        for operand, slope in zip(operands, slopes):
            if type(operand) is not Vector:
                yield operand, slope
                continue
            elements = self.elements(operand)
            shared = isinstance(slope, (int, float))  # one number that holds for all
            yield from zip(elements, [slope] * len(elements) if shared else map(float, slope))

    def reached(self, start: Value) -> frozenset[Any]:
        """The nodes on paths from `start` to an output: in this graph, all that depend on `start`."""
        reached: set[Any] = {start}
        for node in self.order:
            if not reached.isdisjoint(self.inputs(node)):
                reached.add(node)
        return frozenset(reached)


def parts(scope: str) -> Cluster:
    """The parts of a scope, outermost first.

    Examples
    --------
    >>> parts("layer0.neuron1")
    ('layer0', 'neuron1')
    """
    return tuple(part for part in scope.split(".") if part)
