"""`detect_anomaly`: the first number that is not finite is an error. `note_lines`: of all nodes the line.

Both look at a node as it is recorded. While neither is on, recording does not even ask.
"""

from __future__ import annotations

import math
from typing import Any

from ..errors import AnomalyError
from .messages import computation, describe, place
from .modes import mode, modes
from .node import current, renoted

__all__ = [
    "detect_anomaly", "not_watching", "note_lines", "require_finite", "require_finite_value", "watching",
]  # fmt: skip

_LINES = "lines"  # the setting in which lines are noted and numbers are as they are


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


def note_lines() -> Any:
    """Within ``with note_lines():`` this thread notes of every node the line that recorded it.

    `explore` shows it. Noting costs some microseconds a node; without it recording is as fast as ever.

    Examples
    --------
    >>> from autograd import Value, explore, note_lines
    >>> with note_lines():
    ...     y = Value(3.0, "x") ** 2
    >>> page = explore(y)
    """
    return mode("watching", modes.watching or _LINES)


def not_watching() -> Any:
    """Within it `detect_anomaly` is off, for what is computed on the way to a result that is watched."""
    return mode("watching", False)


def watching() -> bool:
    """Whether `detect_anomaly` is on in this thread."""
    return current.unusual > 0 and modes.watching is True


def require_finite_value(node: Any) -> None:
    """Note which line recorded a node, and refuse it if it is not finite and numbers are watched."""
    node._note = renoted(node._note, "", "", place())
    if modes.watching is True and not math.isfinite(node._number):
        raise AnomalyError(computation(node))


def require_finite(kind: str, node: Any, derivative: Any, reader: Any = None) -> None:
    """Refuse a derivative that is not finite; `reader` is the node that it came from."""
    if not math.isfinite(derivative):
        raise _anomaly(kind, node, float(derivative), reader)


def _anomaly(kind: str, node: Any, derivative: float, reader: Any = None) -> AnomalyError:
    """What `detect_anomaly` says of a derivative that is not finite; `reader` is the node that gave it."""
    text = f"the {kind} of {describe(node)} became {derivative}, whose data is {node._number}"
    if reader is not None:
        text += f"; it came from {describe(reader)}: {computation(reader)}"
    elif node.op:
        text += f"; {computation(node)}"
    return AnomalyError(text)
