"""The entry of a program: a built-in function in native code, which Python calls directly.

A call through `ctypes` takes longer than a small program. The entry reads numpy's arrays in place, checks
dtype, shape and indices, makes the result and calls the pass. Where it cannot it returns None, and the caller
goes through Python. It holds the GIL, so it serves short passes only.

Arrays are read and made by numpy's C interface. Its layout is checked once, with known arrays.
"""

from __future__ import annotations

import ctypes
import functools
import importlib
import sys
import sysconfig
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from .. import machine, tuning
from ..backends import refuse
from .builder import Builder

__all__ = ["Entry"]

_SIZES = 64  # of a batch, by the number of its bits
_RANK = 4  # axes of a result, at most
_WHOLE, _POINTER = ctypes.c_int64, ctypes.c_void_p

_NEW, _TYPE_OF_ARRAYS = 93, 2  # places in the table of numpy's C interface: PyArray_New and PyArray_Type
_RECENT = np.lib.NumpyVersion(np.__version__) >= "2.0.0"
HEAD = object.__basicsize__  # bytes of an object's head, which ends with its type
_TYPE = HEAD - 8
_DATA, _RANKS, _SHAPE, _DTYPE, _FLAGS = (HEAD + offset for offset in (0, 8, 16, 40, 48))
_CONTIGUOUS, _ALIGNED, _WRITEABLE = 0x1, 0x100, 0x400


_POINTERS = (
    "nothing",
    "keep",
    "drop",
    "number",
    "pair",
    "put",
    "new",
    "array",
    "dtype",
    "scratch",
    "columns",
    "lengths",
)


class _Context(ctypes.Structure):
    """The constants of an entry. Its pointer has the offset of an array's data pointer."""

    _fields_ = (
        *[(name, _POINTER) for name in _POINTERS],
        *[(name, _WHOLE) for name in ("kind", "parameters", "inputs", "directions", "indices", "room")],
        ("shape", _WHOLE * _RANK),
        ("passes", _POINTER * _SIZES),
    )


class _Method(ctypes.Structure):
    """PyMethodDef."""

    _fields_ = (("name", ctypes.c_char_p), ("code", _POINTER), ("flags", ctypes.c_int), ("doc", _POINTER))


class Entry:
    """The built-in function of a program.

    Parameters
    ----------
    dtype : float64 or float32.
    shape : of the result of an example; of the gradient, if `gradient` is true.
    parameters, inputs, directions : P, I, and the numbers of a direction, 0 without one.
    indices : by column of the batch that holds indices of `take` the length that bounds them.

    Attributes
    ----------
    call : ``call(parameters, batch, direction, out)`` returns `out`, or a new array if that is None; with
        `gradient` after the value. It returns None for arrays that are not plain, a batch size that was not
        added, a bad index, and results that are not finite. It is `refuse` on an unknown layout of arrays.
    """

    def __init__(
        self,
        dtype: Any,
        shape: tuple[int, ...],
        gradient: bool,
        parameters: int,
        inputs: int,
        directions: int,
        indices: Mapping[int, int],
    ) -> None:
        self.call: Callable[..., Any] = refuse
        rank = len(shape) + (not gradient)
        if rank > _RANK or not _arrays_are_known():
            return
        api, given = ctypes.pythonapi, np.dtype(dtype)
        columns, lengths = np.array(list(indices), np.int64), np.array(list(indices.values()), given)
        self._context = context = _Context(
            nothing=id(None),
            keep=_address(api.Py_IncRef),
            drop=_address(api.Py_DecRef),
            number=_address(api.PyFloat_FromDouble),
            pair=_address(api.PyTuple_New),
            put=_address(api.PyTuple_SetItem),
            new=_interface()[_NEW],
            array=id(np.ndarray),
            dtype=id(given),
            kind=given.num,
            parameters=parameters,
            inputs=inputs,
            directions=directions,
            indices=len(indices),
            columns=columns.ctypes.data,
            lengths=lengths.ctypes.data,
        )
        context.shape[: len(shape)] = shape
        kind = given, rank, gradient, directions > 0
        specification = f"entry {kind} {HEAD} {_Context.passes.offset}"
        native, _ = machine.function(specification, ctypes.CFUNCTYPE(None), functools.partial(_built, *kind))
        method = _Method(b"run", _address(native), 0x80, None)  # METH_FASTCALL
        make = api.PyCFunction_NewEx
        make.restype, make.argtypes = ctypes.py_object, (_POINTER, ctypes.py_object, _POINTER)
        context.kept = [native, method, columns, lengths]  # as long as the function, which keeps the context
        self.call = make(ctypes.addressof(method), context, None)

    def has(self, bits: int) -> bool:
        """Whether there is a pass for batch sizes of so many bits, or never can be one."""
        return self.call is refuse or bool(self._context.passes[bits])

    def add(self, bits: int, function: Any, scratch: int) -> None:
        """Add a pass for batch sizes of so many bits, with its bytes of scratch memory; under `BUILDING`."""
        if self.has(bits):
            return
        context = self._context
        if scratch > context.room:
            memory = ctypes.create_string_buffer(scratch + tuning.ALIGNED)
            start = ctypes.addressof(memory)
            context.scratch, context.room = start + -start % tuning.ALIGNED, scratch
            context.memory = memory  # not before: a thread may enter between two lines, with the old one
        context.kept.append(function)
        context.passes[bits] = _address(function)


def _address(function: Any) -> int:
    return ctypes.cast(function, _POINTER).value or 0


def _interface() -> Any:
    """The table of numpy's C interface, as extensions find it."""
    core = importlib.import_module(
        "numpy._core._multiarray_umath" if _RECENT else "numpy.core._multiarray_umath"
    )
    get = ctypes.pythonapi.PyCapsule_GetPointer
    get.restype, get.argtypes = _POINTER, (ctypes.py_object, _POINTER)
    return (_POINTER * (_NEW + 1)).from_address(get(core._ARRAY_API, None))


@functools.cache
def _arrays_are_known() -> bool:
    """Whether fields of arrays, and of a context, are where the entry reads them."""
    if (
        sys.implementation.name != "cpython"
        or ctypes.sizeof(_POINTER) != 8
        or sysconfig.get_config_var("Py_GIL_DISABLED")
    ):
        return False
    array, context = np.empty((3, 5), np.float32), _Context()
    frozen = array[:2, ::2]
    frozen.flags.writeable = False

    def field(given: Any, offset: int, kind: Any = _POINTER) -> Any:
        return kind.from_address(id(given) + offset).value

    try:
        if _interface()[_TYPE_OF_ARRAYS] != id(np.ndarray):
            return False
    except (ImportError, AttributeError, ValueError):  # another numpy has it elsewhere, or none
        return False
    return field(context, _DATA) == ctypes.addressof(context) and all(
        field(each, _TYPE) == id(np.ndarray)
        and field(each, _DATA) == each.__array_interface__["data"][0]
        and field(each, _RANKS, ctypes.c_int) == each.ndim
        and tuple((_WHOLE * 2).from_address(field(each, _SHAPE))) == each.shape
        and field(each, _DTYPE) == id(np.dtype(np.float32))
        and field(each, _FLAGS, ctypes.c_int) == each.flags.num
        for each in (array, frozen)
    )


def _built(dtype: Any, rank: int, gradient: bool, directed: bool) -> tuple[str, str, list[int]]:
    code = Builder("entry", dtype, "pointer", "pointer", "pointer", "whole")
    code.module.triple = machine.triple()
    _Writer(code).write(rank, gradient, directed)
    return code.module.name, str(code.module), []


class _Writer:
    """Writes an entry."""

    def __init__(self, code: Builder) -> None:
        self.code, self.llvm, self.ir = code, code.llvm, code.ir
        self.null = self.ir.Constant(code.pointer, None)
        self.refuse = self.llvm.function.append_basic_block("refuse")

    def field(self, base: Any, offset: int, kind: Any = None) -> Any:
        """The field at an offset in bytes: a pointer, unless `kind` is given."""
        place = self.llvm.gep(base, [self.code.whole_number(offset)], source_etype=self.ir.IntType(8))
        return self.llvm.load(place, typ=kind or self.code.pointer)

    def known(self, name: str, kind: Any = None) -> Any:
        return self.field(self.context, getattr(_Context, name).offset, kind)

    def require(self, condition: Any) -> None:
        """Refuse unless the condition holds."""
        following = self.llvm.function.append_basic_block()
        self.llvm.cbranch(condition, following, self.refuse)
        self.llvm.position_at_end(following)

    def leave_without_memory(self, made: Any) -> None:
        """Return NULL if an object could not be made: Python raises the error that is set."""
        with self.llvm.if_then(self.equal(made, self.null), likely=False):
            self.llvm.ret(self.null)

    def equal(self, a: Any, b: Any) -> Any:
        return self.llvm.icmp_unsigned("==", a, b)

    def array(self, given: Any, flags: int) -> Any:
        """The numbers of an array of the dtype, which has these flags."""
        small = self.ir.IntType(32)
        self.require(self.equal(self.field(given, _TYPE), self.known("array")))
        self.require(self.equal(self.field(given, _DTYPE), self.known("dtype")))
        mask = self.ir.Constant(small, flags)
        self.require(self.equal(self.llvm.and_(self.field(given, _FLAGS, small), mask), mask))
        return self.field(given, _DATA)

    def axes(self, given: Any) -> Any:
        return self.llvm.zext(self.field(given, _RANKS, self.ir.IntType(32)), self.code.whole)

    def length(self, given: Any, axis: Any) -> Any:
        return self.code.load_whole(self.field(given, _SHAPE), axis)

    def write(self, rank: int, gradient: bool, directed: bool) -> None:
        """Check the arguments, make the result, and call the pass."""
        code, llvm, whole = self.code, self.llvm, self.code.whole
        one = code.whole_number(1)
        self.context = self.field(code.arguments[0], _DATA)
        plain, nothing = _CONTIGUOUS | _ALIGNED, self.known("nothing")
        self.require(self.equal(code.arguments[2], code.whole_number(4)))
        parameters, batch, direction, out = (self.field(code.arguments[1], 8 * i) for i in range(4))
        P, width, N = (self.known(name, whole) for name in ("parameters", "inputs", "directions"))
        dims, value = llvm.alloca(whole, rank), llvm.alloca(code.real)

        numbers = self.array(parameters, plain)
        self.require(self.equal(self.axes(parameters), one))
        self.require(self.equal(self.length(parameters, 0), P))

        def no_batch() -> list[Any]:
            self.require(self.equal(width, code.whole_number(0)))
            return [numbers, one]

        def examples_of() -> list[Any]:
            found = self.array(batch, plain)
            self.require(self.equal(self.axes(batch), code.whole_number(2)))
            self.require(self.equal(self.length(batch, 1), width))
            return [found, self.length(batch, 0)]

        examples, count = self.either(self.equal(batch, nothing), no_batch, examples_of)
        self.require(self.are_indices(examples, count, width))
        read = [(numbers, P), (examples, llvm.mul(count, width))]  # pointers, and how many numbers
        along, step = examples, code.whole_number(0)
        if not directed:  # or along a direction of no numbers, which has a shape too
            self.require(self.equal(direction, nothing))
        else:
            along, axes = self.array(direction, plain), self.axes(direction)
            for_each = self.equal(axes, code.whole_number(2))
            self.require(llvm.or_(for_each, self.equal(axes, one)))
            self.require(self.equal(self.length(direction, llvm.sub(axes, one)), N))
            self.require(llvm.or_(llvm.not_(for_each), self.equal(self.length(direction, 0), count)))
            step = llvm.select(for_each, N, step)
            read.append((along, llvm.select(for_each, llvm.mul(count, N), N)))

        bits = llvm.sub(code.whole_number(64), llvm.ctlz(count, self.ir.Constant(self.ir.IntType(1), 0)))
        chosen = llvm.load(self.at("passes", bits), typ=code.pointer)
        self.require(llvm.icmp_unsigned("!=", chosen, self.null))
        size = one
        for axis in range(rank):
            length = (
                count
                if axis == 0 and not gradient
                else code.load_whole(self.at("shape"), axis - (not gradient))
            )
            llvm.store(length, llvm.gep(dims, [code.whole_number(axis)], source_etype=whole))
            size = llvm.mul(size, length)

        def new() -> list[Any]:
            kind = llvm.trunc(self.known("kind", whole), self.ir.IntType(32))
            ranks, none = (
                self.ir.Constant(self.ir.IntType(32), rank),
                self.ir.Constant(self.ir.IntType(32), 0),
            )
            told = [self.known("array"), ranks, dims, kind, self.null, self.null, none, none, self.null]
            made = self.call(self.known("new"), code.pointer, told)
            self.leave_without_memory(made)
            return [made, self.field(made, _DATA)]

        def given_out() -> list[Any]:
            found = self.array(out, plain | _WRITEABLE)
            self.require(self.equal(self.axes(out), code.whole_number(rank)))
            for axis in range(rank):
                self.require(self.equal(self.length(out, axis), code.load_whole(dims, axis)))
            end = code.address(found, size)
            for pointer, length in read:
                before = llvm.icmp_unsigned("<=", code.address(pointer, length), found)
                self.require(llvm.or_(before, llvm.icmp_unsigned("<=", end, pointer)))
            self.call(self.known("keep"), self.ir.VoidType(), [out])
            return [out, found]

        made, results = self.either(self.equal(out, nothing), new, given_out)
        told = [numbers, examples, along, step, count, results, value, self.known("scratch")]
        finite = self.call(chosen, whole, told)
        with llvm.if_then(self.equal(finite, code.whole_number(0))):
            self.call(self.known("drop"), self.ir.VoidType(), [made])
            llvm.branch(self.refuse)
        if gradient:
            number = llvm.load(value, typ=code.real)
            number = number if code.bytes == 8 else llvm.fpext(number, self.ir.DoubleType())
            both = self.call(self.known("pair"), code.pointer, [code.whole_number(2)])
            found = self.call(self.known("number"), code.pointer, [number])
            self.leave_without_memory(both)
            self.leave_without_memory(found)
            for place, each in enumerate((found, made)):
                self.call(self.known("put"), self.ir.IntType(32), [both, code.whole_number(place), each])
            made = both
        llvm.ret(made)
        llvm.position_at_end(self.refuse)
        self.call(self.known("keep"), self.ir.VoidType(), [nothing])
        llvm.ret(nothing)

    def are_indices(self, examples: Any, count: Any, width: Any) -> Any:
        """Whether all indices in the batch are whole numbers from 0 below their lengths."""
        code, llvm = self.code, self.llvm
        columns, lengths = self.known("columns"), self.known("lengths")
        zero, true = code.number(0.0), self.ir.Constant(self.ir.IntType(1), 1)

        def each(i: Any, fine: Any) -> list[Any]:
            column, length = code.load_whole(columns, i), code.load(lengths, i)

            def example(number: Any, fine: Any) -> list[Any]:
                x = code.load(examples, code.plus(code.times(number, width), column))
                inside = llvm.and_(llvm.fcmp_ordered(">=", x, zero), llvm.fcmp_ordered("<", x, length))
                x = llvm.select(inside, x, zero)
                whole = llvm.fcmp_ordered("==", x, llvm.sitofp(llvm.fptosi(x, code.whole), code.real))
                return [llvm.and_(fine, llvm.and_(inside, whole))]

            return code.loop(0, count, 1, example, [fine])

        (fine,) = code.loop(0, self.known("indices", code.whole), 1, each, [true])
        return fine

    def at(self, name: str, index: Any = 0) -> Any:
        """A pointer to a number of an array in the context."""
        place = self.code.plus(self.code.times(index, 8), getattr(_Context, name).offset)
        return self.llvm.gep(self.context, [self.code.whole_number(place)], source_etype=self.ir.IntType(8))

    def either(
        self, condition: Any, first: Callable[[], list[Any]], second: Callable[[], list[Any]]
    ) -> list[Any]:
        """The values of one of two branches."""
        llvm, function = self.llvm, self.llvm.function
        blocks, after = [function.append_basic_block() for _ in range(2)], function.append_basic_block()
        llvm.cbranch(condition, *blocks)
        found = []
        for block, way in zip(blocks, (first, second)):
            llvm.position_at_end(block)
            found.append((way(), llvm.block))
            llvm.branch(after)
        llvm.position_at_end(after)
        values = []
        for pair in zip(*[results for results, _ in found]):
            phi = llvm.phi(pair[0].type)
            for value, (_, block) in zip(pair, found):
                phi.add_incoming(value, block)
            values.append(phi)
        return values

    def call(self, pointer: Any, result: Any, arguments: list[Any]) -> Any:
        kind = self.ir.FunctionType(result, [each.type for each in arguments])
        return self.llvm.call(_Callee(pointer, kind), arguments)


class _Callee:
    """A function at an address, as llvmlite calls one: it reads the type from that of the pointer."""

    def __init__(self, pointer: Any, kind: Any) -> None:
        self.pointer, self.function_type, self.type = pointer, kind, kind.as_pointer()

    def get_reference(self) -> str:
        return str(self.pointer.get_reference())
