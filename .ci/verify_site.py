"""Opens the built site offline: no page asks for anything from outside, and the search finds what is there.

python verify_site.py FOLDER
"""

import shutil
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

SEARCHES = {
    "sigmoid": "The table of primitives",
    "checkpoint": "Stop and resume a training",
    "micrograd": "Move from micrograd",
}

folder = Path(sys.argv[1]).resolve()
pages = sorted(folder.rglob("*.html"))
assert len(pages) > 25, f"{len(pages)} pages"
program = next(filter(None, map(shutil.which, ("chromium", "google-chrome"))), None)
if program is None:
    print("no browser: the site was not opened")
    sys.exit()
with sync_playwright() as playwright, playwright.chromium.launch(executable_path=program) as browser:
    shown = browser.new_context(offline=True).new_page()
    outside, complaints = [], []
    shown.on(
        "request",
        lambda request: (
            outside.append(request.url) if not request.url.startswith(("file:", "data:", "blob:")) else None
        ),
    )
    shown.on("pageerror", lambda error: complaints.append(str(error)))
    for page in pages:
        shown.goto(page.as_uri())
        assert shown.title(), page
    shown.goto((folder / "pages" / "playground.html").as_uri())
    shown.wait_for_selector("body[data-ready] #graph svg")  # Graphviz has placed the first example
    for words, title in SEARCHES.items():
        shown.goto(f"{(folder / 'search.html').as_uri()}?q={words}")
        shown.wait_for_selector("#search-results li")
        shown.wait_for_function(
            "document.querySelector('#search-results .search-summary')?.textContent.includes('found')"
        )
        found = shown.locator("#search-results li > a").all_inner_texts()
        assert title in found, f"a search for {words!r} does not find {title!r}: {found}"
    assert not outside, f"pages ask for {sorted(set(outside))}"
    assert not complaints, complaints
print(f"{len(pages)} pages open offline, and the search finds {', '.join(SEARCHES)}")
