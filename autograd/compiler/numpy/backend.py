"""The numpy back end: the array program as Python source on arrays, and for one example on floats.

The source is readable, and it is what `Program.source` shows; `codegen` and `scalar_codegen` write it.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import numpy as np

from ...engine.primitive import Primitive
from ...locks import built_once
from .. import tuning
from ..backends import BackendProgram, RowLowerings, Widths
from ..ir.nodes import Node, ancestry
from ..ir.passes import EXPAND_FUSED, INNER_PRODUCTS, STEP_OF_RELU
from ..update_loop import Training
from .codegen import IN_PLACE, Codegen, view
from .scalar_codegen import OPERATORS, Loaded, ScalarProgram, pays

__all__ = ["ArrayProgram"]

Prepare = Callable[[int], Callable[[Any], Loaded]]  # `prepare` of a training


def _array_rule(row: Primitive) -> Any:
    return f"np.{row.array.__name__}" if isinstance(row.array, np.ufunc) else row.array


class ArrayProgram(BackendProgram):
    """Nodes as Python source on arrays, followed by that on floats if a batch of one runs as floats."""

    PASSES = (EXPAND_FUSED, INNER_PRODUCTS, STEP_OF_RELU)
    CHECKS_INDICES = True
    LOWERINGS: ClassVar = {
        "numpy": RowLowerings(lambda row: IN_PLACE.get(row.name), _array_rule),
        "numpy, one example": RowLowerings(lambda row: OPERATORS.get(row.forward), lambda row: row.forward),
    }

    def __init__(self, nodes: Sequence[Node], mean: bool, dtype: Any, widths: Widths | None = None) -> None:
        super().__init__(nodes, mean, dtype, widths)
        self._source, self.schedule, self._prepare = self._written(own=False)
        self._prepared: dict[int, Loaded] = {}
        self._own: list[Prepare] = []  # from trainings that have ended

    def _written(self, own: bool) -> tuple[str, str, Callable[[int], Any]]:
        """The source, the schedule as text, and the `prepare` of the source; see `Codegen`."""
        codegen = Codegen(self.nodes, self.dtype, own)
        source = codegen.source()
        scope: dict[str, Any] = {"np": np, "dtype": self.dtype, "view": view, **codegen.constants}
        exec(compile(source, "<compiled by autograd>", "exec"), scope)
        return source, str(codegen.schedule), scope["prepare"]

    @property
    def source(self) -> str:
        return self._source + (f"\n\n{self._scalars.source}" if self._scalars else "")

    @built_once
    def _scalars(self) -> ScalarProgram | None:
        """For one example, if it pays: floats are of double precision."""
        return ScalarProgram(self.nodes) if self.dtype == np.float64 and pays(self.nodes) else None

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
            compute = functools.partial(self._in_chunks, compute)
        with np.errstate(all="ignore"):
            results: tuple[Any, ...] = compute(parameters, batch, *numbers)
        return results

    def _compute(self, parameters: Any, batch: Any, *numbers: float) -> tuple[Any, ...]:
        B = len(batch)
        # Taken while it runs: another thread needs arrays of its own.
        load, run = prepared = self._prepared.pop(B, None) or self._prepare(B)
        try:
            results: tuple[Any, ...] = run(parameters, load(batch, *numbers), *numbers)
        finally:
            if len(self._prepared) >= tuning.NUMPY_BATCH_SIZES:
                self._prepared.clear()
            self._prepared[B] = prepared
        return results

    def _in_chunks(
        self, compute: Callable[..., Any], parameters: Any, batch: Any, cotangent: float, *_: float
    ) -> tuple[Any, ...]:
        """The results over a large batch, chunk by chunk: the arrays of a chunk stay in the caches."""
        parts = []
        for first in range(0, len(batch), tuning.NUMPY_CHUNK):
            chunk = batch[first : first + tuning.NUMPY_CHUNK]
            count = float(len(chunk))
            found = compute(parameters, chunk, cotangent, count, cotangent * count)
            parts.append([array.copy() for array in found])
        return tuple(
            np.concatenate(arrays, axis=-1)
            if node.batched
            else sum(arrays)
            if node in self._sums
            else arrays[0]
            for node, arrays in zip(self.nodes, zip(*parts))
        )

    @built_once
    def _sums(self) -> set[Node]:
        """The results that are sums over the batch: of chunks they are added up."""
        graph = self.nodes[0].graph
        shares = {graph.cotangent, graph.total_cotangent, graph.batch_size}
        return {node for node in self.nodes if shares.intersection(ancestry([node]))}

    def _numbers(self, B: int) -> tuple[float, float, float]:
        """Cotangent, batch size and total cotangent: the adjoint of each output, B, and their product."""
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
                return t.run(self._on_batches(t, prepare), done)
        finally:
            self._own.append(prepare)

    def _on_batches(self, t: Training, prepare: Prepare) -> Callable[[int, int], Any]:
        """What gives the results for each batch of a training; a batch that is used again is loaded once."""
        parameters, again = t.state[: t.parameters], None
        prepared = functools.lru_cache(tuning.NUMPY_BATCH_SIZES)(lambda B: prepare(B)(parameters))

        def compute(start: int, stop: int) -> Any:
            nonlocal again
            if again is None or not t.repeated:
                B = stop - start
                numbers = self._numbers(B)
                load, run = prepared(min(B, tuning.NUMPY_CHUNK))
                if B == 1 and self._scalars:
                    load, run = self._scalars.before(load, run)
                elif B > tuning.NUMPY_CHUNK:
                    load, run = self._of_chunks(prepared)
                views = load(t.examples(start, stop), *numbers)
                again = functools.partial(run, parameters, views, *numbers)
            return again()

        return compute

    def _of_chunks(self, prepared: Callable[[int], Loaded]) -> Loaded:
        """`load` and `run` for a large batch, which is loaded anew for each update."""

        def compute(parameters: Any, chunk: Any, *numbers: float) -> Any:
            load, run = prepared(len(chunk))
            return run(parameters, load(chunk, *numbers), *numbers)

        return lambda batch, *numbers: batch, functools.partial(self._in_chunks, compute)
