"""The engine and training steps of the compiled graph beside the peers: all that is measured, not judged."""

from __future__ import annotations

import functools
import importlib
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from tests.benchmarks import derivatives, engine, transformer
from tests.benchmarks.contestants import BY_HAND, CONTESTANTS, JAXES, LLVM, NUMPY, OURS, Contestant
from tests.benchmarks.tasks import LARGE, MOONS, TASKS, Runner, Task, answer, check
from tests.benchmarks.timing import Times, Turn, alternating, seconds

WHOLE = Path(__file__).with_name("whole")
STEPS = 100  # of a whole process
WIDTHS = (5, 27, 94, 311, 995)  # of n-n-10 with 10² to 10⁶ parameters
BATCHES = (10, 100, 1000, 10_000, 100_000)


@dataclass
class Row:
    """One task.

    Attributes
    ----------
    times : the seconds of one unit of it.
    first : the seconds to the first result, from the recorded graph or from the peer's own function.
    """

    task: Task
    times: Times = field(default_factory=dict)
    first: Times = field(default_factory=dict)


@dataclass
class Findings:
    """All that was measured.

    Attributes
    ----------
    missing : of the contestants that could not take part the reason.
    recording : the seconds to record a task's graph, by the task's name.
    engine : of each kind of engine its programs.
    whole : the seconds of whole processes.
    by_batch, by_parameters : rows whose tasks differ in that only.
    derivatives : functions of a few variables at many points.
    transformer : the small GPT.
    """

    rows: list[Row] = field(default_factory=list)
    missing: dict[str, str] = field(default_factory=dict)
    recording: Times = field(default_factory=dict)
    engine: dict[str, engine.Measured] = field(default_factory=dict)
    whole: Times = field(default_factory=dict)
    by_batch: list[Row] = field(default_factory=list)
    by_parameters: list[Row] = field(default_factory=list)
    derivatives: list[derivatives.Measured] = field(default_factory=list)
    transformer: transformer.Measured | None = None


class Measurement:
    """Measures, says on stderr what it is at, and keeps what it finds."""

    def __init__(self, runs: int, quick: bool = False, text: str = "", largest: int = 10**7) -> None:
        self.runs, self.quick, self.text, self.largest = runs, quick, text, largest
        self.findings = Findings()
        self._builds: dict[str, Callable[[Task], Runner]] = {}

    def engine(self) -> None:
        self.say("the engine, compiled and plain")
        self.findings.engine = engine.both(self.runs, self.largest, self.quick, self.text)

    def rows(self) -> None:
        slow = [each for each in CONTESTANTS if self.quick and each.slow]
        chosen = [each for each in CONTESTANTS if each not in slow]
        self.findings.missing |= {each.name: "left out of a quick look" for each in slow}
        for task in TASKS:
            if self.text in task.name:
                self.findings.rows.append(self.row(task, chosen, firsts=min(self.runs, 5)))

    def row(self, task: Task, contestants: Iterable[Contestant], firsts: int) -> Row:
        row = Row(task)
        runners: dict[str, Runner] = {}
        for contestant in contestants:
            if not contestant.competes(task) or not self.is_here(contestant):
                continue
            self.say(f"{task.name}: {contestant.name}")
            if contestant.is_ours:
                importlib.import_module("tests.benchmarks.peers.ours").recorded(task)  # that is not timed
            try:
                spent, runner = self.first_result(contestant.name, task)
            except Exception as error:
                self.miss(contestant, error)
                continue
            row.first[contestant.name] = [spent]
            runners[contestant.name] = runner
            if contestant.checked:
                check(task, runner, contestant.name)
        again = [name for name in (*OURS, *JAXES) if name in runners]
        for _ in range(firsts):
            for name in again:
                spent, _ = self.first_result(name, task)
                row.first[name].append(spent)
        # The first of several includes the start of the library.
        row.first = {name: spent[1:] or spent for name, spent in row.first.items()}
        row.times = alternating({name: turn_of(task, runner) for name, runner in runners.items()}, self.runs)
        return row

    def first_result(self, name: str, task: Task) -> tuple[float, Runner]:
        made: list[Runner] = []

        def make() -> None:
            made.append(self._builds[name](task))
            made[0].run(task.unit)

        return seconds(make, collecting=True), made[0]

    def is_here(self, contestant: Contestant) -> bool:
        if contestant.name not in self._builds and contestant.name not in self.findings.missing:
            try:
                self._builds[contestant.name] = contestant.load()
            except Exception as error:
                self.miss(contestant, error)
        return contestant.name in self._builds

    def miss(self, contestant: Contestant, error: Exception) -> None:
        """A peer that cannot be had here is named in the report; of ours only an extra may be missing."""
        if contestant.is_ours and not isinstance(error, ImportError):
            raise error
        lines = str(error).strip().splitlines() or [""]
        self.findings.missing[contestant.name] = f"{type(error).__name__}: {lines[0]:.160}"

    def recording(self) -> None:
        if not self.is_here(CONTESTANTS[0]):
            return
        from tests.benchmarks.peers.ours import build_model, record

        for task in (MOONS, LARGE):
            self.say(f"recording {task.name}")
            model = build_model(task)
            times = [
                seconds(functools.partial(record, task, model), collecting=True) for _ in range(self.runs)
            ]
            self.findings.recording[task.name] = times

    def whole(self) -> None:
        """100 steps of the moons' network from the start of a process to its end, imports included."""
        commands = {
            "ours": ["ours.py", "auto"],
            LLVM: ["ours.py", "llvm"],
            NUMPY: ["ours.py", "numpy"],
            "jax": ["with_jax.py"],
            "torch": ["with_torch.py"],
        }
        x, t = MOONS.data
        parts = {"x": x, "t": t}
        for k, matrix in enumerate(MOONS.matrices(MOONS.weights)):
            parts |= {f"w{k}": matrix[:, :-1], f"b{k}": matrix[:, -1]}
        right, _ = answer(MOONS, STEPS)
        with tempfile.TemporaryDirectory() as folder:
            data = Path(folder, "moons.npz")
            np.savez(data, **parts)

            def run(script: str, *arguments: str) -> None:
                command = [sys.executable, str(WHOLE / script), str(data), *arguments]
                done = subprocess.run(command, capture_output=True, text=True, check=True)
                if not abs(float(done.stdout) - right) <= 1e-9 * right:
                    raise ArithmeticError(f"{script} ends at {done.stdout.strip()}, right is {right!r}")

            for turn in range(min(self.runs, 5) + 1):  # the first of all reads the files from the disk
                for name, command in commands.items():
                    if f"process: {name}" in self.findings.missing:
                        continue
                    self.say(f"whole process: {name}")
                    try:
                        spent = seconds(functools.partial(run, *command))
                    except subprocess.CalledProcessError as error:
                        reason = (error.stderr.strip().splitlines() or ["no word"])[-1]
                        self.findings.missing[f"process: {name}"] = reason
                    else:
                        times = self.findings.whole.setdefault(name, [])
                        times += [spent] if turn else []

    def growth(self) -> None:
        chosen = [each for each in CONTESTANTS if each.name in (*OURS, BY_HAND)]
        fewer = 2 if self.quick else 0
        for batch in BATCHES[: len(BATCHES) - fewer]:
            task = Task(f"2-16-16-1, {batch}", (2, 16, 16, 1), batch, "hinge_loss")
            self.findings.by_batch.append(self.row(task, chosen, firsts=0))
        for width in WIDTHS[: len(WIDTHS) - fewer]:
            task = Task(f"{width}-{width}-10, 64", (width, width, 10), 64, "cross_entropy")
            row = self.row(task, chosen, firsts=0 if width > 500 else min(self.runs, 3))
            self.findings.by_parameters.append(row)

    def derivatives(self) -> None:
        self.say("value, gradient and Hessian at many points")
        try:
            self.findings.derivatives = derivatives.measured(self.runs, self.quick, self.text)
        except ImportError as error:
            self.findings.missing[derivatives.DDX] = f"{type(error).__name__}: {error}"

    def transformer(self) -> None:
        self.findings.transformer = found = transformer.measured(self.runs, self.quick, self.say)
        self.findings.missing |= {f"GPT: {name}": reason for name, reason in found.missing.items()}

    def say(self, text: str) -> None:
        if sys.stderr.isatty():
            print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)

    def run(self, parts: Sequence[str]) -> Findings:
        for name in parts:
            getattr(self, name)()
        self.say("")
        return self.findings


def turn_of(task: Task, runner: Runner) -> Turn:
    """Each turn begins with the same weights."""

    def turn(loops: int) -> None:
        runner.start()
        runner.run(loops * task.unit)

    return turn
