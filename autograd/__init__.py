"""A scalar autograd engine: record, differentiate, draw and explain scalar computations.

>>> from autograd import Value
>>> x, y = Value(2.0, "x"), Value(3.0, "y")
>>> z = x * y + x
>>> z.backward()
>>> z.data, x.grad, y.grad
(8.0, 4.0, 2.0)
"""

from typing import TYPE_CHECKING

from .engine.anomaly import detect_anomaly, note_lines
from .engine.arguments import is_number
from .engine.declaration import primitive
from .engine.differentiation import hessian, hvp, jacobian, jvp, value_and_grad
from .engine.gradient import grad
from .engine.graph import topological_order
from .engine.modes import no_grad
from .engine.primitive import Primitive
from .engine.primitives import (
    acos,
    acosh,
    asin,
    asinh,
    atan,
    atan2,
    atanh,
    cbrt,
    ceil,
    cos,
    cosh,
    dot,
    elu,
    erf,
    erfc,
    exp,
    expm1,
    floor,
    gelu,
    greater,
    hardtanh,
    hypot,
    leaky_relu,
    log,
    log1p,
    log2,
    log10,
    log_softmax,
    logaddexp,
    logsumexp,
    maximum,
    mean,
    minimum,
    norm,
    relu,
    sigmoid,
    sign,
    silu,
    sin,
    sinh,
    softmax,
    softplus,
    softsign,
    sqrt,
    square,
    step,
    take,
    tan,
    tanh,
    where,
)
from .engine.primitives import sum as sum
from .engine.readings import ComparisonWarning, DetachedWarning, Readings, peek, readings, warn_on_comparison
from .engine.value import Value, sequence
from .errors import AnomalyError, GradcheckError, GraphError, GraphTooLargeError, MissingExtraError
from .later import on_first_use as on_first_use

if TYPE_CHECKING:
    from .compiler import Program, Training, find_backend, rank_backends, updates_at_once
    from .compiler import compile as compile
    from .drawing import PALETTE, Drawing, draw
    from .explorer import Explorer, Plane, Run, explore, playground
    from .files import require_writable, write_bytes, write_csv, write_text
    from .handwritten import HandwrittenReport, Mistake, check_engine, check_gradients, check_values
    from .spreadsheet import Problem, WorkbookReport, check_workbook, save_workbook
    from .symbolic import Derivation, explain
    from .verify import Check, GradcheckReport, gradcheck
    from .version import __version__ as __version__
else:
    __getattr__, __dir__ = on_first_use(
        __name__,
        {
            "compiler": [
                "Program",
                "Training",
                "compile",
                "find_backend",
                "rank_backends",
                "updates_at_once",
            ],
            "drawing": ["PALETTE", "Drawing", "draw"],
            "explorer": ["Explorer", "Plane", "Run", "explore", "playground"],
            "files": ["require_writable", "write_bytes", "write_csv", "write_text"],
            "handwritten": [
                "HandwrittenReport",
                "Mistake",
                "check_engine",
                "check_gradients",
                "check_values",
            ],
            "spreadsheet": ["Problem", "WorkbookReport", "check_workbook", "save_workbook"],
            "symbolic": ["Derivation", "explain"],
            "verify": ["Check", "GradcheckReport", "gradcheck"],
            "version": ["__version__"],
        },
    )

# What `from autograd import *` brings: not `sum` and `compile`, which would shadow builtins, nor
# `on_first_use`, which is for packages such as `nn`.
__all__ = [
    "PALETTE", "AnomalyError", "Check", "ComparisonWarning", "Derivation", "DetachedWarning", "Drawing",
    "Explorer", "GradcheckError", "GradcheckReport", "GraphError", "GraphTooLargeError",
    "HandwrittenReport", "MissingExtraError", "Mistake", "Plane", "Primitive", "Problem", "Program",
    "Readings", "Run", "Training", "Value", "WorkbookReport", "acos", "acosh", "asin", "asinh", "atan",
    "atan2", "atanh", "cbrt", "ceil", "check_engine", "check_gradients", "check_values", "check_workbook",
    "cos", "cosh", "detect_anomaly", "dot", "draw", "elu", "erf", "erfc", "exp", "explain", "explore",
    "expm1", "find_backend", "floor", "gelu", "grad", "gradcheck", "greater", "hardtanh", "hessian", "hvp",
    "hypot", "is_number", "jacobian", "jvp", "leaky_relu", "log", "log1p", "log2", "log10", "log_softmax",
    "logaddexp", "logsumexp", "maximum", "mean", "minimum", "no_grad", "norm", "note_lines", "peek",
    "playground", "primitive", "rank_backends", "readings", "relu", "require_writable", "save_workbook",
    "sequence", "sigmoid", "sign", "silu", "sin", "sinh", "softmax", "softplus", "softsign", "sqrt",
    "square", "step", "take", "tan", "tanh", "topological_order", "updates_at_once", "value_and_grad",
    "warn_on_comparison", "where", "write_bytes", "write_csv", "write_text",
]  # fmt: skip
