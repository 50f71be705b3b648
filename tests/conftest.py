"""The profile of hypothesis, what tests of each marker need, and a browser."""

import gc
import math
import os
import random
import tempfile
import time
from importlib.util import find_spec
from shutil import which

import pytest

from autograd.compiler.ir.passes import after_each
from autograd.compiler.ir.verifier import verify
from tests.support import profiles

if "AUTOGRAD_CACHE" not in os.environ:  # one folder of native kernels for all workers, and none of the user's
    KERNELS = tempfile.TemporaryDirectory(prefix="kernels-")
    os.environ["AUTOGRAD_CACHE"] = KERNELS.name
profiles.load()
os.fsync = lambda descriptor: None  # no test cuts the power, and a disk that is waited for takes milliseconds
after_each.append(lambda stage, outputs: verify(outputs, stage))  # after each pass of each program

# Of each marker whether what its tests need is missing, and what helps.
NEEDS = {
    "office": (
        not (which("soffice") or which("libreoffice")),
        "no LibreOffice (soffice), which recalculates workbooks: install libreoffice-calc",
    ),
    "render": (
        find_spec("pygraphviz") is None and which("dot") is None,
        "no renderer of drawings: pip install pygraphviz, or install Graphviz",
    ),
}
SECONDS = float(os.environ.get("FRESH_SECONDS", "inf"))
BEGAN = time.monotonic()


@pytest.hookimpl(trylast=True)  # the cases that a marker leaves out are gone by then
def pytest_collection_modifyitems(config, items):
    """With little time, other tests come first for another seed; all workers have the same order."""
    for item in items:
        if "browser" in getattr(item, "fixturenames", ()):
            item.add_marker("browser")
    in_xla = [item for item in items if item.get_closest_marker("xla")]
    left_out = {*profiles.left_out(in_xla, profiles.MOST_XLA)}
    if profiles.chosen() == "quick":
        left_out |= {*profiles.left_out(items, profiles.MOST_CASES)}
    config.hook.pytest_deselected(items=[item for item in items if item in left_out])
    items[:] = [item for item in items if item not in left_out]
    if math.isfinite(SECONDS):
        random.Random(config.getoption("--hypothesis-seed")).shuffle(items)


def pytest_collection_finish(session):
    """The thousands of tests stay until the end: no collection of garbage has to visit them."""
    gc.collect()
    gc.freeze()


def pytest_runtest_setup(item):
    for marker, (missing, reason) in NEEDS.items():
        if missing and item.get_closest_marker(marker):
            pytest.skip(reason)  # what is missing on this machine, as its marker says
    if time.monotonic() - BEGAN > SECONDS:
        pytest.skip(f"the {SECONDS:g} seconds for fresh seeds are over")


@pytest.fixture(scope="module")
def browser():
    """A headless browser, or a skip that says what is missing."""
    from tests.support.browser import headless

    with headless() as program:
        yield program
