"""Where a demo writes: files appear whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

from autograd.files import replacing
from autograd.files import write_text as write

__all__ = ["prepare_folder", "replacing", "write"]


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
