"""Damaged and hostile checkpoints: an error that names the file, or exactly the right numbers."""

import copy
import functools
import json
import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from nn import (
    MLP,
    SGD,
    Adam,
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
        history, _ = train(kind, interrupt=14)
        history.save(path)
        assert history.run.end["steps"]
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
        assert type(error) is ValueError
        assert path.name in str(error)
        return str(error)
    return ""


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
    """As somebody would who knows the digests: other numbers are their affair, and no error is of ours.
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
    for read in (load, lambda path: train(kind, resume=path)):
        try:
            read(path)
        except DivergenceError:
            pass
        except ValueError as error:
            assert type(error) is ValueError
            assert path.name in str(error)
            assert str(error).isprintable()
    assert repr(np.random.get_state()) == state
