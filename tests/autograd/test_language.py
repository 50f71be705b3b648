"""Expressions that people type: what they come to by Python's own arithmetic; what is refused, and where."""

import builtins
import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd import Value
from autograd.command import ExpressionError, parse, parse_number
from autograd.language import FUNCTIONS, LONGEST


def value(text, **numbers):
    return parse(text).record(numbers)[0].data


def refusal(text, **numbers):
    with pytest.raises(ExpressionError) as caught:
        value(text, **numbers)
    return caught.value


NUMBERS = {"x": 0.75, "y": -1.25, "w1": 2.0}
LEAVES = st.sampled_from([*NUMBERS, "2", "0.5", "1e-3", "pi", "0x10", "1_0"])


def longer(inner):
    pair = st.tuples(inner, inner)
    return st.one_of(
        st.builds("({0[0]}{1}{0[1]})".format, pair, st.sampled_from([" + ", "-", "*", " /  "])),
        st.builds("{0[0]}+{0[1]}".format, pair),
        st.builds("-{}".format, inner),
        st.builds("({})**2".format, inner),
        st.builds("sin({})".format, inner),
        st.builds("max({0[0]}, {0[1]})".format, pair),
        st.builds("abs({})".format, inner),
    )


@given(st.recursive(LEAVES, longer, max_leaves=12))
def test_values_are_those_of_python(text):
    names = {**NUMBERS, "pi": math.pi, "sin": math.sin, "max": max, "abs": abs}
    try:
        expected = eval(text, {"__builtins__": {}}, names)
    except (ZeroDivisionError, OverflowError):
        return
    used = {name: NUMBERS[name] for name in parse(text).names}
    assert math.isclose(value(text, **used), expected, rel_tol=1e-12, abs_tol=1e-300)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1/0", math.inf),
        ("9**9**9", math.inf),
        ("0/0", math.nan),
        ("-2**2", -4.0),
        ("7 // 2 + 7 % 4", 6.0),
        ("2 > 1", 1.0),
        ("2 < 1", 0.0),
        ("where(2 > 1, 5, 6)", 5.0),
        ("sum(1, 2, 3) + sum([4, 5]) + mean([1, 3])", 17.0),
        ("dot([1, 2], [3, 4], 5) + dot([1], [2])", 18.0),
        ("norm(3, 4)", 5.0),
        ("ln(e)", 1.0),
        ("leaky_relu(-2, 0.5)", -1.0),
        ("σ(0)", 0.5),
        ("a = 2; b = a*a\nb + a", 6.0),
        ("pi = 3; pi", 3.0),
        ("a = 1; a = a + 1; a", 2.0),
        ("s = 0\nfor i in range(2): t = [i,\n1]; s = s + t[1]\ns", 2.0),  # brackets over two lines
    ],
)
def test_values(text, expected):
    assert value(text) == expected or (math.isnan(value(text)) and math.isnan(expected))


def test_a_name_given_a_number_is_no_constant():
    assert value("e + pi", e=1.0) == 1 + math.pi


def test_the_graph_is_the_one_that_is_written():
    output, leaves = parse("h = w*a; 0.5*(t - sigmoid(h))**2").record({"t": 1.0, "w": 0.5, "a": 2.0})
    assert list(leaves) == ["t", "w", "a"]
    h = leaves["w"] * leaves["a"]
    by_hand = 0.5 * (leaves["t"] - h.sigmoid()) ** 2
    assert output.data == by_hand.data
    squared = next(p for p in output.parents if p.parents)
    sigmoid = squared.parents[0].parents[1]
    assert (sigmoid.op, sigmoid.parents[0].label, sigmoid.parents[0].op) == ("sigmoid", "h", "mul")


def test_an_alias_keeps_its_first_name_and_a_number_gets_one():
    output, leaves = parse("y = x; k = 2*3; y*k").record({"x": 5.0})
    assert [parent.label for parent in output.parents] == ["x", "k"]
    assert output.parents[0] is leaves["x"]


@pytest.mark.parametrize(
    ("text", "reason", "column"),
    [
        ("(a + b) ^ 2", "write a power as **", 8),
        ("x + sinn(x)", "no function sinn; did you mean sin?", 4),
        ("2(x)", "write a product with *", 1),
        ("x + y.z", "functions have plain names", 5),
        ("x[0]", "only lists have elements", 1),
        ("x if y else z", "where(condition, a, b)", 2),
        ("1 < x < 2", "only < and > compare", 6),
        ("x == 1", "only < and > compare", 2),
        ("sin(x, 1)", "use it as sin(x)", 0),
        ("sin([x])", "use it as sin(x)", 0),
        ("leaky_relu() + x", "use it as leaky_relu(x, slope=0.01)", 0),
        ("sum() + x", "use it as sum(a, b, ...)", 0),
        ("dot(x, x)", "use it as dot([w1, w2], [a1, a2], bias)", 0),
        ("1 + dot([x], [x, x])", "dot needs as many inputs as weights", 4),
        ("sin(x=1)", "arguments have no names", 5),
        ("sum(*x)", "expected a number, a name or a bracket", 4),
        ("x, x", "give one expression", 1),
        ("x; x", "only the last has no name", 0),
        ("a = b = 1", "one name at a time", 6),
        ("x = x + 1", "x is used before", 0),
        ("1 + 2j", "only real numbers", 4),
        ("x + True", "only real numbers", 4),
        ("'x'", "only real numbers", 0),
        ("x @ x", "not an operator here", 2),
        ("x and x", "conditions are multiplied", 2),
        ("é*ж ^ 2", "write a power as **", 4),
        ("1 +", "expected a number", 3),
        ("2x", "write a product with *", 0),
        ("1 + lambda*2", "lambda is a Python keyword", 4),
        ("import os", "only expressions", 0),
        ("a = 1\nb + ^", "expected a number", 4),
    ],
)
def test_what_is_refused_is_pointed_at(text, reason, column):
    error = refusal(text, x=1.0)
    assert reason in error.reason
    assert error.column == column
    shown = str(error).split("\n")
    assert shown[2].index("^") - 2 == column


def test_missing_and_superfluous_numbers():
    assert "y has no number: add y=NUMBER" in str(refusal("x + y", x=1.0))
    assert "is not in the expression; did you mean w1?" in str(refusal("w1 + w2", w1=1.0, w2=2.0, w11=1.0))


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os').system('true')",
        "().__class__.__base__.__subclasses__()",
        "open('/etc/passwd')",
        "exec(x)",
        "eval('1')",
        "f'{x}'",
        "[x for x in x]",
        "(lambda: 1)()",
        "(x := 1)",
        "x\x00y",
        "\ud800",
        "-" * 3000 + "x",
        "(" * 1000 + "x",
        "[" * 150 + "x",
        "x." * 1000 + "x",
        "x" + "+x" * LONGEST,
        "1" * 3000,
        "0x" + "f" * 3000,
        "",
        " \n ",
        "#",
        "\\",
        "'''",
        "yield x",
        "await x",
        "x: int = 3",
        "del x",
        "raise",
        "*x",
        "...",
        "\t\x0c",
    ],
)
def test_hostile_expressions_are_errors_of_one_kind(text):
    assert refusal(text).reason


@given(st.text(max_size=60) | st.text(alphabet="xy0.+-*/()[]{}<>=:;,'\"^@!%& \n", max_size=60))
def test_any_text_is_an_expression_or_an_error_of_one_kind(text):
    said = ""
    try:
        formula = parse(text)
        formula.record(dict.fromkeys(formula.names, 0.5))
    except ExpressionError as error:
        said = str(error)
    assert re.fullmatch(r"([^\n]+(\n  [^\n]*\n  [ \t]*\^)?)?", said)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_what_can_be_called_works_on_recorded_numbers(name):
    """With as many numbers as it takes; the result is one node."""
    for arguments in ("x", "x, x", "x, x, x", "[x], [x]", "[x], 0", "[x])[0] + (0"):
        try:
            output = parse(f"{name}({arguments})").record({"x": 0.5})[0]
        except ExpressionError:
            continue
        assert isinstance(output, Value)
        output.backward()
        return
    raise AssertionError(f"{name} takes nothing")


def test_nothing_that_acts_can_be_called():
    assert not set(FUNCTIONS) & (set(vars(builtins)) - {"abs", "max", "min", "sum"})


def test_lists_of_one_list_are_counted_when_they_are_named():
    """A billion elements in three lines would take minutes and all memory."""
    text = "a = range(1000)\nb = [a for i in range(1000)]\nc = [b for i in range(1000)]\nc[0][0][0]"
    assert "more than 20,000 steps" in refusal(text).reason


def test_deep_and_long_expressions_are_no_recursion():
    output, leaves = parse("x" + "+x" * 1500).record({"x": 1.0})
    output.backward()
    assert (output.data, leaves["x"].grad) == (1501.0, 1501.0)


@pytest.mark.parametrize(
    ("text", "expected"), [("-1/4", -0.25), ("2*pi", math.tau), ("inf", math.inf), ("-inf", -math.inf)]
)
def test_numbers(text, expected):
    assert parse_number(text) == expected
    assert math.isnan(parse_number("nan"))


def test_a_number_has_no_names():
    with pytest.raises(ExpressionError, match="x has no number"):
        parse_number("2*x")
