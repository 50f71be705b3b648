"""The page in a notebook cell, which sends the reader's numbers to Python."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

from ..errors import MissingExtraError
from .script import WEB

__all__ = ["widget_of"]


@functools.cache
def _widget_class() -> Any:
    try:
        import anywidget
        import traitlets
    except ImportError:
        raise MissingExtraError("a page that hands numbers back", "anywidget", "widget") from None

    class ExplorerWidget(anywidget.AnyWidget):
        """The page, and `values`: the reader's number of every leaf by its name."""

        _esm = WEB / "widget.js"
        html = traitlets.Unicode().tag(sync=True)
        title = traitlets.Unicode().tag(sync=True)
        height = traitlets.Unicode("56rem").tag(sync=True)
        values = traitlets.Dict().tag(sync=True)

    return ExplorerWidget


def widget_of(html: str, title: str, values: Mapping[str, float]) -> Any:
    """The page as a widget of Jupyter; an `ImportError` without anywidget."""
    return _widget_class()(html=html, title=title, values=dict(values))
