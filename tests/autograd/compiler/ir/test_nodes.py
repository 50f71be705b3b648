"""The graph simplifies what needs no computation, and a rewrite keeps what it does not change."""

import math
from collections import Counter

import numpy as np
import pytest

from autograd.compiler.frontend.capture import capture
from autograd.compiler.frontend.vectorize import vectorize
from autograd.compiler.ir.adjoint import gradient
from autograd.compiler.ir.nodes import Graph, Node, ancestry, rewrite
from autograd.engine.primitives import TABLE
from nn import MLP
from tests.support.captured import leaves, name_of


def test_nodes_simplify_what_needs_no_computation():
    graph = Graph(2, 0)
    p, one = graph.parameters, graph.constant(1.0)
    assert p * 1.0 is p
    assert 1.0 * p is p
    negative = -p
    assert -negative is p
    assert (p * -1.0).row is TABLE["neg"]
    assert (one + 2.0).scalar == 3.0
    assert p + 2.0 is p + 2.0
    assert (p**0.0).row.name == "pow"  # 1, but its derivative is nan where that of p is infinite
    assert (p**1.0) is p
    assert p**2.0 is p * p
    assert (p**0.5).row.name == "pow"
    assert (2.0 * (3.0 * p)).args[0].scalar == 6.0
    assert graph.gather(graph.gather(p, np.array([1, 0])), np.array([1, 0])) is p
    assert repr(p) == "n0: Parameters(count=2)  2"


def test_a_node_is_not_a_number():
    """A rule in Python that compares or converts its argument cannot run on nodes, and says so."""
    node = Graph(1, 0).parameters
    for misuse in (lambda: math.exp(node), lambda: node > 0.0, lambda: 1 if node else 0, lambda: int(node)):
        with pytest.raises(TypeError, match="its number is not known yet"):
            misuse()


def test_a_rewritten_program_is_the_same_program():
    """In a new graph: as many nodes of each operation."""
    model, x = MLP(2, [3, 3], output_activation="softmax"), leaves(2)
    outputs = vectorize(capture(list(model(x)), model.parameters(), x))
    slopes = gradient(outputs[0])
    again = rewrite([*outputs, slopes], lambda node, args: None)
    before, after = (Counter(map(name_of, ancestry(nodes))) for nodes in ([*outputs, slopes], again))
    assert before == after
    assert again[0].graph is not outputs[0].graph
    assert all(isinstance(node, Node) for node in again)


def test_rows_that_only_change_their_places_are_gathered():
    """A permutation is a view; rows that are added up, or leave gaps, are not."""
    graph = Graph(6, 0)
    order = np.array([[3, 0, 5], [1, 4, 2]])
    moved = graph.scatter_add((3, 2), [(order, graph.reshape(graph.parameters, (2, 3)))])
    assert name_of(moved) == "Gather"
    expected = np.zeros(6)
    expected[order.reshape(-1)] = np.arange(6)
    np.testing.assert_array_equal(moved.index, expected.reshape(3, 2))
    for rows, index in (((6,), [0, 0, 1, 2, 3, 4]), ((7,), range(6))):
        assert name_of(graph.scatter_add(rows, [(np.array(index), graph.parameters)])) == "ScatterAdd"
