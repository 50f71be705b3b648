"""Check a sheet of the assignment: which cell is wrong, what belongs there, and which slip it was.

    python -m demos check my_backpropagation.xlsx

You will see whether the table of a workbook or of a .csv file is right: every cell of the forward pass,
the gradients and the updates, recomputed by the engine from the weights of its own row, so that one slip is
told apart from all that follows from it. For each column that is wrong: its first wrong cell, the value found
and the right one with its derivation, and where it can be told, which slip it was and which reference
in the formula is wrong.

The sheet may look as people make it: columns in any order and under many names, a learning rate anywhere or
nowhere, biases or none, rounded numbers, several tables, several sheets. "Right" is said only of what was
checked: if gradients, rows or columns could not be read, or numbers have too few digits to show a usual slip,
the check says so, and does not say right. The exit status is 0 if all is right, 1 if something is wrong, 2 if
the sheet cannot be read, and 3 if nothing wrong is seen, but not all could be checked.
"""

from __future__ import annotations

import argparse
import functools
import itertools
import math
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NoReturn

import numpy as np

from autograd import Value, explain, grad
from autograd.spreadsheet.cells import Book, Sheet, SheetError, letters, open_book, reference
from autograd.spreadsheet.diagnosis import MANY, Slip, diagnose, short
from autograd.spreadsheet.expected import Network, Recorder
from autograd.spreadsheet.formulas import Calculator, FormulaError
from autograd.spreadsheet.grading import FOLLOWS, MISSING, RIGHT, UNKNOWN, Flags, Judgement
from autograd.spreadsheet.inference import Assumptions, NotUnderstood, Understanding, understand
from autograd.spreadsheet.repairs import reading
from autograd.spreadsheet.resolution import decimals, too_coarse
from autograd.spreadsheet.tables import Given, Table, find_tables, givens
from autograd.spreadsheet.vocabulary import EPOCH, RATE, derivative, split_derivative, updated
from autograd.symbolic import TEXT, Expression
from autograd.terminal import brief, clean, say

from .assignment.network import SIX_RATES, WEIGHTS, Settings, build, forward
from .shared.options import OptionsError, fail

PROGRAM = "python -m demos check"

ALL_RIGHT, WRONG, UNREADABLE, UNSURE = range(4)  # the exit status

TARGETS = ((0.5, 0.5), (0.01, 0.99))  # the pairs that courses use
BIASES = {"b1": 0.35, "b2": 0.60}  # any numbers: the formulas are the same for all
LOSSES = {
    "half": "",
    "whole": (
        "the loss is defined here without ½, as E1 = (t1 − a_o1)²: the assignment has ½, and its gradients "
        "are half of these. All is checked by the sheet's own definition"
    ),
    "mean": (
        "E1 = (t1 − a_o1)² stands here without ½, and E_total is the mean of E1 and E2: the assignment has "
        "the ½ in E1 and E2, and the same E_total. All is checked by the sheet's own definition"
    ),
}

TOO_MANY = (
    "These are more than slips: the numbers may stand below other names than their own, or belong to another "
    "network, or the inputs above are not those that were used."
)


# --- the network whose numbers a sheet should hold -----------------------------------------------------


def recorder(loss: str, biases: tuple[str, ...]) -> Recorder:
    """A function that records the assignment network, given the numbers of its leaves by name.

    With two biases each belongs to a layer, with four each to a neuron.
    """

    def record(numbers: Mapping[str, float]) -> dict[str, Value]:
        settings = Settings(
            inputs=(numbers["i1"], numbers["i2"]),
            targets=(numbers["t1"], numbers["t2"]),
            weights=tuple(numbers[name] for name in WEIGHTS),
            biases=(numbers[biases[0]], numbers[biases[1]]) if biases else None,
        )
        model = build(settings)
        own = {}
        if len(biases) == 4:
            neurons = [neuron for layer in model.layers for neuron in layer.neurons]
            for neuron, name in zip(neurons, biases, strict=True):
                neuron.b = own[name] = Value(numbers[name], name)
        nodes = forward(model, settings)
        if own:
            leaves = {name: node for name, node in nodes.items() if node.primitive is None}
            named = {name: node for name, node in leaves.items() if name not in ("b1", "b2")}
            nodes = {**named, **own, **{name: node for name, node in nodes.items() if name not in leaves}}
        return nodes if loss == "half" else {**nodes, **without_half(nodes, loss)}

    return record


def without_half(nodes: Mapping[str, Value], loss: str) -> dict[str, Value]:
    """The errors as some courses define them."""
    E1 = (nodes["t1"] - nodes["a_o1"]) ** 2
    E2 = (nodes["t2"] - nodes["a_o2"]) ** 2
    E_total = E1 + E2 if loss == "whole" else (E1 + E2) / 2
    found = {"E1": E1, "E2": E2, "E_total": E_total}
    for label, node in found.items():
        node.label = label
    return found


@functools.cache
def network(loss: str, biases: tuple[str, ...]) -> Network:
    """The formulas of that network."""
    standard = Settings()
    example = dict(zip(("i1", "i2", "t1", "t2"), standard.inputs + standard.targets, strict=True))
    example |= dict(zip(WEIGHTS, standard.weights, strict=True))
    example |= dict(zip(biases, list(BIASES.values()) * 2))
    return Network(recorder(loss, biases), example)


def assumptions() -> Assumptions:
    """What the assignment says, for what a sheet does not."""
    standard = Settings()
    weights = dict(zip(WEIGHTS, standard.weights, strict=True))
    return Assumptions(standard.inputs, weights, TARGETS, SIX_RATES, LOSSES, network)


# --- one table -----------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Finding:
    """A column that is wrong.

    Attributes
    ----------
    name : the quantity.
    rows : the rows of the table in which it is wrong by a mistake of its own.
    slip : which it was, if that can be told.
    """

    name: str
    rows: Sequence[int]
    slip: Slip | None


@dataclass(frozen=True, eq=False)
class Checked:
    """A table and what came out.

    Attributes
    ----------
    coarse : of each column the cells that agree, but with too few digits to show a usual slip.
    doubts : why it cannot be called right, though nothing in it may be wrong.
    """

    understood: Understanding
    judged: Judgement
    findings: Sequence[Finding]
    beside: list[Given]
    coarse: Mapping[str, Flags]
    doubts: Sequence[str]

    @property
    def status(self) -> int:
        if self.findings or self.understood.faults:
            return WRONG
        return UNSURE if self.doubts else ALL_RIGHT


def check_table(table: Table, beside: list[Given], book: Book, lr: float | None) -> Checked:
    """Understand the table, judge it, and find the slips."""
    understood = understand(table, beside, assumptions(), book, lr)
    judged = understood.judged()
    findings = [
        Finding(name, [int(row) for row in judged.wrong(name)], slip_of(judged, name, book))
        for name in judged.wrong_columns
    ]
    coarse = too_coarse(judged)
    return Checked(understood, judged, findings, beside, coarse, list(doubts(understood, judged, coarse)))


def slip_of(judged: Judgement, name: str, book: Book) -> Slip | None:
    """Which slip it was, if that can be told; of so many columns at most that it takes seconds."""
    return diagnose(judged, name) if book.limits.has("wrong columns to find the slip of") else None


def doubts(understood: Understanding, judged: Judgement, coarse: Mapping[str, Flags]) -> Iterator[str]:
    """What was not checked of that which a right sheet rests on, the gravest first."""
    table, network = judged.table, judged.network
    slopes = {name: derivative(network.output, name) for name in filter(judged.moves, network.trained)}
    unseen = [
        slope for name, slope in slopes.items() if not compared(judged, slope) and not compared(judged, name)
    ]
    if not any(compared(judged, slope) for slope in slopes.values()):
        unseen = list(slopes.values())
    if unseen:
        yield f"gradients not checked: no column was read as {listed(unseen)}"
    yield from understood.doubts
    if table.skipped:
        yield f"not read: {places(table, table.skipped)}, which may be rows of the table"
    given = {
        name for name, source in understood.sources.items() if source not in ("assumed", "from the numbers")
    }
    held = {name.removesuffix("'") for name in judged.columns} | given
    absent = [name for name in (*network.leaves, *network.formulas, *slopes.values()) if name not in held]
    if absent and table.unread:
        yield f"not read: {listed(table.unread)}; and no column was read as {listed(absent)}"
    if table.twice:
        yield f"there a second time, with other numbers: {listed(table.twice)}"
    unknown = {
        name: states == UNKNOWN
        for name, states in judged.states.items()
        if (states == UNKNOWN).any() and (judged.rate is not None or name.removesuffix("'") not in slopes)
    }
    if unknown:
        yield f"not computed, for what is needed for it is no number: {cells(judged, unknown)}"
    if coarse:
        yield (
            f"right to {counted(decimals(judged, list(coarse)), 'decimal')}, but a usual slip is smaller and "
            f"would not be seen: {cells(judged, coarse)}"
        )


def compared(judged: Judgement, name: str) -> bool:
    """Whether any number of the column was compared with a computed one."""
    for each in (name, updated(name)):
        states = judged.states.get(each)
        if states is not None and ((states > UNKNOWN) & ~judged.taken[each]).any():
            return True
    return False


# --- a file --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Report:
    """What came out for a file: the exit status, and the lines to tell it."""

    status: int
    lines: Sequence[str]


def check(path: Path, lr: float | None, whole: bool) -> Report:
    """Check every table of the file.

    Raises
    ------
    SheetError : if it cannot be read, or has no table.
    """
    book = open_book(path)
    lines: list[str] = []
    statuses: list[int] = []
    found: list[tuple[Sheet, list[Table]]] = []
    for name in book.names:
        try:
            found.append(tables_of(book, name))
        except SheetError as error:
            if len(book.names) == 1:
                raise
            lines += [*wrapped(f"Sheet {brief(name)} cannot be read: {error}."), ""]
            statuses.append(UNREADABLE)
    all_given = [givens(sheet, tables, WANTED) for sheet, tables in found]
    elsewhere = list(itertools.chain.from_iterable(all_given))
    for (sheet, tables), own in zip(found, all_given, strict=True):
        for table in tables:
            others = [given for given in elsewhere if given not in own and given.name != RATE]
            beside = [*sorted(own, key=functools.partial(distance, table)), *others]
            lines.append(title(book, table))
            try:
                require_calculated(book, table)
                checked = check_table(table, beside, book, lr)
            except (NotUnderstood, SheetError) as error:
                unsure = isinstance(error, NotUnderstood)
                lines += [*wrapped(f"{'CANNOT TELL' if unsure else 'It cannot be checked'}: {error}."), ""]
                statuses.append(UNSURE if unsure else UNREADABLE)
                continue
            lines += [*report(checked, book, whole), ""]
            statuses.append(checked.status)
        lines += not_read(sheet, tables, own)
    if not any(tables for _, tables in found):
        raise SheetError("; ".join([nothing_found(book, [sheet for sheet, _ in found]), *lines[:1]]))
    without = [sheet.name for sheet, tables in found if not tables]
    without += book.others
    if without:
        lines += wrapped(f"No table with the columns of the assignment on: {listed(without, 20)}")
    gravest = (WRONG, UNREADABLE, UNSURE, ALL_RIGHT)
    return Report(min(statuses, key=gravest.index), lines)


def not_read(sheet: Sheet, tables: Sequence[Table], own: Sequence[Given]) -> Iterator[str]:
    """The numbers of a sheet with tables that stand outside them."""
    areas = [table.area for table in tables]
    used = {given.place for given in own}
    outside = [
        place
        for place, cell in sheet.cells.items()
        if isinstance(cell.value, float)
        and place not in used
        and not any(
            top <= place[0] <= end and left <= place[1] <= right for (top, left), (end, right) in areas
        )
    ]
    if tables and outside:
        yield from wrapped(
            f"Not read on this sheet: {counted(len(outside), 'number')} outside the tables, the first in "
            f"{reference(min(outside))}"
        )


WANTED = ("i1", "i2", "t1", "t2", *WEIGHTS, "b1", "b2", "b3", "b4", "b_h1", "b_h2", "b_o1", "b_o2", RATE)


def tables_of(book: Book, name: str) -> tuple[Sheet, list[Table]]:
    """A sheet, calculated if nobody did, and its tables."""
    sheet = book.sheet(name)
    formulas = [cell for cell in sheet.cells.values() if cell.formula]
    # Some programs write 0 for what they did not calculate.
    blank = len(formulas) > 9 and all(cell.value == 0.0 for cell in formulas)
    pending = formulas if blank else [cell for cell in formulas if cell.value is None]
    if pending:
        Calculator(book).fill(sheet, every=blank)
        sheet.computed = sum(cell.value is not None for cell in pending)
    return sheet, find_tables(sheet)


def require_calculated(book: Book, table: Table) -> None:
    """Refuse a table with formulas that nobody calculated."""
    for name in table.columns:
        for row in range(len(table.rows)):
            cell = table.sheet.cells.get(table.place(name, row))
            if cell is not None and cell.formula and cell.value is None:
                formula = table.sheet.formula(table.place(name, row))
                raise SheetError(
                    f"{table.cell(name, row)} holds the formula {formula:.60}, which was never calculated: "
                    "open the file in a spreadsheet program, let it recalculate (Ctrl+Alt+F9, in LibreOffice "
                    "Ctrl+Shift+F9), save it and check again"
                )


def distance(table: Table, given: Given) -> float:
    """How far a number stands from a table: those above it count as nearer."""
    (top, left), (_, right) = table.area
    row, column = given.place
    across = max(left - column, 0, column - right)
    return (top - row if row <= top else 3 * (row - top)) + 2 * across


def nothing_found(book: Book, sheets: Sequence[Sheet]) -> str:
    held = [sheet.name for sheet in sheets if sheet.cells]
    if not held:
        return f"{book.path.name} has no cells with anything in them"
    return (
        f"{book.path.name} has no table of the assignment: a row of names such as w1, h1, a_h1, E_total, "
        "∂E/∂w1 with their numbers below. Looked for on: " + ", ".join(held)
    )


# --- telling -------------------------------------------------------------------------------------------


def title(book: Book, table: Table) -> str:
    first, last = table.area
    sheet = f', sheet "{brief(table.sheet.name)}"' if book.kind == "xlsx" else ""
    hidden = " (hidden)" if table.sheet.hidden else ""
    where = f"{reference(first)}:{reference(last)}, {counted(len(table.rows), 'row')}"
    return f"{brief(book.path.name, 100)}{sheet}{hidden}: the table in {where}"


def report(checked: Checked, book: Book, whole: bool) -> Iterator[str]:
    """What came out for one table, for a person to read: the verdict, what it rests on, the mistakes."""
    judged, faults = checked.judged, checked.understood.faults
    count = sum(int((states != MISSING).sum()) for states in judged.states.values())
    both = f"{counted(len(judged.states), 'column')}, {counted(count, 'cell')}"
    names = [finding.name for finding in checked.findings]
    if checked.status == WRONG:
        if names:
            columns = counted(len(judged.states), "column")
            yield f"  WRONG: {len(names)} of {columns}: {', '.join(map(short, names))}"
        for fault in faults:
            yield from wrapped(f"{'also' if names else 'WRONG'}: {fault}")
    elif checked.doubts:
        first, *others = checked.doubts
        yield from wrapped(f"CANNOT TELL: {first}. Nothing wrong is seen in what could be compared")
        for doubt in others:
            yield from wrapped(f"also: {doubt}")
    else:
        yield f"  RIGHT: all {both}, agree with the engine."
    if checked.status != WRONG:
        yield from wrapped(basis(checked))
    for line in how_read(checked):
        yield from wrapped(line)
    if checked.status != WRONG:
        return
    for doubt in checked.doubts:
        yield from wrapped(doubt)
    if not names:
        return
    if len(names) > MANY:
        yield from ("", *wrapped(TOO_MANY))
    groups: dict[str, list[Finding]] = {}
    for finding in checked.findings:
        words = finding.slip.words if finding.slip else ""
        groups.setdefault(words or finding.name, []).append(finding)
    for group in groups.values():
        slip = group[0].slip
        yield ""
        if slip is not None:
            headline = f"{', '.join(short(finding.name) for finding in group)}: {slip.words}."
            if slip.others:
                headline += f" (Or {'; or '.join(slip.others)}: these numbers do not tell them apart.)"
            yield from wrapped(headline)
        for turn, finding in enumerate(group):
            if turn and slip is None:
                yield ""
            yield from tell(finding, checked, book, whole)
    yield ""
    for line in the_rest(checked):
        yield from wrapped(line)


def basis(checked: Checked) -> str:
    """What was compared, to how many digits, and what was taken as it stands."""
    judged, coarse = checked.judged, checked.coarse
    sure = {
        name: int(((states == RIGHT) & ~judged.taken[name] & ~coarse.get(name, np.array(False))).sum())
        for name, states in judged.states.items()
    }
    names = [name for name, number in sure.items() if number]
    if not names:
        return "nothing could be compared to enough digits"
    taken = [name for name in judged.states if judged.taken[name].any()]
    rows = counted(judged.count, "row")
    text = (
        f"compared: {counted(sum(sure.values()), 'cell')} in {rows}, computed anew and equal to "
        f"{counted(decimals(judged, names), 'decimal')} or more"
    )
    if taken:
        text += f"; taken as they stand: {listed(taken, 16)} of the first row"
    if judged.rate is None:
        text += "; no update was compared"
    return text


def how_read(checked: Checked) -> Iterator[str]:
    """How the table was read."""
    understood, judged = checked.understood, checked.judged

    def numbers(names: Iterable[str]) -> str:
        names = list(names)
        values = " ".join(f"{judged.full[name].value[0]:.12g}" for name in names)
        sources = dict.fromkeys(understood.sources[name] for name in names if name in understood.sources)
        return values + (f" ({', '.join(sources)})" if sources else "")

    leaves = judged.network.leaves
    biases = [name for name in leaves if name.startswith("b")]
    yield f"inputs {numbers(('i1', 'i2'))}; targets {numbers(('t1', 't2'))}; " + (
        f"biases {numbers(biases)}" if biases else "no biases"
    )
    rate = understood.rate
    said = "" if rate is None else f"{rate.value[0]:.9g} ({understood.sources.get(RATE, '--lr')})"
    yield f"weights at first {numbers(WEIGHTS)}; " + (
        f"learning rate η = {said}" if said else "no learning rate"
    )
    yield from understood.notes
    table = understood.table
    if table.sheet.computed:
        yield (
            f"{counted(table.sheet.computed, 'formula')} on this sheet had never been calculated: their "
            "numbers are computed here. A spreadsheet program shows them when it has saved the file"
        )
    unknown = [column.header for name, column in table.columns.items() if name not in judged.states]
    unknown = [
        each
        for each in unknown
        if each not in (table.columns[n].header for n in (EPOCH, RATE) if n in table.columns)
    ]
    ignored = [*table.ignored, *unknown]
    if ignored:
        yield f"not checked: {listed(ignored, 40)}"
    if table.turned:
        yield "the table lies on its side: its rows were read as columns"
    hidden = sorted(
        {
            column.header
            for name, column in table.columns.items()
            if table.place(name, 0)[1] in table.sheet.hidden_columns
        }
    )
    if hidden:
        yield f"hidden columns, checked like the others: {listed(hidden, 40)}"
    if any(row in table.sheet.hidden_rows for row in table.rows) and not table.turned:
        yield "some rows are hidden; they were checked like the others"
    early = [
        f"{column.header} ends at {table.cell(name, last)}"
        for name, column in table.columns.items()
        if name in judged.states and (last := last_filled(column.values)) < len(table.rows) - 2
    ]
    if early:
        yield f"some columns end before the table does: {listed(early)}"


def last_filled(values: Iterable[float]) -> int:
    return max((row for row, value in enumerate(values) if not math.isnan(value)), default=-1)


def tell(finding: Finding, checked: Checked, book: Book, whole: bool) -> Iterator[str]:
    """One column: its first wrong cell, what is found and what belongs there."""
    judged, name, row = checked.judged, finding.name, finding.rows[0]
    table = judged.table
    column = table.columns[name]
    found = float(column.values[row])
    right = right_number(judged, name, row)
    cell = table.sheet.cells.get(table.place(name, row))
    text = column.texts.get(row) or ("" if cell is None else cell.text)
    yield f"  {short(name)}: first wrong in {table.cell(name, row)}, {extent(finding.rows, len(table.rows))}"
    yield f"      found  {brief(text) or 'nothing: the cell is empty'}"
    error = ""
    if not math.isfinite(right):
        yield "      right  a number"
        return
    if math.isfinite(found) and right:
        error = f"   (relative error {abs(found - right) / abs(right):.1e})"
    elif math.isfinite(found):
        error = f"   (off by {abs(found - right):.1e})"
    yield f"      right  {right!r}{error}"
    read = reading(judged, name, row, book, checked.beside)
    if read is not None:
        if read.formula:
            yield f"      formula {brief(read.formula, 400)}"
        if read.words:
            yield f"      reads   {short(name)} = {brief(read.words, 400)}"
        if read.remark:
            yield f"      {brief(read.remark, 400)}"
        for repair in read.repairs:
            yield f"      {brief(repair, 400)}"
    elif finding.slip is not None and finding.slip.formula:
        yield f"      computed as  {finding.slip.formula}"
    if finding.slip is not None and finding.slip.share < 0.999:
        yield f"      (the slip explains {finding.slip.share:.0%} of these rows)"
    yield from (f"      {line}" for line in derivation(judged, name, row))
    if whole and (explained := full_derivation(judged, name, row)):
        yield from textwrap.indent(explained, "      | ").splitlines()


def extent(rows: Sequence[int], count: int) -> str:
    """In which rows of the table."""
    where = f"row {rows[0] + 1} of {count}"
    if len(rows) == 1:
        return f"{where}, the only one" if count > 1 else where
    if rows[-1] - rows[0] + 1 == len(rows):
        tail = "and in all that follow" if rows[-1] == count - 1 else f"and up to row {rows[-1] + 1}"
        return f"{where}, {tail}"
    return f"{where}, and in {len(rows) - 1} more"


def point(judged: Judgement, row: int) -> dict[str, Value]:
    """The engine's own graph with the numbers of that row; 0 for what is none there, and so not needed."""
    numbers = {name: float(judged.full[name].value[row]) for name in judged.network.leaves}
    return judged.network.record({name: x if math.isfinite(x) else 0.0 for name, x in numbers.items()})


def right_number(judged: Judgement, name: str, row: int) -> float:
    """What belongs into the cell, by the engine; for an update by the printed gradient."""
    worked_out = float(judged.right[name].value[row])
    if name in judged.network.leaves or name.endswith("'"):
        return worked_out
    nodes = point(judged, row)
    pair = split_derivative(name)
    exact = nodes[name].data if pair is None else grad(nodes[pair[0]], [nodes[pair[1]]])[0]
    # The claim: the formulas that the table was judged by give what the engine gives, short of overflow.
    assert not math.isfinite(exact) or math.isclose(
        exact, worked_out, rel_tol=1e-6, abs_tol=1e-12 + float(judged.right[name].error[row])
    ), name
    return exact


def derivation(judged: Judgement, name: str, row: int) -> Iterator[str]:
    """Where the right number comes from: its formula, and the same in numbers."""
    weight = name.removesuffix("'")
    network = judged.network
    if judged.taken[name][row] or (judged.gap > 1 and name == weight):
        return
    if weight in network.trained and judged.moves(weight):
        slope = derivative(network.output, weight)
        formula: Expression = network.symbol(weight) - network.symbol(RATE) * network.symbol(slope)
        at = row if judged.after or name != weight else row - 1
        values = {weight: judged.full[weight].value[at], slope: judged.own[slope].value[at]}
        assert judged.rate is not None
        values[RATE] = judged.rate.value[at]
        remark = "" if name != weight or judged.after else ", all of the row above"
    elif name in network.leaves:
        return
    else:
        formula, remark = network.formula(name), ""
        values = {each: judged.full[each].value[row] for each in judged.full}
    numeric = replace(
        TEXT,
        symbol=lambda symbol: in_brackets(values[symbol.text]),
        number=lambda data: f"{data:g}",
        beside=False,
    )
    left = short(name)
    lines = [f"{left} = {short(TEXT.write(formula))}{remark}", f"= {numeric.write(formula)}"]
    lines.append(f"= {float(judged.right[name].value[row]):.9g}")
    yield lines[0]
    yield from (" " * (len(left) + 1) + line for line in lines[1:])


def in_brackets(number: float) -> str:
    text = f"{number:.6g}".replace("-", "−", 1)
    return f"({text})" if number < 0.0 else text


def full_derivation(judged: Judgement, name: str, row: int) -> str:
    """The engine's explanation of a derivative."""
    pair = split_derivative(name)
    if pair is None:
        return ""
    nodes = point(judged, row)
    return str(explain(nodes[pair[0]], nodes[pair[1]], digits=9))


def the_rest(checked: Checked) -> Iterator[str]:
    """What else differs from a right sheet, and why that is no mistake."""
    judged = checked.judged
    follows = [name for name, states in judged.states.items() if (states == FOLLOWS).any()]
    if follows:
        yield (
            f"{', '.join(map(short, follows))}: these are computed rightly from numbers that are wrong in "
            "the same row, and will be right with them."
        )
    right = [
        name
        for name, states in judged.states.items()
        if np.isin(states, (MISSING, RIGHT)).all() and name not in checked.coarse
    ]
    if right:
        others, they = ("columns are", "They") if len(right) > 1 else ("column is", "It")
        yield (
            f"{len(right)} other {others} right for the weights of the same row. {they} will change too when "
            "the mistakes are mended, for the weights will."
        )


def counted(number: int, what: str) -> str:
    return f"{number} {what}" + ("" if number == 1 else "s")


def listed(names: Sequence[str], most: int = 8) -> str:
    """Names or headers, the first of them if there are many."""
    shown = [brief(short(name)) for name in names[:most]]
    return ", ".join([*shown, f"and {len(names) - most} more"] if len(names) > most else shown)


def places(table: Table, lines: Sequence[int]) -> str:
    """The rows of the sheet, or the columns if the table lies on its side."""
    runs = [
        [line for _, line in group]
        for _, group in itertools.groupby(enumerate(lines), lambda turn: turn[1] - turn[0])
    ]
    name = letters if table.turned else str
    shown = [name(run[0]) if len(run) == 1 else f"{name(run[0])} to {name(run[-1])}" for run in runs]
    what = "column" if table.turned else "row"
    return f"{what}{'' if len(lines) == 1 else 's'} {listed(shown)}"


def cells(judged: Judgement, flags: Mapping[str, Flags]) -> str:
    """How many cells of which columns, and the first of them."""
    count = sum(int(each.sum()) for each in flags.values())
    name, first = min(
        ((name, int(np.argmax(each))) for name, each in flags.items()), key=lambda each: each[1]
    )
    names = [name for name in judged.table.columns if name in flags]
    return f"{counted(count, 'cell')} of {listed(names, 40)}, the first is {judged.table.cell(name, first)}"


def wrapped(text: str) -> list[str]:
    return textwrap.wrap(
        clean(text), 108, initial_indent="  ", subsequent_indent="    ", break_long_words=False
    )


# --- the command ---------------------------------------------------------------------------------------


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise OptionsError(f"{message}; try --help")


def options(argv: Sequence[str]) -> tuple[Path, float | None, bool]:
    """The file, the learning rate if one is given, and whether to explain at length."""
    parser = _Parser(
        prog=PROGRAM,
        description="Check a sheet of the assignment: the wrong cells, what belongs there, and why.",
        epilog="Exit status: 0 if all is right, 1 if something is wrong, 2 if the sheet cannot be read, 3 if "
        "nothing wrong is seen but not all could be checked (each reason is said), 70 if the program fails.",
        allow_abbrev=False,
    )
    parser.add_argument("sheet", metavar="SHEET", help="an .xlsx workbook or a .csv file, of any dialect")
    parser.add_argument(
        "--lr", metavar="X", help="learning rate η (default: as the sheet says, or as its updates tell)"
    )
    parser.add_argument(
        "--explain", action="store_true", help="print the whole derivation of each wrong gradient"
    )
    given = parser.parse_args(
        [f" {word}" if word[:1] == "-" and word[1:2].isdigit() else word for word in argv]
    )
    lr = None
    if given.lr is not None:
        try:
            lr = float(given.lr)
        except ValueError:
            raise OptionsError(f"--lr takes a number, got {given.lr!r:.60}") from None
        if not (math.isfinite(lr) and lr > 0.0):
            raise OptionsError(f"--lr must be a number greater than 0, got {given.lr.strip():.60}")
    if "\0" in given.sheet:
        raise OptionsError("SHEET is not the name of a file")
    return Path(given.sheet), lr, given.explain


def main(argv: Sequence[str]) -> int:
    """Run the check; returns the exit status."""
    try:
        path, lr, whole = options(argv)
        with np.errstate(all="ignore"):  # what stands in a sheet may overflow, or divide by zero
            result = check(path, lr, whole)
    except (OptionsError, SheetError, FormulaError) as error:
        return fail(PROGRAM, error)
    say(result.lines)
    return result.status
