"""A whole process, with jax: 100 steps of the moons' network. Argument: the data's file."""

import sys

import jax
import jax.numpy as jnp
import numpy as np

given = np.load(sys.argv[1])
x, t = jnp.array(given["x"]), jnp.array(given["t"])
parameters = [(jnp.array(given[f"w{k}"].T), jnp.array(given[f"b{k}"])) for k in range(3)]


def loss(parameters, x, t):
    a = x
    for depth, (w, b) in enumerate(parameters):
        a = (jax.nn.relu(a) if depth else a) @ w + b
    l2 = sum((p * p).sum() for p in jax.tree.leaves(parameters))
    return jax.nn.relu(1.0 - t * a).mean() + 1e-4 * l2


@jax.jit
def step(parameters, x, t):
    value, gradient = jax.value_and_grad(loss)(parameters, x, t)
    return jax.tree.map(lambda p, g: p - 0.05 * g, parameters, gradient), value


for _ in range(100):
    parameters, value = step(parameters, x, t)
print(repr(float(value)))
