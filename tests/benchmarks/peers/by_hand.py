"""The step written by hand: with numpy's matrix products, and for one network in C++."""

from __future__ import annotations

import ctypes
import functools
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from tests.benchmarks.tasks import Array, Task

KERNEL = Path(__file__).with_name("kernel.cpp")
COMPILER = ("g++", "-O3", "-march=native", "-ffast-math", "-fPIC", "-c")
LANES = 8


class Numpy:
    """Buffers made once and written in place; the bias is a column of ones beside each layer's inputs."""

    def __init__(self, task: Task) -> None:
        x, self.t = task.data
        self.task = task
        self.flat = task.weights.copy()
        self.gradient, self.spare = np.empty_like(self.flat), np.empty_like(self.flat)
        self.weights, self.gradients = task.matrices(self.flat), task.matrices(self.gradient)
        self.inputs = [np.ones((task.batch, columns)) for _, columns in task.shapes]
        self.outputs = [np.empty((task.batch, rows)) for rows, _ in task.shapes]
        self.adjoints = [np.empty_like(each) for each in self.outputs]
        widths = task.sizes[1:-1]
        self.inputs[0][:, : task.sizes[0]] = x
        self.activations = [after[:, :n] for n, after in zip(widths, self.inputs[1:])]
        self.active = [np.empty(a.shape, dtype=bool) for a in self.activations]
        self.inner = [matrix[:, :n] for n, matrix in zip(widths, self.weights[1:])]
        self.transposed = [matrix.T for matrix in self.weights]
        self.adjoints_transposed = [each.T for each in self.adjoints]
        self.minus_t, self.minus_share = -self.t, -self.t / task.batch
        self.head = getattr(self, task.loss)
        self.sigmoids = task.activation == "sigmoid"

    def start(self) -> None:
        self.flat[:] = self.task.weights

    def run(self, steps: int) -> float:
        value = 0.0
        for _ in range(steps):
            value = self.value_and_gradient()
            if self.task.updates:
                np.multiply(self.gradient, self.task.rate, out=self.spare)
                self.flat -= self.spare
        return value

    def result(self) -> Array:
        return self.flat.copy() if self.task.updates else self.gradient.copy()

    def value_and_gradient(self) -> float:
        for k, activation in enumerate(self.activations):
            np.matmul(self.inputs[k], self.transposed[k], out=self.outputs[k])
            if self.sigmoids:
                sigmoid(self.outputs[k], activation)
            else:
                np.maximum(self.outputs[k], 0.0, out=activation)
        np.matmul(self.inputs[-1], self.transposed[-1], out=self.outputs[-1])
        value = self.head(self.outputs[-1], self.adjoints[-1])
        for k in range(len(self.activations) - 1, -1, -1):
            np.matmul(self.adjoints_transposed[k + 1], self.inputs[k + 1], out=self.gradients[k + 1])
            adjoint = self.adjoints[k]
            np.matmul(self.adjoints[k + 1], self.inner[k], out=adjoint)
            if self.sigmoids:
                adjoint *= self.activations[k]
                adjoint *= 1.0 - self.activations[k]
            else:
                adjoint *= np.greater(self.outputs[k], 0.0, out=self.active[k])
        np.matmul(self.adjoints_transposed[0], self.inputs[0], out=self.gradients[0])
        l2 = self.task.l2
        if l2:
            np.multiply(self.flat, 2.0 * l2, out=self.spare)
            self.gradient += self.spare
            value += l2 * self.flat.dot(self.flat)
        return value

    def hinge_loss(self, z: Array, adjoint: Array) -> float:
        z *= self.minus_t
        z += 1.0
        np.multiply(z > 0.0, self.minus_share, out=adjoint)
        return float(np.maximum(z, 0.0, out=z).sum()) / self.task.batch

    def cross_entropy(self, z: Array, adjoint: Array) -> float:
        z -= z.max(1, keepdims=True)
        np.exp(z, out=adjoint)
        total = adjoint.sum(1, keepdims=True)
        adjoint /= total
        adjoint -= self.t
        adjoint /= self.task.batch
        return (float(np.log(total).sum()) - float(np.vdot(self.t, z))) / self.task.batch

    def half_squared_error(self, z: Array, adjoint: Array) -> float:
        a = sigmoid(z, z)
        error = a - self.t
        np.multiply(error, a * (1.0 - a), out=adjoint)
        return 0.5 * float(np.vdot(error, error))


def sigmoid(z: Array, out: Array) -> Array:
    np.negative(z, out=out)
    np.exp(out, out=out)
    out += 1.0
    return np.reciprocal(out, out=out)


class TwoProducts:
    """Of a step only the two large products: Z = X Wᵀ of the first layer, and its gradient dZᵀ X."""

    def __init__(self, task: Task) -> None:
        rng = np.random.default_rng(0)
        (self.x, _), rows = task.data, task.sizes[1]
        self.w = rng.normal(size=(rows, task.sizes[0]))
        self.z = rng.normal(size=(task.batch, rows))
        self.gradient = np.empty_like(self.w)
        self.w_transposed, self.z_transposed = self.w.T, self.z.T

    def start(self) -> None:
        pass

    def run(self, steps: int) -> float:
        for _ in range(steps):
            np.matmul(self.x, self.w_transposed, out=self.z)
            np.matmul(self.z_transposed, self.x, out=self.gradient)
        return 0.0


def built(source: Path, *options: str) -> Any:
    """A source in C++, compiled for this machine and loaded.

    Linked with ``-ffast-math``, a library would take subnormal numbers as 0 in the whole process.
    """
    with tempfile.TemporaryDirectory() as folder:
        compiled, linked = Path(folder, "kernel.o"), Path(folder, "kernel.so")
        for command in (
            [*COMPILER, *options, str(source), "-o", str(compiled)],
            [COMPILER[0], "-shared", str(compiled), "-o", str(linked)],
        ):
            subprocess.run(command, check=True, capture_output=True)
        return ctypes.CDLL(str(linked))


@functools.cache
def library() -> Any:
    """kernel.cpp, compiled for this machine."""
    loaded = built(KERNEL)
    loaded.train.restype = ctypes.c_double
    return loaded


class Cpp:
    """2-16-16-1, relu, hinge loss; the batch in blocks of eight examples, one lane each."""

    def __init__(self, task: Task) -> None:
        x, t = task.data
        self.task = task
        blocks = -(-task.batch // LANES)
        rows = np.zeros((blocks * LANES, 4))  # x₁, x₂, t, and the example's share of the mean
        rows[: task.batch] = np.c_[x, t, np.full(task.batch, 1.0 / task.batch)]
        self.examples = aligned(rows.reshape(blocks, LANES, 4).transpose(0, 2, 1))
        self.flat = aligned(task.weights)
        self.arguments = (
            self.flat.ctypes.data_as(ctypes.c_void_p),
            self.examples.ctypes.data_as(ctypes.c_void_p),
            ctypes.c_long(blocks),
            ctypes.c_double(task.rate),
            ctypes.c_double(task.l2),
        )
        self.train = library().train

    def start(self) -> None:
        self.flat[:] = self.task.weights

    def run(self, steps: int) -> float:
        return float(self.train(*self.arguments, ctypes.c_long(steps)))

    def result(self) -> Array:
        return self.flat.copy()


def aligned(array: Array, bytes: int = 64) -> Array:
    """A copy that begins at a multiple of so many bytes, as vectors of eight lanes are loaded."""
    room = np.empty(array.nbytes + bytes, dtype=np.uint8)
    offset = -room.ctypes.data % bytes
    copy = room[offset : offset + array.nbytes].view(np.float64).reshape(array.shape)
    copy[...] = array
    return copy
