"""The run of the assignment: it trains, and writes all that is handed in."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from autograd import Explorer, Value, draw, explore, save_workbook, topological_order, write_csv
from autograd.spreadsheet import SheetError, assignment
from autograd.spreadsheet.classes import hand_out
from autograd.terminal import OptionsError, progress_bar
from nn import MLP, diagram
from nn.plots import save

from ..shared.options import Options, name, numbers, whole
from ..shared.page import EXPLORER
from ..shared.report import demo
from . import charts, handout, page
from .comment import comment
from .network import (
    OVERSHOOT_RATES,
    SIX_RATES,
    WEIGHTS,
    Settings,
    build,
    forward,
    random_weights,
    record,
    weights_of,
)

MOST_EPOCHS = 100_000
QUICK_EPOCHS = 50
ROWS = 100  # rows in the workbook, which trains once for each learning rate
STEPS = 100  # epochs to step through, for each learning rate
STANDARD = Settings()


def hand_in(settings: Settings, folder: Path) -> None:
    """Train, and write everything into the folder."""
    # Steps 1 to 4 once: the initial network, and its graph with all gradients.
    first = build(settings)
    nodes = forward(first, settings)
    nodes["E_total"].backward()
    draw_network(first, "Initial weights", folder / "network.svg")
    draw_graphs(nodes, folder)

    # All six steps, epoch after epoch, with each learning rate, the run's own first.
    rates = list(dict.fromkeys((settings.lr, *SIX_RATES, *OVERSHOOT_RATES)))
    with progress_bar((settings.epochs + 1) * len(rates), "epoch") as bar:
        own = record(settings, bar.update)
        if not np.isfinite(own.states).all():
            raise OptionsError(
                f"the numbers leave the range of floats in epoch {len(own.states)}: "
                "smaller numbers, or a smaller learning rate, help"
            )
        records = {settings.lr: own}
        records |= {rate: record(replace(settings, lr=rate), bar.update) for rate in rates[1:]}
    six, large = ([records[rate].curve for rate in group] for group in (SIX_RATES, OVERSHOOT_RATES))
    words = comment(six, large)

    # The table, the workbook with its live formulas, the derivation of all eight gradients, the pictures.
    rows = enumerate(own.rows.tolist(), 1)
    write_csv(folder / "table.csv", ["epoch", *own.columns], ([epoch, *row] for epoch, row in rows))
    weights = [nodes[label] for label in WEIGHTS]
    workbook = folder / "backpropagation.xlsx"
    epochs = min(settings.epochs, ROWS)
    save_workbook(nodes["E_total"], weights, workbook, epochs=epochs, lr=settings.lr)
    handout.write(nodes, own, folder)
    trained = build(replace(settings, weights=tuple(own.row(-1)[label] for label in WEIGHTS)))
    draw_network(trained, f"Weights after {page.updates(settings.epochs)}", folder / "network_trained.svg")
    save(charts.loss_of_run(own["E_total"], settings.lr), folder / "loss_curve.svg")
    curves = charts.compare_rates(six, large, words)
    for suffix in ("svg", "png"):
        save(curves, folder / f"loss_curves.{suffix}")
    stepped = explorer(settings, rates, folder / EXPLORER)
    report = page.write(settings, nodes, own, (six, large), words, stepped, folder)
    report.tell(*(line for text in words for line in textwrap.wrap(text, 96)))
    report.close()

    # The claim: backpropagation gives the same as the closed forms on the page.
    largest = max(1.0, *map(abs, settings.inputs + settings.targets + settings.weights))
    tolerance = 1e-14 * largest * largest * largest  # inf for huge numbers, where a power would raise
    for label in WEIGHTS:
        by_hand = page.closed_form(nodes, label)
        assert math.isclose(nodes[label].grad, by_hand, rel_tol=1e-9, abs_tol=tolerance), label


# --- pictures ----------------------------------------------------------------------------------------


def draw_network(model: MLP, title: str, path: Path) -> None:
    """The network as textbooks draw it, with its weights on the edges."""
    diagram(model, inputs=["i1", "i2"], outputs=["o1", "o2"], precision=4, title=title).save(path)


def draw_graphs(nodes: Mapping[str, Value], folder: Path) -> None:
    """The gradient graph, and for each weight the same graph with its paths to the loss highlighted."""
    loss = nodes["E_total"]
    for node in topological_order(loss):
        node.scope = ""  # no boxes around layers and neurons
    weights = [nodes[label] for label in WEIGHTS]
    title = "The gradient graph of the first step"
    draw(loss, title=title, parameters=weights, legend=True).save(folder / "graph.svg")
    for weight in weights:
        title = f"All paths from {weight.label} to E_total"
        picture = draw(loss, title=title, parameters=weights, highlight=weight, derivatives=True)
        picture.save(folder / f"graph_{weight.label}.svg")


def explorer(settings: Settings, rates: Sequence[float], path: Path) -> Explorer:
    """The network to step through, with the first epochs of a training with each rate."""
    model = build(settings)
    return explore(
        forward(model, settings)["E_total"], path, wrt=weights_of(model), lr=rates,
        epochs=min(STEPS, settings.epochs), title="The assignment network, step by step",
        network=diagram(model, inputs=["i1", "i2"], outputs=["o1", "o2"]),
    )  # fmt: skip


# --- the command line --------------------------------------------------------------------------------


def add_options(options: Options) -> None:
    options.value("--lr", numbers(1, above=0.0), default=(STANDARD.lr,), help="learning rate η")
    epochs = f"the number of updates (default: {STANDARD.epochs})"
    options.value("--epochs", whole(1, MOST_EPOCHS), help=epochs, metavar="N")
    options.value("--targets", numbers(2), default=STANDARD.targets, help="t1 t2")
    options.value("--inputs", numbers(2), default=STANDARD.inputs, help="i1 i2")
    options.value("--weights", numbers(8), help="initial w1 to w8 (default: .15 .2 to .55)")
    options.value("--biases", numbers(2), help="b1 b2, one for each layer, which are not updated")
    students = "hand out instead: a template and a key for each student of this list"
    options.value("--students", name("file"), help=students, metavar="FILE")


def settings_from(given: Mapping[str, Any]) -> Settings:
    """The options as settings."""
    seed, weights = given["seed"], given["weights"]
    if seed is not None and weights is not None:
        raise OptionsError("--seed draws the initial weights and --weights gives them: use one of the two")
    return Settings(
        inputs=given["inputs"],
        targets=given["targets"],
        weights=weights or (STANDARD.weights if seed is None else random_weights(seed)),
        biases=given["biases"],
        lr=given["lr"][0],
        epochs=given["epochs"] or (QUICK_EPOCHS if given["quick"] else STANDARD.epochs),
        seed=seed,
    )


def work(given: dict[str, Any], folder: Path) -> None:
    """Hand in; or hand out, where there are students."""
    if given["students"] is None:
        hand_in(settings_from(given), folder)
        return
    own = ("inputs", "targets", "biases")
    if given["weights"] or any(given[option] != getattr(STANDARD, option) for option in own):
        raise OptionsError(
            "--students gives each student numbers of its own: leave out inputs, weights and targets"
        )
    epochs = given["epochs"] or STANDARD.epochs
    try:
        found = hand_out(
            assignment(), given["students"], folder, seed=given["seed"] or 0, epochs=epochs, lr=given["lr"][0]
        )
    except SheetError as error:
        raise OptionsError(str(error)) from error
    print(f"{len(found)} templates and keys, and numbers.csv, are in {folder}")


main = demo(
    work,
    quick=f"{QUICK_EPOCHS} epochs, unless --epochs gives another number",
    seed="draw the initial weights at random",
    default_seed=None,
    more=add_options,
)
