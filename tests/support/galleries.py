"""What the tests of the demos of training have in common: one quick run, and what holds of every page."""

import contextlib
import io
from xml.etree import ElementTree

from tests.support.pages import Page, loaded_by


def run_quick(demo, folder, *options):
    """Run a demo with --quick into a folder that is yet to be made; returns what was printed."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        assert demo.main(["--quick", "--out", str(folder), *options]) == 0
    return printed.getvalue()


def page_of(folder, pictures, *, others=()):
    """The page, after a look at what every page has: its pictures, each with words, and nothing to load."""
    names = {"index.html", *(f"{name}.svg" for name in pictures), *others}
    assert {path.name for path in folder.iterdir()} == names
    for name in pictures:
        root = ElementTree.parse(folder / f"{name}.svg").getroot()
        assert root.tag == "{http://www.w3.org/2000/svg}svg"
    text = (folder / "index.html").read_text(encoding="utf-8")
    assert loaded_by(text) == []
    assert "<script src" not in text
    page = Page(text)
    known = {*others, *(f"#{anchor}" for anchor in page.ids)}
    assert all(reference.startswith("data:") or reference in known for reference in page.references)
    drawn = [image for image in page.images if image["src"].startswith("data:image/svg+xml;base64,")]
    assert len(drawn) == len(pictures)
    assert all(len(image["alt"]) > 30 for image in page.images)
    return page
