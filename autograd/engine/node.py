"""What is known of a node beside its numbers and its operands, and how errors name it.

What is not obvious:

- A node's `_note` says what is known of it beside the numbers: its version, and its label if it has one.
  All nodes recorded since the last change of any leaf share one, so it costs a node a single slot.
- A node is stale when an operand has a newer version than it has itself; the sweep refuses it.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from typing import Any

__all__ = ["DETACHED", "MANY", "Clock", "Note", "clock", "computation", "describe", "flat"]

MANY: Any = object()  # in place of a second operand: the first is the tuple of all of them
DETACHED: Any = object()  # in place of the second operand of a leaf: it was computed, and cut off


class Note:
    """What is known of a node beside its numbers.

    Attributes
    ----------
    version : how often any leaf's data had been set when the node was made; -1 for a constant.
    label, scope : the user's name for it, and where in a model it belongs.
    place : the line of the user's program that recorded it, known if `detect_anomaly` was on.
    """

    __slots__ = ("label", "place", "scope", "version")

    def __init__(self, version: int, label: str = "", scope: str = "", place: str = "") -> None:
        self.version = version
        self.label = label
        self.scope = scope
        self.place = place


class Clock:
    """What is the case now, for all threads.

    Attributes
    ----------
    note : what nodes that are recorded now get.
    sweeps : twice how many sweeps there have been, see `Value._mark`.
    unusual : how many modes are on: while it is 0 nobody has to look which.
    used : whether a node was recorded with this note: only then does setting a leaf need a new version.
    """

    note: Note
    sweeps: int
    unusual: int
    used: bool

    def __init__(self) -> None:
        self.note = Note(0)
        self.sweeps = 0
        self.unusual = 0
        self.used = False
        self.lock = threading.Lock()

    def tick(self, least: int = 0) -> None:
        """A new version, at least `least`: for a leaf whose data is set, or that comes from elsewhere."""
        with self.lock:
            self.used = False
            self.note = Note(max(self.note.version + 1, least))

    def sweep(self) -> int:
        """The mark of a new sweep; the number above it is its too."""
        with self.lock:
            self.sweeps += 2
            return self.sweeps


clock = Clock()


def flat(operands: tuple[Any, ...]) -> tuple[Any, ...]:
    """The operands, and in the place of each sequence its elements."""
    if len(operands) == 1:  # the sequence itself, of a sum
        return operands[0] if type(operands[0]) is tuple else operands
    return tuple([each for one in operands for each in (one if type(one) is tuple else (one,))])


def describe(node: Any) -> str:
    """How an error names a node: its label, or its operation and where it was recorded."""
    if type(node) is tuple:
        return f"a sequence of {len(node)}"
    note = node._note
    article = "an" if node.op[:1] in "aeio" else "a"
    name = note.label or (f"{article} {node.op} node" if node.op else "a leaf")
    return f"{name} ({note.scope})" if note.scope else name


def computation(node: Any) -> str:
    """How a node came about: the row, its result, its operands, and if it is known where."""
    recorded = f", recorded at {node._note.place}" if node._note.place else ""
    return f"{node.op} gave {node._number} from {_describe_operands(node.operands)}{recorded}"


def _describe_operands(operands: Iterable[Any]) -> str:
    shown = [
        ("", [each._number for each in operand])
        if type(operand) is tuple
        else (operand._note.label, operand._number)
        for operand in operands
    ]
    return ", ".join((f"{name} = " if name else "") + f"{data!r:.200}" for name, data in shown)
