"""Dependence of rows on leaves, and columns that are computed together."""

import itertools

import numpy as np
import pytest

from autograd import Value, compile, dot, exp, hessian, log_softmax, logsumexp, maximum, sin, where
from autograd.compiler.frontend.sparsity import together
from tests.support.compiled import backends


@pytest.mark.parametrize(
    ("pattern", "groups"),
    [
        (np.eye(4), [[0, 1, 2, 3]]),
        (np.ones((2, 3)), [[0], [1], [2]]),
        (np.tri(6, 6, 1) * np.tri(6, 6, 1).T, [[0, 3], [1, 4], [2, 5]]),
        (np.zeros((3, 0)), []),
    ],
)
def test_columns_without_a_common_row_are_computed_together(pattern, groups):
    assert together(pattern.astype(bool)) == groups


def chain(x):
    return sum((1.0 - a) ** 2 + 100.0 * (b - a * a) ** 2 for a, b in itertools.pairwise(x))


def arrow(x):
    return sum(exp(x[0] * a) for a in x[1:])


def apart(x):
    return sum(sin(a) * a for a in x)


def linear(x):
    return dot([1.0, 2.0, 3.0, 4.0, 5.0], x)


def blocks(x):
    return logsumexp(x[:2]) * x[0] + log_softmax(x[2:])[1]


def branches(x):
    return sum(where(a - 0.5, a * b, maximum(a, b) ** 3) for a, b in itertools.pairwise(x))


def dense(x):
    return dot(x, x) ** 2


@backends
@pytest.mark.parametrize("function", [chain, arrow, apart, linear, blocks, branches, dense])
def test_a_sparse_hessian_is_the_engines(function, backend):
    """With two outputs of different patterns."""
    x = [Value(0.5) for _ in range(5)]
    program = compile([function(x), x[0] * x[4] * x[4]], [], x, backend=backend)
    points = np.random.default_rng(0).normal(size=(11, 5))
    found = program.hessian([], points, "inputs")
    for point, (first, second) in zip(points.tolist(), found):
        assert first == pytest.approx(np.array(hessian(lambda *v: function(v), point)), rel=1e-12, abs=1e-13)
        right = np.array(hessian(lambda *v: v[0] * v[4] * v[4], point))
        assert second == pytest.approx(right, rel=1e-14, abs=0.0)


def test_the_hessian_of_a_chain_takes_no_more_tangents_the_longer_it_is():
    sizes = []
    for count in (8, 16):
        x = [Value(0.5) for _ in range(count)]
        program = compile(chain(x), [], x, backend="numpy")
        program.hessian([], np.ones((1, count)), "inputs")
        sizes.append(len(program._nodes("numpy", "hessian", "inputs")[0].graph.nodes))
    assert sizes[1] < sizes[0] + 5
