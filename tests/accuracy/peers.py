"""The same functions in torch and jax, in float64: value and gradient at one point.

A peer that is not installed, or that lacks a function, has no entry.
"""

import importlib.util
import operator
from collections.abc import Callable
from typing import Any

Peer = Callable[..., list[Any]]
"""Of the arguments, the value and the derivative by each number among them, `None` where it has none."""


def with_torch(name: str) -> Peer | None:
    """A row or a loss in torch."""
    import torch
    from torch.nn import functional

    own = {
        "greater": lambda a, b: torch.greater(a, b).double(),
        "step": lambda x: torch.heaviside(x.detach(), torch.zeros_like(x)),  # it has no derivative there
        "where": lambda condition, a, b: torch.where(condition != 0, a, b),
        "power": torch.pow,
        "pow": lambda a, n: torch.pow(a, n.item()),
        "leaky_relu": lambda x, slope: functional.leaky_relu(x, slope.item()),
        "elu": lambda x, alpha: functional.elu(x, alpha.item()),
        "dot": lambda weights, inputs, bias: torch.dot(weights, inputs) + bias,
        "logsumexp": lambda values: torch.logsumexp(values, 0),
        "softmax": lambda x, others: torch.softmax(torch.cat([x[None], others]), 0)[0],
        "log_softmax": lambda x, others: torch.log_softmax(torch.cat([x[None], others]), 0)[0],
    }
    function = own.get(name) or getattr(torch, name, None) or getattr(functional, name, None)
    if function is None:
        return None

    def engine(*args: Any) -> list[Any]:
        leaves = [torch.tensor(arg, dtype=torch.float64, requires_grad=True) for arg in args]
        y = function(*leaves)
        found: list[Any] = [y.item()]
        gradients = [None] * len(leaves)
        if y.requires_grad:
            gradients = torch.autograd.grad(y, leaves, allow_unused=True)
        for leaf, gradient in zip(leaves, gradients, strict=True):
            found += [None] * leaf.numel() if gradient is None else gradient.reshape(-1).tolist()
        return found

    return engine


def with_jax(name: str) -> Peer | None:
    """The same in jax, compiled; the losses are composed of its functions, as it has none."""
    import jax

    jax.config.update("jax_enable_x64", True)
    jnp, jnn = jax.numpy, jax.nn
    own = {
        "sub": operator.sub,
        "mul": operator.mul,
        "div": operator.truediv,
        "neg": operator.neg,
        "pow": jnp.power,
        "greater": lambda a, b: jnp.where(a > b, 1.0, 0.0),
        "step": lambda x: jnp.heaviside(x, 0.0),
        "where": lambda condition, a, b: jnp.where(condition != 0, a, b),
        "dot": lambda weights, inputs, bias: jnp.dot(weights, inputs) + bias,
        "softmax": lambda x, others: jnn.softmax(jnp.concatenate([x[None], others]))[0],
        "log_softmax": lambda x, others: jnn.log_softmax(jnp.concatenate([x[None], others]))[0],
        "cross_entropy": lambda z, t: -jnp.sum(t * jnn.log_softmax(z)),
        "binary_cross_entropy_with_logits": lambda z, t: (
            -t * jnn.log_sigmoid(z) - (1.0 - t) * jnn.log_sigmoid(-z)
        ),
    }
    function = own.get(name) or getattr(jnp, name, None) or getattr(jnn, name, None)
    if function is None:
        return None
    compiled: dict[int, Any] = {}

    def engine(*args: Any) -> list[Any]:
        if len(args) not in compiled:
            compiled[len(args)] = jax.jit(jax.value_and_grad(function, argnums=tuple(range(len(args)))))
        y, gradients = compiled[len(args)](*[jnp.asarray(arg, dtype=float) for arg in args])
        found = [float(y)]
        for gradient in gradients:
            found += gradient.reshape(-1).tolist()
        return found

    return engine


PEERS: dict[str, Callable[[str], Peer | None]] = {"torch": with_torch, "jax": with_jax}


def missing() -> list[str]:
    """The peers that are not installed."""
    return [peer for peer in PEERS if importlib.util.find_spec(peer) is None]
