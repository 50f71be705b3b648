"""Rows of the table as JavaScript, so that a page computes what the engine computes.

A row becomes two functions, its forward rule and its partials: straight lines of JavaScript's operations,
generated from the rules of the table.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Container, Sequence
from typing import Any

from ..engine.graph import edges
from ..engine.numerics import GONE, NEAR, by_halves, difference
from ..engine.primitives import (
    TABLE,
    Primitive,
    absolute,
    exp,
    greater,
    log,
    log1p,
    maximum,
    power,
    sign,
    step,
    sum,
    where,
)
from .expressions import Apply, Expression, Symbol, as_expression, verbatim

__all__ = ["DIRECT", "NoScriptError", "lowered", "row_script"]


class NoScriptError(ValueError):
    """The rules of a primitive do not run on formulas, so that no page can compute it."""


DIRECT = {
    "add": "{0} + {1}", "sub": "{0} - {1}", "mul": "{0} * {1}", "div": "{0} / {1}", "neg": "- {0}",
    "pow": "power({0}, {1})", "power": "power({0}, {1})", "mod": "mod({0}, {1})",
    "floordiv": "floordiv({0}, {1})", "relu": "{0} <= 0 ? 0 : {0}", "step": "step({0})",
    "greater": "greater({0}, {1})", "where": "{0} !== 0 ? {1} : {2}", "sum": "sum({0})",
    "maximum": "maximum({0}, {1})", "minimum": "minimum({0}, {1})", "dot": "dot({0}, {1})",
    **{
        name: f"Math.{name}({{0}})"
        for name in (
            "abs", "floor", "ceil", "exp", "log", "log1p", "log2", "log10", "expm1", "sqrt", "cbrt", "sin",
            "cos", "tan", "asin", "acos", "atan", "sinh", "cosh", "tanh", "asinh", "acosh", "atanh",
        )
    },
    "take": "take({0}, {1})",
    "atan2": "Math.atan2({0}, {1})", "hypot": "norm([{0}, {1}])", "norm": "norm({0})",
}  # fmt: skip
"""JavaScript's form of a row; functions without ``Math`` are in ``arithmetic.js``."""


# --- rows whose expansions in simpler rows lose digits -----------------------------------------------


def _in_order(values: Sequence[Any]) -> tuple[Any, ...]:
    """One order for the same operands, so that the partials share their code."""
    return tuple(sorted(values, key=lambda value: value.text if isinstance(value, Symbol) else ""))


def _exponential(value: Any, top: Any) -> Any:
    """exp(v − top), with the rounding error of the difference put back, as `numerics.exponentials_of`."""
    gap, rest = difference(value, top)
    return where(step(gap - GONE), exp(gap) * (1.0 + rest), 0.0)


# The caches make what the n partials of a row share once: n² formulas otherwise.


@functools.lru_cache(1)
def _exponentials(values: tuple[Any, ...]) -> tuple[dict[Any, Any], Any]:
    """exp(vᵢ − top) of each value, and their sum."""
    top = functools.reduce(maximum, values)
    found = {value: _exponential(value, top) for value in values}
    return found, sum([found[value] for value in values])


@functools.lru_cache(1)
def _top_and_rest(values: tuple[Any, ...]) -> tuple[Any, Any]:
    """The top, and ln Σ exp(vᵢ − top) from all terms but one top, as `numerics.split_top`."""
    top = functools.reduce(maximum, values)
    before: Any = 0.0
    terms = []
    for value in values:
        is_top = 1.0 - greater(top, value)
        terms.append(where(greater(is_top, before), 0.0, _exponential(value, top)))
        before = maximum(before, is_top)
    return top, log1p(sum(terms))


def _finite(x: Any) -> Any:
    return where(x - x, 0.0, 1.0)


def _logsumexp(values: Sequence[Any]) -> Any:
    top, rest = _top_and_rest(_in_order(values))
    return where(_finite(top), top + rest, top)


def _log_softmax(x: Any, others: Sequence[Any]) -> Any:
    top, rest = _top_and_rest(_in_order([x, *others]))
    return (x - top) - rest


def _softmax_share(part: Sequence[Any], rest: Sequence[Any]) -> Any:
    found, total = _exponentials(_in_order([*part, *rest]))
    return sum([found[value] for value in _in_order(part)]) / total


def _monomial(c: Any, a: Any, n: Any, k: Any) -> Any:
    """c aⁿ⁻ᵏ with the rounding error of n − k; a power beyond the floats as its root twice."""
    exponent, rest = difference(n, k)
    usual = where(a, where(_finite(a), _finite(exponent), 0.0), 0.0)
    signed = power(a, exponent) * where(where(usual, rest, 0.0), power(sign(a), rest), 1.0)
    lost = where(where(usual, rest, 0.0), rest * log(absolute(a)), 0.0)
    raised = signed * (1.0 + lost)
    size, below_zero = absolute(raised), step(-signed) + step(-1.0 / signed)
    half, sign_of_it = power(absolute(a), 0.5 * exponent), where(below_zero, -1.0, 1.0)
    far = by_halves(c, half) * sign_of_it * (1.0 + where(greater(0.1, absolute(lost)), lost, 0.0))
    within = greater(size, NEAR[0]) * greater(NEAR[1], size)
    far = where(_finite(c), far, c * sign_of_it)
    product = where(where(within, 0.0, usual), far, c * raised)
    return where(absolute(c) + (1.0 - step(k)), product, 0.0)


def _silu(x: Any) -> Any:
    half = exp(0.5 * x)
    return where(step(-700.0 - x), maximum(x, -2000.0) * half * half, x / (1.0 + exp(-x)))


_FORMULAS: dict[str, Callable[..., Any]] = {
    "logsumexp": _logsumexp,
    "logaddexp": lambda a, b: _logsumexp([a, b]),
    "log_softmax": _log_softmax,
    "softmax_share": _softmax_share,
    "softmax": lambda x, others: _softmax_share([x], others),
    "monomial": _monomial,
    "silu": _silu,
    "mean": lambda values: sum(values) / float(len(values)),
}


def lowered(formula: Any, direct: Container[str]) -> Expression:
    """The formula in rows named in `direct`; other rows are replaced by their rules.

    Raises
    ------
    ValueError : for a row whose rules do not run on formulas.
    """
    with verbatim():
        return _Lowering(direct).lowered(formula)


class _Lowering:
    """Formulas in rows named in `direct`; shared parts are lowered once."""

    def __init__(self, direct: Container[str]) -> None:
        self._direct = direct
        self._found: dict[int, Expression] = {}  # by the id of a part
        self._alive: list[Expression] = []  # keeps these ids taken

    def lowered(self, formula: Any) -> Expression:
        root = as_expression(formula)
        self._alive.append(root)
        return root.fold(as_expression, lambda each, operands: self.applied(each.row, operands), self._found)

    def applied(self, row: Primitive, operands: Sequence[Any]) -> Expression:
        if row.name == "dot" and len(operands) == 3:
            return Apply(TABLE["add"], (self.applied(row, operands[:2]), operands[2]))
        if row.name in self._direct:
            return Apply(row, tuple(operands))
        rules = [_FORMULAS.get(row.name), row.native, row.sheet, row.expansion, row.forward]
        for rule in filter(callable, rules):
            try:
                formula = rule(*operands)
            except Exception:  # a rule that decides by numbers: comparisons, math, ...
                continue
            if isinstance(formula, (Expression, float, int)):
                return self.lowered(formula)
        raise NoScriptError(
            f"the primitive {row.name!r} has no form for a page: its rules do not run on formulas. Give "
            "primitive(...) an expansion= or native= in other primitives"
        )


# --- lines of code ---------------------------------------------------------------------------------


def row_script(row: Primitive, lengths: Sequence[int | None]) -> str:
    """A row as a JavaScript object with ``forward(...operands)`` and ``partials(y, ...operands)``.

    Parameters
    ----------
    row : a row of the table or of the user.
    lengths : for each operand ``None`` for a number, or the length of a sequence.

    Returns
    -------
    Source code. A sequence is an array; ``partials`` returns one number for each number among the operands.

    Raises
    ------
    NoScriptError : a `ValueError`, if the rules of the row do not run on formulas, as one that compares.

    Examples
    --------
    >>> from autograd.engine.primitives import TABLE
    >>> print(row_script(TABLE["softplus"], [None]))
    {
      forward: (a0) => {
        const t0 = Math.abs(a0);
        const t1 = - t0;
        const t2 = Math.exp(t1);
        const t3 = Math.log1p(t2);
        const t4 = maximum(a0, 0);
        const t5 = t4 + t3;
        return t5;
      },
      partials: (y, a0) => {
        const t0 = Math.abs(a0);
        const t1 = - t0;
        const t2 = Math.exp(t1);
        const t3 = 1 + t2;
        const t4 = step(a0);
        const t5 = t4 !== 0 ? 1 : t2;
        const t6 = t5 / t3;
        return [t6];
      },
    }
    """
    names = [f"a{place}" for place in range(len(lengths))]
    operands: list[Any] = [
        Symbol(name) if length is None else tuple(Symbol(f"{name}[{i}]") for i in range(length))
        for name, length in zip(names, lengths)
    ]
    sequences = [(operand, name) for operand, name in zip(operands, names) if isinstance(operand, tuple)]
    whole = {tuple(symbol.text for symbol in operand): name for operand, name in sequences}
    with verbatim():
        lowering = _Lowering(DIRECT)
        forward = lowering.applied(row, operands)
        partials = list(map(lowering.lowered, _partials(row, operands)))
    arguments = ", ".join(names)
    return (
        f"{{\n  forward: ({arguments}) => {{\n{_lines([forward], whole, '{}')}  }},\n"
        f"  partials: (y, {arguments}) => {{\n{_lines(partials, whole, '[{}]')}  }},\n"
        f"{'' if row.select is None else '  select: true,' + chr(10)}"
        f"{'' if row.index is None else f'  index: {row.index},' + chr(10)}}}"
    )


def _partials(row: Primitive, operands: Sequence[Any]) -> list[Any]:
    """The partial by each number among the operands."""
    try:
        return [partial for _, partial in edges(operands, row.partials(Symbol("y"), *operands))]
    except TypeError as error:
        raise NoScriptError(
            f"the partials of the primitive {row.name!r} have no form for a page: {error}. Write them in "
            "arithmetic and primitives, with where(...) in the place of an if"
        ) from None


def _lines(results: Sequence[Expression], whole: dict[tuple[str, ...], str], form: str) -> str:
    """One line for each distinct operation, and the return of the results."""
    names: dict[str, str] = {}  # the result of each operation by its code
    root = Apply(TABLE["sum"], (tuple(results),))

    def apply(each: Apply, operands: list[Any]) -> Any:
        if each is root:
            return operands[0]
        texts = [
            whole.get(operand) or f"[{', '.join(operand)}]" if isinstance(operand, tuple) else operand
            for operand in operands
        ]
        return names.setdefault(DIRECT[each.row.name].format(*texts), f"t{len(names)}")

    returned: Any = root.fold(_leaf, apply)
    text = "".join(f"    const {name} = {code};\n" for code, name in names.items())
    return f"{text}    return {form.format(', '.join(returned))};\n"


def _leaf(leaf: Any) -> Any:
    if isinstance(leaf, Symbol):
        return leaf.text
    if not math.isfinite(leaf.data):
        return "NaN" if math.isnan(leaf.data) else "Infinity" if leaf.data > 0 else "-Infinity"
    return repr(leaf.data).removesuffix(".0")
