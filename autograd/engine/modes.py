"""What a thread has switched on: recording, and watching for what is not finite."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ..errors import AnomalyError
from .messages import computation, describe, place
from .node import DETACHED, Note, clock

__all__ = [
    "detect_anomaly", "mode", "modes", "no_grad", "not_watching", "obey_modes", "recording",
    "told_of_result", "watching",
]  # fmt: skip


class _Modes(threading.local):
    """What is switched on in this thread."""

    recording = True
    watching = False
    readings: Any = None  # who is told of numbers that Python reads, see `readings`


modes = _Modes()


@contextmanager
def mode(name: str, setting: Any) -> Iterator[None]:
    """Within it the mode of that name has that setting in this thread."""
    before = getattr(modes, name)
    counted = False
    try:  # from the first change on: an interrupt may come at any moment
        setattr(modes, name, setting)
        with clock.lock:
            clock.unusual += 1
            counted = True
        yield
    finally:
        setattr(modes, name, before)
        with clock.lock:
            clock.unusual -= counted


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


def detect_anomaly() -> Any:
    """Within ``with detect_anomaly():`` the first value or gradient that is not finite raises.

    Raises
    ------
    AnomalyError : on leaving finite numbers: the operation, its label, its inputs, and the line of your
        program that recorded it, which is known of what was recorded within.

    Examples
    --------
    >>> from autograd import Value, detect_anomaly
    >>> with detect_anomaly():
    ...     Value(0.0, "x").log()
    Traceback (most recent call last):
        ...
    autograd.errors.AnomalyError: log gave -inf from x = 0.0, recorded at ..., line ...
    """
    return mode("watching", True)


def not_watching() -> Any:
    """Within it `detect_anomaly` is off, for what is computed on the way to a result that is watched."""
    return mode("watching", False)


def watching() -> bool:
    """Whether `detect_anomaly` is on in this thread."""
    return clock.unusual > 0 and modes.watching


def obey_modes(node: Any) -> None:
    """Under `detect_anomaly` a node must be finite, under `no_grad` it becomes a leaf."""
    if modes.watching:
        node._note = Note(node._note.version, place=place())
        if not math.isfinite(node._number):
            raise AnomalyError(computation(node))
    if not modes.recording:
        for operand in node.parents:
            told_of_result(operand, "no_grad()")
        node._left, node._row, node._right = None, None, DETACHED


def told_of_result(value: Any, function: str) -> None:
    """Tell of a function that reads the graph of a `Value` and gives plain numbers."""
    if clock.unusual and modes.readings is not None:
        modes.readings.note(value, f"{function} of {describe(value)}")
