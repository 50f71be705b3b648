"""The elementary functions of native code: errors against 50 digits, special values, vectors and numbers."""

import ctypes
import functools
import math
import operator
import sys
from fractions import Fraction

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mpmath import mpf

from autograd.engine.primitives import TABLE

llvm = pytest.importorskip("llvmlite.binding", reason="native code needs llvmlite: install the extra jit")

from llvmlite import ir  # noqa: E402  # not before it is known to be there

from autograd.compiler.llvm.libm import BOUNDS, ELEMENTARY  # noqa: E402  # it imports llvmlite

inf, nan = math.inf, math.nan
TINY, NORMAL, LARGEST = 5e-324, sys.float_info.min, sys.float_info.max
SPECIAL = [0.0, -0.0, TINY, -TINY, NORMAL, -NORMAL, LARGEST, -LARGEST, inf, -inf, nan,
           0.5, -0.5, 1.0, -1.0, 2.0, -2.0, 3.0, -3.0, 2.0**53 - 1.0, 2.0**53, 1.0 - 2.0**-53]  # fmt: skip
DISTINCT = {emit: name for name, emit in ELEMENTARY.items()}.values()  # two rows may have one code
names = pytest.mark.parametrize("name", DISTINCT)


# --- the functions, compiled -----------------------------------------------------------------------


@functools.cache
def machine():
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    features = llvm.get_host_cpu_features().flatten()
    target = llvm.Target.from_default_triple()
    return target.create_target_machine(cpu=llvm.get_host_cpu_name(), features=features, opt=3)


def module_of(name, lanes):
    """A module with one function: pointers to the arguments and to the result, in that order."""
    kind = ir.VectorType(ir.DoubleType(), lanes) if lanes > 1 else ir.DoubleType()
    module = ir.Module()
    pointers = [ir.PointerType()] * (arity(name) + 1)
    function = ir.Function(module, ir.FunctionType(ir.VoidType(), pointers), "compute")
    builder = ir.IRBuilder(function.append_basic_block())
    *arguments, result = function.args
    values = [builder.load(pointer, align=8, typ=kind) for pointer in arguments]
    builder.store(ELEMENTARY[name](builder, *values), result, align=8)
    builder.ret_void()
    return module


def arity(name):
    return len(TABLE[name].domain)


@functools.cache
def compiled(name, lanes):
    """The function on arrays, computed that many numbers at a time."""
    module = llvm.parse_assembly(str(module_of(name, lanes)))
    module.verify()
    passes = llvm.create_pass_builder(machine(), llvm.create_pipeline_tuning_options(speed_level=3))
    passes.getModulePassManager().run(module, passes)
    engine = llvm.create_mcjit_compiler(module, machine())
    engine.finalize_object()
    pointers = [ctypes.c_void_p] * (arity(name) + 1)
    compute = ctypes.CFUNCTYPE(None, *pointers)(engine.get_function_address("compute"))

    def run(*arguments, owner=engine):
        size = len(arguments[0])
        arrays = [np.resize(np.asarray(numbers, float), -(-size // 8) * 8) for numbers in arguments]
        arrays.append(np.empty_like(arrays[0]))
        for start in range(0, len(arrays[0]), lanes):
            compute(*(array[start:].ctypes.data for array in arrays))
        return arrays[-1][:size]

    return run


# --- the arguments ---------------------------------------------------------------------------------

LN2, PI = math.log(2.0), math.pi
EXPONENTIAL = [LN2 / 2, -LN2 / 2, 36.5, 37.1, -37.4, 1.5 * LN2, -1.5 * LN2, 709.78, -708.4, -745.1]
HYPERBOLIC = [LN2 / 4, LN2 / 2, 1.5 * LN2, 18.2, 18.4, 19.06, 709.78, 710.47, -LN2 / 2, -18.4, -710.47]
MULTIPLES = 1, 2, 3, 4, 5, 6, 7, 8, 355, 28958, 57916, 56794, 2**20, 10**9, 10**22
QUARTERS = [1e9, *(k * PI / 4 for k in MULTIPLES)]
HARD = {
    "exp": EXPONENTIAL, "expm1": EXPONENTIAL, "sinh": HYPERBOLIC, "cosh": HYPERBOLIC, "tanh": HYPERBOLIC,
    "log": [1.0, 0.5**0.5, 2.0**0.5, 2.0, NORMAL],
    "log1p": [-1.0, 0.5**0.5 - 1.0, 2.0**0.5 - 1.0, 1.0, 2.0**53, 2.0**60],
    "sin": QUARTERS, "cos": QUARTERS, "tan": QUARTERS,
    "asin": [0.5, -0.5, 1.0, -1.0], "acos": [0.5, -0.5, 1.0, -1.0], "atan": [0.5, -0.5, 1.0, 3.0, -3.0],
}  # fmt: skip
POINTS = 500  # of each kind


def any_exponent(rng):
    """Random bits: every exponent is as likely as another, and the subnormal numbers too."""
    return rng.integers(0, 2**64, POINTS, dtype=np.uint64).view(float)


def near(rng, places):
    """At all distances from the places, down to neighbours."""
    relative = rng.choice([-1.0, 1.0], POINTS) * 2.0 ** -rng.uniform(1.0, 53.0, POINTS)
    return rng.choice(places, POINTS) * (1.0 + relative)


def neighbours(rng, places):
    """Within twenty floats of the places."""
    chosen = rng.choice(places, POINTS)
    return chosen + rng.integers(-20, 21, POINTS) * np.spacing(chosen)


def points(name):
    """For each argument its numbers: special ones, all exponents, the row's domain and the hard places."""
    rng = np.random.default_rng(sum(map(ord, name)))
    domain = [rng.uniform(*interval, POINTS) for interval in TABLE[name].domain]
    if arity(name) == 1:
        places = np.array(HARD.get(name, [1.0]))
        small = 2.0 ** -rng.uniform(1.0, 60.0, POINTS)
        hard = [places, near(rng, places), neighbours(rng, places), small, -small]
        return [np.concatenate([SPECIAL, any_exponent(rng), *domain, *hard])]
    pairs = np.array(np.meshgrid(SPECIAL, SPECIAL)).reshape(2, -1)
    base, result = np.abs(any_exponent(rng)), rng.uniform(-746.0, 710.0, (2, POINTS))
    close = near(rng, np.array([1.0]))
    with np.errstate(all="ignore"):
        seen = [  # by the logarithm of the result
            (base, result[0] / np.log(base)),
            (close, result[1] / np.log(close)),
            (-base, np.rint(result[0] / np.log(base))),
            (any_exponent(rng), any_exponent(rng)),
        ]
    return np.concatenate([pairs, domain, *seen], axis=1)


# --- what is right ---------------------------------------------------------------------------------

ORACLE = {
    "abs": abs, "maximum": max, "minimum": min, "pow": mpmath.power, "power": mpmath.power,
    "log2": lambda x: mpmath.log(x, 2), "mod": lambda a, b: exactly(operator.mod, a, b),
    "floordiv": lambda a, b: exactly(operator.floordiv, a, b),
}  # fmt: skip


def exactly(operation, a, b):
    """Of whole numbers and halves of any size: a remainder leaves the last digits of a quotient."""
    exact = operation(*(Fraction(float(number)) for number in (a, b)))
    return mpf(exact.numerator) / exact.denominator


def error(name, got, numbers):
    """Of a result, in units in the last place of the true one; inf where IEEE 754 says another."""
    expected = TABLE[name].evaluate(*numbers)
    if math.isnan(expected) or math.isnan(got):
        return 0.0 if math.isnan(expected) and math.isnan(got) else inf
    if math.copysign(1.0, got) != math.copysign(1.0, expected):
        return inf
    if not all(number and math.isfinite(number) for number in numbers):
        return 0.0 if got == expected else inf
    oracle = ORACLE.get(name) or getattr(mpmath, name)
    top = mpf(2) ** 1024  # stands for inf, which is the next float
    exact, result = (max(-top, min(top, number)) for number in (oracle(*map(mpf, numbers)), mpf(got)))
    unit = math.ulp(min(abs(exact), LARGEST))
    return float(abs(result - exact) / unit)


# --- the tests -------------------------------------------------------------------------------------


def test_every_function_is_a_row_and_has_a_bound():
    assert ELEMENTARY.keys() == BOUNDS.keys()
    assert ELEMENTARY.keys() <= TABLE.keys()


@names
def test_error_is_within_its_bound(name):
    arguments = points(name)
    assert len(arguments[0]) > 2000
    with mpmath.workdps(50):
        results = compiled(name, 8)(*arguments).tolist()
        places = list(zip(*(each.tolist() for each in arguments), strict=True))
        errors = [error(name, got, place) for got, place in zip(results, places, strict=True)]
    worst = max(range(len(errors)), key=errors.__getitem__)
    assert errors[worst] <= BOUNDS[name], f"{name}{places[worst]} gave {results[worst]!r}"


@names
@pytest.mark.parametrize("lanes", [2, 4, 8])
def test_vectors_hold_the_bits_that_numbers_give(name, lanes):
    arguments = points(name)
    single, several = compiled(name, 1)(*arguments), compiled(name, lanes)(*arguments)
    known = ~np.isnan(single)
    np.testing.assert_array_equal(np.isnan(several), ~known)
    np.testing.assert_array_equal(several[known].view(np.int64), single[known].view(np.int64))


@names
@given(numbers=st.tuples(st.floats(), st.floats()))
def test_agrees_with_the_array_form(name, numbers):
    numbers = numbers[: arity(name)]
    (got,) = compiled(name, 1)(*([number] for number in numbers)).tolist()
    with np.errstate(all="ignore"):
        expected = float(TABLE[name].array(*map(np.float64, numbers)))
    if not (got == expected or (math.isnan(got) and math.isnan(expected))):
        assert math.isfinite(got)
        assert abs(got - expected) <= (BOUNDS[name] + 4.0) * math.ulp(expected)  # numpy's own bound is 4


@names
def test_code_is_of_no_one_machine(name):
    """Only LLVM's own functions are called, those that every target has."""
    called = {
        function.name.split(".")[1] for function in module_of(name, 8).functions if function.is_declaration
    }
    assert called <= {"fma", "fabs", "sqrt", "floor", "sin", "cos", "tan"}
