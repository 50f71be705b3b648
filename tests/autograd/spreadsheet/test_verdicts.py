"""What the check says, held against what it could know: no damage of a right sheet is called right.

Right sheets are drawn and computed in plain Python (see `sheets_made`); one thing in them is then made false,
or unreadable. The oracle is the damage itself: a sheet that states something false, or holds something that
cannot be read, must not have status 0; and of one with status 0 every cell that is computed was compared.
"""

import contextlib
import io
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path
from xml.sax.saxutils import quoteattr

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from autograd.terminal import brief, clean
from demos import __main__ as demos
from demos import check
from tests.support.profiles import tries
from tests.support.sheets_made import (
    COLUMNS,
    FORWARD,
    FOUR_BIASES,
    GIVEN,
    RIGHT,
    SLOPES,
    TWO_BIASES,
    UPDATED,
    WEIGHTS,
    Layout,
    Training,
    write_csv,
    write_xlsx,
)  # fmt: skip

ROOT = Path(__file__).parents[3]
COMPUTED = [*FORWARD, *SLOPES]


def checked(path, *options):
    """The status and what was printed, with what errors print."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
        status = check.main([str(path), *map(str, options)])
    return status, out.getvalue()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("verdicts")


@pytest.fixture(autouse=True, scope="module")
def without_diagnosis():
    """Which slip it was is not asked here, and takes the longest."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("autograd.spreadsheet.checking.diagnose", lambda *_: None)
        yield


# --- right sheets, and damages ---------------------------------------------------------------------------

hundredths = st.integers(-99, 99).filter(bool).map(lambda n: n / 100)
shares = st.integers(2, 98).map(lambda n: n / 100)
rates = st.sampled_from([0.1, 0.2, 0.3, 0.5, 0.8, 1.0, 2.0])


@st.composite
def trainings(draw, least=1):
    given_numbers = {name: draw(hundredths) for name in ("i1", "i2")}
    given_numbers |= {name: draw(shares) for name in ("t1", "t2")}
    given_numbers |= {name: draw(hundredths) for name in WEIGHTS}
    given_numbers |= draw(st.sampled_from([{}, {}, TWO_BIASES, FOUR_BIASES]))
    return Training({**given_numbers, "η": draw(rates)}, draw(st.integers(least, 6)))


def columns_of(training):
    return [*COLUMNS, *(name for name in training.given if name[0] == "b")]


@st.composite
def layouts(draw, training):
    columns = draw(st.permutations(columns_of(training)))
    stated = draw(st.booleans())
    return Layout(
        columns, corner=(draw(st.integers(3, 5)), draw(st.integers(1, 3))), rate=(1, 2) if stated else None
    )


def differ(one, other):
    return abs(one - other) > 1e-9 * max(abs(one), abs(other)) + 1e-13


def a_cell(draw, training, names=(*COMPUTED, *WEIGHTS)):
    name = draw(st.sampled_from(names))
    assume(name not in WEIGHTS or training.count > 1)
    return name, draw(st.integers(int(name in WEIGHTS), training.count - 1))


def another_number(draw, training, layout, grid):
    name, row = a_cell(draw, training)
    value = training.value(name, row)
    other = training.value(draw(st.sampled_from(COLUMNS)), row)
    number = draw(st.sampled_from([0.0, -value, 2.0 * value, value * (1 + 1e-6), value + 1e-3, 9.9, other]))
    assume(differ(number, value))
    return grid | {layout.place(name, row): number}


NO_NUMBERS = ["abc", "#NUM!", "#DIV/0!", "nan", "-inf", "Err:502", "1e999", "?", "0,1,2,3x", "=", "\x1b[1A"]


def no_number(draw, training, layout, grid):
    """Of any cell, also of those that are given."""
    name, row = draw(st.sampled_from(columns_of(training))), draw(st.integers(0, training.count - 1))
    return grid | {layout.place(name, row): draw(st.sampled_from(NO_NUMBERS))}


def a_column(draw, training, layout, grid):
    """A whole column is something else, from the first computed row on."""
    name = draw(st.sampled_from([*COMPUTED, *WEIGHTS]))
    rows = range(int(name in WEIGHTS), training.count)
    values = [training.value(name, row) for row in rows]
    other = draw(st.sampled_from(COLUMNS))
    new = draw(
        st.sampled_from(
            [
                [0.0 for _ in rows], [0.5 for _ in rows], ["0" for _ in rows], ["0e0" for _ in rows],
                [-value for value in values], [value / 2 for value in values],
                ["#REF!" for _ in rows], ["same" for _ in rows],
                [training.value(other, row) for row in rows],
                [training.value(name, max(row - 1, 0)) for row in rows],
            ]
        )
    )  # fmt: skip
    assume(any(isinstance(a, str) or differ(a, b) for a, b in zip(new, values)))
    return grid | {layout.place(name, row): number for row, number in zip(rows, new)}


def all_zero(draw, training, layout, grid):
    """Whatever is computed is written as 0."""
    zero = draw(st.sampled_from(["0", "0.0", "-0", "0e0", "0E-0", "0%", 0.0]))
    return grid | {layout.place(name, row): zero for name in COMPUTED for row in range(training.count)}


def a_heading(draw, training, layout, grid):
    """A column that nobody can tell, or that is called by another's name, or by none."""
    name = draw(st.sampled_from([*COMPUTED, *GIVEN]))
    heading = draw(st.sampled_from(["foo", "", "grad one", "(w)"]) | st.sampled_from(COLUMNS))
    assume(heading != name)
    return grid | {layout.place(name, -1): heading}


def more_rows(draw, training, layout, grid):
    """Rows below, or a gap and rows below, that are no continuation."""
    gap, count = draw(st.integers(0, 9)), draw(st.integers(1, 3))
    content = draw(st.sampled_from([9.9, "#NUM!", "abc", "nan", -0.25]))
    names = [name for name in layout.columns if name not in GIVEN]
    names = names[: draw(st.integers(len(names) * 2 // 3, len(names)))]
    first = training.count + gap
    return grid | {layout.place(name, first + row): content for row in range(count) for name in names}


def a_row_between(draw, training, layout, grid):
    """A row with a few numbers among the others."""
    assume(training.count > 1)
    line = layout.corner[0] + draw(st.integers(2, training.count))
    moved = {(row + (row >= line), column): content for (row, column), content in grid.items()}
    columns = draw(st.lists(st.sampled_from(list(layout.columns)), min_size=1, max_size=5, unique=True))
    return moved | {(line, layout.place(name, 0)[1]): 9.9 for name in columns}


def no_descent(draw, training, layout, grid):
    """A rate that is 0 or less, said or not; updates left out, uphill, or with another rate than is said."""
    assume(training.count > 1)
    kind = draw(st.sampled_from(["zero", "negative", "frozen", "uphill", "another"]))
    texts = {"frozen": "{0}↑", "uphill": "{0}↑+η*∂E/∂{0}↑"}
    numbers = {"zero": 0.0, "negative": -training.given["η"]}
    if kind in texts:
        training = training.with_slip({name: texts[kind].format(name) for name in WEIGHTS}, 1)
    elif kind in numbers:
        training = training.with_given(η=numbers[kind])
    grid = layout.grid(training)
    return grid | {(1, 1): "learning rate", (1, 2): training.given["η"] + 0.1} if kind == "another" else grid


def no_gradient(draw, training, layout, grid):
    """All of it 0, and the weights stay."""
    training = training.with_slip(dict.fromkeys(SLOPES, "0"))
    return layout.grid(training.with_slip({name: f"{name}↑" for name in WEIGHTS}, 1))


def unread_gradients(draw, training, layout, grid):
    """Their headings are gone, or they are."""
    places = {layout.place(name, row) for name in SLOPES for row in range(-1, training.count)}
    if draw(st.booleans()):
        return {place: content for place, content in grid.items() if place not in places}
    return grid | {layout.place(name, -1): f"g {turn} g" for turn, name in enumerate(SLOPES)}


DAMAGES = [
    another_number, no_number, a_column, all_zero, a_heading, more_rows, a_row_between, no_descent,
    no_gradient, unread_gradients,
]  # fmt: skip


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
@tries(10)
@given(data=st.data())
def test_no_damage_is_called_right(damage, folder, data):
    training = data.draw(trainings())
    layout = data.draw(layouts(training))
    grid = damage(data.draw, training, layout, layout.grid(training))
    path = write_csv(folder / "damaged.csv", grid)
    status, text = checked(path)
    if damage is a_heading and status == 0:  # the numbers are right, and the heading is told
        name = next(name for name in layout.columns if grid[layout.place(name, -1)] != name)
        said = f"the heading in {layout.cell(name, -1)} should be {name}, it says"
        assert said in " ".join(text.split()), text
        return
    assert status in (1, 2, 3), text
    assert "RIGHT:" not in text
    certain = damage in (another_number, no_number, no_descent)
    assert not certain or status == 1, text
    assert damage is not unread_gradients or "CANNOT TELL: gradients not checked" in text or status == 1, text


NO_DESCENT = {"frozen": "{0}↑", "uphill": "{0}↑+η*∂E/∂{0}↑"}
LEFT_OUT = [(), ("w5",), ("i1", "i2"), ("t1", "t2"), ("w1",), ("E1", "E2", "E_total")]


@pytest.mark.parametrize("kind", NO_DESCENT)
@tries(20)
@given(data=st.data())
def test_no_rate_of_0_or_less_is_worked_out(kind, folder, data):
    """It would explain weights that stay or go uphill; where digits are cut or columns left out as well."""
    training = data.draw(trainings(least=2))
    training = training.with_slip({name: NO_DESCENT[kind].format(name) for name in WEIGHTS}, 1)
    missing = data.draw(st.sampled_from(LEFT_OUT))
    columns = [name for name in columns_of(training) if name not in missing]
    digits, form = data.draw(st.sampled_from([10, 8, 6, 4, 12])), data.draw(st.sampled_from("fg"))
    layout = Layout(columns, corner=(4, 1), text=lambda x: f"{x:.{digits}{form}}")
    status, text = checked(write_csv(folder / "uphill.csv", layout.grid(training)))
    assert status in (1, 3), text  # few digits hide an update: then there is no telling
    assert status == 1 or missing or digits < 10 or kind == "frozen", text
    assert "η = -" not in text, text


@tries(25)
@given(data=st.data())
def test_of_a_right_sheet_every_cell_was_compared(folder, data):
    """And what the verdict rests on is said: how many cells, how many rows, to how many digits."""
    training = data.draw(trainings())
    layout = data.draw(layouts(training))
    missing = data.draw(st.lists(st.sampled_from(COMPUTED), max_size=3, unique=True))
    columns = [name for name in layout.columns if name not in missing or training.count == 1]
    layout = Layout(columns, corner=layout.corner, rate=layout.rate)
    digits = data.draw(st.sampled_from([None, None, 12, 14]))
    if digits:
        layout = Layout(columns, corner=layout.corner, rate=layout.rate, text=lambda x: f"{x:.{digits}f}")
    status, text = checked(write_csv(folder / "right.csv", layout.grid(training)))
    assert "WRONG" not in text
    told = digits is None or min_change(training) > 10.0**-digits
    assume(told)
    if training.count == 1:  # nothing tells a number that is short by chance from one that was cut
        assume("but a usual slip is smaller" not in text)
    assert status == 0, text
    computed = sum(name in COMPUTED for name in columns)
    cells = computed * training.count + (len(columns) - computed) * (training.count - 1)
    rows = f"{training.count} row{'s' if training.count > 1 else ''}"
    said = re.search(
        r"compared: (\d+) cells in (\d+ rows?).* equal to (\d+) decimals", " ".join(text.split())
    )
    assert said, text
    assert (int(said[1]), said[2]) == (cells, rows)
    assert int(said[3]) <= (digits or 15)  # less where a number is short by chance, as 0.02 · 0.79


def min_change(training):
    """The least of what usual slips change in ∂E/∂w1..w4, roughly: a_h1 for a_h2."""
    changes = [1.0]
    for row in range(training.count):
        one, other = (training.value(name, row) for name in ("a_h1", "a_h2"))
        slopes = [abs(training.value(name, row)) for name in SLOPES]
        changes += [1e-2 * abs(one - other) * slope for slope in slopes]
    return min(changes)


# --- digits ------------------------------------------------------------------------------------------------


def instead(names, old, new):
    return {name: RIGHT[name].replace(old, new) for name in names}


USUAL = {
    "a_h1 for a_h2": (instead(["∂E/∂w3", "∂E/∂w4"], "a_h2", "a_h1"), 0),
    "a_h2 for a_h1": (instead(["∂E/∂w2"], "a_h1", "a_h2"), 0),
    "w7 for w6": (instead(["∂E/∂w3"], "w6", "w7"), 0),
    "too early": ({name: re.sub("(w[5-8])", r"\1↓", RIGHT[name]) for name in SLOPES[:4]}, 0),
    "the others' gradients": ({"w3": "w3↑-η*∂E/∂w1↑", "w4": "w4↑-η*∂E/∂w2↑"}, 1),
    "left out": ({"w5": "w5↑"}, 1),
    "no half": ({"E1": "(t1-a_o1)^2"}, 0),
    "the sign": ({"w6": "w6↑+η*∂E/∂w6↑"}, 1),
}


@pytest.mark.parametrize("slip", USUAL)
@tries(5)
@given(data=st.data())
def test_a_usual_slip_is_right_at_no_number_of_digits(slip, folder, data):
    """Where the digits would hide it, the check cannot tell; at many digits it does, as other tests show."""
    texts, begin = USUAL[slip]
    training = data.draw(trainings(least=2))
    training = Training({name: x for name, x in training.given.items() if name[0] != "b"}, training.count)
    slipped = training.with_slip(texts, begin)
    cells = [(name, row) for name in texts for row in range(begin, training.count)]
    assume(any(abs(slipped.value(*cell) / (slipped.right(*cell) or 1.0) - 1.0) > 1e-6 for cell in cells))
    digits, form = data.draw(st.integers(2, 8)), data.draw(st.sampled_from("fg"))
    layout = Layout(corner=(4, 1), rate=(1, 2), text=lambda x: f"{x:.{digits}{form}}")
    status, text = checked(write_csv(folder / "slip.csv", layout.grid(slipped)))
    assert status != 0, text
    status, text = checked(write_csv(folder / "right.csv", layout.grid(training)))
    assert status in (0, 3), text
    assert status == 0 or re.search(r"right to \d+ decimals?, but a usual slip is smaller", text), text


# --- several tables and sheets -----------------------------------------------------------------------------


def test_the_gravest_of_several_sheets_is_the_status_and_each_is_named(folder):
    right = Layout(corner=(3, 1)).grid(Training(count=4))
    wrong = right | {(4, 23): 9.9}
    unsure = {(row, column): "?" if row == 3 and column > 23 else x for (row, column), x in right.items()}
    other = {(1, 1): "budget", (2, 1): 12.5, (3, 1): 99.0}
    for sheets, expected in [
        ({"a": right, "b": other}, 0), ({"a": right, "b": wrong}, 1), ({"a": wrong, "b": right}, 1),
        ({"a": unsure, "b": right}, 3), ({"a": unsure, "b": wrong, "c": other}, 1),
    ]:  # fmt: skip
        status, text = checked(write_xlsx(folder / "sheets.xlsx", sheets))
        assert status == expected, text
        for name, grid in sheets.items():
            assert f'sheet "{name}"' in text if grid is not other else f"assignment on: {name}" in text
    status, text = checked(write_xlsx(folder / "sheets.xlsx", {"a": right | {(50, 7): 1.0, (60, 9): 2.0}}))
    assert (status, "Not read on this sheet: 2 numbers outside the tables, the first in G50" in text) == (
        0,
        True,
    )


def test_the_learning_rate_that_is_said_is_the_one_that_is_used(folder):
    """A formula that uses another number than the cell that is called so; and a rate that is no number."""
    training = Training(count=4)
    layout = Layout(live=True, corner=(4, 1), rate=(1, 2))
    grid = layout.grid(training) | {(1, 1): "step", (2, 1): "learning rate", (2, 2): 0.8}
    status, text = checked(write_xlsx(folder / "said.xlsx", {"S": grid}))
    assert status == 3
    assert "the updates use η = 0.5 (B1), but B2 says 0.8" in text
    columns = Layout([*COLUMNS, "η"])
    grid = columns.grid(training) | {columns.place("η", 2): "fast"}
    status, text = checked(write_csv(folder / "said.csv", grid))
    assert status == 1
    assert "WRONG: AF4 holds fast, where a learning rate belongs" in text


@pytest.mark.parametrize("weight", WEIGHTS)
@pytest.mark.parametrize("slip", ["{0}+η*∂E/∂{0}", "{0}", "{0}-∂E/∂{0}", "η*∂E/∂{0}", "7"])
def test_a_wrong_update_beside_its_weight_is_named(weight, slip, folder):
    """The layout w1 ... w1 new, with the slip told as everywhere else."""

    name = f"{weight}'"
    training = Training(count=4).with_slip({name: slip.format(weight), weight: f"{name}↑"}, 0)
    training = Training(training.given, 4, {**training.slips, weight: (f"{name}↑", 1)})
    layout = Layout([*COLUMNS, *UPDATED], {name: f"{name[:2]} new" for name in UPDATED})
    status, text = checked(write_csv(folder / "beside.csv", layout.grid(training)))
    assert status == 1, text
    assert re.match(rf"WRONG: 1 of \d+ columns: {name} \(", text), text


@pytest.mark.parametrize("gap", [3, 10])
def test_rows_some_epochs_apart_are_computed_through_the_updates_between(gap, folder):

    def every(training, columns):
        grid = Layout(columns).grid(training)
        kept = {row: 2 + (row - 2) // gap for row in range(2, training.count + 2) if (row - 2) % gap == 0}
        kept[1] = 1
        return {(kept[row], column): content for (row, column), content in grid.items() if row in kept}

    right = Training(count=4 * gap)
    frozen = right.with_slip({name: f"{name}↑" for name in WEIGHTS}, 1)
    for columns, of_frozen in [(["epoch", *COLUMNS, "η"], 1), (["epoch", *COLUMNS], 3)]:
        status, text = checked(write_csv(folder / "apart.csv", every(right, columns)))
        assert status == 0, text
        assert f"{gap} epochs apart" in text
        status, text = checked(write_csv(folder / "apart.csv", every(frozen, columns)))
        assert status == of_frozen, text


# --- what reaches the terminal -----------------------------------------------------------------------------

FORGED = [
    "\x1b[2J\x1b[H  RIGHT: all agree",
    "w\r\n  RIGHT: all agree",
    "\u202eTHGIR\u2028  RIGHT: x",
    "\x9b2J",
    "\ud800 x",
]
strange = st.text(max_size=60) | st.sampled_from(FORGED)


def require_harmless(text, verdicts):
    lines = text.split("\n")
    assert all(letter.isprintable() for line in lines for letter in line)
    said = [line for line in lines if re.match(r"(RIGHT|WRONG|CANNOT TELL):", line)]
    assert len(said) == verdicts, text


@tries(15)
@given(heading=strange, cell=strange, sheet=strange, name=strange)
def test_no_text_of_a_file_acts_on_the_terminal(heading, cell, sheet, name, folder):
    """Headings, cells, the names of sheets and of the file, in reports and in errors."""
    layout = Layout(corner=(3, 1))
    grid = layout.grid(Training(count=3))
    plain = write_xlsx(
        folder / "plain.xlsx", {"Sheet1": grid | {layout.place("a_h1", 1): "xx", (3, 32): "yy"}}
    )
    odd = re.sub("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]", "", sheet)[:31]  # else it is no XML
    path = Path(folder) / (re.sub("[\0/]", "", name)[:40] + ".xlsx")
    with (
        contextlib.suppress(UnicodeEncodeError),
        zipfile.ZipFile(plain) as old,
        zipfile.ZipFile(path, "w") as new,
    ):
        for each in old.namelist():
            text = old.read(each).decode()
            if each == "xl/workbook.xml":
                text = text.replace(
                    '"Sheet1"', quoteattr(odd or "S", {"\n": "&#10;", "\r": "&#13;", "\t": "&#9;"})
                )
            new.writestr(each, text)
        for what in ("heading", "cell"):
            _, error = checked(folder / f"{what}{name}".replace("\0", ""))
            require_harmless(error, 0)
    if path.exists():
        status, text = checked(path)
        require_harmless(text, int(status != 2))
    if encodable(heading + cell):
        grid = {**grid, layout.place("a_h1", 1): cell or "x", (3, 32): heading, (4, 32): 1.0, (1, 1): heading}
        status, text = checked(write_csv(folder / "strange.csv", grid))
        require_harmless(text, int(status != 2))
    assert (clean(heading) + clean(brief(cell))).isprintable()


def encodable(text):
    return not re.search("[\ud800-\udfff]", text)


def run(*words, stdout="", **environment):
    """A demo as a program of its own, in a shell: with redirections, and another encoding."""
    command = f'"{sys.executable}" -W error -m demos {" ".join(words)} {stdout}'
    return subprocess.run(
        ["bash", "-c", command], capture_output=True, check=False, cwd=ROOT, env={**os.environ, **environment}
    )


@pytest.mark.parametrize("encoding", ["cp1252", "ascii", "utf-16-le"])
def test_a_verdict_in_every_encoding(encoding, folder):
    path = write_csv(folder / "right.csv", Layout().grid(Training(count=3)))
    done = run("check", str(path), PYTHONIOENCODING=encoding, PYTHONUTF8="0")
    assert (done.returncode, done.stderr) == (0, b"")
    eta = "η" if encoding.startswith("utf") else "eta"
    assert f"learning rate {eta} = 0.5" in done.stdout.decode(encoding)


REDIRECTIONS = {"all closed": "<&- >&- 2>&-", "a reader who left": "| head -c 0"}


@pytest.mark.slow
@pytest.mark.parametrize("name", REDIRECTIONS)
def test_a_demo_does_its_work_whoever_reads(name, tmp_path):
    """With its page written whole: ready() is what all demos begin with."""
    done = run(
        "order",
        "--quick",
        "--out",
        str(tmp_path),
        stdout=REDIRECTIONS[name].replace("x", str(tmp_path / "x")),
        PYTHONIOENCODING="cp1252",
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert (tmp_path / "index.html").stat().st_size > 1000


def test_a_verdict_that_could_not_be_written_is_none(folder):
    path = write_csv(folder / "right.csv", Layout().grid(Training(count=3)))
    done = run("check", str(path), stdout=">/dev/full")
    assert done.returncode == demos.CRASHED
    assert done.stderr == b"python -m demos: the output could not be written: No space left on device\n"


def test_a_crash_is_none_of_the_verdicts(monkeypatch, capsys):
    """One line and a status of its own; no text in it acts on the terminal."""

    def fails(*_, **__):
        raise KeyError("w1'\x1b[2J\n  RIGHT: all")

    monkeypatch.setattr("autograd.spreadsheet.command.check_workbook", fails)
    assert demos.main(["check", "a.csv"]) == 70
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert captured.err.startswith(
        "python -m demos check: an error in this program, not in its input: KeyError"
    )
    require_harmless(captured.err, 0)


def test_the_statuses_are_documented(capsys):
    with pytest.raises(SystemExit):
        check.main(["--help"])
    said = " ".join(capsys.readouterr().out.split())
    page = (ROOT / "docs" / "howto" / "check_a_class.md").read_text(encoding="utf-8")
    for status, word in (
        (0, "right"),
        (1, "wrong"),
        (2, "cannot be read"),
        (3, "not all could be checked"),
        (70, "fails"),
    ):
        assert re.search(rf"\b{status} if [^,;]*{word}", said), (status, said[-600:])
        assert re.search(rf"^\| {status} \| .*{word}", page, re.MULTILINE), (status, page)
    assert demos.CRASHED == 70
