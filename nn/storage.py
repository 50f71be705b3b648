"""`save` and `load`: a model, or a whole training, in one JSON file.

The file is an object with these members:

- ``format`` : ``"scalar-autograd"``, and ``version`` : 1. A reader refuses later versions.
- ``architecture`` : how to build the model: its ``type`` (a class of `nn`), the arguments of the constructor,
  and ``lora``, the changes by `add_lora`. It is null for your own classes; ``why`` then gives the reason.
- ``parameters`` : the numbers by name, as in ``state_dict()``, with 17 digits, which are exact.
- ``training`` : null, or in a checkpoint what `fit` needs to resume: the history, the optimizer's memory, the
  place in the epoch, the states of the random generators, and ``callbacks``: for each its ``type``, the last
  epoch after which it was ``called``, and its ``state`` or null.
- ``digests`` : a digest of each part (BLAKE2b of 16 bytes of its JSON, names sorted, without spaces), which
  reveals damage. Older files have none.

A file is checked as a whole before anything is built from it.
"""

from __future__ import annotations

import errno
import hashlib
import json
import math
import os
import re
import stat
from collections import Counter
from os import PathLike
from pathlib import Path
from typing import Any

from autograd import write_text

from .architectures import UnknownArchitecture, architecture, built, count_parameters, described
from .arguments import require_kind
from .module import Module
from .schema import (
    DEEPEST,
    SchemaError,
    anything,
    flag,
    generator,
    list_of,
    maybe,
    real,
    record,
    table_of,
    text,
    tree,
    whole,
)

__all__ = ["file_name", "load", "load_training", "printable", "save"]

FORMAT = "scalar-autograd"
VERSION = 1
LARGEST = 4_000_000_000  # the largest file, in bytes


def save(model: Module, path: str | PathLike[str], training: dict[str, Any] | None = None) -> None:
    """Write the model to a file, completely or not at all; `nn.storage` describes the format.

    Parameters
    ----------
    model : a `Module`. With a class or an activation of your own, only the numbers are saved, and `load`
        needs a model to fill.
    path : by custom it ends in ``.json``.
    training : of a checkpoint, from `History.save`.

    Raises
    ------
    TypeError : if `model` is not a Module.
    ValueError : if a parameter is not finite.
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
    require_kind(model, Module, "save takes a Module, such as an MLP")
    state = model.state_dict()
    for name, number in state.items():
        if not math.isfinite(number):
            raise ValueError(f"{name} is {number!r}: a model with such a parameter is not worth saving")
    architecture, why = None, ""
    try:
        architecture = described(model)
    except UnknownArchitecture as reason:
        why = str(reason)
    content = {
        "format": FORMAT, "version": VERSION, "architecture": architecture, "why": why,
        "parameters": state, "training": training,
    }  # fmt: skip
    try:
        _check(content)
    except SchemaError as error:
        raise ValueError(f"this cannot be saved: {error}") from None
    content["digests"] = _digests(content)
    write_text(path, json.dumps(content, indent=1, ensure_ascii=False) + "\n")


def load(path: str | PathLike[str], model: Module | None = None) -> Module:
    """The model in a file of `save`, or in a checkpoint.

    Parameters
    ----------
    path : of the file.
    model : a model to fill, which files of your own classes need; otherwise it is built.

    Returns
    -------
    The model, as after ``eval()``.

    Raises
    ------
    OSError : if the file cannot be read.
    TypeError : if `model` is not a Module.
    ValueError : if the file is damaged, of another program or of a newer version; if it does not say how to
        build the model; or if the numbers do not fit `model`; the error names the parameters.
    """
    require_kind(model, (Module, type(None)), "load takes a Module to fill")
    content, name = _read(path), file_name(path)
    if model is None:
        if content["architecture"] is None:
            why = printable(content.get("why") or "it is one of your own")
            raise ValueError(
                f"{name} does not say how to build its model, for {why}: "
                "build the model and pass it, load(path, model)"
            )
        try:
            model = built(content["architecture"])
        except ValueError as error:  # such as softmax of one output
            raise ValueError(f"{name} is damaged: its architecture makes no sense ({error})") from error
    try:
        model.load_state_dict(content["parameters"])
    except (TypeError, ValueError) as error:
        raise ValueError(f"the parameters of {name} do not fit the model: {printable(str(error))}") from error
    return model.eval()


def load_training(path: str | PathLike[str]) -> dict[str, Any]:
    """The training in a checkpoint, for `fit` to resume.

    Raises
    ------
    OSError, ValueError : as for `load`; and if the file is no checkpoint.
    """
    training = _read(path)["training"]
    if training is None:
        raise ValueError(
            f"{file_name(path)} holds a model but no training: "
            "resume from a file that History.save or a Checkpoint wrote"
        )
    found: dict[str, Any] = training
    return found


def file_name(path: str | PathLike[str]) -> str:
    """The name of a file, for a message."""
    return printable(Path(path).name)


def printable(text: str) -> str:
    """Text of a file for a message: on one line, without control characters."""
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text)


# --- reading ---------------------------------------------------------------------------------------


def _read(path: str | PathLike[str]) -> dict[str, Any]:
    """The checked content of a file."""
    require_kind(path, (str, PathLike), "load takes a path")
    name = file_name(path)
    try:
        content = _parsed(_text(path))
        if not isinstance(content, dict) or content.get("format") != FORMAT:
            raise ValueError(f"{name} is not a file that save wrote: it has no format {FORMAT!r}")
        version = content.get("version")
        if not isinstance(version, int) or isinstance(version, bool) or version > VERSION:
            raise ValueError(
                f"{name} has version {version!r:.60} of the format, "
                f"but this program reads up to {VERSION}: update it"
            )
        _check(content)
        _check_digests(content)
    except UnicodeDecodeError:
        raise ValueError(f"{name} is not a file that save wrote: it is not text") from None
    except json.JSONDecodeError as error:
        raise ValueError(f"{name} is not a file that save wrote, or is cut short: {error}") from None
    except SchemaError as error:
        raise ValueError(f"{name} is damaged: {error}") from None
    return content


def _text(path: str | PathLike[str]) -> str:
    """The text of a regular file that is not too large."""
    status = os.stat(path)
    if not stat.S_ISREG(status.st_mode) and not stat.S_ISDIR(status.st_mode):
        raise OSError(errno.EINVAL, "a device, a pipe or a socket holds no model", os.fspath(path))
    if status.st_size > LARGEST:
        raise SchemaError(f"it has {status.st_size:,} bytes, and no model has more than {LARGEST:,}")
    return Path(path).read_text(encoding="utf-8")


_BRACKETS = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"?|([\[{])|([\]}])', re.DOTALL)  # or a whole string


def _parsed(text: str) -> Any:
    """JSON without repeated names, overlong numbers and too deep nesting."""
    if text.count("[") + text.count("{") > DEEPEST:  # a parser would overflow the stack
        depth = 0
        for found in _BRACKETS.finditer(text):
            depth += (found[1] is not None) - (found[2] is not None)
            if depth > DEEPEST:
                raise SchemaError(f"character {found.start()} is nested more than {DEEPEST} deep")

    def of_pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        named = dict(pairs)
        if len(named) < len(pairs):
            twice = Counter(name for name, _ in pairs).most_common(1)[0][0]
            raise SchemaError(f"{twice!r:.60} appears twice in an object")
        return named

    def of_digits(digits: str) -> int:
        if len(digits) > 400:
            raise SchemaError(f"a number has {len(digits)} digits")
        return int(digits)

    return json.loads(text, object_pairs_hook=of_pairs, parse_int=of_digits)


# --- the format ------------------------------------------------------------------------------------


_measured = real(finite=False)  # a validation loss or a metric may be infinite or nan
_settings = record(
    {
        "loss": text, "optimizer": text, "schedule": text, "metrics": list_of(text), "examples": whole(1),
        "batch_size": maybe(whole(1)), "shuffle": flag,
    },
    {"weights": flag},
)  # fmt: skip
_history = record(
    dict.fromkeys(("loss", "validation_loss", "gradient_norm", "learning_rate"), list_of(_measured))
    | dict.fromkeys(("metrics", "validation_metrics"), table_of(list_of(_measured)))
)


def _prediction(given: Any, place: Any) -> None:
    (list_of(_measured) if isinstance(given, list) else _measured)(given, place)


_training = record(
    {
        "settings": _settings,
        "history": _history,
        "steps": list_of(
            record({"loss": real(), "size": whole(1), "norm": _measured, "predictions": list_of(_prediction)})
        ),
        "order": generator,
        "parameters": list_of(real()),
        "optimizer": record(
            {"lr": real(0.0), "memory": table_of(list_of(_measured))}, {"kind": text}, others=anything
        ),
        "schedule": maybe(record({"first": whole()}, {"kind": text}, others=anything)),
        "dropouts": list_of(generator),
    },
    {"callbacks": list_of(record({"type": text, "called": whole(), "state": anything})), "ending": flag},
)
_content = record(
    {
        "format": text, "version": whole(1), "architecture": maybe(architecture),
        "parameters": table_of(real()), "training": maybe(_training),
    },
    {"why": text, "digests": table_of(text)},
)  # fmt: skip


def _check(content: dict[str, Any]) -> None:
    """Check the members of a file, and that they fit each other.

    Raises
    ------
    SchemaError : if they do not; it says where.
    """
    tree(content)
    _content(content, None)
    if content["architecture"] is not None:
        own, there = count_parameters(content["architecture"]), len(content["parameters"])
        if own != there:
            raise SchemaError(f"architecture has {own} parameters, and there are {there} in parameters")
    training = content["training"]
    if training is None:
        return
    settings, history = training["settings"], training["history"]
    epochs, examples = len(history["loss"]), settings["examples"]
    validated = epochs if history["validation_loss"] else 0
    for name in ("gradient_norm", "learning_rate", "validation_loss"):
        count = validated if name == "validation_loss" else epochs
        _require_length(f"training.history.{name}", history[name], count)
    for name, count in {"metrics": epochs, "validation_metrics": validated}.items():
        if count and history[name].keys() != set(settings["metrics"]):
            raise SchemaError(f"training.history.{name} has not those of training.settings.metrics")
        for metric, numbers in history[name].items():
            _require_length(f"training.history.{name}.{metric}", numbers, count)
    size = settings["batch_size"] or examples
    for number, step in enumerate(training["steps"]):
        place = f"training.steps[{number}]"
        if step["size"] != min(size, examples - number * size):
            raise SchemaError(f"{place}.size is not that of this batch of {examples} examples by {size}")
        _require_length(f"{place}.predictions", step["predictions"], step["size"] * bool(settings["metrics"]))
        if len({len(each) if isinstance(each, (list, tuple)) else -1 for each in step["predictions"]}) > 1:
            raise SchemaError(f"{place}.predictions must have one shape")
    for name, numbers in training["optimizer"]["memory"].items():
        _require_length(f"training.optimizer.memory.{name}", numbers, len(training["parameters"]))
    for number, callback in enumerate(training.get("callbacks", [])):
        if callback["called"] > epochs:
            raise SchemaError(f"training.callbacks[{number}].called is beyond the {epochs} epochs")


def _require_length(place: str, numbers: list[Any], length: int) -> None:
    if len(numbers) != length:
        raise SchemaError(f"{place} has {len(numbers)} items, and must have {length}")


# --- digests ---------------------------------------------------------------------------------------


def _digests(content: dict[str, Any]) -> dict[str, str]:
    """A digest of each part, whatever its layout in the file."""
    parts = {name: part for name, part in content.items() if name != "digests"}
    if parts["training"] is not None:
        parts |= {f"training.{name}": part for name, part in parts.pop("training").items()}
    return {
        name: hashlib.blake2b(
            json.dumps(part, sort_keys=True, separators=(",", ":")).encode(), digest_size=16
        ).hexdigest()
        for name, part in parts.items()
    }


def _check_digests(content: dict[str, Any]) -> None:
    if "digests" in content:  # not in older files
        noted, found = content["digests"], _digests(content)
        for name in sorted(noted.keys() | found.keys()):
            if noted.get(name) != found.get(name):
                raise SchemaError(f"{name} was changed after it was written: its digest differs")
