"""Interrupted, killed, stopped early: a training goes on to the numbers that it would have had."""

import functools
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nn import (
    MLP,
    SGD,
    Adagrad,
    Adam,
    AdamW,
    Checkpoint,
    CosineAnnealingLR,
    Dropout,
    EarlyStopping,
    ExponentialLR,
    History,
    LambdaLR,
    LinearWarmup,
    MultiStepLR,
    ReduceLROnPlateau,
    RMSprop,
    StepLR,
    Watch,
    fit,
    load,
)
from tests.support.compiled import HAS_LLVMLITE
from tests.support.profiles import scaled, tries

ROOT = Path(__file__).parents[2]
RNG = np.random.default_rng(0)
X = RNG.uniform(-1, 1, (11, 2))
Y = (X[:, 0] > X[:, 1] ** 2).astype(float)

OPTIMIZERS = {
    "SGD": functools.partial(SGD, lr=0.2),
    "momentum": functools.partial(SGD, lr=0.1, momentum=0.9, nesterov=True),
    "Adagrad": functools.partial(Adagrad, lr=0.2, lr_decay=0.1),
    "RMSprop": functools.partial(RMSprop, lr=0.02, momentum=0.5, centered=True),
    "Adam": functools.partial(Adam, lr=0.05),
    "AdamW": functools.partial(AdamW, lr=0.05, amsgrad=True),
}
SCHEDULES = {
    "none": None,
    "step": functools.partial(StepLR, step_size=2, gamma=0.5),
    "warmup": lambda optimizer: LinearWarmup(optimizer, 3, then=ExponentialLR(optimizer, 0.9)),
    "milestones": functools.partial(MultiStepLR, milestones=[1, 4], gamma=0.5),
    "function": functools.partial(LambdaLR, lr_lambda=lambda epoch: 1.0 / (1.0 + epoch)),
    "plateau": functools.partial(ReduceLROnPlateau, factor=0.5, patience=0, threshold=0.05, cooldown=1),
}


def train(epochs=7, model=None, optimizer="Adam", schedule="step", batch_size=3, dropout=0.3, **options):
    model = model or MLP(2, [5, 1], "tanh", seed=4, dropout=dropout)
    options = {
        "loss": "binary_cross_entropy_with_logits",
        "optimizer": OPTIMIZERS[optimizer] if isinstance(optimizer, str) else optimizer,
        "schedule": SCHEDULES[schedule] if isinstance(schedule, str) else schedule,
        "epochs": epochs,
        "batch_size": batch_size,
        "seed": 9,
        "metrics": ["r2_score"],
        "validation": (X[:4], Y[:4]),
        "clip_norm": 0.7,
    } | options
    return model, fit(model, X, Y, **options)


def interrupting(after):
    """A loss that Ctrl-C meets when it has been asked so often."""
    from nn import binary_cross_entropy_with_logits as loss

    calls = [0]

    def binary_cross_entropy_with_logits(prediction, target):
        calls[0] += 1
        if calls[0] == after:
            raise KeyboardInterrupt
        return loss(prediction, target)

    return binary_cross_entropy_with_logits


def same(run, other):
    (model, history), (other_model, other_history) = run, other
    assert model.state_dict() == other_model.state_dict()
    assert history.columns == other_history.columns
    assert not history.interrupted


# --- going on ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("schedule", SCHEDULES)
def test_a_checkpoint_is_gone_on_from_to_the_same_numbers(optimizer, schedule, tmp_path):
    whole = train(optimizer=optimizer, schedule=schedule)
    path = tmp_path / "checkpoint.json"
    train(3, optimizer=optimizer, schedule=schedule, callbacks=[Checkpoint(path)])
    fresh = MLP(2, [5, 1], "tanh", seed=77, dropout=0.3)  # other weights, another seed
    same(train(model=fresh, optimizer=optimizer, schedule=schedule, seed=1, resume=path), whole)


# 4 + 11 calls check the data; an epoch makes 11 and 4 more.
@pytest.mark.parametrize("after", [16, 17, 26, 27, 30, 31, 45, 50, 60, 75, 90, 100])
@pytest.mark.parametrize("batch_size", [None, 1, 4])
def test_ctrl_c_at_any_moment_and_then_on(after, batch_size, tmp_path):
    whole = train(batch_size=batch_size)
    model, history = train(batch_size=batch_size, loss=interrupting(after))
    assert history.interrupted
    assert history.epochs == (after - 16) // 15
    assert {len(numbers) for numbers in history.columns.values()} <= {history.epochs}
    path = tmp_path / "checkpoint.json"
    history.save(path)  # in the middle of an epoch
    fresh = MLP(2, [5, 1], "tanh", seed=77, dropout=0.3)
    same(train(model=fresh, batch_size=batch_size, resume=path), whole)
    same(train(model=model, batch_size=batch_size, resume=history), whole)


def test_interrupted_again_and_again(tmp_path):
    whole = train()
    run = train(loss=interrupting(20))
    for after in (17, 25, 33, 18, 40):
        run = train(model=run[0], loss=interrupting(after), resume=run[1])
    same(train(model=run[0], resume=run[1]), whole)


def test_what_is_finished_is_not_trained_again():
    model, history = train(3)
    state = model.state_dict()
    again = train(3, model=model, resume=history)
    assert again[1].columns == history.columns
    assert model.state_dict() == state


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"batch_size": 4}, "another batch_size: it had 3, and now it is 4"),
        ({"optimizer": "SGD"}, "another optimizer: it had 'Adam', and now it is 'SGD'"),
        ({"schedule": "none"}, "another schedule: it had 'StepLR', and now it is 'NoneType'"),
        ({"loss": "mse_loss"}, "another loss"),
        ({"metrics": []}, "another metrics"),
        ({"shuffle": False}, "another shuffle: it had True, and now it is False"),
        ({"validation": None}, "without validation data, for its history has a validation loss"),
        (
            {"model": MLP(2, [6, 1], dropout=0.3)},
            "another model: it had 21 parameters and 1 dropouts, and now .* 25",
        ),
        ({"model": MLP(2, [5, 1])}, "another model: .* 1 dropouts, and now there are 21 and 0"),
        ({"dropout": 0.0}, "another model"),
    ],
)
def test_another_training_is_not_resumed(options, message, tmp_path):
    _, history = train(2)
    with pytest.raises(ValueError, match=message):
        train(resume=history, **options)


def test_a_file_with_a_model_only_is_not_resumed(tmp_path):
    from nn import save

    save(MLP(2, [5, 1]), tmp_path / "model.json")
    with pytest.raises(ValueError, match=r"model\.json holds a model but no training"):
        train(resume=tmp_path / "model.json")
    with pytest.raises(TypeError, match="load takes a path, got int"):
        train(resume=3)


@pytest.mark.parametrize("kind", [np.random.PCG64, np.random.MT19937, np.random.Philox, np.random.SFC64])
def test_any_generator_is_gone_on_with(kind, tmp_path):
    whole = train(seed=np.random.Generator(kind(3)))
    train(2, seed=np.random.Generator(kind(3)), callbacks=[Checkpoint(tmp_path / "c.json")])
    same(train(resume=tmp_path / "c.json"), whole)


# --- with callbacks that remember --------------------------------------------------------------------


def interrupt_at(epochs):
    def callback(epoch, history):
        if epoch in epochs:
            epochs.remove(epoch)  # once
            raise KeyboardInterrupt

    return callback


class Told:
    """A user's callback with a state: it adds up what it is told, and ends the training at its sixth call."""

    def __init__(self, interrupts=()):
        self.epochs, self.interrupted = [], interrupt_at(interrupts)

    def __call__(self, epoch, history):
        self.interrupted(epoch, history)
        self.epochs.append(epoch)
        return len(self.epochs) == 6

    def state_dict(self):
        return {"epochs": np.array(self.epochs)}  # arrays become lists in a file

    def load_state_dict(self, state):
        self.epochs = [int(epoch) for epoch in state["epochs"]]


CALLBACKS = {
    "stop": lambda model, path: EarlyStopping(model, patience=2),
    "best": lambda model, path: EarlyStopping(model, patience=3, monitor="validation_r2_score", largest=True),
    "save": lambda model, path: Checkpoint(path, every=2),
}
runs = st.fixed_dictionaries(
    {
        "optimizer": st.sampled_from(list(OPTIMIZERS)),
        "schedule": st.sampled_from(list(SCHEDULES)),
        "callbacks": st.permutations([*CALLBACKS, "told"]).flatmap(
            lambda names: st.integers(0, len(names)).map(lambda n: [*names[:n], "interrupt"])
        ).flatmap(st.permutations),
        "batch_size": st.sampled_from([None, 4]),
        "weighted": st.booleans(),
        "epochs": st.integers(2, 9),
        "interrupts": st.lists(st.integers(1, 9), max_size=3, unique=True),
        "inside": st.lists(st.integers(1, 9), max_size=2, unique=True),  # in the call of one with a state
        "file": st.booleans(),
    }
)  # fmt: skip


def interrupted_and_resumed_is_whole(backend, path, run):
    weights = {"sample_weight": np.linspace(0.0, 2.0, len(X))} if run["weighted"] else {}

    def go(model, interrupts, inside, resume=None):
        own = {"interrupt": lambda *_: interrupt_at(interrupts), "told": lambda *_: Told(inside)}
        made = [(CALLBACKS | own)[name](model, path) for name in run["callbacks"]]
        optimizer = OPTIMIZERS[run["optimizer"]](model.parameters())
        schedule = SCHEDULES[run["schedule"]] and SCHEDULES[run["schedule"]](optimizer)
        options = {"batch_size": run["batch_size"], "dropout": 0.3, "backend": backend, **weights}
        _, history = train(
            run["epochs"], model, optimizer, schedule, callbacks=made, resume=resume, **options
        )
        state = [vars(each) for each in made if isinstance(each, (EarlyStopping, Told))]
        for each in state:
            each.pop("model", None)
            each.pop("interrupted", None)
        return history, state, optimizer.lr, schedule and schedule.state_dict()

    def network():
        return MLP(2, [5, 1], "tanh", seed=4, dropout=0.3)

    model, other = network(), network()
    whole, interrupts = go(model, [], []), (list(run["interrupts"]), list(run["inside"]))
    part = go(other, *interrupts)
    while part[0].interrupted:
        resume = path.with_name("saved.json") if run["file"] else part[0]
        part[0].save(path.with_name("saved.json"))
        other = network()
        part = go(other, *interrupts, resume)
    assert other.state_dict() == model.state_dict()
    assert part[0].columns == whole[0].columns
    assert part[1:] == whole[1:]


@pytest.mark.parametrize("backend", ["eager", "numpy"])
@tries(60)
@given(run=runs)
def test_interrupted_and_resumed_is_whole(backend, tmp_path_factory, run):
    interrupted_and_resumed_is_whole(backend, tmp_path_factory.mktemp("run") / "checkpoint.json", run)


@pytest.mark.skipif(not HAS_LLVMLITE, reason="native code needs llvmlite: the extra jit")
@tries(4)
@given(run=runs)
def test_interrupted_and_resumed_is_whole_in_native_code(tmp_path_factory, run):
    interrupted_and_resumed_is_whole("llvm", tmp_path_factory.mktemp("run") / "checkpoint.json", run)


@pytest.mark.parametrize("names", [["stop", "save"], ["save", "stop"], ["save", "told", "best"]])
def test_killed_after_any_checkpoint_and_then_on(names, tmp_path):
    """The checkpoint of an epoch is written before or after the others were called; it says which."""

    def go(model, folder, resume=None):
        folder.mkdir(exist_ok=True)
        made = [Told() if name == "told" else CALLBACKS[name](model, folder / "c.json") for name in names]
        return made, train(12, model, callbacks=[*made, kept], resume=resume)[1]

    files = []

    def kept(epoch, history):
        path = tmp_path / "whole" / "c.json"
        files.extend([path.read_bytes()] if path.exists() else [])

    model = MLP(2, [5, 1], "tanh", seed=4, dropout=0.3)
    made, whole = go(model, tmp_path / "whole")
    (tmp_path / "whole" / "c.json").unlink()
    assert len(files) >= 2
    for content in files:
        path = tmp_path / "kept.json"
        path.write_bytes(content)
        other = MLP(2, [5, 1], "tanh", seed=77, dropout=0.3)
        again, history = go(other, tmp_path / "again", path)
        assert history.columns == whole.columns
        assert other.state_dict() == model.state_dict()
        assert [getattr(each, "epochs", None) for each in again] == [
            getattr(each, "epochs", None) for each in made
        ]


def test_a_training_that_a_callback_has_ended_is_not_gone_on_with():
    model = MLP(2, [5, 1], "tanh", seed=4, dropout=0.3)
    _, whole = train(100, model, callbacks=[EarlyStopping(model, patience=2)])
    _, again = train(100, model, callbacks=[EarlyStopping(model, patience=2)], resume=whole)
    assert again.columns == whole.columns
    assert whole.epochs < 100
    _, longer = train(100, model, callbacks=[EarlyStopping(model, patience=20)], resume=whole)
    assert longer.epochs > whole.epochs


def test_a_stopper_may_be_used_again_for_another_training():
    stop = EarlyStopping(patience=3)
    epochs = [train(30, dropout=0.0, callbacks=[stop])[1].epochs for _ in range(2)]
    assert epochs[0] == epochs[1]


@pytest.mark.parametrize(
    ("callbacks", "message"),
    [
        ([], r"it had EarlyStopping, Told, and now there are none"),
        ([EarlyStopping(patience=2)], r"it had EarlyStopping, Told, and now there are EarlyStopping$"),
        ([Told(), EarlyStopping()], r"it had EarlyStopping, Told, and now there are Told, EarlyStopping"),
        (
            [EarlyStopping(monitor="loss"), Told()],
            "an EarlyStopping with monitor=None, and this one has 'loss'",
        ),
        ([EarlyStopping(MLP(1, [1])), Told()], "this state has 21 best parameters, and the model has 2"),
    ],
)
def test_other_callbacks_are_refused_before_anything_is_changed(callbacks, message):
    model = MLP(2, [5, 1], "tanh", seed=4)
    _, history = train(3, model, dropout=0.0, callbacks=[EarlyStopping(model), Told()])
    other = MLP(2, [5, 1], "tanh", seed=5)
    before = other.state_dict()
    with pytest.raises(ValueError, match=message):
        train(5, other, resume=history, callbacks=callbacks)
    assert other.state_dict() == before


def test_a_checkpoint_from_before_there_were_states_is_still_loaded(tmp_path):
    path = tmp_path / "old.json"
    train(3, callbacks=[Checkpoint(path)])
    content = json.loads(path.read_text(encoding="utf-8"))
    del content["digests"], content["training"]["callbacks"], content["training"]["settings"]["weights"]
    del content["training"]["optimizer"]["kind"], content["training"]["schedule"]["kind"]
    path.write_text(json.dumps(content), encoding="utf-8")
    same(train(resume=path, callbacks=[EarlyStopping(patience=100)]), train())


def test_a_state_that_no_file_can_hold_is_named(tmp_path):
    class Odd(Told):
        def state_dict(self):
            return {"seen": set()}

    with pytest.raises(TypeError, match="the state of Odd must be numbers, text, and lists and dicts"):
        train(2, callbacks=[Odd(), Checkpoint(tmp_path / "c.json")])


@pytest.mark.parametrize(
    "state",
    [3, {"best": []}, {"monitor": None, "best_epoch": 0.5, "best": []}]
    + [{"monitor": None, "best_epoch": 1, "best": best} for best in (None, 7, "12")],
)
def test_a_state_that_is_none_is_refused(state):
    with pytest.raises(TypeError, match=r"takes the result of state_dict|best_epoch must be an integer"):
        EarlyStopping().load_state_dict(state)


# --- before the first step ---------------------------------------------------------------------------


def test_a_checkpoint_that_cannot_be_written_is_found_before_the_first_step(tmp_path):
    done = []
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("", encoding="utf-8")
    for path in ("no/such/c.json", "folder", "file/c.json", "x" * 251 + ".json"):
        with pytest.raises(OSError):  # noqa: PT011  # which one depends on the system
            train(3, callbacks=[lambda epoch, history: done.append(epoch), Checkpoint(tmp_path / path)])
    assert done == []
    assert sorted(each.name for each in tmp_path.iterdir()) == ["file", "folder"]
    with pytest.raises(FileNotFoundError, match=r"there is no folder .*, make it first"):
        train(3, callbacks=[Checkpoint(tmp_path / "no" / "c.json")])


def test_any_callback_may_begin_and_end_it_there():
    class Refusing:
        def begin(self, history):
            assert history.epochs == 0
            return True

        def __call__(self, epoch, history):
            raise AssertionError

    model = MLP(2, [5, 1], "tanh", seed=4)
    before = model.state_dict()
    assert train(3, model, callbacks=[Refusing()])[1].epochs == 0
    assert model.state_dict() == before


# --- checkpoints -------------------------------------------------------------------------------------


def test_a_checkpoint_is_written_every_so_often_and_can_be_loaded_as_a_model(tmp_path):
    path = tmp_path / "checkpoint.json"
    epochs = []

    def look(epoch, history):
        epochs.append(
            len(json.loads(path.read_text())["training"]["history"]["loss"]) if path.exists() else 0
        )

    model, _ = train(7, callbacks=[Checkpoint(path, every=3), look])
    assert epochs == [0, 0, 3, 3, 3, 6, 6]
    assert repr(load(path)) == repr(model)


KILLED = """
import sys
from nn import MLP, Adam, Checkpoint, fit
model = MLP(2, [40, 1], seed=0)
X = [[0.1 * i, 0.2 * i] for i in range(6)]
print("ready", flush=True)
options = {"loss": "mse_loss", "optimizer": Adam(model.parameters()), "epochs": 10**9}
fit(model, X, [0.0] * 6, **options, callbacks=[Checkpoint(sys.argv[1])])
"""


def test_killed_at_any_moment_there_is_a_checkpoint(tmp_path):
    path = tmp_path / "checkpoint.json"
    for attempt in range(max(2, scaled(8))):
        process = subprocess.Popen(
            [sys.executable, "-c", KILLED, str(path)], cwd=ROOT, stdout=subprocess.PIPE, text=True
        )
        assert process.stdout.readline() == "ready\n"
        while not path.exists():
            time.sleep(0.001)
        time.sleep(0.013 * attempt)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        process.stdout.close()
        assert isinstance(load(path), MLP)
        assert len(json.loads(path.read_text(encoding="utf-8"))["training"]["history"]["loss"]) >= 1
    model = MLP(2, [40, 1], seed=0)
    data = [[0.1 * i, 0.2 * i] for i in range(6)]
    done = len(json.loads(path.read_text(encoding="utf-8"))["training"]["history"]["loss"])
    options = {"loss": "mse_loss", "epochs": done + 5}
    resumed = fit(model, data, [0.0] * 6, optimizer=Adam(model.parameters()), resume=path, **options)
    other = MLP(2, [40, 1], seed=0)
    whole = fit(other, data, [0.0] * 6, optimizer=Adam(other.parameters()), **options)
    assert resumed.loss == pytest.approx(whole.loss, rel=1e-12, abs=0.0)  # fewer epochs: another back end


# --- watching ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("backend", ["eager", "numpy"])
def test_a_watch_is_called_after_each_epoch_and_may_end_the_training(backend):
    seen = []

    def look(epoch, history):
        seen.append((epoch, history.loss[-1], model.parameters()[0].data))
        return epoch == 4

    model = MLP(2, [3, 1], "tanh", seed=1)
    options = {"loss": "mse_loss", "optimizer": SGD(model.parameters(), 0.1), "epochs": 9}
    history = fit(model, X, Y, **options, backend=backend, callbacks=[Watch(look)])
    assert [epoch for epoch, _, _ in seen] == [1, 2, 3, 4]
    assert [loss for _, loss, _ in seen] == history.loss
    assert seen[-1][2] == model.parameters()[0].data != seen[0][2]


# --- stopping early ----------------------------------------------------------------------------------


NAN, INF = float("nan"), float("inf")


class Played:
    """A history that says what it is told, epoch by epoch."""

    def __init__(self, numbers, callback, name="validation_loss"):
        self.history, self.stopped = History(), None
        for epoch, number in enumerate(numbers, start=1):
            self.history.loss.append(1.0)
            getattr(self.history, name).append(number) if name != "loss" else self.history.loss.__setitem__(
                -1, number
            )
            if callback(epoch, self.history):
                self.stopped = epoch
                break


@pytest.mark.parametrize(
    ("numbers", "options", "stopped", "best"),
    [
        ([3.0, 2.0, 2.5, 2.4, 2.3], {"patience": 2}, 4, 2),
        ([3.0, 2.0, 2.5, 1.9, 2.3, 2.2], {"patience": 2}, 6, 4),
        ([3.0, 2.9, 2.8, 2.7], {"patience": 2, "min_delta": 0.15}, None, 3),
        ([3.0, 2.9, 2.8, 2.7], {"patience": 2, "min_delta": 0.5}, 3, 1),
        ([1.0, 1.0, 1.0], {"patience": 1}, 2, 1),
        ([1.0, 2.0, 3.0], {"patience": 1, "largest": True}, None, 3),
        ([3.0, 2.0, 1.0, 0.0], {"patience": 3, "largest": True}, 4, 1),
        ([NAN, 3.0, 2.0, NAN, 1.5, 2.0, 2.0], {"patience": 2}, 7, 5),
        ([NAN, NAN, NAN, 1.0], {"patience": 3}, 3, 0),
        ([NAN, NAN, 1.0, NAN, 2.0], {"patience": 3, "largest": True}, None, 5),
        ([INF, INF, 3.0, NAN], {"patience": 3}, None, 3),
    ],
)
def test_patience(numbers, options, stopped, best):
    callback = EarlyStopping(**options)
    assert Played(numbers, callback).stopped == stopped
    assert callback.best_epoch == best


def test_without_validation_the_loss_is_watched():
    callback = EarlyStopping(patience=1)
    assert Played([1.0, 2.0], callback, "loss").stopped == 2


def test_the_best_parameters_come_back():
    model = MLP(2, [5, 1], "tanh", seed=4)
    states = []
    stop = EarlyStopping(model, patience=4, monitor="validation_r2_score", largest=True)
    watch = [stop, lambda epoch, history: states.append(model.state_dict())]
    _, history = train(60, model=model, dropout=0.0, callbacks=watch)
    assert history.epochs == stop.best_epoch + 4
    assert history.best("validation_r2_score", largest=True) == stop.best_epoch
    assert model.state_dict() == states[stop.best_epoch - 1] != states[-1]


def test_a_resumed_training_stops_where_it_would_have(tmp_path):
    def stopping(model):
        return EarlyStopping(model, patience=4, monitor="validation_r2_score", largest=True)

    model = MLP(2, [5, 1], "tanh", seed=4)
    _, whole = train(60, model=model, dropout=0.0, callbacks=[stopping(model)])
    model = MLP(2, [5, 1], "tanh", seed=4)
    _, half = train(whole.epochs - 2, model=model, dropout=0.0)
    _, resumed = train(60, model=model, dropout=0.0, callbacks=[stopping(model)], resume=half)
    assert resumed.columns == whole.columns


@pytest.mark.parametrize(
    ("act", "error", "message"),
    [
        (lambda: EarlyStopping(patience=0), ValueError, "patience must be at least 1, got 0"),
        (lambda: EarlyStopping(min_delta=-1), ValueError, "min_delta must be finite and at least 0"),
        (lambda: EarlyStopping(5), TypeError, "EarlyStopping takes the model, got int: 5"),
        (lambda: EarlyStopping(monitor=3), TypeError, "monitor must be the name of a column, got int"),
        (lambda: EarlyStopping(largest=1), TypeError, "largest must be True or False"),
        (
            lambda: train(2, callbacks=[EarlyStopping(monitor="f1")]),
            ValueError,
            "EarlyStopping watches 'f1', and there is no such column: loss, validation_loss, r2_score",
        ),
        (lambda: Checkpoint(3), TypeError, "Checkpoint takes a path, got int"),
        (lambda: Checkpoint("c.json", every=0), ValueError, "every must be at least 1"),
        (lambda: Dropout(1.0), ValueError, "p must be from 0 to below 1, got 1.0"),
        (
            lambda: CosineAnnealingLR(None, 3),
            TypeError,
            "sets the learning rate of an Optimizer, got NoneType",
        ),
    ],
)
def test_bad_arguments_are_refused(act, error, message):
    with pytest.raises(error, match=message):
        act()


def test_a_divergence_with_dropout_is_found_in_the_step_that_diverged():
    """It is done again to find the node, with the same outputs dropped."""
    from nn import DivergenceError

    model = MLP(
        1,
        [6, 1],
        "linear",
        initializer=lambda rng, n_in, n_out: np.full((n_out, n_in), 1e160),
        dropout=0.5,
        seed=1,
    )
    with pytest.raises(DivergenceError, match="first, "):
        fit(model, [[1e10]], [0.0], loss="mse_loss", optimizer=SGD(model.parameters(), 0.1), epochs=1)


INTERRUPTED = """
import functools, random, signal, time
from nn import MLP, Adam, StepLR, fit

signal.signal(signal.SIGALRM, signal.default_int_handler)
X, y = [[0.1 * i, 0.2 * i - 0.5] for i in range(7)], [0.1 * i for i in range(7)]

def train(model, resume=None):
    return fit(
        model, X, y, loss="mse_loss", optimizer=functools.partial(Adam, lr=0.05), epochs=8, batch_size=3,
        seed=1, validation=(X[:3], y[:3]), metrics=["r2_score"],
        schedule=functools.partial(StepLR, step_size=3), resume=resume,
    )

def model():
    return MLP(2, [4, 1], "tanh", seed=4, dropout=0.3)

first = model()
whole = train(first)
began = time.perf_counter()
train(model())
longest = time.perf_counter() - began
choose = random.Random(0)
interrupts = 0
for attempt in range(20):
    second, history = model(), None
    for delay in [choose.uniform(0.1, 1.0) * longest for _ in range(4)] + [0]:
        signal.setitimer(signal.ITIMER_REAL, delay)
        try:
            history = train(second, history)
            interrupts += history.interrupted
            while delay and not history.interrupted:  # for the interrupt to come here, and not below
                pass
        except KeyboardInterrupt:  # while the arguments were checked, or after the end
            pass
    assert second.state_dict() == first.state_dict()
    assert history.columns == whole.columns
print(interrupts)
"""


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="this system has no interval timers")
def test_a_real_interrupt_at_any_moment_and_then_on():
    done = subprocess.run(
        [sys.executable, "-c", INTERRUPTED],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 0
