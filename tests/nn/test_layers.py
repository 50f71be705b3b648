"""Neurons, layers and networks compute a = f(Wx + b), under names of their own, whole or one by one."""

import math
import random

import numpy as np
import pytest

import autograd
from autograd import GraphError, Value, no_grad
from nn import ACTIVATIONS, MLP, Dropout, Layer, Neuron, Sequential

ELEMENTWISE = [name for name, row in ACTIVATIONS.items() if not row.layerwise]


def flat(x):
    return [x] if isinstance(x, Value) else list(x)


# --- the same as written out -------------------------------------------------------------------------


def floats_forward_backward(weights, biases, x, target):
    """Loss ½(y − t)² of a tanh network with one linear output, and all gradients: plain floats, by hand."""
    activations = [x]
    for depth, (W, b) in enumerate(zip(weights, biases)):
        sums = [math.fsum(w * a for w, a in zip(row, activations[-1])) + bi for row, bi in zip(W, b)]
        activations.append(sums if depth == len(weights) - 1 else [math.tanh(z) for z in sums])
    (y,) = activations[-1]
    delta = [y - target]
    gradients = []
    for depth in reversed(range(len(weights))):
        below = activations[depth]
        gradients.insert(0, [([d * a for a in below], d) for d in delta])
        back = [
            math.fsum(weights[depth][j][i] * delta[j] for j in range(len(delta))) for i in range(len(below))
        ]
        delta = [g * (1 - a * a) for g, a in zip(back, below)]
    return 0.5 * (y - target) ** 2, [g for layer in gradients for row, d in layer for g in [*row, d]]


def test_a_training_loop_in_micrograds_style_reaches_the_numbers_of_a_hand_written_one():
    rng = random.Random(3)
    points = [([rng.uniform(-1, 1), rng.uniform(-1, 1)], rng.uniform(-1, 1)) for _ in range(5)]
    model = MLP(2, [4, 3, 1], activation="tanh", seed=0)
    data = [p.data for p in model.parameters()]

    for _ in range(20):
        losses = [(model([Value(xi) for xi in x]) - t) ** 2 * 0.5 for x, t in points]
        loss = sum(losses) * (1.0 / len(losses))
        model.zero_grad()
        loss.backward()
        for p in model.parameters():
            p.data -= 0.1 * p.grad

        it = iter(data)
        sizes = ((2, 4), (4, 3), (3, 1))
        rows = [[([next(it) for _ in range(n)], next(it)) for _ in range(m)] for n, m in sizes]
        weights = [[row for row, _ in layer] for layer in rows]
        biases = [[b for _, b in layer] for layer in rows]
        each = [floats_forward_backward(weights, biases, x, t) for x, t in points]
        assert loss.data == pytest.approx(math.fsum(value for value, _ in each) / 5, rel=1e-13)
        gradient = [math.fsum(column) / 5 for column in zip(*(g for _, g in each))]
        assert [p.grad for p in model.parameters()] == pytest.approx(gradient, rel=1e-11, abs=1e-14)
        data = [w - 0.1 * g for w, g in zip(data, gradient)]
    assert [p.data for p in model.parameters()] == pytest.approx(data, rel=1e-11)


# --- whole or one by one -----------------------------------------------------------------------------


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("activation", ELEMENTWISE)
def test_a_layer_is_its_neurons_one_by_one(activation, bias):
    layer = Layer(7, 5, activation, bias, seed=0)
    for p in layer.parameters():
        p.data += 0.01
    x = [Value(math.sin(3 * i)) for i in range(7)]

    whole = layer(x)
    total = autograd.sum([y * (i + 1) for i, y in enumerate(whole)])
    total.backward()
    gradients = [p.grad for p in [*layer.parameters(), *x]]
    for p in [*layer.parameters(), *x]:
        p.grad = None
    single = [neuron(x) for neuron in layer.neurons]
    autograd.sum([y * (i + 1) for i, y in enumerate(single)]).backward()

    assert [y.data for y in whole] == [y.data for y in single]
    assert [y.op for y in whole] == [y.op for y in single]
    assert [y.scope for y in whole] == [y.scope for y in single] == [f"neuron{i}" for i in range(5)]
    assert gradients == pytest.approx([p.grad for p in [*layer.parameters(), *x]], rel=1e-12, abs=1e-15)


def test_looking_at_the_nodes_in_between_changes_nothing():
    model = MLP(3, [4, 4, 2], activation="silu", output_activation="softmax", seed=0)
    gradients = []
    for look in (False, True):
        outputs = model([0.1, 0.2, 0.3])
        if look:
            assert len(autograd.topological_order(*outputs)) == 2 * (4 + 4) + 2 * 2 + 3 + 46
        (outputs[0] * outputs[1].log()).backward()
        gradients.append([p.grad for p in model.parameters()])
        for p in model.parameters():
            p.grad = None
    assert gradients[0] == pytest.approx(gradients[1], rel=1e-12)


def test_softmax_is_taken_over_the_layer():
    layer = Layer(2, 3, "softmax", seed=0, name="layer9")
    logits = [neuron([1.0, -2.0]).data for neuron in layer.neurons]
    outputs = layer([1.0, -2.0])
    total = math.fsum(map(math.exp, logits))
    assert [y.data for y in outputs] == pytest.approx([math.exp(z) / total for z in logits], rel=1e-14)
    assert {y.scope for y in outputs} == {"layer9"}
    assert {parent.scope for y in outputs for parent in y.parents} == {f"layer9.neuron{i}" for i in range(3)}


# --- results, names ----------------------------------------------------------------------------------


def test_one_output_is_a_value_and_more_are_a_list():
    assert type(MLP(2, [3, 1])([1, 2])) is Value
    assert type(Layer(2, 1)([1, 2])) is Value
    assert type(Neuron(2)([1, 2])) is Value
    outputs = MLP(2, [3, 2])([1, 2])
    assert type(outputs) is list
    assert [type(y) for y in outputs] == [Value, Value]


def test_a_hidden_layer_of_one_neuron_works():
    model = MLP(2, [1, 1, 2], activation="tanh", seed=0)
    assert len(model([1.0, 2.0])) == 2


@pytest.mark.parametrize(
    "x",
    [[1, 2.5], (1, 2.5), np.array([1, 2.5]), [Value(1), 2.5], [np.float32(1), Value(2.5)], iter([1, 2.5])],
)
def test_inputs_may_be_any_sequence_of_numbers(x):
    model = MLP(2, [2, 1], activation="tanh", seed=0)
    assert model(x).data == model([1.0, 2.5]).data


def test_a_single_input_needs_no_list():
    model = MLP(1, [3, 1], seed=0)
    assert model(0.5).data == model(Value(0.5)).data == model([0.5]).data


def test_parameters_are_named_by_their_place():
    model = MLP(2, [2, 1])
    labels = [
        "layer0.neuron0.w0", "layer0.neuron0.w1", "layer0.neuron0.b",
        "layer0.neuron1.w0", "layer0.neuron1.w1", "layer0.neuron1.b",
        "layer1.neuron0.w0", "layer1.neuron0.w1", "layer1.neuron0.b",
    ]  # fmt: skip
    assert [p.label for p in model.parameters()] == labels
    assert [p.scope for p in model.parameters()] == [label.rpartition(".")[0] for label in labels]
    assert list(model.state_dict()) == labels
    assert [p.label for p in Layer(1, 2, bias=False).parameters()] == ["neuron0.w0", "neuron1.w0"]
    assert [p.label for p in Neuron(1).parameters()] == ["w0", "b"]
    assert [p.label for p in Layer(1, 1, name="head").parameters()] == ["head.neuron0.w0", "head.neuron0.b"]


def test_what_a_layer_computes_knows_its_neuron():
    model = MLP(2, [2, 2], activation="tanh")
    for i, output in enumerate(model([1.0, 2.0])):
        assert output.scope == f"layer1.neuron{i}"
        hidden = [parent for parent in output.parents if parent.op == "tanh"]
        assert [h.scope for h in hidden] == ["layer0.neuron0", "layer0.neuron1"]
        assert [h.parents[0].scope for h in hidden] == ["layer0.neuron0", "layer0.neuron1"]


def test_a_users_label_overrides_and_the_scope_stays():
    model = MLP(1, [1])
    weight = model.layers[0].neurons[0].w[0]
    weight.label = "slope"
    assert (weight.label, weight.scope) == ("slope", "layer0.neuron0")
    assert dict(model.named_parameters())["layer0.neuron0.w0"] is weight


# --- replaced parts are never stale ------------------------------------------------------------------


def test_new_data_counts_at_the_next_call():
    layer = Layer(1, 2, initializer="zeros")
    assert [y.data for y in layer(2.0)] == [0.0, 0.0]
    layer.neurons[1].w[0].data = 3.0
    layer.neurons[0].b.data = 1.0
    assert [y.data for y in layer(2.0)] == [1.0, 6.0]


def test_new_data_after_the_forward_pass_is_refused_in_the_backward_pass():
    model = MLP(2, [3, 1], seed=0)
    y = model([1.0, 2.0])
    model.parameters()[0].data = 9.0
    with pytest.raises(GraphError, match=r"layer0\.neuron0\.w0"):
        y.backward()


def test_replaced_weights_biases_activations_and_neurons_count_at_the_next_call():
    layer = Layer(2, 2, initializer="zeros")
    layer([1.0, 1.0])
    layer.neurons[0].w = [1.0, 2.0]
    assert [y.data for y in layer([1.0, 1.0])] == [3.0, 0.0]
    assert [p.label for p in layer.neurons[0].w] == ["neuron0.w0", "neuron0.w1"]
    layer.neurons[1].b = shared = Value(-5.0, "shared")
    assert [y.data for y in layer([1.0, 1.0])] == [3.0, -5.0]
    layer.neurons[0].b = shared
    assert [y.data for y in layer([1.0, 1.0])] == [-2.0, -5.0]
    autograd.sum(layer([1.0, 1.0])).backward()
    assert (shared.grad, shared.label) == (2.0, "shared")
    layer.neurons[1].activation = "relu"
    assert [y.data for y in layer([1.0, 1.0])] == [-2.0, 0.0]
    layer.neurons[0].b = None
    assert [y.data for y in layer([1.0, 1.0])] == [3.0, 0.0]
    layer.neurons[0] = Neuron(2, initializer=lambda *_: [[4.0, 4.0]])
    assert [y.data for y in layer([1.0, 1.0])] == [8.0, 0.0]
    layer.neurons.append(Neuron(2, initializer="zeros"))
    assert [y.data for y in layer([1.0, 1.0])] == [8.0, 0.0, 0.0]
    assert layer.n_out == 3


def test_a_neuron_of_another_class_is_called_as_it_is():
    class Doubled(Neuron):
        def __call__(self, x):
            return 2 * super().__call__(x)

    layer = Layer(1, 2, initializer=lambda *_: [[1.0], [1.0]])
    layer.neurons[1] = Doubled(1, initializer=lambda *_: [[1.0]])
    assert [y.data for y in layer(3.0)] == [3.0, 6.0]


def test_without_recording_the_numbers_are_the_same():
    model = MLP(3, [4, 2], output_activation="softmax", seed=0)
    recorded = [y.data for y in model([1, 2, 3])]
    with no_grad():
        assert [y.data for y in model([1, 2, 3])] == recorded
        assert all(y.parents == () for y in model([1, 2, 3]))


# --- dropout and sequences ---------------------------------------------------------------------------


def test_dropout_keeps_the_mean_and_the_share():
    dropout = Dropout(0.3, seed=0)
    outputs = np.array([dropout([1.0] * 100) for _ in range(200)])
    assert set(np.unique(outputs)) == {0.0, 1.0 / 0.7}
    assert outputs.mean() == pytest.approx(1.0, abs=0.02)
    assert (outputs == 0.0).mean() == pytest.approx(0.3, abs=0.02)


def test_dropped_outputs_have_no_gradient():
    x = [Value(float(i + 1)) for i in range(8)]
    outputs = Dropout(0.5, seed=1)(x)
    sum(outputs).backward()
    assert [v.grad for v in x] == [2.0 if y.data else 0.0 for y in outputs]
    assert {v.grad for v in x} == {0.0, 2.0}


def test_dropout_of_a_single_value_and_without_probability():
    x = Value(3.0)
    assert {y.data for y in (Dropout(0.5, seed=seed)(x) for seed in range(20))} == {0.0, 6.0}
    assert Dropout(0.0)([x])[0] is x


def test_out_of_training_nothing_is_dropped():
    model = MLP(2, [8, 8, 2], seed=0, dropout=0.5)
    plain = MLP(2, [8, 8, 2], seed=0)
    assert model.training
    assert [y.data for y in model([1.0, 2.0])] != [y.data for y in model([1.0, 2.0])]
    assert model.eval() is model
    assert [y.data for y in model([1.0, 2.0])] == [y.data for y in plain([1.0, 2.0])]
    assert [p.label for p in model.parameters()] == [p.label for p in plain.parameters()]
    assert model.train().training


def test_modes_reach_every_module():
    shared = Dropout(0.5)
    model = Sequential(Layer(2, 2, seed=0), shared, Sequential(shared, Layer(2, 1, seed=0)))
    assert [type(module).__name__ for module in model.modules()] == [
        "Sequential", "Layer", "Neuron", "Neuron", "Dropout", "Sequential", "Layer", "Neuron",
    ]  # fmt: skip
    model.eval()
    assert {module.training for module in model.modules()} == {False}
    model.train()
    assert {module.training for module in model.modules()} == {True}


def test_a_sequence_is_its_modules_in_turn():
    first, second = Layer(2, 3, "tanh", seed=0), Layer(3, 2, seed=1)
    model = Sequential(first, second)
    assert [y.data for y in model([1.0, -1.0])] == [y.data for y in second(first([1.0, -1.0]))]
    assert model.n_in == 2
    assert [name for name, _ in model.named_parameters()][:2] == ["layer0.neuron0.w0", "layer0.neuron0.w1"]
    assert type(model([1.0, -1.0])) is list
    assert repr(Sequential(Dropout(0.5))) == "Sequential(\n  (layer0): Dropout(0.5)\n)"
    assert repr(MLP(1, [2, 1], dropout=0.25)).endswith("dropout=0.25)")


# --- errors ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("act", "error", "message"),
    [
        (lambda: MLP(2, [3, 1])([1.0]), ValueError, "layer0 takes 2 inputs, got 1"),
        (lambda: MLP(2, [1])([1.0, 2.0, 3.0]), ValueError, "layer0.neuron0 takes 2 inputs, got 3"),
        (lambda: Layer(2, 2)(1.0), ValueError, "a Layer takes 2 inputs, got 1"),
        (lambda: Neuron(2)([]), ValueError, "a Neuron takes 2 inputs, got 0"),
        (lambda: MLP(2, [1])(["a", 1.0]), TypeError, "real number, got str"),
        (lambda: MLP(2, [1])([[1.0, 2.0], [3.0, 4.0]]), TypeError, "real number, got list"),
        (lambda: MLP(0, [1]), ValueError, "n_in must be at least 1, got 0"),
        (lambda: MLP(2, [3, 0, 1]), ValueError, "the width of layer1 must be at least 1, got 0"),
        (lambda: MLP(2, []), ValueError, "at least one layer"),
        (lambda: MLP(2, 3), TypeError, r"a list of layer widths such as \[16, 16, 1\], got int: 3"),
        (lambda: MLP(2.0, [1]), TypeError, "n_in must be an integer, got float: 2.0"),
        (lambda: Layer(1, True), TypeError, "n_out must be an integer, got bool: True"),
        (lambda: Neuron("2"), TypeError, "n_in must be an integer, got str: '2'"),
        (lambda: setattr(Neuron(1), "b", "x"), TypeError, "real number, got str"),
        (lambda: setattr(Neuron(1), "activation", "rleu"), ValueError, "no activation is named 'rleu'"),
    ],
)
def test_bad_input_says_what_was_given_and_expected(act, error, message):
    with pytest.raises(error, match=message):
        act()


def test_numpy_integers_are_widths():
    assert repr(MLP(np.int64(2), np.array([3, 1]))) == repr(MLP(2, [3, 1]))


def test_repr_is_how_to_make_it():
    model = MLP(2, [3, 2], activation="tanh", output_activation="softmax", bias=False)
    assert repr(model) == "MLP(2, [3, 2], activation='tanh', output_activation='softmax', bias=False)"
    assert repr(model.layers[1]) == "Layer(3, 2, activation='softmax', bias=False)"
    assert repr(model.layers[1].neurons[0]) == "Neuron(3, activation='linear', bias=False)"


def test_a_model_knows_its_sizes():
    model = MLP(3, [4, 2])
    assert (model.n_in, model.n_out) == (3, 2)


def test_a_sequence_takes_what_the_first_module_takes_that_says_so():
    assert Sequential(Dropout(0.5), Layer(3, 2, seed=0), Layer(2, 1, seed=0)).n_in == 3
    with pytest.raises(AttributeError, match="how many features"):
        Sequential(Dropout(0.5)).n_in  # noqa: B018  # reading it is the test
