"""Two moons, told apart: the decision boundary of a small network as it forms, frame by frame.

    python -m demos moons --out out/moons

Two half circles of points lie interlocked, so no straight line can part them. An MLP 2-16-16-1 learns
to: it gives each point of the plane a score, and the class is the score's sign. You will see

1. the boundary, where the score is 0, at nine moments from the random start to the end;
2. the same as a film, with a slider;
3. the loss and the share of points on the right side, epoch by epoch;
4. one point on its way through the network and back, to step through.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from autograd import Explorer, no_grad
from nn import MLP, Adam, CosineAnnealingLR, History, Watch, accuracy, explore_model, fit, plots

from .shared import page
from .shared.report import Report, demo, require_uninterrupted

Array = npt.NDArray[np.float64]
Labels = npt.NDArray[np.int_]

POINTS, HELD_OUT, NOISE = 100, 400, 0.1
WIDTHS = [16, 16, 1]
BATCH, RATE = 10, 0.03
FRAMES = 41  # moments of the training to step through
MOMENTS = (0, 1, 3, 6, 10, 15, 22, 30)  # epochs to show side by side, and the last


# --- the data ----------------------------------------------------------------------------------------

# Each moon is half a unit circle; the second is turned over and moved into the hollow of the first.


def moons(n: int, rng: np.random.Generator) -> tuple[Array, Labels]:
    """n points (n, 2), every other one on the second moon, and their classes (n,), −1 and 1."""
    second = np.arange(n) % 2 == 1
    angle = rng.uniform(0.0, np.pi, n)
    x = np.where(second, 1.0 - np.cos(angle), np.cos(angle))
    y = np.where(second, 0.5 - np.sin(angle), np.sin(angle))
    points = np.column_stack([x, y]) + rng.normal(0.0, NOISE, (n, 2))
    return points, np.where(second, 1, -1)


# --- the training ------------------------------------------------------------------------------------

# The hinge loss, max(0, 1 − y ŷ), asks for more than the right sign: a score beyond 1 or −1. So a
# margin forms on both sides of the boundary. The learning rate falls along a cosine, which lets the
# boundary come to rest.


def train(model: MLP, points: Array, labels: Labels, epochs: int, seed: int) -> tuple[History, list[Weights]]:
    """The history, and the weights at the start and after each epoch."""
    optimizer = Adam(model.parameters(), lr=RATE)
    moments = [weights(model)]
    history = fit(
        model,
        points,
        labels,
        loss="hinge_loss",
        optimizer=optimizer,
        schedule=CosineAnnealingLR(optimizer, T_max=epochs),
        epochs=epochs,
        batch_size=BATCH,
        seed=seed,
        metrics=["accuracy"],
        callbacks=[Watch(lambda epoch, history: moments.append(weights(model)))],
    )
    return require_uninterrupted(history), moments


def walk(seed: int, points: Array, labels: Labels, epochs: int, folder: Path) -> Explorer:
    """The same training again, with the graph of one point to step through."""
    return explore_model(
        MLP(2, WIDTHS, activation="relu", seed=seed),
        (points, labels),
        folder / page.EXPLORER,
        loss="hinge_loss",
        lr=RATE,
        optimizer=Adam,
        schedule=lambda optimizer: CosineAnnealingLR(optimizer, T_max=epochs),
        epochs=epochs,
        batch_size=BATCH,
        seed=seed,
        frames=FRAMES,
        title="Two moons: one point through the network",
        progress=False,
    )


# --- the score of every point of the plane -----------------------------------------------------------

# A picture takes thousands of points, and a film takes dozens of pictures. The engine would go through
# the network point by point; as arrays, a = max(0, W a + b) does a whole layer for all points at once.

Weights = list[tuple[Array, Array]]  # of each layer W (n_out, n_in) and b (n_out,)


def weights(model: MLP) -> Weights:
    """The numbers of a model as they are now."""
    return [
        (
            np.array([[w.data for w in neuron.w] for neuron in layer.neurons]),
            np.array([neuron.b.data for neuron in layer.neurons if neuron.b is not None]),
        )
        for layer in model.layers
    ]


def scores(layers: Weights, points: Array) -> Array:
    """The score of each point, (n,)."""
    *hidden, (last, bias) = layers
    a = points
    for w, b in hidden:
        a = np.maximum(0.0, a @ w.T + b)
    return (a @ last.T + bias)[:, 0]


def scores_by_the_engine(model: MLP, points: Array) -> Array:
    """The same, point by point, and without recording what no gradient is wanted of."""
    with no_grad():
        return np.array([model(point).data for point in points.tolist()])


# --- the demo ----------------------------------------------------------------------------------------


def work(given: dict[str, Any], folder: Path) -> None:
    """Train, draw, tell, and hold the demo to what it says."""
    quick, seed = given["quick"], given["seed"]
    epochs, stride = (40, 4) if quick else (80, 2)
    rng = np.random.default_rng(seed)
    points, labels = moons(POINTS, rng)
    fresh, answers = moons(HELD_OUT, rng)
    model = MLP(2, WIDTHS, activation="relu", seed=seed)
    history, moments = train(model, points, labels, epochs, seed)
    right = [accuracy(labels, scores(each, points)) for each in moments]
    right_fresh = accuracy(answers, scores(moments[-1], fresh))

    low, high = points.min(axis=0) - 0.4, points.max(axis=0) + 0.4
    x, y = (np.linspace(low[i], high[i], 81 if quick else 161) for i in (0, 1))
    field = plots.Field(x, y, points, labels)
    grid = field.grid()

    def frames(chosen: Iterable[int]) -> dict[str, Array]:
        return {f"epoch {epoch}, {right[epoch]:.0%} right": scores(moments[epoch], grid) for epoch in chosen}

    report = Report(folder, "Two moons, told apart")
    report.say(
        f"{POINTS} points, half of them on each moon. No straight line can part them. A network with two "
        "hidden layers of 16 neurons, each with a relu, gives every point of the plane a score, and the "
        "sign of the score is the class. The boundary is where the score is 0.",
        f"After {epochs} epochs {right[-1]:.0%} of the points are on the right side, "
        f"and {right_fresh:.1%} of {HELD_OUT} fresh ones, which the network has never seen.",
    )
    report.section("boundary", "1 How the boundary forms")
    report.say(
        "The first weights are random, and so is the boundary. It is made of straight pieces, because every "
        "relu is a fold. It turns first, to the best straight cut there is, and bends afterwards, around the "
        "tips of the moons. Between the dashed lines the score is within −1 and 1, the margin: a point "
        "within it adds to the hinge loss even if it is on its side of the boundary."
    )
    report.show(
        "boundary",
        plots.boundaries(field, frames([*MOMENTS, epochs])),
        "The two moons, blue dots and orange triangles, at nine moments. At first a straight black line "
        "cuts through both moons; in the last picture it winds between them like an S.",
        "The boundary (black), the margin (dashed), and how many points are on the right side.",
    )
    report.section("film", "2 The same as a film")
    film = frames(range(0, epochs + 1, stride))
    report.film(
        {title: plots.boundary(field, each) for title, each in film.items()},
        "The two moons, and the boundary between them at",
        "Play it, or move the slider with the mouse or the arrow keys.",
    )
    report.section("loss", "3 The loss")
    report.say(
        f"Mini-batches of {BATCH}, so {POINTS // BATCH} updates in an epoch; Adam, with a learning rate that "
        f"falls from {RATE} to 0 along a cosine. The hinge loss goes on falling when all points are on the "
        "right side already: it wants the margin too."
    )
    lines = {
        "hinge loss": (range(1, epochs + 1), history.loss),
        "share of points on the wrong side": (range(epochs + 1), [1.0 - share for share in right]),
    }
    report.show(
        "loss",
        plots.curves([plots.Panel("What is left to learn", "epoch", lines)], "", yscale="linear"),
        "Two falling curves. The share of points on the wrong side comes to 0 before the hinge loss does.",
        "The hinge loss, the mean over each epoch, and the share of points on the wrong side after it.",
    )
    report.section("explorer", "4 One point, step by step")
    report.add(
        page.explorer(
            walk(seed, points, labels, epochs, folder),
            page.EXPLORER,
            "The graph of the loss of one point, with the weights of any epoch. Layers and neurons open with "
            "a click; the slider goes through the training, and beside it the network shows its weights.",
        )
    )
    path = report.close()
    print(summary(epochs, history, right, right_fresh, path))
    check(model, moments, history, points, right, right_fresh)


def summary(epochs: int, history: History, right: Sequence[float], right_fresh: float, page: Path) -> str:
    """What came out, in a few lines for the terminal."""
    lines = [
        "Two moons, told apart by an MLP 2-16-16-1",
        "",
        f"    {'':14} {'hinge loss':>10}   right side",
        f"    {'at the start':14} {history.loss[0]:10.4f}   {right[0]:10.0%}",
        f"    {f'epoch {epochs}':14} {history.loss[-1]:10.4f}   {right[-1]:10.0%}",
        f"    {f'{HELD_OUT} fresh points':14} {'':8}   {right_fresh:10.1%}",
        "",
        f"Open {page}",
    ]
    return "\n".join(lines)


def check(
    model: MLP,
    moments: Sequence[Weights],
    history: History,
    points: Array,
    right: Sequence[float],
    right_fresh: float,
) -> None:
    """The claims of the page."""
    # The moons are told apart, also by points that were not learned from.
    assert right[-1] >= 0.98
    assert right_fresh >= 0.95
    assert history.loss[-1] < 0.1 * history.loss[0]
    # The array code that drew the pictures is the network that was trained.
    drawn, computed = scores(moments[-1], points), scores_by_the_engine(model, points)
    assert np.max(np.abs(drawn - computed)) <= 1e-12 * np.max(np.abs(computed))


main = demo(work, quick="train for 40 epochs instead of 80, and draw fewer frames on a coarser grid")
