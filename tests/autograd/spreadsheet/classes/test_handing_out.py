"""Numbers of its own for each student, a template and a key; what comes back is checked by these numbers."""

import openpyxl
import pytest

from autograd.spreadsheet import Problem, SheetError, assignment, check_workbook
from autograd.spreadsheet.classes import check_class, hand_out
from tests.support.networks import NETWORKS
from tests.support.profiles import slow


@pytest.fixture
def names(tmp_path):
    path = tmp_path / "names.csv"
    path.write_text("name,id\nAda Lovelace,17\nAlan Turing,18\nEve,19\n", encoding="utf-8")
    return path


def test_each_student_gets_a_template_and_a_key(names, tmp_path):
    students = hand_out(assignment(), names, tmp_path, seed="2026", epochs=4)
    assert len({tuple(each.numbers.values()) for each in students}) == 3
    files = {path.name for path in (tmp_path / "templates").iterdir()}
    assert files == {"ada-lovelace-17.xlsx", "alan-turing-18.xlsx", "eve-19.xlsx"}
    for each, name in zip(students, sorted(files), strict=True):
        own = assignment().with_numbers(each.numbers)
        assert check_workbook(tmp_path / "keys" / name, own).status == 0
        page = openpyxl.load_workbook(tmp_path / "templates" / name)["training"]
        cells = [cell for row in page.iter_rows() for cell in row if cell.value is not None]
        assert not [cell for cell in cells if cell.data_type == "f"]
        given = {page.cell(4, column).value: page.cell(5, column).value for column in range(2, 14)}
        assert given == each.numbers
        with pytest.raises(SheetError, match="has no table"):
            check_workbook(tmp_path / "templates" / name, own)


def test_numbers_stay_when_the_list_grows_or_is_sorted(names, tmp_path):
    first = {
        each.name: each.numbers
        for each in hand_out(assignment(), names, tmp_path / "a", epochs=1, suffix=".csv")
    }
    names.write_text("name,id\nEve,19\nZoe,11\nAlan Turing,18\n", encoding="utf-8")
    later = {
        each.name: each.numbers
        for each in hand_out(assignment(), names, tmp_path / "b", epochs=1, suffix=".csv")
    }
    assert later["Eve"] == first["Eve"]
    assert later["Alan Turing"] == first["Alan Turing"]
    other = hand_out(assignment(), names, tmp_path / "c", seed=1, epochs=1, suffix=".csv")
    assert {each.name: each.numbers for each in other}["Eve"] != first["Eve"]


@pytest.mark.parametrize("make", ["xor", *slow(["assignment", "classifier"])])
def test_what_comes_back_is_checked_by_the_numbers_of_each(make, names, tmp_path):
    """The keys handed in, one of them with a gradient turned, and one by the wrong student."""
    if make == "assignment":
        problem = assignment()
    else:
        loss, wrt, predictions = NETWORKS[make]()
        problem = Problem.of(loss, wrt, predictions=predictions)
    momentum = 0.9 if make == "xor" else 0.0
    hand_out(problem, names, tmp_path, epochs=4, lr=0.25, momentum=momentum, suffix=".csv")
    folder = tmp_path / "class"
    folder.mkdir()
    keys = {path.name: path.read_text(encoding="utf-8") for path in (tmp_path / "keys").iterdir()}
    head, row, *rows = keys["alan-turing-18.csv"].splitlines()
    last = head.split(",").index(f"∂{problem.standard.output.split('_')[0]}/∂{list(problem.weights)[-1]}")
    row = row.split(",")
    row[last] = repr(-float(row[last]))
    (folder / "turingalan_18_1_x.csv").write_text("\n".join([head, ",".join(row), *rows]))
    (folder / "lovelaceada_17_1_x.csv").write_text(keys["ada-lovelace-17.csv"])
    (folder / "eve_19_1_x.csv").write_text(keys["ada-lovelace-17.csv"])
    report = check_class(folder, problem, students=tmp_path / "numbers.csv", workers=2)
    found = {entry.student: entry for entry in report.entries}
    assert {name: entry.outcome.status for name, entry in found.items()} == {
        "Ada Lovelace": 0, "Alan Turing": 1, "Eve": 0,
    }  # fmt: skip
    assert found["Ada Lovelace"].remarks == []
    assert "but those of Ada Lovelace" in found["Eve"].remarks[0]
    gradient = problem.standard.gradient(list(problem.weights)[-1])
    assert [each.quantity for each in found["Alan Turing"].outcome.mistakes] == [gradient]
    assert found["Ada Lovelace"].points == found["Ada Lovelace"].most == len(problem.quantities)


def test_a_template_in_csv_has_the_first_row_of_what_is_given(tmp_path):
    own = assignment().individual(3)
    own.template(tmp_path / "t.csv", epochs=3)
    head, first, *rest = (tmp_path / "t.csv").read_text(encoding="utf-8").splitlines()
    own.key(tmp_path / "k.csv", epochs=3)
    assert head == (tmp_path / "k.csv").read_text(encoding="utf-8").splitlines()[0]
    assert first.split(",")[:13] == ["1", *map(repr, own.numbers.values())]
    assert {*first.split(",")[13:]} == {""}
    assert [line.strip(",") for line in rest] == ["2", "3"]
