"""Functions of a few variables at many points: value, gradient and Hessian, beside ddx-ad.

Both record a graph of scalars at run time, compile it through LLVM, and take a batch of points. Ours has the
points as rows, (B, n), and ddx-ad as columns, (n, B): each is given its own layout. Each gives new arrays,
and writes into arrays that are there: ours with ``out=``, ddx-ad by a call bound to its buffers.
"""

from __future__ import annotations

import functools
import importlib
import itertools
import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

import autograd
from autograd import Value, compile
from tests.benchmarks.timing import Times, Turn, alternating

OURS, OURS_OUT, DDX, DDX_BUFFER = "ours, llvm", "ours, out=", "ddx-ad", "ddx-ad, in a buffer"
RIVALS = ((OURS, DDX), (OURS_OUT, DDX_BUFFER))
WHAT = ("value", "gradient", "hessian")
VARIABLES, POINTS = (2, 5, 12), (1, 100, 10_000)


def rosenbrock(m: Any, x: Sequence[Any]) -> Any:
    return total((1.0 - a) ** 2 + 100.0 * (b - a * a) ** 2 for a, b in itertools.pairwise(x))


def waves(m: Any, x: Sequence[Any]) -> Any:
    return total(m.exp(-a * a) * m.sin(b) + m.log(1.5 + m.cos(a)) for a, b in zip(x, [*x[1:], x[0]]))


def quotient(m: Any, x: Sequence[Any]) -> Any:
    return m.sqrt(1.0 + total(a * a for a in x)) * m.tanh(x[0]) / (2.0 + functools.reduce(operator.mul, x))


def total(terms: Any) -> Any:
    return functools.reduce(operator.add, terms)


FUNCTIONS: dict[str, Callable[[Any, Sequence[Any]], Any]] = {
    "Rosenbrock": rosenbrock,
    "exp, sin, log": waves,
    "√, tanh, quotient": quotient,
}


@dataclass
class Measured:
    """One function at so many points: the seconds of one call, by contestant."""

    function: str
    variables: int
    points: int
    what: str
    times: Times


def points_of(variables: int, points: int) -> Any:
    """(B, n), of which no one is 0."""
    return np.random.default_rng(0).uniform(0.1, 1.0, (points, variables))


def ours(function: Callable[..., Any], points: Any) -> dict[str, Callable[..., Any]]:
    """What gives the value (B, 1), the gradient (B, 1, n) and the Hessian (B, 1, n, n); `out` may be told."""
    leaves = [Value(0.5) for _ in range(points.shape[1])]
    program = compile(function(autograd, leaves), [], leaves, backend="llvm")
    nothing, methods = np.empty(0), (program.evaluate, program.jacobian, program.hessian)
    wrt: list[tuple[str, ...]] = [(), ("inputs",), ("inputs",)]
    return {
        what: functools.partial(method, nothing, points, *by) for what, method, by in zip(WHAT, methods, wrt)
    }


def theirs(function: Callable[..., Any], points: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Likewise of ddx-ad, with new arrays for each call, and in a buffer; the batch is its last axis."""
    ddx = importlib.import_module("ddx")
    columns = np.ascontiguousarray(points.T)
    equation = ddx.equation(lambda: function(ddx, [ddx.var(f"x{i}") for i in range(len(columns))]))
    equation.compile(points=len(points))
    calls = {
        "value": functools.partial(equation.evaluate, columns),
        "gradient": functools.partial(equation.gradient, columns),
        "hessian": functools.partial(equation.hessian, columns),
    }
    wants = ddx.Want.VALUE, ddx.Want.GRADIENT, ddx.Want.HESSIAN
    return calls, {what: equation.buffer(columns, want=want) for what, want in zip(WHAT, wants)}


def as_rows(what: str, found: Any, points: Any) -> Any:
    """What ddx-ad gives, as ours are: a row for each point."""
    B, n = points.shape
    shape = {"value": (1,), "gradient": (1, n), "hessian": (1, n, n)}[what]
    columns = np.reshape(found[2] if what == "hessian" else found, (*shape, B))
    return np.moveaxis(columns, -1, 0)


def measured(runs: int, quick: bool = False, text: str = "") -> list[Measured]:
    """Every function at every size, the contestants in turn.

    Raises
    ------
    ImportError : without ddx-ad, which the extra ``bench`` installs.
    ArithmeticError : if the two do not agree.
    """
    importlib.import_module("ddx")
    found = []
    for name, function in FUNCTIONS.items():
        for variables in VARIABLES if text in name else ():
            for count in POINTS[: 2 if quick else 3]:
                points = points_of(variables, count)
                own, (calls, buffers) = ours(function, points), theirs(function, points)
                for what in WHAT:
                    call, out = own[what], own[what]()
                    if not np.allclose(out, as_rows(what, calls[what](), points), rtol=1e-9, atol=1e-9):
                        raise ArithmeticError(f"{name}: the two {what}s do not agree")
                    contestants = {
                        OURS: call,
                        OURS_OUT: functools.partial(call, out=out),
                        DDX: calls[what],
                        DDX_BUFFER: buffers[what],
                    }
                    turns = {each: turn_of(call) for each, call in contestants.items()}
                    found.append(Measured(name, variables, count, what, alternating(turns, runs)))
    return found


def turn_of(call: Callable[[], Any]) -> Turn:
    def turn(loops: int) -> None:
        for _ in range(loops):
            call()

    return turn
