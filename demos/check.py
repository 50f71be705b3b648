"""Check a sheet of the assignment: which cell is wrong, what belongs there, and which slip it was.

    python -m demos check my_backpropagation.xlsx

You will see whether the table of a workbook or of a .csv file is right: every cell of the forward pass,
the gradients and the updates, recomputed by the engine from the weights of its own row, so that one slip is
told apart from all that follows from it. For each column that is wrong: its first wrong cell, the value found
and the right one with its derivation, and where it can be told, which slip it was and which reference
in the formula is wrong.

The sheet may look as people make it: columns in any order and under many names, a learning rate anywhere or
nowhere, biases or none, rounded numbers, several tables, several sheets. "Right" is said only of what was
checked: if gradients, rows or columns could not be read, or numbers have too few digits to show a usual slip,
the check says so, and does not say right. The exit status is 0 if all is right, 1 if something is wrong, 2 if
the sheet cannot be read, and 3 if nothing wrong is seen, but not all could be checked.
"""

from __future__ import annotations

from collections.abc import Sequence

from autograd.spreadsheet import command

PROGRAM = "python -m demos check"


def main(argv: Sequence[str]) -> int:
    """Run the check; returns the exit status."""
    return command.main(argv, PROGRAM)
