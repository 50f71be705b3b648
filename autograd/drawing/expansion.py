"""The graph with fused nodes, such as a softmax, expanded."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from typing import Any

from ..engine.graph import reverse_sweep
from ..engine.primitives import Primitive
from ..engine.value import Value
from .text import Cluster
from .view import View, parts


class Expanded(View):
    """The graph with the fused nodes of some rows expanded, also within expansions.

    The user's graph stays as it is: an expansion is recorded on the node's operands, and the view keeps the
    end of the expansion in the place of the node.

    Parameters
    ----------
    outputs : the nodes to draw with all that they depend on.
    names : the rows to expand.
    depth : nodes at least this many scopes deep stay fused, since they will be collapsed.
    """

    def __init__(self, outputs: Sequence[Value], names: Collection[str], depth: float = math.inf) -> None:
        super().__init__(outputs)
        self._names, self._depth = names, depth
        self._ends: dict[Value, Value] = {}  # opened node -> the end of its expansion
        self._operands: dict[Any, tuple[Any, ...]] = {}  # of inner nodes, where they differ
        self._clusters: dict[Value, Cluster] = {}  # of opened and inner nodes
        self._grads: dict[Value, float | None] = {}  # of inner nodes
        self._seen: set[Any] = set(self.values)
        self._same: dict[Any, Any] = {}  # inner node -> the equal inner node recorded before it
        self._known: dict[Any, Value] = {}  # signature -> the first inner node that has it
        self._numbers: Counter[str] = Counter()  # of the frames around expansions
        inner = self._open()
        # Nested expansions may place a shared node after its first reader.
        self._arrange(self._postorder(self.outputs, seen=()))
        self._spread_gradients(inner)

    def end(self, node: Value) -> Value:
        return self._ends.get(node, node)

    def operands(self, node: Value) -> tuple[Any, ...]:
        end = self.end(node)
        return self._operands.get(end) or end.operands

    def grad(self, node: Value) -> float | None:
        return self._grads[node] if node in self._grads else super().grad(node)

    def cluster(self, node: Value) -> Cluster:
        return self._clusters.get(node) or parts(node.scope)

    def _open(self) -> Iterable[Value]:
        """Expand from the outside in; returns the inner nodes."""
        within: dict[Value, frozenset[str]] = {}  # inner node -> the rows that it is an expansion of
        tried: set[Value] = set()
        pending = True
        while pending:
            pending = False
            order: list[Any] = []
            for node in self.values:
                row = self.row(node) if node not in tried else None
                if row is not None and row.name in self._names and len(parts(node.scope)) < self._depth:
                    tried.add(node)
                    outer = within.get(node, frozenset())
                    if row.name not in outer:
                        inner = self._expand(node, row)
                        within.update((new, outer | {row.name}) for new in inner)
                        order += inner
                        pending = True
                order.append(node)
            self.values = order
        return within

    def _expand(self, node: Value, row: Primitive) -> list[Any]:
        """The new nodes of one expansion: three probabilities of one softmax share exponentials and sum."""
        assert row.expansion is not None
        end = row.expansion(*self.operands(node))
        if type(end) is not Value or end in self._seen or not end.operands:  # under no_grad, for one
            return []
        fresh: list[Any] = []
        frame: Cluster = ()
        for new in self._postorder([end], self._seen):
            inputs = tuple(map(self._shared, new.operands))
            self._operands[new] = inputs
            if new is end:
                continue
            signature = (new.primitive, self._signature(new)) if inputs else new
            if signature in self._known:
                self._same[new] = self._known[signature]
                frame = frame or self._clusters.get(self._known[signature], ())
            else:
                self._known[signature] = new
                fresh.append(new)
        self._seen.update(fresh)
        if not frame:
            self._numbers[row.name] += 1
            frame = (*self.cluster(node), f"{row.name}\0{self._numbers[row.name]}")
        self._ends[node] = end
        for new in [*fresh, node]:
            self._clusters[new] = frame
        return fresh

    def _shared(self, operand: Any) -> Any:
        """An operand with equal inner nodes replaced by the first of them."""
        if type(operand) is tuple:
            return tuple([self._same.get(each, each) for each in operand])
        return self._same.get(operand, operand)

    def _signature(self, node: Value) -> tuple[int, ...]:
        """The parents, of a sum, which is correctly rounded, in any order."""
        ids = [id(parent) for parent in self.parents(node)]
        return tuple(sorted(ids) if node.op == "sum" else ids)

    def _postorder(self, ends: Iterable[Any], seen: Collection[Any]) -> list[Any]:
        """The ancestors of the ends that are not seen yet, operands first (see `graph.ancestors`)."""
        order: list[Any] = []
        found: set[Any] = set()
        stack: list[Any] = list(ends)[::-1]
        while stack:
            node = stack.pop()
            if node is None:
                order.append(stack.pop())
            elif node not in found and node not in seen:
                found.add(node)
                stack += (node, None)
                stack += self.parents(node)[::-1]
        return order

    def _spread_gradients(self, inner: Iterable[Value]) -> None:
        """The gradients of inner nodes, by the chain rule from the expanded nodes."""
        self._grads = dict.fromkeys(inner)
        adjoints = {node: self.grad(node) for node in self._ends if node not in self._grads}

        def partials(node: Value) -> Iterable[tuple[Value, float]]:
            for parent, partial in self.links(node) if node in self._ends or node in self._grads else ():
                if parent in self._grads and partial is not None and not parent.constant:
                    yield parent, partial

        for _ in reverse_sweep(self.values, adjoints, partials):
            pass
        found = ((node, adjoints.get(node)) for node in self._grads)
        self._grads = {node: None if grad is None else grad + 0.0 for node, grad in found}  # never −0
