"""The pages of the site as text: each is reached, each block of code is run, and no link is dead."""

import re
from pathlib import Path

import pytest

DOCS = Path(__file__).parent.parent / "docs"
PAGES = sorted(path for path in DOCS.rglob("*.md"))
RUN = {"{code-cell}"}  # by `make docs`, which an error stops
NOT_CODE = {"console", "text", "", "{toctree}", "{list-table}", "{eval-rst}"}


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


@pytest.mark.parametrize("path", PAGES, ids=name)
def test_links_lead_to_pages(path):
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", path.read_text(encoding="utf-8")):
        assert (path.parent / target).is_file()


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
