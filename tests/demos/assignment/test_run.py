"""The assignment demo: its numbers against a computation by hand, its files, its options."""

from __future__ import annotations

import csv
import math
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import openpyxl
import pytest

from demos import __main__ as runner
from demos.assignment import network
from demos.assignment import run as assignment
from demos.assignment.comment import Curve, comment
from demos.assignment.page import closed_form, explained
from demos.shared import page
from demos.shared.options import Options, whole
from tests.support.pages import Page, loaded_by
from tests.support.profiles import slow

ROOT = Path(__file__).parents[3]
SIX_RATES = [0.1, 0.2, 0.5, 0.8, 1.0, 2.0]
GRAPHS = ["graph.svg", *(f"graph_w{i}.svg" for i in range(1, 9))]
PICTURES = ["network.svg", "network_trained.svg", *GRAPHS, "loss_curve.svg", "loss_curves.svg"]
HANDED_IN = ["backpropagation.xlsx", "derivation.md", "derivation.html"]
WEIGHTS = (0.15, 0.20, 0.25, 0.30, 0.40, 0.45, 0.50, 0.55)


# --- the same thing by hand: plain floats, written out ------------------------------------------------


def sigma(x):
    return 1 / (1 + math.exp(-x))


def by_hand(lr, epochs, t=(0.5, 0.5), i=(0.05, 0.1), w=WEIGHTS, b=(0.0, 0.0)):
    """Rows of the table: before each update all quantities, in the order of the columns."""
    i1, i2 = i
    t1, t2 = t
    w1, w2, w3, w4, w5, w6, w7, w8 = w
    rows = []
    for _ in range(epochs):
        h1 = w1 * i1 + w2 * i2 + b[0]
        h2 = w3 * i1 + w4 * i2 + b[0]
        a_h1, a_h2 = sigma(h1), sigma(h2)
        o1 = w5 * a_h1 + w6 * a_h2 + b[1]
        o2 = w7 * a_h1 + w8 * a_h2 + b[1]
        a_o1, a_o2 = sigma(o1), sigma(o2)
        E1, E2 = (t1 - a_o1) ** 2 / 2, (t2 - a_o2) ** 2 / 2
        d_o1 = (a_o1 - t1) * a_o1 * (1 - a_o1)
        d_o2 = (a_o2 - t2) * a_o2 * (1 - a_o2)
        d_h1 = (d_o1 * w5 + d_o2 * w7) * a_h1 * (1 - a_h1)
        d_h2 = (d_o1 * w6 + d_o2 * w8) * a_h2 * (1 - a_h2)
        g = (d_h1 * i1, d_h1 * i2, d_h2 * i1, d_h2 * i2, d_o1 * a_h1, d_o1 * a_h2, d_o2 * a_h1, d_o2 * a_h2)
        w = (w1, w2, w3, w4, w5, w6, w7, w8)
        forward = (h1, a_h1, h2, a_h2, o1, a_o1, o2, a_o2, E1, E2, E1 + E2)
        rows.append((i1, i2, t1, t2, *w, *forward, *g))
        w1, w2, w3, w4, w5, w6, w7, w8 = (old - lr * slope for old, slope in zip(w, g, strict=True))
    return np.array(rows)


def assert_agree(rows, expected):
    np.testing.assert_allclose(rows, expected, rtol=1e-9, atol=1e-14)


def settings_of(words):
    """The settings that the options stand for."""
    options = Options("assignment", "")
    options.value("--seed", whole(0, 100), help="")
    options.switch("--quick", help="")
    assignment.add_options(options)
    return assignment.settings_from(options.read(words))


def trained(**settings):
    return network.record(network.Settings(**settings))


def without_biases(history):
    keep = [index for index, name in enumerate(history.columns) if name not in ("b1", "b2")]
    return history.rows[:, keep]


# --- the numbers --------------------------------------------------------------------------------------


@pytest.mark.parametrize("targets", [(0.5, 0.5), (0.01, 0.99)])
@pytest.mark.parametrize("lr", SIX_RATES)
def test_a_thousand_epochs_agree_with_the_computation_by_hand(lr, targets):
    history = trained(lr=lr, targets=targets, epochs=1000)
    assert_agree(history.rows, by_hand(lr, 1000, t=targets))


def test_other_inputs_and_weights_agree_too():
    w, i = (-1.5, 2.0, 0.3, -0.7, 1.1, -2.2, 0.0, 3.0), (-3.0, 0.7)
    history = trained(lr=0.3, weights=w, inputs=i, targets=(0.2, 0.9), epochs=200)
    assert_agree(history.rows, by_hand(0.3, 200, t=(0.2, 0.9), i=i, w=w))


def test_the_losses_that_courses_print():
    assert trained(epochs=1)["E_total"][0] == pytest.approx(0.014181377937891659, rel=1e-14)
    assert trained(epochs=1, targets=(0.01, 0.99))["E_total"][0] == pytest.approx(
        0.24251985734837728, rel=1e-14
    )
    assert trained(epochs=1)["∂E/∂w3"][0] == pytest.approx(0.00035177632159073217, rel=1e-13)


def test_the_published_walkthrough_with_fixed_biases():
    options = {"biases": (0.35, 0.60), "targets": (0.01, 0.99), "lr": 0.5}
    history = trained(**options, epochs=10_000)
    assert history["E_total"][0] == pytest.approx(0.298371109, abs=5e-10)
    assert history["w5"][1] == pytest.approx(0.35891648, abs=5e-9)
    assert history["w1"][1] == pytest.approx(0.149780716, abs=5e-10)
    assert history["E_total"][1] == pytest.approx(0.29102777369359933, rel=1e-13)
    assert history.row(-1)["E_total"] == pytest.approx(3.510187782978859e-05, rel=1e-9)
    assert set(history["b1"]) == {0.35}
    assert set(history["b2"]) == {0.60}
    expected = by_hand(0.5, 1000, t=(0.01, 0.99), b=(0.35, 0.60))
    assert_agree(without_biases(history)[:1000], expected)


def test_overshoot_at_100_and_1000():
    settings = network.Settings(epochs=500)
    hundred = network.record(replace(settings, lr=100.0)).curve
    assert hundred.peak() == 3
    assert hundred.losses[2] == pytest.approx(0.0823301, rel=1e-6)
    thousand = network.record(replace(settings, lr=1000.0)).curve
    np.testing.assert_allclose(thousand.losses[1:], 0.25, rtol=1e-4)


def test_the_same_seed_gives_the_same_weights():
    assert network.random_weights(7) == network.random_weights(7)
    assert network.random_weights(7) != network.random_weights(8)
    assert all(-1.0 <= weight < 1.0 for weight in network.random_weights(7))
    assert settings_of(["--seed", "7"]).weights == network.random_weights(7)


@pytest.mark.parametrize("biases", [None, (0.35, 0.6)])
@pytest.mark.parametrize("label", assignment.WEIGHTS)
def test_the_closed_forms_give_the_gradients(label, biases):
    settings = network.Settings(biases=biases, weights=network.random_weights(3), inputs=(0.7, -1.3))
    nodes = network.forward(network.build(settings), settings)
    nodes["E_total"].backward()
    assert closed_form(nodes, label) == pytest.approx(nodes[label].grad, rel=1e-12)


def test_the_closed_forms_read_as_courses_write_them():
    settings = network.Settings()
    nodes = network.forward(network.build(settings), settings)
    assert explained(nodes, "w5").formula == "(a_o1 − t1) · a_o1 (1 − a_o1) · a_h1"
    assert explained(nodes, "w3").formula == (
        "((a_o1 − t1) · a_o1 (1 − a_o1) · w6 + (a_o2 − t2) · a_o2 (1 − a_o2) · w8) · a_h2 (1 − a_h2) · i1"
    )


# --- the files ----------------------------------------------------------------------------------------


@dataclass
class Out:
    folder: Path
    printed: str

    def text(self, name):
        return (self.folder / name).read_text(encoding="utf-8")

    def table(self):
        with open(self.folder / "table.csv", encoding="utf-8", newline="") as file:
            return list(csv.reader(file))


@pytest.fixture(scope="module")
def out(tmp_path_factory):
    """The demo, run once as a user would."""
    folder = tmp_path_factory.mktemp("assignment") / "with spaces" / "out"
    done = subprocess.run(
        [sys.executable, "-m", "demos", "assignment", "--epochs", "120", "--out", str(folder)],
        cwd=ROOT, capture_output=True, text=True, encoding="utf-8", check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return Out(folder, done.stdout)


def test_every_file_is_there_and_no_other(out):
    names = {"table.csv", "index.html", "explorer.html", "loss_curves.png", *HANDED_IN, *PICTURES}
    assert {path.name for path in out.folder.iterdir()} == names
    assert (out.folder / "loss_curves.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("name", PICTURES)
def test_the_pictures_are_well_formed(out, name):
    root = ElementTree.fromstring(out.text(name))
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    words = " ".join(root.itertext())
    if name.startswith("graph"):
        for label in (*assignment.WEIGHTS, "i1", "h1", "a_h1", "o2", "a_o2", "t1", "E1", "E_total"):
            assert label in words
    if name.startswith("network"):
        for label in ("i1", "i2", "o1", "o2"):
            assert label in words
    if name == "network.svg":
        for weight in WEIGHTS:
            assert f"{weight:g}" in words


def test_the_table_has_one_row_per_epoch_with_all_digits(out):
    header, *rows = out.table()
    weights = [f"w{i}" for i in range(1, 9)]
    assert header == [
        "epoch", "i1", "i2", "t1", "t2", *weights,
        "h1", "a_h1", "h2", "a_h2", "o1", "a_o1", "o2", "a_o2", "E1", "E2", "E_total",
        *(f"∂E/∂{weight}" for weight in weights),
    ]  # fmt: skip
    assert [row[0] for row in rows] == [str(epoch) for epoch in range(1, 121)]
    assert_agree(np.array([[float(cell) for cell in row[1:]] for row in rows]), by_hand(0.5, 120))
    assert all(repr(float(cell)) == cell for row in rows for cell in row[1:])
    assert [float(cell) for cell in rows[0][5:13]] == list(WEIGHTS)


@pytest.mark.slow
def test_the_biases_have_columns_of_their_own(tmp_path, capsys):
    assert assignment.main(["--biases", ".35,.6", "--epochs", "3", "--out", str(tmp_path)]) == 0
    header, *rows = Out(tmp_path, "").table()
    assert header[12:16] == ["w8", "b1", "b2", "h1"]
    assert {tuple(row[13:15]) for row in rows} == {("0.35", "0.6")}
    assert "fixed biases b1, b2" in capsys.readouterr().out


def test_the_page_is_one_file_that_loads_nothing(out):
    text = out.text("index.html")
    assert loaded_by(text) == []
    shown = Page(text)
    for reference in shown.references:
        if reference.startswith("#"):
            assert reference[1:] in shown.ids
        elif not reference.startswith("data:"):
            assert (out.folder / reference).is_file()
    assert len(shown.ids) == len(set(shown.ids))
    assert len(shown.images) == len(PICTURES)
    for image in shown.images:
        assert len(image["alt"]) > 40
        assert image["src"].startswith("data:image/svg+xml;base64,")


def test_the_derivation_has_the_six_steps_the_sums_and_all_eight_weights(out):
    text = out.text("derivation.md")
    headings = [line.lstrip("# ") for line in text.splitlines() if line.startswith("#")]
    steps = [heading.split(". ")[1] for heading in headings if heading[1:2] == "."]
    assert steps == [
        "Initialise the weights",
        "Forward pass",
        "Loss",
        "Gradient of the loss for every weight, by partial derivatives",
        "Update every weight at once",
        "Repeat until the epochs are done",
    ]
    assert [heading for heading in headings if heading.startswith("The")] == [
        "The sum for a_h1",
        "The sum for a_h2",
        *(f"The weight w{k}" for k in range(1, 9)),
    ]
    assert (
        r"h_{1} &= w_{1} \cdot i_{1} + w_{2} \cdot i_{2} = 0.15 \cdot 0.05 + 0.2 \cdot 0.1 = 0.0275" in text
    )
    assert r"\left(a_{o1} - t_{1}\right) \cdot a_{o1} \left(1 - a_{o1}\right) \cdot a_{h1}" in text
    assert text.count("$$") % 2 == 0
    (row,) = by_hand(0.5, 1)
    for slope in row[-8:]:
        assert f"{slope:.9g}" in text


def test_the_derivation_is_typeset_offline_with_the_same_formulas(out):
    text = out.text("derivation.html")
    assert "http" not in text
    shown = Page(text)
    assert shown.references == ["data:,"]
    assert text.count("<math") == text.count("</math>") > 20
    assert text.count("<mtr>") > 80
    assert "&amp;" not in text.split("</style>")[1]
    assert text.count("<mfrac>") > 80
    assert "0.0281548156" in shown.text  # the sum for a_h2


def test_the_workbook_holds_the_run(out):
    page = openpyxl.load_workbook(out.folder / "backpropagation.xlsx", data_only=True)["training"]
    header = [cell.value for cell in page[8]]
    rows = [[cell.value for cell in row] for row in page.iter_rows(min_row=9, max_col=len(header))]
    columns, *table = out.table()
    assert len(rows) == 100
    for row, expected in zip(rows, table):
        numbers = dict(zip(columns, map(float, expected), strict=True))
        assert dict(zip(header, row, strict=True)) == pytest.approx(numbers, rel=1e-12)


def test_the_page_tells_the_six_steps_with_the_numbers_of_the_run(out):
    shown = "".join(Page(out.text("index.html")).words)
    rows = by_hand(0.5, 120)
    for heading in (
        "1 Initialise the weights", "2 Forward pass", "3 Loss", "4 Gradient of the loss for every weight",
        "5 Update every weight at once", "6 Repeat until the epochs are done",
    ):  # fmt: skip
        assert heading in shown
    assert "h1=w1·i1+w2·i2=0.15·0.05+0.2·0.1=0.0275" in shown
    assert "0.014181377937891659" in shown
    assert "∂Etotal∂w5=∂Etotal∂ao1·∂ao1∂o1·∂o1∂w5" in shown
    assert "=(ao1−t1)·ao1(1−ao1)·ah1" in shown
    assert "=∂E1∂ao1·∂ao1∂o1·∂o1∂ah1+∂E2∂ao2·∂ao2∂o2·∂o2∂ah1" in shown
    assert "w ← w − η · ∂E_total/∂w" in shown
    for slope in rows[0, -8:]:
        assert page.number(slope) in shown
    for weight in rows[1, 4:12]:
        assert page.number(weight) in shown


def test_the_comment_stands_on_the_page_in_the_picture_and_in_the_summary(out):
    settings = network.Settings(epochs=120)
    words = comment(
        *(
            [network.record(replace(settings, lr=rate)).curve for rate in rates]
            for rates in (assignment.SIX_RATES, assignment.OVERSHOOT_RATES)
        )
    )
    shown = "".join(Page(out.text("index.html")).words)
    picture = ElementTree.fromstring(out.text("loss_curves.svg"))
    drawn = " ".join(" ".join(picture.itertext()).split())
    for paragraph in words:
        assert paragraph in shown
        assert paragraph in drawn
        assert paragraph in " ".join(out.printed.split())


def test_the_summary_is_short_and_says_where_the_page_is(out):
    assert str(out.folder / "index.html") in out.printed
    assert "0.014181377937891659" in out.printed
    assert len(out.printed.splitlines()) < 40


@pytest.mark.slow
def test_a_second_run_replaces_the_first_and_gives_the_same_files(tmp_path, capsys):
    options = ["--seed", "5", "--epochs", "4", "--out", str(tmp_path)]
    assert assignment.main(options) == 0
    first = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert assignment.main(options) == 0
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == first
    assert "seed 5" in first["index.html"].decode()


@pytest.mark.parametrize(
    "options",
    [
        ["--weights", "0 0 0 0 0 0 0 0"],  # the loss is 0 from the start
        *slow(
            [
                ["--lr", "1e300"],
                ["--epochs", "1"],
                ["--inputs", "0", "0"],
                ["--inputs", "1e200", "1"],
                ["--weights", "90 90 90 90 90 90 90 90"],  # saturated
                ["--lr", "1000", "--epochs", "15"],  # the loss does not go down
            ]
        ),
    ],
)
def test_unusual_but_valid_numbers_are_handed_in_too(options, tmp_path, capsys):
    assert assignment.main(["--epochs", "2", *options, "--out", str(tmp_path)]) == 0
    Page(Out(tmp_path, "").text("index.html"))
    captured = capsys.readouterr()
    assert captured.err == ""
    assert "index.html" in captured.out


# --- the comment --------------------------------------------------------------------------------------


def curve(rate, losses, slope=0.1):
    return Curve(np.array(losses, float), rate, np.full(len(losses), slope))


def test_the_comment_is_computed_from_the_curves():
    falling = [0.5**k for k in range(40)]
    slow = [0.9**k for k in range(40)]
    told = comment([curve(0.1, slow), curve(2.0, falling)], [curve(100.0, falling)])
    assert "slowest is η = 0.1" in told[0]
    assert "fastest η = 2.0" in told[0]
    assert "nothing overshoots" in told[0]
    assert "η = 100 does not overshoot" in told[1]

    told = comment([curve(0.1, falling), curve(2.0, slow)], [curve(100.0, [1.0, 3.0, *falling[2:]])])
    assert "slowest is η = 2.0" in told[0]
    assert "η = 100 overshoots: the loss climbs from 1 to 3 in epoch 2" in told[1]


def test_the_comment_says_which_rate_sticks_and_for_how_long():
    stuck = curve(1000.0, [0.1] + [0.25] * 30 + [0.01, 0.001], slope=1e-7)
    (told,) = comment([curve(1.0, [0.9**k for k in range(33)])], [stuck])[1:]
    assert "sticks at E = 0.25 from epoch 2 to 31" in told
    assert "saturated" in told
    assert "comes loose, and ends at 0.001" in told


def test_the_comment_notices_a_curve_that_breaks_down():
    fine = curve(1.0, [0.9**k for k in range(10)])
    told = comment([fine], [curve(1000.0, [1.0, 5.0, 7.0])])
    assert "from epoch 4 on the loss is not a finite number" in told[1]


def test_one_epoch_has_nothing_to_compare():
    assert "nothing to compare" in comment([curve(1.0, [1.0])], [curve(100.0, [1.0])])[0]


# --- the options --------------------------------------------------------------------------------------


def test_numbers_stand_between_spaces_or_commas_and_may_be_negative():
    for words in (["-1e-3", "2"], ["-1e-3,2"], ["-1e-3,", "2"], ["-.001", "+2"]):
        assert settings_of(["--targets", *words]).targets == (-0.001, 2.0)
    assert settings_of(["--lr=0.25"]).lr == 0.25


def test_quick_is_fewer_epochs_unless_they_are_given():
    epochs = [settings_of(options).epochs for options in ([], ["--quick"], ["--quick", "--epochs", "7"])]
    assert epochs == [1000, 50, 7]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--lr", "fast"], "--lr takes numbers, got 'fast'"),
        (["--lr", "nan"], "--lr takes finite numbers"),
        (["--lr", "1e999"], "--lr takes finite numbers"),
        (["--lr", "0"], "--lr must be greater than 0"),
        (["--lr", "-0.5"], "--lr must be greater than 0"),
        (["--lr"], "--lr takes 1 number, got 0"),
        (["--lr", "0.1", "0.2"], "--lr takes 1 number, got 2"),
        (["--lr", "1_0"], "--lr takes"),
        (["--epochs", "0"], "--epochs must be from 1 to 100000, got 0"),
        (["--epochs", "-3"], "--epochs must be from 1 to 100000, got -3"),
        (["--epochs", "2.5"], "--epochs takes a whole number, got '2.5'"),
        (["--epochs", "many"], "--epochs takes a whole number"),
        (["--epochs", "1000000000"], "--epochs must be from 1 to 100000"),
        (["--epochs", "9" * 5000], "--epochs must be from 1 to 100000"),
        (["--targets", "0.5"], "--targets takes 2 numbers, got 1"),
        (["--targets", "a,b"], "--targets takes numbers, got 'a'"),
        (["--targets", "inf", "0"], "--targets takes finite numbers"),
        (["--targets", "-inf", "0"], "--targets takes finite numbers"),
        (["--inputs", "1", "2", "3"], "--inputs takes 2 numbers, got 3"),
        (["--weights", "1", "2"], "--weights takes 8 numbers, got 2"),
        (["--weights", "1 2 3 4 5 6 7 nan"], "--weights takes finite numbers"),
        (["--biases", "1"], "--biases takes 2 numbers, got 1"),
        (["--seed", "x"], "--seed takes a whole number"),
        (["--seed", "-1"], "--seed must be from 0"),
        (["--seed", "1", "--weights", "1 2 3 4 5 6 7 8"], "use one of the two"),
        (["--out", ""], "--out takes the name of one folder"),
        (["--epoch", "5"], "unrecognized arguments: --epoch"),
        (["extra"], "unrecognized arguments: extra"),
        (["--inputs", "1e308", "1e308", "--weights", "1e308 " * 8, "--epochs", "2"], "range of floats"),
    ],
)
def test_a_bad_value_gets_one_line_and_status_2(options, said, tmp_path, capsys):
    out = [] if "--out" in options else ["--out", str(tmp_path / "out")]
    assert assignment.main([*options, *out]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert said in captured.err
    assert captured.err.count("\n") == 1
    assert len(captured.err) < 250


def test_an_output_folder_that_cannot_be_written(tmp_path, capsys):
    (tmp_path / "file").write_text("")
    assert assignment.main(["--out", str(tmp_path / "file" / "below")]) == 2
    assert assignment.main(["--out", str(tmp_path / "file")]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2
    assert all("cannot write into" in line for line in lines)


# --- the list of demos --------------------------------------------------------------------------------


def run(*words):
    return subprocess.run(
        [sys.executable, "-m", "demos", *words],
        cwd=ROOT, capture_output=True, text=True, encoding="utf-8", check=False,
    )  # fmt: skip


def test_without_a_name_the_demos_are_listed():
    done = run()
    assert done.returncode == 0
    assert "  assignment  The assignment: two inputs, two hidden neurons, two outputs" in done.stdout
    assert all(len(line) <= 120 for line in done.stdout.splitlines())


def test_from_the_command_line_a_bad_value_gets_status_2():
    done = run("assignment", "--lr", "abc")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "python -m demos assignment: error: --lr takes numbers, got 'abc'\n"


def test_every_demo_says_its_options(capsys):
    for name in runner.names():
        with pytest.raises(SystemExit, match="0"):
            runner.main([name, "--help"])
        text = capsys.readouterr().out
        if name not in (
            "check",
            "playground",
        ):  # a sheet is read; nothing is random
            assert all(option in text for option in ("--seed", "--out", "--quick")), name
