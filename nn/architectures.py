"""Architectures: models as data, which `save` writes beside the numbers and `load` builds.

An architecture has the arguments of a constructor by name, checked by its signature. `_SIZES` has the
classes, and how many parameters their arguments give.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any

from .activations import ACTIVATIONS, Activation
from .arguments import Described
from .attention import CausalSelfAttention
from .feed_forward import GELU, FeedForward, MixtureOfExperts, SwiGLU
from .gpt import GPT, TransformerBlock
from .layers import MLP, Dropout, Layer, Neuron, Sequential
from .linear import Embedding, Linear
from .lora import LoRA, lora_places
from .module import Module
from .normalization import LayerNorm, RMSNorm
from .schema import Check, anything, choice, flag, list_of, real, record, table_of, text, whole

__all__ = ["UnknownArchitecture", "architecture", "built", "count_parameters", "described"]


class UnknownArchitecture(Exception):
    """An architecture that cannot be described; the message says why."""


def architecture(given: Any, place: Any) -> None:
    """A check of `nn.schema` for the results of `described`."""
    record({"type": choice(*_KINDS)}, others=anything)(given, place)
    kind = _KINDS[given["type"]]
    more = {"lora": table_of(_LORA)} if hasattr(kind, "_array_forward") and kind is not LoRA else {}
    record({"type": anything, **_arguments(kind)}, more)(given, place)


def _linear_map(given: Any, place: Any) -> None:
    architecture(given, place)
    choice("Linear")(given["type"], (place, "type"))


def _arguments(kind: type[Module]) -> dict[str, Check]:
    """A check for each described argument of a constructor, by its name or its annotation."""
    if kind is Sequential:
        return {"layers": list_of(architecture, least=1)}
    found: dict[str, Check] = {}
    for name, argument in inspect.signature(kind).parameters.items():
        annotation = argument.annotation.removesuffix(" | None")
        if annotation == "int":
            found[name] = whole(0 if argument.default == 0 else 1)
        elif name not in ("nonlin", "initializer", "seed"):
            found[name] = _CHECKS.get(name) or _CHECKS[annotation]
    return found


def count_parameters(description: Mapping[str, Any]) -> int:
    """The number of parameters, before the model is built."""
    own: int = _SIZES[_KINDS[description["type"]]](description)
    changes = description.get("lora", {}).values()
    added: int = sum(each["rank"] * (each["n_in"] + each["n_out"]) for each in changes)
    return own + added


def described(model: Module) -> dict[str, Any]:
    """The architecture of a model, which builds the same modules, settings and parameter names.

    Raises
    ------
    UnknownArchitecture : if there is none.
    """
    name = type(model).__name__
    if _KINDS.get(name) is not type(model):
        raise UnknownArchitecture(f"{name} is a class of your own")
    settings: dict[str, Any]
    if isinstance(model, Sequential):
        if not all(isinstance(layer, Module) for layer in model.layers):
            raise UnknownArchitecture("it has a function of your own in it")
        settings = {"layers": [described(layer) for layer in model.layers if isinstance(layer, Module)]}
    elif isinstance(model, LoRA):
        linear = described(model.linear) | {"name": model._name}
        settings = {"linear": linear, "rank": model.rank, "alpha": model.alpha}
    else:
        assert isinstance(model, Described)
        settings = {"name": model._name, **_WITHOUT_EXPERTS, **model._settings()}
    description = {"type": name} | {each: _plain(settings[each]) for each in _arguments(type(model))}
    if not isinstance(model, (Sequential, LoRA)):
        changes = {path: lora for path, _, lora in lora_places(model)}
        if changes:
            description["lora"] = {
                path: {"rank": lora.rank, "alpha": lora.alpha, "n_in": lora.n_in, "n_out": lora.n_out}
                for path, lora in changes.items()
            }
    if _outline(built(description, seed=0)) != _outline(model):  # a seed: nothing is drawn elsewhere
        raise UnknownArchitecture("its layers were changed after it was made")
    return description


def built(description: Mapping[str, Any], seed: int | None = None) -> Module:
    """The model of an architecture.

    Raises
    ------
    ValueError : if the arguments do not fit together.
    """
    kind = _KINDS[description["type"]]
    arguments = {name: description[name] for name in _arguments(kind)}
    if kind is Sequential:
        return Sequential(*(built(layer, seed) for layer in arguments["layers"]))
    if kind is LoRA:
        arguments["linear"] = built(arguments["linear"], seed)
    if "seed" in inspect.signature(kind).parameters:
        arguments["seed"] = seed
    model = kind(**arguments)
    if changes := description.get("lora", {}):
        places = {path: (put, linear) for path, put, linear in lora_places(model, Linear)}
        model.requires_grad_(False)
        for path, change in changes.items():
            fits = path in places and places[path][1].n_in == change["n_in"]
            if not fits or places[path][1].n_out != change["n_out"]:
                raise ValueError(f"it has no linear map {path!r:.60} of the size that its LoRA has")
            put, linear = places[path]
            put(LoRA(linear, change["rank"], change["alpha"], seed=seed))
    return model


def _plain(setting: Any) -> Any:
    if not isinstance(setting, Activation):
        return setting
    if ACTIVATIONS.get(setting.name) != setting:
        raise UnknownArchitecture(f"its activation {setting.name!r} is a function of your own")
    return setting.name


def _outline(model: Module) -> list[Any]:
    """The modules with their settings, and the names of the parameters."""
    kinds = []
    for module in model.modules():
        settings = module._settings().items() if isinstance(module, Described) else ()
        plain = {name: each for name, each in settings if not isinstance(each, Module)}
        kinds.append((type(module).__name__, plain))
    return [*kinds, *(name for name, _ in model.named_parameters())]


# --- the classes -----------------------------------------------------------------------------------

_count = whole(1)
_LORA = record({"rank": _count, "alpha": real(0.0), "n_in": _count, "n_out": _count})
_WITHOUT_EXPERTS = {"n_expert": 0, "top_k": 2}  # what a block without experts says nothing of
_CHECKS: dict[str, Check] = {  # the constructors check the rest
    "p": real(0.0, 1.0), "dropout": real(0.0, 1.0), "approximate": choice("none", "tanh"),
    "float": real(0.0), "bool": flag, "str": text, "Linear": _linear_map,
    "Function": choice(*ACTIVATIONS, "swiglu"), "Sequence[int]": list_of(_count, least=1),
}  # fmt: skip


def _linear(n_in: int, n_out: int, bias: bool) -> int:
    return (n_in + bias) * n_out


def _layers(a: Any) -> Any:
    widths = [a["n_in"], *a.get("widths", [a.get("n_out", 1)])]
    return sum(_linear(n_in, n_out, a["bias"]) for n_in, n_out in pairwise(widths))


def _feed_forward(a: Any) -> Any:
    n, hidden, bias = a["n_embd"], a["n_hidden"], a["bias"]
    gates = _linear(n, hidden, bias) if a.get("activation", "swiglu") == "swiglu" else 0
    return gates + _linear(n, hidden, bias) + _linear(hidden, n, bias)


def _mixture(a: Any) -> Any:
    return a["n_expert"] * (a["n_embd"] + _feed_forward(a))  # of the router a row for each


def _attention(a: Any) -> Any:
    return 4 * _linear(a["n_embd"], a["n_embd"], a["bias"])


def _norm(a: Any) -> Any:
    return a["affine"] * (1 + (a["bias"] and a["norm"] == "layer")) * a["n_embd"]


def _block(a: Any) -> Any:
    return _attention(a) + 2 * _norm(a) + (_mixture(a) if a["n_expert"] else _feed_forward(a))


def _gpt(a: Any) -> Any:
    rows = a["vocab_size"] * (1 if a["tied"] else 2) + a["block_size"] * (not a["rotary"])
    return rows * a["n_embd"] + a["n_layer"] * _block(a) + (a["embedding_norm"] + a["final_norm"]) * _norm(a)


_SIZES: dict[type[Module], Callable[[Any], Any]] = {
    MLP: _layers,
    Layer: _layers,
    Neuron: _layers,
    Dropout: lambda a: 0,
    Sequential: lambda a: sum(map(count_parameters, a["layers"])),
    Linear: lambda a: _linear(a["in_features"], a["out_features"], a["bias"]),
    Embedding: lambda a: a["num_embeddings"] * a["embedding_dim"],
    RMSNorm: lambda a: a["elementwise_affine"] * a["normalized_shape"],
    LayerNorm: lambda a: a["elementwise_affine"] * (1 + a["bias"]) * a["normalized_shape"],
    GELU: lambda a: 0,
    FeedForward: _feed_forward,
    SwiGLU: _feed_forward,
    MixtureOfExperts: _mixture,
    CausalSelfAttention: _attention,
    TransformerBlock: _block,
    GPT: _gpt,
    LoRA: lambda a: (
        count_parameters(a["linear"]) + a["rank"] * (a["linear"]["in_features"] + a["linear"]["out_features"])
    ),
}
_KINDS = {kind.__name__: kind for kind in _SIZES}
