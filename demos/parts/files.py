"""Files appear whole or not at all: each is written under another name and then put in place."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["prepare_folder", "replacing", "write"]


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A path beside `path`, of the same suffix, whose file takes the place of `path` at the end."""
    temporary = path.with_name(f".{os.getpid()}-{path.name}")
    try:
        yield temporary
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write(path: Path, text: str) -> None:
    """Write `text` as UTF-8 with its line ends as they are, atomically."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="")


def prepare_folder(path: Path) -> None:
    """Make the folder, and try whether files can be written there.

    Raises
    ------
    OSError : if the folder cannot be made or written.
    """
    path.mkdir(parents=True, exist_ok=True)
    trial = path / f".{os.getpid()}-trial"
    trial.touch()
    trial.unlink()
