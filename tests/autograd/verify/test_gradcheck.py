"""`gradcheck`: it finds every wrong partial, and finds nothing wrong where nothing is."""

import math
import random
import re
from dataclasses import replace

import pytest

from autograd import (
    AnomalyError,
    Check,
    GradcheckError,
    GradcheckReport,
    GraphError,
    Value,
    acos,
    asin,
    cos,
    detect_anomaly,
    dot,
    exp,
    gradcheck,
    leaky_relu,
    log,
    log1p,
    logsumexp,
    maximum,
    minimum,
    no_grad,
    primitive,
    relu,
    sigmoid,
    sin,
    softmax,
    sqrt,
    step,
    sum,
    tan,
    tanh,
    where,
)
from autograd.engine.linearization import Linearization
from autograd.engine.primitives import TABLE
from autograd.engine.rule import CONSTANT
from tests.support import oracle
from tests.support.along import along
from tests.support.oracle import flatten, like

ROWS = list(TABLE.values())


def unrefuted(f, at):
    """What `gradcheck` reports, also where the values tell nothing at all."""
    try:
        return gradcheck(f, at)
    except GradcheckError as error:
        text, report = str(error), error.report
    assert re.match(r"nothing( of f\[\d\], which is \S+)? could be checked: choose other inputs\n", text)
    assert not report
    return report


rows = pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)


# --- what others get wrong -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("f", "at"),
    [
        (lambda x: exp(-x), 20.0),
        (lambda x: x * x, 3e7),
        (lambda x: x * x, 1e-160),
        (lambda x: x**3, 1e-60),
        (sin, 1e8),
        (lambda x: sqrt(x), 1e-300),
        (log1p, -0.99),
        (asin, 0.999999),
        (acos, -1 + 1e-9),
        (lambda x: 1e300 * x, 1.0),
        (lambda x: x / 3, 1.7e308),
        (lambda x: 1 / x, 1e-20),
        (lambda x: exp(x), 709.0),
        (lambda x: exp(x), -700.0),
        (lambda x: tan(x), 1.57),
        (lambda x: tanh(1e6 * x), 1e-7),
        (lambda x: sigmoid(x), -1000.0 / 3),
        (lambda x: x**x, 1e-3),
        (lambda x: x - 2, 2.0),
        (lambda x: relu(x - 1), 1 + 1e-12),
    ],
)
def test_right_ones_pass_and_zero_negated_and_slightly_wrong_ones_do_not(f, at):
    report = gradcheck(f, at)
    assert report
    assert report.checks[0].right
    for factor in (0.0, -1.0, 2.0, 1.001, 1 + 1e-5):
        with pytest.raises(GradcheckError, match="1 of 1 derivatives do not agree"):
            gradcheck(lambda x, factor=factor: with_partial(f(x), factor), at)


def with_partial(node, factor):
    """A node of the same value, whose derivative by the given one is the factor."""
    broken = replace(TABLE["neg"], forward=lambda x: x, array=None, partials=lambda y, x: (factor,))
    return broken(node)


# --- the table: no false alarms --------------------------------------------------------------------


def as_function(row, args, first=math.inf):
    """The row as a function of those of its `first` arguments that it differentiates, and their numbers."""
    fixed = oracle.reference(row.name).undifferentiated
    flat = flatten(args)
    held = [
        i in fixed or i >= first
        for i, arg in enumerate(args)
        for _ in (arg if isinstance(arg, list) else [arg])
    ]

    def f(*moving):
        given = iter(moving)
        return row(*like([x if still else next(given) for x, still in zip(flat, held)], args))

    return f, [x for x, still in zip(flat, held) if not still]


def points(row, number, count, seed=0):
    """Arguments for the row, each number drawn by `number(choose, interval)`."""
    choose = random.Random(f"{row.name} {seed}")
    for k in range(count):
        yield [
            [number(choose, interval) for _ in range(1 + k % 3)]
            if i in row.vectors
            else number(choose, interval)
            for i, interval in enumerate(row.domain)
        ]


def within(choose, interval):
    return choose.uniform(*interval)


def near_zero(choose, interval):
    low, high = interval
    if low < 0 < high:
        return choose.choice((-1, 1)) * min(-low, high) * 10 ** choose.uniform(-8, 0)
    return low + (high - low) * 10 ** choose.uniform(-8, 0)


def far_out(choose, interval):
    """All magnitudes from the subnormal to the largest, where the row has no bounds of its own."""
    low, high = interval
    if high < 50.0:
        return choose.uniform(low, high)
    return 10 ** choose.uniform(-320, 308) * (choose.choice((-1, 1)) if low < 0 else 1)


@rows
def test_the_rows_of_the_table_pass_on_their_domains(row):
    for number in (within, near_zero):
        for args in points(row, number, 6):
            assert not unrefuted(*as_function(row, args)).wrong


@rows
def test_the_rows_pass_at_second_order(row):
    for args in points(row, within, 2, seed=1):
        assert gradcheck(*as_function(row, args), order=2)


@rows
def test_the_rows_pass_far_out(row):
    for args in points(row, far_out, 12):
        assert not unrefuted(*as_function(row, args)).wrong


@rows
def test_the_rows_pass_at_their_kinks(row):
    for args, partials in row.kinks.items():
        f, moving = as_function(row, list(args), first=len(partials))
        if moving:
            assert not unrefuted(f, moving).wrong


@pytest.mark.parametrize(
    "at", [0.0, -0.0, 1.0, -1.0, 5e-324, -5e-324, 1.7e308, -1.7e308, math.inf, -math.inf]
)
@pytest.mark.parametrize(
    "name",
    ["exp", "expm1", "sinh", "cosh", "tanh", "sigmoid", "relu", "softplus", "silu", "abs", "sin", "step"],
)
def test_functions_of_all_numbers_pass_at_special_ones(name, at):
    assert not unrefuted(TABLE[name], at).wrong


# --- the table: every wrong partial is found -------------------------------------------------------


def broken(row, position, wrong):
    """The row with its partials by one argument changed."""

    def partials(y, *args):
        slopes = list(row.partials(y, *args))
        slope = slopes[position]
        slopes[position] = list(map(wrong, slope)) if isinstance(slope, (list, tuple)) else wrong(slope)
        return tuple(slopes)

    return replace(row, partials=partials)


def generic(choose, interval):
    low, high = interval
    return choose.uniform(max(low, -2.0), min(high, 2.0))


DIFFERENTIATED = [
    (row, position)
    for row in ROWS
    if row.select is None
    for position in range(len(row.domain))
    if position not in oracle.reference(row.name).undifferentiated
]
WRONG = {
    "sign": lambda slope: -slope,
    "zero": lambda slope: 0.0 * slope,
    "factor 1.001": lambda slope: 1.001 * slope,
    "factor 1 + 1e-6": lambda slope: (1 + 1e-6) * slope,
    "one more": lambda slope: slope + 1.0,
}


@pytest.mark.parametrize("wrong", WRONG)
@pytest.mark.parametrize(("row", "position"), DIFFERENTIATED, ids=lambda each: getattr(each, "name", each))
def test_a_wrong_partial_is_found_and_its_primitive_suspected(row, position, wrong):
    """Inside a function, at every generic point where the changed partial is not the right one."""
    mutant, found = broken(row, position, WRONG[wrong]), 0
    for args in points(row, generic, 8, seed=2):
        slopes = [list(each.partials_at(each.evaluate(*args), *args))[position] for each in (row, mutant)]
        if slopes[0] == slopes[1] or found == 2:
            continue
        found += 1
        f, moving = as_function(mutant, args)
        with pytest.raises(GradcheckError) as error:
            gradcheck(lambda *a, f=f: f(*a) * 3 + a[0], moving)
        assert f", at {'an' if row.name[0] in 'aeio' else 'a'} {row.name} node" in str(error.value)
    assert found == 2 or (row.left, row.by_left) == (CONSTANT, 0.0)  # steps are flat on both sides


def test_selecting_the_wrong_branch_is_found():
    """`where` has no partials to get wrong: the sweeps follow its choice."""
    row = TABLE["where"]
    mutant = replace(row, select=lambda condition, a, b: 2 if condition else 1)
    for condition in (0.0, 1.0):
        assert gradcheck(lambda a, b, c=condition: row(c, a * a, b * b), [1.3, 0.6])
        with pytest.raises(GradcheckError, match="suspected: the primitive where"):
            gradcheck(lambda a, b, c=condition: mutant(c, a * a, b * b), [1.3, 0.6])


def test_a_wrong_primitive_is_named_among_right_ones():
    """Deep in a graph, with its node's label, its numbers, and the row's name; the rest is not blamed."""
    mutant = broken(TABLE["tanh"], 0, WRONG["sign"])

    def f(a, b):
        hidden = mutant(a * b + 1)
        hidden.label = "hidden"
        return exp(hidden) * sin(b)

    with pytest.raises(GradcheckError) as error:
        gradcheck(f, [Value(0.5, "a"), Value(2.0, "b")])
    text = str(error.value)
    assert (
        "suspected: the primitive tanh, at hidden with [2.0]: the derivative of tanh by operand [0]" in text
    )
    assert text.count("suspected") == 1


def test_a_rule_that_is_not_differentiable_is_found_at_second_order():
    """Its partials are right, and numbers: .data has left the graph."""

    @primitive(partials=lambda y, x: 2 * getattr(x, "data", x))
    def squared(x):
        return x * x

    f = lambda x: exp(squared(x))
    assert gradcheck(f, 0.5)
    with pytest.raises(GradcheckError, match=r"primitive squared, .* the derivative of ∂squared/∂"):
        gradcheck(f, 0.5, order=2)


def test_a_rule_wrong_at_second_order_only_is_found_in_the_graph_of_the_gradient():
    """silu's partials use sigmoid: it is sigmoid that is to blame for a wrong second derivative."""
    wrong = broken(TABLE["sigmoid"], 0, WRONG["factor 1.001"])

    @primitive(partials=lambda y, x: wrong(x))
    def smooth(x):
        return math.log1p(math.exp(x))

    assert gradcheck(smooth, 0.3)
    with pytest.raises(GradcheckError, match="suspected: the primitive sigmoid, at a sigmoid node"):
        gradcheck(smooth, 0.3, order=2)


LEAVES_THE_GRAPH = {
    "data": lambda a, b: a * b.data,
    "detach": lambda a, b: a * b.detach(),
    "round": lambda a, b: a * round(b, 17),
    "no_grad": lambda a, b: a * without_recording(exp, b),
    "straight through": lambda a, b: a + b + (math.floor(b.data * 1e3) / 1e3 - b.data),
}


def without_recording(f, a):
    with no_grad():
        return f(a)


@pytest.mark.parametrize("name", LEAVES_THE_GRAPH)
def test_no_primitive_is_blamed_where_the_function_leaves_the_graph(name):
    with pytest.raises(GradcheckError, match="no primitive is at fault: f may leave the graph"):
        gradcheck(LEAVES_THE_GRAPH[name], [1.5, 0.2505])


def test_a_nan_that_no_single_row_makes_is_explained():
    """√(x² + y²) at the origin: the root's infinite slope meets a zero one."""
    with pytest.raises(GradcheckError, match="no primitive is at fault: the chain rule meets 0 · inf"):
        gradcheck(lambda a, b: sqrt(a * a + b * b), [0.0, 0.0])


def test_values_that_change_from_call_to_call_are_refused():
    calls = []
    with pytest.raises(GradcheckError, match=r"f gave \[1.0\] and then \[2.0\] for the same inputs"):
        gradcheck(lambda a: calls.append(a) or a * 0 + len(calls), 1.0)
    assert not unrefuted(lambda a: a * math.nan, 1.0).wrong  # nan is the same as nan
    outputs = iter([1, 1, 1, 2])
    with pytest.raises(ValueError, match="f returned 1 outputs, and then 2"):
        gradcheck(lambda a: [a] * next(outputs), 1.0)


def test_forward_mode_is_compared_too(monkeypatch):
    push = Linearization.push
    monkeypatch.setattr(Linearization, "push", lambda self, tangents: [-t for t in push(self, tangents)])
    with pytest.raises(GradcheckError) as error:
        gradcheck(lambda a: a * a, 1.5)
    (check,) = error.value.report.checks
    assert (check.analytic, check.forward) == (3.0, -3.0)
    assert "forward mode gives -3" in str(error.value)


# --- kinks, leaps, edges ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("f", "at", "low", "high"),
    [
        (relu, [0.0], "0", "1"),
        (lambda x: x.__abs__(), [0.0], "-1", "1"),
        (leaky_relu, [0.0], "0.01", "1"),
        (maximum, [1.0, 1.0], "0", "1"),
        (lambda a, b: minimum(a * a, b), [2.0, 4.0], "0", "4"),
        (lambda x: relu(x - 3e7) * 1e-5, [3e7], "0", "1e-05"),
        (lambda x: sqrt(x.__abs__()) if x.data else x * 0, [0.0], "-inf", "inf"),
    ],
)
def test_at_a_kink_any_value_between_is_right(f, at, low, high):
    report = gradcheck(f, at)
    assert report.checks[0].right
    assert report.checks[0].note == f"kink: any value from {low} to {high} is right"
    assert f"kink: any value from {low} to {high} is right" in str(report)


@pytest.mark.parametrize(
    ("slope", "right"), [(-1.0, True), (0.3, True), (1.0, True), (1.001, False), (-2.0, False)]
)
def test_at_a_kink_other_values_are_wrong(slope, right):
    f = lambda x: with_kink(x, slope)
    if right:
        assert gradcheck(f, 0.0)
    else:
        with pytest.raises(GradcheckError, match="kink: any value from -1 to 1 is right"):
            gradcheck(f, 0.0)


def with_kink(node, slope):
    return replace(TABLE["abs"], partials=lambda y, x: (slope,))(node)


@pytest.mark.parametrize(
    ("f", "at", "note"),
    [
        (step, [0.0], "the values leap here: there is no derivative"),
        (lambda x: where(x > 1, x, 0.0), [1.0], "the values leap here: there is no derivative"),
        (log, [-1.0], "the value is nan, which does not tell"),
        (log, [0.0], "the value is -inf, which does not tell"),
        (tanh, [math.inf], "the values are too coarse, or change too fast, to tell"),
        (sin, [1e20], "the values are too coarse, or change too fast, to tell"),
        (lambda x: (1e16 + x) - 1e16, [3.0], "the values are too coarse, or change too fast, to tell"),
        (lambda x: 1e16 * x - 1e16 * x + x, [3.0], "the values are too coarse, or change too fast, to tell"),
        (lambda x: 1e16 + x, [3.0], "the values are too coarse to tell it from 0"),
        (sigmoid, [40.0], "the values are too coarse to tell it from 0"),
    ],
)
def test_what_the_values_do_not_tell_passes_with_a_note_and_not_alone(f, at, note):
    """Nothing was checked where the values tell of no derivative: that is not a pass."""
    with pytest.raises(GradcheckError, match="nothing could be checked") as error:
        gradcheck(f, at)
    assert not error.value.report
    assert [check.note for check in error.value.report.untold] == [note]
    report = unrefuted(lambda x: [f(x), 3.0 * x], at)
    assert bool(report) == (math.isfinite(*at) and "the value is" not in note)
    assert note in [check.note for check in report.untold]
    assert "cannot be told" in str(report)


@pytest.mark.parametrize(
    ("f", "at", "what"),
    [
        (sqrt, [0.0], "∂f/∂[0], which is inf"),  # the first derivative is told, and is right
        (lambda x, y: [y * y, log(x) + y], [-1.0, 2.0], "f[1], which is nan"),
        (lambda x, y: [exp(x), x * y], [1000.0, 1.0], "f[0], which is inf"),
    ],
)
def test_what_is_not_finite_does_not_pass_beside_what_is_right(f, at, what):
    with pytest.raises(GradcheckError, match=f"^nothing of {re.escape(what)} could be checked") as error:
        gradcheck(f, at, order=2)
    assert not error.value.report


def test_coarse_values_still_refute_what_is_far_off():
    with pytest.raises(GradcheckError):
        gradcheck(lambda x: 1e16 + with_partial(x, 1e6), 3.0)


def test_edges_are_judged_from_their_one_side():
    for f, at in [(sqrt, 0.0), (asin, 1.0), (acos, -1.0), (lambda x: x**1.5 + x, 0.0)]:
        (check,) = gradcheck(f, at).checks
        assert (check.right, check.note) == (True, "one-sided")
    for f, at in [(sqrt, 0.0), (asin, 1.0)]:
        for factor in (0.0, 1.0, -math.inf, math.nan):
            with pytest.raises(GradcheckError):
                gradcheck(lambda x, f=f, factor=factor: with_partial_at_kink(f, x, factor), at)


def with_partial_at_kink(row, node, slope):
    return replace(row, partials=lambda y, x: (slope,))(node)


def test_zeros_are_right_where_the_error_is_next_to_nothing():
    """At a minimum, where the numeric derivative is some 1e-16 and not 0."""
    for f, at in [
        (lambda x: x**3, [0.0]),
        (lambda x: x * relu(x), [0.0]),
        (lambda x: cos(x) + x**4, [0.0]),
        (lambda a, b: (1 - a) ** 2 + 100 * (b - a * a) ** 2 + (a - 1) ** 3, [1.0, 1.0]),
        (lambda x: 3.0, [5.0]),
        (lambda x: x - x, [5.0]),
        (lambda a, b: a * a, [1.0, 2.0]),
    ]:
        report = gradcheck(f, at)
        assert all(check.right for check in report.checks), report


# --- functions ------------------------------------------------------------------------------------


FUNCTIONS = {
    "several outputs": (lambda a, b: [sin(a * b), a / b, b, 7.0], [0.5, 0.3]),
    "a shared subgraph": (lambda a, b: (lambda s: s * s + exp(s) * s)(a * b + a), [0.5, -0.3]),
    "rosenbrock": (lambda a, b: (1 - a) ** 2 + 100 * (b - a * a) ** 2, [-1.2, 1.0]),
    "rosenbrock at its minimum": (lambda a, b: (1 - a) ** 2 + 100 * (b - a * a) ** 2, [1.0, 1.0]),
    "sequences": (
        lambda a, b, c: logsumexp([a, dot([a, b], [b, c], c), sum([a, b, c])]) * softmax([a, b, c])[1],
        [0.4, -0.7, 1.1],
    ),
    "logits of all sizes": (lambda a, b, c: logsumexp([a, b, c]), [1000.0, 999.0, -1000.0]),
    "a layer": (
        lambda a, b: sum(along(tanh, along(dot, ((a, 1.0), (2.0, b)), ((a, 0.5),) * 2))),
        [0.4, 1.1],
    ),
    "different scales": (lambda a, b: a * b + exp(a * 1e-5), [3e7, 1e-9]),
    "a branch not taken": (lambda x: where(x > 0, sqrt(x), x * x), [-1.0]),
    "a tail": (lambda a, b: exp(-a) * b, [20.0, 3e7]),
    "powers": (lambda a, b: a**b + b**a + a**-1.5, [0.7, 1.9]),
}  # fmt: skip


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("order", [1, 2, 3])
def test_derivatives_of_several_orders_pass(name, order):
    f, point = FUNCTIONS[name]
    report = gradcheck(f, point, order)
    outputs = 4 if name == "several outputs" else 1
    assert len(report.checks) == outputs * math.fsum(len(point) ** k for k in range(1, order + 1))
    assert not report.untold or name in ("different scales", "logits of all sizes")


def test_a_long_chain():
    def f(x):
        for _ in range(2000):
            x = x * 1.0001 + 1e-5
        return x

    assert gradcheck(f, 1.0).checks[0].right


def test_the_function_gets_fresh_leaves_and_the_inputs_are_left_alone():
    a, b = Value(1.5, "a"), Value(2.5)
    a.grad = 7.0
    seen = []

    def f(x, y):
        seen.append((x, y))
        return x * y

    assert gradcheck(f, [a, b])
    assert (a.grad, b.reached, a.label) == (7.0, False, "a")
    assert len({id(leaf) for pair in seen for leaf in pair}) == 2 * len(seen)
    assert all(type(leaf) is Value and not leaf.parents for pair in seen for leaf in pair)
    assert {pair[0].label for pair in seen} == {"a"}


def test_steps_outside_the_domain_raise_nothing():
    def only_above(x):
        if x.data < 0.1:
            raise ValueError("too small")
        return x * x

    assert gradcheck(only_above, 0.1).checks[0].note == "one-sided"
    assert gradcheck(only_above, 0.11).checks[0].right
    with detect_anomaly():
        assert gradcheck(sqrt, 1e-3)
        assert gradcheck(log, 1e-3)
        with pytest.raises(AnomalyError):
            gradcheck(sqrt, 0.0)
    with pytest.raises(ValueError, match="too small"):
        gradcheck(only_above, 0.0)


# --- the report ------------------------------------------------------------------------------------


def test_a_report_is_true_and_a_table():
    report = gradcheck(lambda a, b: [relu(a) * b, b], [Value(0.0, "a"), 2.0])
    assert isinstance(report, GradcheckReport)
    assert str(report) == repr(report)
    title, header, *lines = str(report).splitlines()
    assert title == "gradcheck: 4 of 4 derivatives agree with the values of the function"
    assert header.split() == ["output", "input", "analytic", "numeric", "error", "estimate", "note"]
    assert [line.split()[:3] for line in lines] == [
        ["f[0]", "a", "0"], ["f[0]", "[1]", "0"], ["f[1]", "a", "0"], ["f[1]", "[1]", "1"]
    ]  # fmt: skip
    assert lines[0].endswith("kink: any value from 0 to 2 is right")
    for word in ("input", "note"):  # columns are aligned
        assert all(line[header.index(word) - 1 :][:1] in (" ", "") for line in lines)


def test_checks_have_names_and_numbers():
    first, _, mixed, *_ = gradcheck(
        lambda a, b: a * a * b, [Value(3.0, "a"), Value(2.0, "b")], order=2
    ).checks
    assert isinstance(first, Check)
    assert (first.output, first.input, first.analytic, first.forward) == ("f", "a", 12.0, 12.0)
    assert first.numeric == pytest.approx(12.0, rel=1e-10)
    assert 0 < first.error < 1e-8
    assert first.relative_error < 1e-10
    assert (mixed.output, mixed.input, mixed.analytic) == ("∂f/∂a", "a", 4.0)
    third = gradcheck(lambda a: a**3, Value(2.0, "a"), order=3).checks[-1]
    assert (third.output, third.analytic) == ("∂²f/∂a∂a", 6.0)


def test_a_failure_is_an_assertion_with_a_table_of_what_is_wrong():
    f = lambda a, b: sin(a) * b.data + b
    with pytest.raises(AssertionError) as error:
        gradcheck(f, [Value(0.5, "a"), Value(2.0, "b")])
    title, header, line, _ = str(error.value).splitlines()
    assert title == "1 of 2 derivatives do not agree with the values of the function"
    assert header.split() == ["output", "input", "analytic", "numeric", "relative", "error", "note"]
    assert line.split() == ["f", "b", "1", f"{1 + math.sin(0.5):.10g}", "3.2e-01"]
    report = error.value.report
    assert not report
    assert [check.input for check in report.wrong] == ["b"]
    assert len(report.checks) == 2


# --- wrong calls -----------------------------------------------------------------------------------


@pytest.mark.parametrize("order", [0, -1, 1.0, "1", None, True])
def test_an_order_that_is_not_one(order):
    with pytest.raises(ValueError, match="order must be a whole number from 1 on, got"):
        gradcheck(exp, 1.0, order=order)


@pytest.mark.parametrize(
    ("f", "inputs", "error", "message"),
    [
        (None, 1.0, TypeError, "gradcheck: f must be a function of numbers .* got NoneType"),
        (exp, [], ValueError, "gradcheck needs at least one input, got none"),
        (exp, "1", TypeError, "gradcheck: inputs must be a sequence of numbers or Values, got str"),
        (exp, ["1"], TypeError, "gradcheck: each of inputs takes a real number, got str"),
        (lambda a: None, 1.0, TypeError, "gradcheck: f must return a Value .* got NoneType"),
        (lambda a: [[a]], 1.0, TypeError, "gradcheck: f must return a Value .* got list as output 0"),
        (lambda a, b: a, 1.0, TypeError, "positional argument"),
    ],
)
def test_wrong_calls(f, inputs, error, message):
    with pytest.raises(error, match=message):
        gradcheck(f, inputs)


def test_within_no_grad_there_is_nothing_to_check():
    with no_grad(), pytest.raises(GraphError, match=r"gradcheck differentiates what it records"):
        gradcheck(exp, 1.0)
