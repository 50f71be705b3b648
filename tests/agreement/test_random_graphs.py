"""Random graphs over the whole table: every route gives the same answer, and the answer is right.

`ROUTES` and `SECOND_ROUTES` list the ways to a gradient and to second derivatives; another joins as a line.

The engine runs a program, and interpreters that share no code with it judge: the duals of
`tests.support.random_graphs`, and exact integers for polynomials.
"""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autograd import (
    GradcheckError,
    Value,
    compile,
    grad,
    gradcheck,
    hessian,
    hvp,
    jacobian,
    jvp,
    value_and_grad,
)
from autograd.engine.replay import Passes
from tests.support.compiled import needs_llvmlite
from tests.support.oracle import exactly, flatten, mpf
from tests.support.profiles import tries
from tests.support.random_graphs import (
    ROWS,
    Dual,
    apply_dual,
    as_value,
    leaf_duals,
    programs,
    record,
    record_by_operators,
    record_in_vectors,
    run,
)


def close(got, exact, size, accuracy=1e-10):
    """Within rounding, amplified by at most the steepness and the curvature of the graph."""
    return got == pytest.approx(float(exact), rel=accuracy, abs=accuracy / 10 * (1 + size))


def program_function(code, root, apply):
    """The program as a function of its leaves."""
    return lambda *leaves: as_value(run(leaves, code, apply)[root])


def units(n):
    return [[float(i == j) for i in range(n)] for j in range(n)]


def by_backward(f, point):
    leaves = list(map(Value, point))
    f(*leaves).backward()
    return [leaf.grad for leaf in leaves]


def by_forward_mode(f, point):
    return [jvp(f, point, unit)[1] for unit in units(len(point))]


def by_the_tangent_of_a_gradient(f, point):
    """J·v is linear in v: its derivative by v is J. Forward mode is recorded, then swept in reverse."""
    vector = [Value(0.5) for _ in point]
    return grad(jvp(f, point, vector, create_graph=True)[1], vector)


def by_differences(f, point):
    """Central differences of the engine's own values at two steps, extrapolated once."""

    def quotient(j, h):
        ahead, behind = (
            f(*[Value(x + sign * h * (i == j)) for i, x in enumerate(point)]) for sign in (1, -1)
        )
        return (ahead.data - behind.data) / (2 * h)

    return [(4 * quotient(j, 1e-4) - quotient(j, 2e-4)) / 3 for j in range(len(point))]


def output_of(f, leaves):
    """What does not depend on the leaves is no program of theirs; it is 0 times them then."""
    y = f(*leaves)
    return y if y.op else 0.0 * leaves[0]


def by_a_program(backend):
    """The leaves are the parameters."""

    def route(f, point):
        leaves = list(map(Value, point))
        return compile(output_of(f, leaves), leaves, backend=backend)(point)[1]

    return route


def by_steps(f, point):
    """As `explore` goes through a graph, term by term, here with other numbers than it was recorded with."""
    leaves = [Value(number + 0.25) for number in point]
    output = as_value(f(*leaves))
    passes = Passes(output)
    grads = passes.run(dict(zip(leaves, point, strict=True))).grads
    return [grads[passes.index[leaf]] if leaf in passes.index else 0.0 for leaf in leaves]


def by_compiled_rows(backend):
    """As the second of two outputs, by parameters."""

    def slopes(f, point):
        leaves = list(map(Value, point))
        program = compile([leaves[0] * 2.0, output_of(f, leaves)], leaves, backend=backend)
        return program.jacobian(point)[0, 1].tolist()

    return slopes


def by_compiled_tangents(backend):
    """By inputs: a batch of one point, with another direction for each."""

    def slopes(f, point):
        leaves = list(map(Value, point))
        program = compile(output_of(f, leaves), [], leaves, backend=backend)
        _, tangents = program.jvp([], [point] * len(point), np.eye(len(point)), "inputs")
        return tangents[:, 0].tolist()

    return slopes


# Every way to the gradient of a function at a point, and how close it comes: a new one is a new line.
ROUTES = {
    "backward": (by_backward, 1e-10),
    "grad": (lambda f, point: value_and_grad(f)(*point)[1], 1e-10),
    "recorded gradient": (lambda f, point: value_and_grad(f, create_graph=True)(*point)[1], 1e-10),
    "forward mode": (by_forward_mode, 1e-10),
    "recorded forward mode, in reverse": (by_the_tangent_of_a_gradient, 1e-10),
    "jacobian, forward": (
        lambda f, point: [row[0] for row in zip(*jacobian(lambda *x: [f(*x)] * 5, point))],
        1e-10,
    ),
    "step by step": (by_steps, 1e-10),
    "compiled to arrays": (by_a_program("numpy"), 1e-10),
    "compiled jacobian": (by_compiled_rows("numpy"), 1e-10),
    "compiled jvp": (by_compiled_tangents("numpy"), 1e-10),
    "central differences": (by_differences, 1e-6),
}
# Compiling takes so long that this one goes fewer graphs.
NATIVE = {
    "compiled to native code": (by_a_program("llvm"), 1e-10),
    "native jacobian": (by_compiled_rows("llvm"), 1e-10),
}


def check_routes(program, routes, spellings):
    numbers, code, roots, duals = program
    exact = duals[roots[0]]
    for apply in spellings:
        nodes = list(map(as_value, run(list(map(Value, numbers)), code, apply)))
        for node, dual in zip(nodes, duals, strict=True):
            assert close(node.data, dual.value, abs(float(dual.value)) + sum(dual.sizes))
        f = program_function(code, roots[0], apply)
        for name, (route, accuracy) in routes.items():
            got = [slope.data if isinstance(slope, Value) else slope for slope in route(f, numbers)]
            for slope, right, size in zip(got, exact.slopes, exact.sizes, strict=True):
                assert close(slope, right, size * 100, accuracy), (name, got)


@given(programs())
def test_every_route_gives_the_gradient_of_the_reference(program):
    """However the graph is recorded, whichever way it is swept; the reference is forward mode in mpmath."""
    check_routes(program, ROUTES, (record, record_in_vectors, record_by_operators))


@needs_llvmlite
@tries(25)
@given(programs())
def test_native_code_gives_the_gradient_of_the_reference(program):
    check_routes(program, NATIVE, (record,))


@given(programs())
def test_several_roots_add_up_on_the_leaves(program):
    """One backward per root: the leaves hold the sum, whatever the roots share."""
    numbers, code, roots, _ = program
    leaves = list(map(Value, numbers))
    nodes = list(map(as_value, run(leaves, code, record)))
    each = [grad(nodes[root], leaves) for root in roots]
    for root in roots:
        nodes[root].backward()
    for j, leaf in enumerate(leaves):
        shares = [slopes[j] for slopes in each]
        size = math.fsum(map(abs, shares))
        assert leaf.grad == pytest.approx(math.fsum(shares), rel=1e-12, abs=1e-13 * size)


SMOOTH = ["add", "sub", "mul", "div", "neg", "exp", "sin", "tanh", "log", "sigmoid", "softplus", "dot", "sum",
          "mean", "logsumexp", "softmax", "log_softmax", "power", "sqrt"]  # fmt: skip


def reverse_over_reverse(f, point):
    leaves = list(map(Value, point))
    return [grad(slope, leaves) for slope in grad(f(*leaves), leaves, create_graph=True)]


def reverse_over_forward(f, point):
    leaves = list(map(Value, point))
    return [grad(jvp(f, leaves, unit, create_graph=True)[1], leaves) for unit in units(len(point))]


def forward_over_forward(f, point):
    def slope(unit):
        return lambda *x: jvp(f, x, unit, create_graph=True)[1]

    return [[jvp(slope(one), point, other)[1] for other in units(len(point))] for one in units(len(point))]


def by_compiled_hessian(backend):
    """By inputs in a batch of three, of which the middle one counts, and by parameters."""

    def hessians(f, point):
        leaves = list(map(Value, point))
        y = output_of(f, leaves)
        batch = np.array([[0.5] * len(point), point, [0.25] * len(point)])
        by_inputs = compile(y, [], leaves, backend=backend).hessian([], batch, "inputs")[1, 0]
        by_parameters = compile(y, leaves, backend=backend).hessian(point)[0, 0]
        assert by_parameters == pytest.approx(by_inputs, rel=1e-9, abs=1e-9 * (1 + np.abs(by_inputs).max()))
        return by_inputs

    return hessians


def by_compiled_products(backend):
    """The rows of the Hessian one by one, as products with unit vectors; one for each example."""

    def hessians(f, point):
        leaves = list(map(Value, point))
        program = compile(output_of(f, leaves), [], leaves, backend=backend)
        return program.hvp([], [point] * len(point), np.eye(len(point)), "inputs")[:, 0]

    return hessians


# Every way to the second derivatives.
SECOND_ROUTES = {
    "hessian": hessian,
    "recorded hessian": lambda f, point: hessian(f, point, create_graph=True),
    "reverse over reverse": reverse_over_reverse,
    "forward over reverse": lambda f, point: [hvp(f, point, unit) for unit in units(len(point))],
    "reverse over forward": reverse_over_forward,
    "forward over forward": forward_over_forward,
    "compiled hessian": by_compiled_hessian("numpy"),
    "compiled hvp": by_compiled_products("numpy"),
}
SECOND_NATIVE = {
    "native hessian": by_compiled_hessian("llvm"),
    "native hvp": by_compiled_products("llvm"),
}


@given(programs(names=SMOOTH, size=6))
def test_every_second_route_gives_the_derivative_of_the_reference(program):
    check_second_routes(program, SECOND_ROUTES)


@needs_llvmlite
@settings(max_examples=20)
@given(programs(names=SMOOTH, size=6))
def test_native_code_gives_the_second_derivative_of_the_reference(program):
    check_second_routes(program, SECOND_NATIVE)


def check_second_routes(program, routes):
    """∂²/∂xᵢ∂xⱼ for all i and j, against mpmath's difference of the forward-mode slope."""
    numbers, code, roots, duals = program
    n, root = len(numbers), roots[0]

    def slopes(j, t):
        nodes = leaf_duals([*numbers[:j], t, *numbers[j + 1 :]])
        for name, args in code:
            operands = [
                [nodes[k] for k in arg] if isinstance(arg, list)
                else Dual(mpf(arg), [mpf(0)] * n, [0.0] * n) if isinstance(arg, float) else nodes[arg]
                for arg in args
            ]  # fmt: skip
            nodes.append(apply_dual(name, operands, n))
        return nodes[root].slopes

    h = mpf(10) ** -15  # at 50 digits an error of 10⁻³⁰, times the fourth derivative
    exact = [
        [float((ahead - behind) / (2 * h)) for ahead, behind in zip(slopes(j, x + h), slopes(j, x - h))]
        for j, x in enumerate(map(mpf, numbers))
    ]
    sizes = [1 + size for size in duals[root].sizes]
    f = program_function(code, root, record)
    for name, route in routes.items():
        got = [[x.data if isinstance(x, Value) else x for x in row] for row in route(f, numbers)]
        for j in range(n):
            for i in range(n):
                allowed = 1e-10 * sizes[i] * sizes[j]
                assert got[j][i] == pytest.approx(exact[j][i], rel=1e-9, abs=allowed), (name, i, j)


@tries(40)
@given(programs(size=8))
def test_gradcheck_agrees_on_random_graphs(program):
    """With all outputs, of which some share nodes, and none of them too coarse to judge but for a 0."""
    numbers, code, roots, duals = program
    try:
        report = gradcheck(lambda *leaves: [run(leaves, code, record)[root] for root in roots], numbers)
    except GradcheckError as error:
        report = error.report
    assert not report.wrong, report
    assert len(report.checks) == len(roots) * len(numbers)
    # Only of what does not change at all, such as x/√(x² + x²), the values may not tell that it is 0.
    sizes = [size for root in roots for size in duals[root].sizes]
    for check, size in zip(report.checks, sizes, strict=True):
        slope = abs(check.analytic)
        assert check.right or slope <= check.error or slope <= 1e-13 * size, report


# --- polynomials, exactly --------------------------------------------------------------------------

POLYNOMIAL = ["add", "sub", "mul", "neg", "sum", "dot"]


@st.composite
def polynomials(draw):
    leaves = draw(st.lists(st.integers(-5, 5), min_size=1, max_size=4))
    code = []
    for k in range(draw(st.integers(1, 12))):
        node = st.integers(0, len(leaves) + k - 1)
        name = draw(st.sampled_from(POLYNOMIAL))
        several = st.lists(node, min_size=3, max_size=3)
        shapes = {"neg": [node], "sum": [several], "dot": [several, several, node]}
        code.append((name, [draw(argument) for argument in shapes.get(name, [node, node])]))
    return leaves, code


def exact_polynomial(leaves, code):
    """Values and gradients in Python's integers, by forward mode; and the largest number met on the way."""
    n = len(leaves)
    nodes = [(x, [int(i == j) for j in range(n)], [int(i == j) for j in range(n)], abs(x))
             for i, x in enumerate(leaves)]  # fmt: skip

    def linear(terms):
        """Σ cᵢ vᵢ with the size of the terms, for (c, node) pairs."""
        return (
            sum(c * v[0] for c, v in terms),
            [sum(c * v[1][j] for c, v in terms) for j in range(n)],
            [sum(abs(c) * v[2][j] for c, v in terms) for j in range(n)],
            sum(abs(c) * v[3] for c, v in terms),
        )

    def product(a, b):
        return (
            a[0] * b[0],
            [a[0] * db + b[0] * da for da, db in zip(a[1], b[1])],
            [a[3] * db + b[3] * da for da, db in zip(a[2], b[2])],
            a[3] * b[3],
        )

    for name, args in code:
        a = [[nodes[i] for i in arg] if isinstance(arg, list) else nodes[arg] for arg in args]
        if name == "add":
            result = linear([(1, a[0]), (1, a[1])])
        elif name == "sub":
            result = linear([(1, a[0]), (-1, a[1])])
        elif name == "neg":
            result = linear([(-1, a[0])])
        elif name == "mul":
            result = product(*a)
        elif name == "sum":
            result = linear([(1, each) for each in a[0]])
        else:
            products = [product(w, x) for w, x in zip(a[0], a[1])]
            result = linear([(1, each) for each in [*products, a[2]]])
        nodes.append(result)
    return nodes


@given(polynomials())
def test_polynomials_are_exact(program):
    """Small integers: value and gradient equal the exact ones to the last bit, by every route."""
    numbers, code = program
    nodes = exact_polynomial(numbers, code)
    if max(max([node[3], *node[2]]) for node in nodes) >= 2**52:
        code = code[:3]
        nodes = exact_polynomial(numbers, code)
    if max(max([node[3], *node[2]]) for node in nodes) >= 2**52:
        return
    for apply in (record, record_in_vectors, record_by_operators):
        leaves = list(map(Value, numbers))
        recorded = run(leaves, code, apply)
        assert [node.data for node in recorded] == [node[0] for node in nodes]
        y = recorded[-1]
        assert grad(y, leaves) == nodes[-1][1]
        assert [each.data for each in grad(y, leaves, create_graph=True)] == nodes[-1][1]
        assert by_forward_mode(program_function(code, -1, apply), list(map(float, numbers))) == nodes[-1][1]
        y.backward()
        y.backward()
        assert [2 * slope for slope in nodes[-1][1]] == [leaf.grad for leaf in leaves]


@pytest.mark.slow
def test_the_programs_reach_the_whole_table():
    """The generator is not so careful that it leaves a row out, nor always makes trees."""
    seen, shared, deepest = set(), 0, 0

    @settings(max_examples=400)
    @given(programs())
    def collect(program):
        nonlocal shared, deepest
        _, code, _, _ = program
        seen.update(name for name, _ in code)
        used = [i for _, args in code for i in flatten(args) if not isinstance(i, float)]
        shared += len(used) - len(set(used))
        deepest = max(deepest, len(code))

    collect()
    assert sorted(set(ROWS) - seen) == []
    assert shared > 100
    assert deepest > 10


def test_the_reference_is_right_by_hand():
    """A test of the test: x·sin(x) + max(x, y) at (2, 1)."""
    code = [("sin", (0,)), ("mul", (0, 2)), ("maximum", (0, 1)), ("add", (3, 4))]
    nodes = leaf_duals([2.0, 1.0])
    for name, args in code:
        nodes.append(apply_dual(name, [nodes[i] for i in args], 2))
    assert float(nodes[-1].value) == pytest.approx(2 * math.sin(2) + 2, rel=1e-15)
    assert list(map(float, nodes[-1].slopes)) == pytest.approx([math.sin(2) + 2 * math.cos(2) + 1, 0.0])
    assert exactly([1.0, [2.0]]) == [mpf(1), [mpf(2)]]
