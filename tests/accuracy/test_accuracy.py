"""What `make accuracy` reports, asserted on fewer points; that its judge sees mistakes; and what it leaves
out: the array forms."""

import dataclasses
import math
import sys

import numpy as np
import pytest

import autograd
from autograd import Value, grad, logsumexp
from autograd.engine.primitives import TABLE
from autograd.engine.rule import CONSTANT
from tests.accuracy import __main__ as report
from tests.accuracy import judge, points
from tests.accuracy.judge import OURS, is_normal, truth, ulps
from tests.accuracy.subjects import subjects
from tests.support import oracle
from tests.support.profiles import scaled

POINTS = 100
mpf = oracle.mpf
SUBJECTS = subjects()
ROWS = [subject for subject in SUBJECTS if subject.name in TABLE]


def named(subject):
    return subject.name


def only(name):
    return next(subject for subject in SUBJECTS if subject.name == name)


# --- the targets -----------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("subject", SUBJECTS, ids=named)
def test_value_and_partials_are_within_their_target(subject):
    """4 ulp, or 8 for what takes logits and for second derivatives, over the whole range of float64.

    And all are judged: the value, each partial, and of the second derivatives both of a pair.
    """
    findings = judge.judge(subject, POINTS)
    row = TABLE.get(subject.name)
    flat = row is not None and (row.left, row.by_left) == (CONSTANT, 0.0)
    undifferentiated = {subject.parameters[i] for i in subject.reference.undifferentiated}
    differentiated = [f"∂{name}" for name in subject.parameters if name not in undifferentiated and not flat]
    first = [finding for finding in findings if not finding.second]
    assert [finding.quantity for finding in first] == ["value", *differentiated]
    assert all(finding.points >= POINTS / 10 for finding in first)
    mixed = {tuple(f.quantity[1:].split("∂")) for f in findings if f.second}
    assert {(b, a) for a, b in mixed if not {a, b} & undifferentiated} <= mixed
    for finding in findings:
        assert not finding.missed, (finding.quantity, finding.worst[OURS])


@pytest.mark.parametrize(
    ("name", "args"),
    [
        ("silu", (-1.2784645427610737,)),  # beside the zero of its derivative
        ("silu", (-1.2784645427610739,)),
        ("silu", (-714.0,)),  # σ(x) is subnormal, x σ(x) is not
        ("pow", (1e300, 0.3)),  # 0.3 − 1 rounds
        ("pow", (1e-310, 1e-5)),  # aⁿ⁻¹ overflows, n aⁿ⁻¹ does not
        ("pow", (0.99, 70000.0)),  # aⁿ⁻¹ is subnormal, n aⁿ⁻¹ is not
        ("pow", (-1.0, 2.0**60)),  # n − 1 rounds to an even number
        ("power", (1 + 1e-10, 7.1e12)),  # aᵇ overflows, aᵇ ln a does not
        ("power", (1e-305, 1.013)),  # aᵇ is subnormal, aᵇ ln a is not
        ("div", (1e-320, 1e-10)),  # a/b is subnormal, a/b² is not
        ("elu", (-740.0, 1e10)),  # eˣ is subnormal, α eˣ is not
        ("tanh", (354.0,)),
        ("asin", (1 - 2.0**-53,)),
        ("logsumexp", ([math.log(0.3), math.log1p(-0.3)],)),
        ("logsumexp", ([-1e-300, -690.7755278982137],)),
        ("logsumexp", ([-1e300, -1e-3, -6.908255],)),
        ("sum", ([1.7e308, 1.7e308, -1.7e308, -1.7e308, 1e-300],)),
        ("mean", ([1.7e308, 1.7e308, -1.7e308, -1.7e308, 1e-300],)),
    ],
)  # fmt: skip
def test_the_hardest_points(name, args):
    """Each defeats the obvious formula, as the remark says; all results there are within 4 ulp."""
    subject = only(name)
    judged = 0
    for got, exact in zip(subject.engines[OURS](*args), truth(subject.reference, args), strict=True):
        if is_normal(exact):
            judged += 1
            assert ulps(got, exact) <= 4, (got, exact)
    assert judged


def test_logsumexp_near_zero_in_both_forms():
    """ln 1 from exponentials that are rounded: all the digits come from behind the 16th."""
    columns = np.array([[math.log(0.3), -2.0, 5.0], [math.log1p(-0.3), math.log1p(-math.exp(-2.0)), 5.0]])
    together = TABLE["logsumexp"].array(columns)
    assert together.tolist() == [logsumexp(column) for column in columns.T.tolist()]
    assert 0 < abs(together[0]) < 1e-16


# --- the judge -------------------------------------------------------------------------------------


def wrong(name, partial):
    """The row with another rule for its partial."""
    row = TABLE[name]
    engine = {OURS: lambda x: [row.evaluate(x), partial(row.evaluate(x), x)]}
    return dataclasses.replace(only(name), engines=engine)


@pytest.mark.parametrize(
    ("name", "partial"),
    [
        ("tanh", lambda y, x: 1 - y * y),
        ("sigmoid", lambda y, x: y * (1 - y)),
        ("expm1", lambda y, x: y + 1),
        ("atan", lambda y, x: 1 / (1 + x)),
        ("cosh", lambda y, x: -math.sinh(x)),
        ("exp", lambda y, x: 0.0),
        ("log", lambda y, x: math.nan),
        ("sqrt", lambda y, x: 0.5 / y * (1 + 2.0**-50)),
    ],
)
def test_the_judge_sees_a_wrong_rule(name, partial):
    value, slope, *_ = judge.judge(wrong(name, partial), POINTS)
    assert not value.missed
    assert slope.missed
    assert slope.worst[OURS].args


@pytest.mark.parametrize(
    ("name", "partial"),
    [
        ("sigmoid", lambda x: autograd.sigmoid(x) * autograd.sigmoid(-x)),  # σ″ cancels near 0
        ("tanh", lambda x: 1.0 / (autograd.cosh(x) * autograd.cosh(x))),  # and here the cosine overflows
        ("atan", lambda x: 1.0 / (1.0 + x * x)),
    ],
)
def test_the_judge_sees_a_rule_that_differentiates_badly(name, partial):
    def bends(*args):
        leaf = Value(args[0])
        return [grad(partial(leaf), [leaf])[0]]

    subject = dataclasses.replace(only(name), bends=bends)
    second = [finding for finding in judge.judge(subject, POINTS) if finding.second]
    assert second[0].missed


def test_pythons_own_function_is_the_limit_where_it_is_worse():
    """And only for what it computes: here the value, not the derivative."""
    subject = only("exp")
    far = {"math": lambda x: [math.exp(x) * (1 + 2.0**-49)], OURS: subject.engines[OURS]}
    value, slope, _ = judge.judge(dataclasses.replace(subject, engines=far), POINTS)
    assert value.limit > 7
    assert slope.limit == 4
    assert "math itself" in report.line(value)[-1]


def test_the_hardest_angle_is_among_the_points():
    """The sine of it is 4.7e-19: an argument reduction that is short of digits shows there."""
    assert (6381956970095103.0 * 2.0**797,) in only("sin").points(POINTS)


def test_ulps_are_those_of_the_truth():
    assert ulps(1.0, mpf(1)) == 0.0
    assert ulps(1.0 + 2.0**-52, mpf(1)) == 1.0
    assert ulps(1.0, mpf(1) + mpf(2) ** -53) == 0.5
    assert ulps(math.nan, mpf(1)) == ulps(math.inf, mpf(1)) == math.inf
    assert ulps(3.0, mpf(1), of=4.0) == 2.0 * 2.0**52 / 4.0


@pytest.mark.parametrize(
    ("name", "x"),
    [
        ("log1p", 1e-320),
        ("expm1", -1e-300),
        ("softplus", -700.0),
        ("asin", 1 - 2.0**-53),
        ("atan", 1e-160),
        ("sin", 1e300),
    ],
)
def test_the_truth_has_50_digits(name, x):
    """It is the same to 50 digits with a thousand more."""
    reference = only(name).reference
    for once, again in zip(truth(reference, (x,)), truth(reference, (x,), 1500), strict=True):
        assert abs(once - again) <= abs(again) * mpf(10) ** -50


# --- the points ------------------------------------------------------------------------------------


def test_ordinals_count_the_floats():
    for x in (0.0, 5e-324, -5e-324, 1.0, -1.5, 2.0**-1022, sys.float_info.max, -sys.float_info.max):
        assert points.float_at(points.ordinal(x)) == x
        if abs(x) < sys.float_info.max:
            assert points.float_at(points.ordinal(x) + 1) == math.nextafter(x, math.inf)
    assert points.float_at(points.ordinal(sys.float_info.max) + 5) == sys.float_info.max


@pytest.mark.parametrize(
    ("name", "x"),
    [
        ("silu", -1.2784645427610737),  # a zero of the derivative
        ("log", 1.0),  # of the value
        ("exp", 709.782712893384),  # the last before overflow
        ("exp", -708.3964185322641),  # the last normal one
        ("log1p", math.nextafter(-1.0, 0.0)),  # the end of the domain
        ("asin", math.nextafter(1.0, 0.0)),
        ("asin", math.nextafter(-1.0, 0.0)),
    ],
)
def test_zeros_edges_and_ends_are_found(name, x):
    numbers = [number for (number,) in only(name).points(POINTS)]
    assert x in numbers
    beside = [math.nextafter(x, math.inf), math.nextafter(x, -math.inf)]
    assert any(number in numbers for number in beside)
    assert any(0 < abs(number - x) <= 1e-10 * abs(x) for number in numbers if number not in beside)


def test_points_reach_from_the_subnormal_numbers_to_the_largest():
    numbers = [number for (number,) in only("neg").points(POINTS)]
    for sign in (1, -1):
        sizes = [sign * number for number in numbers if sign * number > 0]
        assert min(sizes) < sys.float_info.min
        assert max(sizes) > 1e300


def test_logits_come_in_all_the_ways():
    drawn = [values for (values,) in only("logsumexp").points(400)]
    assert any(len(values) == 1 for values in drawn)
    assert any(len(set(values)) == 1 < len(values) for values in drawn)
    assert any(max(map(abs, values)) == 1e300 for values in drawn)
    assert any(abs(logsumexp(values)) < 1e-15 < max(map(abs, values)) < 30 for values in drawn)


# --- the report ------------------------------------------------------------------------------------


def test_the_report_shows_each_quantity_and_what_is_missed():
    findings = [*judge.judge(only("cosh"), 20), *judge.judge(wrong("tanh", lambda y, x: 1 - y * y), POINTS)]
    head, *lines = report.table(findings)
    assert head.split()[:6] == ["of", "points", "autograd", "math", "torch", "jax"]
    quantities = ["value", "∂x", "∂x∂x"]
    assert [line.split()[0] for line in lines] == ["cosh", *quantities, "tanh", *quantities]
    assert "x = " in lines[1]
    assert [("MISSED: above 4" in line) for line in lines] == [False] * 6 + [True, False]


def test_the_report_ends_with_status_1_where_a_target_is_missed(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["accuracy", "--points", "60", "sqrt"])
    monkeypatch.setattr(report, "subjects", lambda names, compare: subjects(names))
    assert report.main() == 0
    assert "3 of 3 within their target" in capsys.readouterr().out
    broken = wrong("sqrt", lambda y, x: 0.51 / y)
    monkeypatch.setattr(report, "subjects", lambda names, compare: [broken])
    assert report.main() == 1
    assert "2 of 3 within their target" in capsys.readouterr().out


# --- arrays ----------------------------------------------------------------------------------------


def on_arrays(row, batch):
    """For each of the points, of one shape, what the row's array form and its rule give for all at once."""
    arrays = [np.array(column).T for column in zip(*batch, strict=True)]  # sequences along the first axis
    with np.errstate(all="ignore"):
        values = np.asarray(row.array(*arrays))
        slopes = row.partials(values, *arrays)
    wide = [np.broadcast_to(slope, np.shape(array)) for slope, array in zip(slopes, arrays) if np.size(array)]
    return np.vstack([values, *wide]).T.tolist()


def size_of_values(values):
    """Σ|vᵢ| for the value; its derivatives are judged by themselves."""
    return [sum(map(abs, values)), *[None] * len(values)]


@pytest.mark.parametrize("subject", ROWS, ids=named)
def test_array_forms_and_rules_on_arrays_are_as_good(subject):
    """Within 8 ulp; numpy's sum and mean add without compensation, which is in ulp of Σ|vᵢ|."""
    sampled = list(subject.points(scaled(POINTS)))
    shapes = [tuple(np.shape(arg) for arg in args) for args in sampled]
    results = {}
    for shape in set(shapes):
        batch = [args for args, each in zip(sampled, shapes, strict=True) if each == shape]
        results.update(zip(map(repr, batch), on_arrays(TABLE[subject.name], batch), strict=True))
    units = size_of_values if subject.name in ("sum", "mean") else subject.units
    engines = {**subject.engines, OURS: lambda *args: results[repr(args)]}
    changed = {
        "engines": engines,
        "points": lambda count: sampled,
        "limit": 8.0,
        "units": units,
        "bends": None,
    }
    for finding in judge.judge(dataclasses.replace(subject, **changed), len(sampled)):
        assert not finding.missed, (finding.quantity, finding.worst[OURS])
