"""A name for every node, and formulas in which the page fills in the numbers of the moment."""

from __future__ import annotations

import builtins
import keyword
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ..engine import primitives
from ..engine.primitive import TABLE, Primitive
from ..engine.replay import Passes
from ..engine.value import Value
from ..symbolic import PYTHON, TEXT, Apply, Expression, Number, Outline, Symbol

_LONGEST = 24  # a formula with more names and numbers is not written out
_CLOSED_FORMS = 64  # with more parameters none gets a closed form
_SLOT = (
    "\U000f0000"  # this private character stands for the number of node 0, the next one for that of node 1
)

Pieces = list[str | int]  # a formula as text, with the place of a node where its number is to be filled in
Written = tuple[str, Pieces]  # a formula in names, and in pieces; empty where it is too long, or a number


class Labels:
    """What the page says about the nodes of a graph.

    Attributes
    ----------
    names : each node's label, or where it has none, v1 and so on; a constant's number.
    """

    def __init__(self, passes: Passes) -> None:
        self._index = passes.index
        self._output = passes.output
        self._outline = Outline(passes.output, [], branches=True, inline=False)
        self._places = {symbol: passes.index[node] for node, symbol in self._outline.names.items()}
        self.names = {node: self._outline.text(node) for node in passes.nodes}

    def formula(self, node: Value) -> Written:
        """How a computed node is computed."""
        return _written(self._outline.formulas[node], self._places)

    def partials(self, node: Value) -> Iterator[Written]:
        """The partial of a computed node by each parent that is not a constant, in order."""
        for parent, formula, _ in self._outline.edges(node):
            if not parent.constant:
                yield _written(formula, self._places)

    def closed_forms(self, wrt: Sequence[Value]) -> dict[int, Written]:
        """The gradient of each parameter by its place, written as by hand, unless that is too long."""
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
            if formula.size <= _LONGEST and all(symbol in places for symbol in formula.symbols()):
                forms[self._index[node]] = TEXT.write(formula), _pieces(formula, places)
        return forms


def python_program(passes: Passes, names: Mapping[Value, str]) -> list[str]:
    """A line of Python for each node: a leaf's is its name, for its number is that of the moment.

    The names are those of the nodes, made into identifiers that differ.
    """
    taken: set[str] = {*keyword.kwlist, *dir(builtins), "Value", "TABLE"}
    symbols: dict[Value, Symbol] = {}
    lines = []
    for node in passes.nodes:
        if node.primitive is not None:
            formula = Apply(node.primitive, tuple(_symbols(each, symbols) for each in node.operands))
            text = _PYTHON.write(formula)
        if node.constant:
            symbols[node] = Symbol(PYTHON.number(node.data))
            lines.append("")
            continue
        stem = re.sub(r"\W", "_", names[node]) or "_"
        name = stem = stem if not stem[0].isdigit() else f"_{stem}"
        while name in taken or name in TABLE:
            name += "_"
        taken.add(name)
        symbols[node] = Symbol(name)
        lines.append(name if node.primitive is None else f"{name} = {text}")
    return lines


def _symbols(operand: Any, symbols: Mapping[Value, Symbol]) -> Any:
    return tuple(map(symbols.__getitem__, operand)) if isinstance(operand, tuple) else symbols[operand]


def _call(row: Primitive) -> str:
    """How a program calls a row: by the public name, where that takes the row's operands."""
    same = getattr(primitives, row.name, None)
    public = same is row or (row.vectors == (0,) and callable(same)) or row.name == "dot"
    return row.name if public and row.name in primitives.__all__ else f"TABLE[{row.name!r}]"


_PYTHON = replace(PYTHON, call=_call)


def _written(formula: Expression, places: Mapping[Symbol, int]) -> Written:
    if formula.size > _LONGEST:
        return "", []
    return TEXT.write(formula), [] if isinstance(formula, Number) else _pieces(formula, places)


def _pieces(formula: Expression, places: Mapping[Symbol, int]) -> Pieces:
    def slot(symbol: Symbol) -> str:
        return chr(ord(_SLOT) + places[symbol])

    pieces: Pieces = []
    for letter in replace(TEXT, symbol=slot, beside=False).write(formula):
        if letter >= _SLOT:
            pieces.append(ord(letter) - ord(_SLOT))
        elif pieces and isinstance(pieces[-1], str):
            pieces[-1] += letter
        else:
            pieces.append(letter)
    return pieces
