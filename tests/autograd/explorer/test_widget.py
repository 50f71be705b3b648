"""The page in a notebook's cell: what its reader changes comes back to Python."""

import base64
import sys

import pytest

from autograd import Value, explore, sigmoid
from autograd.explorer import widget
from autograd.explorer.script import WEB
from tests.support.browser import opened

pytestmark = pytest.mark.render


def page_of_a_neuron():
    w, x = Value(0.5, "w"), Value(3.0, "x")
    y = sigmoid(w * x)
    y.label = "y"
    return explore(y, wrt=[w])


def test_values_are_those_that_were_recorded_until_the_widget_has_others():
    pytest.importorskip("anywidget", reason="the widget is anywidget's; it is in the extra test")
    page = page_of_a_neuron()
    assert page.values == {"w": 0.5, "x": 3.0}
    assert page.widget is page.widget
    assert page.widget.html == page.html
    page.widget.values = {"w": 2.0, "x": "-Infinity"}
    assert page.values == {"w": 2.0, "x": float("-inf")}


def test_without_anywidget_it_says_which_extra_brings_it(monkeypatch):
    widget._widget_class.cache_clear()
    monkeypatch.setitem(sys.modules, "anywidget", None)
    with pytest.raises(ImportError, match=r"scalar-autograd\[widget\]"):
        page_of_a_neuron().widget  # noqa: B018  # asking for it is what raises
    widget._widget_class.cache_clear()


def test_an_edit_in_the_cell_reaches_the_model(browser, tmp_path):
    """The module that Jupyter loads, with a model that remembers what it is told."""
    module = base64.b64encode((WEB / "widget.js").read_bytes()).decode()
    page = page_of_a_neuron()
    cell = tmp_path / "cell.html"
    cell.write_text(
        f"""<!DOCTYPE html><html lang="en"><title>cell</title><main id="cell"></main>
        <script type="text/plain" id="page">{base64.b64encode(page.html.encode()).decode()}</script>
        <script type="module">
        const packed = atob(document.getElementById("page").textContent);
        const bytes = Uint8Array.from(packed, (letter) => letter.charCodeAt(0));
        const told = {{ html: new TextDecoder().decode(bytes), title: "a page", height: "40rem" }};
        window.saved = 0;
        window.told = told;
        const model = {{
          get: (name) => told[name],
          set: (name, value) => (told[name] = value),
          save_changes: () => (window.saved += 1),
        }};
        const encoded = "{module}";
        const url = URL.createObjectURL(new Blob([atob(encoded)], {{ type: "text/javascript" }}));
        const {{ default: widget }} = await import(url);
        window.leave = widget.render({{ model, el: document.getElementById("cell") }});
        window.postMessage({{ kind: "autograd.explorer", state: {{ names: ["w"], numbers: ["9"] }} }}, "*");
        </script></html>""",
        encoding="utf-8",
    )
    with opened(browser, cell) as shown:
        frame = shown.frame_locator("iframe")
        frame.get_by_label("w", exact=True).fill("-1.5")
        shown.wait_for_function("window.told.values?.w === -1.5")
        assert shown.evaluate("window.told.values") == {"w": -1.5, "x": 3}  # and not what another window says
        saved = shown.evaluate("window.leave(), window.saved")
        frame.get_by_label("w", exact=True).fill("2")
        shown.wait_for_timeout(100)
        assert shown.evaluate("window.saved") == saved
