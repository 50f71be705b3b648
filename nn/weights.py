"""Weights of examples in the loss, eager and compiled alike."""

from __future__ import annotations

import operator
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from .arguments import require_kind, require_number
from .arrays import finite_array
from .examples import Example
from .losses import Loss, name_of

__all__ = ["Weighted", "weights_of"]


class Weighted:
    """A loss times the weight of the example, which is the last number of the target.

    Weights go wherever targets go: a compiled program has one more column in its batch.

    Parameters
    ----------
    loss : of one example.
    data : the examples, before they are `weighted`.
    """

    def __init__(self, loss: Loss, data: Sequence[Example]) -> None:
        self.loss = loss
        self.single = not isinstance(data[0][1], list)
        self.__name__ = name_of(loss)

    def weighted(self, data: Sequence[Example], weights: Sequence[float]) -> list[Example]:
        """The examples with their weights in their targets."""
        listed = [(x, target if isinstance(target, list) else [target]) for x, target in data]
        return [(x, [*target, w]) for (x, target), w in zip(listed, weights)]

    def target(self, target: Sequence[Any]) -> Any:
        """The target without the weight."""
        return target[0] if self.single else list(target[:-1])

    def __call__(self, prediction: Any, target: Sequence[Any]) -> Any:
        return target[-1] * self.loss(prediction, self.target(target))


def weights_of(
    data: Sequence[Example],
    sample_weight: Any,
    held_out: Sequence[Example] | None,
    validation: Sequence[Any] | None,
    class_weight: Any,
) -> list[list[float]] | None:
    """The weights of the examples, and of the validation examples; None without any.

    Raises
    ------
    TypeError, ValueError : if weights are not numbers from 0 on, one for each example, or a label has none.
    """
    held_out_weight = validation[2] if validation is not None and len(validation) == 3 else None
    if sample_weight is None and held_out_weight is None and class_weight is None:
        return None
    of_class = {} if class_weight is None else _class_weights(class_weight, data)
    found = []
    for prefix, examples, given in (
        ("", data, sample_weight),
        ("validation ", held_out or [], held_out_weight),
    ):
        weights = _given(f"{prefix}sample_weight", given, len(examples))
        for row, label in enumerate(_labels(examples, prefix) if class_weight is not None else []):
            if label not in of_class:
                raise ValueError(
                    f"class_weight has no weight for the label {label!r} in row {row} of {prefix}y: "
                    f"it has {', '.join(map(repr, of_class)):.100}"
                )
            weights[row] *= of_class[label]
        found.append(weights)
    return found


def _given(name: str, given: Any, examples: int) -> list[float]:
    if given is None:
        return [1.0] * examples
    array = finite_array(name, given)
    if array.shape != (examples,):
        raise ValueError(f"{name} must have the shape ({examples},), one for each example, got {array.shape}")
    weights: list[float] = array.astype(float).tolist()
    for row, weight in enumerate(weights):
        if weight < 0.0:
            raise ValueError(f"{name} must be at least 0, got {weight} in row {row}")
    return weights


def _class_weights(given: Any, data: Sequence[Example]) -> dict[Any, float]:
    if isinstance(given, str) and given == "balanced":
        counts = Counter(_labels(data, ""))
        for label in counts:
            if label != int(label):
                raise ValueError(f"class_weight='balanced' needs whole numbers as labels in y, got {label!r}")
        return {label: len(data) / (len(counts) * count) for label, count in counts.items()}
    require_kind(given, Mapping, "class_weight must be a mapping of labels to weights or 'balanced'")
    return {label: require_number(f"class_weight[{label!r}]", w, least=0.0) for label, w in given.items()}


def _labels(examples: Sequence[Example], prefix: str) -> list[Any]:
    """The label of each example; for a one-hot row the index of the 1."""
    labels = []
    for row, (_, target) in enumerate(examples):
        if isinstance(target, list) and len(target) > 1:
            if Counter(target) != {0: len(target) - 1, 1: 1}:
                raise ValueError(
                    f"class_weight needs labels or one-hot rows as targets, got {target!r:.60} in row {row} "
                    f"of {prefix}y: give sample_weight"
                )
            target = operator.indexOf(target, 1)
        labels.append(target[0] if isinstance(target, list) else target)
    return labels
