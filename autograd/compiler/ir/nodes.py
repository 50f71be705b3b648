"""The array program: a graph of nodes, each an array for one example or for the whole batch.

The axes of a node, one or two, are its *rows*; a batched node has them for each example. Each operation is a
subclass of `Node` with a shape rule, `infer`, and simplifications, `simpler`. Its VJP is in `ir.adjoint`, its
JVP in `ir.tangent`, its code in the folder of each back end; `ir.registry` finds a missing one.

A `Graph` makes the nodes: it folds constants, and returns one node for equal computations. Rules of the
table run on nodes as on floats, so the adjoint program comes from the table's partials.
"""

from __future__ import annotations

import functools
import hashlib
import math
import operator
from collections.abc import Callable, Iterable, Sequence
from typing import Any, ClassVar, NoReturn

import numpy as np
import numpy.typing as npt

from ...engine.primitives import TABLE, Primitive

__all__ = [
    "OPERATIONS", "AddRows", "Apply", "BatchSum", "Broadcast", "Constant", "Fused", "Gather", "Graph",
    "Inputs", "LeaveOneOutSum", "MatMul", "Node", "Outer", "Parameters", "Reduce", "ScatterAdd", "Symbol",
    "TakeRows", "Unknown", "ancestry", "applies", "fingerprint", "rewrite",
]  # fmt: skip

Array = npt.NDArray[np.float64]
Indices = npt.NDArray[np.intp]
Shape = tuple[int, ...]

ADD, MUL, DIV, NEG = (TABLE[name] for name in ("add", "mul", "div", "neg"))
SUM, MEAN, DOT, POW, POWER, MONOMIAL, TAKE = (
    TABLE[name] for name in ("sum", "mean", "dot", "pow", "power", "monomial", "take")
)

OPERATIONS: list[type[Node]] = []


class Unknown:
    """A number or array that is not known yet: operators and numpy's functions apply rows of the table to it.

    A subclass has ``__primitive__(row, args)``.
    """

    __slots__ = ()

    def __array_ufunc__(self, ufunc: Any, method: str, *args: Any, **named: Any) -> Any:
        """numpy's functions, which the rules of optimizers call."""
        row = _ROWS.get(ufunc)
        if row is None or method != "__call__" or named:
            return NotImplemented
        return row(*[float(arg) if isinstance(arg, np.generic) else arg for arg in args])

    def __array_function__(self, function: Any, types: Any, args: Any, named: Any) -> Any:
        if function is np.where and not named and len(args) == 3:
            return TABLE["where"](*args)
        return NotImplemented

    def __float__(self, *other: Any) -> NoReturn:
        raise TypeError("this is part of a compiled program: its number is not known yet")

    __bool__ = __int__ = __index__ = __lt__ = __le__ = __gt__ = __ge__ = __float__

    def __eq__(self, other: object) -> bool:
        if isinstance(other, (int, float, np.number)):
            self.__float__()  # False would take a branch of a rule in silence
        return self is other

    __hash__ = object.__hash__


_ROWS = {row.ufunc: row for row in TABLE.values() if row.ufunc is not None}


def _attach(name: str, row: Primitive) -> None:
    """Python's operator that applies a row of one or two operands."""
    if len(row.domain) == 1:
        setattr(Unknown, name, lambda self: row(self))
        return
    setattr(Unknown, name, lambda self, other: row(self, other))
    setattr(Unknown, name.replace("__", "__r", 1), lambda self, other: row(other, self))


for _row in TABLE.values():
    if _row.method and hasattr(operator, f"__{_row.method}__"):
        _attach(f"__{_row.method}__", _row)
_attach("__pow__", POW)


class Node(Unknown):
    """One array of the program. The slots of a subclass are the fields of the operation.

    Attributes
    ----------
    args : its operands.
    shape : its rows, without the batch.
    batched : whether each example has rows of its own.
    graph, number : its graph, and its position there, after its operands.
    """

    __slots__ = ("args", "batched", "graph", "number", "shape")

    args: tuple[Node, ...]
    graph: Graph
    number: int

    def __init_subclass__(cls) -> None:
        OPERATIONS.append(cls)

    def __init__(self, args: Sequence[Node], *fields: Any) -> None:
        self.args = tuple(args)
        for name, value in zip(self.__slots__, fields, strict=True):
            setattr(self, name, value)
        self.shape, self.batched = self.infer()

    def infer(self) -> tuple[Shape, bool]:
        """The shape, and whether it is batched."""
        raise NotImplementedError  # abstract: each operation has its shape rule

    def simpler(self, graph: Graph) -> Node | None:
        """An equal node that is cheaper, if there is one."""
        return None

    @property
    def fields(self) -> list[Any]:
        return [getattr(self, name) for name in self.__slots__]

    @property
    def key(self) -> Any:
        """Equal for two nodes exactly if they compute the same."""
        return (type(self), *[arg.number for arg in self.args], *map(_hashable, self.fields))

    @property
    def size(self) -> int:
        return math.prod(self.shape)

    @property
    def is_number(self) -> bool:
        """Whether it is a single number for all examples."""
        return self.shape == (1,) and not self.batched

    @property
    def scalar(self) -> float | None:
        """The number of a constant of size 1, otherwise None."""
        return float(self.data.flat[0]) if isinstance(self, Constant) and self.data.size == 1 else None

    @property
    def source(self) -> Node:
        """The node that has the numbers: for a gather its operand."""
        return self.args[0] if isinstance(self, Gather) else self

    def __repr__(self) -> str:
        told = [f"n{arg.number}" for arg in self.args]
        for name, field in zip(self.__slots__, self.fields):
            if isinstance(field, (str, int)):
                told.append(f"{name}={field}")
            elif isinstance(field, Primitive):
                told.append(field.name)
            elif isinstance(field, np.ndarray) and field.size <= 8:
                told.append(f"{name}={field.tolist()}")
        shape = " x ".join(map(str, [*self.shape, *["B"] * self.batched]))
        return f"n{self.number}: {type(self).__name__}({', '.join(told)})  {shape}"

    @staticmethod
    def __primitive__(row: Primitive, args: tuple[Any, ...]) -> Any:
        listed = [each for arg in args for each in (arg if isinstance(arg, (list, tuple)) else [arg])]
        graph: Graph = next(each.graph for each in listed if isinstance(each, Node))
        return graph.rule(row, args)


def fingerprint(outputs: Sequence[Node]) -> str:
    """A digest that two programs share if they compute the same, in any process."""
    digest, position = hashlib.sha256(), dict[Node, int]()
    for node in ancestry(outputs):
        position[node] = len(position)
        operands = [position[arg] for arg in node.args]
        fields = [field.name if isinstance(field, Primitive) else _hashable(field) for field in node.fields]
        digest.update(repr((type(node).__name__, operands, node.shape, node.batched, fields)).encode())
    digest.update(repr([position[output] for output in outputs]).encode())
    return digest.hexdigest()


def _hashable(field: Any) -> Any:
    if isinstance(field, np.ndarray):
        return field.shape, field.tobytes()
    return tuple(map(_hashable, field)) if isinstance(field, (list, tuple)) else field


def applies(node: Node, *rows: Primitive) -> bool:
    """Whether a node applies one of these rows of the table."""
    return isinstance(node, Apply) and node.row in rows


# --- operations: leaves


class Parameters(Node):
    """The parameters (P,)."""

    __slots__ = ("count",)
    count: int

    def infer(self) -> tuple[Shape, bool]:
        return (self.count,), False


class Inputs(Node):
    """The inputs (I,) of each example."""

    __slots__ = ("count",)
    count: int

    def infer(self) -> tuple[Shape, bool]:
        return (self.count,), True


class Symbol(Node):
    """A number that each call sets, (1,).

    "cotangent" is the adjoint of each example's output, "total_cotangent" its sum over the batch,
    "batch_size" B, and "rate" the learning rate of an update.
    """

    __slots__ = ("name",)
    name: str

    def infer(self) -> tuple[Shape, bool]:
        return (1,), False


class Constant(Node):
    """Numbers that are known."""

    __slots__ = ("data",)
    data: Array

    def infer(self) -> tuple[Shape, bool]:
        return self.data.shape, False


# --- operations: the table


class Apply(Node):
    """A row of the table, elementwise; operands broadcast against each other.

    A sequence of the row is the first axis of an operand.
    """

    __slots__ = ("row",)
    row: Primitive

    def infer(self) -> tuple[Shape, bool]:
        shapes = [arg.shape[1:] if i in self.row.vectors else arg.shape for i, arg in enumerate(self.args)]
        return np.broadcast_shapes(*shapes), any(arg.batched for arg in self.args)

    def simpler(self, graph: Graph) -> Node | None:
        row, args = self.row, self.args
        known = [arg.data for arg in args if isinstance(arg, Constant)]
        if len(known) == len(args):
            with np.errstate(all="ignore"):
                return graph.constant(row.array(*known))
        if row is MUL:
            a, b = args
            if a.scalar == 1.0 or b.scalar == 1.0:
                return b if a.scalar == 1.0 else a
            if a.scalar == -1.0 or b.scalar == -1.0:
                return graph.apply(NEG, [b if a.scalar == -1.0 else a])
            if b.is_number and not a.is_number:
                return graph.apply(MUL, [b, a])
            if a.is_number and applies(b, MUL) and b.args[0].is_number:
                return graph.apply(MUL, [graph.apply(MUL, [a, b.args[0]]), b.args[1]])
        elif row is ADD and args[0] is args[1]:
            return graph.apply(MUL, [graph.constant(2.0), args[0]])
        elif row is NEG and applies(args[0], NEG):
            return args[0].args[0]
        elif row in (POW, POWER) or (row is MONOMIAL and args[2].scalar is not None):
            return _integer_power(graph, row, args)
        return None


def _integer_power(graph: Graph, row: Primitive, args: Sequence[Node]) -> Node | None:
    """A power with a small whole exponent, or c · aⁿ⁻ᵏ, as products."""
    c, (a, n), k = (args[0], args[1:3], args[3].scalar) if row is MONOMIAL else (None, args, 0.0)
    if n.scalar is None or k is None:
        return None
    if c is None and n.scalar == 0.0:  # 1, but its derivative is 0 · ∂a, which is nan where ∂a is infinite
        return None
    exponent = n.scalar - k
    if exponent not in (-2.0, -1.0, 0.0, 1.0, 2.0, 3.0) or exponent + k != n.scalar:  # it was rounded
        return None
    if c is not None and k > 0.0 and not c.scalar:  # it is 0 where c is 0, whatever a is
        return None
    factor: Any = graph.constant(1.0) if c is None else c
    if exponent < 0:
        return graph.node(functools.reduce(operator.truediv, [a] * -int(exponent), factor))
    if exponent == 0:
        return graph.node(factor)
    power: Any = functools.reduce(operator.mul, [a] * int(exponent))
    return graph.node(factor * power)


class Fused(Node):
    """A row for all of its arguments at once, along the first axis; see `ir.fused_rules`."""

    __slots__ = ("row",)
    row: Primitive

    def infer(self) -> tuple[Shape, bool]:
        (x,) = self.args
        return (x.shape if len(self.row.domain) > 1 else x.shape[1:]), x.batched


# --- operations: moving rows


class Gather(Node):
    """y[i] = x.flat[index[i]], in the shape of `index`."""

    __slots__ = ("index",)
    index: Indices

    def infer(self) -> tuple[Shape, bool]:
        return self.index.shape, self.args[0].batched

    def simpler(self, graph: Graph) -> Node | None:
        (x,), index = self.args, self.index
        if index.shape == x.shape and np.array_equal(index.reshape(-1), np.arange(x.size)):
            return x
        if isinstance(x, Constant):
            return graph.constant(x.data.reshape(-1)[index])
        if isinstance(x, Gather):
            return graph.gather(x.args[0], x.index.reshape(-1)[index])
        return None


class ScatterAdd(Node):
    """Zeros of the shape `rows`, with each operand added at its index."""

    __slots__ = ("indices", "rows")
    indices: list[Indices]
    rows: Shape

    def infer(self) -> tuple[Shape, bool]:
        return self.rows, any(arg.batched for arg in self.args)

    def simpler(self, graph: Graph) -> Node | None:
        """A permutation of the rows is a gather, which costs nothing."""
        if len(self.args) != 1 or self.args[0].size != self.size:
            return None
        (x,), order = self.args, self.indices[0].reshape(-1)
        if (np.bincount(order, minlength=self.size) != 1).any():
            return None
        return graph.gather(x, np.argsort(order).reshape(self.rows))

    @property
    def pieces(self) -> list[tuple[Indices, Node]]:
        return list(zip(self.indices, self.args, strict=True))


class TakeRows(Node):
    """Rows of a table (R, n) at computed indices (m,): y[j] = table[starts[j] + index[j]], (m, n).

    Each index is that of the row `take`, into the `length` rows from its start on. `Program` checks indices
    that are inputs before it runs. A back end checks all others, or refuses the program.
    """

    __slots__ = ("length", "starts")
    length: int
    starts: Indices

    def infer(self) -> tuple[Shape, bool]:
        table, index = self.args
        return (index.shape[0], table.shape[1]), table.batched or index.batched


class AddRows(Node):
    """The transpose of `TakeRows`: zeros (`rows`, n), each row of x (m, n) added where it was taken from.

    If `summed`, it is the sum over the batch.
    """

    __slots__ = ("length", "rows", "starts", "summed")
    length: int
    rows: int
    starts: Indices
    summed: bool

    def infer(self) -> tuple[Shape, bool]:
        x, index = self.args
        return (self.rows, x.shape[1]), (x.batched or index.batched) and not self.summed


class Broadcast(Node):
    """x in the shape `rows`; with `everywhere` batched."""

    __slots__ = ("everywhere", "rows")
    everywhere: bool
    rows: Shape

    def infer(self) -> tuple[Shape, bool]:
        return self.rows, self.args[0].batched or self.everywhere

    def simpler(self, graph: Graph) -> Node | None:
        (x,) = self.args
        if (x.shape, x.batched) == (self.shape, self.batched):
            return x
        if isinstance(x, Constant) and not self.everywhere:
            return graph.constant(np.broadcast_to(x.data, self.rows))
        return None


# --- operations: sums and products


class Reduce(Node):
    """The sum, maximum or minimum along an axis, which keeps the length 1.

    The minimum is over the numbers and their count K, and ignores nan.
    """

    __slots__ = ("axis", "how")
    axis: int
    how: str

    def infer(self) -> tuple[Shape, bool]:
        (x,) = self.args
        return tuple(1 if axis == self.axis else n for axis, n in enumerate(x.shape)), x.batched

    def simpler(self, graph: Graph) -> Node | None:
        (x,) = self.args
        return x if x.shape[self.axis] == 1 else None


class LeaveOneOutSum(Node):
    """yᵢ = Σ xⱼ over j ≠ i along the first axis, without a subtraction, which would lose digits."""

    __slots__ = ()

    def infer(self) -> tuple[Shape, bool]:
        return self.args[0].shape, self.args[0].batched

    def simpler(self, graph: Graph) -> Node | None:
        return graph.constant(np.zeros(self.shape)) if self.shape[0] == 1 else None


class MatMul(Node):
    """The matrix product a b of a (l, n), which is not batched, and b (n, r); of aᵀ if `transposed`."""

    __slots__ = ("transposed",)
    transposed: bool

    def infer(self) -> tuple[Shape, bool]:
        a, b = self.args
        return (a.shape[1 if self.transposed else 0], b.shape[1]), b.batched

    def simpler(self, graph: Graph) -> Node | None:
        a, b = self.args
        if a.scalar is not None:
            return graph.apply(MUL, [graph.reshape(a, (1,)), b])
        return graph.reshape(graph.scaled(a, b), self.shape) if b.size == 1 and not b.batched else None


class Outer(Node):
    """Σ a bᵀ over the batch, (l, n), of a (l, r) and b (n, r)."""

    __slots__ = ()

    def infer(self) -> tuple[Shape, bool]:
        a, b = self.args
        return (a.shape[0], b.shape[0]), False

    def simpler(self, graph: Graph) -> Node | None:
        a, b = self.args
        if a.size == 1 and not a.batched and not b.batched:
            return graph.reshape(graph.scaled(b, a), (1, b.shape[0]))
        return None


class BatchSum(Node):
    """The sum over the examples, in the shape of the operand."""

    __slots__ = ()

    def infer(self) -> tuple[Shape, bool]:
        return self.args[0].shape, False

    def simpler(self, graph: Graph) -> Node | None:
        (x,) = self.args
        if x is graph.cotangent:
            return graph.total_cotangent
        return None if x.batched else graph.apply(MUL, [x, graph.batch_size])


class Graph:
    """An array program of P parameters and I inputs, with a method for each operation.

    Attributes
    ----------
    nodes : all nodes, operands first.
    parameters, inputs : the nodes (P,) and (I,).
    cotangent, total_cotangent, batch_size, rate : the symbols, (1,) each.
    """

    GIVEN: ClassVar = ("parameters", "inputs", "cotangent", "total_cotangent", "batch_size", "rate")

    def __init__(self, parameters: int, inputs: int) -> None:
        self.nodes: list[Node] = []
        self._known: dict[Any, Node] = {}
        self.parameters = self.make(Parameters, [], parameters)
        self.inputs = self.make(Inputs, [], inputs)
        self.cotangent, self.total_cotangent, self.batch_size, self.rate = (
            self.make(Symbol, [], name) for name in self.GIVEN[2:]
        )

    def make(self, operation: type[Node], args: Sequence[Node], *fields: Any) -> Node:
        """The node of this computation: a simpler one, a known one, or a new one."""
        node = operation(args, *fields)
        simpler = node.simpler(self)
        if simpler is not None:
            return simpler
        known = self._known.setdefault(node.key, node)
        if known is node:
            node.graph, node.number = self, len(self.nodes)
            self.nodes.append(node)
        return known

    def constant(self, data: npt.ArrayLike) -> Node:
        array = np.array(data, dtype=np.float64)
        return self.make(Constant, [], array.reshape(array.shape or (1,)))

    def node(self, value: Node | npt.ArrayLike) -> Node:
        return value if isinstance(value, Node) else self.constant(value)

    def rule(self, row: Primitive, args: Sequence[Any]) -> Node:
        """A row applied to nodes and numbers, and to lists of them for sequences."""
        if not row.vectors:
            return self.apply(row, list(map(self.node, args)))
        lists: list[Any] = [
            list(map(self.node, arg)) if i in row.vectors else self.node(arg) for i, arg in enumerate(args)
        ]
        if row in (SUM, MEAN):
            (values,) = lists
            total: Any = functools.reduce(operator.add, values) if values else self.constant(0.0)
            return self.node(total if row is SUM else total / float(len(values)))
        if row is DOT:
            left, right, *bias = lists
            return self.rule(SUM, [[*map(operator.mul, left, right), *bias]])
        if row is TAKE:
            listed, index = lists
            shape = np.broadcast_shapes(index.shape, *[each.shape for each in listed])
            values = self.broadcast(self.stack(listed), (len(listed), *shape))
            table = self.gather(values, np.arange(values.size).reshape(len(listed), -1).T)
            return self.reshape(self.take_each(table, self.broadcast(index, shape)), shape)
        return self.apply(row, [self.stack(arg) if i in row.vectors else arg for i, arg in enumerate(lists)])

    def stack(self, values: Sequence[Node]) -> Node:
        """Nodes stacked along a new first axis."""
        shape = np.broadcast_shapes(*[value.shape for value in values])
        whole = [self.broadcast(value, shape) for value in values]
        index = np.arange(len(values) * math.prod(shape)).reshape(len(values), *shape)
        return self.scatter_add((len(values), *shape), list(zip(index, whole)))

    def apply(self, row: Primitive, args: Sequence[Node]) -> Node:
        return self.make(Apply, args, row)

    def find(self, row: Primitive, args: Sequence[Node]) -> Node | None:
        """The known node that applies a row to these nodes, if there is one."""
        return self._known.get(Apply(args, row).key)

    def fused(self, row: Primitive, x: Node) -> Node:
        return self.make(Fused, [x], row)

    def gather(self, x: Node, index: Indices) -> Node:
        return self.make(Gather, [x], index)

    def reshape(self, x: Node, shape: Shape) -> Node:
        return self.gather(x, np.arange(x.size).reshape(shape))

    def scatter_add(self, shape: Shape, pieces: Sequence[tuple[Indices, Node]]) -> Node:
        return self.make(ScatterAdd, [x for _, x in pieces], [index for index, _ in pieces], shape)

    def elements(self, x: Node) -> list[Node]:
        """The elements of a sequence, which is the first axis."""
        return [self.gather(x, index) for index in np.arange(x.size).reshape(x.shape)]

    def take_rows(self, table: Node, index: Node) -> Node:
        """Rows of a table (K, n), (m, n)."""
        return self.make(TakeRows, [table, index], table.shape[0], np.zeros(index.shape[0], np.intp))

    def take_each(self, table: Node, index: Node) -> Node:
        """One number of each row of a table (m, K), at an index of its own, (m, 1)."""
        m, K = table.shape
        flat = self.reshape(table, (m * K, 1))
        return self.make(TakeRows, [flat, self.reshape(index, (m,))], K, np.arange(m) * K)

    def add_rows(self, x: Node, like: TakeRows) -> Node:
        """The transpose of another node, applied to rows in its shape."""
        table, index = like.args
        summed = like.batched and not table.batched
        rows = self.broadcast(x, like.shape, everywhere=summed)
        return self.make(AddRows, [rows, index], like.length, table.shape[0], like.starts, summed)

    def broadcast(self, x: Node, shape: Shape, everywhere: bool = False) -> Node:
        return self.make(Broadcast, [x], everywhere, shape)

    def reduce_sum(self, x: Node, axis: int) -> Node:
        return self.make(Reduce, [x], axis, "sum")

    def reduce_max(self, x: Node) -> Node:
        return self.make(Reduce, [x], 0, "max")

    def reduce_min(self, x: Node) -> Node:
        return self.make(Reduce, [x], 0, "min")

    def leave_one_out_sum(self, x: Node) -> Node:
        return self.make(LeaveOneOutSum, [x])

    def matmul(self, a: Node, b: Node, transposed: bool = False) -> Node:
        return self.make(MatMul, [a, b], transposed)

    def outer(self, a: Node, b: Node) -> Node:
        return self.make(Outer, [a, b])

    def batch_sum(self, x: Node) -> Node:
        return self.make(BatchSum, [x])

    def scaled(self, x: Node, factor: Node) -> Node:
        """The rows of x, flattened, times a factor of size 1."""
        return self.apply(MUL, [self.reshape(factor, (1,)), self.reshape(x, (x.size,))])


def ancestry(nodes: Iterable[Node]) -> list[Node]:
    """The nodes and all their ancestors, operands first."""
    found: dict[int, Node] = {}
    pending = list(nodes)
    while pending:
        node = pending.pop()
        if node.number not in found:
            found[node.number] = node
            pending += node.args
    return [found[number] for number in sorted(found)]


def rewrite(outputs: Sequence[Node], rule: Callable[[Node, list[Node]], Node | None]) -> list[Node]:
    """The outputs in a new graph, where `rule` may replace nodes.

    Parameters
    ----------
    rule : takes a node and its operands in the new graph; returns its replacement, or None to keep it.
    """
    old = outputs[0].graph
    graph = Graph(old.parameters.size, old.inputs.size)
    new: dict[Node, Node] = {getattr(old, name): getattr(graph, name) for name in Graph.GIVEN}
    for node in ancestry(outputs):
        if node not in new:
            args = [new[arg] for arg in node.args]
            other = rule(node, args)
            new[node] = graph.make(type(node), args, *node.fields) if other is None else other
    return [new[output] for output in outputs]
