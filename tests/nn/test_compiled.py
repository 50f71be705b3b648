"""`fit` compiled: the numbers of the eager engine, its errors, and its answers to Ctrl-C."""

import copy
import functools
import html
import itertools
import math
import pickle
import random
import re
import signal
import subprocess
import sys
import warnings
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import autograd
import nn
from autograd import GraphError, Value, greater, primitive, tanh, warn_on_comparison, where
from nn import (
    MLP,
    SGD,
    Adagrad,
    Adam,
    AdamW,
    Checkpoint,
    CosineAnnealingLR,
    DivergenceError,
    Dropout,
    EarlyStopping,
    Layer,
    Module,
    Neuron,
    ReduceLROnPlateau,
    RMSprop,
    Sequential,
    StepLR,
    fit,
    loop,
    training,
)
from nn.optimizers import Optimizer
from nn.recording import NotCompiledError
from tests.support import reading
from tests.support.compiled import backends, needs_jax, needs_llvmlite
from tests.support.profiles import slow, tries

ROOT = Path(__file__).parents[2]
RNG = np.random.default_rng(0)
X = RNG.uniform(-1.5, 1.5, (10, 3))
Y = X[:, 0] - 0.5 * X[:, 1] ** 2
PAIRS = np.stack([Y, X[:, 2]], axis=1)
SIGNS, LABELS = np.sign(Y), RNG.integers(0, 3, 10)


def mlp(*widths, activation="tanh", last="linear", **options):
    """What makes the same network each time."""
    return lambda: MLP(3, list(widths or (4, 1)), activation, last, seed=1, **options)


def train(backend, model=None, y=Y, optimizer=None, epochs=34, **options):
    """By default 102 updates from 4, 4 and 2 examples."""
    model = (model or mlp())()
    optimizer = (optimizer or OPTIMIZERS["Adam"])(model.parameters())
    options = {"loss": "mse_loss", "batch_size": 4, "seed": 3, "progress": False} | options
    return model, optimizer, fit(model, X, y, optimizer=optimizer, epochs=epochs, backend=backend, **options)


def close(numbers, expected, rel=1e-12):
    """Relative to the largest of them: a parameter may pass through 0."""
    numbers, expected = np.array(numbers), np.array(expected)
    np.testing.assert_allclose(numbers, expected, rtol=rel, atol=rel * np.abs(expected).max(initial=0.0))


def agree(run, other):
    (model, optimizer, history), (other_model, other_optimizer, other_history) = run, other
    close([p.data for p in model.parameters()], [p.data for p in other_model.parameters()])
    state, expected = optimizer.state_dict(), other_optimizer.state_dict()
    assert (state["lr"], state["memory"].keys()) == (expected["lr"], expected["memory"].keys())
    for name, array in expected["memory"].items():
        close(state["memory"][name], array)
    assert history.columns.keys() == other_history.columns.keys()
    for name, numbers in other_history.columns.items():
        close(history.columns[name], numbers)
    assert generators(model) == generators(other_model)
    assert history.interrupted == other_history.interrupted
    assert not model.training


def generators(model):
    return [each.generator.bit_generator.state for each in model.modules() if isinstance(each, Dropout)]


def used(history):
    """The back end that a training ran on."""
    compiled = history.run.compiled
    return "eager" if compiled is None else compiled.backend


# --- numbers -----------------------------------------------------------------------------------------


class Line(Module):
    """A user's own, with a parameter that the loss never sees."""

    def __init__(self):
        self.w = [Value(0.3), Value(-0.2), Value(0.1)]
        self.idle = Value(5.0)

    def __call__(self, x):
        return where(x[0], self.w[0] * x[1], self.w[1] * x[2]).exp() + abs(self.w[2] * x[0])


class Own(Optimizer):
    """In array code: steps along the last but one gradient too, no longer than the rate."""

    def update(self, data, gradient, at):
        last, mean = self.memory("last", 0.5), self.memory("mean")
        mean[at] += 0.1 * (gradient - mean[at])
        step = self.lr * (gradient + last[at] + mean[at])
        last[at] = gradient
        return data - step / np.sqrt(1.0 + step * step)


class Normed(Optimizer):
    """With what only arrays have: a norm, and an if on it."""

    def update(self, data, gradient, at):
        length = np.linalg.norm(gradient)
        if length > 0.5:
            gradient = gradient / length
        return data - self.lr * gradient


def some(model_parameters):
    return SGD(model_parameters[::2], lr=0.05, momentum=0.9)


def layers(*between):
    return lambda: Sequential(
        Layer(3, 5, "tanh", seed=1), *(make() for make in between), Layer(5, 1, "linear", seed=2)
    )


def two_dropouts():
    return Sequential(
        Layer(3, 5, "tanh", seed=1), Dropout(0.4, seed=5), Layer(5, 4, "relu", seed=2), Dropout(0.2, seed=6),
        Layer(4, 1, seed=3),
    )  # fmt: skip


def shared_dropout():
    dropout = Dropout(0.3, seed=5)
    return Sequential(Layer(3, 5, "tanh", seed=1), dropout, Layer(5, 4, "silu", seed=2), dropout, Layer(4, 1))


def seeded(model):
    """Its last layer has no seed of its own."""

    def make():
        made = model()
        for number, parameter in enumerate(made.parameters()):
            parameter.data = math.sin(number + 1.0)
        return made

    return make


def weighted(prediction, target):
    return (prediction - target) ** 2 * (1.0 + target * target) + abs(prediction) * 0.1


OPTIMIZERS = {
    "SGD": functools.partial(SGD, lr=0.05),
    "SGD momentum": functools.partial(SGD, lr=0.02, momentum=0.9, dampening=0.1, weight_decay=0.01),
    "SGD nesterov": functools.partial(SGD, lr=0.02, momentum=0.9, nesterov=True),
    "Adagrad": functools.partial(Adagrad, lr=0.1, lr_decay=0.01, initial_accumulator_value=0.1),
    "RMSprop": functools.partial(RMSprop, lr=0.01, weight_decay=0.01),
    "RMSprop centered": functools.partial(RMSprop, lr=0.005, centered=True, momentum=0.5),
    "Adam": functools.partial(Adam, lr=0.02, weight_decay=0.01),
    "Adam amsgrad": functools.partial(Adam, lr=0.02, amsgrad=True),
    "AdamW": functools.partial(AdamW, lr=0.02, weight_decay=0.1),
    "AdamW amsgrad": functools.partial(AdamW, lr=0.02, amsgrad=True),
}
TARGETS = {"cross_entropy": LABELS, "hinge_loss": SIGNS, "binary_cross_entropy": (SIGNS + 1.0) / 2.0,
           "binary_cross_entropy_with_logits": (SIGNS + 1.0) / 2.0}  # fmt: skip
LOSSES = {
    name: {
        "loss": name,
        "y": TARGETS.get(name, Y),
        "model": mlp(4, 3 if name == "cross_entropy" else 1,
                     last="sigmoid" if name == "binary_cross_entropy" else "linear"),
    }
    for name in nn.LOSSES
}  # fmt: skip
EVERYTHING = {
    "clip_norm": 0.5,
    "clip_value": 0.2,
    "schedule": functools.partial(CosineAnnealingLR, T_max=20),
    "metrics": ["r2_score", "mean_absolute_error"],
    "validation": (X[:4], Y[:4]),
}
CASES = {
    **{f"loss {name}": options for name, options in LOSSES.items()},
    **{
        f"{activation}, {optimizer}": {
            "model": mlp(4, 2, activation=activation),
            "y": PAIRS,
            "loss": "half_squared_error",
            "optimizer": OPTIMIZERS[optimizer],
        }
        for activation, optimizer in zip(nn.ACTIVATIONS, itertools.cycle(OPTIMIZERS))
    },
    "one-hot": {"loss": "cross_entropy", "y": np.eye(3)[LABELS], "model": mlp(4, 3)},
    "class weights": {"loss": "mse_loss", "y": np.eye(3)[LABELS], "model": mlp(4, 3, last="softmax")},
    "batch, ahead": {"batch_size": None, "epochs": 110},
    "batch, shuffled": {"batch_size": 10, "epochs": 110, "shuffle": True},
    "batch, looked at": {"batch_size": 50, "epochs": 100, "validation": (X[:3], Y[:3])},
    "stochastic": {"batch_size": 1, "epochs": 10},
    "in order": {"batch_size": 3, "epochs": 25, "shuffle": False},
    "everything": EVERYTHING,
    "everything, classes": {"loss": "cross_entropy", "y": LABELS, "model": mlp(4, 3), "metrics": ["accuracy"],
                            "validation": (X[:4], LABELS[:4]), "clip_norm": 0.1},
    "logits": {"loss": "hinge_loss", "y": SIGNS, "metrics": ["accuracy"]},
    "weights": {"sample_weight": np.linspace(0.0, 2.0, 10), "validation": (X[:3], Y[:3], [1.0, 2.0, 0.0])},
    "weights of classes, ahead": {"loss": "cross_entropy", "y": LABELS, "model": mlp(4, 3), "epochs": 100,
                                  "class_weight": {0: 1.0, 1: 10.0, 2: 0.5}, "batch_size": None},
    "split": {"validation_split": 0.25, "class_weight": "balanced", "y": SIGNS, "loss": "hinge_loss"},
    "plateau": {"schedule": functools.partial(ReduceLROnPlateau, patience=1, factor=0.5, threshold=0.05)},
    "uneven Adam": {"optimizer": functools.partial(Adam, lr=0.02, betas=(0.3, 0.2))},
    "uneven RMSprop": {"optimizer": functools.partial(RMSprop, lr=0.01, alpha=0.3, centered=True)},
    "schedule": {"batch_size": None, "epochs": 100, "schedule": functools.partial(StepLR, step_size=9)},
    "dropout": {"model": mlp(5, 1, dropout=0.3), **EVERYTHING},
    "dropout, batch": {"model": mlp(5, 1, dropout=0.3), "batch_size": None, "epochs": 100},
    "two dropouts": {"model": two_dropouts},
    "shared dropout": {"model": seeded(shared_dropout)},
    "some parameters": {"optimizer": some, "clip_norm": 0.3},
    "Sequential": {"model": layers(lambda: tanh_of_all)},
    "no bias": {"model": mlp(4, 1, bias=False)},
    "custom activation": {"model": mlp(4, 1, activation=lambda x: x * x.sigmoid() + 0.1 * abs(x))},
    "custom loss": {"loss": weighted},
    "own module": {"model": Line, "optimizer": functools.partial(SGD, lr=0.01)},
    "own optimizer": {"optimizer": functools.partial(Own, lr=0.02)},
}  # fmt: skip


CASES["mode, with dropout"] = {"model": lambda: Branching(by_mode, dropout=0.2), "validation": (X, Y)}


def tanh_of_all(values):
    return [tanh(value) * 2.0 for value in values]


@functools.cache
def eagerly(name):
    return train("eager", **CASES[name])


def test_every_public_optimizer_is_compared():
    named = {each for each in vars(nn).values() if isinstance(each, type) and issubclass(each, Optimizer)}
    assert named - {Optimizer} == {optimizer.func for optimizer in OPTIMIZERS.values()}


@pytest.mark.parametrize("name", CASES)
def test_numpy_gives_the_eager_numbers(name):
    run = train("numpy", **CASES[name])
    assert used(run[2]) == "numpy"
    agree(run, eagerly(name))


@needs_llvmlite
@pytest.mark.parametrize(
    "name",
    [
        "silu, RMSprop centered",
        "softmax, SGD nesterov",
        "batch, ahead",
        "everything",
        "some parameters",
        *slow(
            [
                "leaky_relu, SGD nesterov",
                "elu, Adagrad",
                "gelu, Adam",
                "gelu_tanh, Adam amsgrad",
                "sigmoid, AdamW",
                "loss cross_entropy",
                "two dropouts",
                "own optimizer",
            ]
        ),
    ],
)
def test_llvm_gives_the_eager_numbers(name):
    run = train("llvm", **CASES[name])
    assert used(run[2]) == "llvm"
    agree(run, eagerly(name))


@needs_jax
@pytest.mark.parametrize(
    "name",
    [
        "sigmoid, AdamW",
        *(
            pytest.param(name, marks=pytest.mark.slow)
            for name in ("gelu, Adam", "loss cross_entropy", "everything")
        ),
    ],
)
def test_jax_gives_the_eager_numbers(name):
    run = train("jax", **CASES[name])
    assert used(run[2]) == "jax"
    agree(run, eagerly(name))


@backends
@tries(12)
@given(
    seed=st.integers(0, 2**32 - 1),
    hidden=st.integers(0, 3),
    off=st.sampled_from([0.0, 1e-16, 1e-14, 1e-9]),
    scale=st.sampled_from([1.0, 1e6, 1e12]),
)
def test_a_converged_training_is_gone_on_from(backend, seed, hidden, off, scale):
    """Loss and gradient are rounding errors there, and each back end has its own."""
    rng = np.random.default_rng(seed)
    model = MLP(3, [*[hidden] * bool(hidden), 1], "tanh", "linear", seed=seed % 1000)
    model.parameters()[-1].data *= scale
    rows = rng.standard_normal((12, 3)).tolist()
    y = [model(x).data * (1.0 + off * sign) for x, sign in zip(rows, rng.standard_normal(12).tolist())]
    optimizer = SGD(model.parameters(), lr=0.01 / scale)
    options = {"loss": "mse_loss", "epochs": 2, "progress": False}
    history = fit(model, rows, y, optimizer=optimizer, backend=backend, **options)
    assert used(history) == backend
    assert max(history.loss) <= 1e3 * (scale * (off + 1e-16)) ** 2


@backends
@tries(12)
@given(
    st.sampled_from([("hinge_loss", "tanh"), ("mse_loss", "sigmoid"), ("binary_cross_entropy", "sigmoid")]),
    st.sampled_from([30.0, 34.0, 36.0, 38.0, 40.0, 100.0]),
    st.integers(0, 2**32 - 1),
)
def test_a_saturated_training_is_gone_on_from(backend, losses, gain, seed):
    """An output is 1 there, or 1 less its last bit, and the loss and its slope 0 or no more than that."""
    loss, last = losses
    rng = np.random.default_rng(seed)
    model = MLP(2, [1], "tanh", last, seed=seed % 1000)
    for parameter in model.parameters():
        parameter.data *= gain
    rows = rng.standard_normal((12, 2)).tolist()
    y = [float(model(x).data > 0.5) if last == "sigmoid" else math.copysign(1.0, model(x).data) for x in rows]
    optimizer = SGD(model.parameters(), lr=0.01)
    history = fit(model, rows, y, loss=loss, optimizer=optimizer, epochs=2, backend=backend, progress=False)
    assert used(history) == backend


@backends
def test_the_same_seed_gives_the_same_bits_however_many_updates_are_made_at_a_time(backend, monkeypatch):
    for name in ("dropout", "batch, ahead")[: 1 if backend == "llvm" else 2]:
        runs = []
        for count in (1, 2, 3, 7, 1000):
            monkeypatch.setattr(loop, "updates_at_once", lambda *_, count=count: count)
            runs.append(train(backend, **CASES[name]))
        for model, optimizer, history in runs[1:]:
            assert model.state_dict() == runs[0][0].state_dict()
            assert history.columns == runs[0][2].columns
            for key, array in optimizer.state_dict()["memory"].items():
                assert (array == runs[0][1].state_dict()["memory"][key]).all()


@backends
def test_settings_that_a_callback_changes_are_followed(backend):
    def turn(epoch, history):
        optimizer = history.run.optimizer
        if epoch == 3:
            optimizer.lr, optimizer.momentum, optimizer.weight_decay = 0.01, 0.5, 0.1
            history.run.parameters[0].data = 0.75

    options = {"optimizer": OPTIMIZERS["SGD momentum"], "epochs": 6, "callbacks": [turn]}
    agree(train(backend, **options), train("eager", **options))


# --- what cannot be compiled -------------------------------------------------------------------------


@pytest.fixture
def always(monkeypatch):
    """Automatic means compiled, however small the training is."""
    monkeypatch.setattr(training, "_FEW", 0)


class Branching(Module):
    """A branch, by a rule that the test gives."""

    def __init__(self, rule, dropout=0.0, draw=None):
        self.inner, self.rule, self.draw = MLP(3, [3, 1], "tanh", seed=1, dropout=dropout), rule, draw

    def __call__(self, x):
        return self.rule(self, self.inner(x), x)


def by_comparison(model, y, x):
    return y if y > 0.0 else 0.5 * y


def by_data(model, y, x):
    return y if y.data > 0.0 else 0.5 * y


def by_mode(model, y, x):
    return y * 0.5 if model.training else y


def by_place(prediction, target):
    return (prediction - [0.5, -1.0, 2.0][target]) ** 2


def by_type(prediction, target):
    return (prediction - target) ** 2 * (3.0 if isinstance(target, float) else 1.0)


def weighed(reading, what):
    """A loss that decides by what a reading says of the target, of the prediction, or of both together."""

    def loss(prediction, target):
        seen = {"target": target, "prediction": prediction, "both": prediction - target}[what]
        return (3.0 if reading(seen) else 1.0) * (prediction - target) ** 2

    return loss


def gated(reading):
    """A model that decides by what a reading says of a feature."""
    return lambda: Branching(lambda model, y, x: y if reading(x[1]) else 2.0 * y)


READS = r"reads a number from the example: .* is decided once, .*, line \d+: .*. So it may .*backend='eager'"
ANOTHER = (
    r"different computation for other examples: it decides by what Python knows of them, such as their type"
)
RAISES = (
    r"does not take Values in place of the example's numbers: TypeError: .* \(.*, line \d+: return \(pred"
)
FROZEN = {
    **{
        f"{name} of the {what}": ({"loss": weighed(reading, what)}, READS)
        for whats, table in (
            (("target",), {**reading.ANYWHERE, **reading.OF_FLOATS}),
            (("prediction", "both"), {**reading.ANYWHERE, **reading.OF_FLOATS, **reading.OF_VALUES}),
        )
        for what in whats
        for name, reading in table.items()
    },
    **{
        f"{name} of a feature": ({"model": gated(reading)}, READS)
        for name, reading in {**reading.ANYWHERE, **reading.OF_FLOATS}.items()
    },
    "mode": ({"model": lambda: Branching(by_mode)}, ANOTHER),
    "type": ({"loss": by_type}, ANOTHER),
    "target as a place": ({"loss": by_place, "y": LABELS}, RAISES),
}


@pytest.mark.filterwarnings("ignore::autograd.DetachedWarning")  # numbers are taken out on purpose
@pytest.mark.parametrize("name", FROZEN)
def test_what_python_reads_is_not_compiled(name, always):
    """An explicit back end says which line; auto is eager to the last bit, and says why."""
    options, message = FROZEN[name]
    options = {"epochs": 3, **options}
    with pytest.raises(NotCompiledError, match=message) as error:
        train("numpy", **options)
    run = train("auto", **options)
    assert used(run[2]) == run[2].backend == "eager"
    assert run[2].backend_reason == str(error.value)
    assert html.escape(str(error.value)) in run[2]._repr_html_()
    model, _, history = train("eager", **options)
    assert (history.backend, history.backend_reason) == ("eager", "it was asked for")
    assert run[2].columns == history.columns
    assert run[0].state_dict() == model.state_dict()


FORMS = {"list": list, "tuple": tuple, "array": lambda values: np.array(values, dtype=object)}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", nn.LOSSES)
def test_no_loss_reads_what_it_records(name, form):
    """Predictions and targets are Values or numbers, one or several."""
    loss, several = nn.LOSSES[name], FORMS[form]
    low = -1.0 if name == "hinge_loss" else 0.0
    with warn_on_comparison(error=True):
        outputs = several([Value(0.25), Value(0.5), Value(0.75)])
        for targets in ([low, 1.0, low], several([Value(low), Value(1.0), Value(low)])):
            loss(outputs, targets)
        if name == "cross_entropy":
            loss(outputs, 2)
        else:
            loss(Value(0.25), 1.0)
            loss(Value(0.25), Value(1.0))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("activation", nn.ACTIVATIONS)
def test_no_layer_reads_what_it_records(activation, form):
    with warn_on_comparison(error=True):
        model = Sequential(
            MLP(3, [4, 3], activation, seed=0, dropout=0.5),
            Layer(3, 2, activation, seed=0),
            *([] if "softmax" in activation else [Neuron(2, activation, seed=0)]),
        )
        x = FORMS[form]([Value(0.25), Value(0.5), Value(0.75)])
        for each in (model.train(), model.eval()):
            each(x)
            each([0.25, 0.5, 0.75])
        nn.ACTIVATIONS[activation]((Value(0.25), Value(-0.5)))
        repr(model)
        model.zero_grad()
        list(model.named_parameters())


def test_a_rare_class_that_is_told_by_its_type_is_not_frozen(always):
    """Nothing is read of a Value here; one example of each class is compared with the eager engine."""
    features = RNG.normal(size=(500, 3))
    labels = np.resize(np.arange(5.0), 500)
    labels[[6, 397]] = 5.0

    def loss(prediction, target):
        return (100.0 if type(target) is float and target == 5.0 else 1.0) * (prediction - target) ** 2

    def run(backend):
        model = mlp()()
        options = {"loss": loss, "optimizer": Adam(model.parameters()), "epochs": 2, "seed": 0}
        return fit(model, features, labels, backend=backend, **options)

    assert run("auto").loss == run("eager").loss
    with pytest.raises(NotCompiledError, match=ANOTHER):
        run("numpy")


@tries(40)
@given(st.sampled_from(["feature", "target"]), st.floats(-3.0, 3.0) | st.just(-99.0), st.integers(0, 199))
def test_a_mark_of_what_is_missing_that_is_told_by_its_type_is_not_frozen(missing, mark, row):
    """One in 200, whose numbers are all different, at any place and among them in size."""
    generator = np.random.default_rng(0)
    features, targets = generator.normal(size=(200, 3)), generator.normal(size=200)
    if missing == "target":
        targets[row] = mark
    else:
        features[row, 1] = mark

    def known(number):
        return not (isinstance(number, float) and number == mark)

    class Careful(Module):
        def __init__(self):
            self.inner = mlp()()

        def __call__(self, x):
            return self.inner([each if known(each) else 50.0 for each in x])

    model = Careful()
    loss = lambda prediction, target: known(target) * (prediction - target) ** 2
    options = {"loss": loss, "optimizer": Adam(model.parameters()), "epochs": 2, "seed": 0}
    with pytest.raises(NotCompiledError, match=ANOTHER):
        fit(model, features, targets, backend="numpy", **options)


@pytest.mark.parametrize("backend", ["eager", "numpy", pytest.param("llvm", marks=needs_llvmlite)])
def test_the_examples_are_the_codes_own_to_change(backend):
    """A model and a loss that change the lists they are given change nothing of the data."""

    class Scaling(Branching):
        def __call__(self, x):
            x[0] *= 3.0
            x.append(x.pop(1) - 1.0)
            return [super().__call__(x), x[2]]

    def loss(prediction, target):
        target[0] -= 0.5
        return sum((p - t) ** 2 for p, t in zip(prediction, target, strict=True))

    def changed(prediction, target):
        return sum((p - t) ** 2 for p, t in zip(prediction, [target[0] - 0.5, target[1]], strict=True))

    class Scaled(Branching):
        def __call__(self, x):
            x = [3.0 * x[0], x[2], x[1] - 1.0]
            return [super().__call__(x), x[2]]

    plain = lambda model, y, x: y
    options = {"y": PAIRS, "validation": (X, PAIRS), "metrics": ["mean_absolute_error"], "epochs": 3}
    agree(
        train(backend, lambda: Scaling(plain), loss=loss, **options),
        train("eager", lambda: Scaled(plain), loss=changed, **options),
    )


def test_reading_what_does_not_depend_on_the_example_is_compiled(always):
    """A constant of the model's, and the shape of what comes in."""
    scale = Value(2.0).detach()

    def rule(model, y, x):
        return y * scale.data if len(x) == 3 and scale > 0.0 and {scale: 1} else y

    run = train("auto", lambda: Branching(rule), epochs=3)
    assert run[2].backend == used(run[2]) == "numpy"
    agree(run, train("eager", lambda: Branching(rule), epochs=3))


@pytest.mark.parametrize("fault", [KeyError, ValueError, ZeroDivisionError, UserWarning, AttributeError])
def test_whatever_the_code_raises_on_values_is_told(fault, always):
    def loss(prediction, target):
        if isinstance(target, Value):
            raise fault("no Values, please")
        return (prediction - target) ** 2

    with pytest.raises(NotCompiledError, match=rf"{fault.__name__}: .*no Values, please.*: raise fault"):
        train("numpy", loss=loss)
    assert train("auto", loss=loss, epochs=2)[2].backend == "eager"


@pytest.mark.parametrize("backend", ["auto", "numpy"])
def test_what_a_callback_changes_is_not_frozen(backend, always):
    """A weight in the loss that falls from epoch to epoch, and a dropout that begins late."""

    def run(backend):
        beta = [1.0]

        def anneal(epoch, history):
            beta[0] *= 0.5
            if epoch == 2:
                model.dropout.p = 0.25

        model = mlp(dropout=0.5)()
        model.dropout.p = 0.0
        loss = lambda prediction, target: beta[0] * (prediction - target) ** 2
        return train(backend, lambda: model, loss=loss, callbacks=[anneal], epochs=4)

    found = run(backend)
    assert found[2].backend == "numpy"
    assert found[2].backend_reason.startswith("a callback changed what is trained, and it ")
    agree(found, run("eager"))


CHANGES_BY_TRAINING = {
    "rate": lambda run: run.optimizer.lr,
    "rate below a bound": lambda run: float(run.optimizer.lr < 0.04),
    "memory": lambda run: len(run.optimizer.state_dict()["memory"]),
    "settings and more": lambda run: len(repr(run.optimizer)),
    "attributes": lambda run: vars(run.optimizer)["_lr"],
    "epoch": lambda run: run.schedule.last_epoch,
    "schedule": lambda run: run.schedule.rate(run.schedule.last_epoch),
    "best epoch": lambda run: run.stop.best_epoch,
    "guarded": lambda run: guarded(lambda: run.optimizer.lr),
}


def guarded(read):
    try:
        return read()
    except Exception:
        return 0.0


@pytest.mark.parametrize("place", ["loss", "model"])
@pytest.mark.parametrize("name", CHANGES_BY_TRAINING)
def test_what_the_training_changes_is_not_frozen(name, place, always):
    """Nothing of the example is read, and no callback changes anything."""
    read = CHANGES_BY_TRAINING[name]

    def run(backend):
        run = SimpleNamespace()
        factor = lambda: 1.0 + 0.1 * read(run)
        rule = lambda model, y, x: factor() * y if place == "model" else y
        loss = lambda y, t: (factor() if place == "loss" else 1.0) * (y - t) ** 2
        model = Branching(rule)
        run.optimizer = RMSprop(model.parameters(), lr=0.05)
        run.schedule, run.stop = StepLR(run.optimizer, 2), EarlyStopping(patience=9)
        options = {"loss": loss, "schedule": run.schedule, "callbacks": [run.stop], "epochs": 5}
        return train(backend, lambda: model, optimizer=lambda parameters: run.optimizer, **options)

    kinds = "RMSprop|StepLR|EarlyStopping"
    with pytest.raises(NotCompiledError, match=rf"reads ({kinds})\.\w+.*, which changes during the training"):
        run("numpy")
    found, eager = run("auto"), run("eager")
    assert found[2].backend == "eager"
    assert (found[0].state_dict(), found[2]) == (eager[0].state_dict(), eager[2])
    assert type(found[1]) is RMSprop


def test_a_setting_of_the_optimizer_may_be_read(always):
    def run(backend):
        model = mlp()()
        optimizer = SGD(model.parameters(), 0.05, momentum=0.5)
        loss = lambda y, t: optimizer.momentum * (y - t) ** 2
        return train(backend, lambda: model, optimizer=lambda parameters: optimizer, loss=loss, epochs=3)

    found = run("auto")
    assert found[2].backend == "numpy"
    agree(found, run("eager"))


@pytest.mark.parametrize("by", ["metric", "wrapped metric", "schedule", "schedule beside a callback"])
def test_what_the_users_code_changes_between_epochs_is_not_frozen(by, always):
    def run(backend):
        count = [0]

        def counted(*args):
            count[0] += 1
            return 1.0

        loss = lambda y, t: (1.0 + count[0]) * (y - t) ** 2
        options = {
            "metric": {"metrics": [counted]},
            "wrapped metric": {"metrics": [nn.of_labels(functools.partial(counted))]},
            "schedule": {"schedule": lambda optimizer: nn.LambdaLR(optimizer, counted)},
        }
        options["schedule beside a callback"] = {
            **options["schedule"],
            "callbacks": [lambda epoch, history: None],
        }
        return train(backend, loss=loss, epochs=4, **options[by])

    found = run("auto")
    who = "a callback" if "callback" in by else "a metric or the schedule"
    assert found[2].backend_reason.startswith(f"{who} changed what is trained, and it ")
    agree(found, run("eager"))


def set_threshold(run, model, holder):
    """It counts for the examples in the middle alone, and neither for the first nor for the last."""
    holder["threshold"] = 0.5


def freeze(run, model, holder):
    run.optimizer.parameters = run.optimizer.parameters[3:]


def freeze_in_place(run, model, holder):
    del run.optimizer.parameters[:3]


def begin_momentum(run, model, holder):
    run.optimizer.momentum = 0.9


def begin_centring(run, model, holder):
    run.optimizer.centered, run.optimizer.momentum = True, 0.5


def forget(run, model, holder):
    run.optimizer.load_state_dict({"lr": 0.02, "memory": {}})


def use(run, model, holder):
    model.eval()


def use_a_part(run, model, holder):
    model.dropout.eval()


def look(run, model, holder):
    model.predict(X)
    holder["copy"] = pickle.loads(pickle.dumps(copy.deepcopy(model)))


def fit_within(run, model, holder):
    fit(model, X[:2], Y[:2], loss="mse_loss", optimizer=SGD(model.parameters(), 0.01), epochs=1)


def replace_a_layer(run, model, holder):
    """The old one's parameters are the optimizer's still, and have no gradient any more."""
    model.layers[1] = Layer(4, 1, seed=7)


def clip(run, model, holder):
    for parameter in run.parameters:
        parameter.data = min(parameter.data, 0.5)


CHANGES = {
    "threshold": (set_threshold, "Adam", True),
    "frozen": (freeze, "SGD", True),
    "frozen in place": (freeze_in_place, "SGD", True),
    "momentum": (begin_momentum, "SGD", False),
    "centred": (begin_centring, "RMSprop", False),
    "memory": (forget, "Adam", False),
    "mode": (use, "Adam", False),
    "mode of a part": (use_a_part, "Adam", False),
    "looked at": (look, "Adam", False),
    "a training within": (fit_within, "Adam", False),
    "a layer": (replace_a_layer, "Adam", True),
    "numbers": (clip, "Adam", False),
}


@pytest.mark.parametrize("name", CHANGES)
@pytest.mark.parametrize("backend", ["auto", pytest.param("llvm", marks=[needs_llvmlite, pytest.mark.slow])])
def test_whatever_a_callback_changes_is_followed(backend, name, always):
    """Compiled anew only where what is computed is another; the mode in training is fit's."""
    change, optimizer, anew = CHANGES[name]

    def run(backend):
        model, holder = mlp(dropout=0.3)(), {"threshold": 9.0}

        def loss(prediction, target):
            factor = where(greater(abs(target), holder["threshold"]), 3.0, 1.0)
            return factor * (prediction - target) ** 2

        def callback(epoch, history):
            assert model.training
            if epoch == 3:
                change(history.run, model, holder)

        y = np.array([0.0, *Y[1:-1], 0.0])
        plain = {"SGD": lambda p: SGD(p, 0.02), "RMSprop": lambda p: RMSprop(p, 0.02), **OPTIMIZERS}
        return train(backend, lambda: model, y, plain[optimizer], 8, loss=loss, callbacks=[callback],
                     validation=(X, Y), clip_norm=0.7)  # fmt: skip

    found = run(backend)
    assert (found[2].backend, used(found[2])) == ("numpy" if backend == "auto" else backend,) * 2
    assert found[2].backend_reason.startswith("a callback changed what is trained, and it ") is anew
    agree(found, run("eager"))


@pytest.mark.parametrize("backend", ["eager", "numpy"])
def test_parameters_that_an_optimizer_remembers_cannot_be_frozen(backend):
    """What it remembers has no names: it would take that of one parameter for another."""
    with pytest.raises(
        ValueError, match=r"a callback changed the parameters .* has 18; make a new optimizer"
    ):
        train(backend, callbacks=[lambda epoch, history: freeze(history.run, None, None)])


@pytest.mark.parametrize("read", [
    lambda model: sum(abs(number) for number in model.state_dict().values()),
    lambda model: sum(abs(number) for number in model.predict(np.ones((60, 3)))),
    lambda model: nn.gradient_norm(model.parameters()),
    lambda model: autograd.sum(map(float, model.parameters())),
    lambda model: sum(1.0 for parameter in model.parameters() if parameter.reached),
])  # fmt: skip
def test_numbers_that_nn_reads_for_the_user_are_read(read, always):
    """A penalty of plain numbers, which change while it trains."""

    def run(backend):
        model = mlp()()
        loss = lambda prediction, target: (prediction - target) ** 2 * (1.0 + 0.01 * read(model))
        return train(backend, lambda: model, loss=loss, epochs=3)

    with pytest.raises(NotCompiledError, match=READS):
        run("numpy")
    found, eager = run("auto"), run("eager")
    assert found[2].backend == "eager"
    assert (found[0].state_dict(), found[2]) == (eager[0].state_dict(), eager[2])


@pytest.mark.parametrize("in_training_only", [True, False])
def test_what_is_drawn_at_random_is_not_frozen(in_training_only, always):
    def drawn(model, y, x):
        if in_training_only and not model.training:
            return y
        return y * model.draw.choice([0.5, 1.0, 2.0])

    def make():
        return Branching(drawn, dropout=0.2, draw=random.Random(0))

    with pytest.raises(NotCompiledError, match="random numbers"):
        train("numpy", make)
    assert used(train("auto", make, epochs=2)[2]) == "eager"


@pytest.mark.parametrize("rule", [by_comparison, by_data, lambda model, y, x: y])
def test_recording_leaves_no_traces(rule):
    """A training that is refused, after the recording or before the first step."""
    model = Branching(rule, dropout=0.3)
    for number, parameter in enumerate(model.parameters()):
        parameter.grad = float(number)
    optimizer = Adam(model.parameters())
    before = model.state_dict(), generators(model), optimizer.state_dict()
    modes = [module.training for module in model.modules()]
    wrong = {"history": None, "settings": {"loss": "another"}}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training, "load_training", lambda path: wrong)
        with pytest.raises(ValueError, match=r"reads a number|another (computation|loss)"):
            fit(model, X, Y, loss="mse_loss", optimizer=optimizer, epochs=2, backend="numpy", resume="path")
    assert (model.state_dict(), generators(model), optimizer.state_dict()) == before
    assert [p.grad for p in model.parameters()] == list(map(float, range(len(model.parameters()))))
    assert [module.training for module in model.modules()] == modes
    assert not any("factors" in vars(module) for module in model.modules())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert Value(1.0) > 0.0


class Counting(Optimizer):
    """Remembers outside of `memory`: the count would stand still."""

    def __init__(self, parameters, lr):
        super().__init__(parameters, lr)
        self.steps, self.sums = 0, np.zeros(len(self.parameters))

    def update(self, data, gradient, at):
        self.steps += 1
        self.sums[at] += gradient
        return data - self.lr / self.steps * self.sums[at]


class OneByOne(Optimizer):
    def update(self, data, gradient, at):
        return np.array([data[k] - self.lr * gradient[k] for k in range(len(at))])


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        (Counting, r"Counting cannot be compiled, .* keep all that it remembers in Optimizer\.memory"),
        (OneByOne, r"OneByOne cannot be compiled, .*does not run on whole arrays \(TypeError: "),
    ],
)
def test_an_update_that_cannot_be_repeated_is_not_compiled(kind, message, always):
    options = {"optimizer": functools.partial(kind, lr=0.05), "epochs": 3}
    with pytest.raises(NotCompiledError, match=message):
        train("numpy", **options)
    run = train("auto", **options)
    assert used(run[2]) == "eager"
    agree(run, train("eager", **options))


def test_a_primitive_whose_partials_are_for_numbers_alone_is_not_compiled(always):
    sine = primitive(partials=lambda y, x: math.cos(x), name="sine_of_a_number")(math.sin)
    options = {"model": lambda: Branching(lambda model, y, x: sine(y)), "epochs": 3}
    with pytest.raises(GraphError, match="partials of the primitive sine_of_a_number do not run on arrays"):
        train("numpy", **options)
    run = train("auto", **options)
    assert used(run[2]) == "eager"
    agree(run, train("eager", **options))


def test_an_update_in_array_functions_is_for_numpy(always):
    options = {"optimizer": functools.partial(Normed, lr=0.05)}
    eager = train("eager", **options)
    for backend in ("numpy", "auto"):
        run = train(backend, **options)
        assert used(run[2]) == "numpy"
        agree(run, eager)


@needs_llvmlite
def test_native_code_refuses_an_update_in_array_functions_before_the_first_step():
    model = mlp(4, 1, dropout=0.5)()
    before = model.state_dict(), generators(model)
    with pytest.raises(RuntimeError, match=r"the update of Normed has no form for native code .*'numpy'"):
        train("llvm", lambda: model, optimizer=functools.partial(Normed, lr=0.05))
    assert (model.state_dict(), generators(model)) == before


@needs_llvmlite
@pytest.mark.parametrize("what", ["values", "norms"])
def test_native_code_with_other_numbers_than_numpy_is_refused(what, monkeypatch, always):
    make = autograd.Program.train

    def train_wrongly(program, work):
        made = make(program, work)
        getattr(work, what)[:] *= 1.0 + 1e-6 * (program.backend == "llvm")
        return made

    monkeypatch.setattr(autograd.Program, "train", train_wrongly)
    with pytest.raises(GraphError, match=r"the llvm back end gives the loss and the gradient norm \("):
        train("llvm")
    monkeypatch.setattr(training, "rank_backends", lambda *sizes: ["llvm", "numpy"])
    assert used(train("auto", epochs=2)[2]) == "numpy"


# --- which back end ----------------------------------------------------------------------------------


@needs_llvmlite
def test_the_sizes_decide_which_back_end_runs(monkeypatch):
    assert used(train("auto", epochs=2)[2]) == "eager"
    assert used(train("auto", epochs=500, batch_size=None)[2]) == "numpy"
    monkeypatch.setattr(training, "rank_backends", lambda *sizes: ["llvm", "numpy"])
    assert used(train("auto", epochs=500, batch_size=None)[2]) == "llvm"


def test_without_llvmlite(monkeypatch):
    monkeypatch.setitem(sys.modules, "llvmlite", None)
    assert used(train("auto", epochs=1000, batch_size=None)[2]) == "numpy"
    with pytest.raises(ImportError, match=r"scalar-autograd\[jit\]"):
        train("llvm")


# --- divergence --------------------------------------------------------------------------------------


class Doomed(Optimizer):
    """Parameters leave the finite numbers at a certain update, whatever the loss."""

    def __init__(self, parameters, last):
        super().__init__(parameters, 0.1)
        self.last = last

    def update(self, data, gradient, at):
        return data - self.lr * gradient / (self.last - self.count(at))


class Root(Module):
    """Its slope at 0 is infinite, of either sign, and that of the other parameter is 0."""

    def __init__(self):
        self.w, self.bias = Value(0.0, "w"), Value(0.0, "bias")

    def __call__(self, x):
        return self.w.sqrt() * x[1] + self.bias


def huge():
    return MLP(3, [1], initializer=lambda *_: [[1e200] * 3])


LINEAR = {"model": lambda: MLP(3, [1], seed=1), "epochs": 400, "shuffle": True}
FALLING = functools.partial(StepLR, step_size=1, gamma=0.99)
DIVERGENT = {
    "loss at once": {"model": huge, "optimizer": functools.partial(SGD, lr=0.1)},
    "loss at once, ahead": {"model": huge, "optimizer": functools.partial(SGD, lr=0.1), "batch_size": None},
    "parameter at once": {"optimizer": functools.partial(Doomed, last=1)},
    "parameter at once, ahead": {"optimizer": functools.partial(Doomed, last=1), "batch_size": None},
    "parameter later": {"optimizer": functools.partial(Doomed, last=7)},
    "parameter later, ahead": {"optimizer": functools.partial(Doomed, last=7), "batch_size": None},
    "gradient at once": {"model": Root, "optimizer": functools.partial(SGD, lr=0.1)},
    "loss after one update": {"optimizer": functools.partial(SGD, lr=1e308)},
    "loss after one epoch": {"optimizer": functools.partial(SGD, lr=1e308), "batch_size": None},
    "ahead": {**LINEAR, "optimizer": functools.partial(SGD, lr=1e3), "batch_size": None},
    "far ahead": {**LINEAR, "optimizer": functools.partial(SGD, lr=9.0), "batch_size": None},
    "momentum": {**LINEAR, "optimizer": functools.partial(SGD, lr=10.0, momentum=0.9), "batch_size": 2},
    "dropout": {"model": lambda: MLP(3, [4, 1], "relu", seed=1, dropout=0.3), "epochs": 400,
                "optimizer": functools.partial(SGD, lr=4.0), "batch_size": 3},
    **{
        f"schedule, lr {rate}": {**LINEAR, "optimizer": functools.partial(SGD, lr=rate), "schedule": FALLING}
        for rate in (20.0, 22.0, 80.0)
    },
}  # fmt: skip


def diverging(backend, name):
    made = []

    def model():
        made.append(DIVERGENT[name].get("model", mlp())())
        return made[0]

    def optimizer(parameters):
        made.append(DIVERGENT[name]["optimizer"](parameters))
        return made[1]

    with pytest.raises(DivergenceError) as caught:
        train(backend, **{**DIVERGENT[name], "model": model, "optimizer": optimizer})
    assert not made[0].training
    return str(caught.value), *made


@functools.cache
def diverging_eagerly(name):
    return diverging("eager", name)


NUMBER = re.compile(r"-?\d+\.?\d*(?:e[+-]?\d+)?")


@pytest.mark.parametrize("at_once", [None, 1, 3])
@pytest.mark.parametrize("name", DIVERGENT)
def test_divergence_is_told_and_taken_back_as_eagerly(name, at_once, monkeypatch):
    same_divergence(name, "numpy", at_once, monkeypatch)


@needs_llvmlite
@pytest.mark.parametrize("name", ["parameter at once", "far ahead", "dropout", "schedule, lr 22.0"])
def test_divergence_in_native_code(name, monkeypatch):
    same_divergence(name, "llvm", None, monkeypatch)


def same_divergence(name, backend, at_once, monkeypatch):
    if at_once:
        monkeypatch.setattr(loop, "updates_at_once", lambda *_: at_once)
    message, model, optimizer = diverging(backend, name)
    expected, other, other_optimizer = diverging_eagerly(name)
    assert NUMBER.sub("#", message) == NUMBER.sub("#", expected)
    close(*([float(number) for number in NUMBER.findall(text)] for text in (message, expected)), rel=1e-9)
    where = re.compile(r"in epoch \d+, batch \d+: lower the learning rate \(it is \S+\)")
    assert where.search(message)[0] == where.search(expected)[0]
    close([p.data for p in model.parameters()], [p.data for p in other.parameters()])
    state, memory = optimizer.state_dict(), other_optimizer.state_dict()["memory"]
    assert state["lr"] == other_optimizer.lr
    assert {name: array.any() for name, array in state["memory"].items()} == {
        name: array.any() for name, array in memory.items()
    }
    for name, array in memory.items():
        close(state["memory"][name], array)
    assert generators(model) == generators(other)


def test_the_divergences_are_at_all_places_of_an_epoch():
    """Among them the first batch of a later epoch, when the last update to take back had another rate."""
    places = [re.search(r"epoch (\d+), batch (\d+)", diverging_eagerly(name)[0]) for name in DIVERGENT]
    assert {(min(int(place[1]), 2), int(place[2])) for place in places} >= {(1, 1), (2, 1), (2, 2), (2, 3)}


# --- Ctrl-C ------------------------------------------------------------------------------------------

GOING = {"model": mlp(5, 1, dropout=0.3), "epochs": 7, "batch_size": 2, **EVERYTHING}


def pressed_at(moment):
    def press(epoch, history):
        if epoch == moment:
            raise KeyboardInterrupt

    return press


@pytest.mark.parametrize(
    ("backend", "then"),
    [
        ("eager", "numpy"),
        ("numpy", "eager"),
        ("numpy", "numpy"),
        pytest.param("eager", "llvm", marks=needs_llvmlite),
        pytest.param("llvm", "eager", marks=needs_llvmlite),
    ],
)
def test_interrupted_and_gone_on_with(backend, then):
    first = train(backend, **GOING, callbacks=[pressed_at(3)])
    assert first[2].interrupted
    assert first[2].epochs == 3
    run = train(then, **{**GOING, "model": lambda: first[0]}, resume=first[2])
    agree(run, whole_of_going())


@functools.cache
def whole_of_going():
    return train("eager", **GOING)


@pytest.mark.parametrize("after", [1, 2, 3, 6, 11, 14])
def test_interrupted_in_the_middle_of_an_epoch(after, monkeypatch):
    """Of so many stretches of updates; the rest is done by the eager engine."""
    calls = [0]
    make = loop.CompiledModel.write_back

    def write_back(model, done):
        calls[0] += 1
        make(model, done)
        if calls[0] == after:
            raise KeyboardInterrupt

    monkeypatch.setattr(loop.CompiledModel, "write_back", write_back)
    monkeypatch.setattr(loop, "updates_at_once", lambda *_: 2)
    first = train("numpy", **GOING)
    assert first[2].interrupted
    monkeypatch.undo()
    agree(train("eager", **{**GOING, "model": lambda: first[0]}, resume=first[2]), whole_of_going())


INTERRUPTED = """
import functools, random, signal, sys
from nn import MLP, Adam, StepLR, fit, loop

signal.signal(signal.SIGALRM, signal.default_int_handler)
X, y = [[0.1 * i, 0.2 * i - 0.5] for i in range(7)], [0.1 * i for i in range(7)]
backend, kind, attempts, longest = sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4])
options = {
    "minibatch": {"epochs": 60, "batch_size": 3, "validation": (X[:3], y[:3]), "metrics": ["r2_score"],
                  "schedule": functools.partial(StepLR, step_size=3)},
    "ahead": {"epochs": 3000},
}[kind]
delay = 0
make = loop.Loop.make_compiled

def armed(run, model, batches):
    global delay
    if delay:
        delay = signal.setitimer(signal.ITIMER_REAL, delay)[0]
    return make(run, model, batches)

loop.Loop.make_compiled = armed

def train(model, resume=None):
    return fit(model, X, y, loss="mse_loss", optimizer=functools.partial(Adam, lr=0.01), seed=1,
               backend=backend, resume=resume, **options)

def model():
    return MLP(2, [4, 1], "tanh", seed=4, dropout=0.3 if kind == "minibatch" else 0.0)

first = model()
whole = train(first)
choose = random.Random(0)
interrupts = 0
for attempt in range(attempts + 100):
    if attempt >= attempts and interrupts:  # on a fast machine many come after the end
        break
    second, history = model(), None
    for delay in [choose.uniform(0.0001, longest) for _ in range(3)] + [0]:
        try:
            history = train(second, history)
            interrupts += history.interrupted
            signal.setitimer(signal.ITIMER_REAL, 0)
        except KeyboardInterrupt:  # after the end
            if history is None:
                second = model()
        delay = 0
        assert history is None or {len(numbers) for numbers in history.columns.values()} <= {history.epochs}
    assert second.state_dict() == first.state_dict(), attempt
    assert history.columns == whole.columns, attempt
print(interrupts)
"""


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="this system has no interval timers")
@pytest.mark.parametrize(
    ("backend", "kind", "attempts", "longest"),
    [
        ("numpy", "minibatch", 5, 0.05),
        *slow([("numpy", "ahead", 4, 0.05)]),
        pytest.param("llvm", "ahead", 1, 0.005, marks=needs_llvmlite),
    ],
)
def test_a_real_interrupt_at_any_moment_and_then_on(backend, kind, attempts, longest):
    done = subprocess.run(
        [sys.executable, "-c", INTERRUPTED, backend, kind, str(attempts), str(longest)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 0


ENDLESS = """
import signal, sys, time
from nn import MLP, SGD, fit, loop

def press(*_):
    global pressed
    pressed = time.monotonic()
    raise KeyboardInterrupt

signal.signal(signal.SIGALRM, press)
make = loop.Loop.make_compiled

def armed(run, model, batches):
    loop.Loop.make_compiled = make
    signal.setitimer(signal.ITIMER_REAL, 0.5)
    return make(run, model, batches)

loop.Loop.make_compiled = armed
X = [[0.001 * i, 0.2] for i in range(1000)]
model = MLP(2, [16, 16, 1], "tanh", seed=0)
history = fit(model, X, [0.5] * 1000, loss="mse_loss", optimizer=SGD(model.parameters(), lr=1e-3),
              epochs=10**9, backend=sys.argv[1])
asked = time.monotonic()
assert history.interrupted and history.run.at_once > 1
print(asked - pressed)
"""


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="this system has no interval timers")
@backends
def test_ctrl_c_is_answered_soon(backend):
    """The signal is seen when the updates of a stretch are done, and those take a few tenths of a second."""
    began = [sys.executable, "-c", ENDLESS, backend]
    done = subprocess.run(began, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) < 1.0


def test_an_interrupt_while_rows_are_noted_loses_none(monkeypatch):
    class Column(list):
        """Ctrl-C comes when it is extended."""

        def extend(self, rows):
            if len(rows) > 3 and not pressed:
                pressed.append(True)
                raise KeyboardInterrupt
            super().extend(rows)

    options = {"batch_size": None, "epochs": 60}
    expected = train("numpy", **options)[2].columns
    for column in ("gradient_norm", "learning_rate", "loss"):
        pressed = []
        made = training.History

        def history(run, column=column, made=made):
            return made(run=run, **{column: Column()})

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(loop, "History", history)
            model, _, first = train("numpy", **options)
        assert pressed
        assert first.interrupted
        assert {len(numbers) for numbers in first.columns.values()} == {first.epochs}
        patch.undo()
        assert (
            train("numpy", lambda model=model: model, **options, resume=plain(first))[2].columns == expected
        )


def plain(history):
    """The snapshot of a training as `resume` takes it."""
    for name in ("gradient_norm", "learning_rate", "loss"):
        history.run.end["history"][name] = list(history.run.end["history"][name])
    return history


# --- callbacks and progress --------------------------------------------------------------------------


@backends
def test_stopping_early_and_checkpoints(backend, tmp_path):
    def stopped(backend, **options):
        model = mlp(4, 1)()
        stop = EarlyStopping(model, patience=3)
        options = {"validation": (X[:4], Y[:4]), "optimizer": functools.partial(SGD, lr=0.3)} | options
        return train(backend, lambda: model, callbacks=[stop, *options.pop("callbacks", [])], **options)

    eager = stopped("eager", epochs=100)
    assert eager[2].epochs < 100
    agree(stopped(backend, epochs=100), eager)
    path = tmp_path / "checkpoint.json"
    stopped(backend, epochs=eager[2].epochs - 2, callbacks=[Checkpoint(path)])
    resumed = stopped("eager", epochs=100, resume=path)[2]
    for name, numbers in eager[2].columns.items():
        close(resumed.columns[name], numbers)


def test_the_bar_counts_the_epochs_done_ahead(monkeypatch):
    pytest.importorskip("tqdm", reason="tqdm is in the extra progress")

    class Terminal:
        text = ""
        isatty = staticmethod(lambda: True)
        flush = staticmethod(lambda: None)

        def write(self, text):
            self.text += text

    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    _, _, history = train("numpy", batch_size=None, epochs=50, progress=True)
    assert history.run.at_once > 50
    assert "50/50" in terminal.text
    assert f"loss={history.loss[-1]:.4g}" in terminal.text
