"""Functions of a few variables at many points: value, gradient and Hessian, beside ddx-ad.

Both record a graph of scalars at run time, compile it through LLVM, and take a batch of points. Ours has the
points as rows, (B, n), and ddx-ad as columns, (n, B): each is given its own layout.
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

OURS, DDX, DDX_BUFFER = "ours, llvm", "ddx-ad", "ddx-ad, in a buffer"
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


def ours(function: Callable[..., Any], points: Any) -> dict[str, Callable[[], Any]]:
    """What gives the value (B,), the gradient (B, n) and the Hessian (B, n, n)."""
    leaves = [Value(0.5) for _ in range(points.shape[1])]
    program = compile(function(autograd, leaves), [], leaves, backend="llvm")
    nothing = np.empty(0)
    return {
        "value": lambda: program.evaluate(nothing, points)[:, 0],
        "gradient": lambda: program.jacobian(nothing, points, "inputs")[:, 0],
        "hessian": lambda: program.hessian(nothing, points, "inputs")[:, 0],
    }


def theirs(function: Callable[..., Any], points: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Likewise of ddx-ad, with new arrays for each call, and in a buffer; the batch is its last axis."""
    ddx = importlib.import_module("ddx")
    columns = np.ascontiguousarray(points.T)
    equation = ddx.equation(lambda: function(ddx, [ddx.var(f"x{i}") for i in range(len(columns))]))
    equation.compile(points=len(points))
    n, B = columns.shape
    calls = {
        "value": lambda: np.reshape(equation.evaluate(columns), B),
        "gradient": lambda: equation.gradient(columns).reshape(n, B).T,
        "hessian": lambda: equation.hessian(columns)[2].reshape(n, n, B).T,
    }
    wants = ddx.Want.VALUE, ddx.Want.GRADIENT, ddx.Want.HESSIAN
    return calls, {what: equation.buffer(columns, want=want) for what, want in zip(WHAT, wants)}


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
                    if not np.allclose(own[what](), calls[what](), rtol=1e-9, atol=1e-9):
                        raise ArithmeticError(f"{name}: the two {what}s do not agree")
                    contestants = {OURS: own[what], DDX: calls[what], DDX_BUFFER: buffers[what]}
                    turns = {each: turn_of(call) for each, call in contestants.items()}
                    found.append(Measured(name, variables, count, what, alternating(turns, runs)))
    return found


def turn_of(call: Callable[[], Any]) -> Turn:
    def turn(loops: int) -> None:
        for _ in range(loops):
            call()

    return turn
