"""Pages in a headless browser: opened and watched, measured, and looked through for what keeps people out.

Playwright and axe-core are in the extra `test`; the browser is one that is installed, none is downloaded.
"""

from __future__ import annotations

import importlib.resources
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, ConsoleMessage, Dialog, Page, Request

PROGRAMS = ("chromium", "google-chrome", "google-chrome-stable", "chromium-browser")
RULES = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice")
PATIENCE = 30_000  # milliseconds for what a page is asked to do; a starved machine took more than 10 s


@contextmanager
def headless() -> Iterator[Browser]:
    """A browser for the tests of one file; without one, or what drives it, they are skipped.

    Not for a session: Playwright leaves an event loop running in its thread, and until the browser is
    closed asyncio refuses to run another, which tests of other files need.
    """
    pytest.importorskip("axe_playwright_python", reason="axe-core judges the page; it is in the extra test")
    driver = pytest.importorskip("playwright.sync_api", reason="it drives the browser; in the extra test")
    program = next(filter(None, map(shutil.which, PROGRAMS)), None)
    if program is None:
        pytest.skip("no browser: install Debian's package chromium, or Google Chrome")
    with (
        driver.sync_playwright() as playwright,
        playwright.chromium.launch(executable_path=program) as browser,
    ):
        yield browser


@contextmanager
def opened(
    browser: Browser,
    path: Path,
    *,
    width: int = 1280,
    height: int = 800,
    scheme: Literal["light", "dark"] = "light",
    reduced_motion: bool = False,
) -> Iterator[Page]:
    """A page from its file, offline, that must ask for no other and give no cause for complaint.

    Parameters
    ----------
    width, height : of the window, in CSS pixels.
    scheme, reduced_motion : what the reader has told the system to prefer.

    Raises
    ------
    AssertionError
        At the end, with every error and warning on the console, every exception that nobody caught, every
        dialog, and every request for anything but the file itself and what the page has made.
    """
    address = path.resolve().as_uri()
    complaints: list[str] = []

    def console(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            complaints.append(f"console {message.type}: {message.text}")

    def request(request: Request) -> None:
        if request.url.split("#")[0] != address and not request.url.startswith("blob:"):
            complaints.append(f"request: {request.url}")

    def dialog(dialog: Dialog) -> None:
        complaints.append(f"{dialog.type}: {dialog.message}")
        dialog.dismiss()

    with browser.new_context(
        viewport={"width": width, "height": height},
        color_scheme=scheme,
        reduced_motion="reduce" if reduced_motion else "no-preference",
        offline=True,
    ) as context:
        context.set_default_timeout(PATIENCE)
        context.on("console", console)
        context.on(
            "weberror",
            lambda thrown: complaints.append(f"uncaught {thrown.error.name}: {thrown.error.message}"),
        )
        context.on("request", request)
        context.on("dialog", dialog)
        page = context.new_page()
        page.on("websocket", lambda socket: complaints.append(f"request: {socket.url}"))
        page.goto(address)
        try:
            yield page
        except Exception as error:
            for complaint in complaints:  # often why the page did not do what it was asked to
                error.add_note(complaint)
            raise
    if complaints:  # no assert statement: pytest would indent its lines
        raise AssertionError("\n".join(complaints))


def violations(page: Page) -> list[str]:
    """What axe finds against WCAG 2.1 A and AA and its best practices, as the page stands: a line for each
    element, with the rule, the element, and what is wrong with it.
    """
    axe = importlib.resources.files("axe_playwright_python") / "axe.min.js"
    page.evaluate(axe.read_text(encoding="utf-8"))  # no script element: the page's policy may forbid it
    run = "tags => axe.run({runOnly: tags, resultTypes: ['violations'], iframes: false})"
    found = page.evaluate(run, RULES)  # a frame is a page of its own, to be opened by itself
    return [
        f"{rule['id']}: {' '.join(node['html'].split())} at {' '.join(map(str, node['target']))}: "
        + "; ".join(check["message"] for check in node["any"] + node["all"] + node["none"])
        for rule in found["violations"]
        for node in rule["nodes"]
    ]


def overflow(page: Page) -> int:
    """By how many pixels the document is wider than its window."""
    return int(page.locator(":root").evaluate("root => root.scrollWidth - root.clientWidth"))
