"""The data of a training as pairs of features and target, checked before the first step."""

from __future__ import annotations

import math
from collections.abc import Iterable
from fractions import Fraction
from typing import Any

import numpy as np

from autograd import Value, no_grad

from .arguments import require_fraction
from .arrays import features_of, finite_array
from .losses import Loss
from .module import Module

__all__ = ["copies", "examples_of", "split_of"]

Example = tuple[list[float], Any]


def examples_of(model: Module, loss: Loss, X: Any, y: Any, name: str = "") -> list[Example]:
    """The data as pairs of an example's features and its target.

    Raises
    ------
    TypeError, ValueError : if they are not numbers in rows of one length, one row of each for an example,
        if one is not finite, or the loss does not take a target; it names the row, and in X the column.
    """
    features = features_of(model, X, f"{name}X")
    targets = finite_array(f"{name}y", y)
    if targets.ndim not in (1, 2):
        raise ValueError(f"{name}y must have the shape (N,) or (N, K), got {targets.shape}")
    if len(features) != len(targets):
        raise ValueError(
            f"{name}X and {name}y must have one row per example, got {len(features)} and {len(targets)} rows"
        )

    # Each loss knows which targets it takes; it is asked with the prediction for the first example.
    examples = list(zip(features.astype(np.float64).tolist(), targets.tolist()))
    with no_grad():
        prediction = model(examples[0][0][:])
        for i, (_, target) in enumerate(copies(examples)):
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


def copies(examples: Iterable[Example]) -> list[Example]:
    """The examples as the model and the loss get them: in lists of their own, which they may change."""
    return [(x[:], target[:] if isinstance(target, list) else target) for x, target in examples]


def split_of(share: Any, X: Any, y: Any, sample_weight: Any) -> tuple[Any, Any]:
    """The data (X, y, weights) and of it the last share, ⌈share · N⌉ examples, which is kept for validation.

    Raises
    ------
    TypeError, ValueError : if `share` is not from 0 to below 1, leaves no example on one side, or the data
        are not numbers, one row of each for an example.
    """
    share = require_fraction("validation_split", share, below=True)
    features, targets = finite_array("X", X), finite_array("y", y)
    weights = None if sample_weight is None else finite_array("sample_weight", sample_weight)
    columns = {"X": features, "y": targets} | ({} if weights is None else {"sample_weight": weights})
    rows = {name: len(array) if array.ndim else 0 for name, array in columns.items()}
    if len(set(rows.values())) > 1:
        counts = ", ".join(f"{count} of {name}" for name, count in rows.items())
        raise ValueError(f"X, y and sample_weight must have one row per example, got {counts}")
    n = rows["X"]
    first = n - math.ceil(Fraction(repr(share)) * n)  # exact: 0.07 of 100 are 7
    if not 0 < first < n:
        raise ValueError(f"validation_split={share!r} of {n} examples leaves none to train with")
    head, tail = ([each[:first] for each in columns.values()], [each[first:] for each in columns.values()])
    return (*head, None)[:3], tail


def _kind(error: Exception) -> type[Exception]:
    return TypeError if isinstance(error, TypeError) else ValueError
