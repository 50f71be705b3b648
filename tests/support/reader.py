"""Reads formulas as `Notation.TEXT` writes them, knowing nothing of how: for tests that read them again."""

import math
import re

from tests.support import oracle
from tests.support.oracle import mpf

SIGNS = {"·": "*", "−": "-", "^": "**"}
NAMES = {
    "σ": "sigmoid",
    "ReLU": "relu",
    "SiLU": "silu",
    "ELU": "elu",
    "ln": "log",
    "√": "sqrt",
    "max": "maximum",
    "min": "minimum",
    "GELU": "gelu",
    "sech²": "sech2",
    "∛": "cbrt",
    "σ′": "sigmoid_slope",
    "SiLU′": "silu_slope",
    "GELU′": "gelu_slope",
}


def evaluate(text, values, functions):
    """The number of a formula, with mpmath: `values` of names, `functions` by the names of rows."""
    values = {"π": math.pi, **values}
    derivatives = sorted((name for name in values if name.startswith("∂")), key=len, reverse=True)
    for i, name in enumerate(derivatives):  # what a long formula refers to
        text, values = text.replace(name, f"derivative{i}"), {**values, f"derivative{i}": values[name]}
    tokens = re.findall(r"[^\W\d]\w*′?|√|∛|\d+\.?\d*(?:e[+-]?\d+)?|\*\*|\S", text)
    code, bars = [], 0
    for token, after in zip(tokens, [*tokens[1:], ""]):
        if token == "|":
            bars += 1
            code.append("abs(" if bars % 2 else ")")
        elif token in values:
            code.append(f"_v[{token!r}]")
            if after == "(":
                code.append("*")  # a (1 − a)
        elif re.match(r"\d", token):
            code.append(f"mpf({token!r})")
            if after == "(":
                code.append("*")
        elif token in SIGNS:
            code.append(SIGNS[token])
        elif token in NAMES or re.match(r"[^\W\d]", token):
            code.append(f"_f[{NAMES.get(token, token)!r}]")
        else:
            code.append(token)
    return eval(
        "".join(code), {"_v": {k: mpf(v) for k, v in values.items()}, "_f": functions, "mpf": mpf, "abs": abs}
    )


def reference_functions(names):
    return {name: oracle.reference(name).value for name in names}
