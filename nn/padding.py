"""Padding sequences of different lengths to one, and a loss that does not count the padding."""

from __future__ import annotations

import inspect
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from autograd import Value, dot, no_grad, where

from .examples import Example
from .losses import LOSSES, Loss, cross_entropy, ignored_class
from .module import Module, in_rows, mode, several
from .weights import Weighted

__all__ = ["PaddedLoss", "is_causal"]

WASTE = 4  # a group of sequences is padded to at most this many times its positions


class PaddedLoss:
    """A loss over positions as Σ mᵢ ℓᵢ, with multipliers mᵢ that are 0 for padding and for ignored targets.

    A padded example repeats its last feature. Its target has T numbers for the positions, then T multipliers:
    1 for a sum, 1/n for a mean over n positions, 1/Σ w with weights of classes, by which ℓᵢ is multiplied
    already; each times the weight of the example. A batch stays a mean over examples of any length.

    Parameters
    ----------
    loss : over positions, with the option ``reduction``; it may be `Weighted`.
    fill : a target for positions that do not count.
    lengths : T by the number of positions; examples of other lengths are not padded.
    """

    def __init__(self, loss: Loss, fill: float, lengths: Mapping[int, int]) -> None:
        self.loss, self.fill, self.lengths = loss, fill, lengths
        self.function, options = _parts(loss)
        self.options: dict[str, Any] = {**options, "reduction": "none"}
        self.is_mean = options.get("reduction", "mean") == "mean"
        self.ignored, self.weights = _ignored(loss), options.get("weight")

    @classmethod
    def of(cls, model: Module, loss: Loss, data: Sequence[Example], pad: bool) -> PaddedLoss | None:
        """The padded form of a loss over positions, if lengths differ or targets are ignored; or None.

        Without `pad`, lengths stay.
        """
        function, options = _parts(loss)
        targets = [_target(loss, target) for _, target in data]
        if not _has_positions(function, options) or not all(isinstance(each, list) for each in targets):
            return None
        ignored = _ignored(loss)
        shapes = {(len(x), len(target)) for (x, _), target in zip(data, targets)}
        counted = [t for target in targets for t in target if t != ignored]
        if not counted or (len(shapes) == 1 and len(counted) == sum(map(len, targets))):
            return None
        with mode(model, training=False), no_grad():
            prediction = model(data[0][0][:])
        rows = list(prediction) if hasattr(prediction, "__iter__") else []
        if len(rows) != len(targets[0]) or in_rows(rows) != (function is cross_entropy):
            return None
        pad = pad and all(n == positions for n, positions in shapes)
        return cls(loss, counted[0], _padded_lengths(map(len, targets)) if pad else {})

    def without_padding(self) -> PaddedLoss:
        return PaddedLoss(self.loss, self.fill, {})

    def padded(self, example: Example) -> Example:
        x, target = example
        weight = target[-1] if isinstance(self.loss, Weighted) else 1.0
        target = _target(self.loss, target)
        more = self.lengths.get(len(target), len(target)) - len(target)
        counts = [t != self.ignored for t in target]
        if self.is_mean:
            weight /= sum(self._class_weight(t) for t, counted in zip(target, counts) if counted)
        targets = [t if counted else self.fill for t, counted in zip(target, counts)]
        multipliers = [weight * counted for counted in counts]
        return x + x[-1:] * more, [*targets, *[self.fill] * more, *multipliers, *[0.0] * more]

    def _class_weight(self, target: float) -> float:
        return 1.0 if self.weights is None else float(self.weights[int(target)])

    def __call__(self, prediction: Any, target: Sequence[Any]) -> Any:
        T = len(target) // 2
        losses = self.function(prediction, target[:T], **self.options)
        # 0 · inf would be nan
        return dot(target[T:], [where(m, loss, 0.0) for m, loss in zip(target[T:], losses)])


def is_causal(inputs: Sequence[Value], outputs: Iterable[Any]) -> bool:
    """Whether the output at each position, a node or a row of them, depends on no input at a later one."""
    seen: set[Any] = set()
    for i, output in enumerate(outputs, start=1):
        later = set(inputs[i:])
        reached = {node for node in several(output) if isinstance(node, Value)} - seen
        while reached:
            if reached & later:
                return False
            seen |= reached
            reached = set().union(*[node.parents for node in reached]) - seen
    return True


def _parts(loss: Loss) -> tuple[Any, Mapping[str, Any]]:
    """The function of a loss that may be `Weighted` and a partial, and the options that the partial gives."""
    own = loss.loss if isinstance(loss, Weighted) else loss
    return getattr(own, "func", own), getattr(own, "keywords", {})


def _ignored(loss: Loss) -> int | None:
    return ignored_class(loss.loss if isinstance(loss, Weighted) else loss)


def _target(loss: Loss, target: Any) -> Any:
    return loss.target(target) if isinstance(loss, Weighted) else target


def _has_positions(function: Any, options: Mapping[str, Any]) -> bool:
    """Whether a loss of `nn` is reduced over outputs, without weights of each: those fit one length only."""
    return (
        function in LOSSES.values()
        and "reduction" in inspect.signature(function).parameters
        and options.get("reduction", "mean") in ("mean", "sum")
        and (function is cross_entropy or not {"weight", "pos_weight"} & options.keys())
    )


def _padded_lengths(lengths: Iterable[int]) -> dict[int, int]:
    """By length the one it is padded to: the longest, or a shorter one for a group that this would waste."""
    found: dict[int, int] = {}
    rest = sorted(lengths)
    while rest:
        wasteful = rest[-1] * len(rest) > WASTE * sum(rest)
        cut = bisect_right(rest, rest[-1] // WASTE) if wasteful else 0
        found |= dict.fromkeys(rest[cut:], rest[-1])
        rest = rest[:cut]
    return found
