"""Where the numbers of terms are: a plan of memory, and how code reads and writes them there.

Three phases follow each other: what depends on parameters alone; the blocks of examples, one example in
each lane of a vector; what depends on sums over the batch, which are kept as a vector for each parameter
and added up in the end.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..ir.index_maps import affine, tiles
from ..ir.nodes import Indices, Term, ancestry
from .builder import ALIGNED, Code

__all__ = ["AFTER", "BEFORE", "WITHIN", "Memory", "reduces", "source_of"]

BEFORE, WITHIN, AFTER = range(3)  # the phases
# Of a wide product with inputs, what is added up at once: these examples, rows and columns. Six times four
# sums of eight numbers leave eight registers for all else.
STRETCH, TILE, PACKED = 512, 6, 32
_NUMBERS = ("seed", "count", "whole_seed", "rate")
_PASSED = ("take", "constant", *_NUMBERS)  # terms without numbers of their own


class Memory(Code):
    """The terms of a program, grouped into loops, and their places in the scratch memory.

    An index is a tuple with a Python number, or a value of the function, for each axis.
    """

    parameters: Any  # pointers, as is `scratch`
    scratch: Any
    mask: Any = None  # which lanes hold an example; None if all do
    batch: Any  # the examples as the caller has them, and the numbers of those in this batch
    examples_order: Any
    history_base: Any
    seed: Any
    count: Any
    whole_seed: Any
    rate: Any  # of a training
    count_int: Any
    last: Any
    fused: bool = False  # of a training, whether its state has no gradient
    first: Any  # the number of a block's first example
    first_lane: Any = None  # of eight of its lanes, where all of them are not taken at once
    phase: int = BEFORE

    def __init__(
        self,
        name: str,
        terms: Sequence[Term],
        lanes: int,
        real: Any,
        straight: bool,
        numbers_first: bool = False,
    ) -> None:
        super().__init__(name, real)
        self.lanes, self.straight = lanes, straight
        self.group = min(lanes, 8)  # lanes of an accumulator
        self.terms = terms
        self.order = ancestry(terms)
        self.phases: dict[Term, int] = {}
        for term in self.order:
            if term.batched:
                phase = WITHIN
            elif any(arg.batched or self.phases[arg] == AFTER for arg in term.args):
                phase = AFTER
            else:
                phase = BEFORE
            self.phases[term] = phase
        readers: dict[Term, list[Term]] = {term: [] for term in self.order}
        for term in self.order:
            for arg in term.args:
                readers[arg].append(term)
        self._delay(readers)
        if numbers_first:  # then the rest is one loop, which reads a row before it is written
            self.order.sort(key=lambda term: term.size > 1)
        self.values: dict[tuple[Term, int], Any] = {}  # of straight code, by term and row
        self.size = 0  # of the scratch memory, in numbers
        sums = [term for term in self.order if term.kind in ("outer", "over_batch") and reduces(term)]
        self.wide = {term for term in sums if not straight and lanes > 1 and _is_wide(term)}
        self.sums = [term for term in sums if term not in self.wide]
        self.history: dict[Term, int] = {}  # what wide products read of all blocks, and its place in a record
        self.record = 0  # numbers kept of a block
        for term in sorted(self.wide, key=lambda term: term.number):
            for source in map(source_of, term.args):
                if source not in self.history and source.kind != "inputs":
                    self.history[source] = self.record
                    self.record += source.size * lanes
        self.places: dict[Term, int] = {}
        self.homes: dict[Term, tuple[Any, Any]] = {}  # terms in other memory: its pointer, and where there
        # Sums that nothing but a "put" reads are computed where that has them.
        self.joined: dict[Term, tuple[Term, Indices]] = {}
        for term in self.order:
            if term.kind == "put" and not term.batched and tiles(term):
                whole = set(term.args) <= set(self.sums)
                for index, arg in zip(term.index, term.args):
                    spaced = affine(index)
                    if spaced is None or readers[arg] != [term]:
                        continue
                    if (whole and arg in self.sums) or (arg in self.wide and spaced[1][-1] == 1):
                        self.joined[arg] = term, index
        self.groups = [self._grouped(phase) for phase in (BEFORE, WITHIN, AFTER)]
        self._allocate()

    @property
    def unrolled(self) -> bool:
        return self.straight and (self.phase == WITHIN or self.lanes == 1)

    def _delay(self, readers: Mapping[Term, Sequence[Term]]) -> None:
        """What only the last phase reads is computed there, in the loop that reads it."""
        for term in reversed(self.order):
            early = self.phases[term] == BEFORE and term.kind in ("apply", "take") and term not in self.terms
            if early and all(self.phases[reader] == AFTER for reader in readers[term]):
                self.phases[term] = AFTER

    def _grouped(self, phase: int) -> list[list[Term]]:
        """The terms of a phase in order, elementwise terms of one shape together: they share a loop.

        A sum over the batch is computed within the blocks, as soon as its operands are there.
        """
        groups: list[list[Term]] = []
        for term in self.order:
            when = WITHIN if term in self.sums else self.phases[term]
            if when != phase or term.kind in ("parameters", "inputs", *_PASSED):
                continue
            run = groups[-1] if groups else []
            fits = term.kind == "apply" and bool(run) and run[0].kind == "apply"
            if (
                fits
                and run[0].shape == term.shape
                and not any(arg.kind == "take" and arg.args[0] in run for arg in term.args)
            ):
                run.append(term)
            else:
                groups.append([term])
        return groups

    def _allocate(self) -> None:
        """The place of each term in the scratch memory: accumulators, their sums, all else.

        Within a block a place is used again when nobody reads it any more, so that all of them stay in the
        nearest cache.
        """
        count = 0
        self.accumulated = list(
            dict.fromkeys(self.joined[term][0] if term in self.joined else term for term in self.sums)
        )
        for term in self.accumulated:
            self.places[term] = count
            count += term.size
        self.accumulators = self.first_sum = self.size = count + -count % 8
        if self.group == 1:  # they are the sums
            self.first_sum = 0
        else:
            self.first_sum *= self.group
            self.size += self.first_sum
        self._align()
        for term in self.accumulated:
            self.places[term] += self.first_sum
        last: dict[Term, int] = {}
        for number, group in enumerate(self.groups[WITHIN]):
            for term in group:
                last |= dict.fromkeys(map(source_of, term.args), number)
        last |= dict.fromkeys(map(source_of, self.terms), len(self.groups[WITHIN]))
        self.kept = set(map(source_of, self.terms))
        for phase in self.groups:
            for group in phase:
                self.kept |= {source_of(arg) for term in group for arg in term.args if arg not in group}
        free: dict[int, list[int]] = {}
        block = self.order[0].block
        for term in (block.inputs, *[t for t in self.order if self.phases[t] != WITHIN]):
            if term.kind in ("parameters", *_PASSED) or term in self.places or term in self.joined:
                continue
            self._place(term, free)
        self.packing = self.size
        if any(source_of(term.args[1]).kind == "inputs" for term in self.wide):
            self.size += STRETCH * PACKED
        for number, group in enumerate(self.groups[WITHIN]):
            for term in group:
                if term.batched and term in self.kept and not self.straight and term not in self.history:
                    self._place(term, free)
            for term in [term for term, end in last.items() if end == number]:
                if term.batched and term in self.places and term is not block.inputs:
                    free.setdefault(term.size, []).append(self.places[term])

    @property
    def packed(self) -> Any:
        return self.address(self.scratch, self.packing)

    def ends_with(self, terms: Sequence[Term]) -> bool:
        """Whether the last loop of all computes these terms: then they may lie where it reads from.

        Not if it reads a parameter in another turn than that in which it changes it.
        """
        last = self.groups[AFTER][-1] if self.groups[AFTER] else []
        read = {arg for term in last for arg in term.args if source_of(arg).kind == "parameters"}
        return bool(last) and set(terms) <= set(last) and all(_in_step(arg, last[0].size) for arg in read)

    def _place(self, term: Term, free: dict[int, list[int]]) -> None:
        if term.batched and free.get(term.size):
            self.places[term] = free[term.size].pop()
            return
        self.places[term] = self.size
        self.size += term.size * (self.lanes if term.batched else 1)
        self._align()

    def _align(self) -> None:
        self.size += -self.size % (ALIGNED // self.bytes)

    # --- numbers of terms

    def flat(self, term: Term, index: tuple[Any, ...]) -> Any:
        """The row number of an index, which may have more axes, and reach beyond an axis of length 1."""
        row: Any = 0
        for length, i in zip(term.shape, index[len(index) - len(term.shape) :]):
            row = self.plus(self.times(row, length), 0 if length == 1 else i)
        return row

    def origin(self, term: Term, index: tuple[Any, ...]) -> tuple[Term, Any]:
        """The term that has the numbers of a row, and the number of the row there."""
        if term in self.joined:
            source, rows = self.joined[term]
        elif term.kind == "take":
            (source,), rows = term.args, term.index
        else:
            return term, self.flat(term, index)
        return source, self.chosen(rows, index)

    def chosen(self, rows: Indices, index: Sequence[Any]) -> Any:
        """The row number that stands at an index of an array of row numbers."""
        aligned = [0 if n == 1 else i for n, i in zip(rows.shape, index[len(index) - rows.ndim :])]
        if all(isinstance(i, (int, np.integer)) for i in aligned):
            return int(rows[tuple(aligned)])
        spaced = affine(rows)
        if spaced is None:
            row: Any = 0
            for length, i in zip(rows.shape, aligned):
                row = self.plus(self.times(row, length), i)
            table = self.table(np.ascontiguousarray(rows, np.int64))
            place = self.builder.gep(table, [self.whole_number(row)], source_etype=self.whole)
            return self.builder.load(place, typ=self.whole)
        row, steps = spaced
        for i, step in zip(aligned, steps):
            row = self.plus(row, self.times(i, step))
        return row

    def get(self, term: Term, index: tuple[Any, ...], lanes: int, rows: bool = False) -> Any:
        """A number of a term in each lane: of an example each, or with `rows` of consecutive rows."""
        return self.read(*self.origin(term, index), lanes, rows and self.along(term) != "same")

    def read(self, source: Term, row: Any, lanes: int, consecutive: bool = False) -> Any:
        """The number in a row of a term that has numbers of its own, or those of the rows from there on."""
        if source.kind in _NUMBERS:
            return self.splat(getattr(self, source.kind), lanes)
        if source.kind == "constant":
            if isinstance(row, int) and not consecutive:
                return self.number(float(source.data.reshape(-1)[row]), lanes)
            base, offset = self.table(source.data), row
        elif source.batched and self.straight and source.kind != "inputs":
            return self.values[source, row]
        else:
            base, start = self.home(source)
            if source.batched:
                place = self.plus(start, self.times(row, self.lanes))
                if self.first_lane is not None:
                    place = self.plus(place, self.first_lane)
                return self.load(base, place, lanes, True)
            offset = self.plus(start, row)
        if consecutive:
            return self.load(base, offset, lanes)
        return self.splat(self.load(base, offset), lanes)

    def put(self, term: Term, row: Any, value: Any, lanes: int) -> None:
        """Keep a number of a term."""
        if term.batched and self.straight and term.kind != "inputs":
            self.values[term, row] = value
            return
        if term in self.history:
            value = self.valid(value)
        base, start = self.home(term)
        width = self.lanes if term.batched else 1
        place = self.plus(start, self.times(row, width))
        if term.batched and self.first_lane is not None:
            place = self.plus(place, self.first_lane)
        self.store(value, base, place, lanes, term.batched)

    def home(self, term: Term) -> tuple[Any, Any]:
        """Where the numbers of a term begin: a pointer, and an offset."""
        if term in self.homes:
            return self.homes[term]
        return (self.parameters, 0) if term.kind == "parameters" else (self.scratch, self.places[term])

    def along(self, term: Term) -> str | None:
        """How the numbers of a term lie along its last axis: consecutive, all the same, or neither."""
        if term.kind in _NUMBERS or term.shape[-1] == 1:
            return "same"
        if term.kind != "take":
            return "unit"
        spaced = affine(term.index)
        return "unit" if spaced is not None and spaced[1][-1] == 1 else None

    def part(self, value: Any, group: int) -> Any:
        """Some lanes of a vector: as many as an accumulator has."""
        if self.group == self.lanes:
            return value
        ir = self.ir
        chosen = range(group * self.group, (group + 1) * self.group)
        mask = ir.Constant(ir.VectorType(ir.IntType(32), self.group), list(chosen))
        return self.builder.shuffle_vector(value, ir.Constant(value.type, ir.Undefined), mask)

    def valid(self, value: Any) -> Any:
        """A value with 0 in the lanes that hold no example."""
        if self.mask is None:
            return value
        mask, lanes = self.mask, self.lanes
        if self.first_lane is not None:
            lanes = 8
            mask = self.valid_lanes(self.plus(self.first, self.first_lane), lanes)
        return self.builder.select(mask, value, self.number(0.0, lanes))

    def valid_lanes(self, first: Any, lanes: int) -> Any:
        """Which of so many lanes hold an example, None if there is only one."""
        if lanes == 1:
            return None
        ir = self.ir
        numbers = ir.Constant(ir.VectorType(self.whole, lanes), list(range(lanes)))
        place = self.builder.add(self.splat(first, lanes), numbers)
        return self.builder.icmp_signed("<", place, self.splat(self.count_int, lanes))


def source_of(term: Term) -> Term:
    """The term that has the numbers of this one."""
    return term.args[0] if term.kind == "take" else term


def _is_wide(term: Term) -> bool:
    """Whether a product over the batch has so many results that adding up each block's share would take
    longer than to compute it when all blocks are done."""
    if (
        term.kind != "outer"
        or term.size < 4096
        or any(arg.shape[1] != 1 or not arg.batched for arg in term.args)
    ):
        return False
    a, b = term.args
    return source_of(a).kind != "inputs" and (source_of(b).kind != "inputs" or _in_line(b))


def _in_line(term: Term) -> bool:
    """Whether the rows of a term are consecutive rows of another."""
    spaced = affine(term.index) if term.kind == "take" else (0, (1, 1))
    return spaced is not None and spaced[1][0] == 1


def _in_step(term: Term, rows: int) -> bool:
    """Whether row i of a term, for so many rows, is that of parameter i or of what is remembered of it."""
    index = np.arange(term.size) if term.kind == "parameters" else term.index.reshape(-1)
    return len(index) == rows and bool((index % term.block.parameters.size == np.arange(rows)).all())


def reduces(term: Term) -> bool:
    return any(arg.batched for arg in term.args)
