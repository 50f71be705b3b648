"""Sheets of any small network, drawn: its layers, its loss, its names, and how somebody wrote it down.

Numbers come from plain Python (`planted_sheets.Program`); the recorded graph is made beside them and only
says what the sheet should hold.
"""

from __future__ import annotations

import math
import random
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from autograd import Problem, Value, dot, log, relu, sigmoid, softmax, tanh
from tests.support.networks import labelled
from tests.support.planted_sheets import UP as UP
from tests.support.planted_sheets import Program, descent
from tests.support.sheets_made import Grid

RECORDED = {"tanh": tanh, "sigmoid": sigmoid, "relu": relu}
WRITTEN = {"tanh": "tanh({})", "sigmoid": "1/(1+exp(-{}))", "relu": "relu({})"}
SLOPE = {"tanh": "(1-{a}**2)", "sigmoid": "{a}*(1-{a})", "relu": "step({z})"}


def network(draw: random.Random) -> Program:
    """2 to 4 inputs, one or two hidden layers, one to three outputs; with or without biases and momentum."""
    sizes = [
        draw.randint(2, 4),
        *(draw.randint(2, 3) for _ in range(draw.choice([1, 1, 2]))),
        draw.randint(1, 3),
    ]
    activation, biased = draw.choice(list(RECORDED)), draw.random() < 0.5
    classes = sizes[-1] > 1 and draw.random() < 0.5
    last = draw.choice(["sigmoid", ""])
    numbered = draw.random() < 0.5  # w1, w2, … through all layers, or w11 of the first and v11 of the second
    examples = draw.choice([1, 1, 1, 4])

    given: dict[str, Sequence[float]] = {}
    start: dict[str, float] = {}
    formulas: dict[str, str] = {}
    nodes: dict[str, Value] = {}

    def leaf(name: str, numbers: Sequence[float], to: dict) -> str:
        to[name] = numbers
        nodes[name] = Value(numbers[0] if isinstance(numbers, list) else numbers, name)
        return name

    below = [
        leaf(f"x{k}", [round(draw.uniform(-1, 1), 2) for _ in range(examples)], given)
        for k in range(1, sizes[0] + 1)
    ]
    labels = [draw.randrange(sizes[-1]) for _ in range(examples)]
    one = sizes[-1] == 1
    targets = [
        leaf(
            "t" if one else f"t{k + 1}",
            [float(each == k) if classes else round(draw.uniform(0.1, 0.9), 2) for each in labels],
            given,
        )
        for k in range(sizes[-1])
    ]
    layers: list[tuple[list[str], list[list[str]], list[str], list[str], list[str]]] = []
    for turn, size in enumerate(sizes[1:]):
        output = turn == len(sizes) - 2
        letter = "wvu"[turn]
        weights = [
            [
                leaf(
                    f"w{len([each for each in start if each[0] == 'w']) + 1}"
                    if numbered
                    else f"{letter}{j}{k}",
                    round(draw.uniform(-1, 1), 2),
                    start,
                )
                for k in range(1, len(below) + 1)
            ]
            for j in range(1, size + 1)
        ]
        first = sum(len(each[3]) for each in layers)
        biases = (
            [leaf(f"b{first + j}", round(draw.uniform(-1, 1), 2), start) for j in range(1, size + 1)]
            if biased
            else []
        )
        z_name, a_name = ("o", "p" if classes else "y") if output else ("z", "h")
        if output:
            ends = [""] if size == 1 else [str(j) for j in range(1, size + 1)]
        else:
            ends = [str(first + j) for j in range(1, size + 1)]
        sums, outs = [f"{z_name}{end}" for end in ends], [f"{a_name}{end}" for end in ends]
        for j, (z, row) in enumerate(zip(sums, weights)):
            formulas[z] = "+".join(f"{w}*{x}" for w, x in zip(row, below)) + (
                f"+{biases[j]}" if biased else ""
            )
            bias = nodes[biases[j]] if biased else 0.0
            nodes[z] = labelled(dot([nodes[w] for w in row], [nodes[x] for x in below], bias), z)
        if output and classes:
            total = "+".join(f"exp({z})" for z in sums)
            formulas |= {p: f"exp({z})/({total})" for p, z in zip(outs, sums)}
            for p, node in zip(outs, softmax([nodes[z] for z in sums]), strict=True):
                nodes[p] = labelled(node, p)
        elif output and not last:
            outs = sums
        else:
            kind = last if output else activation
            for z, a in zip(sums, outs):
                formulas[a] = WRITTEN[kind].format(z)
                nodes[a] = labelled(RECORDED[kind](nodes[z]), a)
        layers.append((below, weights, biases, sums, outs))
        below = outs

    pairs = list(zip(targets, below))
    if classes:
        formulas["L"] = "-(" + "+".join(f"{t}*log({p})" for t, p in pairs) + ")"
        loss = -sum(
            (nodes[t] * log(nodes[p]) for t, p in pairs[1:]), nodes[targets[0]] * log(nodes[below[0]])
        )
    else:
        formulas["L"] = "+".join(f"0.5*({t}-{y})**2" for t, y in pairs)
        loss = sum(
            (0.5 * (nodes[t] - nodes[y]) ** 2 for t, y in pairs[1:]),
            0.5 * (nodes[targets[0]] - nodes[below[0]]) ** 2,
        )
    labelled(loss, "L")

    shown = draw.random() < 0.4  # ∂L/∂z has columns of its own
    deltas: list[str] = []
    for turn in range(len(layers) - 1, -1, -1):
        inputs, weights, biases, sums, outs = layers[turn]
        here = []
        for j, (z, a) in enumerate(zip(sums, outs)):
            if turn == len(layers) - 1:
                text = f"({a}-{targets[j]})" + (
                    f"*{SLOPE['sigmoid'].format(a=a)}" if not classes and last else ""
                )
            else:
                later = layers[turn + 1][1]
                back = "+".join(f"{delta}*{row[j]}" for delta, row in zip(deltas, later))
                text = f"({back})*{SLOPE[activation].format(a=a, z=z)}"
            if shown:
                formulas[f"d_{z}"] = text
            here.append(f"d_{z}" if shown else f"{text}")
        deltas = here
        for j, row in enumerate(weights):
            formulas |= {f"d_{w}": f"{deltas[j]}*{x}" for w, x in zip(row, inputs)}
            if biases:
                formulas[f"d_{biases[j]}"] = deltas[j]
    given["eta"] = [draw.choice([0.05, 0.1, 0.5])]
    updates, others = descent(list(start)), {}
    momentum = draw.random() < 0.25
    if momentum:
        mu = draw.choice([0.9, 0.5])
        updates = {name: f"{name}{UP} - eta*vel_{name}{UP}" for name in start}
        others = {f"vel_{name}": f"{mu}*vel_{name}{UP} + d_{name}" for name in start}
    headings = {f"d_{name}": f"∂L/∂{name}" for name in nodes} | {
        f"vel_{name}": f"velocity of {name}" for name in start
    }
    problem = Problem.of(loss, [nodes[name] for name in start], predictions=[nodes[name] for name in below])
    return Program(problem, given, start, formulas, updates, headings, others, draw.randint(5, 9))


# --- how it is written down --------------------------------------------------------------------------------


GRADIENTS = [
    "∂L/∂{}",
    "dL/d{}",
    "dL_d{}",
    "dLd{}",
    "L∂{}",
    "∂L/∂{} (gradient)",
    "grad {}",
    "{} gradient",
    "∇{}",
]


@dataclass(frozen=True)
class Hand:
    """How somebody writes a sheet down.

    Attributes
    ----------
    text : a number, in each column as it says.
    gradient : the heading of a gradient.
    remark : what stands behind a heading.
    gaps : blank rows after so many rows; 0 for none.
    below : whether another small table stands below.
    title : rows above the headings.
    columns : names in order; given numbers that are left out stand beside their names, above.
    """

    text: Callable[[str, float], str | float]
    gradient: str
    remark: str
    gaps: int
    below: bool
    title: int
    above: tuple[str, ...]


def hand(draw: random.Random, program: Program) -> Hand:
    digits = draw.choice([0, 0, 4, 5, 6, 7, 8, 9])
    cut = draw.random() < 0.3
    by_hand = {name: draw.randint(4, 9) for name in program.formulas} if draw.random() < 0.2 else {}

    def text(name: str, number: float) -> str | float:
        places = (
            by_hand.get(name, digits)
            if name in {**program.formulas, **program.updates, **program.others}
            else 0
        )
        if not places:
            return number
        if cut:
            return f"{math.trunc(number * 10**places) / 10**places:.{places}f}"
        return f"{number:.{places}f}"

    constant = [name for name, numbers in program.given.items() if len(numbers) == 1 and name != "eta"]
    return Hand(
        text,
        draw.choice(GRADIENTS),
        draw.choice(["", "", " (as in the lecture)", " - see slides"]),
        draw.choice([0, 0, 3]),
        draw.random() < 0.3,
        draw.randint(1, 4),
        tuple(constant) if draw.random() < 0.25 else (),
    )


def written(program: Program, how: Hand) -> Grid:
    """The sheet; numbers that are cut or rounded are texts, as a .csv file has them."""
    grid: Grid = {(1, 1): "My network", (1, 4): "learning rate", (1, 5): program.given["eta"][0]}
    for turn, name in enumerate(how.above):
        grid[1 + turn, 7], grid[1 + turn, 8] = name, program.given[name][0]
    top = max(how.title, len(how.above)) + 2
    names = [*program.given, *program.updates, *program.formulas, *program.others]
    names = [name for name in names if name != "eta" and name not in how.above]
    for column, name in enumerate(names, 1):
        heading = program.heading(name)
        if name.startswith("d_"):
            heading = how.gradient.format(name.removeprefix("d_"))
        grid[top, column] = heading + (how.remark if re.fullmatch("[xwzho]\\d+", name) else "")
    line = top
    for turn, row in enumerate(program.rows()):
        line += 1 + bool(how.gaps and turn and turn % how.gaps == 0)
        for column, name in enumerate(names, 1):
            grid[line, column] = how.text(name, row[name])
    if how.below:
        grid[line + 3, 1], grid[line + 3, 2] = "rate", "final loss"
        for turn, rate in enumerate((0.1, 0.5, 1.0)):
            grid[line + 4 + turn, 1], grid[line + 4 + turn, 2] = rate, 0.1 / (1 + turn)
    return grid
