"""A name for every node, and formulas in which the page fills in the numbers of the moment."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from ..engine.replay import Passes
from ..engine.value import Value
from ..symbolic import TEXT, Expression, Notation, Number, Outline, Symbol

_LONGEST = 24  # names and numbers in a formula that is written out
_CLOSED_FORMS = 64  # parameters that get a closed form


class Wording:
    """What the page says about the nodes of a graph.

    Attributes
    ----------
    names : of each node: its label, or where it has none, v1 and so on; of a constant its number.
    """

    def __init__(self, passes: Passes) -> None:
        self._passes = passes
        self._outline = Outline(passes.output, [], branches=True, inline=False)
        self._places = {symbol: passes.index[node] for node, symbol in self._outline.names.items()}
        self._numeric = _with_slots(self._places)
        self.names = {node: self._outline.text(node) for node in passes.nodes}

    def formulas(self, node: Value) -> tuple[str, str]:
        """How the node is computed, in names and with a slot for each number; empty if that is too long."""
        return self._written(self._outline.formulas[node])

    def slopes(self, node: Value) -> Iterator[tuple[str, str]]:
        """The same for its derivative by each parent that is not a constant, in order."""
        for parent, formula, _ in self._outline.edges(node):
            if not parent.constant:
                yield self._written(formula)

    def _written(self, formula: Expression) -> tuple[str, str]:
        if formula.size > _LONGEST:
            return "", ""
        text, numeric = TEXT.write(formula), self._numeric.write(formula)
        return text, "" if isinstance(formula, Number) else numeric

    def closed_forms(self, wrt: Sequence[Value]) -> dict[int, tuple[str, str]]:
        """The gradient of each parameter as one formula, as one writes it by hand, if it is not too long."""
        wrt = [node for node in wrt if node in self._passes.index]
        if not 0 < len(wrt) <= _CLOSED_FORMS:
            return {}
        outline = Outline(self._passes.output, wrt)
        steps = {step.node: step for step in outline.steps()}
        places = {
            symbol: self._passes.index[node]
            for node, symbol in outline.names.items()
            if self.names[node] == symbol.text
        }
        numeric, forms = _with_slots(places), {}
        for node in wrt:
            formula = steps[node].closed if node in steps else Number(0.0)
            if formula.size <= _LONGEST and all(name in places for name in formula.symbols()):
                forms[self._passes.index[node]] = (TEXT.write(formula), numeric.write(formula))
        return forms


def _with_slots(places: dict[Symbol, int]) -> Notation:
    """Text in which the number of node 7 is to be filled in at ``\\ue0007\\ue001``."""

    def slot(symbol: Symbol) -> Any:
        return f"\ue000{places[symbol]}\ue001"

    return replace(TEXT, symbol=slot, beside=False)
