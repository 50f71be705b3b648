"""Writes native code: numbers, memory, loops, and the rows of the table."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ...engine.primitives import TABLE, Primitive
from .. import tuning
from .libm import ELEMENTARY, SHORT

__all__ = ["DIRECT", "Builder", "is_long"]


class Builder:
    """Writes a native function: `arguments` are its arguments, `llvm` writes the next instruction.

    Counts and offsets are Python numbers or values of the function. A value has one or several lanes.

    Parameters
    ----------
    name : of the function.
    dtype : of its numbers, float64 or float32.
    result, arguments : "pointer", "whole" or "none" each.
    """

    unrolled = False  # whether loops over rows are written out
    some: int | None = None  # how many lanes of vectors of rows are read and written; None for all

    def __init__(self, name: str, dtype: np.dtype[Any], result: str, *arguments: str) -> None:
        from llvmlite import ir

        self.ir = ir
        self.real = ir.DoubleType() if dtype == np.float64 else ir.FloatType()
        self.whole, self.pointer = ir.IntType(64), ir.PointerType()
        self.module = ir.Module(name=name)
        self.tables: dict[Any, Any] = {}
        types = {"pointer": self.pointer, "whole": self.whole, "none": ir.VoidType()}
        kind = ir.FunctionType(types[result], [types[each] for each in arguments])
        function = ir.Function(self.module, kind, name)
        function.attributes.add("nounwind")
        self.arguments: Sequence[Any] = function.args
        for argument in self.arguments:
            if argument.type == self.pointer:
                argument.add_attribute("noalias")
        self.llvm = ir.IRBuilder(function.append_basic_block())

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
        return self.llvm.add(self.whole_number(a), self.whole_number(b))

    def times(self, a: Any, b: Any) -> Any:
        if isinstance(a, int) and isinstance(b, int):
            return a * b
        if not isinstance(b, int):
            return self.llvm.mul(self.whole_number(a), b)
        return 0 if b == 0 else a if b == 1 else self.llvm.mul(self.whole_number(a), self.whole_number(b))

    def least(self, a: Any, b: Any) -> Any:
        """The smaller of two whole numbers."""
        a, b = self.whole_number(a), self.whole_number(b)
        return self.llvm.select(self.llvm.icmp_signed("<", a, b), a, b)

    def splat(self, value: Any, lanes: int) -> Any:
        if lanes == 1:
            return value
        undefined = self.ir.Constant(self.ir.VectorType(value.type, lanes), self.ir.Undefined)
        first = self.llvm.insert_element(undefined, value, self.small(0))
        return self.chosen(first, undefined, [0] * lanes)

    def fma(self, a: Any, b: Any, c: Any) -> Any:
        ir, kind = self.ir, a.type
        lanes = f"v{kind.count}" if isinstance(kind, ir.VectorType) else ""
        signature = ir.FunctionType(kind, [kind] * 3)
        function = self.module.declare_intrinsic(f"llvm.fma.{lanes}f{8 * self.bytes}", fnty=signature)
        return self.llvm.call(function, [a, b, c])

    def address(self, base: Any, offset: Any) -> Any:
        return self.llvm.gep(base, [self.whole_number(offset)], source_etype=self.real)

    def load(self, base: Any, offset: Any, lanes: int = 1, aligned: bool = False) -> Any:
        align = self._alignment(lanes if aligned else 1)
        return self.llvm.load(self.address(base, offset), typ=self._type(lanes), align=align)

    def store(self, value: Any, base: Any, offset: Any, lanes: int = 1, aligned: bool = False) -> None:
        self.llvm.store(value, self.address(base, offset), align=self._alignment(lanes if aligned else 1))

    def load_rows(self, base: Any, offset: Any, lanes: int) -> Any:
        """Consecutive numbers, in `some` lanes."""
        if self.some is None or lanes == 1:
            return self.load(base, offset, lanes)
        place, kind = self.address(base, offset), self._type(lanes)
        return self._masked("load", kind, [place], lanes, self.ir.Constant(kind, None))

    def store_rows(self, value: Any, base: Any, offset: Any, lanes: int) -> None:
        """Write consecutive numbers, from `some` lanes."""
        if self.some is None or lanes == 1:
            self.store(value, base, offset, lanes)
        else:
            self._masked("store", value.type, [value, self.address(base, offset)], lanes)

    def load_anywhere(self, base: Any, offsets: Any) -> Any:
        """The numbers at a vector of offsets, in `some` lanes."""
        lanes = offsets.type.count
        places = self.llvm.gep(base, [offsets], source_etype=self.real)
        places.type = self.ir.VectorType(self.pointer, lanes)  # which llvmlite does not know
        kind = self._type(lanes)
        return self._masked("gather", kind, [places], lanes, self.ir.Constant(kind, None))

    def load_offsets(self, table: Any, row: Any, lanes: int) -> Any:
        """Consecutive whole numbers of a table, in `some` lanes."""
        place = self.llvm.gep(table, [self.whole_number(row)], source_etype=self.whole)
        kind = self.ir.VectorType(self.whole, lanes)
        if self.some is None:
            return self.llvm.load(place, typ=kind, align=8)
        return self._masked("load", kind, [place], lanes, self.ir.Constant(kind, None))

    def _masked(self, what: str, kind: Any, arguments: list[Any], lanes: int, *otherwise: Any) -> Any:
        ir = self.ir
        number = f"v{lanes}{'i64' if kind.element == self.whole else f'f{8 * self.bytes}'}"
        name = f"llvm.masked.{what}.{number}.{f'v{lanes}p0' if what == 'gather' else 'p0'}"
        bits = ir.VectorType(ir.IntType(1), lanes)
        count = lanes if self.some is None else self.some
        align = self.small(8 if kind.element == self.whole else self.bytes)
        mask = ir.Constant(bits, [int(lane < count) for lane in range(lanes)])
        for each in arguments:
            if isinstance(each.type, ir.PointerType):
                each.type = self.pointer  # in a table too, whose length llvmlite takes for a part of its type
        told = [*arguments, align, mask, *otherwise]
        signature = ir.FunctionType(ir.VoidType() if what == "store" else kind, [each.type for each in told])
        return self.llvm.call(self.module.declare_intrinsic(name, fnty=signature), told)

    def load_whole(self, base: Any, index: Any) -> Any:
        """An element of an array of whole numbers."""
        place = self.llvm.gep(base, [self.whole_number(index)], source_etype=self.whole)
        return self.llvm.load(place, typ=self.whole)

    def _alignment(self, lanes: int) -> int:
        return min(self.bytes * lanes, tuning.ALIGNED)

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
            # As text: `ir.Constant` makes an object of each number.
            flat = data.reshape(-1)
            if data.dtype.kind == "i":
                numbers = list(map(str, flat.tolist()))
            else:  # the bits of doubles, which have to be numbers of the type
                rounded = flat.astype(f"f{self.bytes}").astype(np.float64)
                numbers = list(map("0x{:016x}".format, rounded.view(np.uint64).tolist()))
            each = f", {kind.element} ".join(numbers)
            table.initializer = ir.FormattedConstant(kind, f"[{kind.element} {each}]")
            table.global_constant, table.linkage = True, "internal"
        return self.tables[key]

    # --- loops

    def loop(
        self, start: Any, stop: Any, step: int, body: Callable[..., Any], carry: Sequence[Any] = ()
    ) -> list[Any]:
        """``for i in range(start, stop, step)``: ``body(i, *carry)`` gives the next values of `carry`."""
        numbers = isinstance(start, int) and isinstance(stop, int)
        if numbers and len(range(start, stop, step)) < 2:
            for i in range(start, stop, step):
                carry = body(i, *carry) or ()
            return list(carry)
        builder, function = self.llvm, self.llvm.function
        before = builder.block
        inside, after = (function.append_basic_block() for _ in range(2))
        if numbers:
            builder.branch(inside)
        else:
            builder.cbranch(
                builder.icmp_signed("<", self.whole_number(start), self.whole_number(stop)), inside, after
            )
        builder.position_at_end(inside)
        i = builder.phi(self.whole)
        i.add_incoming(self.whole_number(start), before)
        carried = [builder.phi(value.type) for value in carry]
        for phi, value in zip(carried, carry):
            phi.add_incoming(value, before)
        values = list(body(i, *carried) or ())
        following = builder.add(i, self.whole_number(step))
        last = builder.block
        i.add_incoming(following, last)
        for phi, value in zip(carried, values, strict=True):
            phi.add_incoming(value, last)
        builder.cbranch(builder.icmp_signed("<", following, self.whole_number(stop)), inside, after)
        builder.position_at_end(after)
        if numbers:
            return values
        results = [builder.phi(value.type) for value in values]
        for phi, value, first in zip(results, values, carry):
            phi.add_incoming(first, before)
            phi.add_incoming(value, last)
        return results

    def every(self, length: int, body: Callable[..., Any], carry: Sequence[Any] = ()) -> Sequence[Any]:
        """The body for each row of an axis: unrolled in straight code, otherwise a loop."""
        if length == 1 or self.unrolled:
            for i in range(length):
                carry = body(i, *carry) or ()
            return carry
        return self.loop(0, length, 1, body, carry)

    def each(self, shape: Sequence[int], body: Callable[..., Any]) -> None:
        """The body for each index of a shape."""
        if not shape:
            body()
        else:
            self.every(shape[0], lambda i: self.each(shape[1:], lambda *rest: body(i, *rest)))

    def in_fours(self, length: int, body: Callable[..., list[Any]], carry: Sequence[Any]) -> Sequence[Any]:
        """As `every`, but a turn of the loop does four rows."""
        if length < 8 or self.unrolled:
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
        """The rows of an axis in tiles: ``body(first, count)``."""
        if self.unrolled:
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

    def rows(self, length: int, body: Callable[[Any, int], None], again: bool = True) -> None:
        """``body(i, lanes)`` for the rows of an axis, eight at once.

        The last eight overlap the ones before if rows may be computed `again`; else they use `some` lanes.
        """
        if length < 3:
            self.every(length, lambda i: body(i, 1))
        elif length >= 8 and again and length % 8:
            self.loop(0, length, 8, lambda i: body(self.least(i, length - 8), 8))
        else:
            full = length - length % 8
            self.loop(0, full, 8, lambda i: body(i, 8))
            if length > full:
                self.some = length - full
                body(full, 8)
                self.some = None

    def in_eights(self, length: Any, body: Callable[[Any, int], None]) -> None:
        """``body(i, lanes)`` for contiguous numbers: eight at a time, then the rest one by one."""
        if isinstance(length, int):
            full: Any = length - length % 8
        else:
            full = self.llvm.and_(length, self.whole_number(-8))
        self.loop(0, full, 8, lambda i: body(i, 8))
        self.loop(full, length, 1, lambda i: body(i, 1))

    # --- vectors

    def lane_sum(self, value: Any) -> Any:
        return functools.reduce(self.llvm.fadd, [self.lane(value, i) for i in range(value.type.count)])

    def together(self, values: Sequence[Any]) -> Any:
        """The vector of some numbers; a single one stays a number."""
        if len(values) == 1:
            return values[0]
        vector = self.ir.Constant(self._type(len(values)), self.ir.Undefined)
        for lane, value in enumerate(values):
            vector = self.llvm.insert_element(vector, value, self.small(lane))
        return vector

    def lane(self, vector: Any, number: int) -> Any:
        if not isinstance(vector.type, self.ir.VectorType):
            return vector
        return self.llvm.extract_element(vector, self.small(number))

    def small(self, number: int) -> Any:
        """A whole number of 32 bits."""
        return self.ir.Constant(self.ir.IntType(32), number)

    def chosen(self, a: Any, b: Any, places: Sequence[int]) -> Any:
        """The numbers of two vectors, one after the other, at these places."""
        mask = self.ir.Constant(self.ir.VectorType(self.ir.IntType(32), len(places)), list(places))
        return self.llvm.shuffle_vector(a, b, mask)

    def transposed(self, rows: Sequence[Any]) -> list[Any]:
        """The transpose of eight vectors of eight, in three rounds of exchanges; of four, of each half."""
        vectors = list(rows)
        for width in (1, 2, 4)[: len(vectors).bit_length() - 1]:
            kept = [lane if not lane & width else 8 + lane - width for lane in range(8)]
            for i in [i for i in range(len(vectors)) if not i & width]:
                pair = vectors[i], vectors[i + width]
                vectors[i] = self.chosen(*pair, kept)
                vectors[i + width] = self.chosen(*pair, [lane + width for lane in kept])
        return vectors

    def transposed_sum(self, vectors: list[Any]) -> Any:
        """The vector of the sums of eight vectors, by pairwise additions of interleaved halves."""
        for width in (1, 2, 4):
            low = [lane + (8 - width if lane % (2 * width) >= width else 0) for lane in range(8)]
            high = [lane + width for lane in low]
            vectors = [
                self.llvm.fadd(self.chosen(a, b, low), self.chosen(a, b, high))
                for a, b in zip(vectors[::2], vectors[1::2])
            ]
        return vectors[0]

    def total(self, size: int, add: Callable[[Any, Any, int], Any]) -> Any:
        """A sum over contiguous numbers by ``add(i, total, lanes)``: eight at a time, then one by one."""
        full = size - size % 8
        (total,) = self.loop(0, full, 8, lambda i, total: [add(i, total, 8)], [self.number(0.0, 8)])
        (total,) = self.loop(full, size, 1, lambda i, total: [add(i, total, 1)], [self.lane_sum(total)])
        return total

    def length(self, base: Any, start: int, size: int) -> Any:
        """√Σ x² of contiguous numbers, which are scaled where a square would overflow or vanish."""
        builder = self.llvm

        def sum_of_squares(factor: Any) -> Any:
            def square(i: Any, total: Any, lanes: int) -> Any:
                x = builder.fmul(self.load(base, self.plus(i, start), lanes), self.splat(factor, lanes))
                return self.fma(x, x, total)

            return self.total(size, square)

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
        """Σ (x − x) of contiguous numbers: 0 if all are finite, otherwise nan."""

        def gap(i: Any, total: Any, lanes: int) -> Any:
            x = self.load(base, i, lanes)
            return self.llvm.fadd(total, self.llvm.fsub(x, x))

        return self.total(size, gap)

    # --- rows of the table

    def apply(self, row: Primitive, values: list[Any]) -> Any:
        """The code of a row on values of one type."""
        direct = DIRECT.get(row.name)
        if direct is not None:
            return direct(self, *values)
        emit = ELEMENTARY[row.name]
        if self.bytes == 8:
            return emit(self.llvm, *values)
        ir, kind = self.ir, values[0].type
        lanes = kind.count if isinstance(kind, ir.VectorType) else 1
        double = ir.VectorType(ir.DoubleType(), lanes) if lanes > 1 else ir.DoubleType()
        result = emit(self.llvm, *[self.llvm.fpext(value, double) for value in values])
        return self.llvm.fptrunc(result, kind)


def is_long(row: Primitive) -> bool:
    """Whether the code of a row is long, as that of exp."""
    return row.name in ELEMENTARY and row.name not in SHORT


# --- rows that are an instruction or two -----------------------------------------------------------


def _binary(name: str) -> Callable[..., Any]:
    return lambda code, a, b: getattr(code.llvm, name)(a, b)


def _filled(code: Builder, like: Any, number: float) -> Any:
    lanes = like.type.count if isinstance(like.type, code.ir.VectorType) else 1
    return code.number(number, lanes)


def _relu(code: Builder, x: Any) -> Any:
    zero = _filled(code, x, 0.0)
    return code.llvm.select(code.llvm.fcmp_ordered("<=", x, zero), zero, x)


def _step(code: Builder, x: Any) -> Any:
    builder, zero, one = code.llvm, _filled(code, x, 0.0), _filled(code, x, 1.0)
    return builder.select(
        builder.fcmp_ordered(">", x, zero), one, builder.select(builder.fcmp_unordered("uno", x, x), x, zero)
    )


def _greater(code: Builder, a: Any, b: Any) -> Any:
    builder = code.llvm
    decided = builder.select(builder.fcmp_ordered(">", a, b), _filled(code, a, 1.0), _filled(code, a, 0.0))
    return builder.select(builder.fcmp_unordered("uno", a, b), _filled(code, a, math.nan), decided)


def _where(code: Builder, condition: Any, a: Any, b: Any) -> Any:
    builder = code.llvm
    return builder.select(builder.fcmp_unordered("!=", condition, _filled(code, a, 0.0)), a, b)


DIRECT: dict[str, Callable[..., Any]] = {
    "add": _binary("fadd"),
    "sub": _binary("fsub"),
    "mul": _binary("fmul"),
    "div": _binary("fdiv"),
    "neg": lambda code, x: code.llvm.fneg(x),
    "relu": _relu,
    "step": _step,
    "greater": _greater,
    "where": _where,
}
