"""Two moons, told apart: the decision boundary of a small network as it forms, frame by frame.

    python -m demos moons --out out/moons

The points lie on two interlocked half circles, which no straight line separates. An MLP 2-16-16-1 gives
each point of the plane a score, and the class is the sign of the score. You will see

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

from autograd import Explorer
from nn import MLP, Adam, CosineAnnealingLR, History, Watch, accuracy, explore_model, fit, plots

from .shared import page
from .shared.report import Report, demo, require_uninterrupted

Array = npt.NDArray[np.float64]
Labels = npt.NDArray[np.int_]
State = dict[str, float]  # the parameters by name

POINTS, HELD_OUT, NOISE = 100, 400, 0.1
WIDTHS = [16, 16, 1]
BATCH, RATE = 10, 0.03
FRAMES = 41  # epochs to step through
MOMENTS = (0, 1, 3, 6, 10, 15, 22, 30)  # epochs shown side by side, and the last


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

# The hinge loss, max(0, 1 − y ŷ), wants more than the right sign: a score beyond 1 or −1. So a margin forms
# on both sides of the boundary. The learning rate falls along a cosine, which lets the boundary settle.


def train(model: MLP, points: Array, labels: Labels, epochs: int, seed: int) -> tuple[History, list[State]]:
    """The history, and the parameters at the start and after each epoch."""
    optimizer = Adam(model.parameters(), lr=RATE)
    states = [model.state_dict()]
    history = fit(
        model, points, labels, loss="hinge_loss", optimizer=optimizer,
        schedule=CosineAnnealingLR(optimizer, T_max=epochs), epochs=epochs, batch_size=BATCH, seed=seed,
        callbacks=[Watch(lambda epoch, history: states.append(model.state_dict()))],
    )  # fmt: skip
    return require_uninterrupted(history), states


def walk(seed: int, points: Array, labels: Labels, epochs: int, folder: Path) -> Explorer:
    """The same training once more, with the graph of one point to step through."""
    return explore_model(
        MLP(2, WIDTHS, activation="relu", seed=seed), (points, labels), folder / page.EXPLORER,
        loss="hinge_loss", lr=RATE, optimizer=Adam,
        schedule=lambda optimizer: CosineAnnealingLR(optimizer, T_max=epochs),
        epochs=epochs, batch_size=BATCH, seed=seed, frames=FRAMES,
        title="Two moons: one point through the network", progress=False,
    )  # fmt: skip


# --- the demo ----------------------------------------------------------------------------------------


def work(given: dict[str, Any], folder: Path) -> None:
    quick, seed = given["quick"], given["seed"]
    epochs, stride = (40, 4) if quick else (80, 2)
    rng = np.random.default_rng(seed)
    points, labels = moons(POINTS, rng)
    fresh, answers = moons(HELD_OUT, rng)
    model = MLP(2, WIDTHS, activation="relu", seed=seed)
    history, states = train(model, points, labels, epochs, seed)

    def scores(epoch: int, points: Array) -> Array:
        model.load_state_dict(states[epoch])
        return model.predict(points)

    right = [accuracy(labels, scores(epoch, points)) for epoch in range(epochs + 1)]
    right_fresh = accuracy(answers, scores(epochs, fresh))
    low, high = points.min(axis=0) - 0.4, points.max(axis=0) + 0.4
    x, y = (np.linspace(low[i], high[i], 81 if quick else 121) for i in (0, 1))
    field = plots.Field(x, y, points, labels)

    def frames(chosen: Iterable[int]) -> dict[str, Array]:
        return {f"epoch {epoch}, {right[epoch]:.0%} right": scores(epoch, field.grid()) for epoch in chosen}

    report = Report(
        folder,
        "Two moons, told apart",
        f"{POINTS} points, half of them on each moon. No straight line separates them. A network with two "
        "hidden layers of 16 neurons, each with a relu, gives every point of the plane a score, and the "
        "sign of the score is the class. The boundary is where the score is 0.",
        f"After {epochs} epochs {right[-1]:.0%} of the points are on the right side, "
        f"and {right_fresh:.1%} of {HELD_OUT} fresh ones, which the network has never seen.",
    )
    report.section(
        "How the boundary forms",
        "The first weights are random, and so is the boundary. It is made of straight pieces, because every "
        "relu is a fold. It turns first, to the best straight cut there is, and bends afterwards, around the "
        "tips of the moons. Between the dashed lines the score is within −1 and 1, the margin: a point "
        "within it adds to the hinge loss even if it is on its side of the boundary.",
    )
    report.show(
        "boundary",
        plots.boundaries(field, frames([*MOMENTS, epochs])),
        "The two moons, blue dots and orange triangles, at nine moments. At first a straight black line "
        "cuts through both moons; in the last picture it winds between them like an S.",
        "The boundary (black), the margin (dashed), and how many points are on the right side.",
    )
    report.section("The same as a film")
    film = frames(range(0, epochs + 1, stride))
    report.film(
        {title: plots.boundary(field, each) for title, each in film.items()},
        "The two moons, and the boundary between them at",
        "Play it, or move the slider with the mouse or the arrow keys.",
    )
    report.section(
        "The loss",
        f"Mini-batches of {BATCH}, so {POINTS // BATCH} updates in an epoch; Adam, with a learning rate that "
        f"falls from {RATE} to 0 along a cosine. The hinge loss goes on falling when all points are on the "
        "right side already: it wants the margin too.",
    )
    lines = {
        "hinge loss": (range(1, epochs + 1), history.loss),
        "share of points on the wrong side": (range(epochs + 1), [1.0 - share for share in right]),
    }
    report.show(
        "loss",
        plots.curves([plots.Panel("Loss and errors", "epoch", lines)], "", yscale="linear"),
        "Two falling curves. The share of points on the wrong side reaches 0 before the hinge loss does.",
        "The hinge loss, the mean over each epoch, and the share of points on the wrong side after it.",
    )
    report.table(
        ["", "hinge loss", "right side"],
        [
            ["at the start", f"{history.loss[0]:.4f}", f"{right[0]:.0%}"],
            [f"epoch {epochs}", f"{history.loss[-1]:.4f}", f"{right[-1]:.0%}"],
            [f"{HELD_OUT} fresh points", "", f"{right_fresh:.1%}"],
        ],
        "Before and after",
    )
    report.section("One point, step by step")
    report.add(
        page.explorer(
            walk(seed, points, labels, epochs, folder),
            page.EXPLORER,
            "The graph of the loss of one point, with the weights of any epoch. Layers and neurons open with "
            "a click; the slider goes through the training, and the network beside it shows its weights.",
        )
    )
    report.close()
    check(history.loss, right, right_fresh)


def check(losses: Sequence[float], right: Sequence[float], right_fresh: float) -> None:
    """The claims of the page: the moons are told apart, also by points that were not learned from."""
    assert right[-1] >= 0.98
    assert right_fresh >= 0.95
    assert losses[-1] < 0.1 * losses[0]


main = demo(work, quick="train for 40 epochs instead of 80, and draw fewer frames on a coarser grid")
