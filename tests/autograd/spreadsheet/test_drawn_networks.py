"""Sheets of drawn networks, written down as people do: right ones are never wrong, slips are named."""

import random

import pytest

from autograd.spreadsheet import check_workbook
from tests.support.any_network import hand, network, written
from tests.support.planted_sheets import slipped
from tests.support.profiles import scaled
from tests.support.sheets_made import write_csv

ALL_RIGHT, WRONG, _, UNSURE = range(4)


def called_wrong(seeds, path):
    found = []
    for seed in seeds:
        draw = random.Random(seed)
        program = network(draw)
        report = check_workbook(write_csv(path, written(program, hand(draw, program))), program.problem)
        if report.status not in (ALL_RIGHT, UNSURE) or (report.status == UNSURE and not report.verdict):
            found.append((seed, report.verdict))
    return found


def not_named(seeds, path):
    """Slips that are not found in their column, and those that are found but have no name."""
    lost, nameless = [], []
    for seed in seeds:
        draw = random.Random(seed)
        program = network(draw)
        how = hand(draw, program)
        name, program = slipped(program, draw)
        report = check_workbook(write_csv(path, written(program, how)), program.problem)
        mistakes = {each.quantity: each for table in report.tables for each in table.mistakes}
        found = mistakes.get(program.problem.vocabulary.quantity(program.heading(name)))
        if report.status == ALL_RIGHT or (mistakes and found is None):
            lost.append((seed, program.slips, report.verdict))
        elif found is None or found.slip is None or len(mistakes) > 1:
            nameless.append((seed, program.slips, report.verdict))
    return lost, nameless


def test_right_sheets_of_drawn_networks_are_not_wrong(tmp_path):
    assert called_wrong(range(scaled(10)), tmp_path / "right.csv") == []


def test_slips_in_drawn_networks_are_found_and_named(tmp_path):
    """A sheet with few digits may hide one, which is then said; it is never called right."""
    seeds = range(1000, 1000 + scaled(10))
    lost, nameless = not_named(seeds, tmp_path / "slip.csv")
    assert lost == []
    assert len(nameless) <= max(1, 0.2 * len(seeds)), nameless


@pytest.mark.slow
def test_nine_of_ten_slips_in_drawn_networks_are_named(tmp_path):
    seeds = range(2000, 2000 + scaled(30))
    lost, nameless = not_named(seeds, tmp_path / "slip.csv")
    assert lost == []
    assert len(nameless) <= 0.1 * len(seeds), nameless


@pytest.mark.slow
def test_no_right_sheet_of_many_drawn_networks_is_wrong(tmp_path):
    assert called_wrong(range(3000, 3000 + scaled(30)), tmp_path / "right.csv") == []
