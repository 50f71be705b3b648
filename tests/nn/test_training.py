"""`fit` trains as a loop written by hand does, repeats with its seed, and stops cleanly."""

import csv
import functools
import gc
import math
import sys
from types import SimpleNamespace
from typing import ClassVar

import numpy as np
import pytest

import nn
from autograd import Value, mean
from nn import MLP, SGD, DivergenceError, History, Module, StepLR, batches, fit

RNG = np.random.default_rng(0)
X = RNG.uniform(-1, 1, (12, 2))
Y = X[:, 0] - 0.5 * X[:, 1] ** 2
LABELS = (Y > 0).astype(int)


def train(model=None, X=X, y=Y, **options):
    model = model or MLP(2, [3, 1], activation="tanh", seed=1)
    options = {"loss": "mse_loss", "optimizer": SGD(model.parameters(), lr=0.1), "epochs": 5} | options
    return model, fit(model, X, y, **options)


# --- what it computes --------------------------------------------------------------------------------


@pytest.mark.parametrize("batch_size", [None, 1, 5, 12, 50])
def test_batch_stochastic_and_mini_batch_are_the_loop_written_by_hand(batch_size):
    model, history = train(batch_size=batch_size, seed=7, epochs=4)

    other = MLP(2, [3, 1], activation="tanh", seed=1)
    rng = np.random.default_rng(7)
    losses = []
    for _ in range(4):
        total = 0.0
        for batch in batches(len(X), batch_size, seed=rng):
            loss = mean([(other(list(X[i])) - float(Y[i])) ** 2 for i in batch])
            other.zero_grad()
            loss.backward()
            for p in other.parameters():
                p.data -= 0.1 * p.grad
            total += loss.data * len(batch)
        losses.append(total / len(X))
    assert history.loss == pytest.approx(losses, rel=1e-13)
    assert list(model.state_dict().values()) == pytest.approx(list(other.state_dict().values()), rel=1e-13)
    assert history.loss[-1] < history.loss[0]


def test_the_same_seed_gives_the_same_numbers():
    runs = [train(batch_size=3, seed=seed) for seed in (1, 1, 2)]
    losses = [history.loss for _, history in runs]
    states = [model.state_dict() for model, _ in runs]
    assert (losses[0], states[0]) == (losses[1], states[1])
    assert losses[0] != losses[2]


def test_data_may_be_lists_or_arrays_or_what_becomes_one():
    class Table:
        def __array__(self, dtype=None, copy=None):
            return X

    expected = train()[1].loss
    assert train(X=X.tolist(), y=Y.tolist())[1].loss == expected
    assert train(X=Table(), y=Y.reshape(-1, 1))[1].loss == expected
    assert train(X=X.astype(object))[1].loss == expected


def test_a_masked_array_without_a_masked_number_is_an_array():
    expected = train()[1].loss
    assert train(X=np.ma.masked_array(X), y=np.ma.masked_array(Y, mask=False))[1].loss == expected


def test_classes_may_be_labels_or_one_hot():
    losses = []
    for y in (LABELS, LABELS.astype(float), np.eye(2)[LABELS]):
        model = MLP(2, [4, 2], seed=0)
        losses.append(train(model, y=y, loss="cross_entropy", optimizer=SGD(model.parameters(), 0.5))[1].loss)
    assert losses[0] == losses[1] == pytest.approx(losses[2], rel=1e-13)


def test_every_loss_by_name_or_as_a_function_trains():
    for name, loss in nn.LOSSES.items():
        outputs, y = (2, LABELS) if name == "cross_entropy" else (1, LABELS)
        y = 2 * LABELS - 1 if name == "hinge_loss" else y
        last = "sigmoid" if name == "binary_cross_entropy" else "linear"
        histories = []
        for choice in (name, loss, lambda prediction, target, loss=loss: loss(prediction, target)):
            model = MLP(2, [4, outputs], "tanh", last, seed=0)
            histories.append(train(model, y=y, loss=choice, optimizer=SGD(model.parameters(), 0.2))[1].loss)
        assert histories[0] == histories[1] == histories[2]
        assert histories[0][-1] < histories[0][0], name


def test_the_optimizer_may_be_made_by_fit():
    assert train(optimizer=functools.partial(SGD, lr=0.1))[1].loss == train()[1].loss
    assert train(optimizer=lambda parameters: SGD(parameters, lr=0.1))[1].loss == train()[1].loss


def test_parameters_that_the_optimizer_does_not_have_stay():
    model = MLP(2, [3, 1], seed=1)
    weights = [p for name, p in model.named_parameters() if not name.endswith(".b")]
    train(model, optimizer=SGD(weights, lr=0.1))
    assert {p.data for p in set(model.parameters()) - set(weights)} == {0.0}


def test_a_users_module_is_trained():
    class Line(Module):
        def __init__(self):
            self.w = [Value(0.0), Value(0.0)]

        def __call__(self, x):
            return self.w[0] * x[0] + self.w[1]

    line = Line()
    train(line, X=[[0], [1], [2]], y=[1, 3, 5], optimizer=SGD(line.parameters(), lr=0.2), epochs=300)
    assert [w.data for w in line.w] == pytest.approx([2.0, 1.0], rel=1e-9)


def test_validation_is_measured_after_the_epoch_and_not_trained_on():
    model, history = train(validation=(X[:4], Y[:4]), batch_size=4, seed=0)
    _, without = train(batch_size=4, seed=0)
    assert history.loss == without.loss
    assert without.validation_loss == []
    expected = math.fsum((model(x).data - y) ** 2 for x, y in zip(X[:4], Y[:4])) / 4
    assert history.validation_loss[-1] == pytest.approx(expected, rel=1e-13)
    assert len(history.validation_loss) == 5


def test_ctrl_c_while_it_ends_is_an_interrupt_too():
    class Ending(MLP):
        def eval(self):
            if not interrupts:
                interrupts.append(1)
                raise KeyboardInterrupt
            return super().eval()

    whole, interrupts = train()[1], []
    model, history = train(Ending(2, [3, 1], activation="tanh", seed=1))
    assert (history.interrupted, history.columns) == (True, whole.columns)
    assert not model.training
    assert train(resume=history)[1].columns == whole.columns


@pytest.mark.slow
def test_no_graph_is_kept():
    def values():
        gc.collect()
        return sum(type(thing) is Value for thing in gc.get_objects())

    model = MLP(2, [3, 1], seed=0)
    optimizer = SGD(model.parameters(), lr=0.1)
    train(model, optimizer=optimizer)
    before = values()
    _, history = train(model, optimizer=optimizer, epochs=2, validation=(X, Y))
    assert values() <= before
    assert len(history) == 2


# --- the history -------------------------------------------------------------------------------------


def test_history_tells_what_happened(tmp_path):
    history = train(epochs=3, validation=(X, Y))[1]
    assert (len(history), history.epochs, history.interrupted) == (3, 3, False)
    path = tmp_path / "history.csv"
    history.to_csv(path)
    rows = list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))
    assert [int(row["epoch"]) for row in rows] == [1, 2, 3]
    assert [float(row["loss"]) for row in rows] == history.loss
    assert [float(row["validation_loss"]) for row in rows] == history.validation_loss
    train(epochs=1)[1].to_csv(path)
    assert path.read_text(encoding="utf-8").startswith("epoch,loss,gradient_norm,learning_rate\n1,")


def test_history_shows_itself():
    assert repr(History()) == "History(0 epochs)"
    assert repr(History([0.5])) == "History(1 epoch, loss 0.5 → 0.5)"
    full = History([2.0, 1.0], [3.0, 1.5], interrupted=True)
    assert repr(full) == "History(2 epochs, loss 2 → 1, validation_loss 3 → 1.5, interrupted)"


# --- ending early ------------------------------------------------------------------------------------


def test_callbacks_see_each_epoch_and_may_end_the_training():
    seen = []

    def watch(epoch, history):
        seen.append((epoch, len(history), history.loss[-1]))
        return epoch  # only True itself ends it

    history = train(epochs=9, callbacks=[lambda epoch, history: epoch == 3, watch])[1]
    assert seen == [(i + 1, i + 1, loss) for i, loss in enumerate(history.loss)]
    assert len(history) == 3
    assert not history.interrupted


def test_ctrl_c_keeps_parameters_and_history():
    def press(epoch, history):
        if epoch == 2:
            raise KeyboardInterrupt

    model, history = train(epochs=9, callbacks=[press])
    assert history.interrupted
    assert history.loss == train(epochs=2)[1].loss
    assert model.state_dict() == train(epochs=2)[0].state_dict()


def test_ctrl_c_in_the_middle_of_an_update_takes_it_back():
    class Clumsy(SGD):
        steps = 0

        def step(self):
            self.steps += 1
            if self.steps == 3:
                self.parameters[0].data = 99.0
                raise KeyboardInterrupt
            super().step()

    model = MLP(2, [3, 1], activation="tanh", seed=1)
    _, history = train(model, optimizer=Clumsy(model.parameters(), lr=0.1))
    assert history.interrupted
    assert len(history) == 2
    assert model.state_dict() == train(epochs=2)[0].state_dict()


def test_divergence_keeps_the_last_parameters_with_a_finite_loss():
    model = MLP(1, [1], initializer="zeros")
    optimizer = SGD(model.parameters(), lr=1e100)
    states = []

    def loss(prediction, target):
        states.append(model.state_dict())
        return (prediction - target) ** 2

    with pytest.raises(DivergenceError) as caught:
        train(model, X=[[1.0]], y=[1.0], loss=loss, optimizer=optimizer, epochs=9)
    message = str(caught.value)
    assert message.startswith(
        "the loss became inf in epoch 3, batch 1: lower the learning rate (it is 1e+100)"
    )
    assert isinstance(caught.value, ArithmeticError)
    assert model.state_dict() == states[-3] != states[-2]  # the last is of looking for the node
    assert all(map(math.isfinite, model.state_dict().values()))


def test_parameters_that_leave_the_range_are_taken_back():
    model = MLP(1, [1], initializer="zeros")
    optimizer = SGD(model.parameters(), lr=1e308)
    with pytest.raises(DivergenceError, match=r"layer0\.neuron0\.w0 became inf in epoch 1, batch 2"):
        train(model, X=[[0.0], [9.0]], y=[0.0, 9.0], optimizer=optimizer, batch_size=1, shuffle=False)
    assert set(model.state_dict().values()) == {0.0}


def test_a_loss_that_begins_infinite_changes_nothing():
    model = MLP(1, [1], initializer=lambda *_: [[1e200]])
    with pytest.raises(DivergenceError, match="the loss became inf in epoch 1, batch 1"):
        train(model, X=[[1.0]], y=[0.0], optimizer=SGD(model.parameters(), lr=0.1))
    assert model.state_dict() == {"layer0.neuron0.w0": 1e200, "layer0.neuron0.b": 0.0}


def test_divergence_names_the_first_node_that_is_not_finite():
    model = MLP(1, [1], initializer=lambda *_: [[1e200]])
    with pytest.raises(
        DivergenceError, match=r"the loss became inf in epoch 1, batch 1: .*; first, pow gave inf"
    ):
        train(model, X=[[1.0]], y=[0.0], optimizer=SGD(model.parameters(), lr=0.1))


def test_divergence_names_a_gradient_that_is_not_finite():
    class Root(Module):
        def __init__(self):
            self.w = Value(0.0, "w")

        def __call__(self, x):
            return self.w.sqrt() * x[0]

    model = Root()
    with pytest.raises(
        DivergenceError, match=r"w became .* in epoch 1, batch 1: .*; first, the gradient of w became"
    ):
        train(model, X=[[1.0]], y=[0.5], optimizer=SGD(model.parameters(), lr=0.1))
    assert model.w.data == 0.0


def test_gradients_are_clipped_before_the_update():
    ends = []
    for options in ({}, {"clip_norm": 0.01}, {"clip_value": 0.001}):
        model, history = train(epochs=1, **options)
        start = MLP(2, [3, 1], activation="tanh", seed=1).parameters()
        ends.append([(after.data - before.data) / 0.1 for after, before in zip(model.parameters(), start)])
        assert history.gradient_norm[0] == pytest.approx(math.hypot(*ends[0]), rel=1e-9)  # before clipping
    assert math.hypot(*ends[1]) == pytest.approx(0.01, rel=1e-3)
    assert max(map(abs, ends[2])) == pytest.approx(0.001, rel=1e-9)


def test_metrics_are_of_the_predictions_that_made_the_losses():
    seen = []

    def watching(y_true, y_pred):
        seen.append((y_true, y_pred))
        return 0.25

    model, history = train(
        epochs=2,
        batch_size=5,
        seed=3,
        metrics=["r2_score", "mean_absolute_error", watching],
        validation=(X[:3], Y[:3]),
    )
    assert history.metrics["watching"] == history.validation_metrics["watching"] == [0.25, 0.25]
    targets, predictions = seen[0]
    assert predictions.shape == targets.shape == (12,)
    assert np.mean((predictions - targets) ** 2) == pytest.approx(history.loss[0], rel=1e-12)
    assert sorted(targets) == sorted(Y)
    rest = np.sum((predictions - targets) ** 2) / np.sum((targets - targets.mean()) ** 2)
    assert history.metrics["r2_score"][0] == pytest.approx(1.0 - rest, rel=1e-12)
    last = np.array([model(x).data for x in X[:3]])
    assert history.validation_metrics["mean_absolute_error"][-1] == pytest.approx(np.abs(last - Y[:3]).mean())


@pytest.mark.parametrize(
    ("loss", "targets"), [("binary_cross_entropy_with_logits", LABELS), ("hinge_loss", 2 * LABELS - 1)]
)
def test_the_accuracy_of_logits_is_by_their_sign(loss, targets):
    model, history = train(y=targets, loss=loss, metrics=["accuracy"], validation=(X, targets), epochs=3)
    right = [(model(x).data > 0.0) == (t > 0) for x, t in zip(X, targets)]
    assert history.validation_metrics["accuracy"][-1] == sum(right) / len(right)


def test_a_schedule_takes_a_step_after_each_epoch():
    model = MLP(2, [3, 1], seed=0)
    optimizer = SGD(model.parameters(), lr=0.4)
    _, history = train(model, optimizer=optimizer, schedule=functools.partial(StepLR, step_size=2, gamma=0.5))
    assert history.learning_rate == [0.4, 0.4, 0.2, 0.2, 0.1]
    schedule = StepLR(optimizer, 1, gamma=0.5)
    _, history = train(model, optimizer=optimizer, schedule=schedule, epochs=2)
    assert history.learning_rate == [0.1, 0.05]


def test_the_model_is_in_training_while_it_is_trained_only():
    seen = []

    class Watched(MLP):
        def __call__(self, x):
            seen.append(self.training)
            return super().__call__(x)

    model = Watched(2, [3, 1], seed=0, dropout=0.5)
    train(model, epochs=1, validation=(X[:2], Y[:2]))
    assert seen == [False] * 2 + [True] * 12 + [False] * 2
    assert not model.training


# --- progress ----------------------------------------------------------------------------------------


class Terminal:
    def __init__(self, isatty):
        self.isatty = lambda: isatty
        self.text = ""

    def write(self, text):
        self.text += text

    def flush(self):
        pass


@pytest.mark.parametrize(("tty", "progress", "shown"), [(True, True, True), (True, False, False),
                                                        (False, True, False)])  # fmt: skip
def test_a_bar_is_shown_in_a_terminal_only(monkeypatch, tty, progress, shown):
    pytest.importorskip("tqdm", reason="tqdm is in the extra progress")
    terminal = Terminal(tty)
    monkeypatch.setattr(sys, "stderr", terminal)
    train(epochs=2, progress=progress)
    assert bool(terminal.text) == shown
    assert ("2/2" in terminal.text and "loss=" in terminal.text) == shown


def test_a_bar_is_shown_in_a_notebook(monkeypatch):
    """Whose stderr is no terminal."""
    pytest.importorskip("tqdm", reason="tqdm is in the extra progress")

    class ZMQInteractiveShell:  # as IPython calls the one of a notebook
        config: ClassVar = {}

    terminal = Terminal(False)
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=ZMQInteractiveShell))
    train(epochs=2, metrics=["r2_score"])
    assert "2/2" in terminal.text
    assert "r2_score=" in terminal.text


def test_without_tqdm_it_is_silent(monkeypatch):
    terminal = Terminal(True)
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setitem(sys.modules, "tqdm.auto", None)
    train(epochs=2)
    assert terminal.text == ""


# --- errors, all before the first step ---------------------------------------------------------------

Bad = ValueError
HOLE = np.where(np.arange(24).reshape(12, 2) == 7, np.nan, X)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"X": X[:, 0]}, Bad, r"X must have the shape \(N, D\), got \(12,\); for a single feature X.reshape"),
        ({"X": X[:, :1]}, Bad, "X has 1 features, and the model takes 2"),
        ({"X": HOLE}, Bad, "X must be finite, got nan in row 3, column 1"),
        ({"X": [[1.0, 2.0], [3.0]]}, Bad, "row 1 of X has 1 features, and the model takes 2"),
        ({"X": [["a", "b"]] * 12}, TypeError, "X must be real numbers, got an array of <U1"),
        ({"X": X + 1j}, TypeError, "X must be real numbers, got an array of complex128"),
        ({"X": [[{}, 1.0]] * 12}, TypeError, "X must be numbers in rows of one length"),
        ({"X": np.zeros((0, 2)), "y": []}, Bad, r"X has no data: its shape is \(0, 2\)"),
        ({"y": Y[:5]}, Bad, "X and y must have one row per example, got 12 and 5 rows"),
        ({"y": np.zeros((12, 1, 1))}, Bad, r"y must have the shape \(N,\) or \(N, K\), got \(12, 1, 1\)"),
        ({"y": HOLE[:, 1]}, Bad, "y must be finite, got nan in row 3$"),
        ({"y": HOLE}, Bad, "y must be finite, got nan in row 3, column 1"),
        (
            {"X": np.ma.masked_greater(X, 0.5)},
            Bad,
            r"X has \d masked numbers of 24: drop those examples",
        ),
        ({"y": np.ma.masked_array(Y, mask=[True] + [False] * 11)}, Bad, "y has 1 masked number of 12"),
        ({"y": [*Y[:11], np.ma.masked]}, Bad, "y has 1 masked number of 1"),
        ({"X": [*X[:11], np.ma.masked_array([1.0, 2.0], mask=[0, 1])]}, Bad, "X has 1 masked number of 2"),
        ({"X": [[1.0, None]] * 12}, TypeError, "X must be numbers .*, got NoneType in row 0, column 1: None"),
        ({"validation": (X, np.ma.masked_less(Y, 0))}, Bad, r"validation y has \d masked numbers of 12"),
        ({"y": X}, Bad, "row 0 of y: mse_loss needs a target for each output, got 1 outputs and 2 targets"),
        (
            {"y": 3 - 2 * LABELS, "loss": "hinge_loss"},
            Bad,
            r"row \d+ of y: hinge_loss takes -1 or 1 as target, got 3",
        ),
        ({"validation": (X, Y[:5])}, Bad, "validation X and validation y must have one row per example"),
        ({"validation": (HOLE, Y)}, Bad, "validation X must be finite, got nan in row 3, column 1"),
        ({"loss": "mse"}, Bad, "no loss is named 'mse'"),
        (
            {"loss": lambda p, t: (p.data - t) ** 2},
            TypeError,
            "the loss must return one Value, .* returned float",
        ),
        (
            {"backend": "jit"},
            Bad,
            "backend must be one of 'auto', 'eager', 'numpy', 'llvm', 'jax', got 'jit'",
        ),
        ({"epochs": 0}, Bad, "epochs must be at least 1, got 0"),
        ({"epochs": 2.5}, TypeError, "epochs must be an integer, got float"),
        ({"batch_size": 0}, Bad, "batch_size must be at least 1, got 0"),
        ({"optimizer": 0.1}, TypeError, "optimizer must be an Optimizer such as SGD.*, got float: 0.1"),
        ({"optimizer": lambda parameters: None}, TypeError, "optimizer must be an Optimizer"),
        (
            {"optimizer": SGD([Value(1.0)], lr=0.1)},
            Bad,
            "1 of the optimizer's 1 parameters are not the model's",
        ),
    ],
)
def test_bad_input_is_refused_before_the_first_step(options, error, message):
    model = MLP(2, [3, 1], activation="tanh", seed=1)
    before = model.state_dict()
    with pytest.raises(error, match=message):
        train(model, **options)
    assert model.state_dict() == before


def test_a_class_label_out_of_range_names_its_row():
    model = MLP(2, [3], seed=0)
    y = LABELS.copy()
    y[8] = 3
    with pytest.raises(ValueError, match="row 8 of y: cross_entropy takes a class label from 0 to 2, got 3"):
        train(model, y=y, loss="cross_entropy", optimizer=SGD(model.parameters(), 0.1))
