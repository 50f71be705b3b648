"""Metrics: how good predictions are, in numbers that people compare."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from .arguments import require_choice

__all__ = ["METRICS", "Metric", "accuracy", "find_metric", "mean_absolute_error", "r2_score"]

Metric = Callable[[Any, Any], float]
Array = npt.NDArray[np.float64]


def accuracy(predictions: Any, targets: Any, threshold: float = 0.5) -> float:
    """The share of examples that are classified right, from 0 to 1.

    With K outputs the class is that of the largest one. With one output it is the second class if the
    output exceeds the threshold, which is 0 for logits.

    Parameters
    ----------
    predictions : (N,) or (N, K).
    targets : labels (N,) from 0 to K − 1, or one-hot (N, K); for one output 0 and 1, or −1 and 1.
    threshold : for one output; for targets of −1 and 1 it is 0.

    Raises
    ------
    TypeError, ValueError : if these are not numbers, or the shapes do not fit.

    Examples
    --------
    >>> accuracy([[0.1, 0.9], [0.8, 0.2]], [1, 1])
    0.5
    >>> accuracy([2.0, -1.0, -3.0], [1, 0, 1], threshold=0.0)
    0.6666666666666666
    """
    y, t = _arrays("accuracy", predictions, targets)
    if y.ndim == 2 and y.shape[1] > 1:
        if t.ndim == 2 and t.shape != y.shape:
            raise ValueError(f"accuracy takes labels (N,) or one-hot {y.shape} targets, got {t.shape}")
        return float(np.mean(y.argmax(axis=1) == (t.argmax(axis=1) if t.ndim == 2 else t)))
    y, t = y.reshape(len(y)), _column("accuracy", t)
    signed = bool(np.any(t == -1.0))
    return float(np.mean((y > (0.0 if signed else threshold)) == (t > 0.0)))


def mean_absolute_error(predictions: Any, targets: Any) -> float:
    """(1/n) Σ |ŷᵢ − yᵢ|, over all examples and outputs.

    Parameters
    ----------
    predictions, targets : (N,) or (N, K) both.

    Raises
    ------
    TypeError, ValueError : if these are not numbers, or the shapes differ.

    Examples
    --------
    >>> mean_absolute_error([1.0, 2.0], [2.0, 4.0])
    1.5
    """
    y, t = _alike("mean_absolute_error", predictions, targets)
    return float(np.mean(np.abs(y - t)))


def r2_score(predictions: Any, targets: Any) -> float:
    """The coefficient of determination R² = 1 − Σ (yᵢ − ŷᵢ)² / Σ (yᵢ − ȳ)²: 1 is perfect, 0 the mean's.

    Of several outputs, the mean of theirs.

    Parameters
    ----------
    predictions, targets : (N,) or (N, K) both.

    Returns
    -------
    At most 1. Where all targets are equal: 1 if the predictions are as well, otherwise −inf.

    Raises
    ------
    TypeError, ValueError : if these are not numbers, or the shapes differ.

    Examples
    --------
    >>> r2_score([1.0, 2.0, 4.0], [1.0, 2.0, 3.0])
    0.5
    """
    y, t = _alike("r2_score", predictions, targets)
    y, t = y.reshape(len(y), -1), t.reshape(len(t), -1)
    rest = np.sum((t - y) ** 2, axis=0)
    total = np.sum((t - t.mean(axis=0)) ** 2, axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        return float(np.mean(np.where(rest == 0.0, 1.0, 1.0 - rest / total)))


METRICS: dict[str, Metric] = {metric.__name__: metric for metric in (accuracy, mean_absolute_error, r2_score)}
"""Every metric by name."""


def find_metric(choice: str | Metric) -> tuple[str, Metric]:
    """The name and the metric: one of `METRICS`, or the function itself.

    Raises
    ------
    ValueError : if no metric has that name; it lists those that do.
    TypeError : if `choice` is neither a name nor a function.

    Examples
    --------
    >>> find_metric("r2_score")[1] is r2_score
    True
    """
    metric: Metric = require_choice("metric", choice, METRICS, "metric(predictions, targets)")
    return getattr(metric, "__name__", type(metric).__name__), metric


def _arrays(name: str, predictions: Any, targets: Any) -> tuple[Array, Array]:
    try:
        y, t = np.asarray(predictions, dtype=np.float64), np.asarray(targets, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise type(error)(f"{name} takes predictions and targets that are numbers: {error}") from None
    if y.ndim not in (1, 2) or t.ndim not in (1, 2) or not y.size:
        raise ValueError(f"{name} takes shapes (N,) or (N, K), got {y.shape} and {t.shape}")
    if len(y) != len(t):
        raise ValueError(f"{name} takes a target for each prediction, got {len(y)} and {len(t)}")
    return y, t


def _column(name: str, t: Array) -> Array:
    if t.size != len(t):
        raise ValueError(f"{name} of a single output takes targets (N,), got {t.shape}")
    return t.reshape(len(t))


def _alike(name: str, predictions: Any, targets: Any) -> tuple[Array, Array]:
    y, t = _arrays(name, predictions, targets)
    if y.size == len(y):
        y, t = y.reshape(len(y)), _column(name, t)
    if y.shape != t.shape:
        raise ValueError(f"{name} takes predictions and targets of one shape, got {y.shape} and {t.shape}")
    return y, t
