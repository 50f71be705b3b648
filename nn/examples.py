"""The data of a training as pairs of features and target, checked before the first step."""

from __future__ import annotations

from collections.abc import Iterable
from numbers import Real
from typing import Any

import numpy as np

from autograd import Value, no_grad

from .losses import Loss
from .module import Module

__all__ = ["examples_of"]

Example = tuple[list[float], Any]


def examples_of(model: Module, loss: Loss, X: Any, y: Any, name: str = "") -> list[Example]:
    """The data as pairs of an example's features and its target.

    Raises
    ------
    TypeError, ValueError : if they are not numbers in rows of one length, one row of each for an example,
        if one is not finite, or the loss does not take a target; it names the row, and in X the column.
    """
    features = _finite_array(f"{name}X", X)
    if features.size == 0:
        raise ValueError(f"{name}X has no data: its shape is {features.shape}")
    if features.ndim != 2:
        hint = "; for a single feature X.reshape(-1, 1)" if features.ndim == 1 else ""
        raise ValueError(f"{name}X must have the shape (N, D), got {features.shape}{hint}")
    targets = _finite_array(f"{name}y", y)
    if targets.ndim not in (1, 2):
        raise ValueError(f"{name}y must have the shape (N,) or (N, K), got {targets.shape}")
    if len(features) != len(targets):
        raise ValueError(
            f"{name}X and {name}y must have one row per example, got {len(features)} and {len(targets)} rows"
        )
    takes = getattr(model, "n_in", features.shape[1])
    if takes != features.shape[1]:
        raise ValueError(f"{name}X has {features.shape[1]} features, and the model takes {takes}")

    # Each loss knows which targets it takes; it is asked with the prediction for the first example.
    examples = list(zip(features.astype(np.float64).tolist(), targets.tolist()))
    with no_grad():
        prediction = model(examples[0][0])
        for i, (_, target) in enumerate(examples):
            try:
                value = loss(prediction, target)
            except (TypeError, ValueError) as error:
                raise _kind(error)(f"row {i} of {name}y: {error}") from error
            if not isinstance(value, Value):
                raise TypeError(
                    f"the loss must return one Value, and of row {i} of {name}y it returned "
                    f"{type(value).__name__}: {value!r:.60}"
                )
    return examples


def _finite_array(name: str, data: Any) -> Any:
    expected = f"{name} must be numbers in rows of one length"
    try:
        array = np.asarray(data)
    except ValueError as error:
        raise ValueError(f"{expected}, {_unequal_rows(data) or error}") from None
    if array.dtype == object:
        for place, item in np.ndenumerate(array):
            if not isinstance(item, (Real, Value)):
                raise TypeError(f"{expected}, got {type(item).__name__}{_in(place)}: {item!r:.60}")
        try:
            array = array.astype(np.float64)
        except OverflowError:
            raise ValueError(f"{name} must be finite, got an integer beyond float64") from None
    if array.dtype.kind not in "biuf":
        raise TypeError(f"{name} must be real numbers, got an array of {array.dtype}")
    faults = np.argwhere(~np.isfinite(array))
    if len(faults):
        place = tuple(faults[0].tolist())
        raise ValueError(f"{name} must be finite, got {array[place]}{_in(place)}")
    return array


def _unequal_rows(data: Any) -> str:
    """Which row has another length than the first, for an error."""
    sizes = [len(row) if hasattr(row, "__len__") else 1 for row in data] if isinstance(data, Iterable) else []
    odd = next((i for i, size in enumerate(sizes) if size != sizes[0]), None)
    return "" if odd is None else f"got {sizes[0]} in row 0 and {sizes[odd]} in row {odd}"


def _in(place: tuple[int, ...]) -> str:
    """Where in the data, for an error; of a lone number nothing."""
    axes = zip(("row", "column"), place)
    return " in " + ", ".join(f"{axis} {i}" for axis, i in axes) if place else ""


def _kind(error: Exception) -> type[Exception]:
    return TypeError if isinstance(error, TypeError) else ValueError
