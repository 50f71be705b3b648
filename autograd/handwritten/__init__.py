"""Backpropagation that somebody wrote by hand in Python, checked against a recorded graph.

`check_values` and `check_gradients` compare numbers and arrays (checking): what a name means (naming), the
reference as a graph (recording) and as steps over arrays (tape), how near is right (comparison), which slip
it was (slips, formulas, search), report. `check_engine` (engines) tries every operation of somebody's own
`Value`. `check_programs` does so for the files of a class (programs, worker).
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
