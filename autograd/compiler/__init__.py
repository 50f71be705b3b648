"""A recorded graph as array code and as native code: record -> tape -> terms -> numpy | llvm."""

from .program import Program, compile
from .selection import rank_backends
from .training import Training

__all__ = ["Program", "Training", "compile", "rank_backends"]
