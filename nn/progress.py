"""The progress bar of `fit`."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from .history import History

__all__ = ["progress_bar"]


@contextmanager
def progress_bar(epochs: int, history: History, wanted: bool) -> Iterator[Callable[[], None]]:
    """A function to call after each epoch. It draws with tqdm, if installed, in a terminal or a notebook."""
    tqdm: Any = None
    if wanted and (_in_notebook() or (sys.stderr is not None and sys.stderr.isatty())):
        with suppress(ImportError):
            tqdm = importlib.import_module("tqdm.auto").tqdm
    if tqdm is None:
        yield lambda: None
        return
    with tqdm(total=epochs, initial=len(history), unit="epoch") as bar:

        def advance() -> None:
            shown = {
                name: f"{numbers[-1]:.4g}"
                for name, numbers in history.columns.items()
                if name not in ("gradient_norm", "learning_rate")
            }
            bar.set_postfix(shown, refresh=False)
            bar.update()

        yield advance


def _in_notebook() -> bool:
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return type(shell).__name__ == "ZMQInteractiveShell"
