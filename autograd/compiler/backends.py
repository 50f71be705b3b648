"""The back ends: the facts that the compiler needs of each, and the interface of their programs.

A back end is a folder named in `FOLDERS`. Its `BACKEND` states the facts and names a subclass of
`BackendProgram`, which is imported with the first program for it.
"""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, ClassVar

import numpy as np

from ..engine.primitive import Primitive
from ..errors import GraphError
from .ir.fused_rules import FORWARD
from .ir.nodes import Inputs, Node, TakeRows, ancestry
from .ir.passes import Pass, run, stages, text
from .update_loop import Training

__all__ = [
    "FOLDERS", "Backend", "BackendProgram", "RowLowerings", "Widths", "automatic_backends", "by_formula",
    "find_backend", "refuse", "row_lowerings",
]  # fmt: skip

Widths = tuple[int, int, int]
"""How many inputs of an example are parameters, columns of the batch, and in a direction, in this order."""

FOLDERS: dict[str, Any] = {name: f"{__package__}.{name}" for name in ("numpy", "llvm", "jax")}
"""By name the folder of each back end: a package, or its dotted name. "auto" begins with the first."""


@dataclass(frozen=True)
class Backend:
    """The facts of a back end.

    Attributes
    ----------
    program : its `BackendProgram`, or where to import it: ``"module:class"``.
    seconds : the time of a training, about: once, and for each parameter, each update, and each parameter in
        each example.
    library, extra : the library that it needs besides numpy, and the extra that installs it.
    automatic : whether "auto" may choose it.
    adds_biases : whether matrix products add biases, as weights of one more input that is 1.
    refuses : whether it may refuse a program, with a `GraphError`, when code is made.
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
    besides : other names that the caller accepts, for the message.

    Raises
    ------
    ValueError : if no back end has that name; the message lists them.

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


class BackendProgram:
    """Nodes as a function of parameters and batch, by one back end.

    Parameters
    ----------
    nodes : the value over the batch, (1,), and the gradient (P,), which are sums over the examples; and
        outputs (1,), which are batched. Or batched nodes alone.
    mean : whether to take the mean over the batch, or else the sum.
    dtype : float64 or float32, of all numbers.
    widths : where the inputs of an example come from; by default from the batch alone.

    Attributes
    ----------
    nodes : the program after the passes of the back end.
    schedule : when each node is computed, and where its numbers are, as text.
    source : the code that runs.
    PASSES : the passes, from graph to graph.
    CHECKS_INDICES : whether it checks computed indices of `take`; if not, indices must be inputs.
    LOWERINGS : by target the lowering of each row; a back end may have several targets.
    """

    schedule: Any  # text, or a property that gives it
    source: Any
    PASSES: ClassVar[Sequence[Pass]] = ()
    CHECKS_INDICES: ClassVar = False
    LOWERINGS: ClassVar[Mapping[str, RowLowerings]] = {}

    def __init__(self, nodes: Sequence[Node], mean: bool, dtype: Any, widths: Widths | None = None) -> None:
        self.mean, self.dtype = mean, np.dtype(dtype)
        if not self.CHECKS_INDICES:
            for node in ancestry(nodes):
                if isinstance(node, TakeRows) and not isinstance(node.args[1].source, Inputs):
                    raise GraphError(
                        "this back end takes by an index that is an input, which is checked before it runs; "
                        "here one is computed, or a parameter: make it an input, or use numpy's back end"
                    )
        self._given, self.nodes = list(nodes), run(self.PASSES, nodes)
        self.widths = (0, self.nodes[0].graph.inputs.size, 0) if widths is None else widths

    def __call__(self, parameters: Any, batch: Any) -> tuple[Any, ...]:
        """The array of each node, for parameters (P,) and a batch (B, I); examples are the last axis."""
        raise NotImplementedError  # abstract: a back end has this, or all three methods that call it

    def train(self, training: Training) -> int:
        """Make the updates of a training; returns how many were made before a number was not finite."""
        t = training

        def compute(start: int, stop: int) -> list[Any]:
            value, gradient, *outputs = self(t.state[: t.parameters], t.examples(start, stop))
            return [value, np.array(gradient), *outputs]

        with np.errstate(all="ignore"):
            return t.run(compute)

    def value_and_gradient(self, parameters: Any, batch: Any, out: Any) -> tuple[float, Any, bool]:
        """The value over a batch, its gradient (P,) in `out` or a new array, and whether all is finite."""
        (value,), gradient = self(parameters, batch)
        if out is not None:
            out[...] = gradient
            gradient = out
        return float(value), gradient, math.isfinite(value) and _is_finite(gradient)

    def table(
        self, parameters: Any, batch: Any, direction: Any, shape: tuple[int, ...], out: Any
    ) -> tuple[Any, bool]:
        """The rows of all nodes, which are batched, for each example: (B, *shape), in `out` or a new array.

        And whether all are finite.

        Parameters
        ----------
        direction : (N,) for all examples or (B, N); None if no inputs are in a direction.
        """
        B, own = len(batch), bool(self.widths[0])
        columns = [
            each if each.ndim == 2 else np.broadcast_to(each, (B, len(each)))
            for each, width in zip((parameters, batch, direction), self.widths)
            if width
        ]
        table = columns[0] if len(columns) == 1 else np.concatenate([batch[:, :0], *columns], axis=1)
        arrays = self(parameters[:0] if own else parameters, table)
        rows = np.concatenate([array.reshape(-1, B) for array in arrays])
        table = rows.T.reshape(B, *shape)
        if out is not None:
            out[...] = table
            table = out
        return table, _is_finite(rows)

    def entry(self, B: int, shape: tuple[int, ...], indices: Mapping[int, int]) -> Callable[..., Any]:
        """A function to call first from now on, with batches of about this size; it may be `refuse`.

        ``entry(parameters, batch, direction, out)`` returns the result, or None for arguments that have to be
        checked or converted.

        Parameters
        ----------
        indices : by column of the batch that holds indices of `take` the length that they index.
        """
        return refuse

    def is_compiled(self, examples: int, training: Training | None) -> bool:
        """Whether code for batches of so many examples, or for a training, was generated before and kept."""
        return False

    def function(self, made: Callable[[str, str], Any]) -> Any:
        """This program, of value and gradient, as a pure function that another library transforms.

        Parameters
        ----------
        made : by purpose the programs that belong to it, as ``made("jacobian", "inputs")``.
        """
        raise AttributeError("this back end has no function: compile(..., backend='jax') has one")

    @property
    def stages(self) -> dict[str, str]:
        """The program after each pass, the schedule and the source, as text."""
        passes = {name: text(outputs) for name, outputs in stages(self.PASSES, self._given)}
        return {**passes, "schedule": self.schedule, "source": self.source}


def refuse(*given: Any) -> None:
    """The entry of a program that has none."""


def _is_finite(numbers: Any) -> bool:
    """Whether all numbers are finite. A finite sum of squares says so at once.

    It is taken of few numbers: from 10,000 on BLAS waits for threads of its own.
    """
    few = numbers.size < 8192
    return (few and math.isfinite(np.vdot(numbers, numbers))) or bool(np.isfinite(numbers).all())


@dataclass(frozen=True)
class RowLowerings:
    """How a target computes each row of the table.

    A built-in row has code of its own where that is faster. No row needs any: numpy calls its `array`, floats
    its forward rule, and native code runs the first of its formulas that works on nodes.
    """

    own: Callable[[Primitive], Any]
    general: Callable[[Primitive], Any]

    def __getitem__(self, row: Primitive) -> Any:
        """The row's own code on this target if it has some, otherwise the general one."""
        own = self.own(row)
        return self.general(row) if own is None else own


def by_formula(row: Primitive, operands: Sequence[Any], as_result: Callable[[Any], Any]) -> Any:
    """A row by the first of its formulas that runs on operands whose numbers are not known yet.

    Parameters
    ----------
    as_result : converts the result of a formula, which may be a number.

    Raises
    ------
    GraphError : if none of them runs.
    """
    for formula in (row.native, row.sheet, row.expansion, row.forward):
        if callable(formula):
            try:
                return as_result(formula(*operands))
            except Exception:  # a rule in Python that does not run on them: comparisons, math, ...
                continue
    raise GraphError(
        f"the primitive {row.name} has no form for native code: its forward rule does not run on arrays of "
        "numbers not known yet. Give primitive(...) a native= or expansion= in other primitives, or use "
        "backend='numpy'"
    )


def row_lowerings() -> dict[str, RowLowerings]:
    """The lowering of each row, by target of the installed back ends: ``row_lowerings()["numpy"][row]``."""
    found = {"fused": RowLowerings(lambda row: FORWARD.get(row.name), lambda row: None)}
    for backend in map(find_backend, FOLDERS):
        if backend.installed:
            found |= backend.load().LOWERINGS
    return found
