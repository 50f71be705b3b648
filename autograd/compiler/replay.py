"""A recorded graph again, with other numbers in its leaves: what the eager engine would have recorded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..engine.graph import Node, ancestors
from ..engine.value import Value, not_watching, recording
from ..engine.vector import Vector

__all__ = ["replay"]


def replay(outputs: Sequence[Value], numbers: Mapping[Value, float]) -> tuple[list[Value], list[Value]]:
    """The outputs of a new graph, and its leaves in the order of `numbers`; others keep their numbers."""
    fresh: dict[Node, Any] = {leaf: Value(number) for leaf, number in numbers.items()}
    leaves = list(fresh.values())
    with recording(), not_watching():
        node: Any
        for node in ancestors(outputs):
            if type(node) is Vector:
                fresh[node] = Vector([fresh[element] for element in node.values])
            elif node.primitive is not None:
                fresh[node] = node.primitive(*[fresh[operand] for operand in node.operands])
            else:
                fresh.setdefault(node, node)
    return [fresh[output] for output in outputs], leaves
