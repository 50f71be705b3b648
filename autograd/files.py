"""Files appear whole or not at all: each is written under another name and then put in place."""

from __future__ import annotations

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


def write_text(path: Path, text: str) -> None:
    """Write `text` as UTF-8 with its line ends as they are."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="")
