"""The jax back end: programs that XLA compiles for a size of batch, called with arrays of numpy.

`Program.function` is the same as a pure function on arrays of JAX.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import jax
import numpy as np

from ..backends import BackendProgram, RowLowerings, Widths
from ..ir.nodes import Node
from ..ir.passes import text
from .function import Function
from .lowering import Lowering
from .rows import on_arrays, own_form

__all__ = ["JaxProgram"]


class JaxProgram(BackendProgram):
    """Nodes as a function of JAX."""

    LOWERINGS: ClassVar = {"jax": RowLowerings(own_form, on_arrays)}

    def __init__(self, nodes: Sequence[Node], mean: bool, dtype: Any, widths: Widths | None = None) -> None:
        super().__init__(nodes, mean, dtype, widths)
        lowering = Lowering(self.nodes, mean, self.dtype)
        self.source, self.compute = lowering.source, lowering.compute
        self.schedule = text(self.nodes)  # XLA makes its own
        self._jitted = jax.jit(self.compute)

    def __call__(self, parameters: Any, batch: Any) -> tuple[Any, ...]:
        """The arrays of the nodes; batched ones have the examples along their last axis."""
        with jax.enable_x64(self.dtype == np.float64), np.errstate(all="ignore"):
            return tuple(map(np.array, self._jitted(parameters, batch)))

    def function(self, made: Callable[[str, str], Any]) -> Function:
        shape = self.nodes[0].graph.parameters.size, self.widths[1]
        others = lambda kind, wrt: made(kind, wrt).compute  # noqa: E731  # a line, used once
        return Function(shape, self.mean, self.dtype, self.compute, others)

    def value_and_gradient(self, parameters: Any, batch: Any, out: Any) -> tuple[float, Any, bool]:
        parameters, batch = _told(parameters, batch)
        return super().value_and_gradient(parameters, batch, out)

    def table(
        self, parameters: Any, batch: Any, direction: Any, shape: tuple[int, ...], out: Any
    ) -> tuple[Any, bool]:
        parameters, batch, direction = _told(parameters, batch, direction)
        return super().table(parameters, batch, direction, shape, out)


def _told(parameters: Any, *others: Any) -> list[Any]:
    """Arrays with nan for subnormal numbers, which XLA takes as 0, so that the engine computes the results.

    If a parameter is nan they stay, since the engine is not asked.
    """
    found, lost = [], bool(np.isnan(parameters).any())
    for each in (parameters, *others):
        if each is not None and not lost:
            subnormal = (each != 0.0) & (np.absolute(each) < np.finfo(each.dtype).tiny)
            each = np.where(subnormal, each.dtype.type(np.nan), each) if subnormal.any() else each
        found.append(each)
    return found
