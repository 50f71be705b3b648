"""The engine gives the same bits compiled and plain, in processes that differ in nothing else."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autograd import engine

ROOT = Path(__file__).parents[2]
PROGRAM = ROOT / "tests" / "support" / "bits.py"
PROGRAMS = 1000  # of one seed


def outcomes(plain, seed, count):
    setting = {"AUTOGRAD_PURE_PYTHON": "1" if plain else "", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, str(PROGRAM), str(seed), str(count)]
    done = subprocess.run(command, env=os.environ | setting, capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


def test_the_programs_meet_all_kinds_of_numbers_and_errors():
    lines = outcomes(plain=True, seed=0, count=300)
    assert len(lines) == 300
    assert len(set(lines)) > 290  # two may end in the same error
    for seen in ("nan", "-inf", "-0x0.0p+0", "-1022", "AnomalyError"):
        assert any(seen in line for line in lines), seen


@pytest.mark.skipif(not engine.compiled, reason="the engine is not compiled here")
@given(st.integers(0, 2**32))
@settings(max_examples=1)
def test_both_kinds_give_the_same_bits(seed):
    for compiled, plain in zip(outcomes(False, seed, PROGRAMS), outcomes(True, seed, PROGRAMS), strict=True):
        assert compiled == plain
