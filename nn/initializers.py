"""Initial weights: functions ``f(rng, n_in, n_out)`` that return an array (n_out, n_in).

Signals should neither fade nor grow through many layers. Weights of variance 1/n_in keep the variance of the
inputs; Glorot's scheme also balances the gradients, He's is for activations that cut off half.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from numbers import Real
from typing import Any

import numpy as np
import numpy.typing as npt

from .arguments import require_choice, require_kind, require_number

__all__ = [
    "INITIALIZERS", "Initializer", "constant", "draw_weights", "he_normal", "he_uniform", "normal", "uniform",
    "xavier_normal", "xavier_uniform", "zeros",
]  # fmt: skip

Weights = npt.NDArray[np.float64]
Initializer = Callable[[np.random.Generator, int, int], Any]


def uniform(low: float = -1.0, high: float = 1.0) -> Initializer:
    """Weights drawn uniformly from [low, high): with the defaults, micrograd's.

    Raises
    ------
    TypeError : if a bound is not a number.
    ValueError : if `low` exceeds `high` or one is not finite.

    Examples
    --------
    >>> import numpy as np
    >>> uniform(0.0, 1.0)(np.random.default_rng(0), 3, 2).shape
    (2, 3)
    """
    for name, bound in (("low", low), ("high", high)):
        require_kind(bound, Real, f"uniform: {name} must be a number")
    if not (math.isfinite(low) and math.isfinite(high) and low <= high):
        raise ValueError(f"uniform needs finite bounds low <= high, got {low!r} and {high!r}")
    return lambda rng, n_in, n_out: rng.uniform(low, high, (n_out, n_in))


def normal(mean: float = 0.0, std: float = 1.0) -> Initializer:
    """Weights drawn from a normal distribution with this mean and standard deviation.

    Raises
    ------
    TypeError, ValueError : if one is not a number, or not finite, or `std` is negative.

    Source: `torch.nn.init.normal_`.

    Examples
    --------
    >>> import numpy as np
    >>> normal(0.0, 0.08)(np.random.default_rng(0), 3, 2).shape
    (2, 3)
    """
    mean = require_number("normal: mean", mean)
    std = require_number("normal: std", std, least=0.0)
    return lambda rng, n_in, n_out: rng.normal(mean, std, (n_out, n_in))


def constant(value: float) -> Initializer:
    """Equal weights, to show that neurons that start equal stay equal.

    Raises
    ------
    TypeError, ValueError : if `value` is not a number, or not finite.

    Examples
    --------
    >>> import numpy as np
    >>> constant(0.5)(np.random.default_rng(), 2, 1)
    array([[0.5, 0.5]])
    """
    weight = require_number("constant: value", value)
    return lambda rng, n_in, n_out: np.full((n_out, n_in), weight)


def zeros(rng: np.random.Generator, n_in: int, n_out: int) -> Weights:
    """Weights 0, which block the gradient."""
    return np.zeros((n_out, n_in))


def xavier_uniform(rng: np.random.Generator, n_in: int, n_out: int) -> Weights:
    """Weights drawn uniformly from ±√(6 / (n_in + n_out)): variance 2 / (n_in + n_out).

    For activations with slope 1 at 0; balances the variances of the forward and the backward pass.

    Source: Glorot and Bengio 2010, "Understanding the difficulty of training deep feedforward neural
    networks", eq. 16.
    """
    bound = math.sqrt(6.0 / (n_in + n_out))
    return rng.uniform(-bound, bound, (n_out, n_in))


def xavier_normal(rng: np.random.Generator, n_in: int, n_out: int) -> Weights:
    """Weights drawn from a normal distribution of variance 2 / (n_in + n_out).

    Source: Glorot and Bengio 2010, eq. 12.
    """
    return rng.normal(0.0, math.sqrt(2.0 / (n_in + n_out)), (n_out, n_in))


def he_uniform(rng: np.random.Generator, n_in: int, n_out: int) -> Weights:
    """Weights drawn uniformly from ±√(6 / n_in): variance 2 / n_in.

    Source: He, Zhang, Ren and Sun 2015, "Delving deep into rectifiers", eq. 10, as a uniform distribution.
    """
    bound = math.sqrt(6.0 / n_in)
    return rng.uniform(-bound, bound, (n_out, n_in))


def he_normal(rng: np.random.Generator, n_in: int, n_out: int) -> Weights:
    """Weights drawn from a normal distribution of variance 2 / n_in, which a rectifier halves.

    Source: He, Zhang, Ren and Sun 2015, eq. 10.
    """
    return rng.normal(0.0, math.sqrt(2.0 / n_in), (n_out, n_in))


INITIALIZERS: dict[str, Initializer] = {
    "uniform": uniform(),
    "normal": normal(),
    "xavier_uniform": xavier_uniform,
    "xavier_normal": xavier_normal,
    "he_uniform": he_uniform,
    "he_normal": he_normal,
    "zeros": zeros,
}
"""The initializers by name; ``"uniform"`` is from −1 to 1, ``"normal"`` the standard normal."""


def draw_weights(
    initializer: str | Initializer, rng: np.random.Generator, n_in: int, n_out: int
) -> list[list[float]]:
    """`n_out` rows of `n_in` weights, drawn by an initializer or its name.

    Raises
    ------
    TypeError, ValueError : if `initializer` is no such name or function, or gives no finite (n_out, n_in).

    Examples
    --------
    >>> import numpy as np
    >>> draw_weights(lambda rng, n_in, n_out: [[1, 2], [3, 4]], np.random.default_rng(), 2, 2)
    [[1.0, 2.0], [3.0, 4.0]]
    """
    function = require_choice("initializer", initializer, INITIALIZERS, "f(rng, n_in, n_out)")
    given = function(rng, n_in, n_out)
    try:
        weights = np.asarray(given, dtype=np.float64)
    except (TypeError, ValueError):
        raise TypeError(
            f"the initializer must give an array of numbers of shape (n_out, n_in) = {n_out, n_in}, "
            f"got {type(given).__name__}: {given!r:.60}"
        ) from None
    if weights.shape != (n_out, n_in):
        raise ValueError(
            f"the initializer must give an array of shape (n_out, n_in) = {n_out, n_in}, got {weights.shape}"
        )
    if not np.all(np.isfinite(weights)):
        raise ValueError("the initializer gave weights that are not finite")
    rows: list[list[float]] = weights.tolist()
    return rows
