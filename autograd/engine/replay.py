"""A recorded graph on other numbers: recorded again, computed again, or swept with every term of every sum.

The engine's sweep keeps the sums; a page that shows how they arise needs the terms.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .anomaly import not_watching
from .graph import ancestors, edges, require_fresh, reverse_sweep, topological_order
from .modes import recording
from .node import flat
from .primitive import Primitive
from .value import Value

__all__ = ["Pass", "Passes", "depending", "recomputed", "replay"]


def depending(
    inputs: Iterable[Any],
    order: Iterable[Any],
    parents: Callable[[Any], Iterable[Any]] = operator.attrgetter("parents"),
) -> set[Any]:
    """The inputs, and the nodes of an order, operands first, that depend on them through their `parents`."""
    found = set(inputs)
    for node in order:
        if not found.isdisjoint(parents(node)):
            found.add(node)
    return found


def replay(outputs: Sequence[Value], numbers: Mapping[Value, float | Value]) -> dict[Value, Value]:
    """Record a graph again, with these numbers in some of its leaves; returns the new node of each node.

    A `Value` takes the place of its leaf. Both graphs share the other leaves.
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


def recomputed(
    order: Iterable[Value],
    numbers: Mapping[Value, float],
    evaluate: Callable[..., float] = Primitive.evaluate,
) -> dict[Value, float]:
    """The number of each node of an order, operands first, with these numbers in some of them.

    ``evaluate(row, *args)`` computes a node from the numbers of its operands, lists for sequences.
    """
    results = dict(numbers)
    for node in order:
        if node not in results:
            args = [_numbers(operand, results) for operand in node.operands]
            results[node] = node.data if node.primitive is None else evaluate(node.primitive, *args)
    return results


def _numbers(operand: Any, results: Mapping[Value, float]) -> Any:
    return [results[each] for each in operand] if type(operand) is tuple else results[operand]


@dataclass(frozen=True, slots=True)
class Pass:
    """The numbers of one forward and one backward pass.

    Attributes
    ----------
    data, grads : of each node.
    partials, contributions : for each edge, the derivative of its head by its tail, and that times the
        gradient of the head: the term that it adds to the gradient of the tail.
    taken : for each edge, whether the head reads the tail at all; a `where` reads one of its branches.
    """

    data: list[float]
    grads: list[float]
    partials: list[float]
    contributions: list[float]
    taken: list[bool]


class Passes:
    """A recorded graph as a sequence of steps, which run with any numbers in its leaves.

    Parameters
    ----------
    output : the node to differentiate.

    Attributes
    ----------
    nodes : the output and the `Value`s that it depends on, each after its parents.
    index : the place of each node among them.
    edges : (tail, head), by place, in the order of the heads and of their operands; without edges from
        constants, which have no gradient.

    Raises
    ------
    GraphError : if a leaf's data was set after the graph was recorded.

    Examples
    --------
    >>> x = Value(3.0)
    >>> passes = Passes(x * x)
    >>> passes.run({}).grads, passes.run({x: 5.0}).contributions
    ([6.0, 1.0], [5.0, 5.0])
    """

    def __init__(self, output: Value) -> None:
        self.output = output
        self.nodes = topological_order(output)
        self.index = {node: place for place, node in enumerate(self.nodes)}
        self.edges: list[tuple[int, int]] = []
        self._links: dict[Value, list[tuple[Value, int]]] = {}  # the parents of each step, with their edges
        for node in self.nodes:
            if node.primitive is None:
                continue
            require_fresh(node)
            self._links[node] = links = []
            for parent in flat(node.operands):
                links.append((parent, -1 if parent.constant else len(self.edges)))
                if not parent.constant:
                    self.edges.append((self.index[parent], self.index[node]))

    def run(self, leaves: Mapping[Value, float]) -> Pass:
        """Both passes, with these numbers in some of the leaves and the recorded ones in the others."""
        data = recomputed(self.nodes, {leaf: number for leaf, number in leaves.items() if leaf in self.index})
        size = len(self.edges) + 1  # the last is that of all constants
        partials, contributions, taken = [0.0] * size, [0.0] * size, [True] * size
        for node, links in self._links.items():
            row, args = node.primitive, [_numbers(operand, data) for operand in node.operands]
            assert row is not None, "links are those of computed nodes"
            if row.select is not None:
                chosen = row.select(*args)
                for position, (_, edge) in enumerate(links):
                    partials[edge], taken[edge] = float(position == chosen), position == chosen
            else:
                local = edges(node.operands, row.partials_at(data[node], *args))
                for (_, edge), (_, partial) in zip(links, local):
                    partials[edge] = float(partial)
        grads = {self.output: 1.0}
        sweep = reverse_sweep(
            list(self._links),
            grads,
            lambda node: [link for link in self._links[node] if link[1] >= 0 and taken[link[1]]],
            lambda adjoint, edge: adjoint * partials[edge],
        )
        for _, _, edge, contribution in sweep:
            contributions[edge] = contribution
        gradients = [grads.get(node, 0.0) for node in self.nodes]
        return Pass(
            [data[node] for node in self.nodes], gradients, partials[:-1], contributions[:-1], taken[:-1]
        )
