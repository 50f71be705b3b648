"""``python -m demos`` lists the demos; ``python -m demos NAME [options]`` runs one."""

from __future__ import annotations

import ast
import importlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path


def names() -> list[str]:
    """The demos: the modules of this package."""
    here = Path(__file__).parent
    return sorted(path.stem for path in here.glob("*.py") if not path.stem.startswith("_"))


def summary(name: str) -> str:
    """The first sentence of a demo's docstring, read without running the demo's imports."""
    source = (Path(__file__).parent / f"{name}.py").read_text(encoding="utf-8")
    return " ".join((ast.get_docstring(ast.parse(source)) or "").split("\n\n")[0].split())


def main(argv: Sequence[str]) -> int:
    if not argv or argv[0] in ("-h", "--help"):
        print("The demos, run as  python -m demos NAME  (options: python -m demos NAME --help)\n")
        width = max(map(len, names()))
        for name in names():
            print(f"  {name:{width}}  {summary(name)}")
        return 0
    name, *options = argv
    if name not in names():
        print(f"python -m demos: no demo {name!r:.60}; there is: {', '.join(names())}", file=sys.stderr)
        return 2
    try:
        status: int = importlib.import_module(f"demos.{name}").main(options)
    except KeyboardInterrupt:
        print(f"python -m demos {name}: interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:  # whoever reads, such as `head`, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or Python complains at exit
        return 141
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
