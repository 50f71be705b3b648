"""The playground in a real browser: what is typed, faults, states, lines, hostile texts."""

from __future__ import annotations

import json
import math
import re

import pytest

import autograd
from autograd import playground
from autograd.engine.replay import Passes
from autograd.explorer.labels import Labels
from autograd.language import parse
from demos import playground as demo
from tests.support.browser import opened, overflow, violations
from tests.support.live import all_numbers, ready, typed
from tests.support.typed_programs import HOSTILE

pytestmark = pytest.mark.browser

TYPED = """(text) => {
    document.querySelector("#fault").replaceChildren();
    const program = document.querySelector("#program");
    program.value = text;
    program.dispatchEvent(new Event("input", { bubbles: true }));
}"""
EXAMPLES = ["neuron", "assignment", "xor", "classes", "attention", "order"]


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    path = tmp_path_factory.mktemp("playground") / "playground.html"
    playground(path)
    return path


@pytest.fixture(scope="module")
def opened_page(browser, path):
    with opened(browser, path) as page:
        yield page


@pytest.fixture
def page(opened_page, path):
    opened_page.set_viewport_size({"width": 1280, "height": 800})
    opened_page.goto("about:blank")
    opened_page.goto(path.as_uri())
    return ready(opened_page)


def program(page, text, trained=None):
    """Type a program and wait for what comes of it: its graph, or a fault."""
    if trained is not None:
        page.locator("#trained").fill(trained)
    page.evaluate("document.querySelector('#stepper').dataset.old = ''")
    page.evaluate(TYPED, text)
    page.wait_for_function(
        "document.querySelector('#stepper').dataset.old === undefined && document.querySelector('#graph svg')"
        " || document.querySelector('#fault').textContent"
    )
    return page.locator("#fault p").first.text_content() if page.locator("#fault p").count() else ""


def expected(text, numbers):
    """By name the number and gradient of each node that has a label, and how many nodes there are."""
    formula = parse(text)
    output, _ = formula.record({name: numbers.get(name, 1.0) for name in formula.names})
    passes = Passes(output)
    done = passes.run({node: numbers[node.label] for node in passes.nodes if node.label in numbers})
    names = Labels(passes).names
    return {
        names[node]: pair for node, *pair in zip(passes.nodes, done.data, done.grads) if not node.constant
    }, passes


def agree(page, text, numbers):
    wanted, passes = expected(text, numbers)
    found = all_numbers(page)
    assert len(found) == sum(not node.constant for node in passes.nodes)
    for name, pair in wanted.items():
        for one, other in zip(found[name], pair):
            assert math.isclose(one, other, rel_tol=1e-12, abs_tol=1e-300), (name, found[name], pair)


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_opens_and_its_numbers_are_the_engines(page, name):
    page.locator("#example").select_option(name)
    page.wait_for_function("!document.querySelector('#fault').textContent")
    text = page.locator("#program").input_value()
    program(page, text)
    agree(page, text, {})
    assert page.locator("#train").is_visible() == (name != "order")  # nothing is trained there
    assert not violations(page)


def test_what_is_typed_is_recorded_and_edits_and_training_work_on_it(page):
    text = "h = tanh(w*x + b)\nloss = (h - t)**2"
    assert program(page, text, "w b") == ""
    agree(page, text, {})
    typed(page, "w", "0.75")
    typed(page, "t", "-0.5")
    agree(page, text, {"w": 0.75, "t": -0.5})
    before = page.locator("#leaf-0").input_value()
    page.locator("#once").click()
    assert page.locator("#meaning").text_content().startswith("1 update")
    assert before
    # Numbers of names that the program gives none stay as the reader typed them.
    longer = f"{text} + 0.1*w**2"
    assert program(page, longer) == ""
    assert float(page.get_by_label("t", exact=True).input_value().replace("−", "-")) == -0.5


def test_a_fault_is_told_at_its_column_and_nothing_stale_can_be_used(page):
    told = program(page, "h = tanh(w*x)\nloss = (h - t) ^ 2")
    assert told == "Line 2, column 16: write a power as **."
    assert page.locator("#fault pre").text_content() == "loss = (h - t) ^ 2\n               ^"
    assert page.locator("#program").get_attribute("aria-invalid") == "true"
    assert page.evaluate("document.querySelector('#graph').closest('[inert]') !== null")
    assert not violations(page)
    page.locator("#language").select_option("de")
    assert (
        page.locator("#fault p").first.text_content()
        == "Zeile 2, Spalte 16: eine Potenz wird mit ** geschrieben."
    )
    assert program(page, "h = tanh(w*x)\nloss = (h - t)**2") == ""
    assert not page.evaluate("document.querySelector('#graph').closest('[inert]') !== null")
    assert page.locator("#language").input_value() == "de"
    assert "Schritt" in page.locator("#position-label").text_content()


def test_a_node_shows_its_line_and_a_line_its_node(page):
    program(page, "h = tanh(w*x + b)\nfor i in range(2):\n    h = h*h\nloss = (h - 1)**2")
    page.locator("#graph [data-box][aria-label^='h_2,']").click()
    assert page.locator("#shown mark").text_content() == "    h = h*h"
    assert "line 3: h = h*h" in page.locator("#details").text_content()
    page.locator("#program").focus()
    page.keyboard.press("Control+Home")
    page.keyboard.press("ArrowRight")  # which would be a step, outside the text
    assert page.locator("#graph .selected").get_attribute("aria-label").startswith("h,")
    assert page.locator("#shown mark").text_content() == "h = tanh(w*x + b)"
    assert page.locator("#position-label").text_content().startswith("Step 1 ")
    page.locator("#graph [data-box][aria-label^='loss,']").click()
    page.locator("#details .source button").first.click()  # the difference, which line 4 recorded too
    assert page.locator("#graph .selected").get_attribute("aria-label").startswith("v3,")
    assert "line 4: loss = (h - 1)**2" in page.locator("#details").text_content()
    assert not violations(page)


def test_a_gradient_has_its_closed_form(page):
    program(page, "h = sigmoid(w*x)\nloss = (h - 0.25)**2 + h*w", "w")
    typed(page, "w", "0.5")
    page.locator("#graph [data-box][aria-label^='w,']").click()
    (told,) = page.locator("#details h4:text-is('Closed form') + ul li").all_text_contents()
    _, names, numbers, result = told.replace("−", "-").replace("·", "*").replace("^", "**").split(" = ")
    h = 1 / (1 + math.exp(-0.5))
    gradient = (2 * (h - 0.25) + 0.5) * h * (1 - h) + h
    values = {"h": h, "v2": h - 0.25, "w": 0.5, "x": 1.0}
    for text in (names.replace("h (", "h * ("), numbers, result):
        assert math.isclose(eval(text, {"__builtins__": {}}, values), gradient, rel_tol=1e-4), text


def test_a_state_has_the_program_in_the_address_and_in_a_file(page, path, tmp_path):
    text = "y = sin(x)*k\nloss = y**2"
    program(page, text, "k")
    typed(page, "x", "0.25")
    page.locator("#as-link").click()
    address = page.url
    with page.expect_download() as download:
        page.locator("#as-state").click()
    saved = json.loads(download.value.path().read_text())
    assert saved["program"] == {"text": text, "trained": "k"}
    page.goto("about:blank")
    page.goto(address)
    ready(page)
    page.wait_for_function("document.querySelector('#program').value.startsWith('y = sin')")
    page.wait_for_function("document.querySelector('#away-said').textContent")
    agree(page, text, {"x": 0.25})
    program(page, "a*b")  # and the address does not come back
    assert page.locator("#program").input_value() == "a*b"
    page.locator("#state-file").set_input_files(download.value.path())
    page.wait_for_function("document.querySelector('#program').value.startsWith('y = sin')")
    agree(page, text, {"x": 0.25})


@pytest.mark.parametrize(
    "state",
    [
        {"program": {"text": "alert(1)", "trained": ""}}, {"program": {"text": 1, "trained": ""}},
        {"program": {"text": "x", "trained": "w" * 500}},
        {"program": None}, {"program": {"text": "x" * 10_000, "trained": ""}}, {"program": []},
        {"__proto__": {"program": 1}}, 3, None, [],
    ],
)  # fmt: skip
def test_a_bad_state_changes_nothing(page, path, tmp_path, state):
    before = page.locator("#program").input_value()
    bad = tmp_path / "state.json"
    bad.write_text(json.dumps(state))
    page.locator("#state-file").set_input_files(bad)
    page.wait_for_function("document.querySelector('#away-said').textContent")
    assert "no state of this page" in page.locator("#away-said").text_content()
    assert page.locator("#program").input_value() == before
    assert page.locator("#fault").text_content() == ""


@pytest.mark.slow
def test_hostile_texts_are_told_and_the_page_lives_on(page):
    for text in (
        *HOSTILE,
        "__proto__ * constructor",
        "x = [a*b for a in range(20)]\nsum(x) + sum([i*i for i in x])",
        "<img src=x onerror=alert(1)>",
    ):
        program(page, text)
    assert "up to 300" in program(page, "s = 0\nfor i in range(400): s = s + x*i\ns")
    assert program(page, "__proto__ * constructor + toString") == ""
    agree(page, "__proto__ * constructor + toString", {})


def test_what_is_taken_away_runs_and_is_the_same(page):
    text = (
        "w = [0.5, -0.25]\nx = [2, 1.5]\n"
        "h = softmax([dot(w, x), w[0]**2, 1])\nloss = -ln(h[0]) + leaky_relu(w[1])"
    )
    program(page, text, "w*")
    with page.expect_download() as download:
        page.locator("#as-python").click()
    known: dict = {}
    said: list = []
    exec(download.value.path().read_text(), {"print": lambda *each: said.extend(each), **known})
    wanted, _ = expected(text, {})
    assert any(math.isclose(each, wanted["loss"][0]) for each in said if isinstance(each, float)), said
    with page.expect_download() as download:
        page.locator("#as-svg").click()
    assert "<svg" in download.value.path().read_text()


@pytest.mark.parametrize(("width", "scheme"), [(360, "light"), (360, "dark"), (1440, "dark")])
@pytest.mark.slow
def test_every_example_fits_and_is_clean(browser, path, width, scheme):
    with opened(browser, path, width=width, scheme=scheme) as page:
        ready(page)
        for name in EXAMPLES:
            page.locator("#example").select_option(name)
            page.wait_for_timeout(300)
            assert overflow(page) == 0
            assert not violations(page)


def test_the_file_is_small_and_asks_for_nothing(path):
    assert path.stat().st_size < 3_000_000
    assert not re.search(
        r"(src|href)=[\"']?(https?:|//)", path.read_text(encoding="utf-8").split('id="graphviz"')[0]
    )
    assert autograd.playground(language="de").html.startswith('<!DOCTYPE html>\n<html lang="de">')


def test_the_demo_writes_the_page(tmp_path, capsys):
    assert demo.main(["--out", str(tmp_path / "new")]) == 0
    written = tmp_path / "new" / "index.html"
    assert str(written) in capsys.readouterr().out
    assert written.read_text(encoding="utf-8") == playground().html
