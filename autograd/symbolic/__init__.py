"""Formulas of a recorded graph: one type of expression, several notations, and the chain rule written out.

Each module imports only from those before it:

- `expressions`: formulas, simplified as a person writes them, and their numbers.
- `notations`: text, LaTeX, Python and spreadsheet cells.
- `javascript`: rows of the table as functions for a page.
- `outline`: the graph as named nodes and formulas between them.
- `explain`: one derivative, from the forward pass to the closed form.
"""

from .explain import Derivation, Equation, explain
from .expressions import OPERATORS, Apply, Expression, Number, Symbol, faithful, is_masked, readable, verbatim
from .javascript import NoScriptError, lowered, row_script
from .notations import LATEX, PYTHON, SHEET, TEXT, Notation, in_cells, latex_name
from .outline import Outline, Step

__all__ = [
    "LATEX", "OPERATORS", "PYTHON", "SHEET", "TEXT", "Apply", "Derivation", "Equation", "Expression",
    "NoScriptError", "Notation", "Number", "Outline", "Step", "Symbol", "explain", "faithful", "in_cells",
    "is_masked", "latex_name", "lowered", "readable", "row_script", "verbatim",
]  # fmt: skip
