"""`save_workbook`: live formulas that a spreadsheet program computes to the engine's numbers."""

import csv
import math
import re
import sys
import tempfile
import zipfile

import numpy as np
import openpyxl
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import autograd
from autograd import (
    GraphTooLargeError,
    MissingExtraError,
    Value,
    dot,
    grad,
    primitive,
    relu,
    save_workbook,
    sigmoid,
    softplus,
    sqrt,
    where,
)
from autograd.engine.primitives import TABLE
from autograd.symbolic import SHEET, Number, Outline, Symbol, in_cells
from nn import MLP, cross_entropy
from tests.support.labels import LABELS
from tests.support.office import computed, without_numbers
from tests.support.oracle import indexed
from tests.support.profiles import tries

FIRST = 9  # the row of the first epoch
RATES = (0.1, 0.2, 0.5, 0.8, 1.0, 2.0)


def labelled(value, label):
    value.label = label
    return value


def assignment(weights=(0.15, 0.2, 0.25, 0.3, 0.4, 0.45, 0.5, 0.55), inputs=(0.05, 0.1), targets=(0.5, 0.5)):
    w = [Value(number, f"w{k}") for k, number in enumerate(weights, 1)]
    a = [Value(number, f"i{k}") for k, number in enumerate(inputs, 1)]
    for name, first in (("h", 0), ("o", 4)):
        sums = [
            labelled(w[first + 2 * k] * a[0] + w[first + 2 * k + 1] * a[1], f"{name}{k + 1}") for k in (0, 1)
        ]
        a = [labelled(total.sigmoid(), f"a_{total.label}") for total in sums]
    t = [Value(number, f"t{k}") for k, number in enumerate(targets, 1)]
    errors = [labelled(0.5 * (t[k] - a[k]) ** 2, f"E{k + 1}") for k in (0, 1)]
    return labelled(errors[0] + errors[1], "E_total"), w


def by_hand(epochs, lr, **given):
    """The weights, the loss and the gradients of each epoch, the network built anew every time."""
    weights = list(given.pop("weights", (0.15, 0.2, 0.25, 0.3, 0.4, 0.45, 0.5, 0.55)))
    for _ in range(epochs):
        loss, w = assignment(weights, **given)
        slopes = grad(loss, w)
        yield weights, loss.data, slopes
        weights = [weight - lr * slope for weight, slope in zip(weights, slopes)]


def read(path, sheet="training"):
    """The header and the rows below it, from the numbers that the file shows."""
    page = openpyxl.load_workbook(path, data_only=True)[sheet]
    header = [cell.value for cell in page[FIRST - 1]]
    return header, [list(row) for row in page.iter_rows(min_row=FIRST, max_col=len(header), values_only=True)]


def recalculated(path, folder, **changes):
    """The file after a person changed cells at the top and a spreadsheet program computed it from scratch."""
    (path,) = computed(folder, without_numbers(path, folder, **changes))
    return path


def agree(path, sheet, expected):
    header, rows = read(path, sheet)
    assert len(rows) == len(expected)
    names = [f"w{k}" for k in range(1, 9)]
    for row, (weights, loss, slopes) in zip(rows, expected):
        found = dict(zip(header, row))
        assert [found[name] for name in names] == pytest.approx(weights, rel=1e-12)
        assert [found[f"∂E/∂{name}"] for name in names] == pytest.approx(slopes, rel=1e-12)
        assert found["E_total"] == pytest.approx(loss, rel=1e-12)


@pytest.fixture(scope="module")
def workbook(tmp_path_factory):
    loss, w = assignment()
    return save_workbook(
        loss, w, tmp_path_factory.mktemp("sheets") / "backpropagation.xlsx", epochs=100, lr=0.5
    )


# --- what the file holds -----------------------------------------------------------------------------


@pytest.mark.slow
def test_the_columns_are_the_labels(workbook):
    header, rows = read(workbook)
    names = ["epoch", "i1", "i2", "t1", "t2", *(f"w{k}" for k in range(1, 9))]
    assert header[: len(names)] == names
    assert header[-8:] == [f"∂E/∂w{k}" for k in range(1, 9)]
    between = header[len(names) : -8]
    assert sorted(between) == sorted(
        ["h1", "a_h1", "h2", "a_h2", "o1", "a_o1", "o2", "a_o2", "E1", "E2", "E_total"]
    )
    assert [row[0] for row in rows] == list(range(1, 101))


def test_every_number_of_the_table_is_a_formula(workbook):
    page = openpyxl.load_workbook(workbook)["training"]
    cells = {cell.coordinate: cell.value for row in page.iter_rows(min_row=FIRST) for cell in row}
    assert len(cells) == 100 * 32
    assert [place for place, value in cells.items() if not str(value).startswith("=")] == ["A9"]
    header = {cell.value: cell.column_letter for cell in page[FIRST - 1]}
    w5, i1, o1, h, out = (header[name] for name in ("w5", "i1", "o1", "a_h1", "a_o1"))
    assert cells[f"{i1}9"] == f"={i1}$5"
    assert cells[f"{w5}9"] == f"={w5}$5"
    assert cells[f"{w5}10"] == f"={w5}9-$A$5*{header['∂E/∂w5']}9"
    assert cells[f"{out}12"] == f"=IF({o1}12<-700,EXP({o1}12),1/(1+EXP(-{o1}12)))"
    slope = f"=({out}12-{header['t1']}12)*{out}12*(1-{out}12)*{h}12"
    assert cells[f"{header['∂E/∂w5']}12"] == slope


def test_a_person_finds_the_way(workbook):
    page = openpyxl.load_workbook(workbook)["training"]
    assert page.freeze_panes == "B9"
    words = {header.value: cell.value for header, cell in zip(page[8], page[7])}
    assert words["h1"] == "h1 = w1 · i1 + w2 · i2"
    assert words["∂E/∂w5"] == "∂E/∂w5 = (a_o1 − t1) · a_o1 (1 − a_o1) · a_h1"
    assert words["w1"] == "w1 − η · ∂E/∂w1, both of the row above"
    assert [cell.value for cell in page[4]][:6] == ["η", "i1", "i2", "t1", "t2", "w1"]
    assert [cell.value for cell in page[5]][:6] == [0.5, 0.05, 0.1, 0.5, 0.5, 0.15]
    assert page["B5"].fill.fgColor.rgb == "FFFFF2CC"


def test_one_loss_chart_and_one_of_the_six_rates(workbook):
    book = openpyxl.load_workbook(workbook)
    assert book.sheetnames[:2] == ["training", "learning rates"]
    assert len(book["training"]._charts) == 1
    (chart,) = book["learning rates"]._charts
    assert len(chart.series) == 6
    assert [cell.value for cell in book["learning rates"][1]] == [
        "epoch",
        *(f"η = {rate:g}" for rate in RATES),
    ]


@pytest.mark.slow
def test_the_numbers_shown_before_any_recalculation_are_the_engines(workbook):
    agree(workbook, "training", list(by_hand(100, 0.5)))
    for rate in (0.1, 2.0):
        agree(workbook, f"η = {rate:g}", list(by_hand(100, rate)))
    page = openpyxl.load_workbook(workbook, data_only=True)["learning rates"]
    expected = [loss for _, loss, _ in by_hand(100, 2.0)]
    assert [row[6] for row in page.iter_rows(min_row=2, max_col=7, values_only=True)] == pytest.approx(
        expected, rel=1e-12
    )


def test_the_same_table_as_plain_numbers(tmp_path, workbook):
    loss, w = assignment()
    with open(save_workbook(loss, w, tmp_path / "table.csv", epochs=7, lr=0.5), encoding="utf-8") as file:
        header, *rows = csv.reader(file)
    expected_header, expected = read(workbook)
    assert header == expected_header
    assert [list(map(float, row)) for row in rows] == [pytest.approx(row, rel=1e-15) for row in expected[:7]]


# --- computed by a spreadsheet program ---------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.office
def test_recalculated_with_another_rate_weights_inputs_and_targets(tmp_path, workbook):
    path = recalculated(workbook, tmp_path, η=0.7, w1=-0.6, w8=1.25, i2=0.9, t1=0.01)
    given = {
        "weights": (-0.6, 0.2, 0.25, 0.3, 0.4, 0.45, 0.5, 1.25),
        "inputs": (0.05, 0.9),
        "targets": (0.01, 0.5),
    }
    agree(path, "training", list(by_hand(100, 0.7, **given)))
    agree(path, "η = 0.5", list(by_hand(100, 0.5, **given)))  # the other sheets follow
    agree(path, "η = 2", list(by_hand(100, 2.0, **given)))


@pytest.mark.slow
@pytest.mark.office
def test_a_network_with_tanh_and_softmax_cross_entropy(tmp_path):
    model = MLP(3, [4, 2], activation="tanh", seed=1)
    x = [Value(0.5, "x0"), Value(-1.0, "x1"), Value(0.25, "x2")]
    start = [p.data for p in model.parameters()]
    loss = labelled(cross_entropy(model(x), 1), "loss")
    path = save_workbook(loss, model.parameters(), tmp_path / "mlp.xlsx", epochs=10, lr=0.3)
    header, rows = read(recalculated(path, tmp_path))
    assert len(header) == 1 + 3 + len(start) * 2 + len(
        [name for name in header if name.startswith("v")]
    ) + 1 + len([name for name in header if name.startswith("∂loss/∂v")])
    names = [p.label for p in model.parameters()]
    for row in rows:
        found = dict(zip(header, row))
        assert [found[name] for name in names] == pytest.approx(
            [p.data for p in model.parameters()], rel=1e-11, abs=1e-15
        )
        again = cross_entropy(model([0.5, -1.0, 0.25]), 1)
        assert found["loss"] == pytest.approx(again.data, rel=1e-12)
        slopes = grad(again, model.parameters())
        assert [found[f"∂loss/∂{name}"] for name in names] == pytest.approx(slopes, rel=1e-11, abs=1e-15)
        for p, slope in zip(model.parameters(), slopes):
            p.data -= 0.3 * slope
    assert rows[-1][header.index("loss")] < rows[0][header.index("loss")]


@pytest.mark.office
def test_every_row_of_the_table_in_cells(tmp_path):
    """One formula for each row, at two points of its domain, beside the engine's own number."""
    book = openpyxl.Workbook()
    expected = []
    for row in TABLE.values():
        for part in (0.3, 0.8):
            count = max([len(row.domain), *(position + 1 for position in row.vectors)])
            numbers = []
            for position in range(count):
                low, high = row.domain[min(position, len(row.domain) - 1)]
                number = round(max(low, -4.0) + part * (min(high, 4.0) - max(low, -4.0)), 3)
                numbers.append([number, number - 0.7] if position in row.vectors else number)
            if row.name == "where":
                numbers[0] = float(part > 0.5)
            line = len(expected) + 1
            cells = iter("ABCDEFGH")
            symbols = []
            for number in numbers:
                each = number if isinstance(number, list) else [number]
                named = [Symbol("x", cell=f"{next(cells)}{line}") for _ in each]
                for symbol, data in zip(named, each):
                    book.active[symbol.cell] = data
                symbols.append(named if isinstance(number, list) else named[0])
            book.active[f"J{line}"] = "=" + SHEET.write(in_cells(row(*symbols)))
            expected.append((row.name, numbers, row(*numbers)))
    book.save(tmp_path / "rows.xlsx")
    page = openpyxl.load_workbook(*computed(tmp_path, tmp_path / "rows.xlsx"), data_only=True).active
    for line, (name, numbers, value) in enumerate(expected, 1):
        assert page[f"J{line}"].value == pytest.approx(value, rel=1e-12), (name, numbers)


def at_the_ends(row):
    """Operands at which an exponential, a square or their like leaves the floats."""
    for number in (
        -800.0,
        800.0,
        -720.0,
        -355.0,
        355.0,
        40.0,
        -40.0,
        1e-9,
        -1e-9,
        1e-170,
        1e160,
        -1e160,
        0.0,
    ):
        others = [0.0, 1.0, -1.0, number / 2.0]
        for other in others[: 1 + 3 * (len(row.domain) > 1)]:
            count = max(len(row.domain), *(position + 1 for position in row.vectors), 1)
            flat = [number, other, 1.0, 1.0][:count]
            args = [[each, other] if position in row.vectors else each for position, each in enumerate(flat)]
            yield indexed(row, args, int(number == 0.0))


def ordinary(row):
    """Operands inside the row's domain, where its textbook slope holds."""
    middle = [max(low, -2.0) + 0.6 * (min(high, 2.0) - max(low, -2.0)) for low, high in row.domain]
    if row.name == "where":
        middle[0] = 1.0
    return [[each, each - 0.3] if position in row.vectors else each for position, each in enumerate(middle)]


def leaves_of(numbers):
    leaves = [
        [Value(each) for each in number] if isinstance(number, list) else Value(number) for number in numbers
    ]
    return leaves, [leaf for each in leaves for leaf in (each if isinstance(each, list) else [each])]


def outlined(row, numbers):
    """The row recorded with these numbers as a workbook has it: its symbols, its formula and its slopes."""
    leaves, flat = leaves_of(numbers)
    output = row(*leaves)
    outline = Outline(output, flat, branches=True, computed=True)
    steps = {step.node: step for step in outline.steps()}
    slopes = [steps[leaf].closed if leaf in steps else Number(0.0) for leaf in flat]
    return [outline.names[node] for node in (*flat, output)], [outline.formulas[output], *slopes]


def more_than_spreadsheets_take(row, numbers, typed):
    """The sine of what is huge, and a power of 0 whose exponent was typed in."""
    huge = row.name in ("sin", "cos", "tan") and abs(numbers[0]) > 1e15
    return huge or (typed and row.name in ("pow", "power", "monomial") and 0.0 in numbers[:2])


@pytest.mark.slow
@pytest.mark.office
def test_no_cell_overflows_where_the_row_does_not(tmp_path):
    """Each row and its slopes, as a workbook has them, where they saturate, beside the engine's numbers.

    Recorded there; and recorded with ordinary numbers, for which others were typed in.
    """
    book = openpyxl.Workbook()
    expected = []
    for row in TABLE.values():
        usual = outlined(row, ordinary(row))
        for numbers in at_the_ends(row):
            leaves, flat = leaves_of(numbers)
            output = row(*leaves)
            engine = dict(zip("JKLMNO", [output.data, *grad(output, flat)], strict=False))
            for typed in (False, True):
                if more_than_spreadsheets_take(row, numbers, typed):
                    continue
                line = len(expected) + 1
                symbols, formulas = usual if typed else outlined(row, numbers)
                for symbol, letter, leaf in zip(symbols, "ABCDE", flat, strict=False):
                    symbol.cell = f"{letter}{line}"
                    book.active[symbol.cell] = leaf.data
                symbols[-1].cell = f"J{line}"
                for letter, formula in zip("JKLMNO", formulas, strict=False):
                    book.active[f"{letter}{line}"] = "=" + SHEET.write(in_cells(formula))
                expected.append((row.name, numbers, typed, engine))
    book.save(tmp_path / "rows.xlsx")
    page = openpyxl.load_workbook(*computed(tmp_path, tmp_path / "rows.xlsx"), data_only=True).active
    wrong = []
    for line, (name, numbers, typed, engine) in enumerate(expected, 1):
        for letter, number in engine.items():
            found = page[f"{letter}{line}"].value
            rounded = typed or (
                name == "logsumexp" and len(numbers[0]) > 2
            )  # 1 − y² has the digits of 1 only
            if (
                math.isfinite(number)
                and math.isfinite(engine["J"])
                and found != pytest.approx(number, rel=1e-12, abs=1e-15 if rounded else 1e-300)
            ):
                wrong.append((name, numbers, typed, letter, found, number))
    assert wrong == []


# --- labels, aliases, charts -------------------------------------------------------------------------

STRANGE = [
    "=1+1", "{=1+1}", "+1", "-1", "@SUM(A1)", "http://a.b", "https://a.b", "ftp://a.b", "internal:Sheet1!A1",
    "external:a.xlsx", "mailto:a@b.c", "=training!$A$1", "='learning rates'!$A$1", "1", "TRUE", "#N/A", "",
    "'", '""',
]  # fmt: skip


@pytest.mark.parametrize("label", STRANGE)
def test_a_label_is_text_in_every_cell_and_in_the_charts(tmp_path, label):
    w, x, x2 = Value(1.0, label), Value(3.0, label), Value(2.0, f"{label} x")
    loss = labelled(labelled(w * x + x2, label) ** 2, label)
    path = save_workbook(loss, [w], tmp_path / "t.xlsx", epochs=2)
    book = openpyxl.load_workbook(path)
    for page in book:
        top = [cell for row in page.iter_rows(max_row=FIRST - 1) for cell in row if cell.value is not None]
        if page.title == "learning rates":
            top = [cell for cell in page[1] if cell.value is not None]
        formulas = [cell for cell in top if cell.data_type == "f"]
        assert all(re.fullmatch(r"=training!\w+5", cell.value) for cell in formulas)
        assert all(cell.hyperlink is None for cell in top)
    with zipfile.ZipFile(path) as file:
        charts = [file.read(name).decode() for name in file.namelist() if name.startswith("xl/charts/chart")]
    assert charts
    headers = {cell.value for cell in book["training"][FIRST - 1]}
    for chart in charts:
        titles = [part.partition("</c:title>")[0] for part in chart.split("<c:title>")[1:]]
        references = [
            title.partition("<c:f>")[2].partition("</c:f>")[0] for title in titles if "<c:f>" in title
        ]
        (reference,) = references  # of the axis of losses, to the header of its column
        sheet, _, place = reference.rpartition("!")
        cell = book[sheet][place.replace("$", "")]
        assert cell.data_type == "s"
        assert cell.value in headers


@tries(5)
@given(st.lists(LABELS, min_size=8, max_size=8))
@example(["12345" * 1000, "n" * 100_000, *"abcdef"])
def test_no_label_is_run_followed_or_lost(tmp_path_factory, labels):
    """The cells that compute are those of the same graph with plain names, and so are the file's parts."""

    def said(labels):
        leaves = [Value(float(k), label) for k, label in enumerate(labels[:6])]
        h = labelled(dot(leaves[:3], leaves[3:]), labels[6])
        path = tmp_path_factory.getbasetemp() / "labels.xlsx"
        save_workbook(labelled(h * h, labels[7]), leaves[:2], path, epochs=1)
        with zipfile.ZipFile(path) as file:
            names = file.namelist()
        cells = [cell for page in openpyxl.load_workbook(path) for row in page.iter_rows() for cell in row]
        assert all(cell.hyperlink is None for cell in cells)
        assert all(len(cell.value) < 20_000 for cell in cells if isinstance(cell.value, str))
        return names, [cell.data_type for cell in cells], [cell.value is None for cell in cells]

    assert said(labels) == said("abcdefgh")


def test_what_is_longer_than_a_cell_is_there_as_far_as_there_is_room(tmp_path):
    leaves = [Value(1.0, f"{number:0150}") for number in range(300)]
    total = labelled(autograd.sum(leaves), "E")
    page = openpyxl.load_workbook(save_workbook(total, leaves[:1], tmp_path / "t.xlsx", epochs=1))["training"]
    (words,) = [cell.value for cell in page[FIRST - 2] if str(cell.value).startswith("E = ")]
    assert re.fullmatch(r"E = .{15996}… \(\d+,\d{3} more characters\)", words)


HEADERS = st.sampled_from(
    ["epoch", "E", "E_2", "epoch_2", "∂E/∂E", "∂E/∂w", "∂E/∂h4", "∂E/∂v1", "v1", "w", ""]
)


@tries(60)
@given(st.lists(HEADERS, min_size=9, max_size=9), st.sampled_from(["E", "E_total", "epoch"]))
def test_every_column_has_a_header_of_its_own(labels, name):
    """Also where people give their numbers the names of other columns, such as of derivatives in between."""
    w, x, *given = labels
    nodes = [Value(0.7, w), Value(-1.3, x)]
    for k, label in enumerate(given):
        node = autograd.tanh(nodes[-1] * nodes[-2] + nodes[0])
        nodes.append(labelled(node, label or f"h{k}"))
    with tempfile.TemporaryDirectory() as folder:
        path = save_workbook(labelled(nodes[-1] ** 2, name), nodes[:1], f"{folder}/t.csv", epochs=1)
        header, _ = csv.reader(path.read_text(encoding="utf-8").splitlines())
    assert len(set(header)) == len(header)
    assert any(column.startswith("∂") for column in header[:-1])


ALIASES = {
    "0 + h": lambda h: 0 + h,
    "h - 0": lambda h: h - 0,
    "1 * h": lambda h: 1 * h,
    "h / 1": lambda h: h / 1,
    "h ** 1": lambda h: h**1,
    "--h": lambda h: (-h).__neg__(),
    "+h": lambda h: +h,
    "sum([h])": lambda h: autograd.sum([h]),
    "mean([h])": lambda h: autograd.mean([h]),
    "dot([1], [h])": lambda h: dot([1.0], [h]),
    "sum of Python": lambda h: sum([h]),
    "twice": lambda h: 0 + 1 * h,
}


@pytest.mark.parametrize("alias", ALIASES)
@pytest.mark.parametrize(
    "reader", [lambda h: h**2, sigmoid, lambda h: h * h.exp(), lambda h: autograd.sum([h, h])]
)
def test_a_node_that_is_another_one_unchanged_has_no_column_and_no_factor(tmp_path, alias, reader):
    w, x = Value(0.7, "w"), Value(-1.3, "x")
    h = labelled(w * x, "h")
    loss = labelled(reader(ALIASES[alias](h)), "E")
    with open(save_workbook(loss, [w], tmp_path / "t.csv", epochs=1), encoding="utf-8") as file:
        header, row = csv.reader(file)
    assert header[:4] == ["epoch", "x", "w", "h"]
    assert header.count("h") == 1
    derivation = autograd.explain(loss, w)
    assert "∂h/∂h" not in derivation.text
    assert "h = h" not in derivation.text
    assert float(row[header.index("∂E/∂w")]) == derivation.value == grad(loss, w)[0]


@pytest.mark.slow
@pytest.mark.office
def test_an_alias_with_a_label_has_a_column_of_its_own(tmp_path):
    w = Value(0.7, "w")
    h = labelled(w * 2.0, "h")
    y = labelled(1 * h, "y")
    again = labelled(0 + y, "h")  # of the same label as another node
    path = save_workbook(labelled(again**2 + h, "E"), [w], tmp_path / "t.xlsx", epochs=1)
    header, (row,) = read(recalculated(path, tmp_path))
    assert header == ["epoch", "w", "h", "y", "h_2", "E", "∂E/∂w"]
    assert row[2:] == pytest.approx([1.4, 1.4, 1.4, 1.4**2 + 1.4, 2 * 1.4 * 2 + 2])


@pytest.mark.slow
@pytest.mark.office
def test_a_branch_that_is_not_taken_is_not_computed(tmp_path):
    """√ of a negative number is an error in a cell, and 0 times an error is one too."""
    w = Value(-4.0, "w")
    root = labelled(sqrt(w), "r")
    for _ in range(30):  # long enough that derivatives have columns
        root = labelled(sqrt(root + w * 0.01), "")
    loss = labelled(where(w > 0, root, 3.0 * w) + where(relu(w), root * 2.0, w), "E")
    path = save_workbook(loss, [w], tmp_path / "t.xlsx", epochs=2, lr=-2.0)
    header, rows = read(recalculated(path, tmp_path))
    assert [row[header.index("E")] for row in rows[:1]] == [-16.0]
    assert [row[header.index("∂E/∂w")] for row in rows[:1]] == [4.0]


def test_no_chart_hides_a_negative_loss(tmp_path):
    w = Value(1.0, "w")
    path = save_workbook(labelled(w * 3.0 - 10.0, "E"), [w], tmp_path / "t.xlsx", epochs=5)
    with zipfile.ZipFile(path) as file:
        charts = [file.read(name).decode() for name in file.namelist() if name.startswith("xl/charts/chart")]
    assert len(charts) == 8  # one for each training, one for all rates
    for chart in charts:
        value_axes = chart.split("<c:valAx>")[1:]
        assert len(value_axes) == 2
        assert "<c:min" in value_axes[0]  # epochs begin at 0
        assert "<c:min" not in value_axes[1]


@pytest.mark.parametrize("kind", [int, np.int8, np.int64, np.uint16, np.array])
def test_integers_of_numpy_are_integers(tmp_path, kind):
    w = Value(2.0, "w")
    loss = labelled((w - 1) ** 2, "E")
    text = save_workbook(loss, [w], tmp_path / "t.csv", epochs=kind(3)).read_text(encoding="utf-8")
    assert len(text.splitlines()) == 4
    for bad in (True, np.True_, 2.0, np.float64(2.0), "3", None, kind(0)):
        with pytest.raises(ValueError, match="epochs must be a whole number from 1 on"):
            save_workbook(loss, [w], tmp_path / "t.csv", epochs=bad)
    assert autograd.explain(loss, w, digits=kind(3), max_paths=kind(5)).digits == 3
    assert autograd.draw(loss, precision=kind(3), depth=kind(1), limit=kind(100)).source
    assert autograd.gradcheck(lambda a: a * a, [1.0], order=kind(1))
    assert autograd.explore(loss, wrt=[w], epochs=kind(2), frames=kind(2), limit=kind(50)).html
    program = autograd.compile(loss, [w], backend="numpy")
    assert len(program.descend(np.array([2.0]), None, rate=0.1, steps=kind(3))) == 3


# --- what cannot be done -----------------------------------------------------------------------------


def test_both_branches_are_in_the_formula(tmp_path):
    """During training a condition may change its mind, so the gradient holds for both."""
    w, x = Value(1.0, "w"), Value(2.0, "x")
    gap = labelled(w * x, "gap")
    loss = labelled(where(relu(gap - 1.0), gap**2, gap * 3.0), "E")
    with open(save_workbook(loss, [w], tmp_path / "t.csv", epochs=5, lr=0.1), encoding="utf-8") as file:
        header, *rows = csv.reader(file)
    assert [float(row[header.index("∂E/∂w")]) for row in rows] == pytest.approx([8.0, 6.0, 6.0, 6.0, 6.0])


def test_a_weight_that_does_not_matter(tmp_path):
    w, v = Value(1.0, "w"), Value(2.0, "v")
    with open(save_workbook(softplus(w), [w, v], tmp_path / "t.csv", epochs=2), encoding="utf-8") as file:
        header, *rows = csv.reader(file)
    assert [row[header.index("∂v1/∂v")] for row in rows] == ["0.0", "0.0"]


def test_partials_that_a_cell_cannot_compute_are_refused(tmp_path):
    @primitive(partials=lambda y, x: math.cosh(x), name="test_opaque", sheet="SINH({0})")
    def opaque(x):
        return math.sinh(x)

    w = Value(1.0, "w")
    with pytest.raises(ValueError, match="partials of test_opaque are not plain arithmetic"):
        save_workbook(opaque(w), [w], tmp_path / "t.xlsx")


@pytest.mark.parametrize("number", [0.1 + 0.2, 1 / 3, -2e-300 / 3, 1e300 / 7, 123456789.123456789])
def test_the_cells_at_the_top_have_all_digits(tmp_path, number):
    w = Value(number, "w")
    path = save_workbook(labelled(w * 1e-9, "E"), [w], tmp_path / "t.xlsx", epochs=1, lr=2 / 3)
    page = openpyxl.load_workbook(path)["training"]
    assert (page["B5"].value, page["A5"].value) == (number, 2 / 3)


def test_a_loss_that_is_a_leaf(tmp_path):
    w = Value(1.0, "w")
    text = save_workbook(w, [w], tmp_path / "t.csv", epochs=2, lr=0.5).read_text(encoding="utf-8")
    assert text == "epoch,w,∂w/∂w\n1,1.0,1.0\n2,0.5,1.0\n"
    save_workbook(w, [w], tmp_path / "t.xlsx", epochs=2, lr=0.5)


def test_a_loss_that_overflows_is_an_error_cell(tmp_path):
    w = Value(100.0, "w")
    path = save_workbook(labelled(w.exp(), "E"), [w], tmp_path / "t.xlsx", epochs=3, lr=-10.0)
    header, rows = read(path)
    assert rows[1][header.index("E")] == "#NUM!"


def test_nothing_is_written_when_it_cannot_be_done(tmp_path, monkeypatch):
    w = Value(1.0, "w")
    target = tmp_path / "old.xlsx"
    target.write_text("keep me")
    wide = labelled(autograd.sum([w * k for k in range(3000)]), "E")
    with pytest.raises(GraphTooLargeError, match="characters in a formula, more than 8192"):
        save_workbook(wide, [w], target)
    monkeypatch.setitem(sys.modules, "xlsxwriter", None)
    with pytest.raises(MissingExtraError, match=r"scalar-autograd\[xlsx\]"):
        save_workbook(w * 2.0, [w], target)
    assert target.read_text() == "keep me"
    assert [path.name for path in tmp_path.iterdir()] == ["old.xlsx"]


@pytest.mark.slow
@pytest.mark.office
def test_derivatives_that_many_gradients_share_have_columns_of_their_own(tmp_path):
    """In a deep network: written out in every gradient, they would be too long for a cell."""
    model = MLP(2, [3, 3, 3, 3, 1], "tanh", seed=0)
    x = [Value(0.3, "x1"), Value(-0.7, "x2")]
    for i, parameter in enumerate(model.parameters()):
        parameter.label = f"p{i}"
    loss = (model(x) - Value(0.25, "t")) ** 2
    loss.label = "L"
    path = save_workbook(loss, model.parameters(), tmp_path / "deep.xlsx", epochs=5, lr=0.1)
    header, rows = read(*computed(tmp_path, path))
    assert sum(name.startswith("∂L/∂") for name in header) > len(model.parameters())
    for row in rows:
        found = dict(zip(header, row))
        for parameter in model.parameters():
            parameter.data = found[parameter.label]
        again = (model([0.3, -0.7]) - 0.25) ** 2
        assert found["L"] == pytest.approx(again.data, rel=1e-12)
        slopes = grad(again, model.parameters())
        assert [found[f"∂L/∂{p.label}"] for p in model.parameters()] == pytest.approx(slopes, rel=1e-12)
