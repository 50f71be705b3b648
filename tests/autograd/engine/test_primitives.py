"""The table writes these tests: each row's value, partials, kinks and forms, judged by mpmath."""

import ast
import functools
import inspect
import math
import operator
import random
import re
from functools import cache
from pathlib import Path

import numpy as np
import pytest

import autograd
from autograd import GraphError, Value, grad, peek, primitive, sequence, warn_on_comparison
from autograd.engine.primitives import TABLE
from autograd.engine.replay import replay
from tests.support import oracle
from tests.support.oracle import derivative, exactly, flatten, mp, mpf

EPS = 2.0**-52
ROWS = list(TABLE.values())
rows = pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)


# --- points and tolerances -------------------------------------------------------------------------


def points(row, count=24):
    """Seeded points of the row's domain; vector arguments have lengths 1 to 4, dot's two the same."""
    choose = random.Random(row.name)
    parameters = list(inspect.signature(row.forward).parameters)
    sampled = []
    for k in range(count):
        length = 1 + k % 4

        def number(interval, k=k):
            low, high = interval
            if k % 3 == 2 and low < 0 < high:  # a third of the points near 0, on both sides
                return choose.choice([-1, 1]) * min(-low, high) * 10 ** choose.uniform(-8, 0)
            return choose.uniform(low, high)

        args = [
            [number(interval) for _ in range(length)] if position in row.vectors else number(interval)
            for position, interval in enumerate(row.domain)
        ]
        if row.name == "where":
            args[0] = float(k % 2)
        sampled.append(oracle.indexed(row, args, choose.randrange(length)))
    assert len(row.domain) <= max(len(parameters), 1), f"{row.name} has more intervals than arguments"
    return sampled


def ulps(got, exact):
    """The distance in units of the last place of the exact value."""
    return float(abs(mpf(got) - exact) / mpf(math.ulp(float(exact))))


def cancellation(name, args):
    """What rounding in float64 must be allowed for where terms cancel: the size of the terms · 2⁻⁵²."""
    if name == "dot":
        weights, inputs, *bias = args
        terms = [abs(w * x) for w, x in zip(weights, inputs, strict=True)] + [abs(b) for b in bias]
        return len(terms) * EPS * sum(terms)
    return 0.0


def spread(slopes, args):
    """A row's partials as a flat list of floats, one for each number among the arguments."""
    flat = []
    for slope, arg in zip(slopes, args, strict=True):
        if isinstance(arg, list):
            flat += np.broadcast_to(np.asarray(slope, dtype=float), len(arg)).tolist()
        else:
            flat.append(float(slope))
    return flat


def leaves_like(args):
    return [[Value(each) for each in arg] if isinstance(arg, list) else Value(arg) for arg in args]


@cache
def exact_partials(name, index):
    args = points(TABLE[name])[index]
    return [derivative(name, args, i) for i in range(len(flatten(args)))]


# --- the oracle itself -----------------------------------------------------------------------------


@rows
def test_the_oracle_agrees_with_itself(row):
    """The oracle's explicit partials are the numerical derivatives of the oracle's values."""
    entry = oracle.reference(row.name)
    for index, args in enumerate(points(row)):
        explicit = [mpf(each) for each in flatten(entry.partials(*exactly(args)))]
        for one, other in zip(explicit, exact_partials(row.name, index), strict=True):
            assert abs(one - other) <= mpf(10) ** -30 * (1 + abs(other))


# --- values ----------------------------------------------------------------------------------------


@rows
def test_value_is_within_4_ulp(row):
    entry = oracle.reference(row.name)
    for args in points(row):
        exact = entry.value(*exactly(args))
        got = row.evaluate(*args)
        assert type(got) is float
        off = abs(mpf(got) - exact)
        assert off <= 4 * math.ulp(float(exact)) + cancellation(row.name, args), (args, got, exact)


@rows
def test_recording_gives_the_forward_value_and_the_operands(row):
    for args in points(row, 8):
        leaves = leaves_like(args)
        node = row(*leaves)
        assert node.data == row.evaluate(*args)
        assert node.op == row.name
        assert list(map(id, node.parents)) == list(map(id, flatten(leaves)))


@rows
def test_array_form_agrees_with_the_forward_rule(row):
    """Many points at once, a vector argument stacked along the first axis."""
    for length in (1, 2, 3, 4):
        batch = [args for args in points(row) if all(len(a) == length for a in args if isinstance(a, list))]
        columns = [np.array(column).T for column in zip(*batch, strict=True)]
        got = np.asarray(row.array(*columns))
        assert got.shape == (len(batch),)
        for args, element in zip(batch, got.tolist(), strict=True):
            expected = row.evaluate(*args)
            if row.exact:
                assert element == expected
            terms_cancel = row.name in ("sum", "mean", "dot")
            size = max(map(abs, flatten(args))) if terms_cancel else 0.0
            assert element == pytest.approx(expected, rel=1e-13, abs=8 * EPS * size), args


SPECIAL = [0.0, -0.0, math.inf, -math.inf, math.nan, 5e-324, -5e-324, 1.7e308, -1.7e308, 1.0, -1.0, 2.5]


@rows
def test_special_values_are_the_same_in_both_forms_and_do_not_raise(row):
    """±0, ±inf, nan, subnormal and huge: floats and arrays give the same, without a warning."""
    arity = len(row.domain)
    choose = random.Random(row.name)
    combinations = [[x] * arity for x in SPECIAL] + [choose.choices(SPECIAL, k=arity) for _ in range(60)]
    for numbers in combinations:
        args = [[x] if i in row.vectors else 0.0 if i == row.index else x for i, x in enumerate(numbers)]
        with np.errstate(all="ignore"):
            array = float(np.asarray(row.array(*[np.array([arg]).T for arg in args])).reshape(()))
        got = row.evaluate(*args)
        if row.vectors and math.inf in map(abs, numbers):
            continue  # inf − inf may be met in one form and not in the other: both are numbers, that is all
        assert got == pytest.approx(array, rel=1e-13, abs=0, nan_ok=True), args


@rows
def test_nan_propagates(row):
    """One nan argument that is used makes the value nan; `where` ignores what it does not take."""
    for position in range(len(row.domain)):
        if position == row.index:  # which is an error
            continue
        args = points(row, 2)[1]
        args[position] = [math.nan] * len(args[position]) if position in row.vectors else math.nan
        copied = row.name == "where" and row.select(*args) != position
        unused = row.name in ("elu", "leaky_relu") and position == 1 and args[0] > 0
        if not copied and not unused:
            assert math.isnan(row.evaluate(*args)), args


# --- partials --------------------------------------------------------------------------------------


@rows
def test_partials_are_within_4_ulp(row):
    for index, args in enumerate(points(row)):
        got = spread(row.partials_at(row.evaluate(*args), *args), args)
        for mine, exact in zip(got, exact_partials(row.name, index), strict=True):
            assert ulps(mine, exact) <= 4, (args, mine)


@rows
def test_partials_agree_with_central_differences(row):
    """Of the engine's own forward rule, with a step relative to the argument."""
    constant = oracle.reference(row.name).undifferentiated
    for args in points(row):
        slopes = iter(spread(row.partials_at(row.evaluate(*args), *args), args))
        for position, arg in enumerate(args):
            for i, x in enumerate(arg if isinstance(arg, list) else [arg]):
                slope = next(slopes)
                if abs(x) < 1e-2 or position in constant:
                    continue
                h = abs(x) * EPS ** (1 / 3)
                ends = []
                for moved in (x + h, x - h):
                    point = [list(each) if isinstance(each, list) else each for each in args]
                    if isinstance(arg, list):
                        point[position][i] = moved
                    else:
                        point[position] = moved
                    ends.append(row.evaluate(*point))
                noise = 8 * EPS * (max(map(abs, ends)) + cancellation(row.name, args) / EPS) / h
                assert (ends[0] - ends[1]) / ((x + h) - (x - h)) == pytest.approx(
                    slope, rel=1e-6, abs=noise
                ), args


@rows
def test_backward_and_grad_hand_out_the_partials(row):
    for args in points(row, 8):
        expected = spread(row.partials_at(row.evaluate(*args), *args), args)
        if row.name == "where":
            expected[0] = 0.0
        leaves = leaves_like(args)
        node = row(*leaves)
        assert grad(node, flatten(leaves)) == expected
        node.backward()
        assert [leaf.grad for leaf in flatten(leaves)] == expected
        assert {type(leaf.grad) for leaf in flatten(leaves)} == {float}


@rows
def test_second_order_agrees_with_mpmath(row):
    """Every entry of the row's Hessian, by differentiating the gradient's own graph."""
    constant = oracle.reference(row.name).undifferentiated
    for index, args in enumerate(points(row, 12)):
        leaves = leaves_like(args)
        flat = flatten(leaves)
        first = grad(row(*leaves), flat, create_graph=True)
        size = max(abs(float(each)) for each in exact_partials(row.name, index))
        for i, slope in enumerate(first):
            assert isinstance(slope, Value)
            for j, got in enumerate(grad(slope, flat)):
                if j in constant:
                    continue
                exact = derivative(row.name, args, i, j)
                assert float(got) == pytest.approx(float(exact), rel=1e-12, abs=2 * EPS * size), (args, i, j)


@rows
def test_third_order_agrees_with_mpmath(row):
    """The diagonal of the third derivative, by differentiating twice through recorded gradients."""
    for args in points(row, 6):
        leaves = leaves_like(args)
        flat = flatten(leaves)
        for i, leaf in enumerate(flat):
            first = grad(row(*leaves), [leaf], create_graph=True)[0]
            second = grad(first, [leaf], create_graph=True)[0]
            exact = float(derivative(row.name, args, i, i, i))
            size = max(abs(first.data), abs(second.data))
            assert grad(second, [leaf])[0] == pytest.approx(exact, rel=1e-11, abs=4 * EPS * size), (args, i)


# --- kinks -----------------------------------------------------------------------------------------

KINKS = [(row, point) for row in ROWS for point in row.kinks]


@pytest.mark.parametrize(("row", "point"), KINKS, ids=lambda each: getattr(each, "name", str(each)))
def test_kinks_are_what_the_row_says(row, point):
    """The partials at each kink, from the rule on floats and from a sweep."""
    expected = list(row.kinks[point])
    assert list(map(float, row.partials_at(row.evaluate(*point), *point)))[: len(expected)] == expected
    leaves = list(map(Value, point))
    row(*leaves).backward()
    assert [leaf.grad for leaf in leaves][: len(expected)] == expected


@pytest.mark.parametrize(
    ("name", "point"),
    [
        ("abs", (0.0,)), ("relu", (0.0,)), ("step", (0.0,)), ("sqrt", (0.0,)), ("maximum", (1.0, 1.0)),
        ("minimum", (1.0, 1.0)), ("pow", (0.0, 0.0)), ("power", (0.0, 0.0)), ("power", (0.0, 2.0)),
    ],
)  # fmt: skip
def test_rows_with_a_convention_state_it(name, point):
    """A kink of design.md's table may not silently disappear from its row."""
    assert point in TABLE[name].kinks


# --- tails -----------------------------------------------------------------------------------------

MAGNITUDES = [1e-300, 1e-100, 1e-20, 1e-8, 1e-3, 0.5, 3.0, 19.0, 37.0, 40.0, 100.0, 300.0, 700.0]
SMOOTH = [
    "exp", "expm1", "log1p", "log", "sqrt", "atan", "sinh", "cosh", "tanh", "sigmoid", "softplus", "silu",
]  # fmt: skip


@pytest.mark.parametrize("name", SMOOTH)
def test_tails_keep_their_digits(name):
    """Values and partials of both signs and all magnitudes, wherever the truth is a normal number."""
    row, entry = TABLE[name], oracle.reference(name)
    checked = 0
    with mp.workdps(1000):
        for x in [sign * magnitude for magnitude in MAGNITUDES for sign in (1, -1)]:
            if x < {"log": 0.0, "sqrt": 0.0, "log1p": -0.99}.get(name, -math.inf):
                continue
            value, (slope,) = entry.value(mpf(x)), entry.partials(mpf(x))
            got = row.evaluate(x)
            for mine, exact in ((got, value), (row.partials_at(got, x)[0], slope)):
                if 2.3e-308 < abs(float(exact)) < math.inf:
                    assert ulps(mine, exact) <= 8, (x, mine, float(exact))
                    checked += 1
    assert checked > 15


TAILS = [
    ("tanh", 20.0, 1.699341702116635475e-17),
    ("tanh", -20.0, 1.699341702116635475e-17),
    ("sigmoid", 40.0, 4.248354255291589e-18),
    ("sigmoid", -40.0, 4.248354255291589e-18),
    ("expm1", -40.0, 4.248354255291589e-18),
    ("softplus", -40.0, 4.248354255291589e-18),
    ("softplus", 1000.0, 1.0),
    ("softplus", -1000.0, 0.0),
    ("sigmoid", -1000.0, 0.0),
    ("tanh", 1000.0, 0.0),
    ("silu", -1000.0, 0.0),
    ("silu", 1000.0, 1.0),
    ("log1p", 1e-20, 1.0),
    ("log1p", 1e300, 1e-300),
    ("asin", 1 - 2.0**-53, 67108864.0),
    ("silu", -1.2784645427610737, 2.3843834755243114511e-17),  # beside its zero
    ("silu", -712.0, -4.3072341904612300738e-307),
    ("sech2", 40.0, -1.4438811102763321378e-34),
]


@pytest.mark.parametrize(("name", "x", "slope"), TAILS)
def test_known_derivatives_in_the_tails(name, x, slope):
    """Where the obvious rule (1 − y², y (1 − y), y + 1) gives 0 or half the digits."""
    leaf = Value(x)
    TABLE[name](leaf).backward()
    assert leaf.grad == pytest.approx(slope, rel=1e-13, abs=0)


@pytest.mark.parametrize("x", [360.0, 720.0, 1000.0, -1000.0])
@pytest.mark.parametrize("name", ["tanh", "sigmoid", "softplus", "sech2", "silu", "elu"])
def test_far_out_every_derivative_is_finite(name, x):
    """Where cosh and eˣ overflow, inf · 0 is near. The first three derivatives are 0, or the first is 1."""
    leaf = Value(x)
    y = TABLE[name](leaf)
    for limits in ((0.0, 1.0), (0.0,), (0.0,)):
        (y,) = grad(y, [leaf], create_graph=True)
        assert any(y.data == pytest.approx(limit, rel=1e-15, abs=1e-150) for limit in limits)


@pytest.mark.parametrize(
    ("name", "x", "value"),
    [
        ("softplus", 1000.0, 1000.0), ("softplus", -1000.0, 0.0), ("softplus", -700.0, 9.85967654375977e-305),
        ("log1p", 1e-20, 1e-20), ("expm1", 1e-20, 1e-20), ("expm1", -1000.0, -1.0), ("sigmoid", -1000.0, 0.0),
        ("sigmoid", 1000.0, 1.0), ("tanh", 1000.0, 1.0), ("atan", 1e300, math.pi / 2), ("elu", -1000.0, -1.0),
        ("silu", -1000.0, 0.0),
    ],
)  # fmt: skip
def test_known_values_in_the_tails(name, x, value):
    assert TABLE[name](Value(x)).data == pytest.approx(value, rel=1e-14, abs=0)


@pytest.mark.parametrize("top", [0.0, 30.0, 1000.0, 1e10, 1e300])
def test_logits_of_any_size(top):
    """logsumexp, softmax and log_softmax of (top, top − 1, −top), value and gradient within 8 ulp."""
    numbers = [top, top - 1.0, -top]
    with mp.workdps(60):
        exact = [mp.exp(mpf(v) - mpf(top)) for v in numbers]
        total = mp.fsum(exact)
        probabilities = [each / total for each in exact]
        logs = [mpf(v) - mpf(top) - mp.ln(total) for v in numbers]
        whole = mpf(top) + mp.ln(total)
    leaves = list(map(Value, numbers))
    node = autograd.logsumexp(leaves)
    assert ulps(node.data, whole) <= 4
    for slope, p in zip(grad(node, leaves), probabilities, strict=True):
        assert slope == pytest.approx(float(p), rel=8 * EPS, abs=5e-324)
    for node, p in zip(autograd.softmax(leaves), probabilities, strict=True):
        assert node.data == pytest.approx(float(p), rel=8 * EPS, abs=5e-324)
    for i, (node, log) in enumerate(zip(autograd.log_softmax(leaves), logs, strict=True)):
        assert node.data == pytest.approx(float(log), rel=8 * EPS, abs=0)
        expected = [float((i == j) - p) for j, p in enumerate(probabilities)]
        assert grad(node, leaves) == pytest.approx(expected, rel=8 * EPS, abs=5e-324)


def test_softmax_of_a_certain_class_keeps_its_derivative():
    """y (1 − y) is 0 where y rounds to 1; the derivative is not."""
    leaves = [Value(40.0), Value(0.0)]
    assert grad(autograd.softmax(leaves)[0], leaves) == pytest.approx(
        [4.248354255291589e-18, -4.248354255291589e-18], rel=1e-14, abs=0
    )
    assert autograd.log_softmax(leaves)[0].data == pytest.approx(-4.248354255291589e-18, rel=1e-14, abs=0)


# --- the form of the rows --------------------------------------------------------------------------


@functools.cache
def functions_in(path):
    return [
        node
        for node in ast.walk(ast.parse(Path(path).read_text()))
        if isinstance(node, (ast.Lambda, ast.FunctionDef))
    ]


def rule_of(function):
    """The syntax tree of a lambda or function, found by its first line and its arguments' names."""
    code = function.__code__
    names = list(code.co_varnames[: code.co_argcount])
    found = [
        node
        for node in functions_in(code.co_filename)
        if node.lineno == code.co_firstlineno and [arg.arg for arg in node.args.args] == names
    ]
    assert len(found) == 1, f"cannot tell which rule {function} is"
    return found[0]


@rows
def test_rules_are_arithmetic_and_primitives_only(row):
    """No `if`, no comparison, no `math.` or `np.` in a rule: then it runs on floats, Values and arrays."""
    pending, seen = [row.partials], set()
    while pending:
        function = pending.pop()
        for node in ast.walk(rule_of(function)):
            assert not isinstance(node, (ast.If, ast.IfExp, ast.Compare, ast.BoolOp, ast.Match, ast.While))
            if isinstance(node, ast.Name):
                assert node.id not in ("math", "np", "numpy", "builtins", "operator")
                helper = function.__globals__.get(node.id)
                if node.id.startswith("_") and inspect.isfunction(helper) and helper not in seen:
                    seen.add(helper)
                    pending.append(helper)


@rows
def test_value_has_the_rows_method_or_operator(row):
    if not row.method:
        # ** spells the first, only rules use the others
        of_rules = (
            "power", "monomial", "sech2", "sigmoid_slope", "silu_slope", "gelu_slope", "exp_minus_cx2",
        )  # fmt: skip
        assert row.vectors or row.name in of_rules, f"Value has no way to spell {row.name}"
        return
    args = points(row, 2)[1]
    first, rest = Value(args[0]), args[1:]
    special = f"__{row.method}__"
    if hasattr(operator, special):
        node = getattr(Value, special)(first, *rest)
    else:
        node = getattr(first, row.method)(*rest)
    assert node.op == row.name
    assert node.data == row.evaluate(*args)


@rows
def test_a_function_of_the_table_on_floats_gives_a_float(row):
    for args in points(row, 4):
        assert type(row(*args)) is float


@pytest.mark.parametrize("row", [row for row in ROWS if row.expansion], ids=lambda row: row.name)
def test_expansion_is_the_same_function(row):
    """A fused row opened up: the same value and gradient, in simpler rows."""
    for args in points(row, 8):
        args = [[x / 10 for x in arg] if isinstance(arg, list) else arg / 10 for arg in args]
        leaves, others = leaves_like(args), leaves_like(args)
        fused, opened = row(*leaves), row.expansion(*others)
        assert opened.op != row.name
        assert opened.data == pytest.approx(fused.data, rel=1e-12, abs=1e-13)
        assert grad(opened, flatten(others)) == pytest.approx(
            grad(fused, flatten(leaves)), rel=1e-11, abs=1e-12
        )


def test_every_promised_function_is_exported_and_in_the_table():
    promised = [
        "exp", "log", "log1p", "expm1", "sqrt", "sin", "cos", "tan", "asin", "acos", "atan", "sinh", "cosh",
        "tanh", "sigmoid", "relu", "leaky_relu", "elu", "softplus", "silu", "maximum", "minimum", "where",
        "sum", "mean", "dot", "logsumexp", "softmax", "log_softmax",
    ]  # fmt: skip
    assert [name for name in promised if not hasattr(autograd, name)] == []
    assert [name for name in promised if name not in TABLE] == []


def test_primitive_is_printed_by_name():
    assert repr(TABLE["exp"]) == "<primitive exp>"


def test_the_number_of_a_rows_intervals_is_that_of_its_arguments():
    """One interval for each argument: tests that sample the domain then reach every partial."""
    for row in ROWS:
        args = points(row, 1)[0]
        assert len(row.partials_at(row.evaluate(*args), *args)) == len(row.domain), row.name


def test_a_row_of_sequences_without_array_form_is_applied_one_by_one():
    @autograd.primitive(
        partials=lambda y, values, by: ([by for _ in values], sum(values)), name="weighed", vectors=(0,)
    )
    def weighed(values, by):
        return math.fsum(values) * by

    try:
        first, second, by = np.array([1.0, 2.0, 3.0]), np.array([0.5, 0.5, 4.0]), np.array([2.0, 4.0, -1.0])
        np.testing.assert_array_equal(weighed([first, second], by), (first + second) * by)
        np.testing.assert_array_equal(weighed([first, 1.0], 2.0), (first + 1.0) * 2.0)
    finally:
        del TABLE["weighed"]


@rows
def test_recording_a_row_reads_nothing(row):
    """Of numbers as Values, as one operand and as what is gone through once; nobody is told of the engine."""

    def values(arg):
        return [Value(number) for number in arg] if isinstance(arg, list) else Value(arg)

    with warn_on_comparison(error=True):
        for args in points(row, 8):
            once = [values(arg) for arg in args]
            y = row(*once)
            again = row(*[iter(arg) if isinstance(arg, list) else arg for arg in once])
            assert repr(peek(again)) == repr(peek(y))
            row(*[sequence(arg) if isinstance(arg, list) else arg for arg in once])
            if row.method:
                getattr(once[0], row.method if hasattr(once[0], row.method) else f"__{row.method}__")(
                    *once[1:]
                )


# --- take ------------------------------------------------------------------------------------------

NO_INDICES = {-1.0: IndexError, 3.0: IndexError, 1e300: IndexError, -0.5: ValueError, 1.5: ValueError}
NO_INDICES |= {math.nan: ValueError, math.inf: ValueError, -math.inf: ValueError}


@pytest.mark.parametrize(("index", "error"), NO_INDICES.items())
def test_what_is_no_index_is_an_error_that_says_so(index, error):
    """Of numbers, of Values and of arrays, and where a graph is recorded again."""
    values = [Value(1.0), Value(2.0), Value(3.0)]
    for given in (values, [1.0, 2.0, 3.0]):
        with pytest.raises(error, match=rf"^take: token: .* 0 to 2, got {re.escape(repr(index))}$"):
            autograd.take(given, Value(index, "token"))
        with pytest.raises(error, match=r"^take: the index: "):
            autograd.take(given, index)
    with pytest.raises(error):
        autograd.take(np.ones((3, 2)), np.array([0.0, index]))
    token = Value(1.0)
    with pytest.raises(error):
        replay([autograd.take(values, token)], {token: index})


def test_what_is_not_taken_is_not_differentiated():
    """Where its derivative is infinite or nan, those of the others are as they were: at any order."""
    x, token = Value(-1.0), Value(1.0)
    y = autograd.take([x.sqrt(), x**3, (x + 1.0).log(), 1.0 / (x + 1.0)], token) * x
    y.backward()
    assert (x.grad, token.grad) == (-4.0, 0.0)
    for expected in (-4.0, 12.0, -24.0, 24.0):
        (y,) = grad(y, [x], create_graph=True)
        assert y.data == expected
    assert autograd.jvp(lambda v: autograd.take([v.sqrt(), v**3], 1), [-1.0], [2.0])[1] == 6.0
    assert autograd.hvp(lambda v: autograd.take([v.sqrt(), v**3], 1), [-1.0], [2.0]) == [-12.0]


def test_a_sequence_is_shared_by_all_that_take_from_it():
    row = sequence([Value(0.0), Value(1.0), Value(2.0)])
    taken = [autograd.take(row, index) for index in (2, 0, 2)]
    assert all(each.operands[0] is row for each in taken)
    autograd.sum([each * each for each in taken]).backward()
    assert [each.grad for each in row] == [0.0, 0.0, 8.0]


EQUALITIES = {
    "==": lambda y, x: 7.0 if x == 0.0 else 2.0 * x,
    "!=": lambda y, x: 2.0 * x if x != 0.0 else 7.0,
    "in": lambda y, x: 7.0 if x in (0.0, 1.0) else 2.0 * x,
}


@pytest.mark.parametrize("sign", EQUALITIES)
def test_a_rule_that_asks_for_equal_numbers_is_refused_where_nodes_would_answer(sign):
    """A node equals itself alone: the derivative of the derivative would be that of another branch."""
    row = primitive(EQUALITIES[sign], name="test_equality")(lambda x: x * x)
    try:
        for number, right in [(0.0, 7.0), (3.0, 6.0)]:
            x = Value(number)
            assert grad(row(x), [x]) == [right]
            if right == 6.0:
                assert grad(row(x), [x], create_graph=True)[0].data == right
                continue
            with pytest.raises(GraphError, match=r"test_equality is 7\.0 on numbers, but 0\.0 on nodes"):
                grad(row(x), [x], create_graph=True)
    finally:
        del TABLE["test_equality"]
