"""What compiled programs are tried on: rows at special values, choices, layouts of operands, targets.

Each function is of parameters and of the inputs of one example, ``f(w, x)``, and gives a `Value`.
"""

import itertools
import math
import random

import numpy as np

from autograd import (
    dot,
    exp,
    greater,
    log,
    log_softmax,
    logsumexp,
    maximum,
    mean,
    softmax,
    sqrt,
    sum,
    tanh,
    where,
)

inf, nan = math.inf, math.nan
ACCURACY = {"float64": 1e-10, "float32": 1e-4}  # of the size of the problem
SPECIAL = [0.0, -0.0, inf, -inf, nan, 1e308, -1e308, 5e-324, -5e-324, 1.0, 0.3]
LENGTH = 3  # of a sequence


def flat_positions(row, length=LENGTH):
    """For each number that the row takes the position of its argument."""
    return [
        position
        for position in range(len(row.domain))
        for _ in range(length if position in row.vectors else 1)
    ]


def of_numbers(row, length=LENGTH):
    """The row as a function of a flat sequence."""
    positions = flat_positions(row, length)

    def f(numbers):
        args = [[x for x, own in zip(numbers, positions) if own == i] for i in range(len(row.domain))]
        return row(*[arg if i in row.vectors else arg[0] for i, arg in enumerate(args)])

    return f


def spots(row):
    """All pairs of special operands; of more operands one special among ordinary ones, and some of all."""
    positions = flat_positions(row)
    kinks = [list(kink) for kink in row.kinks if len(kink) == len(positions)]
    if len(positions) <= 2:
        return [*map(list, itertools.product(SPECIAL, repeat=len(positions))), *kinks]
    ordinary = [low + 0.4 * (high - low) for low, high in (row.domain[i] for i in positions)]
    choose = random.Random(row.name)
    found = [
        *([*ordinary[:i], x, *ordinary[i + 1 :]] for i in range(len(positions)) for x in SPECIAL),
        *(choose.choices(SPECIAL, k=len(positions)) for _ in range(40)),
        *kinks,
    ]
    if row.index is not None:
        for number, spot in enumerate(found):
            spot[positions.index(row.index)] = float(number % LENGTH)
    return found


CHOICES = {
    "a root": lambda w, x: where(greater(x[0], 0.0), sqrt(w[0] * x[0]), w[1]),
    "a logarithm": lambda w, x: where(x[0], w[1] * log(w[0] * x[0] * x[0]), w[1] * x[1]),
    "a quotient": lambda w, x: where(x[0], w[0] / x[0], w[0]) + w[1],
    "overflow": lambda w, x: where(greater(x[0], 2.0), exp(exp(700.0 * w[1] * x[0]) * w[0]), w[0] * x[1]),
    "one within another": lambda w, x: where(
        greater(x[0], 0.0),
        where(greater(x[1], 0.0), sqrt(w[0] * x[0] * x[1]), w[1] / (x[1] - 2.0)),
        log(1.0 - 2.0 * w[0] * x[0]),
    ),
    "one as the condition": lambda w, x: where(where(x[0], x[1], 0.0), w[0] / (x[0] * x[1]), w[1] * x[0]),
    "in a dot product": lambda w, x: dot(
        [where(greater(x[0], 0.0), sqrt(w[0] * x[0]), w[1]), where(x[1], w[1] / x[1], 2.0)],
        [w[0], x[1]],
        w[1],
    ),
    "in a softmax": lambda w, x: softmax(
        [where(greater(x[0], 0.0), log(w[0] * x[0]), w[1]), where(x[1], w[0] / x[1], w[1]), w[0] * w[1]]
    )[1],
    "of a softmax": lambda w, x: where(
        greater(x[0], 0.0), log_softmax([log(x[0]) * w[0], w[1]])[0], logsumexp([w[0], w[1] * x[1]])
    ),
    "of a shared node": lambda w, x: (
        lambda root: where(greater(x[0], 0.0), root * x[1], w[1]) + where(greater(x[0], 0.5), root, x[1])
    )(sqrt(w[0] * x[0])),
    "of a maximum": lambda w, x: maximum(w[0] * x[0], where(greater(x[1], 0.0), sqrt(w[1] * x[1]), -inf)),
}
CORNERS = [list(pair) for pair in itertools.product([1.0, -1.0, 0.0, 2.0, -0.5], repeat=2)]


def targets_for(loss, shape, rng):
    if loss == "hinge_loss":
        return rng.choice([-1.0, 1.0], shape)
    if loss == "cross_entropy":
        probabilities = rng.dirichlet(np.ones(shape[1]), shape[0])
        probabilities[::3] = np.eye(shape[1])[0]
        return probabilities
    if loss.startswith("binary"):
        return np.where(rng.random(shape) < 0.5, rng.integers(0, 2, shape), rng.random(shape))
    return rng.standard_normal(shape)


def every_window(w, x):
    return [dot(w[3 * k : 3 * k + 3], x[i : i + 3]) * w[12 + k] for i in range(20) for k in range(4)]


def two_readers(w, x, order):
    """Two products with one adjoint and the same right side have one gradient, and two places for it."""
    left = [exp(w[i]) for i in order]
    first = sum([dot(left[:2], x), dot(left[2:], x)])
    second = sum([dot([w[4], tanh(w[5])], x), dot([w[6], tanh(w[7])], x)])
    return (first - -second) * dot([exp(w[8]), exp(w[9])], list(map(tanh, x)))


# How operands may lie: (f, parameters, inputs).
LAYOUTS = {
    "inputs with themselves": (lambda w, x: dot(x[:2], x[2:4]) * w[0] + dot(x[:2], x[:2]), 1, 4),
    "inputs, all with all": (
        lambda w, x: sum([tanh(dot(x[i : i + 2], x[j : j + 2]) * w[0]) for i in (0, 2) for j in (0, 2)]),
        1, 4,
    ),
    "constants with inputs": (
        lambda w, x: sum([tanh(dot([1.0 * i, 2.0, 3.0], [*x, w[0]])) for i in range(3)]), 1, 2,
    ),
    "inputs and a constant": (
        lambda w, x: sum([tanh(dot(w[3 * i : 3 * i + 3], [x[0], 1.0, x[1]])) for i in range(3)]), 9, 2,
    ),
    "parameters with constants": (
        lambda w, x: sum([tanh(dot(w[3 * i : 3 * i + 3], [0.5, 1.0, 2.0]) + x[0]) for i in range(3)]), 9, 1,
    ),
    "one weight for all": (lambda w, x: sum([dot([w[0]] * 3, x[i : i + 3]) for i in range(3)]), 1, 5),
    "one parameter in many products": (lambda w, x: sum([exp(w[0] * xi) * w[1] for xi in x]), 2, 5),
    "a softmax of one": (lambda w, x: softmax([w[0] * x[0]])[0] + softmax([w[0], x[0], 1.0])[2], 1, 1),
    "softmaxes that share": (lambda w, x: sum([softmax([wi * x[0], x[1], w[0]])[1] for wi in w]), 4, 2),
    "a softmax of parameters": (lambda w, x: dot(softmax(w), x), 4, 4),
    "a softmax of the same twice": (lambda w, x: softmax([w[0] * x[0], w[0] * x[0], x[1]])[0], 1, 2),
    "one within another": (
        lambda w, x: logsumexp([logsumexp([w[0], x[0]]), logsumexp([w[1], x[1]]), mean([w[0], x[0]])]), 2, 2,
    ),
    "all pairs": (
        lambda w, x: sum([maximum(wi, xi) * where(xi, w[0], wi) for wi in w for xi in x]), 4, 4,
    ),
    "powers": (lambda w, x: sum([(wi * wi + 0.1) ** xi + abs(xi) ** wi for wi, xi in zip(w, x)]), 3, 3),
    "a square of products": (lambda w, x: (lambda y: dot(y, y))([dot(w[:2], x), dot(w[2:], x)]), 4, 2),
    "biases from everywhere": (
        lambda w, x: sum([tanh(dot(w[2 * i : 2 * i + 2], x[:2], x[2]) + w[6 + i]) for i in range(3)])
        + sum([tanh(dot(w[2 * i : 2 * i + 2], x[:2], 1.5)) for i in range(3)]), 9, 3,
    ),
    "a bias for each column": (
        lambda w, x: sum(
            [
                tanh(sum([dot(w[2 * i : 2 * i + 2], x[2 * j : 2 * j + 2], w[6 + j]) for i in range(3)]))
                for j in range(3)
            ]
        ), 9, 6,
    ),
    "products of parameters": (lambda w, x: dot([dot(w[:3], w[3:6]), dot(w[3:6], w[6:])], x), 9, 2),
    "one weight against many inputs": (lambda w, x: sum([xi - w[0] for xi in x]), 1, 4),
    "weights and an input in one sequence": (
        lambda w, x: sum([tanh(dot([xi, w[0]], w[1:])) for xi in x]), 3, 3,
    ),
    "one sequence with many": (
        lambda w, x: (lambda query: sum([tanh(dot(query, x[i : i + 3])) for i in range(4)]))(
            [tanh(wi * xi) for wi, xi in zip(w, x)]
        ), 3, 6,
    ),
    "a matrix in two factors": (
        lambda w, x: sum(
            [tanh(dot([dot(w[2 * i : 2 * i + 2], w[6 + j :: 11]) for j in range(11)], x)) for i in range(3)]
        ), 28, 11,
    ),
    "one adjoint for two": (lambda w, x: ((w[0] - x[0]) + (w[1] - exp(x[0]))) * x[1], 2, 2),
    "one adjoint for two, gathered": (
        lambda w, x: sum([exp(w[i * 7 % 10] + w[i * 3 % 10]) * x[i] for i in range(5)]), 10, 5,
    ),
    "one sum over the batch for two": (lambda w, x: two_readers(w, x, (0, 1, 2, 3)), 10, 2),
    "one sum over the batch for two, in columns": (lambda w, x: two_readers(w, x, (0, 2, 1, 3)), 10, 2),
    "empty sequences": (lambda w, x: dot([], [], w[0]) * x[0] + sum([]), 1, 1),
    "windows": (lambda w, x: sum(list(map(tanh, every_window(w, x)))), 16, 22),
    "windows that do not overlap": (
        lambda w, x: sum(
            [tanh(dot(w[2 * k : 2 * k + 2], x[2 * i : 2 * i + 2])) for i in range(3) for k in range(2)]
        ), 4, 6,
    ),
    "columns of a matrix": (
        lambda w, x: (
            lambda h: sum([tanh(dot(w[k::3], h[2 * i : 2 * i + 2])) for i in range(3) for k in range(3)])
        )([exp(xi) for xi in x]), 6, 6,
    ),
    "products in the columns of a matrix": (
        lambda w, x: (lambda h: sum([tanh(dot(w[4:6], [h[2 * i], h[2 * i + 1]])) for i in range(4)]))(
            [dot(w[2 * k : 2 * k + 2], x[2 * i : 2 * i + 2]) for k in range(2) for i in range(4)]
        ), 6, 8,
    ),
    "many pairs": (lambda w, x: logsumexp([wi * xi + wi for wi in w for xi in x]), 30, 30),
    "a network of parameters": (
        lambda w, x: dot([tanh(dot(w[20 * i : 20 * i + 20], w[400:420])) for i in range(20)], w[420:]) + x[0],
        440, 1,
    ),
    "gathered": (
        lambda w, x: sum([exp(w[i * 7 % 40] * x[i * 11 % 40]) * x[i * 3 % 40] for i in range(100)]), 40, 40,
    ),
    "many choices": (
        lambda w, x: sum(
            [where(greater(x[i], 0.0), sqrt(x[i]) * w[i], w[i * 3 % 40] * x[i]) for i in range(40)]
        ), 40, 40,
    ),
}  # fmt: skip
