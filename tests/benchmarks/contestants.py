"""Who takes part, and in which tasks. A module is imported when its contestant's turn comes."""

from __future__ import annotations

import importlib
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass

from tests.benchmarks.tasks import MOONS, Runner, Task

LLVM, NUMPY, CALLS = "ours, llvm", "ours, numpy", "ours, llvm, a call a step"
CPP, BY_HAND = "C++ by hand", "numpy by hand"
JAX, JAX_LOOP, JAX_SCALARS = "jax jit", "jax jit, loop inside", "jax jit(vmap), in scalars"
TORCH, TORCH_COMPILE = "torch, eager", "torch.compile"
CASADI, DRJIT, MICROGRAD = "CasADi", "Dr.Jit, in scalars", "micrograd"
PRODUCTS = "the two products alone"

OURS = [LLVM, NUMPY]
JAXES = [JAX, JAX_LOOP]
TORCHES = [TORCH, TORCH_COMPILE]


@dataclass(frozen=True)
class Contestant:
    """
    Attributes
    ----------
    place : the module below `peers`, and in it the function that takes a task and returns a `Runner`.
    competes : in which tasks.
    checked : whether it does the whole task.
    slow : whether it takes seconds to be made or to make a step.
    trial : whether its module is run in a process of its own before, because it may end the process.
    """

    name: str
    place: str
    competes: Callable[[Task], bool]
    checked: bool = True
    slow: bool = False
    trial: bool = False

    @property
    def is_ours(self) -> bool:
        return self.place.startswith("ours.")

    def load(self) -> Callable[[Task], Runner]:
        module, function = self.place.split(".")
        module = f"tests.benchmarks.peers.{module}"
        if self.trial:
            tried = subprocess.run([sys.executable, "-m", module], capture_output=True, text=True)
            if tried.returncode:
                raise RuntimeError(tried.stderr.strip() or f"its process ended with {tried.returncode}")
        build: Callable[[Task], Runner] = getattr(importlib.import_module(module), function)
        return build


def a_step(task: Task) -> bool:
    return task.unit == 1


CONTESTANTS = (
    Contestant(LLVM, "ours.llvm", lambda task: True),
    Contestant(NUMPY, "ours.numpy", lambda task: True),
    Contestant(CALLS, "ours.llvm_calls", lambda task: a_step(task) and task.updates),
    Contestant(CPP, "by_hand.Cpp", lambda task: task.sizes == MOONS.sizes),
    Contestant(BY_HAND, "by_hand.Numpy", lambda task: True),
    Contestant(JAX, "with_jax.Jax", a_step),
    Contestant(JAX_LOOP, "with_jax.Loop", lambda task: task.updates),
    Contestant(TORCH, "with_torch.Torch", a_step),
    Contestant(TORCH_COMPILE, "with_torch.compiled", a_step, slow=True),
    Contestant(CASADI, "with_casadi.contestant", lambda task: task.is_assignment),
    Contestant(MICROGRAD, "with_micrograd.Micrograd", lambda task: task == MOONS, slow=True),
    Contestant(JAX_SCALARS, "with_jax.Scalars", lambda task: task == MOONS, slow=True),
    Contestant(DRJIT, "with_drjit.Scalars", lambda task: task == MOONS, slow=True, trial=True),
    Contestant(PRODUCTS, "by_hand.TwoProducts", lambda task: task.sizes[0] == 784, checked=False),
)
