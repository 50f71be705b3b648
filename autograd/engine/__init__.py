"""The engine: recording a graph, sweeping it, differentiating and copying it. To be read in this order:

- `primitive`: what a row of the table is; `rule`, its base: what is known of a row without running it.
- `primitives`: THE table, every operation one row; `numerics`, the tricks with which rows keep their digits.
- `node`: versions and labels; `modes`: no_grad, detect_anomaly, who is told of what Python reads.
- `graph`: topological order and the reverse sweep.
- `value`: `Value`, its operators, and how they are recorded; `arguments`, what counts as a number.
- `linearization`: a recorded graph as a linear map, swept forward or in reverse, and
  `differentiation`: grad, value_and_grad, jacobian, hessian, jvp, hvp.
- `replay`: a recorded graph on other numbers; `copying`: copies and pickles, without recursion.
- `kind`: whether all this runs compiled; both kinds are made from the same files, see `cython`.
"""

from .kind import choose as _choose

compiled: bool = _choose(__path__)
"""Whether the engine runs compiled; AUTOGRAD_PURE_PYTHON=1 in the environment forces plain Python."""

from . import value as value  # noqa: E402  # by now the path is chosen; and first, for the sweep knows its class
