"""`explore`: the numbers in the page are the engine's, its pictures show every node, and it is one file."""

from __future__ import annotations

import math
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from html.parser import HTMLParser

import numpy as np
import pytest

import autograd
from autograd import (
    Drawing,
    Explorer,
    Run,
    Value,
    detect_anomaly,
    dot,
    explore,
    grad,
    note_lines,
    relu,
    sigmoid,
    softmax,
    sqrt,
    where,
)
from autograd.engine.replay import Passes
from autograd.explorer.columns import Columns
from tests.support.explored import Explored

pytestmark = pytest.mark.render

WEIGHTS = (0.15, 0.20, 0.25, 0.30, 0.40, 0.45, 0.50, 0.55)
RATES = (0.5, 0.1, 0.2, 0.8, 1.0, 2.0, 100.0)


def named(node: Value, label: str, scope: str = "") -> Value:
    node.label, node.scope = label, scope
    return node


def assignment(weights=WEIGHTS, targets=(0.5, 0.5)) -> tuple[Value, list[Value]]:
    """The assignment network in bare Values, with a scope for each neuron."""
    leaves = [
        Value(data, f"w{k}", f"layer{(k - 1) // 4}.neuron{(k - 1) // 2 % 2}")
        for k, data in enumerate(weights, 1)
    ]
    inputs = [Value(0.05, "i1"), Value(0.10, "i2")]
    for layer, names in enumerate((("h1", "h2"), ("o1", "o2"))):
        outputs = []
        for neuron, name in enumerate(names):
            scope = f"layer{layer}.neuron{neuron}"
            first = 4 * layer + 2 * neuron
            total = named(dot(leaves[first : first + 2], inputs), name, scope)
            outputs.append(named(sigmoid(total), f"a_{name}", scope))
        inputs = outputs
    errors = [
        named(0.5 * (Value(target, f"t{k}") - a) ** 2, f"E{k}")
        for k, (target, a) in enumerate(zip(targets, inputs, strict=True), 1)
    ]
    return named(errors[0] + errors[1], "E_total"), leaves


@pytest.fixture(scope="module")
def page() -> Explored:
    output, weights = assignment()
    return Explored(explore(output, wrt=weights, lr=RATES, epochs=100).html)


# --- the numbers -----------------------------------------------------------------------------------


def trained(rate: float, epochs: int) -> list[tuple[dict[str, float], dict[str, float]]]:
    """Data and gradient of every labelled node in each epoch, the graph recorded anew each time."""
    weights, rows = list(WEIGHTS), []
    for _ in range(epochs + 1):
        output, leaves = assignment(weights)
        output.backward()
        found = {leaf.label: leaf for leaf in leaves}
        pending = [output]
        while pending:
            node = pending.pop()
            found.setdefault(node.label, node)
            pending += node.parents
        rows.append(({n: v.data for n, v in found.items() if n}, {n: v.grad for n, v in found.items() if n}))
        weights = [leaf.data - rate * leaf.grad for leaf in leaves]
    return rows


@pytest.mark.parametrize("position", range(len(RATES)))
def test_every_number_of_a_training_is_the_engines(page, position):
    run = page.runs[position]
    assert run["label"] == f"η = {RATES[position]:g}"
    assert run["epochs"] == list(range(101))
    assert run["stop"] - run["start"] == 101
    rows = trained(RATES[position], 100)
    for frame, (data, grads) in enumerate(rows, run["start"]):
        for name, number in data.items():
            assert page.column(name, "data")[frame] == pytest.approx(number, rel=1e-12), (name, frame)
            assert page.column(name, "grad")[frame] == pytest.approx(grads[name], rel=1e-12), (name, frame)
    for k in range(1, 9):
        after = page.column(f"w{k}", "after")[run["start"] : run["stop"] - 1]
        assert after == pytest.approx([data[f"w{k}"] for data, _ in rows[1:]], rel=1e-12)
    assert run["losses"] == pytest.approx([data["E_total"] for data, _ in rows], rel=1e-12)


def test_contributions_add_up_to_the_gradient_and_partials_make_them(page):
    nodes = page.payload["nodes"]
    for place, node in enumerate(nodes[:-1]):
        contributions = [page.columns[edge["contribution"]] for edge in page.edges if edge["tail"] == place]
        if node["kind"] != "constant":
            assert np.sum(contributions, axis=0) == pytest.approx(page.columns[node["grad"]], rel=1e-12)
    for edge in page.edges:
        product = page.columns[nodes[edge["head"]]["grad"]] * page.columns[edge["partial"]]
        assert page.columns[edge["contribution"]] == pytest.approx(product, rel=1e-15)
    assert sum(edge["tail"] == page.payload["nodes"].index(page.nodes["a_h1"]) for edge in page.edges) == 2


def evaluate(formula: str) -> float:
    """A filled-in formula as Python reads it."""
    text = formula.replace("·", "*").replace("−", "-").replace("^", "**")
    return float(eval(text, {"σ": lambda x: 1 / (1 + math.exp(-x)), "__builtins__": {}}))


@pytest.mark.parametrize("frame", [0, 37, 100, 250, 706])
def test_formulas_filled_in_give_the_numbers_beside_them(page, frame):
    filled = 0
    for node in page.payload["nodes"]:
        if node["filled"]:
            number = evaluate(page.filled(node["filled"], frame))
            assert number == pytest.approx(page.columns[node["data"]][frame], rel=1e-12, abs=1e-15)
            filled += 1
        if "closed" in node:
            number = evaluate(page.filled(node["closedFilled"], frame))
            assert number == pytest.approx(page.columns[node["grad"]][frame], rel=1e-9, abs=1e-15)
    for edge in page.edges:
        number = evaluate(page.filled(edge["filled"] or [edge["formula"]], frame))
        assert number == pytest.approx(page.columns[edge["partial"]][frame], rel=1e-9, abs=1e-15)
    assert filled == 15
    assert sum("closed" in node for node in page.payload["nodes"]) == 8


def test_closed_forms_are_those_of_courses(page):
    assert page.nodes["w5"]["closed"] == "(a_o1 − t1) · a_o1 (1 − a_o1) · a_h1"
    assert page.nodes["w3"]["closed"].endswith("· a_h2 (1 − a_h2) · i1")
    assert page.nodes["h1"]["formula"] == "w1 · i1 + w2 · i2"


def test_a_branch_that_was_not_taken_carries_nothing():
    x = Value(-1.0, "x")
    passes = Passes(where(x > 0, sqrt(x), x * x))
    now = passes.run({})
    assert now.grads[passes.index[x]] == -2.0
    taken = {passes.nodes[tail].op: read for (tail, _), read in zip(passes.edges, now.taken, strict=True)}
    assert taken["sqrt"] is False
    assert taken["mul"] is True
    assert math.isnan(now.data[passes.index[next(n for n in passes.nodes if n.op == "sqrt")]])


def test_passes_take_any_numbers_and_leave_the_graph_alone():
    x, y = Value(2.0, "x"), Value(3.0, "y")
    output = dot([x, y], [y, x * x]) + softmax([x, y])[1]
    passes = Passes(output)
    now = passes.run({x: -1.5, y: 0.25, Value(7.0): 1.0})
    assert (x.data, y.data, x.reached) == (2.0, 3.0, False)
    other = [Value(-1.5), Value(0.25)]
    again = dot(other, [other[1], other[0] * other[0]]) + softmax(other)[1]
    assert now.data[-1] == pytest.approx(again.data, rel=1e-15)
    slopes = [now.grads[passes.index[leaf]] for leaf in (x, y)]
    assert slopes == pytest.approx(grad(again, other), rel=1e-14)


def test_infinite_and_undefined_numbers_are_shown_as_they_are():
    x = Value(0.0, "x")
    page = Explored(explore(named(sqrt(x) * Value(math.nan, "n"), "y")).html)
    assert math.isnan(page.column("y", "data")[0])
    assert math.isnan(page.column("x", "grad")[0])
    [edge] = [edge for edge in page.edges if page.payload["nodes"][edge["tail"]]["name"] == "x"]
    assert page.columns[edge["partial"]][0] == math.inf


def test_columns_that_are_equal_are_one_and_constants_one_number():
    columns = Columns()
    assert columns.add(np.transpose([[1, 2, 3], [4, 4, 4], [1, 2, 3], [0, -0.0, 0]])) == [0, 1, 0, 2]
    assert columns.lengths() == [3, 1, 3]  # 0 and -0 differ


# --- trainings -------------------------------------------------------------------------------------


def test_long_trainings_are_thinned_and_keep_both_ends():
    w = Value(1.0, "w")
    page = Explored(explore(named(w * w, "E"), wrt=[w], lr=0.01, epochs=1000, frames=11).html)
    [run] = page.runs
    assert run["epochs"] == list(range(0, 1001, 100))
    assert len(run["losses"]) == 1001
    assert page.column("w", "data") == pytest.approx([0.98 ** (100 * k) for k in range(11)], rel=1e-11)
    assert page.column("w", "after")[:10] == pytest.approx(0.98 * page.column("w", "data")[:10], rel=1e-12)


def test_a_training_that_diverges_ends_there():
    w = Value(1.0, "w")
    page = Explored(explore(named(w**4, "E"), wrt=[w], lr=[10.0, 0.1], epochs=50).html)
    diverged, fine = page.runs
    assert diverged["losses"][-1] is None
    assert len(diverged["losses"]) == diverged["epochs"][-1] + 1 < 20
    assert len(fine["losses"]) == 51


def test_runs_from_elsewhere_take_the_place_of_descent():
    w = Value(1.0, "w")
    numbers = np.array([[1.0], [0.5]])
    run = Run("mine", [0, 1], numbers, np.array([[0.5], [0.25]]), [1.0, 0.25], update="a rule of mine")
    page = Explored(explore(named(w * w, "E"), wrt=[w], runs=[run]).html)
    assert page.column("E", "data").tolist() == [1.0, 0.25]
    assert page.runs[0]["update"] == "a rule of mine"
    assert page.runs[0]["lr"] is None


# --- the pictures ----------------------------------------------------------------------------------


def scoped(sizes: list[int]) -> Value:
    """A network of relu neurons with a scope each; its loss is the square of the only output."""
    values = [Value(0.1 * k, f"x{k}") for k in range(sizes[0])]
    for layer, size in enumerate(sizes[1:]):
        outputs = []
        for neuron in range(size):
            scope = f"layer{layer}.neuron{neuron}"
            weights = tuple(Value(0.01 * (k + neuron), f"{scope}.w{k}", scope) for k in range(len(values)))
            outputs.append(named(relu(named(dot(weights, values), "", scope)), "", scope))
        values = outputs
    return named(values[0] ** 2, "L")


def test_a_scope_with_too_much_in_it_stays_closed():
    total = scoped([3, 60, 1])
    page = Explored(explore(total, limit=40).html)
    opened = [set(picture["opened"]) for picture in page.payload["pictures"]]
    assert opened[0] == set()
    assert {"layer1"} in opened
    assert all("layer0" not in scopes for scopes in opened)


def test_in_every_picture_every_node_has_one_box_and_boxes_come_in_order(page):
    size = len(page.payload["nodes"])
    pictures = page.payload["pictures"]
    assert pictures[0]["opened"] == sorted({part for k in (0, 1) for part in (
        f"layer{k}", f"layer{k}.neuron0", f"layer{k}.neuron1",
    )})  # fmt: skip
    assert len(pictures) == 25
    assert pictures[-1]["opened"] == []
    for picture in pictures:
        members = [node for box in picture["boxes"] for node in box["nodes"]]
        assert sorted(members) == list(range(size))
        home = {node: place for place, box in enumerate(picture["boxes"]) for node in box["nodes"]}
        turn = {box: place for place, box in enumerate(picture["order"])}
        assert len(turn) == len(picture["boxes"])
        drawn = ElementTree.fromstring(picture["svg"])
        titles = {each.text for each in drawn.iter("{http://www.w3.org/2000/svg}title")}
        for edge in page.edges:
            tail, head = home[edge["tail"]], home[edge["head"]]
            assert tail == head or (turn[tail] < turn[head] and f"n{tail}->n{head}" in titles)
        assert {f"n{place}" for place in range(len(picture["boxes"]))} <= titles
        scopes = {picture["frames"][title] for title in titles if title.startswith("cluster_")}
        assert scopes == set(picture["opened"])


def test_a_large_network_opens_closed_and_one_path_at_a_time():
    page = Explored(explore(scoped([2, 16, 16, 1])).html)
    pictures = page.payload["pictures"]
    assert pictures[0]["opened"] == []
    assert len(pictures[0]["boxes"]) <= 8
    opened = [tuple(picture["opened"]) for picture in pictures]
    assert ("layer1",) in opened
    assert ("layer1", "layer1.neuron7") in opened
    assert not any({"layer0", "layer1"} <= set(each) for each in opened)
    closed = {box["scope"] for box in pictures[0]["boxes"]} - {""}
    assert closed == {"layer0", "layer1", "layer2"}


def test_a_layer_that_is_too_wide_to_be_read_stays_closed():
    page = Explored(explore(scoped([2, 200, 1])).html)
    opened = [picture["opened"] for picture in page.payload["pictures"]]
    assert opened == [[], ["layer1"]]  # neither layer0 nor its neurons, nor the neuron of 200 weights
    drawn = ElementTree.fromstring(page.payload["pictures"][0]["svg"])
    labels = {each.text for each in drawn.iter("{http://www.w3.org/2000/svg}text")}
    assert {"layer0", "+ layer1"} <= labels


def test_a_network_of_other_nodes_is_drawn_and_linked_to_nothing():
    output, weights = assignment()
    network = Drawing("digraph { a -> b }", links={"a": "nowhere", "a->b": Value(1.0), "b": weights[0]})
    page = Explored(explore(output, network=network).html)
    assert page.payload["network"]["places"] == {"b": page.payload["nodes"].index(page.nodes["w1"])}
    assert page.payload["network"]["parameters"] == ["b"]


def test_what_is_recorded_many_times_is_one_box():
    leaves = [Value(float(k), "x") for k in range(12)]
    w = Value(2.0, "w", "model")
    products = [named(w * leaf, "", "model") for leaf in leaves]
    total = products[0]
    for product in products[1:]:
        total = total + product**2
    page = Explored(explore(total).html)
    closed = next(picture for picture in page.payload["pictures"] if not picture["opened"])
    assert any(len(box["nodes"]) == 11 for box in closed["boxes"])
    assert "11 numbers" in closed["svg"]  # the exponents


# --- the page is one file, and safe ----------------------------------------------------------------


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.links += [value for name, value in attributes if name in ("src", "href", "action", "data")]


def test_the_page_of_the_assignment_is_small_and_loads_nothing(page):
    assert len(page.html.encode()) < 1_000_000  # the promise is 2 MB
    tags = Tags()
    tags.feed(page.html)
    assert tags.links == []
    assert "link" not in tags.tags
    assert "img" not in tags.tags
    assert "@import" not in page.html
    assert "url(" not in page.html
    assert "fetch(" not in page.html


HOSTILE = [
    "<script>alert(1)</script>",
    "</script><b>",
    "&amp;",
    "\"'`${x}",
    "{{payload}}",
    "\ue0000\ue001",
    "{{title}}",
]


@pytest.mark.parametrize("label", HOSTILE)
def test_hostile_labels_and_titles_are_only_names(label):
    x = Value(3.0, label)
    page = Explored(explore(named(x * x, label + "2"), title=label).html)
    tags = Tags()
    tags.feed(page.html)
    assert tags.tags.count("script") == 3
    assert tags.tags.count("b") == 0
    assert page.payload["title"] == label
    assert page.nodes[label]["kind"] == "input"
    ElementTree.fromstring(page.payload["pictures"][0]["svg"])


def test_saved_shown_in_a_notebook_and_printed(tmp_path):
    x = Value(3.0, "x")
    explorer = explore(x * x, tmp_path / "page.html", title="Squares & more")
    assert isinstance(explorer, Explorer)
    assert (tmp_path / "page.html").read_text(encoding="utf-8") == explorer.html
    assert explorer.save(tmp_path / "again.htm").read_bytes() == (tmp_path / "page.html").read_bytes()
    assert "<title>Squares &amp; more</title>" in explorer.html
    assert re.fullmatch(r"<Explorer, \d+ kB of HTML: \.save\(path\) or \.html>", repr(explorer))
    shown = explorer._repr_html_()
    assert shown.startswith('<iframe srcdoc="&lt;!DOCTYPE html&gt;')
    assert shown.count("<iframe") == 1


def test_equal_graphs_give_equal_pages():
    assert explore(assignment()[0]).html == explore(assignment()[0]).html


# --- what there is no more than this of -------------------------------------------------------------


def test_a_leaf_alone_and_leaves_outside_the_graph():
    page = Explored(explore(Value(2.0, "x"), wrt=[Value(1.0, "w")], epochs=2).html)
    assert [node["name"] for node in page.payload["nodes"]] == ["x"]
    assert page.column("x", "grad").tolist() == [1.0, 1.0, 1.0]


def test_explore_without_graphviz_says_what_to_install():
    code = (
        "import sys; sys.modules['pygraphviz'] = None; import os; os.environ['PATH'] = ''\n"
        "from autograd import Value, explore\n"
        "explore(Value(1.0) * 2)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "scalar-autograd[render]" in done.stderr


def test_the_line_that_recorded_a_node_is_told_where_it_was_noted():
    x = Value(0.5, "x")
    before = x * x
    with note_lines():
        y = before + autograd.sin(x)  # two nodes by this line
        with detect_anomaly():
            y = y * y
        z = autograd.log(y - y) + y  # not finite, and no error: numbers are not watched
    page = Explored(explore(z).html)
    told = [node.get("line", {}).get("text", "") for node in page.nodes.values()]
    lines = [text.partition("  # ")[0] for text in told if text]
    assert lines == [
        "y = before + autograd.sin(x)", "y = before + autograd.sin(x)", "y = y * y",
        "z = autograd.log(y - y) + y", "z = autograd.log(y - y) + y", "z = autograd.log(y - y) + y",
    ]  # fmt: skip
    assert not page.nodes["x"].get("line")
    with note_lines(), pytest.raises(autograd.AnomalyError), detect_anomaly():
        autograd.log(x - x)
    with detect_anomaly(), note_lines(), pytest.raises(autograd.AnomalyError):
        autograd.log(x - x)
    assert not (x * x)._note.place
