"""A recorded network as formulas: every quantity of every row of a table at once, with its uncertainty.

The graph is recorded once; its forward formulas and its derivatives come from the engine's own outline of
it (see `autograd.symbolic`). They are evaluated on arrays, one number for each row. A number that
was printed is only known to half of its last digit, and one that was computed to a few units in the last
place: how far that can carry is found by moving each operand as far as it may be off.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ..engine.graph import topological_order
from ..engine.value import Value
from ..symbolic import Apply, Expression, Number, Outline, Step, Symbol
from .vocabulary import derivative, split_derivative

__all__ = ["Estimate", "Network", "evaluate", "names_in", "propagated", "substituted"]

Array = npt.NDArray[np.float64]
Recorder = Callable[[Mapping[str, float]], dict[str, Value]]

_ULPS = 2e-15  # what one formula may be off by, relatively, in a program whose arithmetic is like ours


@dataclass
class Estimate:
    """Numbers, one for each row, and how far each may be off. A number that is not known is nan."""

    value: Array
    error: Array

    def where(self, condition: npt.NDArray[np.bool_], other: Estimate) -> Estimate:
        """This one where the condition holds, else the other."""
        return Estimate(
            np.where(condition, self.value, other.value), np.where(condition, self.error, other.error)
        )

    def take(self, rows: Any) -> Estimate:
        return Estimate(self.value[rows], self.error[rows])


def names_in(formula: Expression) -> list[str]:
    """The names in a formula, each once."""
    return [symbol.text for symbol in formula.symbols()]


def substituted(formula: Expression, replacement: Callable[[Symbol], Expression]) -> Expression:
    """The formula with each symbol replaced; its shape stays as it is."""
    if isinstance(formula, Symbol):
        return replacement(formula)
    if isinstance(formula, Apply):
        return Apply(formula.row, tuple(substituted(each, replacement) for each in formula.operands))
    return formula


def total(terms: Iterable[Expression]) -> Expression:
    """The sum of the terms, from the left."""
    return functools.reduce(lambda a, b: a + b, terms)


def evaluate(formula: Expression, values: Mapping[str, Array | float]) -> Any:
    """What the formula comes to on arrays of numbers, by IEEE 754."""

    def run(part: Expression) -> Any:
        if isinstance(part, Symbol):
            return values[part.text]
        if isinstance(part, Number):
            return part.data
        assert isinstance(part, Apply)
        return part.row.array(*map(run, part.operands))

    return run(formula)


def propagated(formula: Expression, known: Mapping[str, Estimate]) -> Estimate:
    """The formula on numbers that may be off, and how far the result may be off: Σ |f(x + δ) − f(x)|."""
    names = names_in(formula)
    if not names:
        shape = np.shape(next(iter(known.values())).value)
        return Estimate(np.full(shape, evaluate(formula, {})), np.zeros(shape))
    count = 1 + len(names)
    values: dict[str, Array | float] = {}
    for position, name in enumerate(names, 1):
        moved = np.tile(known[name].value, (count, 1))
        moved[position] += known[name].error + _ULPS * np.abs(known[name].value)
        values[name] = moved
    results = np.broadcast_to(evaluate(formula, values), (count, *known[names[0]].value.shape))
    error = np.abs(results[1:] - results[0]).sum(axis=0) + _ULPS * np.abs(results[0])
    return Estimate(results[0].copy(), error)


class Network:
    """The formulas of a recorded network.

    Attributes
    ----------
    leaves : what is given: the names of inputs, targets, weights and biases.
    formulas : of each other quantity how it is computed, each after those that it needs.
    trained : the weights and biases that have a gradient.
    output : the name of the loss.
    """

    def __init__(self, record: Recorder, example: Mapping[str, float]) -> None:
        self.record = record
        nodes = record(example)
        self._nodes = nodes
        self.leaves = [name for name, node in nodes.items() if node.primitive is None]
        self.output = list(nodes)[-1]
        self.trained = [name for name in self.leaves if name[0] in "wb"]
        self._symbols = {name: Symbol(name) for name in nodes}
        outline = Outline(nodes[self.output], [nodes[name] for name in self.leaves])
        computed = [name for name, node in nodes.items() if node in outline.formulas]
        self.formulas = {name: self._own(outline.formulas[nodes[name]]) for name in computed}

    def _own(self, formula: Expression) -> Expression:
        return substituted(formula, lambda symbol: self.symbol(symbol.text))

    def symbol(self, name: str) -> Symbol:
        """The one symbol of that name."""
        return self._symbols.setdefault(name, Symbol(name))

    def __contains__(self, name: str) -> bool:
        """Whether the network has that quantity, or both of which it is a derivative."""
        pair = split_derivative(name)
        return name in self._nodes if pair is None else pair[0] in self.formulas and pair[1] in self._nodes

    @functools.cache  # noqa: B019  # a network lives as long as the check of one sheet
    def steps(self, top: str, bottom: str) -> list[Step]:
        """The engine's steps from the one quantity back to the other; none where there is no path."""
        above, below = self._nodes[top], self._nodes[bottom]
        if below not in self._below(top):
            return []
        return Outline(above, [below]).steps()

    @functools.cache  # noqa: B019  # a network lives as long as the check of one sheet
    def _below(self, name: str) -> set[Value]:
        """All that a quantity is computed from, and itself."""
        return set(topological_order(self._nodes[name]))

    @functools.cache  # noqa: B019  # a network lives as long as the check of one sheet
    def closed(self, name: str) -> Expression:
        """A derivative in closed form."""
        top, bottom = self.pair(name)
        steps = self.steps(top, bottom)
        if not steps or steps[-1].name.text != bottom:
            return Number(0.0)
        return self._own(steps[-1].closed)

    @functools.cache  # noqa: B019  # a network lives as long as the check of one sheet
    def chain(self, name: str) -> Expression:
        """A derivative by one step of the chain rule: Σ ∂top/∂reader · ∂reader/∂bottom."""
        top, bottom = self.pair(name)
        terms: list[Expression] = [
            self.symbol(derivative(top, reader.name.text)) * self.symbol(derivative(reader.name.text, bottom))
            for reader in self.readers(name)
        ]
        return total(terms) if terms else Number(0.0)

    def readers(self, name: str) -> list[Step]:
        """The steps that the chain rule for a derivative goes through, apart from the output itself."""
        top, bottom = self.pair(name)
        steps = self.steps(top, bottom)
        if not steps or steps[-1].name.text != bottom:
            return []
        return [reader for reader, _, _ in steps[-1].terms if reader.name.text != top]

    @staticmethod
    def pair(name: str) -> tuple[str, str]:
        pair = split_derivative(name)
        assert pair is not None, name
        return pair

    def formula(self, name: str) -> Expression:
        """How a quantity is computed, or a derivative in closed form."""
        return self.closed(name) if split_derivative(name) else self.formulas[name]

    def in_order(self, names: Iterable[str]) -> list[str]:
        """The names sorted so that each comes after what it is computed from."""
        forward = {name: turn for turn, name in enumerate(self.formulas)}

        def key(name: str) -> tuple[int, int, int]:
            pair = split_derivative(name)
            if pair is None:
                return 0, forward.get(name, -1), 0
            top, bottom = pair
            near = len(self.formulas) - forward.get(bottom, -1)
            return 1 + (top == self.output), near, forward[top]

        return sorted(names, key=key)
