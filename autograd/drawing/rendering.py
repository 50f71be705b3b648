"""`Drawing`: DOT text, and the programs that render it to a file or a notebook picture."""

from __future__ import annotations

import io
import os
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stderr
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..errors import MissingExtraError
from ..files import encoded, output_path, write_bytes
from .text import marked_up, quoted

_FORMATS = ("svg", "png", "pdf", "dot")
_ENGINES = ("dot", "neato")


def require_kind(kind: type, **arguments: Any) -> None:
    """Refuse arguments of another kind, by name."""
    expected = {bool: "True or False", str: "a string"}[kind]
    for name, given in arguments.items():
        if not isinstance(given, kind):
            raise TypeError(f"{name} must be {expected}, got {type(given).__name__}: {given!r:.60}")


@dataclass(frozen=True, repr=False)
class Drawing:
    """A picture as DOT text, which becomes a file or a notebook picture on demand.

    Parameters
    ----------
    source : the DOT text.
    engine : the Graphviz layout that places its nodes, ``"dot"`` or ``"neato"``.
    links : what drawn elements show, for `explore`: by the name of a node, or of an edge as
        ``"tail->head"``, a `Value`, or the scope of several.

    Attributes
    ----------
    source, engine, links : as given.

    Raises
    ------
    TypeError : if `source` is not a string.
    ValueError : for another engine.

    Examples
    --------
    >>> picture = Drawing("digraph { a -> b }")
    >>> print(picture)
    digraph { a -> b }
    """

    source: str
    engine: str = "dot"
    links: Mapping[str, Any] = field(default_factory=dict, compare=False)

    def __post_init__(self) -> None:
        require_kind(str, source=self.source)
        if self.engine not in _ENGINES:
            raise ValueError(f"engine must be one of {', '.join(_ENGINES)}, got {self.engine!r:.60}")

    quoted = staticmethod(quoted)  # for DOT of one's own
    marked_up = staticmethod(marked_up)

    def __str__(self) -> str:
        return self.source

    def __repr__(self) -> str:
        return f"<Drawing, {self.source.count(chr(10))} lines of DOT: .save(path) or .source>"

    def render(self, format: str) -> bytes:
        """The picture in a format, ``"svg"``, ``"png"``, ``"pdf"`` or ``"dot"``, as bytes.

        Raises
        ------
        ValueError : for another format, and for text that Graphviz cannot read.
        MissingExtraError : if neither pygraphviz nor Graphviz's ``dot`` is installed.
        """
        if format not in _FORMATS:
            raise ValueError(f"format must be one of {', '.join(_FORMATS)}, got {format!r:.60}")
        if format == "dot":
            return encoded(self.source)
        return _render(self.source, self.engine, format)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the picture to a file; the suffix says as what: .svg, .png, .pdf or .dot.

        The file appears complete or not at all.

        Returns
        -------
        The path.

        Raises
        ------
        TypeError : if `path` is not a path.
        ValueError : for another suffix.
        FileNotFoundError : if the folder does not exist.
        MissingExtraError : if neither pygraphviz nor Graphviz's ``dot`` is installed.
        """
        path = output_path(path, [f".{known}" for known in _FORMATS], "graph.svg")
        write_bytes(path, self.render(path.suffix.lower().removeprefix(".")))
        return path

    def _repr_svg_(self) -> str:
        return self.render("svg").decode()

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        """The picture for a notebook, or how to get a renderer."""
        try:
            return {"image/svg+xml": self._repr_svg_(), "text/plain": repr(self)}
        except MissingExtraError as error:
            return {"text/plain": f"{self!r}\n{error}"}


_rendering = threading.Lock()  # Graphviz keeps its state in global variables


def _render(source: str, engine: str, format: str) -> bytes:
    """Render in this process with pygraphviz, otherwise with the ``dot`` program."""
    try:
        import pygraphviz
    except ImportError:
        return _render_with_program(source, engine, format)
    try:
        with _rendering, _quiet():
            rendered: bytes = pygraphviz.AGraph(string=source).draw(format=format, prog=engine)
    except ValueError as error:  # pygraphviz's DotError is one
        raise _unreadable(source, error) from error
    return rendered


def _unreadable(source: str, error: Exception) -> ValueError:
    return ValueError(f"Graphviz cannot read this as DOT text: {source!r:.60} ({error})")


def _render_with_program(source: str, engine: str, format: str) -> bytes:
    import graphviz

    try:
        rendered: bytes = graphviz.pipe(engine, format, source.encode(), quiet=True)
    except graphviz.ExecutableNotFound:
        raise MissingExtraError(
            "drawing to a picture", "pygraphviz 2 or Graphviz", "render",
            otherwise=f"  or install Graphviz (https://graphviz.org/download) so that {engine} is on the "
            "path. The DOT text is there without either: .source, or .save to a .dot file",
        ) from None  # fmt: skip
    except graphviz.CalledProcessError as error:
        raise _unreadable(source, error) from error
    return rendered


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence the process's stderr, on which Graphviz's libraries, fontconfig above all, write."""
    try:
        sys.stderr.flush()
        stderr = os.dup(2)
    except (AttributeError, OSError, ValueError):  # no stderr, as under pythonw
        with redirect_stderr(io.StringIO()):
            yield
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        with redirect_stderr(io.StringIO()):
            yield
    finally:
        os.dup2(stderr, 2)
        os.close(nowhere)
        os.close(stderr)
