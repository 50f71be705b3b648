"""A name for every node, and formulas with places for the numbers of the moment."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from ..engine.replay import Passes
from ..engine.value import Value
from ..symbolic import TEXT, Expression, Number, Outline, Symbol

LONGEST_FORMULA = 24  # the most names and numbers in a written formula
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
        self._places = {symbol: passes.index[node] for node, symbol in self._outline.names.items()}
        self.names = {node: self._outline.text(node) for node in passes.nodes}

    def formula(self, node: Value) -> Written:
        return _written(self._outline.formulas[node], self._places)

    def partials(self, node: Value) -> Iterator[Written]:
        """The partial of a computed node by each parent that is not a constant, in order."""
        for parent, formula, _ in self._outline.edges(node):
            if not parent.constant:
                yield _written(formula, self._places)

    def closed_forms(self, wrt: Sequence[Value]) -> dict[int, Written]:
        """The gradient of each parameter by its place, as written by hand, unless it is long."""
        wrt = [node for node in wrt if node in self._index]
        if not 0 < len(wrt) <= _CLOSED_FORMS:
            return {}
        outline = Outline(self._output, wrt)
        closed = {step.node: step.closed for step in outline.steps()}
        names = outline.names.items()
        places = {symbol: self._index[node] for node, symbol in names if self.names[node] == symbol.text}
        forms = {}
        for node in wrt:
            formula = closed.get(node, Number(0.0))
            if formula.size <= LONGEST_FORMULA and all(symbol in places for symbol in formula.symbols()):
                forms[self._index[node]] = TEXT.write(formula), _pieces(formula, places)
        return forms


def _written(formula: Expression, places: Mapping[Symbol, int]) -> Written:
    if formula.size > LONGEST_FORMULA:
        return "", []
    return TEXT.write(formula), [] if isinstance(formula, Number) else _pieces(formula, places)


def _pieces(formula: Expression, places: Mapping[Symbol, int]) -> Pieces:
    return in_pieces(replace(NUMBERED, symbol=lambda symbol: slot(places[symbol])).write(formula))


NUMBERED = replace(TEXT, beside=False)
"""The notation for numbers, which need a sign between them."""


def slot(place: int) -> str:
    """The letter for the number of the node at that place."""
    return chr(ord(_SLOT) + place)


def in_pieces(text: str) -> Pieces:
    """A text with slots, as pieces.

    >>> in_pieces("2 · " + slot(7))
    ['2 · ', 7]
    """
    pieces: Pieces = []
    for letter in text:
        if letter >= _SLOT:
            pieces.append(ord(letter) - ord(_SLOT))
        elif pieces and isinstance(pieces[-1], str):
            pieces[-1] += letter
        else:
            pieces.append(letter)
    return pieces
