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
from ..ir.nodes import Node
from ..ir.passes import EXPAND_FUSED, STEP_OF_RELU
from ..update_loop import Training
from .codegen import IN_PLACE, Codegen, view
from .scalar_codegen import OPERATORS, ScalarProgram, pays

__all__ = ["ArrayProgram"]

Bind = Callable[[Any], tuple[Callable[..., Any], Callable[..., Any]]]  # of parameters (P,): `load` and `run`
Arrays = Callable[[int], tuple[Bind, Callable[..., Any]]]


def _array_rule(row: Primitive) -> Any:
    return f"np.{row.array.__name__}" if isinstance(row.array, np.ufunc) else row.array


class ArrayProgram(BackendProgram):
    """Nodes as Python source on arrays, and on floats if that pays for a batch of one."""

    PASSES = (EXPAND_FUSED, STEP_OF_RELU)
    CHECKS_INDICES = True
    LOWERINGS: ClassVar = {
        "numpy": RowLowerings(lambda row: IN_PLACE.get(row.name), _array_rule),
        "numpy, one example": RowLowerings(lambda row: OPERATORS.get(row.forward), lambda row: row.forward),
    }

    def __init__(self, nodes: Sequence[Node], mean: bool, dtype: Any, widths: Widths | None = None) -> None:
        super().__init__(nodes, mean, dtype, widths)
        codegen = Codegen(self.nodes, self.dtype)
        self._source, self.schedule, self._target = codegen.source(), str(codegen.schedule), codegen.target
        scope: dict[str, Any] = {"np": np, "dtype": self.dtype, "view": view, **codegen.constants}
        exec(compile(self._source, "<compiled by autograd>", "exec"), scope)
        self._prepare: Callable[[int], Bind] = scope["prepare"]
        self._idle: list[Arrays] = []  # a thread that runs has arrays of its own

    @property
    def source(self) -> str:
        return self._source + (f"\n\n{self._scalars.source}" if self._scalars else "")

    @built_once
    def _scalars(self) -> ScalarProgram | None:
        """The program for one example, if it pays and floats have the precision."""
        return ScalarProgram(self.nodes) if self.dtype == np.float64 and pays(self.nodes) else None

    def __call__(self, parameters: Any, batch: Any) -> tuple[Any, ...]:
        """The arrays of the nodes; batched ones have the examples along their last axis."""
        B = len(batch)
        in_floats = self._scalars(parameters, batch) if B == 1 and self._scalars else None
        if in_floats is not None:
            return in_floats
        compute: Any = functools.partial(self._compute, parameters)
        if B > tuning.NUMPY_CHUNK:
            compute = functools.partial(self._in_chunks, compute)
        with np.errstate(all="ignore"):
            results: tuple[Any, ...] = compute(batch, *self._numbers(B))
        return results

    def _taken(self) -> Arrays:
        """Arrays by size of batch that no other thread has, to be put back into `_idle` after use."""
        try:
            return self._idle.pop()
        except IndexError:
            return functools.lru_cache(tuning.NUMPY_BATCH_SIZES)(self._arrays)

    def _arrays(self, B: int) -> tuple[Bind, Callable[..., Any]]:
        """Arrays for B examples: `bind`, and the results in arrays that the caller may keep."""
        bind, few = self._prepare(B), self._target.few
        own = np.empty(self.nodes[0].graph.parameters.size, self.dtype)
        bound = bind(own)
        escaping = [node in self._target.escaping for node in self.nodes]

        def compute(parameters: Any, batch: Any, *numbers: float) -> tuple[Any, ...]:
            if few:
                own[...] = parameters
            load, run = bound if few else bind(parameters)
            results = run(load(batch, *numbers), *numbers)
            return tuple([each if kept else each.copy() for each, kept in zip(results, escaping)])

        return bind, compute

    def _compute(self, parameters: Any, batch: Any, *numbers: float) -> Any:
        arrays = self._taken()
        try:
            return arrays(len(batch))[1](parameters, batch, *numbers)
        finally:
            self._idle.append(arrays)

    def _in_chunks(
        self, compute: Callable[..., Any], batch: Any, cotangent: float, *_: float
    ) -> tuple[Any, ...]:
        """The results over a large batch, chunk by chunk: the arrays of a chunk stay in the caches."""
        parts = []
        for first in range(0, len(batch), tuning.NUMPY_CHUNK):
            chunk = batch[first : first + tuning.NUMPY_CHUNK]
            count = float(len(chunk))
            found = compute(chunk, cotangent, count, cotangent * count)
            parts.append([array.copy() for array in found])
        return tuple(
            np.concatenate(arrays, axis=-1) if node.batched else sum(arrays)
            for node, arrays in zip(self.nodes, zip(*parts))
        )

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
        arrays = self._taken()
        try:
            with np.errstate(all="ignore"):
                return t.run(self._on_batches(t, arrays), done)
        finally:
            self._idle.append(arrays)

    def _on_batches(self, t: Training, arrays: Arrays) -> Callable[[int, int], Any]:
        """A function that computes each batch of a training; a batch that is repeated is loaded once."""
        parameters, again = t.state[: t.parameters], None
        bound = functools.lru_cache(tuning.NUMPY_BATCH_SIZES)(lambda B: arrays(B)[0](parameters))

        def as_it_is(batch: Any, *numbers: float) -> Any:
            return batch

        def of_chunk(chunk: Any, *numbers: float) -> Any:
            load, run = bound(len(chunk))
            return run(load(chunk, *numbers), *numbers)

        def compute(start: int, stop: int) -> Any:
            nonlocal again
            if again is None or not t.repeated:
                B = stop - start
                if B == 1 and self._scalars:
                    load, run = as_it_is, self._scalars.before(parameters, of_chunk)
                elif B > tuning.NUMPY_CHUNK:
                    load, run = as_it_is, functools.partial(self._in_chunks, of_chunk)
                else:
                    load, run = bound(B)
                numbers = self._numbers(B)
                again = functools.partial(run, load(t.examples(start, stop), *numbers), *numbers)
            return again()

        return compute
