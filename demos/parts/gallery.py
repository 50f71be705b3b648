"""What the demos of training share: their options, their pictures and their page."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from autograd.errors import MissingExtraError

from . import charts, files, page
from .arguments import Options, OptionsError, fail

__all__ = ["Gallery", "run"]


class Gallery:
    """The folder that a demo writes into, and the page that shows what is there.

    Parameters
    ----------
    folder : where to.
    title : the heading of the page.
    """

    def __init__(self, folder: Path, title: str) -> None:
        self.folder = folder
        self.title = title
        self._content: list[str] = []
        self._section: tuple[str, str, list[str]] | None = None

    def section(self, anchor: str, title: str) -> None:
        """Begin a part of the page."""
        self._close()
        self._section = anchor, title, []

    def say(self, *paragraphs: str) -> None:
        """Text, with `formulas` between backquotes; see `page.prose`."""
        self.add(*map(page.paragraph, paragraphs))

    def show(self, name: str, figure: Any, alt: str, caption: str) -> None:
        """A figure of matplotlib: it is saved as `name` with the suffix .svg, and stands on the page."""
        text = io.StringIO()
        figure.savefig(text, format="svg", metadata={"Date": None})
        files.write(self.folder / f"{name}.svg", text.getvalue())
        self.add(page.figure(text.getvalue(), alt, caption))

    def add(self, *content: str) -> None:
        """Anything that `page` makes."""
        (self._content if self._section is None else self._section[2]).extend(content)

    def close(self) -> Path:
        """Write the page; returns its path."""
        self._close()
        path = self.folder / "index.html"
        files.write(path, page.document(self.title, *self._content))
        return path

    def _close(self) -> None:
        if self._section is not None:
            anchor, title, content = self._section
            self._content.append(page.section(anchor, title, *content))
            self._section = None


def run(
    name: str,
    description: str,
    work: Callable[[dict[str, Any], Path], None],
    argv: Sequence[str],
    *,
    quick: str,
    more: Callable[[Options], None] = lambda options: None,
) -> int:
    """Read the options, prepare the folder and do the work; returns the exit status.

    Parameters
    ----------
    name : of the demo.
    description : one sentence, for ``--help``.
    work : what is done, given the options by name (seed, quick and those of `more`) and the folder.
    argv : the options as the user wrote them.
    quick : what ``--quick`` does, for ``--help``.
    more : adds options of the demo's own.
    """
    program = f"python -m demos {name}"
    options = Options(program, description)
    options.whole("--seed", default=0, smallest=0, largest=2**32 - 1, help="the seed of all that is random")
    options.folder("--out", default=f"out/{name}", help="where to write")
    options.switch("--quick", help=quick)
    more(options)
    folder = Path()
    try:
        given = options.parse(argv)
        folder = Path(given.pop("out"))
        charts.require_matplotlib()
        files.prepare_folder(folder)
        work(given, folder)
    except (OptionsError, MissingExtraError) as error:
        return fail(program, error)
    except OSError as error:
        return fail(program, f"cannot write into {folder}: {error.strerror or error}")
    return 0
