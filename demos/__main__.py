"""``python -m demos`` lists the demos; ``python -m demos NAME [options]`` runs one.

An error in the program itself is one line and exit status 70; ``python -X dev -m demos ...`` shows where.
"""

from __future__ import annotations

import ast
import importlib
import sys
from collections.abc import Sequence
from pathlib import Path

from autograd.terminal import brief, lost, ready, say

HERE = Path(__file__).parent
CRASHED = 70  # the exit status, EX_SOFTWARE of sysexits.h


def names() -> list[str]:
    """The demos: the modules of this package, and its folders that have one to run."""
    modules = {path.stem for path in HERE.glob("*.py") if not path.stem.startswith("_")}
    return sorted(modules | {path.parent.name for path in HERE.glob("*/run.py")})


def summary(name: str) -> str:
    """The first sentence of a demo's docstring, read without running the demo's imports."""
    folder = HERE / name
    path = folder / "__init__.py" if folder.is_dir() else HERE / f"{name}.py"
    docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return " ".join(docstring.split("\n\n")[0].split())


def main(argv: Sequence[str]) -> int:
    if not argv or argv[0] in ("-h", "--help"):
        print("The demos, run as  python -m demos NAME  (options: python -m demos NAME --help)\n")
        width = max(map(len, names()))
        for name in names():
            print(f"  {name:{width}}  {summary(name)}")
        return 0
    name, *options = argv
    if name not in names():
        say([f"python -m demos: no demo {name!r:.60}; there is: {', '.join(names())}"], sys.stderr)
        return 2
    try:
        status: int = importlib.import_module(f"demos.{name}").main(options)
    except KeyboardInterrupt:
        say([f"python -m demos {name}: interrupted"], sys.stderr)
        return 130
    except Exception as error:
        if sys.flags.dev_mode:
            raise
        what = f"{type(error).__name__}: {brief(error, 200)}" if str(error) else type(error).__name__
        line = f"python -m demos {name}: an error in this program, not in its input: {what}"
        say([f"{line}. python -X dev -m demos ... shows where"], sys.stderr)
        return CRASHED
    return status


if __name__ == "__main__":
    ready()
    status = main(sys.argv[1:])
    if failure := lost():
        say([f"python -m demos: the output could not be written: {failure.strerror}"], sys.stderr)
        status = CRASHED
    sys.exit(status)
