"""The plain program, to compare times with: a GPT on a `Value` of forty lines.

After Karpathy 2026, microgpt: RMSNorm without gain, attention over the keys and values of earlier tokens.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

__all__ = ["PlainValue", "adam", "losses"]

Matrix = Sequence[Sequence[Any]]


class PlainValue:
    """A number, its parents, and its derivative by each."""

    __slots__ = ("data", "grad", "parents", "slopes")

    def __init__(self, data: float, parents: tuple[Any, ...] = (), slopes: tuple[float, ...] = ()) -> None:
        self.data, self.grad, self.parents, self.slopes = data, 0.0, parents, slopes

    def __add__(self, other: Any) -> PlainValue:
        other = other if isinstance(other, PlainValue) else PlainValue(other)
        return PlainValue(self.data + other.data, (self, other), (1.0, 1.0))

    def __mul__(self, other: Any) -> PlainValue:
        other = other if isinstance(other, PlainValue) else PlainValue(other)
        return PlainValue(self.data * other.data, (self, other), (other.data, self.data))

    def __pow__(self, n: float) -> PlainValue:
        return PlainValue(self.data**n, (self,), (n * self.data ** (n - 1),))

    def exp(self) -> PlainValue:
        y = math.exp(self.data)
        return PlainValue(y, (self,), (y,))

    def log(self) -> PlainValue:
        return PlainValue(math.log(self.data), (self,), (1 / self.data,))

    def relu(self) -> PlainValue:
        return PlainValue(max(0.0, self.data), (self,), (float(self.data > 0),))

    __radd__, __rmul__ = __add__, __mul__

    def backward(self) -> None:
        order: list[PlainValue] = []
        seen: set[int] = set()
        stack: list[tuple[PlainValue, Iterator[PlainValue]]] = [(self, iter(self.parents))]
        while stack:
            node, parents = stack[-1]
            following = next((each for each in parents if id(each) not in seen), None)
            if following is None:
                order.append(stack.pop()[0])
            else:
                seen.add(id(following))
                stack.append((following, iter(following.parents)))
        self.grad = 1.0
        for node in reversed(order):
            for parent, slope in zip(node.parents, node.slopes):
                parent.grad += slope * node.grad


def _linear(matrix: Matrix, x: Sequence[Any]) -> list[Any]:
    return [sum(w * each for w, each in zip(row, x)) for row in matrix]


def _norm(x: Sequence[Any]) -> list[Any]:
    scale = (sum(each * each for each in x) * (1.0 / len(x)) + 1e-5) ** -0.5
    return [each * scale for each in x]


def _softmax(x: Sequence[Any]) -> list[Any]:
    highest = max(each.data for each in x)
    powers = [(each + -highest).exp() for each in x]
    over = sum(powers) ** -1.0
    return [power * over for power in powers]


def losses(matrices: Mapping[str, Matrix], text: Sequence[int], heads: int) -> list[Any]:
    """−ln P(the token that follows) for each token but the last, by a GPT of one block.

    Parameters
    ----------
    matrices : the rows of tokens, places, query, key, value, projection, up, down and output.
    """
    m, found = matrices, []
    keys: list[list[Any]] = []
    values: list[list[Any]] = []
    size = len(m["query"]) // heads
    for place, (now, following) in enumerate(pairwise(text)):
        x = _norm([a + b for a, b in zip(m["tokens"][now], m["places"][place])])
        normed = _norm(x)
        query = _linear(m["query"], normed)
        keys.append(_linear(m["key"], normed))
        values.append(_linear(m["value"], normed))
        attended: list[Any] = []
        for start in range(0, len(query), size):
            head = slice(start, start + size)
            scores = [sum(q * k for q, k in zip(query[head], each[head])) * size**-0.5 for each in keys]
            weights = _softmax(scores)
            attended += [
                sum(w * each for w, each in zip(weights, column))
                for column in zip(*(each[head] for each in values))
            ]
        x = [a + b for a, b in zip(_linear(m["projection"], attended), x)]
        hidden = [each.relu() for each in _linear(m["up"], _norm(x))]
        x = [a + b for a, b in zip(_linear(m["down"], hidden), x)]
        found.append(_softmax(_linear(m["output"], x))[following].log() * -1.0)
    return found


def adam(count: int, first: float, second: float, eps: float = 1e-8) -> Callable[..., list[float]]:
    """η m̂ / (√v̂ + ε), with the bias-corrected running means m̂ of g and v̂ of g²: a rule that gives steps (P,).

    Source: Kingma and Ba 2015, algorithm 1.
    """
    m, v, taken = [0.0] * count, [0.0] * count, 0

    def rule(gradient: Sequence[float], rate: float) -> list[float]:
        nonlocal taken
        taken += 1
        step = []
        for i, g in enumerate(gradient):
            m[i] = first * m[i] + (1.0 - first) * g
            v[i] = second * v[i] + (1.0 - second) * g * g
            step.append(rate * m[i] / (1.0 - first**taken) / (math.sqrt(v[i] / (1.0 - second**taken)) + eps))
        return step

    return rule
