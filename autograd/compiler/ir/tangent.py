"""The tangent program: forward mode on terms, with the partials of the table.

From the leaves on, each term gets ẏ = Σ ∂y/∂aᵢ · ȧᵢ from the tangents of its arguments. A `where` has the
tangent of the branch that is taken; the other branch does no harm, whatever its numbers are. Applied to the
adjoint program it gives second derivatives: forward over reverse.

Source: Griewank and Walther 2008, Evaluating Derivatives, sections 3.1 and 5.1.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence

from ...engine.primitives import TABLE
from .adjoint import elements_of, is_taken, partials_of
from .fused_rules import PUSHFORWARD
from .nodes import ADD, MUL, Term, ancestry

__all__ = ["tangents"]

WHERE = TABLE["where"]


def tangents(outputs: Sequence[Term], leaves: Term, direction: Term) -> list[Term]:
    """The derivatives of the outputs along a direction in the leaves, each in the shape of its output.

    Parameters
    ----------
    outputs : terms that depend on the leaves per example, not through a sum over the batch.
    leaves, direction : terms of one shape; a direction of zeros in a constant holds the leaves constant.
    """
    block, found = leaves.block, {leaves: direction}
    for term in ancestry(outputs):
        if term not in found and not found.keys().isdisjoint(term.args):
            tangent = block.broadcast(_tangent(term, found), term.shape)
            if not (tangent.kind == "constant" and not tangent.data.any()):
                found[term] = tangent
    zero = block.constant(0.0)
    return [block.broadcast(found.get(output, zero), output.shape) for output in outputs]


def _tangent(term: Term, found: dict[Term, Term]) -> Term:
    """The tangent of a term, in a shape that broadcasts to its own."""
    block, kind = term.block, term.kind
    active = [(arg, found[arg]) for arg in term.args if arg in found]
    (x, tangent) = active[0]
    if kind == "apply":
        return _selected(term, found) if term.row.select is not None else _chain_rule(term, found)
    if kind == "put":
        pieces = [(index, found[arg]) for index, arg in zip(term.index, term.args) if arg in found]
        return block.put(term.shape, pieces)
    if kind == "joint":
        return PUSHFORWARD[term.row.name](term, x, tangent)
    if kind == "product":  # its left matrix belongs to all examples
        return block.product(term.args[0], tangent, term.flag)
    if kind == "take":
        return block.take(tangent, term.index)
    if kind == "broadcast":
        return tangent
    linear = {"total": block.total, "across": block.across, "others": block.others}
    return linear[kind](tangent)


def _chain_rule(term: Term, found: dict[Term, Term]) -> Term:
    block, row, products = term.block, term.row, []
    for i, (arg, partial) in enumerate(zip(term.args, partials_of(term))):
        if arg not in found:
            continue
        pairs = [(partial, found[arg])]
        if i in row.vectors:
            elements = [block.take(found[arg], index) for index in elements_of(arg)]
            partials = partial if isinstance(partial, Sequence) else [partial] * len(elements)
            pairs = list(zip(partials, elements))
        products += [block.apply(MUL, [block.term(p), t]) for p, t in pairs if block.term(p).scalar != 0.0]
    if not products:
        return block.constant(0.0)
    return functools.reduce(lambda a, b: block.apply(ADD, [a, b]), products)


def _selected(term: Term, found: dict[Term, Term]) -> Term:
    """The tangent of the argument that was taken."""
    block = term.block
    zero = block.constant(0.0)
    if term.row is WHERE:
        condition, *branches = term.args
        return block.apply(WHERE, [condition, *[found.get(branch, zero) for branch in branches]])
    chosen = zero
    for position, arg in enumerate(term.args):
        if arg in found:
            mask = block.apply(is_taken(term.row, position), term.args)
            chosen = block.apply(WHERE, [mask, found[arg], chosen])
    return chosen
