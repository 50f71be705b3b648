"""All that writes a file does it in one way: a full disk, a link, a pipe, a long name."""

import functools
import os
import resource
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from autograd import Value, draw, explore, save_workbook, write_bytes, write_csv, write_text
from nn import MLP, SGD, Checkpoint, diagram, fit, save, to_onnx
from nn import plots as charts

ROOT = Path(__file__).parents[2]


@functools.cache
def loss():
    w, x = Value(0.5, "w"), Value(3.0, "x")
    error = (w * x - 6.0) ** 2
    error.label = "E"
    return w, error


@functools.cache
def model():
    return MLP(2, [2, 1], seed=0)


def trained(**options):
    model = MLP(1, [1], seed=0)
    data = {"X": [[0.0], [1.0]], "y": [0.0, 1.0], "loss": "mse_loss"}
    return fit(
        model, **data, optimizer=SGD(model.parameters(), 0.1), epochs=1, seed=0, progress=False, **options
    )


def figure(path):
    with charts.canvas(2.0) as canvas:
        charts.save(canvas, path)


render, plots, xlsx, onnx = "pygraphviz", "matplotlib", "xlsxwriter", "onnx"
WRITERS = {  # by its name: the suffix, the library that it needs, and what writes
    "write_bytes": ("", None, lambda path: write_bytes(path, bytes(300))),
    "write_text": (".txt", None, lambda path: write_text(path, 300 * "a")),
    "write_csv": (".csv", None, lambda path: write_csv(path, ["a", "b"], [[1.0, 2.0]] * 100)),
    "draw, DOT": (".dot", None, lambda path: draw(loss()[1]).save(path)),
    "draw, SVG": (".svg", render, lambda path: draw(loss()[1]).save(path)),
    "diagram, PDF": (".pdf", render, lambda path: diagram(model()).save(path)),
    "explore": (".html", render, lambda path: explore(loss()[1], path)),
    "workbook": (".xlsx", xlsx, lambda path: save_workbook(loss()[1], [loss()[0]], path, epochs=3)),
    "workbook, CSV": (".csv", None, lambda path: save_workbook(loss()[1], [loss()[0]], path, epochs=9)),
    "save": (".json", None, lambda path: save(model(), path)),
    "history, checkpoint": (".json", None, lambda path: trained().save(path)),
    "callback": (".json", None, lambda path: trained(callbacks=[Checkpoint(path)])),
    "history, CSV": (".csv", None, lambda path: trained().to_csv(path)),
    "history, PNG": (".png", plots, lambda path: trained().plot(path)),
    "history, SVG": (".svg", plots, lambda path: trained().plot(path)),
    "to_onnx": (".onnx", onnx, lambda path: to_onnx(model(), path)),
    "charts": (".svg", plots, figure),
}


@pytest.fixture(params=list(WRITERS))
def writer(request):
    suffix, library, write = WRITERS[request.param]
    if library:
        pytest.importorskip(library, reason=f"{library} is in an extra")
    return suffix, write


def test_a_full_disk_leaves_the_old_file(writer, tmp_path):
    suffix, write = writer
    path = tmp_path / f"file{suffix}"
    write(path)
    old = path.read_bytes()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    for size in (0, 10, len(old) - 1):
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
        try:
            with pytest.raises(OSError, match="File too large"):
                write(path)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        assert path.read_bytes() == old
    assert os.listdir(tmp_path) == [path.name]


def test_a_link_is_written_through_and_the_mode_kept(writer, tmp_path):
    suffix, write = writer
    path, link = tmp_path / f"{'n' * (255 - len(suffix))}{suffix}", tmp_path / f"link{suffix}"
    path.write_bytes(b"")
    path.chmod(0o640)
    link.symlink_to(path.name)
    write(link)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert path.stat().st_size > 50
    assert link.is_symlink()
    assert sorted(os.listdir(tmp_path)) == sorted([path.name, link.name])


def test_what_is_no_file_is_refused_and_stays(writer, tmp_path):
    suffix, write = writer
    pipe, folder = tmp_path / f"pipe{suffix}", tmp_path / f"folder{suffix}"
    os.mkfifo(pipe)
    folder.mkdir()
    for path in (pipe, folder, tmp_path / "nowhere" / f"file{suffix}"):
        with pytest.raises(OSError, match=r"not replaced by a file|names a folder|there is no folder"):
            write(path)
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    assert os.listdir(folder) == []


WATCHED = """
import os, sys
from tests.agreement import test_writers

folder, opened = sys.argv[1], []

def watch(event, arguments):
    if event == "open" and isinstance(arguments[0], (str, os.PathLike)):
        path, mode, flags = arguments
        writes = flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND)
        if writes and os.path.dirname(os.path.abspath(os.fspath(path))) == folder:
            opened.append(os.path.basename(path))

sys.addaudithook(watch)
for name, (suffix, library, write) in test_writers.WRITERS.items():
    opened.clear()
    try:
        library and __import__(library)
    except ImportError:
        continue
    write(test_writers.Path(folder, "file" + suffix))
    print(repr(name), *opened)
print(os.listdir(folder))
"""


@pytest.mark.slow
def test_nothing_but_the_temporary_file_is_opened(tmp_path):
    """Of Python's own files and of the libraries': none of them writes in the place of the old one."""
    done = subprocess.run(
        [sys.executable, "-c", WATCHED, str(tmp_path)], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    *lines, names = done.stdout.splitlines()
    assert len(lines) > 8
    for line in lines:
        _, *opened = line.rsplit("'", 1)[1].split(" ")
        assert opened
        assert all(name.startswith(".") and name.endswith(".part") and len(name) == 38 for name in opened), (
            line
        )
    assert ".part" not in names
