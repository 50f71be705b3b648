"""The truth in mpmath, how far a number is from it in ulp, and where a subject is worst."""

import itertools
import math
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.accuracy.points import Args, Kind
from tests.support import oracle

mp = oracle.mp
SMALLEST_NORMAL = sys.float_info.min
LARGEST = sys.float_info.max
GUARD = 10


def digits(args: Args) -> int:
    """With how many digits to compute so that `oracle.DIGITS` remain, for these arguments.

    Beside 1 a small x loses as many as it has zeros, its square twice as many, and eˣ or e⁻ˣ as many as it
    has itself; where these are beyond float64 in either direction, what remains does not matter.
    """
    sizes = [abs(x) for x in oracle.flatten(args) if x != 0.0 and math.isfinite(x)]
    small = 2 * max(0.0, -math.log10(min(sizes, default=1.0)))
    large = 330 if any(10.0 < size < 1e6 for size in sizes) else 0
    huge = 2 * max(0.0, math.log10(max(sizes, default=1.0)))  # of it a remainder leaves the last digits
    return oracle.DIGITS + GUARD + round(small + huge) + large


def truth(reference: oracle.Reference, args: Args, precision: int | None = None) -> list[Any]:
    """The value and each partial as mpmath numbers; `None` for what is undefined, infinite or complex."""

    def numbers(compute: Callable[..., Any], count: int) -> Sequence[Any]:
        try:
            return oracle.flatten(oracle.flatten([compute(*oracle.exactly(args))]))
        except (ArithmeticError, ValueError):
            return [None] * count

    with mp.workdps(precision or digits(args)):
        found = [*numbers(reference.value, 1), *numbers(reference.partials, len(oracle.flatten(args)))]
        return [
            None if each is None or isinstance(each, mp.mpc) or not mp.isfinite(each) else mp.mpf(each)
            for each in found
        ]


def is_normal(exact: Any) -> bool:
    return exact is not None and SMALLEST_NORMAL <= abs(exact) <= LARGEST


def kind(reference: oracle.Reference, args: Args) -> Kind:
    """What is told of a point, see `points.Kind`; roughly, for it only says where to look."""
    exact = truth(reference, args, oracle.DIGITS)
    if not any(map(is_normal, exact)):
        return None
    return tuple(
        None if each is None else (mp.sign(each), abs(each) < SMALLEST_NORMAL, abs(each) > LARGEST)
        for each in exact
    )


def ulps(got: float, exact: Any, of: Any = None) -> float:
    """|got − exact| in units of the last place of the exact number, or of the number `of`."""
    if not math.isfinite(got):
        return math.inf
    return float(abs(mp.mpf(got) - exact) / math.ulp(float(exact if of is None else of)))


def second(reference: oracle.Reference, args: Args) -> list[Any]:
    """The Hessian row by row: differences of the reference's partials by a tiny step to either side.

    `None` for what is undefined, and where the two sides differ: at a kink.
    """
    flat = oracle.flatten(args)
    constant = oracle.flatten(
        [[i in reference.undifferentiated] * len(oracle.flatten([arg])) for i, arg in enumerate(args)]
    )
    columns: list[list[Any]] = []
    with mp.workdps(2 * digits(args) + 500):
        point = oracle.exactly([flat])[0]

        def partials(moved: int, step: Any) -> list[Any]:
            place = [x + step * (i == moved) for i, x in enumerate(point)]
            found = oracle.flatten(oracle.flatten([reference.partials(*oracle.like(place, args))]))
            return list(map(mp.mpf, found))

        for j, x in enumerate(point):
            step = (min(abs(x), 1) or 1) * mp.mpf(10) ** -400
            try:
                below, here, above = (partials(j, moved) for moved in (-step, 0, step))
            except (ArithmeticError, ValueError, TypeError):  # TypeError: complex numbers
                columns.append([None] * len(flat))
                continue
            sides = [((b - a) / step, (c - b) / step) for a, b, c in zip(below, here, above)]
            columns.append(
                [
                    (left + right) / 2
                    if not constant[j] and abs(left - right) <= abs(left + right) * mp.mpf(10) ** -20
                    else None
                    for left, right in sides
                ]
            )
    return [each for row in zip(*columns) for each in row]


# --- the worst of a subject ------------------------------------------------------------------------

Engine = Callable[..., Sequence[float | None]]
"""Of the arguments, the value and then the derivative by each number among them."""


@dataclass(frozen=True, kw_only=True)
class Subject:
    """A function that is judged, its reference, where and by what measure.

    Attributes
    ----------
    engines : by name, this engine first; the others are there for comparison.
    reference : the same function in mpmath.
    parameters : the names of the arguments by which it is differentiated, which are the first ones.
    points : at least so many points as it is asked for.
    limit : in ulp, the largest error allowed wherever the truth is a normal number.
    units : of the arguments, for each result the number whose ulp is meant; by default the true result's.
    bends : of the arguments, the second derivatives, row by row.
    bend_units : as `units`, for these.
    bend_limit : the largest error allowed for these.
    bend_note : what a reader of the report should know about them.
    kinks : points where a derivative is a convention, which are not judged here.
    note : what a reader of the report should know.
    """

    name: str
    engines: Mapping[str, Engine]
    reference: oracle.Reference
    parameters: tuple[str, ...]
    points: Callable[[int], Iterable[Args]]
    limit: float = 4.0
    units: Callable[..., list[Any]] | None = None
    bends: Engine | None = None
    bend_units: Callable[..., list[Any]] | None = None
    bend_limit: float = 8.0
    bend_note: str = ""
    kinks: Iterable[Args] = ()
    note: str = ""

    def quantities(self, args: Args) -> list[str]:
        """For each number that an engine gives, to which quantity of the report it belongs."""
        names = [
            f"∂{name}"
            for name, arg in zip(self.parameters, args)
            for _ in (arg if isinstance(arg, list) else [arg])
        ]
        return ["value", *names, *map("".join, itertools.product(names, names))]


@dataclass
class Worst:
    """The largest error of one engine in one quantity, and where."""

    ulps: float = -1.0
    args: Args = ()


@dataclass
class Finding:
    """What was found about one quantity: the number of judged points, and the worst of each engine."""

    subject: Subject
    quantity: str
    points: int = 0
    worst: dict[str, Worst] = field(default_factory=dict)

    @property
    def second(self) -> bool:
        """Whether it is a second derivative."""
        return self.quantity.count("∂") == 2

    @property
    def limit(self) -> float:
        """Where Python's own function is worse than the target, it is the limit."""
        theirs = self.worst.get("math", Worst()).ulps
        return max(self.subject.bend_limit if self.second else self.subject.limit, theirs)

    @property
    def missed(self) -> bool:
        return self.worst[OURS].ulps > self.limit


OURS = "autograd"


FEW = 5  # numbers: of more the Hessian is not judged, for its truth takes long


def judge(subject: Subject, count: int) -> list[Finding]:
    """The findings on each quantity that has a judged point, from `count` points or some more.

    The second derivatives are judged at every other point, of many arguments at fewer.
    """
    findings: dict[str, Finding] = {}
    for number, args in enumerate(subject.points(count)):
        if args in subject.kinks:
            continue
        exact = truth(subject.reference, args)
        quantities = subject.quantities(args)
        units = subject.units(*args) if subject.units else [None] * len(exact)
        results = {name: engine(*args) for name, engine in subject.engines.items()}
        if subject.bends and number % len(exact) == 0 and len(exact) <= 1 + FEW:
            results[OURS] = [*results[OURS], *subject.bends(*args)]
            exact += (hessian := second(subject.reference, args))
            units = [*units, *(subject.bend_units(*args) if subject.bend_units else [None] * len(hessian))]
        for i, (quantity, true, unit) in enumerate(zip(quantities, exact, units)):
            if not is_normal(true) or not (unit is None or is_normal(unit)):
                continue
            finding = findings.setdefault(quantity, Finding(subject, quantity))
            finding.points += 1
            for name, numbers in results.items():
                if i < len(numbers) and numbers[i] is not None:
                    error = ulps(numbers[i], true, unit)
                    if error > finding.worst.setdefault(name, Worst()).ulps:
                        finding.worst[name] = Worst(error, args)
    names = subject.quantities(subject.parameters)
    return [findings[name] for name in names if name in findings]
