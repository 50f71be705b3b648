"""Compiled programs give the numbers of the eager engine: random graphs, special values, networks.

One engine is the judge of the other: they share the table's rules and no code that applies them. Where the
rules themselves could be wrong, `test_random_graphs` and `test_special_values` judge them.
"""

import itertools
import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from autograd import (
    GraphError,
    Value,
    compile,
    dot,
    exp,
    grad,
    greater,
    log,
    log_softmax,
    logsumexp,
    maximum,
    relu,
    softmax,
    sqrt,
    sum,
    where,
)
from autograd.engine.primitives import TABLE
from nn import ACTIVATIONS, LOSSES, MLP
from tests.support.compiled import backends, eager, needs_llvmlite, program_of, slowly_in_native_code
from tests.support.compiled_cases import (
    ACCURACY,
    CHOICES,
    CORNERS,
    LAYOUTS,
    SPECIAL,
    flat_positions,
    of_numbers,
    spots,
    targets_for,
)
from tests.support.profiles import tries
from tests.support.random_graphs import programs, record, record_by_operators, record_in_vectors, run

inf, nan = math.inf, math.nan
TINY = 2.3e-308  # what is nearer to 0 has fewer digits
BATCHES = [0, 1, 7, 8, 9]


def same(got, right, accuracy, size=0.0):
    """Equal, both nan, or as near as rounding allows for numbers of this size."""
    if math.isnan(got) or math.isnan(right):
        return math.isnan(got) and math.isnan(right)
    return got == right or abs(got - right) <= accuracy * (abs(right) + size)


def as_xla_has_it(number):
    return math.copysign(0.0, number) if abs(number) < TINY else number


def same_in_xla(row, spot, got, right, accuracy):
    """XLA takes what is below the normal numbers as 0, and adds up in any order; nan loses the rest."""
    if any(0.0 < abs(x) < TINY for x in spot) and any(map(math.isnan, spot)):
        return True
    got, right = as_xla_has_it(got), as_xla_has_it(right)
    finite = [abs(x) for x in spot if math.isfinite(x)]
    size = max(finite, default=0.0) if row.name in ("sum", "mean", "dot") else 0.0
    return same(got, right, accuracy, size) or (math.isnan(right) and math.isinf(got))


def same_sign(got, right):
    return math.copysign(1.0, got) == math.copysign(1.0, right)


# --- random graphs over the whole table ------------------------------------------------------------


@st.composite
def compilations(draw, batches=BATCHES):
    """A program, which of its leaves are parameters, and how it is to be compiled and called."""
    return (
        draw(programs()),
        draw(st.lists(st.booleans(), min_size=4, max_size=4)),
        draw(st.sampled_from([record, record_in_vectors, record_by_operators])),
        draw(st.lists(st.sampled_from(batches), min_size=1, max_size=2, unique=True)),
        {"dtype": draw(st.sampled_from(sorted(ACCURACY))), "reduce": draw(st.sampled_from(["mean", "sum"]))},
    )


def check_compilation(compilation, backend):
    """Value, gradient and all outputs, for examples near the point where the program is known to be tame."""
    (numbers, code, roots, duals), chosen, apply, batches, options = compilation
    recorded = list(map(Value, numbers))
    nodes = run(recorded, code, apply)
    roots = [root for root in roots if isinstance(nodes[root], Value)]
    assume(roots)
    w = [i for i in range(len(numbers)) if chosen[i]]
    x = [i for i in range(len(numbers)) if not chosen[i]]
    program = compile(
        [nodes[root] for root in roots],
        [recorded[i] for i in w],
        [recorded[i] for i in x],
        backend=backend,
        **options,
    )
    dtype, accuracy = options["dtype"], ACCURACY[options["dtype"]]
    parameters = np.array([numbers[i] for i in w], dtype)
    sizes = [1.0 + abs(float(duals[root].value)) + math.fsum(duals[root].sizes) for root in roots]

    def along(root):
        def f(parameters, example):
            leaves = {**dict(zip(w, parameters)), **dict(zip(x, example))}
            return run([leaves[i] for i in range(len(numbers))], code, apply)[root]

        return f

    for count in batches:
        shifts = 1e-3 * np.random.default_rng(count).standard_normal((count, len(x)))
        batch = (np.array([numbers[i] for i in x]) + shifts).astype(dtype)
        value, gradient = program(parameters, batch)
        outputs = program.evaluate(parameters, batch)
        assert (gradient.shape, outputs.shape) == ((len(w),), (count, len(roots)))
        assert gradient.dtype == outputs.dtype == dtype
        for k, (root, size) in enumerate(zip(roots, sizes)):
            values, gradients = eager(along(root), parameters, batch)
            assert np.abs(outputs[:, k] - values).max(initial=0.0) <= accuracy * size
            if k == 0:
                whole = 1 if options["reduce"] == "sum" else count or nan
                assert same(value, values.sum() / whole, accuracy, count * size)
                for got, right in zip(gradient, gradients.sum(axis=0) / whole, strict=True):
                    assert same(got, right, 10 * accuracy, count * size)


@given(compilations())
def test_random_graphs_as_arrays(compilation):
    check_compilation(compilation, "numpy")


@needs_llvmlite
@tries(20)
@given(compilations())
def test_random_graphs_as_native_code(compilation):
    check_compilation(compilation, "llvm")


@backends
@tries(3)
@given(compilation=compilations(batches=[1000]))
def test_random_graphs_for_a_thousand_examples(backend, compilation):
    check_compilation(compilation, backend)


# --- special values --------------------------------------------------------------------------------

COPIES = 9  # more than lanes in a vector


@slowly_in_native_code
@pytest.mark.parametrize("row", TABLE.values(), ids=lambda row: row.name)
def test_every_row_at_special_values(row, backend):
    """Each spot as an example of a batch; for the gradient as parameters, or added to them: −0 + x is x."""
    f, found = of_numbers(row), []
    count = len(flat_positions(row))
    places = spots(row)
    indices = [position == row.index for position in flat_positions(row)]  # which are inputs
    moved = lambda w, x: f([b if own else a + b for a, b, own in zip(w, x, indices)])
    zeros = [-0.0] * count
    batched = program_of(moved, count, count, [*zeros, *places[0]], backend=backend)
    programs = [(batched, lambda spot: (zeros, [spot] * COPIES))]
    if not any(indices):
        alone = program_of(lambda w, x: f(w), count, 0, backend=backend)
        programs.append((alone, lambda spot: (spot,)))

    def alike(got, right, accuracy):
        if backend == "jax":
            return same_in_xla(row, spot, got, right, accuracy)
        return same(got, right, accuracy, 1e-310)

    for spot, (got,) in zip(places, batched.evaluate(zeros, places), strict=True):
        leaves = [Value(float(number)) for number in spot]
        y = f(leaves)
        slopes = grad(y, leaves)
        if not (alike(got, y.data, 1e-13) and (got != 0 or same_sign(got, y.data))):
            found.append(("value", spot, got, y.data))
        for program, arguments in programs:
            value, gradient = program(*arguments(spot))
            if not (alike(value, y.data, 1e-13) or abs(y.data) * COPIES == inf):
                found.append(("value", spot, value, y.data))
            for got, right in zip(gradient, slopes, strict=True):
                if not (math.isnan(right) or alike(got, right, 1e-12)):
                    found.append(("slope", spot, got, right))
    assert found == []


@slowly_in_native_code
@pytest.mark.parametrize("length", [1, 2])
@pytest.mark.parametrize("row", TABLE.values(), ids=lambda row: row.name)
def test_every_row_of_constants_and_others(row, length, backend):
    """Each choice of the operands that are constants, elements of sequences too; the others shared by all."""
    f = of_numbers(row, length)
    spot = [low + 0.3 * (high - low) for low, high in (row.domain[i] for i in flat_positions(row, length))]
    for free in itertools.product([False, True], repeat=len(spot)):
        leaves = [Value(number) for number, is_free in zip(spot, free) if is_free]
        if not leaves:
            continue
        mixed = iter(leaves)
        y = f([next(mixed) if is_free else number for number, is_free in zip(spot, free)])
        numbers, slopes = [leaf.data for leaf in leaves], grad(y, leaves)
        if not (free[-1] and flat_positions(row, length)[-1] == row.index):  # which is an input
            value, gradient = compile(y, leaves, backend=backend)(numbers, np.empty((3, 0)))
            assert (value, *gradient) == pytest.approx((y.data, *slopes), rel=1e-12, abs=1e-300)
        found = compile(y, [], leaves, backend=backend).evaluate([], [numbers] * 3)
        assert found[:, 0] == pytest.approx(y.data, rel=1e-12, abs=1e-300)


EXPONENTS = [0.0, -0.0, 1.0, -1.0, 2.0, -2.0, 3.0, -3.0, 4.0, 2.5, 5e-324, 1e308, inf, -inf, nan]
EXPONENTS += [0.5, -0.5, 1.5, 1 / 3]


@slowly_in_native_code
@pytest.mark.parametrize("exponent", EXPONENTS)
def test_powers_with_an_exponent_that_is_known(exponent, backend):
    """They are computed as products where they can be; 0⁰ has derivative 0."""
    if backend == "jax" and exponent == 5e-324:
        with pytest.raises(GraphError, match=r"a constant nearer to 0 than 2\.23e-308, which XLA takes as 0"):
            program_of(lambda w, x: (w[0] + x[0]) ** exponent, 1, 1, backend=backend)
        return
    places = [[base] for base in SPECIAL]
    for row in (TABLE["pow"], TABLE["power"]):

        def f(w, x, row=row):
            return row(w[0] + x[0], exponent)

        program = program_of(f, 1, 1, backend=backend)
        values, gradients = eager(f, [-0.0], places)
        several = [program.evaluate([-0.0], places * times)[-len(places) :, 0] for times in (1, 400)]
        several.append([program.evaluate([-0.0], [place])[0, 0] for place in places])
        for *got, base, value, (slope,) in zip(*several, places, values, gradients):
            if backend == "jax":
                *got, value = map(as_xla_has_it, [*got, value])
            for one in got:
                assert same(one, value, 1e-13), base
                assert one != 0.0 or same_sign(one, value), base
            assert same(program([-0.0], [base])[1][0], slope, 1e-12), base


@backends
@pytest.mark.parametrize("exponent", [0.0, 1.0, 2.0, 3.0, 2.5, -1.0])
def test_a_gradient_that_is_a_graph_is_compiled_and_differentiated(exponent, backend):
    """Of (w x)ⁿ the slope n x (w x)ⁿ⁻¹ and its own by w; where n is 0 both are."""

    def slope(w, x):
        return grad((w[0] * x[0]) ** exponent, [w[0]], create_graph=True)[0] * x[0]

    places = [[1.0], [2.0], [0.25], [8.0]]
    values, gradients = eager(slope, [0.5], places)
    program = program_of(slope, 1, 1, backend=backend)
    np.testing.assert_allclose(program.evaluate([0.5], places)[:, 0], values, rtol=1e-14)
    np.testing.assert_allclose(program([0.5], places)[1], gradients.mean(axis=0), rtol=1e-14)
    expected = [exponent * x * x * (0.5 * x) ** (exponent - 1.0) for (x,) in places]
    np.testing.assert_allclose(values, expected, rtol=1e-14)


# --- the branch not taken --------------------------------------------------------------------------


@backends
@pytest.mark.parametrize("choice", CHOICES)
def test_the_branch_not_taken_is_not_differentiated(choice, backend):
    """In a batch in which some examples take it and others do not: it has no root there, no logarithm."""
    f = CHOICES[choice]
    values, gradients = eager(f, [0.75, 1.5], CORNERS)
    assert np.isfinite(gradients).all()
    program = program_of(f, 2, 2, reduce="sum", backend=backend)
    np.testing.assert_allclose(program.evaluate([0.75, 1.5], CORNERS)[:, 0], values, rtol=1e-14)
    _, gradient = program([0.75, 1.5], CORNERS)
    np.testing.assert_allclose(gradient, gradients.sum(axis=0), rtol=1e-13)
    for corner, slopes in zip(CORNERS, gradients):
        np.testing.assert_allclose(program([0.75, 1.5], [corner])[1], slopes, rtol=1e-13)


STEPS = {
    "sqrt": (1, sqrt),
    "log": (1, log),
    "exp": (1, exp),
    "reciprocal": (1, lambda a: 1.0 / a),
    "relu": (1, relu),
    "maximum": (2, maximum),
    "mul": (2, lambda a, b: a * b),
    "add": (2, lambda a, b: a + b),
    "where": (3, where),
    "where greater": (4, lambda a, b, c, d: where(greater(a, b), c, d)),
    "sum": (3, lambda *values: sum(values)),
    "dot": (4, lambda a, b, c, d: dot([a, b], [c, d])),
    "softmax": (3, lambda *values: softmax(values)[0]),
    "log_softmax": (3, lambda *values: log_softmax(values)[1]),
    "logsumexp": (3, lambda *values: logsumexp(values)),
}


@st.composite
def branching(draw):
    """Steps on recent nodes, every other one a choice, with nothing that keeps them within domains."""
    names = st.one_of(st.sampled_from(sorted(STEPS)), st.sampled_from(["where", "where greater"]))
    back = st.lists(st.integers(1, 7), min_size=4, max_size=4)
    steps = draw(st.lists(st.tuples(names, back), min_size=3, max_size=12))
    number = st.sampled_from([-2.0, -1.0, -0.0, 0.0, 0.5, 1.0, 2.0])
    rows = draw(st.lists(st.lists(number, min_size=4, max_size=4), min_size=1, max_size=9))

    def f(w, x):
        nodes = [*w, *x]
        for name, places in steps:
            count, step = STEPS[name]
            nodes.append(step(*[nodes[-place] for place in places[:count]]))
        return nodes[-1]

    return f, draw(st.lists(number, min_size=3, max_size=3)), rows


def check_branching(case, backend):
    f, parameters, batch = case
    program = program_of(f, 3, 4, reduce="sum", backend=backend)
    values, gradients = eager(f, parameters, batch)
    for got, right in zip(program.evaluate(parameters, batch)[:, 0], values, strict=True):
        assert same(got, right, 1e-12)
    finite = np.where(np.isfinite(gradients), np.abs(gradients), 0.0)
    for got, slopes, size in zip(program(parameters, batch)[1], gradients.T, finite.sum(axis=0)):
        if np.isfinite(slopes).all():
            assert same(got, slopes.sum(), 1e-12, finite.sum() + size)
        else:  # a matrix product gives inf · Σ xᵢ, and Σ inf · xᵢ may be nan
            assert not np.isfinite(got)
    for example, slopes in zip(batch, gradients):
        for got, right in zip(program(parameters, [example])[1], slopes, strict=True):
            assert same(got, right, 1e-12, finite.sum())


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")  # inf − inf, in the judge's own sums
@given(branching())
def test_random_choices_as_arrays(case):
    check_branching(case, "numpy")


@needs_llvmlite
@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")  # inf − inf, as above
@tries(15)
@given(branching())
def test_random_choices_as_native_code(case):
    check_branching(case, "llvm")


@backends
@tries(30)
@given(
    conditions=st.lists(st.sampled_from([-2.0, -1.0, 0.0, 1.0, 2.0]), min_size=2, max_size=9),
    terms=st.integers(1, 3),
)
def test_conditions_that_add_up_to_nothing_are_still_taken(backend, conditions, terms):
    """A branch is taken where its condition is not 0, whatever the conditions of a batch add up to."""

    def f(w, x):
        each = [where(sign * x[0], w[0] * w[1] + x[1], w[2] * w[2]) for sign in (1.0, -1.0, 3.0)[:terms]]
        return dot(each, [w[1]] * terms) + sum(each)

    parameters, batch = [0.7, -1.3, 0.4], [[condition, 0.5, 0.0, 0.0] for condition in conditions]
    check_branching((f, parameters, batch), backend)


# --- networks --------------------------------------------------------------------------------------

SIZES = [1, 7, 8, 9, 33]


def check_network(activation, loss, number, backend):
    """A network of random shape, features and targets as inputs."""
    rng = np.random.default_rng(number)
    features, outputs = rng.integers(1, 6), int(rng.integers(1 + (loss == "cross_entropy"), 5))
    model = MLP(
        int(features),
        [*rng.integers(2, 9, rng.integers(0, 3)).tolist(), outputs],
        activation=activation,
        output_activation="sigmoid" if loss == "binary_cross_entropy" else "linear",
        bias=bool(rng.integers(2)),
        seed=number,
    )
    leaves = model.parameters()
    for leaf in leaves:
        leaf.data += 0.1 * rng.standard_normal()

    def error(x, t):
        y = model(x)
        return LOSSES[loss](y, t[0] if isinstance(y, Value) else t)

    x = [Value(0.1 * i) for i in range(features)]
    t = [Value(float(number)) for number in targets_for(loss, (1, outputs), rng)[0]]
    program = compile(error(x, t), leaves, x + t, backend=backend)
    count = SIZES[number % len(SIZES)]
    X, T = rng.standard_normal((count, features)), targets_for(loss, (count, outputs), rng)
    losses = [error(*map(np.ndarray.tolist, example)) for example in zip(X, T)]
    gradients = np.array([grad(each, leaves) for each in losses])
    value, gradient = program([leaf.data for leaf in leaves], np.hstack([X, T]))
    assert value == pytest.approx(math.fsum(each.data for each in losses) / count, rel=1e-12)
    size = np.abs(gradients).mean(axis=0)
    assert (np.abs(gradient - gradients.mean(axis=0)) <= 1e-12 * (size + 1e-3 * size.max())).all()


@pytest.mark.parametrize("loss", LOSSES)
def test_networks_as_arrays(loss):
    for number, activation in enumerate(ACTIVATIONS):
        check_network(activation, loss, number, "numpy")


@needs_llvmlite
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_networks_as_native_code(activation):
    """Each activation with two losses, so that all losses are there."""
    number = list(ACTIVATIONS).index(activation)
    for loss in (2 * number, 2 * number + 1):
        check_network(activation, list(LOSSES)[loss % len(LOSSES)], number, "llvm")


# --- what vectorizing can meet --------------------------------------------------------------------------


@slowly_in_native_code
@pytest.mark.parametrize("layout", LAYOUTS)
def test_operands_may_lie_in_any_way(layout, backend):
    f, count, inputs = LAYOUTS[layout]
    rng = np.random.default_rng(0)
    parameters, batch = rng.uniform(0.2, 1.0, count), rng.uniform(-1.0, 1.0, (9, inputs))
    values, gradients = eager(f, parameters, batch)
    program = program_of(f, count, inputs, backend=backend)
    for examples in (1, 9):
        value, gradient = program(parameters, batch[:examples])
        assert value == pytest.approx(values[:examples].mean(), rel=1e-13, abs=1e-14)
        right = gradients[:examples].mean(axis=0)
        np.testing.assert_allclose(gradient, right, rtol=1e-13, atol=1e-14 * np.abs(gradients).max())
    np.testing.assert_allclose(program.evaluate(parameters, batch)[:, 0], values, rtol=1e-13, atol=1e-14)


@backends
@pytest.mark.parametrize("sizes", [(12, 40, 24, 3), (70, 17, 5)], ids=str)
def test_wide_networks(sizes, backend):
    """So large that native code has loops; batches with and without a remainder."""
    model = MLP(sizes[0], list(sizes[1:]), activation="tanh", seed=0)
    leaves, x = model.parameters(), [Value(0.0) for _ in range(sizes[0])]
    program = compile(-log_softmax(model(x))[1], leaves, x, backend=backend)
    batch = np.random.default_rng(0).standard_normal((33, sizes[0]))
    losses = [-log_softmax(model(example.tolist()))[1] for example in batch]
    gradients = np.array([grad(loss, leaves) for loss in losses])
    for count in (3, 8, 33):
        value, gradient = program([leaf.data for leaf in leaves], batch[:count])
        assert value == pytest.approx(math.fsum(loss.data for loss in losses[:count]) / count, rel=1e-13)
        np.testing.assert_allclose(gradient, gradients[:count].mean(axis=0), rtol=1e-12, atol=1e-15)
