"""What the engine is judged by: every primitive and its partials again, in mpmath at 50 digits.

Nothing here is taken from the engine: the formulas are the textbook ones, cancellation and overflow
are no concern at 50 digits. A new row of the table needs one entry here.
"""

from collections.abc import Callable
from dataclasses import dataclass

import pytest

mpmath = pytest.importorskip("mpmath", reason="mpmath is the judge; it is in the extra quick")
DIGITS = 50
mp = mpmath.mp.clone()
mp.dps = DIGITS
mpf = mp.mpf

LEAK = mpf(0.01)  # leaky_relu's default slope, the float64 nearest 0.01
CUBIC = mpf("0.044715")  # of gelu_tanh


@dataclass(frozen=True)
class Reference:
    """A function of numbers (and lists of numbers), and its partials in the same shape."""

    value: Callable
    partials: Callable
    undifferentiated: tuple[int, ...] = ()  # arguments that the engine holds constant by convention


def sigma(x):
    return 1 / (1 + mp.exp(-x))


def heaviside(x):
    return mpf(1) if x > 0 else mpf(0)


def weights(values):
    """exp(v − max) for each v; from e to the −10⁷ down they are all the same: nothing, next to a float64."""
    top = max(values)
    return [mp.exp(max(v - top, -(mpf(10) ** 7))) for v in values]


def shares(values):
    """exp(v) / Σ exp(vⱼ) for each v."""
    each = weights(values)
    total = mp.fsum(each)
    return [weight / total for weight in each]


def log_sum(values):
    """max and ln Σ exp(vⱼ − max), whose sum is ln Σ exp(vⱼ)."""
    return max(values), mp.log1p(mp.fsum(sorted(weights(values))[:-1]))


def log_share(v, values):
    top, rest = log_sum(values)
    return (v - top) - rest


def dot(w, x, b=0):
    return mp.fsum([wi * xi for wi, xi in zip(w, x, strict=True)]) + b


def length(values):
    return mp.sqrt(mp.fsum([v * v for v in values]))


def along(x, values):
    """x through the length of the values; 0 where that is 0 (convention: as torch.norm)."""
    return x / length(values) if any(values) else mpf(0)


def vanishing(z):
    """eᶻ; from −10⁷ down nothing, next to a float64, and from 10⁷ on all the same: infinite."""
    return mpf(0) if z < -(10**7) else mp.exp(min(z, mpf(10**7)))


def erfc(x):
    """As mpmath's, which fails for huge numbers."""
    return mpf(2 * (x < 0)) if abs(x) > 10**4 else mp.erfc(x)


def bell(x):
    """The density of the normal distribution."""
    return vanishing(-x * x / 2) / mp.sqrt(2 * mp.pi)


def below(x):
    """Its integral from −∞."""
    return erfc(-x / mp.sqrt(2)) / 2


def gate(x):
    """σ of what the tanh form of gelu has in it, twice."""
    z = 2 * mp.sqrt(2 / mp.pi) * (x + CUBIC * x**3)
    return heaviside(z) if abs(z) > 10**7 else sigma(z)


def larger(a, b):
    return mpf(1) if a > b else mpf(0) if a < b else mpf(1) / 2


REFERENCE = {
    "add": Reference(lambda a, b: a + b, lambda a, b: (1, 1)),
    "sub": Reference(lambda a, b: a - b, lambda a, b: (1, -1)),
    "mul": Reference(lambda a, b: a * b, lambda a, b: (b, a)),
    "div": Reference(lambda a, b: a / b, lambda a, b: (1 / b, -a / b**2)),
    "neg": Reference(lambda a: -a, lambda a: (-1,)),
    "pow": Reference(mp.power, lambda a, n: (n * mp.power(a, n - 1), 0), undifferentiated=(1,)),
    "power": Reference(mp.power, lambda a, b: (b * mp.power(a, b - 1), mp.power(a, b) * mp.ln(a))),
    "monomial": Reference(
        lambda c, a, n, k: c * mp.power(a, n - k),
        lambda c, a, n, k: (
            mp.power(a, n - k),
            c * (n - k) * mp.power(a, n - k - 1),
            c * mp.power(a, n - k) * mp.ln(a),
            -c * mp.power(a, n - k) * mp.ln(a),
        ),
    ),
    "abs": Reference(mp.fabs, lambda x: (mp.sign(x),)),
    "mod": Reference(lambda a, b: a - b * mp.floor(a / b), lambda a, b: (1, -mp.floor(a / b))),
    "floordiv": Reference(lambda a, b: mp.floor(a / b), lambda a, b: (0, 0)),
    "sign": Reference(mp.sign, lambda x: (0,)),
    "floor": Reference(mp.floor, lambda x: (0,)),
    "ceil": Reference(mp.ceil, lambda x: (0,)),
    "square": Reference(lambda x: x * x, lambda x: (2 * x,)),
    "exp": Reference(mp.exp, lambda x: (mp.exp(x),)),
    "log2": Reference(lambda x: mp.log(x, 2), lambda x: (1 / (x * mp.ln(2)),)),
    "log10": Reference(lambda x: mp.log(x, 10), lambda x: (1 / (x * mp.ln(10)),)),
    "logaddexp": Reference(lambda a, b: mp.fsum(log_sum([a, b])), lambda a, b: tuple(shares([a, b]))),
    "cbrt": Reference(lambda x: mp.sign(x) * mp.cbrt(abs(x)), lambda x: (1 / (3 * mp.cbrt(abs(x)) ** 2),)),
    "hypot": Reference(lambda a, b: length([a, b]), lambda a, b: (along(a, [a, b]), along(b, [a, b]))),
    "log": Reference(mp.ln, lambda x: (1 / x,)),
    "log1p": Reference(lambda x: mp.ln(1 + x), lambda x: (1 / (1 + x),)),
    "expm1": Reference(lambda x: mp.exp(x) - 1, lambda x: (mp.exp(x),)),
    "sqrt": Reference(mp.sqrt, lambda x: (1 / (2 * mp.sqrt(x)),)),
    "sin": Reference(mp.sin, lambda x: (mp.cos(x),)),
    "cos": Reference(mp.cos, lambda x: (-mp.sin(x),)),
    "tan": Reference(mp.tan, lambda x: (1 / mp.cos(x) ** 2,)),
    "asin": Reference(mp.asin, lambda x: (1 / mp.sqrt(1 - x**2),)),
    "acos": Reference(mp.acos, lambda x: (-1 / mp.sqrt(1 - x**2),)),
    "atan": Reference(mp.atan, lambda x: (1 / (1 + x**2),)),
    "atan2": Reference(mp.atan2, lambda a, b: (b / (a**2 + b**2), -a / (a**2 + b**2))),
    "asinh": Reference(mp.asinh, lambda x: (1 / mp.sqrt(1 + x**2),)),
    "acosh": Reference(mp.acosh, lambda x: (1 / (mp.sqrt(x - 1) * mp.sqrt(x + 1)),)),
    "atanh": Reference(mp.atanh, lambda x: (1 / mp.sqrt(1 - x**2) ** 2,)),
    "sinh": Reference(mp.sinh, lambda x: (mp.cosh(x),)),
    "cosh": Reference(mp.cosh, lambda x: (mp.sinh(x),)),
    "sech2": Reference(lambda x: 1 / mp.cosh(x) ** 2, lambda x: (-2 * mp.sinh(x) / mp.cosh(x) ** 3,)),
    "tanh": Reference(mp.tanh, lambda x: (1 / mp.cosh(x) ** 2,)),
    "sigmoid": Reference(sigma, lambda x: (sigma(x) * sigma(-x),)),
    "sigmoid_slope": Reference(
        lambda x: sigma(x) * sigma(-x), lambda x: (sigma(x) * sigma(-x) * (sigma(-x) - sigma(x)),)
    ),
    "relu": Reference(lambda x: x * heaviside(x), lambda x: (heaviside(x),)),
    "leaky_relu": Reference(
        lambda x, slope=LEAK: x if x > 0 else slope * x,
        lambda x, slope=LEAK: (1, 0) if x > 0 else (slope, x),
    ),
    "elu": Reference(
        lambda x, alpha=1: x if x > 0 else alpha * (mp.exp(x) - 1),
        lambda x, alpha=1: (1, 0) if x > 0 else (alpha * mp.exp(x), mp.exp(x) - 1),
    ),
    "softplus": Reference(lambda x: mp.ln(1 + mp.exp(x)), lambda x: (sigma(x),)),
    "silu": Reference(lambda x: x * sigma(x), lambda x: (sigma(x) + x * sigma(x) * sigma(-x),)),
    "silu_slope": Reference(
        lambda x: sigma(x) + x * sigma(x) * sigma(-x),
        lambda x: (sigma(x) * sigma(-x) * (2 + x * (sigma(-x) - sigma(x))),),
    ),
    "exp_minus_cx2": Reference(
        lambda x, c: vanishing(-c * x * x),
        lambda x, c: (-2 * c * x * vanishing(-c * x * x), -x * x * vanishing(-c * x * x)),
    ),
    "erf": Reference(mp.erf, lambda x: (2 / mp.sqrt(mp.pi) * vanishing(-x * x),)),
    "erfc": Reference(erfc, lambda x: (-2 / mp.sqrt(mp.pi) * vanishing(-x * x),)),
    "gelu": Reference(lambda x: x * below(x), lambda x: (below(x) + x * bell(x),)),
    "gelu_slope": Reference(lambda x: below(x) + x * bell(x), lambda x: ((2 - x * x) * bell(x),)),
    "gelu_tanh": Reference(
        lambda x: x * gate(x),
        lambda x: (gate(x) + x * gate(x) * gate(-x) * 2 * mp.sqrt(2 / mp.pi) * (1 + 3 * CUBIC * x * x),),
    ),
    "softsign": Reference(lambda x: x / (1 + abs(x)), lambda x: (1 / (1 + abs(x)) ** 2,)),
    "hardtanh": Reference(lambda x: max(-1, min(1, x)), lambda x: (heaviside(1 - abs(x)),)),
    "maximum": Reference(max, lambda a, b: (larger(a, b), larger(b, a))),
    "minimum": Reference(min, lambda a, b: (larger(b, a), larger(a, b))),
    "where": Reference(
        lambda condition, a, b: a if condition else b,
        lambda condition, a, b: (0, 1, 0) if condition else (0, 0, 1),
        undifferentiated=(0,),
    ),
    "take": Reference(
        lambda v, i: v[int(i)], lambda v, i: ([int(j == i) for j in range(len(v))], 0), undifferentiated=(1,)
    ),
    "step": Reference(heaviside, lambda x: (0,)),
    "greater": Reference(lambda a, b: heaviside(a - b), lambda a, b: (0, 0)),
    "sum": Reference(mp.fsum, lambda v: ([1] * len(v),)),
    "mean": Reference(lambda v: mp.fsum(v) / len(v), lambda v: ([mpf(1) / len(v)] * len(v),)),
    "norm": Reference(length, lambda v: ([along(x, v) for x in v],)),
    "norm_slope": Reference(
        lambda x, others: along(x, [x, *others]),
        lambda x, others: (
            along(mp.fsum([v * v for v in others]), [x, *others]) / (length([x, *others]) ** 2 or 1),
            [-x * along(v, [x, *others]) / (length([x, *others]) ** 2 or 1) for v in others],
        ),
    ),
    "dot": Reference(dot, lambda w, x, b=0: (list(x), list(w), 1)),
    "logsumexp": Reference(lambda v: mp.fsum(log_sum(v)), lambda v: (shares(v),)),
    "softmax_share": Reference(
        lambda part, rest: mp.fsum(shares([*part, *rest])[: len(part)]),
        lambda part, rest: (
            [p * mp.fsum(shares([*rest, *part])[: len(rest)]) for p in shares([*part, *rest])[: len(part)]],
            [-p * mp.fsum(shares([*part, *rest])[: len(part)]) for p in shares([*rest, *part])[: len(rest)]],
        ),
    ),
    "softmax": Reference(
        lambda x, others: shares([x, *others])[0],
        lambda x, others: (
            shares([x, *others])[0] * mp.fsum(shares([x, *others])[1:]),
            [-shares([x, *others])[0] * share for share in shares([x, *others])[1:]],
        ),
    ),
    "log_softmax": Reference(
        lambda x, others: log_share(x, [x, *others]),
        lambda x, others: (
            mp.fsum(shares([x, *others])[1:]),
            [-share for share in shares([x, *others])[1:]],
        ),
    ),
}

# Of nn's losses, those from logits: by the logits z alone, the target t is given.
LOSSES = {
    "cross_entropy": Reference(
        lambda z, t: -mp.fsum([weight * log_share(v, z) for v, weight in zip(z, t, strict=True) if weight]),
        lambda z, t: ([share * mp.fsum(t) - weight for share, weight in zip(shares(z), t, strict=True)],),
    ),
    "binary_cross_entropy_with_logits": Reference(
        lambda z, t: t * mp.ln(1 + mp.exp(-z)) + (1 - t) * mp.ln(1 + mp.exp(z)),
        lambda z, t: (sigma(z) - t,),
    ),
}


def reference(name):
    """The entry for a row; a row without one is a row that nobody has checked."""
    if name not in REFERENCE:
        raise AssertionError(f"the primitive {name!r} has no reference: add one to tests/support/oracle.py")
    return REFERENCE[name]


def flatten(args):
    """Numbers and lists of numbers as one flat list."""
    return [each for arg in args for each in (arg if isinstance(arg, (list, tuple)) else [arg])]


def like(flat, args):
    """A flat list in the shape of `args` again."""
    rest = iter(flat)
    return [[next(rest) for _ in arg] if isinstance(arg, (list, tuple)) else next(rest) for arg in args]


def indexed(row, args, number=0):
    """The arguments of a row, with one of the indices into its sequence where it has an index."""
    if row.index is not None:
        args[row.index] = float(number % len(args[0]))
    return args


def exactly(args):
    """Floats, and lists of floats, as mpmath numbers of the same value."""
    return [[mpf(each) for each in arg] if isinstance(arg, (list, tuple)) else mpf(arg) for arg in args]


def derivative(name, args, *along):
    """∂f/∂(the flat arguments numbered by `along`) by mpmath's numerical differentiation at 100 digits.

    Of them 50 are what a derivative may be smaller than the value, as that of a softmax is.
    """
    entry = reference(name)
    constant = flatten(
        [[i in entry.undifferentiated] * len(arg) if isinstance(arg, list) else i in entry.undifferentiated
         for i, arg in enumerate(args)]
    )  # fmt: skip
    if any(constant[i] for i in along):
        return mpf(0)
    flat = exactly([flatten(args)])[0]
    names = sorted(set(along))

    def restricted(*moved):
        point = list(flat)
        for i, value in zip(names, moved, strict=True):
            point[i] = value
        return entry.value(*like(point, args))

    with mp.workdps(2 * DIGITS):
        if len(names) == 1:
            return mp.diff(restricted, flat[names[0]], len(along))
        return mp.diff(restricted, tuple(flat[i] for i in names), tuple(along.count(i) for i in names))
