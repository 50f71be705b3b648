"""The order of a graph and the sweep over it: sharing, depth, width, interruption."""

import copy
import gc
import math
import os
import pickle
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd import (
    GraphError,
    Value,
    dot,
    exp,
    grad,
    primitive,
    relu,
    softmax,
    sum,
    tanh,
    topological_order,
    where,
)
from tests.support.along import along

MILLION = 10**6


def assert_topological(order, *outputs):
    """Every node once, each after its parents, and nothing but ancestors."""
    position = {node: i for i, node in enumerate(order)}
    assert len(position) == len(order)
    for node in order:
        assert all(position[parent] < position[node] for parent in node.parents)
    assert set(outputs) <= set(order)
    reached, pending = set(), list(outputs)
    while pending:
        node = pending.pop()
        if node not in reached:
            reached.add(node)
            pending += node.parents
    assert reached == set(order)


def test_order_of_a_leaf_is_the_leaf():
    x = Value(1.0)
    assert topological_order(x) == [x]


def test_order_of_several_outputs():
    x = Value(1.0)
    y, z = x * 2, x * 3
    order = topological_order(y, z)
    assert_topological(order, y, z)
    assert order.count(x) == 1


def test_order_is_the_same_each_time():
    """Equal graphs give equal orders: operands first to last, so that drawings are stable."""

    def names():
        a, b = Value(1.0, "a"), Value(2.0, "b")
        return [node.op or node.label for node in topological_order(exp(a * b) + a * a)]

    assert names() == names() == ["a", "b", "mul", "exp", "mul", "add"]


def test_order_includes_the_nodes_of_layers():
    x = Value(1.0)
    layer = along(tanh, along(dot, ((x, 2.0), (3.0, x)), ((x, 1.0),) * 2))
    y = sum(layer)
    order = topological_order(y)
    assert_topological(order, y)
    assert [node.op for node in order if node.op] == ["dot", "tanh", "dot", "tanh", "sum"]


@given(st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 10**6)), min_size=1, max_size=40))
def test_order_and_gradient_of_random_sums(pairs):
    """Random graphs of additions: the gradient is the number of paths to the leaf, exactly."""
    x = Value(1.0)
    nodes, paths = [x], [1]
    for i, j in pairs:
        i, j = i % len(nodes), j % len(nodes)
        nodes.append(nodes[i] + nodes[j])
        paths.append(paths[i] + paths[j])
    assert_topological(topological_order(nodes[-1]), nodes[-1])
    nodes[-1].backward()
    assert x.grad == paths[-1]
    assert grad(nodes[-1], [x]) == [float(paths[-1])]


# --- sharing ---------------------------------------------------------------------------------------


def test_diamond():
    x = Value(2.0)
    a, b = x * 3, x * x
    (a * b).backward()
    assert x.grad == 3 * 3 * 2.0**2
    assert (a.grad, b.grad) == (4.0, 6.0)


def test_repeated_operands():
    x = Value(3.0)
    (x * x).backward()
    assert x.grad == 6.0
    assert grad(x + x, [x]) == [2.0]
    assert grad(x - x, [x]) == [0.0]
    assert grad(sum([x, x, x]), [x]) == [3.0]
    assert grad(dot([x, x], [x, x], x), [x]) == [13.0]
    shared = (x, x)
    assert grad(dot(shared, shared), [x]) == [12.0]


def test_a_node_must_wait_for_all_that_use_it():
    """y = a·b + a with a = x + x, b = a·a: depth first, a's adjoint is handed on before b has added to it."""
    x = Value(1.0)
    a = x + x
    b = a * a
    y = a * b + a
    y.backward()
    assert a.grad == 3 * 2.0**2 + 1
    assert x.grad == 2 * (3 * 2.0**2 + 1)

    def naive(node, adjoint, sums):
        """What the sweep must not do: overwrite and go on at the first visit."""
        if node in sums:
            sums[node] += adjoint
            return
        sums[node] = adjoint
        partials = {"mul": lambda p: (p[1].data, p[0].data), "add": lambda p: (1.0, 1.0)}
        if node.op:
            for parent, slope in zip(node.parents, partials[node.op](node.parents), strict=True):
                naive(parent, adjoint * slope, sums)

    wrong = {}
    naive(y, 1.0, wrong)
    assert wrong[x] != x.grad


def test_deep_sharing_is_not_exponential():
    """Doubling 200 times has 2²⁰⁰ paths and 201 nodes."""
    x = y = Value(1.0)
    for _ in range(200):
        y = y + y
    y.backward()
    assert x.grad == 2.0**200
    assert grad(y, [x]) == [2.0**200]


def test_a_constant_output_has_no_gradients():
    x = Value(1.0)
    y = sum([1.0, Value(2.0)])
    y.backward()
    assert not x.reached


# --- depth and width -------------------------------------------------------------------------------


def chain(x, length):
    y = x
    for _ in range(length):
        y = y + 1.0
    return y


def test_a_chain_of_a_million_nodes():
    """Built, swept, ordered and freed, at Python's own recursion limit."""
    limit = sys.getrecursionlimit()
    x = y = Value(2.0)
    for _ in range(MILLION):
        y = -y
    assert y.data == 2.0
    y.backward()
    assert x.grad == 1.0
    assert len(topological_order(y)) == MILLION + 1
    del y
    assert sys.getrecursionlimit() == limit


@pytest.mark.slow
def test_a_long_chain_is_differentiated_copied_and_pickled():
    """Far beyond what recursion can follow; a million in the long profile."""
    length = MILLION if os.environ.get("HYPOTHESIS_PROFILE") == "long" else 50_000
    x = Value(0.0, "x")
    y = chain(x, length)
    assert grad(y, [x]) == [1.0]
    assert grad(y, [x], create_graph=True)[0].data == 1.0
    for duplicate in (copy.deepcopy(y), pickle.loads(pickle.dumps(y))):
        assert duplicate.data == length
        duplicate.backward()
        copied = topological_order(duplicate)[0]
        assert (copied.label, copied.grad) == ("x", 1.0)
    assert not x.reached


def test_a_long_chain_of_unary_nodes_and_of_sequences():
    x = Value(0.5)
    y = x
    for _ in range(20_000):
        y = -y
    assert grad(y, [x]) == [1.0]
    layer = (x, x)
    for _ in range(20_000):
        layer = along(relu, layer)
    total = sum(layer)
    total.backward()
    assert x.grad == 2.0
    assert len(topological_order(total)) == 40_002
    assert layer[1].grad == 1.0
    assert grad(total, [x]) == [2.0]
    del layer, total


def test_a_long_chain_differentiated_twice():
    x = Value(1.0)
    y = x
    for _ in range(5_000):
        y = y * 1.0 + x * 0.0
    (first,) = grad(y * x, [x], create_graph=True)
    assert first.data == 2.0
    assert grad(first, [x]) == [2.0]


def test_a_fan_in_of_a_hundred_thousand():
    leaves = [Value(float(i)) for i in range(10**5)]
    y = sum(leaves)
    assert y.data == 10**5 * (10**5 - 1) / 2
    y.backward()
    assert {leaf.grad for leaf in leaves} == {1.0}
    z = dot(leaves, leaves)
    assert grad(z, leaves) == [2.0 * i for i in range(10**5)]
    assert len(topological_order(z)) == 10**5 + 1


def test_a_fan_out_of_a_hundred_thousand():
    x = Value(2.0)
    y = sum([x * 1.0 for _ in range(10**5)])
    y.backward()
    assert x.grad == 1e5


def test_a_softmax_of_many_classes():
    leaves = [Value(i / 100) for i in range(200)]
    probabilities = softmax(leaves)
    assert math.fsum(p.data for p in probabilities) == pytest.approx(1.0, rel=1e-14)
    slopes = grad(probabilities[7], leaves)
    assert math.fsum(slopes) == pytest.approx(0.0, abs=1e-16)


# --- interruption ----------------------------------------------------------------------------------


def interrupting(times):
    """A row that is the identity, and whose partials raise KeyboardInterrupt the first few times."""
    left = [times]

    def partials(y, x):
        if left[0]:
            left[0] -= 1
            raise KeyboardInterrupt
        return 1.0

    return primitive(partials, name="interrupting")(lambda x: x)


def test_an_interrupted_sweep_leaves_the_leaves_as_they_were():
    stop = interrupting(1)
    x, other, fresh = Value(2.0), Value(3.0), Value(5.0)
    x.grad, other.grad = 10.0, 20.0
    layer = along(exp, (x, other))
    inner = stop(x * other)
    y = inner * other + sum(layer) + fresh
    with pytest.raises(KeyboardInterrupt):
        y.backward()
    assert (x.grad, other.grad, fresh.reached) == (10.0, 20.0, False)
    assert gc.isenabled()
    x.grad = other.grad = None
    y.backward()
    assert x.grad == pytest.approx(9.0 + math.exp(2.0), rel=1e-15)
    assert other.grad == pytest.approx(12.0 + math.exp(3.0), rel=1e-15)
    assert fresh.grad == 1.0


def test_an_interrupted_grad_leaves_everything_as_it_was():
    stop = interrupting(2)
    x = Value(2.0)
    y = stop(x * x)
    for create_graph in (False, True):
        with pytest.raises(KeyboardInterrupt):
            grad(y, [x], create_graph=create_graph)
    assert (x.reached, y.reached) == (False, False)
    assert grad(y, [x]) == [4.0]


def test_a_stale_graph_stops_the_sweep_before_any_gradient_changes():
    x, w = Value(2.0), Value(3.0, "w")
    inner = w * x
    y = inner + x
    x.grad = w.grad = 1.0
    w.data = 4.0
    with pytest.raises(GraphError):
        y.backward()
    assert (x.grad, w.grad) == (1.0, 1.0)


def test_adjoints_of_a_chain_are_those_of_the_last_sweep():
    x = Value(1.0)
    nodes = [x]
    for _ in range(5):
        nodes.append(nodes[-1] * 2.0)
    nodes[-1].backward()
    nodes[3].backward()
    assert [node.grad for node in nodes[1:]] == [4.0, 2.0, 1.0, 2.0, 1.0]
    assert x.grad == 32.0 + 8.0


def test_a_rule_that_sweeps_the_graph_it_is_in_is_refused():
    """Its nodes hold the adjoints of the sweep that is going on; another graph may be swept within it."""
    x, other = Value(2.0), Value(5.0)
    inner, apart = x * x, other * other

    def sweeping(which):
        def partials(y, a):
            which.backward()
            which.backward()
            return 3.0

        return primitive(partials, name=f"sweeping_{which.data:g}")(lambda a: 3.0 * a)

    x.grad = 1.0
    with pytest.raises(GraphError, match=r"calls backward\(\) on one that a mul node belongs to"):
        sweeping(inner)(inner).backward()
    assert x.grad == 1.0
    sweeping(apart)(inner).backward()
    assert (x.grad, other.grad) == (13.0, 20.0)
    inner.backward()
    assert x.grad == 17.0


def test_a_branch_not_taken_has_gradient_0_whatever_it_had():
    x, c = Value(2.0), Value(1.0)
    untaken = x * x
    untaken.backward()
    where(c, x + 1.0, exp(untaken)).backward()
    assert (untaken.grad, untaken.reached, x.grad) == (0.0, True, 5.0)


@pytest.mark.parametrize("grow", [
    lambda y, x: y * x, lambda y, x: sum([y, x]), lambda y, x: dot([y, x], [x, x], y), lambda y, x: -y,
    lambda y, x: where(x, y, x), lambda y, x: x + y,
], ids=["binary", "sum", "dot", "unary", "where", "right"])  # fmt: skip
def test_chains_of_every_shape_are_swept_and_freed(grow):
    x = Value(1.0)
    y = x
    for _ in range(30_000):
        y = grow(y, x) * 0.5
    y.backward()
    nodes = topological_order(y)
    assert len(nodes) > 60_000
    del nodes
    y = None  # freed in a loop, or this is the last line that runs
    assert x.reached
