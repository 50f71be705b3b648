"""The reader changes numbers on the page, in a real browser: all that follows is what the engine computes."""

from __future__ import annotations

import csv
import json
import math
import random
import re
import xml.etree.ElementTree as ElementTree

import numpy as np
import openpyxl
import pytest
from hypothesis import HealthCheck, Phase, given, settings

import nn
from autograd import Plane, Value, explore, log, primitive, save_workbook, sigmoid, take, where
from autograd.engine.primitives import TABLE
from autograd.engine.replay import Passes
from autograd.explorer.script import texts
from tests.support.browser import opened, overflow, violations
from tests.support.live import all_numbers, ready, typed
from tests.support.office import computed
from tests.support.profiles import slow
from tests.support.random_graphs import programs, run

pytestmark = [pytest.mark.render, pytest.mark.browser]


def neuron():
    """E = ½ (t − σ(w·x + b))², and its leaves by name."""
    leaves = {name: Value(data, name) for name, data in {"w": 0.5, "x": 3.0, "b": -1.0, "t": 1.0}.items()}
    w, x, b, t = leaves.values()
    error = 0.5 * (t - sigmoid(w * x + b)) ** 2
    error.label = "E"
    return error, leaves


@pytest.fixture(scope="module")
def neuron_file(tmp_path_factory):
    error, leaves = neuron()
    path = tmp_path_factory.mktemp("live") / "neuron.html"
    explore(error, path, wrt=[leaves["w"], leaves["b"]], lr=[0.5, 2.0], epochs=20)
    return path


@pytest.fixture(scope="module")
def neuron_page(browser, neuron_file):
    with opened(browser, neuron_file) as page:
        yield page


@pytest.fixture
def page(neuron_page):
    neuron_page.set_viewport_size({"width": 1280, "height": 800})
    neuron_page.reload()
    return ready(neuron_page)


def expected(output, numbers):
    """By the name of each labelled node its number and gradient, with other numbers in the leaves."""
    passes = Passes(output)
    done = passes.run({node: numbers[node.label] for node in passes.nodes if node.label in numbers})
    return {node.label: (y, g) for node, y, g in zip(passes.nodes, done.data, done.grads) if node.label}


def chart_label(page):
    return page.locator("#chart > svg").get_attribute("aria-label")


# --- numbers ----------------------------------------------------------------------------------------


@pytest.mark.slow
def test_after_random_edits_of_random_graphs_all_numbers_are_the_engines(browser, tmp_path):
    """Twelve edits on each of twenty graphs over the table, some of which have no leaf to edit."""
    edits = 0

    @settings(
        max_examples=24, deadline=None, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),  # a page opens for each graph
    )  # fmt: skip
    @given(programs())
    def compare(program):
        nonlocal edits
        numbers, code, roots, _ = program
        leaves = [Value(number, f"x{place}") for place, number in enumerate(numbers)]
        nodes = run(leaves, code, lambda name, args: TABLE[name](*args))
        output = nodes[roots[-1]]
        if not isinstance(output, Value):  # of constants alone
            return
        for place, node in enumerate(nodes):
            if isinstance(node, Value) and not node.label and node is not output:
                node.label = f"n{place}"
        output.label = "out"
        passes = Passes(output)
        given_leaves = [leaf for leaf in leaves if leaf in passes.index]
        if not given_leaves:
            return
        choose = random.Random(repr(numbers))
        path = tmp_path / "graph.html"
        explore(output, path, wrt=given_leaves[:1])
        with opened(browser, path) as page:
            ready(page)
            given = {leaf.label: leaf.data for leaf in given_leaves}
            for _ in range(12):
                name = choose.choice(sorted(given))
                given[name] = round(choose.uniform(-3.0, 3.0), 3)
                typed(page, name, repr(given[name]))
                edits += 1
                right = expected(output, given)
                for label, (data, grad) in all_numbers(page).items():
                    if label in right and math.isfinite(right[label][0]):
                        assert data == pytest.approx(right[label][0], rel=1e-11, abs=1e-13), (label, given)
                        if math.isfinite(right[label][1]):
                            scale = max(1.0, *(abs(g) for _, g in right.values() if math.isfinite(g)))
                            assert grad == pytest.approx(right[label][1], rel=1e-9, abs=1e-11 * scale), label

    compare()
    assert edits >= 200


def test_one_edit_reaches_boxes_sentence_formula_derivation_and_curve(page):
    output, _ = neuron()
    typed(page, "w", "−1.25")
    right = expected(output, {"w": -1.25})
    assert all_numbers(page)["E"][0] == pytest.approx(right["E"][0], rel=1e-14)
    assert all_numbers(page)["w"][1] == pytest.approx(right["w"][1], rel=1e-12)
    page.locator("#phases button", has_text="Loss").click()
    assert page.locator("#formula").text_content().endswith(f"= {right['E'][0]:.6g}")
    page.locator("#phases button", has_text="Update").click()
    assert "−1.25 − 0.5 ·" in page.locator("#formula").text_content()
    page.locator('#graph [data-box][aria-label^="w,"]').click()
    assert f"{right['w'][1]:.6g}".replace("-", "−") in page.locator("#details").text_content()
    assert page.locator("#recorded").is_hidden()
    assert page.locator("#rates").is_hidden()
    assert "from your numbers" in chart_label(page)


def test_reset_brings_the_recorded_numbers_and_their_training_back(page):
    before = all_numbers(page)
    typed(page, "x", "7")
    typed(page, "w", "2")
    assert all_numbers(page)["E"] != before["E"]
    page.get_by_role("button", name="Reset x").click()
    assert all_numbers(page)["x"][0] == 3.0
    page.get_by_role("button", name="Reset w").click()
    assert all_numbers(page) == before
    assert page.locator("#recorded").is_visible()
    typed(page, "b", "9")
    page.get_by_role("button", name="Reset all").click()
    assert all_numbers(page) == before
    assert page.get_by_role("button", name="Reset all").is_disabled()


def test_an_edit_begins_at_the_epoch_that_is_shown(page):
    page.locator("#epoch").fill("10")
    trained = all_numbers(page)
    typed(page, "t", "0")
    now = all_numbers(page)
    assert now["w"][0] == trained["w"][0]
    assert now["E"][0] != trained["E"][0]
    page.get_by_role("button", name="Reset all").click()
    assert page.locator("#epoch-label").text_content() == "Epoch 10 of 20"


@pytest.mark.parametrize("text", ["", "abc", "1,5", "nan", "1e", "<b>1</b>"])
def test_what_is_no_number_changes_nothing_and_is_marked(page, text):
    before = all_numbers(page)
    typed(page, "w", text)
    assert page.get_by_label("w", exact=True).get_attribute("aria-invalid") == "true"
    assert all_numbers(page) == before
    page.get_by_label("b", exact=True).focus()
    assert page.get_by_label("w", exact=True).input_value() == "0.5"


# --- other ways to change a number ------------------------------------------------------------------


def test_arrow_keys_go_in_fine_and_coarse_steps(page):
    field = page.get_by_label("w", exact=True)
    field.focus()
    field.press("ArrowUp")
    assert all_numbers(page)["w"][0] == 0.51
    field.press("Shift+ArrowDown")
    assert all_numbers(page)["w"][0] == 0.41
    assert field.input_value() == "0.41"
    assert page.locator("#position").input_value() == "0"  # the arrows did not step through the graph


@pytest.mark.parametrize("place", ['#fields bdi:text-is("w")', '#graph [data-box][aria-label^="w,"]'])
def test_a_name_or_a_box_is_dragged_sideways(page, place):
    handle = page.locator(place).bounding_box()
    x, y = handle["x"] + handle["width"] / 2, handle["y"] + handle["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 20, y, steps=5)
    page.mouse.move(x + 41, y, steps=5)
    page.mouse.up()
    assert all_numbers(page)["w"][0] == pytest.approx(0.6)
    assert page.locator("#graph .selected").count() == 0  # it was no click


def test_many_leaves_are_found_by_name(browser, tmp_path):
    leaves = [Value(0.01 * place, f"weight{place}") for place in range(60)]
    total = sum(leaf * leaf for leaf in leaves)
    total.label = "E"
    explore(total, tmp_path / "many.html", wrt=leaves)
    with opened(browser, tmp_path / "many.html") as page:
        ready(page)
        assert page.locator("#fields .field").count() == 48
        assert page.inner_text("#leaf-count") == "48 of 60 are listed: type a part of a name."
        page.get_by_label("Find a leaf by a part of its name").fill("weight59")
        assert page.locator("#fields .field").count() == 1
        typed(page, "weight59", "2")
        assert all_numbers(page)["weight59"] == (2.0, 4.0)


# --- what is said -----------------------------------------------------------------------------------


def test_the_first_number_that_is_not_finite_is_named(browser, tmp_path):
    x = Value(2.0, "x")
    y = log(x) * 3.0 + 1.0
    y.label = "y"
    explore(y, tmp_path / "log.html", wrt=[x])
    with opened(browser, tmp_path / "log.html") as page:
        ready(page)
        typed(page, "x", "0")
        assert "v1 = ln(x) = ln(0) = −∞" in page.inner_text("#leaf-said")
        typed(page, "x", "-1")
        assert "nan" in page.inner_text("#leaf-said")
        typed(page, "x", "1")
        assert page.inner_text("#leaf-said") == ""


def test_an_index_that_is_none_is_named_with_what_there_is_to_take(browser, tmp_path):
    """And a whole number takes another value: number and gradients are the engine's."""
    row, token = [Value(2.0, "a"), Value(3.0, "b"), Value(5.0, "c")], Value(1.0, "token")
    y = take(row, token) ** 2
    y.label = "y"
    explore(y, tmp_path / "take.html", wrt=row)
    with opened(browser, tmp_path / "take.html") as page:
        ready(page)
        typed(page, "token", "2")
        assert {name: all_numbers(page)[name] for name in "abcy"} == {
            "a": (2.0, 0.0), "b": (3.0, 0.0), "c": (5.0, 10.0), "y": (25.0, 1.0)
        }  # fmt: skip
        for wrong in ("3", "-1", "0.5"):
            typed(page, "token", wrong)
            said = page.inner_text("#leaf-said")
            assert said.startswith(
                f"token is {wrong.replace('-', '−')}, and v1 takes by a whole number from 0 to 2"
            )
        typed(page, "token", "0")
        assert page.inner_text("#leaf-said") == ""


def test_a_nudge_shows_the_quotient_near_the_derivative(page):
    typed(page, "w", "1")
    page.locator('#graph [data-box][aria-label^="w,"]').focus()
    rows = page.locator("#details .nudge tbody tr").all_text_contents()
    assert len(rows) == 6
    texts = page.locator("#details .nudge td").all_text_contents()
    numbers = [float(text.replace("−", "-")) for text in texts]
    cells = list(zip(numbers[::3], numbers[1::3], numbers[2::3]))
    errors = [abs(quotient - derivative) for _, quotient, derivative in cells]
    assert [size for size, *_ in cells] == [0.1, 0.01, 0.001, 1e-4, 1e-5, 1e-6]
    assert errors[0] > 10 * errors[2] > 0.0
    assert errors[4] < 1e-3 * abs(cells[0][2])


def test_a_branch_follows_the_numbers(browser, tmp_path):
    x = Value(1.0, "x")
    y = where(x > 0.0, 3.0 * x, -x)  # a comparison decides once, when it is recorded
    z = where(x, y * 2.0, x)
    z.label = "z"
    explore(z, tmp_path / "branch.html", wrt=[x])
    with opened(browser, tmp_path / "branch.html") as page:
        ready(page)
        typed(page, "x", "-2")
        assert all_numbers(page)["z"] == (-12.0, 1.0)
        typed(page, "x", "0")
        assert all_numbers(page)["x"][1] == 1.0
        assert page.locator(".edge.untaken").count() > 0


def test_a_row_of_ones_own_that_has_no_formula_leaves_the_page_as_it_was(browser, tmp_path):
    name = f"decides_on_a_page_{len(TABLE)}"
    row = primitive(lambda y, x: (1.0,), name=name, domain=((0.5, 2.0),))(lambda x: x if x > 0 else 0.0)
    x = Value(1.0, "x")
    y = row(x) * 2.0
    y.label = "y"
    explore(y, tmp_path / "own.html", wrt=[x])
    with opened(browser, tmp_path / "own.html") as page:
        ready(page)
        assert f"The numbers cannot be changed here: the primitive '{name}' has no form" in page.inner_text(
            "#leaves"
        )
        assert page.locator("#live").is_hidden()
        assert all_numbers(page)["y"] == (2.0, 1.0)


# --- training ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("optimizer", ["SGD", "SGD, momentum 0.9", "Adam"])
def test_training_goes_on_from_the_readers_numbers_as_nn_does(page, optimizer):
    typed(page, "w", "-0.5")
    page.get_by_label("Learning rate").fill("0.3")
    page.get_by_label("Optimizer").select_option(optimizer)
    for _ in range(5):
        page.get_by_role("button", name="One update").click()
    _, leaves = neuron()
    leaves["w"].data = -0.5
    trained = [leaves["w"], leaves["b"]]
    theirs = {
        "SGD": lambda: nn.SGD(trained, lr=0.3),
        "SGD, momentum 0.9": lambda: nn.SGD(trained, lr=0.3, momentum=0.9),
        "Adam": lambda: nn.Adam(trained, lr=0.3),
    }[optimizer]()
    for _ in range(5):
        for leaf in leaves.values():
            leaf.grad = 0.0
        w, x, b, t = leaves.values()
        (0.5 * (t - sigmoid(w * x + b)) ** 2).backward()
        theirs.step()
    found = all_numbers(page)
    assert found["w"][0] == pytest.approx(leaves["w"].data, rel=1e-11)
    assert found["b"][0] == pytest.approx(leaves["b"].data, rel=1e-11)
    assert page.inner_text("#meaning").startswith("5 updates: the loss is")


@pytest.mark.parametrize("batch", [1, 2, 4])
def test_batches_follow_each_other_as_nn_takes_them(page, batch):
    """Three examples: of the batches of two the last has one, and four is all of them."""
    examples = [(3.0, 1.0), (-2.0, 0.0), (0.5, 0.25)]
    typed(page, "w", "-0.5")
    for x, t in examples[1:]:
        page.get_by_role("button", name="Add an example").click()
        typed(page, "x", repr(x))
        typed(page, "t", repr(t))
    page.get_by_label("Batch").select_option(str(batch))
    for _ in range(5):
        page.get_by_role("button", name="One update").click()
    _, leaves = neuron()
    w, _, b, _ = leaves.values()
    w.data = -0.5
    batches = [examples[start : start + batch] for start in range(0, 3, batch)]
    for step in range(5):
        w.grad = b.grad = 0.0
        chosen = batches[step % len(batches)]
        for x, t in chosen:
            (0.5 * (t - sigmoid(w * x + b)) ** 2 / len(chosen)).backward()
        w.data, b.data = w.data - 0.5 * w.grad, b.data - 0.5 * b.grad
    found = all_numbers(page)
    assert found["w"][0] == pytest.approx(w.data, rel=1e-11)
    assert found["b"][0] == pytest.approx(b.data, rel=1e-11)
    page.locator("#phases button", has_text="Update").click()
    page.get_by_label("Show example 1").check()
    over = "all examples" if batch == 4 else "the batch"
    assert f"averaged over {over}" in page.inner_text("#sentence")


def test_it_runs_until_it_is_paused_and_curves_are_kept(page):
    page.get_by_role("button", name="Train").click()
    page.wait_for_function("parseInt(document.getElementById('meaning').textContent) > 3")
    page.locator("#run").click()
    assert page.locator("#run").get_attribute("aria-pressed") == "false"
    page.get_by_role("button", name="Keep this curve").click()
    page.get_by_role("button", name="Reset all").click()
    typed(page, "w", "1")
    page.get_by_role("button", name="One update").click()
    assert page.locator("#chart .curve").count() == 2


def test_the_last_step_goes_over_into_the_next_update(page):
    typed(page, "w", "1")
    page.locator("#last").click()
    page.keyboard.press("ArrowRight")
    assert page.inner_text("#sentence").startswith("After 1 update from your numbers: the leaves are given")
    assert page.inner_text("#meaning").startswith("1 update:")


def test_a_loss_that_leaves_the_numbers_ends_the_training_and_says_so(browser, tmp_path):
    x = Value(3.0, "x")
    y = x**4
    y.label = "y"
    explore(y, tmp_path / "diverges.html", wrt=[x], lr=1.0)
    with opened(browser, tmp_path / "diverges.html") as page:
        ready(page)
        page.get_by_role("button", name="Train").click()
        page.wait_for_function("document.getElementById('meaning').textContent.includes('smaller η')")
        assert page.locator("#run").get_attribute("aria-pressed") == "false"


def test_examples_are_added_edited_and_removed_and_training_takes_their_mean(page):
    typed(page, "x", "1")
    page.get_by_role("button", name="Add an example").click()
    typed(page, "x", "-2")
    typed(page, "t", "0")
    _, leaves = neuron()
    w, _, b, _ = leaves.values()
    losses = [0.5 * (t - sigmoid(w * x + b)) ** 2 for x, t in ((1.0, 1.0), (-2.0, 0.0))]
    mean = (losses[0] + losses[1]) / 2.0
    mean.backward()
    assert f"the loss is {mean.data:.6g}, the mean over 2 examples" in page.inner_text("#meaning")
    page.locator("#phases button", has_text="Update").click()
    page.get_by_role("button", name="One update").click()
    assert all_numbers(page)["w"][0] == pytest.approx(0.5 - 0.5 * w.grad, rel=1e-12)
    page.get_by_label("Show example 1").check()
    assert all_numbers(page)["x"][0] == 1.0
    page.get_by_role("button", name="Remove example 2").click()
    assert page.get_by_role("button", name="Remove example 1").is_disabled()
    assert "mean over" not in page.inner_text("#meaning")


def test_a_cross_entropy_is_held_against_guessing(browser, tmp_path):
    logits = [Value(0.0, f"z{k}") for k in range(3)]
    loss = nn.cross_entropy(logits, 1)
    loss.label = "E"
    explore(loss, tmp_path / "classes.html", wrt=logits)
    with opened(browser, tmp_path / "classes.html") as page:
        ready(page)
        typed(page, "z0", "0.001")
        assert "no better than guessing: to guess among 3 classes costs ln 3 = 1.1" in page.inner_text(
            "#meaning"
        )
        typed(page, "z1", "4")
        assert "better than guessing" in page.inner_text("#meaning")


# --- for everybody ----------------------------------------------------------------------------------


@pytest.mark.parametrize("scheme", ["light", *slow(["dark"])])
def test_nobody_is_kept_out_after_edits(page, scheme):
    page.emulate_media(color_scheme=scheme)
    typed(page, "w", "-2")
    page.get_by_role("button", name="One update").click()
    page.get_by_role("button", name="Add an example").click()
    typed(page, "x", "abc")
    page.locator('#graph [data-box][aria-label^="w,"]').click()
    assert violations(page) == []


@pytest.mark.parametrize("width", [360, 1280, 1440])
def test_nothing_is_cut_off(page, width):
    page.set_viewport_size({"width": width, "height": 800})
    typed(page, "w", "-2.123456789")
    page.get_by_role("button", name="Add an example").click()
    assert overflow(page) == 0
    if width > 1000:
        canvas, svg = (page.locator(place).bounding_box() for place in ("#graph .canvas", "#graph svg"))
        assert svg["x"] + svg["width"] <= canvas["x"] + canvas["width"] + 1


# --- the plane of two features -----------------------------------------------------------------------

PIXELS = """places => {
    const canvas = document.querySelector("#plane-drawn");
    const { width, height } = canvas;
    const copy = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true });
    copy.drawImage(canvas, 0, 0);
    return places.map(([x, y]) => [...copy.getImageData(x * width, y * height, 1, 1).data].slice(0, 3));
}"""


def _planes(classes):
    """A model of two features, trained a little, with its data."""
    rng = np.random.default_rng(classes)
    X = rng.normal(size=(30, 2))
    y = (X[:, 0] > 0.3).astype(int) if classes == 2 else (X[:, 0] > 0).astype(int) + (X[:, 1] > 0)
    model = nn.MLP(2, [3, 1 if classes == 2 else classes], "tanh", seed=1)
    loss = "binary_cross_entropy_with_logits" if classes == 2 else "cross_entropy"
    return model, X, y, nn.explore_model(model, (X, y), loss=loss, lr=0.5, epochs=8, progress=False)


def _decided(model, point):
    made = model(list(point))
    return int(made.data > 0) if isinstance(made, Value) else int(np.argmax([each.data for each in made]))


@pytest.mark.parametrize("classes", [2, 3])
def test_the_plane_shows_what_the_model_decides_after_an_edit_too(browser, tmp_path, classes):
    model, X, y, explorer = _planes(classes)
    with opened(browser, explorer.save(tmp_path / "plane.html")) as page:
        ready(page)

        def compare():
            right = int(np.sum([_decided(model, point) == target for point, target in zip(X, y)]))
            page.wait_for_function(
                f"document.querySelector('#plane-said').textContent.startsWith('{right} of 30')"
            )
            assert f"{right} of 30" in page.locator("#plane-drawn").get_attribute("aria-label")
            low, high = X.min(axis=0), X.max(axis=0)
            margin = 0.15 * (high - low)
            low, high = low - margin, high + margin
            shares = [((i + 0.5) / 48, (j + 0.5) / 48) for i in range(0, 48, 3) for j in range(0, 48, 3)]
            colours = map(tuple, page.evaluate(PIXELS, [(a, 1 - b) for a, b in shares]))
            decided = [_decided(model, low + np.array(each) * (high - low)) for each in shares]
            of = {}
            for colour, each in zip(colours, decided, strict=True):
                of.setdefault(each, []).append(colour)
            most = {each: max(set(found), key=found.count) for each, found in of.items()}
            assert len(set(most.values())) == len(most)
            # Lines and points lie over some of the cells.
            assert all(
                found.count(most[each]) > 0.75 * len(found) for each, found in of.items() if len(found) > 8
            )

        compare()
        weight = model.parameters()[0]
        for number in ("4", "-3"):
            typed(page, weight.label, number)
            weight.data = float(number)
            compare()
        assert violations(page) == []


def test_a_plane_says_what_does_not_fit():
    x, y, w = Value(1.0, "x"), Value(2.0, "y"), Value(0.5, "w")
    score = w * x - y
    points, classes = np.zeros((3, 2)), np.array([0, 1, 1])
    plane = Plane((x, y), (score,), points, classes)
    assert "#plane" in explore(score**2, plane=plane).html
    for wrong in (
        {"features": (x, score)}, {"features": (x, x)}, {"predictions": ()}, {"level": math.inf},
        {"points": np.zeros((3, 3))}, {"points": np.full((3, 2), math.nan)},
        {"classes": np.array([0, 1])}, {"classes": np.array([0, 1, 2])},
    ):  # fmt: skip
        with pytest.raises((TypeError, ValueError), match="a Plane"):
            Plane(**{**vars(plane), **wrong})
    with pytest.raises(ValueError, match="nodes of the graph"):
        explore(w * x, plane=plane)


# --- in another language -----------------------------------------------------------------------------

SHOWN = """() => {
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    const found = [document.title];
    const other = "script, noscript, #language, svg text";
    while (walker.nextNode()) {
        if (!walker.currentNode.parentElement.closest(other)) found.push(walker.currentNode.data);
    }
    for (const name of ["aria-label", "aria-valuetext", "placeholder", "title"])
        for (const element of document.querySelectorAll(`[${name}]`)) found.push(element.getAttribute(name));
    return found;
}"""


def _words(texts):
    return {word for text in texts for word in re.findall(r"[^\W\d_]{2,}", text.lower())}


def _said(language):
    forms = [
        form
        for text in texts()[language].values()
        for form in (text.values() if isinstance(text, dict) else [text])
    ]
    return _words(re.sub(r"\{\w+\}", "", form) for form in forms)


def test_in_another_language_no_english_is_left(page):
    """Words that only the English texts have: whatever the reader does, none is on the page."""
    english = _said("en") - _said("de")
    page.get_by_label("Language").select_option("de")
    found = set(page.evaluate(SHOWN))

    def look():
        found.update(page.evaluate(SHOWN))

    for step in range(int(page.locator("#position").get_attribute("max")) + 1):
        page.locator("#position").fill(str(step))
        look()
    for name in ("w", "v1", "E"):
        page.locator(f'#graph [data-box][aria-label^="{name},"]').click()
        look()
    typed(page, "w", "1e400")
    look()
    typed(page, "w", "-2")
    for button in ("once", "add", "run", "run", "keep", "as-csv", "reset"):
        page.locator(f"#{button}").click()
        look()
    page.locator("#predict").check()
    page.locator("#position").fill("1")
    for guessed in ("abc", "3.5", "99"):
        page.locator("#guessed").fill(guessed)
        page.locator("#guess button").first.click()
        look()
    page.locator("#play").click()
    look()
    assert len(found) > 100
    assert _words(found) & english == {"add"}  # the engine's name of the operation
    assert page.locator("html").get_attribute("lang") == "de"
    assert violations(page) == []
    page.locator("#language").select_option("en")
    assert page.locator("#play").inner_text().endswith("Pause")


def test_a_page_opens_in_the_language_that_is_asked_for(browser, tmp_path):
    output, _ = neuron()
    explore(output, tmp_path / "de.html", language="de")
    with opened(browser, tmp_path / "de.html") as page:
        ready(page)
        assert page.title() == "Backpropagation durch E"
    with pytest.raises(ValueError, match="language must be one of en, de"):
        explore(output, language="fr")


# --- predict -----------------------------------------------------------------------------------------


def guess(page, text):
    page.locator("#guessed").fill(text)
    page.get_by_role("button", name="Check").click()
    return page.inner_text("#verdict")


def step_to(page, start):
    """To the first step whose line of mathematics begins so."""
    page.locator("#position").fill("0")
    for _ in range(40):
        if page.locator("#formula").text_content().startswith(start):
            return
        page.locator("#next").click()
    pytest.fail(f"no step begins with {start}")


def test_the_next_number_is_hidden_until_it_is_guessed_or_shown(page):
    page.get_by_label("Predict").check()
    step_to(page, "v1 = w · x")
    assert page.locator("#formula").text_content() == "v1 = w · x = 0.5 · 3 = ?"
    page.locator('#graph [data-box][aria-label^="v1,"]').focus()
    assert "to be predicted" in page.inner_text("#details")
    assert "data not computed yet" in page.locator('#graph [data-box][aria-label^="v1,"]').get_attribute(
        "aria-label"
    )
    assert guess(page, "abc").startswith("Type a number")
    assert guess(page, "3.5") == "That is w + x."
    assert guess(page, "99") == "Not yet."
    assert guess(page, "1.5") == "Right: 1.5."
    assert page.locator("#formula").text_content() == "v1 = w · x = 0.5 · 3 = 1.5"
    page.locator("#next").click()
    page.get_by_role("button", name="Show it").click()
    assert "?" not in page.locator("#formula").text_content()


def test_slips_of_the_way_back_and_of_the_update_are_named(page):
    output, leaves = neuron()
    output.backward()
    w, x = leaves["w"], leaves["x"]
    page.get_by_label("Predict").check()
    step_to(page, "∂E/∂w = ∂E/∂v1 ·")
    incoming = w.grad / x.data
    assert "the local derivative, 3, is missing" in guess(page, f"{incoming:.6g}").lower()
    assert "gradient that comes in" in guess(page, "3")
    assert "derivative by x: the two are swapped" in guess(page, f"{incoming * w.data:.6g}")
    assert guess(page, f"{-w.grad:.6g}") == "The sign is wrong."
    assert guess(page, f"{w.grad:.6g}").startswith("Right")
    step_to(page, "w ← w − η")
    assert "it goes against it" in guess(page, f"{w.data + 0.5 * w.grad:.8g}")
    assert guess(page, f"{w.data - w.grad:.8g}") == "The learning rate is missing."
    assert guess(page, f"{w.data - 0.5 * leaves['b'].grad:.8g}") == "That is with the gradient of b."
    assert guess(page, f"{w.data - 0.5 * w.grad:.8g}").startswith("Right")


# --- take it away --------------------------------------------------------------------------------------


def download(page, button):
    with page.expect_download() as waiting:
        page.locator(button).click()
    return waiting.value


def test_the_python_that_is_taken_away_computes_the_same(page, tmp_path):
    typed(page, "w", "-1.25")
    got = download(page, "#as-python")
    assert got.suggested_filename == "Backpropagation-through-E.py"
    printed = {}
    program = got.path().read_text()
    exec(program, {"print": lambda name, number: printed.update({name: number})})
    right = expected(neuron()[0], {"w": -1.25})
    assert printed == pytest.approx(
        {"E": right["E"][0], "w.grad": right["w"][1], "b.grad": right["b"][1]}, rel=1e-12
    )


def test_the_program_for_torch_that_is_taken_away_is_whole(page):
    typed(page, "w", "-1.25")
    program = download(page, "#as-torch").path().read_text()
    compile(program, "torch.py", "exec")
    assert "w = number(-1.25).requires_grad_()" in program
    assert "= torch.sigmoid(" in program
    assert program.endswith('print("b.grad", b.grad.item())\n')


def test_a_table_and_drawings_are_taken_away(page):
    typed(page, "w", "2")
    rows = download(page, "#as-csv").path().read_text().splitlines()
    assert rows[0] == "name,operation,data,gradient"
    right = expected(neuron()[0], {"w": 2.0})
    name, operation, data, gradient = rows[-1].split(",")
    assert (name, operation, float(gradient)) == ('"E"', '"mul"', 1.0)
    assert float(data) == pytest.approx(right["E"][0], rel=1e-14)
    svg = download(page, "#as-svg").path().read_text()
    ElementTree.fromstring(svg)
    assert ">w<" in svg
    png = download(page, "#as-png").path().read_bytes()
    assert png.startswith(b"\x89PNG")
    assert len(png) > 10_000


@pytest.mark.office
@pytest.mark.slow
@pytest.mark.parametrize("edited", [False, True])
def test_the_workbook_that_is_taken_away_trains_as_the_engine_does(page, tmp_path, edited):
    """LibreOffice computes it; `save_workbook` writes the same table as numbers."""
    output, leaves = neuron()
    if edited:
        typed(page, "w", "-1.25")
        page.locator("#rate").fill("0.75")
        leaves["w"].data = -1.25
        output = 0.5 * (leaves["t"] - sigmoid(leaves["w"] * leaves["x"] + leaves["b"])) ** 2
        output.label = "E"
    path = tmp_path / "taken.xlsx"
    download(page, "#as-workbook").save_as(path)
    (sheet,) = computed(tmp_path, path)
    rows = list(openpyxl.load_workbook(sheet, data_only=True)["training"].iter_rows(values_only=True))
    trained = [leaves["w"], leaves["b"]]
    save_workbook(output, trained, tmp_path / "ours.csv", epochs=100, lr=0.75 if edited else 0.5)
    header, *wanted = csv.reader((tmp_path / "ours.csv").read_text(encoding="utf-8").splitlines())
    assert list(rows[7]) == header
    found = np.array(rows[8:], float)
    assert found.shape == (100, len(header))
    np.testing.assert_allclose(found, np.array(wanted, float), rtol=1e-9)


def test_a_state_comes_back_from_a_file_and_from_the_address(page, tmp_path):
    typed(page, "w", "-1.5")
    page.get_by_role("button", name="Add an example").click()
    typed(page, "x", "0.25")
    page.get_by_label("Optimizer").select_option("Adam")
    before = all_numbers(page)
    state = download(page, "#as-state").path().read_text()
    page.get_by_role("button", name="Reset all").click()
    (tmp_path / "state.json").write_text(state)
    page.locator("#state-file").set_input_files(tmp_path / "state.json")
    page.wait_for_function("document.getElementById('away-said').textContent.includes('is shown')")
    assert all_numbers(page) == before
    assert page.get_by_label("Optimizer").input_value() == "Adam"
    page.get_by_role("button", name="Link").click()
    page.reload()
    ready(page)
    assert all_numbers(page) == before
    page.evaluate("history.replaceState(null, '', location.pathname)")


HOSTILE = [
    "", "{", "null", "[]", '{"version": 2}', '"<img src=x onerror=alert(1)>"', "1e999", '{"version": 1}',
]  # fmt: skip
HOSTILE_PARTS = [
    ("numbers", ["alert(1)"] * 4), ("numbers", [1, 2, 3, 4]), ("numbers", []),
    ("names", ["w", "x", "b", "<b>"]), ("examples", []), ("examples", [["1"]]),
    ("examples", [["1", "2; alert(1)"]]), ("example", 7), ("example", "0"), ("rate", "0.1"), ("rate", None),
    ("optimizer", "constructor"), ("optimizer", "__proto__"), ("batch", -1), ("batch", "2"), ("batch", 1.5),
]  # fmt: skip


@pytest.mark.parametrize("hostile", HOSTILE + HOSTILE_PARTS, ids=repr)
def test_hostile_states_change_nothing_and_are_said_to_be_none(page, hostile):
    before = all_numbers(page)
    if isinstance(hostile, tuple):
        state = json.loads(download(page, "#as-state").path().read_text())
        part, value = hostile
        hostile = json.dumps({**state, part: value})
    page.evaluate("text => { location.hash = '#state=' + encodeURIComponent(text); }", hostile)
    page.wait_for_function("document.getElementById('away-said').textContent.includes('is no state')")
    assert all_numbers(page) == before
    assert page.get_by_role("button", name="Reset all").is_disabled()
    page.evaluate("history.replaceState(null, '', location.pathname)")
