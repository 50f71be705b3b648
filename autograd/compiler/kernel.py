"""A function of native code as it is being written: numbers, loops, and the code of terms.

Three phases follow each other: what depends on parameters alone; the blocks of examples, one example in
each lane of a vector; what depends on sums over the batch, which are kept as a vector for each parameter
and added up in the end.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..primitives import TABLE, Primitive
from .arrays import affine, tiles
from .elementary import ELEMENTARY
from .terms import Indices, Term, ancestry

__all__ = ["AFTER", "ALIGNED", "BEFORE", "WITHIN", "Kernel", "reduces"]

ALIGNED = 64  # bytes: a vector of eight doubles

BEFORE, WITHIN, AFTER = range(3)  # the phases
_NUMBERS = ("seed", "count", "whole_seed", "rate")
_PASSED = ("take", "constant", *_NUMBERS)  # terms without numbers of their own


class Kernel:
    """One function of native code; `builder` stands where the next instruction goes.

    An index is a tuple with a Python number, or a value of the function, for each axis.
    """

    builder: Any
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
    engine: Any
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
        from llvmlite import ir

        self.ir, self.lanes, self.straight, self.real = ir, lanes, straight, real
        self.group = min(lanes, 8)  # lanes of an accumulator
        self.whole, self.pointer = ir.IntType(64), ir.PointerType()
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
        self._delay()
        if numbers_first:  # then the rest is one loop, which reads a row before it is written
            self.order.sort(key=lambda term: term.size > 1)
        self.module = ir.Module(name=name)
        self.tables: dict[Any, Any] = {}
        self.values: dict[tuple[Term, int], Any] = {}  # of straight code, by term and row
        self.size = 0  # of the scratch memory, in numbers
        sums = [term for term in self.order if term.kind in ("outer", "over_batch") and reduces(term)]
        self.wide = {term for term in sums if not straight and lanes > 1 and _is_wide(term)}
        self.sums = [term for term in sums if term not in self.wide]
        self.history: dict[Term, int] = {}  # what wide products read of all blocks, and its place in a record
        self.record = 0  # numbers kept of a block
        for term in sorted(self.wide, key=lambda term: term.number):
            for source in map(_source, term.args):
                if source not in self.history and source.kind != "inputs":
                    self.history[source] = self.record
                    self.record += source.size * lanes
        self.places: dict[Term, int] = {}
        self.homes: dict[Term, tuple[Any, Any]] = {}  # terms in other memory: its pointer, and where there
        self.joined: dict[Term, tuple[Term, Indices]] = {}  # sums that are computed where a "put" has them
        for term in self.order:
            if term.kind == "put" and not term.batched and tiles(term):
                whole = set(term.args) <= set(self.sums)
                for index, arg in zip(term.index, term.args):
                    spaced = affine(index)
                    if spaced is None or arg in self.joined:
                        continue
                    if (whole and arg in self.sums) or (arg in self.wide and spaced[1][-1] == 1):
                        self.joined[arg] = term, index
        self.groups = [self._grouped(phase) for phase in (BEFORE, WITHIN, AFTER)]
        self._allocate()

    def _delay(self) -> None:
        """What only the last phase reads is computed there, in the loop that reads it."""
        readers: dict[Term, list[Term]] = {}
        for term in self.order:
            for arg in term.args:
                readers.setdefault(arg, []).append(term)
        for term in reversed(self.order):
            early = self.phases[term] == BEFORE and term.kind in ("apply", "take") and term not in self.terms
            if early and all(self.phases[reader] == AFTER for reader in readers.get(term, [term])):
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
        self.accumulators = count + -count % 8
        self.first_sum = self.accumulators * self.group
        for term in self.accumulated:
            self.places[term] += self.first_sum
        self.size = self.first_sum + self.accumulators
        last: dict[Term, int] = {}
        for number, group in enumerate(self.groups[WITHIN]):
            for term in group:
                last |= dict.fromkeys(map(_source, term.args), number)
        last |= dict.fromkeys(map(_source, self.terms), len(self.groups[WITHIN]))
        self.kept = set(map(_source, self.terms))
        for phase in self.groups:
            for group in phase:
                self.kept |= {_source(arg) for term in group for arg in term.args if arg not in group}
        free: dict[int, list[int]] = {}
        block = self.order[0].block
        for term in (block.inputs, *[t for t in self.order if self.phases[t] != WITHIN]):
            if term.kind in ("parameters", *_PASSED) or term in self.places or term in self.joined:
                continue
            self._place(term, free)
        for number, group in enumerate(self.groups[WITHIN]):
            for term in group:
                if term.batched and term in self.kept and not self.straight and term not in self.history:
                    self._place(term, free)
            for term in [term for term, end in last.items() if end == number]:
                if term.batched and term in self.places and term is not block.inputs:
                    free.setdefault(term.size, []).append(self.places[term])

    def ends_with(self, terms: Sequence[Term]) -> bool:
        """Whether the last loop of all computes these terms: then they may lie where it reads from."""
        return bool(self.groups[AFTER]) and set(terms) <= set(self.groups[AFTER][-1])

    def _place(self, term: Term, free: dict[int, list[int]]) -> None:
        if term.batched and free.get(term.size):
            self.places[term] = free[term.size].pop()
            return
        self.places[term] = self.size
        self.size += term.size * (self.lanes if term.batched else 1)
        self.size += -self.size % 8

    # --- values

    def number(self, value: float, lanes: int = 1) -> Any:
        ir = self.ir
        return ir.Constant(self._type(lanes), [value] * lanes if lanes > 1 else value)

    def _type(self, lanes: int) -> Any:
        return self.ir.VectorType(self.real, lanes) if lanes > 1 else self.real

    def whole_number(self, value: Any) -> Any:
        return value if isinstance(value, self.ir.Value) else self.ir.Constant(self.whole, value)

    def plus(self, a: Any, b: Any) -> Any:
        if isinstance(a, int) and isinstance(b, int):
            return a + b
        if isinstance(a, int) and a == 0:
            return b
        if isinstance(b, int) and b == 0:
            return a
        return self.builder.add(self.whole_number(a), self.whole_number(b))

    def times(self, a: Any, b: Any) -> Any:
        if isinstance(a, int) and isinstance(b, int):
            return a * b
        if isinstance(a, int):
            a, b = b, a
        return 0 if b == 0 else a if b == 1 else self.builder.mul(self.whole_number(a), self.whole_number(b))

    def splat(self, value: Any, lanes: int) -> Any:
        if lanes == 1:
            return value
        ir = self.ir
        kind = ir.VectorType(value.type, lanes)
        first = self.builder.insert_element(
            ir.Constant(kind, ir.Undefined), value, ir.Constant(ir.IntType(32), 0)
        )
        mask = ir.Constant(ir.VectorType(ir.IntType(32), lanes), [0] * lanes)
        return self.builder.shuffle_vector(first, ir.Constant(kind, ir.Undefined), mask)

    def part(self, value: Any, group: int) -> Any:
        """Some lanes of a vector: as many as an accumulator has."""
        if self.group == self.lanes:
            return value
        ir = self.ir
        chosen = range(group * self.group, (group + 1) * self.group)
        mask = ir.Constant(ir.VectorType(ir.IntType(32), self.group), list(chosen))
        return self.builder.shuffle_vector(value, ir.Constant(value.type, ir.Undefined), mask)

    def fma(self, a: Any, b: Any, c: Any) -> Any:
        ir, kind = self.ir, a.type
        lanes = f"v{kind.count}" if isinstance(kind, ir.VectorType) else ""
        name = f"llvm.fma.{lanes}f{8 * self.bytes}"
        function = self.module.globals.get(name) or ir.Function(
            self.module, ir.FunctionType(kind, [kind] * 3), name
        )
        return self.builder.call(function, [a, b, c])

    def address(self, base: Any, offset: Any) -> Any:
        return self.builder.gep(base, [self.whole_number(offset)], source_etype=self.real)

    def load(self, base: Any, offset: Any, lanes: int = 1, aligned: bool = False) -> Any:
        align = self.bytes * lanes if aligned else self.bytes
        return self.builder.load(self.address(base, offset), typ=self._type(lanes), align=min(align, ALIGNED))

    def store(self, value: Any, base: Any, offset: Any, lanes: int = 1, aligned: bool = False) -> None:
        align = self.bytes * lanes if aligned else self.bytes
        self.builder.store(value, self.address(base, offset), align=min(align, ALIGNED))

    @property
    def bytes(self) -> int:
        return 8 if isinstance(self.real, self.ir.DoubleType) else 4

    def table(self, data: Any) -> Any:
        """An array of constants in the module."""
        ir = self.ir
        key = (data.shape, data.tobytes())
        if key not in self.tables:
            kind = ir.ArrayType(self.whole if data.dtype.kind == "i" else self.real, data.size)
            self.tables[key] = table = ir.GlobalVariable(self.module, kind, f"table{len(self.tables)}")
            table.initializer = ir.Constant(kind, data.reshape(-1).tolist())
            table.global_constant, table.linkage = True, "internal"
        return self.tables[key]

    # --- loops

    def loop(
        self, start: Any, stop: Any, step: int, body: Callable[..., Any], carry: Sequence[Any] = ()
    ) -> list[Any]:
        """``for i in range(start, stop, step)``; the body gives anew what is carried."""
        builder, function = self.builder, self.builder.function
        before = builder.block
        head, inside, after = (function.append_basic_block() for _ in range(3))
        builder.branch(head)
        builder.position_at_end(head)
        i = builder.phi(self.whole)
        i.add_incoming(self.whole_number(start), before)
        carried = [builder.phi(value.type) for value in carry]
        for phi, value in zip(carried, carry):
            phi.add_incoming(value, before)
        builder.cbranch(builder.icmp_signed("<", i, self.whole_number(stop)), inside, after)
        builder.position_at_end(inside)
        values = body(i, *carried) or ()
        i.add_incoming(builder.add(i, self.whole_number(step)), builder.block)
        for phi, value in zip(carried, values, strict=True):
            phi.add_incoming(value, builder.block)
        builder.branch(head)
        builder.position_at_end(after)
        return carried

    def every(self, length: int, body: Callable[..., Any], carry: Sequence[Any] = ()) -> Sequence[Any]:
        """The rows of an axis: one after the other in straight code, otherwise a loop."""
        if length == 1 or (self.straight and self.phase == WITHIN):
            for i in range(length):
                carry = body(i, *carry) or ()
            return carry
        return self.loop(0, length, 1, body, carry)

    def in_fours(self, length: int, body: Callable[..., list[Any]], carry: Sequence[Any]) -> Sequence[Any]:
        """As `every`, with four rows in each turn of a loop."""
        if length < 8 or (self.straight and self.phase == WITHIN):
            return self.every(length, body, carry)

        def four(i: Any, *carried: Any) -> Sequence[Any]:
            for k in range(4):
                carried = tuple(body(self.plus(i, k), *carried))
            return carried

        carry = self.loop(0, length - length % 4, 4, four, carry)
        for i in range(length - length % 4, length):
            carry = body(i, *carry)
        return carry

    def tiles(self, length: int, tile: int, body: Callable[[Any, int], None]) -> None:
        """The rows of an axis, several at once: the body takes the first and how many."""
        if self.straight and self.phase == WITHIN:
            for i in range(0, length, tile):
                body(i, min(tile, length - i))
            return
        full = length - length % tile
        if full == tile:
            body(0, tile)
        elif full:
            self.loop(0, full, tile, lambda i: body(i, tile))
        if length > full:
            body(full, length - full)

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
        row = self._chosen(rows, index)
        if source in self.joined:
            source, rows = self.joined[source]
            row = self._chosen(rows, np.unravel_index(row, rows.shape) if isinstance(row, int) else (row,))
        return source, row

    def _chosen(self, rows: Indices, index: Sequence[Any]) -> Any:
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
        if term.kind in _NUMBERS:
            return self.splat(getattr(self, term.kind), lanes)
        source, row = self.origin(term, index)
        if source.kind in _NUMBERS:
            return self.splat(getattr(self, source.kind), lanes)
        spread = rows and self.along(term) == "same"
        if source.kind == "constant":
            if isinstance(row, int) and (source.size == 1 or not rows):
                return self.number(float(source.data.reshape(-1)[row]), lanes)
            base, offset = self.table(source.data), row
        elif source.batched and self.straight and source.kind != "inputs":
            return self.values[source, row]
        else:
            base, start = self.home(source)
            if source.batched:
                return self.load(base, self.plus(start, self.times(row, self.lanes)), lanes, True)
            offset = self.plus(start, row)
        if rows and not spread:
            return self.load(base, offset, lanes)
        return self.splat(self.load(base, offset), lanes)

    def put(self, term: Term, row: Any, value: Any, lanes: int) -> None:
        """Keep a number of a term."""
        if term.batched and self.straight and term.kind != "inputs":
            self.values[term, row] = value
            return
        if term in self.history:
            value = self._valid(value)
        base, start = self.home(term)
        width = self.lanes if term.batched else 1
        self.store(value, base, self.plus(start, self.times(row, width)), lanes, term.batched)

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

    # --- phases

    def emit(self, phase: int) -> None:
        """The code of all terms of a phase."""
        self.phase = phase
        for group in self.groups[phase]:
            (term, *_) = group
            if term.kind == "apply":
                self._elementwise(group)
            elif term in self.sums:
                self._accumulate(term)
            else:
                getattr(self, f"_{term.kind}")(term)

    def _elementwise(self, run: list[Term]) -> None:
        shape = run[0].shape
        kept = [term for term in run if term in self.kept]
        width = self.lanes if self.phase == WITHIN else 1
        rows = 1
        if self.phase != WITHIN and shape[-1] >= 8:
            outer_args = [arg for term in run for arg in term.args if arg not in run]
            fits = all(self.along(arg) is not None for arg in outer_args)
            fits = fits and all(
                arg.shape[-1:] in ((1,), shape[-1:])
                and (arg.kind != "constant" or arg.size == 1 or arg.shape == shape)
                for arg in outer_args
            )
            rows = 8 if fits else 1

        def compute(index: tuple[Any, ...], lanes: int) -> None:
            local: dict[Term, Any] = {}
            for term in run:
                values = [
                    local[arg]
                    if arg in local
                    else self.get(arg, index, lanes, rows=self.phase != WITHIN and lanes > 1)
                    for arg in term.args
                ]
                local[term] = self.apply(term.row, values)
            for term in kept:
                self.put(term, self.flat(term, index), local[term], lanes)

        def line(*outside: Any) -> None:
            length = shape[-1]
            full = length - length % rows
            if rows > 1:
                self.loop(0, full, rows, lambda j: compute((*outside, j), rows))
                if full < length:
                    self.loop(full, length, 1, lambda j: compute((*outside, j), 1))
            else:
                self.every(length, lambda j: compute((*outside, j), width))

        if len(shape) == 1:
            line()
        elif len(shape) == 2:
            self.every(shape[0], line)
        else:
            self.every(shape[0], lambda i: self.every(shape[1], lambda j: line(i, j)))

    def apply(self, row: Primitive, values: list[Any]) -> Any:
        """The code of a row on values of one type."""
        direct = _DIRECT.get(row.name)
        if direct is not None:
            return direct(self, *values)
        emit = ELEMENTARY[row.name]
        if self.bytes == 8:
            return emit(self.builder, *values)
        ir, kind = self.ir, values[0].type
        lanes = kind.count if isinstance(kind, ir.VectorType) else 1
        double = ir.VectorType(ir.DoubleType(), lanes) if lanes > 1 else ir.DoubleType()
        result = emit(self.builder, *[self.builder.fpext(value, double) for value in values])
        return self.builder.fptrunc(result, kind)

    # --- the kinds of terms

    def _width(self) -> int:
        return self.lanes if self.phase == WITHIN else 1

    def _put(self, term: Term) -> None:
        width, tiled = self._width(), tiles(term)
        if not tiled:
            zero = self.number(0.0, width)
            self.every(term.size, lambda i: self.put(term, i, zero, width))
        for index, arg in zip(term.index, term.args):
            if arg in self.joined and self.joined[arg][0] is term:
                continue
            placed = Term.__new__(Term)  # the rows of the result that the piece goes to
            placed.kind, placed.args, placed.shape, placed.index, placed.batched = (
                "take",
                (term,),
                index.shape,
                index,
                term.batched,
            )

            def move(*place: Any, arg: Term = arg, placed: Term = placed) -> None:
                value = self.get(arg, place, width)
                _, row = self.origin(placed, place)
                if not tiled:
                    value = self.builder.fadd(self.get(placed, place, width), value)
                self.put(term, row, value, width)

            self._each(index.shape, move)

    def _each(self, shape: Sequence[int], body: Callable[..., Any]) -> None:
        if not shape:
            body()
        else:
            self.every(shape[0], lambda i: self._each(shape[1:], lambda *rest: body(i, *rest)))

    def _broadcast(self, term: Term) -> None:
        width = self._width()
        self._each(
            term.shape,
            lambda *index: self.put(
                term, self.flat(term, index), self.get(term.args[0], index, width), width
            ),
        )

    def _fold(self, term: Term, axis: int, start: float, rule: Callable[[Any, Any], Any]) -> None:
        (x,) = term.args
        width = self._width()

        def along(*rest: Any) -> None:
            def index(i: Any) -> tuple[Any, ...]:
                return (*rest[:axis], i, *rest[axis:])

            (result,) = self.every(
                x.shape[axis],
                lambda i, so_far: [rule(so_far, self.get(x, index(i), width))],
                [self.number(start, width)],
            )
            self.put(term, self.flat(term, index(0)), result, width)

        self._each([length for i, length in enumerate(x.shape) if i != axis], along)

    def _total(self, term: Term) -> None:
        self._fold(term, 0, 0.0, self.builder.fadd)

    def _across(self, term: Term) -> None:
        self._fold(term, 1, 0.0, self.builder.fadd)

    def _largest(self, term: Term) -> None:
        self._fold(term, 0, -math.inf, lambda a, b: self.apply(TABLE["maximum"], [a, b]))

    def _others(self, term: Term) -> None:
        """The sum of those before, and then of those after."""
        (x,) = term.args
        width, n = self._width(), term.shape[0]
        zero = self.number(0.0, width)

        def column(*rest: Any) -> None:
            def before(i: Any, so_far: Any) -> list[Any]:
                self.put(term, self.flat(term, (i, *rest)), so_far, width)
                return [self.builder.fadd(so_far, self.get(x, (i, *rest), width))]

            def after(i: Any, so_far: Any) -> list[Any]:
                j = n - 1 - i if isinstance(i, int) else self.builder.sub(self.whole_number(n - 1), i)
                both = self.builder.fadd(self.get(term, (j, *rest), width), so_far)
                self.put(term, self.flat(term, (j, *rest)), both, width)
                return [self.builder.fadd(so_far, self.get(x, (j, *rest), width))]

            self.every(n, before, [zero])
            self.every(n, after, [zero])

        self._each(term.shape[1:], column)

    def _product(self, term: Term) -> None:
        a, b = term.args
        n = b.shape[0]
        if self.phase != WITHIN and term.size == 1:
            self._inner(term, a, b)
            return
        wide = self.phase != WITHIN and self.along(b) == "unit" and b.shape[1] >= 8
        width = self._width()

        def cells(first: Any, count: int, column: Any, lanes: int) -> None:
            def step(k: Any, *sums: Any) -> list[Any]:
                right = self.get(b, (k, column), lanes, rows=wide and lanes > 1)
                return [
                    self.fma(self.get(a, (k, row) if term.flag else (row, k), lanes), right, so_far)
                    for row, so_far in zip(rows, sums)
                ]

            rows = [self.plus(first, t) for t in range(count)]
            sums = self.in_fours(n, step, [self.number(0.0, lanes)] * count)
            for row, value in zip(rows, sums):
                self.put(term, self.flat(term, (row, column)), value, lanes)

        def rows_of(column: Any, lanes: int) -> None:
            tile = max(1, 24 // max(1, lanes // 8)) if lanes >= 8 else 8
            self.tiles(term.shape[0], min(tile, 8), lambda first, count: cells(first, count, column, lanes))

        if not wide:
            self.every(term.shape[1], lambda column: rows_of(column, width))
            return
        full = term.shape[1] - term.shape[1] % 8
        self.loop(0, full, 8, lambda column: rows_of(column, 8))
        self.loop(full, term.shape[1], 1, lambda column: rows_of(column, 1))

    def _inner(self, term: Term, a: Term, b: Term) -> None:
        """The inner product of a row and a column, in eight parts if they lie so in memory."""
        n = b.shape[0]
        row, column = self._line(a, n), self._line(b, n)
        full = 0
        total = self.number(0.0)
        if self.along(row) == self.along(column) == "unit" and n >= 16:
            full = n - n % 8
            (parts,) = self.loop(
                0,
                full,
                8,
                lambda k, so_far: [
                    self.fma(self.get(row, (k,), 8, True), self.get(column, (k,), 8, True), so_far)
                ],
                [self.number(0.0, 8)],
            )
            total = self.lane_sum(parts)
        (total,) = self.loop(
            full,
            n,
            1,
            lambda k, so_far: [self.fma(self.get(row, (k,), 1), self.get(column, (k,), 1), so_far)],
            [total],
        )
        self.put(term, 0, total, 1)

    def _line(self, term: Term, n: int) -> Term:
        """A row or a column as one axis."""
        return term.block.reshape(term, (n,))

    def lane_sum(self, value: Any) -> Any:
        ir = self.ir
        total = self.builder.extract_element(value, ir.Constant(ir.IntType(32), 0))
        for lane in range(1, value.type.count):
            each = self.builder.extract_element(value, ir.Constant(ir.IntType(32), lane))
            total = self.builder.fadd(total, each)
        return total

    def _outer(self, term: Term) -> None:
        """Of what is not batched, and of what is so wide that it is not added up block by block."""
        if term in self.wide:
            from_inputs = _source(term.args[1]).kind == "inputs"
            (self._product_with_inputs if from_inputs else self._product_of_lanes)(term)
            return
        a, b = term.args
        r = a.shape[1]

        def cell(i: Any, j: Any) -> None:
            (total,) = self.every(
                r,
                lambda k, so_far: [self.fma(self.get(a, (i, k), 1), self.get(b, (j, k), 1), so_far)],
                [self.number(0.0)],
            )
            self.put(term, self.flat(term, (i, j)), total, 1)

        self._each(term.shape, cell)

    def _product_of_lanes(self, term: Term) -> None:
        """Σ aₑ xₑᵀ of terms that were kept for all blocks: eight columns of three rows at once.

        Where there is no example both are 0.
        """
        a, b = term.args
        rows, columns = term.shape

        def kept(of: Term, row: Any, first: Any) -> Any:
            source, at = self.origin(of, (row, 0))
            there = self.plus(self.times(first, self.record // self.lanes), self.history[source])
            return self.load(
                self.history_base, self.plus(there, self.times(at, self.lanes)), self.lanes, True
            )

        def tile(row: Any, count: int, column: Any, across: int) -> None:
            def block(first: Any, *sums: Any) -> list[Any]:
                x = [kept(b, self.plus(column, k), first) for k in range(across)]
                new = []
                for t in range(count):
                    factor = kept(a, self.plus(row, t), first)
                    for k in range(across):
                        total = sums[t * across + k]
                        for group in range(self.lanes // 8):
                            total = self.fma(self.part(factor, group), self.part(x[k], group), total)
                        new.append(total)
                return new

            sums = self.loop(0, self.count_int, self.lanes, block, [self.number(0.0, 8)] * (count * across))
            for t in range(count):
                vectors = list(sums[t * across : (t + 1) * across])
                target, at = self.origin(term, (self.plus(row, t), column))
                total = self._transposed_sum(vectors) if across == 8 else self.lane_sum(vectors[0])
                self.put(target, at, total, across)

        def columns_of(row: Any, count: int) -> None:
            full = columns - columns % 8
            self.loop(0, full, 8, lambda column: tile(row, count, column, 8))
            self.loop(full, columns, 1, lambda column: tile(row, count, column, 1))

        self.tiles(rows, min(rows, 3), columns_of)

    def _product_with_inputs(self, term: Term) -> None:
        """Σ aₑ xₑᵀ over all examples e, from their rows as the caller has them, eight numbers at once."""
        a, b = term.args
        (rows, columns), builder = term.shape, self.builder
        source, first_row = self.origin(a, (0, 0))
        _, next_row = self.origin(a, (1, 0)) if rows > 1 else (source, first_row)
        begin, _ = (0, ()) if b.kind == "inputs" else affine(b.index)  # type: ignore[misc]  # see _is_wide
        width, stretch = self.order[0].block.inputs.size, max(64, self.lanes)

        def tile(row: Any, count: int, column: Any, vectors: int, lanes: int, begin_at: Any) -> None:
            def example(lane: Any, *sums: Any, block: Any) -> list[Any]:
                number = builder.load(
                    builder.gep(self.examples_order, [builder.add(block, lane)], source_etype=self.whole),
                    typ=self.whole,
                )
                place = self.plus(builder.mul(number, self.whole_number(width)), self.plus(column, begin))
                x = [self.load(self.batch, self.plus(place, lanes * v), lanes) for v in range(vectors)]
                there = self.plus(
                    builder.mul(block, self.whole_number(self.record // self.lanes)), self.history[source]
                )
                new = []
                for t in range(count):
                    at = self.plus(first_row, self.times(self.plus(row, t), next_row - first_row))
                    place = self.plus(there, self.plus(self.times(at, self.lanes), lane))
                    factor = self.splat(self.load(self.history_base, place), lanes)
                    new += [self.fma(factor, x[v], sums[t * vectors + v]) for v in range(vectors)]
                return new

            def block(first: Any, *sums: Any) -> list[Any]:
                left = builder.sub(self.count_int, first)
                full = builder.icmp_signed("<", self.whole_number(self.lanes), left)
                here = builder.select(full, self.whole_number(self.lanes), left)
                return self.loop(0, here, 1, functools.partial(example, block=first), sums)

            places = [
                self.origin(term, (self.plus(row, t), self.plus(column, lanes * v)))
                for t in range(count)
                for v in range(vectors)
            ]
            zero, is_first = (
                self.number(0.0, lanes),
                builder.icmp_signed("==", begin_at, self.whole_number(0)),
            )
            known = [builder.select(is_first, zero, self._result(target, at, lanes)) for target, at in places]
            end = builder.add(begin_at, self.whole_number(stretch))
            beyond = builder.icmp_signed("<", self.count_int, end)
            end = builder.select(beyond, self.count_int, end)
            sums = self.loop(begin_at, end, self.lanes, block, known)
            for (target, at), total in zip(places, sums):
                self.put(target, at, total, lanes)

        def across(column: Any, vectors: int, lanes: int, first: Any) -> None:
            self.tiles(rows, min(rows, 8), lambda row, count: tile(row, count, column, vectors, lanes, first))

        # Some columns of some examples stay in the nearest cache while all rows pass.
        def some(first: Any) -> None:
            many, full = columns - columns % 24, columns - columns % 8
            self.loop(0, many, 24, lambda column: across(column, 3, 8, first))
            self.loop(many, full, 8, lambda column: across(column, 1, 8, first))
            self.loop(full, columns, 1, lambda column: across(column, 1, 1, first))

        self.loop(0, self.count_int, stretch, some)

    def _result(self, target: Term, at: Any, lanes: int) -> Any:
        base, start = self.home(target)
        return self.load(base, self.plus(start, at), lanes)

    # --- sums over the batch

    def _accumulate(self, term: Term) -> None:
        """Add this block's share to a sum over the batch."""
        if term.kind == "outer":
            self._accumulate_outer(term)
            return

        def one(*index: Any) -> None:
            self._add(term, index, self._valid(self.get(term.args[0], index, self.lanes)))

        self._each(term.shape, one)

    def _accumulate_outer(self, term: Term) -> None:
        a, b = term.args
        r = a.shape[1]

        def rows(first: Any, count: int) -> None:
            places = [self.plus(first, t) for t in range(count)]
            if r > 1:
                for place in places:
                    self.every(term.shape[1], functools.partial(self._add_many, term, place))
                return
            left = [self._valid(self.get(a, (place, 0), self.lanes)) for place in places]

            def column(j: Any) -> None:
                right = self._valid(self.get(b, (j, 0), self.lanes))
                for place, each in zip(places, left):
                    self._add(term, (place, j), each, right)

            self.every(term.shape[1], column)

        self.tiles(term.shape[0], 4, rows)

    def _add_many(self, term: Term, i: Any, j: Any) -> None:
        """Add the products of a row and a column to an accumulator."""
        a, b = term.args

        def step(k: Any) -> None:
            left, right = self.get(a, (i, k), self.lanes), self.get(b, (j, k), self.lanes)
            self._add(term, (i, j), self._valid(left), self._valid(right))

        self.every(a.shape[1], step)

    def _valid(self, value: Any) -> Any:
        """A value with 0 in the lanes that hold no example."""
        if self.mask is None:
            return value
        return self.builder.select(self.mask, value, self.number(0.0, self.lanes))

    def _add(self, term: Term, index: tuple[Any, ...], left: Any, right: Any = None) -> None:
        """Add a number to an accumulator, or a product."""
        source, row = self.origin(term, index)
        place = self.times(self.plus(row, self.places[source] - self.first_sum), self.group)
        total = self.load(self.scratch, place, self.group, True)
        for group in range(self.lanes // self.group):
            if right is None:
                total = self.builder.fadd(total, self.part(left, group))
            else:
                total = self.fma(self.part(left, group), self.part(right, group), total)
        self.store(total, self.scratch, place, self.group, True)

    def in_eights(self, length: int, body: Callable[[Any, int], None]) -> None:
        """A loop over numbers that lie in a row, eight at a time, and over those left one by one."""
        full = length - length % 8
        if full:
            self.loop(0, full, 8, lambda i: body(i, 8))
        if full < length:
            self.loop(full, length, 1, lambda i: body(i, 1))

    def length(self, base: Any, start: int, size: int) -> Any:
        """The length √Σ x² of numbers in a row; they are scaled where a square would overflow or vanish."""
        builder = self.builder

        def sum_of_squares(factor: Any) -> Any:
            def square(i: Any, total: Any, lanes: int) -> list[Any]:
                x = builder.fmul(self.load(base, self.plus(i, start), lanes), self.splat(factor, lanes))
                return [self.fma(x, x, total)]

            full = size - size % 8
            (total,) = self.loop(0, full, 8, lambda i, total: square(i, total, 8), [self.number(0.0, 8)])
            (total,) = self.loop(full, size, 1, lambda i, total: square(i, total, 1), [self.lane_sum(total)])
            return total

        def larger(i: Any, largest: Any) -> list[Any]:
            x = self.apply(TABLE["abs"], [self.load(base, self.plus(i, start))])
            return [self.apply(TABLE["maximum"], [largest, x])]

        low, high = (1e-280, 1e280) if self.bytes == 8 else (1e-25, 1e25)
        plain = sum_of_squares(self.number(1.0))
        near = builder.and_(
            builder.fcmp_ordered(">", plain, self.number(low)),
            builder.fcmp_ordered("<", plain, self.number(high)),
        )
        with builder.if_else(near) as (then, otherwise):
            with then:
                usual, usual_block = self.apply(TABLE["sqrt"], [plain]), builder.block
            with otherwise:
                (largest,) = self.loop(0, size, 1, larger, [self.number(0.0)])
                zero = builder.fcmp_ordered("==", largest, self.number(0.0))
                factor = builder.fdiv(self.number(1.0), largest)
                root = self.apply(TABLE["sqrt"], [sum_of_squares(factor)])
                scaled = builder.select(zero, largest, builder.fmul(root, largest))
                infinite = builder.fcmp_ordered("==", largest, self.number(math.inf))
                scaled, scaled_block = builder.select(infinite, largest, scaled), builder.block
        length = builder.phi(self.real)
        length.add_incoming(usual, usual_block)
        length.add_incoming(scaled, scaled_block)
        return length

    def nothing(self, base: Any, size: int) -> Any:
        """Σ (x − x) of numbers in a row: 0 if all are finite, otherwise nan."""
        full = size - size % 8

        def gap(i: Any, total: Any, lanes: int) -> list[Any]:
            x = self.load(base, i, lanes)
            return [self.builder.fadd(total, self.builder.fsub(x, x))]

        (total,) = self.loop(0, full, 8, lambda i, total: gap(i, total, 8), [self.number(0.0, 8)])
        (total,) = self.loop(full, size, 1, lambda i, total: gap(i, total, 1), [self.lane_sum(total)])
        return total

    def clear(self) -> None:
        zero = self.number(0.0, 8)
        if self.accumulators:
            self.loop(0, self.first_sum, 8, lambda i: self.store(zero, self.scratch, i, 8, True))

    def gather_sums(self) -> None:
        """Add up the lanes of the accumulators, eight of them at a time."""
        if not self.accumulators:
            return

        def eight(i: Any) -> None:
            start = self.times(i, self.group)
            vectors = [
                self.load(self.scratch, self.plus(start, k * self.group), self.group, self.group > 1)
                for k in range(8)
            ]
            if self.group == 8:
                self.store(self._transposed_sum(vectors), self.scratch, self.plus(i, self.first_sum), 8, True)
            else:
                for k, vector in enumerate(vectors):
                    self.store(vector, self.scratch, self.plus(i, self.first_sum + k))

        self.loop(0, self.accumulators, 8, eight)

    def _transposed_sum(self, vectors: list[Any]) -> Any:
        """A vector of the sums of eight vectors, by adding halves that are interleaved."""
        ir, builder = self.ir, self.builder
        for width in (1, 2, 4):
            low = [lane + (8 - width if lane % (2 * width) >= width else 0) for lane in range(8)]
            kind = ir.VectorType(ir.IntType(32), 8)
            masks = [ir.Constant(kind, low), ir.Constant(kind, [lane + width for lane in low])]
            vectors = [
                builder.fadd(*(builder.shuffle_vector(a, b, mask) for mask in masks))
                for a, b in zip(vectors[::2], vectors[1::2])
            ]
        return vectors[0]

    # --- a pass over a batch

    def examples(self, batch: Any, order: Any, first: Any, width: int) -> None:
        """The inputs of a block: lane l holds example order[first + l], the last one again beyond the end."""
        inputs = self.order[0].block.inputs
        if inputs not in self.phases:
            return
        builder, ir = self.builder, self.ir
        starts = []
        for lane in range(self.lanes):
            place = self.plus(first, lane)
            if lane:
                place = builder.select(builder.icmp_signed("<", place, self.count_int), place, self.last)
            example = builder.load(
                builder.gep(order, [self.whole_number(place)], source_etype=self.whole), typ=self.whole
            )
            starts.append(builder.mul(example, self.whole_number(width)))

        def column(i: Any) -> None:
            if self.lanes == 1:
                value = self.load(batch, self.plus(starts[0], i))
            else:
                value = ir.Constant(self._type(self.lanes), ir.Undefined)
                for lane, start in enumerate(starts):
                    each = self.load(batch, self.plus(start, i))
                    value = builder.insert_element(value, each, ir.Constant(ir.IntType(32), lane))
            self.put(inputs, i, value, self.lanes)

        self.phase = WITHIN
        self.every(width, column)

    def valid_lanes(self, first: Any) -> Any:
        """Which lanes hold an example, None if there is only one."""
        if self.lanes == 1:
            return None
        ir = self.ir
        lanes = ir.Constant(ir.VectorType(self.whole, self.lanes), list(range(self.lanes)))
        place = self.builder.add(self.splat(first, self.lanes), lanes)
        return self.builder.icmp_signed("<", place, self.splat(self.count_int, self.lanes))

    def size_of(self, count: Any) -> None:
        """Set the number of examples in the batch."""
        self.count_int, self.last = count, self.builder.sub(count, self.whole_number(1))

    def run(self, count: Any, mean: bool, inputs: Callable[[Any], None], outputs: Any = None) -> None:
        """The three phases on `count` examples; `inputs` and `outputs` are done for each block."""
        builder = self.builder
        self.size_of(count)
        self.count = builder.sitofp(count, self.real)
        one = self.number(1.0)
        self.seed = builder.fdiv(one, self.count) if mean else one
        self.whole_seed = one if mean else self.count
        self.emit(BEFORE)
        if WITHIN in self.phases.values():
            self.clear()

            def block(first: Any) -> None:
                self.mask = self.valid_lanes(first)
                inputs(first)
                here = self.address(self.history_base, self.times(first, self.record // self.lanes))
                self.homes |= {term: (here, place) for term, place in self.history.items()}
                self.emit(WITHIN)
                if outputs is not None:
                    outputs(first)

            self.loop(0, count, self.lanes, block)
            self.phase = AFTER
            self.gather_sums()
        self.emit(AFTER)


def _source(term: Term) -> Term:
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
    return _source(a).kind != "inputs" and (_source(b).kind != "inputs" or _in_line(b))


def _in_line(term: Term) -> bool:
    """Whether the rows of a term are consecutive rows of another."""
    spaced = affine(term.index) if term.kind == "take" else (0, (1, 1))
    return spaced is not None and spaced[1][0] == 1


def reduces(term: Term) -> bool:
    return any(arg.batched for arg in term.args)


# --- rows that are an instruction or two -----------------------------------------------------------


def _binary(name: str) -> Callable[..., Any]:
    return lambda kernel, a, b: getattr(kernel.builder, name)(a, b)


def _filled(kernel: Kernel, like: Any, number: float) -> Any:
    lanes = like.type.count if isinstance(like.type, kernel.ir.VectorType) else 1
    return kernel.number(number, lanes)


def _relu(kernel: Kernel, x: Any) -> Any:
    zero = _filled(kernel, x, 0.0)
    return kernel.builder.select(kernel.builder.fcmp_ordered("<=", x, zero), zero, x)


def _step(kernel: Kernel, x: Any) -> Any:
    builder, zero, one = kernel.builder, _filled(kernel, x, 0.0), _filled(kernel, x, 1.0)
    return builder.select(
        builder.fcmp_ordered(">", x, zero), one, builder.select(builder.fcmp_unordered("uno", x, x), x, zero)
    )


def _greater(kernel: Kernel, a: Any, b: Any) -> Any:
    builder = kernel.builder
    decided = builder.select(
        builder.fcmp_ordered(">", a, b), _filled(kernel, a, 1.0), _filled(kernel, a, 0.0)
    )
    return builder.select(builder.fcmp_unordered("uno", a, b), _filled(kernel, a, math.nan), decided)


def _where(kernel: Kernel, condition: Any, a: Any, b: Any) -> Any:
    builder = kernel.builder
    return builder.select(builder.fcmp_unordered("!=", condition, _filled(kernel, a, 0.0)), a, b)


_DIRECT: dict[str, Callable[..., Any]] = {
    "add": _binary("fadd"),
    "sub": _binary("fsub"),
    "mul": _binary("fmul"),
    "div": _binary("fdiv"),
    "neg": lambda kernel, x: kernel.builder.fneg(x),
    "relu": _relu,
    "step": _step,
    "greater": _greater,
    "where": _where,
}
