"""Backpropagation that somebody wrote by hand in Python, checked against a recorded graph.

`check_values` and `check_gradients` compare numbers and arrays (checking): names -> what they mean (naming), a
reference as steps over arrays (recording, tape), how near is right (comparison), which slip it was (slips, search),
report. `check_engine` tries every operation of somebody's own `Value`.
"""

from .checking import check_gradients, check_values
from .report import HandwrittenReport, Mistake

__all__ = ["HandwrittenReport", "Mistake", "check_gradients", "check_values"]
