"""THE table of primitives: every scalar operation, one row each.

A row is a decorated function. Its body is the forward rule on floats; the decorator has the partial
derivatives, the symbol in drawings, the domain that tests sample and the kinks. The partials are written in
plain arithmetic and other primitives, so the same rule runs on floats (the reverse sweep), on `Value`s
(gradients that are graphs themselves) and on arrays. So no rule contains an `if`, a comparison, `math.` or
`np.`: a branch is a primitive (`where`, `step`).

Adding an operation touches one row; `Value`'s operators and methods, the drawings and the tests read this
table. `primitive` has the fields of a row, `numerics` the tricks that keep digits.
"""

from __future__ import annotations

import builtins
import decimal
import functools
import math
import operator
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from . import numerics
from .declaration import primitive
from .messages import describe
from .primitive import ANY, POSITIVE, TABLE, Interval, Primitive

__all__ = [
    "TABLE", "Primitive", "acos", "acosh", "asin", "asinh", "atan", "atan2", "atanh", "cbrt", "ceil", "cos",
    "cosh", "dot", "elu", "erf", "erfc", "exp", "expm1", "floor", "gelu", "greater", "hardtanh", "hypot",
    "leaky_relu", "log", "log1p", "log2", "log10", "log_softmax", "logaddexp", "logsumexp", "maximum",
    "mean", "minimum", "norm", "primitive", "relu", "sigmoid", "sign", "silu", "sin", "sinh", "softmax",
    "softplus", "softsign", "sqrt", "square", "step", "sum", "take", "tan", "tanh", "where",
]  # fmt: skip

NARROW: Interval = (-5.0, 5.0)
_TINY, _HUGE = numerics.NEAR
MODEST: Interval = (-40.0, 40.0)  # where finite differences tell steps and angles


# --- arithmetic: these rows are Value's operators --------------------------------------------------

add = primitive((1.0, 1.0), array=np.add, symbol="+",
                domain=(ANY, ANY), method="add")(operator.add)  # fmt: skip
sub = primitive((1.0, -1.0), array=np.subtract, symbol="−",
                domain=(ANY, ANY), method="sub")(operator.sub)  # fmt: skip
mul = primitive(lambda y, a, b: (b, a), array=np.multiply, symbol="×",
                domain=(ANY, ANY), method="mul")(operator.mul)  # fmt: skip
div = primitive(lambda y, a, b: (1.0 / b, monomial(-a, b, -2.0, 0.0)), array=np.true_divide,  # −a/b²
                symbol="÷", domain=(ANY, POSITIVE), name="div", method="truediv",
    textbook=lambda y, a, b: (1.0 / b, -a / b**2))(operator.truediv)  # fmt: skip
neg = primitive((-1.0,), array=np.negative, symbol="−",
                method="neg")(operator.neg)  # fmt: skip


def _modulo_in_cells(small: str, large: str) -> str:
    """MOD where |a| ≥ |b|; below, where it takes no quotient, the formula by whether the signs differ."""
    return f"IF(ABS({{0}})<ABS({{1}}),{small}(SIGN({{0}})*SIGN({{1}})<0),{large})"


@primitive(
    lambda y, a, b: (1.0, -floordiv(a, b)),
    array=np.mod, domain=(MODEST, (0.5, 40.0)), method="mod",
    sheet=_modulo_in_cells("{0}+{1}*", "MOD({0},{1})"),
)  # fmt: skip
def mod(a: float, b: float) -> float:
    """The remainder a − b ⌊a/b⌋ with the sign of b, as Python's %; nan for b = 0."""
    return a % b


@primitive(
    (0.0, 0.0),
    array=np.floor_divide, symbol="⌊÷⌋", domain=(MODEST, (0.5, 40.0)), method="floordiv",
    sheet=_modulo_in_cells("-", "ROUND(({0}-MOD({0},{1}))/{1},0)"),
    latex=r"\left\lfloor \frac{{{0}}}{{{1}}} \right\rfloor",
)  # fmt: skip
def floordiv(a: float, b: float) -> float:
    """The quotient ⌊a/b⌋ as Python's //, with derivative 0; ±inf or nan for b = 0."""
    return a // b


@primitive(
    lambda y, a, n: (monomial(n, a, n, 1.0), 0.0),
    array=lambda a, n: _power_array(a, n), ufunc=np.power,
    symbol="^", domain=(POSITIVE, (-3.0, 3.0)), method="pow",
    textbook=lambda y, a, n: (n * pow(a, n - 1.0), 0.0),
    kinks={(0.0, 0.0): (0.0, 0.0), (0.0, 1.0): (1.0, 0.0), (0.0, 0.5): (math.inf, 0.0)},
)  # fmt: skip
def pow(a: float, n: float) -> float:
    """aⁿ for an exponent that is a constant: it has no derivative by n, so a may be negative."""
    return math.pow(a, n)


# By b it is aᵇ ln a, and not y · ln a: y may overflow or lose its digits where the product does not.
@primitive(
    lambda y, a, b: (monomial(b, a, b, 1.0), _by_exponent(log(a), a, b, 0.0)),
    textbook=lambda y, a, b: (b * power(a, b - 1.0), y * log(a)),
    array=lambda a, b: _power_array(a, b), ufunc=np.power, symbol="^", domain=(POSITIVE, (-3.0, 3.0)),
    kinks={(0.0, 0.0): (0.0, 0.0), (0.0, 2.0): (0.0, 0.0), (0.0, 0.5): (math.inf, 0.0)},
)  # fmt: skip
def power(a: float, b: float) -> float:
    """aᵇ with both differentiated: nan for a negative base and a fractional exponent."""
    return math.pow(a, b)


def _power_array(a: Any, n: Any) -> Any:
    """aⁿ; where all exponents are ½ numpy takes a root, which differs at −0 and −inf."""
    raised = np.power(a, n)
    half = np.equal(n, 0.5)
    if not half.any():
        return raised
    return np.where(half, np.where(np.equal(a, -np.inf), np.inf, raised + 0.0), raised)


def _by_exponent(c: Any, a: Any, n: Any, k: Any) -> Any:
    # d(0**b)/db is 0 for b >= 0 (convention: kink table), where 0ᵇ · log(0) would be 0 · -inf.
    return where(abs(a) + step(k - n), monomial(c, a, n, k), 0.0)


def _monomial_partials(c: Any, a: Any, n: Any, k: Any) -> tuple[Any, ...]:
    by_n = _by_exponent(c * log(a), a, n, k)
    return monomial(1.0, a, n, k), monomial(c * (n - k), a, n, k + 1.0), by_n, -by_n


def _power_native(a: Any, n: Any, k: Any) -> Any:
    """aⁿ⁻ᵏ; where n − k is rounded and a < 0, with the sign by the exact exponent, or nan."""
    exponent, rest = numerics.difference(n, k)
    sign = where(rest - floor(rest), math.nan, 1.0 - 2.0 * mod(abs(rest), 2.0))
    return power(a, exponent) * where(step(-a), sign, 1.0)


def _monomial_array(c: Any, a: Any, n: Any, k: Any) -> Any:
    with np.errstate(all="ignore"):
        exponent, rest = numerics.difference(n, k)
        raised = _power_array(a, exponent)
        if np.ndim(rest) or rest:
            factor = np.power(np.copysign(1.0, a), rest) * (1.0 + rest * np.log(np.absolute(a)))
            usual = (rest != 0.0) & (a != 0.0) & np.isfinite(a) & np.isfinite(exponent)
            raised = np.where(usual, raised * factor, raised)
        size = np.absolute(raised)
        if (size + 1.0 / size).sum() < numerics.NEAR[1]:  # then none is huge, tiny or nan
            return c * raised
        far = (
            ((size <= numerics.NEAR[0]) | (size >= numerics.NEAR[1]))
            & (a != 0.0)
            & np.isfinite(a)
            & np.isfinite(exponent)
        )
        y = np.where((c == 0.0) & (k > 0.0), 0.0, c * raised)
    return numerics.one_by_one(monomial.forward, far, y, c, a, n, k)


@primitive(
    lambda y, c, a, n, k: _monomial_partials(c, a, n, k),
    array=_monomial_array, symbol="c·aⁿ", domain=(ANY, POSITIVE, (-3.0, 3.0), (1.0, 1.0)),
    kinks={(0.0, 0.0, 0.0, 1.0): (math.inf, 0.0), (2.0, 0.0, 2.0, 1.0): (0.0, 2.0, 0.0, 0.0)},
    expansion=lambda c, a, n, k: c * power(a, n - k),
    sheet=lambda c, a, n, k: _monomial_in_cells(c, a, n - k, k),
    native=lambda c, a, n, k: where(abs(c) + (1.0 - step(k)), c * _power_native(a, n, k), 0.0),
)  # fmt: skip
def monomial(c: float, a: float, n: float, k: float) -> float:
    """c aⁿ⁻ᵏ with a whole number k: the k-th derivative of aⁿ, with a coefficient.

    Every rule about powers is one of these. The obvious c * a**(n - k) is wrong in three ways. n − k rounds
    for n < ½, and the logarithm of a huge or tiny a multiplies that error by up to 745. The power may
    overflow or be subnormal where its product with c is not. And x⁰ has derivative 0 at 0, not 0 · inf:
    for k > 0 the monomial is 0 where c is 0.
    """
    if c == 0.0 and k > 0.0:
        return 0.0
    exponent, rest = numerics.difference(n, k) if k else (n, 0.0)
    try:
        raised = math.pow(a, exponent)
    except OverflowError:
        raised = math.inf
    if rest and a != 0.0 and math.isfinite(a) and math.isfinite(exponent):
        # rest is a fraction, or from 2⁵³ on a whole number, which decides the sign of a negative base.
        raised *= math.pow(math.copysign(1.0, a), rest) * (1.0 + rest * math.log(math.fabs(a)))
    if _TINY < abs(raised) < _HUGE or a == 0.0 or not (math.isfinite(a) and math.isfinite(exponent)):
        return c * raised
    with decimal.localcontext(numerics.WIDE):
        base = +decimal.Decimal(a)  # rounded to the context's digits: there may be 750
        return float(decimal.Decimal(c) * base ** (decimal.Decimal(n) - decimal.Decimal(k)))


@primitive(
    lambda y, x: (step(x) - step(-x),),
    name="abs", array=np.absolute, symbol="|·|", method="abs",
    sheet="ABS({0})", latex=r"\left|{0}\right|", kinks={(0.0,): (0.0,)},
)  # fmt: skip
def absolute(x: float) -> float:
    """|x|, with derivative 0 at 0 (convention: kink table)."""
    return math.fabs(x)


@primitive((0.0,), array=np.sign, method="sign", sheet="SIGN({0})",
           latex=r"\operatorname{sgn}", kinks={(0.0,): (0.0,)},
           native=lambda x: step(x) - step(-x))  # fmt: skip
def sign(x: float) -> float:
    """1 for x > 0, −1 for x < 0 and 0 at 0, with derivative 0; nan stays nan.

    >>> sign(-3.0), sign(0.0)
    (-1.0, 0.0)
    """
    return 1.0 if x > 0.0 else -1.0 if x < 0.0 else 0.0 * x + 0.0


@primitive((0.0,), array=np.floor, domain=(MODEST,), exact=True, method="floor", sheet="INT({0})",
           latex=r"\left\lfloor {0} \right\rfloor")  # fmt: skip
def floor(x: float) -> float:
    """⌊x⌋, the largest whole number that is not above x, with derivative 0 (convention: as torch).

    >>> floor(2.5), floor(-2.5)
    (2.0, -3.0)
    """
    return math.copysign(math.floor(x), x)


@primitive((0.0,), array=np.ceil, domain=(MODEST,), exact=True, method="ceil", sheet="(-INT(-({0})))",
           latex=r"\left\lceil {0} \right\rceil")  # fmt: skip
def ceil(x: float) -> float:
    """⌈x⌉, the smallest whole number that is not below x, with derivative 0 (convention: as torch).

    >>> ceil(2.5), ceil(-2.5)
    (3.0, -2.0)
    """
    return math.copysign(math.ceil(x), x)


@primitive(
    lambda y, x: (2.0 * x,),
    array=np.square, exact=True, method="square", sheet=lambda x: x * x, latex="{0}^2",
)  # fmt: skip
def square(x: float) -> float:
    """x².

    >>> square(-3.0)
    9.0
    """
    return x * x


# --- exponentials and logarithms -------------------------------------------------------------------


# Spreadsheets lack log1p and expm1: near 0 a series replaces them, elsewhere the formula. They have no inf
# either, so no intermediate result may overflow.


def _monomial_in_cells(c: Any, a: Any, exponent: Any, k: Any) -> Any:
    half = exp(exponent / 2.0 * log(abs(a)))  # in two steps: aⁿ may overflow where the product does not
    sign = power(where(step(a), 1.0, -1.0), exponent)
    raised = where(abs(a), c * half * half * sign, c * power(a, exponent))
    return where(abs(c) + (1.0 - step(k)), raised, 0.0)


def _log1p_in_cells(x: Any) -> Any:
    series = x * (1.0 - x * (1 / 2 - x * (1 / 3 - x * (1 / 4 - x * (1 / 5 - x / 6.0)))))
    return where(greater(1e-3, abs(x)), series, log(1.0 + x))


def _expm1_in_cells(x: Any) -> Any:
    series = x * (1.0 + x / 2.0 * (1.0 + x / 3.0 * (1.0 + x / 4.0 * (1.0 + x / 5.0 * (1.0 + x / 6.0)))))
    return where(greater(1e-3, abs(x)), series, exp(x) - 1.0)


def _logsumexp_native(values: Any) -> Any:
    top = functools.reduce(maximum, values)
    return top + log(sum([exp(value - top) for value in values]))


def _logsumexp_in_cells(values: Any) -> Any:
    if len(values) != 2:
        return _logsumexp_native(values)
    a, b = values  # for more, keeping the digits of the smaller ones makes the formula too long
    return maximum(a, b) + log1p(exp(-abs(a - b)))


def _softmax_in_cells(x: Any, others: Any) -> Any:
    # 1 / (1 + Σ exp(o − x)) times e⁻⁶⁴ / e⁻⁶⁴; 0 from a gap of 760 on. Shorter than finding the largest.
    return exp(-64.0) / sum([exp(-64.0), *(exp(minimum(other - x, 760.0) - 64.0) for other in others)])


def _log_softmax_in_cells(x: Any, others: Any) -> Any:
    top = functools.reduce(maximum, others, x)
    below = (x - top) - log(sum([exp(value - top) for value in (x, *others)]))
    return where(greater(top, x), below, -log1p(sum([exp(other - x) for other in others])))


@primitive(lambda y, x: (y,), array=np.exp, method="exp", sheet="EXP({0})", latex=r"e^{{{0}}}")
def exp(x: float) -> float:
    """The exponential eˣ: inf above 709.78, 0 below −745.13.

    >>> exp(1.0)
    2.718281828459045
    """
    return math.exp(x)


@primitive(
    lambda y, x: (1.0 / x,), array=np.log, symbol="ln", domain=(POSITIVE,), method="log", sheet="LN({0})",
    latex=r"\ln",
)  # fmt: skip
def log(x: float) -> float:
    """The natural logarithm ln x: −inf at 0, nan below.

    >>> log(0.0), log(-1.0)
    (-inf, nan)
    """
    return math.log(x)


@primitive(
    lambda y, x: (1.0 / (1.0 + x),), array=np.log1p, domain=((-0.99, 50.0),), method="log1p",
    sheet=_log1p_in_cells,
)  # fmt: skip
def log1p(x: float) -> float:
    """ln(1 + x), accurate for small x: −inf at −1, nan below.

    >>> log1p(1e-20)
    1e-20
    """
    return math.log1p(x)


@primitive(
    lambda y, x: (1.4426950408889634 / x,),
    array=np.log2, domain=(POSITIVE,), method="log2", sheet="LOG({0},2)", latex=r"\log_2",
    textbook=lambda y, x: (1.0 / (x * log(2.0)),), expansion=lambda x: log(x) / log(2.0),
)  # fmt: skip
def log2(x: float) -> float:
    """The logarithm to base 2: −inf at 0, nan below; its derivative is 1/(x ln 2).

    >>> log2(8.0)
    3.0
    """
    return math.log2(x)


@primitive(
    lambda y, x: (0.4342944819032518 / x,),
    array=np.log10, domain=(POSITIVE,), method="log10", sheet="LOG10({0})",
    latex=r"\log_{{10}}\left({0}\right)",
    textbook=lambda y, x: (1.0 / (x * log(10.0)),), expansion=lambda x: log(x) / log(10.0),
)  # fmt: skip
def log10(x: float) -> float:
    """The logarithm to base 10: −inf at 0, nan below; its derivative is 1/(x ln 10).

    >>> log10(1000.0)
    3.0
    """
    return math.log10(x)


def _logaddexp_native(a: Any, b: Any) -> Any:
    apart = greater(a, b) + greater(b, a)  # two equal ones may be infinite
    return where(apart, maximum(a, b) + log1p(exp(-abs(a - b))), a + 0.6931471805599453)


def _logaddexp_partials(a: Any, b: Any) -> tuple[Any, ...]:
    # As for their maximum: beside an infinite one the other does not count, and two share.
    (p, q), (r, s) = softmax([a, b]), _shares(a, b)
    finite = 1.0 - greater(maximum(a, b), numerics.LARGEST)
    return where(finite, p, r), where(finite, q, s)


@primitive(
    lambda y, a, b: _logaddexp_partials(a, b),
    array=lambda a, b: _logsumexp_array(np.array(np.broadcast_arrays(a, b))),
    domain=(ANY, ANY), method="logaddexp", expansion=lambda a, b: log(exp(a) + exp(b)),
    sheet=lambda a, b: maximum(a, b) + log1p(exp(-abs(a - b))),
    native=_logaddexp_native,
)  # fmt: skip
def logaddexp(a: float, b: float) -> float:
    """ln(eᵃ + eᵇ) without overflow; its derivatives are σ(a − b) and σ(b − a).

    >>> logaddexp(1000.0, -1000.0)
    1000.0
    """
    return float(_logsumexp.forward([a, b]))


@primitive(
    lambda y, x: (exp(x),), array=np.expm1, domain=((-50.0, 50.0),), method="expm1", sheet=_expm1_in_cells
)
def expm1(x: float) -> float:
    """eˣ − 1, accurate for small x. The derivative is eˣ and not y + 1, which is 0 at −40.

    >>> expm1(1e-20)
    1e-20
    """
    return math.expm1(x)


@primitive(
    lambda y, x: (0.5 / y,),
    array=np.sqrt, symbol="√", domain=(POSITIVE,), method="sqrt",
    sheet="SQRT({0})", latex=r"\sqrt{{{0}}}", kinks={(0.0,): (math.inf,)},
)  # fmt: skip
def sqrt(x: float) -> float:
    """The square root √x: nan below 0; the derivative at 0 is inf.

    >>> sqrt(9.0)
    3.0
    """
    return math.sqrt(x)


def _cbrt_closer(y: Any, x: Any) -> Any:
    """Newton's step: C libraries are up to 4 ulp off, and the rounding of ⅓ in a power more."""
    return y - (y - x / (y * y)) / 3.0


def _cbrt_array(x: Any) -> Any:
    with np.errstate(all="ignore"):
        y = np.cbrt(x)
        return np.where((y != 0.0) & np.isfinite(y), _cbrt_closer(y, x), y)


def _cbrt_native(x: Any) -> Any:
    size = abs(x)
    y = power(size, 1 / 3)
    return where(x, sign(x) * where(greater(math.inf, size), _cbrt_closer(y, size), y), x)


@primitive(
    lambda y, x: (square(1.0 / y) / 3.0,),
    array=_cbrt_array, symbol="∛", method="cbrt", kinks={(0.0,): (math.inf,)},
    textbook=lambda y, x: (1.0 / (3.0 * y**2),),
    sheet="SIGN({0})*ABS({0})^(1/3)", latex=r"\sqrt[3]{{{0}}}", native=_cbrt_native,
)  # fmt: skip
def cbrt(x: float) -> float:
    """The cube root ∛x, of negative numbers too; the derivative at 0 is inf.

    >>> cbrt(-27.0)
    -3.0
    """
    y = math.cbrt(x)
    return _cbrt_closer(y, x) if y and math.isfinite(y) else y


def components(y: Any, values: Sequence[Any]) -> list[Any]:
    """vᵢ/y for each of the values whose length is y; 0 where that is 0.

    In a graph each is a row, `norm_slope`: in the derivative of a quotient 1 − (vᵢ/y)² would cancel.
    """
    if isinstance(y, float):
        values = list(map(float, values))  # a sweep over many operands has them in an array
    numbers = isinstance(y, (float, np.ndarray))
    return _components(y, values) if numbers else _one_against_others(norm_slope, values)


def _components(y: Any, values: Sequence[Any]) -> list[Any]:
    # y may be infinite where the values are not, and a subnormal y has few digits. One infinite value has the
    # component ±1; two have none.
    scale = where(greater(y, numerics.LARGEST), 2.0**-1000, where(greater(2.0**-1000, y), 2.0**1000, 1.0))
    scaled = [scale * value for value in values]
    infinite = [greater(abs(value), numerics.LARGEST) for value in values]
    length, alone = where(scale - 1.0, norm(scaled), y), where(sum(infinite) - 1.0, y - y, 1.0)
    return [
        where(far, alone * sign(value), value / where(length, length, 1.0))
        for value, far in zip(scaled, infinite, strict=True)
    ]


def _norm_in_cells(values: Sequence[Any], of_zeros: float = 0.0) -> Any:
    """√Σ v², scaled where the squares would leave the floats."""
    size = sum(list(map(abs, values)))

    def length(factor: float) -> Any:
        scaled = [factor * value for value in values]
        return sqrt(sum([value * value for value in scaled])) / factor

    small = where(size, length(1e200), of_zeros)
    return where(greater(size, 1e150), length(1e-200), where(greater(1e-130, size), small, length(1.0)))


def _length_native(values: Sequence[Any]) -> Any:
    """√Σ v², with all numbers divided by the largest first, so that no square overflows or vanishes."""
    top = functools.reduce(maximum, map(abs, values))
    length = where(top, top * sqrt(sum([square(value / top) for value in values])), 0.0)
    # One infinite number decides, even beside a nan, as in math.hypot.
    return functools.reduce(lambda y, value: where(1.0 / abs(value), y, math.inf), values, length)


@primitive(
    lambda y, a, b: tuple(components(y, [a, b])),
    array=np.hypot, domain=(MODEST, MODEST), method="hypot", kinks={(0.0, 0.0): (0.0, 0.0)},
    textbook=lambda y, a, b: (a / y, b / y), latex=r"\sqrt{{{0}^2 + {1}^2}}",
    expansion=lambda a, b: sqrt(a * a + b * b),
    sheet=lambda a, b: _norm_in_cells([a, b]), native=lambda a, b: _length_native([a, b]),
)  # fmt: skip
def hypot(a: float, b: float) -> float:
    """√(a² + b²), no square of which overflows or vanishes; the gradient at (0, 0) is 0, as of torch.norm.

    >>> hypot(3.0, 4.0)
    5.0
    """
    return math.hypot(a, b)


# --- trigonometric and hyperbolic ------------------------------------------------------------------


@primitive(lambda y, x: (cos(x),), array=np.sin, method="sin", sheet="SIN({0})", latex=r"\sin")
def sin(x: float) -> float:
    """The sine of x in radians.

    >>> sin(0.0)
    0.0
    """
    return math.sin(x)


@primitive(lambda y, x: (-sin(x),), array=np.cos, method="cos", sheet="COS({0})", latex=r"\cos")
def cos(x: float) -> float:
    """The cosine of x in radians.

    >>> cos(0.0)
    1.0
    """
    return math.cos(x)


@primitive(
    lambda y, x: (1.0 + y * y,), array=np.tan, domain=((-1.5, 1.5),), method="tan",
    textbook=lambda y, x: (1.0 + y**2,), sheet="TAN({0})", latex=r"\tan",
)  # fmt: skip
def tan(x: float) -> float:
    """The tangent of x in radians.

    >>> tan(0.0)
    0.0
    """
    return math.tan(x)


def _one_minus_square(x: Any) -> Any:
    # 1 − x² loses half the digits near ±1, (1 − x)(1 + x) those of its derivative near 0.
    return where(step(abs(x) - 0.5), (1.0 - x) * (1.0 + x), 1.0 - x * x)


@primitive(
    lambda y, x: (1.0 / sqrt(_one_minus_square(x)),),
    array=np.arcsin, domain=((-0.999, 0.999),), method="asin",
    textbook=lambda y, x: (1.0 / sqrt(1.0 - x**2),),
    sheet="ASIN({0})", latex=r"\arcsin", kinks={(1.0,): (math.inf,)},
)  # fmt: skip
def asin(x: float) -> float:
    """The arc sine in [−π/2, π/2]: nan outside [−1, 1].

    >>> asin(1.0)
    1.5707963267948966
    """
    return math.asin(x)


@primitive(
    lambda y, x: (-1.0 / sqrt(_one_minus_square(x)),),
    array=np.arccos, domain=((-0.999, 0.999),), method="acos",
    textbook=lambda y, x: (-1.0 / sqrt(1.0 - x**2),),
    sheet="ACOS({0})", latex=r"\arccos", kinks={(1.0,): (-math.inf,)},
)  # fmt: skip
def acos(x: float) -> float:
    """The arc cosine in [0, π]: nan outside [−1, 1].

    >>> acos(1.0)
    0.0
    """
    return math.acos(x)


# Not 1/(1 + x²), whose own derivative underflows on the way where x² is huge.
@primitive(
    lambda y, x: (square(1.0 / hypot(1.0, x)),),
    array=np.arctan, method="atan", sheet="ATAN({0})", latex=r"\arctan",
    textbook=lambda y, x: (1.0 / (1.0 + x**2),),
)  # fmt: skip
def atan(x: float) -> float:
    """The arc tangent in [−π/2, π/2].

    >>> atan(1.0)
    0.7853981633974483
    """
    return math.atan(x)


def _atan2_native(a: Any, b: Any) -> Any:
    """From the arc tangent of the smaller through the larger, so that the quotient is at most 1."""
    small, large = minimum(abs(a), abs(b)), maximum(abs(a), abs(b))
    far = greater(math.inf, large)
    angle = atan(where(far, small / where(large, large, 1.0), where(greater(math.inf, small), 0.0, 1.0)))
    steep = where(greater(abs(a), abs(b)), (1.5707963267948966 - angle) + 6.123233995736766e-17, angle)
    behind = step(b) + (1.0 - step(b)) * step(1.0 / b)  # 1 in front: −0 is behind
    whole = where(behind, steep, (3.141592653589793 - steep) + 1.2246467991473532e-16)
    return where(step(a) + step(1.0 / a), whole, -whole)


def _atan2_partials(a: Any, b: Any) -> tuple[Any, Any]:
    length = hypot(a, b)
    up, along = components(length, [a, b])
    return along / length, -up / length


@primitive(
    lambda y, a, b: _atan2_partials(a, b),
    array=np.arctan2, domain=(MODEST, MODEST), method="atan2",
    sheet="IF(AND({0}=0,{1}=0),0,ATAN2({1},{0}))",
    textbook=lambda y, a, b: (b / (a**2 + b**2), -a / (a**2 + b**2)),
    native=_atan2_native,
)  # fmt: skip
def atan2(a: float, b: float) -> float:
    """The angle of the point (b, a) in [−π, π], arctan(a/b) for b > 0; at (0, 0) its gradient is nan.

    As in torch and jax: near (0, 0) the gradient has every direction and no bound.

    >>> atan2(1.0, -1.0)
    2.356194490192345
    """
    return math.atan2(a, b)


@primitive(
    lambda y, x: (cosh(x),), array=np.sinh, method="sinh", sheet="SINH({0})", latex=r"\sinh",
    expansion=lambda x: (exp(x) - exp(-x)) / 2.0,
)  # fmt: skip
def sinh(x: float) -> float:
    """The hyperbolic sine (eˣ − e⁻ˣ)/2.

    >>> sinh(0.0)
    0.0
    """
    return math.sinh(x)


@primitive(
    lambda y, x: (sinh(x),), array=np.cosh, method="cosh", sheet="COSH({0})", latex=r"\cosh",
    expansion=lambda x: (exp(x) + exp(-x)) / 2.0,
)  # fmt: skip
def cosh(x: float) -> float:
    """The hyperbolic cosine (eˣ + e⁻ˣ)/2.

    >>> cosh(0.0)
    1.0
    """
    return math.cosh(x)


def _asinh_native(x: Any) -> Any:
    size = abs(x)
    small = minimum(size, 1e8)  # from there on it is ln 2x
    near = log1p(small + small * small / (1.0 + sqrt(1.0 + small * small)))
    return where(x, sign(x) * where(step(size - 1e8), log(size) + 0.6931471805599453, near), x)


@primitive(
    lambda y, x: (1.0 / hypot(1.0, x),),
    array=np.arcsinh, method="asinh", sheet="ASINH({0})", latex=r"\operatorname{arsinh}",
    textbook=lambda y, x: (1.0 / sqrt(1.0 + x**2),), expansion=lambda x: log(x + sqrt(1.0 + x * x)),
    native=_asinh_native,
)  # fmt: skip
def asinh(x: float) -> float:
    """The inverse hyperbolic sine ln(x + √(x² + 1)).

    >>> asinh(0.0)
    0.0
    """
    return math.asinh(x)


def _acosh_native(x: Any) -> Any:
    past = minimum(x - 1.0, 1e8)
    near = log1p(past + sqrt(past) * sqrt(past + 2.0))
    return where(step(x - 1e8), log(x) + 0.6931471805599453, near)


@primitive(
    lambda y, x: (1.0 / sqrt(x - 1.0) * (1.0 / sqrt(x + 1.0)),),
    array=np.arccosh, domain=((1.001, 500.0),), method="acosh", kinks={(1.0,): (math.inf,)},
    sheet="ACOSH({0})", latex=r"\operatorname{arcosh}",
    textbook=lambda y, x: (1.0 / sqrt(x**2 - 1.0),), expansion=lambda x: log(x + sqrt(x * x - 1.0)),
    native=_acosh_native,
)  # fmt: skip
def acosh(x: float) -> float:
    """The inverse hyperbolic cosine ln(x + √(x² − 1)): nan below 1; the derivative at 1 is inf.

    >>> acosh(1.0)
    0.0
    """
    return math.acosh(x)


def _atanh_native(x: Any) -> Any:
    size = abs(x)
    return where(x, sign(x) * (0.5 * log1p(2.0 * size / (1.0 - size))), x)


@primitive(
    lambda y, x: (where(step(abs(x) - 1.0), y, 1.0) / _one_minus_square(x),),
    array=np.arctanh, domain=((-0.999, 0.999),), method="atanh", kinks={(1.0,): (math.inf,)},
    sheet="ATANH({0})", latex=r"\operatorname{artanh}",
    textbook=lambda y, x: (1.0 / (1.0 - x**2),), expansion=lambda x: 0.5 * log((1.0 + x) / (1.0 - x)),
    native=_atanh_native,
)  # fmt: skip
def atanh(x: float) -> float:
    """The inverse hyperbolic tangent ½ ln((1 + x)/(1 − x)): ±inf at ±1, nan beyond.

    >>> atanh(1.0)
    inf
    """
    return math.atanh(x)


def _sech2_native(x: Any) -> Any:
    tail = exp(-2.0 * abs(x))
    return 4.0 * tail / (1.0 + tail * (2.0 + tail))


@primitive(
    lambda y, x: (-2.0 * y * tanh(x),),
    array=_sech2_native,
    symbol="sech²", latex=r"\operatorname{{sech}}^2\left({0}\right)",
    expansion=lambda x: 1.0 / (cosh(x) * cosh(x)), sheet=_sech2_native,
    native=_sech2_native,
)  # fmt: skip
def sech2(x: float) -> float:
    """1/cosh² x, the slope of tanh. A row of its own, for its derivative never overflows: in that of
    1/cosh² x, cosh and sinh do."""
    tail = math.exp(-2.0 * math.fabs(x))
    return 4.0 * tail / (1.0 + tail * (2.0 + tail))


# Not 1 − y², which is 0 from |x| = 19 on.
@primitive(
    lambda y, x: (sech2(x),),
    array=np.tanh, method="tanh",
    sheet="TANH({0})", latex=r"\tanh",
    textbook=lambda y, x: (1.0 - y**2,),
    expansion=lambda x: (exp(x) - exp(-x)) / (exp(x) + exp(-x)),
)  # fmt: skip
def tanh(x: float) -> float:
    """The hyperbolic tangent, in [−1, 1]; its derivative is 1/cosh² x = 1 − y².

    >>> tanh(0.0)
    0.0
    """
    return math.tanh(x)


# --- activations -----------------------------------------------------------------------------------


def _sigmoid_native(x: Any) -> Any:
    small = exp(-abs(x))
    return where(step(x), 1.0, small) / (1.0 + small)


def _sigmoid_slope(x: Any) -> Any:
    small = exp(-abs(x))
    return small / (1.0 + small * (2.0 + small))


# The derivative of σ(x) σ(−x), by its factors, is 0 near 0, where the truth is −x/8.
@primitive(
    lambda y, x: (-y * tanh(0.5 * x),),
    array=_sigmoid_slope, symbol="σ′", latex=r"\sigma'",
    sheet="EXP(-ABS({0}))/(1+EXP(-ABS({0})))^2", native=_sigmoid_slope,
    expansion=lambda x: sigmoid(x) * sigmoid(-x),
)  # fmt: skip
def sigmoid_slope(x: float) -> float:
    """σ′(x) = σ(x) σ(−x) = ¼/cosh²(x/2), the slope of the sigmoid; its derivative is −y tanh(x/2)."""
    small = math.exp(-math.fabs(x))
    return small / (1.0 + small * (2.0 + small))


# Not y (1 − y): at x = 40 it is 0, the truth 4.2e-18.
@primitive(
    lambda y, x: (sigmoid_slope(x),),
    array=lambda x: np.exp(np.minimum(x, 0.0)) / (1.0 + np.exp(-np.absolute(x))),
    symbol="σ", method="sigmoid",
    sheet="IF({0}<-700,EXP({0}),1/(1+EXP(-{0})))", latex=r"\sigma",
    textbook=lambda y, x: (y * (1.0 - y),), expansion=lambda x: 1.0 / (1.0 + exp(-x)),
    native=_sigmoid_native,
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


relu = primitive(
    lambda y, x: (step(x),),
    array=lambda x: np.maximum(x, 0.0) + 0.0,  # + 0.0 turns −0 into 0
    name="relu", symbol="ReLU", method="relu", sheet="MAX({0},0)", exact=True, kinks={(0.0,): (0.0,)},
)(numerics.rectified)  # fmt: skip


@primitive(
    lambda y, x, slope=0.01: (step(x) + slope * (1.0 - step(x)), minimum(x, 0.0)),
    array=lambda x, slope=0.01: np.where(x <= 0.0, slope * x, x),
    symbol="leaky ReLU", domain=(ANY, (0.001, 0.5)), method="leaky_relu",
    sheet=lambda x, slope=0.01: where(step(x), x, slope * x),
    kinks={(0.0, 0.25): (0.25, 0.0)},
)  # fmt: skip
def leaky_relu(x: float, slope: float = 0.01) -> float:
    """x for x > 0, otherwise slope · x; the derivative at 0 is the slope, as in torch.

    >>> leaky_relu(-2.0), leaky_relu(3.0)
    (-0.02, 3.0)
    """
    return slope * x if x <= 0.0 else x


def _elu_slope(x: Any, alpha: Any) -> Any:
    half = exp(0.5 * minimum(x, 0.0))  # α eˣ in two steps: eˣ may be subnormal where α eˣ is not
    return step(x) + (1.0 - step(x)) * (alpha * half * half)


@primitive(
    lambda y, x, alpha=1.0: (_elu_slope(x, alpha), expm1(minimum(x, 0.0))),
    array=lambda x, alpha=1.0: np.where(x <= 0.0, alpha * np.expm1(np.where(x <= 0.0, x, 0.0)), x),
    symbol="ELU", domain=(ANY, (0.1, 2.0)), method="elu",
    sheet=lambda x, alpha=1.0: where(step(x), x, alpha * expm1(x)),
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
    method="softplus",
    sheet=lambda x: maximum(x, 0.0) + log1p(exp(-abs(x))), expansion=lambda x: log(1.0 + exp(x)),
)  # fmt: skip
def softplus(x: float) -> float:
    """ln(1 + eˣ), a smooth rectifier, without overflow; its derivative is σ(x).

    >>> softplus(1000.0), softplus(-1000.0)
    (1000.0, 0.0)
    """
    return (0.0 if x <= 0.0 else x) + math.log1p(math.exp(-math.fabs(x)))


def _silu_slope(x: Any) -> Any:
    """σ(x) + x σ′(x). From −¼ down its terms cancel, and it is 0 at x₀ = −1.278.

    There it is written as σ′(x) (1 + x + eˣ), and with d = x − x₀ the sum in it, which is 0 at x₀ too, as
    d + eˣ⁰ (eᵈ − 1): two terms of one sign. Below −700, σ′ runs out of digits, and nothing cancels.
    """
    inside = maximum(minimum(x, -0.25), -700.0)
    d = (inside + 1.2784645427610737) + 1.0946994183093437e-16  # −x₀ to 32 digits
    near_zero = sigmoid_slope(inside) * (d + 0.2784645427610738 * expm1(d))  # eˣ⁰ = −1 − x₀
    x = maximum(minimum(x, 1000.0), -1000.0)  # where it is 1 or 0 already
    far = -(-silu(x) * sigmoid(-x) - sigmoid(x))  # so written, it becomes −0
    return where((inside + 0.25) * (inside + 700.0), near_zero, far)


def _silu_bend(x: Any) -> Any:
    """σ′(x) (2 − x tanh(x/2)), whose difference is 0 at ±x₁ = ±2.399.

    Around it the difference is written in d = |x| − x₁ by the theorem of addition: two terms of one sign.
    """
    inside = maximum(minimum(x, 700.0), -700.0)
    d = (abs(inside) - 2.3993572805154675) - 1.8464872855353363e-16  # x₁ to 32 digits
    u = tanh(0.5 * d)
    beyond = -(u * (0.7322441613135383 + d) + 0.8335565596009648 * d) / (1.0 + 0.8335565596009648 * u)
    factor = where(step(abs(x) - 1.7), beyond, 2.0 - inside * tanh(0.5 * inside))
    far = numerics.by_halves(2.0 - minimum(abs(x), 2000.0), exp(-0.5 * abs(x)))
    return where(step(abs(x) - 700.0), far, sigmoid_slope(inside) * factor)


@primitive(
    lambda y, x: (_silu_bend(x),),
    array=_silu_slope, symbol="SiLU′", latex=r"\operatorname{SiLU}'", native=_silu_slope,
    textbook=lambda y, x: (sigmoid_slope(x) * (2.0 - x * tanh(0.5 * x)),),
    expansion=lambda x: sigmoid(x) * (1.0 + x * sigmoid(-x)),
)  # fmt: skip
def silu_slope(x: float) -> float:
    """The slope of silu, σ(x) + x σ′(x); its derivative is σ′(x) (2 − x tanh(x/2))."""
    return float(_silu_slope(x))


def _silu_native(x: Any) -> Any:
    half = exp(-0.5 * abs(x))
    rising = where(step(x), 1.0, half)
    return maximum(x, -2000.0) * rising * rising / (1.0 + half * half)


def _silu_array(x: Any) -> Any:
    half = np.exp(0.5 * np.minimum(x, 0.0))
    return np.where(x < -700.0, np.maximum(x, -2000.0) * half * half, x / (1.0 + np.exp(-x)))


@primitive(
    lambda y, x: (silu_slope(x),),
    array=_silu_array, symbol="SiLU", method="silu",
    textbook=lambda y, x: (sigmoid(x) * (1.0 + x * (1.0 - sigmoid(x))),), expansion=lambda x: x * sigmoid(x),
    sheet="IF({0}<-700,{0}*EXP({0}/2)*EXP({0}/2),{0}/(1+EXP(-{0})))", native=_silu_native,
)  # fmt: skip
def silu(x: float) -> float:
    """x σ(x), also called swish (Ramachandran, Zoph and Le 2017).

    >>> silu(0.0)
    0.0
    """
    if x < -700.0:  # σ(x) = eˣ to the last digit, and may be subnormal where x eˣ is not
        half = math.exp(0.5 * x)
        return max(x, -2000.0) * half * half
    return x / (1.0 + math.exp(-x))


def _exp_minus_cx2(x: Any, c: Any) -> Any:
    inside = minimum(abs(x), 1e100)
    square, lost = numerics.product(inside, inside)
    exponent, lost_too = numerics.product(c, square)
    return exp(-exponent) * (1.0 - minimum(c * lost + lost_too, 0.5))  # more only where the power is 0


def _exp_minus_cx2_in_cells(x: Any, c: Any) -> Any:
    size = minimum(abs(x), 1e100)
    return exp(-(minimum(c * size, 1e200) * size))


def _exp_minus_cx2_partials(x: Any, c: Any) -> tuple[Any, Any]:
    half = exp_minus_cx2(x, 0.5 * c)  # y may be subnormal where x y is not
    x = maximum(minimum(x, 1e100), -1e100)
    return -2.0 * c * numerics.by_halves(x, half), -numerics.by_halves(square(x), half)


@primitive(
    lambda y, x, c: _exp_minus_cx2_partials(x, c),
    array=_exp_minus_cx2, symbol="e^−cx²", domain=(NARROW, (0.1, 2.0)),
    textbook=lambda y, x, c: (-2.0 * c * x * y, -(x**2) * y),
    sheet=_exp_minus_cx2_in_cells, latex=r"e^{{-{1} \cdot {0}^2}}", native=_exp_minus_cx2,
)  # fmt: skip
def exp_minus_cx2(x: float, c: float) -> float:
    """exp(−c x²), with the exponent computed to twice the digits of a float."""
    return float(_exp_minus_cx2(x, c))


# (1 + 2x) eˣ² erfc(x) in (x − 4)/(x + 4), for 0.48 ≤ x ≤ 28, and erf(x)/x in x² for |x| ≤ 0.51: interpolation
# at Chebyshev's points in 60 digits, errors 2⁻⁶⁰ and 2⁻⁶⁴. So the array forms are within 2.2 ulp (erf) and
# 5 ulp (erfc, gelu) of mpmath, at 24,000 points or more from −40 to 40.
_ERFCX = (
    1.2329951186255526, -0.13962111684056247, 0.015379652102619842, 0.06809705425468827,
    -0.10103906603631013, 0.09373283499854078, -0.06633036581208412, 0.03716751553368865,
    -0.01619773405940797, 0.005031970019514048, -0.0007577732771346814, -0.00019925697059036806,
    0.0001506216258847912, -2.4398040717567734e-05, -1.1221898919585286e-05, 5.7064607212514515e-06,
    2.9361614716143093e-07, -8.194666173252036e-07, 7.477277619792729e-08, 1.0322842161962563e-07,
    -1.7941569819813498e-08, -9.64428714587657e-09, 1.824163406938155e-09,
)  # fmt: skip
_ERF = (
    1.1283791670955126, -0.3761263890318375, 0.11283791670954775, -0.026866170644958408, 0.005223977621115625,
    -0.0008548326400895787, 0.0001205527837909284, -1.49226800024831e-05, 1.6364053271433157e-06,
    -1.455468386942428e-07,
)  # fmt: skip


def _erf_near(x: Any) -> Any:
    """erf(x) for |x| ≤ 0.51."""
    x = maximum(minimum(x, 0.51), -0.51)
    return x * numerics.polynomial(x * x, _ERF)


def _erfcx(x: Any) -> Any:
    """eˣ² erfc(x), which is near 1/(1 + 2x), for 0.48 ≤ x ≤ 28."""
    x = maximum(minimum(x, 28.0), 0.48)
    return numerics.polynomial((x - 4.0) / (x + 4.0), _ERFCX) / (1.0 + 2.0 * x)


def _erfc_far(x: Any) -> Any:
    """erfc(|x|) for |x| ≥ 0.48."""
    size = maximum(abs(x), 0.48)
    return exp_minus_cx2(size, 1.0) * _erfcx(size)


def _erf(x: Any) -> Any:
    return where(step(abs(x) - 0.5), sign(x) * (1.0 - _erfc_far(x)), _erf_near(x))


def _erfc(x: Any) -> Any:
    far = _erfc_far(x)
    return where(step(abs(x) - 0.5), where(step(x), far, 2.0 - far), 1.0 - _erf_near(x))


@primitive(
    lambda y, x: (1.1283791670955126 * exp_minus_cx2(x, 1.0),),
    array=_erf, domain=(NARROW,), method="erf", sheet="ERF({0})", native=_erf,
    textbook=lambda y, x: (2.0 / sqrt(math.pi) * exp(-(x**2)),),
)  # fmt: skip
def erf(x: float) -> float:
    """The error function (2/√π) ∫₀ˣ exp(−t²) dt, in [−1, 1].

    >>> erf(0.0), erf(10.0)
    (0.0, 1.0)
    """
    return math.erf(x)


@primitive(
    lambda y, x: (-1.1283791670955126 * exp_minus_cx2(x, 1.0),),
    array=_erfc, domain=(NARROW,), method="erfc", sheet="ERFC({0})", native=_erfc,
    textbook=lambda y, x: (-2.0 / sqrt(math.pi) * exp(-(x**2)),),
)  # fmt: skip
def erfc(x: float) -> float:
    """1 − erf(x), which keeps its digits where erf(x) is nearly 1.

    >>> erfc(0.0), erfc(-10.0)
    (1.0, 2.0)
    """
    return math.erfc(x)


# GELU′(x₀ + d)/d for −0.36 ≤ d ≤ 0.51, where x₀ = −0.7518 is its zero; as above, error 2⁻⁵⁵.
_GELU_SLOPE = (
    0.43149399231404695, 0.3882849829905523, -0.018199676398673904, -0.1140082332972808, -0.01477152214795617,
    0.01942167984160364, 0.004539228367094425, -0.002239538152247461, -0.0007448265816581919,
    0.00018634075409943153, 8.615649233989209e-05, -1.1220160890684011e-05, -7.730174375724396e-06,
    4.4533823541363784e-07, 5.196885489501096e-07,
)  # fmt: skip
_ROOT_HALF = 0.7071067811865476


def _gelu(x: Any) -> Any:
    """½ x (1 + erf(x/√2)) near 0; elsewhere max(x, 0) − ½ |x| erfc(|x|/√2), its exponent −x²/2."""
    z = _ROOT_HALF * abs(x)
    # The exponential last, which may be subnormal.
    far = maximum(x, 0.0) - 0.5 * minimum(abs(x), 100.0) * _erfcx(z) * exp_minus_cx2(x, 0.5)
    return where(step(z - 0.5), far, 0.5 * x * (1.0 + _erf_near(_ROOT_HALF * x)))


def _gelu_slope(x: Any) -> Any:
    """Φ(x) + x φ(x), whose terms cancel near its zero x₀ = −0.7518: there it is a series in x − x₀."""
    size = maximum(minimum(abs(x), 100.0), 0.7)
    ratio = 0.5 * _erfcx(_ROOT_HALF * size) - 0.3989422804014327 * size
    below = numerics.by_halves(ratio, exp_minus_cx2(size, 0.25))
    inside = maximum(minimum(x, 0.71), -1.1)
    d = (inside + 0.7517915246935645) - 1.4956759177009883e-17  # −x₀ to 32 digits
    near_zero = d * numerics.polynomial(minimum(d, 0.51), _GELU_SLOPE)
    bell = 0.3989422804014327 * exp_minus_cx2(inside, 0.5)
    middle = 0.5 + 0.5 * _erf_near(_ROOT_HALF * inside) + inside * bell
    usual = where(step(inside + 0.25), where(step(x - 0.7), 1.0 - below, middle), near_zero)
    return where(step(-1.1 - x), below, usual)


def _gelu_bend(x: Any) -> Any:
    inside = maximum(minimum(x, 100.0), -100.0)
    # Near √2, here to 32 digits, 2 − x² loses its own digits, near 0 the product those of its derivative.
    low = -9.667293313452913e-17
    product = ((1.4142135623730951 - inside) + low) * ((1.4142135623730951 + inside) + low)
    factor = where(step(abs(inside) - 1.0), product, 2.0 - inside * inside)
    return 0.3989422804014327 * numerics.by_halves(factor, exp_minus_cx2(inside, 0.25))


def _gelu_slope_in_cells(x: Any) -> Any:
    return 0.5 * erfc(-_ROOT_HALF * x) + 0.3989422804014327 * x * exp_minus_cx2(x, 0.5)


@primitive(
    lambda y, x: (_gelu_bend(x),),
    array=_gelu_slope, symbol="GELU′", domain=(NARROW,), native=_gelu_slope,
    latex=r"\operatorname{GELU}'", sheet=_gelu_slope_in_cells,
    textbook=lambda y, x: ((2.0 - x**2) * exp(-0.5 * x**2) / sqrt(2.0 * math.pi),),
    expansion=lambda x: 0.5 * erfc(-_ROOT_HALF * x) + 0.3989422804014327 * x * exp(-0.5 * x * x),
)  # fmt: skip
def gelu_slope(x: float) -> float:
    """The slope of gelu, Φ(x) + x φ(x); its derivative is (2 − x²) φ(x)."""
    return float(_gelu_slope(x))


@primitive(
    lambda y, x: (gelu_slope(x),),
    name="gelu", array=_gelu, symbol="GELU", domain=(NARROW,), method="gelu", native=_gelu,
    textbook=lambda y, x: (0.5 * (1.0 + erf(x / sqrt(2.0))) + x * exp(-0.5 * x**2) / sqrt(2.0 * math.pi),),
    expansion=lambda x: 0.5 * x * erfc(-_ROOT_HALF * x),
)  # fmt: skip
def _gelu_row(x: float) -> float:
    """x Φ(x), the Gaussian error linear unit (Hendrycks and Gimpel 2016)."""
    return float(_gelu(x))


def _gelu_gate(x: Any) -> Any:
    return 1.5957691216057308 * (x * (1.0 + 0.044715 * x * x))  # 2 √(2/π)


def _gelu_tanh(x: Any) -> Any:
    x = maximum(x, -1e9)  # from far before on the gate is 0, and so it stays
    return x * sigmoid(_gelu_gate(minimum(x, 1e9)))


# The domain ends before −0.75, the zero of the slope: its terms cancel there, so that its error is of their
# size and not of its own.
def _gelu_tanh_slope(x: Any) -> Any:
    inside = maximum(minimum(x, 25.0), -25.0)  # where σ is 0 or 1 already, and x³ no number
    rise = 1.5957691216057308 * (1.0 + 0.134145 * inside * inside)
    gate = _gelu_gate(inside)
    return sigmoid(gate) + inside * rise * sigmoid_slope(gate)


def _gelu_tanh_textbook(y: Any, x: Any) -> tuple[Any]:
    t = tanh(0.7978845608028654 * (x + 0.044715 * x**3))
    return (0.5 * (1.0 + t) + 0.5 * x * (1.0 - t**2) * (0.7978845608028654 * (1.0 + 0.134145 * x**2)),)


@primitive(
    lambda y, x: (_gelu_tanh_slope(x),),
    array=_gelu_tanh, native=_gelu_tanh, symbol="GELU~", domain=((-0.5, 2.0),), method="gelu_tanh",
    expansion=lambda x: 0.5 * x * (1.0 + tanh(0.7978845608028654 * (x + 0.044715 * x * x * x))),
    textbook=_gelu_tanh_textbook, sheet=_gelu_tanh,
)  # fmt: skip
def gelu_tanh(x: float) -> float:
    """½ x (1 + tanh(√(2/π) (x + 0.044715 x³))), which is near to gelu (Hendrycks and Gimpel 2016)."""
    return float(_gelu_tanh(x))


def gelu(x: Any, approximate: str = "none") -> Any:
    """x Φ(x), the Gaussian error linear unit (Hendrycks and Gimpel 2016), with the arguments of torch.

    Parameters
    ----------
    approximate : ``"none"``, or ``"tanh"`` for ½ x (1 + tanh(√(2/π) (x + 0.044715 x³))).

    Raises
    ------
    ValueError : if `approximate` is something else.

    Examples
    --------
    >>> gelu(0.0), f"{gelu(-30.0):.10e}"
    (0.0, '-1.4720141781e-196')
    """
    rows = {"none": _gelu_row, "tanh": gelu_tanh}
    if approximate not in rows:
        raise ValueError(f'gelu: approximate must be "none" or "tanh", got {approximate!r:.60}')
    return rows[approximate](x)


def _softsign(x: Any) -> Any:
    x = maximum(minimum(x, 1e300), -1e300)  # where it is 1 already, and not inf/inf
    return x / (1.0 + abs(x))


@primitive(
    lambda y, x: (square(1.0 / (1.0 + abs(x))),),
    array=_softsign, native=_softsign, method="softsign", kinks={(0.0,): (1.0,)},
    textbook=lambda y, x: (1.0 / (1.0 + abs(x)) ** 2,), expansion=lambda x: x / (1.0 + abs(x)),
)  # fmt: skip
def softsign(x: float) -> float:
    """x/(1 + |x|), in [−1, 1] (Bergstra and others 2009); its second derivative at 0 is 0 (as that of |x|).

    >>> softsign(-1.0)
    -0.5
    """
    return float(_softsign(x))


@primitive(
    lambda y, x: (step(1.0 - abs(x)),),
    array=lambda x: np.minimum(np.maximum(x, -1.0), 1.0), exact=True, method="hardtanh",
    sheet="MAX(-1,MIN(1,{0}))", kinks={(-1.0,): (0.0,), (1.0,): (0.0,)},
    native=lambda x: minimum(maximum(x, -1.0), 1.0),
)  # fmt: skip
def hardtanh(x: float) -> float:
    """x between −1 and 1, and these beyond; the derivative at ±1 is 0, as in torch; nan stays nan.

    >>> hardtanh(-3.0), hardtanh(0.25)
    (-1.0, 0.25)
    """
    return -1.0 if x < -1.0 else 1.0 if x > 1.0 else x


# --- branches --------------------------------------------------------------------------------------


def _shares(a: Any, b: Any) -> tuple[Any, Any]:
    """(1, 0) for a > b, (½, ½) for a tie, (0, 1) for a < b."""
    ahead = 0.5 * (greater(a, b) - greater(b, a))
    return 0.5 + ahead, 0.5 - ahead


@primitive(
    lambda y, a, b: _shares(a, b),
    array=lambda a, b: np.where((a >= b) | (a != a), a, b),  # np.maximum gives either of 0 and −0
    ufunc=np.maximum, symbol="max", domain=(ANY, ANY), method="maximum", sheet="MAX({0},{1})", latex=r"\max",
    kinks={(1.0, 1.0): (0.5, 0.5), (math.inf, math.inf): (0.5, 0.5)},
)  # fmt: skip
def maximum(a: float, b: float) -> float:
    """The larger of two; a tie shares the derivative ½ and ½ (kink table); nan if either is nan.

    >>> maximum(2.0, 3.0)
    3.0
    """
    return a if a >= b or a != a else b


@primitive(
    lambda y, a, b: _shares(b, a),
    array=lambda a, b: np.where((a <= b) | (a != a), a, b), ufunc=np.minimum,
    symbol="min", domain=(ANY, ANY), method="minimum", sheet="MIN({0},{1})", latex=r"\min",
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
    array=np.where, domain=((0.0, 1.0), ANY, ANY), method="where", sheet="IF({0}<>0,{1},{2})",
    select=lambda condition, a, b: 1 if condition else 2,
)  # fmt: skip
def where(condition: float, a: float, b: float) -> float:
    """`a` where the condition holds (is not 0), otherwise `b`; the other is never differentiated.

    >>> where(True, 1.0, 2.0)
    1.0
    """
    return a if condition else b


@primitive((0.0,), array=lambda x: np.heaviside(x, 0.0), symbol="x > 0",
           method="step",
    sheet="IF({0}>0,1,0)", latex=r"\left[{0} > 0\right]", kinks={(0.0,): (0.0,)})  # fmt: skip
def step(x: float) -> float:
    """1 for x > 0, otherwise 0: the derivative of relu, itself with derivative 0; nan stays nan.

    >>> step(2.0), step(0.0)
    (1.0, 0.0)
    """
    return 1.0 if x > 0.0 else x if x != x else 0.0


@primitive(
    (0.0, 0.0),
    array=lambda a, b: np.where(a > b, 1.0, np.where(a <= b, 0.0, np.nan)),
    symbol="a > b", domain=(ANY, ANY), method="greater",
    sheet="IF({0}>{1},1,0)", latex=r"\left[{0} > {1}\right]",
)  # fmt: skip
def greater(a: float, b: float) -> float:
    """1 for a > b, otherwise 0, with derivative 0; nan if either is nan. Not step(a − b): inf − inf is nan.

    >>> greater(2.0, 1.0)
    1.0
    """
    return 1.0 if a > b else 0.0 if a <= b else math.nan


# --- rows over a sequence, and the functions that check and name them ------------------------------


def _sequence(function: str, values: Any, smallest: int = 1) -> Any:
    """The values as a sequence; otherwise a `TypeError` or `ValueError` that names the function."""
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
        return float(builtins.sum(map(Fraction, values)))


def sum(values: Any, start: Any = 0.0) -> Any:
    """The sum Σ vᵢ as one n-ary node, correctly rounded.

    Parameters
    ----------
    values : numbers and `Value`s, any number of them; the sum of none is 0.
    start : one more term, as Python's own `sum` takes it.

    Examples
    --------
    >>> sum([0.1] * 10), sum((0.1 for _ in range(9)), 0.1)
    (1.0, 1.0)
    """
    values = _sequence("sum", values, 0)
    return _sum(values if type(start) in (int, float) and start == 0 else [*values, start])


@primitive(
    lambda y, values: (1.0 / len(values),),
    name="mean", array=lambda values: np.mean(values, axis=0), vectors=(0,),
    expansion=lambda values: sum(values) / float(len(values)),
)  # fmt: skip
def _mean(values: Sequence[float]) -> float:
    try:
        return math.fsum(values) / len(values)
    except OverflowError:
        return float(builtins.sum(map(Fraction, values)) / len(values))


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


def _take_array(values: Any, index: Any) -> Any:
    places = numerics.places_in(index, len(values))
    shape = np.broadcast_shapes(np.shape(values)[1:], places.shape)
    whole = np.broadcast_to(values, (len(values), *shape))
    return np.take_along_axis(whole, np.broadcast_to(places, shape)[None], axis=0)[0]


@primitive(
    lambda y, values, index: ([where(index - float(i), 0.0, 1.0) for i in range(len(values))], 0.0),
    name="take", array=_take_array, vectors=(0,), index=1, domain=(ANY, (0.0, 0.0)), exact=True,
    symbol="v[i]", select=lambda values, index: int(index), sheet="CHOOSE(IF(MOD({1},1)=0,{1}+1,0),{0})",
)  # fmt: skip
def _take(values: Sequence[float], index: float) -> float:
    return values[numerics.place_in(index, len(values))]


def take(values: Any, index: Any) -> Any:
    """The value at an index: vᵢ, a row of an embedding, the logit of a target.

    The index is a number of the graph like any other, such as an input, and has derivative 0. Values that are
    not taken are not differentiated: their derivative is 0, at any order, whatever they are.

    Parameters
    ----------
    values : K numbers and `Value`s, K ≥ 1. Several calls can share a tuple of `Value`s (see `sequence`).
    index : a number or a `Value`, a whole number from 0 to K − 1.

    Raises
    ------
    IndexError : if the index is below 0, or K or more; negative indices do not count from the end.
    ValueError : if it is not a whole number, or there are no values.

    Examples
    --------
    >>> from autograd import Value
    >>> row, token = [Value(0.5), Value(0.7), Value(0.9)], Value(2.0, "token")
    >>> y = take(row, token)
    >>> y.backward()
    >>> y.data, [value.grad for value in row], token.grad
    (0.9, [0.0, 0.0, 1.0], 0.0)
    """
    values = _sequence("take", values)
    try:
        return _take(values, index)
    except (IndexError, ValueError) as error:
        name = describe(index) if hasattr(index, "_number") else "the index"
        raise type(error)(f"take: {name}: {error}") from None


def _norm_array(values: Any) -> Any:
    with np.errstate(all="ignore"):
        size = np.absolute(values)
        top = np.max(size, axis=0, initial=0.0)
        length = top * np.sqrt(np.sum(np.square(size / np.where(top == 0.0, 1.0, top)), axis=0))
    return np.where(np.isinf(size).any(axis=0), np.inf, length)


@primitive(
    lambda y, values: (components(y, values),),
    name="norm", array=_norm_array, vectors=(0,), domain=(MODEST,),
    latex=r"\left\lVert {0} \right\rVert", textbook=lambda y, values: ([value / y for value in values],),
    expansion=lambda values: sqrt(sum([value * value for value in values])),
    sheet=_norm_in_cells, native=_length_native,
)  # fmt: skip
def _norm(values: Sequence[float]) -> float:
    return math.hypot(*values)


def norm(values: Any) -> Any:
    """The length √Σ vᵢ² as one n-ary node, no square of which overflows or vanishes.

    Its gradient vᵢ/√Σ vⱼ² is 0 where all are 0 (convention: as torch.norm).

    Parameters
    ----------
    values : numbers and `Value`s, any number of them; the length of none is 0.

    Examples
    --------
    >>> norm([2.0, 3.0, 6.0])
    7.0
    """
    return _norm(_sequence("norm", values, 0))


def _norm_slope_turns(y: Any, x: Any, others: Sequence[Any]) -> tuple[Any, Any]:
    length = norm([x, *others])
    shares = components(length, [x, *others])[1:]
    turns = [share / where(length, length, 1.0) for share in shares]
    return sum([share * turn for share, turn in zip(shares, turns)]), [-y * turn for turn in turns]


def _norm_slope(*values: Any) -> Any:
    return _components(norm(values), values)[0]


@primitive(
    lambda y, x, others: _norm_slope_turns(y, x, others),
    vectors=(1,), domain=(MODEST, MODEST), symbol="v/‖v‖",
    array=lambda x, others: _norm_slope(*np.broadcast_arrays(x, *others)),
    expansion=lambda x, others: x / norm([x, *others]), native=lambda x, others: _norm_slope(x, *others),
    sheet=lambda x, others: x / _norm_in_cells([x, *others], 1.0),
)  # fmt: skip
def norm_slope(x: float, others: Sequence[float]) -> float:
    """x/√(x² + Σ vⱼ²), the derivative of a length; 0 at 0. Its own, Σ vⱼ²/length³, has no difference."""
    return float(_norm_slope(x, *others))


def _dot_array(weights: Any, inputs: Any, bias: Any = 0.0) -> Any:
    return np.add.reduce(np.multiply(weights, inputs), axis=0) + bias


_dot = primitive(
    lambda y, weights, inputs, bias=0.0: (inputs, weights, 1.0),
    name="dot", symbol="w·x", exact=True,
    array=_dot_array,
    vectors=(0, 1), domain=(ANY, ANY, ANY),
    expansion=lambda weights, inputs, *bias: sum([*map(mul, weights, inputs), *bias]),
)(numerics.inner_product)  # fmt: skip


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
    if type(weights) is not tuple or type(inputs) is not tuple:
        weights, inputs = _sequence("dot", weights, 0), _sequence("dot", inputs, 0)
    if len(weights) != len(inputs):
        raise ValueError(
            f"dot needs as many inputs as weights, got {len(weights)} weights and {len(inputs)} inputs"
        )
    return _dot(weights, inputs) if bias is None else _dot(weights, inputs, bias)


def _logsumexp_array(values: Any) -> Any:
    with np.errstate(all="ignore"):
        top, rest = numerics.split_top_array(np.asarray(values))
        y = np.where(np.isinf(top), top, top + rest)
        cancels = np.absolute(y) < 0.5 * np.absolute(top)
    return numerics.one_by_one(_logsumexp.forward, cancels, y, values)


@primitive(
    lambda y, values: (softmax(values),),
    name="logsumexp", vectors=(0,), array=_logsumexp_array,
    expansion=lambda values: log(sum([exp(value) for value in values])),
    sheet=_logsumexp_in_cells, native=_logsumexp_native,
)  # fmt: skip
def _logsumexp(values: Sequence[float]) -> float:
    if math.isinf(max(values)) and not any(value != value for value in values):
        return max(values)
    top, rest = numerics.split_top(values)
    y = top + rest
    if math.fabs(y) < -0.5 * top:  # Σ exp(vᵢ) is near 1, and the two cancel
        with decimal.localcontext(numerics.WIDE) as context:
            context.prec += max(0, math.ceil(-math.log10(-top)))  # so that 1 + m is told from 1
            exponentials = [(+decimal.Decimal(value)).exp() for value in values]
            return float(builtins.sum(exponentials, decimal.Decimal()).ln())
    return y


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
    exponentials = numerics.exponentials_of(values, max(values))
    total = math.fsum(exponentials)
    return [exponential / total for exponential in exponentials]


def _softmax_array(x: Any, others: Any) -> Any:
    with np.errstate(all="ignore"):
        top = np.maximum(x, np.max(others, axis=0, initial=-np.inf))
        own = numerics.exponentials_array(x, top)
        return own / (own + np.sum(numerics.exponentials_array(others, top), axis=0))


def _softmax_share_array(part: Any, rest: Any) -> Any:
    with np.errstate(all="ignore"):
        top = np.maximum(np.max(part, axis=0), np.max(rest, axis=0))
        own = np.sum(numerics.exponentials_array(part, top), axis=0)
        return own / (own + np.sum(numerics.exponentials_array(rest, top), axis=0))


def _softmax_share_in_cells(part: Sequence[Any], rest: Sequence[Any]) -> Any:
    top = functools.reduce(maximum, [*part, *rest])
    own, other = (sum([exp(value - top) for value in values]) for values in (part, rest))
    return own / (own + other)


def _softmax_share_partials(y: Any, part: Sequence[Any], rest: Sequence[Any]) -> tuple[Any, Any]:
    probabilities = softmax([*part, *rest])
    other = softmax_share(rest, part)
    return [p * other for p in probabilities[: len(part)]], [-y * p for p in probabilities[len(part) :]]


@primitive(
    lambda y, part, rest: _softmax_share_partials(y, part, rest),
    name="softmax_share", vectors=(0, 1), domain=(ANY, ANY), array=_softmax_share_array, symbol="Σ softmax",
    expansion=lambda part, rest: sum(list(map(exp, part))) / sum(list(map(exp, [*part, *rest]))),
    sheet=_softmax_share_in_cells,
)  # fmt: skip
def _softmax_share(part: Sequence[float], rest: Sequence[float]) -> float:
    exponentials = numerics.exponentials_of([*part, *rest], max(*part, *rest))
    return math.fsum(exponentials[: len(part)]) / math.fsum(exponentials)


def softmax_share(part: Sequence[Any], rest: Sequence[Any]) -> Any:
    """Σ exp(vᵢ) of a part over that of all: the sum of its probabilities, never formed as 1 − the others."""
    if len(part) == 0 or len(rest) == 0:
        return 0.0 if len(part) == 0 else 1.0
    return _softmax_share(list(part), list(rest))


# With p the probabilities of (x, others): y (1 − y) = y Σ others, which keeps its digits as y nears 1.
@primitive(
    lambda y, x, others: (
        y * softmax_share(others, [x]),
        [-y * p for p in softmax([x, *others])[1:]],
    ),
    name="softmax", array=_softmax_array, vectors=(1,), domain=(ANY, ANY),
    expansion=lambda x, others: exp(x) / sum([exp(x), *map(exp, others)]),
    sheet=_softmax_in_cells,
    native=lambda x, others: _softmax_share_in_cells([x], others),
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


def _log_softmax_array(x: Any, others: Any) -> Any:
    with np.errstate(all="ignore"):
        top, rest = numerics.split_top_array(
            np.concatenate([np.broadcast_to(x, (1, *np.shape(others)[1:])), others])
        )
        return (x - top) - rest


# −(y − …) is never formed: 1 − p = Σ of the other probabilities.
@primitive(
    lambda y, x, others: (
        softmax_share(others, [x]),
        [-p for p in softmax([x, *others])[1:]],
    ),
    name="log_softmax", vectors=(1,), domain=(ANY, ANY), symbol="ln softmax",
    array=_log_softmax_array,
    expansion=lambda x, others: x - logsumexp([x, *others]),
    sheet=_log_softmax_in_cells,
    native=lambda x, others: -log1p(sum([exp(other - x) for other in others])),
)  # fmt: skip
def _log_softmax(x: float, others: Sequence[float]) -> float:
    top, rest = numerics.split_top([x, *others])
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
