"""`RMSNorm` and `LayerNorm`: vectors scaled to one size."""

from __future__ import annotations

from typing import Any

from autograd import dot, mean

from .arguments import require_choice, require_count, require_flag, require_number, require_text
from .array_forward import Operations, Sub
from .linear import Vector, Weighted, in_scope

__all__ = ["NORMS", "LayerNorm", "RMSNorm", "make_norm"]

_EPSILON = 2.0**-52  # torch's default for RMSNorm in float64


class _Norm(Weighted):
    weight: Vector | None
    bias: Vector | None
    normalized_shape: int
    eps: float

    def _build(self, normalized_shape: int, eps: float, elementwise_affine: bool, name: str) -> None:
        self._name = require_text("name", name)
        self.normalized_shape = require_count("normalized_shape", normalized_shape)
        self.eps = require_number("eps", eps, least=0.0)
        self.elementwise_affine = require_flag("elementwise_affine", elementwise_affine)
        self.weight = (1.0,) * normalized_shape if elementwise_affine else None  # type: ignore[assignment]  # __setattr__ makes Values of them

    def _shape(self, attribute: str) -> tuple[int, ...]:
        return (self.n_in,)

    @property
    def n_in(self) -> int:
        return self.normalized_shape

    def _scaled(self, x: Any, squares: Any) -> Vector:
        """x / √(squares / n + ε), times the weight and plus the bias, if there are any."""
        name = self._name
        size = squares / self.n_in
        total = size + self.eps
        factor = total**-0.5
        y = in_scope(tuple([each * factor for each in x]), name)
        in_scope((squares, size, total, factor), name, constants=True)
        if self.weight is not None:
            y = in_scope(tuple([each * w for each, w in zip(y, self.weight)]), name)
        if self.bias is not None:
            y = in_scope(tuple([each + b for each, b in zip(y, self.bias)]), name)
        return y

    def _array_forward(self, ops: Operations, sub: Sub, x: Any) -> Any:
        y = x / ((x * x).mean(-1, keepdim=True) + self.eps).sqrt()
        y = y if self.weight is None else y * ops.tensor(self.weight)
        return y if self.bias is None else y + ops.tensor(self.bias)


class RMSNorm(_Norm):
    """Root mean square normalization: yᵢ = xᵢ / √(mean of x² + ε) · gᵢ.

    As in torch, x² is infinite and y is 0 from 1e154 on.

    Parameters
    ----------
    normalized_shape : the number of x, at least 1.
    eps : ε, at least 0; None for 2⁻⁵², torch's default for float64.
    elementwise_affine : whether there are gains g, which start at 1.
    name : as for `Neuron`.

    Attributes
    ----------
    weight : g, a tuple of `Value`s, or None.

    Raises
    ------
    TypeError, ValueError : if an argument is not as described; on a call, if there are not as many x.

    Source: Zhang and Sennrich 2019, "Root mean square layer normalization", eq. 4; `torch.nn.RMSNorm`.

    Examples
    --------
    >>> from nn import RMSNorm
    >>> norm = RMSNorm(2, eps=0.0, elementwise_affine=False)
    >>> [round(y.data, 12) for y in norm([1.0, 7.0])]
    [0.2, 1.4]
    """

    bias = None

    def __init__(
        self, normalized_shape: int, eps: float | None = None, elementwise_affine: bool = True, name: str = ""
    ) -> None:
        self._build(normalized_shape, _EPSILON if eps is None else eps, elementwise_affine, name)

    def _output(self, x: Vector) -> Vector:
        return self._scaled(x, dot(x, x))


class LayerNorm(_Norm):
    """Layer normalization: yᵢ = (xᵢ − μ) / √(σ² + ε) · gᵢ + bᵢ, with mean μ and variance σ² of the x.

    The variance is the mean of (x − μ)², as in torch. From 1e154 on it is infinite and y is 0.

    Parameters
    ----------
    normalized_shape : the number of x, at least 1.
    eps : ε, at least 0.
    elementwise_affine : whether there are gains g, which start at 1, and biases.
    bias : whether the gains come with biases b, which start at 0.
    name : as for `Neuron`.

    Attributes
    ----------
    weight, bias : g and b, tuples of `Value`s, or None.

    Raises
    ------
    TypeError, ValueError : if an argument is not as described; on a call, if there are not as many x.

    Source: Ba, Kiros and Hinton 2016, "Layer normalization", eq. 3 and 4; `torch.nn.LayerNorm`.

    Examples
    --------
    >>> from nn import LayerNorm
    >>> [y.data for y in LayerNorm(2, eps=0.0)([1.0, 7.0])]
    [-1.0, 1.0]
    """

    def __init__(
        self,
        normalized_shape: int,
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
        name: str = "",
    ) -> None:
        self._build(normalized_shape, eps, elementwise_affine, name)
        biased = require_flag("bias", bias) and elementwise_affine
        self.bias = (0.0,) * normalized_shape if biased else None  # type: ignore[assignment]  # __setattr__ makes Values of them

    def _output(self, x: Vector) -> Vector:
        (middle,) = in_scope((mean(x),), self._name)
        distances = in_scope(tuple([each - middle for each in x]), self._name)
        return self._scaled(distances, dot(distances, distances))

    def _array_forward(self, ops: Operations, sub: Sub, x: Any) -> Any:
        return super()._array_forward(ops, sub, x - x.mean(-1, keepdim=True))


NORMS = {"rms": RMSNorm, "layer": LayerNorm}


def make_norm(kind: str, n: int, eps: float, affine: bool, bias: bool, name: str) -> RMSNorm | LayerNorm:
    """A norm of `NORMS`."""
    choice = require_choice("norm", kind, NORMS, "")
    biased = {"bias": bias} if choice is LayerNorm else {}
    made: RMSNorm | LayerNorm = choice(n, eps=eps, elementwise_affine=affine, name=name, **biased)
    return made
