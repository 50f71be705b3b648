"""What the trace of a recorded graph has: constants folded, dot products and sums recognised."""

import builtins
import math

import pytest

from autograd import (
    Value,
    compile,
    dot,
    exp,
    mean,
    sin,
    sum,
)
from autograd.compiler.frontend.capture import Trace, capture
from autograd.compiler.frontend.vectorize import vectorize
from autograd.compiler.ir.nodes import MatMul, ancestry
from autograd.engine.primitives import TABLE
from nn import MLP
from tests.support.captured import (
    MOONS,
    WAYS,
    count_parameters,
    leaves,
    network,
    operations,
    rows,
    trace_of,
)

ADD, MUL, SUM, DOT = (TABLE[name] for name in ("add", "mul", "sum", "dot"))


def test_what_is_recorded_twice_is_computed_once():
    w, x = leaves(2)
    y = sin(w * x + 1.0) * sin(w * x + 1.0) + sin(w * x + 1.0)
    assert rows(trace_of(y, [w], [x])) == {"sin": 1, "mul": 2, "add": 2}
    assert operations([y], [w], [x])["sin"] == 1


def test_what_does_not_depend_on_leaves_is_a_constant():
    """The same number is one node, but 0 and −0 are two numbers."""
    trace = Trace(0, 0)
    two, three = trace.constant(2.0), trace.constant(3.0)
    six = trace.node(MUL, (two, three))
    assert trace.constants[six] == 6.0
    assert trace.constants[trace.node(DOT, ((two, six), (three, three), two))] == 26.0
    assert trace.constants[trace.fused(TABLE["softmax"], two, [two])] == 0.5
    assert trace.constant(2.0) == two
    assert trace.constant(0.0) != trace.constant(-0.0)
    assert trace.constant(math.nan) == trace.constant(math.nan)


def test_constants_are_folded_out_of_a_program():
    w = Value(0.5)
    program = compile(w * exp(dot([1.0, 2.0], [3.0, -1.5])), w, backend="numpy")
    assert program([2.0])[0] == 2.0
    assert "np.exp(" not in program.source


@pytest.mark.parametrize("way", WAYS)
def test_a_weighted_sum_is_a_dot_product_however_it_is_written(way):
    w, x, (b,) = leaves(5), leaves(5, 2.0), leaves(1, 4.0)
    trace = trace_of(WAYS[way](w, x, b), [*w, b], x)
    assert rows(trace)["dot"] == 1
    assert rows(trace)["mul"] == rows(trace)["sum"] == 0


@pytest.mark.parametrize("way", WAYS)
def test_a_network_is_one_product_for_each_layer_however_it_is_written(way):
    w, x = leaves(count_parameters(MOONS)), leaves(2)
    found = operations([network(WAYS[way], w, x, MOONS)], w, x)
    assert (found["MatMul"], found["relu"], found["add"]) == (3, 2, 3)
    model = MLP(2, [16, 16, 1])
    assert found == operations([model(x)], model.parameters(), x)


def test_a_product_that_is_read_twice_is_computed_and_one_read_once_is_not():
    w, x = leaves(3), leaves(3, 1.0)
    product = w[0] * x[0]
    y = product + w[1] * x[1] + w[2] * x[2]
    assert rows(trace_of(y * product, w, x)) == {"mul": 2, "dot": 1}
    assert rows(capture([y, product], w, x)) == {"mul": 1, "dot": 1}
    assert rows(trace_of(y, w, x)) == {"dot": 1}


def test_what_is_the_same_for_all_examples_is_added_up_apart():
    """Σ w² is computed once, not once for each example."""
    w, x = leaves(3), leaves(3, 1.0)
    y = dot(w, x) + builtins.sum(wi * wi for wi in w)
    (output,) = vectorize(trace_of(y, w, x))
    left, right = (arg for arg in ancestry([output]) if isinstance(arg, MatMul))
    assert {left.batched, right.batched} == {True, False}


def test_sums_and_means_and_squares():
    x = leaves(4)
    assert rows(trace_of(sum(x), [], x)) == {"sum": 1}
    assert rows(trace_of(mean(x), [], x)) == {"sum": 1, "div": 1}
    assert rows(trace_of(builtins.sum(x), [], x)) == {"sum": 1}
    assert rows(trace_of(x[0] ** 2, [], x)) == {"mul": 1}
    assert rows(trace_of(sum([x[0], 0.0]) + 0.0, [], x)) == {}
    for one in (sum([]) + x[0], sum([x[0]]), builtins.sum(x[:1])):
        assert operations([one], [], x) == {"Inputs": 1, "Gather": 1}
    for two in (sum(x[:2]), builtins.sum(x[:2])):
        assert operations([two], [], x) == operations([x[0] + x[1]], [], x)
    for product in (dot(x[:1], x[1:2]), builtins.sum(a * b for a, b in [(x[0], x[1])])):
        assert operations([product], [], x) == operations([x[0] * x[1]], [], x)


def test_long_chains_are_read_without_recursion():
    """100,000 additions are one sum, and as many sines one after the other do not overflow the stack."""
    w = Value(0.5)
    total = w
    for _ in range(100_000):
        total = total + w
    assert rows(trace_of(total, [w])) == {"sum": 1}
    assert compile(total, w, backend="numpy")([0.25])[0] == 100_001 * 0.25
    deep = w
    for _ in range(20_000):
        deep = sin(deep)
    assert rows(trace_of(deep, [w])) == {"sin": 20_000}
