"""Checks of JSON data, with errors that name the place of the fault.

A check is a function ``check(given, place)`` that may raise a `SchemaError`. A place is a pair of the
enclosing place and a name or an index; only errors write it out.
"""

from __future__ import annotations

import math
import reprlib
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

import numpy as np

__all__ = [
    "SchemaError", "anything", "choice", "fail", "flag", "generator", "list_of", "maybe", "real", "record",
    "table_of", "text", "tree", "whole", "written",
]  # fmt: skip

Place = tuple[Any, Any] | None
Check = Callable[[Any, Place], None]

DEEPEST = 50  # levels of nested lists and objects


class SchemaError(ValueError):
    """The data does not fit the schema; the message names the place."""


def fail(place: Place, expected: str, given: Any) -> NoReturn:
    kind = {dict: "an object", list: "a list", type(None): "null"}.get(type(given), type(given).__name__)
    shown = "" if given is None else f": {reprlib.repr(given)}"
    raise SchemaError(f"{written(place)} must be {expected}, got {kind}{shown}")


def written(place: Place) -> str:
    """The place as text: ``training.steps[2].loss``."""
    steps = []
    while place is not None:
        place, step = place
        steps.append(
            f"[{step}]" if isinstance(step, int) else f".{step if step.isprintable() else ascii(step)}"
        )
    return "".join(reversed(steps)).lstrip(".") or "it"


def tree(given: Any) -> None:
    """Only JSON's types, at most `DEEPEST` levels, and no broken text."""
    pending: list[tuple[Any, Place, int]] = [(given, None, 0)]
    while pending:
        each, place, depth = pending.pop()
        if isinstance(each, (dict, list, tuple)):
            if depth == DEEPEST:
                raise SchemaError(f"{written(place)} is nested more than {DEEPEST} deep")
            items = each.items() if isinstance(each, dict) else enumerate(each)
            for step, item in items:
                if isinstance(each, dict):
                    _characters(step, place)
                if type(item) is not float:
                    pending.append((item, (place, step), depth + 1))
        elif isinstance(each, str):
            _characters(each, place)
        elif not isinstance(each, (bool, int, float, type(None))):
            fail(place, "numbers, text, lists and objects of these", each)


def anything(given: Any, place: Place) -> None:
    pass


def text(given: Any, place: Place) -> None:
    if not isinstance(given, str) or len(given) > 10_000:
        fail(place, "text of at most 10,000 characters", given)


def _characters(given: Any, place: Place) -> None:
    if not isinstance(given, str):
        fail(place, "named by text", given)
    if not given.isascii() and any("\ud800" <= letter <= "\udfff" for letter in given):
        fail(place, "text, and half of a surrogate pair is no character", given)


def flag(given: Any, place: Place) -> None:
    if not isinstance(given, bool):
        fail(place, "true or false", given)


def whole(least: int = 0, most: int = 2**53) -> Check:
    def check(given: Any, place: Place) -> None:
        if isinstance(given, bool) or not isinstance(given, int) or not least <= given <= most:
            fail(place, f"a whole number from {least} to {most}", given)

    return check


def real(least: float = -math.inf, below: float = math.inf, finite: bool = True) -> Check:
    bounds = f" from {least:g}" * (least > -math.inf) + f" to below {below:g}" * (below < math.inf)

    def check(given: Any, place: Place) -> None:
        if type(given) is not float:
            if isinstance(given, bool) or not isinstance(given, (int, float)):
                fail(place, f"a number{bounds}", given)
            if abs(given) > 2**1000:  # an integer beyond float64
                fail(place, f"a number{bounds} of float64", given)
        if finite and not (math.isfinite(given) and least <= given < below):
            fail(place, f"a finite number{bounds}", given)

    return check


def choice(*options: str) -> Check:
    def check(given: Any, place: Place) -> None:
        if given not in options:
            fail(place, f"one of {', '.join(options)}", given)

    return check


def maybe(check: Check) -> Check:
    return lambda given, place: None if given is None else check(given, place)


def list_of(check: Check, least: int = 0) -> Check:
    def check_all(given: Any, place: Place) -> None:
        if not isinstance(given, (list, tuple)) or len(given) < least:
            fail(place, f"a list of at least {least}" if least else "a list", given)
        for index, each in enumerate(given):
            check(each, (place, index))

    return check_all


def table_of(check: Check) -> Check:

    def check_all(given: Any, place: Place) -> None:
        if not isinstance(given, dict):
            fail(place, "an object", given)
        for name, each in given.items():
            check(each, (place, name))

    return check_all


def record(
    required: Mapping[str, Check], more: Mapping[str, Check] = {}, others: Check | None = None
) -> Check:
    """An object with all `required` members, optional ones in `more`, and others if there is a check."""

    def check_all(given: Any, place: Place) -> None:
        if not isinstance(given, dict):
            fail(place, "an object", given)
        missing = [name for name in required if name not in given]
        if missing:
            raise SchemaError(f"{written(place)} has no {' and no '.join(missing)}")
        for name, each in given.items():
            check = required.get(name) or more.get(name) or others
            if check is None:
                raise SchemaError(f"{written(place)} has {name!r:.60}, which is not known")
            check(each, (place, name))

    return check_all


# --- random generators -----------------------------------------------------------------------------

GENERATORS = ("PCG64", "PCG64DXSM", "MT19937", "Philox", "SFC64")
_LARGEST = {"has_uint32": 1, "uinteger": 2**32 - 1, "pos": 624, "buffer_pos": 4}  # else of its type


def generator(given: Any, place: Place) -> None:
    """The state of a numpy generator as JSON: numpy's own members and types."""
    record({"bit_generator": choice(*GENERATORS)}, others=anything)(given, place)
    kind: type[np.random.BitGenerator] = getattr(np.random, given["bit_generator"])
    _alike(kind(0).state, given, place)


def _alike(own: Any, given: Any, place: Place) -> None:
    if isinstance(own, Mapping):
        record(dict.fromkeys(own, anything))(given, place)
        for name, each in own.items():
            if isinstance(each, int):
                whole(0, _LARGEST.get(name, 2**128 - 1))(given[name], (place, name))
            else:
                _alike(each, given[name], (place, name))
    elif isinstance(own, np.ndarray):
        list_of(whole(0, int(np.iinfo(own.dtype).max)), len(own))(given, place)
        if len(given) > len(own):
            fail(place, f"a list of {len(own)}", given)
