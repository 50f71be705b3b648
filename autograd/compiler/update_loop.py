"""A training on arrays: its data, and the steps of one update, which every back end lowers.

After the value and the gradient of a batch an update is the steps of `Training.steps`. Their formulas run on
arrays and on nodes of the array program. `Training.run` makes the steps on arrays; native code has a lowering
for each of them.
"""

from __future__ import annotations

import itertools
import math
import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from ..engine import arguments
from ..locks import built_once

__all__ = [
    "Clamp", "Finite", "Follow", "Keep", "Measure", "Rule", "Shorten", "Step", "Training", "descent",
]  # fmt: skip

Rule = Callable[[Any, Any, Any, dict[str, Any]], Any]
"""``rule(data, gradient, rate, memory)`` gives the new data, and puts new arrays into the memory."""


def descent(data: Any, gradient: Any, rate: Any, memory: dict[str, Any]) -> Any:
    """w ← w − η g."""
    return data - rate * gradient


# --- the steps of an update ---------------------------------------------------------------------------


@dataclass(frozen=True)
class Measure:
    """Note the length of the gradient in `norms`."""


@dataclass(frozen=True)
class Finite:
    """End the training unless the value, or with `parameters` each updated parameter, is finite.

    If a parameter is not, the update is undone first: the state becomes `previous`.
    """

    parameters: bool


@dataclass(frozen=True)
class Keep:
    """Copy the state into `previous`."""


@dataclass(frozen=True)
class Clamp:
    """g ← min(max(g, −v), v) for the limit v, element by element."""

    limit: float

    def of(self, gradient: Any) -> Any:
        return np.minimum(np.maximum(gradient, -self.limit), self.limit)


@dataclass(frozen=True)
class Shorten:
    """g ← g · min(1, n / (‖g‖ + 10⁻⁶)) for the limit n of the length ‖g‖; nan stays."""

    limit: float

    def of(self, gradient: Any, norm: Any) -> Any:
        return gradient * np.minimum(1.0, self.limit / (norm + 1e-6))


@dataclass(frozen=True)
class Follow:
    """Update the parameters and the memory of the rule by the gradient."""

    rule: Rule
    names: tuple[str, ...]

    def of(self, rows: Mapping[int, Any], gradient: Any, rate: Any) -> dict[int, Any]:
        """The new rows of the state, by their number."""
        memory = {name: rows[2 + number] for number, name in enumerate(self.names)}
        new = {0: self.rule(rows[0], gradient, rate, memory)}
        return new | {2 + number: memory[name] for number, name in enumerate(self.names)}


Step = Measure | Finite | Keep | Clamp | Shorten | Follow


@dataclass
class Training:
    """Updates to make, and their results.

    Attributes
    ----------
    state : (R·P,), R rows of P numbers: the parameters, their gradient, and the memory of the rule, a row for
        each name in `names`. The gradient may be left out if it is the last row.
    parameters : P.
    updated : how many parameters are updated: the first ones.
    batch : (N, I), all examples.
    order : (V,), example indices in visiting order.
    bounds : (U, 2), update u uses ``order[start:stop]`` for its row ``start, stop``.
    rates : (U,), η of each update.
    rule, names : the rule of the update, and the names of its memory. Everything else that the rule reads is
        constant: native code is generated from it once. For other settings pass another function.
    clip_value, clip_norm : limits of the gradient's elements and of its length, or None.
    careful : whether norms are noted, and the training ends at a value or parameter that is not finite.
    previous : with `careful` the state before the last update, in the same shape.
    largest : the size of the largest batch, of the whole training where this is a part of one.
    outputs : K − 1, how many outputs are noted for each visit besides the value; 0 for none.
    values, norms : (U,), the value before each update, and the length of the gradient.
    noted : (V, `outputs`), the outputs of each visit.
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
        self.order, self.bounds = _whole("order", self.order), _whole("bounds", self.bounds)
        self.clip_value = _limit("clip_value", self.clip_value)
        self.clip_norm = _limit("clip_norm", self.clip_norm)
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
        """A training that starts at given parameters, with one array of example indices for each update.

        Parameters
        ----------
        parameters : (P,).
        batch : (N, I).
        batches : for each update the indices of its examples.
        rates : η, one for all updates or (U,).
        memory : by name the memory of the rule for each updated parameter, (`updated`,).
        options : `updated`, `rule`, `clip_value`, `clip_norm`, `careful`, `outputs`, `previous`, `largest`.

        Raises
        ------
        TypeError : if the indices are not whole numbers, or a limit is not one.
        ValueError : if there are no batches, or a limit is not above 0.
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
        """By name the memory of the rule for each updated parameter, (`updated`,)."""
        return {name: self.row(2 + number) for number, name in enumerate(self.names)}

    @property
    def follow(self) -> Follow:
        return Follow(self.rule, self.names)

    @property
    def steps(self) -> list[Step]:
        """One update, after the value and the gradient over its batch.

        The noted length is that of the whole gradient; the limited one is that of the clamped gradient. A
        value that is not finite leaves the state that it was computed from.
        """
        limits: list[Step] = [] if self.clip_value is None else [Clamp(self.clip_value)]
        limits += [] if self.clip_norm is None else [Shorten(self.clip_norm)]
        change = [*limits, self.follow]
        if not self.careful:
            return change
        return [Measure(), Finite(parameters=False), Keep(), *change, Finite(parameters=True)]

    @property
    def changing(self) -> list[int]:
        """The rows of the state that the rule reads and changes, by number: all but the gradient."""
        return [0, *range(2, 2 + len(self.names))]

    def run(self, compute: Callable[[int, int], Sequence[Any]], done: int = 0) -> int:
        """Make the updates on arrays, with values and gradients that are computed elsewhere.

        Parameters
        ----------
        compute : ``compute(start, stop)`` returns for ``order[start:stop]``, at the parameters in the state,
            the value (1,), the gradient (P,), which is overwritten, and each noted output (1, stop − start).
        done : how many updates have been made already.

        Returns
        -------
        How many were made before a number was not finite.
        """
        rows = {number: self.row(number) for number in self.changing}
        steps = self.steps
        for number, (start, stop) in enumerate(self.bounds[done:].tolist(), start=done):
            value, gradient, *outputs = compute(start, stop)
            self.values[number] = value[0]
            for k, column in enumerate(outputs):
                self.noted[start:stop, k] = column
            gradient = gradient[: self.updated]
            for step in steps:
                if isinstance(step, Measure):
                    self.norms[number] = length(gradient)
                elif isinstance(step, Finite):
                    if step.parameters and not np.isfinite(rows[0]).all():
                        self.state[...] = self.previous
                        return number
                    if not step.parameters and not math.isfinite(self.values[number]):
                        return number
                elif isinstance(step, Keep):
                    self.previous[...] = self.state
                elif isinstance(step, Clamp):
                    gradient = step.of(gradient)
                elif isinstance(step, Shorten):
                    gradient = step.of(gradient, length(gradient))
                elif step.rule is descent:  # in place
                    gradient *= self.rates[number]
                    rows[0] -= gradient
                else:
                    for row, array in step.of(rows, gradient, self.rates[number]).items():
                        rows[row][...] = array
        return len(self.rates)

    @property
    def kind(self) -> tuple[Any, ...]:
        """All that its native code depends on."""
        return self.updated, *self.steps

    @built_once
    def repeated(self) -> bool:
        """Whether all updates use the same examples."""
        return np.array_equal(self.bounds[1:], self.bounds[:-1])

    def examples(self, first: int, end: int) -> npt.NDArray[Any]:
        """The examples ``order[first:end]``: a view of the batch if they are consecutive there."""
        order = self.order[first:end]
        start = int(order[0])
        in_line = np.array_equal(order, np.arange(start, start + len(order)))
        return self.batch[start : start + len(order)] if in_line else self.batch[order]

    def row(self, number: int) -> npt.NDArray[Any]:
        """The updated part (`updated`,) of a row of the state: 0 parameters, 1 gradient, then the memory."""
        return self.state[number * self.parameters : number * self.parameters + self.updated]


def _whole(name: str, given: Any) -> npt.NDArray[np.int64]:
    array = np.asarray(given)
    if array.size and array.dtype.kind not in "iu":  # a mask or fractions would index other examples
        raise TypeError(f"{name} of a training must be whole numbers, got an array of {array.dtype}")
    return np.ascontiguousarray(array, np.int64)


def _limit(name: str, given: Any) -> float | None:
    limit = None if given is None else arguments.number(given, name)
    if limit is not None and not limit > 0.0:
        raise ValueError(f"{name} must be a number above 0, or None, got {given!r}")
    return limit


_NEAR = 1e-280, 1e280  # squares that have lost nothing


def length(gradient: npt.NDArray[Any]) -> float:
    """√Σ g², scaled where a square overflows or underflows."""
    gradient = gradient.astype(np.float64, copy=False)
    with np.errstate(all="ignore"):
        square = float(gradient @ gradient)
        largest = float(np.abs(gradient).max(initial=0.0))
        if _NEAR[0] < square < _NEAR[1] or not 0.0 < largest < math.inf:
            return math.sqrt(square) if square == square else math.nan
        scaled = gradient / largest
        return largest * math.sqrt(float(scaled @ scaled))
