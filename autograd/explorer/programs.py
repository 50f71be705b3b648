"""Rows of a program in Python, with this library or torch."""

from __future__ import annotations

import builtins
import keyword
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from ..engine import primitives
from ..engine.primitive import TABLE, Primitive
from ..symbolic import OPERATORS, PYTHON, Apply, Notation, lowered
from .labels import Pieces, in_pieces

__all__ = ["forms", "taken"]


def taken() -> list[str]:
    """Names that no node has in a program."""
    return sorted({*keyword.kwlist, *dir(builtins), *TABLE, "Value", "TABLE", "torch", "number"})


def forms(row: Primitive, operands: Sequence[Any]) -> dict[str, Pieces]:
    """A row in a program, with slots for its operands: in Python with this library, and with torch.

    A row without a form has no pieces.
    """
    called = Apply(row, tuple(operands))
    try:
        torch = in_pieces(_TORCH.write(lowered(called, _IN_TORCH)))
    except ValueError:
        torch = []
    return {"python": in_pieces(_PYTHON.write(called)), "torch": torch}


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
    "mod": "torch.remainder", "floordiv": "torch.floor_divide({0}.detach(), {1}.detach())",
    "exp_minus_cx2": "torch.exp(-{1} * {0}**2)",
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
