"""Which kind of engine runs: compiled from the files of this folder, or these files as they are.

Cython compiles each module that has a .pxd beside it, which declares its types. The results lie in a folder
of their own, which Python sees only when it stands on the package's path; `setup.py` writes the `stamp` of
their sources beside them.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import MutableSequence
from importlib.machinery import EXTENSION_SUFFIXES
from importlib.util import source_hash
from pathlib import Path

__all__ = ["BUILT", "STAMP", "choose", "modules", "stamp"]

HERE = Path(__file__).parent
BUILT = HERE / "_compiled"
STAMP = f"sources{EXTENSION_SUFFIXES[0]}.txt"  # Pythons that share a checkout have one each


def modules() -> list[Path]:
    """The files to compile, all or none."""
    return sorted(declared.with_suffix(".py") for declared in HERE.glob("*.pxd"))


def stamp() -> str:
    """A hash of the sources."""
    files = [file for module in modules() for file in (module, module.with_suffix(".pxd"))]
    return source_hash(
        b"\0".join(part for file in files for part in (file.name.encode(), file.read_bytes()))
    ).hex()


def wanted() -> bool:
    """Whether the compiled kind may run: AUTOGRAD_PURE_PYTHON=1 forces the plain one."""
    return os.environ.get("AUTOGRAD_PURE_PYTHON", "") in ("", "0")


def choose(path: MutableSequence[str]) -> bool:
    """Whether the compiled kind runs; then its folder is put first on the package's path.

    It does not run if it was made from other sources: a warning says so, and what to do.
    """
    made_from = BUILT / STAMP
    if not wanted() or not made_from.exists():
        return False
    if made_from.read_text(encoding="ascii") != stamp():
        told = (
            "the compiled engine is not used, since its sources have changed: run make, or install it again"
        )
        warnings.warn(told, RuntimeWarning, stacklevel=2)
        return False
    path.insert(0, str(BUILT))
    return True
