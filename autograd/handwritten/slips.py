"""The slips people make in a backward pass, each as the recorded graph with one thing changed.

Nothing here knows a number that a wrong program gives. Each `Candidate` changes a step of the tape: a partial
left out or taken of another array, a term dropped, an operand exchanged. `search` runs them and compares.
"""

from __future__ import annotations

import functools
import itertools
import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..engine.primitives import TABLE
from ..spreadsheet.expected import names_in
from .formulas import Formula, gradient_formulas
from .tape import Array, Change, Family, Ids, Link, Stage, Tape, applied, slopes

__all__ = ["Candidate", "candidates", "laid_out"]

_SUMS = {"add", "sub", "sum", "mean"}
_LINEAR = {*_SUMS, "neg"}
_MISTAKEN = ("sigmoid", "tanh", "relu", "exp", "softplus")  # functions that stand for one another
_MOST_DIAGONAL = 64  # numbers of an array with a Jacobian to look at
_NEAR = 1e-6  # how near a fitted factor is to the number it stands for
_STEP = 1e-3  # of a difference of the fourth order
_MOST_ENDS = 8  # arrays that may be the state before the first one, or behind the last


@dataclass(frozen=True, eq=False)
class Candidate:
    """A slip, and what it does to the tape.

    Attributes
    ----------
    kind : of the slip, as in `Mistake`.
    words : the slip in words; a function of the factor where one is fitted.
    change : the change; a function of the factor, in which all numbers are linear, where one is fitted.
    cost : how far-fetched the slip is; an odd factor adds to it.
    values : whether it concerns the forward pass alone, and nothing that is differentiated.
    below : the families, as bits, whose gradients it changes; -1 for all, and values too.
    neutral : whether the factor 1 changes nothing.
    """

    kind: str
    words: str | Callable[[float], str]
    change: Change | Callable[[float], Change]
    cost: float
    values: bool = False
    below: int = -1
    neutral: bool = False

    @property
    def fitted(self) -> bool:
        return callable(self.change)

    def make(self, c: float) -> Change:
        return self.change(c) if callable(self.change) else self.change

    def told(self, c: float) -> str:
        return self.words(c) if callable(self.words) else self.words


def candidates(tape: Tape, others: Mapping[str, Array]) -> Iterator[Candidate]:
    """The slips to try; `others` has the data of all nodes at other times, by words for when."""
    for link in tape.links:
        for each in _of_link(tape, link, others):
            yield replace(each, below=tape.below[link.tail.turn])
    for of_tape in (_of_layers, _of_steps, _of_tails, _of_adjoints, _of_diagonals):
        yield from of_tape(tape)
    formulas = list(gradient_formulas(tape))
    for of_formulas in (_of_formulas, _of_normalised, _of_labels):
        yield from of_formulas(tape, formulas)
    for of_tape in (_once_too_often, _of_indices, _of_inner_derivatives, _of_given, _of_forward):
        yield from of_tape(tape)
    everything = tape.below[int(tape.of[tape.loss])]
    words = lambda c: f"the gradient {_times(c)}"  # noqa: E731  # a formula with a name
    yield Candidate("factor", words, lambda c: Change(seed=c), 1.1, below=everything, neutral=True)


def _times(c: float) -> str:
    """How something differs from the right number, if it is `c` times that."""
    if abs(c) < _NEAR:
        return "is left out"
    known = {-1.0: "has the wrong sign", 2.0: "counts twice", 0.5: "counts half"}
    for number, words in known.items():
        if abs(c - number) < _NEAR * abs(number):
            return words
    if 0.0 < abs(c) < 1.0 and abs(1.0 / c - round(1.0 / c)) < 1e-4:
        return f"is divided by {round(1.0 / c):d} once too often"
    if c > 2.5 and abs(c - round(c)) < _NEAR * c:
        return f"is {round(c):d} times what belongs there: a division by {round(c):d} is left out"
    return f"is {c:.6g} times what belongs there"


# --- changes -------------------------------------------------------------------------------------------

Local = Callable[[Stage, Array, int, Array], Any]


def _changed(tape: Tape, link: Link, local: Local) -> Change:
    """The backward pass with other partials on a link: ``local(stage, data, operand, partial)``."""

    def partials(stage: Stage, data: Array) -> list[Any]:
        plain = replace(stage, local=None)
        found = plain.partials(data)
        for i, mask in enumerate(link.masks[stage.place]):
            if mask.any():
                found[i] = np.where(mask, local(plain, data, i, found[i]), found[i])
        return found

    return Change(backward={place: replace(tape.stages[place], local=partials) for place in link.masks})


def _scaled(tape: Tape, link: Link, c: float) -> Change:
    return _changed(tape, link, lambda stage, data, i, partial: c * partial)


def _reading(tape: Tape, link: Link, ids: Ids, numbers: Array, result: bool = False) -> Change:
    """With other numbers in an array where a link's partials read it: as an operand, or as the result."""

    def local(stage: Stage, data: Array, i: int, partial: Array) -> Any:
        moved = data.copy()
        moved[ids] = numbers
        if result:
            return slopes(stage.row, moved[stage.heads], stage.arguments(data), textbook=True)[i]
        return slopes(stage.row, data[stage.heads], [moved[each] for each in stage.reads or stage.tails])[i]

    return _changed(tape, link, local)


def _replaced(ids: Ids, numbers: Array, c: float) -> Change:
    return Change(replaced=((ids, c * numbers),))


def _other_gradient(
    tape: Tape, family: Family, kind: str, words: str, numbers: Array, cost: float
) -> Iterator[Candidate]:
    """Other numbers in place of a gradient."""
    if np.isfinite(numbers).all():
        yield Candidate(kind, words, _replaced(family.ids, numbers, 1.0), cost, below=tape.below[family.turn])


def _together(changes: Iterator[Change]) -> Change:
    return functools.reduce(Change.then, changes)


def _all_below(tape: Tape, links: Sequence[Link]) -> int:
    return functools.reduce(operator.or_, (tape.below[link.tail.turn] for link in links))


# --- the backward pass: one link -----------------------------------------------------------------------


def _of_link(tape: Tape, link: Link, others: Mapping[str, Array]) -> Iterator[Candidate]:
    head, tail = tape.words(link.head), tape.words(link.tail)
    alone = [link.at(i) for i in link.positions] if len(link.positions) > 1 else []
    for part in (link, *alone):
        yield Candidate(
            "path" if part is link else "term",
            functools.partial(_of_path, tape, part, part is not link),
            functools.partial(_scaled, tape, part),
            1.05 if part is link else 1.1,
            neutral=True,
        )
    steady = all(
        (np.abs(tape.partials(stage.place)[i][mask]) == 1.0).all() for stage, i, mask in tape.edges(link)
    )
    unary = _one_argument(tape, link)
    kind = "derivative" if unary else "factor"
    if not steady:
        yield Candidate(kind, _left_out(tape, link), _changed(tape, link, _one), 1.0)
        words = f"the factor ∂{head}/∂{tail} stands there twice"
        yield Candidate(kind, words, _changed(tape, link, lambda s, d, i, partial: partial**2), 1.15)
    if not steady or link.row.name in _SUMS:
        yield from _repeated(tape, link)
    yield from _of_upstream(tape, link)
    if link.row.name in _LINEAR:
        return
    if unary:
        yield from _of_function(tape, link)
    for family in _operand_arrays(tape, link):
        yield from _of_operand(tape, link, family, f"from {head} to {tail}", others)


def _one(stage: Stage, data: Array, i: int, partial: Array) -> Any:
    return 1.0


def _of_operand(
    tape: Tape, link: Link, family: Family, way: str, others: Mapping[str, Array]
) -> Iterator[Candidate]:
    """Something else read in place of an array."""
    name, ids, right = tape.words(family), family.ids, tape.right.data
    reading = functools.partial(_reading, tape, link, ids)
    kind = "derivative" if _one_argument(tape, link) else "operand"
    for other, words, numbers in _arrays_like(tape, family):
        if words != name:
            cost = 1.1 if other.name else 1.12
            yield Candidate(kind, f"{words} stands where {name} belongs, {way}", reading(numbers), cost)
    if _is_square(ids):
        words = f"{name} is transposed where it should not be, or the other way round, {way}"
        yield Candidate("transposed", words, reading(right[ids.T]), 1.05)
    for what, numbers in _altered(name, right[ids]):
        yield Candidate(kind, f"{what} stands where {name} belongs, {way}", reading(numbers), 1.12)
    for when, all_numbers in others.items():
        kind = "stale" if "before" in when else "updated"
        yield Candidate(kind, f"{name} is taken {when}, {way}", reading(all_numbers[ids]), 1.05)
    if family.row is None:
        yield Candidate(
            "updated",
            lambda c: f"{name} is used after its update (with the rate {c:.4g}), {way}",
            lambda c: reading(right[ids] - c * tape.right.adjoints[ids]),
            1.1,
        )


def _is_square(ids: Ids) -> bool:
    return ids.ndim == 2 and ids.shape[0] == ids.shape[1] > 1


def _altered(name: str, numbers: Array) -> Iterator[tuple[str, Array]]:
    """An array as people mistake it: its magnitude, its sign, centred, scaled, reversed, a step off."""
    if (numbers < 0.0).any():
        yield f"|{name}|", np.abs(numbers)
        yield f"the sign of {name}", np.sign(numbers)
    if numbers.ndim and len(numbers) > 1:
        centred = numbers - numbers.mean(axis=0)
        yield f"{name} less its mean over axis 0", centred
        with np.errstate(all="ignore"):
            scaled = centred / numbers.std(axis=0)
        yield f"{name} less its mean over axis 0, divided by its deviation,", scaled
        yield f"{name} reversed along axis 0", numbers[::-1]
        for turn in (1, -1):
            yield f"{name} one step off along axis 0", np.roll(numbers, turn, axis=0)


def _shifted(name: str, labels: Array) -> Iterator[tuple[str, Array]]:
    """One-hot targets moved to the class beside theirs."""
    if labels.ndim != 2 or labels.shape[1] < 2 or not np.isin(labels, (0.0, 1.0)).all():
        return
    for turn in (1, -1) if (labels.sum(axis=1) == 1.0).all() else ():
        words = f"the labels are off by one: class k {'+' if turn > 0 else '−'} 1 stands for class k"
        yield words, np.roll(labels, turn, axis=1)


def _of_path(tape: Tape, link: Link, alone: bool, c: float) -> str:
    head, tail, row = tape.words(link.head), tape.words(link.tail), link.row.name
    many = min(counts) if len(counts := set(_repeats(tape, link))) == 1 else 0
    if many > 1 and abs(c * many - 1.0) < _NEAR:
        return f"what comes back from {head} to {tail} is averaged over {many} parts, not summed"
    what = f"what comes back to {tail} through {head}"
    if abs(c) >= _NEAR:
        return f"{what} {_times(c)}"
    if row in ("softmax", "log_softmax", "logsumexp"):
        which = "off-diagonal" if link.positions == [1] else "diagonal"
        return f"the {which} part of softmax's Jacobian is left out, from {head} to {tail}"
    if alone:
        return f"one of the two terms of the product rule for {head} is left out"
    if row in _SUMS:
        return f"what comes from the term {tail} of {head} is left out"
    if row == "div" and link.positions == [1]:
        return f"{what} is left out: the divisor is taken for a constant (the off-diagonal part of a softmax)"
    return f"{what} is left out"


def _left_out(tape: Tape, link: Link) -> str:
    head, tail, row = tape.words(link.head), tape.words(link.tail), link.row.name
    if row in ("mul", "div"):
        other = [turn for turn in link.head.reads if turn != link.tail.turn]
        number = tape.number_read(link.head)
        name = f"{number[1]:.6g}" if number else tape.words(tape.families[other[0]]) if other else tail
        return f"the {'division by' if row == 'div' else 'factor'} {name} is left out, from {head} to {tail}"
    if row == "mean":
        longest = max(len(mask) for masks in link.masks.values() for mask in masks)
        return f"the 1/{longest} of the mean is left out, from {head} to {tail}"
    return f"the derivative of {row} is left out, from {head} to {tail}"


def _repeats(tape: Tape, link: Link) -> list[int]:
    """The number of edges to each node of the tail by the one operand concerned, if there is but one."""
    if len(link.positions) != 1:
        return []
    nodes = np.concatenate([stage.tails[i][mask] for stage, i, mask in tape.edges(link)])
    counts: list[int] = np.unique(nodes, return_counts=True)[1].tolist()
    return counts


def _repeated(tape: Tape, link: Link) -> Iterator[Candidate]:
    """Of several parts of a sum only the last, or the first."""
    counts = _repeats(tape, link)
    many = max(counts, default=0)
    for which in ("last", "first") if many > 1 else ():
        number = f"{many} " if min(counts) == many else ""
        parts = f"of the {number}parts that add up to d{tape.words(link.tail)}"
        words = f"{parts} only the {which} is kept: overwritten instead of added"
        yield Candidate("overwritten", words, _kept(tape, link, which == "last"), 1.1)
        if many > 2:
            words = f"{parts} the {which} is left out"
            yield Candidate("term", words, _kept(tape, link, which == "last", others=True), 1.2)


def _kept(tape: Tape, link: Link, last: bool, others: bool = False) -> Change:
    """For each node of the tail one edge alone, in the order of the heads, or all others."""
    kept: dict[tuple[int, int], Any] = {}
    seen: set[int] = set()
    for stage, i, mask in list(tape.edges(link))[:: -1 if last else 1]:
        nodes = stage.tails[i].ravel().tolist()
        keep, mine = np.zeros(len(nodes), dtype=bool), mask.ravel()
        for at in range(len(nodes))[:: -1 if last else 1]:
            if mine[at] and nodes[at] not in seen:
                seen.add(nodes[at])
                keep[at] = True
        kept[stage.place, i] = keep.reshape(mask.shape) ^ others
    return _changed(tape, link, lambda stage, data, i, partial: partial * kept[stage.place, i])


def _operand_arrays(tape: Tape, link: Link) -> list[Family]:
    """The arrays that the partials of a link read."""
    return [tape.families[turn] for turn in link.head.operands if tape.families[turn].array]


def _alike(tape: Tape, family: Family) -> list[Family]:
    """The other arrays of the same shape, those with names first."""
    arrays = (each for each in tape.families if each.array and each is not family)
    return sorted(
        (each for each in arrays if each.ids.shape == family.ids.shape), key=lambda each: not each.name
    )


def _one_argument(tape: Tape, link: Link) -> bool:
    """Whether it is a function of one argument, beside numbers such as that in max(0, x)."""
    if link.row.vectors or link.row.name in (*_LINEAR, "mul", "div") or len(link.positions) != 1:
        return False
    (own,) = link.positions
    return all(tape.families[turn].number for place, turn in enumerate(link.head.reads) if place != own)


def _of_function(tape: Tape, link: Link) -> Iterator[Candidate]:
    """The derivative of another function, or no derivative at all."""
    (own,) = link.positions
    y, x = tape.words(link.head), tape.words(link.tail)
    belongs = f"stands where {link.row.name}′ belongs, from {y} to {x}"
    for name in _MISTAKEN:
        if name != link.row.name:
            for by_value in (False, True):  # by the other's formula in its value, such as 1 − y²

                def local(
                    stage: Stage,
                    data: Array,
                    i: int,
                    partial: Array,
                    name: str = name,
                    by_value: bool = by_value,
                ) -> Any:
                    xs = data[stage.tails[own]]
                    ys = data[stage.heads] if by_value else applied(TABLE[name], [xs], xs.shape)
                    return slopes(TABLE[name], ys, [xs], by_value)[0]

                yield Candidate("derivative", f"{name}′ {belongs}", _changed(tape, link, local), 1.2)
    for what, itself in (
        (y, lambda s, data, i, p: data[s.heads]),
        (x, lambda s, data, i, p: data[s.tails[own]]),
    ):
        yield Candidate("derivative", f"{what} itself {belongs}", _changed(tape, link, itself), 1.15)


def _of_upstream(tape: Tape, link: Link) -> Iterator[Candidate]:
    """Another array in place of the gradient that comes to a link, and there alone."""
    if not link.tail.array:
        return
    owners = {tape.owners.get(int(node), -1) for place in link.masks for node in tape.stages[place].heads}
    family = tape.families[int(tape.of[next(iter(owners))])] if min(owners) >= 0 else None
    if family is None or not family.array or not owners <= set(family.ids.ravel().tolist()):
        return
    at = np.zeros(len(tape.right.data), dtype=np.intp)
    at[family.ids.ravel()] = np.arange(family.ids.size)
    for stage in tape.stages:
        at[stage.heads] = at[[tape.owners.get(int(node), 0) for node in stage.heads]]
    gradient = tape.gradient_words(family)
    for other, words, numbers in [*_arrays_like(tape, family), *_transposed(tape, family)]:

        def change(c: float, numbers: Array = numbers) -> Change:
            def upstream(stage: Stage, i: int, right: Array) -> Array:
                return np.where(link.masks[stage.place][i], c * numbers.ravel()[at[stage.heads]], right)

            return Change(
                backward={place: replace(tape.stages[place], upstream=upstream) for place in link.masks}
            )

        if not words.endswith(gradient) and numbers.any():
            cost = (1.1 if words.startswith("d") else 1.15) + _rarer(tape, family)
            belongs = f"{gradient} belongs, in d{tape.words(link.tail)}"
            said = functools.partial(_of_other, words, belongs)
            yield Candidate("gradient", said, change, cost if other.name else cost + 0.02)


def _rarer(tape: Tape, family: Family) -> float:
    """The cost of one number for another beside arrays, where a factor would do."""
    alone = family.ids.size == 1 and any(each.ids.size > 1 for each in tape.families if each.array)
    return 0.2 if alone else 0.0


def _arrays_like(tape: Tape, family: Family) -> list[tuple[Family, str, Array]]:
    """The arrays of the same shape, values and then gradients, in words; those with names first."""
    right, alike = tape.right, [family, *_alike(tape, family)]
    found = [(each, tape.words(each), right.data[each.ids]) for each in alike]
    return found + [(each, tape.gradient_words(each), right.adjoints[each.ids]) for each in alike]


def _transposed(tape: Tape, family: Family) -> Iterator[tuple[Family, str, Array]]:
    """The transposed gradient of a square array."""
    if _is_square(family.ids):
        yield family, f"{tape.gradient_words(family)} transposed", tape.right.adjoints[family.ids].T


def _of_other(other: str, belongs: str, c: float) -> str:
    if abs(c) < 1.0 and c and abs(1.0 / c - round(1.0 / c)) < 1e-4 and abs(c) > 1e-4:
        other = f"{'−' if c < 0 else ''}{other} / {abs(round(1.0 / c)):d}"
    elif abs(c - 1.0) > _NEAR:
        other = f"{c:.4g} · {other}"
    return f"{other} stands where {belongs}"


# --- the backward pass: the same in every layer or step ------------------------------------------------


def _of_layers(tape: Tape) -> Iterator[Candidate]:
    """One slip wherever the same is computed, as in the steps of a recurrent network."""
    layers: dict[Any, list[Link]] = {}
    for link in tape.links:
        layers.setdefault((_role(tape, link.head), _role(tape, link.tail), link.row), []).append(link)
    for links in layers.values():
        if len(links) < 2:
            continue
        first, below = links[0], _all_below(tape, links)
        more = f"and so in {len(links) - 1} more places"
        way = f"from {tape.words(first.head)} to {tape.words(first.tail)}, {more}"
        words = f"the derivative of {first.row.name} is left out, {way}"
        change = _together(_changed(tape, link, _one) for link in links)
        yield Candidate("derivative", words, change, 1.15, below=below)
        for c in (0.0, -1.0, 2.0):
            change = _together(_scaled(tape, link, c) for link in links)
            yield Candidate("path", f"what comes back {_times(c)}, {way}", change, 1.15, below=below)
        for family in _operand_arrays(tape, first):
            if _is_square(family.ids) and all(family in _operand_arrays(tape, link) for link in links):
                turned = tape.right.data[family.ids.T]
                change = _together(_reading(tape, link, family.ids, turned) for link in links)
                words = f"{tape.words(family)} is transposed where it should not be, or the other way round"
                yield Candidate("transposed", f"{words}, {way}", change, 1.15, below=below)


def _role(tape: Tape, family: Family, depth: int = 2) -> Any:
    """The same for a family in every step: its row, and the rows of its operands."""
    if family.row is None:
        return family.turn
    shape = family.ids.shape if family.array else ()
    if depth == 0:
        return family.row, shape
    return (
        family.row,
        shape,
        frozenset(_role(tape, tape.families[turn], depth - 1) for turn in family.operands),
    )


def _of_steps(tape: Tape) -> Iterator[Candidate]:
    """In each step of a recurrent network the state of the step before, or of the one after."""
    groups: dict[Any, list[Link]] = {}
    for link in tape.links:
        unary = _one_argument(tape, link) and link.row.textbook is not None
        groups.setdefault((link.row, None if unary else link.tail.turn), []).append(link)
    for (row, tail), links in groups.items():
        if len(links) < 3:
            continue
        if tail is None:
            states, way = [link.head for link in links], f"in the derivative of {row.name}"
        else:
            states = [tape.families[_read_alone(link)] for link in links]
            way = f"in the way to {tape.words(links[0].tail)}"
        order = sorted(range(len(links)), key=lambda turn: int(tape.levels[states[turn].ids].max()))
        links, states = [links[turn] for turn in order], [states[turn] for turn in order]
        if len({each.turn for each in states}) < len(states) or len({each.ids.size for each in states}) > 1:
            continue
        for after in (True, False):
            when = "late" if after else "early"
            words = f"the state is taken one step too {when}, {way}: the index is off by one"
            for end in _ends(tape, states, after):
                others = [*states[1:], end] if after else [end, *states[:-1]]
                change = _together(
                    _reading(tape, link, state.ids.ravel(), tape.right.data[other.ids].ravel(), tail is None)
                    for link, state, other in zip(links, states, others)
                )
                yield Candidate("step", words, change, 1.12, below=_all_below(tape, links))


def _read_alone(link: Link) -> int:
    """The family that the head of a link reads beside its tail; the tail itself if there are several."""
    others = [turn for turn in link.head.operands if turn != link.tail.turn]
    return others[0] if len(others) == 1 else link.tail.turn


def _ends(tape: Tape, states: Sequence[Family], after: bool) -> list[Family]:
    """What may be the state behind the last one, or that before the first."""
    known = {each.turn for each in states}
    last = int(tape.levels[states[-1 if after else 0].ids].max())

    def beyond(family: Family) -> int:
        return (int(tape.levels[family.ids].max()) - last) * (1 if after else -1)

    alike = [each for each in tape.families if each.ids.size == states[0].ids.size and each.turn not in known]
    return sorted((each for each in alike if beyond(each) > 0), key=beyond)[:_MOST_ENDS]


# --- the backward pass: a whole array ------------------------------------------------------------------


def _of_tails(tape: Tape) -> Iterator[Candidate]:
    """Of several ways back to an array only one."""
    for family in tape.families:
        links = [link for link in tape.links if link.tail is family]
        for kept in links if len(links) > 2 else ():  # of two, the one left out is a link of its own
            change = _together(_scaled(tape, link, 0.0) for link in links if link is not kept)
            words = f"d{tape.words(family)} has only what comes back through {tape.words(kept.head)}"
            words += ": overwritten instead of added"
            yield Candidate("overwritten", words, change, 1.1, below=tape.below[family.turn])


def _of_adjoints(tape: Tape) -> Iterator[Candidate]:
    """Another array, or a multiple of it, in place of a gradient that is handed on."""
    for family in _computed(tape):
        belongs = tape.gradient_words(family)
        for _, words, numbers in [*_arrays_like(tape, family), *_transposed(tape, family)]:
            if words != belongs and numbers.any():
                yield Candidate(
                    "gradient",
                    functools.partial(_of_other, words, f"{belongs} belongs"),
                    functools.partial(_replaced, family.ids, numbers),
                    (1.2 if words.startswith("d") else 1.25) + _rarer(tape, family),
                    below=tape.below[family.turn],
                )


def _computed(tape: Tape) -> list[Family]:
    return [family for family in tape.families if family.array and family.row is not None]


def _of_diagonals(tape: Tape) -> Iterator[Candidate]:
    """Only the diagonal of a full Jacobian, such as a softmax has."""
    for head in _computed(tape):
        size, level = head.ids.size, tape.levels[head.ids].max()
        below = [each for each in _alike(tape, head) if tape.levels[each.ids].max() < level]
        if not (1 < size <= _MOST_DIAGONAL and below):
            continue
        flat, units = head.ids.ravel(), np.eye(size)
        without = tape.run(_replaced(flat, units[0], 0.0)).adjoints
        rows = [tape.run(_replaced(flat, unit, 1.0)).adjoints - without for unit in units]
        for each in below:
            jacobian = np.array([row[each.ids.ravel()] for row in rows])
            slope = jacobian.diagonal()
            if (np.count_nonzero(jacobian, axis=1) > 1).any() and slope.any():
                put = tape.right.adjoints[flat] * slope + without[each.ids].ravel()
                jacobian_of = f"the Jacobian from {tape.words(each)} to {tape.words(head)}"
                words = f"only the diagonal of {jacobian_of} is taken: each number depends on all others"
                yield from _other_gradient(tape, each, "diagonal", words, put.reshape(each.ids.shape), 1.1)


def _of_formulas(tape: Tape, formulas: Sequence[Formula]) -> Iterator[Candidate]:
    """A slip in the formula of a gradient."""
    for formula in formulas:
        for words, numbers, cost in formula.slips():
            yield from _other_gradient(tape, formula.family, formula.kind, words, numbers, cost)


def _once_too_often(tape: Tape) -> Iterator[Candidate]:
    """A derivative of an activation where there is none, as σ′ of a squared error before a cross-entropy."""
    for family in _computed(tape):
        for other, words, numbers in _arrays_like(tape, family):
            if words.endswith(tape.gradient_words(other)):
                continue  # values alone
            for name, slope in (
                ("sigmoid", numbers * (1.0 - numbers)),
                ("tanh", 1.0 - numbers**2),
                ("relu", numbers > 0.0),
            ):
                put = tape.right.adjoints[family.ids] * slope
                if np.isfinite(put).all():
                    yield Candidate(
                        "derivative",
                        functools.partial(_too_often, tape.gradient_words(family), f"{name}′ of {words}"),
                        functools.partial(_replaced, family.ids, put),
                        1.3,
                        below=tape.below[family.turn],
                    )


def _too_often(gradient: str, factor: str, c: float) -> str:
    words = f"{gradient} is multiplied by {factor} once too often"
    return words if abs(c - 1.0) < _NEAR else f"{words}, and {_times(c)}"


def _of_normalised(tape: Tape, formulas: Sequence[Formula]) -> Iterator[Candidate]:
    """A softmax along the wrong axis, or of all numbers at once; and its gradient by the usual formula."""
    words = {tape.words(family): family for family in _computed(tape)}
    for formula in formulas:
        scores = tape.right.data[formula.family.ids]
        if formula.kind != "gradient" or scores.ndim != 2:
            continue
        for name in filter(words.__contains__, names_in(formula.right)):
            for axis in (0, 1):
                for shifted in (scores, scores - scores.max(axis=axis, keepdims=True)):
                    e = np.exp(shifted)
                    if not np.allclose(e / e.sum(axis=axis, keepdims=True), formula.arrays[name]):
                        continue
                    for wrong, how in ((1 - axis, f"axis {1 - axis}"), (None, "all axes at once")):
                        p = e / e.sum(axis=wrong, keepdims=True)
                        ds = formula.with_numbers({name: p})
                        change = Change(data=((words[name].ids, p),), replaced=((formula.family.ids, ds),))
                        said = f"{name} is normalised along {how}, and not along axis {axis}"
                        yield Candidate("axis", said, change, 1.1)


def _of_labels(tape: Tape, formulas: Sequence[Formula]) -> Iterator[Candidate]:
    """One-hot labels off by one, in the gradient alone."""
    for formula in formulas:
        for name in names_in(formula.right) if formula.kind == "gradient" else ():
            for words, labels in _shifted(name, formula.arrays[name]):
                ds = formula.with_numbers({name: labels})
                yield from _other_gradient(tape, formula.family, "labels", words, ds, 1.05)


def _of_indices(tape: Tape) -> Iterator[Candidate]:
    """Labels as indices off by one: in the gradient alone, or in the loss too."""
    scores = [each for each in tape.families if each.array and each.ids.ndim == 2 and each.ids.shape[1] > 1]
    for family, stages in _by_family(tape):
        if len(stages[0].tails) != 1 or stages[0].row.vectors:
            continue
        read = np.concatenate([stage.tails[0] for stage in stages])
        for table in scores:
            if len(read) != len(table.ids) or not np.isin(read, table.ids).all():
                continue
            rows, columns = np.array([np.argwhere(table.ids == node)[0] for node in read]).T
            for turn in (1, -1) if len(np.unique(rows)) == len(rows) else ():
                change = _with_operand(stages, read, table.ids[rows, (columns + turn) % table.ids.shape[1]])
                shift = f"class k {'+' if turn > 0 else '−'} 1, not of k"
                words = f"the labels are off by one: {tape.words(family)} is taken of {shift}"
                alone = Change(backward=change.forward)
                yield Candidate("labels", words, change, 1.05)
                yield Candidate("labels", words, change, 1.05, values=True)
                yield Candidate("labels", words, alone, 1.05, below=tape.below[table.turn])


def _of_inner_derivatives(tape: Tape) -> Iterator[Candidate]:
    """The chain rule without its inner factor: what comes back to u = u(z) is handed on to z as it is."""
    right = tape.right
    for inner, outer in itertools.permutations([each for each in _computed(tape) if each.name], 2):
        near = tape.levels[outer.ids].min() <= tape.levels[inner.ids].max() + 1
        if inner.ids.shape != outer.ids.shape or near:
            continue
        slope = _elementwise_derivative(tape, inner, outer)
        if slope is not None:
            du, dz = right.adjoints[outer.ids], right.adjoints[inner.ids]
            z, u = tape.words(inner), tape.words(outer)
            words = f"the inner derivative is left out: ∂{u}/∂{z}, where d{u} is handed on to {z}"
            yield from _other_gradient(tape, inner, "derivative", words, dz - du * slope + du, 1.1)


def _elementwise_derivative(tape: Tape, inner: Family, outer: Family) -> Array | None:
    """∂outer/∂inner of each number by that in its place, by a difference; None if others act on it too."""
    z = tape.right.data[inner.ids]
    step = _STEP * np.maximum(1.0, np.abs(z))

    def moved(by: Array) -> Array:
        found: Array = tape.run(Change(data=((inner.ids, z + by),))).data[outer.ids]
        return found

    alone = np.zeros_like(z)
    alone.flat[0] = step.flat[0]
    if np.flatnonzero(moved(alone) != tape.right.data[outer.ids]).tolist() != [0]:
        return None
    # Of the fourth order, so that the difference is as good as the gradients it is compared with.
    near, far = moved(step) - moved(-step), moved(2.0 * step) - moved(-2.0 * step)
    return (8.0 * near - far) / (12.0 * step)


# --- the forward pass ----------------------------------------------------------------------------------


def _of_given(tape: Tape) -> Iterator[Candidate]:
    """Other numbers in place of an input, everywhere: features centred, labels off by one."""
    for family in tape.families:
        if not family.array or family.row is not None or family.ids.ndim < 2:
            continue
        name, numbers = tape.words(family), tape.right.data[family.ids]
        altered = [
            ("data", f"{what} stands where {name} belongs", each) for what, each in _altered(name, numbers)
        ]
        shifted = [("labels", *each) for each in _shifted(name, numbers)]
        for kind, words, other in (*altered, *shifted):
            change = Change(data=((family.ids, other),))
            yield Candidate(kind, words, change, 1.1)
            yield Candidate(kind, words, change, 1.11, values=True)


def _of_forward(tape: Tape) -> Iterator[Candidate]:
    """Something computed otherwise, and differentiated so, differentiated rightly, or for its own sake."""
    for kind, words, change, cost in _computed_otherwise(tape):
        kept = replace(change, backward={place: tape.stages[place] for place in change.forward})
        yield Candidate(kind, words, change, cost)
        yield Candidate(kind, words, kept, cost + 0.005)
        yield Candidate(kind, words, change, cost + 0.01, values=True)


Otherwise = Iterator[tuple[str, str, Change, float]]


def _computed_otherwise(tape: Tape) -> Otherwise:
    for family, stages in _by_family(tape):
        row = stages[0].row
        name, head = row.name, tape.words(family)
        links = [link for link in tape.links if link.head is family and link.row is row]
        if len(links) == 1 and _one_argument(tape, links[0]):
            (own,), of = links[0].positions, tape.words(links[0].tail)
            what = f"{name} is missing: {of} itself stands"
            yield "function", f"{what} where {head} belongs", _with_row(stages, own, "sum"), 1.05
            for other in _MISTAKEN:
                if other != name:
                    words = f"{other}({of}) stands where {head} belongs"
                    yield "function", words, _with_row(stages, own, other), 1.05
        for link in links if name in _SUMS else ():
            term = f"the term {tape.words(link.tail)}"
            for factor, words in (
                (0.0, f"{term} is missing in {head}"),
                (-1.0, f"{term} has the wrong sign in {head}"),
                (2.0, f"{term} counts twice in {head}"),
                (0.5, f"{term} counts half in {head}"),
            ):
                scaled = {
                    place: replace(
                        tape.stages[place], scale=tuple(np.where(mask, factor, 1.0) for mask in masks)
                    )
                    for place, masks in link.masks.items()
                }
                yield "term", words, Change(forward=scaled), 1.05
        if name in ("mul", "div"):
            yield from _without_factor(tape, family, stages)
        if name == "mean":
            summed = {stage.place: replace(stage, row=TABLE["sum"]) for stage in stages}
            yield "factor", f"{head} is summed, not averaged", Change(forward=summed), 1.0
        if name not in _SUMS:
            yield from _other_operands(tape, family, stages)


def _by_family(tape: Tape) -> Iterator[tuple[Family, list[Stage]]]:
    """The stages of each family, by their row."""
    groups: dict[tuple[int, str], list[Stage]] = {}
    for stage in tape.stages:
        groups.setdefault((stage.family.turn, stage.row.name), []).append(stage)
    for (turn, _), stages in groups.items():
        yield tape.families[turn], stages


def _with_row(stages: Sequence[Stage], own: int, name: str) -> Change:
    """The stages with another function of one operand; the ``sum`` of one is itself."""
    changed = {}
    for stage in stages:
        tail = stage.tails[own]
        changed[stage.place] = replace(stage, row=TABLE[name], tails=(tail[None] if name == "sum" else tail,))
    return Change(forward=changed)


def _without_factor(tape: Tape, family: Family, stages: Sequence[Stage]) -> Otherwise:
    divided = stages[0].row.name == "div"
    number = tape.number_read(family)
    for i in (1,) if divided else (0, 1):
        turn, other = family.reads[i], family.reads[1 - i]
        if tape.families[other].number or turn == other:
            continue
        left = f"{number[1]:.6g}" if number and number[0] == i else tape.words(tape.families[turn])
        what = "division by" if divided else "factor"
        words = f"the {what} {left} is missing in {tape.words(family)}"
        yield "factor", words, _with_row(stages, 1 - i, "sum"), 1.0


def _other_operands(tape: Tape, family: Family, stages: Sequence[Stage]) -> Otherwise:
    head = tape.words(family)
    level = min(int(tape.levels[stage.heads].min()) for stage in stages)
    for read in (tape.families[turn] for turn in family.operands):
        name = tape.words(read)
        for other in _alike(tape, read) if read.array else ():
            if int(tape.levels[other.ids].max()) < level:
                words = f"{tape.words(other)} stands where {name} belongs in {head}"
                yield "operand", words, _with_operand(stages, read.ids, other.ids), 1.1
        if read.array and _is_square(read.ids):
            words = f"{name} is transposed where it should not be, or the other way round, in {head}"
            yield "transposed", words, _with_operand(stages, read.ids, read.ids.T), 1.05


def _with_operand(stages: Sequence[Stage], ids: Ids, others: Ids) -> Change:
    turned = dict(zip(ids.ravel().tolist(), others.ravel().tolist()))
    swap = np.vectorize(lambda node: turned.get(node, node), otypes=[np.intp])
    return Change(
        forward={stage.place: replace(stage, tails=tuple(map(swap, stage.tails))) for stage in stages}
    )


# --- one array as it is handed in ----------------------------------------------------------------------


def laid_out(tape: Tape, change: Change, ids: Ids) -> Iterator[tuple[str, str, Array, float]]:
    """A gradient added up along other axes than it should be: kind, words, the numbers, cost."""
    run = tape.run(change)
    turn = int(tape.of[ids.ravel()[0]])
    for link in tape.links:
        summed = link.head.array and link.head.ids.size > link.tail.ids.size and len(link.positions) == 1
        if link.tail.turn != turn or not summed:
            continue
        where = {int(node): place for place, node in enumerate(link.head.ids.ravel())}
        whole = np.full(link.head.ids.size, np.nan)
        own = np.zeros(len(run.data))
        for stage, i, mask in tape.edges(link):
            if stage.tails[i].ndim > 1:
                break
            used = change.backward.get(stage.place) or change.forward.get(stage.place) or stage
            with np.errstate(all="ignore"):
                share = run.adjoints[stage.heads] * used.partials(run.used)[i]
            np.add.at(own, stage.tails[i][mask], share[mask])
            for node, number in zip(stage.heads[mask].tolist(), share[mask].tolist()):
                if node in where and np.isnan(whole[where[node]]):
                    whole[where[node]] = number
        if np.isnan(whole).any():
            continue
        parts = whole.reshape(link.head.ids.shape)
        rest = (run.adjoints - own)[ids]
        tail, head = f"d{tape.words(link.tail)}", tape.gradient_words(link.head)
        words = f"{tail} is {head} itself, which is not summed over the examples"
        yield "axis", words, _beside(parts, rest), 1.05
        for count in range(1, parts.ndim + 1):
            for chosen in itertools.combinations(range(parts.ndim), count):
                named = f"axis {chosen[0]} of {head}" if count == 1 else f"axes {chosen} of {head}"
                wrong = ": the wrong axis" if count == 1 else ": one axis too many"
                total = _beside(parts.sum(axis=chosen), rest)
                yield "axis", f"{tail} is summed along {named}{wrong}", total, 1.05
                if total.shape == rest.shape and np.allclose(total, run.adjoints[ids], rtol=_NEAR):
                    wrong = ", where it is to be summed"
                mean = _beside(parts.mean(axis=chosen), rest)
                yield "axis", f"{tail} is averaged along {named}{wrong}", mean, 1.05


def _beside(numbers: Array, rest: Array) -> Array:
    """With the rest of a gradient, if they are of its shape."""
    if numbers.size == rest.size and np.squeeze(numbers).shape == np.squeeze(rest).shape:
        return numbers.reshape(rest.shape) + rest
    return numbers
