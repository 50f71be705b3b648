"""The slips that people make in a backward pass, each as the recorded graph with one thing changed.

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

from ..engine.primitive import Primitive
from ..engine.primitives import TABLE
from ..spreadsheet.expected import names_in
from .formulas import gradient_formulas
from .tape import Array, Change, Family, Ids, Link, Stage, Tape, applied, slopes

__all__ = ["Candidate", "candidates", "laid_out"]

_LINEAR = {"add", "sub", "sum", "neg", "mean"}
_MISTAKEN = ("sigmoid", "tanh", "relu", "exp", "softplus")  # functions that stand for one another
_SUMS = {"add", "sub", "sum", "mean"}
_MOST_DIAGONAL = 64  # numbers of an array whose Jacobian is looked at
_NEAR = 1e-6  # how near a fitted factor is to the number it stands for
_STEP = 1e-3  # of a difference of the fourth order
_MOST_ENDS = 8  # arrays that may be the state before the first one, or behind the last

Words = Callable[[float], str]


@dataclass(frozen=True, eq=False)
class Candidate:
    """A slip, and what it does to the tape.

    Attributes
    ----------
    kind : what sort of slip it is.
    words : in words, given the factor.
    make : the change, given the factor; without a fit it is called with 1.
    cost : how far-fetched it is; of a fit by an odd factor more.
    fitted : whether the numbers tell the factor, in which the result is linear.
    values : whether it only concerns the forward pass: what is differentiated is not changed by it.
    below : the families, by bits, whose gradients it changes; -1 where it changes values too.
    neutral : whether with the factor 1 nothing is changed.
    """

    kind: str
    words: Words
    make: Callable[[float], Change]
    cost: float
    fitted: bool = False
    values: bool = False
    below: int = -1
    neutral: bool = False


def _plain(kind: str, words: str, change: Callable[[], Change], cost: float, **facts: Any) -> Candidate:
    """A candidate without a factor."""
    return Candidate(kind, lambda c: words, lambda c: change(), cost, **facts)


def candidates(tape: Tape, others: Mapping[str, Array]) -> Iterator[Candidate]:
    """The slips to try; `others` has the data of all nodes at other times, by words for when."""
    for link in tape.links:
        for each in _of_link(tape, link, others):
            yield replace(each, below=tape.below[link.tail.turn])
    yield from _of_layers(tape)
    yield from _of_steps(tape)
    yield from _of_tails(tape)
    yield from _of_adjoints(tape)
    yield from _of_diagonals(tape)
    yield from _of_formulas(tape)
    yield from _once_too_often(tape)
    yield from _of_normalised(tape)
    yield from _of_labels(tape)
    yield from _of_inner_derivatives(tape)
    yield from _of_given(tape)
    yield from _of_forward(tape)
    everything = tape.below[int(tape.of[tape.loss])]
    yield Candidate(
        "factor", _of_everything, lambda c: Change(seed=c), 1.1, fitted=True, below=everything, neutral=True
    )


def _of_everything(c: float) -> str:
    return f"the gradient {_times(c)}"


def _times(c: float) -> str:
    """How a thing differs from what belongs there, if it is `c` times that."""
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


# --- what is changed in stages -----------------------------------------------------------------------


def _changed(tape: Tape, link: Link, local: Callable[[Stage, Array, Array, int], Any]) -> Change:
    """The backward pass with other partials on a link: ``local(stage, data, adjoints, operand)``."""

    def partials(stage: Stage, data: Array, adjoints: Array) -> list[Any]:
        plain = replace(stage, local=None)
        found = plain.partials(data, adjoints)
        for i, mask in enumerate(link.masks[stage.place]):
            if mask.any():
                found[i] = np.where(mask, local(plain, data, adjoints, i), found[i])
        return found

    return Change(backward={place: replace(tape.stages[place], local=partials) for place in link.masks})


def _scaled(tape: Tape, link: Link, c: float) -> Change:
    return _changed(tape, link, lambda stage, data, adjoints, i: c * stage.partials(data, adjoints)[i])


def _reading(tape: Tape, link: Link, ids: Ids, numbers: Array) -> Change:
    """With other numbers in an array where the partials of a link are computed."""

    def local(stage: Stage, data: Array, adjoints: Array, i: int) -> Any:
        moved = data.copy()
        moved[ids] = numbers
        return slopes(stage.row, data[stage.heads], [moved[each] for each in stage.reads or stage.tails])[i]

    return _changed(tape, link, local)


# --- the backward pass: one link -----------------------------------------------------------------------


def _of_link(tape: Tape, link: Link, others: Mapping[str, Array]) -> Iterator[Candidate]:
    head, tail = tape.words(link.head), tape.words(link.tail)
    way = f"from {head} to {tail}"
    parts = [link] if len(link.positions) == 1 else [link, *(link.at(i) for i in link.positions)]
    for part in parts:
        alone = len(parts) > 1 and part is not link
        yield Candidate(
            "term" if alone else "path",
            functools.partial(_of_path, tape, part, alone),
            functools.partial(_scaled, tape, part),
            1.1 if alone else 1.05,
            fitted=True,
            neutral=True,
        )
    steady = all(
        (np.abs(tape.partials(place)[i][mask]) == 1.0).all()
        for place, masks in link.masks.items()
        for i, mask in enumerate(masks)
        if mask.any()
    )
    unary = _one_argument(tape, link)
    kind = "derivative" if unary else "factor"
    if not steady:
        one, twice = (
            functools.partial(_changed, tape, link, _one),
            functools.partial(_changed, tape, link, _squared),
        )
        yield _plain(kind, _left_out(tape, link), one, 1.0)
        yield _plain(kind, f"the factor ∂{head}/∂{tail} stands there twice", twice, 1.15)
    if not steady or link.row.name in _SUMS:
        yield from _repeated(tape, link)
    yield from _of_upstream(tape, link)
    if link.row.name in _LINEAR:
        return
    if unary:
        yield from _of_function(tape, link)
    for family in _operand_arrays(tape, link):
        yield from _of_operand(tape, link, family, way, others)


def _one(stage: Stage, data: Array, adjoints: Array, i: int) -> Any:
    return 1.0


def _squared(stage: Stage, data: Array, adjoints: Array, i: int) -> Any:
    return stage.partials(data, adjoints)[i] ** 2


def _of_operand(
    tape: Tape, link: Link, family: Family, way: str, others: Mapping[str, Array]
) -> Iterator[Candidate]:
    """Something else read in the place of an array."""
    name, ids = tape.words(family), family.ids

    def reading(numbers: Array) -> Callable[[], Change]:
        return functools.partial(_reading, tape, link, ids, numbers)

    kind = "derivative" if _one_argument(tape, link) else "operand"
    for other, words, numbers in _arrays_like(tape, family):
        if words != name:
            cost = 1.1 if other.name else 1.12
            yield _plain(kind, f"{words} stands where {name} belongs, {way}", reading(numbers), cost)
    right = tape.right.data
    if ids.ndim == 2 and ids.shape[0] == ids.shape[1] > 1:
        words = f"{name} is transposed where it should not be, or the other way round, {way}"
        yield _plain("transposed", words, reading(right[ids.T]), 1.05)
    for what, numbers in _altered(name, right[ids]):
        yield _plain(kind, f"{what} stands where {name} belongs, {way}", reading(numbers), 1.12)
    for when, all_numbers in others.items():
        kind = "stale" if "before" in when else "updated"
        yield _plain(kind, f"{name} is taken {when}, {way}", reading(all_numbers[ids]), 1.05)
    if family.row is None:
        step = tape.right.adjoints[ids]
        yield Candidate(
            "updated",
            lambda c: f"{name} is used after its update (with the rate {c:.4g}), {way}",
            lambda c: reading(right[ids] - c * step)(),
            1.1,
            fitted=True,
        )


def _altered(name: str, numbers: Array) -> Iterator[tuple[str, Array]]:
    """An array as people hand it on by mistake: its magnitude, its sign, centred, scaled, a step off."""
    if (numbers < 0.0).any():
        yield f"|{name}|", np.abs(numbers)
        yield f"the sign of {name}", np.sign(numbers)
    if numbers.ndim and len(numbers) > 1:
        centred = numbers - numbers.mean(axis=0)
        yield f"{name} less its mean over axis 0", centred
        with np.errstate(all="ignore"):
            yield (
                f"{name} less its mean over axis 0, divided by its deviation,",
                centred / numbers.std(axis=0),
            )
        for turn in (1, -1):
            yield f"{name} one step off along axis 0", np.roll(numbers, turn, axis=0)


def _shifted(name: str, labels: Array) -> Iterator[tuple[str, Array]]:
    """Targets with a 1 for the class, moved to the class beside it."""
    if labels.ndim != 2 or labels.shape[1] < 2 or not np.isin(labels, (0.0, 1.0)).all():
        return
    for turn in (1, -1) if (labels.sum(axis=1) == 1.0).all() else ():
        words = f"the labels are off by one: class k {'+' if turn > 0 else '−'} 1 stands for class k"
        yield words, np.roll(labels, turn, axis=1)


def _of_path(tape: Tape, link: Link, alone: bool, c: float) -> str:
    head, tail = tape.words(link.head), tape.words(link.tail)
    many = _repeats(tape, link)
    if many > 1 and abs(c * many - 1.0) < _NEAR:
        return f"what comes back from {head} to {tail} is averaged over {many} parts, not summed"
    if link.row.name in ("softmax", "log_softmax", "logsumexp") and abs(c) < _NEAR:
        which = "off-diagonal" if link.positions == [1] else "diagonal"
        return f"the {which} part of softmax's Jacobian is left out, from {head} to {tail}"
    if alone and abs(c) < _NEAR:
        return f"one of the two terms of the product rule for {head} is left out"
    if abs(c) < _NEAR and link.row.name in _SUMS:
        return f"what comes from the term {tail} of {head} is left out"
    what = f"what comes back to {tail} through {head}"
    if abs(c) < _NEAR and link.row.name == "div" and link.positions == [1]:
        return f"{what} is left out: the divisor is taken for a constant (the off-diagonal part of a softmax)"
    return f"{what} {_times(c)}"


def _left_out(tape: Tape, link: Link) -> str:
    head, tail, row = tape.words(link.head), tape.words(link.tail), link.row.name
    if row in ("mul", "div"):
        other = [turn for turn in link.head.reads if turn != link.tail.turn]
        name = tape.words(tape.families[other[0]]) if other else tail
        number = tape.number_read(link.head)
        name = f"{number[1]:.6g}" if number else name
        return f"the {'division by' if row == 'div' else 'factor'} {name} is left out, from {head} to {tail}"
    if row == "mean":
        return f"the 1/{_longest(link)} of the mean is left out, from {head} to {tail}"
    return f"the derivative of {row} is left out, from {head} to {tail}"


def _longest(link: Link) -> int:
    return max(len(mask) for masks in link.masks.values() for mask in masks)


def _repeats(tape: Tape, link: Link) -> int:
    """How many edges lead to each node of the tail, if it is the same for all; else 0."""
    if len(link.positions) != 1:
        return 0
    nodes = np.concatenate([stage.tails[i][mask] for stage, i, mask in _edges(tape, link)])
    counts = set(np.unique(nodes, return_counts=True)[1].tolist())
    return counts.pop() if len(counts) == 1 else 0


def _edges(tape: Tape, link: Link) -> Iterator[tuple[Stage, int, Any]]:
    for place, masks in link.masks.items():
        for i, mask in enumerate(masks):
            if mask.any():
                yield tape.stages[place], i, mask


def _repeated(tape: Tape, link: Link) -> Iterator[Candidate]:
    """Of several parts of a sum only the last, or the first."""
    many = _repeats(tape, link)
    if many < 2:
        return
    for which in ("last", "first"):
        words = f"of the {many} parts that add up to d{tape.words(link.tail)} only the {which} is kept"
        kept = _kept(tape, link, which == "last")
        yield _plain("overwritten", f"{words}: overwritten instead of added", kept, 1.1)
        if many > 2:
            words = f"of the {many} parts that add up to d{tape.words(link.tail)} the {which} is left out"
            yield _plain("term", words, _kept(tape, link, which == "last", others=True), 1.2)


def _kept(tape: Tape, link: Link, last: bool, others: bool = False) -> Callable[[], Change]:
    """For each node of the tail one edge alone, in the order of the heads, or all others."""
    kept: dict[tuple[int, int], Any] = {}
    seen: set[int] = set()
    for stage, i, mask in list(_edges(tape, link))[:: -1 if last else 1]:
        nodes = stage.tails[i].ravel().tolist()
        keep, mine = np.zeros(len(nodes), dtype=bool), mask.ravel()
        for at in range(len(nodes))[:: -1 if last else 1]:
            if mine[at] and nodes[at] not in seen:
                seen.add(nodes[at])
                keep[at] = True
        kept[stage.place, i] = keep.reshape(mask.shape) ^ others
    return lambda: _changed(tape, link, lambda s, d, a, i: s.partials(d, a)[i] * kept[s.place, i])


def _operand_arrays(tape: Tape, link: Link) -> list[Family]:
    """The arrays that the partials of a link read."""
    turns = {turn for each in link.head.reads for turn in (each if isinstance(each, frozenset) else (each,))}
    return [tape.families[turn] for turn in sorted(turns) if tape.families[turn].array]


def _alike(tape: Tape, family: Family) -> list[Family]:
    """The other arrays of the same shape, those with names first."""
    found = [
        each
        for each in tape.families
        if each.array and each is not family and each.ids.shape == family.ids.shape
    ]
    return sorted(found, key=lambda each: not each.name)


def _one_argument(tape: Tape, link: Link) -> bool:
    """Whether it is a function of one argument; a written number, as in max(0, x), is none."""
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
                local = functools.partial(_slope_of, TABLE[name], own, by_value)
                yield _plain(
                    "derivative", f"{name}′ {belongs}", functools.partial(_changed, tape, link, local), 1.2
                )
    for what, itself in ((y, lambda s, d, a, i: d[s.heads]), (x, lambda s, d, a, i: d[s.tails[own]])):
        change = functools.partial(_changed, tape, link, itself)
        yield _plain("derivative", f"{what} itself {belongs}", change, 1.15)


def _slope_of(
    row: Primitive, own: int, by_value: bool, stage: Stage, data: Array, adjoints: Array, i: int
) -> Any:
    xs = data[stage.tails[own]]
    ys = data[stage.heads] if by_value else applied(row, [xs], xs.shape)
    return slopes(row, ys, [xs], by_value)[0]


def _of_upstream(tape: Tape, link: Link) -> Iterator[Candidate]:
    """Another array in the place of the gradient that comes to a link, and there alone."""
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
    belongs = f"{tape.gradient_words(family)} belongs, in d{tape.words(link.tail)}"
    for other, words, numbers in _arrays_like(tape, family):

        def change(c: float, numbers: Array = numbers) -> Change:
            def upstream(stage: Stage, i: int, right: Array) -> Array:
                return np.where(link.masks[stage.place][i], c * numbers.ravel()[at[stage.heads]], right)

            return Change(
                backward={place: replace(tape.stages[place], upstream=upstream) for place in link.masks}
            )

        if not words.endswith(tape.gradient_words(family)) and numbers.any():
            cost = (1.1 if words.startswith("d") else 1.15) + _rarer(tape, family)
            yield Candidate(
                "gradient",
                functools.partial(_of_other, words, belongs),
                change,
                cost if other.name else cost + 0.02,
                fitted=True,
            )


def _rarer(tape: Tape, family: Family) -> float:
    """What it costs to take a single number for another one beside arrays, where a factor would do."""
    return (
        0.2
        if family.ids.size == 1 and any(each.ids.size > 1 for each in tape.families if each.array)
        else 0.0
    )


def _arrays_like(tape: Tape, family: Family) -> list[tuple[Family, str, Array]]:
    """The arrays of the same shape, values and gradients, in words; those with names first."""
    right, alike = tape.right, [family, *_alike(tape, family)]
    found = [(each, tape.words(each), right.data[each.ids]) for each in alike]
    return found + [(each, tape.gradient_words(each), right.adjoints[each.ids]) for each in alike]


# --- the backward pass: the same in every layer or step ------------------------------------------------


def _of_layers(tape: Tape) -> Iterator[Candidate]:
    """One slip wherever the same is computed, as in the steps of a recurrent network."""
    layers: dict[Any, list[Link]] = {}
    for link in tape.links:
        layers.setdefault((_role(tape, link.head), _role(tape, link.tail), link.row), []).append(link)
    for links in layers.values():
        if len(links) < 2:
            continue

        def everywhere(change: Callable[[Link], Change], links: list[Link] = links) -> Callable[[], Change]:
            return lambda: functools.reduce(Change.then, map(change, links))

        first, more = links[0], len(links) - 1
        below = functools.reduce(operator.or_, (tape.below[link.tail.turn] for link in links))
        way = f"from {tape.words(first.head)} to {tape.words(first.tail)}, and so in {more} more places"
        for kind, words, local in (
            ("derivative", f"the derivative of {first.row.name} is left out, {way}", _one),
            ("path", f"what comes back is left out, {way}", lambda s, d, a, i: 0.0),
            ("path", f"what comes back has the wrong sign, {way}", lambda s, d, a, i: -s.partials(d, a)[i]),
            ("path", f"what comes back counts twice, {way}", lambda s, d, a, i: 2.0 * s.partials(d, a)[i]),
        ):
            changed = functools.partial(_changed, tape, local=local)
            yield _plain(kind, words, everywhere(changed), 1.15, below=below)
        for family in _operand_arrays(tape, first):
            ids = family.ids
            shared = all(family in _operand_arrays(tape, link) for link in links)
            if shared and ids.ndim == 2 and ids.shape[0] == ids.shape[1] > 1:
                turned = functools.partial(_reading, tape, ids=ids, numbers=tape.right.data[ids.T])
                words = f"{tape.words(family)} is transposed where it should not be, or the other way round"
                yield _plain("transposed", f"{words}, {way}", everywhere(turned), 1.15, below=below)


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
        below = functools.reduce(operator.or_, (tape.below[link.tail.turn] for link in links))
        for after in (True, False):
            when = "late" if after else "early"
            words = f"the state is taken one step too {when}, {way}: the index is off by one"
            for end in _ends(tape, states, after):
                others = [*states[1:], end] if after else [end, *states[:-1]]
                changes = [
                    _of_state(tape, link, state, tape.right.data[other.ids].ravel())
                    for link, state, other in zip(links, states, others)
                ]
                change = functools.reduce(Change.then, changes)
                yield _plain("step", words, functools.partial(_same, change), 1.12, below=below)


def _read_alone(link: Link) -> int:
    """The family that the head of a link reads beside its tail; the tail itself if there are several."""
    turns = {turn for each in link.head.reads for turn in (each if isinstance(each, frozenset) else (each,))}
    others = sorted(turns - {link.tail.turn})
    return others[0] if len(others) == 1 else link.tail.turn


def _of_state(tape: Tape, link: Link, state: Family, numbers: Array) -> Change:
    """A link whose partials read other numbers in the place of a state: of an operand, or of the result."""
    if state is not link.head:
        return _reading(tape, link, state.ids.ravel(), numbers)

    def local(stage: Stage, data: Array, adjoints: Array, i: int) -> Any:
        moved = data.copy()
        moved[state.ids.ravel()] = numbers
        return slopes(stage.row, moved[stage.heads], stage.arguments(data), textbook=True)[i]

    return _changed(tape, link, local)


def _ends(tape: Tape, states: Sequence[Family], after: bool) -> list[Family]:
    """What may be the state behind the last one, or that before the first."""
    known = {each.turn for each in states}

    def beyond(family: Family) -> int:
        levels = (int(tape.levels[each.ids].max()) for each in (family, states[-1 if after else 0]))
        return (next(levels) - next(levels)) * (1 if after else -1)

    found = [
        each
        for each in tape.families
        if each.ids.size == states[0].ids.size and each.turn not in known and beyond(each) > 0
    ]
    return sorted(found, key=beyond)[:_MOST_ENDS]


def _role(tape: Tape, family: Family, depth: int = 2) -> Any:
    """What a family is, in whatever step: its row, and those of what it reads."""
    if family.row is None:
        return family.turn
    shape = family.ids.shape if family.array else ()
    if depth == 0:
        return family.row, shape
    turns = {turn for each in family.reads for turn in (each if isinstance(each, frozenset) else (each,))}
    return family.row, shape, frozenset(_role(tape, tape.families[turn], depth - 1) for turn in turns)


# --- the backward pass: a whole array ------------------------------------------------------------------


def _of_tails(tape: Tape) -> Iterator[Candidate]:
    """Of several ways back to an array only one."""
    for family in tape.families:
        links = [link for link in tape.links if link.tail is family]
        if len(links) < 3:
            continue  # of two, the one that is left out is a link of its own
        for kept in links:
            dropped = [link for link in links if link is not kept]
            change = functools.reduce(Change.then, (_scaled(tape, link, 0.0) for link in dropped))
            words = f"d{tape.words(family)} has only what comes back through {tape.words(kept.head)}"
            words += ": overwritten instead of added"
            yield _plain(
                "overwritten", words, functools.partial(_same, change), 1.1, below=tape.below[family.turn]
            )


def _same(change: Change) -> Change:
    return change


def _of_adjoints(tape: Tape) -> Iterator[Candidate]:
    """Another array, or a multiple of it, in the place of a gradient that is handed on."""
    for family in tape.families:
        if not family.array or family.row is None:
            continue
        belongs = tape.gradient_words(family)
        for _, words, numbers in _arrays_like(tape, family):
            if words != belongs and numbers.any():
                yield Candidate(
                    "gradient",
                    functools.partial(_of_other, words, f"{belongs} belongs"),
                    functools.partial(_replaced, family.ids, numbers),
                    (1.2 if words.startswith("d") else 1.25) + _rarer(tape, family),
                    fitted=True,
                    below=tape.below[family.turn],
                )


def _of_formulas(tape: Tape) -> Iterator[Candidate]:
    """A slip in the formula of a gradient."""
    for formula in gradient_formulas(tape):
        for words, numbers, cost in formula.slips():
            if np.isfinite(numbers).all():
                change = functools.partial(_replaced, formula.family.ids, numbers, 1.0)
                below = tape.below[formula.family.turn]
                yield _plain(formula.kind, words, change, cost, below=below)


def _once_too_often(tape: Tape) -> Iterator[Candidate]:
    """A derivative of an activation where there is none, as σ′ after a softmax with its cross-entropy."""
    right = tape.right
    for family in tape.families:
        if not family.array or family.row is None:
            continue
        for other, words, numbers in _arrays_like(tape, family):
            if words.endswith(tape.gradient_words(other)):
                continue  # values alone
            for name, slope in (
                ("sigmoid", numbers * (1.0 - numbers)),
                ("tanh", 1.0 - numbers**2),
                ("relu", (numbers > 0.0) * 1.0),
            ):
                put = right.adjoints[family.ids] * slope
                if np.isfinite(put).all():
                    yield _plain(
                        "derivative",
                        f"{tape.gradient_words(family)} is multiplied by {name}′ of {words} once too often",
                        functools.partial(_replaced, family.ids, put, 1.0),
                        1.3,
                        below=tape.below[family.turn],
                    )


def _of_normalised(tape: Tape) -> Iterator[Candidate]:
    """A softmax along the wrong axis, or of all numbers at once; and its gradient by the usual formula."""
    words = {tape.words(family): family for family in tape.families if family.array and family.row}
    for formula in gradient_formulas(tape):
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
                        yield _plain("axis", said, functools.partial(_same, change), 1.1)


def _of_labels(tape: Tape) -> Iterator[Candidate]:
    """Labels that are off by one: in the gradient alone, or in the loss and in what is differentiated."""
    for formula in gradient_formulas(tape):
        for name in names_in(formula.right) if formula.kind == "gradient" else ():
            for words, labels in _shifted(name, formula.arrays[name]):
                ds = formula.with_numbers({name: labels})
                yield _plain(
                    "labels", words, functools.partial(_replaced, formula.family.ids, ds, 1.0), 1.05,
                    below=tape.below[formula.family.turn],
                )  # fmt: skip
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
                others = table.ids[rows, (columns + turn) % table.ids.shape[1]]
                change = _with_operand(stages, read, others)
                sign = "+" if turn > 0 else "−"
                words = (
                    f"the labels are off by one: {tape.words(family)} is taken of class k {sign} 1, not of k"
                )
                for each, facts in (
                    (change, {}),
                    (change, {"values": True}),
                    (Change(backward=change.forward), {"below": tape.below[table.turn]}),
                ):
                    yield _plain("labels", words, functools.partial(_same, each), 1.05, **facts)


def _of_inner_derivatives(tape: Tape) -> Iterator[Candidate]:
    """The chain rule without its inner factor: what comes back to u = u(z) is handed on to z as it is."""
    right = tape.right
    named = [each for each in tape.families if each.array and each.name and each.row is not None]
    for inner, outer in itertools.permutations(named, 2):
        if (
            inner.ids.shape != outer.ids.shape
            or tape.levels[outer.ids].min() <= tape.levels[inner.ids].max() + 1
        ):
            continue
        by_one = _elementwise_derivative(tape, inner, outer)
        if by_one is not None:
            du, dz = right.adjoints[outer.ids], right.adjoints[inner.ids]
            z, u = tape.words(inner), tape.words(outer)
            yield _plain(
                "derivative", f"the inner derivative is left out: ∂{u}/∂{z}, where d{u} is handed on to {z}",
                functools.partial(_replaced, inner.ids, dz - du * by_one + du, 1.0), 1.1,
                below=tape.below[inner.turn],
            )  # fmt: skip


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
    # Of the fourth order, so that the difference is as good as the gradients that are compared.
    near, far = moved(step) - moved(-step), moved(2.0 * step) - moved(-2.0 * step)
    return (8.0 * near - far) / (12.0 * step)


def _of_given(tape: Tape) -> Iterator[Candidate]:
    """Other numbers in the place of what is given, everywhere: features centred, labels off by one."""
    for family in tape.families:
        if not family.array or family.row is not None or family.ids.ndim < 2:
            continue
        name, numbers = tape.words(family), tape.right.data[family.ids]
        for words, other in itertools.chain(
            ((f"{what} stands where {name} belongs", each) for what, each in _altered(name, numbers)),
            _shifted(name, numbers),
        ):
            change = functools.partial(_same, Change(data=((family.ids, other),)))
            kind = "labels" if words.startswith("the labels") else "data"
            yield _plain(kind, words, change, 1.1)
            yield _plain(kind, words, change, 1.11, values=True)


def _replaced(ids: Ids, numbers: Array, c: float) -> Change:
    """Numbers, or a multiple of them, in the place of a gradient."""
    return Change(replaced=((ids, c * numbers),))


def _of_diagonals(tape: Tape) -> Iterator[Candidate]:
    """Of a Jacobian that is no diagonal, as that of a softmax, only the diagonal."""
    right = tape.right
    for head in tape.families:
        size = head.ids.size
        below = [
            each for each in _alike(tape, head) if tape.levels[each.ids].max() < tape.levels[head.ids].max()
        ]
        if not (head.array and head.row is not None and 1 < size <= _MOST_DIAGONAL and below):
            continue
        flat, none = head.ids.ravel(), np.zeros(size)
        without = tape.run(Change(replaced=((flat, none),))).adjoints
        slope = {each.turn: np.zeros(size) for each in below}
        mixed = dict.fromkeys(slope, False)
        for place in range(size):
            unit = none.copy()
            unit[place] = 1.0
            row = tape.run(Change(replaced=((flat, unit),))).adjoints - without
            for each in below:
                found = row[each.ids.ravel()]
                slope[each.turn][place] = found[place]
                mixed[each.turn] |= bool(np.count_nonzero(found) > 1)
        for each in below:
            if mixed[each.turn] and slope[each.turn].any():
                rest = without[each.ids].ravel()
                put = (right.adjoints[flat] * slope[each.turn] + rest).reshape(each.ids.shape)
                names = f"from {tape.words(each)} to {tape.words(head)}"
                change = functools.partial(_replaced, each.ids, put, 1.0)
                words = (
                    f"only the diagonal of the Jacobian {names} is taken: each number depends on all others"
                )
                yield _plain("diagonal", words, change, 1.1, below=tape.below[each.turn])


def _of_other(other: str, belongs: str, c: float) -> str:
    if abs(c) < 1.0 and c and abs(1.0 / c - round(1.0 / c)) < 1e-4 and abs(c) > 1e-4:
        other = f"{'−' if c < 0 else ''}{other} / {abs(round(1.0 / c)):d}"
    elif abs(c - 1.0) > _NEAR:
        other = f"{c:.4g} · {other}"
    return f"{other} stands where {belongs}"


# --- the forward pass ----------------------------------------------------------------------------------


def _of_forward(tape: Tape) -> Iterator[Candidate]:
    """What is computed otherwise, and then differentiated rightly; or computed otherwise for its own sake."""
    for kind, words, change, cost in _computed_otherwise(tape):
        kept = replace(change, backward={place: tape.stages[place] for place in change.forward})
        yield _plain(kind, words, functools.partial(_same, change), cost)
        yield _plain(kind, words, functools.partial(_same, kept), cost + 0.005)
        yield _plain(kind, words, functools.partial(_same, change), cost + 0.01, values=True)


def _computed_otherwise(tape: Tape) -> Iterator[tuple[str, str, Change, float]]:
    for family, stages in _by_family(tape):
        row = stages[0].row
        name = row.name
        head = tape.words(family)
        links = [link for link in tape.links if link.head is family and link.row is row]
        if len(links) == 1 and _one_argument(tape, links[0]):
            of = tape.words(links[0].tail)
            for other in ("add", *_MISTAKEN):
                if other == name:
                    continue
                what = f"{other}({of}) stands" if other != "add" else f"{name} is missing: {of} itself stands"
                yield (
                    "function",
                    f"{what} where {head} belongs",
                    _with_row(stages, links[0].positions[0], other),
                    1.05,
                )
        for link in links if name in _SUMS else ():
            what = tape.words(link.tail)
            for factor, words in (
                (0.0, f"the term {what} is missing in {head}"),
                (-1.0, f"the term {what} has the wrong sign in {head}"),
                (2.0, f"the term {what} counts twice in {head}"),
                (0.5, f"the term {what} counts half in {head}"),
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
    """The stages with another function of one of their arguments; ``add`` stands for none."""
    changed = {}
    for stage in stages:
        tails = (stage.tails[own][None],) if name == "add" else (stage.tails[own],)
        changed[stage.place] = replace(stage, row=TABLE["sum" if name == "add" else name], tails=tails)
    return Change(forward=changed)


def _without_factor(
    tape: Tape, family: Family, stages: Sequence[Stage]
) -> Iterator[tuple[str, str, Change, float]]:
    for i in (0, 1):
        if stages[0].row.name == "div" and i == 0:
            continue
        turn = family.reads[i]
        other = family.reads[1 - i]
        if tape.families[other].number or turn == other:
            continue
        left = tape.words(tape.families[turn])
        number = tape.number_read(family)
        left = f"{number[1]:.6g}" if number and number[0] == i else left
        what = "division by" if stages[0].row.name == "div" else "factor"
        changed = {
            stage.place: replace(stage, row=TABLE["sum"], tails=(stage.tails[1 - i][None],))
            for stage in stages
        }
        yield "factor", f"the {what} {left} is missing in {tape.words(family)}", Change(forward=changed), 1.0


def _other_operands(
    tape: Tape, family: Family, stages: Sequence[Stage]
) -> Iterator[tuple[str, str, Change, float]]:
    head = tape.words(family)
    turns = {turn for each in family.reads for turn in (each if isinstance(each, frozenset) else (each,))}
    level = min(int(tape.levels[stage.heads].min()) for stage in stages)
    for turn in sorted(turns):
        read = tape.families[turn]
        if not read.array:
            continue
        for other in _alike(tape, read):
            if int(tape.levels[other.ids].max()) < level:
                yield (
                    "operand",
                    f"{tape.words(other)} stands where {tape.words(read)} belongs in {head}",
                    _with_operand(stages, read.ids, other.ids),
                    1.1,
                )
        if read.ids.ndim == 2 and read.ids.shape[0] == read.ids.shape[1] > 1:
            yield (
                "transposed",
                f"{tape.words(read)} is transposed where it should not be, or the other way round, in {head}",
                _with_operand(stages, read.ids, read.ids.T),
                1.05,
            )


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
        for stage, i, mask in _edges(tape, link):
            if stage.tails[i].ndim > 1:
                break
            used = change.backward.get(stage.place) or change.forward.get(stage.place) or stage
            with np.errstate(all="ignore"):
                partial = used.partials(run.used, run.adjoints)[i]
            share = run.adjoints[stage.heads] * partial
            np.add.at(own, stage.tails[i][mask], share[mask])
            for node, number in zip(stage.heads[mask].tolist(), share[mask].tolist()):
                if node in where and np.isnan(whole[where[node]]):
                    whole[where[node]] = number
        if np.isnan(whole).any():
            continue
        parts = whole.reshape(link.head.ids.shape)
        rest = (run.adjoints - own)[ids]
        tail, head = tape.words(link.tail), tape.gradient_words(link.head)
        axes = range(parts.ndim)
        for count in range(parts.ndim + 1):
            for chosen in itertools.combinations(axes, count):
                total = parts.sum(axis=chosen)
                if not chosen:
                    words = f"d{tail} is {head} itself, which is not summed over the examples"
                    yield "axis", words, _beside(total, rest), 1.05
                    continue
                named = f"axis {chosen[0]} of {head}" if count == 1 else f"axes {chosen} of {head}"
                wrong = "the wrong axis" if count == 1 else "one axis too many"
                yield "axis", f"d{tail} is summed along {named}: {wrong}", _beside(total, rest), 1.05
                due = _beside(total, rest)
                if due.shape == rest.shape and np.allclose(due, run.adjoints[ids], rtol=_NEAR):
                    wrong = "where it is to be summed"
                words = f"d{tail} is averaged along {named}: {wrong}".replace(": where", ", where")
                yield "axis", words, _beside(parts.mean(axis=chosen), rest), 1.05


def _beside(numbers: Array, rest: Array) -> Array:
    """With the rest of a gradient, if they are of its shape."""
    if numbers.size == rest.size and np.squeeze(numbers).shape == np.squeeze(rest).shape:
        return numbers.reshape(rest.shape) + rest
    return numbers
