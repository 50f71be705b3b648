"""Records the live page as the moving picture of the README: ``python -m docs._ext.moving_picture``.

It needs the extra `test` (Playwright) and a browser. Each frame is the page after one key press or one edit.
"""

from __future__ import annotations

import io
import sys
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page

from autograd import Value, explore, sigmoid, write_bytes
from tests.support.browser import headless, opened

TARGET = Path(__file__).parent.parent / "explorer.webp"
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


def frame(shown: Page) -> Image.Image:
    return Image.open(io.BytesIO(shown.screenshot())).convert("RGB")


def record(target: Path) -> None:
    with tempfile.TemporaryDirectory() as folder, headless() as browser:
        path = Path(folder) / "page.html"
        path.write_text(page(), encoding="utf-8")
        with opened(browser, path, width=WIDTH, height=HEIGHT, reduced_motion=True) as shown:
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


if __name__ == "__main__":
    record(Path(sys.argv[1]) if len(sys.argv) > 1 else TARGET)
