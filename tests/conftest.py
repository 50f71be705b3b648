"""Hypothesis profiles, the path to the oracle, and a table that each test leaves as it found it."""

import os
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

sys.path.insert(0, str(Path(__file__).parent / "support"))  # not tests/: its folder `autograd` would be found

COMMON = {"deadline": None, "database": None, "suppress_health_check": [HealthCheck.too_slow]}
settings.register_profile("default", max_examples=150, derandomize=True, **COMMON)
settings.register_profile("long", max_examples=2000, **COMMON)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))


@pytest.fixture(autouse=True)
def _same_table():
    """Rows that a test adds to the table are gone after it."""
    from autograd.primitives import TABLE

    before = set(TABLE)
    yield
    for name in set(TABLE) - before:
        del TABLE[name]
