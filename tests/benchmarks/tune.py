"""The constants of `autograd.compiler.tuning`, measured again: what each alternative takes here."""

import os
import platform
import time
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from unittest.mock import patch

import numpy as np

from autograd import Value, compile, mean
from autograd.compiler import tuning
from nn import GPT, MLP, cross_entropy, mse_loss


@dataclass(frozen=True)
class Trial:
    """A constant, its alternatives, and what they are timed on: a training step, or the Hessian by inputs.

    With `tokens` it is a step of a GPT of these sizes, `(positions, width)`.
    """

    constant: str
    values: tuple[int, ...]
    backend: str
    sizes: tuple[int, ...]
    batch: int
    hessian: bool = False
    tokens: int = 0


TRIALS = [
    Trial("PADDED_LENGTHS", (2, 4, 16), "llvm", (8, 16), 1, tokens=27),
    Trial("PADDED_MOST", (1, 2), "llvm", (8, 16), 1, tokens=27),
    Trial("NUMPY_CHUNK", (1024, 4096, 16384), "numpy", (16, 32, 1), 32768),
    Trial("NUMPY_COPIED", (512, 4096, 32768), "numpy", (32, 64, 32, 1), 16),
    Trial("NUMPY_SQUARE", (32, 256, 1024), "numpy", (8, 200), 256),
    Trial("NUMPY_CALL", (0, 25, 100), "numpy", (2, 2, 2), 1),
    Trial("BIAS_COPY", (16, 64, 1024), "numpy", (256, 64, 1), 256),
    Trial("STRAIGHT", (0, 600, 3000), "llvm", (2, 8, 8, 1), 256),
    Trial("STRAIGHT_ROWS", (600, 3000, 10**6), "llvm", (1, 8, 1), 256, hessian=True),
    Trial("SHORT_LOOP", (8, 16, 64), "llvm", (1, 16, 1), 256, hessian=True),
    Trial("LANES_8", (1, 4, 16), "llvm", (8, 16, 1), 6),
    Trial("LANES_16", (4, 16, 1024), "llvm", (16, 32, 32, 1), 64),
    Trial("LANES_32", (16, 32, 10**6), "llvm", (16, 32, 32, 1), 128),
    Trial("LANES_32_PARAMETERS", (64, 512, 10**6), "llvm", (16, 32, 32, 1), 128),
    Trial("LANES_32_NUMBERS", (1024, 4096, 10**6), "llvm", (8, 16), 32, tokens=27),
    Trial("WIDE", (1024, 4096, 10**6), "llvm", (128, 64, 64, 10), 64),
    Trial("WIDE_EXAMPLES", (128, 512, 2048), "llvm", (784, 64, 10), 1024),
    Trial("WIDE_ROWS", (3, 6, 8), "llvm", (784, 64, 10), 256),
    Trial("WIDE_COLUMNS", (16, 32, 64), "llvm", (784, 64, 10), 256),
    Trial("UNROLLED_SUMS", (1, 128, 10**6), "llvm", (64, 64, 64, 1), 128),
]


def measured() -> Iterator[str]:
    """A line for each trial: microseconds a step with each alternative, the value that stands marked."""
    yield f"{platform.platform()}, {platform.processor() or platform.machine()}: microseconds a step"
    for trial in TRIALS:
        steps = {value: step_of(trial, value) for value in sorted({*trial.values, current(trial)})}
        found = fastest(steps)
        told = [
            f"{value}{'*' if value == current(trial) else ''}: {found[value] * 1e6:.1f}" for value in found
        ]
        yield f"{trial.constant:20} {trial.backend:6} {trial.sizes} x {trial.batch}:  {'   '.join(told)}"
    for backend, stated in tuning.SECONDS.items():
        found = costs(backend)
        yield f"SECONDS {backend:6} {'   '.join(f'{a:.1e} (now {b:.1e})' for a, b in zip(found, stated))}"


def costs(backend, small=(2, 2, 1), large=(64, 64, 64, 1), batch=256):
    """Seconds as in `tuning.SECONDS`: once, for each parameter, update, and parameter in each example."""
    (few, once, update), (many, longer, passed) = (
        first_and_each(Trial("", (), backend, sizes, size)) for sizes, size in ((small, 1), (large, batch))
    )
    return once, (longer - once) / (many - few), update, passed / batch / many


def first_and_each(trial):
    """How many parameters a network has, the seconds until its first step is done, and those of each step."""
    began = time.perf_counter()
    with patch.dict(os.environ, AUTOGRAD_CACHE="off"):
        step = step_of(trial)
        first = time.perf_counter() - began
        _, gradient = step()
        return len(gradient), first, fastest({trial: step})[trial]


def current(trial):
    return getattr(tuning, trial.constant)


def step_of(trial, value=None):
    """A function of no arguments that makes one step; its code is made with that value of the constant."""

    def changed():
        return patch.object(tuning, trial.constant, value) if trial.constant else nullcontext()

    with changed():
        program, parameters, batch = compiled_gpt(trial) if trial.tokens else compiled_network(trial)

    def step():
        with changed():
            return (
                program.hessian(parameters, batch, "inputs") if trial.hessian else program(parameters, batch)
            )

    step()
    return step


def compiled_network(trial):
    """A program, its parameters, and a batch."""
    activation, (first, *_, last) = "tanh" if trial.hessian else "relu", trial.sizes
    model = MLP(first, list(trial.sizes[1:]), activation=activation, seed=1)
    inputs = [Value(0.0) for _ in range(first + last)]
    loss = mse_loss(model(inputs[:first]), inputs[first:] if last > 1 else inputs[first])
    program = compile(loss, model.parameters(), inputs, backend=trial.backend)
    batch = np.random.default_rng(0).standard_normal((trial.batch, first + last))
    return program, np.array([parameter.data for parameter in model.parameters()]), batch


def compiled_gpt(trial):
    """The same of sequences of tokens and of those that follow."""
    positions, width = trial.sizes
    model = GPT(trial.tokens, positions, n_embd=width, seed=1)
    tokens, following = ([Value(0.0) for _ in range(positions)] for _ in range(2))
    loss = mean(list(map(cross_entropy, model(tokens), following)))
    program = compile(loss, model.parameters(), tokens + following, backend=trial.backend)
    batch = np.random.default_rng(0).integers(0, trial.tokens, (trial.batch, 2 * positions)).astype(float)
    return program, np.array([parameter.data for parameter in model.parameters()]), batch


def fastest(steps, seconds=0.3):
    """The least time of each function, the functions taking turns."""
    found = dict.fromkeys(steps, np.inf)
    ends = time.perf_counter() + seconds * len(steps)
    while time.perf_counter() < ends:
        for value, step in steps.items():
            began = time.perf_counter()
            step()
            found[value] = min(found[value], time.perf_counter() - began)
    return found
