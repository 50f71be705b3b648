"""From a trace of scalars to nodes on arrays: equal computations on different scalars become one node.

Scalars of one row whose operands come from the same groups form a group, and each group becomes one node. No
member of a group depends on another, since all operands are in earlier groups. Members are sorted by their
operands, so that an operand is mostly a slice. Dot products of l sequences with r others, all with all, are
one matrix product (l, r).

Sums of many lengths, such as attention over more and more positions, are one group too: the shorter ones are
padded with neutral numbers. Otherwise every later group would be split by length.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ...engine.primitives import TABLE, Primitive
from .. import tuning
from ..ir.index_maps import strides_of
from ..ir.nodes import ADD, MONOMIAL, MUL, POW, POWER, Graph, Indices, Node
from ..ir.passes import checked
from .capture import BATCHED, DOT, FUSED, SUM, TAKE, Trace

__all__ = ["vectorize"]

Key = Any

# By row the number that pads its sequences. Padding of a softmax has the probability 0.
NEUTRAL = {SUM: 0.0, DOT: 0.0, TABLE["logsumexp"]: -math.inf, **dict.fromkeys(FUSED, -math.inf)}


def vectorize(trace: Trace, fold: bool = False) -> list[Node]:
    """The outputs of the array program of a trace, (1,) each.

    With `fold`, biases are weights of one more input, which is 1: the matrix product adds them.
    """
    made = _Vectorizer(trace, trace.constant(1.0) if fold else None)
    outputs = [
        made.graph.gather(made.nodes[made.group[position]], made.place[[position]])
        for position in trace.outputs
    ]
    return checked("vectorized", outputs)


class _Vectorizer:
    """The groups of a trace, and their nodes.

    Attributes
    ----------
    group : the group of each position of the trace: 0 parameters, 1 inputs, 2 constants, then the others.
    place : (positions,), the row of each position in the node of its group.
    nodes : the node of each group.
    """

    def __init__(self, trace: Trace, one: int | None) -> None:
        self.trace, self.one = trace, one
        groups = self._grouped()
        self._pads = {number: trace.constant(number) for number in set(NEUTRAL.values())}
        self.group += [2] * (len(trace.rows) - len(self.group))
        self.graph = Graph(trace.parameters, trace.inputs)
        self.place = np.zeros(len(trace.rows), dtype=np.intp)
        self.place[: trace.parameters] = np.arange(trace.parameters)
        self.place[trace.parameters : trace.parameters + trace.inputs] = np.arange(trace.inputs)
        constants = np.array(list(trace.constants.values()) or [0.0])
        self.place[list(trace.constants)] = np.arange(len(trace.constants))
        self.nodes: list[Node] = [self.graph.parameters, self.graph.inputs, self.graph.constant(constants)]
        self._origins = np.array(self.group, dtype=np.intp)
        for positions in groups.values():
            self.nodes.append(self._node(positions))

    # --- groups

    def _grouped(self) -> dict[Key, list[int]]:
        """The positions of each group; sequences that are costly to pad are grouped by length."""
        trace, apart = self.trace, set[int]()
        while True:
            self.group: list[int] = [0] * trace.parameters + [1] * trace.inputs
            self._patterns: dict[Any, Any] = {}
            groups: dict[Key, list[int]] = {}
            numbers: dict[Key, int] = {}
            for position in range(trace.parameters + trace.inputs, len(trace.rows)):
                row = trace.rows[position]
                if row is None:
                    self.group.append(2)
                    continue
                key = self._key(row, trace.operands[position], row not in NEUTRAL or position in apart)
                self.group.append(numbers.setdefault(key, len(numbers) + 3))
                groups.setdefault(key, []).append(position)
            costly = list(filter(self._is_costly, groups.values()))
            if not costly:
                return groups
            apart.update(*costly)

    def _is_costly(self, positions: list[int]) -> bool:
        """Whether sequences should not be padded: they have few lengths, or very different ones."""
        if self.trace.rows[positions[0]] not in NEUTRAL:
            return False
        sequences = {self.trace.operands[position][0] for position in positions}
        lengths = list(map(len, sequences))
        kinds, padded = len(set(lengths)), max(lengths) * len(lengths)
        return kinds > 1 and (kinds < tuning.PADDED_LENGTHS or padded > tuning.PADDED_MOST * sum(lengths))

    def _key(self, row: Primitive, operands: tuple[Any, ...], by_length: bool) -> Key:
        """The key of a group: the row, and the groups of the operands."""
        if row in FUSED:
            return (row, self._pattern(operands[0], by_length))
        parts = [
            self._pattern(operand, by_length) if type(operand) is tuple else self.group[operand]
            for operand in operands
        ]
        if row in (POW, POWER, MONOMIAL):  # the exponent decides how it is computed
            parts += [self.trace.constants.get(operand) for operand in operands[1:]]
        return (row, *parts)

    def _pattern(self, sequence: tuple[int, ...], by_length: bool) -> Any:
        """The groups of a sequence's elements, and its length unless it may be padded."""
        pattern = self._patterns.get(sequence)
        if pattern is None:
            origins = list(map(self.group.__getitem__, sequence))
            alike = len(set(origins)) == 1
            pattern = self._patterns[sequence] = (len(origins), origins[0] if alike else tuple(origins))
        return pattern if by_length or type(pattern[1]) is tuple else (None, pattern[1])

    # --- nodes

    def _read(self, positions: list[int]) -> tuple[Primitive, list[Any]]:
        """The row of a group and the operands of each position, with sequences of one length."""
        row: Any = self.trace.rows[positions[0]]
        operands = [self.trace.operands[position] for position in positions]
        if row not in NEUTRAL:
            return row, operands
        lengths = {len(sequence) for sequence, *_ in operands}
        if row is SUM and lengths == {2}:
            return ADD, [pair for (pair,) in operands]
        if row is DOT and lengths == {1} and len(operands[0]) == 2:
            return MUL, [(*left, *right) for left, right in operands]
        if len(lengths) > 1:
            pads = (self._pads[NEUTRAL[row]],) * max(lengths)
            operands = [
                tuple((*each, *pads[len(each) :]) if type(each) is tuple else each for each in operand)
                for operand in operands
            ]
        return row, operands

    def _node(self, positions: list[int]) -> Node:
        """The node of a group; `place` is set for its positions."""
        row, operands = self._read(positions)
        if row in FUSED:
            return self._fused(row, positions, operands)
        if row is TAKE:
            return self._taken(positions, operands)
        if row is DOT:
            product = self._matrix_product(positions, operands)
            if product is not None:
                return product
        columns: list[Any] = [
            np.array(column, np.intp).reshape(len(positions), -1).T
            if type(column[0]) is tuple
            else np.array(column)
            for column in zip(*operands)
        ]
        # By the first operand, then by the others; sequences by their first elements.
        keys = [self.place[each[0] if each.ndim == 2 else each] for each in columns if len(each)]
        order = np.lexsort(keys[::-1]) if keys else np.arange(len(positions))
        self.place[np.array(positions)[order]] = np.arange(len(positions))
        if row is DOT:
            left, right, *bias = (self._rows(column[..., order], column.ndim - 1) for column in columns)
            node = self._along(self.graph.apply(MUL, [left, right]))
            return self.graph.apply(ADD, [node, *bias]) if bias else node
        columns = [column[..., order] for column in columns]
        shape = self._shape(columns)
        args = [self._rows(column.reshape(*column.shape[:-1], *shape), column.ndim - 1) for column in columns]
        if row is SUM:
            return self._along(args[0])
        if row.name == "logsumexp":
            return self.graph.fused(row, args[0])
        # One row for each position, even if all of them compute the same.
        return self.graph.broadcast(self.graph.apply(row, args), shape)

    def _along(self, x: Node) -> Node:
        """The sum over the first axis, without that axis."""
        total = self.graph.reduce_sum(x, 0)
        return self.graph.reshape(total, total.shape[1:])

    def _shape(self, columns: list[Indices]) -> tuple[int, ...]:
        """The shape of a group: two axes if an operand is evenly spaced along two axes and not along one.

        Then a number for each row or column is broadcast, and its adjoint is a sum along an axis.
        """
        size = columns[0].shape[-1]
        for column in columns:
            place = self.place[column]
            breaks = np.flatnonzero(np.diff(place, 2))
            if column.ndim == 1 and len(breaks):
                width = int(breaks[0]) + 2
                if size % width == 0 and strides_of(place.reshape(size // width, width)) is not None:
                    return size // width, width
        return (size,)

    def _matrix_product(self, positions: list[int], operands: list[Any]) -> Node | None:
        """Dot products of l sequences with r others, all with all, as one matrix product (l, r)."""
        graph = self.graph
        lefts, rights = (list(dict.fromkeys(operand[i] for operand in operands)) for i in (0, 1))
        pairs = {operand[:2] for operand in operands}
        if len(lefts) * len(rights) != len(positions) or len(pairs) != len(positions) or not lefts[0]:
            return None
        if self._batched(lefts[0]):  # so is the right side: the trace has the lower rank on the left
            return None
        turned = len(lefts) == 1 and not self._batched(rights[0]) and len(rights) > 1
        if turned:
            lefts, rights = rights, lefts
        lefts, rights = self._ascending(lefts), self._ascending(rights)
        wide = len(rights)
        self._lay_out(positions, lefts, rights, [each[1::-1] if turned else each[:2] for each in operands])
        biased = len(operands[0]) == 3
        table = np.zeros((len(lefts), wide), dtype=np.intp)
        if biased:
            table.flat[self.place[positions]] = [bias for _, _, bias in operands]
        if biased and self._folds(table, rights):
            lefts = [(*left, bias) for left, bias in zip(lefts, table[:, 0].tolist())]
            rights = [(*right, self.one) for right in rights]
            biased = False
        node = graph.matmul(self._rows(np.array(lefts), whole=2), self._rows(np.array(rights).T, whole=2))
        if biased:
            node = graph.apply(ADD, [node, self._rows(table)])
        return graph.broadcast(node, (len(lefts), wide))

    def _folds(self, biases: Indices, rights: list[Any]) -> bool:
        """Whether biases may be weights: one for each row, and few raw inputs to copy beside the 1."""
        if self.one is None or not self._batched(rights[0]) or (biases != biases[:, :1]).any():
            return False
        raw = all(self.group[position] == 1 for position in rights[0])
        return self.trace.span(tuple(biases[:, 0].tolist()))[1] != BATCHED and not (
            raw and len(rights[0]) > tuning.BIAS_COPY
        )

    def _batched(self, sequence: tuple[int, ...]) -> bool:
        return self.trace.span(sequence)[1] == BATCHED

    def _ascending(self, sequences: list[tuple[int, ...]]) -> list[tuple[int, ...]]:
        """Sequences in the order of the places of their elements."""
        if len(sequences) == 1:
            return sequences
        first = self.place[np.array(sequences)[:, :8]]
        return [sequences[i] for i in np.lexsort(first.T[::-1])]

    def _lay_out(self, positions: list[int], rows: Sequence[Any], columns: Sequence[Any], pairs: Any) -> None:
        """Place positions in a grid of rows and columns, by the row and column of each."""
        row_of, column_of = ({each: i for i, each in enumerate(side)} for side in (rows, columns))
        self.place[positions] = [row_of[row] * len(columns) + column_of[column] for row, column in pairs]

    def _fused(self, row: Primitive, positions: list[int], operands: list[Any]) -> Node:
        """All results of each set of arguments at once: (arguments, sets)."""
        sets = self._ascending(list(dict.fromkeys(values for values, _ in operands)))
        self._lay_out(positions, range(len(sets[0])), sets, [each[::-1] for each in operands])
        return self.graph.fused(row, self._rows(np.array(sets).T, whole=2))

    def _taken(self, positions: list[int], operands: list[Any]) -> Node:
        """Rows of one table, if each index takes from all columns; otherwise one number for each index."""
        tables = self._ascending(list(dict.fromkeys(values for values, _ in operands)))
        indices = sorted({index for _, index in operands}, key=self.place.__getitem__)
        if len(tables) * len(indices) != len(positions):
            self.place[positions] = np.arange(len(positions))
            values, chosen = (np.array(column) for column in zip(*operands))
            return self.graph.take_each(self._rows(values, whole=2), self._rows(chosen, whole=1))
        self._lay_out(positions, tables, indices, operands)
        table = self._rows(np.array(tables).T, whole=2)
        taken = self.graph.take_rows(table, self._rows(np.array(indices), whole=1))
        # Columns first, the order of matrix products.
        return self.graph.gather(taken, np.arange(taken.size).reshape(taken.shape).T)

    # --- operands

    def _rows(self, positions: Indices, whole: int = 0) -> Node:
        """The node whose rows are these positions.

        Except the first `whole` axes, an axis along which all positions are equal gets length 1.
        """
        for axis in range(whole, positions.ndim):
            if positions.shape[axis] > 1 and (positions == positions.take([0], axis)).all():
                positions = positions.take([0], axis)
        origins = self._origins[positions]
        distinct = sorted(set(origins.reshape(-1).tolist()))
        if len(distinct) == 1:
            return self.graph.gather(self.nodes[distinct[0]], self.place[positions])
        flat, where = positions.reshape(-1), origins.reshape(-1)
        pieces, taken, read, end = [], [], np.empty(len(flat), dtype=np.intp), 0
        for origin in distinct:
            index = np.flatnonzero(where == origin)
            used, order = np.unique(self.place[flat[index]], return_inverse=True)
            taken.append((np.arange(end, end + len(used)), self.graph.gather(self.nodes[origin], used)))
            pieces.append((index, self.graph.gather(self.nodes[origin], self.place[flat[index]])))
            read[index] = end + order
            end += len(used)
        if end < len(flat):  # rows that are read several times are collected first
            return self.graph.gather(self.graph.scatter_add((end,), taken), read.reshape(positions.shape))
        return self.graph.scatter_add(positions.shape, pieces)
