"""The facts of a node beside its numbers and operands: its row, its version and its labels.

A node is stale if an operand has a newer version than the node; the sweep refuses it. All nodes that one row
recorded since the last change of any leaf share one `Note`, which costs a node a single slot. So a node takes
64 bytes, one line of the processor's cache, and waiting for memory is most of the time.
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
    """The facts of a node beside its numbers.

    Attributes
    ----------
    version : n, the number of times that any leaf's data had been set when the node was made; for a constant
        -1, for a frozen leaf -2 - n (see `version_of`). Nodes without a gradient are below 0.
    row : the row of the table that computed the node, None for a leaf.
    operands : if the row takes more than two numbers, or sequences, the operands; () for a leaf that was
        computed and cut off from them. None for all other nodes, which can share a note.
    label, scope : the user's name for it, and its place in a model.
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
    note = Note.__new__(Note)
    note.version, note.row, note.operands = version, row, operands
    note.label, note.scope, note.place = label, scope, place
    return note


def renoted(note: Note, label: str, scope: str, place: str) -> Note:
    """The note with other labels."""
    return noted(note.version, note.row, note.operands, label, scope, place)


def version_of(note: Note) -> int:
    """The version of a note, also of a frozen leaf's."""
    return note.version if note.version >= -1 else -2 - note.version


class Current:
    """The state that all threads share.

    Attributes
    ----------
    note : the note of nodes that are recorded now.
    sweeps : twice the number of sweeps so far, see `Value._mark`.
    unusual : the number of modes that are on; at 0 nobody has to look which.
    used : whether a node was recorded with this note; only then does setting a leaf need a new version.
    frozen : the newest version of any frozen leaf; sweeps do not visit these.
    """

    def __init__(self) -> None:
        self.note = noted(0)
        self.sweeps = self.unusual = 0
        self.used, self.frozen = False, -1
        self.lock = threading.Lock()

    def new_version(self, least: int = 0) -> None:
        """Begin a version, at least `least`: a leaf's data is set, or a leaf comes from another process."""
        with self.lock:
            self.used = False
            self.note = noted(max(self.note.version + 1, least))

    def new_sweep(self) -> int:
        """The mark of a new sweep, which also owns the number above it."""
        with self.lock:
            self.sweeps += 2
            return self.sweeps


current = Current()


def flat(operands: tuple[Any, ...]) -> tuple[Any, ...]:
    """The operands, with each sequence replaced by its elements."""
    if len(operands) == 1:  # the sequence itself, of a sum
        return operands[0] if type(operands[0]) is tuple else operands
    return tuple([each for one in operands for each in (one if type(one) is tuple else (one,))])
