"""FeedForward, SwiGLU, a mixture of experts whose router learns, and GELU."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd import Value, compile, gelu, grad
from nn import GELU, FeedForward, MixtureOfExperts, SwiGLU
from tests.support import transformer
from tests.support.profiles import tries


def moved(module):
    rng = np.random.default_rng(1)
    for parameter in module.parameters():
        parameter.data += float(rng.normal(0.0, 0.5))
    return module


def check(module, x, formula):
    """Numbers and gradients against a formula of arrays by name."""
    arrays = {"x": np.array([x])} | {f"f.{name}": a for name, a in transformer.arrays_of(module).items()}
    inputs = [Value(each) for each in x]
    outputs = module(inputs)
    np.testing.assert_allclose([y.data for y in outputs], formula(arrays)[0], rtol=1e-11, atol=1e-12)
    factors = np.arange(1.0, len(outputs) + 1)
    total = sum(factor * y for factor, y in zip(factors.tolist(), outputs))
    expected = transformer.gradients(lambda W: (factors * formula(W)[0]).sum(), arrays)
    found = grad(total, [*inputs, *module.parameters()])
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-11)


VECTORS = st.lists(st.floats(-2.0, 2.0, width=32), min_size=3, max_size=3)


@tries(20)
@given(x=VECTORS, bias=st.booleans(), activation=st.sampled_from(["relu", "gelu_tanh"]))
def test_a_feed_forward_layer_is_its_formula(x, bias, activation):
    module = moved(FeedForward(3, 5, activation, bias, seed=0))
    check(module, x, lambda W: transformer.feed_forward(W["x"], W, "f", activation))


@tries(20)
@given(x=VECTORS, bias=st.booleans())
def test_swiglu_is_its_formula(x, bias):
    module = moved(SwiGLU(3, 5, bias, seed=0))
    check(module, x, lambda W: transformer.feed_forward(W["x"], W, "f", ""))


def test_swiglu_is_torch_s_silu_times_a_linear_map():
    torch = pytest.importorskip("torch", reason="torch is only in the extra bench")
    module = moved(SwiGLU(3, seed=0))
    W = {name: torch.from_numpy(a) for name, a in transformer.arrays_of(module).items()}
    x = torch.tensor([0.5, -1.0, 2.0], dtype=torch.float64)
    expected = W["down.weight"] @ (torch.nn.functional.silu(W["gate.weight"] @ x) * (W["up.weight"] @ x))
    np.testing.assert_allclose([y.data for y in module(x)], expected, rtol=1e-12)


@tries(30)
@given(
    x=VECTORS,
    top_k=st.integers(1, 3),
    normalize=st.booleans(),
    activation=st.sampled_from(["relu", "swiglu"]),
)
def test_a_mixture_is_its_formula_and_its_router_has_a_gradient(x, top_k, normalize, activation):
    module = moved(MixtureOfExperts(3, 3, top_k, 4, activation, normalize=normalize, seed=0))
    check(module, x, lambda W: transformer.mixture(W["x"], W, "f", activation, 3, top_k, normalize))


@pytest.mark.parametrize("top_k", [1, 2, 3])
def test_so_many_experts_are_chosen_and_the_others_have_no_gradient(top_k):
    module = moved(MixtureOfExperts(3, 4, top_k, 2, "gelu", seed=0))
    x = [0.5, -1.0, 2.0]
    gates = [gate.data for gate in module.gates(x)]
    assert sum(gate > 0.0 for gate in gates) == top_k
    if top_k > 1:
        assert sum(gates) == pytest.approx(1.0)
    total = sum(module(x))
    total.backward()
    for gate, expert in zip(gates, module.experts):
        assert any(p.grad for p in expert.parameters()) == (gate > 0.0)
    assert any(p.grad for p in module.router.parameters())


@tries(40)
@given(scores=st.lists(st.sampled_from([0.0, 1.0, 2.0]), min_size=4, max_size=4), top_k=st.integers(1, 4))
def test_of_equal_scores_the_first_are_chosen(scores, top_k):
    module = MixtureOfExperts(4, 4, top_k, 1)
    module.router.weight = np.eye(4)
    gates = [gate.data > 0.0 for gate in module.gates(scores)]
    first = sorted(range(4), key=lambda i: (-scores[i], i))[:top_k]
    assert [i for i, gate in enumerate(gates) if gate] == sorted(first)


def test_a_compiled_mixture_chooses_anew_for_other_numbers():
    """The choice is in the graph: a program of one example is right for one that takes other experts."""
    module = moved(MixtureOfExperts(2, 3, 1, 2, "tanh", seed=0))
    inputs = [Value(1.0), Value(2.0)]
    program = compile(sum(module(inputs)), module.parameters(), inputs, backend="numpy")
    batch = np.random.default_rng(0).normal(size=(20, 2))
    choices = {int(np.argmax([g.data for g in module.gates(row)])) for row in batch.tolist()}
    assert len(choices) > 1
    numbers = [p.data for p in module.parameters()]
    expected = [sum(module(row)).data for row in batch.tolist()]
    np.testing.assert_allclose(program.evaluate(numbers, batch)[:, 0], expected, rtol=1e-12)


def test_an_activation_of_your_own_is_asked_each_time():
    module = FeedForward(1, 1, lambda x: x if x.data > 0.0 else 0.0 * x)
    module.up.weight = module.down.weight = [[1.0]]
    assert module.predict([[2.0], [-1.0]] * 60)[:2].tolist() == [2.0, 0.0]


@pytest.mark.parametrize("approximate", ["none", "tanh"])
def test_gelu_takes_a_number_a_vector_or_a_sequence_of_vectors(approximate):
    module = GELU(approximate)
    assert module(0.5) == gelu(0.5, approximate)
    x = np.array([[0.5, -1.0], [3.0, 0.0]])
    assert module(x) == [[gelu(each, approximate) for each in row] for row in x.tolist()]
    assert module(x[0]) == module(x)[0]


def test_gelu_is_torch_s():
    torch = pytest.importorskip("torch", reason="torch is only in the extra bench")
    x = np.linspace(-4.0, 4.0, 9)
    for approximate in ("none", "tanh"):
        expected = torch.nn.GELU(approximate)(torch.from_numpy(x))
        np.testing.assert_allclose(GELU(approximate)(x), expected, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: GELU("erf"), ValueError, 'approximate must be "none" or "tanh"'),
        (lambda: FeedForward(0), ValueError, "n_embd must be at least 1"),
        (lambda: FeedForward(2, 0), ValueError, "n_hidden must be at least 1"),
        (lambda: FeedForward(2, activation="swish"), ValueError, "no activation is named 'swish'"),
        (lambda: SwiGLU(2, bias=0), TypeError, "bias must be True or False"),
        (lambda: MixtureOfExperts(2, 2, 3), ValueError, "top_k must be from 1 to n_expert=2, got 3"),
        (lambda: MixtureOfExperts(2, 2, normalize=1), TypeError, "normalize must be True or False"),
        (lambda: MixtureOfExperts(2, 2)([1.0]), ValueError, "takes 2 inputs, got 1"),
    ],
)
def test_what_does_not_fit_is_refused(call, error, message):
    with pytest.raises(error, match=message):
        call()
