"""`gradcheck`: derivatives judged by the values of the function, as far as these can tell.

The judge is `finite_differences`, which sees values only. Their error is estimated by running the recorded
graph again with every result moved by a unit in the last place, up or down at random (Monte Carlo
arithmetic). That exposes cases such as (1e16 + x) − 1e16, whose values are multiples of 2: they do not
determine the derivative, which is something else than a wrong derivative.
"""

from __future__ import annotations

import functools
import itertools
import math
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from ..engine.anomaly import not_watching
from ..engine.arguments import integer
from ..engine.differentiation import Inputs, as_output, numbers_of, outputs_of, require_function, variables_of
from ..engine.gradient import grad
from ..engine.graph import ancestors
from ..engine.linearization import Linearization
from ..engine.messages import describe
from ..engine.node import flat
from ..engine.primitive import Primitive
from ..engine.replay import depending, recomputed
from ..engine.value import Value
from ..errors import GradcheckError
from .finite_differences import SAFETY, FiniteDifferences, finite_differences

__all__ = ["Check", "GradcheckReport", "gradcheck"]

Function = Callable[..., list[Value]]
Title = tuple[str, ...]  # the name of an output, and the inputs it was differentiated by

NEGLIGIBLE = 1e-6  # an error below this share of the function's steepness counts as 0
REPLAYS = 8  # runs of the graph with perturbed results
SUSPECTS = 200  # nodes tried in search of the primitive at fault


@dataclass(frozen=True)
class Check:
    """One derivative, compared with the values of the function.

    Attributes
    ----------
    output, input : names of the output and of the input it is differentiated by.
    analytic, forward : the derivative by reverse mode and by forward mode.
    numeric : the derivative by the values; nan if they do not determine it.
    error : the estimated error of `numeric`.
    right : whether the derivatives agree with the values; ``None`` if that cannot be told.
    note : a remark: a kink, a jump, values too coarse to tell.
    value : the number of `output`.
    """

    output: str
    input: str
    analytic: float
    forward: float
    numeric: float
    error: float
    right: bool | None
    note: str
    value: float

    @property
    def relative_error(self) -> float:
        """|analytic − numeric| relative to the larger of the two."""
        if self.analytic == self.numeric:
            return 0.0
        return abs(self.analytic - self.numeric) / max(abs(self.analytic), abs(self.numeric))


@dataclass(frozen=True, repr=False)
class GradcheckReport:
    """The result of `gradcheck`, a table when printed.

    It is true if some derivative is right, none is wrong, and every value was finite.

    Attributes
    ----------
    checks : a `Check` for each derivative, by order, output and input.
    """

    checks: tuple[Check, ...]

    def __bool__(self) -> bool:
        return not self.wrong and not self.infinite and len(self.untold) < len(self.checks)

    @property
    def wrong(self) -> tuple[Check, ...]:
        """The checks that disagree with the values of the function."""
        return tuple(check for check in self.checks if check.right is False)

    @property
    def untold(self) -> tuple[Check, ...]:
        """The checks that the values cannot judge; the note says why."""
        return tuple(check for check in self.checks if check.right is None)

    @property
    def infinite(self) -> tuple[Check, ...]:
        """The checks whose value is not finite, so that nothing can be checked."""
        return tuple(check for check in self.checks if not math.isfinite(check.value))

    def __str__(self) -> str:
        agree = len(self.checks) - len(self.wrong) - len(self.untold)
        counts = [f"{agree} of {len(self.checks)} derivatives agree with the values of the function"]
        if self.untold:
            counts.append(f"{len(self.untold)} cannot be told")
        errors = [f"{check.error:.1e}" for check in self.checks]
        return _table(f"gradcheck: {', '.join(counts)}", self.checks, "error estimate", errors)

    __repr__ = __str__


def gradcheck(f: Callable[..., Any], inputs: Inputs, order: int = 1) -> GradcheckReport:
    """Compare the derivatives of `f` with its values, and raise if they disagree.

    Derivatives by reverse and by forward mode are compared with extrapolated difference quotients of
    `f`, called with fresh leaves each time. A derivative is right if it lies within the estimated error of
    the quotients; at a kink, if it lies between the one-sided derivatives. Where the values are too coarse to
    tell, or leap, it passes with a note, unless that holds for all derivatives, or a value is not finite:
    then nothing was checked.

    Parameters
    ----------
    f : a function of numbers, each an argument of its own, that returns a `Value` or a sequence of them.
    inputs : the numbers or `Value`s to check at; one alone counts as a list of one.
    order : the highest order checked; each derivative is checked as the first derivative of the order below.

    Returns
    -------
    A true `GradcheckReport`, which prints as a table.

    Raises
    ------
    GradcheckError : if a derivative is wrong, with a table of input, analytic and numeric derivative and
        relative error, and the primitive suspected; or if the values do not determine any derivative, or an
        output or derivative is not finite.
    TypeError : if an input is not a number or a `Value`, or `f` returns anything else.
    ValueError : if there are no inputs, or `order` is not a whole number from 1 on.

    Source: Ridders 1982, Advances in Engineering Software 4, 75-76; Parker 1997, Monte Carlo Arithmetic.

    Examples
    --------
    >>> from autograd import Value, exp, gradcheck, relu
    >>> assert gradcheck(lambda x, y: exp(-x) * y, [20.0, 3e7], order=2)
    >>> print(gradcheck(relu, [Value(0.0, "x")]))
    gradcheck: 1 of 1 derivatives agree with the values of the function
      output  input  analytic  numeric  error estimate  note
      f       x             0      0.5         8.0e-16  kink: any value from 0 to 1 is right
    """
    require_function("gradcheck", f)
    given = numbers_of("gradcheck", "inputs", inputs)
    if not given:
        raise ValueError("gradcheck needs at least one input, got none")
    order = integer(order, "gradcheck: order", 1)
    labels = [each.label if isinstance(each, Value) else "" for each in given]
    names = [label or f"[{i}]" for i, label in enumerate(labels)]  # so as not to look like a label
    point = list(map(float, given))

    def function(*variables: Value) -> list[Value]:
        for variable, label in zip(variables, labels, strict=True):
            variable.label = label
        result = f(*variables)
        return outputs_of("gradcheck", result)[0]

    outputs = function(*variables_of("gradcheck", given, create_graph=False))
    _require_same(outputs, function(*map(Value, point)))
    titles = [("f",)] if len(outputs) == 1 else [(f"f[{i}]",) for i in range(len(outputs))]
    checks: list[Check] = []
    for k, (derived, found) in enumerate(_orders(function, point, titles, names, order), 1):
        checks += found
        report = GradcheckReport(tuple(checks))
        if report.wrong:
            nan = any(math.isnan(check.analytic) for check in report.wrong)
            suspicion = _suspicion(function, derived, point, k, nan)
            raise GradcheckError(f"{_failures(report)}\n{suspicion}", report)
    if not report:
        told = len(report.untold) < len(report.checks)
        of = f" of {report.infinite[0].output}, which is {report.infinite[0].value}" if told else ""
        raise GradcheckError(f"nothing{of} could be checked: choose other inputs\n{report}", report)
    return report


# --- the comparison --------------------------------------------------------------------------------


def _orders(
    function: Function, point: Sequence[float], titles: Sequence[Title], names: Sequence[str], order: int
) -> Iterator[tuple[Function, list[Check]]]:
    """For each order the function whose first derivatives are checked, and the checks."""
    for _ in range(order):
        yield function, _checks(function, point, list(map(_spell, titles)), names)
        titles = [(*title, name) for title in titles for name in names]
        function = _derivative(function)


def _spell(title: Title) -> str:
    """∂²f/∂x∂y for (f, x, y)."""
    name, *by = title
    power = str(len(by)).translate(str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")) if len(by) > 1 else ""
    return f"∂{power}{name}/" + "".join(f"∂{each}" for each in by) if by else name


def _checks(
    function: Function, point: Sequence[float], titles: Sequence[str], names: Sequence[str]
) -> list[Check]:
    """Every first derivative of the function, by output and input."""
    leaves = list(map(Value, point))
    outputs = function(*leaves)
    derivative = Linearization(leaves, outputs, create_graph=False, keep=True)
    reverse = [derivative.pull(output) for output in outputs]
    units = [[float(i == j) for i in range(len(point))] for j in range(len(point))]
    forward = [derivative.push(unit) for unit in units]
    noise = _noise(leaves, outputs)

    def moved(j: int, x: float) -> list[float]:
        try:
            with not_watching():
                moved = function(*map(Value, [*point[:j], x, *point[j + 1 :]]))
        except (ArithmeticError, ValueError):  # outside its domain
            return [math.nan] * len(outputs)
        if len(moved) != len(outputs):
            raise ValueError(f"gradcheck: f returned {len(outputs)} outputs, and then {len(moved)}")
        return [output.data for output in moved]

    numeric = [finite_differences(functools.partial(moved, j), x, noise) for j, x in enumerate(point)]
    return [
        _judge(titles[i], names[j], reverse[i][j], forward[j][i], output.data, numeric[j][i])
        for i, output in enumerate(outputs)
        for j in range(len(point))
    ]


def _judge(
    output: str, input: str, analytic: float, forward: float, value: float, found: FiniteDifferences
) -> Check:
    """Whether the values allow a derivative, by reverse and by forward mode."""
    right: bool | None
    estimate, right, note = found.derivative, True, ""
    if not math.isfinite(value):
        right, note = None, f"the value is {value}, which does not tell"
    elif found.leaps:
        estimate, right, note = None, None, "the values leap here: there is no derivative"
    elif found.kink is not None:
        low, high = found.kink
        estimate = estimate or low
        right = all(low.low <= each <= high.high for each in (analytic, forward))
        note = f"kink: any value from {low.value:.6g} to {high.value:.6g} is right"
    elif estimate is None:
        right, note = None, "the values are too coarse, or change too fast, to tell"
    elif not estimate.agrees(analytic):
        right = False
    elif not estimate.agrees(forward):
        right, note = False, f"forward mode gives {forward:.10g}"
    elif (
        NEGLIGIBLE * found.steepness
        < SAFETY * estimate.error
        >= max(abs(analytic), abs(estimate.value))
        > 0.0
    ):
        right, note = None, "the values are too coarse to tell it from 0"
    elif found.edge:
        note = "one-sided"
    numeric, error = (math.nan, math.nan) if estimate is None else (estimate.value, estimate.error)
    return Check(output, input, analytic, forward, numeric, error, right, note, value)


def _derivative(function: Function) -> Function:
    """The function whose outputs are the derivatives of each output by each input."""

    def derivative(*variables: Value) -> list[Value]:
        found = [grad(output, variables, create_graph=True) for output in function(*variables)]
        return list(itertools.chain(*found))

    return derivative


def _noise(inputs: Sequence[Value], outputs: Sequence[Value]) -> list[float]:
    """The rounding error of each output: its largest move when every operation is off by an ulp."""
    order = ancestors(outputs)
    active = depending(inputs, order)  # errors of other nodes are equal at every step and cancel
    fixed = {node: node.data for node in order if node not in active}
    chance = random.Random(0)

    def off(number: float) -> float:
        exact = number == 0.0 or not math.isfinite(number)
        return number if exact else number + chance.choice((-1, 1)) * math.ulp(number)

    def evaluate(row: Primitive, *args: Any) -> float:
        if row.vectors:  # terms may cancel within the row
            args = tuple(
                list(map(off, arg)) if isinstance(arg, list) else round(arg) if i == row.index else off(arg)
                for i, arg in enumerate(args)
            )
        return off(row.evaluate(*args))

    noise = [0.0] * len(outputs)
    for _ in range(REPLAYS):
        moved = recomputed(order, fixed, evaluate)
        for i, output in enumerate(outputs):
            shift = abs(moved[output] - output.data)
            if shift < math.inf:  # else a perturbed operand left the domain of a row
                noise[i] = max(noise[i], shift)
    return noise


def _require_same(outputs: Sequence[Value], again: Sequence[Value]) -> None:
    """Refuse a function whose values are not determined by its arguments."""
    first, second = ([output.data for output in each] for each in (outputs, again))
    if repr(first) != repr(second):  # nan is the same as nan
        raise GradcheckError(f"f gave {first!r:.200} and then {second!r:.200} for the same inputs")


# --- the primitive at fault ------------------------------------------------------------------------


def _suspicion(function: Function, derived: Function, point: Sequence[float], order: int, nan: bool) -> str:
    """The likely cause of a wrong derivative of this order."""
    # The rows of the derivative's graph, then the rows of the function's own with their higher derivatives:
    # a rule that leaves the graph, say by float(), has right partials whose derivatives are wrong.
    for recorded, depth in [(derived, 1), (function, order)]:
        found = _suspect(recorded, point, depth)
        if found is not None:
            return found
    return "no primitive is at fault: " + (
        "the chain rule meets 0 · inf or inf − inf on the way, which is nan"
        if nan
        else "f may leave the graph (.data, float(), detach(), no_grad()) or keep something between calls"
    )


def _suspect(function: Function, point: Sequence[float], order: int) -> str | None:
    """The first node whose own derivatives up to this order do not agree with the values of its row."""
    leaves = list(map(Value, point))
    nodes = ancestors(function(*leaves))
    active = depending(leaves, nodes)
    rows = [node for node in nodes if node.primitive and node in active]
    for node in rows[:SUSPECTS]:
        row, numbers = _alone(node, active)
        names = [f"[{i}]" for i in range(len(numbers))]
        for _, found in _orders(row, numbers, [(node.op,)], names, order):
            for check in found:
                if check.right is False:
                    return (
                        f"suspected: the primitive {node.op}, at {describe(node)} with {numbers!r:.200}: "
                        f"the derivative of {check.output} by operand {check.input} is "
                        f"{check.analytic:.10g}, by its values {check.numeric:.10g}"
                    )
    return None


def _alone(node: Any, active: set[Any]) -> tuple[Function, list[float]]:
    """The row of a node as a function of the operands that depend on the inputs, and their numbers."""
    parents = flat(node.operands)

    def function(*variables: Value) -> list[Value]:
        replaced = iter(variables)
        args = iter([next(replaced) if each in active else each.data for each in parents])
        shaped = [[next(args) for _ in each] if type(each) is tuple else next(args) for each in node.operands]
        return [as_output("gradcheck", node.primitive(*shaped), "")]

    return function, [each.data for each in parents if each in active]


# --- in words --------------------------------------------------------------------------------------


def _failures(report: GradcheckReport) -> str:
    wrong = report.wrong
    title = f"{len(wrong)} of {len(report.checks)} derivatives do not agree with the values of the function"
    return _table(title, wrong, "relative error", [f"{check.relative_error:.1e}" for check in wrong])


def _table(title: str, checks: Sequence[Check], last: str, errors: Sequence[str]) -> str:
    """Aligned columns, numbers to the right."""
    rows = [("output", "input", "analytic", "numeric", last, "note")]
    for check, error in zip(checks, errors, strict=True):
        numbers = f"{check.analytic:.10g}", f"{check.numeric:.10g}", error
        rows.append((check.output, check.input, *numbers, check.note))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        cells = [
            cell.rjust(width) if 2 <= i <= 4 else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(["", *cells]).rstrip())
    return "\n".join([title, *lines])
