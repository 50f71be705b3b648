"""Locks around what threads share, free at every fork: in the child nobody would release them."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import Any, Generic, TypeVar

__all__ = ["BUILDING", "SWEEPING", "built_once", "let_forks_pass"]

T = TypeVar("T")

SWEEPING: Any = threading.RLock()
"""Around a reverse sweep, which keeps adjoints in the nodes. A rule may start another sweep within it."""

BUILDING: Any = threading.RLock()
"""Around building a compiled program and its native code."""

_ORDER = SWEEPING, BUILDING  # a rule may compile within a sweep; nothing that compiles sweeps
_door = threading.Lock()  # held while a fork waits for the locks, or has them


class built_once(Generic[T]):
    """`functools.cached_property` with BUILDING for its lock; Python 3.11's own may be held at a fork."""

    def __init__(self, compute: Callable[[Any], T]) -> None:
        self.compute, self.name = compute, compute.__name__

    def __get__(self, instance: Any, owner: Any = None) -> T:
        with BUILDING:
            kept = vars(instance)
            if self.name not in kept:
                kept[self.name] = self.compute(instance)
            made: T = kept[self.name]
            return made


def let_forks_pass() -> None:
    """Wait for a waiting fork; threads that often take SWEEPING call it first.

    A thread that takes the lock again right after releasing it would always win. A class of locks cannot do
    this: an interrupt in its `__enter__` would leave the lock held.
    """
    if _door.locked() and not any(lock._is_owned() for lock in _ORDER):
        with _door:
            pass


def _close() -> None:
    _door.acquire()
    for lock in _ORDER:
        lock.acquire()


def _open() -> None:
    for lock in _ORDER:
        lock.release()
    _door.release()


_at_fork: Any = getattr(os, "register_at_fork", dict)  # not on Windows, which has no fork
_at_fork(before=_close, after_in_parent=_open, after_in_child=_open)
