"""Where a demo writes: files appear whole or not at all."""

from __future__ import annotations

from pathlib import Path

from autograd import require_writable
from autograd import write_text as write

__all__ = ["prepare_folder", "write"]


def prepare_folder(path: Path) -> None:
    """Make the folder, and try whether files can be written there.

    Raises
    ------
    OSError : if the folder cannot be made or written.
    """
    path.mkdir(parents=True, exist_ok=True)
    require_writable(path / "index.html")
