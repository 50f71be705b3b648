"""Every row at special values gives the eager engine's answer on every back end, however it is compiled.

What varies is what decides which code runs: the row, which of its operands are numbers in the program (an
exponent, say), the size of the batch (numpy has other loops for 1, for few and for many), single or double
precision, and the order of the derivative. The sign of a 0 counts, and nan is nan.
"""

import functools
import math
import operator
import sys

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from autograd import Value, compile, dot, grad, mean, norm, sum, topological_order
from autograd.engine.primitives import TABLE
from tests.support.compiled import backends, eager, needs_llvmlite, program_of
from tests.support.compiled_cases import flat_positions, of_numbers
from tests.support.profiles import tries

inf, nan = math.inf, math.nan
ORDINARY = [1.0, -1.0, 0.3, -2.5, 0.5, 2.0, 3.0]
SPECIAL = {
    "float64": [0.0, -0.0, inf, -inf, nan, 1e308, -1e308, 5e-324, -5e-324, *ORDINARY],
    "float32": [0.0, -0.0, inf, -inf, nan, 3e38, -3e38, 1.2e-38, -1.2e-38, *ORDINARY],
}
# Relative, and absolute: below the smallest normal number digits are lost.
ACCURACY = {"float64": (1e-12, 1e-307), "float32": (1e-4, 1e-37)}
COUNTS = [1, 5, 9, 4096]


def numbers_of(dtype):
    return st.sampled_from(SPECIAL[dtype]).map(lambda number: float(np.dtype(dtype).type(number)))


def agree(got, right, dtype, signed, size):
    """Equal, both nan, or as near as rounding allows where what is added up has this size."""
    with np.errstate(over="ignore"):
        right = float(np.dtype(dtype).type(right))
    if math.isnan(got) or math.isnan(right):
        return math.isnan(got) and math.isnan(right)
    if got == right:
        return got != 0.0 or not signed or math.copysign(1.0, got) == math.copysign(1.0, right)
    relative, absolute = ACCURACY[dtype]
    return math.isfinite(got) and abs(got - right) <= relative * (abs(right) + size) + absolute


def size_of(name, row):
    """Of a row that adds up its operands, the largest number that it may meet, but for infinite ones."""
    largest = max((abs(x) for x in row if math.isfinite(x)), default=0.0)
    if name == "dot":
        return max((abs(a * b) for a, b in zip(row[:3], row[3:6]) if math.isfinite(a * b)), default=0.0)
    return largest if name in ("sum", "mean") else 0.0


@st.composite
def cases(draw, functions):
    """A function of several numbers, which of them are in the program, and examples of the others."""
    name, count, f = draw(functions)
    dtype = draw(st.sampled_from(sorted(SPECIAL)))
    number = numbers_of(dtype)
    domains = [TABLE[name].domain[i] for i in flat_positions(TABLE[name])]
    # One whose domain is a single point is a small whole number of the row.
    each = st.tuples(*[number if low < high else st.sampled_from([0.0, 1.0, 2.0]) for low, high in domains])
    kinds = draw(st.lists(st.sampled_from("wxxc"), min_size=count, max_size=count))
    kinds = kinds if set(kinds) != {"c"} else ["x", *kinds[1:]]
    fixed = draw(each)
    examples = draw(st.lists(each, min_size=1, max_size=9))
    return name, f, dtype, kinds, fixed, examples, draw(st.sampled_from(COUNTS))


def check(case, backend):
    """The value, then the derivatives as graphs of their own, then the gradient of the program."""
    name, f, dtype, kinds, fixed, examples, count = case

    def recorded(numbers):
        """The leaves by kind, the value and the derivatives that are graphs."""
        leaves = [x if kind == "c" else Value(x) for x, kind in zip(numbers, kinds, strict=True)]
        w, x = ([leaf for leaf, kind in zip(leaves, kinds, strict=True) if kind == own] for own in "wx")
        y = f(leaves)
        frozen = any(node.op in ("where", "take") for node in topological_order(y))  # one branch is recorded
        slopes = [] if frozen else [each for each in grad(y, [*w, *x], create_graph=True) if each.parents]
        return w, x, y, slopes

    w, x, y, slopes = recorded(fixed)
    program = compile([y, *slopes], w, x, backend=backend, dtype=dtype)
    parameters = [a for a, kind in zip(fixed, kinds, strict=True) if kind == "w"]
    batch = [[b for b, kind in zip(row, kinds, strict=True) if kind == "x"] for row in examples]
    repeated = np.array([batch[i % len(batch)] for i in range(count)], dtype).reshape(count, len(x))
    table = program.evaluate(parameters, repeated)
    for i, (example, got) in enumerate(zip(examples[:count], table.tolist())):
        row = [b if kind == "x" else a for a, b, kind in zip(fixed, example, kinds, strict=True)]
        w, _, y, slopes = recorded(row)
        value, gradient = program(parameters, repeated[i : i + 1])
        right = [y.data, y.data, *[slope.data for slope in slopes], *grad(y, w)]
        for k, (mine, other) in enumerate(zip([value, *got, *gradient.tolist()], right, strict=True)):
            # A sum over the batch begins with 0, which −0 does not change; nor does a sum of derivatives
            # tell which 0 it is. And a derivative that is nan says nothing.
            if not (k > 1 and math.isnan(other)):
                agreed = agree(mine, other, dtype, k == 1, size_of(name, row))
                assert agreed, (name, row, k, mine, other)
    relative, absolute = ACCURACY[dtype]  # the same example elsewhere in the batch
    np.testing.assert_allclose(table, table[np.arange(count) % len(examples)], relative, absolute)


ROWS = [(row.name, len(flat_positions(row)), of_numbers(row)) for row in TABLE.values()]
rows = cases(st.sampled_from(ROWS))


@tries(100)
@given(rows)
def test_rows_at_special_values_as_arrays(case):
    check(case, "numpy")


@needs_llvmlite
@tries(12)
@given(rows)
def test_rows_at_special_values_as_native_code(case):
    check(case, "llvm")


# --- what overflows within -------------------------------------------------------------------------


INNER = {
    "x": lambda x: x, "exp": lambda x: x.exp(), "1/x": lambda x: 1.0 / x, "x³": lambda x: x * x * x,
    "log": lambda x: x.log(), "√x": lambda x: x.sqrt(), "200 x": lambda x: 200.0 * x,
}  # fmt: skip
EXPONENTS = [0.0, -0.0, 1.0, 2.0, 3.0, -1.0, -2.0, 0.5]


@backends
@tries(60)
@given(
    name=st.sampled_from(sorted(INNER)),
    exponent=st.sampled_from(EXPONENTS),
    number=st.sampled_from([*SPECIAL["float64"], 710.0, -746.0]),
)
def test_a_power_of_what_overflows_has_the_gradient_of_the_engine(name, exponent, number, backend):
    """x⁰ is 1 whatever x is, and its derivative 0 · ∂x: nan where ∂x is infinite, as in torch."""
    w = Value(number)
    y = INNER[name](w) ** exponent
    (right,) = grad(y, [w])
    program = compile(y, [w], backend=backend)
    value, (found,) = program([number])
    if backend == "jax" and name == "exp" and not abs(number) < 700.0:
        return  # the limit: XLA writes exp(x)ᶜ as exp(c · x), which neither overflows nor keeps nan⁰ = 1
    assert agree(value + 0.0, y.data + 0.0, "float64", True, 0.0)  # −0 counts as 0
    if name == "x³" and exponent <= 0.0 and math.isinf(INNER[name](w).data) and found == 0.0:
        return  # the limit: that a product overflowed on the way to a finite gradient goes unseen
    if backend == "jax" and name == "log" and abs(number) > 0.1 / sys.float_info.min and found == 0.0:
        return  # the limit: XLA takes the subnormal 1/x as 0
    assert agree(found, right, "float64", False, 0.0)


# --- sums that overflow on the way -----------------------------------------------------------------

SUMS = {
    "sum": sum,
    "mean": mean,
    "a chain": lambda values: functools.reduce(operator.add, values),
    "dot": lambda values: dot(values, [1.0, 0.5] * (len(values) // 2) + [1.0] * (len(values) % 2)),
    "a sum of products": lambda values: sum([value * (1.0 - i % 3) for i, value in enumerate(values)]),
    "norm": norm,
}
HUGE = st.sampled_from([1e308, -1e308, 1.5e308, -1.7e308, 8e307, 1.0, 0.0])


@st.composite
def sums(draw):
    """Sums of sums of huge numbers, some of them turned, and examples."""
    signed = st.tuples(st.integers(1, 5), st.sampled_from([1.0, -1.0]))
    terms = st.lists(signed, min_size=2, max_size=12)
    steps = draw(st.lists(st.tuples(st.sampled_from(sorted(SUMS)), terms), min_size=1, max_size=3))

    def f(w, x):
        nodes = [*w, *x]
        for kind, terms in steps:
            nodes.append(SUMS[kind]([nodes[-back] * sign for back, sign in terms]))
        return nodes[-1]

    rows = draw(st.lists(st.lists(HUGE, min_size=3, max_size=3), min_size=1, max_size=9))
    return f, draw(st.lists(HUGE, min_size=2, max_size=2)), rows, draw(st.sampled_from(["sum", "mean"]))


def check_sums(case, backend):
    """The engine's value, where it is finite: `dot` and + add from left to right, and may be less lucky."""
    f, parameters, rows, reduce = case
    values, _ = eager(f, parameters, rows)
    finite = np.isfinite(values)
    program = program_of(f, 2, 3, backend=backend, reduce=reduce)
    np.testing.assert_allclose(program.evaluate(parameters, rows)[finite, 0], values[finite], 0.0, 1e296)
    if finite.all():
        whole = TABLE[reduce].evaluate(values.tolist())
        value, gradient = program(parameters, rows)
        assert abs(value - whole) <= 1e296 or (value == whole) or abs(whole) > 1.79e308
        w = [Value(number) for number in parameters]
        each = [grad(f(w, list(map(Value, row))), w) for row in rows]
        right = [TABLE[reduce].evaluate(column) for column in map(list, zip(*each))]
        np.testing.assert_allclose(gradient, right, 1e-12)
        weights = np.array(parameters)
        assert program.descend(weights, rows, 0.5) == value
        np.testing.assert_allclose(weights, np.array(parameters) - 0.5 * gradient, 1e-12)


@tries(60)
@given(sums())
def test_sums_that_overflow_on_the_way_as_arrays(case):
    check_sums(case, "numpy")


@needs_llvmlite
@tries(10)
@given(sums())
def test_sums_that_overflow_on_the_way_as_native_code(case):
    check_sums(case, "llvm")
