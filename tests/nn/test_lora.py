"""LoRA: what it computes, what of it is trained, and that it goes into a model and out again."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd import Value, grad
from nn import GPT, Adam, Linear, LoRA, Sequential, add_lora, merge_lora
from tests.support import transformer
from tests.support.profiles import tries


def trained(lora, seed=0):
    """With other numbers than it begins with."""
    rng = np.random.default_rng(seed)
    for parameter in lora.A.parameters() + lora.B.parameters():
        parameter.data = float(rng.normal())
    return lora


def formula(W, x, scale):
    change = (x @ W["A.weight"].T) @ W["B.weight"].T
    return x @ W["linear.weight"].T + W.get("linear.bias", 0.0) + scale * change


@tries(20)
@given(
    rank=st.integers(1, 3),
    alpha=st.sampled_from([None, 1.0, 16.0]),
    bias=st.booleans(),
    seed=st.integers(0, 9),
)
def test_numbers_and_gradients_are_those_of_the_formula(rank, alpha, bias, seed):
    lora = trained(LoRA(Linear(3, 2, bias, seed=seed), rank, alpha), seed)
    arrays = transformer.arrays_of(lora)
    x = np.random.default_rng(seed).normal(size=3)
    scale = 1.0 if alpha is None else alpha / rank
    y = lora([Value(each) for each in x])
    np.testing.assert_allclose([each.data for each in y], formula(arrays, x, scale), rtol=1e-11, atol=1e-12)
    np.testing.assert_allclose(
        [each.data for each in lora.merged()(x)], [each.data for each in y], rtol=1e-11, atol=1e-12
    )

    inner = {name: arrays[name] for name in ("A.weight", "B.weight")}
    expected = transformer.gradients(lambda W: formula(arrays | W, x, scale) @ [1.0, 2.0], inner)
    (y[0] + 2.0 * y[1]).backward()
    found = [p.grad for p in lora.A.parameters() + lora.B.parameters()]
    np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-12)
    assert {p.grad for p in lora.linear.parameters()} == {0.0}


def test_the_gradient_by_the_inputs_goes_through_the_frozen_map_too():
    lora, x = trained(LoRA(Linear(2, 2, seed=0), 1)), [Value(1.0), Value(2.0)]
    merged = lora.merged()
    assert grad(lora(x)[0], x) == pytest.approx([w.data for w in merged.weight[0]], rel=1e-13)


def test_a_model_with_lora_begins_as_it_was_and_only_that_is_trained():
    model, text = GPT(5, 6, 2, 2, 4, seed=0), [0, 1, 2, 3]
    loss, before = model.loss(text).data, model.state_dict()
    adapted = add_lora(model, rank=2, alpha=4.0, seed=1)
    assert adapted is model
    assert isinstance(model.blocks[1].attention.value, LoRA)
    assert model.loss(text).data == loss
    optimizer = Adam(model.parameters(), lr=0.1)
    for _ in range(5):
        optimizer.zero_grad()
        model.loss(text).backward()
        optimizer.step()
    assert model.loss(text).data < loss
    after = {name.replace(".linear", ""): number for name, number in model.state_dict().items()}
    assert {name: after[name] for name in before} == before
    assert any(number for name, number in after.items() if ".B." in name)

    loss, expected = model.loss(text).data, [[y.data for y in row] for row in model(text)]
    merge_lora(model)
    assert list(model.state_dict()) == list(before)
    assert model.loss(text).data == pytest.approx(loss, rel=1e-12)
    np.testing.assert_allclose([[y.data for y in row] for row in model(text)], expected, rtol=1e-10)
    assert all(p.requires_grad for p in model.parameters())


def test_layers_of_a_chain_are_called_by_their_place():
    model = Sequential(Linear(2, 3, seed=0), Linear(3, 1, seed=1))
    add_lora(model, 1, names="layer1")
    assert [type(layer).__name__ for layer in model.layers] == ["Linear", "LoRA"]
    assert [p.requires_grad for p in model.layers[0].parameters()] == [False] * 9


def test_what_it_records_has_its_place():
    lora = LoRA(Linear(2, 2, seed=0, name="block0.query"), 1)
    assert [p.label for p in lora.parameters()] == [f"block0.query.{name}" for name in lora.state_dict()]
    assert {p.scope for p in lora.parameters()} == {f"block0.query.{part}" for part in ("linear", "A", "B")}
    assert {p.scope for p in lora.merged().parameters()} == {"block0.query"}
    assert {y.scope for y in lora([1.0, 2.0])} == {"block0.query.B"}
    assert repr(lora) == "LoRA(linear=Linear(2, 2), rank=1, alpha=1.0)"


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: LoRA(3), TypeError, "LoRA takes a Linear map, got int: 3"),
        (lambda: LoRA(Linear(2, 2), 0), ValueError, "rank must be at least 1"),
        (lambda: LoRA(Linear(2, 2), 1, 0.0), ValueError, "alpha must be above 0"),
        (lambda: add_lora(3), TypeError, "add_lora takes a Module, got int"),
        (
            lambda: add_lora(GPT(3, 2), names=["query", "keys"]),
            ValueError,
            "called 'keys': those it has are output, query",
        ),
        (lambda: merge_lora(GPT(3, 2)), ValueError, "takes a model with a LoRA in it"),
        (lambda: merge_lora(3), TypeError, "merge_lora takes a Module, got int"),
    ],
)
def test_what_does_not_fit_is_refused(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_a_refusal_leaves_the_model_as_it_was():
    model = GPT(3, 2, seed=0)
    with pytest.raises(ValueError, match="called 'keys'"):
        add_lora(model, names=["query", "keys"])
    assert all(p.requires_grad for p in model.parameters())
    with pytest.raises(ValueError, match="alpha"):
        add_lora(model, alpha=-1.0)
    assert all(p.requires_grad for p in model.parameters())
