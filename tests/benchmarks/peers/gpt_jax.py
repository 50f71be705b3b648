"""The step of the GPT in jax: one jitted function with Adam in it, called step by step."""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from tests.benchmarks.names import BETAS, EPS, LAYER, Array, Names, rates


class Jax:
    def __init__(self, names: Names) -> None:
        self.names, self.texts = names, jnp.asarray(names.texts)
        self.future = jnp.triu(jnp.full((names.positions,) * 2, -jnp.inf), 1)
        self.step = jax.jit(self.plain_step, donate_argnums=0)
        self.start()

    def start(self) -> None:
        w = jax.tree.map(jnp.array, self.names.matrices(self.names.weights))
        self.state: Any = w, jax.tree.map(jnp.zeros_like, w), jax.tree.map(jnp.zeros_like, w)
        self.taken = 0

    def loss(self, w: dict[str, Any], texts: Any) -> Any:
        B, T, n, H = len(texts), self.names.positions, self.names.sizes.width, self.names.sizes.heads
        heads = lambda x: x.reshape(B, T, H, n // H).swapaxes(1, 2)
        x = rms_norm(w["tokens"][texts[:, :-1]] + w["places"][:T])
        for layer in range(self.names.sizes.layers):
            q, k, v, projection, up, down = (w[f"{name}{layer}"] for name in LAYER)
            normed = rms_norm(x)
            Q, K, V = (heads(normed @ each.T) for each in (q, k, v))
            a = jax.nn.softmax(Q @ K.swapaxes(2, 3) / math.sqrt(n // H) + self.future)
            x = (a @ V).swapaxes(1, 2).reshape(B, T, n) @ projection.T + x
            x = jax.nn.relu(rms_norm(x) @ up.T) @ down.T + x
        scores = jax.nn.log_softmax(x @ w["output"].T)
        return -jnp.take_along_axis(scores, texts[:, 1:, None], axis=2).mean()

    def plain_step(self, state: Any, texts: Any, rate: float, taken: float) -> tuple[Any, Any]:
        w, first, second = state
        value, gradient = jax.value_and_grad(self.loss)(w, texts)
        (b1, b2), tree_map = BETAS, jax.tree.map
        first = tree_map(lambda m, g: b1 * m + (1.0 - b1) * g, first, gradient)
        second = tree_map(lambda v, g: b2 * v + (1.0 - b2) * g * g, second, gradient)
        rate, rest = rate / (1.0 - b1**taken), 1.0 - b2**taken
        w = tree_map(lambda p, m, v: p - rate * m / (jnp.sqrt(v / rest) + EPS), w, first, second)
        return (w, first, second), value

    def run(self, steps: int) -> float:
        for rate in rates(self.taken, steps).tolist():
            self.taken += 1
            self.state, value = self.step(self.state, self.texts, rate, float(self.taken))
        jax.block_until_ready(self.state)
        return float(value)

    def result(self) -> Array:
        matrices = self.state[0]
        return np.concatenate([np.asarray(matrices[name]).ravel() for name, _ in self.names.shapes])


def rms_norm(x: Any) -> Any:
    return x * ((x * x).mean(-1, keepdims=True) + 1e-5) ** -0.5
