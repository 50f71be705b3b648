"""What a thread has switched on: recording, watching for what is not finite, telling of what is read."""

from __future__ import annotations

import dis
import functools
import linecache
import math
import os
import sys
import threading
import traceback
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..errors import AnomalyError
from .node import DETACHED, Note, clock, computation, describe
from .primitives import TABLE

__all__ = [
    "ComparisonWarning", "DetachedWarning", "Readings", "detect_anomaly", "no_grad", "not_watching",
    "obey_modes", "peek", "readings", "recording", "told", "told_of_leaving", "told_of_result",
    "warn_on_comparison", "watching",
]  # fmt: skip


class _Modes(threading.local):
    """What is switched on in this thread."""

    recording = True
    watching = False
    readings: Readings | None = None  # who is told of numbers that Python reads


_modes = _Modes()


@contextmanager
def _mode(name: str, setting: Any) -> Iterator[None]:
    before = getattr(_modes, name)
    counted = False
    try:  # from the first change on: an interrupt may come at any moment
        setattr(_modes, name, setting)
        with clock.lock:
            clock.unusual += 1
            counted = True
        yield
    finally:
        setattr(_modes, name, before)
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
    return _mode("recording", False)


def recording() -> Any:
    """Within ``with recording():`` this thread records, whatever is around."""
    return _mode("recording", True)


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
    return _mode("watching", True)


class ComparisonWarning(UserWarning):
    """Python read a `Value` while a graph is recorded for compilation: what came of it is frozen."""


class Readings:
    """The numbers that Python reads while a graph is recorded for compilation, and where.

    Attributes
    ----------
    leaves : only what depends on one of these counts; None for every `Value` but constants.
    error : whether a reading raises `ComparisonWarning`, or warns.
    found : what was read, each with its place in the user's program. An error may have been caught there.
    """

    def __init__(self, leaves: Iterable[Any] | None = None, error: bool = False) -> None:
        self.leaves = None if leaves is None else set(map(id, leaves))
        self.error = error
        self.found: list[str] = []

    def note(self, value: Any, reading: str) -> None:
        """Tell of a reading, by the line of the user's program that is being run."""
        frame = _users_frame()
        if frame is None or not self._counts(value):
            return
        place = frame.f_code.co_filename, frame.f_lineno
        text = f"{reading} is decided once, while the graph is recorded ({_quoted(*place)})"
        self.found.append(text)
        if self.error:
            raise ComparisonWarning(text)
        warnings.warn_explicit(text, ComparisonWarning, *place)

    @staticmethod
    def line_of(error: BaseException) -> str:
        """The line of the user's program that an error came from."""
        lines = traceback.extract_tb(error.__traceback__)
        users = [line for line in lines if not line.filename.startswith(HERE)]
        return _quoted(users[-1].filename, users[-1].lineno) if users else ""

    def _counts(self, value: Any) -> bool:
        if self.leaves is None:
            return not value.constant
        seen: set[int] = set()
        pending = [value]
        while pending:
            node = pending.pop()
            if id(node) in self.leaves:
                return True
            if id(node) not in seen:
                seen.add(id(node))
                pending += node.parents
        return False


def _quoted(filename: str, number: int | None) -> str:
    """A line of the user's program, with where it stands."""
    line = linecache.getline(filename, number or 0).strip()
    return f"{filename}, line {number}" + (f": {line}" if line else "")


def warn_on_comparison(error: bool = False) -> Any:
    """Within ``with warn_on_comparison():`` each `Value` that Python reads warns: compiled code reads none.

    An ``if`` on the outcome takes one branch while the graph is recorded, and that branch is all that the
    graph has. `where`, `maximum` and `minimum` are recorded whole. What counts as reading is everything that
    makes a decision or a plain number of a `Value`: ``<``, ``==``, ``in``, ``bool``, ``hash``, ``float``,
    ``int``, ``round``, ``format``, ``.data``, ``.grad``, `Value.detach`, and results under `no_grad`.

    Parameters
    ----------
    error : whether to raise the `ComparisonWarning` instead.

    Examples
    --------
    >>> from autograd import Value, warn_on_comparison
    >>> x = Value(2.0, "x")
    >>> with warn_on_comparison(error=True):
    ...     y = x if x > 0 else -x
    Traceback (most recent call last):
        ...
    autograd.engine.modes.ComparisonWarning: x > 0 is decided once, while the graph is recorded (...)
    """
    return readings(Readings(error=error))


@contextmanager
def readings(told: Readings) -> Iterator[Readings]:
    """Within it, `told` is told of every number of a `Value` that this thread reads."""
    with _mode("readings", told):
        yield told


HERE, ENGINE = (
    tuple(str(Path(__file__).parents[2] / package) + os.sep for package in packages)
    for packages in (("autograd", "nn"), ("autograd",))
)


# What a `Value` does itself when it is read. The compiled class leaves no frames of its own.
_OWN = tuple(str(Path(__file__).with_name(name)) for name in ("modes.py", "value.py"))


def _reader() -> Any:
    """The frame that reads a `Value`: the innermost outside the method that is called."""
    frame: Any = sys._getframe(1)
    while frame.f_code.co_filename in _OWN:
        frame = frame.f_back
    return frame


def told(value: Any, reading: str, other: Any = None, but_of: tuple[str, ...] = HERE) -> None:
    """Tell of a reading by the caller of the method that this is called in, where somebody wants to know.

    Not of callers in the files `but_of`, which know what they do: the engine looks at `.data` and hashes, and
    `nn` at hashes. Neither uses the number protocol on a `Value`. So that is always the user's, although
    ``sum(map(float, values))`` calls it from a line of the engine.
    """
    if clock.unusual and _modes.readings is not None and not _lies_in(but_of, _reader()):
        described = describe(other) if hasattr(other, "_number") else f"{other!r:.60}"
        _modes.readings.note(value, reading.format(describe(value), described))


def _lies_in(folders: tuple[str, ...], frame: Any) -> bool:
    """Whether the code that is run in the frame is of these folders."""
    return bool(frame.f_code.co_filename.startswith(folders))


def peek(value: Any) -> float:
    """The number of a `Value`, or of a number, for a check that decides nothing: nobody is told."""
    return value._number if hasattr(value, "_number") else float(value)


_STANDARD = str(Path(os.__file__).parent) + os.sep, "<frozen "


class DetachedWarning(UserWarning):
    """A `Value` was made a plain number: what is computed from that has no gradient."""


_INSTEAD = {
    **{name: f"autograd.{name}" for name in TABLE},
    **dict.fromkeys(("isclose", "isfinite", "isinf", "isnan"), ""),  # they decide, as comparisons do
    "fabs": "abs(x)",
    "pow": "x**n",
    "fsum": "autograd.sum",
    "sumprod": "autograd.dot",
    "dist": "autograd.norm",
}


# Where it has been told, and under which filters. Python's own memory of it is lost whenever a library
# changes the filters for a moment, as scikit-learn does in every call.
_left: dict[Any, Any] = {}


def told_of_leaving() -> None:
    """Warn, once for a line of the user's program, that float() leaves the graph there."""
    if not _modes.recording or _modes.readings is not None:
        return
    reader = _reader()
    frame = _users_frame()
    text = "" if _lies_in(HERE, reader) or frame is None else _leaving(reader.f_code, reader.f_lasti)
    while text and reader is not frame:
        if reader.f_globals.get("__name__", "").startswith(("matplotlib.", "mpl_toolkits.")):
            return  # drawing shows a number, as printing does
        reader = reader.f_back
    if text:
        place = frame.f_code.co_filename, frame.f_lineno
        text = f"a Value became a plain number in {place[0]}, line {place[1]}, and no gradient {text}"
        told_as = text if place[0].startswith("<") else place  # what is typed is always line 1
        if _left.get(told_as) is not warnings.filters:
            warnings.warn_explicit(text, DetachedWarning, *place)
            _left[told_as] = warnings.filters


@functools.lru_cache
def _leaving(code: Any, offset: int) -> str:
    """What to use instead at an instruction that makes a float of a `Value`; nothing where it may."""
    instructions: dict[int, Any] = {each.offset: each for each in dis.get_instructions(code)}
    here = instructions[offset]
    instead = "the functions of autograd"
    for each in instructions.values():  # a call and the name that is called begin at the same place
        if each is here:
            break
        if each.positions[::2] == here.positions[::2]:
            instead = _INSTEAD.get(str(each.argval).lstrip("_"), instead)  # `random` calls it _isfinite
    if here.opname.startswith("STORE_"):
        instead = "an array of dtype=object"
    if here.argrepr in ("%", "%=") or not instead:
        return ""
    return f"goes through it: use {instead} instead, or .data where the plain number is meant"


def not_watching() -> Any:
    """Within it `detect_anomaly` is off, for what is computed on the way to a result that is watched."""
    return _mode("watching", False)


def watching() -> bool:
    """Whether `detect_anomaly` is on in this thread."""
    return clock.unusual > 0 and _modes.watching


def told_of_result(value: Any, function: str) -> None:
    """Tell of a function that reads the graph of a `Value` and gives plain numbers."""
    if clock.unusual and _modes.readings is not None:
        _modes.readings.note(value, f"{function} of {describe(value)}")


def obey_modes(node: Any) -> None:
    """Under `detect_anomaly` a node must be finite, under `no_grad` it becomes a leaf."""
    if _modes.watching:
        node._note = Note(node._note.version, place=_place())
        if not math.isfinite(node._number):
            raise AnomalyError(f"{computation(node)}")
    if not _modes.recording:
        for operand in node.parents:
            told_of_result(operand, "no_grad()")
        node._left, node._row, node._right = None, None, DETACHED


def _users_frame() -> Any:
    """What is run of the user's program: the innermost frame outside this distribution and outside libraries.

    Where there is none, as in a program that is installed, the innermost outside this distribution, or None.
    """
    frame: Any = sys._getframe(1)
    outside = None
    while frame is not None:
        if not _lies_in(HERE, frame):
            outside = outside or frame
            if not _is_library(frame.f_code.co_filename):
                return frame
        frame = frame.f_back
    return outside


def _is_library(filename: str) -> bool:
    return filename.startswith(_STANDARD) or "site-packages" in filename or "dist-packages" in filename


def _place() -> str:
    """The line of the user's program that is being run."""
    frame = _users_frame()
    return "" if frame is None else f"{frame.f_code.co_filename}, line {frame.f_lineno}"
