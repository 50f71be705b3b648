"""Plots of trainings: what is drawn. Their style is tried with the demos' figures."""

import numpy as np
import pytest

from autograd import PALETTE
from nn import plots

to_hex = pytest.importorskip("matplotlib.colors", reason="matplotlib is in the extra plots").to_hex


def a_field():
    """Points at ±2 on a line, and a grid whose scores are its x."""
    ends = np.array([-2.0, 2.0])
    return plots.Field(
        np.linspace(-3.0, 3.0, 7), ends, np.array([[-2.0, 0.0], [2.0, 0.0]]), np.array([-1, 1])
    )


def test_a_line_of_a_single_number_is_seen():
    lines = {"one": ([1.0], [2.0]), "many": (range(50), range(50))}
    (axes,) = plots.curves([plots.Panel("title", "n", lines)], "loss", yscale="linear").axes
    assert [line.get_marker() for line in axes.get_lines()] == ["o", ""]


def test_a_positive_score_is_blue_and_a_negative_one_orange():
    (axes,) = plots.boundaries(a_field(), {"epoch 1": a_field().grid()[:, 0]}).axes[:1]
    points = axes.get_legend_handles_labels()
    assert {label: to_hex(each.get_facecolor()[0]) for each, label in zip(*points, strict=True)} == {
        "class −1": PALETTE["negative line strong"],
        "class +1": PALETTE["positive line strong"],
    }
    sides = [to_hex(colour) for colour in axes.collections[0].get_facecolor()]
    assert sides == [
        PALETTE.tint(-1.0, 0.6),
        PALETTE["negative"],
        PALETTE["positive"],
        PALETTE.tint(1.0, 0.6),
    ]


def test_a_curve_that_stays_above_the_ceiling_ends_in_a_triangle_and_one_that_returns_is_drawn_whole():
    curves = [([1.0, 500.0, 0.5, 0.1], "overshooting"), ([1.0, 50.0, 500.0, np.inf], "divergent")]
    figure = plots.multiples(
        {"row": curves},
        ["a", "b"],
        {"overshooting": (PALETTE["series 1"], "~"), "divergent": (PALETTE["series 3"], "^")},
        goal=0.1,
        ceiling=100.0,
    )
    (returns, *after), (leaves, triangle, _) = (axes.get_lines() for axes in figure.axes)
    assert returns.get_ydata().tolist() == [1.0, 500.0, 0.5, 0.1]
    assert all(line.get_marker() == "None" for line in after)
    assert leaves.get_ydata().tolist() == [1.0, 50.0, 500.0]
    assert (triangle.get_marker(), *triangle.get_data()) == ("^", [3], [100.0])


def test_a_figure_gives_the_same_file_each_time(tmp_path):
    def figure():
        return plots.by_epoch({"loss": {"training": [2.0, 1.0]}})

    for format in ("svg", "png"):
        assert plots.picture(figure(), format) == plots.picture(figure(), format)
        plots.save(figure(), tmp_path / f"loss.{format}")
        assert (tmp_path / f"loss.{format}").read_bytes() == plots.picture(figure(), format)
