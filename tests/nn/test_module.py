"""`Module` finds parameters, names them, and saves and loads their numbers."""

import copy
import gc
import pickle
import weakref

import numpy as np
import pytest

import autograd
from autograd import Value, no_grad
from nn import (
    ACTIVATIONS,
    MLP,
    SGD,
    Dropout,
    EarlyStopping,
    Layer,
    Module,
    Neuron,
    Sequential,
    StepLR,
)
from nn.module import mode


class Perceptron(Module):
    """A model as micrograd's users write it."""

    def __init__(self, n):
        self.w = [Value(0.1 * i) for i in range(n)]
        self.b = Value(0)

    def __call__(self, x):
        return sum((wi * xi for wi, xi in zip(self.w, x)), self.b).tanh()

    def parameters(self):
        return self.w + [self.b]


class Net(Module):
    def __init__(self):
        self.hidden = Layer(2, 2, seed=0)
        self.heads = [Neuron(2, seed=1), Neuron(2, seed=2)]
        self.scale = Value(1.0)
        self.biases = (Value(1.0), Value(2.0))
        self.matrix = np.array([[Value(1.0), Value(2.0)], [Value(3.0), Value(4.0)]])
        self.epoch = 3
        self._cache = Value(5.0)


def test_a_model_in_micrograds_style_works():
    model = Perceptron(2)
    y = model([1.0, 2.0])
    y.backward()
    assert [p.grad for p in model.parameters()] == pytest.approx(
        [(1 - y.data**2) * x for x in (1.0, 2.0, 1.0)], rel=1e-14
    )
    model.zero_grad()
    assert [p.grad for p in model.parameters()] == [0.0] * 3
    assert [name for name, _ in model.named_parameters()] == ["w0", "w1", "b"]


def test_names_are_the_way_from_the_module():
    assert [name for name, _ in Net().named_parameters()] == [
        "hidden.neuron0.w0", "hidden.neuron0.w1", "hidden.neuron0.b",
        "hidden.neuron1.w0", "hidden.neuron1.w1", "hidden.neuron1.b",
        "head0.w0", "head0.w1", "head0.b", "head1.w0", "head1.w1", "head1.b",
        "scale", "bias0", "bias1",
        "matrix0_0", "matrix0_1", "matrix1_0", "matrix1_1",
    ]  # fmt: skip


def test_named_parameters_are_the_parameters_in_order():
    for model in (Net(), MLP(3, [2, 2]), Perceptron(2)):
        assert [p for _, p in model.named_parameters()] == model.parameters()
        assert len(set(model.parameters())) == len(model.parameters())


def test_a_shared_parameter_counts_once():
    model = Net()
    model.heads[1].w = model.heads[0].w
    names = [name for name, _ in model.named_parameters()]
    assert "head0.w0" in names
    assert "head1.w0" not in names


def test_parameters_that_no_attribute_leads_to_still_have_names():
    class Hidden(Module):
        def __init__(self):
            self._own = {"x": Value(1.0), "y": Value(2.0)}

        def parameters(self):
            return list(self._own.values())

    assert Hidden().state_dict() == {"parameter0": 1.0, "parameter1": 2.0}


def test_a_computed_value_is_not_a_parameter():
    model = Perceptron(1)
    model.last = model([1.0])
    assert "last" not in dict(Module.named_parameters(model))
    assert list(dict(model.children())) == ["w0", "b"]


def test_state_goes_to_another_model_and_back():
    one, other = MLP(3, [4, 2], seed=0), MLP(3, [4, 2], seed=1)
    assert one.state_dict() != other.state_dict()
    other.load_state_dict(one.state_dict())
    assert one.state_dict() == other.state_dict()
    assert [y.data for y in one([1, 2, 3])] == [y.data for y in other([1, 2, 3])]


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (lambda s: s.pop("neuron0.b"), ValueError, "without neuron0.b"),
        (lambda s: s.update(extra=1.0), ValueError, "with the unknown extra"),
        (lambda s: s.update({"neuron1.w0": float("nan")}), ValueError, "neuron1.w0 must be finite, got nan"),
        (lambda s: s.update({"neuron1.w0": float("inf")}), ValueError, "neuron1.w0 must be finite, got inf"),
        (lambda s: s.update({"neuron1.w0": "3"}), TypeError, "neuron1.w0 must be a real number, got str"),
    ],
)
def test_a_state_that_does_not_fit_changes_nothing(change, error, message):
    layer = Layer(2, 2, seed=0)
    before = layer.state_dict()
    state = {name: data + 1.0 for name, data in before.items()}
    change(state)
    with pytest.raises(error, match=message):
        layer.load_state_dict(state)
    assert layer.state_dict() == before


def test_many_missing_names_are_counted():
    with pytest.raises(ValueError, match=r"without w0, w1, w2, w3, w4 and 6 more"):
        Neuron(10).load_state_dict({})
    with pytest.raises(TypeError, match="takes a mapping of names to numbers, got list"):
        Neuron(1).load_state_dict([1.0])


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))])
@pytest.mark.parametrize("output_activation", ["linear", "softmax"])
def test_a_copy_is_equal_and_independent(duplicate, output_activation):
    model = MLP(2, [3, 3], output_activation=output_activation, seed=0)
    before = [y.data for y in model([1.0, -1.0])]
    other = duplicate(model)
    assert [y.data for y in other([1.0, -1.0])] == before
    for p in other.parameters():
        p.data = 2 * p.data + 0.1
    assert [y.data for y in other([1.0, -1.0])] != before
    assert [y.data for y in model([1.0, -1.0])] == before
    other([1.0, -1.0])[0].backward()
    assert all(not p.reached for p in model.parameters())
    assert all(p.reached for p in other.layers[0].parameters())


# --- predictions -------------------------------------------------------------------------------------

RNG = np.random.default_rng(3)
MODELS = {
    **{
        f"{activation}, {width}": (
            lambda activation=activation, width=width: MLP(3, [5, 4, width], activation, seed=1, dropout=0.4)
        )
        for activation in ACTIVATIONS
        for width in (1, 2)
    },
    "softmax": lambda: MLP(3, [4, 2], output_activation="softmax", bias=False, seed=1),
    "a function": lambda: MLP(3, [4, 1], lambda x: x * x if x.data > 0 else 0.1 * x, seed=1),
    "Neuron": lambda: Neuron(3, "tanh", seed=1),
    "Layer": lambda: Layer(3, 2, "sigmoid", seed=1),
    "Sequential": lambda: Sequential(Layer(3, 2, "tanh", seed=1), Dropout(0.5), Layer(2, 2, seed=2)),
    "Sequential with a branch": lambda: Sequential(
        Layer(3, 2, "tanh", seed=1), lambda x: x if x[0] < 0.1 else [2.0 * x[0], x[1]]
    ),
    "Dropout": lambda: Sequential(Dropout(0.5)),
    "one's own": lambda: Perceptron(3),
    "one's own in a Sequential": lambda: Sequential(Layer(3, 3, seed=1), Perceptron(3)),
    "a subclass": lambda: Halving(3, [2], seed=1),
    "a list of one": lambda: Listed(3),
    "numbers": lambda: Constant(),
}


class Halving(MLP):
    def __call__(self, x):
        return [y / 2.0 if y.data > 0.0 else y for y in super().__call__(x)]


class Listed(Perceptron):
    def __call__(self, x):
        return [super().__call__(x)]


class Constant(Module):
    def __call__(self, x):
        return [x[0], 2.0]


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("n", [1, 7, 200])
def test_predictions_are_those_of_the_calls(name, n):
    model = MODELS[name]()
    X = RNG.normal(size=(n, 3)) * 2.0
    eager = copy.deepcopy(model).eval()
    with no_grad():
        rows = [eager(row) for row in X.tolist()]
        expected = np.array([list(map(float, y)) if hasattr(y, "__iter__") else [float(y)] for y in rows])
    found = model.predict(X)
    assert found.dtype == np.float64
    assert found.shape == ((n,) if expected.shape[1] == 1 else expected.shape)
    np.testing.assert_allclose(found.reshape(expected.shape), expected, rtol=1e-12, atol=1e-13)
    assert model.training  # and parameters were left as they are
    with no_grad():
        np.testing.assert_allclose(model.predict(X), found, rtol=1e-12, atol=1e-13)


def test_predictions_follow_the_parameters_and_leave_no_gradient():
    model = MLP(3, [4, 1], "tanh", seed=1)
    X = RNG.normal(size=(100, 3))
    before = model.predict(X)
    for parameter in model.parameters():
        parameter.data *= 2.0
    assert np.abs(model.predict(X) - before).min() > 0.0
    assert not any(parameter.grad for parameter in model.parameters())


def test_predictions_compile_once_for_a_model_that_stays_the_same(monkeypatch):
    compiled, compile = [], autograd.compile

    def counted(*arguments, **options):
        program = compile(*arguments, **options)
        compiled.append(weakref.ref(program))
        return program

    monkeypatch.setattr(autograd, "compile", counted)
    model, X = MLP(3, [4, 2], "tanh", seed=1), RNG.normal(size=(100, 3))
    for count, change in (
        (1, lambda layers: None),
        (1, lambda layers: [setattr(p, "data", 2.0 * p.data) for p in layers[0].parameters()]),
        (2, lambda layers: layers.__setitem__(1, Layer(4, 2, "sigmoid", seed=2))),
        (3, lambda layers: layers.append(Layer(2, 1, seed=3))),
        (4, lambda layers: setattr(layers[-1].neurons[0], "activation", ACTIVATIONS["sigmoid"])),
    ):
        change(model.layers)
        for _ in range(2):
            found = model.predict(X)
            assert len(compiled) == count
        with no_grad():
            right = np.array([np.ravel(model(x)).astype(float) for x in X.tolist()])
        np.testing.assert_allclose(found.reshape(right.shape), right, rtol=1e-12)
    del model
    gc.collect()
    assert not any(program() for program in compiled)


def test_predictions_restore_the_mode_of_every_module():
    model = Sequential(Layer(2, 2, seed=0), Dropout(0.5, seed=0), Dropout(0.5, seed=1), Layer(2, 1, seed=1))
    model.layers[1].eval()
    modes = [module.training for module in model.modules()]
    state = model.layers[2].generator.bit_generator.state
    model.predict(RNG.normal(size=(100, 2)))
    model.predict([[0.0, 1.0]])
    assert [module.training for module in model.modules()] == modes
    assert model.layers[2].generator.bit_generator.state == state
    model.eval().predict([[0.0, 1.0]])
    assert not any(module.training for module in model.modules())


class Table:
    """What pandas and torch have: `__array__`; an `Attached` one has to be detached first, as in torch."""

    def __init__(self, data):
        self.data = np.array(data)

    def __array__(self, dtype=None, copy=None):
        return self.data

    def tolist(self):
        return self.data.tolist()

    def __iter__(self):
        return iter(self.data)


class Attached(Table):
    def __array__(self, dtype=None, copy=None):
        raise RuntimeError(
            "Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() instead."
        )

    def detach(self):
        return Table(self.data)


@pytest.mark.parametrize("kind", [list, tuple, np.array, Table, Attached, np.ma.masked_array])
def test_predictions_are_of_whatever_becomes_an_array(kind):
    model = MLP(2, [3, 1], "tanh", seed=0)
    rows = [[1.0, 2.0], [3.0, -4.0]]
    expected = [model(row).data for row in rows]
    assert model.predict(kind(rows)).tolist() == pytest.approx(expected, rel=1e-12)
    assert model(kind(rows[0])).data == expected[0]
    assert model(list(np.array(rows[0], dtype=np.float32))).data == expected[0]
    assert model([np.array(1.0), Value(2.0)]).data == expected[0]
    neuron = Sequential(Dropout(0.2), Layer(2, 2, seed=0))
    assert [y.data for y in neuron.eval()(Table(rows[0]))] == [y.data for y in neuron(rows[0])]


@pytest.mark.parametrize(
    ("X", "error", "message"),
    [
        (
            [1.0, 2.0],
            ValueError,
            r"X must have the shape \(N, D\), got \(2,\).* for one example X.reshape\(1, -1\)",
        ),
        ([[1.0, 2.0, 3.0]], ValueError, "X has 3 features, and the model takes 2"),
        ([[1.0, float("nan")]], ValueError, "X must be finite, got nan in row 0, column 1"),
        (np.zeros((0, 2)), ValueError, r"X has no data: its shape is \(0, 2\)"),
        (np.ma.masked_array([[1.0, 2.0]], mask=[[0, 1]]), ValueError, "X has 1 masked number of 2"),
        ([["a", "b"]], TypeError, "X must be real numbers"),
    ],
)
def test_bad_features_are_refused(X, error, message):
    with pytest.raises(error, match=message):
        MLP(2, [3, 1]).predict(X)


# --- what it is --------------------------------------------------------------------------------------


def test_repr_shows_the_tree():
    assert repr(Net()) == (
        "Net(\n"
        "  (hidden): Layer(2, 2, activation='linear')\n"
        "  (head0): Neuron(2, activation='linear')\n"
        "  (head1): Neuron(2, activation='linear')\n"
        ")"
    )
    assert repr(Perceptron(2)) == "Perceptron()"


def test_repr_of_a_class_with_a_constructor_of_its_own():
    """Its settings are its own, whether it calls the constructor above it or not."""
    for kind in (MLP, Layer, Neuron, Dropout, Sequential, SGD, StepLR, EarlyStopping):
        without = type("Mine", (kind,), {"__init__": lambda self, size=3: None})
        assert repr(without()) == "Mine()"
    classic = type("Classic", (MLP,), {"__init__": lambda self, nin, nouts: MLP.__init__(self, nin, nouts)})
    assert repr(classic(2, [3, 1])) == "Classic()"


def test_a_module_without_a_call_says_so():
    with pytest.raises(NotImplementedError, match=r"define __call__\(self, x\)"):
        Net()([1.0])


def test_a_mode_leaves_the_attributes_as_they_were():
    """An attribute of its own is something that a model keeps."""
    model, other = MLP(2, [2, 1], dropout=0.5), MLP(2, [2, 1], dropout=0.5).eval()
    for each in (model, other):
        before = [dict(vars(module)) for module in each.modules()]
        for training in (False, True):
            with mode(each, training):
                assert {module.training for module in each.modules()} == {training}
        assert [dict(vars(module)) for module in each.modules()] == before
