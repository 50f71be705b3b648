"""The commands for a class: one line for what is wrong, the statuses of the check, and nothing is lost."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from autograd.command.backprop import main as backprop
from autograd.spreadsheet import assignment as problem
from autograd.spreadsheet.classes import checking, command, read_students
from demos import check
from demos.assignment import run as assignment
from tests.support.classes_made import USUAL, put, sheet

ROOT = Path(__file__).parents[4]


@pytest.fixture
def folder(tmp_path):
    return put(tmp_path / "class", {"Ada/x.csv": sheet(tmp_path), "Alan/x.csv": sheet(tmp_path, "usual")})


@pytest.mark.parametrize("main", [check.main, lambda argv: backprop(["check", *argv])])
def test_a_folder_is_checked_and_what_came_out_is_written(main, folder, tmp_path, capsys):
    out = tmp_path / "out"
    assert main([str(folder), "--out", str(out)]) == 1
    printed = capsys.readouterr()
    assert printed.err == ""
    assert f"1 × {USUAL}" in printed.out
    assert {path.name for path in out.iterdir()} == {
        "checked",
        "class.csv",
        "class.html",
        "nbgrader.csv",
        "students",
    }


def test_statuses(tmp_path, capsys):
    out = ["--out", str(tmp_path / "out")]
    put(tmp_path / "right", {"Ada/x.csv": sheet(tmp_path)})
    assert check.main([str(tmp_path / "right"), *out]) == 0
    put(tmp_path / "right", {"Alan/x.csv": b""})
    assert check.main([str(tmp_path / "right"), *out]) == 2


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["none", "--out", "o"], "there is no file or folder none"),
        (["class", "--hints", "all"], "--hints: invalid choice: 'all'"),
        (["class", "--seconds", "0"], "invalid number above 0 value: '0'"),
        (["class", "--lr", "nan"], "invalid number above 0 value: 'nan'"),
        (["class", "--jobs", "0"], "invalid whole number from 1 to 100,000 value: '0'"),
        (["class", "--weights", "none.toml"], "cannot read none.toml"),
        (["class", "--students", "none.csv"], "there is no file none.csv"),
        (["class", "--sheets"], "unrecognized arguments: --sheets"),
        (["class", "--out", "class/Ada/x.csv"], ": class/Ada/x.csv"),
        (["class/Ada/x.csv", "--out", "o"], "x.csv: the archive is damaged"),
        (["class", "--out", "a\0b"], "NUL character"),
    ],
)
def test_what_is_wrong_is_one_line(words, said, folder, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert check.main(words) == 2
    printed = capsys.readouterr()
    assert said in printed.err
    assert printed.err.startswith("python -m demos check: error: ")
    assert printed.err.count("\n") == 1


def test_a_sheet_alone_is_checked_as_before(tmp_path, capsys):
    (tmp_path / "x.csv").write_bytes(sheet(tmp_path))
    assert check.main([str(tmp_path / "x.csv")]) == 0
    assert "RIGHT" in capsys.readouterr().out


def test_interrupted_it_says_how_to_go_on(folder, tmp_path, monkeypatch, capsys):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(checking, "run", interrupted)
    assert check.main([str(folder), "--out", str(tmp_path / "out")]) == 130
    assert "the same command goes on" in capsys.readouterr().err


def test_a_real_interrupt_ends_it_in_seconds_and_the_next_run_goes_on(tmp_path):
    """Of many files some are checked by then, and kept; a busy machine may show the first a second late."""
    data = sheet(tmp_path, "usual", 40)
    folder = put(tmp_path / "class", {f"{k}/x.csv": data + b"\n" * k for k in range(1000)})
    out = tmp_path / "out"
    words = [sys.executable, "-m", "autograd", "check", str(folder), "--out", str(out), "--jobs", "1"]
    with subprocess.Popen(words, cwd=ROOT, stderr=subprocess.PIPE, text=True) as process:
        while not [*out.glob("checked/*.json")]:
            assert process.poll() is None
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        _, error = process.communicate(timeout=60)
    assert process.returncode == 130, error
    assert "interrupted. What is checked is kept" in error
    kept = len([*out.glob("checked/*.json")])
    assert 1 <= kept < 1000
    assert not (out / "class.html").exists()


@pytest.mark.parametrize("main", [lambda argv: backprop(["assignment", *argv]), None])
def test_numbers_are_handed_out(main, tmp_path, capsys):
    (tmp_path / "names.csv").write_text("name\nAda\nAlan\n", encoding="utf-8")
    out = tmp_path / "out"
    names = str(tmp_path / "names.csv")
    if main is None:
        assert assignment.main(["--students", names, "--out", str(out), "--seed", "7", "--epochs", "2"]) == 0
    else:
        assert main([names, "--out", str(out), "--seed", "7", "--epochs", "2"]) == 0
    assert "2 templates and keys" in capsys.readouterr().out
    assert {path.name for path in out.iterdir()} == {"templates", "keys", "numbers.csv"}
    students = read_students(out / "numbers.csv", problem().numbers)
    assert {each.name: each.numbers for each in students} == {
        name: problem().individual(f"7:{name}").numbers for name in ("Ada", "Alan")
    }


def test_what_cannot_be_handed_out_is_one_line(tmp_path, capsys):
    assert backprop(["assignment", str(tmp_path / "none.csv")]) == 2
    assert "there is no file" in capsys.readouterr().err
    assert assignment.main(["--students", str(tmp_path / "none.csv"), "--out", str(tmp_path)]) == 2
    assert "there is no file" in capsys.readouterr().err
    (tmp_path / "names.csv").write_text("Ada\n", encoding="utf-8")
    options = ["--students", str(tmp_path / "names.csv"), "--out", str(tmp_path), "--inputs", "1", "2"]
    assert assignment.main(options) == 2
    assert "leave out inputs, weights and targets" in capsys.readouterr().err


def test_which_words_are_about_a_class(folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert command.is_for_a_class(["class"])
    assert command.is_for_a_class(["x.csv", "--hints=none"])
    assert not command.is_for_a_class(["x.csv", "--lr", "0.5", "--explain"])
