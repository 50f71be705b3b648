"""The page in a notebook cell that hands the reader's numbers back to Python."""

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
        """The page, and `values`: the number of every leaf by its name, as the reader has it."""

        _esm = WEB / "widget.js"
        html = traitlets.Unicode().tag(sync=True)
        title = traitlets.Unicode().tag(sync=True)
        height = traitlets.Unicode("56rem").tag(sync=True)
        values = traitlets.Dict().tag(sync=True)

    return ExplorerWidget


def widget_of(html: str, title: str, values: Mapping[str, float]) -> Any:
    """The page as a widget of Jupyter.

    Raises
    ------
    ImportError : without anywidget; it names the extra.
    """
    return _widget_class()(html=html, title=title, values=dict(values))
