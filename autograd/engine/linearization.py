"""A recorded graph is, near the numbers it was recorded at, a linear map: this file applies it.

Every node on a path from an input to an output is one step: the table gives its partial derivative by
each operand. Forward mode pushes tangents up the path, ẏ = Σ ∂y/∂aᵢ · ȧᵢ; reverse mode pulls adjoints
down it, āᵢ += ȳ · ∂y/∂aᵢ: the same partials, summed in two orders (Griewank and Walther 2008, ch. 3).
With `create_graph` the partials are `Value`s, and so is what comes of them.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from .graph import active, active_parents, ancestors, anomaly, collector_paused, numbers_of, require_fresh
from .modes import not_watching, watching
from .primitives import sum
from .value import Value

__all__ = ["Linearization"]


class Linearization:
    """The derivative of some outputs of a graph by some of its nodes, ready to be swept either way.

    Parameters
    ----------
    inputs, outputs : nodes of one graph.
    create_graph : whether the sweeps are recorded, for derivatives of higher order.
    keep : whether the partials are kept for further sweeps, which costs memory.

    Raises
    ------
    GraphError : when a sweep meets a node one of whose operands was set after it was recorded.
    AnomalyError : under `detect_anomaly`, when it meets a derivative that is not finite.
    """

    def __init__(
        self, inputs: Sequence[Value], outputs: Sequence[Value], create_graph: bool, keep: bool = False
    ) -> None:
        self.inputs, self.outputs, self.create_graph = inputs, outputs, create_graph
        self._kept: dict[int, list[tuple[Any, Any]]] | None = {} if keep else None
        self._times = _product if create_graph else operator.mul
        with collector_paused():
            self._path = _path_between(inputs, outputs)
        self._relevant = {id(node) for node in (*inputs, *self._path)}

    def pull(self, output: Value) -> list[Any]:
        """Reverse mode: the derivative of one output by every input, in one sweep."""
        adjoints: dict[int, Any] = {id(output): 1.0}
        times, watched = self._times, watching()
        # What a rule records on the way may be infinite where its result is not: results are watched here.
        with collector_paused(), np.errstate(all="ignore"), not_watching():
            for node in reversed(self._path):
                adjoint = adjoints.get(id(node))
                if adjoint is None:  # it leads to other outputs only
                    continue
                for parent, partial in self._partials(node):
                    key = id(parent)
                    share, before = times(adjoint, partial), adjoints.get(key)
                    adjoints[key] = total = share if before is None else before + share
                    if watched:
                        _require_finite("gradient", parent, total)
        return self._results(adjoints, self.inputs)

    def push(self, tangents: Sequence[Any]) -> list[Any]:
        """Forward mode: the derivative of every output along tangents, one for each input, in one sweep.

        An input whose tangent is the number 0 stands still, and so does what depends on no other: it
        has no tangent, which is not the same as a tangent of 0 where a partial derivative is infinite.
        """
        moving: dict[int, Any] = {
            id(node): tangent
            for node, tangent in zip(self.inputs, tangents, strict=True)
            if isinstance(tangent, Value) or tangent != 0.0
        }
        times, watched = self._times, watching()
        with collector_paused(), np.errstate(all="ignore"), not_watching():
            for node in self._path:
                terms = [
                    times(moving[id(parent)], partial)
                    for parent, partial in self._partials(node)
                    if id(parent) in moving
                ]
                if terms:
                    moving[id(node)] = tangent = _total(terms)
                    if watched:
                        _require_finite("tangent", node, tangent)
        return self._results(moving, self.outputs)

    def _partials(self, node: Any) -> list[tuple[Any, Any]]:
        """The parents of a node that lie on the way to inputs, each with the partial derivative by it."""
        if self._kept is not None and id(node) in self._kept:
            return self._kept[id(node)]
        require_fresh(node)
        row, operands = node.primitive, active(node)
        if row.select is not None:
            partials: Sequence[Any] = (1.0,)
        elif row.slope is not None:
            partials = row.slope
        elif self.create_graph:
            partials = row.partials(node, *operands)
        else:
            partials = row.slopes(node._number, *map(numbers_of, operands))
        relevant = self._relevant
        pairs: list[tuple[Any, Any]] = []
        for operand, partial in zip(operands, partials):
            if type(operand) is not tuple:
                if id(operand) in relevant:
                    pairs.append((operand, partial))
            else:
                several = isinstance(partial, (list, tuple, np.ndarray))
                for i, parent in enumerate(operand):
                    if id(parent) in relevant:
                        pairs.append((parent, partial[i] if several else partial))
        if self._kept is not None:
            self._kept[id(node)] = pairs
        return pairs

    def _results(self, derivatives: dict[int, Any], nodes: Sequence[Value]) -> list[Any]:
        """By node; what was not reached has derivative 0."""
        results = [derivatives.get(id(node), 0.0) for node in nodes]
        if self.create_graph:
            return [result if isinstance(result, Value) else Value(result) for result in results]
        return list(map(float, results))


def _path_between(inputs: Sequence[Value], outputs: Sequence[Value]) -> list[Any]:
    """The nodes through which the inputs reach the outputs, operands first.

    A branch that a `where` did not take leads nowhere: its nodes are not on the path, so nobody asks
    for their partials.
    """
    dependent = set(map(id, inputs))
    path: list[Any] = []
    for node in ancestors(outputs, through=active):
        if not dependent.isdisjoint(map(id, active_parents(node))):
            dependent.add(id(node))
            path.append(node)
    return path


def _total(terms: list[Any]) -> Any:
    return terms[0] if len(terms) == 1 else terms[0] + terms[1] if len(terms) == 2 else sum(terms)


def _product(derivative: Any, partial: Any) -> Any:
    """derivative · partial, without a factor of exactly 1: a rule's constant, or what sweeps begin with."""
    if type(partial) is float and partial == 1.0:
        return derivative
    if type(derivative) is float and derivative == 1.0:
        return partial
    return derivative * partial


def _require_finite(kind: str, node: Any, derivative: Any) -> None:
    if not math.isfinite(derivative):
        raise anomaly(kind, node, float(derivative))
