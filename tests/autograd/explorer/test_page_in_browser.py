"""`explore`'s page in a real browser: what it shows is what the engine computes, and everybody can use it."""

from __future__ import annotations

import functools
import math
import random
import re
from dataclasses import replace

import numpy as np
import pytest

from autograd import Run, Value, explore, sqrt, where
from demos.assignment import run as assignment
from nn import MLP
from tests.support.browser import opened, overflow, violations
from tests.support.profiles import slow

pytestmark = pytest.mark.render

SETTINGS = assignment.Settings()
RATES = (0.5, 0.1, 0.2, 0.8, 1.0, 2.0, 100.0, 1000.0)
STEPS, LOSS, SEED = 55, 15, 16  # of an epoch; the places of the loss and of the first step back
XOR = [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], [0.0, 1.0, 1.0, 0.0]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("explored")


@pytest.fixture(scope="module")
def assignment_file(folder):
    path = folder / "assignment.html"
    assignment.explorer(SETTINGS, RATES, path)
    return path


@pytest.fixture(scope="module")
def mlp_file(folder):
    path = folder / "mlp.html"
    explore(MLP(2, [16, 16, 1], "tanh", seed=1), XOR, path, lr=0.1, epochs=3, progress=False)
    return path


@pytest.fixture(scope="module")
def assignment_page(browser, assignment_file):
    with opened(browser, assignment_file) as page:
        yield page


@pytest.fixture
def page(assignment_page):
    """The assignment's page, as it opens on a screen for a reader who prefers nothing."""
    assignment_page.emulate_media(
        media="screen", color_scheme="light", reduced_motion="no-preference", forced_colors="none"
    )
    assignment_page.set_viewport_size({"width": 1280, "height": 800})
    assignment_page.reload()
    return ready(assignment_page)


@pytest.fixture
def exploring(browser, folder):
    """Opens the page of a graph of its own."""
    files = iter(range(100))

    def explored(output, *, width=1280, **options):
        path = folder / f"{output.label or output.op}{next(files)}.html".replace("/", "")
        explore(output, path, **options)
        return opened(browser, path, width=width)

    return explored


def ready(page):
    page.wait_for_selector("body[data-ready]")
    return page


def named(node, label):
    node.label = label
    return node


# --- what stands on the page ---------------------------------------------------------------------------


def number(text):
    """A number as the page writes it; None where it has none yet."""
    if text in ("", "–"):
        return None
    return float(text.replace("−", "-").replace("∞", "inf"))


def last_number(text):
    return number(re.findall(r"−?(?:∞|nan|\d[\d.]*(?:e−?\d+)?)", text)[-1])


def calculated(line):
    """What comes out of the numbers of a line of mathematics."""
    for written, python in (("−", "-"), ("·", "*"), ("^", "**")):
        line = line.replace(written, python)
    return eval(line, {"__builtins__": {}, "σ": lambda x: 1 / (1 + math.exp(-x))})


def boxes(page):
    """Of each box of the graph, by its name, the numbers in it and the classes that style it."""
    found = page.eval_on_selector_all(
        "#graph [data-box][aria-label]",
        """all => all.map(box => [
            box.getAttribute("aria-label").split(", ")[0],
            ...["data", "grad"].map(each => box.querySelector(`[data-number=${each}]`)?.textContent ?? ""),
            [...box.classList],
        ])""",
    )
    return {name: (number(data), number(grad), set(classes)) for name, data, grad, classes in found}


def box(page, name):
    return page.locator(f'#graph [data-box][aria-label^="{name},"]')


def step(page):
    return int(page.input_value("#position"))


def go(page, place):
    page.locator("#position").fill(str(place))


def press(page, key, times=1):
    for _ in range(times):
        page.keyboard.press(key)


def sentence(page):
    return page.inner_text("#sentence")


def formula(page):
    """The line of mathematics, as it is copied."""
    return page.locator("#formula").text_content()


def focused(page):
    return page.evaluate("document.activeElement.getAttribute('aria-label') ?? document.activeElement.id")


def tab_to(page, name):
    """Press Tab until the focus is on what is called so."""
    for _ in range(100):
        page.keyboard.press("Tab")
        if (focused(page) or "").startswith(name):
            return
    pytest.fail(f"Tab does not lead to {name}")


def look(page):
    """What the panel says of a node: its terms, and its headings."""
    terms = page.eval_on_selector_all(
        "#details dt", "all => all.map(each => [each.textContent, each.nextSibling.textContent])"
    )
    return dict(terms), page.locator("#details :is(h3, h4)").all_text_contents()


# --- the engine, asked anew ----------------------------------------------------------------------------


@functools.cache
def engine(weights):
    """Every node of the assignment by the name that the page has for it, after a backward pass."""
    settings = replace(SETTINGS, weights=weights)
    nodes = assignment.forward(assignment.build(settings), settings)
    for place, error in enumerate((nodes["E1"], nodes["E2"])):  # without a label: numbered as computed
        [square] = [parent for parent in error.parents if parent.op]
        [difference] = [parent for parent in square.parents if parent.op]
        nodes |= {f"v{2 * place + 1}": difference, f"v{2 * place + 2}": square}
    nodes["E_total"].backward()
    return nodes


@functools.cache
def weights_at(rate, epoch):
    """The weights after so many updates w − η ∂E/∂w."""
    if epoch == 0:
        return SETTINGS.weights
    nodes = engine(weights_at(rate, epoch - 1))
    return tuple(nodes[name].data - rate * nodes[name].grad for name in assignment.WEIGHTS)


def ancestors(node):
    found, pending = set(), [node]
    while pending:
        node = pending.pop()
        if node not in found:
            found.add(node)
            pending += node.parents
    return found


@pytest.mark.parametrize("seed", range(4))
def test_what_is_shown_is_what_the_engine_computes(page, seed):
    """At random steps of random epochs of all trainings: in the boxes, in the panel, in the formula."""
    choose = random.Random(seed)
    compared = {"data": 0, "grad": 0}
    for _ in range(10):
        run, epoch, place = choose.randrange(len(RATES)), choose.randrange(100), choose.randrange(1, STEPS)
        page.locator("#rates input").nth(run).check()
        page.locator("#epoch").fill(str(epoch))
        go(page, place)
        nodes = engine(weights_at(RATES[run], epoch))
        moment = f"η = {RATES[run]:g}, epoch {epoch}, step {place}: {sentence(page)}"
        shown = boxes(page)
        assert shown.keys() == nodes.keys(), moment
        for name, (data, grad, classes) in shown.items():
            if data is not None:
                assert data == pytest.approx(nodes[name].data, rel=5.01e-4), f"{moment}: {name}"
                compared["data"] += 1
            if grad is not None and "partial" not in classes:
                assert grad == pytest.approx(nodes[name].grad, rel=5.01e-4), f"{moment}: {name}"
                compared["grad"] += 1
        told, result = formula(page), last_number(formula(page))
        subject = re.match(r"∂E_total/∂(\w+)|(\w+)", told)
        node = nodes[subject[1] or subject[2]]
        if place <= LOSS:
            assert result == pytest.approx(node.data, rel=5.01e-6), moment
            known = {name for name, (data, *_) in shown.items() if data is not None}
            assert {name for name in nodes if nodes[name] in ancestors(node)} <= known, moment
            assert [name for name in known if node in ancestors(nodes[name])] == [subject[2]], moment
        elif "←" in told:
            assert result == pytest.approx(node.data - RATES[run] * node.grad, rel=5.01e-6), moment
        elif "…" not in told:
            assert result == pytest.approx(node.grad, rel=5.01e-6), moment
        if place != SEED:  # where there is nothing to compute
            *_, numbers, _ = told.split(" = ")
            again = calculated(numbers.removesuffix(" + …"))
            assert again == pytest.approx(result, rel=1e-4, abs=2e-6), moment
        name = choose.choice(sorted(nodes))
        page.mouse.move(0, 0)  # where it points at no other
        box(page, name).focus()
        terms, (heading, *_) = look(page)
        assert heading == name
        assert number(terms["data"]) == pytest.approx(nodes[name].data, rel=1e-12), moment
        assert number(terms["gradient"]) == pytest.approx(nodes[name].grad, rel=1e-11), moment
    assert min(compared.values()) > 50


@pytest.mark.slow
def test_shares_are_seen_to_add_up_where_paths_meet(page):
    nodes = engine(SETTINGS.weights)
    for name, weights in (("a_h1", ("w7", "w5")), ("a_h2", ("w8", "w6"))):
        shares = [nodes[o].grad * nodes[w].data for o, w in zip(("o2", "o1"), weights, strict=True)]
        seen, told = [None], []
        go(page, SEED)
        for _ in range(30):
            press(page, "ArrowRight")
            _, grad, classes = boxes(page)[name]
            if grad != seen[-1]:
                seen.append(grad)
                told.append(sentence(page))
                complete = len(seen) == 3
                assert ("partial" in classes) != complete
                assert ("so far" in box(page, name).get_attribute("aria-label")) != complete
                assert last_number(formula(page)) == pytest.approx(sum(shares[: len(seen) - 1]), rel=1e-5)
                assert formula(page).count("…") == (0 if complete else 3)
        assert seen[1:] == pytest.approx([shares[0], sum(shares)], rel=5e-4)
        assert sum(shares) == pytest.approx(nodes[name].grad, rel=1e-14)
        assert "first of 2 shares" in told[0]
        assert "share 2 of 2, and the sum is complete" in told[1]


def test_every_weight_is_derived_factor_by_factor_with_the_numbers_of_the_epoch(page):
    page.locator("#epoch").fill("37")
    nodes = engine(weights_at(0.5, 37))
    for name in assignment.WEIGHTS:
        box(page, name).click()
        _, headings = look(page)
        assert headings == [
            name, "Nudge it", "Its gradient, factor by factor", "Chain rule", "Closed form", "Factors",
            "Multiplied",
        ]  # fmt: skip
        lines = page.locator("#details h4:text-is('Multiplied') + ul li").all_text_contents()
        lines += page.locator("#details h4:text-is('Closed form') + ul li").all_text_contents()
        assert [last_number(line) for line in lines] == pytest.approx([nodes[name].grad] * 2, rel=1e-5)
        for line in lines:
            *_, numbers, _ = line.split(" = ")
            assert calculated(numbers) == pytest.approx(nodes[name].grad, rel=1e-4)
        lit = {each for each, (*_, classes) in boxes(page).items() if "path" in classes}
        assert lit == {each for each in nodes if nodes[name] in ancestors(nodes[each])}
        factors = page.locator("#details h4:text-is('Factors') + ul li").all_text_contents()
        assert len(factors) == (6 if name in ("w5", "w6", "w7", "w8") else 14)


@pytest.mark.parametrize("name", ["a_h1", "h2", "o1", "i1", "t1"])
def test_a_node_without_a_closed_form_by_hand_has_the_product_of_its_factors(page, name):
    nodes = engine(SETTINGS.weights)
    box(page, name).click()
    (told,) = page.locator("#details h4:text-is('Closed form') + ul li").all_text_contents()
    _, names, numbers, result = told.split(" = ")
    assert set(re.findall(r"[a-z]\w*", names)) <= nodes.keys()
    assert calculated(numbers) == pytest.approx(nodes[name].grad, rel=1e-4)
    assert number(result) == pytest.approx(nodes[name].grad, rel=5.01e-6)


# --- every control -------------------------------------------------------------------------------------


def test_steps_by_buttons_by_keys_by_the_slider_and_by_phase(page):
    names = ("First", "Previous", "Next", "Last")
    button = {name: page.get_by_role("button", name=f"{name} step") for name in names}
    places = []
    for act in (
        button["Next"].click, button["Next"].click, button["Previous"].click, button["Last"].click,
        button["First"].click, lambda: press(page, "ArrowRight", 4), lambda: press(page, "ArrowLeft"),
        lambda: press(page, "End"), lambda: press(page, "Home"), lambda: go(page, 30),
    ):  # fmt: skip
        act()
        places.append(step(page))
    assert places == [1, 2, 1, STEPS - 1, 0, 4, 3, STEPS - 1, 0, 30]
    phases = {"Given": 0, "Forward pass": 1, "Loss": LOSS, "Backward pass": SEED, "Update": STEPS - 8}
    for name, place in phases.items():
        page.get_by_role("button", name=name, exact=True).click()
        assert step(page) == place
        assert page.locator("#phases [aria-current=step]").all_text_contents() == [name]
        assert page.inner_text("#position-label") == f"Step {place + 1} of {STEPS}"
        assert name in page.get_attribute("#position", "aria-valuetext")


def test_beyond_the_last_step_comes_the_next_epoch_and_the_last_epoch_has_no_update(page):
    assert page.get_attribute("#previous", "aria-disabled") == "true"
    press(page, "ArrowLeft")
    assert step(page) == 0
    press(page, "End")
    assert page.get_attribute("#last", "aria-disabled") == "true"
    assert page.get_attribute("#next", "aria-disabled") == "false"
    press(page, "ArrowRight")
    assert sentence(page).startswith("Epoch 1: ")
    assert page.inner_text("#epoch-label") == "Epoch 1 of 100"
    press(page, "ArrowLeft")
    assert (step(page), page.input_value("#epoch")) == (STEPS - 1, "0")
    page.locator("#epoch").fill("100")
    assert int(page.get_attribute("#position", "max")) == STEPS - 9
    update = page.get_by_role("button", name="Update", exact=True)
    assert update.get_attribute("aria-disabled") == "true"
    before = step(page)
    update.click(force=True)
    assert step(page) == before
    press(page, "End")
    assert page.get_attribute("#next", "aria-disabled") == "true"
    press(page, "ArrowRight")
    assert step(page) == STEPS - 9


def test_play_goes_on_by_itself_over_the_epochs_until_it_is_stopped(page):
    play = page.locator("#play")
    page.select_option("#speed", label="very fast")
    go(page, STEPS - 3)
    play.click()
    assert (play.inner_text(), play.get_attribute("aria-pressed")) == ("⏸︎ Pause", "true")
    assert page.get_attribute("#told", "aria-live") == "off"  # nobody could listen so fast
    page.wait_for_function("document.getElementById('epoch').value === '1'")
    page.locator("#close-all").click()  # another drawing, while it plays
    page.wait_for_function("document.getElementById('epoch').value === '2'")
    play.click()
    assert (play.inner_text(), play.get_attribute("aria-pressed")) == ("▶︎ Play", "false")
    assert page.get_attribute("#told", "aria-live") == "polite"
    stopped = step(page)
    page.wait_for_timeout(200)
    assert step(page) == stopped


def test_play_stops_at_the_end_and_then_begins_again(page):
    page.select_option("#speed", label="fast")
    page.locator("#epoch").fill("100")
    go(page, STEPS - 10)
    page.locator("#next").focus()
    page.evaluate("document.activeElement.blur()")
    press(page, "Space")
    assert page.get_attribute("#play", "aria-pressed") == "true"
    page.wait_for_selector("#play[aria-pressed=false]")
    assert step(page) == STEPS - 9
    page.select_option("#speed", label="slow")
    page.locator("#play").click()
    assert (step(page), page.input_value("#epoch")) == (0, "0")
    assert page.get_attribute("#play", "aria-pressed") == "true"


def test_trainings_are_switched_and_compared(page):
    labels = [f"η = {rate:g}" for rate in RATES]
    assert [text.strip() for text in page.locator("#rates label").all_text_contents()] == labels
    page.locator("#epoch").fill("2")
    marks = []
    for place, rate in enumerate(RATES):
        page.get_by_role("radio", name=labels[place], exact=True).check()
        rows = page.locator("#rates tbody tr").all_inner_texts()
        for row, other in zip(rows, RATES, strict=True):
            _, now, end = row.split("\t")
            assert number(now) == pytest.approx(engine(weights_at(other, 2))["E_total"].data, rel=5.01e-4)
            assert number(end) == pytest.approx(engine(weights_at(other, 100))["E_total"].data, rel=5.01e-4)
        assert page.input_value("#epoch") == "2"
        assert boxes(page)["w5"][0] == pytest.approx(weights_at(rate, 2)[4], rel=5.01e-4)
        label = page.get_attribute("#chart svg", "aria-label")
        assert label.startswith(f"Loss curve, {labels[place]}: 0.01418 before training")
        marks.append(page.get_attribute("#chart .marker", "cy"))
    assert len(set(marks)) == len(RATES)
    assert page.locator("#chart .curve").count() == len(RATES)
    assert page.locator("#chart .curve.current").count() == 1
    go(page, STEPS - 1)
    assert "(η = 1000)" in sentence(page)


def test_drawings_are_in_the_colours_of_the_page(page):
    """And have neither names that a browser shows as tooltips, nor the room that was left for numbers."""
    for place in ("#graph", "#network"):
        svg = page.locator(f"{place} .canvas svg").evaluate("svg => svg.outerHTML")
        assert not re.search(" id=|<title|8888", svg)
        if place == "#graph":  # the lines of the network have shades, which its style sheet overrides
            assert "var(--badge)" in svg
            assert not re.search(r"#[0-9a-f]{6}\b", svg)
    drawn = page.locator("#graph [data-box][aria-label]").count()
    assert page.locator("#graph [data-number=data]").count() == drawn
    assert page.locator("#graph [data-number=grad]").count() == drawn
    parts = [page.locator(f"#network [data-part={part}]").count() for part in ("edge", "number", "neuron")]
    assert parts == [8, 8, 6]


def test_the_network_shows_weights_or_gradients_of_the_epoch(page):
    page.locator("#epoch").fill("40")
    nodes = engine(weights_at(0.5, 40))

    def shown():
        texts = page.locator("#network [data-part=number]").all_text_contents()
        return {text.split(" = ")[0].strip(): number(text.split(" = ")[1].strip()) for text in texts}

    def widths():
        style = "each => [Number(each.dataset.node), parseFloat(each.style.getPropertyValue('--width'))]"
        return dict(page.eval_on_selector_all("#network [data-part=edge]", f"all => all.map({style})"))

    assert shown() == pytest.approx({w: nodes[w].data for w in assignment.WEIGHTS}, rel=5.01e-3)
    weights = widths()
    page.get_by_role("radio", name="gradients").check()
    assert shown() == pytest.approx({f"∂{w}": nodes[w].grad for w in assignment.WEIGHTS}, rel=5.01e-3)
    assert widths() != weights
    assert max(widths().values()) == max(weights.values()) == 3.5


def test_the_drawing_grows_and_shrinks(page):
    def width():
        return page.locator("#graph svg").bounding_box()["width"]

    natural = width()
    page.get_by_role("button", name="Larger").click()
    assert width() == pytest.approx(1.2 * natural, rel=0.01)
    page.get_by_role("button", name="Smaller").click()
    page.get_by_role("button", name="Smaller").click()
    assert width() == pytest.approx(natural / 1.2, rel=0.01)
    for _ in range(20):
        page.get_by_role("button", name="Smaller").click()
    assert width() > 100


def test_layers_close_and_open_and_the_step_stays(page):
    place = LOSS + 20
    go(page, place)
    before = sentence(page)
    assert page.locator("#open-all").get_attribute("aria-disabled") == "true"
    page.get_by_role("button", name="Close all").click()
    assert {"layer0", "layer1"} <= boxes(page).keys()
    assert not {"w1", "h1"} & boxes(page).keys()
    assert page.locator("#phases [aria-current=step]").inner_text() == "Backward pass"
    page.get_by_role("button", name="Open all").click()
    assert {"w1", "h1"} <= boxes(page).keys()
    go(page, place)
    assert sentence(page) == before
    page.locator('#graph [aria-label^="layer0.neuron1, open"] > text').click()
    assert sentence(page) == before
    assert "w1" in boxes(page)
    assert "w3" not in boxes(page)


def test_what_is_selected_in_one_view_is_selected_in_the_other(page):
    page.locator("#network [data-part=number]", has_text="w5 =").click()
    assert box(page, "w5").get_attribute("aria-pressed") == "true"
    assert look(page)[1][0] == "w5"
    neuron = page.locator('#network [role=button][aria-label^="a_h1,"]')
    neuron.click()
    assert box(page, "w5").get_attribute("aria-pressed") == "false"
    assert box(page, "a_h1").get_attribute("aria-pressed") == "true"
    box(page, "w3").click()
    assert neuron.get_attribute("aria-pressed") == "false"
    selected = page.locator("#network .selected")
    assert selected.evaluate_all("all => all.map(each => each.dataset.part).sort()") == ["edge", "number"]
    page.mouse.move(0, 0)
    box(page, "w3").hover()
    assert look(page)[1][:3] == ["w3", "Nudge it", "Its gradient, factor by factor"]
    page.get_by_role("button", name="Close all").click()
    assert "selected" in boxes(page)["layer0"][2]
    assert look(page)[1][:3] == ["w3", "Nudge it", "Its gradient, factor by factor"]
    box(page, "t1").hover()
    assert look(page)[1][0] == "t1"
    page.mouse.move(0, 0)
    assert look(page)[1][:3] == ["w3", "Nudge it", "Its gradient, factor by factor"]


def test_what_the_pointer_leaves_gives_way_to_what_has_the_focus(page):
    box(page, "w1").focus()
    box(page, "w3").hover()
    assert look(page)[1] == ["w3", "Nudge it"]
    page.mouse.move(0, 0)
    assert look(page)[1] == ["w1", "Nudge it"]


def test_pointing_at_a_closed_layer_tells_what_it_hands_on(page):
    page.get_by_role("button", name="Close all").click()
    box(page, "layer0").hover()
    terms, headings = look(page)
    assert terms == {"parameters": "4", "operations": "4"}
    assert headings == ["layer0", "What others read of it"]
    lines = page.locator("#details li").all_text_contents()
    nodes = engine(SETTINGS.weights)
    assert [line.split(" = ")[0] for line in lines] == ["a_h1", "a_h2"]
    assert [last_number(line) for line in lines] == pytest.approx(
        [nodes["a_h1"].grad, nodes["a_h2"].grad], rel=1e-5
    )


# --- a large network -----------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_large_network_opens_closed_and_opens_by_layer_and_neuron(browser, mlp_file):
    with opened(browser, mlp_file) as page:
        ready(page)
        assert {"layer0", "layer1", "layer2"} <= boxes(page).keys()
        assert len(boxes(page)) < 10
        press(page, "ArrowRight", 2)
        assert sentence(page).startswith("layer1 computes: 32 operations give 16 numbers")
        box(page, "layer1").click()
        assert focused(page) == "layer1, open: close it"
        assert {f"layer1.neuron{k}" for k in range(16)} <= boxes(page).keys()
        box(page, "layer1.neuron7").press("Enter")
        assert {f"layer1.neuron7.w{k}" for k in range(16)} <= boxes(page).keys()
        box(page, "layer1.neuron7.w3").click()
        assert page.locator("#network .edge.selected").count() == 1
        assert look(page)[1][0] == "layer1.neuron7.w3"
        neuron = page.locator("#network [data-part=neuron].path")
        assert neuron.evaluate_all("all => all.map(each => each.textContent.trim())") == ["h2.8", "y"]
        assert violations(page) == []


# --- the keyboard, and what is read out ----------------------------------------------------------------


def test_a_weight_is_reached_and_read_by_keyboard_alone(page):
    tab_to(page, "w1, parameter")
    assert "Its gradient, factor by factor" not in look(page)[1]
    press(page, "Enter")
    assert focused(page).startswith("w1, parameter")
    assert look(page)[1][:3] == ["w1", "Nudge it", "Its gradient, factor by factor"]
    assert box(page, "w1").get_attribute("aria-pressed") == "true"
    press(page, "ArrowRight", 3)  # and the steps go on
    assert step(page) == 3
    press(page, "Escape")
    assert page.locator("#graph [aria-pressed=true]").count() == 0
    assert page.locator(".faded").count() == 0
    assert "Its gradient, factor by factor" not in look(page)[1]


def test_a_layer_is_closed_and_opened_by_keyboard_and_the_focus_stays_with_it(page):
    tab_to(page, "layer0, open: close it")
    press(page, "Enter")
    assert focused(page).startswith("layer0, closed: 4 parameters and 4 operations")
    assert page.evaluate("document.activeElement.getAttribute('aria-expanded')") == "false"
    press(page, "Space")
    assert focused(page) == "layer0, open: close it"
    assert page.evaluate("document.activeElement.getAttribute('aria-expanded')") == "true"
    assert step(page) == 0


def test_a_slider_keeps_its_own_keys(page):
    page.locator("#epoch").focus()
    press(page, "ArrowRight", 3)
    assert (page.input_value("#epoch"), step(page)) == ("3", 0)
    press(page, "End")
    assert page.input_value("#epoch") == "100"


def test_what_the_focus_moves_to_is_in_view(page):
    """Not under the steps, which stay at the top; the page learns their height when it is laid out."""
    page.wait_for_function("document.documentElement.style.getPropertyValue('--stepper')")
    page.evaluate("scrollBy(0, document.getElementById('larger').getBoundingClientRect().top - 20)")
    page.locator("#larger").focus()
    top = page.locator("#larger").bounding_box()["y"]
    steps = page.locator("#stepper").bounding_box()
    assert top >= steps["y"] + steps["height"]


def test_each_step_is_told_in_a_live_region_in_words_and_mathematics(page):
    told = []
    for _ in range(STEPS):
        told.append((sentence(page), formula(page)))
        press(page, "ArrowRight")
    assert len(set(told)) == STEPS
    assert all(words.endswith(".") and mathematics for words, mathematics in told)
    live = page.locator("[aria-live=polite][aria-atomic=true]")
    assert sentence(page) in live.inner_text()
    page.locator("#epoch").fill("0")
    go(page, SEED + 9)
    read = "∂E_total/∂w8 = ∂E_total/∂o2 · a_h2 = 0.0303987 · 0.510623 = 0.0155223"
    assert live.get_by_role("img", name=read, exact=True).count() == 1


def test_all_that_is_pressed_has_a_name_and_says_its_state(page):
    pressed = page.get_by_role("button")
    unnamed = page.get_by_role("button", name=re.compile(r"^\s*$"))
    assert pressed.count() > 40
    assert unnamed.count() == 0
    expanded = page.locator("#graph [aria-expanded=true]").evaluate_all("all => all.map(e => e.tabIndex)")
    assert expanded == [0] * 6
    assert page.get_by_role("slider", name="Step 1 of 55").count() == 1
    assert page.get_by_role("slider", name="Epoch 0 of 100").count() == 1
    assert page.get_by_role("combobox", name="Speed").count() == 1
    assert page.get_by_role("img", name=re.compile("^Loss curve")).count() == 1
    headings = page.get_by_role("heading").all_text_contents()
    assert headings[0] == "The assignment network, step by step"


@pytest.mark.parametrize("scheme", ["light", *slow(["dark"])])
def test_nobody_is_kept_out(page, scheme):
    page.emulate_media(color_scheme=scheme)
    go(page, LOSS + 20)
    box(page, "w1").click()
    assert violations(page) == []
    press(page, "Escape")
    page.get_by_role("button", name="Close all").click()
    assert violations(page) == []


# --- windows and preferences ---------------------------------------------------------------------------


def test_every_leaf_of_the_assignment_can_be_changed(page):
    assert page.locator("#fields input").count() == 12
    page.locator("#fields input").last.fill("2")
    changed = replace(SETTINGS, weights=(*SETTINGS.weights[:-1], 2.0))
    wanted = assignment.forward(assignment.build(changed), changed)["E_total"].data
    go(page, LOSS)
    total = page.locator('#graph [data-box][aria-label^="E_total,"]')
    assert f"data {wanted:.6g}" in total.get_attribute("aria-label")


@pytest.mark.slow
def test_on_a_telephone_all_is_in_reach(browser, assignment_file):
    with opened(browser, assignment_file, width=360, height=800) as page:
        ready(page)
        place, frame = box(page, "t1").bounding_box(), page.locator("#graph .canvas").bounding_box()
        assert frame["x"] <= place["x"]  # the drawing's own corner is empty
        assert place["x"] + place["width"] <= frame["x"] + frame["width"]
        for place in range(0, STEPS, 6):
            go(page, place)
            assert overflow(page) == 0
            assert page.locator("#stepper").bounding_box()["height"] <= 0.4 * 800
        box(page, "w1").click()
        assert overflow(page) == 0
        assert violations(page) == []
        assert page.locator("#details").bounding_box()["y"] < page.locator("#network").bounding_box()["y"]
        page.evaluate("scrollTo(0, document.body.scrollHeight)")
        assert 0 <= page.locator("#next").bounding_box()["y"] < 100
        size = page.locator("#graph [data-number=data]").first.bounding_box()["height"]
        assert size >= 12  # readable


def test_motion_only_where_it_is_wanted(page):
    go(page, LOSS + 20)
    assert page.evaluate("document.getAnimations().length") > 0
    page.emulate_media(reduced_motion="reduce")
    assert page.evaluate("document.getAnimations().length") == 0


def test_shapes_and_curves_are_seen_in_forced_colours(page):
    page.emulate_media(forced_colors="active")
    go(page, LOSS + 20)
    paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
    drawn = "#graph [data-box] > .shape, #network .edge > path, #chart .curve, .sample line"
    strokes = page.eval_on_selector_all(drawn, "all => all.map(each => getComputedStyle(each).stroke)")
    assert len(strokes) > 40
    assert {"none", paper}.isdisjoint(strokes)


def test_on_paper_the_drawings_are_whole_and_the_buttons_gone(page):
    page.set_viewport_size({"width": 700, "height": 1000})
    page.emulate_media(media="print")
    assert not page.locator("#play").is_visible()
    for canvas in page.locator(".canvas").all():
        assert canvas.evaluate("each => getComputedStyle(each).overflow") == "visible"
        assert canvas.evaluate("each => each.scrollWidth <= each.clientWidth + 1")


def test_a_notebook_shows_the_page_in_a_frame(browser, folder):
    x = Value(3.0, "x")
    path = folder / "notebook.html"
    path.write_text(
        f'<!DOCTYPE html><html lang="en"><title>notebook</title>{explore(x * x)._repr_html_()}</html>',
        encoding="utf-8",
    )
    with opened(browser, path) as page:
        frame = page.frame_locator("iframe")
        frame.locator("body[data-ready]").wait_for()
        frame.get_by_role("button", name="Next step").click()
        assert frame.locator("#formula").text_content() == "v1 = x · x = 3 · 3 = 9"


# --- graphs that are out of the ordinary ---------------------------------------------------------------

HOSTILE = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "\"' onfocus=alert(1) autofocus",
    "</text></svg><b>bold</b>",
    "&amp;\ue0000\ue001",
]


def test_hostile_labels_are_only_names(exploring):
    leaves = [named(Value(1.0 + k), label) for k, label in enumerate(HOSTILE)]
    for k, leaf in enumerate(leaves):
        leaf.scope = f"<i>{k}</i>"
    output = named(leaves[0] * leaves[1] + leaves[2] * leaves[3] * leaves[4], "<h1>&lt;")
    numbers = np.array([[1.0 + k for k in range(5)]] * 2)
    run = Run("<u>run</u>", [0, 1], numbers, numbers, [1.0, 2.0], update="<s>rule</s>")
    with exploring(output, wrt=leaves, runs=[run, run], title="<script>alert(2)</script>") as page:
        ready(page)
        assert page.inner_text("h1") == page.title() == "<script>alert(2)</script>"
        found = page.eval_on_selector_all(
            "#graph [data-box][role=button]", "all => all.map(each => each.getAttribute('aria-label'))"
        )
        for label in HOSTILE:
            place = next(k for k, each in enumerate(found) if each.startswith(label + ", "))
            each = page.locator("#graph [data-box][role=button]").nth(place)
            each.focus()
            each.press("Enter")
            assert look(page)[1][0] == label
            press(page, "Escape")
        for _ in range(int(page.get_attribute("#position", "max"))):
            press(page, "ArrowRight")
        assert "<s>rule</s>" in sentence(page)
        assert page.locator("main :is(b, i, u, s, img, h1, [onfocus], [onerror])").count() == 0
        assert page.locator("#rates label").first.inner_text().strip() == "<u>run</u>"


def test_a_square_has_two_edges_and_each_takes_its_turn(exploring):
    x = Value(3.0, "x")
    with exploring(named(x * x, "y")) as page:
        ready(page)
        go(page, 3)
        assert [last_number(formula(page)), boxes(page)["x"][1]] == [3.0, 3.0]
        first = page.locator("#graph .edge.current").evaluate_all("all => all.map(e => e.outerHTML)")
        go(page, 4)
        assert [last_number(formula(page)), boxes(page)["x"][1]] == [6.0, 6.0]
        second = page.locator("#graph .edge.current").evaluate_all("all => all.map(e => e.outerHTML)")
        assert len(first) == len(second) == 1
        assert first != second
        box(page, "x").click()
        assert "2 paths lead from x to y." in page.inner_text("#details")


def test_nothing_flows_back_into_a_branch_that_was_not_taken(exploring):
    x = Value(-1.0, "x")
    with exploring(named(where(x > 0, sqrt(x), x * x), "y")) as page:
        ready(page)
        told = []
        for place in range(int(page.get_attribute("#position", "max")) + 1):
            go(page, place)
            told.append((sentence(page), formula(page)))
        assert any("y did not read v1" in words for words, _ in told)
        assert any("v1 has no gradient to hand back to x" in words for words, _ in told)
        assert any("share 2 of 2, and the sum is complete" in words for words, _ in told)
        assert not any("nan" in mathematics for _, mathematics in told[4:])
        assert boxes(page)["x"][:2] == (-1.0, -2.0)
        assert math.isnan(boxes(page)["v1"][0])
        assert boxes(page)["v1"][1] is None
        box(page, "v1").focus()
        assert look(page)[0]["gradient"] == "none: no path leads to the output"


def test_what_is_no_number_is_shown_as_such_and_stays_readable(exploring):
    x = Value(0.0, "x")
    with exploring(named(sqrt(x) * Value(math.nan, "n"), "y")) as page:
        ready(page)
        press(page, "End")
        assert formula(page).endswith("= nan · ∞ = nan")
        data, grad, classes = boxes(page)["x"]
        assert (data, math.isnan(grad), "invalid" in classes) == (0.0, True, True)
        ink = page.evaluate("getComputedStyle(document.body).color")
        fills = page.eval_on_selector_all(
            "#graph .shape", "all => all.map(each => getComputedStyle(each).fill)"
        )
        assert len(fills) == 4
        assert ink not in fills


def test_a_leaf_alone_has_no_steps_in_between(exploring):
    with exploring(Value(2.0, "x")) as page:
        ready(page)
        idle = page.locator("#phases [aria-disabled=true]").all_text_contents()
        assert idle == ["Forward pass", "Output"]
        page.get_by_role("button", name="Output").click(force=True)
        assert step(page) == 0
        press(page, "End")
        assert formula(page) == "∂x/∂x = 1"
        box(page, "x").click()
        assert look(page)[0] == {"kind": "input", "data": "2", "gradient": "1"}


@pytest.mark.slow
def test_nodes_alike_are_one_box_that_is_looked_at(exploring):
    w, total = Value(2.0, "w"), Value(0.0)
    w.scope = "model"
    for k in range(8):
        product = w * Value(float(k), "x")
        product.scope = "model"
        total = total + product**2
    with exploring(named(total, "y"), limit=20) as page:
        ready(page)
        if page.locator("#close-all").get_attribute("aria-disabled") == "false":
            page.locator("#close-all").click()
        alike = page.locator("#graph [data-box][role=img]")
        assert alike.count() > 0
        alike.first.focus()
        assert look(page)[1][0] == alike.first.get_attribute("aria-label").split(",")[0]
        alike.first.click()
        press(page, "Enter")
        assert page.locator("#graph .selected").count() == 0
        assert violations(page) == []


def test_a_training_that_leaves_the_numbers_ends_and_the_others_go_on(exploring):
    w = Value(1.0, "w")
    with exploring(named(w**4, "E"), wrt=[w], lr=[10.0, 0.1], epochs=30) as page:
        ready(page)
        rows = page.locator("#rates tbody tr")
        assert rows.nth(0).inner_text().split("\t")[2] == "not finite"
        last = int(page.get_attribute("#epoch", "max"))
        assert last < 20
        page.locator("#epoch").fill(str(last - 1))
        top = float(page.get_attribute("#chart .marker", "cy"))
        assert top >= 5  # within the picture, at its upper edge
        page.get_by_role("radio", name="η = 0.1", exact=True).check()
        assert page.input_value("#epoch") == str(last - 1)
        page.locator("#epoch").fill("30")
        assert rows.nth(0).inner_text().split("\t")[1] == "ended"
        page.get_by_role("radio", name="η = 10", exact=True).check()
        assert page.inner_text("#epoch-label") == f"Epoch {last} of {last}"
        go(page, 1)
        assert formula(page).endswith("= ∞")


@pytest.mark.slow
def test_a_long_training_is_drawn(exploring):
    """As many losses as epochs, more than a call takes arguments."""
    w = Value(1.0, "w")
    numbers = np.array([[1.0], [0.5]])
    losses = [1.0 / (1 + epoch) for epoch in range(200_001)]
    run = Run("long", [0, 200_000], numbers, numbers, losses)
    with exploring(named(w * w, "E"), wrt=[w], runs=[run]) as page:
        ready(page)
        page.locator("#epoch").fill("1")
        assert page.inner_text("#epoch-label") == "Epoch 200000 of 200000"
        points = page.get_attribute("#chart .curve", "points").split()
        assert 400 <= len(points) <= 810
