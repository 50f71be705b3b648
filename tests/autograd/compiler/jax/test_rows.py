"""Every row of the table on arrays of JAX, without the engine's help: numbers, kinks, and JAX's derivatives.

All rows are one program, because XLA takes long for each; a few of them are tried every time.
"""

import functools
import math

import numpy as np
import pytest

from autograd import GraphError, Value, compile, grad, hvp, primitive
from autograd import sum as total
from autograd.compiler.ir.fused_rules import FORWARD
from autograd.engine.primitives import TABLE
from tests.support.compiled import program_of
from tests.support.compiled_cases import flat_positions, of_numbers

jax = pytest.importorskip("jax", reason="needs jax: the extra jax")

SPREAD = 0.15, 0.35, 0.85
FEW = "mul", "power", "abs", "exp", "tanh", "sigmoid", "relu", "maximum", "where", "norm"
# An index has to be an input of the program, and `test_function` has one.
ALL = tuple(name for name, row in TABLE.items() if row.index is None)
rows = pytest.mark.parametrize("names", [FEW, pytest.param(ALL, marks=pytest.mark.slow)], ids=["few", "all"])


def places(names):
    """Of each row three points of its domain, and its kinks."""
    for row in map(TABLE.get, names):
        intervals = [row.domain[i] for i in flat_positions(row)]
        points = [
            [low + (high - low) * ((part + 0.37 * i) % 1.0) for i, (low, high) in enumerate(intervals)]
            for part in SPREAD
        ]
        kinks = [list(kink) for kink in row.kinks if len(kink) == len(intervals)]
        yield from ((row, point) for point in [*points, *kinks])


@functools.cache
def recorded(names):
    """Rows and their points, the outputs, their leaves and numbers, and a program of the sum and of each."""
    points = list(places(names))
    leaves = [list(map(Value, point)) for _, point in points]
    outputs = [of_numbers(row)(each) for (row, _), each in zip(points, leaves)]
    flat = [leaf for each in leaves for leaf in each]
    numbers = np.array([leaf.data for leaf in flat])
    return points, outputs, leaves, numbers, compile([total(outputs), *outputs], flat, backend="jax")


@pytest.mark.slow
@rows
def test_every_row_has_its_value_and_its_partials_kinks_included(names):
    points, outputs, leaves, numbers, program = recorded(names)
    with jax.enable_x64(True):
        found = np.asarray(program.function.evaluate(numbers))[0, 1:]
        slopes = iter(np.asarray(program.function(numbers)[1]).tolist())
    for (row, point), y, own, got in zip(points, outputs, leaves, found, strict=True):
        told = (row.name, point)
        assert got == pytest.approx(y.data, rel=2e-14, abs=1e-300, nan_ok=True), told
        mine = [next(slopes) for _ in own]
        assert mine == pytest.approx(grad(y, own), rel=1e-12, abs=1e-15, nan_ok=True), told
        for got, right in zip(mine, row.kinks.get(tuple(point), ())):
            assert got == right, told


@pytest.mark.slow
@rows
def test_jax_differentiates_each_row_again_by_the_partials_of_the_table(names):
    """The second derivatives along a direction, of the gradient of the value, by forward mode."""
    points, _, leaves, numbers, program = recorded(names)
    direction = np.random.default_rng(0).uniform(0.5, 1.5, len(numbers))
    with jax.enable_x64(True):
        twice = jax.jit(lambda w, v: jax.jvp(jax.grad(program.function.value), [w], [v]))
        _, found = twice(numbers, direction)
    along, got = iter(direction.tolist()), iter(np.asarray(found).tolist())
    for (row, point), own in zip(points, leaves, strict=True):
        v = [next(along) for _ in own]
        right = hvp(lambda *args, row=row: of_numbers(row)(list(args)), point, v)
        mine = [next(got) for _ in own]
        if all(map(math.isfinite, right)):
            assert mine == pytest.approx(right, rel=1e-11, abs=1e-13), (row.name, point)


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(FORWARD))
def test_fused_rules_keep_their_digits_at_every_order(name):
    """Logits far apart, where 1 − p is 0; the judge is the engine."""
    f = of_numbers(TABLE[name])
    z = [40.0, -2.0, 3.0]
    program = program_of(lambda w, x: f(w), 3, 0, backend="jax")
    leaves = list(map(Value, z))
    right = [hvp(lambda *args: f(list(args)), z, unit) for unit in np.eye(3).tolist()]
    with jax.enable_x64(True):
        value, gradient = program.function(np.array(z))
        hessian = jax.jit(jax.hessian(program.function.value))(np.array(z))
    y = f(leaves)
    assert float(value) == pytest.approx(y.data, rel=1e-14)
    assert gradient.tolist() == pytest.approx(grad(y, leaves), rel=1e-13)
    np.testing.assert_allclose(hessian, right, rtol=1e-12)


def test_a_row_of_the_user_runs_by_numpys_function_or_a_formula_and_is_refused_without():
    @primitive(partials=lambda y, x: 1.0 / (1.0 + x * x), array=np.arctan)
    def angle(x):
        return math.atan(x)

    @primitive(partials=lambda y, x: 3.0 * x * x)
    def cube(x):
        return x * x * x

    @primitive(partials=lambda y, x: (1.0,))
    def branching(x):
        return x if x > 0.0 else 2.0 * x

    w = [Value(0.5), Value(2.0)]
    program = compile(angle(w[0]) * cube(w[1]), w, backend="jax")
    with jax.enable_x64(True):
        value, gradient = program.function([0.5, 2.0])
    assert float(value) == pytest.approx(8.0 * math.atan(0.5), rel=1e-15)
    assert gradient.tolist() == pytest.approx([8.0 / 1.25, 12.0 * math.atan(0.5)], rel=1e-15)
    with pytest.raises(GraphError, match="the primitive branching has no form for native code"):
        compile(branching(w[0]), w, backend="jax")
