"""`playground`: a page that records, draws and steps through typed programs."""

from __future__ import annotations

import base64
import functools
import os

from ..files import output_path
from .explore import Explorer
from .patterns import language_data
from .script import WEB, data_module, filled, rows_module, script, texts

__all__ = ["playground"]


def playground(path: str | os.PathLike[str] | None = None, *, language: str = "en") -> Explorer:
    """The playground: a page that shows the graph, gradients and training of a typed program.

    A program has lines such as ``h = tanh(w*x + b)``, loops over small ranges and lists, and calls the
    functions of the table. The browser parses, records and lays it out (with Graphviz), and shows all that
    `explore` shows. The file loads nothing.

    Parameters
    ----------
    path : where to write the page, a name ending in ``.html``; None to write nothing.
    language : in which the page opens, ``en`` or ``de``; its reader can choose another.

    Returns
    -------
    An `Explorer`, which a notebook shows inline.

    Raises
    ------
    TypeError, ValueError, FileNotFoundError : for another language, or a path as `Explorer.save` refuses it.

    Source: convention; Graphviz is Viz.js 3.31, see ``explorer/web/graphviz.txt``.

    Examples
    --------
    >>> from autograd import playground
    >>> playground().title
    'Playground'
    """
    if path is not None:
        output_path(path, (".html", ".htm"), "playground.html")  # before any work
    if language not in texts():
        raise ValueError(f"playground: language must be one of {', '.join(texts())}, got {language!r:.60}")
    page = Explorer(_page(language), "Playground")
    if path is not None:
        page.save(path)
    return page


@functools.cache
def modules() -> tuple[str, list[str]]:
    """The page's module `language`, and its rows in JavaScript."""
    data, rows = language_data()
    return data_module("LANGUAGE", data), rows


@functools.cache
def _page(language: str) -> str:
    looked_up, rows = modules()
    given = {
        "given": "const given = GIVEN;\nexport { given };\n",
        "rows": "const ROWS = GIVEN.rows;\nexport { ROWS };\n",
    }
    # The page that explore writes, as a function: each program has a page of its own.
    page = (
        f"const show = async (GIVEN) => {{\n{script('page', given)}return $page;\n}};\nexport {{ show }};\n"
    )
    graphviz = base64.b64encode((WEB / "graphviz.js.gz").read_bytes()).decode()
    return filled(
        ("page.css", "playground.css"),
        title="Playground",
        language=language,
        editor=(WEB / "editor.html").read_text(encoding="utf-8"),
        script=script("playground", {"language": looked_up, "rows": rows_module(rows), "explorer": page}),
        graphviz=f'<script type="text/plain" id="graphviz">{graphviz}</script>\n',
    )
