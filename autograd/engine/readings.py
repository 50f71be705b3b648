"""Reports of Python reading a `Value`: decisions and plain numbers made from one are in no graph.

The compiler asks for them, since compiled code reads none. And a warning names, once, each line whose result
has lost its gradient that way.
"""

from __future__ import annotations

import dis
import functools
import sys
import traceback
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from .messages import HERE, describe, lies_in, quoted, users_frame
from .modes import mode, modes
from .node import current

__all__ = [
    "ComparisonWarning", "DetachedWarning", "Readings", "peek", "readings", "told", "told_of_leaving",
    "warn_on_comparison",
]  # fmt: skip


class ComparisonWarning(UserWarning):
    """Python read a `Value` while a graph was recorded for compilation: the outcome is frozen."""


class Readings:
    """The numbers that Python reads while a graph is recorded for compilation, and where.

    Attributes
    ----------
    leaves : only nodes that depend on one of these count; None for every `Value` but constants.
    error : whether a reading raises `ComparisonWarning`, or warns.
    found : each reading, with its place in the user's program, even if its error was caught.
    """

    def __init__(self, leaves: Iterable[Any] | None = None, error: bool = False) -> None:
        self.leaves = None if leaves is None else set(map(id, leaves))
        self.error = error
        self.found: list[str] = []

    def note(self, value: Any, reading: str) -> None:
        """Report a reading, with the running line of the user's program."""
        frame = users_frame()
        if frame is None or not self._counts(value):
            return
        place = frame.f_code.co_filename, frame.f_lineno
        text = f"{reading} is decided once, while the graph is recorded ({quoted(*place)})"
        self.found.append(text)
        if self.error:
            raise ComparisonWarning(text)
        warnings.warn_explicit(text, ComparisonWarning, *place)

    @staticmethod
    def line_of(error: BaseException) -> str:
        """The line of the user's program that an error came from."""
        lines = traceback.extract_tb(error.__traceback__)
        users = [line for line in lines if not line.filename.startswith(HERE)]
        return quoted(users[-1].filename, users[-1].lineno) if users else ""

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


def warn_on_comparison(error: bool = False) -> Any:
    """Within ``with warn_on_comparison():`` each `Value` that Python reads warns: compiled code reads none.

    An ``if`` on the outcome takes one branch while the graph is recorded, and the graph has only that branch.
    `where`, `maximum` and `minimum` are recorded whole. Everything that turns a `Value` into a decision or a
    plain number is a reading: ``<``, ``==``, ``in``, ``bool``, ``hash``, ``float``,
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
    autograd.engine.readings.ComparisonWarning: x > 0 is decided once, while the graph is recorded (...)
    """
    return readings(Readings(error=error))


@contextmanager
def readings(told: Readings) -> Iterator[Readings]:
    """Within it, `told` collects every number of a `Value` that this thread reads."""
    with mode("readings", told):
        yield told


# The files of the methods that read. The compiled class leaves no frames of its own.
_OWN = tuple(str(Path(__file__).with_name(name)) for name in ("protocol.py", "readings.py", "value.py"))


def _reader() -> Any:
    """The frame that reads a `Value`: the innermost outside its methods."""
    frame: Any = sys._getframe(1)
    while frame.f_code.co_filename in _OWN:
        frame = frame.f_back
    return frame


def told(value: Any, reading: str, other: Any = None, but_of: tuple[str, ...] = HERE) -> None:
    """Report a reading by the caller of a method of `Value`, if somebody asked.

    Callers in the files `but_of` are exempt: the engine reads `.data` and hashes, and `nn` hashes. Neither
    uses the number protocol on a `Value`, so that is always the user's, even where
    ``sum(map(float, values))`` calls it from a line of the engine.
    """
    if current.unusual and modes.readings is not None and not lies_in(but_of, _reader()):
        described = describe(other) if hasattr(other, "_number") else f"{other!r:.60}"
        modes.readings.note(value, reading.format(describe(value), described))


def peek(value: Any) -> float:
    """The number of a `Value` or a number, for a check that decides nothing: it is not reported."""
    return value._number if hasattr(value, "_number") else float(value)


class DetachedWarning(UserWarning):
    """A `Value` became a plain number: results computed from it have no gradient."""


_INSTEAD = {
    **dict.fromkeys(("isclose", "isfinite", "isinf", "isnan"), ""),  # they decide, as comparisons do
    "fabs": "abs(x)",
    "pow": "x**n",
    "fsum": "autograd.sum",
    "sumprod": "autograd.dot",
    "dist": "autograd.norm",
}
# The places warned of, and under which filters. Python forgets its own record whenever a library changes the
# filters for a moment, as scikit-learn does in every call.
_left: dict[Any, Any] = {}


def told_of_leaving() -> None:
    """Warn, once for a line of the user's program, that float() leaves the graph there."""
    if not modes.recording or modes.readings is not None:
        return
    reader = _reader()
    frame = users_frame()
    text = "" if lies_in(HERE, reader) or frame is None else _leaving(reader.f_code, reader.f_lasti)
    while text and reader is not frame:
        if reader.f_globals.get("__name__", "").startswith(("matplotlib.", "mpl_toolkits.")):
            return  # drawing shows a number, as printing does
        reader = reader.f_back
    if text:
        place = frame.f_code.co_filename, frame.f_lineno
        text = f"a Value became a plain number in {place[0]}, line {place[1]}, and no gradient {text}"
        told_as = text if place[0].startswith("<") else place  # typed input is always line 1
        if _left.get(told_as) is not warnings.filters:
            warnings.warn_explicit(text, DetachedWarning, *place)
            _left[told_as] = warnings.filters


@functools.lru_cache
def _leaving(code: Any, offset: int) -> str:
    """The advice for an instruction that makes a float of a `Value`; "" where it may."""
    from .primitives import TABLE  # its rows are compiled for `Value`, which needs this file first

    instructions: dict[int, Any] = {each.offset: each for each in dis.get_instructions(code)}
    here = instructions[offset]
    instead = "the functions of autograd"
    for each in instructions.values():  # a call and the name that is called begin at the same place
        if each is here:
            break
        if each.positions[::2] == here.positions[::2]:
            name = str(each.argval).lstrip("_")  # `random` calls it _isfinite
            instead = _INSTEAD.get(name, f"autograd.{name}" if name in TABLE else instead)
    if here.opname.startswith("STORE_"):
        instead = "an array of dtype=object"
    if here.argrepr in ("%", "%=") or not instead:
        return ""
    return f"goes through it: use {instead} instead, or .data where the plain number is meant"
