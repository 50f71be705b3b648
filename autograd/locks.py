"""Locks around what threads share, which a fork finds free: in the child nobody would ever open them."""

from __future__ import annotations

import os
import threading
from typing import Any

__all__ = ["BUILDING", "SWEEPING"]

SWEEPING = threading.RLock()
"""Around what changes nodes: a reverse sweep, which keeps adjoints in them, and the making of packed ones. A
rule may start another sweep within it."""

BUILDING = threading.RLock()
"""Around the making of a compiled program, and of its native code."""

_ORDER = SWEEPING, BUILDING  # a rule may compile within a sweep; nothing that compiles sweeps


def _close() -> None:
    for lock in _ORDER:
        lock.acquire()


def _open() -> None:
    for lock in _ORDER:
        lock.release()


_at_fork: Any = getattr(os, "register_at_fork", dict)  # not on Windows, which has no fork
_at_fork(before=_close, after_in_parent=_open, after_in_child=_open)
