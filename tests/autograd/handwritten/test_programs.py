"""The files of a class: each in a process of its own, and whatever it does, the others are checked."""

import json

import pytest

from autograd.handwritten import check_programs, save_results
from autograd.handwritten.command import main
from tests.support.small_engine import RIGHT, SLIPS

_SLIP = SLIPS["gelu: sign"]
PROGRAMS = {
    "right.py": (RIGHT, "right", ""),
    "wrong.py": (RIGHT.replace(_SLIP[0], _SLIP[1]), "wrong", "gelu()"),
    "prints.py": (RIGHT + "\nprint('{}' * 1000)\n", "right", ""),
    "loops.py": ("while True: pass", "failed", "seconds"),
    "grows.py": ("x = bytearray(10**11)", "failed", "memory"),
    "ends.py": ("import os; os._exit(0)", "failed", "without a result"),
    "leaves.py": ("import sys; sys.exit(3)", "failed", "SystemExit"),
    "broken.py": ("def f(:", "failed", "SyntaxError"),
    "empty.py": ("", "failed", "no class Value"),
    "numpy.py": (RIGHT, "right", ""),
}
CHECK = """
from autograd import check_gradients

def check(student):
    return [check_gradients(student.gradient, lambda x: x * x, [3.0])]
"""


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    folder = tmp_path_factory.mktemp("class")
    for name, (text, *_) in PROGRAMS.items():
        path = folder / name
        path.write_text(text, encoding="utf-8")
    endless = folder / "loops.py"
    others = [folder / name for name in PROGRAMS if name != endless.name]
    found = [*check_programs([endless], seconds=1), *check_programs(others)]
    return {each.file.rpartition("/")[2]: each for each in found}


@pytest.mark.parametrize("name", PROGRAMS)
def test_each_file_is_a_row_with_what_came_out(results, name):
    _, status, says = PROGRAMS[name]
    assert results[name].status == status
    assert says in results[name].text


def test_results_are_a_table_and_data(results, tmp_path):
    save_results(list(results.values()), tmp_path / "r.json")
    data = json.loads((tmp_path / "r.json").read_text(encoding="utf-8"))
    assert {each["status"] for each in data} == {"right", "wrong", "failed"}
    (wrong,) = [each for each in data if each["status"] == "wrong"]
    assert wrong["mistakes"][0]["names"] == ["gelu()"]
    assert wrong["mistakes"][0]["kind"] == "derivative"
    save_results(list(results.values()), tmp_path / "r.csv")
    lines = (tmp_path / "r.csv").read_text(encoding="utf-8").splitlines()
    assert len(lines) == 1 + len(PROGRAMS)
    assert lines[0].startswith("file,status,seconds")


def test_a_file_of_the_teachers_says_what_is_checked(tmp_path, capsys):
    (tmp_path / "check.txt.py").write_text(CHECK, encoding="utf-8")
    hand_in = tmp_path / "hand_in.py"
    for factor, status in ((2, 0), (3, 1)):
        hand_in.write_text(f"def gradient(x):\n    return {factor} * x\n", encoding="utf-8")
        assert main([str(hand_in), "--with", str(tmp_path / "check.txt.py")]) == status
    printed = capsys.readouterr().out
    assert ": right" in printed
    assert "dx is 9, right is 6" in printed


@pytest.mark.parametrize("options", [
    ["nowhere.py"], ["--seconds", "0", "x.py"], ["--seconds", "many", "x.py"], [],
    ["--with", "nowhere.py", __file__],
])  # fmt: skip
def test_options_that_cannot_be_used_are_one_line(options, capsys):
    assert main(options) == 2
    printed = capsys.readouterr().err
    assert printed.count("\n") == 1
    assert "error" in printed
