"""`make accuracy`: the largest error of every primitive and of its partials, in ulp against mpmath.

python -m tests.accuracy [--points N] [NAME ...]

Exit status 1 where one is above its target.
"""

import argparse
import itertools
import platform
import sys
from collections.abc import Iterable

import numpy as np

from tests.accuracy.judge import OURS, Finding, judge
from tests.accuracy.peers import PEERS, missing
from tests.accuracy.subjects import subjects
from tests.support import oracle

ENGINES = (OURS, "math", *PEERS)
LONGEST_PLACE = 44
HEADER = ("of", "points", *ENGINES, f"where {OURS} is worst", "note")


def shown(ulps: float) -> str:
    """An error to two decimals, a large one by its size; inf is nan or infinite where it should not be."""
    return f"{ulps:.2f}" if ulps < 1000 else f"{ulps:.0e}"


def line(finding: Finding) -> tuple[str, ...]:
    """One line of the report."""
    errors = [shown(finding.worst[name].ulps) if name in finding.worst else "-" for name in ENGINES]
    subject, args = finding.subject, finding.worst[OURS].args
    place = ", ".join(f"{name} = {arg}" for name, arg in zip(subject.parameters, args))
    if len(place) > LONGEST_PLACE:
        place = place[: LONGEST_PLACE - 1] + "…"
    notes = [subject.bend_note] if finding.second else [subject.note] if finding.quantity == "value" else []
    if finding.limit > (subject.bend_limit if finding.second else subject.limit):
        notes.append("math itself is above the target")
    if finding.missed:
        notes.append(f"MISSED: above {finding.limit:g}")
    return (finding.quantity, str(finding.points), *errors, place, "; ".join(filter(None, notes)))


def table(findings: Iterable[Finding]) -> Iterable[str]:
    """The report as aligned text: for each subject its name, and under it a line for each quantity."""
    lines = [(finding.subject.name, line(finding)) for finding in findings]
    widths = [max(map(len, column)) for column in zip(HEADER, *(cells for _, cells in lines))]

    def aligned(cells: Iterable[str]) -> str:
        numbers = range(1, 2 + len(ENGINES))
        padded = [
            cell.rjust(width) if i in numbers else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(cells, widths))
        ]
        return ("  " + "  ".join(padded)).rstrip()

    yield aligned(HEADER)
    for name, group in itertools.groupby(lines, key=lambda each: each[0]):
        yield name
        yield from (aligned(cells) for _, cells in group)


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.accuracy", description=(__doc__ or "").partition("\n\n")[0]
    )
    parser.add_argument("--points", type=int, default=600, help="points for each row (default 600)")
    parser.add_argument("names", nargs="*", metavar="NAME", help="only rows and losses that begin so")
    options = parser.parse_args()
    chosen = subjects(options.names, compare=True)
    findings: list[Finding] = []
    for number, subject in enumerate(chosen, 1):
        if sys.stderr.isatty():
            print(f"\r\033[K{number}/{len(chosen)} {subject.name}", end="", file=sys.stderr, flush=True)
        findings += judge(subject, options.points)
    if sys.stderr.isatty():
        print("\r\033[K", end="", file=sys.stderr)
    print(
        f"Largest errors in ulp, judged by mpmath at {oracle.DIGITS} digits wherever the truth is a normal "
        f"number.\nPython {platform.python_version()}, numpy {np.__version__}, {platform.machine()}. "
        'inf: not a finite number; "-": not there.\n'
    )
    print(*table(findings), sep="\n")
    if missing():
        print(f'\n{" and ".join(missing())} not installed: pip install -e ".[bench]" adds the comparison')
    missed = [finding for finding in findings if finding.missed]
    print(f"\n{len(findings) - len(missed)} of {len(findings)} within their target", end="")
    print(" (4 ulp; 8 for what takes logits, and for second derivatives)")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
