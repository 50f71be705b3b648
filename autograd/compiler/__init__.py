"""A recorded graph as array code and as native code: frontend -> ir -> numpy | llvm."""

from .backends import find_backend
from .program import Program, compile
from .selection import rank_backends, updates_at_once
from .update_loop import Training

__all__ = ["Program", "Training", "compile", "find_backend", "rank_backends", "updates_at_once"]
