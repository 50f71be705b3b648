"""Random graphs over the whole table, as programs, and what is right for them.

A program is a list of instructions ``(row, arguments)`` over numbered nodes. `run` applies it by any way of
applying a row; `Dual` is the reference: mpmath's value and forward-mode derivative with the formulas of
`oracle`, which share no code with the engine. A program keeps away from kinks and from the edges of domains,
and stays within bounds, so that all derivatives exist and rounding cannot hide a mistake.
"""

import math
import operator

from hypothesis import strategies as st

from autograd import Value, sequence
from autograd.engine.primitives import TABLE
from tests.support import oracle
from tests.support.oracle import flatten, mp, mpf

ROWS = sorted(TABLE)
LARGEST = 50.0  # of a value
STEEPEST = 1e4  # of the sum over all paths of the products of |partials|
NEAR_A_KINK = 1e-2

# Rows whose arguments are brought into bounds by a sine before them.
BOUNDED = ("asin", "acos", "atanh", "tan", "exp", "expm1", "sinh", "cosh", "power")
# How far from a kink the arguments are.
from_zero = abs
from_a_tie = lambda a, b: abs(a - b)  # as the others of the table below
from_a_whole_number = lambda a, b=1.0: abs(a / b - round(a / b))
from_the_origin = lambda *numbers: max(map(abs, numbers))
KINKED = {
    **dict.fromkeys(("abs", "relu", "step", "sign", "softsign", "cbrt"), from_zero),
    **dict.fromkeys(("leaky_relu", "elu"), lambda x, _: abs(x)),
    **dict.fromkeys(("maximum", "minimum", "greater"), from_a_tie),
    **dict.fromkeys(("floor", "ceil", "mod", "floordiv"), from_a_whole_number),
    **dict.fromkeys(("hypot", "norm", "norm_slope"), from_the_origin),
    "hardtanh": lambda x: abs(abs(x) - 1.0),
    "atan2": lambda a, b: max(abs(a), b),  # it jumps where b is negative
}


class Dual:
    """A number, its derivative by each leaf, and the same with every term taken absolutely."""

    def __init__(self, value, slopes, sizes):
        self.value, self.slopes, self.sizes = value, slopes, sizes


def leaf_duals(numbers):
    n = len(numbers)
    return [
        Dual(mpf(x), [mpf(i == j) for j in range(n)], [float(i == j) for j in range(n)])
        for i, x in enumerate(numbers)
    ]


def apply_dual(name, args, n):
    """One step of the chain rule in forward mode, with the oracle's explicit partials."""
    entry = oracle.reference(name)
    values = [[d.value for d in arg] if isinstance(arg, list) else arg.value for arg in args]
    partials = [mpf(p) for p in flatten(entry.partials(*values))]
    duals = flatten(args)
    slopes = [mp.fsum([p * d.slopes[j] for p, d in zip(partials, duals)]) for j in range(n)]
    sizes = [math.fsum(abs(float(p)) * d.sizes[j] for p, d in zip(partials, duals)) for j in range(n)]
    return Dual(mpf(entry.value(*values)), slopes, sizes)


def positive(name, position):
    """Whether the domain in the table says that this argument is not to be negative."""
    low, high = TABLE[name].domain[position]
    return low > -1.0 and high > 1.0


@st.composite
def programs(draw, names=None, largest=LARGEST, size=14):
    """A list of leaves, a list of instructions and the nodes that are outputs.

    An argument is the number of a node, a list of those, or a float (a constant).
    """
    number = st.integers(-200, 200).map(lambda k: k / 100 + 0.003)
    leaves = draw(st.lists(number, min_size=1, max_size=4))
    n = len(leaves)
    duals = leaf_duals(leaves)
    code = []

    def append(name, *args):
        """Add an instruction if its result is within bounds; the number of the node, or None."""
        operands = [
            [duals[i] for i in arg] if isinstance(arg, list)
            else Dual(mpf(arg), [mpf(0)] * n, [0.0] * n) if isinstance(arg, float)
            else duals[arg]
            for arg in args
        ]  # fmt: skip
        inputs = [float(d.value) for d in flatten(operands)]
        if name in KINKED and KINKED[name](*inputs) < NEAR_A_KINK:
            return None
        result = apply_dual(name, operands, n)
        if abs(result.value) > largest or sum(result.sizes) > STEEPEST:
            return None
        duals.append(result)
        code.append((name, args))
        return len(duals) - 1

    def pick():
        """A node; often a recent one, so that graphs are deep, and often the same, so that they share."""
        return draw(st.one_of(st.integers(0, len(duals) - 1), st.just(len(duals) - 1)))

    def tame(name, position, i):
        """The node i brought into the domain of the row by safe rows before it."""
        if i is not None and name in BOUNDED:
            i = append("sin", i)
            if i is not None and name in ("asin", "acos", "atanh"):
                i = append("mul", i, 0.9)
        if i is not None and positive(name, position):
            i = append("mul", i, i)
            if i is not None:
                i = append("add", i, 0.5 + TABLE[name].domain[position][0])
        return i

    for _ in range(draw(st.integers(1, size))):
        name = draw(st.sampled_from(names or ROWS))
        row = TABLE[name]
        length = draw(st.integers(1, 3))
        args = []
        for position in range(len(row.domain)):
            if position in row.vectors:
                args.append([pick() for _ in range(length)])
            elif name == "pow" and position == 1:
                args.append(float(draw(st.sampled_from([-2, -1, 0, 1, 2, 3, 0.5, -1.5]))))
            elif position == row.index:
                args.append(float(draw(st.integers(0, length - 1))))
            elif name == "where" and position == 0:
                args.append(float(draw(st.booleans())))
            elif draw(st.integers(0, 5)) == 0 and not (name == "div" and position == 1):
                args.append(
                    0.75 + max(0.0, row.domain[position][0])
                    if positive(name, position) or name in BOUNDED
                    else draw(number)
                )
            else:
                args.append(tame(name, position, pick()))
        if not any(arg is None for arg in args):
            append(name, *args)
    if not code:
        append("sin", 0)
    roots = draw(st.lists(st.integers(n, len(duals) - 1), min_size=1, max_size=3))
    return leaves, code, roots, duals


def run(leaves, code, apply):
    """The nodes of a program, by any way of applying a row to arguments."""
    nodes = list(leaves)
    for name, args in code:
        nodes.append(
            apply(
                name,
                [
                    [nodes[i] for i in arg] if isinstance(arg, list)
                    else arg if isinstance(arg, float) else nodes[arg]
                    for arg in args
                ],
            )
        )  # fmt: skip
    return nodes


def record(name, args):
    return TABLE[name](*args)


def record_in_vectors(name, args):
    """Operands that are sequences are handed over as operands made before."""
    return TABLE[name](*[sequence(arg) if isinstance(arg, list) else arg for arg in args])


OPERATORS = {
    "add": operator.add, "sub": operator.sub, "mul": operator.mul, "div": operator.truediv,
    "neg": operator.neg, "pow": operator.pow, "power": operator.pow, "abs": abs,
}  # fmt: skip


def record_by_operators(name, args):
    """Spelt the way people write, where there is an operator or a method; only Values have them."""
    if name in OPERATORS and any(isinstance(arg, Value) for arg in args):
        return OPERATORS[name](*args)
    if isinstance(args[0], Value) and hasattr(args[0], name):
        return getattr(args[0], name)(*args[1:])
    return TABLE[name](*args)


def as_value(node):
    return node if isinstance(node, Value) else Value(node)
