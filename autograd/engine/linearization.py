"""Near its recorded numbers a graph is a linear map; this file applies it both ways.

Every node on a path from an input to an output is one step: the table gives its partial derivative by
each operand. Forward mode pushes tangents up the path, ẏ = Σ ∂y/∂aᵢ · ȧᵢ; reverse mode pulls adjoints
down it, āᵢ += ȳ · ∂y/∂aᵢ: the same partials, summed in two orders (Griewank and Walther 2008, ch. 3).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .anomaly import not_watching, require_finite, watching
from .gradient import Pullback
from .graph import collector_paused
from .primitives import sum
from .value import Value

__all__ = ["Linearization"]


class Linearization(Pullback):
    """The derivative of some outputs of a graph by some of its nodes, ready to be swept either way."""

    def push(self, tangents: Sequence[Any]) -> list[Any]:
        """Forward mode: the derivative of every output along tangents, one for each input, in one sweep.

        An input whose tangent is the number 0 is held constant, and so are nodes that depend on no other:
        they have no tangent, which differs from a tangent of 0 where a partial derivative is infinite.
        """
        found: dict[Any, Any] = {
            node: tangent
            for node, tangent in zip(self.inputs, tangents, strict=True)
            if isinstance(tangent, Value) or tangent != 0.0
        }
        times, watched = self._times, watching()
        with collector_paused(), np.errstate(all="ignore"), not_watching():
            for node in self._path:
                terms = [
                    times(found[parent], partial)
                    for parent, partial in self._partials(node)
                    if parent in found
                ]
                if terms:
                    found[node] = tangent = _total(terms)
                    if watched:
                        require_finite("tangent", node, tangent)
        return self._results(found, self.outputs)


def _total(terms: list[Any]) -> Any:
    return terms[0] if len(terms) == 1 else terms[0] + terms[1] if len(terms) == 2 else sum(terms)
