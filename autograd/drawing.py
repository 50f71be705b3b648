"""`draw`: the recorded graph as a picture, in one visual language.

Three floors in this file, each using only the one below:

- *text*: pure functions from boxes and arrows to DOT. Nothing here knows about `Value`.
- *boxes*: what a node of the graph looks like. Shape is its kind, colour the sign and size of its
  gradient, a dark badge its operation.
- *graph*: which nodes there are: all of them, fused nodes opened up, or layers collapsed to a box.

`Drawing` holds the text, and turns it into a file or a notebook picture where a renderer is found.
"""

from __future__ import annotations

import html
import io
import math
import os
import re
import sys
import threading
import uuid
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stderr
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from types import MappingProxyType
from typing import Any

from .errors import GraphError, GraphTooLargeError, MissingExtraError
from .graph import ancestors, require_fresh
from .primitives import TABLE, Primitive
from .value import Value, Vector

__all__ = ["PALETTE", "Drawing", "draw"]

# --- style: every colour, font and line of our drawings --------------------------------------------

PALETTE: Mapping[str, str] = MappingProxyType(
    {
        # Blue and orange differ for every kind of colour vision, and are equally dark in grey print,
        # so that darkness alone means size. From faint to strong, to fill a box and to draw a line.
        "positive": "#edf4fb",
        "positive strong": "#7db4e6",
        "positive line": "#a9c9e8",
        "positive line strong": "#0b559f",
        "negative": "#fef3e8",
        "negative strong": "#f6a860",
        "negative line": "#f3c79c",
        "negative line strong": "#b04a00",
        "zero": "#ececec",
        "zero line": "#b0b0b0",
        "invalid": "#e7b3d6",  # nan
        "paper": "#ffffff",
        "ink": "#1a1a1a",
        "caption": "#555555",
        "faded": "#9a9a9a",  # what is not on the highlighted paths
        "faded line": "#d4d4d4",
        "line": "#6b6b6b",
        "badge": "#3d3d3d",  # behind the symbol of an operation
        "layer": "#f6f6f4",
        "neuron": "#ebebe7",
        "frame": "#b5b5ae",
    }
)
"""The colours of all drawings, by what they mean."""

FONT = "Helvetica,Arial,sans-serif"
_SHAPES = {
    "constant": 'shape=plaintext, margin="0.03,0.02"',
    "input": "shape=box",
    "parameter": "shape=note",
    "result": 'shape=box, style="filled,rounded"',
    "output": 'shape=box, style="filled,rounded", peripheries=2',
    "group": 'shape=folder, margin="0.12,0.08"',
}
_DECADES = 4  # a value this many powers of ten below the largest has the faintest colour


def shade(value: float, largest: float, kind: str = "") -> str:
    """The colour for a signed value: blue above 0, orange below, darker the larger; grey at 0.

    Parameters
    ----------
    value : the value; nan has a colour of its own.
    largest : the absolute value that gets the darkest colour. Each power of ten below it is fainter,
        down to four.
    kind : ``""`` for filling a box, ``" line"`` for drawing a line.

    Returns
    -------
    A colour ``#rrggbb``.

    Examples
    --------
    >>> shade(1.0, 1.0), shade(-1.0, 1.0), shade(0.001, 1.0), shade(0.0, 1.0)
    ('#7db4e6', '#f6a860', '#d1e4f6', '#ececec')
    """
    if value != value:
        return PALETTE["invalid"]
    if value == 0.0:
        return PALETTE[f"zero{kind}"]
    sign = "positive" if value > 0 else "negative"
    return _mix(
        PALETTE[f"{sign}{kind}"], PALETTE[f"{sign}{kind} strong"], strength(value, largest)
    )


def strength(value: float, largest: float) -> float:
    """Where |value| lies between 0, four powers of ten or more below `largest`, and 1, at `largest`.

    Examples
    --------
    >>> strength(-10.0, 1000.0)
    0.5
    """
    value, largest = abs(value), abs(largest)
    if value >= largest or math.isinf(value):
        return 1.0
    if value == 0.0 or math.isinf(largest):
        return 0.0
    return max(0.0, 1.0 - (math.log10(largest) - math.log10(value)) / _DECADES)


def _mix(faint: str, strong: str, share: float) -> str:
    pairs = ((int(faint[i : i + 2], 16), int(strong[i : i + 2], 16)) for i in (1, 3, 5))
    return "#" + "".join(f"{round(low + (high - low) * share):02x}" for low, high in pairs)


# --- text ------------------------------------------------------------------------------------------

# What XML and so SVG cannot hold: control characters and lone surrogates.
_UNPRINTABLE = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_LONGEST = 48  # characters of a label that are shown; the tooltip has them all


def quoted(text: str) -> str:
    """The text as a DOT string that shows exactly it: backslashes mean nothing, nor does ``&lt;``.

    Examples
    --------
    >>> print(quoted('say "a\\\\b"'))
    "say \\"a\\\\\\\\b\\""
    """
    text = _UNPRINTABLE.sub("\ufffd", text).replace("&", "&amp;")
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


def marked_up(text: str) -> str:
    """The text for an HTML-like DOT label, shortened if it is very long.

    Examples
    --------
    >>> marked_up("a<b & {c|d}")
    'a&lt;b &amp; {c|d}'
    """
    text = _UNPRINTABLE.sub("\ufffd", text)
    if len(text) > _LONGEST:
        text = text[: _LONGEST - 1] + "…"
    return html.escape(text).replace("\n", "<BR/>")


def decimal(number: float, precision: int) -> str:
    """The number with so many significant digits.

    Examples
    --------
    >>> decimal(0.14018137, 4), decimal(-3.0, 4)
    ('0.1402', '-3')
    """
    return f"{number:.{precision}g}"


Cluster = tuple[str, ...]  # nested frames, outermost first


@dataclass(frozen=True, slots=True)
class _Box:
    """One drawn node."""

    kind: str
    symbol: str = ""
    label: str = ""
    rows: tuple[tuple[str, str], ...] = ()  # caption and text
    fill: str = PALETTE["paper"]
    dashed: bool = False
    faded: bool = False
    cluster: Cluster = ()
    tooltip: str = ""


@dataclass(frozen=True, slots=True)
class _Arrow:
    """One drawn edge."""

    tail: int
    head: int
    label: str = ""
    dashed: bool = False
    faded: bool = False
    bold: bool = False


def _table(box: _Box) -> str:
    """The label of a box: badge and name, then a row for each number."""
    ink, badge = (
        (PALETTE["faded"], PALETTE["faded"]) if box.faded else (PALETTE["ink"], PALETTE["badge"])
    )
    caption = PALETTE["faded"] if box.faded else PALETTE["caption"]
    title = [
        f'<TD BGCOLOR="{badge}" STYLE="ROUNDED"{{}}><FONT COLOR="#ffffff"><B>{marked_up(box.symbol)}</B></FONT></TD>'
        if box.symbol
        else "",
        f"<TD{{}}><B>{marked_up(box.label)}</B></TD>" if box.label else "",
    ]
    cells = [cell for cell in title if cell]
    wide = ' COLSPAN="2"' if len(cells) == 1 else ""
    lines = ["".join(cells).format(wide)] if False else ["".join(c.replace("{}", wide) for c in cells)] if cells else []
    for name, text in box.rows:
        if name:
            lines.append(
                f'<TD ALIGN="LEFT"><FONT COLOR="{caption}" POINT-SIZE="12">{marked_up(name)}</FONT></TD>'
                f'<TD ALIGN="RIGHT">{marked_up(text)}</TD>'
            )
        else:
            lines.append(f'<TD COLSPAN="2">{marked_up(text)}</TD>')
    rows = "".join(f"<TR>{line}</TR>" for line in lines)
    return (
        f'<<FONT COLOR="{ink}"><TABLE BORDER="0" CELLBORDER="0" CELLSPACING="0" CELLPADDING="2">'
        f"{rows}</TABLE></FONT>>"
    )
