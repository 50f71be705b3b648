"""``python -m autograd.spreadsheet SHEET`` checks a sheet of the assignment."""

import sys

from ..terminal import ready
from .command import main

if __name__ == "__main__":
    ready()
    sys.exit(main(sys.argv[1:]))
