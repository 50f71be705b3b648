"""Alternating runs: the contestants take turns, so that what disturbs the machine disturbs all of them."""

from __future__ import annotations

import functools
import gc
import statistics
import time
from collections.abc import Callable, Mapping

Turn = Callable[[int], object]
Times = dict[str, list[float]]
"""Of each contestant its seconds, round by round."""

LEAST = 0.02  # seconds: a turn takes at least so long, so that reading the clock costs nothing
SLOW = 0.5  # seconds: what takes so long has only its first turns
FEW = 3


def seconds(turn: Callable[[], object], collecting: bool = False) -> float:
    """How long it takes; nobody pays for the garbage of another, and for his own only where it is said."""
    gc.collect()
    if not collecting:
        gc.disable()
    try:
        start = time.perf_counter()
        turn()
        return time.perf_counter() - start
    finally:
        gc.enable()


def loops_of(turn: Turn) -> int:
    """How many loops make a turn long enough, once it has been through the first."""
    turn(1)
    loops = 1
    while (spent := seconds(functools.partial(turn, loops))) < LEAST:
        loops = max(2 * loops, int(1.2 * loops * LEAST / spent))
    return loops


def alternating(turns: Mapping[str, Turn], runs: int) -> Times:
    """The seconds of one loop, for each contestant and round."""
    loops = {name: loops_of(turn) for name, turn in turns.items()}
    times: Times = {name: [] for name in turns}
    for turned in range(runs):
        for name, turn in turns.items():
            if turned < FEW or times[name][0] < SLOW:
                times[name].append(seconds(functools.partial(turn, loops[name])) / loops[name])
    return times


def median(times: Times, name: str) -> float:
    return statistics.median(times[name])


def ratio(times: Times, name: str, other: str) -> float:
    """How many times as long as another: the median over the rounds, within which the machine is the same."""
    return statistics.median(a / b for a, b in zip(times[name], times[other]))


def fastest(times: Times, names: list[str]) -> str | None:
    """Of those that were measured the one with the least median."""
    return min((name for name in names if name in times), key=lambda name: median(times, name), default=None)
