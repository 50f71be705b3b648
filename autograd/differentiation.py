"""Gradients as results: `grad` returns them and leaves every `.grad` alone.

With ``create_graph=True`` the rules of the table run on `Value`s instead of floats, so a gradient is
a recorded graph like any other: differentiate it again, draw it, explain it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .errors import AnomalyError
from .graph import Node, ancestors, collector_paused, require_fresh
from .value import Value, describe, not_watching, watching
from .vector import Vector

__all__ = ["grad"]


def grad(output: Value, inputs: Value | Sequence[Value], create_graph: bool = False) -> list[Any]:
    """The derivatives of `output` by each of the `inputs`: ∂output/∂inputᵢ.

    Parameters
    ----------
    output : the `Value` to differentiate.
    inputs : leaves or intermediate nodes, one or several. One that the output does not depend on has
        derivative 0.
    create_graph : whether the derivatives are themselves recorded, for derivatives of higher order.

    Returns
    -------
    A list with one entry for each input: floats, or with `create_graph` `Value`s.

    Raises
    ------
    TypeError : if `output` or one of `inputs` is not a `Value`.
    GraphError : if a leaf's data was set after the graph was recorded.
    AnomalyError : under `detect_anomaly`, at the first derivative that is not finite.

    Examples
    --------
    >>> from autograd import Value, grad
    >>> x = Value(2.0)
    >>> grad(x**3, [x])
    [12.0]
    >>> first = grad(x**3, [x], create_graph=True)
    >>> grad(first[0], [x])
    [12.0]
    """
    targets = [inputs] if isinstance(inputs, Value) else list(inputs)
    for what, given in [("output", output), *[("each of inputs", target) for target in targets]]:
        if not isinstance(given, Value):
            raise TypeError(f"grad: {what} must be a Value, got {type(given).__name__}: {given!r:.60}")
    adjoints = _Adjoints(create_graph)
    adjoints[output] = 1.0
    # What a rule records on the way may be infinite where its result is not: results are watched here.
    with collector_paused(), np.errstate(all="ignore"), not_watching():
        order = ancestors([output])
        wanted = _depending_on(targets, order)
        for node in reversed(order):
            if node in wanted and node in adjoints:
                adjoints.pull(node, wanted)
    results = [adjoints.get(target, 0.0) for target in targets]
    return [_as_value(result) for result in results] if create_graph else list(map(float, results))


def _depending_on(targets: Sequence[Value], order: Sequence[Node]) -> set[Node]:
    """The nodes of the order through which the targets are reached, the targets included."""
    found: set[Node] = set(targets)
    for node in order:
        if any(operand in found for operand in node.operands):
            found.add(node)
    return found


def _as_value(number: Any) -> Value:
    return number if isinstance(number, Value) else Value(number)


class _Adjoints(dict[Node, Any]):
    """∂output/∂node for each node reached: numbers, or `Value`s; for a `Vector` one each or one for all."""

    def __init__(self, create_graph: bool) -> None:
        super().__init__()
        self.create_graph = create_graph
        self.watched = watching()

    def pull(self, node: Node, wanted: set[Node]) -> None:
        """Carry the node's adjoint to its operands by the chain rule."""
        adjoint = self[node]
        row: Any = node._primitive
        if type(node) is Vector:
            shares = adjoint if np.ndim(adjoint) else [adjoint] * len(node)
            for element, share in zip(node.values, shares):
                self._add(element, share, wanted)
            return
        if row is None:
            return
        require_fresh(node)
        operands = node.operands
        if row.select is not None:
            chosen = row.select(*[operand._data for operand in operands])
            self._add(operands[chosen], adjoint, wanted)
            return
        if self.create_graph:
            slopes = row.partials(node, *operands)
        else:
            slopes = row.slopes(node._data, *[operand._data for operand in operands])
        for operand, slope in zip(operands, slopes):
            if operand in wanted:
                self._add(operand, self._times(adjoint, slope), wanted)

    def _times(self, adjoint: Any, slope: Any) -> Any:
        if not self.create_graph:
            return adjoint * (np.array(slope) if isinstance(slope, (list, tuple)) else slope)
        if isinstance(slope, Sequence):
            return [_product(adjoint, each) for each in slope]
        return _product(adjoint, slope)

    def _add(self, node: Node, share: Any, wanted: set[Node]) -> None:
        if node not in wanted:
            return
        if node in self:
            share = self._sum(self[node], share, node)
        if self.watched:
            numbers = np.array(share, dtype=np.float64)
            if not np.all(np.isfinite(numbers)):
                raise AnomalyError(
                    f"the gradient of {describe(node)} became {numbers}, whose data is {node._data}"
                )
        self[node] = share

    def _sum(self, first: Any, second: Any, node: Any) -> Any:
        if not self.create_graph or type(node) is Value:
            return first + second
        both = [each if isinstance(each, list) else [each] * len(node) for each in (first, second)]
        return [one + other for one, other in zip(*both)]


def _product(adjoint: Any, slope: Any) -> Any:
    """adjoint · slope, leaving out a factor of exactly 1 (a rule's constant or the output's own adjoint)."""
    if type(slope) is float and slope == 1.0:
        return adjoint
    if type(adjoint) is float and adjoint == 1.0:
        return slope
    return adjoint * slope
