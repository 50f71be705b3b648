"""Initial weights have the distribution that the papers ask for, and repeat with the seed."""

import math

import numpy as np
import pytest

from nn import INITIALIZERS, MLP, Layer, Neuron
from nn.initializers import constant, draw_weights, normal, uniform

N_IN, N_OUT = 300, 200
VARIANCE = {
    "uniform": 2.0**2 / 12,
    "normal": 1.0,
    "xavier_uniform": 2 / (N_IN + N_OUT),
    "xavier_normal": 2 / (N_IN + N_OUT),
    "he_uniform": 2 / N_IN,
    "he_normal": 2 / N_IN,
    "zeros": 0.0,
}


@pytest.mark.parametrize("name", INITIALIZERS)
def test_mean_and_variance(name):
    weights = np.array(draw_weights(name, np.random.default_rng(0), N_IN, N_OUT))
    assert weights.shape == (N_OUT, N_IN)
    # Five standard errors of 60,000 draws.
    assert abs(weights.mean()) <= 5 * math.sqrt(VARIANCE[name] / weights.size)
    assert weights.var() == pytest.approx(VARIANCE[name], rel=5 * math.sqrt(2 / weights.size))


def test_normal_has_the_mean_and_the_deviation_that_are_asked_for():
    weights = normal(3.0, 0.08)(np.random.default_rng(0), N_IN, N_OUT)
    assert weights.mean() == pytest.approx(3.0, abs=5 * 0.08 / math.sqrt(weights.size))
    assert weights.std() == pytest.approx(0.08, rel=5 / math.sqrt(2 * weights.size))
    assert set(np.ravel(normal(2.0, 0.0)(np.random.default_rng(0), 3, 2))) == {2.0}
    with pytest.raises(ValueError, match="normal: std must be finite and at least 0, got -1"):
        normal(0.0, -1)
    with pytest.raises(TypeError, match="normal: mean must be a number, got str"):
        normal("0")


@pytest.mark.parametrize("name", ["uniform", "xavier_uniform", "he_uniform"])
def test_uniform_ones_keep_their_bound(name):
    weights = np.abs(draw_weights(name, np.random.default_rng(0), N_IN, N_OUT))
    bound = math.sqrt(3 * VARIANCE[name])
    assert 0.999 * bound < weights.max() <= bound


def test_the_same_seed_gives_the_same_weights():
    assert MLP(3, [4, 2], seed=5).state_dict() == MLP(3, [4, 2], seed=5).state_dict()
    assert MLP(3, [4, 2], seed=5).state_dict() != MLP(3, [4, 2], seed=6).state_dict()
    assert MLP(3, [4, 2]).state_dict() != MLP(3, [4, 2]).state_dict()
    generator = np.random.default_rng(5)
    assert MLP(3, [4, 2], seed=generator).state_dict() == MLP(3, [4, 2], seed=5).state_dict()


def test_the_default_suits_the_activation():
    for activation, name in (("relu", "he_uniform"), ("silu", "he_uniform"), ("tanh", "xavier_uniform"),
                             ("softmax", "xavier_uniform")):  # fmt: skip
        default, named = (Layer(5, 4, activation, initializer=i, seed=1) for i in (None, name))
        assert default.state_dict() == named.state_dict()


def test_biases_start_at_zero():
    assert all(p.data == 0.0 for p in MLP(2, [3, 1]).parameters() if p.label.endswith(".b"))


def test_factories_and_functions():
    assert {p.data for p in Neuron(3, bias=False, initializer=constant(0.5)).parameters()} == {0.5}
    assert all(2 <= p.data < 3 for p in Neuron(9, bias=False, initializer=uniform(2, 3)).parameters())
    layer = Layer(2, 2, bias=False, initializer=lambda rng, n_in, n_out: np.arange(4).reshape(n_out, n_in))
    assert [p.data for p in layer.parameters()] == [0.0, 1.0, 2.0, 3.0]


@pytest.mark.parametrize(
    ("initializer", "error", "message"),
    [
        (
            "kaiming",
            ValueError,
            "no initializer is named 'kaiming': choose one of uniform, normal, xavier_uniform",
        ),
        (0.5, TypeError, "an initializer is a name or a function"),
        (
            lambda rng, n_in, n_out: np.zeros((n_in, n_out)),
            ValueError,
            r"\(n_out, n_in\) = \(3, 2\), got \(2, 3\)",
        ),
        (lambda rng, n_in, n_out: np.full((n_out, n_in), np.nan), ValueError, "not finite"),
    ],
)
def test_bad_initializers_are_refused(initializer, error, message):
    with pytest.raises(error, match=message):
        Layer(2, 3, initializer=initializer)


@pytest.mark.parametrize("bounds", [(1.0, -1.0), (0.0, math.inf), (math.nan, 1.0)])
def test_bad_bounds_are_refused(bounds):
    with pytest.raises(ValueError, match="uniform needs finite bounds low <= high"):
        uniform(*bounds)
