"""copy, deepcopy and pickle: a graph with the same numbers and shape, and gradients of its own."""

import copy
import gc
import io
import math
import pickle
import subprocess
import sys
from itertools import pairwise

import pytest

from autograd import (
    GraphError,
    Value,
    dot,
    exp,
    grad,
    log_softmax,
    primitive,
    sequence,
    sigmoid,
    softmax,
    sqrt,
    sum,
    tanh,
    topological_order,
    where,
)
from autograd.engine.node import current, noted
from tests.support.along import along, numbers

WAYS = {
    "deepcopy": copy.deepcopy,
    **{f"pickle {p}": lambda each, p=p: pickle.loads(pickle.dumps(each, p)) for p in range(2, 6)},
    "pickle in Python": lambda each: pickle._loads(pickle._dumps(each)),
}
ways = pytest.mark.parametrize("duplicate", WAYS.values(), ids=WAYS)


def everything(x, w):
    """One node of each kind: one, two and many operands, shared sequences, layers, a branch."""
    shared = sequence([x, w, 3.0])
    layer = along(tanh, along(dot, ((x, w), (w, 0.5)), (sequence([x, 1.0]),) * 2))
    parts = [x * w, exp(x), x**2, 2**w, sum(shared), dot(shared, shared), softmax([x, w])[0], -x,
             log_softmax([x, w])[1], where(x > 0, sqrt(x), w), sum(layer), layer[0] * x, 1 / x]  # fmt: skip
    return sum(parts)


def shape(*outputs):
    """What a graph is, without its identity."""
    order = topological_order(*outputs)
    position = {node: i for i, node in enumerate(order)}
    return [
        (n.op, n.label, n.scope, n.data, n.grad, n.constant, [position[p] for p in n.parents]) for n in order
    ]


@ways
def test_a_copy_has_the_same_numbers_shape_and_gradients(duplicate):
    x, w = Value(1.5, "x"), Value(-0.5, "w")
    w.scope = "layer0"
    y = everything(x, w)
    y.backward()
    twin = duplicate(y)
    assert shape(twin) == shape(y)
    assert not set(topological_order(twin)) & set(topological_order(y))


@ways
def test_the_copys_backward_fills_the_copy(duplicate):
    x, w = Value(1.5, "x"), Value(-0.5, "w")
    y = everything(x, w)
    twin, twin_x, twin_w = duplicate((y, x, w))
    twin.backward()
    assert not any(node.reached for node in (x, w, y))
    assert [twin_x.grad, twin_w.grad] == pytest.approx(grad(y, [x, w]), rel=1e-14)
    y.backward()
    assert twin_x.grad == pytest.approx(x.grad, rel=1e-14)


@ways
def test_several_values_keep_what_they_share(duplicate):
    """A list of outputs and leaves copied at once is one graph, not several."""
    x = Value(2.0)
    a = x * x
    b, c = a + 1, exp(a)
    x2, a2, b2, c2, again = duplicate([x, a, b, c, a])
    assert a2 is again
    assert a2.parents == (x2, x2)
    assert b2.parents[0] is a2
    assert c2.parents == (a2,)
    (b2 + c2).backward()
    assert x2.grad == pytest.approx(4 * (1 + math.exp(4.0)), rel=1e-15)


@ways
def test_identity_is_kept_whichever_comes_first(duplicate):
    """Output before leaf, leaf before output, inside dicts and objects; long graphs too."""
    x = Value(1.0, "x")
    y = x
    for _ in range(300):
        y = y * 1.0
    z = y + x
    box = duplicate({"z": z, "inner": [x, (y,)], "again": z})
    assert box["z"] is box["again"]
    assert box["z"].parents == (box["inner"][1][0], box["inner"][0])
    assert box["inner"][0] is topological_order(box["z"])[0]


@ways
def test_a_sequence_is_copied_with_its_sharing(duplicate):
    x = Value(2.0)
    layer = along(exp, sequence([x, 1.0]))
    first, second, twin = duplicate((sum(layer), dot(layer, layer), layer))
    assert first.operands[0] is twin
    assert second.operands == (twin, twin)
    assert numbers(twin) == numbers(layer)
    second.backward()
    assert [node.grad for node in twin] == pytest.approx([2 * n for n in numbers(twin)], rel=1e-15)


def test_a_shallow_copy_shares_the_parents():
    x = Value(2.0, "x")
    y = x * x
    y.label = "y"
    twin = copy.copy(y)
    assert twin is not y
    assert (twin.data, twin.label, twin.parents, twin.op) == (4.0, "y", (x, x), "mul")
    twin.backward()
    assert x.grad == 4.0
    leaf = copy.copy(x)
    leaf.data = 7.0
    assert x.data == 2.0
    y.backward()
    assert x.grad == 8.0


@ways
def test_a_leaf_with_gradient_and_label(duplicate):
    x = Value(math.pi, "π")
    x.grad = -0.0
    twin = duplicate(x)
    assert (twin.data, twin.label) == (math.pi, "π")
    assert math.copysign(1.0, twin.grad) == -1.0
    assert twin is not x


@ways
def test_special_numbers_survive(duplicate):
    for number in (math.inf, -math.inf, 5e-324, -0.0):
        assert math.copysign(1, duplicate(Value(number)).data) == math.copysign(1, number)
        assert duplicate(Value(number)).data == number
    assert math.isnan(duplicate(Value(math.nan)).data)


@ways
def test_staleness_is_copied(duplicate):
    """A stale graph is stale in the copy, a fresh one fresh, and later changes are seen."""
    x = Value(1.0, "x")
    y = x * x
    fresh, fresh_x = duplicate((y, x))
    x.data = 2.0
    stale = duplicate(y)
    with pytest.raises(GraphError):
        stale.backward()
    fresh.backward()
    assert fresh_x.grad == 2.0
    fresh_x.data = 5.0
    with pytest.raises(GraphError):
        fresh.backward()


@ways
def test_a_long_chain(duplicate):
    """20 000 nodes (3 000 by the slow pickle), deeper than recursion reaches; every node uses the leaf."""
    length = 3_000 if duplicate is WAYS["pickle in Python"] else 20_000
    x = Value(1.0)
    y = x
    for _ in range(length):
        y = y + x
    twin, twin_x = duplicate((y, x))
    assert twin.data == length + 1
    twin.backward()
    assert twin_x.grad == length + 1
    assert not x.reached


@ways
def test_a_long_chain_of_sequences(duplicate):
    x = Value(0.5)
    layer = sequence([x, 1.0])
    for _ in range(2_000):
        layer = along(sigmoid, layer)
    twin, twin_x = duplicate([sum(layer), x])
    assert twin.data == sum(layer).data
    assert grad(twin, [twin_x]) == pytest.approx(grad(sum(layer), [x]), rel=1e-12)


@ways
def test_many_outputs_of_one_long_chain(duplicate):
    """Every node of a chain in one list: each is copied once."""
    x = Value(1.0)
    nodes = [x]
    for _ in range(200):
        nodes.append(nodes[-1] * 1.0)
    twins = duplicate(nodes)
    assert all(after.parents[0] is before for before, after in pairwise(twins))


@ways
def test_a_copy_is_the_same_when_copied_in_reverse(duplicate):
    x = Value(1.0)
    nodes = [x]
    for _ in range(200):
        nodes.append(nodes[-1] + 1.0)
    twins = duplicate(nodes[::-1])[::-1]
    assert all(after.parents[0] is before for before, after in pairwise(twins))


def test_one_pickler_for_several_dumps():
    """Two dumps into one stream by one Pickler share what they share."""
    x = Value(3.0)
    y = x * x
    for _ in range(200):
        y = y + 0.0
    stream = io.BytesIO()
    pickler = pickle.Pickler(stream)
    pickler.dump(y)
    pickler.dump(x)
    stream.seek(0)
    unpickler = pickle.Unpickler(stream)
    y2, x2 = unpickler.load(), unpickler.load()
    y2.backward()
    assert x2.grad == 6.0


def test_an_interrupted_dump_does_not_disturb_the_next():
    class Full(io.BytesIO):
        def write(self, data):
            raise OSError("disk full")

    y = Value(1.0)
    for _ in range(20_000):
        y = y + 1.0
    with pytest.raises(OSError, match="disk full"):
        pickle.dump(y, Full())
    assert pickle.loads(pickle.dumps(y)).data == 20_001.0


def test_a_custom_row_is_found_by_name():
    """And one that is not defined where the graph is loaded is named in the error."""

    @primitive(lambda y, x: 3.0, name="triple")
    def triple(x):
        return 3.0 * x

    y = triple(Value(2.0))
    assert copy.deepcopy(y).primitive is triple
    data = pickle.dumps(y)
    assert pickle.loads(data).data == 6.0
    program = f"import pickle, autograd\npickle.loads({data!r})"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "'triple'" in done.stderr
    assert "LookupError" in done.stderr


def test_a_pickle_is_read_in_a_new_process():
    """Gradients and staleness work there, where the clock starts anew."""
    x = Value(2.0, "x")
    for _ in range(10):  # this process's clock is ahead
        x.data = 3.0
    y = exp(x) * x
    program = (
        "import pickle\n"
        f"y, x = pickle.loads({pickle.dumps((y, x))!r})\n"
        "y.backward()\n"
        "print(x.grad)\n"
        "z = x * y\n"
        "z.backward()\n"
        "x.data = 4.0\n"
        "for stale in (y, z):\n"
        "    try:\n        stale.backward()\n"
        "    except RuntimeError as error:\n        print('x' in str(error))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    slope, *named = done.stdout.split()
    assert float(slope) == pytest.approx(4 * math.exp(3.0), rel=1e-15)
    assert named == ["True", "True"]


def test_copying_leaves_no_garbage():
    x = Value(1.0)
    y = everything(x, Value(0.5))
    copy.deepcopy(y)
    pickle.loads(pickle.dumps(y))
    gc.collect()
    gc.disable()
    try:
        pickle.loads(pickle.dumps(y)).backward()
        assert gc.collect() <= 5
    finally:
        gc.enable()


def test_a_graph_from_a_process_with_a_later_clock_is_not_stale(monkeypatch):
    x = Value(2.0, "x")
    for k in range(50):
        x.data = 2.0 + k
    data = pickle.dumps(x * x)
    monkeypatch.setattr(current, "note", noted(0))  # as in a process that has just begun
    y = pickle.loads(data)
    y.backward()
    (leaf, _) = y.parents
    assert leaf.grad == 2.0 * leaf.data
    leaf.data = 1.0
    with pytest.raises(GraphError):
        y.backward()


def test_a_value_is_its_own_positive():
    x = Value(2.0)
    assert +x is x
