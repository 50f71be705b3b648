"""The graph as named nodes and formulas between them.

The rules of the table run on symbols (see `expressions`), so the formulas are what the engine computed.
Names are the user's labels. Unlabelled arithmetic that one labelled node reads is inlined in its formula, as
one writes it by hand: E1 = ½ (t1 − a_o1)² is one step.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Iterable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any

from ..engine.graph import edges, numbers_of, reverse_sweep, topological_order
from ..engine.primitives import TABLE, Primitive
from ..engine.replay import depending
from ..engine.value import Value
from ..files import encoded, shortened
from .expressions import OPERATORS, Apply, Expression, Number, Symbol, as_expression, faithful, is_masked
from .notations import LATEX, TEXT, in_cells

__all__ = ["Outline", "Step", "derivative"]

_INLINE = 12  # the most names in a formula whose parts have no lines of their own
_LONGEST_NAME = 200  # letters
_CLOSED = 60  # the most names in a closed form without derivatives nearer the output
_CLOSE = 1e-13  # the relative error at which a formula reproduces the engine's number


@dataclass(eq=False)
class Step:
    """A named node on the way from the differentiated node to the output.

    Attributes
    ----------
    node : the `Value`.
    name : its symbol.
    formula : its value in other named nodes; None for a leaf.
    terms : the sum that its derivative is: each step that reads it, with that step's partial derivative by
        it as a formula and as a number.
    adjoint : the derivative of the output by this node, a number.
    derivative : the symbol of the adjoint, such as ∂E/∂a_h1.
    closed : the adjoint as a formula in names of nodes; a long one has derivatives nearer the output too.
    paths : the number of paths from the node to the output.
    turn : its index in the forward pass.
    """

    node: Value
    name: Symbol
    derivative: Symbol
    turn: int
    formula: Expression | None = None
    terms: list[tuple[Step, Expression, float]] = field(default_factory=list)
    adjoint: float = 0.0
    closed: Expression = field(default_factory=lambda: Number(0.0))
    paths: int = 0


class Outline:
    """The graph as named nodes and formulas between them.

    Parameters
    ----------
    output, wrt : the output, and the nodes to differentiate by.
    branches : whether formulas hold for both branches of a `where`, not only for the recorded one.
    inline : whether unlabelled arithmetic is inlined in the formula of its reader; else it has a name too.
    computed : whether forward formulas keep the order of the engine's operations, for a computer.
    reserved : names that no node may have.

    Attributes
    ----------
    order : all nodes of the graph, each after its parents.
    names : the symbols of named nodes. An unlabelled node that equals another, such as 0 + h, has none.
    expressions : each node in a formula: a symbol, its number, or its formula.
    formulas : the formula of each named node that was computed.
    values : the number of each symbol.
    opaque : the rows whose partials are no formula; their numbers are written instead.
    """

    def __init__(
        self,
        output: Value,
        wrt: Sequence[Value],
        branches: bool = False,
        inline: bool = True,
        computed: bool = False,
        reserved: Iterable[str] = (),
    ) -> None:
        self.output, self.wrt, self._branches, self._computed = output, wrt, branches, computed
        self.order = topological_order(output)
        known = set(self.order)
        if strangers := [node for node in wrt if node not in known]:
            self.order = topological_order(*strangers, output)
        self.values: dict[Symbol, float] = {}
        self.names: dict[Value, Symbol] = {}
        self.expressions: dict[Value, Expression] = {}
        self.formulas: dict[Value, Expression] = {}
        self.opaque: dict[str, None] = {}
        self._depending = depending(self.wrt, self.order, self._reads)
        self._name(self._find_parts() if inline else set(), inline, reserved)

    def text(self, node: Value) -> str:
        return TEXT.write(self.expressions[node])

    def _reads(self, node: Value) -> Sequence[Value]:
        """The parents that determine the node's number; a `where` reads the branch that it took."""
        row = node.primitive
        if row is None or row.select is None or self._branches:
            return node.parents
        return (node.parents[row.select(*map(numbers_of, node.operands))],)

    def _times(self, adjoint: float, partial: float) -> float:
        """Their product; 0 behind a branch not taken, whatever the partial there."""
        return adjoint * partial if adjoint or not self._branches else 0.0

    def _find_parts(self) -> set[Value]:
        """The nodes that may be inlined in the formula of their only reader."""
        readers: dict[Value, list[Value]] = {node: [] for node in self.order}
        for node in self.order:
            for parent in node.parents:
                readers[parent].append(node)
        parts: set[Value] = set()
        for node in reversed(self.order):
            inner = node.op in OPERATORS and not node.label and node not in (self.output, *self.wrt)
            if inner and len(readers[node]) == 1 and (readers[node][0].label or readers[node][0] in parts):
                parts.add(node)
        return parts

    def _name(self, parts: set[Value], inline: bool, reserved: Iterable[str]) -> None:
        shown = {self.output, *self.wrt}
        short = {node: shortened(node.label, _LONGEST_NAME) for node in self.order}
        labels = set(short.values())
        for label in labels:
            encoded(label)  # or an error
        numbers: dict[str, Iterator[int]] = {name: itertools.count(2) for name in reserved}

        def free_name(label: str) -> str:
            """The label, with a number from its second node on; without a label v1, v2 and so on."""
            if label and label not in numbers:
                numbers[label] = itertools.count(2)
                return label
            stem = f"{label}_" if label else "v"
            names = (f"{stem}{k}" for k in numbers.setdefault(label, itertools.count(1)))
            return next(name for name in names if name not in labels)

        for node in self.order:
            if node.constant and node not in shown:
                self.expressions[node] = Number(node.data)
                continue
            formula = None if node.primitive is None else self._formula(node)
            unchanged = inline and not node.label and node not in shown and not isinstance(formula, Apply)
            if formula is not None and (unchanged or (node in parts and formula.size <= _INLINE)):
                self.expressions[node] = formula
                continue
            symbol = Symbol(free_name(short[node]))
            self.expressions[node] = self.names[node] = symbol
            self.values[symbol] = node.data
            if formula is not None:
                self.formulas[node] = formula

    def _formula(self, node: Value) -> Expression:
        assert node.primitive is not None
        with faithful() if self._computed else nullcontext():
            return Expression.__primitive__(node.primitive, self._arguments(node))

    def _arguments(self, node: Value) -> list[Any]:
        known = self.expressions
        return [[known[each] for each in one] if type(one) is tuple else known[one] for one in node.operands]

    def steps(self) -> list[Step]:
        """The named nodes on the way, the output first, each with its derivative."""
        top = self.names[self.output]
        if self.output not in self._depending:
            return []
        partials: dict[Value, dict[Value, tuple[Expression, float]]] = {}
        order: list[Value] = []
        stack: list[Any] = [self.output]
        while stack:  # postorder with the last operands first, to be reversed
            node = stack.pop()
            if node is None:
                order.append(stack.pop())
            elif node not in partials:
                partials[node] = self._partials(node)
                stack += (node, None, *partials[node])
        turns = {node: turn for turn, node in enumerate(self.order)}
        steps: dict[Value, Step] = {}
        for node in reversed(order):
            name = self.names[node]
            steps[node] = Step(node, name, derivative(top, name), turns[node], self.formulas.get(node))
        steps[self.output].closed, steps[self.output].paths = Number(1.0), 1
        adjoints = {self.output: 1.0}

        def complete(node: Value) -> Iterable[tuple[Value, tuple[Expression, float]]]:
            step = steps[node]
            self.values[step.derivative] = step.adjoint = adjoints[node] + 0.0  # never −0
            if self._overflows(step):
                step.closed = self._from_nearer(step)
            return partials[node].items()

        for node, parent, (formula, partial), _ in reverse_sweep(
            order, adjoints, complete, lambda adjoint, edge: self._times(adjoint, edge[1])
        ):
            step, reached = steps[node], steps[parent]
            reached.terms.append((step, formula, partial))
            reached.closed = reached.closed + self._closed(step) * formula
            reached.paths += step.paths
        return list(steps.values())

    def _overflows(self, step: Step) -> bool:
        """Whether the closed form leaves the floats, and the sweep, which multiplies in turn, does not."""
        number = step.closed.evaluate(self.values, strict=True)
        return math.isfinite(step.adjoint) and not (math.isfinite(number) and (number or not step.adjoint))

    def _closed(self, step: Step) -> Expression:
        """The derivative by a node, as derivatives further from the output refer to it."""
        if step.closed.size <= _CLOSED:
            return step.closed
        return _behind(step.derivative) if _only_in_branches(step.closed) else step.derivative

    def _from_nearer(self, step: Step) -> Expression:
        """Its derivative as the sweep computes it, from the derivatives by its readers."""
        closed: Expression = Number(0.0)
        for reader, formula, _ in step.terms:
            outer = reader.derivative if reader.node is not self.output else Number(1.0)
            closed = closed + (_behind(outer) if _only_in_branches(reader.closed) else outer) * formula
        return closed

    def _partials(self, node: Value) -> dict[Value, tuple[Expression, float]]:
        """The derivatives of a named node by the named nodes in its formula that depend on `wrt`."""
        found: dict[Value, tuple[Expression, float]] = {}
        pending: list[tuple[Value, Expression, float]] = [(node, Number(1.0), 1.0)]
        while pending:
            reader, outer, number = pending.pop()
            if self._depending.isdisjoint(self._reads(reader)):
                continue
            for parent, formula, partial in self.edges(reader):
                if parent not in self._depending:
                    continue
                formula, partial = outer * formula, self._times(number, partial)
                if parent in self.names:
                    before, sum_before = found.get(parent, (Number(0.0), 0.0))
                    found[parent] = before + formula, sum_before + partial
                else:
                    pending.append((parent, formula, partial))
        return found

    def edges(self, node: Value) -> list[tuple[Value, Expression, float]]:
        """Each parent that a computed node reads, with the partial as a formula and as a number."""
        row, operands = node.primitive, node.operands
        assert row is not None, "a leaf has no parents"
        if row.select is not None and not self._branches:
            return [(parent, Number(1.0), 1.0) for parent in self._reads(node)]
        numbers = [n for _, n in edges(operands, row.partials_at(node.data, *map(numbers_of, operands)))]
        y, args = self.expressions[node], self._arguments(node)
        formulas: list[Expression] = []
        for rule, mode in (
            (row.textbook if not self._computed or _holds_far_out(row) else None, nullcontext),
            (row.partials, nullcontext),
            (row.partials if self._computed else None, faithful),
        ):
            if rule is None:
                continue
            try:
                with mode():
                    formulas = [as_expression(formula) for _, formula in edges(operands, rule(y, *args))]
                fits = all(map(self._fits, formulas, numbers))
            except (ArithmeticError, TypeError, ValueError):  # a user's rule, not plain arithmetic
                continue
            if fits:
                break
        else:
            if not (formulas and self._branches):  # with branches, other numbers are filled in
                self.opaque[row.name] = None
                formulas = list(map(Number, numbers))
        return list(zip(node.parents, formulas, numbers))

    def _fits(self, formula: Expression, number: float) -> bool:
        """Whether the formula gives the number; 1 − a does not for a near 1, nor what overflows."""
        found = formula.evaluate(self.values, strict=True)
        return math.isclose(found, number, rel_tol=_CLOSE) or not math.isfinite(number)


def _behind(derivative: Expression) -> Expression:
    """A derivative that is 0 if no branch to it is taken: then nothing is multiplied by it."""
    return Apply(TABLE["where"], (derivative, derivative, Number(0.0)))


def _only_in_branches(formula: Expression) -> bool:
    """Whether all terms of a sum belong to branches of a `where`."""
    pending = [formula]
    while pending:
        each = pending.pop()
        if isinstance(each, Apply) and each.row.name in ("add", "sub"):
            pending += each.operands
        elif not is_masked(each):
            return False
    return True


@functools.cache
def _holds_far_out(row: Primitive) -> bool:
    """Whether the textbook's partials are finite wherever the row's own are, at extreme numbers too."""
    if row.textbook is None:
        return False
    y, *names = [Symbol("") for _ in range(len(row.domain) + 1)]
    args = [(name,) if position in row.vectors else name for position, name in enumerate(names)]
    ends = (0.0, 1e-200, 1e200, -1e200)
    for first, other in [*zip(ends, ends), *((end, 1.0) for end in ends)]:
        numbers = [first, *[other] * (len(names) - 1)]
        data = [[number] if position in row.vectors else number for position, number in enumerate(numbers)]
        try:
            values = {y: row.evaluate(*data), **dict(zip(names, numbers))}
            written = edges(args, row.textbook(y, *args))
            found = [in_cells(as_expression(each)).evaluate(values, strict=True) for _, each in written]
            own = [partial for _, partial in edges(args, row.partials_at(values[y], *data))]
        except (ArithmeticError, TypeError, ValueError):  # a user's row that does not compute there
            return False
        lost = any(math.isfinite(number) and not math.isfinite(each) for each, number in zip(found, own))
        if lost and math.isfinite(values[y]):
            return False
    return True


def derivative(top: Symbol, bottom: Symbol, direct: bool = False) -> Symbol:
    """The symbol ∂top/∂bottom; `direct` if it holds all else fixed though there are other paths."""
    text = f"∂{top.text}/∂{bottom.text}"
    latex = rf"\frac{{\partial {LATEX.symbol(top)}}}{{\partial {LATEX.symbol(bottom)}}}"
    return Symbol(f"{text}|direct", rf"\left.{latex}\right|_{{direct}}") if direct else Symbol(text, latex)
