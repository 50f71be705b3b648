"""A row of the table as it runs, on floats, `Value`s or arrays: the base of `Primitive`.

Python's float arithmetic raises where IEEE 754 has an answer (``1 / 0``, ``exp(1000)``). A forward rule may
raise like that: the row's `array` form, which does not, then decides.

Recording and the sweep take shortcuts past the rules of simple rows. Nobody states these: the arithmetic is
recognised by the forward function, and a partial that is constant, or a copy of a number at hand, by running
the partials once, on stand-ins.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from operator import add, mul, sub, truediv
from typing import Any

import numpy as np

from .node import Note, noted
from .numerics import as_array, inner_product, rectified, stacked

__all__ = ["COMPUTED", "CONSTANT", "INNER", "MINUS", "OVER", "PLUS", "RAMP", "TIMES", "Rule"]

PLUS, MINUS, TIMES, OVER, INNER, RAMP = 1, 2, 3, 4, 5, 6
_ARITHMETIC: list[Any] = [None, add, sub, mul, truediv, inner_product, rectified]
COMPUTED, CONSTANT = -2, -1  # sources of a partial


class Rule:
    """The rules of a row, and the shortcuts read off them.

    Attributes
    ----------
    arithmetic : the index of the forward rule in `_ARITHMETIC`, 0 for any other rule.
    left, right : the sources of the partials by the first two arguments: 0 for a copy of the output, k for a
        copy of argument k, CONSTANT, or COMPUTED.
    by_left, by_right : these partials if they are constant.
    note : the note of the nodes that the row records now.
    """

    __slots__ = (
        "_array", "_forward", "_name", "_partials", "_select", "_vectors",
        "arithmetic", "by_left", "by_right", "left", "note", "right",
    )  # fmt: skip

    _name: str
    _forward: Callable[..., Any]
    _partials: Callable[..., Sequence[Any]]
    _array: Callable[..., Any]
    _select: Callable[..., int] | None
    _vectors: tuple[int, ...]
    arithmetic: int
    left: int
    right: int
    by_left: float
    by_right: float
    note: Note

    def read(self, row: Any, arity: int, trusted: bool) -> None:
        """Read the shortcuts off the rules of a row; only `trusted` partials are run for that."""
        stand_ins = [object() for _ in range(arity + 1)]
        try:
            found = list(row.partials(*stand_ins)) if trusted else []
        except Exception:  # a rule that computes fails on stand-ins
            found = []
        if not all(partial in stand_ins or type(partial) is float for partial in found):
            found = []
        facts = {
            f"_{name}": getattr(row, name)
            for name in ("name", "forward", "partials", "array", "select", "vectors")
        }
        facts["note"] = noted(0, self)
        # For the last two the sweep has the partials of our rows, not of a user's with the same forward rule.
        readable = _ARITHMETIC if trusted else _ARITHMETIC[:INNER]
        facts["arithmetic"] = readable.index(row.forward) if row.forward in readable else 0
        for side, partial in zip(("left", "right"), [*found, None, None]):
            known = type(partial) is float
            facts[side] = (
                stand_ins.index(partial) if partial in stand_ins else CONSTANT if known else COMPUTED
            )
            facts[f"by_{side}"] = partial if known else 0.0
        for name, fact in facts.items():
            object.__setattr__(self, name, fact)  # a row is frozen

    def renew(self, version: int) -> None:
        """Make a new note, for nodes recorded from that version on."""
        object.__setattr__(self, "note", noted(version, self))  # a row is frozen

    def __call__(self, *args: Any, **named: Any) -> Any:
        """Apply to floats for a float, to arrays elementwise; `Value`s are recorded."""
        if named:
            try:
                args = inspect.signature(self._forward).bind(*args, **named).args
            except TypeError as error:
                raise TypeError(f"{self._name}() {error}") from None
        for position in self._vectors:  # an iterator becomes a list: its elements are inspected below
            if position < len(args) and hasattr(args[position], "__next__"):
                args = (*args[:position], list(args[position]), *args[position + 1 :])
        arrays = False
        for position, arg in enumerate(args):
            kind = type(arg)
            if kind is float:
                continue
            if kind is str:  # strings compare like numbers
                raise TypeError(f"{self._name} takes real numbers and Values, got str: {arg!r:.60}")
            bind = None if kind is tuple else getattr(kind, "__primitive__", None)
            if bind is not None:
                return bind(self, args)
            if position in self._vectors and not _is_array(arg):
                for item in arg:
                    bind = getattr(type(item), "__primitive__", None)
                    if bind is not None:
                        return bind(self, args)
                    arrays = arrays or isinstance(item, np.ndarray)
            elif isinstance(arg, (np.ndarray, np.floating)):
                if arg.dtype == object:
                    with np.errstate(all="ignore"):
                        return np.frompyfunc(self, len(args), 1)(*args)
                arrays = True
        if arrays:
            return self._array(*(stacked(args, self._vectors) if self._vectors else args))
        return self.evaluated(args)

    def evaluate(self, *args: Any) -> float:
        """The forward value on floats, by IEEE 754 where Python would raise."""
        return self.evaluated(args)

    def evaluated(self, args: tuple[Any, ...]) -> float:
        try:
            return float(self._forward(*args))
        except (ArithmeticError, ValueError):
            with np.errstate(all="ignore"):
                return float(self._array(*map(as_array, args)))
        except TypeError as error:
            raise TypeError(
                f"{self._name} takes real numbers and Values, got {args!r:.100}: {error}"
            ) from error

    def partials_at(self, y: float, *args: Any) -> Sequence[Any]:
        """The partials at a point given in floats, by IEEE 754 where Python would raise."""
        return self.partials_of(y, args)

    def partials_of(self, y: float, args: tuple[Any, ...]) -> Sequence[Any]:
        try:
            return self._partials(y, *args)
        except (ArithmeticError, ValueError):
            with np.errstate(all="ignore"):
                exact = self._partials(np.float64(y), *map(as_array, args))
                return [float(partial) if np.ndim(partial) == 0 else partial for partial in exact]


def _is_array(arg: Any) -> bool:
    return type(arg) is np.ndarray and not arg.dtype.hasobject
