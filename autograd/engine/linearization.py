"""A recorded graph is, near the numbers it was recorded at, a linear map: this file applies it.

Every node on a path from an input to an output is one step: the table gives its partial derivative by
each operand. Forward mode pushes tangents up the path, ẏ = Σ ∂y/∂aᵢ · ȧᵢ; reverse mode pulls adjoints
down it, āᵢ += ȳ · ∂y/∂aᵢ: the same partials, summed in two orders (Griewank and Walther 2008, ch. 3).
With `create_graph` the partials are `Value`s, and so is what comes of them.
"""

from __future__ import annotations

import itertools
import math
import operator
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from .graph import Node, ancestors, anomaly, collector_paused, require_fresh
from .primitives import sum
from .value import Value, not_watching, watching
from .vector import Vector

__all__ = ["Linearization"]

Step = tuple[Any, Sequence[Any]]  # a node, and the operands whose change it feels


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
        self._kept: dict[Node, Sequence[Any]] | None = {} if keep else None
        self._times = _product if create_graph else operator.mul
        with collector_paused():
            self._path = _path_between(inputs, outputs)
        self._relevant: set[Node] = {*inputs, *[node for node, _ in self._path]}

    def pull(self, output: Value) -> list[Any]:
        """Reverse mode: the derivative of one output by every input, in one sweep.

        The adjoint of a `Vector` is an array, or one number that holds for all its elements.
        """
        adjoints: dict[Node, Any] = {output: 1.0}
        times, relevant, watched = self._times, self._relevant, watching()
        # What a rule records on the way may be infinite where its result is not: results are watched here.
        with collector_paused(), np.errstate(all="ignore"), not_watching():
            for node, operands in reversed(self._path):
                adjoint = adjoints.get(node)
                if adjoint is None:  # it leads to other outputs only
                    continue
                if type(node) is Vector:
                    shares: Iterable[Any] = np.broadcast_to(adjoint, len(operands)).tolist()
                else:
                    shares = map(times, itertools.repeat(adjoint), self._slopes(node, operands))
                for operand, share in zip(operands, shares):
                    if operand in relevant:
                        before = adjoints.get(operand)
                        adjoints[operand] = total = share if before is None else before + share
                        if watched:
                            _require_finite("gradient", operand, total)
        return self._results(adjoints, self.inputs)

    def push(self, tangents: Sequence[Any]) -> list[Any]:
        """Forward mode: the derivative of every output along tangents, one for each input, in one sweep.

        An input whose tangent is the number 0 stands still, and so does what depends on no other: it
        has no tangent, which is not the same as a tangent of 0 where a partial derivative is infinite.
        The tangent of a `Vector` is a list with ``None`` for the elements that stand still.
        """
        moving: dict[Node, Any] = {
            node: tangent
            for node, tangent in zip(self.inputs, tangents, strict=True)
            if isinstance(tangent, Value) or tangent != 0.0
        }
        times, watched = self._times, watching()
        with collector_paused(), np.errstate(all="ignore"), not_watching():
            for node, operands in self._path:
                if type(node) is Vector:
                    moving[node] = list(map(moving.get, operands))
                    continue
                terms = []
                for operand, slope in zip(operands, self._slopes(node, operands)):
                    tangent = moving.get(operand)
                    if type(operand) is not Vector:
                        if tangent is not None:
                            terms.append(times(tangent, slope))
                    elif tangent is not None:
                        each = np.broadcast_to(slope, len(tangent)).tolist()
                        terms += [times(t, s) for t, s in zip(tangent, each) if t is not None]
                if terms:
                    moving[node] = tangent = _total(terms)
                    if watched:
                        _require_finite("tangent", node, tangent)
        return self._results(moving, self.outputs)

    def _slopes(self, node: Any, operands: Sequence[Any]) -> Sequence[Any]:
        """The partial derivative of a node by each of the operands that it feels."""
        if self._kept is not None and node in self._kept:
            return self._kept[node]
        require_fresh(node)
        row = node.primitive
        if row.select is not None:
            slopes: Sequence[Any] = (1.0,)
        elif row.slope is not None:
            slopes = row.slope
        elif self.create_graph:
            slopes = row.partials(node, *operands)
        elif row.vectors:
            slopes = row.slopes(node.data, *[x.numbers() if type(x) is Vector else x.data for x in operands])
        else:
            slopes = row.slopes(node.data, *[operand.data for operand in operands])
        if row.vectors:
            slopes = [np.array(slope) if isinstance(slope, Sequence) else slope for slope in slopes]
        if self._kept is not None:
            self._kept[node] = slopes
        return slopes

    def _results(self, derivatives: dict[Node, Any], nodes: Sequence[Value]) -> list[Any]:
        """By node; what was not reached has derivative 0."""
        results = [derivatives.get(node, 0.0) for node in nodes]
        if self.create_graph:
            return [result if isinstance(result, Value) else Value(result) for result in results]
        return list(map(float, results))


def _path_between(inputs: Sequence[Node], outputs: Sequence[Node]) -> list[Step]:
    """The steps through which the inputs reach the outputs, operands first.

    A branch that a `where` did not take leads nowhere: its nodes are not on the path, so nobody asks
    for their partials.
    """
    dependent = set(inputs)
    path: list[Step] = []
    everywhere = True  # every node found leads to an output
    for node in ancestors(outputs):
        operands: Sequence[Any] = node.operands
        if operands:
            select = None if type(node) is Vector else node.primitive.select  # type: ignore[union-attr]  # no leaf
            if select is not None:
                operands = (operands[select(*[operand.data for operand in operands])],)
                everywhere = False
            if not dependent.isdisjoint(operands):
                dependent.add(node)
                path.append((node, operands))
    if everywhere:
        return path
    live = set(outputs)
    for node, operands in reversed(path):
        if node in live:
            live.update(operands)
    return [step for step in path if step[0] in live]


def _total(terms: list[Any]) -> Any:
    return terms[0] if len(terms) == 1 else terms[0] + terms[1] if len(terms) == 2 else sum(terms)


def _product(derivative: Any, slope: Any) -> Any:
    """derivative · slope, without a factor of exactly 1: a rule's constant, or what sweeps begin with."""
    if type(slope) is float and slope == 1.0:
        return derivative
    if type(derivative) is float and derivative == 1.0:
        return slope
    return derivative * slope


def _require_finite(kind: str, node: Any, derivative: Any) -> None:
    if type(node) is Value and not math.isfinite(derivative):
        raise anomaly(kind, node, float(derivative))
