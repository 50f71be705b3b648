"""Files are checked side by side; what takes too long or too much, or ends its process, stops no other."""

import io
import pickle
import threading
import time

import pytest

from autograd import Value, primitive
from autograd.spreadsheet import Problem, assignment
from autograd.spreadsheet.classes import worker
from autograd.spreadsheet.classes.outcomes import Outcome
from autograd.spreadsheet.classes.workers import Job, run
from tests.support.classes_made import USUAL, sheet
from tests.support.slow_problems import Troubled

SLOW, LARGE, DEADLY = 1, 2, 3


def test_each_file_has_its_outcome(tmp_path):
    jobs = [
        Job(turn, f"{turn}.csv", sheet(tmp_path, slip))
        for turn, slip in enumerate(["right", "usual", "half"])
    ]
    found = {job.key: outcome for job, outcome in run(jobs, assignment(), workers=2)}
    assert {key: outcome.status for key, outcome in found.items()} == {0: 0, 1: 1, 2: 1}
    assert {mistake.slip for mistake in found[1].mistakes} == {USUAL}


def test_limits_of_time_and_memory_hold_and_the_others_are_checked(tmp_path):
    good = sheet(tmp_path)
    trouble = [SLOW, 0, LARGE, 0, DEADLY, 0]
    jobs = [Job(turn, "x.csv", good, {"trouble": kind}) for turn, kind in enumerate(trouble)]
    found = {
        job.key: outcome for job, outcome in run(jobs, Troubled(), workers=1, seconds=5.0, megabytes=1500)
    }
    assert [found[turn].status for turn in range(6)] == [2, 0, 2, 0, 2, 0]
    assert found[0].reason == "it took longer than 5 seconds, the most that a check may take"
    assert found[2].reason == "it needs more memory than a check may have"
    assert "ended with 7" in found[4].reason


def test_who_stops_listening_leaves_no_process_behind(tmp_path):
    good = sheet(tmp_path)
    before = threading.active_count()
    jobs = (Job(turn, "x.csv", good, {"trouble": SLOW if turn else 0}) for turn in range(50))
    outcomes = run(jobs, Troubled(), workers=2)
    assert next(outcomes)[1].status == 0
    began = time.monotonic()
    outcomes.close()
    assert time.monotonic() - began < 30.0
    assert threading.active_count() == before


def test_what_the_reading_of_files_raises_is_told(tmp_path):
    def jobs():
        yield Job(0, "x.csv", sheet(tmp_path))
        raise ArithmeticError("no more")

    with pytest.raises(ArithmeticError, match="no more"):
        list(run(jobs(), assignment(), workers=1))


def test_a_problem_with_rows_of_one_s_own_is_refused(tmp_path):
    """Another process does not know them."""
    own = primitive(partials=lambda y, x: 2.0 * x, name="own_row", sheet="{0}^2")(lambda x: x * x)
    w = Value(3.0, "w")
    loss = own(w)
    loss.label = "E"
    with pytest.raises(RuntimeError, match="rows that your own program adds"):
        list(run([Job(0, "x.csv", b"w,E\n1,1\n")], Problem.of(loss, [w]), workers=1))


# --- the process -----------------------------------------------------------------------------------


def test_messages_go_through_a_stream_whole_or_not():
    stream = io.BytesIO()
    for message in (b"", b"one\ntwo", bytes(100_000)):
        worker.send(stream, message)
    stream.seek(0)
    assert [worker.receive(stream) for _ in range(4)] == [b"", b"one\ntwo", bytes(100_000), None]
    assert worker.receive(io.BytesIO(stream.getvalue()[:3])) is None
    assert worker.receive(io.BytesIO(stream.getvalue()[8:20])) is None


def test_a_worker_answers_each_job_and_ends_with_the_stream(tmp_path):
    source, target = io.BytesIO(), io.BytesIO()
    worker.send(source, pickle.dumps(assignment()))
    about = b'{"name": "x.csv", "numbers": {}, "lr": null}\n'
    for data in (sheet(tmp_path, "usual"), b"", b"PK\3\4"):
        worker.send(source, about + data)
    source.seek(0)
    worker.work(source, target, 60.0)
    target.seek(0)
    assert worker.receive(target) == worker.READY
    answers = [Outcome.from_json(worker.receive(target).decode()) for _ in range(3)]
    assert [each.status for each in answers] == [1, 2, 2]
    assert "is empty" in answers[1].reason
    assert worker.receive(target) is None


def test_a_fault_of_the_checker_is_the_outcome_of_one_file(monkeypatch):
    def broken(*_):
        raise ZeroDivisionError("oh")

    monkeypatch.setattr(worker, "check_book", broken)
    found = worker.checked("x.csv", b"w1,w2\n1,2\n", assignment(), {}, None)
    assert found.status == 2
    assert found.reason == "a fault of the checker, please report it: ZeroDivisionError: oh"


def test_a_file_with_too_many_bytes_is_refused():
    assert (
        "more than 20,000,000 bytes"
        in worker.checked("x.csv", bytes(20_000_001), assignment(), {}, None).reason
    )
