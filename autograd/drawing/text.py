"""From boxes and arrows to DOT, by pure functions."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ..files import shortened
from .style import PALETTE, SHAPES, WIDTH, WIDTH_ON_PATH

Cluster = tuple[str, ...]  # nested frames, outermost first; the part of a name after a NUL is not shown


@dataclass(frozen=True, slots=True)
class Box:
    """One drawn node."""

    kind: str
    symbol: str = ""
    label: str = ""
    times: int = 1  # recordings
    rows: tuple[tuple[str, str], ...] = ()  # caption and text
    fill: str = PALETTE["paper"]
    dashed: bool = False
    faded: bool = False
    width: float = WIDTH
    cluster: Cluster = ()
    tooltip: str = ""


@dataclass(frozen=True, slots=True)
class Arrow:
    """One drawn edge between numbered boxes."""

    tail: int
    head: int
    label: str = ""
    dashed: bool = False
    faded: bool = False
    bold: bool = False
    count: bool = False  # the label is a number of values, not a derivative
    far: bool = False  # spans two columns


CROWDED = 150  # arrows; beyond, Graphviz might optimise for minutes and gets a limit


def dot_text(boxes: Sequence[Box], arrows: Sequence[Arrow], direction: str, title: str, legend: bool) -> str:
    """The whole picture as DOT. Equal arguments give equal text."""
    paper, frame, line, ink = (PALETTE[name] for name in ("paper", "frame", "line", "ink"))
    font = f'fontname="{PALETTE["font"]}", fontsize'
    graph = f'rankdir={direction}, bgcolor="{paper}", color="{frame}", fontcolor="{ink}", {font}=13'
    if len(arrows) > CROWDED:
        graph += ", nslimit=1"
    node = f'{font}=13, style=filled, color="{line}"'
    lines = [
        "digraph computation {",
        f"  graph [{graph}, labeljust=r, pad=0.2, nodesep=0.2, ranksep=0.45]",
        f'  node [{node}, width=0, height=0, margin="0.06,0.04", penwidth={WIDTH:g}]',
        f'  edge [{font}=12, color="{line}", fontcolor="{ink}", arrowsize=0.7]',
        *_framed(boxes),
        *("  " + _arrow_text(arrow) for arrow in arrows),
        *(_legend(boxes, arrows, direction) if legend else ()),
    ]
    if title:  # after the clusters, which would inherit it
        lines.append(f"  graph [label={quoted(title)}, labelloc=t, labeljust=c, fontsize=18]")
    return "\n".join([*lines, "}", ""])


# --- escaping --------------------------------------------------------------------------------------

# Control characters and lone surrogates, which XML cannot hold.
_UNPRINTABLE = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_LONGEST = 48  # characters of a label; the tooltip has more
_MOST = 1_000  # characters of any text: Graphviz refuses strings of 16,384 bytes


def marked_up(text: str, newline: str = "<BR/>") -> str:
    r"""The text, escaped for an HTML-like label and cut to 1,000 characters.

    Graphviz expands ``\N`` (the node's name) and its like in these labels too, so backslashes double.

    Examples
    --------
    >>> marked_up("a<b & {c|d}")
    'a&lt;b &amp; {c|d}'
    """
    text = html.escape(_UNPRINTABLE.sub("\ufffd", shortened(text, _MOST))).replace("\\", "\\\\")
    return text.replace("\n", newline)


def quoted(text: str) -> str:
    r"""The text as a quoted DOT string that shows it literally: no escapes, no entities, no HTML.

    Examples
    --------
    >>> print(quoted('"\\N" is <b>'))
    "&quot;\\N&quot; is &lt;b&gt;"
    """
    first = " " if text.startswith("\n") else ""  # Graphviz reads freed memory for an empty first line
    return f'"{first}{marked_up(text, chr(92) + "n")}"'


def _shortened(text: str) -> str:
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


# --- boxes and arrows ------------------------------------------------------------------------------


def _box_text(name: str, box: Box) -> str:
    style = "filled,rounded" if box.kind in ("result", "output") else "filled"
    attributes = [f"label={_table(box)}", SHAPES[box.kind]]
    if box.kind != "constant":
        if box.dashed or style != "filled":
            attributes.append(f'style="{style}{",dashed" if box.dashed else ""}"')
        attributes.append(f'fillcolor="{PALETTE["paper"] if box.faded else box.fill}"')
        if box.faded:
            attributes.append(f'color="{PALETTE["faded line"]}"')
        elif box.width != WIDTH:
            attributes.append(f'color="{PALETTE["ink"]}", penwidth={box.width:g}')
    if box.tooltip:  # which Graphviz unescapes twice
        attributes.append("tooltip=" + quoted(box.tooltip.replace("\\", "\\\\")))
    return f"{name} [{', '.join(attributes)}]"


def _table(box: Box) -> str:
    """The label of a box: badge and name, and a row for each number."""
    ink, badge, caption = (PALETTE["faded" if box.faded else name] for name in ("ink", "badge", "caption"))
    label = f"{_shortened(box.label)} ×{box.times:,}".strip() if box.times > 1 else _shortened(box.label)
    wide = ' COLSPAN="2"'
    title = ""
    if box.symbol:
        # Graphviz measures bold text as regular text; a word would overflow its badge.
        room = "\N{NO-BREAK SPACE}" if len(box.symbol) > 3 else ""
        word = f"{room}<B>{marked_up(box.symbol)}</B>{room}"
        symbol = f'<FONT COLOR="{PALETTE["paper"]}">{word}</FONT>'
        title = _cell(symbol, f' BGCOLOR="{badge}" STYLE="ROUNDED"')
    if label:
        title += _cell(f"<B>{marked_up(label)}</B>", "" if box.symbol else wide)
    lines = [title] if title else []
    for name, text in box.rows:
        if name:
            name = f'<FONT COLOR="{caption}" POINT-SIZE="12">{marked_up(name)}</FONT>'
            lines.append(_cell(name, ' ALIGN="LEFT"') + _cell(marked_up(text), ' ALIGN="RIGHT"'))
        else:
            lines.append(_cell(marked_up(text), wide))
    rows = "".join(f"<TR>{line}</TR>" for line in lines)
    table = f'<TABLE BORDER="0" CELLSPACING="0" CELLPADDING="2">{rows}</TABLE>'
    return f'<<FONT COLOR="{ink}">{table}</FONT>>'


def _cell(text: str, attributes: str) -> str:
    return f"<TD{attributes}>{text}</TD>"


def _arrow_text(arrow: Arrow) -> str:
    attributes = []
    if arrow.label:
        attributes.append(f"label={quoted(arrow.label)}")
    if arrow.dashed:
        attributes.append("style=dashed")
    if arrow.faded:
        attributes.append(f'color="{PALETTE["faded line"]}", fontcolor="{PALETTE["faded"]}"')
    if arrow.bold:
        attributes.append(f'color="{PALETTE["ink"]}", penwidth={WIDTH_ON_PATH:g}')
    if arrow.far:
        attributes.append("minlen=2")
    suffix = f" [{', '.join(attributes)}]" if attributes else ""
    return f"n{arrow.tail} -> n{arrow.head}{suffix}"


# --- clusters and the legend -----------------------------------------------------------------------


def frames(boxes: Sequence[Box]) -> dict[Cluster, int]:
    """The frames around the boxes with their numbers in DOT: frame 3 is ``cluster_3``."""
    numbers: dict[Cluster, int] = {}
    for box in boxes:
        for size in range(len(box.cluster) + 1):
            numbers.setdefault(box.cluster[:size], len(numbers))
    return numbers


def _framed(boxes: Sequence[Box]) -> Iterator[str]:
    """The boxes within the nested frames of their clusters, in order of first appearance."""
    rank = frames(boxes)

    def place(index: int) -> list[int]:
        cluster = boxes[index].cluster
        return [rank[cluster[: size + 1]] for size in range(len(cluster))]

    opened: Cluster = ()
    for index in sorted(range(len(boxes)), key=place):
        cluster = boxes[index].cluster
        pairs = enumerate(zip(opened, cluster))
        common = next((size for size, (a, b) in pairs if a != b), min(len(opened), len(cluster)))
        for size in range(len(opened), common, -1):
            yield "  " * size + "}"
        for size in range(common, len(cluster)):
            indent = "  " * (size + 2)
            fill = PALETTE["neuron" if size % 2 else "layer"]
            label = quoted(_shortened(cluster[size].partition("\0")[0]))
            yield f"{'  ' * (size + 1)}subgraph cluster_{rank[cluster[: size + 1]]} {{"
            yield f'{indent}graph [label={label}, style="filled,rounded", fillcolor="{fill}"]'
        opened = cluster
        yield "  " * (len(cluster) + 1) + _box_text(f"n{index}", boxes[index])
    for size in range(len(opened), 0, -1):
        yield "  " * size + "}"


_SHAPES_EXPLAINED = {
    "input": Box("input", label="input"),
    "parameter": Box("parameter", label="parameter"),
    "result": Box("result", symbol="f", label="result of f"),
    "output": Box("output", symbol="f", label="output"),
    "group": Box("group", label="many nodes"),
}


def _legend(boxes: Sequence[Box], arrows: Sequence[Arrow], direction: str) -> Iterator[str]:
    """The legend of what the picture has: a row each for shapes, for colours, and for labels and lines."""
    kinds = {box.kind for box in boxes}
    fills = [("< 0", "negative strong"), ("= 0", "zero"), ("> 0", "positive strong")]
    if any(box.fill == PALETTE["invalid"] for box in boxes):
        fills.append(("nan", "invalid"))
    colours = [Box("input", label=f"grad {sign}", fill=PALETTE[name]) for sign, name in fills]
    if any(box.dashed for box in boxes):
        colours.append(Box("input", label="no grad", dashed=True))
    notes = {
        "×2: recorded twice": any(box.times > 1 for box in boxes),
        "2 on an arrow: two values": any(arrow.label and arrow.count for arrow in arrows),
        "0.5 on an arrow: local derivative": any(arrow.label and not arrow.count for arrow in arrows),
        "╌╌▸ not read": any(arrow.dashed for arrow in arrows),
        "━━▸ on a path": any(arrow.bold for arrow in arrows),
    }
    rows = {
        "shape": [box for kind, box in _SHAPES_EXPLAINED.items() if kind in kinds],
        "color": colours,
        "note": [Box("constant", rows=(("", note),)) for note, needed in notes.items() if needed],
    }
    across = direction in ("LR", "RL")  # where the last row comes on top
    rows = {row: rows[row] for row in list(rows)[:: -1 if across else 1] if rows[row]}
    yield "  subgraph cluster_legend {"
    caption = "shape is the kind, colour the gradient: the darker, the larger"
    yield f'    graph [label="{caption}", labeljust=l, style=rounded, color="{PALETTE["frame"]}"]'
    for row, samples in rows.items():
        names = [f"{row}{column}" for column in range(len(samples))]
        for name, box in zip(names, samples, strict=True):
            yield "    " + _box_text(name, box)
        # Side by side, in reading order. In a drawing from top to bottom they share one rank.
        chain = f"{{ edge [style=invis] {' -> '.join(names[::-1] if direction == 'RL' else names)} }}"
        yield f"    {chain}" if across else f"    {{ rank=same {chain} }}"
    if not across:
        firsts = [f"{row}0" for row in rows]
        yield f"    {' -> '.join(firsts[::-1] if direction == 'BT' else firsts)} [style=invis]"
    yield "  }"
