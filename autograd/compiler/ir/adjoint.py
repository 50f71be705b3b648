"""The adjoint program: reverse mode on terms, with the partials of the table.

It is the sweep of `engine.graph` on groups instead of nodes: from the output back, each term hands its
adjoint, times the partial derivatives, to the terms that it was computed from. What was broadcast to many
rows or to all examples gets the sum.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ...engine.primitives import TABLE, Primitive
from ...engine.rule import CONSTANT
from ...errors import GraphError
from .fused_rules import PULLBACK
from .nodes import ADD, MUL, Block, Indices, Shape, Term, ancestry

__all__ = ["elements_of", "gradient", "gradient_by_inputs", "is_taken", "partials_of"]

WHERE = TABLE["where"]


def gradient(block: Block, output: Term) -> Term:
    """The derivatives (P,) of the output by the parameters; each example's adjoint is ``block.seed``."""
    adjoint = block.seed if output.batched else block.over_batch(block.seed)
    return _derivatives(block, output, block.parameters, adjoint)


def gradient_by_inputs(block: Block, output: Term) -> Term:
    """The derivatives (I,) of each example's output by its own inputs."""
    return _derivatives(block, output, block.inputs, block.constant(1.0))


def _derivatives(block: Block, output: Term, leaves: Term, adjoint: Term) -> Term:
    sweep = _Sweep(block, output, leaves, adjoint)
    if leaves not in sweep.shares:
        return block.constant(np.zeros(leaves.shape))
    return block.broadcast(sweep.adjoint(leaves), leaves.shape)


class _Sweep:
    """The adjoints so far, as shares: whole terms, and with an index the rows that it names.

    `where` never differentiates the branch not taken. In a batch some examples take it and some do not,
    so what only branches read has a mask: in each row and example, how often its adjoint counts there.
    """

    def __init__(self, block: Block, output: Term, leaves: Term, adjoint: Term) -> None:
        self.block = block
        self.zero, self.one = block.constant(0.0), block.constant(1.0)
        order = ancestry([output])
        self.moving = {leaves}
        for term in order:
            if not self.moving.isdisjoint(term.args):
                self.moving.add(term)
        self.shares: dict[Term, list[tuple[Indices | None, Term]]] = {}
        self.masks: dict[Term, Term | None] = {}
        if output in self.moving:
            self._give(output, adjoint, None)
        for term in reversed(order):
            if term in self.shares and term is not leaves:
                self.mask = self.masks[term]
                self._hand_on(term, self.adjoint(term))

    def adjoint(self, term: Term) -> Term:
        """All that was handed to a term, in a shape that broadcasts to its own."""
        shares = self.shares[term]
        terms = [share for index, share in shares if index is None]
        pieces = [(index, share) for index, share in shares if index is not None]
        if pieces:
            terms.append(self.block.put(term.shape, pieces))
        return functools.reduce(lambda a, b: self.block.apply(ADD, [a, b]), terms)

    # --- from a term to its arguments

    def _hand_on(self, term: Term, adjoint: Term) -> None:
        block, args, mask = self.block, term.args, self.mask
        if term.kind == "apply":
            if term.row.select is not None:
                self._select(term, adjoint)
            else:
                self._chain_rule(term, adjoint)
        elif term.kind == "take":
            self._give(args[0], adjoint, mask, term.index)
        elif term.kind == "put":
            for index, arg in zip(term.index, args):
                share = block.take(block.broadcast(adjoint, term.shape), index)
                read = None if mask is None else block.take(block.broadcast(mask, term.shape), index)
                if term.batched and not arg.batched:
                    share, read = block.over_batch(share), None if read is None else block.over_batch(read)
                self._give(arg, share, read)
        elif term.kind in ("total", "broadcast"):
            self._give_sum(term, args[0], adjoint, mask)
        elif term.kind == "joint":
            (values,) = args
            if mask is not None:
                mask = block.broadcast(mask, term.shape)
                mask = block.total(mask) if len(term.shape) == len(values.shape) else block.stack([mask])
            share = PULLBACK[term.row.name](term, values, block.broadcast(adjoint, term.shape))
            self._give(values, self._where(mask, share), mask)
        else:
            left, right = args
            whole = block.broadcast(adjoint, term.shape, term.batched)
            across = None if mask is None else block.total(block.broadcast(mask, term.shape))
            everywhere = None if across is None else block.over_batch(block.across(across))
            by_left = lambda a, b: block.outer(b, a)  # noqa: E731  # the adjoint second in both
            by_right = functools.partial(block.product, transposed=True)
            self._give(left, self._of_taken(by_left, right, whole, mask), everywhere)
            self._give(right, self._of_taken(by_right, left, whole, mask), across)

    def _chain_rule(self, term: Term, adjoint: Term) -> None:
        row, args, block, mask = term.row, term.args, self.block, self.mask
        for i, (arg, slope) in enumerate(zip(args, partials_of(term))):
            if arg not in self.moving:
                continue
            slopes = slope if isinstance(slope, Sequence) else [slope]
            shares = [self._where(mask, block.apply(MUL, [adjoint, block.term(each)])) for each in slopes]
            if i not in row.vectors:
                self._give_sum(term, arg, shares[0], mask)
                continue
            elements = elements_of(arg)
            for index, share in zip(
                elements, shares if len(shares) == len(elements) else shares * len(elements)
            ):
                self._give(arg, *self._fitted(term, arg, share, mask, index.shape), index)

    def _select(self, term: Term, adjoint: Term) -> None:
        """The adjoint goes to the argument that was taken, and to no other."""
        for position, arg in enumerate(term.args):
            if arg in self.moving:
                if term.row is WHERE:
                    condition, *_ = term.args
                    # 1 and not the condition itself: masks are added up, and conditions may add up to 0.
                    chosen = self.zero, self.one
                    choices = chosen[::-1] if position == 1 else chosen
                    taken = self.block.apply(WHERE, [condition, *choices]) if position else self.zero
                else:
                    taken = self.block.apply(is_taken(term.row, position), term.args)
                mask = taken if self.mask is None else self.block.apply(WHERE, [taken, self.mask, self.zero])
                self._give_sum(term, arg, self._where(mask, adjoint), mask)

    def _of_taken(
        self, multiply: Callable[[Term, Term], Term], factor: Term, adjoint: Term, mask: Term | None
    ) -> Term:
        """A product with an adjoint that is 0 where the mask is: 0 · inf and 0 · nan count nothing there.

        A sum may have terms of both kinds; with a taken one that is not finite it is the plain product.
        """
        if mask is None:
            return multiply(factor, adjoint)
        choose = functools.partial(self.block.apply, WHERE)
        strange = self.block.apply(MUL, [factor, self.zero])  # nan for inf and nan, and nan is not 0
        finite = multiply(choose([strange, self.zero, factor]), adjoint)
        taken = self.block.broadcast(mask, adjoint.shape, adjoint.batched)
        touched = multiply(choose([strange, self.one, self.zero]), taken)
        return choose([touched, multiply(factor, adjoint), finite])

    def _where(self, mask: Term | None, share: Term) -> Term:
        return share if mask is None else self.block.apply(WHERE, [mask, share, self.zero])

    # --- handing on

    def _give(self, arg: Term, share: Term, mask: Term | None, index: Indices | None = None) -> None:
        """A share for an argument, in a shape that broadcasts to its own, or to that of its rows `index`."""
        if arg not in self.moving:
            return
        block = self.block
        if index is not None and index.size == arg.size and (index.reshape(-1) == np.arange(arg.size)).all():
            share = block.reshape(block.broadcast(share, index.shape), arg.shape)
            if mask is not None:
                mask = block.reshape(block.broadcast(mask, index.shape), arg.shape)
            index = None
        if index is not None:
            share = block.broadcast(share, index.shape)
            if mask is not None:
                mask = block.put(arg.shape, [(index, block.broadcast(mask, index.shape))])
        known = self.masks.get(arg, self.zero)
        if mask is None or known is None:
            self.masks[arg] = None
        else:
            self.masks[arg] = mask if known is self.zero else block.apply(WHERE, [known, self.one, mask])
        self.shares.setdefault(arg, []).append((index, share))

    def _give_sum(self, term: Term, arg: Term, share: Term, mask: Term | None) -> None:
        """A share for an argument that was broadcast to the shape of the term."""
        self._give(arg, *self._fitted(term, arg, share, mask, arg.shape))

    def _fitted(
        self, term: Term, arg: Term, share: Term, mask: Term | None, shape: Shape
    ) -> tuple[Term, Term | None]:
        """A share and its mask, in the shape of the term, added up to what was broadcast to it."""
        fitted = self._sum_to(shape, arg.batched, share, term)
        return fitted, None if mask is None else self._sum_to(shape, arg.batched, mask, term)

    def _sum_to(self, shape: Shape, batched: bool, share: Term, term: Term) -> Term:
        """A share in the shape of `term`, or one that broadcasts to it, added up along axes of length 1."""
        block = self.block
        for axis, (length, own) in enumerate(zip(term.shape, shape, strict=True)):
            if own == 1 and length != 1:
                if share.shape[axis] == 1:
                    share = block.apply(MUL, [share, block.constant(float(length))])
                else:
                    share = block.total(share) if axis == 0 else block.across(share)
        return block.over_batch(share) if term.batched and not batched else share


def partials_of(term: Term) -> Sequence[Any]:
    """The partials of a term's row, a `Term` or a number for each argument; of a sequence one or a list."""
    row, block = term.row, term.block
    if row.left == CONSTANT:  # so are they all
        return row.partials(term, *term.args)
    operands = [
        [block.take(arg, index) for index in elements_of(arg)] if i in row.vectors else arg
        for i, arg in enumerate(term.args)
    ]
    try:
        return row.partials(term, *operands)
    except TypeError as error:
        raise GraphError(
            f"the partials of the primitive {row.name} do not run on arrays of numbers not known yet: write "
            "them in arithmetic and other primitives, a branch as where(...), without if, math. and np."
        ) from error


def elements_of(arg: Term) -> list[Indices]:
    """For each element of a sequence, which is the first axis, its rows."""
    return list(np.arange(arg.size, dtype=np.intp).reshape(arg.shape))


@functools.cache
def is_taken(row: Primitive, position: int) -> Primitive:
    """Whether a row that selects takes the argument at a position, as 0 or 1: not a row of the table."""

    def forward(*args: float) -> float:
        return float(row.select(*args) == position)  # type: ignore[misc]  # it does select

    return Primitive(
        name=f"{row.name} takes argument {position}",
        forward=forward,
        partials=lambda y, *args: (0.0,) * len(args),
        array=np.vectorize(forward, otypes=[float]),
        symbol="?",
    )
