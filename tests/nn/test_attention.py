"""CausalSelfAttention: the formula in numpy, torch's, and what turns when positions are rotary."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd import Value, grad
from nn import CausalSelfAttention, KeyValueCache
from tests.support import transformer
from tests.support.profiles import tries


def made(n_embd=4, n_head=2, **others):
    attention = CausalSelfAttention(n_embd, n_head, **{"seed": 0, **others})
    rng = np.random.default_rng(1)
    for parameter in attention.parameters():
        parameter.data += float(rng.normal())
    return attention


def numbers(rows):
    return np.array([[each.data for each in row] for row in rows])


@tries(12)
@given(
    T=st.integers(1, 4), n_head=st.sampled_from([1, 2]), bias=st.booleans(), rotary=st.booleans(),
    base=st.sampled_from([10000.0, 3.0]), seed=st.integers(0, 9),
)  # fmt: skip
def test_numbers_and_gradients_are_those_of_the_formula(T, n_head, bias, rotary, base, seed):
    attention = made(4, n_head, bias=bias, rotary=rotary, rotary_base=base)
    x = np.random.default_rng(seed).normal(size=(T, 4))
    arrays = {"x": x} | transformer.arrays_of(attention)

    def formula(W):
        placed = {f"a.{name}": array for name, array in W.items()}
        return transformer.attention(W["x"], placed, "a", n_head, rotary, base)

    inputs = [[Value(each) for each in row] for row in x.tolist()]
    outputs = attention(inputs)
    np.testing.assert_allclose(numbers(outputs), formula(arrays), rtol=1e-11, atol=1e-12)
    found = grad(sum(outputs[-1]), [*(each for row in inputs for each in row), *attention.parameters()])
    expected = transformer.gradients(lambda W: formula(W)[-1].sum(), arrays)
    np.testing.assert_allclose(found, expected, rtol=1e-8, atol=1e-10)


def test_it_is_torch_s_attention():
    torch = pytest.importorskip("torch", reason="torch is only in the extra bench")
    attention = made(6, 3, bias=True)
    W = {name: torch.from_numpy(array) for name, array in transformer.arrays_of(attention).items()}
    theirs = torch.nn.MultiheadAttention(6, 3, dtype=torch.float64)
    parts = ("query", "key", "value")
    packed = {
        f"in_proj_{end}": torch.cat([W[f"{part}.{end}"] for part in parts]) for end in ("weight", "bias")
    }
    theirs.load_state_dict(packed | {f"out_proj.{end}": W[f"projection.{end}"] for end in ("weight", "bias")})
    x = torch.from_numpy(np.random.default_rng(2).normal(size=(5, 6)))
    mask = torch.triu(torch.ones(5, 5, dtype=torch.bool), diagonal=1)
    expected, shares = theirs(x, x, x, attn_mask=mask, average_attn_weights=False)

    cache = KeyValueCache()
    outputs = [attention.step(row, cache) for row in x.tolist()]
    np.testing.assert_allclose(numbers(outputs), expected.detach(), rtol=1e-11, atol=1e-13)
    for t in range(5):
        np.testing.assert_allclose(numbers(cache.weights[t]), shares[:, t, : t + 1].detach(), atol=1e-13)


def test_the_cache_keeps_what_was_recorded():
    """As Values: the last output has a gradient by the first key, and by each score."""
    attention, cache = made(), KeyValueCache()
    x = np.random.default_rng(0).normal(size=(3, 4)).tolist()
    outputs = [attention.step(row, cache) for row in x]
    assert len(cache) == 3
    assert [[len(head) for head in position] for position in cache.keys] == [[2, 2]] * 3
    assert [[len(head) for head in position] for position in cache.scores] == [[1, 1], [2, 2], [3, 3]]
    total = sum(outputs[-1])
    assert all(grad(total, cache.keys[0][0]))
    slopes = grad(total, cache.scores[2][1])
    assert sum(slopes) == pytest.approx(0.0, abs=1e-12)  # a shift of all scores changes nothing
    assert any(slopes)


def test_rotary_scores_depend_on_the_distance_alone():
    attention = made(4, 1, rotary=True)
    one, other = np.random.default_rng(0).normal(size=(2, 4)).tolist()
    filler = [0.0] * 4
    for distance in (1, 2):
        scores = []
        for start in range(3):
            cache = KeyValueCache()
            rows = [*[filler] * start, one, *[filler] * (distance - 1), other]
            for row in rows:
                attention.step(row, cache)
            scores.append(cache.scores[-1][0][start].data)
        assert scores == pytest.approx([scores[0]] * 3, rel=1e-12)


def test_without_positions_order_among_the_earlier_does_not_matter():
    a, b, last = np.random.default_rng(0).normal(size=(3, 4)).tolist()
    attention, turning = made(), made(rotary=True)
    np.testing.assert_allclose(
        numbers(attention([a, b, last]))[-1], numbers(attention([b, a, last]))[-1], rtol=1e-12
    )
    assert abs(numbers(turning([a, b, last]))[-1] - numbers(turning([b, a, last]))[-1]).max() > 1e-3


def test_dropout_leaves_out_weights_in_training():
    attention = made(dropout=0.5)
    x = np.random.default_rng(0).normal(size=(4, 4)).tolist()
    assert (numbers(attention(x)) != numbers(attention(x))).any()
    attention.eval()
    np.testing.assert_array_equal(numbers(attention(x)), numbers(made()(x)))


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda: CausalSelfAttention(4, 3),
            ValueError,
            "n_head must divide n_embd, got n_head=3 and n_embd=4",
        ),
        (lambda: CausalSelfAttention(3, 1, rotary=True), ValueError, "even n_embd / n_head, got 3"),
        (lambda: CausalSelfAttention(4, 1, rotary_base=0.0), ValueError, "rotary_base must be above 0"),
        (lambda: CausalSelfAttention(4, 1)([]), TypeError, "takes a sequence of vectors of 4 numbers"),
        (lambda: CausalSelfAttention(4, 1)([1.0]), TypeError, "takes a sequence of vectors of 4 numbers"),
        (lambda: CausalSelfAttention(4, 1)([[1.0]]), ValueError, "takes 4 inputs, got 1"),
    ],
)
def test_what_does_not_fit_is_refused(call, error, message):
    with pytest.raises(error, match=message):
        call()
