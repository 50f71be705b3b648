"""V8 without a browser: the page's modules as a script."""

import functools
import json

import numpy as np
import pytest


def context(*scripts):
    """A fresh V8 that has run these scripts, in which ``export`` and ``import`` mean nothing."""
    racer = pytest.importorskip("py_mini_racer", reason="mini-racer runs scripts; it is in the extra test")
    made = racer.MiniRacer()
    for script in scripts:
        made.eval(script)
    return made


def literal(number):
    """A number, a list of numbers, as JavaScript writes it; to the last bit."""
    if isinstance(number, (list, tuple)):
        return f"[{', '.join(map(literal, number))}]"
    return {np.inf: "Infinity", -np.inf: "-Infinity"}.get(
        number, "NaN" if number != number else repr(float(number))
    )


def numbers(context, code):
    """What an array of numbers comes to, as floats: JSON has no nan, no infinity and no −0."""
    text = context.eval(
        f"JSON.stringify(Array.from({code}, (n) => Object.is(n, -0) ? '-0' : Number.isFinite(n) ? n : String(n)))"
    )
    return [float(str(number).replace("Infinity", "inf")) for number in json.loads(text)]
