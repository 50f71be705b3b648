"""What the playground knows of every row beforehand: its code, and its texts with places for the operands.

A page that records by itself has no Python to ask. So each row is written here once for each shape of
operands: the JavaScript that computes it, its formula and partials, a line of Python and of torch, and the
boxes that are drawn.
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
    REASONS,
    Function,
)
from ..symbolic import TEXT, Apply, Expression, Number, Symbol, row_script
from ..symbolic.expressions import as_expression
from ..symbolic.notations import SPOKEN_NUMBERS
from .labels import LONGEST_FORMULA, NUMBERED, Pieces, in_pieces, slot
from .programs import TAKEN, in_python, in_torch
from .script import ROOM

__all__ = ["WIDEST", "Shape", "language_data", "pattern", "shapes"]

WIDEST = 16  # numbers in a list that one row takes
_OPERATORS = {"+": "add", "-": "sub", "*": "mul", "/": "div", "//": "floordiv", "%": "mod", ">": "greater"}
_EXPONENTS = (-2.0, -1.0, 0.5, 2.0, 3.0, 4.0)  # with which a power has a formula of its own
_LABEL, _CONSTANT = "\ue000", "\ue001"  # where a box has its name, and the number that it is

Shape = tuple[int | None, ...]  # of each operand None for a number, or how many numbers a list has
Pattern = dict[str, Any]


def shapes() -> Iterator[tuple[Primitive, Shape]]:
    """Each row that a program can record, with each shape of operands that it may have there."""
    found: dict[tuple[str, Shape], None] = {}
    for name in (*_OPERATORS.values(), "power", "pow"):
        found[name, (None, None)] = None
    found["neg", (None,)] = None
    for function in FUNCTIONS.values():
        for shape in _shapes_of(function):
            found[function.row, shape] = None
    return ((TABLE[name], shape) for name, shape in found)


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
    """A row as a page writes it, for operands of this shape; a number in a text is the place of an operand.

    Keys: ``formula`` and ``filled``, in names and in numbers; ``partials``, such a pair for each number among
    the operands, in which the place after the last is the result; ``python`` and ``torch``, empty where there
    is none.

    Examples
    --------
    >>> from autograd.engine.primitive import TABLE
    >>> found = pattern(TABLE["tanh"], (None,))
    >>> found["formula"], found["partials"][0][0], found["python"]
    (['tanh(', 0, ')'], ['1 − ', 1, '^2'], ['tanh(', 0, ')'])
    """
    return _written(row, _operands(shape))


def _operands(shape: Shape) -> list[Any]:
    operands: list[Any] = []
    count = 0
    for size in shape:
        symbols = tuple(Symbol(slot(count + place)) for place in range(1 if size is None else size))
        count += len(symbols)
        operands.append(symbols[0] if size is None else symbols)
    return operands


def _written(row: Primitive, operands: list[Any]) -> Pattern:
    count = sum(len(each) if isinstance(each, tuple) else 1 for each in operands)
    y = Symbol(slot(count))
    if not count:  # then there is no node, but a number
        return {"formula": [], "filled": [], "partials": [], "python": [], "torch": []}
    called = Apply(row, tuple(operands))
    try:
        torch = in_pieces(in_torch(called))
    except ValueError:
        torch = []
    formula, filled = _pair(Expression.__primitive__(row, operands))
    return {
        "formula": formula, "filled": filled,
        "partials": [_pair(each) for each in _partials(row, y, operands)],
        "python": in_pieces(in_python(called)), "torch": torch,
    }  # fmt: skip


def _partials(row: Primitive, y: Symbol, operands: list[Any]) -> list[Expression]:
    """As textbooks write them, where they do; a user's rule that does not run on formulas has none."""
    for rule in filter(None, (row.textbook, row.partials)):
        try:
            return [as_expression(each) for _, each in edges(operands, rule(y, *operands))]
        except (ArithmeticError, TypeError, ValueError):
            continue
    return []


def _pair(formula: Expression) -> tuple[Pieces, Pieces]:
    """In names, and as the page fills in numbers; as `labels` writes them."""
    if formula.size > LONGEST_FORMULA:
        return [], []
    text = in_pieces(TEXT.write(formula))
    return text, [] if isinstance(formula, Number) else in_pieces(NUMBERED.write(formula))


def language_data() -> tuple[dict[str, Any], list[str]]:
    """All that the page's parser and recorder look up; and the rows as JavaScript, by place."""
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
        "mostNested": MOST_NESTED, "mostSteps": MOST_STEPS, "operators": _OPERATORS, "reasons": REASONS,
        "rows": rows, "patterns": patterns, "widest": WIDEST, "taken": sorted({*TAKEN, *TABLE}),
        "numbers": list(SPOKEN_NUMBERS.items()), "boxes": _boxes(),
    }, scripts  # fmt: skip


def _boxes() -> dict[str, Any]:
    """The drawing as DOT: what comes before the boxes, each kind of box by its badge, and the arrows."""
    rows = (("data", ROOM), ("grad", ROOM))
    symbols = sorted({row.symbol for row, _ in shapes()})
    kinds = {
        kind: {symbol: _line(Box(kind, symbol=symbol, label=_LABEL, rows=rows)) for symbol in having}
        for kind, having in {
            "input": [""],
            "parameter": [""],
            "result": symbols,
            "output": ["", *symbols],
        }.items()
    }
    constant = _line(Box("constant", rows=(("", _CONSTANT),)))
    boxes = [Box("input")] * 2
    arrows = [
        dot_text(boxes, [Arrow(0, 1, dashed=dashed)], "LR", "", False).split("\n")[-3]
        for dashed in (False, True)
    ]
    many = [Arrow(0, 1)] * (CROWDED + 1)
    heads = [
        dot_text([], some, "LR", "", False).partition("  n0")[0].removesuffix("}\n") for some in ([], many)
    ]
    return {
        "head": heads[0],
        "headOfMany": heads[1],
        "crowded": CROWDED,
        "kinds": kinds,
        "constant": constant,
        "arrow": arrows[0],
        "dashed": arrows[1],
    }


def _line(box: Box) -> str:
    return dot_text([box], [], "LR", "", False).split("\n")[-3]
