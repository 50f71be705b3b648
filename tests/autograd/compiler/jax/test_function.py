"""`Program.function`: pure, and under every transformation of JAX the numbers of the engine."""

import subprocess
import sys

import numpy as np
import pytest

from autograd import Value, compile, find_backend, greater, hessian, relu, sqrt, take, where
from tests.support.captured import leaves
from tests.support.compiled import eager, program_of

jax = pytest.importorskip("jax", reason="needs jax: the extra jax")

RNG = np.random.default_rng(0)
W, X = RNG.normal(size=4), RNG.normal(size=(5, 3))


def loss(w, x):
    """With a kink, and a branch that has no derivative where it is not taken."""
    hidden = relu(w[0] * x[0] + w[1] * x[1])
    return (hidden * w[2] + where(greater(x[2], 0.0), sqrt(x[2]) * w[3], w[1]) - x[1]) ** 2


@pytest.fixture(scope="module")
def program():
    return program_of(loss, 4, 3, backend="jax")


@pytest.fixture
def in_float64():
    with jax.enable_x64(True):
        yield


@pytest.mark.usefixtures("in_float64")
def test_the_function_gives_what_the_engine_does_jitted_or_not(program):
    values, slopes = eager(loss, W, X)
    for function in (program.function, jax.jit(program.function)):
        value, gradient = function(W, X)
        assert (value.shape, value.dtype) == ((), np.float64)
        assert float(value) == pytest.approx(values.mean(), rel=1e-14)
        np.testing.assert_allclose(gradient, slopes.mean(axis=0), rtol=1e-13)
    assert float(program.function.value(W, X)) == float(value)
    np.testing.assert_allclose(program.function.evaluate(W, X)[:, 0], values, rtol=1e-14)


@pytest.mark.usefixtures("in_float64")
def test_jaxs_own_derivatives_of_the_value_are_the_gradient_and_the_engines(program):
    function = program.function
    by_w, by_x = jax.jit(jax.grad(function.value, argnums=(0, 1)))(W, X)
    np.testing.assert_array_equal(by_w, function(W, X)[1])
    for b in range(5):
        right = eager(lambda x, w: loss(w, x), X[b], [W])[1][0]
        np.testing.assert_allclose(by_x[b], right / 5, rtol=1e-12)


@pytest.mark.slow
@pytest.mark.usefixtures("in_float64")
def test_second_derivatives_and_many_parameters_at_once(program):
    function = program.function
    right = np.mean([hessian(lambda *w, x=x: loss(w, x.tolist()), W.tolist()) for x in X], axis=0)
    for found in (jax.hessian(function.value)(W, X), jax.jacfwd(lambda w: function(w, X)[1])(W)):
        np.testing.assert_allclose(found, right, rtol=1e-11, atol=1e-13)
    several = np.stack([W, 2.0 * W])
    values, gradients = jax.vmap(function, in_axes=(0, None))(several, X)
    for w, value, gradient in zip(several, values, gradients):
        one, its = program(w, X)
        assert float(value) == pytest.approx(one, rel=1e-13)
        np.testing.assert_allclose(gradient, its, rtol=1e-12)


def test_float64_is_refused_where_jax_has_it_switched_off_and_a_call_of_the_program_needs_no_setting(program):
    with jax.enable_x64(False):
        with pytest.raises(
            TypeError, match=r'^this program computes in float64, which JAX has switched off: .*x64"'
        ):
            program.function(W, X)
        assert program(W, X)[0] == pytest.approx(eager(loss, W, X)[0].mean(), rel=1e-14)
        single = program_of(loss, 4, 3, backend="jax", dtype=np.float32)
        value, gradient = single.function(W, X)
        assert value.dtype == gradient.dtype == np.float32
        assert float(value) == pytest.approx(program(W, X)[0], rel=1e-5)
    assert not jax.config.jax_enable_x64


@pytest.mark.usefixtures("in_float64")
@pytest.mark.parametrize(
    ("arguments", "error", "told"),
    [
        ((W[:3], X), ValueError, r"parameters must have the shape \(4,\), got \(3,\)"),
        ((W, X[:, :2]), ValueError, r"batch must have the shape \(B, 3\) with B ≥ 1, got \(5, 2\)"),
        ((W, X[:0]), ValueError, r"batch must have .* got \(0, 3\)"),
        ((W,), TypeError, r"this program has 3 inputs: give a batch \(B, 3\)"),
        ((1j * W, X), TypeError, "parameters must be real numbers, got complex128"),
    ],
)
def test_what_does_not_fit_is_refused(program, arguments, error, told):
    with pytest.raises(error, match=told):
        program.function(*arguments)


@pytest.mark.usefixtures("in_float64")
def test_a_sum_without_inputs_needs_no_batch():
    w = leaves(2)
    function = compile(w[0] * w[1], w, reduce="sum", backend="jax").function
    value, gradient = function([2.0, 3.0])
    assert (float(value), gradient.tolist()) == (6.0, [3.0, 2.0])


def test_numbers_that_xla_takes_as_0_are_computed_by_the_engine(program):
    w, x = leaves(1), leaves(1)
    tiny = compile(w[0] / x[0], w, x, backend="jax")
    assert tiny([5e-324], [[1e-300]])[0] == 5e-324 / 1e-300
    assert tiny.evaluate([1.0], [[4.0], [-1e-310]]).tolist() == [[0.25], [-np.inf]]
    assert tiny.jvp([1.0], [[4.0]], [1e-310])[1].tolist() == [[1e-310 / 4.0]]


@pytest.mark.usefixtures("in_float64")
def test_an_index_that_is_none_is_an_error_of_the_program_and_nan_in_its_function():
    w, x = leaves(3), Value(0.0)
    program = compile(take(w, x) ** 2, w, x, backend="jax")
    value, gradient = jax.jit(program.function)([1.0, 2.0, 3.0], [[2.0], [0.0]])
    assert (float(value), gradient.tolist()) == (5.0, [1.0, 0.0, 3.0])
    for wrong in (3.0, -1.0, 0.5):
        assert np.isnan(program.function.value([1.0, 2.0, 3.0], [[wrong], [0.0]]))
        with pytest.raises((IndexError, ValueError), match="index"):
            program([1.0, 2.0, 3.0], [[wrong], [0.0]])


def test_other_back_ends_have_no_function_and_say_which_one_has():
    w = leaves(1)
    program = compile(w[0] * w[0], w, backend="numpy")
    assert not hasattr(program, "function")
    with pytest.raises(AttributeError, match=r"this back end has no function: .*backend='jax'"):
        program.function  # noqa: B018  # that it can be looked up is what is tested


def test_auto_never_chooses_it():
    assert not find_backend("jax").automatic


def test_without_jax_the_extra_is_named_and_the_other_back_ends_run():
    program = """
import sys
sys.modules["jax"] = None
import importlib.util
found = importlib.util.find_spec
importlib.util.find_spec = lambda name, *more: None if name == "jax" else found(name, *more)
import autograd
from autograd.compiler.backends import row_lowerings
w = autograd.Value(2.0)
assert autograd.compile(w * w, w)([3.0])[0] == 9.0
assert "jax" not in row_lowerings() and "numpy" in row_lowerings()
try:
    autograd.compile(w * w, w, backend="jax")
except autograd.MissingExtraError as error:
    assert "backend='jax' needs jax" in str(error) and "[jax]" in str(error), error
else:
    raise AssertionError("made")
"""
    subprocess.run([sys.executable, "-c", program], check=True)
