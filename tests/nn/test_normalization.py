"""RMSNorm and LayerNorm are their formulas, and torch's."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd import Value, grad
from nn import LayerNorm, RMSNorm
from tests.support import transformer
from tests.support.profiles import tries

KINDS = {"rms": RMSNorm, "layer": LayerNorm}
VECTORS = st.integers(1, 5).flatmap(
    lambda n: st.lists(
        st.lists(st.floats(-3.0, 3.0, width=32), min_size=n, max_size=n), min_size=3, max_size=3
    )
)


def made(kind, numbers, eps, affine):
    x, gains, shifts = numbers
    norm = KINDS[kind](len(x), eps, affine)
    if affine:
        norm.weight = gains
    if norm.bias is not None:
        norm.bias = shifts
    return norm


def outcome(norm, x):
    """Outputs, and the gradient of a sum of them with factors by inputs and parameters."""
    inputs = [Value(each) for each in x]
    y = norm(inputs)
    total = sum((i + 1.0) * each for i, each in enumerate(y))
    return [each.data for each in y], grad(total, [*inputs, *norm.parameters()])


@tries(60)
@given(
    numbers=VECTORS,
    kind=st.sampled_from(sorted(KINDS)),
    eps=st.sampled_from([1e-5, 0.1]),
    affine=st.booleans(),
)
def test_numbers_and_gradients_are_those_of_the_formula(numbers, kind, eps, affine):
    norm = made(kind, numbers, eps, affine)
    arrays = {"x": np.array(numbers[0])} | transformer.arrays_of(norm)

    def formula(W):
        return transformer.norm(W["x"], {f"n.{name}": array for name, array in W.items()}, "n", kind, eps)

    outputs, slopes = outcome(norm, numbers[0])
    np.testing.assert_allclose(outputs, formula(arrays), rtol=1e-10, atol=1e-11)
    factors = np.arange(1.0, len(outputs) + 1)
    expected = transformer.gradients(lambda W: (factors * formula(W)).sum(), arrays)
    np.testing.assert_allclose(slopes, expected, rtol=1e-7, atol=1e-8 * max(1.0, abs(expected).max()))


@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize("kind", KINDS)
def test_they_are_torch_s(kind, affine):
    torch = pytest.importorskip("torch", reason="torch is only in the extra bench")
    rng = np.random.default_rng(0)
    numbers = rng.normal(size=(3, 4)).tolist()
    norm = made(kind, numbers, None if kind == "rms" else 1e-5, affine)
    theirs = getattr(torch.nn, type(norm).__name__)(4, elementwise_affine=affine, dtype=torch.float64)
    theirs.load_state_dict({name: torch.tensor(a) for name, a in transformer.arrays_of(norm).items()})
    x = torch.tensor(numbers[0], dtype=torch.float64, requires_grad=True)
    y = theirs(x)
    (y * torch.arange(1.0, 5.0)).sum().backward()
    outputs, slopes = outcome(norm, numbers[0])
    np.testing.assert_allclose(outputs, y.detach(), rtol=1e-13)
    expected = [*x.grad.tolist(), *(each for p in theirs.parameters() for each in p.grad.tolist())]
    np.testing.assert_allclose(slopes, expected, rtol=1e-10, atol=1e-13)


def test_defaults_are_torch_s():
    assert RMSNorm(3).eps == np.finfo(float).eps
    assert LayerNorm(3).eps == 1e-5
    assert [p.data for p in LayerNorm(2).parameters()] == [1.0, 1.0, 0.0, 0.0]
    assert LayerNorm(2, bias=False).bias is None
    assert LayerNorm(2, elementwise_affine=False).parameters() == []
    assert [name for name, _ in LayerNorm(1, name="norm1").named_parameters()] == ["weight0", "bias0"]


def test_zeros_stay_zeros_and_have_a_finite_gradient():
    for norm in (RMSNorm(3), LayerNorm(3)):
        outputs, slopes = outcome(norm, [0.0, 0.0, 0.0])
        assert outputs == [0.0, 0.0, 0.0]
        assert all(map(math.isfinite, slopes))


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: RMSNorm(0), ValueError, "normalized_shape must be at least 1"),
        (lambda: RMSNorm((2, 3)), TypeError, "normalized_shape must be an integer, got tuple"),
        (lambda: RMSNorm(2, -1.0), ValueError, "eps must be finite and at least 0"),
        (lambda: LayerNorm(2, bias="no"), TypeError, "bias must be True or False"),
        (lambda: LayerNorm(2)([1.0, 2.0, 3.0]), ValueError, "a LayerNorm takes 2 inputs, got 3"),
    ],
)
def test_what_does_not_fit_is_refused(call, error, message):
    with pytest.raises(error, match=message):
        call()
