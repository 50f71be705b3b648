"""The metrics, counted by hand in exact fractions."""

import functools
import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nn import METRICS, MLP, SGD, accuracy, fit, mean_absolute_error, of_labels, r2_score
from nn.metrics import find_metrics

numbers = st.lists(st.tuples(st.integers(-50, 50), st.integers(-50, 50)), min_size=1, max_size=9)


@given(numbers)
def test_errors_in_fractions(pairs):
    y, t = zip(*pairs)
    n, mean = len(t), Fraction(sum(t), len(t))
    assert mean_absolute_error(t, y) == pytest.approx(float(Fraction(sum(abs(a - b) for a, b in pairs), n)))
    rest, total = sum((a - b) ** 2 for a, b in pairs), sum((b - mean) ** 2 for b in t)
    expected = 1.0 if rest == 0 else -math.inf if total == 0 else float(1 - Fraction(rest) / total)
    assert r2_score(t, y) == pytest.approx(expected)


def test_several_outputs_count_alike():
    y, t = np.array([[1.0, 5.0], [2.0, 5.0], [4.0, 8.0]]), np.array([[1.0, 5.0], [2.0, 6.0], [3.0, 7.0]])
    assert r2_score(t, y) == pytest.approx((r2_score(t[:, 0], y[:, 0]) + r2_score(t[:, 1], y[:, 1])) / 2)
    assert mean_absolute_error(t, y) == pytest.approx(3 / 6)
    assert r2_score(t[:, 0], y[:, :1]) == r2_score(t[:, 0], y[:, 0]) == 0.5


def test_accuracy_of_classes():
    scores = [[0.1, 0.9, 0.0], [3.0, 2.0, 1.0], [-1.0, -3.0, -2.0], [0.0, 0.0, 5.0]]
    assert accuracy([1, 0, 2, 2], scores) == 0.75
    assert accuracy(np.eye(3)[[1, 0, 2, 2]], scores) == 0.75


def test_accuracy_of_one_output():
    assert accuracy([1, 0, 0], [0.6, 0.4, 0.5]) == 1.0
    assert accuracy([1, 1, 0], [0.6, 0.4, -0.1], threshold=0.0) == 1.0
    assert accuracy([[1], [-1]], [[0.2], [-0.2]]) == 1.0  # targets of −1 and 1: the sign


@given(numbers)
def test_scikit_learn_says_the_same(pairs):
    metrics = pytest.importorskip("sklearn.metrics", reason="scikit-learn is in the extra demos")

    y, t = map(list, zip(*pairs))
    assert mean_absolute_error(t, y) == pytest.approx(metrics.mean_absolute_error(t, y))
    if len(set(t)) > 1:
        assert r2_score(t, y) == pytest.approx(metrics.r2_score(t, y))
    labels = [int(each > 0) for each in t]
    assert accuracy(labels, y) == pytest.approx(metrics.accuracy_score(labels, [each > 0.5 for each in y]))


def test_labels_are_those_that_accuracy_compares():
    seen = []

    def watching(y_true, y_pred):
        seen.append((y_true.tolist(), y_pred.tolist()))
        return 0.5

    metric = of_labels(watching)
    assert metric.__name__ == "watching"
    scores = [[0.1, 0.9, 0.0], [3.0, 2.0, 1.0]]
    assert metric([2.0, 0.0], scores) == metric(np.eye(3)[[2, 0]], scores) == 0.5
    metric([1, 0, 1], [0.6, 0.2, 0.5])
    metric([[-1], [1]], [[0.2], [-0.2]])
    of_labels(watching, threshold=2.0)([1, 0], [2.5, 1.5])
    assert seen == [
        ([2, 0], [1, 0]),
        ([2, 0], [1, 0]),
        ([1, 0, 1], [1, 0, 0]),
        ([-1, 1], [1, -1]),
        ([1, 0], [1, 0]),
    ]


def test_scikit_learns_metrics_are_taken_in_fit():
    metrics = pytest.importorskip("sklearn.metrics", reason="scikit-learn is in the extra demos")

    rng = np.random.default_rng(0)
    X = rng.normal(size=(40, 2))
    y, labels = 2.0 * X[:, 0], (X[:, 0] > 0.3).astype(int)
    model = MLP(2, [1], seed=0)
    start = model.predict(X)
    options = {"epochs": 1, "optimizer": SGD(model.parameters(), 0.01)}
    history = fit(model, X, y, loss="mse_loss", metrics=[metrics.r2_score], **options)
    assert history.metrics["r2_score"] == [pytest.approx(metrics.r2_score(y, start), rel=1e-12)]
    # of classes: scores are refused by the metric itself, and labels by the threshold of the loss
    start = model.predict(X)
    logits = {"loss": "binary_cross_entropy_with_logits", **options}
    with pytest.raises(ValueError, match="continuous"):
        fit(model, X, labels, metrics=[metrics.recall_score], **logits)
    macro = functools.partial(metrics.f1_score, average="macro")
    history = fit(
        model, X, labels, metrics=[of_labels(metrics.recall_score), of_labels(macro), "accuracy"], **logits
    )
    assert history.metrics == {
        "recall_score": [metrics.recall_score(labels, start > 0.0)],
        "f1_score": [metrics.f1_score(labels, start > 0.0, average="macro")],
        "accuracy": [metrics.accuracy_score(labels, start > 0.0)],
    }
    assert np.mean(start > 0.0) != np.mean(start > 0.5)


def test_two_metrics_of_one_name_are_refused():
    with pytest.raises(ValueError, match="two metrics are named r2_score: give one another __name__"):
        find_metrics(["r2_score", r2_score])


@pytest.mark.parametrize("metric", METRICS.values())
@pytest.mark.parametrize(
    ("y", "t", "message"),
    [
        ([], [], r"shapes \(N,\) or \(N, K\), got \(0,\)"),
        ([1.0, 2.0], [1.0], "a prediction for each target, got 1 targets and 2"),
        ([[[1.0]]], [1.0], "shapes"),
        (["a"], [1.0], "that are numbers"),
        ([1.0, 2.0], [[1.0, 2.0], [3.0, 4.0]], "single output"),
        ([[1.0, 2.0]], [[1.0, 2.0, 3.0]], "targets"),
        ([1.0, 2.0], np.ma.masked_array([1.0, 2.0], mask=[0, 1]), "y_true has 1 masked number of 2"),
        ([np.ma.masked_array([1.0], mask=[1]), [2.0]], [1.0, 2.0], "y_pred has 1 masked number of 1"),
    ],
)
def test_bad_input_is_refused(metric, y, t, message):
    with pytest.raises((TypeError, ValueError), match=message):
        metric(t, y)
