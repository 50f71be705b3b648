"""`grad`: derivatives as results, of any order, with nothing touched."""

import math

import pytest
from oracle import mp, mpf

from autograd import (
    Value,
    Vector,
    cos,
    detect_anomaly,
    dot,
    exp,
    grad,
    log,
    logsumexp,
    no_grad,
    relu,
    sigmoid,
    sin,
    softmax,
    sum,
    tanh,
    topological_order,
)


def test_floats_or_values():
    x = Value(2.0)
    plain = grad(x**3, [x])
    recorded = grad(x**3, [x], create_graph=True)
    assert (plain, type(plain[0])) == ([12.0], float)
    assert (recorded[0].data, type(recorded[0])) == (12.0, Value)


def test_it_is_pure():
    """Neither leaves nor interior nodes get a gradient, and those that have one keep it."""
    x, w = Value(2.0), Value(3.0)
    inner = x * w
    y = exp(inner) + inner
    x.grad, inner.grad = 5.0, 7.0
    for create_graph in (False, True):
        grad(y, [x, w, inner], create_graph=create_graph)
        assert (x.grad, w.grad, inner.grad, y.grad) == (5.0, None, 7.0, None)


def test_interior_nodes_are_inputs_too():
    x = Value(2.0)
    a = x * x
    b = exp(a)
    y = b * a
    assert grad(y, [a]) == [pytest.approx(math.exp(4.0) * 5.0, rel=1e-15)]
    assert grad(y, [b]) == [4.0]
    assert grad(y, [y]) == [1.0]
    assert grad(y, [b, x, a]) == pytest.approx([4.0, 20 * math.exp(4.0), 5 * math.exp(4.0)], rel=1e-15)


def test_an_input_below_another_input():
    """The derivative by an interior node does not stop what flows on to the leaf below it."""
    x = Value(3.0)
    a = x * 2
    y = a * a
    assert grad(y, [a, x]) == [12.0, 24.0]
    assert [each.data for each in grad(y, [a, x], create_graph=True)] == [12.0, 24.0]


def test_inputs_that_do_not_matter_have_derivative_zero():
    x, unused = Value(2.0), Value(1.0)
    above = x * unused
    for create_graph in (False, True):
        got = grad(x * x, [unused, x, above], create_graph=create_graph)
        assert [float(each) for each in got] == [0.0, 4.0, 0.0]
    zero = grad(x * x, [unused], create_graph=True)[0]
    assert grad(zero, [x, unused]) == [0.0, 0.0]


def test_an_input_given_twice_and_inputs_of_any_kind_of_sequence():
    x, y = Value(2.0), Value(3.0)
    assert grad(x * y, [x, x, y]) == [3.0, 3.0, 2.0]
    assert grad(x * y, (x, y)) == [3.0, 2.0]
    assert grad(x * y, Vector([x, y])) == [3.0, 2.0]
    assert grad(x * y, iter([x, y])) == [3.0, 2.0]
    assert grad(x * y, x) == [3.0]
    assert grad(x * y, []) == []


def test_the_output_is_a_leaf():
    x, other = Value(2.0), Value(3.0)
    assert grad(x, [x, other]) == [1.0, 0.0]
    assert [each.data for each in grad(x, [x, other], create_graph=True)] == [1.0, 0.0]


def test_a_constant_of_the_expression_can_be_an_input():
    x = Value(3.0)
    y = 5 * x
    assert grad(y, list(y.parents)) == [3.0, 5.0]


FUNCTIONS = {
    "polynomial": (lambda x: x**4 - 2 * x**3 + x, lambda x: x**4 - 2 * x**3 + x),
    "product": (lambda x: sin(x) * exp(x), lambda x: mp.sin(x) * mp.exp(x)),
    "quotient": (lambda x: x / (1 + x * x), lambda x: x / (1 + x * x)),
    "chain": (lambda x: tanh(sin(x) * x), lambda x: mp.tanh(mp.sin(x) * x)),
    "sigmoid": (lambda x: sigmoid(3 * x) ** 2, lambda x: (1 / (1 + mp.exp(-3 * x))) ** 2),
    "power": (lambda x: x**x, lambda x: x**x),
    "negative power": (lambda x: x**-1.5, lambda x: x ** mpf(-1.5)),
    "log": (lambda x: log(1 + x * x), lambda x: mp.ln(1 + x * x)),
    "logsumexp": (
        lambda x: logsumexp([x, 2 * x, 0.5]),
        lambda x: mp.ln(mp.exp(x) + mp.exp(2 * x) + mp.exp(0.5)),
    ),
    "softmax": (lambda x: softmax([x, x * x])[0], lambda x: 1 / (1 + mp.exp(x * x - x))),
    "dot": (lambda x: dot([x, x * x], [x, 2.0], cos(x)), lambda x: x * x + 2 * x * x + mp.cos(x)),
    "packed": (lambda x: sum(exp(Vector([x, 2 * x]))), lambda x: mp.exp(x) + mp.exp(2 * x)),
    "matrix": (
        lambda x: sum(tanh(dot(Vector([Vector([x, 1.0]), Vector([2.0, x])]), Vector([x, 0.5])))),
        lambda x: mp.tanh(x * x + mpf("0.5")) + mp.tanh(2.5 * x),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("at", [0.3, 1.1])
def test_derivatives_up_to_order_five(name, at):
    """Each order by differentiating the graph of the order below."""
    f, reference = FUNCTIONS[name]
    x = Value(at)
    y = f(x)
    for order in range(1, 6):
        y = grad(y, [x], create_graph=True)[0]
        exact = float(mp.diff(reference, mpf(at), order))
        assert y.data == pytest.approx(exact, rel=1e-9, abs=1e-10), order


def test_backward_through_a_gradient():
    """Gradient penalty: the recorded gradient is a graph like any other."""
    x, w = Value(2.0), Value(3.0)
    (slope,) = grad(w * x * x, [x], create_graph=True)
    (slope * slope).backward()
    assert w.grad == 2 * slope.data * 2 * 2.0
    assert x.grad == 2 * slope.data * 2 * 3.0
    assert topological_order(slope)[-1] is slope


def test_mixed_partials_commute():
    x, y = Value(0.7), Value(-0.4)
    f = sin(x * y) * exp(x) + x / (2 + y)
    by_x, by_y = grad(f, [x, y], create_graph=True)
    assert grad(by_x, [y])[0] == pytest.approx(grad(by_y, [x])[0], rel=1e-14)


def test_it_agrees_with_backward_on_a_network():
    weights = [[Value(0.1 * (i + j) - 0.2) for j in range(3)] for i in range(4)]
    inputs = [Value(0.5), Value(-1.0), Value(2.0)]
    hidden = [relu(dot(row, inputs, 0.1)) for row in weights]
    loss = sum([(h - 1.0) ** 2 for h in hidden])
    leaves = inputs + [w for row in weights for w in row]
    functional = grad(loss, leaves)
    loss.backward()
    assert [leaf.grad for leaf in leaves] == pytest.approx(functional, rel=1e-15)


def test_no_grad_makes_a_recorded_gradient_a_leaf():
    x = Value(2.0)
    y = x**3
    with no_grad():
        assert grad(y, [x]) == [12.0]


def test_detect_anomaly_looks_at_recorded_gradients_too():
    x = Value(0.0, "x")
    y = x**0.5
    with detect_anomaly():
        for create_graph in (False, True):
            with pytest.raises(FloatingPointError):
                grad(y, [x], create_graph=create_graph)


@pytest.mark.parametrize("bad", [1.0, None, "x", [1.0]])
def test_what_is_not_a_value_is_refused(bad):
    x = Value(1.0)
    with pytest.raises(TypeError, match="output must be a Value"):
        grad(bad, [x])
    with pytest.raises(TypeError, match="inputs must be a Value"):
        grad(x, [bad])
