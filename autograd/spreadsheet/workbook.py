"""A recorded graph as a workbook in which every number is a live formula, trained row by row.

One row is one epoch of gradient descent: the forward pass, the gradients, and in the next row the
weights after the update. The formulas are those of `symbolic`, so they come from the table's rules;
the numbers that the file shows before anybody recalculates it are the engine's.
"""

from __future__ import annotations

import io
import math
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from ..engine.arguments import integer, number
from ..engine.graph import require_fresh
from ..engine.messages import describe
from ..engine.modes import told_of_result
from ..engine.replay import replay
from ..engine.value import Value
from ..errors import GraphTooLargeError, MissingExtraError
from ..files import output_path, shortened, write_bytes, write_csv
from ..symbolic import SHEET, TEXT, Expression, Number, Outline, Step, Symbol, in_cells, readable
from .cells import letters
from .expected import RATES, descended, evaluate, leaves_to_train
from .vocabulary import MOMENTUM, RATE

__all__ = ["save_template", "save_workbook", "training_columns"]

_MOST_COLUMNS, _MOST_ROWS, _LONGEST_FORMULA = 16_384, 1_048_576, 8_192  # what an .xlsx file can hold
_LONGEST_TEXT = 16_000  # letters in a cell, whose limit is 32,767 code units
_MOST_CELLS = 2_000_000  # beyond which no spreadsheet program is of use
_ROW, _ABOVE = "\ue003", "\ue004"  # in a formula stand for the number of its row, and of that above it
_STEP = descended(Symbol("w"), Symbol(RATE), Symbol("slope"))

# Rows of a training sheet, counted from 0.
_TITLE, _NOTE, _NAMES, _NUMBERS, _WORDS, _HEADER, _FIRST = 0, 1, 3, 4, 6, 7, 8


def save_workbook(
    output: Value,
    wrt: Sequence[Value],
    path: str | os.PathLike[str],
    *,
    epochs: int = 100,
    lr: float = 0.5,
    optimizer: str = "sgd",
    momentum: float = 0.0,
) -> Path:
    """Write the graph as a workbook that trains itself: w ← w − η ∂E/∂w, one row for each epoch.

    Every cell of the forward pass, the gradients and the update is a formula. The inputs, the initial
    weights and the learning rate η stand in cells of their own at the top: change one, and all follows.
    Above each column stands its formula in words. The first sheet has the loss curve beside its table;
    the second compares the learning rates 0.1, 0.2, 0.5, 0.8, 1 and 2, whose tables follow.

    Parameters
    ----------
    output : the loss, a recorded `Value`.
    wrt : the leaves that are trained. The other leaves are inputs.
    path : a file ending in ``.xlsx``; or in ``.csv`` for the same table as plain numbers.
    epochs : the number of rows, at least 1. Row k holds the weights before update k.
    lr : the learning rate η.
    optimizer : how the weights are updated: ``"sgd"``.
    momentum : the factor μ, at least 0. If it is not 0, each weight has a velocity, v ← μ v + ∂E/∂w from
        v = 0 on, and w ← w − η v; a column for each velocity follows the gradients, and μ stands at the top.

    Returns
    -------
    The path. The file is written under another name first, and then takes its place.

    Raises
    ------
    TypeError : if `output` or one of `wrt` is not a `Value`.
    ValueError : if an argument is out of range, one of `wrt` is not a leaf, a primitive of the graph has
        no spreadsheet formula, or none for its derivative, or a label is no text that UTF-8 has.
    GraphTooLargeError : if the table does not fit a sheet.
    GraphError : if a leaf's data was set after the graph was recorded.
    MissingExtraError : if XlsxWriter is not installed (for ``.xlsx``).

    Examples
    --------
    >>> import tempfile, pathlib
    >>> from autograd import Value, save_workbook
    >>> w, x = Value(1.0, "w"), Value(3.0, "x")
    >>> error = (w * x - 6) ** 2
    >>> error.label = "E"
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> print(save_workbook(error, [w], folder / "train.csv", epochs=2, lr=0.05).read_text())
    epoch,x,w,E,∂E/∂w
    1,3.0,1.0,9.0,-18.0
    2,3.0,1.9,0.09000000000000043,-1.8000000000000043
    <BLANKLINE>
    """
    path = output_path(path, (".xlsx", ".csv"), "training.xlsx")
    if optimizer != "sgd":
        raise ValueError(f'save_workbook knows the optimizer "sgd", got {optimizer!r:.60}')
    epochs = integer(epochs, "save_workbook: epochs", 1)
    lr = number(lr, "save_workbook: lr")
    if not math.isfinite(lr):
        raise ValueError(f"save_workbook: lr must be finite, got {lr}")
    table = _Table(output, leaves_to_train("save_workbook", output, wrt), _factor(momentum, "save_workbook"))
    told_of_result(output, "save_workbook()")
    table.require_room(epochs)
    if path.suffix.lower() == ".csv":
        write_csv(path, table.headers, ([epoch, *row] for epoch, row in enumerate(table.rows(lr, epochs), 1)))
    else:
        _write_workbook(table, path, epochs, lr)
    return path


def save_template(
    output: Value,
    wrt: Sequence[Value],
    path: str | os.PathLike[str],
    *,
    epochs: int = 100,
    lr: float = 0.5,
    momentum: float = 0.0,
) -> Path:
    """Write what a student fills in: headings, given numbers and no formula.

    The inputs, the weights of the first row and the learning rate stand at the top; the table below is empty,
    apart from the numbers of its rows. Arguments, result and errors are those of `save_workbook`.
    """
    path = output_path(path, (".xlsx", ".csv"), "template.xlsx")
    epochs = integer(epochs, "save_template: epochs", 1)
    table = _Table(output, leaves_to_train("save_template", output, wrt), _factor(momentum, "save_template"))
    table.require_room(epochs)
    if path.suffix.lower() == ".csv":
        given: list[float | str] = [node.data for node in [*table.inputs, *table.wrt]]
        blank: list[float | str] = [""] * (len(table.headers) - 1)
        first = given + blank[len(given) :]
        write_csv(path, table.headers, ([n, *(first if n == 1 else blank)] for n in range(1, epochs + 1)))
    else:
        _write_workbook(table, path, epochs, number(lr, "save_template: lr"), blank=True)
    return path


def training_columns(output: Value, wrt: Sequence[Value]) -> tuple[list[Value], list[str], list[list[str]]]:
    """The table of `save_workbook` for whoever writes the file: its leaves, headings and formulas.

    The numbers of the leaves stand in row 5 from column B on, η before them in A5; headings begin in B.
    has a formula for the first row and one for those after it, without ``=``: ``{row}`` stands for the row's
    own number, ``{above}`` for that of the row above it. Errors are those of `save_workbook`.
    """
    table = _Table(output, leaves_to_train("training_columns", output, wrt), 0.0)
    table.require_room(100)
    formulas = [
        [
            formula.removeprefix("=").replace(_ROW, "{row}").replace(_ABOVE, "{above}")
            for formula in (column.first or column.cell, column.cell)
        ]
        for column in table.columns
    ]
    return [*table.inputs, *table.wrt], table.headers[1:], formulas


def _factor(momentum: float, caller: str) -> float:
    momentum = number(momentum, f"{caller}: momentum")
    if not 0.0 <= momentum < math.inf:
        raise ValueError(f"{caller}: momentum must be a finite number of at least 0, got {momentum}")
    return momentum


@dataclass
class _Column:
    """A column of the table: its name, and how its cells are computed from cells of the same row."""

    symbol: Symbol
    header: str
    formula: Expression | None = None  # None for a leaf
    cell: str = ""  # the formula, with _ROW and _ABOVE for the numbers of rows
    first: str = ""  # that of the first row, if it is another


class _Table:
    """The columns: epoch, inputs, weights, forward pass, derivatives in between, gradients, velocities."""

    def __init__(self, output: Value, wrt: list[Value], momentum: float) -> None:
        self.output, self.wrt, self.momentum = output, wrt, momentum
        self.outline = outline = Outline(output, wrt, branches=True, computed=True, reserved=["epoch"])
        for node in outline.order:
            require_fresh(node)
            if node.primitive is None and not math.isfinite(node.data):
                raise ValueError(
                    f"save_workbook: all leaves must be finite, and {describe(node)} is {node.data}"
                )
        symbols = outline.names
        self.names = {symbol.text for symbol in symbols.values()}
        leaves = [node for node in symbols if node.primitive is None and node not in wrt]
        self.inputs = sorted(leaves, key=lambda node: _in_counting_order(symbols[node].text))
        self.nodes = [node for node in symbols if node.primitive is not None]
        named = [*self.inputs, *wrt, *self.nodes]
        self.columns = [
            _Column(symbols[node], symbols[node].text, outline.formulas.get(node)) for node in named
        ]
        steps = {step.node: step for step in outline.steps()}
        if outline.opaque:
            raise ValueError(
                f"save_workbook: the partials of {', '.join(outline.opaque)} are not plain arithmetic, so no "
                "cell can compute them: write them in arithmetic and other primitives"
            )
        self.loss_name = symbols[output].text
        loss = self.loss_name.split("_")[0]
        gradients = []
        for node in wrt:
            step, header = steps.get(node), self._free(f"∂{loss}/∂{symbols[node].text}")
            symbol, closed = (step.derivative, step.closed) if step else (Symbol(""), Number(0.0))
            gradients.append(_Column(symbol, header, closed))
        self.between = self._between(gradients, {step.derivative: step for step in steps.values()}, loss)
        velocities = [
            _Column(Symbol("velocity"), self._free(f"velocity {symbols[node].text}"))
            for node in wrt
            if momentum
        ]
        self.columns += [*self.between, *gradients, *velocities]
        self.headers = ["epoch", *(column.header for column in self.columns)]
        self.trained = slice(1 + len(self.inputs), 1 + len(self.inputs) + len(wrt))
        for position, column in enumerate(self.columns, 1):
            column.symbol.cell = f"{letters(position + 1)}{_ROW}"
        for column in self.columns:
            if column.formula is not None:
                column.cell = "=" + SHEET.write(in_cells(column.formula))
        given = len(self.inputs) + len(wrt)
        for position, leaf in enumerate(self.columns[:given], 2):
            leaf.cell = leaf.first = f"={letters(position)}${_NUMBERS + 1}"
        rate = Symbol(RATE, cell=f"$A${_NUMBERS + 1}")
        factor = Symbol(MOMENTUM, cell=f"${letters(given + 2)}${_NUMBERS + 1}")
        for velocity, gradient in zip(velocities, gradients):
            above = Symbol("velocity", cell=(velocity.symbol.cell or "").replace(_ROW, _ABOVE))
            velocity.first = "=" + SHEET.write(gradient.symbol)
            velocity.cell = "=" + SHEET.write(factor * above + gradient.symbol)
        for weight, slope in zip(self.columns[len(self.inputs) :], velocities or gradients):
            update = SHEET.write(descended(weight.symbol, rate, slope.symbol))
            weight.cell = "=" + update.replace(_ROW, _ABOVE)

    def _between(self, gradients: list[_Column], steps: dict[Symbol, Step], loss: str) -> list[_Column]:
        """The derivatives that the gradients refer to, because written out they would be too long."""
        found: dict[Symbol, _Column] = {}
        pending = [name for column in gradients for name in (column.formula or Number(0.0)).symbols()]
        while pending:
            symbol = pending.pop()
            if symbol in steps and symbol not in found:
                step = steps[symbol]
                found[symbol] = _Column(symbol, self._free(f"∂{loss}/∂{step.name.text}"), step.closed)
                pending += step.closed.symbols()
        return [found[symbol] for symbol in steps if symbol in found]  # nearer the output first

    def _free(self, header: str) -> str:
        """The header, which is to be no node's name."""
        while header in self.names:
            header += " (gradient)"
        return header

    def step_of(self, position: int) -> _Column:
        """The column by which a trained one is updated: its velocity, or else its gradient."""
        return self.columns[position - self.trained.stop]

    @property
    def loss(self) -> int:
        """The position of the loss column."""
        return 1 + [*self.inputs, *self.wrt, *self.nodes].index(self.output)

    def require_room(self, epochs: int) -> None:
        """Refuse what no sheet can hold, before anything is written."""
        rows, columns = epochs + _FIRST, len(self.headers)
        longest = max((len(column.cell) for column in self.columns), default=0)
        for what, size, most in (
            ("rows", rows, _MOST_ROWS),
            ("columns", columns, _MOST_COLUMNS),
            ("cells", rows * columns * (1 + len(RATES)), _MOST_CELLS),
            ("characters in a formula", longest, _LONGEST_FORMULA),
        ):
            if size > most:
                raise GraphTooLargeError(
                    f"the workbook would have {size} {what}, more than {most}: "
                    "record fewer examples, save fewer epochs, or label nodes to split long formulas"
                )

    def rows(self, lr: float, epochs: int) -> Iterator[list[float]]:
        """The numbers of each row without the epoch, by the engine: the graph recorded anew each time."""
        leaves = [node for node in self.outline.order if node.primitive is None and not node.constant]
        data = {node: node.data for node in leaves}
        velocity = np.zeros(len(self.wrt))  # (P,)
        for _ in range(epochs):
            fresh = replay([self.output], data)
            fresh[self.output].backward()
            gradient = [fresh[node].grad for node in self.wrt]
            numbers = [fresh[node].data for node in [*self.inputs, *self.wrt, *self.nodes]]
            known = {column.symbol: value for column, value in zip(self.columns, numbers)}
            for column in self.between:
                assert column.formula is not None
                known[column.symbol] = column.formula.evaluate(known)
                numbers.append(known[column.symbol])
            with np.errstate(all="ignore"):
                velocity = self.momentum * velocity + gradient if self.momentum else np.array(gradient)
            yield numbers + gradient + (velocity.tolist() if self.momentum else [])
            weights = np.array([data[node] for node in self.wrt])  # (P,)
            with np.errstate(all="ignore"):
                moved = evaluate(_STEP, {"w": weights, RATE: lr, "slope": velocity})
            data.update(zip(self.wrt, moved.tolist(), strict=True))


def _in_counting_order(name: str) -> list[tuple[str, int, str]]:
    """A key for sorting that puts x10 after x9."""
    pairs = re.findall(r"(\D*)(\d*)", name)
    return [(word, len(digits.lstrip("0")), digits.lstrip("0")) for word, digits in pairs]


# --- the workbook ----------------------------------------------------------------------------------


def _write_workbook(table: _Table, path: Path, epochs: int, lr: float, blank: bool = False) -> None:
    try:
        import xlsxwriter
    except ImportError:
        raise MissingExtraError(f"writing {path.name}", "XlsxWriter", "xlsx") from None
    file = io.BytesIO()
    with xlsxwriter.Workbook(file, {"in_memory": True}) as workbook:
        workbook.set_properties({"created": datetime(2000, 1, 1)})  # equal graphs give equal files
        pages = _Pages(workbook, table, epochs)
        if blank:
            pages.blank(lr)
        else:
            pages.write(lr)
    write_bytes(path, file.getvalue())


class _Whole(float):
    """A number with all of its digits in the file: XlsxWriter formats to 16, and it takes 17."""

    def __format__(self, spec: str) -> str:
        return repr(float(self))


class _Pages:
    """The sheets of the workbook."""

    def __init__(self, workbook: Any, table: _Table, epochs: int) -> None:
        self.workbook, self.table, self.epochs = workbook, table, epochs
        add = workbook.add_format
        self.title = add({"bold": True, "font_size": 14})
        self.header = add({"bold": True, "bg_color": "#DCE6F1", "border": 1, "align": "center"})
        self.words = add({"italic": True, "font_color": "#44546A", "text_wrap": True, "valign": "top"})
        self.input = add({"bg_color": "#FFF2CC", "border": 1, "num_format": "0.0###########"})
        self.count = add({"num_format": "0"})
        self.value = add({"num_format": "0.00000000"})
        self.slope = add({"num_format": "0.0000000000"})

    def write(self, lr: float) -> None:
        self._training("training", lr)
        overview = self.workbook.add_worksheet("learning rates")
        losses = {f"η = {rate:g}": self._training(f"η = {rate:g}", rate, "training") for rate in RATES}
        self._rates(overview, losses)

    def blank(self, lr: float) -> None:
        """One sheet with what is given, and an empty table to be filled in."""
        note = "Fill in the table: one row for each update, from the numbers in the yellow cells."
        sheet = self._sheet("training", note)
        self._given(sheet, lr)
        for position, name in enumerate(self.table.headers):
            _say(sheet, _HEADER, position, name, self.header)
        for epoch in range(1, self.epochs + 1):
            sheet.write_number(_HEADER + epoch, 0, epoch, self.count)
        self._widths(sheet)

    def _training(self, name: str, lr: float, source: str = "") -> list[float]:
        """A sheet that trains, with what is given there or in its source; returns the loss of each epoch."""
        table = self.table
        note = "Change the yellow cells: every other cell is a formula. The loss curve is on the right."
        sheet = self._sheet(name, note)
        self._given(sheet, lr, source)
        _say(sheet, _HEADER, 0, "epoch", self.header)
        _say(sheet, _WORDS, 0, "one row for each update", self.words)
        for position, column in enumerate(table.columns, 1):
            _say(sheet, _HEADER, position, column.header, self.header)
            _say(sheet, _WORDS, position, self._in_words(position, column), self.words)
        sheet.set_row(_WORDS, 75)
        self._widths(sheet)
        losses = []
        for epoch, numbers in enumerate(table.rows(lr, self.epochs), 1):
            self._epoch(sheet, epoch, numbers)
            losses.append(numbers[table.loss - 1])
        chart = self._chart(f"Loss with η = {lr:g}")
        chart.add_series(self._series(name, _FIRST, table.loss, f"η = {lr:g}"))
        chart.set_legend({"none": True})
        sheet.insert_chart(_TITLE, len(table.headers) + 1, chart)
        return losses

    def _sheet(self, name: str, note: str) -> Any:
        sheet = self.workbook.add_worksheet(name)
        _say(sheet, _TITLE, 0, f"Gradient descent on {self.table.loss_name}: w ← w − η · ∂/∂w", self.title)
        _say(sheet, _NOTE, 0, note)
        return sheet

    def _given(self, sheet: Any, lr: float, source: str = "") -> None:
        """The learning rate, the inputs and the weights of the first row at the top, or where they stand."""
        table = self.table
        _say(sheet, _NAMES, 0, "η", self.header)
        sheet.write_number(_NUMBERS, 0, _Whole(lr), self.input)
        leaves = table.columns[: table.trained.stop - 1]
        given = [(column.header, node.data) for column, node in zip(leaves, [*table.inputs, *table.wrt])]
        given += [(MOMENTUM, table.momentum)] if table.momentum else []
        for position, (name, data) in enumerate(given, 1):
            _say(sheet, _NAMES, position, name, self.header)
            if source:
                cell = f"={source}!{letters(position + 1)}{_NUMBERS + 1}"
                sheet.write_formula(_NUMBERS, position, cell, self.value, data)
            else:
                sheet.write_number(_NUMBERS, position, _Whole(data), self.input)

    def _widths(self, sheet: Any) -> None:
        sheet.set_column(0, 0, 8)
        sheet.set_column(1, len(self.table.columns), 14)
        sheet.freeze_panes(_FIRST, 1)

    def _in_words(self, position: int, column: _Column) -> str:
        if column.formula is not None:
            return f"{column.header} = {TEXT.write(readable(column.formula))}"
        if position in range(self.table.trained.start, self.table.trained.stop):
            return f"{column.header} − η · {self.table.step_of(position).header}, both of the row above"
        if position > self.table.trained.stop:
            gradient = self.table.columns[position - 1 - len(self.table.wrt)]
            return f"{MOMENTUM} · {column.header} of the row above + {gradient.header}"
        return "input"

    def _epoch(self, sheet: Any, epoch: int, numbers: Sequence[float]) -> None:
        table = self.table
        row = _FIRST + epoch - 1
        if epoch == 1:
            sheet.write_number(row, 0, 1, self.count)
        else:
            sheet.write_formula(row, 0, f"=A{row}+1", self.count, epoch)
        for position, (column, data) in enumerate(zip(table.columns, numbers, strict=True), 1):
            cell = column.first if epoch == 1 and column.first else column.cell
            cell = cell.replace(_ROW, str(row + 1)).replace(_ABOVE, str(row))
            style = self.slope if column.header.startswith(("∂", "velocity")) else self.value
            sheet.write_formula(row, position, cell, style, data if math.isfinite(data) else "#NUM!")

    def _rates(self, sheet: Any, losses: dict[str, list[float]]) -> None:
        """The losses of all rates side by side, by the sheet of each, and their curves in one chart."""
        loss = self.table.loss
        chart = self._chart("Loss by learning rate")
        _say(sheet, 0, 0, "epoch", self.header)
        sheet.set_column(0, len(losses), 12)
        sheet.freeze_panes(1, 1)
        for row in range(1, self.epochs + 1):
            sheet.write_number(row, 0, row, self.count)
        for position, (name, curve) in enumerate(losses.items(), 1):
            _say(sheet, 0, position, name, self.header)
            for row, data in enumerate(curve, 1):
                cell = f"='{name}'!{letters(loss + 1)}{_FIRST + row}"
                sheet.write_formula(row, position, cell, self.value, data if math.isfinite(data) else "#NUM!")
            chart.add_series(self._series("learning rates", 1, position, name))
        sheet.insert_chart(1, len(losses) + 2, chart)

    def _series(self, sheet: str, first: int, position: int, name: str) -> dict[str, Any]:
        last = first + self.epochs - 1
        return {
            "name": name,
            "categories": [sheet, first, 0, last, 0],
            "values": [sheet, first, position, last, position],
            "line": {"width": 1.75},
        }

    def _chart(self, title: str) -> Any:
        chart = self.workbook.add_chart({"type": "scatter", "subtype": "straight"})
        chart.set_title({"name": title, "name_font": {"size": 12}})
        below = "low"  # below the curve, also of a loss that is negative
        axis = {"min": 0, "max": max(self.epochs, 2), "num_format": "0", "label_position": below}
        chart.set_x_axis({"name": "epoch", **axis})
        # The header is given by its place, where it is text: a name such as =A!B1 would be a formula.
        header = ["training", _HEADER, self.table.loss]
        chart.set_y_axis({"name": header, "num_format": "0.0###"})
        chart.set_size({"width": 720, "height": 420})
        return chart


def _say(sheet: Any, row: int, column: int, text: str, style: Any = None) -> None:
    """Text, whatever it looks like; of what is longer than a cell, as much as there is room for."""
    sheet.write_string(row, column, shortened(text, _LONGEST_TEXT), style)
