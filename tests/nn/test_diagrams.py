"""`diagram`: columns of neurons with the weights on their edges."""

from __future__ import annotations

import math
import re
import xml.etree.ElementTree as ElementTree
from itertools import pairwise

import pytest

from autograd.drawing import PALETTE
from nn import MLP, Layer, Neuron
from nn.diagrams import diagram


def small() -> MLP:
    return MLP(2, [2, 2], activation="sigmoid", output_activation="sigmoid", bias=False, seed=0)


def named() -> MLP:
    """The assignment's network, with its weights and their names."""
    model = small()
    for number, weight in enumerate(model.parameters(), 1):
        weight.label, weight.data = f"w{number}", number / 10
    return model


def position(source: str, name: str) -> tuple[float, float]:
    (match,) = re.findall(rf'^  {name} \[.*pos="([-\d.e]+),([-\d.e]+)!"', source, re.MULTILINE)
    return float(match[0]), float(match[1])


def numbers(source: str) -> list[str]:
    return re.findall(r'^  (w\d+_\d+_\d+) \[label="', source, re.MULTILINE)


def test_columns_from_inputs_to_outputs() -> None:
    source = diagram(small()).source
    assert re.findall(r'^  n\d_\d \[label="(\w+)"', source, re.MULTILINE) == [
        "i1",
        "i2",
        "h1",
        "h2",
        "o1",
        "o2",
    ]
    columns = [{position(source, f"n{column}_{place}")[0] for place in (0, 1)} for column in range(3)]
    assert [len(column) for column in columns] == [1, 1, 1]
    assert min(columns[0]) < min(columns[1]) < min(columns[2])
    assert "hidden\\nsigmoid" in source


def test_weights_stand_on_their_edges_with_their_names() -> None:
    source = diagram(named()).source
    assert 'label="w1 = 0.1"' in source
    assert 'label="w8 = 0.8"' in source
    assert 'label="layer' not in diagram(small()).source  # automatic names are not shown
    (x0, y0), (x1, y1), (x, y) = (position(source, name) for name in ("n0_1", "n1_0", "w0_1_0"))
    assert (y - y0) / (y1 - y0) == pytest.approx((x - x0) / (x1 - x0), abs=1e-3)


@pytest.mark.parametrize("sizes", [(2, 2, 2), (3, 1, 1), (2, 3, 1), (3, 4, 2), (1, 5, 1), (4, 3, 2)])
def test_numbers_keep_clear_of_each_other(sizes: tuple[int, ...]) -> None:
    source = diagram(MLP(sizes[0], list(sizes[1:]), seed=0)).source
    places = [position(source, name) for name in numbers(source)]
    assert len(places) == sum(a * b for a, b in pairwise(sizes))
    for number, (x, y) in enumerate(places):
        for other_x, other_y in places[:number]:
            assert abs(x - other_x) > 0.8 or abs(y - other_y) > 0.2


def test_sign_and_size_are_colour_and_width() -> None:
    neuron = Neuron(3, seed=0)
    for weight, data in zip(neuron.w, (2.0, -1.0, 0.0), strict=True):
        weight.data = data
    edges = [line for line in diagram(neuron).source.splitlines() if " -> " in line]
    assert PALETTE["positive line strong"] in edges[0]
    assert "penwidth=3.5" in edges[0]
    assert "penwidth=2.15" in edges[1]
    assert PALETTE["zero line"] in edges[2]


@pytest.mark.parametrize("size", [3, 7], ids=["few", "many"])
def test_negative_is_dashed_for_grey_print(size: int) -> None:
    layer = Layer(size, size, bias=False, seed=0)
    for weight, data in zip(layer.neurons[0].w, (2.0, -1.0, 0.0), strict=False):
        weight.data = data
    edges = dict(re.findall(r"n0_(\d) -> n1_0 \[(.*)\]", diagram(layer).source))
    assert ["style=dashed" in edges[tail] for tail in "012"] == [False, True, False]
    assert ["arrowhead=none" in edge for edge in edges.values()] == [size == 7] * size


def test_the_legend_has_a_line_for_every_look() -> None:
    def said(model: MLP, color_by: str) -> list[str]:
        source = diagram(model, legend=True, color_by=color_by).source
        return re.findall(r'^  legend\d \[label="(.*)\\l"', source, re.MULTILINE)

    wider, neurons = "the wider and darker, the larger", "neurons: their bias, in these colours"
    model = MLP(2, [2], seed=0)
    assert said(small(), "data") == ["weight > 0", "weight < 0", wider]
    assert said(model, "grad") == ["gradient > 0", "gradient < 0", "no gradient", wider, neurons]
    first, second, *_ = model.parameters()
    first.data, second.data = 0.0, math.nan
    assert said(model, "data") == [
        "weight > 0", "weight < 0", "weight = 0", "weight nan", wider, neurons,
    ]  # fmt: skip
    assert PALETTE["invalid line"] in diagram(model).source


def test_gradients_instead_of_weights() -> None:
    model = named()
    assert diagram(model, color_by="grad").source.count("style=dotted") == 8
    first, second = model([1.0, 2.0])
    (first + second).backward()
    source = diagram(model, color_by="grad").source
    assert "dotted" not in source
    gradient = model.parameters()[0].grad
    assert f'label="∂w1 = {gradient:.3g}"' in source


def test_biases_stand_below_their_neurons() -> None:
    source = diagram(Layer(2, 2, seed=0)).source
    assert source.count('label="b = 0"') == 2
    assert 'label="b' not in diagram(small()).source


def test_wide_layers_are_abbreviated() -> None:
    source = diagram(MLP(784, [128, 10], seed=0), max_neurons=6).source
    assert source.count('label="⋮"') == 3
    assert re.findall(r'label="(i\d+)"', source) == ["i1", "i2", "i3", "i4", "i784"]
    assert numbers(source) == []
    assert source.count(" -> ") == 50


def test_names_of_inputs_and_outputs_are_escaped() -> None:
    source = diagram(Neuron(2, seed=0), inputs=['<a> "b"', "{x|y}\\"], outputs=["price"]).source
    assert "&lt;a&gt; &quot;b&quot;" in source
    assert 'label="{x|y}\\\\"' in source


def test_equal_networks_give_equal_text() -> None:
    assert diagram(small()) == diagram(small())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"color_by": "size"}, "color_by must be 'data' or 'grad', got 'size'"),
        ({"precision": 0}, "precision must be"),
        ({"max_neurons": 2}, "max_neurons must be"),
        ({"inputs": ["only one"]}, "inputs must be 2 names"),
        ({"outputs": "ab"}, "outputs must be 2 names"),
    ],
)
def test_bad_options_are_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        diagram(small(), **options)


@pytest.mark.parametrize("model", [3.0, "model", None, [1, 2]])
def test_other_things_are_refused(model: object) -> None:
    with pytest.raises(TypeError, match="diagram takes an MLP, a Layer or a Neuron"):
        diagram(model)


@pytest.mark.render
def test_it_renders_with_every_number() -> None:
    picture = diagram(named(), title="<network>", legend=True)
    shown = "".join(ElementTree.fromstring(picture.render("svg")).itertext())
    for text in ("<network>", "w5 = 0.5", "h2", "weight > 0"):
        assert text in shown
    assert picture.render("png").startswith(b"\x89PNG")


def test_numbers_for_which_there_is_no_room_are_left_out() -> None:
    """Between 6 inputs and 6 neurons every place on the way is crossed by other edges."""
    crowded, roomy = (diagram(MLP(n, [n], bias=False, seed=0)).source for n in (6, 3))
    assert ("w0_0_0 [" in roomy, "w0_0_0 [" in crowded) == (True, False)
    assert crowded.count("->") == 36


def test_a_gradient_that_is_not_there_or_not_finite_is_drawn() -> None:
    model = MLP(1, [2], bias=False, seed=0)
    first, second = model.parameters()
    first.grad, second.grad = math.inf, None
    assert "->" in diagram(model, color_by="grad").source
    crowded = MLP(6, [6], bias=False, seed=0)
    crowded.parameters()[0].grad = 1.0
    assert diagram(crowded, color_by="grad").source.count("dotted") == 35
