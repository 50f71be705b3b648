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
from .node import current, flat, version_of
from .rule import COMPUTED, CONSTANT, INNER, RAMP

__all__ = [
    "active", "ancestors", "backward", "collector_paused", "edges", "numbers", "numbers_of",
    "require_fresh", "reverse_sweep", "sweep", "topological_order",
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
    """The outputs and every node that they depend on, operands first.

    `through` gives the operands of a node. Nodes whose `id` is in `known` are left out, with everything that
    only they depend on.

    An iterative depth-first search in postorder. Each user of a node, or of a sequence, pushes it, and it is
    visited once; ``None`` on the stack says that all operands of the node below it are done.
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
    """The outputs and every `Value` that they depend on, each after its parents.

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
        if version_of(parent._note) > node._note.version:
            raise GraphError(
                f"the data of {describe(parent)} was set after {describe(node)} was recorded, "
                "so this graph mixes old and new numbers: run the forward pass again before "
                "differentiating, and set data only after backward()"
            )


def active(node: Any) -> tuple[Any, ...]:
    """The operands that the derivative of a node goes to: for a `where` or `take` only the one taken."""
    row: Any = node._note.row
    operands: Any = node._note.operands
    if operands and row._select is not None:
        return (flat(operands)[row._select(*numbers(operands))],)
    return node.operands  # type: ignore[no-any-return]  # a Value's, whose class is defined above this file


def numbers_of(operand: Any) -> Any:
    """The number of a node, a list of them for a sequence."""
    return [each._number for each in operand] if type(operand) is tuple else operand._number


def numbers(operands: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(map(numbers_of, operands))


def edges(operands: Sequence[Any], partials: Sequence[Any]) -> Iterator[tuple[Any, Any]]:
    """Each parent with the partial by it; a sequence has one for each element, or one for all."""
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

    Adjoints are anything that can be added and multiplied; `backward` does the same on floats in the nodes.

    Parameters
    ----------
    order : nodes, each after its parents.
    adjoints : the adjoint of the output; the others are filled in. A node without one is skipped.
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


_active: list[int] = []  # the marks of running sweeps; several if a rule begins another


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
            mark = current.new_sweep()
            untaken: list[Any] = []
            order = _search(output, mark, leaves, before, untaken)
            for node in untaken:  # it grows; a branch that nothing reaches has the gradient 0
                for parent in node.parents:
                    if parent._mark < mark:
                        _search(parent, mark, leaves, before, untaken)
            if output._mark > mark:  # not a constant
                output._grad = 1.0
            newest = current.frozen
            for leaf in leaves:
                newest = max(newest, leaf._note.version)
            _active.append(mark)
            try:
                sweep(order, mark, newest)
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
    """The computed nodes that the output depends on, operands first, as in `ancestors`; fills in the leaves.

    Constants are skipped, and so are branches that a `where` did not take: its node goes into `untaken`.
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
            if node._note.operands is not None:
                operands = node._note.operands
                if node._note.row._select is not None:
                    untaken.append(node)
                    operands = active(node)
                for operand in reversed(operands):
                    several = operand if type(operand) is tuple else (operand,)
                    for each in reversed(several):
                        if each._mark < mark:
                            _reach(each, mark, stack, leaves, before)
            else:
                if node._right is not None and node._right._mark < mark:
                    _reach(node._right, mark, stack, leaves, before)
                if node._left._mark < mark:
                    _reach(node._left, mark, stack, leaves, before)
            if len(stack) > size:
                continue
        stack.pop()
        if node._mark == mark:  # on top again, or at once: all that it depends on is done
            node._mark = mark + 1
            order.append(node)
    return order


def _reach(node: Any, mark: int, stack: list[Any], leaves: list[Any], before: list[Any]) -> None:
    """Add a leaf to the sweep unless it is a constant; push any other node for the search."""
    if _active and node._mark // 2 * 2 in _active:
        raise GraphError(
            f"a rule of this graph calls backward() on one that {describe(node)} belongs to as well"
        )
    if node._note.row is not None:
        stack.append(node)
    elif node._note.version >= 0:
        before.append(node._grad if node._mark else None)
        leaves.append(node)
        node._grad = 0.0
        node._mark = mark + 1


def sweep(order: list[Any], mark: int, newest: int) -> None:
    """Add to each operand's adjoint the node's times the partial; constants, which have no mark, get none."""
    watched = watching()
    for node in reversed(order):
        if node._note.version < newest:
            require_fresh(node)
        if node._note.operands is not None:
            _propagate_to_many(node, mark)
        else:
            adjoint = node._grad
            source, other = node._note.row.left, node._note.row.right
            by_left, by_right = node._note.row.by_left, node._note.row.by_right
            if node._note.row.arithmetic == RAMP:
                x = node._left._number
                by_left = 1.0 if x > 0.0 else 0.0 if x <= 0.0 else x
            elif source == COMPUTED:
                partials = node._note.row.partials_of(node._number, numbers(node.operands))
                by_left = float(partials[0])
                if node._right is not None:
                    by_right = float(partials[1])
            else:  # copies
                if source > 0:
                    by_left = node._right._number if source == 2 else node._left._number
                elif source == 0:
                    by_left = node._number
                if other > 0:
                    by_right = node._left._number if other == 1 else node._right._number
                elif other == 0:
                    by_right = node._number
            if node._left._mark > mark:
                node._left._grad += adjoint * by_left
            if node._right is not None and node._right._mark > mark:
                node._right._grad += adjoint * by_right
        if watched:
            for parent in node.parents:
                if parent._note.version >= 0:
                    require_finite("gradient", parent, parent._grad, node)


def _propagate_to_many(node: Any, mark: int) -> None:
    """The chain rule at a node whose row selects, or takes sequences or more than two numbers."""
    row, operands, adjoint = node._note.row, node._note.operands, node._grad
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
    elif row.left == CONSTANT and len(operands) == 1 and type(operands[0]) is tuple:
        for x in operands[0]:
            _add(x, adjoint * row.by_left, mark)
    else:
        partials = row.partials_of(node._number, numbers(operands))
        for parent, partial in edges(operands, partials):
            _add(parent, adjoint * float(partial), mark)


def _add(node: Any, contribution: float, mark: int) -> None:
    if node._mark > mark:
        node._grad += contribution
