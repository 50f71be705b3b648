"""Rows of the table in rows that have native code of their own."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...errors import GraphError, MissingExtraError
from ..ir.fused_rules import FORWARD
from ..ir.nodes import Block, Term, ancestry, rewrite
from ..machine import require_room
from .builder import DIRECT, is_long
from .libm import ELEMENTARY

__all__ = ["all_simplified", "simplified", "why_not_native"]


def why_not_native(terms: Sequence[Term]) -> Exception | None:
    """What keeps the terms from being native code, or None.

    A package is missing, a row has no native form, or LLVM would run out of memory.
    """
    try:
        import llvmlite  # noqa: F401  # whether it is there
    except ImportError:
        return MissingExtraError("backend='llvm'", "llvmlite", "jit")
    try:
        require_room(_letters(rewrite(terms, simplified)))
    except GraphError as error:
        return error
    return None


def _letters(terms: Sequence[Term]) -> int:
    """About how long the text of these terms will be; some texts are three times as long."""
    letters = 0
    for term in ancestry(terms):
        letters += 10_000 if term.kind == "apply" and is_long(term.row) else 250
        letters += 25 * term.data.size if term.kind == "constant" else 0
    return letters


def simplified(term: Term, args: list[Term]) -> Term | None:
    """A term in rows that have code of their own: a family written out, a row by its formula."""
    if term.kind == "joint":
        return FORWARD[term.row.name](*args)
    if term.kind != "apply" or term.row.name in ELEMENTARY or term.row.name in DIRECT:
        return None
    row, block = term.row, args[0].block
    operands = [
        [block.take(arg, index) for index in np.arange(arg.size).reshape(arg.shape)]
        if i in row.vectors
        else arg
        for i, arg in enumerate(args)
    ]
    for formula in (row.native, row.sheet, row.expansion, row.forward):
        if callable(formula):
            try:
                result = block.term(formula(*operands))
            except Exception:  # a rule in Python that does not run on terms: comparisons, math, ...
                continue
            (result,) = all_simplified(block, [result])
            return block.broadcast(result, np.broadcast_shapes(result.shape, term.shape))
    raise GraphError(
        f"the primitive {row.name} has no form for native code: its forward rule does not run on arrays of "
        "numbers not known yet. Give primitive(...) a native= or expansion= in other primitives, or use "
        "backend='numpy'"
    )


def all_simplified(block: Block, terms: list[Term]) -> list[Term]:
    """Rows of a formula by their own formulas, until all have code."""
    done: dict[Term, Term] = {}
    for term in ancestry(terms):
        args = [done[arg] for arg in term.args]
        again = simplified(term, args)
        same = all(old is new for old, new in zip(term.args, args))
        done[term] = again if again is not None else term if same else block.remade(term, args)
    return [done[term] for term in terms]
