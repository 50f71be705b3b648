"""Limits of a process that checks what somebody else has made: against accidents, and no sandbox."""

from __future__ import annotations

from contextlib import suppress

__all__ = ["limit_process"]


def limit_process(megabytes: int, seconds: int | None = None, file_bytes: int | None = None) -> None:
    """Limit this process where the system can: Windows cannot, and there only time is limited, from outside.

    Parameters
    ----------
    megabytes : the most memory, in 10⁶ bytes.
    seconds : the most time of the processor; None for no limit.
    file_bytes : the most bytes in a file that it writes; None for no limit.
    """
    try:
        import resource
    except ImportError:  # Windows
        return
    limits = {
        "RLIMIT_AS": megabytes * 1_000_000,
        "RLIMIT_CPU": seconds,
        "RLIMIT_FSIZE": file_bytes,
        "RLIMIT_CORE": 0,
    }
    for name, most in limits.items():
        which = getattr(resource, name, None)
        if which is not None and most is not None:
            with suppress(OSError, ValueError):  # not more than is allowed already
                resource.setrlimit(which, (most, most))
