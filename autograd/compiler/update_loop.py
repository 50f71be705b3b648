"""What a training on arrays is made of, and one update of it: the same for all back ends.

The rules run on whatever has arithmetic, on arrays and on nodes of the array program.
"""

from __future__ import annotations

import itertools
import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from ..locks import built_once

__all__ = ["Rule", "Training", "descent"]

Rule = Callable[[Any, Any, Any, dict[str, Any]], Any]
"""``rule(data, gradient, rate, memory)`` gives the new data, and puts new arrays into the memory."""


def descent(data: Any, gradient: Any, rate: Any, memory: dict[str, Any]) -> Any:
    """w ← w − η g."""
    return data - rate * gradient


@dataclass
class Training:
    """Updates to be made, and what came of them.

    Attributes
    ----------
    state : (R·P,), the rows that change, one after the other: the parameters, their gradient, and a row for
        each name in `names`. The gradient may be left out where it would be the last.
    parameters : P.
    updated : how many of the parameters follow their gradient, the first ones.
    batch : (N, I), all examples.
    order : (V,), the examples in the order in which they are visited.
    bounds : (U, 2), update u uses the examples ``order[start:stop]`` of its row ``start, stop``.
    rates : (U,), η.
    rule, names : how the parameters follow the gradient, and the rows that the rule keeps for itself.
    clip_value, clip_norm : limits of the gradient, or None.
    careful : whether to stop at a value or a parameter that is not finite, and to note norms.
    previous : with `careful` the state, of the same shape, as it was before the last update that was made.
    largest : how many examples the largest batch of the whole training has, of which this may be a part.
    outputs : how many outputs are noted for each example, besides the value.
    values, norms : (U,), the value before each update, and the length of the gradient.
    noted : (V, `outputs`), the outputs for each example in `order`.
    """

    state: npt.NDArray[Any]
    parameters: int
    updated: int
    batch: npt.NDArray[Any]
    order: npt.NDArray[np.int64]
    bounds: npt.NDArray[np.int64]
    rates: npt.NDArray[Any]
    rule: Rule = descent
    names: tuple[str, ...] = ()
    clip_value: float | None = None
    clip_norm: float | None = None
    careful: bool = False
    outputs: int = 0
    previous: npt.NDArray[Any] = field(default_factory=lambda: np.empty(0))
    largest: int = 0
    values: npt.NDArray[Any] = field(init=False)
    norms: npt.NDArray[Any] = field(init=False)
    noted: npt.NDArray[Any] = field(init=False)

    def __post_init__(self) -> None:
        dtype = self.state.dtype
        self.batch, self.rates = (np.ascontiguousarray(each, dtype) for each in (self.batch, self.rates))
        self.order, self.bounds = (np.ascontiguousarray(each, np.int64) for each in (self.order, self.bounds))
        self.values, self.norms = np.empty(len(self.rates), dtype), np.empty(len(self.rates), dtype)
        self.noted = np.empty((len(self.order), self.outputs), dtype)
        if self.previous.shape != self.state.shape:
            self.previous = self.state.copy()
        self.largest = max(self.largest, int(np.diff(self.bounds).max(initial=0)))

    @classmethod
    def of(
        cls,
        parameters: npt.NDArray[Any],
        batch: npt.NDArray[Any],
        batches: Sequence[npt.NDArray[Any]],
        rates: npt.ArrayLike,
        memory: Mapping[str, npt.NDArray[Any]] | None = None,
        **options: Any,
    ) -> Training:
        """The training from given parameters on, with an array of examples for each update.

        Parameters
        ----------
        parameters : (P,).
        batch : (N, I).
        batches : for each update the numbers of its examples. One array given several times is read once.
        rates : η, for each update.
        memory : what is remembered of each of the parameters that are updated, by name.
        options : `updated`, `rule`, `clip_value`, `clip_norm`, `careful`, `outputs`, `previous`, `largest`.

        Raises
        ------
        ValueError : if there are no batches.
        """
        if not batches:
            raise ValueError("a training has at least one batch, got none")
        memory = memory or {}
        state = np.zeros((2 + len(memory)) * len(parameters), parameters.dtype)
        first = batches[0]
        if all(map(operator.is_, batches, itertools.repeat(first))):
            order, bounds = first, np.repeat([[0, len(first)]], len(batches), axis=0)
        else:
            order, ends = np.concatenate(batches), np.cumsum(list(map(len, batches)))
            bounds = np.stack([ends - list(map(len, batches)), ends], axis=1)
        training = cls(
            state=state,
            parameters=len(parameters),
            updated=options.pop("updated", len(parameters)),
            batch=batch,
            order=order,
            bounds=bounds,
            rates=np.broadcast_to(rates, len(batches)),
            names=tuple(memory),
            **options,
        )
        state[: len(parameters)] = parameters
        for number, array in enumerate(memory.values()):
            training.row(2 + number)[...] = array
        return training

    @property
    def memory(self) -> dict[str, npt.NDArray[Any]]:
        """What is remembered of each of the parameters that are updated, by name."""
        return {name: self.row(2 + number) for number, name in enumerate(self.names)}

    def clamped(self, gradient: Any) -> Any:
        """min(max(g, −v), v) for the limit v = `clip_value`, if there is one."""
        if self.clip_value is None:
            return gradient
        return np.minimum(np.maximum(gradient, -self.clip_value), self.clip_value)

    def shortened(self, gradient: Any, norm: Any) -> Any:
        """g · min(1, n / (‖g‖ + 10⁻⁶)) for the limit n = `clip_norm` of the length ‖g‖; nan stays."""
        return gradient * np.minimum(1.0, self.clip_norm / (norm + 1e-6))

    def following(self, rows: Mapping[int, Any], gradient: Any, rate: Any) -> dict[int, Any]:
        """By the number of a row of the state, what the rule puts into it in place of what is there."""
        memory = {name: rows[2 + number] for number, name in enumerate(self.names)}
        new = {0: self.rule(rows[0], gradient, rate, memory)}
        return new | {2 + number: memory[name] for number, name in enumerate(self.names)}

    @property
    def changing(self) -> list[int]:
        """The numbers of the rows of the state that the rule reads and changes: all but the gradient."""
        return [0, *range(2, 2 + len(self.names))]

    @property
    def kind(self) -> tuple[Any, ...]:
        """What native code for it depends on."""
        return self.rule, self.names, self.updated, self.clip_value, self.clip_norm, self.careful

    @built_once
    def repeated(self) -> bool:
        """Whether all updates are from the same stretch of examples."""
        return np.array_equal(self.bounds[1:], self.bounds[:-1])

    def examples(self, first: int, end: int) -> npt.NDArray[Any]:
        """The examples of a stretch of the order, not copied if they lie in the batch as they stand in it."""
        order = self.order[first:end]
        start = int(order[0])
        in_line = np.array_equal(order, np.arange(start, start + len(order)))
        return self.batch[start : start + len(order)] if in_line else self.batch[order]

    def row(self, number: int) -> npt.NDArray[Any]:
        """A row of the state, as far as it is updated: 0 the parameters, 1 the gradient, then the memory."""
        return self.state[number * self.parameters : number * self.parameters + self.updated]
