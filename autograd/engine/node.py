"""What is known of a node beside its numbers and operands: its row, its version, and the words for it.

A node is stale when an operand has a newer version than it has itself; the sweep refuses it. All nodes that
one row recorded since the last change of any leaf share one `Note`, which costs a node a single slot: the
processor waits for memory most of the time, and 64 bytes are what it fetches at once.
"""

from __future__ import annotations

import threading
from typing import Any

from .cython import cclass, freelist, no_gc

__all__ = ["Current", "Note", "current", "flat", "noted", "renoted", "version_of"]


@no_gc
@freelist(64)
@cclass
class Note:
    """What is known of a node beside its numbers.

    Attributes
    ----------
    version : how often any leaf's data had been set when the node was made; -1 for a constant. Of a frozen
        leaf it is -2 less that, see `version_of`: what has no gradient is below 0.
    row : the row of the table that computed the node, None for a leaf.
    operands : of a row that takes more than two numbers, or sequences, the operands; () of a leaf that was
        computed and cut off from them. None of all other nodes, which can share a note.
    label, scope : the user's name for it, and where in a model it belongs.
    place : the line of the user's program that recorded it, known if `detect_anomaly` was on.
    """

    __slots__ = ("label", "operands", "place", "row", "scope", "version")

    version: int
    row: Any
    operands: tuple[Any, ...] | None
    label: str
    scope: str
    place: str


def noted(
    version: int, row: Any = None, operands: Any = None, label: str = "", scope: str = "", place: str = ""
) -> Note:
    """A new note."""
    note = Note.__new__(Note)
    note.version, note.row, note.operands = version, row, operands
    note.label, note.scope, note.place = label, scope, place
    return note


def renoted(note: Note, label: str, scope: str, place: str) -> Note:
    """The note with other words."""
    return noted(note.version, note.row, note.operands, label, scope, place)


def version_of(note: Note) -> int:
    """The version of a note, of a frozen leaf too."""
    return note.version if note.version >= -1 else -2 - note.version


class Current:
    """What is the case now, for all threads.

    Attributes
    ----------
    note : what nodes that are recorded now get.
    sweeps : twice how many sweeps there have been, see `Value._mark`.
    unusual : how many modes are on: while it is 0 nobody has to look which.
    used : whether a node was recorded with this note: only then does setting a leaf need a new version.
    frozen : the newest version of any frozen leaf; a sweep does not meet these.
    """

    def __init__(self) -> None:
        self.note = noted(0)
        self.sweeps = self.unusual = 0
        self.used, self.frozen = False, -1
        self.lock = threading.Lock()

    def new_version(self, least: int = 0) -> None:
        """A new version, at least `least`: for a leaf whose data is set, or that comes from elsewhere."""
        with self.lock:
            self.used = False
            self.note = noted(max(self.note.version + 1, least))

    def new_sweep(self) -> int:
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
