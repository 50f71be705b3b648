"""``python -m autograd.handwritten FILE.py``: the command on its own."""

import sys

from ..terminal import ready
from .command import main

if __name__ == "__main__":
    ready()
    sys.exit(main(sys.argv[1:]))
