"""The row of a node whose derivatives are given as numbers: `Value(data, children, local_grads)`.

Karpathy's microgpt adds operations this way. Such a row has the node's number and partials at the numbers of
its operands, and no rule for others. So the node is swept like any other; whatever needs a rule, such as a
second derivative or a compiled program, is refused with a hint at `primitive`.
"""

from __future__ import annotations

import functools
from typing import Any, NoReturn

from ..errors import GraphError
from .arguments import number
from .node import Note, current, noted, renoted
from .primitive import Primitive

__all__ = ["NO_CHILDREN", "Given", "note_of", "text"]

NO_CHILDREN = (
    "an operation of your own is added with primitive, "
    "@primitive(partials=lambda y, x: 3 * x * x) above def cube(x): return x**3"
)


class Given(Primitive):
    """The row of one node: `y` and the partials `local_grads` at the operands `numbers`."""

    facts: tuple[float, tuple[float, ...], tuple[float, ...]]
    name = symbol = "given"
    plain = False
    kinks: dict[Any, Any] = {}  # noqa: RUF012  # a field of the base, which has none here

    def __init__(self, y: float, numbers: tuple[float, ...], local_grads: tuple[float, ...]) -> None:
        # The rules refer to these numbers and not to the row: a cycle would outlive the graph.
        forward, partials = (
            functools.partial(_forward, y, numbers),
            functools.partial(_partials, numbers, local_grads),
        )
        facts = {
            "facts": (y, numbers, local_grads),
            "forward": forward,
            "partials": partials,
            "array": _array,
        }
        facts |= {f"_{name}": facts[name] for name in ("forward", "partials", "array")}
        facts |= {"_name": self.name, "_select": None, "_vectors": (), "note": None}
        facts |= dict.fromkeys(("arithmetic", "left", "right", "by_left", "by_right"), 0)
        for name, fact in facts.items():
            object.__setattr__(self, name, fact)  # a row is frozen

    def __reduce__(self) -> tuple[Any, ...]:
        return Given, self.facts


def _forward(y: float, numbers: tuple[float, ...], *args: Any) -> float:
    _require_same(numbers, args)
    return y


def _partials(numbers: tuple[float, ...], local_grads: tuple[float, ...], y: Any, *args: Any) -> Any:
    _require_same(numbers, args)
    return local_grads


def _array(*args: Any) -> NoReturn:
    raise GraphError(
        "a node made by Value(data, children, local_grads) has its number and derivatives at this place, and "
        "no rule for other numbers, a second derivative, a formula or a compiled program: " + NO_CHILDREN
    )


def _require_same(numbers: tuple[float, ...], args: tuple[Any, ...]) -> None:
    """Refuse other numbers than those the node was made at."""
    for y, arg in zip(numbers, args, strict=True):
        if not isinstance(arg, (float, int)) or (arg != y and (arg == arg or y == y)):
            _array()


def note_of(leaf: Any, label: Any, scope: Any, children: Any, local_grads: Any, op: Any) -> Note:
    """The note of a `Value` made with labels, or with operands and their partials.

    Raises
    ------
    TypeError : if a label is not a string; if children are not `Value`s, or their derivatives not numbers.
    ValueError : if there is not one derivative for each child.
    """
    if isinstance(label, (tuple, list, set)):
        label, scope, children, local_grads = "", "", label, scope if local_grads is None else local_grads
    if not children and not local_grads and not op:
        return renoted(current.note, text("label", label), text("scope", scope), "")
    if op or not all(isinstance(each, (tuple, list)) for each in (children, local_grads)):
        raise TypeError(
            "Value takes children with a number for each, the derivative by it: Value(data, children, "
            f"local_grads), got {type(local_grads).__name__}: {local_grads!r:.60}. Or {NO_CHILDREN}"
        )
    operands, partials = tuple(children), tuple(local_grads)
    for child in operands:
        if type(child) is not type(leaf):
            raise TypeError(f"each of children must be a Value, got {type(child).__name__}: {child!r:.60}")
    if len(operands) != len(partials):
        raise ValueError(
            f"Value takes one of local_grads for each of children, got {len(partials)} for {len(operands)}"
        )
    numbers = tuple([child._number for child in operands])
    row = Given(leaf._number, numbers, tuple([number(each, "each of local_grads") for each in partials]))
    return noted(current.note.version, row, operands, text("label", label), text("scope", scope))


def text(what: str, given: Any) -> str:
    if not isinstance(given, str):
        raise TypeError(f"{what} must be a string, got {type(given).__name__}: {given!r:.60}")
    return given if type(given) is str else str.__str__(given)  # a plain str of a subclass
