"""The back end that is always there: the array program as Python source with calls of numpy."""

from .. import tuning
from ..backends import Backend

__all__ = ["BACKEND"]

BACKEND = Backend(f"{__name__}.backend:ArrayProgram", tuning.SECONDS["numpy"], adds_biases=True)
