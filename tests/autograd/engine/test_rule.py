"""`Rule`: what is read off a row's functions is what they compute, to the last bit."""

import math
import operator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd import Value, primitive, sequence
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
    assert {row.name for row in OPERATORS} == {"add", "sub", "mul", "div", "dot", "relu"}
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
    if row.method and len(given) == 2:
        assert repr(getattr(operator, row.method)(*given).data) == repr(node.data)


@pytest.mark.parametrize("row", OPERATORS, ids=lambda row: row.name)
@given(st.data())
def test_what_is_swept_is_the_partials_of_the_row(row, data):
    """Where the sweep knows them without calling the rule: the same bits, also of what is not finite."""
    args = data.draw(arguments(row))
    given = [sequence(list(map(Value, arg))) if isinstance(arg, list) else Value(arg) for arg in args]
    node = row(*given)
    node.backward()
    for operand, partial in zip(given, row.partials_at(node.data, *args), strict=True):
        if isinstance(operand, tuple):
            assert [repr(each.grad) for each in operand] == [repr(slope + 0.0) for slope in partial]
        else:
            assert repr(operand.grad) == repr(partial + 0.0)  # what a sum begins with is 0, never -0


@pytest.mark.parametrize("row", OPERATORS, ids=lambda row: row.name)
def test_the_partials_of_a_user_are_his(row):
    """A row of his own has the forward rule of one of ours, and other partials."""
    slopes = tuple(2.0 + i for i in range(len(row.domain)))
    own = primitive(lambda y, *args: slopes[: len(args)], name="his_own", vectors=row.vectors)(row.forward)
    try:
        given = [
            sequence([3.0, Value(-1.0)]) if i in row.vectors else Value(5.0) for i in range(len(row.domain))
        ]
        own(*given).backward()
        assert [arg[1].grad if isinstance(arg, tuple) else arg.grad for arg in given] == list(slopes)
    finally:
        TABLE.pop("his_own")
