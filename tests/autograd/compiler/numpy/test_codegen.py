"""The plan of arrays of the numpy back end."""

import numpy as np

from autograd import (
    sum,
)
from autograd.compiler.frontend.capture import capture
from autograd.compiler.frontend.vectorize import vectorize
from autograd.compiler.numpy.backend import ArrayProgram
from tests.support.captured import leaves


def test_arrays_are_used_again():
    """A chain of 30 steps needs no more of them than a chain of 3."""
    needed = []
    for depth in (3, 30):
        w, x = leaves(4), leaves(4, 1.0)
        nodes = [wi * xi for wi, xi in zip(w, x)]
        for _ in range(depth):
            nodes = [node * xi + 1.0 for node, xi in zip(nodes, x)]
        results = vectorize(capture([sum(nodes)], w, x))
        needed.append(ArrayProgram(results, True, np.float64).source.count("np.empty("))
    assert needed[0] == needed[1]
