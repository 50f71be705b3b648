"""`detect_anomaly` makes the first number that is not finite an error; `note_lines` notes each node's line.

Both inspect a node when it is recorded. While neither is on, recording does not check.
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

_LINES = "lines"  # the setting that notes lines without checking numbers


def detect_anomaly() -> Any:
    """Within ``with detect_anomaly():`` the first value or gradient that is not finite raises.

    Raises
    ------
    AnomalyError : names the operation, its label, its inputs, and for a node recorded within the line of your
        program.

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
    """Within ``with note_lines():`` this thread notes for every node the line that recorded it.

    `explore` shows it. Noting costs some microseconds a node, and nothing while it is off.

    Examples
    --------
    >>> from autograd import Value, explore, note_lines
    >>> with note_lines():
    ...     y = Value(3.0, "x") ** 2
    >>> page = explore(y)
    """
    return mode("watching", modes.watching or _LINES)


def not_watching() -> Any:
    """Switch `detect_anomaly` off for intermediate results, where the final one is watched."""
    return mode("watching", False)


def watching() -> bool:
    """Whether `detect_anomaly` is on in this thread."""
    return current.unusual > 0 and modes.watching is True


def require_finite_value(node: Any) -> None:
    """Note the line that recorded a node, and under `detect_anomaly` refuse a number that is not finite."""
    node._note = renoted(node._note, "", "", place())
    if modes.watching is True and not math.isfinite(node._number):
        raise AnomalyError(computation(node))


def require_finite(kind: str, node: Any, derivative: Any, reader: Any = None) -> None:
    """Refuse a derivative that is not finite; it came from the node `reader`."""
    if math.isfinite(derivative):
        return
    text = f"the {kind} of {describe(node)} became {float(derivative)}, whose data is {node._number}"
    if reader is not None:
        text += f"; it came from {describe(reader)}: {computation(reader)}"
    elif node.op:
        text += f"; {computation(node)}"
    raise AnomalyError(text)
