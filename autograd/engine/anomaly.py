"""`detect_anomaly`: the first number that is not finite is an error that names it."""

from __future__ import annotations

import math
from typing import Any

from ..errors import AnomalyError
from .messages import computation, describe, place
from .modes import mode, modes
from .node import current, renoted

__all__ = ["detect_anomaly", "not_watching", "require_finite", "require_finite_value", "watching"]


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
    return current.unusual > 0 and modes.watching


def require_finite_value(node: Any) -> None:
    """Refuse a node that is not finite, and note for its gradient which line recorded it."""
    node._note = renoted(node._note, "", "", place())
    if not math.isfinite(node._number):
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
