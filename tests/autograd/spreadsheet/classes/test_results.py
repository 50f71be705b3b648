"""What is written for a class: tables and platforms' files, as their readers read them; hints as wanted."""

import csv
import json
import re

import pytest

from autograd.spreadsheet import assignment
from autograd.spreadsheet.classes import Student, check_class, write_all
from autograd.spreadsheet.classes.hints import HINTS
from autograd.spreadsheet.classes.results import gradescope
from tests.support.classes_made import USUAL, check_alone, put, sheet
from tests.support.pages import Page

EVIL = "<script>alert(1)</script>"


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    made = tmp_path_factory.mktemp("made")
    files = {
        "Ada Lovelace/x.csv": sheet(made),
        "Alan Turing/x.csv": sheet(made, "usual"),
        "Eve/x.csv": sheet(made, "usual"),
        f"{EVIL.replace('/', '')}/=cmd()&.csv": sheet(made, "own"),
        "Bob/x.xlsx": b"PK\3\4",
    }
    students = [Student("Ada Lovelace", "7", "ada@x.org", "Ada", "Lovelace"), Student("Zoe", "9")]
    folder = put(tmp_path_factory.mktemp("class"), files)
    return check_class(folder, assignment(), students=students, workers=2)


@pytest.fixture(scope="module")
def out(report, tmp_path_factory):
    folder = tmp_path_factory.mktemp("out")
    write_all(report, folder)
    return folder


def table(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_the_table_of_the_class(out):
    rows = {row["student"]: row for row in table(out / "class.csv")}
    assert list(rows["Ada Lovelace"])[:9] == [
        "student", "id", "file", "status", "points", "of", "slips", "remarks", "reason",
    ]  # fmt: skip
    assert (rows["Ada Lovelace"]["points"], rows["Ada Lovelace"]["id"]) == ("27.0", "7")
    alan = rows["Alan Turing"]
    assert (alan["status"], alan["points"], alan["slips"], alan["∂E/∂w3"]) == ("wrong", "25.0", USUAL, "0.0")
    assert rows["Zoe"]["reason"] == "nothing was handed in"
    assert not [cell for row in rows.values() for cell in row.values() if cell[:1] in ("=", "@", "+", "-")]


def test_nbgrader_s_columns(out):
    """As `nbgrader export` writes them: one row for each student."""
    rows = table(out / "nbgrader.csv")
    assert list(rows[0]) == [
        "assignment", "duedate", "timestamp", "student_id", "last_name", "first_name", "email", "raw_score",
        "late_submission_penalty", "score", "max_score",
    ]  # fmt: skip
    ada = next(row for row in rows if row["student_id"] == "7")
    assert (ada["last_name"], ada["first_name"], ada["email"]) == ("Lovelace", "Ada", "ada@x.org")
    assert (ada["raw_score"], ada["score"], ada["max_score"]) == ("27.0", "27.0", "27.0")
    assert len(rows) == 6


def test_the_best_of_several_files_counts(tmp_path):
    put(tmp_path / "c", {"Ada/a.csv": sheet(tmp_path, "usual"), "Ada/b.csv": sheet(tmp_path), "B/x.csv": b""})
    write_all(check_alone(tmp_path / "c", assignment()), tmp_path)
    rows = {row["student_id"]: row["score"] for row in table(tmp_path / "nbgrader.csv")}
    assert rows == {"Ada": "27.0", "B": "0.0"}


def test_gradescope_s_form(out, report, tmp_path):
    """Its documentation: a score, or one for each test; statuses are passed and failed."""
    found = json.loads((out / "students" / "alan-turing" / "results.json").read_text(encoding="utf-8"))
    assert found["score"] == 25.0 == sum(test["score"] for test in found["tests"])
    assert found["visibility"] in ("hidden", "after_due_date", "after_published", "visible")
    failed = [test["name"] for test in found["tests"] if test["status"] == "failed"]
    assert failed == ["∂E/∂w3", "∂E/∂w4"]
    assert all({"name", "score", "max_score", "status", "output"} <= set(test) for test in found["tests"])
    assert not (out / "results.json").exists()
    put(tmp_path / "one", {"x.csv": sheet(tmp_path)})
    write_all(check_alone(tmp_path / "one", assignment()), tmp_path)
    assert json.loads((tmp_path / "results.json").read_text(encoding="utf-8"))["score"] == 27.0


# --- hints -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("level", HINTS)
def test_a_student_is_told_as_much_as_is_wanted(level, report, tmp_path):
    """Each level says what those before it say; the cell, the slip and the number are on no lower one."""
    write_all(report, tmp_path, level)
    page = Page((tmp_path / "students" / "alan-turing" / "index.html").read_text(encoding="utf-8")).text
    alan = next(entry for entry in report.entries if entry.student == "Alan Turing")
    said = page + json.dumps(gradescope(report, alan, level), ensure_ascii=False)
    first = alan.outcome.mistakes[0]
    depth = HINTS.index(level)
    assert "2 quantities are not right yet." in said
    for what, least in ((first.cell, 1), (USUAL, 2), (first.expected, 3)):
        assert (re.search(rf"\b{re.escape(what)}", said) is not None) == (depth >= least)
    assert ("∂E/∂w3 =" in said) == (depth >= 3)  # the derivation
    assert ("∂E/∂w3" in page) == (depth >= 1)
    shown = {test["visibility"] for test in gradescope(report, alan, level)["tests"]}
    assert shown == {"visible" if depth else "hidden"}


def test_other_students_are_on_no_student_s_page(out, tmp_path):
    """Neither of those with the same slip, nor of whom the numbers are."""
    for name in ("ada-lovelace-7", "alan-turing"):
        page = (out / "students" / name / "index.html").read_text(encoding="utf-8")
        assert "Eve" not in page
    students = [Student(name, numbers=assignment().individual(name).numbers) for name in ("Ada", "Mallory")]
    put(
        tmp_path / "c",
        {f"{name}/x.csv": sheet(tmp_path, **students[0].numbers) for name in ("Ada", "Mallory")},
    )
    report = check_alone(tmp_path / "c", assignment(), students=students)
    write_all(report, tmp_path / "out", "answer")
    assert "but those of Ada" in (tmp_path / "out" / "class.html").read_text(encoding="utf-8")
    for path in (tmp_path / "out" / "students" / "mallory").iterdir():
        assert "Ada" not in path.read_text(encoding="utf-8")


# --- pages -----------------------------------------------------------------------------------------


def test_pages_close_their_tags_and_escape_what_files_are_called(out):
    for path in out.rglob("*.html"):
        text = path.read_text(encoding="utf-8")
        page = Page(text)  # or an assertion fails
        assert "<script" not in text
        assert all(each.startswith(("students/", "data:")) for each in page.references)
    assert EVIL.replace("/", "") in Page((out / "class.html").read_text(encoding="utf-8")).text


def test_the_page_of_the_class_leads_to_each_student(out):
    page = Page((out / "class.html").read_text(encoding="utf-8"))
    links = [each for each in page.references if each.startswith("students/")]
    assert len(links) == 6
    assert all((out / link).is_file() for link in links)
    assert "2 files, equal to the last byte, all by known slips" in page.text
    assert "So this proves nothing" in page.text


def test_students_with_the_same_slips_stand_together(out):
    text = Page((out / "class.html").read_text(encoding="utf-8")).text
    table = text[text.index("Students and slips") : text.index("The same wrong numbers")]
    order = [table.index(name) for name in ("Alan Turing", "Eve", "script", "Ada Lovelace")]
    assert order == sorted(order)
