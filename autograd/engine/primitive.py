"""A row of the table of primitives. `rule` runs it, `declaration` adds one.

A row's partials run on floats (the reverse sweep), on `Value`s (gradients that are graphs themselves) and on
arrays.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .rule import Rule

__all__ = ["ANY", "POSITIVE", "TABLE", "Interval", "Point", "Primitive", "is_own"]

Interval = tuple[float, float]
Point = tuple[float, ...]

TABLE: dict[str, Primitive] = {}
"""Every row by name, in the order of this file, user-defined rows last."""

ANY: Interval = (-50.0, 50.0)
POSITIVE: Interval = (1e-3, 50.0)


@dataclass(frozen=True, eq=False, repr=False)
class Primitive(Rule):
    """One row of the table; calling it applies it to floats, `Value`s or arrays.

    Attributes
    ----------
    name : the operation's name, which is what `Value.op` shows.
    forward : floats to float. For an argument in `vectors`, a list of floats.
    partials : ``partials(y, *args)``: the derivative of the output `y` by each argument, in order.
        For an argument in `vectors`, a sequence of derivatives, or one number that holds for all.
    array : arrays to array, elementwise and with IEEE 754 results; a vector argument is stacked
        along the first axis.
    ufunc : numpy's function that applies the row to `Value`s; by default `array`, if that is one.
    symbol : its sign in a drawing, such as ``×`` or ``exp``.
    vectors : positions of the arguments that are sequences (`dot` has two).
    select : for an operation that copies one argument and ignores the others (`where`): the position
        copied, given the arguments; those of a sequence count one by one. The sweep never visits the others.
    index : the position of the argument that is a whole number, at least 0 and below the sequence's length.
    domain : per argument the interval that tests sample, within the domain of the operation.
    kinks : points where the derivative is a convention or infinite, with the partials there.
    exact : whether the array form gives the same bits as the forward rule, without a warning from numpy.
    method : the name under which `Value` has this operation, an operator or a method; ``""`` for none.
    expansion : the same function in simpler primitives, for drawing and explaining it opened up.
    textbook : the partials as textbooks write them, where these lose digits and `partials` do not; an
        explanation shows them wherever they give the same number.
    latex : a LaTeX command such as ``\\sin``, or a template with ``{0}``; by default its name.
    sheet : a spreadsheet's formula: a template such as ``EXP({0})``, or simpler primitives; by default its
        `expansion`.
    native : the formula of native code, in simpler rows; by default `sheet`, `expansion` or the forward rule.
    """

    name: str
    forward: Callable[..., float]
    partials: Callable[..., Sequence[Any]]
    array: Callable[..., Any]
    symbol: str
    vectors: tuple[int, ...] = ()
    select: Callable[..., int] | None = None
    index: int | None = None
    domain: tuple[Interval, ...] = (ANY,)
    kinks: Mapping[Point, Point] = field(default_factory=dict)
    exact: bool = False
    method: str = ""
    expansion: Callable[..., Any] | None = None
    textbook: Callable[..., Sequence[Any]] | None = None
    latex: str = ""
    sheet: str | Callable[..., Any] | None = None
    native: Callable[..., Any] | None = None
    ufunc: Callable[..., Any] | None = None
    plain: bool = field(init=False)  # one or two arguments, each a number, none of them selected

    def __post_init__(self) -> None:
        try:
            parameters = list(inspect.signature(self.forward).parameters.values())
        except ValueError:  # some functions written in C have no signature
            parameters = []
        few = 0 < len(parameters) <= 2 and all(p.kind is not p.VAR_POSITIONAL for p in parameters)
        object.__setattr__(self, "plain", few and not self.vectors and self.select is None)
        self.read(self, len(parameters), trusted=is_own(self.partials))

    def __repr__(self) -> str:
        return f"<primitive {self.name}>"

    def __reduce__(self) -> tuple[Callable[[str], Primitive], tuple[str]]:
        return _row, (self.name,)


def is_own(rule: Callable[..., Any]) -> bool:
    """Whether a rule is from our own table, or constant: it returns a tuple, the same every time."""
    return getattr(rule, "__module__", None) in (f"{__package__}.primitives", f"{__package__}.numerics")


def _row(name: str) -> Primitive:
    """The row of that name, for unpickling a graph."""
    try:
        return TABLE[name]
    except KeyError:
        raise LookupError(
            f"this graph uses a primitive {name!r} that is not in the table: "
            "run the code that defines it with primitive(...) before loading the graph"
        ) from None
