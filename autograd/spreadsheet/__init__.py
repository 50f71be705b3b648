"""Workbooks: a training written as one, and one that somebody else wrote read and checked.

`save_workbook` writes what a recorded graph computes (workbook). A check goes from the cells of a file to
what is said of them: cells, tables, what was left unsaid (inference), what belongs in each cell (expected,
grading), which slip it was (diagnosis), and how the formula is mended (repairs).
"""

from .workbook import save_workbook

__all__ = ["save_workbook"]
