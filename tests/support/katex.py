"""KaTeX, in V8: whether a renderer of mathematics takes what is said to be LaTeX."""

import functools
import importlib.metadata
import json

import pytest


@functools.cache
def _engine():
    racer = pytest.importorskip("py_mini_racer", reason="mini-racer runs KaTeX; it is in the extra test")
    files = importlib.metadata.files("sphinxcontrib-katex") or []
    (script,) = [file for file in files if file.name == "katex.min.js"]
    context = racer.MiniRacer()
    context.eval(script.read_text(encoding="utf-8"))
    context.eval(
        "function fault(tex) {"
        " try { katex.renderToString(tex, {displayMode: true, strict: false}); return ''; }"
        " catch (error) { return String(error); } }"
    )
    return context


def fault(latex):
    """What KaTeX says against the text; "" when it renders it."""
    return _engine().eval(f"fault({json.dumps(latex)})")
