"""A page as one file that loads nothing: text, typeset formulas, tables and pictures.

Every function returns HTML and escapes its text. Formulas are plain strings, ``∂E_total/∂a_o1 · a_h1``; they
appear with fractions and subscripts, and are copied from the page as the plain strings.
"""

from __future__ import annotations

import base64
import html
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from latex2mathml.converter import convert

from autograd import Explorer

__all__ = [
    "columns", "contents", "details", "document", "explorer", "facts", "figure",
    "links", "listing", "mathml", "number", "paragraph", "prose", "section", "signed", "table",
]  # fmt: skip

STYLE = Path(__file__).with_suffix(".css")
EXPLORER = "explorer.html"
"""The file of a page to step through."""

TOKENS = re.compile(
    r"(?P<plain>&\w+;|exp\b|\d+(?:\.\d+)?(?:e[-+]?\d+)?)"
    r"|∂(?P<above>\w+)/∂(?P<below>\w+)"
    r"|(?P<name>[A-Za-z]+)(?P<index>_[a-z]+\d*|\d+)?"
)


def number(value: float, digits: int = 9) -> str:
    """A number with `digits` significant digits and a real minus sign."""
    return f"{value:.{digits}g}".replace("-", "−")


def signed(value: float, digits: int = 9) -> str:
    """A number as a factor: in brackets if it is negative."""
    text = number(value, digits)
    return f"({text})" if value < 0.0 else text


def _token(match: re.Match[str]) -> str:
    """A token of a formula in HTML: ∂a/∂b as a fraction, a_h1 with h1 as the subscript."""
    if match["plain"]:
        return match[0]
    if match["above"]:
        above, below = (TOKENS.sub(_token, match[part]) for part in ("above", "below"))
        return (
            f'<span class="frac"><span>∂{above}</span><span class="off">/</span><span>∂{below}</span></span>'
        )
    index = match["index"] or ""
    hidden = '<span class="off">_</span>' if index.startswith("_") else ""
    below = f"<sub>{hidden}{index.lstrip('_')}</sub>" if index else ""
    return f"<i>{match['name']}</i>{below}"


def prose(text: str) -> str:
    """Text in HTML with `formulas` between backquotes, and ``code`` between two of them.

    >>> prose("if `w1 < 2`")
    'if <span class="math"><i>w</i><sub>1</sub> &lt; 2</span>'
    """

    def piece(match: re.Match[str]) -> str:
        if match["code"]:
            return f"<code>{match['code']}</code>"
        return f'<span class="math">{TOKENS.sub(_token, match["formula"])}</span>'

    return re.sub("``(?P<code>.+?)``|`(?P<formula>.+?)`", piece, html.escape(text, quote=False))


def paragraph(text: str, kind: str = "") -> str:
    """A paragraph, with `formulas` between backquotes."""
    attribute = f' class="{kind}"' if kind else ""
    return f"<p{attribute}>{prose(text)}</p>"


def table(header: Sequence[str], rows: Iterable[Sequence[str]], caption: str) -> str:
    """A table in a box that scrolls; cells are text, with `formulas` between backquotes."""
    head = "".join(f'<th scope="col">{prose(cell)}</th>' for cell in header)
    body = "".join(
        f'<tr><th scope="row">{prose(first)}</th>'
        + "".join(f"<td>{prose(cell)}</td>" for cell in rest)
        + "</tr>"
        for first, *rest in rows
    )
    content = f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    return paragraph(caption, "caption") + scrolling(content, caption)


def figure(svg: str, alt: str, caption: str, smallest: float = 0.66) -> str:
    """An SVG picture in a box that scrolls where the window is too narrow.

    It is embedded as an image, so that its names and styles cannot clash with those of another picture.

    Parameters
    ----------
    svg : the picture as text, with a width in its root.
    alt : the text for readers who do not see it.
    caption : the text below it, with `formulas` between backquotes.
    smallest : the scale below which the box scrolls, so that the text stays readable.
    """
    data = base64.b64encode(svg.encode()).decode()
    width = _width(svg)
    image = (
        f'<img alt="{html.escape(alt)}" src="data:image/svg+xml;base64,{data}" '
        f'style="width: {width:.0f}px; max-width: max(100%, {smallest * width:.0f}px)">'
    )
    return f"<figure>{scrolling(image, caption, 'paper')}<figcaption>{prose(caption)}</figcaption></figure>"


def _width(svg: str) -> float:
    """The width of a picture in pixels, 96 to the inch."""
    match = re.search(r'<svg[^>]*?\swidth="([\d.]+)(pt|px|in)?"', svg)
    if match is None:
        raise ValueError(f"an SVG picture whose root has a width is needed, got {svg[:60]!r}")
    return float(match[1]) * {"pt": 96 / 72, "in": 96.0}.get(match[2], 1.0)


def scrolling(content: str, label: str, kind: str = "") -> str:
    """A box that scrolls and can be reached with the keyboard."""
    name = html.escape(label.replace("`", ""))
    kinds = f"scroll {kind}".strip()
    return f'<div class="{kinds}" tabindex="0" role="group" aria-label="{name}">{content}</div>'


def explorer(shown: Explorer, name: str, caption: str) -> str:
    """A page to step through, in a frame; it is also the file `name`."""
    link = f'<a href="{html.escape(name)}">On a page of its own.</a>'
    return (
        f'<figure class="explorer">{shown.inline()}<figcaption>{prose(caption)} {link}</figcaption></figure>'
    )


def listing(code: str, label: str) -> str:
    """Program text, in a box that scrolls."""
    return scrolling(f"<pre><code>{html.escape(code.strip(), quote=False)}</code></pre>", label)


def columns(*contents: str) -> str:
    """Parts side by side, or in a narrow window one below the other."""
    inside = "\n".join(f"<div>{content}</div>" for content in contents)
    return f'<div class="columns">{inside}</div>'


def facts(told: Mapping[str, str]) -> str:
    """Facts by their names, side by side."""
    cards = "".join(f"<div><dt>{prose(name)}</dt><dd>{prose(fact)}</dd></div>" for name, fact in told.items())
    return f'<dl class="facts">{cards}</dl>'


def contents(titles: Mapping[str, str]) -> str:
    """Links to the parts of the page: their titles by anchor."""
    links = "".join(f'<li><a href="#{anchor}">{prose(title)}</a></li>' for anchor, title in titles.items())
    return f"<ol>{links}</ol>"


def links(files: Mapping[str, str]) -> str:
    """Links to files beside the page, by name, with a description or an empty text."""
    items = (
        f'<li><a href="{name}">{name}</a>{": " if words else ""}{words}</li>' for name, words in files.items()
    )
    return f"<ul>{''.join(items)}</ul>"


def mathml(latex: str) -> str:
    """A formula in MathML, which browsers typeset themselves."""
    text: str = convert(latex)
    # HTML needs no namespace; `displaystyle` sets a formula at full size.
    return text.replace(
        ' xmlns="http://www.w3.org/1998/Math/MathML" display="inline"', ' displaystyle="true"'
    )


def details(summary: str, content: str) -> str:
    """Content that opens when the summary is clicked."""
    return f"<details><summary>{prose(summary)}</summary>{content}</details>"


def section(anchor: str, title: str, *content: str) -> str:
    """A part of the page under a heading."""
    inside = "\n".join(content)
    return f'<section id="{html.escape(anchor)}">\n<h2>{prose(title)}</h2>\n{inside}\n</section>'


def document(title: str, *content: str) -> str:
    """The whole page."""
    inside = "\n".join(content)
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{html.escape(title)}</title>
<link rel="icon" href="data:,">
<style>
{STYLE.read_text(encoding="utf-8")}</style>
</head>
<body>
<main>
<h1>{html.escape(title)}</h1>
{inside}
</main>
</body>
</html>
"""
