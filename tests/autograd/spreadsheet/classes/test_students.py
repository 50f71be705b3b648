"""Lists of students of any dialect, and whose a submission is by how platforms write names."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd.spreadsheet import SheetError
from autograd.spreadsheet.classes.students import Student, match_of, read_students, slugs

LISTS = {
    "names alone": "Ada Lovelace\nAlan Turing\n",
    "a heading": "Name\nAda Lovelace\nAlan Turing\n",
    "parts": "Last name,First name\nLovelace,Ada\nTuring,Alan\n",
    "german": "Vorname;Nachname;Matrikelnummer\nAda;Lovelace;007\nAlan;Turing;12\n",
    "moodle": '"First name","Last name","ID number","Email address"\nAda,Lovelace,007,a@x.org\n'
    "Alan,Turing,12,t@x.org\n",
    "canvas": 'Student,ID,SIS Login ID\n"Lovelace, Ada",007,ada\n"Turing, Alan",12,alan\n',
}


@pytest.mark.parametrize("kind", LISTS)
def test_a_list_of_any_dialect(kind, tmp_path):
    path = tmp_path / "list.csv"
    path.write_text(LISTS[kind], encoding="utf-8")
    students = read_students(path)
    assert [each.name for each in students] == ["Ada Lovelace", "Alan Turing"]
    assert [(each.first, each.last) for each in students] == [("Ada", "Lovelace"), ("Alan", "Turing")]
    assert [each.number for each in students] == (
        ["007", "12"] if kind in ("german", "moodle", "canvas") else ["", ""]
    )


def test_numbers_of_their_own(tmp_path):
    path = tmp_path / "numbers.csv"
    path.write_text("name,id,w1,i1,notes\nAda,1,0.25,-1e-3,x\n'=Eve,2,0.5,2,y\n", encoding="utf-8")
    ada, eve = read_students(path, ["w1", "i1"])
    assert ada.numbers == {"w1": 0.25, "i1": -1e-3}
    assert (eve.name, eve.key) == ("=Eve", "2")
    path.write_text("name,w1\nAda,much\n", encoding="utf-8")
    with pytest.raises(SheetError, match="w1 of 'Ada' is no number"):
        read_students(path, ["w1"])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("name,id\n", "has no students"),
        ("name\nAda\nada\n", "has 'ada' twice"),
        ("id,name\n1,A\n1,B\n", "has '1' twice"),
    ],
)
def test_a_list_that_tells_nobody_apart(text, said, tmp_path):
    path = tmp_path / "list.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(SheetError, match=said):
        read_students(path)


CLASS = [
    Student("Ada Lovelace", "1", "ada@x.org"),
    Student("Alan Mathison Turing", "12", "t@x.org"),
    Student("Émilie du Châtelet", "13"),
    Student("Grace Hopper", "alovelace"),
]


@pytest.mark.parametrize(
    ("name", "number", "expected"),
    [
        ("Lovelace Ada", "99", "Ada Lovelace"),
        ("lovelaceada", "1", "Ada Lovelace"),
        ("turingalanmathison", "", "Alan Mathison Turing"),
        ("Châtelet, Émilie du", "", "Émilie du Châtelet"),
        ("chateletemiliedu", "", "Émilie du Châtelet"),
        ("alovelace", "", "Grace Hopper"),
        ("ada", "", "Ada Lovelace"),  # before the @ of the email
        ("whoever", "12", "Alan Mathison Turing"),
        ("Ada", "77", "Ada Lovelace"),
        ("Lovelace", "", None),
        ("", "", None),
    ],
)
def test_whose_a_name_is(name, number, expected):
    found = match_of(CLASS, name, number)
    assert (found.name if found else None) == expected


def test_two_of_one_name_are_told_apart_by_their_numbers_or_not_at_all():
    twins = [Student("Ada Lovelace", "1"), Student("Lovelace Ada", "2")]
    assert match_of(twins, "Ada Lovelace", "2") is twins[1]
    assert match_of(twins, "Ada Lovelace", "3") is None


@given(st.lists(st.tuples(st.text(max_size=30), st.text(max_size=5)), max_size=30))
def test_folders_have_plain_names_that_differ(names):
    found = slugs(names)
    assert len({*found}) == len(names)
    assert all(each and set(each) <= set("abcdefghijklmnopqrstuvwxyz0123456789-") for each in found)


def test_the_order_of_words_never_matters():
    draw = random.Random(4)
    for student in CLASS:
        words = student.name.split()
        draw.shuffle(words)
        assert match_of(CLASS, " ".join(words), "") is student
        assert match_of(CLASS, "".join(words).upper(), "") is student
