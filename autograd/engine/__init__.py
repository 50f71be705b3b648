"""The engine: recording a graph, sweeping it, differentiating and copying it. To be read in this order:

- `primitive`: what a row of the table states; `rule`, its base: how a row runs.
- `primitives`: THE table, every operation one row; `declaration`: primitive, which adds one; `numerics`, the
  tricks with which rows keep their digits.
- `node`: what a node is besides numbers and operands: its row, version and labels; `modes`: no_grad.
- `graph`: topological order and the reverse sweep.
- `value`: `Value`, its operators, and how they are recorded.
- `gradient`: grad.

That is recording, backward and grad. What else there is:

- `arguments`: what counts as a number; `protocol`: what Python reads of a `Value`, and micrograd's names;
  `readings`: who is told of that; `messages`: how errors name a node, and the line of the user's program;
  `anomaly`: detect_anomaly, note_lines.
- `linearization`: forward mode beside reverse mode; `differentiation`: value_and_grad, jacobian, hessian, jvp
  and hvp, of functions.
- `replay`: a recorded graph on other numbers; `copying`: copies and pickles, without recursion.
- `kind`: whether all this runs compiled; both kinds are made from the same files, see `cython`.
"""

from .kind import choose as _choose

compiled: bool = _choose(__path__)
"""Whether the engine runs compiled; AUTOGRAD_PURE_PYTHON=1 in the environment forces plain Python."""

from . import value as value  # noqa: E402  # by now the path is chosen; and first, for the sweep knows its class
