"""To torch and back, and to ONNX, beside torch and onnxruntime as they run."""

import copy
import math
import pickle
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import nn
from autograd import MissingExtraError, Value, dot
from nn import (
    ACTIVATIONS,
    GELU,
    GPT,
    MLP,
    CausalSelfAttention,
    Dropout,
    Embedding,
    FeedForward,
    Layer,
    LayerNorm,
    Linear,
    LoRA,
    MixtureOfExperts,
    Module,
    Neuron,
    RMSNorm,
    Sequential,
    TransformerBlock,
    add_lora,
    from_torch,
    to_onnx,
    to_torch,
)
from tests.support.profiles import tries

X = np.concatenate(
    [np.random.default_rng(0).normal(0, 2, (20, 3)), [[0, 0, 0], [40, -300, 9], [-40, 300, 1e-9]]]
)
MODELS = {
    "MLP": lambda: MLP(3, [5, 4, 2], seed=0),
    "without bias": lambda: MLP(3, [5, 2], "tanh", bias=False, seed=0),
    "dropout": lambda: MLP(3, [5, 4, 2], "tanh", seed=0, dropout=0.5),
    "one output": lambda: MLP(3, [4, 1], "silu", "sigmoid", seed=1),
    "Layer": lambda: Layer(3, 2, "tanh", seed=0),
    "Sequential": lambda: Sequential(
        Layer(3, 4, "relu", seed=0),
        Dropout(0.25),
        MLP(4, [3, 2], "elu", seed=1),
        Layer(2, 2, bias=False, seed=2),
    ),
    **{
        name: lambda name=name: MLP(3, [4, 2], name if name[-3:] != "max" else "relu", name, seed=2)
        for name in ACTIVATIONS
    },
}


def outputs(model, X=X):
    """Ours, with biases that are not 0, one row of numbers per example."""
    rows = [model(x.tolist()) for x in X]
    return np.array([[y.data for y in (row if hasattr(row, "__iter__") else [row])] for row in rows])


def with_biases(model):
    for i, parameter in enumerate(model.parameters()):
        parameter.data += 0.01 * math.sin(i)
    return model.eval()


GPTS = {"vocab_size": 5, "block_size": 6, "n_layer": 2, "n_head": 2, "n_embd": 4, "seed": 0}
PARTS = {
    "Linear": lambda: Linear(4, 2, seed=0),
    "RMSNorm": lambda: RMSNorm(4, eps=0.125),
    "LayerNorm": lambda: Sequential(LayerNorm(4), GELU(), LayerNorm(4, bias=False), GELU("tanh")),
    "FeedForward": lambda: FeedForward(4, 3, "silu", bias=True, seed=0),
    "MixtureOfExperts": lambda: MixtureOfExperts(4, 3, 1, 2, "swiglu", seed=0),
    "LoRA": lambda: LoRA(Linear(4, 3, seed=0), 2, 5.0, seed=1),
    "CausalSelfAttention": lambda: CausalSelfAttention(
        4, 2, bias=True, rotary=True, rotary_base=7.0, dropout=0.5, seed=0
    ),
    "TransformerBlock": lambda: TransformerBlock(
        4, 1, norm="layer", affine=True, bias=True, activation="softplus", seed=0
    ),
    "chain": lambda: Sequential(
        Embedding(5, 4, seed=0), TransformerBlock(4, 2, seed=1), Linear(4, 4, seed=2), GELU(), RMSNorm(4)
    ),
    "GPT": lambda: GPT(**GPTS),
    "GPT-2": lambda: GPT(
        **GPTS, norm="layer", affine=True, bias=True, activation="gelu_tanh", tied=True, final_norm=True,
        embedding_norm=False, dropout=0.125,
    ),
    "GPT with experts": lambda: GPT(**GPTS, n_expert=3, activation="swiglu", rotary=True, affine=True),
    "GPT with LoRA": lambda: add_lora(GPT(**GPTS), 1, 3.0, ["query", "down", "output"], seed=0),
}  # fmt: skip


def of_part(name):
    """A part of a transformer, two sequences for it, and what it makes of each, as arrays."""
    model, rng = PARTS[name](), np.random.default_rng(0)
    for parameter in model.parameters():
        parameter.data += float(rng.normal(0.0, 0.3))
    tokens = "GPT" in name or name == "chain"
    x = rng.integers(0, 5, (2, 4)) if tokens else rng.normal(size=(2, 4, 4))
    model.eval()
    return model, x, np.array([[[y.data for y in row] for row in model(each)] for each in x.tolist()])


@pytest.mark.parametrize("name", PARTS)
def test_torch_gives_the_same_for_a_part_of_a_transformer(name, torch):
    model, x, expected = of_part(name)
    theirs = to_torch(model)
    np.testing.assert_allclose(theirs(torch.from_numpy(x)).detach(), expected, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(theirs(torch.from_numpy(x[0])).detach(), expected[0], rtol=1e-10, atol=1e-12)
    counts = [
        sum(p.numel() for p in theirs.parameters() if p.requires_grad is frozen) for frozen in (True, False)
    ]
    assert counts == [sum(p.requires_grad is frozen for p in model.parameters()) for frozen in (True, False)]
    assert not theirs.training


@pytest.mark.parametrize("name", ["GPT-2", "GPT with experts"])
def test_torch_has_the_same_gradients(name, torch):
    model, x, _ = of_part(name)
    theirs = to_torch(model)
    model.loss(x[0].tolist()).backward()
    tokens = torch.from_numpy(x[0])
    torch.nn.functional.cross_entropy(theirs(tokens[:-1]), tokens[1:]).backward()
    by_name = dict(theirs.named_parameters())
    for path, module in [
        ("token_embedding", model.token_embedding),
        ("blocks.1.attention.key", model.blocks[1].attention.key),
    ]:
        found = [[w.grad for w in row] for row in module.weight]
        np.testing.assert_allclose(by_name[f"{path}.weight"].grad, found, rtol=1e-9, atol=1e-12)


def require_same_gradients(model, theirs, x, torch):
    """Outputs, and the gradients of a weighted sum of them, for sequences x."""
    y = theirs(torch.from_numpy(x))
    weights = np.cos(np.arange(y.numel())).reshape(y.shape)
    (y * torch.from_numpy(weights)).sum().backward()
    found = [v for each in x.tolist() for row in model(each) for v in row]
    assert [v.data for v in found] == pytest.approx(y.detach().numpy().ravel(), rel=1e-12, abs=1e-13)
    dot(weights.ravel().tolist(), found).backward()
    expected = [p.grad.numpy().ravel() for p in theirs.parameters() if p.requires_grad]
    trained = [p.grad for p in model.parameters() if p.requires_grad]
    assert trained == pytest.approx(np.concatenate(expected), rel=1e-12, abs=1e-12)


@pytest.mark.parametrize("name", sorted(PARTS.keys() - {"Linear"}))  # a Linear is read as an MLP
def test_what_to_torch_writes_is_read_back(name, torch):
    model, x, _ = of_part(name)
    theirs = to_torch(model)
    again = from_torch(theirs)
    assert repr(again) == repr(model)
    assert again.state_dict() == model.state_dict()
    assert again.training == model.training
    for ours, other in zip(again.parameters(), model.parameters(), strict=True):
        assert ours is not other
        assert (ours.requires_grad, ours.scope) == (other.requires_grad, other.scope)
    require_same_gradients(again, theirs, x, torch)


@given(data=st.data())
@tries(15)
def test_any_gpt_is_read_back_after_a_step_in_torch(data):
    torch = pytest.importorskip("torch", reason="torch is in the extra bench")
    flags = {name: data.draw(st.booleans()) for name in ("affine", "bias", "tied", "rotary", "final_norm")}
    model = GPT(
        4, 3, data.draw(st.integers(1, 2)), data.draw(st.sampled_from([1, 2])), 4, n_hidden=3, seed=0,
        norm=data.draw(st.sampled_from(["rms", "layer"])), n_expert=data.draw(st.sampled_from([0, 2])),
        activation=data.draw(st.sampled_from(["swiglu", *ACTIVATIONS])), **flags,
    )  # fmt: skip
    if data.draw(st.booleans()):
        add_lora(model, 1, 2.0, data.draw(st.sampled_from(["key", "down", "output"])), seed=0)
    theirs = to_torch(model)
    x = np.array([[3, 0, 1], [2, 2, 0]])
    optimizer = torch.optim.SGD([p for p in theirs.parameters() if p.requires_grad], 0.1)
    theirs(torch.from_numpy(x)).square().sum().backward()
    optimizer.step()
    optimizer.zero_grad()
    require_same_gradients(from_torch(theirs), theirs, x, torch)


@given(
    n_head=st.integers(1, 3), size=st.integers(1, 3), bias=st.booleans(), first=st.booleans(),
    seed=st.integers(0, 99),
)  # fmt: skip
@tries(10)
def test_torch_attention_with_a_causal_mask_is_ours(n_head, size, bias, first, seed):
    torch = pytest.importorskip("torch", reason="torch is in the extra bench")
    torch.manual_seed(seed)
    n = n_head * size
    theirs = torch.nn.MultiheadAttention(n, n_head, bias=bias, batch_first=first, dtype=torch.float64)
    if bias:
        torch.nn.init.normal_(theirs.in_proj_bias)
    x = torch.randn(4, n, dtype=torch.float64)
    later = torch.ones(4, 4, dtype=torch.bool).triu(1)
    y, _ = theirs(x, x, x, attn_mask=later)
    y.square().sum().backward()
    ours = from_torch(theirs)
    found = ours(x.tolist())
    assert [[v.data for v in row] for row in found] == pytest.approx(y.detach().numpy(), rel=1e-12, abs=1e-13)
    total = [v for row in found for v in row]
    dot(total, total).backward()
    w, projection = theirs.in_proj_weight.grad, theirs.out_proj.weight.grad
    for part, expected in zip((ours.query, ours.key, ours.value, ours.projection), (*w.split(n), projection)):
        grads = [[v.grad for v in row] for row in part.weight]
        assert grads == pytest.approx(expected.numpy(), rel=1e-10, abs=1e-12)


@given(
    n_head=st.integers(1, 2), size=st.integers(1, 2), hidden=st.integers(1, 5), bias=st.booleans(),
    activation=st.sampled_from(["relu", "gelu"]), seed=st.integers(0, 99),
)  # fmt: skip
@tries(8)
def test_torch_encoder_layers_with_a_causal_mask_are_our_blocks(n_head, size, hidden, bias, activation, seed):
    torch = pytest.importorskip("torch", reason="torch is in the extra bench")
    torch.manual_seed(seed)
    n = n_head * size
    settings = {"dropout": 0.0, "norm_first": True, "bias": bias, "dtype": torch.float64}
    theirs = torch.nn.TransformerEncoderLayer(n, n_head, hidden, activation=activation, **settings)
    for parameter in theirs.parameters():
        torch.nn.init.normal_(parameter)
    x = torch.randn(3, n, dtype=torch.float64)
    y = theirs(x, src_mask=torch.ones(3, 3, dtype=torch.bool).triu(1))
    y.square().sum().backward()
    ours = from_torch(theirs)
    total = [v for row in ours(x.tolist()) for v in row]
    assert [v.data for v in total] == pytest.approx(y.detach().numpy().ravel(), rel=1e-11, abs=1e-11)
    dot(total, total).backward()
    inner = ours.feed_forward
    for part, other in [(inner.up, theirs.linear1), (inner.down, theirs.linear2)]:
        grads = [[v.grad for v in row] for row in part.weight]
        assert grads == pytest.approx(other.weight.grad.numpy(), rel=1e-8, abs=1e-8)
    gains = [v.grad for v in (*ours.norm1.weight, *ours.norm2.weight)]
    expected = torch.cat([theirs.norm1.weight.grad, theirs.norm2.weight.grad])
    assert gains == pytest.approx(expected.numpy(), rel=1e-8, abs=1e-8)
    assert repr(from_torch(to_torch(ours))) == repr(ours)


def test_what_is_shared_or_frozen_in_torch_is_so_here(torch):
    net = torch.nn
    table, line = net.Embedding(5, 4), net.Linear(4, 5, bias=False)
    line.weight = table.weight
    norm = net.LayerNorm(4).requires_grad_(False)
    model = from_torch(net.Sequential(table, norm, net.Sequential(net.Identity(), norm), line))
    embedding, first, second, output = model.layers
    assert (embedding.weight, first) == (output.weight, second)
    assert [p.requires_grad for p in model.parameters()] == [True] * 20 + [False] * 8
    layer = Layer(2, 1, "tanh", seed=0)
    layer.requires_grad_(False)
    assert not any(p.requires_grad for p in to_torch(layer).parameters())
    assert not any(p.requires_grad for p in from_torch(to_torch(layer)).parameters())
    layer.neurons[0].w[1].requires_grad_(True)
    with pytest.raises(ValueError, match=r"all or none of a tensor's .* frozen, .* from neuron0\.w0 on"):
        to_torch(layer)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_norms_of_torch_have_the_eps_of_their_type(dtype, torch):
    theirs = torch.nn.RMSNorm(2, dtype=getattr(torch, dtype))
    x = torch.tensor([1e-8, 2e-8], dtype=getattr(torch, dtype))
    assert [y.data for y in from_torch(theirs)(x.tolist())] == pytest.approx(theirs(x).tolist(), rel=1e-6)


def test_parts_that_are_shared_are_shared_in_torch(torch):
    model, x, _ = of_part("GPT")
    model.blocks[1].attention = model.blocks[0].attention
    theirs = to_torch(model)
    assert theirs.blocks[1].attention is theirs.blocks[0].attention
    expected = [[y.data for y in row] for row in model(x[0])]
    np.testing.assert_allclose(theirs(torch.from_numpy(x[0])).detach(), expected, rtol=1e-10, atol=1e-12)
    tied = to_torch(PARTS["GPT-2"]())
    assert tied.output.weight is tied.token_embedding.weight


def test_the_torch_module_is_copied_pickled_and_says_what_it_is(torch):
    model, x, expected = of_part("GPT with LoRA")
    theirs = to_torch(model)
    for again in (copy.deepcopy(theirs), pickle.loads(pickle.dumps(theirs))):
        np.testing.assert_allclose(again(torch.from_numpy(x)).detach(), expected, rtol=1e-10, atol=1e-12)
        assert list(again.state_dict()) == list(theirs.state_dict())
        assert again.output.linear.weight is not theirs.output.linear.weight
    assert repr(theirs).startswith("GPT(\n  (token_embedding): Embedding(5, 4)\n")
    assert "(attention): CausalSelfAttention(" in repr(theirs)


def test_dropout_works_in_torch_too_when_it_is_trained(torch):
    model, x, expected = of_part("GPT-2")
    theirs = to_torch(model.train())
    assert theirs.training
    tokens = torch.from_numpy(x)
    assert not torch.equal(theirs(tokens), theirs(tokens))
    np.testing.assert_allclose(theirs.eval()(tokens).detach(), expected, rtol=1e-10)


@pytest.mark.parametrize("name", PARTS)
def test_onnxruntime_gives_the_same_for_a_part_of_a_transformer(name, tmp_path):
    pytest.importorskip("onnx", reason="onnx is in the extra test")
    runtime = pytest.importorskip("onnxruntime", reason="onnxruntime is in the extra test")
    model, x, expected = of_part(name)
    to_onnx(model, tmp_path / "model.onnx")
    session = runtime.InferenceSession(str(tmp_path / "model.onnx"), providers=["CPUExecutionProvider"])
    shape = session.get_inputs()[0].shape
    if len(shape) == 2 and x.ndim == 3:  # of a vector for each example
        x, expected = x.reshape(-1, 4), expected.reshape(-1, expected.shape[-1])
    (found,) = session.run(None, {"x": x})
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)
    assert session.get_outputs()[0].shape[-1] == expected.shape[-1]
    (shorter,) = session.run(None, {"x": x[:1]})
    np.testing.assert_allclose(shorter, expected[:1], rtol=1e-9, atol=1e-12)


@pytest.fixture(scope="module")
def torch():
    return pytest.importorskip("torch", reason="torch is in the extra bench")


@pytest.mark.parametrize("name", MODELS)
def test_torch_gives_the_same_and_back(name, torch):
    model = with_biases(MODELS[name]())
    theirs = to_torch(model)
    assert type(theirs) is torch.nn.Sequential
    with torch.no_grad():
        found = theirs(torch.from_numpy(X)).numpy()
    expected = outputs(model)
    assert found == pytest.approx(expected, rel=1e-12, abs=1e-15)
    again = from_torch(theirs)
    assert outputs(again) == pytest.approx(expected, rel=1e-15)
    assert [p.data for p in again.parameters()] == [p.data for p in model.parameters()]
    if type(model) is MLP:
        assert repr(again) == repr(model)


def test_torch_is_in_training_as_the_model_is(torch):
    model = MLP(3, [4, 2], dropout=0.5)
    assert to_torch(model).training
    assert not to_torch(model.eval()).training
    assert not from_torch(to_torch(model)).training


def test_from_torch_takes_what_torch_made(torch):
    net = torch.nn
    theirs = net.Sequential(
        net.Linear(3, 4), net.ReLU(), net.Dropout(0.1), net.Identity(),
        net.Linear(4, 3, bias=False), net.Tanh(), net.Linear(3, 2), net.Softmax(dim=1),
    ).eval()  # fmt: skip
    with torch.no_grad():
        expected = theirs(torch.from_numpy(X).float()).double().numpy()
    # Theirs is in single precision.
    assert outputs(from_torch(theirs)) == pytest.approx(expected, rel=1e-4, abs=1e-6)
    line = net.Linear(3, 1)
    assert isinstance(from_torch(line), MLP)
    assert [p.data for p in from_torch(line).parameters()] == [*line.weight[0].tolist(), line.bias.item()]


@pytest.mark.parametrize(
    ("act", "error", "message"),
    [
        (lambda t: from_torch(3), TypeError, "from_torch takes a torch.nn.Sequential .* got int"),
        (lambda t: from_torch(t.nn.Sequential()), TypeError, "from_torch takes a torch.nn.Sequential"),
        (lambda t: from_torch(t.nn.Sequential(t.nn.Conv1d(1, 1, 1))), TypeError, "does not support Conv1d"),
        (lambda t: from_torch(t.nn.Sequential(t.nn.ReLU())), ValueError, "ReLU.* does not follow one"),
        (
            lambda t: from_torch(t.nn.Sequential(t.nn.Linear(1, 1), t.nn.ELU(alpha=2.0))),
            ValueError,
            "knows ELU with alpha=1.0 only",
        ),
        (lambda t: from_torch(t.nn.Embedding(3, 2, max_norm=1.0)), ValueError, "Embedding without max_norm"),
        (lambda t: from_torch(t.nn.Embedding(3, 2, padding_idx=0)), ValueError, "without max_norm, padding_"),
        (
            lambda t: from_torch(t.nn.Sequential(type("Own", (t.nn.Linear,), {"forward": abs})(1, 1))),
            TypeError,
            "does not support Own",
        ),
        (lambda t: from_torch(t.nn.LayerNorm((2, 3))), ValueError, "takes norms of vectors, got LayerNorm"),
        (
            lambda t: from_torch(t.nn.MultiheadAttention(4, 2, kdim=3)),
            ValueError,
            "takes a MultiheadAttention of one width",
        ),
        (
            lambda t: from_torch(t.nn.TransformerEncoderLayer(4, 2, norm_first=True)),
            ValueError,
            "with norm_first, 'relu' or 'gelu', and dropout 0, got TransformerEncoderLayer",
        ),
        (lambda t: from_torch(t.nn.LSTM(1, 1)), TypeError, "does not support LSTM.*: it takes Dropout, Emb"),
        (
            lambda t: from_torch(t.nn.Sequential(t.nn.LayerNorm(2), t.nn.ReLU())),
            ValueError,
            "activation after a Linear only, and ReLU.* does not",
        ),
        (lambda t: to_torch(MLP(1, [2, 1], lambda x: x * x)), ValueError, "knows one of nn.ACTIVATIONS"),
        (
            lambda t: to_torch(Neuron(2)),
            TypeError,
            "to_torch takes an MLP, a Layer or a Sequential .* got Neuron",
        ),
        (lambda t: to_torch(5), TypeError, "to_torch takes an MLP, .* got int: 5"),
        (
            lambda t: to_torch(FeedForward(2, activation=lambda x: x * x)),
            ValueError,
            "knows the nn.ACTIVATIONS alone, and FeedForward",
        ),
    ],
)
def test_what_cannot_be_exchanged_is_named(act, error, message, torch):
    with pytest.raises(error, match=message):
        act(torch)


@pytest.mark.parametrize("name", MODELS)
def test_onnxruntime_gives_the_same(name, tmp_path):
    pytest.importorskip("onnx", reason="onnx is in the extra test")
    runtime = pytest.importorskip("onnxruntime", reason="onnxruntime is in the extra test")
    model = with_biases(MODELS[name]())
    to_onnx(model, tmp_path / "model.onnx")
    session = runtime.InferenceSession(str(tmp_path / "model.onnx"), providers=["CPUExecutionProvider"])
    (found,) = session.run(None, {"x": X})
    theirs = {each.activation.onnx for each in model.modules() if isinstance(each, Layer)}
    least = (
        1e-15 if theirs - {"", "Relu", "Tanh"} else 1e-300
    )  # the runtime's own Sigmoid and LogSoftmax become 0 too early
    assert found == pytest.approx(outputs(model), rel=1e-12, abs=least)


def test_onnx_refuses_what_it_cannot_write(tmp_path):
    pytest.importorskip("onnx", reason="onnx is in the extra test")
    for model, error, message in (
        (Sequential(Dropout(0.5)), ValueError, "to_onnx needs a layer"),
        (Module(), TypeError, "to_onnx takes an MLP, a Layer or a Sequential .* got Module"),
        (MLP(1, [1], output_activation=lambda x: x), ValueError, "knows one of nn.ACTIVATIONS"),
    ):
        with pytest.raises(error, match=message):
            to_onnx(model, tmp_path / "model.onnx")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("act", "library", "extra"),
    [
        (lambda: to_torch(MLP(1, [1])), "torch", "torch"),
        (lambda: from_torch(None), "torch", "torch"),
        (lambda: to_onnx(MLP(1, [1]), "model.onnx"), "onnx", "onnx"),
    ],
)
def test_without_the_library_it_says_what_to_install(act, library, extra, monkeypatch):
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(MissingExtraError, match=rf"needs {library}, .*scalar-autograd\[{extra}\]"):
        act()
    with pytest.raises(TypeError, match="to_onnx takes a path, got int"):
        to_onnx(MLP(1, [1]), 3)


# --- the optimizers, side by side ----------------------------------------------------------------------


OPTIMIZERS = [
    ("SGD", {"lr": 0.05, "momentum": 0.9, "dampening": 0.1, "weight_decay": 0.01}),
    ("SGD", {"lr": 0.05, "momentum": 0.9, "nesterov": True}),
    ("Adagrad", {"lr": 0.1, "lr_decay": 0.01, "weight_decay": 0.01}),
    ("RMSprop", {"lr": 0.01, "momentum": 0.5, "centered": True}),
    ("RMSprop", {"lr": 0.01, "alpha": 0.9, "weight_decay": 0.1}),
    ("Adam", {"lr": 0.01, "betas": (0.8, 0.95), "weight_decay": 0.05}),
    ("Adam", {"lr": 0.01, "amsgrad": True}),
    ("AdamW", {"lr": 0.01, "weight_decay": 0.1}),
]


@pytest.mark.parametrize(("name", "options"), OPTIMIZERS, ids=str)
def test_200_steps_beside_torch(name, options, torch):
    """On the same random gradients, clipped by both as well."""
    rng = np.random.default_rng(5)
    start = rng.normal(size=7)
    ours, theirs = (
        list(map(Value, start)),
        [torch.tensor(x, dtype=torch.float64, requires_grad=True) for x in start],
    )
    optimizers = getattr(nn, name)(ours, **options), getattr(torch.optim, name)(theirs, **options)
    for gradients in rng.normal(0.0, 3.0, (200, 7)):
        for mine, other, g in zip(ours, theirs, gradients.tolist()):
            mine.grad, other.grad = g, torch.tensor(g, dtype=torch.float64)
        norm = nn.clip_grad_norm_(ours, 5.0)
        assert norm == pytest.approx(torch.nn.utils.clip_grad_norm_(theirs, 5.0).item(), rel=1e-12)
        nn.clip_grad_value_(ours, 2.0)
        torch.nn.utils.clip_grad_value_(theirs, 2.0)
        for optimizer in optimizers:
            optimizer.step()
    assert [p.data for p in ours] == pytest.approx([p.item() for p in theirs], rel=1e-12)
