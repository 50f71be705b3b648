"""`Value`: a number that remembers how it was computed, and `Vector`: a sequence of them.

Every operation on a `Value` records a node: the row of the table, the operands, the result. The
nodes form the graph that is differentiated, drawn, explained and compiled. Operators and methods are
not written here one by one: they are made from the table.

What is not obvious:

- An operand is a `Value` or a `Vector`. A `Vector` is an operand that is a sequence (the weights of a
  neuron, the outputs of a layer), shared by every node that reads it.
- A row applied to a whole `Vector` (one dot product per neuron of a layer, one activation each) is
  recorded once, packed, with its numbers and no nodes, and so are the layers of a network together
  (`Dense`). The nodes are made when somebody looks at one. They carry the numbers that recording them
  one by one would have given, to the last bit. This is what makes a network cheap to record and to
  sweep, while the graph stays scalar for all who look.
- `_time` says when a number was set, on a clock that ticks when a leaf's `.data` changes. A node is
  stale when an operand is newer than the node itself; the sweep refuses it.
- Nodes refer only to what they were computed from, never back, so there are no reference cycles and
  a graph is freed the moment its output is.
"""

from __future__ import annotations

import itertools
import operator
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from numbers import Real
from typing import TYPE_CHECKING, Any, ClassVar, SupportsFloat

import numpy as np
import numpy.typing as npt

from .errors import AnomalyError, GraphError
from .primitives import TABLE, Primitive

__all__ = ["Dense", "Number", "Value", "Vector", "detect_anomaly", "no_grad", "number"]

Number = SupportsFloat  # int, float, bool and numpy's scalars


def number(data: Any, what: str = "Value") -> float:
    """`data` as a float; a `TypeError` or `ValueError` that names `what` if it is not a real number."""
    if type(data) is int or isinstance(data, (Real, np.bool_)):
        try:
            return float(data)
        except OverflowError:
            raise ValueError(
                f"{what}: an integer of {len(str(abs(data)))} digits is beyond float64"
            ) from None
    shape = f" of shape {data.shape}" if isinstance(data, np.ndarray) else ""
    hint = " (a Value is a number already: use it, or its .data)" if isinstance(data, Value) else ""
    raise TypeError(f"{what} takes a real number, got {type(data).__name__}{shape}: {data!r:.60}{hint}")


# --- modes -----------------------------------------------------------------------------------------


Floats = npt.NDArray[np.float64]


class _Modes(threading.local):
    """What is switched on in this thread."""

    recording = True
    watching = False


_modes = _Modes()
_lock = threading.Lock()
_unusual = 0  # how many modes are on in all threads: while it is 0 recording need not look at _modes
_now = 0  # the clock of `_time`: the number of times any leaf's data was set


def _tick() -> int:
    global _now
    with _lock:
        _now += 1
        return _now


def advance(time: int) -> None:
    """Set the clock to at least `time`, for nodes that come from another process."""
    global _now
    if time > _now:
        with _lock:
            _now = max(_now, time)


@contextmanager
def _mode(name: str, setting: bool) -> Iterator[None]:
    global _unusual
    before = getattr(_modes, name)
    setattr(_modes, name, setting)
    with _lock:
        _unusual += 1
    try:
        yield
    finally:
        setattr(_modes, name, before)
        with _lock:
            _unusual -= 1


def no_grad() -> Any:
    """Within ``with no_grad():`` this thread computes without recording: results are leaves.

    Examples
    --------
    >>> from autograd import Value, no_grad
    >>> x = Value(3.0)
    >>> with no_grad():
    ...     y = x * x
    >>> y.data, y.parents
    (9.0, ())
    """
    return _mode("recording", False)


def detect_anomaly() -> Any:
    """Within ``with detect_anomaly():`` the first value or gradient that is not finite raises.

    Raises
    ------
    AnomalyError : on leaving finite numbers, with the operation, its label and its inputs.

    Examples
    --------
    >>> from autograd import Value, detect_anomaly
    >>> with detect_anomaly():
    ...     Value(0.0, "x").log()
    Traceback (most recent call last):
        ...
    autograd.errors.AnomalyError: log gave -inf from x = 0.0
    """
    return _mode("watching", True)


def not_watching() -> Any:
    """Within it `detect_anomaly` is off, for what is computed on the way to a result that is watched."""
    return _mode("watching", False)


def watching() -> bool:
    """Whether `detect_anomaly` is on in this thread."""
    return _unusual > 0 and _modes.watching


# --- nodes -----------------------------------------------------------------------------------------


MANY: Any = object()  # in place of a second operand: the operands are a tuple, see Value.__slots__


class Value:
    """A scalar in a recorded graph: a leaf made from a number, or the result of an operation.

    Parameters
    ----------
    data : a real number (Python's or numpy's); kept as float64.
    label : the name that drawings and errors show.
    scope : where in a model it belongs, such as ``layer0.neuron1``; drawings group by it.

    Attributes
    ----------
    data : the number. Setting it is for leaves: a graph recorded before the change is then stale, and
        differentiating it raises `GraphError` rather than mixing old and new numbers.
    grad : the derivative of the output of the last backward pass by this node; on a leaf, the sum over
        all backward passes since it was cleared. ``None`` until a backward pass reaches it.
    label : the user's name for the node, ``""`` for none.
    scope : where in a model it was recorded, such as ``layer0.neuron1``; drawings group by it.
    op : the name of the primitive that computed it, ``""`` for a leaf.
    parents : the `Value`s it was computed from, in order, repeats kept.

    Raises
    ------
    TypeError : if `data` is not a real number.

    Examples
    --------
    >>> from autograd import Value
    >>> x = Value(3.0, "x")
    >>> y = x * x + 2 * x
    >>> y.backward()
    >>> y.data, x.grad
    (15.0, 8.0)
    """

    # One or two operands lie in slots of their own: a tuple for each node would double what the garbage
    # collector visits. Of more operands `_left` is the tuple and `_right` is MANY; a leaf has None in
    # both. `_tag` is (label, scope) and stays unset on most nodes, which have neither.
    __slots__ = ("_data", "_left", "_primitive", "_right", "_tag", "_time", "grad")

    # Above numpy's scalars and below its arrays: np.float64(2) * v asks us, array * v goes elementwise.
    __array_priority__ = -1.0

    _data: float
    _left: Any
    _right: Any
    _primitive: Primitive | None
    _tag: tuple[str, str]
    _time: int
    grad: float | None

    backward: ClassVar[Callable[[Value], None]]  # set by `graph`, the two below by `copying`: floors above
    __deepcopy__: ClassVar[Callable[..., Any]]
    __reduce_ex__: ClassVar[Callable[..., Any]]

    if TYPE_CHECKING:  # what the table adds below, for type checkers and editors

        def __add__(self, other: Value | Number) -> Value: ...
        def __radd__(self, other: Number) -> Value: ...
        def __neg__(self) -> Value: ...
        def __lt__(self, other: Value | Number) -> bool: ...

        __sub__ = __mul__ = __truediv__ = __pow__ = __add__
        __rsub__ = __rmul__ = __rtruediv__ = __rpow__ = __radd__
        __abs__ = __neg__
        __le__ = __gt__ = __ge__ = __lt__

        def exp(self) -> Value: ...
        def maximum(self, other: Value | Number) -> Value: ...
        def leaky_relu(self, slope: Value | Number = 0.01) -> Value: ...
        def elu(self, alpha: Value | Number = 1.0) -> Value: ...
        def where(self, a: Value | Number, b: Value | Number) -> Value: ...

        log = log1p = expm1 = sqrt = sin = cos = tan = asin = acos = atan = exp
        sinh = cosh = tanh = sigmoid = relu = softplus = silu = step = exp
        minimum = greater = maximum

    def __init__(self, data: Number, label: str = "", scope: str = "") -> None:
        self._data = data if type(data) is float else number(data)
        self._left = self._right = self._primitive = None
        self._time = _now
        self.grad = None
        if label != "" or scope != "":
            self._tag = (_text("label", label), _text("scope", scope))

    @property
    def label(self) -> str:
        return getattr(self, "_tag", _NO_TAG)[0]

    @label.setter
    def label(self, label: str) -> None:
        self._tag = (_text("label", label), self.scope)

    @property
    def scope(self) -> str:
        return getattr(self, "_tag", _NO_TAG)[1]

    @scope.setter
    def scope(self, scope: str) -> None:
        self._tag = (self.label, _text("scope", scope))

    @property
    def data(self) -> float:
        return self._data

    @data.setter
    def data(self, data: Number) -> None:
        if self._primitive is not None:
            raise GraphError(
                f"only a leaf's data can be set, and {describe(self)} was computed: "
                "set the data of the leaves it depends on and run the forward pass again"
            )
        self._data = data if type(data) is float else number(data, "Value.data")
        self._time = _tick()

    @property
    def op(self) -> str:
        return "" if self._primitive is None else self._primitive.name

    @property
    def primitive(self) -> Primitive | None:
        """The row of the table that computed this node, ``None`` for a leaf."""
        return self._primitive

    @property
    def operands(self) -> tuple[Value | Vector, ...]:
        """The arguments of the primitive as it was called: a sequence is one operand, a `Vector`."""
        left, right = self._left, self._right
        if right is MANY:
            return left  # type: ignore[no-any-return]  # with MANY it is the tuple
        return () if left is None else (left,) if right is None else (left, right)

    @property
    def parents(self) -> tuple[Value, ...]:
        return tuple(
            itertools.chain.from_iterable(
                operand.values if type(operand) is Vector else (operand,) for operand in self.operands
            )
        )

    @property
    def constant(self) -> bool:
        """Whether this leaf is a plain number that was written into an expression, such as the 2 in 2 * x."""
        return self._time < 0

    def detach(self) -> Value:
        """A new leaf with the same number, label and scope: gradients stop there."""
        return Value(self._data, self.label, self.scope)

    def __float__(self) -> float:
        return self._data

    def __repr__(self) -> str:
        label = f", label={self.label!r}" if self.label else ""
        return f"Value(data={self._data!r}, grad={self.grad!r}{label})"

    def __format__(self, spec: str) -> str:
        return format(self._data, spec) if spec else repr(self)

    def __pos__(self) -> Value:
        return self

    def __copy__(self) -> Value:
        node: Value = _new(Value)
        for name in Value.__slots__:
            if hasattr(self, name):
                setattr(node, name, getattr(self, name))
        return node

    @staticmethod
    def __primitive__(primitive: Primitive, args: tuple[Any, ...]) -> Any:
        """Record `primitive` applied to `Value`s, numbers and sequences; on `Vector`s, elementwise."""
        return _record(primitive, args)


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
        "_left",
        "_numbers",
        "_primitive",
        "_results",
        "_runs",
        "_scopes",
        "_seen",
        "_time",
        "grad",
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
        elements = tuple(values)
        kinds = set(map(type, elements))
        if not kinds <= _KINDS:
            elements = tuple([value if type(value) in _KINDS else _constant(value) for value in elements])
        self._left = elements
        self._primitive = self._dense = None
        self._runs = self._results = ()
        self.nested = Vector in kinds
        self.width = len(elements[0]) if self.nested else len(elements)  # what one step row by row reads
        if self.nested and {getattr(row, "width", -1) for row in elements} != {self.width}:
            raise ValueError("a Vector of Vectors needs rows of one length, and nothing but rows")
        self.of_leaves = (
            all(row.of_leaves for row in elements) if self.nested else set(map(_get_left, elements)) <= _NONE
        )
        self._numbers: Any = []  # of a packed node None until asked for, where `_array` is at hand
        self._array: npt.NDArray[np.float64] | None = None
        self._scopes: Sequence[str] = ()
        self._seen = self._time = -1
        self.grad: Any = None

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
            _unpack(self)
        return self._left

    def __getitem__(self, index: Any) -> Any:
        return self.values[index]

    def __len__(self) -> int:
        return len(self._left) if self._primitive is None else self.width

    def __iter__(self) -> Iterator[Any]:
        return iter(self.values)

    def __repr__(self) -> str:
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
        if self._seen != _now:
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
            self._seen = _now
        if self._numbers is None:
            self._numbers = self._data.tolist()
        return self._numbers

    @property
    def _data(self) -> npt.NDArray[np.float64]:
        """The numbers as an array (n,); the rows of a matrix as its columns (m, n)."""
        if self._seen != _now:
            self.numbers()
        if self._array is None:
            self._array = np.array(self._numbers).T.copy() if self.nested else np.array(self._numbers)
        return self._array

    def adjoints(self) -> Floats:
        """Its gradients in the sweep, one for each element; a number there is the same for all."""
        return self.grad if type(self.grad) is np.ndarray else np.full(self.width, self.grad)

    __primitive__ = Value.__primitive__


_new = object.__new__
_NO_TAG = ("", "")
_dot = TABLE["dot"]
_KINDS = {Value, Vector}
_NONE = {None}
_get_left = operator.attrgetter("_left")
_get_data = operator.attrgetter("_data")
_get_time = operator.attrgetter("_time")


def _text(what: str, text: Any) -> str:
    if not isinstance(text, str):
        raise TypeError(f"{what} must be a string, got {type(text).__name__}: {text!r:.60}")
    return text


def _constant(data: Any) -> Value:
    """A number that was written into an expression: a leaf without a gradient of its own."""
    leaf: Value = _new(Value)
    leaf._data = data if type(data) is float else number(data, "an operation on a Value")
    leaf._left = leaf._right = leaf._primitive = None
    leaf._time = -1
    leaf.grad = None
    return leaf


def make_node(primitive: Primitive | None, data: float, operands: tuple[Any, ...], time: int) -> Value:
    node: Value = _new(Value)
    node._data = data
    node._left = node._right = None
    if primitive is not None and not primitive.plain:
        node._left = operands
        node._right = MANY
    elif operands:
        node._left = operands[0]
        node._right = operands[1] if len(operands) == 2 else None
    node._primitive = primitive
    node._time = time
    node.grad = None
    return node


def _obey_modes(node: Any) -> None:
    """Under `detect_anomaly` a node must be finite, under `no_grad` it becomes a leaf."""
    if _modes.watching and not np.all(np.isfinite(node._data)):
        raise AnomalyError(
            f"{node._primitive.name} gave {node._data} from {_describe_operands(node.operands)}"
        )
    if not _modes.recording:
        node._primitive = None
        if type(node) is Vector:
            node._left = tuple(map(Value, node.numbers()))
        else:
            node._left = node._right = None


def _record(primitive: Primitive, args: Iterable[Any]) -> Any:
    vectors = primitive.vectors
    operands: list[Any] = []
    runs = []  # for each operand, whether the row runs along its elements or reads it whole each time
    for position, arg in enumerate(args):
        if type(arg) is not Vector:
            if position in vectors:
                arg = Vector(arg)
            else:
                operands.append(arg if type(arg) is Value else _constant(arg))
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
    numbers = [operand._data if type(operand) is Value else operand.numbers() for operand in operands]
    node = make_node(primitive, primitive.evaluate(*numbers), tuple(operands), _now)
    if _unusual:
        _obey_modes(node)
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
    if primitive.select is not None:  # the sweep must be able to pass over single elements
        elements = [operand.values if along else operand for operand, along in zip(operands, runs)]
        return Vector([_record(primitive, row) for row in _rows(elements, runs)])
    array = numbers = None
    if primitive.exact and size > 1:
        with np.errstate(all="ignore"):
            array = primitive.array(*columns(operands, runs))
    else:
        data = [operand.numbers() if type(operand) is Vector else operand._data for operand in operands]
        numbers = _forward(primitive, data if all(runs) else list(zip(*_rows(data, runs))))
    vector = _pack(primitive, tuple(operands), runs, size)
    vector._numbers = numbers
    vector._array = array
    if _unusual:
        _obey_modes(vector)
    return vector


def _pack(primitive: Primitive, operands: tuple[Any, ...], runs: Sequence[bool], size: int) -> Vector:
    """A packed node whose numbers are still to be set."""
    vector: Vector = _new(Vector)
    vector._primitive = primitive
    vector._left = operands
    vector._runs = runs
    vector._dense = vector._numbers = vector._array = vector.grad = None
    vector._scopes = vector._results = ()
    vector._seen = vector._time = _now
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
        operand._data if along or type(operand) is Value else operand._data[:, None]
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
        if _unusual or not self._together:
            return self._one_by_one(inputs)
        if self._seen != _now:  # some leaf has changed
            self._arrays = [
                ((weights._data, () if biases is None else (biases._data,)), activation)
                for weights, biases, activation, _ in self.layers
            ]
            self._seen = _now
        results = []
        x = inputs._data
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
            of_sums = adjoint if activation is None else adjoint * activation.partials(outputs, sums)[0]
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
        if vector.grad is not None:
            unset = made.copy()
            with np.errstate(all="ignore"):
                for depth, of_outputs, of_sums, _ in self.back(vector._results, vector.adjoints()):
                    if self.layers[depth][2] is not None:
                        unset.pop().grad = of_outputs
                    unset.pop().grad = of_sums
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
        if vector.grad is not None:  # of the last backward pass
            for node, share in zip(nodes, np.broadcast_to(vector.grad, len(nodes)).tolist(), strict=True):
                node.grad = share
            vector.grad = None
        vector._left, vector._primitive = nodes, None
        if vector._scopes:
            vector.within(vector._scopes)


def describe(node: Any) -> str:
    """How an error names a node: its label, or its operation and where it was recorded."""
    if type(node) is Vector:
        scope = f" ({node._scopes[0]} ...)" if node._scopes else ""
        return (
            f"a layer of {len(node)} {node._primitive.name if node._primitive else 'gathered'} nodes{scope}"
        )
    name = node.label or (f"a {node.op} node" if node.op else "a leaf")
    return f"{name} ({node.scope})" if node.scope else name


def _describe_operands(operands: Iterable[Any]) -> str:
    shown = [operand.numbers() if type(operand) is Vector else operand._data for operand in operands]
    names = ["" if type(operand) is Vector else operand.label for operand in operands]
    return ", ".join(
        (f"{name} = " if name else "") + f"{data!r:.200}" for name, data in zip(names, shown, strict=True)
    )


# --- operators and methods, from the table ---------------------------------------------------------


def _unary(row: Primitive) -> Callable[[Value], Value]:
    forward, evaluate, new = row.forward, row.evaluate, _new

    def method(self: Value) -> Value:
        try:
            data = forward(self._data)
        except (ArithmeticError, ValueError):
            data = evaluate(self._data)
        node = new(Value)
        node._data = data
        node._left = self
        node._right = None
        node._primitive = row
        node._time = _now
        node.grad = None
        if _unusual:
            _obey_modes(node)
        return node

    return method


def _binary(row: Primitive) -> tuple[Callable[[Value, Any], Any], Callable[[Value, Any], Any]]:
    """The operator and its reflection, for a number on the left."""
    forward, evaluate, new = row.forward, row.evaluate, _new

    def method(self: Value, other: Any) -> Any:
        if type(other) is not Value:
            if isinstance(other, np.ndarray):
                return NotImplemented
            other = _constant(other)
        try:
            data = forward(self._data, other._data)
        except (ArithmeticError, ValueError):
            data = evaluate(self._data, other._data)
        node = new(Value)  # make_node written out, here and above: the hot paths
        node._data = data
        node._left = self
        node._right = other
        node._primitive = row
        node._time = _now
        node.grad = None
        if _unusual:
            _obey_modes(node)
        return node

    def reflected(self: Value, other: Any) -> Any:
        return NotImplemented if isinstance(other, np.ndarray) else method(_constant(other), self)

    return method, reflected


def _method(row: Primitive) -> Callable[..., Any]:
    def method(self: Value, *args: Any, **named: Any) -> Any:
        return row(self, *args, **named)

    return method


def _power(self: Value, exponent: Any) -> Any:
    """A constant exponent has a row of its own: the base may be negative, no logarithm is taken."""
    return (_power_of_values if type(exponent) is Value else _power_of_number)(self, exponent)


def _comparison(compare: Callable[[Any, Any], bool]) -> Callable[[Value, Any], bool]:
    def method(self: Value, other: Any) -> bool:
        return compare(self._data, other._data if type(other) is Value else other)

    return method


def _attach(name: str, function: Callable[..., Any], doc: str | None) -> None:
    function.__name__, function.__qualname__ = name, f"Value.{name}"
    function.__doc__ = (doc or "").partition("\n")[0]  # the examples stand with the function
    setattr(Value, name, function)


for _row in TABLE.values():
    _operator = f"__{_row.method}__"
    if not _row.method:
        continue
    if not hasattr(operator, _operator):
        _function = _unary(_row) if len(_row.domain) == 1 else _method(_row)
        _attach(_row.method, _function, _row.__doc__)
        if isinstance(_row.array, np.ufunc):  # np.arcsin(v) asks v for a method of numpy's name
            setattr(Value, _row.array.__name__, _function)
    elif len(_row.domain) == 1:
        _attach(_operator, _unary(_row), _row.__doc__)
    else:
        for _name, _function in zip((_operator, f"__r{_row.method}__"), _binary(_row), strict=True):
            _attach(_name, _function, _row.__doc__)

_power_of_number, _ = _binary(TABLE["pow"])
_power_of_values, _reflected_power = _binary(TABLE["power"])
_attach("__pow__", _power, TABLE["pow"].__doc__)
_attach("__rpow__", _reflected_power, TABLE["power"].__doc__)
for _name in ("__lt__", "__le__", "__gt__", "__ge__"):
    _attach(_name, _comparison(getattr(operator, _name)), "Compare by data.")
