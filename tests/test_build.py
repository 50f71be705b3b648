"""`setup.py` compiles the engine, all of it or nothing; a line tells of what fails, and the rest goes on."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.profiles import slow

ROOT = Path(__file__).parent.parent
SAYS = "from autograd.engine import compiled, one, two; print(compiled, one.f(1.5), two.g(1.5))"


@pytest.fixture
def checkout(tmp_path):
    """A small engine, with this project's own `setup.py`."""
    pytest.importorskip("Cython", reason="Cython, of the extra test, is not installed")
    if not shutil.which(os.environ.get("CC", "cc")):
        pytest.skip("there is no C compiler")
    room = tmp_path / "autograd" / "engine"
    room.mkdir(parents=True)
    shutil.copy(ROOT / "setup.py", tmp_path)
    shutil.copy(ROOT / "autograd" / "engine" / "kind.py", room)
    (room / "__init__.py").write_text("from .kind import choose\n\ncompiled = choose(__path__)\n")
    (tmp_path / "autograd" / "__init__.py").touch()
    (room / "one.py").write_text("def f(x):\n    return x + x\n")
    (room / "one.pxd").write_text("cpdef double f(double x)\n")
    (room / "two.py").write_text("from . import one\n\n\ndef g(x):\n    return one.f(x) * 3\n")
    (room / "two.pxd").write_text("cimport autograd.engine.one\n\ncpdef double g(double x)\n")
    return tmp_path


def run(checkout, *command, **setting):
    environment = {
        **os.environ,
        "PYTHONPATH": str(checkout),
        "AUTOGRAD_PURE_PYTHON": "",
        "CFLAGS": "-O0",
        **setting,
    }
    done = subprocess.run(
        [sys.executable, *command], cwd=checkout, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done


def build(checkout, **setting):
    done = run(checkout, "setup.py", "-q", "build_ext", "--inplace", **setting)
    return [line for line in done.stderr.splitlines() if line.startswith("scalar-autograd:")]


def test_it_is_built(checkout):
    assert build(checkout) == []
    assert run(checkout, "-c", SAYS).stdout == "True 3.0 9.0\n"
    assert run(checkout, "-c", SAYS, AUTOGRAD_PURE_PYTHON="1").stdout == "False 3.0 9.0\n"


@pytest.mark.slow
def test_it_is_built_again_and_never_left_half(checkout):
    room = checkout / "autograd" / "engine"
    assert build(checkout) == []
    assert run(checkout, "-c", SAYS).stdout == "True 3.0 9.0\n"

    # Other sources with an older time, as they come from a backup.
    (room / "one.py").write_text("def f(x):\n    return x - x\n")
    os.utime(room / "one.py", (0, 0))
    done = run(checkout, "-c", SAYS)
    assert done.stdout == "False 0.0 0.0\n"
    assert "run make" in done.stderr
    assert build(checkout) == []
    assert run(checkout, "-c", SAYS).stdout == "True 0.0 0.0\n"

    # A module that is compiled no longer.
    (room / "two.pxd").rename(room / "two.txt")
    (room / "two.py").write_text("from . import one\n\n\ndef g(x):\n    return one.f(x) * 3 + 5\n")
    assert build(checkout) == []
    assert run(checkout, "-c", SAYS).stdout == "True 0.0 5.0\n"
    (room / "two.txt").rename(room / "two.pxd")

    # One of two that cannot be compiled.
    (room / "two.pxd").write_text("cpdef Unknown g(double x)\n")
    (told,) = build(checkout)
    assert "the engine is not compiled, and runs as plain Python" in told
    assert run(checkout, "-c", SAYS).stdout == "False 0.0 5.0\n"


@pytest.mark.slow
@pytest.mark.parametrize("missing", ["compiler", *slow(["Cython"])])
def test_without_a_compiler_or_cython_it_is_left_out_with_one_line(checkout, missing):
    if missing == "Cython":
        (checkout / "Cython.py").touch()  # stands in its place
    (told,) = build(checkout, **({"CC": "/no/such/compiler"} if missing == "compiler" else {}))
    assert "the engine is not compiled, and runs as plain Python" in told
    done = run(checkout, "-W", "error", "-c", SAYS)
    assert done.stdout == "False 3.0 9.0\n"


def test_it_is_left_out_where_that_is_wanted(checkout):
    assert build(checkout, AUTOGRAD_PURE_PYTHON="1") == []
    assert run(checkout, "-c", SAYS).stdout == "False 3.0 9.0\n"
