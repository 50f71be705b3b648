"""What recording and the sweep know of a row without calling its rules: the base of `Primitive`.

Nothing here is stated a second time. Which arithmetic a forward rule is, is read off the function; that a
partial is a constant or a copy of something at hand is found by running the rule once, on stand-ins.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Sequence
from typing import Any

from .numerics import inner_product

__all__ = ["Rule"]

_ARITHMETIC: list[Any] = [None, operator.add, operator.sub, operator.mul, inner_product]
ANOTHER, CONSTANT = -2, -1  # a partial that has to be computed; one that is always the same


class Rule:
    """The forward rule and the partials of a row, as far as they are plain arithmetic and copies.

    Attributes
    ----------
    arithmetic : which of some operators the forward rule is, 0 for any other rule.
    copied : for each argument where its partial comes from: 0 for the output, k for argument k, or CONSTANT.
        Empty if any partial has to be computed.
    constants : for each argument its partial, where that is constant.
    left, right : the first two of `copied`, or ANOTHER.
    by_left, by_right : the first two of `constants`.
    """

    __slots__ = ("arithmetic", "by_left", "by_right", "constants", "copied", "left", "right")

    arithmetic: int
    copied: tuple[int, ...]
    constants: tuple[float, ...]
    left: int
    right: int
    by_left: float
    by_right: float

    def read(
        self, forward: Callable[..., float], partials: Callable[..., Sequence[Any]] | None, arity: int
    ) -> None:
        """Look at the rules of a row; `partials` is None where it may not be run before its time."""
        put = functools.partial(object.__setattr__, self)  # a row is frozen
        put("arithmetic", _ARITHMETIC.index(forward) if forward in _ARITHMETIC else 0)
        stand_ins = [object() for _ in range(arity + 1)]
        found: list[Any] = []
        if partials is not None:
            try:
                found = list(partials(*stand_ins))
            except Exception:  # they are no numbers, so a rule that computes fails on them
                found = []
        if not all(partial in stand_ins or type(partial) is float for partial in found):
            found = []
        copied = [stand_ins.index(partial) if partial in stand_ins else CONSTANT for partial in found]
        constants = [partial if type(partial) is float else 0.0 for partial in found]
        put("copied", tuple(copied))
        put("constants", tuple(constants))
        for name, source in zip(("left", "right"), (*copied, ANOTHER, ANOTHER)):
            put(name, source)
        for name, constant in zip(("by_left", "by_right"), (*constants, 0.0, 0.0)):
            put(name, constant)

    def applied(self, a: float, b: float) -> float:
        """The result of `arithmetic`, which never raises on floats."""
        if self.arithmetic == 3:
            return a * b
        return a + b if self.arithmetic == 1 else a - b

    def applied_to_sequences(self, operands: tuple[Any, ...]) -> float:
        """The same of an inner product of nodes: without lists of their numbers."""
        weights, inputs = operands[0], operands[1]
        total = 0.0
        for i in range(len(weights)):
            w, x = weights[i], inputs[i]
            total += w._number * x._number
        return total + operands[2]._number if len(operands) > 2 else total
