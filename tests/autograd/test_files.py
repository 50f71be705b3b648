"""Files appear whole or not at all: at every moment of a kill, on a full disk, over whatever stands there."""

import csv
import io
import os
import resource
import socket
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd import files, require_writable, write_bytes, write_csv, write_text
from tests.support.labels import LABELS

ROOT = Path(__file__).parents[2]


def listing(folder):
    return sorted(path.name for path in folder.iterdir())


# --- kills, full disks, others who write -------------------------------------------------------------

# Kills itself at the nth thing that Python does with files, for n = 1, 2, ... until it comes to the end.
KILLED = """
import os, signal, sys
from autograd import write_bytes

path, old, new = sys.argv[1], b"old" * 1000, b"new" * 100_000
for n in range(1, 1000):
    write_bytes(path, old)
    child = os.fork()
    if not child:
        count = [0]
        def watch(event, arguments):
            count[0] += event.partition(".")[0] in ("open", "os", "fcntl")
            if count[0] == n:
                os.kill(os.getpid(), signal.SIGKILL)
        sys.addaudithook(watch)
        write_bytes(path, new)
        os._exit(0)
    status = os.waitpid(child, 0)[1]
    with open(path, "rb") as file:
        there = file.read()
    assert there in (old, new), (n, len(there))
    left = len(os.listdir(os.path.dirname(path))) - 1
    print(status, there == new, left)
    if not status:
        break
write_bytes(path, new)
print(os.listdir(os.path.dirname(path)))
"""


def test_killed_at_any_moment_the_file_is_whole_and_the_next_one_clears_up(tmp_path):
    command = [sys.executable, "-c", KILLED, str(tmp_path / "file")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    *moments, names = done.stdout.splitlines()
    statuses, news, left = zip(*(moment.split() for moment in moments))
    assert len(moments) > 5  # it was killed at that many moments
    assert set(statuses[:-1]) == {"9"}
    assert statuses[-1] == "0"
    assert news == tuple(sorted(news))  # first the old file, from some moment on the new one
    assert set(left) == {"0", "1"}  # something was left over
    assert names == "['file']"


@pytest.mark.parametrize("size", [0, 1, 1000, 299_999])
def test_a_full_disk_leaves_the_old_file(size, tmp_path):
    path = tmp_path / "file"
    write_bytes(path, b"old" * 1000)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            write_bytes(path, b"new" * 100_000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert path.read_bytes() == b"old" * 1000
    assert listing(tmp_path) == ["file"]


def test_what_others_are_still_writing_is_not_cleared_away(tmp_path):
    with files._beside(tmp_path / "other", 0o666) as temporary:
        temporary.write_bytes(b"half")
        (tmp_path / f".{'0' * 32}.part").write_bytes(b"left over")
        (tmp_path / f".{'0' * 32}.part.txt").write_bytes(b"not ours")
        (tmp_path / f".{'1' * 32}.part").symlink_to("file")
        write_bytes(tmp_path / "file", b"")
        assert temporary.read_bytes() == b"half"
    assert listing(tmp_path) == [f".{'0' * 32}.part.txt", f".{'1' * 32}.part", "file"]


def test_a_disk_without_locks_is_written_too(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "_locked", lambda descriptor, wait: False)
    (tmp_path / f".{'0' * 32}.part").write_bytes(b"of nobody knows whom")
    write_bytes(tmp_path / "file", b"whole")
    assert (tmp_path / "file").read_bytes() == b"whole"
    assert listing(tmp_path) == [f".{'0' * 32}.part", "file"]


def test_one_that_is_cleared_away_before_it_was_locked_is_made_anew(tmp_path, monkeypatch):
    lock = files._locked

    def too_late(descriptor, wait):
        monkeypatch.setattr(files, "_locked", lock)
        for name in os.listdir(tmp_path):
            (tmp_path / name).unlink()
        return lock(descriptor, wait)

    monkeypatch.setattr(files, "_locked", too_late)
    write_bytes(tmp_path / "file", b"whole")
    assert (tmp_path / "file").read_bytes() == b"whole"
    assert listing(tmp_path) == ["file"]


def test_many_may_write_the_same_file(tmp_path):
    path = tmp_path / "file"
    contents = [bytes([letter]) * 5000 for letter in b"abcd"]
    write_bytes(path, contents[0])
    faults = []

    def work(content):
        for _ in range(40):
            try:
                write_bytes(path, content)
                assert path.read_bytes() in contents
            except BaseException as error:
                faults.append(error)

    threads = [threading.Thread(target=work, args=[content]) for content in contents]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []
    assert listing(tmp_path) == ["file"]


# --- what stands there -------------------------------------------------------------------------------


def make_node(path):
    if os.geteuid():
        pytest.skip("only root makes a device")
    os.mknod(path, stat.S_IFCHR | 0o666, os.makedev(1, 3))


def make_socket(path):
    with socket.socket(socket.AF_UNIX) as end:
        end.bind(str(path))


@pytest.mark.parametrize("make", [os.mkdir, os.mkfifo, make_socket, make_node])
@pytest.mark.parametrize("linked", [False, True])
def test_what_is_no_file_is_refused_and_stays(make, linked, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # the path of a socket is short
    make("thing")
    os.symlink("thing", "link")
    before = os.lstat("thing")
    for write in (
        lambda path: write_bytes(path, b"new"),
        lambda path: write_text(path, "new"),
        require_writable,
    ):
        with pytest.raises(OSError, match=r"is not replaced by a file|this names a folder"):
            write("link" if linked else "thing")
    assert (os.lstat("thing").st_ino, os.lstat("thing").st_mode) == (before.st_ino, before.st_mode)
    assert listing(tmp_path) == ["link", "thing"]


@pytest.mark.parametrize("there", [True, False])
def test_a_link_is_written_through(there, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("far").mkdir()
    if there:
        Path("far/real").write_bytes(b"old")
    os.symlink("far/real", "first")
    os.symlink(tmp_path / "first", "link")
    write_bytes("link", b"new")
    assert Path("far/real").read_bytes() == b"new"
    assert [os.readlink("first"), os.readlink("link")] == ["far/real", str(tmp_path / "first")]
    assert listing(tmp_path / "far") == ["real"]
    os.symlink("loop", "loop")
    with pytest.raises(OSError, match="symbolic links"):
        write_bytes("loop", b"new")


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o666, 0o751, 0o604])
def test_the_mode_is_kept_and_that_of_a_new_file_is_the_systems(mode, tmp_path):
    old, new = tmp_path / "old", tmp_path / "new"
    old.write_bytes(b"")
    old.chmod(mode)
    umask = os.umask(0o027)
    try:
        write_bytes(old, b"again")
        write_bytes(new, b"new")
    finally:
        os.umask(umask)
    assert stat.S_IMODE(old.stat().st_mode) == mode
    assert stat.S_IMODE(new.stat().st_mode) == 0o640


def test_a_file_that_is_not_to_be_written_stays(tmp_path, monkeypatch):
    path = tmp_path / "file"
    path.write_bytes(b"old")
    path.chmod(0o444)
    monkeypatch.setattr(os, "access", lambda path, mode: bool(os.stat(path).st_mode & 0o222))  # also for root
    with pytest.raises(PermissionError, match="this file is not to be written"):
        write_bytes(path, b"new")
    assert path.read_bytes() == b"old"


@pytest.mark.parametrize("name", ["n" * 255, "é" * 127 + "n", "\n\x1b[2J", "-", " ", "'\"\\"])
def test_a_name_may_be_all_that_the_system_takes(name, tmp_path):
    write_bytes(tmp_path / name, b"whole")
    assert listing(tmp_path) == [name]
    with pytest.raises(OSError, match="too long"):
        write_bytes(tmp_path / (name + "n" * 255), b"")


@pytest.mark.parametrize(
    ("path", "error", "message"),
    [
        ("", IsADirectoryError, "names a folder"),
        ("new/", IsADirectoryError, "names a folder"),
        ("..", IsADirectoryError, "names a folder"),
        ("a\0b", ValueError, "NUL"),
        ("nowhere/file", FileNotFoundError, "cannot save file: there is no folder nowhere, make it first"),
        ("file/file", OSError, "Not a directory"),
    ],
)
def test_what_is_no_place_for_a_file_is_refused(path, error, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("file").write_bytes(b"")
    with pytest.raises(error, match=message):
        write_bytes(path, b"")
    assert listing(tmp_path) == ["file"]


# --- text --------------------------------------------------------------------------------------------


def test_half_of_a_surrogate_pair_is_refused_and_nothing_is_written(tmp_path):
    with pytest.raises(
        ValueError, match=r"half of a surrogate pair and no character: 'a name \\ud800'"
    ) as caught:
        write_text(tmp_path / "file", "a name \ud800")
    assert type(caught.value) is ValueError
    assert listing(tmp_path) == []


@given(st.lists(LABELS, min_size=1, max_size=4), st.lists(st.floats(), min_size=1, max_size=3))
def test_no_name_in_a_table_is_run_by_a_spreadsheet(tmp_path_factory, names, numbers):
    """Whatever it takes for the separator; and numbers are numbers to the last bit."""
    path = tmp_path_factory.getbasetemp() / "table.csv"
    write_csv(path, names, [[number] * len(names) for number in numbers])
    text = path.read_bytes().decode()
    assert len(text.splitlines()) == 1 + len(numbers)
    header, *rows = csv.reader(io.StringIO(text))
    assert [[repr(float(cell)) for cell in row] for row in rows] == [[repr(n)] * len(names) for n in numbers]
    assert len(header) == len(names)
    for separator in ",;|\t":
        for cell in next(csv.reader(io.StringIO(text), delimiter=separator)):
            assert cell.strip()[:1] not in set("=+-@＝＋－＠")
            assert not cell.strip().lower().startswith(("{=", "http:", "mailto:", "external:", "internal:"))


def test_an_ordinary_name_stays_and_a_long_one_says_so(tmp_path):
    names = ["w1", "∂E/∂w", "a - b", "x=1", "a, b", "n" * 100_000]
    write_csv(tmp_path / "t.csv", names, [])
    header = (tmp_path / "t.csv").read_text(encoding="utf-8")
    assert header == f'w1,∂E/∂w,a - b,x=1,"a, b","{"n" * 1000}… (99,000 more characters)"\n'
