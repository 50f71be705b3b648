"""The pictures of the demos on real data: digits, their weights and mistakes; predictions and residuals.

Every function returns a matplotlib Figure in the style of `nn.plots`. Its colours can be told apart by
colour-blind readers, and are never the only difference: lines differ in their dashes too, points in their
markers, cells in their lightness or by a mark.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from autograd import PALETTE
from nn.plots import SMALL, WIDTH, canvas, whole_epochs

__all__ = ["confusion", "digits", "hardest", "losses", "neurons", "predictions", "residuals", "training"]

Array = npt.NDArray[np.float64]

GREY = PALETTE["line"]
LOOKS = (PALETTE.series(0), PALETTE.series(1))  # colour, dashes and marker of each of two
(RIGHT, *_), (WRONG, *_) = LOOKS


# --- handwritten digits ------------------------------------------------------------------------------


# An axes costs a tenth of a second, so pictures of digits share one: tiles, 8 units wide and 8 high.

GAP = 1.4  # between tiles


def _tile(axes: Any, pixels: Array, x: float, y: float, **options: Any) -> Any:
    """A picture of 8 × 8 pixels in a thin frame, its lower left corner at (x, y)."""
    from matplotlib.patches import Rectangle

    axes.add_patch(Rectangle((x, y), 8, 8, fill=False, edgecolor=GREY, linewidth=0.6))
    return axes.imshow(pixels.reshape(8, 8), extent=(x, x + 8, y, y + 8), interpolation="none", **options)


def _shades(*names: str) -> Any:
    """A colour map through colours of the style sheet."""
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list(" ".join(names), [PALETTE[name] for name in names])


INK = {"cmap": "Greys", "vmin": 0.0, "vmax": 1.0}


def _board(figure: Any, columns: int, rows: int, spot: tuple[float, float, float, float], head: float) -> Any:
    """Axes without lines for tiles in rows, each with `head` units for a title above it."""
    axes = figure.add_axes(spot)
    axes.axis("off")
    axes.set(
        xlim=(-0.1, columns * (8 + GAP) - GAP + 0.1), ylim=(-rows * (8 + head) - 0.1, 0.1), aspect="equal"
    )
    return axes


def digits(pixels: Array, columns: int) -> Any:
    """Pictures of digits, (N, 64), in rows."""
    rows = -(-len(pixels) // columns)
    with canvas(0.9 * rows) as figure:
        axes = _board(figure, columns, rows, (0.01, 0.01, 0.98, 0.98), head=GAP)
        for i, each in enumerate(pixels):
            _tile(axes, each, i % columns * (8 + GAP), -(i // columns + 1) * (8 + GAP), **INK)
        return figure


def training(ours: Sequence[float], theirs: Sequence[float], right: Sequence[float]) -> Any:
    """The loss by epoch of two trainings, and the share that the first of them has right."""
    from matplotlib.ticker import LogLocator, NullFormatter

    with canvas(3.7) as figure:
        figure.set_layout_engine("constrained")
        left, other = figure.subplots(1, 2)
        for (colour, dash, marker), name, numbers in zip(
            LOOKS, ("this engine", "scikit-learn"), (ours, theirs)
        ):
            left.plot(
                range(1, len(numbers) + 1), numbers, color=colour, linestyle=dash, marker=marker, label=name
            )
        left.set(title="Cross-entropy of the training pictures", xlabel="epoch", yscale="log")
        left.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        left.yaxis.set_major_formatter("{x:g}")
        left.yaxis.set_minor_formatter(NullFormatter())
        left.legend()
        colour, dash, marker = LOOKS[0]
        other.plot(range(1, len(right) + 1), right, color=colour, linestyle=dash, marker=marker)
        other.set(title="Training pictures read right", xlabel="epoch")
        other.yaxis.set_major_formatter(lambda share, _: f"{share:.0%}")
        whole_epochs(left)
        whole_epochs(other)
        return figure


def confusion(counts: Any) -> Any:
    """How often the digit of the row is taken for the digit of the column."""
    from matplotlib.patches import Rectangle

    with canvas(5.2, width=5.6) as figure:
        figure.set_layout_engine("constrained")
        axes = figure.subplots()
        # The square root lets a single mistake be seen beside dozens of right answers.
        axes.imshow(np.sqrt(counts), cmap=_shades("paper", "positive strong"), vmin=0.0)
        for (row, column), count in np.ndenumerate(counts):
            if count:
                wrong = row != column
                axes.text(
                    column, row, count, ha="center", va="center", fontsize=11,
                    fontweight="bold" if wrong else "normal",
                )  # fmt: skip
                if wrong:
                    axes.add_patch(
                        Rectangle((column - 0.45, row - 0.45), 0.9, 0.9, fill=False, color=WRONG, linewidth=2)
                    )
        axes.grid(False)
        for edge in range(1, len(counts)):
            axes.axhline(edge - 0.5, color=PALETTE["grid"], linewidth=0.6)
            axes.axvline(edge - 0.5, color=PALETTE["grid"], linewidth=0.6)
        axes.set(xticks=range(len(counts)), yticks=range(len(counts)), xlabel="read as", ylabel="written")
        return figure


def hardest(pixels: Array, probabilities: Array, labels: Any) -> Any:
    """Pictures of digits, each with the probabilities that a network gives to the ten digits."""
    columns = 5
    rows = -(-len(pixels) // columns)
    width, left, step = 0.155, 0.065, 0.19  # of the figure: of a chart, to the first, from one to the next
    high = 2.95  # inches of a row
    with canvas(high * rows) as figure:
        for i, (each, belief, label) in enumerate(zip(pixels, probabilities, labels)):
            x, y = left + step * (i % columns), 1.0 - (i // columns + 1) / rows
            taken = int(belief.argmax())
            above = figure.add_axes((x, y + 1.3 / high / rows, width, 1.25 / high / rows))
            above.axis("off")
            above.set(xlim=(-0.1, 8.1), ylim=(-0.1, 8.1), aspect="equal")
            _tile(above, each, 0.0, 0.0, **INK)
            title = f"✗ {label}, read as {taken}" if taken != label else f"✓ {label}, but barely"
            above.set_title(title, fontsize=10.5, loc="center")
            below = figure.add_axes((x, y + 0.35 / high / rows, width, 0.8 / high / rows))
            bars = below.bar(range(len(belief)), belief, color=PALETTE["zero line"])
            if taken != label:
                bars[taken].set_color(WRONG)
            bars[label].set(facecolor=RIGHT, edgecolor=PALETTE["paper"], hatch="////")
            below.set(xticks=range(len(belief)), ylim=(0.0, 1.0), yticks=[0.0, 0.5, 1.0])
            below.tick_params(labelsize=SMALL, length=2)
            below.grid(axis="x", visible=False)
            if i % columns:
                below.set_yticklabels([])
            else:
                below.set_ylabel("probability", fontsize=SMALL)
        return figure


def neurons(hidden: Array, output: Array) -> Any:
    """The weights (H, 64) of hidden neurons as pictures, and what each speaks for and against.

    Blue is above 0, orange below, and nan is white. A clearly negative weight has a bar as well, for
    both colours are equally dark in grey print.

    Parameters
    ----------
    hidden : what is drawn.
    output : (K, H), the weights with which the outputs read the hidden neurons.
    """
    columns, head = 8, 3.0
    shades = _shades(
        "negative line strong", "negative strong", "zero", "positive strong", "positive line strong"
    )
    rows = -(-len(hidden) // columns)
    largest = float(np.nanquantile(np.abs(hidden), 0.98))  # a few outliers would make all others grey
    tall = WIDTH * 0.98 * rows * (8 + head) / (columns * (8 + GAP))
    height = tall + 0.75
    with canvas(height) as figure:
        axes = _board(figure, columns, rows, (0.01, 1.0 - tall / height, 0.98, tall / height), head)
        for i, (weights, heard) in enumerate(zip(hidden, output.T)):
            x, y = i % columns * (8 + GAP), -(i // columns + 1) * (8 + head)
            image = _tile(axes, weights, x, y, cmap=shades, vmin=-largest, vmax=largest)
            down, across = np.nonzero(weights.reshape(8, 8) < -largest / 4)
            axes.plot(x + across + 0.5, y + 7.5 - down, "_", color=PALETTE["paper"], markersize=3.5)
            axes.text(x + 4, y + 8.4, f"▲{heard.argmax()}  ▼{heard.argmin()}", ha="center", fontsize=10.5)
        beside = figure.add_axes((0.2, 0.45 / height, 0.6, 0.13 / height))
        figure.colorbar(image, cax=beside, orientation="horizontal", extend="both").set_label("weight")
        return figure


# --- regression --------------------------------------------------------------------------------------


def losses(training: Sequence[float], validation: Sequence[float], best: int) -> Any:
    """Two losses by epoch, and the epoch whose parameters are kept."""
    with canvas(3.7) as figure:
        figure.set_layout_engine("constrained")
        axes = figure.subplots()
        epochs = range(1, len(training) + 1)
        for (colour, dash, marker), name, numbers in zip(
            LOOKS, ("training", "validation"), (training, validation)
        ):
            axes.plot(
                epochs, numbers, color=colour, linestyle=dash, marker=marker, markevery=0.08, label=name
            )
        axes.axvline(best, color=GREY, linestyle=":", linewidth=1.6)
        axes.plot(
            best, validation[best - 1], "*", color=PALETTE["ink"], markersize=13, label=f"best, epoch {best}"
        )
        axes.set(title="Mean squared error", xlabel="epoch", ylabel="of the standardised target")
        axes.set_ylim(bottom=0.0)
        axes.legend(loc="upper left", bbox_to_anchor=(1.01, 1.0))
        whole_epochs(axes)
        return figure


def predictions(found: Mapping[str, Array], targets: Array, scores: Mapping[str, float]) -> Any:
    """The predictions of each of two models against the truth, with the line where both are equal."""
    low = min(targets.min(), *(each.min() for each in found.values())) - 10.0
    high = max(targets.max(), *(each.max() for each in found.values())) + 10.0
    with canvas(5.0) as figure:
        figure.set_layout_engine("constrained")
        row = figure.subplots(1, len(found), sharex=True, sharey=True)
        for axes, (name, each), (colour, _, marker) in zip(row, found.items(), LOOKS):
            axes.plot([low, high], [low, high], color=GREY, linestyle="--", linewidth=1.2)
            axes.scatter(
                targets, each, s=30, c=colour, marker=marker, edgecolors=PALETTE["paper"], linewidths=0.6
            )
            axes.set_title(f"{name}: R² = {scores[name]:.3f}")
            axes.set(xlim=(low, high), ylim=(low, high), xlabel="true", aspect="equal")
        row[0].set_ylabel("predicted")
        row[0].annotate(
            "predicted = true", (high, high), xytext=(-10, -6), textcoords="offset points",
            rotation=45, rotation_mode="anchor", ha="right", va="bottom", color=PALETTE["caption"],
            fontsize=SMALL,
        )  # fmt: skip
        return figure


def residuals(found: Mapping[str, Array], targets: Array) -> Any:
    """What each of two models leaves over, against its predictions and as a histogram."""
    rest = {name: targets - each for name, each in found.items()}
    reach = 1.08 * max(np.abs(each).max() for each in rest.values())
    with canvas(4.0) as figure:
        figure.set_layout_engine("constrained")
        left, right = figure.subplots(1, 2, width_ratios=[1.6, 1.0], sharey=True)
        left.axhline(0.0, color=GREY, linestyle="--", linewidth=1.2)
        for (colour, dash, marker), (name, each) in zip(LOOKS, rest.items()):
            left.scatter(
                found[name],
                each,
                s=30,
                c=colour,
                marker=marker,
                edgecolors=PALETTE["paper"],
                linewidths=0.6,
                label=name,
            )
            right.hist(
                each, bins=np.linspace(-reach, reach, 20).tolist(), orientation="horizontal",
                histtype="step", color=colour, linestyle=dash, linewidth=1.8,
            )  # fmt: skip
        left.set(xlabel="predicted", ylabel="true − predicted", ylim=(-reach, reach))
        left.set_title("What is left over")
        right.set(xlabel="patients")
        right.set_title("How often")
        figure.legend(*left.get_legend_handles_labels(), loc="outside lower center", ncols=2)
        return figure
