"""A recorded graph again, with other numbers in its leaves: what the eager engine would have recorded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..engine.graph import Node, ancestors
from ..engine.value import Value, not_watching, recording
from ..engine.vector import Vector

__all__ = ["replay"]


def replay(outputs: Sequence[Value], numbers: Mapping[Value, float]) -> tuple[list[Value], list[Value]]:
    """The outputs of a new graph, and its leaves in the order of `numbers`; other leaves keep their numbers."""
    fresh: dict[Node, Node] = {leaf: Value(number) for leaf, number in numbers.items()}
    leaves = list(fresh.values())
    with recording(), not_watching():
        for node in ancestors(outputs):
            if node in fresh:
                continue
            if type(node) is Vector:
                fresh[node] = Vector([fresh[element] for element in node.values])
            elif node.primitive is None:
                fresh[node] = node
            else:
                fresh[node] = node.primitive(*[fresh[operand] for operand in node.operands])
    return [fresh[output] for output in outputs], leaves  # type: ignore[misc]  # no Vector is an output
