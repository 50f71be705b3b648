"""Plots of trainings: curves, paths on a loss surface, small multiples, boundaries; with the extra `plots`.

Each is a matplotlib Figure in one style, with the colours of `autograd.PALETTE`, which colour-blind readers
tell apart. Lines differ in their dashes too, points in their markers. Blue is above 0, orange below. Without
matplotlib each function raises a `MissingExtraError`.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from autograd import PALETTE, MissingExtraError, write_bytes

from .arguments import require_kind

__all__ = [
    "SMALL", "WIDTH", "Field", "Panel", "Walk", "boundaries", "boundary", "by_epoch", "canvas", "curves",
    "multiples", "picture", "require_matplotlib", "save", "styled", "walks",
]  # fmt: skip

Array = npt.NDArray[np.float64]

STYLE: dict[Any, Any] = {
    "font.family": ["DejaVu Sans"],
    "font.size": 10,
    "axes.titlesize": 12,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    **dict.fromkeys(["figure.facecolor", "savefig.facecolor", "axes.facecolor"], PALETTE["paper"]),
    **dict.fromkeys(
        ["text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color"], PALETTE["ink"]
    ),
    "grid.color": PALETTE["grid"],
    "axes.axisbelow": True,
    "lines.linewidth": 1.8,
    "lines.markersize": 5,
    "legend.frameon": False,
    "svg.fonttype": "none",  # text stays text: it can be searched, selected and read out
    "svg.hashsalt": "scalar-autograd",  # the same data gives the same file
}
WIDTH = 9.0  # inches; 864 pixels on a page

CLASSES = {-1: (PALETTE["negative line strong"], "^"), 1: (PALETTE["positive line strong"], "o")}
SIDES = [PALETTE.tint(score, share) for score, share in ((-1, 0.6), (-1, 0.0), (1, 0.0), (1, 0.6))]
EDGES = {0.0: (1.8, "-"), -1.0: (0.8, "--"), 1.0: (0.8, "--")}  # width and dashes by score
SMALL = 9  # the smallest text, in points
FAR = 1.6  # a walk is cut off beyond this many times the distance from its start to the least loss
FEW = 12  # a line of fewer numbers has a marker at each: without one, a single number is invisible
CROWD = 200  # a line of more numbers is thin, without dashes, and drawn below the others


def require_matplotlib() -> None:
    """Raise a `MissingExtraError`, which says what to install, if there is no matplotlib."""
    try:
        import matplotlib.figure  # noqa: F401  # only whether it is there
    except ImportError:
        raise MissingExtraError("drawing plots", "matplotlib", "plots") from None


@contextmanager
def styled() -> Iterator[None]:
    """A context in which figures are drawn and saved in the style of all charts."""
    require_matplotlib()
    import matplotlib

    with matplotlib.rc_context():
        matplotlib.rcdefaults()  # whatever the user's own settings are
        matplotlib.rcParams.update(STYLE)
        yield


@contextmanager
def canvas(height: float, width: float = WIDTH) -> Iterator[Any]:
    """An empty figure of this size in inches, in the style of all charts."""
    with styled():
        from matplotlib.figure import Figure

        yield Figure(figsize=(width, height))


def picture(figure: Any, format: str = "svg", dpi: float = 150.0) -> bytes:
    """The content of a file of that format; for SVG and PNG the same bytes for the same figure."""
    unstamped = {"svg": {"Date": None}, "png": {"Software": None}}
    file = io.BytesIO()
    with styled():
        figure.savefig(file, format=format, dpi=dpi, metadata=unstamped.get(format))
    return file.getvalue()


def save(figure: Any, path: str | PathLike[str]) -> None:
    """Write a figure in the format that the suffix names: svg, png, pdf; without a suffix PNG.

    Raises
    ------
    TypeError : if `path` is no path.
    ValueError : if matplotlib knows no pictures with this suffix.
    OSError : if the file cannot be written.
    """
    require_kind(path, (str, PathLike), "plot takes a path such as 'loss.svg'")
    place = Path(path)
    if not place.suffix:
        place = place.with_name(f"{place.name}.png")
    formats = figure.canvas.get_supported_filetypes()
    format = place.suffix[1:].lower()
    if format not in formats:
        raise ValueError(
            f"the file's suffix must be one of {', '.join(sorted(formats))}, got {str(path)!r:.60}"
        )
    write_bytes(place, picture(figure, format))


def by_epoch(panels: Mapping[str, Mapping[str, Sequence[float]]]) -> Any:
    """Charts one below the other: by the name of each panel, its lines by name, with a number for each epoch.

    A panel is logarithmic if its numbers are above 0 and far apart. A line without numbers is left out.
    """
    from matplotlib.ticker import MaxNLocator

    with canvas(1.0 + 2.8 * len(panels), width=7.0) as figure:
        figure.set_layout_engine("constrained")
        for axes, (name, lines) in zip(figure.subplots(len(panels), squeeze=False)[:, 0], panels.items()):
            for number, (label, column) in enumerate(lines.items()):
                colour, dash, marker = PALETTE.series(number)
                epochs, marker = range(1, len(column) + 1), marker if len(column) == 1 else ""
                if column:
                    axes.plot(epochs, column, color=colour, linestyle=dash, marker=marker, label=label)
            shown = [number for column in lines.values() for number in column]
            if min(shown) > 0.0 and max(shown) > 100.0 * min(shown):
                axes.set_yscale("log")
            axes.set_ylabel(name)
            axes.xaxis.set_major_locator(MaxNLocator(integer=True))
            if all(lines.values()):
                axes.legend()
        axes.set_xlabel("epoch")
        # Without pyplot a notebook shows no figure by itself.
        figure._repr_png_ = lambda: picture(figure, "png", 96)
        return figure


def _grid(
    figure: Any, rows: int, columns: int, room: tuple[float, float], shared: bool = True, **spacing: float
) -> Any:
    """Axes in rows and columns, with room above and below them in inches, and the spacing of matplotlib.

    A layout engine would draw each of many axes several times.
    """
    above, below = (inches / figure.get_figheight() for inches in room)
    figure.subplots_adjust(right=0.99, bottom=below, top=1.0 - above, **spacing)
    return figure.subplots(rows, columns, squeeze=False, sharex=shared and rows > 1, sharey=shared)


def _legend(figure: Any, axes: Any, **options: Any) -> None:
    """The legend of some axes at the foot of the figure."""
    figure.legend(*axes.get_legend_handles_labels(), loc="lower center", **options)


@dataclass(frozen=True)
class Panel:
    """One chart of a row: its lines (x, y) by name, and the text at its axes."""

    title: str
    xlabel: str
    lines: Mapping[str, tuple[Any, Any]]
    xscale: str = "linear"


def curves(panels: Sequence[Panel], ylabel: str, yscale: str = "log", floor: float | None = None) -> Any:
    """Charts side by side on one vertical axis, with one legend below; nothing below `floor` is shown."""
    with canvas(4.0) as figure:
        (row,) = _grid(figure, 1, len(panels), (0.35, 0.9), left=0.09, wspace=0.05)
        for axes, panel in zip(row, panels):
            for number, (name, (x, y)) in enumerate(panel.lines.items()):
                colour, dash, marker = PALETTE.series(number)
                crowded = len(x) > CROWD
                axes.plot(
                    x, y, color=colour, linestyle="-" if crowded else dash, label=name,
                    linewidth=0.7 if crowded else 1.8, zorder=1.5 if crowded else 2.0,
                    marker=marker if len(x) < FEW else "",
                )  # fmt: skip
            axes.set(title=panel.title, xlabel=panel.xlabel, xscale=panel.xscale, yscale=yscale)
            if panel.xscale == "log":
                axes.xaxis.set_major_formatter("{x:g}")
        row[0].set_ylabel(ylabel)
        row[0].set_ylim(bottom=floor)
        _legend(figure, row[0], ncols=6, handlelength=3.2, columnspacing=1.4)
        return figure


@dataclass(frozen=True, eq=False)
class Walk:
    """The path of a training in the plane of its two parameters.

    Attributes
    ----------
    title : of its panel.
    points : (U + 1, 2), the start and the parameters after each of U updates.
    """

    title: str
    points: Array


def walks(
    loss: Callable[[Array, Array], Array], ways: Sequence[Walk], least: Array, names: tuple[str, str]
) -> Any:
    """A panel for each walk, on the level curves of the loss, with the same axes.

    Parameters
    ----------
    loss : of arrays of both parameters.
    ways : the walks, cut off where they leave the panel.
    least : (2,), where the loss is least, marked with a cross.
    names : of the parameters.
    """
    rows = -(-len(ways) // 3)
    starts = np.array([way.points[0] for way in ways])
    seen = np.vstack([starts, least[None], *(way.points for way in ways)])
    reach = FAR * np.abs(starts[0] - least)
    low, high = least - reach, least + reach
    low, high = np.maximum(seen.min(0), low), np.minimum(seen.max(0), high)
    margin = 0.12 * (high - low)
    low, high = low - margin, high + margin
    across, up = np.meshgrid(*(np.linspace(low[i], high[i], 161) for i in (0, 1)))
    heights = loss(across, up)
    bottom = float(loss(least[0], least[1]))
    steps = bottom + (float(heights.max()) - bottom) * np.geomspace(1e-4, 1.0, 13)
    with canvas(2.9 * rows + 1.0) as figure:
        grid = _grid(figure, rows, 3, (0.35, 0.9), left=0.08, wspace=0.05, hspace=0.16)
        for axes, way in zip(grid.flat, ways):
            axes.grid(False)
            axes.contourf(across, up, heights, levels=[bottom, *steps], cmap="Greys", alpha=0.5)
            axes.contour(across, up, heights, levels=steps, colors=PALETTE["line"], linewidths=0.5)
            axes.plot(
                *way.points.T, color=PALETTE.series(0)[0], linewidth=1.1, marker="o", markersize=2.2,
                label="each update",
            )  # fmt: skip
            axes.plot(*way.points[0], "s", color=PALETTE.series(1)[0], markersize=8, label="start")
            axes.plot(
                *least, "X", color=PALETTE.series(2)[0], markeredgecolor=PALETTE["paper"], markersize=11,
                label="least loss",
            )  # fmt: skip
            axes.set(title=way.title, xlim=(low[0], high[0]), ylim=(low[1], high[1]))
        for axes in grid[-1]:
            axes.set_xlabel(names[0])
        for axes in grid[:, 0]:
            axes.set_ylabel(names[1])
        _legend(figure, grid[0, 0], ncols=3)
        return figure


def multiples(
    rows: Mapping[str, Sequence[tuple[Sequence[float], str]]],
    columns: Sequence[str],
    looks: Mapping[str, tuple[str, str]],
    goal: float,
    ceiling: float,
) -> Any:
    """A grid of loss curves with the same axes, each with a verdict above it.

    Parameters
    ----------
    rows : by name of the row, its curves with their verdicts.
    columns : the names of the columns.
    looks : the colour and the mark of each verdict.
    goal : the loss of a dashed line.
    ceiling : the loss at the top; a curve that stays above it ends there, with a triangle.
    """
    with canvas(1.65 * len(rows) + 0.9) as figure:
        grid = _grid(figure, len(rows), len(columns), (0.6, 0.55), left=0.1, wspace=0.09, hspace=0.32)
        grid[0, 0].set_yscale("log")
        for line, (name, row) in zip(grid, rows.items()):
            line[0].set_ylabel(f"{name}\nloss")
            for axes, (losses, verdict) in zip(line, row):
                colour, mark = looks[verdict]
                _draw_judged(axes, np.asarray(losses), colour, ceiling)
                axes.axhline(goal, color=PALETTE["line"], linestyle="--", linewidth=1.0)
                axes.set_title(f"{mark} {verdict}", color=colour, fontsize=10, fontweight="bold", pad=4)
                axes.tick_params(labelsize=SMALL)
                axes.minorticks_off()
        for axes, name in zip(grid[0], columns):
            axes.annotate(
                name, (0.5, 1.0), xytext=(0, 24), xycoords="axes fraction", textcoords="offset points",
                ha="center", fontsize=11,
            )  # fmt: skip
        for axes in grid[-1]:
            axes.set_xlabel("epoch")
        grid[0, 0].set_ylim(top=3.0 * ceiling)  # room for the arrows
        return figure


def _draw_judged(axes: Any, losses: Array, colour: str, ceiling: float) -> None:
    seen = losses <= ceiling
    end = len(losses) if seen[-1] else len(losses) - int(np.argmax(seen[::-1])) if seen.any() else 0
    epochs = np.arange(1, len(losses) + 1)
    axes.plot(epochs[: end + 1], np.minimum(losses[: end + 1], 10.0 * ceiling), color=colour)
    if end < len(losses):
        axes.plot(end + 1, ceiling, marker="^", color=colour, markersize=9)


@dataclass(frozen=True, eq=False)
class Field:
    """A grid in the plane, and the points that a classifier learns from."""

    x: Array  # (G,)
    y: Array  # (G',)
    points: Array  # (N, 2)
    labels: npt.NDArray[np.int_]  # (N,), −1 or 1

    def grid(self) -> Array:
        """Every point of the grid, (G' · G, 2)."""
        return np.stack(np.meshgrid(self.x, self.y), axis=-1).reshape(-1, 2)


def _draw_boundary(axes: Any, field: Field, scores: Array, title: str, size: float) -> None:
    """The two sides of a score in two colours, lighter between −1 and 1, with a black boundary."""
    heights = scores.reshape(len(field.y), len(field.x))
    axes.grid(False)
    axes.contourf(field.x, field.y, heights, levels=[-1.0, 0.0, 1.0], extend="both", colors=SIDES)
    for level, (width, dash) in EDGES.items():
        if scores.min() < level < scores.max():
            axes.contour(
                field.x, field.y, heights, levels=[level], colors=PALETTE["ink"], linewidths=width,
                linestyles=dash,
            )  # fmt: skip
    for label, (colour, marker) in CLASSES.items():
        axes.scatter(
            *field.points[field.labels == label].T, s=size, c=colour, marker=marker,
            edgecolors=PALETTE["paper"], linewidths=0.6, label=f"class {label:+d}".replace("-", "−"),
        )  # fmt: skip
    axes.set_title(title, fontsize=10)
    axes.set_aspect("equal")
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set_visible(False)


def boundaries(field: Field, frames: Mapping[str, Array]) -> Any:
    """The decision boundary at several moments, from the scores (G' · G,) on the grid by title."""
    rows = -(-len(frames) // 3)
    with canvas(2.2 * rows + 0.7) as figure:
        grid = _grid(figure, rows, 3, (0.3, 0.4), shared=False, left=0.01, wspace=0.04, hspace=0.16)
        for axes, (title, scores) in zip(grid.flat, frames.items()):
            _draw_boundary(axes, field, scores, title, size=20)
        _legend(figure, grid[0, 0], ncols=2, markerscale=1.5)
        return figure


def boundary(field: Field, scores: Array) -> Any:
    """The decision boundary at one moment, without a frame: one picture of a film."""
    with canvas(4.4, width=6.6) as figure:
        _draw_boundary(figure.add_axes((0.01, 0.01, 0.98, 0.98)), field, scores, "", size=34)
        return figure
