"""Native functions: each text once, given back when nobody calls them; and texts that LLVM would die of."""

import collections
import ctypes
import gc
import random
import subprocess
import sys
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from autograd import GraphError, Value, compile, dot, exp, sin, tanh
from autograd.compiler import machine
from autograd.compiler.llvm import backend as native
from nn import MLP, Adam, fit, training
from tests.support.compiled import eager, needs_llvmlite, program_of

pytestmark = needs_llvmlite
ROOT = Path(__file__).parents[3]
TEXT = """
define double @"name"(double %"x") {{
  %"y" = fadd double %"x", {number}
  ret double %"y"
}}
"""
ONE = ctypes.CFUNCTYPE(ctypes.c_double, ctypes.c_double)


def plus(number):
    text = TEXT.format(number=f"{number:.1f}")
    return machine.function(text, ONE, lambda: ("name", text, []))[0]


@pytest.fixture
def nothing_known(monkeypatch):
    """A cache of its own, and none on disk; the functions of other tests come back."""
    monkeypatch.setenv("AUTOGRAD_CACHE", "off")
    known = type(machine._known)()
    monkeypatch.setattr(machine, "_known", known)
    return known


@pytest.fixture
def translations(nothing_known, monkeypatch):
    """The texts that LLVM was given."""
    texts = []
    translated = machine._translated
    monkeypatch.setattr(machine, "_translated", lambda text: texts.append(text) or translated(text))
    return texts


def neuron(w, x):
    return (tanh(dot(w[:2], x, w[2])) - 0.5) ** 2


def test_the_functions_that_were_asked_for_last_are_kept(nothing_known, monkeypatch):
    """And the memory of the others is given back, but not before their last caller is gone."""
    monkeypatch.setattr(machine, "KEPT", 3)
    first = plus(1)
    engine = weakref.ref(first.engine)
    for number in range(2, 8):
        assert plus(number)(1.0) == 1.0 + number
        assert plus(5 if number > 5 else number) is plus(5 if number > 5 else number)
    assert len(nothing_known) == 3
    assert first(1.0) == 2.0
    assert plus(1) is not first
    del first
    gc.collect()
    assert engine() is None


def test_a_program_that_is_compiled_again_is_not_translated_again(translations):
    """By content: whatever the nodes, the numbers in the leaves and who asks."""
    batch = np.ones((9, 2))
    for _ in range(3):
        program = program_of(neuron, 3, 2, backend="llvm")
        value, _ = program([0.5, 0.25, 1.0], batch)
        program.evaluate([0.5, 0.25, 1.0], batch)
        program.descend(np.array([0.5, 0.25, 1.0]), batch, 0.1, 2)
        assert len(translations) == 3
    assert (
        program_of(lambda w, x: 2.0 * neuron(w, x), 3, 2, backend="llvm")([0.5, 0.25, 1.0], batch)[0]
        == 2.0 * value
    )
    assert len(translations) == 4
    program_of(neuron, 3, 2, backend="llvm", dtype="float32")([0.5, 0.25, 1.0], batch)
    assert len(translations) == 5


def test_a_second_fit_is_not_translated_again(translations):
    """Of a network with other numbers in it."""
    for seed in range(3):
        model = MLP(2, [3, 1], "tanh", seed=seed)
        data = np.random.default_rng(seed).standard_normal((16, 2)).tolist()
        options = {"loss": "mse_loss", "epochs": 2, "batch_size": 4, "seed": 1, "progress": False}
        fit(model, data, [0.5] * 16, optimizer=partial(Adam, lr=0.01 * (seed + 1)), backend="llvm", **options)
        if not seed:
            first = len(translations)
    assert len(translations) == first


def test_a_key_is_the_same_in_another_process():
    """It may name a file."""
    text = TEXT.format(number="1.0")
    script = f"from autograd.compiler import machine; print(machine.key({text!r}))"
    told = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=120, check=True
    ).stdout
    assert told.strip() == machine.key(text) != machine.key(text + " ")


def test_the_text_of_a_program_is_the_same_in_another_process():
    """No order in it is that of a set or of addresses."""
    script = (
        "import hashlib; from autograd import compile, Value; from nn import MLP\n"
        "x = [Value(0.0), Value(0.0)]\n"
        "m = MLP(2, [5, 3, 1], 'tanh', seed=0); p = compile(m(x), m.parameters(), x, backend='llvm')\n"
        "print(hashlib.sha256(p.source.encode()).hexdigest())"
    )
    found = {
        subprocess.run(
            [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=120, check=True,
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)},
        ).stdout
        for seed in ("1", "2")
    }  # fmt: skip
    assert len(found) == 1


# --- threads ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("backend", ["numpy", "llvm"])
def test_threads_compile_and_call_one_program_at_the_same_time(backend, nothing_known, monkeypatch):
    """Each purpose is asked for first by all of them, while functions leave the cache."""
    monkeypatch.setattr(machine, "KEPT", 2)
    monkeypatch.setattr(native, "KEPT", 2)
    parameters, batch = np.array([0.5, 0.25, 1.0]), np.random.default_rng(0).standard_normal((9, 2))
    values, gradients = eager(neuron, parameters, batch)
    shared = program_of(neuron, 3, 2, backend=backend)
    start = threading.Barrier(4)

    def work(number):
        start.wait(30)
        for program in (shared, program_of(neuron, 3, 2, backend=backend)):
            for count in (1, 5, 9):
                value, gradient = program(parameters, batch[:count])
                assert value == pytest.approx(values[:count].mean(), rel=1e-13)
                np.testing.assert_allclose(gradient, gradients[:count].mean(axis=0), rtol=1e-12)
                np.testing.assert_allclose(
                    program.evaluate(parameters, batch[:count])[:, 0], values[:count], rtol=1e-13
                )
                weights = parameters.copy()
                program.descend(weights, batch[:count], 0.5)
                np.testing.assert_allclose(weights, parameters - 0.5 * gradient, rtol=1e-13)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))


# --- too large -------------------------------------------------------------------------------------


def tangle(steps, seed=0):
    """A graph in which nothing is alike, so that its code grows with it."""
    choose = random.Random(seed)
    w, x = [Value(0.5), Value(0.25)], [Value(0.125)]
    nodes = [*w, *x]
    for _ in range(steps):
        a, b = choose.choices(nodes[-5:], k=2)
        nodes.append(choose.choice([sin, lambda a: exp(-a * a)])(a) * b + a)
    return nodes[-1], w, x


def test_a_graph_too_large_for_native_code_is_refused_with_what_to_do_and_runs_on_arrays(monkeypatch):
    """It is known before a text is written; "auto" goes on with numpy."""
    y, w, x = tangle(40)
    monkeypatch.setattr(machine, "LONGEST", 300_000)
    with pytest.raises(
        GraphError, match=r"too large for native code: .* the limit is 300,000; .*backend='numpy'"
    ):
        compile(y, w, x, backend="llvm")
    program = compile(y, w, x)
    program._asked = collections.defaultdict(lambda: (10**9, 10**9))  # from here on native code would pay
    program([0.5, 0.25], [[0.125]])
    assert program.backend == "numpy"


@pytest.mark.parametrize("call", ["__call__", "evaluate", "descend"])
def test_a_text_that_turns_out_too_long_is_refused_and_auto_goes_on_with_arrays(call, monkeypatch):
    y, w, x = tangle(3)
    given = np.array([0.5, 0.25]), [[0.125]] * 9, *([0.1] if call == "descend" else [])
    arrays = compile(y, w, x, backend="numpy")
    right = getattr(arrays, call)(given[0].copy(), *given[1:])
    programs = [compile(y, w, x, backend="llvm"), compile(y, w, x)]
    programs[1]._asked = collections.defaultdict(lambda: (10**9, 10**9))
    monkeypatch.setattr(machine, "LONGEST", 100)
    with pytest.raises(GraphError, match="too large for native code"):
        getattr(programs[0], call)(*given)
    got = getattr(programs[1], call)(*given)
    assert programs[1].backend == "numpy"
    for mine, other in zip(got, right, strict=True):
        np.testing.assert_array_equal(mine, other)


def test_fit_goes_on_with_arrays_where_native_code_is_too_large(monkeypatch):
    monkeypatch.setattr(machine, "LONGEST", 100)
    monkeypatch.setattr(training, "rank_backends", lambda *sizes: ["llvm", "numpy", "eager"])
    options = {"loss": "mse_loss", "epochs": 200, "seed": 1, "progress": False}
    data = np.random.default_rng(0).standard_normal((16, 2)).tolist()
    model = MLP(2, [3, 1], "tanh", seed=1)
    assert fit(model, data, [0.5] * 16, optimizer=partial(Adam, lr=0.01), **options).backend == "numpy"
    with pytest.raises(GraphError, match="too large for native code"):
        fit(model, data, [0.5] * 16, optimizer=partial(Adam, lr=0.01), backend="llvm", **options)


def test_memory_that_is_not_to_be_had_is_an_error(monkeypatch):
    monkeypatch.setattr(machine, "_BYTES", (1 << 62, 0))
    with pytest.raises(GraphError, match="are not to be had here: use backend='numpy'"):
        program_of(neuron, 3, 2, backend="llvm")
    assert program_of(neuron, 3, 2).backend == "numpy"


LIMITED = """
import resource, sys
from tests.autograd.compiler.test_machine import tangle
from autograd import GraphError, compile
y, w, x = tangle(int(sys.argv[1]))
compile(w[0] * x[0], [w[0]], x, backend="llvm")([0.5], [[1.0]])  # LLVM is there
pages = int(open("/proc/self/statm").read().split()[0])
limit = pages * resource.getpagesize() + (int(sys.argv[2]) << 20)
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
try:
    compile(y, w, x, backend="llvm")([0.5, 0.25], [[0.125]] * 9)
    print("native")
except GraphError as error:
    print(error)
print(compile(y, w, x, backend="numpy")([0.5, 0.25], [[0.125]] * 9)[0])
"""


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="the limit is set by Linux's own figures")
@pytest.mark.parametrize("megabytes", [40, 80, 200])
def test_memory_that_llvm_would_not_get_is_an_error_and_not_the_end_of_the_process(megabytes):
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, "60", str(megabytes)],
        cwd=ROOT, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, (done.returncode, done.stderr[-300:])
    said, value = done.stdout.splitlines()
    assert (said == "native") is (megabytes == 200) or "not to be had here: use backend='numpy'" in said
    assert np.isfinite(float(value))
