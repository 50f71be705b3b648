"""The command `backprop`: the value, the gradients and the derivation of an expression that is typed in."""

from ..language import ExpressionError, Formula, parse, parse_number
from .backprop import main, run

__all__ = ["ExpressionError", "Formula", "main", "parse", "parse_number", "run"]
