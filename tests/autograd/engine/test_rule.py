"""`Rule`: what is read off a row's functions is what they compute, to the last bit."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd import Value, sequence
from autograd.engine.primitives import TABLE
from autograd.engine.rule import COMPUTED, CONSTANT

NUMBERS = st.floats() | st.sampled_from([0.0, -0.0, 1.0, math.inf, -math.inf, math.nan])
COPYING = [row for row in TABLE.values() if row.left != COMPUTED]
OPERATORS = [row for row in TABLE.values() if row.arithmetic]


def arguments(row):
    """Numbers for the row, lists of three for sequences."""
    return st.tuples(
        *[
            st.lists(NUMBERS, min_size=3, max_size=3) if i in row.vectors else NUMBERS
            for i in range(len(row.domain))
        ]
    )


def test_the_rows_that_programs_consist_of_are_read():
    """So a change of the reading that finds less is seen, not only one that finds what is wrong."""
    assert {row.name for row in OPERATORS} == {"add", "sub", "mul", "div", "dot"}
    assert {"add", "sub", "mul", "neg", "exp", "sum", "dot"} <= {row.name for row in COPYING}
    assert "div" not in {row.name for row in COPYING}


@pytest.mark.parametrize("row", COPYING, ids=lambda row: row.name)
@given(st.data())
def test_what_is_copied_is_the_partial(row, data):
    args = data.draw(arguments(row))
    y = data.draw(NUMBERS)
    sides = (row.left, row.by_left), (row.right, row.by_right)
    for partial, (source, constant) in zip(row.partials(y, *args), sides, strict=False):
        assert repr(partial) == repr(constant if source == CONSTANT else (y, *args)[source])


@pytest.mark.parametrize("row", OPERATORS, ids=lambda row: row.name)
@given(st.data())
def test_what_is_recorded_is_the_forward_rule(row, data):
    """Of nodes as of floats: the same bits, also of what is not finite."""
    args = data.draw(arguments(row))
    given = [sequence(list(map(Value, arg))) if isinstance(arg, list) else Value(arg) for arg in args]
    node = row(*given)
    assert repr(node.data) == repr(row.evaluate(*args))
    if not row.vectors:
        again = {
            "add": lambda a, b: a + b,
            "sub": lambda a, b: a - b,
            "mul": lambda a, b: a * b,
            "div": lambda a, b: a / b,
        }[row.name]
        assert repr(again(*given).data) == repr(node.data)


def test_a_users_rule_is_not_run_before_its_time():
    """What it depends on may not exist yet, or change: only the table's own rules are read."""
    from autograd import primitive

    asked = []

    @primitive(partials=lambda y, x: asked.append(x) or y)
    def itself(x):
        return x

    assert asked == []
    assert itself.left == COMPUTED
    x = Value(3.0)
    itself(x).backward()
    assert (x.grad, asked) == (3.0, [3.0])


def test_a_row_is_frozen():
    """What was read off it would not follow."""
    for name in ("partials", "forward", "left", "arithmetic"):
        with pytest.raises(AttributeError):
            setattr(TABLE["mul"], name, None)
