"""`make mutate`: one sign or factor changed in any partial of any row makes at least one test fail.

Every partial of every row is changed in memory, one at a time: its sign, a factor of 1 + 1e-9, and 0 in its
place; one that is 0 everywhere gets 1e-9 added. Then the tests of tests/autograd/engine/test_primitives.py
that take a row are run on that row. A change that no test notices is printed, and the exit status is 1.
"""

import importlib.util
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from inspect import signature
from pathlib import Path
from typing import Any

from autograd.engine.primitives import TABLE, Primitive

TESTS = Path(__file__).parents[1]

CHANGES: dict[str, Callable[[Any], Any]] = {
    "sign": lambda slope: -slope,
    "factor 1 + 1e-9": lambda slope: slope * (1.0 + 1e-9),
    "0": lambda slope: 0.0,
    "plus 1e-9": lambda slope: slope + 1e-9,
}


def tests_of_a_row() -> dict[str, Callable[[Primitive], None]]:
    """The tests that take nothing but a row."""
    path = TESTS / "autograd" / "engine" / "test_primitives.py"
    spec = importlib.util.spec_from_file_location("test_primitives", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    tests = {name: test for name, test in vars(module).items() if name.startswith("test_")}
    return {name: test for name, test in tests.items() if list(signature(test).parameters) == ["row"]}


def meant_for(test: Any, row: Primitive) -> bool:
    """Whether the test's parameters have the row among them."""
    return any(row in mark.args[1] for mark in test.pytestmark if mark.name == "parametrize")


@contextmanager
def changed(row: Primitive, position: int, change: Callable[[Any], Any]) -> Iterator[None]:
    """The row with one of its partials changed."""
    rule = row.partials

    def partials(y: Any, *args: Any) -> Any:
        slopes = list(rule(y, *args))
        old = slopes[position]
        slopes[position] = list(map(change, old)) if isinstance(old, (list, tuple)) else change(old)
        return tuple(slopes)

    object.__setattr__(row, "partials", partials)
    row.read(row, len(row.domain), trusted=True)
    try:
        yield
    finally:
        object.__setattr__(row, "partials", rule)
        row.read(row, len(row.domain), trusted=True)


def zero(row: Primitive, position: int) -> bool:
    """Whether a partial is 0 by its rule, so that neither sign nor factor changes it."""
    middle = [0.0 if i == row.index else (low + high) / 2 + 0.1 for i, (low, high) in enumerate(row.domain)]
    args = [[x, x - 0.7] if i in row.vectors else x for i, x in enumerate(middle)]
    slope = row.partials(row.evaluate(*args), *args)[position]
    return type(slope) is float and slope == 0.0


def first_failing(tests: dict[str, Callable[[Primitive], None]], row: Primitive) -> str:
    """The first test that fails on the row, or nothing."""
    for name, test in tests.items():
        if not meant_for(test, row):
            continue
        try:
            test(row)
        except BaseException as problem:  # pytest.fail and pytest.skip are no Exceptions
            if type(problem).__name__ == "Skipped":
                continue
            if isinstance(problem, KeyboardInterrupt):
                raise
            return name
    return ""


def main() -> int:
    tests = tests_of_a_row()
    start, mutants, survivors = time.perf_counter(), 0, []
    for row in list(TABLE.values()):
        before = first_failing(tests, row)
        if before:
            print(f"{row.name}: {before} fails already, without any change")
            return 1
        killers = set()
        for position in range(len(row.domain)):
            for what in ("plus 1e-9",) if zero(row, position) else ("sign", "factor 1 + 1e-9", "0"):
                mutants += 1
                with changed(row, position, CHANGES[what]):
                    killer = first_failing(tests, row)
                killers.add(killer)
                if not killer:
                    survivors.append(f"{row.name}, partial {position}: {what}")
        found = ", ".join(sorted(name.removeprefix("test_") for name in killers if name))
        print(f"{row.name:12} {found}", flush=True)
    for survivor in survivors:
        print(f"NOT NOTICED  {survivor}")
    print(f"{mutants} changes, {len(survivors)} not noticed, {time.perf_counter() - start:.0f} s")
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main())
