"""Operations made with numbers for derivatives, as microgpt does: swept once, and else refused."""

import copy
import math
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd import (
    AnomalyError,
    GraphError,
    Value,
    compile,
    detect_anomaly,
    draw,
    explain,
    explore,
    grad,
    gradcheck,
    hessian,
    hvp,
    jacobian,
    jvp,
    no_grad,
    save_workbook,
    topological_order,
)
from tests.benchmarks import gpt
from tests.support import random_graphs
from tests.support.profiles import tries

numbers = st.floats(-3.0, 3.0)


def made(row, operands):
    """The node of a row as a program of its own makes it: number and partials, and no rule."""
    flat = random_graphs.flatten(operands)
    values = [random_graphs.as_value(each) for each in flat]
    args, at = [], iter(values)
    for operand in operands:
        args.append([next(at).data for _ in operand] if isinstance(operand, list) else next(at).data)
    entry = random_graphs.TABLE[row]
    y = entry.evaluate(*args)
    if entry.select is not None:
        partials = [0.0] * len(values)
        partials[entry.select(*args)] = 1.0
    else:
        partials = []
        for operand, partial in zip(operands, entry.partials_at(y, *args)):
            several = isinstance(operand, list)
            every = (
                partial
                if isinstance(partial, (list, tuple, np.ndarray))
                else [partial] * len(operand or "")
                if several
                else None
            )
            partials += list(every) if several else [partial]
    return Value(y, tuple(values), tuple(map(float, partials)))


def test_exp_as_microgpt_has_it():
    x = Value(2.0)
    y = Value(math.exp(x.data), (x,), (math.exp(x.data),))
    z = y * x
    z.backward()
    assert x.grad == pytest.approx(3 * math.exp(2.0), rel=1e-15)
    assert (y.grad, y.op, y.parents, y._children) == (2.0, "given", (x,), (x,))
    assert y._local_grads == (math.exp(2.0),)
    assert (z._children, z._local_grads) == ((y, x), (2.0, math.exp(2.0)))
    assert (x._children, x._local_grads) == ((), ())


@tries(60)
@given(random_graphs.programs())
def test_a_graph_of_such_nodes_has_the_gradients_of_the_rows(program):
    leaves, code, roots, _ = program
    ours, theirs = ([Value(number) for number in leaves] for _ in range(2))
    found = [
        random_graphs.as_value(random_graphs.run(each, code, apply)[roots[0]])
        for each, apply in ((ours, random_graphs.record), (theirs, made))
    ]
    assert repr(found[0].data) == repr(found[1].data)
    assert grad(found[1], theirs) == pytest.approx(grad(found[0], ours), rel=1e-12, abs=1e-300)
    for output in found:
        (output + 0.0).backward()
    assert [leaf.grad for leaf in theirs] == pytest.approx(
        [leaf.grad for leaf in ours], rel=1e-12, abs=1e-300
    )


@tries(60)
@given(random_graphs.programs())
def test_every_node_knows_its_local_gradients(program):
    """A backward pass in three lines, as microgpt's is, gives the gradients of the engine's."""
    leaves, code, roots, _ = program
    values = [Value(number) for number in leaves]
    output = random_graphs.as_value(random_graphs.run(values, code, random_graphs.record)[roots[0]]) + 0.0
    adjoints = {output: 1.0}
    for node in reversed(topological_order(output)):
        for child, local in zip(node._children, node._local_grads, strict=True):
            if local:  # what a `where` did not take may be infinite
                adjoints[child] = adjoints.get(child, 0.0) + local * adjoints.get(node, 0.0)
    assert [adjoints.get(leaf, 0.0) for leaf in values] == pytest.approx(
        grad(output, values), rel=1e-9, abs=1e-9
    )


@pytest.mark.parametrize("count", [1, 2, 3, 5])
def test_any_number_of_children_one_of_them_twice(count):
    xs = [Value(float(i)) for i in range(count)]
    slopes = [0.5 * i - 1.0 for i in range(count)]
    for form in (
        lambda: Value(7.0, (*xs, xs[0]), (*slopes, 10.0)),
        lambda: Value(7.0, [*xs, xs[0]], [*slopes, 10]),
        lambda: Value(7.0, children=(*xs, xs[0]), local_grads=(*slopes, np.float32(10.0))),
        lambda: Value(7.0, (*xs, xs[0]), local_grads=(*slopes, 10.0)),
        lambda: copy.deepcopy(form_of := Value(7.0, (*xs, xs[0]), (*slopes, 10.0))) and form_of,
    ):
        for x in xs:
            x.grad = 0.0
        node = form()
        (2 * node).backward()
        assert [x.grad for x in xs] == [2 * (slope + 10.0 * (i == 0)) for i, slope in enumerate(slopes)]
        assert node._local_grads == (*slopes, 10.0)
        node._backward()


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda y: pickle.loads(pickle.dumps(y))])
def test_copies_keep_the_numbers(copied):
    x = Value(2.0, "x")
    again = copied(Value(8.0, (x, x), (5.0, 7.0)) * x)
    (leaf,) = {node for node in topological_order(again) if not node.op}
    leaf.grad = 0.0
    again.backward()
    assert (again.data, leaf.label, leaf.grad) == (16.0, "x", 2.0 * 12.0 + 8.0)


def test_a_leaf_without_children():
    for leaf in (
        Value(1.0, ()),
        Value(1.0, (), ()),
        Value(1.0, children=(), local_grads=()),
        Value(1.0, [], []),
    ):
        assert (leaf.op, leaf.label, leaf._children, leaf.data) == ("", "", (), 1.0)
        leaf.data = 2.0
    assert Value(1.0, "x", children=(leaf,), local_grads=(1.0,)).label == "x"


def cube(x):
    return Value(x.data**3, (x,), (3 * x.data**2,))


def test_first_order_by_every_way():
    assert jacobian(lambda x, y: [cube(x) * y, y], [2.0, 3.0]) == [[36.0, 8.0], [0.0, 1.0]]
    assert jvp(lambda x: cube(x), [2.0], [1.0]) == (8.0, 12.0)
    assert gradcheck(lambda x: cube(x) * x, [1.5])
    x = Value(2.0, "x")
    assert "given" in draw(cube(x)).source


SECOND = {
    "create_graph": lambda x: grad(cube(x) * x, [x], create_graph=True),
    "hvp": lambda x: hvp(cube, [2.0], [1.0]),
    "hessian": lambda x: hessian(cube, [2.0]),
    "gradcheck": lambda x: gradcheck(cube, [2.0], order=2),
    "numpy": lambda x: compile(cube(x) * x, [x], backend="numpy"),
    "llvm": lambda x: compile(cube(x) * x, [x], backend="llvm"),
    "auto": lambda x: compile([x * 2, cube(x)], [x]),
    "explain": lambda x: explain(cube(x) * x, x).text,
    "explore": lambda x: explore(cube(x) * x, "page.html"),
    "save_workbook": lambda x: save_workbook(cube(x) * x, [x], "book.xlsx"),
}


@pytest.mark.parametrize("way", SECOND)
def test_what_needs_a_rule_shows_primitive(way, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(GraphError, match=r"no rule for .*@primitive\(partials=lambda y, x: 3 \* x \* x\)"):
        SECOND[way](Value(2.0, "x"))
    assert list(tmp_path.iterdir()) == []


def test_a_child_that_is_set_makes_the_node_stale():
    x = Value(2.0, "x")
    y = cube(x)
    x.data = 3.0
    for differentiate in (y.backward, lambda: grad(y, [x]), lambda: y._local_grads):
        with pytest.raises(GraphError, match="the data of x was set after a given node was recorded"):
            differentiate()


def test_modes_see_the_node():
    x = Value(2.0, "x")
    with no_grad():
        y = cube(x)
    assert (y.parents, y.data, y.op) == ((), 8.0, "")
    with detect_anomaly():
        with pytest.raises(AnomalyError, match="given gave inf"):
            Value(math.inf, (x,), (1.0,))
        with pytest.raises(AnomalyError, match="gradient"):
            Value(1.0, (x,), (math.nan,)).backward()


@pytest.mark.parametrize(
    ("act", "error", "message"),
    [
        (lambda x: Value(1.0, (x,)), TypeError, r"a number for each.*got str: ''.*@primitive"),
        (lambda x: Value(1.0, children=(x,)), TypeError, r"a number for each.*got NoneType"),
        (
            lambda x: Value(1.0, (), (1.0,)),
            ValueError,
            "one of local_grads for each of children, got 1 for 0",
        ),
        (lambda x: Value(1.0, (x, x), (1.0,)), ValueError, "got 1 for 2"),
        (
            lambda x: Value(1.0, (x, 2.0), (1.0, 1.0)),
            TypeError,
            "each of children must be a Value, got float: 2.0",
        ),
        (lambda x: Value(1.0, (x,), ("a",)), TypeError, "each of local_grads takes a real number, got str"),
        (lambda x: Value(1.0, (x,), (x,)), TypeError, "each of local_grads takes a real number, got Value"),
        (lambda x: Value(1.0, (x,), "+"), TypeError, r"got str: '\+'.*@primitive"),
        (lambda x: Value("a", (x,), (1.0,)), TypeError, "Value takes a real number, got str"),
    ],
)
def test_bad_calls(act, error, message):
    with pytest.raises(error, match=message):
        act(Value(2.0))


def own_exp(x):
    y = math.exp(x.data)
    return Value(y, (x,), (y,))


def own_log(x):
    return Value(math.log(x.data), (x,), (1 / x.data,))


def own_softmax(x):
    highest = max(each.data for each in x)
    powers = [own_exp(each - highest) for each in x]
    total = sum(powers)
    return [power / total for power in powers]


class OwnGPT(gpt.GPT):
    def losses(self, text):
        earlier = [([], []) for _ in self.layers]
        length = min(self.sizes.block, len(text) - 1)
        scores = (self.scores(text[t], t, earlier) for t in range(length))
        return [-own_log(own_softmax(each)[following]) for each, following in zip(scores, text[1:])]


def test_a_gpt_with_operations_of_its_own_trains_to_the_same_numbers(monkeypatch):
    """The program of the benchmarks, whose exp and log are made with local_grads."""
    sizes = gpt.Sizes(width=8, heads=2, block=6)
    plain = list(gpt.training(Value, 3, sizes))
    monkeypatch.setattr(gpt, "softmax", own_softmax)
    monkeypatch.setattr(gpt, "GPT", OwnGPT)
    assert list(gpt.training(Value, 3, sizes)) == pytest.approx(plain, rel=1e-13)
