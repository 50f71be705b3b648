"""Training a neural network, from the first weighted sum to the last update, by hand and by engine.

    python -m demos lesson --out out/lesson

You will see the lesson that courses begin with: forward propagation, the loss, backpropagation, the update,
the variants of gradient descent, the learning rate, and what comes next. Every number is computed by the
engine and again in plain Python, and the two are compared.

The lesson itself is ``lesson.md`` beside this file, a notebook as text, which Jupyter opens with Jupytext.
This demo runs its cells, makes a page of them and their outputs, and writes them as ``lesson.ipynb``.
"""

from __future__ import annotations

import ast
import html
import io
import json
import re
from collections.abc import Iterator, Mapping
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from autograd import Drawing, write_text

from .shared import page
from .shared.report import Report, demo

NOTEBOOK = Path(__file__).with_suffix(".md")
FENCED = re.compile(
    r"^```{code-cell}\n(?:---\n(?P<metadata>.*?)^---\n)?(?P<code>.*?)\n```$", re.DOTALL | re.MULTILINE
)
EPOCHS, QUICK_EPOCHS = 60, 25


@dataclass(frozen=True)
class Cell:
    """A cell of the notebook: Python if `code`, otherwise Markdown.

    The metadata of code are its ``tags``, and the ``name``, ``alt`` text and ``caption`` of its picture.
    """

    code: bool
    source: str
    metadata: Mapping[str, Any]


def cells() -> Iterator[Cell]:
    """The cells of the notebook: code between fences, and the text between these."""
    source = NOTEBOOK.read_text(encoding="utf-8").split("\n---\n", 1)[1]  # without the notebook's metadata
    end = 0
    for found in FENCED.finditer(source):
        if words := source[end : found.start()].strip():
            yield Cell(False, words, {})
        metadata = (line.split(": ", 1) for line in (found["metadata"] or "").splitlines())
        yield Cell(True, found["code"], {name: json.loads(fact) for name, fact in metadata})
        end = found.end()


def as_notebook() -> str:
    """The notebook in Jupyter's format, without outputs."""
    unrun: dict[str, Any] = {"execution_count": None, "outputs": []}
    made = [
        {
            "cell_type": "code" if cell.code else "markdown",
            "id": f"cell{number}",
            "metadata": cell.metadata,
            "source": cell.source.splitlines(keepends=True),
            **(unrun if cell.code else {}),
        }
        for number, cell in enumerate(cells())
    ]
    kernel = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}
    notebook = {"cells": made, "metadata": kernel, "nbformat": 4, "nbformat_minor": 5}
    return json.dumps(notebook, ensure_ascii=False, indent=1) + "\n"


def execute(source: str, names: dict[str, Any]) -> tuple[str, Any]:
    """Run a cell; returns what it printed, and the value of its last line."""
    tree = ast.parse(source)
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    printed = io.StringIO()
    shown = None
    with redirect_stdout(printed):
        exec(compile(tree, NOTEBOOK.name, "exec"), names)
        if isinstance(last, ast.Expr):
            shown = eval(compile(ast.Expression(last.value), NOTEBOOK.name, "eval"), names)
    return printed.getvalue(), shown


MARKDOWN = re.compile(r"\$(?P<formula>[^$]+)\$|`(?P<code>[^`]+)`|\*(?P<stress>[^*]+)\*")


def prose(line: str) -> str:
    """A line of Markdown in HTML, with formulas, code and emphasis."""

    def piece(found: re.Match[str]) -> str:
        if found["formula"]:
            return page.mathml(html.unescape(found["formula"]))
        tag = "code" if found["code"] else "em"
        return f"<{tag}>{found['code'] or found['stress']}</{tag}>"

    return MARKDOWN.sub(piece, html.escape(line))


def text(report: Report, source: str) -> None:
    """Add a cell of text: headings begin sections, the rest are paragraphs."""
    for block in re.split(r"\n\s*\n", source):
        heading = re.fullmatch(r"(#+) (.*)", block.strip())
        if heading is None:
            report.add(f"<p>{prose(' '.join(block.split()))}</p>")
        elif heading[1] == "#":  # the heading of the page
            continue
        else:
            report.section(heading[2].split(" ", 1)[1])
        report.tell(*block.splitlines())


def work(given: dict[str, Any], folder: Path) -> None:
    report = Report(folder, "Training a neural network")
    write_text(folder / "lesson.ipynb", as_notebook())
    report.add(page.links({"lesson.ipynb": "the lesson as a notebook, to change and run in Jupyter"}))
    names: dict[str, Any] = {"__name__": "lesson"}
    for cell in cells():
        if not cell.code:
            text(report, cell.source)
            continue
        printed, shown = execute(cell.source, names)
        metadata = cell.metadata
        if "parameters" in metadata.get("tags", ()):
            names["SEED"] = given["seed"]
            names["EPOCHS"] = QUICK_EPOCHS if given["quick"] else EPOCHS
            continue
        report.add(page.listing(cell.source, "code"))
        if printed:
            report.tell(*printed.splitlines())
            report.add(page.listing(printed, "output"))
        if isinstance(shown, Drawing):
            shown.save(folder / f"{metadata['name']}.svg")
            report.picture(f"{metadata['name']}.svg", metadata["alt"], metadata["caption"])
        elif shown is not None:
            report.show(metadata["name"], shown, metadata["alt"], metadata["caption"])
    report.close()


main = demo(work, quick=f"{QUICK_EPOCHS} epochs instead of {EPOCHS} where a network is trained")
