"""Real data, bundled with scikit-learn (extra `demos`); a quarter is held out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from autograd import MissingExtraError

__all__ = ["Split", "diabetes", "digits", "split"]

Array = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Split:
    """N training examples of D features, and M held-out ones."""

    X: Array  # (N, D)
    y: Any  # (N,)
    X_unseen: Array  # (M, D)
    y_unseen: Any  # (M,)


def split(X: Array, y: Any, seed: int, share: float = 0.25, stratify: Any = None) -> Split:
    """Hold out a random share of the examples, the same share of each class of `stratify`."""
    from sklearn.model_selection import train_test_split

    X, X_unseen, y, y_unseen = train_test_split(X, y, test_size=share, random_state=seed, stratify=stratify)
    return Split(X, y, X_unseen, y_unseen)


def digits(examples: int, seed: int) -> Split:
    """Pictures of 8 × 8 pixels, row by row, from 0 (paper) to 1 (ink), and their digits; at most 1797.

    Source: Alpaydin and Kaynak 1998, "Optical recognition of handwritten digits", UCI.

    Raises
    ------
    MissingExtraError : without scikit-learn.
    """
    X, y = _bundled().load_digits(return_X_y=True)
    if examples < len(y):
        rest = split(X, y, seed, share=examples / len(y), stratify=y)
        X, y = rest.X_unseen, rest.y_unseen
    return split(X / 16.0, y, seed, stratify=y)


def diabetes(seed: int) -> tuple[Split, list[str]]:
    """Ten measurements of 442 patients, and how far the disease is a year later; the names of the ten.

    Source: Efron, Hastie, Johnstone and Tibshirani 2004, "Least angle regression".

    Raises
    ------
    MissingExtraError : without scikit-learn.
    """
    data = _bundled().load_diabetes(scaled=False)
    return split(data.data, data.target, seed), list(data.feature_names)


def _bundled() -> Any:
    try:
        from sklearn import datasets
    except ImportError:
        raise MissingExtraError("a demo on real data", "scikit-learn", "demos") from None
    return datasets
