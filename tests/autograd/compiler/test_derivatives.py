"""Derivatives of a compiled program for each example, against mpmath and the eager engine."""

import pickle

import mpmath
import numpy as np
import pytest

from autograd import (
    Value,
    compile,
    dot,
    exp,
    hessian,
    jacobian,
    log,
    log_softmax,
    logsumexp,
    maximum,
    primitive,
    relu,
    sin,
    softmax,
    sqrt,
    tanh,
    where,
)
from autograd.compiler import program as programs
from nn import MLP
from tests.support.compiled import backends, program_of

POINTS = np.array([[0.3, 0.7], [1.25, 0.5], [0.9, 2.0], [0.1, 1.5], [2.0, 0.2]])


def curves(x, y):
    """Several outputs of two numbers."""
    p, q = x / (x + y), y / (x + y)
    return [exp(x) * sin(y), x**3 / y + log(x), softmax([x, y, x * y])[1] * p, sqrt(x * x + y) * q]


def exact_curves(x, y):
    m, p, q = mpmath, x / (x + y), y / (x + y)
    parts = [m.exp(x), m.exp(y), m.exp(x * y)]
    return [
        m.exp(x) * m.sin(y),
        x**3 / y + m.log(x),
        parts[1] / m.fsum(parts) * p,
        m.sqrt(x * x + y) * q,
    ]


def exact(order, k, point):
    """All partial derivatives of that order of an output, by mpmath's differences at 40 digits."""
    with mpmath.workdps(40):
        function, at = (lambda *v: exact_curves(*v)[k]), tuple(map(mpmath.mpf, point))
        unit = [(1, 0), (0, 1)]
        if order == 1:
            return [float(mpmath.diff(function, at, n)) for n in unit]
        return [[float(mpmath.diff(function, at, tuple(map(sum, zip(n, m))))) for m in unit] for n in unit]


@backends
@pytest.mark.parametrize("wrt", ["parameters", "inputs"])
def test_all_derivatives_are_those_of_mpmath(backend, wrt):
    leaves = [Value(1.0), Value(2.0)]
    outputs = curves(*leaves)
    by_inputs = wrt == "inputs"
    program = compile(outputs, *(([], leaves) if by_inputs else (leaves, [])), backend=backend)
    first = np.array([[exact(1, k, point) for k in range(4)] for point in POINTS])
    second = np.array([[exact(2, k, point) for k in range(4)] for point in POINTS])
    values = np.array([[float(y) for y in exact_curves(*point)] for point in POINTS])
    along = np.array([[1.0, 2.0], [0.5, -1.0], [0.0, 1.0], [3.0, 0.0], [-1.0, -1.0]])

    def every(method, *direction):
        if by_inputs:
            return getattr(program, method)([], POINTS, *direction, wrt=wrt)
        parts = [
            getattr(program, method)(point, None, *[each[b] for each in direction])
            for b, point in enumerate(POINTS)
        ]
        if method == "jvp":
            return tuple(np.concatenate(part) for part in zip(*parts))
        return np.concatenate(parts)

    assert every("jacobian") == pytest.approx(first, rel=1e-12, abs=1e-13)
    assert every("hessian") == pytest.approx(second, rel=1e-11, abs=1e-12)
    outputs, tangents = every("jvp", along)
    assert outputs == pytest.approx(values, rel=1e-13)
    assert tangents == pytest.approx(np.einsum("bkn,bn->bk", first, along), rel=1e-11, abs=1e-12)
    products = np.einsum("bknm,bm->bkn", second, along)
    assert every("hvp", along) == pytest.approx(products, rel=1e-11, abs=1e-11)


@backends
@pytest.mark.parametrize("wrt", ["parameters", "inputs"])
def test_a_network_has_the_derivatives_of_the_engine(backend, wrt, monkeypatch):
    """With matrix products; and by columns as well, as a larger Hessian is computed."""
    model = MLP(2, [3, 2], activation="tanh", seed=0)
    x, weights = [Value(0.5), Value(-1.0)], model.parameters()
    program = compile([*log_softmax(model(x)), logsumexp(model(x))], weights, x, backend=backend)
    numbers, batch = [w.data for w in weights], np.random.default_rng(0).normal(size=(6, 2))
    jacobians, hessians = program.jacobian(numbers, batch, wrt), program.hessian(numbers, batch, wrt)
    monkeypatch.setattr(programs, "UNROLLED", 0)
    assert program.hessian(numbers, batch, wrt) == pytest.approx(hessians, rel=1e-11, abs=1e-13)

    def outputs(example):
        def function(*given):
            rows = iter(list(given) if wrt == "parameters" else list(map(Value, numbers)))
            features = list(given) if wrt == "inputs" else list(map(Value, example))
            hidden = [tanh(dot(*neuron(rows, 2, features))) for _ in range(3)]
            logits = [dot(*neuron(rows, 3, hidden)) for _ in range(2)]
            return [*log_softmax(logits), logsumexp(logits)]

        return function

    for example, first, second in zip(batch.tolist(), jacobians, hessians):
        function, point = outputs(example), numbers if wrt == "parameters" else example
        assert first == pytest.approx(np.array(jacobian(function, point)), rel=1e-11, abs=1e-13)
        for k in range(3):
            right = np.array(hessian(lambda *v, k=k, f=function: f(*v)[k], point))
            assert second[k] == pytest.approx(right, rel=1e-10, abs=1e-12)


def neuron(rows, n, features):
    """Weights, features and bias, in the order of an `MLP`'s parameters."""
    weights = [next(rows) for _ in range(n)]
    return weights, features, next(rows)


@backends
def test_a_where_has_the_derivatives_of_the_branch_that_each_example_takes(backend):
    """At every order; the other branch may be nan, as √x is for x < 0."""
    x = Value(1.0)
    program = compile(
        [where(relu(x), sqrt(x) * x, x * x), maximum(x, 0.5) * x, relu(x) ** 2], [], [x], backend=backend
    )
    points = np.array([4.0, -3.0, 0.25])
    found = program.hessian([], points[:, None], "inputs")[:, :, 0, 0]
    assert found == pytest.approx(np.array([[0.375, 2.0, 2.0], [2.0, 0.0, 0.0], [1.5, 0.0, 2.0]]), rel=1e-14)
    found = program.jacobian([], points[:, None], "inputs")[:, :, 0]
    assert found == pytest.approx(np.array([[3.0, 8.0, 8.0], [-6.0, 0.5, 0.0], [0.75, 0.5, 0.5]]), rel=1e-14)


@backends
def test_a_result_that_is_not_finite_is_the_engines(backend):
    """√x at 0 has an infinite derivative; with the direction 0 it is held constant, as in the engine."""
    x, y = Value(1.0), Value(1.0)
    program = compile(sqrt(x) + y * y, [], [x, y], backend=backend)
    points = np.array([[4.0, 1.0], [0.0, 3.0]])
    assert program.jacobian([], points, "inputs").tolist() == [[[0.25, 2.0]], [[np.inf, 6.0]]]
    _, tangents = program.jvp([], points, [0.0, 1.0], "inputs")
    assert tangents.tolist() == [[2.0], [6.0]]
    assert program.hvp([], points, [0.0, 1.0], "inputs")[:, 0].tolist() == [[0.0, 2.0], [0.0, 2.0]]
    right = hessian(lambda x, y: sqrt(x) + y * y, [0.0, 3.0])
    np.testing.assert_array_equal(program.hessian([], points, "inputs")[1, 0], right)
    assert np.isnan(program.jacobian([], [[np.nan, 1.0]], "inputs")[0, 0, 0])


@backends
def test_outputs_may_be_leaves_constants_repeated_or_independent(backend):
    w, x = Value(2.0), Value(3.0)
    y = w * x
    program = compile([y, y, x, w, 0.0 * x + 5.0], [w], [x], backend=backend)
    by_w, by_x = (program.jacobian([2.0], [[3.0], [4.0]], wrt)[:, :, 0] for wrt in ("parameters", "inputs"))
    assert by_w.tolist() == [[3.0, 3.0, 0.0, 1.0, 0.0], [4.0, 4.0, 0.0, 1.0, 0.0]]
    assert by_x.tolist() == [[2.0, 2.0, 1.0, 0.0, 0.0]] * 2
    for wrt in ("parameters", "inputs"):
        assert not program.hessian([2.0], [[3.0]], wrt).any()
        assert not program.hvp([2.0], [[3.0]], [7.0], wrt).any()


@backends
def test_a_primitive_of_the_user_is_differentiated_by_its_partials(backend):
    cube = primitive(partials=lambda y, x: (3.0 * x * x,), name="cube")(lambda x: x * x * x)
    program = program_of(lambda w, x: cube(x[0]) * x[1], 0, 2, backend=backend)
    found = program.hessian([], [[2.0, 5.0], [3.0, 1.0]], "inputs")
    assert found[:, 0].tolist() == [[[60.0, 12.0], [12.0, 0.0]], [[18.0, 27.0], [27.0, 0.0]]]


def test_a_primitive_that_selects_has_the_derivatives_of_what_it_took():
    """The logarithm of a negative number is not taken, and does no harm."""
    larger = primitive(
        partials=lambda y, a, b, c: (1.0, 1.0, 0.0),
        name="larger",
        select=lambda a, b, c: 0 if a >= c else 1,
    )(lambda a, b, c: a if a >= c else b)
    program = program_of(lambda w, x: larger(x[0] * x[0], log(x[0]), 2.0 * x[0]), 0, 1, backend="numpy")
    assert program.hessian([], [[3.0], [0.5], [-1.0]], "inputs").ravel().tolist() == [2.0, -4.0, 2.0]


@backends
@pytest.mark.parametrize("B", [0, 1, 2, 7, 8, 9, 33, 5000])
def test_every_size_of_batch_has_the_rows_of_its_examples(backend, B):
    program = program_of(lambda w, x: [w[0] * x[0] * x[1], x[0] ** 3], 1, 2, backend=backend)
    batch = np.random.default_rng(B).normal(size=(B, 2))
    x, y = batch.T
    second = program.hessian([0.5], batch, "inputs")
    assert second.shape == (B, 2, 2, 2)
    assert second[:, 0, 0, 1] == pytest.approx(np.full(B, 0.5))
    assert second[:, 1, 0, 0] == pytest.approx(6.0 * x)
    assert program.jacobian([0.5], batch)[:, 0, 0] == pytest.approx(x * y)
    values, tangents = program.jvp([0.5], batch, [1.0])
    assert values[:, 1] == pytest.approx(x**3)
    assert tangents[:, 0] == pytest.approx(x * y)
    assert program.hvp([0.5], batch, [1.0]).shape == (B, 2, 1)


@backends
def test_float32_stays_float32_and_a_pickled_program_goes_on(backend):
    program = program_of(lambda w, x: w[0] * x[0] ** 3, 1, 1, backend=backend, dtype=np.float32)
    found = pickle.loads(pickle.dumps(program)).hessian([2.0], [[3.0]], "inputs")
    assert found.dtype == np.float32
    assert found.tolist() == [[[[36.0]]]]


def test_what_is_larger_than_a_number_of_float32_is_infinite():
    program = program_of(lambda w, x: exp(x[0]) * w[0], 1, 1, backend="numpy", dtype=np.float32)
    assert program.jacobian([1.0], [[100.0]], "inputs").tolist() == [[[np.inf]]]


@pytest.mark.parametrize(
    ("call", "error", "said"),
    [
        (lambda p: p.jacobian([1.0], [[1.0]], "weights"), ValueError, "wrt must be 'parameters' or 'inputs'"),
        (lambda p: p.hessian([1.0, 2.0], [[1.0]]), ValueError, r"parameters must have the shape \(1,\)"),
        (lambda p: p.hvp([1.0], [[1.0]], [1.0, 2.0]), ValueError, r"needs a direction \(1,\) or \(B, 1\)"),
        (lambda p: p.jvp([1.0], [[1.0]], ["a"]), TypeError, "direction of jvp must be real numbers"),
    ],
)
def test_wrong_calls_say_what_is_wrong(call, error, said):
    with pytest.raises(error, match=said):
        call(program_of(lambda w, x: w[0] * x[0], 1, 1, backend="numpy"))


def test_numpy_runs_first_and_native_code_where_it_pays():
    """By the sizes of what is asked for, each kind of derivative by itself."""
    program = program_of(lambda w, x: w[0] * exp(x[0]) * sin(x[1]), 1, 2)
    program.hessian([1.0], [[1.0, 2.0]], "inputs")
    assert program.backend == "numpy"
