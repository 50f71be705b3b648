"""The numpy back end: the array program as Python source on arrays, and for one example on floats.

The source is readable, and it is what `Program.source` shows; `codegen` and `scalar_codegen` write it.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ...locks import built_once
from .. import tuning
from ..ir.nodes import Node, ancestry
from ..ir.passes import EXPAND_FUSED, INNER_PRODUCTS, STEP_OF_RELU, run, stages, text
from ..update_loop import Training, descent
from .codegen import Codegen, view
from .scalar_codegen import Loaded, ScalarProgram, pays

__all__ = ["ArrayProgram"]

PASSES = [EXPAND_FUSED, INNER_PRODUCTS, STEP_OF_RELU]

_NEAR = 1e-280, 1e280  # squares that have lost nothing
Prepare = Callable[[int], Callable[[Any], Loaded]]  # `prepare` of a training


class ArrayProgram:
    """Terms as a function of parameters and batch.

    Parameters
    ----------
    nodes : what to compute.
    mean : whether to take the mean over the batch, or else the sum.
    dtype : of all arrays.
    widths : of the inputs of an example how many are parameters, are in the batch, and in a direction; all
        are in the batch if it is left out.

    Attributes
    ----------
    source : the Python source on arrays, followed by that on floats if a batch of one runs as floats.
    """

    def __init__(
        self, nodes: Sequence[Node], mean: bool, dtype: Any, widths: tuple[int, int, int] | None = None
    ) -> None:
        self.mean, self.dtype, self.widths = mean, np.dtype(dtype), widths
        self._given, self._nodes = list(nodes), run(PASSES, nodes)
        self._source, self._schedule, self._prepare = self._written(own=False)
        self._prepared: dict[int, Loaded] = {}
        self._own: list[Prepare] = []  # of trainings that are done

    def _written(self, own: bool) -> tuple[str, str, Callable[[int], Any]]:
        """The source, the schedule, and the source's `prepare`; see `Codegen`."""
        codegen = Codegen(self._nodes, self.dtype, own)
        source = codegen.source()
        scope: dict[str, Any] = {"np": np, "dtype": self.dtype, "view": view, **codegen.constants}
        exec(compile(source, "<compiled by autograd>", "exec"), scope)
        return source, "\n".join([*codegen.schedule, ""]), scope["prepare"]

    @property
    def stages(self) -> dict[str, str]:
        """The program after each pass, what runs when and in which array, and the source."""
        passes = {name: text(outputs) for name, outputs in stages(PASSES, self._given)}
        return {**passes, "schedule": self._schedule, "source": self.source}

    @property
    def source(self) -> str:
        return self._source + (f"\n\n{self._scalars.source}" if self._scalars else "")

    @built_once
    def _scalars(self) -> ScalarProgram | None:
        """For one example, if it pays: floats are of double precision."""
        return ScalarProgram(self._nodes) if self.dtype == np.float64 and pays(self._nodes) else None

    @built_once
    def _prepare_own(self) -> Prepare:
        return self._written(own=True)[-1]

    def __call__(self, parameters: Any, batch: Any) -> tuple[Any, ...]:
        """The arrays of the nodes; one that is batched with the examples along its last axis."""
        B = len(batch)
        in_floats = self._scalars(parameters, batch) if B == 1 and self._scalars else None
        if in_floats is not None:
            return in_floats
        numbers, compute = self._numbers(B), self._compute
        if B > tuning.NUMPY_CHUNK:
            compute = functools.partial(self._in_stretches, compute)
        with np.errstate(all="ignore"):
            results: tuple[Any, ...] = compute(parameters, batch, *numbers)
        return results

    def value_and_gradient(self, parameters: Any, batch: Any, out: Any) -> tuple[float, Any, bool]:
        """The value over a batch, its gradient (P,), and whether all is finite."""
        (value,), gradient = self(parameters, batch)
        if out is not None:
            out[...] = gradient
            gradient = out
        return float(value), gradient, math.isfinite(value) and _is_finite(gradient)

    def table(
        self, parameters: Any, batch: Any, direction: Any, shape: tuple[int, ...], out: Any
    ) -> tuple[Any, bool]:
        """The results for each example, (B, *shape), and whether all are finite. All nodes are batched."""
        B = len(batch)
        if self.widths is not None and any(self.widths):
            given = [each for each, width in zip((parameters, batch, direction), self.widths) if width]
            parameters = parameters[:0] if self.widths[0] else parameters
            batch = _side_by_side(given, B)
        rows = np.concatenate([array.reshape(-1, B) for array in self(parameters, batch)])
        table = rows.T.reshape(B, *shape)
        if out is not None:
            out[...] = table
            table = out
        return table, _is_finite(rows)

    def _compute(self, parameters: Any, batch: Any, *numbers: float) -> tuple[Any, ...]:
        B = len(batch)
        # It is put back afterwards: another thread needs arrays of its own.
        load, run = prepared = self._prepared.pop(B, None) or self._prepare(B)
        try:
            results: tuple[Any, ...] = run(parameters, load(batch, *numbers), *numbers)
        finally:
            if len(self._prepared) >= tuning.NUMPY_BATCH_SIZES:
                self._prepared.clear()
            self._prepared[B] = prepared
        return results

    def _in_stretches(
        self, compute: Callable[..., Any], parameters: Any, batch: Any, seed: float, *_: float
    ) -> tuple[Any, ...]:
        """The results over a large batch, of which a stretch at a time stays in the caches."""
        parts = []
        for first in range(0, len(batch), tuning.NUMPY_CHUNK):
            stretch = batch[first : first + tuning.NUMPY_CHUNK]
            count = float(len(stretch))
            found = compute(parameters, stretch, seed, count, seed * count)
            parts.append([array.copy() for array in found])
        return tuple(
            np.concatenate(arrays, axis=-1)
            if node.batched
            else sum(arrays)
            if node in self._sums
            else arrays[0]
            for node, arrays in zip(self._nodes, zip(*parts))
        )

    @built_once
    def _sums(self) -> set[Node]:
        """The nodes that are sums over the batch, or shares of them."""
        graph = self._nodes[0].graph
        shares = {graph.cotangent, graph.total_cotangent, graph.batch_size}
        return {node for node in self._nodes if shares.intersection(ancestry([node]))}

    def _numbers(self, B: int) -> tuple[float, float, float]:
        """The adjoint of each example's output, how many there are, and the product of the two."""
        whole = 1.0 if self.mean else float(B)
        return whole / B, float(B), whole

    def train(self, training: Training) -> int:
        """Make the updates of a training; returns how many were made before a number was not finite."""
        t = training
        alone = bool((t.bounds[:, 1] - t.bounds[:, 0] == 1).all())
        done = self._scalars.descend(t) if alone and self._scalars else 0
        if done == len(t.rates):
            return done
        try:
            prepare = self._own.pop()
        except IndexError:
            prepare = functools.lru_cache(tuning.NUMPY_BATCH_SIZES)(self._prepare_own)
        try:
            with np.errstate(all="ignore"):
                return self._updates(t, prepare, done)
        finally:
            self._own.append(prepare)

    def _updates(self, t: Training, prepare: Prepare, done: int) -> int:
        parameters, data = t.state[: t.parameters], t.row(0)
        prepared = functools.lru_cache(tuning.NUMPY_BATCH_SIZES)(lambda B: prepare(B)(parameters))
        rows = {number: t.row(number) for number in t.changing}
        loaded = False
        for number, (first, end) in enumerate(t.bounds[done:].tolist(), start=done):
            if not loaded:
                numbers = self._numbers(end - first)
                load, run = prepared(min(end - first, tuning.NUMPY_CHUNK))
                if end - first == 1 and self._scalars:
                    load, run = self._scalars.before(load, run)
                elif end - first > tuning.NUMPY_CHUNK:
                    load, run = self._of_stretches(prepared)
                views = load(t.examples(first, end), *numbers)
                loaded = t.repeated
            value, slopes, *outputs = run(parameters, views, *numbers)
            t.values[number] = value[0]
            for k, column in enumerate(outputs):
                t.noted[first:end, k] = column
            gradient = slopes[: t.updated]
            if t.careful:
                t.norms[number] = _length(gradient)
                if not np.isfinite(t.values[number]):
                    return number
                t.previous[...] = t.state
            gradient = t.clamped(gradient)
            if t.clip_norm is not None:
                gradient = t.shortened(gradient, _length(gradient))
            if t.rule is descent:  # in place
                gradient *= t.rates[number]
                data -= gradient
            else:
                for row, array in t.following(rows, gradient, t.rates[number]).items():
                    rows[row][...] = array
            if t.careful and not np.isfinite(data).all():
                t.state[...] = t.previous
                return number
        return len(t.rates)

    def _of_stretches(self, prepared: Callable[[int], Loaded]) -> Loaded:
        """`load` and `run` for a large batch, which is loaded anew for each update."""

        def compute(parameters: Any, stretch: Any, *numbers: float) -> Any:
            load, run = prepared(len(stretch))
            return run(parameters, load(stretch, *numbers), *numbers)

        return lambda batch, *numbers: batch, functools.partial(self._in_stretches, compute)


def _length(gradient: Any) -> float:
    """√Σ g², by way of numbers near 1 where a square is beyond the range of floats, or below it."""
    gradient = gradient.astype(np.float64, copy=False)
    with np.errstate(all="ignore"):
        square = float(gradient @ gradient)
        largest = float(np.abs(gradient).max(initial=0.0))
        if _NEAR[0] < square < _NEAR[1] or not 0.0 < largest < math.inf:
            return math.sqrt(square) if square == square else math.nan
        scaled = gradient / largest
        return largest * math.sqrt(float(scaled @ scaled))


def _is_finite(numbers: Any) -> bool:
    """Whether all numbers are finite: a sum that is has none that is not, and others get a closer look."""
    if numbers.size < 8192:  # a product takes least; from 10,000 on BLAS waits for threads of its own
        total = np.vdot(numbers, numbers)
    else:
        with np.errstate(all="ignore"):
            total = np.add.reduce(numbers, axis=None)
    return math.isfinite(total) or bool(np.isfinite(numbers).all())


def _side_by_side(columns: Sequence[Any], B: int) -> Any:
    """Arrays (n,) or (B, n), as one of B rows."""
    if len(columns) == 1 and columns[0].ndim == 2:
        return columns[0]
    table, end = np.empty((B, sum([each.shape[-1] for each in columns])), columns[0].dtype), 0
    for each in columns:
        start, end = end, end + each.shape[-1]
        table[:, start:end] = each
    return table
