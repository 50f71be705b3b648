"""GPT computes what its formulas say, learns, goes on from a text, and can be looked at."""

import inspect
import math
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd import Value, compile, draw, explain, explore, grad, mean, topological_order
from autograd.engine.primitives import TABLE
from nn import GPT, Adam, TransformerBlock, add_lora, cross_entropy, fit
from tests.benchmarks.gpt import GPT as PlainGPT
from tests.benchmarks.gpt import Sizes
from tests.support import reader, transformer
from tests.support.explored import Explored
from tests.support.profiles import slow, tries

FUNCTIONS = reader.reference_functions(TABLE)
TINY = {"vocab_size": 5, "block_size": 6, "n_layer": 1, "n_head": 2, "n_embd": 4, "n_hidden": 6}
KINDS = {
    "microgpt": {},
    "gpt2": {
        "norm": "layer", "affine": True, "bias": True, "activation": "gelu_tanh", "tied": True,
        "embedding_norm": False, "final_norm": True,
    },
    "llama": {
        "rotary": True, "affine": True, "activation": "swiglu", "embedding_norm": False, "final_norm": True,
    },
    "mixture": {"n_expert": 3, "top_k": 2},
    "switch": {"n_expert": 2, "top_k": 1, "activation": "swiglu", "n_layer": 2},
}  # fmt: skip


def tiny(kind="microgpt", **others):
    model = GPT(**{**TINY, **KINDS[kind], "seed": 3, **others})
    rng = np.random.default_rng(5)
    for parameter in model.parameters():  # biases and gains too, at which they do not begin
        parameter.data += float(rng.normal(0.0, 0.3))
    return model


# --- the numbers -------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_scores_and_gradients_are_those_of_the_formulas_in_numpy(kind):
    model, tokens = tiny(kind), [4, 0, 3, 3, 1]
    arrays = transformer.arrays_of(model)
    scores = [[y.data for y in row] for row in model(tokens)]
    np.testing.assert_allclose(scores, transformer.gpt(tokens, arrays, model), rtol=1e-11, atol=1e-13)

    loss = model.loss(tokens)
    assert loss.data == pytest.approx(transformer.gpt_loss(tokens, arrays, model), rel=1e-12)
    expected = transformer.gradients(lambda W: transformer.gpt_loss(tokens, W, model), arrays)
    np.testing.assert_allclose(grad(loss, model.parameters()), expected, rtol=1e-9, atol=1e-12)


def test_with_the_defaults_it_is_microgpt():
    """The program of the benchmarks, in its own words, has the same losses and gradients."""
    plain = PlainGPT(Value, Sizes(), seed=2)
    model = GPT(27, 16)
    query, key, value, projection, up, down = plain.layers[0]
    attention, feed_forward = model.blocks[0].attention, model.blocks[0].feed_forward
    for module, matrix in [
        (model.token_embedding, plain.tokens), (model.position_embedding, plain.places),
        (model.output, plain.output), (attention.query, query), (attention.key, key),
        (attention.value, value), (attention.projection, projection), (feed_forward.up, up),
        (feed_forward.down, down),
    ]:  # fmt: skip
        module.weight = matrix
    assert {*model.parameters()} == {*plain.parameters}
    assert len(plain.parameters) == len(model.parameters()) == 4192

    text = [26, 4, 12, 12, 0, 26]
    losses = plain.losses(text)
    expected = sum(losses) / len(losses)
    loss = model.loss(text)
    assert loss.data == pytest.approx(expected.data, rel=1e-13)
    assert grad(loss, plain.parameters) == pytest.approx(
        grad(expected, plain.parameters), rel=1e-9, abs=1e-13
    )


def test_it_begins_with_weights_of_a_standard_deviation_of_0_08():
    numbers = [p.data for p in GPT(27, 16, seed=0).parameters()]
    assert np.std(numbers) == pytest.approx(0.08, rel=0.05)
    assert GPT(27, 16, seed=0).loss([*range(17)]).data == pytest.approx(math.log(27), rel=0.1)


def test_a_seed_decides_all_weights():
    one, same, other = (GPT(**TINY, n_expert=2, seed=seed).state_dict() for seed in (1, 1, 2))
    assert one == same != other


@tries(30)
@given(cut=st.integers(1, 5), tokens=st.lists(st.integers(0, 4), min_size=6, max_size=6))
def test_a_position_does_not_look_ahead(cut, tokens):
    model = tiny()
    head, whole = model(tokens[:cut]), model(tokens)
    assert [[y.data for y in row] for row in head] == [[y.data for y in row] for row in whole[:cut]]


def test_step_by_step_with_a_cache_it_is_the_same():
    model, tokens = tiny("llama"), [1, 2, 3]
    caches = model.caches()
    steps = [model.step(token, caches) for token in tokens]
    assert [[y.data for y in row] for row in steps] == [[y.data for y in row] for row in model(tokens)]
    assert [len(cache) for cache in caches] == [3]
    # of the last position and the first head: how much it looks at each, which adds up to all of it
    assert sum(weight.data for weight in caches[0].weights[2][0]) == pytest.approx(1.0)


def test_eight_layers_and_more_need_no_deeper_stack():
    limit = sys.getrecursionlimit()
    model = GPT(3, 4, n_layer=60, n_head=1, n_embd=2, n_hidden=2, seed=0)
    sys.setrecursionlimit(len(inspect.stack()) + 60)
    try:
        loss = model.loss([0, 1, 2, 0])
        loss.backward()
        names = [name for name, _ in model.named_parameters()]
    finally:
        sys.setrecursionlimit(limit)
    assert names[-1] == "output.weight2_1"
    assert all(p.grad != 0.0 for p in model.output.parameters())


# --- training and going on ---------------------------------------------------------------------------


@pytest.mark.parametrize("backend", ["numpy", *slow(["llvm"])])
@pytest.mark.parametrize("options", [{}, {"rotary": True, "n_expert": 2}, {"dropout": 0.5}], ids=str)
@pytest.mark.parametrize("lora", [False, True])
def test_fit_trains_it_on_texts_of_different_lengths(options, lora, backend):
    """Compiled with the numbers of the object graph, whatever is frozen or left out."""
    if backend == "llvm":
        pytest.importorskip("llvmlite", reason="llvmlite is in the extra jit")
    texts = [[0, 1, 2, 3], [1, 4, 4], [2, 2, 3, 4, 1], [3, 0, 0], [4, 1, 2, 0]]
    X, y = [text[:-1] for text in texts], [text[1:] for text in texts]
    found = []
    for route in ("eager", backend):
        model = GPT(**{**TINY, "seed": 0, **options})
        if lora:
            add_lora(model, 1, seed=0)
        optimizer = Adam(model.parameters(), lr=0.01)
        history = fit(
            model, X, y, loss="cross_entropy", optimizer=optimizer, epochs=3, batch_size=2, seed=0,
            backend=route, progress=False,
        )  # fmt: skip
        found.append([*history.loss, *model.state_dict().values()])
    assert found[1] == pytest.approx(found[0], rel=1e-11, abs=1e-14)


def test_it_learns_a_text_by_heart_and_goes_on_with_it():
    model = GPT(**TINY, seed=1)
    text = [0, 1, 2, 3, 4, 0]
    optimizer = Adam(model.parameters(), lr=0.05)
    for _ in range(60):
        optimizer.zero_grad()
        loss = model.loss(text)
        loss.backward()
        optimizer.step()
    assert loss.data < 0.05
    assert model.generate([0], 5, temperature=0) == text
    assert model.generate(0, stop=3, temperature=0) == [0, 1, 2, 3]


@tries(12)
@given(
    seed=st.integers(0, 9), top_k=st.sampled_from([None, 1, 3]), temperature=st.sampled_from([0, 0.5, 2.0])
)
def test_generation_is_as_by_calls_of_the_whole_model(seed, top_k, temperature):
    """Nothing kept from earlier positions changes what comes; beyond the block it sees the last of them."""
    model = tiny()
    found, rng = [0], np.random.default_rng(seed)
    for _ in range(9):
        scores = np.array([y.data for y in model(found[-6:])[-1]])
        order = sorted(range(5), key=lambda i: (-scores[i], i))[:top_k]
        if temperature == 0:
            found.append(order[0])
        else:
            p = np.exp((scores[order] - scores.max()) / temperature)
            found.append(int(rng.choice(order, p=p / p.sum())))
    assert model.generate([0], 9, temperature=temperature, top_k=top_k, seed=seed) == found


def test_generation_draws_with_the_model_s_probabilities():
    model = tiny()
    scores = np.array([y.data for y in model([2])[0]])
    p = np.exp(scores) / np.exp(scores).sum()
    rng = np.random.default_rng(0)
    drawn = np.bincount([model.generate([2], 1, seed=rng)[1] for _ in range(600)], minlength=5)
    assert np.all(abs(drawn - 600 * p) < 5 * np.sqrt(600 * p * (1 - p)))


def test_generation_leaves_the_model_as_it_was():
    model = GPT(**TINY, dropout=0.5, seed=0)
    assert model.generate([1], 4, seed=0) == model.generate([1], 4, seed=0)
    assert model.training
    assert all(module.training for module in model.modules())
    assert {p.grad for p in model.parameters()} == {0.0}


def test_dropout_works_in_training_alone():
    model = GPT(**TINY, dropout=0.5, seed=0)
    assert model.loss([0, 1, 2]).data != model.loss([0, 1, 2]).data
    model.eval()
    without = GPT(**TINY, seed=0)
    without.load_state_dict(model.state_dict())
    assert model.loss([0, 1, 2]).data == without.loss([0, 1, 2]).data


# --- a plain scalar graph ----------------------------------------------------------------------------


def test_every_parameter_is_called_by_its_way_from_the_model():
    model = GPT(**TINY, n_expert=2, affine=True, bias=True, final_norm=True)
    assert [(p.label, p.scope) for p in model.parameters()] == [
        (name, name.rpartition(".")[0]) for name, _ in model.named_parameters()
    ]


@pytest.mark.parametrize("lora", [False, True])
@pytest.mark.parametrize("dropout", [0.0, 0.5])
@pytest.mark.parametrize("kind", KINDS)
def test_everything_that_it_records_has_a_place_of_its_own_in_the_model(kind, dropout, lora):
    """And no place has others in it, so a drawing that opens one shows parts alone."""
    model = tiny(kind, dropout=dropout)
    if lora:
        add_lora(model, 1)
    scopes = {node.scope for node in topological_order(model.loss([0, 1, 2]))}
    assert "" not in scopes
    assert [(a, b) for a in scopes for b in scopes if b.startswith(f"{a}.")] == []
    assert "block0.attention.head1" in scopes


def test_drawings_fold_it():
    loss = tiny(n_layer=2).loss([0, 1, 2, 3])
    folded = draw(loss, depth=1).source
    for name in ("block0", "block1", "token_embedding", "output", "loss"):
        assert f">{name}<" in folded or f'"{name}' in folded
    for depth, name in ((2, "attention"), (3, "head1")):
        assert name in draw(loss, depth=depth).source
    assert folded.count("\n") < 40
    large = GPT(27, 16, seed=0).loss([26, 4, 12, 12, 0, 26])
    assert draw(large, depth=3).source.count("\n") < 120


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_is_derived(kind):
    model = GPT(**{**TINY, "n_head": 1, "n_embd": 2, "n_hidden": 2, "seed": 0, **KINDS[kind]})
    for i, parameter in enumerate(model.parameters()):
        parameter.label = f"w{i}"  # which the reader of formulas takes for a name
    loss = model.loss([0, 1, 2])
    for weight in (model.output.weight[2][1], model.blocks[0].attention.query.weight[0][0]):
        derivation = explain(loss, weight)
        again = float(reader.evaluate(derivation.formula, derivation.values, FUNCTIONS))
        assert again == pytest.approx(grad(loss, weight)[0], rel=1e-9)


def test_it_is_derived_and_stepped_through():
    model = GPT(2, 2, 1, 1, 2, n_hidden=2, seed=0)
    loss = model.loss([0, 1, 0])
    weight = model.blocks[0].attention.query.weight[0][0]
    assert "softmax" in explain(loss, weight).text
    page = Explored(explore(loss, wrt=[weight]).html)
    assert "block0.attention.head0" in {node["scope"] for node in page.payload["nodes"]}


@pytest.mark.slow
def test_the_page_of_a_whole_microgpt_opens_its_parts():
    loss = GPT(27, 16, seed=0).loss([26, 4, 12, 26])
    page = Explored(explore(loss).html)
    opened = [picture["opened"] for picture in page.payload["pictures"]]
    assert opened[0] == []
    assert ["block0", "block0.attention"] in opened


# --- compiled ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "backend"),
    [*((kind, "numpy") for kind in KINDS), ("microgpt", "llvm")]
    + slow([(kind, "llvm") for kind in KINDS if kind != "microgpt"]),
)
def test_compiled_for_one_length_it_is_right_for_all_tokens(kind, backend):
    if backend == "llvm":
        pytest.importorskip("llvmlite", reason="llvmlite is in the extra jit")
    model = tiny(kind)
    tokens = [Value(0.0, f"token{i}") for i in range(4)]
    program = compile(model.loss(tokens), model.parameters(), tokens, backend=backend)
    batch = np.random.default_rng(0).integers(0, 5, (7, 4))
    value, gradient = program([p.data for p in model.parameters()], batch.astype(float))
    expected = mean([model.loss(text) for text in batch.tolist()])
    assert value == pytest.approx(expected.data, rel=1e-12)
    np.testing.assert_allclose(gradient, grad(expected, model.parameters()), rtol=1e-10, atol=1e-13)


@pytest.mark.parametrize("kind", ["llama", "switch"])
def test_predictions_of_many_texts_are_those_of_each(kind):
    model = tiny(kind)
    X = np.random.default_rng(0).integers(0, 5, (60, 3))
    many = model.predict(X)
    assert many.shape == (60, 3, 5)
    np.testing.assert_allclose(many[:4], model.predict(X[:4]), rtol=1e-12)
    np.testing.assert_allclose(many[7], [[y.data for y in row] for row in model(X[7])], rtol=1e-12)
    assert model.predict(X[:2, :1]).shape == (2, 1, 5)


def test_a_program_says_which_token_is_out_of_range():
    model = tiny()
    tokens = [Value(0.0, f"token{i}") for i in range(3)]
    program = compile(model.loss(tokens), model.parameters(), tokens, backend="numpy")
    with pytest.raises(IndexError, match="token1"):
        program([p.data for p in model.parameters()], [[0.0, 5.0, 1.0]])


# --- what is refused ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"vocab_size": 0}, ValueError, "vocab_size must be at least 1, got 0"),
        ({"n_head": 3}, ValueError, "n_head must divide n_embd, got n_head=3 and n_embd=4"),
        ({"n_layer": 0}, ValueError, "n_layer must be at least 1"),
        ({"rotary": True, "n_head": 4}, ValueError, "even n_embd / n_head, got 1"),
        ({"norm": "batch"}, ValueError, "no norm is named 'batch': choose one of rms, layer"),
        ({"activation": "swish"}, ValueError, "no activation is named 'swish'"),
        ({"n_expert": 2, "top_k": 3}, ValueError, "top_k must be from 1 to n_expert=2, got 3"),
        ({"dropout": 1.0}, ValueError, "dropout must be from 0 to below 1"),
        ({"tied": "yes"}, TypeError, "tied must be True or False"),
        ({"eps": -1.0}, ValueError, "eps must be finite and at least 0"),
    ],
)
def test_bad_settings_are_refused(arguments, error, message):
    with pytest.raises(error, match=message):
        GPT(**{**TINY, **arguments})


@pytest.mark.parametrize(
    ("tokens", "error", "message"),
    [
        ([5], IndexError, "token_embedding takes whole numbers from 0 to 4, got 5"),
        ([-1], IndexError, "token_embedding takes whole numbers from 0 to 4, got -1"),
        ([0.5], ValueError, "whole numbers from 0 to 4, got 0.5"),
        ([float("nan")], ValueError, "whole numbers from 0 to 4, got nan"),
        (["a"], TypeError, "whole numbers from 0 to 4, got str: 'a'"),
        ([True], TypeError, "got bool: True"),
        ([], TypeError, "GPT takes a sequence of tokens"),
        (3, TypeError, "GPT takes a sequence of tokens"),
        ([0] * 7, ValueError, "up to block_size=6 tokens, got 7"),
    ],
)
def test_bad_tokens_are_refused(tokens, error, message):
    with pytest.raises(error, match=message):
        tiny()(tokens)


def test_bad_calls_are_refused():
    model = tiny()
    with pytest.raises(ValueError, match="at least 2 tokens"):
        model.loss([1])
    with pytest.raises(ValueError, match="a target for each of 2 tokens"):
        model.loss([1, 2], [3])
    with pytest.raises(ValueError, match="takes 1 caches, one for each block, got 0"):
        model.step(0, [])
    with pytest.raises(ValueError, match="at least one token"):
        model.generate([])
    with pytest.raises(ValueError, match="temperature must be finite and at least 0"):
        model.generate([0], temperature=-1)
    with pytest.raises(ValueError, match="top_k must be at least 1"):
        model.generate([0], top_k=0)
    caches = model.caches()
    for token in range(5):
        model.step(token, caches)
    model.step(0, caches)
    with pytest.raises(ValueError, match="block_size=6 positions, and they are all taken"):
        model.step(0, caches)
    model.output.weight[0][0].data = math.inf
    with pytest.raises(ValueError, match="scores are not finite"):
        model.generate([0], 1)
    with pytest.raises(TypeError, match="takes a sequence of vectors of 4 numbers"):
        TransformerBlock(4, 2)([1.0, 2.0, 3.0, 4.0])


# --- torch, where it is installed --------------------------------------------------------------------


@pytest.mark.parametrize("activation", ["relu", "gelu"])
def test_a_block_is_torch_s_encoder_layer_with_its_norms_first(activation):
    torch = pytest.importorskip("torch", reason="torch is only in the extra bench")
    block = TransformerBlock(
        6, 3, n_hidden=5, activation=activation, norm="layer", affine=True, bias=True, seed=0
    )
    rng = np.random.default_rng(0)
    for parameter in block.parameters():
        parameter.data += float(rng.normal(0.0, 0.3))
    W = {name: torch.from_numpy(array) for name, array in transformer.arrays_of(block).items()}
    theirs = torch.nn.TransformerEncoderLayer(
        6, 3, 5, dropout=0.0, activation=activation, norm_first=True, dtype=torch.float64
    )
    packed = {
        f"self_attn.in_proj_{end}": torch.cat(
            [W[f"attention.{part}.{end}"] for part in ("query", "key", "value")]
        )
        for end in ("weight", "bias")
    }
    names = {
        "self_attn.out_proj": "attention.projection", "linear1": "feed_forward.up",
        "linear2": "feed_forward.down", "norm1": "norm1", "norm2": "norm2",
    }  # fmt: skip
    single = {f"{a}.{end}": W[f"{b}.{end}"] for a, b in names.items() for end in ("weight", "bias")}
    theirs.load_state_dict(packed | single)
    x = torch.from_numpy(rng.normal(size=(4, 1, 6))).requires_grad_()
    mask = torch.nn.Transformer.generate_square_subsequent_mask(4, dtype=torch.float64)
    expected = theirs(x, src_mask=mask)
    expected[-1].sum().backward()

    inputs = [[Value(each) for each in row[0]] for row in x.tolist()]
    outputs = block(inputs)
    numbers = [[y.data for y in row] for row in outputs]
    np.testing.assert_allclose(numbers, expected.detach().numpy()[:, 0], rtol=1e-11, atol=1e-13)
    found = grad(sum(outputs[-1]), [each for row in inputs for each in row])
    np.testing.assert_allclose(found, x.grad.numpy().ravel(), rtol=1e-10, atol=1e-13)


def test_the_loss_is_torch_s_cross_entropy():
    torch = pytest.importorskip("torch", reason="torch is only in the extra bench")
    model = tiny()
    scores = torch.tensor([[y.data for y in row] for row in model([0, 1, 2])], dtype=torch.float64)
    expected = torch.nn.functional.cross_entropy(scores, torch.tensor([1, 2, 4])).item()
    assert model.loss([0, 1, 2, 4]).data == pytest.approx(expected, rel=1e-12)
    assert cross_entropy(model([0])[0], 1).data == pytest.approx(
        torch.nn.functional.cross_entropy(scores[:1], torch.tensor([1])).item(), rel=1e-12
    )
