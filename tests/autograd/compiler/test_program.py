"""`compile` and `Program`: what they promise and what they refuse; the numbers are judged in `agreement`."""

import ast
import contextlib
import copy
import dataclasses
import functools
import itertools
import math
import pickle
import sys
import threading
import time

import numpy as np
import pytest

from autograd import (
    ComparisonWarning,
    GraphError,
    MissingExtraError,
    Primitive,
    Program,
    Training,
    Value,
    compile,
    detect_anomaly,
    dot,
    exp,
    log,
    logsumexp,
    mean,
    no_grad,
    primitive,
    rank_backends,
    relu,
    softmax,
    sum,
    tanh,
    warn_on_comparison,
    where,
)
from autograd.compiler import tuning
from nn import MLP, mse_loss
from tests.support.compiled import backends, eager, needs_llvmlite, program_of, slowly_in_native_code

RNG = np.random.default_rng(0)


def neuron(w, x):
    """tanh of a dot product: three parameters and two inputs."""
    return tanh(dot(w[:2], x, w[2]))


W = [0.5, -0.25, 0.125]
X = RNG.standard_normal((11, 2))


def agrees(f, program, parameters, batch, accuracy=1e-13):
    """Mean value and mean gradient as the eager engine has them."""
    values, gradients = eager(f, parameters, batch)
    value, gradient = program(parameters, batch)
    assert value == pytest.approx(values.mean(), rel=accuracy)
    np.testing.assert_allclose(gradient, gradients.mean(axis=0), rtol=accuracy, atol=1e-300)


# --- what a program gives --------------------------------------------------------------------------


@backends
def test_value_and_gradient_by_hand(backend):
    """L = (1/B) Σ (w x − y)² has the derivative (2/B) Σ (w x − y) x."""
    w, x, y = Value(0.0), Value(0.0), Value(0.0)
    batch = [[1.0, 0.0], [3.0, 6.0], [2.0, 1.0]]
    for reduce, whole in (("mean", 3.0), ("sum", 1.0)):
        program = compile((w * x - y) ** 2, [w], [x, y], reduce=reduce, backend=backend)
        value, gradient = program([2.0], batch)
        assert value == pytest.approx((4.0 + 0.0 + 9.0) / whole, rel=1e-15)
        assert gradient == pytest.approx([(2 * 2.0 * 1.0 + 0.0 + 2 * 3.0 * 2.0) / whole], rel=1e-15)
        assert type(value) is float


@backends
def test_several_outputs_of_which_the_first_is_differentiated(backend):
    w, x = Value(1.0), Value(1.0)
    program = compile([w * x, w, x, exp(x), w * x], [w], [x], backend=backend)
    assert (program.parameters, program.inputs, program.outputs) == (1, 1, 5)
    table = program.evaluate([3.0], [[0.0], [2.0]])
    np.testing.assert_allclose(table, [[0, 3, 0, 1, 0], [6, 3, 2, math.exp(2.0), 6]], rtol=1e-15)
    value, gradient = program([3.0], [[0.0], [2.0]])
    assert (value, gradient.tolist()) == (3.0, [1.0])


@backends
def test_parameters_that_do_not_count_have_gradient_0(backend):
    w, v, x = Value(1.0), Value(2.0), Value(3.0)
    value, gradient = compile(w * x, [v, w], [x], backend=backend)([5.0, 7.0], [[2.0]])
    assert (value, gradient.tolist()) == (14.0, [0.0, 2.0])
    value, gradient = compile(x * x, [v], [x], backend=backend)([5.0], [[2.0], [4.0]])
    assert (value, gradient.tolist()) == (10.0, [0.0])


@backends
def test_outputs_that_are_leaves_and_programs_without_parameters_or_inputs(backend):
    w, x = Value(1.0), Value(2.0)
    value, gradient = compile(w, w, backend=backend)([4.0])
    assert (value, gradient.tolist()) == (4.0, [1.0])
    value, gradient = compile(x, [], x, backend=backend)([], [[1.0], [3.0]])
    assert (value, gradient.shape) == (2.0, (0,))
    assert compile([x, w], w, x, backend=backend).evaluate([9.0], [[1.0], [3.0]]).tolist() == [[1, 9], [3, 9]]
    assert compile(w * w, w, backend=backend).evaluate([3.0]).tolist() == [[9.0]]
    assert compile(w * w, w, reduce="sum", backend=backend)([3.0], np.empty((4, 0)))[0] == 36.0


def test_what_is_not_batched_counts_for_each_example():
    """The sum over 5 examples of w² is 5 w²; its mean is w²."""
    w, x = Value(1.0), Value(1.0)
    for reduce, times in (("sum", 5.0), ("mean", 1.0)):
        program = compile([w * w + 0.0 * x, w * w], [w], [x], reduce=reduce, backend="numpy")
        assert program([3.0], np.zeros((5, 1)))[0] == pytest.approx(9.0 * times, rel=1e-15)
        value, gradient = compile(w * w, [w], [x], reduce=reduce, backend="numpy")([3.0], np.zeros((5, 1)))
        assert value == pytest.approx(9.0 * times, rel=1e-15)
        assert gradient == pytest.approx([6.0 * times], rel=1e-15)


@pytest.mark.parametrize(("reduce", "nothing"), [("mean", math.nan), ("sum", 0.0)])
@backends
def test_no_examples(reduce, nothing, backend):
    program = program_of(neuron, 3, 2, reduce=reduce, backend=backend)
    value, gradient = program(W, np.empty((0, 2)))
    np.testing.assert_array_equal([value, *gradient], [nothing] * 4)
    assert program.evaluate(W, np.empty((0, 2))).shape == (0, 1)


@backends
def test_constants_in_a_graph_are_part_of_it(backend):
    """Numbers written in a formula need not be named: they are folded."""
    agrees(
        lambda w, x: where(1.0, 2.0 * w[0] + 3.0, x[0]) * log(x[0] + 2.0) ** 2.0,
        program_of(
            lambda w, x: where(1.0, 2.0 * w[0] + 3.0, x[0]) * log(x[0] + 2.0) ** 2.0, 1, 1, backend=backend
        ),
        [0.5],
        [[0.1], [1.5]],
    )


def test_what_python_decided_is_frozen_and_can_be_warned_of():
    """The branch taken while recording is the one that is compiled."""

    def branching(w, x):
        return w * x if x > 0 else -w

    w, x = Value(2.0), Value(1.0)
    program = compile(branching(w, x), w, x, backend="numpy")
    assert program([2.0], [[-3.0]])[0] == -6.0
    with warn_on_comparison(), pytest.warns(ComparisonWarning):
        branching(w, x)


# --- arguments -------------------------------------------------------------------------------------


@backends
def test_arguments_in_any_layout_are_read_and_never_written(backend):
    """Fortran order, every second row, a transposed view, lists, whole numbers, float32, read-only."""
    program = program_of(neuron, 3, 2, backend=backend)
    whole = RNG.integers(-3, 3, (11, 2))
    batches = [
        np.asfortranarray(X),
        np.repeat(X, 2, axis=0)[::2],
        np.ascontiguousarray(X.T).T,
        X[::-1],
        X.tolist(),
        whole,
        whole > 0,
        X.astype(np.float32),
    ]
    for batch in batches:
        given = np.array(batch)
        agrees(neuron, program, W, given.astype(float))
        value, gradient = program(tuple(W), batch)
        np.testing.assert_array_equal(np.array(batch), given)
        again = program(np.array([W, W]).T[:, 0], batch)
        assert value == again[0]
        np.testing.assert_array_equal(gradient, again[1])
    parameters, batch = np.array(W), X.copy()
    parameters.flags.writeable = batch.flags.writeable = False
    program(parameters, batch)
    program.evaluate(parameters, batch)


@backends
def test_results_are_new_arrays(backend):
    """A second call leaves the first results as they are; nor do they share memory with the arguments."""
    w = [Value(0.0), Value(0.0)]
    identity = compile(0.5 * (w[0] * w[0] + w[1] * w[1]), w, backend=backend)
    for program, batches in (
        (program_of(neuron, 3, 2, backend=backend), (X, 2 * X)),
        (identity, (None, None)),
    ):
        parameters = np.linspace(0.1, 0.3, program.parameters)
        first, outputs = program(parameters, batches[0])[1], program.evaluate(parameters, batches[0])
        kept = first.copy(), outputs.copy()
        program(3 * parameters, batches[1])
        program.evaluate(3 * parameters, batches[1])
        np.testing.assert_array_equal(first, kept[0])
        np.testing.assert_array_equal(outputs, kept[1])
        assert not np.shares_memory(first, parameters)
        first[:] = outputs[:] = math.nan
        np.testing.assert_array_equal(program(parameters, batches[0])[1], kept[0])
        np.testing.assert_array_equal(program.evaluate(parameters, batches[0]), kept[1])


def results_of(program, parameters, batch, wrt):
    """For each method what is called, with `out` or without, and the shapes of the arrays that it fills."""
    B, K, N = len(batch), program.outputs, program.parameters if wrt == "parameters" else program.inputs
    along = np.linspace(-1.0, 1.0, N)
    return {
        "value and gradient": (functools.partial(program, parameters, batch), [(program.parameters,)]),
        "evaluate": (functools.partial(program.evaluate, parameters, batch), [(B, K)]),
        "jacobian": (functools.partial(program.jacobian, parameters, batch, wrt), [(B, K, N)]),
        "hessian": (functools.partial(program.hessian, parameters, batch, wrt), [(B, K, N, N)]),
        "jvp": (functools.partial(program.jvp, parameters, batch, along, wrt), [(B, K), (B, K)]),
        "hvp": (functools.partial(program.hvp, parameters, batch, along, wrt), [(B, K, N)]),
    }


def arrays_of(found):
    """The arrays of a result, which may be one, or two, or one after a number."""
    return [
        each for each in (found if isinstance(found, tuple) else (found,)) if isinstance(each, np.ndarray)
    ]


@backends
@pytest.mark.parametrize("wrt", ["parameters", "inputs"])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_results_are_written_where_the_caller_wants_them(dtype, wrt, backend):
    """The same numbers, at the first call and later; of no examples too, and where they are not finite."""
    program = program_of(lambda w, x: [neuron(w, x), log(x[0] * w[0])], 3, 2, backend=backend, dtype=dtype)
    for batch in (np.abs(X), X, X[:1], X[:0]):
        for call, shapes in results_of(program, np.array(W, dtype), batch.astype(dtype), wrt).values():
            right = call()
            for _ in range(3):
                out = [np.full(shape, 7.0, dtype) for shape in shapes]
                found = arrays_of(call(out=out[0] if len(out) == 1 else out))
                assert list(map(id, found)) == list(map(id, out))
                for array, other in zip(found, arrays_of(right), strict=True):
                    np.testing.assert_array_equal(array, other)


@backends
def test_results_may_be_written_over_what_they_come_from(backend):
    program = program_of(lambda w, x: [x[0] * w[0], x[0] + x[1] * w[1]], 2, 2, backend=backend)
    w, right = np.array([2.0, 3.0]), np.stack([2.0 * X[:, 0], X[:, 0] + 3.0 * X[:, 1]], axis=1)
    for _ in range(3):
        batch = X.copy()
        assert program.evaluate(w, batch, out=batch) is batch
        np.testing.assert_allclose(batch, right, rtol=1e-15 if backend == "jax" else 0.0)  # XLA fuses a b + c
        right = batch.copy()
        longer = np.append(X.reshape(-1), 0.0)
        program.evaluate(w, longer[:-1].reshape(X.shape), out=longer[1:].reshape(X.shape))
        np.testing.assert_array_equal(longer[1:].reshape(X.shape), right)
        value, gradient = program(w, X)
        own = w.copy()
        assert program(own, X, out=own) == (value, own)
        np.testing.assert_array_equal(own, gradient)


@backends
@pytest.mark.parametrize("method", ["value and gradient", "evaluate", "jacobian", "hessian", "jvp", "hvp"])
def test_where_results_cannot_be_written(method, backend):
    program = program_of(neuron, 3, 2, backend=backend)
    call, shapes = results_of(program, np.array(W), X, "parameters")[method]
    call(), call()
    frozen = np.empty(shapes[0])
    frozen.flags.writeable = False
    wrong = [
        (np.empty(shapes[0], np.float32), TypeError, "out must be an array of float64, got float32"),
        ([0.0], TypeError, r"out must be an array \(.*\), got list: \[0.0\]"),
        (np.empty((*shapes[0], 1)), ValueError, r"out must have the shape \(.*\), got \(.*1\)"),
        (frozen, ValueError, "out must be writable and lie in memory in C order"),
        (np.empty((*shapes[0], 2))[..., 0], ValueError, "out must be writable and lie in memory in C order"),
    ]
    for given, error, said in wrong:
        with pytest.raises(error, match=said):
            call(out=given if len(shapes) == 1 else (np.empty(shapes[0]), given))
    if len(shapes) == 2:
        for few in (frozen, (frozen,), 5):
            with pytest.raises(TypeError, match="out must be two arrays, got"):
                call(out=few)


@backends
def test_many_sizes_of_batch(backend):
    program = program_of(neuron, 3, 2, backend=backend)
    many = np.resize(X, (40, 2))
    values, gradients = eager(neuron, W, many)
    for count in [*range(1, 40), 3, 40, 1]:
        value, gradient = program(W, many[:count])
        assert value == pytest.approx(values[:count].mean(), rel=1e-13)
        np.testing.assert_allclose(gradient, gradients[:count].mean(axis=0), rtol=1e-12)


@backends
def test_two_threads_at_once(backend):
    """Each has buffers of its own, also for the same size of batch."""
    model = MLP(2, [8, 1], seed=0)
    x = [Value(0.0), Value(0.0)]
    program = compile(model(x), model.parameters(), x, backend=backend)
    points = [RNG.standard_normal((program.parameters,)) for _ in range(4)]
    batches = [RNG.standard_normal((100, 2)) for _ in points]
    right = [program(*arguments) for arguments in zip(points, batches)]
    outputs = [program.evaluate(*arguments) for arguments in zip(points, batches)]
    wrong = []

    def repeat(number):
        for _ in range(200):
            value, gradient = program(points[number], batches[number])
            if value != right[number][0] or (gradient != right[number][1]).any():
                wrong.append(number)
            if (program.evaluate(points[number], batches[number]) != outputs[number]).any():
                wrong.append(number)

    threads = [threading.Thread(target=repeat, args=(number,)) for number in range(len(points))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


@backends
def test_descend_is_a_loop_of_calls(backend):
    for dtype, accuracy in (("float64", 1e-13), ("float32", 1e-4)):
        program = program_of(neuron, 3, 2, dtype=dtype, backend=backend)
        parameters, expected = np.array(W, dtype), np.array(W, dtype)
        values = program.descend(parameters, X, rate=0.1, steps=7)
        losses = []
        for _ in range(7):
            value, gradient = program(expected, X)
            losses.append(value)
            expected -= 0.1 * gradient
        assert values.dtype == parameters.dtype == dtype
        np.testing.assert_allclose(values, losses, rtol=accuracy)
        np.testing.assert_allclose(parameters, expected, rtol=accuracy)


def test_trainings_of_different_arrays_do_not_touch_each_other():
    """They share the arrays in which it is computed, and each has its own parameters, which stay in place."""
    program = program_of(neuron, 3, 2, backend="numpy")
    expected = np.array(W)
    right = program.descend(expected, X, rate=0.1, steps=4)
    first, second = np.array(W), np.array(W)
    values = [program.descend(first, X, rate=0.1, steps=2)]
    program.descend(second, X, rate=0.3, steps=3)
    values.append(program.descend(first, X, rate=0.1, steps=2))
    np.testing.assert_array_equal(np.concatenate(values), right)
    np.testing.assert_array_equal(first, expected)


def test_examples_are_copied_only_where_they_lie_in_another_order():
    batch = np.arange(20.0).reshape(10, 2)
    orders = np.arange(10), np.arange(2, 6), np.array([3]), np.array([2, 3, 5]), np.arange(10)[::-1]
    training = Training.of(np.zeros(1), batch, orders, rates=0.1)
    for order, (first, end) in zip(orders, training.bounds):
        examples = training.examples(first, end)
        np.testing.assert_array_equal(examples, batch[order])
        assert np.shares_memory(examples, batch) is bool((np.diff(order) == 1).all())


def scaled_descent(data, gradient, rate, memory):
    """Each parameter at a pace of its own, which stays; the last gradient is kept, and a 0."""
    memory["last"] = gradient
    memory["none"] = 0.0
    return data - rate * memory["pace"] * gradient


TRAINED = {
    "a neuron": (neuron, 3, 2),
    "weights of another form": (lambda w, x: tanh(dot([exp(wi) for wi in w], x)), 9, 9),
    "without inputs": (lambda w, x: dot(w, w) + exp(w[0]), 3, 0),
    "one weight": (lambda w, x: tanh(w[0] * x[0]), 1, 1),
    "a slope that is known": (lambda w, x: w[0] - 2.0 * w[1], 2, 0),
    "a length": (lambda w, x: dot(w, w) * dot(w, x) - exp(dot(w, w)) * relu(x[0]) + dot(x, x), 3, 3),
    "a length in a set": (lambda w, x: softmax([dot(w, w), w[0], -dot(w, w) * w[1] * x[0]])[0], 2, 1),
    "terms alike": (lambda w, x: (dot(w, x) - x[0]) ** 2 + 0.5 * dot(w, w) - w[0] + 3.0, 2, 2),
}
RULES = {"descent": {}, "a rule": {"rule": scaled_descent}}
LIMITS = {"none": {}, "length": {"clip_norm": 0.1}, "numbers": {"clip_value": 0.05}}


@backends
@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("careful", [False, True])
@pytest.mark.parametrize("graph", TRAINED)
def test_a_training_is_a_loop_of_calls(graph, careful, rule, backend):
    """Whatever the graph, the rule and the limits of the gradient; from 11, 8 and 5 examples."""
    f, count, inputs = TRAINED[graph]
    program = program_of(f, count, inputs, backend=backend)
    rng = np.random.default_rng(7)
    parameters, batch = rng.standard_normal(count), rng.standard_normal((11, inputs))
    visits = [np.arange(11), np.arange(8)[::-1], np.arange(3, 8)]
    paces = {} if rule == "descent" else {name: rng.random(count) for name in ("pace", "last", "none")}
    for limits in LIMITS.values():
        training = Training.of(
            parameters, batch, visits, [0.5, 0.25, 0.75], paces, careful=careful, **limits, **RULES[rule]
        )
        assert program.train(training) == 3
        expected, memory, values, norms = parameters.copy(), dict(paces), [], []
        for visit, rate in zip(visits, [0.5, 0.25, 0.75]):
            value, gradient = program(expected, batch[visit])
            values.append(value)
            norms.append(np.linalg.norm(gradient))
            if "clip_value" in limits:
                gradient = np.clip(gradient, -0.05, 0.05)
            if "clip_norm" in limits:
                gradient = gradient * min(1.0, 0.1 / (norms[-1] + 1e-6))
            expected = training.rule(expected, gradient, rate, memory)
        np.testing.assert_allclose(training.row(0), expected, rtol=1e-12)
        np.testing.assert_allclose(training.values, values, rtol=1e-12)
        if careful:
            np.testing.assert_allclose(training.norms, norms, rtol=1e-12)
        for name, array in training.memory.items():
            np.testing.assert_allclose(array, np.broadcast_to(memory[name], count), rtol=1e-12)


@backends
def test_float32_is_single_precision_throughout(backend):
    program = program_of(neuron, 3, 2, dtype=np.float32, backend=backend)
    value, gradient = program(W, X)
    assert gradient.dtype == program.evaluate(W, X).dtype == program.dtype == np.float32
    assert value == np.float32(value)
    agrees(neuron, program, W, X, accuracy=1e-5)


# --- the source ------------------------------------------------------------------------------------


def network_program(backend):
    model = MLP(3, [5, 4, 2], activation="tanh", seed=0)
    x = [Value(0.0) for _ in range(3)]
    return compile(sum(model(x)), model.parameters(), x, backend=backend)


def test_the_source_of_arrays_is_python():
    """One matrix product forward for each layer; backward one for its weights and one for what is before.

    The last one adds up the values of the examples.
    """
    program = network_program("numpy")
    ast.parse(program.source)
    assert program.source.count("np.matmul(") == 3 + 3 + 2 + 1
    assert program.source.count("np.tanh(") == 2
    assert program.backend == "numpy"


@needs_llvmlite
def test_the_source_of_native_code_is_llvms_language():
    """The array program stands above it as a comment."""
    program = network_program("llvm")
    lines = program.source.splitlines()
    comments = [line for line in lines if line.startswith(";")]
    assert len([line for line in comments if ": MatMul(" in line]) == 3 + 2
    assert any(line.startswith("define") for line in lines)
    assert program.backend == "llvm"


@backends
@pytest.mark.parametrize("again", [lambda p: pickle.loads(pickle.dumps(p)), copy.deepcopy, copy.copy])
def test_a_program_that_was_used_in_all_ways_pickles_and_copies(again, backend):
    """Machine code stays behind; the other program makes its own, or finds it in the cache."""
    program = program_of(lambda w, x: [log(neuron(w, x)), w[0]], 3, 2, backend=backend)
    w, batch = np.array(W), np.abs(X)
    program.descend(w.copy(), batch, 0.1, 3)
    right = [program(w, batch), program(w, batch[:1]), program(-w, batch)]
    outputs = program.evaluate(w, batch)
    other = again(program)
    assert (other.backend, other.source) == (backend, program.source)
    for (value, gradient), (got, slopes) in zip(
        right, [other(w, batch), other(w, batch[:1]), other(-w, batch)]
    ):
        np.testing.assert_array_equal([got, *slopes], [value, *gradient])
    np.testing.assert_array_equal(other.evaluate(w, batch), outputs)


@pytest.mark.slow
def test_a_program_of_a_deep_graph_pickles():
    x = y = Value(1.0)
    for _ in range(2000):
        y = y * 0.999
    program = pickle.loads(pickle.dumps(compile(y, [x], backend="numpy")))
    assert copy.deepcopy(program)([1.0])[0] == pytest.approx(0.999**2000, rel=1e-9)


@backends
def test_a_value_that_is_not_finite_is_the_engines_under_every_mode(backend):
    """Its examples are recorded anew, whatever is switched on around the call."""
    program = program_of(lambda w, x: sum([w[0] * x[0], x[0], -x[0]]) + log(w[1]), 2, 1, backend=backend)
    for mode in no_grad, detect_anomaly, contextlib.nullcontext:
        with mode():
            value, gradient = program([1.0, 1.0], [[1e308], [1.5e308]])
            assert program.evaluate([1.0, 1.0], [[1.5e308]]) == [[1.5e308]]
        assert value == pytest.approx(1.25e308)
        np.testing.assert_allclose(gradient, [1.25e308, 1.0])
        value, gradient = program([1.0, 0.0], [[1.0], [2.0]])
        np.testing.assert_array_equal([value, *gradient], [-math.inf, 1.5, math.inf])


@backends
def test_a_descent_goes_on_where_a_sum_overflowed_on_the_way(backend):
    """Step by step as the eager engine; what has left the finite numbers for good is not followed."""

    def f(w, x):
        return sum([w[0] * x[0], w[0] * x[0], -w[0] * x[0]]) * 1e-307

    program = program_of(f, 1, 1, backend=backend)
    weights = np.array([1.0])
    values = program.descend(weights, [[1e308]], 0.0125, 4)
    np.testing.assert_allclose(values, [10.0, 8.75, 7.5, 6.25], rtol=1e-12)
    np.testing.assert_allclose(weights, [0.5], rtol=1e-12)
    weights = np.array([1.0])
    values = program_of(lambda w, x: -w[0] * w[0] * x[0], 1, 1, backend=backend).descend(
        weights, [[1e150]], 1e10, 5
    )
    assert values[0] == -1e150
    assert not np.isfinite(values[2:]).any()


def test_the_numbers_do_not_depend_on_those_that_were_recorded():
    """Nor on what the leaves are set to afterwards: a program has numbers of its own."""
    w, x = Value(3.0), Value(math.nan)
    program = compile(relu(w * x), w, x, backend="numpy")
    w.data = math.inf
    assert program([2.0], [[1.0], [-1.0]]) == (1.0, pytest.approx([0.5]))


# --- back ends -------------------------------------------------------------------------------------


def test_without_llvmlite_native_code_is_refused_and_arrays_take_its_place(monkeypatch):
    monkeypatch.setitem(sys.modules, "llvmlite", None)
    with pytest.raises(
        MissingExtraError, match=r"llvmlite, which is not installed: .*scalar-autograd\[jit\]"
    ):
        program_of(neuron, 3, 2, backend="llvm")
    for backend in ("auto", "numpy"):
        program = program_of(neuron, 3, 2, backend=backend)
        assert program.backend == "numpy"
        agrees(neuron, program, W, X)


@needs_llvmlite
def test_auto_goes_by_what_was_asked_for():
    """Numpy first; native code once all that was done would have been done sooner in it, compiling too."""
    program = program_of(neuron, 3, 2)
    assert program.backend == "numpy"
    agrees(neuron, program, W, X)
    assert program.backend == "numpy"
    assert program.source.startswith("def prepare")
    weights, same = np.array(W), np.array(W)
    program.descend(weights, X, rate=0.1, steps=20_000)
    assert program.backend == "llvm"
    assert not program.source.startswith("def prepare")
    program_of(neuron, 3, 2, backend="llvm").descend(same, X, rate=0.1, steps=20_000)
    np.testing.assert_array_equal(weights, same)
    agrees(neuron, program, W, X)
    assert program.backend == "llvm"


@needs_llvmlite
@pytest.mark.parametrize("parameters", [1, 100, 10**6])
@pytest.mark.parametrize("examples", [1, 100, 10**5])
def test_the_choice_changes_once_with_growing_work(parameters, examples):
    """From numpy to native code, and never back: a program's choice is settled at some call."""
    chosen = [rank_backends(parameters, n, n * examples)[0] for n in (1, 10, 10**3, 10**5, 10**7)]
    assert (chosen[0], chosen[-1]) == ("numpy", "llvm") or parameters * examples > 10**9
    assert chosen == sorted(chosen, key=["numpy", "llvm"].index)


def test_auto_gives_the_same_bits_on_every_run_whatever_the_clock(monkeypatch):
    results = []
    for tick in (1e-9, 10.0):
        clock = itertools.count(step=tick)
        for name in ("perf_counter", "monotonic", "time", "process_time"):
            monkeypatch.setattr(time, name, lambda clock=clock: next(clock))
        program = program_of(neuron, 3, 2)
        results.append([program(np.array(W) + k, X)[1] for k in range(50)])
    np.testing.assert_array_equal(*results)


# --- primitives of the user ------------------------------------------------------------------------


def cube():
    """Plain arithmetic: it runs on terms as it is."""
    return primitive(partials=lambda y, x: 3.0 * x * x, name="cube")(lambda x: x * x * x)


def bump(**options):
    """With what Python knows and arrays do not."""
    return primitive(partials=lambda y, x: -2.0 * x * y, name="bump", **options)(lambda x: math.exp(-x * x))


def length_of(**options):
    """Of a sequence: √Σ xᵢ². On arrays the sequence lies along the first axis."""
    return primitive(
        partials=lambda y, values: ([value / y for value in values],),
        name="length_of",
        vectors=(0,),
        array=lambda values: np.sqrt((values * values).sum(axis=0)),
        **options,
    )(lambda values: math.sqrt(math.fsum(value * value for value in values)))


def clamp(**options):
    """One of three: it copies one argument and ignores the others."""
    return primitive(
        partials=lambda y, x, low, high: (1.0, 0.0, 0.0),
        name="clamp",
        select=lambda x, low, high: 1 if x < low else 2 if x > high else 0,
        **options,
    )(lambda x, low, high: min(max(x, low), high))


@backends
def test_a_primitive_in_plain_arithmetic_runs_everywhere(backend):
    row = cube()
    f = lambda w, x: row(w[0] * x[0]) + row(w[1])
    agrees(f, program_of(f, 2, 1, backend=backend), [0.5, 0.75], [[1.0], [-2.0], [0.3]])


OWN = {
    "native": lambda: bump(native=lambda x: exp(-x * x)),
    "expansion": lambda: bump(expansion=lambda x: exp(-x * x)),
}


@backends
@pytest.mark.parametrize("form", OWN)
def test_a_primitive_with_another_form_runs_everywhere(form, backend):
    row = OWN[form]()
    f = lambda w, x: row(w[0] * x[0]) * row(w[1])
    agrees(f, program_of(f, 2, 1, backend=backend), [0.5, 0.75], [[1.0], [-2.0], [0.3]])


def test_a_primitive_with_pythons_functions_runs_as_arrays():
    row, several = bump(), length_of()
    f = lambda w, x: row(w[0] * x[0]) + several([w[0], w[1] * x[0], x[0]])
    for backend in ("numpy", "auto"):
        program = program_of(f, 2, 1, backend=backend)
        assert program.backend == "numpy"
        agrees(f, program, [0.5, 0.75], [[1.0], [-2.0], [0.3]])


@needs_llvmlite
def test_a_primitive_without_a_form_for_native_code_is_named():
    row = bump()
    with pytest.raises(
        GraphError, match=r"primitive bump has no form for native code.*native= or expansion="
    ):
        program_of(lambda w, x: row(w[0] * x[0]), 1, 1, backend="llvm")


@needs_llvmlite
def test_a_primitive_of_sequences_in_native_code():
    row = length_of(native=lambda values: sum([value * value for value in values]) ** 0.5)
    f = lambda w, x: row([w[0], w[1] * x[0], x[0]])
    agrees(f, program_of(f, 2, 1, backend="llvm"), [0.5, 0.75], [[1.0], [-2.0], [0.3]])


def smooth_maximum():
    """ln(eᵃ + eᵇ), whose rules apply rows of sequences."""
    return primitive(
        partials=lambda y, a, b: (softmax([a, b])[0], dot([0.0, 1.0], softmax([a, b]))),
        name="smooth_maximum",
        native=lambda a, b: logsumexp([a, b]),
    )(lambda a, b: math.log(math.exp(a) + math.exp(b)))


@backends
def test_rules_may_apply_rows_of_sequences(backend):
    row = smooth_maximum()
    f = lambda w, x: row(w[0] * x[0], w[1]) * x[0]
    agrees(f, program_of(f, 2, 1, backend=backend), [0.5, 0.75], [[1.0], [-2.0], [0.3]])


def test_a_primitive_that_selects_gives_its_gradient_to_what_it_took():
    """In each example to another one; the logarithm is not differentiated where it is not taken."""
    row = clamp()
    f = lambda w, x: row(w[0] * x[0], log(w[1]), w[2]) * x[1]
    batch = [[0.5, 1.0], [-9.0, 2.0], [9.0, 3.0], [0.6, 4.0]]
    agrees(f, program_of(f, 3, 2, backend="numpy"), [1.0, 0.5, 2.0], batch)
    g = lambda w, x: where(x[0], row(w[0], -1.0, 1.0), w[0])
    agrees(g, program_of(g, 1, 1, backend="numpy"), [3.0], [[0.0], [1.0]])


def test_a_primitive_that_native_code_cannot_select_is_named():
    row = clamp(native=lambda x, low, high: where(x, x, low))
    f = lambda w, x: row(w[0] * x[0], -1.0, 1.0)
    program = program_of(f, 1, 1, backend="auto")
    assert program.backend == "numpy"
    agrees(f, program, [0.5], [[1.0], [-3.0]])
    assert isinstance(row, Primitive)


# --- what is refused -------------------------------------------------------------------------------


def test_an_input_that_was_left_out_is_named():
    w, x, y = Value(1.0, "w"), Value(2.0, "x"), Value(0.25)
    with pytest.raises(
        ValueError, match=r"depends on x \(data 2\.0\), which is neither in wrt nor in inputs"
    ):
        compile(w * x, [w])
    with pytest.raises(ValueError, match=r"a leaf \(data 0\.25\), which is neither"):
        compile(dot([w, x], [y, w]), [w], [x])
    with pytest.raises(ValueError, match="neither in wrt nor in inputs"):
        compile([w * x, y], [w], [x])


BROKEN = {
    "math": lambda y, x: math.cos(x),
    "numpy": lambda y, x: np.nextafter(x, 1.0),
    "a comparison": lambda y, x: 1.0 if x > 0.0 else -1.0,
    "a decision": lambda y, x: 1.0 if x else -1.0,
    "an equality": lambda y, x: 1.0 if x == 1.0 else -1.0,
    "an inequality": lambda y, x: -1.0 if x != 1.0 else 1.0,
}


@pytest.mark.parametrize("rule", BROKEN)
def test_partials_that_do_not_run_on_arrays_are_named(rule):
    """The eager engine, which calls them with floats, does not notice."""
    row = primitive(partials=BROKEN[rule], name="broken")(lambda x: x)
    w = Value(1.0)
    row(w).backward()
    with pytest.raises(GraphError, match=r"partials of the primitive broken .*where\(\.\.\.\), without if"):
        compile(row(w), w, backend="numpy")([1.0])


def node():
    return Value(2.0) * 3.0


REFUSED = {
    "a leaf twice": (
        lambda w, x: compile(w * x, [w, w], [x]),
        ValueError,
        "1 of wrt and inputs are given twice",
    ),
    "on both sides": (lambda w, x: compile(w * x, [w], [x, w]), ValueError, "given twice"),
    "computed wrt": (lambda w, x: compile(w * x, [node()], [x]), ValueError, "wrt must be leaves, .* by mul"),
    "computed inputs": (lambda w, x: compile(w * x, [w], [x, node()]), ValueError, "inputs must be leaves"),
    "no output": (lambda w, x: compile([], [w]), ValueError, "at least one output, got none"),
    "a number": (lambda w, x: compile(3.0, [w]), TypeError, "output must be Values, got float: 3.0"),
    "numbers": (lambda w, x: compile(w, [1.0]), TypeError, "wrt must be Values, got float: 1.0"),
    "text": (lambda w, x: compile(w, "w"), TypeError, "wrt must be Values, got str: 'w'"),
    "None": (lambda w, x: compile(w * x, w, None), TypeError, "inputs must be Values, got NoneType"),
    "reduce": (lambda w, x: compile(w, w, reduce="max"), ValueError, "'mean' or 'sum', got 'max'"),
    "backend": (
        lambda w, x: compile(w, w, backend="cuda"),
        ValueError,
        "'auto', 'numpy', 'llvm', .*got 'cuda'",
    ),
    "whole dtype": (lambda w, x: compile(w, w, dtype=int), ValueError, "float64 or float32, got int64"),
    "half dtype": (
        lambda w, x: compile(w, w, dtype="float16"),
        ValueError,
        "float64 or float32, got float16",
    ),
    "no dtype": (lambda w, x: compile(w, w, dtype="number"), TypeError, "float64 or float32, got 'number'"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_compile_refuses(case):
    call, error, said = REFUSED[case]
    with pytest.raises(error, match=said) as caught:
        call(Value(1.0, "w"), Value(2.0, "x"))
    assert type(caught.value) is error


ARGUMENTS = {
    "too few parameters": (W[:2], X, ValueError, r"parameters must have the shape \(3,\).* got \(2,\)"),
    "a matrix of parameters": ([W], X, ValueError, r"parameters must have the shape \(3,\).* got \(1, 3\)"),
    "one number": (1.0, X, ValueError, r"parameters must have the shape \(3,\).* got \(\)"),
    "no batch": (W, None, TypeError, r"this program has 2 inputs: give a batch \(B, 2\)"),
    "one example": (W, X[0], ValueError, r"\(B, 2\), got \(2,\); for one example batch.reshape\(1, 2\)"),
    "other features": (W, np.zeros((4, 3)), ValueError, r"\(B, 2\), got \(4, 3\)$"),
    "three axes": (W, X[None], ValueError, r"\(B, 2\), got \(1, 11, 2\)$"),
    "text": (["a", "b", "c"], X, TypeError, "parameters must be real numbers, got an array of <U1"),
    "complex": (W, X + 1j, TypeError, "batch must be real numbers, got an array of complex128"),
    "objects": (W, X.astype(object), TypeError, "batch must be real numbers, got an array of object"),
    "values": (
        [Value(w) for w in W],
        X,
        TypeError,
        "parameters must be real numbers, got an array of object",
    ),
    "ragged": (W, [[1.0, 2.0], [3.0]], ValueError, "inhomogeneous"),
}


@pytest.mark.parametrize("purpose", ["__call__", "evaluate"])
@pytest.mark.parametrize("case", ARGUMENTS)
def test_arrays_that_a_program_refuses(case, purpose):
    parameters, batch, error, said = ARGUMENTS[case]
    with pytest.raises(error, match=said):
        getattr(program_of(neuron, 3, 2, backend="numpy"), purpose)(parameters, batch)


def test_descend_refuses_parameters_that_it_cannot_change():
    program = program_of(neuron, 3, 2, backend="numpy")
    frozen = np.array(W)
    frozen.flags.writeable = False
    for parameters in (W, np.array(W, np.float32), np.repeat(W, 2)[::2], frozen):
        with pytest.raises(TypeError, match="writable array of float64, contiguous"):
            program.descend(parameters, X, rate=0.1)
    for steps in (0, -1, 2.0):
        with pytest.raises(ValueError, match=f"steps must be a whole number from 1 on, got {steps}"):
            program.descend(np.array(W), X, rate=0.1, steps=steps)
    with pytest.raises(ValueError, match="at least one example, got an empty batch"):
        program.descend(np.array(W), X[:0], rate=0.1)


STRANGE = {
    "parameters": ({"parameters": np.array(W[:2])}, ValueError, "has 3 parameters, .*got 2, 2 and 0"),
    "inputs": ({"batch": X[:, :1]}, ValueError, r"batch of a .* shape \(11, 2\), got \(11, 1\)"),
    "one example": ({"batch": X[0]}, ValueError, r"batch of a .* shape \(2, 2\), got \(2,\)"),
    "numbers": (
        {"parameters": np.array(W, np.float32)},
        TypeError,
        "state of a .* array of float64, got float32",
    ),
    "an empty batch": ({"batches": [np.arange(3), np.arange(0)]}, ValueError, "at least one example"),
    "strangers": ({"batches": [np.array([3, 11])]}, ValueError, "examples from 0 to 10, got 3 to 11"),
    "the last": ({"batches": [np.array([3, -1])]}, ValueError, "examples from 0 to 10, got -1 to 3"),
    "too many": ({"updated": 4}, ValueError, "at most all of them, .*, got 3, 4 and 0"),
    "outputs": ({"outputs": 2}, ValueError, "notes 0 or 1 outputs, got 3, 3 and 2"),
}


@pytest.mark.parametrize("case", STRANGE)
def test_a_training_of_another_program_is_refused(case):
    """Native code would read and write beyond the ends of its arrays."""
    changes, error, said = STRANGE[case]
    options = {"parameters": np.array(W), "batch": X, "batches": [np.arange(11)], "rates": 0.1, **changes}
    program = program_of(lambda w, x: [neuron(w, x), x[0]], 3, 2, backend="numpy")
    with pytest.raises(error, match=said):
        program.train(Training.of(**options))


def test_a_large_batch_is_computed_in_stretches(monkeypatch):
    """The same as at once: what is added up over the batch, what is not, and what depends on no input."""

    def f(w, x):
        return [neuron(w, x) + 0.5 * w[2] * w[2], w[0] * x[0], exp(w[1])]

    X7 = np.resize(X, (23, 2))
    for reduce in ("mean", "sum"):
        whole = program_of(f, 3, 2, backend="numpy", reduce=reduce)
        right = *whole(W, X7), whole.evaluate(W, X7)
        trained = Training.of(np.array(W), X7, [np.arange(23), np.arange(3), np.arange(22)], 0.1, outputs=2)
        whole.train(trained)
        with monkeypatch.context() as patch:
            patch.setattr(tuning, "NUMPY_CHUNK", 5)
            program = program_of(f, 3, 2, backend="numpy", reduce=reduce)
            for got, known in zip((*program(W, X7), program.evaluate(W, X7)), right, strict=True):
                np.testing.assert_allclose(got, known, rtol=1e-14)
            again = Training.of(np.array(W), X7, [np.arange(23), np.arange(3), np.arange(22)], 0.1, outputs=2)
            assert program.train(again) == 3
        np.testing.assert_allclose(again.values, trained.values, rtol=1e-14)
        np.testing.assert_allclose(again.row(0), trained.row(0), rtol=1e-13)
        np.testing.assert_allclose(again.noted, trained.noted, rtol=1e-14)  # of weights that differ so much


@backends
def test_a_product_with_one_constant(backend):
    program = program_of(lambda w, x: w[0] * dot([1.5], [x[0]], x[0]), 1, 1, backend=backend)
    value, gradient = program([2.0], [[3.0], [5.0]])
    assert (value, gradient) == (20.0, [10.0])


@backends
def test_calls_with_batches_of_many_sizes(backend):
    program = program_of(lambda w, x: (w[0] * x[0] - 1.0) ** 2, 1, 1, backend=backend)
    batch = np.linspace(0.5, 1.5, 70)[:, None]
    for size in (*range(1, 71), 3, 1):
        value, _ = program([2.0], batch[:size])
        assert value == pytest.approx(np.mean((2.0 * batch[:size] - 1.0) ** 2), rel=1e-13)


@backends
def test_the_state_of_a_training_has_a_row_for_all_that_changes(backend):
    """Or, without a memory, for the parameters only."""
    program = program_of(neuron, 3, 2, backend=backend)
    whole = Training.of(np.array(W), X, [np.arange(11)] * 3, 0.1)
    short = dataclasses.replace(whole, state=np.array(W))
    assert program.train(short) == program.train(whole) == 3
    np.testing.assert_array_equal(short.row(0), whole.row(0))
    for state in (np.zeros(4), np.zeros(9), np.zeros((2, 3))):
        with pytest.raises(ValueError, match=r"state of a training .* have the shape \(6,\), got"):
            program.train(dataclasses.replace(whole, state=state))
    with pytest.raises(ValueError, match=r"shape \(9,\), got \(6,\)"):
        program.train(dataclasses.replace(whole, names=("velocity",)))


def damaged(array, how):
    """The same numbers, or as many as there are, as native code cannot take them."""
    if how == "read-only":
        array = array.copy()
        array.flags.writeable = False
        return array
    if how == "with gaps":
        return np.repeat(array[..., None], 2, axis=-1)[..., 0]
    with np.errstate(over="ignore"):  # in float32
        other = array.astype(np.float32 if array.dtype.kind == "f" else np.int32)
    return {
        "another dtype": other,
        "another byte order": array.astype(array.dtype.newbyteorder()),
        "too short": array[:-1],
        "too long": np.concatenate([array, array]),
        "one more axis": array[None],
        "a list": array.tolist(),
    }[how]


ARRAYS = ["state", "previous", "batch", "order", "bounds", "rates", "values", "norms", "noted"]
DAMAGES = [
    "read-only", "with gaps", "another dtype", "another byte order", "too short", "too long", "one more axis",
    "a list",
]  # fmt: skip


@backends
@pytest.mark.parametrize("how", DAMAGES)
@pytest.mark.parametrize("name", ARRAYS)
def test_a_training_whose_arrays_have_changed_is_refused(name, how, backend):
    """Native code would write beyond them, or read other numbers. Those that are only read may be frozen."""
    program = program_of(lambda w, x: [neuron(w, x), w[0] * x[0]], 3, 2, backend=backend)
    make = lambda: Training.of(np.array(W), X, [np.arange(11)] * 3, 0.1, careful=True, outputs=1)
    training = make()
    array = damaged(getattr(training, name), how)
    setattr(training, name, array)
    if name in ("batch", "order", "bounds", "rates") and how == "read-only":
        assert program.train(training) == 3
    elif name in ("batch", "order") and how in ("too short", "too long"):
        with contextlib.suppress(ValueError):  # there may be as many as the training names
            right = make()
            program.train(right)
            program.train(training)
            np.testing.assert_array_equal(training.state, right.state)
    else:
        before = copy.deepcopy(training)
        with pytest.raises((TypeError, ValueError), match="training"):
            program.train(training)
        for each in ARRAYS:
            np.testing.assert_array_equal(getattr(training, each), getattr(before, each))


@backends
def test_a_training_whose_largest_batch_is_larger_than_it_says_is_refused(backend):
    program = program_of(neuron, 3, 2, backend=backend)
    training = Training.of(np.array(W), X, [np.arange(11)] * 3, 0.1)
    training.largest = 10  # native code has memory for so many
    with pytest.raises(ValueError, match="is said to have 10 examples, and it has 11"):
        program.train(training)


@pytest.mark.parametrize("index", [[0.5, 1.7], [True, False], [1j], ["a"]])
def test_examples_are_named_by_whole_numbers(index):
    """A mask is no list of rows, and a fraction no row: either would train on other examples."""
    with pytest.raises(TypeError, match="order of a training must be whole numbers, got an array of"):
        Training.of(np.array(W), X, [np.array(index)], 0.1)


@pytest.mark.parametrize("name", ["clip_value", "clip_norm"])
@pytest.mark.parametrize(
    ("limit", "error"),
    [(0, ValueError), (-1.0, ValueError), (math.nan, ValueError), ("1", TypeError), (np.ones(3), TypeError)],
)
def test_a_limit_of_the_gradient_is_above_zero(name, limit, error):
    with pytest.raises(error, match=name):
        Training.of(np.array(W), X, [np.arange(3)], 0.1, **{name: limit})


@backends
def test_parameters_that_lie_in_the_batch_are_descended_as_if_they_did_not(backend):
    program = program_of(neuron, 3, 2, backend=backend)
    memory = X.reshape(-1).copy()
    batch, weights = X.copy(), memory[4:7].copy()
    values = program.descend(weights, batch, 0.1, 3)
    np.testing.assert_array_equal(program.descend(memory[4:7], memory.reshape(X.shape), 0.1, 3), values)
    np.testing.assert_array_equal(memory[4:7], weights)


@backends
@pytest.mark.parametrize("options", [{}, {"careful": True}, {"clip_value": 0.01}, {"clip_norm": 0.02}])
@pytest.mark.parametrize("updated", [0, 1, 2])
def test_a_training_of_some_parameters_leaves_the_others(updated, options, backend):
    program = program_of(neuron, 3, 2, backend=backend)
    training = Training.of(np.array(W), X, [np.arange(11)] * 3, 0.1, updated=updated, **options)
    assert program.train(training) == 3
    weights = np.array(W)
    for _ in range(3):
        _, gradient = eager(neuron, weights, X)
        gradient = gradient.mean(axis=0)[:updated]
        gradient = np.clip(gradient, -options.get("clip_value", np.inf), options.get("clip_value", np.inf))
        length = np.linalg.norm(gradient)
        weights[:updated] -= 0.1 * gradient * min(1.0, options.get("clip_norm", np.inf) / (length + 1e-6))
    np.testing.assert_allclose(training.state[:3], weights, rtol=1e-12)
    np.testing.assert_array_equal(training.state[updated:3], W[updated:])


@backends
@pytest.mark.parametrize("other", [3.0, math.inf])
def test_a_gradient_that_is_nan_is_clipped_to_nan(other, backend):
    """As the formula g · min(1, limit / (‖g‖ + 10⁻⁶)) says, whatever else there is."""
    program = program_of(lambda w, x: w[0] * x[0] + w[1] * x[1], 2, 2, backend=backend)
    batch = np.array([[math.nan, other]])
    training = Training.of(np.array([1.0, 2.0]), batch, [np.arange(1)], 0.1, clip_norm=1.0)
    program.train(training)
    assert np.isnan(training.row(0)).all()


@backends
def test_a_training_takes_examples_in_any_layout(backend):
    program = program_of(neuron, 3, 2, backend=backend)
    right = Training.of(np.array(W), X, [np.arange(11)], 0.1)
    program.train(right)
    for batch in (np.asfortranarray(X), np.repeat(X, 2, axis=0)[::2], X.tolist()):
        training = Training.of(np.array(W), batch, [np.arange(11)], 0.1)
        assert program.train(training) == 1
        np.testing.assert_array_equal(training.row(0), right.row(0))


def test_a_program_is_what_compile_makes():
    assert isinstance(program_of(neuron, 3, 2, backend="numpy"), Program)


@slowly_in_native_code
@pytest.mark.parametrize(
    ("n_in", "widths", "examples", "decay"),
    [
        (3, [70, 65, 2], 45, 0.0),
        (300, [20, 3], 40, 0.1),
        (205, [24, 2], 1061, 0.0),
        (2, [70, 66, 1], 33, 0.1),
    ],
)
def test_wide_products_over_the_batch_are_the_eager_ones(n_in, widths, examples, decay, backend):
    """Layers so wide that native code adds up their gradients when all blocks are done, not in each.

    From inputs and from hidden layers, with columns and examples that are no multiple of any lanes. So
    many parameters that the arrays of numpy are those of the caller.
    """
    model = MLP(n_in, widths, activation="tanh", seed=3)
    inputs = [Value(0.0) for _ in range(n_in + widths[-1])]
    parameters = model.parameters()
    penalty = decay * dot(parameters, parameters)
    loss = mse_loss(model(inputs[:n_in]), inputs[n_in:] if widths[-1] > 1 else inputs[n_in]) + penalty
    program = compile(loss, parameters, inputs, backend=backend)
    assert max(node.size for node in program._nodes(backend, "gradient")) > 4096
    numbers = np.array([parameter.data for parameter in parameters])
    batch = np.random.default_rng(5).standard_normal((examples, n_in + widths[-1]))
    value, gradient = program(numbers, batch)
    losses = [
        mse_loss(model(row[:n_in]), row[n_in:] if widths[-1] > 1 else row[n_in]) for row in batch.tolist()
    ]
    total = mean(losses) + penalty
    total.backward()
    assert value == pytest.approx(total.data, rel=1e-13)
    slopes = np.array([parameter.grad for parameter in parameters])
    np.testing.assert_allclose(gradient, slopes, rtol=1e-10, atol=1e-13 * np.abs(slopes).max())
    moved = numbers.copy()
    program.descend(moved, batch, rate=0.25)
    np.testing.assert_allclose(moved, numbers - 0.25 * slopes, rtol=1e-12, atol=1e-13)


@backends
def test_a_training_from_batches_of_many_sizes(backend):
    program = program_of(lambda w, x: (w[0] * x[0] - 1.0) ** 2, 1, 1, backend=backend)
    batch = np.linspace(0.5, 1.5, 12)[:, None]
    visits = [np.arange(size) for size in (*range(1, 13), 3, 1)]
    for _ in range(2):
        training = Training.of(np.array([0.0]), batch, visits, 0.1)
        assert program.train(training) == 14
        w = 0.0
        for visit in visits:
            x = batch[visit, 0]
            w -= 0.1 * np.mean(2.0 * (w * x - 1.0) * x)
        assert training.row(0)[0] == pytest.approx(w, rel=1e-13)


def test_a_program_knows_its_own_graph():
    """By structure and by every constant, whatever the numbers of its leaves."""

    def graph(c=2.0, row=tanh, w=0.5, x=0.25, leaf=None):
        w, x = Value(w), Value(x)
        return [row(c * w * x) + c / x if leaf is None else w * x * leaf], [w], [x]

    outputs, wrt, inputs = graph()
    program = compile(outputs, wrt, inputs, backend="numpy")
    program([1.0], [[1.0]])
    assert program.computes(*graph())
    assert program.computes(*graph(w=-7.0, x=math.nan))
    assert not program.computes(*graph(c=2.0000000000000004))
    assert not program.computes(*graph(row=exp))
    assert not program.computes(*graph(leaf=Value(2.0)))
    assert not program.computes(outputs * 2, wrt, inputs)
    for number in (0.0, -0.0, math.nan, math.inf):
        program = compile(*graph(number), backend="numpy")
        same = [repr(each) for each in (0.0, -0.0, math.nan, math.inf) if program.computes(*graph(each))]
        assert same == [repr(number)]
