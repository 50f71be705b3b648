"""The back end of JAX: the array program as a pure function, which XLA compiles for its devices."""

from .. import tuning
from ..backends import Backend

__all__ = ["BACKEND"]

BACKEND = Backend(
    f"{__name__}.backend:JaxProgram",
    tuning.SECONDS["jax"],
    library="jax",
    extra="jax",
    automatic=False,
    refuses=True,
)
