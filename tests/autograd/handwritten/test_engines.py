"""Engines of students: right ones are right, and of a wrong one the operation and the slip are named."""

import math
import re

import pytest

from autograd import Value, check_engine
from autograd.engine.primitives import TABLE
from tests.support.small_engine import RIGHT, SLIPS, engine, with_slip


def test_our_own_engine_is_right_in_every_operation():
    report = check_engine(Value)
    assert report, str(report)
    unary = {
        row.method for row in TABLE.values() if row.method and len(row.domain) == 1 and row.method != "neg"
    }
    methods = {name for name in unary if callable(getattr(Value, name, None))}
    assert {f"{name}()" for name in methods} <= {*report.right, "maximum()"}
    assert report.notes == []


def test_a_right_engine_of_closures_is_right_and_its_habits_are_notes():
    report = check_engine(engine())
    assert report, str(report)
    assert {"a + b", "a / b", "2 / a", "a ** -1", "gelu()", "mish()", "order", "x * x"} <= set(report.right)
    assert "as in micrograd" in str(report)
    assert "recursion" in str(report)


@pytest.mark.parametrize("slip", SLIPS)
def test_a_slip_in_an_operation_is_named(slip):
    _, _, operation, kind = SLIPS[slip]
    report = check_engine(with_slip(slip))
    found = [each for each in report.mistakes if operation in each.names]
    assert len(found) == 1, str(report)
    assert found[0].words
    assert kind is None or found[0].kind == kind
    one_operation = operation.endswith("()")
    assert not one_operation or report.wrong == [operation]


def test_what_is_made_of_a_wrong_operation_is_not_counted_again():
    report = check_engine(with_slip("mul: operands exchanged"))
    assert [each.names for each in report.mistakes] == [("a * b",)]
    assert "-a" in report.consequential


def test_another_definition_is_judged_by_its_own_values():
    """The approximation of gelu by tanh, and a slope of leaky_relu that is not ours."""
    text = (
        RIGHT
        + """
    def leaky_relu(self):
        slope = 0.2 if self.data < 0 else 1.0
        out = Value(slope * self.data, (self,))
        def _backward():
            self.grad += slope * out.grad
        out._backward = _backward
        return out
"""
    )
    gelu = "cdf = 0.5 * (1 + math.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x ** 3)))"
    text = text.replace("cdf = 0.5 * (1 + math.erf(x / math.sqrt(2)))", gelu)
    report = check_engine(engine(text))
    assert "gelu()" in report.wrong  # its derivative is that of the other definition
    assert "gelu()" not in [each.names[0] for each in report.mistakes if each.kind == "value"]


GELUS = {  # x times a gate, and the slope of the gate
    "exact": ("0.5 * (1 + math.erf(x / math.sqrt(2)))", "math.exp(-x * x / 2) / math.sqrt(2 * math.pi)"),
    "tanh": (
        "0.5 * (1 + math.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x ** 3)))",
        "2 * cdf * (1 - cdf) * math.sqrt(2 / math.pi) * (1 + 3 * 0.044715 * x ** 2)",
    ),
    "sigmoid": ("1 / (1 + math.exp(-1.702 * x))", "1.702 * cdf * (1 - cdf)"),
}
GELU_SLIPS = ["cdf", "x * pdf", "(x > 0)", "1", "(cdf - x * pdf)", "(cdf + pdf)", "-(cdf + x * pdf)"]


def gelu(definition, slope):
    """The engine with this gelu; its cdf and pdf stand for the gate and the slope of that."""
    gate, density = GELUS[definition]
    text = re.sub(r"cdf = .*", lambda _: f"cdf = {gate}", RIGHT)
    text = re.sub(r"pdf = .*", lambda _: f"pdf = {density}", text)
    return engine(text.replace("(cdf + x * pdf)", slope))


@pytest.mark.parametrize("definition", GELUS)
def test_any_usual_gelu_is_right_and_its_slips_are_named(definition):
    assert check_engine(gelu(definition, "(cdf + x * pdf)"))
    for slope in GELU_SLIPS:
        report = check_engine(gelu(definition, slope))
        assert report.wrong == ["gelu()"], slope
        assert report.mistakes[0].kind in ("derivative", "sign"), (slope, str(report))


def method(name, value, slope):
    return engine(
        RIGHT
        + f"""
    def {name}(self):
        x = self.data
        out = Value({value}, (self,))
        def _backward():
            self.grad += ({slope}) * out.grad
        out._backward = _backward
        return out
"""
    )


@pytest.mark.parametrize(("value", "right", "wrong"), [
    ("x if x > 0 else 0.1 * x", "1 if x > 0 else 0.1", "x > 0"),
    ("x if x > 0 else 0.1 * x", "1 if x > 0 else 0.1", "1"),
    ("x * x * abs(x)", "3 * x * abs(x)", "3 * x * x"),
    ("max(-1.0, min(1.0, x))", "abs(x) < 1", "x < 1"),
    ("math.log(x) ** 2", "2 * math.log(x) / x", "2 * math.log(x)"),  # on one side of 0 only
])  # fmt: skip
def test_an_operation_that_we_do_not_have_is_tried_on_both_sides_of_0(value, right, wrong):
    assert "own()" in check_engine(method("own", value, right)).right
    assert check_engine(method("own", value, wrong)).wrong == ["own()"]


def test_a_copy_without_a_past_is_no_mistake_and_an_identity_is():
    copied = check_engine(method("frozen", "x", "0"))
    assert copied
    assert any("frozen()" in note for note in copied.notes)
    assert check_engine(method("identity", "x", "0")).wrong == ["identity()"]


TENSOR = RIGHT.replace("import math", "import math\nimport numpy as np").replace(
    "def __init__(self, data, parents=()):\n        self.data, self.grad = data, 0.0",
    "def __init__(self, data, parents=(), requires_grad=False):\n"
    "        self.requires_grad = requires_grad or any(each.requires_grad for each in parents)\n"
    "        self.data = np.array(data, dtype=np.{dtype})\n"
    "        self.grad = np.zeros((), dtype=np.{dtype})",
)  # as torch's: of numpy arrays, and with no gradient for a leaf that does not ask for one
METHODS = """
    def sum(self): return self * 1.0
    def mean(self): return self * 1.0
    @classmethod
    def randn(cls): return cls(np.random.randn())
    def dropout(self): return self * float(np.random.random())
"""


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_an_engine_of_arrays_is_judged_as_one_of_numbers(dtype):
    text = TENSOR.replace("{dtype}", dtype).replace(
        "            self.grad += ", "            if self.requires_grad: self.grad += "
    )
    report = check_engine(engine(text + METHODS))
    assert report, str(report)
    assert {"a * b", "tanh()", "gelu()", "sum()", "mean()"} <= set(report.right)
    assert not {"randn()", "dropout()"} & {*report.right, *report.wrong}
    wrong = check_engine(engine(text.replace("(1 - t ** 2)", "(1 - self.data ** 2)")))
    assert wrong.wrong == ["tanh()"]
    assert "x stands where y belongs" in wrong.mistakes[0].words


@pytest.mark.parametrize(
    ("own", "name"), [("tanh", "Tanh"), ("relu", "reLU"), ("tanh", "TANH"), ("exp", "Exp")]
)
def test_a_name_is_known_in_any_case(own, name):
    text = RIGHT.replace(f"def {own}(", f"def {name}(")
    assert f"{name}()" in check_engine(engine(text)).right
    shifted = text.replace(
        f"def {name}(self):", f"def {name}(self):\n        return self + 0.5\n    def unused(self, _):"
    )
    assert check_engine(engine(shifted)).mistakes[0].kind == "value"


def test_nodes_that_are_taken_for_one_are_said_to_be():
    by_data = """
    def __eq__(self, other): return self.data == other.data
    def __hash__(self): return hash(self.data)
"""
    (mistake,) = check_engine(engine(RIGHT + by_data)).mistakes
    assert mistake.names == ("equal numbers",)


def test_the_same_slip_in_many_operations_is_said_once():
    report = check_engine(engine(RIGHT.replace("self.grad = 1.0", "pass")))
    assert len(report.mistakes) <= 4
    assert "exp()" in report.wrong


@pytest.mark.parametrize(("given", "says"), [
    (3, "takes the class itself"), (Value(2.0), "takes the class itself"), (str, "no .data"),
    (lambda: None, "cannot be called with 2.0"), (lambda x: math, "no .data"),
])  # fmt: skip
def test_what_is_no_engine_is_refused(given, says):
    with pytest.raises(TypeError, match=says):
        check_engine(given)


def test_an_operation_that_raises_is_a_mistake():
    report = check_engine(engine(RIGHT.replace("math.tanh(self.data)", "math.tanhh(self.data)")))
    (mistake,) = [each for each in report.mistakes if each.names == ("tanh()",)]
    assert mistake.kind == "error"
    assert "AttributeError" in mistake.words
