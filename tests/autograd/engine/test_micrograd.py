"""Code written for micrograd's `Value` runs here, with the same data and gradients."""

import math
import random
import subprocess
import sys
from pathlib import Path

import graphviz
import pytest

import nn
from autograd import Value, primitive
from nn import MLP, Layer, Neuron

ROOT = Path(__file__).parents[3]


def kitchen_sink(Value):
    """Every operator that micrograd has, with sharing and in-place operators."""
    a, b = Value(-3.5), Value(1.25)
    c = a * b - b / 2
    d = (a + 2 * b) ** 2 + 1 / (b + 3)
    c += c * 0.5 + 1
    c += -a
    d -= c.relu() * 3 + (b - a).relu()
    d *= 0.5 - (a / b)
    e = d + c**3
    f = e / (1 + b**2) + 10.0 / e
    f += 7 - f * 0.25
    return [a, b], [c, d, e], f


def logistic_by_powers(Value):
    """A neuron and a squared loss, three inputs, one update in between."""
    xs = [2.0, -1.0, 0.5]
    ws = [Value(0.3), Value(-0.6), Value(0.9)]
    b = Value(0.1)
    for _ in range(3):
        out = sum((w * x for w, x in zip(ws, xs)), b)
        act = out.relu()
        loss = (act - 1.0) ** 2 + 0.01 * sum(w * w for w in ws)
        for p in [*ws, b]:
            p.grad = 0
        loss.backward()
        for p in [*ws, b]:
            p.data -= 0.05 * p.grad
    return [*ws, b], [], loss


def dead_relu(Value):
    """A unit that is off passes no gradient, and repeated squaring shares its operand."""
    x, y = Value(-2.0), Value(0.5)
    z = (x * 3).relu() * y + (y * y) * (y * y)
    return [x, y], [], z + x * 0.0


@pytest.mark.parametrize("program", [kitchen_sink, logistic_by_powers, dead_relu])
def test_same_data_and_gradients_as_micrograd(program):
    """Leaves, the intermediate results and the output."""
    peer = pytest.importorskip("micrograd.engine", reason="micrograd is in the extra bench")
    ours, theirs = program(Value), program(peer.Value)
    if program is not logistic_by_powers:
        ours[2].backward()
        theirs[2].backward()
    assert ours[2].data == pytest.approx(theirs[2].data, rel=1e-14)
    for mine, other in zip(ours[0] + ours[1], theirs[0] + theirs[1], strict=True):
        assert mine.data == pytest.approx(other.data, rel=1e-14)
        assert mine.grad == pytest.approx(other.grad, rel=1e-13, abs=1e-15)


def weigh(model):
    """The same numbers in every model of one shape."""
    for i, p in enumerate(model.parameters()):
        p.data = math.sin(i + 1)


def max_margin(Value, nn):
    """The demo: hinge losses, a penalty, an accuracy, a falling rate, printing on the way."""
    rows = [(math.cos(k), math.sin(2 * k), 1 if k % 3 else -1) for k in range(12)]
    model = nn.MLP(2, [4, 3, 1])
    weigh(model)
    history = [len(model.parameters())]
    for k in range(4):
        scores = [model(list(map(Value, row[:2]))) for row in rows]
        losses = [(1 + -y * score).relu() for (*_, y), score in zip(rows, scores)]
        total = sum(losses) * (1.0 / len(losses)) + 1e-2 * sum(p * p for p in model.parameters())
        accuracy = [(y > 0) == (score.data > 0) for (*_, y), score in zip(rows, scores)]
        model.zero_grad()
        total.backward()
        for p in model.parameters():
            p.data -= (1.0 - 0.9 * k / 4) * p.grad
        assert f"{total.data:.3f}" == "%.3f" % total.data  # noqa: UP031  # both ways in which it is printed
        history += [total.data, sum(accuracy) / len(accuracy), max(scores, key=lambda s: s.data).data]
    return history


def own_classes(Value, nn):
    """Neurons with and without an activation, a subclass that asks for `nonlin`, a module of one's own."""

    class Cubic(nn.Neuron):
        def __call__(self, x):
            act = sum((w * v for w, v in zip(self.w, x)), self.b)
            return act**3 if self.nonlin else act

    layer = nn.Layer(2, 3, nonlin=False)
    history = []
    for model in [kind(2, nonlin=on) for kind in (nn.Neuron, Cubic) for on in (True, False)] + [layer]:
        weigh(model)
        outs = model([0.5, Value(-0.25)])
        total = sum(out**2 for out in outs) if model is layer else outs
        total.backward()
        history += [total.data, *(p.grad for p in model.parameters())]
    return history


def momentum(Value, nn):
    """A velocity for each parameter, gradients clipped by their norm, and the slope by differences."""
    model = nn.MLP(2, [3, 1])
    weigh(model)
    parameters = model.parameters()
    velocity, history = [0.0] * len(parameters), []
    for _ in range(4):
        loss = (model([1.0, -0.5]) - 0.7) ** 2 + (model([0.2, 0.4]) + 0.1) ** 2
        model.zero_grad()
        loss.backward()
        norm = math.sqrt(sum(p.grad**2 for p in parameters))
        for i, p in enumerate(parameters):
            velocity[i] = 0.9 * velocity[i] - 0.05 * p.grad / max(norm, 1.0)
            p.data += velocity[i]
        history += [loss.data, norm]
    before = parameters[0].data
    parameters[0].data = before + 1e-3
    history.append((model([1.0, -0.5]) - loss.data).data)
    return history


@pytest.mark.parametrize("script", [max_margin, own_classes, momentum])
def test_scripts_give_the_same_numbers_with_micrograds_classes(script):
    engine = pytest.importorskip("micrograd.engine", reason="micrograd is in the extra bench")
    theirs = script(
        engine.Value, pytest.importorskip("micrograd.nn", reason="micrograd is in the extra bench")
    )
    assert script(Value, nn) == pytest.approx(theirs, rel=1e-12, abs=1e-12)


def test_the_example_of_micrograds_readme():
    """Forward 24.7041, da 138.8338, db 645.5773: the numbers it prints, from an expression of that kind."""
    a, b = Value(-4.0), Value(2.0)
    c = a + b
    d = a * b + b**3
    c += c + 1
    c += 1 + c + (-a)
    d += d * 2 + (b + a).relu()
    d += 3 * d + (b - a).relu()
    e = c - d
    f = e**2
    g = f / 2.0
    g += 10.0 / f
    g.backward()
    assert f"{g.data:.4f}" == "24.7041"
    assert f"{a.grad:.4f}" == "138.8338"
    assert f"{b.grad:.4f}" == "645.5773"


def test_frozen_numbers_without_micrograd():
    """The first program by hand calculus, so that this file judges something where micrograd is missing."""
    x, y = Value(-2.0), Value(0.5)
    z = (x * y).relu() + y**4 + x**2 / y
    z.backward()
    assert z.data == 0.0625 + 8.0
    assert (x.grad, y.grad) == (-8.0, 4 * 0.125 - 16.0)
    assert not math.isnan(z.data)


def trace(root):
    """The helper that everybody copies, in our words: all nodes, and the pairs of child and parent."""
    nodes, edges = set(), set()

    def visit(node):
        if node not in nodes:
            nodes.add(node)
            for child in node._prev:
                edges.add((child, node))
                visit(child)

    visit(root)
    return nodes, edges


def draw_dot(root):
    """Likewise: a box for each node with its numbers, a circle for the operation that made it."""
    dot = graphviz.Digraph(graph_attr={"rankdir": "LR"})
    nodes, edges = trace(root)
    for node in nodes:
        name = str(id(node))
        label = "{ %s | data %.4f | grad %.4f }" % (node.label, node.data, node.grad)  # noqa: UP031  # as it is there
        dot.node(name, label=label)
        if node._op:
            dot.node(name + node._op, label=node._op)
            dot.edge(name + node._op, name)
    for child, node in edges:
        dot.edge(str(id(child)), str(id(node)) + node._op)
    return dot


def test_the_drawing_that_everybody_copies():
    x, w = Value(1.0, label="x"), Value(-2.0, label="w")
    y = ((x * w + 1) ** 2 - x / 3).relu()
    source = draw_dot(y).source
    for text in ("{ x | data 1.0000 | grad 0.0000 }", 'label="+"', 'label="*"', 'label="**2"', "label=ReLU"):
        assert text in source
    y.backward()
    assert "{ w | data -2.0000 | grad -2.0000 }" in draw_dot(y).source
    assert (x * x)._prev == {x}
    assert x._prev == set()
    assert x._op == ""
    assert ((x - w)._op, (x / w)._op, x.tanh()._op) == ("-", "/", "tanh")
    for name in ("_prev", "_op"):
        with pytest.raises(AttributeError):
            setattr(y, name, None)


def test_a_backward_pass_by_hand_one_node_at_a_time():
    """Each node's `_backward` called from the output down, with gradients that add up, as in the lecture."""
    a, b = Value(0.7), Value(-1.3)
    c = a * b
    d = (c + a).tanh() * c - b
    order, seen = [], set()

    def build(node):
        if node not in seen:
            seen.add(node)
            for child in node._prev:
                build(child)
            order.append(node)

    build(d)
    d.grad = 1.0
    for node in reversed(order):
        node._backward()
    by_hand = a.grad, b.grad, c.grad
    for node in order:
        node.grad = 0.0
    d.backward()
    assert by_hand == pytest.approx((a.grad, b.grad, c.grad), rel=1e-15)
    assert a._backward() is None


def test_parameters_that_a_step_does_not_use():
    """An embedding: the rows that no token names have gradient 0, and are told apart by `reached` alone."""
    table = [[Value(0.1 * (i + j)) for j in range(2)] for i in range(4)]
    for _ in range(3):
        loss = sum(row[0] * row[1] for row in (table[0], table[2]))
        for parameter in (p for row in table for p in row):
            parameter.grad = 0
        loss.backward()
        for parameter in (p for row in table for p in row):
            parameter.data -= 0.1 * parameter.grad
    fresh = Value(1.0)
    fresh.data -= 0.1 * fresh.grad
    assert (fresh.data, fresh.grad, fresh.reached) == (1.0, 0.0, False)
    assert table[1][0].data == 0.1


def test_the_constructor_and_the_closure_of_micrograd_show_primitive():
    x = Value(2.0)
    for make in (
        lambda: Value(3.0, (x,), "+"),
        lambda: Value(3.0, {x}),
        lambda: Value(3.0, (), "", "the label"),
        lambda: Value(3.0, _children=(x,), _op="sin"),
        lambda: setattr(x * x, "_backward", lambda: None),
        lambda: type("Mine", (Value,), {"half": lambda self: self * 0.5})(1.0),
    ):
        with pytest.raises((TypeError, AttributeError), match=r"@primitive\(partials=lambda y, x: 3 \* x"):
            make()
    cube = primitive(partials=lambda y, x: 3 * x * x, name="cube_of_the_message")(lambda x: x**3)
    cube(x).backward()
    assert x.grad == 12.0


def test_neurons_take_micrograds_word_for_the_activation():
    assert [Neuron(2, nonlin=on).activation.name for on in (True, False)] == ["relu", "linear"]
    assert Layer(2, 3, nonlin=True).activation.name == "relu"
    assert Neuron(2).activation.name == "linear"
    assert [Neuron(2, nonlin=on).nonlin for on in (True, False)] == [True, False]
    assert repr(Neuron(2, nonlin=True)) == repr(Neuron(2, "relu"))
    with pytest.raises(TypeError, match="nonlin must be True or False, got str"):
        Neuron(2, nonlin="yes")


@pytest.mark.parametrize("seeds", [("random",), ("np.random",), ("random", "np.random")])
def test_global_seeds_make_an_unseeded_network_repeatable(seeds):
    """In a process of its own, where nothing else has touched the generators."""
    program = (
        "import random, numpy as np\n"
        "from nn import MLP, Dropout\n"
        "def weights():\n"
        f"    {'; '.join(name + '.seed(1337)' for name in seeds)}\n"
        "    nets = [MLP(2, [3, 1]), MLP(2, [3, 1])]\n"
        "    return [p.data for net in nets for p in net.parameters()], Dropout()([1.0] * 9)\n"
        "first, second = weights(), weights()\n"
        "assert first == second\n"
        "assert first[0][:13] != first[0][13:]\n"
        "assert MLP(2, [3, 1]).parameters()[0].data not in first[0]\n"
    )
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True)


def test_without_a_seed_networks_differ_from_process_to_process():
    program = "from nn import MLP; print(MLP(2, [1]).parameters()[0].data)"
    command = [sys.executable, "-c", program]
    runs = [subprocess.run(command, cwd=ROOT, check=True, capture_output=True).stdout for _ in range(2)]
    assert runs[0] != runs[1]


def test_a_global_seed_counts_from_where_it_was_set():
    """Here too, though other tests have used the generators."""
    random.seed(5)
    one = MLP(2, [1]).state_dict()
    random.seed(5)
    assert MLP(2, [1]).state_dict() == one
    assert MLP(2, [1]).state_dict() != one
