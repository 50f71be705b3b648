"""`Value`: a number that remembers how it was computed.

Every operation on a `Value` records a node: the row of the table, the operands, the result. The
nodes form the graph that is differentiated, drawn, explained and compiled. Operators and methods are
not written here one by one: they are made from the table.

What is not obvious:

- An operand is a `Value`, or a `Vector` where it is a sequence (the weights of a neuron): the next
  floor. So is what the rows that take sequences record.
- `_time` says when a number was set, on a clock that ticks when a leaf's `.data` changes. A node is
  stale when an operand is newer than the node itself; the sweep refuses it.
- Nodes refer only to what they were computed from, never back, so there are no reference cycles and
  a graph is freed the moment its output is.
"""

from __future__ import annotations

import dis
import functools
import itertools
import linecache
import math
import operator
import os
import sys
import threading
import traceback
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from numbers import Complex, Real
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, SupportsFloat

import numpy as np

from ..errors import AnomalyError, GraphError
from .primitives import TABLE, Primitive

__all__ = [
    "ComparisonWarning",
    "DetachedWarning",
    "Number",
    "Readings",
    "Value",
    "detect_anomaly",
    "integer",
    "is_number",
    "no_grad",
    "number",
    "peek",
    "readings",
    "warn_on_comparison",
]

Number = SupportsFloat  # int, float, bool, Decimal, Fraction, and the scalars of numpy and torch


def number(data: Any, what: str = "Value") -> float:
    """`data` as a float; a `TypeError` or `ValueError` that names `what` if it is not one real number."""
    if is_number(data):
        try:
            return float(data)
        except OverflowError:
            raise ValueError(f"{what}: an integer of {_digits(data)} digits is beyond float64") from None
    shape = f" of shape {data.shape}" if isinstance(data, np.ndarray) else ""
    hint = " (a Value is a number already: use it, or its .data)" if isinstance(data, Value) else ""
    raise TypeError(f"{what} takes a real number, got {type(data).__name__}{shape}: {data!r:.60}{hint}")


def is_number(data: Any) -> bool:
    """Whether `data` is one real number: Python's, numpy's, a Decimal or Fraction, an array without axes."""
    if type(data) in (float, int):
        return True
    dtype = getattr(data, "dtype", None)
    kind = getattr(dtype, "kind", "f")  # numpy has it, torch has not
    if kind not in "biuf" or getattr(dtype, "is_complex", False) or getattr(data, "shape", ()) != ():
        return False
    if getattr(data, "mask", False):  # numpy would make it nan
        return False
    return isinstance(data, Real) or (
        hasattr(data, "__float__") and not isinstance(data, (Value, Complex, str, bytes))
    )


def integer(data: Any, what: str, least: int, most: int | None = None) -> int:
    """`data` as an int, Python's or numpy's and not a bool; a `ValueError` that names `what` otherwise."""
    try:
        whole = None if isinstance(data, bool) else operator.index(data)
    except TypeError:
        whole = None
    if whole is None or whole < least or (most is not None and whole > most):
        bounds = f"from {least} on" if most is None else f"from {least} to {most}"
        raise ValueError(f"{what} must be a whole number {bounds}, got {data!r:.60}")
    return whole


def _digits(whole: Any) -> int:
    """How many digits an integer has; `str` refuses to write very long ones."""
    return int(math.log10(abs(whole))) + 1


# --- modes -----------------------------------------------------------------------------------------


class _Modes(threading.local):
    """What is switched on in this thread."""

    recording = True
    watching = False
    readings: Readings | None = None  # who is told of numbers that Python reads


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
def _mode(name: str, setting: Any) -> Iterator[None]:
    global _unusual
    before = getattr(_modes, name)
    counted = False
    try:  # from the first change on: an interrupt may come at any moment
        setattr(_modes, name, setting)
        with _lock:
            _unusual += 1
            counted = True
        yield
    finally:
        setattr(_modes, name, before)
        with _lock:
            _unusual -= counted


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


def recording() -> Any:
    """Within ``with recording():`` this thread records, whatever is around."""
    return _mode("recording", True)


def detect_anomaly() -> Any:
    """Within ``with detect_anomaly():`` the first value or gradient that is not finite raises.

    Raises
    ------
    AnomalyError : on leaving finite numbers: the operation, its label, its inputs, and the line of your
        program that recorded it, which is known of what was recorded within.

    Examples
    --------
    >>> from autograd import Value, detect_anomaly
    >>> with detect_anomaly():
    ...     Value(0.0, "x").log()
    Traceback (most recent call last):
        ...
    autograd.errors.AnomalyError: log gave -inf from x = 0.0, recorded at ..., line ...
    """
    return _mode("watching", True)


class ComparisonWarning(UserWarning):
    """Python read a `Value` while a graph is recorded for compilation: what came of it is frozen."""


class Readings:
    """The numbers that Python reads while a graph is recorded for compilation, and where.

    Attributes
    ----------
    leaves : only what depends on one of these counts; None for every `Value` but constants.
    error : whether a reading raises `ComparisonWarning`, or warns.
    found : what was read, each with its place in the user's program. An error may have been caught there.
    """

    def __init__(self, leaves: Iterable[Value] | None = None, error: bool = False) -> None:
        self.leaves = None if leaves is None else set(map(id, leaves))
        self.error = error
        self.found: list[str] = []

    def note(self, value: Any, reading: str) -> None:
        """Tell of a reading, by the line of the user's program that is being run."""
        frame = _users_frame()
        if frame is None or not self._counts(value):
            return
        place = frame.f_code.co_filename, frame.f_lineno
        text = f"{reading} is decided once, while the graph is recorded ({_quoted(*place)})"
        self.found.append(text)
        if self.error:
            raise ComparisonWarning(text)
        warnings.warn_explicit(text, ComparisonWarning, *place)

    @staticmethod
    def line_of(error: BaseException) -> str:
        """The line of the user's program that an error came from."""
        lines = traceback.extract_tb(error.__traceback__)
        users = [line for line in lines if not line.filename.startswith(_HERE)]
        return _quoted(users[-1].filename, users[-1].lineno) if users else ""

    def _counts(self, value: Any) -> bool:
        if self.leaves is None:
            return type(value) is not Value or not value.constant
        seen: set[int] = set()
        pending = [value]
        while pending:
            node = pending.pop()
            if id(node) in self.leaves:
                return True
            if id(node) not in seen:
                seen.add(id(node))
                pending += node.operands
        return False


def _quoted(filename: str, number: int | None) -> str:
    """A line of the user's program, with where it stands."""
    line = linecache.getline(filename, number or 0).strip()
    return f"{filename}, line {number}" + (f": {line}" if line else "")


def warn_on_comparison(error: bool = False) -> Any:
    """Within ``with warn_on_comparison():`` each `Value` that Python reads warns: compiled code reads none.

    An ``if`` on the outcome takes one branch while the graph is recorded, and that branch is all that the
    graph has. `where`, `maximum` and `minimum` are recorded whole. What counts as reading is everything that
    makes a decision or a plain number of a `Value`: ``<``, ``==``, ``in``, ``bool``, ``hash``, ``float``,
    ``int``, ``round``, ``format``, ``.data``, ``.grad``, `Value.detach`, and results under `no_grad`.

    Parameters
    ----------
    error : whether to raise the `ComparisonWarning` instead.

    Examples
    --------
    >>> from autograd import Value, warn_on_comparison
    >>> x = Value(2.0, "x")
    >>> with warn_on_comparison(error=True):
    ...     y = x if x > 0 else -x
    Traceback (most recent call last):
        ...
    autograd.engine.value.ComparisonWarning: x > 0 is decided once, while the graph is recorded (...)
    """
    return readings(Readings(error=error))


@contextmanager
def readings(told: Readings) -> Iterator[Readings]:
    """Within it, `told` is told of every number of a `Value` that this thread reads.

    A dictionary or a set asks for nothing but the hash, so hashing has to be seen. A method in Python for it
    makes every set of nodes slower (`grad` takes 1.6 times as long), so there is one only meanwhile.
    """
    global _hashes_told
    with _mode("readings", told):
        try:
            with _lock:
                _hashes_told += 1
                Value.__hash__ = _told_hash  # type: ignore[method-assign,assignment]  # see above
            yield told
        finally:
            with _lock:
                _hashes_told -= 1
                if not _hashes_told:
                    Value.__hash__ = object.__hash__  # type: ignore[method-assign,assignment]  # see above


_hashes_told = 0  # how many `readings` are on in all threads


def _told_hash(self: Value) -> int:
    told(self, "hash({0}), which a dictionary or a set asks for,")
    return object.__hash__(self)


_HERE, _ENGINE = (
    tuple(str(Path(__file__).parents[2] / package) + os.sep for package in packages)
    for packages in (("autograd", "nn"), ("autograd",))
)


def told(value: Any, reading: str, other: Any = None, but_of: tuple[str, ...] = _HERE) -> None:
    """Tell of a reading by the caller of the method that this is called in, where somebody wants to know.

    Not of callers in the files `but_of`, which know what they do: the engine looks at `.data` and hashes, and
    `nn` at hashes. Neither uses the number protocol on a `Value`. So that is always the user's, although
    ``sum(map(float, values))`` calls it from a line of the engine.
    """
    if _unusual and _modes.readings is not None and not _lies_in(but_of, sys._getframe(2)):
        described = describe(other) if type(other) is Value else f"{other!r:.60}"
        _modes.readings.note(value, reading.format(describe(value), described))


def _lies_in(folders: tuple[str, ...], frame: Any) -> bool:
    """Whether the code that is run in the frame is of these folders."""
    return bool(frame.f_code.co_filename.startswith(folders))


def peek(value: Any) -> float:
    """The number of a `Value`, or of a number, for a check that decides nothing: nobody is told."""
    return value._number if type(value) is Value else float(value)


_STANDARD = str(Path(os.__file__).parent) + os.sep, "<frozen "


class DetachedWarning(UserWarning):
    """A `Value` was made a plain number: what is computed from that has no gradient."""


_INSTEAD = {
    **{name: f"autograd.{name}" for name in TABLE},
    **dict.fromkeys(("isclose", "isfinite", "isinf", "isnan"), ""),  # they decide, as comparisons do
    "fabs": "abs(x)",
    "pow": "x**n",
    "fsum": "autograd.sum",
    "sumprod": "autograd.dot",
    "dist": "autograd.norm",
}


# Where it has been told, and under which filters. Python's own memory of it is lost whenever a library
# changes the filters for a moment, as scikit-learn does in every call.
_left: dict[Any, Any] = {}


def _tell_of_leaving() -> None:
    """Warn, once for a line of the user's program, that float() leaves the graph there."""
    reader: Any = sys._getframe(2)
    frame = _users_frame()
    text = "" if _lies_in(_HERE, reader) or frame is None else _leaving(reader.f_code, reader.f_lasti)
    while text and reader is not frame:
        if reader.f_globals.get("__name__", "").startswith(("matplotlib.", "mpl_toolkits.")):
            return  # drawing shows a number, as printing does
        reader = reader.f_back
    if text:
        place = frame.f_code.co_filename, frame.f_lineno
        text = f"a Value became a plain number in {place[0]}, line {place[1]}, and no gradient {text}"
        told_as = text if place[0].startswith("<") else place  # what is typed is always line 1
        if _left.get(told_as) is not warnings.filters:
            warnings.warn_explicit(text, DetachedWarning, *place)
            _left[told_as] = warnings.filters


@functools.lru_cache
def _leaving(code: Any, offset: int) -> str:
    """What to use instead at an instruction that makes a float of a `Value`; nothing where it may."""
    instructions: dict[int, Any] = {each.offset: each for each in dis.get_instructions(code)}
    here = instructions[offset]
    instead = "the functions of autograd"
    for each in instructions.values():  # a call and the name that is called begin at the same place
        if each is here:
            break
        if each.positions[::2] == here.positions[::2]:
            instead = _INSTEAD.get(str(each.argval).lstrip("_"), instead)  # `random` calls it _isfinite
    if here.opname.startswith("STORE_"):
        instead = "an array of dtype=object"
    if here.argrepr in ("%", "%=") or not instead:
        return ""
    return f"goes through it: use {instead} instead, or .data where the plain number is meant"


def not_watching() -> Any:
    """Within it `detect_anomaly` is off, for what is computed on the way to a result that is watched."""
    return _mode("watching", False)


def watching() -> bool:
    """Whether `detect_anomaly` is on in this thread."""
    return _unusual > 0 and _modes.watching


def told_of_result(value: Any, function: str) -> None:
    """Tell of a function that reads the graph of a `Value` and gives plain numbers."""
    if _unusual and _modes.readings is not None:
        _modes.readings.note(value, f"{function} of {describe(value)}")


# --- nodes -----------------------------------------------------------------------------------------


MANY: Any = object()  # in place of a second operand: the operands are a tuple, see Value.__slots__
DETACHED: Any = object()  # in place of the second operand of a leaf: it was computed, and cut off

_BY_PRIMITIVE = (
    "an operation of your own is added with primitive, "
    "@primitive(partials=lambda y, x: 3 * x * x) above def cube(x): return x**3"
)
_MICROGRADS = {"add": "+", "mul": "*", "sub": "-", "div": "/", "relu": "ReLU"}


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
        all backward passes since it was cleared. 0.0 until a backward pass reaches it: see `reached`.
    label : the user's name for the node, ``""`` for none.
    scope : where in a model it was recorded, such as ``layer0.neuron1``; drawings group by it.
    op : the name of the primitive that computed it, ``""`` for a leaf.
    parents : the `Value`s it was computed from, in order, repeats kept.

    It is a number to Python: ``<``, ``bool``, ``int``, ``round`` and ``format`` go by `data`, and ``%`` and
    ``//`` are recorded. Only ``==`` and ``hash`` are those of the object, so that two nodes with one number
    are two keys of a dictionary; compare ``.data`` for equal numbers. ``float(x)``, and so ``math.exp(x)``,
    leaves the graph, of which `DetachedWarning` tells.

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
    >>> x == Value(3.0), x >= 3.0
    (False, True)
    """

    # One or two operands lie in slots of their own: a tuple for each node would double what the garbage
    # collector visits. Of more operands `_left` is the tuple and `_right` is MANY; a leaf has None in
    # both, or DETACHED in `_right`. `_tag` is (label, scope, place) and stays unset on most nodes, which have
    # none of them; the place is where in the user's program it was recorded, and known if `detect_anomaly`
    # was on. `_grad` is None until a backward pass reaches the node. The number is not called `_data`, which
    # numpy's masked arrays take from whatever has one.
    __slots__ = ("_grad", "_left", "_number", "_primitive", "_right", "_tag", "_time")

    # Above numpy's scalars and below its arrays: np.float64(2) * v asks us, array * v goes elementwise.
    __array_priority__ = -1.0

    _number: float
    _left: Any
    _right: Any
    _primitive: Primitive | None
    _tag: tuple[str, str, str]
    _time: int
    _grad: float | None

    # Set by floors above: `vector`, `graph` and `copying`.
    __primitive__: ClassVar[Callable[[Primitive, tuple[Any, ...]], Any]]
    _propagate: ClassVar[Callable[[Value], None]]
    backward: ClassVar[Callable[[Value], None]]
    __deepcopy__: ClassVar[Callable[..., Any]]
    __reduce_ex__: ClassVar[Callable[..., Any]]

    if TYPE_CHECKING:  # what the table adds below, for type checkers and editors

        def __add__(self, other: Value | Number) -> Value: ...
        def __radd__(self, other: Number) -> Value: ...
        def __neg__(self) -> Value: ...
        def __lt__(self, other: Value | Number) -> bool: ...

        __sub__ = __mul__ = __truediv__ = __pow__ = __mod__ = __floordiv__ = __add__
        __rsub__ = __rmul__ = __rtruediv__ = __rpow__ = __rmod__ = __rfloordiv__ = __radd__
        __abs__ = __neg__
        __le__ = __gt__ = __ge__ = __lt__

        def exp(self) -> Value: ...
        def maximum(self, other: Value | Number) -> Value: ...
        def leaky_relu(self, slope: Value | Number = 0.01) -> Value: ...
        def elu(self, alpha: Value | Number = 1.0) -> Value: ...
        def where(self, a: Value | Number, b: Value | Number) -> Value: ...

        log = log1p = expm1 = sqrt = sin = cos = tan = asin = acos = atan = exp
        sinh = cosh = tanh = sigmoid = relu = softplus = silu = step = exp
        log2 = log10 = cbrt = square = sign = floor = ceil = asinh = acosh = atanh = exp
        erf = erfc = gelu = gelu_tanh = softsign = hardtanh = exp
        minimum = greater = hypot = atan2 = logaddexp = maximum

    def __init__(
        self, data: Number, label: str = "", scope: str = "", _children: Any = None, _op: Any = None
    ) -> None:
        self._number = data if type(data) is float else number(data)
        self._left = self._right = self._primitive = self._grad = None
        self._time = _now
        if label != "" or scope != "":
            if isinstance(label, (tuple, set, list)):
                _children = label
            else:
                self._tag = (_text("label", label), _text("scope", scope), "")
        if _children is not None or _op is not None:
            raise TypeError(f"Value takes no children: {_BY_PRIMITIVE}")

    def __init_subclass__(cls) -> None:
        raise TypeError(f"Value has no subclasses, whose results would be plain Values: {_BY_PRIMITIVE}")

    @property
    def label(self) -> str:
        return getattr(self, "_tag", _NO_TAG)[0]

    @label.setter
    def label(self, label: str) -> None:
        self._tag = (_text("label", label), *getattr(self, "_tag", _NO_TAG)[1:])

    @property
    def scope(self) -> str:
        return getattr(self, "_tag", _NO_TAG)[1]

    @scope.setter
    def scope(self, scope: str) -> None:
        label, _, place = getattr(self, "_tag", _NO_TAG)
        self._tag = (label, _text("scope", scope), place)

    @property
    def data(self) -> float:
        if _unusual:
            told(self, "{0}.data", but_of=_ENGINE)
        return self._number

    @data.setter
    def data(self, data: Number) -> None:
        if self._primitive is not None:
            raise GraphError(
                f"only a leaf's data can be set, and {describe(self)} was computed: "
                "set the data of the leaves it depends on and run the forward pass again"
            )
        self._number = data if type(data) is float else number(data, "Value.data")
        self._time = _tick()

    @property
    def grad(self) -> float:
        if _unusual:
            told(self, "{0}.grad", but_of=_ENGINE)
        return 0.0 if self._grad is None else self._grad

    @grad.setter
    def grad(self, grad: Number | None) -> None:
        self._grad = grad if type(grad) is float or grad is None else number(grad, "Value.grad")

    @property
    def reached(self) -> bool:
        """Whether it has a gradient, from a backward pass or set by hand; ``grad = None`` takes it away."""
        if _unusual:
            told(self, "{0}.reached", but_of=_ENGINE)
        return self._grad is not None

    @property
    def op(self) -> str:
        return "" if self._primitive is None else self._primitive.name

    @property
    def primitive(self) -> Primitive | None:
        """The row of the table that computed this node, ``None`` for a leaf."""
        return self._primitive

    @property
    def operands(self) -> tuple[Any, ...]:
        """The arguments of the primitive as it was called: a sequence is one operand, a `Vector`."""
        left, right = self._left, self._right
        if right is MANY:
            return left  # type: ignore[no-any-return]  # with MANY it is the tuple
        return () if left is None else (left,) if right is None else (left, right)

    @property
    def parents(self) -> tuple[Value, ...]:
        return tuple(
            itertools.chain.from_iterable(
                (operand,) if type(operand) is Value else operand.values for operand in self.operands
            )
        )

    @property
    def constant(self) -> bool:
        """Whether this leaf is a plain number that was written into an expression, such as the 2 in 2 * x."""
        return self._time < 0

    def detach(self) -> Value:
        """A new leaf with the same number, label and scope: gradients stop there."""
        told(self, "{0}.detach()")
        leaf = Value(self._number, self.label, self.scope)
        leaf._right = DETACHED
        return leaf

    def _forget(self) -> None:
        """Become a leaf: no longer know how it was computed."""
        self._left = self._primitive = None
        self._right = DETACHED

    # --- micrograd's names

    @property
    def _prev(self) -> set[Value]:
        """The set of `parents`, by the name that micrograd has for it."""
        return set(self.parents)

    @property
    def _op(self) -> str:
        """How micrograd writes the operation: ``+``, ``*``, ``**2``, ``ReLU``; `op` where it has none."""
        return f"**{self._right._number:g}" if self.op == "pow" else _MICROGRADS.get(self.op, self.op)

    @property
    def _backward(self) -> Callable[[], None]:
        """One step of the backward pass: each parent's `grad` grows by this node's share, as in micrograd."""
        return functools.partial(type(self)._propagate, self)

    @_backward.setter
    def _backward(self, function: Any) -> None:
        raise AttributeError(f"_backward of a Value cannot be set: {_BY_PRIMITIVE}")

    # --- the number protocol: by data

    __hash__ = object.__hash__

    def __eq__(self, other: object) -> Any:
        if _unusual:
            told(self, "{0} == {1}", other)
        return True if self is other else NotImplemented

    def __bool__(self) -> bool:
        if _unusual:
            told(self, "bool({0})", but_of=())
        return self._number != 0.0

    def __float__(self) -> float:
        if _unusual:
            told(self, "float({0})", but_of=())
        if self._time >= 0 and self._right is not DETACHED and _modes.recording and _modes.readings is None:
            _tell_of_leaving()
        return self._number

    def __int__(self) -> int:
        if _unusual:
            told(self, "int({0})", but_of=())
        return int(self._number)

    def __round__(self, digits: int | None = None) -> Any:
        if _unusual:
            told(self, "round({0})", but_of=())
        return round(self._number, digits)

    def rint(self) -> float:
        """The nearest whole number, a plain one: numpy asks for it in `numpy.round`."""
        if _unusual:
            told(self, "round({0})", but_of=())
        return float(np.rint(self._number))

    def __trunc__(self) -> int:
        if _unusual:
            told(self, "math.trunc({0})", but_of=())
        return math.trunc(self._number)

    def __floor__(self) -> int:
        if _unusual:
            told(self, "math.floor({0})", but_of=())
        return math.floor(self._number)

    def __ceil__(self) -> int:
        if _unusual:
            told(self, "math.ceil({0})", but_of=())
        return math.ceil(self._number)

    def __divmod__(self, other: Any) -> Any:
        return self // other, self % other

    def __rdivmod__(self, other: Any) -> Any:
        return other // self, other % self

    def __repr__(self) -> str:
        if _unusual:
            told(self, "repr({0})")
        label = f", label={self.label!r}" if self.label else ""
        return f"Value(data={self._number!r}, grad={self._grad or 0.0!r}{label})"

    def __format__(self, spec: str) -> str:
        if _unusual:
            told(self, "format({0})")
        return format(self._number, spec) if spec else repr(self)

    def __pos__(self) -> Value:
        return self

    def conjugate(self) -> Value:
        """Itself, for it is real: numpy asks for it in `numpy.std`, `numpy.var` and `numpy.vdot`."""
        return self

    def __copy__(self) -> Value:
        told(self, "a copy of {0}")
        node: Value = _new(Value)
        for name in Value.__slots__:
            if hasattr(self, name):
                setattr(node, name, getattr(self, name))
        return node


_new = object.__new__
_NO_TAG = ("", "", "")


def _text(what: str, text: Any) -> str:
    if not isinstance(text, str):
        raise TypeError(f"{what} must be a string, got {type(text).__name__}: {text!r:.60}")
    return text


def constant_leaf(data: Any) -> Value:
    """A number that was written into an expression: a leaf without a gradient of its own."""
    leaf: Value = _new(Value)
    leaf._number = data if type(data) is float else number(data, "an operation on a Value")
    leaf._left = leaf._right = leaf._primitive = leaf._grad = None
    leaf._time = -1
    return leaf


def make_node(primitive: Primitive | None, data: float, operands: tuple[Any, ...], time: int) -> Value:
    node: Value = _new(Value)
    node._number = data
    node._left = node._right = None
    if primitive is not None and not primitive.plain:
        node._left = operands
        node._right = MANY
    elif operands:
        node._left = operands[0]
        node._right = operands[1] if len(operands) == 2 else None
    node._primitive = primitive
    node._time = time
    node._grad = None
    return node


def obey_modes(node: Any) -> None:
    """Under `detect_anomaly` a node must be finite, under `no_grad` it becomes a leaf."""
    if _modes.watching:
        node._tag = ("", "", _place())
        if not math.isfinite(node._number):
            raise AnomalyError(f"{computation(node)}")
    if not _modes.recording:
        for operand in node.operands:
            told_of_result(operand, "no_grad()")
        node._forget()


def describe(node: Any) -> str:
    """How an error names a node: its label, or its operation and where it was recorded."""
    if type(node) is not Value:
        return str(node._describe())
    article = "an" if node.op[:1] in "aeio" else "a"
    name = node.label or (f"{article} {node.op} node" if node.op else "a leaf")
    return f"{name} ({node.scope})" if node.scope else name


def computation(node: Value) -> str:
    """How a node came about: the row, its result, its operands, and if it is known where."""
    place = getattr(node, "_tag", _NO_TAG)[2]
    recorded = f", recorded at {place}" if place else ""
    return f"{node.op} gave {node._number} from {_describe_operands(node.operands)}{recorded}"


def _users_frame() -> Any:
    """What is run of the user's program: the innermost frame outside this distribution and outside libraries.

    Where there is none, as in a program that is installed, the innermost outside this distribution, or None.
    """
    frame: Any = sys._getframe(1)
    outside = None
    while frame is not None:
        if not _lies_in(_HERE, frame):
            outside = outside or frame
            if not _is_library(frame.f_code.co_filename):
                return frame
        frame = frame.f_back
    return outside


def _is_library(filename: str) -> bool:
    return filename.startswith(_STANDARD) or "site-packages" in filename or "dist-packages" in filename


def _place() -> str:
    """The line of the user's program that is being run."""
    frame = _users_frame()
    return "" if frame is None else f"{frame.f_code.co_filename}, line {frame.f_lineno}"


def _describe_operands(operands: Iterable[Any]) -> str:
    shown = [
        (operand.label, operand._number) if type(operand) is Value else ("", operand.numbers())
        for operand in operands
    ]
    return ", ".join((f"{name} = " if name else "") + f"{data!r:.200}" for name, data in shown)


# --- operators and methods, from the table ---------------------------------------------------------


def _unary(row: Primitive) -> Callable[[Value], Value]:
    forward, evaluate, new = row.forward, row.evaluate, _new

    def method(self: Value) -> Value:
        try:
            data = forward(self._number)
        except (ArithmeticError, ValueError):
            data = evaluate(self._number)
        node = new(Value)
        node._number = data
        node._left = self
        node._right = None
        node._primitive = row
        node._time = _now
        node._grad = None
        if _unusual:
            obey_modes(node)
        return node

    return method


def _binary(row: Primitive) -> tuple[Callable[[Value, Any], Any], Callable[[Value, Any], Any]]:
    """The operator and its reflection, for a number on the left."""
    forward, evaluate, new = row.forward, row.evaluate, _new

    def method(self: Value, other: Any) -> Any:
        if type(other) is not Value:
            other = constant_leaf(other) if type(other) is float else _operand(other)
            if other is NotImplemented:
                return other
        try:
            data = forward(self._number, other._number)
        except (ArithmeticError, ValueError):
            data = evaluate(self._number, other._number)
        node = new(Value)  # make_node written out, here and above: the hot paths
        node._number = data
        node._left = self
        node._right = other
        node._primitive = row
        node._time = _now
        node._grad = None
        if _unusual:
            obey_modes(node)
        return node

    def reflected(self: Value, other: Any) -> Any:
        other = _operand(other)
        return other if other is NotImplemented else method(other, self)

    return method, reflected


def _operand(other: Any) -> Any:
    """A number as a constant; NotImplemented of what has operators of its own, such as arrays and Series."""
    if isinstance(other, np.ndarray):
        return NotImplemented
    try:
        return constant_leaf(other)
    except TypeError:
        if type(other).__module__ != "builtins" and any(hasattr(other, name) for name in _REFLECTED):
            return NotImplemented
        raise


_REFLECTED = [f"__r{row.method}__" for row in TABLE.values() if hasattr(operator, f"__{row.method}__")]


def _method(row: Primitive) -> Callable[..., Any]:
    def method(self: Value, *args: Any, **named: Any) -> Any:
        return row(self, *args, **named)

    return method


def _power(self: Value, exponent: Any, modulus: None = None) -> Any:
    """A constant exponent has a row of its own: the base may be negative, no logarithm is taken."""
    if modulus is not None:
        return NotImplemented
    return (_power_of_values if type(exponent) is Value else _power_of_number)(self, exponent)


def _comparison(compare: Callable[[Any, Any], bool], sign: str) -> Callable[[Value, Any], bool]:
    told_as = f"{{0}} {sign} {{1}}"

    def method(self: Value, other: Any) -> bool:
        if _unusual:
            told(self, told_as, other, but_of=())
        try:
            return compare(self._number, other._number if type(other) is Value else other)
        except TypeError:
            if is_number(other):
                return compare(self._number, float(other))
            raise TypeError(
                f"a Value is compared with real numbers and Values, got {type(other).__name__}: {other!r:.60}"
            ) from None

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
        if _row.ufunc is not None:  # np.arcsin(v) asks v for a method of numpy's name
            setattr(Value, _row.ufunc.__name__, _function)
    elif len(_row.domain) == 1:
        _attach(_operator, _unary(_row), _row.__doc__)
    else:
        for _name, _function in zip((_operator, f"__r{_row.method}__"), _binary(_row), strict=True):
            _attach(_name, _function, _row.__doc__)

_power_of_number, _ = _binary(TABLE["pow"])
_power_of_values, _reflected_power = _binary(TABLE["power"])
_attach("__pow__", _power, TABLE["pow"].__doc__)
_attach("__rpow__", _reflected_power, TABLE["power"].__doc__)
for _name, _sign in {"__lt__": "<", "__le__": "<=", "__gt__": ">", "__ge__": ">="}.items():
    _attach(_name, _comparison(getattr(operator, _name), _sign), "Compare by data.")
