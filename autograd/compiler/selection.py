"""Which back end is the faster one, told from sizes alone: the same calls choose the same on every run."""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["rank_backends"]

_TAKES = {  # seconds, about, as trainings took on two shared cores: once, and then for each
    # parameter, update, and parameter in each example
    "numpy": (0.03, 5e-6, 8e-5, 3e-10),
    "llvm": (0.8, 8e-6, 0.0, 1.5e-10),
}


def rank_backends(
    parameters: int, updates: int, visits: int, backends: Iterable[str] = tuple(_TAKES)
) -> list[str]:
    """The back ends, the one first that should be done first, compiling included.

    It goes by sizes and never by the clock, so that a program gives the same bits on every run.

    Parameters
    ----------
    parameters : P.
    updates : how often value and gradient are computed.
    visits : how many examples that is in all.
    backends : those to choose from.

    Examples
    --------
    >>> from autograd import rank_backends
    >>> rank_backends(parameters=17, updates=10, visits=1_000), rank_backends(17, 100_000, 100_000)
    (['numpy', 'llvm'], ['llvm', 'numpy'])
    """

    def seconds(backend: str) -> float:
        once, parameter, update, visit = _TAKES[backend]
        return once + parameter * parameters + update * updates + visit * visits * parameters

    return sorted(backends, key=seconds)
