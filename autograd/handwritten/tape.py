"""A recorded graph as stages over arrays, run with one thing changed.

Nodes computed alike, from the same arrays, make a `Family`: a recorded array, or the products within a matrix
product. A `Stage` computes the nodes of a family at one depth, forward and backward. A `Change` replaces what
some stages do, so a slip is a graph like the right one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from ..engine.graph import ancestors
from ..engine.primitive import Primitive
from ..engine.primitives import TABLE
from ..engine.value import Value
from .recording import Recording

__all__ = ["Array", "Change", "Family", "Ids", "Link", "Stage", "Sweep", "Tape", "applied", "slopes"]

Array = npt.NDArray[np.float64]
Ids = npt.NDArray[np.intp]
Mask = npt.NDArray[np.bool_]

_ADD, _SUM = TABLE["add"], TABLE["sum"]
_NAMELESS = 3  # levels of formula that stand for an array without a name
_PRODUCTS = {"mul": " · ", "div": " / "}
_SUMS = {"add": " + ", "sub": " − "}


@dataclass(eq=False)
class Family:
    """Nodes computed alike.

    Attributes
    ----------
    ids : the nodes, in the shape of the recorded array; (M,) for other families.
    turn : its place in `Tape.families`.
    name : the array's name, ``""`` for none.
    array : whether it is a recorded array.
    number : whether it holds the constants of expressions.
    row, reads : the row that computes it, and the place of each operand's family (a set for a sequence);
        None and () for inputs.
    """

    ids: Ids
    turn: int
    name: str = ""
    array: bool = True
    number: bool = False
    row: Primitive | None = None
    reads: tuple[Any, ...] = ()

    @property
    def operands(self) -> list[int]:
        """The places of all families it reads."""
        return sorted(
            {turn for each in self.reads for turn in (each if type(each) is frozenset else (each,))}
        )


@dataclass(frozen=True, eq=False)
class Stage:
    """One row of the table applied to many nodes at once.

    Attributes
    ----------
    heads : the computed nodes, (M,).
    tails : the nodes of each operand, (M,), or (K, M) for a sequence.
    reads : the nodes read in place of each operand; the gradient still goes to the tails.
    local : gives the partials from the stage and all data; by default the row does.
    scale : a factor for each operand.
    upstream : gives the adjoints of the heads, as one operand sees them.
    """

    place: int
    family: Family
    row: Primitive
    heads: Ids
    tails: tuple[Ids, ...]
    reads: tuple[Ids, ...] | None = None
    local: Callable[[Stage, Array], Sequence[Any]] | None = None
    scale: tuple[Any, ...] | None = None
    upstream: Callable[[Stage, int, Array], Array] | None = None

    def arguments(self, data: Array) -> list[Array]:
        found = [data[ids] for ids in self.reads or self.tails]
        return found if self.scale is None else [each * by for each, by in zip(found, self.scale)]

    def evaluate(self, data: Array) -> Array:
        return applied(self.row, self.arguments(data), self.heads.shape)

    def partials(self, data: Array) -> list[Array]:
        """By each operand: (M,) or (K, M)."""
        if self.local is not None:
            found = self.local(self, data)
        else:
            found = slopes(self.row, data[self.heads], self.arguments(data))
        if self.scale is not None:
            found = [each * by for each, by in zip(found, self.scale)]
        return [_of_shape(each, ids.shape) for each, ids in zip(found, self.tails)]


def applied(row: Primitive, arguments: Sequence[Array], shape: tuple[int, ...]) -> Array:
    """The row on arrays; a sequence has one axis more, the first."""
    whole = [list(each) if place in row.vectors else each for place, each in enumerate(arguments)]
    return _of_shape(row(*whole) if row.vectors else row.array(*whole), shape)


def _of_shape(each: Any, shape: tuple[int, ...]) -> Array:
    return each if np.shape(each) == shape else np.broadcast_to(each, shape)  # which is slow


def slopes(row: Primitive, y: Array, arguments: Sequence[Array], textbook: bool = False) -> list[Any]:
    """The partials of the row on arrays, or those in textbooks."""
    whole = [list(each) if place in row.vectors else each for place, each in enumerate(arguments)]
    found = (row.textbook if textbook and row.textbook else row.partials)(y, *whole)
    return [
        np.array([np.broadcast_to(one, y.shape) for one in each]) if isinstance(each, (list, tuple)) else each
        for each in found
    ]


@dataclass(frozen=True, eq=False)
class Link:
    """The edges from the nodes of one family to those of another.

    Attributes
    ----------
    masks : the edges, by the place of a stage, for each of its operands.
    """

    head: Family
    tail: Family
    row: Primitive
    masks: Mapping[int, tuple[Mask, ...]]

    @property
    def positions(self) -> list[int]:
        """The operands concerned."""
        return sorted({i for masks in self.masks.values() for i, mask in enumerate(masks) if mask.any()})

    def at(self, position: int) -> Link:
        """The edges by one operand alone."""
        kept = {
            place: tuple(mask & (i == position) for i, mask in enumerate(masks))
            for place, masks in self.masks.items()
        }
        return replace(self, masks=kept)


@dataclass(frozen=True)
class Change:
    """What differs from the recorded graph.

    Attributes
    ----------
    forward, backward : stages, by the place of those they replace.
    replaced : adjoints set to other numbers: pairs (ids, numbers).
    data, adjoints : numbers read in place of computed ones; the computed ones are still returned.
    seed : the derivative of the loss by itself.
    """

    forward: Mapping[int, Stage] = field(default_factory=dict)
    backward: Mapping[int, Stage] = field(default_factory=dict)
    replaced: tuple[tuple[Ids, Array], ...] = ()
    data: tuple[tuple[Ids, Array], ...] = ()
    adjoints: tuple[tuple[Ids, Array], ...] = ()
    seed: float = 1.0

    def then(self, other: Change) -> Change:
        """Both changes."""
        return Change(
            {**self.forward, **other.forward},
            {**self.backward, **other.backward},
            self.replaced + other.replaced,
            self.data + other.data,
            self.adjoints + other.adjoints,
            self.seed * other.seed,
        )


@dataclass(frozen=True, eq=False)
class Sweep:
    """A forward and a backward pass: the numbers computed for each node, and those that others read."""

    data: Array
    adjoints: Array
    used: Array
    handed: Array


class Tape:
    """The stages of a recorded graph.

    Attributes
    ----------
    stages : operands first.
    families : the arrays in the order of computation, then all others.
    links : what leads from family to family, from the loss down.
    levels : the longest way from an input to each node, in operations.
    of : the place of each node's family.
    right : the right numbers.
    """

    def __init__(self, recording: Recording) -> None:
        self.recording = recording
        self._index: dict[int, int] = {}  # the place of each node, by its id
        self._words: dict[tuple[int, int], str] = {}
        self._rows: list[Primitive | None] = []
        self._operands: list[tuple[Any, ...]] = []  # places, tuples of them for sequences
        self._numbers: list[float] = []
        self._constant: list[bool] = []
        arrays = [*recording.arrays.values(), *recording.unnamed]
        self._read([recording.loss, *(each for array in arrays for each in array.flat)])
        self.loss = self._index[id(recording.loss)]
        self._nowhere = len(self._rows)  # where gradients of what counts as constant go
        self._append(None, None, (), 0.0, True)
        self.levels = np.zeros(len(self._rows), dtype=np.intp)
        for place, operands in enumerate(self._operands):
            if operands:
                self.levels[place] = 1 + max(self.levels[one] for one in _flat(operands))
        self.families: list[Family] = []
        self.of: Ids = np.full(len(self._rows), -1)
        self._place_arrays()
        self._place_others()
        self.stages = self._staged()
        self.links = self._linked()
        data = np.array(self._numbers)
        self.right = Sweep(data, np.zeros(len(data)), data, np.zeros(len(data)))
        self.right = self.run(Change())
        self._take_shifts_for_constant()

    # --- reading the graph

    def _read(self, wanted: Sequence[Any]) -> None:
        """The nodes in order. A chain of additions whose parts nobody else reads is one sum."""
        order = ancestors([each for each in wanted if isinstance(each, Value)])
        readers: dict[int, list[Any]] = {id(each): [None] for each in wanted}  # a node of an array stays
        for node in order:
            for parent in node.parents:
                readers.setdefault(id(parent), []).append(node)
        terms: dict[int, tuple[Any, ...]] = {}
        for node in order:
            row = node.primitive
            if row is None:
                self._append(node, None, (), node.data, node.constant)
                continue
            operands: tuple[Any, ...] = tuple(map(self._place, node.operands)) if row is not _ADD else ()
            if row is _ADD:
                for each in node.operands:
                    operands += terms.get(id(each)) or (self._place(each),)
                only = readers.get(id(node), ())
                if len(only) == 1 and only[0] is not None and only[0].primitive is _ADD:
                    terms[id(node)] = operands
                    continue
                if len(operands) > 2:
                    row, operands = _SUM, (operands,)
            self._append(node, row, operands, node.data, False)
        for each in wanted:
            if id(each) not in self._index:  # a plain number in an array
                self._append(each, None, (), float(each), True)

    def _place(self, operand: Any) -> Any:
        return tuple(map(self._place, operand)) if type(operand) is tuple else self._index[id(operand)]

    def _append(
        self, node: Any, row: Primitive | None, operands: tuple[Any, ...], number: float, constant: bool
    ) -> None:
        self._index[id(node)] = len(self._rows)
        self._rows.append(row)
        self._operands.append(operands)
        self._numbers.append(number)
        self._constant.append(constant)

    def ids(self, array: npt.NDArray[np.object_]) -> Ids:
        """The places of the nodes of an array, in its shape."""
        places = [self._index[id(each)] for each in array.flat]
        return np.array(places, dtype=np.intp).reshape(array.shape)

    def _place_arrays(self) -> None:
        """A family for each array with a node of its own; of two with the same nodes the larger has them."""
        named = sorted(self.recording.arrays.items(), key=lambda item: -item[1].size)
        free, found = ~np.array(self._constant), []
        for name, array in [*named, *(("", array) for array in self.recording.unnamed)]:
            ids = self.ids(array)
            own = ids[free[ids]]
            if own.size:
                free[own] = False
                found.append((int(self.levels[ids].max()), ids, name, own))
        for turn, (_, ids, name, own) in enumerate(sorted(found, key=lambda each: each[0])):
            self.of[own] = turn
            self.families.append(Family(ids, turn, name))

    def _place_others(self) -> None:
        """Families of nodes in no array, by the row and the families of the operands."""
        known: dict[Any, int] = {}
        for place, row in enumerate(self._rows):
            reads = tuple(
                frozenset(int(self.of[one]) for one in each) if type(each) is tuple else int(self.of[each])
                for each in self._operands[place]
            )
            if self.of[place] < 0:
                number = self._constant[place]
                key: Any = (row, reads) if row else "number" if number and place != self._nowhere else place
                if key not in known:
                    known[key] = len(self.families)
                    self.families.append(Family(np.array([]), known[key], array=False, number=number))
                self.of[place] = known[key]
            family = self.families[self.of[place]]
            if family.row is None and row is not None:
                family.row, family.reads = row, reads
        for family in self.families:
            if not family.array:
                family.ids = np.flatnonzero(self.of == family.turn)

    def _staged(self) -> list[Stage]:
        groups: dict[Any, list[int]] = {}
        for place, row in enumerate(self._rows):
            if row is not None:
                lengths = tuple(len(each) if type(each) is tuple else 0 for each in self._operands[place])
                key = int(self.levels[place]), int(self.of[place]), row.name, lengths
                groups.setdefault(key, []).append(place)
        stages = []
        for turn, key in enumerate(sorted(groups)):
            heads = groups[key]
            row = self._rows[heads[0]]
            assert row is not None
            tails = tuple(
                np.array([self._operands[head][i] for head in heads], dtype=np.intp).T
                for i in range(len(self._operands[heads[0]]))
            )
            stages.append(Stage(turn, self.families[key[1]], row, np.array(heads), tails))
        return stages

    def _linked(self) -> list[Link]:
        found: dict[Any, dict[int, tuple[Mask, ...]]] = {}
        for stage in reversed(self.stages):
            tails = [self.of[ids] for ids in stage.tails]
            for turn in sorted({int(each) for families in tails for each in np.unique(families)}):
                if not self.families[turn].number:
                    key = stage.family.turn, turn, stage.row
                    found.setdefault(key, {})[stage.place] = tuple(each == turn for each in tails)
        return [
            Link(self.families[head], self.families[tail], row, masks)
            for (head, tail, row), masks in found.items()
        ]

    def _take_shifts_for_constant(self) -> None:
        """Take a subtrahend that changes no gradient, such as the largest score of a softmax, for constant.

        Nobody differentiates it by hand, and it would count wherever something else is changed.
        """
        given = self.levels == 0
        given[self._nowhere] = False
        for link in [link for link in self.links if link.row.name == "sub" and 1 in link.positions]:
            stages = {}
            for place, masks in link.at(1).masks.items():
                stage = self.stages[place]
                tails = tuple(np.where(mask, self._nowhere, ids) for mask, ids in zip(masks, stage.tails))
                stages[place] = replace(stage, tails=tails, reads=stage.reads or stage.tails)
            moved = self.run(Change(backward=stages)).adjoints
            size = np.abs(self.right.adjoints[given]).max(initial=0.0)
            if np.abs(moved - self.right.adjoints)[given].max(initial=0.0) <= 1e-12 * size:
                self.stages = [stages.get(stage.place, stage) for stage in self.stages]
                self.right = self.run(Change())
                self.links = self._linked()

    @cached_property
    def below(self) -> list[int]:
        """For each family, as bits, the families its gradient reaches, itself among them."""
        found = [1 << turn for turn in range(len(self.families))]
        before: list[int] = []
        while before != found:  # a family may lie at several depths
            before = found.copy()
            for link in reversed(self.links):
                found[link.head.turn] |= found[link.tail.turn]
        return found

    def edges(self, link: Link) -> Iterator[tuple[Stage, int, Mask]]:
        """The stages of a link, with each operand and its edges."""
        for place, masks in link.masks.items():
            for i, mask in enumerate(masks):
                if mask.any():
                    yield self.stages[place], i, mask

    def through(self, link: Link) -> Array:
        """What comes back to each node by the edges of a link."""
        found = np.zeros(len(self._rows))
        for stage, i, mask in self.edges(link):
            share = self.right.adjoints[stage.heads] * self.partials(stage.place)[i]
            np.add.at(found, stage.tails[i][mask], share[mask])
        return found

    @cached_property
    def owners(self) -> Mapping[int, int]:
        """Each node of an array by itself, and by each term of a sum the node with the same gradient."""
        inside = {int(node) for family in self.families if family.array for node in family.ids.ravel()}
        owners = {node: node for node in inside}
        for stage in reversed(self.stages):
            if stage.row.name in ("sum", "add"):
                for tails in (row for ids in stage.tails for row in np.atleast_2d(ids)):
                    for head, tail in zip(stage.heads.tolist(), tails.tolist()):
                        if tail not in inside and head in owners:
                            owners[tail] = owners[head]
        return owners

    # --- running it

    def run(
        self, change: Change, jitter: np.random.Generator | None = None, by: float = 0.0, off: float = 0.0
    ) -> Sweep:
        """One forward and backward pass, with something changed; with `jitter` each number x also moves at
        random by ± `by` x ± `off`."""
        with np.errstate(all="ignore"):
            data, used, first = self._forward(change, jitter, by, off)
            adjoints = self._backward(change, used, first, jitter, by)
        held, numbers = _held(change.adjoints, len(data))
        return Sweep(data, adjoints, used, np.where(held, numbers, adjoints) if change.adjoints else adjoints)

    def _forward(
        self, change: Change, jitter: np.random.Generator | None, by: float, off: float
    ) -> tuple[Array, Array, int]:
        """The data, the data later stages read, and the first stage where these may differ from the right."""
        if jitter is None and not change.data:
            first = min(change.forward, default=len(self.stages))
            data = self.right.data if first == len(self.stages) else self.right.data.copy()
        else:
            first, data = 0, np.array(self._numbers)
        if jitter is not None:
            moved = ~np.array(self._constant)
            signs = jitter.choice((-1.0, 1.0), (2, moved.sum()))
            data[moved] = data[moved] * (1.0 + by * signs[0]) + off * signs[1]
        used = data.copy() if change.data else data
        held, numbers = _held(change.data, len(data))
        used[held] = numbers[held]
        for stage in self.stages[first:]:
            y = change.forward.get(stage.place, stage).evaluate(used)
            if jitter is not None:
                signs = jitter.choice((-1.0, 1.0), (2, *y.shape))
                y = y * (1.0 + by * signs[0]) + off * signs[1]
            data[stage.heads] = y
            if change.data:
                used[stage.heads] = np.where(held[stage.heads], numbers[stage.heads], y)
        return data, used, first

    @cached_property
    def _partials(self) -> list[list[tuple[Array, bool]]]:
        """The partials of each stage on the right numbers, and whether all are finite."""
        return [_checked(stage.partials(self.right.data)) for stage in self.stages]

    def partials(self, place: int) -> list[Array]:
        """The right partials of a stage, by each operand."""
        return [each for each, _ in self._partials[place]]

    def _backward(
        self, change: Change, data: Array, first: int, jitter: np.random.Generator | None, by: float
    ) -> Array:
        adjoints = np.zeros(len(data))
        adjoints[self.loss] = change.seed
        replaced, others = _held(change.replaced, len(data))
        held, numbers = _held(change.adjoints, len(data))
        for original in reversed(self.stages):
            place, heads = original.place, original.heads
            stage = change.backward.get(place) or change.forward.get(place) or original
            if change.replaced:
                adjoints[heads] = np.where(replaced[heads], others[heads], adjoints[heads])
            upstream = adjoints[heads]
            if change.adjoints:
                upstream = np.where(held[heads], numbers[heads], upstream)
            if stage is original and place < first:
                partials = self._partials[place]
            else:
                partials = _checked(stage.partials(data))
            for i, (ids, (partial, finite)) in enumerate(zip(stage.tails, partials)):
                share = (stage.upstream(stage, i, upstream) if stage.upstream else upstream) * partial
                if not finite:  # a branch not taken gives nothing back
                    share = np.where(upstream == 0.0, 0.0, share)
                if jitter is not None:
                    share *= 1.0 + by * jitter.choice((-1.0, 1.0), share.shape)
                np.add.at(adjoints, ids, share)
        if change.replaced:
            given = replaced & (self.levels == 0)
            adjoints[given] = others[given]
        return adjoints

    # --- in words

    def words(self, family: Family, depth: int = _NAMELESS) -> str:
        """The name of an array, or its formula."""
        key = family.turn, depth
        if key not in self._words:
            self._words[key] = family.name or self._formula(family, depth)
        return self._words[key]

    def _formula(self, family: Family, depth: int) -> str:
        if family.number or family.row is None:
            numbers = np.unique(self.right.data[family.ids])
            return f"{numbers[0]:.6g}" if len(numbers) == 1 else "numbers"
        if depth == 0:
            return "…"
        name, own = family.row.name, family.operands
        if name in ("sum", "add") and len(own) == 1:
            (only,) = (self.families[turn] for turn in own)
            if only.row is not None and only.row.name == "mul" and not only.array:
                return " @ ".join(self.words(self.families[turn], depth - 1) for turn in only.reads)
        operands = [
            self.words(self.families[turn], depth - 1)
            for each in family.reads
            for turn in (sorted(each) if isinstance(each, frozenset) else (each,))
        ]
        number = self.number_read(family)
        if number is not None:
            operands[number[0]] = f"{number[1]:.6g}"
        if name in _SUMS:
            return _SUMS[name].join(operands)
        if name in _PRODUCTS:
            return _PRODUCTS[name].join(
                f"({each})" if " + " in each or " − " in each else each for each in operands
            )
        return f"−{operands[0]}" if name == "neg" else f"{name}({', '.join(operands)})"

    def gradient_words(self, family: Family) -> str:
        """The name of an array's gradient; a nameless term has its sum's gradient."""
        while not family.name:
            links = [link for link in self.links if link.tail is family]
            if len(links) != 1 or links[0].row.name != "add" or not links[0].head.array:
                return f"d({self.words(family)})"
            family = links[0].head
        return f"d{family.name}"

    def number_read(self, family: Family) -> tuple[int, float] | None:
        """Which operand is a written number, and the number, if it is one for all."""
        for place, turn in enumerate(family.reads):
            if not isinstance(turn, frozenset) and self.families[turn].number:
                own = [int(node) for node in family.ids.ravel() if self.of[node] == family.turn]
                found = {self._numbers[self._operands[node][place]] for node in own if self._operands[node]}
                if len(found) == 1:
                    return place, found.pop()
        return None


def _checked(partials: Sequence[Array]) -> list[tuple[Array, bool]]:
    """Each partial, and whether all its numbers are finite."""
    return [(each, bool(np.isfinite(each).all())) for each in partials]


def _held(pairs: Sequence[tuple[Ids, Array]], size: int) -> tuple[Mask, Array]:
    """Which nodes are held, and at what."""
    held, numbers = np.zeros(size, dtype=bool), np.zeros(size)
    for ids, given in pairs:
        held[ids] = True
        numbers[ids] = given
    return held, numbers


def _flat(operands: tuple[Any, ...]) -> list[int]:
    return [one for each in operands for one in (each if type(each) is tuple else (each,))]
