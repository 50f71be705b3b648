"""Work that is done again takes no more memory; `python -m tests.memory` prints it for 2,000 times."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.compiled import needs_llvmlite
from tests.support.profiles import slow

ROOT = Path(__file__).parents[2]
MOST = 30_000  # bytes for each repetition: pages come one by one, and what leaked were 60,000 and more


@needs_llvmlite
@pytest.mark.parametrize("kinds", ["record", "numpy", *slow([""])])
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="only Linux tells how much memory there is")
def test_repeated_work_stays_flat(kinds):
    """Of kinds with that word in their names; a process of its own for each word."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.memory", "--repeat", "12", "--only", kinds, "--json"],
        cwd=ROOT, capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found
    assert {kind: size for kind, size in found.items() if size > MOST} == {}
