"""Code written for micrograd's `Value` runs here, with the same data and gradients."""

import math

import pytest

from autograd import Value


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
