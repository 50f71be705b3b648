"""The order demo: that its smallest graph is the smallest, its numbers by hand, its files and options."""

from __future__ import annotations

import re
import subprocess
import sys
from collections import Counter
from itertools import product
from pathlib import Path
from xml.etree import ElementTree

import pytest

from autograd import Value, sigmoid, topological_order
from demos.order import passes as order
from demos.order import run
from tests.support.pages import Page, loaded_by

ROOT = Path(__file__).parents[3]
DEPTH_FIRST = order.WAYS["depth first, each node once"]
SMALLEST = ((), (0,), (1,), (1, 2))
SMALL_GRAPHS = {1: 1, 2: 2, 3: 9, 4: 62, 5: 592}  # with up to two parents a node


# --- that no smaller graph goes wrong -----------------------------------------------------------------

# Nothing of the demo and no engine: a graph is the parents of each node, each arrow a letter of its own.
# An adjoint is a formal sum of paths, which are products of letters. Two ways of going back that agree on
# these sums agree for all operations and all numbers.


def graphs(size, most_parents):
    """All graphs in which every node leads to the last one, in every numbering that has parents first."""
    choices = [
        [parents for count in range(most_parents + 1) for parents in product(range(node), repeat=count)]
        for node in range(size)
    ]
    for graph in product(*choices):
        if all(any(node in parents for parents in graph) for node in range(size - 1)):
            yield graph


def hand_on(graph, adjoints, node):
    for place, parent in enumerate(graph[node]):
        for path, count in list(adjoints[node].items()):
            adjoints[parent][(*path, (node, place))] += count


def by_paths(graph):
    """The truth: every path from the output, once."""
    adjoints = [Counter() for _ in graph]

    def follow(node, path):
        adjoints[node][path] += 1
        for place, parent in enumerate(graph[node]):
            follow(parent, (*path, (node, place)))

    follow(len(graph) - 1, ())
    return adjoints


def depth_first(graph):
    adjoints = [Counter() for _ in graph]
    adjoints[-1][()] = 1
    visited = set()

    def visit(node):
        visited.add(node)
        hand_on(graph, adjoints, node)
        for parent in graph[node]:
            if parent not in visited:
                visit(parent)

    visit(len(graph) - 1)
    return adjoints


def from_the_end(graph):
    adjoints = [Counter() for _ in graph]
    adjoints[-1][()] = 1
    for node in reversed(range(len(graph))):
        hand_on(graph, adjoints, node)
    return adjoints


def leaves(graph, adjoints):
    return [adjoint for parents, adjoint in zip(graph, adjoints, strict=True) if not parents]


def goes_wrong(graph):
    return leaves(graph, depth_first(graph)) != leaves(graph, by_paths(graph))


def renumbered(graph):
    """The graph numbered in the order of a depth-first search that lists parents first."""
    numbers = {}

    def visit(node):
        for parent in graph[node]:
            if parent not in numbers:
                visit(parent)
        numbers[node] = len(numbers)

    visit(len(graph) - 1)
    return tuple(tuple(numbers[parent] for parent in graph[node]) for node in numbers)


@pytest.mark.parametrize("size", [1, 2, 3])
def test_no_graph_of_up_to_three_nodes_goes_wrong_depth_first(size):
    """With up to five parents a node, whatever the operations and the numbers are."""
    seen = list(graphs(size, 5))
    assert len(seen) == {1: 1, 2: 5, 3: 52 + 5 * 57}[size]
    assert not any(map(goes_wrong, seen))


def test_of_four_nodes_one_graph_with_the_fewest_arrows_goes_wrong_and_it_is_the_demos():
    wrong = {renumbered(graph) for graph in graphs(4, 3) if goes_wrong(graph)}
    fewest = min(sum(map(len, graph)) for graph in wrong)
    assert fewest == 4
    assert [graph for graph in wrong if sum(map(len, graph)) == fewest] == [SMALLEST]
    found = order.search(DEPTH_FIRST, 4)[-1]
    assert found.wrong[0] == SMALLEST
    assert list(map(order.arrows, found.wrong)) == [4, 5, 5, 5, 5, 6, 6, 6]
    assert set(found.wrong) == {graph for graph in wrong if max(map(len, graph)) <= 2}


@pytest.mark.parametrize("size", SMALL_GRAPHS)
def test_the_search_sees_every_graph_once(size):
    seen = list(order.structures(size))
    assert len(seen) == len(set(seen)) == SMALL_GRAPHS[size]
    assert set(seen) == {renumbered(graph) for graph in graphs(size, 2)}


@pytest.mark.parametrize("size", [1, 2, 3, 4])
def test_from_the_end_of_a_topological_order_no_graph_goes_wrong(size):
    for graph in graphs(size, 3):
        assert from_the_end(graph) == by_paths(graph)


def test_the_smallest_graph_has_four_values_and_the_graph_of_the_steps_is_it_with_two_numbers():
    nodes = order.build(SMALLEST)
    assert topological_order(nodes[-1]) == nodes
    eightfold = order.eightfold()
    named = [node for node in topological_order(eightfold["y"]) if not node.constant]
    assert named == list(eightfold.values())
    structure = tuple(
        tuple(named.index(parent) for parent in node.parents if not parent.constant) for node in named
    )
    assert structure == SMALLEST


# --- the ways of going back ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "gradient", "smallest"),
    [
        ("topological order", 8.0, None),
        ("depth first, each node once", 2.0, SMALLEST),
        ("breadth first, each node once", 2.0, SMALLEST),
        ("depth first, into a parent as soon as it has its share", 2.0, ((), (0,), (1, 1))),
        ("depth first, again at every arrival, with all that is there", 10.0, ((), (0,), (1, 1))),
        ("depth first, again at every arrival, with only what is new", 8.0, None),
        ("topological order, but overwriting", 6.0, ((), (0, 0))),
    ],
)
def test_each_way_finds_its_gradient_and_has_its_smallest_graph(name, gradient, smallest):
    way = next(way for way in order.try_all(4) if way.name == name)
    assert (way.gradient, way.smallest) == (gradient, smallest)
    assert len(order.WAYS) == 7


def test_depth_first_is_right_when_the_operands_are_swapped():
    assert order.gradient_by(DEPTH_FIRST, order.eightfold(swapped=True)) == 8.0


def test_in_a_chain_and_in_a_tree_depth_first_is_right():
    x = Value(0.5)
    chain = (x.tanh().exp() * 3.0).sin()
    DEPTH_FIRST(chain)
    naive = x.grad
    x.grad = None
    chain.backward()
    assert naive == x.grad

    inputs = [Value(float(number)) for number in range(1, 5)]
    a, b, c, d = inputs
    tree = (a * b).sin() * (c + d).exp()
    DEPTH_FIRST(tree)
    naive = [value.grad for value in inputs]
    for value in inputs:
        value.grad = None
    tree.backward()
    assert naive == [value.grad for value in inputs]


@pytest.mark.parametrize("swapped", [False, True])
def test_in_a_network_with_two_outputs_depth_first_is_wrong_whichever_comes_first(swapped):
    w = Value(0.3)
    hidden = sigmoid(w * 2.0)
    E1, E2 = ((hidden * weight - 1.0) ** 2 for weight in (0.4, 0.5))
    loss = E2 + E1 if swapped else E1 + E2
    DEPTH_FIRST(loss)
    naive = w.grad
    w.grad = None
    loss.backward()
    assert naive != pytest.approx(w.grad, rel=1e-3)


def test_path_by_path_visits_every_path():
    assert [order.visits(doublings) for doublings in range(5)] == [1, 3, 7, 15, 31]


# --- training without zeroing -------------------------------------------------------------------------


def by_hand(zeroing, steps, rate=0.25):
    """w before each step, in plain floats."""
    w, total, seen = 0.0, 0.0, []
    for _ in range(steps):
        seen.append(w)
        slope = 2.0 * (w - 4.0)
        total = slope if zeroing else total + slope
        w -= rate * total
    return seen


@pytest.mark.parametrize("zeroing", [True, False])
def test_training_agrees_with_the_computation_by_hand(zeroing):
    updates = order.updates(zeroing, 40)
    assert [update.before for update in updates] == by_hand(zeroing, 40)
    assert [update.after for update in updates[:-1]] == by_hand(zeroing, 40)[1:]
    assert [update.gradient for update in updates] == [2.0 * (w - 4.0) for w in by_hand(zeroing, 40)]


def test_the_first_steps_that_the_page_tells():
    updates = order.updates(False, 3)
    assert [(update.before, update.gradient, update.total) for update in updates] == [
        (0.0, -8.0, -8.0),
        (2.0, -4.0, -12.0),
        (5.0, 2.0, -10.0),
    ]


@pytest.mark.parametrize("rate", [0.25, 0.05, 0.01])
def test_a_smaller_learning_rate_only_makes_it_swing_more_slowly(rate):
    swing = by_hand(False, 2000, rate)
    assert min(swing[-500:]) < 0.5
    assert max(swing[-500:]) > 7.5
    assert abs(by_hand(True, 2000, rate)[-1] - 4.0) < 1e-9


def test_two_passes_share_a_node():
    kept, cleared = order.two_passes(clearing=False), order.two_passes(clearing=True)
    assert [(one.before, one.y, one.x) for one in cleared] == [(0.0, 2.0, 12.0), (0.0, 3.0, 30.0)]
    assert [(one.before, one.y, one.x) for one in kept] == [(0.0, 2.0, 12.0), (2.0, 5.0, 42.0)]
    assert order.two_passes_of_the_engine() == 30.0


# --- the claims and the files -------------------------------------------------------------------------

PICTURES = [
    *(f"{run}_{turn}.svg" for run in ("depth_first", "in_order") for turn in (1, 2, 3)),
    *(f"{run}_{share}.svg" for run in ("overwriting", "adding") for share in (1, 2)),
    "graph.svg", "smallest.svg", "zeroed.svg", "not_zeroed.svg", "descents.svg",
]  # fmt: skip


@pytest.fixture(scope="module")
def out(tmp_path_factory):
    """The demo, run once as a user would: folder and what was printed."""
    folder = tmp_path_factory.mktemp("order") / "with spaces" / "out"
    done = subprocess.run(
        [sys.executable, "-m", "demos", "order", "--out", str(folder)],
        cwd=ROOT, capture_output=True, text=True, encoding="utf-8", check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return folder, done.stdout


def test_the_turns_of_both_passes(tmp_path):
    def told(turns):
        return [
            (turn.node, share.parent, share.adjoint, share.partial, share.before, share.after)
            for turn in turns
            for share in turn.shares
        ]

    wrongly, rightly = order.eightfold()["y"], order.eightfold()["y"]
    deep = run.film(tmp_path, "deep", "Depth first", wrongly, order.depth_first(wrongly, set()))
    topological = run.film(tmp_path, "right", "Topological order", rightly, order.in_order(rightly))
    assert told(deep) == [
        ("y", "b", 1.0, 1.0, None, 1.0),
        ("y", "c", 1.0, 1.0, None, 1.0),
        ("b", "x", 1.0, 2.0, None, 2.0),
        ("c", "b", 1.0, 3.0, 1.0, 4.0),
    ]
    assert told(topological) == [
        ("y", "b", 1.0, 1.0, None, 1.0),
        ("y", "c", 1.0, 1.0, None, 1.0),
        ("c", "b", 1.0, 3.0, 1.0, 4.0),
        ("b", "x", 4.0, 2.0, None, 8.0),
    ]
    assert [(turn.waiting, turn.late) for turn in deep] == [([], []), (["c"], []), ([], ["b"])]
    assert [(turn.waiting, turn.late) for turn in topological] == [([], [])] * 3


def test_the_pictures_show_the_gradients_as_they_are_after_each_turn(out):
    def words(name):
        return " ".join(ElementTree.parse(out[0] / name).getroot().itertext()).split()

    def grads(name, *labels):
        """What stands after `grad` in the boxes of those labels."""
        text = words(name)
        found = {}
        for place, word in enumerate(text):
            if word == "data":
                assert text[place + 2] == "grad"
                found[text[place - 1]] = text[place + 3]
        assert set(found) == set(labels)
        return [found[label] for label in labels]

    assert grads("graph.svg", *"xbcy") == ["none"] * 4
    assert grads("depth_first_1.svg", *"xbcy") == ["none", "1", "1", "1"]
    assert grads("depth_first_2.svg", *"xbcy") == ["2", "1", "1", "1"]
    assert grads("depth_first_3.svg", *"xbcy") == ["2", "4", "1", "1"]
    assert grads("in_order_1.svg", *"xbcy") == ["none", "1", "1", "1"]
    assert grads("in_order_2.svg", *"xbcy") == ["none", "4", "1", "1"]
    assert grads("in_order_3.svg", *"xbcy") == ["8", "4", "1", "1"]
    assert grads("smallest.svg", *"xbcy") == ["1", "2", "1", "1"]
    assert grads("overwriting_2.svg", *"xy") == ["3", "1"]
    assert grads("adding_2.svg", *"xy") == ["6", "1"]
    assert grads("zeroed.svg", "w", "error", "loss") == ["-4", "-4", "1"]
    assert grads("not_zeroed.svg", "w", "error", "loss") == ["-12", "-4", "1"]
    marked = words("depth_first_2.svg")
    assert {(word, marked[place + 1]) for place, word in enumerate(marked) if word in "▶✓"} == {
        ("▶", "b"),
        ("✓", "y"),
    }


@pytest.mark.parametrize(
    ("name", "slip"),
    [
        ("visits", lambda doublings: 13),
        ("in_pieces", lambda: -8.0),
        ("two_passes_of_the_engine", lambda: 42.0),
        ("gradient_by", lambda backward, nodes: 2.0),
        ("updates", lambda zeroing, updates=order.updates: updates(not zeroing)),
        ("search", lambda backward, largest, search=order.search: search(backward, largest)[1:]),
    ],
)
def test_a_claim_that_does_not_hold_is_noticed(name, slip, tmp_path, monkeypatch):
    monkeypatch.setattr(order, name, slip)
    with pytest.raises(AssertionError):
        run.work({"quick": True}, tmp_path)


def test_every_file_is_there_and_no_other(out):
    folder, _ = out
    assert {path.name for path in folder.iterdir()} == {
        "index.html",
        "explore_order.html",
        "explore_adding.html",
        *PICTURES,
    }
    for name in PICTURES:
        assert ElementTree.parse(folder / name).getroot().tag == "{http://www.w3.org/2000/svg}svg"


def test_the_page_is_one_file_that_loads_nothing(out):
    folder, _ = out
    text = (folder / "index.html").read_text(encoding="utf-8")
    assert loaded_by(text) == []
    assert "<script" not in text
    shown = Page(text)
    for reference in shown.references:
        if reference.startswith("#"):
            assert reference[1:] in shown.ids
        elif not reference.startswith("data:"):
            assert (folder / reference).is_file()
    assert len(shown.images) == len(PICTURES)
    for image in shown.images:
        assert len(image["alt"]) > 30
        assert image["src"].startswith("data:image/svg+xml;base64,")


def test_the_page_answers_the_three_questions_with_the_numbers(out):
    folder, _ = out
    shown = Page((folder / "index.html").read_text(encoding="utf-8")).text
    for words in (
        "1 Why topological order?", "2 Why add, and not overwrite?", "3 Why zero the gradients",
        "Depth first: x gets 2", "Topological order: x gets 8", "Overwriting: x gets 3", "Adding: x gets 6",
        "worth 1 × 2 = 2", "worth 1 × 3 × 2 = 6",
        "b hands on the 1 that it has. x gets 1 × 2 = 2. Too early: c has yet to hand its share to b.",
        "b gets 1 × 3 = 3, and now has 1 + 3 = 4. Too late: b has had its turn and will not hand this on.",
        "So x got 1 × 2 = 2 and not 4 × 2 = 8.",
        "x gets 1 × 3 = 3, and the 3 that it had is gone.",
        "none of the 12 with up to 3 nodes", "Of the 62 with 4 nodes it gets 8 wrong, and just one of these",
        "3,898 graphs of 7,328", "b = relu(x), c = relu(b), y = b + c",
        "(−8) + (−4) = −12", "(−12) + 2 = −10", "gradient is 10 · x = 30", "x gets 42",
        "def depth_first(node: Value, visited: set[Value])", "parent.grad += share",
    ):  # fmt: skip
        assert words in shown


def test_the_summary_is_short_and_says_where_the_page_is(out):
    folder, printed = out
    assert str(folder / "index.html") in printed
    assert "8; depth first 2" in printed
    assert re.search("7,328 +3,898 +53%", printed)
    assert len(printed.splitlines()) < 25


@pytest.mark.slow
def test_a_second_run_replaces_the_first_and_gives_the_same_files(tmp_path, capsys):
    assert run.main(["--quick", "--out", str(tmp_path)]) == 0
    first = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert run.main(["--quick", "--out", str(tmp_path)]) == 0
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == first
    assert "7,328" not in first["index.html"].decode()


# --- the options --------------------------------------------------------------------------------------


def test_an_output_folder_that_cannot_be_written(tmp_path, capsys):
    (tmp_path / "file").write_text("")
    assert run.main(["--out", str(tmp_path / "file")]) == 2
    assert "cannot write into" in capsys.readouterr().err
