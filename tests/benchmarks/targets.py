"""What engine and compiler must reach, and whether they did: each target a ratio and its limit."""

from __future__ import annotations

import itertools
import math
import statistics
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from autograd.compiler.tuning import STRAIGHT
from tests.benchmarks import engine, transformer
from tests.benchmarks.compiled import Findings, Row
from tests.benchmarks.contestants import (
    BY_HAND,
    CASADI,
    CONTESTANTS,
    CPP,
    JAX,
    JAXES,
    LLVM,
    NUMPY,
    OURS,
    PRODUCTS,
    TORCHES,
)
from tests.benchmarks.tasks import LARGE
from tests.benchmarks.timing import Times, fastest, median, ratio

TENFOLD = 13.0  # times that a tenfold size may take; exactly linear is 10


@dataclass(frozen=True)
class Target:
    """
    Attributes
    ----------
    measured : the ratio, or None where one of the two is missing.
    limit : it must not be above that; for `at_least`, not below.
    """

    claim: str
    measured: float | None
    limit: float
    at_least: bool = False

    @property
    def verdict(self) -> str:
        if self.measured is None:
            return "not measured"
        beyond = round(self.measured, 2) - self.limit
        return "met" if (beyond >= 0.0 if self.at_least else beyond <= 0.0) else "MISSED"


def targets(findings: Findings) -> list[Target]:
    """Every target of which anything was measured."""
    found = list(of_engines(findings.engine))
    for row in findings.rows:
        found += of_steps(row)
        found += of_first_results(row)
    if LARGE.name in findings.recording:
        claim = f"recording {LARGE.name}, in seconds"
        found.append(Target(claim, median(findings.recording, LARGE.name), 0.5))
    for other, limit in (("jax", 0.5), ("torch", 0.2)):
        if "ours" in findings.whole:
            found.append(beside("whole process", findings.whole, "ours", other, limit))
    found += of_growth("batch", findings.by_batch, [row.task.batch for row in findings.by_batch])
    found += of_growth(
        "parameters", findings.by_parameters, [parameters(row) for row in findings.by_parameters]
    )
    found += of_compiling(findings.by_parameters)
    if findings.transformer is not None:
        found += of_transformer(findings.transformer)
    return found


def of_engines(measured: Mapping[str, engine.Measured]) -> Iterator[Target]:
    """Of both kinds, once any is measured."""
    for program in engine.PROGRAMS if measured else ():
        for kind, limit in program.limits.items():
            times = measured[kind].times.get(program.name) if kind in measured else None
            known = statistics.median(program.ratios(times)) if times else None
            yield Target(f"{kind}: {program.name}", known, limit, program.ahead)


def parameters(row: Row) -> int:
    return row.task.weights.size


def beside(claim: str, times: Times, name: str, other: str, limit: float) -> Target:
    """That the one takes at most so many times as long as the other."""
    known = name in times and other in times
    return Target(f"{claim}: {name} / {other}", ratio(times, name, other) if known else None, limit)


def of_steps(row: Row) -> Iterator[Target]:
    task, times = row.task, row.times
    there = {each.name for each in CONTESTANTS if each.competes(task)}
    best = fastest(times, OURS) or LLVM
    if task.unit > 1:
        yield beside(task.name, times, LLVM, CASADI, 1.0)
    if CPP in there:
        yield beside(task.name, times, LLVM, CPP, 1.2)
    if PRODUCTS in there:
        yield beside(task.name, times, best, PRODUCTS, 1.15)
    for others in (JAXES, TORCHES, [BY_HAND]):
        if there.intersection(others):
            yield beside(task.name, times, best, fastest(times, others) or others[0], 1.0)
    if best != NUMPY:
        yield beside(task.name, times, NUMPY, BY_HAND, 1.0)


def of_first_results(row: Row) -> Iterator[Target]:
    other = fastest(row.first, JAXES) or JAX
    for name in OURS if row.task.unit == 1 else ():
        yield beside(f"first result, {row.task.name}", row.first, name, other, 1.0)


def of_growth(what: str, rows: list[Row], sizes: list[int]) -> Iterator[Target]:
    """That a tenfold size takes no more than ten times as long, give or take what caches do."""
    for name in OURS:
        if len(rows) > 1 and all(name in row.times for row in rows):
            worst = max(
                (median(b.times, name) / median(a.times, name)) ** (1.0 / math.log10(n / m))
                for (a, m), (b, n) in itertools.pairwise(zip(rows, sizes))
            )
            yield Target(f"growth, a step: largest factor for tenfold {what}, {name}", worst, TENFOLD)


def of_compiling(rows: Iterable[Row]) -> Iterator[Target]:
    """That generating loops takes as long for wide layers as for narrow ones; both back ends vectorize.

    Of so few parameters that they are written one by one there are no loops; and of a million, reading the
    graph takes so much longer than generating code that the difference of two single times is none.
    """
    spent = [
        seconds
        for row in rows
        if parameters(row) > STRAIGHT
        and len(row.first.get(LLVM, ())) > 1
        and (seconds := code_generation(row)) is not None
    ]
    if len(spent) > 1:
        yield Target(
            "growth, compiling loops: widest / narrowest layer, what llvm takes beyond numpy",
            spent[-1] / spent[0],
            1.5,
        )


def code_generation(row: Row) -> float | None:
    """What the llvm back end takes to the first result beyond what the numpy back end takes."""
    if not set(OURS) <= set(row.first):
        return None
    return median(row.first, LLVM) - median(row.first, NUMPY)


def of_transformer(measured: transformer.Measured) -> Iterator[Target]:
    """What the issue on the GPT asks for, line by line."""
    m = transformer
    for state, limit in ((m.FIRST, 150.0), (m.AGAIN, 400.0)):
        ends = [statistics.median(times) for name, times in measured.whole.items() if state in name]
        known = measured.plain[1] / min(ends) if measured.plain and ends else None
        yield Target(f"GPT, the whole training {state}, beside {m.PROGRAM}", known, limit, at_least=True)
    one, several = (measured.steps.get(batch, {}) for batch in m.BATCHES)
    known = ratio(one, m.PROGRAM, m.LLVM) if {m.PROGRAM, m.LLVM} <= set(one) else None
    yield Target(f"GPT, a step of one name, beside {m.PROGRAM}", known, 3000.0, at_least=True)
    yield beside(f"GPT, a step of {m.BATCHES[1]} names", several, m.LLVM, m.CPP, 1.3)
    for times, batch in ((one, m.BATCHES[0]), (several, m.BATCHES[1])):
        for other in (m.BY_HAND, m.TORCH, m.TORCH_COMPILE, m.JAX):
            yield beside(f"GPT, a step of {batch} names", times, m.LLVM, other, 1.0)
    if measured.apart is not None:
        steps, apart = measured.apart
        yield Target(f"GPT, losses of {steps} steps beside the eager engine's, in 10⁻⁹", 1e9 * apart, 1.0)
