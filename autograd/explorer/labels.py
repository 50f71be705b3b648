"""A name for every node, and formulas with places for the numbers of the moment."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from ..engine.replay import Passes
from ..engine.value import Value
from ..symbolic import TEXT, Expression, Number, Outline, Symbol

_LONGEST_FORMULA = 24  # the most names and numbers in a written formula
_CLOSED_FORMS = 64  # the most parameters with closed forms
_SLOT = "\U000f0000"  # the private character for the number of node 0, followed by that of node 1

Pieces = list[str | int]  # texts, and places of nodes for their numbers
Written = tuple[str, Pieces]  # a formula in names, and in pieces; empty for a long one, or a number


class Labels:
    """Names and formulas of the nodes of a graph.

    Attributes
    ----------
    names : each node's label, or v1 and so on; the number of a constant.
    """

    def __init__(self, passes: Passes) -> None:
        self._index = passes.index
        self._output = passes.output
        self._outline = Outline(passes.output, [], branches=True, inline=False)
        self._slots = {symbol: slot(passes.index[node]) for node, symbol in self._outline.names.items()}
        self.names = {node: self._outline.text(node) for node in passes.nodes}

    def formula(self, node: Value) -> Written:
        return written(self._outline.formulas[node], self._slots.__getitem__)

    def partials(self, node: Value) -> Iterator[Written]:
        """The partial of a computed node by each parent that is not a constant, in order."""
        for parent, formula, _ in self._outline.edges(node):
            if not parent.constant:
                yield written(formula, self._slots.__getitem__)

    def closed_forms(self, wrt: Sequence[Value]) -> dict[int, Written]:
        """The gradient of each parameter by its place, as written by hand, unless it is long."""
        wrt = [node for node in wrt if node in self._index]
        if not 0 < len(wrt) <= _CLOSED_FORMS:
            return {}
        outline = Outline(self._output, wrt)
        closed = {step.node: step.closed for step in outline.steps()}
        names = outline.names.items()
        slots = {symbol: slot(self._index[node]) for node, symbol in names if self.names[node] == symbol.text}
        forms = {}
        for node in wrt:
            formula = closed.get(node, Number(0.0))
            if formula.size <= _LONGEST_FORMULA and all(symbol in slots for symbol in formula.symbols()):
                forms[self._index[node]] = written(formula, slots.__getitem__)
        return forms


def written(formula: Expression, slot_of: Callable[[Symbol], str]) -> Written:
    """A formula in names, and in pieces with the slots of its symbols."""
    if formula.size > _LONGEST_FORMULA:
        return "", []
    numbered = replace(TEXT, symbol=slot_of, beside=False)  # numbers need a sign between them
    return TEXT.write(formula), [] if isinstance(formula, Number) else in_pieces(numbered.write(formula))


def slot(place: int) -> str:
    """The letter for the number of the node at that place."""
    return chr(ord(_SLOT) + place)


def slotted(shape: Sequence[int | None]) -> list[Any]:
    """Symbols for operands, a tuple for a sequence, that are written as slots 0, 1, 2, ..."""
    symbols = map(Symbol, map(slot, itertools.count()))
    return [next(symbols) if size is None else tuple(itertools.islice(symbols, size)) for size in shape]


def in_pieces(text: str) -> Pieces:
    """A text with slots, as pieces.

    >>> in_pieces("2 · " + slot(7))
    ['2 · ', 7]
    """
    parts = re.split(f"([{_SLOT}-\U0010ffff])", text)
    return [ord(part) - ord(_SLOT) if part >= _SLOT else part for part in parts if part]
