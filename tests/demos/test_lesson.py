"""The lesson: its notebook runs as a notebook and as a demo, and its numbers are right."""

import json
import math
import re
import warnings

import pytest

from demos import lesson
from tests.support.galleries import page_of, run_quick

PICTURES = ("network", "graph", "variants", "rates")


@pytest.fixture(scope="module")
def out(tmp_path_factory):
    folder = tmp_path_factory.mktemp("lesson") / "out"
    return folder, run_quick(lesson, folder)


@pytest.fixture(scope="module")
def notebook(out):
    return out[0] / "lesson.ipynb"


@pytest.fixture(scope="module")
def executed(notebook):
    """The notebook, run by a kernel from beginning to end."""
    nbclient = pytest.importorskip("nbclient", reason="nbclient runs the notebook; it is in the extra test")
    nbformat = pytest.importorskip("nbformat", reason="nbformat reads the notebook; it is in the extra test")
    notebook = nbformat.read(notebook, 4)
    nbformat.validate(notebook)
    folder = {"metadata": {"path": str(lesson.NOTEBOOK.parent.parent)}}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the kernel's own
        nbclient.NotebookClient(notebook, timeout=300, kernel_name="python3", resources=folder).execute()
    return notebook


def printed(notebook):
    return "".join(
        output["text"]
        for cell in notebook.cells
        for output in cell.get("outputs", [])
        if output.output_type == "stream"
    )


@pytest.mark.slow
def test_the_notebook_runs_and_shows_its_pictures(executed):
    shown = [
        set(output["data"])
        for cell in executed.cells
        for output in cell.get("outputs", [])
        if "data" in output
    ]
    assert len(shown) == len(PICTURES)
    assert all({"image/png", "image/svg+xml"} & kinds for kinds in shown)


def test_the_notebook_has_the_text_cell_by_cell_and_no_outputs(notebook):
    """Nothing of the text is lost between its fences."""
    content = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    assert all(not cell.get("outputs") and cell.get("execution_count") is None for cell in content)
    text = lesson.NOTEBOOK.read_text(encoding="utf-8")
    assert sum(cell["cell_type"] == "code" for cell in content) == text.count("```{code-cell}")
    told = {line for cell in content for line in "".join(cell["source"]).splitlines()}
    left = [line for line in text.splitlines() if line and line not in told]
    known = (
        "---",
        "```",
        "tags: ",
        "name: ",
        "alt: ",
        "caption: ",
        "file_format: ",
        "kernelspec:",
        "  name: ",
    )
    assert [line for line in left if not line.startswith(known)] == []


def test_the_sections_are_the_lessons():
    titles = [
        line
        for cell in lesson.cells()
        if not cell.code
        for line in cell.source.split("\n")
        if line[:2] == "##"
    ]
    assert [title[3:] for title in titles] == [
        "1 Forward propagation",
        "2 Loss",
        "3 Backpropagation",
        "4 Update",
        "5 Batch, stochastic and mini-batch gradient descent",
        "6 Learning rate",
        "7 What comes next: vectorization",
    ]


def test_the_numbers_are_right(out, executed):
    """Computed once more, in another way: the gradients by differences."""
    for text in (out[1], printed(executed)):
        W = [0.8, -0.4, 0.1, -0.6, 0.3, 0.2, 0.7, -0.9, 0.05]

        def output(w):
            hidden = [1 / (1 + math.exp(-(w[3 * j] * 0.5 - w[3 * j + 1] + w[3 * j + 2]))) for j in (0, 1)]
            return w[6] * hidden[0] + w[7] * hidden[1] + w[8]

        assert float(re.search(r"ŷ = (\S+)", text)[1]) == pytest.approx(output(W), rel=1e-14)
        mine = re.findall(r"by hand (\S+) +by the engine (\S+)", text)
        assert len(mine) == 9
        for k, (by_hand, by_engine) in enumerate(mine):
            ends = [(output([w + s * 1e-6 * (i == k) for i, w in enumerate(W)]) - 1) ** 2 for s in (1, -1)]
            assert float(by_hand) == pytest.approx((ends[0] - ends[1]) / 2e-6, abs=1e-8)
            assert by_hand == by_engine
        p = [math.exp(s) / (math.exp(2) + math.exp(1) + math.exp(-1)) for s in (2, 1, -1)]
        assert f"p = {[round(each, 4) for each in p]}" in text


def test_the_page_shows_the_cells_and_what_came_out(out):
    folder, text = out
    page_of(folder, PICTURES, others=["lesson.ipynb"])
    html = (folder / "index.html").read_text(encoding="utf-8")
    assert html.count("<h2>") == 7
    assert "$" not in re.sub(r"<pre>.*?</pre>", "", html, flags=re.DOTALL)  # all formulas are typeset
    assert html.count("<math") >= 5
    assert "exponentials = [math.exp(score) for score in scores]" in html
    assert text.rstrip().endswith(f"Open {folder / 'index.html'}")


@pytest.mark.slow
def test_another_seed_trains_other_networks_and_holds_the_claims(out, tmp_path):
    other = run_quick(lesson, tmp_path / "out", "--seed", "3")
    losses = [re.findall(r"loss (\S+) → (\S+)", text) for text in (out[1], other)]
    assert len(losses[0]) == len(losses[1]) == 6
    assert losses[0] != losses[1]


def test_a_cell_shows_what_its_last_line_is():
    names = {}
    assert lesson.execute("x = 2\nprint(x)\nx + 1", names) == ("2\n", 3)
    assert lesson.execute("y = x", names) == ("", None)
    assert lesson.execute("", names) == ("", None)


def test_markdown_becomes_html():
    assert lesson.prose("a < *b* and `c < d`") == "a &lt; <em>b</em> and <code>c &lt; d</code>"
    assert "<mi>x</mi>" in lesson.prose("with $x$")
