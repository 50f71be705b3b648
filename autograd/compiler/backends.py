"""The back ends: what the rest of the compiler knows of each, and what each makes of a program.

A back end is a folder, and its name stands in `FOLDERS`. The folder's `BACKEND` states facts. It names a
subclass of `BackendProgram`, which is imported when the first program is made for it.
"""

from __future__ import annotations

import importlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, ClassVar

import numpy as np

from ..engine.primitive import Primitive
from . import update_loop
from .ir.fused_rules import FORWARD
from .ir.nodes import Node
from .ir.passes import Pass, run, stages, text
from .update_loop import Training

__all__ = [
    "FOLDERS",
    "Backend",
    "BackendProgram",
    "RowLowerings",
    "automatic_backends",
    "find_backend",
    "row_lowerings",
]

FOLDERS: dict[str, Any] = {name: f"{__package__}.{name}" for name in ("numpy", "llvm")}
"""By the name of a back end its folder: a package, or its dotted name. "auto" begins with the first."""


@dataclass(frozen=True)
class Backend:
    """The facts of a back end.

    Attributes
    ----------
    program : its `BackendProgram`, or where that is: ``"module:class"``.
    seconds : what a training takes, about: once, and then for each parameter, each update, and each parameter
        in each example.
    library, extra : the library that it needs besides numpy, and the extra that installs it.
    automatic : whether "auto" may choose it.
    adds_biases : whether matrix products add biases, as weights of one more input that is 1.
    refuses : whether some programs have no form for it: those raise a `GraphError` when code is made.
    """

    program: type[BackendProgram] | str
    seconds: tuple[float, float, float, float]
    library: str = ""
    extra: str = ""
    automatic: bool = True
    adds_biases: bool = False
    refuses: bool = False

    @property
    def installed(self) -> bool:
        return not self.library or find_spec(self.library) is not None

    def load(self) -> type[BackendProgram]:
        """Its class of programs, imported."""
        if not isinstance(self.program, str):
            return self.program
        module, _, name = self.program.partition(":")
        found: type[BackendProgram] = getattr(importlib.import_module(module), name)
        return found


def find_backend(name: str, besides: Sequence[str] = ()) -> Backend:
    """The back end of a name.

    Parameters
    ----------
    besides : names that mean something else to the caller, for the message.

    Raises
    ------
    ValueError : for a name that is none; it lists those that there are.

    Examples
    --------
    >>> from autograd import find_backend
    >>> find_backend("llvm").extra
    'jit'
    """
    folder = FOLDERS.get(name) if isinstance(name, str) else None
    if folder is None:
        known = ", ".join(map(repr, [*besides, *FOLDERS]))
        raise ValueError(f"backend must be one of {known}, got {name!r}")
    found: Backend = (importlib.import_module(folder) if isinstance(folder, str) else folder).BACKEND
    return found


def automatic_backends() -> list[str]:
    """The back ends that "auto" may choose from, installed or not."""
    return [name for name in FOLDERS if find_backend(name).automatic]


class BackendProgram(ABC):
    """Nodes as a function of parameters and batch, by one back end.

    Parameters
    ----------
    nodes : what to compute: the value over the batch, (1,), the gradient (P,) and perhaps outputs (1,) for
        each example; or nodes for each example alone.
    mean : whether to take the mean over the batch, or else the sum.
    dtype : of all numbers, float64 or float32.

    Attributes
    ----------
    nodes : the same after the passes of the back end.
    schedule : when each node is computed, and where its numbers are, as text.
    source : the code that runs.
    PASSES : these passes, from graph to graph.
    LOWERINGS : by target what it does with a row of the table; a back end may have several targets.
    """

    schedule: Any  # text, or a property that gives it
    source: Any
    PASSES: ClassVar[Sequence[Pass]] = ()
    LOWERINGS: ClassVar[Mapping[str, RowLowerings]] = {}

    def __init__(self, nodes: Sequence[Node], mean: bool, dtype: Any) -> None:
        self.mean, self.dtype = mean, np.dtype(dtype)
        self._given, self.nodes = list(nodes), run(self.PASSES, nodes)

    @abstractmethod
    def __call__(self, parameters: Any, batch: Any) -> tuple[Any, ...]:
        """The array of each node, for parameters (P,) and a batch (B, I); examples are the last axis."""

    def train(self, training: Training) -> int:
        """Make the updates of a training; returns how many were made before a number was not finite."""
        t = training
        parameters = t.state[: t.parameters]
        with np.errstate(all="ignore"):
            return update_loop.run(t, lambda start, stop: self(parameters, t.examples(start, stop)))

    def rows(self, parameters: Any, batch: Any) -> Any:
        """The rows of all nodes, one below the other, for each example. All nodes are batched.

        Columns beyond those of the examples may follow: (rows, ≥ B).
        """
        return np.concatenate([array.reshape(-1, len(batch)) for array in self(parameters, batch)])

    @property
    def stages(self) -> dict[str, str]:
        """The program after each pass, the schedule and the source, as text."""
        passes = {name: text(outputs) for name, outputs in stages(self.PASSES, self._given)}
        return {**passes, "schedule": self.schedule, "source": self.source}


@dataclass(frozen=True)
class RowLowerings:
    """What a target does with each row of the table.

    A built-in row has code of its own where that is faster. No row needs any: numpy runs its `array`, floats
    run its forward rule, and native code the first of its formulas that works on nodes.
    """

    own: Callable[[Primitive], Any]
    general: Callable[[Primitive], Any]

    def __getitem__(self, row: Primitive) -> Any:
        """The row's own code on this target if it has some, otherwise what runs for it."""
        own = self.own(row)
        return self.general(row) if own is None else own


def row_lowerings() -> dict[str, RowLowerings]:
    """By target what it does with a row: ``row_lowerings()["numpy"][row]``."""
    found = {"fused": RowLowerings(lambda row: FORWARD.get(row.name), lambda row: None)}
    for name in FOLDERS:
        found |= find_backend(name).load().LOWERINGS
    return found
