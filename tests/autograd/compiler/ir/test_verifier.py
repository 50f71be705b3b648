"""What no pass may make is found, and named."""

import numpy as np
import pytest

from autograd.compiler.ir.nodes import (
    MUL,
    Apply,
    BatchSum,
    Broadcast,
    Gather,
    Graph,
    MatMul,
    Node,
    Outer,
    Reduce,
    ScatterAdd,
    Symbol,
)
from autograd.compiler.ir.verifier import IRError, verify


def added(graph, node):
    """A node as it stands, past the rules of `Graph.make`."""
    node.graph, node.number = graph, len(graph.nodes)
    graph.nodes.append(node)
    return node


def test_a_program_as_graphs_make_it_is_correct():
    graph = Graph(6, 2)
    matrix = graph.reshape(graph.parameters, (3, 2))
    verify([graph.batch_sum(graph.matmul(matrix, graph.reshape(graph.inputs, (2, 1))))])


def broken(node):
    graph = Graph(6, 2)
    return added(graph, node(graph, graph.parameters, graph.inputs))


RAMP = np.arange(6)
BROKEN = {
    "a row that is not there": lambda g, p, x: Gather([p], np.array([6])),
    "its index names": lambda g, p, x: ScatterAdd([x], [np.array([0, 7])], (3,)),
    "its index is float64": lambda g, p, x: Gather([p], np.array([0.0])),
    r"\(6,\) rows for an index of \(2,\)": lambda g, p, x: ScatterAdd([p], [np.array([0, 1])], (9,)),
    "no product": lambda g, p, x: MatMul([g.reshape(p, (3, 2)), g.reshape(p, (3, 2))], False),
    "no outer product": lambda g, p, x: Outer([g.reshape(p, (3, 2)), g.reshape(p, (2, 3))]),
    "sums what is not batched": lambda g, p, x: BatchSum([p]),
    "does not broadcast": lambda g, p, x: Broadcast([p], False, (5,)),
    "has operands": lambda g, p, x: Symbol([p], "rate"),
}


@pytest.mark.parametrize("problem", BROKEN)
def test_operands_that_do_not_fit_are_found(problem):
    with pytest.raises(IRError, match=problem):
        verify([broken(BROKEN[problem])])


def test_a_wrong_shape_or_batch_is_found():
    node = broken(lambda g, p, x: Apply([p, x], MUL) if p.shape == x.shape else Apply([p, p], MUL))
    node.shape = (5,)
    with pytest.raises(IRError, match=r"stage 3: .*mul.*has the shape \(6,\), not batched"):
        verify([node], "stage 3")
    node = broken(lambda g, p, x: Reduce([x], 0, "sum"))
    node.batched = False
    with pytest.raises(IRError, match="batched"):
        verify([node])


def test_a_use_before_the_definition_and_another_graph_are_found():
    graph, other = Graph(2, 0), Graph(2, 0)
    late = added(graph, Apply([graph.parameters, graph.parameters], MUL))
    late.args = (graph.parameters, graph.constant(2.0))
    with pytest.raises(IRError, match="before its definition"):
        verify([late])
    with pytest.raises(IRError, match="before its definition"):
        verify([added(graph, Apply([other.parameters, graph.parameters], MUL))])
    stray = Apply([graph.parameters, graph.parameters], MUL)
    stray.graph, stray.number = graph, 0
    with pytest.raises(IRError, match="another graph"):
        verify([stray])


def test_operands_that_do_not_broadcast_are_found():
    graph = Graph(2, 3)
    node = added(graph, Apply([graph.parameters, graph.parameters], MUL))
    node.args = graph.parameters, graph.inputs
    with pytest.raises(IRError, match="do not fit"):
        verify([node])


def test_a_constant_of_another_dtype_and_an_unknown_class_are_found():
    graph = Graph(1, 0)
    constant = graph.constant(2.0)
    constant.data = constant.data.astype(np.float32)
    with pytest.raises(IRError, match="float32"):
        verify([constant])
    constant.__class__ = type("Other", (type(constant),), {"__slots__": ()})
    try:
        from autograd.compiler.ir.nodes import OPERATIONS

        OPERATIONS.remove(type(constant))
        with pytest.raises(IRError, match="is no operation"):
            verify([constant])
    finally:
        assert type(constant) not in OPERATIONS
    assert issubclass(type(constant), Node)
