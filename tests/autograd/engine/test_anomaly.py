"""`detect_anomaly`: the first number that is not finite is told with its node, operands and line."""

import inspect
import math
import pickle

import pytest

from autograd import AnomalyError, Value, detect_anomaly, dot, grad, jvp, relu, softmax
from nn import MLP
from tests.support.along import along


def line_of(text):
    """The line of this file that holds the text, once."""
    source = inspect.getsource(inspect.getmodule(line_of)).splitlines()
    (number,) = [k for k, line in enumerate(source, 1) if text in line and "line_of" not in line]
    return f"{__file__}, line {number}"


def test_the_first_value_names_operation_operands_and_line():
    width = Value(0.0, "width")
    y = (width + 1.0) * 2.0
    with detect_anomaly(), pytest.raises(AnomalyError) as caught:
        y.log() + width.log() + (width - 1.0).sqrt()  # the second is the first that fails
    assert str(caught.value) == (
        f"log gave -inf from width = 0.0, recorded at {line_of('the second is the first')}"
    )


def test_a_value_of_many_operands():
    a, b = Value(math.inf, "a"), Value(1.0, "b")
    with (
        detect_anomaly(),
        pytest.raises(AnomalyError, match=r"^dot gave inf from \[inf, 1\.0\], \[2\.0, 3\.0\]"),
    ):
        dot([a, b], [2.0, 3.0])
    with detect_anomaly(), pytest.raises(AnomalyError, match=r"^softmax gave nan from a = inf, \[1\.0\]"):
        softmax([a, b])


def test_the_first_gradient_names_the_node_its_reader_and_the_line():
    x = Value(0.0, "x")
    with detect_anomaly():
        root = x.sqrt()  # here it was
        root.label = "root"
        y = root * 2.0
        with pytest.raises(AnomalyError) as caught:
            y.backward()
    assert str(caught.value) == (
        "the gradient of x became inf, whose data is 0.0; it came from root: "
        f"sqrt gave 0.0 from x = 0.0, recorded at {line_of('here it was')}"
    )
    assert not x.reached


def test_a_graph_recorded_before_is_watched_too_without_the_line():
    x = Value(0.0, "x")
    y = x.sqrt() * 2.0
    with detect_anomaly(), pytest.raises(AnomalyError, match=r"sqrt gave 0\.0 from x = 0\.0$"):
        y.backward()


def test_grad_and_forward_mode_tell_it_too():
    x = Value(0.0, "x")
    with detect_anomaly():
        with pytest.raises(AnomalyError, match="the gradient of x became inf, whose data is 0"):
            grad(x.sqrt(), x)
        with pytest.raises(AnomalyError, match=r"the tangent of a sqrt node became inf.*sqrt gave 0\.0 from"):
            jvp(lambda v: v.sqrt(), [0.0], [1.0])


@pytest.mark.parametrize("when", ["recorded within", "recorded before"])
def test_within_a_layer_the_single_weight_is_told(when):
    model = MLP(2, [3, 2], seed=1)
    x = [1.0, 2.0]

    def loss():
        first, second = model(x)
        return (first - first.data).sqrt() + second

    if when == "recorded within":
        with detect_anomaly(), pytest.raises(AnomalyError, match=r"gradient of a sub node became inf"):
            loss().backward()
    else:
        graph = loss()
        with detect_anomaly(), pytest.raises(AnomalyError, match=r"gradient of a sub node became inf"):
            graph.backward()


def test_a_layer_tells_the_neuron():
    weights = ((Value(1.0, "w0"),), (Value(math.inf, "w1"),))
    with detect_anomaly(), pytest.raises(AnomalyError, match=r"^dot gave inf from \[inf\], \[2\.0\]"):
        along(relu, along(dot, weights, ((2.0,), (2.0,))))


def test_labels_and_scopes_set_later_keep_the_line():
    x = Value(4.0, "x")
    with detect_anomaly():
        y = x.sqrt()
    y.label = "y"
    y.scope = "layer0"
    assert (y.label, y.scope) == ("y", "layer0")
    again = pickle.loads(pickle.dumps(y))
    assert (again.label, again.scope) == ("y", "layer0")


def test_nothing_is_said_of_finite_numbers():
    x = Value(2.0, "x")
    with detect_anomaly():
        (x.sqrt() * x.exp()).backward()
    assert x.grad == pytest.approx(math.exp(2.0) * (math.sqrt(2.0) + 0.5 / math.sqrt(2.0)))
