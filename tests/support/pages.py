"""What the tests read of a demo's page: references, pictures, words; and whether its tags close in order."""

import re
from html.parser import HTMLParser

NAMES = re.compile(  # of XML's namespaces: nothing is loaded from there
    r"http://(www\.w3\.org/2000/svg|schemas\.openxmlformats\.org/[\w/]+)"
)


def loaded_by(text):
    """What in the text of a page may load something."""
    return [way for way in ("http://", "https://", "url(", "@import") if way in NAMES.sub("", text)]


class Page(HTMLParser):
    """A page, read; its attributes list what is on it."""

    VOID = ("meta", "link", "img", "br")

    def __init__(self, text):
        super().__init__()
        self.open, self.references, self.images, self.ids, self.words = [], [], [], [], []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.references += [value for name, value in attributes.items() if name in ("src", "href")]
        self.ids += [attributes["id"]] if "id" in attributes else []
        if tag == "img":
            self.images.append(attributes)
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] != "style":
            self.words.append(data)

    @property
    def text(self):
        """All words, with plain spaces."""
        return " ".join("".join(self.words).split())
