"""V8 without a browser: generated code and the page's modules, run and asked for their numbers."""

import json
import math
from collections.abc import Mapping
from typing import Any

import pytest

from autograd.explorer.script import rows_module, script

_MODULES = "probe"


class V8:
    """A fresh V8 that has what is named ``module.export``, with the rows and modules that are given."""

    def __init__(
        self, *names: str, rows: list[str] | None = None, given: Mapping[str, str] | None = None
    ) -> None:
        racer = pytest.importorskip("py_mini_racer", reason="mini-racer is in the extra test")
        imports = "".join(f'import {{ {each} }} from "./{name}.js";\n' for name, each in map(_split, names))
        shared = ", ".join(each for _, each in map(_split, names))
        probe = f"{imports}Object.assign(globalThis, {{ {shared} }});\n"
        self._context = racer.MiniRacer()
        self._context.eval("globalThis.done = false")
        code = script(_MODULES, {_MODULES: probe, "rows": rows_module(rows), **(given or {})})
        self._context.eval(
            f"(async () => {{\n{code}\n}})().then(() => (done = true), (e) => (done = String(e)))"
        )
        assert self._context.eval("done") is True, self._context.eval("String(done)")

    def read(self, code: str) -> Any:
        """What texts, lists and whole numbers come to."""
        return json.loads(self._context.eval(f"JSON.stringify({code})"))

    def numbers(self, code: str) -> Any:
        """What nested arrays of numbers come to, to the last bit: JSON has no nan, no infinity and no −0."""
        told = (
            "(_, n) => ArrayBuffer.isView(n) ? Array.from(n) : typeof n !== 'number' ? n"
            " : Object.is(n, -0) ? '-0' : String(n)"
        )
        return _floats(json.loads(self._context.eval(f"JSON.stringify({code}, {told})")))


def _split(name: str) -> tuple[str, str]:
    module, _, exported = name.partition(".")
    return module, exported


def _floats(read: Any) -> Any:
    if isinstance(read, list):
        return [_floats(each) for each in read]
    if isinstance(read, dict):
        return {key: _floats(each) for key, each in read.items()}
    return float(read.replace("Infinity", "inf")) if isinstance(read, str) else read


def literal(number: Any) -> str:
    """A number, or nested lists of numbers, as JavaScript writes it, to the last bit."""
    if isinstance(number, (list, tuple)):
        return f"[{', '.join(map(literal, number))}]"
    if math.isfinite(number):
        return repr(float(number))
    return "NaN" if math.isnan(number) else "Infinity" if number > 0 else "-Infinity"


def ulps(one: float, other: float) -> float:
    """How many units in the last place two numbers are apart; infinitely many where only one is finite."""
    if one == other or (math.isnan(one) and math.isnan(other)):
        return 0.0
    if not (math.isfinite(one) and math.isfinite(other)):
        return math.inf
    return abs(one - other) / math.ulp(max(abs(one), abs(other)))
