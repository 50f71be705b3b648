"""A recorded graph as steps over arrays, which can be run with one thing changed.

Nodes that are computed alike, from the same arrays, make a `Family`: an array that was recorded, or the
products within a matrix product. All nodes of a family at one depth are computed by one `Stage`, forward
and backward. A `Change` replaces what some stages do, so a slip is a graph like the right one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
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
    """Nodes that are computed alike.

    Attributes
    ----------
    ids : the nodes of the array, in its shape; of a family that is no array, all that it has, (M,).
    name : the array's name, ``""`` for one that has none.
    array : whether it is an array that was recorded.
    number : whether it holds the numbers that are written into expressions.
    row, reads : the row that computes it, and the families of the operands; None for what is given.
    turn : its place among the families.
    """

    ids: Ids
    name: str = ""
    array: bool = True
    number: bool = False
    row: Primitive | None = None
    reads: tuple[Any, ...] = ()
    turn: int = 0


@dataclass(frozen=True, eq=False)
class Stage:
    """One row of the table applied to many nodes at once.

    Attributes
    ----------
    heads : the nodes that are computed, (M,).
    tails : of each operand the nodes, (M,), or for a sequence (K, M).
    reads : of each operand what is read in its place; the gradient still goes to the tails.
    local : gives the partials instead of the row, from the stage, all data and all adjoints.
    scale : of each operand a factor.
    upstream : gives what is taken for the adjoints of the heads, for an operand.
    """

    place: int
    family: Family
    row: Primitive
    heads: Ids
    tails: tuple[Ids, ...]
    reads: tuple[Ids, ...] | None = None
    local: Callable[[Stage, Array, Array], Sequence[Any]] | None = None
    scale: tuple[Any, ...] | None = None
    upstream: Callable[[Stage, int, Array], Array] | None = None

    def arguments(self, data: Array) -> list[Array]:
        found = [data[ids] for ids in self.reads or self.tails]
        return found if self.scale is None else [each * by for each, by in zip(found, self.scale)]

    def evaluate(self, data: Array) -> Array:
        return applied(self.row, self.arguments(data), self.heads.shape)

    def partials(self, data: Array, adjoints: Array) -> list[Array]:
        """By each operand: of shape (M,) or (K, M)."""
        if self.local is not None:
            found = self.local(self, data, adjoints)
        else:
            found = slopes(self.row, data[self.heads], self.arguments(data))
        if self.scale is not None:
            found = [each * by for each, by in zip(found, self.scale)]
        return [
            each if np.shape(each) == ids.shape else np.broadcast_to(each, ids.shape)
            for each, ids in zip(found, self.tails)
        ]


def applied(row: Primitive, arguments: Sequence[Array], shape: tuple[int, ...]) -> Array:
    """The row on arrays; a sequence is an array with one axis more, the first."""
    whole = [list(each) if place in row.vectors else each for place, each in enumerate(arguments)]
    result: Array = row(*whole) if row.vectors else row.array(*whole)
    return result if np.shape(result) == shape else np.broadcast_to(result, shape)


def slopes(row: Primitive, y: Array, arguments: Sequence[Array], textbook: bool = False) -> list[Any]:
    """The partials of the row on arrays, or those that textbooks have."""
    whole = [list(each) if place in row.vectors else each for place, each in enumerate(arguments)]
    found = (row.textbook if textbook and row.textbook else row.partials)(y, *whole)
    return [
        np.array([np.broadcast_to(one, y.shape) for one in each]) if isinstance(each, (list, tuple)) else each
        for each in found
    ]


def _finite(partial: Array) -> bool:
    return bool(np.isfinite(partial).all())


@dataclass(frozen=True, eq=False)
class Link:
    """The edges from the nodes of one family to those of another.

    Attributes
    ----------
    masks : of each stage by its place, for each operand which of its edges they are.
    """

    head: Family
    tail: Family
    row: Primitive
    masks: Mapping[int, tuple[Mask, ...]]

    @property
    def positions(self) -> list[int]:
        """By which operands."""
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
    """What is done otherwise than the graph says.

    Attributes
    ----------
    forward, backward : stages by the place of those that they replace.
    replaced : adjoints that are other numbers: pairs (ids, numbers).
    data, adjoints : numbers in the place of computed ones from then on; what is computed is told.
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
    """One forward and one backward pass: what each node comes to, and the data that later stages read."""

    data: Array
    adjoints: Array
    used: Array


class Tape:
    """The steps of a recorded graph.

    Attributes
    ----------
    stages : operands first.
    families : those that are arrays, in the order in which they were computed, and then all others.
    links : what leads from family to family, from the loss down.
    index : of each `Value` its place, by its id.
    base : the right numbers.
    """

    def __init__(self, recording: Recording) -> None:
        self.recording = recording
        self.index: dict[int, int] = {}
        self._words: dict[tuple[int, int], str] = {}
        self._rows: list[Primitive | None] = []
        self._operands: list[tuple[Any, ...]] = []  # places, tuples of them for sequences
        self._numbers: list[float] = []
        self._constant: list[bool] = []
        arrays = [*recording.arrays.values(), *recording.unnamed]
        self._read([recording.loss, *(each for array in arrays for each in array.flat)])
        self.loss = self.index[id(recording.loss)]
        self.levels = self._levelled()
        named = sorted(recording.arrays.items(), key=lambda item: -item[1].size)
        self.families: list[Family] = []
        self.of: Ids = np.full(len(self._rows), -1)  # the family of each node
        self._place_arrays([*named, *(("", array) for array in recording.unnamed)])
        self._place_others()
        self._append(None, None, (), 0.0, True)  # where the gradient of what is taken for constant goes
        self.levels, self.of = np.append(self.levels, 0), np.append(self.of, len(self.families))
        self.families.append(
            Family(np.empty(0, dtype=np.intp), array=False, number=True, turn=len(self.families))
        )
        self.stages = self._staged()
        self.links = self._linked()
        self.base: Sweep | None = None
        self.base = self.run(Change())
        self._take_shifts_for_constant()

    @property
    def right(self) -> Sweep:
        assert self.base is not None
        return self.base

    # --- reading the graph

    def _read(self, wanted: Sequence[Any]) -> None:
        """The nodes in order. A chain of additions whose parts nobody else reads is one sum."""
        order = ancestors([each for each in wanted if isinstance(each, Value)])
        readers: dict[int, list[Any]] = {id(each): [None] for each in wanted}  # what has an array stays
        for node in order:
            for parent in node.parents:
                readers.setdefault(id(parent), []).append(node)
        terms: dict[int, tuple[Any, ...]] = {}
        for node in order:
            row = node.primitive
            if row is None:
                self._append(node, None, (), node.data, node.constant)
                continue
            operands: tuple[Any, ...] = ()
            if row is _ADD:
                parts = [terms.get(id(each)) or (self.index[id(each)],) for each in node.operands]
                operands = tuple(place for part in parts for place in part)
                only = readers.get(id(node), ())
                if len(only) == 1 and only[0] is not None and only[0].primitive is _ADD:
                    terms[id(node)] = operands
                    continue
                if len(operands) > 2:
                    row, operands = _SUM, (operands,)
            else:
                operands = tuple(
                    tuple(self.index[id(one)] for one in each)
                    if type(each) is tuple
                    else self.index[id(each)]
                    for each in node.operands
                )
            self._append(node, row, operands, node.data, False)
        for each in wanted:
            if id(each) not in self.index:  # a plain number in an array
                self._append(each, None, (), float(each), True)

    def _append(
        self, node: Any, row: Primitive | None, operands: tuple[Any, ...], number: float, constant: bool
    ) -> None:
        self.index[id(node)] = len(self._rows)
        self._rows.append(row)
        self._operands.append(operands)
        self._numbers.append(number)
        self._constant.append(constant)

    def ids(self, array: npt.NDArray[np.object_]) -> Ids:
        """The places of the nodes of an array, in its shape."""
        found = np.empty(array.shape, dtype=np.intp)
        for place in np.ndindex(array.shape):
            found[place] = self.index[id(array[place])]
        return found

    def _levelled(self) -> Ids:
        """How many operations lie between each node and what is given, at most."""
        levels = np.zeros(len(self._rows), dtype=np.intp)
        for place, operands in enumerate(self._operands):
            if operands:
                levels[place] = 1 + max(levels[one] for one in _flat(operands))
        return levels

    def _place_arrays(self, arrays: Sequence[tuple[str, npt.NDArray[np.object_]]]) -> None:
        """A family for each array that has a node of its own."""
        for name, array in arrays:
            ids = self.ids(array)
            own = ids[self.of[ids] < 0]
            own = own[~np.asarray(self._constant)[own]]
            if own.size:
                self.of[own] = len(self.families)
                self.families.append(Family(ids, name))
        turns = sorted(
            range(len(self.families)), key=lambda turn: int(self.levels[self.families[turn].ids].max())
        )
        self.families = [self.families[turn] for turn in turns]
        where = np.empty(len(turns) + 1, dtype=np.intp)
        where[turns] = np.arange(len(turns))
        where[-1] = -1
        self.of = where[self.of]

    def _place_others(self) -> None:
        """Nodes that are in no array, by the row and the families of the operands."""
        known: dict[Any, int] = {}
        members: dict[int, list[int]] = {}
        for place, row in enumerate(self._rows):
            turn = int(self.of[place])
            if row is None:
                reads: tuple[Any, ...] = ()
                key: Any = "number" if self._constant[place] else place
            else:
                reads = tuple(
                    frozenset(int(self.of[one]) for one in each)
                    if type(each) is tuple
                    else int(self.of[each])
                    for each in self._operands[place]
                )
                key = row, reads
            if turn < 0:
                turn = known.setdefault(key, len(self.families))
                if turn == len(self.families):
                    family = Family(np.empty(0, dtype=np.intp), array=False, number=key == "number")
                    self.families.append(family)
                members.setdefault(turn, []).append(place)
                self.of[place] = turn
            family = self.families[turn]
            if family.row is None and row is not None:
                family.row, family.reads = row, reads
        for turn, places in members.items():
            self.families[turn].ids = np.array(places)
        for turn, family in enumerate(self.families):
            family.turn = turn

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
        """What is subtracted and changes no gradient, such as the largest score before a softmax.

        Nobody differentiates it by hand, and where something else is changed it would count.
        """
        given = (self.levels == 0) & (np.arange(len(self._rows)) < len(self._rows) - 1)
        for link in [link for link in self.links if link.row.name == "sub" and 1 in link.positions]:
            part = link.at(1)
            nowhere = len(self._rows) - 1
            stages = {}
            for place, masks in part.masks.items():
                stage = self.stages[place]
                tails = tuple(np.where(mask, nowhere, ids) for mask, ids in zip(masks, stage.tails))
                stages[place] = replace(stage, tails=tails, reads=stage.reads or stage.tails)
            moved = self.run(Change(backward=stages)).adjoints
            size = np.abs(self.right.adjoints[given]).max(initial=0.0)
            if np.abs(moved - self.right.adjoints)[given].max(initial=0.0) <= 1e-12 * size:
                self.stages = [stages.get(stage.place, stage) for stage in self.stages]
                self.base = self.run(Change(backward={stage.place: stage for stage in self.stages}))
                self.links = self._linked()

    @cached_property
    def below(self) -> list[int]:
        """Of each family, by bits, the families to which its gradient is handed on, and itself."""
        found = [1 << turn for turn in range(len(self.families))]
        before: list[int] = []
        while before != found:  # a family may lie at several depths
            before = found.copy()
            for link in reversed(self.links):
                found[link.head.turn] |= found[link.tail.turn]
        return found

    def through(self, link: Link) -> Array:
        """What comes back to each node by the edges of a link."""
        found = np.zeros(len(self._rows))
        for place, masks in link.masks.items():
            stage = self.stages[place]
            for ids, mask, partial in zip(stage.tails, masks, self.partials(place)):
                share = self.right.adjoints[stage.heads] * partial
                np.add.at(found, ids[mask], share[mask])
        return found

    @cached_property
    def owners(self) -> Mapping[int, int]:
        """Of each product within a matrix product, and of each number of an array, the number of an array
        that its gradient is the gradient of."""
        inside = {int(node) for family in self.families if family.array for node in family.ids.ravel()}
        owners = {node: node for node in inside}
        for stage in reversed(self.stages):
            if stage.row.name in ("sum", "add"):
                for ids in stage.tails:
                    for tails in np.atleast_2d(ids):
                        for head, tail in zip(stage.heads.tolist(), tails.tolist()):
                            if tail not in inside and head in owners:
                                owners[tail] = owners[head]
        return owners

    # --- running it

    def run(
        self, change: Change, jitter: np.random.Generator | None = None, by: float = 0.0, off: float = 0.0
    ) -> Sweep:
        """Forward and backward, with something changed; or with each number moved by chance, `by` times
        itself and `off`."""
        with np.errstate(all="ignore"):
            data, used, first = self._forward(change, jitter, by, off)
            first = 0 if self.base is None else first
            return Sweep(data, self._backward(change, used, first, jitter, by), used)

    def _forward(
        self, change: Change, jitter: np.random.Generator | None, by: float, off: float
    ) -> tuple[Array, Array, int]:
        """The data, what of it went on, and the first stage where it may not be the right one."""
        if self.base is not None and jitter is None and not change.data:
            first = min(change.forward, default=len(self.stages))
            data = self.base.data if first == len(self.stages) else self.base.data.copy()
        else:
            first, data = 0, np.array(self._numbers)
        if jitter is not None:
            moved = ~np.array(self._constant)
            signs = jitter.choice((-1.0, 1.0), (2, moved.sum()))
            data[moved] = data[moved] * (1.0 + by * signs[0]) + off * signs[1]
        used = data.copy() if change.data else data
        if change.data:
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
        """Of the stages as they are, on the right numbers, and whether all are finite."""
        data = self.right.data
        return [[(each, _finite(each)) for each in stage.partials(data, data)] for stage in self.stages]

    def partials(self, place: int) -> list[Array]:
        """The right partials of a stage, by each operand."""
        return [each for each, _ in self._partials[place]]

    def _backward(
        self, change: Change, data: Array, first: int, jitter: np.random.Generator | None, by: float
    ) -> Array:
        adjoints = np.zeros(len(data))
        adjoints[self.loss] = change.seed
        if change.replaced:
            replaced, others = _held(change.replaced, len(data))
        if change.adjoints:
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
                partials = [(each, _finite(each)) for each in stage.partials(data, adjoints)]
            for i, (ids, (partial, finite)) in enumerate(zip(stage.tails, partials)):
                share = (
                    upstream * partial
                    if stage.upstream is None
                    else stage.upstream(stage, i, upstream) * partial
                )
                if not finite:  # of a branch that was not taken nothing comes back
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
            self._words[key] = self._described(family, depth)
        return self._words[key]

    def _described(self, family: Family, depth: int) -> str:
        if family.name:
            return family.name
        if family.number or family.row is None:
            numbers = np.unique(self.right.data[family.ids])
            return f"{numbers[0]:.6g}" if len(numbers) == 1 else "numbers"
        if depth == 0:
            return "…"
        name = family.row.name
        if name in ("sum", "dot") and len(family.reads) == 1 and len(family.reads[0]) == 1:
            (only,) = (self.families[turn] for turn in family.reads[0])
            if only.row is not None and only.row.name == "mul" and not only.array:
                left, right = (self.words(self.families[turn], depth - 1) for turn in only.reads)
                return f"{left} @ {right}"
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
        if name == "neg":
            return f"−{operands[0]}"
        return f"{name}({', '.join(operands)})"

    def gradient_words(self, family: Family) -> str:
        """The name of the gradient of an array: of the sum that it is a term of, where that has the name."""
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


def _held(pairs: Sequence[tuple[Ids, Array]], size: int) -> tuple[Mask, Array]:
    """Which nodes are held, and at what."""
    held, numbers = np.zeros(size, dtype=bool), np.zeros(size if pairs else 0)
    for ids, given in pairs:
        held[ids] = True
        numbers[ids] = given
    return held, numbers if pairs else np.zeros(size)


def _flat(operands: tuple[Any, ...]) -> list[int]:
    return [one for each in operands for one in (each if type(each) is tuple else (each,))]
