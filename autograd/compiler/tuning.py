"""The tuned constants of the compiler. They change the speed and the last bits of sums, nothing else.

``python -m tests.benchmarks --tune`` measures the alternatives of each. The values are for x86-64 servers
with AVX-512 (AMD EPYC, 32 to 48 kB of L1 and 512 kB to 1 MB of L2 cache for each core).
"""

from __future__ import annotations

__all__ = ["key"]

# --- facts of a machine

ALIGNED = 64  # bytes of a vector register: eight doubles

# --- groups of like nodes

# Apart, each length has a copy of all that follows it: of a GPT over 16 positions ten times the code.
PADDED_LENGTHS = 4  # lengths of sequences from which they are padded to one
PADDED_MOST = 2.0  # numbers with padding, for each one without

# --- numpy

NUMPY_CHUNK = 4096  # examples of a chunk of a large batch: its arrays stay in the caches
NUMPY_COPIED = 4096  # parameters: up to this number a copy costs less than views of the caller's array
NUMPY_SQUARE = 256  # rows: up to this number leave-one-out sums are a product with a square matrix
NUMPY_CALL = 25  # operations on floats that take as long as one call of numpy
NUMPY_BATCH_SIZES = 8  # sizes of a batch for which arrays are kept
BIAS_COPY = 64  # raw inputs: up to this number they are copied beside a 1, for a product that adds biases

# --- llvm

STRAIGHT = 600  # operations on a block of examples: up to this number they are code without loops
STRAIGHT_ROWS = 3000  # and up to this one, if they give rows of results, and their loops were no longer than
SHORT_LOOP = 16
HELD = 1_000_000  # operations on a block that a pass may take while no other thread runs: about 100 µs
LANES_8 = 4  # examples from which a block has eight lanes, and not one
LANES_16 = 16  # examples from which the blocks of loops have 16
LANES_32 = 32  # examples from which they have 32, with more than LANES_32_PARAMETERS parameters
LANES_32_PARAMETERS = 512
LANES_32_NUMBERS = 4096  # numbers of an example, at most: those of 32 take 1 MB, and no cache is larger
GATHERED = 2**23  # numbers of a batch that is gathered once for all updates from it
WIDE = 4096  # results of a sum over the batch: from this number on it is computed after all blocks
# How many examples, rows and columns a wide product with inputs takes at once. Six rows times four vectors of
# columns are 24 sums in registers, which leaves eight registers for all else.
WIDE_EXAMPLES, WIDE_ROWS, WIDE_COLUMNS = 512, 6, 32
UNROLLED_SUMS = 128  # numbers that a turn of a loop adds to; with fewer, four turns are written out

# --- the choice between them

# Seconds, about, as trainings took on two shared cores: once, and then for each parameter, each update, and
# each parameter in each example.
SECONDS = {
    "numpy": (0.03, 5e-6, 8e-5, 3e-10),
    "llvm": (0.2, 5e-6, 1e-6, 1.5e-10),
    "jax": (1.0, 8e-6, 1e-4, 3e-10),
}
LOAD_SECONDS = 0.05  # in place of the first of these, of native code that the kernel cache has
AT_ONCE_SECONDS = 0.1  # of updates that nothing interrupts
AT_ONCE_EXAMPLES = 100_000  # of all these updates, which have to fit into memory


def key() -> tuple[object, ...]:
    """All constants: native code depends on them."""
    return tuple(value for name, value in sorted(globals().items()) if name.isupper())
