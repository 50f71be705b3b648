"""Networks written in many ways, and how much of what their programs have."""

import builtins
from collections import Counter
from itertools import pairwise

from autograd import (
    Value,
    dot,
    relu,
    sum,
)
from autograd.compiler.frontend.capture import capture
from autograd.compiler.frontend.vectorize import vectorize
from autograd.compiler.ir.nodes import Apply, Fused, ancestry


def leaves(count, start=0.1):
    return [Value(start + 0.01 * i) for i in range(count)]


def trace_of(output, wrt=(), inputs=()):
    return capture([output], wrt, inputs)


def rows(trace):
    """How often each row is in a trace."""
    return Counter(row.name for row in trace.rows if row is not None)


def operations(outputs, wrt=(), inputs=()):
    """How many nodes of each operation compute the outputs."""
    return Counter(map(name_of, ancestry(vectorize(capture(outputs, wrt, inputs)))))


def name_of(node):
    return node.row.name if isinstance(node, (Apply, Fused)) else type(node).__name__


def chain(w, x, b):
    total = b
    for wi, xi in zip(w, x):
        total = wi * xi + total
    return total


def chain_from_zero(w, x, b):
    total = 0.0
    for wi, xi in zip(w, x):
        total = total + xi * wi
    return total + b


WAYS = {
    "dot": dot,
    "dot and bias": lambda w, x, b: b + dot(x, w),
    "sum": lambda w, x, b: sum([wi * xi for wi, xi in zip(w, x)]) + b,
    "sum with bias": lambda w, x, b: sum([b, *(xi * wi for wi, xi in zip(w, x))]),
    "a loop": chain,
    "a loop from 0": chain_from_zero,
    "micrograd's": lambda w, x, b: builtins.sum((wi * xi for wi, xi in zip(w, x)), b),
    "Python's sum": lambda w, x, b: builtins.sum(wi * xi for wi, xi in zip(w, x)) + b,
}


def network(neuron, parameters, x, sizes):
    """The output of a network with one output, relu within; each neuron has its weights and then its bias."""
    numbers = iter(parameters)
    for depth, (n_in, n_out) in enumerate(pairwise(sizes)):
        x = [neuron([next(numbers) for _ in range(n_in)], x, next(numbers)) for _ in range(n_out)]
        if depth < len(sizes) - 2:
            x = [relu(value) for value in x]
    return x[0]


def count_parameters(sizes):
    return builtins.sum((n_in + 1) * n_out for n_in, n_out in pairwise(sizes))


MOONS = (2, 16, 16, 1)
