"""The gradient of an array as a formula in other arrays, and what people write in its place.

The formula is the textbook's derivative in symbols, da · a (1 − a), or a multiple of a difference of two
arrays, as for a softmax with its cross-entropy. People make the same slips in it as in a spreadsheet.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np

from ..engine.primitives import TABLE
from ..spreadsheet.expected import evaluate, names_in
from ..spreadsheet.mutations import reshaped, with_holes, written
from ..symbolic import Apply, Expression, Number, Symbol
from .tape import Array, Family, Link, Tape

__all__ = ["Formula", "elementwise", "exchanges", "gradient_formulas"]

_NEAR = 1e-9
_MOST_PAIRS = 400
_EVIDENCE = 3  # numbers that tell a factor which means nothing


def exchanges(formula: Expression, names: Collection[str]) -> Iterator[tuple[Expression, str, str]]:
    """With another name in some of the places of one, or in all: the formula, the one, the other."""
    for hole, stood, _, with_hole in with_holes(formula):
        for other in names:
            if other != stood.text:
                put = {hole: Symbol(other)}
                yield with_hole.substituted(functools.partial(_filled, put)), stood.text, other


def _filled(put: Mapping[Symbol, Symbol], each: Symbol) -> Symbol:
    return put.get(each, each)


@dataclass(frozen=True, eq=False)
class Formula:
    """The gradient of a family, or what comes back by one way.

    Attributes
    ----------
    right : the formula, in symbols named as the arrays.
    arrays : every array of this shape by name: values, and gradients with a d.
    rest : the rest of the gradient.
    name : the gradient's name.
    kind : ``"derivative"`` by the chain rule, ``"gradient"`` by a difference.
    """

    family: Family
    right: Expression
    arrays: dict[str, Array]
    rest: Array
    name: str
    kind: str

    def slips(self) -> Iterator[tuple[str, Array, float]]:
        """Words, the numbers of the gradient, and how far-fetched the slip is."""
        name, whole = self.name, written(self.right)
        for mutation in reshaped(self.right):
            yield (
                f"in {name} = {whole}, {mutation.words}",
                self._numbers(mutation.formula),
                mutation.cost - 0.1,
            )
        for exchanged, text, other in exchanges(self.right, self.arrays):
            words = f"in {name} = {whole}, {other} stands where {text} belongs"
            yield words, self._numbers(exchanged), 1.1

    def with_numbers(self, arrays: Mapping[str, Array]) -> Array:
        """The gradient with other numbers in some arrays."""
        return self._numbers(self.right, arrays)

    def _numbers(self, formula: Expression, arrays: Mapping[str, Array] = MappingProxyType({})) -> Array:
        with np.errstate(all="ignore"):
            found = np.broadcast_to(evaluate(formula, {**self.arrays, **arrays}), self.rest.shape)
        return found + self.rest

    def holds(self, expected: Array) -> bool:
        """Whether it is the gradient."""
        found = self._numbers(self.right)
        size = float(np.abs(expected).max(initial=0.0))
        return bool((np.abs(found - expected) <= _NEAR * size).all())


def gradient_formulas(tape: Tape) -> Iterator[Formula]:
    """The formulas that give the right numbers."""
    known: dict[tuple[int, ...], dict[str, Array]] = {}
    for family in tape.families:
        if family.array and family.ids.shape not in known:
            known[family.ids.shape] = _arrays(tape, family.ids.shape)
    for link in tape.links:
        if link.head.array and link.tail.array and elementwise(tape, link):
            arrays = known[link.tail.ids.shape]
            for right in _by_chain_rule(tape, link):
                if set(names_in(right)) <= set(arrays):
                    gradient, name = tape.right.adjoints[link.tail.ids], tape.gradient_words(link.tail)
                    rest = gradient - tape.through(link)[link.tail.ids]
                    formula = Formula(link.tail, right, arrays, rest, name, "derivative")
                    if formula.holds(gradient):
                        yield formula
    for family in tape.families:
        if family.array and family.row is not None:
            yield from _by_difference(tape, family, known[family.ids.shape])


def _arrays(tape: Tape, shape: tuple[int, ...]) -> dict[str, Array]:
    found: dict[str, Array] = {}
    alike = [family for family in tape.families if family.array and family.ids.shape == shape]
    for family in sorted(alike, key=lambda each: not each.name):
        found.setdefault(tape.words(family), tape.right.data[family.ids])
    for family in sorted(alike, key=lambda each: not each.name):
        found.setdefault(tape.gradient_words(family), tape.right.adjoints[family.ids])
    if len(shape) == 2:
        for name, labels in tape.recording.labels.items():
            if labels.shape == shape[:1] and labels.min(initial=0) >= 0 and labels.max(initial=0) < shape[1]:
                found.setdefault(f"onehot({name})", np.eye(shape[1])[labels])
    return found


def elementwise(tape: Tape, link: Link) -> bool:
    """Whether each number of the head depends on the number of the tail in its place alone."""
    if link.head.ids.shape != link.tail.ids.shape or len(link.positions) != 1 or link.row.vectors:
        return False
    (own,) = link.positions
    others = [turn for place, turn in enumerate(link.head.reads) if place != own]
    if not all(tape.families[turn].number for turn in others):
        return False
    place = {int(node): at for at, node in enumerate(link.tail.ids.ravel())}
    where = {int(node): at for at, node in enumerate(link.head.ids.ravel())}
    return all(
        where.get(int(head)) == place.get(int(tail), -1)
        for at, masks in link.masks.items()
        for head, tail in zip(tape.stages[at].heads[masks[own]], tape.stages[at].tails[own][masks[own]])
    )


def _by_chain_rule(tape: Tape, link: Link) -> Iterator[Expression]:
    """dy · f′, with f′ in y and x as in a textbook, and with f(x) for y."""
    row, (own,) = link.row, link.positions
    if row.name in ("add", "sub", "neg", "sum", "mean"):
        return
    number = tape.number_read(link.head)
    x, y = Symbol(tape.words(link.tail)), Symbol(tape.words(link.head))
    operands: list[Any] = [
        x if place == own else number and number[1] for place in range(len(link.head.reads))
    ]
    if None in operands:
        return
    upstream = Symbol(tape.gradient_words(link.head))
    for rule in (row.textbook, row.partials):
        if rule is not None:
            for of in (y, row(*operands)):
                slope = rule(of, *operands)[own]
                yield upstream * slope


def _by_difference(tape: Tape, family: Family, arrays: dict[str, Array]) -> Iterator[Formula]:
    """c · (a − b) for two arrays of values."""
    gradient = tape.right.adjoints[family.ids]
    gradients = {tape.gradient_words(each) for each in tape.families if each.array}
    values = {
        name: each for name, each in arrays.items() if name not in gradients and np.isfinite(each).all()
    }
    if not np.isfinite(gradient).all() or not gradient.any():
        return
    for (name, a), (other, b) in itertools.islice(itertools.combinations(values.items(), 2), _MOST_PAIRS):
        difference = a - b
        size = float((difference * difference).sum())
        c = float((difference * gradient).sum()) / size if size else 0.0
        if not c or (np.unique(gradient).size < _EVIDENCE and abs(c) not in (0.5, 1.0, 2.0)):
            continue
        if np.abs(gradient - c * difference).max() <= _NEAR * np.abs(gradient).max():
            apart = Symbol(other) - Symbol(name) if c < 0 else Symbol(name) - Symbol(other)
            c, divisor = abs(c), round(1.0 / abs(c))
            wholes = [apart if abs(c - 1.0) <= _NEAR else c * apart]
            if divisor > 1 and abs(c * divisor - 1.0) < _NEAR:
                wholes = [apart / float(divisor)]
            for length in gradient.shape[:1]:  # 2 (y − t) / N, as people write it for a mean of squares
                if abs(c * length - 2.0) < _NEAR:
                    doubled = Apply(TABLE["mul"], (Number(2.0), apart))
                    wholes.append(Apply(TABLE["div"], (doubled, Number(float(length)))))
            nothing, gradient_name = np.zeros(gradient.shape), tape.gradient_words(family)
            for whole in wholes:
                formula = Formula(family, whole, arrays, nothing, gradient_name, "gradient")
                if formula.holds(gradient):
                    yield formula
            return
