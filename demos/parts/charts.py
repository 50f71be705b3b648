"""Loss curves as pictures, with matplotlib (extra `plots`), which is imported when a chart is drawn.

Colours run from dark to light with the learning rate (viridis: safe for colour-blind readers, and in
grey), each curve has a marker of its own, legends stand beside the curves and never on them.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from autograd.errors import MissingExtraError

from .files import replacing
from .rates import Curve, spelled

__all__ = ["compare_rates", "loss_of_run", "require_matplotlib"]

STYLE = {
    "font.family": ["DejaVu Sans"],
    "font.size": 10,
    "axes.titlesize": 12,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#e3e3e3",
    "axes.axisbelow": True,
    "lines.linewidth": 1.8,
    "lines.markersize": 5,
    "legend.frameon": False,
    "svg.fonttype": "none",  # text stays text: it can be searched, selected and read out
    "svg.hashsalt": "scalar-autograd",  # the same data gives the same file
}
MARKERS = "osD^vPX*"
WIDTH = 9.0  # inches; 864 pixels on a page
FLOOR = 1e-12  # of the first loss: what is below is rounding
MOST_POINTS = 2000  # of a curve on paper; more cannot be seen


def require_matplotlib() -> None:
    """Raise `MissingExtraError`, which says what to install, if there is no matplotlib."""
    try:
        import matplotlib  # noqa: F401
    except ImportError:
        raise MissingExtraError("drawing loss curves", "matplotlib", "plots") from None


@contextmanager
def _figure(height: float) -> Iterator[Any]:
    require_matplotlib()
    import matplotlib
    from matplotlib.figure import Figure

    with matplotlib.rc_context(STYLE):
        yield Figure(figsize=(WIDTH, height), facecolor="white")


def _save(figure: Any, path: Path) -> None:
    with replacing(path) as temporary:
        figure.savefig(temporary, dpi=150, metadata={"Date": None} if path.suffix == ".svg" else None)


def compare_rates(
    ordinary: Sequence[Curve], large: Sequence[Curve], comment: Sequence[str], paths: Sequence[Path]
) -> None:
    """Draw the ordinary rates above, the large ones below on their own axes, the comment under them.

    Parameters
    ----------
    ordinary, large : the two groups of curves.
    comment : one paragraph for each group.
    paths : where to write the picture, one file for each; the suffix says the format.
    """
    # Laid out in inches from the bottom up, because the comment is as long as the data make it.
    line, lines = 0.2, [_wrapped(paragraph, 104) for paragraph in comment]
    text_height = line * sum(map(len, lines)) + 0.12 * len(lines)
    bottom = text_height + 0.75
    plot_height = 3.3
    height = bottom + 2 * plot_height + 1.45
    with _figure(height) as figure:

        def axes_at(y: float) -> Any:
            return figure.add_axes((0.09, y / height, 0.74, plot_height / height))

        upper = axes_at(bottom + plot_height + 1.0)
        _draw_ordinary(upper, ordinary)
        lower = axes_at(bottom)
        _draw_large(lower, large, ordinary)
        y = text_height
        for paragraph in lines:
            figure.text(0.03, y / height, "\n".join(paragraph), va="top", linespacing=1.42)
            y -= line * len(paragraph) + 0.12
        for path in paths:
            _save(figure, path)


def _wrapped(paragraph: str, width: int) -> list[str]:
    """The paragraph in lines; "η = 0.1" stays in one piece."""
    lines = textwrap.wrap(paragraph.replace("η = ", "η\N{NO-BREAK SPACE}=\N{NO-BREAK SPACE}"), width)
    return [line.replace("\N{NO-BREAK SPACE}", " ") for line in lines]


def _colours(count: int) -> list[Any]:
    import matplotlib

    return [matplotlib.colormaps["viridis"](0.82 * i / max(1, count - 1)) for i in range(count)]


def _points(losses: npt.NDArray[np.float64]) -> tuple[Any, Any]:
    """Epochs and losses, thinned where there are more than the eye can tell apart (the first all stay)."""
    epochs = np.arange(1, len(losses) + 1)
    if len(losses) > MOST_POINTS:
        kept = np.unique(np.geomspace(1, len(losses), MOST_POINTS).astype(int))
        kept = np.union1d(kept, np.linspace(1, len(losses), MOST_POINTS).astype(int))
        epochs = np.union1d(kept, [int(np.argmax(losses)) + 1, int(np.argmin(losses)) + 1])
    return epochs, losses[epochs - 1]


def _draw_ordinary(axes: Any, curves: Sequence[Curve]) -> None:
    first = curves[0].losses[0]
    for curve, colour, marker in zip(curves, _colours(len(curves)), MARKERS):
        epochs, losses = _points(curve.losses)
        axes.plot(
            epochs, np.where(losses > 0, losses, np.nan), color=colour, marker=marker,
            markevery=(0.03, 0.11), label=f"η = {spelled(curve.rate)}",
        )  # fmt: skip
    axes.set_title("The loss at six learning rates" if len(curves) == 6 else "The loss by learning rate")
    axes.set_yscale("log")
    if first > 0 and min(float(curve.losses.min()) for curve in curves) < FLOOR * first:
        axes.set_ylim(bottom=FLOOR * first)
    axes.set_ylabel("E_total (logarithmic)")
    axes.set_xlabel("epoch")
    axes.set_xlim(left=0)
    axes.legend(loc="upper left", bbox_to_anchor=(1.01, 1.0))


def _draw_large(axes: Any, curves: Sequence[Curve], ordinary: Sequence[Curve]) -> None:
    fastest = max(ordinary, key=lambda curve: curve.rate)
    axes.plot(*_points(fastest.losses), color="#8a8a8a", linestyle="--", label=f"η = {spelled(fastest.rate)}")
    tops = [float(fastest.losses.max())]
    for curve, colour, marker in zip(curves, ("#0072b2", "#d55e00", "#009e73"), MARKERS):
        axes.plot(
            *_points(curve.losses), color=colour, marker=marker, markersize=4,
            markevery=list(range(min(10, len(curve.losses)))), label=f"η = {spelled(curve.rate)}",
        )  # fmt: skip
        tops.append(float(curve.losses.max()))
        if curve.rises():
            peak = curve.peak()
            axes.annotate(
                f"{curve.losses[peak - 1]:.3g} in epoch {peak}",
                (peak, curve.losses[peak - 1]), xytext=(6, 5), textcoords="offset points", color=colour,
            )  # fmt: skip
    axes.set_title("Overshoot: rates far above them")
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter("{x:g}")
    axes.set_ylim(0.0, 1.15 * max(tops) or 1.0)
    axes.set_ylabel("E_total")
    axes.set_xlabel("epoch (logarithmic)")
    axes.legend(loc="upper left", bbox_to_anchor=(1.01, 1.0))


def loss_of_run(losses: npt.NDArray[np.float64], rate: float, path: Path) -> None:
    """Draw one run's loss by epoch twice: as it is, and on a logarithmic scale."""
    with _figure(3.6) as figure:
        for column, scale in enumerate(("linear", "log")):
            axes = figure.add_axes((0.09 + 0.5 * column, 0.16, 0.4, 0.7))
            epochs, shown = _points(losses)
            axes.plot(
                epochs, np.where(shown > 0, shown, np.nan) if scale == "log" else shown,
                color="#0072b2", marker="o" if len(losses) < 12 else None,
            )  # fmt: skip
            axes.set_yscale(scale)
            if scale == "linear":
                axes.set_ylim(bottom=0.0)
                axes.set_title(f"The loss of this run, η = {spelled(rate)}")
                axes.set_ylabel("E_total")
            else:
                axes.set_title("the same, logarithmic")
            axes.set_xlabel("epoch")
        _save(figure, path)
