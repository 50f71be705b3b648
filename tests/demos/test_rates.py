"""The rates demo: its verdict on curves made up, its trainings by other means, its files and options."""

import math
from dataclasses import replace

import numpy as np
import pytest

from demos import rates
from demos.rates import Comparison, Trial
from tests.support.galleries import page_of, run_quick


@pytest.fixture(scope="module")
def out(tmp_path_factory):
    folder = tmp_path_factory.mktemp("rates") / "with spaces" / "out"
    return folder, run_quick(rates, folder)


def test_every_verdict_has_a_look_of_its_own():
    looks = rates.LOOKS.values()
    assert len({colour for colour, _ in looks}) == len({mark for _, mark in looks}) == len(rates.LOOKS) == 5


# --- the trainings ------------------------------------------------------------------------------------


def test_a_training_is_gradient_descent_on_the_mean_squared_error():
    """The same in arrays, from the weights that a training with a rate of almost 0 leaves as they were."""
    x, y = rates.wave(6)
    comparison = Comparison(x, y, 4, seed=2)
    start = comparison.train(1e-300, "tanh", None).weights
    w, v = np.array(start[: rates.HIDDEN]), np.array(start[rates.HIDDEN :])
    b, c, losses = np.zeros_like(w), 0.0, []
    for _ in range(4):
        a = np.tanh(x * w + b)
        error = a @ v + c - y
        losses.append(np.mean(error**2))
        back = 2.0 * error[:, None] / len(y) * v * (1.0 - a**2)
        v, c = v - 0.1 * 2.0 * error @ a / len(y), c - 0.1 * 2.0 * error.mean()
        w, b = w - 0.1 * (back * x).sum(axis=0), b - 0.1 * back.sum(axis=0)
    training = comparison.train(0.1, "tanh", None)
    assert np.allclose(training.losses, losses, rtol=1e-12)
    assert np.allclose(training.weights, [*w, *v], rtol=1e-12)


def test_a_training_that_leaves_the_finite_numbers_ends_with_inf():
    x, y = rates.wave(4)
    training = Comparison(x, y, 20, seed=0).train(1e30, "relu", None)
    assert training.losses[-1] == math.inf
    assert len(training.losses) <= 20
    assert all(map(math.isfinite, training.weights))
    assert training.verdict == "divergent"


def test_the_goal_is_a_tenth_of_the_variance():
    assert Comparison(np.zeros((2, 1)), np.array([0.0, 2.0]), 1, 0).goal == 0.1


# --- the claims ---------------------------------------------------------------------------------------


def row(*verdicts, weights=(0.5,), second=0.1):
    return [Trial([1.0, second], list(weights), each) for each in verdicts]


@pytest.fixture
def tables():
    right = ["too small", "right", "right", "overshooting", "divergent"]
    slow = ["too small", "too small", "right", "overshooting", "divergent"]
    activations = {"sigmoid": row(*slow), "tanh": row(*right), "relu": row(*right)}
    initialisations = {
        "zeros": row("too small", "stuck", "stuck", "stuck", "divergent", weights=(0.0, 0.0)),
        "tiny": row(*slow, second=0.2),
        "Xavier": row(*right),
        "large": row("too small", "right", "overshooting", "divergent", "divergent"),
    }
    return activations, initialisations


def test_the_claims_hold_of_tables_as_the_page_tells_them(tables):
    rates.check(*tables)


@pytest.mark.parametrize(
    ("table", "name", "column", "change"),
    [
        (0, "tanh", 4, {"verdict": "right"}),
        (0, "relu", 0, {"verdict": "divergent"}),
        (0, "sigmoid", 2, {"verdict": "too small"}),
        (0, "sigmoid", 1, {"verdict": "right"}),
        (1, "zeros", 2, {"verdict": "right"}),
        (1, "zeros", 2, {"weights": [0.0, 1e-300]}),
        (1, "tiny", 1, {"losses": [1.0, 0.05]}),
        (1, "large", 2, {"verdict": "right"}),
    ],
)
def test_a_claim_that_does_not_hold_is_noticed(tables, table, name, column, change):
    changed = tables[table][name]
    changed[column] = replace(changed[column], **change)
    with pytest.raises(AssertionError):
        rates.check(*tables)


# --- files and options --------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_page_has_its_pictures_and_loads_nothing(out):
    page = page_of(out[0], ["activations", "initialisations"])
    for words in ("1 Activations", "2 Initialisations", "How the verdicts are computed", "def verdict("):
        assert words in page.text
    for words in ("sigmoid too small too small right overshooting divergent", "zeros too small"):
        assert words in " ".join(" ".join(page.words).split())


def test_each_panel_has_its_verdict_as_in_the_summary(out):
    folder, printed = out
    for name, rows in (("activations", rates.ACTIVATIONS), ("initialisations", rates.INITIALISATIONS)):
        picture = (folder / f"{name}.svg").read_text(encoding="utf-8")
        lines = [line for line in printed.splitlines() if line.strip().startswith(tuple(rows))]
        assert len(lines) == len(rows)
        for word, (_, mark) in rates.LOOKS.items():
            assert sum(line.count(word) for line in lines) == picture.count(f"{mark} {word}")


def test_the_summary_is_short_and_ends_with_where_the_page_is(out):
    folder, printed = out
    lines = printed.splitlines()
    assert lines[-1] == f"Open {folder / 'index.html'}"
    assert len(lines) < 20
