"""Every way in which Python can read the number of a `Value`: what compiled code cannot do again."""

import copy
import functools
import itertools
import math
import pickle
import struct

import numpy as np

import autograd
from autograd import Value, grad, no_grad


def of_key(t):
    try:
        return {-1.0: 1, 0.0: 1, 1.0: 1, 2.0: 1}[t]
    except KeyError:
        return 2


def matched(t):
    match t:
        case 1.0:
            return 1
        case _:
            return 0


def without_recording(t):
    with no_grad():
        return (t * 1.0).data > 0.0


def caught(t):
    """The user's own `except` does not hide it."""
    try:
        return t > 0.0
    except Exception:
        return False


@functools.lru_cache
def remembered(t):
    return 1


ANYWHERE = {  # of a float they say the same as of a Value with that number, or the same every time
    "<": lambda t: t < 0.0,
    "<=": lambda t: t <= 0.0,
    ">": lambda t: t > 0.0,
    ">=": lambda t: t <= 0.0,
    "bool": bool,
    "not": lambda t: not t,
    "and": lambda t: t and 1.0,
    "any": lambda t: any([t]),
    "float": float,
    "int": int,
    "round": round,
    "round to digits": lambda t: round(t, 1),
    "math.floor": math.floor,
    "math.ceil": math.ceil,
    "math.trunc": math.trunc,
    "math.exp": math.exp,
    "math.isnan": math.isnan,
    "np.float64": np.float64,
    "an array of floats": lambda t: np.asarray([t], dtype=float),
    "stored in an array": lambda t: np.zeros(1).__setitem__(0, t),
    "struct": lambda t: struct.pack("d", t),
    "max": lambda t: max(t, 0.0),
    "sorted": lambda t: sorted([t, 0.5]),
    "clipped": lambda t: np.clip(np.array([t, 0.5], dtype=object), 0.0, 1.0).tolist(),
    "format": lambda t: f"{t:.1f}",
    "percent": lambda t: "%.1f" % t,  # noqa: UP031  # it is what is tried
    "str": str,
    "repr": repr,
    "caught": caught,
    "mapped by the engine": lambda t: autograd.sum(map(float, [t, 1.0])),
    "filtered by the engine": lambda t: autograd.sum(filter(None, [t, 1.0])),
    "taken by the engine": lambda t: autograd.sequence(itertools.takewhile(bool, [t, 1.0])),
}

OF_FLOATS = {  # of a float by number, of a Value by identity
    "==": lambda t: t == 1.0,
    "!=": lambda t: t != 1.0,
    "reflected ==": lambda t: t == 1.0,
    "in a list": lambda t: t in [1.0, 2.0],
    "in a set": lambda t: t in {1.0, 2.0},
    "match": matched,
    "dict.get": {1.0: 2.0}.get,
    "a dictionary's key": of_key,
    "a set": lambda t: len({t, 1.0}),
    "hash": hash,
    "count": lambda t: [t].count(1.0),
    "lru_cache": remembered,
}

OF_VALUES = {  # only of what is a Value in the eager engine too
    ".data": lambda y: y.data,
    ".grad": lambda y: y.grad,
    ".reached": lambda y: y.reached,
    "a drawing": lambda y: autograd.draw(y),
    "detach": Value.detach,
    "no_grad": without_recording,
    "a copy": copy.copy,
    "a deep copy": copy.deepcopy,
    "a pickle": pickle.dumps,
    "grad()": lambda y: grad(y * 1.0, [y]),
    "backward()": lambda y: (y * 1.0).backward(),
}
