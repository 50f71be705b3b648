"""What the demos of training share: their options, their pictures and their page."""

from __future__ import annotations

import base64
import html
import importlib
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from autograd import MissingExtraError, require_writable, write_text
from nn import History
from nn.plots import picture, require_matplotlib, save

from . import page
from .options import Options, OptionsError, fail

__all__ = ["Report", "demo", "require_uninterrupted"]

# It finds its film as the element before itself. The slider is a range input: arrow keys move it.
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
FILM_DPI = 96  # one pixel of a film is one of the page


class Report:
    """The folder that a demo writes into, and the page that shows what is there.

    Parameters
    ----------
    folder : where to.
    title : the heading of the page.
    """

    def __init__(self, folder: Path, title: str) -> None:
        self.folder = folder
        self.title = title
        self._content: list[str] = []
        self._section: tuple[str, str, list[str]] | None = None

    def section(self, anchor: str, title: str) -> None:
        """Begin a part of the page."""
        self._close()
        self._section = anchor, title, []

    def heading(self, title: str) -> None:
        """Begin a part of the section."""
        self.add(f"<h3>{page.prose(title)}</h3>")

    def say(self, *paragraphs: str, kind: str = "") -> None:
        """Text, with `formulas` between backquotes; see `page.prose`."""
        self.add(*(page.paragraph(text, kind) for text in paragraphs))

    def read(self, name: str) -> str:
        """A picture of the folder, as SVG text."""
        return (self.folder / name).read_text(encoding="utf-8")

    def picture(self, name: str, alt: str, caption: str, smallest: float = 0.66) -> None:
        """A picture of the folder; see `page.figure`."""
        self.add(page.figure(self.read(name), alt, caption, smallest))

    def show(self, name: str, figure: Any, alt: str, caption: str) -> None:
        """A figure of matplotlib: saved as `name` with the suffix .svg, and shown on the page."""
        save(figure, self.folder / f"{name}.svg")
        self.picture(f"{name}.svg", alt, caption)

    def film(self, frames: Mapping[str, Any], alt: str, caption: str) -> None:
        """Figures of matplotlib by their titles: one is seen at a time, chosen with a slider or played.

        Without scripts the last one is seen. `alt` goes before the title of the one that is seen.
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
        """Anything that `page` makes."""
        (self._content if self._section is None else self._section[2]).extend(content)

    def close(self) -> Path:
        """Write the page; returns its path."""
        self._close()
        path = self.folder / "index.html"
        write_text(path, page.document(self.title, *self._content))
        return path

    def _close(self) -> None:
        if self._section is not None:
            anchor, title, content = self._section
            self._content.append(page.section(anchor, title, *content))
            self._section = None


def require_uninterrupted(history: History) -> History:
    """The history of a training that nobody interrupted.

    Raises
    ------
    KeyboardInterrupt : if Ctrl-C ended it: `fit` keeps what there is, but the demo was meant too.
    """
    if history.interrupted:
        raise KeyboardInterrupt
    return history


def demo(
    work: Callable[[dict[str, Any], Path], None],
    *,
    quick: str,
    seed: str = "the seed of all that is random",
    default_seed: int | None = 0,
    more: Callable[[Options], None] = lambda options: None,
) -> Callable[[Sequence[str]], int]:
    """The `main` of a demo: reads the options, prepares the folder, does the work, returns the exit status.

    Parameters
    ----------
    work : what is done, given the options by name (seed, quick and those of `more`) and the folder. The demo
        has its name, and says what it shows, in the docstring of its module or package.
    quick : what ``--quick`` does, for ``--help``.
    seed, default_seed : what ``--seed`` does, for ``--help``, and its default.
    more : adds options of the demo's own.
    """
    package, name, *_ = work.__module__.split(".")
    program = f"python -m {package} {name}"

    def main(argv: Sequence[str]) -> int:
        said = importlib.import_module(f"{package}.{name}").__doc__ or ""
        options = Options(program, " ".join(said.split("\n\n")[0].split()))
        options.whole("--seed", default=default_seed, smallest=0, largest=2**32 - 1, help=seed)
        options.folder("--out", default=f"out/{name}", help="where to write")
        options.switch("--quick", help=quick)
        more(options)
        folder = Path()
        try:
            given = options.parse(argv)
            folder = Path(given.pop("out"))
            require_matplotlib()
            folder.mkdir(parents=True, exist_ok=True)
            require_writable(folder / "index.html")
            work(given, folder)
        except (OptionsError, MissingExtraError) as error:
            return fail(program, error)
        except OSError as error:
            return fail(program, f"cannot write into {folder}: {error.strerror or error}")
        return 0

    return main
