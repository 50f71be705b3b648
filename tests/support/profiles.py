"""How many examples hypothesis tries: the profile that HYPOTHESIS_PROFILE names."""

import os

from hypothesis import HealthCheck, Phase, settings

PROFILES = {
    "quick": {"max_examples": 20, "derandomize": True},
    "default": {"max_examples": 150, "derandomize": True},
    # Shrinking may take for ever: the blob that a failure prints repeats it, another profile shrinks it.
    "fresh": {
        "max_examples": 25,
        "derandomize": False,
        "print_blob": True,
        "phases": (Phase.explicit, Phase.generate),
    },
    "long": {"max_examples": 2000, "derandomize": False},
}
COMMON = {"deadline": None, "database": None, "suppress_health_check": [HealthCheck.too_slow]}


def load():
    for name, options in PROFILES.items():
        settings.register_profile(name, **COMMON, **options)
    settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))


def tries(count):
    """Where an example takes long: `count` of them in the default profile, in another as large a share."""
    share = settings().max_examples / PROFILES["default"]["max_examples"]
    return settings(max_examples=max(1, round(count * share)))
