"""Where accuracy is measured: over the whole range of float64, and closest where it is hardest.

The points of a function of numbers come from lines: all arguments but one are held, and that one runs
over the magnitudes from the smallest subnormal to the largest finite number, of both signs. Wherever the
truth changes its kind between two of them (its sign; undefined, subnormal, normal or overflowing) the
change is bisected to two neighbouring floats, and points are set around these at every distance. So zeros
of the function and of its derivatives, ends of the domain, overflow and underflow are found, not listed.
"""

import functools
import itertools
import math
import random
import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

Args = tuple[Any, ...]
Kind = tuple[Any, ...] | None
"""What is told of a point: for each number that the function gives there whether it is undefined, its
sign, and its size; `None` where nothing about it can be judged."""

HARDEST_ANGLE = 6381956970095103.0 * 2.0**797  # of all floats the nearest to a multiple of π/2
LARGEST = math.nextafter(math.inf, 0.0)
SMALLEST = math.nextafter(0.0, 1.0)


def ordinal(x: float) -> int:
    """The number of a float when all are counted from 0.0: neighbours differ by 1."""
    (bits,) = struct.unpack("<q", struct.pack("<d", abs(x)))
    return bits if x >= 0 else -bits


def float_at(number: int) -> float:
    """The float of that number; beyond the last finite one, that one."""
    (size,) = struct.unpack("<d", struct.pack("<q", min(abs(number), ordinal(LARGEST))))
    return math.copysign(size, number)


def some_float(choose: random.Random) -> float:
    """Of any magnitude, or of a usual one, or one that functions treat in their own way, or next to 1."""
    sign = choose.choice((-1.0, 1.0))
    kind = choose.random()
    if kind < 0.35:
        return sign * max(SMALLEST, math.ldexp(choose.uniform(0.5, 1.0), choose.randint(-1073, 1024)))
    if kind < 0.65:
        return sign * 10.0 ** choose.uniform(-8, 3)
    if kind < 0.85:
        return sign * choose.uniform(0.0, 50.0)
    if kind < 0.95:
        return sign * choose.choice((0.5, 1.0, 2.0, 3.0, 10.0))
    return sign * (1.0 + choose.choice((-1, 1)) * 2.0 ** choose.uniform(-52, -1))


def around(number: int, choose: random.Random) -> Iterator[float]:
    """The float of that number, its neighbours, and one in each power of 16 of distances on both sides."""
    yield float_at(number)
    for side in (-1, 1):
        for distance in (1, 2, *(int(2.0 ** (k + choose.random())) for k in range(2, 52, 4))):
            yield float_at(number + side * distance)


def line(kind_at: Callable[[float], Kind], choose: random.Random, steps: int, edges: int) -> Iterator[float]:
    """Floats of all magnitudes and around `edges` of the changes of kind along them."""
    exponents = [-1073 + 2097 * (k + choose.random()) / steps for k in range(steps)]
    ladder = [
        sign * max(SMALLEST, math.ldexp(choose.uniform(0.5, 1.0), round(exponent)))
        for exponent in exponents
        for sign in (-1.0, 1.0)
    ]
    numbers = sorted({0.0, HARDEST_ANGLE, *ladder, *(some_float(choose) for _ in range(steps))})
    yield from numbers
    kinds = map(kind_at, numbers)
    changes = [
        (ordinal(low), ordinal(high), kind)
        for (low, kind), (high, other) in itertools.pairwise(zip(numbers, kinds))
        if kind != other
    ]
    for low, high, kind in choose.sample(changes, min(edges, len(changes))):
        while high - low > 1:
            middle = (low + high) // 2
            if kind_at(float_at(middle)) == kind:
                low = middle
            else:
                high = middle
        yield from around(low, choose)


def of_numbers(
    arity: int,
    kind_of: Callable[[Args], Kind],
    seed: str,
    count: int,
    choices: Mapping[int, Sequence[float]] | None = None,
) -> list[Args]:
    """`count` points or more of a function of `arity` numbers, each of which can be judged.

    An argument whose position is among the `choices` takes no other numbers.
    """
    choose = random.Random(seed)
    choices = choices or {}
    kind = functools.cache(kind_of)
    points: dict[Args, None] = {}
    steps, edges = (count // 5 + 1, count // 50 + 4) if arity == 1 else (10, 3)
    free = [i for i in range(arity) if i not in choices]
    for moving in itertools.islice(itertools.cycle(free), count):
        held = [choose.choice(choices[i]) if i in choices else some_float(choose) for i in range(arity)]

        def point(x: float, held: list[float] = held, moving: int = moving) -> Args:
            return (*held[:moving], x, *held[moving + 1 :])

        for x in line(lambda x: kind(point(x)), choose, steps, edges):
            if kind(point(x)) is not None:
                points[point(x)] = None
        if len(points) >= count:
            break
    return list(points)


# --- logits ----------------------------------------------------------------------------------------


def logits(choose: random.Random) -> list[float]:
    """As logits come: alike, equal, of all magnitudes, far apart, on one scale, huge, or cancelling."""
    size = choose.choice((1, 2, 2, 3, 3, 5, 12))
    kind = choose.randrange(7)
    if kind == 0:
        return [choose.uniform(-5.0, 5.0) for _ in range(size)]
    if kind == 1:
        return [some_float(choose)] * size
    if kind == 2:
        return [some_float(choose) for _ in range(size)]
    if kind == 3:  # gaps up to where the exponential of a gap is subnormal
        top = choose.choice((0.0, choose.uniform(-800.0, 800.0), choose.uniform(-1e5, 1e5)))
        return choose.sample([top, *(top - choose.uniform(0.0, 740.0) for _ in range(size - 1))], size)
    if kind == 4:
        scale = 10.0 ** choose.uniform(-300, 300)
        return [choose.uniform(-scale, scale) for _ in range(size)]
    if kind == 5:
        return [choose.choice((-1e300, 0.0, 1.0, 1e300, choose.uniform(-1e300, 1e300))) for _ in range(size)]
    return cancelling(choose, size + 1)


def cancelling(choose: random.Random, size: int) -> list[float]:
    """Logits whose exponentials have a sum as near to 1 as the rounding of the last allows, or nearly so."""
    smallest = choose.choice((-3.0, -12.0, -300.0))
    shares = [10.0 ** choose.uniform(smallest, -0.3) for _ in range(size - 1)]
    shares = [share / max(1.0, 1.1 * math.fsum(shares)) for share in shares]
    first = list(map(math.log, shares))
    last = math.log1p(-math.fsum(map(math.exp, first)))
    last *= 1.0 + choose.choice((0.0, 0.0, 2.0 ** choose.uniform(-52, -2)))
    return choose.sample([*first, last], size)
