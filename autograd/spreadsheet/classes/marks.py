"""Points for each quantity that is right, or follows from another mistake.

A quantity is wrong once, in however many rows, and numbers computed rightly from it are right. So one slip
costs the points of its own columns alone.
"""

from __future__ import annotations

import fnmatch
import math
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ..cells import SheetError
from ..problem import Problem
from ..vocabulary import short
from .outcomes import ABSENT, FOLLOWS, RIGHT, WRONG, Outcome

__all__ = ["Mark", "Weights"]

_CHOICES = {"missing": ("lost", "left out"), "same_slip": ("each", "once")}
_LARGEST = 100_000  # bytes


@dataclass(frozen=True)
class Mark:
    """The points for a quantity; its state is one of those in `outcomes`."""

    quantity: str
    state: str
    points: float
    most: float


@dataclass(frozen=True)
class Weights:
    """The points of each quantity.

    Attributes
    ----------
    points : by name, with ``*`` for any letters: the first that fits holds. ``default``, 1 if absent, is for
        all others.
    missing : ``"lost"``: a quantity missing in the sheet earns nothing. ``"left out"``: it does not count.
    same_slip : ``"each"``: every quantity with a slip loses its points. ``"once"``: of several with the same
        slip only the one with the most points does.

    Examples
    --------
    >>> from autograd.spreadsheet import assignment
    >>> weights = Weights({"∂E/∂w*": 2, "w*": 0, "default": 0.5})
    >>> [weights.of(name) for name in ("∂E_total/∂w3", "w3", "h1")]
    [2.0, 0.0, 0.5]
    """

    points: Mapping[str, float] = field(default_factory=dict)
    missing: str = "lost"
    same_slip: str = "each"

    @classmethod
    def read(cls, path: Path, problem: Problem) -> Weights:
        """The weights in a file of TOML.

        An example::

            missing = "left out"

            [points]
            "∂E/∂w*" = 2
            default = 1

        Raises
        ------
        SheetError : if it cannot be read, or has anything else; it says what belongs there.
        """
        try:
            with path.open("rb") as file:
                data = file.read(_LARGEST + 1)
            if len(data) > _LARGEST:
                raise SheetError(f"{path.name} has more than {_LARGEST:,} bytes: a file of weights is small")
            given = tomllib.loads(data.decode("utf-8-sig"))
        except OSError as error:
            raise SheetError(f"cannot read {path}: {error.strerror}") from None
        except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
            raise SheetError(f"{path.name} is not in TOML: {error}") from None
        points = given.get("points", {})
        if other := sorted(set(given) - {"points", *_CHOICES}):
            raise SheetError(
                f"{path.name} has {other[0]!r:.60}: it takes [points], missing and same_slip. A quantity and "
                'its points stand below [points], such as "∂E/∂w1" = 2'
            )
        if not isinstance(points, dict):
            raise SheetError(f"{path.name}: [points] is a table of names and numbers")
        for name, number in points.items():
            if isinstance(number, bool) or not isinstance(number, (int, float)) or not 0 <= number < math.inf:
                raise SheetError(
                    f"{path.name}: {name!r:.60} must be a number of at least 0, got {number!r:.40}"
                )
            if name != "default" and not any(_fits(name, each) for each in problem.quantities):
                names = ", ".join(map(short, problem.quantities))
                raise SheetError(f"{path.name}: no quantity is called {name!r:.60}; there are {names}")
        chosen = {name: given.get(name, choices[0]) for name, choices in _CHOICES.items()}
        for name, choices in _CHOICES.items():
            if chosen[name] not in choices:
                raise SheetError(
                    f"{path.name}: {name} is {' or '.join(map(repr, choices))}, got {given[name]!r:.40}"
                )
        return cls({name: float(number) for name, number in points.items()}, **chosen)

    def of(self, quantity: str) -> float:
        """The points for a quantity that is right."""
        fits = (number for name, number in self.points.items() if name != "default" and _fits(name, quantity))
        return float(next(fits, self.points.get("default", 1.0)))

    def marks(self, outcome: Outcome, quantities: Sequence[str]) -> list[Mark]:
        """The points of a sheet."""
        spared = self._spared(outcome) if self.same_slip == "once" else set()
        found = []
        for name in quantities:
            most, state = self.of(name), outcome.states.get(name, ABSENT)
            if state == ABSENT and self.missing == "left out" and outcome.states:
                continue
            earned = state in (RIGHT, FOLLOWS) or (state == WRONG and name in spared)
            found.append(Mark(name, state, most if earned else 0.0, most))
        return found

    def _spared(self, outcome: Outcome) -> set[str]:
        """The quantities with a slip that costs another one its points."""
        by_slip: dict[str, dict[str, None]] = {}  # the quantities of each slip, in order
        for each in outcome.mistakes:
            if each.slip:
                by_slip.setdefault(each.slip, {})[each.quantity] = None
        return {name for names in by_slip.values() for name in names if name != max(names, key=self.of)}


def _fits(name: str, quantity: str) -> bool:
    return any(fnmatch.fnmatchcase(each, name) for each in (quantity, short(quantity)))
