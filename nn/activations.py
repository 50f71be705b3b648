"""The activations of layers, by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from autograd import (
    Value,
    elu,
    gelu,
    hardtanh,
    leaky_relu,
    log_softmax,
    relu,
    sigmoid,
    silu,
    softmax,
    softplus,
    softsign,
    tanh,
)

from .arguments import require_choice, require_kind

__all__ = ["ACTIVATIONS", "Activation", "find_activation"]


@dataclass(frozen=True)
class Activation:
    """A function from the weighted sums of a layer to its outputs.

    Attributes
    ----------
    name : its name in `ACTIVATIONS`, or that of your function.
    function : of one weighted sum, or if `layerwise` of all those of a layer.
    initializer : the name of the initializer that suits it.
    torch, arguments : the class in torch.nn, and the arguments that give the same formula.
    onnx : ONNX's operator, if runtimes have it in double precision; otherwise `to_onnx` writes the formula.
    layerwise : whether each output depends on all sums, as in a softmax.
    """

    name: str
    function: Callable[[Any], Any]
    initializer: str = "xavier_uniform"
    torch: str = ""
    arguments: Mapping[str, Any] = field(default_factory=dict, hash=False)
    onnx: str = ""
    layerwise: bool = False

    def __post_init__(self) -> None:
        expected = f"the function of the activation {self.name!r:.60} must be a function of one Value"
        require_kind(self.function, Callable, expected)

    @property
    def linear(self) -> bool:
        return self.function is _identity

    def __call__(self, sums: Sequence[Any]) -> Sequence[Any]:
        """The outputs for the weighted sums of a layer."""
        if self.linear:
            return sums
        if self.layerwise:
            outputs: Sequence[Any] = self.function(sums)
            return outputs
        return list(map(self.function, sums))


def _identity(x: Any) -> Any:
    return x


# The rows behind `gelu`, which is a function with an option.
_GELU: Any = gelu(Value(0.0)).primitive
_GELU_TANH: Any = gelu(Value(0.0), approximate="tanh").primitive

_RECTIFIER = "he_uniform"

# torch's softplus is x from its threshold on; at 20, its default, e⁻²⁰ still counts.
ACTIVATIONS: dict[str, Activation] = {
    row.name: row
    for row in (
        Activation("linear", _identity),
        Activation("relu", relu, _RECTIFIER, "ReLU", onnx="Relu"),
        Activation("leaky_relu", leaky_relu, _RECTIFIER, "LeakyReLU", {"negative_slope": 0.01}),
        Activation("elu", elu, _RECTIFIER, "ELU", {"alpha": 1.0}),
        Activation("softplus", softplus, _RECTIFIER, "Softplus", {"beta": 1.0, "threshold": 700.0}),
        Activation("silu", silu, _RECTIFIER, "SiLU"),
        Activation("gelu", _GELU, _RECTIFIER, "GELU", {"approximate": "none"}),
        Activation("gelu_tanh", _GELU_TANH, _RECTIFIER, "GELU", {"approximate": "tanh"}),
        Activation("sigmoid", sigmoid, torch="Sigmoid", onnx="Sigmoid"),
        Activation("tanh", tanh, torch="Tanh", onnx="Tanh"),
        Activation("softsign", softsign, torch="Softsign"),
        Activation("hardtanh", hardtanh, torch="Hardtanh", arguments={"min_val": -1.0, "max_val": 1.0}),
        Activation(
            "softmax", softmax, torch="Softmax", arguments={"dim": -1}, onnx="Softmax", layerwise=True
        ),
        Activation(
            "log_softmax", log_softmax, torch="LogSoftmax", arguments={"dim": -1}, onnx="LogSoftmax",
            layerwise=True,
        ),
    )
}  # fmt: skip
"""The activations by name."""


def find_activation(choice: str | Callable[[Any], Any]) -> Activation:
    """The activation of that name, or of a function of one `Value`.

    Raises
    ------
    TypeError, ValueError : if `choice` is neither a name in `ACTIVATIONS` nor a function.

    Examples
    --------
    >>> from nn.activations import find_activation
    >>> find_activation("tanh").function(0.0)
    0.0
    >>> find_activation(lambda x: x * x)([2.0, 3.0])
    [4.0, 9.0]
    """
    found = require_choice("activation", choice, ACTIVATIONS, "of one Value")
    if isinstance(found, Activation):
        return found
    found = _GELU if found is gelu else found
    name = getattr(found, "__name__", type(found).__name__)
    return next((row for row in ACTIVATIONS.values() if row.function is found), Activation(name, found))
