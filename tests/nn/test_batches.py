"""`batches` covers every example once, in one batch, in single ones or in between."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nn import batches


@given(
    n=st.integers(1, 50), size=st.none() | st.integers(1, 60), shuffle=st.booleans(), seed=st.integers(0, 9)
)
def test_every_index_once_in_batches_of_the_size(n, size, shuffle, seed):
    parts = list(batches(n, size, shuffle, seed))
    assert sorted(i for part in parts for i in part) == list(range(n))
    assert all(len(part) == min(size or n, n) for part in parts[:-1])
    assert 1 <= len(parts[-1]) <= (size or n)


def test_the_three_variants():
    assert [part.tolist() for part in batches(4, None)] == [[0, 1, 2, 3]]
    assert [part.tolist() for part in batches(3, 1, shuffle=False)] == [[0], [1], [2]]
    assert [part.tolist() for part in batches(5, 2, shuffle=False)] == [[0, 1], [2, 3], [4]]


def test_the_order_repeats_with_the_seed_and_changes_from_epoch_to_epoch():
    def order(seed):
        return [i for part in batches(30, 7, seed=seed) for i in part]

    assert order(1) == order(1) != order(2)
    assert order(None) != list(range(30))
    rng = np.random.default_rng(1)
    assert (first := order(rng)) == order(1)
    assert order(rng) != first


@pytest.mark.parametrize(
    ("args", "error", "message"),
    [
        ((0,), ValueError, "n must be at least 1, got 0"),
        ((5, 0), ValueError, "batch_size must be at least 1, got 0"),
        ((5, 2.0), TypeError, "batch_size must be an integer, got float"),
        (("5",), TypeError, "n must be an integer, got str"),
    ],
)
def test_bad_sizes_are_refused_at_the_call(args, error, message):
    with pytest.raises(error, match=message):
        batches(*args)
