"""Real data, bundled with scikit-learn (extra `demos`), of which a quarter is held out."""

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
    """Examples to learn from, and a quarter that is held out.

    Attributes
    ----------
    X, y : the features (N, D) and targets (N,) to learn from.
    X_unseen, y_unseen : those held out, (M, D) and (M,).
    """

    X: Array
    y: Any
    X_unseen: Array
    y_unseen: Any


def split(X: Array, y: Any, seed: int, share: float = 0.25, stratify: Any = None) -> Split:
    """Hold out a share of the examples, drawn at random; of each class of `stratify` the same share."""
    from sklearn.model_selection import train_test_split

    kept, held, answers, unseen = train_test_split(
        X, y, test_size=share, random_state=seed, stratify=stratify
    )
    return Split(kept, answers, held, unseen)


def digits(examples: int, seed: int) -> Split:
    """Pictures of 8 × 8 pixels from 0 (paper) to 1 (ink), row by row, and which digit each one is.

    Source: Alpaydin and Kaynak 1998, "Optical recognition of handwritten digits", UCI; there are 1797.

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
    """Ten measurements of each of 442 patients and how far the disease is a year later; and their names.

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
