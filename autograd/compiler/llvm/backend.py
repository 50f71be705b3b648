"""The llvm back end: the array program as one native function, vectorised over the examples.

The function computes value and gradient block by block. Small programs are straight code in registers; large
ones loop over rows, so their code stays small. A training is one function too, updates included.
"""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, NamedTuple

import numpy as np

from ...engine.primitives import TABLE
from ...locks import BUILDING
from .. import machine, tuning
from ..backends import BackendProgram, RowLowerings, Widths, refuse
from ..ir import nodes as ops
from ..ir.nodes import Graph, Node, ancestry, fingerprint
from ..update_loop import Clamp, Finite, Follow, Keep, Measure, Shorten, Step, Training
from .builder import DIRECT, Builder, is_long
from .entry import Entry
from .layout import BEFORE, Layout, reduces
from .legalize import PASSES, all_legal, letters
from .libm import ELEMENTARY
from .lowering import Kernel
from .memory import Memory
from .single_pass import ARGUMENTS, SinglePass

__all__ = ["NativeProgram"]

_TRAIN_ARGUMENTS = ["pointer"] * 4 + ["whole"] + ["pointer"] * 5 + ["whole"] * 2 + ["pointer"]
KEPT = 16  # functions of one program: a training with other settings is another one


class _Function(NamedTuple):
    """A kernel, without its nodes and text, which take a hundred times the memory."""

    call: Any
    lanes: int
    size: int  # of its scratch memory, in numbers
    record: int
    fused: bool


class NativeProgram(BackendProgram):
    """Nodes as functions of native code: one for a pass over a batch, and one for each kind of training."""

    PASSES = PASSES
    LOWERINGS: ClassVar = {
        "llvm": RowLowerings(
            lambda row: DIRECT.get(row.name) or ELEMENTARY.get(row.name),
            lambda row: row.native or row.sheet or row.expansion or row.forward,
        )
    }

    def __init__(self, nodes: Sequence[Node], mean: bool, dtype: Any, widths: Widths | None = None) -> None:
        super().__init__(nodes, mean, dtype, widths)
        machine.require_room(letters(self.nodes))
        self.width = self.nodes[0].graph.inputs.size
        self.batched = any(node.batched for node in ancestry(self.nodes))
        self._work = sum(map(_work, ancestry(self.nodes)))
        batched = {node.source for node in ancestry(self.nodes) if node.batched}
        self._numbers = sum(node.size for node in batched)
        self.straight = self._work <= tuning.STRAIGHT or (
            self._work <= tuning.STRAIGHT_ROWS and self.nodes[0].batched and self._has_short_loops()
        )
        self._functions: dict[Any, _Function] = {}
        self._scratch: list[Any] = []
        self._entry: Entry | None = None
        self._passes = 0

    def _has_short_loops(self) -> bool:
        """Whether loops would have a few turns each, and hardly any products."""
        nodes = ancestry(self.nodes)
        products = sum(_work(node) for node in nodes if isinstance(node, (ops.MatMul, ops.Outer)))
        longest = max((node.size for node in nodes if isinstance(node, ops.Apply)), default=0)
        return longest <= tuning.SHORT_LOOP and 8 * products <= self._work

    @property
    def schedule(self) -> str:
        return str(self._layout(self._shown).schedule)

    @property
    def source(self) -> str:
        code, _ = self._pass(self._shown)
        lines = [f"; {node!r}" for node in ancestry(self.nodes)]
        return "\n".join([*lines, "", str(code.module).rstrip(), ""])

    @property
    def _shown(self) -> int:
        """The lanes of the pass that `source` shows."""
        return 8 if self.width else 1

    def _lanes(self, examples: int) -> int:
        if not self.batched or examples < tuning.LANES_8:
            return 1
        if self.straight or examples < tuning.LANES_16:
            return 8
        few, many = self._numbers <= tuning.LANES_32_NUMBERS, examples >= tuning.LANES_32
        large = self.nodes[0].graph.parameters.size > tuning.LANES_32_PARAMETERS
        return 32 if large and few and many else 16

    def value_and_gradient(self, parameters: Any, batch: Any, out: Any) -> tuple[float, Any, bool]:
        """The value over a batch, its gradient (P,), and whether all is finite."""
        gradient = np.empty(self.nodes[1].size, self.dtype) if out is None else out
        value = np.empty(1, self.dtype)
        finite = self._results(parameters, batch, None, gradient, value)
        return float(value[0]), gradient, finite

    def table(
        self, parameters: Any, batch: Any, direction: Any, shape: tuple[int, ...], out: Any
    ) -> tuple[Any, bool]:
        """The results for each example, (B, *shape), and whether all are finite."""
        table = np.empty((len(batch), *shape), self.dtype) if out is None else out
        return table, self._results(parameters, batch, direction, table, table)

    def entry(self, B: int, shape: tuple[int, ...], indices: Mapping[int, int]) -> Callable[..., Any]:
        """A built-in function for short passes, made at the second pass; see `Entry`."""
        self._passes += 1
        bits, lanes = B.bit_length(), self._lanes(B)
        short = self._work << bits <= lanes * tuning.HELD
        if self._passes > 1 and short and (self._entry is None or not self._entry.has(bits)):
            with BUILDING:
                if self._entry is None:
                    P, width, directions = self.widths
                    P = P or self.nodes[0].graph.parameters.size
                    gradient = not self.nodes[0].batched
                    self._entry = Entry(self.dtype, shape, gradient, P, width, directions, indices)
                function = self._function("pass", lanes)
                blocks = -(-(1 << bits) // lanes)
                scratch = (function.size + blocks * function.record) * self.dtype.itemsize
                self._entry.add(bits, function.call, scratch)
        return refuse if self._entry is None else self._entry.call

    def _results(self, parameters: Any, batch: Any, direction: Any, results: Any, value: Any) -> bool:
        B = len(batch)
        function = self._function("pass", self._lanes(B))
        step = 0 if direction is None or direction.ndim == 1 else direction.shape[1]
        direction = batch if direction is None else direction
        pointers = map(_pointer, (parameters, batch, direction, results, value))
        first, second, third, *others = pointers
        room = -(-B // function.lanes) * function.record
        finite: int = self._call(function, first, second, third, step, B, *others, room=room)
        return finite != 0

    def _call(self, function: _Function, *args: Any, room: int = 0) -> Any:
        """Call native code; the last argument is scratch memory that no other call uses."""
        size = (function.size + room) * self.dtype.itemsize + tuning.ALIGNED
        try:
            scratch, start = self._scratch.pop()  # another thread has memory of its own
        except IndexError:
            scratch = b""
        if len(scratch) < size:
            scratch = ctypes.create_string_buffer(size)
            start = ctypes.addressof(scratch)
        try:
            return function.call(*args, start + -start % tuning.ALIGNED)
        finally:
            self._scratch.append((scratch, start))

    def _function(self, purpose: Any, lanes: int, training: Training | None = None) -> _Function:
        made = self._functions.get((purpose, lanes))
        if made is None:
            with BUILDING:  # nodes are added to their graph
                build = functools.partial(self._built, lanes, training)
                signature = _signature(training is not None)
                specification = self._specification(lanes, training)
                call, (size, record, fused) = machine.function(specification, signature, build)
                if len(self._functions) >= KEPT:
                    self._functions.clear()
                made = self._functions[purpose, lanes] = _Function(call, lanes, size, record, bool(fused))
        return made

    def _specification(self, lanes: int, training: Training | None) -> str:
        """Everything that the code of a kernel depends on, as text."""
        # The width of a batch too: its examples are read even if no node reads one.
        parts = [lanes, self.widths, self.mean, self.dtype, self.straight, fingerprint(self.nodes)]
        if training is not None:
            t, graph = training, Graph(training.parameters, 0)
            changed = self._following(t, self._row(t, graph, 1))
            steps = [len(step.names) if isinstance(step, Follow) else step for step in t.steps]
            parts += [t.updated, steps, list(changed), fingerprint(all_legal(graph, list(changed.values())))]
        return repr(parts)

    def is_compiled(self, examples: int, training: Training | None) -> bool:
        with BUILDING:  # nodes are added to their graph
            return machine.is_compiled(self._specification(self._lanes(examples), training))

    def _built(self, lanes: int, training: Training | None) -> tuple[str, str, list[int]]:
        """The name of a kernel, its code as text, and the numbers of a `_Function`."""
        code, facts = self._pass(lanes) if training is None else self._train(lanes, training)
        code.module.triple = machine.triple()
        return code.module.name, str(code.module), facts

    def _layout(self, lanes: int, nodes: Sequence[Node] | None = None) -> Layout:
        return Layout(self.nodes if nodes is None else nodes, lanes, self.straight, self.dtype.itemsize)

    def _pass(self, lanes: int) -> tuple[Builder, list[int]]:
        """One pass over a batch."""
        layout = self._layout(lanes)
        made = SinglePass(self.nodes, layout, self.widths, self.mean, self.dtype)
        return made.code, [made.size, layout.record, False]

    def train(self, training: Training) -> int:
        """Make the updates of a training; returns how many were made before a number was not finite."""
        t = training
        function = self._function(t.kind, self._lanes(t.largest), t)
        blocks = -(-t.largest // function.lanes)
        room = blocks * function.lanes * self.width
        again = len(t.rates) > 1 and 0 < room < tuning.GATHERED and t.repeated  # the batch is gathered once
        room = blocks * function.record + (room if again else 0)
        missing = 0 if function.fused else 2 * t.parameters - len(t.state)
        state = np.append(t.state, np.zeros(missing, self.dtype)) if missing > 0 else t.state
        try:
            done: int = self._call(
                function,
                *map(_pointer, (state, t.batch, t.order, t.bounds)),
                len(t.rates),
                *map(_pointer, (t.rates, t.values, t.norms, t.noted, t.previous)),
                int(again),
                blocks,
                room=room,
            )
        finally:
            if missing > 0:
                t.state[...] = state[: len(t.state)]
        return done

    def _train(self, lanes: int, training: Training) -> tuple[Builder, list[int]]:
        """A loop of updates by the gradients of batches; it returns how many were made."""
        t, P = training, training.parameters
        value, gradient, *outputs = self.nodes
        code = Builder("train", self.dtype, "whole", *_TRAIN_ARGUMENTS)
        state, batch, order, spans, steps, rates, values, norms, noted, previous, again, blocks, scratch = (
            code.arguments
        )
        llvm, homes = code.llvm, {}
        # A gradient that is only followed is so in the loop that computes it.
        together = t.steps == [t.follow]
        if together:
            trained = gradient.graph.gather(gradient, np.arange(t.updated))
            changed = self._following(t, trained)
            changed = dict(zip(changed, all_legal(gradient.graph, list(changed.values()))))
            layout = self._layout(lanes, [value, *changed.values(), *outputs])
            together = layout.ends_with(list(changed.values()))
            homes = {node: (state, number * P) for number, node in changed.items()}
        updates: dict[Step, Kernel] = {}
        symbols: dict[str, Any] = {}
        if not together:
            layout, homes = self._layout(lanes), {}
            if layout.may_move(gradient):
                homes[gradient] = state, P
        size = layout.size
        for each, changed in {}.items() if together else self._changes(t).items():
            update = Layout(list(changed.values()), 1, False, self.dtype.itemsize, numbers_first=True)
            places = {node: (state, number * P) for number, node in changed.items()}
            there = code.address(scratch, size)
            updates[each] = Kernel(Memory(code, update, state, there, symbols=symbols, homes=places))
            size += update.size
        memory = Memory(code, layout, state, scratch, code.address(scratch, size), symbols, homes)
        kernel, inputs = Kernel(memory), layout.inputs
        gathered = code.address(memory.records, code.times(blocks, layout.record))
        local = code.address(scratch, layout.places[inputs])
        is_again = llvm.icmp_signed("!=", again, code.whole_number(0))

        def bounds(step: Any) -> tuple[Any, Any]:
            first, end = (code.load_whole(spans, code.plus(code.times(step, 2), k)) for k in (0, 1))
            return first, llvm.sub(end, first)

        def gather(first: Any) -> None:
            memory.relocate(inputs, code.address(gathered, code.times(first, self.width)))
            kernel.examples(first)

        with llvm.if_then(is_again):
            memory.take(batch, order, bounds(code.whole_number(0))[1])
            code.loop(0, memory.batch.count, lanes, gather)

        def step(number: Any) -> None:
            begin, count = bounds(number)
            examples = llvm.gep(order, [begin], source_etype=code.whole)

            def read(first: Any) -> None:
                there = code.address(gathered, code.times(first, self.width))
                memory.relocate(inputs, llvm.select(is_again, there, local))
                with llvm.if_then(llvm.not_(is_again)):
                    kernel.examples(first)

            def note(first: Any) -> None:
                for k, node in enumerate(outputs):
                    _note(memory, node, noted, code.plus(begin, first), first, len(outputs), k)

            symbols["rate"] = code.load(rates, number)
            kernel.run(batch, examples, count, self.mean, read, note if outputs else None)
            result = memory.get(value, (0,), 1)
            code.store(result, values, number)
            if together:
                return
            if gradient not in homes:
                _copy(memory, gradient, state, P)
            for each in t.steps:
                if isinstance(each, Measure):
                    code.store(code.length(state, P, t.updated), norms, number)
                elif isinstance(each, Shorten):
                    symbols["gradient_norm"] = code.length(state, P, t.updated)
                elif isinstance(each, Keep):
                    copy(state, previous)
                elif isinstance(each, Finite):
                    found = code.nothing(state, t.updated) if each.parameters else result
                    undo = functools.partial(copy, previous, state) if each.parameters else None
                    _leave_unless_finite(code, found, number, undo)
                else:
                    update = updates[each]
                    update.emit(BEFORE)
                    for node in update.layout.nodes:
                        if isinstance(node, ops.Constant):  # nothing has computed it
                            code.in_eights(t.updated, functools.partial(_fill, update.memory, node))

        def copy(source: Any, target: Any) -> None:
            for start in [row * P for row in t.changing]:

                def at(i: Any, size: int, start: int = start) -> None:
                    place = code.plus(i, start)
                    code.store(code.load(source, place, size), target, place, size)

                code.in_eights(t.updated, at)

        code.loop(0, steps, 1, step)
        llvm.ret(steps)
        return code, [size, layout.record, together]

    def _changes(self, t: Training) -> dict[Step, dict[int, Node]]:
        """By step the rows of the state that it changes, and their new values. `Follow` shortens, too."""
        graph = Graph(t.parameters, 0)
        gradient, changes = self._row(t, graph, 1), {}
        for step in t.steps:
            changed = {}
            if isinstance(step, Clamp):
                changed = {1: graph.node(step.of(gradient))}
            elif isinstance(step, Shorten):
                gradient = step.of(gradient, graph.make(ops.Symbol, [], "gradient_norm"))
            elif isinstance(step, Follow):
                changed = self._following(t, gradient)
            if changed:
                changes[step] = dict(zip(changed, all_legal(graph, list(changed.values()))))
        return changes

    @staticmethod
    def _row(t: Training, graph: Graph, number: int) -> Node:
        """A row of the state, which ``graph.parameters`` reaches beyond its P numbers."""
        first = number * t.parameters
        return graph.gather(graph.parameters, np.arange(first, first + t.updated))

    def _following(self, t: Training, gradient: Node) -> dict[int, Node]:
        """The new values of the rows of the state that the training's rule changes."""
        graph = gradient.graph
        rows = {number: self._row(t, graph, number) for number in t.changing}
        changed = {}
        for number, value in t.follow.of(rows, gradient, graph.rate).items():
            node = graph.broadcast(graph.node(value), (t.updated,))
            if isinstance(node, ops.Gather):  # a copy of another row has to be a step of the loop
                node = graph.apply(TABLE["add"], [node, graph.constant(0.0)])
            if value is not rows[number]:
                changed[number] = node
        return changed


def _copy(memory: Memory, node: Node, target: Any, start: int = 0) -> None:
    """Store the numbers of a node, from an offset on."""
    code = memory.code
    code.every(node.size, lambda i: code.store(memory.get(node, (i,), 1), target, code.plus(i, start)))


def _fill(memory: Memory, node: Node, i: Any, size: int) -> None:
    memory.write(node, i, memory.get(node, (i,), size, rows=True), size)


def _leave_unless_finite(
    code: Builder, number: Any, made: Any, before: Callable[[], None] | None = None
) -> None:
    llvm = code.llvm
    with llvm.if_then(llvm.fcmp_unordered("uno", llvm.fsub(number, number), number)):
        if before is not None:
            before()
        llvm.ret(made)


def _note(memory: Memory, node: Node, table: Any, row: Any, first: Any, width: int, k: int) -> None:
    """Store output k of each example of a block in a table (V, `width`), from a row on."""
    code, llvm, lanes = memory.code, memory.code.llvm, memory.layout.lanes
    value = memory.get(node, (0,), lanes)
    for lane in range(lanes):
        with llvm.if_then(llvm.icmp_signed("<", code.plus(first, lane), memory.batch.count)):
            place = code.plus(code.times(code.plus(row, lane), width), k)
            code.store(code.lane(value, lane), table, place)


def _signature(trains: bool) -> Any:
    """The type of a kernel: a pass tells whether all is finite; a training counts the updates it made."""
    types = {"pointer": ctypes.c_void_p, "whole": ctypes.c_int64}
    arguments = _TRAIN_ARGUMENTS if trains else ARGUMENTS
    return ctypes.CFUNCTYPE(ctypes.c_int64, *[types[each] for each in arguments])


_Beginning = ctypes.c_char * 0


def _pointer(array: Any) -> Any:
    """Where the numbers of an array begin, as a function of `ctypes` takes it."""
    try:
        return _Beginning.from_buffer(array)
    except (TypeError, ValueError):  # not to be written; this takes longer
        return int(array.ctypes.data)


def _work(node: Node) -> int:
    """How many operations on a block of examples a node takes in straight code."""
    if not node.batched and not reduces(node):
        return 0
    if isinstance(node, (ops.TakeRows, ops.AddRows)):
        return node.size * (node.length if isinstance(node, ops.TakeRows) else node.args[0].shape[0])
    if isinstance(node, ops.MatMul):
        return node.size * node.args[1].shape[0]
    if isinstance(node, ops.Outer):
        return node.size * node.args[0].shape[1]
    if isinstance(node, ops.Apply) and is_long(node.row):
        return 40 * node.size
    return max([node.size, *(arg.size for arg in node.args)])
