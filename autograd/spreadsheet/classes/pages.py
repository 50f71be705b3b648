"""Pages in HTML: the class for the teacher, and one for each student at the level of hints.

A page is one file and loads nothing. Text from files and their names is escaped here.
"""

from __future__ import annotations

import html
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from ...drawing.style import variables
from ...terminal import clean
from ..report import ALL_RIGHT, UNREADABLE, UNSURE, WRONG, counted
from ..vocabulary import short
from .checking import ClassReport, Entry
from .hints import for_quantity, in_words, told

__all__ = ["of_class", "of_student"]

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
_PROVES_NOTHING = (
    "These files have the same wrong numbers in the same cells. Whoever makes a known slip alone gets them "
    "too, from the same starting numbers. So this proves nothing."
)
_COUNTED = {
    ALL_RIGHT: "right",
    WRONG: "wrong",
    UNSURE: "not all checked",
    UNREADABLE: "not read, or nothing handed in",
}
_BINS = 10  # of the histogram
_MOST_SLIPS = 40  # columns of the table of students and slips


def _text(words: object) -> str:
    return html.escape(clean(str(words)))


def _points(number: float) -> str:
    return f"{number:.6g}"


def of_class(report: ClassReport, links: Sequence[str]) -> str:
    """The page of a class; `links` leads to the page of each entry."""
    entries = report.entries
    pages = dict(zip(map(id, entries), links, strict=True))
    counts = Counter(entry.outcome.status for entry in entries)
    facts = "".join(
        f"<div><dt>{name}</dt><dd>{counts[status]}</dd></div>" for status, name in _COUNTED.items()
    )
    parts = [
        f'<p class="lead">{counted(len(entries), "sheet")} of {_text(report.problem.title)}.</p>',
        f'<dl class="facts">{facts}</dl>',
        _section("Points", _histogram(entries)),
    ]
    slips = list(report.slips.items())[:_MOST_SLIPS]
    if slips:
        rows = [(f"S{turn}", slip, len(who)) for turn, (slip, who) in enumerate(slips, 1)]
        parts.append(_section("Slips", _bars(rows)))
    parts.append(_section("Students and slips", _matrix(entries, [slip for slip, _ in slips], pages)))
    if report.alike:
        parts.append(_section("The same wrong numbers", _alike(report)))
    return _page(f"{report.name}: what came out", *parts)


def _histogram(entries: Sequence[Entry]) -> str:
    """The numbers of sheets by their points, without unread ones."""
    most = max((entry.most for entry in entries), default=0.0)
    read = [entry for entry in entries if entry.outcome.status != UNREADABLE]
    if not most or not read:
        return "<p>There are no points to show.</p>"
    bins = [0] * _BINS
    for entry in read:
        bins[min(int(_BINS * entry.points / most), _BINS - 1)] += 1
    rows = [
        (f"{_points(most * turn / _BINS)} to {_points(most * (turn + 1) / _BINS)}", "", count)
        for turn, count in enumerate(bins)
    ]
    return f"<p>Of {_points(most)} points; {counted(len(read), 'sheet')}.</p>" + _bars(rows)


def _bars(rows: Sequence[tuple[str, str, int]]) -> str:
    """A bar and its number for each name, with words behind it."""
    most = max(count for _, _, count in rows) or 1
    lines = "".join(
        f'<tr><th scope="row">{_text(name)}</th><td>'
        f'<span class="bar" style="width: {12 * count / most:.2f}rem"></span>{count}</td>'
        + (f"<td>{_text(words)}</td>" if words else "")
        + "</tr>"
        for name, words, count in rows
    )
    return f'<table class="bars">{lines}</table>'


def _matrix(entries: Sequence[Entry], slips: Sequence[str], pages: Mapping[int, str]) -> str:
    """Students by slips: those with the same slips together, the most slips first."""
    number = {slip: turn for turn, slip in enumerate(slips)}

    def key(entry: Entry) -> tuple[bool, list[int]]:
        return not entry.slips, sorted(number.get(slip, len(slips)) for slip in entry.slips)

    head = "".join(f'<th scope="col">S{turn}</th>' for turn in range(1, len(slips) + 1))
    rows = []
    for entry in sorted(entries, key=key):
        first = {each.words: each.cell for each in reversed(entry.outcome.mistakes)}
        cells = "".join(
            f'<td class="wrong">{_text(first[slip])}</td>' if slip in first else "<td></td>" for slip in slips
        )
        said = entry.outcome.reason or "; ".join([*entry.remarks, *entry.outcome.notes])
        points = "" if entry.outcome.status == UNREADABLE else _points(entry.points)
        rows.append(
            f'<tr><th scope="row"><a href="{html.escape(pages[id(entry)])}">{_text(entry.student)}</a></th>'
            f'<td class="number">{points}</td>{cells}<td style="text-align: left">{_text(said)}</td></tr>'
        )
    head = f'<th scope="col">student</th><th scope="col">points</th>{head}<th scope="col">remarks</th>'
    table = f'<table class="matrix"><thead><tr>{head}</tr></thead><tbody>{"".join(rows)}</tbody></table>'
    note = "<p>Each cell of the table names the first cell of the sheet with the slip.</p>" if slips else ""
    return note + _scrolling(table, "Students and slips")


def _alike(report: ClassReport) -> str:
    """The files with the same wrong numbers."""
    parts = [f"<p>{_PROVES_NOTHING}</p>"]
    for group in report.alike:
        said = "equal to the last byte" if group.identical else "with the same wrong numbers"
        unknown = ", and no slip is known that explains all of them"
        said += (", all by known slips" if group.explained else unknown) if group.cells else ""
        cells = "; ".join(f"{name} in {cell}: {given}" for name, cell, given in group.cells[:6])
        more = f" and {len(group.cells) - 6} more" if len(group.cells) > 6 else ""
        files = "".join(f"<li>{_text(path)}</li>" for path in group.paths)
        parts.append(f"<h3>{len(group.paths)} files, {said}</h3><p>{_text(cells)}{more}</p><ul>{files}</ul>")
    return "".join(parts)


def of_student(report: ClassReport, entry: Entry, hints: str) -> str:
    """The page of a student."""
    parts = [f'<p class="lead">{_text(in_words(entry))}</p>']
    if entry.outcome.status != UNREADABLE:
        parts.append(
            f"<p>{_points(entry.points)} of {_points(entry.most)} points. File: {_text(entry.path)}</p>"
        )
        if hints != "none":  # the remarks are for the teacher: they name other students
            parts += [f"<p>{_text(note)}</p>" for note in entry.outcome.notes]
    found = []
    for each in told(entry, hints):
        lines = "\n".join(map(_text, each.lines))
        places = "".join(f"<li>{_text(place)}</li>" for place in each.places)
        code = _scrolling(f"<pre>{lines}</pre>", each.headline) if lines else ""
        found.append(f"<h3>{_text(each.headline)}</h3><ul>{places}</ul>{code}")
    if found:
        parts.append(_section("What to look at", *found))
    rows = "".join(
        f'<tr><th scope="row">{_text(short(mark.quantity))}</th><td class="number">{_points(mark.points)} of '
        f"{_points(mark.most)}</td><td>{_text(for_quantity(entry, mark.quantity, hints))}</td></tr>"
        for mark in entry.marks
    )
    if rows and entry.outcome.states and hints != "none":
        header = "".join(f'<th scope="col">{name}</th>' for name in ("quantity", "points", "what came out"))
        table = f"<table><thead><tr>{header}</tr></thead><tbody>{rows}</tbody></table>"
        parts.append(_section("Points", _scrolling(table, "Points of each quantity")))
    return _page(f"{entry.student}: {report.problem.title}", *parts)


def _scrolling(content: str, label: str) -> str:
    """A box that scrolls by itself and is reached with the keyboard."""
    return f'<div class="scroll" tabindex="0" role="group" aria-label="{_text(label)}">{content}</div>'


def _section(title: str, *content: str) -> str:
    return f"<section>\n<h2>{_text(title)}</h2>\n" + "\n".join(content) + "\n</section>"


def _page(title: str, *parts: str) -> str:
    style = variables() + Path(__file__).with_name("page.css").read_text(encoding="utf-8")
    inside = "\n".join(parts)
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{_POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{_text(title)}</title>
<link rel="icon" href="data:,">
<style>
{style}</style>
</head>
<body>
<main>
<h1>{_text(title)}</h1>
{inside}
</main>
</body>
</html>
"""
