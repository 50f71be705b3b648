"""THE table of primitives: every scalar operation the engine knows, one row each.

A row is a decorated function. Its body is the forward rule on floats; beside it stand the local
partial derivatives, the symbol that drawings print, the domain on which it is tested and its kinks.
The partials are written in plain arithmetic and other primitives, so the same rule runs on floats
(the reverse sweep), on `Value`s (gradients that are graphs themselves) and on arrays. That is why no
rule contains an `if`, a comparison, `math.` or `np.`: a branch is a primitive (`where`, `step`).

Adding an operation touches one row; `Value`'s operators and methods, the drawings and the tests read
this table.

Python's float arithmetic raises where IEEE 754 has an answer (``1 / 0``, ``exp(1000)``). A forward
rule may raise like that: the row's `array` form, which does not, then decides.
"""

from __future__ import annotations

import builtins
import functools
import inspect
import math
import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

__all__ = [
    "TABLE",
    "Primitive",
    "acos",
    "asin",
    "atan",
    "cos",
    "cosh",
    "dot",
    "elu",
    "exp",
    "expm1",
    "greater",
    "leaky_relu",
    "log",
    "log1p",
    "log_softmax",
    "logsumexp",
    "maximum",
    "mean",
    "minimum",
    "primitive",
    "relu",
    "sigmoid",
    "silu",
    "sin",
    "sinh",
    "softmax",
    "softplus",
    "sqrt",
    "step",
    "sum",
    "tan",
    "tanh",
    "where",
]  # fmt: skip

Interval = tuple[float, float]
Point = tuple[float, ...]

TABLE: dict[str, Primitive] = {}
"""Every row by name, in the order of this file, user-defined rows last."""

ANY: Interval = (-50.0, 50.0)
POSITIVE: Interval = (1e-3, 50.0)


@dataclass(frozen=True, eq=False, repr=False)
class Primitive:
    """One row of the table; calling it applies it to floats, `Value`s or arrays.

    Attributes
    ----------
    name : the operation's name, which is what `Value.op` shows.
    forward : floats to float. For an argument in `vectors`, a list of floats.
    partials : ``partials(y, *args)``: the derivative of the output `y` by each argument, in order.
        For an argument in `vectors`, a sequence of derivatives, or one number that holds for all.
    array : arrays to array, elementwise and with IEEE 754 results; a vector argument is stacked
        along the first axis.
    symbol : what a drawing prints, such as ``×`` or ``exp``.
    vectors : positions of the arguments that are sequences (`dot` has two).
    select : for an operation that copies one argument and ignores the others (`where`): the position
        copied, given the arguments. The sweep then never visits the others.
    domain : per argument the interval that tests sample, within the domain of the operation.
    kinks : points where the derivative is a convention or infinite, with the partials there.
    exact : whether the array form gives the bits of the forward rule, without a warning from numpy.
    method : the name under which `Value` has this operation, an operator or a method; ``""`` for none.
    expansion : the same function in simpler primitives, for drawing and explaining it opened up.
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
    slope: tuple[float, ...] | None = None  # the partials, where they are constants
    plain: bool = field(init=False)  # one or two arguments, each one number, and all of them count

    def __post_init__(self) -> None:
        try:
            parameters = list(inspect.signature(self.forward).parameters.values())
        except ValueError:  # some functions written in C do not tell
            parameters = []
        few = 0 < len(parameters) <= 2 and all(p.kind is not p.VAR_POSITIONAL for p in parameters)
        object.__setattr__(self, "plain", few and not self.vectors and self.select is None)

    def __call__(self, *args: Any, **named: Any) -> Any:
        """Apply to floats for a float, to arrays elementwise; `Value`s are recorded."""
        if named:
            args = inspect.signature(self.forward).bind(*args, **named).args
        arrays = False
        for position, arg in enumerate(args):
            kind = type(arg)
            if kind is float:
                continue
            if kind is np.ndarray and not arg.dtype.hasobject:
                arrays = True
                continue
            bind = getattr(type(arg), "__primitive__", None)
            if bind is not None:
                return bind(self, args)
            if position in self.vectors:
                for item in arg:
                    bind = getattr(type(item), "__primitive__", None)
                    if bind is not None:
                        return bind(self, args)
            if isinstance(arg, (np.ndarray, np.floating)):
                if arg.dtype == object:
                    with np.errstate(all="ignore"):
                        return np.frompyfunc(self, len(args), 1)(*args)
                arrays = True
        return self.array(*args) if arrays else self.evaluate(*args)

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

    def __repr__(self) -> str:
        return f"<primitive {self.name}>"

    def __reduce__(self) -> tuple[Callable[[str], Primitive], tuple[str]]:
        return _row, (self.name,)


def _as_array(arg: Any) -> Any:
    return np.float64(arg) if isinstance(arg, (int, float)) else np.asarray(arg, dtype=np.float64)


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
    symbol, vectors, select, domain, kinks, exact, method, expansion : see `Primitive`.

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

    def add_row(forward: Callable[..., float]) -> Primitive:
        title = name or forward.__name__
        if title in TABLE:
            raise ValueError(f"a primitive named {title!r} is in the table already; choose another name")

        def partials_of(y: Any, *args: Any) -> Sequence[Any]:
            slopes = partials(y, *args)
            slopes = slopes if isinstance(slopes, tuple) else (slopes,)
            if len(slopes) < len(args):
                raise TypeError(f"partials of {title} gave {len(slopes)} for {len(args)} arguments")
            return slopes

        TABLE[title] = row = Primitive(
            name=title,
            forward=forward,
            # This file's own rules are known to give tuples and go without the check.
            partials=partials if getattr(partials, "__globals__", None) is globals() else partials_of,
            array=array or np.vectorize(forward, otypes=[float]),
            symbol=symbol or title,
            vectors=vectors,
            select=select,
            domain=domain,
            kinks=kinks or {},
            exact=exact,
            method=method,
            expansion=expansion,
            slope=constants,
        )
        # What help(), doctest and inspect.signature() look at.
        vars(row).update(
            __doc__=forward.__doc__, __wrapped__=forward, __module__=forward.__module__, __name__=title
        )
        return row

    return add_row


# --- arithmetic: these rows are Value's operators --------------------------------------------------

add = primitive((1.0, 1.0), array=np.add, symbol="+",
                domain=(ANY, ANY), method="add")(operator.add)  # fmt: skip
sub = primitive((1.0, -1.0), array=np.subtract, symbol="−",
                domain=(ANY, ANY), method="sub")(operator.sub)  # fmt: skip
mul = primitive(lambda y, a, b: (b, a), array=np.multiply, symbol="×",
                domain=(ANY, ANY), method="mul")(operator.mul)  # fmt: skip
div = primitive(lambda y, a, b: (1.0 / b, -y / b), array=np.true_divide, symbol="÷",  # −y/b = −a/b²
                domain=(ANY, POSITIVE), name="div", method="truediv")(operator.truediv)  # fmt: skip
neg = primitive((-1.0,), array=np.negative, symbol="−",
                method="neg")(operator.neg)  # fmt: skip


@primitive(
    # where: n · 0ⁿ⁻¹ would be 0 · inf at a = n = 0. Not y · n / a, which is nan at a = 0 and loses
    # the derivative where y underflows before it does.
    lambda y, a, n: (where(n, n * pow(a, n - 1.0), 0.0), 0.0),
    array=np.power, symbol="^", domain=(POSITIVE, (-3.0, 3.0)), method="pow",
    kinks={(0.0, 0.0): (0.0, 0.0), (0.0, 1.0): (1.0, 0.0), (0.0, 0.5): (math.inf, 0.0)},
)  # fmt: skip
def pow(a: float, n: float) -> float:
    """aⁿ for an exponent that is a constant: it has no derivative by n, so a may be negative."""
    return math.pow(a, n)


@primitive(
    lambda y, a, b: (
        where(b, b * power(a, b - 1.0), 0.0),
        # d(0**b)/db is 0 for b >= 0, where y · log(0) would be 0 · -inf.
        where(abs(a) + step(-b), y * log(a), 0.0),
    ),
    array=np.power, symbol="^", domain=(POSITIVE, (-3.0, 3.0)),
    kinks={(0.0, 0.0): (0.0, 0.0), (0.0, 2.0): (0.0, 0.0), (0.0, 0.5): (math.inf, 0.0)},
)  # fmt: skip
def power(a: float, b: float) -> float:
    """aᵇ with both differentiated: nan for a negative base and a fractional exponent."""
    return math.pow(a, b)


@primitive(
    lambda y, x: (step(x) - step(-x),),
    name="abs", array=np.absolute, symbol="|·|", method="abs", kinks={(0.0,): (0.0,)},
)  # fmt: skip
def absolute(x: float) -> float:
    """|x|, with derivative 0 at 0 (convention: kink table)."""
    return math.fabs(x)


# --- exponentials and logarithms -------------------------------------------------------------------


@primitive(lambda y, x: (y,), array=np.exp, method="exp")
def exp(x: float) -> float:
    """The exponential eˣ: inf above 709.78, 0 below −745.13.

    >>> exp(1.0)
    2.718281828459045
    """
    return math.exp(x)


@primitive(lambda y, x: (1.0 / x,), array=np.log, symbol="ln", domain=(POSITIVE,), method="log")
def log(x: float) -> float:
    """The natural logarithm ln x: −inf at 0, nan below.

    >>> log(0.0), log(-1.0)
    (-inf, nan)
    """
    return math.log(x)


@primitive(lambda y, x: (1.0 / (1.0 + x),), array=np.log1p, domain=((-0.99, 50.0),), method="log1p")
def log1p(x: float) -> float:
    """ln(1 + x), accurate for small x: −inf at −1, nan below.

    >>> log1p(1e-20)
    1e-20
    """
    return math.log1p(x)


@primitive(lambda y, x: (exp(x),), array=np.expm1, domain=((-50.0, 50.0),), method="expm1")
def expm1(x: float) -> float:
    """eˣ − 1, accurate for small x. The derivative is eˣ and not y + 1, which is 0 at −40.

    >>> expm1(1e-20)
    1e-20
    """
    return math.expm1(x)


@primitive(
    lambda y, x: (0.5 / y,),
    array=np.sqrt, symbol="√", domain=(POSITIVE,), method="sqrt", kinks={(0.0,): (math.inf,)},
)  # fmt: skip
def sqrt(x: float) -> float:
    """The square root √x: nan below 0; the derivative at 0 is inf.

    >>> sqrt(9.0)
    3.0
    """
    return math.sqrt(x)


# --- trigonometric and hyperbolic ------------------------------------------------------------------


@primitive(lambda y, x: (cos(x),), array=np.sin, method="sin")
def sin(x: float) -> float:
    """The sine of x in radians.

    >>> sin(0.0)
    0.0
    """
    return math.sin(x)


@primitive(lambda y, x: (-sin(x),), array=np.cos, method="cos")
def cos(x: float) -> float:
    """The cosine of x in radians.

    >>> cos(0.0)
    1.0
    """
    return math.cos(x)


@primitive(lambda y, x: (1.0 + y * y,), array=np.tan, domain=((-1.5, 1.5),), method="tan")
def tan(x: float) -> float:
    """The tangent of x in radians.

    >>> tan(0.0)
    0.0
    """
    return math.tan(x)


# (1 − x)(1 + x) and not 1 − x², which loses half the digits near ±1.
@primitive(
    lambda y, x: (1.0 / sqrt((1.0 - x) * (1.0 + x)),),
    array=np.arcsin, domain=((-0.999, 0.999),), method="asin", kinks={(1.0,): (math.inf,)},
)  # fmt: skip
def asin(x: float) -> float:
    """The arc sine in [−π/2, π/2]: nan outside [−1, 1].

    >>> asin(1.0)
    1.5707963267948966
    """
    return math.asin(x)


@primitive(
    lambda y, x: (-1.0 / sqrt((1.0 - x) * (1.0 + x)),),
    array=np.arccos, domain=((-0.999, 0.999),), method="acos", kinks={(1.0,): (-math.inf,)},
)  # fmt: skip
def acos(x: float) -> float:
    """The arc cosine in [0, π]: nan outside [−1, 1].

    >>> acos(1.0)
    0.0
    """
    return math.acos(x)


@primitive(lambda y, x: (1.0 / (1.0 + x * x),), array=np.arctan, method="atan")
def atan(x: float) -> float:
    """The arc tangent in [−π/2, π/2].

    >>> atan(1.0)
    0.7853981633974483
    """
    return math.atan(x)


@primitive(
    lambda y, x: (cosh(x),), array=np.sinh, method="sinh", expansion=lambda x: (exp(x) - exp(-x)) / 2.0
)
def sinh(x: float) -> float:
    """The hyperbolic sine (eˣ − e⁻ˣ)/2.

    >>> sinh(0.0)
    0.0
    """
    return math.sinh(x)


@primitive(
    lambda y, x: (sinh(x),), array=np.cosh, method="cosh", expansion=lambda x: (exp(x) + exp(-x)) / 2.0
)
def cosh(x: float) -> float:
    """The hyperbolic cosine (eˣ + e⁻ˣ)/2.

    >>> cosh(0.0)
    1.0
    """
    return math.cosh(x)


def _sech_squared(x: Any) -> Any:
    reciprocal = 1.0 / cosh(x)
    return reciprocal * reciprocal


# 1/cosh² x and not 1 − y², which is 0 from |x| = 19 on. Squared after the division: cosh² overflows first.
@primitive(
    lambda y, x: (_sech_squared(x),),
    array=np.tanh, method="tanh", expansion=lambda x: (exp(x) - exp(-x)) / (exp(x) + exp(-x)),
)  # fmt: skip
def tanh(x: float) -> float:
    """The hyperbolic tangent, in [−1, 1]; its derivative is 1/cosh² x = 1 − y².

    >>> tanh(0.0)
    0.0
    """
    return math.tanh(x)


# --- activations -----------------------------------------------------------------------------------


# y σ(−x) and not y (1 − y): at x = 40 the latter is 0, the truth 4.2e-18.
@primitive(
    lambda y, x: (y * sigmoid(-x),),
    array=lambda x: np.exp(np.minimum(x, 0.0)) / (1.0 + np.exp(-np.absolute(x))),
    symbol="σ", method="sigmoid", expansion=lambda x: 1.0 / (1.0 + exp(-x)),
)  # fmt: skip
def sigmoid(x: float) -> float:
    """The logistic function σ(x) = 1 / (1 + e⁻ˣ), in [0, 1]; its derivative is y (1 − y) = y σ(−x).

    >>> sigmoid(0.0), sigmoid(-1000.0)
    (0.5, 0.0)
    """
    if x >= 0.0:
        return 1.0 / (1.0 + math.exp(-x))
    small = math.exp(x)
    return small / (1.0 + small)


@primitive(
    lambda y, x: (step(x),),
    array=lambda x: np.maximum(x, 0.0) + 0.0,  # + 0.0 turns −0 into 0
    symbol="ReLU", method="relu", exact=True, kinks={(0.0,): (0.0,)},
)  # fmt: skip
def relu(x: float) -> float:
    """The rectifier max(x, 0), with derivative 0 at 0 (convention: kink table); nan stays nan.

    >>> relu(-2.0), relu(3.0)
    (0.0, 3.0)
    """
    return 0.0 if x <= 0.0 else x


@primitive(
    lambda y, x, slope=0.01: (step(x) + slope * (1.0 - step(x)), minimum(x, 0.0)),
    array=lambda x, slope=0.01: np.where(x <= 0.0, slope * x, x),
    symbol="leaky ReLU", domain=(ANY, (0.001, 0.5)), method="leaky_relu",
    kinks={(0.0, 0.25): (0.25, 0.0)},
)  # fmt: skip
def leaky_relu(x: float, slope: float = 0.01) -> float:
    """x for x > 0, otherwise slope · x; the derivative at 0 is the slope, as in torch.

    >>> leaky_relu(-2.0), leaky_relu(3.0)
    (-0.02, 3.0)
    """
    return slope * x if x <= 0.0 else x


@primitive(
    lambda y, x, alpha=1.0: (
        step(x) + (1.0 - step(x)) * (alpha * exp(minimum(x, 0.0))),
        expm1(minimum(x, 0.0)),
    ),
    array=lambda x, alpha=1.0: np.where(x <= 0.0, alpha * np.expm1(np.minimum(x, 0.0)), x),
    symbol="ELU", domain=(ANY, (0.1, 2.0)), method="elu",
    kinks={(0.0, 1.0): (1.0, 0.0), (0.0, 0.5): (0.5, 0.0)},
)  # fmt: skip
def elu(x: float, alpha: float = 1.0) -> float:
    """x for x > 0, otherwise α (eˣ − 1) (Clevert, Unterthiner and Hochreiter 2016, eq. 15).

    >>> elu(3.0), elu(-1000.0)
    (3.0, -1.0)
    """
    return alpha * math.expm1(x) if x <= 0.0 else x


@primitive(
    lambda y, x: (sigmoid(x),),
    array=lambda x: np.maximum(x, 0.0) + np.log1p(np.exp(-np.absolute(x))),
    method="softplus", expansion=lambda x: log(1.0 + exp(x)),
)  # fmt: skip
def softplus(x: float) -> float:
    """ln(1 + eˣ), a smooth rectifier, without overflow; its derivative is σ(x).

    >>> softplus(1000.0), softplus(-1000.0)
    (1000.0, 0.0)
    """
    return (0.0 if x <= 0.0 else x) + math.log1p(math.exp(-math.fabs(x)))


@primitive(
    lambda y, x: (sigmoid(x) * (1.0 + x * sigmoid(-x)),),
    array=lambda x: x * sigmoid.array(x),
    symbol="SiLU", method="silu", expansion=lambda x: x * sigmoid(x),
)  # fmt: skip
def silu(x: float) -> float:
    """x σ(x), also called swish (Ramachandran, Zoph and Le 2017).

    >>> silu(0.0)
    0.0
    """
    return x * sigmoid.forward(x)


# --- branches --------------------------------------------------------------------------------------


@primitive(
    lambda y, a, b: (
        0.5 * (1.0 + greater(a, b) - greater(b, a)),
        0.5 * (1.0 + greater(b, a) - greater(a, b)),
    ),
    array=np.maximum, symbol="max", domain=(ANY, ANY), method="maximum",
    kinks={(1.0, 1.0): (0.5, 0.5), (math.inf, math.inf): (0.5, 0.5)},
)  # fmt: skip
def maximum(a: float, b: float) -> float:
    """The larger of two; a tie shares the derivative ½ and ½ (kink table); nan if either is nan.

    >>> maximum(2.0, 3.0)
    3.0
    """
    return a if a >= b or a != a else b


@primitive(
    lambda y, a, b: (
        0.5 * (1.0 + greater(b, a) - greater(a, b)),
        0.5 * (1.0 + greater(a, b) - greater(b, a)),
    ),
    array=np.minimum, symbol="min", domain=(ANY, ANY), method="minimum",
    kinks={(1.0, 1.0): (0.5, 0.5), (-math.inf, -math.inf): (0.5, 0.5)},
)  # fmt: skip
def minimum(a: float, b: float) -> float:
    """The smaller of two; a tie shares the derivative ½ and ½ (kink table); nan if either is nan.

    >>> minimum(2.0, 3.0)
    2.0
    """
    return a if a <= b or a != a else b


@primitive(
    lambda y, condition, a, b: (0.0, where(condition, 1.0, 0.0), where(condition, 0.0, 1.0)),
    array=np.where, domain=((0.0, 1.0), ANY, ANY), method="where",
    select=lambda condition, a, b: 1 if condition else 2,
)  # fmt: skip
def where(condition: float, a: float, b: float) -> float:
    """`a` where the condition holds (is not 0), otherwise `b`; the other is never differentiated.

    >>> where(True, 1.0, 2.0)
    1.0
    """
    return a if condition else b


@primitive((0.0,), array=lambda x: np.heaviside(x, 0.0), symbol="x > 0",
           method="step", kinks={(0.0,): (0.0,)})  # fmt: skip
def step(x: float) -> float:
    """1 for x > 0, otherwise 0: the derivative of relu, itself with derivative 0; nan stays nan.

    >>> step(2.0), step(0.0)
    (1.0, 0.0)
    """
    return 1.0 if x > 0.0 else x if x != x else 0.0


@primitive(
    (0.0, 0.0),
    array=lambda a, b: np.where(np.isnan(a) | np.isnan(b), np.nan, np.where(a > b, 1.0, 0.0)),
    symbol="a > b", domain=(ANY, ANY), method="greater",
)  # fmt: skip
def greater(a: float, b: float) -> float:
    """1 for a > b, otherwise 0, with derivative 0; nan if either is nan. Not step(a − b): inf − inf is nan.

    >>> greater(2.0, 1.0)
    1.0
    """
    return 1.0 if a > b else 0.0 if a <= b else math.nan


# --- rows over a sequence, and the functions that check and name them ------------------------------


def _sequence(function: str, values: Any, smallest: int = 1) -> Any:
    """The values as a sequence; a `TypeError` or `ValueError` that names the function otherwise."""
    if not isinstance(values, (list, tuple, Sequence)) or isinstance(values, str):
        if isinstance(values, str) or not hasattr(values, "__iter__"):
            raise TypeError(
                f"{function} takes a sequence of values, got {type(values).__name__} {values!r:.60}: "
                f"write {function}([a, b])"
            )
        values = list(values)
    if len(values) < smallest:
        raise ValueError(f"{function} needs at least {smallest} value, got an empty sequence")
    return values


@primitive((1.0,), name="sum", array=lambda values: np.sum(values, axis=0), symbol="Σ", vectors=(0,))
def _sum(values: Sequence[float]) -> float:
    try:
        return math.fsum(values)
    except OverflowError:  # of a partial sum: the sum itself may be finite
        return math.ldexp(math.fsum([math.ldexp(value, -64) for value in values]), 64)


def sum(values: Any) -> Any:
    """The sum Σ vᵢ as one n-ary node, correctly rounded.

    Parameters
    ----------
    values : numbers and `Value`s, any number of them; the sum of none is 0.

    Examples
    --------
    >>> sum([0.1] * 10)
    1.0
    """
    return _sum(_sequence("sum", values, 0))


@primitive(
    lambda y, values: (1.0 / len(values),),
    name="mean", array=lambda values: np.mean(values, axis=0), vectors=(0,),
    expansion=lambda values: sum(values) / float(len(values)),
)  # fmt: skip
def _mean(values: Sequence[float]) -> float:
    try:
        return math.fsum(values) / len(values)
    except OverflowError:
        return math.fsum([value / len(values) for value in values])


def mean(values: Any) -> Any:
    """The mean (1/n) Σ vᵢ of at least one value, as one n-ary node.

    Raises
    ------
    ValueError : if there are no values.

    Examples
    --------
    >>> mean([1.0, 2.0, 6.0])
    3.0
    """
    return _mean(_sequence("mean", values))


def _dot_array(weights: Any, inputs: Any, bias: Any = 0.0) -> Any:
    return np.add.reduce(np.multiply(weights, inputs), axis=0) + bias


@primitive(
    lambda y, weights, inputs, bias=0.0: (inputs, weights, 1.0),
    name="dot", symbol="w·x", exact=True,
    array=_dot_array,
    vectors=(0, 1), domain=(ANY, ANY, ANY),
    expansion=lambda weights, inputs, *bias: sum([*map(mul, weights, inputs), *bias]),
)  # fmt: skip
def _dot(weights: Sequence[float], inputs: Sequence[float], bias: float = 0.0) -> float:
    # Not builtins.sum: since Python 3.12 it compensates, and the array form does not.
    return functools.reduce(operator.add, map(operator.mul, weights, inputs), 0.0) + bias


def dot(weights: Any, inputs: Any, bias: Any = None) -> Any:
    """The weighted sum Σ wᵢ xᵢ + b as one n-ary node: what a neuron computes before its activation.

    The terms are added from left to right, the bias last, so the rounding error is at most that of
    the sum written out: n · 2⁻⁵³ · Σ |wᵢ xᵢ|.

    Parameters
    ----------
    weights, inputs : sequences of numbers or `Value`s, of the same length n.
    bias : a number or a `Value`; left out, the node has no bias operand.

    Raises
    ------
    ValueError : if the lengths differ.

    Examples
    --------
    >>> dot([1.0, 2.0], [10.0, 100.0], 0.5)
    210.5
    """
    width, size = getattr(weights, "width", None), getattr(inputs, "width", None)
    if width is None or size is None:  # not two Vectors, which know the length of their rows
        weights, inputs = _sequence("dot", weights, 0), _sequence("dot", inputs, 0)
        rows = len(weights) > 0 and isinstance(weights[0], Sequence)
        width, size = len(weights[0]) if rows else len(weights), len(inputs)
    if width != size:
        raise ValueError(f"dot needs as many inputs as weights, got {width} weights and {size} inputs")
    return _dot(weights, inputs) if bias is None else _dot(weights, inputs, bias)


def _exponentials(values: Sequence[float], top: float) -> list[float]:
    """exp(v − top) for each v: the rounding error of the difference is put back (Knuth's two-sum)."""
    exponentials = []
    for value in values:
        gap = value - top
        if gap < -746.0:
            exponentials.append(0.0)
            continue
        seen = gap - value
        lost = (value - (gap - seen)) - (top + seen)
        exponentials.append(math.exp(gap) * (1.0 + lost))
    return exponentials


def _split_top(values: Sequence[float]) -> tuple[float, float]:
    """The largest value m, and ln Σ exp(vᵢ − m) from the other terms alone, which keeps its digits."""
    top = max(values)
    rest = list(values)
    rest.remove(top)
    return top, math.log1p(math.fsum(_exponentials(rest, top)))


@primitive(
    lambda y, values: (softmax(values),),
    name="logsumexp", vectors=(0,),
    array=lambda values: np.logaddexp.reduce(np.asarray(values), axis=0),
    expansion=lambda values: log(sum([exp(value) for value in values])),
)  # fmt: skip
def _logsumexp(values: Sequence[float]) -> float:
    if math.isinf(max(values)) and not any(value != value for value in values):
        return max(values)
    top, rest = _split_top(values)
    return top + rest


def logsumexp(values: Any) -> Any:
    """ln Σ exp(vᵢ), a smooth maximum, without overflow, as one n-ary node; its gradient is the softmax.

    Raises
    ------
    ValueError : if there are no values.

    Examples
    --------
    >>> logsumexp([1000.0, -1000.0])
    1000.0
    """
    return _logsumexp(_sequence("logsumexp", values))


def _probabilities(values: Sequence[float]) -> list[float]:
    exponentials = _exponentials(values, max(values))
    total = math.fsum(exponentials)
    return [exponential / total for exponential in exponentials]


def _softmax_array(x: Any, others: Any) -> Any:
    top = np.maximum(x, np.max(others, axis=0, initial=-np.inf))
    return np.exp(x - top) / (np.exp(x - top) + np.sum(np.exp(others - top), axis=0))


# With p the probabilities of (x, others): y (1 − y) = y Σ others, which keeps its digits as y nears 1.
@primitive(
    lambda y, x, others: (
        y * sum(softmax([x, *others])[1:]),
        [-y * p for p in softmax([x, *others])[1:]],
    ),
    name="softmax", array=_softmax_array, vectors=(1,), domain=(ANY, ANY),
    expansion=lambda x, others: exp(x) / sum([exp(x), *map(exp, others)]),
)  # fmt: skip
def _softmax(x: float, others: Sequence[float]) -> float:
    return _probabilities([x, *others])[0]


def softmax(values: Any) -> list[Any]:
    """The probabilities exp(vᵢ) / Σ exp(vⱼ), each one node, without overflow.

    Parameters
    ----------
    values : K numbers or `Value`s, K ≥ 1: the logits.

    Returns
    -------
    A list of K floats or `Value`s between 0 and 1 whose sum is 1.

    Raises
    ------
    ValueError : if there are no values.

    Examples
    --------
    >>> softmax([1000.0, 1000.0])
    [0.5, 0.5]
    """
    values = _sequence("softmax", values)
    if builtins.all(isinstance(value, float) for value in values):
        return _probabilities(values)
    return _one_against_others(_softmax, values)


def _one_against_others(row: Primitive, values: Sequence[Any]) -> list[Any]:
    return [row(value, [*values[:i], *values[i + 1 :]]) for i, value in enumerate(values)]


# −(y − …) is never formed: 1 − p = Σ of the other probabilities.
@primitive(
    lambda y, x, others: (
        sum(softmax([x, *others])[1:]),
        [-p for p in softmax([x, *others])[1:]],
    ),
    name="log_softmax", vectors=(1,), domain=(ANY, ANY), symbol="ln softmax",
    array=lambda x, others: -np.logaddexp(0.0, np.logaddexp.reduce(np.asarray(others) - x, axis=0)),
    expansion=lambda x, others: x - logsumexp([x, *others]),
)  # fmt: skip
def _log_softmax(x: float, others: Sequence[float]) -> float:
    top, rest = _split_top([x, *others])
    return (x - top) - rest


def log_softmax(values: Any) -> list[Any]:
    """vᵢ − ln Σ exp(vⱼ) for each of K logits, without overflow or cancellation.

    Returns
    -------
    A list of K floats or `Value`s, each at most 0: the logarithms of `softmax`.

    Raises
    ------
    ValueError : if there are no values.

    Examples
    --------
    >>> log_softmax([1000.0, -1000.0])
    [0.0, -2000.0]
    """
    return _one_against_others(_log_softmax, _sequence("log_softmax", values))
