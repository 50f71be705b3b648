"""The demos' pages in a real browser: quiet, by themselves, readable by all, and on a telephone."""

import http.server
import threading

import pytest

from demos.assignment import run as assignment
from demos.order import run as order
from tests.support.browser import opened, overflow, violations
from tests.support.galleries import run_quick
from tests.support.profiles import slow

PAGES = ["assignment/index.html", "assignment/derivation.html", "order/index.html"]

SMALL = """<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><title>small</title>{head}</head>
<body><main><h1>small</h1>{content}</main></body>
</html>
"""


@pytest.fixture(scope="module")
def out(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pages")
    for name, demo in {"assignment": assignment, "order": order}.items():
        run_quick(demo, folder / name)
    return folder


@pytest.fixture
def written(tmp_path):
    """Writes a small page to a file."""

    def write(content="", head=""):
        path = tmp_path / "a page, 100 % #1.html"
        path.write_text(SMALL.format(head=head, content=content), encoding="utf-8")
        return path

    return write


def unfold(page):
    page.eval_on_selector_all("details", "all => all.forEach(each => each.open = true)")


def leave_one_formula(page):
    """And the others as plain text: axe needs 10 s for thousands of signs that are all styled alike."""
    page.eval_on_selector_all(
        "math, .math", "([_, ...others]) => others.forEach(each => each.replaceWith(each.textContent))"
    )


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", *slow(["dark"])])
@pytest.mark.parametrize("name", PAGES)
def test_a_page_keeps_nobody_out(browser, out, name, scheme):
    """Nor does it load or complain of anything, or `opened` would say so."""
    with opened(browser, out / name, scheme=scheme) as page:
        unfold(page)
        leave_one_formula(page)
        assert violations(page) == []


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_no_wider_than_a_telephone(browser, out, name):
    with opened(browser, out / name, width=360) as page:
        unfold(page)
        assert overflow(page) == 0


# --- that the browser would have said so --------------------------------------------------------------


def test_all_complaints_fail_the_test_at_its_end(browser, written):
    causes = {
        "console error: a": "<script>console.error('a')</script>",
        "console warning: b": "<script>console.warn('b')</script>",
        "uncaught Error: c": "<script>throw new Error('c')</script>",
        "uncaught Error: d": "<script>Promise.reject(new Error('d'))</script>",
        "alert: e": "<script>alert('e')</script>",
        "request: https://example.org/f": "<img alt='' src='https://example.org/f'>",
        "request: https://example.org/g": "<script>fetch('https://example.org/g').catch(() => 0)</script>",
        "request: https://example.org/h": "<script>open('https://example.org/h')</script>",
        "request: wss://example.org/i": "<script>new WebSocket('wss://example.org/i')</script>",
        "uncaught : j": "<script>throw 'j'</script>",
        "request: file:": "<link rel='stylesheet' href='beside.css'>",
    }
    with pytest.raises(AssertionError) as failure, opened(browser, written("".join(causes.values()))) as page:
        page.wait_for_timeout(1000)  # a window of its own, and a socket, take their time
    complaints = str(failure.value).splitlines()
    assert [cause for cause in causes if not any(said.startswith(cause) for said in complaints)] == []


def test_a_complaint_goes_with_the_failure_of_the_test(browser, written):
    with pytest.raises(LookupError) as failure, opened(browser, written("<script>a</script>")):
        raise LookupError
    assert failure.value.__notes__ == ["uncaught ReferenceError: a is not defined"]


def test_what_a_page_makes_itself_and_says_in_passing_is_no_complaint(browser, written):
    script = """<script>
        console.log("a"); location.hash = "#a";
        fetch(URL.createObjectURL(new Blob(["a"]))); fetch("data:,a");
    </script>"""
    with opened(browser, written(script)) as page:
        assert page.url.endswith("#a")


def test_a_page_is_told_of_the_window_and_of_what_the_reader_prefers(browser, written):
    def told(**options):
        with opened(browser, written(), **options) as page:
            matches = "queries => queries.map(query => matchMedia(query).matches)"
            queries = ["(prefers-color-scheme: dark)", "(prefers-reduced-motion)"]
            return page.evaluate("[innerWidth, innerHeight]") + page.evaluate(matches, queries)

    assert told() == [1280, 800, False, False]
    assert told(width=300, height=200, scheme="dark", reduced_motion=True) == [300, 200, True, True]


def test_a_page_reaches_no_server(browser, written):
    """Not even one that answers; `navigator.onLine` says no longer that it cannot."""
    asked = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            self.send_response(204)
            self.end_headers()

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever).start()
        address = f"http://127.0.0.1:{server.server_port}/"
        fetch = "address => fetch(address, {mode: 'no-cors'}).then(() => 'answered', () => 'refused')"
        try:
            asks = pytest.raises(AssertionError, match=f"request: {address}")
            with asks, opened(browser, written()) as page:
                assert page.evaluate(fetch, address) == "refused"
        finally:
            server.shutdown()
    assert asked == []


def test_a_violation_is_a_line_with_the_rule_the_element_and_what_is_wrong(browser, written):
    content = '<p style="color: #999">pale</p><a href="#a"></a><h4>deep</h4>'
    with opened(browser, written(content)) as page:
        rules = {line.split(": ")[0]: line for line in violations(page)}
    assert set(rules) == {"color-contrast", "link-name", "heading-order"}
    assert '<p style="color: #999">pale</p> at p: ' in rules["color-contrast"]
    assert "insufficient color contrast of 2.84" in rules["color-contrast"]


def test_a_small_page_violates_nothing_even_where_no_script_may_be_added(browser, written):
    policy = """<meta http-equiv="Content-Security-Policy" content="script-src 'none'">"""
    with opened(browser, written(head=policy)) as page:
        assert violations(page) == []


def test_overflow_is_counted_in_pixels(browser, written):
    with opened(browser, written('<div style="width: 500px">wide</div>'), width=360) as page:
        assert overflow(page) == 500 + 8 - 360  # and the margin of the body
