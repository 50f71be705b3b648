"""What a row of the table of primitives is, and `primitive`, which adds one.

A row's partials run on floats (the reverse sweep), on `Value`s (gradients that are graphs themselves) and on
arrays. Python's float arithmetic raises where IEEE 754 has an answer (``1 / 0``, ``exp(1000)``). A forward
rule may raise like that: the row's `array` form, which does not, then decides.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .numerics import element_by_element
from .rule import Rule

__all__ = ["TABLE", "Primitive", "primitive"]

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
    symbol : what a drawing prints, such as ``×`` or ``exp``.
    vectors : positions of the arguments that are sequences (`dot` has two).
    select : for an operation that copies one argument and ignores the others (`where`): the position
        copied, given the arguments. The sweep then never visits the others.
    domain : per argument the interval that tests sample, within the domain of the operation.
    kinks : points where the derivative is a convention or infinite, with the partials there.
    exact : whether the array form gives the bits of the forward rule, without a warning from numpy.
    method : the name under which `Value` has this operation, an operator or a method; ``""`` for none.
    expansion : the same function in simpler primitives, for drawing and explaining it opened up.
    textbook : the partials as textbooks write them, where that loses digits and `partials` does not: an
        explanation shows them wherever they give the same number.
    latex : how LaTeX writes it: a command such as ``\\sin``, or a template with ``{0}`` for the argument;
        by default its name.
    sheet : how a spreadsheet computes it: a template such as ``EXP({0})``, or the same function in
        simpler primitives; by default its `expansion`.
    native : the same function in simpler primitives that keeps its digits, which native code computes; by
        default `sheet` or `expansion`, if they are functions, or the forward rule if it is plain arithmetic.
    """

    name: str
    forward: Callable[..., float]
    partials: Callable[..., Sequence[Any]]
    array: Callable[..., Any]
    symbol: str
    vectors: tuple[int, ...] = ()
    select: Callable[..., int] | None = None
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
    slope: tuple[float, ...] | None = None  # the partials, where they are constants
    plain: bool = field(init=False)  # one or two arguments, each one number, and all of them count

    def __post_init__(self) -> None:
        try:
            parameters = list(inspect.signature(self.forward).parameters.values())
        except ValueError:  # some functions written in C do not tell
            parameters = []
        few = 0 < len(parameters) <= 2 and all(p.kind is not p.VAR_POSITIONAL for p in parameters)
        object.__setattr__(self, "plain", few and not self.vectors and self.select is None)
        trusted = self.slope is not None or is_own(self.partials)
        self.read(self.forward, self.partials if trusted else None, len(parameters))

    def __call__(self, *args: Any, **named: Any) -> Any:
        """Apply to floats for a float, to arrays elementwise; `Value`s are recorded."""
        for arg in args:
            if type(arg) is not float:
                break
        else:  # as the rules are applied in a sweep: nothing to look for
            if not named:
                try:
                    return float(self.forward(*args))
                except (ArithmeticError, ValueError, TypeError):
                    return self.evaluate(*args)
        if not named:  # what most calls in a program are like needs no further look
            first = args[0] if args else None
            if (type(first) is tuple or type(first) is list) and first:
                first = first[0]
            bind = getattr(type(first), "__primitive__", None)
            if bind is not None:
                return bind(self, args)
        if named:
            try:
                args = inspect.signature(self.forward).bind(*args, **named).args
            except TypeError as error:
                raise TypeError(f"{self.name}() {error}") from None
        if self.vectors:  # what is gone through once is kept: the elements are looked at here already
            args = tuple([list(arg) if hasattr(arg, "__next__") else arg for arg in args])
        arrays = False
        for position, arg in enumerate(args):
            kind = type(arg)
            if kind is float:
                continue
            if kind is np.ndarray and not arg.dtype.hasobject:
                arrays = True
                continue
            if kind is str:  # two of them compare like numbers
                raise TypeError(f"{self.name} takes real numbers and Values, got str: {arg!r:.60}")
            bind = getattr(type(arg), "__primitive__", None)
            if bind is not None:
                return bind(self, args)
            if position in self.vectors:
                for item in arg:
                    bind = getattr(type(item), "__primitive__", None)
                    if bind is not None:
                        return bind(self, args)
                    arrays = arrays or isinstance(item, np.ndarray)
            if isinstance(arg, (np.ndarray, np.floating)):
                if arg.dtype == object:
                    with np.errstate(all="ignore"):
                        return np.frompyfunc(self, len(args), 1)(*args)
                arrays = True
        if arrays:
            return self.array(*(_stacked(args, self.vectors) if self.vectors else args))
        return self.evaluate(*args)

    def evaluate(self, *args: Any) -> float:
        """The forward value on floats, by IEEE 754 where Python would raise."""
        try:
            return float(self.forward(*args))
        except (ArithmeticError, ValueError):
            with np.errstate(all="ignore"):
                return float(self.array(*map(_as_array, args)))
        except TypeError as error:
            raise TypeError(
                f"{self.name} takes real numbers and Values, got {args!r:.100}: {error}"
            ) from error

    def slopes(self, y: float, *args: Any) -> Sequence[Any]:
        """The partials at a point given in floats, by IEEE 754 where Python would raise."""
        try:
            return self.partials(y, *args)
        except (ArithmeticError, ValueError):
            with np.errstate(all="ignore"):
                return [
                    float(slope) if np.ndim(slope) == 0 else slope
                    for slope in self.partials(np.float64(y), *map(_as_array, args))
                ]

    def slopes_on_arrays(self, y: Any, *args: Any) -> Sequence[Any]:
        """The partials elementwise; a rule that takes floats only is applied to one after the other."""
        try:
            return self.partials(y, *args)
        except (TypeError, ValueError):  # math.cos takes no array, and `if` has no answer for one
            points = [each.ravel().tolist() for each in np.broadcast_arrays(y, *args)]
            slopes = np.array([self.slopes(*point) for point in zip(*points, strict=True)], dtype=np.float64)
            return [column.reshape(np.shape(y)) for column in slopes.T]

    def __repr__(self) -> str:
        return f"<primitive {self.name}>"

    def __reduce__(self) -> tuple[Callable[[str], Primitive], tuple[str]]:
        return _row, (self.name,)


def is_own(rule: Callable[..., Any]) -> bool:
    """Whether it is a rule of our own table: known to give a tuple, and the same every time."""
    return getattr(rule, "__module__", None) == f"{__package__}.primitives"


def _as_array(arg: Any) -> Any:
    return np.float64(arg) if isinstance(arg, (int, float)) else np.asarray(arg, dtype=np.float64)


def _stacked(args: Sequence[Any], vectors: tuple[int, ...]) -> list[Any]:
    """Sequences of numbers and arrays as one array each, the sequence along its first axis."""
    items = [item for i, arg in enumerate(args) for item in (arg if i in vectors else [arg])]
    shape = np.broadcast_shapes(*map(np.shape, items))
    return [
        np.array([np.broadcast_to(item, shape) for item in arg]).reshape(-1, *shape) if i in vectors else arg
        for i, arg in enumerate(args)
    ]


def _row(name: str) -> Primitive:
    """The row of that name: how a pickled graph finds its operations again."""
    try:
        return TABLE[name]
    except KeyError:
        raise LookupError(
            f"this graph uses a primitive {name!r} that is not in the table: "
            "run the code that defines it with primitive(...) before loading the graph"
        ) from None


def primitive(
    partials: Callable[..., Any] | tuple[float, ...],
    *,
    name: str | None = None,
    array: Callable[..., Any] | None = None,
    symbol: str | None = None,
    vectors: tuple[int, ...] = (),
    select: Callable[..., int] | None = None,
    domain: tuple[Interval, ...] = (ANY,),
    kinks: Mapping[Point, Point] | None = None,
    exact: bool = False,
    method: str = "",
    expansion: Callable[..., Any] | None = None,
    textbook: Callable[..., Sequence[Any]] | None = None,
    latex: str = "",
    sheet: str | Callable[..., Any] | None = None,
    native: Callable[..., Any] | None = None,
    ufunc: Callable[..., Any] | None = None,
) -> Callable[[Callable[..., float]], Primitive]:
    """Add a row to the table: decorate the forward rule, give the partials beside it.

    Parameters
    ----------
    partials : ``partials(y, *args)`` returns the derivative of the output `y` by each argument: a tuple
        with one entry for each, or the entry itself for a single argument. Write it in arithmetic and
        other primitives, without ``if``, ``math.`` or ``np.``; then derivatives of every order follow.
        Partials that are constants, as those of a sum, may be given as a tuple.
    name : the row's name; by default the function's.
    array : the rule on arrays; by default the forward rule, applied element by element.
    symbol, vectors, select, domain, kinks, exact, method, expansion, textbook, latex, sheet, native, ufunc :
        see `Primitive`.

    Returns
    -------
    A decorator that turns the forward rule into a `Primitive`, callable on floats and on `Value`s.

    Raises
    ------
    ValueError : if the name is already in the table.
    TypeError : if `partials` is not callable.

    Examples
    --------
    >>> from autograd import Value, primitive
    >>> @primitive(partials=lambda y, x: 3 * x * x)
    ... def cube(x):
    ...     return x * x * x
    >>> x = Value(2.0)
    >>> cube(x).backward()
    >>> x.grad
    12.0
    """
    constants = partials if isinstance(partials, tuple) else None
    if constants is not None:
        partials = lambda y, *args: constants  # noqa: E731  # a rule like any other
    elif not callable(partials):
        raise TypeError(
            f"partials must be a function partials(y, *args), got {type(partials).__name__}: "
            "write @primitive(partials=lambda y, x: ...) above the forward rule"
        )

    for what, given, kind in (("name", name, str), ("symbol", symbol, str), ("vectors", vectors, tuple)):
        if given is not None and not isinstance(given, kind):
            raise TypeError(f"{what} must be a {kind.__name__}, got {type(given).__name__}: {given!r:.60}")
    for what, rule in (("array", array), ("select", select), ("expansion", expansion), ("native", native)):
        if rule is not None and not callable(rule):
            raise TypeError(f"{what} must be a function, got {type(rule).__name__}: {rule!r:.60}")

    def add_row(forward: Callable[..., float]) -> Primitive:
        if not callable(forward):
            raise TypeError(
                "primitive decorates a function, the forward rule, "
                f"got {type(forward).__name__}: {forward!r:.60}"
            )
        title = name or forward.__name__
        if constants is not None and len(constants) != len(inspect.signature(forward).parameters):
            raise ValueError(f"partials of {title} must be one for each argument, got {constants!r:.60}")
        if title in TABLE:
            raise ValueError(f"a primitive named {title!r} is in the table already; choose another name")

        def partials_of(y: Any, *args: Any) -> Sequence[Any]:
            slopes = partials(y, *args)
            slopes = slopes if isinstance(slopes, tuple) else (slopes,)
            if len(slopes) < len(args):
                raise TypeError(f"partials of {title} gave {len(slopes)} for {len(args)} arguments")
            for slope in slopes:
                if isinstance(slope, str) or slope is None:
                    raise TypeError(
                        f"partials of {title} must be numbers, got {type(slope).__name__}: {slope!r:.60}"
                    )
            return slopes

        TABLE[title] = row = Primitive(
            name=title,
            forward=forward,
            partials=partials if constants is not None or is_own(partials) else partials_of,
            array=array or element_by_element(forward, vectors),
            symbol=symbol or title,
            vectors=vectors,
            select=select,
            domain=domain,
            kinks=kinks or {},
            exact=exact,
            method=method,
            expansion=expansion,
            textbook=textbook,
            latex=latex,
            sheet=sheet,
            native=native,
            ufunc=ufunc or (array if isinstance(array, np.ufunc) else None),
            slope=constants,
        )
        # What help(), doctest and inspect.signature() look at.
        vars(row).update(
            __doc__=forward.__doc__, __wrapped__=forward, __module__=forward.__module__, __name__=title
        )
        return row

    return add_row
