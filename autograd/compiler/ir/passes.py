"""Passes from graph to graph, and hooks after each stage.

A pass maps the outputs of a program to the same outputs in a new graph. The passes of a back end are one
list, `PASSES`. Each function in `after_each` is called with the name of a stage and its outputs, or the
schedule: the tests verify every graph and schedule there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from ...engine.primitives import TABLE
from .fused_rules import FORWARD
from .nodes import Fused, Node, ancestry, applies, rewrite

__all__ = ["EXPAND_FUSED", "STEP_OF_RELU", "Pass", "after_each", "checked", "run", "stages", "text"]

RELU, STEP = TABLE["relu"], TABLE["step"]
Outputs = list[Node]

Made = TypeVar("Made")

after_each: list[Callable[[str, Any], None]] = []


@dataclass(frozen=True)
class Pass:
    """A rewrite of the graph, node by node: ``rule(node, operands)`` gives the node to be there, or None."""

    name: str
    rule: Callable[[Node, list[Node]], Node | None]

    def __call__(self, outputs: Sequence[Node]) -> Outputs:
        return rewrite(outputs, self.rule)

    def __str__(self) -> str:
        return self.name


def stages(passes: Sequence[Pass], outputs: Sequence[Node]) -> Iterator[tuple[str, Outputs]]:
    """The name of each pass, and the outputs after it."""
    for each in passes:
        outputs = found = checked(each.name, each(outputs))
        yield each.name, found


def run(passes: Sequence[Pass], outputs: Sequence[Node]) -> Outputs:
    """The outputs after all passes."""
    return [list(outputs), *[after for _, after in stages(passes, outputs)]][-1]


def checked(stage: str, made: Made) -> Made:
    """The outputs after a stage, or the schedule, after the hooks have seen them."""
    for look in after_each:
        look(stage, made)
    return made


def text(outputs: Sequence[Node]) -> str:
    """A line for each node that the outputs are computed from, and one that names the outputs."""
    lines = [repr(node) for node in ancestry(outputs)]
    return "\n".join([*lines, f"return {', '.join(f'n{output.number}' for output in outputs)}", ""])


def _expand_fused(node: Node, args: list[Node]) -> Node | None:
    return FORWARD[node.row.name](*args) if isinstance(node, Fused) else None


def _step_of_relu(node: Node, args: list[Node]) -> Node | None:
    if not applies(node, STEP):
        return None
    graph = args[0].graph
    rectified = graph.find(RELU, args)
    return None if rectified is None else graph.apply(STEP, [rectified])


EXPAND_FUSED = Pass("fused rules expanded", _expand_fused)
STEP_OF_RELU = Pass("step(x) is step(relu(x)) where there is relu(x)", _step_of_relu)
