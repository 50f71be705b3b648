"""From a recorded graph to array code: what the tape writes, the lift groups and the adjoint makes of it."""

import builtins
import math
import time
from collections import Counter
from itertools import pairwise

import numpy as np
import pytest

from autograd import (
    Value,
    compile,
    dot,
    exp,
    grad,
    log_softmax,
    logsumexp,
    mean,
    relu,
    sin,
    softmax,
    sum,
    tanh,
    topological_order,
)
from autograd.compiler.frontend.capture import Tape, record
from autograd.compiler.frontend.vectorize import lift
from autograd.compiler.ir.adjoint import gradient
from autograd.compiler.ir.index_maps import strides_of
from autograd.compiler.ir.nodes import Apply, Fused, Graph, MatMul, Node, ancestry, rewrite
from autograd.compiler.numpy.backend import ArrayProgram
from autograd.engine.primitives import TABLE
from nn import MLP

ADD, MUL, SUM, DOT = (TABLE[name] for name in ("add", "mul", "sum", "dot"))


def leaves(count, start=0.1):
    return [Value(start + 0.01 * i) for i in range(count)]


def tape_of(output, wrt=(), inputs=()):
    return record([output], wrt, inputs)


def rows(tape):
    """How often each row stands on a tape."""
    return Counter(row.name for row in tape.rows if row is not None)


def operations(outputs, wrt=(), inputs=()):
    """How many nodes of each operation compute the outputs."""
    return Counter(map(name_of, ancestry(lift(record(outputs, wrt, inputs)))))


def name_of(node):
    return node.row.name if isinstance(node, (Apply, Fused)) else type(node).__name__


# --- the tape --------------------------------------------------------------------------------------


def test_what_is_recorded_twice_is_computed_once():
    w, x = leaves(2)
    y = sin(w * x + 1.0) * sin(w * x + 1.0) + sin(w * x + 1.0)
    assert rows(tape_of(y, [w], [x])) == {"sin": 1, "mul": 2, "add": 2}
    assert operations([y], [w], [x])["sin"] == 1


def test_what_does_not_depend_on_leaves_is_a_constant():
    """The same number is one node, but 0 and −0 are two numbers."""
    tape = Tape(0, 0)
    two, three = tape.constant(2.0), tape.constant(3.0)
    six = tape.node(MUL, (two, three))
    assert tape.constants[six] == 6.0
    assert tape.constants[tape.node(DOT, ((two, six), (three, three), two))] == 26.0
    assert tape.constants[tape.one_against_others(TABLE["softmax"], two, [two])] == 0.5
    assert tape.constant(2.0) == two
    assert tape.constant(0.0) != tape.constant(-0.0)
    assert tape.constant(math.nan) == tape.constant(math.nan)


def test_constants_are_folded_out_of_a_program():
    w = Value(0.5)
    program = compile(w * exp(dot([1.0, 2.0], [3.0, -1.5])), w, backend="numpy")
    assert program([2.0])[0] == 2.0
    assert "np.exp(" not in program.source


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


@pytest.mark.parametrize("way", WAYS)
def test_a_weighted_sum_is_a_dot_product_however_it_is_written(way):
    w, x, (b,) = leaves(5), leaves(5, 2.0), leaves(1, 4.0)
    tape = tape_of(WAYS[way](w, x, b), [*w, b], x)
    assert rows(tape)["dot"] == 1
    assert rows(tape)["mul"] == rows(tape)["sum"] == 0


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
    assert rows(tape_of(y * product, w, x)) == {"mul": 2, "dot": 1}
    assert rows(record([y, product], w, x)) == {"mul": 1, "dot": 1}
    assert rows(tape_of(y, w, x)) == {"dot": 1}


def test_what_is_the_same_for_all_examples_is_added_up_apart():
    """Σ w² is computed once, not once for each example."""
    w, x = leaves(3), leaves(3, 1.0)
    y = dot(w, x) + builtins.sum(wi * wi for wi in w)
    (output,) = lift(tape_of(y, w, x))
    left, right = (arg for arg in ancestry([output]) if isinstance(arg, MatMul))
    assert {left.batched, right.batched} == {True, False}


def test_sums_and_means_and_squares():
    x = leaves(4)
    assert rows(tape_of(sum(x), [], x)) == {"sum": 1}
    assert rows(tape_of(mean(x), [], x)) == {"sum": 1, "div": 1}
    assert rows(tape_of(builtins.sum(x), [], x)) == {"sum": 1}
    assert rows(tape_of(x[0] ** 2, [], x)) == {"mul": 1}
    assert rows(tape_of(sum([x[0], 0.0]) + 0.0, [], x)) == {}
    assert rows(tape_of(sum([]) + x[0], [], x)) == {}
    assert rows(tape_of(sum([]) + x[0], [], x)) == {}
    assert rows(tape_of(sum([x[0]]), [], x)) == {}


def test_long_chains_are_read_without_recursion():
    """100,000 additions are one sum, and as many sines one after the other do not overflow the stack."""
    w = Value(0.5)
    total = w
    for _ in range(100_000):
        total = total + w
    assert rows(tape_of(total, [w])) == {"sum": 1}
    assert compile(total, w, backend="numpy")([0.25])[0] == 100_001 * 0.25
    deep = w
    for _ in range(20_000):
        deep = sin(deep)
    assert rows(tape_of(deep, [w])) == {"sin": 20_000}


# --- the lift --------------------------------------------------------------------------------------


@pytest.mark.parametrize("activation", ["tanh", "softmax", "leaky_relu"])
def test_the_number_of_terms_does_not_depend_on_the_width(activation):
    """Nor does the source, to the line."""
    found = set()
    for width in (4, 16, 48):
        model, x = MLP(3, [width, width, 2], activation=activation), leaves(3)
        program = compile(sum(model(x)), model.parameters(), x, backend="numpy")
        arrays, *_ = program.source.partition("\n\n\n")  # without the floats of one example
        found.add(len(arrays.splitlines()))
    assert len(found) == 1


def test_shared_weights_along_windows_are_one_product():
    """A convolution: eight windows of three inputs, which overlap, are a view and not a copy."""
    w, x = leaves(3), leaves(10, 1.0)
    y = sum([tanh(dot(w, x[i : i + 3])) for i in range(8)])
    assert operations([y], w, x)["MatMul"] == 1
    program = compile(y, w, x, backend="numpy")
    assert ", 0, (3, 8), (1, 1))" in program.source
    kernel, signal = np.array([0.5, -1.0, 0.25]), np.linspace(-1.0, 1.0, 20).reshape(2, 10)
    right = np.mean([np.tanh(np.correlate(row, kernel)).sum() for row in signal])
    assert program(kernel, signal)[0] == pytest.approx(right, rel=1e-14)


def test_two_filters_over_the_same_windows_are_one_product():
    w, x = leaves(6), leaves(10, 1.0)
    y = sum([tanh(dot(w[k : k + 3], x[i : i + 3])) for i in range(8) for k in (0, 3)])
    found = operations([y], w, x)
    assert (found["MatMul"], found["tanh"]) == (1, 1)


def test_a_full_batch_in_one_graph_compiles_and_is_replayed_with_new_parameters():
    """100 examples in one loss, recorded as micrograd does: 65,000 nodes become a few dozen nodes."""
    rng = np.random.default_rng(0)
    X, Y = rng.standard_normal((100, 2)).tolist(), rng.choice([-1.0, 1.0], 100).tolist()

    def loss(w):
        scores = [network(WAYS["micrograd's"], w, x, MOONS) for x in X]
        losses = [relu(1.0 + -y * score) for y, score in zip(Y, scores)]
        return builtins.sum(losses) * (1.0 / len(losses)) + 1e-4 * builtins.sum(wi * wi for wi in w)

    numbers = rng.uniform(-1.0, 1.0, (2, count_parameters(MOONS)))
    w = list(map(Value, numbers[0]))
    y = loss(w)
    assert len(topological_order(y)) > 65_000
    assert operations([y], w).total() < 50
    began = time.process_time()
    program = compile(y, w, backend="numpy")
    assert time.process_time() - began < 20.0
    for point in numbers:
        w = list(map(Value, point))
        y = loss(w)
        value, slopes = program(point)
        assert value == pytest.approx(y.data, rel=1e-13)
        np.testing.assert_allclose(slopes, grad(y, w), rtol=1e-11, atol=1e-14)


def test_probabilities_of_a_layer_are_computed_together():
    """Five of one softmax are one group, whichever of them are used; logsumexp of several sets as well."""
    x = leaves(5)
    for family in (softmax, log_softmax):
        assert operations([sum(family(x))], [], x)[family(x)[0].op] == 1
        assert operations([family(x)[3]], [], x)[family(x)[0].op] == 1
    sets = [[x[0], x[1]], [x[2], x[3]], [x[1], x[4]]]
    assert operations([dot([logsumexp(each) for each in sets], x[:3])], [], x)["logsumexp"] == 1


def test_operands_that_lie_anywhere_are_gathered():
    """In the order 3, 0, 2, 0: neither a slice nor evenly spaced."""
    w, x = leaves(4), leaves(4, 1.0)
    places = [3, 0, 2, 0]
    y = sum([exp(w[i] * x[k]) * x[i] for k, i in enumerate(places)])
    program = compile(y, w, x, backend="numpy")
    values = np.array([0.1, 0.2, 0.3, 0.4]), np.array([1.0, -1.0, 0.5, 2.0])
    right = builtins.sum(np.exp(values[0][i] * values[1][k]) * values[1][i] for k, i in enumerate(places))
    assert program(values[0], values[1:])[0] == pytest.approx(right, rel=1e-14)
    assert "np.take(" in program.source or "][" in program.source


# --- nodes, the adjoint and array code -------------------------------------------------------------


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
    assert (p**0.0).scalar == 1.0
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
    outputs = lift(record(list(model(x)), model.parameters(), x))
    slopes = gradient(outputs[0])
    again = rewrite([*outputs, slopes], lambda node, args: None)
    before, after = (Counter(map(name_of, ancestry(nodes))) for nodes in ([*outputs, slopes], again))
    assert before == after
    assert again[0].graph is not outputs[0].graph
    assert all(isinstance(node, Node) for node in again)


def test_the_gradient_by_parameters_that_do_not_count_is_0():
    x = Value(1.0)
    (output,) = lift(record([x], [Value(2.0)], [x]))
    assert gradient(output).data.tolist() == [0.0]


@pytest.mark.parametrize(
    ("index", "found"),
    [
        ([0, 1, 2], (0, (1,))),
        ([5, 3, 1], (5, (-2,))),
        ([4], (4, (1,))),
        ([[0, 2], [3, 5]], (0, (3, 2))),
        ([[1, 1], [1, 1]], (1, (0, 0))),
        ([0, 1, 3], None),
        ([[0, 1], [2, 4]], None),
        (np.zeros(0, int), None),
    ],
)
def test_evenly_spaced_rows(index, found):
    assert strides_of(np.array(index, np.intp)) == found


def test_arrays_are_used_again():
    """A chain of 30 steps needs no more of them than a chain of 3."""
    needed = []
    for depth in (3, 30):
        w, x = leaves(4), leaves(4, 1.0)
        nodes = [wi * xi for wi, xi in zip(w, x)]
        for _ in range(depth):
            nodes = [node * xi + 1.0 for node, xi in zip(nodes, x)]
        results = lift(record([sum(nodes)], w, x))
        needed.append(ArrayProgram(results, True, np.float64).source.count("np.empty("))
    assert needed[0] == needed[1]
