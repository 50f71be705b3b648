"""Of slips that are planted at random in sheets of three networks at least nine of ten are named.

The networks: the assignment, 3-4-2 with tanh and softmax cross-entropy, XOR 2-2-1 with biases and momentum.
"""

import random

import pytest

from autograd.spreadsheet import check_workbook
from tests.support.planted_sheets import NETWORKS, planted
from tests.support.profiles import scaled

SHARE = 0.9  # of the slips, at least


def outcome(name, program, path):
    """Whether the column alone is found wrong, in its first row, and whether the slip is named."""
    report = check_workbook(program.write(path), program.problem)
    mistakes = {each.quantity: each for table in report.tables for each in table.mistakes}
    quantity = program.problem.vocabulary.quantity(program.heading(name))
    found = mistakes.get(quantity)
    place = found is not None and list(mistakes) == [quantity] and found.rows[0] == program.shows(name)[0]
    return place, found is not None and found.slip is not None


def rates(network, seeds, path):
    """The share of slips that are found in their place, the share that is named, and those that are not."""
    found, named, missed = 0, 0, []
    for seed, (name, program) in zip(seeds, planted(network, seeds)):
        place, word = outcome(name, program, path)
        found += place
        named += place and word
        if not (place and word):
            missed.append((seed, name, program.slips[name], place, word))
    return found / len(seeds), named / len(seeds), missed


@pytest.mark.parametrize("network", NETWORKS)
def test_right_sheets_of_three_networks_are_right(network, tmp_path):
    """To the last digit, and to nine."""
    for seed in range(scaled(3)):
        program = NETWORKS[network](random.Random(seed))
        report = check_workbook(program.write(tmp_path / "right.csv"), program.problem)
        assert report.status == 0, report
        rounded = program.write(tmp_path / "rounded.csv", text=lambda x: f"{x:.9g}")
        report = check_workbook(rounded, program.problem)
        assert report.status in (0, 3), report
        assert report.findings == []


@pytest.mark.parametrize("network", NETWORKS)
def test_some_planted_slips_are_named(network, tmp_path):
    """All are found; that a share is named is measured on many."""
    found, named, missed = rates(network, range(scaled(8)), tmp_path / "slip.csv")
    assert found == 1.0, missed
    assert named >= 0.75, missed


@pytest.mark.slow
def test_nine_of_ten_planted_slips_are_named(tmp_path):
    """Of 120 over three networks, or as many times more as the profile draws: 2,400 in long."""
    shares = []
    count = scaled(40)
    for network in NETWORKS:
        found, named, missed = rates(network, range(count), tmp_path / "slip.csv")
        print(f"{network}: {count} slips, {found:.1%} found, {named:.1%} named; missed: {missed}")
        assert found >= 0.98, missed
        shares.append(named)
    assert sum(shares) / len(shares) >= SHARE
