"""±0, ±inf, nan, the smallest subnormal and the largest finite number in every row, at orders 0, 1 and 2.

What is expected is not taken from the engine. It is the limit of the oracle's formulas as the operands
approach the special ones: 0 from above and −0 from below, inf without bound. Where nothing lies on that
side (√ left of 0) the other side counts; where there is no limit, IEEE 754 has nan. A nan is a number
that nobody knows: what is the same for all numbers stays known. Only where a convention decides instead
is there a table, CONVENTIONS. So a new row is covered by its entry in the oracle.
"""

import itertools
import math
import random
import sys

import pytest

from autograd import Value, grad
from autograd.engine.primitives import TABLE
from tests.support import oracle
from tests.support.oracle import flatten, like, mp, mpf
from tests.support.profiles import scaled, slow

inf, nan = math.inf, math.nan
TINY, LARGEST = 5e-324, sys.float_info.max
SPECIAL = [0.0, -0.0, TINY, -TINY, LARGEST, -LARGEST, inf, -inf]
EPS = 2.0**-52
# monomial is what the rules of pow, power and div are made of: it is tested here as their orders 1 and 2.
ROWS = [row for row in TABLE.values() if row.name != "monomial"]
rows = pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)

EXPONENTS = (350, 400, 460)  # the numbers 10^±these stand for inf and 0: beyond all floats, and growing
STEP = mpf(10) ** -40  # of central differences; their relative error is its square
DIGITS = 640  # enough to see such a step from the smallest stand-in
SEVERAL = 1500  # digits when several operands move, at up to three times the exponents


# --- limits ----------------------------------------------------------------------------------------


def approaches(x, speed):
    """Sequences of three numbers that tend to x, the most faithful first; speed 0 is to stand still."""
    if speed == 0:
        return [[mpf(x)] * 3]
    if math.isinf(x):  # with a third, so that no function takes them for integers
        return [[math.copysign(1, x) * (mpf(10) ** (speed * k) + mpf(1) / 3) for k in EXPONENTS]]
    above, below = [[mpf(x) + side * mpf(10) ** (-speed * k) for k in EXPONENTS] for side in (1, -1)]
    there = [mpf(x)] * 3
    if x != 0:
        return [there, above, below]
    return [above, below, there] if math.copysign(1, x) > 0 else [below, above, there]


def settled(sequence):
    """What three numbers of a sequence tend to: a float, or nan when nothing can be told."""
    if not all(isinstance(number, mpf) and mp.isfinite(number) for number in sequence):
        return nan
    first, second, third = sequence
    if abs(third - second) <= abs(third) * mpf(10) ** -30 >= abs(second - first):
        return float(third)
    if first * second > 0 and second * third > 0:
        if abs(third) > 1.1 * abs(second) > 1.2 * abs(first):
            return math.copysign(inf, third)
        if 1.2 * abs(third) < 1.1 * abs(second) < abs(first):
            return math.copysign(0.0, third)
    return nan


def along(f, paths):
    """The limit of each of the numbers that f gives, along one path for each operand; None off the domain."""
    places = dict.fromkeys(zip(*paths, strict=True))
    try:
        points = [[mp.convert(number) for number in f(place)] for place in places]
    except (ArithmeticError, ValueError):
        return None
    return [settled(sequence * (3 // len(points))) for sequence in zip(*points, strict=True)]


def sides(f, flat, speeds):
    """The limits of what f gives from all sides on which it is defined, the most faithful first."""
    found = (along(f, paths) for paths in itertools.product(*map(approaches, flat, speeds)))
    return (limits for limits in found if limits is not None)


def limits(f, flat, speeds):
    """On the first side on which all limits exist, or else on the most faithful side; None off the domain."""
    tried = []
    for found in sides(f, flat, speeds):
        if not any(map(math.isnan, found)):
            return found
        tried.append(found)
    return tried[0] if tried else None


def in_common(cases):
    """Of several lists the entries on which they agree; nan for the others, None where one says nothing."""
    return [
        None if None in each else each[0] if all(agree(each[0], other) for other in each) else nan
        for each in zip(*cases, strict=True)
    ]


def agree(got, expected, ulps=0):
    """Equal, both nan, or as near as that many units in the last place."""
    if math.isfinite(got) and math.isfinite(expected):
        return abs(mpf(got) - mpf(expected)) <= ulps * mpf(math.ulp(expected))
    return got == expected or (math.isnan(got) and math.isnan(expected))


# --- conventions -----------------------------------------------------------------------------------


def power(a, n):
    """What C99, annex F.9.4.4, and IEEE 754-2008, section 9.2.1, say of aⁿ where it has no limit."""
    extreme = abs(n) in (0, TINY, LARGEST, inf)
    if (a > 0 and a not in (1, inf)) or not (extreme or (a == -inf and n % 1)):
        return None
    if n == 0 or a == 1:
        value = 1.0
    elif abs(n) >= LARGEST:  # an even number, and so is inf
        value = inf if (abs(a) > 1) == (n > 0) else 0.0
    elif a == 0 or math.isinf(a):
        value = inf if math.isinf(a) == (n > 0) else 0.0
    else:
        value = nan
    return value, [0.0, 0.0] if a == n == 0 else None


def overflows(a, b):
    return math.isfinite(a) and math.isfinite(b) and math.isinf(a * b)


def angle(a, b):
    """What C99, annex F.9.1.4, says of arctan2; a length beyond LARGEST is infinite, as a product is."""
    if math.isfinite(a) and math.isfinite(b) and math.isinf(math.hypot(a, b)):
        return math.atan2(a, b), [0.0, 0.0]
    return (math.atan2(a, b), None) if a == b == 0 or (math.isinf(a) and math.isinf(b)) else None


def direction(x, others):
    """0 at 0, as the gradient of a length; a length beyond LARGEST is infinite."""
    if not any([x, *others]):
        return 0.0, [0.0] * (1 + len(others))
    quarters = [value / 4 for value in (x, *others)]
    if all(map(math.isfinite, quarters)) and math.isinf(math.hypot(x, *others)):
        return quarters[0] / math.hypot(*quarters), [0.0] * len(quarters)
    return None


# For each row the value and the partials where a convention decides; None for all other operands, and in
# place of the partials where they are not part of it.
CONVENTIONS = {
    # design.md, the kink table
    "abs": lambda x: (0.0, [0.0]) if x == 0 else None,
    "relu": lambda x: (0.0, [0.0]) if x == 0 else None,
    "maximum": lambda a, b: (a, [0.5, 0.5]) if a == b else None,
    "minimum": lambda a, b: (a, [0.5, 0.5]) if a == b else None,
    "pow": power,
    "power": power,
    # 1 for x > 0 and for a > b, otherwise 0
    "hypot": lambda a, b: (0.0, [0.0, 0.0]) if a == b == 0 else None,
    "norm": lambda values: None if any(values) else (0.0, [0.0] * len(values)),
    "norm_slope": direction,
    "atan2": angle,
    "step": lambda x: (0.0, [0.0]) if x == 0 else None,
    "greater": lambda a, b: (0.0, [0.0, 0.0]) if a == b else None,
    "sign": lambda x: (0.0, [0.0]) if x == 0 else None,
    # 0 is a whole number, and −0 is
    "floor": lambda x: (x, [0.0]) if x == 0 else None,
    "ceil": lambda x: (x, [0.0]) if x == 0 else None,
    # as Python's floats have it
    "mod": lambda a, b: (a % b if b else nan, []),
    "floordiv": lambda a, b: (
        (a // b, [])
        if b
        else (nan, [])
        if a == 0 or a != a
        else (math.copysign(inf, a * math.copysign(1.0, b)), [])
    ),
    # the second derivative has a kink, that of |x|
    "softsign": lambda x: (x, [1.0]) if x == 0 else None,
    # two infinite ones share, as of their maximum
    "logaddexp": lambda a, b: (inf, [0.5, 0.5]) if a == b == inf else None,
    "where": lambda condition, a, b: (b, [0.0, 0.0, 1.0]) if condition == 0 else None,
    # products as IEEE 754 rounds them: beyond LARGEST they are infinite
    "dot": lambda w, x, b: (w[0] * x[0] + b, [*x, *w, 1.0]) if overflows(w[0], x[0]) else None,
    # the left piece at 0, as in torch: the value is slope · 0
    "leaky_relu": lambda x, slope: (slope * x, [slope, 0.0]) if x == 0 else None,
    "elu": lambda x, alpha: (alpha * x, [alpha, 0.0]) if x == 0 else None,
}


# --- what is expected, and what the engine gives ---------------------------------------------------


def shape(row, length):
    """Arguments for the row, all 0: lists of that length where it takes sequences."""
    return [[0.0] * length if i in row.vectors else 0.0 for i in range(len(row.domain))]


def positions(args):
    """For each number among the arguments the position of its argument."""
    return flatten([[i] * len(arg) if isinstance(arg, list) else i for i, arg in enumerate(args)])


def constants(row, args):
    """For each number whether the engine holds it constant by convention."""
    still = oracle.reference(row.name).undifferentiated
    return [position in still for position in positions(args)]


def formula(row, order, args):
    """The value, the partials, or the second derivatives row by row, as a function of a flat sequence."""
    entry, still = oracle.reference(row.name), constants(row, args)

    def value(flat):
        return [entry.value(*like(flat, args))]

    def partials(flat):
        slopes = flatten(entry.partials(*like(flat, args)))
        return [mpf(0) if constant else slope for slope, constant in zip(slopes, still, strict=True)]

    def second(flat):
        columns = []
        for j, x in enumerate(flat):
            step = STEP * (min(1, abs(x)) or 1)
            high, low = (partials([*flat[:j], x + side, *flat[j + 1 :]]) for side in (step, -step))
            columns.append([(a - b) / (2 * step) for a, b in zip(high, low, strict=True)])
        return [slope for by in zip(*columns, strict=True) for slope in by]

    return (value, partials, second)[order]


def expected(row, order, args, speeds):
    """What the engine must give at these arguments; None for what no convention and no limit says."""
    flat = flatten(args)
    unknown = next((i for i, x in enumerate(flat) if x != x), None)
    if unknown is not None:  # what is the same whatever it is
        low, high = row.domain[positions(args)[unknown]]
        numbers = [low + share * (high - low) for share in (0.15, 0.37, 0.95)]
        cases = [like([*flat[:unknown], x, *flat[unknown + 1 :]], args) for x in numbers]
        return in_common(expected(row, order, case, speeds) for case in cases)
    size = len(flat) ** order
    convention = CONVENTIONS.get(row.name, lambda *args: None)(*args)
    if convention is not None:
        value, slopes = convention
        return [value] if order == 0 else (order == 1 and slopes) or [None] * size
    return limits(formula(row, order, args), flat, speeds) or [nan] * size


def answers(row, args):
    """The engine's value, partials and second derivatives, each as a flat list."""
    leaves = [[Value(x) for x in arg] if isinstance(arg, list) else Value(arg) for arg in args]
    flat = flatten(leaves)
    node = row(*leaves)
    first = grad(node, flat, create_graph=True)
    plain = grad(node, flat)
    node.backward()
    for recorded, functional, leaf in zip(first, plain, flat, strict=True):
        assert agree(recorded.data, functional), (args, recorded.data, functional)
        assert agree(leaf.grad, functional), (args, leaf.grad, functional)
    second = [slope for each in first for slope in grad(each, flat)]
    return [node.data], plain, second


# What the engine gets wrong, row by row: (order, flat operands, got) of what is known. Each must still be so.
OPEN = {
    "sqrt": lambda order, flat, got: order and str(flat[0]) == "-0.0",
    # c is a constant of the rules, from ⅛ to 1: next to others an x beyond 1e100 counts as that
    "exp_minus_cx2": lambda order, flat, got: not 1e-100 < abs(flat[1]) < 1e100,
    "div": lambda order, flat, got: order == 2 and abs(flat[0]) == LARGEST,
    "pow": lambda order, flat, got: order and abs(flat[1]) >= LARGEST,
    "power": lambda order, flat, got: order and got != got,
    "leaky_relu": lambda order, flat, got: order and math.isinf(flat[1]),
    "elu": lambda order, flat, got: order and math.isinf(flat[1]),
    "logsumexp": lambda order, flat, got: order and inf in flat,
    # inf − inf, as in every softmax: an infinite logit has no probability to tell
    "softmax": lambda order, flat, got: inf in flat,
    "softmax_share": lambda order, flat, got: inf in flat,
    "log_softmax": lambda order, flat, got: inf in flat,
}


def compare(row, order, args, got, right):
    """Whether it is known and what is wrong, in words, for each mistake.

    Not compared are derivatives by what is held constant, and a derivative that is nan because an operand is.
    What second derivatives lose to cancellation is allowed for.
    """
    still, flat = constants(row, args), flatten(args)
    size = max((abs(slope) for slope in got[1] if math.isfinite(slope)), default=0.0)
    is_known = OPEN.get(row.name, lambda order, flat, got: False)
    for i, (mine, exact) in enumerate(zip(got[order], right, strict=True)):
        if exact is None or (order == 2 and (still[i // len(still)] or still[i % len(still)])):
            continue
        if order and math.isnan(mine) and any(map(math.isnan, flat)):
            continue
        cancelled = order == 2 and abs(mine - exact) <= 4 * EPS * size + 1e-13 * abs(exact)
        if not cancelled and not agree(mine, exact, 8):
            text = f"{row.name}{tuple(args)}, order {order}, entry {i}: {mine!r} is not {exact!r}"
            yield bool(is_known(order, flat, mine)), text


# --- one special operand among ordinary ones -------------------------------------------------------


def surroundings(row, length):
    """Ordinary operands within the row's domain: fractions, and whole numbers where it has some."""
    intervals = [row.domain[i] for i in positions(shape(row, length))]
    fractions = [low + 0.4 * (high - low) for low, high in intervals]
    whole = [float(round(low + 0.85 * (high - low))) for low, high in intervals]
    within = [low < x < high for x, (low, high) in zip(whole, intervals, strict=True)]
    return fractions, [w if good else f for w, f, good in zip(whole, fractions, within, strict=True)]


def free(row, length):
    """The numbers that vary; one whose domain is a single point belongs to the row."""
    intervals = [row.domain[i] for i in positions(shape(row, length))]
    return [i for i, (low, high) in enumerate(intervals) if low < high]


@pytest.mark.parametrize("others", ["fractions", *slow(["whole numbers"])])
@rows
def test_one_special_operand(row, others):
    """Each argument in turn takes each special value: value, gradient and second derivatives."""
    found, ordinary = [], surroundings(row, 2)[others != "fractions"]
    with mp.workdps(DIGITS):
        for i, special in itertools.product(free(row, 2), [*SPECIAL, nan]):
            args = like([*ordinary[:i], special, *ordinary[i + 1 :]], shape(row, 2))
            got = answers(row, args)
            speeds = [int(j == i) for j in range(len(ordinary))]
            for order in (0, 1, 2):
                found += compare(row, order, args, got, expected(row, order, args, speeds))
    assert [mistake for known, mistake in found if not known] == []
    assert found or row.name not in OPEN, f"{row.name} is right now: take it from the list OPEN"


@pytest.mark.parametrize(
    "row", [row for row in ROWS if row.plain and len(row.domain) == 1], ids=lambda row: row.name
)
def test_a_zero_has_the_sign_of_its_limit(row):
    """sin(−0) is −0, exp(−inf) is +0: the sign that the value has nearby."""
    for x in (0.0, -0.0, inf, -inf):
        with mp.workdps(DIGITS):
            nearby = oracle.reference(row.name).value(approaches(x, 1)[0][0])
        if row.evaluate(x) == 0 and isinstance(nearby, mpf) and 0 < abs(nearby) < 1:  # not a jump
            assert math.copysign(1, row.evaluate(x)) == mp.sign(nearby), x


# --- two special operands at once ------------------------------------------------------------------


def paces(x, y):
    """How fast two operands may move: together, and either faster than the other."""
    return {
        tuple(pace if z == 0 or math.isinf(z) else 0 for z, pace in zip((x, y), both))
        for both in [(2, 2), (2, 3), (3, 2)]
    }


several = [row for row in ROWS if len(flatten(shape(row, 2))) > 1]


@pytest.mark.parametrize("row", several, ids=lambda row: row.name)
def test_two_special_operands(row):
    """The value is the limit, if it is the same at all speeds. A derivative is, too, or it is nan.

    That is less than for one operand: the rule may meet inf · 0 where a limit exists, but it may not give
    another number.
    """
    choose = random.Random(row.name)
    length = 1 if row.domain[1:] and row.index is None else 2
    ordinary = surroundings(row, length)[0]
    places = list(itertools.combinations(free(row, length), 2))
    found = []
    with mp.workdps(SEVERAL):
        for x, y in choose.sample(
            list(itertools.product(SPECIAL, SPECIAL)), (20 + scaled(40)) // len(ordinary)
        ):
            i, j = choose.choice(places)
            args = like(
                [x if k == i else y if k == j else z for k, z in enumerate(ordinary)], shape(row, length)
            )
            got = answers(row, args)
            speeds = [
                [a if k == i else b if k == j else 0 for k in range(len(ordinary))] for a, b in paces(x, y)
            ]
            for order in (0, 1):
                right = in_common([expected(row, order, args, each) for each in speeds])
                said = [None if order and mine != mine else exact for mine, exact in zip(got[order], right)]
                found += compare(row, order, args, got, said)
    assert [mistake for known, mistake in found if not known] == []


# --- all forms of a row ----------------------------------------------------------------------------
