"""What is alike in a recorded graph is one node: matrix products, families, windows."""

import builtins
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd import (
    Value,
    compile,
    dot,
    exp,
    grad,
    log_softmax,
    logsumexp,
    relu,
    softmax,
    sum,
    tanh,
    topological_order,
)
from nn import MLP
from tests.support.captured import MOONS, WAYS, count_parameters, leaves, network, operations
from tests.support.compiled import needs_llvmlite
from tests.support.profiles import tries


@pytest.mark.parametrize("activation", ["tanh", "softmax", "leaky_relu"])
def test_the_number_of_terms_does_not_depend_on_the_width(activation):
    """Nor does the source, to the line."""
    found = set()
    for width in (4, 16, 48):
        model, x = MLP(3, [width, width, 2], activation=activation), leaves(3)
        program = compile(sum(model(x)), model.parameters(), x, backend="numpy")
        arrays, *_ = program.source.partition("\n\n\n")  # without the floats of one example
        found.add(len(arrays.splitlines()))
    assert len(found) == 1


def test_shared_weights_along_windows_are_one_product():
    """A convolution: eight windows of three inputs, which overlap, are a view and not a copy."""
    w, x = leaves(3), leaves(10, 1.0)
    y = sum([tanh(dot(w, x[i : i + 3])) for i in range(8)])
    assert operations([y], w, x)["MatMul"] == 1
    program = compile(y, w, x, backend="numpy")
    assert ", 0, (3, 8), (1, 1))" in program.source
    kernel, signal = np.array([0.5, -1.0, 0.25]), np.linspace(-1.0, 1.0, 20).reshape(2, 10)
    right = np.mean([np.tanh(np.correlate(row, kernel)).sum() for row in signal])
    assert program(kernel, signal)[0] == pytest.approx(right, rel=1e-14)


def test_two_filters_over_the_same_windows_are_one_product():
    w, x = leaves(6), leaves(10, 1.0)
    y = sum([tanh(dot(w[k : k + 3], x[i : i + 3])) for i in range(8) for k in (0, 3)])
    found = operations([y], w, x)
    assert (found["MatMul"], found["tanh"]) == (1, 1)


@pytest.mark.slow
def test_a_full_batch_in_one_graph_compiles_and_is_replayed_with_new_parameters():
    """100 examples in one loss, recorded as micrograd does: 65,000 nodes become a few dozen nodes."""
    rng = np.random.default_rng(0)
    X, Y = rng.standard_normal((100, 2)).tolist(), rng.choice([-1.0, 1.0], 100).tolist()

    def loss(w):
        scores = [network(WAYS["micrograd's"], w, x, MOONS) for x in X]
        losses = [relu(1.0 + -y * score) for y, score in zip(Y, scores)]
        return builtins.sum(losses) * (1.0 / len(losses)) + 1e-4 * builtins.sum(wi * wi for wi in w)

    numbers = rng.uniform(-1.0, 1.0, (2, count_parameters(MOONS)))
    w = list(map(Value, numbers[0]))
    y = loss(w)
    assert len(topological_order(y)) > 65_000
    assert operations([y], w).total() < 50
    began = time.process_time()
    program = compile(y, w, backend="numpy")
    assert time.process_time() - began < 20.0
    for point in numbers:
        w = list(map(Value, point))
        y = loss(w)
        value, slopes = program(point)
        assert value == pytest.approx(y.data, rel=1e-13)
        np.testing.assert_allclose(slopes, grad(y, w), rtol=1e-11, atol=1e-14)


def test_probabilities_of_a_layer_are_computed_together():
    """Five of one softmax are one group, whichever of them are used; logsumexp of several sets as well."""
    x = leaves(5)
    for family in (softmax, log_softmax):
        assert operations([sum(family(x))], [], x)[family(x)[0].op] == 1
        assert operations([family(x)[3]], [], x)[family(x)[0].op] == 1
    sets = [[x[0], x[1]], [x[2], x[3]], [x[1], x[4]]]
    assert operations([dot([logsumexp(each) for each in sets], x[:3])], [], x)["logsumexp"] == 1


def test_operands_that_lie_anywhere_are_gathered():
    """In the order 3, 0, 2, 0: neither a slice nor evenly spaced."""
    w, x = leaves(4), leaves(4, 1.0)
    places = [3, 0, 2, 0]
    y = sum([exp(w[i] * x[k]) * x[i] for k, i in enumerate(places)])
    program = compile(y, w, x, backend="numpy")
    values = np.array([0.1, 0.2, 0.3, 0.4]), np.array([1.0, -1.0, 0.5, 2.0])
    right = builtins.sum(np.exp(values[0][i] * values[1][k]) * values[1][i] for k, i in enumerate(places))
    assert program(values[0], values[1:])[0] == pytest.approx(right, rel=1e-14)
    assert "np.take(" in program.source or "][" in program.source


SOFTMAXES = {
    "softmax": softmax,
    "log_softmax": lambda x: [exp(each) for each in log_softmax(x)],
    "logsumexp": lambda x: [exp(each - logsumexp(x)) for each in x],
    "sum": lambda x: [exp(each) / sum([exp(other) for other in x]) for each in x],
    "Python's sum": lambda x: [exp(each) / builtins.sum(exp(other) for other in x) for each in x],
}
INNERS = {"dot": dot, "Python's sum": lambda a, b: builtins.sum(x * y for x, y in zip(a, b))}


def attention(weights, inner, x, width, lengths):
    """Sequences that look back so far: of each position a weighted mean of what was seen, through a layer."""
    found, rows = [], [x[i : i + width] for i in range(0, len(x), width)]
    for position, length in enumerate(lengths):
        seen = rows[position + 1 - length : position + 1]
        shares = weights([inner(rows[position], other) for other in seen])
        mixed = [inner(shares, [other[i] for other in seen]) for i in range(width)]
        found.append(tanh(inner(mixed, x[:width])))
    return sum(found)


@pytest.mark.parametrize("inner", INNERS.values(), ids=INNERS)
@pytest.mark.parametrize("weights", SOFTMAXES.values(), ids=SOFTMAXES)
def test_causal_attention_has_as_many_nodes_for_any_number_of_positions(weights, inner):
    found = set()
    for T in (5, 9):
        x = leaves(3 * T)
        found.add(operations([attention(weights, inner, x, 3, range(1, T + 1))], [], x).total())
    assert len(found) == 1


@needs_llvmlite
@pytest.mark.parametrize("weights", SOFTMAXES.values(), ids=SOFTMAXES)
@tries(2)
@given(st.data())
def test_sequences_of_any_lengths_have_the_numbers_of_the_engine(weights, data):
    """Padded, where there are many lengths alike, or each length apart."""
    inner = data.draw(st.sampled_from(list(INNERS.values())), label="inner")
    width, T = data.draw(st.integers(1, 2), label="width"), data.draw(st.integers(5, 7), label="positions")
    least = data.draw(st.integers(1, T), label="least")
    lengths = [data.draw(st.integers(min(t + 1, least), t + 1), label="length") for t in range(T)]
    w, scale = [Value(data.draw(st.floats(-2.0, 2.0))) for _ in range(width * T)], Value(1.5)
    y = attention(weights, inner, [scale * each for each in w], width, lengths)
    gradient = grad(y, w)
    for backend in ("numpy", "llvm"):
        program = compile(y, w, [scale], backend=backend)
        for B in (1, 9):
            value, found = program([each.data for each in w], np.full((B, 1), 1.5))
            assert value == pytest.approx(y.data, rel=1e-13)
            np.testing.assert_allclose(found, gradient, rtol=1e-11, atol=1e-12)


def test_sequences_of_very_different_lengths_are_not_padded():
    """Padded, 18 numbers beside 200 would be 800."""
    x = leaves(200, 1.0)
    sums = [sum(x[:length]) for length in (3, 4, 5, 6, 200)]
    assert operations(sums, [], x)["Reduce"] == 5
    assert operations(sums[:3], [], x)["Reduce"] == 3
    assert operations(sums[:4], [], x)["Reduce"] == 1
