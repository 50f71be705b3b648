"""`explore` on a model: the numbers of its page are those of a training with `fit`."""

from __future__ import annotations

import copy
import subprocess
import sys
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

from autograd import explore, grad, mean
from nn import MLP, SGD, Adam, CosineAnnealingLR, Dropout, Layer, Sequential, explore_model, fit, mse_loss
from nn.compiled import CompiledModel
from tests.support.explored import Explored

pytestmark = pytest.mark.render

X = [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]
Y = [0.0, 1.0, 1.0, 0.0]


def model(**options):
    return MLP(2, [3, 1], activation="tanh", seed=3, **options)


def page(*arguments, **options):
    return Explored(explore(*arguments, progress=False, **options).html)


def numbers(trained):
    return [parameter.data for parameter in trained.parameters()]


def shown(explored, names, what):
    return np.array([explored.column(name, what) for name in names]).T


def test_a_model_is_explored_without_naming_explore_model():
    """In a fresh process: what a model does with `explore` loads on first use."""
    program = (
        "from autograd import explore; from nn import MLP; "
        "print(explore(MLP(2, [2, 1], 'tanh', seed=1), ([[0.0, 1.0]], [1.0]), epochs=1, progress=False))"
    )
    shown = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert shown.startswith("<Explorer, ")


@pytest.fixture(scope="module")
def names():
    return [parameter.label for parameter in model().parameters()]


def test_every_frame_is_an_epoch_of_fit(names):
    explored = page(model(), (X, Y), lr=[0.3, 0.05], epochs=12, example=2)
    for run, rate in zip(explored.runs, (0.3, 0.05), strict=True):
        trained = model()
        before, gradients = [numbers(trained)], []
        optimizer = SGD(trained.parameters(), lr=rate)
        for epoch in range(13):
            total = mean([mse_loss(trained(x), t) for x, t in zip(X, Y, strict=True)])
            gradients.append(grad(total, trained.parameters()))
            if epoch < 12:
                history = fit(
                    trained, X, Y, loss="mse_loss", optimizer=optimizer, epochs=1, progress=False
                )  # fmt: skip
                assert history.loss[0] == pytest.approx(run["losses"][epoch], rel=1e-12)
                before.append(numbers(trained))
        rows = slice(run["start"], run["stop"])
        assert run["label"] == f"η = {rate:g}"
        assert run["epochs"] == list(range(13))
        assert shown(explored, names, "data")[rows] == pytest.approx(np.array(before), rel=1e-12)
        assert shown(explored, names, "after")[rows][:-1] == pytest.approx(np.array(before[1:]), rel=1e-12)
        assert shown(explored, names, "gradient")[rows] == pytest.approx(np.array(gradients), rel=1e-10)
        for frame in (0, 5, 12):
            each = model()
            for parameter, number in zip(each.parameters(), before[frame], strict=True):
                parameter.data = number
            loss = mse_loss(each(X[2]), Y[2])
            loss.backward()
            assert explored.column("L", "data")[rows][frame] == pytest.approx(loss.data, rel=1e-12)
            slopes = [parameter.grad for parameter in each.parameters()]
            assert shown(explored, names, "grad")[rows][frame] == pytest.approx(slopes, rel=1e-11)


def test_the_model_is_not_changed():
    untouched = model()
    before = numbers(untouched)
    explore(untouched, (X, Y), epochs=5, progress=False)
    assert numbers(untouched) == before
    assert all(not parameter.reached for parameter in untouched.parameters())


def test_another_optimizer_in_mini_batches_with_a_schedule(names):
    def schedule(optimizer):
        return CosineAnnealingLR(optimizer, T_max=6)

    options = {"batch_size": 3, "epochs": 6, "seed": 5}
    explored = page(model(), (X, Y), lr=0.1, optimizer=Adam, schedule=schedule, **options)
    trained = model()
    optimizer = Adam(trained.parameters(), lr=0.1)
    fit(
        trained,
        X,
        Y,
        loss="mse_loss",
        optimizer=optimizer,
        schedule=schedule(optimizer),
        progress=False,
        **options,
    )
    assert shown(explored, names, "data")[-1] == pytest.approx(np.array(numbers(trained)), rel=1e-12)
    [run] = explored.runs
    assert run["label"] == "Adam, η = 0.1"
    assert run["update"] == "Adam, 2 mini-batches in an epoch"
    assert run["lr"] is None


def test_plain_descent_is_told_from_momentum_and_from_schedules():
    def momentum(parameters, lr):
        return SGD(parameters, lr=lr, momentum=0.9)

    [run] = page(model(), (X, Y), epochs=2, optimizer=momentum).runs
    assert run["lr"] is None
    [run] = page(model(), (X, Y), epochs=2, schedule=lambda each: CosineAnnealingLR(each, T_max=2)).runs
    assert run["lr"] is None
    [run] = page(model(), (X[:1], Y[:1]), epochs=2).runs
    assert (run["lr"], run["own"]) == (0.1, True)  # of one example the gradient is that of the graph


def test_a_rate_that_diverges_ends_before_its_numbers_do():
    explored = page(model(), (X[1:2], Y[1:2]), lr=[1e6, 1e-6], epochs=60)
    diverged, fine = explored.runs
    assert diverged["epochs"][-1] < 60
    assert fine["epochs"][-1] == 60


def test_neurons_and_weights_are_found_in_the_network_and_named_like_it(names):
    explored = page(model(), (X, Y), epochs=1, inputs=["left", "right"])
    assert {"left", "right", "t", "h1", "a_h3", "y", "L"} <= set(explored.nodes)
    places = {node["name"]: place for place, node in enumerate(explored.payload["nodes"])}
    network = explored.payload["network"]
    drawn = {
        each.text for each in ElementTree.fromstring(network["svg"]).iter("{http://www.w3.org/2000/svg}title")
    }
    found = {"edge": set(), "number": set(), "neuron": set()}
    for title, place in network["places"].items():
        assert title in drawn
        part = "edge" if "->" in title else "number" if title in network["parameters"] else "neuron"
        found[part].add(place)
    weights = {places[name] for name in names if name.rpartition(".")[2].startswith("w")}
    assert found["edge"] == weights
    assert found["number"] == {places[name] for name in names}
    assert found["neuron"] == {places[name] for name in ("left", "right", "a_h1", "a_h2", "a_h3", "y")}


def test_two_hidden_layers_and_several_outputs():
    deep = MLP(2, [2, 2, 2], "relu", seed=0)
    explored = page(deep, (X, [[1.0, 0.0]] * 4), loss="mse_loss", epochs=1)
    assert {"h1.1", "a_h2.2", "y1", "y2", "t1", "t2"} <= set(explored.nodes)


def test_classes_stay_numbers():
    explored = page(MLP(2, [3, 3], "relu", seed=0), (X, [0, 1, 2, 1]), loss="cross_entropy", epochs=2)
    assert "t" not in explored.nodes
    assert {"y1", "y2", "y3"} <= set(explored.nodes)


def test_a_model_that_no_diagram_shows_is_explored_without():
    layers = Sequential(Layer(2, 4, "tanh", seed=0), Dropout(0.5, seed=1), Layer(4, 1, seed=2))
    explored = page(layers, (X, Y), epochs=3)
    data = explored.column("L", "data")
    assert len(data) == 4
    twin = copy.deepcopy(layers).eval()
    assert data[0] == pytest.approx(mse_loss(twin(X[0]), Y[0]).data, rel=1e-12)


def test_watching_costs_no_recording(monkeypatch):
    """What keeps the numbers of each epoch changes nothing, so `fit` need not record the network again."""
    recorded = []
    still_agrees = CompiledModel.still_agrees
    monkeypatch.setattr(CompiledModel, "still_agrees", lambda own: recorded.append(own) or still_agrees(own))
    trained = model()
    options = {"loss": "mse_loss", "optimizer": SGD(trained.parameters(), lr=0.1), "progress": False}
    fit(trained, X, Y, epochs=3, backend="numpy", callbacks=[lambda *_: None], **options)
    assert len(recorded) == 3
    explore(model(), (X, Y), epochs=1000, frames=2, progress=False)  # so many that `fit` compiles
    assert len(recorded) == 3


def test_frames_are_thinned():
    [run] = page(model(), (X, Y), epochs=30, frames=4).runs
    assert run["epochs"] == [0, 10, 20, 30]
    assert len(run["losses"]) == 31


def test_pairs_are_data_too():
    pairs = list(zip(X, Y, strict=True))
    options = {"epochs": 2, "progress": False}
    assert explore(model(), pairs, **options).html == explore(model(), (X, Y), **options).html


def test_the_parameters_of_a_model_are_trained_by_default():
    trained = model()
    loss = mse_loss(trained(X[1]), Y[1])
    explored = Explored(explore(loss, epochs=3).html)
    kinds = {node["name"]: node["kind"] for node in explored.payload["nodes"] if "after" in node}
    assert set(kinds) == {parameter.label for parameter in trained.parameters()}
    assert set(kinds.values()) == {"parameter"}


def test_it_is_explore_by_another_name(tmp_path):
    explore(model(), (X, Y), tmp_path / "one.html", epochs=2, progress=False)
    explore_model(model(), (X, Y), tmp_path / "two.html", epochs=2, progress=False)
    assert (tmp_path / "one.html").read_bytes() == (tmp_path / "two.html").read_bytes()
