"""Layers, neurons and repeated nodes as one box each."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field, replace
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
    """The nodes of a scope; with an empty `scope` the repeats of one node outside of all scopes."""

    scope: Cluster
    leaves: list[Value] = field(default_factory=list)
    operations: list[Value] = field(default_factory=list)
    times: int = 1  # how often the scope, or the node, was recorded

    @property
    def members(self) -> list[Value]:
        return self.leaves + self.operations

    @property
    def single(self) -> bool:
        return not self.scope and len(self.members) == 1


class Groups:
    """The graph divided into groups, each drawn as one box.

    A node at least `depth` scopes deep belongs to its outermost scope, from `depth` on, that is not `opened`;
    so does a node of a shallower scope without scopes in it. All other nodes are grouped with their repeats,
    such as the losses of many examples: operations of equal row and label on operands from the same groups,
    and leaves of equal label that the same groups read.

    A sequence is read once for a group, so the time grows with the parameters of a model, not with its edges.

    Attributes
    ----------
    of : the index of each node's group in `groups`.
    groups : in the order of their first nodes.
    sources : by the indices of two groups, the nodes of the first that the second reads.
    """

    def __init__(self, view: View, depth: int, limit: int, opened: Collection[Cluster] = ()) -> None:
        self._view, self._depth, self._opened = view, depth, opened
        scopes = {parts(scope) for scope in {node.scope for node in view.values}}
        self._around = {scope[:size] for scope in scopes for size in range(len(scope))}  # scopes with scopes
        self._operations = set(view.operations)
        self._keys: dict[Value, Any] = {}  # equal for nodes of one group
        self._keys_within: dict[int, dict[Any, None]] = {}  # by the id of a sequence
        loose = self._find_keys(limit)
        readers: dict[Value, set[int]] = {leaf: set() for leaf in loose}
        for node, parents in self._reads() if loose else ():
            for parent in parents:
                if parent in readers:
                    readers[parent].add(self._keys[node])
        self._keys.update({leaf: (self._keys[leaf], tuple(sorted(readers[leaf]))) for leaf in loose})
        first = [self._keys[node] for node in chain(loose, view.operations)]  # operations place their scopes
        index = {key: place for place, key in enumerate(dict.fromkeys((*first, *self._keys.values())))}
        self.of = {node: index[key] for node, key in self._keys.items()}
        self.groups = [Group(()) for _ in index]
        for node, place in self.of.items():
            if node not in self._operations:
                self.groups[place].leaves.append(node)
        for node in view.operations:
            self.groups[self.of[node]].operations.append(node)
        for group in self.groups:
            group.scope = self._scope(group.members[0].scope)
            group.times = len(group.members)
        self.sources: dict[tuple[int, int], dict[Value, None]] = {}
        self._connect()

    def _scope(self, scope: str) -> Cluster:
        """The scope that stands for a node recorded in `scope`; empty if there is none."""
        every = parts(scope)
        first = self._depth if every in self._around else min(self._depth, len(every))
        outer = (every[:size] for size in range(first, len(every) + 1) if size)
        return next((scope for scope in outer if scope not in self._opened), ())

    def _find_keys(self, limit: int) -> list[Value]:
        """Give the nodes of a group equal keys, small numbers. Return the leaves outside of all scopes.

        Their keys are not final: the groups that read them are known afterwards.
        """
        view, keys = self._view, self._keys
        numbers: dict[Any, int] = {}
        of_scope: dict[str, int] = {}
        loose: list[Value] = []
        for node in view.values:
            if node.scope in of_scope:
                keys[node] = of_scope[node.scope]
                continue
            key: Any = self._scope(node.scope)
            if key:
                of_scope[node.scope] = numbers.setdefault(key, len(numbers))
            elif node in view.outputs:
                key = node
            else:
                place = tuple(part.partition("\0")[0] for part in view.cluster(node))
                if node in self._operations:
                    operands = [self._keys_of(operand) for operand in view.operands(node)]
                    key = (view.row(node), node.label, place, tuple(dict.fromkeys(chain(*operands))))
                else:
                    loose.append(node)
                    key = (node.constant, node.label, place)
            keys[node] = numbers.setdefault(key, len(numbers))
            if len(numbers) > limit:  # a million keys would take long
                refuse(f"more than {limit:,} of its {len(view.values):,} nodes", limit, self._depth)
        return loose

    def _keys_of(self, operand: Any) -> Collection[Any]:
        if type(operand) is not tuple:
            return (self._keys[operand],)
        if id(operand) not in self._keys_within:
            self._keys_within[id(operand)] = dict.fromkeys(map(self._keys.__getitem__, operand))
        return self._keys_within[id(operand)]

    def _reads(self) -> Iterator[tuple[Value, tuple[Value, ...]]]:
        """Each operation with its parents; a sequence once for its readers in one group and scope."""
        seen: set[Any] = set()
        for node in self._view.operations:
            for operand in self._view.operands(node):
                if type(operand) is not tuple:
                    yield node, (operand,)
                elif (key := (id(operand), self._keys[node], node.scope)) not in seen:
                    seen.add(key)
                    yield node, operand

    def _connect(self) -> None:
        """Find `sources`, and how often each scope was recorded.

        That is the greatest common divisor of the counts of its operations, row by row, and of its operations
        that no other one in the scope reads: a chain of two additions is no repeat.
        """
        of, consumed = self.of, set[Value]()
        for node, parents in self._reads():
            head, scope = of[node], node.scope
            for parent in parents:
                tail = of[parent]
                if tail != head:
                    self.sources.setdefault((tail, head), {})[parent] = None
                elif parent.op and parent.scope == scope:
                    consumed.add(parent)
        scoped = [node for node in self._view.operations if self.groups[of[node]].scope]
        counts = Counter[Any]((of[node], node.scope, node.op) for node in scoped)
        counts.update((of[node], node.scope) for node in scoped if node not in consumed)
        times: dict[int, int] = {}
        for (place, *_), count in counts.items():
            times[place] = math.gcd(times.get(place, 0), count)
        for place, group in enumerate(self.groups):
            if group.scope:
                group.times = times.get(place, 1)


def collapsed(look: Look, groups: Groups) -> tuple[list[Box], list[Arrow]]:
    """A box for each group, and arrows labelled with the number of values each time."""
    largest = look.largest(node for group in groups.groups if not group.scope for node in group.members)
    boxes = [_box(look, group, largest) for group in groups.groups]
    arrows: list[Arrow] = []
    for (tail, head), sources in groups.sources.items():
        group = groups.groups[head]
        if group.single and groups.groups[tail].single:
            into = look.arrows(group.members[0], groups.of.__getitem__)
            arrows += [arrow for arrow in into if arrow.tail == tail]
            continue
        each, rest = divmod(len(sources), group.times)
        values = len(sources) if rest else each
        faded, bold = look.faded(sources), look.on_path(sources)
        label = f"{values:,}" if values > 1 else ""
        arrows.append(Arrow(tail, head, label, faded=faded, bold=bold, count=True))
    return boxes, arrows


def _box(look: Look, group: Group, largest: float) -> Box:
    members = group.members
    if group.single:
        return look.box(members[0], largest)
    box = _scope_box(look, group) if group.scope else _repeats_box(look, members, largest)
    every = f" ×{group.times:,}" if group.times > 1 else ""
    return replace(
        box,
        times=group.times if box.kind != "constant" else 1,
        faded=look.faded(members),
        width=look.width(members),
        tooltip=f"{'.'.join(group.scope)}{every}" if group.scope else "",
    )


def _scope_box(look: Look, group: Group) -> Box:
    """A scope: its numbers of parameters and operations, and the norm of its gradient."""
    parameters = [leaf for leaf in group.leaves if not leaf.constant]
    grads = [grad for grad in map(look.view.grad, parameters or group.operations) if grad is not None]
    rows = {
        "parameters": f"{len(parameters):,}" if parameters else "",
        "operations": f"{len(group.operations) // group.times:,}" if group.operations else "",
        "|grad|": (look.number(math.hypot(*grads)) if grads else "none") if parameters else "",
    }
    return Box(
        "group",
        label=group.scope[-1],
        rows=tuple((caption, text) for caption, text in rows.items() if text),
        fill=PALETTE["layer" if len(group.scope) == 1 else "neuron"],
        dashed=not grads,
        cluster=group.scope[:-1],
    )


def _repeats_box(look: Look, members: list[Value], largest: float) -> Box:
    """Repeats of one node with the range of their numbers."""
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
    """Raise `GraphTooLargeError` with the size, the limit and the cure."""
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
