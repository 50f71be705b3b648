"""Damaged and hostile checkpoints: an error that names the file, or exactly the right numbers."""

import copy
import functools
import itertools
import json
import math
import os
import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nn import (
    MLP,
    SGD,
    Adam,
    Checkpoint,
    DivergenceError,
    Dropout,
    EarlyStopping,
    ExponentialLR,
    Layer,
    LinearWarmup,
    ReduceLROnPlateau,
    Sequential,
    fit,
    load,
    save,
    storage,
)

X = [[0.0, 0.1], [0.2, 1.0], [1.0, -0.3], [0.7, 0.9], [-0.5, 0.4]]
Y = [0.0, 1.0, 1.0, 0.0, 1.0]


class Counting:
    """A callback of the user's with a state of all that JSON has."""

    def __init__(self):
        self.seen = {"epochs": [], "last": None, "name": "é", "always": True}

    def __call__(self, epoch, history):
        self.seen["epochs"].append([epoch, history.loss[-1]])

    def state_dict(self):
        return self.seen

    def load_state_dict(self, state):
        assert isinstance(state["epochs"], list)
        for _, loss in state["epochs"]:
            assert math.isfinite(loss)
        self.seen = {name: state[name] for name in self.seen}


def small():
    return Sequential(Layer(2, 2, "tanh", seed=3), Dropout(0.3, seed=1), Layer(2, 1, seed=4))


# What `fit` is given, with optimizers, schedules, generators and callbacks of all sorts.
TRAININGS = {
    "plain": lambda: {"model": MLP(2, [1], seed=0), "optimizer": functools.partial(SGD, lr=0.1)},
    "much": lambda: {
        "model": (model := MLP(2, [3, 1], "tanh", seed=0, dropout=0.2)),
        "optimizer": functools.partial(Adam, lr=0.02),
        "schedule": functools.partial(ReduceLROnPlateau, patience=0),
        "metrics": ["mean_absolute_error"],
        "validation": (X[:2], Y[:2]),
        "callbacks": [EarlyStopping(model, patience=50), Counting()],
    },
    "other": lambda: {
        "model": small(),
        "optimizer": functools.partial(SGD, lr=0.05, momentum=0.9),
        "schedule": lambda optimizer: LinearWarmup(optimizer, 2, then=ExponentialLR(optimizer, 0.9)),
        "seed": np.random.Generator(np.random.Philox(5)),
    },
}


def train(kind, epochs=4, interrupt=None, **options):
    """A training with what it has changed in the end, or what it has left unchanged when it was refused."""
    made = TRAININGS[kind]()
    model, seed = made.pop("model"), made.pop("seed", 7)
    optimizer = made.pop("optimizer")(model.parameters())
    schedule = made.pop("schedule", lambda optimizer: None)(optimizer)
    calls = [0]

    def mse(prediction, target):
        calls[0] += 1
        if calls[0] == interrupt:
            raise KeyboardInterrupt
        return (prediction - target) ** 2

    def stands():
        return copy.deepcopy(
            (
                model.state_dict(),
                {**optimizer.state_dict(), "memory": {k: v.tolist() for k, v in optimizer._memory.items()}},
                schedule and schedule.state_dict(),
                [d.generator.bit_generator.state for d in model.modules() if isinstance(d, Dropout)],
                [each.state_dict() for each in made.get("callbacks", [])],
            )
        )

    before = stands()
    try:
        history = fit(model, X, Y, loss=mse, optimizer=optimizer, schedule=schedule, epochs=epochs, seed=seed,
                      batch_size=2, backend="eager", progress=False, **made, **options)  # fmt: skip
    except DivergenceError:  # of hostile numbers
        raise
    except BaseException:
        assert repr(stands()) == repr(before)  # repr: nan is nan
        raise
    return history, (repr(stands()), repr(history.columns))


@functools.cache
def saved(kind):
    """The text of a checkpoint, taken in the middle of the third epoch; and what the training comes to."""
    import tempfile
    from pathlib import Path

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "c.json"
        for moment in itertools.count(10):
            history, _ = train(kind, interrupt=moment)
            if len(history) == 2 and history.run.end["steps"]:
                break
        history.save(path)
        right = train(kind, resume=path)[1]
        assert right == train(kind)[1]
        return path.read_text(encoding="utf-8"), right


def is_refused_or_right(kind, data, path):
    """Of both readers; what they raise is of the one kind, and names the file."""
    text, right = saved(kind)
    path.write_bytes(data)
    content = json.loads(text)
    try:
        assert load(path).state_dict() == content["parameters"]
        assert train(kind, resume=path)[1] == right
    except ValueError as error:
        fault = error
    else:
        return ""
    assert type(fault) is ValueError
    assert path.name in str(fault)
    return str(fault)


# --- damages of bytes --------------------------------------------------------------------------------


@st.composite
def damaged_bytes(draw, data):
    """Flipped bits, other bytes, a part lost, a part twice, the end cut off or overwritten."""
    chance = draw(st.randoms(use_true_random=False))
    data = bytearray(data)
    for _ in range(chance.choice([1, 1, 1, 2, 5])):
        at = chance.randrange(len(data))
        size = chance.choice([1, 1, 2, 8, 64])
        match chance.randrange(6):
            case 0:
                data[at] ^= 1 << chance.randrange(8)
            case 1:
                data[at] = chance.randrange(256)
            case 2:
                del data[at : at + size]
            case 3:
                data[at:at] = data[at : at + size]
            case 4:
                data[at : at + size] = b"\0" * size
            case 5:
                data[at] = chance.choice(b'0123456789-.eE"{}[],: \\ntf')
        if chance.random() < 0.05:
            del data[at:]
        data = data or bytearray(b" ")
    return bytes(data)


@given(st.data(), st.sampled_from(list(TRAININGS)))
def test_damaged_bytes_are_refused_or_change_nothing(tmp_path_factory, data, kind):
    text, _ = saved(kind)
    is_refused_or_right(
        kind, data.draw(damaged_bytes(text.encode())), tmp_path_factory.mktemp("d") / "c.json"
    )


# --- damages of what JSON says -----------------------------------------------------------------------

STRANGERS = [
    None, True, False, 0, 1, -1, 2, 5, 10**12, 2**64, -(2**63), 10**399,
    0.5, -0.0, 1e308, -1e-320, math.inf, math.nan,
    "", "seed", "PCG64", "MT19937", "linear", "softmax", "é\n\x1b[2J", "\ud800", "x" * 100_000,
    [], {}, [1.0], [[1.0]], [None], {"kind": "Adam"}, {"": []},
    {"bit_generator": "default_rng"}, {"type": "Dropout", "p": 0.5},
]  # fmt: skip


def places(content, place=()):
    """Every place in a tree, as the names and indices that lead there."""
    for step, item in content.items() if isinstance(content, dict) else enumerate(content):
        yield (*place, step)
        if isinstance(item, (dict, list)):
            yield from places(item, (*place, step))


def mutated(chance, content):
    """One thing deleted, added, renamed, moved, or replaced by another or by what does not belong there."""
    everywhere = [place for place in places(content) if place[0] != "digests"]
    *way, last = chance.choice([place for place in everywhere if len(place) <= chance.randrange(1, 7)])
    around = content
    for step in way:
        around = around[step]
    was = around[last]
    match chance.randrange(8):
        case 0:
            del around[last]
        case 1 if isinstance(around, dict):
            around[chance.choice(["loss", "trim", "__class__", "", str(last) + "x"])] = around.pop(last)
        case 1 | 2 if isinstance(around, list):
            around.insert(last, copy.deepcopy(was))
        case 3 if isinstance(was, bool):
            around[last] = not was
        case 3 | 4 if isinstance(was, (int, float)) and abs(was) < 1e300:
            around[last] = chance.choice(
                [was + 1, -was, was * 2, was + 0.5, math.nextafter(float(was), 9.0), str(was)]
            )
        case 3 | 4 if isinstance(was, list):
            chance.shuffle(was)
            del was[chance.randrange(len(was) + 1) :]
        case 5:
            *others, step = chance.choice(everywhere)
            other = content
            for each in others:
                other = other.get(each) if isinstance(other, dict) else other
            if isinstance(other, dict) and step in other:
                around[last] = copy.deepcopy(other[step])
        case _:
            around[last] = copy.deepcopy(chance.choice(STRANGERS))
    return content


def written(content):
    """As `save` lays it out; a surrogate in an escape."""
    return json.dumps(content, indent=1).encode()


@given(st.data(), st.sampled_from(list(TRAININGS)))
def test_another_content_is_refused_or_changes_nothing(tmp_path_factory, data, kind):
    """As somebody would who edits the file and leaves its digests: other digits of a number are found too."""
    content = json.loads(saved(kind)[0])
    content = mutated(data.draw(st.randoms(use_true_random=False)), content)
    is_refused_or_right(kind, written(content), tmp_path_factory.mktemp("d") / "c.json")


@given(st.data(), st.sampled_from(list(TRAININGS)), st.sampled_from(["another", "none"]))
def test_a_hostile_content_is_refused_or_taken_as_it_is(tmp_path_factory, data, kind, digests):
    """As somebody would who knows the digests too: other numbers are their affair, but no error is of ours.

    Nothing is changed by a file that is refused, numpy's global generator least of all.
    """
    content = json.loads(saved(kind)[0])
    for _ in range(data.draw(st.sampled_from([1, 1, 2, 4]))):
        content = mutated(data.draw(st.randoms(use_true_random=False)), content)
    content.pop("digests", None)
    if digests == "another" and isinstance(content.get("training"), (dict, type(None))):
        content["digests"] = storage._digests({"training": None, **content})
    path = tmp_path_factory.mktemp("d") / "c.json"
    path.write_bytes(written(content))
    state = repr(np.random.get_state())
    faults = []
    for read in (load, lambda path: train(kind, resume=path)):
        try:
            read(path)
        except DivergenceError:
            pass
        except ValueError as error:
            faults.append(error)
    assert {type(fault) for fault in faults} <= {ValueError}
    assert all(path.name in str(fault) and str(fault).isprintable() for fault in faults)
    assert repr(np.random.get_state()) == state


def put(*way):
    """What puts the last into the place that the others lead to, or calls it with what is there."""
    *steps, last, value = way

    def change(content):
        around = content
        for step in steps:
            around = around[step]
        if value is None:
            del around[last]
        else:
            around[last] = value(around[last]) if callable(value) else value

    return change


HISTORY, STEP = ("training", "history"), ("training", "steps", 0)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (put("parameters", {}), "architecture has 13 parameters, and there are 0 in parameters"),
        (put("architecture", "dropout", 1.0), "architecture.dropout must be a finite number from 0 to below"),
        (put("architecture", "bias", 1), "architecture.bias must be true or false, got int: 1"),
        (put("architecture", "widths", 3), "architecture.widths must be a list of at least 1, got int: 3"),
        (put("architecture", "widths", [3, 0]), "architecture.widths[1] must be a whole number from 1 to"),
        (put("training", [1]), "training must be an object, got a list: [1]"),
        (put("training", "trim", True), "training has 'trim', which is not known"),
        (put("training", "order", None), "training has no order"),
        (put("training", "order", "bit_generator", "seed"), "training.order.bit_generator must be one of PC"),
        (put("training", "order", "uinteger", 2**32), "training.order.uinteger must be a whole number from"),
        (put("training", "order", lambda was: np.random.MT19937(0).state | {"state": was["state"]}),
         "training.order.state has no key and no pos"),
        (put("training", "order", np.random.Philox(0).state | {"buffer": [0] * 5}), "must be a list of 4"),
        (put("training", "settings", "loss", "x" * 10_001), "training.settings.loss must be text of at most"),
        (put("training", "parameters", 2, 10**399), "training.parameters[2] must be a number of float64, go"),
        (put("training", "parameters", 2, math.nan), "training.parameters[2] must be a finite number, got f"),
        (put("training", "parameters", lambda was: was[1:]), "training.optimizer.memory.steps has 13 items,"),
        (put(*HISTORY, "loss", lambda was: was + was), "training.history.gradient_norm has 2 items, and mus"),
        (put(*HISTORY, "validation_loss", lambda was: 3 * was), "training.history.validation_loss has 6 ite"),
        (put(*HISTORY, "metrics", {}), "training.history.metrics has not those of training.settings.metrics"),
        (put(*HISTORY, "metrics", "f1", [1.0, 2.0]), "training.history.metrics has not those of training."),
        (put(*HISTORY, "metrics", lambda was: {name: [] for name in was}), "has 0 items, and must have 2"),
        (put(*STEP, "size", 1), "training.steps[0].size is not that of this batch of 5 examples by 2"),
        (put(*STEP, "predictions", []), "training.steps[0].predictions has 0 items, and must have 2"),
        (put(*STEP, "predictions", [1.0, [1.0]]), "training.steps[0].predictions must have one shape"),
        (put("training", "callbacks", 0, "called", 3), "training.callbacks[0].called is beyond the 2 epochs"),
        (put("training", "schedule", "first", 9), "training.schedule cannot be loaded, because its first"),
        (put("training", "schedule", "last_epoch", None), "training.schedule cannot be loaded, because load"),
        (put("training", "callbacks", 1, "state", {}), "training.callbacks cannot be loaded, because KeyErr"),
        (put("training", "callbacks", 0, "state", "best", 0, "1"), "training.callbacks cannot be loaded, be"),
        (put("training", "callbacks", 0, "state", {"a": functools.reduce(lambda a, _: [a], range(60), 0)}),
         "is nested more than 50 deep"),
        (put("why", "\ud800"), "why must be text, and half of a surrogate pair is no character"),
        (put("digests", {"format": "0"}), "architecture was changed after it was written: its digest"),
    ],
)  # fmt: skip
def test_what_is_wrong_and_where(change, said, tmp_path):
    content = json.loads(saved("much")[0])
    content.pop("digests")
    if said.startswith("architecture is not"):
        content["digests"] = {}
    change(content)
    path = tmp_path / "c.json"
    path.write_text(json.dumps(storage_ready(content)), encoding="utf-8")
    with pytest.raises(ValueError, match=r"^c\.json") as caught:
        train("much", resume=path)
    assert said in str(caught.value)


def storage_ready(content):
    """With arrays as lists."""
    return json.loads(json.dumps(content, default=lambda array: array.tolist()))


def test_what_is_no_file_or_larger_than_any_model_is_not_read(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="a device, a pipe or a socket holds no model"):
        load(tmp_path / "pipe")
    with open(tmp_path / "large.json", "wb") as file:
        file.truncate(10**12)
    with pytest.raises(ValueError, match=r"large\.json is damaged: it has 1,000,000,000,000 bytes, and no"):
        load(tmp_path / "large.json")
    with pytest.raises(IsADirectoryError):
        load(tmp_path)


def test_brackets_in_text_are_no_depth_and_text_without_an_end_takes_no_time(tmp_path):
    class Own(Counting):
        def state_dict(self):
            return {**self.seen, "name": '[{"\\' * 100}

    model = MLP(1, [1], seed=0)
    optimizer, callbacks = SGD(model.parameters(), 0.1), [Own(), Checkpoint(tmp_path / "c.json")]
    options = {"loss": "mse_loss", "optimizer": optimizer, "callbacks": callbacks, "progress": False}
    fit(model, [[1.0]], [1.0], epochs=1, **options)
    assert load(tmp_path / "c.json").state_dict() == model.state_dict()
    for hostile in ('"' + '\\"' * 10**6, '{"a": "' + "[" * 10**6, '"' * 10**6):
        (tmp_path / "c.json").write_text("[" * 50 + hostile, encoding="utf-8")
        with pytest.raises(ValueError, match=r"c\.json is"):
            load(tmp_path / "c.json")


@pytest.mark.parametrize(
    ("model", "said"),
    [
        (lambda: Layer(1, 1, name="n" * 10_001), "architecture.name must be text of at most 10,000"),
        (lambda: Layer(1, 1, name="a\udfff"), "architecture.name must be text, and half of a surrogate pair"),
        (
            lambda: functools.reduce(lambda inner, _: Sequential(inner), range(26), Layer(1, 1)),
            "more than 50 deep",
        ),
    ],
)
def test_what_could_not_be_loaded_is_not_saved(model, said, tmp_path):
    with pytest.raises(ValueError, match="this cannot be saved: ") as caught:
        save(model(), tmp_path / "m.json")
    assert said in str(caught.value)
    assert list(tmp_path.iterdir()) == []


class Noting(SGD):
    def state_dict(self):
        return {**super().state_dict(), "noted": self.noted}


@pytest.mark.parametrize(
    ("noted", "said"),
    [
        (3 + 1j, "training.optimizer.noted must be numbers, text, lists and objects of these, got complex"),
        ({1: 2}, "training.optimizer.noted must be named by text, got int: 1"),
    ],
)
def test_what_json_would_change_is_not_saved(noted, said, tmp_path):
    model = MLP(1, [1], seed=0)
    optimizer = Noting(model.parameters(), 0.1)
    optimizer.noted = noted
    history = fit(model, [[1.0]], [1.0], loss="mse_loss", optimizer=optimizer, epochs=1, progress=False)
    with pytest.raises(ValueError, match="this cannot be saved") as caught:
        history.save(tmp_path / "c.json")
    assert said in str(caught.value)


def test_saving_and_loading_draw_no_random_numbers_of_the_users(tmp_path):
    """Saving builds the model once more, to see whether it can be; a script that draws goes on as without."""
    model = MLP(2, [2, 1], seed=0)
    random.seed(3)
    before = random.getstate(), repr(np.random.get_state())
    save(model, tmp_path / "m.json")
    assert (random.getstate(), repr(np.random.get_state())) == before


def test_generators_that_are_shared_stay_shared(tmp_path):
    def made():
        generator = np.random.default_rng(5)
        return Sequential(
            Layer(1, 4, seed=1), Dropout(0.5, generator), Layer(4, 1, seed=2), Dropout(0.5, generator)
        )

    def go(epochs, **options):
        model = made()
        optimizer = SGD(model.parameters(), 0.1)
        options |= {"seed": 1, "backend": "eager", "progress": False, "loss": "mse_loss"}
        return fit(model, X5, Y, optimizer=optimizer, epochs=epochs, **options)

    X5 = [[x] for x, _ in X]
    go(2, callbacks=[Checkpoint(tmp_path / "c.json")])
    assert go(5, resume=tmp_path / "c.json").loss == go(5).loss
