"""Workbooks: a training written as one, and one that somebody else wrote read and checked.

`save_workbook` writes what a recorded graph computes (workbook). `check_workbook` (checking) goes from the
cells of a file to findings about it: cells -> tables -> what was left unsaid (inference) -> what belongs in
each cell (expected, grading) -> which slip it was (diagnosis by mutations) -> how the formula is mended
(repairs) -> whether the digits tell (resolution) -> report. A `Problem` says what the sheet should hold and
under which names (vocabulary); `assignment` is one.
"""

from .assignment import assignment
from .cells import SheetError
from .checking import check_workbook
from .problem import Problem
from .report import Finding, TableReport, WorkbookReport
from .workbook import save_workbook

__all__ = [
    "Finding",
    "Problem",
    "SheetError",
    "TableReport",
    "WorkbookReport",
    "assignment",
    "check_workbook",
    "save_workbook",
]
