"""SGD in all its variants against the recurrence of torch's documentation, written out on floats."""

import itertools
import math

import pytest

from autograd import Value
from nn import SGD, Layer, Optimizer

GRADIENTS = [[math.sin(3 * t + i) * (i + 1) for i in range(4)] for t in range(30)]
VARIANTS = [
    {"lr": lr, "momentum": momentum, "dampening": dampening, "nesterov": nesterov, "weight_decay": decay}
    for lr, momentum, dampening, nesterov, decay in itertools.product(
        (0.1, 0.003), (0.0, 0.9), (0.0, 0.3), (False, True), (0.0, 0.05)
    )
    if not nesterov or (momentum and not dampening)
]


def by_hand(w, gradients, lr, momentum, dampening, nesterov, weight_decay):
    """The algorithm box of torch.optim.SGD for one parameter; a gradient of None skips the step."""
    velocity = None
    for g in gradients:
        if g is None:
            continue
        g = g + weight_decay * w
        if momentum != 0:
            velocity = g if velocity is None else momentum * velocity + (1 - dampening) * g
            g = g + momentum * velocity if nesterov else velocity
        w = w - lr * g
    return w


@pytest.mark.parametrize("options", VARIANTS, ids=str)
@pytest.mark.parametrize("missing", [(), (0, 1, 5)], ids=["all", "some without gradient"])
def test_the_recurrence(options, missing):
    start = [1.0, -2.0, 0.5, 0.0]
    parameters = [Value(w) for w in start]
    optimizer = SGD(parameters, **options)
    steps = [
        [None if t in missing and i == 2 else g for i, g in enumerate(row)] for t, row in enumerate(GRADIENTS)
    ]
    for row in steps:
        for parameter, gradient in zip(parameters, row):
            parameter.grad = gradient
        optimizer.step()
    expected = [by_hand(w, column, **options) for w, column in zip(start, zip(*steps))]
    assert [parameter.data for parameter in parameters] == pytest.approx(expected, rel=1e-13)


def test_three_steps_by_hand():
    w = Value(1.0)
    optimizer = SGD([w], lr=0.1, momentum=0.9, nesterov=True, weight_decay=0.1)
    seen = []
    for gradient in (1.0, 2.0, 3.0):
        w.grad = gradient
        optimizer.step()
        seen.append(w.data)
    # g = 1.1,       v = 1.1,        w = 1 - 0.1 (1.1 + 0.99)
    # g = 2.0791,    v = 3.0691,     w = 0.791 - 0.1 (2.0791 + 2.76219)
    # g = 3.0306871, v = 5.7928771,  w = 0.306871 - 0.1 (3.0306871 + 5.21358939)
    assert seen == pytest.approx([0.791, 0.306871, -0.517556649], rel=1e-13)


def test_plain_descent_is_the_update_rule_to_the_bit():
    w = Value(0.3)
    optimizer = SGD([w], lr=0.1)
    expected = 0.3
    for row in GRADIENTS:
        w.grad = row[0]
        optimizer.step()
        expected -= 0.1 * row[0]
        assert w.data == expected


def test_the_learning_rate_may_change_between_steps():
    w = Value(1.0)
    optimizer = SGD([w], lr=0.5)
    w.grad = 1.0
    optimizer.step()
    optimizer.lr = 0.25
    optimizer.step()
    assert (w.data, optimizer.lr) == (0.25, 0.25)


def test_all_are_updated_from_the_same_gradients_and_zero_grad_clears_them():
    layer = Layer(2, 2, seed=0)
    before = [p.data for p in layer.parameters()]
    optimizer = SGD(layer.parameters(), lr=1.0)
    y = layer([1.0, 2.0])
    (y[0] * y[1]).backward()
    gradients = [p.grad for p in layer.parameters()]
    optimizer.step()
    assert [p.data for p in layer.parameters()] == [w - g for w, g in zip(before, gradients)]
    optimizer.zero_grad()
    assert {p.grad for p in layer.parameters()} == {0.0}


def test_steps_beyond_the_range_are_infinite_and_do_not_warn():
    w = Value(1e308)
    w.grad = -1e308
    SGD([w], lr=10.0).step()
    assert w.data == math.inf


def test_without_any_gradient_nothing_happens():
    w = Value(1.0)
    SGD([w], lr=1.0, momentum=0.9).step()
    assert w.data == 1.0


def test_another_optimizer_is_its_update():
    class Signs(Optimizer):
        def update(self, data, gradient, at):
            steps = self.memory("steps")
            steps[at] += 1
            return data - self.lr * (gradient > 0) / steps[at]

    a, b = Value(1.0), Value(1.0)
    optimizer = Signs([a, b], lr=0.5)
    a.grad = 3.0
    optimizer.step()
    a.grad = b.grad = 3.0
    optimizer.step()
    assert (a.data, b.data) == (0.25, 0.5)


W = Value(1.0)


@pytest.mark.parametrize(
    ("act", "error", "message"),
    [
        (lambda: SGD([], lr=0.1), ValueError, "SGD needs at least one parameter"),
        (lambda: SGD([1.0], lr=0.1), TypeError, "SGD updates Values, got float"),
        (lambda: SGD([W, W], lr=0.1), ValueError, "the same parameter twice"),
        (lambda: SGD([W * 2], lr=0.1), ValueError, "was computed by mul"),
        (lambda: SGD([W], lr=-0.1), ValueError, "lr must be finite and at least 0, got -0.1"),
        (lambda: SGD([W], lr=math.nan), ValueError, "lr must be finite and at least 0, got nan"),
        (lambda: SGD([W], lr="fast"), TypeError, "lr must be a number, got str"),
        (lambda: SGD([W], lr=0.1, momentum=-1), ValueError, "momentum must be finite and at least 0"),
        (lambda: SGD([W], lr=0.1, weight_decay=-1), ValueError, "weight_decay must be finite and at least 0"),
        (lambda: SGD([W], lr=0.1, dampening=math.inf), ValueError, "dampening must be finite"),
        (
            lambda: SGD([W], lr=0.1, nesterov=True),
            ValueError,
            "nesterov needs momentum above 0 and dampening 0",
        ),
        (lambda: SGD([W], 0.1, 0.9, 0.1, nesterov=True), ValueError, "nesterov needs momentum"),
        (lambda: setattr(SGD([W], lr=0.1), "lr", -1), ValueError, "lr must be finite and at least 0, got -1"),
    ],
)
def test_bad_arguments_are_refused(act, error, message):
    with pytest.raises(error, match=message):
        act()
