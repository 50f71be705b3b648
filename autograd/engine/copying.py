"""Copying and pickling a graph, with loops where the standard library would recurse.

`copy.deepcopy` and `pickle` follow references depth first and overflow the stack on a long chain. Here
a node hands over its ancestors first, operands before the nodes that use them, so by the time a node
is copied its operands are.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator
from typing import Any

from .graph import ancestors, collector_paused
from .modes import told_of_result
from .node import current, noted, version_of
from .primitive import Primitive

__all__ = ["copy_of", "deep_copy_of", "reduced"]

_SLOTS = ("_number", "_grad", "_mark", "_left", "_right", "_note")


def copy_of(node: Any) -> Any:
    """Another node with the same operands."""
    kind: Any = type(node)
    copy = kind.__new__(kind)
    for slot in _SLOTS:
        setattr(copy, slot, getattr(node, slot))
    return copy


def deep_copy_of(node: Any, memo: dict[int, Any]) -> Any:
    """A copy of the node and of the graph below it; its backward pass fills the copied leaves."""
    told_of_result(node, "a copy")
    with collector_paused():
        for one in ancestors([node], memo):
            memo[id(one)] = copy = copy_of(one)
            copy._left, copy._right = _copied(one._left, memo), _copied(one._right, memo)
            note = one._note
            if note.operands:
                operands = tuple([_copied(each, memo) for each in note.operands])
                copy._note = noted(note.version, note.row, operands, note.label, note.scope, note.place)
    return memo[id(node)]


def _copied(operand: Any, memo: dict[int, Any]) -> Any:
    """The copy of an operand, or of a tuple of them, shared as the tuple was; anything else unchanged."""
    if type(operand) is tuple:
        if id(operand) not in memo:
            # The memo keeps the tuple, so that no other gets its id meanwhile.
            memo[id(operand)] = tuple([_copied(each, memo) for each in operand])
            memo.setdefault(id(memo), []).append(operand)
        return memo[id(operand)]
    return memo.get(id(operand), operand)


def reduced(node: Any) -> tuple[Any, ...]:
    """The pickle of a node, preceded by its ancestors unless these were announced."""
    told_of_result(node, "a pickle")
    note = node._note
    args = (
        type(node), node._number, node._grad, node._mark, note.row, node.operands, note.operands == (),
        note.version, (note.label, note.scope, note.place),
    )  # fmt: skip
    if id(node) not in _announced.ids:
        before = ancestors([node])[:-1]
        if len(before) > _SHALLOW:
            return _build_after, (_Prelude(before), *args)
    return _build, args


def _build(
    kind: Any, y: float, grad: float, mark: int, row: Primitive | None, operands: Any, cut: bool,
    version: int, words: tuple[str, str, str],
) -> Any:  # fmt: skip
    node = kind.__new__(kind)
    node._number, node._grad = y, grad
    node._mark = -1 if mark else 0  # the sweeps of another process have other numbers
    many = operands if cut or (row is not None and not row.plain) else None
    node._left, node._right = (*operands, None, None)[:2] if many is None else (None, None)
    node._note = note = noted(version, row, many, *words)
    newest = version_of(note)
    if newest > current.note.version:  # another process may have been ahead
        current.new_version(newest)
    current.used, current.frozen = True, current.frozen if version >= -1 else max(current.frozen, newest)
    return node


def _build_after(prelude: Any, *args: Any) -> Any:
    return _build(*args)


class _Prelude:
    """The ancestors of a node, pickled one by one and before it; forgotten when loaded."""

    def __init__(self, nodes: list[Any]) -> None:
        self.nodes = nodes

    def __reduce__(self) -> tuple[Any, ...]:
        return list, (), None, self._one_by_one()

    def _one_by_one(self) -> Iterator[Any]:
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
_SHALLOW = 50  # so many ancestors the pickler may follow by recursion
