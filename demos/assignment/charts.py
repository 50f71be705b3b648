"""The loss curves, as figures of matplotlib.

The colours of the rates run from light to dark (viridis: safe for colour-blind readers, and in grey), each
curve has a marker of its own, and legends stand beside the curves.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from autograd import PALETTE
from nn.plots import canvas

from .comment import Curve, spelled

__all__ = ["compare_rates", "loss_of_run"]

FLOOR = 1e-12  # a loss below this share of the first is rounding
LIGHTEST = 0.56  # lighter colours of viridis have less contrast with the paper than 3 : 1
BESIDE = {"loc": "upper left", "bbox_to_anchor": (1.01, 1.0)}


def compare_rates(ordinary: Sequence[Curve], large: Sequence[Curve], comment: Sequence[str] = ()) -> Any:
    """The ordinary rates above, the large ones below on axes of their own, the comment under them.

    Parameters
    ----------
    ordinary, large : the two groups of curves.
    comment : paragraphs.
    """
    # Laid out in inches from the bottom up, because the length of the comment depends on the data.
    line, gap, plot = 0.2, 0.12, 3.3
    paragraphs = [_wrapped(paragraph, 104) for paragraph in comment]
    text_height = sum(line * len(lines) + gap for lines in paragraphs)
    bottom = text_height + 0.7
    height = bottom + 2 * plot + 1.45
    with canvas(height) as figure:
        upper, lower = (
            figure.add_axes((0.09, y / height, 0.74, plot / height)) for y in (bottom + plot + 1.0, bottom)
        )
        _draw_ordinary(upper, ordinary)
        _draw_large(lower, large, ordinary)
        y = text_height
        for lines in paragraphs:
            figure.text(0.03, y / height, "\n".join(lines), va="top", linespacing=1.42)
            y -= line * len(lines) + gap
        return figure


def _wrapped(paragraph: str, width: int) -> list[str]:
    """The paragraph in lines; "η = 0.1" stays in one piece."""
    lines = textwrap.wrap(paragraph.replace(" = ", "\N{NO-BREAK SPACE}=\N{NO-BREAK SPACE}"), width)
    return [line.replace("\N{NO-BREAK SPACE}", " ") for line in lines]


def _colours(count: int) -> list[Any]:
    """Colours from light to dark, the first as light as a line on paper may be."""
    import matplotlib

    return [matplotlib.colormaps["viridis"](LIGHTEST * (1.0 - i / max(1, count - 1))) for i in range(count)]


def _epochs(losses: npt.NDArray[np.float64]) -> range:
    return range(1, len(losses) + 1)


def _draw_ordinary(axes: Any, curves: Sequence[Curve]) -> None:
    first = curves[0].losses[0]
    for place, (curve, colour) in enumerate(zip(curves, _colours(len(curves)))):
        axes.plot(
            _epochs(curve.losses), curve.losses, color=colour, marker=PALETTE.series(place)[2],
            markevery=(0.03, 0.11), label=curve.name,
        )  # fmt: skip
    if first > 0:
        axes.set_yscale("log", nonpositive="mask")
        if min(float(curve.losses.min()) for curve in curves) < FLOOR * first:
            axes.set_ylim(bottom=FLOOR * first)
    title = "The loss at six learning rates" if len(curves) == 6 else "The loss by learning rate"
    axes.set(title=title, ylabel="E_total (logarithmic)", xlabel="epoch")
    axes.set_xlim(left=0)
    axes.legend(**BESIDE)


def _draw_large(axes: Any, curves: Sequence[Curve], ordinary: Sequence[Curve]) -> None:
    fastest = max(ordinary, key=lambda curve: curve.rate)
    axes.plot(
        _epochs(fastest.losses), fastest.losses, color=PALETTE["line"], linestyle="--", label=fastest.name
    )
    # The largest rate first and thickest, so that curves that coincide are all visible.
    for i in sorted(range(len(curves)), key=lambda i: -curves[i].rate):
        curve, (colour, _, marker) = curves[i], PALETTE.series(i)
        axes.plot(
            _epochs(curve.losses), curve.losses, color=colour, marker=marker, markersize=4 + 2 * i,
            linewidth=1.8 + 1.8 * i, markevery=list(range(min(10, len(curve.losses)))), label=curve.name,
        )  # fmt: skip
        if curve.overshoots:
            peak = curve.peak()
            top = curve.losses[peak - 1]
            axes.annotate(
                f"{top:.3g} in epoch {peak}", (peak, top), xytext=(6, 7),
                textcoords="offset points", color=colour,
            )  # fmt: skip
    overshooting = any(curve.overshoots for curve in curves)
    highest = max(float(curve.losses.max()) for curve in [fastest, *curves])
    axes.set(
        title="Far larger rates" + (": overshoot" if overshooting else ", from the same start"),
        xscale="log", ylim=(0.0, 1.15 * highest or 1.0), ylabel="E_total", xlabel="epoch (logarithmic)",
    )  # fmt: skip
    axes.xaxis.set_major_formatter("{x:g}")
    handles, labels = axes.get_legend_handles_labels()
    handles[1:], labels[1:] = handles[:0:-1], labels[:0:-1]  # the smallest rate first
    axes.legend(handles, labels, **BESIDE)


def loss_of_run(losses: npt.NDArray[np.float64], rate: float) -> Any:
    """One run's loss by epoch twice: as it is, and on a logarithmic scale."""
    colour, _, marker = PALETTE.series(0)
    with canvas(3.6) as figure:
        linear, logarithmic = (figure.add_axes((left, 0.16, 0.39, 0.7)) for left in (0.1, 0.6))
        for axes in (linear, logarithmic):
            axes.plot(_epochs(losses), losses, color=colour, marker=marker if len(losses) < 12 else "")
            axes.set_xlabel("epoch")
        linear.set(title=f"The loss of this run, η = {spelled(rate)}", ylabel="E_total")
        linear.set_ylim(bottom=0.0)
        logarithmic.set_title("the same, logarithmic")
        if losses[0] > 0:
            logarithmic.set_yscale("log", nonpositive="mask")
        return figure
