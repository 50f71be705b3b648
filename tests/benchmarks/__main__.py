"""`make bench`: this engine beside its peers, medians of alternating runs, as ratios.

The object graph beside micrograd, jax and a class of forty lines, by each kind of engine; and the compiled
graph beside array code and native code; and a small GPT, in steps and whole. All is written as a page, too.

python -m tests.benchmarks [--runs N] [--only NAME] [--quick] [--largest N] [--out FOLDER] [--no-record]
python -m tests.benchmarks --tune
"""

import argparse
import platform
from pathlib import Path

from tests.benchmarks import alone

PARTS = ("engine", "rows", "recording", "whole", "growth", "derivatives", "transformer")


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks", description=(__doc__ or "").partition("\n\n")[0]
    )
    parser.add_argument("--runs", type=int, default=9, help="timed runs of each contestant (default 9)")
    parser.add_argument("--only", action="append", choices=PARTS, help="this part; may be given again")
    parser.add_argument(
        "--task",
        default="",
        metavar="TEXT",
        help="of the engine's programs and the rows those whose name has it",
    )
    parser.add_argument(
        "--quick", action="store_true", help="for a look: few runs, small sizes, no slow contestants"
    )
    parser.add_argument("--largest", type=int, help="nodes of the largest graph (default 10^7)")
    parser.add_argument("--out", type=Path, default=Path("out/bench"), help="folder of the page")
    parser.add_argument(
        "--tune", action="store_true", help="time the alternatives of each tuned constant, and nothing else"
    )
    parser.add_argument(
        "--no-record",
        action="store_true",
        help="leave docs/reference/benchmarks.csv as it is (so does --quick)",
    )
    options = parser.parse_args()
    core = alone.pin()
    # Only now, because numpy and the peers read at their import on how many threads they may run.
    import numpy as np

    from tests.benchmarks import history, report
    from tests.benchmarks.compiled import Measurement

    if options.tune:
        from tests.benchmarks import tune

        print(*tune.measured(), sep="\n")
        return
    parts = options.only or PARTS
    runs = 3 if options.quick else options.runs
    print(f"Python {platform.python_version()}, numpy {np.__version__}, {platform.machine()}\n")
    largest = options.largest or (10**5 if options.quick else 10**7)
    findings = Measurement(runs, options.quick, options.task, largest).run(parts)
    found = report.sections(findings, core)
    print(report.as_text(found))
    report.save(found, options.out)
    if not (options.quick or options.no_record):
        print(f"{history.append(findings, report.processor())} figures added to {history.FILE}")
    print(f"Open {options.out / 'index.html'}")


if __name__ == "__main__":
    main()
