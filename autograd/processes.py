"""Limits for a process that checks the work of others: against accidents, and no sandbox."""

from __future__ import annotations

from contextlib import suppress

__all__ = ["limit_process"]


def limit_process(megabytes: int, seconds: int | None = None, file_bytes: int | None = None) -> None:
    """Limit this process's memory, processor time and size of written files, except on Windows."""
    try:
        import resource
    except ImportError:  # Windows
        return
    limits = {"AS": megabytes * 1_000_000, "CPU": seconds, "FSIZE": file_bytes, "CORE": 0}
    for name, most in limits.items():
        which = getattr(resource, f"RLIMIT_{name}", None)
        if which is not None and most is not None:
            with suppress(OSError, ValueError):  # above the present limit
                resource.setrlimit(which, (most, most))
