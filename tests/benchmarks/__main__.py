"""`make bench`: this engine beside its peers, in one process, medians of alternating runs, as ratios.

python -m tests.benchmarks [--runs N] [--largest N]
"""

import argparse
import platform
import sys

import numpy as np

from tests.benchmarks import growth, moons


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("--runs", type=int, default=9, help="timed runs of each contestant (default 9)")
    parser.add_argument(
        "--largest", type=int, default=10**7, help="nodes of the largest graph (default 10^7)"
    )
    options = parser.parse_args()
    print(f"Python {platform.python_version()}, numpy {np.__version__}, {platform.machine()}\n")
    moons.report(options.runs)
    sys.stdout.flush()
    growth.report(options.largest)


if __name__ == "__main__":
    main()
