"""A scalar autograd engine: record, differentiate, draw and explain scalar computations.

>>> from autograd import Value
>>> x, y = Value(2.0, "x"), Value(3.0, "y")
>>> z = x * y + x
>>> z.backward()
>>> z.data, x.grad, y.grad
(8.0, 4.0, 2.0)
"""

from . import copying as _copying
from .checking import Check, GradcheckReport, gradcheck
from .compiler import Program, Training, rank_backends
from .compiler import compile as compile
from .differentiation import grad, hessian, hvp, jacobian, jvp, value_and_grad
from .drawing import PALETTE, Drawing, draw
from .errors import AnomalyError, GradcheckError, GraphError, GraphTooLargeError, MissingExtraError
from .explanation import Derivation, explain
from .explorer import Explorer, Run, explore
from .files import write_text
from .graph import topological_order
from .primitives import (
    Primitive,
    acos,
    asin,
    atan,
    cos,
    cosh,
    dot,
    elu,
    exp,
    expm1,
    greater,
    leaky_relu,
    log,
    log1p,
    log_softmax,
    logsumexp,
    maximum,
    mean,
    minimum,
    primitive,
    relu,
    sigmoid,
    silu,
    sin,
    sinh,
    softmax,
    softplus,
    sqrt,
    step,
    tan,
    tanh,
    where,
)
from .primitives import sum as sum
from .spreadsheet import save_workbook
from .value import (
    ComparisonWarning,
    DetachedWarning,
    Readings,
    Value,
    detect_anomaly,
    is_number,
    no_grad,
    readings,
    warn_on_comparison,
)
from .vector import Dense, Vector

# What `from autograd import *` brings: not `sum` and `compile`, which would shadow builtins.
__all__ = [
    "PALETTE",
    "AnomalyError",
    "Check",
    "ComparisonWarning",
    "Dense",
    "Derivation",
    "DetachedWarning",
    "Drawing",
    "Explorer",
    "GradcheckError",
    "GradcheckReport",
    "GraphError",
    "GraphTooLargeError",
    "MissingExtraError",
    "Primitive",
    "Program",
    "Readings",
    "Run",
    "Training",
    "Value",
    "Vector",
    "acos",
    "asin",
    "atan",
    "cos",
    "cosh",
    "detect_anomaly",
    "dot",
    "draw",
    "elu",
    "exp",
    "explain",
    "explore",
    "expm1",
    "grad",
    "gradcheck",
    "greater",
    "hessian",
    "hvp",
    "is_number",
    "jacobian",
    "jvp",
    "leaky_relu",
    "log",
    "log1p",
    "log_softmax",
    "logsumexp",
    "maximum",
    "mean",
    "minimum",
    "no_grad",
    "primitive",
    "rank_backends",
    "readings",
    "relu",
    "save_workbook",
    "sigmoid",
    "silu",
    "sin",
    "sinh",
    "softmax",
    "softplus",
    "sqrt",
    "step",
    "tan",
    "tanh",
    "topological_order",
    "value_and_grad",
    "warn_on_comparison",
    "where",
    "write_text",
]
