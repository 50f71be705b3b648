"""The schedules against torch's numbers, and what they do to the optimizer."""

import pytest

import nn
from autograd import Value
from nn import SGD, CosineAnnealingLR, ExponentialLR, LinearWarmup, Schedule, StepLR

# The rates of 12 epochs from 0.3 on, of torch 2.13; frozen. LinearWarmup is its LinearLR, and with `then` its
# SequentialLR.
TORCH = {
    "StepLR(optimizer, step_size=3, gamma=0.5)": [
        0.3,
        0.3,
        0.3,
        0.15,
        0.15,
        0.15,
        0.075,
        0.075,
        0.075,
        0.0375,
        0.0375,
        0.0375,
    ],
    "ExponentialLR(optimizer, gamma=0.9)": [
        0.3,
        0.27,
        0.24300000000000002,
        0.21870000000000003,
        0.19683000000000003,
        0.17714700000000003,
        0.15943230000000003,
        0.14348907000000002,
        0.12914016300000003,
        0.11622614670000003,
        0.10460353203000003,
        0.09414317882700003,
    ],
    "CosineAnnealingLR(optimizer, T_max=8, eta_min=0.01)": [
        0.3,
        0.2889625322141366,
        0.25753048327204936,
        0.21048909769293803,
        0.155,
        0.09951090230706199,
        0.05246951672795062,
        0.021037467785863424,
        0.01,
        0.02103746778586342,
        0.05246951672795064,
        0.09951090230706201,
    ],
    "LinearWarmup(optimizer, total_iters=4, start_factor=0.25)": [
        0.075,
        0.13125,
        0.1875,
        0.24375000000000002,
        0.30000000000000004,
        0.30000000000000004,
        0.30000000000000004,
        0.30000000000000004,
        0.30000000000000004,
        0.30000000000000004,
        0.30000000000000004,
        0.30000000000000004,
    ],
    "LinearWarmup(optimizer, 4, 0.25, then=StepLR(optimizer, 2, 0.5))": [
        0.075,
        0.13125,
        0.1875,
        0.24375000000000002,
        0.3,
        0.3,
        0.15,
        0.15,
        0.075,
        0.075,
        0.0375,
        0.0375,
    ],
}


def made(call):
    optimizer = SGD([Value(1.0)], lr=0.3)
    return optimizer, eval(call, vars(nn) | {"optimizer": optimizer})


@pytest.mark.parametrize("call", TORCH)
def test_the_rates_are_torchs(call):
    optimizer, schedule = made(call)
    rates = []
    for epoch in range(12):
        assert schedule.last_epoch == epoch
        assert optimizer.lr == schedule.rate(epoch)
        rates.append(optimizer.lr)
        schedule.step()
    assert rates == pytest.approx(TORCH[call], rel=1e-12)


@pytest.mark.parametrize("call", TORCH)
def test_a_state_is_gone_on_from(call):
    _, schedule = made(call)
    for _ in range(5):
        schedule.step()
    optimizer, other = made(call)
    other.load_state_dict(schedule.state_dict())
    assert optimizer.lr == schedule.optimizer.lr
    other.step()
    assert optimizer.lr == schedule.rate(6)


OPTIMIZER = SGD([Value(1.0)], lr=0.3)


@pytest.mark.parametrize(
    ("act", "error", "message"),
    [
        (lambda: StepLR(0.1, 3), TypeError, "StepLR sets the learning rate of an Optimizer, got float"),
        (lambda: StepLR(OPTIMIZER, 0), ValueError, "step_size must be at least 1, got 0"),
        (lambda: StepLR(OPTIMIZER, 2, gamma=0.0), ValueError, "gamma must be above 0"),
        (lambda: ExponentialLR(OPTIMIZER, "a"), TypeError, "gamma must be a number, got str"),
        (lambda: CosineAnnealingLR(OPTIMIZER, 1.5), TypeError, "T_max must be an integer, got float"),
        (
            lambda: CosineAnnealingLR(OPTIMIZER, 5, eta_min=-1),
            ValueError,
            "eta_min must be finite and at least 0",
        ),
        (lambda: LinearWarmup(OPTIMIZER, 5, 1.5), ValueError, "start_factor must be from 0 to 1, got 1.5"),
        (lambda: LinearWarmup(OPTIMIZER, then=0.5), TypeError, "then must be a Schedule, got float"),
        (
            lambda: LinearWarmup(SGD([Value(1.0)], lr=0.1), then=StepLR(OPTIMIZER, 2)),
            ValueError,
            "then must be a schedule of the same optimizer",
        ),
        (lambda: StepLR(OPTIMIZER, 2).load_state_dict(3), TypeError, "takes what state_dict gave, got int"),
        (lambda: Schedule(OPTIMIZER), TypeError, "abstract"),
    ],
)
def test_bad_arguments_are_refused(act, error, message):
    with pytest.raises(error, match=message):
        act()
