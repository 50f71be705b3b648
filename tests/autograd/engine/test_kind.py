"""Which kind of engine runs: what is compiled is used for the very files it was made from, and no others."""

import os
import sys
from pathlib import Path

import pytest

from autograd import engine
from autograd.engine import kind

ROOT = Path(__file__).parents[3]


@pytest.fixture
def room(tmp_path, monkeypatch):
    """An engine of two modules that are compiled and one that is not, as it is when it was just built."""
    for name in ("value.py", "value.pxd", "graph.py", "graph.pxd", "copying.py"):
        (tmp_path / name).write_text(f"# {name}\n")
    monkeypatch.setattr(kind, "HERE", tmp_path)
    monkeypatch.setattr(kind, "BUILT", tmp_path / "_compiled")
    monkeypatch.delenv("AUTOGRAD_PURE_PYTHON", raising=False)
    kind.BUILT.mkdir()
    (kind.BUILT / kind.STAMP).write_text(kind.stamp())
    return tmp_path


def test_what_was_just_built_is_used(room):
    assert [path.name for path in kind.modules()] == ["graph.py", "value.py"]
    path = [str(room)]
    assert kind.choose(path)
    assert path == [str(room / "_compiled"), str(room)]


def rename(path):
    path.rename(path.with_stem("renamed"))
    path.with_suffix(".pxd").rename(path.with_name("renamed.pxd"))


CHANGES = {
    "a byte": lambda path: path.write_text(path.read_text().replace("#", "!")),
    "a line more": lambda path: path.write_text(path.read_text() + "\n"),
    "nothing left": lambda path: path.write_text(""),
    "another place": rename,
    "text from one to the other": lambda path: (
        path.write_text(path.read_text() + "\0"),
        path.with_suffix(".pxd").write_text(path.with_suffix(".pxd").read_text()[1:]),
    ),
    "no longer declared": lambda path: path.with_suffix(".pxd").unlink(),
    "another declaration": lambda path: path.with_suffix(".pxd").write_text("cdef class Value: pass"),
    "one more declared": lambda path: [path.with_name(f"new.{end}").write_text("") for end in ("py", "pxd")],
}  # fmt: skip


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("name", ["value.py", "graph.py"])
def test_what_was_built_from_other_files_is_not_used(room, change, name):
    """Whatever the times of the files say."""
    times = (room / name).stat()
    CHANGES[change](room / name)
    for each in room.glob("*.p*"):
        os.utime(each, ns=(times.st_atime_ns, times.st_mtime_ns))
    path = [str(room)]
    with pytest.warns(RuntimeWarning, match="its sources have changed: run make"):
        assert not kind.choose(path)
    assert path == [str(room)]


def test_what_is_not_compiled_may_change(room):
    (room / "copying.py").write_text("another")
    assert kind.choose([])


@pytest.mark.parametrize(("setting", "plain"), [("1", True), ("yes", True), ("0", False), ("", False)])
def test_the_environment_forces_the_plain_kind(room, monkeypatch, setting, plain):
    monkeypatch.setenv("AUTOGRAD_PURE_PYTHON", setting)
    path = []
    assert kind.choose(path) is not plain
    assert bool(path) is not plain


def test_what_another_python_built_is_not_looked_at(room):
    (kind.BUILT / kind.STAMP).rename(kind.BUILT / "sources.cpython-399-elsewhere.so.txt")
    assert not kind.choose([])


def test_every_module_runs_as_the_engine_says():
    """Also the fallback of a module that is declared but was left out would be a lie."""
    for path in kind.modules():
        __import__(f"autograd.engine.{path.stem}")
        loaded = sys.modules[f"autograd.engine.{path.stem}"].__file__
        assert loaded.endswith(".py") is not engine.compiled
