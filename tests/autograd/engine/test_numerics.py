"""design.md's "Numerics, decided once", line by line."""

import math

import numpy as np
import pytest

import autograd
from autograd import (
    AnomalyError,
    GraphError,
    Value,
    detect_anomaly,
    dot,
    elu,
    exp,
    grad,
    leaky_relu,
    log,
    log_softmax,
    logsumexp,
    maximum,
    mean,
    minimum,
    relu,
    sequence,
    sigmoid,
    softmax,
    softplus,
    sqrt,
    sum,
    tanh,
    where,
)
from autograd.engine.primitives import TABLE
from tests.support.along import along

inf, nan = math.inf, math.nan


def gradient(f, *numbers):
    """By backward, by grad and by the recorded gradient, which must be the same."""
    inputs = list(map(Value, numbers))
    output = f(*inputs)
    functional = grad(output, inputs)
    recorded = [each.data for each in grad(output, inputs, create_graph=True)]
    output.backward()
    swept = [each.grad for each in inputs]
    assert swept == pytest.approx(functional, rel=1e-15, abs=0, nan_ok=True)
    assert swept == pytest.approx(recorded, rel=1e-15, abs=0, nan_ok=True)
    return swept


def same(got, expected):
    """Equal, with nan equal to nan."""
    return got == pytest.approx(expected, rel=0, abs=0, nan_ok=True)


# --- IEEE 754, no exceptions -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("compute", "expected"),
    [
        (lambda: exp(Value(1000.0)), inf),
        (lambda: log(Value(0.0)), -inf),
        (lambda: log(Value(-1.0)), nan),
        (lambda: Value(-8.0) ** (1 / 3), nan),
        (lambda: Value(-8.0) ** Value(1 / 3), nan),
        (lambda: (-8.0) ** Value(1 / 3), nan),
        (lambda: np.float64(-8.0) ** Value(1 / 3), nan),
        (lambda: Value(-8.0) ** 3, -512.0),
        (lambda: Value(-8.0) ** -1, -0.125),
        (lambda: Value(-8.0) ** Value(2.0), 64.0),
        (lambda: 1 / Value(0.0), inf),
        (lambda: -1 / Value(0.0), -inf),
        (lambda: 1 / Value(-0.0), -inf),
        (lambda: Value(1.0) / 0, inf),
        (lambda: Value(0.0) / Value(0.0), nan),
        (lambda: Value(0.0) ** -1, inf),
        (lambda: Value(10.0) ** 400, inf),
        (lambda: Value(10.0) ** -400, 0.0),
        (lambda: 10.0 ** Value(400.0), inf),
        (lambda: Value(1e308) * 10, inf),
        (lambda: Value(inf) - inf, nan),
        (lambda: Value(0.0) * inf, nan),
        (lambda: sqrt(Value(-1.0)), nan),
        (lambda: Value(inf).sin(), nan),
        (lambda: Value(inf).cos(), nan),
        (lambda: Value(-inf).tan(), nan),
        (lambda: Value(1.5).asin(), nan),
        (lambda: Value(-1.5).acos(), nan),
        (lambda: Value(1000.0).sinh(), inf),
        (lambda: Value(-1000.0).sinh(), -inf),
        (lambda: Value(-1000.0).cosh(), inf),
        (lambda: Value(1000.0).expm1(), inf),
        (lambda: Value(-1.0).log1p(), -inf),
        (lambda: Value(-2.0).log1p(), nan),
        (lambda: sum([Value(inf), -inf]), nan),
        (lambda: sum([Value(1e308), 1e308]), inf),
        (lambda: mean([Value(inf), 1.0]), inf),
        (lambda: dot([Value(inf), 1.0], [0.0, 1.0]), nan),
        (lambda: dot([Value(1e308)], [10.0], 1.0), inf),
        (lambda: logsumexp([Value(inf), 1.0]), inf),
        (lambda: logsumexp([Value(-inf), -inf]), -inf),
        (lambda: logsumexp([Value(-inf), 1.0]), 1.0),
        (lambda: logsumexp([Value(nan), inf]), nan),
        (lambda: relu(Value(inf)), inf),
        (lambda: elu(Value(-inf)), -1.0),
        (lambda: softplus(Value(-inf)), 0.0),
        (lambda: sigmoid(Value(-inf)), 0.0),
        (lambda: tanh(Value(inf)), 1.0),
        (lambda: maximum(Value(-inf), inf), inf),
    ],
)
def test_arithmetic_follows_ieee_754_and_never_raises(compute, expected):
    """As results of recorded nodes; pytest turns any warning into an error."""
    assert same(compute().data, expected)


UNARY = [name for name, row in TABLE.items() if row.plain and len(row.domain) == 1]
BINARY = [name for name, row in TABLE.items() if row.plain and len(row.domain) == 2]


@pytest.mark.parametrize("name", UNARY)
@pytest.mark.parametrize("x", [0.0, -0.0, inf, -inf, nan, 5e-324, -5e-324, 1.7e308, -1.7e308])
def test_no_special_operand_raises_at_any_order(name, x):
    """Value, gradient and second derivative of one-argument rows: numbers, whatever they are."""
    leaf = Value(x)
    node = TABLE[name](leaf)
    node.backward()
    first = grad(node, [leaf], create_graph=True)[0]
    second = grad(first, [leaf])[0]
    assert {type(node.data), type(leaf.grad), type(first.data), type(second)} == {float}
    assert same(first.data, leaf.grad)
    if math.isnan(x):
        assert math.isnan(node.data)


@pytest.mark.parametrize("name", BINARY)
def test_no_special_operands_raise_in_rows_of_two(name):
    special = [0.0, -0.0, inf, -inf, nan, 1.7e308, -1.7e308, -2.5, 1.0]
    for a in special:
        for b in special:
            leaves = [Value(a), Value(b)]
            node = TABLE[name](*leaves)
            first = grad(node, leaves, create_graph=True)
            assert same([each.data for each in first], grad(node, leaves))
            for slope in first:
                assert set(map(type, grad(slope, leaves))) == {float}


@pytest.mark.parametrize(
    "f",
    [
        relu, leaky_relu, elu, softplus, sigmoid, tanh, exp, log, sqrt, abs,
        lambda x: maximum(x, 1.0), lambda x: maximum(1.0, x), lambda x: minimum(x, 1.0),
        lambda x: minimum(1.0, x), lambda x: x.step(), lambda x: x.greater(1.0), lambda x: x**2,
        lambda x: 2**x, lambda x: x + 1, lambda x: sum([x, 1.0]), lambda x: sum([1.0, x]),
        lambda x: mean([1.0, x]), lambda x: dot([1.0, x], [1.0, 1.0]), lambda x: logsumexp([1.0, x]),
        lambda x: logsumexp([x, 1.0]), lambda x: softmax([1.0, x])[0], lambda x: softmax([x, 1.0])[0],
        lambda x: log_softmax([1.0, x])[0], lambda x: log_softmax([x, 1.0])[1],
        lambda x: where(True, x, 1.0), lambda x: where(x, 1.0, 2.0) * x,
    ],
)  # fmt: skip
def test_nan_propagates_through_everything(f):
    assert math.isnan(f(Value(nan)).data)


@pytest.mark.parametrize("f", [relu, leaky_relu, elu, abs, sigmoid, tanh, lambda x: maximum(x, 0.0)])
def test_the_derivative_at_nan_is_nan(f):
    assert math.isnan(gradient(f, nan)[0])


def test_no_numpy_warning_or_setting_leaks():
    """Arithmetic that overflows leaves numpy's own error state alone."""
    before = np.geterr()
    with np.errstate(all="raise"):
        y = exp(Value(1000.0)) / 0 + Value(-1.0) ** 0.5
        y.backward()
    assert np.geterr() == before


# --- the kink table --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("f", "x", "expected"),
    [
        (relu, 0.0, 0.0),
        (relu, -0.0, 0.0),
        (abs, 0.0, 0.0),
        (abs, -0.0, 0.0),
        (lambda x: x.step(), 0.0, 0.0),
        (lambda x: maximum(x, x), 1.5, 1.0),
        (lambda x: minimum(x, x), 1.5, 1.0),
        (lambda x: maximum(x, 0.0), 0.0, 0.5),
        (lambda x: minimum(x, 0.0), 0.0, 0.5),
        (lambda x: maximum(0, x), 0.0, 0.5),
        (leaky_relu, 0.0, 0.01),
        (lambda x: leaky_relu(x, 0.25), 0.0, 0.25),
        (elu, 0.0, 1.0),
        (lambda x: elu(x, 0.5), 0.0, 0.5),
        (sqrt, 0.0, inf),
        (lambda x: x**0, 0.0, 0.0),
        (lambda x: x**0.0, 0.0, 0.0),
        (lambda x: x ** Value(0.0), 0.0, 0.0),
        (lambda x: x**1, 0.0, 1.0),
        (lambda x: x**2, 0.0, 0.0),
        (lambda x: x ** Value(2.0), 0.0, 0.0),
        (lambda x: x**0.5, 0.0, inf),
        (lambda x: x**-1, 0.0, -inf),
        (lambda y: 0**y, 2.0, 0.0),
        (lambda y: 0.0**y, 0.5, 0.0),
        (lambda y: Value(0.0) ** y, 1.0, 0.0),
        (lambda y: 0**y, 0.0, 0.0),
        (lambda y: (-2.0) ** y, 2.0, nan),
        (log, 0.0, inf),
        (lambda x: 1 / x, 0.0, -inf),
        (autograd.sign, 0.0, 0.0),
        (autograd.floor, 2.0, 0.0),
        (autograd.ceil, 2.0, 0.0),
        (autograd.hardtanh, 1.0, 0.0),
        (autograd.hardtanh, -1.0, 0.0),
        (autograd.softsign, 0.0, 1.0),
        (autograd.cbrt, 0.0, inf),
        (autograd.acosh, 1.0, inf),
        (lambda x: TABLE["mod"](x, 2.0), 4.0, 1.0),
        (lambda x: TABLE["mod"](7.0, x), 2.0, -3.0),
        (lambda x: TABLE["floordiv"](x, 2.0), 4.0, 0.0),
    ],
)
def test_kink_table(f, x, expected):
    assert same(gradient(f, x), [expected])


def test_a_tie_of_maximum_shares_the_derivative():
    assert gradient(maximum, 1.0, 1.0) == [0.5, 0.5]
    assert gradient(minimum, -3.0, -3.0) == [0.5, 0.5]
    assert gradient(maximum, inf, inf) == [0.5, 0.5]
    assert gradient(maximum, 0.0, -0.0) == [0.5, 0.5]


# torch 2.13: torch.norm and torch.hypot of tensors of float64; the gradient of hypot at 0 is nan there.
def test_a_length_has_gradient_zero_at_zero_and_no_square_overflows():
    for f in (autograd.hypot, lambda *v: autograd.norm(v), lambda x, y: autograd.norm([x, y, 0.0])):
        assert gradient(f, 0.0, 0.0) == [0.0, 0.0]
        assert gradient(f, 3.0, 4.0) == [0.6, 0.8]
        for size in (1e200, 1e-200, 5e-324):
            assert gradient(f, size, 0.0) == [1.0, 0.0]
        assert f(Value(3e200), Value(4e200)).data == pytest.approx(5e200, rel=1e-15)
        assert f(Value(3e-200), Value(4e-200)).data == pytest.approx(5e-200, rel=1e-15)
        assert f(Value(-inf), Value(nan)).data == inf
        assert math.isnan(f(Value(nan), Value(1.0)).data)
    assert autograd.norm([]) == 0.0


def test_the_second_derivatives_of_a_length_do_not_cancel():
    """∂²/∂x² √(x² + y²) is y²/r³, where 1/r − x²/r³ has no digit left; and 0 at 0, as the gradient."""
    for f in (autograd.hypot, lambda *v: autograd.norm(v)):
        x, y = Value(1e10), Value(1.0)
        by_x, by_y = grad(f(x, y), [x, y], create_graph=True)
        assert grad(by_x, [x, y]) == pytest.approx([1e-30, -1e-20], rel=1e-14, abs=0)
        assert grad(by_y, [x, y]) == pytest.approx([-1e-20, 1e-10], rel=1e-14, abs=0)
        x, y = Value(0.0), Value(0.0)
        for slope in grad(f(x, y), [x, y], create_graph=True):
            assert grad(slope, [x, y]) == [0.0, 0.0]


def test_the_gradient_of_atan2_at_the_origin_is_nan_as_in_torch_and_jax():
    assert same(gradient(autograd.atan2, 0.0, 0.0), [nan, nan])
    assert gradient(autograd.atan2, 0.0, -1.0) == [-1.0, 0.0]


@pytest.mark.parametrize("b", [3.0, -3.0, 0.1, -0.1, inf, -inf])
@pytest.mark.parametrize("a", [7.0, -7.0, 1.0, 0.0, -0.0, 0.3, 1e300, -5e-324])
def test_remainders_are_those_of_python(a, b):
    for name, expected in (("mod", a % b), ("floordiv", a // b)):
        got = TABLE[name](Value(a), b).data
        assert same(got, expected)
        assert math.copysign(1.0, got) == math.copysign(1.0, expected)
        assert same(float(TABLE[name].array(np.float64(a), np.float64(b))), expected)


def test_remainders_by_zero_follow_numpy():
    assert same([TABLE["mod"](Value(x), 0.0).data for x in (1.0, -1.0, 0.0)], [nan, nan, nan])
    assert same([TABLE["floordiv"](Value(x), 0.0).data for x in (1.0, -1.0, 0.0)], [inf, -inf, nan])


@pytest.mark.parametrize(
    ("name", "row"),
    [
        ("log2", "log2"), ("log10", "log10"), ("cbrt", "cbrt"), ("arcsinh", "asinh"), ("arccosh", "acosh"),
        ("arctanh", "atanh"), ("hypot", "hypot"), ("arctan2", "atan2"),
    ],
)  # fmt: skip
def test_functions_of_numpy_on_values_are_the_rows(name, row):
    """On a `Value`, and on an object array of them."""
    start = 1.5 if row == "acosh" else 0.25
    values = [[Value(start + i / 4 + j / 8) for j in range(2)] for i in range(len(TABLE[row].domain))]
    arrays = [np.array(each, dtype=object) for each in values]
    expected = [TABLE[row].evaluate(*[value.data for value in pair]) for pair in zip(*values, strict=True)]
    found = getattr(np, name)(*arrays)
    assert [(each.op, each.data) for each in found] == [(row, each) for each in expected]
    assert getattr(np, name)(*[each[0] for each in values]).data == expected[0]


def test_powers_at_zero_at_higher_order():
    """x² has second derivative 2 at 0, x³ third derivative 6, and x¹ second derivative 0: no 0 · inf."""
    for exponent, orders in [(2, [0, 2, 0]), (3, [0, 0, 6]), (1, [1, 0, 0]), (0, [0, 0, 0])]:
        for spelling in (exponent, float(exponent), Value(exponent)):
            x = Value(0.0)
            y = x**spelling
            for expected in orders:
                (y,) = grad(y, [x], create_graph=True)
                assert y.data == expected, (exponent, spelling)


@pytest.mark.parametrize("x", [1e-6, 1e-9, 1e-12, 1e-17, 1e-300, -1e-9])
def test_the_second_derivative_of_the_sigmoid_near_zero(x):
    """It is −x/8 there: by σ(x) σ(−x), differentiated factor by factor, it has half the digits, or is 0."""
    leaf = Value(x)
    (slope,) = grad(sigmoid(leaf), [leaf], create_graph=True)
    assert grad(slope, [leaf])[0] == pytest.approx(-x / 8, rel=1e-12, abs=0)


def test_second_and_third_derivatives_of_an_unlikely_class():
    """ln p₀ for the logits −30, 0, 30: mpmath at 50 digits. The sum 1 − p₁ − p₂ has no digit of p₀ left."""
    p0, p1, p2 = 8.7565107626963908e-27, 9.3576229688392989e-14, 0.99999999999990642
    z = [Value(-30.0), Value(0.0), Value(30.0)]
    for rows in (log_softmax(z)[0], z[0] - logsumexp(z)):
        first = grad(rows, z, create_graph=True)
        hessian = [grad(slope, z, create_graph=True) for slope in first]
        expected = [[-p0, p0 * p1, p0 * p2], [p0 * p1, -p1, p1 * p2], [p0 * p2, p1 * p2, -p1]]
        for i, j in [(0, 0), (0, 1), (1, 0), (1, 1)]:
            assert hessian[i][j].data == pytest.approx(expected[i][j], rel=1e-12, abs=0)
        # ∂³/∂z₀² ∂z₁ = p₀ p₁ (1 − 2 p₀)
        assert grad(hessian[0][1], [z[0]])[0] == pytest.approx(p0 * p1, rel=1e-12, abs=0)


def test_relu_and_maximum_have_second_derivative_zero_everywhere():
    for f in (relu, abs, lambda x: maximum(x, 0.0), lambda x: minimum(x, 1.0), leaky_relu):
        for at in (-1.0, 0.0, 2.0):
            x = Value(at)
            assert grad(grad(f(x), [x], create_graph=True)[0], [x]) == [0.0]


# --- where -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "f",
    [
        lambda x: where(x > 0, sqrt(x), 0),
        lambda x: where(x > 0, sqrt(x), 0.0 * x),
        lambda x: where(x <= 0, 0, log(x)),
        lambda x: where(x.greater(0.0), sqrt(x), 0),
        lambda x: where(x.step(), x.log(), 0),
        lambda x: where(Value(0.0), 1 / (x + 1), 0),
        lambda x: where(np.bool_(False), x**0.5, 0),
        lambda x: (x > 0 and sqrt(x)) or where(False, exp(sqrt(x)) / 0, 0),
        lambda x: where(x > 0, where(x > 1, log(x), sqrt(x)), where(x < -2, sqrt(x), 0 * x)),
    ],
)
def test_where_never_differentiates_the_branch_not_taken(f):
    """Gradient 0 at −1, where the other branch is nan; at first, second and third order."""
    x = Value(-1.0)
    y = f(x)
    for _ in range(3):
        assert grad(y, [x]) == [0.0]
        y.backward()
        assert x.grad == 0.0
        (y,) = grad(y, [x], create_graph=True)


def test_where_at_the_edge_of_the_branch():
    """At 0 the derivative of sqrt is inf; the branch is not taken, so it does not matter."""
    assert gradient(lambda x: where(x > 0, sqrt(x), 0), 0.0) == [0.0]
    assert gradient(lambda x: where(x, sqrt(x), 2 * x), 0.0) == [2.0]


def test_where_differentiates_the_branch_taken():
    assert gradient(lambda x: where(x > 0, x**3, sqrt(x)), 2.0) == [12.0]
    x = Value(2.0)
    (first,) = grad(where(x > 0, x**3, sqrt(x)), [x], create_graph=True)
    assert grad(first, [x]) == [12.0]


def test_a_condition_that_is_a_value_has_derivative_zero():
    assert gradient(lambda c, a, b: where(c, a, b), 1.0, 2.0, 3.0) == [0.0, 1.0, 0.0]
    assert gradient(lambda c, a, b: where(c, a, b), 0.0, 2.0, 3.0) == [0.0, 0.0, 1.0]
    assert gradient(lambda c: where(c, c, 0.0), 4.0) == [1.0]


def test_a_shared_node_below_both_branches_counts_once():
    def f(x):
        shared = x * x
        return where(x > 0, shared, sqrt(-shared)) + shared

    assert gradient(f, 3.0) == [12.0]


# --- repeated backward -----------------------------------------------------------------------------


def test_repeated_backward_adds_to_the_leaves_only():
    """The example of design.md; two of the peers give 42 and 12."""
    x = Value(3.0)
    y = x * x
    (2 * y).backward()
    assert (x.grad, y.grad) == (12.0, 2.0)
    (3 * y).backward()
    assert (x.grad, y.grad) == (30.0, 3.0)


def test_the_same_output_twice():
    x = Value(3.0)
    z = (x * x) * 2
    z.backward()
    z.backward()
    assert x.grad == 24.0
    assert z.grad == 1.0


def test_a_graph_grown_from_a_swept_one():
    """A later sweep through an interior node that an earlier one left an adjoint on."""
    x = Value(2.0)
    y = exp(x * 0.0) * x
    y.backward()
    z = y * y
    z.backward()
    assert y.grad == 4.0
    assert x.grad == 1.0 + 4.0


def test_clearing_grad_starts_again():
    x = Value(3.0)
    for cleared in (None, 0.0, 0):
        x.grad = cleared
        (x * x).backward()
        assert x.grad == 6.0


def test_a_leaf_is_its_own_output():
    x = Value(3.0)
    x.backward()
    x.backward()
    assert x.grad == 2.0


def test_what_backward_does_not_reach_is_not_reached():
    x, unused = Value(1.0), Value(2.0)
    aside = x * unused
    (x + 1).backward()
    assert not unused.reached
    assert not aside.reached


def test_constants_have_no_gradient():
    y = 2 * Value(3.0)
    y.backward()
    assert [parent.grad for parent in y.parents] == [0.0, 2.0]
    assert [parent.reached for parent in y.parents] == [False, True]


# --- stale data ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "record",
    [
        lambda x: x * x,
        lambda x: exp(x * 3) + 1,
        lambda x: sum([x, 1.0, 2.0]),
        lambda x: dot([x, 2.0], [1.0, x]),
        lambda x: logsumexp([x, 1.0]),
        lambda x: softmax([1.0, x])[0],
        lambda x: where(True, x, 0.0),
        lambda x: sum(along(exp, (x, 2.0))),
        lambda x: sum(along(relu, along(dot, ((x, 1.0), (1.0, 1.0)), ((1.0, 1.0),) * 2))),
        lambda x: dot([1.0, 1.0], [1.0, x]),
        lambda x: elu(x, 1.0),
        lambda x: x**3,
    ],
)
def test_changing_a_leaf_makes_its_graph_stale(record):
    """backward() and grad() raise, naming the leaf, and no gradient changes."""
    x = Value(1.0, "pressure")
    y = record(x)
    x.grad = 7.0
    x.data = 2.0
    with pytest.raises(GraphError, match="pressure"):
        y.backward()
    assert x.grad == 7.0
    for create_graph in (False, True):
        with pytest.raises(GraphError, match="pressure"):
            grad(y, [x], create_graph=create_graph)
    fresh = record(x)
    fresh.backward()
    assert x.grad == pytest.approx(7.0 + grad(fresh, [x])[0], rel=1e-15)


def test_a_new_operation_on_a_stale_node_is_still_stale():
    x = Value(1.0, "x")
    y = x * x
    x.data = 2.0
    with pytest.raises(GraphError, match="x"):
        (y + 1.0).backward()
    with pytest.raises(GraphError, match="x"):
        (y + x).backward()


def test_setting_the_same_number_makes_it_stale_too():
    """An error is allowed where the gradient would be right; a mixed gradient is not."""
    x = Value(1.0, "x")
    y = x * x
    x.data = 1.0
    with pytest.raises(GraphError):
        y.backward()


def test_changes_elsewhere_do_not_disturb():
    x, other = Value(3.0), Value(1.0)
    y = x * x
    other.data = 5.0
    y.backward()
    assert x.grad == 6.0
    other.data += 1
    assert grad(y, [x]) == [6.0]


def test_the_update_of_gradient_descent_works():
    """Set data after backward, record again: `p.data -= lr * p.grad`."""
    w = Value(5.0)
    for _ in range(50):
        w.grad = None
        loss = (w - 2.0) ** 2
        loss.backward()
        w.data -= 0.25 * w.grad
    assert w.data == pytest.approx(2.0, abs=1e-12)


def test_a_sequence_sees_changed_leaves():
    """An operand kept over steps, like the weights of a neuron, gives the new numbers after a change."""
    w = sequence([Value(1.0), Value(2.0)])
    assert dot(w, [1.0, 1.0]).data == 3.0
    w[0].data = 10.0
    assert dot(w, [1.0, 1.0]).data == 12.0


def test_the_data_of_a_computed_node_cannot_be_set():
    y = (Value(2.0) * 3).exp()
    y.label = "volume"
    with pytest.raises(GraphError, match="volume"):
        y.data = 1.0
    assert y.data == math.exp(6.0)


# --- detect_anomaly --------------------------------------------------------------------------------


def test_detect_anomaly_names_the_first_bad_value():
    x = Value(0.0, "width")
    with detect_anomaly(), pytest.raises(AnomalyError, match=r"log gave -inf.*width = 0\.0"):
        log(x)
    with detect_anomaly(), pytest.raises(AnomalyError, match=r"div.*inf"):
        1 / x
    with detect_anomaly(), pytest.raises(AnomalyError, match="exp"):
        along(exp, (Value(1000.0), 1.0))
    with detect_anomaly(), pytest.raises(AnomalyError, match="sum"):
        sum([Value(inf), 1.0])
    assert log(x).data == -inf


def test_detect_anomaly_names_the_first_bad_gradient():
    x = Value(0.0, "width")
    x.grad = 3.0
    with detect_anomaly():
        y = sqrt(x) * 1.0
        with pytest.raises(AnomalyError, match=r"width.*sqrt"):
            y.backward()
        assert x.grad == 3.0
        with pytest.raises(AnomalyError, match="width"):
            grad(y, [x])
    y.backward()
    assert x.grad == inf


def test_detect_anomaly_lets_finite_numbers_pass():
    with detect_anomaly():
        x = Value(2.0)
        y = where(x > 0, sqrt(x), 0) + sum([x, 1.0])
        y.backward()
    assert x.grad == pytest.approx(1 + 0.5 / math.sqrt(2.0))


def test_detect_anomaly_has_no_false_alarm_in_a_rule():
    """The rule of aᵇ records 0ᵇ · log(0) = nan behind a `where` that does not take it."""
    x, n = Value(0.0), Value(2.0)
    with detect_anomaly():
        assert grad(x**n, [x, n]) == [0.0, 0.0]
        assert [slope.data for slope in grad(x**n, [x, n], create_graph=True)] == [0.0, 0.0]


def test_detect_anomaly_ends_with_its_block_even_by_an_exception():
    with pytest.raises(AnomalyError), detect_anomaly():
        log(Value(0.0))
    assert log(Value(0.0)).data == -inf


# --- bad input -------------------------------------------------------------------------------------

x0 = Value(1.0)


@pytest.mark.parametrize(
    ("call", "error", "says"),
    [
        (lambda: Value("a"), TypeError, "str.*'a'"),
        (lambda: Value("1.0"), TypeError, "str"),
        (lambda: Value(b"1"), TypeError, "bytes"),
        (lambda: Value(1 + 2j), TypeError, r"complex.*\(1\+2j\)"),
        (lambda: Value(np.complex128(1)), TypeError, "complex128"),
        (lambda: Value(np.array([1.0, 2.0])), TypeError, r"ndarray of shape \(2,\)"),
        (lambda: Value(np.array(["a"])), TypeError, "ndarray"),
        (lambda: Value(None), TypeError, "NoneType"),
        (lambda: Value([]), TypeError, "list"),
        (lambda: Value([1.0]), TypeError, r"list.*\[1\.0\]"),
        (lambda: Value(x0), TypeError, "Value"),
        (lambda: Value(10**400), ValueError, "401 digits"),
        (lambda: Value(-(10**400)), ValueError, "401 digits"),
        (lambda: Value(1.0, label=3), TypeError, "label.*int"),
        (lambda: Value(1.0, label=None), TypeError, "label.*NoneType"),
        (lambda: setattr(Value(1.0), "label", b"x"), TypeError, "label.*bytes"),
        (lambda: setattr(Value(1.0), "data", "a"), TypeError, r"Value\.data.*str"),
        (lambda: setattr(Value(1.0), "data", None), TypeError, r"Value\.data.*NoneType"),
        (lambda: setattr(Value(1.0), "data", np.ones(3)), TypeError, r"ndarray of shape \(3,\)"),
        (lambda: setattr(Value(1.0), "data", 10**400), ValueError, "401 digits"),
        (lambda: x0 + "a", TypeError, "str"),
        (lambda: "a" + x0, TypeError, "str"),
        (lambda: x0 * None, TypeError, "NoneType"),
        (lambda: x0 * [1.0], TypeError, "list"),
        (lambda: x0 / 1j, TypeError, "complex"),
        (lambda: 1j ** x0, TypeError, "complex"),
        (lambda: x0**"2", TypeError, "str"),
        (lambda: x0 - 10**400, ValueError, "401 digits"),
        (lambda: x0 < "a", TypeError, "str"),
        (lambda: x0 >= None, TypeError, "NoneType"),
        (lambda: maximum(x0, "a"), TypeError, "str"),
        (lambda: maximum(x0), TypeError, "argument"),
        (lambda: where(None, x0, x0), TypeError, "NoneType"),
        (lambda: exp(x0, x0), TypeError, "argument"),
        (lambda: x0.exp(2), TypeError, "argument"),
        (lambda: exp("a"), TypeError, "str"),
        (lambda: exp(None), TypeError, "NoneType"),
        (lambda: softmax([]), ValueError, "softmax.*empty"),
        (lambda: softmax(3.0), TypeError, "softmax.*float"),
        (lambda: softmax("ab"), TypeError, "softmax.*str"),
        (lambda: softmax([x0, "a"]), TypeError, "str"),
        (lambda: log_softmax([]), ValueError, "log_softmax.*empty"),
        (lambda: logsumexp([]), ValueError, "logsumexp.*empty"),
        (lambda: logsumexp(x0), TypeError, "logsumexp.*Value"),
        (lambda: mean([]), ValueError, "mean.*empty"),
        (lambda: mean(3), TypeError, "mean.*int"),
        (lambda: sum(3.0), TypeError, "sum.*float"),
        (lambda: sum(x0), TypeError, "sum.*Value"),
        (lambda: sum([x0, None]), TypeError, "NoneType"),
        (lambda: dot([x0], [1.0, 2.0]), ValueError, "1 weights.*2 inputs"),
        (lambda: dot([1.0, 2.0, 3.0], [x0]), ValueError, "3 weights.*1 inputs"),
        (lambda: dot(x0, x0), TypeError, "dot.*Value"),
        (lambda: dot([x0], ["a"]), TypeError, "str"),
        (lambda: dot([x0, 1.0], [x0]), ValueError, "2 weights.*1 inputs"),
        (lambda: sequence(["a"]), TypeError, "str"),
        (lambda: grad(3.0, [x0]), TypeError, "output.*float"),
        (lambda: grad(x0, [3.0]), TypeError, "inputs.*float"),
        (lambda: autograd.primitive(partials=3), TypeError, "partials.*int"),
        (lambda: autograd.primitive(partials=lambda y, x: 1.0, name="exp")(math.exp), ValueError, "'exp'"),
    ],
)  # fmt: skip
def test_bad_input_says_what_was_given(call, error, says):
    with pytest.raises(error, match=says):
        call()


def test_whatever_is_a_real_number_is_accepted():
    assert Value(True).data == 1.0
    assert Value(3).data == 3.0
    assert type(Value(np.float32(0.5)).data) is float
    assert Value(2**1000).data == 2.0**1000
