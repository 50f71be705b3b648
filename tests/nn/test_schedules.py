"""The schedules against torch's numbers, and what they do to the optimizer."""

import functools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import nn
from autograd import Value
from nn import (
    MLP,
    SGD,
    Adam,
    CosineAnnealingLR,
    ExponentialLR,
    LambdaLR,
    LinearLR,
    LinearWarmup,
    MultiStepLR,
    ReduceLROnPlateau,
    Schedule,
    StepLR,
    fit,
)
from tests.support.compiled import needs_llvmlite

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
    "MultiStepLR(optimizer, [7, 2, 4, 4], gamma=0.5)": [
        0.3,
        0.3,
        0.15,
        0.15,
        0.0375,
        0.0375,
        0.0375,
        0.01875,
        0.01875,
        0.01875,
        0.01875,
        0.01875,
    ],
    "LambdaLR(optimizer, lambda epoch: 1 / (1 + 0.5 * epoch))": [
        0.3,
        0.19999999999999998,
        0.15,
        0.12,
        0.09999999999999999,
        0.0857142857142857,
        0.075,
        0.06666666666666667,
        0.06,
        0.05454545454545454,
        0.049999999999999996,
        0.046153846153846156,
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


# The rates after each of these numbers, of torch 2.13's ReduceLROnPlateau from 0.3 on; frozen.
NUMBERS = [
    3.0, 2.0, 2.0, 1.9999, 1.99, 1.99, 1.99, 2.5, math.nan, 1.0, 1.0, 1.0, 1.0, 0.5, *[0.6] * 6,
]  # fmt: skip
PLATEAUS = {
    "ReduceLROnPlateau(optimizer, factor=0.5, patience=1)": [
        0.3, 0.3, 0.3, 0.15, 0.15, 0.15, 0.075, 0.075, 0.0375, 0.0375, 0.0375, 0.01875, 0.01875, 0.01875,
        0.01875, 0.009375, 0.009375, 0.0046875, 0.0046875, 0.00234375,
    ],
    "ReduceLROnPlateau(optimizer, factor=0.5, patience=0, threshold=0.1, threshold_mode='abs', "
    "cooldown=2)": [
        0.3, 0.3, 0.15, 0.15, 0.15, 0.075, 0.075, 0.075, 0.0375, 0.0375, 0.0375, 0.01875, 0.01875,
        0.01875, 0.009375, 0.009375, 0.009375, 0.0046875, 0.0046875, 0.0046875,
    ],
    "ReduceLROnPlateau(optimizer, mode='max', factor=0.2, patience=2, threshold=0.05, min_lr=0.01)": [
        0.3, 0.3, 0.3, 0.06, 0.06, 0.06, 0.012, 0.012, 0.012, 0.01, 0.01, 0.01, 0.01, 0.01, 0.01, 0.01,
        0.01, 0.01, 0.01, 0.01,
    ],
    "ReduceLROnPlateau(optimizer, mode='max', factor=0.5, patience=0, threshold=0.3, "
    "threshold_mode='abs', eps=0.02)": [
        0.3, 0.15, 0.075, 0.0375, 0.0375, 0.0375, 0.0375, 0.0375, 0.0375, 0.0375, 0.0375, 0.0375, 0.0375,
        0.0375, 0.0375, 0.0375, 0.0375, 0.0375, 0.0375, 0.0375,
    ],
    "ReduceLROnPlateau(optimizer, factor=0.0, patience=1, min_lr=0.05)": [
        0.3, 0.3, 0.3, 0.05, 0.05, 0.05, 0.05, 0.05, 0.05, 0.05, 0.05, 0.05, 0.05, 0.05, 0.05, 0.05, 0.05,
        0.05, 0.05, 0.05,
    ],
    "ReduceLROnPlateau(optimizer, patience=2, threshold=0.0)": [
        0.3, 0.3, 0.3, 0.3, 0.3, 0.3, 0.3, 0.03, 0.03, 0.03, 0.03, 0.03, 0.003, 0.003, 0.003, 0.003,
        0.00030000000000000003, 0.00030000000000000003, 0.00030000000000000003, 3.0000000000000004e-05,
    ],
}  # fmt: skip


@pytest.mark.parametrize("call", PLATEAUS)
def test_the_rates_on_a_plateau_are_torchs(call):
    optimizer, schedule = made(call)
    rates = []
    for number in NUMBERS:
        if len(rates) == 7:  # another goes on from its state
            state = schedule.state_dict()
            optimizer, schedule = made(call)
            schedule.load_state_dict(state)
        schedule.step(number)
        rates.append(optimizer.lr)
    assert rates == pytest.approx(PLATEAUS[call], rel=1e-12)
    assert schedule.last_epoch == len(NUMBERS)


@pytest.mark.parametrize("mode", ["min", "max"])
def test_a_number_that_is_nan_is_never_the_best(mode):
    schedule = ReduceLROnPlateau(SGD([Value(1.0)], lr=1.0), mode, patience=1)
    schedule.step(math.nan)
    assert math.isinf(schedule.best)
    schedule.step(2.0)
    schedule.step(math.nan)
    assert (schedule.best, schedule.num_bad_epochs) == (2.0, 1)


# --- in `fit` ----------------------------------------------------------------------------------------

IN_FIT = [*TORCH, *PLATEAUS]
PLATEAU = "ReduceLROnPlateau(optimizer, factor=0.5, patience=0, threshold=0.05)"
X, Y = [[0.0], [1.0], [2.0]], [0.0, 1.0, -0.5]


def trained(call, lengths, backend="eager", batch_size=2):
    model = MLP(1, [2, 1], "tanh", seed=0)
    optimizer = SGD(model.parameters(), lr=0.3)
    schedule = eval(call, vars(nn) | {"optimizer": optimizer})
    options = {"loss": "mse_loss", "optimizer": optimizer, "schedule": schedule, "shuffle": False}
    histories = [
        fit(model, X, Y, epochs=epochs, batch_size=batch_size, backend=backend, **options)
        for epochs in lengths
    ]
    rates = [rate for history in histories for rate in history.learning_rate]
    return rates, optimizer.lr, schedule.state_dict(), model.state_dict()


@given(
    call=st.sampled_from(IN_FIT),
    lengths=st.lists(st.integers(1, 4), min_size=1, max_size=4),
    backend=st.sampled_from(["eager", "numpy"]),
    batch_size=st.sampled_from([None, 2]),
)
def test_several_trainings_are_one(call, lengths, backend, batch_size):
    parts = trained(call, lengths, backend, batch_size)
    assert parts == trained(call, [sum(lengths)], backend, batch_size)
    assert parts[2]["last_epoch"] == sum(lengths)
    if call in TORCH:
        expected = [made(call)[1].rate(epoch) for epoch in range(sum(lengths) + 1)]
        assert [*parts[0], parts[1]] == expected


@needs_llvmlite
def test_several_trainings_are_one_in_native_code():
    call = "StepLR(optimizer, step_size=3, gamma=0.5)"
    assert trained(call, [1, 2, 1, 1], "llvm") == trained(call, [5], "llvm")


@pytest.mark.parametrize("call", ["StepLR(optimizer, 2, 0.5)", PLATEAU])
def test_an_interrupted_step_is_made_whole(call):
    """Ctrl-C while the schedule makes its step, when something in it has changed already."""
    kind = type(made(call)[1])

    class Interrupted(kind):
        @property
        def last_epoch(self):
            return self._last_epoch

        @last_epoch.setter
        def last_epoch(self, epoch):
            if epoch == 3 and not interrupts:
                interrupts.append(epoch)
                raise KeyboardInterrupt
            self._last_epoch = epoch

    interrupts = []
    model = MLP(1, [2, 1], "tanh", seed=0)
    optimizer = SGD(model.parameters(), lr=0.3)
    schedule = eval(call.replace(kind.__name__, "kind"), {"kind": Interrupted, "optimizer": optimizer})
    options = {"loss": "mse_loss", "optimizer": optimizer, "schedule": schedule, "shuffle": False}
    first = fit(model, X, Y, epochs=7, batch_size=2, backend="eager", **options)
    assert (first.interrupted, first.epochs, schedule.last_epoch) == (True, 3, 3)
    whole = fit(model, X, Y, epochs=7, batch_size=2, backend="eager", resume=first, **options)
    rates, lr, state, _ = trained(call, [7])
    assert (whole.learning_rate, optimizer.lr, schedule.last_epoch) == (rates, lr, state["last_epoch"])


def test_a_schedule_counts_the_epochs_of_a_training_that_a_callback_ends():
    model = MLP(1, [1], seed=0)
    optimizer = SGD(model.parameters(), lr=0.3)
    schedule = StepLR(optimizer, 1, 0.5)
    options = {"loss": "mse_loss", "optimizer": optimizer, "schedule": schedule}
    seen = []

    def ends(epoch, history):
        seen.append(optimizer.lr)  # the rate of the epoch that is over
        return epoch == 3

    fit(model, X, Y, epochs=9, callbacks=[ends], **options)
    assert (schedule.last_epoch, optimizer.lr, seen) == (3, 0.0375, [0.3, 0.15, 0.075])


def test_four_times_one_epoch_by_hand():
    rates, lr, state, _ = trained("StepLR(optimizer, step_size=2, gamma=0.1)", [1, 1, 1, 1])
    assert rates == pytest.approx([0.3, 0.3, 0.03, 0.03], rel=1e-15)
    assert lr == pytest.approx(0.003, rel=1e-15)
    assert state["last_epoch"] == 4


def test_a_plateau_watches_the_column_that_it_is_told():
    model = MLP(1, [1], seed=0)
    scores = iter([1.0, 2.0, 2.0, 2.0, 3.0])

    def score(y_true, y_pred):
        return next(scores)

    make = functools.partial(ReduceLROnPlateau, mode="max", factor=0.5, patience=0, monitor="score")
    options = {"loss": "mse_loss", "optimizer": SGD(model.parameters(), lr=0.1), "epochs": 5}
    history = fit(model, X, Y, metrics=[score], schedule=make, **options)
    assert history.learning_rate == [0.1, 0.1, 0.1, 0.05, 0.025]
    with pytest.raises(
        ValueError, match="ReduceLROnPlateau watches 'score', and there is no such column: loss"
    ):
        fit(model, X, Y, schedule=make, **options)


def test_a_warm_up_takes_the_state_of_what_follows_it_along():
    def warm(lr):
        optimizer = SGD([Value(1.0)], lr=lr)
        return LinearWarmup(optimizer, 2, then=ExponentialLR(optimizer, 0.5))

    first, second = warm(0.3), warm(0.1)
    second.load_state_dict(first.state_dict())
    assert [second.rate(t) for t in range(6)] == [first.rate(t) for t in range(6)]


class CountingDown(Schedule):
    """A user's own formula."""

    def rate(self, epoch):
        return self.base_lr / (1 + epoch)


OF_UPDATES = [
    lambda optimizer: LinearLR(optimizer, 1.0, 0.0, total_iters=12),
    lambda optimizer: LinearWarmup(optimizer, 3, then=ExponentialLR(optimizer, 0.9)),
    lambda optimizer: StepLR(optimizer, 2, gamma=0.5),
    CountingDown,
]


@pytest.mark.parametrize("backend", ["eager", "numpy", pytest.param("llvm", marks=needs_llvmlite)])
@pytest.mark.parametrize("batch_size", [1, 4])
@pytest.mark.parametrize("make", OF_UPDATES)
def test_a_schedule_of_updates(make, batch_size, backend):
    """Each update has the rate of its number: against a loop over the batches, with Adam's formulas."""
    X = [[0.1 * i, 1.0 - 0.3 * i] for i in range(8)]
    Y = [0.5 * a - b * b for a, b in X]
    ours, theirs = (MLP(2, [2, 1], activation="tanh", seed=4) for _ in range(2))
    n, epochs = 8 // batch_size, 3
    rates = [make(Adam([Value(1.0)], lr=0.1)).rate(t) for t in range(n * epochs + 1)]
    parameters = theirs.parameters()
    m, v = np.zeros(len(parameters)), np.zeros(len(parameters))
    for t in range(n * epochs):
        first = t % n * batch_size
        batch = range(first, first + batch_size)
        theirs.zero_grad()
        sum((theirs(X[i]) - Y[i]) ** 2 / batch_size for i in batch).backward()
        g = np.array([p.grad for p in parameters])
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g
        step = (m / (1 - 0.9 ** (t + 1))) / (np.sqrt(v / (1 - 0.999 ** (t + 1))) + 1e-8)
        for p, change in zip(parameters, step):
            p.data -= rates[t] * change
    optimizer = Adam(ours.parameters(), lr=0.1)
    settings = {"loss": "mse_loss", "optimizer": optimizer, "batch_size": batch_size, "shuffle": False}
    settings |= {"backend": backend, "progress": False, "schedule_interval": "update"}
    schedule = make(optimizer)
    first = fit(ours, X, Y, epochs=2, schedule=schedule, **settings)
    assert (schedule.last_epoch, optimizer.lr) == (2 * n, rates[2 * n])
    history = fit(ours, X, Y, epochs=epochs, schedule=schedule, resume=first, **settings)
    assert history.learning_rate == [rates[n * k - 1] for k in range(1, epochs + 1)]
    assert [p.data for p in ours.parameters()] == pytest.approx([p.data for p in parameters], rel=1e-10)
    assert (schedule.last_epoch, optimizer.lr) == (epochs * n, rates[epochs * n])


def test_what_cannot_be_a_schedule_of_updates():
    model = MLP(2, [1], seed=0)
    settings = {"loss": "mse_loss", "epochs": 1, "optimizer": SGD(model.parameters(), lr=0.1)}
    with pytest.raises(ValueError, match=r"'update' needs .* ReduceLROnPlateau has a step of its own"):
        fit(model, [[0.0, 1.0]], [0.0], schedule=ReduceLROnPlateau, schedule_interval="update", **settings)
    with pytest.raises(ValueError, match="must be 'epoch' or 'update', got 'batch'"):
        fit(model, [[0.0, 1.0]], [0.0], schedule=CountingDown, schedule_interval="batch", **settings)
    first = fit(model, [[0.0, 1.0]], [0.0], schedule=CountingDown, **settings)
    with pytest.raises(ValueError, match="CountingDown"):
        fit(
            model, [[0.0, 1.0]], [0.0], schedule=CountingDown, schedule_interval="update", resume=first,
            **settings | {"epochs": 2},
        )  # fmt: skip


def test_linear_is_torchs_with_both_ends():
    """0.3 (f + (g − f) min(t, T) / T), of exact fractions."""
    schedule = LinearLR(SGD([Value(1.0)], lr=0.5), 0.25, 0.75, total_iters=4)
    assert [schedule.rate(t) for t in range(6)] == [0.125, 0.1875, 0.25, 0.3125, 0.375, 0.375]


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
        (
            lambda: StepLR(OPTIMIZER, 2).load_state_dict(3),
            TypeError,
            "takes the result of state_dict, got int",
        ),
        (lambda: Schedule(OPTIMIZER), TypeError, "abstract"),
        (
            lambda: StepLR(OPTIMIZER, 2).load_state_dict(ExponentialLR(OPTIMIZER, 0.9).state_dict()),
            ValueError,
            "this state is of ExponentialLR, and cannot be loaded into StepLR",
        ),
        (lambda: MultiStepLR(OPTIMIZER, 3), TypeError, "milestones must be a list of epochs, got int: 3"),
        (lambda: MultiStepLR(OPTIMIZER, [-1]), ValueError, "a milestone must be at least 0, got -1"),
        (lambda: LambdaLR(OPTIMIZER, 0.9), TypeError, "lr_lambda must be a function of the epoch, got float"),
        (lambda: LambdaLR(OPTIMIZER, lambda t: -1.0), ValueError, "lr must be finite and at least 0"),
        (lambda: ReduceLROnPlateau(OPTIMIZER, "up"), ValueError, "mode must be 'min' or 'max', got 'up'"),
        (lambda: ReduceLROnPlateau(OPTIMIZER, factor=1.0), ValueError, "factor must be from 0 to below 1"),
        (
            lambda: ReduceLROnPlateau(OPTIMIZER, threshold_mode="x"),
            ValueError,
            "must be 'rel' or 'abs', got 'x'",
        ),
        (lambda: ReduceLROnPlateau(OPTIMIZER, monitor=1), TypeError, "monitor must be the name of a column"),
        (lambda: ReduceLROnPlateau(OPTIMIZER).step(), TypeError, r"needs a number after each epoch: step"),
        (
            lambda: ReduceLROnPlateau(OPTIMIZER).load_state_dict(StepLR(OPTIMIZER, 2).state_dict()),
            TypeError,
            "takes the result of state_dict, got dict",
        ),
        (
            lambda: LinearWarmup(OPTIMIZER, then=ReduceLROnPlateau(OPTIMIZER)),
            TypeError,
            "then must be a formula in the epoch",
        ),
    ],
)
def test_bad_arguments_are_refused(act, error, message):
    with pytest.raises(error, match=message):
        act()


def warm_up(optimizer):
    return LinearWarmup(optimizer, 3, then=ExponentialLR(optimizer, 0.5))


@pytest.mark.parametrize(
    ("make", "change", "message"),
    [
        (lambda optimizer: StepLR(optimizer, 2), {"last_epoch": -1}, "last_epoch must be at least 0"),
        (lambda optimizer: StepLR(optimizer, 2), {"last_epoch": 1.0}, "last_epoch must be an integer"),
        (lambda optimizer: StepLR(optimizer, 2), {"base_lr": math.nan}, "base_lr must be finite"),
        (lambda optimizer: ExponentialLR(optimizer, 9.0), {"last_epoch": 10**6}, "gives no learning rate"),
        (warm_up, {"then": {"kind": "ExponentialLR"}}, "takes the result of state_dict"),
        (warm_up, {"base_lr": -1.0}, "base_lr must be finite and at least 0"),
        (lambda optimizer: LinearWarmup(optimizer, 3), {"base_lr": "1"}, "base_lr must be a number"),
        (ReduceLROnPlateau, {"best": math.nan}, "best must be finite"),
        (ReduceLROnPlateau, {"num_bad_epochs": 0.5}, "num_bad_epochs must be an integer"),
        (ReduceLROnPlateau, {"lr": -1.0}, "lr must be finite"),
    ],
)
def test_a_state_that_is_refused_changes_nothing(make, change, message):
    optimizer = SGD([Value(1.0)], lr=0.3)
    schedule = make(optimizer)
    for loss in (3.0, 2.0):
        schedule.step(*[loss] * isinstance(schedule, ReduceLROnPlateau))
    optimizer.lr = 0.123  # as a callback may set it
    before = schedule.state_dict()
    with pytest.raises((TypeError, ValueError), match=message):
        schedule.load_state_dict(before | change)
    assert schedule.state_dict() == before
    assert optimizer.lr == 0.123
