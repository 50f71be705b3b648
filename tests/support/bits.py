"""Random programs on the engine, and every number that they give, bit by bit.

python bits.py SEED COUNT    prints a line for each program, whatever kind of engine runs

A program applies rows of the table to earlier results and to floats of every magnitude, special ones among
them, so that nan, infinities and subnormals go through everything.
"""

import contextlib
import math
import random
import sys
import warnings

from autograd import Value, detect_anomaly, grad
from autograd.engine.primitives import TABLE

ROWS = sorted(TABLE)
SPECIAL = (0.0, -0.0, 1.0, -1.0, 0.5, 2.0, math.inf, -math.inf, math.nan, 5e-324, 1e308, 710.0)
OPERATORS = (
    lambda a, b: a + b,
    lambda a, b: a - 2,
    lambda a, b: 3 - a,
    lambda a, b: a * b,
    lambda a, b: 0.1 * a + b,
    lambda a, b: a / b,
    lambda a, b: 1 / a,
    lambda a, b: a**3,
    lambda a, b: a**-0.5,
    lambda a, b: 2**a,
    lambda a, b: a**b,
    lambda a, b: a % b,
    lambda a, b: a // 0.3,
    lambda a, b: abs(-a),
)


def some_float(choose):
    kind = choose.random()
    if kind < 0.15:
        return choose.choice(SPECIAL)
    if kind < 0.3:
        return choose.choice((-1, 1)) * math.ldexp(choose.uniform(0.5, 1.0), choose.randint(-1073, 1024))
    return choose.gauss(0.0, 2.0)


def some_row(choose, nodes):
    """A row at earlier results, and at a number in an operand's place now and then."""
    row = TABLE[choose.choice(ROWS)]
    operand = lambda: choose.choice(nodes) if choose.random() < 0.85 else some_float(choose)
    size = choose.randint(1, 4)
    arguments = [
        [operand() for _ in range(size)] if position in row.vectors else operand()
        for position in range(len(row.domain))
    ]
    return row(*arguments)


def program(choose):
    """Its numbers: results, gradients by two sweeps, and second derivatives."""
    leaves = [Value(some_float(choose), f"x{i}") for i in range(choose.randint(1, 4))]
    nodes = list(leaves)
    for _ in range(choose.randint(1, 12)):
        if choose.random() < 0.4:
            made = choose.choice(OPERATORS)(choose.choice(nodes), choose.choice(nodes))
        else:
            made = some_row(choose, nodes)
        nodes += [
            each for each in (made if isinstance(made, (list, tuple)) else [made]) if type(each) is Value
        ]
    output = nodes[-1]
    yield from (node.data for node in nodes)
    output.backward()
    output.backward()
    yield from (leaf.grad for leaf in leaves)
    first = grad(output, leaves, create_graph=True)
    yield from (each.data for each in first)
    yield from grad(choose.choice(first), leaves)


def outcome(seed, watched):
    numbers = []
    try:
        with detect_anomaly() if watched else contextlib.nullcontext():
            numbers.extend(program(random.Random(seed)))
    except Exception as error:
        numbers.append(f"{type(error).__name__}: {error}")
    return " ".join(each if isinstance(each, str) else float(each).hex() for each in numbers)


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    seed, count = map(int, sys.argv[1:])
    for number in range(count):
        print(outcome(f"{seed} {number}", watched=number % 4 == 0))
