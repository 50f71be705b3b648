"""The sheets of a whole class: found, checked in processes of their own, marked and reported.

A folder or an archive of a learning platform becomes sheets with their students (submissions, students).
Processes with limits of time and memory check them (worker, workers). The outcomes are plain data, kept on
disk (outcomes), get points (marks), and are reported to the teacher and, at a chosen level of hints, to the
student (hints, pages, results). `check_class` does all of it; `hand_out` gives each student other numbers.
"""

from .checking import ClassReport, Entry, check_class
from .handing_out import hand_out
from .marks import Weights
from .results import write_all
from .students import Student, read_students

__all__ = [
    "ClassReport",
    "Entry",
    "Student",
    "Weights",
    "check_class",
    "hand_out",
    "read_students",
    "write_all",
]
