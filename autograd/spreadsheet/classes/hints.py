"""How much a student is told: that something is wrong, where, which slip it was, or what is right."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ..report import ALL_RIGHT, UNREADABLE
from ..vocabulary import short
from .checking import Entry
from .outcomes import ABSENT, FOLLOWS, UNCHECKED, WRONG, Mistake

__all__ = ["HINTS", "Told", "for_quantity", "in_words", "told"]

HINTS = ("none", "place", "slip", "answer")
"""From the least to the most: each says what those before it say."""


@dataclass(frozen=True)
class Told:
    """A slip as a student is told of it.

    Attributes
    ----------
    headline : what is wrong.
    places : of each quantity that has it the first wrong cell, and in which rows.
    lines : what is right, and where it comes from.
    """

    headline: str
    places: list[str]
    lines: list[str]


def in_words(entry: Entry) -> str:
    """The verdict in a sentence. It says no more than the lowest level does."""
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
    """The slips of a sheet, as far as the level says."""
    depth = HINTS.index(level)
    if not depth:
        return
    groups: dict[str, list[Mistake]] = {}
    for each in entry.outcome.mistakes:
        groups.setdefault((each.slip if depth > 1 else "") or f"\0{each.quantity}", []).append(each)
    for slip, mistakes in groups.items():
        names = ", ".join(dict.fromkeys(short(each.quantity) for each in mistakes))
        headline = names if slip.startswith("\0") else f"{names}: {slip}"
        lines = []
        if depth > 2:
            for each in mistakes:
                lines.append(
                    f"{short(each.quantity)} in {each.cell}: found {each.given}, right is {each.expected}"
                )
                lines += [f"    {line}" for line in each.hints]
        yield Told(headline, [_place(each) for each in mistakes], lines)


def _place(each: Mistake) -> str:
    return f"{short(each.quantity)}: first wrong in {each.cell}, {each.where} ({each.table})"


def for_quantity(entry: Entry, quantity: str, level: str) -> str:
    """What is said beside the points of one quantity."""
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
    depth = HINTS.index(level)
    first = mistakes[0]
    text = f"first wrong in {first.cell}, {first.where}"
    if depth > 1 and first.slip:
        text += f": {first.slip}"
    if depth > 2:
        text += f"; found {first.given}, right is {first.expected}"
    return text
