"""The choice of a back end is a pure function of sizes."""

import ast
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd import Training, rank_backends, updates_at_once
from autograd.compiler import machine
from tests.support.compiled import needs_llvmlite, program_of

ROOT = Path(__file__).parents[3]
SIZES = [1, 10, 1000, 100_000]


@pytest.mark.parametrize("path", [*(ROOT / "autograd/compiler").rglob("*.py"), *(ROOT / "nn").glob("*.py")])
def test_nothing_that_computes_reads_a_clock(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        assert "time" not in [*names, getattr(node, "module", None)], f"{path.name}, line {node.lineno}"


def test_more_work_never_turns_back_to_the_back_end_that_takes_less_time_to_compile():
    for parameters in SIZES:
        chosen = [rank_backends(parameters, updates, 16 * updates)[0] for updates in (1, 10, 10**3, 10**6)]
        assert chosen[0] == "numpy"
        assert chosen[-1] == "llvm"
        assert chosen == sorted(chosen, reverse=True)


def test_fewer_updates_are_made_at_a_time_if_each_is_longer():
    for backend in ("numpy", "llvm"):
        for batch in SIZES:
            counts = [updates_at_once(backend, parameters, batch) for parameters in SIZES]
            assert counts == sorted(counts, reverse=True)
            assert counts[-1] >= 1
            assert counts[0] * batch <= max(batch, 100_000)


@needs_llvmlite
def test_the_same_calls_end_on_the_same_back_end_with_the_same_bits():
    def calls():
        program = program_of(lambda w, x: (w[0] * x[0] - w[1]) ** 2, 2, 1)
        found = []
        for size in (1, 5, 20_000, 5, 20_000) + (100_000,) * 4:
            batch = 0.01 * np.arange(size)[:, None]
            value, gradient = program([0.5, 0.25], batch)
            found.append((program.backend, value, gradient.tobytes()))
        return found

    assert calls() == calls()


@given(st.integers(1, 10**6), st.integers(1, 10**8), st.integers(1, 10**4))
def test_code_that_is_there_is_taken_no_later_than_code_that_is_not(parameters, updates, batch):
    work = parameters, updates, updates * batch
    assert rank_backends(*work, compiled=["llvm"]).index("llvm") <= rank_backends(*work).index("llvm")
    assert rank_backends(1, 1, 1, compiled=["llvm"])[0] == "numpy"


@needs_llvmlite
@pytest.mark.parametrize("turned_off", [False, True])
def test_auto_takes_native_code_that_an_earlier_process_has_kept(turned_off, tmp_path, monkeypatch):
    monkeypatch.setenv("AUTOGRAD_CACHE", str(tmp_path))
    w, x, updates = np.array([0.5, 0.25]), np.array([[1.0], [2.0]]), 2000

    def chosen(backend):
        monkeypatch.setattr(machine, "_known", type(machine._known)())  # as another process begins
        program = program_of(lambda w, x: (w[0] * x[0] - w[1]) ** 2, 2, 1, backend=backend)
        program.train(Training.of(w, x, [np.array([0, 1])] * updates, rates=np.full(updates, 0.1)))
        return program.backend

    assert rank_backends(2, updates, 2 * updates)[0] == "numpy"
    assert [chosen("auto"), chosen("llvm")] == ["numpy", "llvm"]
    if turned_off:
        monkeypatch.setenv("AUTOGRAD_CACHE", "off")
    assert chosen("auto") == ("numpy" if turned_off else "llvm")
