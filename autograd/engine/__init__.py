"""The engine: it records a graph, sweeps it, differentiates it and copies it. Read it in this order:

- `primitive`: a row of the table; `rule`, its base: how a row runs.
- `primitives`: THE table, every operation one row; `declaration`: primitive, which adds one; `numerics`, the
  tricks by which rows keep their digits.
- `node`: the facts of a node beside numbers and operands: its row, version and labels; `modes`: no_grad.
- `graph`: topological order and the reverse sweep.
- `value`: `Value`, its operators, and how they are recorded.
- `gradient`: grad.

That is recording, backward and grad. The rest:

- `arguments`: numbers of Python and numpy; `protocol`: the number protocol of a `Value`, and micrograd's
  names; `readings`: reports of its use; `messages`: the names of nodes in errors, and the line of the user's
  program; `anomaly`: detect_anomaly, note_lines.
- `linearization`: forward mode beside reverse mode; `differentiation`: value_and_grad, jacobian, hessian, jvp
  and hvp, of functions.
- `replay`: a recorded graph on other numbers; `copying`: copies and pickles, without recursion.
- `kind`: whether all this runs compiled; both kinds come from the same files, see `cython`.
"""

from .kind import choose as _choose

compiled: bool = _choose(__path__)
"""Whether the engine runs compiled; AUTOGRAD_PURE_PYTHON=1 in the environment forces plain Python."""

from . import value as value  # noqa: E402  # the path is chosen now; and first, since the sweep needs its class
