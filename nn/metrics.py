"""Metrics of predictions, called as scikit-learn's are: ``metric(y_true, y_pred)``.

`fit` passes the model's outputs as y_pred, (N,) or (N, K): scores. scikit-learn's metrics of labels, such as
``recall_score``, refuse scores; `of_labels` turns these into labels.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

from .arguments import require_choice, require_kind, require_number
from .arrays import require_unmasked

__all__ = [
    "METRICS", "Metric", "accuracy", "find_metrics", "mean_absolute_error", "of_labels", "r2_score",
]  # fmt: skip

Metric = Callable[[Any, Any], float]
Array = npt.NDArray[np.float64]


def accuracy(y_true: Any, y_pred: Any, threshold: float = 0.5) -> float:
    """The share of correctly classified examples, from 0 to 1.

    With K outputs the class is the index of the largest. With one output it is the second class if the output
    exceeds the threshold, which is 0 for logits.

    Parameters
    ----------
    y_true : labels (N,) from 0 to K − 1, or one-hot (N, K); for one output 0 and 1, or −1 and 1.
    y_pred : the scores (N,) or (N, K).
    threshold : for one output; for targets of −1 and 1 it is 0.

    Raises
    ------
    TypeError, ValueError : if an argument is not as described.

    Examples
    --------
    >>> accuracy([1, 1], [[0.1, 0.9], [0.8, 0.2]])
    0.5
    >>> accuracy([1, 0, 1], [2.0, -1.0, -3.0], threshold=0.0)
    0.6666666666666666
    """
    t, y = _labels("accuracy", y_true, y_pred, threshold)
    return float(np.mean(y == t))


def of_labels(metric: Metric, threshold: float | None = None) -> Metric:
    """A metric of scores from one of labels, such as scikit-learn's metrics of classes.

    With K outputs the label is the index of the largest. With one output it is 1 if the output exceeds the
    threshold, otherwise 0, or −1 for targets of −1 and 1. One-hot targets become labels too.

    Parameters
    ----------
    metric : ``metric(y_true, y_pred)`` of two arrays of labels (N,), such as
        ``sklearn.metrics.recall_score``.
    threshold : for one output; by default 0 for targets of −1 and 1 and in a `fit` with a loss of logits,
        otherwise 0.5.

    Returns
    -------
    A metric of scores, of the same name.

    Raises
    ------
    TypeError, ValueError : if `metric` is not a function, or `threshold` not a number.

    Examples
    --------
    >>> def recall(y_true, y_pred):
    ...     return (y_true * y_pred).sum() / y_true.sum()
    >>> float(of_labels(recall)([1, 1, 0], [0.9, 0.2, 0.8]))
    0.5
    """
    require_kind(metric, Callable, "of_labels takes a metric(y_true, y_pred)")
    if threshold is not None:
        threshold = require_number("threshold", threshold)
    return _OfLabels(metric, threshold)


class _OfLabels:
    def __init__(self, metric: Metric, threshold: float | None) -> None:
        self.metric, self.threshold = metric, threshold
        self.__name__ = _name(metric)

    def __call__(self, y_true: Any, y_pred: Any) -> float:
        threshold = 0.5 if self.threshold is None else self.threshold
        return self.metric(*_labels(self.__name__, y_true, y_pred, threshold))


def mean_absolute_error(y_true: Any, y_pred: Any) -> float:
    """(1/n) Σ |ŷᵢ − yᵢ| over all examples and outputs.

    Parameters
    ----------
    y_true, y_pred : (N,) or (N, K) both.

    Raises
    ------
    TypeError, ValueError : if these are not numbers, or the shapes differ.

    Examples
    --------
    >>> mean_absolute_error([2.0, 4.0], [1.0, 2.0])
    1.5
    """
    t, y = _alike("mean_absolute_error", y_true, y_pred)
    return float(np.mean(np.abs(y - t)))


def r2_score(y_true: Any, y_pred: Any) -> float:
    """The coefficient of determination R² = 1 − Σ (yᵢ − ŷᵢ)² / Σ (yᵢ − ȳ)², mean over outputs.

    1 is perfect; predicting the mean gives 0.

    Parameters
    ----------
    y_true, y_pred : (N,) or (N, K) both.

    Returns
    -------
    At most 1. For equal targets it is 1 if the predictions equal them, otherwise −inf.

    Raises
    ------
    TypeError, ValueError : if these are not numbers, or the shapes differ.

    Examples
    --------
    >>> r2_score([1.0, 2.0, 3.0], [1.0, 2.0, 4.0])
    0.5
    """
    t, y = _alike("r2_score", y_true, y_pred)
    y, t = y.reshape(len(y), -1), t.reshape(len(t), -1)
    rest = np.sum((t - y) ** 2, axis=0)
    total = np.sum((t - t.mean(axis=0)) ** 2, axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        return float(np.mean(np.where(rest == 0.0, 1.0, 1.0 - rest / total)))


METRICS: dict[str, Metric] = {metric.__name__: metric for metric in (accuracy, mean_absolute_error, r2_score)}
"""Every metric by name."""


def find_metrics(choices: Iterable[str | Metric], logits: bool = False) -> dict[str, Metric]:
    """Metrics by name, from names in `METRICS` or functions.

    Parameters
    ----------
    logits : whether a single output is a logit, for which the default threshold is 0.

    Raises
    ------
    TypeError, ValueError : if one is no such name or function, or two have the same name.

    Examples
    --------
    >>> find_metrics(["r2_score"])["r2_score"] is r2_score
    True
    """
    found: dict[str, Metric] = {}
    for choice in choices:
        metric: Metric = require_choice("metric", choice, METRICS, "metric(y_true, y_pred)")
        name = _name(metric)
        if name in found:
            raise ValueError(f"two metrics are named {name}: give one another __name__")
        if logits and metric is accuracy:
            metric = functools.partial(accuracy, threshold=0.0)
        elif logits and isinstance(metric, _OfLabels) and metric.threshold is None:
            metric = _OfLabels(metric.metric, 0.0)
        found[name] = metric
    return found


def _name(metric: Any) -> str:
    if isinstance(metric, functools.partial) and not hasattr(metric, "__name__"):
        metric = metric.func
    return str(getattr(metric, "__name__", type(metric).__name__))


def _labels(name: str, y_true: Any, y_pred: Any, threshold: float) -> tuple[Any, Any]:
    """The labels of the targets and of the scores, as integers."""
    t, y = _arrays(name, y_true, y_pred)
    if y.ndim == 2 and y.shape[1] > 1:
        if t.ndim == 2 and t.shape != y.shape:
            raise ValueError(f"{name} takes labels (N,) or one-hot {y.shape} targets, got {t.shape}")
        labels = t.argmax(axis=1) if t.ndim == 2 else t
        whole = np.array_equal(labels, np.rint(labels))
        return labels.astype(np.intp) if whole else labels, y.argmax(axis=1)
    y, t = y.reshape(len(y)), _column(name, t)
    signed = bool(np.any(t == -1.0))
    positive = y > (0.0 if signed else threshold)
    return np.where(t > 0.0, 1, -signed), np.where(positive, 1, -signed)


def _arrays(name: str, y_true: Any, y_pred: Any) -> tuple[Array, Array]:
    require_unmasked(f"{name}: y_true", y_true)
    require_unmasked(f"{name}: y_pred", y_pred)
    try:
        t, y = np.asarray(y_true, dtype=np.float64), np.asarray(y_pred, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise type(error)(f"{name} takes targets and predictions that are numbers: {error}") from None
    if y.ndim not in (1, 2) or t.ndim not in (1, 2) or not y.size:
        raise ValueError(f"{name} takes shapes (N,) or (N, K), got {t.shape} and {y.shape}")
    if len(y) != len(t):
        raise ValueError(f"{name} takes a prediction for each target, got {len(t)} targets and {len(y)}")
    return t, y


def _column(name: str, t: Array) -> Array:
    if t.size != len(t):
        raise ValueError(f"{name} of a single output takes targets (N,), got {t.shape}")
    return t.reshape(len(t))


def _alike(name: str, y_true: Any, y_pred: Any) -> tuple[Array, Array]:
    t, y = _arrays(name, y_true, y_pred)
    if y.size == len(y):
        y, t = y.reshape(len(y)), _column(name, t)
    if y.shape != t.shape:
        raise ValueError(f"{name} takes targets and predictions of one shape, got {t.shape} and {y.shape}")
    return t, y
