"""The moons' network in scalars for Dr.Jit on its LLVM back end: a variable is an array over the batch."""

from __future__ import annotations

import functools
import os
import tempfile
from typing import Any
from unittest import mock

import numpy as np

from tests.benchmarks.peers.scalars import scalar_loss
from tests.benchmarks.tasks import Array, Task

# It keeps what it compiles below the home, where an earlier run may have left it.
_home = tempfile.TemporaryDirectory()
with mock.patch.dict(os.environ, HOME=_home.name):
    import drjit
    from drjit.llvm.ad import Float64


class Scalars:
    def __init__(self, task: Task) -> None:
        x, t = task.data
        self.task = task
        self.x, self.t = [Float64(column) for column in x.T], Float64(t[:, 0])
        self.example = functools.partial(scalar_loss, task.sizes, lambda z: drjit.select(z > 0.0, z, 0.0))
        self.step = drjit.freeze(self.plain_step)
        self.start()

    def start(self) -> None:
        self.parameters = [Float64(float(p)) for p in self.task.weights]
        drjit.make_opaque(self.parameters)

    def plain_step(self, parameters: list[Any], x: list[Any], t: Any) -> tuple[Any, list[Any]]:
        drjit.enable_grad(parameters)
        loss = drjit.mean(self.example(parameters, x, t))
        loss += self.task.l2 * sum(p * p for p in parameters)
        drjit.backward(loss)
        after = [drjit.detach(p) - self.task.rate * drjit.grad(p) for p in parameters]
        return drjit.detach(loss), after

    def run(self, steps: int) -> float:
        for _ in range(steps):
            value, self.parameters = self.step(self.parameters, self.x, self.t)
            drjit.eval(value, self.parameters)
        drjit.sync_thread()
        return float(value[0])

    def result(self) -> Array:
        return np.array([p[0] for p in self.parameters])


if __name__ == "__main__":  # the trial: where LLVM cannot do a step, it ends the process
    from tests.benchmarks.tasks import MOONS

    Scalars(MOONS).run(1)
