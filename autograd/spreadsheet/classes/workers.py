"""Files checked side by side, by processes with limits of time and memory.

A process checks one file after another, because starting one takes longer than checking a sheet. If a file
takes too long or its process dies, that is the file's outcome, and a new process goes on.
"""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from ..problem import Problem
from .outcomes import Outcome, unread
from .worker import READY, receive, send

__all__ = ["Job", "run"]

_ROOT = Path(__file__).parents[3]


@dataclass(frozen=True)
class Job:
    """A file to check, with a key for its outcome and the student's own numbers by name."""

    key: Any
    name: str
    data: bytes
    numbers: Mapping[str, float] = field(default_factory=dict)


class _Worker:
    """One process, started when needed."""

    def __init__(self, problem: bytes, lr: float | None, seconds: float, megabytes: int) -> None:
        self._problem, self._lr, self._seconds, self._megabytes = problem, lr, seconds, megabytes
        self._process: subprocess.Popen[bytes] | None = None
        self._ended = False  # for good
        self._lock = threading.Lock()

    def check(self, job: Job) -> Outcome:
        about = json.dumps({"name": job.name, "numbers": dict(job.numbers), "lr": self._lr}).encode()
        process = self._started()
        began = time.monotonic()
        timer = threading.Timer(self._seconds, process.kill)
        timer.start()
        try:
            with suppress(OSError):  # it has died: there is no answer
                send(_stream(process.stdin), about + b"\n" + job.data)
            answer = receive(_stream(process.stdout))
        finally:
            timer.cancel()
        if answer is not None:
            return Outcome.from_json(answer.decode())
        late = time.monotonic() - began >= self._seconds
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=2.0)  # its own status, before it is made to end
        self.end(for_good=False)
        if late:
            return unread(f"it took longer than {self._seconds:g} seconds, the most that a check may take")
        return unread(
            f"the process that checked it ended with {process.returncode}: it may need more than "
            f"{self._megabytes:,} MB, the most that a check may have"
        )

    def _started(self) -> subprocess.Popen[bytes]:
        with self._lock:
            if self._ended:
                raise RuntimeError("no more files are checked")
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
        with suppress(OSError):
            send(_stream(process.stdin), self._problem)
        if receive(_stream(process.stdout)) != READY:
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
                with suppress(OSError):
                    _stream(stream).close()


def _stream(stream: IO[bytes] | None) -> IO[bytes]:
    assert stream is not None  # both are pipes
    return stream


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
    workers : the number of processes; by default one for each processor.
    seconds, megabytes : the most time for a file, and the most memory where the system can limit it.
    """
    pending = iter(jobs)
    pickled = pickle.dumps(problem)
    every = [_Worker(pickled, lr, seconds, megabytes) for _ in range(max(1, workers or os.cpu_count() or 1))]
    idle, running = every.copy(), dict[Future[Outcome], tuple[Job, _Worker]]()
    with ThreadPoolExecutor(len(every)) as pool:
        try:
            while True:
                while idle and (job := next(pending, None)) is not None:
                    worker = idle.pop()
                    running[pool.submit(worker.check, job)] = job, worker
                if not running:
                    return
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    job, worker = running.pop(future)
                    idle.append(worker)
                    yield job, future.result()
        finally:
            for worker in every:
                worker.end()
