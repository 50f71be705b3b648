"""Three decorators that Cython reads and Python ignores.

They stand in for Cython's module of this name, which is not needed at run time.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

__all__ = ["cclass", "freelist", "no_gc"]

Class = TypeVar("Class", bound=type)


def cclass(decorated: Class) -> Class:
    """A class of C, with the fields declared in the .pxd file."""
    return decorated


def no_gc(decorated: Class) -> Class:
    """Not tracked by the cyclic garbage collector: its objects are never part of a cycle."""
    return decorated


def freelist(size: int) -> Callable[[Class], Class]:
    """Keep so many freed objects for reuse."""
    return cclass
