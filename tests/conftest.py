"""Hypothesis profiles, and a browser."""

import math
import os
import random
import time

import pytest

from tests.support import profiles

profiles.load()

SECONDS = float(os.environ.get("FRESH_SECONDS", "inf"))
BEGAN = time.monotonic()


def pytest_collection_modifyitems(config, items):
    """With little time, other tests come first for another seed; all workers have the same order."""
    for item in items:
        if "browser" in getattr(item, "fixturenames", ()):
            item.add_marker("browser")
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
