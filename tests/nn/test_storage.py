"""`save` and `load`: every model comes back to the last bit, and every other file gets a clear word."""

import json
import math

import pytest

from autograd import Value
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
    SwiGLU,
    TransformerBlock,
    add_lora,
    load,
    save,
)
from nn.architectures import count_parameters, described

MODELS = {
    "MLP": lambda: MLP(2, [3, 2], seed=0),
    "MLP of one layer": lambda: MLP(3, [2], output_activation="softmax", seed=0),
    "MLP with all options": lambda: MLP(2, [4, 4, 1], "silu", "sigmoid", bias=False, seed=3, dropout=0.25),
    "Layer": lambda: Layer(2, 3, "log_softmax", seed=1),
    "Layer with a name": lambda: Layer(2, 3, "elu", bias=False, seed=1, name="hidden"),
    "Neuron": lambda: Neuron(4, "tanh", seed=2, name="cell"),
    "Sequential": lambda: Sequential(
        Layer(2, 3, "relu", seed=0), Dropout(0.5), Sequential(Layer(3, 3, seed=1)), MLP(3, [2], seed=2)
    ),
    **{f"MLP of {name}": lambda name=name: MLP(2, [2, 2], "tanh", name, seed=5) for name in ACTIVATIONS},
}


GPTS = {"vocab_size": 5, "block_size": 4, "n_layer": 2, "n_head": 2, "n_embd": 4}
PARTS = {
    "Linear": lambda: Linear(3, 2, name="head"),
    "Linear without bias": lambda: Linear(3, 2, bias=False),
    "Embedding": lambda: Sequential(Embedding(5, 3), Linear(3, 1)),
    "RMSNorm": lambda: RMSNorm(3, name="norm1"),
    "RMSNorm without gains": lambda: Sequential(RMSNorm(3, 0.5, elementwise_affine=False), GELU("tanh")),
    "LayerNorm": lambda: LayerNorm(3, 0.25),
    "LayerNorm without bias": lambda: LayerNorm(3, bias=False),
    "FeedForward": lambda: FeedForward(3, 5, "gelu", bias=True),
    "SwiGLU": lambda: SwiGLU(3, name="block0"),
    "MixtureOfExperts": lambda: MixtureOfExperts(3, 4, 1, 2, "swiglu", bias=True, normalize=True),
    "CausalSelfAttention": lambda: CausalSelfAttention(
        4, 2, bias=True, rotary=True, rotary_base=7.0, dropout=0.5
    ),
    "TransformerBlock": lambda: TransformerBlock(
        4, 1, n_hidden=3, norm="layer", eps=0.5, affine=True, bias=True, name="b"
    ),
    "GPT": lambda: GPT(**GPTS),
    "GPT-2": lambda: GPT(
        **GPTS, norm="layer", affine=True, bias=True, activation="gelu_tanh", tied=True, final_norm=True,
        embedding_norm=False, dropout=0.125,
    ),
    "GPT with experts": lambda: GPT(
        **GPTS, n_expert=3, top_k=1, activation="swiglu", rotary=True, affine=True
    ),
    "LoRA": lambda: LoRA(Linear(3, 2), 2, 8.0),
    "GPT with LoRA": lambda: add_lora(GPT(**GPTS), 1, 3.0, ["query", "down", "output"]),
    "layers with LoRA": lambda: Sequential(add_lora(FeedForward(3), 1, names="up"), LoRA(Linear(3, 3), 1)),
}  # fmt: skip


@pytest.mark.parametrize("name", PARTS)
def test_a_part_of_a_transformer_comes_back_to_the_last_bit(name, tmp_path):
    model = PARTS[name]()
    for i, parameter in enumerate(model.parameters()):
        parameter.data = math.sin(i) / 3.0
    save(model, tmp_path / "model.json")
    again = load(tmp_path / "model.json")
    assert repr(again) == repr(model)
    assert again.state_dict() == model.state_dict()
    assert [(p.label, p.scope) for p in again.parameters()] == [
        (p.label, p.scope) for p in model.parameters()
    ]
    assert [p.requires_grad for p in again.parameters()] == [p.requires_grad for p in model.parameters()]
    model.eval()
    if isinstance(model, GPT) or "Embedding" in name:
        x = [0, 4, 1]
    else:
        x = [[0.3, -0.7, 0.2, 0.9][: model.n_in], [1.0, 0.0, 2.0, -1.0][: model.n_in]]
    assert [[y.data for y in row] for row in again(x)] == [[y.data for y in row] for row in model(x)]


@pytest.mark.parametrize("name", PARTS)
def test_the_number_of_parameters_is_known_before_the_model_is_built(name):
    model = PARTS[name]()
    assert count_parameters(described(model)) == len(model.parameters())


def test_a_setting_that_was_changed_in_one_place_is_not_lost(tmp_path):
    model = GPT(**GPTS)
    model.blocks[1].norm2.eps = 0.5
    save(model, tmp_path / "model.json")
    with pytest.raises(ValueError, match="its layers were changed after it was made"):
        load(tmp_path / "model.json")


def test_a_lora_that_fits_no_linear_map_is_damage(tmp_path):
    path = tmp_path / "model.json"
    save(PARTS["GPT with LoRA"](), path)
    content = json.loads(path.read_text(encoding="utf-8"))
    del content["digests"]
    changes = content["architecture"]["lora"]
    changes["block0.attention.keys"] = changes.pop("block0.attention.query")
    path.write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(ValueError, match=r"it has no linear map 'block0\.attention\.keys'"):
        load(path)


@pytest.mark.parametrize("inner", ["MLP", "LoRA"])
def test_a_lora_of_something_else_is_damage(inner, tmp_path):
    path = tmp_path / "model.json"
    save(PARTS["LoRA"](), path)
    content = json.loads(path.read_text(encoding="utf-8"))
    del content["digests"]
    save(MLP(3, [2]) if inner == "MLP" else PARTS["LoRA"](), path)
    content["architecture"]["linear"] = json.loads(path.read_text(encoding="utf-8"))["architecture"]
    path.write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(ValueError, match=r"architecture\.linear\.type must be one of Linear, got str"):
        load(path)


@pytest.mark.parametrize("name", MODELS)
def test_a_model_comes_back_to_the_last_bit(name, tmp_path):
    model = MODELS[name]()
    for i, parameter in enumerate(model.parameters()):
        parameter.data = parameter.data / 3.0 + i * 5e-324
    save(model, tmp_path / "model.json")
    again = load(tmp_path / "model.json")
    assert type(again) is type(model)
    assert repr(again) == repr(model)
    assert again.state_dict() == model.state_dict()
    assert [p.label for p in again.parameters()] == [p.label for p in model.parameters()]
    assert not again.training
    x = [0.3, -0.7, 0.2, 0.9][: model.n_in]
    outputs = [each.eval()(x) for each in (model, again)]
    numbers = [
        [y.data for y in (out if isinstance(out, list) or hasattr(out, "__iter__") else [out])]
        for out in outputs
    ]
    assert numbers[0] == numbers[1]


def test_the_file_is_as_documented(tmp_path):
    save(MLP(2, [3, 1], seed=0), tmp_path / "model.json")
    content = json.loads((tmp_path / "model.json").read_text(encoding="utf-8"))
    assert (content["format"], content["version"], content["training"]) == ("scalar-autograd", 1, None)
    assert content["architecture"]["type"] == "MLP"
    assert next(iter(content["parameters"])) == "layer0.neuron0.w0"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model.json"]


class Own(Module):
    def __init__(self):
        self.w = Value(2.0)

    def __call__(self, x):
        return self.w * x[0]


def changed():
    model = MLP(2, [3, 1], seed=0)
    model.layers[0].neurons[1].activation = "tanh"
    return model


@pytest.mark.parametrize(
    ("model", "why"),
    [
        (Own, "Own is a class of your own"),
        (lambda: MLP(2, [3, 1], lambda x: x * x), "its activation '<lambda>' is a function of your own"),
        (lambda: Sequential(Layer(2, 1), abs), "it has a function of your own in it"),
        (lambda: Sequential(Layer(2, 1), Own()), "Own is a class of your own"),
        (changed, "its layers were changed after it was made"),
    ],
)
def test_what_the_file_cannot_build_is_filled(model, why, tmp_path):
    path = tmp_path / "model.json"
    first, second = model(), model()
    save(first, path)
    for parameter in second.parameters():
        parameter.data = 0.5
    with pytest.raises(ValueError, match=r"model\.json does not say how to build its model") as caught:
        load(path)
    assert why in str(caught.value)
    assert load(path, second) is second
    assert second.state_dict() == first.state_dict()


def test_another_architecture_names_what_does_not_fit(tmp_path):
    save(MLP(2, [3, 1], seed=0), tmp_path / "model.json")
    other = MLP(2, [2, 2, 1], seed=0)
    before = other.state_dict()
    with pytest.raises(ValueError, match=r"the parameters of model\.json do not fit the model") as caught:
        load(tmp_path / "model.json", other)
    assert "layer2.neuron0.w0" in str(caught.value)
    assert "layer0.neuron2.w0" in str(caught.value)
    assert other.state_dict() == before


def written(tmp_path, text):
    path = tmp_path / "file.json"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


NEURON = {"type": "Neuron", "n_in": 10**12, "activation": "linear", "bias": False, "name": ""}
WHOLE = {"format": "scalar-autograd", "version": 1, "architecture": None, "parameters": {}, "training": None}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not a file that save wrote, or is cut short"),
        ("{}", "it has no format 'scalar-autograd'"),
        ("[1, 2]", "it has no format"),
        ("loss,epoch\n1,2\n", "not a file that save wrote, or is cut"),
        (b"\x80\x04\xff\xfe", "it is not text"),
        (json.dumps(WHOLE | {"version": 2}), "has version 2 of the format, but this program reads up to 1"),
        (json.dumps(WHOLE | {"version": "new"}), "has version 'new' of the format"),
        (
            '{"format": "scalar-autograd", "version": 1}',
            "is damaged: it has no architecture and no parameters and no training",
        ),
        (
            json.dumps(WHOLE | {"architecture": {"type": "CNN"}}),
            "architecture.type must be one of MLP, Layer",
        ),
        (
            json.dumps(WHOLE | {"architecture": {"type": "Dropout", "p": 1.0}}),
            r"architecture\.p must be a fin",
        ),
        (
            json.dumps(WHOLE | {"architecture": {"type": "MLP", "sizes": 3}}),
            "architecture has no n_in and no",
        ),
        (json.dumps(WHOLE | {"architecture": NEURON}), "has 1000000000000 parameters, and there are 0 in"),
        (
            json.dumps(
                WHOLE
                | {"architecture": NEURON | {"n_in": 1, "activation": "softmax"}, "parameters": {"w0": 1.0}}
            ),
            "its architecture makes no sense .softmax needs",
        ),
        (json.dumps(WHOLE | {"parameters": {"w0": "x"}}), "damaged: parameters.w0 must be a number, got str"),
        (json.dumps(WHOLE).replace("null", "[" * 10**5 + "]" * 10**5), "is nested more than 50 deep"),
        (json.dumps(WHOLE).replace("1", "1" + "0" * 5000), "a number has 5001 digits"),
        (json.dumps(WHOLE).replace('"parameters"', '"format"'), "'format' appears twice in an object"),
    ],
)
def test_other_files_get_a_clear_word(text, message, tmp_path):
    with pytest.raises(ValueError, match=message) as caught:
        load(written(tmp_path, text))
    assert "file.json" in str(caught.value)


def test_a_truncated_file_is_never_read(tmp_path):
    save(MLP(2, [2, 1], seed=0), tmp_path / "model.json")
    data = (tmp_path / "model.json").read_bytes()
    for length in range(0, len(data) - 2, 97):
        with pytest.raises(ValueError, match="is cut short"):
            load(written(tmp_path, data[:length]))


def test_a_parameter_that_is_not_finite_is_named_and_nothing_is_written(tmp_path):
    model = MLP(1, [1], seed=0)
    model.parameters()[1].data = math.nan
    with pytest.raises(ValueError, match=r"layer0\.neuron0\.b is nan"):
        save(model, tmp_path / "model.json")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("act", "error", "message"),
    [
        (
            lambda folder: save(3, folder / "m.json"),
            TypeError,
            "save takes a Module, such as an MLP, got int",
        ),
        (lambda folder: save(MLP(1, [1]), 3), TypeError, "takes a path, got int: 3"),
        (lambda folder: save(MLP(1, [1]), folder / "no" / "m.json"), FileNotFoundError, "no"),
        (lambda folder: load(folder / "m.json"), FileNotFoundError, "m.json"),
        (lambda folder: load(7), TypeError, "load takes a path, got int: 7"),
        (lambda folder: load(folder / "m.json", "MLP"), TypeError, "load takes a Module to fill, got str"),
    ],
)
def test_bad_arguments_are_refused(act, error, message, tmp_path):
    with pytest.raises(error, match=message):
        act(tmp_path)
