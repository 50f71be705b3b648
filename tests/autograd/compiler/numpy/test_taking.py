"""`take`, compiled: back ends give the engine's numbers and derivatives, and refuse what is no index."""

import math

import numpy as np
import pytest

from autograd import (
    GraphError,
    Training,
    Value,
    compile,
    dot,
    grad,
    greater,
    hessian,
    log_softmax,
    logsumexp,
    sequence,
    softmax,
    sum,
    take,
    tanh,
    where,
)
from autograd.compiler import tuning
from autograd.compiler.ir.nodes import AddRows, Apply, TakeRows, ancestry
from tests.support.compiled import backends, needs_jax, needs_llvmlite, program_of


def embedded(w, x):
    """Rows of a table by two indices, and the logit of a third."""
    columns = [sequence(w[c:12:3]) for c in range(3)]
    first, second = ([take(column, token) for column in columns] for token in x[:2])
    logits = [dot(first, [a * a for a in second]), first[0] * second[2], second[1].exp()]
    return -take(log_softmax(logits), x[2])


# By name: the function, how many parameters, and of each input from how many values it takes, 0 for a number.
CASES = {
    "rows of a table": (embedded, 12, (4, 4, 3)),
    "what has no derivative elsewhere": (
        lambda w, x: take([w[0].sqrt(), w[1] * w[0], (w[0] * w[1]).log(), w[2] / (w[0] - w[0])], x[0]) * w[1],
        3, (2,),
    ),
    "parameters, inputs and constants": (
        lambda w, x: take([1.5, w[0], x[1], w[0] * x[1]], x[0]) * w[1] + take([x[1], w[1]], 1), 2, (4, 0),
    ),
    "of sequences of their own": (
        lambda w, x: sum(
            [tanh(take([w[0] * v, w[1].exp(), w[2] * w[2] * v, v], t)) for v, t in zip(x[2:], x[:2])]
        ),
        3, (4, 4, 0, 0),
    ),
    "inputs alone": (lambda w, x: take(x[1:], x[0]) * w[0], 1, (3, 0, 0, 0)),
    "in a branch": (
        lambda w, x: where(greater(x[1], 0.0), take([w[0].log(), w[1]], x[0]), w[1] * w[1]), 2, (2, 0),
    ),
    "by one index for all": (
        lambda w, x: sum([take([w[0], v, w[1] * v], x[0]) * v for v in x[1:]]), 2, (3, 0, 0),
    ),
    "of probabilities": (
        lambda w, x: take(softmax([w[0] * x[1], w[1], x[1]]), x[0]) - logsumexp(w) + take(w, x[0]), 3, (3, 0),
    ),
    "one in another": (
        lambda w, x: take([take([w[0], w[1] * w[0]], x[0]), w[2].exp(), take(w, x[2])], x[1]), 3, (2, 3, 3),
    ),
}  # fmt: skip


def examples(sizes, count, rng):
    """A batch (count, I); the last example has the largest indices."""
    columns = [rng.integers(0, size, count) if size else rng.normal(size=count) for size in sizes]
    batch = np.ascontiguousarray(np.array(columns, float).T)
    batch[-1] = [size - 1 if size else number for size, number in zip(sizes, batch[-1])]
    return batch


def eagerly(f, numbers, example):
    w, x = list(map(Value, numbers.tolist())), list(map(Value, example.tolist()))
    y = f(w, x)
    return y.data, grad(y, w), grad(y, x)


@pytest.mark.parametrize(
    ("backend", "batches"),
    [
        ("numpy", (1, 3, 9)),
        pytest.param("llvm", (1, 3, 9, 70), marks=[needs_llvmlite, pytest.mark.slow]),
        pytest.param("llvm in loops", (1, 9, 70), marks=[needs_llvmlite, pytest.mark.slow]),
        pytest.param("jax", (9,), marks=[needs_jax, pytest.mark.slow]),
    ],
)
@pytest.mark.parametrize("case", CASES)
def test_numbers_and_derivatives_are_the_engines(case, backend, batches, monkeypatch):
    """In batches of one example, of fewer than lanes, and of several blocks; straight code and loops."""
    f, P, sizes = CASES[case]
    backend, _, loops = backend.partition(" ")
    if loops:
        for name in ("STRAIGHT", "STRAIGHT_ROWS"):
            monkeypatch.setattr(tuning, name, 0)
    rng = np.random.default_rng(0)
    numbers, program = (
        rng.uniform(0.25, 2.0, P),
        program_of(f, P, len(sizes), at=[0.5] * P + [0.0] * len(sizes), backend=backend),
    )
    for B in batches:
        batch = examples(sizes, B, rng)
        values, slopes, by_inputs = map(np.array, zip(*[eagerly(f, numbers, each) for each in batch]))
        assert np.isfinite(slopes).all()
        *_, finite = program._value_and_gradient(numbers, batch, None)
        assert finite  # without the engine, which is asked where a back end gives what is not
        found, gradient = program(numbers, batch)
        assert found == pytest.approx(values.mean(), rel=1e-12)
        np.testing.assert_allclose(gradient, slopes.mean(axis=0), rtol=1e-11, atol=1e-14)
        np.testing.assert_allclose(program.evaluate(numbers, batch)[:, 0], values, rtol=1e-12)
        np.testing.assert_allclose(program.jacobian(numbers, batch)[:, 0], slopes, rtol=1e-11, atol=1e-14)
        found = program.jacobian(numbers, batch, "inputs")[:, 0]
        np.testing.assert_allclose(found, by_inputs, rtol=1e-11, atol=1e-14)
    batch = examples(sizes, 2, rng)
    second = program.hessian(numbers, batch)[:, 0]
    for example, matrix in zip(batch, second):
        right = hessian(lambda *w, x=example: f(list(w), list(map(Value, x.tolist()))), numbers)
        np.testing.assert_allclose(matrix, right, rtol=1e-9, atol=1e-11)
    products = program.hvp(numbers, batch, np.ones(P))[:, 0]
    np.testing.assert_allclose(products, second.sum(axis=-1), rtol=1e-9, atol=1e-11)
    tangents = program.jvp(numbers, batch, np.ones(P))[1]
    np.testing.assert_allclose(
        tangents[:, 0], program.jacobian(numbers, batch)[:, 0].sum(axis=-1), rtol=1e-11
    )


def test_all_columns_of_a_table_are_taken_at_once_and_no_product_finds_the_row():
    """A table of 27 x 16 by eight indices: one gather and one sum of rows, to which the adjoint goes."""
    w, x = [Value(0.1 * k) for k in range(27 * 16)], [Value(float(k)) for k in range(8)]
    columns = [sequence(w[c::16]) for c in range(16)]
    y = sum([tanh(take(column, token)) for token in x for column in columns])
    program = compile(y, w, inputs=x, backend="numpy")
    nodes = ancestry(program._nodes("numpy", "gradient"))
    assert [node.shape for node in nodes if isinstance(node, TakeRows)] == [(8, 16)]
    assert [(node.shape, node.summed) for node in nodes if isinstance(node, AddRows)] == [((27, 16), True)]
    assert all(node.size <= 27 * 16 for node in nodes)
    assert not [node for node in nodes if isinstance(node, Apply) and node.row.name == "where"]


def test_the_logit_of_a_target_needs_no_mask():
    """One result of each softmax is taken, so that all logits count: nothing is multiplied by a mask."""
    w, x = [Value(0.1 * k) for k in range(3)], [Value(1.0)]
    program = compile(-take(log_softmax([v * v for v in w]), x[0]), w, inputs=x, backend="numpy")
    nodes = ancestry(program._nodes("numpy", "gradient"))
    assert not [node for node in nodes if isinstance(node, Apply) and node.row.name == "where"]


BAD = {4.0: IndexError, -1.0: IndexError, 2.5: ValueError, math.nan: ValueError, math.inf: ValueError}
CALLS = {
    "a call": lambda program, w, batch: program(w, batch),
    "evaluate": lambda program, w, batch: program.evaluate(w, batch),
    "jacobian": lambda program, w, batch: program.jacobian(w, batch),
    "hvp": lambda program, w, batch: program.hvp(w, batch, np.ones(12)),
    "descend": lambda program, w, batch: program.descend(w, batch, 0.1, 3),
    "train": lambda program, w, batch: program.train(
        Training.of(w, batch, [np.array([0]), np.array([0, 1])], rates=0.1)
    ),
}


@backends
@pytest.mark.parametrize(("index", "error"), BAD.items())
def test_what_is_no_index_is_refused_before_anything_runs(index, error, backend):
    """With the input and the example that it is of, and whether or not the program has run before."""
    program = program_of(embedded, 12, 3, at=[0.5] * 12 + [0.0] * 3, backend=backend)
    numbers = np.linspace(-1.0, 1.0, 12)
    good = np.array([[0.0, 1.0, 2.0], [3.0, 3.0, 0.0]])
    batch = good.copy()
    batch[1, 1] = index
    for _ in range(3):
        for name, call in CALLS.items():
            given = numbers.copy()
            with pytest.raises(error, match=rf"^take: input 1, example 1: an index .*, got {index}$"):
                call(program, given, batch)
            assert (given == numbers).all(), name
        program(numbers, good)
    other = Training.of(numbers, batch, [np.array([0])], rates=0.1)
    assert program.train(other) == 1  # the example is not read


def test_an_index_that_is_computed_is_checked_as_it_comes_in_numpy_and_refused_natively():
    w, x = [Value(1.0, "w"), Value(2.0)], [Value(0.5)]
    y = take([w[0], w[1] * w[1], w[0]], (x[0] * w[0]).floor())
    for many in (1, 5):
        program = compile(y, w, inputs=x, backend="numpy")
        value, gradient = program([1.0, 3.0], [[1.5]] * many)
        assert (value, *gradient) == (9.0, 0.0, 6.0)
        with pytest.raises(IndexError, match="an index into 3 values is from 0 to 2, got 3"):
            program([2.0, 3.0], [[1.5]] * many)
    assert compile(y, w, inputs=x)([1.0, 3.0], [[1.5]])[0] == 9.0
    pytest.importorskip("llvmlite", reason="it writes the native code; it is in the extra jit")
    with pytest.raises(GraphError, match="takes by an index that is an input"):
        compile(y, w, inputs=x, backend="llvm")


def test_an_index_that_is_known_is_no_operation():
    w = [Value(2.0), Value(3.0)]
    program = compile(take(w, 1) * w[0], w, backend="numpy")
    assert not [node for node in ancestry(program._nodes("numpy", "gradient")) if isinstance(node, TakeRows)]
    assert program([2.0, 5.0])[1].tolist() == [5.0, 2.0]
