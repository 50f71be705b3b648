"""`Function`: a program as a pure function on arrays of JAX, for its transformations and its devices."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.custom_derivatives import SymbolicZero

__all__ = ["Function"]

Compute = Callable[[Any, Any], tuple[Any, ...]]


class Function:
    """``value, gradient = function(parameters, batch)``: pure, for all transformations of JAX.

    ``jax.jit``, ``jax.vmap`` and ``jax.grad`` take it, on any device; if the examples of a batch are on
    several devices, it sums over them. The derivatives of the value are the compiled gradient and the
    derivatives by the batch, so ``jax.grad(function.value)`` gives the same numbers. The gradient is
    differentiated by the partials of the table, so kinks are those of the engine.

    Results that are not finite stay, where a call of the `Program` asks the engine. Reverse mode over the
    gradient may give nan where a branch not taken has no finite derivative; forward mode over it, as in
    ``jax.hessian(function.value)``, does not.

    Parameters
    ----------
    shape : P and I.
    mean : whether the value is the mean over the batch, or else the sum.
    compute : value and gradient.
    others : by purpose what computes the outputs for each example, ``("evaluate", "parameters")``, and their
        derivatives by the inputs of that example, ``("jacobian", "inputs")``.
    """

    def __init__(
        self,
        shape: tuple[int, int],
        mean: bool,
        dtype: np.dtype[Any],
        compute: Compute,
        others: Callable[[str, str], Compute],
    ) -> None:
        self._shape, self._mean, self._dtype = shape, mean, dtype
        self._compute, self._others = compute, others
        value = jax.custom_jvp(lambda parameters, batch: compute(parameters, batch)[0][0])
        value.defjvp(self._tangent, symbolic_zeros=True)
        self._value = jax.jit(value)
        self._both = jax.jit(lambda *given: (value(*given), compute(*given)[1]))
        self._evaluate = jax.jit(lambda *given: jnp.concatenate(others("evaluate", "parameters")(*given)).T)

    def __call__(self, parameters: Any, batch: Any = None) -> tuple[Any, Any]:
        """The value (), and the gradient (P,), for parameters (P,) and a batch (B, I), B ≥ 1.

        Raises
        ------
        TypeError : if a float64 program runs where JAX has float64 switched off, or numbers are not real.
        ValueError : for another shape.
        """
        return self._both(*self._given(parameters, batch))  # type: ignore[no-any-return]  # a jitted function

    def value(self, parameters: Any, batch: Any = None) -> Any:
        """The value alone, (), for `jax.grad`. Raises: as a call."""
        return self._value(*self._given(parameters, batch))

    def evaluate(self, parameters: Any, batch: Any = None) -> Any:
        """The recorded outputs for each example, (B, K). Raises: as a call."""
        return self._evaluate(*self._given(parameters, batch))

    def _tangent(self, given: Any, tangents: Any) -> tuple[Any, Any]:
        """The value, and ∂L/∂w · ẇ + Σ ∂L/∂xᵢ · ẋᵢ."""
        (value,), gradient = self._compute(*given)
        by_parameters, by_batch = tangents
        total = jnp.zeros_like(value)
        if not isinstance(by_parameters, SymbolicZero):
            total += jnp.sum(gradient * by_parameters)
        if not isinstance(by_batch, SymbolicZero):
            share = 1.0 / len(given[1]) if self._mean else 1.0
            total += share * jnp.sum(self._others("jacobian", "inputs")(*given)[0].T * by_batch)
        return value, total

    def _given(self, parameters: Any, batch: Any) -> tuple[Any, Any]:
        if jax.dtypes.canonicalize_dtype(self._dtype) != self._dtype:
            raise TypeError(
                "this program computes in float64, which JAX has switched off: "
                'jax.config.update("jax_enable_x64", True) when the program begins, or '
                "compile(..., dtype=np.float32)"
            )
        P, inputs = self._shape
        if batch is None:
            if inputs:
                raise TypeError(f"this program has {inputs} inputs: give a batch (B, {inputs})")
            batch = np.empty((1, 0), self._dtype)
        arrays = []
        for name, given, rank in (("parameters", parameters, 1), ("batch", batch, 2)):
            given = given if hasattr(given, "dtype") else jnp.asarray(given)
            kind = given.dtype
            if not (jnp.issubdtype(kind, jnp.floating) or jnp.issubdtype(kind, jnp.integer)):
                raise TypeError(f"{name} must be real numbers, got {kind}")
            array = jnp.asarray(given, self._dtype)
            if array.ndim != rank or array.shape[-1] != self._shape[rank - 1] or 0 in array.shape[: rank - 1]:
                right = f"({P},)" if rank == 1 else f"(B, {inputs}) with B ≥ 1"
                raise ValueError(f"{name} must have the shape {right}, got {array.shape}")
            arrays.append(array)
        return arrays[0], arrays[1]
