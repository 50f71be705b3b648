"""The modes of a thread, and `no_grad`, which switches recording off."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from .messages import describe
from .node import current

__all__ = ["mode", "modes", "no_grad", "recording", "told_of_result"]


class _Modes(threading.local):
    """The modes of this thread."""

    recording = True
    watching: Any = False  # or True, or "lines": see `anomaly`
    readings: Any = None  # collects the numbers that Python reads, see `readings`


modes = _Modes()


@contextmanager
def mode(name: str, setting: Any) -> Iterator[None]:
    """Set a mode of this thread within the block."""
    before = getattr(modes, name)
    counted = False
    try:  # from the first change on: an interrupt may come at any moment
        setattr(modes, name, setting)
        with current.lock:
            current.unusual += 1
            counted = True
        yield
    finally:
        setattr(modes, name, before)
        with current.lock:
            current.unusual -= counted


def no_grad() -> Any:
    """Within ``with no_grad():`` this thread computes without recording: results are leaves.

    Examples
    --------
    >>> from autograd import Value, no_grad
    >>> x = Value(3.0)
    >>> with no_grad():
    ...     y = x * x
    >>> y.data, y.parents
    (9.0, ())
    """
    return mode("recording", False)


def recording() -> Any:
    """Within ``with recording():`` this thread records, whatever is around."""
    return mode("recording", True)


def told_of_result(value: Any, function: str) -> None:
    """Report a function that reads the graph of a `Value` and returns plain numbers."""
    if current.unusual and modes.readings is not None:
        modes.readings.note(value, f"{function} of {describe(value)}")
