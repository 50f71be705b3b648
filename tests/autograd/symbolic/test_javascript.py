"""Every row of the table as JavaScript: its numbers and partials in V8 are the engine's."""

import inspect
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd import exp, primitive, where
from autograd.engine.primitives import TABLE
from autograd.symbolic import Apply, row_script
from tests.support.oracle import indexed
from tests.support.profiles import tries
from tests.support.v8 import V8, literal, ulps

NEAREST = 4.0  # units in the last place of a number; of a partial some more, by 1e-12
SPECIAL = [
    0.0,
    -0.0,
    1.0,
    -1.0,
    0.5,
    2.0,
    3.0,
    math.inf,
    -math.inf,
    math.nan,
    1e-300,
    -1e300,
    1e300,
    710.0,
    -745.0,
]
LENGTH = 3


# By the name of a row the position of an exponent: from 2⁵³ on whether it is odd is lost in n − 1.
EXPONENTS = {"pow": 1, "power": 1, "monomial": 2}


def arity(row):
    return [LENGTH if position in row.vectors else None for position in range(len(row.domain))]


@st.composite
def operands(draw, row):
    """Operands within the domain that the row states, or at the edges of floats, or at its kinks."""
    kinks = [list(kink) for kink in row.kinks if len(kink) == len(row.domain) and not row.vectors]
    if kinks and draw(st.integers(0, 9)) == 0:
        return draw(st.sampled_from(kinks))

    def number(position):
        low, high = row.domain[position]
        if row.name == "monomial" and position == 3:  # how often a power was differentiated
            return draw(st.sampled_from([0.0, 1.0, 2.0, 3.0]))
        usual = st.floats(low, high, allow_subnormal=False)
        exponent = EXPONENTS.get(row.name) == position
        special = [x for x in SPECIAL if not exponent or not 1e16 < abs(x) < math.inf]
        return draw(st.one_of(usual, usual, st.sampled_from(special)))

    args = [
        [number(position) for _ in range(LENGTH)] if length else number(position)
        for position, length in enumerate(arity(row))
    ]
    return indexed(row, args, draw(st.integers(0, LENGTH - 1)))


def flat_partials(row, y, args):
    with np.errstate(all="ignore"):
        partials = row.partials_at(y, *args)
    for arg, partial in zip(args, partials):
        if isinstance(arg, list):
            yield from map(float, np.broadcast_to(np.asarray(partial, dtype=float), len(arg)))
        else:
            yield float(partial)


def counts(row):
    """How many operands a node of the row can have: those with a default may be left out."""
    fewest = sum(each.default is each.empty for each in inspect.signature(row.forward).parameters.values())
    return range(fewest, len(row.domain) + 1)


CASES = [(name, count) for name, row in TABLE.items() for count in counts(row)]


@pytest.fixture(scope="module")
def v8():
    rows = [row_script(TABLE[name], arity(TABLE[name])[:count]) for name, count in CASES]
    return V8("rows.ROWS", rows=rows)


def test_operands_that_may_be_left_out_are_left_out():
    assert ("dot", 2) in CASES
    assert ("dot", 3) in CASES


@pytest.mark.parametrize(("name", "count"), CASES)
def test_numbers_and_partials_are_the_engines(v8, name, count):
    row = TABLE[name]
    place = CASES.index((name, count))

    @tries(8)
    @given(st.lists(operands(row).map(lambda drawn: drawn[:count]), min_size=8, max_size=24))
    def compare(points):
        with np.errstate(all="ignore"):
            expected = [float(row.evaluate(*args)) for args in points]
        calls = zip(expected, points)
        asked = ", ".join(
            f"[row.forward({a}), row.partials({literal(y)}, {a})]"
            for y, a in ((y, ", ".join(map(literal, args))) for y, args in calls)
        )
        found = v8.numbers(f"((row) => [{asked}])(ROWS[{place}])")
        for (y, partials), right, args in zip(found, expected, points, strict=True):
            if name in ("logsumexp", "logaddexp"):  # where Σ eᵛ is 1 the digits cancel
                largest = max(1.0, *map(abs, args[0] if row.vectors else args))
                assert ulps(y, right) <= NEAREST or abs(y - right) <= 4e-16 * largest, args
            else:
                assert ulps(y, right) <= NEAREST, args
            for partial, exact in zip(partials, flat_partials(row, right, args), strict=True):
                assert partial == pytest.approx(exact, rel=1e-12, abs=5e-323, nan_ok=True), args

    compare()


def test_rows_of_ones_own_are_read_if_they_are_arithmetic():
    cube = primitive(lambda y, x: (3.0 * x * x,), name="cube_for_a_page", domain=((-5.0, 5.0),))(
        lambda x: x**3
    )
    bump = primitive(
        lambda y, x, c: (-2.0 * c * x * y, -x * x * y), name="bump_for_a_page",
        domain=((-2.0, 2.0), (0.0, 1.0)), expansion=lambda x, c: exp(-c * x * x),
    )(lambda x, c: math.exp(-c * x * x))  # fmt: skip
    v8 = V8("rows.ROWS", rows=[row_script(cube, [None]), row_script(bump, [None, None])])
    assert v8.numbers("[ROWS[0].forward(-2), ROWS[0].partials(-8, -2)]") == [-8.0, [12.0]]
    y = bump.forward(0.5, 2.0)
    assert v8.numbers(f"[ROWS[1].forward(0.5, 2), ROWS[1].partials({y!r}, 0.5, 2)]") == [
        pytest.approx(y), pytest.approx([-2.0 * y, -0.25 * y]),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "forward",
    [
        lambda x: x if x > 0.0 else 0.0,
        lambda x: x if x else 1.0,
        lambda x: 1.0 if x == 0.0 else x,
        lambda x: math.sin(x),
        lambda x: float(x),
        lambda x: [x, x][int(x)],
        lambda x: max(x, 0.0),
        lambda x: np.sin(x),
    ],
)
def test_what_decides_by_numbers_is_refused_by_name(forward):
    name = f"decides_{len(TABLE)}"
    row = primitive(lambda y, x: (1.0,), name=name, domain=((0.5, 2.0),))(forward)
    with pytest.raises(ValueError, match=f"'{name}' has no form for a page.*expansion= or native="):
        row_script(row, [None])


def test_partials_that_decide_are_refused_by_name():
    name = f"partials_decide_{len(TABLE)}"
    row = primitive(
        lambda y, x: (1.0 if getattr(x, "data", x) > 0 else 0.0,), name=name, domain=((0.5, 2.0),)
    )(lambda x: 1.0 * x)
    with pytest.raises(ValueError, match=f"partials of the primitive '{name}'.*where"):
        row_script(row, [None])


def test_where_reads_one_branch_and_says_so():
    assert "select: true" in row_script(TABLE["where"], [None] * 3)
    assert "select" not in row_script(TABLE["maximum"], [None] * 2)
    assert where.__name__ == "where"


@pytest.mark.parametrize("name", ["softmax", "log_softmax", "logsumexp", "softmax_share"])
def test_what_all_partials_share_is_made_once(name, monkeypatch):
    row = TABLE[name]
    made = 0
    first = Apply.__init__

    def counted(self, *args):
        nonlocal made
        made += 1
        first(self, *args)

    monkeypatch.setattr(Apply, "__init__", counted)

    def work(n):
        nonlocal made
        made = 0
        row_script(row, [n if position in row.vectors else None for position in range(len(row.domain))])
        return made

    assert work(80) < 2.2 * work(40)
