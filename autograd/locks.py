"""Locks around what threads share, which a fork finds free: in the child nobody would ever open them."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import Any, Generic, TypeVar

__all__ = ["BUILDING", "SWEEPING", "built_once", "let_forks_pass"]

T = TypeVar("T")

SWEEPING: Any = threading.RLock()
"""Around what changes nodes: a reverse sweep, which keeps adjoints in them. A rule may start another sweep
within it."""

BUILDING: Any = threading.RLock()
"""Around the making of a compiled program, and of its native code."""

_ORDER = SWEEPING, BUILDING  # a rule may compile within a sweep; nothing that compiles sweeps
_door = threading.Lock()  # closed while a fork waits for the locks, or has them


class built_once(Generic[T]):
    """A property that is computed when it is first read, and kept.

    As `functools.cached_property`, which in Python 3.11 has a lock of its own that a fork may find closed.
    """

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
    """Wait for a fork that waits; to be called before SWEEPING is closed, by whoever closes it often.

    A thread that closes it again as soon as it has opened it would always be the first. This is not done by a
    class of locks: an interrupt in its `__enter__` would leave the lock closed.
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
