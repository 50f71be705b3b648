"""To torch and back: the way on for whoever outgrows one machine. `to_onnx` is in `nn.onnx_graph`."""

from __future__ import annotations

import functools
import importlib
import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from autograd import MissingExtraError

from .activations import ACTIVATIONS, Activation
from .array_forward import FORMULAS, known_activation
from .feed_forward import GELU
from .layers import MLP, Dropout, Layer, Sequential
from .linear import Embedding, Linear
from .module import Module
from .normalization import LayerNorm, RMSNorm

__all__ = ["Array", "from_torch", "layer_arrays", "library", "numbers_of", "parts_of", "to_torch"]

Array = npt.NDArray[np.float64]


def library(name: str, what: str, extra: str) -> Any:
    """A library that an extra installs.

    Raises
    ------
    MissingExtraError : if it is not installed.
    """
    try:
        return importlib.import_module(name)
    except ImportError:
        raise MissingExtraError(what, name.partition(".")[0], extra) from None


# --- what a model is made of -----------------------------------------------------------------------

_SIMPLE = (Layer, Dropout, Linear, Embedding, RMSNorm, LayerNorm, GELU)


def parts_of(model: Any, caller: str) -> Iterator[Module]:
    """What the model does one after the other.

    Raises
    ------
    TypeError, ValueError : if something in it, or an activation, is not known to `caller`.
    """
    pending = [model]
    while pending:
        part = pending.pop()
        if type(part) is MLP:
            layers: list[Module] = []
            for layer in part.layers:
                layers += [layer] if part.dropout is None else [layer, part.dropout]
            pending += reversed(layers[:-1] if part.dropout else layers)
        elif type(part) is Sequential:
            pending += reversed(part.layers)
        elif type(part) in _SIMPLE or type(part) in FORMULAS:
            for each in part.modules():
                if type(each) not in _SIMPLE and type(each) not in FORMULAS and not isinstance(part, Layer):
                    raise TypeError(f"{caller} does not know the {type(each).__name__} in {part!r:.60}")
                if hasattr(each, "activation") and type(each) in FORMULAS and each.activation != "swiglu":
                    known_activation(each, caller)
            yield part
        else:
            raise TypeError(
                f"{caller} takes an MLP, a Layer or a Sequential of them and Dropouts, or a part of a "
                f"transformer, got {type(part).__name__}: {part!r:.60}"
            )


def layer_arrays(layer: Layer, caller: str) -> tuple[Array, Array | None, Activation]:
    """The weights (n_out, n_in), the biases (n_out,) if there are any, and the activation of a layer."""
    neurons, activation = layer.neurons, layer.activation
    own = ACTIVATIONS["linear"] if activation.layerwise else activation
    if ACTIVATIONS.get(activation.name) != activation or {n.activation for n in neurons} != {own}:
        names = ", ".join({function.name: 0 for function in (activation, *(n.activation for n in neurons))})
        raise ValueError(f"{caller} knows one of nn.ACTIVATIONS for a layer, and {layer!r} has {names}")
    biases = np.array([0.0 if neuron.b is None else neuron.b.data for neuron in neurons])
    bare = all(neuron.b is None for neuron in neurons)
    return numbers_of([neuron.w for neuron in neurons]), None if bare else biases, activation


def numbers_of(values: Any) -> Array:
    """The numbers in `Value`s, or in rows of them."""
    rows = values if hasattr(values[0], "__iter__") else [values]
    table = np.array([[each.data for each in row] for row in rows])
    return table if rows is values else table[0]


# --- torch -----------------------------------------------------------------------------------------


def to_torch(model: Module) -> Any:
    """An equal torch module, in double precision, which is trained and used as torch's own are.

    Parameters
    ----------
    model : an `MLP`, a `Layer`, a part of a transformer such as `GPT` or `Linear`, or a `Sequential` of them
        and of `Dropout`s.

    Returns
    -------
    Of a part of a transformer the like of torch, with the same attributes; otherwise a `torch.nn.Sequential`.
    It takes a tensor (..., D) of float64, or of tokens (..., T), and gives one (..., K). It is in training or
    not as the model is; what is frozen is so there too, and what is shared is shared.

    Raises
    ------
    TypeError, ValueError : if the model is something else, or has an activation of your own.
    MissingExtraError : without torch, which the extra `torch` installs.
    """
    parts = list(parts_of(model, "to_torch"))
    arrays = [layer_arrays(part, "to_torch") if isinstance(part, Layer) else None for part in parts]
    torch = library("torch", "to_torch", "torch")
    make = _Maker(torch)
    modules: list[Any] = []
    for part, array in zip(parts, arrays):
        if array is None:
            modules.append(make(part))
            continue
        weights, biases, activation = array
        n_out, n_in = weights.shape
        linear = torch.nn.Linear(n_in, n_out, bias=biases is not None, dtype=torch.float64)
        with torch.no_grad():
            linear.weight.copy_(torch.from_numpy(weights))
            if biases is not None:
                linear.bias.copy_(torch.from_numpy(biases))
        modules.append(linear)
        if not activation.linear:
            modules.append(_torch_activation(activation, torch))
    if isinstance(model, (MLP, Layer, Sequential, Dropout)):
        return torch.nn.Sequential(*modules).train(model.training)
    return modules[0].train(model.training)


def _torch_activation(activation: Activation, torch: Any) -> Any:
    return (
        torch.nn.Identity()
        if activation.linear
        else getattr(torch.nn, activation.torch)(**activation.arguments)
    )


def _composite(part: Module) -> Any:
    """A torch module that computes by the formula of a part; those in it are yet to be put into it."""
    return _composite_class()(part)


@functools.cache
def _composite_class() -> Any:
    import torch

    class Composite(torch.nn.Module):
        """A part made of parts, which computes by the formula of its kind."""

        def __init__(self, part: Module) -> None:
            super().__init__()
            self.part = (part,)  # in a tuple, for it is no module of torch

        def forward(self, x: Any) -> Any:
            (part,) = self.part
            ops = _TorchOperations(torch)
            return FORMULAS[type(part)](ops, part, lambda name, x: self.get_submodule(name)(x), x)

        def _get_name(self) -> str:
            return type(self.part[0]).__name__

        def __reduce__(self) -> Any:  # pickle does not find a class that is made late
            return _composite, self.part, vars(self)

    return Composite


class _Maker:
    """Makes torch modules of parts; a parameter of ours that several of these share, they share in torch."""

    def __init__(self, torch: Any) -> None:
        self.torch = torch
        self.parameters: dict[Any, Any] = {}  # by the first `Value` and the shape

    def __call__(self, model: Module) -> Any:
        """The torch module for a part, with those in it."""
        made = {
            part: _composite(part) if type(part) in FORMULAS else self._simple(part)
            for part in model.modules()
        }
        for part, composite in made.items():
            if type(part) in FORMULAS:
                for name, attribute in vars(part).items():
                    if isinstance(attribute, Module) and not name.startswith("_"):
                        setattr(composite, name, made[attribute])
                    elif isinstance(attribute, list) and attribute and isinstance(attribute[0], Module):
                        setattr(composite, name, self.torch.nn.ModuleList(made[each] for each in attribute))
        return made[model]

    def _simple(self, part: Any) -> Any:
        net, double = self.torch.nn, {"dtype": self.torch.float64}
        if isinstance(part, Dropout):
            return net.Dropout(part.p)
        if isinstance(part, GELU):
            return net.GELU(part.approximate)
        affine = {"elementwise_affine": part.weight is not None}
        if isinstance(part, Linear):
            made = net.Linear(part.n_in, part.n_out, bias=part.bias is not None, **double)
        elif isinstance(part, Embedding):
            made = net.Embedding(part.num_embeddings, part.embedding_dim, **double)
        elif isinstance(part, RMSNorm):
            made = net.RMSNorm(part.n_in, part.eps, **affine, **double)
        else:
            made = net.LayerNorm(part.n_in, part.eps, **affine, bias=part.bias is not None, **double)
        for name in ("weight", "bias"):
            if (values := getattr(part, name)) is not None:
                setattr(made, name, self._parameter(values))
        return made

    def _parameter(self, values: Any) -> Any:
        numbers = numbers_of(values)
        first = values[0][0] if numbers.ndim == 2 else values[0]
        key = (first, numbers.shape)
        if key not in self.parameters:
            tensor = self.torch.from_numpy(numbers)
            self.parameters[key] = self.torch.nn.Parameter(tensor, requires_grad=first.requires_grad)
        return self.parameters[key]


class _TorchOperations:
    """`Operations` on tensors."""

    def __init__(self, torch: Any) -> None:
        self.torch = torch

    def activated(self, activation: Activation, x: Any) -> Any:
        return _torch_activation(activation, self.torch)(x)

    def positions(self, tokens: Any) -> Any:
        return self.torch.arange(tokens.shape[-1], device=tokens.device)

    def heads(self, x: Any, n_head: int) -> Any:
        return x.unflatten(-1, (n_head, -1)).transpose(-3, -2)

    def joined(self, x: Any) -> Any:
        return x.transpose(-3, -2).flatten(-2)

    def transposed(self, x: Any) -> Any:
        return x.transpose(-2, -1)

    def turned(self, x: Any, base: float) -> Any:
        places = self.torch.arange(x.shape[-2], dtype=x.dtype, device=x.device)
        powers = self.torch.arange(0, x.shape[-1], 2, dtype=x.dtype, device=x.device) / x.shape[-1]
        angles = places[:, None] * self.torch.exp(-math.log(base) * powers)
        a, b, cos, sin = x[..., ::2], x[..., 1::2], angles.cos(), angles.sin()
        return self.torch.stack((a * cos - b * sin, a * sin + b * cos), -1).flatten(-2)

    def causal_softmax(self, scores: Any) -> Any:
        later = self.torch.ones(scores.shape[-2:], dtype=self.torch.bool, device=scores.device).triu(1)
        return self.softmax(scores.masked_fill(later, -math.inf))

    def softmax(self, x: Any) -> Any:
        return x.softmax(-1)

    def of_the_largest(self, scores: Any, shares: Any, k: int) -> Any:
        order = scores.argsort(dim=-1, descending=True, stable=True)
        chosen = self.torch.zeros_like(shares, dtype=self.torch.bool).scatter(-1, order[..., :k], True)
        return shares.where(chosen, 0.0)

    def total(self, x: Any) -> Any:
        return x.sum(-1, keepdim=True)

    def column(self, x: Any, i: int) -> Any:
        return x[..., i : i + 1]


def from_torch(module: Any) -> MLP | Sequential:
    """An equal model from a `torch.nn.Sequential` of `Linear`, activations and `Dropout`.

    Parameters
    ----------
    module : the torch module, or a single `Linear`; its numbers become float64.

    Returns
    -------
    An `MLP` where the hidden layers are alike, otherwise a `Sequential`.

    Raises
    ------
    TypeError, ValueError : if it has a module that is not known here, or with other arguments; it names it.
    MissingExtraError : without torch, which the extra `torch` installs.
    """
    torch = library("torch", "from_torch", "torch")
    if isinstance(module, torch.nn.Linear):
        module = torch.nn.Sequential(module)
    if not isinstance(module, torch.nn.Sequential) or not len(module):
        raise TypeError(
            "from_torch takes a torch.nn.Sequential of Linear, activations and Dropout, "
            f"got {type(module).__name__}"
        )
    parts: list[tuple[Any, str] | float] = []  # a Linear with its activation, or p of a Dropout
    for each in module:
        if isinstance(each, torch.nn.Linear):
            parts.append((each, "linear"))
        elif isinstance(each, torch.nn.Dropout):
            parts.append(float(each.p))
        elif not isinstance(each, torch.nn.Identity):
            name = _activation_of(each, torch)
            if not parts or isinstance(parts[-1], float) or parts[-1][1] != "linear":
                raise ValueError(
                    f"from_torch knows an activation after a Linear only, and {each} does not follow one"
                )
            parts[-1] = parts[-1][0], name
    return _assembled(parts).train(module.training)


def _activation_of(module: Any, torch: Any) -> str:
    elsewhere = [activation for activation in ACTIVATIONS.values() if activation.torch]
    kin = [each for each in elsewhere if isinstance(module, getattr(torch.nn, each.torch))]
    for activation in kin:
        if all(_alike(name, value, getattr(module, name)) for name, value in activation.arguments.items()):
            return activation.name
    if kin:
        needed = ", ".join(f"{name}={value!r}" for name, value in kin[0].arguments.items())
        raise ValueError(f"from_torch knows {kin[0].torch} with {needed} only, got {module}")
    raise TypeError(
        f"from_torch does not support {module}: it takes Linear, Dropout, "
        + ", ".join(dict.fromkeys(each.torch for each in elsewhere))
    )


def _alike(argument: str, ours: Any, theirs: Any) -> bool:
    return bool(ours == theirs) or argument == "threshold" or (argument == "dim" and theirs in (1, None))


def _assembled(parts: list[tuple[Any, str] | float]) -> MLP | Sequential:
    layers = [part for part in parts if not isinstance(part, float)]
    rates = {part for part in parts if isinstance(part, float)}
    hidden = {(name, linear.bias is not None) for linear, name in layers[:-1]}
    biases = {linear.bias is not None for linear, _ in layers}
    kinds = [isinstance(part, float) for part in parts]
    regular = kinds in ([False] * len(layers), [False, True] * (len(layers) - 1) + [False])
    model: MLP | Sequential
    if layers and regular and len(hidden) <= 1 and len(biases) == 1 and len(rates) <= 1:
        (activation, _), *_ = [*hidden, ("linear", True)]
        model = MLP(
            layers[0][0].in_features,
            [linear.out_features for linear, _ in layers],
            activation,
            layers[-1][1],
            bias=biases.pop(),
            dropout=rates.pop() if rates else 0.0,
        )
        targets = model.layers
    else:
        modules = [
            Dropout(part) if isinstance(part, float)
            else Layer(part[0].in_features, part[0].out_features, part[1], part[0].bias is not None)
            for part in parts
        ]  # fmt: skip
        model = Sequential(*modules)
        targets = [module for module in modules if isinstance(module, Layer)]
    for layer, (linear, _) in zip(targets, layers, strict=True):
        weights = linear.weight.detach().double().tolist()
        biases_of = [0.0] * len(weights) if linear.bias is None else linear.bias.detach().double().tolist()
        for neuron, row, bias in zip(layer.neurons, weights, biases_of, strict=True):
            for weight, number in zip(neuron.w, row, strict=True):
                weight.data = number
            if neuron.b is not None:
                neuron.b.data = bias
    return model
