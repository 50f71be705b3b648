"""`check_programs`: the Python files of a class, each checked in a process of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..files import write_csv, write_text

__all__ = ["StudentProgram", "check_programs", "save_results"]

_HEADINGS = ("file", "status", "seconds", "right", "wrong", "slips", "text")


@dataclass(frozen=True)
class StudentProgram:
    """The outcome for one file.

    Attributes
    ----------
    file : its path, as it was found.
    status : ``"right"``, ``"wrong"``, or ``"failed"`` if it could not be checked.
    text : the report, or why there is none.
    right : the names that are right.
    mistakes : mappings with ``names``, ``kind``, ``words``, ``given`` and ``expected``.
    seconds : the time it took.
    """

    file: str
    status: str
    text: str
    right: Sequence[str] = ()
    mistakes: Sequence[dict[str, Any]] = field(default_factory=list)
    seconds: float = 0.0


def check_programs(
    files: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
    check: str | os.PathLike[str] | None = None,
    *,
    seconds: int = 30,
    megabytes: int = 4000,
) -> list[StudentProgram]:
    """Check Python files, each in a process of its own with limits.

    This is no sandbox. Time, memory and the size of files are limited, and each program runs in an empty
    folder that is removed afterwards, but it runs with your rights. Check the files of strangers on a
    machine, or in a container, that has nothing to lose.

    Parameters
    ----------
    files : a folder, searched for ``.py`` files with the folders below it, or paths of files.
    check : a Python file with a function ``check(student)`` that takes the student's module and returns the
        report of `check_gradients`, `check_values` or `check_engine`, or a list of these. By default
        `check_engine` checks the module's class ``Value``.
    seconds : the most time for a file, at least 1.
    megabytes : the most memory for a file; programs with numpy need some 1000. Windows has no such limit.

    Returns
    -------
    A list of `StudentProgram`, one for each file, by name. A file that fails is a row with the reason.

    Raises
    ------
    FileNotFoundError : if there is no such folder or file.
    ValueError : if a limit is not a whole number from 1 on, or the folder has no ``.py`` file.

    Examples
    --------
    >>> import tempfile
    >>> from autograd.handwritten import check_programs
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     check_programs(folder)
    Traceback (most recent call last):
        ...
    ValueError: check_programs: there are no .py files in ...
    """
    for name, limit in (("seconds", seconds), ("megabytes", megabytes)):
        if isinstance(limit, bool) or not isinstance(limit, int) or limit < 1:
            raise ValueError(f"check_programs: {name} must be a whole number from 1 on, got {limit!r:.60}")
    found = _files(files)
    given = [] if check is None else [_existing(check).resolve()]
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:  # each waits for a process
        return list(pool.map(lambda path: _checked(path, given, seconds, megabytes), found))


def save_results(programs: Sequence[StudentProgram], path: str | os.PathLike[str]) -> None:
    """Write results as a table (.csv), or in full (.json)."""
    if Path(path).suffix.lower() == ".json":
        write_text(path, json.dumps([vars(each) for each in programs], indent=1, ensure_ascii=False) + "\n")
        return
    rows = [
        (
            each.file,
            each.status,
            round(each.seconds, 1),
            len(each.right),
            sum(len(mistake["names"]) for mistake in each.mistakes),
            "; ".join(f"{', '.join(mistake['names'])}: {mistake['words']}" for mistake in each.mistakes),
            each.text,
        )
        for each in programs
    ]
    write_csv(path, _HEADINGS, rows)


def _existing(path: Any) -> Path:
    if not Path(path).is_file():
        raise FileNotFoundError(f"check_programs: there is no file {str(path)!r:.200}")
    return Path(path)


def _files(given: Any) -> list[Path]:
    paths = [given] if isinstance(given, (str, os.PathLike)) else list(given)
    if len(paths) != 1 or not Path(paths[0]).is_dir():
        return [_existing(each) for each in paths]
    found = sorted(each for each in Path(paths[0]).rglob("*.py") if each.is_file())
    if not found:
        raise ValueError(f"check_programs: there are no .py files in {str(paths[0])!r:.200}")
    return found


def _checked(path: Path, check: Sequence[Path], seconds: int, megabytes: int) -> StudentProgram:
    """Run the worker on a file, and end it with all that it has started."""
    home = str(Path(__file__).resolve().parents[2])
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        kept = {name: os.environ[name] for name in ("PATH", "SYSTEMROOT", "LANG") if name in os.environ}
        around = {
            "PYTHONPATH": os.pathsep.join([home, *(str(each.parent) for each in check)]),
            "HOME": folder,
            "TMPDIR": folder,
            "OPENBLAS_NUM_THREADS": "1",  # each thread takes memory
            "OMP_NUM_THREADS": "1",
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        arguments = [seconds, megabytes, path.resolve(), *check]
        worker = subprocess.Popen(
            [sys.executable, "-m", "autograd.handwritten.worker", *map(str, arguments)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=folder,
            env=kept | around,
            start_new_session=True,
        )
        try:
            output, _ = worker.communicate(timeout=seconds + 5)
        except subprocess.TimeoutExpired:
            output = b""
        finally:
            _end(worker)
    took = time.monotonic() - began
    try:
        outcome = json.loads(output)
    except ValueError:
        why = f"it takes more than {seconds} seconds" if took >= seconds else "it ended without a result"
        outcome = {"status": "failed", "text": why}
    return StudentProgram(str(path), seconds=took, **outcome)


def _end(worker: subprocess.Popen[bytes]) -> None:
    """End the worker and, on systems with process groups, all it has started."""
    try:
        if hasattr(os, "killpg"):
            os.killpg(worker.pid, signal.SIGKILL)
        else:
            worker.kill()
    except (ProcessLookupError, PermissionError):  # it has ended by itself
        pass
    worker.communicate()
