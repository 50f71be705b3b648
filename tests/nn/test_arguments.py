"""Counts and numbers that users give are taken or refused with their name."""

import math

import numpy as np
import pytest

import nn
from autograd import Value
from nn.arguments import random_generator, require_count, require_number


def test_counts():
    assert [require_count("n", n) for n in (1, 7, np.int64(3), np.uint8(2))] == [1, 7, 3, 2]
    for bad in (1.0, "1", None, True, [1]):
        with pytest.raises(TypeError, match=f"n must be an integer, got {type(bad).__name__}"):
            require_count("n", bad)
    for bad in (0, -3):
        with pytest.raises(ValueError, match=f"n must be at least 1, got {bad}"):
            require_count("n", bad)


@pytest.mark.parametrize("kind", [np.int64, np.uint8, np.int8, np.array])
def test_a_seed_is_any_integer(kind):
    assert random_generator(kind(3)).random() == np.random.default_rng(3).random()


def test_numbers():
    assert [require_number("x", x) for x in (1, 0.5, np.float32(0.25), -3)] == [1.0, 0.5, 0.25, -3.0]
    for bad in ("1", None, 1j, [1.0]):
        with pytest.raises(TypeError, match=f"x must be a number, got {type(bad).__name__}"):
            require_number("x", bad)
    for bad in (float("nan"), float("inf")):
        with pytest.raises(ValueError, match=f"x must be finite, got {bad}"):
            require_number("x", bad)
    with pytest.raises(ValueError, match="x must be finite and at least 0, got -1"):
        require_number("x", -1, least=0.0)


OPTIMIZER = nn.SGD([Value(1.0)], lr=0.1)
DESCRIPTIONS = [
    "SGD(1 parameter, lr=0.1)",
    "SGD(2 parameters, lr=0.1, momentum=0.9, nesterov=True, weight_decay=0.01)",
    "Adagrad(1 parameter, lr=0.01, eps=1e-10)",
    "RMSprop(1 parameter, lr=0.01, alpha=0.99, eps=1e-08, centered=True)",
    "Adam(1 parameter, lr=0.001, betas=(0.9, 0.999), eps=1e-08)",
    "AdamW(1 parameter, lr=0.5, betas=(0.9, 0.999), eps=1e-08, weight_decay=0.01)",
    "StepLR(SGD(1 parameter, lr=0.1), step_size=2, gamma=0.5)",
    "ExponentialLR(SGD(1 parameter, lr=0.1), gamma=0.9)",
    "LinearLR(SGD(1 parameter, lr=0.1), start_factor=1.0, end_factor=0.5, total_iters=3)",
    "CosineAnnealingLR(SGD(1 parameter, lr=0.1), T_max=5)",
    "MultiStepLR(SGD(1 parameter, lr=0.1), milestones=[3, 8], gamma=0.1)",
    "LambdaLR(SGD(1 parameter, lr=0.1), lr_lambda=cosh)",
    (
        "ReduceLROnPlateau(SGD(1 parameter, lr=0.1), mode='max', factor=0.1, patience=3, "
        "threshold=0.0001, threshold_mode='rel', eps=1e-08, monitor='accuracy')"
    ),
    "EarlyStopping(patience=10)",
    "EarlyStopping(model=Neuron(2, activation='relu'), patience=3, min_delta=0.5, largest=True)",
    "Checkpoint('c.json', every=2)",
    "Dropout(0.5)",
    "Neuron(2, activation='tanh', bias=False)",
    "Layer(2, 3, activation='softmax')",
    "MLP(2, [3, 1], activation='relu', output_activation='linear', dropout=0.25)",
    "MLP(2, [3, 1], activation='tanh', output_activation='sigmoid', bias=False)",
    "Linear(2, 3, bias=False)",
    "LoRA(linear=Linear(2, 3), rank=1, alpha=2.0)",
    "Embedding(5, 2)",
    "RMSNorm(4, eps=1e-05, elementwise_affine=False)",
    "LayerNorm(4, eps=1e-05, bias=False)",
    "GELU(approximate='tanh')",
    "FeedForward(n_embd=4, n_hidden=16, activation='gelu')",
    "SwiGLU(n_embd=3, n_hidden=8, bias=True)",
    "MixtureOfExperts(n_embd=4, n_expert=3, top_k=1, n_hidden=5, activation='swiglu', normalize=False)",
    "CausalSelfAttention(n_embd=4, n_head=2, rotary=True, rotary_base=100.0)",
    "TransformerBlock(n_embd=4, n_head=2, n_hidden=6, activation='gelu', norm='layer', eps=1e-05, bias=True)",
    (
        "GPT(vocab_size=5, block_size=8, n_layer=1, n_head=2, n_embd=4, n_hidden=6, activation='relu', "
        "norm='rms', eps=1e-05, tied=True, n_expert=3, top_k=1, dropout=0.5)"
    ),
    "Sequential(\n  (layer0): Layer(2, 3, activation='relu')\n  (layer1): Dropout(0.5)\n)",
]


def remade(text):
    """A description read as the call that it looks like."""
    for count in (1, 2):
        text = text.replace(
            f"{count} parameter{'s' * (count > 1)}", f"[Value(1.0)] * 1 + [Value(2.0)] * {count - 1}"
        )
    for i in range(2):
        text = text.replace(f"(layer{i}): ", "," * i)
    return eval(text, {name: getattr(nn, name) for name in nn.__all__} | {"Value": Value, "cosh": math.cosh})


@pytest.mark.parametrize("text", DESCRIPTIONS)
def test_a_description_says_all_settings(text):
    assert repr(remade(text)) == text


def test_everything_that_has_settings_is_described():
    bases = nn.Optimizer, nn.Schedule, nn.Module, nn.EarlyStopping, nn.Checkpoint
    kinds = {
        name
        for name in nn.__all__
        if isinstance(getattr(nn, name), type) and issubclass(getattr(nn, name), bases)
    }
    described = {text.split("(")[0] for text in DESCRIPTIONS}
    assert kinds - described == {"Optimizer", "Schedule", "Module", "LinearWarmup"}
    warm = nn.LinearWarmup(nn.SGD([Value(1.0)], lr=0.5), 2, start_factor=0.5)
    assert repr(warm) == "LinearWarmup(SGD(1 parameter, lr=0.25), total_iters=2, start_factor=0.5)"


def test_a_kind_of_ones_own_is_described_too():
    class Halving(nn.Schedule):
        def __init__(self, optimizer, often=3, hidden=None):
            self.often = often
            super().__init__(optimizer)

        def rate(self, epoch):
            return self.base_lr / 2 ** (epoch // self.often)

    assert repr(Halving(OPTIMIZER)) == "Halving(SGD(1 parameter, lr=0.1), often=3)"
