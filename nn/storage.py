"""`save` and `load`: a model, or a whole training, in one file of JSON.

The file is an object with these members:

- ``format`` : ``"scalar-autograd"``, and ``version`` : 1. A reader refuses versions above its own.
- ``architecture`` : how to build the model, an object with its ``type`` (MLP, Layer, Neuron, Dropout or
  Sequential) and the arguments of its constructor; or null for a model of one's own, and then
  ``why`` says what cannot be told.
- ``parameters`` : the numbers by name, as in ``state_dict()``; 17 digits, so they come back to the last bit.
- ``training`` : of a checkpoint, what `fit` needs to go on: the history, the optimizer's memory, where in
  which epoch it stood, the states of the random generators, and ``callbacks``: for each its ``type``, the
  last epoch that it was ``called`` after, and its ``state``, or null if it keeps none. Otherwise null.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable
from os import PathLike
from pathlib import Path
from typing import Any

from autograd import write_text

from .activations import ACTIVATIONS, Activation
from .layers import MLP, Dropout, Layer, Neuron, Sequential
from .module import Module

__all__ = ["load", "load_training", "save"]

FORMAT = "scalar-autograd"
VERSION = 1


class _Unknown(Exception):
    """An architecture that cannot be told; the message says what of it."""


def save(model: Module, path: str | PathLike[str], training: dict[str, Any] | None = None) -> None:
    """Write the model to a file, whole or not at all; see the module for its format.

    Parameters
    ----------
    model : a `Module`. Of one of your own, or one with an activation of your own, only the numbers are
        saved, and `load` needs a model to put them into.
    path : where to; by custom it ends in ``.json``.
    training : what `History.save` adds, for a checkpoint.

    Raises
    ------
    TypeError : if `model` is not a Module.
    ValueError : if a parameter is not finite; it names it.
    OSError : if the file cannot be written.

    Examples
    --------
    >>> import os, tempfile
    >>> from nn import MLP, load, save
    >>> model = MLP(2, [3, 1], seed=0)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save(model, os.path.join(folder, "model.json"))
    ...     again = load(os.path.join(folder, "model.json"))
    >>> again.state_dict() == model.state_dict()
    True
    """
    if not isinstance(model, Module):
        raise TypeError(f"save takes a Module, such as an MLP, got {type(model).__name__}: {model!r:.60}")
    state = model.state_dict()
    for name, number in state.items():
        if not math.isfinite(number):
            raise ValueError(f"{name} is {number!r}: a model with such a parameter is not worth saving")
    architecture, why = None, ""
    try:
        architecture = _described(model)
    except _Unknown as reason:
        why = str(reason)
    content = {
        "format": FORMAT, "version": VERSION, "architecture": architecture, "why": why,
        "parameters": state, "training": training,
    }  # fmt: skip
    write_text(path, json.dumps(content, indent=1, ensure_ascii=False) + "\n")


def load(path: str | PathLike[str], model: Module | None = None) -> Module:
    """The model that `save`, or a checkpoint, wrote.

    Parameters
    ----------
    path : of the file.
    model : one to put the numbers into, where the file cannot say how to build it, or to make sure that it is
        this one; otherwise it is built.

    Returns
    -------
    The model, ready to be used as after ``eval()``.

    Raises
    ------
    OSError : if the file cannot be read.
    TypeError : if `model` is not a Module.
    ValueError : if the file is damaged, of another program or of a newer version; if it does not say how to
        build the model; or if the numbers do not fit the model that is given, naming the parameters.
    """
    if model is not None and not isinstance(model, Module):
        raise TypeError(f"load takes a Module to fill, got {type(model).__name__}: {model!r:.60}")
    content = _read(path)
    if model is None:
        if content["architecture"] is None:
            raise ValueError(
                f"{_name(path)} does not say how to build its model, for "
                f"{content.get('why') or 'it is one of your own'}: build it and give it, load(path, model)"
            )
        try:
            model = _built(content["architecture"])
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(
                f"{_name(path)} is damaged: its architecture makes no sense ({error})"
            ) from error
    try:
        model.load_state_dict(content["parameters"])
    except (TypeError, ValueError) as error:
        raise ValueError(f"the parameters of {_name(path)} do not fit the model: {error}") from error
    return model.eval()


def load_training(path: str | PathLike[str]) -> dict[str, Any]:
    """What a checkpoint holds for `fit` to go on from.

    Raises
    ------
    OSError, ValueError : as for `load`; and if the file is no checkpoint.
    """
    training = _read(path)["training"]
    if not isinstance(training, dict):
        raise ValueError(
            f"{_name(path)} holds a model and no training: "
            "resume from what History.save or a Checkpoint wrote"
        )
    return training


def _name(path: str | PathLike[str]) -> str:
    return Path(os.fspath(path)).name


def _read(path: str | PathLike[str]) -> dict[str, Any]:
    if not isinstance(path, (str, PathLike)):
        raise TypeError(f"load takes a path, got {type(path).__name__}: {path!r:.60}")
    foreign = f"{_name(path)} is no file that save wrote"
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
    except UnicodeDecodeError:
        raise ValueError(f"{foreign}: it is not text") from None
    except json.JSONDecodeError as error:
        raise ValueError(f"{foreign}, or only part of it is there: {error}") from None
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise ValueError(f"{foreign}: it has no format {FORMAT!r}")
    version = content.get("version")
    if not isinstance(version, int) or version > VERSION:
        raise ValueError(
            f"{_name(path)} has version {version!r} of the format, "
            f"and this program reads up to {VERSION}: update it"
        )
    missing = {"architecture", "parameters", "training"} - set(content)
    if missing:
        raise ValueError(f"{_name(path)} is damaged: it has no {' and no '.join(sorted(missing))}")
    return content


# --- architectures ---------------------------------------------------------------------------------


def _described(model: Module) -> dict[str, Any]:
    """How to build a model like this; what is built so must have the same modules and parameters."""
    describe = _DESCRIBE.get(type(model))
    if describe is None:
        raise _Unknown(f"{type(model).__name__} is a class of your own")
    description = {"type": type(model).__name__, **describe(model)}
    if _outline(_built(description)) != _outline(model):
        raise _Unknown("its layers were changed after it was made")
    return description


def _built(description: dict[str, Any]) -> Module:
    arguments = dict(description)
    build = _BUILD[arguments.pop("type")]
    return build(**arguments)


def _activation(activation: Activation) -> str:
    if ACTIVATIONS.get(activation.name) != activation:
        raise _Unknown(f"its activation {activation.name!r} is a function of your own")
    return activation.name


def _of_mlp(model: MLP) -> dict[str, Any]:
    return {
        "n_in": model.n_in,
        "widths": [layer.n_out for layer in model.layers],
        "activation": _activation(
            model.layers[0].activation if len(model.layers) > 1 else ACTIVATIONS["linear"]
        ),
        "output_activation": _activation(model.layers[-1].activation),
        "bias": model.layers[0].bias,
        "dropout": model.dropout.p if model.dropout else 0.0,
    }


def _of_layer(layer: Layer) -> dict[str, Any]:
    return {
        "n_in": layer.n_in,
        "n_out": layer.n_out,
        "activation": _activation(layer.activation),
        "bias": layer.bias,
        "name": layer._name,
    }


def _of_neuron(neuron: Neuron) -> dict[str, Any]:
    return {
        "n_in": neuron.n_in,
        "activation": _activation(neuron.activation),
        "bias": neuron.bias,
        "name": neuron._name,
    }


def _of_sequential(model: Sequential) -> dict[str, Any]:
    modules = [layer for layer in model.layers if isinstance(layer, Module)]
    if len(modules) < len(model.layers):
        raise _Unknown("it has a function of your own in it")
    return {"layers": list(map(_described, modules))}


_DESCRIBE: dict[type, Callable[[Any], dict[str, Any]]] = {
    MLP: _of_mlp,
    Layer: _of_layer,
    Neuron: _of_neuron,
    Dropout: lambda module: {"p": module.p},
    Sequential: _of_sequential,
}
_BUILD: dict[str, Callable[..., Module]] = {
    "MLP": MLP,
    "Layer": Layer,
    "Neuron": Neuron,
    "Dropout": Dropout,
    "Sequential": lambda layers: Sequential(*map(_built, layers)),
}


def _outline(model: Module) -> list[Any]:
    """The modules, with the activations of neurons, and the names of the parameters."""
    kinds = [
        (type(module).__name__, getattr(module.activation, "name", "") if isinstance(module, Neuron) else "")
        for module in model.modules()
    ]
    return [*kinds, *(name for name, _ in model.named_parameters())]
