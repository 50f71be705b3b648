"""A class checked: points, the students of a list, what several have in common, and what is kept."""

import dataclasses
import json

import pytest

from autograd.spreadsheet import SheetError, assignment
from autograd.spreadsheet.classes import Student, Weights, check_class, checking
from autograd.spreadsheet.classes.outcomes import Outcome, unread
from tests.support.classes_made import USUAL, check_alone, put, sheet
from tests.support.sheets_made import COLUMNS

CLASS = {"Ada": "right", "Alan": "usual", "Eve": "usual", "Grace": "half", "Emmy": "own"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("made")
    files = {f"{name}/x.csv": sheet(made, slip) for name, slip in CLASS.items()}
    files |= {"Bob/x.xlsx": b"PK\3\4", "Carl/x.pdf": b"%PDF", "Dora/x.csv": b"name,age\nDora,20\n"}
    return put(tmp_path_factory.mktemp("class"), files)


@pytest.fixture(scope="module")
def report(folder):
    return check_class(folder, assignment(), workers=2)


def test_each_student_has_an_entry_and_the_points_that_are_due(report):
    """27 quantities; a slip costs the columns that have it. E_total follows from E1, and is right."""
    found = {entry.student: (entry.outcome.status, entry.points, entry.most) for entry in report.entries}
    assert found == {
        "Ada": (0, 27, 27), "Alan": (1, 25, 27), "Bob": (2, 0, 27), "Carl": (2, 0, 27), "Dora": (2, 0, 27),
        "Emmy": (1, 26, 27), "Eve": (1, 25, 27), "Grace": (1, 26, 27),
    }  # fmt: skip
    assert report.status == 1
    states = {entry.student: entry.outcome.states for entry in report.entries}
    assert states["Alan"]["∂E_total/∂w3"] == "wrong"
    assert states["Grace"]["E_total"] in ("right", "follows")


def test_one_bad_file_is_a_row_with_its_reason(report):
    reasons = {entry.student: entry.outcome.reason for entry in report.entries if entry.outcome.status == 2}
    assert "x.xlsx is damaged" in reasons["Bob"]
    assert reasons["Carl"] == "there is no sheet, only x.pdf"
    assert "has no table of the assignment" in reasons["Dora"]


def test_slips_are_counted_and_the_same_wrong_numbers_listed(report):
    slips = {slip: [entry.student for entry in entries] for slip, entries in report.slips.items()}
    assert slips[USUAL] == ["Alan", "Eve"]
    assert next(iter(slips)) == USUAL
    (group,) = report.alike
    assert (group.paths, group.explained, group.identical) == (["Alan/x.csv", "Eve/x.csv"], True, True)
    assert [name for name, _, _ in group.cells] == ["∂E/∂w3", "∂E/∂w4"]
    text = str(report)
    assert "1 right; 4 wrong; 3 not read" in text
    assert f"2 × {USUAL}" in text


def test_weights_are_the_teachers(folder):
    weights = Weights({"∂E/∂w*": 3.0, "default": 0.0})
    points = {
        entry.student: entry.points for entry in check_alone(folder, assignment(), weights=weights).entries
    }
    assert (points["Ada"], points["Alan"], points["Grace"], points["Bob"]) == (24, 18, 24, 0)


def test_a_sheet_without_some_columns_is_not_wrong_there(tmp_path):
    made = [name for name in COLUMNS if name not in ("h1", "∂E/∂w8")]
    put(tmp_path / "c", {"Ada/x.csv": sheet(tmp_path, columns=made)})
    (entry,) = check_alone(tmp_path / "c", assignment()).entries
    assert {mark.quantity: mark.points for mark in entry.marks if mark.state == "absent"} == {
        "h1": 0,
        "∂E_total/∂w8": 0,
    }
    (entry,) = check_alone(tmp_path / "c", assignment(), weights=Weights(missing="left out")).entries
    assert entry.points == entry.most == 25


# --- students with numbers of their own ------------------------------------------------------------


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    """Three students with numbers of their own, of whom one hands in another's, one a file without a name."""
    made = tmp_path_factory.mktemp("made")
    names = ["Ada Lovelace", "Alan Turing", "Eve Smith", "Zoe Late"]
    students = [
        Student(name, str(k), numbers=assignment().individual(k).numbers) for k, name in enumerate(names)
    ]
    files = {
        "Lovelace Ada_0_assignsubmission_file_/x.csv": sheet(made, **students[0].numbers),
        "Turing Alan_1_assignsubmission_file_/x.csv": sheet(made, **students[0].numbers),
        "my homework.csv": sheet(made, "usual", **students[2].numbers),
        "stranger.csv": sheet(made),
    }
    return check_alone(put(tmp_path_factory.mktemp("class"), files), assignment(), students=students)


def test_whose_numbers_a_sheet_has(own):
    found = {entry.student: entry for entry in own.entries}
    assert found["Ada Lovelace"].remarks == []
    (remark,) = found["Alan Turing"].remarks
    assert remark.startswith("the numbers are not the student's own, but those of Ada Lovelace: i1 is")
    assert found["Eve Smith"].remarks == ["found by its numbers: the file is called my homework.csv"]
    assert found["Eve Smith"].outcome.mistakes[0].slip == USUAL
    assert found["stranger"].remarks == ["is not in the list of students"]
    assert found["Zoe Late"].outcome.reason == "nothing was handed in"
    assert found["Zoe Late"].points == 0


# --- what is kept ----------------------------------------------------------------------------------


def pretended(monkeypatch):
    """Nothing is checked from here on; what would be is listed."""
    names = []

    def run(jobs, *_, **__):
        for job in jobs:
            names.append(job.name)
            yield job, unread("not today")

    monkeypatch.setattr(checking, "run", run)
    return names


def test_what_is_checked_is_kept_and_found_again(folder, tmp_path, monkeypatch):
    first = check_alone(folder, assignment(), tmp_path / "out")
    checked = pretended(monkeypatch)
    again = check_alone(folder, assignment(), tmp_path / "out")
    assert checked == ["x.xlsx", "x.csv"]  # what was not read gets another chance
    assert [entry.points for entry in again.entries] == [entry.points for entry in first.entries]


def test_another_problem_rate_or_file_is_checked_anew(folder, tmp_path, monkeypatch):
    check_alone(folder, assignment(), tmp_path / "out")
    checked = pretended(monkeypatch)
    counts = []
    for problem, lr in ((assignment().individual(1), None), (assignment(), 0.25), (assignment(), None)):
        checked.clear()
        check_alone(folder, problem, tmp_path / "out", lr=lr)
        counts.append(len(checked))
    assert counts == [7, 7, 2]


CHANGES = {
    "title": "another",
    "inputs": {"i1": 0.25},
    "weights": {"w1": 0.25},
    "targets": [{"t1": 0.25}],
    "biases": [("b1",)],
    "numberings": [{"w1": "w2", "w2": "w1"}],
    "losses": {"": "", "mean": "a mean"},
    "rates": [3.0],
    "rate": 3.0,
}


def test_each_field_of_a_problem_has_its_outcomes_checked_anew():
    problem = assignment()
    plain = checking._fingerprint(problem, None)
    assert plain == checking._fingerprint(assignment(), None)
    names = {each.name for each in dataclasses.fields(problem)} - {"network", "vocabulary"}
    assert names == set(CHANGES)  # these two have fingerprints of their own
    others = [
        checking._fingerprint(dataclasses.replace(problem, **{name: CHANGES[name]}), None) for name in names
    ]
    assert len({plain, *others}) == 1 + len(names)


def test_an_interrupt_loses_nothing(folder, tmp_path, monkeypatch):
    """Where it comes, two are kept; then the others are checked."""
    run = checking.run

    def interrupted(jobs, *given, **options):
        for turn, each in enumerate(run(jobs, *given, **options, workers=1)):
            if turn == 2:
                raise KeyboardInterrupt
            yield each

    def only(jobs, *given, **options):
        found = [*run(jobs, *given, **options)]
        seen.extend(job.key for job, _ in found)
        yield from found

    seen = []
    out = tmp_path / "out"
    files = put(
        tmp_path / "c", {f"{k}/x.csv": (folder / "Ada" / "x.csv").read_bytes() + b"\n" * k for k in range(5)}
    )
    with monkeypatch.context() as patch:
        patch.setattr(
            checking, "run", lambda jobs, problem, **options: interrupted(jobs, problem, lr=options["lr"])
        )
        with pytest.raises(KeyboardInterrupt):
            check_alone(files, assignment(), out)
    assert len([*(out / "checked").glob("*.json")]) == 2
    monkeypatch.setattr(checking, "run", only)
    assert {entry.points for entry in check_alone(files, assignment(), out).entries} == {27}
    assert len(seen) == 3


def test_a_kept_file_that_is_damaged_is_made_again(folder, tmp_path):
    out = tmp_path / "out"
    first = check_alone(folder, assignment(), out)
    for turn, path in enumerate(sorted((out / "checked").glob("*.json"))):
        path.write_text(["", "{}", '{"status": 0', "[1]", '{"status": 0, "mistakes": [3]}'][turn % 5])
    again = check_alone(folder, assignment(), out)
    assert [entry.outcome for entry in again.entries] == [entry.outcome for entry in first.entries]


def test_an_outcome_comes_back_from_its_text(report):
    for entry in report.entries:
        again = Outcome.from_json(entry.outcome.to_json())
        assert json.loads(again.to_json()) == json.loads(entry.outcome.to_json())
        assert list(again.mistakes) == list(entry.outcome.mistakes)


# --- what is no class ------------------------------------------------------------------------------


def test_a_folder_without_sheets_is_an_error(tmp_path):
    with pytest.raises(SheetError, match="there is no sheet in"):
        check_alone(tmp_path, assignment())


def test_what_could_not_be_checked_to_enough_digits_earns_nothing(tmp_path):
    """Rounded to two decimals, no slip would be seen."""
    text = sheet(tmp_path).decode()
    head, *rows = text.splitlines()
    short = [",".join(f"{float(cell):.2f}" for cell in row.split(",")) for row in rows]
    put(tmp_path / "c", {"Ada/x.csv": "\n".join([head, *short]).encode()})
    (entry,) = check_alone(tmp_path / "c", assignment()).entries
    assert entry.outcome.status == 3
    states = {mark.quantity: mark.state for mark in entry.marks}
    assert states["∂E_total/∂w3"] == "unchecked"
    assert entry.points < entry.most


def test_other_numbers_than_the_problems_are_told_to_the_teacher(tmp_path):
    """They are no mistake, and the table of the class says them as the report of one sheet does."""
    folder = put(
        tmp_path / "class", {"Ada/lr_2.csv": sheet(tmp_path, w1=0.11), "Alan/x.csv": sheet(tmp_path)}
    )
    ada, alan = check_class(folder, assignment(), workers=1).entries
    assert ada.outcome.status == 0
    assert any("w1 starts at 0.11" in remark for remark in ada.remarks)
    assert any("lr_2 says η = 2" in note for note in ada.outcome.notes)
    assert not alan.outcome.notes
    assert not alan.remarks
    own = Student("Somebody", numbers={"w1": 0.11, "w2": 0.2, "w3": 0.25})  # found by them
    ada = check_class(folder, assignment(), students=[own], workers=1).entries[-1]
    assert ada.listed == own
    assert not any("starts at" in text for text in (*ada.remarks, *ada.outcome.notes))
