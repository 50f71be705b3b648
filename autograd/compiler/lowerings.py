"""The rows of the table on each target: their own code, or how the rule of the table runs there.

A built-in row has code of its own where that is faster. No row needs any: numpy runs its `array`, floats
run its forward rule, and native code the first of its formulas that works on nodes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..engine.primitive import Primitive
from .ir.fused_rules import FORWARD
from .llvm.builder import DIRECT
from .llvm.libm import ELEMENTARY
from .numpy.codegen import IN_PLACE
from .numpy.scalar_codegen import OPERATORS

__all__ = ["RowLowerings", "lowerings"]


@dataclass(frozen=True)
class RowLowerings:
    """What a target does with each row: ``lowerings["numpy"][row]``."""

    own: Callable[[Primitive], Any]
    general: Callable[[Primitive], Any]

    def __getitem__(self, row: Primitive) -> Any:
        """The row's own code on this target if it has some, otherwise what runs for it."""
        own = self.own(row)
        return self.general(row) if own is None else own


def _array_rule(row: Primitive) -> Any:
    return f"np.{row.array.__name__}" if isinstance(row.array, np.ufunc) else row.array


lowerings = {
    "fused": RowLowerings(lambda row: FORWARD.get(row.name), lambda row: None),
    "numpy": RowLowerings(lambda row: IN_PLACE.get(row.name), _array_rule),
    "numpy, one example": RowLowerings(lambda row: OPERATORS.get(row.forward), lambda row: row.forward),
    "llvm": RowLowerings(
        lambda row: DIRECT.get(row.name) or ELEMENTARY.get(row.name),
        lambda row: row.native or row.sheet or row.expansion or row.forward,
    ),
}
