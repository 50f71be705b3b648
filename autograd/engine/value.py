"""`Value`: a number that remembers how it was computed.

Every operation on a `Value` records a node: the row of the table, the operands, the result. The
nodes form the graph that is differentiated, drawn, explained and compiled. All of them are made in one place,
`_recorded`. An operand is a `Value`, or a tuple of `Value`s where it is a sequence (the weights of a neuron),
which many nodes may share.

A node refers only to what it was computed from, never back. So there are no reference cycles, a graph is
freed the moment its output is, and the compiled class need not be known to the garbage collector.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from ..errors import GraphError
from . import copying, graph, protocol
from .anomaly import require_finite_value
from .arguments import Number, number
from .cython import cclass, freelist, no_gc
from .given import NO_CHILDREN, note_of, text
from .messages import ENGINE, describe
from .modes import modes, told_of_result
from .node import Note, current, flat, noted, renoted
from .primitive import Primitive
from .primitives import TABLE
from .readings import told
from .rule import INNER, MINUS, OVER, PLUS, RAMP, TIMES

__all__ = ["Value", "record", "sequence"]

_EXACT = 2**53  # whole numbers below it are floats
_CONSTANT = noted(-1)  # of a number that was written into an expression
ADD, SUB, MUL, DIV, NEG, ABS = (TABLE[name] for name in ("add", "sub", "mul", "div", "neg", "abs"))
MOD, FLOORDIV, POW, POWER = (TABLE[name] for name in ("mod", "floordiv", "pow", "power"))


def _method(name: str) -> Callable[..., Any]:
    """The row of that name as a method; its operands after the first are the method's arguments."""
    row = next(row for row in TABLE.values() if row.method == name)
    if row.plain and len(row.domain) == 1:
        method: Callable[..., Any] = lambda self: _recorded(row, self, None, None)  # noqa: E731  # it gets its name below
    else:
        method = lambda self, *args, **named: row(self, *args, **named)  # noqa: E731  # it gets its name below
    method.__name__, method.__qualname__ = name, f"Value.{name}"
    method.__doc__ = (row.__doc__ or "").partition("\n")[0]  # the function has the examples
    return method


_waiting: list[Any] = []  # operands of nodes whose freeing is nested too deep
_depth = 0
_DEEP = 100


@no_gc
@freelist(64)  # more were no faster in a graph of 100,000 nodes, and keep their memory
@cclass
class Value:
    """A scalar in a recorded graph: a leaf made from a number, or the result of an operation.

    Parameters
    ----------
    data : a real number (Python's or numpy's); kept as float64.
    label : the user's name for it, which drawings and errors show.
    scope : where in a model it belongs, such as ``layer0.neuron1``; drawings group by it.
    children, local_grads : for an operation of your own, its operands as `Value`s and, as numbers, the
        derivatives by them; also ``Value(data, children, local_grads)``. They serve one differentiation: for
        a second one, and for a compiled program, add a `primitive`.

    Attributes
    ----------
    data : the number. Setting it is for leaves: a graph recorded before the change is then stale, and
        differentiating it raises `GraphError` rather than mixing old and new numbers.
    grad : the derivative of the output of the last backward pass by this node; on a leaf, the sum over
        all backward passes since it was cleared. 0.0 until a backward pass reaches it: see `reached`.
    requires_grad : whether a backward pass gives it a gradient; False for a frozen leaf.
    op : the name of the primitive that computed it, ``""`` for a leaf.
    parents : the `Value`s it was computed from, in order, repeats kept.

    Python treats it as a number: ``<``, ``bool``, ``int``, ``round`` and ``format`` use `data`, and ``%`` and
    ``//`` are recorded. Only ``==`` and ``hash`` belong to the object, so that two nodes with one number are
    two keys of a dictionary; compare ``.data`` for equal numbers. ``float(x)``, and so ``math.exp(x)``,
    leaves the graph, with a `DetachedWarning`.

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

    # One or two operands lie in `_left` and `_right`: a tuple for each node would take more memory than the
    # node. More of them, or sequences, lie in a note of its own. `_mark` is the mark of the last sweep whose
    # search has entered the node, plus 1 once it is done; 0 for none, and -1 if the gradient was set by hand.
    # The number is not called `_data`, an attribute that numpy's masked arrays take from any object.
    __slots__ = ("_grad", "_left", "_mark", "_note", "_number", "_right")

    _number: float
    _grad: float
    _left: Any
    _right: Any
    _note: Note
    _mark: int

    # Above numpy's scalars and below its arrays: np.float64(2) * v asks us, array * v goes elementwise.
    __array_priority__ = -1.0

    def __init__(
        self, data: Number, label: str = "", scope: str = "", _children: Any = None, _op: Any = None, *,
        children: Any = None, local_grads: Any = None,
    ) -> None:  # fmt: skip
        if type(self) is not Value:
            raise TypeError(f"Value has no subclasses, whose results would be plain Values: {NO_CHILDREN}")
        self._number = data if type(data) is float else number(data)
        self._grad = 0.0
        self._mark = 0
        self._left = self._right = None
        self._note = current.note
        if not (label == scope == "" and _children is _op is children is local_grads is None):
            self._note = note_of(self, label, scope, children, local_grads, _children or _op)
            if self._note.row is not None:
                current.used = True
                if current.unusual:
                    _obey_modes(self)

    def backward(self) -> None:
        """Fill in `.grad` everywhere: the derivative of this node by every node that it depends on.

        Leaves add the gradient to the one they have, so clear it between steps; on all other nodes it belongs
        to this pass alone. Constants are not reached. Threads sweep one after the other, so those that share
        a graph or its leaves add up all their gradients.

        Raises
        ------
        GraphError : if a leaf's data was set after the graph was recorded; no gradient is changed then.
        AnomalyError : under `detect_anomaly`, at the first gradient that is not finite.

        Examples
        --------
        >>> from autograd import Value
        >>> x = Value(3.0)
        >>> y = x * x
        >>> (2 * y).backward()
        >>> (3 * y).backward()
        >>> x.grad
        30.0
        """
        if type(self) is not Value:
            raise TypeError(f"backward starts from one Value, got {type(self).__name__}: {self!r:.60}")
        told_of_result(self, "backward()")
        graph.backward(self)

    def __dealloc__(self) -> None:  # pragma: no cover  # compiled only; Python has its own loop
        global _depth
        if self._left is None and (self._note is None or not self._note.operands):
            return
        if _depth >= _DEEP:
            _waiting.append((self._left, self._right, self._note))
            return
        _depth += 1
        if self._left is None:
            self._note = current.note
        else:
            self._left = self._right = None
        if _depth == 1:
            while _waiting:
                _waiting.pop()
        _depth -= 1

    # --- arithmetic; a number on the left calls the reflected method; `+` and `*` are most of all programs

    def __add__(self, other: Any) -> Any:
        if type(other) is Value:
            return _recorded(ADD, self, other, None)
        return _binary(ADD, self, other)

    def __radd__(self, other: Any) -> Any:  # other + self
        return _binary(ADD, other, self)

    def __sub__(self, other: Any) -> Any:
        return _binary(SUB, self, other)

    def __rsub__(self, other: Any) -> Any:  # other - self
        return _binary(SUB, other, self)

    def __mul__(self, other: Any) -> Any:
        if type(other) is Value:
            return _recorded(MUL, self, other, None)
        return _binary(MUL, self, other)

    def __rmul__(self, other: Any) -> Any:  # other * self
        return _binary(MUL, other, self)

    def __truediv__(self, other: Any) -> Any:
        return _binary(DIV, self, other)

    def __rtruediv__(self, other: Any) -> Any:  # other / self
        return _binary(DIV, other, self)

    def __pow__(self, other: Any, modulus: Any = None) -> Any:
        """A constant exponent has a row of its own: the base may be negative, no logarithm is taken."""
        if modulus is not None:
            return NotImplemented
        return _binary(POWER if type(other) is Value else POW, self, other)

    def __rpow__(self, other: Any, modulus: Any = None) -> Any:  # other**self
        return _binary(POWER, other, self)

    def __mod__(self, other: Any) -> Any:
        return _binary(MOD, self, other)

    def __rmod__(self, other: Any) -> Any:  # other % self
        return _binary(MOD, other, self)

    def __floordiv__(self, other: Any) -> Any:
        return _binary(FLOORDIV, self, other)

    def __rfloordiv__(self, other: Any) -> Any:  # other // self
        return _binary(FLOORDIV, other, self)

    def __divmod__(self, other: Any) -> Any:
        return self // other, self % other

    def __rdivmod__(self, other: Any) -> Any:
        return other // self, other % self

    def __neg__(self) -> Value:
        return _recorded(NEG, self, None, None)

    def __abs__(self) -> Value:
        return _recorded(ABS, self, None, None)

    def __pos__(self) -> Value:
        return self

    # --- the functions of the table as methods

    exp, log, log1p, expm1, log2, log10 = map(_method, ("exp", "log", "log1p", "expm1", "log2", "log10"))
    sqrt, cbrt, square, sin, cos, tan = map(_method, ("sqrt", "cbrt", "square", "sin", "cos", "tan"))
    asin, acos, atan, sinh, cosh, tanh = map(_method, ("asin", "acos", "atan", "sinh", "cosh", "tanh"))
    asinh, acosh, atanh, erf, erfc = map(_method, ("asinh", "acosh", "atanh", "erf", "erfc"))
    sigmoid, relu, softplus, silu, gelu = map(_method, ("sigmoid", "relu", "softplus", "silu", "gelu"))
    gelu_tanh, softsign, hardtanh = map(_method, ("gelu_tanh", "softsign", "hardtanh"))
    step, sign, floor, ceil, greater = map(_method, ("step", "sign", "floor", "ceil", "greater"))
    leaky_relu, elu, maximum, minimum = map(_method, ("leaky_relu", "elu", "maximum", "minimum"))
    hypot, atan2, logaddexp, where = map(_method, ("hypot", "atan2", "logaddexp", "where"))
    arcsin, arccos, arctan = asin, acos, atan  # np.arcsin(v) asks v for a method of numpy's name
    arcsinh, arccosh, arctanh, arctan2 = asinh, acosh, atanh, atan2

    @staticmethod
    def __primitive__(row: Primitive, args: tuple[Any, ...]) -> Any:
        """Apply a row to arguments of which one is a `Value`."""
        return record(row, args)

    # --- what it is

    @property
    def operands(self) -> tuple[Any, ...]:
        """The arguments of the primitive as it was called: `Value`s, for a sequence a tuple of them."""
        left, right = self._left, self._right
        if left is None:
            return self._note.operands or ()
        return (left,) if right is None else (left, right)

    @property
    def parents(self) -> tuple[Any, ...]:
        """The `Value`s it was computed from, in order, repeats kept."""
        return flat(self.operands) if self._left is None else self.operands

    @property
    def primitive(self) -> Primitive | None:
        """The row of the table that computed this node, ``None`` for a leaf."""
        return self._note.row  # type: ignore[no-any-return]  # rows are defined above their notes

    @property
    def op(self) -> str:
        """The name of the primitive that computed it, ``""`` for a leaf."""
        return "" if self._note.row is None else self._note.row.name

    constant, reached, requires_grad = protocol.constant, protocol.reached, protocol.requires_grad
    requires_grad_ = protocol.set_requires_grad

    @property
    def label(self) -> str:
        return self._note.label

    @label.setter
    def label(self, label: str) -> None:
        self._note = renoted(self._note, text("label", label), self._note.scope, self._note.place)

    @property
    def scope(self) -> str:
        return self._note.scope

    @scope.setter
    def scope(self, scope: str) -> None:
        self._note = renoted(self._note, self._note.label, text("scope", scope), self._note.place)

    @property
    def data(self) -> float:
        if current.unusual:
            told(self, "{0}.data", but_of=ENGINE)
        return self._number

    @data.setter
    def data(self, data: Number) -> None:
        if self._note.row is not None:
            raise GraphError(
                f"only a leaf's data can be set, and {describe(self)} was computed: "
                "set the data of the leaves it depends on and run the forward pass again"
            )
        self._number = data if type(data) is float else number(data, "Value.data")
        if current.used:
            current.new_version()
        old, self._note = self._note, current.note
        if old.label or old.scope or old.operands is not None:  # labels, or that it was cut off
            self._note = noted(current.note.version, None, old.operands, old.label, old.scope)
        if old.version < -1:
            self.requires_grad_(False)

    @property
    def grad(self) -> float:
        if current.unusual:
            told(self, "{0}.grad", but_of=ENGINE)
        return self._grad

    @grad.setter
    def grad(self, grad: Number | None) -> None:
        if grad is None or (type(grad) is int and grad == 0):  # most programs clear it so
            self._grad = 0.0
        else:
            self._grad = grad if type(grad) is float else number(grad, "Value.grad")
        self._mark = 0 if grad is None else -1

    def detach(self) -> Value:
        """A new leaf with the same number, label and scope: gradients stop there."""
        told(self, "{0}.detach()")
        leaf = Value(self._number)
        leaf._note = noted(current.note.version, None, (), self.label, self.scope)
        return leaf

    # --- the number protocol, which uses the data

    def __hash__(self) -> int:
        if current.unusual:
            told(self, "hash({0}), which a dictionary or a set asks for,")
        return object.__hash__(self)

    def __eq__(self, other: object) -> Any:
        if current.unusual:
            told(self, "{0} == {1}", other)
        return True if self is other else NotImplemented

    def __lt__(self, other: Any) -> bool:
        return protocol.compared(operator.lt, "<", self, other)

    def __le__(self, other: Any) -> bool:
        return protocol.compared(operator.le, "<=", self, other)

    def __gt__(self, other: Any) -> bool:
        return protocol.compared(operator.gt, ">", self, other)

    def __ge__(self, other: Any) -> bool:
        return protocol.compared(operator.ge, ">=", self, other)

    def __bool__(self) -> bool:
        return protocol.read(self, "bool({0})") != 0.0

    def __float__(self) -> float:
        return protocol.as_float(self)

    def __int__(self) -> int:
        return int(protocol.read(self, "int({0})"))

    def __repr__(self) -> str:
        return protocol.shown(self)

    __round__, __trunc__, __format__ = protocol.rounded, protocol.truncated, protocol.formatted
    __floor__, __ceil__ = protocol.floored, protocol.ceiled
    rint, conjugate = protocol.nearest, protocol.itself  # numpy asks for methods of these names
    _children, _local_grads = protocol.children, protocol.local_grads
    _prev, _op, _backward = protocol.micrograds_prev, protocol.micrograds_op, protocol.micrograds_backward

    # --- copies

    def __copy__(self) -> Value:
        told(self, "a copy of {0}")
        return copying.copy_of(self)  # type: ignore[no-any-return]  # of whatever it is given

    def __deepcopy__(self, memo: dict[int, Any]) -> Value:
        return copying.deep_copy_of(self, memo)  # type: ignore[no-any-return]  # of whatever it is given

    def __reduce_ex__(self, protocol: Any) -> Any:
        return copying.reduced(self)


# --- recording -------------------------------------------------------------------------------------


def _recorded(row: Any, left: Any, right: Any, several: Any) -> Value:
    """A new node with one operand, two, or several: every recorded node is made here."""
    arithmetic = row.arithmetic
    if several is not None:
        y = _inner_product(several) if arithmetic == INNER else row.evaluated(graph.numbers(several))
    elif right is None:
        y = left._number
        if arithmetic != RAMP:
            y = row.evaluated((y,))
        elif y <= 0.0:
            y = 0.0
    elif arithmetic == TIMES:
        y = left._number * right._number
    elif arithmetic == PLUS:
        y = left._number + right._number
    elif arithmetic == MINUS:
        y = left._number - right._number
    elif arithmetic == OVER and right._number != 0.0:
        y = left._number / right._number
    else:
        y = row.evaluated((left._number, right._number))
    node = Value.__new__(Value)
    node._number = y
    node._grad = 0.0
    node._mark = 0
    node._left = left
    node._right = right
    if several is not None:
        node._note = noted(current.note.version, row, several)
    else:
        if row.note.version != current.note.version:
            row.renew(current.note.version)
        node._note = row.note
    current.used = True
    if current.unusual:
        _obey_modes(node)
    return node


def _obey_modes(node: Any) -> None:
    """Under `detect_anomaly` a node must be finite, under `no_grad` it becomes a leaf."""
    if modes.watching:
        require_finite_value(node)
    if not modes.recording:
        for operand in node.parents:
            told_of_result(operand, "no_grad()")
        node._left = node._right = None
        node._note = noted(current.note.version, None, ())


def _constant(data: Any) -> Value:
    """A number written into an expression: a leaf without a gradient."""
    leaf = Value.__new__(Value)
    if type(data) is int and -_EXACT < data < _EXACT:
        leaf._number = data * 1.0
    else:
        leaf._number = data if type(data) is float else number(data, "an operation on a Value")
    leaf._grad = 0.0
    leaf._mark = 0
    leaf._left = leaf._right = None
    leaf._note = _CONSTANT
    return leaf


def _binary(row: Any, left: Any, right: Any) -> Any:
    """The node, or NotImplemented if the other operand has its own operators, as arrays and Series have."""
    if type(left) is Value and type(right) is Value:
        return _recorded(row, left, right, None)
    x, y = _as_operand(left), _as_operand(right)
    return NotImplemented if x is NotImplemented or y is NotImplemented else _recorded(row, x, y, None)


def _as_operand(other: Any) -> Any:
    """A number as a constant; NotImplemented for objects with their own operators, as arrays and Series."""
    if type(other) is Value:
        return other
    if type(other) is float or type(other) is int:
        return _constant(other)
    if isinstance(other, np.ndarray):
        return NotImplemented
    try:
        return _constant(other)
    except TypeError:
        if type(other).__module__ != "builtins" and any(hasattr(other, name) for name in _REFLECTED):
            return NotImplemented
        raise


_REFLECTED = [f"__r{row.method}__" for row in TABLE.values() if hasattr(operator, f"__{row.method}__")]


def sequence(values: Any) -> tuple[Value, ...]:
    """A sequence as one operand, which many nodes may share: a tuple of `Value`s, numbers as constants.

    `dot`, `sum` and their like do this themselves; make one for operands that several of them share.

    Parameters
    ----------
    values : `Value`s and numbers; a tuple of `Value`s is returned as it is.

    Examples
    --------
    >>> from autograd import Value, dot, sequence
    >>> x = sequence([Value(2.0), 3.0])
    >>> dot([1.0, 1.0], x).data, x[1].constant
    (5.0, True)
    """
    if not hasattr(values, "__iter__"):
        raise TypeError(
            f"sequence takes a sequence of Values and numbers, got {type(values).__name__}: {values!r:.60}"
        )
    operands = values if type(values) is tuple else tuple(values)
    for each in operands:
        if type(each) is not Value:
            return tuple([one if type(one) is Value else _constant(one) for one in operands])
    return operands


def record(row: Any, args: tuple[Any, ...]) -> Any:
    """Record a row applied to `Value`s and numbers, and to sequences of them where it takes those."""
    operands: list[Any] = []
    for arg in args:
        if type(arg) is Value:
            operands.append(arg)
        elif len(operands) in row._vectors:
            operands.append(sequence(arg))
        elif isinstance(arg, np.ndarray) and arg.ndim and not row._vectors:
            return np.frompyfunc(row, len(args), 1)(*args)  # elementwise, as operators go
        else:
            operands.append(_constant(arg))
    if row.plain:
        return _recorded(row, operands[0], operands[1] if len(operands) > 1 else None, None)
    return _recorded(row, None, None, tuple(operands))


def _inner_product(operands: tuple[Any, ...]) -> float:
    """The forward value of an inner product of nodes, without lists of their numbers."""
    weights, inputs = operands[0], operands[1]
    total = 0.0
    for i in range(len(weights)):
        w, x = weights[i], inputs[i]
        total += w._number * x._number
    return total + operands[2]._number if len(operands) > 2 else total
