"""Plots of trainings: curves, paths on a loss surface, small multiples, boundaries; with the extra `plots`.

Every function returns a matplotlib Figure in one style. Colours are those of `autograd.PALETTE`: they can be
told apart by colour-blind readers, and are never the only difference: lines differ in their dashes too,
points in their markers. As in all drawings, blue is above 0, orange below. Without matplotlib each raises a
`MissingExtraError`.
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

__all__ = [
    "SMALL", "WIDTH", "Field", "Panel", "Walk", "boundaries", "boundary", "by_epoch", "canvas", "curves",
    "multiples", "picture", "require_matplotlib", "save", "styled", "walks", "whole_epochs",
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
    **dict.fromkeys(("figure.facecolor", "savefig.facecolor", "axes.facecolor"), PALETTE["paper"]),
    **dict.fromkeys(("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color"), PALETTE["ink"]),
    "ytick.color": PALETTE["ink"],
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
FAR = 1.6  # a walk that overshoots by more than this many times its way to the least loss is cut off
FEW = 12  # a line of fewer numbers has a marker at each: without one, a single number is not seen
CROWD = 200  # a line of more numbers is thin, without dashes, and drawn below the others


def require_matplotlib() -> None:
    """Nothing, if there is a matplotlib.

    Raises
    ------
    MissingExtraError : if there is none; it says what to install.
    """
    try:
        import matplotlib.figure  # noqa: F401  # only whether it is there
    except ImportError:
        raise MissingExtraError("drawing plots", "matplotlib", "plots") from None


@contextmanager
def styled() -> Iterator[None]:
    """Within it, figures are drawn and saved in the style of all charts."""
    require_matplotlib()
    import matplotlib

    with matplotlib.rc_context():
        matplotlib.rcdefaults()  # whatever the user's own settings are
        matplotlib.rcParams.update(STYLE)
        yield


@contextmanager
def canvas(height: float, width: float = WIDTH) -> Iterator[Any]:
    """An empty figure of that size in inches, to draw on within the style of all charts."""
    with styled():
        from matplotlib.figure import Figure

        yield Figure(figsize=(width, height))


def picture(figure: Any, format: str = "svg", dpi: float = 150.0) -> bytes:
    """A figure as a file of that format; as SVG or PNG the same bytes for the same figure."""
    unstamped = {"svg": {"Date": None}, "png": {"Software": None}}
    file = io.BytesIO()
    with styled():
        figure.savefig(file, format=format, dpi=dpi, metadata=unstamped.get(format))
    return file.getvalue()


def save(figure: Any, path: str | PathLike[str]) -> None:
    """Write a figure, as what the suffix of the path says: svg, png, pdf; without a suffix as PNG.

    Raises
    ------
    TypeError : if `path` is no path.
    ValueError : if matplotlib knows no pictures with this suffix.
    OSError : if the file cannot be written.
    """
    if not isinstance(path, (str, PathLike)):
        raise TypeError(f"plot takes a path such as 'loss.svg', got {type(path).__name__}: {path!r:.60}")
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
    """Charts one below the other: for each panel by its name the lines by theirs, a number for each epoch.

    A panel whose numbers are above 0 and far apart is logarithmic; a line without numbers is left out.
    """
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
            whole_epochs(axes)
            if all(lines.values()):
                axes.legend()
        axes.set_xlabel("epoch")
        figure._repr_png_ = lambda: picture(
            figure, "png", 96
        )  # only pyplot's show in a notebook by themselves
        return figure


def whole_epochs(axes: Any) -> None:
    """Label whole numbers only on the horizontal axis."""
    from matplotlib.ticker import MaxNLocator

    axes.xaxis.set_major_locator(MaxNLocator(integer=True))


def _grid(figure: Any, rows: int, columns: int, above: float, below: float, **options: Any) -> Any:
    """Axes in rows and columns, with room above and below them, in inches.

    Laid out by hand: what lays out by itself draws each of many axes several times.
    """
    height = figure.get_figheight()
    left, wspace, hspace = (options.pop(name) for name in ("left", "wspace", "hspace"))
    figure.subplots_adjust(
        left=left, right=0.99, bottom=below / height, top=1.0 - above / height, wspace=wspace, hspace=hspace
    )
    return figure.subplots(rows, columns, squeeze=False, **options)


def _legend(figure: Any, axes: Any, **options: Any) -> None:
    """What the lines of some axes mean, at the foot of the figure."""
    figure.legend(*axes.get_legend_handles_labels(), loc="lower center", **options)


@dataclass(frozen=True)
class Panel:
    """One chart of a row: lines by name, each of (x, y), and what the axes say."""

    title: str
    xlabel: str
    lines: Mapping[str, tuple[Any, Any]]
    xscale: str = "linear"


def curves(panels: Sequence[Panel], ylabel: str, yscale: str = "log", floor: float | None = None) -> Any:
    """Charts side by side on one vertical axis, with one legend below; nothing below `floor` is shown."""
    with canvas(4.0) as figure:
        (row,) = _grid(
            figure, 1, len(panels), above=0.35, below=0.9, left=0.09, wspace=0.05, hspace=0.0, sharey=True
        )
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
    """The way of a training through the plane of its two parameters.

    Attributes
    ----------
    title : of its panel.
    points : (U + 1, 2), the start and where each of the U updates led.
    """

    title: str
    points: Array


def walks(
    loss: Callable[[Array, Array], Array], ways: Sequence[Walk], least: Array, names: tuple[str, str]
) -> Any:
    """Each walk on a panel of its own, upon the level curves of the loss, which are the same on all.

    Parameters
    ----------
    loss : of arrays of both parameters.
    ways : the walks; what leaves the picture is cut off.
    least : where the loss is least, marked with a cross.
    names : of the parameters, for the axes.
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
        grid = _grid(
            figure, rows, 3, above=0.35, below=0.9, left=0.08, wspace=0.05, hspace=0.16,
            sharex=True, sharey=True,
        )  # fmt: skip
        for axes, way in zip(grid.flat, ways):
            axes.grid(False)
            axes.contourf(across, up, heights, levels=[bottom, *steps], cmap="Greys", alpha=0.5)
            axes.contour(across, up, heights, levels=steps, colors=PALETTE["line"], linewidths=0.5)
            axes.plot(
                *way.points.T,
                color=PALETTE.series(0)[0],
                linewidth=1.1,
                marker="o",
                markersize=2.2,
                label="each update",
            )
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
    """A grid of loss curves, all on the same axes, each with a verdict above it.

    Parameters
    ----------
    rows : by name, the curves of a row with their verdicts.
    columns : the names of the columns.
    looks : the colour and the mark of each verdict.
    goal : a loss that is drawn as a dashed line.
    ceiling : the loss where the axes end; a curve that stays above it ends there, with a triangle.
    """
    with canvas(1.65 * len(rows) + 0.9) as figure:
        grid = _grid(
            figure, len(rows), len(columns), above=0.6, below=0.55, left=0.1, wspace=0.09, hspace=0.32,
            sharex=True, sharey=True,
        )  # fmt: skip
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
    """What a classifier of points in the plane says on a grid, and the points it learns from."""

    x: Array  # (G,)
    y: Array  # (G',)
    points: Array  # (N, 2)
    labels: npt.NDArray[np.int_]  # (N,), −1 or 1

    def grid(self) -> Array:
        """Every point of the grid, (G' · G, 2)."""
        return np.stack(np.meshgrid(self.x, self.y), axis=-1).reshape(-1, 2)


def _draw_boundary(axes: Any, field: Field, scores: Array, title: str, size: float) -> None:
    """The two sides of a score in two colours, the margin between −1 and 1 lighter, the boundary black."""
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
    """The decision boundary at several moments: by title, the scores at the points of the grid."""
    rows = -(-len(frames) // 3)
    with canvas(2.2 * rows + 0.7) as figure:
        grid = _grid(figure, rows, 3, above=0.3, below=0.4, left=0.01, wspace=0.04, hspace=0.16)
        for axes, (title, scores) in zip(grid.flat, frames.items()):
            _draw_boundary(axes, field, scores, title, size=20)
        _legend(figure, grid[0, 0], ncols=2, markerscale=1.5)
        return figure


def boundary(field: Field, scores: Array) -> Any:
    """The decision boundary at one moment, without a frame: a picture of a film."""
    with canvas(4.4, width=6.6) as figure:
        _draw_boundary(figure.add_axes((0.01, 0.01, 0.98, 0.98)), field, scores, "", size=34)
        return figure
