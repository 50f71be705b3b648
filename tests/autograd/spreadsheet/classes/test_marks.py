"""Points by hand: what each slip costs, and what a file of weights may say."""

import pytest

from autograd.spreadsheet import SheetError, assignment
from autograd.spreadsheet.classes.marks import Weights
from autograd.spreadsheet.classes.outcomes import FOLLOWS, RIGHT, UNCHECKED, WRONG, Mistake, Outcome

NAMES = ("h1", "E_total", "∂E_total/∂w3", "∂E_total/∂w4", "w3")


def outcome(slips=("one", "one"), **states):
    mistakes = [
        Mistake("t", "A1", f"∂E_total/∂w{k}", "row 1", "0", "1", slip)
        for k, slip in zip((3, 4), slips, strict=True)
    ]
    known = dict.fromkeys(NAMES, RIGHT) | {"∂E_total/∂w3": WRONG, "∂E_total/∂w4": WRONG}
    return Outcome(1, "", known | states, mistakes)


def points(weights, found):
    return {mark.quantity: mark.points for mark in weights.marks(found, NAMES)}


def test_what_is_right_and_what_follows_earns_its_points():
    found = points(Weights(), outcome(h1=FOLLOWS, w3=UNCHECKED))
    assert found == {"h1": 1, "E_total": 1, "∂E_total/∂w3": 0, "∂E_total/∂w4": 0, "w3": 0}


def test_the_same_slip_may_count_once():
    weights = Weights({"∂E/∂w3": 2, "∂E/∂w4": 3, "default": 1}, same_slip="once")
    assert points(weights, outcome())["∂E_total/∂w3"] == 2
    assert points(weights, outcome())["∂E_total/∂w4"] == 0
    two = points(weights, outcome(("one", "another")))
    assert (two["∂E_total/∂w3"], two["∂E_total/∂w4"]) == (0, 0)
    unknown = points(weights, outcome(("", "")))
    assert (unknown["∂E_total/∂w3"], unknown["∂E_total/∂w4"]) == (0, 0)


def test_what_a_sheet_does_not_have_is_lost_or_left_out():
    found = Outcome(0, "", {"h1": RIGHT})
    assert len(Weights().marks(found, NAMES)) == 5
    assert sum(mark.most for mark in Weights().marks(found, NAMES)) == 5
    assert [mark.quantity for mark in Weights(missing="left out").marks(found, NAMES)] == ["h1"]
    assert len(Weights(missing="left out").marks(Outcome(2, "damaged"), NAMES)) == 5  # nothing was read


def test_a_file_of_weights(tmp_path):
    path = tmp_path / "weights.toml"
    path.write_text(
        'missing = "left out"\nsame_slip = "once"\n[points]\n"∂E/∂w1" = 5\n"∂E/∂w*" = 2.5\ndefault = 0\n',
        encoding="utf-8",
    )
    weights = Weights.read(path, assignment())
    assert (weights.missing, weights.same_slip) == ("left out", "once")
    assert [weights.of(name) for name in ("∂E_total/∂w1", "∂E_total/∂w3", "w3")] == [5, 2.5, 0]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[points]\nx9 = 1\n", "no quantity is called 'x9'; there are h1"),
        ("[points]\nh1 = -1\n", "'h1' must be a number of at least 0, got -1"),
        ("[points]\nh1 = true\n", "'h1' must be a number of at least 0, got True"),
        ("[points]\nh1 = inf\n", "at least 0, got inf"),
        ("[points]\nh1 = 'one'\n", "got 'one'"),
        ("points = 3\n", r"\[points\] is a table"),
        ("h1 = 3\n", "has 'h1': it takes"),
        ("missing = 'kept'\n", "missing is 'lost' or 'left out', got 'kept'"),
        ("same_slip = 1\n", "same_slip is 'each' or 'once', got 1"),
        ("[points\n", "is not in TOML"),
        ("\udcff", "is not in TOML"),
        ("#" * 200_000, "more than 100,000 bytes"),
    ],
)
def test_a_file_of_weights_that_is_none(text, said, tmp_path):
    path = tmp_path / "weights.toml"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(SheetError, match=said):
        Weights.read(path, assignment())


def test_no_file_of_weights(tmp_path):
    with pytest.raises(SheetError, match="cannot read"):
        Weights.read(tmp_path / "none.toml", assignment())
