"""The engine: recording a graph, sweeping it, differentiating and copying it.

- `kind`: whether it runs compiled; both kinds are made from the same files.
- `primitives`: THE table, every operation one row.
- `value`: `Value`, its operators and methods made from the table.
- `vector`: a sequence as one operand, and layers recorded at once.
- `graph`: topological order and the reverse sweep.
- `copying`: copies and pickles of graphs, without recursion.
- `linearization`: a recorded graph as a linear map, swept forward or in reverse.
- `differentiation`: grad, value_and_grad, jacobian, hessian, jvp, hvp.
"""

from .kind import choose as _choose

compiled: bool = _choose(__path__)
"""Whether the engine runs compiled; AUTOGRAD_PURE_PYTHON=1 in the environment forces plain Python."""
