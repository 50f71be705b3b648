"""The order of a recorded graph, and the reverse sweep over it.

Both are loops, never recursions, so a chain of a million nodes is as good as one of three.
"""

from __future__ import annotations

import gc
import math
from collections.abc import Container, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, TypeAlias

import numpy as np

from ..errors import AnomalyError, GraphError
from ..locks import SWEEPING
from .value import MANY, Value, computation, describe, told_of_result, watching
from .vector import Dense, Vector, columns

__all__ = ["ancestors", "backward", "topological_order"]

Node: TypeAlias = Value | Vector


@contextmanager
def collector_paused() -> Iterator[None]:
    """Keep the cyclic garbage collector from visiting a large graph while it is walked: no cycles arise."""
    collecting = gc.isenabled()
    try:
        gc.disable()
        yield
    finally:
        if collecting:
            gc.enable()


def ancestors(outputs: Iterable[Node], known: Container[int] = ()) -> list[Node]:
    """Every node that the outputs depend on and the outputs, operands first (`Vector`s included).

    Nodes whose `id` is `known` are left out, with all that only they depend on.

    An iterative depth-first search in postorder. A node is pushed again by each node that uses it and
    seen only once; ``None`` on the stack says that all operands of the node below it are done.
    """
    order: list[Node] = []
    seen: set[Node] = set()
    stack: list[Any] = list(outputs)[::-1]
    while stack:
        node = stack.pop()
        if node is None:
            order.append(stack.pop())
        elif node not in seen and id(node) not in known:
            seen.add(node)
            operands = node.values if type(node) is Vector else node.operands
            if operands:
                stack += (node, None)
                stack += operands[::-1]
            else:
                order.append(node)
    return order


def topological_order(*outputs: Value) -> list[Value]:
    """Every `Value` that the outputs depend on and the outputs themselves, each after its parents.

    Examples
    --------
    >>> from autograd import Value
    >>> x = Value(2.0, "x")
    >>> y = x * x
    >>> [node.op or node.label for node in topological_order(y + x)]
    ['x', 'mul', 'add']
    """
    for output in outputs:
        if type(output) is not Value:
            raise TypeError(f"topological_order takes Values, got {type(output).__name__}: {output!r:.60}")
    return [node for node in ancestors(outputs) if type(node) is Value]


def require_fresh(node: Node) -> None:
    """Refuse a node one of whose operands was set after it was recorded.

    Raises
    ------
    GraphError : naming the operand and the node.
    """
    for operand in node.operands:
        for parent in _elements(operand):
            if parent._time > node._time:
                raise GraphError(
                    f"the data of {describe(parent)} was set after {describe(node)} was recorded, "
                    "so this graph mixes old and new numbers: run the forward pass again before "
                    "differentiating, and set data only after backward()"
                )


def _elements(operand: Node) -> Iterator[Any]:
    """The `Value`s of a gathered Vector, of the rows of a matrix; anything else is its own element."""
    if type(operand) is Vector and operand._primitive is None:
        for element in operand.operands:
            yield from _elements(element)
    else:
        yield operand


def backward(self: Value) -> None:
    """Fill in `.grad` everywhere: the derivative of this node by every node that it depends on.

    On the leaves the gradient is added to what is there, so clear it between steps; on all other nodes
    it belongs to this pass alone. Constants are not reached. Threads sweep one after the other, so those that
    share a graph or its leaves add up all their gradients.

    Raises
    ------
    GraphError : if a leaf's data was set after the graph was recorded; no gradient is changed then.
    AnomalyError : under `detect_anomaly`, at the first gradient that is not finite.

    Examples
    --------
    >>> from autograd import Value
    >>> x = Value(3.0)
    >>> y = x * x
    >>> (2 * y).backward()
    >>> (3 * y).backward()
    >>> x.grad
    30.0
    """
    told_of_result(self, "backward()")
    if type(self) is not Value:
        raise TypeError(f"backward starts from one Value, got {type(self).__name__}: {self!r:.60}")
    with SWEEPING:  # the adjoints are kept in the nodes, which another thread may be sweeping
        _backward(self)


def _backward(self: Value) -> None:
    # One float object that only this sweep knows: a node is in the sweep when its grad IS `zero`, so
    # the search needs no set of visited nodes and the adjoints are cleared on the way.
    if watching():
        ancestors([self])  # which unpacks all, so that single elements can be told
    zero = float("0")
    order: list[Node] = []
    gathered: list[Vector] = []
    leaves: list[Value] = []
    before: list[float | None] = []
    try:
        with collector_paused(), np.errstate(all="ignore"):
            newest = _search(self, zero, order, gathered, leaves, before)
            _sweep(self, order, gathered, zero, newest)
    except BaseException:  # KeyboardInterrupt too: the leaves' sums are as they were
        for leaf, earlier in zip(leaves, before, strict=False):
            leaf._grad = earlier
        raise
    for leaf, earlier in zip(leaves, before, strict=True):
        if leaf._time < 0:
            leaf._grad = None
        elif earlier is not None:
            leaf._grad += earlier  # type: ignore[operator]  # the sweep left a float


def _search(
    output: Value,
    zero: float,
    order: list[Node],
    gathered: list[Vector],
    leaves: list[Value],
    before: list[float | None],
) -> int:
    """The nodes in postorder, by depth-first search, apart from them `Vector`s of leaves, and the leaves.

    Returns the newest leaf's time.

    The search stands at `node`, and `path` is how it came there. Nodes with more than two operands
    have the iterator over the rest of them in `unseen`; constants among these (time -1) and `Vector`s
    of nothing but constants, such as the features of an example, are passed over.
    """
    path: list[Any] = []
    unseen: list[tuple[Any, Iterator[Any]]] = []
    push, pop, done = path.append, path.pop, order.append

    def reach(leaf: Value) -> None:
        leaves.append(leaf)
        before.append(leaf._grad)
        leaf._grad = zero

    node: Any = None
    operand: Any = output
    if output._left is None:
        reach(output)
        return output._time
    while True:
        if operand._left is None:
            reach(operand)
        else:
            operand._grad = zero
            push(node)
            node = operand
        while True:  # climb to a node with an operand that has not been seen
            operand = node._right
            if operand is MANY:
                if not unseen or unseen[-1][0] is not node:
                    unseen.append((node, iter(node._left)))
                for operand in unseen[-1][1]:
                    if operand._grad is not zero and operand._time >= 0:
                        if operand._left is not None:
                            break
                        reach(operand)
                else:
                    operand = None
                    unseen.pop()
                if operand is not None:
                    break
                if type(node) is Vector and node.of_leaves:
                    gathered.append(node)
                    node = pop()
                    continue
            elif node._left._grad is not zero:
                operand = node._left
                break
            elif operand is not None and operand._grad is not zero:
                break
            done(node)
            node = pop()
            if node is None:
                return max([leaf._time for leaf in leaves], default=-1)


def _sweep(output: Value, order: list[Node], gathered: list[Vector], zero: float, newest: int) -> None:
    """Carry adjoints from the output back through the order, adding them up at each operand.

    The adjoints of leaves wait to the end, since nothing depends on them: `Vector`s of leaves come last,
    and just before them the examples that went through one network, all together.
    """
    watched = watching()
    alike: dict[Dense, list[Vector]] = {}
    output._grad = 1.0
    node: Any
    for node in reversed(order):
        adjoint = node._grad
        if adjoint is zero:  # reached only through the branch that a `where` did not take
            continue
        right = node._right
        if right is MANY:
            if node._time < newest and node._primitive is not None:
                require_fresh(node)
            if type(node) is Value:
                _sweep_many(node, adjoint)
            elif node._primitive is None:
                _hand_on(node)
            elif node._dense is None:
                _sweep_packed(node)
            elif not watched and all(operand.of_leaves for operand in node._left):
                alike.setdefault(node._dense, []).append(node)
            else:
                _sweep_dense(node._dense, [node])
        else:
            if node._time < newest:
                require_fresh(node)
            row = node._primitive
            left = node._left
            try:
                if right is None:
                    by_left = (row.slope or row.partials(node._number, left._number))[0]
                else:
                    by_left, by_right = row.slope or row.partials(node._number, left._number, right._number)
            except (ArithmeticError, ValueError):
                by_left, *by_rest = row.slopes(node._number, *[operand._number for operand in node.operands])
                by_right = by_rest[0] if by_rest else 0.0
            left._grad += adjoint * by_left
            if right is not None:
                right._grad += adjoint * by_right
        if watched:
            _require_finite(node)
    for dense, nodes in alike.items():
        _sweep_dense(dense, nodes)
    for node in reversed(gathered):
        if node._grad is not zero:
            _hand_on(node)
            if watched:
                _require_finite(node)


def _sweep_many(node: Any, adjoint: float) -> None:
    """The chain rule at a node whose row selects, or takes sequences or many numbers."""
    row = node._primitive
    operands = node._left
    args = [operand._number for operand in operands]
    if row.select is not None:
        chosen = operands[row.select(*args)]
        if chosen._time >= 0:
            chosen._grad += adjoint
        return
    for operand, slope in zip(operands, row.slopes(node._number, *args)):
        if operand._time >= 0:
            operand._grad += adjoint * (np.array(slope) if isinstance(slope, (list, tuple)) else slope)


def _propagate(self: Value) -> None:
    """The chain rule at one node alone: the `grad` of each parent grows by this node's share."""
    row = self._primitive
    if row is None:
        return
    require_fresh(self)
    operands = self.operands
    args = [operand.numbers() if type(operand) is Vector else operand._number for operand in operands]
    if row.select is not None:
        operands, slopes = (operands[row.select(*args)],), [1.0]
    else:
        slopes = list(row.slopes(self._number, *args))
    for operand, slope in zip(operands, slopes):
        elements = operand.values if type(operand) is Vector else (operand,)
        for element, each in zip(elements, np.broadcast_to(slope, len(elements)).tolist()):
            if not element.constant:
                element.grad += self.grad * each


def _hand_on(vector: Any) -> None:
    """A gathered Vector's adjoints belong to its elements."""
    operands = vector._left
    adjoint, vector._grad = vector._grad, None
    if vector.nested:
        shares: Any = np.broadcast_to(adjoint, vector._number.shape).T
    else:
        shares = adjoint.tolist() if type(adjoint) is np.ndarray else [adjoint] * len(operands)
    for operand, share in zip(operands, shares):
        if operand._time >= 0:
            operand._grad += share


def _sweep_dense(dense: Dense, nodes: list[Any]) -> None:
    """The chain rule through layers of neurons, for all examples at once."""
    adjoint = np.array([node.adjoints() for node in nodes])
    read = [node._left[0] for node in nodes]
    results = [
        (weights[0], np.array(sums), np.array(outputs))
        for weights, sums, outputs in (zip(*layer) for layer in zip(*[node._results for node in nodes]))
    ]
    inputs = [np.array([vector._number for vector in read]), *[outputs for *_, outputs in results]]
    for depth, _, of_sums, of_inputs in dense.back(results, adjoint):  # noqa: B007  # the last are used below
        weights, biases, _, _ = dense.layers[depth]
        if weights._time >= 0:
            weights._grad += inputs[depth].T @ of_sums
        if biases is not None and biases._time >= 0:
            biases._grad += np.add.reduce(of_sums)
    for vector, share in zip(read, of_inputs):
        if vector._time >= 0:
            vector._grad += share


def _sweep_packed(vector: Vector) -> None:
    """The chain rule along a packed node: what its elements share receives the sum."""
    row: Any = vector._primitive
    adjoint = vector.adjoints()
    slopes = row.slopes_on_arrays(vector._number, *columns(vector._left, vector._runs))
    for operand, slope, along in zip(vector._left, slopes, vector._runs):
        if operand._time < 0:
            continue
        if along:
            operand._grad += adjoint if type(slope) is float and slope == 1.0 else adjoint * slope
        elif np.ndim(slope) == 2:
            operand._grad += np.broadcast_to(slope, (len(slope), vector.width)) @ adjoint
        else:
            operand._grad += np.add.reduce(adjoint * slope, axis=-1).item()


def _require_finite(node: Any) -> None:
    """Refuse a gradient that is no longer finite after the node has handed on its own."""
    for operand in node.operands:
        elements = operand.values if type(operand) is Vector else (operand,)
        for element, gradient in zip(elements, np.broadcast_to(operand._grad, len(elements)).tolist()):
            if not element.constant and not math.isfinite(gradient):
                raise anomaly("gradient", element, gradient, node)


def anomaly(kind: str, node: Value, derivative: float, reader: Any = None) -> AnomalyError:
    """What `detect_anomaly` says of a derivative that is not finite; `reader` is the node that gave it."""
    text = f"the {kind} of {describe(node)} became {derivative}, whose data is {node.data}"
    if reader is not None and type(reader) is Value:
        text += f"; it came from {describe(reader)}: {computation(reader)}"
    elif node.op:
        text += f"; {computation(node)}"
    return AnomalyError(text)


Value.backward = backward
Value._propagate = _propagate
