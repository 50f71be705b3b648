"""The elementary functions as LLVM IR.

`ELEMENTARY[name](builder, *values)` emits the row `name` for values of type ``double`` or ``<n x double>``:
the lanes of a vector get the bits that single numbers get. The code is inline and portable, and chooses
special values by `select`. IEEE 754 throughout: inf on overflow, subnormal numbers on the way to 0, −0 kept,
nan in, nan out. (A processor without fused multiply-add gets the same bits, slowly.)

`BOUNDS` has the errors, a little above the largest seen over many million points. The tests assert them.

Only sin, cos and tan branch: above 10⁹ they call the C library, which LLVM finds in the running process.

The methods are those of Sun's fdlibm (1993) and of Tang (1989, 1990, 1992), rearranged for fused
multiply-add; see Muller, "Elementary Functions" (2016). The polynomials are minimax, fitted by Remez'
exchange algorithm in 45 digits on the interval that the comment names.
"""

from __future__ import annotations

import itertools
import math
import struct
from collections.abc import Callable
from typing import Any, Self, TypeVar

__all__ = ["BOUNDS", "ELEMENTARY", "SHORT"]

BOUNDS = {
    "exp": 1.0, "expm1": 1.1, "log": 0.9, "log1p": 1.0, "sinh": 0.9, "cosh": 0.9, "tanh": 0.9,
    "sin": 0.9, "cos": 0.9, "tan": 1.3, "asin": 1.2, "acos": 1.2, "atan": 1.5, "pow": 1.2, "power": 1.2,
    "log2": 0.6, "log10": 0.6, "sqrt": 0.5, "abs": 0.0, "maximum": 0.0, "minimum": 0.0, "floor": 0.0,
    "ceil": 0.0, "mod": 0.5, "floordiv": 0.5,
}  # fmt: skip
"""By the name of a row: a bound on the error, in units in the last place of the true result."""

SHORT = {"abs", "sqrt", "maximum", "minimum", "floor", "ceil"}
"""Of these rows the code is an instruction or two, of the others some forty."""

ELEMENTARY: dict[str, Callable[..., Any]] = {}
"""By the name of a row in the table: ``emit(builder, *values)``, which returns the value of the result.

The builder may stand in another block afterwards: a loop's `phi` takes `builder.block` as it then is.
"""


# --- arithmetic that emits code --------------------------------------------------------------------


class Lanes:
    """A value of the function being built, with one lane or more.

    Operators emit instructions; a Python number beside a `Lanes` is a constant in every lane.
    """

    __slots__ = ("builder", "value")

    def __init__(self, builder: Any, value: Any) -> None:
        self.builder = builder
        self.value = value

    def like(self, value: Any) -> Self:
        """The same kind of lanes with another value."""
        return type(self)(self.builder, value)

    def operand(self, other: Any) -> Any:
        """The value of an operand that is `Lanes`, or a number for every lane."""
        return _operand(self.value.type, other)


Kind = TypeVar("Kind", bound=Lanes)


def _instruction(name: str, turned: bool = False) -> Callable[[Kind, Any], Kind]:
    """An operator that emits one instruction; `turned` if the number is its left operand."""

    def emit(self: Kind, other: Any) -> Kind:
        values = self.value, self.operand(other)
        return self.like(getattr(self.builder, name)(*(values[::-1] if turned else values)))

    return emit


class Reals(Lanes):
    """Lanes of double precision."""

    __slots__ = ()

    __add__ = __radd__ = _instruction("fadd")
    __sub__, __rsub__ = _instruction("fsub"), _instruction("fsub", turned=True)
    __mul__ = __rmul__ = _instruction("fmul")
    __truediv__, __rtruediv__ = _instruction("fdiv"), _instruction("fdiv", turned=True)

    def __neg__(self) -> Reals:
        return self.like(self.builder.fneg(self.value))

    def compare(self, relation: str, other: Any) -> Bits:
        """Whether the relation holds; with nan none does but ``!=``."""
        compare = self.builder.fcmp_unordered if relation == "!=" else self.builder.fcmp_ordered
        return Bits(self.builder, compare(relation, self.value, self.operand(other)))

    def __lt__(self, other: Any) -> Bits:
        return self.compare("<", other)

    def __gt__(self, other: Any) -> Bits:
        return self.compare(">", other)

    def equals(self, other: Any) -> Bits:
        """Whether the numbers are equal."""
        return self.compare("==", other)

    def call(self, name: str, *others: Any) -> Reals:
        """LLVM's own function of that name: one instruction, or a call of the C library per lane."""
        from llvmlite import ir

        kind = self.value.type
        arguments = [self.value, *map(self.operand, others)]
        lanes = f"v{kind.count}f64" if isinstance(kind, ir.VectorType) else "f64"
        signature = ir.FunctionType(kind, [kind] * len(arguments))
        function = self.builder.module.declare_intrinsic(f"llvm.{name}.{lanes}", fnty=signature)
        return self.like(self.builder.call(function, arguments))

    def fma(self, factor: Any, addend: Any) -> Reals:
        """self · factor + addend, rounded once."""
        return self.call("fma", factor, addend)

    def polynomial(self, *coefficients: float) -> Reals:
        """Σ cⱼ xʲ by Horner's rule."""
        *lower, last = coefficients
        result = self.like(self.operand(last))
        for coefficient in reversed(lower):
            result = result.fma(self, coefficient)
        return result

    def wide_polynomial(self, *coefficients: float) -> Reals:
        """Σ cⱼ xʲ by Estrin's scheme: more instructions, of which fewer wait for each other."""
        terms: list[Any] = list(coefficients)
        power = self
        while len(terms) > 1:
            pairs = itertools.zip_longest(terms[::2], terms[1::2])
            terms = [low if high is None else power.fma(high, low) for low, high in pairs]
            power = power * power
        (result,) = terms
        return self.like(self.operand(result))

    def __abs__(self) -> Reals:
        return self.call("fabs")

    @property
    def bits(self) -> Bits:
        """The same 64 bits, as whole numbers."""
        return Bits(self.builder, self.builder.bitcast(self.value, _retyped(self.value.type, 64)))


class Bits(Lanes):
    """Lanes of whole numbers modulo 2⁶⁴, or of truth values."""

    __slots__ = ()

    __add__ = _instruction("add")
    __sub__, __rsub__ = _instruction("sub"), _instruction("sub", turned=True)
    __and__, __or__, __xor__ = map(_instruction, ("and_", "or_", "xor"))
    __lshift__, __rshift__ = _instruction("shl"), _instruction("lshr")

    def nonzero(self) -> Bits:
        """The lanes that are not 0."""
        return self.like(self.builder.icmp_unsigned("!=", self.value, self.operand(0)))

    def select(self, chosen: Reals | float, otherwise: Reals | float) -> Reals:
        """Of truth values: `chosen` where they are true, else `otherwise`."""
        kind = _retyped(self.value.type)
        chosen, otherwise = _operand(kind, chosen), _operand(kind, otherwise)
        return Reals(self.builder, self.builder.select(self.value, chosen, otherwise))

    @property
    def real(self) -> Reals:
        """The same 64 bits, as numbers of double precision."""
        return Reals(self.builder, self.builder.bitcast(self.value, _retyped(self.value.type)))


def _retyped(kind: Any, width: int = 0) -> Any:
    """The type with as many lanes of whole numbers of that width, or with 0 of doubles."""
    from llvmlite import ir

    element = ir.IntType(width) if width else ir.DoubleType()
    return ir.VectorType(element, kind.count) if isinstance(kind, ir.VectorType) else element


def _operand(kind: Any, operand: Lanes | float) -> Any:
    from llvmlite import ir

    if isinstance(operand, Lanes):
        return operand.value
    return ir.Constant(kind, [operand] * kind.count if isinstance(kind, ir.VectorType) else operand)


def _bits_of(number: float) -> int:
    (bits,) = struct.unpack("<q", struct.pack("<d", number))
    return int(bits)


def _emits(*rows: str) -> Callable[[Callable[..., Reals]], Callable[..., Reals]]:
    """Enter a function of `Reals` as the code of these rows."""

    def enter(rule: Callable[..., Reals]) -> Callable[..., Reals]:
        def emit(builder: Any, *values: Any) -> Any:
            return rule(*(Reals(builder, value) for value in values)).value

        for row in rows:
            ELEMENTARY[row] = emit
        return rule

    return enter


# --- numbers that several functions share ----------------------------------------------------------

LOG2_E = 1.4426950408889634
LN2 = 0.6931471805599453, 2.3190468138462996e-17  # in two parts
LN2_SHORT = 0.6931471805598903, 5.497923018708371e-14  # the first of 42 bits: its product with k is exact
TWO_THIRDS = 0.6666666666666666, 3.700743415417188e-17
HALF_PI = 1.5707963267948966, 6.123233995736766e-17, -1.4973849048591698e-33  # in three parts
SIGN = -(2**63)
ONE = _bits_of(1.0)
MANTISSA = 52
# Added to a number below 2⁵¹ it leaves the nearest whole number in the last bits, with zeros in the twelve
# that a shift to the exponent keeps.
TO_WHOLE = 1.5 * 2.0**52
TINY = 2.0**-54  # below it, x is all that is left of a series x + c x² + ...

# (eʳ − 1 − r)/r² for |r| ≤ ½ ln 2: error 2⁻⁶¹ of r.
EXP = (
    0.5, 0.16666666666666677, 0.0416666666666667, 0.008333333333322165, 0.00138888888888671,
    0.0001984126988491688, 2.480158736040995e-05, 2.755724531548723e-06, 2.755724270434684e-07,
    2.5108682679012783e-08, 2.092449459983587e-09,
)  # fmt: skip
# (sinh r − r)/r³ and (cosh r − 1)/r² in r², for |r| ≤ ½ ln 2: errors 2⁻⁶¹ of r and 2⁻⁵⁸.
SINH = (
    0.16666666666666677, 0.008333333333321587, 0.00019841269886247678, 2.7557244074554126e-06,
    2.510908777074113e-08,
)  # fmt: skip
COSH = (
    0.5000000000000013, 0.04166666666651394, 0.0013888888947374916, 2.480148958546898e-05,
    2.763140477189575e-07,
)  # fmt: skip
# ln((1 + s)/(1 − s)) = 2s + s R, R/s² in s², for √½ ≤ (1 + s)/(1 − s) ≤ √2: error 2⁻⁵⁹ of s.
LOG = (
    0.6666666666666734, 0.39999999999414326, 0.285714287424745, 0.22222198563474335, 0.18183564868806126,
    0.1531403575371128, 0.1479610646486273,
)  # fmt: skip
# The same from the power s⁵ on: error 2⁻⁶⁶ of s.
LOG_TAIL = (
    0.40000000000002256, 0.28571428570100527, 0.22222222519786164, 0.1818178437669024, 0.15386756979306593,
    0.13256824292862715, 0.13196280212614261,
)  # fmt: skip
# (sin r − r)/r³ and (cos r − 1 + r²/2)/r⁴ in r², for |r| ≤ π/4: errors 2⁻⁵⁸ of r and 2⁻⁶³.
SIN = (
    -0.16666666666666632, 0.008333333333322427, -0.00019841269829817178, 2.7557313694545944e-06,
    -2.505075844207318e-08, 1.5896810492335834e-10,
)  # fmt: skip
COS = (
    0.0416666666666666, -0.0013888888888874127, 2.4801587289483675e-05, -2.7557314352589215e-07,
    2.087572329192134e-09, -1.1359648191514785e-11,
)  # fmt: skip
# (arctan r − r)/r³ in r², for |r| ≤ ½: error 2⁻⁶² of r.
ATAN = (
    -0.33333333333333315, 0.19999999999993417, -0.14285714284974876, 0.1111111106921746, -0.09090907687740064,
    0.07692277395139935, -0.06666222685762349, 0.05877800709301835, -0.05229980046473042, 0.04589337629925834,
    -0.037116384572550704, 0.023652148282452167, -0.008364159164658679,
)  # fmt: skip
# (arcsin r − r)/r³ in r², for |r| ≤ ½: error 2⁻⁵⁹ of r.
ASIN = (
    0.16666666666666763, 0.07499999999970096, 0.04464285717528875, 0.03038194267517213, 0.02237221590830904,
    0.017351595467666313, 0.013981018806258955, 0.011397291681314906, 0.010789324767773155,
    0.003672184226135955, 0.021790623274519978, -0.021116654854946276, 0.032702105632022194,
)  # fmt: skip


def _within(x: Reals, low: float, high: float) -> Reals:
    """x, or the bound that it passes; nan stays nan."""
    x = (x < low).select(low, x)
    return (x > high).select(high, x)


def _with_sign(size: Reals, sign: Bits) -> Reals:
    """The size with the sign bit added."""
    return (size.bits ^ sign).real


def _sum(large: Reals | float, small: Reals) -> tuple[Reals, Reals]:
    """large + small, and what its rounding lost (Dekker 1971), for |large| ≥ |small| or large = 0."""
    total = large + small
    return total, small - (total - large)


def _product(a: Reals, b: Reals | float) -> tuple[Reals, Reals]:
    """a · b, and what its rounding lost."""
    product = a * b
    return product, a.fma(b, -product)


def _quotient(a: Reals, a_low: Reals, b: Reals, b_low: Reals) -> Reals:
    """(a + a_low)/(b + b_low), that of the larger parts corrected by what it leaves."""
    reciprocal = 1.0 / b
    y = a * reciprocal
    rest = y.fma(-b, a) + y.fma(-b_low, a_low)
    return rest.fma(reciprocal, y)


# --- exponentials ----------------------------------------------------------------------------------


def _nearest(x: Reals, scale: float) -> tuple[Bits, Reals]:
    """The whole number k nearest to scale · x, as bits whose last twelve are right and as a number."""
    shifted = x.fma(scale, TO_WHOLE)
    return shifted.bits, shifted - TO_WHOLE


def _without_ln2(x: Reals) -> tuple[Bits, Reals, Reals]:
    """k, r and a correction c with x = k ln 2 + r + c and |r| ≤ ½ ln 2."""
    k, whole = _nearest(x, LOG2_E)
    exact = whole.fma(-LN2[0], x)
    r = whole.fma(-LN2[1], exact)
    return k, r, whole.fma(-LN2[1], exact - r)


def _power_of_two(k: Bits, plus: int = 0) -> Reals:
    """2ᵏ⁺ᵖˡᵘˢ, for normal results."""
    return ((k << MANTISSA) + (ONE + (plus << MANTISSA))).real


def _inverse_power_of_two(k: Bits, plus: int = 0) -> Reals:
    """2⁻ᵏ⁺ᵖˡᵘˢ, for normal results."""
    return ((ONE + (plus << MANTISSA)) - (k << MANTISSA)).real


@_emits("exp")
def exp(x: Reals, low: Reals | None = None) -> Reals:
    """2ᵏ eʳ for x + low = k ln 2 + r (Tang 1989), with a `low` that is small beside 1."""
    k, whole = _nearest(x, LOG2_E)
    r = whole.fma(-LN2[1], whole.fma(-LN2[0], x))
    if low is not None:
        r = r + low
    p = 1.0 + (r * r).fma(r.wide_polynomial(*EXP), r)
    # By 2ᵏ in two steps: it may be 2¹⁰²⁴, or the result subnormal, which only the second step may round.
    biased = k + (2 * 1023 - _bits_of(TO_WHOLE))
    half = biased >> 1
    y = p * (half << MANTISSA).real * ((biased - half) << MANTISSA).real
    # Chosen in the end, for nothing that is computed waits for it.
    return (x > 710.0).select(math.inf, (x < -746.0).select(0.0, y))


def _expm1_reduced(x: Reals) -> tuple[Bits, Reals, Reals]:
    """k, r and t with x = k ln 2 + r, to more digits than r has, and e to the power of that is 1 + r + t."""
    k, r, c = _without_ln2(x)
    return k, r, (r * r).fma(r.polynomial(*EXP), c.fma(r, c))


@_emits("expm1")
def expm1(x: Reals) -> Reals:
    """2ᵏ (eʳ − 1) + 2ᵏ − 1, the larger terms summed in two parts (Tang 1992)."""
    k, r, tail = _expm1_reduced(_within(x, -40.0, 710.0))
    scale = _power_of_two(k, -1)  # half of it, for 2¹⁰²⁴ is no number
    rest = scale - 0.5
    large = scale.fma(r, rest)
    small = scale.fma(tail, scale.fma(r, rest - large))
    return (abs(x) < TINY).select(x, 2.0 * (large + small))


@_emits("tanh")
def tanh(x: Reals) -> Reals:
    """(p − m)/(p + m) with p = eʳ and m = 2⁻ᵏ, for 2|x| = k ln 2 + r.

    Both sums are kept in two parts. For small x, where p and m are 1, the second parts are all there is.
    """
    twice = abs(x + x)
    k, r, tail = _expm1_reduced((twice > 40.0).select(40.0, twice))
    q, q_low = _sum(r, tail)
    p, p_low = _sum(1.0, q)
    p_low = p_low + q_low
    m = _inverse_power_of_two(k)
    above, above_low = _sum(p, -m)
    below, below_low = _sum(p, m)
    y = _quotient(above, above_low + p_low, below, below_low + p_low)
    return _with_sign(y, x.bits & SIGN)


def _hyperbolic(size: Reals, odd: bool) -> Reals:
    """sinh or cosh of x ≥ 0, by the addition theorem for k ln 2 + r."""
    k, r, c = _without_ln2((size > 711.0).select(711.0, size))
    square = r * r
    sinh_tail = (r * square).fma(square.polynomial(*SINH), c)  # sinh r − r
    cosh_tail = square * square.polynomial(*COSH)  # cosh r − 1
    # A quarter of sinh(k ln 2) and cosh(k ln 2), for 2¹⁰²⁴ is no number.
    up, down = _power_of_two(k, -3), (size < 100.0).select(_inverse_power_of_two(k, -3), 0.0)
    factor, lost = _sum(up, -down if odd else down)
    other = up + down if odd else up - down
    large = other.fma(r, factor)
    small = factor.fma(cosh_tail, other.fma(sinh_tail, other.fma(r, factor - large) + lost))
    return 4.0 * (large + small)


@_emits("sinh")
def sinh(x: Reals) -> Reals:
    """sinh(k ln 2) cosh r + cosh(k ln 2) sinh r."""
    size = abs(x)
    return _with_sign((size < TINY).select(size, _hyperbolic(size, odd=True)), x.bits & SIGN)


@_emits("cosh")
def cosh(x: Reals) -> Reals:
    """cosh(k ln 2) cosh r + sinh(k ln 2) sinh r."""
    return _hyperbolic(abs(x), odd=False)


# --- logarithms ------------------------------------------------------------------------------------


def _scaled_up(x: Reals) -> tuple[Reals, Reals]:
    """A normal number that is x · 2⁻ᵏ, and k, for x > 0."""
    subnormal = x < 2.0**-1022
    return subnormal.select(x * 2.0**54, x), subnormal.select(-54.0, 0.0)


def _split(x: Reals) -> tuple[Bits, Reals, Reals]:
    """e, k and m with x = 2ᵏ m and √½ ≤ m < √2, for a normal x > 0; e is k + 1023 as bits."""
    root_half = _bits_of(math.sqrt(0.5))
    shifted = x.bits + (ONE - root_half)
    e = shifted >> MANTISSA
    k = (e | _bits_of(2.0**52)).real - (2.0**52 + 1023)
    return e, k, ((shifted & (2**MANTISSA - 1)) + root_half).real


def _log(k: Reals, f: Reals, low: Reals | None = None) -> Reals:
    """k ln 2 + ln(1 + f + low): with s = f/(2 + f), ln(1 + f) = f − f²/2 + s (f²/2 + R(s²)), as in fdlibm."""
    s = f / (2.0 + f)
    square = s * s
    half = 0.5 * f * f
    rest = square.fma(square.polynomial(*LOG), half)
    small = s.fma(rest, k * LN2_SHORT[1]) - half
    if low is not None:
        small = small + low
    large = k.fma(LN2_SHORT[0], f)
    return large + ((f - k.fma(-LN2_SHORT[0], large)) + small)


def _log_at_edges(y: Reals, x: Reals) -> Reals:
    """y = ln x for positive finite x, and the values of IEEE 754 elsewhere."""
    y = (x < math.inf).select(y, x)
    y = x.equals(0.0).select(-math.inf, y)
    return (x < 0.0).select(math.nan, y)


@_emits("log")
def log(x: Reals) -> Reals:
    """k ln 2 + ln m for x = 2ᵏ m."""
    normal, shift = _scaled_up(x)
    _, k, m = _split(normal)
    return _log_at_edges(_log(k + shift, m - 1.0), x)


@_emits("log1p")
def log1p(x: Reals) -> Reals:
    """ln u with u = 1 + x, whose rounding error is added to its mantissa m − 1."""
    u = 1.0 + x
    seen = u - 1.0
    lost = (1.0 - (u - seen)) + (x - seen)  # Knuth's sum: either may be the larger
    e, k, m = _split(u)
    scaled = (u < 2.0**60).select(lost * ((2046 - e) << MANTISSA).real, 0.0)  # by 2⁻ᵏ while it is a number
    f, low = _sum(m - 1.0, scaled)
    return (abs(x) < TINY).select(x, _log_at_edges(_log(k, f, low), u))


# --- trigonometric ---------------------------------------------------------------------------------

HUGE = 1e9  # above it the C library; three parts of π/2 were seen to be enough up to 10¹²
Parts = tuple[Reals, Reals]


def _sine_cosine(size: Reals) -> tuple[Bits, Parts, Parts]:
    """k, sin r and cos r for size = k π/2 + r (Cody and Waite), both as a sum of two yet to be rounded."""
    k, whole = _nearest(size, 2.0 / math.pi)
    exact = whole.fma(-HALF_PI[0], size)
    second, second_low = _product(whole, HALF_PI[1])
    r = exact - second
    r, c = _sum(r, whole.fma(-HALF_PI[2], ((exact - r) - second) - second_low))
    square = r * r
    half = 0.5 * square
    near_one = 1.0 - half
    sine_tail = (r * square).fma(square.polynomial(*SIN), c)
    cosine_tail = (square * square).fma(square.polynomial(*COS), r.fma(-c, (1.0 - near_one) - half))
    return k, (r, sine_tail), (near_one, cosine_tail)


def _library_where_huge(x: Reals, y: Reals, name: str) -> Reals:
    """y, but the C library's function of x where x is huge: it is called only if some lane is."""
    builder, huge = x.builder, abs(x) > HUGE
    before = builder.block
    with builder.if_then(_any(huge), likely=False):
        corrected = huge.select(x.call(name), y)
        inside = builder.block
    result = builder.phi(y.value.type)
    result.add_incoming(corrected.value, inside)
    result.add_incoming(y.value, before)
    return y.like(result)


def _any(truth: Bits) -> Any:
    """Whether any lane is true, as one truth value."""
    from llvmlite import ir

    kind = truth.value.type
    if not isinstance(kind, ir.VectorType):
        return truth.value
    together = truth.like(truth.builder.bitcast(truth.value, ir.IntType(kind.count)))
    return together.nonzero().value


@_emits("sin")
def sin(x: Reals) -> Reals:
    """± sin r or ± cos r for |x| = k π/2 + r, by the quadrant k."""
    k, sine, cosine = _sine_cosine(abs(x))
    odd = (k & 1).nonzero()
    y = odd.select(cosine[0], sine[0]) + odd.select(cosine[1], sine[1])
    y = _with_sign(y, ((k << 62) ^ x.bits) & SIGN)
    return _library_where_huge(x, y, "sin")


@_emits("cos")
def cos(x: Reals) -> Reals:
    """± cos r or ± sin r for |x| = k π/2 + r, by the quadrant k."""
    k, sine, cosine = _sine_cosine(abs(x))
    odd = (k & 1).nonzero()
    y = odd.select(sine[0], cosine[0]) + odd.select(sine[1], cosine[1])
    y = _with_sign(y, ((k + 1) << 62) & SIGN)
    return _library_where_huge(x, y, "cos")


@_emits("tan")
def tan(x: Reals) -> Reals:
    """sin r / cos r or − cos r / sin r for |x| = k π/2 + r."""
    k, sine, cosine = _sine_cosine(abs(x))
    sine, cosine = _sum(*sine), _sum(*cosine)
    odd = (k & 1).nonzero()
    above = [odd.select(c, s) for s, c in zip(sine, cosine, strict=True)]
    below = [odd.select(s, c) for s, c in zip(sine, cosine, strict=True)]
    y = _with_sign(_quotient(*above, *below), (k << 63) ^ (x.bits & SIGN))
    return _library_where_huge(x, y, "tan")


@_emits("atan")
def atan(x: Reals) -> Reals:
    """arctan r, π/4 + arctan r or π/2 + arctan r, with |r| ≤ ½."""
    size = abs(x)
    middle, large = size > 0.5, size > 3.0  # between them size − 1 is exact
    above = large.select(-1.0, middle.select(size - 1.0, size))
    below = large.select(size, middle.select(size + 1.0, 1.0))
    r = above / below
    base, base_low = (large.select(part, middle.select(0.5 * part, 0.0)) for part in HALF_PI[:2])
    square = r * r
    total, lost = _sum(base, r)
    tail = (r * square).fma(square.polynomial(*ATAN), base_low)
    return _with_sign(total + (lost + tail), x.bits & SIGN)


def _arcsine(x: Reals) -> tuple[Bits, Reals, Reals]:
    """Whether |x| > ½, and s and t with s + t = arcsin |x| or, if so, arcsin √((1 − |x|)/2)."""
    size = abs(x)
    large = size > 0.5
    square = large.select(0.5 - 0.5 * size, size * size)
    s = large.select(square.call("sqrt"), size)
    return large, s, s * square * square.polynomial(*ASIN)


def _turned(quarters: Reals, factor: Reals, s: Reals, t: Reals) -> Reals:
    """quarters · π/2 + factor · (s + t)."""
    total, lost = _sum(quarters * HALF_PI[0], factor * s)
    return total + (lost + factor.fma(t, quarters * HALF_PI[1]))


@_emits("asin")
def asin(x: Reals) -> Reals:
    """arcsin |x|; above ½ it is π/2 − 2 arcsin √((1 − |x|)/2)."""
    large, s, t = _arcsine(x)
    return _with_sign(_turned(large.select(1.0, 0.0), large.select(-2.0, 1.0), s, t), x.bits & SIGN)


@_emits("acos")
def acos(x: Reals) -> Reals:
    """π/2 − arcsin x; from ½ on 2 arcsin √((1 − x)/2), and below −½ π minus that of −x."""
    large, s, t = _arcsine(x)
    negative = x < 0.0
    quarters = large.select(negative.select(2.0, 0.0), 1.0)
    factor = large.select(negative.select(-2.0, 2.0), negative.select(1.0, -1.0))
    return _turned(quarters, factor, s, t)


# --- powers ----------------------------------------------------------------------------------------


def _log_in_two_parts(k: Reals, m: Reals) -> tuple[Reals, Reals]:
    """k ln 2 + ln m in two parts, to some 66 bits: with s = (m − 1)/(m + 1), ln m = s (2 + s² T)."""
    above, below = m - 1.0, m + 1.0
    reciprocal = 1.0 / below
    s = above * reciprocal
    s_low = s.fma((below - 1.0) - m, s.fma(-below, above)) * reciprocal
    square, square_low = _product(s, s)
    square_low = (2.0 * s).fma(s_low, square_low)
    factor, factor_low = _sum(TWO_THIRDS[0], square * square.polynomial(*LOG_TAIL))
    factor_low = factor_low + TWO_THIRDS[1]
    product, product_low = _product(square, factor)
    product_low = square.fma(factor_low, square_low.fma(factor, product_low))
    total, total_low = _sum(2.0, product)
    total_low = total_low + product_low
    high, low = _product(s, total)
    low = s.fma(total_low, s_low.fma(total, low))
    high, lost = _sum(k * LN2_SHORT[0], high)
    return _sum(high, lost + k.fma(LN2_SHORT[1], low))


@_emits("pow", "power")
def power(x: Reals, y: Reals) -> Reals:
    """exp(y ln |x|) with the logarithm in two parts, and the special values of C99, annex F.9.4.4."""
    size = abs(x)
    normal, shift = _scaled_up(size)
    _, k, m = _split(normal)
    log_size, log_low = _log_in_two_parts(k + shift, m)
    log_size = _log_at_edges(log_size, size)
    t, t_low = _product(y, log_size)
    t_low = (abs(t) < 1000.0).select(y.fma(log_low, t_low), 0.0)
    z = exp(t, t_low)

    half = 0.5 * y
    fraction, half_fraction = y.compare("!=", y.call("floor")), half.compare("!=", half.call("floor"))
    negative = _with_sign(z, x.bits & SIGN)
    z = half_fraction.select(fraction.select(z, negative), z)
    z = ((x < 0.0) & (x > -math.inf) & fraction).select(math.nan, z)
    one = y.equals(0.0) | x.equals(1.0) | (size.equals(1.0) & abs(y).equals(math.inf))
    return one.select(1.0, z)


# --- logarithms to other bases, in two parts so that those of powers are whole --------------------


def _log_to_base(x: Reals, factor: tuple[float, float]) -> Reals:
    """factor · ln x, the factor in two parts."""
    normal, shift = _scaled_up(x)
    _, k, m = _split(normal)
    high, low = _log_in_two_parts(k + shift, m)
    product, lost = _product(high, factor[0])
    return _log_at_edges(product + high.fma(factor[1], low.fma(factor[0], lost)), x)


@_emits("log2")
def log2(x: Reals) -> Reals:
    """ln x / ln 2."""
    return _log_to_base(x, (LOG2_E, 2.0355273740931033e-17))


@_emits("log10")
def log10(x: Reals) -> Reals:
    """ln x / ln 10."""
    return _log_to_base(x, (0.4342944819032518, 1.098319650216765e-17))


# --- remainders ------------------------------------------------------------------------------------


def _remainder(a: Reals, b: Reals) -> tuple[Reals, Bits]:
    """The remainder with the sign of a, which is exact, and whether that with the sign of b is another."""
    r = a.like(a.builder.frem(a.value, b.value))
    return r, r.compare("!=", 0.0) & ((r.bits ^ b.bits) >> 63).nonzero()


@_emits("mod")
def mod(a: Reals, b: Reals) -> Reals:
    """As Python's %: the sign is that of b, of a 0 too."""
    r, other = _remainder(a, b)
    return r.equals(0.0).select(_with_sign(abs(r), b.bits & SIGN), other.select(r + b, r))


@_emits("floordiv")
def floordiv(a: Reals, b: Reals) -> Reals:
    """As Python's //: (a − a % b)/b to the nearest whole number, and a/b for b = 0."""
    r, other = _remainder(a, b)
    quotient = other.select((a - r) / b - 1.0, (a - r) / b)
    whole = quotient.call("floor")
    whole = (quotient - whole > 0.5).select(whole + 1.0, whole)
    zero = _with_sign(whole.like(whole.operand(0.0)), (a.bits ^ b.bits) & SIGN)
    return b.equals(0.0).select(a / b, quotient.equals(0.0).select(zero, whole))


# --- one instruction, or two -----------------------------------------------------------------------


@_emits("abs")
def absolute(x: Reals) -> Reals:
    """The number without its sign bit."""
    return abs(x)


@_emits("sqrt")
def sqrt(x: Reals) -> Reals:
    """The machine's own, correctly rounded."""
    return x.call("sqrt")


@_emits("maximum")
def maximum(a: Reals, b: Reals) -> Reals:
    """a unless b is larger or nan; a if it is nan."""
    return (a.compare(">=", b) | a.compare("!=", a)).select(a, b)


@_emits("minimum")
def minimum(a: Reals, b: Reals) -> Reals:
    """a unless b is smaller or nan; a if it is nan."""
    return (a.compare("<=", b) | a.compare("!=", a)).select(a, b)


@_emits("floor")
def floor(x: Reals) -> Reals:
    """The machine's own, or the C library's."""
    return x.call("floor")


@_emits("ceil")
def ceil(x: Reals) -> Reals:
    """−⌊−x⌋."""
    return -((-x).call("floor"))
