"""Where it runs: with no locale, with no home, in folders that nobody may write; each in a new process."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.support.compiled import needs_llvmlite

ROOT = Path(__file__).parent.parent
BARE = {"PATH": os.environ.get("PATH", ""), "SYSTEMROOT": os.environ.get("SYSTEMROOT", "")}
PLACES = {
    "no locale": {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    "ASCII streams": {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONIOENCODING": "ascii"},
    "no home": {"HOME": "", "XDG_CACHE_HOME": ""},
    "a home that is not there": {"HOME": "/nowhere/at/all", "XDG_CACHE_HOME": ""},
    "nothing at all": {},
}
RECORDS = """
import autograd
from autograd import Value, explain, explore, draw, grad
w, x = Value(0.5, "w"), Value(2.0, "ä x∂")
E = ((w * x).sigmoid() - 1) ** 2
E.backward()
assert grad(E, [w]) == [w.grad]
assert draw(E).source.startswith("digraph") and explain(E, w).latex and explore(E).html
draw(E).save("graph.dot"); explore(E, "page.html"); autograd.save_workbook(E, [w], "book.csv", epochs=2)
print("right")
"""
TRAINS = """
from nn import MLP, SGD, fit, load, save
X, y = [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]] * 50, [0.0, 1.0, 1.0, 0.0] * 50
found = []
for backend in ("eager", "numpy"):
    model = MLP(2, [4, 1], activation="tanh", seed=0)
    rate = SGD(model.parameters(), lr=0.1)
    found.append(fit(model, X, y, loss="mse_loss", optimizer=rate, epochs=3, seed=0, backend=backend).loss)
assert all(abs(a - b) < 1e-12 for a, b in zip(*found))
save(model, "model.json")
assert load("model.json")([1.0, 2.0]).data == model([1.0, 2.0]).data
print("right")
"""
COMPILES = """
import numpy as np
from autograd import Value, compile
w, x = Value(0.5), Value(2.0)
program = compile((w * x).sigmoid(), wrt=[w], inputs=[x], backend="llvm")
value, gradient = program(np.array([0.5]), np.array([[2.0]]))
assert abs(value - 0.7310585786300049) < 1e-15 and abs(gradient[0] - 0.3932238664829637) < 1e-15
print("right")
"""
COMMANDS = """
import sys
from autograd.command import run
told = ["w=0.5", "a=2", "t=1", "--page", "page.html", "--draw", "graph.dot"]
sys.argv = ["backprop", "0.5*(t - σ(w*a))**2", *told]
assert run() == 0
sys.argv = ["backprop", "x^2", "x=1"]
assert run() == 2
print("right")
"""
# In one process where only the last word is looked at: each ends with "right" or an error.
PROGRAM = RECORDS + TRAINS + COMMANDS


def run(program, folder, environment, *options, drop=()):
    """What the program prints last. It goes in by the standard input, which any folder allows."""
    return output([*options, "-"], folder, environment, program.encode(), drop)


def output(arguments, folder, environment, given=b"", drop=()):
    done = subprocess.run(
        [*drop, sys.executable, "-W", "error", *arguments],
        cwd=folder, env={**BARE, "PYTHONPATH": str(ROOT), **environment}, input=given, capture_output=True,
        timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr.decode(errors="replace")
    return done.stdout.decode(errors="replace").split()[-1]


@pytest.mark.parametrize("environment", PLACES.values(), ids=PLACES)
def test_it_works_in_a_bare_environment(environment, tmp_path):
    """To record, draw, explain and explore, to train and save, and as a command."""
    assert run(PROGRAM, tmp_path, environment) == "right"


@pytest.mark.skipif(sys.platform == "win32", reason="arguments of a process are letters there, not bytes")
@pytest.mark.parametrize("place", PLACES)
def test_the_command_takes_any_letter_where_there_is_no_locale(place, tmp_path):
    given = ["-m", "autograd", "σ(ä)".encode(), "ä=0".encode(), "--quiet"]
    found = output(given, tmp_path, PLACES[place])
    assert found == "0.25"


@needs_llvmlite
@pytest.mark.parametrize("place", PLACES)
def test_native_code_needs_no_cache(place, tmp_path):
    assert run(COMPILES, tmp_path, PLACES[place]) == "right"


@pytest.fixture
def read_only(tmp_path):
    """A function that runs a program in a folder with our packages that it cannot write, even as root."""
    if not hasattr(os, "geteuid"):
        pytest.skip("needs the rights of POSIX files")
    if os.geteuid() == 0 and not shutil.which("setpriv"):
        pytest.skip("root may write anywhere, and without setpriv it cannot drop that right")
    drop = [] if os.geteuid() else ["setpriv", "--bounding-set", "-dac_override,-dac_read_search"]
    folder = tmp_path / "folder"
    for name in ("autograd", "nn"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for path in [folder, *folder.rglob("*")]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    yield lambda program, **environment: run(
        program, folder, {"PYTHONPATH": str(folder)} | environment, "-B", drop=drop
    )
    for path in [folder, *folder.rglob("*")]:
        path.chmod(0o755)


@pytest.mark.slow
def test_installed_where_nobody_may_write_it_works(read_only, tmp_path):
    """The packages, the working directory and the home are read-only; what is written goes elsewhere."""
    folder = str(tmp_path / "folder")
    program = f"""
import autograd, os, sys
assert autograd.__file__.startswith({folder!r}), autograd.__file__
try:
    autograd.draw(autograd.Value(1.0)).save("graph.dot")
except PermissionError as error:
    assert "cannot save graph.dot: the folder" in str(error), error
else:
    raise AssertionError("written")
from autograd.command import run
sys.argv = ["backprop", "x", "x=1", "--page", "page.html"]
assert run() == 2
os.chdir({str(tmp_path)!r})
"""
    assert read_only(program + PROGRAM, HOME=folder) == "right"


@needs_llvmlite
@pytest.mark.parametrize("variable", ["AUTOGRAD_CACHE", "XDG_CACHE_HOME", "HOME"])
def test_a_cache_that_cannot_be_written_is_not_used(read_only, variable, tmp_path):
    assert read_only(COMPILES, **{variable: str(tmp_path / "folder")}) == "right"


@pytest.mark.slow
def test_the_plain_engine_runs_in_a_browsers_python(tmp_path):
    """In Pyodide under Node.js; with numpy where it can be loaded, else the part that needs none."""
    pyodide = Path(sys.prefix) / "node_modules" / "pyodide"
    if not (shutil.which("node") and pyodide.is_dir()):
        pytest.skip("needs Node.js and Pyodide: npm install --no-save --prefix .venv pyodide")
    for name in ("pyodide.mjs", "use_in_browser.py"):
        shutil.copy(ROOT / ".ci" / name, tmp_path)
    (tmp_path / "node_modules").symlink_to(pyodide.parent)
    with zipfile.ZipFile(tmp_path / "plain.whl", "w") as wheel:
        for path in [*(ROOT / "autograd").rglob("*"), *(ROOT / "nn").rglob("*")]:
            if path.is_file() and not {"__pycache__", "_compiled"} & {*path.parts}:
                wheel.write(path, path.relative_to(ROOT))
    done = subprocess.run(
        ["node", "pyodide.mjs", "plain.whl"], cwd=tmp_path, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.splitlines()[-1].startswith("emscripten, Python 3.")
