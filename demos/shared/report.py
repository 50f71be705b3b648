"""The page of a demo, what it prints, and its command line."""

from __future__ import annotations

import base64
import html
import importlib
import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from autograd import MissingExtraError, require_writable, write_text
from autograd.terminal import OptionsError, refused
from nn import History
from nn.plots import picture, require_matplotlib, save

from . import page
from .options import Options, name, whole

__all__ = ["Report", "demo", "require_uninterrupted"]

# The film is the element before this script. Arrow keys move its slider, a range input.
PROJECTOR = """
(() => {
  const film = document.currentScript.previousElementSibling;
  const [image, play, slider, title, controls] =
    ["img", "button", "input", "output", ".controls"].map((name) => film.querySelector(name));
  const frames = JSON.parse(film.querySelector("script").textContent);
  let timer = 0;
  function show() {
    const [words, data] = frames[slider.value];
    image.src = "data:image/png;base64," + data;
    image.alt = image.dataset.alt + " " + words;
    title.textContent = words;
    slider.setAttribute("aria-valuetext", words);
  }
  function pause() {
    clearInterval(timer);
    timer = 0;
    play.textContent = "Play";
  }
  function forward() {
    slider.value = +slider.value + 1;
    show();
    if (slider.value === slider.max) pause();
  }
  play.addEventListener("click", () => {
    if (timer) return pause();
    if (slider.value === slider.max) slider.value = 0;
    show();
    play.textContent = "Pause";
    timer = setInterval(forward, 160);
  });
  slider.addEventListener("input", () => { pause(); show(); });
  controls.hidden = false;
  show();
})();
"""
FILM_DPI = 96  # one pixel of a film is one pixel of the page


class Report:
    """The folder that a demo writes into, its page, and the lines that it prints.

    Parameters
    ----------
    folder : an existing folder.
    title : the heading of the page, and the first line printed.
    opening : paragraphs before the table of contents.

    Attributes
    ----------
    pictures : the names of the SVG pictures on the page so far.
    """

    def __init__(self, folder: Path, title: str, *opening: str) -> None:
        self.folder = folder
        self.title = title
        self.pictures: list[str] = []
        self._printed = [title, ""]
        self._opening = [page.paragraph(text, "lead") for text in opening]
        self._sections: list[tuple[str, list[str]]] = [("", [])]  # the first stands before the first heading

    def section(self, title: str, *paragraphs: str) -> None:
        """Begin a section of the page, which is numbered and listed in the contents."""
        self._sections.append((title, []))
        self.say(*paragraphs)

    def heading(self, title: str, *paragraphs: str) -> None:
        """Begin a part of the section."""
        self.add(f"<h3>{page.prose(title)}</h3>")
        self.say(*paragraphs)

    def say(self, *paragraphs: str, kind: str = "") -> None:
        """Add paragraphs, with `formulas` between backquotes; see `page.prose`."""
        self.add(*(page.paragraph(text, kind) for text in paragraphs))

    def tell(self, *lines: str) -> None:
        """Print lines, and an empty one after them, when the report is closed."""
        self._printed += [*lines, ""]

    def table(self, header: Sequence[str], rows: Iterable[Sequence[str]], caption: str) -> None:
        """Add a table, and print it."""
        rows = [list(row) for row in rows]
        self.add(page.table(header, rows, caption))
        cells = [[cell.replace("`", "") for cell in row] for row in (header, *rows)]
        widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
        first, *others = widths
        self.tell(
            f"{caption}:",
            *(
                f"  {row[0]:{first}}"
                + "".join(f"{cell:>{width + 3}}" for cell, width in zip(row[1:], others))
                for row in cells
            ),
        )

    def facts(self, facts: Mapping[str, str]) -> None:
        """Add facts by name, side by side, and print them."""
        self.add(page.facts(facts))
        width = max(map(len, facts))
        self.tell(*(f"  {name:{width}}   {fact}" for name, fact in facts.items()))

    def figure(self, name: str, alt: str, caption: str, smallest: float = 0.66) -> str:
        """An SVG picture of the folder as HTML; see `page.figure`."""
        self.pictures.append(name)
        return page.figure((self.folder / name).read_text(encoding="utf-8"), alt, caption, smallest)

    def picture(self, name: str, alt: str, caption: str, smallest: float = 0.66) -> None:
        """Add an SVG picture of the folder."""
        self.add(self.figure(name, alt, caption, smallest))

    def show(self, name: str, figure: Any, alt: str, caption: str) -> None:
        """Save a figure of matplotlib as `name`.svg, and add it."""
        save(figure, self.folder / f"{name}.svg")
        self.picture(f"{name}.svg", alt, caption)

    def film(self, frames: Mapping[str, Any], alt: str, caption: str) -> None:
        """Add figures of matplotlib by title, of which a slider shows one; `alt` precedes its title.

        Without scripts the last one is shown.
        """
        pictures = [
            (title, base64.b64encode(picture(figure, "png", FILM_DPI)).decode())
            for title, figure in frames.items()
        ]
        data_of_all = json.dumps(pictures).replace("</", r"<\/")  # nothing in a title ends the script
        words, data = pictures[-1]
        last = (
            f'<img alt="{html.escape(f"{alt} {words}")}" data-alt="{html.escape(alt)}" '
            f'src="data:image/png;base64,{data}">'
        )
        end = len(pictures) - 1
        self.add(
            f'<figure>{page.scrolling(last, caption, "paper")}<p class="controls" hidden>'
            '<button type="button">Play</button> '
            f'<input type="range" min="0" max="{end}" value="{end}" aria-label="Moment of the film" '
            'style="width: min(26rem, 55%); vertical-align: middle" /> '
            f"<output></output></p><figcaption>{page.prose(caption)}</figcaption>"
            f'<script type="application/json">{data_of_all}</script></figure>'
            f"<script>{PROJECTOR}</script>"
        )

    def add(self, *content: str) -> None:
        """Add HTML, as the functions of `page` make it."""
        self._sections[-1][1].extend(content)

    def close(self) -> None:
        """Write the page, and print the lines."""
        (_, first), *sections = self._sections
        titles: dict[str, str] = {}
        parts = []
        for number, (title, content) in enumerate(sections, 1):
            anchor = "-".join(re.findall(r"\w+", f"{number} {title.lower()}"))
            titles[anchor] = title
            parts.append(page.section(anchor, f"{number} {title}", *content))
        path = self.folder / "index.html"
        write_text(path, page.document(self.title, *self._opening, page.contents(titles), *first, *parts))
        print("\n".join([*self._printed, f"Open {path}"]))


def require_uninterrupted(history: History) -> History:
    """The history, if its training ran to the end.

    Raises
    ------
    KeyboardInterrupt : if Ctrl-C ended the training: `fit` returns early then, but the demo must end too.
    """
    if history.interrupted:
        raise KeyboardInterrupt
    return history


def demo(
    work: Callable[[dict[str, Any], Path], None],
    *,
    quick: str,
    seed: str = "the seed of all random numbers",
    default_seed: int | None = 0,
    more: Callable[[Options], None] = lambda options: None,
) -> Callable[[Sequence[str]], int]:
    """The `main` of a demo: reads the options, makes the folder, does the work, returns the exit status.

    Parameters
    ----------
    work : takes the options by name and the folder. The first paragraph of the demo's docstring describes it
        in ``--help``.
    quick, seed : the help of ``--quick`` and ``--seed``.
    more : adds options of the demo's own.
    """
    package, demo_name, *_ = work.__module__.split(".")
    program = f"python -m {package} {demo_name}"

    def main(argv: Sequence[str]) -> int:
        docstring = importlib.import_module(f"{package}.{demo_name}").__doc__ or ""
        options = Options(program, " ".join(docstring.split("\n\n")[0].split()))
        options.value("--seed", whole(0, 2**32 - 1), default=default_seed, help=seed, metavar="N")
        options.value(
            "--out", name("folder"), default=f"out/{demo_name}", help="where to write", metavar="FOLDER"
        )
        options.switch("--quick", help=quick)
        more(options)
        folder = Path()
        try:
            given = options.read(argv)
            folder = Path(given.pop("out"))
            require_matplotlib()
            folder.mkdir(parents=True, exist_ok=True)
            require_writable(folder / "index.html")
            work(given, folder)
        except (OptionsError, MissingExtraError) as error:
            return refused(program, error)
        except OSError as error:
            return refused(program, f"cannot write into {folder}: {error.strerror or error}")
        return 0

    return main
