"""Derivatives as results, of any order and in both directions, with nothing touched."""

import math

import numpy as np
import pytest

import autograd
from autograd import (
    AnomalyError,
    GraphError,
    Value,
    cos,
    detect_anomaly,
    dot,
    draw,
    exp,
    grad,
    hessian,
    hvp,
    jacobian,
    jvp,
    log,
    log_softmax,
    logsumexp,
    mean,
    no_grad,
    primitive,
    relu,
    sequence,
    sigmoid,
    sin,
    softmax,
    sqrt,
    sum,
    tanh,
    topological_order,
    value_and_grad,
    where,
)
from autograd.engine.linearization import Linearization
from autograd.engine.primitives import TABLE
from tests.support.along import along
from tests.support.oracle import mp, mpf


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
        assert (x.grad, w.reached, inner.grad, y.reached) == (5.0, False, 7.0, False)


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
        assert numbers(got) == [0.0, 4.0, 0.0]
    zero = grad(x * x, [unused], create_graph=True)[0]
    assert grad(zero, [x, unused]) == [0.0, 0.0]


def test_an_input_given_twice_and_inputs_of_any_kind_of_sequence():
    x, y = Value(2.0), Value(3.0)
    assert grad(x * y, [x, x, y]) == [3.0, 3.0, 2.0]
    assert grad(x * y, (x, y)) == [3.0, 2.0]
    assert grad(x * y, (x, y)) == [3.0, 2.0]
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
    "layer": (lambda x: sum(along(exp, (x, 2 * x))), lambda x: mp.exp(x) + mp.exp(2 * x)),
    "matrix": (
        lambda x: sum(along(tanh, along(dot, ((x, 1.0), (2.0, x)), ((x, 0.5),) * 2))),
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


# --- functions of numbers: value_and_grad, jacobian, hessian, jvp, hvp -----------------------------

# f of n numbers with m outputs, in the engine's functions and in mpmath's: `F` is either.
ENGINE = autograd
MANY = {
    "polar": (lambda F, r, t: [r * F.cos(t), r * F.sin(t)], [1.3, 0.4]),
    "tall": (lambda F, x: [F.exp(x), F.sin(x) * x, x**3, 1 / x], [0.7]),
    "wide": (lambda F, a, b, c, d: [F.exp(a * b) * F.sin(c) + d / b], [0.3, 1.1, -0.6, 2.0]),
    "square": (lambda F, x, y, z: [x * y * z, F.log(x) * y, F.tanh(z - x) + x], [1.5, -0.3, 0.8]),
    "shared": (lambda F, x, y: (lambda s: [s, s * s, F.exp(s) * s, s - x])(F.sin(x) * y + x), [0.4, 1.2]),
    "one after another": (lambda F, x, y: [F.sqrt(x * x + y * y), x], [3.0, 4.0]),
}
ONE = {
    "polynomial": (lambda F, x, y: x**3 * y + 2 * x * y * y - y, [1.2, -0.7]),
    "rosenbrock": (lambda F, x, y: (1 - x) ** 2 + 100 * (y - x * x) ** 2, [-1.2, 1.0]),
    "mixed": (lambda F, x, y, z: F.exp(x * y) * F.sin(z) + F.log(y) / z, [0.3, 1.4, 0.9]),
    "single": (lambda F, x: F.tanh(x) * x, [0.6]),
    "deep": (lambda F, x, y: F.sin(F.exp(F.sin(x * y)) + y), [0.5, 0.8]),
}


class MpmathFunctions:
    """The functions that the tables above use, at 50 digits."""

    exp, sin, cos, log, tanh, sqrt = mp.exp, mp.sin, mp.cos, mp.ln, mp.tanh, mp.sqrt


def exact_slope(f, point, output, *along):
    """∂f[output]/∂x_along at 50 digits."""
    orders = tuple(along.count(i) for i in range(len(point)))
    numbers = list(map(mpf, point))

    def one(*x):
        result = f(MpmathFunctions, *x)
        return result[output] if isinstance(result, list) else result

    if len(point) == 1:
        return float(mp.diff(one, numbers[0], orders[0]))
    return float(mp.diff(one, tuple(numbers), orders))


def close(exact):
    return pytest.approx(exact, rel=1e-13, abs=1e-14)


def numbers(nested):
    """Values, or lists of them, as floats."""
    if isinstance(nested, list):
        return list(map(numbers, nested))
    return nested.data if isinstance(nested, Value) else nested


modes = pytest.mark.parametrize("create_graph", [False, True], ids=["floats", "recorded"])


@modes
@pytest.mark.parametrize("name", MANY)
def test_jacobian_is_the_matrix_of_partials(name, create_graph):
    f, point = MANY[name]
    got = jacobian(lambda *x: f(ENGINE, *x), point, create_graph)
    rows = range(len(f(MpmathFunctions, *map(mpf, point))))
    exact = [[exact_slope(f, point, i, j) for j in range(len(point))] for i in rows]
    assert [type(entry) for row in got for entry in row] == [Value if create_graph else float] * sum_of(exact)
    assert numbers(got) == [close(row) for row in exact]


def sum_of(rows):
    return len([entry for row in rows for entry in row])


@modes
@pytest.mark.parametrize("name", ONE)
def test_gradient_hessian_and_products(name, create_graph):
    """Every entry against mpmath; the products with each unit vector and with a vector of all kinds."""
    f, point = ONE[name]
    n = len(point)
    engine = lambda *x: f(ENGINE, *x)
    gradient = [exact_slope(f, point, 0, i) for i in range(n)]
    exact = [[exact_slope(f, point, 0, i, j) for j in range(n)] for i in range(n)]
    value, slopes = value_and_grad(engine, create_graph)(*point)
    assert (numbers(value), numbers(slopes)) == (
        close(float(f(MpmathFunctions, *map(mpf, point)))),
        close(gradient),
    )
    assert numbers(jacobian(engine, point, create_graph)) == close(gradient)
    assert numbers(hessian(engine, point, create_graph)) == [close(row) for row in exact]
    for vector in [[float(i == j) for i in range(n)] for j in range(n)] + [[0.5, -2.0, 3.0][:n]]:
        product = [math.fsum(h * v for h, v in zip(row, vector)) for row in exact]
        assert numbers(hvp(engine, point, vector, create_graph)) == close(product)
        value, slope = jvp(engine, point, vector, create_graph)
        assert numbers(slope) == close(math.fsum(g * v for g, v in zip(gradient, vector)))
        assert numbers(value) == close(float(f(MpmathFunctions, *map(mpf, point))))


def test_a_sequence_gives_rows_and_a_single_output_its_row_alone():
    assert jacobian(lambda x, y: x * y, [2.0, 3.0]) == [3.0, 2.0]
    assert jacobian(lambda x, y: [x * y], [2.0, 3.0]) == [[3.0, 2.0]]
    assert jvp(lambda x: x * x, [3.0], [1.0]) == (9.0, 6.0)
    assert jvp(lambda x: [x * x], [3.0], [1.0]) == ([9.0], [6.0])
    assert jacobian(lambda x: (), [2.0]) == []
    assert jacobian(lambda: [Value(1.0), 2.0], []) == [[], []]
    assert hessian(lambda: Value(1.0), []) == []
    for outputs in (tuple, sequence, lambda them: np.array(them, dtype=object)):
        f = lambda x, y, outputs=outputs: outputs([x * y, x])
        assert jacobian(f, [2.0, 3.0]) == [[3.0, 2.0], [1.0, 0.0]]


def test_inputs_of_any_kind():
    """A list, a tuple, an array, an iterator; numbers, numpy's numbers and Values; one alone."""
    f = lambda x, y: x * x * y
    x, y = Value(2.0), Value(3.0)
    for inputs in ([2, 3], (2.0, 3.0), np.array([2.0, 3.0]), np.array([x, y]), iter([x, 3])):
        assert jacobian(f, inputs) == [12.0, 4.0]
    assert hessian(f, [np.float32(2.0), True + 2]) == [[6.0, 4.0], [4.0, 0.0]]
    assert jacobian(lambda x: x * x, 3.0) == [6.0]
    assert jacobian(lambda x: x * x, Value(3.0)) == [6.0]
    assert hessian(lambda x: x**3, np.float64(2.0)) == [[12.0]]
    assert jvp(lambda x: x * x, 3, 2) == (9.0, 12.0)
    assert hvp(lambda x: x**3, 2.0, Value(10.0)) == [120.0]
    assert value_and_grad(f)(x, 3) == (12.0, [12.0, 4.0])


def test_nothing_is_written_to_the_inputs():
    x, y = Value(2.0, "x"), Value(3.0)
    x.grad = 5.0
    inner = x * y
    for create_graph in (False, True):
        f = lambda a, b: a * a * b
        jacobian(f, [x, inner], create_graph)
        hessian(f, [x, inner], create_graph)
        jvp(f, [x, inner], [y, 1.0], create_graph)
        hvp(f, [x, inner], [1.0, y], create_graph)
        value_and_grad(f, create_graph)(x, inner)
        assert (x.grad, y.reached, inner.reached, x.label) == (5.0, False, False, "x")


def test_inputs_that_do_not_matter_constants_and_the_input_itself():
    f = lambda x, unused: [x, x * x, 7.0, Value(3.0), unused * 0]
    expected = [[1.0, 0.0], [4.0, 0.0], [0.0, 0.0], [0.0, 0.0], [0.0, 0.0]]
    assert jacobian(f, [2.0, 5.0]) == expected
    assert numbers(jacobian(f, [2.0, 5.0], create_graph=True)) == expected
    assert jvp(f, [2.0, 5.0], [1.0, 1.0]) == ([2.0, 4.0, 7.0, 3.0, 0.0], [1.0, 4.0, 0.0, 0.0, 0.0])
    assert hessian(lambda x, unused: x * x, [2.0, 5.0]) == [[2.0, 0.0], [0.0, 0.0]]
    assert hessian(lambda x: x, [2.0]) == [[0.0]]
    assert hessian(lambda x: 3.0, [2.0]) == [[0.0]]
    assert hvp(lambda x, y: 2 * x + y, [1.0, 2.0], [3.0, 4.0]) == [0.0, 0.0]
    assert value_and_grad(lambda x: 3)(1.0) == (3.0, [0.0])
    assert value_and_grad(lambda x: x)(2.0) == (2.0, [1.0])


def test_the_same_value_given_twice_is_two_arguments():
    """∂/∂a and ∂/∂b of a·b² at a = b = 3 are 9 and 18, not 27 twice."""
    x = Value(3.0)
    f = lambda a, b: a * b * b
    for create_graph in (False, True):
        assert numbers(jacobian(f, [x, x], create_graph)) == [9.0, 18.0]
        assert numbers(hvp(f, [x, x], [1.0, 0.0], create_graph)) == [0.0, 6.0]
        assert numbers(jvp(f, [x, x], [0.0, 1.0], create_graph)[1]) == 18.0


def test_an_output_given_twice():
    def f(x):
        y = x * x
        return [y, y, x]

    assert jacobian(f, [3.0]) == [[6.0], [6.0], [1.0]]
    assert jvp(f, [3.0], [2.0]) == ([9.0, 9.0, 3.0], [12.0, 12.0, 2.0])


# What a nested derivative may confuse: the program that breaks is d/dx (x · d/dy (x + y)).
NESTED = {
    "jvp in jvp": lambda f, at: jvp(f, [at], [1.0], create_graph=True)[1],
    "jacobian in jacobian": lambda f, at: jacobian(f, [at], create_graph=True)[0],
    "hessian's first row": lambda f, at: jacobian(lambda y: f(y) * 1.0, at, create_graph=True)[0],
    "value_and_grad": lambda f, at: value_and_grad(f, create_graph=True)(at)[1][0],
}


@pytest.mark.parametrize("inner", NESTED)
@pytest.mark.parametrize("outer", NESTED)
def test_perturbations_are_not_confused(outer, inner):
    """Siskind and Pearlmutter 2005, Perturbation confusion and referential transparency."""
    outer, inner = NESTED[outer], NESTED[inner]
    assert outer(lambda x: x * inner(lambda y: x + y, 1.0), 1.0).data == 1.0
    assert outer(lambda x: x * inner(lambda y: x + y, x), 1.0).data == 1.0  # at y = x: still 1, and not 2
    assert outer(lambda x: x * inner(lambda y: x * y, 2.0), 3.0).data == 6.0
    assert outer(lambda x: inner(lambda y: x * y * y, x), 3.0).data == 12.0  # d/dx 2x²
    assert outer(lambda x: inner(lambda y: y * y * y, x), 3.0).data == 18.0  # the second derivative
    assert outer(lambda x: inner(lambda y: outer(lambda z: x * y * z, 5.0), 7.0), 2.0).data == 1.0


def test_a_function_that_differentiates_with_grad_inside():
    def f(x, y):
        z = x * y
        (slope,) = grad(z * z * x, [z], create_graph=True)  # 2 z x = 2 x² y
        return slope

    assert jacobian(f, [2.0, 3.0]) == [24.0, 8.0]
    assert jvp(f, [2.0, 3.0], [1.0, 1.0]) == (24.0, 32.0)
    assert hessian(f, [2.0, 3.0]) == [[12.0, 8.0], [8.0, 0.0]]


def test_what_is_recorded_leads_on_to_the_inputs_and_to_all_else():
    """Gradients of the results by inputs, by tangents and by Values that f closes over."""
    x, v, w = Value(0.7), Value(1.5), Value(2.0)
    f = lambda a: w * sin(a)
    (slope,) = jacobian(f, [x], create_graph=True)
    assert grad(slope, [x, w]) == pytest.approx([-2 * math.sin(0.7), math.cos(0.7)], rel=1e-15)
    value, tangent = jvp(f, [x], [v], create_graph=True)
    assert grad(tangent, [x, v, w]) == pytest.approx(
        [-3.0 * math.sin(0.7), 2 * math.cos(0.7), 1.5 * math.cos(0.7)], rel=1e-15
    )
    assert grad(value, [x, v]) == [pytest.approx(2 * math.cos(0.7)), 0.0]
    (product,) = hvp(f, [x], [v], create_graph=True)
    assert grad(product, [x, v]) == pytest.approx([-3.0 * math.cos(0.7), -2 * math.sin(0.7)], rel=1e-15)
    value, (slope,) = value_and_grad(f, create_graph=True)(x)
    assert grad(value * slope, [x]) == pytest.approx([4 * math.cos(1.4)], rel=1e-14)
    (slope,) = jacobian(f, [0.7], create_graph=True)
    assert grad(slope, [x, w]) == pytest.approx([0.0, math.cos(0.7)], rel=1e-15)


def test_without_create_graph_nothing_leads_on():
    """A derivative of a derivative needs create_graph inside; floats are constants."""
    assert jacobian(lambda x: x * jacobian(lambda y: x * y * y, [x])[0], [3.0]) == [18.0]


@pytest.mark.parametrize("number", [0.0, -0.0, math.inf, -math.inf, math.nan, 5e-324, -1.7e308])
def test_an_input_is_handed_over_to_the_last_bit(number):
    seen = []
    for given in (number, Value(number)):
        for create_graph in (False, True):
            jacobian(lambda x: seen.append(x.data) or x, [given], create_graph)
    assert list(map(repr, seen)) == [repr(number)] * 4


# --- forward mode ----------------------------------------------------------------------------------


def test_forward_mode_never_looks_at_the_branch_not_taken():
    for x, value, slope in [(-1.0, 0.0, 0.0), (4.0, 2.0, 0.25)]:
        f = lambda x: where(x > 0, sqrt(x), 0.0)
        assert jvp(f, [x], [1.0]) == (value, slope)
        assert jvp(lambda x: where(x > 0, sqrt(x), 0.0) + x, [x], [1.0])[1] == slope + 1
        assert jvp(lambda x: (lambda s: where(x > 0, s, 0.0) + 0 * x)(exp(sqrt(x))), [-1.0], [1.0]) == (
            0.0,
            0.0,
        )
    assert jvp(lambda x: [where(True, x, never(x)), x * x], [3.0], [1.0]) == ([3.0, 9.0], [1.0, 6.0])
    assert hvp(lambda x: where(x > 0, sqrt(x), x * x), [-1.0], [1.0]) == [2.0]


def never(x):
    """A node whose partials must not be asked for."""

    def refuse(y, a):
        raise AssertionError("the partials of a branch not taken were asked for")

    if "never" not in TABLE:
        primitive(partials=refuse, name="never")(abs)
    return TABLE["never"](x)


def test_an_input_that_stands_still_meets_no_infinite_partial():
    """0 · inf would be nan: d(√x + y) along (0, 1) at x = 0 is 1."""
    f = lambda x, y: [sqrt(x) + y, sum([sqrt(x), y]), dot([sqrt(x), y], [1.0, y])]
    assert jvp(f, [0.0, 3.0], [0.0, 1.0]) == ([3.0, 3.0, 9.0], [1.0, 1.0, 6.0])
    assert jvp(f, [0.0, 3.0], [0, 1])[1] == [1.0, 1.0, 6.0]
    assert jacobian(f, [0.0, 3.0]) == [[math.inf, 1.0], [math.inf, 1.0], [math.inf, 6.0]]
    assert jvp(lambda x, y: sqrt(y * 0) * 1.0 + x, [1.0, 2.0], [1.0, 0.0])[1] == 1.0


def test_forward_mode_over_rows_of_sequences():
    """Vectors of which all elements move, some, or none."""
    cases = [
        lambda x, y: dot([x, 2.0, y], [y, x, 3.0], x),
        lambda x, y: dot([1.0, 2.0], [3.0, x]) * y,
        lambda x, y: sum([x, y, x, 1.0]),
        lambda x, y: sum([exp(a) for a in [x, y, x * y]]) + logsumexp([1.0, 2.0]),
        lambda x, y: logsumexp([x, 0.5, y * x]),
        lambda x, y: softmax([x, y, 1.0])[1],
        lambda x, y: log_softmax([x, y, 1.0])[0],
        lambda x, y: mean([x, x * y, 2.0]),
        lambda x, y: sum(along(tanh, along(dot, ((x, 1.0), (2.0, y)), ((y, 0.5),) * 2))),
    ]
    for f in cases:
        for tangents in ([1.0, 0.0], [0.0, 1.0], [0.7, -1.3]):
            reverse = math.fsum(g * t for g, t in zip(jacobian(f, [0.4, 1.1]), tangents))
            for create_graph in (False, True):
                _, forward = jvp(f, [0.4, 1.1], tangents, create_graph)
                assert numbers(forward) == pytest.approx(reverse, rel=1e-14)


def test_forward_mode_makes_one_pass(monkeypatch):
    """Each node's partials are asked for once, however many outputs there are; a Jacobian keeps them."""
    asked = []

    @primitive(partials=lambda y, x: asked.append(x) or 2.0)
    def twice(x):
        return 2.0 * x

    def f(x, y):
        z = twice(x)
        return [z, z * y, z + 1, z * z]

    assert jvp(f, [3.0, 1.0], [1.0, 0.0]) == ([6.0, 6.0, 7.0, 36.0], [2.0, 2.0, 2.0, 24.0])
    assert asked == [3.0]
    assert jacobian(f, [3.0, 1.0]) == [[2.0, 0.0], [2.0, 6.0], [2.0, 0.0], [24.0, 0.0]]
    assert asked == [3.0, 3.0]


def test_a_jacobian_is_swept_in_the_direction_with_fewer_sweeps(monkeypatch):
    sweeps = []
    for name in ("pull", "push"):
        method = getattr(Linearization, name)
        monkeypatch.setattr(
            Linearization,
            name,
            lambda self, x, method=method, name=name: sweeps.append(name) or method(self, x),
        )
    jacobian(lambda x: [x] * 5, [1.0])
    assert sweeps == ["push"]
    sweeps.clear()
    jacobian(lambda *x: [x[0] * x[1], x[2]], [1.0] * 5)
    assert sweeps == ["pull"] * 2


@pytest.mark.slow
def test_a_million_nodes_forward():
    def f(x):
        y = x
        for _ in range(10**6):
            y = -y
        return y * x

    assert jvp(f, [3.0], [2.0]) == (9.0, 12.0)


def test_deep_functions_of_second_order():
    """No recursion: a chain of 20,000 nodes, its gradient's graph and sweeps over that."""

    def f(x):
        y = x
        for _ in range(10_000):
            y = y + x * 1e-4
        return y * y

    assert hvp(f, [1.0], [1.0]) == [pytest.approx(8.0, rel=1e-9)]
    assert hessian(f, [1.0]) == [[pytest.approx(8.0, rel=1e-9)]]


def test_a_wide_function():
    n = 20_000
    f = lambda *x: sum([a * a for a in x])
    point = [float(i) for i in range(n)]
    assert jvp(f, point, [1.0] * n)[1] == n * (n - 1.0)
    assert value_and_grad(f)(*point)[1] == [2.0 * x for x in point]
    assert hvp(f, point, point) == [2.0 * x for x in point]


# --- the modes, drawings, names --------------------------------------------------------------------


def test_anomalies_are_named_in_both_directions():
    """With detect_anomaly the first derivative that is not finite raises, though the value is."""
    with detect_anomaly():
        for create_graph in (False, True):
            with pytest.raises(AnomalyError, match="tangent of a sqrt node became inf"):
                jvp(sqrt, [0.0], [1.0], create_graph)
            with pytest.raises(AnomalyError, match="gradient of x became inf"):
                jacobian(sqrt, [Value(0.0, "x")], create_graph)
        with pytest.raises(AnomalyError):
            hvp(lambda x: x**1.5, [0.0], [1.0])
        assert jvp(lambda x, y: sqrt(x) + y, [0.0, 1.0], [0.0, 1.0]) == (1.0, 1.0)


def test_recorded_derivatives_go_stale_with_their_inputs():
    x = Value(2.0)
    (slope,) = jacobian(lambda a: a**3, [x], create_graph=True)
    x.data = 3.0
    with pytest.raises(GraphError, match="run the forward pass again"):
        grad(slope, [x])
    leaf = Value(1.0)
    y = leaf * leaf
    leaf.data = 2.0
    for f in (lambda a: a * y, lambda a: a + y):
        assert jacobian(f, [5.0]) == [pytest.approx(1.0)]  # y itself is a constant of f
    with pytest.raises(GraphError):
        jvp(lambda a: stale(a), [5.0], [1.0])


def stale(a):
    y = a * a
    a.data = 7.0
    return y


def test_second_derivatives_can_be_drawn():
    x, y = Value(1.0, "x"), Value(2.0, "y")
    (first, mixed), _ = hessian(lambda a, b: sin(a * b) * a, [x, y], create_graph=True)
    for entry in (first, mixed):
        source = draw(entry).source
        assert source.startswith("digraph")
        assert "sin" in source
    value, tangent = jvp(lambda a: tanh(a), [x], [1.0], create_graph=True)
    assert "tanh" in draw(value + tangent).source


def test_value_and_grad_keeps_the_name_and_the_documentation():
    def energy(x):
        """Half the square."""
        return x * x / 2

    g = value_and_grad(energy)
    assert (g.__name__, g.__doc__, g.__wrapped__) == ("energy", "Half the square.", energy)
    assert value_and_grad(exp)(0.0) == (1.0, [1.0])


# --- wrong calls -----------------------------------------------------------------------------------

CALLS = {
    "value_and_grad": lambda f, inputs: value_and_grad(f)(*inputs),
    "jacobian": jacobian,
    "hessian": hessian,
    "jvp": lambda f, inputs: jvp(f, inputs, [1.0] * 2),
    "hvp": lambda f, inputs: hvp(f, inputs, [1.0] * 2),
}
calls = pytest.mark.parametrize("name", CALLS)


@calls
@pytest.mark.parametrize(
    "bad", [None, "1", 1j, [1.0], np.array([1.0, 2.0])], ids=lambda bad: type(bad).__name__
)
def test_an_input_that_is_not_a_number(name, bad):
    with pytest.raises(TypeError, match=f"^{name}: each.* takes a real number, got {type(bad).__name__}"):
        CALLS[name](lambda x, y: x * y, [1.0, bad])


@pytest.mark.parametrize("name", ["jacobian", "hessian", "jvp", "hvp"])
@pytest.mark.parametrize("bad", [None, "12", 1j, abs, np.ones((2, 2))], ids=repr)
def test_inputs_that_are_not_a_sequence(name, bad):
    with pytest.raises(TypeError, match=f"^{name}: inputs must be a sequence of numbers or Values, got"):
        CALLS[name](lambda x, y: x * y, bad)


@calls
@pytest.mark.parametrize("bad", [None, "1", 1j, {"x": 1.0}, abs], ids=lambda bad: type(bad).__name__)
def test_a_function_that_returns_something_else(name, bad):
    with pytest.raises(TypeError, match=f"^{name}: f must return a Value.*, got {type(bad).__name__}"):
        CALLS[name](lambda x, y: bad, [1.0, 2.0])


@pytest.mark.parametrize("name", ["jacobian", "jvp"])
@pytest.mark.parametrize("bad", [None, [1.0], "1"], ids=lambda bad: type(bad).__name__)
def test_a_function_that_returns_something_else_among_values(name, bad):
    with pytest.raises(TypeError, match=f"flat sequence of Values, got {type(bad).__name__} as output 1"):
        CALLS[name](lambda x, y: [x, bad], [1.0, 2.0])


@pytest.mark.parametrize("name", ["value_and_grad", "hessian", "hvp"])
@pytest.mark.parametrize("outputs", [list, tuple], ids=lambda kind: kind.__name__)
def test_several_outputs_where_one_is_needed(name, outputs):
    with pytest.raises(TypeError, match=f"^{name}: f must return one Value, got a .* of 2: use jacobian"):
        CALLS[name](lambda x, y: outputs([x, y]), [1.0, 2.0])


@calls
@pytest.mark.parametrize("bad", [None, 3.0, Value(1.0)], ids=lambda bad: type(bad).__name__)
def test_what_cannot_be_called(name, bad):
    with pytest.raises(TypeError, match=f"^{name}: f must be a function .*, got {type(bad).__name__}"):
        CALLS[name](bad, [1.0, 2.0])


@pytest.mark.parametrize("function", [jvp, hvp])
def test_the_wrong_number_of_tangents(function):
    f = lambda x, y: x * y
    for tangents in ([], [1.0], [1.0, 2.0, 3.0], 1.0):
        with pytest.raises(ValueError, match=r"needs one tangent for each input, got \d for 2 inputs"):
            function(f, [1.0, 2.0], tangents)
    with pytest.raises(TypeError, match="each of tangents takes a real number, got str"):
        function(f, [1.0, 2.0], [1.0, "2"])
    with pytest.raises(TypeError, match="tangents must be a sequence of numbers or Values, got NoneType"):
        function(f, [1.0, 2.0], None)


@calls
def test_within_no_grad_there_is_nothing_to_differentiate(name):
    with no_grad(), pytest.raises(GraphError, match=f"{name} differentiates what it records.* no_grad"):
        CALLS[name](lambda x, y: x * y, [1.0, 2.0])


@calls
def test_errors_of_the_function_pass_through(name):
    with pytest.raises(ZeroDivisionError):
        CALLS[name](lambda x, y: 1 // 0, [1.0, 2.0])
    with pytest.raises(TypeError, match="positional argument"):
        CALLS[name](lambda x: x, [1.0, 2.0])
