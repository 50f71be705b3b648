"""Layers and neurons, and what was recorded many times, as one box each."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any, NoReturn

from ..engine.value import Value
from ..errors import GraphTooLargeError
from .boxes import Look
from .style import PALETTE
from .text import Arrow, Box, Cluster
from .view import View, parts


@dataclass(slots=True)
class Group:
    """The nodes of a scope, or where `scope` is empty, repeats of one node outside of all scopes."""

    scope: Cluster
    leaves: list[Value]
    operations: list[Value]
    times: int = 0  # how often the scope was recorded

    @property
    def members(self) -> list[Value]:
        return self.leaves + self.operations

    @property
    def single(self) -> bool:
        return not self.scope and len(self.members) == 1


class Groups:
    """The graph divided into groups, each drawn as one box.

    A node recorded `depth` or more scopes deep belongs to the group of its first `depth` scopes, or of
    more where these are `opened`, and to none where all of them are. Of the others, nodes with the same
    operation, the same label and operands from the same groups are repeats of one another, such as the
    losses of many examples; and so are leaves with the same label that the same groups read.

    What is said of a sequence is said once for all nodes that read it, so that the time is in
    proportion to the parameters of a model rather than to its edges.
    """

    def __init__(self, view: View, depth: int, limit: int, opened: Collection[Cluster] = ()) -> None:
        self.view, self.depth, self.opened = view, depth, opened
        self._operations = set(view.operations)
        self._first: dict[Value, Any] = {}  # the number of a node's group, before leaves are told apart
        self._within: dict[int, dict[int, None]] = {}  # by the id of a sequence the numbers of its elements
        loose = self._number(limit)
        readers = self._readers(loose)
        for node in loose:  # leaves with the same label that others read are others
            self._first[node] = (self._first[node], tuple(sorted(readers[node])))
        first = self._first
        keys = dict.fromkeys(first[node] for node in chain(loose, view.operations))
        keys.update(dict.fromkeys(first.values()))  # a scope has its place by its first operation
        positions = {key: position for position, key in enumerate(keys)}
        self.of: dict[Value, int] = {node: positions[key] for node, key in first.items()}
        self.groups = [Group((), [], []) for _ in keys]
        leaves = [group.leaves for group in self.groups]
        for node, position in self.of.items():
            if node not in self._operations:
                leaves[position].append(node)
        for node in view.operations:
            self.groups[self.of[node]].operations.append(node)
        for group in self.groups:
            group.scope = self._scope((group.leaves or group.operations)[0].scope)
        self.sources: dict[tuple[int, int], dict[Value, None]] = {}  # what a group hands to another
        self._connect()

    def _scope(self, scope: str) -> Cluster:
        """The first `depth` parts or more, up to one that is not opened; the empty tuple if there is none."""
        every = parts(scope)
        outer = (every[:size] for size in range(self.depth, len(every) + 1))
        return next((scope for scope in outer if scope not in self.opened), ())

    def _number(self, limit: int) -> list[Value]:
        """Give nodes with the same key the same number; returns the leaves outside of scopes."""
        view, first, operations = self.view, self._first, self._operations
        numbers: dict[Any, int] = {}  # key -> number; a key made of numbers stays small
        of_scope: dict[str, int] = {}
        loose: list[Value] = []
        for node in view.values:
            scope = node.scope
            if scope in of_scope:
                first[node] = of_scope[scope]
                continue
            key: Any = self._scope(scope)
            if key:
                of_scope[scope] = numbers.setdefault(key, len(numbers))
            else:
                place = tuple(part.partition("\0")[0] for part in view.cluster(node))
                if node in view.outputs:
                    key = node
                elif node in operations:
                    inputs = chain.from_iterable(
                        self._numbers_within(operand) if type(operand) is tuple else (first[operand],)
                        for operand in view.operands(node)
                    )
                    row = view.row(node)
                    key = (row, node.label, place, tuple(dict.fromkeys(inputs)))
                else:
                    loose.append(node)
                    key = (node.constant, node.label, place)
            first[node] = numbers.setdefault(key, len(numbers))
            if len(numbers) > limit:  # it can only become more, and a million keys take long
                refuse(f"more than {limit:,} of its {len(view.values):,} nodes", limit, self.depth)
        return loose

    def _numbers_within(self, sequence: tuple[Value, ...]) -> dict[int, None]:
        if id(sequence) not in self._within:
            self._within[id(sequence)] = dict.fromkeys(map(self._first.__getitem__, sequence))
        return self._within[id(sequence)]

    def _readers(self, leaves: Collection[Value]) -> dict[Any, set[int]]:
        """For each of the leaves the groups that read it, itself or in a sequence."""
        readers: dict[Any, set[int]] = {node: set() for node in leaves}
        sequences: dict[int, tuple[tuple[Value, ...], set[int]]] = {}
        for node in self.view.operations:
            for operand in self.view.operands(node):
                if type(operand) is tuple:
                    sequences.setdefault(id(operand), (operand, set()))[1].add(self._first[node])
                elif operand in readers:
                    readers[operand].add(self._first[node])
        for sequence, groups in sequences.values():
            for element in sequence:
                if element in readers:
                    readers[element].update(groups)
        return readers

    def _connect(self) -> None:
        """Find what each group hands to another, and how often each scope was recorded.

        How often: the greatest common divisor of how often its parts were, by operation; and of the
        number of operations that no other in the same scope reads, for a chain of two is not a repeat.
        """
        view, of = self.view, self.of
        consumed: set[Value] = set()
        done: set[Any] = set()
        counts: Counter[Any] = Counter()
        ends: Counter[Any] = Counter()
        for node in view.operations:
            group, scope = of[node], node.scope
            if self.groups[group].scope:
                counts[group, scope, node.op] += 1
                ends[group, scope] += 1
            for operand in view.operands(node):
                elements: tuple[Value, ...] = (operand,)
                if type(operand) is tuple:
                    elements = operand
                    inside = len(self._numbers_within(operand)) == 1 and of[elements[0]] == group
                    key = id(operand), group, scope
                    if key in done or (inside and self._operations.isdisjoint(elements)):
                        continue
                    done.add(key)
                for parent in elements:
                    tail = of[parent]
                    if tail != group:
                        self.sources.setdefault((tail, group), {})[parent] = None
                    elif parent.op and parent.scope == scope and parent not in consumed:
                        consumed.add(parent)
                        ends[group, scope] -= 1
        for counter in (counts, ends):
            for key, count in counter.items():
                group = self.groups[key[0]]
                group.times = math.gcd(group.times, count)

    def times(self, position: int) -> int:
        """How often the nodes of a scope, or a node outside, were recorded."""
        group = self.groups[position]
        return max(1, group.times if group.scope else len(group.members))


def collapsed(look: Look, groups: Groups) -> tuple[list[Box], list[Arrow]]:
    """A box for each group; the number at an arrow is how many values go along it each time."""
    alone = [group.members[0] if group.single else None for group in groups.groups]
    largest = look.largest(node for group in groups.groups if not group.scope for node in group.members)
    boxes = [
        _group_box(look, group, groups.times(position), largest)
        for position, group in enumerate(groups.groups)
    ]
    arrows: list[Arrow] = []
    for (tail, head), sources in groups.sources.items():
        node = alone[head]
        if node is not None and alone[tail] is not None:
            into = look.arrows(node, groups.of.__getitem__)
            arrows += [arrow for arrow in into if arrow.tail == tail]
            continue
        values, times = len(sources), groups.times(head)
        share = values // times if values % times == 0 else values
        label = f"{share:,}" if share > 1 else ""
        faded, bold = look.faded(sources), look.on_path(sources)
        arrows.append(Arrow(tail, head, label, faded=faded, bold=bold, count=True))
    return boxes, arrows


def _group_box(look: Look, group: Group, times: int, largest: float) -> Box:
    """A scope with its number of parameters and operations, or repeats with the range of theirs."""
    members = group.members
    if group.single:
        return look.box(members[0], largest)
    every = f" ×{times:,}" if times > 1 else ""
    box = _scope_box(look, group, times) if group.scope else _repeats_box(look, members, largest)
    return replace(
        box,
        times=times if box.kind != "constant" else 1,
        faded=look.faded(members),
        width=look.width(members),
        tooltip=f"{'.'.join(group.scope)}{every}" if group.scope else "",
    )


def _scope_box(look: Look, group: Group, times: int) -> Box:
    parameters = [leaf for leaf in group.leaves if not leaf.constant]
    grads = [grad for grad in map(look.view.grad, parameters or group.operations) if grad is not None]
    rows: list[tuple[str, str]] = []
    if parameters:
        rows.append(("parameters", f"{len(parameters):,}"))
    if group.operations:
        rows.append(("operations", f"{len(group.operations) // times:,}"))
    if parameters:
        rows.append(("|grad|", look.number(math.hypot(*grads)) if grads else "none"))
    return Box(
        "group",
        label=group.scope[-1],
        rows=tuple(rows),
        fill=PALETTE["layer" if len(group.scope) == 1 else "neuron"],
        dashed=not grads,
        cluster=group.scope[:-1],
    )


def _repeats_box(look: Look, members: Sequence[Value], largest: float) -> Box:
    node = members[0]
    kind, cluster = look.kind(node), look.view.cluster(node)
    data = look.range([member.data for member in members])
    if kind == "constant":
        rows = (("", f"{len(members):,} numbers"), ("", data))
        return Box(kind, label=node.label, rows=rows, cluster=cluster)
    grads = [grad for grad in map(look.view.grad, members) if grad is not None]
    return Box(
        kind,
        symbol=look.symbol(node),
        label=look.name(node),
        rows=(("data", data), ("grad", look.range(grads))),
        fill=look.fill(grads, largest),
        dashed=not grads,
        cluster=cluster,
    )


def refuse(size: str, limit: int, depth: int | None) -> NoReturn:
    """Raise `GraphTooLargeError`, saying the size, the limit and what to do about it."""
    if depth is None:
        size = f"the graph has {size}"
        cure = "collapse it with depth=1 (every layer of a model as one box) or depth=2 (every neuron)"
    else:
        size = f"collapsed to depth={depth} the graph still has {size}"
        cure = (
            "collapse it with depth=1 (every layer as one box)"
            if depth > 1
            else "give its nodes a scope to be collapsed by (Value.scope), as the layers of a model do"
        )
    raise GraphTooLargeError(
        f"{size}, and more than limit={limit:,} nodes or {4 * limit:,} edges are not drawn: "
        f"{cure}, draw a node nearer to the inputs, or raise the limit"
    )
