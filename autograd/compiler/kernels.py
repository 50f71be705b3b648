"""Native kernels on disk: one process compiles them, the next one loads them.

Each kernel is a file, named by a key of everything that its code depends on. File and folder must belong to
the user, and nobody else may write them, for they are code. A kernel is compiled again if the folder cannot
be used or the file is damaged.
"""

from __future__ import annotations

import hashlib
import os
import stat
from contextlib import suppress
from pathlib import Path

from ..files import write_bytes

__all__ = ["folder", "has", "load", "store"]

VARIABLE = "AUTOGRAD_CACHE"
LARGEST = 64 << 20  # bytes of all files together; the ones that were used last are kept
_DIGEST_SIZE = 32  # bytes


def folder() -> Path | None:
    """Where kernels are kept, or None.

    ``AUTOGRAD_CACHE`` names another folder, or is ``off``. Otherwise it is the user's cache folder by the
    platform's convention, if platformdirs is installed, which the extra ``jit`` brings.
    """
    named = os.environ.get(VARIABLE, "")
    if named.lower() in ("off", "0", "no"):
        return None
    if named:
        return Path(named)
    try:
        import platformdirs
    except ImportError:
        return None
    return platformdirs.user_cache_path("scalar-autograd", appauthor=False) / "kernels"


def has(key: str) -> bool:
    """Whether there is a file for a key, which may still turn out to be damaged."""
    place = folder()
    with suppress(OSError, ValueError):  # a path with NUL
        return place is not None and (place / key).is_file()
    return False


def load(key: str) -> bytes | None:
    """The content of a key, or None if it is missing, damaged, or not the user's."""
    place = folder()
    if place is None:
        return None
    with suppress(OSError, ValueError):  # a path with NUL
        path = place / key
        with open(path, "rb") as file:
            if _is_users(os.stat(place)) and _is_users(os.fstat(file.fileno())):
                content = file.read()
                digest, content = content[:_DIGEST_SIZE], content[_DIGEST_SIZE:]
                if _digest(key, content) == digest:
                    with suppress(OSError):
                        os.utime(path)  # it was used now
                    return content
    return None


def store(key: str, content: bytes) -> None:
    """Keep the content of a kernel, and remove those used longest ago beyond `LARGEST` bytes."""
    place = folder()
    if place is None:
        return
    with suppress(OSError, ValueError):
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        if _is_users(os.stat(place)):
            write_bytes(place / key, _digest(key, content) + content)
            os.chmod(place / key, 0o600)
            _keep_the_latest(place)


def _digest(key: str, content: bytes) -> bytes:
    """A digest of key and content: an intact kernel in the file of another one is damage."""
    return hashlib.sha256(key.encode() + b"\0" + content).digest()


def _keep_the_latest(place: Path) -> None:
    with os.scandir(place) as entries:
        files = [(entry.stat(), entry.path) for entry in entries if entry.is_file()]
    files.sort(key=lambda each: each[0].st_mtime, reverse=True)
    total = 0
    for status, path in files:
        total += status.st_size
        if total > LARGEST:
            with suppress(OSError):  # another process was faster
                os.remove(path)


def _is_users(status: os.stat_result) -> bool:
    """Whether it belongs to the user, and nobody else may write it. Windows has neither."""
    user = getattr(os, "getuid", None)
    return user is None or (status.st_uid == user() and not status.st_mode & (stat.S_IWGRP | stat.S_IWOTH))
