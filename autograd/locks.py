"""Locks around what threads share, which a fork finds free: in the child nobody would ever open them."""

from __future__ import annotations

import os
import threading
from typing import Any

__all__ = ["BUILDING", "SWEEPING"]


class Lock:
    """A re-entrant lock whose turn comes: who opens it lets those through that are waiting.

    A thread that closes it again at once, sweep after sweep, would otherwise always be the first. Who waits
    holds the door, at which all but the owner have to pass.
    """

    def __init__(self) -> None:
        self.lock: Any = threading.RLock()
        self.door = threading.Lock()

    def __enter__(self) -> None:
        if self.lock._is_owned():
            self.lock.acquire()
        else:
            with self.door:
                self.lock.acquire()

    def __exit__(self, *error: object) -> None:
        self.lock.release()


SWEEPING = Lock()
"""Around what changes nodes: a reverse sweep, which keeps adjoints in them. A rule may start another sweep
within it."""

BUILDING = Lock()
"""Around the making of a compiled program, and of its native code."""

_ORDER = SWEEPING, BUILDING  # a rule may compile within a sweep; nothing that compiles sweeps


def _close() -> None:
    for lock in _ORDER:
        lock.__enter__()


def _open() -> None:
    for lock in _ORDER:
        lock.__exit__()


def _open_in_child() -> None:
    for lock in _ORDER:  # who waited at the fork is not here
        lock.door = threading.Lock()
    _open()


_at_fork: Any = getattr(os, "register_at_fork", dict)  # not on Windows, which has no fork
_at_fork(before=_close, after_in_parent=_open, after_in_child=_open_in_child)
