"""Two features as a plane, with the decision of a model at each point."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..engine.value import Value
from .columns import Floats

__all__ = ["Plane"]


@dataclass(frozen=True, eq=False)
class Plane:
    """The plane of two features, over which `explore` draws decisions and data.

    Attributes
    ----------
    features : the two leaves that are the coordinates, the horizontal one first.
    predictions : one score, which is in class 1 above `level`; or K scores, the largest of which decides.
    points : the data, (N, 2).
    classes : the class of each point, (N,): 0 or 1 with one prediction, else 0 to K − 1.
    level : the score at the boundary, with one prediction: 0 for a logit, ½ for a probability.

    Raises
    ------
    TypeError, ValueError : if an attribute is not as described.

    Examples
    --------
    >>> from autograd import Plane, Value, explore, sigmoid
    >>> x1, x2, w = Value(1.0, "x1"), Value(0.0, "x2"), Value(2.0, "w")
    >>> y = sigmoid(w * (x1 - x2))
    >>> plane = Plane((x1, x2), (y,), np.array([[1, 0], [0, 1]]), np.array([1, 0]), level=0.5)
    >>> page = explore((y - 1) ** 2, wrt=[w], plane=plane)
    """

    features: tuple[Value, Value]
    predictions: Sequence[Value]
    points: Floats
    classes: Floats
    level: float = 0.0

    def __post_init__(self) -> None:
        nodes = [*self.features, *self.predictions]
        if not all(isinstance(node, Value) for node in nodes) or any(node.op for node in self.features):
            raise TypeError("a Plane's features must be two leaves, and its predictions nodes of the graph")
        if len(self.features) != 2 or self.features[0] is self.features[1] or not self.predictions:
            raise ValueError("a Plane needs two features and at least one prediction")
        points, classes = np.asarray(self.points, float), np.asarray(self.classes, float)
        if points.shape[1:] != (2,) or not points.size or classes.shape != points.shape[:1]:
            shapes = f"{points.shape} and {classes.shape}"
            raise ValueError(f"a Plane's points must be (N, 2) and their classes (N,), got {shapes}")
        known = max(2, len(self.predictions))
        if not np.isfinite(points).all() or not np.isin(classes, range(known)).all():
            raise ValueError(f"a Plane's points must be finite, and their classes integers below {known}")
        if not math.isfinite(self.level):
            raise ValueError(f"a Plane's level must be finite, got {self.level!r}")

    def payload(self, places: Mapping[Value, int]) -> dict[str, Any]:
        """The plane for the page, its nodes by place; a `ValueError` if one is not in the graph."""
        if not all(node in places for node in (*self.features, *self.predictions)):
            raise ValueError("a Plane's features and predictions must be nodes of the graph that is explored")
        points = np.asarray(self.points, float)
        low, high = points.min(axis=0), points.max(axis=0)
        margin = np.maximum(0.15 * (high - low), 0.1)
        return {
            "features": [places[node] for node in self.features],
            "predictions": [places[node] for node in self.predictions],
            "points": points.tolist(),
            "classes": np.asarray(self.classes, int).tolist(),
            "level": float(self.level),
            "low": (low - margin).tolist(),
            "high": (high + margin).tolist(),
        }
