"""A recorded network as formulas: every quantity of every row of a table at once, with its uncertainty.

The graph is recorded once; its forward formulas and its derivatives come from the engine's own outline of
it (see `autograd.symbolic`). They are evaluated on arrays, one number for each row. A number that
was printed is only known to half of its last digit, and one that was computed to a few units in the last
place: how far that can carry is found by moving each operand as far as it may be off.
"""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ..engine.messages import describe
from ..engine.primitives import TABLE
from ..engine.replay import replay
from ..engine.value import Value
from ..symbolic import Apply, Expression, Number, Outline, Step, Symbol
from .vocabulary import RATE, derivative, split_derivative

__all__ = [
    "RATES", "Estimate", "Network", "applied", "descended", "evaluate", "leaves_to_train", "names_in",
    "propagated", "shortest",
]  # fmt: skip

RATES = (0.1, 0.2, 0.5, 0.8, 1.0, 2.0)
"""The learning rates that courses compare."""

Array = npt.NDArray[np.float64]
_LETTERS = re.compile(r"[^\W\d_]+")
_POINTS, _SHORT = 5, 3  # on which parts of a formula are compared, and the names in one that is left
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

    def moved_down(self, value: float = math.nan, error: float = 0.0) -> Estimate:
        """Each number one row further down, below a first one with that value and error."""
        return Estimate(
            np.concatenate([[value], self.value[:-1]]), np.concatenate([[error], self.error[:-1]])
        )


def shortest(number: float, slack: float) -> float | None:
    """The number with the fewest digits, at most 7, that is so near; None if there is none."""
    shorter = (float(f"{number:.{digits}g}") for digits in range(1, 8))
    return next((short for short in shorter if abs(short - number) <= slack), None)


@functools.lru_cache(maxsize=4096)
def names_in(formula: Expression) -> tuple[str, ...]:
    """The names in a formula, each once."""
    return tuple(dict.fromkeys(symbol.text for symbol in formula.symbols()))


@functools.lru_cache(maxsize=4096)
def _steps(formula: Expression) -> list[tuple[Any, Sequence[Any]]]:
    """The parts of a formula, each after its operands, with the places of these; a tuple for a sequence."""
    steps: list[tuple[Any, Sequence[Any]]] = []

    def step(part: Expression, operands: Sequence[Any] = ()) -> int:
        steps.append((part, operands))
        return len(steps) - 1

    formula.fold(step, step)
    return steps


def evaluate(formula: Expression, values: Mapping[str, Array | float]) -> Any:
    """What the formula comes to on numbers by name: floats, or arrays of one shape."""
    found: list[Any] = []
    for part, operands in _steps(formula):
        if isinstance(part, Apply):
            numbers = [
                found[each] if type(each) is int else tuple([found[one] for one in each]) for each in operands
            ]
            found.append(applied(part, numbers))
        else:
            found.append(part.data if isinstance(part, Number) else values[part.text])
    return found[-1]


def applied(each: Apply, operands: list[Any]) -> Any:
    """What an application comes to on floats or arrays."""
    return each.row(*operands) if each.row.vectors else each.row.array(*operands)


def propagated(formula: Expression, known: Mapping[str, Estimate]) -> Estimate:
    """The formula on numbers that may be off, and how far the result may be off: Σ |f(x + δ) − f(x)|."""
    names = names_in(formula)
    if not names:
        shape = np.shape(next(iter(known.values())).value)
        return Estimate(np.full(shape, evaluate(formula, {})), np.zeros(shape))
    count = 1 + len(names)
    values: dict[str, Array | float] = {}
    for position, name in enumerate(names, 1):
        moved = np.empty((count, len(known[name].value)))
        moved[:] = known[name].value
        moved[position] += known[name].error + _ULPS * np.abs(known[name].value)
        values[name] = moved
    results = np.broadcast_to(evaluate(formula, values), (count, *known[names[0]].value.shape))
    error = np.abs(results[1:] - results[0]).sum(axis=0) + _ULPS * np.abs(results[0])
    return Estimate(results[0].copy(), error)


def descended(weight: Expression, rate: Expression, gradient: Expression) -> Expression:
    """The rule of gradient descent, w − η ∂E/∂w; its shape stays whatever the gradient is."""
    return Apply(TABLE["sub"], (weight, Apply(TABLE["mul"], (rate, gradient))))


class Network:
    """The formulas of a recorded network.

    Parameters
    ----------
    nodes : the labelled nodes of a recorded graph by label, each after its parents.
    output : the name of the loss.
    weights : the leaves that every update changes.
    biases : the leaves that only change where a sheet has a gradient for them.
    targets : the leaves that only the loss reads.
    alike : names that are of one kind though they begin differently: ``{"o": "h"}``.
    unnamed : nodes without a label: no sheet need have a column for them.
    """

    def __init__(
        self,
        nodes: Mapping[str, Value],
        output: str,
        weights: Collection[str],
        biases: Collection[str] = (),
        targets: Collection[str] = (),
        alike: Mapping[str, str] | None = None,
        unnamed: Collection[str] = (),
    ) -> None:
        self.nodes, self.output, self.biases = nodes, output, tuple(biases)
        self.weights, self.targets = frozenset(weights), frozenset(targets)
        self._alike, self.unnamed = alike or {}, frozenset(unnamed)
        self.leaves = [name for name, node in nodes.items() if node.primitive is None]
        self.trained = [name for name in self.leaves if name in weights or name in biases]
        self._symbols = {name: Symbol(name) for name in nodes}
        outline = Outline(nodes[output], [nodes[name] for name in self.leaves], branches=True)
        computed = [name for name, node in nodes.items() if node in outline.formulas]
        # How each quantity is computed, each after those that it needs.
        self.formulas = {name: self._own(outline.formulas[nodes[name]]) for name in computed}
        self.losses = {output, *targets}  # then what needs a target, and the output
        for name, formula in self.formulas.items():
            if not self.losses.isdisjoint(names_in(formula)):
                self.losses.add(name)
        self.losses -= self.targets

    def _own(self, formula: Expression) -> Expression:
        return formula.substituted(lambda symbol: self.symbol(symbol.text))

    def symbol(self, name: str) -> Symbol:
        """The one symbol of that name."""
        return self._symbols.setdefault(name, Symbol(name))

    def __contains__(self, name: str) -> bool:
        """Whether the network has the quantity, or both quantities of a derivative."""
        pair = split_derivative(name)
        return name in self.nodes if pair is None else pair[0] in self.formulas and pair[1] in self.nodes

    def at(self, numbers: Mapping[str, float]) -> dict[str, Value]:
        """The graph recorded anew, with these numbers in its leaves."""
        fresh = replay(list(self.nodes.values()), {self.nodes[name]: x for name, x in numbers.items()})
        found = {name: fresh[node] for name, node in self.nodes.items()}
        for name, node in found.items():
            node.label = name
        return found

    def gradient(self, weight: str) -> str:
        """The name of the gradient of the loss for a weight."""
        return derivative(self.output, weight)

    def update(self, weight: str) -> Expression:
        """The weight after an update, in symbols: w − η ∂E/∂w."""
        return descended(self.symbol(weight), self.symbol(RATE), self.symbol(self.gradient(weight)))

    def kind(self, name: str) -> str:
        """What people may take it for: one name of the same kind for another."""
        pair = split_derivative(name)
        if pair is not None:
            return f"∂{self.kind(pair[0])}/∂{self.kind(pair[1])}"
        letters = _LETTERS.match(name)
        return self._alike.get(letters[0], letters[0]) if letters else name

    @functools.cache  # noqa: B019  # a network lives as long as its problem
    def steps(self, top: str, bottom: str) -> list[Step]:
        """The engine's steps from the one quantity back to the other; none where there is no path."""
        outline = Outline(self.nodes[top], [self.nodes[bottom]], branches=True)
        steps = outline.steps()
        if outline.opaque:
            raise ValueError(
                f"the partials of {', '.join(outline.opaque)} are not plain arithmetic, so no cell can be "
                "compared with them: write them in arithmetic and other primitives"
            )
        return steps

    @functools.cache  # noqa: B019  # a network lives as long as its problem
    def closed(self, name: str) -> Expression:
        """A derivative in closed form; of one that is too long for that, by derivatives nearer the output."""
        steps = self.steps(*self.pair(name))
        return self._own(steps[-1].closed) if steps else Number(0.0)

    @functools.cache  # noqa: B019  # a network lives as long as its problem
    def simple(self, name: str) -> Expression:
        """A derivative in closed form, with p − t where people write that, as for softmax and cross-entropy.

        The two are equal where the targets add up to 1; parts are compared on random numbers that do.
        """
        closed = self.closed(name)
        drawn, targets = np.random.default_rng(0), sorted(self.targets)
        values: dict[str, Any] = {leaf: drawn.normal(size=_POINTS) for leaf in self.leaves}
        values |= dict(zip(targets, drawn.dirichlet(np.ones(max(len(targets), 1)), _POINTS).T))
        with np.errstate(all="ignore"):
            for each, formula in self.formulas.items():
                values[each] = evaluate(formula, values)
            for each in self.with_needed(each for each in names_in(closed) if split_derivative(each)):
                values[each] = evaluate(self.closed(each), values)
            differences = {
                self.symbol(one) - self.symbol(other): values[one] - values[other]
                for one in self.formulas
                if one not in self.losses
                for other in targets
            }

            def simpler(each: Apply, operands: list[Expression]) -> Expression:
                whole = Apply(each.row, tuple(operands))
                value = evaluate(each, values)
                near = (new for new, x in differences.items() if np.allclose(value, x, rtol=1e-9, atol=1e-12))
                return next(near, whole) if each.size > _SHORT else whole

            found: Expression = closed.fold(lambda leaf: leaf, simpler)
            return found

    def with_needed(self, names: Iterable[str]) -> list[str]:
        """These derivatives and those that their closed forms refer to, each after those that it needs."""
        found: dict[str, None] = {}
        pending = list(names)[::-1]
        while pending:
            needed = [each for each in names_in(self.closed(pending[-1])) if split_derivative(each)]
            missing = [each for each in needed if each not in found]
            if missing:
                pending += missing
            else:
                found[pending.pop()] = None
        return list(found)

    @functools.cache  # noqa: B019  # a network lives as long as its problem
    def chain(self, name: str, printed: frozenset[str]) -> Expression:
        """A derivative by the chain rule, Σ ∂top/∂reader · ∂reader/∂bottom, from what is printed."""
        top, bottom = self.pair(name)
        total: Expression = Number(0.0)
        for reader in self.readers(name):
            outer = derivative(top, reader)
            above: Expression = self.symbol(outer)
            if outer not in printed and any(derivative(top, each) in printed for each in self.readers(outer)):
                above = self.chain(outer, printed)
            total = total + above * self.symbol(derivative(reader, bottom))
        return total

    @functools.cache  # noqa: B019  # a network lives as long as its problem
    def split(self, name: str) -> Expression:
        """A derivative by the parts of its top, where there are any: Σ ∂top/∂part · ∂part/∂bottom."""
        top, bottom = self.pair(name)
        total: Expression = Number(0.0)
        for part in self.parts(top):
            total = total + self.closed(derivative(top, part)) * self.symbol(derivative(part, bottom))
        return total

    def inside(self, name: str) -> str:
        """The one operand of a quantity that is a function of a name: h1 of a_h1 = σ(h1); else ``""``."""
        formula = self.formulas.get(name)
        one = formula.operands[0] if isinstance(formula, Apply) and len(formula.operands) == 1 else None
        return one.text if isinstance(one, Symbol) else ""

    def parts(self, top: str) -> list[str]:
        """The quantities that a quantity is the sum of, or the mean: its derivative by each is a number."""
        names = [name for name in names_in(self.formulas[top]) if name in self.formulas]
        return [name for name in names if isinstance(self.closed(derivative(top, name)), Number)]

    def readers(self, name: str) -> list[str]:
        """The quantities that the chain rule for a derivative goes through, apart from the top itself."""
        top, bottom = self.pair(name)
        terms = [term for step in self.steps(top, bottom)[-1:] for term in step.terms]
        return [reader.name.text for reader, _, _ in terms if reader.name.text != top]

    @staticmethod
    def pair(name: str) -> tuple[str, str]:
        pair = split_derivative(name)
        assert pair is not None, name
        return pair

    def formula(self, name: str) -> Expression:
        """How a quantity is computed, or a derivative in closed form."""
        return self.closed(name) if split_derivative(name) else self.formulas[name]

    def in_order(self, names: Iterable[str]) -> list[str]:
        """Derivatives sorted so that each comes after what it is computed from."""
        forward = {name: turn for turn, name in enumerate(self.formulas)}

        def key(name: str) -> tuple[bool, int, int]:
            top, bottom = self.pair(name)
            return top == self.output, -forward.get(bottom, -1), forward[top]

        return sorted(names, key=key)


def leaves_to_train(name: str, output: Any, wrt: Any) -> list[Value]:
    """The leaves of `wrt`, checked for the function of that name."""
    if not isinstance(wrt, (Value, Iterable)):
        raise TypeError(
            f"{name}: wrt must be a Value or a sequence of them, got {type(wrt).__name__}: {wrt!r:.60}"
        )
    targets = [wrt] if isinstance(wrt, Value) else list(wrt)
    for what, given in [("output", output), *[("each of wrt", target) for target in targets]]:
        if not isinstance(given, Value):
            raise TypeError(f"{name}: {what} must be a Value, got {type(given).__name__}: {given!r:.60}")
    if not targets:
        raise ValueError(f"{name}: wrt is empty, so there is nothing to train: give the weights")
    for target in targets:
        if target.primitive is not None:
            raise ValueError(f"{name}: {target!r} was computed; wrt takes the leaves that are trained")
        if targets.count(target) > 1:
            raise ValueError(f"{name}: wrt names {describe(target)} twice")
    return targets
