"""Sheets of three networks, computed in plain Python, and slips that people make, planted in them at random.

A sheet is a program: of each column its formula, in Python. ``w1__up`` is w1 of the row above. A slip is the
same formula with one thing changed in its syntax tree.
"""

from __future__ import annotations

import ast
import copy
import csv
import math
import random
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from autograd import Problem
from autograd.spreadsheet import assignment
from tests.support.networks import classifier, xor

KNOWN = {
    "exp": math.exp,
    "log": math.log,
    "tanh": math.tanh,
    "sigmoid": lambda x: 1.0 / (1.0 + math.exp(-x)),
    "relu": lambda x: max(x, 0.0),
    "step": lambda x: float(x > 0.0),
}
UP = "__up"


@dataclass(frozen=True)
class Program:
    """A sheet.

    Attributes
    ----------
    problem : what it should hold.
    given : numbers by name: one, or one for each row in turn.
    start : the weights of the first row.
    formulas : of each column in order, forward and gradients.
    updates : of each weight, from the row above.
    headings : where they are not the names.
    others : columns that are no quantity of the network, such as a velocity, with their formulas.
    slips : formulas in place of others, and from which row on.
    """

    problem: Problem
    given: Mapping[str, Sequence[float]]
    start: Mapping[str, float]
    formulas: Mapping[str, str]
    updates: Mapping[str, str]
    headings: Mapping[str, str]
    others: Mapping[str, str] = field(default_factory=dict)
    count: int = 8
    slips: Mapping[str, tuple[str, int]] = field(default_factory=dict)

    def heading(self, name: str) -> str:
        return self.headings.get(name, name)

    def rows(self) -> list[dict[str, float]]:
        found: list[dict[str, float]] = []
        for turn in range(self.count):
            above = {f"{name}{UP}": x for name, x in found[-1].items()} if found else {}
            row = {name: numbers[turn % len(numbers)] for name, numbers in self.given.items()}
            for name, text in self.updates.items():
                row[name] = self._evaluated(name, text, turn, {**row, **above}) if turn else self.start[name]
            for name, text in (*self.formulas.items(), *self.others.items()):
                row[name] = self._evaluated(name, text, turn, {**row, **above})
            found.append(row)
        return found

    def _evaluated(self, name: str, right: str, turn: int, known: Mapping[str, float]) -> float:
        text, begin = self.slips.get(name, (right, 0))
        known = {**known, **{each: 0.0 for each in re.findall(rf"\w+{UP}", text) if each not in known}}
        return float(eval(text if turn >= begin else right, {**KNOWN, **known}))

    def shows(self, name: str) -> list[int]:
        """The rows in which the slip of a column changes its number; all before it stays as it is."""
        right = {**self.formulas, **self.updates}[name]
        found = []
        rows = self.rows()
        for turn, row in enumerate(rows):
            if name in self.updates and not turn:
                continue
            above = {f"{each}{UP}": x for each, x in rows[turn - 1].items()} if turn else {}
            whole = dict.fromkeys(re.findall(rf"\w+{UP}", right), 0.0) | above | row
            expected = float(eval(right, {**KNOWN, **whole}))
            if not math.isclose(row[name], expected, rel_tol=1e-7, abs_tol=1e-12):
                found.append(turn)
        return found

    def write(self, path: Path, text: Callable[[float], str] = repr) -> Path:
        names = [*self.given, *self.updates, *self.formulas, *self.others]
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["learning rate", self.given["eta"][0]])
            writer.writerow([])
            names.remove("eta")
            writer.writerow(map(self.heading, names))
            writer.writerows([[text(row[name]) for name in names] for row in self.rows()])
        return path


# --- the networks ------------------------------------------------------------------------------------------


def descent(weights: Sequence[str]) -> dict[str, str]:
    return {name: f"{name}{UP} - eta*d_{name}{UP}" for name in weights}


def of_assignment(draw: random.Random) -> Program:
    """2-2-2, sigmoid, half the squared error."""
    delta = {k: f"(a_o{k}-t{k})*a_o{k}*(1-a_o{k})" for k in (1, 2)}
    formulas = {}
    for name, (a, b), (one, other) in zip(
        ("h1", "h2", "o1", "o2"),
        ("12", "34", "56", "78"),
        (("i1", "i2"), ("i1", "i2"), *[("a_h1", "a_h2")] * 2),
    ):
        formulas[name] = f"w{a}*{one}+w{b}*{other}"
        formulas[f"a_{name}"] = f"1/(1+exp(-{name}))"
    formulas |= {f"E{k}": f"0.5*(t{k}-a_o{k})**2" for k in (1, 2)} | {"E_total": "E1+E2"}
    for k in range(4):
        j = 1 + k // 2
        back = f"({delta[1]}*w{4 + j}+{delta[2]}*w{6 + j})"
        formulas[f"d_w{k + 1}"] = f"{back}*a_h{j}*(1-a_h{j})*i{1 + k % 2}"
    for k in range(4):
        formulas[f"d_w{k + 5}"] = f"{delta[1 + k // 2]}*a_h{1 + k % 2}"
    weights = [f"w{k}" for k in range(1, 9)]
    numbers = {name: [draw.uniform(0.05, 0.95)] for name in ("i1", "i2", "t1", "t2")}
    numbers["eta"] = [draw.choice([0.1, 0.5, 1.0, 2.0])]
    headings = {f"d_{name}": f"∂E/∂{name}" for name in weights}
    start = {name: draw.uniform(-1.0, 1.0) for name in weights}
    return Program(assignment(), numbers, start, formulas, descent(weights), headings)


def of_classifier(draw: random.Random) -> Program:
    """3-4-2, tanh, softmax and cross-entropy."""
    x = [draw.uniform(-1, 1) for _ in range(3)]
    t = draw.choice([(1.0, 0.0), (0.0, 1.0), (0.2, 0.8)])
    loss, wrt, p = classifier(draw, x, t)
    formulas = {}
    for j in range(1, 5):
        formulas[f"z{j}"] = "+".join(f"w{j}{k}*x{k}" for k in (1, 2, 3))
        formulas[f"h{j}"] = f"tanh(z{j})"
    for j in (1, 2):
        formulas[f"o{j}"] = "+".join(f"u{j}{k}*h{k}" for k in (1, 2, 3, 4))
    formulas |= {f"p{j}": f"exp(o{j})/(exp(o1)+exp(o2))" for j in (1, 2)}
    formulas["L"] = "-(t1*log(p1)+t2*log(p2))"
    for j in range(1, 5):
        back = f"((p1-t1)*u1{j}+(p2-t2)*u2{j})"
        formulas |= {f"d_w{j}{k}": f"{back}*(1-h{j}**2)*x{k}" for k in (1, 2, 3)}
    for j in (1, 2):
        formulas |= {f"d_u{j}{k}": f"(p{j}-t{j})*h{k}" for k in (1, 2, 3, 4)}
    given = {f"x{k}": [data] for k, data in enumerate(x, 1)} | {
        f"t{k}": [data] for k, data in enumerate(t, 1)
    }
    given |= {"eta": [draw.choice([0.1, 0.5, 1.0])]}
    start = {each.label: each.data for each in wrt}
    headings = {f"d_{name}": f"∂L/∂{name}" for name in start}
    problem = Problem.of(loss, wrt, predictions=p)
    return Program(problem, given, start, formulas, descent(list(start)), headings)


def of_xor(draw: random.Random) -> Program:
    """2-2-1 with biases, sigmoid, half the squared error; one example a row, with momentum."""
    loss, trained, predictions = xor(draw)
    delta = "(y-t)*y*(1-y)"
    formulas = {}
    for j in (1, 2):
        formulas[f"z{j}"], formulas[f"h{j}"] = f"w{j}1*x1+w{j}2*x2+b{j}", f"sigmoid(z{j})"
    formulas |= {"z": "v1*h1+v2*h2+c", "y": "1/(1+exp(-z))", "E_total": "0.5*(t-y)**2"}
    for j in (1, 2):
        back = f"{delta}*v{j}*h{j}*(1-h{j})"
        formulas |= {f"d_w{j}{k}": f"{back}*x{k}" for k in (1, 2)} | {f"d_b{j}": back}
    formulas |= {f"d_v{j}": f"{delta}*h{j}" for j in (1, 2)} | {"d_c": delta}
    start = {each.label: each.data for each in trained}
    given = {"x1": [1.0, 0.0, 1.0, 0.0], "x2": [0.0, 1.0, 1.0, 0.0], "t": [1.0, 1.0, 0.0, 0.0]}
    given["eta"] = [draw.choice([0.1, 0.5, 1.0])]
    mu = draw.choice([0.9, 0.5])
    return Program(
        Problem.of(loss, trained, predictions=predictions),
        given,
        start,
        formulas,
        {name: f"{name}{UP} - eta*vel_{name}{UP}" for name in start},
        {f"d_{name}": f"∂E/∂{name}" for name in start}
        | {f"vel_{name}": f"velocity of {name}" for name in start},
        {f"vel_{name}": f"{mu}*vel_{name}{UP} + d_{name}" for name in start},
    )


NETWORKS = {"assignment": of_assignment, "classifier": of_classifier, "xor": of_xor}


# --- slips -------------------------------------------------------------------------------------------------


def _kind(name: str) -> str:
    return name.rstrip("0123456789")


def _places(tree: ast.AST, kind: type) -> list[ast.AST]:
    return [each for each in ast.walk(tree) if isinstance(each, kind)]


def swapped(tree: ast.AST, draw: random.Random, names: Sequence[str]) -> bool:
    """A name for another of its kind, in one place or in all."""
    places = [each for each in _places(tree, ast.Name) if each.id not in KNOWN and each.id != "eta"]
    chosen = draw.choice(places)
    base, up = chosen.id.removesuffix(UP), UP if chosen.id.endswith(UP) else ""
    alike = [name for name in names if _kind(name) == _kind(base) and name != base]
    if not alike:
        return False
    other, everywhere = draw.choice(alike) + up, draw.random() < 0.6
    for each in places if everywhere else [chosen]:
        if each.id == base + up:
            each.id = other
    return True


def stale(tree: ast.AST, draw: random.Random, names: Sequence[str]) -> bool:
    """A name of the row above."""
    moving = [each for each in _places(tree, ast.Name) if each.id in names and each.id[0] not in "xit"]
    if not moving:
        return False
    draw.choice(moving).id += UP
    return True


def turned(tree: ast.AST, draw: random.Random, names: Sequence[str]) -> bool:
    """+ for − or − for +."""
    sums = [each for each in _places(tree, ast.BinOp) if isinstance(each.op, (ast.Add, ast.Sub))]
    if not sums:
        return False
    chosen = draw.choice(sums)
    chosen.op = ast.Sub() if isinstance(chosen.op, ast.Add) else ast.Add()
    return True


class _Replaced(ast.NodeTransformer):
    def __init__(self, old: ast.AST, new: ast.AST) -> None:
        self.old, self.new = old, new

    def visit(self, node: ast.AST) -> ast.AST:
        return self.new if node is self.old else super().generic_visit(node)


def dropped(tree: ast.AST, draw: random.Random, names: Sequence[str]) -> bool:
    """A factor, or a term, or a square."""
    places = [
        each
        for each in _places(tree, ast.BinOp)
        if isinstance(each.op, (ast.Add, ast.Sub, ast.Mult, ast.Pow))
    ]
    if not places:
        return False
    chosen = draw.choice(places)
    keep = chosen.left
    if isinstance(chosen.op, (ast.Mult, ast.Add)) and draw.random() < 0.4:
        keep = chosen.right
    _Replaced(chosen, keep).visit(tree)
    return True


def unbracketed(tree: ast.AST, draw: random.Random, names: Sequence[str]) -> bool:
    """(a − b) · c without its parentheses."""
    places = [
        each
        for each in _places(tree, ast.BinOp)
        if isinstance(each.op, ast.Mult)
        and isinstance(each.left, ast.BinOp)
        and isinstance(each.left.op, (ast.Add, ast.Sub))
    ]
    if not places:
        return False
    chosen = draw.choice(places)
    inner = chosen.left
    new = ast.BinOp(inner.left, inner.op, ast.BinOp(inner.right, ast.Mult(), chosen.right))
    _Replaced(chosen, new).visit(tree)
    return True


KINDS = [swapped] * 6 + [stale, turned, turned, dropped, dropped, unbracketed]


def slipped(program: Program, draw: random.Random) -> tuple[str, Program]:
    """The column of a slip that shows, and the sheet with it."""
    while True:
        name = draw.choice([*program.formulas, *program.updates])
        tree = ast.parse({**program.formulas, **program.updates}[name], mode="eval")
        changed = copy.deepcopy(tree)
        columns = [*program.given, *program.formulas, *program.updates]
        order = [*program.given, *program.updates, *program.formulas]
        allowed = columns if name in program.updates else order[: order.index(name)]
        if not draw.choice(KINDS)(changed, draw, allowed) or ast.dump(changed) == ast.dump(tree):
            continue
        begin = draw.choice([0, 0, 0, 3]) if name in program.formulas else draw.choice([1, 1, 3])
        found = replace(program, slips={name: (ast.unparse(ast.fix_missing_locations(changed)), begin)})
        try:
            shows = found.shows(name)
        except (ArithmeticError, ValueError):
            continue
        if shows and all(math.isfinite(x) for row in found.rows() for x in row.values()):
            return name, found


def planted(network: str, seeds: Sequence[int]) -> Iterator[tuple[str, Program]]:
    """A slip for each seed."""
    for seed in seeds:
        draw = random.Random(f"{network}{seed}")
        yield slipped(NETWORKS[network](draw), draw)
