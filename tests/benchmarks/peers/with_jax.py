"""The step in jax: under `jit`, called step by step or looping inside; and in scalars under `vmap`."""

from __future__ import annotations

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from tests.benchmarks.peers.scalars import scalar_loss
from tests.benchmarks.tasks import Array, Task

LOSSES = {
    "hinge_loss": lambda z, t: jax.nn.relu(1.0 - t * z).sum(1),
    "half_squared_error": lambda z, t: 0.5 * ((t - jax.nn.sigmoid(z)) ** 2).sum(1),
    "cross_entropy": lambda z, t: -(t * jax.nn.log_softmax(z)).sum(1),
}


class Jax:
    """One jitted function for the whole step, which may reuse the memory of the parameters it is given."""

    def __init__(self, task: Task) -> None:
        self.task = task
        self.data = tuple(jnp.asarray(each) for each in task.data)
        self.start()
        if task.updates:
            self.step = jax.jit(self.plain_step, donate_argnums=0)
        else:
            self.step = jax.jit(lambda *given: jax.value_and_grad(self.loss)(*given)[::-1])

    def start(self) -> None:
        split = [(m[:, :-1], m[:, -1]) if self.task.bias else (m,) for m in self.initial()]
        self.parameters: Any = jax.tree.map(jnp.array, split)

    def initial(self) -> list[Array]:
        return self.task.matrices(self.task.weights)

    def loss(self, parameters: Any, x: Any, t: Any) -> Any:
        activation = getattr(jax.nn, self.task.activation)
        for depth, (w, *b) in enumerate(parameters):
            x = (activation(x) if depth else x) @ w.T
            x = x + b[0] if b else x
        loss = LOSSES[self.task.loss](x, t).mean()
        if self.task.l2:
            loss += self.task.l2 * sum((p * p).sum() for p in jax.tree.leaves(parameters))
        return loss

    def plain_step(self, parameters: Any, x: Any, t: Any) -> tuple[Any, Any]:
        value, gradient = jax.value_and_grad(self.loss)(parameters, x, t)
        return jax.tree.map(lambda p, g: p - self.task.rate * g, parameters, gradient), value

    def run(self, steps: int) -> float:
        for _ in range(steps):
            after, value = self.step(self.parameters, *self.data)
            if self.task.updates:
                self.parameters = after
            else:
                self.gradient = after
        jax.block_until_ready(after)
        return float(value)

    def result(self) -> Array:
        parts = self.parameters if self.task.updates else self.gradient
        return np.concatenate([np.column_stack(layer).ravel() for layer in parts])


class Loop(Jax):
    """So many steps in one call, the loop in the jitted function."""

    def __init__(self, task: Task) -> None:
        super().__init__(task)
        self.loop = jax.jit(self.plain_loop, donate_argnums=1)

    def plain_loop(self, steps: int, parameters: Any, x: Any, t: Any) -> tuple[Any, Any]:
        def body(_: Any, carry: tuple[Any, Any]) -> tuple[Any, Any]:
            return self.plain_step(carry[0], x, t)

        return jax.lax.fori_loop(0, steps, body, (parameters, jnp.zeros(())))

    def run(self, steps: int) -> float:
        self.parameters, value = self.loop(steps, self.parameters, *self.data)
        jax.block_until_ready(self.parameters)
        return float(value)


class Scalars(Jax):
    """The moons' network as our user writes it: one example, in scalars; `vmap` makes the batch of it."""

    def start(self) -> None:
        self.parameters = jnp.array(self.task.weights)

    def loss(self, parameters: Any, x: Any, t: Any) -> Any:
        example = functools.partial(scalar_loss, self.task.sizes, jax.nn.relu, jnp.unstack(parameters))
        each = jax.vmap(lambda x, t: example(x, t[0]))(x, t)
        return each.mean() + self.task.l2 * (parameters * parameters).sum()

    def result(self) -> Array:
        return np.asarray(self.parameters)
