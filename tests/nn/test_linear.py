"""Linear and Embedding: a matrix under one name, and the rows of a table."""

import copy
import math
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd import Value, grad
from nn import GELU, Embedding, Linear, RMSNorm, Sequential
from tests.support.profiles import tries

NUMBERS = st.floats(-4.0, 4.0, width=32)


def matrices(rows, columns):
    return st.lists(st.lists(NUMBERS, min_size=columns, max_size=columns), min_size=rows, max_size=rows)


@tries(40)
@given(data=st.data(), n_in=st.integers(1, 4), n_out=st.integers(1, 4), bias=st.booleans())
def test_a_linear_map_is_a_product_with_its_matrix(data, n_in, n_out, bias):
    linear = Linear(n_in, n_out, bias)
    weight, x = data.draw(matrices(n_out, n_in)), data.draw(matrices(1, n_in))[0]
    shift = data.draw(matrices(1, n_out))[0] if bias else [0.0] * n_out
    linear.weight = weight
    if bias:
        linear.bias = shift
    inputs = [Value(each) for each in x]
    outputs = linear(inputs)
    np.testing.assert_allclose([y.data for y in outputs], np.dot(weight, x) + shift, atol=1e-12)
    factors = np.arange(1.0, n_out + 1)
    total = sum(factor * y for factor, y in zip(factors.tolist(), outputs))
    np.testing.assert_allclose(grad(total, inputs), factors @ weight, atol=1e-12)
    slopes = np.concatenate([np.outer(factors, x).ravel(), factors if bias else []])
    np.testing.assert_allclose(grad(total, linear.parameters()), slopes, atol=1e-12)


@tries(40)
@given(table=matrices(3, 2), tokens=st.lists(st.integers(0, 2), min_size=1, max_size=5))
def test_an_embedding_is_a_row_for_each_token(table, tokens):
    embedding = Embedding(3, 2)
    embedding.weight = np.array(table)
    found = embedding(tokens)
    assert [[y.data for y in row] for row in found] == [table[token] for token in tokens]
    assert [[y.data for y in row] for row in embedding(np.array(tokens, float))] == [table[t] for t in tokens]
    total = sum(y for row in found for y in row)
    counts = np.bincount(tokens, minlength=3).repeat(2)
    np.testing.assert_allclose(grad(total, embedding.parameters()), counts)


@tries(40)
@given(table=matrices(3, 2), tokens=st.lists(st.integers(0, 2), min_size=1, max_size=5))
def test_tokens_that_are_values_choose_the_same_rows_with_the_same_gradient(table, tokens):
    embedding = Embedding(3, 2, name="tokens")
    embedding.weight = table
    nodes = [Value(float(token), "token") for token in tokens]
    found, plain = embedding(nodes), embedding(tokens)
    assert [[y.data for y in row] for row in found] == [[y.data for y in row] for row in plain]
    assert {y.scope for row in found for y in row} == {"tokens"}

    def slopes(rows):
        total = sum((i + 1.0) * y * y for i, row in enumerate(rows) for y in row)
        return grad(total, [*embedding.parameters(), *nodes])

    assert slopes(found) == pytest.approx(slopes(plain), rel=1e-13)
    with pytest.raises(IndexError, match=r"take: token: .*3"):
        embedding(Value(3.0, "token"))


def test_they_are_torch_s():
    torch = pytest.importorskip("torch", reason="torch is only in the extra bench")
    linear, embedding = Linear(3, 2, seed=0), Embedding(4, 3, seed=1)
    theirs = torch.nn.Linear(3, 2, dtype=torch.float64), torch.nn.Embedding(4, 3, dtype=torch.float64)
    for ours, other in ((linear, theirs[0]), (embedding, theirs[1])):
        numbers = [[w.data for w in row] for row in ours.weight]
        other.load_state_dict(
            {"weight": torch.tensor(numbers, dtype=torch.float64)}
            | ({"bias": torch.zeros(2)} if ours.bias else {})
        )
        assert set(other.state_dict()) == {name.rstrip("0123456789_") for name in ours.state_dict()}
    ours = linear(embedding([1, 3]))
    expected = theirs[0](theirs[1](torch.tensor([1, 3])))
    np.testing.assert_allclose([[y.data for y in row] for row in ours], expected.detach(), rtol=1e-14)


def test_parameters_are_called_by_attribute_and_place():
    linear = Linear(2, 2, name="head.query")
    assert [name for name, _ in linear.named_parameters()] == [
        "weight0_0", "weight0_1", "weight1_0", "weight1_1", "bias0", "bias1",
    ]  # fmt: skip
    assert [(p.label, p.scope) for p in linear.parameters()][-1] == ("head.query.bias1", "head.query")
    assert {y.scope for y in linear([1.0, 2.0])} == {"head.query"}


def test_weights_may_be_shared_set_copied_and_pickled():
    embedding, output = Embedding(3, 2, seed=0), Linear(2, 3, bias=False)
    output.weight = embedding.weight
    assert output.parameters() == embedding.parameters()
    model = Sequential(embedding, output)
    for again in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert again.state_dict() == model.state_dict()
        assert again.parameters()[0] is not model.parameters()[0]
        assert len(again.parameters()) == 6
        again.parameters()[0].data = 7.0
        assert again.layers[0](0)[0].data == again.layers[1].weight[0][0].data == 7.0


def test_a_chain_takes_a_vector_or_a_sequence_of_vectors():
    model = Sequential(Linear(3, 4, seed=0), GELU(), RMSNorm(4), Linear(4, 2, seed=1))
    x = [[1.0, 2.0, 3.0], [0.0, -1.0, 0.5]]
    rows = [[y.data for y in row] for row in model(x)]
    assert rows == [[y.data for y in model(row)] for row in x]
    assert rows == [[y.data for y in row] for row in model(np.array(x))]
    np.testing.assert_allclose(model.predict(x), rows)
    np.testing.assert_allclose(model.predict(x * 40), rows * 40, rtol=1e-12)  # by array code
    assert model.n_in == 3


def test_a_chain_that_begins_with_an_embedding_takes_any_number_of_tokens():
    model = Sequential(Embedding(5, 4, seed=0), Linear(4, 2, seed=1))
    for T in (1, 3):
        found = model.predict([[4] * T, [1] * T])
        assert found.shape == (2, T, 2)
        assert found[0].tolist() == [[y.data for y in row] for row in model([4] * T)]
    assert not hasattr(model, "n_in")


def test_a_subclass_may_do_anything_and_is_asked_each_time():
    class Doubled(Linear):
        def _output(self, x):
            return tuple(2.0 * y if y.data > 0 else y for y in super()._output(x))

    model = Doubled(1, 1)
    model.weight = [[1.0]]
    assert model.predict([[1.0], [-1.0]] * 60)[:2].tolist() == [2.0, -1.0]


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: Linear(0, 1), ValueError, "in_features must be at least 1, got 0"),
        (lambda: Linear(1, 2.0), TypeError, "out_features must be an integer, got float"),
        (lambda: Linear(1, 1, bias=1), TypeError, "bias must be True or False"),
        (lambda: Linear(1, 1, name=3), TypeError, "name must be a string, got int: 3"),
        (lambda: Embedding(3, 0), ValueError, "embedding_dim must be at least 1"),
        (lambda: Linear(2, 1)([1.0]), ValueError, "a Linear takes 2 inputs, got 1"),
        (lambda: Linear(2, 1, name="up")([[1.0, 2.0], [1.0]]), ValueError, "up takes 2 inputs, got 1"),
        (lambda: Linear(2, 1)(["a", "b"]), TypeError, "a Linear takes one example, 2 Values or numbers"),
        (lambda: Embedding(3, 1)(3), IndexError, "Embedding takes whole numbers from 0 to 2, got 3"),
        (lambda: Embedding(3, 1)([0, -1]), IndexError, "Embedding takes whole numbers from 0 to 2, got -1"),
        (lambda: Embedding(3, 1)(1.5), ValueError, "takes whole numbers from 0 to 2, got 1.5"),
        (lambda: Embedding(3, 1)(math.inf), ValueError, "takes whole numbers from 0 to 2, got inf"),
        (lambda: Embedding(3, 1)(None), TypeError, "takes whole numbers from 0 to 2, got NoneType"),
        (lambda: setattr(Linear(2, 1), "weight", [[1.0]]), ValueError, r"weight must .* of shape \(1, 2\)"),
        (lambda: setattr(Linear(2, 2), "weight", [[1.0, 2.0], [1.0]]), ValueError, r"of shape \(2, 2\)"),
        (lambda: setattr(Linear(2, 1), "bias", 3.0), ValueError, r"bias must .* of shape \(1,\), got float"),
    ],
)
def test_what_does_not_fit_is_refused(call, error, message):
    with pytest.raises(error, match=message):
        call()
