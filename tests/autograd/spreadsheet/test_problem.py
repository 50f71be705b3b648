"""Any recorded network is a problem whose sheets are checked: what is right passes, a planted slip is found.

The sheets are those that `save_workbook` writes, with one cell or one column changed in plain Python.
"""

import csv
import itertools
import math
import pickle

import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd import Problem, check_workbook, save_workbook
from autograd.spreadsheet import SheetError, assignment, workbook
from tests.support.networks import NETWORKS, classifier, xor
from tests.support.office import computed, without_numbers


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
        assert {*problem.weights, *problem.inputs, *problem.targets[0]} <= {*table.judged.columns}


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


# --- keys, templates, and numbers of one's own -----------------------------------------------------


def xor_by_hand(row, lr, momentum, epochs):
    """The network of `xor`, trained in plain Python; the velocities begin at 0."""
    names = ["w11", "w12", "b1", "w21", "w22", "b2", "v1", "v2", "c"]
    w = {name: row[name] for name in names}
    velocity = dict.fromkeys(names, 0.0)
    for _ in range(epochs):
        h = [
            1 / (1 + math.exp(-(w[f"w{j}1"] * row["x1"] + w[f"w{j}2"] * row["x2"] + w[f"b{j}"])))
            for j in (1, 2)
        ]
        y = 1 / (1 + math.exp(-(w["v1"] * h[0] + w["v2"] * h[1] + w["c"])))
        delta = (y - row["t"]) * y * (1 - y)
        slopes = {"v1": delta * h[0], "v2": delta * h[1], "c": delta}
        for j in (1, 2):
            at = delta * w[f"v{j}"] * h[j - 1] * (1 - h[j - 1])
            slopes |= {f"w{j}1": at * row["x1"], f"w{j}2": at * row["x2"], f"b{j}": at}
        velocity = {name: momentum * velocity[name] + slopes[name] for name in names}
        yield {**w, **{f"∂E/∂{name}": slopes[name] for name in names}}, velocity
        w = {name: w[name] - lr * velocity[name] for name in names}


@pytest.mark.parametrize("momentum", [0.0, 0.9, 1.5])
def test_a_key_with_momentum_is_what_plain_python_trains(momentum, tmp_path):
    loss, wrt, predictions = xor()
    problem = Problem.of(loss, wrt, predictions=predictions).individual(momentum)
    rows = rows_of(problem.key(tmp_path / "key.csv", epochs=7, lr=0.7, momentum=momentum))
    expected = list(xor_by_hand(rows[0], 0.7, momentum, 7))
    for row, (known, velocity) in zip(rows, expected, strict=True):
        for name, number in known.items():
            assert math.isclose(row[name], number, rel_tol=1e-9, abs_tol=1e-15), name
        found = {name: row[f"velocity {name}"] for name in velocity if momentum}
        for name, number in found.items():
            assert math.isclose(number, velocity[name], rel_tol=1e-9, abs_tol=1e-15), name
    assert any(name.startswith("velocity") for name in rows[0]) == bool(momentum)


@pytest.mark.slow
@pytest.mark.office
def test_its_formulas_come_to_its_numbers(tmp_path):
    """LibreOffice computes each from scratch; another μ at the top changes all that follows."""
    loss, wrt, predictions = xor()
    problem = Problem.of(loss, wrt, predictions=predictions)
    key = problem.key(tmp_path / "key.xlsx", epochs=5, lr=0.7, momentum=0.9)
    changed = without_numbers(key, tmp_path, μ=0.25)
    (path,) = computed(tmp_path, changed)
    page = openpyxl.load_workbook(path, data_only=True)["training"]
    header = [cell.value for cell in page[8]]
    numbers = [dict(zip(header, [cell.value for cell in page[row]], strict=True)) for row in range(9, 14)]
    for row, (known, velocity) in zip(numbers, xor_by_hand(numbers[0], 0.7, 0.25, 5), strict=True):
        for name, number in {**known, **{f"velocity {each}": v for each, v in velocity.items()}}.items():
            assert math.isclose(row[name], number, rel_tol=1e-9, abs_tol=1e-15), name


@pytest.mark.parametrize("suffix", ["csv", "xlsx"])
def test_a_sheet_with_momentum_is_checked(suffix, tmp_path):
    """Also where a weight is updated by the gradient alone, from some row on."""
    loss, wrt, predictions = xor()
    problem = Problem.of(loss, wrt, predictions=predictions).individual(5)
    path = problem.key(tmp_path / f"key.{suffix}", epochs=8, lr=0.7, momentum=0.9)
    report = check_workbook(path, problem)
    assert report.status == 0, report
    if suffix == "csv":
        rows = rows_of(path)
        for row, below in itertools.pairwise(rows[3:]):
            below["w11"] = row["w11"] - 0.7 * row["∂E/∂w11"]
        write(path, rows)
        mistakes = [
            each.quantity for table in check_workbook(path, problem, lr=0.7).tables for each in table.mistakes
        ]
        assert "w11" in mistakes


@pytest.mark.parametrize("momentum", [-0.1, math.nan, math.inf])
def test_a_momentum_out_of_range_is_refused(momentum, tmp_path):
    with pytest.raises(ValueError, match="momentum must be a finite number of at least 0, got"):
        assignment().key(tmp_path / "k.csv", momentum=momentum)
    with pytest.raises(ValueError, match="momentum must be a finite number of at least 0, got"):
        assignment().template(tmp_path / "k.csv", momentum=momentum)


PROBLEMS = [
    assignment(),
    *(Problem.of(loss, wrt, predictions=seen) for loss, wrt, seen in (classifier(), xor())),
]


@given(st.one_of(st.integers(), st.text(max_size=8)))
def test_numbers_of_one_s_own_are_short_and_differ_and_suit(seed):
    """Whole numbers stay; the others are in the range of their kind, and no two of a kind are equal."""
    for problem in PROBLEMS:
        own = problem.individual(seed)
        assert own.numbers == problem.individual(seed).numbers
        for kind in (problem.inputs, problem.targets[0], problem.weights):
            old, new = kind, {name: own.numbers[name] for name in kind}
            assert list(old) == list(new)
            broken = [name for name in old if old[name] != round(old[name])]
            assert all(new[name] == old[name] for name in set(old) - {*broken})
            drawn = [new[name] for name in broken]
            assert len({*drawn}) == len(drawn)
            assert all(round(x, 5) == x and x != round(x) for x in drawn)
            if broken and all(0 < old[name] < 1 for name in broken):
                assert all(0 < x < 1 for x in drawn)
            else:
                assert all(abs(x) <= max(map(abs, old.values())) for x in drawn)


def test_another_seed_gives_other_numbers():
    found = {tuple(assignment().individual(seed).numbers.values()) for seed in range(200)}
    assert len(found) == 200
    assert assignment().individual(1).numbers == assignment().individual("1").numbers


def test_a_problem_takes_numbers_by_their_names():
    own = assignment().with_numbers({"w1": 0.9, "t1": 0.25})
    assert own.weights["w1"] == 0.9
    assert own.targets == ({"t1": 0.25, "t2": 0.5},)
    assert assignment().with_numbers({"w1": 0.9}).targets == assignment().targets
    with pytest.raises(ValueError, match=r"the assignment is given i1, i2, .* and no 'w9'"):
        assignment().with_numbers({"w9": 1.0})
    with pytest.raises(ValueError, match="w1 must be a finite number, got nan"):
        assignment().with_numbers({"w1": math.nan})


@pytest.mark.parametrize("problem", PROBLEMS, ids=lambda each: each.standard.output)
def test_a_problem_goes_to_another_process_as_it_is(problem, tmp_path):
    again = pickle.loads(pickle.dumps(problem))
    problem.key(tmp_path / "key.csv", epochs=3)
    assert again.numbers == problem.numbers
    assert again.vocabulary.fingerprint == problem.vocabulary.fingerprint
    assert str(check_workbook(tmp_path / "key.csv", again)) == str(
        check_workbook(tmp_path / "key.csv", problem)
    )
    headings = ("∂L/∂w1", "dJ_dw2", "y1", "ŷ1", "w1 (new)", "Total Error")
    words, others = problem.vocabulary, again.vocabulary
    assert [*map(others.quantity, headings), *map(others.also, headings)] == [
        *map(words.quantity, headings), *map(words.also, headings),
    ]  # fmt: skip
