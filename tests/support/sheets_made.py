"""Sheets of the assignment as people make them, right ones and wrong ones, computed in plain Python.

A sheet is a program: for each column its formula, in names. ``w5↑`` is w5 of the row above, ``w5↓`` of
the row below, ``w5⤒`` of the first row. The same text is evaluated here and written as a live formula, so
a slip is one other text in one column, from some row on.
"""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

GIVEN = ["i1", "i2", "t1", "t2"]
WEIGHTS = [f"w{k}" for k in range(1, 9)]
SLOPES = [f"∂E/∂w{k}" for k in range(1, 9)]
FORWARD = ["h1", "a_h1", "h2", "a_h2", "o1", "a_o1", "o2", "a_o2", "E1", "E2", "E_total"]
COLUMNS = [*GIVEN, *WEIGHTS, *FORWARD, *SLOPES]

STANDARD = {"i1": 0.05, "i2": 0.1, "t1": 0.5, "t2": 0.5, "η": 0.5}
STANDARD |= dict(zip(WEIGHTS, (0.15, 0.2, 0.25, 0.3, 0.4, 0.45, 0.5, 0.55)))
OTHER_TARGETS = {"t1": 0.01, "t2": 0.99}
TWO_BIASES = {"b1": 0.35, "b2": 0.6}
FOUR_BIASES = {"b1": 0.35, "b2": 0.3, "b3": 0.6, "b4": 0.55}

DELTA = {"1": "(a_o1-t1)*a_o1*(1-a_o1)", "2": "(a_o2-t2)*a_o2*(1-a_o2)"}
HIDDEN = {"1": f"({DELTA['1']}*w5+{DELTA['2']}*w7)", "2": f"({DELTA['1']}*w6+{DELTA['2']}*w8)"}

RIGHT = {
    "h1": "w1*i1+w2*i2",
    "a_h1": "1/(1+EXP(-h1))",
    "h2": "w3*i1+w4*i2",
    "a_h2": "1/(1+EXP(-h2))",
    "o1": "w5*a_h1+w6*a_h2",
    "a_o1": "1/(1+EXP(-o1))",
    "o2": "w7*a_h1+w8*a_h2",
    "a_o2": "1/(1+EXP(-o2))",
    "E1": "0.5*(t1-a_o1)^2",
    "E2": "0.5*(t2-a_o2)^2",
    "E_total": "E1+E2",
    "∂E/∂w1": f"{HIDDEN['1']}*a_h1*(1-a_h1)*i1",
    "∂E/∂w2": f"{HIDDEN['1']}*a_h1*(1-a_h1)*i2",
    "∂E/∂w3": f"{HIDDEN['2']}*a_h2*(1-a_h2)*i1",
    "∂E/∂w4": f"{HIDDEN['2']}*a_h2*(1-a_h2)*i2",
    "∂E/∂w5": f"{DELTA['1']}*a_h1",
    "∂E/∂w6": f"{DELTA['1']}*a_h2",
    "∂E/∂w7": f"{DELTA['2']}*a_h1",
    "∂E/∂w8": f"{DELTA['2']}*a_h2",
    **{weight: f"{weight}↑-η*∂E/∂{weight}↑" for weight in WEIGHTS},
}
UPDATED = {f"{weight}'": f"{weight}-η*∂E/∂{weight}" for weight in WEIGHTS}
BIASED = {
    2: {"h1": "b1", "h2": "b1", "o1": "b2", "o2": "b2"},
    4: {"h1": "b1", "h2": "b2", "o1": "b3", "o2": "b4"},
}

NAME = re.compile(r"(∂E/∂w\d|E_total|a_[ho]\d|[a-zE]\d'?|η)([↑↓⤒]?)")


@dataclass(frozen=True)
class Training:
    """A sheet's numbers: for each row and column what its formula comes to.

    Attributes
    ----------
    given : what is given, and the weights of the first row.
    slips : by column another formula, and the row from which it stands there.
    """

    given: Mapping[str, float] = field(default_factory=lambda: dict(STANDARD))
    count: int = 12
    slips: Mapping[str, tuple[str, int]] = field(default_factory=dict)
    _known: dict[tuple[str, int], float] = field(default_factory=dict, init=False, repr=False, compare=False)

    def with_given(self, **numbers: float) -> Training:
        return replace(self, given={**self.given, **numbers})

    def with_slip(self, slips: Mapping[str, str], begin: int = 0) -> Training:
        return replace(self, slips={**self.slips, **{name: (text, begin) for name, text in slips.items()}})

    def formula(self, name: str, row: int) -> str:
        """The formula of a cell in names; ``""`` for a number that is given."""
        text, begin = self.slips.get(name, ("", self.count + 9))
        if name in self.given and (row <= 0 or name not in WEIGHTS) and row < begin:
            return ""
        return text if row >= begin else self.right_formula(name)

    def right_formula(self, name: str) -> str:
        bias = BIASED.get(sum(each[0] == "b" for each in self.given), {}).get(name)
        return {**RIGHT, **UPDATED}[name] + (f"+{bias}" if bias else "")

    def value(self, name: str, row: int) -> float:
        known = self._known
        if (name, row) not in known:
            text = self.formula(name, row)
            known[name, row] = self.evaluated(text, row, self.value) if text else self.given[name]
        return known[name, row]

    def right(self, name: str, row: int) -> float:
        """What belongs there for the weights that stand in its own row; for a weight, in the row above."""
        if name in WEIGHTS or name.endswith("'"):
            return self.evaluated(self.right_formula(name), row, self.value) if row else self.given[name]

        def own(each: str, there: int) -> float:
            if each in self.given:
                return self.value(each, there)
            return self.evaluated(self.right_formula(each), there, own)

        return own(name, row)

    @staticmethod
    def evaluated(text: str, row: int, look: Callable[[str, int], float]) -> float:
        shift = {"": 0, "↑": -1, "↓": 1}

        def number(match: re.Match[str]) -> str:
            there = 0 if match[2] == "⤒" else row + shift[match[2]]
            return f"({look(match[1], max(there, 0))!r})"

        plain = NAME.sub(number, text).replace("^", "**").replace("EXP", "exp").replace("nan", "0.0")
        return float(eval(plain, {"exp": math.exp, "inf": math.inf}))


# --- laying it out ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Live:
    """A formula with the value that it was saved with; None if nobody calculated it."""

    text: str
    value: float | None


Content = float | str | Live
Grid = dict[tuple[int, int], Content]


def letters(column: int) -> str:
    name = ""
    while column:
        column, rest = divmod(column - 1, 26)
        name = chr(65 + rest) + name
    return name


@dataclass(frozen=True)
class Layout:
    """How a training is put on a sheet.

    Attributes
    ----------
    columns : the quantities in order; others than those known are filled with remarks.
    headers : other names for them.
    corner : the place of the first header.
    live : whether cells hold formulas.
    rate : where the learning rate stands alone; None for nowhere.
    text : how a number is written; None for as it is.
    """

    columns: Sequence[str] = tuple(COLUMNS)
    headers: Mapping[str, str] = field(default_factory=dict)
    corner: tuple[int, int] = (1, 1)
    live: bool = False
    cached: bool = True
    rate: tuple[int, int] | None = None
    text: Callable[[float], str] | None = None

    def place(self, name: str, row: int) -> tuple[int, int]:
        return self.corner[0] + 1 + row, self.corner[1] + list(self.columns).index(name)

    def cell(self, name: str, row: int) -> str:
        line, column = self.place(name, row)
        return f"{letters(column)}{line}"

    def formula(self, training: Training, name: str, row: int) -> str:
        """The formula of a cell as a spreadsheet has it; what no column holds is written out."""
        text = training.formula(name, row)
        shift = {"": 0, "↑": -1, "↓": 1}

        def cell(match: re.Match[str]) -> str:
            there = 0 if match[2] == "⤒" else row + shift[match[2]]
            each = match[1]
            if each in self.columns:
                return self.cell(each, there)
            if each == "η" and self.rate is not None:
                return f"${letters(self.rate[1])}${self.rate[0]}"
            if each in training.given:
                return repr(training.given[each])
            inner = self.formula(training, each, there)
            return f"({inner})"

        return NAME.sub(cell, text)

    def grid(self, training: Training) -> Grid:
        found: Grid = {}
        top, left = self.corner
        for turn, name in enumerate(self.columns):
            found[top, left + turn] = self.headers.get(name, name)
            for row in range(training.count):
                if name == "epoch":
                    found[top + 1 + row, left + turn] = float(row + 1)
                    continue
                if name not in training.given and name not in {**RIGHT, **UPDATED}:
                    found[top + 1 + row, left + turn] = f"remark {row}"
                    continue
                value = training.value(name, row)
                content: Content = value if self.text is None else self.text(value)
                if self.live and training.formula(name, row):
                    text = f"={self.formula(training, name, row)}"
                    content = Live(text, value if self.cached else None)
                found[top + 1 + row, left + turn] = content
        if self.rate is not None:
            found[self.rate[0], self.rate[1] - 1] = "learning rate"
            found[self.rate] = training.given["η"]
        return found


def write_csv(path: Path, grid: Grid, delimiter: str = ",", encoding: str = "utf-8") -> Path:
    rows = max(row for row, _ in grid)
    columns = max(column for _, column in grid)
    stream = io.StringIO()
    writer = csv.writer(stream, delimiter=delimiter, lineterminator="\n")
    for row in range(1, rows + 1):
        writer.writerow([_csv_text(grid.get((row, column), "")) for column in range(1, columns + 1)])
    path.write_bytes(stream.getvalue().encode(encoding))
    return path


def _csv_text(content: Content) -> str:
    if isinstance(content, Live):
        return content.text if content.value is None else repr(content.value)
    return content if isinstance(content, str) else repr(content)


def write_xlsx(path: Path, sheets: Mapping[str, Grid], cached: bool = True) -> Path:
    """By XlsxWriter, which saves the values of formulas; or, unless `cached`, by openpyxl, which does not."""
    if cached:
        import xlsxwriter

        book = xlsxwriter.Workbook(str(path))
        for name, grid in sheets.items():
            sheet = book.add_worksheet(name)
            for (row, column), content in grid.items():
                if isinstance(content, Live):
                    sheet.write_formula(row - 1, column - 1, content.text, None, content.value)
                else:
                    sheet.write(row - 1, column - 1, content)
        book.close()
        return path
    import openpyxl

    other = openpyxl.Workbook()
    other.remove(other.active)
    for name, grid in sheets.items():
        sheet = other.create_sheet(name)
        for (row, column), content in grid.items():
            sheet.cell(row, column, content.text if isinstance(content, Live) else content)
    other.save(path)
    return path
