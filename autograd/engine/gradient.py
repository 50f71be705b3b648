"""`grad`, the gradient of a recorded graph as a result: no `.grad` is read or written.

With ``create_graph=True`` the rules of the table run on `Value`s, so a gradient is a recorded graph like any
other: differentiate it again, draw it, explain it.
"""

from __future__ import annotations

import operator
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from .anomaly import not_watching, require_finite, watching
from .graph import active, ancestors, collector_paused, edges, numbers, require_fresh, reverse_sweep
from .modes import told_of_result
from .node import flat
from .value import Value

__all__ = ["Pullback", "grad"]


def grad(output: Value, inputs: Value | Iterable[Value], create_graph: bool = False) -> list[Any]:
    """The derivatives of `output` by each of the `inputs`: ∂output/∂inputᵢ, by reverse mode.

    Parameters
    ----------
    output : the `Value` to differentiate.
    inputs : leaves or intermediate nodes, one or several; the derivative by one that the output does not
        depend on is 0.
    create_graph : whether the derivatives are themselves recorded, for derivatives of higher order. The
        branch that a `where` took is recorded with them: it stays chosen.

    Returns
    -------
    A list with one entry for each input: floats, or with `create_graph` `Value`s.

    Raises
    ------
    TypeError : if `output` or one of `inputs` is not a `Value`.
    GraphError : if a leaf's data was set after the graph was recorded.
    AnomalyError : under `detect_anomaly`, at the first derivative that is not finite.

    Source: Griewank and Walther 2008, Evaluating Derivatives, section 3.2.

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
    if not isinstance(inputs, (Value, Iterable)):
        raise TypeError(
            f"grad: inputs must be a Value or a sequence of them, got {type(inputs).__name__}: {inputs!r:.60}"
        )
    targets = [inputs] if isinstance(inputs, Value) else list(inputs)
    for what, given in [("output", output), *[("each of inputs", target) for target in targets]]:
        if not isinstance(given, Value):
            raise TypeError(f"grad: {what} must be a Value, got {type(given).__name__}: {given!r:.60}")
    if not create_graph:
        told_of_result(output, "grad()")
    return Pullback(targets, [output], create_graph).pull(output)


class Pullback:
    """The derivative of some outputs of a graph by some of its nodes, ready to be swept in reverse.

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
        self._kept: dict[Any, list[tuple[Any, Any]]] | None = {} if keep else None
        self._times = _product if create_graph else operator.mul
        self._dependent = set(inputs)  # and the nodes between them and the outputs
        self._path: list[Any] = []  # these nodes, each after its parents
        with collector_paused():
            for node in ancestors(
                outputs, through=active
            ):  # without the branches that a `where` did not take
                if not self._dependent.isdisjoint(flat(active(node))):
                    self._dependent.add(node)
                    self._path.append(node)

    def pull(self, output: Value) -> list[Any]:
        """The derivative of one output by every input, in one sweep."""
        adjoints: dict[Any, Any] = {output: 1.0}
        watched = watching()
        # Intermediate results of a rule may be infinite where its result is not: only results are watched.
        with collector_paused(), np.errstate(all="ignore"), not_watching():
            for _, parent, _, _ in reverse_sweep(self._path, adjoints, self._partials, self._times):
                if watched:
                    require_finite("gradient", parent, adjoints[parent])
        return self._results(adjoints, self.inputs)

    def _partials(self, node: Any) -> list[tuple[Any, Any]]:
        """The parents of a node that depend on inputs, each with the partial derivative by it."""
        if self._kept is not None and node in self._kept:
            return self._kept[node]
        require_fresh(node)
        row, operands = node.primitive, active(node)
        if row.select is not None:
            partials: Sequence[Any] = (1.0,)
        elif self.create_graph:
            partials = row.partials(node, *operands)
        else:
            partials = row.partials_at(node._number, *numbers(operands))
        pairs = [edge for edge in edges(operands, partials) if edge[0] in self._dependent]
        if self._kept is not None:
            self._kept[node] = pairs
        return pairs

    def _results(self, derivatives: dict[Any, Any], nodes: Sequence[Value]) -> list[Any]:
        """The derivative by each node, 0 if it was not reached."""
        results = [derivatives.get(node, 0.0) for node in nodes]
        if self.create_graph:
            return [result if isinstance(result, Value) else Value(result) for result in results]
        return list(map(float, results))


def _product(derivative: Any, partial: Any) -> Any:
    """derivative · partial, without recording a factor of exactly 1."""
    if type(partial) is float and partial == 1.0:
        return derivative
    if type(derivative) is float and derivative == 1.0:
        return partial
    return derivative * partial
