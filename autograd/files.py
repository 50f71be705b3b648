"""Files appear whole or not at all: each is written under another name and then put in place."""

from __future__ import annotations

import errno
import os
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

__all__ = ["output_path", "replacing", "write_text"]


def output_path(path: Any, suffixes: Sequence[str], example: str) -> Path:
    """The path that a file is to be written to, checked; `example` is one that would do.

    Raises
    ------
    TypeError : if it is not a path.
    ValueError : if its suffix is not one of `suffixes`, or it holds the NUL character.
    FileNotFoundError : if the folder does not exist.
    """
    if not isinstance(path, (str, os.PathLike)):
        raise TypeError(f"save takes a path such as {example!r}, got {type(path).__name__}: {path!r:.60}")
    if "\0" in os.fspath(path):
        raise ValueError(f"a path cannot hold the NUL character, got {os.fspath(path)!r:.60}")
    checked = Path(path)
    if checked.suffix.lower() not in suffixes:
        raise ValueError(f"the file's suffix must be one of {', '.join(suffixes)}, got {str(path)!r:.60}")
    if not checked.parent.is_dir():
        raise FileNotFoundError(f"cannot save {checked.name}: there is no folder {checked.parent}")
    return checked


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A path beside `path`, of the same suffix, whose file takes the place of `path` at the end."""
    temporary = path.with_name(f".{uuid.uuid4().hex}-{path.name}")
    try:
        yield temporary
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: str | os.PathLike[str], text: str) -> None:
    """Write a file of text in UTF-8, whole or not at all, with its line ends as they are.

    It is written beside its place and put there at the end: who reads the path meanwhile, or after the
    process was killed, finds the old file.

    Parameters
    ----------
    path : where to.
    text : the text.

    Raises
    ------
    TypeError : if `path` is not a path or `text` not a string.
    OSError : if the file cannot be written there.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_text(Path(folder) / "note.txt", "one line\\n")
    ...     (Path(folder) / "note.txt").read_text(encoding="utf-8")
    'one line\\n'
    """
    if not isinstance(path, (str, os.PathLike)):
        raise TypeError(f"write_text takes a path, got {type(path).__name__}: {path!r:.60}")
    if not isinstance(text, str):
        raise TypeError(f"write_text takes a string to write, got {type(text).__name__}: {text!r:.60}")
    place = Path(path)
    if not place.parent.is_dir():
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(place))
    with replacing(place) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="")
