"""A million nodes in a row, a million operands of one node: no recursion, no crash when they are freed."""

import copy
import pickle
import subprocess
import sys
from pathlib import Path

import pytest

import autograd
from autograd import GraphTooLargeError, Value, draw, explain, grad, topological_order
from tests.support.profiles import slow

ROOT = Path(__file__).parents[3]
LENGTHS = [100_000, *slow([1_000_000])]
lengths = pytest.mark.parametrize("length", LENGTHS)


@pytest.fixture(scope="module", params=LENGTHS)
def chain(request):
    """x, and −…−x with so many signs."""
    limit = sys.getrecursionlimit()
    x = y = Value(2.0, "x")
    for _ in range(request.param):
        y = -y
    yield x, y
    assert sys.getrecursionlimit() == limit


def test_it_is_swept_differentiated_and_printed(chain):
    x, y = chain
    length = len(topological_order(y))
    y.backward()
    assert x.grad == 1.0
    assert grad(y, x) == [1.0]
    assert repr(y) == "Value(data=2.0, grad=1.0)"
    assert str(y) == repr(y)
    with pytest.raises(GraphTooLargeError, match=f"{length:,} nodes"):
        draw(y)


def test_its_copy_has_a_backward_of_its_own(chain):
    x, y = chain
    x.grad = None
    duplicate = copy.deepcopy(y)
    duplicate.backward()
    first = topological_order(duplicate)[0]
    assert (first.label, first.grad) == ("x", 1.0)
    assert not x.reached


def test_it_is_pickled(chain):
    x, y = chain
    x.grad = None
    loaded = pickle.loads(pickle.dumps(y))
    assert loaded.data == 2.0
    loaded.backward()
    assert topological_order(loaded)[0].grad == 1.0
    assert not x.reached


@lengths
def test_a_million_operands_of_one_node(length):
    x = Value(0.5, "x")
    leaves = [Value(1.0) for _ in range(length)]
    total = autograd.sum([*leaves, x])
    assert total.data == length + 0.5
    total.backward()
    assert {leaf.grad for leaf in leaves} == {1.0}
    assert grad(total, [x, leaves[-1]]) == [1.0, 1.0]


@lengths
def test_a_leaf_that_is_used_a_million_times(length):
    x = Value(0.5, "x")
    total = autograd.dot([x] * length, [1.0] * length)
    total.backward()
    assert x.grad == length
    assert grad(total, x) == [length]


def test_a_long_chain_is_explained():
    x = y = Value(1.0, "x")
    for _ in range(2000):
        y = (y * 1.0).sin()
    derivation = explain(y, x)
    assert derivation.value == pytest.approx(grad(y, x)[0], rel=1e-12)
    assert len(derivation.steps) > 2000


@pytest.mark.parametrize("kind", ["chain", *slow(["tree of sums", "copies"])])
def test_freeing_needs_no_deep_stack(kind):
    """In a thread with a quarter of a megabyte of stack, where recursion would crash the process."""
    program = f"""
import copy, threading
import autograd
from autograd import Value

def work():
    x = y = Value(1.0)
    if {kind!r} == "tree of sums":
        for _ in range(30_000):
            y = autograd.sum([y, x, y])
    else:
        for _ in range(300_000):
            y = y * 0.5 + x
        if {kind!r} == "copies":
            z = copy.deepcopy(y)
            del z
    y.backward()
    assert x.reached
    del y

threading.stack_size(256 * 1024)
thread = threading.Thread(target=work)
thread.start()
thread.join()
print("freed")
"""
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=300, check=False
    )
    assert (done.returncode, done.stdout) == (0, "freed\n"), done.stderr
