"""How much a student learns: that something is wrong, where, which slip it is, or the right numbers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ..report import ALL_RIGHT, UNREADABLE
from ..vocabulary import short
from .checking import Entry
from .outcomes import ABSENT, FOLLOWS, UNCHECKED, WRONG, Mistake

__all__ = ["HINTS", "Told", "for_quantity", "in_words", "told"]

HINTS = ("none", "place", "slip", "answer")
"""From the least to the most; each includes those before it."""


@dataclass(frozen=True)
class Told:
    """A slip as a student sees it: a headline, the first wrong cell of each quantity, the right numbers."""

    headline: str
    places: list[str]
    lines: list[str]


def in_words(entry: Entry) -> str:
    """The verdict in a sentence, for every level."""
    status, states = entry.outcome.status, entry.outcome.states
    if status == UNREADABLE:
        return f"This could not be checked: {entry.outcome.reason}."
    if status == ALL_RIGHT:
        return "All that the sheet has is right."
    wrong = sum(state == WRONG for state in states.values())
    if wrong:
        return f"{wrong} quantities are not right yet." if wrong > 1 else "One quantity is not right yet."
    return "Nothing wrong is seen, but not all could be checked."


def told(entry: Entry, level: str) -> Iterator[Told]:
    """The slips of a sheet, at a level."""
    depth = HINTS.index(level)
    groups: dict[tuple[str, str], list[Mistake]] = {}
    for each in entry.outcome.mistakes if depth else ():
        slip = each.slip if depth > 1 else ""
        groups.setdefault((slip, "" if slip else each.quantity), []).append(each)
    for (slip, _), mistakes in groups.items():
        names = ", ".join(dict.fromkeys(short(each.quantity) for each in mistakes))
        places = [f"{short(each.quantity)}: {_place(each)} ({each.table})" for each in mistakes]
        lines = []
        for each in mistakes if depth > 2 else ():
            lines.append(
                f"{short(each.quantity)} in {each.cell}: found {each.given}, right is {each.expected}"
            )
            lines += [f"    {line}" for line in each.hints]
        yield Told(f"{names}: {slip}" if slip else names, places, lines)


def _place(each: Mistake) -> str:
    return f"first wrong in {each.cell}, {each.where}"


def for_quantity(entry: Entry, quantity: str, level: str) -> str:
    """The words beside the points of a quantity."""
    state = entry.outcome.states.get(quantity, ABSENT)
    if state == ABSENT:
        return "not in the sheet" if entry.outcome.states else "not checked"
    if state == UNCHECKED:
        return "could not be checked: it needs more digits, or numbers that are not in the sheet"
    mistakes = [each for each in entry.outcome.mistakes if each.quantity.removesuffix("'") == quantity]
    if not mistakes or level == "none":
        return {
            WRONG: "not right yet",
            FOLLOWS: "right for the numbers of its row, of which some are wrong",
        }.get(state, "right")
    depth, first = HINTS.index(level), mistakes[0]
    text = _place(first)
    if depth > 1 and first.slip:
        text += f": {first.slip}"
    if depth > 2:
        text += f"; found {first.given}, right is {first.expected}"
    return text
