"""The figures of the demos on real data: digits, their mistakes, their weights; predictions and residuals.

Every function returns a matplotlib Figure in the style of `nn.plots`. Colour is never the only difference:
lines also differ in their dashes, points in their markers, cells in their lightness or by a mark.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from autograd import PALETTE
from nn.plots import SMALL, WIDTH, canvas

__all__ = ["confusion", "digits", "hardest", "neurons", "predictions", "residuals", "shades"]

Array = npt.NDArray[np.float64]

GREY = PALETTE["line"]
LOOKS = (PALETTE.series(0), PALETTE.series(1))  # (colour, dashes, marker)
(RIGHT, *_), (WRONG, *_) = LOOKS
DOTS = {"s": 30, "edgecolors": PALETTE["paper"], "linewidths": 0.6}
INK = {"cmap": "Greys", "vmin": 0.0, "vmax": 1.0}
GAP = 1.4  # between tiles, in pixels


def shades(*names: str) -> Any:
    """A colour map through colours of the style sheet."""
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list(" ".join(names), [PALETTE[name] for name in names])


# --- handwritten digits ------------------------------------------------------------------------------


def _tiles(
    axes: Any, pictures: Array, columns: int, head: float, **options: Any
) -> tuple[list[tuple[float, float]], Any]:
    """Draw pictures (N, 64) in rows on one axes, each below a space of `head` pixels.

    Returns
    -------
    The lower left corner of each, and the last image.
    """
    from matplotlib.patches import Rectangle

    rows = -(-len(pictures) // columns)
    places = [(i % columns * (8 + GAP), -(i // columns + 1) * (8 + head)) for i in range(len(pictures))]
    for (x, y), pixels in zip(places, pictures.reshape(-1, 8, 8)):
        image = axes.imshow(pixels, extent=(x, x + 8, y, y + 8), interpolation="none", **options)
        axes.add_patch(Rectangle((x, y), 8, 8, fill=False, edgecolor=GREY, linewidth=0.6))
    right = columns * (8 + GAP) - GAP
    axes.set(xlim=(-0.1, right + 0.1), ylim=(-rows * (8 + head) - 0.1, 0.1), aspect="equal")
    axes.axis("off")
    return places, image


def digits(pixels: Array, columns: int) -> Any:
    """Pictures of digits, (N, 64), in rows."""
    with canvas(0.9 * -(-len(pixels) // columns)) as figure:
        _tiles(figure.add_axes((0.01, 0.01, 0.98, 0.98)), pixels, columns, GAP, **INK)
        return figure


def confusion(counts: Any) -> Any:
    """A table (K, K) of how often the digit of the row is read as the digit of the column."""
    from matplotlib.patches import Rectangle

    with canvas(5.2, width=5.6) as figure:
        figure.set_layout_engine("constrained")
        axes = figure.subplots()
        axes.grid(False)
        each = range(len(counts))
        # The square root makes a single mistake visible beside dozens of right answers.
        axes.pcolormesh(
            each, each, np.sqrt(counts), cmap=shades("paper", "positive strong"), vmin=0.0,
            edgecolors=PALETTE["grid"], linewidth=0.6,
        )  # fmt: skip
        for (row, column), count in np.ndenumerate(counts):
            weight = "normal" if row == column else "bold"
            if count:
                axes.text(column, row, count, ha="center", va="center", fontsize=11, fontweight=weight)
            if count and row != column:
                corner = column - 0.45, row - 0.45
                axes.add_patch(Rectangle(corner, 0.9, 0.9, fill=False, color=WRONG, linewidth=2))
        axes.invert_yaxis()
        axes.set(xticks=each, yticks=each, xlabel="read as", ylabel="written", aspect="equal")
        return figure


def hardest(pixels: Array, probabilities: Array, labels: Any) -> Any:
    """Pictures of digits (N, 64), each above the probabilities (N, K) that a network gives to the digits."""
    columns = 5
    rows = -(-len(pixels) // columns)
    high = 2.95 * rows  # inches
    with canvas(high) as figure:
        heights = [1.25, 0.8, 0.25] * rows  # of a picture, its chart and the space below
        grid = figure.subplots(3 * rows, columns, height_ratios=heights, sharey="row")
        figure.subplots_adjust(0.065, 0.02, 0.98, 1.0 - 0.35 / high, wspace=0.2, hspace=0.25)
        for axes in grid.flat:
            axes.axis("off")
        places = zip(*(grid[start::3].flat for start in (0, 1)))
        for i, ((above, below), belief, label) in enumerate(zip(places, probabilities, labels)):
            _tiles(above, pixels[i : i + 1], 1, 0.0, **INK)
            taken = int(belief.argmax())
            title = f"✗ {label}, read as {taken}" if taken != label else f"✓ {label}, but barely"
            above.set_title(title, fontsize=10.5, loc="center")
            below.axis("on")
            bars = below.bar(range(len(belief)), belief, color=PALETTE["zero line"])
            if taken != label:
                bars[taken].set_color(WRONG)
            bars[label].set(facecolor=RIGHT, edgecolor=PALETTE["paper"], hatch="////")
            below.set(xticks=range(len(belief)), ylim=(0.0, 1.0), yticks=[0.0, 0.5, 1.0])
            below.tick_params(labelsize=SMALL, length=2)
            below.grid(axis="x", visible=False)
            if i % columns == 0:
                below.set_ylabel("probability", fontsize=SMALL)
        return figure


def neurons(hidden: Array, output: Array) -> Any:
    """The weights of hidden neurons as pictures, and the digits that each raises and lowers the most.

    Blue is above 0, orange below, and nan is white. A clearly negative weight also has a bar: in grey print
    both colours are equally dark.

    Parameters
    ----------
    hidden : (H, 64), drawn.
    output : (K, H), the weights of the output layer.
    """
    columns, head = 8, 3.0
    rows = -(-len(hidden) // columns)
    blues = ("zero", "positive strong", "positive line strong")
    largest = float(np.nanquantile(np.abs(hidden), 0.98))  # a few outliers would make all others grey
    tall = WIDTH * 0.98 * rows * (8 + head) / (columns * (8 + GAP))
    height = tall + 0.75
    with canvas(height) as figure:
        axes = figure.add_axes((0.01, 1.0 - tall / height, 0.98, tall / height))
        cmap = shades("negative line strong", "negative strong", *blues)
        places, image = _tiles(axes, hidden, columns, head, cmap=cmap, vmin=-largest, vmax=largest)
        for (x, y), weights, read in zip(places, hidden, output.T):
            down, across = np.nonzero(weights.reshape(8, 8) < -largest / 4)
            axes.plot(x + across + 0.5, y + 7.5 - down, "_", color=PALETTE["paper"], markersize=3.5)
            axes.text(x + 4, y + 8.4, f"▲{read.argmax()}  ▼{read.argmin()}", ha="center", fontsize=10.5)
        beside = figure.add_axes((0.2, 0.45 / height, 0.6, 0.13 / height))
        figure.colorbar(image, cax=beside, orientation="horizontal", extend="both").set_label("weight")
        return figure


# --- regression --------------------------------------------------------------------------------------


def predictions(found: Mapping[str, Array], targets: Array, scores: Mapping[str, float]) -> Any:
    """The predictions (N,) of two models against the targets (N,), with the line where both are equal."""
    everything = [targets, *found.values()]
    ends = np.min(everything) - 10.0, np.max(everything) + 10.0
    with canvas(5.0) as figure:
        figure.set_layout_engine("constrained")
        row = figure.subplots(1, len(found), sharex=True, sharey=True)
        for axes, (name, each), (colour, _, marker) in zip(row, found.items(), LOOKS):
            axes.plot(ends, ends, color=GREY, linestyle="--", linewidth=1.2)
            axes.scatter(targets, each, c=colour, marker=marker, **DOTS)
            axes.set_title(f"{name}: R² = {scores[name]:.3f}")
            axes.set(xlim=ends, ylim=ends, xlabel="true", aspect="equal")
        row[0].set_ylabel("predicted")
        row[0].annotate(
            "predicted = true", (ends[1], ends[1]), xytext=(-10, -6), textcoords="offset points",
            rotation=45, rotation_mode="anchor", ha="right", va="bottom", color=PALETTE["caption"],
            fontsize=SMALL,
        )  # fmt: skip
        return figure


def residuals(found: Mapping[str, Array], targets: Array) -> Any:
    """The residuals of two models, against their predictions and as histograms."""
    rest = {name: targets - each for name, each in found.items()}
    reach = 1.08 * max(np.abs(each).max() for each in rest.values())
    with canvas(4.0) as figure:
        figure.set_layout_engine("constrained")
        left, right = figure.subplots(1, 2, width_ratios=[1.6, 1.0], sharey=True)
        left.axhline(0.0, color=GREY, linestyle="--", linewidth=1.2)
        for (colour, dash, marker), (name, each) in zip(LOOKS, rest.items()):
            left.scatter(found[name], each, c=colour, marker=marker, label=name, **DOTS)
            right.hist(
                each, bins=np.linspace(-reach, reach, 20).tolist(), orientation="horizontal",
                histtype="step", color=colour, linestyle=dash, linewidth=1.8,
            )  # fmt: skip
        left.set(xlabel="predicted", ylabel="true − predicted", ylim=(-reach, reach))
        left.set_title("The residuals")
        right.set(xlabel="patients")
        right.set_title("How often")
        figure.legend(*left.get_legend_handles_labels(), loc="outside lower center", ncols=2)
        return figure
