"""Each operation of the array program as a line on arrays of JAX, judged by numpy and by plain loops."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd import GraphError, compile
from autograd.compiler.ir.nodes import Graph
from tests.support.captured import leaves
from tests.support.profiles import tries

jax = pytest.importorskip("jax", reason="needs jax: the extra jax")

from autograd.compiler.jax.lowering import Lowering  # noqa: E402  # it imports jax

BATCH = np.arange(1.0, 37.0).reshape(3, 12) / 7.0
NUMBERS = np.arange(1.0, 13.0) / 3.0


def computed(*nodes, mean=True, dtype="float64"):
    lowering = Lowering(nodes, mean, np.dtype(dtype))
    with jax.enable_x64(True):
        return [np.asarray(each) for each in lowering.compute(NUMBERS.astype(dtype), BATCH.astype(dtype))]


INDICES = [
    np.arange(12), np.arange(3, 7), np.arange(1, 12, 3), np.array([5]), np.array([4, 4, 1]),
    np.arange(11, -1, -1),
    np.arange(12).reshape(3, 4), np.arange(12).reshape(3, 4).T, np.arange(12).reshape(3, 4)[:, :3],
    np.arange(12).reshape(3, 4)[:, 1:], np.arange(12).reshape(3, 4)[1:, :2], np.arange(12).reshape(4, 3)[::2],
    np.arange(2, 8).reshape(2, 3).T, np.zeros((2, 3), int), np.array([[7, 0], [3, 3]]),
]  # fmt: skip


@pytest.mark.parametrize("index", INDICES, ids=str)
def test_a_gather_is_numpys_indexing_however_it_is_written(index):
    graph = Graph(12, 12)
    alone, batched = computed(graph.gather(graph.parameters, index), graph.gather(graph.inputs, index))
    np.testing.assert_array_equal(alone, NUMBERS[index])
    np.testing.assert_array_equal(batched, BATCH.T[index])


@st.composite
def scatters(draw):
    """Pieces of parameters and inputs with the rows they go to, which may meet or leave some out."""
    pieces = []
    for _ in range(draw(st.integers(1, 3))):
        shape = draw(st.sampled_from([(1,), (3,), (2, 2)]))
        rows = st.lists(st.integers(0, 5), min_size=math.prod(shape), max_size=math.prod(shape))
        pieces.append((draw(st.booleans()), np.array(draw(rows)).reshape(shape)))
    order = draw(st.permutations(range(6)))
    return draw(st.sampled_from([pieces, [(draw(st.booleans()), np.array(order).reshape(2, 3))]]))


@tries(20)
@given(scatters())
def test_a_scatter_adds_what_meets(pieces):
    graph = Graph(12, 12)
    given = [(graph.inputs if batched else graph.parameters, index) for batched, index in pieces]
    shape = (2, 3)
    node = graph.scatter_add(
        shape, [(index, graph.gather(x, np.arange(index.size).reshape(index.shape))) for x, index in given]
    )
    batched = any(each for each, _ in pieces)
    right = np.zeros((6, 3))
    for b in range(3):
        for own, index in pieces:
            for number, row in enumerate(index.reshape(-1)):
                right[row, b] += BATCH[b, number] if own else NUMBERS[number]
    (found,) = computed(graph.broadcast(node, shape, everywhere=True) if not batched else node)
    np.testing.assert_allclose(found.reshape(6, 3), right, rtol=1e-14)


def test_sums_and_products_are_those_of_loops():
    graph = Graph(12, 12)
    a = graph.gather(graph.parameters, np.arange(6).reshape(2, 3))
    x = graph.gather(graph.inputs, np.arange(6).reshape(3, 2))
    y = graph.gather(graph.inputs, np.arange(6, 10).reshape(2, 2))
    w, numbers = NUMBERS[:6].reshape(2, 3), BATCH[:, :6].reshape(3, 3, 2)
    found = computed(
        graph.matmul(a, x), graph.matmul(graph.gather(a, np.arange(6).reshape(3, 2)), x, transposed=True),
        graph.outer(y, graph.gather(x, np.arange(4).reshape(2, 2))), graph.batch_sum(x),
        graph.reduce_sum(x, 1), graph.reduce_max(x), graph.reduce_min(x), graph.leave_one_out_sum(x),
        graph.broadcast(a, (2, 3), True), graph.cotangent, graph.total_cotangent, graph.batch_size,
        graph.constant([1.0, 2.0]),
    )  # fmt: skip
    lane = lambda array: np.moveaxis(array, 0, -1)
    right = [
        lane(np.stack([w @ each for each in numbers])),
        lane(np.stack([w.reshape(3, 2).T @ each for each in numbers])),
        sum(each[6:10].reshape(2, 2) @ each[:4].reshape(2, 2).T for each in BATCH),
        numbers.sum(axis=0), lane(numbers.sum(axis=2, keepdims=True)),
        lane(numbers.max(axis=1, keepdims=True)), lane(np.minimum(numbers.min(axis=1, keepdims=True), 3.0)),
        lane(np.stack([[each[[1, 2]].sum(0), each[[0, 2]].sum(0), each[[0, 1]].sum(0)] for each in numbers])),
        lane(np.stack([w] * 3)), [1 / 3], [1.0], [3.0], [1.0, 2.0],
    ]  # fmt: skip
    for got, expected in zip(found, right, strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-14)


def test_a_minimum_leaves_nan_out_and_a_leave_one_out_sum_of_an_infinite_one_is_no_nan(monkeypatch):
    monkeypatch.setitem(globals(), "NUMBERS", np.array([np.nan, 0.5, np.inf, *np.zeros(9)]))
    graph = Graph(12, 12)
    x = graph.gather(graph.parameters, np.arange(3).reshape(3, 1))
    least, others = computed(
        graph.reduce_min(x), graph.leave_one_out_sum(graph.gather(x, np.array([[1], [2]])))
    )
    assert (least.item(), others[:, 0].tolist()) == (0.5, [np.inf, 0.5])


def test_the_source_is_python_with_a_line_for_each_node():
    w, x = leaves(2), leaves(1)
    source = compile((w[0] * x[0] + w[1]).tanh(), w, x, backend="jax").source
    assert source.startswith("def compute(parameters, batch):\n    B = len(batch)\n")
    assert "rows['tanh'](" in source
    assert source.count("\n") == len(source.splitlines())


def test_a_constant_that_xla_takes_as_0_is_refused():
    w = leaves(1)
    with pytest.raises(GraphError, match=r"a constant nearer to 0 than 2\.23e-308, .*backend='numpy'"):
        compile(w[0] * 1e-308, w, backend="jax")
    with pytest.raises(GraphError, match=r"nearer to 0 than 1\.18e-38"):
        compile(w[0] * 1e-40, w, backend="jax", dtype=np.float32)
