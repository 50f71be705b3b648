"""The check of one student's program: ``python -m autograd.handwritten.worker``, a process of its own.

Limits are set before anything of the student's is read. They stop accidents, an endless loop or a huge array.
They are no sandbox: the program runs with the rights of the user.
"""

from __future__ import annotations

import importlib.util
import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from ..processes import limit_process
from .engines import check_engine
from .report import HandwrittenReport

__all__ = ["main", "told"]

_LARGEST_FILE = 10_000_000  # bytes


def _loaded(path: Path, name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None, path
    assert spec.loader is not None, path
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def told(reports: Any) -> dict[str, Any]:
    """Reports as JSON's data."""
    several = reports if isinstance(reports, (list, tuple)) else [reports]
    for each in several:
        if not isinstance(each, HandwrittenReport):
            raise TypeError(f"check(student) must return a report or a list of them, got {each!r:.60}")
    return {
        "status": "right" if several and all(several) else "wrong",
        "right": [name for each in several for name in each.right],
        "mistakes": [
            {name: getattr(mistake, name) for name in ("names", "kind", "words")}
            | {name: repr(getattr(mistake, name)) for name in ("given", "expected")}
            for each in several
            for mistake in each.mistakes
        ],
        "text": "\n".join(map(str, several)),
    }


def main(arguments: list[str]) -> None:
    """The worker: SECONDS MEGABYTES STUDENT [CHECK], what came out as JSON on the standard output."""
    seconds, megabytes, student, *check = arguments
    limit_process(int(megabytes), int(seconds), _LARGEST_FILE)
    output = os.dup(1)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # what the student's program prints is not a result
    outcome: Mapping[str, Any]
    try:
        checking = _loaded(Path(check[0]), "check_of_the_teacher").check if check else _engine
        sys.path.append(str(Path(student).parent))  # last: a student's numpy.py does not replace numpy
        outcome = told(checking(_loaded(Path(student), "program_of_the_student")))
    except MemoryError:
        outcome = {"status": "failed", "text": f"it needs more than {megabytes} MB of memory"}
    except BaseException as error:  # SystemExit as well: the student's program may end itself
        words = " ".join(f"{type(error).__name__}: {error}".split())
        outcome = {"status": "failed", "text": f"it raises {words[:300]}"}
    os.write(output, json.dumps(outcome).encode())


def _engine(student: ModuleType) -> HandwrittenReport:
    if not hasattr(student, "Value"):
        raise AttributeError("there is no class Value in it")
    return check_engine(student.Value)


if __name__ == "__main__":
    main(sys.argv[1:])
