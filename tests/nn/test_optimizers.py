"""The optimizers: SGD against its recurrence on floats, all of them against torch's numbers."""

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

import nn
from autograd import Value
from nn import (
    SGD,
    Adagrad,
    Adam,
    AdamW,
    Layer,
    Optimizer,
    RMSprop,
    clip_grad_norm_,
    clip_grad_value_,
    gradient_norm,
)

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


# --- all of them against torch -----------------------------------------------------------------------

START = [1.0, -2.0, 0.5, 0.0]
# What torch 2.13 has after 200 steps; frozen, see test_exchange.py for the comparison as it runs.
TORCH = {
    "SGD(lr=0.1, momentum=0.9, weight_decay=0.05)": [
        0.0010355657205896895,
        -0.04327511759282758,
        -0.07343926686655282,
        -0.01917441423291781,
    ],
    "SGD(lr=0.003, momentum=0.9, nesterov=True)": [
        0.9989251702046087,
        -2.03013624873123,
        0.36338424488314114,
        -0.005462215027937471,
    ],
    "SGD(lr=0.1, momentum=0.8, dampening=0.3)": [
        0.9882994505107315,
        -2.5924655378619197,
        -1.5228327659066279,
        -0.1481457673942719,
    ],
    "Adagrad()": [0.9947187610943733, -2.006579830371604, 0.48836057165353847, -0.005325455384058003],
    "Adagrad(lr=0.5, lr_decay=0.01, weight_decay=0.1, initial_accumulator_value=0.2, eps=1e-6)": [
        0.2338328010180205,
        -1.2433845590903252,
        -0.04461906069302763,
        -0.12965656890331945,
    ],
    "RMSprop()": [0.9471394798034033, -2.067863324721326, 0.38093044704702433, -0.0535353044914302],
    "RMSprop(lr=0.05, alpha=0.9, weight_decay=0.01, momentum=0.5, centered=True)": [
        0.35494100810502344,
        -1.9209020085014117,
        0.06786839630849269,
        -0.17431969344348502,
    ],
    "RMSprop(lr=0.02, alpha=0.95, eps=1e-4, momentum=0.9)": [
        0.5322182120719537,
        -2.553000542955239,
        -0.5200939705703848,
        -0.47105545115070613,
    ],
    "Adam()": [0.9993141350569253, -2.0021576698135597, 0.49602746561825095, -0.0009218442942641843],
    "Adam(lr=0.05, betas=(0.8, 0.99), eps=1e-6, weight_decay=0.1)": [
        0.20482381333640395,
        -1.0046472830875568,
        0.21658054093970378,
        -0.030248739155236824,
    ],
    "Adam(lr=0.05, amsgrad=True)": [
        0.9657069414358155,
        -2.10788166145753,
        0.3013763988689962,
        -0.046091560523852354,
    ],
    "AdamW()": [0.997317477697642, -1.9981575062445116, 0.4950508630555713, -0.0009200307595973073],
    "AdamW(lr=0.05, weight_decay=0.2, amsgrad=True)": [
        0.12931400851473718,
        -0.2845351714976862,
        0.03770015071234457,
        -0.006573385382811475,
    ],
}


def gradient(t, i):
    """Of parameter i at step t; the third has none at the steps 0, 1 and 5."""
    return None if i == 2 and t in (0, 1, 5) else math.sin(3 * t + i) * (i + 1)


def after_200_steps(optimizer):
    for t in range(200):
        for i, parameter in enumerate(optimizer.parameters):
            parameter.grad = gradient(t, i)
        optimizer.step()
    return [parameter.data for parameter in optimizer.parameters]


def made(call, parameters):
    """The optimizer that a call with keywords makes."""
    return eval(call.replace("(", "(parameters, ", 1), vars(nn) | {"parameters": parameters})


@pytest.mark.parametrize("call", TORCH)
def test_200_steps_are_torchs(call):
    found = after_200_steps(made(call, list(map(Value, START))))
    assert found == pytest.approx(TORCH[call], rel=1e-12, abs=1e-14)


@pytest.mark.parametrize("call", TORCH)
def test_a_state_is_gone_on_from(call):
    whole = after_200_steps(made(call, list(map(Value, START))))
    first = made(call, list(map(Value, START)))
    for t in range(200):
        if t == 77:
            second = made(call, [Value(p.data) for p in first.parameters])
            second.lr = 99.0
            second.load_state_dict(first.state_dict())
            for _ in range(3):  # what follows in the one does not reach the other
                first.step()
            first = second
        for i, parameter in enumerate(first.parameters):
            parameter.grad = gradient(t, i)
        first.step()
    assert [p.data for p in first.parameters] == whole


# Numbers of torch 2.13 from 1 on; frozen. Gradients of so different sizes show from which end it goes.
UNEVEN = [1e8, 1e-8, 3.0, -2.5, 1e6, 0.125, -1e-3, 4.0]
LERP = {
    "Adam(parameters, lr=1.0, betas=(0.0, 0.0), eps=0.0)": [0.0, -1.0, -2.0, -1.0, -2.0, -3.0, -2.0, -3.0],
    "Adam(parameters, lr=0.1, betas=(0.3, 0.9))": [
        0.9, 0.8664700081266102, 0.8546267828600538, 0.8504882540742963, 0.847315420720546,
        0.8462440066516216,
        0.845886680186366, 0.8457686258644717,
    ],
    "AdamW(parameters, lr=0.1, betas=(0.5, 0.2), amsgrad=True)": [
        0.899, 0.8615861628329889, 0.8448166765816939, 0.8365242658109098, 0.8315048002102281,
        0.8286147590923286,
        0.8267649545055179, 0.8254295921212941,
    ],
    "RMSprop(parameters, lr=0.01, alpha=0.3, centered=True)": [
        0.9781782109764008, 0.9781782109764008, 0.9781782097416446, 0.9781782115775591, 0.9768394492575084,
        0.9768394489550101, 0.9768394489594153, 0.9768394168164293,
    ],
    "RMSprop(parameters, lr=0.01, alpha=0.5, momentum=0.9, centered=True)": [
        0.98, 0.962, 0.9457999990928853, 0.9312199993092776, 0.9175205138725262, 0.9051909768784643,
        0.894094393584945, 0.8841074622090453,
    ],
}  # fmt: skip


@pytest.mark.parametrize("call", LERP)
def test_steps_after_uneven_gradients_are_torchs(call):
    (w,) = parameters = [Value(1.0)]
    optimizer = eval(call, vars(nn) | {"parameters": parameters})
    found = []
    for g in UNEVEN:
        w.grad = g
        optimizer.step()
        found.append(w.data)
    assert found == pytest.approx(LERP[call], rel=1e-12, abs=1e-14)


@pytest.mark.parametrize("alpha", [0.0, 0.3, 0.9, 0.99, 0.9999])
@given(g=st.floats(1e-6, 1e6), decimals=st.integers(1, 17))
def test_the_variance_of_nearly_constant_gradients_is_not_negative(alpha, g, decimals):
    w = Value(1.0)
    optimizer = RMSprop([w], lr=1e-3, alpha=alpha, centered=True)
    for t in range(60):
        w.grad = g * (1.0 + 10.0**-decimals * math.sin(t))
        optimizer.step()
        assert math.isfinite(w.data)


def test_thousands_of_equal_gradients_leave_centred_rmsprop_finite():
    w = Value(1.0)
    optimizer = RMSprop([w], lr=1e-3, centered=True)
    for _ in range(4000):
        w.grad = 0.1
        optimizer.step()
    assert math.isfinite(w.data)


@pytest.mark.parametrize(("one", "other"), [*itertools.permutations([SGD, Adagrad, RMSprop, Adam, AdamW], 2)])
def test_a_state_of_another_kind_is_refused(one, other):
    state = one([Value(1.0)], lr=0.1).state_dict()
    optimizer = other([Value(1.0)], lr=0.2)
    with pytest.raises(
        ValueError, match=f"this state is of {one.__name__}, and cannot be loaded into {other.__name__}"
    ):
        optimizer.load_state_dict(state)
    assert optimizer.lr == 0.2
    del state["kind"]  # as states were before they had one
    optimizer.load_state_dict(state)
    assert optimizer.lr == 0.1


def test_the_first_step_of_adam_is_the_learning_rate_whatever_the_gradient():
    for g in (1e-3, 5.0, -1e8):
        w = Value(1.0)
        w.grad = g
        Adam([w], lr=0.25, eps=0.0).step()
        assert w.data == pytest.approx(1.0 - math.copysign(0.25, g), rel=1e-12)


def test_decoupled_decay_does_not_depend_on_the_gradient():
    ends = []
    for optimizer in (Adam, AdamW):
        for size in (1.0, 1000.0):
            w = Value(1.0)
            stepper = optimizer([w], lr=0.01, weight_decay=0.1, eps=0.0)
            for t in range(50):
                w.grad = size * math.sin(t + 1)
                stepper.step()
            ends.append(w.data)
    coupled, decoupled = ends[:2], ends[2:]
    assert decoupled[0] == pytest.approx(decoupled[1], rel=1e-12)
    assert coupled[0] != pytest.approx(coupled[1], rel=1e-3)


# --- clipping ----------------------------------------------------------------------------------------


def with_gradients(*gradients):
    parameters = [Value(0.0) for _ in gradients]
    for parameter, g in zip(parameters, gradients):
        parameter.grad = g
    return parameters


def test_clipping_by_norm_keeps_the_direction():
    parameters = with_gradients(3.0, None, -4.0)
    assert gradient_norm(parameters) == 5.0
    assert clip_grad_norm_(parameters, 0.5) == 5.0
    assert [p.grad for p in parameters] == [pytest.approx(0.3), 0.0, pytest.approx(-0.4)]
    factor = 0.5 / (5.0 + 1e-6)  # torch's
    assert parameters[0].grad == factor * 3.0
    before = [p.grad for p in parameters]
    assert clip_grad_norm_(parameters, 1.0) == pytest.approx(0.5)
    assert [p.grad for p in parameters] == before


@pytest.mark.parametrize("others", [(3.0,), (math.inf,), (0.0, -math.inf, 2.0)])
def test_a_gradient_that_is_nan_makes_the_norm_nan_and_so_all(others):
    parameters = with_gradients(*others, math.nan)
    assert math.isnan(gradient_norm(parameters))
    assert math.isnan(clip_grad_norm_(parameters, 1.0))
    assert all(math.isnan(p.grad) for p in parameters)


def test_clipping_by_value_is_one_by_one():
    parameters = with_gradients(3.0, None, -4.0, 0.1)
    clip_grad_value_(parameters, 0.5)
    assert [p.grad for p in parameters] == [0.5, 0.0, -0.5, 0.1]


def test_the_norm_of_huge_gradients_is_finite():
    assert gradient_norm(with_gradients(3e200, 4e200)) == pytest.approx(5e200)
    assert gradient_norm(with_gradients(None, None)) == 0.0


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
        (lambda: Adagrad([W], lr_decay=-1), ValueError, "lr_decay must be finite and at least 0"),
        (lambda: Adagrad([W], initial_accumulator_value=-1), ValueError, "initial_accumulator_value must be"),
        (lambda: Adagrad([W], eps=-1), ValueError, "eps must be finite and at least 0"),
        (lambda: Adagrad([W], weight_decay="a"), TypeError, "weight_decay must be a number, got str"),
        (lambda: RMSprop([W], alpha=1.5), ValueError, "alpha must be from 0 to 1, got 1.5"),
        (lambda: RMSprop([W], eps=-1), ValueError, "eps must be finite and at least 0"),
        (lambda: RMSprop([W], momentum=-1), ValueError, "momentum must be finite and at least 0"),
        (lambda: RMSprop([W], centered=1), TypeError, "centered must be True or False, got int"),
        (lambda: Adam([W], betas=0.9), TypeError, "betas must be a pair of numbers, got float"),
        (lambda: Adam([W], betas=(0.9, 1.0)), ValueError, r"betas\[1\] must be from 0 to below 1, got 1.0"),
        (lambda: Adam([W], betas=(-0.1, 0.9)), ValueError, r"betas\[0\] must be from 0 to below 1"),
        (lambda: Adam([W], amsgrad="no"), TypeError, "amsgrad must be True or False"),
        (lambda: AdamW([W], weight_decay=-1), ValueError, "weight_decay must be finite and at least 0"),
        (lambda: SGD([W], 0.1).load_state_dict([1]), TypeError, "takes the result of state_dict, got list"),
        (
            lambda: Adam([W]).load_state_dict({"lr": 0.1, "memory": {"means": [1.0, 2.0]}}),
            ValueError,
            "means is of 2 parameters, and Adam has 1",
        ),
        (lambda: clip_grad_norm_([W], 0), ValueError, "max_norm must be above 0, got 0"),
        (lambda: clip_grad_norm_([W], math.inf), ValueError, "max_norm must be finite"),
        (lambda: clip_grad_value_([W], -1.0), ValueError, "clip_value must be above 0"),
        (lambda: setattr(SGD([W], lr=0.1), "lr", -1), ValueError, "lr must be finite and at least 0, got -1"),
    ],
)
def test_bad_arguments_are_refused(act, error, message):
    with pytest.raises(error, match=message):
        act()
