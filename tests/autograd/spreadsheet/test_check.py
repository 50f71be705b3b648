"""The check of other people's sheets: right ones pass, of wrong ones the cause is named.

The sheets are made in plain Python (see `sheets_made`), which also says what belongs into each wrong cell.
"""

from __future__ import annotations

import math
import random
import re
import subprocess
import sys
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from autograd.spreadsheet import Finding, SheetError, WorkbookReport, assignment, check_workbook, command
from autograd.spreadsheet.formulas import FormulaError, parsed
from autograd.spreadsheet.vocabulary import short
from demos import check
from tests.support.profiles import scaled, slow
from tests.support.sheets_made import (
    COLUMNS,
    DELTA,
    FORWARD,
    FOUR_BIASES,
    GIVEN,
    NAME,
    OTHER_TARGETS,
    RIGHT,
    SLOPES,
    STANDARD,
    TWO_BIASES,
    UPDATED,
    WEIGHTS,
    Grid,
    Layout,
    Training,
    write_csv,
    write_xlsx,
)

ROOT = Path(__file__).parents[3]
quantity = assignment().vocabulary.quantity
SIX_RATES = [0.1, 0.2, 0.5, 0.8, 1.0, 2.0]
TARGETS = {"half": {}, "far": OTHER_TARGETS}
BIASES = {"none": {}, "two": TWO_BIASES, "four": FOUR_BIASES}
LIVE = Layout(live=True, corner=(12, 2), rate=(3, 4))


@dataclass(frozen=True)
class Report:
    """What came out: the status of the command and what it printed, and the findings as data."""

    status: int
    text: str
    error: str
    data: WorkbookReport | None

    @property
    def mistakes(self) -> dict[str, Finding]:
        """By column the first finding that is no consequence of others."""
        return {
            short(each.quantity): each for table in self.data.tables[::-1] for each in table.mistakes[::-1]
        }

    @property
    def wrong(self) -> list[str]:
        return list(self.mistakes)[::-1]

    def cell(self, name: str) -> str:
        return self.mistakes[name].cell

    def slip(self, name: str) -> str:
        """The words for the slip; empty if it was not recognised."""
        slip = self.mistakes[name].slip
        return slip.words if slip else ""


@pytest.fixture
def run(capsys, monkeypatch) -> Callable[..., Report]:
    def called(*words: object) -> Report:
        held: list[WorkbookReport] = []

        def kept(*args, **named):
            held.append(check_workbook(*args, **named))
            return held[-1]

        monkeypatch.setattr(command, "check_workbook", kept)
        status = check.main([str(word) for word in words])
        captured = capsys.readouterr()
        return Report(status, captured.out, captured.err, held[0] if held else None)

    return called


def require_right(report: Report) -> None:
    assert report.status == 0, report.text + report.error
    assert report.text.startswith("RIGHT: all")
    assert "WRONG" not in report.text
    assert report.error == ""
    assert report.data.findings == []


def given(*more: Mapping[str, float], lr: float = 0.5) -> dict[str, float]:
    numbers = {**STANDARD, "η": lr}
    for each in more:
        numbers.update(each)
    return numbers


def columns_of(training: Training) -> list[str]:
    return [*COLUMNS, *(name for name in training.given if name[0] == "b")]


# --- right sheets ----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["csv", "live", "uncached"])
@pytest.mark.parametrize("biases", BIASES)
@pytest.mark.parametrize("targets", TARGETS)
def test_a_right_sheet_is_right(targets, biases, kind, run, tmp_path):
    """As plain text, as formulas with their values, and as formulas that nobody calculated."""
    training = Training(given(TARGETS[targets], BIASES[biases]), count=6)
    columns = columns_of(training)
    if kind == "csv":
        path = write_csv(tmp_path / "right.csv", Layout(columns).grid(training))
    else:
        cached = kind == "live"
        layout = Layout(columns, live=True, cached=cached, corner=(12, 2), rate=(3, 4))
        path = write_xlsx(tmp_path / "right.xlsx", {"Sheet1": layout.grid(training)}, cached)
    report = run(path)
    require_right(report)
    assert f"all {len(columns)} columns" in report.text
    assert ("had never been calculated" in report.text) == (kind == "uncached")
    assert f"targets {training.given['t1']:g} {training.given['t2']:g}" in report.text


@pytest.mark.parametrize("where", ["column", "cell", "nowhere", "option"])
@pytest.mark.parametrize("lr", [*SIX_RATES, 100.0])
def test_the_learning_rate_is_found(lr, where, run, tmp_path):
    """In a column, in a cell of its own, from the updates, and on the command line."""
    columns = [*COLUMNS, "η"] if where == "column" else COLUMNS
    layout = Layout(columns, corner=(5, 1), rate=(2, 3) if where == "cell" else None)
    path = write_csv(tmp_path / "right.csv", layout.grid(Training(given(lr=lr), count=5)))
    report = run(path, "--lr", lr) if where == "option" else run(path)
    require_right(report)
    source = {"column": "column η", "cell": "C2", "nowhere": "from the updates", "option": "--lr"}[where]
    assert f"η = {lr:g} ({source})" in report.text


@pytest.mark.parametrize("digits", range(4, 9))
@pytest.mark.parametrize("form", ["f", "g", "short", "general"])
def test_rounding_is_no_error(digits, form, run, tmp_path):
    """To decimals, to digits, with the zeros at the end left out, and small numbers with an exponent."""
    texts = {
        "general": lambda x: f"{x:.{digits + 3}f}".rstrip("0") if abs(x) >= 1e-4 else f"{x:.{digits}E}",
        "f": lambda x: f"{x:.{digits}f}",
        "g": lambda x: f"{x:.{digits}g}",
        "short": lambda x: repr(round(x, digits)),
    }
    training = Training(given(OTHER_TARGETS, TWO_BIASES, lr=2.0), count=30)
    slipped = training.with_slip(CASES["a_h1 in ∂E/∂w3 and ∂E/∂w4"].slips)
    layout = Layout(columns_of(training), text=texts[form])
    report = run(write_csv(tmp_path / "rounded.csv", layout.grid(training)))
    cells = [("∂E/∂w3", row) for row in range(30)]
    # Where the commonest slip of all is printed as the right number is, a right sheet cannot be told.
    if all(texts[form](training.value(*cell)) == texts[form](slipped.value(*cell)) for cell in cells):
        assert report.status == 3
        assert "but a usual slip is smaller and would not be seen" in report.text
    elif report.status != 3 or digits >= 8:
        require_right(report)
    assert "WRONG" not in report.text


@pytest.mark.parametrize("seed", range(12))
def test_columns_in_any_order_among_others(seed, run, tmp_path):
    """Shuffled, some missing, remarks between them, the table anywhere, the weights drawn at random."""
    rng = random.Random(seed)
    drawn = {name: rng.uniform(-1.0, 1.0) for name in WEIGHTS} if seed % 2 else {}
    training = Training(given(drawn, rng.choice(list(BIASES.values())), lr=rng.choice(SIX_RATES)), count=8)
    missing = rng.sample([*FORWARD, *SLOPES], 4)
    columns = [name for name in [*columns_of(training), *UPDATED] if name not in missing]
    columns += ["epoch", "comment", "source"]
    rng.shuffle(columns)
    layout = Layout(columns, corner=(rng.randint(1, 40), rng.randint(1, 9)))
    report = run(write_csv(tmp_path / "shuffled.csv", layout.grid(training), rng.choice(",;\t")))
    require_right(report)
    (table,) = report.data.tables
    assert set(table.understood.table.ignored) == {"comment", "source"}


SPELLINGS = {
    "∂E_total/∂w1": [
        "∂E/∂w1", "dE/dw1", "dE_dw1", "ðE_t/ðw1", "∂E_t/∂w1", "∂E_total/∂w1", "DE/DW1", "dE / dW_1", "δE/δw1",
        "grad w1", "gradient of w1", "∂Etotal/∂W₁", "d(E_total)/d(w1)", "dw1", "∂E∂w1",
        r"\frac{\partial E}{\partial w_1}",
    ],
    "a_h1": ["a_h1", "A_H1", "a h1", "ah1", "out_h1", "out h1", "σ(h1)", "sigmoid(h1)", "a_h1 = σ(h1)"],
    "a_o2": ["a_o2", "out_o2", "σ(o2)", "O2 out", "a_o₂"],
    "h1": ["h1", "H1", "net_h1", "h_1", "h1 = w1*i1 + w2*i2", "sum h1"],
    "E_total": ["E_total", "E_Total", "E total", "Etotal", "E_t", "Total Error", "total loss", "E"],
    "E1": ["E1", "e1", "E_1", "Error 1", "E_o1", "loss1"],
    "w1": ["w1", "W1", "w_1", "w₁", "weight 1", "W 1", "w1 (old)"],
    "i1": ["i1", "I1", "x1", "input 1", "in1", "i_1"],
    "t1": ["t1", "T1", "target 1", "target_o1", "t_1"],
    "w1'": ["w1'", "new w1", "w1+", "w1_new", "updated w1", "w1 (new)"],
    "η": ["η", "lr", "LR", "Learning Rate", "learning rate (η)", "eta", "alpha", "ɳ", "η ="],
    "b1": ["b1", "B1", "bias 1", "b_1"],
}  # fmt: skip


@pytest.mark.parametrize(("name", "text"), [(name, text) for name in SPELLINGS for text in SPELLINGS[name]])
def test_names_in_many_spellings(name, text):
    assert quantity(text) == name
    assert quantity(f" {text} ") == name


@pytest.mark.parametrize(
    "text", ["notes", "", "Neural network", "0.5", "sigmoid", "x" * 500, "w9", "Epoch vs loss"]
)
def test_what_is_no_name(text):
    assert quantity(text) is None


HEADERS = {
    "dE/dw": lambda name: name.replace("∂", "d"),
    "ðE_t/ðw": lambda name: name.replace("∂", "ð").replace("E/", "E_t/"),
    "dE_dw": lambda name: name.replace("∂", "d").replace("/", "_"),
    "UPPER": str.upper,
    "spaces": lambda name: f" {name.replace('_', ' ')} ",
    "out_h1": lambda name: name.replace("a_", "out_"),
    "σ(h1)": lambda name: f"σ({name[2:]})" if name.startswith("a_") else name,
    "with formula": lambda name: f"{name} = {RIGHT.get(name, '')}" if name in FORWARD else name,
}


@pytest.mark.parametrize("style", HEADERS)
def test_headers_in_many_spellings(style, run, tmp_path):
    headers = {name: HEADERS[style](name) for name in COLUMNS}
    report = run(write_csv(tmp_path / "named.csv", Layout(headers=headers).grid(Training(count=5))))
    require_right(report)
    assert "all 31 columns" in report.text


# --- slips -----------------------------------------------------------------------------------------


def swapped(text: str, one: str, other: str) -> str:
    return re.sub(f"{one}|{other}", lambda match: other if match[0] == one else one, text)


def slope(number: int) -> str:
    return RIGHT[f"∂E/∂w{number}"]


def slopes(numbers: range, change: Callable[[str], str]) -> dict[str, str]:
    return {f"∂E/∂w{number}": change(slope(number)) for number in numbers}


@dataclass(frozen=True)
class Case:
    """A slip: the formulas that stand in place of the right ones, how it is named, and where it shows.

    Attributes
    ----------
    reference : what is said of the wrong reference of the first column, in names.
    """

    slips: Mapping[str, str]
    words: Mapping[str, str]
    begin: int = 0
    reference: tuple[str, str] = ("", "")


A = "a_h1 (1 − a_h1) stands where a_h2 (1 − a_h2) belongs"
BELOW = "are taken from the row below: they were updated already"
CASES = {
    "a_h1 in ∂E/∂w3 and ∂E/∂w4": Case(
        slopes(range(3, 5), lambda text: text.replace("a_h2", "a_h1")),
        {"∂E/∂w3": A, "∂E/∂w4": A},
        reference=("a_h1", "a_h2"),
    ),
    "a_h2 in ∂E/∂w2": Case(
        slopes(range(2, 3), lambda text: text.replace("a_h1", "a_h2")),
        {"∂E/∂w2": "a_h2 (1 − a_h2) stands where a_h1 (1 − a_h1) belongs"},
        reference=("a_h2", "a_h1"),
    ),
    "a_h2 in one place of ∂E/∂w2": Case(
        slopes(range(2, 3), lambda text: text.replace("(1-a_h1)", "(1-a_h2)")),
        {"∂E/∂w2": "1 − a_h2 stands where 1 − a_h1 belongs"},
        reference=("a_h2", "a_h1"),
    ),
    "w6 and w7 swapped in the hidden gradients": Case(
        slopes(range(1, 5), lambda text: swapped(text, "w6", "w7")),
        {
            "∂E/∂w1": "w6 stands where w7 belongs",
            "∂E/∂w2": "w6 stands where w7 belongs",
            "∂E/∂w3": "w7 stands where w6 belongs",
            "∂E/∂w4": "w7 stands where w6 belongs",
        },
        reference=("w6", "w7"),
    ),
    "w3 and w4 updated with the gradients of w1 and w2": Case(
        {"w3": "w3↑-η*∂E/∂w1↑", "w4": "w4↑-η*∂E/∂w2↑"},
        {"w3": "∂E/∂w1 stands where ∂E/∂w3 belongs", "w4": "∂E/∂w2 stands where ∂E/∂w4 belongs"},
        begin=1,
        reference=("∂E/∂w1", "∂E/∂w3"),
    ),
    "a frozen update": Case(
        {"w5": "w5↑"}, {"w5": "its update is missing: it stays as it is in the row above"}, 1
    ),
    "a frozen update, by the first row": Case(
        {"w2": "w2⤒"}, {"w2": "its update is missing: it stays as it is in the row above"}, 1
    ),
    "hidden gradients after the output weights had changed": Case(
        slopes(range(1, 5), lambda text: re.sub("(w[5-8])", r"\1↓", text)),
        {name: f"w{a} and w{b} {BELOW}" for name, a, b in zip(SLOPES, "5566", "7788")},
    ),
    "a formula that is not filled down any more": Case(
        {"∂E/∂w3": "∂E/∂w3↑"},
        {"∂E/∂w3": "it stays at the number of the row before: the formula does not go on"},
        begin=5,
    ),
    "another column from some row on": Case(
        {"∂E/∂w1": slope(1).replace("i1", "i2")},
        {"∂E/∂w1": "i2 stands where i1 belongs"},
        begin=5,
        reference=("i2", "i1"),
    ),
    "the forward pass breaks": Case(
        {"h1": "w1*i1+w2*i1"}, {"h1": "i1 stands where i2 belongs"}, begin=4, reference=("i1", "i2")
    ),
}


@pytest.mark.parametrize("live", [False, True], ids=["values", "formulas"])
@pytest.mark.parametrize("targets", ["half", *slow(["far"])])
@pytest.mark.parametrize("name", CASES)
def test_a_slip_is_found_and_named(name, targets, live, run, tmp_path):
    case = CASES[name]
    training = Training(given(TARGETS[targets]), count=10).with_slip(case.slips, case.begin)
    if live:
        path = write_xlsx(tmp_path / "wrong.xlsx", {"Sheet1": LIVE.grid(training)})
    else:
        path = write_csv(tmp_path / "wrong.csv", Layout(corner=LIVE.corner).grid(training))
    report = run(path)
    assert report.status == 1
    assert report.wrong == list(case.slips)
    for column, words in case.words.items():
        assert report.slip(column) == words
        assert report.cell(column) == LIVE.cell(column, case.begin)
        found = report.mistakes[column]
        assert found.given == training.value(column, case.begin)
        assert found.expected == pytest.approx(training.right(column, case.begin), rel=1e-12)
        if live:
            assert found.reading.formula == f"={LIVE.formula(training, column, case.begin)}"
    if live and case.reference[0]:
        column, (found, meant) = next(iter(case.slips)), case.reference
        above = case.begin - (column in WEIGHTS)
        said = f"{LIVE.cell(found, above)} ({found}) should be {LIVE.cell(meant, above)} ({meant})"
        assert any(f"the reference {said}" in repair for repair in report.mistakes[column].repairs)


def test_the_common_slip_by_its_published_numbers(run, tmp_path):
    """First row, t = (0.5, 0.5): the two numbers of the mission."""
    case = CASES["a_h1 in ∂E/∂w3 and ∂E/∂w4"]
    report = run(write_csv(tmp_path / "wrong.csv", Layout().grid(Training(count=3).with_slip(case.slips))))
    found = report.mistakes["∂E/∂w3"]
    assert found.given == 0.0003518686651353938
    assert found.expected == pytest.approx(0.00035177632159073217, rel=1e-12)
    assert "relative error 2.6e-04" in report.text


def test_a_cause_is_told_from_what_follows_in_its_row(run, tmp_path):
    """With a_h1 wrong, all that is computed from it in its own row is no mistake of its own."""
    training = Training(count=6).with_slip({"a_h1": "1/(1+EXP(h1))"}, 2)
    report = run(write_csv(tmp_path / "wrong.csv", Layout().grid(training)))
    assert report.wrong == ["a_h1"]
    follows = [each.quantity for each in report.data.findings if each.consequential]
    assert follows[:3] == ["o1", "a_o1", "o2"]
    assert "computed rightly from numbers that are wrong" in report.text


def test_several_causes_are_all_named(run, tmp_path):
    slips = {"h2": "w3*i1+w3*i2", "∂E/∂w6": slope(6).replace("a_h2", "a_h1"), "w8": "w8↑+η*∂E/∂w8↑"}
    training = Training(count=6)
    for name, text in slips.items():
        training = training.with_slip({name: text}, int(name == "w8"))
    report = run(write_csv(tmp_path / "wrong.csv", Layout().grid(training)))
    assert sorted(report.wrong) == sorted(slips)
    assert report.slip("h2") == "w3 stands where w4 belongs"
    assert report.slip("∂E/∂w6") == "a_h1 stands where a_h2 belongs"
    assert "the step is added" in report.slip("w8")


@pytest.mark.parametrize("digits", [7, 8])
def test_a_slip_is_found_in_a_rounded_sheet(digits, run, tmp_path):
    case = CASES["a_h1 in ∂E/∂w3 and ∂E/∂w4"]
    layout = Layout(text=lambda x: f"{x:.{digits}g}")
    report = run(write_csv(tmp_path / "wrong.csv", layout.grid(Training(count=20).with_slip(case.slips))))
    assert report.wrong == ["∂E/∂w3", "∂E/∂w4"]
    assert report.slip("∂E/∂w3") == A


# --- slips that nobody listed ----------------------------------------------------------------------

ORDER = [*GIVEN, *WEIGHTS, *FORWARD, *reversed(SLOPES)]  # each may read those before it


def random_slip(rng: random.Random) -> tuple[str, str]:
    """A column and its formula with an operand swapped, dropped or stale, or an operator changed."""
    while True:
        name = rng.choice([*FORWARD, *SLOPES, *WEIGHTS])
        text = RIGHT[name]
        names = sorted({match[1] for match in NAME.finditer(text)} - {"η"})
        old = rng.choice(names)
        kind = rng.choice(["swap", "stale", "drop", "operator"])
        if kind == "swap":
            allowed = ORDER if name in WEIGHTS else ORDER[: ORDER.index(name)]
            alike = [each for each in allowed if each[0] == old[0] and each not in (old, name)]
            new = re.sub(rf"(?<![\w/]){re.escape(old)}(?!\d)", rng.choice(alike or [old]), text)
        elif kind == "stale" and name not in WEIGHTS and old not in GIVEN:
            new = re.sub(rf"(?<![\w/]){re.escape(old)}(?!\d)", f"{old}↑", text)
        elif kind == "drop":
            parts = list(re.finditer(r"\*[a-z]\w*|\*\(1-\w+\)|\+\w+\*\w+|^0\.5\*", text))
            part = rng.choice(parts) if parts else None
            new = text if part is None else text[: part.start()] + text[part.end() :]
        else:
            place = rng.choice([match.start() for match in re.finditer(r"[*+-]", text)] or [0])
            new = text[:place] + rng.choice("+-*") + text[place + 1 :]
        if new != text and "P*" not in new and not re.search(r"\(\*|E\+\w\)", new):
            return name, new


@pytest.mark.parametrize("seed", [*range(8), *slow(range(8, 40))])
def test_a_slip_that_nobody_listed(seed, run, tmp_path):
    rng = random.Random(seed)
    name, text = random_slip(rng)
    begin = rng.choice([0, 3]) if name not in WEIGHTS else rng.choice([1, 3])
    targets = rng.choice(list(TARGETS.values()))
    training = Training(given(targets, lr=rng.choice(SIX_RATES)), count=8).with_slip({name: text}, begin)
    if rng.random() < 0.3:
        path = write_xlsx(tmp_path / "wrong.xlsx", {"Sheet1": LIVE.grid(training)})
    else:
        path = write_csv(tmp_path / "wrong.csv", Layout(corner=LIVE.corner).grid(training))
    off = [row for row in range(8) if not math.isclose(training.value(name, row), training.right(name, row))]
    report = run(path)
    if not off:  # t1 for t2 where both are 0.5, or the first row, which has none above
        require_right(report)
        return
    assert report.status == 1
    assert report.wrong == [name], f"{text} in {name}\n{report.text}"
    assert report.cell(name) == LIVE.cell(name, off[0])
    assert report.mistakes[name].given == training.value(name, off[0])
    assert report.mistakes[name].expected == pytest.approx(training.right(name, off[0]), rel=1e-9)
    assert report.slip(name), f"{text} in {name}\n{report.text}"


# --- layouts as people make them -------------------------------------------------------------------

EQUATIONS = [
    "h1 = w1*i1 + w2*i2", "h2 = w3*i1 + w4*i2", "a_h1 = σ(h1) = 1/(1 + exp(-h1))", "a_h2 = σ(h2)",
    "o1 = w5*a_h1 + w6*a_h2", "o2 = w7*a_h1 + w8*a_h2", "a_o1 = σ(o1)", "a_o2 = σ(o2)", "E_total = E1 + E2",
    "E1 = ½ * (t1 - a_o1)²", "E2 = ½ * (t2 - a_o2)²", "∂E_total/∂w5 = ∂(E1 + E2)/∂w5",
    "∂E_total/∂w5 = ∂E1/∂a_o1 * ∂a_o1/∂o1 * ∂o1/∂w5", "∂E1/∂a_o1 = ∂(½ * (t1 - a_o1)²)/∂a_o1 = (a_o1 - t1)",
    "∂E_total/∂w1 = (∂E1/∂a_h1 + ∂E2/∂a_h1) * a_h1 * (1 - a_h1) * i1",
]  # fmt: skip
TEMPLATE = [
    "t1", "t2", "i1", "i2", "w1", "w2", "w3", "w4", "h1", "h2", "a_h1", "a_h2", "w5", "w6", "w7", "w8",
    "o1", "o2", "a_o1", "a_o2", "E1", "E2", "E_total", *SLOPES,
]  # fmt: skip


def moved(grid: Grid, down: int, right: int) -> Grid:
    return {(row + down, column + right): content for (row, column), content in grid.items()}


def turned(grid: Grid) -> Grid:
    return {(column, row): content for (row, column), content in grid.items()}


def equations_above(training: Training) -> Grid:
    """Six equations in each of the rows right above the header."""
    grid = Layout(live=True, corner=(34, 1), rate=(30, 9)).grid(training)
    return grid | {(31 + k // 6, 1 + 3 * (k % 6)): text for k, text in enumerate(EQUATIONS)}


def equations_beside(training: Training) -> Grid:
    """Equations down the side of a picture, the learning rate in a sentence."""
    grid = Layout(corner=(34, 1)).grid(training)
    grid |= {(3 + k, 20): text for k, text in enumerate(EQUATIONS)}
    return grid | {(1, 1): "Backpropagation", (31, 8): f"Learning rate (η) = {training.given['η']:g}"}


def template(training: Training) -> Grid:
    headers = {name: name.replace("∂", "ð").replace("E/", "E_t/") for name in SLOPES}
    return Layout(TEMPLATE, headers, corner=(24, 2), live=True, rate=(22, 4)).grid(training)


def labels_above_values(training: Training) -> Grid:
    """All that is given in a small table of its own, and none of it in the large one."""
    names = [name for name in training.given if name not in WEIGHTS]
    grid = Layout([name for name in COLUMNS if name not in GIVEN], corner=(20, 1)).grid(training)
    for turn, name in enumerate(names):
        grid |= {(3, 2 + turn): name, (4, 2 + turn): training.given[name]}
    return grid


def labels_beside_values(training: Training) -> Grid:
    names = [name for name in training.given if name not in WEIGHTS]
    grid = Layout([name for name in COLUMNS if name not in GIVEN], corner=(20, 1)).grid(training)
    for turn, name in enumerate(names):
        grid |= {(3 + turn, 2): f"{name} =", (3 + turn, 3): training.given[name]}
    return grid


def initial_values_above(training: Training) -> Grid:
    """Inputs and weights once more above the table, which is no table of its own."""
    grid = Layout(corner=(20, 1)).grid(training)
    for turn, (name, number) in enumerate(training.given.items()):
        grid |= {(3, 2 + turn): name, (4, 2 + turn): number}
    return grid


def losses_beside(training: Training) -> Grid:
    """A small table of losses on the left, of another learning rate, for a chart."""
    grid = Layout(corner=(5, 6)).grid(training) | {(5, 2): "Epoch", (5, 3): "Loss", (5, 4): "E_total (η=0.1)"}
    for row in range(training.count):
        grid |= {(6 + row, 2): float(row), (6 + row, 3): 0.3 / (row + 1), (6 + row, 4): 0.2 / (row + 1)}
    return grid


def gaps(training: Training) -> Grid:
    columns = [
        each for name in COLUMNS for each in ([name, ""] if name in ("t2", "w8", "E_total") else [name])
    ]
    grid = Layout(columns, corner=(5, 2)).grid(training)
    return {place: content for place, content in grid.items() if columns[place[1] - 2]}


def groups(training: Training) -> Grid:
    above = {(4, 2): "Inputs", (4, 6): "Weights", (4, 14): "Forward Pass", (4, 25): "Gradients"}
    return Layout(corner=(5, 2)).grid(training) | above


def given_once(training: Training) -> Grid:
    """Inputs and targets in the first row only."""
    grid = Layout(corner=(5, 2)).grid(training)
    return {place: content for place, content in grid.items() if not (place[0] > 6 and place[1] < 6)}


def on_its_side(training: Training) -> Grid:
    return turned(Layout(corner=(2, 3)).grid(training))


def weights_after(training: Training) -> Grid:
    """Each row holds its weights after its own update."""
    names = [f"{name}'" for name in WEIGHTS]
    columns = [*GIVEN, *names, *FORWARD, *SLOPES]
    return Layout(columns, dict(zip(names, WEIGHTS)), corner=(3, 1), rate=(1, 2)).grid(training)


def epochs(training: Training) -> Grid:
    return Layout(["epoch", *COLUMNS, "η"], {"epoch": "Iteration No."}, corner=(3, 1)).grid(training)


def updated(training: Training) -> Grid:
    return Layout([*COLUMNS, *UPDATED], {name: f"new {name[:2]}" for name in UPDATED}).grid(training)


LAYOUTS = {
    each.__name__: each
    for each in (
        equations_above, equations_beside, template, labels_above_values, labels_beside_values,
        initial_values_above, losses_beside, gaps, groups, given_once, on_its_side,
        weights_after, epochs, updated,
    )
}  # fmt: skip
UNUSUAL = {"i1": 0.2, "i2": 0.7, "t1": 0.3, "t2": 0.6}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_layout_as_people_make_it(layout, run, tmp_path):
    """Read as it is: right where it is right; and a slip in it is found where it stands."""
    standard = layout == "weights_after"
    training = Training(given({} if standard else UNUSUAL, lr=0.8), count=7)
    report = run(write_xlsx(tmp_path / "right.xlsx", {"Sheet1": LAYOUTS[layout](training)}))
    require_right(report)
    assert "η = 0.8" in report.text
    if not standard:
        assert re.search(r"inputs 0.2 0.7( \(.*?\))?; targets 0.3 0.6( \(.*?\))?; no biases", report.text)
    slips = CASES["a_h1 in ∂E/∂w3 and ∂E/∂w4"].slips
    report = run(write_xlsx(tmp_path / "wrong.xlsx", {"Sheet1": LAYOUTS[layout](training.with_slip(slips))}))
    assert report.wrong == list(slips)
    assert report.slip("∂E/∂w3") == A


@pytest.mark.parametrize("down", [True, False], ids=["stacked", "side by side"])
def test_several_tables_on_one_sheet(down, run, tmp_path):
    """One for each learning rate: each is checked with its own, and the wrong one is told from the others."""
    grid: Grid = {}
    for turn, lr in enumerate(SIX_RATES):
        training = Training(given(lr=lr), count=5)
        if lr == 0.8:
            training = training.with_slip(CASES["a_h2 in ∂E/∂w2"].slips)
        table = Layout(corner=(3, 1)).grid(training) | {(1, 1): f"Learning rate = {lr}"}
        grid |= moved(table, 9 * turn, 0) if down else moved(table, 0, 33 * turn)
    report = run(write_xlsx(tmp_path / "six.xlsx", {"Sheet1": grid}))
    assert report.status == 1
    assert [table.status for table in report.data.tables].count(0) == 5
    assert [float(table.understood.rate.value[0]) for table in report.data.tables] == SIX_RATES
    assert report.wrong == ["∂E/∂w2"]
    assert report.cell("∂E/∂w2") == ("Y31" if down else "DT4")


def test_several_sheets(run, tmp_path):
    """Each is checked; one without a table is named; a formula may refer to another sheet."""
    sheets: dict[str, Grid] = {"Read me": {(1, 1): "see the other sheets"}}
    sheets |= {
        f"lr = {lr}": Layout(live=True, corner=(3, 1), rate=(1, 2)).grid(Training(given(lr=lr), count=4))
        for lr in SIX_RATES
    }
    report = run(write_xlsx(tmp_path / "six.xlsx", sheets))
    require_right(report)
    assert len(report.data.tables) == 6
    assert "No table with the columns of the assignment on: Read me" in report.text


@pytest.mark.parametrize("count", [1, 2, 3])
def test_a_table_of_few_rows(count, run, tmp_path):
    slips = CASES["a_h2 in ∂E/∂w2"].slips
    training = Training(count=count)
    require_right(run(write_csv(tmp_path / "right.csv", Layout().grid(training))))
    report = run(write_csv(tmp_path / "wrong.csv", Layout().grid(training.with_slip(slips))))
    assert report.wrong == ["∂E/∂w2"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_text_files_of_many_kinds(encoding, run, tmp_path):
    """In other encodings; and with decimal commas, as spreadsheets save them in much of the world."""
    ascii_names = {name: name.replace("∂", "d") for name in SLOPES}
    training = Training(count=5)
    layout = Layout(headers=ascii_names, text=lambda x: f"{x:.9f}".replace(".", ","))
    require_right(run(write_csv(tmp_path / "a.csv", layout.grid(training), ";", encoding)))
    require_right(
        run(write_csv(tmp_path / "b.csv", Layout(headers=ascii_names).grid(training), "\t", encoding))
    )


def with_openpyxl(path: Path, change: Callable[[object], None]) -> Path:
    import openpyxl

    book = openpyxl.load_workbook(path)
    change(book.active)
    book.save(path)
    return path


def test_merged_and_hidden_cells_are_read(run, tmp_path):
    """A title over the table, headers merged with the row below, hidden rows and columns."""
    training = Training(count=5).with_slip(CASES["a_h2 in ∂E/∂w2"].slips)
    grid = Layout(corner=(6, 2)).grid(training)
    grid = {(row + (row > 6), column): content for (row, column), content in grid.items()}
    path = write_xlsx(tmp_path / "merged.xlsx", {"Sheet1": grid | {(4, 2): "Backpropagation"}})

    def change(sheet):
        sheet.merge_cells("B4:AF4")
        for column in range(2, 33):
            sheet.merge_cells(start_row=6, end_row=7, start_column=column, end_column=column)
        sheet.column_dimensions["C"].hidden = True
        sheet.row_dimensions[6].hidden = True
        sheet.row_dimensions[9].hidden = True

    report = run(with_openpyxl(path, change))
    assert report.wrong == ["∂E/∂w2"]
    assert "hidden columns, checked like the others: i2" in report.text
    assert "some rows are hidden" in report.text


def test_numbers_that_are_kept_as_text_are_read(run, tmp_path):
    layout = Layout(text=repr)
    require_right(run(write_xlsx(tmp_path / "text.xlsx", {"Sheet1": layout.grid(Training(count=5))})))


@pytest.mark.parametrize(
    ("content", "found"), [("oops", "oops"), ("#DIV/0!", "#DIV/0!"), ("", "nothing: the cell is empty")]
)
def test_what_is_no_number_is_wrong(content, found, run, tmp_path):
    grid = Layout().grid(Training(count=6))
    grid[4, 14] = content
    report = run(write_csv(tmp_path / "wrong.csv", grid))
    assert report.status == 1
    assert report.wrong == ["a_h1"]
    assert report.cell("a_h1") == "N4"
    assert f"found  {found}\n" in report.text


def test_formulas_that_are_shared_between_cells(run, tmp_path):
    """As spreadsheet programs save a formula that was filled down: written out once."""
    training = Training(count=6).with_slip(CASES["a_h2 in ∂E/∂w2"].slips)
    path = write_xlsx(tmp_path / "plain.xlsx", {"Sheet1": LIVE.grid(training)})
    shared = tmp_path / "shared.xlsx"
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(shared, "w") as new:
        for name in old.namelist():
            data = old.read(name)
            if name.endswith("sheet1.xml"):
                text = data.decode()
                text = re.sub(r'(<c r="Z13"[^>]*>)<f>', r'\1<f t="shared" ref="Z13:Z18" si="0">', text)
                text = re.sub(r'(<c r="Z1[4-8]"[^>]*>)<f>[^<]*</f>', r'\1<f t="shared" si="0"/>', text)
                assert text.count('si="0"') == 6
                data = text.encode()
            new.writestr(name, data)
    plain = run(path)
    assert run(shared).text == plain.text.replace("plain", "shared")
    late = Training(count=6).with_slip(CASES["a_h2 in ∂E/∂w2"].slips, 3)
    assert run(write_xlsx(path, {"Sheet1": LIVE.grid(late)})).cell("∂E/∂w2") == "Z16"


def test_functions_and_names_of_a_workbook(run, tmp_path):
    """POWER, SUM, SUMPRODUCT, a name for the learning rate, another sheet: all computed here."""
    import openpyxl
    from openpyxl.workbook.defined_name import DefinedName

    training = Training(count=5)
    path = write_xlsx(
        tmp_path / "names.xlsx", {"Table": Layout(live=True, corner=(2, 1)).grid(training)}, cached=False
    )
    book = openpyxl.load_workbook(path)
    book.create_sheet("Given")["B2"] = 0.5
    book.defined_names["eta"] = DefinedName("eta", attr_text="Given!$B$2")
    sheet = book["Table"]
    for row in range(3, 8):
        sheet[f"U{row}"] = f"=POWER(C{row}-R{row},2)/2"
        sheet[f"W{row}"] = f"=SUM(U{row}:V{row})"
        sheet[f"M{row}"] = f"=SUMPRODUCT(E{row}:F{row},A{row}:B{row})"
        if row > 3:
            sheet[f"E{row}"] = f"=E{row - 1}-eta*X{row - 1}"
            sheet[f"F{row}"] = f"=F{row - 1}-Given!$B$2*Y{row - 1}"
    sheet["U2"], sheet["V2"] = "E1", "E2"
    book.save(path)
    require_right(run(path))


# --- what a sheet leaves unsaid ---------------------------------------------------------------------

HELD_BACK = {
    "inputs": (["i1", "i2"], {"i1": 0.3, "i2": 0.8}, "inputs 0.3 0.8 (from the numbers)"),
    "targets": (["t1", "t2"], {"t1": 0.3, "t2": 0.6}, "targets 0.3 0.6 (from the numbers)"),
    "usual targets": (["t1", "t2"], OTHER_TARGETS, "targets 0.01 0.99 (assumed)"),
    "biases": (["b1", "b2"], TWO_BIASES, "biases 0.35 0.6 (from the numbers)"),
    "weights": (WEIGHTS, {}, "0.5 0.55 (assumed); learning rate η = 0.5 (by trying)"),
}


@pytest.mark.parametrize("case", HELD_BACK)
def test_what_is_nowhere_written_is_worked_out(case, run, tmp_path):
    hidden, numbers, said = HELD_BACK[case]
    training = Training(given(numbers), count=9)
    columns = [name for name in columns_of(training) if name not in hidden]
    report = run(write_csv(tmp_path / "right.csv", Layout(columns).grid(training)))
    require_right(report)
    assert said in report.text


@pytest.mark.parametrize("mean", [False, True], ids=["sum", "mean"])
def test_a_loss_without_the_half(mean, run, tmp_path):
    """Consistently so it is another definition, which is said, and no slip."""
    factor = 1 if mean else 2
    slips = {"E1": "(t1-a_o1)^2", "E2": "(t2-a_o2)^2", "E_total": "(E1+E2)/2" if mean else "E1+E2"}
    slips |= {name: f"{factor}*({RIGHT[name]})" for name in SLOPES}
    report = run(write_csv(tmp_path / "other.csv", Layout().grid(Training(count=6).with_slip(slips))))
    require_right(report)
    assert "without ½" in report.text


def test_the_half_of_a_mean_belongs_to_its_gradients_too(run, tmp_path):
    """Where E_total is the mean of E1 and E2, the sum of their gradients is twice too much."""
    mean = {"E1": "(t1-a_o1)^2", "E2": "(t2-a_o2)^2", "E_total": "(E1+E2)/2"}
    parts = {
        f"∂E{k}/∂w1": f"2*{delta}*w{5 if k == '1' else 7}*a_h1*(1-a_h1)*i1" for k, delta in DELTA.items()
    }
    training = Training(count=6).with_slip({**mean, "∂E/∂w1": "+".join(parts.values())})
    layout = Layout([*COLUMNS, *parts])
    grid = layout.grid(training)
    for name, text in parts.items():
        for row in range(6):
            grid[layout.place(name, row)] = training.evaluated(text, row, training.value)
    report = run(write_csv(tmp_path / "mean.csv", grid))
    assert report.status == 1
    assert report.wrong == ["∂E/∂w1"]
    right = training.right("∂E/∂w1", 0)
    assert report.mistakes["∂E/∂w1"].given == pytest.approx(2.0 * right, rel=1e-12)
    assert report.mistakes["∂E/∂w1"].expected == pytest.approx(right, rel=1e-12)


def test_rows_that_are_ten_epochs_apart(run, tmp_path):
    grid = Layout(["epoch", *COLUMNS]).grid(Training(count=31))
    kept = {(1 + (row + 8) // 10, column): grid[row, column] for row, column in grid if row % 10 == 2}
    kept |= {(1, column): grid[1, column] for column in range(1, 33)}
    report = run(write_csv(tmp_path / "apart.csv", kept))
    require_right(report)
    assert "10 epochs apart" in report.text


@pytest.mark.parametrize(
    ("column", "text", "words"),
    [
        ("i1", "i1↑+0.01", "it grows by 0.01 with each row, as filling down a series does"),
        ("t2", "t2↑+1", "it grows by 1 with each row, as filling down a series does"),
        ("a_o1", "0.2", "the number 0.2 stands in each of these rows"),
    ],
)
def test_numbers_that_are_no_formula(column, text, words, run, tmp_path):
    training = Training(count=6).with_slip({column: text}, int(column in GIVEN))
    report = run(write_csv(tmp_path / "wrong.csv", Layout().grid(training)))
    assert report.wrong == [column]
    assert words in report.slip(column)


def test_examples_that_change_from_row_to_row_are_no_slip(run, tmp_path):
    """As in stochastic gradient descent: each row is judged by the inputs and targets that stand in it."""
    slips = {"i1": "0.9-i1↑", "t1": "0.7-t1↑"}
    require_right(
        run(write_csv(tmp_path / "right.csv", Layout().grid(Training(count=6).with_slip(slips, 1))))
    )


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("∂E/∂w6", f"3*{RIGHT['∂E/∂w6']}", "it is 3 times what it should be"),
        ("h2", "w3*i1+w4*i2+0.25", "0.25 is added to it"),
        (
            "∂E/∂w7",
            "(a_o2-t2)*a_o2*a_o2",
            "the factor (1 − a_o2) is missing, and a_o2 stands where a_h1 belongs",
        ),
    ],
)
def test_other_kinds_of_slips(name, text, words, run, tmp_path):
    """A factor, something added, two things at once."""
    report = run(write_csv(tmp_path / "wrong.csv", Layout().grid(Training(count=6).with_slip({name: text}))))
    assert report.wrong == [name]
    assert words in report.slip(name)


def test_a_reference_that_moves_where_it_should_stay(run, tmp_path):
    """The learning rate without dollar signs, so that below the first row another cell is read."""
    path = write_xlsx(tmp_path / "moves.xlsx", {"Sheet1": LIVE.grid(Training(count=8))}, cached=False)

    def change(sheet):
        for row in range(14, 21):
            sheet[f"J{row}"] = f"=J{row - 1}-D{row - 11}*AC{row - 1}"

    report = run(with_openpyxl(path, change))
    assert report.wrong == ["w5"]
    assert report.cell("w5") == "J15"
    assert report.mistakes["w5"].repairs[0].startswith("the reference D4 should be $D$3 (η): it slides")


def test_errors_in_place_of_any_numbers(run, tmp_path):
    """#N/A in cells that are drawn, also where all that a cell is computed from is lost."""
    layout = Layout(rate=(1, 40), corner=(3, 1))
    whole = layout.grid(Training(count=4))
    for seed in range(scaled(12)):
        draw = random.Random(seed)
        name = draw.choice(list(RIGHT))
        lost = {name, *(each for each in COLUMNS if re.search(rf"\b{each}\b", RIGHT[name]))}
        lost |= set(draw.sample(COLUMNS, draw.randint(0, 6)))
        rows = draw.sample(range(4), draw.choice([1, 1, 2, 4]))
        grid = whole | {layout.place(each, row): "#N/A" for each in sorted(lost) for row in rows}
        assert run(write_csv(tmp_path / "lost.csv", grid)).status in (1, 3)


@pytest.mark.slow
def test_a_sheet_of_something_else(run, tmp_path):
    """All numbers below the wrong names: no slip is guessed."""
    names = dict(zip(COLUMNS, [*COLUMNS[5:], *COLUMNS[:5]]))
    report = run(write_csv(tmp_path / "shifted.csv", Layout(headers=names).grid(Training(count=5))))
    assert report.status == 1
    assert "These are more than slips" in report.text


FORMULAS = {
    "=-2^2": 4.0, "=2^3^2": 64.0, "=50%": 0.5, "=1-2-3": -4.0, "=2*(3+4)/7": 2.0, "=IF(1<2,5,6)": 5.0,
    "=IF(1>2,5)": 0.0, "=SUM(1,2,3)/COUNT(1,2)": 3.0, "=AVERAGE(1,3)": 2.0, "=MAX(1,4)-MIN(2,3)": 2.0,
    "=ROUND(-2.5,0)": -3.0, "=PI()-PI()": 0.0, "=ABS(-3)": 3.0, "=SQRT(9)": 3.0, "=LN(EXP(2))": 2.0,
    "=POWER(2,10)": 1024.0, "=1/0": "#DIV/0!", "=SQRT(-1)": "#NUM!", "=(-8)^0.5": "#NUM!",
    "=EXP(1000)": "#NUM!", '="2"+1': 3.0, '="a"+1': "#VALUE!", "=SUMSQ(1,2)": 5.0, "=PRODUCT(2,3)": 6.0,
}  # fmt: skip


@pytest.mark.parametrize("text", FORMULAS)
def test_formulas_come_to_what_a_spreadsheet_says(text):
    assert parsed(text).compute(lambda cells: ()) == FORMULAS[text]


@pytest.mark.parametrize("text", ["=1+", "=(1", "=1)", "=", "=NOSUCH(1)", "={1,2}", "=[1]Sheet!A1"])
def test_formulas_that_are_not_computed(text):
    with pytest.raises(FormulaError):
        parsed(text).compute(lambda cells: (1.0,))


# --- files that cannot be read ---------------------------------------------------------------------

OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"


def workbook_bytes(tmp_path: Path) -> bytes:
    return write_xlsx(tmp_path / "source.xlsx", {"Sheet1": LIVE.grid(Training(count=6))}).read_bytes()


def never_calculated(tmp_path: Path) -> bytes:
    """A formula with a function that is not known here, and no value."""
    grid = Layout(live=True, cached=False).grid(Training(count=4))
    path = write_xlsx(tmp_path / "source.xlsx", {"Sheet1": grid}, cached=False)

    def change(sheet):
        for row in range(2, 6):
            sheet[f"N{row}"] = f"=LAMBDA(x,1/(1+EXP(-x)))(M{row})"

    return with_openpyxl(path, change).read_bytes()


UNREADABLE: dict[str, tuple[str, Callable[[Path], bytes], str]] = {
    "empty": ("a.xlsx", lambda folder: b"", "a.xlsx is empty"),
    "empty csv": ("a.csv", lambda folder: b"\n\n  \n", "a.csv is empty"),
    "damaged": ("a.xlsx", lambda folder: workbook_bytes(folder)[:3000], "a.xlsx is damaged or only part of"),
    "password": (
        "a.xlsx",
        lambda folder: OLE + bytes(600) + "EncryptedPackage".encode("utf-16-le") + bytes(600),
        "a.xlsx is protected by a password",
    ),
    "web page": ("a.xlsx", lambda folder: b"<!DOCTYPE html><html></html>", "a.xlsx is a web page"),
    "picture": ("a.xlsx", lambda folder: b"\x89PNG\r\n\x1a\n" + bytes(99), "a.xlsx is a picture"),
    "text as xlsx": ("a.xlsx", lambda folder: b"w1,w2\n1,2\n", "a.xlsx is no .xlsx file, whatever"),
    "binary csv": ("a.csv", lambda folder: bytes(range(256)) * 9, "a.csv is not a text file"),
    "never calculated": ("a.xlsx", never_calculated, "LAMBDA"),
    "empty sheet": (
        "a.xlsx",
        lambda folder: write_xlsx(folder / "s.xlsx", {"Sheet1": {}}).read_bytes(),
        "a.xlsx has no cells with anything in them",
    ),
    "another table": (
        "a.csv",
        lambda folder: b"name,age\nAda,36\nAlan,41\n",
        "a.csv has no table of the assignment: a row of names such as w1",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", UNREADABLE)
def test_what_cannot_be_read_gets_one_clear_line(case, run, tmp_path):
    name, make, said = UNREADABLE[case]
    path = tmp_path / name
    path.write_bytes(make(tmp_path))
    report = run(path)
    assert report.status == 2
    assert said in report.error + report.text
    assert report.error.count("\n") <= 1
    assert "Traceback" not in report.error


def test_no_file_and_a_folder(run, tmp_path):
    missing, folder = run(tmp_path / "none.xlsx"), run(tmp_path)
    assert missing.status == folder.status == 2
    assert missing.error == f"python -m demos check: error: there is no file {tmp_path / 'none.xlsx'}\n"
    assert f"there is no sheet in {tmp_path}: it takes" in folder.error
    with pytest.raises(SheetError, match="is a folder: give the name of a sheet in it"):
        check_workbook(tmp_path, assignment())


@pytest.mark.parametrize("seed", range(45))
def test_a_damaged_workbook_is_never_a_traceback(seed, run, tmp_path):
    """Cut off, or with bytes changed, or in the XML of a part: it is read, or refused in one line."""
    rng = random.Random(seed)
    source = write_xlsx(tmp_path / "source.xlsx", {"Sheet1": LIVE.grid(Training(count=3))})
    path = tmp_path / "damaged.xlsx"
    data = bytearray(source.read_bytes())
    kind = seed % 3
    if kind == 0:
        data = data[: rng.randrange(1, len(data))]
    elif kind == 1:
        for _ in range(rng.choice([1, 5, 50])):
            data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    if kind == 2:
        with zipfile.ZipFile(source) as old, zipfile.ZipFile(path, "w") as new:
            for name in old.namelist():
                part = bytearray(old.read(name))
                if name in ("xl/workbook.xml", "xl/sharedStrings.xml", "xl/worksheets/sheet1.xml"):
                    for _ in range(rng.choice([1, 3])):
                        part[rng.randrange(len(part))] = rng.choice(b'<>"/A1-.:$ 9e')
                new.writestr(name, bytes(part))
    else:
        path.write_bytes(bytes(data))
    report = run(path)
    assert report.status in (0, 1, 2)
    assert report.error.count("\n") <= 1


# --- the command -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--lr", "fast", "a.csv"], "--lr takes a number, got 'fast'"),
        (["--lr", "0", "a.csv"], "--lr must be a number greater than 0, got 0"),
        (["--lr", "nan", "a.csv"], "--lr must be a number greater than 0, got nan"),
        ([], "the following arguments are required: SHEET"),
        (["a.csv", "b.csv"], "unrecognized arguments: b.csv"),
        (["a\0.csv"], "SHEET is not the name of a file"),
    ],
)
def test_a_wrong_command(words, said, run):
    report = run(*words)
    assert report.status == 2
    assert report.error.startswith("python -m demos check: error: ")
    assert said in report.error


def test_a_learning_rate_that_the_sheet_does_not_use(run, tmp_path):
    """Given by hand, it is held against the updates."""
    path = write_csv(tmp_path / "a.csv", Layout().grid(Training(count=4)))
    report = run(path, "--lr", 0.1)
    assert report.status == 1
    assert report.wrong == []
    assert report.text.startswith("WRONG: the updates use η = 0.5, --lr says 0.1 (")


def test_the_whole_derivation_on_demand(run, tmp_path):
    training = Training(count=3).with_slip(CASES["a_h2 in ∂E/∂w2"].slips)
    path = write_csv(tmp_path / "wrong.csv", Layout().grid(training))
    report = run(path, "--explain")
    assert "| ∂E_total/∂w2" in report.text
    assert len(report.text) > len(run(path).text)


def test_as_a_program(tmp_path):
    path = write_csv(tmp_path / "right.csv", Layout().grid(Training(count=3)))
    command = [sys.executable, "-W", "error", "-m", "demos", "check", str(path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert "RIGHT" in done.stdout
    done = subprocess.run([*command[:-1], "--help"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0
    for word in ("SHEET", "--lr", "--explain", "Exit status"):
        assert word in done.stdout


def test_our_own_workbook_is_right(run, tmp_path):
    """What save_workbook writes, without values: every table on both of its sheets."""
    from autograd import save_workbook
    from demos.assignment.run import Settings, build, forward

    model = build(Settings())
    nodes = forward(model, Settings())
    weights = [nodes[name] for name in WEIGHTS]
    for name in ("own.xlsx", "own.csv"):
        save_workbook(nodes["E_total"], weights, tmp_path / name, epochs=6, lr=0.5)
        require_right(run(tmp_path / name))


def test_a_reader_who_has_seen_enough_gets_no_traceback(tmp_path):
    path = write_csv(tmp_path / "right.csv", Layout().grid(Training(count=3)))
    command = f'"{sys.executable}" -m demos check "{path}" | head -c 0'
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.stderr == ""
