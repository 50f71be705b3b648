"""For the tests and for the examples in docstrings alike: a table that each leaves as it found it."""

from importlib.util import find_spec

import pytest

# Modules that are imported by name, by who has the extra.
collect_ignore = [] if find_spec("sklearn") else ["nn/estimators.py"]
collect_ignore_glob = [] if find_spec("jax") else ["autograd/compiler/jax/*"]
pytest.register_assert_rewrite("tests.support")


@pytest.fixture(autouse=True)
def _same_table():
    """Rows that a test adds to the table are gone after it."""
    from autograd.engine.primitives import TABLE

    before = set(TABLE)
    yield
    for name in set(TABLE) - before:
        del TABLE[name]
