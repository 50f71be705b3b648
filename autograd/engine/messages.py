"""How errors and warnings name a node, and the line of the user's program."""

from __future__ import annotations

import linecache
import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

__all__ = [
    "ENGINE", "HERE", "computation", "describe", "lies_in", "line_of", "place", "quoted", "users_frame",
]  # fmt: skip

HERE, ENGINE = (
    tuple(str(Path(__file__).parents[2] / package) + os.sep for package in packages)
    for packages in (("autograd", "nn"), ("autograd",))
)
_STANDARD = str(Path(os.__file__).parent) + os.sep, "<frozen "


def describe(node: Any) -> str:
    """The name of a node in errors: its label, or its operation, and its scope."""
    if type(node) is tuple:
        return f"a sequence of {len(node)}"
    note = node._note
    article = "an" if node.op[:1] in "aeio" else "a"
    name = note.label or (f"{article} {node.op} node" if node.op else "a leaf")
    return f"{name} ({note.scope})" if note.scope else name


def computation(node: Any) -> str:
    """The row, the result and the operands of a node, and the line that recorded it if that is known."""
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


def lies_in(folders: tuple[str, ...], frame: Any) -> bool:
    """Whether the code of a frame lies in these folders."""
    return bool(frame.f_code.co_filename.startswith(folders))


def users_frame() -> Any:
    """The frame of the user's program: the innermost outside this distribution and outside libraries.

    Without one, as in an installed program, it is the innermost outside this distribution, or None.
    """
    frame: Any = sys._getframe(1)
    outside = None
    while frame is not None:
        if not lies_in(HERE, frame):
            outside = outside or frame
            if not _is_library(frame.f_code.co_filename):
                return frame
        frame = frame.f_back
    return outside


def _is_library(filename: str) -> bool:
    return filename.startswith(_STANDARD) or "site-packages" in filename or "dist-packages" in filename


def place() -> str:
    """The line of the user's program that is running."""
    frame = users_frame()
    return "" if frame is None else f"{frame.f_code.co_filename}, line {frame.f_lineno}"


def line_of(place: str) -> tuple[int, str]:
    """The number and the text of a line noted by `place`; the text is "" if the file is gone."""
    filename, _, number = place.rpartition(", line ")
    return int(number), linecache.getline(filename, int(number)).strip()


def quoted(filename: str, number: int | None) -> str:
    """A line of the user's program, with its file and number."""
    line = linecache.getline(filename, number or 0).strip()
    return f"{filename}, line {number}" + (f": {line}" if line else "")
