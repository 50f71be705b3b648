"""The history of the figures: `make bench` adds to docs/reference/benchmarks.csv, and a page draws it."""

from __future__ import annotations

import csv
import datetime
import io
import statistics
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from tests.benchmarks import engine, transformer
from tests.benchmarks.compiled import Findings
from tests.benchmarks.contestants import BY_HAND, CPP, OURS, PRODUCTS
from tests.benchmarks.timing import fastest

FILE = Path(__file__).parents[2] / "docs" / "reference" / "benchmarks.csv"
STEP = "program"  # what runs, where it is neither kind of engine


@dataclass(frozen=True)
class Record:
    """
    Attributes
    ----------
    commit : what was measured, abbreviated; empty outside a repository.
    engine : `engine.COMPILED`, `engine.PLAIN`, or `STEP` for a compiled graph.
    low, high : the smallest and the largest median, where several runs count as one record.
    """

    date: str
    commit: str
    machine: str
    engine: str
    figure: str
    unit: str
    low: float
    high: float


def read(path: Path = FILE) -> list[Record]:
    with path.open(encoding="utf-8", newline="") as file:
        return [
            Record(**(row | {"low": float(row["low"]), "high": float(row["high"])}))
            for row in csv.DictReader(file)
        ]


def append(findings: Findings, machine: str, path: Path = FILE) -> int:
    """Add a line for each figure, and say how many there were."""
    found = list(records(findings, datetime.date.today().isoformat(), commit(), machine))
    text = io.StringIO()
    writer = csv.DictWriter(text, [field.name for field in fields(Record)], lineterminator="\n")
    for record in found:
        writer.writerow(asdict(record))
    with path.open("a", encoding="utf-8", newline="") as file:
        file.write(text.getvalue())
    return len(found)


def records(findings: Findings, date: str, commit: str, machine: str) -> Iterator[Record]:
    for kind, figure, unit, number in figures(findings):
        yield Record(date, commit, machine, kind, figure, unit, *[float(f"{number:.3g}")] * 2)


def figures(findings: Findings) -> Iterable[tuple[str, str, str, float]]:
    """Kind of engine, figure, unit and median."""
    for program in engine.PROGRAMS:
        for kind, measured in findings.engine.items():
            if times := measured.times.get(program.name):
                unit = "times faster" if program.ahead else "times as long"
                if program.unit == "bytes":
                    unit = program.unit
                yield kind, program.name, unit, statistics.median(program.ratios(times))
    if findings.transformer is not None:
        yield from of_transformer(findings.transformer)
    for row in findings.rows:
        for other in (CPP, BY_HAND, PRODUCTS):
            if (ours := fastest(row.times, OURS)) and other in row.times:
                ratios = [a / b for a, b in zip(row.times[ours], row.times[other])]
                yield (
                    STEP,
                    f"a step of {row.task.name}, beside {other}",
                    "times as long",
                    statistics.median(ratios),
                )


def of_transformer(measured: transformer.Measured) -> Iterable[tuple[str, str, str, float]]:
    m = transformer
    if measured.plain is not None:
        for name, times in measured.whole.items():
            whole = measured.plain[1] / statistics.median(times)
            yield STEP, f"the GPT's whole training, {name}, beside {m.PROGRAM}", "times faster", whole
    for batch, times in measured.steps.items():
        for other, faster in ((m.PROGRAM, True), (m.CPP, False), (m.BY_HAND, False), (m.JAX, False)):
            if m.LLVM in times and other in times:
                pairs = zip(times[other], times[m.LLVM])
                figure = statistics.median(a / b if faster else b / a for a, b in pairs)
                unit = "times faster" if faster else "times as long"
                yield (
                    STEP,
                    f"a step of the GPT, {batch} of {m.POSITIONS} positions, beside {other}",
                    unit,
                    figure,
                )


def commit() -> str:
    command = ["git", "rev-parse", "--short=7", "HEAD"]
    try:
        return subprocess.run(
            command, cwd=FILE.parent, capture_output=True, text=True, check=True
        ).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""
