"""How a model is built, as data: what `save` writes beside the numbers, and `load` builds a model from.

Each class of `nn` has a row in `_ROWS`: the arguments of its constructor, and how many parameters they give.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
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
from .normalization import NORMS, LayerNorm, RMSNorm
from .schema import Check, anything, choice, flag, list_of, real, record, table_of, text, whole

__all__ = ["UnknownArchitecture", "architecture", "built", "count_parameters", "described"]


class UnknownArchitecture(Exception):
    """An architecture that cannot be written down; the message says which part of it."""


@dataclass(frozen=True)
class _Row:
    """A class with a check for each argument, and the number of parameters by these.

    Attributes
    ----------
    kind : the class; one that draws random numbers takes `seed` too.
    arguments : the check of each argument, by name.
    size : the number of parameters, a function of the arguments by name.
    adaptable : whether a `LoRA` may replace linear maps in it.
    """

    kind: type[Module]
    arguments: Mapping[str, Check]
    size: Callable[[Any], Any]
    adaptable: bool = False


def architecture(given: Any, place: Any) -> None:
    """A check, as `nn.schema` has them, of what `described` gives."""
    record({"type": choice(*_ROWS)}, others=anything)(given, place)
    row = _ROWS[given["type"]]
    more = {"lora": table_of(_LORA)} if row.adaptable else {}
    record({"type": anything, **row.arguments}, more)(given, place)


def count_parameters(description: Mapping[str, Any]) -> int:
    """How many parameters it has; it is asked before room is made for them."""
    own: int = _ROWS[description["type"]].size(description)
    changes = description.get("lora", {}).values()
    added: int = sum(each["rank"] * (each["n_in"] + each["n_out"]) for each in changes)
    return own + added


def described(model: Module) -> dict[str, Any]:
    """How to build a model like this; what is built so must have the same modules, settings and parameters.

    Raises
    ------
    UnknownArchitecture : if that cannot be told.
    """
    name = type(model).__name__
    if name not in _ROWS or type(model) is not _ROWS[name].kind:
        raise UnknownArchitecture(f"{name} is a class of your own")
    row, settings = _ROWS[name], dict[str, Any]()
    if isinstance(model, Sequential):
        modules = [layer for layer in model.layers if isinstance(layer, Module)]
        if len(modules) < len(model.layers):
            raise UnknownArchitecture("it has a function of your own in it")
        settings = {"layers": list(map(described, modules))}
    elif isinstance(model, LoRA):
        linear = described(model.linear) | {"name": model._name}
        settings = {"linear": linear, "rank": model.rank, "alpha": model.alpha}
    else:
        assert isinstance(model, Described)
        settings = {"name": getattr(model, "_name", ""), **_WITHOUT_EXPERTS, **model._settings()}
    description = {"type": name} | {argument: _plain(settings[argument]) for argument in row.arguments}
    if row.adaptable:
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
    """The model of a description.

    Raises
    ------
    ValueError : if what it says of the parts does not fit together.
    """
    row = _ROWS[description["type"]]
    arguments = {name: description[name] for name in row.arguments}
    if row.kind is Sequential:
        return Sequential(*(built(layer, seed) for layer in arguments["layers"]))
    if "linear" in arguments:
        linear = built(arguments.pop("linear"), seed)
        assert isinstance(linear, Linear)
        return LoRA(linear, seed=seed, **arguments)
    if row.kind not in _WITHOUT_NUMBERS:
        arguments["seed"] = seed
    model = row.kind(**arguments)
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
        settings = module._settings() if isinstance(module, Described) else {}
        kinds.append((type(module).__name__, {name: _comparable(each) for name, each in settings.items()}))
    return [*kinds, *(name for name, _ in model.named_parameters())]


def _comparable(setting: Any) -> Any:
    return (
        setting.name if isinstance(setting, Activation) else None if isinstance(setting, Module) else setting
    )


# --- the rows --------------------------------------------------------------------------------------

_count, _share, _activation = whole(1), real(0.0, 1.0), choice(*ACTIVATIONS)
_gated = choice(*ACTIVATIONS, "swiglu")
_LORA = record({"rank": _count, "alpha": real(0.0), "n_in": _count, "n_out": _count})
_WITHOUT_EXPERTS = {"n_expert": 0, "top_k": 2}  # what a block without experts says nothing of
_WITHOUT_NUMBERS = (RMSNorm, LayerNorm, GELU)  # that are random


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


_INNER: dict[str, Check] = {"n_embd": _count, "n_hidden": _count, "bias": flag, "name": text}
_BLOCK: dict[str, Check] = {
    "n_embd": _count, "n_head": _count, "n_hidden": _count, "activation": _gated, "norm": choice(*NORMS),
    "eps": real(0.0), "affine": flag, "bias": flag, "rotary": flag, "n_expert": whole(), "top_k": _count,
    "dropout": _share,
}  # fmt: skip
_ROWS = {
    row.kind.__name__: row
    for row in (
        _Row(
            MLP,
            {
                "n_in": _count, "widths": list_of(_count, least=1), "activation": _activation,
                "output_activation": _activation, "bias": flag, "dropout": _share,
            },
            _layers,
        ),
        _Row(
            Layer,
            {"n_in": _count, "n_out": _count, "activation": _activation, "bias": flag, "name": text},
            _layers,
        ),
        _Row(Neuron, {"n_in": _count, "activation": _activation, "bias": flag, "name": text}, _layers),
        _Row(Dropout, {"p": _share}, lambda a: 0),
        _Row(
            Sequential,
            {"layers": list_of(architecture, least=1)},
            lambda a: sum(map(count_parameters, a["layers"])),
        ),
        _Row(
            Linear,
            {"in_features": _count, "out_features": _count, "bias": flag, "name": text},
            lambda a: _linear(a["in_features"], a["out_features"], a["bias"]),
        ),
        _Row(
            Embedding,
            {"num_embeddings": _count, "embedding_dim": _count, "name": text},
            lambda a: a["num_embeddings"] * a["embedding_dim"],
        ),
        _Row(
            RMSNorm,
            {"normalized_shape": _count, "eps": real(0.0), "elementwise_affine": flag, "name": text},
            lambda a: a["elementwise_affine"] * a["normalized_shape"],
        ),
        _Row(
            LayerNorm,
            {
                "normalized_shape": _count, "eps": real(0.0), "elementwise_affine": flag, "bias": flag,
                "name": text,
            },
            lambda a: a["elementwise_affine"] * (1 + a["bias"]) * a["normalized_shape"],
        ),
        _Row(GELU, {"approximate": choice("none", "tanh")}, lambda a: 0),
        _Row(FeedForward, _INNER | {"activation": _activation}, _feed_forward, True),
        _Row(SwiGLU, _INNER, _feed_forward, True),
        _Row(
            MixtureOfExperts,
            _INNER | {"n_expert": _count, "top_k": _count, "activation": _gated, "normalize": flag},
            _mixture,
            True,
        ),
        _Row(
            CausalSelfAttention,
            {
                "n_embd": _count, "n_head": _count, "bias": flag, "rotary": flag, "rotary_base": real(0.0),
                "dropout": _share, "name": text,
            },
            _attention,
            True,
        ),
        _Row(TransformerBlock, _BLOCK | {"name": text}, _block, True),
        _Row(
            GPT,
            _BLOCK
            | {
                "vocab_size": _count, "block_size": _count, "n_layer": _count, "tied": flag,
                "embedding_norm": flag, "final_norm": flag,
            },
            _gpt,
            True,
        ),
        _Row(
            LoRA,
            {"linear": architecture, "rank": _count, "alpha": real(0.0)},
            lambda a: count_parameters(a["linear"])
            + a["rank"] * (a["linear"]["in_features"] + a["linear"]["out_features"]),
        ),
    )
}  # fmt: skip
