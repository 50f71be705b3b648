"""Evenly spaced rows are recognised."""

import numpy as np
import pytest

from autograd.compiler.ir.index_maps import is_contiguous, strides_of


@pytest.mark.parametrize(
    ("index", "found"),
    [
        ([0, 1, 2], (0, (1,))),
        ([5, 3, 1], (5, (-2,))),
        ([4], (4, (1,))),
        ([[0, 2], [3, 5]], (0, (3, 2))),
        ([[1, 1], [1, 1]], (1, (0, 0))),
        ([0, 1, 3], None),
        ([[0, 1], [2, 4]], None),
        (np.zeros(0, int), None),
    ],
)
def test_evenly_spaced_rows(index, found):
    assert strides_of(np.array(index, np.intp)) == found


@pytest.mark.parametrize(
    ("index", "found"),
    [
        ([0, 1, 2], True),
        ([3, 5], False),
        ([[4, 5], [8, 9]], True),
        ([[0, 2], [1, 3]], False),
        ([0, 1, 3], False),
    ],
)
def test_contiguous_rows(index, found):
    assert is_contiguous(np.array(index, np.intp)) is found
