"""Rows of numbers as vectors with an example in each lane, and back, against numpy."""

import ctypes

import numpy as np
import pytest

from tests.support.compiled import needs_llvmlite

pytestmark = needs_llvmlite
GUARD = 1e30


def copied(table, dtype, pieces):
    """Eight rows read as columns and written as rows again, the columns in pieces, between guards."""
    from autograd.compiler import machine
    from autograd.compiler.llvm.builder import Builder
    from autograd.compiler.llvm.rows import columns, write_columns

    width = table.shape[1]

    def build():
        code = Builder("copy", np.dtype(dtype), "none", "pointer", "pointer")
        source, target = code.arguments
        values, start = columns(code, source, width), 0
        for size in pieces:
            write_columns(code, values[start : start + size], target, width, start)
            start += size
        code.llvm.ret_void()
        code.module.triple = machine.triple()
        return code.module.name, str(code.module), []

    signature = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p)
    function, _ = machine.function(f"copy {dtype} {width} {pieces}", signature, build)
    room = np.full(table.size + 32, GUARD, dtype)
    function(table.ctypes.data, room[16:].ctypes.data)
    for guard in room[:16], room[16 + table.size :]:
        assert (guard == room[0]).all()
    return room[16 : 16 + table.size].reshape(table.shape)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("width", [*range(1, 11), 15, 16, 17, 24])
def test_what_is_read_as_columns_is_written_as_rows(width, dtype):
    table = np.arange(8 * width, dtype=dtype).reshape(8, width)
    np.testing.assert_array_equal(copied(table, dtype, [width]), table)
    for first in {1, width // 2, max(width - 8, 0)} - {0, width}:
        np.testing.assert_array_equal(copied(table, dtype, [first, width - first]), table)
