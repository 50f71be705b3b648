"""Work that is counted, not timed: the steps of a regular expression, the lines that Python runs.

A clock tells a quadratic from a linear way only on an idle machine; a count is the same everywhere.
"""

from __future__ import annotations

import functools
import re
import re._parser as parser  # what `re` makes of a pattern
import sys
from collections.abc import Callable, Iterator
from re._constants import (
    ANY,
    ASSERT,
    ASSERT_NOT,
    AT,
    AT_BEGINNING,
    AT_BOUNDARY,
    AT_END,
    ATOMIC_GROUP,
    BRANCH,
    CATEGORY,
    IN,
    LITERAL,
    MAX_REPEAT,
    NEGATE,
    NOT_LITERAL,
    POSSESSIVE_REPEAT,
    RANGE,
    SUBPATTERN,
)  # fmt: skip

CATEGORIES = {"CATEGORY_DIGIT": r"\d", "CATEGORY_SPACE": r"\s", "CATEGORY_WORD": r"\w"}
SAMPLES = {"CATEGORY_DIGIT": "1", "CATEGORY_SPACE": " ", "CATEGORY_WORD": "a"}
SINGLE = (LITERAL, NOT_LITERAL, ANY, IN)


class Backtracking:
    """A pattern run as `re` runs it, by trying one way after the other, with its steps counted.

    >>> [Backtracking(re.compile("(a|aa)+b")).steps("a" * n, "match") for n in (4, 8, 12)]
    [50, 372, 2579]
    """

    def __init__(self, pattern: re.Pattern[str]) -> None:
        self.pattern, self.tree = pattern, parser.parse(pattern.pattern, pattern.flags)

    def steps(self, text: str, method: str) -> int:
        """How many steps a method of the pattern takes on the text."""
        self.text, self.count = text, 0
        if method in ("fullmatch", "match"):
            any(end == len(text) or method == "match" for end in self._all(self.tree, 0, 0))
            return self.count
        at = 0
        while at <= len(text):  # as finditer, findall and sub go on; search stops earlier
            end = next(self._all(self.tree, 0, at), at)
            at = max(end, at + 1)
        return self.count

    def end(self, text: str) -> int | None:
        """Where a match from the beginning ends; None if there is none."""
        self.text, self.count = text, 0
        return next(self._all(self.tree, 0, 0), None)

    def _all(self, nodes, index: int, at: int) -> Iterator[int]:
        """Where the rest of a sequence may end."""
        if index == len(nodes):
            yield at
            return
        for end in self._one(*nodes[index], at):
            yield from self._all(nodes, index + 1, end)

    def _one(self, kind, what, at: int) -> Iterator[int]:
        self.count += 1
        if kind in SINGLE:
            if at < len(self.text) and self._takes(kind, what, self.text[at]):
                yield at + 1
        elif kind is BRANCH:
            for option in what[1]:
                yield from self._all(option, 0, at)
        elif kind is SUBPATTERN:
            yield from self._all(what[3], 0, at)
        elif kind is MAX_REPEAT:
            yield from self._repeat(*what, at)
        elif kind is POSSESSIVE_REPEAT:
            yield from first(self._repeat(*what, at))
        elif kind is ATOMIC_GROUP:
            yield from first(self._all(what, 0, at))
        elif kind in (ASSERT, ASSERT_NOT):
            direction, nodes = what
            begin = at if direction > 0 else at - nodes.getwidth()[1]
            found = begin >= 0 and any(True for _ in self._all(nodes, 0, begin))
            if found == (kind is ASSERT):
                yield at
        elif kind is AT:
            text, size = self.text, len(self.text)
            word = [0 <= each < size and bool(re.match(r"\w", text[each])) for each in (at - 1, at)]
            if {AT_BEGINNING: at == 0, AT_END: at == size, AT_BOUNDARY: word[0] != word[1]}[what]:
                yield at
        else:
            raise NotImplementedError(f"{kind} in {self.pattern.pattern}")  # none of ours has it

    def _repeat(self, fewest: int, most: int, nodes, at: int) -> Iterator[int]:
        if len(nodes) == 1 and nodes[0][0] in SINGLE:
            end = at
            while end - at < most and any(True for _ in self._one(*nodes[0], end)):
                end += 1
            yield from range(end, at + fewest - 1, -1)
            return

        def more(times: int, at: int) -> Iterator[int]:
            if times < most:
                for end in self._all(nodes, 0, at):
                    if end > at:
                        yield from more(times + 1, end)
            if times >= fewest:
                yield at

        yield from more(0, at)

    def _takes(self, kind, what, letter: str) -> bool:
        if kind is ANY:
            return letter != "\n" or bool(self.pattern.flags & re.DOTALL)
        if kind in (LITERAL, NOT_LITERAL):
            return (self._same(what, letter)) == (kind is LITERAL)
        negated = what[0][0] is NEGATE
        return negated != any(self._in(*each, letter) for each in what if each[0] is not NEGATE)

    def _in(self, kind, what, letter: str) -> bool:
        if kind is RANGE:
            return any(what[0] <= ord(each) <= what[1] for each in self._cases(letter))
        return self._same(what, letter) if kind is LITERAL else category(str(what), letter)

    def _same(self, code: int, letter: str) -> bool:
        return chr(code) in self._cases(letter)

    def _cases(self, letter: str) -> set[str]:
        return {letter, letter.lower(), letter.upper()} if self.pattern.flags & re.IGNORECASE else {letter}


@functools.cache
def category(name: str, letter: str) -> bool:
    negated = "_NOT_" in name
    return negated != bool(re.match(CATEGORIES[name.replace("_NOT_", "_")], letter))


def first(ends: Iterator[int]) -> Iterator[int]:
    for end in ends:
        yield end
        return


def alphabet(pattern: re.Pattern[str]) -> list[str]:
    """What the pattern is about: its letters, one of each class, and its words."""
    found: dict[str, None] = {}

    def visit(nodes) -> None:
        letters = "".join(chr(what) if kind is LITERAL else " " for kind, what in nodes)
        found.update(dict.fromkeys(letters.split()))
        for kind, what in nodes:
            if kind is LITERAL or kind is NOT_LITERAL:
                found[chr(what)] = None
            elif kind is IN:
                visit_class(what)
            elif kind is BRANCH:
                for option in what[1]:
                    visit(option)
            elif kind is SUBPATTERN:
                visit(what[3])
            elif kind in (MAX_REPEAT, POSSESSIVE_REPEAT):
                visit(what[2])
            elif kind is ATOMIC_GROUP:
                visit(what)
            elif kind in (ASSERT, ASSERT_NOT):
                visit(what[1])

    def visit_class(members) -> None:
        for kind, what in members:
            if kind is LITERAL:
                found[chr(what)] = None
            elif kind is RANGE:
                found[chr(what[0])] = None
            elif kind is CATEGORY:
                found[SAMPLES[str(what).replace("_NOT_", "_")]] = None

    visit(parser.parse(pattern.pattern, pattern.flags))
    return [*found, "a", " "]


def lines_run(function: Callable[[], object], within: str) -> int:
    """How many lines of Python, each turn of a loop anew, a call runs in files with `within` in the name."""
    count = 0

    def within_frame(frame, event, _):
        nonlocal count
        count += event == "line"
        return within_frame

    def trace(frame, event, _):
        return within_frame if within in frame.f_code.co_filename else None

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        function()
    finally:
        sys.settrace(before)
    return count
