"""A recorded graph as a program in Python, with this library or torch."""

from __future__ import annotations

import builtins
import keyword
import re
from collections.abc import Callable, Mapping
from dataclasses import replace

from ..engine import primitives
from ..engine.primitive import TABLE, Primitive
from ..engine.replay import Passes
from ..engine.value import Value
from ..symbolic import OPERATORS, PYTHON, Apply, Expression, Notation, Symbol, lowered

__all__ = ["TAKEN", "in_python", "in_torch", "python_lines", "torch_lines"]


TAKEN = frozenset({*keyword.kwlist, *dir(builtins), "Value", "TABLE", "torch", "number"})
"""Names that no node has in a program, nor those of the rows."""


def python_lines(passes: Passes, names: Mapping[Value, str]) -> list[str]:
    """A line for each node: of a leaf its name alone, of a constant none. The names become identifiers."""
    constants = {node: Symbol(PYTHON.number(node.data)) for node in passes.nodes if node.constant}
    return _lines(passes, names, constants, in_python)


def torch_lines(passes: Passes, names: Mapping[Value, str]) -> list[str]:
    """The lines with torch, where ``number(x)`` makes a tensor; "" for all if a row has no form."""
    numbers = {node: Symbol(_TORCH.number(node.data)) for node in passes.nodes if node.constant}
    try:
        return _lines(passes, names, numbers, in_torch)
    except ValueError:
        return [""] * len(passes.nodes)


def in_python(formula: Expression) -> str:
    """A formula in Python, with this library's functions."""
    return _PYTHON.write(formula)


def in_torch(formula: Expression) -> str:
    """A formula in Python, with torch's functions; a `ValueError` for a row without a form."""
    return _TORCH.write(lowered(formula, _IN_TORCH))


def _lines(
    passes: Passes,
    names: Mapping[Value, str],
    constants: Mapping[Value, Symbol],
    write: Callable[[Expression], str],
) -> list[str]:
    taken = {*TAKEN, *TABLE}
    symbols = dict(constants)
    lines = []
    for node in passes.nodes:
        if node.constant:
            lines.append("")
            continue
        name = re.sub(r"\W", "_", names[node]) or "_"
        name = f"_{name}" if name[0].isdigit() else name
        while name in taken:
            name += "_"
        taken.add(name)
        symbols[node] = Symbol(name)
        if node.primitive is None:
            lines.append(name)
            continue
        operands = [
            tuple(map(symbols.__getitem__, each)) if isinstance(each, tuple) else symbols[each]
            for each in node.operands
        ]
        lines.append(f"{name} = {write(Apply(node.primitive, tuple(operands)))}")
    return lines


def _call(row: Primitive) -> str:
    """A row's name in a program: the public one if that takes the row's operands."""
    same = getattr(primitives, row.name, None)
    public = same is row or (row.vectors == (0,) and callable(same)) or row.name == "dot"
    return row.name if public and row.name in primitives.__all__ else f"TABLE[{row.name!r}]"


_PYTHON = replace(PYTHON, call=_call)

_SAME = (
    "exp log log1p log2 log10 expm1 sqrt square sin cos tan asin acos atan atan2 sinh cosh tanh asinh acosh "
    "atanh sigmoid relu erf erfc floor ceil sign hypot maximum minimum abs logaddexp"
)
_IN_TORCH = {
    **dict.fromkeys(OPERATORS, ""),
    **{name: f"torch.{name}" for name in _SAME.split()},
    **{name: f"torch.nn.functional.{name}" for name in ("silu", "softsign", "hardtanh")},
    "mod": "torch.remainder", "floordiv": "torch.floor_divide",
    "where": "torch.where({0} != 0, {1}, {2})", "step": "({0} > 0).double()",
    "greater": "({0} > {1}).double()",
    "softplus": "torch.nn.functional.softplus({0}, threshold=700)",
    "gelu": "torch.nn.functional.gelu({0})", "gelu_tanh": "torch.nn.functional.gelu({0}, approximate='tanh')",
    "take": "torch.stack([{0}])[{1}.long()]", "sum": "torch.stack([{0}]).sum()",
    "mean": "torch.stack([{0}]).mean()",
    "norm": "torch.linalg.vector_norm(torch.stack([{0}]))",
    "logsumexp": "torch.logsumexp(torch.stack([{0}]), 0)",
    "dot": "(torch.stack([{0}]) * torch.stack([{1}])).sum()",
    "softmax": "torch.softmax(torch.stack([{0}, {1}]), 0)[0]",
    "log_softmax": "torch.log_softmax(torch.stack([{0}, {1}]), 0)[0]",
}  # fmt: skip
_TORCH: Notation = replace(
    PYTHON, call=lambda row: _IN_TORCH[row.name], number=lambda data: f"number({PYTHON.number(data)})"
)
