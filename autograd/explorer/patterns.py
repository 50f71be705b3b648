"""The code and texts of every row, for the playground.

A page that records by itself has no Python to ask. So each row is written once for each shape of operands:
its JavaScript, its formula and partials, a line of Python and of torch, and its boxes.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import Any

from ..drawing.text import CROWDED, Arrow, Box, dot_text
from ..engine.graph import edges
from ..engine.primitive import TABLE, Primitive
from ..language import (
    CONSTANTS,
    DEEPEST,
    FUNCTIONS,
    GRAMMAR,
    KEYWORDS,
    LONGEST,
    LONGEST_RANGE,
    MOST_NESTED,
    MOST_STEPS,
    OPERATORS,
    REASONS,
    Function,
)
from ..symbolic import Expression, Number, Symbol, row_script
from ..symbolic.expressions import as_expression
from ..symbolic.notations import SPOKEN_NUMBERS
from .labels import Pieces, in_pieces, slot, slotted, written
from .programs import forms, taken
from .script import ROOM

__all__ = ["WIDEST", "Shape", "language_data", "pattern", "shapes"]

WIDEST = 16  # numbers in a list that one row takes
_EXPONENTS = (-2.0, -1.0, 0.5, 2.0, 3.0, 4.0)  # constants with which a power has a formula of its own
_LABEL, _CONSTANT = "\ue000", "\ue001"  # the places of a box's name, and of a constant's number

Shape = tuple[int | None, ...]  # None for a number, or the length of a list
Pattern = dict[str, Any]


def shapes() -> Iterator[tuple[Primitive, Shape]]:
    """Each row that a program can record, with each shape of its operands."""
    found: list[tuple[str, Shape]] = [(name, (None, None)) for name in (*OPERATORS.values(), "pow")]
    found += [("neg", (None,))]
    found += [(function.row, shape) for function in FUNCTIONS.values() for shape in _shapes_of(function)]
    return ((TABLE[name], shape) for name, shape in dict.fromkeys(found))


def _shapes_of(function: Function) -> Iterator[Shape]:
    lists = "list" in function.takes
    for count in range(function.least, len(function.takes) + 1):
        for size in range(1 if function.filled else 0, WIDEST + 1) if lists else [0]:
            if function.each:
                yield None, size - 1
            else:
                yield tuple(size if kind == "list" else None for kind in function.takes[:count])


@functools.cache
def pattern(row: Primitive, shape: Shape) -> Pattern:
    """The texts of a row for operands of this shape; a number in a text is the place of an operand.

    Keys: ``formula`` and ``filled``, in names and in numbers; ``partials``, such a pair for each number among
    the operands, with the result in the place after the last; ``python`` and ``torch``, or empty.

    Examples
    --------
    >>> from autograd.engine.primitive import TABLE
    >>> found = pattern(TABLE["tanh"], (None,))
    >>> found["formula"], found["partials"][0][0], found["python"]
    (['tanh(', 0, ')'], ['1 − ', 1, '^2'], ['tanh(', 0, ')'])
    """
    operands = slotted(shape)
    return {
        **_written(row, operands),
        **(forms(row, operands) if any(operands) else {"python": [], "torch": []}),
    }


def _written(row: Primitive, operands: list[Any]) -> Pattern:
    count = sum(len(each) if isinstance(each, tuple) else 1 for each in operands)
    y = Symbol(slot(count))
    if not count:  # a number, not a node
        return {"formula": [], "filled": [], "partials": []}
    formula, filled = _pair(Expression.__primitive__(row, operands))
    partials = [_pair(each) for each in _partials(row, y, operands)]
    return {"formula": formula, "filled": filled, "partials": partials}


def _partials(row: Primitive, y: Symbol, operands: list[Any]) -> list[Expression]:
    """The textbook's, or the row's own; none if they do not run on formulas."""
    for rule in filter(None, (row.textbook, row.partials)):
        try:
            return [as_expression(each) for _, each in edges(operands, rule(y, *operands))]
        except (ArithmeticError, TypeError, ValueError):
            continue
    return []


def _pair(formula: Expression) -> tuple[Pieces, Pieces]:
    """A formula in names and with places for numbers, as in `labels`."""
    text, filled = written(formula, lambda symbol: symbol.text)
    return in_pieces(text), filled


def language_data() -> tuple[dict[str, Any], list[str]]:
    """The data of the page's parser and recorder, and the rows as JavaScript."""
    rows: dict[str, dict[str, int]] = {}
    patterns: list[Pattern] = []
    scripts: list[str] = []
    for row, shape in shapes():
        key = ",".join("n" if size is None else str(size) for size in shape)
        rows.setdefault(row.name, {})[key] = len(patterns)
        entry = {
            "op": row.name,
            "symbol": row.symbol,
            "select": row.select is not None,
            **pattern(row, shape),
        }
        if row.name == "pow":
            base = Symbol(slot(0))
            entry["special"] = {f"{n:g}": _written(row, [base, Number(n)]) for n in _EXPONENTS}
        patterns.append(entry)
        scripts.append(row_script(row, shape))
    functions = {}
    for name, each in FUNCTIONS.items():
        functions[name] = {key: value for key, value in vars(each).items() if key != "call"}
    return {
        "constants": CONSTANTS, "deepest": DEEPEST, "functions": functions,
        "grammar": {**GRAMMAR, "token": GRAMMAR["token"].replace("?P<", "?<")},
        "keywords": sorted(KEYWORDS), "longest": LONGEST, "longestRange": LONGEST_RANGE,
        "mostNested": MOST_NESTED, "mostSteps": MOST_STEPS, "operators": OPERATORS, "reasons": REASONS,
        "rows": rows, "patterns": patterns, "widest": WIDEST, "taken": taken(),
        "numbers": list(SPOKEN_NUMBERS.items()), "boxes": _boxes(),
    }, scripts  # fmt: skip


def _boxes() -> dict[str, Any]:
    """The drawing as DOT: the text before the boxes, each kind of box by its badge, and the arrows."""
    symbols = sorted({row.symbol for row, _ in shapes()})
    badges = {"input": [""], "parameter": [""], "result": symbols, "output": ["", *symbols]}

    def last_line(boxes: list[Box], *arrows: Arrow) -> str:
        return dot_text(boxes, arrows, "LR", "", False).split("\n")[-3]

    def box(kind: str, symbol: str) -> str:
        return last_line([Box(kind, symbol, _LABEL, rows=(("data", ROOM), ("grad", ROOM)))])

    def head(arrows: int) -> str:
        text = dot_text([], [Arrow(0, 1)] * arrows, "LR", "", False)
        return text.partition("  n0")[0].removesuffix("}\n")

    ends = [Box("input"), Box("input")]
    return {
        "head": head(0), "headOfMany": head(CROWDED + 1), "crowded": CROWDED,
        "kinds": {kind: {symbol: box(kind, symbol) for symbol in having} for kind, having in badges.items()},
        "constant": last_line([Box("constant", rows=(("", _CONSTANT),))]),
        "arrow": last_line(ends, Arrow(0, 1)), "dashed": last_line(ends, Arrow(0, 1, dashed=True)),
    }  # fmt: skip
