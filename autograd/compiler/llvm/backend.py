"""The llvm back end: the array program as one native function, vectorised over the examples.

A block of examples is taken through forward and adjoint program at once. Small programs become straight
code without loops, whose numbers stay in registers; large ones loops over rows, so that their code does
not grow with them. A whole training is one function too, with the update of the parameters in it.
"""

from __future__ import annotations

import ctypes
import functools
import itertools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from ...engine.primitives import TABLE
from ...locks import BUILDING
from .. import machine, tuning
from ..ir.nodes import (
    Apply,
    BatchSum,
    Broadcast,
    Constant,
    Gather,
    Graph,
    MatMul,
    Node,
    Outer,
    ScatterAdd,
    Symbol,
    ancestry,
    fingerprint,
)
from ..ir.passes import run, stages, text
from ..update_loop import Training
from .builder import is_long
from .layout import AFTER, BEFORE, reduces
from .legalize import PASSES, all_legal, letters
from .lowering import Kernel

__all__ = ["NativeProgram"]

KEPT = 16  # functions of one program: a training with other settings is another one


class _Function(NamedTuple):
    """What a call needs of a kernel; the kernel itself takes a hundred times as much memory as its code."""

    call: Any
    lanes: int
    size: int  # of its scratch memory, in numbers
    record: int
    fused: bool


class NativeProgram:
    """Terms as native code: what `ArrayProgram` is for numpy.

    Parameters
    ----------
    nodes : what to compute: the value and the gradient, or outputs for each example.
    mean : whether to take the mean over the batch, or else the sum.
    dtype : float64 or float32.
    """

    def __init__(self, nodes: Sequence[Node], mean: bool, dtype: Any) -> None:
        self.mean, self.dtype = mean, np.dtype(dtype)
        self._given, self.nodes = list(nodes), run(PASSES, nodes)
        machine.require_room(letters(self.nodes))
        self.width = self.nodes[0].graph.inputs.size
        self.batched = any(node.batched for node in ancestry(self.nodes))
        self.straight = sum(map(_work, ancestry(self.nodes))) <= tuning.STRAIGHT
        self._functions: dict[Any, _Function] = {}
        self._plans: dict[int, tuple[_Function, Any, int, int]] = {}  # by the size of a batch
        self._scratch: list[Any] = []
        self._ends = [0, *itertools.accumulate(node.size for node in self.nodes)]

    @property
    def stages(self) -> dict[str, str]:
        """The program after each pass, the loops of each phase, and the source."""
        passes = {name: text(outputs) for name, outputs in stages(PASSES, self._given)}
        kernel = self._pass(8 if self.width else 1)
        return {**passes, "schedule": kernel.schedule, "source": self.source}

    @property
    def source(self) -> str:
        kernel = self._pass(8 if self.width else 1)
        lines = [f"; {node!r}" for node in ancestry(self.nodes)]
        return "\n".join([*lines, "", str(kernel.module)])

    def _lanes(self, examples: int) -> int:
        if not self.batched or examples < tuning.LANES_8:
            return 1
        if self.straight or examples < tuning.LANES_16:
            return 8
        large = self.nodes[0].graph.parameters.size > tuning.LANES_32_PARAMETERS
        return 32 if large and examples >= tuning.LANES_32 else 16

    def __call__(self, parameters: Any, batch: Any) -> tuple[Any, ...]:
        """The arrays of the nodes, none of which is batched."""
        results = self._results(parameters, batch)
        return tuple(results[start:end] for start, end in itertools.pairwise(self._ends))

    def rows(self, parameters: Any, batch: Any) -> Any:
        """The rows of all nodes, one below the other, for each example. All nodes are batched.

        Columns beyond those of the examples, up to a whole block, are the last example again: (rows, ≥ B).
        """
        return self._results(parameters, batch).reshape(self._ends[-1], -1)

    def _results(self, parameters: Any, batch: Any) -> Any:
        """The numbers of all nodes, one after the other."""
        B = len(batch)
        function, order, room, size = self._plans.get(B) or self._plan(B)
        results = np.empty(size, self.dtype)
        self._call(function, _pointer(parameters), _pointer(batch), order, B, _pointer(results), room=room)
        return results

    def _plan(self, B: int) -> tuple[_Function, Any, int, int]:
        """What passes over a batch of this size have in common."""
        function = self._function("pass", self._lanes(B))
        blocks = -(-B // function.lanes)
        each = blocks * function.lanes  # whole blocks are written
        size = sum(node.size * (each if node.batched else 1) for node in self.nodes)
        if len(self._plans) > 63:
            self._plans.clear()
        self._plans[B] = plan = function, _numbers(B.bit_length()), blocks * function.record, size
        return plan

    def _call(self, function: _Function, *args: Any, room: int = 0) -> Any:
        """Call native code with scratch memory of its own as the last argument."""
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
        """All that the code of a kernel depends on, without writing it."""
        # The width of a batch too: its examples are read even if no node reads one.
        parts = [lanes, self.width, self.mean, self.dtype, self.straight, fingerprint(self.nodes)]
        if training is not None:
            t, graph = training, Graph(training.parameters, 0)
            changed = self._following(t, self._row(t, graph, 1))
            settings = t.updated, t.clip_value, t.clip_norm, t.careful, len(t.names)
            parts += [settings, list(changed), fingerprint(all_legal(graph, list(changed.values())))]
        return repr(parts)

    def _built(self, lanes: int, training: Training | None) -> tuple[str, str, list[int]]:
        """The name of a kernel, its code as text, and the facts that a call needs to know."""
        kernel = self._pass(lanes) if training is None else self._train(lanes, training)
        kernel.module.triple = machine.triple()
        return kernel.module.name, str(kernel.module), [kernel.size, kernel.record, kernel.fused]

    def _kernel(
        self, name: str, lanes: int, result: str, *arguments: str, nodes: Sequence[Node] | None = None
    ) -> tuple[Kernel, list[Any]]:
        """A kernel at the beginning of a new function; "pointer" and "whole" are the types of arguments."""
        from llvmlite import ir

        real = ir.DoubleType() if self.dtype == np.float64 else ir.FloatType()
        kernel = Kernel(name, self.nodes if nodes is None else nodes, lanes, real, self.straight)
        types = {"pointer": kernel.pointer, "whole": kernel.whole, "none": ir.VoidType()}
        kind = ir.FunctionType(types[result], [types[each] for each in (*arguments, "pointer")])
        function = ir.Function(kernel.module, kind, name)
        function.attributes.add("nounwind")
        for argument in function.args:
            if argument.type == kernel.pointer:
                argument.add_attribute("noalias")
        kernel.builder = ir.IRBuilder(function.append_basic_block())
        *given, kernel.scratch = function.args
        kernel.mask = None
        return kernel, given

    def _pass(self, lanes: int) -> Kernel:
        """One pass over a batch: its results."""
        kernel, (parameters, batch, order, count, results) = self._kernel(
            "pass", lanes, "none", *["pointer"] * 3, "whole", "pointer"
        )
        kernel.parameters, kernel.batch, kernel.examples_order = parameters, batch, order
        kernel.history_base = kernel.address(kernel.scratch, kernel.size)
        builder, whole = kernel.builder, kernel.whole_number(lanes)
        each = builder.mul(builder.sdiv(kernel.plus(count, lanes - 1), whole), whole)
        batched: list[tuple[Node, Any]] = []
        alone: list[tuple[Node, Any]] = []
        for node in self.nodes:
            (batched if node.batched else alone).append((node, results))
            step = kernel.times(each, node.size) if node.batched else node.size
            results = kernel.address(results, step)

        def write(first: Any) -> None:
            for node, result in batched:

                def row(i: Any, node: Node = node, result: Any = result) -> None:
                    place = kernel.plus(builder.mul(kernel.whole_number(i), each), first)
                    kernel.store(kernel.get(node, (i,), lanes), result, place, lanes)

                kernel.every(node.size, row)

        kernel.run(
            count,
            self.mean,
            lambda first: kernel.examples(batch, order, first, self.width),
            write if batched else None,
        )
        for node, result in alone:
            self._copy(kernel, node, result)
        kernel.builder.ret_void()
        return kernel

    @staticmethod
    def _copy(kernel: Kernel, node: Node, result: Any) -> None:
        kernel.phase = AFTER
        kernel.every(node.size, lambda i: kernel.store(kernel.get(node, (i,), 1), result, i))

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

    def _train(self, lanes: int, training: Training) -> Kernel:
        """Updates of the parameters, each from the gradient over a batch; the number of those made."""
        t, P = training, training.parameters
        given: list[Any]
        value, gradient, *outputs = self.nodes
        # Without a look at the gradient on the way, the update is part of the loop that computes it.
        together = not t.careful and t.clip_norm is None and t.clip_value is None
        moving = gradient.graph.gather(gradient, np.arange(t.updated))
        changed = self._following(t, moving) if together else {}
        changed = dict(zip(changed, all_legal(gradient.graph, list(changed.values()))))
        types = "whole", *["pointer"] * 4, "whole", *["pointer"] * 5, "whole", "whole"
        kernel, given = self._kernel("train", lanes, *types, nodes=[value, *changed.values(), *outputs])
        if not together or not kernel.ends_with(list(changed.values())):
            together = False
            kernel, given = self._kernel("train", lanes, *types)
        kernel.fused = together
        state, batch, order, spans, steps, rates, values, norms, noted, previous, again, blocks = given
        builder, whole, inputs = kernel.builder, kernel.whole, self.nodes[0].graph.inputs
        kernel.parameters = state
        if together:
            kernel.homes |= {node: (state, number * P) for number, node in changed.items()}
        else:
            if isinstance(gradient, (ScatterAdd, Apply, Broadcast)) and gradient not in kernel.accumulated:
                kernel.homes[gradient] = state, P
            updates = self._updates(kernel, t)
        kernel.batch, kernel.history_base = batch, kernel.address(kernel.scratch, kernel.size)
        gathered = kernel.address(kernel.history_base, kernel.times(blocks, kernel.record))
        local = kernel.address(kernel.scratch, kernel.places[inputs])
        is_again = builder.icmp_signed("!=", again, kernel.whole_number(0))

        def bounds(step: Any) -> tuple[Any, Any]:
            first, end = (
                builder.load(
                    builder.gep(spans, [kernel.plus(kernel.times(step, 2), k)], source_etype=whole), typ=whole
                )
                for k in (0, 1)
            )
            return first, builder.sub(end, first)

        def gather(examples: Any, first: Any) -> None:
            kernel.homes[inputs] = kernel.address(gathered, kernel.times(first, self.width)), 0
            kernel.examples(batch, examples, first, self.width)

        with builder.if_then(is_again):
            kernel.size_of(bounds(kernel.whole_number(0))[1])
            kernel.loop(0, kernel.count_int, lanes, lambda first: gather(order, first))

        def step(number: Any) -> None:
            begin, count = bounds(number)
            examples = builder.gep(order, [begin], source_etype=whole)
            kernel.examples_order = examples
            kernel.values.clear()

            def read(first: Any) -> None:
                there = kernel.address(gathered, kernel.times(first, self.width))
                kernel.homes[inputs] = builder.select(is_again, there, local), 0
                with builder.if_then(builder.not_(is_again)):
                    kernel.examples(batch, examples, first, self.width)

            def note(first: Any) -> None:
                for k, node in enumerate(outputs):
                    self._note(
                        kernel, node, noted, kernel.plus(begin, first), kernel.plus(first, 0), len(outputs), k
                    )

            kernel.symbols["rate"] = kernel.load(rates, number)
            kernel.run(count, self.mean, read, note if outputs else None)
            result = kernel.get(value, (0,), 1)
            kernel.store(result, values, number)
            if together:
                return
            if gradient not in kernel.homes:
                kernel.phase = AFTER
                kernel.every(
                    gradient.size,
                    lambda i: kernel.store(kernel.get(gradient, (i,), 1), state, kernel.plus(i, P)),
                )
            if t.careful:
                kernel.store(kernel.length(state, P, t.updated), norms, number)
                self._leave_unless_finite(kernel, result, number)
                copy(state, previous)
            for update in updates:
                if update is updates[-1] and t.clip_norm is not None:
                    kernel.symbols["gradient_norm"] = kernel.length(state, P, t.updated)
                update.symbols = kernel.symbols
                update.emit(BEFORE)
                for node in update.nodes:
                    if isinstance(node, Constant):  # nothing has computed it
                        kernel.in_eights(t.updated, functools.partial(self._fill, update, node))
            if t.careful:
                nothing = kernel.nothing(state, t.updated)
                self._leave_unless_finite(kernel, nothing, number, lambda: copy(previous, state))

        def copy(source: Any, target: Any) -> None:
            for start in [row * P for row in t.changing]:

                def at(i: Any, size: int, start: int = start) -> None:
                    place = kernel.plus(i, start)
                    kernel.store(kernel.load(source, place, size), target, place, size)

                kernel.in_eights(t.updated, at)

        kernel.loop(0, steps, 1, step)
        builder.ret(steps)
        return kernel

    def _updates(self, kernel: Kernel, t: Training) -> list[Kernel]:
        """One update as programs of their own, which read and change the rows of the state."""
        graph = Graph(t.parameters, 0)
        gradient = self._row(t, graph, 1)
        changes = [] if t.clip_value is None else [{1: graph.node(t.clamped(gradient))}]
        if t.clip_norm is not None:
            gradient = t.shortened(gradient, graph.make(Symbol, [], "gradient_norm"))
        changes.append(self._following(t, gradient))
        updates = []
        for changed in changes:
            nodes = all_legal(graph, list(changed.values()))
            update = Kernel("update", nodes, 1, kernel.real, straight=False, numbers_first=True)
            update.module, update.tables = kernel.module, kernel.tables
            places = [(kernel.parameters, number * t.parameters) for number in changed]
            update.homes |= dict(zip(nodes, places))
            update.scratch = kernel.address(kernel.scratch, kernel.size)
            kernel.size += update.size
            update.builder, update.parameters = kernel.builder, kernel.parameters
            updates.append(update)
        return updates

    @staticmethod
    def _row(t: Training, graph: Graph, number: int) -> Node:
        """A row of the state, whose numbers go on beyond the parameters as ``graph.parameters``."""
        first = number * t.parameters
        return graph.gather(graph.parameters, np.arange(first, first + t.updated))

    def _following(self, t: Training, gradient: Node) -> dict[int, Node]:
        """What the rule of the training puts into the rows of the state that it changes."""
        graph = gradient.graph
        rows = {number: self._row(t, graph, number) for number in t.changing}
        changed = {}
        for number, value in t.following(rows, gradient, graph.rate).items():
            node = graph.broadcast(graph.node(value), (t.updated,))
            if isinstance(node, Gather):  # another row as it is: to be read in the loop with all else
                node = graph.apply(TABLE["add"], [node, graph.constant(0.0)])
            if value is not rows[number]:
                changed[number] = node
        return changed

    @staticmethod
    def _fill(update: Kernel, node: Node, i: Any, size: int) -> None:
        base, start = update.homes[node]
        update.store(update.get(node, (i,), size, rows=True), base, update.plus(i, start), size)

    @staticmethod
    def _leave_unless_finite(
        kernel: Kernel, number: Any, made: Any, before: Callable[[], None] | None = None
    ) -> None:
        builder = kernel.builder
        with builder.if_then(builder.fcmp_unordered("uno", builder.fsub(number, number), number)):
            if before is not None:
                before()
            builder.ret(made)

    @staticmethod
    def _note(kernel: Kernel, node: Node, table: Any, row: Any, first: Any, width: int, k: int) -> None:
        """Store an output of each example of a block in the example's row of a table."""
        builder, ir = kernel.builder, kernel.ir
        value = kernel.get(node, (0,), kernel.lanes)
        for lane in range(kernel.lanes):
            each = value
            if kernel.lanes > 1:
                each = builder.extract_element(value, ir.Constant(ir.IntType(32), lane))
            with builder.if_then(builder.icmp_signed("<", kernel.plus(first, lane), kernel.count_int)):
                kernel.store(each, table, kernel.plus(kernel.times(kernel.plus(row, lane), width), k))


def _signature(trains: bool) -> Any:
    """The type of a kernel: a pass writes its results; a training counts the updates it made."""
    pointer, whole = [ctypes.c_void_p], [ctypes.c_int64]
    if trains:
        arguments = [*pointer * 4, *whole, *pointer * 5, *whole * 2]
    else:
        arguments = [*pointer * 3, *whole, *pointer]
    return ctypes.CFUNCTYPE(ctypes.c_int64 if trains else None, *arguments, ctypes.c_void_p)


_Beginning = ctypes.c_char * 0


def _pointer(array: Any) -> Any:
    """Where the numbers of an array begin, as a function of `ctypes` takes it."""
    try:
        return _Beginning.from_buffer(array)
    except (TypeError, ValueError):  # not to be written; this takes longer
        return int(array.ctypes.data)


def _work(node: Node) -> int:
    """How many operations on a block of examples a node takes in straight code."""
    if not node.batched and not (isinstance(node, (Outer, BatchSum)) and reduces(node)):
        return 0
    if isinstance(node, MatMul):
        return node.size * node.args[1].shape[0]
    if isinstance(node, Outer):
        return node.size * node.args[0].shape[1]
    if isinstance(node, Apply) and is_long(node.row):
        return 40 * node.size
    return max([node.size, *(arg.size for arg in node.args)])


@functools.cache
def _numbers(bits: int) -> Any:
    """Where the numbers 0, 1, 2, ... up to 2 to the power of `bits` lie."""
    return _pointer(np.arange(1 << bits, dtype=np.int64))
