"""The metrics, counted by hand in exact fractions."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nn import METRICS, accuracy, mean_absolute_error, r2_score

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
