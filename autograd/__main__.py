"""``python -m autograd`` is the command `backprop`."""

import sys

from .command import run

if __name__ == "__main__":
    sys.exit(run())
