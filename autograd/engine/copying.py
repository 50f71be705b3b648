"""Copying and pickling a graph, with loops where the standard library would recurse.

`copy.deepcopy` and `pickle` follow references depth first and overflow the stack on a long chain. Here
a node hands over its ancestors first, operands before the nodes that use them, so by the time a node
is copied its operands are.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator
from typing import Any

from .graph import Node, ancestors, collector_paused
from .primitives import Primitive
from .value import Value, advance, make_node, told_of_result
from .vector import Vector

__all__: list[str] = []


def _deepcopy(self: Node, memo: dict[int, Any]) -> Any:
    """A copy of the node and of the graph below it; its backward pass fills the copied leaves."""
    told_of_result(self, "a copy")
    with collector_paused():
        for node in ancestors([self], memo):
            build, (*state, operands) = _recipe(node)
            memo[id(node)] = build(*state, tuple([memo[id(operand)] for operand in operands]))
    return memo[id(self)]


def _recipe(node: Node) -> tuple[Callable[..., Any], tuple[Any, ...]]:
    """The function and the arguments that make this node again, its operands last."""
    if type(node) is Vector:
        return _build_vector, (node._scopes, node.values)
    return _build_value, (
        node._number, node._grad, getattr(node, "_tag", None), node._time, node._primitive, node.operands,
    )  # fmt: skip


def _build_vector(scopes: Any, values: tuple[Any, ...]) -> Vector:
    vector = Vector(values)
    vector._scopes = scopes
    vector.numbers()  # as recording a node on it does: the sweep asks how new they are
    return vector


def _build_value(
    data: float,
    grad: float | None,
    tag: tuple[str, str, str] | None,
    time: int,
    primitive: Primitive | None,
    operands: tuple[Any, ...],
) -> Value:
    advance(time)  # the clock of another process may have been ahead
    node = make_node(primitive, data, operands, time)
    node._grad = grad
    if tag is not None:
        node._tag = tag
    return node


class _Prelude:
    """The ancestors of a node, pickled one by one and before it; forgotten when loaded."""

    def __init__(self, nodes: list[Node]) -> None:
        self.nodes = nodes

    def __reduce__(self) -> tuple[Any, ...]:
        return list, (), None, self._one_by_one()

    def _one_by_one(self) -> Iterator[Node | None]:
        """While this runs, the pickler meets no operand that it has not saved."""
        mine = set(map(id, self.nodes)) - _announced.ids
        _announced.ids |= mine
        try:
            yield from self.nodes
            # pickle's pure-Python version takes up to 1000 items before it saves them.
            yield from itertools.repeat(None, 1000)
        finally:
            _announced.ids -= mine


class _Announced(threading.local):
    def __init__(self) -> None:
        self.ids: set[int] = set()


_announced = _Announced()
_SHALLOW = 50  # ancestors: as many the pickler may follow by recursion


def _reduce(self: Node, protocol: Any) -> tuple[Any, ...]:
    """How pickle saves a node: how to build it, preceded by its ancestors unless they were announced."""
    told_of_result(self, "a pickle")
    build, args = _recipe(self)
    if id(self) not in _announced.ids:
        before = ancestors([self])[:-1]
        if len(before) > _SHALLOW:
            return _build_after, (_Prelude(before), build, *args)
    return build, args


def _build_after(prelude: Any, build: Callable[..., Any], *args: Any) -> Any:
    return build(*args)


for _class in (Value, Vector):
    _class.__deepcopy__ = _deepcopy  # type: ignore[union-attr]  # a loop variable is a union
    _class.__reduce_ex__ = _reduce  # type: ignore[method-assign]  # on purpose: a floor above
