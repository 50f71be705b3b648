"""A file checked against a recorded graph: which cells are wrong, and what belongs there."""

from __future__ import annotations

import functools
import itertools
import math
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import cast

import numpy as np

from ..engine.gradient import grad
from ..engine.primitives import TABLE
from ..engine.value import Value
from ..symbolic import TEXT, Apply, Symbol
from ..terminal import brief
from .books import open_book
from .cells import Book, Sheet, SheetError, letters, place_of, reference
from .certainty import bettered, guessed, intervals, reconsider
from .diagnosis import NotSearched, diagnose
from .expected import names_in, propagated
from .formulas import Calculator
from .grading import FOLLOWS, UNKNOWN, WRONG, Flags, Judgement
from .inference import Context, NotUnderstood, Understanding, understand
from .mutations import ACTIVATIONS
from .problem import Problem
from .repairs import reading
from .report import UNREADABLE, UNSURE, Finding, Refusal, TableReport, WorkbookReport, counted, listed
from .resolution import decimals, too_coarse
from .tables import Given, Table, find_tables, givens
from .vocabulary import RATE, short, split_derivative, stem, updated

__all__ = ["check_book", "check_workbook"]

_AS_TEXT = re.compile(r"'?\s*=\s*[\w(+-]|[^=#]{0,40}[\w)]\s?[*/^+]\s?[\w(]")
_MANY_COLUMNS = 5  # that no usual slip makes wrong all at once
_NOT_HELD = ("assumed", "from the numbers")  # sources that are no place on the sheet
_LOOK = 12  # rows by which readings are compared
_TYPED = 1e-12  # the slack of a number that was not cut
_WONDER = 20.0  # times better must what is computed from it agree
_MOST_SPARE, _MOST_MISSING = 3, 6  # columns headed twice and names that head none, to try one for the other


def check_workbook(
    path: str | os.PathLike[str], problem: Problem, *, lr: float | None = None
) -> WorkbookReport:
    """Check every table of a workbook or a .csv file: each number is computed anew from its own row.

    A row is judged by the inputs, targets and weights that stand in it, and a weight by the row above it and
    the gradient that is printed there, so one slip is told apart from all that follows from it. The sheet may
    look as people make it: columns in any order and under many names, a learning rate anywhere or nowhere,
    rounded numbers, several tables, several sheets.

    Parameters
    ----------
    path : an .xlsx, .ods or .xls workbook (the last with the extra ``xls``), or a .csv file of any dialect.
    problem : what the sheet should hold: `Problem.of` a recorded graph, or
        `autograd.spreadsheet.assignment()`.
    lr : the learning rate η; by default as the sheet says, or as its updates tell.

    Returns
    -------
    the findings as data; its text tells them. Its status is 0 only if everything that a right sheet rests on
    was compared, and to enough digits to show a usual slip.

    Raises
    ------
    SheetError : a ValueError, if the file cannot be read, passes a limit, or has no table of the problem.
    MissingExtraError : if it is an old .xls, and the extra ``xls`` is not installed.
    TypeError : if `path` is no path, or `problem` is no `Problem`.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from autograd.spreadsheet import assignment
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "sheet.csv"
    >>> _ = path.write_text("i1,i2,w1,w2,h1,a_h1,w3,w4\\n0.05,0.1,0.15,0.2,0.0275,0.5001,0.25,0.3\\n")
    >>> report = check_workbook(path, assignment())
    >>> [(each.cell, each.given, round(each.expected, 6)) for each in report.findings]
    [('F2', 0.5001, 0.506875)]
    """
    if not isinstance(path, (str, os.PathLike)):
        raise TypeError(
            f"check_workbook takes a path such as 'training.xlsx', got {type(path).__name__}: {path!r:.60}"
        )
    if not isinstance(problem, Problem):
        raise TypeError(
            f"check_workbook takes a Problem, such as Problem.of(loss, weights), got "
            f"{type(problem).__name__}: {problem!r:.60}"
        )
    return check_book(open_book(Path(path)), problem, lr)


@np.errstate(all="ignore")  # what stands in a sheet may overflow, or divide by zero
def check_book(book: Book, problem: Problem, lr: float | None = None) -> WorkbookReport:
    """The same for a file that is open already."""
    entries: list[TableReport | Refusal] = []
    remarks: list[str] = []
    found: list[tuple[Sheet, list[Table]]] = []
    for name in book.names:
        try:
            found.append(_tables_of(book, name, problem))
        except SheetError as error:
            if len(book.names) == 1:
                raise
            entries.append(Refusal(f"sheet {brief(name)}", UNREADABLE, str(error)))
    seen = any(tables and not sheet.hidden for sheet, tables in found)
    for sheet, tables in found:
        if seen and sheet.hidden and tables:
            remarks.append(f"Not checked, for it is hidden: sheet {brief(sheet.name)}")
            tables.clear()
    all_given = [givens(sheet, tables, problem) for sheet, tables in found]
    elsewhere = list(itertools.chain.from_iterable(all_given))
    for (sheet, tables), own in zip(found, all_given, strict=True):
        for table in tables:
            others = [given for given in elsewhere if given not in own and given.name != RATE]
            beside = [*sorted(own, key=functools.partial(_distance, table)), *others]
            try:
                _require_calculated(table)
                entries.append(_check_table(table, Context(problem, book, beside, lr)))
            except (NotUnderstood, SheetError) as error:
                status = UNSURE if isinstance(error, NotUnderstood) else UNREADABLE
                entries.append(Refusal(_where(book, table), status, str(error)))
        remarks += _not_read(sheet, tables, own)
    if not any(tables for _, tables in found):
        nothing = _nothing_found(book, problem, [sheet for sheet, _ in found])
        refused = [
            f"{each.where} cannot be read: {each.reason}" for each in entries if isinstance(each, Refusal)
        ]
        raise SheetError("; ".join([nothing, *refused[:1]]))
    without = [sheet.name for sheet, tables in found if not tables and not sheet.hidden] + book.others
    if without:
        remarks.append(f"No table with the columns of {problem.title} on: {listed(without, 20)}")
    return WorkbookReport(book.path, entries, remarks)


def _tables_of(book: Book, name: str, problem: Problem) -> tuple[Sheet, list[Table]]:
    """A sheet, calculated if nobody did, and its tables."""
    sheet = book.sheet(name)
    formulas = [cell for cell in sheet.cells.values() if cell.formula]
    # Some programs write 0 for what they did not calculate.
    blank = len(formulas) > 9 and all(cell.value == 0.0 for cell in formulas)
    pending = formulas if blank else [cell for cell in formulas if cell.value is None]
    if pending:
        Calculator(book).fill(sheet, every=blank)
        sheet.computed = sum(cell.value is not None for cell in pending)
    return sheet, find_tables(sheet, problem)


def _require_calculated(table: Table) -> None:
    """Refuse a table with formulas that nobody calculated, or that are texts."""
    for name, column in table.columns.items():
        formulas = [row for row, text in column.texts.items() if _AS_TEXT.match(text)]
        if formulas and 2 * len(formulas) >= len(table.rows):
            raise SheetError(
                f"{table.cell(name, formulas[0])} holds a formula as text, "
                f"{brief(column.texts[formulas[0]])}: there is no number to compare. Take away the mark "
                "before the equals sign, or the format Text of the cell, let the spreadsheet program "
                "calculate, save and check again"
            )
        for place in (table.place(name, row) for row in range(len(table.rows))):
            cell = table.sheet.cells.get(place)
            if cell is not None and cell.formula and cell.value is None:
                raise SheetError(
                    f"{reference(place)} holds the formula {table.sheet.formula(place):.60}, which was never "
                    "calculated: open the file in a spreadsheet program, let it recalculate (Ctrl+Alt+F9, in "
                    "LibreOffice Ctrl+Shift+F9), save it and check again"
                )


def _distance(table: Table, given: Given) -> float:
    """How far a number stands from a table: those above it count as nearer."""
    (top, left), (_, right) = table.area
    row, column = given.place
    across = max(left - column, 0, column - right)
    return (top - row if row <= top else 3 * (row - top)) + 2 * across


def _where(book: Book, table: Table) -> str:
    first, last = table.area
    sheet = f'sheet "{brief(table.sheet.name)}", ' if book.kind != "csv" else ""
    hidden = "hidden " if table.sheet.hidden else ""
    return f"{hidden}{sheet}{reference(first)}:{reference(last)}, {counted(len(table.rows), 'row')}"


def _nothing_found(book: Book, problem: Problem, sheets: Sequence[Sheet]) -> str:
    held = ", ".join(sheet.name for sheet in sheets if sheet.cells)
    what = f"a row of names such as {problem.example} with their numbers below"
    nothing = f"no table of {problem.title}: {what}. Looked for on: {held}"
    return f"{book.path.name} has {nothing if held else 'no cells with anything in them'}"


def _not_read(sheet: Sheet, tables: Sequence[Table], own: Sequence[Given]) -> Iterator[str]:
    """The numbers of a sheet with tables that stand outside them."""
    used = {given.place for given in own}
    outside = [
        place
        for place, cell in sheet.cells.items()
        if isinstance(cell.value, float) and place not in used and not any(place in each for each in tables)
    ]
    if tables and outside:
        yield (
            f"Not read on this sheet: {counted(len(outside), 'number')} outside the tables, the first in "
            f"{reference(min(outside))}"
        )


# --- one table -------------------------------------------------------------------------------------


def _check_table(table: Table, context: Context) -> TableReport:
    """Understand the table, judge it, and find the slips."""
    understood = _understood(table, context)
    judged = understood.judged()
    _require_the_network(judged, context.problem)
    understood, judged = _certain(understood, judged, context)
    coarse = too_coarse(judged)
    title = _where(context.book, understood.table)
    beside = [*context.beside, *_rate_by_use(understood, context.beside)]
    findings = [
        _finding(judged, name, np.flatnonzero(column.states == state).tolist(), title, context.book, known)
        for state, known in ((WRONG, beside), (FOLLOWS, None))
        for name, column in judged.columns.items()
        if (column.states == state).any()
    ]
    others, misnamed = list(_other_numbers(understood, judged)), list(_misnamed(understood, context.book))
    understood.notes += [*others, *misnamed]
    doubts = list(_doubts(understood, judged, coarse))
    return TableReport(title, understood, judged, findings, coarse, doubts, others, misnamed)


_MOST_OTHER = 3  # starting values that are other ones, beyond which the sheet just has its own
_RATE_IN_A_NAME = re.compile(
    r"(?:lr|eta|η|rate|alpha)[ _=:-]{0,3}(\d{1,4}(?:[.,]\d{1,6})?)(?![\d.]*\d)", re.IGNORECASE
)


def _other_numbers(understood: Understanding, judged: Judgement) -> Iterator[str]:
    """Starting values that are not the problem's."""
    problem = understood.problem
    told = []
    for name, usual in {**problem.inputs, **problem.weights}.items():
        here, error = judged[name].full.value[0], judged[name].full.error[0]
        if understood.sources.get(name) != "assumed" and abs(here - usual) > error + 1e-9:
            told.append(f"{name} starts at {here:.9g}, {problem.title} has {usual:.9g}")
    if 0 < len(told) <= _MOST_OTHER:
        yield "; ".join(told)
    elif told:
        yield f"the numbers at the start are not those of {problem.title}"


def _misnamed(understood: Understanding, book: Book) -> Iterator[str]:
    """A learning rate that is not that in the name of the file or the sheet."""
    table = understood.table
    for text in [book.path.stem, *([table.sheet.name] if book.kind != "csv" else [])]:
        stated = {float(each.replace(",", ".")) for each in _RATE_IN_A_NAME.findall(text)}
        if len(stated) == 1 and understood.rate is not None:
            (said,), used = stated, understood.rate
            if np.all(np.abs(used.value - said) > used.error + 1e-9):
                yield f"the name {brief(text)} says η = {said:g}, the updates use {used.value[0]:.9g}"


def _understood(table: Table, context: Context) -> Understanding:
    """The table as it is headed; or read otherwise, if far fewer columns are wrong then."""
    problem = context.problem
    understood = understand(table, context)
    if typed := _typed(understood):
        table = table.exact(typed)
        understood = understand(table, context)
    others = [(table.cut(), context, "the numbers are cut behind their last digit, and not rounded")]
    for order in problem.numberings:
        beside = [replace(each, name=order.get(each.name, each.name)) for each in context.beside]
        names = ", ".join(f"{name} is {meant}" for name, meant in order.items())
        note = f"the weights have other numbers than in {problem.title}: its {names}"
        others.append((table.renumbered(order), replace(context, beside=beside), note))
    for other_table, known, note in others if table.is_rounded else others[1:]:
        wrong = len(understood.judged(_LOOK).wrong_columns)
        if wrong >= _MANY_COLUMNS:
            other = understand(other_table, known)
            if len(other.judged(_LOOK).wrong_columns) <= wrong - _MANY_COLUMNS:
                other.notes.append(note)
                understood = other
    return _with_headings(understood, context)


def _with_headings(understood: Understanding, context: Context) -> Understanding:
    """With a mistyped heading exchanged, if fewer cells are wrong then.

    That is tried where a name heads two columns with different numbers, and another name heads none.
    """
    table, network, problem = understood.table, understood.network, context.problem
    if not 0 < len(table.spare) <= _MOST_SPARE:
        return understood
    expected = [*network.leaves, *network.formulas, *map(network.gradient, problem.weights)]
    missing = [name for name in expected if name not in table.columns]
    fewest = understood.judged(_LOOK).mistakes
    best = understood
    for name, turn, kept in itertools.product(missing, range(len(table.spare)), (True, False)):
        if len(missing) > _MOST_MISSING:
            break
        try:
            other = understand(table.exchanged(name, turn, kept), context)
        except NotUnderstood:
            continue
        judged = other.judged(_LOOK)
        involved = {name, table.spare[turn].name}
        if judged.mistakes < fewest + (best is understood) and involved.isdisjoint(judged.wrong_columns):
            fewest, best = judged.mistakes, other
            column = other.table.columns[name]
            place = reference(table.at(table.header, column.position))
            best.headings.append(
                f"the heading in {place} should be {short(name)}, it says {brief(column.header)}"
            )
    return best


def _typed(understood: Understanding) -> list[str]:
    """Inputs and targets that change from row to row, and are exact though they have few digits.

    What is computed from them agrees to so many digits that it would be a wonder if any of theirs were cut.
    """
    problem, network, table = understood.problem, understood.network, understood.table
    given = [name for name in (*problem.inputs, *problem.targets[0]) if name in table.columns]
    given = [name for name in given if (table.columns[name].slack > _TYPED).any()]
    if not given:
        return []
    exact = replace(understood, table=table.exact(given)).judged(_LOOK)
    found = []
    for name in given:
        readers = [each for each, formula in network.formulas.items() if name in names_in(formula)]
        cut = replace(understood, table=table.exact({*given} - {name})).judged(_LOOK)
        if any(
            np.mean(
                (cut[each].right.error > _WONDER * cut[each].printed.error)
                & exact[each].fits(exact[each].right)
            )
            > 0.5
            for each in readers
            if each in table.columns
        ):
            found.append(name)
    return found


def _rate_by_use(understood: Understanding, beside: Sequence[Given]) -> Iterator[Given]:
    """The cell of the learning rate, where no name stands beside it and the updates tell it."""
    with suppress(ValueError):
        place = place_of(understood.sources.get(RATE, ""))
        if understood.rate is not None and all(each.place != place for each in beside):
            yield Given(RATE, float(understood.rate.value[0]), place)


def _certain(
    understood: Understanding, judged: Judgement, context: Context
) -> tuple[Understanding, Judgement]:
    """The table with nothing called wrong that may be right, for all that the sheet does not say."""
    if not judged.wrong_columns:
        return understood, judged
    known = intervals(understood)
    if better := bettered(understood, known):
        seen = better.judged()
        if seen.mistakes < judged.mistakes:
            understood, judged = better, seen
    reconsider(understood, judged, known)
    if not judged.wrong_columns:
        return understood, judged
    for names in _other_biases(understood, judged, context.beside):
        try:
            other = understand(understood.table, replace(context, biases=names))
        except NotUnderstood:
            continue
        seen = other.judged()
        reconsider(other, seen, intervals(other))
        if not seen.wrong_columns:
            other.headings += understood.headings
            return other, seen
    return understood, judged


def _other_biases(
    understood: Understanding, judged: Judgement, beside: Sequence[Given]
) -> Iterator[tuple[str, ...]]:
    """The biases that the sheet may have computed with, though it does not state them all."""
    problem, network = understood.problem, judged.network
    stated = {each.name for each in beside}.union(understood.table.columns)
    stated &= {name for names in problem.biases for name in names}
    for names in problem.biases:
        formulas = problem.network(understood.loss, names).formulas
        sums = [name for name, formula in formulas.items() if not set(names).isdisjoint(names_in(formula))]
        sums = [name for name in sums if _compared(judged, name)]
        unsaid = len(sums) > 1 and all(len(judged[name].wrong) for name in sums)
        if names != network.biases and (stated <= set(names) if stated else unsaid):
            yield names


def _require_the_network(judged: Judgement, problem: Problem) -> None:
    """Refuse a table of a network with another activation: that is no slip."""
    network = judged.network
    groups: dict[tuple[str, str], list[str]] = {}
    for name, formula in network.formulas.items():
        if name in judged.columns and network.inside(name):
            groups.setdefault((stem(name), cast(Apply, formula).row.name), []).append(name)
    for (_, right), names in groups.items():
        if len(names) < 2 or any(len(judged[name].wrong) < judged.count for name in names):
            continue
        for other in (*ACTIVATIONS, ""):
            x = Symbol("x")
            formula = Apply(TABLE[other], (x,)) if other else x
            if other != right and all(
                judged[name].fits(propagated(formula, {"x": judged[network.inside(name)].own})).all()
                for name in names
            ):
                read = ", ".join(f"{name} = {other or 'the sum itself'}" for name in names)
                raise SheetError(
                    f"it is another network than {problem.title}: {read}, where {right} belongs. Check it "
                    "against a graph of its own, with Problem.of"
                )


def _finding(
    judged: Judgement, name: str, rows: list[int], title: str, book: Book, beside: list[Given] | None
) -> Finding:
    """What there is to say of a column; without `beside`, of one that only follows from others."""
    table, row = judged.table, rows[0]
    column, cell = table.columns[name], table.sheet.cells.get(table.place(name, row))
    number = float(column.values[row])
    slip, searched = None, True
    if beside is not None:
        try:
            slip = diagnose(judged, name, book.limits)
        except NotSearched:
            searched = False
    return Finding(
        table=title,
        cell=table.cell(name, row),
        quantity=name,
        rows=rows,
        given=column.texts.get(row) if math.isnan(number) else number,
        expected=_right_number(judged, name, row),
        consequential=beside is None,
        slip=slip,
        searched=searched,
        reading=None if beside is None else reading(judged, name, row, book, beside),
        derivation=tuple(_derivation(judged, name, row)),
        nodes=_point(judged, row),
        text=column.texts.get(row) or ("" if cell is None else cell.text),
        count=len(table.rows),
    )


def _point(judged: Judgement, row: int) -> dict[str, Value]:
    """The engine's own graph with the numbers of that row; 0 for what is none there, and so not needed."""
    numbers = {name: float(judged[name].full.value[row]) for name in judged.network.leaves}
    return judged.network.at({name: x if math.isfinite(x) else 0.0 for name, x in numbers.items()})


def _right_number(judged: Judgement, name: str, row: int) -> float:
    """What belongs into the cell, by the engine; for an update by the printed gradient."""
    right = judged.columns[name].right
    worked_out = float(right.value[row])
    if name in judged.network.leaves or name.endswith("'") or not math.isfinite(worked_out):
        return worked_out  # what is not finite was computed from a cell that holds no number
    nodes = _point(judged, row)
    pair = split_derivative(name)
    exact = nodes[name].data if pair is None else grad(nodes[pair[0]], [nodes[pair[1]]])[0]
    # The claim: the formulas that the table was judged by give what the engine gives, short of overflow.
    assert not math.isfinite(exact) or math.isclose(
        exact, worked_out, rel_tol=1e-6, abs_tol=1e-12 + float(right.error[row])
    ), name
    return exact


def _derivation(judged: Judgement, name: str, row: int) -> Iterator[str]:
    """Where the right number comes from: its formula, and the same in numbers."""
    weight, network, column = name.removesuffix("'"), judged.network, judged.columns[name]
    if column.taken[row] or (judged.gap > 1 and name == weight):
        return
    if weight in network.trained and judged.moves(weight):
        assert judged.rate is not None
        slope = network.gradient(weight)
        above = name == weight and not judged.after
        at = row - above
        formula, remark = network.update(weight), ", all of the row above" if above else ""
        values = {weight: judged[weight].full.value[at], slope: judged[slope].own.value[at]}
        values[RATE] = judged.rate.value[at]
        if judged.momentum:
            remark += f", with the velocity v ← {judged.momentum:g} v + {short(slope)} for the gradient"
            values[slope] = judged.carried(judged[slope].own).value[at]
    elif name in network.leaves:
        return
    else:
        formula, remark = judged.formula(name), ""
        values = {each: judged[each].full.value[row] for each in names_in(formula)}

    def in_brackets(symbol: Symbol) -> str:
        text = f"{values[symbol.text]:.6g}".replace("-", "−", 1)
        return f"({text})" if values[symbol.text] < 0.0 else text

    numeric = replace(TEXT, symbol=in_brackets, number=lambda data: f"{data:g}", beside=False)
    left = short(name)
    yield f"{left} = {short(TEXT.write(formula))}{remark}"
    for line in (numeric.write(formula), f"{float(column.right.value[row]):.9g}"):
        yield f"{' ' * len(left)} = {line}"


# --- what was not checked --------------------------------------------------------------------------


def _doubts(understood: Understanding, judged: Judgement, coarse: Mapping[str, Flags]) -> Iterator[str]:
    """What was not checked of that which a right sheet rests on, the gravest first."""
    table, network = judged.table, judged.network
    slopes = {name: network.gradient(name) for name in filter(judged.moves, network.trained)}
    unseen = [
        slope
        for name, slope in slopes.items()
        if not _compared(judged, slope) and not _compared(judged, name)
    ]
    if not any(_compared(judged, slope) for slope in slopes.values()):
        unseen = list(slopes.values())
    if unseen:
        yield f"gradients not checked: no column was read as {listed(unseen)}"
    yield from understood.doubts
    if table.skipped:
        yield f"not read: {_places(table, table.skipped)}, which may be rows of the table"
    held = {name.removesuffix("'") for name in judged.columns} | network.unnamed
    held |= {name for name, source in understood.sources.items() if source not in _NOT_HELD}
    absent = [name for name in (*network.leaves, *network.formulas, *slopes.values()) if name not in held]
    if absent and table.unread:
        yield f"not read: {listed(table.unread)}; and no column was read as {listed(absent)}"
    if table.spare:
        yield f"there a second time, with other numbers: {listed([each.header for each in table.spare])}"
    doubtful = {name: each.doubtful for name, each in judged.columns.items() if each.doubtful.any()}
    if doubtful:
        lacking = [name for name in guessed(understood) if name != RATE]
        unsaid = f"{listed(lacking)}, which no cell holds: write it beside its name"
        why = unsaid if lacking else "the digits that are not printed"
        yield f"cannot be told right from wrong: {_cells(judged, doubtful)}; what differs there may be {why}"
    unknown = {
        name: flags
        for name, column in judged.columns.items()
        if (flags := (column.states == UNKNOWN) & ~column.doubtful).any()
        and (judged.rate is not None or name.removesuffix("'") not in slopes)
    }
    if unknown:
        yield f"not computed, for what is needed for it is no number: {_cells(judged, unknown)}"
    if coarse:
        yield (
            f"right to {counted(decimals(judged, list(coarse)), 'decimal')}, but a usual slip is smaller and "
            f"would not be seen: {_cells(judged, coarse)}"
        )


def _compared(judged: Judgement, name: str) -> bool:
    """Whether any number of the column was compared with a computed one."""
    columns = [judged.columns[each] for each in (name, updated(name)) if each in judged.columns]
    return any(((column.states > UNKNOWN) & ~column.taken).any() for column in columns)


def _places(table: Table, lines: Sequence[int]) -> str:
    """The rows of the sheet, or the columns if the table lies on its side."""
    runs = [
        [line for _, line in group]
        for _, group in itertools.groupby(enumerate(lines), lambda turn: turn[1] - turn[0])
    ]
    name = letters if table.turned else str
    shown = [name(run[0]) if len(run) == 1 else f"{name(run[0])} to {name(run[-1])}" for run in runs]
    return f"{'column' if table.turned else 'row'}{'' if len(lines) == 1 else 's'} {listed(shown)}"


def _cells(judged: Judgement, flags: Mapping[str, Flags]) -> str:
    """How many cells of which columns, and the first of them."""
    count = sum(int(each.sum()) for each in flags.values())
    name, first = min(
        ((name, int(np.argmax(each))) for name, each in flags.items()), key=lambda each: each[1]
    )
    names = [name for name in judged.table.columns if name in flags]
    return f"{counted(count, 'cell')} of {listed(names, 40)}, the first is {judged.table.cell(name, first)}"
