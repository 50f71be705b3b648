"""A recorded graph as a trace: a list of scalar nodes, each a row of the table and positions of operands.

Constants are folded, and equal computations are merged. Chains that people write are recognised:
``b + w0 * x0 + w1 * x1`` becomes one dot product, ``l0 + l1 + l2`` one sum.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

from ...engine.given import Given
from ...engine.graph import ancestors, collector_paused
from ...engine.messages import describe
from ...engine.numerics import place_in
from ...engine.primitives import TABLE, Primitive
from ...engine.value import Value

__all__ = ["FUSED", "Trace", "capture"]

Operand = Any  # the position of a node, or a tuple of positions

ADD, MUL, DIV, POW = (TABLE[name] for name in ("add", "mul", "div", "pow"))
SUM, MEAN, DOT, TAKE = (TABLE[name] for name in ("sum", "mean", "dot", "take"))
SUMS = (ADD, SUM, MEAN)
FUSED = (TABLE["softmax"], TABLE["log_softmax"])  # cheaper for all of their arguments together

PARAMETER, COMPUTED, CONSTANT, BATCHED = range(4)  # a dot product has the lower rank on the left


class Trace:
    """Nodes in topological order: parameters, inputs, and then computed nodes and constants.

    Attributes
    ----------
    parameters, inputs : their numbers; they are the first nodes.
    rows : the row of the table of each node, None for leaves and constants.
    operands : the positions of each node's operands, a tuple of positions for a sequence. A node of a row of
        `FUSED` has all arguments as one ascending sequence, and the index of its own argument in it.
    constants : by position the number of each constant.
    ranks : PARAMETER, COMPUTED (from parameters alone), CONSTANT or BATCHED (from inputs), for each node.
    outputs : the positions of the outputs.
    """

    def __init__(self, parameters: int, inputs: int) -> None:
        self.parameters, self.inputs = parameters, inputs
        self.rows: list[Primitive | None] = [None] * (parameters + inputs)
        self.operands: list[tuple[Operand, ...]] = [()] * (parameters + inputs)
        self.ranks = [PARAMETER] * parameters + [BATCHED] * inputs
        self.constants: dict[int, float] = {}
        self.outputs: list[int] = []
        self._known: dict[Any, int] = {}
        self._spans: dict[tuple[int, ...], tuple[int, int]] = {}

    def __str__(self) -> str:
        """A line for each node: its row and the positions of its operands."""
        lines = []
        for position, (row, operands) in enumerate(zip(self.rows, self.operands)):
            known = "input" if position >= self.parameters else "parameter"
            told = repr(self.constants[position]) if position in self.constants else known
            if row is not None:
                told = f"{row.name}({', '.join(map(_listed, operands))})"
            lines.append(f"{position}: {told}")
        return "\n".join([*lines, f"return {_listed(tuple(self.outputs))}", ""])

    def begins_with(self, other: Trace) -> bool:
        """Whether this is the other trace, except for constants that a back end added at its end."""
        n = len(other.rows)
        own = {position: number for position, number in self.constants.items() if position < n}
        return (
            (self.parameters, self.inputs, self.outputs) == (other.parameters, other.inputs, other.outputs)
            and (self.rows[:n], self.operands[:n]) == (other.rows, other.operands)
            and repr(own) == repr(other.constants)  # which tells 0 from −0, and not nan from nan
        )

    def indices(self) -> dict[int, int]:
        """By leaf that is an index of `take` the length of the shortest sequence that it indexes."""
        found: dict[int, int] = {}
        for row, operands in zip(self.rows, self.operands):
            if row is TAKE and operands[1] < self.parameters + self.inputs:
                values, index = operands
                found[index] = min(len(values), found.get(index, len(values)))
        return found

    def span(self, operand: Operand) -> tuple[int, int]:
        """The lowest and the highest rank of an operand's nodes."""
        if type(operand) is not tuple:
            return (self.ranks[operand],) * 2
        span = self._spans.get(operand)  # a look-up goes through the whole sequence
        if span is None:
            ranks = set(map(self.ranks.__getitem__, operand)) or {CONSTANT}
            span = self._spans[operand] = min(ranks), max(ranks)
        return span

    def constant(self, number: float) -> int:
        key = (number, math.copysign(1.0, number)) if number == number else "nan"
        return self._write(key, None, (), CONSTANT, number)

    def node(self, row: Primitive, operands: tuple[Operand, ...]) -> int:
        """The node that applies a row to nodes: a known one, a constant, or a new one."""
        known = self._known.get((row, operands))
        if known is not None:
            return known
        spans = list(map(self.span, operands))
        if all(span == (CONSTANT, CONSTANT) for span in spans):
            return self.constant(row.evaluate(*[self.number(operand) for operand in operands]))
        return self._write((row, operands), row, operands, _rank_of(spans))

    def fused(self, row: Primitive, own: int, others: Iterable[int]) -> int:
        """A node of a row of `FUSED`; all nodes of one set of arguments have them in one order."""
        values = tuple(sorted((own, *others)))
        if self.span(values) == (CONSTANT, CONSTANT):
            return self.constant(row.evaluate(self.number(own), self.number(tuple(others))))
        operands = (values, values.index(own))
        return self._write((row, operands), row, operands, _rank_of([self.span(values)]))

    def _write(self, key: Any, row: Any, operands: Any, rank: int, number: float | None = None) -> int:
        position = self._known.setdefault(key, len(self.rows))
        if position == len(self.rows):
            self.rows.append(row)
            self.operands.append(operands)
            self.ranks.append(rank)
            if number is not None:
                self.constants[position] = number
        return position

    def number(self, operand: Operand) -> Any:
        """The number of a constant operand, a list of them for a sequence."""
        if type(operand) is tuple:
            return [self.constants[each] for each in operand]
        return self.constants[operand]


def _listed(operand: Operand) -> str:
    return f"[{', '.join(map(str, operand))}]" if type(operand) is tuple else str(operand)


def _rank_of(spans: Iterable[tuple[int, int]]) -> int:
    return BATCHED if any(highest == BATCHED for _, highest in spans) else COMPUTED


def capture(outputs: Sequence[Value], parameters: Sequence[Value], inputs: Sequence[Value]) -> Trace:
    """The trace of the outputs as a function of parameters and inputs.

    Raises
    ------
    ValueError : if an output depends on a leaf that is neither; the message names it.
    """
    trace = Trace(len(parameters), len(inputs))
    given = {leaf: position for position, leaf in enumerate([*parameters, *inputs])}
    with collector_paused():
        order = [node for node in ancestors(outputs) if node.primitive is not None]
        writer = _Writer(trace, _waiting(order, outputs), given)
        for node in order:
            writer.read(node)
        trace.outputs = [writer.position(output) for output in outputs]
    return trace


def _waiting(order: Sequence[Any], outputs: Sequence[Value]) -> dict[Any, bool]:
    """By computed node whether its only reader is a sum."""
    waiting: dict[Any, bool] = dict.fromkeys(outputs, False)  # an output has a reader outside of the trace
    others: set[int] = set()  # the ids of sequences that other nodes read, which are searched once
    for node in order:
        is_sum = node.primitive in SUMS
        for operand in node.operands:
            if type(operand) is not tuple:
                if operand.primitive is not None:
                    waiting[operand] = is_sum and operand not in waiting
            elif is_sum or id(operand) not in others:
                for each in operand:
                    if each.primitive is not None:
                        waiting[each] = is_sum and each not in waiting
                if not is_sum:
                    others.add(id(operand))
    return waiting


class _Writer:
    """Writes recorded nodes, in topological order, to a trace.

    A product or sum whose only reader is a sum waits: its terms become terms of that sum.
    """

    def __init__(self, trace: Trace, waiting: dict[Any, bool], given: dict[Value, int]) -> None:
        self.trace, self.waiting = trace, waiting
        self.written: dict[Any, int] = dict(given)
        self.sequences: dict[int, tuple[int, ...]] = {}  # by the id of a sequence of nodes
        self.products: dict[Any, tuple[int, int]] = {}  # waiting products, as pairs of positions
        self.sums: dict[Any, list[Any]] = {}  # waiting sums, as positions and pairs of them

    def read(self, node: Any) -> None:
        row, operands, trace = node.primitive, node.operands, self.trace
        if row is MUL and self.waiting.get(node):
            left, right = map(self.position, operands)
            self.products[node] = (left, right) if trace.ranks[left] <= trace.ranks[right] else (right, left)
            return
        if row in SUMS:
            terms = self._terms(operands[0] if type(operands[0]) is tuple else operands)
            if row is not MEAN and self.waiting.get(node):
                self.sums[node] = terms
            else:
                position = self._sum(terms, row is not ADD)
                if row is MEAN:
                    position = trace.node(DIV, (position, trace.constant(float(len(operands[0])))))
                self.written[node] = position
            return
        if isinstance(row, Given):
            row.array()  # it raises
        positions: list[Any] = [
            self._sequence(operand) if type(operand) is tuple else self.position(operand)
            for operand in operands
        ]
        if row is DOT:
            left, right, *bias = positions
            if trace.span(left)[1] > trace.span(right)[1]:
                left, right = right, left
            self.written[node] = trace.node(row, (left, right, *bias))
        elif row in FUSED:
            self.written[node] = trace.fused(row, *positions)
        elif row is TAKE and positions[1] in trace.constants:
            self.written[node] = positions[0][place_in(trace.constants[positions[1]], len(positions[0]))]
        elif row is POW and trace.constants.get(positions[1]) == 2.0:
            self.written[node] = trace.node(MUL, (positions[0], positions[0]))
        else:
            self.written[node] = trace.node(row, tuple(positions))

    def _sequence(self, nodes: tuple[Value, ...]) -> tuple[int, ...]:
        known = self.sequences.get(id(nodes))
        if known is None:
            try:
                known = tuple(map(self.written.__getitem__, nodes))
            except KeyError:  # some are not written yet
                known = tuple(map(self.position, nodes))
            self.sequences[id(nodes)] = known
        return known

    def position(self, node: Any) -> int:
        """The position of a node in the trace; a new constant, if it is a leaf that was not given."""
        position = self.written.get(node)
        if position is None:  # a leaf: other nodes are written, or wait for a sum
            if node.requires_grad:
                raise ValueError(
                    f"the output depends on {describe(node)} (data {node.data!r}), which is neither in "
                    "wrt nor in inputs: name it in one of them, or write its .data in its place"
                )
            position = self.written[node] = self.trace.constant(node.data)
        return position

    def _terms(self, nodes: Iterable[Any]) -> list[Any]:
        """The terms of a sum and of the sums in it. The longest list is extended, not copied."""
        terms: list[Any] = []
        for node in nodes:
            part = self.sums.pop(node, None)
            if part is None:
                product = self.products.pop(node, None)
                terms.append(self.position(node) if product is None else product)
            elif len(part) > len(terms):
                part += terms
                terms = part
            else:
                terms += part
        return terms

    def _sum(self, terms: list[Any], is_sequence: bool = False) -> int:
        """The position of a sum; its products become one dot product.

        Sequences of one or two terms stay sequences, since similar ones may be longer. Terms that depend on
        inputs are summed apart from the others, which are the same for all examples.
        """
        trace = self.trace
        if len(terms) > 1:
            is_sequence |= trace.constants.get(terms[0]) == 0.0  # Python's sum() begins with 0
            terms = [term for term in terms if trace.constants.get(term) != 0.0] or terms[:1]
        ranks = trace.ranks  # the right factor of a product has the higher one
        batched = [ranks[term[1] if type(term) is tuple else term] == BATCHED for term in terms]
        if any(batched) and not all(batched):
            parts = [[term for term, b in zip(terms, batched) if b is side] for side in (True, False)]
            return trace.node(ADD, tuple(map(self._sum, parts)))
        pairs = [term for term in terms if type(term) is tuple]
        singles = [term for term in terms if type(term) is not tuple]
        if len(pairs) == 1 and (singles or not is_sequence):
            singles.append(trace.node(MUL, pairs[0]))
        elif pairs:
            left, right = map(tuple, zip(*pairs))
            if len(singles) == 1:
                return trace.node(DOT, (left, right, singles[0]))
            singles.append(trace.node(DOT, (left, right)))
        if len(singles) == 1 and (pairs or not is_sequence):
            (position,) = singles
            return int(position)
        if len(singles) == 2 and not is_sequence:
            return trace.node(ADD, tuple(singles))
        return trace.node(SUM, (tuple(singles),))
