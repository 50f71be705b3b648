"""A frozen leaf is a constant to every route: backward, copies, compiled code, optimizers and `fit`."""

import copy
import functools
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd import GraphError, Value, compile, dot, grad, warn_on_comparison
from nn import MLP, SGD, Adagrad, Adam, AdamW, Module, RMSprop, clip_grad_norm_, fit, gradient_norm
from tests.support import random_graphs
from tests.support.compiled import backends, slowly_in_native_code
from tests.support.profiles import tries

RNG = np.random.default_rng(3)
X = RNG.uniform(-1.0, 1.0, (9, 2))
Y = X[:, 0] * X[:, 1]
OPTIMIZERS = [
    functools.partial(SGD, lr=0.1),
    functools.partial(SGD, lr=0.1, momentum=0.9, weight_decay=0.1),
    functools.partial(Adagrad, lr=0.1),
    functools.partial(RMSprop, lr=0.01, momentum=0.5, centered=True),
    functools.partial(Adam, lr=0.05, amsgrad=True),
    functools.partial(AdamW, lr=0.05, weight_decay=0.1),
]
masks = st.lists(st.booleans(), min_size=9, max_size=9).filter(lambda mask: not all(mask))


def frozen_in(model, mask):
    """Freeze the parameters where the mask is true."""
    for parameter, frozen in zip(model.parameters(), mask, strict=True):
        parameter.requires_grad_(not frozen)
    return model


@tries(40)
@given(random_graphs.programs(), st.data())
def test_the_other_gradients_stay_and_a_frozen_one_keeps_what_it_had(program, data):
    numbers, code, roots, _ = program

    def recorded(leaves):
        nodes = random_graphs.run(leaves, code, random_graphs.record)
        return random_graphs.as_value(nodes[roots[0]]) + 0.0

    leaves, again = ([Value(number) for number in numbers] for _ in range(2))
    mask = data.draw(st.lists(st.booleans(), min_size=len(leaves), max_size=len(leaves)))
    recorded(leaves).backward()
    for i, leaf in enumerate(again):
        leaf.grad = float(i)
    output = recorded(again)
    for leaf, frozen in zip(again, mask):  # after recording, and it holds for the graph
        leaf.requires_grad = not frozen
    output.backward()
    for i, (leaf, other, frozen) in enumerate(zip(leaves, again, mask)):
        assert other.grad == (i if frozen else leaf.grad + i)
        assert other.requires_grad is not frozen
    assert grad(output, again) == grad(recorded(leaves), leaves)


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_frozen_leaf_that_is_set_makes_a_graph_stale(when):
    """Whether it was frozen before its data was set or after, and in a graph that never reaches another."""
    w, frozen, other = Value(2.0), Value(3.0, "base"), Value(1.0)
    if when == "before":
        frozen.requires_grad_(False)
    y, unconcerned = w * frozen, w * other
    frozen.data = 5.0
    frozen.requires_grad_(False)
    for differentiate in (y.backward, lambda: grad(y, [w])):
        with pytest.raises(GraphError, match="the data of base was set after"):
            differentiate()
    unconcerned.backward()
    assert (w.grad, frozen.grad, frozen.data, frozen.requires_grad) == (1.0, 0.0, 5.0, False)
    (w * frozen).backward()
    assert (w.grad, frozen.grad) == (6.0, 0.0)


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda y: pickle.loads(pickle.dumps(y)), copy.copy])
def test_a_copy_is_frozen_too(copied):
    w, frozen = Value(2.0, "w"), Value(3.0, "base", scope="layer0").requires_grad_(False)
    again = copied(w * frozen)
    new_w, new_frozen = again.parents
    new_w.grad = 0.0
    again.backward()
    assert (new_w.grad, new_frozen.grad, new_frozen.requires_grad) == (3.0, 0.0, False)
    assert (new_frozen.label, new_frozen.scope) == ("base", "layer0")
    new_frozen.data = 4.0
    with pytest.raises(GraphError, match="base"):
        again.backward()
    assert new_frozen.requires_grad_().requires_grad
    assert copied(new_frozen).requires_grad


def test_a_constant_and_a_computed_node():
    x = Value(1.0)
    y = 2 * x
    (two,) = set(y.parents) - {x}
    assert [each.requires_grad for each in (x, y, two)] == [True, True, False]
    assert y.requires_grad_() is y
    with pytest.raises(GraphError, match=r"only a leaf can be frozen.*detach"):
        y.requires_grad_(False)
    with pytest.raises(TypeError, match="requires_grad must be True or False, got str: 'no'"):
        x.requires_grad_("no")
    with pytest.raises(TypeError, match="requires_grad must be True or False, got int: 0"):
        x.requires_grad = 0
    two.requires_grad_(False)
    assert two.constant
    two.requires_grad_()
    y.backward()
    assert (two.grad, two.constant) == (1.0, False)


@backends
def test_compiled_code_has_the_number_of_a_frozen_leaf(backend):
    w, x, base = Value(1.0), Value(1.0), Value(3.0, "base")
    with pytest.raises(ValueError, match=r"base .*neither in"):
        compile(w * x * base, [w], [x], backend=backend)
    base.requires_grad_(False)
    program = compile(w * x * base, [w], [x], backend=backend)
    value, gradient = program([2.0], [[1.0], [3.0]])
    assert (value, gradient.tolist()) == (12.0, [6.0])
    assert program.computes([w * x * base], [w], [x])
    base.data = 4.0
    assert not program.computes([w * x * base], [w], [x])
    asked = compile(w * x * base, [w, base], [x], backend=backend)
    assert asked([2.0, 5.0], [[3.0]])[1].tolist() == [15.0, 6.0]


@pytest.mark.parametrize("make", OPTIMIZERS, ids=str)
def test_an_optimizer_passes_a_frozen_parameter_by(make):
    """Though it has a gradient; afterwards it goes on from what it remembered, as one does that had none."""
    ours, theirs = ([Value(1.0), Value(2.0)] for _ in range(2))
    optimizers = make(ours), make(theirs)
    for step in range(9):
        frozen = step in (3, 4, 7)
        ours[0].requires_grad_(not frozen)
        for i in range(2):
            ours[i].grad = theirs[i].grad = 0.5 * i - 0.1 * step
        if frozen:
            theirs[0].grad = None
            assert gradient_norm(ours) == abs(ours[1].grad)
            before = ours[0].grad
            clip_grad_norm_(ours, 0.01)
            clip_grad_norm_(theirs, 0.01)
            assert ours[0].grad == before
        for optimizer in optimizers:
            optimizer.step()
        assert [w.data for w in ours] == [w.data for w in theirs]


@pytest.mark.parametrize("backend", ["eager", *slowly_in_native_code.args[1]])
@pytest.mark.parametrize("make", OPTIMIZERS, ids=str)
@tries(6)
@given(mask=masks)
def test_fit_trains_the_others_as_if_the_optimizer_had_them_alone(make, backend, mask):
    models = [
        frozen_in(MLP(2, [2, 1], activation="tanh", seed=1), mask),
        MLP(2, [2, 1], activation="tanh", seed=1),
    ]
    start = [p.data for p in models[0].parameters()]
    chosen = [p for p, frozen in zip(models[1].parameters(), mask) if not frozen]
    settings = {
        "loss": "mse_loss",
        "epochs": 3,
        "batch_size": 4,
        "seed": 5,
        "clip_norm": 0.3,
        "progress": False,
    }
    optimizers = make(models[0].parameters()), make(chosen)
    ours = fit(models[0], X, Y, optimizer=optimizers[0], backend=backend, **settings)
    theirs = fit(models[1], X, Y, optimizer=optimizers[1], backend="eager", **settings)
    assert ours.backend == backend
    assert ours.loss == pytest.approx(theirs.loss, rel=1e-12)
    assert ours.gradient_norm == pytest.approx(theirs.gradient_norm, rel=1e-11)
    for mine, other, first, frozen in zip(models[0].parameters(), models[1].parameters(), start, mask):
        assert mine.data == pytest.approx(other.data, rel=1e-12)
        assert not frozen or mine.data == first
    places = [i for i, frozen in enumerate(mask) if not frozen]
    for name, array in optimizers[1].state_dict()["memory"].items():
        assert optimizers[0].state_dict()["memory"][name][places] == pytest.approx(array, rel=1e-11)


@backends
def test_a_callback_freezes_and_frees_in_the_middle(backend):
    """The last layer first, the first later: the numbers of the eager engine, and what Adam remembers."""
    found = []
    for each in ("eager", backend):
        model = MLP(2, [3, 1], activation="tanh", seed=2)
        first, last = (layer.parameters() for layer in model.layers)

        def change(epoch, history, model=model, first=first, last=last):
            for p in first:
                p.requires_grad_(epoch >= 2)
            for p in last:
                p.requires_grad_(epoch != 3)

        optimizer = Adam(model.parameters(), lr=0.05)
        history = fit(
            model, X, Y, loss="mse_loss", optimizer=optimizer, epochs=6, batch_size=3, seed=1,
            backend=each, callbacks=[change], progress=False,
        )  # fmt: skip
        memory = np.concatenate(list(optimizer.state_dict()["memory"].values()))
        found.append([*history.loss, *(p.data for p in model.parameters()), *memory])
        assert optimizer.state_dict()["memory"]["steps"].tolist() == [15.0] * 9 + [15.0] * 4
    assert found[1] == pytest.approx(found[0], rel=1e-10)


def test_a_module_freezes_all_that_is_in_it():
    model = MLP(2, [2, 1], seed=0)
    names = list(model.state_dict())
    assert model.requires_grad_(False) is model
    assert not any(p.requires_grad for p in model.parameters())
    assert list(model.state_dict()) == names
    model.load_state_dict(dict.fromkeys(names, 0.5))
    assert not any(p.requires_grad for p in model.parameters())
    model.layers[1].requires_grad_()
    assert [p.requires_grad for p in model.parameters()] == [False] * 6 + [True] * 3
    with pytest.raises(TypeError, match="requires_grad must be True or False, got NoneType"):
        model.requires_grad_(None)


def test_fit_with_all_frozen_has_nothing_to_train():
    model = MLP(2, [2, 1], seed=0).requires_grad_(False)
    with pytest.raises(ValueError, match="each of the optimizer's 9 parameters is frozen"):
        fit(model, X, Y, loss="mse_loss", optimizer=SGD(model.parameters(), lr=0.1), epochs=1)


def test_a_leaf_that_no_attribute_leads_to_is_compiled_if_it_is_frozen():
    class Scaled(Module):
        def __init__(self):
            self.w = [Value(0.5), Value(-0.5)]
            self._scale = Value(2.0).requires_grad_(False)

        def __call__(self, x):
            return self._scale * dot(self.w, x)

    model = Scaled()
    history = fit(
        model, X, Y, loss="mse_loss", optimizer=functools.partial(SGD, lr=0.1), epochs=2, backend="numpy",
        progress=False,
    )  # fmt: skip
    other = Scaled()
    eager = fit(
        other, X, Y, loss="mse_loss", optimizer=functools.partial(SGD, lr=0.1), epochs=2, backend="eager",
        progress=False,
    )  # fmt: skip
    assert history.loss == pytest.approx(eager.loss, rel=1e-12)
    assert model._scale.data == 2.0


def test_reading_a_frozen_leaf_while_recording_still_warns():
    """Its number is frozen in the program, and may be set afterwards."""
    frozen = Value(1.0).requires_grad_(False)
    with pytest.warns(match="decided once"), warn_on_comparison():
        bool(frozen > 0)
