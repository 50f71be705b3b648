"""Code that reads and writes the numbers of nodes in the places of the layout."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..ir.index_maps import strides_of
from ..ir.nodes import AddRows, Apply, Constant, Gather, Indices, Inputs, Node, Parameters, Symbol, TakeRows
from .builder import Builder
from .layout import Layout

__all__ = ["Memory"]


class Batch(NamedTuple):
    """The examples of a pass, as values of the function."""

    examples: Any  # as the caller has them, in rows
    order: Any  # the numbers of those in this batch; None for 0, 1, 2, ...
    count: Any
    last: Any  # count - 1


class Memory:
    """The numbers of nodes, as values of the function that the builder writes.

    An index has a Python number, or a value of the function, for each axis of a node.

    Parameters
    ----------
    parameters, scratch : pointers to the parameters (P,) and to scratch memory of the layout's size.
    records : a pointer to the records of all blocks, which wide products read.
    symbols : the value of each `Symbol`, by its name.
    homes : for nodes in other memory a pointer, and the offset of their first number.
    """

    batch: Batch

    def __init__(
        self,
        code: Builder,
        layout: Layout,
        parameters: Any,
        scratch: Any,
        records: Any = None,
        symbols: dict[str, Any] | None = None,
        homes: Mapping[Node, tuple[Any, Any]] | None = None,
    ) -> None:
        self.code, self.layout = code, layout
        self.parameters, self.scratch, self.records = parameters, scratch, records
        self.symbols = {} if symbols is None else symbols
        self._homes = dict(homes or {})
        self._values: dict[tuple[Node, int], Any] = {}  # in straight code, by node and row
        self._spaced: dict[int, tuple[Indices, Any]] = {}
        self._first: Any = None  # the number of the block's first example
        self._mask: Any = None  # which lanes hold an example; None if all do
        self._first_lane: Any = None  # the first of eight lanes; None where all lanes are taken at once

    # --- which examples

    def take(self, examples: Any, order: Any, count: Any) -> None:
        """Start a batch."""
        last = self.code.llvm.sub(count, self.code.whole_number(1))
        self.batch = Batch(examples, order, count, last)

    def example(self, place: Any) -> Any:
        """The number of the example at a place of the batch."""
        return place if self.batch.order is None else self.code.load_whole(self.batch.order, place)

    def enter_block(self, first: Any) -> None:
        """Start the block that begins with this example."""
        self._first, self._mask = first, self._valid_lanes(first, self.layout.lanes)

    def keep_records(self) -> None:
        """Write the nodes that wide products read into the record of this block."""
        here = self.code.address(self.records, self._record(self._first))
        self._homes |= {node: (here, place) for node, place in self.layout.history.items()}

    def recorded(self, node: Node, first: Any) -> Any:
        """The offset of a node's numbers in the record of the block that begins with this example."""
        return self.code.plus(self._record(first), self.layout.history[node])

    def _record(self, first: Any) -> Any:
        return self.code.times(first, self.layout.record // self.layout.lanes)

    @contextlib.contextmanager
    def lanes_from(self, lane: Any) -> Iterator[None]:
        """A context in which only eight lanes of each vector are read and written."""
        self._first_lane = lane
        yield
        self._first_lane = None

    # --- numbers of nodes

    def flat(self, node: Node, index: tuple[Any, ...]) -> Any:
        """The row number of an index that broadcasts: leading axes may be missing, others have length 1."""
        row: Any = 0
        for length, i in zip(node.shape, index[len(index) - len(node.shape) :]):
            row = self.code.plus(self.code.times(row, length), 0 if length == 1 else i)
        return row

    def origin(self, node: Node, index: tuple[Any, ...]) -> tuple[Node, Any]:
        """The node in memory that has the numbers of an index, and the row there."""
        if node in self.layout.joined:
            source, rows = self.layout.joined[node]
        elif isinstance(node, Gather):
            (source,), rows = node.args, node.index
        else:
            return node, self.flat(node, index)
        return source, self.chosen(rows, index)

    def chosen(self, rows: Indices, index: Sequence[Any]) -> Any:
        """The element at an index of an array of row numbers."""
        aligned = [0 if n == 1 else i for n, i in zip(rows.shape, index[len(index) - rows.ndim :])]
        if all(isinstance(i, (int, np.integer)) for i in aligned):
            return int(rows[tuple(aligned)])
        spaced = self._strides(rows)
        if spaced is None:
            row: Any = 0
            for length, i in zip(rows.shape, aligned):
                row = self.code.plus(self.code.times(row, length), i)
            return self.code.load_whole(self.code.table(np.ascontiguousarray(rows, np.int64)), row)
        row, steps = spaced
        for i, step in zip(aligned, steps):
            row = self.code.plus(row, self.code.times(i, step))
        return row

    def get(self, node: Node, index: tuple[Any, ...], lanes: int, rows: bool = False) -> Any:
        """A number of a node in each lane: for one example each, or with `rows` of consecutive rows."""
        if isinstance(node, Apply) and node in self.layout.inlined:
            values = [self.get(arg, index, lanes, rows) for arg in node.args]
            return self.code.apply(node.row, values)
        along = self.along(node) if rows and lanes > 1 else "same"
        if along is None:
            return self._gathered(node, index, lanes)
        return self.read(*self.origin(node, index), lanes, along == "unit")

    def _gathered(self, node: Node, index: tuple[Any, ...], lanes: int) -> Any:
        """The numbers of rows that are consecutive in a gather, and lie anywhere in its operand."""
        code, (source,), rows = self.code, node.args, node.index  # type: ignore[attr-defined]  # along: a Gather
        spaced = self._strides(rows)
        if spaced is None:
            place = self.flat(node, index)
            offsets = code.load_offsets(code.table(np.ascontiguousarray(rows, np.int64)), place, lanes)
        else:
            kind = code.ir.VectorType(code.whole, lanes)
            steps = code.ir.Constant(kind, [spaced[1][-1] * lane for lane in range(lanes)])
            offsets = code.llvm.add(code.splat(code.whole_number(self.chosen(rows, index)), lanes), steps)
        if isinstance(source, Constant):
            return code.load_anywhere(code.table(source.data), offsets)
        base, start = self.home(source)
        return code.load_anywhere(code.address(base, start), offsets)

    def _strides(self, rows: Indices) -> Any:
        """`strides_of`, once for each array."""
        known = self._spaced.get(id(rows))
        if known is None:  # the array is kept, so its id stays unique
            known = self._spaced[id(rows)] = rows, strides_of(rows)
        return known[1]

    def read(self, source: Node, row: Any, lanes: int, consecutive: bool = False) -> Any:
        """The number in a row of a node in memory, or the numbers of consecutive rows."""
        if isinstance(source, Symbol):
            return self.code.splat(self.symbols[source.name], lanes)
        if isinstance(source, Constant):
            if isinstance(row, int) and not consecutive:
                return self.code.number(float(source.data.reshape(-1)[row]), lanes)
            base, offset = self.code.table(source.data), row
        elif source.batched and self.layout.straight and (source, row) in self._values:
            return self._values[source, row]
        else:
            base, start = self.home(source)
            if source.batched and self.layout.lanes > 1:
                return self.code.load(base, self._lanes_at(start, row), lanes, True)
            offset = self.code.plus(start, row)
        if consecutive:
            return self.code.load_rows(base, offset, lanes)
        return self.code.splat(self.code.load(base, offset), lanes)

    def set(self, node: Node, index: tuple[Any, ...], value: Any, lanes: int) -> None:
        """Write the number at an index of a node in memory."""
        self.write(node, self.flat(node, index), value, lanes)

    def write(self, node: Node, row: Any, value: Any, lanes: int) -> None:
        """Write the number in a row of a node in memory."""
        if node.batched and self.layout.straight and not isinstance(node, Inputs):
            self._values[node, row] = value
            return
        if node in self.layout.history:
            value = self.valid(value)
        base, start = self.home(node)
        if node.batched and self.layout.lanes > 1:
            self.code.store(value, base, self._lanes_at(start, row), lanes, True)
        else:
            self.code.store_rows(value, base, self.code.plus(start, row), lanes)

    # --- rows that an index names

    def places(self, node: TakeRows | AddRows, j: Any, lanes: int) -> list[Any]:
        """The row that each lane takes, or adds to; one if it is the same in all lanes."""
        code, index = self.code, node.args[1]
        lanes = lanes if index.batched else 1
        named, start = self.get(index, (j,), lanes), self.chosen(node.starts, (j,))
        wholes = [code.llvm.fptosi(code.lane(named, lane), code.whole) for lane in range(lanes)]
        return [code.plus(whole, start) for whole in wholes]

    def is_in_registers(self, node: Node) -> bool:
        """Whether the numbers of a node have names in straight code, and no place in memory."""
        return node.source.batched and self.layout.straight

    def taken(self, table: Node, places: list[Any], c: Any, lanes: int) -> Any:
        """In each lane the number of a column in the row that the lane takes."""
        if len(places) == 1:
            return self.get(table, (places[0], c), lanes)
        found = []
        for lane, place in enumerate(places):
            source, row = self.origin(table, (place, c))
            if source.batched:
                base, start = self.home(source)
                found.append(self.code.load(base, self.code.plus(self._lanes_at(start, row), lane)))
            else:
                found.append(self.read(source, row, 1))
        return self.code.together(found)

    def add(self, node: Node, places: list[Any], c: Any, value: Any, lanes: int) -> None:
        """Add to a column of a node, each lane in its own row."""
        code = self.code
        value = self.valid(value) if node in self.layout.history else value
        if len(places) == 1:
            row = self.flat(node, (places[0], c))
            self.write(node, row, code.llvm.fadd(self.read(node, row, lanes), value), lanes)
            return
        base, start = self.home(node)
        for lane, place in enumerate(places):
            at = code.plus(self._lanes_at(start, self.flat(node, (place, c))), lane)
            code.store(code.llvm.fadd(code.load(base, at), code.lane(value, lane)), base, at)

    def _lanes_at(self, start: Any, row: Any) -> Any:
        """The offset of the lanes of a row."""
        place = self.code.plus(start, self.code.times(row, self.layout.lanes))
        return place if self._first_lane is None else self.code.plus(place, self._first_lane)

    def home(self, node: Node) -> tuple[Any, Any]:
        """A pointer to the memory of a node, and the offset of its first number."""
        if node in self._homes:
            return self._homes[node]
        if isinstance(node, Parameters):
            return self.parameters, 0
        return self.scratch, self.layout.places[node]

    def is_elsewhere(self, node: Node) -> bool:
        """Whether the numbers of a node are in other memory."""
        return node in self._homes

    def know(self, node: Node, values: Sequence[Any]) -> None:
        """Set the values of the rows of a node in straight code."""
        self._values |= {(node, row): value for row, value in enumerate(values)}

    def relocate(self, node: Node, pointer: Any, start: Any = 0) -> None:
        """Move the numbers of a node to other memory."""
        self._homes[node] = pointer, start

    def along(self, node: Node) -> str | None:
        """How the numbers of a node lie along its last axis: consecutive, all the same, or neither."""
        if isinstance(node, Symbol) or node.shape[-1] == 1:
            return "same"
        if not isinstance(node, Gather):
            return "unit"
        spaced = self._strides(node.index)
        return "unit" if spaced is not None and spaced[1][-1] == 1 else None

    def valid(self, value: Any) -> Any:
        """A value with 0 in the lanes that hold no example."""
        if self._mask is None:
            return value
        mask, lanes = self._mask, self.layout.lanes
        if self._first_lane is not None:
            lanes = 8
            mask = self._valid_lanes(self.code.plus(self._first, self._first_lane), lanes)
        return self.code.llvm.select(mask, value, self.code.number(0.0, lanes))

    def _valid_lanes(self, first: Any, lanes: int) -> Any:
        """A mask of the lanes that hold an example; None for a single lane, which always does."""
        if lanes == 1:
            return None
        ir = self.code.ir
        numbers = ir.Constant(ir.VectorType(self.code.whole, lanes), list(range(lanes)))
        place = self.code.llvm.add(self.code.splat(first, lanes), numbers)
        return self.code.llvm.icmp_signed("<", place, self.code.splat(self.batch.count, lanes))
