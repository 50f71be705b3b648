"""Three decorators that the compiler reads and Python does not.

Cython has a module of this name, which is not needed at run time. In what is compiled, these are
Cython's own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

__all__ = ["cclass", "freelist", "no_gc"]

Class = TypeVar("Class", bound=type)


def cclass(decorated: Class) -> Class:
    """A class of C, with the fields that are declared in the .pxd file."""
    return decorated


def no_gc(decorated: Class) -> Class:
    """Not known to the cyclic garbage collector: for objects that are never part of a cycle."""
    return decorated


def freelist(size: int) -> Callable[[Class], Class]:
    """So many freed objects are kept to be used again."""
    return cclass
