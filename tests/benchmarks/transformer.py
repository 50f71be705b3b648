"""The small GPT: whole trainings and single steps, beside the plain program, by hand, torch and jax.

Every contestant has processes of its own, which take turns; seconds are those of the processor, with all that
they start, for what else the machine does is nobody's time. One process is:

python -m tests.benchmarks.transformer step PLACE BATCH POSITIONS
python -m tests.benchmarks.transformer generation WIDTH LAYERS
"""

from __future__ import annotations

import functools
import importlib
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from tests.benchmarks import alone, gpt
from tests.benchmarks.names import STEPS, Names
from tests.benchmarks.timing import Times, loops_of

PROGRAM, EAGER = "the plain program", "ours, eager"
LLVM, NUMPY, OURS_JAX = "ours, llvm", "ours, numpy", "ours, jax"
CPP, BY_HAND = "C++ by hand", "numpy by hand"
TORCH, TORCH_COMPILE, JAX = "torch, eager", "torch.compile", "jax jit"
PLACES = {
    LLVM: "gpt_ours.llvm", NUMPY: "gpt_ours.numpy", OURS_JAX: "gpt_ours.with_jax", CPP: "gpt_by_hand.Cpp",
    BY_HAND: "gpt_by_hand.Numpy", TORCH: "gpt_torch.Torch", TORCH_COMPILE: "gpt_torch.compiled",
    JAX: "gpt_jax.Jax", EAGER: "gpt_ours.eager", PROGRAM: "gpt_ours.plainly",
}  # fmt: skip
"""By contestant the module below `peers`, and in it what takes the task and returns a `Runner`."""

IN_SCALARS = (PROGRAM, EAGER)
POSITIONS = 8
BATCHES = (1, 32)
FIRST, AGAIN = "from nothing", "from the kernel cache"
COMPARED = 100  # steps whose losses are compared with the eager engine's
WHOLE = Path(__file__).with_name("whole") / "gpt.py"
GROWTH = ((16, 1), (32, 1), (64, 1), (16, 2), (16, 4))
"""Widths and numbers of layers."""
TURNS = 5


@dataclass
class Measured:
    """
    Attributes
    ----------
    steps, first : by batch the seconds of one step, and to the first one; by contestant, round by round.
    whole : the seconds of whole processes of `STEPS` steps, by back end and whether kernels were kept.
    plain : the seconds of the plain program for a position, and of the whole training by that.
    apart : how many steps' losses were compared with the eager engine's, and the largest relative difference.
    growth : for each of `GROWTH` the seconds to record a name, and from there to the first step.
    missing : of what could not be measured the reason.
    """

    steps: dict[int, Times] = field(default_factory=dict)
    first: dict[int, Times] = field(default_factory=dict)
    whole: Times = field(default_factory=dict)
    plain: tuple[float, float] | None = None
    apart: tuple[int, float] | None = None
    growth: dict[tuple[int, int], tuple[float, float]] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)


def measured(runs: int, quick: bool, say: Callable[[str], None]) -> Measured:
    found = Measured()
    rounds = min(runs, 3)
    for batch in BATCHES:
        found.steps[batch], found.first[batch] = {}, {}
        for _ in range(rounds):
            for name, place in PLACES.items():
                if (name in IN_SCALARS and batch > 1) or (name == CPP and batch % 8) or name in found.missing:
                    continue
                if quick and name == TORCH_COMPILE:
                    found.missing[name] = "left out of a quick look"
                    continue
                say(f"a step of the GPT, {batch} names: {name}")
                spent = printed(found, name, [__name__, "step", place, batch, POSITIONS])
                if spent is not None:
                    for kind, times in (("step", found.steps), ("first", found.first)):
                        times[batch].setdefault(name, []).append(spent[kind])
    if times := found.steps[1].get(PROGRAM):
        positions = sum(min(len(text) - 1, gpt.Sizes().block) for text in _texts())
        each = statistics.median(times) / POSITIONS
        found.plain = each, each * positions
    _measure_whole(found, quick, rounds, say)
    for width, layers in GROWTH[: 2 if quick else len(GROWTH)]:
        say(f"generating code: width {width}, layers {layers}")
        spent = printed(found, f"generation, {width} by {layers}", [__name__, "generation", width, layers])
        if spent is not None:
            found.growth[width, layers] = spent["recording"], spent["generating"]
    return found


def processor_seconds(run: Callable[[], Any]) -> tuple[float, Any]:
    """What the processor takes for it, in this process and in those that end in it; and what it gives."""
    before = time.process_time() + _of_children()
    made = run()
    return time.process_time() + _of_children() - before, made


def _of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _texts() -> list[list[int]]:
    return list(map(gpt.tokens_of, islice(gpt.made_up_names(), STEPS)))


def _measure_whole(found: Measured, quick: bool, rounds: int, say: Callable[[str], None]) -> None:
    """Each back end from nothing and again; imports, recording and code generation included."""
    losses: dict[str, list[float]] = {}
    for _ in range(rounds):
        for backend in ("llvm", "numpy"):
            with tempfile.TemporaryDirectory() as kernels:
                for state in (FIRST, AGAIN) if backend == "llvm" else (FIRST,):
                    name = f"ours, {backend}, {state}"
                    if name in found.missing:
                        continue
                    say(f"the whole training of the GPT: {name}")
                    run = functools.partial(
                        printed, found, name, [WHOLE, backend, STEPS], AUTOGRAD_CACHE=kernels
                    )
                    spent, made = processor_seconds(run)
                    if made is not None:
                        found.whole.setdefault(name, []).append(spent)
                        losses[name] = made
    compared = 5 if quick else COMPARED
    say(f"{compared} steps of the GPT by the eager engine")
    right = printed(found, "the eager engine's losses", [WHOLE, "eager", compared])
    if right is not None and losses:
        ends = np.array([each[:compared] for each in losses.values()])
        found.apart = compared, float(np.abs(ends / np.array(right) - 1.0).max())


def printed(found: Measured, name: str, arguments: Sequence[Any], **environment: str) -> Any:
    """What a process prints; None if it fails, and then the reason is noted."""
    first, *others = arguments
    program = [str(first)] if isinstance(first, Path) else ["-m", first]
    done = subprocess.run(
        [sys.executable, *program, *map(str, others)],
        env=os.environ | alone.ONE_THREAD | {"PYTHONPATH": str(Path(__file__).parents[2])} | environment,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        said = done.stderr.strip().splitlines() or [f"its process ended with {done.returncode}"]
        if "ArithmeticError" in said[-1]:  # it computes something else
            raise ArithmeticError(f"{name}: {said[-1]}")
        found.missing[name] = said[-1][:160]
        return None
    return json.loads(done.stdout.splitlines()[-1])


# --- in a process of its own -------------------------------------------------------------------------


def step(place: str, batch: int, positions: int) -> dict[str, float]:
    """The seconds to the first step, libraries included, and of one step, of a contestant that is checked."""
    names = Names(batch, positions)
    module, function = place.split(".")

    def make() -> Any:
        build = getattr(importlib.import_module(f"tests.benchmarks.peers.{module}"), function)
        runner = build(names)
        runner.run(1)
        return runner

    first, runner = processor_seconds(make)
    check(names, runner)
    loops = loops_of(runner.run)
    turns = []
    for _ in range(TURNS):
        runner.start()  # after step 1,000 the rate is negative, and subnormal numbers take longer
        turns.append(processor_seconds(functools.partial(runner.run, loops))[0])
    return {"first": first, "step": statistics.median(turns) / loops}


def check(names: Names, runner: Any, tolerance: float = 1e-9) -> None:
    """Raise where the loss or the weights after three steps are not those of numpy by hand."""
    from tests.benchmarks.peers.gpt_by_hand import Numpy

    right = Numpy(names)
    runner.start()
    apart = abs(runner.run(3) / right.run(3) - 1.0), np.abs(runner.result() - right.result()).max()
    if not max(apart) <= tolerance:
        raise ArithmeticError(
            f"{type(runner).__name__} computes something else: it is off by {max(apart):.1e}"
        )


def generation(width: int, layers: int) -> dict[str, float]:
    """The seconds to record a name, and from there to the first native step, without kept kernels."""
    from autograd import compile
    from tests.benchmarks.peers.gpt_ours import recorded

    names = Names(1, POSITIONS, gpt.Sizes(width=width, layers=layers))
    recording, (loss, parameters, text) = processor_seconds(lambda: recorded(names))
    weights, batch = np.array([p.data for p in parameters]), names.texts.astype(np.float64)

    def first() -> None:
        program = compile(loss, parameters, inputs=text, backend="llvm")
        program.descend(weights, batch, 0.01)

    return {"recording": recording, "generating": processor_seconds(first)[0]}


if __name__ == "__main__":
    what, *given = sys.argv[1:]
    alone.pin()
    os.environ["AUTOGRAD_CACHE"] = "off"
    if what == "step":
        place, *numbers = given
        print(json.dumps(step(place, *map(int, numbers))))
    else:
        print(json.dumps(generation(*map(int, given))))
