"""Hand-written backpropagation in Python, checked against a recorded graph.

`check_values` and `check_gradients` compare numbers and arrays (checking). Names are read (naming), the
reference becomes a graph (recording) and stages over arrays (tape), numbers are compared at their precision
(comparison), and slips are found by changing the graph (slips, formulas, search). `check_engine` (engines)
tries each operation of a student's own `Value`. `check_programs` checks the files of a class (programs,
worker).
"""

from .checking import check_gradients, check_values
from .engines import check_engine
from .programs import StudentProgram, check_programs, save_results
from .report import HandwrittenReport, Mistake

__all__ = [
    "HandwrittenReport",
    "Mistake",
    "StudentProgram",
    "check_engine",
    "check_gradients",
    "check_programs",
    "check_values",
    "save_results",
]
