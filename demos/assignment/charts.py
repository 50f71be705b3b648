"""Loss curves as pictures, with matplotlib (extra `plots`), which is imported when a chart is drawn.

Colours run from light to dark with the learning rate (viridis: safe for colour-blind readers, and in
grey), each curve has a marker of its own, legends are beside the curves and never on them. All other
colours are those of `autograd.drawing.style`.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from autograd import PALETTE
from nn.plots import canvas, picture, save

from .comment import Curve, spelled

__all__ = ["compare_rates", "loss_of_run"]

FLOOR = 1e-12  # a loss below this share of the first is rounding
LIGHTEST = 0.56  # lighter colours of viridis have too little contrast with the paper, less than 3 : 1
MOST_POINTS = 2000  # points of a curve; more cannot be seen on paper


def compare_rates(
    ordinary: Sequence[Curve],
    large: Sequence[Curve],
    comment: Sequence[str] = (),
    paths: Sequence[Path] = (),
) -> str:
    """Draw the ordinary rates above, the large ones below on their own axes, the comment under them.

    Parameters
    ----------
    ordinary, large : the two groups of curves.
    comment : paragraphs.
    paths : where to write the picture, one file for each; the suffix says the format.

    Returns
    -------
    The picture as SVG text.
    """
    # Laid out in inches from the bottom up, because the comment is as long as the data make it.
    line, gap, plot = 0.2, 0.12, 3.3
    lines = [_wrapped(paragraph, 104) for paragraph in comment]
    text_height = sum(line * len(paragraph) + gap for paragraph in lines)
    bottom = text_height + 0.7
    height = bottom + 2 * plot + 1.45
    with canvas(height) as figure:

        def axes_at(y: float) -> Any:
            return figure.add_axes((0.09, y / height, 0.74, plot / height))

        _draw_ordinary(axes_at(bottom + plot + 1.0), ordinary)
        _draw_large(axes_at(bottom), large, ordinary)
        y = text_height
        for paragraph in lines:
            figure.text(0.03, y / height, "\n".join(paragraph), va="top", linespacing=1.42)
            y -= line * len(paragraph) + gap
        for path in paths:
            save(figure, path)
        return picture(figure).decode()


def _wrapped(paragraph: str, width: int) -> list[str]:
    """The paragraph in lines; "η = 0.1" stays in one piece."""
    lines = textwrap.wrap(paragraph.replace(" = ", "\N{NO-BREAK SPACE}=\N{NO-BREAK SPACE}"), width)
    return [line.replace("\N{NO-BREAK SPACE}", " ") for line in lines]


def _colours(count: int) -> list[Any]:
    """The last is the darkest, and the first as light as a line on paper may be."""
    import matplotlib

    return [matplotlib.colormaps["viridis"](LIGHTEST * (1.0 - i / max(1, count - 1))) for i in range(count)]


def _points(losses: npt.NDArray[np.float64]) -> tuple[Any, Any]:
    """Epochs and losses, thinned where there are more than the eye can tell apart (the first all stay)."""
    epochs = np.arange(1, len(losses) + 1)
    if len(losses) > MOST_POINTS:
        kept = np.unique(np.geomspace(1, len(losses), MOST_POINTS).astype(int))
        kept = np.union1d(kept, np.linspace(1, len(losses), MOST_POINTS).astype(int))
        epochs = np.union1d(kept, [int(np.argmax(losses)) + 1, int(np.argmin(losses)) + 1])
    return epochs, losses[epochs - 1]


def _positive(losses: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """What a logarithmic axis can show: a loss that has come down to 0 ends the curve."""
    return np.where(losses > 0, losses, np.nan) if losses[0] > 0 else losses


def _draw_ordinary(axes: Any, curves: Sequence[Curve]) -> None:
    first = curves[0].losses[0]
    for number, (curve, colour) in enumerate(zip(curves, _colours(len(curves)))):
        epochs, losses = _points(curve.losses)
        axes.plot(
            epochs, _positive(losses), color=colour, marker=PALETTE.series(number)[2],
            markevery=(0.03, 0.11), label=curve.name,
        )  # fmt: skip
    axes.set_title("The loss at six learning rates" if len(curves) == 6 else "The loss by learning rate")
    axes.set_yscale("log" if first > 0 else "linear")
    if first > 0 and min(float(curve.losses.min()) for curve in curves) < FLOOR * first:
        axes.set_ylim(bottom=FLOOR * first)
    axes.set_ylabel("E_total (logarithmic)")
    axes.set_xlabel("epoch")
    axes.set_xlim(left=0)
    axes.legend(loc="upper left", bbox_to_anchor=(1.01, 1.0))


def _draw_large(axes: Any, curves: Sequence[Curve], ordinary: Sequence[Curve]) -> None:
    fastest = max(ordinary, key=lambda curve: curve.rate)
    name = fastest.name
    axes.plot(*_points(fastest.losses), color=PALETTE["line"], linestyle="--", label=name)
    # The largest rate first and thickest, so that curves that coincide are all seen.
    order = sorted(range(len(curves)), key=lambda i: -curves[i].rate)
    for i in order:
        curve, (colour, _, marker) = curves[i], PALETTE.series(i)
        axes.plot(
            *_points(curve.losses), color=colour, marker=marker, markersize=4 + 2 * i,
            linewidth=1.8 + 1.8 * i, markevery=list(range(min(10, len(curve.losses)))),
            label=curve.name,
        )  # fmt: skip
        if curve.overshoots:
            peak = curve.peak()
            top = curve.losses[peak - 1]
            axes.annotate(
                f"{top:.3g} in epoch {peak}", (peak, top), xytext=(6, 7),
                textcoords="offset points", color=colour,
            )  # fmt: skip
    overshooting = any(curve.overshoots for curve in curves)
    axes.set_title("Far larger rates" + (": overshoot" if overshooting else ", from the same start"))
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter("{x:g}")
    highest = max(float(curve.losses.max()) for curve in [fastest, *curves])
    axes.set_ylim(0.0, 1.15 * highest or 1.0)
    axes.set_ylabel("E_total")
    axes.set_xlabel("epoch (logarithmic)")
    handles, labels = axes.get_legend_handles_labels()
    handles[1:], labels[1:] = handles[:0:-1], labels[:0:-1]  # the smallest rate first
    axes.legend(handles, labels, loc="upper left", bbox_to_anchor=(1.01, 1.0))


def loss_of_run(losses: npt.NDArray[np.float64], rate: float, path: Path) -> None:
    """Draw one run's loss by epoch twice: as it is, and on a logarithmic scale."""
    with canvas(3.6) as figure:
        colour, _, marker = PALETTE.series(0)
        for column, scale in enumerate(("linear", "log")):
            axes = figure.add_axes((0.1 + 0.5 * column, 0.16, 0.39, 0.7))
            epochs, shown = _points(losses)
            axes.plot(
                epochs, _positive(shown) if scale == "log" else shown,
                color=colour, marker=marker if len(losses) < 12 else "",
            )  # fmt: skip
            axes.set_yscale(scale if losses[0] > 0 else "linear")
            if scale == "linear":
                axes.set_ylim(bottom=0.0)
                axes.set_title(f"The loss of this run, η = {spelled(rate)}")
                axes.set_ylabel("E_total")
            else:
                axes.set_title("the same, logarithmic")
            axes.set_xlabel("epoch")
        save(figure, path)
