"""Checked data of a training: pairs of features and target."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from fractions import Fraction
from typing import Any

import numpy as np

from autograd import Value, no_grad

from .arguments import index_of, require_fraction
from .arrays import features_of, finite_array
from .losses import Loss, uncounted_classes
from .module import Module, in_rows, several

__all__ = ["called", "copies", "examples_of", "split_of"]

Example = tuple[list[float], Any]


def examples_of(model: Module, loss: Loss, X: Any, y: Any, name: str = "") -> list[Example]:
    """The data as pairs of an example's features and its target.

    Raises
    ------
    TypeError, ValueError : if X and y are not rows of finite numbers, one for each example, or the loss
        refuses a target; the error names the row, and in X the column.
    IndexError : if the model takes tokens, and one is not in its vocabulary.
    """
    features = _rows(f"{name}X", X)
    if features is None:
        features = features_of(model, X, f"{name}X").astype(np.float64).tolist()
    takes = getattr(model, "n_in", None)
    for i, row in enumerate(features):
        if takes not in (None, len(row)):
            raise ValueError(f"row {i} of {name}X has {len(row)} features, and the model takes {takes}")
    tables = {n: _tables(model, n) for n in set(map(len, features))}
    for i, row in enumerate(features):
        for j, (count, reader) in tables[len(row)].items():
            index_of(row[j], count, f"row {i}, column {j} of {name}X{reader}")
    targets = _rows(f"{name}y", y) or _targets(f"{name}y", y)
    if len(features) != len(targets):
        raise ValueError(
            f"{name}X and {name}y must have one row per example, got {len(features)} and {len(targets)} rows"
        )

    # The loss itself checks each target, with the prediction for the first row of the same length.
    examples = list(zip(features, targets))
    uncounted = uncounted_classes(loss)
    predictions: dict[int, Any] = {}
    known: set[Any] = set()  # classes that the loss takes
    with no_grad():
        for i, (x, target) in enumerate(copies(examples)):
            if len(x) not in predictions:
                predictions[len(x)] = called(f"row {i} of {name}X", model, x)
            prediction = predictions[len(x)]
            if uncounted is not None and in_rows(prediction) and isinstance(target, list):
                if len(target) == len(prediction) and known >= set(target) > set(target) & uncounted:
                    continue
                known.update(target)
            value = called(f"row {i} of {name}y", loss, prediction, target)
            if not isinstance(value, Value):
                raise TypeError(
                    f"the loss must return one Value, and of row {i} of {name}y it returned "
                    f"{type(value).__name__}: {value!r:.60}"
                )
    return examples


def called(place: str, function: Callable[..., Any], *arguments: Any) -> Any:
    """What the model or the loss returns; an error, such as that of an unknown token, names the place."""
    try:
        return function(*arguments)
    except (TypeError, ValueError, IndexError) as error:
        if type(error) not in (TypeError, ValueError, IndexError):  # a class of your own
            raise
        raise type(error)(f"{place}: {error}") from error


def _tables(model: Module, n: int) -> dict[int, tuple[int, str]]:
    """Which of n features are indices: by column the number of rows in their table, and the table's name.

    A module of your own with an embedding in it is recorded: these features are the indices of a `take`.
    """
    if count := model._indices():
        return dict.fromkeys(range(n), (count, ""))
    if not any(module._indices() for module in model.modules()):
        return {}
    columns = {Value(0.0): j for j in range(n)}
    try:
        pending = several(model(list(columns)))
    except Exception:  # your own code may need plain numbers: then it is the call with a bad index that fails
        return {}
    names = {parameter: name for name, parameter in model.named_parameters()}
    found: dict[int, tuple[int, str]] = {}
    seen: set[Any] = set()
    while pending:
        node = pending.pop()
        if isinstance(node, Value) and node not in seen:
            seen.add(node)
            pending += node.parents
            if node.op == "take" and (column := columns.get(node.parents[-1])) is not None:
                table = names.get(node.parents[0], "").rpartition(".")[0] or type(model).__name__
                size = len(node.parents) - 1
                if column not in found or size < found[column][0]:
                    found[column] = size, f": {table}"
    return found


def _targets(name: str, y: Any) -> list[Any]:
    targets = finite_array(name, y)
    if targets.ndim not in (1, 2):
        raise ValueError(f"{name} must have the shape (N,) or (N, K), got {targets.shape}")
    rows: list[Any] = targets.tolist()
    return rows


def _rows(name: str, data: Any) -> list[list[float]] | None:
    """Rows of different lengths, such as sentences, as lists of numbers; None for anything else."""
    if isinstance(data, np.ndarray) and data.dtype != object:
        return None
    rows = list(data) if isinstance(data, (list, tuple, np.ndarray)) else []
    sized = [row for row in rows if isinstance(row, (list, tuple)) or getattr(row, "ndim", 0) > 0]
    if len(set(map(len, sized))) < 2:
        return None
    found = []
    for i, row in enumerate(rows):
        numbers = finite_array(f"row {i} of {name}", row)
        if numbers.ndim != 1 or not numbers.size:
            raise ValueError(
                f"{name} with rows of different lengths must have numbers in each, "
                f"got the shape {numbers.shape} in row {i}"
            )
        found.append(numbers.astype(np.float64).tolist())
    return found


def copies(examples: Iterable[Example]) -> list[Example]:
    """Copies of the examples, which the model and the loss may change."""
    return [(x[:], target[:] if isinstance(target, list) else target) for x, target in examples]


def split_of(share: Any, X: Any, y: Any, sample_weight: Any) -> tuple[Any, Any]:
    """The data (X, y, weights) in two parts; the last ⌈share · N⌉ examples are kept for validation.

    Raises
    ------
    TypeError, ValueError : if `share` is not from 0 to below 1, or leaves a part empty; if the data are not
        numbers, one row for each example.
    """
    share = require_fraction("validation_split", share, below=True)
    features, targets = (_rows(name, each) or finite_array(name, each) for name, each in (("X", X), ("y", y)))
    weights = None if sample_weight is None else finite_array("sample_weight", sample_weight)
    columns = {"X": features, "y": targets} | ({} if weights is None else {"sample_weight": weights})
    rows = {name: len(each) if getattr(each, "ndim", 1) else 0 for name, each in columns.items()}
    if len(set(rows.values())) > 1:
        counts = ", ".join(f"{count} of {name}" for name, count in rows.items())
        raise ValueError(f"X, y and sample_weight must have one row per example, got {counts}")
    n = rows["X"]
    first = n - math.ceil(Fraction(repr(share)) * n)  # exact: 0.07 of 100 are 7
    if not 0 < first < n:
        raise ValueError(f"validation_split={share!r} of {n} examples leaves none to train with")
    head, tail = ([each[:first] for each in columns.values()], [each[first:] for each in columns.values()])
    return (*head, None)[:3], tail
