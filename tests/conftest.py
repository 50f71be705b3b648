"""Hypothesis profiles, and a browser."""

import math
import os
import random
import time

import pytest
from hypothesis import HealthCheck, Phase, settings

from autograd.compiler.ir.passes import after_each
from autograd.compiler.ir.verifier import verify

pytest.register_assert_rewrite("tests.support")

after_each.append(lambda stage, outputs: verify(outputs, stage))  # after each pass of each program

COMMON = {"deadline": None, "database": None, "suppress_health_check": [HealthCheck.too_slow]}
settings.register_profile("default", max_examples=150, derandomize=True, **COMMON)
# Shrinking knows no bound of time: the blob that a failure prints repeats it, another profile shrinks it.
NO_SHRINKING = (Phase.explicit, Phase.generate)
settings.register_profile(
    "fresh", max_examples=25, derandomize=False, print_blob=True, phases=NO_SHRINKING, **COMMON
)
settings.register_profile("long", max_examples=2000, derandomize=False, **COMMON)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))

SECONDS = float(os.environ.get("FRESH_SECONDS", "inf"))
BEGAN = time.monotonic()


def pytest_collection_modifyitems(config, items):
    """With little time, other tests come first for another seed; all workers have the same order."""
    if math.isfinite(SECONDS):
        random.Random(config.getoption("--hypothesis-seed")).shuffle(items)


def pytest_runtest_setup():
    if time.monotonic() - BEGAN > SECONDS:
        pytest.skip(f"the {SECONDS:g} seconds for fresh seeds are over")


@pytest.fixture(scope="module")
def browser():
    """A headless browser, or a skip that says what is missing."""
    from tests.support.browser import headless

    with headless() as program:
        yield program
