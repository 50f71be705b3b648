"""The order of a recorded graph, and the reverse sweep over it.

Both are loops, never recursions, so a chain of a million nodes is as good as one of three.
"""

from __future__ import annotations

import gc
import operator
from collections.abc import Callable, Container, Iterable, Iterator, MutableMapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from ..errors import GraphError
from ..locks import SWEEPING, let_forks_pass
from .anomaly import require_finite, watching
from .messages import describe
from .node import MANY, current
from .rule import COMPUTED, INNER

__all__ = [
    "active", "ancestors", "backward", "collector_paused", "edges", "numbers_of", "propagate_alone",
    "require_fresh", "reverse_sweep", "topological_order",
]  # fmt: skip


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


def ancestors(
    outputs: Iterable[Any],
    known: Container[int] = (),
    through: Callable[[Any], Sequence[Any]] = operator.attrgetter("operands"),
) -> list[Any]:
    """Every node that the outputs depend on and the outputs, operands first.

    Nodes whose `id` is `known` are left out, with all that only they depend on. What a node depends on
    are the operands that `through` gives.

    An iterative depth-first search in postorder. A node, or a sequence that is an operand, is pushed again by
    each node that uses it and seen only once; ``None`` on the stack says that all operands of the node below
    it are done.
    """
    order: list[Any] = []
    seen: set[int] = set()
    stack: list[Any] = list(outputs)[::-1]
    while stack:
        node = stack.pop()
        if node is None:
            order.append(stack.pop())
        elif id(node) not in seen and id(node) not in known:
            seen.add(id(node))
            operands = node if type(node) is tuple else through(node)
            if type(node) is not tuple:
                stack += (node, None)
            stack += operands[::-1]
    return order


def topological_order(*outputs: Any) -> list[Any]:
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
        if not hasattr(output, "parents"):
            raise TypeError(f"topological_order takes Values, got {type(output).__name__}: {output!r:.60}")
    found: list[Any] = ancestors(outputs)
    return found


def require_fresh(node: Any) -> None:
    """Refuse a node one of whose operands was set after it was recorded.

    Raises
    ------
    GraphError : naming the operand and the node.
    """
    for parent in node.parents:
        if parent._note.version > node._note.version:
            raise GraphError(
                f"the data of {describe(parent)} was set after {describe(node)} was recorded, "
                "so this graph mixes old and new numbers: run the forward pass again before "
                "differentiating, and set data only after backward()"
            )


def active(node: Any) -> tuple[Any, ...]:
    """The operands that the derivative of a node goes to: of a `where` the branch that was taken alone."""
    row: Any = node._row
    if node._right is MANY and row._select is not None:
        return (node._left[row._select(*[operand._number for operand in node._left])],)
    return node.operands  # type: ignore[no-any-return]  # a Value's, whose class is defined above this file


def numbers_of(operand: Any) -> Any:
    """The number of a node, a list of them for a sequence."""
    return [each._number for each in operand] if type(operand) is tuple else operand._number


def edges(operands: Sequence[Any], partials: Sequence[Any]) -> Iterator[tuple[Any, Any]]:
    """Each parent with the partial by it: of a sequence, one for each element or one for all."""
    for operand, partial in zip(operands, partials):
        if type(operand) is not tuple:
            yield operand, partial
        elif isinstance(partial, (list, tuple, np.ndarray)):
            yield from zip(operand, partial)
        else:
            yield from [(each, partial) for each in operand]


# --- the reverse sweep -----------------------------------------------------------------------------


def reverse_sweep(
    order: Sequence[Any],
    adjoints: MutableMapping[Any, Any],
    partials: Callable[[Any], Iterable[tuple[Any, Any]]],
    times: Callable[[Any, Any], Any] = operator.mul,
) -> Iterator[tuple[Any, Any, Any, Any]]:
    """The chain rule from the last node of an order to the first: āᵢ += ȳ · ∂y/∂aᵢ.

    It serves whatever can be added and multiplied; `backward` is the same on floats that lie in the nodes.

    Parameters
    ----------
    order : nodes, each after its parents.
    adjoints : what the sweep begins with, such as 1 for the output; it is filled in. A node without one is
        passed by.
    partials : gives each parent of a node with the partial by it; called when the node's adjoint is complete.
    times : adjoint times partial.

    Yields
    ------
    ``(node, parent, partial, contribution)`` when the contribution has been added to the parent's adjoint.
    """
    for node in reversed(order):
        adjoint = adjoints.get(node)
        if adjoint is None:
            continue
        for parent, partial in partials(node):
            contribution, before = times(adjoint, partial), adjoints.get(parent)
            adjoints[parent] = contribution if before is None else before + contribution
            yield node, parent, partial, contribution


_active: list[int] = []  # the marks of sweeps that are going on: several where a rule begins another


def backward(output: Any) -> None:
    """The reverse sweep from one node: adjoints into `_grad`, which leaves add to what they had before.

    Raises
    ------
    GraphError, AnomalyError : see `Value.backward`; the gradients of leaves are as they were then.
    """
    leaves: list[Any] = []
    before: list[Any] = []  # the gradients of the leaves, None where there was none
    let_forks_pass()
    with SWEEPING, collector_paused(), np.errstate(all="ignore"):
        try:
            mark = current.sweep()
            untaken: list[Any] = []
            order = _search(output, mark, leaves, before, untaken)
            for node in untaken:  # grows meanwhile: where nothing arrives, the gradient is 0
                for parent in node.parents:
                    if parent._mark < mark:
                        _search(parent, mark, leaves, before, untaken)
            if output._mark > mark:  # it is no constant
                output._grad = 1.0
            newest = -1
            for leaf in leaves:
                newest = max(newest, leaf._note.version)
            _active.append(mark)
            try:
                _sweep(order, mark, newest)
            finally:
                _active.pop()
        except BaseException:  # KeyboardInterrupt too
            for leaf, earlier in zip(leaves, before):
                leaf.grad = earlier
            raise
        for i in range(len(leaves)):
            leaf = leaves[i]
            if before[i] is not None:
                leaf._grad += before[i]


def _search(output: Any, mark: int, leaves: list[Any], before: list[Any], untaken: list[Any]) -> list[Any]:
    """The computed nodes that the output depends on, operands first, as in `ancestors`; and the leaves.

    Constants are passed over, and so is the branch that a `where` did not take: such nodes are `untaken`.
    """
    order: list[Any] = []
    stack: list[Any] = []
    _reach(output, mark, stack, leaves, before)
    while stack:
        node = stack[len(stack) - 1]  # compiled, -1 is no index
        if node._mark < mark:
            node._mark = mark
            node._grad = 0.0
            size = len(stack)
            if node._right is MANY:
                row, operands = node._row, node._left
                if row._select is not None:
                    untaken.append(node)
                    operands = active(node)
                for operand in reversed(operands):
                    several = operand if type(operand) is tuple else (operand,)
                    for each in reversed(several):
                        if each._mark < mark:
                            _reach(each, mark, stack, leaves, before)
            else:
                left, right = node._left, node._right
                if right is not None and right._mark < mark:
                    _reach(right, mark, stack, leaves, before)
                if left._mark < mark:
                    _reach(left, mark, stack, leaves, before)
            if len(stack) > size:
                continue
        stack.pop()
        if node._mark == mark:  # on top again, or at once: all that it depends on is done
            node._mark = mark + 1
            order.append(node)
    return order


def _reach(node: Any, mark: int, stack: list[Any], leaves: list[Any], before: list[Any]) -> None:
    """Take a leaf into the sweep unless it is a constant, and let the search go on with any other node."""
    if _active and node._mark // 2 * 2 in _active:
        raise GraphError(
            f"a rule of this graph calls backward() on one that {describe(node)} belongs to as well"
        )
    if node._left is not None:
        stack.append(node)
    elif node._note.version >= 0:
        before.append(node._grad if node._mark else None)
        leaves.append(node)
        node._grad = 0.0
        node._mark = mark + 1


def _sweep(order: list[Any], mark: int, newest: int) -> None:
    """Each operand's adjoint grows by the node's, times the partial; constants, without a mark, have none."""
    watched = watching()
    for node in reversed(order):
        if node._note.version < newest:
            require_fresh(node)
        if node._right is MANY:
            _propagate_to_many(node, mark)
        else:
            row, left, right, adjoint = node._row, node._left, node._right, node._grad
            source, other = row.left, row.right
            by_left, by_right = row.by_left, row.by_right
            if source == COMPUTED:
                if right is None:
                    by_left = float(row.partials_of(node._number, (left._number,))[0])
                else:
                    partials = row.partials_of(node._number, (left._number, right._number))
                    by_left, by_right = float(partials[0]), float(partials[1])
            else:  # copies
                if source >= 0:
                    by_left = right._number if source == 2 else left._number if source else node._number
                if other >= 0:
                    by_right = left._number if other == 1 else right._number if other else node._number
            if left._mark > mark:
                left._grad += adjoint * by_left
            if right is not None and right._mark > mark:
                right._grad += adjoint * by_right
        if watched:
            for parent in node.parents:
                if parent._note.version >= 0:
                    require_finite("gradient", parent, parent._grad, node)


def _propagate_to_many(node: Any, mark: int) -> None:
    """The chain rule at a node whose row selects, or takes sequences or more than two numbers."""
    row, operands, adjoint = node._row, node._left, node._grad
    if row._select is not None:
        _add(active(node)[0], adjoint, mark)
    elif row.arithmetic == INNER:
        weights, inputs = operands[0], operands[1]
        for i in range(len(weights)):
            w, x = weights[i], inputs[i]
            _add(w, adjoint * x._number, mark)
            _add(x, adjoint * w._number, mark)
        if len(operands) > 2:
            _add(operands[2], adjoint, mark)
    else:
        partials = row.partials_of(node._number, tuple([numbers_of(operand) for operand in operands]))
        for parent, partial in edges(operands, partials):
            _add(parent, adjoint * float(partial), mark)


def _add(node: Any, contribution: float, mark: int) -> None:
    if node._mark > mark:
        node._grad += contribution


def propagate_alone(node: Any) -> None:
    """The chain rule at one node and nowhere else, with the adjoint that it has: micrograd's `_backward`."""
    if node._row is None:
        return
    require_fresh(node)
    mark = current.sweep()
    for parent in node.parents:
        if parent._note.version >= 0:
            parent._mark = mark + 1
    _sweep([node], mark, -1)
