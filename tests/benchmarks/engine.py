"""The object graph beside its peers: each kind of engine, compiled and plain, in a process of its own.

python -m tests.benchmarks.engine RUNS LARGEST QUICK TEXT    measures the kind that its process has
"""

from __future__ import annotations

import builtins
import functools
import gc
import json
import math
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import autograd
from autograd import Value, engine, grad
from tests.benchmarks import alone, gpt, moons
from tests.benchmarks.timing import Times, seconds

COMPILED, PLAIN = "compiled", "plain Python"
KINDS = {COMPILED: {"AUTOGRAD_PURE_PYTHON": ""}, PLAIN: {"AUTOGRAD_PURE_PYTHON": "1"}}
OURS, PEER = "ours", "peer"
ORDER = 4
SMALL = 10**4  # nodes


@dataclass(frozen=True)
class Program:
    """What both kinds are measured with.

    Attributes
    ----------
    name : what it is, and what the number says.
    measure : takes the number of runs and of nodes of the largest graph; gives what ours and the peer took.
    limits : of each kind the limit; a kind that has none is only reported.
    ahead : whether the number says how many times faster ours is, and must be at least the limit; if not, how
        many times as much ours takes, and must be at most that.
    slow : whether it is left out of a quick look.
    unit, scale : what a number of `measure` is shown as.
    """

    name: str
    measure: Callable[[int, int], Times]
    limits: dict[str, float]
    ahead: bool = True
    slow: bool = False
    unit: str = "ms"
    scale: float = 1e3

    def ratios(self, times: Times) -> list[float]:
        """Within each round."""
        pairs = zip(times[OURS], times[PEER])
        return [peer / ours if self.ahead else ours / peer for ours, peer in pairs]


# --- the programs ------------------------------------------------------------------------------------


def names(runs: int, largest: int) -> Times:
    """Steps of the small GPT; both must have the same losses."""
    from tests.benchmarks.peers import plain

    found: dict[str, list[float]] = {}

    def train(name: str, value: Any) -> None:
        found[name] = list(gpt.training(value, steps=4))

    kinds = ((OURS, Value), (PEER, plain.Value))
    times = rounds({name: functools.partial(train, name, value) for name, value in kinds}, runs)
    require_close(found[OURS], found[PEER], 1e-12)
    return times


def moons_written(add_up: Any, runs: int, largest: int) -> Times:
    return beside_micrograd(Value, moons.BareMLP(Value, [2, 16, 16, 1], add_up), runs)


def moons_of_layers(runs: int, largest: int) -> Times:
    import nn

    return beside_micrograd(Value, nn.MLP(2, [16, 16, 1]), runs)


def beside_micrograd(value: Any, model: Any, runs: int) -> Times:
    """A step of its own demo; freeing the graph is nobody's time."""
    import micrograd.engine
    import micrograd.nn

    points, labels = moons.moons(100, seed=1)
    random.seed(1)
    peer = micrograd.nn.MLP(2, [16, 16, 1])
    for p, q in zip(model.parameters(), peer.parameters(), strict=True):
        p.data = q.data
    steps = {
        OURS: moons.step_of(value, model, points, labels),
        PEER: moons.step_of(micrograd.engine.Value, peer, points, labels),
    }
    times = rounds(steps, runs)
    gradients = ([p.grad for p in each.parameters()] for each in (model, peer))
    require_close(*gradients, 1e-9)
    return times


def bytes_of_a_node(runs: int, largest: int) -> Times:
    """Of a graph of additions and multiplications, by the allocator's own count; beside one byte."""
    return {OURS: [moons.memory_per_node(Value)], PEER: [1.0]}


def growth(runs: int, largest: int) -> Times:
    """Seconds to record and sweep, for a node of a graph as large as that, and for one of a small graph."""
    times = [(of_a_node(largest, 1), of_a_node(SMALL, 50)) for _ in range(min(runs, 3))]
    return dict(zip((OURS, PEER), map(list, zip(*times))))


def floor_of_growth(runs: int, largest: int) -> Times:
    """The same of objects of a node's size that are only made: what fresh memory costs whoever asks."""
    times = [(of_an_object(largest, 1), of_an_object(SMALL, 50)) for _ in range(min(runs, 3))]
    return dict(zip((OURS, PEER), map(list, zip(*times))))


def of_an_object(count: int, repeats: int) -> float:
    length = sys.getsizeof(Value(0.5) + 0.5) - sys.getsizeof(b"")
    spent = 0.0
    for _ in range(repeats):
        gc.collect()
        start = time.perf_counter()
        made = [bytes(length) for _ in range(count)]
        spent += time.perf_counter() - start
        del made
    return spent / (count * repeats)


def of_a_node(nodes: int, repeats: int) -> float:
    spent = 0.0
    for _ in range(repeats):
        gc.collect()
        start = time.perf_counter()
        x = y = Value(0.5)
        for _ in range(nodes // 2):
            y = y * x + x
        y.backward()
        spent += time.perf_counter() - start
        del x, y
    return spent / (nodes * repeats)


def fourth_order(runs: int, largest: int) -> Times:
    """The fourth derivative of an expression of 1,000 nodes; in jax by `grad` of `grad`, not jitted."""
    import jax

    jax.config.update("jax_enable_x64", True)  # without it, jax computes in single precision

    found: dict[str, float] = {}

    def f(x: Any, sin: Any) -> Any:
        y = x
        for _ in range(250):
            y = sin(y * x + 0.5) * 0.9
        return y

    def ours() -> None:
        x = Value(0.7)
        y = f(x, autograd.sin)
        for order in range(1, ORDER + 1):
            (y,) = grad(y, [x], create_graph=order < ORDER)
        found[OURS] = y

    def peer() -> None:
        nested: Any = functools.partial(f, sin=jax.numpy.sin)
        for _ in range(ORDER):
            nested = jax.grad(nested)
        found[PEER] = float(nested(0.7))

    once = rounds({PEER: peer}, 1)  # the first time, jax compiles each operation
    times = rounds({OURS: ours}, runs) | {PEER: once[PEER] * runs}
    require_close([found[OURS]], [found[PEER]], 1e-9)
    return times


def rounds(steps: Mapping[str, Callable[[], object]], runs: int) -> Times:
    """The seconds of one step, for each name and round, after a first that does not count.

    What a step gives back is freed when its time is over.
    """
    times: Times = {name: [] for name in steps}
    for turned in range(runs + 1):
        for name, step in steps.items():
            made: list[object] = []
            spent = seconds(lambda step=step, made=made: made.append(step()), collecting=True)
            times[name] += [spent] if turned else []
    return times


def require_close(ours: Sequence[float], peers: Sequence[float], tolerance: float) -> None:
    for a, b in zip(ours, peers, strict=True):
        if not math.isclose(a, b, rel_tol=tolerance, abs_tol=tolerance):
            raise ArithmeticError(f"ours and the peer compute different numbers: {a!r} and {b!r}")


PROGRAMS = (
    Program(  # the first, as long as no freed node is kept to be used again
        "bytes of a node",
        bytes_of_a_node,
        {COMPILED: 96.0, PLAIN: 112.0},
        ahead=False,
        unit="bytes",
        scale=1.0,
    ),
    Program("scalar GPT with Adam, beside its own class", names, {COMPILED: 20.0, PLAIN: 2.0}),
    Program(
        "micrograd's moons with bare Values, beside micrograd",
        functools.partial(moons_written, builtins.sum),
        {COMPILED: 40.0, PLAIN: 5.0},
    ),
    Program(
        "the same with autograd.sum for Python's sum", functools.partial(moons_written, moons.one_node), {}
    ),
    Program(
        "micrograd's moons with nn.MLP, beside micrograd", moons_of_layers, {COMPILED: 100.0, PLAIN: 12.0}
    ),
    Program(
        "an object of a node's size among as many, only made, beside one of few",
        floor_of_growth,
        {},
        ahead=False,
        unit="µs",
        scale=1e6,
    ),
    Program(
        "a node of a large graph, recorded and swept, beside one of a small",
        growth,
        {COMPILED: 1.2, PLAIN: 1.5},
        ahead=False,
        unit="µs",
        scale=1e6,
    ),
    Program(
        "grad to order 4 of 1,000 nodes, beside jax's nested grad, not jitted",
        fourth_order,
        {COMPILED: 1.0},
        slow=True,
    ),
)


# --- measured by two processes -----------------------------------------------------------------------


@dataclass
class Measured:
    """Of one kind: of each program what it took, or why there is nothing."""

    times: dict[str, Times] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)


def measure(runs: int, largest: int, quick: bool, text: str) -> Measured:
    """The kind of this process; only programs whose name has the text."""
    found = Measured()
    for program in PROGRAMS:
        if text not in program.name:
            continue
        if quick and program.slow:
            found.missing[program.name] = "left out of a quick look"
            continue
        try:
            found.times[program.name] = program.measure(runs, largest)
        except ImportError as error:
            found.missing[program.name] = str(error)
    return found


def both(runs: int, largest: int, quick: bool, text: str) -> dict[str, Measured]:
    """Each kind; the compiled one only where it is built."""
    found = {}
    for kind, setting in KINDS.items():
        command = [sys.executable, "-m", __name__, *map(str, (runs, largest, int(quick))), text]
        done = subprocess.run(
            command,
            env=os.environ | alone.ONE_THREAD | setting,
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        said = json.loads(done.stdout)
        if said.pop("compiled") == (kind == COMPILED):
            found[kind] = Measured(**said)
    return found


if __name__ == "__main__":
    *numbers, text = sys.argv[1:]
    measured = measure(*map(int, numbers), text=text)
    print(json.dumps({"compiled": engine.compiled, **asdict(measured)}))
