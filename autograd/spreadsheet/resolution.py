"""Whether printed numbers have enough digits to tell a right sheet from one with a usual slip.

A number printed as ``0`` may be anything up to a half. It agrees with the right number, and with most wrong
ones too. So what agrees counts only where the usual slips would have been seen: a name taken for its
neighbour (a_h1 for a_h2, the commonest of all, changes ∂E/∂w3 by 0.03 %), a factor 2, an update left out or
made by the gradient of another weight.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from .expected import Array, Estimate, evaluate, names_in, propagated
from .grading import Flags, Judgement
from .vocabulary import split_derivative, stem

__all__ = ["decimals", "too_coarse"]

_EXACT = 1e-12  # of its column's largest number: rounding that only a slip in the last digits hides behind
_AROUND = 2  # rows above and below: a slip is filled down, and shows where it is largest
_NOISE = 10.0  # times the error of one formula in doubles: a change below that shows at no number of digits


def decimals(judged: Judgement, names: list[str]) -> int:
    """To how many decimals the computed cells of these columns are printed, at least."""
    columns = [judged.columns[name] for name in names]
    slack = [each.printed.error[each.agrees].max(initial=0.0) for each in columns]
    return min(15, round(-math.log10(max([*slack, 1e-300]) / 0.51)))


def too_coarse(judged: Judgement) -> dict[str, Flags]:
    """The cells that agree, but have too few digits to be told from a usual slip, by column."""
    compared = {
        name: column
        for name, column in judged.columns.items()
        if column.agrees.any() and (name not in judged.network.leaves or judged.moves(name))
    }
    if all(_is_exact(column.printed) for column in compared.values()):
        return {}
    hidden = {name: column.agrees & _hides(judged, name) for name, column in compared.items()}
    return {name: flags for name, flags in hidden.items() if flags.any()}


def _is_exact(printed: Estimate) -> bool:
    largest = np.max(np.abs(printed.value[np.isfinite(printed.value)]), initial=0.0)
    return bool(np.all(printed.error <= _EXACT * largest))


def _hides(judged: Judgement, name: str) -> Flags:
    """In which rows a usual slip could hide behind the digits that are not printed."""
    weight = name.removesuffix("'")
    moved = name == weight and weight in judged.network.trained and not judged.after
    right, printed = judged.columns[name].right, judged.columns[name].printed
    if weight in judged.network.trained:
        slips, noise = _of_update(judged, weight, 1 if name != weight else judged.gap)
    else:
        slips, noise = _of_formula(judged, name)
    hides, least = np.zeros(judged.count, bool), _largest_around(noise, moved)
    for slip in slips:
        change = _largest_around(np.abs(slip), moved)
        hides |= (change <= 2.0 * printed.error + right.error) & (change > _NOISE * least)
    return hides


def _largest_around(change: Array, moved_down: bool) -> Array:
    """The largest number near each row, shape (rows,), of numbers that may stand one row further down."""
    there = np.concatenate([[0.0], change[:-1]]) if moved_down else change
    wide = np.pad(np.nan_to_num(there), _AROUND)
    largest: Array = np.lib.stride_tricks.sliding_window_view(wide, 2 * _AROUND + 1).max(axis=1)
    return largest


def _of_formula(judged: Judgement, name: str) -> tuple[Iterator[Array], Array]:
    """By how much each usual slip in the formula changes the number; and what doubles alone may change."""
    network = judged.network
    formula = network.formula(name)
    operands = names_in(formula)
    known = {each: judged[each].full.value for each in operands}
    value = judged[name].full.value

    def changes() -> Iterator[Array]:
        yield value  # twice as much, or none at all
        for each in operands:
            for other in (*network.leaves, *network.formulas):
                if other != each and stem(other) == stem(each):
                    yield evaluate(formula, {**known, each: judged[other].full.value}) - value
        weights = [each for each in operands if each in network.trained and judged.moves(each)]
        if weights and split_derivative(name) and judged.rate is not None and judged.gap == 1:
            after = {each: judged.predictions(each)[0].value for each in weights}
            yield evaluate(formula, {**known, **after}) - value  # the weights were updated already

    if not operands:
        return iter(()), np.zeros(judged.count)
    noise = propagated(
        formula, {each: Estimate(number, np.zeros(judged.count)) for each, number in known.items()}
    )
    return changes(), noise.error


def _of_update(judged: Judgement, weight: str, gap: int) -> tuple[Iterator[Array], Array]:
    """The same for w − η ∂E/∂w."""
    assert judged.rate is not None
    slopes = {
        each: judged[judged.network.gradient(each)].full.value
        for each in filter(judged.moves, judged.network.trained)
    }
    step = gap * judged.rate.value

    def changes() -> Iterator[Array]:
        yield step * slopes[weight]  # left out
        for other, slope in slopes.items():
            if other != weight:
                yield step * (slope - slopes[weight])

    return changes(), gap * 4e-15 * (np.abs(judged[weight].full.value) + np.abs(step * slopes[weight]))
