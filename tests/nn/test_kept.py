"""What code keeps between calls: it is seen to change and put back, whatever it lies in."""

import collections
import functools
import itertools
import random
import re
import types

import numpy as np
import pytest

from autograd import Value, mean
from nn import MLP, SGD, Module, fit, training
from nn.kept import Kept
from nn.recording import NotCompiledError
from tests.support.profiles import slow

COUNT = 0
LATE = 1000  # calls, far more than are made before the first step


def in_a_closure():
    calls = 0

    def count():
        nonlocal calls
        calls += 1
        return calls

    return count


def in_a_global():
    global COUNT
    COUNT = 0

    def count():
        global COUNT
        COUNT += 1
        return COUNT

    return count


def in_a_default():
    def count(calls=[0]):  # noqa: B006  # it is what is tried
        calls[0] += 1
        return calls[0]

    return count


def in_itself():
    def count():
        count.calls += 1
        return count.calls

    count.calls = 0
    return count


def within(container, add, size=len):
    def count():
        add(container)
        return size(container)

    return count


class Counter:
    def __init__(self):
        self.calls = 0

    def __call__(self):
        self.calls += 1
        return self.calls

    @property
    def counted(self):
        return self()


class InSlots:
    __slots__ = ("calls",)

    def __init__(self):
        self.calls = 0

    def __call__(self):
        self.calls += 1
        return self.calls


def in_a_class():
    class Counting:
        calls = 0

        def __call__(self):
            Counting.calls += 1
            return Counting.calls

    return Counting()


def by_a_property():
    counter = Counter()
    return lambda: counter.counted


def in_a_namespace():
    space = types.SimpleNamespace(calls=0)

    def count():
        space.calls += 1
        return space.calls

    return count


def drawn(generator, draw):
    """1 at first, and at some call more than LATE: as rare as what a count decides."""
    return lambda: LATE * (getattr(generator, draw)() < 1e-3) + 1


def of_a_generator():
    def numbers():
        yield from range(1, 10**6)

    made = numbers()
    return lambda: next(made)


def of_a_library():
    numbers = itertools.count(1)
    return lambda: next(numbers)


KEPT = {
    "a closure": in_a_closure,
    "a global": in_a_global,
    "a default": in_a_default,
    "an attribute of the function": in_itself,
    "a list": lambda: within([], lambda x: x.append(0)),
    "a list in a tuple": lambda: within(([],), lambda x: x[0].append(0), lambda x: len(x[0])),
    "a dictionary": lambda: within({}, lambda x: x.update(n=x.get("n", 0) + 1), lambda x: x["n"]),
    "a Counter": lambda: within(collections.Counter(), lambda x: x.update("n"), lambda x: x["n"]),
    "a set": lambda: within(set(), lambda x: x.add(len(x))),
    "a deque": lambda: within(collections.deque(), lambda x: x.append(0)),
    "an array": lambda: within(np.zeros(1), lambda x: x.__iadd__(1.0), lambda x: int(x[0])),
    "an object": Counter,
    "a method": lambda: Counter().__call__,
    "slots": InSlots,
    "a class": in_a_class,
    "a property": by_a_property,
    "a namespace": in_a_namespace,
    "a partial function": lambda: functools.partial(within, [], lambda x: x.append(0))(),
    "a partial function's argument": lambda: functools.partial(in_a_default(), [0]),
    "random": lambda: drawn(random, "random"),
    "numpy.random": lambda: drawn(np.random, "random"),
    "a Random": lambda: drawn(random.Random(0), "random"),
    "a RandomState": lambda: drawn(np.random.RandomState(0), "random"),
    "a Generator": lambda: drawn(np.random.default_rng(0), "random"),
}
ITERATORS = {"a generator": of_a_generator, "itertools.count": of_a_library}


@pytest.mark.parametrize("name", KEPT)
def test_it_is_seen_and_put_back(name):
    random.seed(0)
    np.random.seed(0)
    count = KEPT[name]()
    count()
    kept = Kept(count=count)
    assert kept.changed() == ""
    first = [count() for _ in range(2000)]
    assert max(first) > LATE
    assert kept.changed()
    kept.put_back()
    assert kept.changed() == ""
    assert [count() for _ in range(2000)] == first


@pytest.mark.parametrize(("make", "name"), [
    (in_a_closure, "calls"), (in_a_global, "COUNT"),
    (in_a_default, r"count\[0\]"), (in_itself, "count.calls"),
    (Counter, "loss.calls"), (InSlots, "loss.calls"), (in_a_class, "Counting.calls"),
    (in_a_namespace, "space.calls"), (KEPT["a Counter"], r"container\['n'\]"), (KEPT["a list"], "container"),
    (KEPT["random"], "the generator random"), (of_a_generator, "made"),
])  # fmt: skip
def test_it_is_named(make, name):
    count = make()
    count()
    kept = Kept(loss=count)
    count()
    assert re.fullmatch(name, kept.changed())


X = np.random.default_rng(0).normal(size=(40, 2))
Y = X[:, 0] - X[:, 1]


def train(make, backend, where="loss"):
    random.seed(0)
    np.random.seed(0)
    count = make()
    model = MLP(2, [3, 1], "tanh", seed=0)
    if where == "model":
        model = Scaled(model, count)

    def loss(prediction, target):
        factor = 2.0 if where == "loss" and count() > LATE else 1.0
        return factor * (prediction - target) ** 2

    history = fit(model, X, Y, loss=loss, optimizer=SGD(model.parameters(), 0.05), epochs=40, batch_size=8,
                  seed=0, backend=backend, validation=(X[:3], Y[:3]))  # fmt: skip
    return model.state_dict(), history


class Scaled(Module):
    def __init__(self, inner, count):
        self.inner, self.count = inner, count

    def __call__(self, x):
        return (2.0 if self.count() > LATE else 1.0) * self.inner(x)


@pytest.mark.parametrize("where", ["loss", *slow(["model"])])
@pytest.mark.parametrize("name", [*KEPT, *ITERATORS])
def test_what_counts_its_calls_is_not_frozen(name, where, monkeypatch):
    """In the first thousand calls it is one and the same computation, and no number is read."""
    monkeypatch.setattr(training, "_FEW", 0)
    make = {**KEPT, **ITERATORS}[name]
    with pytest.raises(NotCompiledError, match=r"changes what it keeps between calls, .*eager"):
        train(make, "numpy", where)
    numbers, history = train(make, "auto", where)
    assert (history.backend, "between calls" in history.backend_reason) == ("eager", True)
    assert (numbers, history) == train(make, "eager", where)


class Caching(Module):
    """It shows what it computed last, as many do for a look inside; and reads a table that stays."""

    def __init__(self):
        self.inner, self.shown, self._table = MLP(2, [3, 1], "tanh", seed=0), [], {"scale": 2.0}

    def __call__(self, x):
        if not hasattr(self, "_ready"):
            self._ready = {"calls": 0}
        self._last = self.inner(x)
        self.shown = [self._last]
        self._made_anew = (len(x), np.float64(0.5), [0.25], self.kind())
        self._array, self._one = np.zeros(2), np.float64(0.5)
        return self._last * self._table["scale"]

    @classmethod
    def kind(cls):
        return cls.__name__

    @staticmethod
    def nothing():
        pass


def test_values_that_are_kept_are_no_reason_not_to_compile():
    """Nor is what is made anew, and as it was. What came of it is compared with the eager engine."""
    runs = []
    for backend in ("numpy", "eager"):
        model = Caching()
        optimizer = SGD(model.parameters(), 0.05)
        history = fit(model, X, Y, loss="mse_loss", optimizer=optimizer, epochs=5, seed=0, backend=backend)
        runs.append((history.loss, history.backend))
        assert all(parameter.op == "" for parameter in optimizer.parameters)
    assert runs[0] == (pytest.approx(runs[1][0], rel=1e-12), "numpy")


class Recurrent(Module):
    """What it computed of one example goes into the next."""

    def __init__(self):
        self.w, self.v, self._h = Value(0.5), Value(0.25), 0.0

    def __call__(self, x):
        self._h = (self.w * mean(list(x)) + self.v * self._h).tanh()
        return self._h


def test_a_model_that_goes_on_from_the_last_example_is_not_frozen(monkeypatch):
    monkeypatch.setattr(training, "_FEW", 0)
    runs = []
    for backend in ("auto", "eager"):
        model = Recurrent()
        optimizer = SGD(model.parameters(), 0.05)
        history = fit(model, X, Y, loss="mse_loss", optimizer=optimizer, epochs=1, seed=0,
                      backend=backend)  # fmt: skip
        runs.append((history.loss, model.state_dict(), history.backend))
    assert runs[0] == runs[1]
    assert runs[0][2] == "eager"
