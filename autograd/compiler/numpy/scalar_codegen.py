"""The numpy back end for one example: the array program in plain floats, a variable for each number.

A call of numpy on two numbers takes fifty times as long as their product. So a small program for one example
becomes Python on floats: operators, and for other rows the forward rule of the table, as in the eager engine.
Gathers, scatters and broadcasts only choose variables, and cost nothing.

Python's floats raise where IEEE 754 has an answer: arrays compute such examples.
"""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import numpy as np

from ...engine.numerics import place_in
from ...engine.primitive import Primitive, is_own
from ...engine.primitives import TABLE
from .. import tuning
from ..ir import nodes as ir
from ..ir.nodes import Node, Shape, ancestry
from ..ir.registry import Rules
from ..update_loop import Clamp, Shorten, Training, descent

__all__ = ["OPERATORS", "ScalarProgram", "Writer", "pays"]

_LONGEST = 100  # summands in one line: Python's compiler nests them
_RAISED = ArithmeticError, ValueError  # by a rule on floats: 1 / 0, exp(1000), log(-1)


def pays(nodes: Sequence[Node]) -> bool:
    """Whether floats are faster for one example than calls of numpy."""
    computed = [node for node in ancestry(nodes) if not isinstance(node, _NO_OPERATION)]
    return sum(node.size * _operands(node) for node in computed) <= tuning.NUMPY_CALL * len(computed)


_NO_OPERATION = (ir.Constant, ir.Symbol, ir.Gather, ir.Broadcast, ir.BatchSum)


def _operands(node: Node) -> int:
    """How many numbers or products are reduced to each number of a node; 1 for other operations."""
    if isinstance(node, (ir.MatMul, ir.Outer)):
        return node.args[1].shape[isinstance(node, ir.Outer)]
    if isinstance(node, ir.TakeRows):
        return node.length
    if isinstance(node, ir.AddRows):
        return node.args[0].shape[0]
    if isinstance(node, (ir.Reduce, ir.LeaveOneOutSum)):
        return node.args[0].shape[node.axis if isinstance(node, ir.Reduce) else 0]
    return 1


class ScalarProgram:
    """Nodes as a function of parameters and one example, in floats.

    Parameters
    ----------
    nodes : what to compute, with fused rules expanded.

    Attributes
    ----------
    source : the Python source.
    """

    def __init__(self, nodes: Sequence[Node]) -> None:
        writer = Writer()
        self.source = writer.source(nodes)
        scope: dict[str, Any] = {"inf": math.inf, "nan": math.nan, **writer.rules}
        exec(compile(self.source, "<compiled by autograd>", "exec"), scope)
        self._run: Callable[[list[float], list[float]], tuple[Any, ...]] = scope["run"]

    def __call__(self, parameters: Any, batch: Any) -> tuple[Any, ...] | None:
        """The arrays of the nodes for parameters (P,) and a batch (1, I); None where floats raise."""
        try:
            return tuple(map(np.array, self._run(parameters.tolist(), batch[0].tolist())))
        except _RAISED:
            return None

    def before(self, parameters: Any, compute: Callable[..., Any]) -> Callable[..., Any]:
        """A function of batches of one that falls back to `compute` where floats raise."""
        return lambda batch, *numbers: self(parameters, batch) or compute(batch, *numbers)

    def descend(self, training: Training) -> int:
        """Make updates from one example each, w ← w − η g; returns how many were made.

        Arrays make the others: floats raise in the next one, or the training is careful and a number in it is
        not finite, or the steps are not those of plain descent.
        """
        t = training
        if t.rule is not descent or {Clamp, Shorten}.intersection(map(type, t.steps)):
            return 0
        places = t.bounds[:, 0].tolist()
        parameters, example = t.state[: t.parameters].tolist(), t.batch[t.order[places[0]]].tolist()
        fixed, previous = parameters[t.updated :], None
        done = 0
        try:
            for place, rate in zip(places, t.rates.tolist()):
                if not t.repeated:
                    example = t.batch[t.order[place]].tolist()
                try:
                    (value,), gradient, *outputs = self._run(parameters, example)
                except _RAISED:
                    break
                data = [w - rate * g for w, g in zip(parameters[: t.updated], gradient)]
                if t.careful:
                    if not all(map(math.isfinite, [value, *data])):
                        break
                    t.norms[done] = math.hypot(*gradient[: t.updated])
                t.values[done] = value
                for k, column in enumerate(outputs):
                    t.noted[place : place + 1, k] = np.array(column)
                previous, parameters = parameters, data + fixed
                done += 1
        finally:
            t.state[: t.parameters] = parameters
            if previous is not None:
                t.previous[: t.parameters] = previous
        return done


class Writer:
    """Writes `run(parameters, example)`.

    A node is an array of texts in its shape: names of variables and literals. A lowering returns an array of
    expressions; all but names and literals are assigned to variables, a line for each.
    """

    lowerings: ClassVar[Rules[Callable[..., Any]]] = Rules("numpy, one example")

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.rules: dict[str, Callable[..., Any]] = {}  # what the lines call

    def source(self, outputs: Sequence[Node]) -> str:
        numbers: dict[Node, Any] = {}
        variable = np.frompyfunc(self._variable, 2, 1)
        for node in ancestry(outputs):
            lowering = self.lowerings[type(node)]
            expressions = lowering(self, node, *[numbers[arg] for arg in node.args])
            numbers[node] = variable(_names(f"n{node.number}_", node.shape), expressions)
        results = [numbers[each][..., None] if each.batched else numbers[each] for each in outputs]
        lines = [*self.lines, f"return {', '.join(map(_listed, results))},"]
        return "\n".join(["def run(parameters, example):", *[f"    {line}" for line in lines], ""])

    def _variable(self, name: str, expression: str) -> str:
        if " " not in expression and "(" not in expression:
            return expression
        summands = expression.split(" + ")
        for start in range(0, len(summands), _LONGEST):
            part = [name] * (start > 0) + summands[start : start + _LONGEST]
            self.lines.append(f"{name} = {' + '.join(part)}")
        return name

    # --- operations

    @lowerings.of(ir.Parameters, ir.Inputs)
    def _given(self, node: Node) -> Any:
        prefix, given = ("w", "parameters") if isinstance(node, ir.Parameters) else ("x", "example")
        names = _names(prefix, node.shape)
        self.lines.append(f"{_listed(names)} = {given}")
        return names

    lowerings.of(ir.Constant)(lambda self, node: np.frompyfunc(repr, 1, 1)(node.data))
    # 1 for one example, whether the mean is taken or the sum.
    lowerings.of(ir.Symbol)(lambda self, node: np.array(["1.0"], object))
    lowerings.of(ir.Gather)(lambda self, node, x: x.reshape(-1)[node.index])
    lowerings.of(ir.Broadcast)(lambda self, node, x: np.broadcast_to(x, node.shape))
    lowerings.of(ir.BatchSum)(lambda self, node, x: x)
    lowerings.of(ir.MatMul)(lambda self, node, a, b: _matrix_product(a.T if node.transposed else a, b))
    lowerings.of(ir.Outer)(lambda self, node, a, b: _matrix_product(a, b.T))

    @lowerings.of(ir.Apply)
    def _apply(self, node: ir.Apply, *args: Any) -> Any:
        row = node.row
        operands = [
            _filled("[{}]", _COMMA.reduce(arg, axis=0)) if i in row.vectors else arg
            for i, arg in enumerate(args)
        ]
        if row.forward in OPERATORS:
            return OPERATORS[row.forward](*operands)
        return _filled(f"{self._rule(row)}({', '.join(['{}'] * len(args))})", *operands)

    def _rule(self, row: Primitive) -> str:
        """The name of a row's forward rule; `evaluate` converts the result of a user's rule to a float."""
        own = is_own(row.forward)
        name = row.name if own else f"rule{len(self.rules)}"
        self.rules[name] = row.forward if own else row.evaluate
        return name

    @lowerings.of(ir.ScatterAdd)
    def _scatter_add(self, node: ir.ScatterAdd, *args: Any) -> Any:
        sums = np.full(node.size, "", object)
        for index, arg in zip(node.indices, args):
            for place, number in zip(index.flat, np.broadcast_to(arg, index.shape).flat):
                sums[place] = f"{sums[place]} + {number}" if sums[place] else number
        sums[sums == ""] = "0.0"
        return sums.reshape(node.shape)

    @lowerings.of(ir.TakeRows)
    def _take_rows(self, node: ir.TakeRows, table: Any, index: Any) -> Any:
        parts = [table[start : start + node.length] for start in node.starts]
        listed = np.stack([_COMMA.reduce(part, axis=0) for part in parts])
        return _filled("[{}][{}]", listed, self._places(node, index)[:, None])

    @lowerings.of(ir.AddRows)
    def _add_rows(self, node: ir.AddRows, x: Any, index: Any) -> Any:
        sums = np.full(node.shape, "0.0", object)
        for start, row, place in zip(node.starts, x, self._places(node, index)):
            for k in range(node.length):
                sums[start + k] = _PLUS(sums[start + k], _filled(f"({{}} if {place} == {k} else 0.0)", row))
        return sums

    def _places(self, node: ir.TakeRows | ir.AddRows, index: Any) -> Any:
        """Variables for the indices as whole numbers."""
        self.rules["place_in"] = place_in
        places = _filled(f"place_in({{}}, {node.length})", index)
        return np.frompyfunc(self._variable, 2, 1)(_names(f"i{node.number}_", index.shape), places)

    @lowerings.of(ir.Reduce)
    def _reduce(self, node: ir.Reduce, x: Any) -> Any:
        if node.how == "sum":
            return _PLUS.reduce(x, axis=node.axis, keepdims=True)
        listed = _COMMA.reduce(x, axis=node.axis, keepdims=True)
        if node.how == "min":  # `min` returns its first argument where the second is nan
            return _filled(f"min({len(x)}.0, {{}})", listed)
        self.rules["reduce"] = functools.reduce
        return _filled(f"reduce({self._rule(TABLE['maximum'])}, [{{}}])", listed)

    @lowerings.of(ir.LeaveOneOutSum)
    def _leave_one_out_sum(self, node: Node, x: Any) -> Any:
        return np.stack([_PLUS.reduce(np.delete(x, i, axis=0), axis=0) for i in range(len(x))])

    @lowerings.of(ir.Fused)
    def _fused(self, node: Node, *args: Any) -> Any:
        raise NotImplementedError("a pass of this back end expands fused rules before")  # refused


Writer.lowerings.require_all()


# --- texts, element by element


def _filled(template: str, *texts: Any) -> Any:
    return np.frompyfunc(template.format, len(texts), 1)(*texts)


def _times(a: str, b: str) -> str:
    return b if a == "1.0" else a if b == "1.0" else f"{a} * {b}"


_PLUS = np.frompyfunc("{} + {}".format, 2, 1, identity="0.0")
_TIMES = np.frompyfunc(_times, 2, 1)
_COMMA = np.frompyfunc("{}, {}".format, 2, 1, identity="")
OPERATORS = {
    operator.add: _PLUS,
    operator.sub: np.frompyfunc("{} - {}".format, 2, 1),
    operator.mul: _TIMES,
    operator.truediv: np.frompyfunc("{} / {}".format, 2, 1),
    operator.neg: np.frompyfunc("-{}".format, 1, 1),
}


def _matrix_product(a: Any, b: Any) -> Any:
    return _PLUS.reduce(_TIMES(a[:, :, None], b), axis=1)


def _names(prefix: str, shape: Shape) -> Any:
    return np.array([f"{prefix}{number}" for number in range(math.prod(shape))], object).reshape(shape)


def _listed(names: Any) -> str:
    return str(names.tolist()).replace("'", "")
