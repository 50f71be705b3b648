"""The variants demo: its surface and paths computed by other means, its claims, its files and options."""

import math
from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from demos import variants
from demos.variants import METHODS, Descent, Points, best_of_rates, compare_variants, descend
from nn import SGD, Adam
from tests.support.galleries import page_of, run_quick

START = (0.5, -1.0)


@pytest.fixture(scope="module")
def out(tmp_path_factory):
    folder = tmp_path_factory.mktemp("variants") / "with spaces" / "out"
    return folder, run_quick(variants, folder)


@pytest.fixture(scope="module")
def points():
    return Points.drawn(9, -1.0, 2.0, np.random.default_rng(5))


# --- the surface --------------------------------------------------------------------------------------


def test_the_loss_is_the_mean_squared_error(points):
    w, b = np.array([[0.5, -2.0]]), np.array([[1.0, 0.25]])
    expected = [
        [
            sum((wi * x + bi - y) ** 2 for x, y in zip(points.x, points.y)) / 9
            for wi, bi in ((0.5, 1), (-2, 0.25))
        ]
    ]
    assert np.allclose(points.loss(w, b), expected, rtol=1e-14)


def test_the_best_line_is_where_the_gradient_is_zero(points):
    w, b = points.best()
    errors = w * points.x + b - points.y
    assert abs(errors.sum()) < 1e-13
    assert abs((errors * points.x).sum()) < 1e-13


def test_the_steepness_is_that_of_the_second_derivatives(points):
    n, x = len(points.x), points.x
    a, b, d = 2 * (x * x).sum() / n, 2 * x.sum() / n, 2.0
    root = np.hypot((a - d) / 2, b)
    assert points.steepness() == pytest.approx(((a + d) / 2 + root) / ((a + d) / 2 - root), rel=1e-12)


# --- the paths ----------------------------------------------------------------------------------------


def gradient(points, at, chosen):
    x, y = points.x[chosen], points.y[chosen]
    error = at[0] * x + at[1] - y
    return np.array([2 * np.mean(error * x), 2 * np.mean(error)])


def test_batch_gradient_descent_is_the_recursion(points):
    at, path = np.array(START), [START]
    for _ in range(12):
        at = at - 0.1 * gradient(points, at, slice(None))
        path.append(at)
    assert np.allclose(descend(points, START, partial(SGD, lr=0.1), 12, None, 0), path, rtol=1e-13)


def test_momentum_is_the_recursion(points):
    at, velocity = np.array(START), np.zeros(2)
    for _ in range(12):
        velocity = 0.9 * velocity + gradient(points, at, slice(None))
        at = at - 0.05 * velocity
    path = descend(points, START, partial(METHODS["momentum"], lr=0.05), 12, None, 0)
    assert np.allclose(path[-1], at, rtol=1e-13)


def test_a_stochastic_epoch_takes_each_point_once(points):
    """Each update is that of one point, and no two in an epoch are of the same."""
    path = descend(points, START, partial(SGD, lr=0.1), 2, 1, seed=3)
    assert len(path) == 1 + 2 * 9
    for epoch in range(2):
        taken = []
        for at, after in zip(path[9 * epoch :], path[9 * epoch + 1 : 9 * epoch + 10]):
            steps = [at - 0.1 * gradient(points, at, [i]) for i in range(9)]
            taken += [i for i, step in enumerate(steps) if np.allclose(step, after, rtol=1e-13)]
        assert sorted(taken) == list(range(9))


def test_a_seed_repeats_the_path_and_another_does_not(points):
    walk = partial(descend, points, START, partial(SGD, lr=0.1), 1, 4)
    assert np.array_equal(walk(1), walk(1))
    assert not np.array_equal(walk(1), walk(2))


def test_arriving_is_to_stay_below_the_level():
    def arrives(*excess):
        return Descent("", np.zeros((len(excess), 2)), np.array(excess)).arrives(1.0)

    assert arrives(5.0, 0.5, 2.0, 0.9, 0.1) == 3
    assert arrives(0.5, 0.1) == 0
    assert arrives(5.0, 0.5, 2.0) == math.inf
    assert arrives(5.0, 0.5, np.nan) == math.inf


def test_the_mean_of_the_last_quarter():
    training = Descent("", np.zeros((9, 2)), np.array([9.0, 8.0, 7.0, 6.0, 5.0, 4.0, 3.0, 2.0, 1.0]))
    assert training.hovers() == 1.5


def test_the_best_rate_is_the_one_that_ends_lowest(points):
    """And one that diverges to nan is not."""
    ends = {}
    for rate in (0.01, 0.1, 1e200):
        path = descend(points, variants.METHOD_START, partial(Adam, lr=rate), variants.UPDATES, None, 0)
        ends[rate] = points.loss(*path[-1])
    rate, best = best_of_rates("Adam", points, (1e200, 0.01, 0.1))
    assert rate == min((0.01, 0.1), key=ends.get)
    assert np.isclose(best.excess[-1], ends[rate] - points.loss(*points.best()), atol=1e-15)


# --- the claims ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def found():
    """What `work` computes, on less."""
    points = Points.drawn(24, -1.0, 2.0, np.random.default_rng(1))
    valley = Points.drawn(8, 1.0, 4.0, np.random.default_rng(1))
    methods = [best_of_rates(name, valley, variants.METHOD_RATES[:3]) for name in METHODS]
    return points, compare_variants(points, 25, seed=1), valley, methods


def test_the_claims_hold(found):
    variants.check(*found)


@pytest.mark.parametrize("slip", ["batch rises", "swapped", "shorter", "momentum late"])
def test_a_claim_that_does_not_hold_is_noticed(found, slip):
    points, (batch, mini, stochastic), valley, methods = found
    if slip == "batch rises":
        batch = replace(batch, excess=np.concatenate([batch.excess[:-1], [batch.excess[-2] * 1.01]]))
    elif slip == "swapped":
        batch, mini = mini, batch
    elif slip == "shorter":
        stochastic = replace(stochastic, path=stochastic.path[:-1])
    else:
        methods = [
            (rate, replace(each, excess=each.excess + (each.name == "momentum"))) for rate, each in methods
        ]
    with pytest.raises(AssertionError):
        variants.check(points, [batch, mini, stochastic], valley, methods)


# --- files and options --------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_page_has_its_pictures_and_loads_nothing(out):
    page = page_of(out[0], ["loss", "paths", "optimizers", "optimizers_loss"])
    for words in (
        "1 Batch, stochastic, mini-batch", "24 updates", "2 Momentum, Nesterov, Adagrad, RMSprop, Adam",
        "When the loss stays within 1 % of the least", "the best of the rates 0.03, 0.1, 1.",
    ):  # fmt: skip
        assert words in page.text
    paths = (out[0] / "paths.svg").read_text(encoding="utf-8")
    for words in ("batch: 25 updates", "mini-batches of 8: 75 updates", "stochastic: 600 updates"):
        assert words in paths


def test_the_summary_is_short_and_ends_with_where_the_page_is(out):
    folder, printed = out
    lines = printed.splitlines()
    assert lines[-1] == f"Open {folder / 'index.html'}"
    assert len(lines) < 20
    for name in METHODS:
        assert any(line.strip().startswith(name) for line in lines)
