"""The numpy back end for one example: the array program in plain floats, a variable for each number.

On two numbers a call of numpy takes fifty times as long as the arithmetic in it. A small program for one
example is therefore written out as Python on floats: operators, and for all other rows the forward rule of
the table, as the eager engine applies it. Rows that are taken, put or broadcast are the same variables in
another place and cost nothing.

Floats raise where IEEE 754 has an answer: those examples are left to the arrays.
"""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ...engine.primitive import Primitive, is_own
from ...engine.primitives import TABLE
from ..ir.nodes import Shape, Term, ancestry
from ..update_loop import Training, descent

__all__ = ["Loaded", "ScalarProgram", "pays"]

Loaded = tuple[Callable[..., Any], Callable[..., Any]]
"""``load(batch, *numbers)``, and ``run(parameters, views, *numbers)`` of what that gave."""

_CALL = 25  # of numpy: as many operations on floats take as long
_LONGEST = 100  # summands in one line: Python's compiler nests them
_RAISED = ArithmeticError, ValueError  # by a rule on floats: 1 / 0, exp(1000), log(-1)


def pays(terms: Sequence[Term]) -> bool:
    """Whether one example is computed sooner in floats than by calls of numpy."""
    computed = [term for term in ancestry(terms) if term.kind not in _PLACES]
    return sum(term.size * _operands(term) for term in computed) <= _CALL * len(computed)


_PLACES = ("constant", "seed", "count", "whole_seed", "take", "broadcast", "over_batch")  # no operations


def _operands(term: Term) -> int:
    """From how many numbers, or pairs of them, each number of a term is computed."""
    if term.kind in ("product", "outer"):
        return term.args[1].shape[term.kind == "outer"]
    if term.kind in ("total", "largest", "smallest", "others"):
        return term.args[0].shape[0]
    return term.args[0].shape[1] if term.kind == "across" else 1


class ScalarProgram:
    """Terms as a function of parameters and one example, in floats.

    Parameters
    ----------
    terms : what to compute, families written out.

    Attributes
    ----------
    source : the Python source.
    """

    def __init__(self, terms: Sequence[Term]) -> None:
        writer = _Writer()
        self.source = writer.source(terms)
        scope: dict[str, Any] = {"inf": math.inf, "nan": math.nan, **writer.rules}
        exec(compile(self.source, "<compiled by autograd>", "exec"), scope)
        self._run: Callable[[list[float], list[float]], tuple[Any, ...]] = scope["run"]

    def __call__(self, parameters: Any, batch: Any) -> tuple[Any, ...] | None:
        """The arrays of the terms, for a batch of one; None where floats raise."""
        try:
            return tuple(map(np.array, self._run(parameters.tolist(), batch[0].tolist())))
        except _RAISED:
            return None

    def before(self, load: Callable[..., Any], run: Callable[..., Any]) -> Loaded:
        """`load` and `run` for a batch of one, to be asked where floats raise."""

        def in_floats(parameters: Any, batch: Any, *numbers: float) -> Any:
            return self(parameters, batch) or run(parameters, load(batch, *numbers), *numbers)

        return lambda batch, *numbers: batch, in_floats

    def descend(self, training: Training) -> int:
        """Make updates from one example each, w ← w − η g.

        Returns
        -------
        How many were made. If there is another it is for arrays: floats raise in it, or the training is
        careful and a number in it not finite, or the rule is not plain descent.
        """
        t = training
        if t.rule is not descent or {t.clip_value, t.clip_norm} != {None}:
            return 0
        places = t.bounds[:, 0].tolist()
        parameters, example = t.state[: t.parameters].tolist(), t.batch[t.order[places[0]]].tolist()
        fixed, previous = parameters[t.updated :], None
        done = 0
        try:
            for place, rate in zip(places, t.rates.tolist()):
                if not t.repeated:
                    example = t.batch[t.order[place]].tolist()
                try:
                    (value,), gradient, *outputs = self._run(parameters, example)
                except _RAISED:
                    break
                data = [w - rate * g for w, g in zip(parameters[: t.updated], gradient)]
                if t.careful:
                    if not all(map(math.isfinite, [value, *data])):
                        break
                    t.norms[done] = math.hypot(*gradient[: t.updated])
                t.values[done] = value
                for k, column in enumerate(outputs):
                    t.noted[place : place + 1, k] = np.array(column)
                previous, parameters = parameters, data + fixed
                done += 1
        finally:
            t.state[: t.parameters] = parameters
            if previous is not None:
                t.previous[: t.parameters] = previous
        return done


class _Writer:
    """Writes `run(parameters, example)`.

    The numbers of a term are an array of text in its shape: names of variables, and literals. What computes
    a term gives an array of expressions; each that is more than one word gets a line, and a name.
    """

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.rules: dict[str, Callable[..., Any]] = {}  # what the lines call

    def source(self, outputs: Sequence[Term]) -> str:
        numbers: dict[Term, Any] = {}
        variable = np.frompyfunc(self._variable, 2, 1)
        for term in ancestry(outputs):
            write = getattr(self, f"_{term.kind}")
            expressions = write(term, *[numbers[arg] for arg in term.args])
            numbers[term] = variable(_names(f"t{term.number}_", term.shape), expressions)
        results = [numbers[each][..., None] if each.batched else numbers[each] for each in outputs]
        lines = [*self.lines, f"return {', '.join(map(_listed, results))},"]
        return "\n".join(["def run(parameters, example):", *[f"    {line}" for line in lines], ""])

    def _variable(self, name: str, expression: str) -> str:
        if " " not in expression and "(" not in expression:
            return expression
        summands = expression.split(" + ")
        for start in range(0, len(summands), _LONGEST):
            stretch = [name] * (start > 0) + summands[start : start + _LONGEST]
            self.lines.append(f"{name} = {' + '.join(stretch)}")
        return name

    # --- the kinds of terms

    def _parameters(self, term: Term) -> Any:
        return self._given(_names("w", term.shape), "parameters")

    def _inputs(self, term: Term) -> Any:
        return self._given(_names("x", term.shape), "example")

    def _given(self, names: Any, given: str) -> Any:
        self.lines.append(f"{_listed(names)} = {given}")
        return names

    def _constant(self, term: Term) -> Any:
        return np.frompyfunc(repr, 1, 1)(term.data)

    def _one(self, term: Term, *args: Any) -> Any:
        """For one example, whether the mean is taken or the sum."""
        return np.array(["1.0"], object)

    _seed = _count = _whole_seed = _one

    def _apply(self, term: Term, *args: Any) -> Any:
        row = term.row
        operands = [
            np.frompyfunc("[{}]".format, 1, 1)(_COMMA.reduce(arg, axis=0)) if i in row.vectors else arg
            for i, arg in enumerate(args)
        ]
        if row.forward in _OPERATORS:
            return _OPERATORS[row.forward](*operands)
        call = f"{self._rule(row)}({', '.join(['{}'] * len(args))})"
        return np.frompyfunc(call.format, len(args), 1)(*operands)

    def _rule(self, row: Primitive) -> str:
        """The name of a row's forward rule. One of a user may give an int: `evaluate` sees to it."""
        own = is_own(row.forward)
        name = row.name if own else f"rule{len(self.rules)}"
        self.rules[name] = row.forward if own else row.evaluate
        return name

    def _take(self, term: Term, x: Any) -> Any:
        return x.reshape(-1)[term.index]

    def _put(self, term: Term, *args: Any) -> Any:
        sums = np.full(term.size, "", object)
        for index, arg in zip(term.index, args):
            for place, number in zip(index.flat, np.broadcast_to(arg, index.shape).flat):
                sums[place] = f"{sums[place]} + {number}" if sums[place] else number
        sums[sums == ""] = "0.0"
        return sums.reshape(term.shape)

    def _broadcast(self, term: Term, x: Any) -> Any:
        return np.broadcast_to(x, term.shape)

    def _over_batch(self, term: Term, x: Any) -> Any:
        return x

    def _product(self, term: Term, a: Any, b: Any) -> Any:
        return _matrix_product(a.T if term.flag else a, b)

    def _outer(self, term: Term, a: Any, b: Any) -> Any:
        return _matrix_product(a, b.T)

    def _total(self, term: Term, x: Any) -> Any:
        return _PLUS.reduce(x, axis=0, keepdims=True)

    def _across(self, term: Term, x: Any) -> Any:
        return _PLUS.reduce(x, axis=1, keepdims=True)

    def _others(self, term: Term, x: Any) -> Any:
        return np.stack([_PLUS.reduce(np.delete(x, i, axis=0), axis=0) for i in range(len(x))])

    def _largest(self, term: Term, x: Any) -> Any:
        self.rules["reduce"] = functools.reduce
        largest = np.frompyfunc(f"reduce({self._rule(TABLE['maximum'])}, [{{}}])".format, 1, 1)
        return largest(_COMMA.reduce(x, axis=0, keepdims=True))

    def _smallest(self, term: Term, x: Any) -> Any:
        least = np.frompyfunc(f"min({len(x)}.0, {{}})".format, 1, 1)  # of its first argument and nan, that
        return least(_COMMA.reduce(x, axis=0, keepdims=True))


# --- texts, element by element


def _times(a: str, b: str) -> str:
    return b if a == "1.0" else a if b == "1.0" else f"{a} * {b}"


_PLUS = np.frompyfunc("{} + {}".format, 2, 1, identity="0.0")
_TIMES = np.frompyfunc(_times, 2, 1)
_COMMA = np.frompyfunc("{}, {}".format, 2, 1, identity="")
_OPERATORS = {
    operator.add: _PLUS,
    operator.sub: np.frompyfunc("{} - {}".format, 2, 1),
    operator.mul: _TIMES,
    operator.truediv: np.frompyfunc("{} / {}".format, 2, 1),
    operator.neg: np.frompyfunc("-{}".format, 1, 1),
}


def _matrix_product(a: Any, b: Any) -> Any:
    return _PLUS.reduce(_TIMES(a[:, :, None], b), axis=1)


def _names(prefix: str, shape: Shape) -> Any:
    return np.array([f"{prefix}{number}" for number in range(math.prod(shape))], object).reshape(shape)


def _listed(names: Any) -> str:
    return str(names.tolist()).replace("'", "")
