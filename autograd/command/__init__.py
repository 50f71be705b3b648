"""The command `backprop`: the value, the gradients and the derivation of an expression that is typed in."""

from .backprop import main, run
from ..language import ExpressionError, Formula, parse, parse_number

__all__ = ["ExpressionError", "Formula", "main", "parse", "parse_number", "run"]
