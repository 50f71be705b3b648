"""What is known of a node beside its numbers and operands: its version, and the words for it.

A node is stale when an operand has a newer version than it has itself; the sweep refuses it. All nodes
recorded since the last change of any leaf share one `Note`, so the version costs a node a single slot.
"""

from __future__ import annotations

import threading
from typing import Any

__all__ = ["DETACHED", "MANY", "Current", "Note", "current", "flat", "noted"]

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
        self.version, self.label, self.scope, self.place = version, label, scope, place


_last = Note(0)


def noted(version: int, label: str, scope: str, place: str) -> Note:
    """The note with these words; neighbours in a layer share one."""
    global _last
    last = _last
    if last.version != version or last.scope != scope or last.label != label or last.place != place:
        last = _last = Note(version, label, scope, place)
    return last


class Current:
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
        self.sweeps = self.unusual = 0
        self.used = False
        self.lock = threading.Lock()

    def new_version(self, least: int = 0) -> None:
        """A new version, at least `least`: for a leaf whose data is set, or that comes from elsewhere."""
        with self.lock:
            self.used = False
            self.note = Note(max(self.note.version + 1, least))

    def sweep(self) -> int:
        """The mark of a new sweep; the number above it is its too."""
        with self.lock:
            self.sweeps += 2
            return self.sweeps


current = Current()


def flat(operands: tuple[Any, ...]) -> tuple[Any, ...]:
    """The operands, and in the place of each sequence its elements."""
    if len(operands) == 1:  # the sequence itself, of a sum
        return operands[0] if type(operands[0]) is tuple else operands
    return tuple([each for one in operands for each in (one if type(one) is tuple else (one,))])
