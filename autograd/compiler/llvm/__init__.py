"""The native back end: the array program as one function of LLVM IR."""

from .. import tuning
from ..backends import Backend

__all__ = ["BACKEND"]

BACKEND = Backend(
    f"{__name__}.backend:NativeProgram", tuning.SECONDS["llvm"], library="llvmlite", extra="jit", refuses=True
)
