"""A page that is one file: text, typeset formulas, tables and pictures, with nothing to be loaded.

Everything here returns HTML as text and escapes what it is given. Formulas are written as plain
strings, ``∂E_total/∂a_o1 · a_h1``; they appear with fractions and subscripts, and copied from the page
they are the plain strings again.
"""

from __future__ import annotations

import base64
import html
import re
from collections.abc import Iterable, Sequence

__all__ = ["details", "document", "equations", "figure", "number", "paragraph", "section", "table", "typeset"]

TOKENS = re.compile(
    r"∂(?P<above>\w+)/∂(?P<below>\w+)"
    r"|(?P<number>\d+(?:\.\d+)?(?:e[-+]?\d+)?)"
    r"|(?P<name>[A-Za-z]+)(?P<index>_[a-z]+\d*|\d+)?"
)


def number(value: float, digits: int = 9) -> str:
    """A number for reading: rounded to `digits` significant digits, with a real minus sign."""
    return f"{value:.{digits}g}".replace("-", "−")


def _name(label: str) -> str:
    """A quantity's name in HTML: a_h1 with h1 as the subscript; the copied text is a_h1 again."""
    match = TOKENS.fullmatch(label)
    if match is None or match["name"] is None:
        return html.escape(label)
    index = match["index"] or ""
    hidden = '<span class="off">_</span>' if index.startswith("_") else ""
    below = f"<sub>{hidden}{html.escape(index.lstrip('_'))}</sub>" if index else ""
    return f"<i>{html.escape(match['name'])}</i>{below}"


def typeset(formula: str) -> str:
    """A formula in HTML, with fractions for ∂a/∂b, italic names and their subscripts.

    >>> typeset("w1 < 2")
    '<span class="math"><i>w</i><sub>1</sub> &lt; 2</span>'
    """

    def token(match: re.Match[str]) -> str:
        if match["above"]:
            return (
                f'<span class="frac"><span>∂{_name(match["above"])}</span><span class="off">/</span>'
                f"<span>∂{_name(match['below'])}</span></span>"
            )
        return match[0] if match["number"] else _name(match[0])

    parts = []
    end = 0
    for match in TOKENS.finditer(formula):
        parts += [html.escape(formula[end : match.start()]), token(match)]
        end = match.end()
    return f'<span class="math">{"".join(parts)}{html.escape(formula[end:])}</span>'


def prose(text: str) -> str:
    """Text in HTML in which `formulas` stand between backquotes."""
    pieces = text.split("`")
    return "".join(
        typeset(piece) if odd % 2 else html.escape(piece, quote=False) for odd, piece in enumerate(pieces)
    )


def paragraph(text: str, kind: str = "") -> str:
    """A paragraph, with `formulas` between backquotes."""
    return f"<p{_class(kind)}>{prose(text)}</p>"


def equations(lines: Iterable[Sequence[str]], kind: str = "") -> str:
    """Equations, aligned at their signs: per line the left side, then what it equals, step by step.

    A left side repeated from the line above may be given as ``""``.
    """
    rows = []
    for left, *rights in lines:
        for position, right in enumerate(rights):
            head = typeset(left) if left and position == 0 else ""
            rows.append(f"<tr><td>{head}</td><td>=</td><td>{typeset(right)}</td></tr>")
    return f'<div class="scroll"><table class="equations{" " + kind if kind else ""}">{"".join(rows)}</table></div>'


def table(header: Sequence[str], rows: Iterable[Sequence[str]], caption: str, kind: str = "") -> str:
    """A table in a box that scrolls by itself; cells are text, with `formulas` between backquotes."""
    head = "".join(f'<th scope="col">{prose(cell)}</th>' for cell in header)
    body = "".join(
        f'<tr><th scope="row">{prose(first)}</th>'
        + "".join(f"<td>{prose(cell)}</td>" for cell in rest)
        + "</tr>"
        for first, *rest in rows
    )
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{html.escape(caption.replace("`", ""))}">'
        f"<table{_class(kind)}><caption>{prose(caption)}</caption>"
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def figure(svg: str, alt: str, caption: str) -> str:
    """An SVG picture at its own size, in a box that scrolls by itself where the window is narrower.

    It is embedded as an image: its node names and styles cannot meet those of another picture.
    """
    data = base64.b64encode(svg.encode()).decode()
    return (
        f'<figure><div class="scroll paper" tabindex="0" role="region" '
        f'aria-label="{html.escape(caption.replace("`", ""))}">'
        f'<img alt="{html.escape(alt)}" src="data:image/svg+xml;base64,{data}"></div>'
        f"<figcaption>{prose(caption)}</figcaption></figure>"
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
<style>{STYLE}</style>
</head>
<body>
<main>
<h1>{html.escape(title)}</h1>
{inside}
</main>
</body>
</html>
"""


def _class(kind: str) -> str:
    return f' class="{kind}"' if kind else ""


STYLE = """
:root {
  color-scheme: light dark;
  --ink: #1c1e21; --soft: #5b6067; --ground: #ffffff; --panel: #f4f5f7; --line: #d9dce1; --link: #0b5394;
}
@media (prefers-color-scheme: dark) {
  :root { --ink: #e8e8e6; --soft: #a9adb3; --ground: #17191c; --panel: #22252a; --line: #3b4047; --link: #8ab8e8; }
}
* { box-sizing: border-box; }
body {
  margin: 0; background: var(--ground); color: var(--ink);
  font: 1.0625rem/1.6 system-ui, "Segoe UI", Roboto, "Helvetica Neue", "DejaVu Sans", sans-serif;
}
main { max-width: 62rem; margin: 0 auto; padding: 1.5rem 1.25rem 5rem; }
h1 { font-size: clamp(1.5rem, 5vw, 2.2rem); line-height: 1.2; margin: .5rem 0 1rem; }
h2 { font-size: 1.4rem; line-height: 1.3; margin: 3.2rem 0 .8rem; padding-top: .8rem; border-top: 1px solid var(--line); }
h3 { font-size: 1.1rem; margin: 2rem 0 .5rem; }
p, ul, ol { max-width: 44rem; }
a { color: var(--link); }
.lead { font-size: 1.15rem; }
.note { border-left: 4px solid #d55e00; padding: .1rem 0 .1rem 1rem; }
.off { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
.math { font-family: "STIX Two Text", Cambria, "Times New Roman", "DejaVu Serif", serif; font-size: 1.06em; position: relative; }
.math sub { font-size: .72em; line-height: 0; }
.frac { display: inline-block; vertical-align: middle; text-align: center; line-height: 1.25; font-size: .94em; margin: .12em .1em; }
.frac > span:first-child { display: block; padding: 0 .2em .1em; border-bottom: 1px solid currentColor; }
.frac > span:last-child { display: block; padding: .1em .2em 0; }
.scroll { overflow-x: auto; margin: .8rem 0; }
.scroll:focus-visible { outline: 2px solid var(--link); outline-offset: 2px; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
caption { text-align: left; color: var(--soft); padding-bottom: .4rem; font-size: .95rem; }
th, td { padding: .3rem .8rem; border-bottom: 1px solid var(--line); text-align: right; white-space: nowrap; font-size: .95rem; }
th { font-weight: 600; }
th[scope=row] { text-align: left; }
table.equations { background: none; }
.equations td { border: 0; text-align: left; padding: .14rem .3rem; font-size: 1.05rem; vertical-align: middle; }
.equations td:first-child { text-align: right; }
.result td { background: var(--panel); }
figure { margin: 1.4rem 0; }
figcaption { color: var(--soft); font-size: .95rem; max-width: 44rem; }
.paper { background: #ffffff; border: 1px solid var(--line); border-radius: 6px; padding: .6rem; }
.paper img { display: block; margin: 0 auto; max-width: none; }
details { margin: .5rem 0 1.2rem; }
summary { cursor: pointer; color: var(--link); }
article { border: 1px solid var(--line); border-radius: 8px; padding: .2rem 1rem; margin: 1rem 0; }
article h3 { margin: .8rem 0 .2rem; }
.facts { display: grid; grid-template-columns: repeat(auto-fit, minmax(13rem, 1fr)); gap: .8rem; padding: 0; margin: 1.4rem 0; max-width: none; }
.facts div { background: var(--panel); border-radius: 8px; padding: .7rem 1rem; }
.facts dt { color: var(--soft); font-size: .92rem; }
.facts dd { margin: 0; font-size: 1.1rem; font-weight: 600; overflow-wrap: anywhere; font-variant-numeric: tabular-nums; }
@media print { details > * { display: block; } .scroll { overflow: visible; } .paper img { max-width: 100%; height: auto; } }
"""
