"""The command: what it prints and writes, its exit statuses, and streams that take little."""

import importlib
import math
import os
import re
import shutil
import subprocess
import sys
import unicodedata
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

import autograd
from autograd.command import backprop

ROOT = Path(__file__).parents[3]
ERROR = ["0.5*(t - sigmoid(w*a))**2", "w=0.5", "a=2", "t=1"]


def process(*arguments, encoding="utf-8", redirect="", **environment):
    command = [sys.executable, "-m", "autograd", *arguments]
    if redirect:
        command = ["sh", "-c", f'exec "$@" {redirect}', "sh", *command]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": encoding, **environment}
    return subprocess.run(command, capture_output=True, encoding=encoding, env=environment, timeout=120)


@pytest.fixture
def run(capsys):
    def call(*arguments):
        status = backprop.main(arguments)
        return status, *capsys.readouterr()

    return call


def test_value_gradients_and_derivation(run):
    status, out, err = run(*ERROR)
    assert (status, err) == (0, "")
    y = 0.7310585786300049  # 1/(1 + exp(-1))
    found = dict(re.findall(r"^(\S+) = (\S+)$", out.partition("\n---")[0], re.MULTILINE))
    assert float(found.pop("f")) == pytest.approx(0.5 * (1 - y) ** 2, rel=1e-15)
    expected = {"∂f/∂w": (y - 1) * y * (1 - y) * 2, "∂f/∂a": (y - 1) * y * (1 - y) * 0.5, "∂f/∂t": 1 - y}
    assert list(found) == list(expected)
    for name, number in found.items():
        assert float(number) == pytest.approx(expected[name], rel=1e-14)
    assert out.count("Closed form") == 3
    assert "∂f/∂v2 = v2 − t = −0.268941" in out


NEURON = ["--against", "y = sigmoid(w*x + b); (t - y)**2", "w=0.5", "x=2", "b=0", "t=1", "--wrt", "w,b"]


def neuron_sheet(path, factor=2.0, rows=4):
    """One neuron, trained by hand; right if its gradients have the factor 2."""
    w, b, lines = 0.5, 0.0, ["x,t,w,b,y,E,∂E/∂w,∂E/∂b"]
    for _ in range(rows):
        y = 1 / (1 + math.exp(-(w * 2 + b)))
        slope = factor * (y - 1) * y * (1 - y)
        lines.append(",".join(map(repr, [2.0, 1.0, w, b, y, (1 - y) ** 2, slope * 2, slope])))
        w, b = w - 0.5 * slope * 2, b - 0.5 * slope
    path.write_text("\n".join(lines), encoding="utf-8")
    return str(path)


def test_a_sheet_and_a_class_of_another_network(run, tmp_path):
    (tmp_path / "class").mkdir()
    right = neuron_sheet(tmp_path / "class" / "ada.csv")
    assert run("check", right, *NEURON)[0] == 0
    wrong = neuron_sheet(tmp_path / "class" / "alan.csv", factor=1.0)
    status, out, _ = run("check", *NEURON, wrong)
    assert status == 1
    assert "WRONG: 2 of 8 columns: ∂E/∂w, ∂E/∂b" in out
    where = ["--out", str(tmp_path / "out"), "--jobs", "1"]
    status, out, _ = run("check", str(tmp_path / "class"), *NEURON, *where)
    assert status == 1
    table = (tmp_path / "out" / "class.csv").read_text(encoding="utf-8")
    assert len(re.findall("right", table)) >= 1
    (tmp_path / "names.csv").write_text("name\nAda\nAlan\n")
    status, _, _ = run(
        "assignment", str(tmp_path / "names.csv"), *NEURON, "--out", str(tmp_path / "new"), "--csv"
    )
    assert status == 0
    assert len(list((tmp_path / "new").rglob("*.csv"))) == 5


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--against", "(w-t)**2", "w=1", "t=0"], "needs --wrt NAMES"),
        (["--against", "(w-t)**2", "w=1", "--wrt", "w"], "t has no number: add t=NUMBER"),
        (["--against", "(w-t)**2", "w=1", "t=0", "--wrt", "v"], "--wrt v: the expression has w, t"),
        (["--against", "__import__('os')", "--wrt", "w"], "__import__"),
        (["--against"], "expected one argument"),
    ],
)
def test_another_network_that_cannot_be_used(run, arguments, reason, tmp_path):
    status, out, err = run("check", neuron_sheet(tmp_path / "sheet.csv"), *arguments)
    assert (status, out) == (2, "")
    assert reason in err


def test_wrt_digits_and_quiet(run):
    _, out, _ = run(*ERROR, "--wrt", "a,w", "--wrt", "a", "--quiet")
    assert re.findall(r"∂f/∂\w", out) == ["∂f/∂a", "∂f/∂w"]
    assert "Chain rule" not in out
    _, out, _ = run(*ERROR, "--wrt=w", "--digits=3")
    assert "∂f/∂w = −0.106" in out


@pytest.mark.parametrize("typed", ["µ", "μ", "ﬁ", "fi"])
def test_two_spellings_of_a_name_are_one_name(run, typed):
    """As they are to Python: of two letters that look alike, a keyboard has one and an alphabet the other."""
    name = unicodedata.normalize("NFKC", typed)
    status, out, err = run(f"{typed}*2", f"{typed}=3", "--wrt", typed, "--quiet")
    assert (status, out, err) == (0, f"f = 6.0\n\n∂f/∂{name} = 2.0\n", "")
    assert run(f"{typed}*2", f"{name}=3", "--quiet") == run(f"{name}*2", f"{typed}=3", "--quiet")


def test_higher_orders_stand_once_each(run):
    status, out, _ = run("x**3 * y", "x=2", "y=1/4", "--order", "3", "--quiet")
    found = dict(re.findall(r"^(\S+) += (\S+)$", out, re.MULTILINE))
    assert status == 0
    assert found == {
        "f": "2.0", "∂f/∂x": "3.0", "∂f/∂y": "8.0",
        "∂²f/∂x²": "3.0", "∂²f/∂x∂y": "12.0", "∂²f/∂y²": "0.0",
        "∂³f/∂x³": "1.5", "∂³f/∂x²∂y": "12.0", "∂³f/∂x∂y²": "0.0", "∂³f/∂y³": "0.0",
    }  # fmt: skip


def test_an_expression_may_begin_with_a_minus_and_steps_have_names(run):
    _, out, _ = run("-x", "x=-3", "--quiet")
    assert out.startswith("f = 3.0\n")
    _, out, _ = run("f = x*x; E = 2*f", "x=3")
    assert "∂E/∂x = ∂E/∂f · ∂f/∂x" in out


@pytest.mark.parametrize("text", ["3", "x=3; x"])
def test_an_expression_without_names_has_a_value_alone(run, text):
    status, out, _ = run(text)
    assert (status, out.split()[-1]) == (0, "3.0")


def test_what_it_writes(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    status, out, err = run(
        *ERROR, "--wrt", "w", "--quiet", "--draw", "g.dot", "--page", "p.html", "--workbook", "t.csv",
        "--epochs", "3", "--lr", "2",
    )  # fmt: skip
    assert (status, err) == (0, "")
    assert re.findall("wrote (.*)", out) == ["g.dot", "p.html", "t.csv"]
    assert Path("g.dot").read_text(encoding="utf-8").startswith("digraph")
    assert ERROR[0] in Path("p.html").read_text(encoding="utf-8")
    rows = Path("t.csv").read_text(encoding="utf-8").splitlines()
    assert len(rows) == 1 + 3
    assert float(rows[2].split(",")[rows[0].split(",").index("w")]) == pytest.approx(
        0.5 + 2 * 0.10575418556853
    )


@pytest.mark.render
def test_a_drawing_is_rendered(run, tmp_path):
    status, _, err = run(*ERROR, "--draw", str(tmp_path / "g.svg"))
    assert (status, err) == (0, "")
    assert ElementTree.parse(tmp_path / "g.svg").getroot().tag.endswith("svg")


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["x^2", "x=1"], "error: write a power as **\n  x^2\n   ^\n"),
        (["x"], "error: x has no number: add x=NUMBER\n  x\n  ^\n"),
        (["x", "x=1", "y=2"], "y has a number, but is not in the expression"),
        (["x", "x=1", "x=2"], "x is given twice"),
        (["x", "x=--inf"], "x: inf has no number"),
        (["x", "x=1+"], "x: expected a number, a name or a bracket here\n  1+\n"),
        (["x", "1"], "'1' is not NAME=NUMBER"),
        (["x", "x=1", "--wrt", "y"], "--wrt y: the expression has x"),
        (["3", "--wrt", "y"], "--wrt y: the expression has no names"),
        (["x", "x=1", "--order", "0"], "whole number from 1 to 8"),
        (["x", "x=1", "--order", "1" * 5000], "whole number from 1 to 8"),
        (
            ["a+b+c+d+f+g+h", *(f"{n}=1" for n in "abcdfgh"), "--order", "8"],
            "has more than 1,000 derivatives",
        ),
        (["x", "x=1", "--drow", "g.svg"], "unrecognized arguments: --drow"),
        (
            ["x", "x=1", "--draw", "/no/folder/g.svg"],
            "--draw /no/folder/g.svg: cannot save g.svg: there is no folder",
        ),
        (["x", "x=1", "--page", "p.txt"], "--page p.txt: "),
        (["floor(x)*gelu(x)", "x=1", "--workbook", "w.txt"], "--workbook w.txt: "),
        (["x", "x=1", "--print-completion", "cmd"], "--print-completion"),
    ],
)
def test_what_cannot_be_used_is_told_with_status_2(run, arguments, reason):
    status, _, err = run(*arguments)
    assert status == backprop.USAGE
    assert err.startswith("backprop: error: ")
    assert reason in err


@pytest.mark.parametrize("arguments", [[], ["--help"], ["-h"]])
def test_help_says_all(run, arguments):
    status, out, _ = run(*arguments)
    assert status == 0
    for word in (
        "softplus",
        "exit status",
        "--order",
        "dot([w1, w2]",
        "backprop demo",
        "backprop check",
        "pi, e, tau",
    ):
        assert word in out
    assert max(map(len, out.splitlines())) <= 100


def test_version(run):
    assert run("--version")[1] == f"backprop {autograd.__version__}\n"


def test_an_interrupt_and_a_fault_have_statuses_of_their_own(run, monkeypatch):
    def interrupted(options):
        raise KeyboardInterrupt

    monkeypatch.setattr(backprop, "_answer", interrupted)
    assert run(*ERROR)[::2] == (130, "backprop: interrupted\n")
    monkeypatch.setattr(backprop, "_answer", lambda options: 1 / 0)
    status, _, err = run(*ERROR)
    assert status == 70
    assert "an error in this program, not in its input: ZeroDivisionError" in err


def test_the_demos_of_the_checkout(run):
    status, out, _ = run("demo")
    assert status == 0
    assert "assignment" in out
    assert run("demo", "no_such_demo")[0] == 2


def test_without_a_checkout_there_are_no_demos(run, monkeypatch, tmp_path):
    monkeypatch.setattr(autograd, "__file__", str(tmp_path / "autograd" / "__init__.py"))
    status, _, err = run("demo")
    assert status == 2
    assert "the demos are not installed with the library: they run in a checkout" in err


def test_a_sheet_is_checked_with_the_statuses_of_the_checker(run, tmp_path):
    """The first row of the assignment by plain arithmetic, right and with the usual slip."""
    i1, i2, t = 0.05, 0.10, 0.5
    w1, w2, w3, w4, w5, w6, w7, w8 = 0.15, 0.20, 0.25, 0.30, 0.40, 0.45, 0.50, 0.55
    h1, h2 = w1 * i1 + w2 * i2, w3 * i1 + w4 * i2
    a_h1, a_h2 = 1 / (1 + math.exp(-h1)), 1 / (1 + math.exp(-h2))
    o1, o2 = w5 * a_h1 + w6 * a_h2, w7 * a_h1 + w8 * a_h2
    a_o1, a_o2 = 1 / (1 + math.exp(-o1)), 1 / (1 + math.exp(-o2))
    E1, E2 = (t - a_o1) ** 2 / 2, (t - a_o2) ** 2 / 2
    d1, d2 = (a_o1 - t) * a_o1 * (1 - a_o1), (a_o2 - t) * a_o2 * (1 - a_o2)
    at_h1, at_h2 = d1 * w5 + d2 * w7, d1 * w6 + d2 * w8
    forward = {
        "i1": i1, "i2": i2, "t1": t, "t2": t, "w1": w1, "w2": w2, "w3": w3, "w4": w4, "w5": w5, "w6": w6,
        "w7": w7, "w8": w8, "h1": h1, "a_h1": a_h1, "h2": h2, "a_h2": a_h2, "o1": o1, "a_o1": a_o1, "o2": o2,
        "a_o2": a_o2, "E1": E1, "E2": E2, "E_total": E1 + E2,
    }  # fmt: skip
    names = [*forward, *(f"∂E/∂w{i}" for i in range(1, 9))]
    statuses = []
    for a in (a_h2, a_h1):
        s1, s2 = at_h1 * a_h1 * (1 - a_h1), at_h2 * a * (1 - a)
        slopes = [s1 * i1, s1 * i2, s2 * i1, s2 * i2, d1 * a_h1, d1 * a_h2, d2 * a_h1, d2 * a_h2]
        row = [*forward.values(), *slopes]
        sheet = tmp_path / "sheet.csv"
        sheet.write_text(f"{','.join(names)}\n{','.join(map(repr, row))}\n", encoding="utf-8")
        status, out, err = run("check", str(sheet))
        statuses.append(status)
        assert err == ""
    assert statuses == [0, 1]
    assert "∂E/∂w3" in out
    assert run("check", str(tmp_path / "none.csv"))[0] == 2
    assert run("check", "--help")[0] == 0
    assert run("check")[0] == 2


def test_completion_needs_its_extra(run, monkeypatch):
    monkeypatch.setitem(sys.modules, "shtab", None)
    status, _, err = run("--print-completion", "bash")
    assert status == 2
    assert "scalar-autograd[completion]" in err


@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_completion_knows_the_options(run, shell):
    pytest.importorskip("shtab", reason="shtab is in the extra completion")
    status, out, _ = run(f"--print-completion={shell}")
    assert status == 0
    assert "--workbook" in out


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash")
@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (["--wo"], ["--workbook"]),
        (["ch"], ["check"]),
        ([""], ["assignment", "check", "demo"]),
        (["x", "--page", "a"], ["a.html"]),
        (["check", "a"], ["a.html"]),
    ],
)
def test_bash_completes(run, words, offered, tmp_path):
    """By bash itself, as it does when a user presses the tab key."""
    pytest.importorskip("shtab", reason="shtab is in the extra completion")
    (tmp_path / "a.html").touch()
    _, out, _ = run("--print-completion", "bash")
    typed = " ".join(f"'{word}'" for word in words)
    pressed = f"COMP_WORDS=(backprop {typed}); COMP_CWORD={len(words)}; _shtab_backprop"
    script = f"{out}\n{pressed}; echo ${{COMPREPLY[@]}}"
    done = subprocess.run(["bash", "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert (done.stdout.split(), done.stderr) == (offered, "")


def test_as_a_module_in_letters_that_the_terminal_has():
    done = process(*ERROR, "--wrt", "w", encoding="cp1252")
    assert (done.returncode, done.stderr) == (0, "")
    assert "df/dw = -0.1057" in done.stdout
    assert process("é\x1b[2J", encoding="utf-8").stderr.count("\x1b") == 0


@pytest.mark.skipif(sys.platform == "win32", reason="redirections of a POSIX shell")
@pytest.mark.parametrize(
    ("redirect", "status"), [(">&-", 0), ("2>&-", 0), ("<&-", 0), (">&- 2>&- <&-", 0), ("| head -c 1", 0)]
)
def test_closed_streams_and_readers_that_leave(redirect, status):
    done = process(*ERROR, redirect=redirect)
    assert (done.returncode, done.stderr) == (status, "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
def test_a_full_disk_is_told():
    done = process("3", redirect="> /dev/full")
    assert done.returncode == 70
    assert "could not be written: No space left on device" in done.stderr


def test_the_fault_shows_in_development_mode():
    program = "from autograd.command import backprop as b; b._answer = lambda o: 1/0; b.main(['3'])"
    done = subprocess.run(
        [sys.executable, "-X", "dev", "-c", program], cwd=ROOT, capture_output=True, text=True
    )
    assert "ZeroDivisionError" in done.stderr.splitlines()[-1]


def test_the_script_of_the_wheel_is_the_same():
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    module, function = re.search(r'^backprop = "(.*):(.*)"$', text, re.MULTILINE).groups()
    assert getattr(importlib.import_module(module), function) is backprop.run
