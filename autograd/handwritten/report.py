"""The findings of a check of hand-written code, as data and as text."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

__all__ = ["HandwrittenReport", "Mistake"]

_LONGEST = 230  # letters of a repr that pytest does not cut


@dataclass(frozen=True)
class Mistake:
    """A mistake, in one or several arrays or operations.

    Attributes
    ----------
    names : the student's own names of the arrays, or the operations of an engine.
    kind : the kind of slip, ``""`` for an unknown one: ``"derivative"``, ``"factor"``, ``"term"``,
        ``"path"``, ``"operand"``, ``"transposed"``, ``"axis"``, ``"overwritten"``, ``"gradient"``,
        ``"extra"``, ``"function"``, ``"updated"``, ``"stale"``, ``"step"``, ``"labels"``, ``"data"``,
        ``"diagonal"``, ``"shape"``, ``"rate"``, ``"rounded"``, ``"not a number"``, ``"error"``, ``"state"``;
        of an engine also ``"value"``, ``"sign"``, ``"shared"``, ``"order"``.
    words : the slip, in a sentence; ``""`` for an unknown one.
    place : the place of the largest error in the first of `names`, or None.
    given, expected : the numbers there, or nan.
    count, size : how many of its numbers are wrong, and how many it has.
    remark : what else helps, such as the place of all wrong numbers.
    """

    names: tuple[str, ...]
    kind: str
    words: str
    place: tuple[int, ...] | None = None
    given: float = math.nan
    expected: float = math.nan
    count: int = 0
    size: int = 0
    remark: str = ""

    @property
    def error(self) -> float:
        """The relative error at `place`, or the error where 0 belongs."""
        off = abs(self.given - self.expected)
        return off / abs(self.expected) if self.expected else off

    def lines(self) -> Iterator[str]:
        yield f"  {', '.join(self.names)}: {self.words or 'wrong, and by no slip that is known'}"
        if self.place is not None:
            where = f"{self.names[0]}[{', '.join(map(str, self.place))}]" if self.place else self.names[0]
            yield f"      {where} is {self.given:.10g}, right is {self.expected:.10g}" + (
                f"   ({self.count} of {self.size} numbers are wrong)" if self.size > 1 else ""
            )
        if self.remark:
            yield f"      {self.remark}"


@dataclass(frozen=True)
class HandwrittenReport:
    """The findings of a check. It is true if all is right, and prints a text for students.

    Attributes
    ----------
    title : the check, and its subject.
    right : the names that are right.
    mistakes : the mistakes.
    consequential : names that are wrong only because others are, with the reason in words.
    notes : the precision of the comparison, and unchecked names.
    """

    title: str
    right: Sequence[str] = ()
    mistakes: Sequence[Mistake] = ()
    consequential: Mapping[str, str] = field(default_factory=dict)
    notes: Sequence[str] = ()

    def __bool__(self) -> bool:
        return bool(self.right) and not self.mistakes and not self.consequential

    @property
    def unknown(self) -> int:
        """The number of mistakes without a known slip."""
        return sum(each.kind in ("", "shape") for each in self.mistakes)

    @property
    def wrong(self) -> list[str]:
        """All wrong names."""
        return [name for each in self.mistakes for name in each.names] + list(self.consequential)

    def lines(self) -> Iterator[str]:
        """The report, the verdict first."""
        checked = len(self.right) + len(self.wrong)
        if not checked:
            yield f"{self.title}: nothing was checked"
        elif not self.wrong:
            yield f"{self.title}: right ({', '.join(self.right)})"
        else:
            count = len(self.wrong)
            yield f"{self.title}: {count} of {checked} {'is' if count == 1 else 'are'} wrong"
        for each in self.mistakes:
            yield from each.lines()
        for why in dict.fromkeys(self.consequential.values()):
            yield f"  {', '.join(name for name, each in self.consequential.items() if each == why)}: {why}"
        if self.wrong and self.right:
            yield f"  right: {', '.join(self.right)}"
        yield from (f"  note: {note}" for note in self.notes)

    def __str__(self) -> str:
        return "\n".join(self.lines())

    def __repr__(self) -> str:
        """One line, which pytest shows whole where an assert fails."""
        lines = iter(self.lines())
        line = "; ".join([next(lines), *(" ".join(each.split()) for each in itertools.islice(lines, 2))])
        return f"<{line if len(line) < _LONGEST else line[: _LONGEST - 1] + '…'}>"
