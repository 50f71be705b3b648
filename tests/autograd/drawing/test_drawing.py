"""`draw` against expected DOT, hostile labels, limits, and every format."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from itertools import pairwise

import graphviz
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from autograd import (
    Value,
    dot,
    log_softmax,
    mean,
    no_grad,
    primitive,
    relu,
    sequence,
    sigmoid,
    softmax,
    sum,
    where,
)
from autograd.drawing import PALETTE, Drawing, draw
from autograd.errors import GraphError, GraphTooLargeError, MissingExtraError
from tests.support.labels import LABELS
from tests.support.profiles import slow

HOSTILE = [
    '<b>"bold"</b>',
    "{a|b}",
    "back\\slash \\N \\",
    "&lt; & co",
    "two\nlines",
    "σ → 中 🙂",
    "]; n0 -> n1",
]


def labelled(node: Value, label: str, scope: str = "") -> Value:
    node.label = label
    node.scope = scope
    return node


def square() -> Value:
    x = Value(3.0, "x")
    y = labelled(x * x, "y")
    y.backward()
    return y


def network(sizes: list[int], examples: int) -> list[Value]:
    """The outputs of a tanh network, one list entry for each example."""
    layers = []
    for number, (n_in, n_out) in enumerate(pairwise(sizes)):
        scopes = [f"layer{number}.neuron{j}" for j in range(n_out)]
        rows = [
            tuple([labelled(Value(0.01 * (i - j)), f"{scope}.w{i}", scope) for i in range(n_in)])
            for j, scope in enumerate(scopes)
        ]
        layers.append((rows, scopes))
    outputs = []
    for example in range(examples):
        x = sequence([float(example + i) for i in range(sizes[0])])
        for rows, scopes in layers:
            x = tuple(labelled(relu(labelled(dot(row, x), "", at)), "", at) for row, at in zip(rows, scopes))
        outputs.append(x[0])
    return outputs


def edges(source: str) -> list[str]:
    return re.findall(r"n\d+ -> n\d+", source)


def node(source: str, name: str) -> str:
    """The line of a node."""
    (line,) = re.findall(rf"^ *{name} \[.*$", source, re.MULTILINE)
    return line


# --- the text --------------------------------------------------------------------------------------


def test_a_square_is_drawn_as_expected() -> None:
    def number(caption: str, text: str) -> str:
        return (
            f'<TR><TD ALIGN="LEFT"><FONT COLOR="{PALETTE["caption"]}" POINT-SIZE="12">{caption}</FONT></TD>'
            f'<TD ALIGN="RIGHT">{text}</TD></TR>'
        )

    ink, paper, line = (PALETTE[name] for name in ("ink", "paper", "line"))
    table = f'<<FONT COLOR="{ink}"><TABLE BORDER="0" CELLSPACING="0" CELLPADDING="2">'
    x = (
        f'{table}<TR><TD COLSPAN="2"><B>x</B></TD></TR>{number("data", "3")}{number("grad", "6")}'
        "</TABLE></FONT>>"
    )
    y = (
        f'{table}<TR><TD BGCOLOR="{PALETTE["badge"]}" STYLE="ROUNDED">'
        f'<FONT COLOR="{paper}"><B>×</B></FONT></TD>'
        f"<TD><B>y</B></TD></TR>{number('data', '9')}{number('grad', '1')}</TABLE></FONT>>"
    )
    font = 'fontname="Helvetica,Arial,sans-serif", fontsize'
    frame = f'color="{PALETTE["frame"]}", fontcolor="{ink}"'
    graph = f'rankdir=LR, bgcolor="{paper}", {frame}, {font}=13, labeljust=r, pad=0.2'
    node = f'{font}=13, style=filled, color="{line}", width=0, height=0, margin="0.06,0.04", penwidth=1.2'
    edge = f'{font}=12, color="{line}", fontcolor="{ink}", arrowsize=0.7'
    sharp = f'shape=box, fillcolor="{PALETTE["positive strong"]}"'
    fill = f'fillcolor="{PALETTE.shade(1.0, 6.0)}"'
    rounded = f'shape=box, peripheries=2, style="filled,rounded", {fill}'
    lines = [
        "digraph computation {",
        f"  graph [{graph}, nodesep=0.2, ranksep=0.45]",
        f"  node [{node}]",
        f"  edge [{edge}]",
        rf'  n0 [label={x}, {sharp}, tooltip="x\ninput\ndata 3.0\ngrad 6.0"]',
        rf'  n1 [label={y}, {rounded}, tooltip="y\nop mul\ndata 9.0\ngrad 1.0"]',
        "  n0 -> n1",
        "  n0 -> n1",
        "}",
        "",
    ]
    assert draw(square()).source == "\n".join(lines)


def test_x_times_x_has_both_edges_and_their_derivatives() -> None:
    assert draw(square(), derivatives=True).source.count('n0 -> n1 [label="3"]') == 2


def test_equal_graphs_give_equal_text() -> None:
    assert draw(square()) == draw(square())
    one, two = network([2, 3, 1], 4), network([2, 3, 1], 4)
    assert draw(one[0], depth=2).source == draw(two[0], depth=2).source
    assert draw(mean(one), legend=True).source == draw(mean(two), legend=True).source


def test_not_reached_looks_different_from_zero() -> None:
    x, y = Value(1.0, "x"), Value(-1.0, "y")
    output = x * 0.0 + relu(y)
    before = draw(output).source
    assert "grad" in node(before, "n0")
    assert ">none<" in node(before, "n0")
    assert 'style="filled,dashed"' in node(before, "n0")
    output.backward()
    after = draw(output).source
    assert ">0<" in node(after, "n0")
    assert "dashed" not in after
    assert PALETTE["zero"] in node(after, "n0")


def test_constants_stand_bare_each_on_its_own() -> None:
    x = Value(1.0, "x")
    source = draw(2.0 * x + 2.0).source
    constants = [line for line in source.splitlines() if "shape=plaintext" in line]
    assert len(constants) == 2
    assert not any("grad" in line for line in constants)


def test_kinds_have_shapes() -> None:
    w, x = labelled(Value(2.0), "layer0.w", "layer0"), Value(1.0, "x")
    marked = Value(3.0, "marked")
    source = draw(w * x * marked, parameters=[marked]).source
    assert "shape=note" in node(source, "n0")
    assert "shape=box" in node(source, "n1")
    assert "shape=note" in node(source, "n3")
    assert "<B>w</B>" in node(source, "n0")  # the frame says the rest


def test_what_where_does_not_read_is_dashed() -> None:
    x = Value(2.0, "x")
    source = draw(where(1.0, x, x * x), derivatives=True).source
    assert len(re.findall(r"-> n\d+ \[style=dashed\]", source)) == 2
    assert source.count('[label="1"]') == 1


def test_scopes_are_nested_frames() -> None:
    h = labelled(Value(1.0), "h", "layer0.neuron1")
    outside = Value(1.0, "outside")
    lines = draw(h + outside).source.splitlines()
    frames = [line.strip() for line in lines if "subgraph" in line or line.strip().startswith("graph [label")]
    assert [line.split(",")[0] for line in frames] == [
        "subgraph cluster_1 {",
        'graph [label="layer0"',
        "subgraph cluster_2 {",
        'graph [label="neuron1"',
    ]
    assert next(line for line in lines if "<B>h</B>" in line).startswith("      n0 [")
    assert next(line for line in lines if "<B>outside</B>" in line).startswith("  n1 [")


def test_a_deep_scope_is_no_recursion() -> None:
    source = draw(labelled(Value(1.0), "x", ".".join(["s"] * 3000))).source
    assert source.count("subgraph") == 3000
    assert source.count("{") == source.count("}")


def test_directions_precision_title() -> None:
    y = labelled(Value(2.0) / 3.0, "y")
    assert "rankdir=TB" in draw(y, direction="TB").source
    assert ">0.67<" in draw(y, precision=2).source
    assert "&lt;title&gt;" in draw(y, title="<title>").source


def legend(drawing: Drawing) -> list[str]:
    """What the legend says, in the order of reading."""
    (text,) = re.findall(r"subgraph cluster_legend \{.*?\n  \}", drawing.source, re.DOTALL)
    samples = re.findall(r"^ *(shape|color|note)\d \[label=<(.*?)>, shape", text, re.MULTILINE)
    rows = {row: [re.sub("<.*?>", "", label) for name, label in samples if name == row] for row, _ in samples}
    return [sample for row in ("shape", "color", "note") for sample in rows.get(row, [])]


def test_the_legend_explains_what_is_there() -> None:
    shapes = ["input", "fresult of f", "foutput"]
    colours = ["grad &lt; 0", "grad = 0", "grad &gt; 0"]
    x = Value(-1.0, "x")
    y = where(x > 0, x.sqrt(), 2.0 * x)
    assert legend(draw(y, legend=True)) == [*shapes, *colours, "no grad", "╌╌▸ not read"]
    y.backward()
    assert legend(draw(y, legend=True, derivatives=True)) == [
        *shapes, *colours, "0.5 on an arrow: local derivative", "╌╌▸ not read",
    ]  # fmt: skip
    x.grad = float("nan")
    assert "grad nan" in legend(draw(y, legend=True))
    assert "━━▸ on a path" in legend(draw(y, legend=True, highlight=x))


def test_the_legend_of_a_collapsed_graph() -> None:
    said = legend(draw(mean(network([2, 3, 1], 12)), depth=1, legend=True))
    assert said == [
        "foutput", "many nodes", "grad &lt; 0", "grad = 0", "grad &gt; 0", "no grad",
        "×2: recorded twice", "2 on an arrow: two values",
    ]  # fmt: skip


@pytest.mark.render
def test_every_sample_of_the_legend_is_seen() -> None:
    for direction in ("LR", "RL", "TB", "BT"):
        svg = draw(Value(1.0, "x"), legend=True, direction=direction)._repr_svg_()
        shown = "".join(ElementTree.fromstring(svg).itertext()).replace("\xa0", " ")
        assert all(sample in shown for sample in ("input", "grad < 0", "grad = 0", "grad > 0", "no grad"))


def test_the_legend_runs_as_one_reads() -> None:
    chains = {
        direction: re.findall(
            r"(color\d -> .*?) [}[]", draw(square(), legend=True, direction=direction).source
        )
        for direction in ("LR", "RL", "TB")
    }
    rightwards, leftwards = "color0 -> color1 -> color2", "color2 -> color1 -> color0"
    assert chains == {"LR": [rightwards], "RL": [leftwards], "TB": [rightwards]}


def test_repeats_have_the_colours_of_their_gradients() -> None:
    w = Value(1.0, "w")
    ups, both = ([labelled(w * x, name) for x in (1.0, 2.0)] for name in ("up", "both"))
    loss = sum([2.0 * ups[0], 3.0 * ups[1], both[0], -1.0 * both[1]])
    loss.backward()
    lines = draw(loss, depth=1).source.splitlines()
    (up,) = (line for line in lines if "up ×2" in line)
    (mixed,) = (line for line in lines if "both ×2" in line)
    assert f'fillcolor="{PALETTE.shade(2.0, 7.0)}:{PALETTE.shade(3.0, 7.0)}"' in up  # 7: the gradient of w
    assert f'fillcolor="{PALETTE.shade(-1.0, 7.0)}:{PALETTE.shade(1.0, 7.0)}"' in mixed


def test_repeats_say_that_one_of_them_is_nan() -> None:
    w = Value(1.0, "w")
    terms = [labelled(w * x, "term") for x in (1.0, 2.0, 3.0)]
    loss = sum(terms)
    loss.backward()
    terms[1].grad = float("nan")
    (line,) = (line for line in draw(loss, depth=1).source.splitlines() if "term ×3" in line)
    assert ">nan<" in line
    assert f'fillcolor="{PALETTE["invalid"]}"' in line


def test_how_often_is_not_cut_off_a_long_name() -> None:
    w = Value(1.0, "w")
    terms = [labelled(w * x, "name " * 20) for x in (1.0, 2.0)]
    assert "… ×2</B>" in draw(sum(terms), depth=1).source


def test_colours_are_the_sign_and_size() -> None:
    assert PALETTE.shade(0.0, 1.0) == PALETTE["zero"]
    assert PALETTE.shade(float("nan"), 1.0) == PALETTE["invalid"]
    assert PALETTE.shade(float("inf"), 1.0) == PALETTE["positive strong"]
    assert PALETTE.shade(-1e-300, 1.0) == PALETTE["negative"]


# --- collapsing ------------------------------------------------------------------------------------


def test_layers_collapse_and_repeats_are_counted() -> None:
    outputs = network([2, 3, 1], 12)
    loss = mean([(output - 0.5) ** 2 for output in outputs])
    loss.backward()
    source = draw(loss, depth=1).source
    boxes = re.findall(r"<B>(layer\d[^<]*)</B>", source)
    assert boxes == ["layer0 ×12", "layer1 ×12"]
    assert ">24 numbers<" in source
    layer0 = next(line for line in source.splitlines() if "layer0" in line)
    assert re.findall(r">(\w+)</FONT></TD><TD ALIGN=\"RIGHT\">(\d+)<", layer0) == [
        ("parameters", "6"),
        ("operations", "6"),  # each of the twelve times
    ]
    tails = [tuple(map(int, re.findall(r"\d+", edge))) for edge in edges(source)]
    assert all(tail < head for tail, head in tails)  # topological order


def test_neurons_collapse_within_their_layer() -> None:
    source = draw(mean(network([2, 3, 1], 12)), depth=2).source
    assert re.findall(r"<B>(neuron\d[^<]*)</B>", source) == [
        "neuron0 ×12", "neuron1 ×12", "neuron2 ×12", "neuron0 ×12",
    ]  # fmt: skip
    assert source.count("subgraph") == 2


def test_two_operations_in_a_row_are_no_repeat() -> None:
    x = Value(1.0, "x")
    h = labelled(x.sigmoid(), "", "layer0")
    y = labelled(h.sigmoid(), "", "layer0")
    assert "<B>layer0</B>" in draw(y + 1.0, depth=1).source


def test_a_scope_that_ends_before_the_depth_is_a_box_unless_there_are_others_in_it() -> None:
    def squared(x: Value, scope: str) -> Value:
        y = x * x
        y.scope = scope
        return y

    x = Value(2.0, "x")
    for place in ("short", "short", "block", "block.part", "block.part"):
        x = squared(x, place)
    source = draw(x, depth=2).source
    assert [source.count(f">{name}<") for name in ("short", "part", "block")] == [1, 1, 0]
    assert source.count("×") == 1  # what lies in block itself; each scope is one box
    assert draw(x, depth=5).source == source


def test_named_leaves_stay_apart_when_collapsed() -> None:
    a, b = Value(1.0, "a"), Value(2.0, "b")
    source = draw(a * a + b * b, depth=1).source
    assert len(edges(source)) == 6
    assert "×2" not in source


def test_a_network_of_100_000_parameters_collapses() -> None:
    (output, *_) = network([784, 128, 10], 1)
    output.backward()
    source = draw(output, depth=1).source
    assert ">100,352<" in source
    assert len(edges(source)) == 2
    assert "layer1" in source


# --- highlight and expansion -----------------------------------------------------------------------


def test_highlight_shows_the_paths() -> None:
    a, b = Value(1.0, "a"), Value(2.0, "b")
    h = labelled(sigmoid(a), "h")
    output = h * b + h
    source = draw(output, highlight=a).source
    bold = [line for line in source.splitlines() if " -> " in line and "penwidth" in line]
    assert len(bold) == 4
    assert PALETTE["faded line"] in node(source, "n2")
    assert "penwidth=4" in node(source, "n0")


def test_highlight_reaches_into_collapsed_layers() -> None:
    outputs = network([2, 2, 1], 1)
    weight = outputs[0].parents[0].parents[0]
    source = draw(outputs[0] * Value(1.0, "other"), depth=1, highlight=weight).source
    assert source.count("penwidth=2.4") >= 2
    assert PALETTE["faded line"] in next(line for line in source.splitlines() if "<B>other</B>" in line)


def test_highlight_of_a_stranger_is_refused() -> None:
    with pytest.raises(GraphError, match="stranger cannot be highlighted"):
        draw(square(), highlight=Value(1.0, "stranger"))
    with pytest.raises(TypeError, match="highlight takes a Value"):
        draw(square(), highlight=3.0)


def test_softmax_expands_to_shared_exponentials() -> None:
    logits = [Value(1.0, "a"), Value(2.0, "b"), Value(-1.0, "c")]
    output = sum([3.0 * p for p in softmax(logits)])
    output = labelled(output * softmax(logits)[0], "y")
    output.backward()
    before = [(leaf.grad, leaf.op) for leaf in logits]
    fused = draw(output).source
    source = draw(output, expand=True).source
    assert fused.count("<B>softmax</B>") == 4
    assert source.count("<B>exp</B>") == 3
    assert "<B>softmax</B>" not in source
    assert source.count('label="softmax"') == 1  # one frame around it
    assert [(leaf.grad, leaf.op) for leaf in logits] == before
    assert ">none<" not in source


def test_the_gradients_within_an_expansion_are_the_chain_rule() -> None:
    x = Value(0.5, "x")
    y = sigmoid(x)
    (2.0 * y).backward()
    source = draw(2.0 * y, expand=["sigmoid"], precision=12).source
    e = 2.718281828459045**-0.5
    assert f"{-2.0 / (1.0 + e) ** 2:.12g}" in source  # by the exponential: −1/(1+e)²


@pytest.mark.parametrize("depth", [None, 1])
def test_expansions_within_expansions(depth: int | None) -> None:
    x = Value(0.5, "x")
    y = x.silu() + sigmoid(x) + mean(log_softmax([x, x * 2.0]))
    y.backward()
    source = draw(y, expand=True, depth=depth).source
    assert "<B>σ</B>" not in source
    assert "logsumexp</B>" not in source
    tails = [tuple(map(int, re.findall(r"\d+", edge))) for edge in edges(source)]
    assert all(tail < head for tail, head in tails)


def test_unknown_expansions_are_refused() -> None:
    with pytest.raises(ValueError, match=r"expand must be .*softmax.*'nonsense'"):
        draw(square(), expand=["nonsense"])


# --- errors ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"direction": "left"}, "direction must be one of LR, RL, TB, BT, got 'left'"),
        ({"precision": 0}, "precision must be a whole number from 1 to 17, got 0"),
        ({"depth": 0}, "depth, if not None, must be a whole number from 1 on, got 0"),
        ({"limit": 0}, "limit must be a whole number from 1 on, got 0"),
    ],
)
def test_bad_options_are_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        draw(square(), **options)


@pytest.mark.parametrize("output", [3.0, "y", [], [Value(1.0), 2.0]])
def test_only_values_are_drawn(output: object) -> None:
    with pytest.raises(TypeError, match="draw takes a Value or a sequence of them"):
        draw(output)


def test_several_outputs() -> None:
    x = Value(1.0, "x")
    assert draw([x * 2.0, x * 3.0]).source.count("peripheries=2") == 2


def test_a_large_graph_is_refused_with_its_size() -> None:
    with pytest.raises(GraphTooLargeError, match=r"101 nodes.*limit=100 nodes.*depth=1"):
        draw(sum([Value(float(i)) for i in range(100)]), limit=100)
    with pytest.raises(ValueError, match=r"collapsed to depth=2 .* depth=1"):
        draw(network([9, 9, 1], 1)[0], limit=5, depth=2)


def test_many_edges_are_refused_too() -> None:
    x = Value(1.0, "x")
    with pytest.raises(GraphTooLargeError, match="2 nodes and 41 edges"):
        draw(sum([x] * 41), limit=10)


@pytest.mark.parametrize("length", [100_000, *slow([1_000_000])])
@pytest.mark.parametrize("depth", [None, 1])
def test_a_chain_of_a_million_is_refused(depth: int | None, length: int) -> None:
    x = Value(1.0)
    for _ in range(length):
        x = -x
    with pytest.raises(GraphTooLargeError, match=f"{length + 1:,} nodes"):
        draw(x, depth=depth)


def test_derivatives_of_a_stale_graph_are_refused() -> None:
    x = Value(1.0, "x")
    y = x * x
    x.data = 2.0
    draw(y)
    with pytest.raises(GraphError, match="was set after"):
        draw(y, derivatives=True)


# --- files -----------------------------------------------------------------------------------------


def test_dot_needs_no_renderer(tmp_path) -> None:
    path = tmp_path / "graph.dot"
    assert draw(square()).save(path) == path
    assert path.read_text(encoding="utf-8") == draw(square()).source
    assert [entry.name for entry in tmp_path.iterdir()] == ["graph.dot"]


@pytest.mark.parametrize("name", ["graph.jpg", "graph", "svg"])
def test_other_suffixes_are_refused(tmp_path, name: str) -> None:
    with pytest.raises(ValueError, match=r"one of \.svg, \.png, \.pdf, \.dot"):
        draw(square()).save(tmp_path / name)


def test_a_missing_folder_is_named(tmp_path) -> None:
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        draw(square()).save(tmp_path / "nowhere" / "graph.dot")


@pytest.fixture
def no_renderer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pygraphviz", None)
    monkeypatch.setenv("PATH", "")


@pytest.mark.usefixtures("no_renderer")
def test_without_a_renderer_the_error_names_both_ways(tmp_path) -> None:
    picture = draw(square())
    with pytest.raises(MissingExtraError, match=r"scalar-autograd\[render\].*dot is on the path"):
        picture.save(tmp_path / "graph.svg")
    assert list(tmp_path.iterdir()) == []
    assert "scalar-autograd[render]" in picture._repr_mimebundle_()["text/plain"]


@pytest.mark.render
@pytest.mark.parametrize(
    ("suffix", "start"), [(".svg", b"<?xml"), (".png", b"\x89PNG"), (".pdf", b"%PDF"), (".PNG", b"\x89PNG")]
)
def test_every_format_is_written(tmp_path, capfd, suffix: str, start: bytes) -> None:
    path = draw(square(), legend=True, title="square").save(tmp_path / f"graph{suffix}")
    assert path.read_bytes().startswith(start)
    assert capfd.readouterr() == ("", "")
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.render
@pytest.mark.parametrize("label", HOSTILE)
def test_hostile_labels_are_shown_as_they_are(label: str) -> None:
    x = labelled(Value(1.0), label, label.replace(".", ""))
    picture = draw([x * x, Value(2.0, label)], title=label)
    tree = ElementTree.fromstring(picture._repr_svg_())
    shown = "".join(tree.itertext())
    for line in label.split("\n"):
        assert shown.replace("\xa0", " ").count(line) >= 4  # the leaf, its frame, the other leaf, the title
    tooltips = [title for element in tree.iter() for name, title in element.items() if name.endswith("title")]
    assert any(label in title for title in tooltips)


# Graphviz may end the process that it works in: here one of its own, whose freed memory is overwritten.
DRAWN = """
import json, sys, xml.etree.ElementTree as ElementTree
from autograd import Value, draw, explore
from nn import MLP, diagram

for number, (label, other) in enumerate(json.loads(sys.stdin.read())):
    print(number, flush=True)
    x = Value(1.0, label)
    x.scope = other
    y = x * x
    y.label, y.scope = other, label
    model = MLP(2, [2, 1], seed=0)
    for parameter, name in zip(model.parameters(), (label, "", other)):
        parameter.label = name
    for picture in (
        draw(y, title=label, legend=True), draw(y, title=other, depth=1),
        draw([y, x], derivatives=True, highlight=x),
        diagram(model, inputs=[label, other], outputs=[label + other], title=label),
        diagram(model, inputs=[other, other], outputs=[label], color_by="grad", legend=True),
    ):
        ElementTree.fromstring(picture.render("svg"))
    if number % 5 == 0:
        explore(y, title=label)
"""


@pytest.mark.slow
@pytest.mark.render
@settings(max_examples=2, phases=[Phase.generate])  # the first is plain; no shrinking, which takes minutes
@given(st.lists(st.tuples(LABELS, LABELS), min_size=12, max_size=12), st.integers(1, 255))
def test_no_label_ends_the_process(pairs: list[tuple[str, str]], byte: int) -> None:
    pairs += [(f"\n{label}", f"{label}\n") for label in ("a", "", "\n", " ")] + [
        ("n" * 100_000, "\\" * 20_000)
    ]
    environment = {**os.environ, "MALLOC_PERTURB_": str(byte), "PYTHONPATH": os.getcwd()}
    done = subprocess.run(
        [sys.executable, "-c", DRAWN],
        env=environment,
        input=json.dumps(pairs),
        capture_output=True,
        text=True,
    )
    last = [*done.stdout.split(), "-1"][len(done.stdout.split()) - 1]
    assert done.returncode == 0, (byte, pairs[int(last)], done.stderr[-2000:])
    assert len(done.stdout.split()) == len(pairs)


@pytest.mark.render
def test_what_xml_cannot_hold_is_replaced() -> None:
    tree = ElementTree.fromstring(draw(Value(1.0, "a\x00b\x1b\ud800"))._repr_svg_())
    assert "a\ufffdb\ufffd\ufffd" in "".join(tree.itertext())


@pytest.mark.render
@pytest.mark.skipif(not __import__("shutil").which("dot"), reason="no dot program on the path")
def test_the_dot_program_renders_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pygraphviz", None)
    assert graphviz.version()
    assert draw(square()).render("svg").startswith(b"<?xml")


@pytest.mark.render
def test_a_notebook_shows_the_picture() -> None:
    assert "<svg" in draw(square())._repr_mimebundle_()["image/svg+xml"]


def test_the_palette_is_a_mapping() -> None:
    assert len(PALETTE) == len(list(PALETTE)) == len(dict(PALETTE)) > 5
    assert {PALETTE[name] for name in PALETTE} == set(PALETTE.values())


def test_the_program_dot_is_given_the_text(monkeypatch: pytest.MonkeyPatch) -> None:
    """As it is without pygraphviz; whether the program is there or not."""
    given = []

    def pipe(engine: str, format: str, data: bytes, quiet: bool) -> bytes:
        given.append((engine, format, data.decode()))
        return b"<svg/>"

    monkeypatch.setitem(sys.modules, "pygraphviz", None)
    monkeypatch.setattr(graphviz, "pipe", pipe)
    drawing = draw(Value(1.0, "x") * 2)
    assert drawing.render("svg") == b"<svg/>"
    assert given == [("dot", "svg", drawing.source)]


@pytest.mark.render
def test_without_stderr_it_renders(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a program that has no console."""

    def dup(number: int) -> int:
        raise OSError("bad file descriptor")

    monkeypatch.setattr("os.dup", dup)
    assert b"<svg" in draw(Value(1.0, "x") * 2).render("svg")


def test_nothing_is_expanded_where_nothing_is_recorded() -> None:
    x = Value(0.5, "x")
    y = sigmoid(x)
    with no_grad():
        assert draw(y, expand=True).source == draw(y).source


def test_an_expansion_in_terms_of_itself_is_expanded_once() -> None:
    @primitive(partials=lambda y, x: 2.0, expansion=lambda x: doubled(0.5 * x) + x)
    def doubled(x: float) -> float:
        return 2.0 * x

    source = draw(doubled(Value(1.0, "x")), expand=True).source
    assert source.count('graph [label="doubled"') == 1
    assert re.findall(r"tooltip=\"op (\w+)", source) == ["mul", "doubled", "add"]


def test_parameters_without_an_operation_of_their_own_are_a_box_when_collapsed() -> None:
    a, b = (Value(1.0, name, "weights") for name in "ab")
    x = Value(2.0, "x")
    y = (a * x + b * x).tanh()
    for node in (y, y.parents[0], *y.parents[0].parents):
        node.scope = "layer"
    z = y + 1
    source = draw(z, depth=1).source
    (box,) = re.findall(r'.*shape=folder.*tooltip="weights"', source)
    assert re.findall(r">(parameters|operations)<.*?>(\d+)<", box) == [("parameters", "2")]
    assert source.count('[label="2"]') == 1  # the two of them go to the layer as one edge


def test_a_node_that_is_read_twice_within_a_box_counts_once() -> None:
    x = Value(2.0, "x")
    y = x * 3
    z = y * y + y
    for node in (y, z, z.parents[0]):
        node.scope = "box"
    source = draw(z + 1, depth=1).source
    (box,) = re.findall(r'.*shape=folder.*tooltip="box"', source)
    assert re.findall(r">operations<.*?>(\d+)<", box) == ["3"]
    assert "×" not in box  # not so many times the same
