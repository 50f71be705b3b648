"""Kinds of sheets that classes hand in, drawn: right ones are never called wrong, a planted slip is found.

A kind is a way to write headings, numbers or tables. Each is drawn with numbers of its own, once right and
once with a slip; what belongs where is computed in plain Python (see `sheets_made`).
"""

import math
import random
import re

import pytest

from autograd.spreadsheet import SheetError, assignment, check_workbook
from autograd.spreadsheet.cells import LIMITS
from autograd.spreadsheet.vocabulary import short
from tests.support.profiles import scaled
from tests.support.sheets_made import (
    COLUMNS,
    FORWARD,
    GIVEN,
    RIGHT,
    SLOPES,
    WEIGHTS,
    Layout,
    Live,
    Training,
    write_csv,
    write_xlsx,
)

RIGHT_STATUS, WRONG, UNREADABLE, UNSURE = range(4)
COMMON = {name: RIGHT[name].replace("a_h2", "a_h1") for name in ("∂E/∂w3", "∂E/∂w4")}
WORDS = "a_h1 (1 − a_h1) stands where a_h2 (1 − a_h2) belongs"


def drawn(rng, count=6, lr=None):
    """A training with numbers that nobody uses, none of which hides a slip."""
    numbers = {name: rng.choice((-1, 1)) * rng.randint(10, 90) / 100 for name in ("i1", "i2", *WEIGHTS)}
    numbers |= {name: rng.randint(2, 95) / 100 for name in ("t1", "t2")}
    return Training({**numbers, "η": lr or rng.choice([0.1, 0.2, 0.5, 0.8, 1.0, 2.0])}, count)


@pytest.fixture
def check(tmp_path):
    def checked(grid, lr=None, name="sheet.csv", sheets=None, **how):
        path = tmp_path / name
        if sheets or path.suffix == ".xlsx":
            write_xlsx(path, sheets or {"Sheet1": grid}, **how)
        else:
            write_csv(path, grid, **how)
        return check_workbook(path, assignment(), lr=lr)

    return checked


def wrong(report):
    return [short(each.quantity) for table in report.tables for each in table.mistakes]


def slips(report):
    return {each.slip.words if each.slip else "" for table in report.tables for each in table.mistakes}


# --- headings --------------------------------------------------------------------------------------------

INDEX = str.maketrans("12345678", "₁₂₃₄₅₆₇₈")
LANGUAGES = {
    "German": {"w": "Gewicht", "i": "Eingang", "t": "Ziel", "E": "Fehler"},
    "Spanish": {"w": "peso", "i": "entrada", "t": "objetivo", "E": "error"},
    "French": {"w": "poids", "i": "entrée", "t": "cible", "E": "erreur"},
    "Russian": {"w": "вес", "i": "вход", "t": "цель", "E": "ошибка"},
    "Chinese": {"w": "权重", "i": "输入", "t": "目标", "E": "误差"},
}


def in_language(words):
    return lambda name: f"{words[name[0]]} {name[1]}" if re.fullmatch(r"[witE]\d", name) else name


def slope(form):
    return lambda name: form.format(name[4:]) if name in SLOPES else name


HEADINGS = {
    "as they are": lambda name: name,
    "E∂w1": slope("E∂{}"),
    "italic": slope("E\U0001d715{}"),
    "Edw1": slope("Ed{}"),
    "Etotaldw1": slope("Etotald{}"),
    "∂Ew1": slope("∂E{}"),
    "dEtotalw1": slope("dEtotal{}"),
    "Cyrillic schwa": slope("ӘE/Ә{}"),
    "Cyrillic E": slope("∂Е/∂{}"),
    "∂L/∂w1": slope("∂L/∂{}"),
    "dJ_dw1": slope("dJ_d{}"),
    "delta E / delta w1": slope("delta E / delta {}"),
    "partial": slope("partial E / partial {}"),
    "gradient of w1": slope("gradient of {}"),
    "w1 gradient": slope("{} gradient"),
    "∇w1": slope("∇{}"),
    "subscripts": lambda name: name.translate(INDEX),
    "x and y": lambda name: {"i": "x", "t": "y"}.get(name[0], "") + name[1:] if name in GIVEN else name,
    "y and ŷ": lambda name: re.sub("^t(?=[12])", "y", name.replace("a_o", "ŷ")),
    "omega": lambda name: name.replace("w", "ω"),
    "mathematical letters": lambda name: name.replace("w", "\U0001d464").replace("E", "\U0001d438"),
    "a remark in parentheses": lambda name: f"{name} ( of neuron {name} )" if name[0] in "tiho" else name,
    "a remark behind a dash": lambda name: f"{name} - as in the lecture",
    "a remark behind a comma": lambda name: f"{name}, see the picture",
    "name in parentheses": lambda name: f"input of the neuron ({name})" if name[0] in "ho" else name,
    "units": lambda name: f"{name} [-]" if name in GIVEN else name,
    "capitals and spaces": lambda name: f"  {name.upper().replace('_', ' ')} ",
    **{language: in_language(words) for language, words in LANGUAGES.items()},
}  # fmt: skip


@pytest.mark.parametrize("style", HEADINGS)
def test_headings_are_read(style, check):
    """Every column is compared, and the commonest slip of all is found where it stands."""
    rng = random.Random(style)
    training = drawn(rng)
    layout = Layout(headers={name: HEADINGS[style](name) for name in COLUMNS}, corner=(3, 1), rate=(1, 2))
    report = check(layout.grid(training))
    assert report.status == RIGHT_STATUS, report
    assert len(report.tables[0].judged.columns) == len(COLUMNS)
    report = check(layout.grid(training.with_slip(COMMON)))
    assert wrong(report) == list(COMMON), report
    assert slips(report) == {WORDS}
    assert [each.cell for each in report.findings[:2]] == [layout.cell(name, 0) for name in COMMON]


@pytest.mark.parametrize(
    "text",
    [
        "w1 a_h1", "t1 - a_o1", "a_h1 (1 - a_h1)", "a_h1(1-a_h1)", "error gradient (w1)", "delta w1", "Δw1",
        "new w1 (w1)", "square of (t1)", "side w1", "code d",
    ],
)  # fmt: skip
def test_what_computes_is_no_name(text):
    assert assignment().vocabulary.quantity(text) is None


def test_gradients_that_were_not_read_are_never_right(check):
    training = drawn(random.Random(1))
    layout = Layout(headers={name: f"no {turn} name" for turn, name in enumerate(SLOPES)}, corner=(3, 1))
    report = check(layout.grid(training))
    assert report.status == UNSURE
    assert str(report).startswith("CANNOT TELL: gradients not checked")


@pytest.mark.parametrize("seed", range(scaled(6)))
def test_a_mistyped_heading_is_named(seed, check):
    """A name that stands twice, where another is missing: numbers are right, and the heading is told."""
    rng = random.Random(seed)
    training = drawn(rng)
    meant, typed = rng.sample([*GIVEN, *FORWARD, *SLOPES], 2)
    layout = Layout(headers={meant: typed}, corner=(3, 1), rate=(1, 2))
    report = check(layout.grid(training))
    assert wrong(report) == [], report
    place = layout.cell(meant, -1)
    assert report.tables[0].understood.headings == [
        f"the heading in {place} should be {meant}, it says {typed}"
    ]
    report = check(layout.grid(training.with_slip({"h2": "w3*i1+w3*i2"})))
    assert report.status == WRONG


def test_a_sigmoid_without_parentheses_is_named(check):
    training = drawn(random.Random(4)).with_slip({"a_o1": "1/1+EXP(-o1)"})
    report = check(Layout(corner=(3, 1), rate=(1, 2)).grid(training))
    assert wrong(report) == ["a_o1"]
    assert slips(report) == {"1 / 1 + exp(−o1) stands where 1 / (1 + exp(−o1)) belongs: without parentheses"}


def test_another_target_than_was_used_is_told(check):
    """The sheet's t1 was changed after the numbers had been computed."""
    training = drawn(random.Random(5)).with_given(t1=0.2)
    layout = Layout(corner=(3, 1), rate=(1, 2))
    grid = layout.grid(training) | {layout.place("t1", row): 0.25 for row in range(6)}
    report = check(grid)
    assert wrong(report) == ["E1", *SLOPES[:6]]
    assert slips(report) == {"it was computed with t1 = 0.2, where t1 is 0.25 in this sheet"}


# --- tables ----------------------------------------------------------------------------------------------


def losses_below(rng, layout, training, grid):
    """A loss for each rate, with headings of its own, after some empty rows."""
    first = layout.place("t1", training.count - 1)[0] + 1 + rng.randint(0, 4)
    other = {(first, 1 + turn): f"rate {rate}" for turn, rate in enumerate((0.1, 0.2, 0.5, 0.8, 1, 2), 1)}
    for row in range(1, rng.randint(3, 9)):
        other |= {(first + row, 1): float(row)}
        other |= {(first + row, 1 + turn): round(0.2 / row + turn / 100, 6) for turn in range(1, 7)}
    return grid | other


def losses_below_without_headings(rng, layout, training, grid):
    first = layout.place("t1", training.count - 1)[0] + 1 + rng.randint(0, 2)
    numbers = ((row, column) for row in range(1, 6) for column in range(7))
    return grid | {(first + row, 1 + column): round(0.9 / row + column, 4) for row, column in numbers}


def on_its_side(rng, layout, training, grid):
    return {(column, row): content for (row, column), content in grid.items()}


def numbers_as_text(rng, layout, training, grid):
    return {place: repr(x) if isinstance(x, float) else x for place, x in grid.items()}


def hidden_epochs(rng, layout, training, grid):
    """A column of remarks on the right, a title above."""
    right = 1 + max(column for _, column in grid)
    return grid | {(1, 20): "Backpropagation by hand"} | {(4 + k, right): f"epoch {k}" for k in range(3)}


def curves_beside(rng, layout, training, grid):
    """A loss curve for each rate, below that rate, beside the table or some columns further."""
    left = 1 + max(column for _, column in grid) + rng.randint(0, 3)
    rates = (0.1, 0.5, 2.0)
    headings = {(3, left + turn): f"{rng.choice(('η', 'LR'))} = {rate}" for turn, rate in enumerate(rates)}
    losses = {
        (4 + row, left + turn): 0.2 / (1 + row * rate) for turn, rate in enumerate(rates) for row in range(4)
    }
    return grid | headings | losses


TABLES = [
    losses_below, losses_below_without_headings, on_its_side, numbers_as_text, hidden_epochs, curves_beside,
]  # fmt: skip


@pytest.mark.parametrize("kind", TABLES, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("name", ["sheet.csv", "sheet.xlsx"])
def test_tables_are_read(kind, name, check):
    rng = random.Random(f"{kind.__name__}{name}")
    training = drawn(rng, count=rng.randint(4, 9))
    layout = Layout(corner=(3, 1), rate=(1, 2))
    report = check(kind(rng, layout, training, layout.grid(training)), name=name)
    assert report.status == RIGHT_STATUS, report
    report = check(kind(rng, layout, training, layout.grid(training.with_slip(COMMON))), name=name)
    assert wrong(report) == list(COMMON), report


def test_equal_mistakes_of_several_tables_are_told_once(check):
    """Six sheets with the same slip: one headline, at most a screen; all of it with `full`."""
    sheets = {
        f"eta {lr}": Layout(corner=(3, 1), rate=(1, 2), live=True).grid(
            drawn(random.Random(lr), lr=lr).with_slip(COMMON)
        )
        for lr in (0.1, 0.2, 0.5, 0.8, 1.0, 2.0)
    }
    report = check({}, name="six.xlsx", sheets=sheets)
    lines = list(report.lines())
    assert lines[0].startswith("WRONG: 6 of 6 tables: ∂E/∂w3, ∂E/∂w4 (six.xlsx)")
    assert sum(WORDS in line for line in lines) == 1
    assert len(lines) <= 40
    assert len(list(report.lines(full=True))) > len(lines)
    assert "=" in "".join(report.lines(full=True))
    alone = {"only": sheets["eta 0.1"]}
    assert len(list(check({}, name="one.xlsx", sheets=alone).lines())) < 24


@pytest.mark.parametrize("seed", range(scaled(3)))
def test_weights_numbered_by_input_are_told(seed, check):
    """w2 leads from i1 to h2, and so on: all is right, and a slip stands out under the assignment's name."""
    other = {"w2": "w3", "w3": "w2", "w6": "w7", "w7": "w6"}
    headers = {f"{before}{name}": f"{before}{new}" for name, new in other.items() for before in ("", "∂E/∂")}
    training, layout = drawn(random.Random(seed)), Layout(headers=headers, corner=(3, 1), rate=(1, 2))
    report = check(layout.grid(training))
    assert report.status == RIGHT_STATUS, report
    assert "w2 is w3" in str(report)
    report = check(layout.grid(training.with_slip(COMMON)))
    assert wrong(report) == list(COMMON), report
    assert slips(report) == {WORDS}


def test_a_hidden_sheet_is_left_aside(check, tmp_path):
    """What is handed in can be seen; a scratch copy that is hidden is named and not judged."""
    openpyxl = pytest.importorskip("openpyxl", reason="it hides a sheet; it is in the extra test")
    training, layout = drawn(random.Random(1)), Layout(corner=(3, 1), rate=(1, 2))
    sheets = {"seen": layout.grid(training), "scratch": layout.grid(training.with_slip(COMMON))}
    assert check({}, name="both.xlsx", sheets=sheets).status == WRONG
    book = openpyxl.load_workbook(tmp_path / "both.xlsx")
    book["scratch"].sheet_state = "hidden"
    book.save(tmp_path / "hidden.xlsx")
    report = check_workbook(tmp_path / "hidden.xlsx", assignment())
    assert report.status == RIGHT_STATUS, report
    assert "hidden: sheet scratch" in str(report)
    book["seen"].sheet_state, book["scratch"].sheet_state = "hidden", "visible"
    book.save(tmp_path / "seen.xlsx")
    assert check_workbook(tmp_path / "seen.xlsx", assignment()).status == WRONG


def test_a_formula_that_was_not_recalculated_is_told(check):
    """The number in the file is an old one: the formula beside it is right."""
    training, layout = drawn(random.Random(6)), Layout(corner=(3, 1), rate=(1, 2), live=True)
    places = [layout.place("E_total", row) for row in range(training.count)]
    grid = layout.grid(training)
    report = check(grid | {at: Live(grid[at].text, 1.1 * grid[at].value) for at in places}, name="old.xlsx")
    assert wrong(report) == ["E_total"]
    (repair,) = report.findings[0].repairs
    assert "let the spreadsheet program recalculate" in repair


def test_names_of_another_table_are_no_numbers_of_this_one(check):
    """A list of gradients below a header whose names stand in the columns of the list."""
    training, layout = drawn(random.Random(2)), Layout(corner=(3, 2))
    grid = {place: x for place, x in layout.grid(training).items() if place[0] <= 4}
    grid = {place: x for place, x in grid.items() if place[0] == 3 or isinstance(x, str) or place[1] < 14}
    below = {(10 + turn, 3): name for turn, name in enumerate(SLOPES)}
    numbers = {(10 + turn, 6): training.value(name, 0) for turn, name in enumerate(SLOPES)}
    grid = {
        place: x
        for place, x in grid.items()
        if place[0] == 3 or layout.columns[place[1] - 2] in GIVEN + WEIGHTS
    }
    assert wrong(check(grid | below | numbers)) == []


# --- how exact numbers are ------------------------------------------------------------------------------


def cut(digits):
    """As a column shows them that is too narrow: cut, not rounded."""
    return lambda x: f"{math.trunc(x * 10**digits) / 10**digits:.{digits}f}"


def saved_by_google(x):
    return "0" if abs(x) < 1e-10 else f"{x:.10g}"


def test_numbers_that_are_saved_as_zero_are_not_wrong(check):
    """Google Sheets saves ten digits, and 0 for what is below 1e-10; it computes on with the number."""
    training = drawn(random.Random(3), count=40, lr=2.0)
    near = {f"t{k}": training.value(f"a_o{k}", 0) + 2.2e-5 for k in (1, 2)}
    training = drawn(random.Random(3), count=40, lr=2.0).with_given(**near)
    layout = Layout(corner=(3, 1), rate=(1, 2), text=saved_by_google)
    grid = layout.grid(training)
    assert {grid[layout.place("E1", row)] for row in (0, 39)} > {"0"}
    assert wrong(check(grid)) == []


PRINTS = {
    "six decimals": lambda x: f"{x:.6f}",
    "ten decimals": lambda x: f"{x:.10f}",
    "nine digits": lambda x: f"{x:.9g}",
    "fifteen digits": lambda x: f"{x:.15g}",
    "cut at seven": cut(7),
    "cut at nine": cut(9),
    "percent": lambda x: f"{100 * x:.10f}%",
    "exponents": lambda x: f"{x:.9E}",
}


@pytest.mark.parametrize("form", PRINTS)
def test_a_right_sheet_is_right_in_every_print(form, check):
    """With a decimal comma as well; a slip that the digits show is found."""
    rng = random.Random(form)
    for seed in range(scaled(3)):
        training = drawn(random.Random(f"{form}{seed}"), count=rng.randint(3, 12))
        layout = Layout(corner=(3, 1), rate=(1, 2), text=PRINTS[form])
        report = check(layout.grid(training))
        assert report.status in (RIGHT_STATUS, UNSURE), report
        assert wrong(report) == []
        comma = Layout(corner=(3, 1), rate=(1, 2), text=lambda x: PRINTS[form](x).replace(".", ","))
        assert wrong(check(comma.grid(training), delimiter=";")) == []
        slipped = check(layout.grid(training.with_slip({"h2": "w3*i1+w3*i2"})))
        assert wrong(slipped) == ["h2"], slipped


def noise_of_a_series(rng, layout, training, grid):
    """0.1 filled down as a series of step 0, which some programs get wrong in the last digits."""
    name = rng.choice(["i1", "i2"])
    x = training.given[name]
    begin = rng.randint(1, training.count - 1)
    noisy = float(f"{x * (1 - 3e-15):.15g}")
    return grid | {layout.place(name, row): noisy for row in range(begin, training.count)}


def all_digits_in_one_cell(rng, layout, training, grid):
    """A cell that somebody typed again has the digits of the double that is nearest."""
    name, row = rng.choice(WEIGHTS), rng.randint(0, training.count - 1)
    return grid | {layout.place(name, row): f"{float(grid[layout.place(name, row)]):.17f}"}


@pytest.mark.parametrize("kind", [noise_of_a_series, all_digits_in_one_cell], ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("seed", range(scaled(3)))
def test_digits_that_a_program_adds_are_no_error(kind, seed, check):
    rng = random.Random(seed)
    training = drawn(rng, count=9)
    digits = PRINTS["six decimals"] if kind is all_digits_in_one_cell else None
    layout = Layout(corner=(3, 1), rate=(1, 2), text=digits)
    report = check(kind(rng, layout, training, layout.grid(training)))
    assert wrong(report) == [], report
    assert report.status in (RIGHT_STATUS, UNSURE)


# --- other definitions ------------------------------------------------------------------------------------


@pytest.mark.parametrize("lr", [0.2, 0.8, 1.0, 2.0])
@pytest.mark.parametrize("read", [True, False], ids=["gradients read", "gradients unread"])
def test_the_rate_where_a_half_belongs(lr, read, check):
    """E = η (t − a)², with gradients of ½ (t − a)²: only E1 and E2 are wrong."""
    training = drawn(random.Random(lr), lr=lr)
    training = training.with_slip({f"E{k}": f"η*(t{k}-a_o{k})^2" for k in (1, 2)})
    headers = {} if read else {name: f"no {turn} name" for turn, name in enumerate(SLOPES)}
    report = check(Layout(headers=headers, corner=(3, 1), rate=(1, 2)).grid(training))
    assert wrong(report) == ["E1", "E2"], report
    said = {1.0: "η (or 1)"}.get(lr, "η")
    assert slips(report) == {f"{said} stands where ½ belongs"}


@pytest.mark.parametrize("function", ["relu", "tanh", "the sum itself"])
def test_another_activation_is_another_network(function, check):
    inner = {"relu": "max(0,{})", "tanh": "(EXP({0})-EXP(-{0}))/(EXP({0})+EXP(-{0}))", "the sum itself": "{}"}
    sheet = {f"a_h{k}": inner[function].format(f"h{k}") for k in (1, 2)}
    sign = 1.0 if function == "relu" else -1.0  # above 0 a relu is the sum itself
    training = drawn(random.Random(3)).with_given(
        w1=0.5 * sign, w2=0.4 * sign, w3=0.3, w4=0.2, i1=0.3, i2=0.6
    )
    values = Training.evaluated.__globals__
    values["max"] = max
    report = check(Layout(corner=(3, 1), rate=(1, 2)).grid(training.with_slip(sheet)))
    assert report.status == UNREADABLE, report
    assert "another network than the assignment" in " ".join(str(report).split())
    assert function in str(report)


def test_formulas_that_are_texts_are_refused(check):
    """Text cells that begin with an equals sign, or read like a formula: nothing was computed."""
    training = drawn(random.Random(4))
    layout = Layout(corner=(3, 1), rate=(1, 2))
    for form in ("'={}", "{}"):
        texts = {layout.place("h1", row): form.format("E4*C4+F4*D4") for row in range(6)}
        report = check(layout.grid(training) | texts, name="texts.xlsx")
        assert report.status == UNREADABLE, report
        said = f"{layout.cell('h1', 0)} holds a formula as text"
        assert said in " ".join(str(report).split())


# --- rates, starting values -------------------------------------------------------------------------------


@pytest.mark.parametrize("where", ["beside", "nowhere"])
def test_a_rate_that_was_asked_for_is_one_sentence(where, check):
    training = drawn(random.Random(6), lr=1.0)
    layout = Layout(corner=(3, 1), rate=(1, 2) if where == "beside" else None)
    report = check(layout.grid(training), lr=2.0)
    assert report.status == WRONG
    assert wrong(report) == []
    place = " (B1)" if where == "beside" else ""
    assert report.tables[0].faults == [f"the updates use η = 1{place}, --lr says 2"]
    assert check(layout.grid(training), lr=1.0).status == RIGHT_STATUS


def test_starting_values_and_rates_that_are_others_are_noted(check):
    training = Training(count=6).with_given(w4=0.5)
    report = check(Layout(corner=(3, 1)).grid(training), name="hand in lr 0.1.csv")
    assert report.status == RIGHT_STATUS
    notes = report.tables[0].understood.notes
    assert notes == [
        "w4 starts at 0.5, the assignment has 0.3",
        "the name hand in lr 0.1 says η = 0.1, the updates use 0.5",
    ]
    assert check(Layout().grid(Training(count=6)), name="lr=0.5.csv").tables[0].understood.notes == []


@pytest.mark.parametrize("seed", range(scaled(4)))
def test_first_weights_that_stand_nowhere_make_nothing_wrong(seed, check):
    """One is worked out; of two of one neuron it is said that they are missing."""
    training = drawn(random.Random(seed))
    for missing, statuses in ((["w2"], {RIGHT_STATUS}), (["w1", "w2"], {RIGHT_STATUS, UNSURE})):
        columns = [name for name in COLUMNS if name not in missing]
        report = check(Layout(columns, corner=(3, 1), rate=(1, 2)).grid(training))
        assert report.status in statuses, report
        assert wrong(report) == []


# --- repairs ----------------------------------------------------------------------------------------------


def rate_that_slides(training, begin, label):
    """B1 without dollar signs, so that from some row on other cells are read."""
    layout = Layout(corner=(3, 1), rate=(1, 2), live=True)
    grid = layout.grid(training) | {(1, 1): label}
    numbers = {(row, column): x for (row, column), x in grid.items()}

    def look(name, row):
        content = numbers[layout.place(name, row)]
        return content.value if isinstance(content, Live) else content

    for row in range(begin, training.count):
        used = numbers[1 + row - 1, 2] if row - 1 else training.given["η"]
        used = used.value if isinstance(used, Live) else used
        for name in WEIGHTS:
            gradient = look(f"∂E/∂{name}", row - 1)
            above, there = layout.cell(name, row - 1), layout.cell(f"∂E/∂{name}", row - 1)
            value = look(name, row - 1) - float(used) * gradient
            numbers[layout.place(name, row)] = Live(f"={above}-B{row}*{there}", value)
        own = {name: look(name, row) for name in (*GIVEN, *WEIGHTS)}
        once = Training({**training.given, **own}, 1)
        for name in (*FORWARD, *SLOPES):
            text = numbers[layout.place(name, row)].text
            numbers[layout.place(name, row)] = Live(text, once.value(name, 0))
    return numbers


@pytest.mark.parametrize("label", ["learning rate", "ͷ"], ids=["labelled", "no label"])
def test_a_rate_reference_that_slides_is_told(label, check):
    grid = rate_that_slides(drawn(random.Random(7), count=8, lr=0.3), 4, label)
    report = check(grid, name="slides.xlsx")
    assert wrong(report) == WEIGHTS, report
    for each in report.findings[:8]:
        assert "should be $B$1 (η): it slides when the formula is filled down" in each.repairs[0]


def test_a_second_slip_in_the_row_does_not_hide_the_repair(check):
    """h1 is wrong, and so all after it; the reference of ∂E/∂w3 is told by the row's own numbers."""
    training = drawn(random.Random(8), count=5).with_slip({"h1": "w1*i1+w1*i2", **COMMON})
    layout = Layout(corner=(3, 1), rate=(1, 2), live=True)
    report = check(layout.grid(training), name="two.xlsx")
    assert wrong(report) == ["h1", *COMMON], report
    found = {each.quantity: each for each in report.findings}["∂E_total/∂w3"]
    here, meant = layout.cell("a_h1", 0), layout.cell("a_h2", 0)
    assert found.repairs[0] == f"the reference {here} (a_h1) should be {meant} (a_h2) everywhere"


def test_a_search_that_is_given_up_is_said(check, monkeypatch):
    monkeypatch.setitem(LIMITS, "formulas tried to find slips", 3)
    training = drawn(random.Random(9)).with_slip(COMMON)
    report = check(Layout(corner=(3, 1), rate=(1, 2)).grid(training))
    assert wrong(report) == list(COMMON)
    assert [each.searched for each in report.findings] == [False, False]
    assert "was not searched further" in str(report)


def test_no_table_is_refused(check):
    with pytest.raises(SheetError, match="no table of the assignment"):
        check({(1, 1): "name", (1, 2): "mark", (2, 1): "x", (2, 2): 1.0})
