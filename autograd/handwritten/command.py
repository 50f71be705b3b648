"""The command: Python files of students, checked, and the outcomes printed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from ..terminal import OptionParser, OptionsError, refused, say
from .programs import check_programs, save_results

__all__ = ["main"]


def main(argv: Sequence[str], program: str = "python -m autograd.handwritten") -> int:
    """Run the check; returns the exit status."""
    parser = OptionParser(
        prog=program,
        description="Check Python written by hand: the class Value of each file, or what a file of yours "
        "looks at. Each runs in a process of its own with limits on time and memory. This is no sandbox: a "
        "program has your rights.",
        epilog="Exit status: 0 if all is right, 1 if something is wrong or a file could not be checked, 2 if "
        "an option or a file cannot be used.",
    )
    parser.add_argument("files", metavar="FILE.py", nargs="+", help="a Python file, or one folder of them")
    parser.add_argument(
        "--with", metavar="CHECK.py", dest="check", help="a file with a function check(student)"
    )
    parser.add_argument(
        "--seconds", metavar="N", type=int, default=30, help="the most time for each (default: 30)"
    )
    parser.add_argument("--out", metavar="FILE", help="also write the results: .csv or .json")
    try:
        given = parser.read(argv)
        files = given.files[0] if len(given.files) == 1 else given.files
        results = check_programs(files, given.check, seconds=given.seconds)
        for each in results:
            say([f"{each.file}: {each.status}", *(f"  {line}" for line in each.text.splitlines())])
        if len(results) > 1:
            counts = Counter(each.status for each in results)
            say(["", ", ".join(f"{count} {status}" for status, count in sorted(counts.items()))])
        if given.out:
            save_results(results, given.out)
    except (OptionsError, OSError, ValueError) as error:
        return refused(program, error)
    return int(any(each.status != "right" for each in results))
