"""The figures of the demo: the attention of each head, and the gradient norms of the matrices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from autograd import PALETTE
from nn.plots import SMALL, canvas

from ..shared.figures import shades

__all__ = ["attention", "norms"]

Array = npt.NDArray[np.float64]


def attention(letters: Sequence[str], weights: Array, slopes: Array) -> Any:
    """The attention weights of each head, and below them the derivative of the loss by each score.

    Parameters
    ----------
    letters : T of them.
    weights, slopes : (heads, T, T), a row for the letter that looks; nan above the diagonal.
    """
    heads, T = weights.shape[:2]
    largest = float(np.nanmax(np.abs(slopes))) or 1.0
    blue, orange = "positive line strong", "negative line strong"
    looks = (
        (weights, shades("paper", "positive strong"), 0.0, 1.0, "{:.2f}"),
        (slopes, shades(orange, "zero", blue), -largest, largest, "{:+.2f}"),
    )
    with canvas(5.6) as figure:
        figure.set_layout_engine("constrained")
        rows = figure.subplots(2, heads, squeeze=False)
        for row, (numbers, cmap, low, high, form) in zip(rows, looks):
            scale = 1.0 if numbers is weights else 100.0
            for head, (axes, table) in enumerate(zip(row, numbers)):
                axes.imshow(table, cmap=cmap, vmin=low, vmax=high)
                for (i, j), number in np.ndenumerate(table):
                    if np.isfinite(number) and abs(number) >= 0.2 * high:
                        dark = numbers is slopes and abs(number) > 0.6 * high
                        colour = PALETTE["paper"] if dark else PALETTE["ink"]
                        text = form.format(scale * number).replace("0.", ".").replace("-", "−")
                        axes.text(j, i, text, ha="center", va="center", fontsize=7.5, color=colour)
                axes.grid(False)
                axes.set(xticks=range(T), yticks=range(T))
                axes.set_xticklabels(letters, fontsize=SMALL)
                axes.set_yticklabels(letters if head == 0 else [""] * T, fontsize=SMALL)
                if numbers is weights:
                    axes.set_title(f"head {head}", fontsize=SMALL + 1)
        rows[0][0].set_ylabel("weight", fontsize=SMALL)
        rows[1][0].set_ylabel("100 · ∂L/∂score", fontsize=SMALL)
        return figure


def norms(found: Mapping[str, tuple[float, float]]) -> Any:
    """The gradient norm of each matrix, before and after the training."""
    with canvas(3.9) as figure:
        figure.set_layout_engine("constrained")
        axes = figure.subplots()
        places = np.arange(len(found))
        for number, (label, column) in enumerate(zip(("before", "after"), zip(*found.values()))):
            colour, _, _ = PALETTE.series(number)
            axes.barh(places + 0.4 * number - 0.2, column, 0.4, color=colour, label=label)
        axes.grid(False, axis="y")
        axes.set(yticks=places, xlabel="gradient norm", ylim=(len(found) - 0.5, -0.5))
        axes.set_yticklabels([name.replace("block0.", "") for name in found], fontsize=SMALL)
        axes.legend()
        return figure
