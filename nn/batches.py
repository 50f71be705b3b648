"""Which examples make one update: batch, stochastic and mini-batch gradient descent."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from .arguments import random_generator, require_count, require_flag

__all__ = ["Order", "batches"]


def batches(
    n: int,
    batch_size: int | None = None,
    shuffle: bool = True,
    seed: int | np.random.Generator | None = None,
) -> Iterator[npt.NDArray[np.intp]]:
    """The indices 0 to n − 1 of one epoch, each once, in arrays of `batch_size`.

    Parameters
    ----------
    n : the number of examples, at least 1.
    batch_size : None for batch gradient descent, one update from all examples; 1 for stochastic gradient
        descent, one update per example; between them mini-batches, the last of which may be smaller.
    shuffle : whether to draw a new order; a single batch of all examples keeps theirs.
    seed : an integer, or a generator to draw from; None for another order each time.

    Returns
    -------
    An iterator over arrays of indices.

    Raises
    ------
    TypeError : if `n` or `batch_size` is not an integer, `shuffle` not a bool, or `seed` not a seed.
    ValueError : if `n` or `batch_size` is less than 1, or `seed` below 0.

    Examples
    --------
    >>> [batch.tolist() for batch in batches(5, 2, shuffle=False)]
    [[0, 1], [2, 3], [4]]
    >>> [len(batch) for batch in batches(5)]
    [5]
    """
    n = require_count("n", n)
    size = n if batch_size is None else require_count("batch_size", batch_size)
    shuffle, generator = require_flag("shuffle", shuffle), random_generator(seed)
    order = np.arange(n)
    if shuffle and size < n:
        generator.shuffle(order)
    return (order[start : start + size] for start in range(0, n, size))


class Order:
    """The batches of each epoch, the same ones when it is drawn again.

    Attributes
    ----------
    n, batch_size, shuffle, generator : as for `batches`.
    largest, updates : the examples in the largest batch, and the batches in an epoch.
    states : the generator's state at the beginning of each drawn epoch, by its number.
    """

    def __init__(self, n: int, batch_size: int | None, shuffle: bool, generator: np.random.Generator) -> None:
        self.n, self.batch_size, self.shuffle, self.generator = n, batch_size, shuffle, generator
        self.largest = min(batch_size or n, n)
        self.updates = -(-n // self.largest)
        self.states: dict[int, dict[str, Any]] = {}
        self._drawn = list(batches(n, batch_size, shuffle=False)) if self.updates == 1 or not shuffle else []

    def batches(self, epoch: int) -> list[npt.NDArray[np.intp]]:
        if self._drawn:
            return self._drawn
        self.generator.bit_generator.state = self.states[epoch] = self.state(epoch)
        return list(batches(self.n, self.batch_size, self.shuffle, self.generator))

    def state(self, epoch: int) -> dict[str, Any]:
        """The generator's state at the beginning of a drawn epoch, or of the next."""
        return self.states.get(epoch) or dict(self.generator.bit_generator.state)

    def forget(self, epoch: int) -> None:
        """Forget the epochs before this one."""
        self.states = {number: state for number, state in self.states.items() if number >= epoch}
