"""`to_torch` and `from_torch`."""

from __future__ import annotations

import copy
import functools
import importlib
import inspect
import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from autograd import MissingExtraError, Value

from .activations import ACTIVATIONS, Activation
from .array_forward import has_formula, known_activation
from .attention import CausalSelfAttention
from .feed_forward import GELU
from .gpt import TransformerBlock
from .layers import MLP, Dropout, Layer, Sequential
from .linear import Embedding, Linear, numbers_of
from .module import Module
from .normalization import LayerNorm, RMSNorm

__all__ = ["from_torch", "library", "parts_of", "to_torch"]


def library(name: str, what: str, extra: str) -> Any:
    """The imported library of an extra.

    Raises
    ------
    MissingExtraError : if it is not installed.
    """
    try:
        return importlib.import_module(name)
    except ImportError:
        raise MissingExtraError(what, name.partition(".")[0], extra) from None


# --- the parts of a model --------------------------------------------------------------------------

# torch's classes of the same names have the same arguments.
_SIMPLE = {kind.__name__: kind for kind in (Dropout, Embedding, GELU, LayerNorm, Linear, RMSNorm)}


def parts_of(model: Any, caller: str) -> Iterator[Module]:
    """The modules that a model applies one after the other.

    Raises
    ------
    TypeError, ValueError : if `caller` does not know a module, or an activation.
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
        elif type(part) is Layer:
            _require_one_activation(part, caller)
            yield part
        elif has_formula(part):
            for each in part.modules():
                if not has_formula(each):
                    raise TypeError(f"{caller} does not know the {type(each).__name__} in {part!r:.60}")
                if isinstance(getattr(each, "activation", None), Activation):
                    known_activation(each, caller)
            yield part
        else:
            raise TypeError(
                f"{caller} takes an MLP, a Layer or a Sequential of them and Dropouts, or a part of a "
                f"transformer, got {type(part).__name__}: {part!r:.60}"
            )


def _require_one_activation(layer: Layer, caller: str) -> None:
    neurons, activation = layer.neurons, layer.activation
    own = ACTIVATIONS["linear"] if activation.layerwise else activation
    if ACTIVATIONS.get(activation.name) != activation or {n.activation for n in neurons} != {own}:
        names = ", ".join({function.name: 0 for function in (activation, *(n.activation for n in neurons))})
        raise ValueError(f"{caller} knows one of nn.ACTIVATIONS for a layer, and {layer!r} has {names}")


# --- to torch --------------------------------------------------------------------------------------


def to_torch(model: Module) -> Any:
    """An equal torch module, in double precision, which is trained and used as torch's own are.

    Parameters
    ----------
    model : an `MLP`, a `Layer`, a part of a transformer such as `GPT` or `Linear`, or a `Sequential` of them
        and of `Dropout`s.

    Returns
    -------
    For a part of a transformer a torch module with the same attributes, otherwise a `torch.nn.Sequential`. It
    maps a tensor (..., D) of float64, or tokens (..., T), to one (..., K). Training mode, frozen and shared
    parameters are those of the model. `from_torch` reads it back.

    Raises
    ------
    TypeError, ValueError : if the model is something else, has an activation of your own, or has a matrix or
        vector with only some parameters frozen.
    MissingExtraError : without torch, which the extra `torch` installs.
    """
    parts = list(parts_of(model, "to_torch"))
    write = _Writer(library("torch", "to_torch", "torch"))
    modules = [module for part in parts for module in write(part)]
    if isinstance(model, (MLP, Layer, Sequential, Dropout)):
        return write.torch.nn.Sequential(*modules).train(model.training)
    return modules[0].train(model.training)


class _Writer:
    """Makes torch modules from parts; shared modules and parameters stay shared."""

    def __init__(self, torch: Any) -> None:
        self.torch = torch
        self.made: dict[Module, list[Any]] = {}
        self.parameters: dict[Any, Any] = {}

    def __call__(self, part: Any) -> list[Any]:
        """The torch module for a part; for a `Layer` the linear map and the activation."""
        if part not in self.made:
            if isinstance(part, Layer):
                made = self._layer(part)
            else:
                made = [self._simple(part) if type(part) in _SIMPLE.values() else self._composite(part)]
            self.made[part] = made
        return self.made[part]

    def _layer(self, layer: Layer) -> list[Any]:
        weights, biases = layer._tensors()
        sizes = {"in_features": layer.n_in, "out_features": layer.n_out, "bias": biases is not None}
        made = [self._filled("Linear", sizes, weights, biases)]
        return made if layer.activation.linear else [*made, _torch_activation(layer.activation, self.torch)]

    def _composite(self, part: Module) -> Any:
        made = _composite(part)
        for name, inner in _inside(part):
            modules = [self(each)[0] for each in inner] if isinstance(inner, list) else self(inner)
            setattr(made, name, self.torch.nn.ModuleList(modules) if isinstance(inner, list) else modules[0])
        return made

    def _simple(self, part: Any) -> Any:
        name, settings = type(part).__name__, part._settings()
        if isinstance(part, (Dropout, GELU)):
            return getattr(self.torch.nn, name)(**settings)
        return self._filled(name, settings, part.weight, part.bias)

    def _filled(self, kind: str, settings: Mapping[str, Any], weight: Any, bias: Any) -> Any:
        made = getattr(self.torch.nn, kind)(**settings, dtype=self.torch.float64)
        for name, values in (("weight", weight), ("bias", bias)):
            if values is not None:
                setattr(made, name, self._parameter(values))
        return made

    def _parameter(self, values: Any) -> Any:
        key = tuple(values)
        if key not in self.parameters:
            every = np.ravel(np.array(values, dtype=object))
            free = {each.requires_grad for each in every}
            if len(free) > 1:
                raise ValueError(
                    "to_torch needs all or none of a tensor's parameters frozen, and it is not so from "
                    f"{every[0].label} on"
                )
            tensor = self.torch.from_numpy(numbers_of(values))
            self.parameters[key] = self.torch.nn.Parameter(tensor, requires_grad=free.pop())
        return self.parameters[key]


def _inside(part: Module) -> Iterator[tuple[str, Any]]:
    """The attributes that are modules, or lists of modules."""
    for name, each in vars(part).items():
        first = each[0] if isinstance(each, list) and each else each
        if isinstance(first, Module) and not name.startswith("_"):
            yield name, each


def _torch_activation(activation: Activation, torch: Any) -> Any:
    return (
        torch.nn.Identity()
        if activation.linear
        else getattr(torch.nn, activation.torch)(**activation.arguments)
    )


def _composite(part: Module) -> Any:
    """A torch module that computes by the formula of a part; the modules inside are yet to be set."""
    return _composite_class()(part)


@functools.cache
def _composite_class() -> Any:
    import torch

    class Composite(torch.nn.Module):
        """A module made of modules, which computes by the formula of its part."""

        def __init__(self, part: Module) -> None:
            super().__init__()
            self.part = (part,)  # in a tuple, because it is no torch module

        def forward(self, x: Any) -> Any:
            (part,) = self.part

            def sub(name: str, x: Any) -> Any:
                return x if getattr(part, name, 0) is None else self.get_submodule(name)(x)

            formula: Any = part
            return formula._array_forward(_TorchOperations(torch), sub, x)

        def _get_name(self) -> str:
            return type(self.part[0]).__name__

        def __reduce__(self) -> Any:  # pickle does not find a local class
            return _composite, self.part, vars(self)

    return Composite


class _TorchOperations:
    """`Operations` on tensors."""

    def __init__(self, torch: Any) -> None:
        self.torch = torch

    def activated(self, activation: Activation, x: Any) -> Any:
        return _torch_activation(activation, self.torch)(x)

    def positions(self, tokens: Any) -> Any:
        return self.torch.arange(tokens.shape[-1], device=tokens.device)

    def turned(self, x: Any, base: float) -> Any:
        places = self.torch.arange(x.shape[-2], dtype=x.dtype, device=x.device)
        powers = self.torch.arange(0, x.shape[-1], 2, dtype=x.dtype, device=x.device) / x.shape[-1]
        angles = places[:, None] * self.torch.exp(-math.log(base) * powers)
        a, b, cos, sin = x[..., ::2], x[..., 1::2], angles.cos(), angles.sin()
        return self.torch.stack((a * cos - b * sin, a * sin + b * cos), -1).flatten(-2)

    def causal_softmax(self, scores: Any) -> Any:
        later = self.torch.ones(scores.shape[-2:], dtype=self.torch.bool, device=scores.device).triu(1)
        return scores.masked_fill(later, -math.inf).softmax(-1)

    def of_the_largest(self, scores: Any, shares: Any, k: int) -> Any:
        order = scores.argsort(dim=-1, descending=True, stable=True)
        chosen = self.torch.zeros_like(shares, dtype=self.torch.bool).scatter(-1, order[..., :k], True)
        return shares.where(chosen, 0.0)


# --- from torch ------------------------------------------------------------------------------------


def from_torch(module: Any) -> Module:
    """An equal model from a torch module.

    Parameters
    ----------
    module : torch's `Linear`, `Embedding`, `RMSNorm`, `LayerNorm`, `GELU`, `Dropout`, `MultiheadAttention`,
        `TransformerEncoderLayer` with ``norm_first``; a part of a transformer from `to_torch`; or a
        `torch.nn.Sequential` of these and of activations. Numbers become float64.

    Returns
    -------
    For a Sequential of `Linear`, activations and `Dropout`, or a single `Linear`, an `MLP` if the hidden
    layers are alike, otherwise a `Sequential` of `Layer`s. For a Sequential with other modules a `Sequential`
    of parts. Attention becomes `CausalSelfAttention`, an encoder layer a `TransformerBlock`, always with the
    causal mask. Frozen and shared parameters are those of the module.

    Raises
    ------
    TypeError, ValueError : if a module is unknown or has unknown options; the error names it.
    MissingExtraError : without torch, which the extra `torch` installs.
    """
    torch = library("torch", "from_torch", "torch")
    net, read = torch.nn, _Reader(torch)
    if not isinstance(module, net.Module):
        raise TypeError(
            "from_torch takes a torch.nn.Sequential or a module that it may hold, "
            f"got {type(module).__name__}"
        )
    if not isinstance(module, (net.Sequential, net.Linear)):
        model: Module = read(module)
        return model.train(module.training)
    functions = tuple(getattr(net, each.torch) for each in ACTIVATIONS.values() if each.torch)
    modules = _flat(module, net)
    plain = all(
        _computes_as(each, net.Linear) or isinstance(each, (net.Dropout, *functions)) for each in modules
    )
    parts: list[tuple[Any, str]] = []  # a module, and the activation that follows a Linear
    for each in modules:
        if isinstance(each, functions) and (plain or not isinstance(each, net.GELU)):
            name, (before, other) = _activation_of(each, torch), parts[-1] if parts else (None, "")
            if other or not isinstance(before, net.Linear):
                raise ValueError(
                    f"from_torch knows an activation after a Linear only, and {each} does not follow one"
                )
            parts[-1] = before, name
        else:
            parts.append((each, ""))
    if plain:
        return _assembled(parts, read).train(module.training)
    made = [read.layer(each, name) if name else read(each) for each, name in parts]
    return Sequential(*made).train(module.training)


def _flat(module: Any, net: Any) -> list[Any]:
    """The modules applied one after the other, without `Identity`."""
    found, pending = [], [module]
    while pending:
        each = pending.pop()
        if isinstance(each, net.Sequential):
            pending += reversed(list(each))
        elif not isinstance(each, net.Identity):
            found.append(each)
    if not found:
        raise TypeError(f"from_torch takes a torch.nn.Sequential with a module in it, got {module}")
    return found


def _computes_as(module: Any, kind: Any) -> bool:
    """Whether a module computes as torch's class does; a subclass may not."""
    return isinstance(module, kind) and type(module).forward is kind.forward


class _Reader:
    """Makes parts from torch modules; shared modules and parameters stay shared."""

    def __init__(self, torch: Any) -> None:
        self.torch = torch
        self.made: dict[Any, Any] = {}
        self.values: dict[Any, Any] = {}

    def __call__(self, module: Any, name: str = "") -> Any:
        """The part for a torch module, with this name."""
        if module not in self.made:
            self.made[module] = self._new(module, name)
        return self.made[module]

    def layer(self, linear: Any, activation: str, name: str = "") -> Layer:
        """The `Layer` for a linear map followed by an activation."""
        n_out, n_in = linear.weight.shape
        layer = Layer(n_in, n_out, activation, linear.bias is not None, "zeros", 0, name)
        weights, biases = self._tensor(linear.weight), self._tensor(linear.bias)
        for neuron, w, b in zip(layer.neurons, weights, biases or [None] * n_out, strict=True):
            neuron.w, neuron.b = w, b
        return layer

    def _new(self, module: Any, name: str) -> Module:
        net = self.torch.nn
        if isinstance(module, _composite_class()):
            return self._composite(module)
        if _computes_as(module, net.MultiheadAttention):
            return self._attention(module, name)
        if _computes_as(module, net.TransformerEncoderLayer):
            return self._block(module, name)
        for kind in _SIMPLE.values():
            if _computes_as(module, getattr(net, kind.__name__)):
                return self._simple(kind, module, name)
        functions = dict.fromkeys(each.torch for each in ACTIVATIONS.values() if each.torch)
        known = [*_SIMPLE, "MultiheadAttention", "TransformerEncoderLayer", *functions]
        raise TypeError(f"from_torch does not support {module}: it takes {', '.join(known)}")

    def _composite(self, module: Any) -> Module:
        made: Module = copy.copy(module.part[0])
        for attribute, inner in _inside(made):
            theirs = getattr(module, attribute)
            if isinstance(inner, list):
                names = [each._name for each in inner]
                setattr(made, attribute, list(map(self, theirs, names)))
            else:
                setattr(made, attribute, self(theirs, inner._name))
        return made

    def _simple(self, kind: Any, module: Any, name: str) -> Module:
        arguments = inspect.signature(kind).parameters
        given = {each: getattr(module, each) for each in arguments if hasattr(module, each)}
        if "bias" in given:
            given["bias"] = module.bias is not None
        if "normalized_shape" in given:
            if len(module.normalized_shape) > 1:
                raise ValueError(f"from_torch takes norms of vectors, got {module}")
            (given["normalized_shape"],) = module.normalized_shape
        if "eps" in given and module.eps is None and module.weight is not None:
            given["eps"] = self.torch.finfo(module.weight.dtype).eps
        options = {"max_norm": None, "padding_idx": None, "scale_grad_by_freq": False}
        if kind is Embedding and any(getattr(module, each) is not off for each, off in options.items()):
            raise ValueError(f"from_torch takes an Embedding without {', '.join(options)}, got {module}")
        fixed = {"initializer": "zeros", "seed": 0, "name": name} if kind is not Dropout else {}
        made: Module = kind(**given, **{each: fixed[each] for each in fixed if each in arguments})
        for each in ("weight", "bias"):
            if getattr(made, each, None) is not None:
                setattr(made, each, self._tensor(getattr(module, each)))
        return made

    def _attention(self, module: Any, name: str) -> CausalSelfAttention:
        if module.in_proj_weight is None or module.bias_k is not None or module.add_zero_attn:
            raise ValueError(
                "from_torch takes a MultiheadAttention of one width, without add_bias_kv and add_zero_attn, "
                f"got {module}"
            )
        bias = module.in_proj_bias is not None
        n, p = module.embed_dim, module.dropout
        made = CausalSelfAttention(n, module.num_heads, bias, dropout=p, initializer="zeros", name=name)
        weights, biases = self._tensor(module.in_proj_weight), self._tensor(module.in_proj_bias)
        for i, part in enumerate((made.query, made.key, made.value)):
            part.weight = weights[n * i : n * (i + 1)]
            part.bias = biases[n * i : n * (i + 1)] if bias else None
        made.projection.weight = self._tensor(module.out_proj.weight)
        made.projection.bias = self._tensor(module.out_proj.bias)
        return made

    def _block(self, module: Any, name: str) -> TransformerBlock:
        functions = {self.torch.nn.functional.relu: "relu", self.torch.nn.functional.gelu: "gelu"}
        dropouts = [module.self_attn.dropout, module.dropout.p, module.dropout1.p, module.dropout2.p]
        if not module.norm_first or module.activation not in functions or any(dropouts):
            raise ValueError(
                "from_torch takes a TransformerEncoderLayer with norm_first, 'relu' or 'gelu', and dropout "
                f"0, got {module}"
            )
        up, norm = module.linear1, module.norm1
        made = TransformerBlock(
            up.in_features, module.self_attn.num_heads, n_hidden=up.out_features, norm="layer", eps=norm.eps,
            activation=functions[module.activation], affine=True, bias=up.bias is not None,
            initializer="zeros", seed=0, name=name,
        )  # fmt: skip
        made.norm1, made.norm2 = self(norm, made.norm1._name), self(module.norm2, made.norm2._name)
        made.attention = self(module.self_attn, made.attention._name)
        inner: Any = made.feed_forward
        inner.up, inner.down = self(up, inner.up._name), self(module.linear2, inner.down._name)
        return made

    def _tensor(self, tensor: Any) -> Any:
        """The `Value`s of a parameter as nested lists, or None."""
        if tensor is None:
            return None
        if tensor not in self.values:
            rows = np.empty(tensor.shape, dtype=object)
            for place, number in np.ndenumerate(tensor.detach().double().numpy(force=True)):
                rows[place] = Value(float(number)).requires_grad_(tensor.requires_grad)
            self.values[tensor] = rows.tolist()
        return self.values[tensor]


def _activation_of(module: Any, torch: Any) -> str:
    """The name of an activation of torch with the same formula."""
    elsewhere = [each for each in ACTIVATIONS.values() if each.torch]
    kin = [each for each in elsewhere if isinstance(module, getattr(torch.nn, each.torch))]
    for activation in kin:
        if all(_alike(name, value, getattr(module, name)) for name, value in activation.arguments.items()):
            return activation.name
    needed = ", ".join(f"{name}={value!r}" for name, value in kin[0].arguments.items())
    raise ValueError(f"from_torch knows {kin[0].torch} with {needed} only, got {module}")


def _alike(argument: str, ours: Any, theirs: Any) -> bool:
    return bool(ours == theirs) or argument == "threshold" or (argument == "dim" and theirs in (1, None))


def _assembled(parts: list[tuple[Any, str]], read: _Reader) -> Module:
    """The model for linear maps with their activations, and dropouts."""
    linear = [hasattr(each, "weight") for each, _ in parts]
    maps = [(each, name or "linear") for (each, name), own in zip(parts, linear) if own]
    rates = {each.p for (each, _), own in zip(parts, linear) if not own}
    regular = linear in ([True] * len(maps), [True, False] * (len(maps) - 1) + [True])
    hidden = {name for _, name in maps[:-1]} or {"linear"}
    biases = {each.bias is not None for each, _ in maps}
    if not (maps and regular and len(hidden) == len(biases) == 1 and len(rates) <= 1):
        return Sequential(
            *(read.layer(each, name or "linear") if own else read(each)
              for (each, name), own in zip(parts, linear))
        )  # fmt: skip
    widths = [maps[0][0].in_features, *(each.out_features for each, _ in maps)]
    p = rates.pop() if rates else 0.0
    model = MLP(widths[0], widths[1:], hidden.pop(), maps[-1][1], biases.pop(), "zeros", 0, p)
    model.layers = [read.layer(each, name, f"layer{i}") for i, (each, name) in enumerate(maps)]
    return model
