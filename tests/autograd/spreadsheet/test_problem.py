"""Any recorded network is a problem whose sheets are checked: what is right passes, a planted slip is found.

The sheets are those that `save_workbook` writes, with one cell or one column changed in plain Python.
"""

import csv
import math
import random

import pytest

from autograd import Problem, Value, check_workbook, dot, log, save_workbook, sigmoid, softmax, tanh
from autograd.spreadsheet import SheetError, assignment, workbook


def labelled(node, name):
    node.label = name
    return node


def classifier():
    """3-4-2, tanh, softmax and cross-entropy; no biases."""
    draw = random.Random(1)
    x = [Value(data, f"x{k}") for k, data in enumerate((0.5, -0.3, 0.8), 1)]
    t = [Value(data, f"t{k}") for k, data in enumerate((1.0, 0.0), 1)]
    hidden = [[Value(draw.uniform(-1, 1), f"w{j}{k}") for k in (1, 2, 3)] for j in (1, 2, 3, 4)]
    out = [[Value(draw.uniform(-1, 1), f"u{j}{k}") for k in (1, 2, 3, 4)] for j in (1, 2)]
    sums = [labelled(dot(row, x), f"z{j}") for j, row in enumerate(hidden, 1)]
    h = [labelled(tanh(z), f"h{j}") for j, z in enumerate(sums, 1)]
    p = softmax([labelled(dot(row, h), f"o{j}") for j, row in enumerate(out, 1)])
    p = [labelled(each, f"p{j}") for j, each in enumerate(p, 1)]
    loss = labelled(-(t[0] * log(p[0]) + t[1] * log(p[1])), "L")
    return loss, [w for row in (*hidden, *out) for w in row], p


def xor():
    """2-2-1, sigmoid, a bias for each neuron, half the squared error."""
    draw = random.Random(2)
    x, t = [Value(1.0, "x1"), Value(0.0, "x2")], Value(1.0, "t")
    trained, h = [], []
    for j in (1, 2):
        *w, b = (Value(draw.uniform(-1, 1), name) for name in (f"w{j}1", f"w{j}2", f"b{j}"))
        h.append(labelled(sigmoid(labelled(dot(w, x, b), f"z{j}")), f"h{j}"))
        trained += [*w, b]
    *v, c = (Value(draw.uniform(-1, 1), name) for name in ("v1", "v2", "c"))
    y = labelled(sigmoid(labelled(dot(v, h, c), "z")), "y")
    return labelled(0.5 * (t - y) ** 2, "E_total"), [*trained, *v, c], [y]


NETWORKS = {"classifier": classifier, "xor": xor}


@pytest.fixture(params=NETWORKS)
def network(request):
    return NETWORKS[request.param]()


def rows_of(path):
    with path.open(encoding="utf-8", newline="") as file:
        header, *rows = csv.reader(file)
    return [dict(zip(header, map(float, row), strict=True)) for row in rows]


def write(path, rows):
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([rows[0], *(map(repr, row.values()) for row in rows)])


def saved(network, path, epochs=6, lr=0.5):
    output, wrt, predictions = network
    save_workbook(output, wrt, path, epochs=epochs, lr=lr)
    return Problem.of(output, wrt, predictions=predictions)


@pytest.mark.parametrize("suffix", ["csv", "xlsx"])
def test_what_save_workbook_writes_is_right(network, suffix, tmp_path):
    path = tmp_path / f"own.{suffix}"
    problem = saved(network, path, epochs=4)
    report = check_workbook(path, problem)
    assert report.status == 0, report
    assert report.findings == []
    assert len(report.tables) == (1 if suffix == "csv" else 7)  # on the sheet of rates there are only losses
    for table in report.tables:
        assert {*problem.weights, *problem.inputs, *problem.targets[0]} <= {*table.judged.states}


@pytest.mark.parametrize("turn", [0, 2, -1])
def test_a_gradient_with_its_sign_turned_is_found_in_its_first_cell(network, turn, tmp_path):
    """And nothing else: each update was made by the gradient that is printed."""
    path = tmp_path / "turned.csv"
    problem = saved(network, path)
    weight = list(problem.weights)[turn]
    rows = rows_of(path)
    name = next(header for header in rows[0] if header.endswith(f"/∂{weight}"))
    expected = rows[2][name]
    rows[2][name] = -expected
    write(path, rows)
    mistakes = [each for table in check_workbook(path, problem).tables for each in table.mistakes]
    found = next(each for each in mistakes if each.quantity == f"∂{problem.standard.output}/∂{weight}")
    assert (found.rows, found.given) == ([2], -expected)
    assert math.isclose(found.expected, expected, rel_tol=1e-9)
    assert (found.cell[-1], found.severity) == ("4", "wrong")
    assert math.isclose(found.error, 2.0)
    # The row below was computed by the right gradient; both count as right for an update.
    assert [each.quantity for each in mistakes] == [found.quantity]


@pytest.mark.parametrize(
    ("make", "wrong", "computed", "words"),
    [
        (xor, "h2", lambda row: 1 / (1 + math.exp(-row["z1"])), "σ(z1) stands where σ(z2) belongs"),
        (classifier, "h2", lambda row: 1 / (1 + math.exp(-row["z2"])), "σ(z2) stands where tanh(z2) belongs"),
        (classifier, "o2", lambda row: row["o2"] - row["u23"] * row["h3"], "u23 · h3 is missing"),
    ],
)
def test_a_slip_of_the_forward_pass_is_told(make, wrong, computed, words, tmp_path):
    """The column is computed with the slip in every row; what was computed from it stays as it was."""
    path = tmp_path / "slip.csv"
    problem = saved(make(), path)
    rows = rows_of(path)
    for row in rows:
        row[wrong] = computed(row)
    write(path, rows)
    report = check_workbook(path, problem)
    assert report.status == 1
    found = next(each for each in report.findings if each.quantity == wrong)
    assert (found.rows, found.consequential) == (list(range(6)), False)
    assert found.slip is not None
    assert found.slip.words == words
    assert words in str(report)


def test_consequential_errors_are_findings_too(tmp_path):
    """With h1 wrong and z computed from it, z is right for the numbers of its row."""
    path = tmp_path / "follows.csv"
    problem = saved(xor(), path, epochs=1)
    (row,) = rows_of(path)
    row["h1"] += 0.25
    row["z"] += 0.25 * row["v1"]
    write(path, [row])
    findings = {each.quantity: each for each in check_workbook(path, problem).findings}
    assert not findings["h1"].consequential
    z = findings["z"]
    assert (z.consequential, z.severity, z.slip) == (True, "consequential", None)


def test_inputs_and_targets_that_no_column_holds_are_assumed_or_solved_for(network, tmp_path):
    """The columns of what is given are taken out; the problem knows them, or they are worked out."""
    path = tmp_path / "less.csv"
    problem = saved(network, path)
    given = {*problem.inputs, *problem.targets[0]}
    write(path, [{name: x for name, x in row.items() if name not in given} for row in rows_of(path)])
    assert check_workbook(path, problem).status == 0
    output, wrt, predictions = network
    other = Problem.of(output, wrt, predictions=predictions)
    object.__setattr__(other, "inputs", dict.fromkeys(other.inputs, 0.1))
    report = check_workbook(path, other)
    assert report.status == 0, report
    assert "from the numbers" in str(report)


def test_another_problem_finds_no_table(tmp_path):
    path = tmp_path / "other.csv"
    path.write_text("red,green,blue,yellow\n1,2,3,4\n", encoding="utf-8")
    with pytest.raises(SheetError, match="has no table of the assignment"):
        check_workbook(path, assignment())


def test_a_problem_takes_leaves_to_train():
    loss, wrt, _ = xor()
    with pytest.raises(ValueError, match=r"Problem\.of: wrt is empty"):
        Problem.of(loss, [])
    with pytest.raises(ValueError, match="was computed; wrt takes the leaves"):
        Problem.of(loss, [loss])
    with pytest.raises(TypeError, match=r"Problem\.of: output must be a Value"):
        Problem.of(1.0, wrt)


def test_each_rate_is_trained_once(monkeypatch, tmp_path):
    """Six sheets of rates and the first sheet, and the losses beside each other are theirs."""
    trained = []
    rows = workbook._Table.rows

    def counted(self, lr, epochs):
        trained.append(lr)
        return rows(self, lr, epochs)

    monkeypatch.setattr(workbook._Table, "rows", counted)
    loss, wrt, _ = xor()
    save_workbook(loss, wrt, tmp_path / "book.xlsx", epochs=2, lr=0.3)
    assert trained == [0.3, 0.1, 0.2, 0.5, 0.8, 1.0, 2.0]
