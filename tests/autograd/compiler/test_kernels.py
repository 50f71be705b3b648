"""Native kernels on disk: found again, never trusted blindly, and never an error."""

import itertools
import os
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest

from autograd import Training, exp
from autograd.compiler import kernels, machine
from nn import MLP, Adam, fit
from tests.support.compiled import needs_llvmlite, program_of

ROOT = Path(__file__).parents[3]
KEY = "0123456789abcdef"
posix = pytest.mark.skipif(not hasattr(os, "getuid"), reason="Windows has no owners of files as these")


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A cache of its own, and nothing known in this process."""
    place = tmp_path / "a folder" / "kernels"
    monkeypatch.setenv("AUTOGRAD_CACHE", str(place))
    monkeypatch.setattr(machine, "_known", type(machine._known)())
    return place


@pytest.fixture
def translations(place, monkeypatch):
    """The texts that LLVM was given."""
    texts, translated = [], machine._translated
    monkeypatch.setattr(machine, "_translated", lambda text: texts.append(text) or translated(text))
    return texts


def forget():
    """As another process would begin."""
    machine._known.clear()


def value():
    return program_of(lambda w, x: exp(w[0] * x[0]), 1, 1, backend="llvm")([0.5], [[1.0], [2.0]])


@needs_llvmlite
def test_a_kernel_is_translated_once_for_all_processes(place, translations):
    first = value()
    assert len(translations) == len(list(place.iterdir())) == 1
    forget()
    assert value() == first
    assert len(translations) == 1


@needs_llvmlite
def test_a_second_process_writes_no_text_and_translates_nothing(place):
    """Its numbers are the same to the bit; derivatives and trainings too."""
    script = (
        "import numpy as np\n"
        "from autograd.compiler import machine\n"
        "from autograd.compiler.llvm import backend\n"
        "from tests.autograd.compiler.test_kernels import everything\n"
        "calls = []\n"
        "built = backend.NativeProgram._built\n"
        "backend.NativeProgram._built = lambda *args: calls.append(args) or built(*args)\n"
        "print(everything().hex(), len(calls))"
    )

    def run():
        told = subprocess.run(
            [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=120, check=True
        )
        return told.stdout.split()

    (first, made), (second, none) = run(), run()
    assert first == second
    assert int(made) >= 3
    assert int(none) == 0


def everything():
    """The bytes of a gradient, of a Hessian, and of a network after a training."""
    program = program_of(lambda w, x: exp(w[0] * x[0]), 1, 1, backend="llvm")
    batch = np.linspace(-1.0, 1.0, 9)[:, None]
    model = MLP(1, [3, 1], "tanh", seed=0)
    options = {"loss": "mse_loss", "optimizer": Adam(model.parameters()), "progress": False, "seed": 0}
    fit(model, batch, batch[:, 0], epochs=3, batch_size=4, backend="llvm", **options)
    numbers = [*program([0.5], batch)[1], *program.hessian([0.5], batch).ravel()]
    return np.array([*numbers, *[w.data for w in model.parameters()]]).tobytes()


@needs_llvmlite
def test_the_key_names_the_code_and_what_translates_it(place, monkeypatch):
    key = machine.key("a")
    assert key != machine.key("b")
    with monkeypatch.context() as patch:
        patch.setattr(machine.tuning, "WIDE", 1)
        assert machine.key("a") != key
    assert machine.key("a") == key
    monkeypatch.setattr(machine, "_own_sources", lambda: "another version")
    assert machine.key("a") != key


@pytest.mark.slow
@needs_llvmlite
def test_kernels_with_one_specification_have_one_code(place, monkeypatch):
    """Whatever the program is that asks for them: a kernel for wider batches reads behind a narrow one."""
    codes, function = {}, machine.function

    def remember(specification, signature, build):
        codes.setdefault(specification, set()).add(build()[1])
        return function(specification, signature, build)

    monkeypatch.setattr(machine, "function", remember)
    bodies = [lambda w, x: w[0] * w[0], lambda w, x: w[-1] * (x[0] if x else 3.0)]
    for body, P, inputs, reduce in itertools.product(bodies, (1, 2), (0, 1, 2), ("mean", "sum")):
        program = program_of(body, P, inputs, reduce=reduce, backend="llvm")
        parameters, batch, rates = np.ones(P), np.ones((1, inputs)), np.array([0.5])
        program(parameters, batch)
        program.evaluate(parameters, batch)
        for wrt, N in ("parameters", P), ("inputs", inputs):
            program.jvp(parameters, batch, np.ones(N), wrt)
            program.hessian(parameters, batch, wrt)
        for clip in (None, 1.0):
            program.train(Training.of(np.ones(P), batch, [np.array([0])], rates, clip_norm=clip))
    assert len(codes) > 20
    assert {len(each) for each in codes.values()} == {1}


@needs_llvmlite
@pytest.mark.parametrize("damage", ["cut", "changed", "empty", "a folder"])
def test_a_damaged_file_is_noticed_and_made_again(damage, place, translations):
    first = value()
    (path,) = place.iterdir()
    content = path.read_bytes()
    middle = len(content) // 2
    if damage == "a folder":
        path.unlink()
        path.mkdir()
    else:
        changed = {
            "cut": content[:middle],
            "empty": b"",
            "changed": content[:middle] + b"?" + content[middle + 1 :],
        }
        path.write_bytes(changed[damage])
    forget()
    assert value() == first
    assert len(translations) == 2
    if damage != "a folder":
        assert path.read_bytes() == content


def test_the_file_of_another_kernel_is_damage(place):
    """It is whole, and native code that is called with the arguments of another ends the process."""
    kernels.store(KEY, b"code")
    kernels.store("another", b"other code")
    (place / KEY).write_bytes((place / "another").read_bytes())
    assert (kernels.load(KEY), kernels.load("another")) == (None, b"other code")


@posix
@pytest.mark.parametrize(
    "spoil",
    [
        lambda place: (place / KEY).chmod(0o666),
        lambda place: place.chmod(0o777),
        lambda place: (place / KEY).chmod(0o620),
    ],
)
def test_what_others_may_write_is_not_loaded(spoil, place):
    """Object code from a shared folder would be their code."""
    kernels.store(KEY, b"code")
    assert kernels.load(KEY) == b"code"
    spoil(place)
    assert kernels.load(KEY) is None


@posix
def test_what_belongs_to_another_user_is_not_loaded(place, monkeypatch):
    kernels.store(KEY, b"code")
    monkeypatch.setattr(os, "getuid", lambda: os.stat(place).st_uid + 1)
    assert kernels.load(KEY) is None
    kernels.store("another", b"code")
    assert not (place / "another").exists()


def test_a_platform_without_owners_has_none_to_check(place, monkeypatch):
    monkeypatch.delattr(os, "getuid", raising=False)
    kernels.store(KEY, b"code")
    assert kernels.load(KEY) == b"code"


@pytest.mark.parametrize("name", ["off", "OFF", "0", "no"])
def test_it_can_be_turned_off(name, monkeypatch):
    monkeypatch.setenv("AUTOGRAD_CACHE", name)
    assert kernels.folder() is None
    kernels.store(KEY, b"code")
    assert kernels.load(KEY) is None


def test_by_default_it_is_the_users_cache_folder(monkeypatch):
    monkeypatch.delenv("AUTOGRAD_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", "/the/users/caches")
    platformdirs = pytest.importorskip("platformdirs", reason="platformdirs is in the extra jit")
    assert kernels.folder() == platformdirs.user_cache_path("scalar-autograd", appauthor=False) / "kernels"
    monkeypatch.setitem(sys.modules, "platformdirs", None)
    assert kernels.folder() is None


@pytest.mark.parametrize("bad", ["a file", "/dev/null/kernels", "no\0name"])
def test_a_folder_that_cannot_be_is_no_error(bad, tmp_path, monkeypatch):
    file = tmp_path / "a file"
    file.write_text("")
    name = str(file) if bad == "a file" else bad
    monkeypatch.setattr(kernels.os, "environ", {"AUTOGRAD_CACHE": name})
    kernels.store(KEY, b"code")
    assert kernels.load(KEY) is None


def test_a_full_disk_is_no_error(place, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(kernels, "write_bytes", full)
    kernels.store(KEY, b"code")
    assert kernels.load(KEY) is None


def test_the_kernels_that_were_used_last_are_kept(place, monkeypatch):
    monkeypatch.setattr(kernels, "LARGEST", 5 * 132)
    for number in range(5):
        kernels.store(f"{number}", bytes(100))
        os.utime(place / f"{number}", (number, number))
    assert kernels.load("0") == bytes(100)  # now it is the latest
    kernels.store("5", bytes(100))
    assert sorted(path.name for path in place.iterdir()) == ["0", "2", "3", "4", "5"]


def store_often(folder, number):
    os.environ["AUTOGRAD_CACHE"] = folder
    for turn in range(40):
        kernels.store(KEY, bytes([number]) * (1000 + turn))
        found = kernels.load(KEY)
        assert found is not None
        assert len(set(found)) == 1
    return True


@pytest.mark.slow
def test_processes_may_write_the_same_kernel_at_the_same_time(place):
    """Each reads a whole file: the one or the other."""
    with ProcessPoolExecutor(3, mp_context=get_context("spawn")) as pool:
        assert all(pool.map(store_often, [str(place)] * 3, range(3)))
