"""A recorded graph as array code and as native code: record -> tape -> terms -> numpy | llvm."""

from .program import Program, compile

__all__ = ["Program", "compile"]
