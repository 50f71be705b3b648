"""A recorded graph on other numbers: recorded again, or passed through with every term of every sum.

The engine's sweep keeps the sums; a page that shows how they come about needs what is added.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .graph import ancestors, require_fresh, topological_order
from .modes import not_watching, recording
from .value import Value

__all__ = ["Pass", "Passes", "replay"]


def replay(outputs: Sequence[Value], numbers: Mapping[Value, float | Value]) -> dict[Value, Value]:
    """Record a graph again, with these numbers in some of its leaves: of each node the new one.

    A `Value` takes the place of its leaf. Leaves that are not given stay the same, in both graphs.
    """
    fresh: dict[Value, Any] = {
        leaf: number if isinstance(number, Value) else Value(number) for leaf, number in numbers.items()
    }
    sequences: dict[int, tuple[Value, ...]] = {}

    def new(operand: Any) -> Any:
        if type(operand) is not tuple:
            return fresh[operand]
        if id(operand) not in sequences:
            sequences[id(operand)] = tuple([fresh[each] for each in operand])
        return sequences[id(operand)]

    with recording(), not_watching():
        for node in ancestors(outputs):
            if node.primitive is not None:
                fresh[node] = node.primitive(*map(new, node.operands))
            else:
                fresh.setdefault(node, node)
    return fresh


@dataclass(frozen=True, slots=True)
class Pass:
    """The numbers of one forward and one backward pass.

    Attributes
    ----------
    data, grads : of each node.
    slopes, shares : of each edge: the derivative of its head by its tail, and what it adds to the
        gradient of the tail: the gradient of the head times that.
    taken : of each edge, whether the head reads the tail at all; a `where` reads one of its branches.
    """

    data: list[float]
    grads: list[float]
    slopes: list[float]
    shares: list[float]
    taken: list[bool]


class Passes:
    """A recorded graph as a sequence of steps, to be taken with any numbers in its leaves.

    Parameters
    ----------
    output : the node to differentiate.

    Attributes
    ----------
    nodes : the `Value`s that it depends on and itself, each after its parents.
    index : of each node its place among them.
    edges : (tail, head), by place, in the order of the heads and of their operands; without those from
        constants, which have no gradient.

    Raises
    ------
    GraphError : if a leaf's data was set after the graph was recorded.

    Examples
    --------
    >>> x = Value(3.0)
    >>> passes = Passes(x * x)
    >>> passes.run({}).grads, passes.run({x: 5.0}).shares
    ([6.0, 1.0], [5.0, 5.0])
    """

    def __init__(self, output: Value) -> None:
        self.output = output
        self.nodes = topological_order(output)
        self.index = {node: place for place, node in enumerate(self.nodes)}
        self.edges: list[tuple[int, int]] = []
        self._steps: list[tuple[int, Any, list[Any], list[int]]] = []  # node, row, operands, edges
        for head, node in enumerate(self.nodes):
            if node.primitive is None:
                continue
            require_fresh(node)
            operands = [self._places(operand) for operand in node.operands]
            edges = []
            for tail in _flat(operands):
                edges.append(-1 if self.nodes[tail].constant else len(self.edges))
                if edges[-1] >= 0:
                    self.edges.append((tail, head))
            self._steps.append((head, node.primitive, operands, edges))

    def _places(self, operand: Any) -> Any:
        if type(operand) is tuple:
            return [self.index[element] for element in operand]
        return self.index[operand]

    def run(self, leaves: Mapping[Value, float]) -> Pass:
        """Both passes, with these numbers in some of the leaves and the recorded ones in the others."""
        data = [node.data for node in self.nodes]
        for leaf, number in leaves.items():
            if leaf in self.index:
                data[self.index[leaf]] = number
        size = len(self.edges) + 1  # the last stands for all edges from constants
        slopes, shares, taken = [0.0] * size, [0.0] * size, [True] * size
        for place, row, operands, edges in self._steps:
            args = [
                [data[each] for each in operand] if isinstance(operand, list) else data[operand]
                for operand in operands
            ]
            data[place] = row.evaluate(*args)
            if row.select is not None:
                chosen = row.select(*args)
                for position, edge in enumerate(edges):
                    slopes[edge], taken[edge] = float(position == chosen), position == chosen
            else:
                for edge, slope in zip(edges, _flat_slopes(row.slopes(data[place], *args), args)):
                    slopes[edge] = slope
        grads: list[float | None] = [None] * len(self.nodes)
        grads[self.index[self.output]] = 1.0
        for place, _, operands, edges in reversed(self._steps):
            adjoint = grads[place]
            if adjoint is None:  # behind a branch that was not taken
                continue
            for tail, edge in zip(_flat(operands), edges):
                if edge >= 0 and taken[edge]:
                    shares[edge] = share = adjoint * slopes[edge]
                    before = grads[tail]
                    grads[tail] = share if before is None else before + share
        return Pass(data, [grad or 0.0 for grad in grads], slopes[:-1], shares[:-1], taken[:-1])


def _flat(operands: Sequence[Any]) -> list[int]:
    return [each for operand in operands for each in (operand if isinstance(operand, list) else [operand])]


def _flat_slopes(slopes: Sequence[Any], args: Sequence[Any]) -> list[float]:
    """One derivative for each element of each argument; a sequence may have one for all of its elements."""
    flat: list[float] = []
    for slope, arg in zip(slopes, args, strict=False):
        if not isinstance(arg, list):
            flat.append(float(slope))
        elif isinstance(slope, (int, float)):
            flat += [float(slope)] * len(arg)
        else:
            flat += map(float, slope)
    return flat
