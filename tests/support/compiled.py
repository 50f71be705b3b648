"""What compiled programs are judged by: the eager engine, example by example."""

import importlib.util

import numpy as np
import pytest

from autograd import Value, compile, grad

HAS_LLVMLITE = importlib.util.find_spec("llvmlite") is not None
needs_llvmlite = pytest.mark.skipif(not HAS_LLVMLITE, reason="native code needs llvmlite: the extra jit")
needs_jax = pytest.mark.skipif(importlib.util.find_spec("jax") is None, reason="needs jax: the extra jax")
# XLA takes a fifth of a second for each program and size of batch.
IN_JAX = pytest.param("jax", marks=[needs_jax, pytest.mark.slow, pytest.mark.xla])
backends = pytest.mark.parametrize("backend", ["numpy", pytest.param("llvm", marks=needs_llvmlite), IN_JAX])
slowly_in_native_code = pytest.mark.parametrize(
    "backend", ["numpy", pytest.param("llvm", marks=[needs_llvmlite, pytest.mark.slow]), IN_JAX]
)


def program_of(f, parameters, inputs, at=None, **options):
    """f(w, x), a `Value` or several, recorded for one example with so many leaves, and compiled.

    They are recorded with the numbers `at`, where not just any will do.
    """
    usual = [0.5 + 0.25 * i for count in (parameters, inputs) for i in range(count)]
    leaves = list(map(Value, usual if at is None else at))
    w, x = leaves[:parameters], leaves[parameters:]
    return compile(f(w, x), w, x, **options)


def eager(f, parameters, batch):
    """The value of f(w, x) for each example, (B,), and its gradient by w for each, (B, P)."""
    values, gradients = np.empty(len(batch)), np.empty((len(batch), len(parameters)))
    for b, example in enumerate(batch):
        w = [Value(float(number)) for number in parameters]
        y = f(w, [Value(float(number)) for number in example])
        values[b], gradients[b] = y.data, grad(y, w)
    return values, gradients
