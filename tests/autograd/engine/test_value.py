"""`Value`: operators, what a node tells about itself, modes, sequences, memory, custom rows."""

import ast
import builtins
import contextlib
import enum
import gc
import io
import logging
import math
import operator
import pickle
import random
import statistics
import struct
import sys
import threading
import warnings
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest

import autograd
from autograd import (
    ComparisonWarning,
    DetachedWarning,
    Primitive,
    Readings,
    Value,
    cos,
    detect_anomaly,
    dot,
    elu,
    engine,
    exp,
    grad,
    leaky_relu,
    logsumexp,
    maximum,
    mean,
    no_grad,
    primitive,
    readings,
    sequence,
    sin,
    softmax,
    sqrt,
    step,
    sum,
    tanh,
    warn_on_comparison,
    where,
)
from autograd.engine import kind
from autograd.engine import value as value_module
from autograd.engine.primitives import TABLE
from tests.support import reading
from tests.support.along import along


class Scalar:
    """As torch has it: an array without axes, no `numbers.Real`, with operators of its own."""

    shape = ()

    def __float__(self):
        return 2.0

    def __repr__(self):
        return "2"

    def __add__(self, other):
        return NotImplemented

    __sub__ = __mul__ = __truediv__ = __pow__ = __lt__ = __le__ = __gt__ = __ge__ = __radd__ = __add__


NUMBERS = [
    2, 2.0, True, Fraction(1, 2), np.bool_(True), np.int8(2), np.int16(2), np.int32(2), np.int64(2),
    np.uint8(2), np.uint16(2), np.uint32(2), np.uint64(2), np.float16(2), np.float32(2), np.float64(2),
    np.longdouble(2), Decimal(2), np.array(2.0), np.array(2), Scalar(),
]  # fmt: skip
OPERATORS = [operator.add, operator.sub, operator.mul, operator.truediv, operator.pow]
numbers = pytest.mark.parametrize("number", NUMBERS, ids=lambda each: f"{type(each).__name__}({each})")


# --- operators -------------------------------------------------------------------------------------


@numbers
@pytest.mark.parametrize("operate", OPERATORS)
def test_operators_take_numbers_on_either_side(operate, number):
    """A Value and any real number give a Value with the float result and the right gradient."""
    x, plain = Value(3.0), float(number)
    right, left = operate(x, number), operate(number, x)
    assert type(right) is Value
    assert type(left) is Value
    assert right.data == pytest.approx(operate(3.0, plain), rel=1e-15)
    assert left.data == pytest.approx(operate(plain, 3.0), rel=1e-15)
    h = 1e-6
    for node, f in ((right, lambda t: operate(t, plain)), (left, lambda t: operate(plain, t))):
        assert grad(node, [x])[0] == pytest.approx((f(3 + h) - f(3 - h)) / (2 * h), rel=1e-8)


class Kind:
    is_complex = True


class Complex(Scalar):
    """As torch has it: `float` of it says nothing of a part that is lost."""

    dtype = Kind()


@pytest.mark.parametrize("wrong", [1 + 2j, np.complex64(1), np.array(1j), Complex(), "1", b"1", None, [1.0]])
def test_what_is_no_real_number_is_refused_everywhere(wrong):
    x = Value(3.0)
    for use in (Value, lambda v: setattr(x, "data", v), lambda v: setattr(x, "grad", v or "none")):
        with pytest.raises(TypeError, match="takes a real number, got "):
            use(wrong)
    for operate in [*OPERATORS, operator.mod, operator.floordiv]:
        for a, b in ((x, wrong), (wrong, x)):
            if a not in ("1", b"1") or operate is not operator.mod:  # that is formatting
                with pytest.raises(TypeError, match=r"takes a real number, got |unsupported operand type"):
                    operate(a, b)
    with pytest.raises(TypeError, match="unsupported operand type"):
        pow(x, 2, 3)


@pytest.mark.parametrize("masked", [np.ma.masked, np.ma.masked_array(1.0, True)])
def test_a_masked_number_is_no_number(masked):
    for use in (Value, lambda v: setattr(Value(3.0), "data", v)):
        with pytest.raises(TypeError, match="takes a real number, got Masked"):
            use(masked)
    assert Value(np.ma.masked_array(1.0, False)).data == 1.0


@numbers
@pytest.mark.parametrize("compare", [operator.lt, operator.le, operator.gt, operator.ge])
def test_comparisons_are_by_data(compare, number):
    for data in (1.0, 0.5, 2.0, 3.0):
        x = Value(data)
        assert bool(compare(x, number)) is compare(data, float(number))
        assert bool(compare(number, x)) is compare(float(number), data)
        assert compare(x, Value(float(number))) is compare(data, float(number))


def in_percent(v):
    return "%s %.3e" % ("at", v)  # noqa: UP031  # it is what is tried


@pytest.mark.parametrize("data", [2.7, -2.5, 0.0, -0.0, 1e300, 5e-324, 3.0])
def test_python_reads_the_number(data):
    """Whatever makes a plain number, a truth value or text of a float does so of a Value, silently."""
    x = Value(data)
    for read in (
        bool, int, round, math.floor, math.ceil, math.trunc, lambda v: round(v, 1), lambda v: round(v, None),
        lambda v: f"{v:+.3f}", lambda v: b"%.3f" % v, in_percent,
        lambda v: v and 5, lambda v: v or 5, lambda v: not v, lambda v: any([v]), lambda v: v > 1,
    ):  # fmt: skip
        got = read(x)
        assert (got.data if got is x else got) == read(data)
    assert bool(Value(math.nan))
    with pytest.raises(ValueError, match="cannot convert float NaN to integer"):
        int(Value(math.nan))


class Elementwise:
    """As a pandas Series: it has operators of its own, and takes a Value for one of its elements."""

    def __init__(self, *items):
        self.items = items

    def __radd__(self, other):
        return Elementwise(*[other + item for item in self.items])

    __rmul__ = __rsub__ = __rtruediv__ = __rpow__ = __radd__

    def __gt__(self, other):
        return [other < item for item in self.items]


@pytest.mark.parametrize("operate", OPERATORS)
def test_what_has_operators_of_its_own_decides(operate):
    got = operate(Value(3.0), Elementwise(1.0, Value(2.0)))
    assert [item.data for item in got.items] == [4.0, 5.0]
    assert (Value(3.0) < Elementwise(2.0, 4.0)) == [False, True]
    with pytest.raises(TypeError, match="an operation on a Value takes a real number, got list"):
        operate(Value(3.0), [1.0])


@pytest.mark.parametrize("own", OPERATORS)
@pytest.mark.parametrize("operate", OPERATORS)
def test_what_has_one_operator_of_its_own_decides_that_one(operate, own):
    """As a vector, which takes a factor and no summand."""
    other = type("Other", (), {f"__r{own.__name__}__": lambda self, value: "taken"})()
    if operate is own:
        assert operate(Value(3.0), other) == "taken"
    else:
        with pytest.raises(TypeError, match=r"unsupported operand type.* '[\w.]*Value' and 'Other'"):
            operate(Value(3.0), other)


def test_a_label_may_be_of_a_class_of_strings():
    """As numpy's strings are, and the members of an enumeration."""
    colour = enum.Enum("Colour", {"RED": "red"}, type=str)
    x = Value(1.0, np.str_("x"), colour.RED)
    assert (x.label, x.scope, type(x.label), type(x.scope)) == ("x", "red", str, str)
    x.label = colour.RED
    assert pickle.loads(pickle.dumps(x * x)).parents[0].label == "red"


def test_what_was_never_given_a_number_is_no_crash():
    empty = Value.__new__(Value)
    for look in (
        lambda: empty.label,
        lambda: empty + 1.0,
        lambda: empty.backward(),
        lambda: (Value(1.0) * empty).backward(),
    ):
        with contextlib.suppress(AttributeError, TypeError):
            look()


def test_leaving_the_graph_is_told_once_for_each_line():
    x = Value(2.0)
    row = np.zeros(2)
    for instead, leave in (
        ("autograd.exp", lambda: math.exp(x)),
        ("autograd.sum", lambda: math.fsum([x])),
        (r"abs\(x\)", lambda: math.fabs(x)),
        ("the functions of autograd", lambda: np.float64(x * x)),
        ("the functions of autograd", lambda: float(x + 1)),
    ):
        line = leave.__code__.co_firstlineno
        with pytest.warns(DetachedWarning, match=rf"line {line}, .*: use {instead} instead, or ") as told:
            [leave() for _ in range(3)]
        assert [(each.lineno, each.filename) for each in told] == [(line, __file__)]
    with pytest.warns(DetachedWarning, match="use an array of dtype=object instead"):
        row[0] = x * x
    for filter, count in (("default", 1), ("always", 1), ("ignore", 0)):
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter(filter)
            for _ in range(3):
                float(x)
        assert len(told) == count
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(DetachedWarning):
            float(x)


def over_lines(x):
    return (
        1.0
        + math.exp(
            x
        )
    )  # fmt: skip


WITHOUT_SOURCE = compile("import math\nmath.log(x)", "<typed>", "exec")


@pytest.mark.parametrize(
    ("instead", "leave"),
    [
        ("autograd.exp", lambda x: sum(math.exp(each) for each in [x])),
        ("autograd.log", lambda x: math.exp(math.log(x))),
        ("the functions of autograd", lambda x: math.exp(2.0) + float(x)),
        ("autograd.sin", lambda x: math.sin(x) + math.cos(x)),
        ("autograd.tanh", lambda x: f"{math.tanh(x)}"),
        ("autograd.exp", over_lines),
        ("autograd.log", lambda x: exec(WITHOUT_SOURCE, {"x": x})),
        ("autograd.sqrt", lambda x: eval("math.sqrt(x)", {"math": math, "x": x})),
    ],
)
def test_leaving_names_the_function_that_was_called(instead, leave):
    """Of several on a line the one that is given a Value; also where there is no source to look at."""
    with pytest.warns(DetachedWarning, match=f": use {instead} instead") as told:
        leave(Value(0.5))
    assert len(told) == 1


def test_leaving_is_told_once_though_libraries_change_the_filters():
    """Scikit-learn, for one, enters `catch_warnings` in every call; Python then forgets what it has told."""
    x = Value(0.5)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("default")
        for _ in range(3):
            float(x)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
    assert len(told) == 1


def test_what_is_typed_is_told_of_each_time():
    """Each input of an interactive session is line 1 of the same file."""
    typed = {"math": math, "x": Value(0.5)}
    with pytest.warns(DetachedWarning) as told:
        [exec(compile(line, "<stdin>", "single"), typed) for line in ("math.exp(x);", "math.sin(x);") * 2]
    assert [str(each.message).split("use ")[1].split()[0] for each in told] == [
        "autograd.exp",
        "autograd.sin",
    ]


@pytest.mark.parametrize(
    "leave",
    [
        lambda row: statistics.fmean(row),
        lambda row: np.gradient(np.array(row)),
        lambda row: np.vectorize(lambda v: v, otypes=[float])(row),
    ],
)
def test_a_library_that_leaves_the_graph_is_told_by_the_line_that_calls_it(leave):
    row = [Value(1.0), Value(2.0)]
    with pytest.warns(DetachedWarning) as told:
        [leave(row) for _ in range(2)]
    assert [(each.filename, each.lineno) for each in told] == [(__file__, leave.__code__.co_firstlineno)]
    with pytest.warns(ComparisonWarning) as told, warn_on_comparison():
        statistics.median([Value(1.0), Value(2.0)])
    assert {each.filename for each in told} == {__file__}


def test_deciding_and_showing_do_not_leave_the_graph():
    x = Value(0.5)
    assert math.isfinite(x)
    assert math.isclose(x, 0.5)
    assert not math.isnan(x)
    assert not math.isinf(x)
    assert random.choices("ab", weights=[x, 0.0]) == ["a"]
    assert 1.0 <= random.uniform(1.0, Value(2.0)).data <= 2.0
    shown = io.StringIO()
    log = logging.Logger("of this test")
    log.addHandler(logging.StreamHandler(shown))
    log.info("%.3f %d %s", x, x, x)
    assert shown.getvalue() == "0.500 0 Value(data=0.5, grad=0.0)\n"
    assert [float(each) for each in np.round(np.array([x, Value(1.26)]), 1)] == [0.5, 1.3]
    assert np.array2string(np.array([x]), formatter={"all": lambda v: f"{v:.2f}"}) == "[0.50]"


def test_plotting_does_not_leave_the_graph():
    figure = pytest.importorskip("matplotlib.figure", reason="matplotlib is in the extra plots").Figure()
    (line,) = figure.add_subplot().plot([Value(1.0), Value(2.0)])
    assert line.get_ydata(orig=False).tolist() == [1.0, 2.0]


def test_what_has_left_the_graph_already_is_not_told():
    x = Value(2.0)
    with no_grad():
        y = x * x
        assert float(x) == 2.0
    constant = next(parent for parent in (x + 1.0).parents if parent is not x)
    assert [float(each) for each in (y, x.detach(), constant)] == [4.0, 2.0, 1.0]
    assert math.exp(y) == math.exp(4.0)


@pytest.mark.parametrize("name", [*reading.ANYWHERE, *reading.OF_FLOATS, *reading.OF_VALUES])
@pytest.mark.filterwarnings("ignore::autograd.DetachedWarning")  # numbers are taken out on purpose
def test_every_reading_is_seen_while_a_graph_is_recorded(name):
    read = {**reading.ANYWHERE, **reading.OF_FLOATS, **reading.OF_VALUES}[name]
    x = Value(0.25, "x")
    read(x)
    reading.remembered.cache_clear()
    with (
        pytest.warns(ComparisonWarning, match=r"decided once, .* \(.*, line \d+: .*\)") as told,
        warn_on_comparison(),
    ):
        read(x)
    assert told[0].filename != value_module.__file__
    reading.remembered.cache_clear()
    with readings(Readings(error=True)) as noted, contextlib.suppress(ComparisonWarning, struct.error):
        read(x)
        assert name == "caught", "it was not told"
    assert noted.found
    reading.remembered.cache_clear()
    read(x)  # told of no more


def test_recording_and_the_engines_own_reading_are_not_told():
    x, w = Value(0.25, "x"), Value(-1.0, "w")
    with warn_on_comparison(error=True):
        y = softmax([x, w])[0] * logsumexp([x, w]) + where(step(x), abs(x), w) + x**w
        slope = grad(y, [x], create_graph=True)[0]
        assert isinstance(slope, Value)
        assert x is not w
        assert Value.label.__get__(x) == "x"
    assert hash(x) == object.__hash__(x)


def test_equality_and_hash_are_by_identity():
    """Two nodes with the same number are two nodes: they can be told apart in sets and dicts."""
    a, b = Value(1.0), Value(1.0)
    assert a == a
    assert a != b
    assert a != 1.0
    assert len({a, b, a}) == 2


def test_sorting_and_builtin_max():
    a, b, c = Value(2.0), Value(-1.0), Value(5.0)
    assert sorted([a, b, c]) == [b, a, c]
    assert max(a, b, c) is c


def test_unary_operators():
    x = Value(-2.0)
    assert (-x).data == 2.0
    assert abs(x).data == 2.0
    assert grad(-x, [x]) == [-1.0]
    assert grad(abs(x), [x]) == [-1.0]


def test_builtin_sum_and_pow():
    x = Value(3.0)
    y = builtins.sum([x, x, 1])
    assert y.data == 7.0
    assert pow(x, 2).data == 9.0


@pytest.mark.parametrize(
    ("spell", "op", "data"),
    [
        (lambda v: v + 1, "add", 3.0), (lambda v: 1 + v, "add", 3.0), (lambda v: v - 1, "sub", 1.0),
        (lambda v: 1 - v, "sub", -1.0), (lambda v: v * 3, "mul", 6.0), (lambda v: 3 * v, "mul", 6.0),
        (lambda v: v / 4, "div", 0.5), (lambda v: 4 / v, "div", 2.0), (lambda v: v**3, "pow", 8.0),
        (lambda v: 3**v, "power", 9.0), (lambda v: v**v, "power", 4.0), (lambda v: -v, "neg", -2.0),
        (lambda v: abs(v), "abs", 2.0), (lambda v: v.exp(), "exp", math.e**2),
        (lambda v: v.maximum(3), "maximum", 3.0), (lambda v: v.where(5, 6), "where", 5.0),
        (lambda v: v.leaky_relu(0.5), "leaky_relu", 2.0), (lambda v: v.elu(), "elu", 2.0),
        (lambda v: sum([v, v]), "sum", 4.0), (lambda v: dot([v, 1], [3, v]), "dot", 8.0),
    ],
)  # fmt: skip
def test_every_spelling_records_one_node(spell, op, data):
    """Each operator, method and function is one node of its row, leaf operands apart."""
    node = spell(Value(2.0))
    assert node.op == op
    assert node.primitive is TABLE[op]
    assert node.data == pytest.approx(data, rel=1e-15)
    assert all(parent.op == "" for parent in node.parents)


def test_augmented_assignment_records():
    x = Value(2.0)
    y = x
    y += 1
    y *= x
    assert (y.data, x.data) == (6.0, 2.0)
    assert grad(y, [x]) == [5.0]


# --- numpy -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("scalar", [np.float64(2), np.float32(2), np.int64(2), np.array(2.0)])
def test_a_numpy_scalar_times_a_value_is_a_value(scalar):
    v = Value(3.0)
    for result in (scalar * v, v * scalar, scalar + v, v - scalar, scalar / v, scalar**v):
        assert type(result) is Value


def test_object_arrays_go_elementwise():
    """`W @ x + b` on object arrays: values and gradients of a layer."""
    W = np.array([[Value(1.0), Value(2.0)], [Value(3.0), Value(-4.0)]])
    x = np.array([Value(0.5), Value(0.25)])
    b = np.array([Value(1.0), Value(-1.0)])
    out = W @ x + b
    assert out.dtype == object
    assert [each.data for each in out] == [2.0, -0.5]
    np.sum(out).backward()
    assert [[w.grad for w in row] for row in W] == [[0.5, 0.25], [0.5, 0.25]]
    assert [each.grad for each in x] == [4.0, -2.0]
    assert [each.grad for each in b] == [1.0, 1.0]


@pytest.mark.parametrize("operate", [operator.add, operator.sub, operator.mul])
def test_masked_arrays_go_elementwise(operate):
    """Numpy's masked arrays take the attribute `_data` of whatever has one, and its number is no node."""
    masked, x = np.ma.array([1.0, 2.0], mask=[False, True]), Value(3.0)
    for result in (operate(x, masked), operate(masked, x), operate(masked, np.array([x, x]))):
        assert result.mask.tolist() == [False, True]
        assert type(result[0]) is Value
    assert operate(x, masked)[0].data == operate(3.0, 1.0)


@pytest.mark.parametrize(
    "name",
    [name for name, row in TABLE.items() if len(row.domain) > 1 and not row.vectors],
)
def test_functions_of_several_numbers_take_arrays_in_every_place(name):
    """One argument an array, of numbers or of Values, and the others numbers or Values: elementwise."""
    row, point = TABLE[name], [0.25, 0.5, 0.75, 1.0]
    point = point[: len(row.domain)]
    for place in range(len(point)):
        for wrap in (float, Value):
            for array in (np.array([0.3, 0.6]), np.array([Value(0.3), Value(0.6)])):
                args = [wrap(number) for number in point]
                args[place] = array
                if wrap is float and array.dtype != object:
                    continue
                expected = [row(*point[:place], number, *point[place + 1 :]) for number in (0.3, 0.6)]
                result = row(*args)
                assert isinstance(result, np.ndarray)
                assert [each.data for each in result] == expected


def test_object_arrays_mix_with_float_arrays():
    v = np.array([Value(1.0), Value(2.0)])
    plain = np.array([10.0, 100.0])
    assert (v @ plain).data == 210.0
    assert [each.data for each in plain * v] == [10.0, 200.0]
    assert [each.data for each in Value(2.0) * plain] == [20.0, 200.0]
    assert [each.data for each in plain / Value(2.0)] == [5.0, 50.0]
    assert [each.data for each in v**2] == [1.0, 4.0]
    assert [bool(each) for each in v > 1.5] == [False, True]
    assert np.mean(v).data == 1.5


@pytest.mark.parametrize(
    "ufunc",
    [
        np.exp, np.log, np.log1p, np.expm1, np.sqrt, np.sin, np.cos, np.tan, np.arcsin, np.arccos, np.arctan,
        np.sinh, np.cosh, np.tanh, np.absolute, np.negative,
    ],
)  # fmt: skip
def test_numpy_functions_on_values_and_object_arrays(ufunc):
    v = Value(0.5)
    assert type(ufunc(v)) is Value
    assert ufunc(v).data == pytest.approx(float(ufunc(0.5)), rel=1e-15)
    array = ufunc(np.array([v, Value(0.25)]))
    assert [each.data for each in array] == pytest.approx(ufunc(np.array([0.5, 0.25])).tolist(), rel=1e-15)


@pytest.mark.parametrize("name", ["exp", "relu", "sigmoid", "softplus", "silu", "tanh", "elu", "leaky_relu"])
def test_functions_of_the_table_on_object_arrays(name):
    """Elementwise, with nodes of that row: also relu, whose array form would compare the objects."""
    row = TABLE[name]
    leaves = [Value(1.5), Value(0.0), Value(-2.0), Value(math.nan)]
    out = row(np.array(leaves))
    assert [each.op for each in out] == [name] * 4
    assert [each.data for each in out] == pytest.approx([row(leaf.data) for leaf in leaves], nan_ok=True)
    assert grad(out[1], [leaves[1]]) == grad(row(leaves[1]), [leaves[1]])


@pytest.mark.parametrize("name", ["exp", "relu", "sigmoid", "softplus", "tanh", "log_softmax"])
def test_functions_of_the_table_on_float_arrays_are_arrays(name):
    row, x = TABLE[name], np.array([-1.0, 0.5, 2.0])
    if row.vectors:
        got, expected = row(x, x[None, ::-1]), [row(a, [b]) for a, b in zip(x.tolist(), x[::-1].tolist())]
    else:
        got, expected = row(x), [row(a) for a in x.tolist()]
    assert isinstance(got, np.ndarray)
    assert got.tolist() == pytest.approx(expected, rel=1e-14)


# --- what a node says about itself -----------------------------------------------------------------


def test_a_leaf():
    x = Value(3, "x")
    assert (x.data, x.label, x.scope, x.op, x.parents) == (3.0, "x", "", "", ())
    assert (x.grad, x.reached) == (0.0, False)
    assert type(x.data) is float
    assert x.primitive is None
    assert not x.constant


def test_float_format_and_repr():
    x = Value(3.14159, "x")
    with no_grad():
        assert float(x) == 3.14159
    assert f"{x:.2f}" == "3.14"
    assert f"{x:8.3e}" == "3.142e+00"
    assert "3.14159" in f"{x}"
    assert repr(x) == "Value(data=3.14159, grad=0.0, label='x')"
    (x * 2).backward()
    assert repr(x) == "Value(data=3.14159, grad=2.0, label='x')"
    assert repr(Value(1.0)) == "Value(data=1.0, grad=0.0)"
    with no_grad():
        assert math.sin(x) == math.sin(3.14159)
    assert np.array([1.0, 2.0])[int(Value(1.0).data)] == 2.0


def test_parents_keep_order_and_repeats():
    x, y = Value(2.0), Value(3.0)
    assert (x * x).parents == (x, x)
    assert (x - y).parents == (x, y)
    assert sum([y, x, y]).parents == (y, x, y)
    assert dot([x, y], [y, x], x).parents == (x, y, y, x, x)
    assert dot([x], [y]).parents == (x, y)
    assert where(x > 0, x, y).parents[1:] == (x, y)
    assert elu(x, y).parents == (x, y)
    assert softmax([x, y, x])[1].parents == (y, x, x)


def test_numbers_in_an_expression_are_constants():
    x = Value(2.0)
    left, right = (5 * x).parents
    assert (left.data, left.constant, right.constant) == (5.0, True, False)
    assert [parent.constant for parent in sum([1.0, x]).parents] == [True, False]


def test_labels_and_scopes():
    x = Value(1.0, "x")
    x.scope = "layer0"
    x.label = "renamed"
    assert (x.label, x.scope) == ("renamed", "layer0")
    y = x * 2
    assert (y.label, y.scope) == ("", "")
    y.label = "y"
    assert repr(y) == "Value(data=2.0, grad=0.0, label='y')"
    assert Value(1.0, "β<{|\"'}>").label == "β<{|\"'}>"


def test_unknown_attributes_are_refused():
    """A misspelt `x.grads = 0` is an error, not a new attribute."""
    with pytest.raises(AttributeError):
        Value(1.0).grads = 0.0


def test_errors_name_a_node_in_english():
    x = Value(1.0)
    for node, name in ((x + 1.0, "an add node"), (x * x, "a mul node"), (exp(x), "an exp node")):
        with pytest.raises(autograd.GraphError, match=f"and {name} was computed"):
            node.data = 2.0


def test_detach_is_a_new_leaf_with_the_same_number():
    x = Value(3.0)
    y = x * x
    y.label = "y"
    cut = y.detach()
    assert (cut.data, cut.label, cut.parents, cut.reached) == (9.0, "y", (), False)
    z = cut * x
    z.backward()
    assert (x.grad, cut.grad, y.reached) == (9.0, 3.0, False)


# --- no_grad ---------------------------------------------------------------------------------------


def test_no_grad_computes_without_recording():
    x = Value(3.0)
    with no_grad():
        results = [
            x * x, exp(x), sum([x, x]), dot([x], [x]), x**2, 2**x, maximum(x, 1), softmax([x, x])[0],
            sum(along(exp, (x, x))), along(exp, (x, x))[1],
        ]  # fmt: skip
    for node in results:
        assert (node.parents, node.op) == ((), "")
    assert results[0].data == 9.0
    assert (x * x).parents == (x, x)


def test_no_grad_nests_and_ends_on_an_exception():
    x = Value(3.0)
    with no_grad():
        with no_grad():
            pass
        assert (x * x).parents == ()
    with pytest.raises(ZeroDivisionError), no_grad():
        raise ZeroDivisionError
    assert (x * x).parents == (x, x)


def test_a_result_under_no_grad_is_a_leaf_like_any_other():
    with no_grad():
        w = Value(3.0) * 2
    w.data = 5.0
    (w * w).backward()
    assert w.grad == 10.0


def test_no_grad_belongs_to_its_thread():
    """One thread computes without recording while another one records, both at the same time."""
    inside, seen, go_on = threading.Event(), threading.Event(), threading.Event()
    found = {}

    def quiet():
        with no_grad():
            inside.set()
            go_on.wait(10)
            found["quiet"] = (Value(2.0) * 3).parents

    thread = threading.Thread(target=quiet)
    thread.start()
    assert inside.wait(10)
    x = Value(2.0)
    y = x * 3
    with detect_anomaly():
        seen.set()
        y.backward()
    go_on.set()
    thread.join(10)
    assert found["quiet"] == ()
    assert len(y.parents) == 2
    assert x.grad == 3.0


def test_independent_graphs_in_many_threads():
    """Eight threads record and sweep at once; each gets its own right gradient."""
    results = {}

    def work(k):
        x = Value(float(k))
        for _ in range(50):
            x.grad = None
            y = x
            for _ in range(20):
                y = y * 1.01 + x
            y.backward()
        results[k] = x.grad

    threads = [threading.Thread(target=work, args=(k,)) for k in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    expected = 1.01**20 + math.fsum(1.01**i for i in range(20))
    assert results == {k: pytest.approx(expected, rel=1e-12) for k in range(8)}


# --- sequences -------------------------------------------------------------------------------------


def test_a_sequence_is_a_tuple_of_values():
    a, b = Value(1.0), Value(2.0)
    v = sequence([a, b, 3.0])
    assert type(v) is tuple
    assert v[:2] == (a, b)
    assert (v[-1].data, v[-1].constant) == (3.0, True)
    assert sequence(v) is v
    assert sequence((1.0,))[0].constant
    assert sequence(iter([])) == ()


def test_a_sequence_is_one_operand_shared_by_all():
    v = sequence([Value(1.0), Value(2.0)])
    first, second = sum(v), mean(v)
    assert first.operands[0] is v
    assert second.operands[0] is v
    assert first.parents == v
    assert dot(v, [1.0, 2.0], 0.5).operands[0] is v
    assert dot(v, [1.0, 2.0], 0.5).parents[:2] == v


def test_two_roots_over_one_layer():
    x = Value(0.5)
    layer = along(exp, (x, 2.0, x))
    first, second = sum(layer), dot(layer, [1.0, 2.0, 3.0])
    (2 * first).backward()
    one = x.grad
    assert one == pytest.approx(4 * math.exp(0.5), rel=1e-15)
    second.backward()
    assert x.grad - one == pytest.approx(4 * math.exp(0.5), rel=1e-14)
    assert [layer[0].grad, layer[2].grad] == [1.0, 3.0]


def test_elements_used_beside_their_sequence():
    """A node of a layer used by itself and through the whole: both contributions count."""
    x = Value(0.5)
    layer = along(exp, (x, x * 2))
    y = sum(layer) + layer[0] * 3 + layer[1]
    y.backward()
    assert x.grad == pytest.approx(4 * math.exp(0.5) + 2 * 2 * math.exp(1.0), rel=1e-14)
    assert layer[0].grad == 4.0


def test_an_element_that_stands_in_a_sequence_twice_counts_twice():
    x, k = Value(3.0), Value(4.0)
    pair = sequence([x, x])
    y = dot(pair, pair, k) + sum(pair) + mean(pair)
    y.backward()
    assert (x.grad, k.grad) == (4 * 3.0 + 2.0 + 1.0, 1.0)


# --- memory ----------------------------------------------------------------------------------------


def build_everything():
    x = Value(0.5)
    layer = along(tanh, along(dot, ((x, 1.0), (2.0, x)), (sequence([x, 3.0]),) * 2))
    y = sum(layer) + where(x > 0, sqrt(x), x) + softmax([x, 1.0])[0] + x**2 * sin(x) / cos(x)
    y.backward()
    grad(grad(y, [x], create_graph=True)[0], [x])
    list(layer)
    y.backward()
    return x, y


def test_a_graph_makes_no_reference_cycles():
    """With the cycle collector off, dropping the output frees every node at once."""
    build_everything()
    gc.collect()
    gc.disable()
    try:
        before = len(gc.get_objects())
        x, y = build_everything()
        del x, y
        after = len(gc.get_objects())
        assert gc.collect() == 0
        assert after <= before + 5
    finally:
        gc.enable()


def test_a_node_is_small_and_compiled_no_business_of_the_collector():
    """It is never part of a cycle, so nobody has to look for one."""
    x = Value(1.0)
    y = x * x + 2.0
    assert gc.is_tracked(y) != engine.compiled
    number = 0 if engine.compiled else sys.getsizeof(y.data)  # Python's objects hold it as an object
    assert sys.getsizeof(y) + number <= (96 if engine.compiled else 112)


def test_backward_leaves_the_collector_as_it_was():
    x = Value(1.0)
    (x * x).backward()
    assert gc.isenabled()
    gc.disable()
    try:
        (x * x).backward()
        grad(x * x, [x])
        assert not gc.isenabled()
    finally:
        gc.enable()


# --- custom rows -----------------------------------------------------------------------------------


def test_a_custom_row_with_one_partial():
    @primitive(partials=lambda y, x: 3 * x * x, domain=((-2.0, 2.0),))
    def cubed(x):
        """x³"""
        return x * x * x

    assert isinstance(cubed, Primitive)
    assert cubed.__doc__ == "x³"
    x = Value(2.0)
    y = cubed(x)
    assert (y.op, y.data, y.parents) == ("cubed", 8.0, (x,))
    second = grad(y, [x], create_graph=True)[0]
    third = grad(second, [x], create_graph=True)[0]
    assert (second.data, third.data, grad(third, [x])) == (12.0, 12.0, [6.0])
    assert cubed(2) == 8.0
    assert cubed(np.array([1.0, 2.0])).tolist() == [1.0, 8.0]
    sum([cubed(x), cubed(3.0)]).backward()
    assert x.grad == 12.0


def test_a_custom_row_of_several_arguments():
    @primitive(partials=lambda y, a, b, c: (b * c, a * c, a * b))
    def product(a, b, c):
        return a * b * c

    a, b, c = Value(2.0), Value(3.0), Value(5.0)
    product(a, b, c).backward()
    assert (a.grad, b.grad, c.grad) == (15.0, 10.0, 6.0)
    assert grad(grad(product(a, b, c), [a], create_graph=True)[0], [a, b, c]) == [0.0, 5.0, 3.0]
    assert grad(product(a, a, a), [a]) == [12.0]


def test_a_custom_row_with_constant_partials():
    @primitive((1.0, 1.0, -1.0))
    def balance(a, b, c):
        return a + b - c

    @primitive((2.0,))
    def twice(a):
        return 2 * a

    leaves = [Value(2.0), Value(3.0), Value(5.0)]
    balance(*leaves).backward()
    assert [leaf.grad for leaf in leaves] == [1.0, 1.0, -1.0]
    assert grad(twice(twice(leaves[0])), [leaves[0]]) == [4.0]


@pytest.mark.parametrize(
    "rule",
    [
        lambda y, v: ([2.0 * x for x in v],),
        lambda y, v: (tuple(2.0 * x for x in v),),
        lambda y, v: [2.0 * x for x in v],
    ],
    ids=["tuple of a list", "tuple of a tuple", "bare list"],
)
def test_a_custom_row_over_a_sequence(rule):
    """However the slopes of the one sequence are returned, each element gets its own."""

    @primitive(rule, vectors=(0,))
    def sum_of_squares(v):
        return math.fsum(x * x for x in v)

    leaves = [Value(1.0), Value(-2.0), Value(3.0)]
    y = sum_of_squares(leaves)
    assert (y.data, y.parents) == (14.0, tuple(leaves))
    y.backward()
    assert [leaf.grad for leaf in leaves] == [2.0, -4.0, 6.0]
    assert grad(y, leaves) == [2.0, -4.0, 6.0]
    first = grad(y, leaves, create_graph=True)
    assert grad(first[1], leaves) == [0.0, 2.0, 0.0]


def test_a_custom_row_of_any_number_of_arguments():
    """`*args`: none of the operands is lost."""

    @primitive(partials=lambda y, *a: tuple(2.0 * x for x in a))
    def squares(*a):
        return math.fsum(x * x for x in a)

    leaves = [Value(1.0), Value(2.0), Value(3.0)]
    y = squares(*leaves)
    assert y.parents == tuple(leaves)
    y.backward()
    assert [leaf.grad for leaf in leaves] == [2.0, 4.0, 6.0]


def test_a_custom_row_around_a_builtin():
    """`math.hypot` has no signature that Python can read."""
    hypot = primitive(lambda y, a, b: (a / y, b / y), name="hypotenuse")(math.hypot)
    a, b = Value(3.0), Value(4.0)
    hypot(a, b).backward()
    assert (a.grad, b.grad) == (0.6, 0.8)


def test_a_custom_row_obeys_the_numerics():
    """A forward rule that raises falls back to its array form; a nan stays a nan."""

    @primitive(lambda y, x: -y * y, array=lambda x: 1.0 / x)
    def inverse(x):
        return 1.0 / x

    assert inverse(Value(0.0)).data == math.inf
    assert inverse(0.0) == math.inf
    assert math.isnan(inverse(Value(math.nan)).data)


def test_type_checkers_know_every_method_of_the_table():
    """A compiled class takes no methods later on: they are named in its body, for type checkers too."""
    (body,) = [
        each.body
        for each in ast.parse((kind.HERE / "value.py").read_text()).body
        if isinstance(each, ast.ClassDef)
    ]
    names = {each.id for each in ast.walk(ast.Module(body, [])) if isinstance(each, ast.Name)}
    names |= {each.name for each in body if isinstance(each, ast.FunctionDef)}
    for row in TABLE.values():
        if row.method:
            assert row.method in names or f"__{row.method}__" in names
    for row in TABLE.values():  # np.arcsin(v) asks v for a method of numpy's name
        if row.ufunc is not None and row.method and f"__{row.method}__" not in names:
            assert hasattr(Value, row.ufunc.__name__)


def test_names_are_taken_once():
    def exp(x):
        return x

    with pytest.raises(ValueError, match=r"'exp'.*already"):
        primitive(lambda y, x: 1.0)(exp)
    with pytest.raises(TypeError, match="partials must be a function"):
        primitive(partials=None)
    assert TABLE["exp"] is autograd.exp


def test_a_function_of_numbers_takes_names():
    assert leaky_relu(-2.0, slope=0.5) == leaky_relu(x=-2.0, slope=0.5) == -1.0
    with pytest.raises(TypeError, match=r"leaky_relu\(\)"):
        leaky_relu(-2.0, incline=0.5)
