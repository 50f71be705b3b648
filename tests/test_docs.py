"""The pages of the site as text: each is reached, each block of code is run, and no link is dead."""

import ast
import importlib.util
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
PAGES = sorted(path for path in DOCS.rglob("*.md"))
RUN = {"{code-cell}"}  # by `make docs`, which an error stops
NOT_CODE = {"console", "text", "", "{toctree}", "{list-table}", "{eval-rst}", "{raw}"}


def name(path):
    return path.relative_to(DOCS).with_suffix("").as_posix()


def fences(text):
    """The language of each block."""
    return re.findall(r"^```([^\s`]*)[^\n]*\n.*?^```", text, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("path", PAGES, ids=name)
def test_every_block_of_code_is_run(path):
    text = path.read_text(encoding="utf-8")
    kinds = set(fences(text))
    assert kinds <= RUN | NOT_CODE
    assert bool(kinds & RUN) == text.startswith("---\nfile_format: mystnb\n")


def blocks(path, kind):
    return re.findall(rf"^```{kind}\n(.*?)^```", path.read_text(encoding="utf-8"), re.M | re.S)


@pytest.mark.slow
@pytest.mark.parametrize("path", [path for path in PAGES if blocks(path, r"\{code-cell\}")], ids=name)
def test_the_code_of_a_page_runs_from_top_to_bottom(path, tmp_path):
    """As `make docs` runs it, in a process of its own, without a notebook."""
    for module in ("matplotlib", "llvmlite", "jax", "xlsxwriter", "sklearn", "IPython"):
        if module in path.read_text(encoding="utf-8") and not importlib.util.find_spec(module):
            pytest.skip(f"{module} is in the extra test")
    cells = [re.sub(r"^:tags:.*\n", "", cell) for cell in blocks(path, r"\{code-cell\}")]
    for cell in cells:
        ast.parse(cell)
    program = tmp_path / "page.py"
    program.write_text("\n".join(cells), encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "MPLBACKEND": "agg", "PYTHONUTF8": "1"}
    subprocess.run([sys.executable, program], cwd=tmp_path, env=environment, check=True, capture_output=True)


COMMANDS = [
    (path, line.removeprefix("$ "))
    for path in [*PAGES, ROOT / "README.md"]
    for block in blocks(path, "console")
    for line in block.splitlines()
    if line.startswith("$ ")
]


@pytest.mark.parametrize(
    ("path", "line"), COMMANDS, ids=lambda each: each.stem if isinstance(each, Path) else each
)
def test_a_command_that_a_page_shows_is_one(path, line, tmp_path, monkeypatch, capsys):
    """`backprop` and demos take the arguments as they are written; `make` and `pip` have what is named."""
    from autograd.command import main

    monkeypatch.chdir(tmp_path)
    line = line.partition("; do ")[2].partition(" >")[0] or line  # what a loop does
    program, *arguments = shlex.split(line)
    if program == "make":
        targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M)
        assert set(arguments) <= set(targets)
    elif program == "pip":
        metadata = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
        extras = re.findall(r"\[([\w,]+)\]", line)[0].split(",")
        assert all(re.search(rf"^{extra} = \[", metadata, re.M) for extra in extras)
    elif program == "backprop" and arguments[0] not in ("check", "demo", "assignment"):
        assert main(arguments) == 0
    elif program == "backprop":
        assert main([*arguments, "--help"]) == 0
        assert main(["--help"]) == 0  # where the options stand that name another network
        known = capsys.readouterr().out
        assert all(option in known for option in arguments if option.startswith("--"))
    else:
        assert arguments[:2] == ["-m", "demos"]
        assert (ROOT / "demos" / arguments[2]).is_dir() or (ROOT / "demos" / f"{arguments[2]}.py").is_file()


@pytest.mark.parametrize("path", PAGES, ids=name)
def test_links_lead_to_pages(path):
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", path.read_text(encoding="utf-8")):
        assert (path.parent / target).is_file()


@pytest.mark.parametrize("path", [*DOCS.glob("*.webp"), *DOCS.glob("*.png")], ids=lambda path: path.name)
def test_pictures_are_whole_and_small(path):
    data = path.read_bytes()
    assert 10_000 < len(data) < 1_000_000
    if path.suffix == ".webp":
        assert (data[:4], data[8:12], int.from_bytes(data[4:8], "little") + 8) == (
            b"RIFF",
            b"WEBP",
            len(data),
        )
    else:
        assert data.endswith(b"IEND\xaeB`\x82")


def test_every_page_is_in_a_table_of_contents():
    listed = re.findall(r"^[\w/]+$", (DOCS / "index.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted([*listed, "index"]) == [name(path) for path in PAGES]


@pytest.mark.parametrize("kind", ["tutorials", "howto", "reference", "explanation"])
def test_each_kind_of_page_is_there(kind):
    assert list((DOCS / kind).glob("*.md"))


def test_what_is_made_from_the_code_is_known():
    asked = {
        found for path in PAGES for found in re.findall(r"^%% (\w+)$", path.read_text(encoding="utf-8"), re.M)
    }
    source = (DOCS / "_ext" / "generated.py").read_text(encoding="utf-8")
    known = re.search(r"^PARTS = \{(.*?)^\}", source, re.MULTILINE | re.DOTALL)[1]
    assert asked == set(re.findall(r'"(\w+)":', known))
