"""Activations by name give what their definition says, on every neuron and on a whole layer."""

import math

import pytest

import autograd
from autograd import Value
from nn import ACTIVATIONS, Layer, Neuron
from nn.activations import find_activation

FORMULAS = {
    "linear": lambda x: x,
    "relu": lambda x: max(x, 0.0),
    "leaky_relu": lambda x: x if x > 0 else 0.01 * x,
    "elu": lambda x: x if x > 0 else math.exp(x) - 1,
    "softplus": lambda x: math.log(1 + math.exp(x)),
    "silu": lambda x: x / (1 + math.exp(-x)),
    "gelu": lambda x: x * math.erfc(-x / math.sqrt(2)) / 2,
    "gelu_tanh": lambda x: 0.5 * x * (1 + math.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))),
    "softsign": lambda x: x / (1 + abs(x)),
    "hardtanh": lambda x: max(-1.0, min(1.0, x)),
    "sigmoid": lambda x: 1 / (1 + math.exp(-x)),
    "tanh": lambda x: (math.exp(x) - math.exp(-x)) / (math.exp(x) + math.exp(-x)),
}
SUMS = [-2.0, -0.5, 0.0, 0.25, 3.0]


def test_every_name_is_tested_here():
    assert set(FORMULAS) | {"softmax", "log_softmax"} == set(ACTIVATIONS)


@pytest.mark.parametrize("name", FORMULAS)
def test_elementwise_activations_follow_their_formula(name):
    outputs = find_activation(name)(list(map(Value, SUMS)))
    assert [y.data for y in outputs] == pytest.approx([FORMULAS[name](x) for x in SUMS], rel=1e-14)
    assert [find_activation(name).function(x) for x in SUMS] == [y.data for y in outputs]


def test_softmax_and_its_logarithm_follow_their_formula():
    total = math.fsum(map(math.exp, SUMS))
    expected = [math.exp(x) / total for x in SUMS]
    sums = list(map(Value, SUMS))
    assert [y.data for y in find_activation("softmax")(sums)] == pytest.approx(expected, rel=1e-14)
    assert [math.exp(y.data) for y in find_activation("log_softmax")(sums)] == pytest.approx(
        expected, rel=1e-14
    )


def test_functions_are_activations_too():
    assert find_activation(autograd.relu) is ACTIVATIONS["relu"]
    assert find_activation(autograd.gelu) is ACTIVATIONS["gelu"]
    assert find_activation(autograd.sin).name == "sin"
    square = find_activation(lambda x: x * x)
    assert [y.data for y in Layer(1, 2, square, initializer=lambda *_: [[2.0], [3.0]])(1.0)] == [4.0, 9.0]


def test_a_users_primitive_runs_along_a_layer():
    @autograd.primitive(partials=lambda y, x: 3 * x * x)
    def cube(x):
        return x * x * x

    layer = Layer(1, 2, cube, initializer=lambda *_: [[2.0], [3.0]])
    outputs = layer([1.0])
    autograd.sum(outputs).backward()
    assert [y.data for y in outputs] == [8.0, 27.0]
    assert [p.grad for p in layer.parameters()] == [12.0, 12.0, 27.0, 27.0]


def test_bad_choices_say_what_there_is():
    with pytest.raises(
        ValueError, match="no activation is named 'rleu': choose one of linear, relu, leaky_relu"
    ):
        find_activation("rleu")
    with pytest.raises(TypeError, match="an activation is a name or a function of one Value, got int: 3"):
        find_activation(3)
    with pytest.raises(ValueError, match="softmax needs all outputs of a layer"):
        Neuron(2, "softmax")
    with pytest.raises(ValueError, match="softmax of a single output is constant: use sigmoid"):
        Layer(2, 1, "softmax")
