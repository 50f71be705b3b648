"""A back end is one folder, and what each target does with each row of the table.

The matrix of rows and targets is printed, and a row without a way fails.
"""

import ast
from pathlib import Path
from types import SimpleNamespace
from typing import ClassVar

import numpy as np
import pytest

from autograd import MissingExtraError, compile, dot, find_backend, rank_backends, tanh
from autograd.compiler import backends
from autograd.compiler.backends import Backend, BackendProgram, RowLowerings, row_lowerings
from autograd.compiler.ir import passes
from autograd.compiler.ir.nodes import (
    Apply,
    BatchSum,
    Broadcast,
    Constant,
    Gather,
    Graph,
    Inputs,
    MatMul,
    Outer,
    Parameters,
    Reduce,
    ScatterAdd,
    Symbol,
    ancestry,
)
from autograd.compiler.llvm import legalize
from autograd.compiler.llvm.builder import DIRECT
from autograd.compiler.llvm.libm import ELEMENTARY
from autograd.compiler.numpy.backend import ArrayProgram
from autograd.engine.primitives import TABLE
from nn import MLP, Adam, fit
from tests.support.captured import leaves

ROOT = Path(__file__).parents[3]

lowerings = row_lowerings()


def told(lowering):
    """A lowering in a word or two."""
    if isinstance(lowering, tuple):
        return lowering[0]
    return "" if lowering is None else lowering if isinstance(lowering, str) else lowering_name(lowering)


def lowering_name(lowering):
    return getattr(lowering, "__name__", type(lowering).__name__)


def test_every_row_has_a_lowering_for_every_target():
    for row in TABLE.values():
        ways = {target: lowerings[target][row] for target in lowerings}
        print(f"{row.name:20}", *[f"{told(way)[:30]:32}" for way in ways.values()])
        assert all(way is not None for target, way in ways.items() if target != "fused")


@pytest.mark.parametrize("name", TABLE)
def test_every_row_becomes_rows_with_native_code(name):
    """Native code of its own, or a formula: for a row that is added, too."""
    row, graph = TABLE[name], Graph(12, 0)
    rows_of = lambda i: graph.gather(graph.parameters, np.arange(3 * i, 3 * i + 3))
    args = [[rows_of(i), rows_of(3)] if i in row.vectors else rows_of(i) for i in range(len(row.domain))]
    outputs = passes.run(legalize.PASSES, [graph.rule(row, args)])
    rows = {node.row.name for node in ancestry(outputs) if isinstance(node, Apply)}
    assert rows <= {*DIRECT, *ELEMENTARY}


def test_a_row_can_be_asked_for_its_own_code():
    relu = TABLE["relu"]
    assert lowerings["numpy"][relu][0].startswith("np.maximum(")
    assert lowerings["numpy"][TABLE["exp"]] == "np.exp"
    assert lowerings["numpy, one example"][relu] is relu.forward
    assert lowerings["llvm"][relu] is DIRECT["relu"]
    assert lowerings["llvm"][TABLE["exp"]] is ELEMENTARY["exp"]
    assert lowerings["fused"][relu] is None


# --- one more back end ----------------------------------------------------------------------------


class Interpreter(BackendProgram):
    """Node by node, on arrays with the examples last: the least that a back end has to be."""

    PASSES = ArrayProgram.PASSES
    LOWERINGS: ClassVar = {"toy": RowLowerings(lambda row: None, lambda row: row.array)}
    source, schedule = "node by node\n", "as they come\n"

    def __call__(self, parameters, batch):
        B, found = len(batch), {}
        cotangent = 1.0 / B if self.mean else 1.0
        symbols = {"cotangent": cotangent, "total_cotangent": cotangent * B, "batch_size": B}
        for node in ancestry(self.nodes):
            args = [found[arg] for arg in node.args]
            if isinstance(node, Symbol):
                found[node] = np.full((1, 1), symbols.get(node.name, np.nan))
                continue
            with np.errstate(all="ignore"):
                found[node] = INTERPRETED[type(node)](node, parameters, batch, *args)
        return tuple(found[node] if node.batched else found[node][..., 0] for node in self.nodes)


def flat(x):
    return x.reshape(-1, x.shape[-1])


def scattered(node, parameters, batch, *args):
    total = np.zeros((np.prod(node.shape), max(arg.shape[-1] for arg in args)))
    for index, arg in zip(node.indices, args):
        np.add.at(total, index.reshape(-1), flat(np.broadcast_to(arg, (*index.shape, arg.shape[-1]))))
    return total.reshape(*node.shape, -1)


INTERPRETED = {
    Parameters: lambda node, parameters, batch: parameters[:, None],
    Inputs: lambda node, parameters, batch: batch.T,
    Constant: lambda node, parameters, batch: node.data[..., None],
    Apply: lambda node, parameters, batch, *args: node.row.array(*args),
    Gather: lambda node, parameters, batch, x: flat(x)[node.index],
    ScatterAdd: scattered,
    Broadcast: lambda node, parameters, batch, x: np.broadcast_to(
        x, (*node.shape, len(batch) if node.batched else 1)
    ),
    BatchSum: lambda node, parameters, batch, x: x.sum(axis=-1, keepdims=True),
    MatMul: lambda node, parameters, batch, a, b: np.einsum(
        "ji,jkb->ikb" if node.transposed else "ij,jkb->ikb", a[..., 0], b
    ),
    Outer: lambda node, parameters, batch, a, b: np.einsum("irb,jrb->ij", a, b)[..., None],
    Reduce: lambda node, parameters, batch, x: x.sum(axis=node.axis, keepdims=True),
}


@pytest.fixture
def toy(monkeypatch):
    """A back end made here, by its folder alone."""
    folder = SimpleNamespace(BACKEND=Backend(Interpreter, (1e9, 1.0, 1.0, 1.0)))
    monkeypatch.setitem(backends.FOLDERS, "toy", folder)


def network(w, x):
    hidden = [tanh(dot(w[2 * i : 2 * i + 2], x[:2], w[6 + i])) for i in range(3)]
    return (dot(w[9:12], hidden) - x[2]) ** 2


@pytest.mark.usefixtures("toy")
def test_a_back_end_is_added_by_its_folder_alone():
    w, x = leaves(12), leaves(3)
    program, judge = (compile(network(w, x), w, x, backend=name) for name in ("toy", "numpy"))
    numbers, batch = np.linspace(-1.0, 1.0, 12), np.random.default_rng(0).normal(size=(5, 3))
    for found, right in zip(program(numbers, batch), judge(numbers, batch), strict=True):
        assert found == pytest.approx(right, rel=1e-12)
    assert program.evaluate(numbers, batch) == pytest.approx(judge.evaluate(numbers, batch), rel=1e-12)
    assert program.jacobian(numbers, batch, "inputs") == pytest.approx(
        judge.jacobian(numbers, batch, "inputs"), rel=1e-12
    )
    assert (program.backend, program.source) == ("toy", "node by node\n")
    assert list(program.stages)[-2:] == ["schedule", "source"]
    assert row_lowerings()["toy"][TABLE["exp"]] is np.exp
    assert rank_backends(12, 1, 1)[-1] == "toy"
    compiled = compile(network(w, x), w, x)
    assert compiled(numbers, batch)[0] == pytest.approx(judge(numbers, batch)[0])
    assert compiled.backend != "toy"  # it takes too long


@pytest.mark.usefixtures("toy")
def test_a_model_is_trained_on_it():
    X, y = [[0.0, 1.0], [1.0, -1.0], [0.5, 0.25]], [0.0, 1.0, 0.5]
    models = [MLP(2, [3, 1], activation="tanh", seed=0) for _ in range(2)]
    losses = [
        fit(
            model, X, y, loss="mse_loss", optimizer=Adam(model.parameters(), lr=0.1), epochs=5, batch_size=2,
            clip_norm=0.1, clip_value=0.5, seed=0, backend=backend, progress=False,
        ).loss
        for model, backend in zip(models, ("toy", "numpy"))
    ]  # fmt: skip
    assert losses[0] == pytest.approx(losses[1], rel=1e-12)
    numbers = [[parameter.data for parameter in model.parameters()] for model in models]
    assert numbers[0] == pytest.approx(numbers[1], rel=1e-12)


def test_what_is_not_installed_is_refused_with_its_extra_and_auto_goes_without(monkeypatch):
    folder = SimpleNamespace(
        BACKEND=Backend(Interpreter, (0.0,) * 4, library="no_such_library", extra="toys")
    )
    monkeypatch.setitem(backends.FOLDERS, "toy", folder)
    w = leaves(2)
    assert rank_backends(2, 1, 1)[0] == "toy"
    with pytest.raises(MissingExtraError, match=r"backend='toy' needs no_such_library.*\[toys\]"):
        compile(w[0] * w[1], w, backend="toy")
    assert compile(w[0] * w[1], w).backend == "numpy"


@pytest.mark.parametrize("name", ["jit", "auto", None, ["numpy"]])
def test_another_name_is_refused_with_those_that_there_are(name):
    with pytest.raises(ValueError, match=r"^backend must be one of 'any', 'numpy', 'llvm', 'jax', got "):
        find_backend(name, besides=["any"])
    assert find_backend("numpy").installed


def test_no_other_file_of_the_compiler_names_a_back_end():
    """Their own folders do, `FOLDERS`, the file of tuned constants, and what only native code uses."""
    own = {"numpy", "llvm", "jax"}
    for path in (ROOT / "autograd/compiler").rglob("*.py"):
        if path.parent.name not in own and path.name not in ("backends.py", "tuning.py", "machine.py"):
            code = ast.parse(path.read_text(encoding="utf-8"))
            strings = {node.value for node in ast.walk(code) if isinstance(node, ast.Constant)}
            assert not own & strings, path.name
