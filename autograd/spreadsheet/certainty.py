"""What is wrong in a sheet whatever it leaves out: numbers that it does not state, digits that it cuts.

A number that stands nowhere is taken from the problem, or worked out, to judge the rest. That is one guess of
many, and a cell may differ for the guess alone. So before anything is called wrong, such a number becomes an
interval: all that the cells which agree leave open, or everything where none of them depends on it. A cell
with d decimals is an interval too. What is wrong then as well is wrong; of all else there is no telling.

The interval: x is the guess, x + δ the true numbers. A right sheet's cell prints what either gives, within
its width, so |J δ| ≤ 2 width for the cells that agree, J their derivatives. Of these the k that bound δ best
are chosen, k the count of unknown numbers: |δ| ≤ 2 |B⁻¹| 1, B the rows of J over their widths.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from .expected import Array, Estimate
from .grading import FOLLOWS, Flags, Judgement
from .inference import NO_CHANGE, Understanding
from .vocabulary import RATE

__all__ = ["doubtful_cells", "guessed"]

_GUESSES = ("assumed", "from the numbers", "from the updates", "by trying")
_OF_ANY_RATE = (
    "assumed: ",
    "from the updates, ",
)  # updates that are wrong at any rate, if nothing is rounded
_EXACT = 1e-12  # below it a number has all digits that count
_STEP = 1e-6  # by which a number is moved, to see which cells depend on it
_RANK = 1e-7  # of the largest: derivatives below are none
_WIDEST = 0.1  # from there on an interval is none: the derivatives hold near the guess only
_CURVED = 1.5  # times the interval, for derivatives that change within it


def guessed(found: Understanding) -> list[str]:
    """The numbers that the sheet does not state, and on which it is judged all the same."""
    names = [name for name, source in found.sources.items() if source in _GUESSES]
    if found.sources.get(RATE, "").startswith(_OF_ANY_RATE) and found.table.is_rounded:
        names.append(RATE)
    if found.after:  # the weights before the first row's update
        names += [name for name in found.problem.weights if name not in found.sources]
    return [name for name in names if (name in found.given) or (name == RATE and found.rate is not None)]


def doubtful_cells(found: Understanding, judged: Judgement) -> dict[str, Flags]:
    """The cells that are wrong only if the guesses are exact and no digit is cut, by column."""
    names = guessed(found)
    if not names and not found.table.is_rounded:
        return {}
    loose = replace(found, table=found.table.loosened())
    errors = dict(zip(names, _errors(loose, names)))
    given = {
        name: Estimate(each.value, np.full_like(each.error, errors.get(name, 0.0)))
        for name, each in found.given.items()
    }
    rate = found.rate
    if rate is not None and RATE in errors:
        rate = Estimate(rate.value, rate.error + errors[RATE])
    sure = replace(loose, given=given, rate=rate).judged()
    none_left = not sure.wrong_columns
    doubtful = {}
    stays = found.network.trained if _stays(found) else ()
    for name, states in judged.states.items():
        if name in stays:
            continue
        flags = (states >= FOLLOWS) & ((sure.states[name] < FOLLOWS) | none_left)
        flags &= ~np.isnan(judged.seen[name].value)  # a text in place of a number is wrong in any case
        if flags.any():
            doubtful[name] = flags
    return doubtful


def _stays(found: Understanding) -> bool:
    """Whether the weights stay beyond their printed digits: a column with all digits does too."""
    if found.sources.get(RATE) != NO_CHANGE or len(found.table.rows) < 2:
        return False
    columns = [each for name, each in found.table.columns.items() if name in found.network.formulas]
    return any(bool((each.slack < _EXACT).all()) and np.ptp(each.values) == 0.0 for each in columns)


def _moved(found: Understanding, name: str) -> Judgement:
    """The table judged with one guess a little larger."""
    if name == RATE:
        assert found.rate is not None
        return found.judged(rate=Estimate(found.rate.value + _STEP, found.rate.error))
    each = found.given[name]
    return replace(found, given={**found.given, name: Estimate(each.value + _STEP, each.error)}).judged()


def _errors(found: Understanding, names: list[str]) -> Array:
    """How far each guess may be off, by the cells that agree."""
    if not names:
        return np.zeros(0)
    judged = found.judged()
    # Not those that only agree with rounded numbers beside them.
    agree = {name: judged.agrees(name) & judged.fits(name, judged.right[name]) for name in judged.states}

    def numbers(each: Mapping[str, Estimate]) -> Array:
        return np.concatenate([each[name].value[flags] for name, flags in agree.items()] or [np.zeros(0)])

    widths = [judged.seen[name].error + judged.right[name].error for name in agree]
    width = np.concatenate([each[flags] for each, flags in zip(widths, agree.values())] or [np.zeros(0)])
    right = numbers(judged.right)
    slopes = np.stack([(numbers(_moved(found, name).right) - right) / _STEP for name in names], axis=1)
    slopes /= np.maximum(width, 1e-300)[:, None]
    errors = _CURVED * _bounds(slopes[np.isfinite(slopes).all(axis=1)])
    values = np.array([(found.rate if name == RATE else found.given[name]).value[0] for name in names])  # type: ignore[union-attr]  # guessed() names the rate only if there is one
    return np.where(errors <= _WIDEST * np.maximum(1.0, np.abs(values)), errors, np.inf)


def _bounds(slopes: npt.NDArray[np.float64]) -> Array:
    """The largest |x| of each component for which |slopes · x| ≤ 2 can hold; inf where nothing bounds it."""
    count = slopes.shape[1]
    rest, chosen, largest = slopes.copy(), [], 0.0
    for _ in range(min(slopes.shape)):  # Gram and Schmidt's method, the longest row first
        sizes = np.linalg.norm(rest, axis=1)
        row = int(np.argmax(sizes))
        largest = max(largest, float(sizes[row]))
        if sizes[row] <= _RANK * largest:
            break
        chosen.append(row)
        unit = rest[row] / sizes[row]
        rest -= np.outer(rest @ unit, unit)
    if not chosen:
        return np.full(count, np.inf)
    inverse = np.linalg.pinv(slopes[chosen], rcond=1e-14)
    open_ways = np.abs(np.eye(count) - inverse @ slopes[chosen]).max(axis=1)
    bounds: Array = np.where(open_ways > 1e-6, np.inf, 2.0 * np.abs(inverse).sum(axis=1))
    return bounds
