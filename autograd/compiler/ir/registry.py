"""Tables with a rule for each operation; a missing rule is an error on import."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar

from .nodes import OPERATIONS, Node

__all__ = ["Rules"]

Rule = TypeVar("Rule", bound=Callable[..., Any])


class Rules(Generic[Rule]):
    """The rules of one purpose, by operation.

    Examples
    --------
    >>> from autograd.compiler.ir.nodes import Symbol
    >>> names = Rules("name")
    >>> @names.of(Symbol)
    ... def name(node):
    ...     return node.name
    >>> names[Symbol] is name
    True
    >>> names.require_all()  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    NotImplementedError: name: no rule for Parameters, Inputs, Constant, ... Outer, BatchSum
    """

    def __init__(self, purpose: str) -> None:
        self.purpose = purpose
        self.rules: dict[type[Node], Rule] = {}

    def of(self, *operations: type[Node]) -> Callable[[Rule], Rule]:
        """Make a function the rule of these operations."""

        def enter(rule: Rule) -> Rule:
            self.rules |= dict.fromkeys(operations, rule)
            return rule

        return enter

    def __getitem__(self, operation: type[Node]) -> Rule:
        return self.rules[operation]

    def require_all(self) -> None:
        """Raise if an operation has no rule."""
        holes = [operation.__name__ for operation in OPERATIONS if operation not in self.rules]
        if holes:
            raise NotImplementedError(f"{self.purpose}: no rule for {', '.join(holes)}")  # at import
