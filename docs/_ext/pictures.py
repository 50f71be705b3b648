"""The pictures of the live page, the README's moving one and the stills: ``python -m docs._ext.pictures``.

It needs the extra `test` (Playwright) and a browser. Each frame is the page after one key press or one edit.
"""

from __future__ import annotations

import io
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from playwright.sync_api import Browser, Page

from autograd import Value, explore, sigmoid, write_bytes
from demos.assignment.network import Settings, build, forward, weights_of
from demos.moons import moons
from nn import MLP, Adam, diagram, explore_model
from tests.support.browser import headless, opened

FOLDER = Path(__file__).parent.parent
WIDTH, HEIGHT = 1300, 830
EPOCHS = (1, 2, 4, 8, 16, 30)
EDITS = ("1.5", "0.7", "0", "-0.7", "-1.5")  # of w: what if this weight were another?
STEP, PAUSE = 900, 2200  # milliseconds that a frame stays, and one that a reader needs longer for


def page() -> str:
    """One neuron, from the forward pass to the training: small enough to be read in a README."""
    w, a, b, t = Value(0.5, "w"), Value(2.0, "a"), Value(-0.3, "b"), Value(1.0, "t")
    h = w * a + b
    h.label = "h"
    y = sigmoid(h)
    y.label = "y"
    error = 0.5 * (t - y) ** 2
    error.label = "E"
    return explore(error, wrt=[w, b], lr=[0.5, 2.0], epochs=30).html


def assignment() -> str:
    """The assignment network, with three learning rates."""
    model = build(Settings())
    output = forward(model, Settings())["E_total"]
    network = diagram(model, inputs=["i1", "i2"], outputs=["o1", "o2"])
    rates = [0.5, 1.0, 2.0]
    return explore(output, wrt=weights_of(model), lr=rates, epochs=100, network=network).html


@contextmanager
def showing(browser: Browser, html: str, **options: Any) -> Iterator[Page]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "page.html"
        path.write_text(html, encoding="utf-8")
        with opened(browser, path, reduced_motion=True, **options) as page:
            yield page


def frame(shown: Page) -> Image.Image:
    return Image.open(io.BytesIO(shown.screenshot())).convert("RGB")


def moving(browser: Browser, target: Path) -> None:
    with showing(browser, page(), width=WIDTH, height=HEIGHT) as shown:
        frames, times = [frame(shown)], [PAUSE]
        shown.locator('#graph [data-box][aria-label^="w,"]').click()
        for _ in range(int(shown.locator("#position").get_attribute("max") or 0)):
            shown.keyboard.press("ArrowRight")
            frames.append(frame(shown))
            times.append(STEP)
        for epoch in EPOCHS:
            shown.locator("#epoch").fill(str(epoch))
            frames.append(frame(shown))
            times.append(STEP)
        for number in EDITS:
            shown.get_by_label("w", exact=True).fill(number)
            frames.append(frame(shown))
            times.append(STEP)
    times[-1] = PAUSE
    made = io.BytesIO()
    frames[0].save(
        made, "WEBP", save_all=True, append_images=frames[1:], duration=times, loop=0, quality=70, method=6
    )
    write_bytes(target, made.getvalue())
    print(f"{target}: {len(frames)} frames, {target.stat().st_size / 1e3:.0f} kB")


def still(shown: Page, target: Path) -> None:
    made = io.BytesIO()
    frame(shown).quantize(256).save(made, "PNG", optimize=True)
    write_bytes(target, made.getvalue())
    print(f"{target}: {target.stat().st_size / 1e3:.0f} kB")


def stills(browser: Browser, folder: Path) -> None:
    points, labels = moons(100, np.random.default_rng(0))
    trained = {"loss": "hinge_loss", "optimizer": Adam, "batch_size": 10, "epochs": 40, "progress": False}
    network = explore_model(MLP(2, [8, 8, 1], "relu", seed=1), (points, labels), lr=[0.03, 0.003], **trained)
    with showing(browser, network.html, width=1440, height=1500) as shown:
        shown.locator("#epoch").fill("40")
        shown.wait_for_function("document.querySelector('#plane-said').textContent !== ''")
        still(shown, folder / "explorer_closed.png")
    with showing(browser, assignment(), width=1440, height=1000, scheme="dark") as shown:
        shown.locator("#position").fill("30")
        shown.get_by_label("w5", exact=True).fill("2")
        still(shown, folder / "explorer_dark.png")


if __name__ == "__main__":
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER
    with headless() as opened_browser:
        moving(opened_browser, target / "explorer.webp")
        stills(opened_browser, target)
