"""`Dense`: the layers of a network in one packed node give what neurons one by one give."""

import math
import pickle

import numpy as np
import pytest

from autograd import (
    AnomalyError,
    Dense,
    GraphError,
    Value,
    Vector,
    detect_anomaly,
    dot,
    exp,
    no_grad,
    primitive,
    relu,
    sin,
    tanh,
    topological_order,
    where,
)
from autograd.engine.primitives import TABLE
from nn import MLP

ROWS = [
    row
    for row in TABLE.values()
    if len(row.domain) == 1 and row.plain and all(math.isfinite(row.evaluate(x)) for x in (-0.5, 0.0, 0.5))
]


class Network:
    """The same weights twice: for a `Dense`, and as lists for neurons written out."""

    def __init__(self, sizes, activations, bias=True, seed=0):
        rng = np.random.default_rng(seed)
        self.layers = []
        for m, n, activation in zip(sizes[:-1], sizes[1:], activations, strict=True):
            weights = [
                [Value(w, f"w{i}{j}") for j, w in enumerate(row)]
                for i, row in enumerate(rng.uniform(-0.3, 0.3, (n, m)))
            ]
            biases = [Value(b) for b in rng.uniform(-0.1, 0.1, n)] if bias else None
            self.layers.append((weights, biases, activation))
        self.dense = Dense(
            [
                (Vector(map(Vector, weights)), None if biases is None else Vector(biases), activation, ())
                for weights, biases, activation in self.layers
            ]
        )

    def one_by_one(self, x):
        for weights, biases, activation in self.layers:
            x = [dot(row, x) if biases is None else dot(row, x, biases[i]) for i, row in enumerate(weights)]
            if activation is not None:
                x = [activation(each) for each in x]
        return x

    @property
    def parameters(self):
        return [
            p
            for weights, biases, _ in self.layers
            for p in [*(w for row in weights for w in row), *(biases or [])]
        ]

    def gradients(self, loss):
        for p in self.parameters:
            p.grad = None
        loss.backward()
        return [p.grad for p in self.parameters]


def examples(n, width, seed=1):
    return np.random.default_rng(seed).uniform(-0.9, 0.9, (n, width)).tolist()


def squares(outputs):
    return sum(y * y for output in outputs for y in output)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("row", [None, *ROWS], ids=lambda row: row.name if row else "linear")
def test_every_activation_gives_the_same_bits_and_the_same_gradients(row, bias):
    network = Network([3, 4, 2], [row, None], bias)
    data = examples(5, 3)
    packed = [network.dense(Vector(x)) for x in data]
    single = [network.one_by_one(x) for x in data]
    assert [output.numbers() for output in packed] == [[y.data for y in output] for output in single]
    expected = network.gradients(squares(single))
    assert network.gradients(squares([network.dense(Vector(x)) for x in data])) == pytest.approx(
        expected, rel=1e-12, abs=1e-15
    )


@pytest.mark.parametrize("look", ["before", "after", "after an update"])
def test_the_nodes_inside_have_their_numbers_and_gradients_whenever_one_looks(look):
    network = Network([2, 3, 4, 2], [tanh, None, exp])
    packed, single = (
        network.dense(Vector([Value(0.3), Value(-0.7)])),
        network.one_by_one([Value(0.3), Value(-0.7)]),
    )
    if look == "before":
        assert packed[0].parents[0].op == "dot"
    loss, expected = (first * second for first, second in (packed, single))
    loss.backward()
    expected.backward()
    if look == "after an update":
        for p in network.parameters:
            p.data += 0.5
    pairs = [(loss, expected)]
    for mine, other in pairs:
        assert (mine.op, mine.data) == (other.op, other.data)
        if mine not in network.parameters:
            assert mine.grad == pytest.approx(other.grad, rel=1e-13)
        pairs += zip(mine.parents, other.parents, strict=True)
    assert len(pairs) > 100


def test_inputs_that_were_computed_and_outputs_that_are_read_twice():
    network, second = Network([2, 3], [tanh]), Network([3, 2], [relu], seed=3)
    a = Value(0.4)

    def loss(run, run_on):
        hidden = run([a * 2.0, a.sin()])
        out = run_on(hidden)
        return out[0] + out[1] * hidden[0] + hidden[2]

    total = loss(network.one_by_one, second.one_by_one)
    total.backward()
    expected = a.grad, [p.grad for p in network.parameters + second.parameters]
    a.grad = None
    for p in network.parameters + second.parameters:
        p.grad = None
    loss(lambda x: network.dense(Vector(x)), second.dense).backward()
    assert a.grad == pytest.approx(expected[0], rel=1e-13)
    assert [p.grad for p in network.parameters + second.parameters] == pytest.approx(expected[1], rel=1e-13)


def test_a_second_backward_adds_to_the_leaves():
    network = Network([2, 3, 2], [tanh, tanh])
    outputs = [network.dense(Vector(x)) for x in examples(3, 2)]
    loss = squares(outputs)
    once = network.gradients(loss)
    loss.backward()
    assert [p.grad for p in network.parameters] == pytest.approx([2 * g for g in once], rel=1e-14)


def test_a_branch_that_was_not_taken_gives_no_gradient():
    network = Network([2, 2], [TABLE["sqrt"]])  # nan at a negative sum
    bad = network.dense(Vector([100.0, 100.0]))
    assert any(map(math.isnan, bad.numbers()))
    x = Value(1.0)
    where(False, bad[0] + bad[1], x).backward()
    assert x.grad == 1.0
    assert {p.grad for p in network.parameters} == {0.0}


def test_a_layer_of_one_neuron():
    network = Network([20, 1, 2], [tanh, None])
    (x,) = examples(1, 20)
    assert network.dense(Vector(x)).numbers() == [y.data for y in network.one_by_one(x)]


def test_without_recording_it_gives_leaves():
    network = Network([2, 3], [tanh])
    with no_grad():
        outputs = network.dense(Vector([1.0, 2.0]))
    assert outputs.numbers() == [y.data for y in network.one_by_one([1.0, 2.0])]
    assert {y.op for y in outputs} == {""}


def test_anomalies_are_found_while_recording_and_while_sweeping():
    network = Network([2, 3], [exp])
    with detect_anomaly(), pytest.raises(AnomalyError, match="exp gave"):
        network.dense(Vector([1e4, 1e4]))
    outputs = network.dense(Vector([1.0, 2.0]))
    with detect_anomaly(), pytest.raises(AnomalyError, match="inf"):
        (outputs[0] * 1e308 * 1e308 * 1e-320).backward()


def test_stale_numbers_are_refused():
    network = Network([2, 3], [tanh])
    outputs = network.dense(Vector([1.0, 2.0]))
    network.parameters[0].data = 5.0
    with pytest.raises(GraphError, match="w00"):
        squares([outputs]).backward()
    assert not any(p.reached for p in network.parameters)
    again = network.dense(Vector([1.0, 2.0]))
    assert again.numbers() == [y.data for y in network.one_by_one([1.0, 2.0])]


def test_a_packed_network_can_be_pickled():
    network = Network([2, 3, 2], [tanh, relu])
    loss = squares([network.dense(Vector([0.5, -0.5]))])
    loaded = pickle.loads(pickle.dumps(loss))
    assert loaded.data == loss.data


def test_shapes_that_do_not_fit_are_refused():
    two, three = Vector([Vector([1.0, 2.0])] * 3), Vector([Vector([1.0])] * 2)
    with pytest.raises(ValueError, match="layer 1 has 2 rows of 1 weights and no biases, for 3 inputs"):
        Dense([(two, None, None, ()), (three, None, None, ())])
    with pytest.raises(ValueError, match="3 rows of 2 weights and 2 biases, for 2 inputs"):
        Dense([(two, Vector([0.0, 0.0]), None, ())])
    with pytest.raises(ValueError, match="Dense takes 1 inputs, got 2"):
        Dense([(three, None, None, ())])([1.0, 2.0])


@pytest.mark.parametrize("activation", ["tanh", "linear"])
def test_looked_at_after_the_sweep_every_node_has_its_gradient(activation):
    """The nodes of a network are made when somebody looks; what they were given by then is not lost."""
    model = MLP(2, [3, 3, 1], activation, seed=0)
    hidden = []
    for early in (True, False):
        model.zero_grad()
        x = [Value(0.5), Value(-1.0)]
        y = model(x)
        loss = y * y + y
        if early:
            topological_order(loss)
        loss.backward()
        nodes = topological_order(loss)
        hidden.append([(node.op, node.grad) for node in nodes if node.op])
    assert [op for op, _ in hidden[0]] == [op for op, _ in hidden[1]]
    gradients = [[slope for _, slope in each] for each in hidden]
    assert all(node.reached for node in nodes if node.op)
    assert gradients[0] == pytest.approx(gradients[1], rel=1e-12)


def test_constant_weights_have_no_gradient_and_biases_do():
    biases = [Value(0.5, "b1"), Value(-0.25, "b2")]
    dense = Dense([(Vector([Vector([1.0, 2.0]), Vector([-3.0, 4.0])]), Vector(biases), relu, ())])
    examples = [[Value(1.0), Value(2.0)], [Value(-1.0), Value(3.0)]]
    ones = [1.0, 1.0]
    loss = dot(ones, [dot(ones, dense(Vector(x))) for x in examples])
    loss.backward()
    assert [b.grad for b in biases] == [2.0, 2.0]
    assert [[v.grad for v in x] for x in examples] == [[-2.0, 6.0]] * 2


def test_a_dense_of_constant_weights_is_swept_as_a_whole():
    b = Value(0.5, "b")
    weights = Vector([Vector([1.0, 2.0]), Vector([-3.0, 4.0])])
    dense = Dense([(weights, Vector([b, b]), relu, ())])
    x = Vector([Value(1.0), Value(2.0)])
    total = dot([1.0, 10.0], dense(x))
    total.backward()
    assert b.grad == 11.0


@pytest.fixture
def written_for_floats():
    """Rows whose partials take floats only, as a user may write them, each with the same in arithmetic."""

    @primitive(partials=lambda y, x: math.cos(x), name="sine_of_floats")
    def sine(x):
        return math.sin(x)

    @primitive(partials=lambda y, x: 2.0 * x if x > 0.0 else -1.0, name="branch_of_floats")
    def branch(x):
        return x * x if x > 0.0 else -x

    yield {sine: sin, branch: lambda x: where(x > 0.0, x * x, -x)}
    del TABLE["sine_of_floats"], TABLE["branch_of_floats"]


def test_a_users_rule_for_floats_serves_layers_too(written_for_floats):
    for row, right in written_for_floats.items():
        slopes = []
        for activation in (row, right):
            network = MLP(2, [4, 3, 1], activation=activation, seed=2)
            network([0.3, -0.8]).backward()
            slopes.append([parameter.grad for parameter in network.parameters()])
        assert slopes[0] == pytest.approx(slopes[1], rel=1e-13)
        assert any(slopes[0])
