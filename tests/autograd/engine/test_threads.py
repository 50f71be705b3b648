"""Threads do not meet, and an interrupted sweep leaves a graph that can be swept again."""

import copy
import os
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from autograd import (
    AnomalyError,
    Value,
    detect_anomaly,
    grad,
    locks,
    maximum,
    no_grad,
    primitive,
    sum,
    where,
)
from nn import MLP, SGD, mse_loss
from tests.support.profiles import scaled

ROOT = Path(__file__).parents[3]


def gradient_of(seed):
    """Some training on a graph of its own."""
    model = MLP(2, [5, 4, 1], activation="tanh", seed=seed)
    optimizer = SGD(model.parameters(), lr=0.1)
    for step in range(15):
        model.zero_grad()
        mse_loss(model([0.1 * seed, -0.2 * step]), 0.5).backward()
        optimizer.step()
    return [(p.data, p.grad) for p in model.parameters()]


def test_graphs_in_many_threads_do_not_meet():
    alone = [gradient_of(seed) for seed in range(8)]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(gradient_of, range(8))) == alone


@pytest.mark.parametrize("mode", ["no_grad", "detect_anomaly"])
def test_a_mode_is_on_in_its_own_thread_only(mode):
    inside, finish = threading.Event(), threading.Event()

    def hold():
        with no_grad() if mode == "no_grad" else detect_anomaly():
            inside.set()
            finish.wait(10)
            x = Value(0.0, "x")
            if mode == "no_grad":
                return x.exp().parents == ()
            with pytest.raises(AnomalyError):
                x.log()
            return True

    with ThreadPoolExecutor(1) as pool:
        held = pool.submit(hold)
        assert inside.wait(10)
        try:
            x = Value(0.0, "x")
            y = x.exp() * x.log()  # recorded, and nobody minds that it is not finite
            y.backward()
            assert len(y.parents) == 2
            layer = (x, x)
            assert grad((layer[0] * layer[1]).exp(), x) == [0.0]
        finally:
            finish.set()
        assert held.result()


THREADS = 4


def together(work):
    """What each thread gives that does the work at the same time, most of their switches within it."""
    start = threading.Barrier(THREADS)

    def begin(number):
        start.wait(30)
        return work(number)

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        with ThreadPoolExecutor(THREADS) as pool:
            return list(pool.map(begin, range(THREADS)))
    finally:
        sys.setswitchinterval(interval)


def many_operands(w):
    return sum([w[i % 2] * (i + w[1]) for i in range(400)])


def deep(w):
    y = w[0]
    for _ in range(300):
        y = where(y, maximum(y, w[1]) - y + w[0], w[1]) * w[1]
    return y


def nested(w):
    """A rule that differentiates, and sweeps, a graph of its own within the sweep."""

    def partials(y, a):
        inner = Value(a)
        square = inner * inner
        square.backward()
        return (inner.grad + grad(square * square, inner)[0] - 4.0 * a**3,)

    square = primitive(partials=partials, name="square by a sweep")(lambda a: a * a)
    y = w[0] + w[1]
    for _ in range(20):
        y = square(y) - y * y + w[0]
    return y


@pytest.mark.parametrize("graph", [many_operands, deep, nested])
def test_threads_that_share_a_graph_or_its_leaves_add_up_all_their_gradients(graph):
    """Small whole numbers: the sums are exact in every order."""
    w = [Value(2.0, "v"), Value(1.0, "w")]
    shared = graph(w)
    own = [graph(w) if graph is not nested else shared for _ in range(THREADS)]
    expected = grad(graph(w) if graph is not nested else shared, w)

    def sweep(number):
        for _ in range(10):
            shared.backward()
            assert grad(shared, w) == expected
            own[number].backward()

    together(sweep)
    assert [leaf.grad for leaf in w] == [20 * THREADS * slope for slope in expected]


def test_threads_may_look_into_a_network_while_others_sweep_it():
    """Looking at a packed node makes its nodes."""
    for number in range(5):
        model = MLP(2, [6, 6, 1], activation="relu", seed=number)
        expected = grad(model([1.0, 2.0]), model.parameters())
        y = model([1.0, 2.0])

        def look(number, y=y, model=model):
            if number % 2:
                return grad(y, model.parameters())
            y.backward()
            return None

        found = together(look)
        assert [each for each in found if each is not None] == [expected] * (THREADS // 2)
        sums = [THREADS // 2 * slope for slope in expected]
        assert [leaf.grad for leaf in model.parameters()] == pytest.approx(sums, rel=1e-12)


def test_while_a_process_forks_no_other_thread_sweeps_or_builds():
    with ThreadPoolExecutor(1) as pool:
        for free in (False, True):
            if not free:
                locks._close()
            for lock in (locks.SWEEPING, locks.BUILDING):
                assert pool.submit(lock.acquire, blocking=False).result() is free
                if free:
                    pool.submit(lock.release).result()
            if not free:
                locks._open()


FORKED = """
import os, signal, threading
from autograd import Value, compile, sin, sum
w = Value(0.5, "w")
y = sum([sin(w * i) * w for i in range(3000)])
y.backward()
expected, stop = w.grad, threading.Event()
{work}  # Python's own locks of modules stay closed in a child, if they are still being imported

def busy():
    while not stop.is_set():
        y.backward()
        {work}

thread = threading.Thread(target=busy, daemon=True)
thread.start()
for _ in range({forks}):
    child = os.fork()
    if child == 0:
        signal.alarm(20)  # of a lock that nobody opens
        before = w.grad
        y.backward()
        {work}
        os._exit(0 if abs(w.grad - before - expected) < 1e-9 * abs(w.grad) else 1)
    assert os.waitpid(child, 0)[1] == 0
stop.set()
thread.join()
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.parametrize("work", ["pass", "compile(w * w, [w], backend='numpy')([1.0])"])
def test_a_fork_in_the_middle_of_a_sweep_finds_no_lock_closed(work):
    program = FORKED.replace("{work}", work).replace("{forks}", str(4 + scaled(16)))
    done = subprocess.run(
        [sys.executable, "-W", "ignore::DeprecationWarning", "-c", program],
        cwd=ROOT, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def stopping_graph(at):
    """A graph whose `at`-th use of a rule raises as Ctrl-C would, its leaf, and a switch for that."""
    armed = {"calls": -1}

    def partials(y, a):
        if armed["calls"] >= 0:
            armed["calls"] += 1
            if armed["calls"] == at:
                raise KeyboardInterrupt
        return (2.0 * a,)

    square = primitive(partials=partials, name=f"stopping{at}")(lambda a: a * a)
    x = Value(1.5, "x")
    y = square(x) + x
    for _ in range(4):
        y = square(y) * x + square(y)
    return y, x, armed


@pytest.mark.parametrize("at", range(1, 10))
def test_after_an_interrupt_a_sweep_starts_again_from_what_was(at):
    """Nothing is lost of the leaf's sum, and the next sweep is right."""
    expected_graph, expected_leaf, _ = stopping_graph(100 + at)
    expected_graph.backward()
    y, x, armed = stopping_graph(at)
    x.grad = 7.0
    armed["calls"] = 0
    with pytest.raises(KeyboardInterrupt):
        y.backward()
    assert x.grad == 7.0
    armed["calls"] = -1
    x.grad = None
    y.backward()
    assert x.grad == expected_leaf.grad
    armed["calls"] = 0
    with pytest.raises(KeyboardInterrupt):
        grad(y, x)
    armed["calls"] = -1
    assert grad(y, x) == [pytest.approx(expected_leaf.grad, rel=1e-15)]


INTERRUPTED = """
import signal, sys
from autograd import Value, grad
import copy

def chain():
    x = Value(1.0, "x")
    y = x
    for _ in range(3000):
        y = y * 1.0001 + x
    return x, y

x, y = chain()
y.backward()
expected = x.grad
work = {work}
in_time = 0
for delay in [k * 0.0007 + 1e-4 for k in range(16)]:
    x.grad = None
    try:
        signal.setitimer(signal.ITIMER_REAL, delay)
        work(x, y)
        in_time += 1
        while True:  # for the interrupt to come here, and not below
            pass
    except KeyboardInterrupt:
        pass
    x.grad = None
    y.backward()
    assert x.grad == expected, (delay, x.grad, expected)
assert grad(y, x)[0] == expected
print("in time", in_time)
"""


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="this system has no interval timers")
@pytest.mark.parametrize(
    "work",
    [
        "lambda x, y: y.backward()",
        "lambda x, y: grad(y, x)",
        "lambda x, y: copy.deepcopy(y)",
        "lambda x, y: chain()",
    ],
)
def test_a_real_interrupt_at_any_moment_leaves_the_graph_usable(work):
    program = (
        "import signal\nsignal.signal(signal.SIGALRM, signal.default_int_handler)\n"
        + INTERRUPTED.replace("{work}", work)
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout.split()[2]) < 16  # of 16 times, it was interrupted at work


def test_an_interrupted_copy_leaves_the_original():
    x = Value(2.0, "x")
    y = x * x
    with pytest.raises(KeyboardInterrupt):
        copy.deepcopy([y, Stopping()])
    y.backward()
    assert x.grad == 4.0


class Stopping:
    def __deepcopy__(self, memo):
        raise KeyboardInterrupt
