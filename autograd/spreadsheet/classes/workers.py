"""Files checked side by side, each by a process that is ended when it passes its limits of time and memory.

A process checks one file after another, for to start one takes longer than to check a sheet. Where a file
takes too long, or its process dies, that is the outcome for the file, and another process goes on.
"""

from __future__ import annotations

import json
import os
import pickle
import queue
import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..problem import Problem
from .outcomes import Outcome, unread
from .worker import READY, receive, send

__all__ = ["Job", "run"]

_ROOT = Path(__file__).parents[3]


@dataclass(frozen=True)
class Job:
    """A file to check.

    Attributes
    ----------
    key : by which its outcome is known again.
    name : of the file.
    data : its bytes.
    numbers : of the student's own, by name.
    """

    key: Any
    name: str
    data: bytes
    numbers: Mapping[str, float] = field(default_factory=dict)


class _Worker:
    """One process, started when it is needed."""

    def __init__(self, problem: bytes, lr: float | None, seconds: float, megabytes: int) -> None:
        self._problem, self._lr, self._seconds, self._megabytes = problem, lr, seconds, megabytes
        self._process: subprocess.Popen[bytes] | None = None
        self._ended = False  # for good
        self._lock = threading.Lock()

    def check(self, job: Job) -> Outcome:
        about = json.dumps({"name": job.name, "numbers": dict(job.numbers), "lr": self._lr}).encode()
        process = self._started()
        assert process.stdin is not None
        assert process.stdout is not None
        late = threading.Event()

        def end() -> None:
            late.set()
            process.kill()

        timer = threading.Timer(self._seconds, end)
        timer.start()
        try:
            with suppress(OSError):  # it has died: there is no answer
                send(process.stdin, about + b"\n" + job.data)
            answer = receive(process.stdout)
        finally:
            timer.cancel()
            timer.join()
        if answer is not None:
            return Outcome.from_json(answer.decode())
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=2.0)  # its own status, before it is made to end
        self.end(for_good=False)
        if late.is_set():
            return unread(f"it took longer than {self._seconds:g} seconds, the most that a check may take")
        return unread(
            f"the process that checked it ended with {process.returncode}: it may need more than "
            f"{self._megabytes:,} MB, the most that a check may have"
        )

    def _started(self) -> subprocess.Popen[bytes]:
        with self._lock:
            if self._ended:
                raise _Ended
            if self._process is not None:
                return self._process
            path = os.pathsep.join(filter(None, [str(_ROOT), os.environ.get("PYTHONPATH", "")]))
            one = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")
            module, limits = "autograd.spreadsheet.classes.worker", (self._seconds, self._megabytes)
            process = self._process = subprocess.Popen(
                [sys.executable, "-m", module, *map(str, limits)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env={**os.environ, "PYTHONPATH": path, **one},
            )
        assert process.stdin is not None
        assert process.stdout is not None
        with suppress(OSError):
            send(process.stdin, self._problem)
        if receive(process.stdout) != READY:
            if self._ended:
                raise _Ended
            raise RuntimeError(
                "a process to check files in could not be started, or could not read the problem: rows that "
                "your own program adds to the table are not known there"
            )
        return process

    def end(self, for_good: bool = True) -> None:
        """End the process; another is started for the next file, unless it is for good."""
        with self._lock:
            self._ended = self._ended or for_good
            process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()
            for stream in (process.stdin, process.stdout):
                if stream is not None:
                    with suppress(OSError):
                        stream.close()


class _Ended(Exception):
    """No more files are checked."""


def run(
    jobs: Iterable[Job],
    problem: Problem,
    *,
    lr: float | None = None,
    workers: int | None = None,
    seconds: float = 60.0,
    megabytes: int = 2_000,
) -> Iterator[tuple[Job, Outcome]]:
    """Each job with its outcome, as they become ready.

    Parameters
    ----------
    lr : the learning rate of all sheets; by default as each says.
    workers : how many processes; as many as there are processors by default.
    seconds, megabytes : the most that the check of a file may take of time, and of memory where the system
        can limit it.
    """
    pending = iter(jobs)
    lock = threading.Lock()
    done: queue.SimpleQueue[tuple[Job, Outcome] | BaseException | None] = queue.SimpleQueue()
    count = max(1, workers or os.cpu_count() or 1)
    pickled = pickle.dumps(problem)
    processes = [_Worker(pickled, lr, seconds, megabytes) for _ in range(count)]

    def go_on(worker: _Worker) -> None:
        try:
            while True:
                with lock:
                    job = next(pending, None)
                if job is None:
                    break
                done.put((job, worker.check(job)))
        except _Ended:
            pass
        except BaseException as error:  # told by the thread that waits
            done.put(error)
        done.put(None)

    threads = [threading.Thread(target=go_on, args=(worker,), daemon=True) for worker in processes]
    try:
        for thread in threads:
            thread.start()
        running = len(threads)
        while running:
            found = done.get()
            if isinstance(found, BaseException):
                raise found
            if found is None:
                running -= 1
            else:
                yield found
    finally:
        with lock:
            pending = iter(())
        for worker in processes:
            worker.end()
        for thread in threads:
            thread.join(timeout=5.0)
