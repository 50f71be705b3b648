"""What is judged: every row of the table, and nn's losses from logits."""

import functools
import itertools
import math
import random
from collections.abc import Callable, Iterable, Mapping
from inspect import signature
from typing import Any

import numpy as np

import nn
from autograd import Value, grad
from autograd.engine.primitives import TABLE, Primitive
from tests.accuracy import points
from tests.accuracy.judge import OURS, Engine, Subject, is_normal, kind
from tests.accuracy.peers import PEERS, missing
from tests.accuracy.points import Args
from tests.support import oracle

mp = oracle.mp
LOGITS: dict[str, Any] = {"limit": 8.0}


def subjects(names: Iterable[str] = (), compare: bool = False) -> list[Subject]:
    """Those whose name begins with one of the names, or all; with the peers that are installed, or alone."""
    builders = {name: functools.partial(of_row, row, compare) for name, row in TABLE.items()}
    for title, (name, sampled, special) in LOSSES.items():
        builders[title] = functools.partial(of_loss, title, name, sampled, special, compare)
    return [
        build()
        for title, build in builders.items()
        if not names or any(title.startswith(name) for name in names)
    ]


def engines_of(ours: Engine, name: str, compare: bool) -> dict[str, Engine]:
    peers = {peer: PEERS[peer](name) for peer in PEERS if compare and peer not in missing()}
    return {OURS: ours, **{peer: engine for peer, engine in peers.items() if engine is not None}}


# --- rows ------------------------------------------------------------------------------------------


def flat(slopes: Iterable[Any], args: Args) -> list[float]:
    """A row's partials, one for each number among the arguments."""
    each = [np.broadcast_to(slope, np.shape(arg)).ravel().tolist() for slope, arg in zip(slopes, args)]
    return oracle.flatten(each)


def hessian_of(row: Primitive) -> Engine:
    def engine(*args: Any) -> list[float]:
        leaves = [list(map(Value, arg)) if isinstance(arg, list) else Value(arg) for arg in args]
        flat = oracle.flatten(leaves)
        first = grad(row(*leaves), flat, create_graph=True)
        return [second for slope in first for second in grad(slope, flat)]

    return engine


def of_row(row: Primitive, compare: bool) -> Subject:
    reference = oracle.reference(row.name)

    def engine(*args: Any) -> list[float]:
        y = row.evaluate(*args)
        return [y, *flat(row.partials_at(y, *args), args)]

    def with_numbers(count: int) -> Iterable[Args]:
        choices = CHOICES.get(row.name)
        return points.of_numbers(
            len(row.domain), lambda args: kind(reference, args), row.name, count, choices
        )

    def with_sequences(count: int) -> Iterable[Args]:
        choose = random.Random(row.name)
        for _ in range(count):
            numbers = points.logits(choose)
            if row.index is not None:
                yield numbers, float(choose.randrange(len(numbers)))
            elif row.vectors == (0,):
                yield (numbers,)
            elif row.vectors == (1,):
                yield numbers[0], numbers[1:]
            elif len(row.domain) == 2:
                size = choose.randint(1, len(numbers)) if len(numbers) > 1 else 1
                yield numbers[:size], [*numbers[size:], choose.uniform(-5.0, 5.0)]
            else:
                yield numbers, [points.some_float(choose) for _ in numbers], points.some_float(choose)

    engines = engines_of(engine, row.name, compare)
    if row.name in dir(math) and not row.vectors:
        engines["math"] = lambda *args: plainly(args, getattr(math, row.name), *SLOPES.get(row.name, ()))
    return Subject(
        name=row.name,
        engines=engines,
        reference=reference,
        parameters=tuple(signature(row.forward).parameters)[: len(row.domain)],
        points=with_sequences if row.vectors else with_numbers,
        kinks=list(row.kinks),
        bends=hessian_of(row),
        bend_units=BENDS.get(row.name, (None, ""))[0],
        bend_note=BENDS.get(row.name, (None, ""))[1],
        **SPECIAL.get(row.name, {}),
    )


def plainly(args: Args, *functions: Callable[..., float]) -> list[float]:
    """What Python's own functions give."""

    def result(function: Callable[..., float]) -> float:
        try:
            return float(function(*args))
        except (ArithmeticError, ValueError):
            return math.nan

    return list(map(result, functions))


# First and second derivatives that are functions of `math` themselves, and as good as these.
SLOPES: Mapping[str, tuple[Callable[..., float], ...]] = {
    "sin": (math.cos,),
    "cos": (lambda x: -math.sin(x),),
    "tan": (lambda x: 1.0 + math.tan(x) ** 2, lambda x: 2.0 * math.tan(x) * (1.0 + math.tan(x) ** 2)),
    "sinh": (math.cosh,),
    "cosh": (math.sinh,),
}


def size_of_terms(weights: list[float], inputs: list[float], bias: float) -> list[Any]:
    with np.errstate(over="ignore"):
        size = np.absolute(np.multiply(weights, inputs)).sum() + abs(bias)
    return [float(size)] + [None] * (2 * len(weights) + 1)


# Arguments that are not any number: by row and position, those they are.
CHOICES: Mapping[str, Mapping[int, tuple[float, ...]]] = {
    "where": {0: (0.0, 1.0)},
    "exp_minus_cx2": {1: (0.125, 0.25, 0.5, 1.0)},
    "monomial": {0: (1.0, -0.3, 2.7e5, -6.1e-200, 8.3e200), 3: (0.0, 1.0, 2.0, 3.0)},  # as rules use it
}


def where_the_length_is_normal(*args: Any) -> list[Any]:
    flat = oracle.flatten(args)
    return [None if is_normal(math.hypot(*flat)) else 0.0] * (1 + len(flat))


def size_of_gate(x: float) -> list[Any]:
    """What the rounding of w = 2√(2/π)(x + 0.044715x³) makes of σ(w), and of the terms of the slope."""
    exact = oracle.mpf(x)
    rise = 2 * mp.sqrt(2 / mp.pi) * (1 + 3 * oracle.CUBIC * exact**2)
    worse = 1 + abs(exact * rise)
    share = oracle.gate(exact)
    slope = abs(exact * rise * share * oracle.gate(-exact))
    return [abs(exact * share) * worse, (share + slope) * worse]


LENGTH: dict[str, Any] = {
    "units": where_the_length_is_normal,
    "note": "where the length is a normal number",
}
SPECIAL: Mapping[str, dict[str, Any]] = {
    "hypot": LENGTH,
    "norm": LENGTH,
    "norm_slope": LENGTH,
    "gelu_slope": {"bend_limit": 10.0},  # in it are two of its halves, each squared: four exponentials
    "gelu_tanh": {"units": size_of_gate, "note": "in ulp of its terms, times 1 + |w|: w is rounded"},
    "dot": {"units": size_of_terms, "note": "value in ulp of Σ|wᵢxᵢ| + |b|: terms may cancel"},
    "logsumexp": LOGITS,
    "softmax": LOGITS,
    "log_softmax": LOGITS,
}


# --- second derivatives whose terms cancel ---------------------------------------------------------

Sizes = Callable[..., list[Any]]


def entries(args: Args, sizes: Mapping[tuple[int, int], Any]) -> list[Any]:
    """The units of a Hessian, row by row: these sizes on both sides of the diagonal, else the truth's."""
    size = len(oracle.flatten(args))
    return [sizes.get((min(i, j), max(i, j))) for i in range(size) for j in range(size)]


def of_one(size: Callable[[Any], Any]) -> Sizes:
    """For a function of one number."""
    return lambda x: [abs(size(oracle.mpf(x)))]


def sech2_terms(x: Any) -> Any:
    y = 1 / mp.cosh(x) ** 2
    return y * (4 * mp.tanh(x) ** 2 + 2 * y)


def silu_terms(x: Any) -> Any:
    slope, half = oracle.sigma(x) * oracle.sigma(-x), abs(mp.tanh(x / 2))
    return slope * (half * abs(2 - abs(x) * half) + half + abs(x) / 2 * (1 - half**2))


def gaussian_terms(x: float, c: float) -> list[Any]:
    base, factor = oracle.exactly([[x, c]])[0]
    scaled = factor * base**2
    y = mp.exp(-scaled)
    return entries((x, c), {(0, 0): y * factor * (4 * scaled + 2), (0, 1): y * abs(base) * (2 + 2 * scaled)})


def gelu_tanh_terms(x: Any) -> Any:
    kappa = 2 * mp.sqrt(2 / mp.pi)
    rise, bend = kappa * (1 + 3 * oracle.CUBIC * x * x), 6 * kappa * oracle.CUBIC * x
    terms = 2 * rise + abs(x * bend) + abs(x) * rise**2
    return oracle.gate(x) * oracle.gate(-x) * terms * (1 + abs(x * rise))


def power_terms(a: float, b: float) -> list[Any]:
    base, exponent = oracle.mpf(a), oracle.mpf(b)
    if base <= 0:
        return [None] * 4
    size = base ** (exponent - 1) * (1 + abs(exponent * mp.ln(base)))
    return entries((a, b), {(0, 1): size if is_normal(base**exponent) else 0})


def monomial_terms(c: float, a: float, n: float, k: float) -> list[Any]:
    base, exponent = oracle.mpf(a), oracle.mpf(n) - oracle.mpf(k)
    if base <= 0:
        return [None] * 16
    lower = base ** (exponent - 1)
    mixed = abs(oracle.mpf(c)) * lower * (1 + abs(exponent * mp.ln(base)))
    return entries((c, a, n, k), {(0, 1): None if is_normal(lower) else 0, (1, 2): mixed, (1, 3): mixed})


def component_terms(x: float, others: list[float]) -> list[Any]:
    numbers = oracle.exactly([[x, *others]])[0]
    length = oracle.length(numbers)
    if not is_normal(length):
        return entries((x, others), dict.fromkeys(pairs(len(numbers)), 0))
    cube = length**3
    mixed = {(0, i): abs(v) / cube for i, v in enumerate(numbers) if i}
    return entries((x, others), mixed | {(i, i): abs(numbers[0]) / cube for i in range(1, len(numbers))})


def pairs(size: int) -> Iterable[tuple[int, int]]:
    return itertools.combinations_with_replacement(range(size), 2)


def angle_terms(a: float, b: float) -> list[Any]:
    length = oracle.length(oracle.exactly([[a, b]])[0])
    lost = any(0 < abs(number) < 3e-308 * max(1, length) for number in (a, b))
    return [0 if lost else None if i % 3 else 1 / length**2 if length else None for i in (1, 0, 0, 1)]


def share_terms(part: list[float], rest: list[float]) -> list[Any]:
    """Of p₁ + ... + pₘ, whose second derivatives have factors such as 1 − 2 pᵢ."""
    probabilities, size = oracle.shares(oracle.exactly([[*part, *rest]])[0]), len(part)
    own, other = mp.fsum(probabilities[:size]), mp.fsum(sorted(probabilities[size:]))
    sizes = {}
    for i, j in pairs(len(probabilities)):
        if i == j:
            sizes[i, j] = probabilities[i] * (other if i < size else own)
        elif i < size <= j:
            sizes[i, j] = probabilities[i] * probabilities[j]
    return entries((part, rest), sizes)


HALVES = "in ulp of the larger term: the difference of two is 0 at a probability of ½"
BENDS: Mapping[str, tuple[Sizes, str]] = {
    "power": (power_terms, "∂a∂b in ulp of its terms: 1 + b ln a is 0 somewhere; where aᵇ is normal"),
    "monomial": (
        monomial_terms,
        "∂a∂n in ulp of its terms: 1 + (n − k) ln a is 0 somewhere; ∂c∂a where aⁿ⁻ᵏ⁻¹ is normal",
    ),
    "atan2": (angle_terms, "∂a∂b in ulp of 1/(a² + b²): 0 at |a| = |b|; where a/√(a² + b²) is normal"),
    "sech2": (of_one(sech2_terms), "in ulp of its terms: 0 at ±0.658"),
    "sigmoid_slope": (of_one(lambda x: sech2_terms(x / 2) / 16), "in ulp of its terms: 0 at ±1.317"),
    "silu_slope": (of_one(silu_terms), "in ulp of its terms: 0 somewhere"),
    "exp_minus_cx2": (gaussian_terms, "in ulp of their terms: ∂x∂x is 0 at 2cx² = 1, ∂x∂c at cx² = 1"),
    "gelu_slope": (
        of_one(lambda x: oracle.bell(x) * abs(x) * (x * x + 4)),
        "in ulp of its terms: 0 at ±2",
    ),
    "gelu_tanh": (of_one(gelu_tanh_terms), "in ulp of its terms, times 1 + |w|: w is rounded"),
    "norm_slope": (component_terms, "in ulp of its terms: 0 where 2x² = Σvⱼ²; where the length is normal"),
    "softmax": (lambda x, others: share_terms([x], others), HALVES),
    "softmax_share": (share_terms, HALVES),
}
"""By row: of a Hessian the numbers whose ulp is meant, where they are not those of the truth, and why not."""


# --- losses ----------------------------------------------------------------------------------------


def of_loss(
    title: str, name: str, sampled: Callable[[random.Random], Args], special: dict[str, Any], compare: bool
) -> Subject:
    def engine(z: Any, target: Any) -> list[Any]:
        leaves = list(map(Value, z)) if isinstance(z, list) else Value(z)
        loss = nn.LOSSES[name](leaves, target)
        loss.backward()
        return [loss.data, *(leaf.grad for leaf in oracle.flatten([leaves]))]

    def with_targets(count: int) -> Iterable[Args]:
        choose = random.Random(title)
        return [sampled(choose) for _ in range(count)]

    return Subject(
        name=title,
        engines=engines_of(engine, name, compare),
        reference=oracle.LOSSES[name],
        parameters=("z",),
        points=with_targets,
        **special,
    )


def class_among_logits(choose: random.Random) -> Args:
    z = points.logits(choose)
    label = choose.randrange(len(z))
    return z, [float(k == label) for k in range(len(z))]


def shares_among_logits(choose: random.Random) -> Args:
    z = points.logits(choose)
    sizes = [choose.random() for _ in z]
    return z, [size / math.fsum(sizes) for size in sizes]


def larger_term(z: Any, target: Any) -> list[Any]:
    """For each z, its probability or its target."""
    exact = oracle.exactly([z])[0]
    probabilities = oracle.shares(exact) if isinstance(z, list) else [oracle.sigma(exact)]
    return [None, *map(max, probabilities, oracle.flatten([target]))]


CANCELS = {**LOGITS, "units": larger_term, "note": "∂z = p − t in ulp of the larger: they may cancel"}

LOSSES: Mapping[str, tuple[str, Callable[[random.Random], Args], dict[str, Any]]] = {
    "cross_entropy": ("cross_entropy", class_among_logits, LOGITS),
    "cross_entropy, soft targets": ("cross_entropy", shares_among_logits, CANCELS),
    "binary_cross_entropy_with_logits": (
        "binary_cross_entropy_with_logits",
        lambda choose: (points.some_float(choose), choose.choice((0.0, 1.0))),
        LOGITS,
    ),
    "binary_cross_entropy_with_logits, soft targets": (
        "binary_cross_entropy_with_logits",
        lambda choose: (points.some_float(choose), choose.random()),
        CANCELS,
    ),
}
