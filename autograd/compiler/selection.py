"""The choice of the fastest back end, from sizes alone: the same calls choose the same one on every run."""

from __future__ import annotations

from collections.abc import Container, Iterable

from . import tuning
from .backends import automatic_backends, find_backend

__all__ = ["rank_backends", "updates_at_once"]


def rank_backends(
    parameters: int,
    updates: int,
    visits: int,
    backends: Iterable[str] | None = None,
    compiled: Container[str] = (),
) -> list[str]:
    """The back ends, the fastest first for so much work, compiling included.

    It depends on sizes and on what is compiled, never on the clock.

    Parameters
    ----------
    parameters : P.
    updates : how often value and gradient are computed.
    visits : the examples of all these batches.
    backends : those to choose from; by default all that "auto" may choose, installed or not.
    compiled : those whose code is in the kernel cache and has only to be loaded.

    Examples
    --------
    >>> from autograd import rank_backends
    >>> rank_backends(parameters=17, updates=10, visits=1_000), rank_backends(17, 100_000, 100_000)
    (['numpy', 'llvm'], ['llvm', 'numpy'])
    >>> rank_backends(4_192, 1_000, 1_000), rank_backends(4_192, 1_000, 1_000, compiled=["llvm"])
    (['numpy', 'llvm'], ['llvm', 'numpy'])
    """

    def total(backend: str) -> float:
        once, parameter, _, _ = _costs(backend)
        once = tuning.LOAD_SECONDS if backend in compiled else once
        return once + parameter * parameters + _seconds(backend, parameters, updates, visits)

    return sorted(automatic_backends() if backends is None else backends, key=total)


def updates_at_once(backend: str, parameters: int, batch: int) -> int:
    """How many updates from batches of `batch` examples take about a tenth of a second: at least one.

    Nothing interrupts compiled updates, so Ctrl-C waits for them. Their examples have to fit into memory.

    Examples
    --------
    >>> from autograd import updates_at_once
    >>> updates_at_once("llvm", parameters=17, batch=4), updates_at_once("llvm", 100_000, 1_000)
    (25000, 6)
    """
    in_time = tuning.AT_ONCE_SECONDS / _seconds(backend, parameters, 1, batch)
    return max(1, int(min(in_time, tuning.AT_ONCE_EXAMPLES / batch)))


def _seconds(backend: str, parameters: int, updates: int, visits: int) -> float:
    _, _, update, visit = _costs(backend)
    return update * updates + visit * visits * parameters


def _costs(backend: str) -> tuple[float, float, float, float]:
    return find_backend(backend).seconds
