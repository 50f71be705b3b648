"""Which of a student's arrays are wrong, and the change of the graph that explains them.

An array is compared with the right numbers, and with those that follow from the student's own numbers before
it. An array that is wrong but follows is consequential. The change that explains most of the others is
applied, and the search goes on with the rest.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from .comparison import Noise, Shown, allowed, few_decimals, noise_of
from .naming import Quantity
from .report import HandwrittenReport, Mistake
from .slips import Candidate, candidates, laid_out
from .tape import Array, Change, Ids, Sweep, Tape

__all__ = ["Entry", "Judge"]

_MOST_WORK = 400_000_000  # numbers that may be computed in looking for slips
_OVERHEAD = 500  # numbers that a stage costs at least
_PLAIN = 1.05  # what costs no more, and explains all, is the slip
_NICE = (0.0, -1.0, 2.0, 0.5)


@dataclass(eq=False)
class Entry:
    """An array that was handed in.

    Attributes
    ----------
    name : the student's name for it.
    given : its numbers, in the right shape if they fit.
    fits : whether they have that shape but for axes of length 1.
    ids : its nodes on the tape of a judge, in the right shape.
    """

    name: str
    quantity: Quantity
    given: Shown
    fits: bool
    ids: Ids = field(init=False)

    @property
    def gradient(self) -> bool:
        return self.quantity.role == "gradient"


@dataclass(frozen=True)
class _Found:
    """A candidate that explains some entries."""

    kind: str
    words: str
    change: Change
    entries: tuple[Entry, ...]
    score: tuple[float, float]


class Judge:
    """Compares entries with a tape; `others` has the data of all nodes at other times, by words for when."""

    def __init__(
        self, tape: Tape, entries: Sequence[Entry], rate: float | None, others: Mapping[str, Array]
    ) -> None:
        self.tape, self.rate, self.others = tape, rate, others
        self.noise, self.kinks = noise_of(tape)
        for entry in entries:
            entry.ids = tape.ids(tape.recording.arrays[entry.quantity.array])
        self.entries = sorted(entries, key=self._order)
        self._work = 0

    def _order(self, entry: Entry) -> tuple[int, int]:
        level = int(self.tape.levels[entry.ids].max(initial=0))
        roles = {"value": (0, level), "gradient": (1, -level), "update": (2, 0)}
        return roles[entry.quantity.role]

    # --- comparing

    def predicted(self, entry: Entry, run: Sweep) -> Array:
        """The right numbers of an entry after a run."""
        if entry.quantity.role == "value":
            return run.data[entry.ids]
        if entry.gradient:
            return run.adjoints[entry.ids]
        return run.used[entry.ids] - (self.rate or 0.0) * run.handed[entry.ids]

    def _noise(self, entry: Entry, of: Noise) -> Array:
        if entry.quantity.role == "value":
            return of.data[entry.ids]
        if entry.gradient:
            return of.adjoints[entry.ids]
        return of.data[entry.ids] + (self.rate or 0.0) * of.adjoints[entry.ids]

    def _floor(self, entry: Entry) -> float:
        """What is as good as 0, beside the largest value or gradient."""
        every = self.tape.right.adjoints if entry.gradient else self.tape.right.data
        return 1e-13 * float(np.abs(every[np.isfinite(every)]).max(initial=0.0))

    def agrees(self, entry: Entry, expected: Array, fine: bool = False) -> Any:
        """Which numbers of an entry are as expected."""
        with np.errstate(all="ignore"):
            slack = allowed(expected, self._noise(entry, self.noise), entry.given, self._floor(entry), fine)
            near = np.abs(entry.given.numbers - expected) <= slack
            same = (entry.given.numbers == expected) | (np.isnan(entry.given.numbers) & np.isnan(expected))
        return near | same

    def _matches(self, entry: Entry, expected: Array) -> bool:
        return entry.fits and bool(self.agrees(entry, expected, fine=True).all())

    # --- the verdict

    def verdict(self) -> HandwrittenReport:
        """The report, still without a title."""
        right, wrong, notes = self._sorted()
        mistakes, consequential = [], {}
        held, carried = Change(), False  # the student's own wrong numbers, and whether others depend on them
        for entry in wrong:
            numbers = entry.given.numbers
            if not entry.fits or not np.isfinite(numbers).all() or entry.quantity.role == "update":
                continue
            own = ((entry.ids, numbers),)
            held = held.then(Change(adjoints=own) if entry.gradient else Change(data=own))
            carried |= not entry.gradient or bool(self.tape.levels[entry.ids].any())
        run = self._run(held)
        roots: list[Entry] = []
        for entry in wrong:
            if roots and self._matches(entry, self.predicted(entry, run)):
                why = f"computed rightly from {self._cause(entry, roots)}, which is wrong"
                consequential[entry.name] = why
            else:
                roots.append(entry)
        while roots:
            best = self._best(held, roots, right)
            if best is None and carried:  # perhaps the student did not use these numbers
                best = self._best(Change(), roots, right)
            if best is None:
                break
            mistakes.append(self._mistake(best.entries, best.kind, best.words))
            roots = [entry for entry in roots if entry not in best.entries]
            held = held.then(best.change)
            carried |= bool(held.data)
        mistakes += map(self._unexplained, roots)
        if self._work > _MOST_WORK:
            notes.append("the graph is large, so not every slip was tried: give smaller arrays")
        return HandwrittenReport("", [entry.name for entry in right], mistakes, consequential, notes)

    def _sorted(self) -> tuple[list[Entry], list[Entry], list[str]]:
        """The right entries, the wrong ones, and notes on how fine that is known."""
        right, wrong, coarse, notes = [], [], [], []
        for entry in self.entries:
            expected = self.predicted(entry, self.tape.right)
            if not entry.fits:
                wrong.append(entry)
                continue
            good = self.agrees(entry, expected)
            if not good.all():
                kinks = self._noise(entry, self.kinks)
                near = np.abs(entry.given.numbers - expected) <= 1.01 * kinks + 1e-6 * np.abs(expected)
                if not (good | (near & (kinks > 0.0))).all():
                    wrong.append(entry)
                    continue
                notes.append(f"{entry.name}: at a kink any value between the one-sided derivatives is right")
            elif entry.given.rounding:
                coarse.append(f"{entry.name} to {entry.given.decimals} decimals")
            elif not self.agrees(entry, expected, fine=True).all():
                coarse.append(f"{entry.name} to about 7 digits, as in single precision")
            right.append(entry)
        if coarse:
            notes.append(f"right is {', '.join(coarse)}; a smaller slip would not be seen")
        return right, wrong, notes

    def _cause(self, entry: Entry, roots: Sequence[Entry]) -> str:
        own = Quantity(entry.quantity.array, "gradient") if entry.quantity.role == "update" else None
        return next((root.name for root in roots if root.quantity == own), roots[-1].name)

    def _run(self, change: Change) -> Sweep:
        self._work += sum(stage.heads.size * len(stage.tails) for stage in self.tape.stages)
        self._work += _OVERHEAD * len(self.tape.stages)
        return self.tape.run(change)

    # --- the slip

    def _best(self, held: Change, roots: Sequence[Entry], right: Sequence[Entry]) -> _Found | None:
        best: _Found | None = None
        for found in self._explanations(held, roots, right):
            best = found if best is None or found.score > best.score else best
            if best.score >= (len(roots), -_PLAIN):
                break
        return best

    def _explanations(self, held: Change, roots: Sequence[Entry], right: Sequence[Entry]) -> Iterator[_Found]:
        before = self._run(held)
        right = [each for each in right if self._matches(each, self.predicted(each, before))]
        for candidate in candidates(self.tape, self.others):
            if self._work > _MOST_WORK:
                return
            if not self._touches(candidate, roots, right):
                continue
            for c in self._factors(candidate, held, roots, before):
                change = held.then(candidate.make(c))
                run = self._run(change)
                matched = tuple(
                    entry
                    for entry in roots
                    if not (candidate.values and entry.quantity.role != "value")
                    and self._matches(entry, self.predicted(entry, run))
                )
                if not matched or not self._told(candidate, c, matched):
                    continue
                broken = 0
                if not candidate.values:
                    broken = sum(not self._matches(each, self.predicted(each, run)) for each in right)
                score = (len(matched) - 2.0 * broken, -candidate.cost - self._oddness(candidate, c))
                made = Change() if candidate.values else candidate.make(c)
                if score[0] > 0:
                    yield _Found(candidate.kind, candidate.told(c), made, matched, score)
        for entry in roots:
            for kind, words, cost in self._alone(entry, held, before):
                yield _Found(kind, words, Change(), (entry,), (1.0, -cost))

    def _touches(self, candidate: Candidate, roots: Sequence[Entry], right: Sequence[Entry]) -> bool:
        """Whether a candidate changes more wrong entries than right ones."""
        if candidate.values:
            return any(entry.quantity.role == "value" for entry in roots)
        if candidate.below < 0:
            return True

        def reached(entry: Entry) -> bool:
            bits = sum(1 << int(turn) for turn in np.unique(self.tape.of[entry.ids]))
            return entry.quantity.role != "value" and bool(bits & candidate.below)

        return sum(map(reached, roots)) > 2 * sum(map(reached, right))

    def _factors(
        self, candidate: Candidate, held: Change, roots: Sequence[Entry], before: Sweep
    ) -> Iterator[float]:
        """The factors with which a candidate may explain an entry; 1 for a candidate without one."""
        if not candidate.fitted:
            yield 1.0
            return
        offset = self._run(held.then(candidate.make(0.0)))
        direct = before if candidate.neutral else self._run(held.then(candidate.make(1.0)))
        tried: list[float] = []
        for entry in roots:
            if not entry.fits or entry.quantity.role == "value":
                continue
            low, high = (self.predicted(entry, run) for run in (offset, direct))
            c = _fitted(entry.given.numbers - low, high - low)
            if c is None:
                continue
            nice = self._nice(c, 1e-3 if entry.given.rounding else 1e-5)
            c = c if nice is None else nice
            if c in tried or (c == 1.0 and candidate.neutral):
                continue
            tried.append(c)
            if self._matches(entry, low + c * (high - low)):
                yield c

    @cached_property
    def _whole(self) -> list[int]:
        """Whole numbers above 1 with a meaning here: lengths of axes, and numbers of the graph."""
        lengths = (length for family in self.tape.families if family.array for length in family.ids.shape)
        numbers = self.tape.right.data[self.tape.levels == 0].tolist()
        return sorted({int(each) for each in (*lengths, *numbers) if 1 < each < 1e6 and each == int(each)})

    def _nice(self, c: float, near: float = 1e-9) -> float | None:
        """The factor with a meaning that is so near; None if there is none."""
        for nice in (*_NICE, 1.0, *self._whole, *(1.0 / each for each in self._whole)):
            for signed in (nice, -nice):
                if abs(c - signed) <= near * max(1.0, abs(signed)):
                    return signed
        return None

    def _oddness(self, candidate: Candidate, c: float) -> float:
        """How much more far-fetched a factor makes a candidate."""
        if not candidate.fitted or c in ((0.0, -1.0) if candidate.neutral else (1.0,)):
            return 0.0
        return 0.4 if self._nice(c) is None else 0.1

    def _told(self, candidate: Candidate, c: float, matched: Sequence[Entry]) -> bool:
        """Whether the numbers are enough to tell a factor."""
        if not candidate.fitted or sum(np.unique(entry.given.numbers).size for entry in matched) > 2:
            return True
        if candidate.kind == "updated":
            return False
        return self._nice(c) is not None if candidate.neutral else c in (1.0, -1.0)

    def _alone(self, entry: Entry, held: Change, before: Sweep) -> Iterator[tuple[str, str, float]]:
        """Slips of one array: added up or turned the wrong way, or with something added to it."""
        expected, given = self.predicted(entry, before), entry.given.numbers
        if not np.isfinite(given).all():
            return
        if entry.quantity.role == "update":
            old = before.used[entry.ids]
            c = _fitted(given - old, expected - old)
            if c is not None and self._matches(entry, old + c * (expected - old)):
                nice = self._nice(c, 1e-5)
                c = c if nice is None else nice
                what = {
                    0.0: "has not changed",
                    -1.0: "is increased by η times its gradient, not decreased",
                }.get(c, f"is updated with the rate {c * (self.rate or 0.0):.6g}")
                yield "rate", f"{entry.quantity.array} {what}", 1.1
            return
        square = expected.ndim == 2 and expected.shape[0] == expected.shape[1] > 1
        if square and self._matches(entry, expected.T):
            yield "transposed", f"{entry.name} is transposed", 1.0
        if entry.gradient:
            for kind, words, numbers, cost in laid_out(self.tape, held, entry.ids):
                if np.squeeze(numbers).shape == np.squeeze(given).shape:
                    numbers = numbers.reshape(given.shape)
                    scale = max(float(np.abs(each).max(initial=0.0)) for each in (numbers, expected))
                    slack = (1e-6 if entry.given.coarse else 1e-9) * scale + entry.given.rounding
                    if np.abs(given - numbers).max(initial=0.0) <= slack:
                        yield kind, words, cost
        if not entry.fits or np.unique(given).size < 3:
            return
        for family in self.tape.families:
            if family.array and family.ids.shape == entry.ids.shape:
                extra = before.used[family.ids]
                c = _fitted(given - expected, extra)
                if c and self._matches(entry, expected + c * extra):
                    words = f"{c:.6g} · {self.tape.words(family)} is added, which does not belong there"
                    yield "extra", words, 1.4

    # --- in words

    def _mistake(self, entries: Sequence[Entry], kind: str, words: str, remark: str = "") -> Mistake:
        entry = entries[0]
        names = tuple(each.name for each in entries)
        expected = self.predicted(entry, self.tape.right)
        if not entry.fits:
            shapes = f"its shape is {entry.given.numbers.shape}, and {entry.ids.shape} belongs there"
            return Mistake(names, kind, words, remark=remark or shapes)
        wrong = ~self.agrees(entry, expected)
        off = np.where(wrong, np.abs(entry.given.numbers - expected), -1.0)
        off = np.where(np.isnan(off), np.inf, off)
        place = tuple(int(i) for i in np.unravel_index(int(off.argmax()), off.shape)) if off.ndim else ()
        numbers = float(entry.given.numbers[place]), float(expected[place])
        return Mistake(names, kind, words, place, *numbers, int(wrong.sum()), wrong.size, remark)

    def _unexplained(self, entry: Entry) -> Mistake:
        given = entry.given.numbers
        if not entry.fits:
            return self._mistake(
                [entry], "shape", f"the shape {given.shape} stands where {entry.ids.shape} belongs"
            )
        if not np.isfinite(given).all():
            what = "inf" if np.isinf(given).any() and not np.isnan(given).any() else "nan"
            return self._mistake([entry], "not a number", f"it holds {what}")
        expected = self.predicted(entry, self.tape.right)
        decimals = few_decimals(entry.given, expected)
        if decimals:
            to = f"{decimals} decimal{'s' if decimals > 1 else ''}"
            return self._mistake([entry], "rounded", f"it is right to {to}, too few to tell: give more")
        wrong = ~self.agrees(entry, expected)
        remark = ""
        for axis, length in enumerate(wrong.shape):
            where = np.flatnonzero(wrong.any(axis=tuple(i for i in range(wrong.ndim) if i != axis)))
            if len(where) == 1 < length:
                remark = f"all that is wrong is at index {where[0]} of axis {axis}"
        return self._mistake([entry], "", "", remark)


def _fitted(numbers: Array, direction: Array) -> float | None:
    """The factor of a direction that comes nearest to the numbers; None if there is none."""
    size = float((direction * direction).sum())
    tiny = np.abs(direction).max(initial=0.0) < 1e-12 * np.abs(numbers).max(initial=0.0)
    if tiny or size == 0.0 or not np.isfinite(size):
        return None
    c = float((numbers * direction).sum()) / size
    return c if np.isfinite(c) else None
