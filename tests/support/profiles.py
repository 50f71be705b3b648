"""How many examples hypothesis tries: the profile that HYPOTHESIS_PROFILE names."""

import os
from collections import defaultdict
from random import Random

import pytest
from hypothesis import HealthCheck, Phase, settings

PROFILES = {
    "quick": {"max_examples": 8, "derandomize": True},
    "default": {"max_examples": 100, "derandomize": True},
    # Shrinking may take for ever: the blob that a failure prints repeats it, another profile shrinks it.
    "fresh": {
        "max_examples": 25,
        "derandomize": False,
        "print_blob": True,
        "phases": (Phase.explicit, Phase.generate),
    },
    "long": {"max_examples": 2000, "derandomize": False},
}
MOST_CASES = 6  # of one test, in the profile quick
MOST_XLA = 8  # of one test: XLA takes a fifth of a second to compile the smallest program
COMMON = {"deadline": None, "database": None, "suppress_health_check": [HealthCheck.too_slow]}


def load():
    for name, options in PROFILES.items():
        settings.register_profile(name, **COMMON, **options)
    settings.load_profile(chosen())


def chosen():
    return os.environ.get("HYPOTHESIS_PROFILE", "default")


def tries(count):
    """How many examples a test tries in which each takes long, see `scaled`."""
    return settings(max_examples=scaled(count))


def scaled(count):
    """`count` in the default profile; in another as large a share of it, and at least 1."""
    return max(1, round(count * settings().max_examples / PROFILES["default"]["max_examples"]))


def slow(values):
    """Values for `pytest.mark.parametrize` that only `make test-all` tries."""
    return [
        pytest.param(*(value if isinstance(value, tuple) else (value,)), marks=pytest.mark.slow)
        for value in values
    ]


def left_out(items, most):
    """The cases beyond `most` of each test, drawn by its name."""
    cases = defaultdict(list)
    for item in items:
        cases[item.nodeid.partition("[")[0]].append(item)
    return [
        item
        for name, of_one in cases.items()
        for item in Random(name).sample(of_one, max(0, len(of_one) - most))
    ]
