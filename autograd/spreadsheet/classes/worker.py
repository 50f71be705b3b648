"""A process that checks one file after another: ``python -m autograd.spreadsheet.classes.worker``.

It reads the problem and then jobs from its standard input, and writes the outcome of each. A message is its
length in eight bytes, and its bytes. A job is a line of JSON (the file's name, the student's numbers, the
learning rate), and the file. Only the problem is a pickle, made by the parent process.
"""

from __future__ import annotations

import faulthandler
import io
import json
import pickle
import signal
import struct
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO

from ...errors import MissingExtraError
from ...processes import limit_process
from ..books import book_of
from ..cells import Limits, SheetError
from ..checking import check_book
from ..problem import Problem
from .outcomes import Outcome, outcome_of, unread

__all__ = ["READY", "checked", "receive", "send", "work"]

_LENGTH = struct.Struct(">Q")
READY = b"ready"
_GRACE = 5.0  # seconds more than the limit, in case nobody ends this process from outside


def send(stream: IO[bytes], message: bytes) -> None:
    stream.write(_LENGTH.pack(len(message)))
    stream.write(message)
    stream.flush()


def receive(stream: IO[bytes]) -> bytes | None:
    """The next message; None where the stream ends, or breaks off."""
    head = stream.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        return None
    (length,) = _LENGTH.unpack(head)
    message = stream.read(length)
    return message if len(message) == length else None


def checked(
    name: str, data: bytes, problem: Problem, numbers: Mapping[str, float], lr: float | None
) -> Outcome:
    """The outcome for a file with the student's own numbers, whatever happens."""
    limits = Limits(name)
    try:
        own = problem.with_numbers(numbers)
        limits.take("bytes", len(data))
        return outcome_of(check_book(book_of(Path(name), data, limits), own, lr))
    except (SheetError, MissingExtraError) as error:
        return unread(str(error))
    except MemoryError:
        return unread("it needs more memory than a check may have")
    except Exception as error:  # one file never stops the others
        return unread(f"a fault of the checker, please report it: {type(error).__name__}: {error!s:.200}")


def work(source: IO[bytes], target: IO[bytes], seconds: float = 0.0) -> None:
    """Check file after file until there is none."""
    problem = pickle.loads(receive(source) or b"")
    send(target, READY)
    while (message := receive(source)) is not None:
        about, _, data = message.partition(b"\n")
        job = json.loads(about)
        if seconds:
            faulthandler.dump_traceback_later(seconds + _GRACE, exit=True, file=sys.stderr)
        outcome = checked(job["name"], data, problem, job["numbers"], job["lr"])
        if seconds:
            faulthandler.cancel_dump_traceback_later()
        send(target, outcome.to_json().encode("utf-8", "replace"))


def main(arguments: list[str]) -> None:
    """Set the limits, and work on the standard streams, where nothing else is printed."""
    seconds, megabytes = float(arguments[0]), int(arguments[1])
    source, target = sys.stdin.buffer, sys.stdout.buffer
    sys.stdout = io.TextIOWrapper(io.BytesIO(), "utf-8")
    with suppress(ValueError):  # not in the main thread
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent hears an interrupt too
    limit_process(megabytes)
    with suppress(BrokenPipeError):
        work(source, target, seconds)


if __name__ == "__main__":
    main(sys.argv[1:])
