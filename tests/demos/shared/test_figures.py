"""The plots of the demos and of `History`: the colours of the style sheet, and nothing tiny or cut."""

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex

from autograd import PALETTE
from demos.assignment import charts
from demos.shared import figures as pictures
from nn import History, plots

SIX = ["gradient descent", "momentum", "Nesterov", "Adagrad", "RMSprop", "Adam"]
RANDOM = np.random.default_rng(0)


def a_field():
    """Points at ±2 on a line, and a grid whose scores are its x."""
    ends = np.array([-2.0, 2.0])
    return plots.Field(
        np.linspace(-3.0, 3.0, 7), ends, np.array([[-2.0, 0.0], [2.0, 0.0]]), np.array([-1, 1])
    )


def figures():
    falling = [1.0 / epoch for epoch in range(1, 30)]
    found = {name: RANDOM.uniform(0.0, 100.0, 20) for name in ("network", "linear model")}
    targets = RANDOM.uniform(0.0, 100.0, 20)
    field, walk = a_field(), np.array([[2.0, 2.0], [1.0, 0.5], [0.1, 0.0]])
    lines = {name: (range(29), falling) for name in SIX}
    yield "curves", plots.curves([plots.Panel("title", "updates", lines)], "loss")
    bowl = [lambda a, b: a**2 + b**2, [plots.Walk("walk", walk)], np.zeros(2), ("w", "b")]
    yield "walks", plots.walks(*bowl)
    yield "boundaries", plots.boundaries(field, {"epoch 1": field.grid()[:, 0]})
    yield "digits", pictures.digits(RANDOM.uniform(size=(4, 64)), columns=2)
    yield (
        "training",
        plots.by_epoch({"loss": {"ours": falling, "theirs": falling}, "right": {"ours": falling}}),
    )
    yield "confusion", pictures.confusion(np.array([[8, 1], [0, 9]]))
    yield "hardest", pictures.hardest(np.zeros((2, 64)), np.array([[0.2, 0.8], [0.6, 0.4]]), np.array([0, 0]))
    yield "neurons", pictures.neurons(RANDOM.normal(size=(8, 64)), RANDOM.normal(size=(10, 8)))
    yield "predictions", pictures.predictions(found, targets, dict.fromkeys(found, 0.5))
    yield "residuals", pictures.residuals(found, targets)
    yield "history", History(falling, falling, metrics={"accuracy": falling}).plot()


FIGURES = dict(figures())
drawn = pytest.mark.parametrize("figure", [pytest.param(figure, id=name) for name, figure in FIGURES.items()])


@drawn
def test_every_line_has_a_colour_of_the_style_sheet(figure):
    lines = [line for axes in figure.axes for line in axes.get_lines()]
    assert {to_hex(line.get_color()) for line in lines} <= set(PALETTE.values())


@drawn
def test_no_text_is_tiny_or_cut(figure):
    """At least 9 points, and within the figure."""
    with plots.styled():
        FigureCanvasAgg(figure).draw()
    whole = figure.bbox
    for text in figure.findobj(lambda artist: hasattr(artist, "get_fontsize")):
        if text.get_visible() and text.get_text():
            assert text.get_fontsize() >= 9.0, text
    for axes in figure.axes:
        if axes.axison:
            for label in (axes.xaxis.label, axes.yaxis.label, axes.title):
                box = label.get_window_extent()
                assert box.width == 0.0 or whole.x0 <= box.x0 <= box.x1 <= whole.x1, label
    for legend in figure.legends:
        box = legend.get_window_extent()
        assert whole.x0 < box.x0 < box.x1 < whole.x1


@pytest.mark.parametrize("name", ["curves", "training", "history"])
def test_lines_differ_in_their_dashes_too(name):
    lines = [line for line in FIGURES[name].axes[0].get_lines() if len(line.get_xdata()) > 2]
    dashes = [str(line._unscaled_dash_pattern) for line in lines]
    assert len(set(dashes)) == len(dashes) >= 2


def test_negative_weights_are_marked_for_grey_print():
    weights = np.where(np.arange(64) < 5, -1.0, 1.0)[None]
    board, _ = pictures.neurons(weights, np.ones((2, 1))).axes
    marks = [line.get_xydata().tolist() for line in board.get_lines()]
    assert marks == [[[column + 0.5, -3.5] for column in range(5)]]  # the top row of the tile at (0, −11)
    image = board.get_images()[0]
    assert to_hex(image.cmap(image.norm(-1.0))) == PALETTE["negative line strong"]
    assert to_hex(image.cmap(image.norm(1.0))) == PALETTE["positive line strong"]


def test_a_larger_rate_is_darker_and_the_smallest_is_seen():
    def luminance(colour):
        encoded = np.array(colour[:3])
        return np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4) @ (
            0.2126, 0.7152, 0.0722,
        )  # fmt: skip

    found = [float(luminance(colour)) for colour in charts._colours(6)]
    assert found == sorted(found, reverse=True)
    assert 1.05 / (found[0] + 0.05) >= 3.0  # the contrast with white paper
