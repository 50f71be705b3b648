"""Counts and numbers that users give are taken or refused with their name."""

import numpy as np
import pytest

from nn.arguments import require_count, require_number


def test_counts():
    assert [require_count("n", n) for n in (1, 7, np.int64(3), np.uint8(2))] == [1, 7, 3, 2]
    for bad in (1.0, "1", None, True, [1]):
        with pytest.raises(TypeError, match=f"n must be an integer, got {type(bad).__name__}"):
            require_count("n", bad)
    for bad in (0, -3):
        with pytest.raises(ValueError, match=f"n must be at least 1, got {bad}"):
            require_count("n", bad)


def test_numbers():
    assert [require_number("x", x) for x in (1, 0.5, np.float32(0.25), -3)] == [1.0, 0.5, 0.25, -3.0]
    for bad in ("1", None, 1j, [1.0]):
        with pytest.raises(TypeError, match=f"x must be a number, got {type(bad).__name__}"):
            require_number("x", bad)
    for bad in (float("nan"), float("inf")):
        with pytest.raises(ValueError, match=f"x must be finite, got {bad}"):
            require_number("x", bad)
    with pytest.raises(ValueError, match="x must be finite and at least 0, got -1"):
        require_number("x", -1, least=0.0)
