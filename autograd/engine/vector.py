"""`Vector`: a sequence of `Value`s that is one operand, and what is recorded on it, packed.

What is not obvious:

- A `Vector` is shared by every node that reads it (the weights of a neuron, the outputs of a layer).
- A row applied to a whole `Vector` (one dot product per neuron of a layer, one activation each) is
  recorded once, packed, with its numbers and no nodes, and so are the layers of a network together
  (`Dense`). The nodes are made when somebody looks at one. They carry the numbers that recording them
  one by one would have given, to the last bit. This is what makes a network cheap to record and to
  sweep, while the graph stays scalar for all who look.
"""

from __future__ import annotations

import itertools
import operator
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ..locks import SWEEPING
from . import value as clock  # for _now and _unusual, which change
from .primitives import TABLE, Primitive
from .value import MANY, Value, constant_leaf, make_node, obey_modes

__all__ = ["Dense", "Vector"]

Floats = npt.NDArray[np.float64]


class Vector(Sequence[Any]):
    """An immutable sequence of `Value`s that is one operand of a node, shared by all that read it.

    `dot`, `sum` and their kin take any sequence; given a `Vector` they use it as it is. A function of
    one number applied to a `Vector` is applied to each element, and `dot` of a `Vector` of `Vector`s
    (the rows of a matrix) is taken row by row; the result is a `Vector`.

    Parameters
    ----------
    values : `Value`s, or numbers, which become constants; or `Vector`s of one length.

    Examples
    --------
    >>> from autograd import Value, Vector, dot, relu
    >>> weights = Vector([Vector([1.0, 2.0]), Vector([3.0, -4.0])])
    >>> hidden = relu(dot(weights, Vector([Value(1.0), 1.0])))
    >>> hidden.numbers()
    [3.0, 0.0]
    >>> hidden[0].op, hidden[0].parents[0].op
    ('relu', 'dot')
    """

    # Packed: `_primitive` over `_left`, elementwise; of a `_dense` with `_results` the last row of its last
    # layer. Otherwise `_primitive` is None and the operands are the elements.
    __slots__ = (
        "_array",
        "_dense",
        "_grad",
        "_left",
        "_numbers",
        "_primitive",
        "_results",
        "_runs",
        "_scopes",
        "_seen",
        "_time",
        "nested",
        "of_leaves",
        "width",
    )  # fmt: skip

    _left: tuple[Any, ...]
    _right = MANY
    _primitive: Primitive | None
    _runs: Sequence[bool]
    _dense: Dense | None
    _results: Sequence[Result]

    def __init__(self, values: Iterable[Any]) -> None:
        try:
            elements = tuple(values)
        except TypeError:
            raise TypeError(
                f"Vector takes a sequence of Values and numbers, got {type(values).__name__}: {values!r:.60}"
            ) from None
        kinds = set(map(type, elements))
        if not kinds <= _KINDS:
            elements = tuple([value if type(value) in _KINDS else constant_leaf(value) for value in elements])
        self._left = elements
        self._primitive = self._dense = None
        self._runs = self._results = ()
        self.nested = Vector in kinds
        self.width = len(elements[0]) if self.nested else len(elements)  # what one step row by row reads
        if self.nested and {getattr(row, "width", -1) for row in elements} != {self.width}:
            raise ValueError("a Vector of Vectors needs rows of one length, and nothing but rows")
        self.of_leaves = (
            all(row.of_leaves for row in elements)
            if self.nested
            else all(map(operator.is_, map(_get_left, elements), itertools.repeat(None)))
        )
        self._numbers: Any = []  # of a packed node None until asked for, where `_array` is at hand
        self._array: npt.NDArray[np.float64] | None = None
        self._scopes: Sequence[str] = ()
        self._seen = self._time = -1
        self._grad: Any = None

    @classmethod
    def of(cls, values: Iterable[Any]) -> Vector:
        """The values as a `Vector`, which is itself if it is one."""
        return values if type(values) is Vector else cls(values)

    @property
    def operands(self) -> tuple[Any, ...]:
        """The elements, or while they are packed the arguments of the primitive."""
        return self._left

    @property
    def values(self) -> tuple[Any, ...]:
        """The elements; looking at a packed result makes its nodes."""
        if self._primitive is not None:
            with SWEEPING:  # another thread may be looking at it too, or sweeping it
                _unpack(self)
        return self._left

    def __getitem__(self, index: Any) -> Any:
        return self.values[index]

    def __len__(self) -> int:
        return len(self._left) if self._primitive is None else self.width

    def __iter__(self) -> Iterator[Any]:
        return iter(self.values)

    def __repr__(self) -> str:
        if clock._unusual:
            clock.told(self, "repr({0})")
        return f"Vector({self.numbers()})"

    def within(self, scopes: Sequence[str]) -> Vector:
        """Itself, having noted for each element where in a model it was recorded (see `Value.scope`)."""
        if self._primitive is None and scopes:
            for value, scope in zip(self._left, scopes, strict=True):
                value.scope = scope
        self._scopes = scopes
        return self

    def numbers(self) -> Any:
        """The data of the elements, read again only when some leaf has changed."""
        if clock._unusual:
            clock.told(self, "{0}.numbers()")
        if self._seen != clock._now:
            if self._primitive is None:
                if self.nested:
                    for row in self._left:
                        row.numbers()
                newest = max(map(_get_time, self._left), default=0)
                if newest > self._time or not self._numbers:
                    self._time = newest
                    self._numbers = (
                        [row.numbers() for row in self._left]
                        if self.nested
                        else list(map(_get_data, self._left))
                    )
                    self._array = None
            self._seen = clock._now
        if self._numbers is None:
            self._numbers = self._number.tolist()
        return self._numbers

    @property
    def _number(self) -> npt.NDArray[np.float64]:
        """The numbers as an array (n,); the rows of a matrix as its columns (m, n)."""
        if self._seen != clock._now:
            self.numbers()
        if self._array is None:
            self._array = np.array(self._numbers).T.copy() if self.nested else np.array(self._numbers)
        return self._array

    def adjoints(self) -> Floats:
        """Its gradients in the sweep, one for each element; a number there is the same for all."""
        return self._grad if type(self._grad) is np.ndarray else np.full(self.width, self._grad)

    def _forget(self) -> None:
        """Become a sequence of leaves: no longer know how they were computed."""
        self._left, self._primitive = tuple(map(Value, self.numbers())), None

    def _describe(self) -> str:
        """How an error names it."""
        scope = f" ({self._scopes[0]} ...)" if self._scopes else ""
        return (
            f"a layer of {len(self)} {self._primitive.name if self._primitive else 'gathered'} nodes{scope}"
        )

    @staticmethod
    def __primitive__(primitive: Primitive, args: tuple[Any, ...]) -> Any:
        """Record `primitive` applied to `Value`s, numbers and sequences; on `Vector`s, elementwise."""
        return _record(primitive, args)


Value.__primitive__ = staticmethod(Vector.__primitive__)

_new = object.__new__
_dot = TABLE["dot"]
_KINDS = {Value, Vector}
_get_left = operator.attrgetter("_left")
_get_data = operator.attrgetter("_number")
_get_time = operator.attrgetter("_time")


def _record(primitive: Primitive, args: tuple[Any, ...]) -> Any:
    vectors = primitive.vectors
    operands: list[Any] = []
    runs = []  # for each operand, whether the row runs along its elements or reads it whole each time
    for position, arg in enumerate(args):
        if type(arg) is not Vector:
            if position in vectors:
                arg = Vector(arg)
            else:
                if isinstance(arg, np.ndarray) and arg.ndim and not vectors:  # elementwise, as operators go
                    return np.frompyfunc(primitive, len(args), 1)(*args)
                operands.append(arg if type(arg) is Value else constant_leaf(arg))
                runs.append(False)
                continue
        operands.append(arg)
        runs.append(arg.nested or position not in vectors)
        if arg.nested and position not in vectors:
            raise TypeError(
                f"{primitive.name} takes numbers or Vectors of numbers, got a Vector of Vectors: "
                "apply it row by row"
            )
    if True in runs:
        return _record_packed(primitive, operands, runs)
    numbers = [operand._number if type(operand) is Value else operand.numbers() for operand in operands]
    node = make_node(primitive, primitive.evaluate(*numbers), tuple(operands), clock._now)
    if clock._unusual:
        obey_modes(node)
    return node


def _record_packed(primitive: Primitive, operands: list[Any], runs: list[bool]) -> Vector:
    """The row applied along the elements of some operands."""
    size = -1
    for operand, along in zip(operands, runs):
        if along:
            length = len(operand._left) if operand._primitive is None else operand.width
            if size not in (-1, length):
                raise ValueError(f"{primitive.name} along Vectors needs one length, got {size} and {length}")
            size = length
    if primitive.select is not None or clock.watching():  # the single elements count then
        elements = [operand.values if along else operand for operand, along in zip(operands, runs)]
        return Vector([_record(primitive, row) for row in _rows(elements, runs)])
    array = numbers = None
    if primitive.exact and size > 1:
        with np.errstate(all="ignore"):
            array = primitive.array(*columns(operands, runs))
    else:
        data = [operand.numbers() if type(operand) is Vector else operand._number for operand in operands]
        numbers = _forward(primitive, data if all(runs) else list(zip(*_rows(data, runs))))
    vector = _pack(primitive, tuple(operands), runs, size)
    vector._numbers = numbers
    vector._array = array
    if clock._unusual:
        obey_modes(vector)
    return vector


def _pack(primitive: Primitive, operands: tuple[Any, ...], runs: Sequence[bool], size: int) -> Vector:
    """A packed node whose numbers are still to be set."""
    vector: Vector = _new(Vector)
    vector._primitive = primitive
    vector._left = operands
    vector._runs = runs
    vector._dense = vector._numbers = vector._array = vector._grad = None
    vector._scopes = vector._results = ()
    vector._seen = vector._time = clock._now
    vector.nested = vector.of_leaves = False
    vector.width = size
    return vector


def _forward(primitive: Primitive, data: list[Any]) -> list[float]:
    """The row's forward rule on each of some numbers, given as one sequence for each argument."""
    try:
        return list(map(float, map(primitive.forward, *data)))
    except (ArithmeticError, ValueError):
        return list(map(primitive.evaluate, *data))


def _rows(columns: Sequence[Any], runs: Sequence[bool]) -> Iterable[tuple[Any, ...]]:
    """Row by row: the next element of the columns that are run along, the others whole each time."""
    return zip(*[column if along else itertools.repeat(column) for column, along in zip(columns, runs)])


def columns(operands: Iterable[Any], runs: Iterable[bool]) -> list[Any]:
    """The operands of a packed node for the row's array form: sequences read whole stand as (m, 1)."""
    return [
        operand._number if along or type(operand) is Value else operand._number[:, None]
        for operand, along in zip(operands, runs)
    ]


Layer = tuple[Vector, Vector | None, Primitive | None, Sequence[str]]  # see `Dense`
Result = tuple[Floats, Floats, Floats]  # of a layer W as columns (m, n), Wx + b and f(Wx + b)


class Dense:
    """The layers of a network, aₖ = f(W aₖ₋₁ + b), recorded as one packed node.

    The results are those of one `dot` for each neuron and one activation of each, to the last bit. The
    sweep carries the adjoints of all examples back at once, by matrix products.

    Parameters
    ----------
    layers : for each layer its weights, a `Vector` of rows; its biases, a `Vector` or None; its activation,
        a row of the table with one argument, or None; and where in a model its neurons belong, a list
        of scopes (see `Value.scope`), or nothing.

    Examples
    --------
    >>> from autograd import Dense, Vector, relu
    >>> weights = Vector([Vector([1.0, 2.0]), Vector([3.0, -4.0])])
    >>> layer = Dense([(weights, None, relu, ())])
    >>> layer([1.0, 1.0])
    Vector([3.0, 0.0])

    Raises
    ------
    ValueError : if a layer has not as many weights as there are inputs, or not as many biases as neurons.
    """

    def __init__(self, layers: Iterable[Layer]) -> None:
        self.layers = list(layers)
        for number, (weights, biases, _, _) in enumerate(self.layers):
            reads = len(self.layers[number - 1][0]) if number else weights.width
            if weights.width != reads or (biases is not None and len(biases) != len(weights)):
                raise ValueError(
                    f"Dense: layer {number} has {len(weights)} rows of {weights.width} weights and "
                    f"{'no' if biases is None else len(biases)} biases, for {reads} inputs"
                )
        self._shared = [vector for layer in self.layers for vector in layer[:2] if vector is not None]
        # Of a matrix with a single row numpy adds up the products in another order.
        self._together = all(len(weights) > 1 for weights, *_ in self.layers)
        *_, last, self._scopes = self.layers[-1]
        self._last = last or _dot
        self._seen = -1

    def __call__(self, inputs: Iterable[Any]) -> Vector:
        """The outputs of the last layer, for a sequence of numbers or `Value`s."""
        inputs = Vector.of(inputs)
        if len(inputs) != self.layers[0][0].width:
            raise ValueError(f"Dense takes {self.layers[0][0].width} inputs, got {len(inputs)}")
        if clock._unusual or not self._together:
            return self._one_by_one(inputs)
        if self._seen != clock._now:  # some leaf has changed
            self._arrays = [
                ((weights._number, () if biases is None else (biases._number,)), activation)
                for weights, biases, activation, _ in self.layers
            ]
            self._seen = clock._now
        results = []
        x = inputs._number
        with np.errstate(all="ignore"):
            for (weights, bias), activation in self._arrays:
                x = sums = _dot.array(weights, x[:, None], *bias)
                if activation is not None:
                    x = (
                        activation.array(x)
                        if activation.exact
                        else np.array(_forward(activation, [x.tolist()]))
                    )
                results.append((weights, sums, x))
        vector = _pack(self._last, (inputs, *self._shared), (), len(x))
        vector._array = x
        vector._dense = self
        vector._results = results
        vector._scopes = self._scopes
        return vector

    def _one_by_one(self, x: Vector) -> Vector:
        for weights, biases, activation, scopes in self.layers:
            x = _record(_dot, (weights, x) if biases is None else (weights, x, biases)).within(scopes)
            if activation is not None:
                x = _record(activation, (x,)).within(scopes)
        return x

    def back(
        self, results: Sequence[Result], adjoint: Floats
    ) -> Iterator[tuple[int, Floats, Floats, Floats]]:
        """The chain rule from the last layer to the first, for B examples at once.

        Yields for each layer its index and the adjoints of its outputs (B, n), of its weighted sums
        (B, n) and of its inputs (B, m).
        """
        for depth in range(len(self.layers) - 1, -1, -1):
            weights, sums, outputs = results[depth]
            activation = self.layers[depth][2]
            of_sums = adjoint
            if activation is not None:
                of_sums = adjoint * activation.slopes_on_arrays(outputs, sums)[0]
            of_inputs = of_sums @ weights.T
            yield depth, adjoint, of_sums, of_inputs
            adjoint = of_inputs

    def split(self, vector: Vector) -> None:
        """Make of the packed node one for each row of each layer, with their gradients."""
        x = vector._left[0]
        made: list[Vector] = []

        def pack(row: Primitive, operands: tuple[Any, ...], numbers: Floats, scopes: Sequence[str]) -> Vector:
            packed = _pack(row, operands, [True, False, True][: len(operands)], len(numbers))
            packed._array, packed._scopes, packed._time = numbers, scopes, vector._time
            made.append(packed)
            return packed

        for (weights, biases, activation, scopes), (_, sums, outputs) in zip(self.layers, vector._results):
            x = pack(_dot, (weights, x) if biases is None else (weights, x, biases), sums, scopes)
            if activation is not None:
                x = pack(activation, (x,), outputs, scopes)
        if vector._grad is not None:
            unset = made.copy()
            with np.errstate(all="ignore"):
                for depth, of_outputs, of_sums, _ in self.back(vector._results, vector.adjoints()):
                    if self.layers[depth][2] is not None:
                        unset.pop()._grad = of_outputs
                    unset.pop()._grad = of_sums
        vector._left, vector._runs, vector._dense, vector._results = x._left, x._runs, None, ()


def _unpack(vector: Vector) -> None:
    """Make the nodes of a packed node, after those of the packed nodes it needs (a loop, no recursion)."""
    pending = [vector]
    while pending:
        vector = pending[-1]
        if vector._primitive is None:
            pending.pop()
            continue
        if vector._dense is not None:
            vector._dense.split(vector)
        needed = [
            operand
            for operand, along in zip(vector._left, vector._runs)
            if along and operand._primitive is not None
        ]
        if needed:
            pending += needed
            continue
        elements = [operand._left if along else operand for operand, along in zip(vector._left, vector._runs)]
        nodes = tuple(
            make_node(vector._primitive, data, operands, vector._time)
            for data, operands in zip(vector.numbers(), _rows(elements, vector._runs))
        )
        if vector._grad is not None:  # of the last backward pass
            for node, share in zip(nodes, np.broadcast_to(vector._grad, len(nodes)).tolist(), strict=True):
                node._grad = share
            vector._grad = None
        vector._left, vector._primitive = nodes, None
        if vector._scopes:
            vector.within(vector._scopes)
