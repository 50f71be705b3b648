"""A model of letter pairs three ways: by counting, by gradients by hand, and by gradients of the engine.

The model is a table (V, V): row i has a score for each token that may follow token i.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from autograd import Value, grad, log_softmax, mean, take

from .names import SYMBOLS

__all__ = ["by_hand", "by_the_engine", "count", "descend", "loss_of_pairs"]

Array = npt.NDArray[np.float64]
V = len(SYMBOLS)
GUESSING = math.log(V)


def count(texts: Iterable[Sequence[int]]) -> Array:
    """The logarithms (V, V) of the counts of all pairs, each count one larger than seen."""
    counts = np.ones((V, V))
    for text in texts:
        np.add.at(counts, (text[:-1], text[1:]), 1.0)
    return np.log(counts)


def _log_probabilities(table: Array) -> Array:
    top = table.max(axis=1, keepdims=True)
    found: Array = table - top - np.log(np.exp(table - top).sum(axis=1, keepdims=True))
    return found


def loss_of_pairs(table: Array, texts: Iterable[Sequence[int]]) -> float:
    """The mean over all letters of −ln P(the letter that follows)."""
    logs = _log_probabilities(table)
    return -float(np.concatenate([logs[text[:-1], text[1:]] for text in texts]).mean())


def by_hand(table: Array, text: Sequence[int]) -> Array:
    """The gradient of a text's loss: p in the row of each token, less 1 at the token that follows."""
    gradient = np.zeros((V, V))
    probabilities = np.exp(_log_probabilities(table))
    for now, following in pairwise(text):
        gradient[now] += probabilities[now]
        gradient[now, following] -= 1.0
    return gradient / (len(text) - 1)


def by_the_engine(table: Array, text: Sequence[int]) -> Array:
    """The same gradient from the graph of the loss."""
    rows = [[Value(number) for number in row] for row in table.tolist()]
    losses = [-take(log_softmax(rows[now]), following) for now, following in pairwise(text)]
    slopes = grad(mean(losses), [each for row in rows for each in row])
    return np.array(slopes).reshape(V, V)


def descend(texts: Sequence[Sequence[int]], rate: float) -> tuple[Array, list[float]]:
    """A table learned one text a step, at a rate that falls linearly to 0; and each text's loss before."""
    table, losses = np.zeros((V, V)), []
    for step, text in enumerate(texts):
        losses.append(loss_of_pairs(table, [text]))
        table -= rate * (1.0 - step / len(texts)) * by_hand(table, text)
    return table, losses
