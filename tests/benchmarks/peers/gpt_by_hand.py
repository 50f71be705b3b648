"""The step of the GPT written by hand: with numpy's matrix products, and in C++."""

from __future__ import annotations

import ctypes
import functools
from pathlib import Path
from typing import Any

import numpy as np

from tests.benchmarks.names import LAYER, Adam, Array, Names
from tests.benchmarks.peers.by_hand import LANES, built

KERNEL = Path(__file__).with_name("gpt.cpp")


class Numpy:
    """All names and positions at once; heads are an axis."""

    def __init__(self, names: Names) -> None:
        self.names = names
        self.here, self.following = names.texts[:, :-1], names.texts[:, 1:].reshape(-1)
        T = names.positions
        self.future = np.triu(np.full((T, T), -np.inf), 1)
        self.start()

    def start(self) -> None:
        self.flat = self.names.weights.copy()
        self.gradient = np.zeros_like(self.flat)
        self.w, self.g = self.names.matrices(self.flat), self.names.matrices(self.gradient)
        self.adam = Adam(len(self.flat))

    def run(self, steps: int) -> float:
        for _ in range(steps):
            value = self.value_and_gradient()
            self.adam.step(self.flat, self.gradient)
        return value

    def result(self) -> Array:
        return self.flat.copy()

    def value_and_gradient(self) -> float:
        names, w, g = self.names, self.w, self.g
        B, T, n, H = names.batch, names.positions, names.sizes.width, names.sizes.heads
        heads = lambda x: x.reshape(B, T, H, n // H).transpose(0, 2, 1, 3)
        rows = lambda x: x.transpose(0, 2, 1, 3).reshape(B * T, n)
        first = (w["tokens"][self.here] + w["places"][:T]).reshape(B * T, n)
        x, scale = rms_norm(first)
        kept = []
        for layer in range(names.sizes.layers):
            q, k, v, projection, up, down = self.layer(w, layer)
            normed, s1 = rms_norm(x)
            Q, K, V = (heads(normed @ each.T) for each in (q, k, v))
            scores = Q @ K.swapaxes(2, 3)
            scores /= np.sqrt(n // H)
            scores += self.future
            scores -= scores.max(-1, keepdims=True)
            a = np.exp(scores, out=scores)
            a /= a.sum(-1, keepdims=True)
            found = rows(a @ V)
            middle = found @ projection.T + x
            normed2, s2 = rms_norm(middle)
            hidden = np.maximum(normed2 @ up.T, 0.0)
            kept.append((x, normed, s1, Q, K, V, a, found, middle, normed2, s2, hidden))
            x = hidden @ down.T + middle
        z = x @ w["output"].T
        z -= z.max(1, keepdims=True)
        p = np.exp(z)
        total = p.sum(1)
        every = np.arange(B * T)
        value = float((np.log(total) - z[every, self.following]).mean())
        p /= total[:, None]
        p[every, self.following] -= 1.0
        p /= B * T
        np.matmul(p.T, x, out=g["output"])
        dx = p @ w["output"]
        for layer in range(names.sizes.layers - 1, -1, -1):
            q, k, v, projection, up, down = self.layer(w, layer)
            dq, dk, dv, dprojection, dup, ddown = self.layer(g, layer)
            x, normed, s1, Q, K, V, a, found, middle, normed2, s2, hidden = kept[layer]
            np.matmul(dx.T, hidden, out=ddown)
            dhidden = dx @ down
            dhidden *= hidden > 0.0
            np.matmul(dhidden.T, normed2, out=dup)
            dx = dx + rms_norm_back(dhidden @ up, middle, s2)
            np.matmul(dx.T, found, out=dprojection)
            dfound = heads(dx @ projection)
            dV = rows(a.swapaxes(2, 3) @ dfound)
            da = dfound @ V.swapaxes(2, 3)
            da -= (da * a).sum(-1, keepdims=True)
            da *= a
            da /= np.sqrt(n // H)
            dQ, dK = rows(da @ K), rows(da.swapaxes(2, 3) @ Q)
            dnormed = np.zeros_like(x)
            for adjoint, matrix, gradient in ((dQ, q, dq), (dK, k, dk), (dV, v, dv)):
                np.matmul(adjoint.T, normed, out=gradient)
                dnormed += adjoint @ matrix
            dx += rms_norm_back(dnormed, x, s1)
        dx = rms_norm_back(dx, first, scale)
        g["tokens"][...] = g["places"][...] = 0.0
        np.add.at(g["tokens"], self.here.reshape(-1), dx)
        g["places"][:T] = dx.reshape(B, T, n).sum(0)
        return value

    @staticmethod
    def layer(matrices: dict[str, Any], number: int) -> list[Any]:
        return [matrices[f"{name}{number}"] for name in LAYER]


def rms_norm(x: Array) -> tuple[Array, Array]:
    scale = ((x * x).mean(1, keepdims=True) + 1e-5) ** -0.5
    return x * scale, scale


def rms_norm_back(dy: Array, x: Array, scale: Array) -> Array:
    found: Array = dy * scale - x * ((dy * x).sum(1, keepdims=True) * scale**3 / x.shape[1])
    return found


@functools.cache
def library(positions: int) -> Any:
    """gpt.cpp, compiled for this machine and for names of this length."""
    loaded = built(KERNEL, f"-DPOSITIONS={positions}")
    for function in (loaded.value_and_gradient, loaded.train):
        function.restype = ctypes.c_double
    return loaded


class Cpp:
    """One layer of width 16, and a batch of eight, or a multiple of it: a name in each lane."""

    def __init__(self, names: Names) -> None:
        self.names, self.library = names, library(names.positions)
        self.blocks = ctypes.c_long(names.batch // LANES)
        self.texts = np.ascontiguousarray(names.texts)
        self.start()

    def start(self) -> None:
        self.flat = self.names.weights.copy()
        self.first, self.second, self.gradient = np.zeros((3, len(self.flat)))
        self.taken = 0

    def run(self, steps: int) -> float:
        given = [pointer(each) for each in (self.flat, self.first, self.second, self.texts)]
        value = self.library.train(*given, self.blocks, ctypes.c_long(self.taken), ctypes.c_long(steps))
        self.taken += steps
        return float(value)

    def value_and_gradient(self) -> float:
        flat, texts, gradient = map(pointer, (self.flat, self.texts, self.gradient))
        return float(self.library.value_and_gradient(flat, texts, self.blocks, gradient))

    def result(self) -> Array:
        return self.flat.copy()


def pointer(array: Any) -> Any:
    return array.ctypes.data_as(ctypes.c_void_p)
