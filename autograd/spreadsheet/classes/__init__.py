"""What a whole class has handed in: found, checked in processes of their own, marked and told.

A folder or an archive of a learning platform becomes sheets with their students (submissions, students). Each
is checked by a process with limits of time and memory (worker, workers), what came out is plain data that is
kept (outcomes), gets its points (marks), and is told to the teacher and, as far as wanted, to the student
(hints, pages, results). `check_class` is all of it. `hand_out` is the way there: numbers of its own for each.
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
