"""The losses and their gradients against formulas in 60 digits, in the tails too."""

import math
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest

import nn
from autograd import Value, compile
from nn import LOSSES, cross_entropy, huber_loss
from nn.losses import find_loss
from tests.support.compiled import needs_llvmlite

mpmath = pytest.importorskip("mpmath", reason="mpmath is the judge; it is in the extra quick")
mpmath.mp.dps = 60
mpf = mpmath.mpf


def squares(ys, ts):
    return [(y - t) ** 2 for y, t in zip(ys, ts)]


def average(terms):
    return mpmath.fsum(terms) / len(terms)


def huber(y, t):
    d = abs(y - t)
    return d**2 / 2 if d <= 1 else d - mpf(1) / 2


def bce(p, t):
    return -t * mpmath.log(p) - (1 - t) * mpmath.log(1 - p)


def bce_logits(z, t):
    return t * mpmath.log1p(mpmath.exp(-z)) + (1 - t) * mpmath.log1p(mpmath.exp(z))


FORMULAS = {
    "mse_loss": lambda ys, ts: average(squares(ys, ts)),
    "half_squared_error": lambda ys, ts: mpmath.fsum(squares(ys, ts)) / 2,
    "l1_loss": lambda ys, ts: average([abs(y - t) for y, t in zip(ys, ts)]),
    "huber_loss": lambda ys, ts: average([huber(y, t) for y, t in zip(ys, ts)]),
    "hinge_loss": lambda ys, ts: average([max(mpf(0), 1 - t * y) for y, t in zip(ys, ts)]),
    "binary_cross_entropy": lambda ps, ts: average([bce(p, t) for p, t in zip(ps, ts)]),
    "binary_cross_entropy_with_logits": lambda zs, ts: average([bce_logits(z, t) for z, t in zip(zs, ts)]),
    "cross_entropy": lambda zs, ts: mpmath.fsum(
        t * mpmath.log(mpmath.fsum([mpmath.exp(other - z) for other in zs])) for z, t in zip(zs, ts)
    ),
}
CASES = {
    "mse_loss": ([0.3, -2.0, 5.5], [1.0, -2.5, 4.0]),
    "half_squared_error": ([0.3, -2.0, 5.5], [1.0, -2.5, 4.0]),
    "l1_loss": ([0.3, -2.0, 5.5], [1.0, -2.5, 4.0]),
    "huber_loss": ([0.3, -2.0, 7.5, -9.0], [1.0, -2.5, 4.0, 1.0]),
    "hinge_loss": ([0.3, -2.0, 5.5, 0.2], [1, -1, 1, -1]),
    "binary_cross_entropy": ([0.3, 0.999, 1e-9, 0.5], [1, 0, 0, 0.25]),
    "binary_cross_entropy_with_logits": ([0.3, -40.0, 40.0, 2.0], [1, 0, 1, 0.25]),
    "cross_entropy": ([0.3, -2.0, 5.5, 5.0], [0.1, 0.2, 0.0, 0.7]),
}


def test_every_loss_is_tested_here():
    assert set(FORMULAS) == set(CASES) == set(LOSSES)
    assert all(getattr(nn, name) is loss for name, loss in LOSSES.items())


def check(name, ys, ts, given=None, rel=1e-13):
    """Value and gradient of the loss at `given` (by default `ts`) against the formula at `ts`."""
    values = [Value(y) for y in ys]
    loss = LOSSES[name](values, ts if given is None else given)
    loss.backward()
    exact = [mpf(y) for y in ys]
    weights = [mpf(t) for t in ts]
    assert loss.data == pytest.approx(float(FORMULAS[name](exact, weights)), rel=rel)
    for i, value in enumerate(values):
        h = mpf(10) ** -20
        above, below = (
            FORMULAS[name]([*exact[:i], exact[i] + moved, *exact[i + 1 :]], weights) for moved in (h, -h)
        )
        slope = (above - below) / (2 * h)
        assert value.grad == pytest.approx(float(slope), rel=rel, abs=1e-18)


@pytest.mark.parametrize("name", CASES)
def test_value_and_gradient(name):
    check(name, *CASES[name])


@pytest.mark.parametrize("name", [name for name in CASES if name != "cross_entropy"])
def test_one_output_needs_no_list(name):
    ys, ts = CASES[name]
    for y, t in zip(ys, ts):
        single = LOSSES[name](Value(y), t)
        assert single.data == LOSSES[name]([Value(y)], [t]).data == LOSSES[name](Value(y), [t]).data
        assert single.data == LOSSES[name](y, t)
        assert type(LOSSES[name](y, t)) is float


@pytest.mark.parametrize("name", CASES)
def test_targets_may_be_values_and_have_gradients(name):
    ys, ts = CASES[name]
    values, targets = [Value(y) for y in ys], [Value(t) for t in ts]
    loss = LOSSES[name](values, targets)
    assert loss.data == pytest.approx(LOSSES[name](ys, ts), rel=1e-13)
    loss.backward()
    assert all(t.reached for t in targets)


def test_the_graph_of_value_targets_does_not_depend_on_the_numbers():
    def shape(node):
        return (node.op, *map(shape, node.parents))

    for name, pairs in {
        "huber_loss": ((0.5, 0.0), (9.0, 0.0)),
        "hinge_loss": ((0.5, 1.0), (0.5, -1.0)),
        "binary_cross_entropy": ((0.5, 1.0), (0.5, 0.0)),
        "binary_cross_entropy_with_logits": ((0.5, 1.0), (0.5, 0.3)),
    }.items():
        one, other = (shape(LOSSES[name](Value(y), Value(t))) for y, t in pairs)
        assert one == other


# --- cross-entropy -----------------------------------------------------------------------------------


@pytest.mark.parametrize("label", range(3))
@pytest.mark.parametrize(
    "z", [[1000.0, -1000.0, 0.0], [40.0, 0.0, 0.5], [0.0, 0.0, 0.0], [-700.0, 30.0, 31.0]]
)
def test_a_class_label_is_a_one_hot_vector(z, label):
    one_hot = [float(i == label) for i in range(3)]
    check("cross_entropy", z, one_hot, given=label)
    check("cross_entropy", z, one_hot)


def test_large_logits_are_exact():
    for size in (1e3, 1e10, 1e300):
        z = [Value(size), Value(-size)]
        right, wrong = cross_entropy(z, 0), cross_entropy(z, 1)
        assert (right.data, wrong.data) == (0.0, 2 * size)
        wrong.backward()
        assert [v.grad for v in z] == [1.0, -1.0]


class Tensor:
    """What torch.tensor(1) has: no axes, `tolist`, and no elements to go through."""

    ndim = 0

    def __init__(self, number):
        self.number = number

    def __repr__(self):
        return f"tensor({self.number})"

    def tolist(self):
        return self.number

    def __iter__(self):
        raise TypeError("iteration over a 0-d tensor")


WHOLE = [
    np.int64(1), 1.0, np.float64(1.0), np.uint8(1), np.float32(1), np.float16(1), np.array(1), np.array(1.0),
    Tensor(1), Tensor(1.0), Decimal(1), Fraction(1), np.array(1, dtype=object),
]  # fmt: skip


@pytest.mark.parametrize("target", WHOLE, ids=repr)
def test_labels_may_be_any_whole_number(target):
    assert cross_entropy([0.5, 2.0], target) == cross_entropy([0.5, 2.0], 1)


@pytest.mark.parametrize("one", WHOLE, ids=repr)
@pytest.mark.parametrize("name", [name for name in LOSSES if name != "cross_entropy"])
def test_predictions_and_targets_may_be_any_number(name, one):
    loss = LOSSES[name]
    expected = loss(0.25, 1.0)
    assert loss(0.25, one) == loss([0.25], [one]) == expected
    assert loss(one, 1.0) == loss([one], 1.0) == loss(1.0, 1.0)
    assert type(loss(one, one)) is float
    y = Value(0.25)
    loss(y, one).backward()
    z = Value(0.25)
    loss(z, 1.0).backward()
    assert y.grad == z.grad


def test_single_precision_is_not_computed_in():
    assert nn.mse_loss(np.float32(0.1), 0.3) == (float(np.float32(0.1)) - 0.3) ** 2


@pytest.mark.parametrize(
    "target", [np.float32(0.5), np.array(0.5), Tensor(math.inf), Decimal("0.5"), Fraction(1, 2)]
)
def test_a_number_that_is_not_whole_is_no_label(target):
    with pytest.raises(ValueError, match="integer class label"):
        cross_entropy([0.5, 2.0], target)


# --- far away ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("delta", [1.0, 0.25, 3.0])
@pytest.mark.parametrize("backend", ["eager", "numpy", pytest.param("llvm", marks=needs_llvmlite)])
def test_huber_pulls_by_delta_however_far(delta, backend):
    distances = [math.inf, -math.inf, 1e300, -1e300, delta, -delta, delta / 2, 0.0]
    expected = [delta, -delta, delta, -delta, delta, -delta, delta / 2, 0.0]
    values = [math.inf] * 2 + [delta * 1e300] * 2 + [delta * delta / 2] * 2 + [delta * delta / 8, 0.0]
    if backend == "eager":
        for y, slope, value in zip(distances, expected, values):
            prediction = Value(y)
            loss = huber_loss(prediction, 0.0, delta)
            loss.backward()
            assert (loss.data, prediction.grad) == (pytest.approx(value, rel=1e-15), slope)
        return
    w = Value(0.0)
    program = compile(huber_loss(w, 0.0, delta), [w], backend=backend)
    for y, slope, value in zip(distances, expected, values):
        found, gradient = program(np.array([y]))
        assert (found, gradient[0]) == (pytest.approx(value, rel=1e-15), slope)


def test_an_impossible_class_with_no_weight_costs_nothing():
    assert cross_entropy([0.0, -math.inf], [1.0, 0.0]) == 0.0


# --- binary cross-entropy ----------------------------------------------------------------------------


@pytest.mark.parametrize("t", [0.0, 1.0])
@pytest.mark.parametrize("z", [1000.0, -1000.0, 745.0, -745.0, 37.0, -37.0, 0.0])
def test_binary_logits_in_the_tails(z, t):
    value = Value(z)
    loss = nn.binary_cross_entropy_with_logits(value, t)
    loss.backward()
    right = (z > 0) == (t == 1)
    margin = mpf(-abs(z) if right else abs(z))
    if z == 0:
        margin = mpf(0)
    expected = mpmath.log1p(mpmath.exp(margin)) if margin < 0 else margin + mpmath.log1p(mpmath.exp(-margin))
    slope = mpmath.exp(margin) / (1 + mpmath.exp(margin)) * (-1 if t else 1)
    tiny = 5e-324  # one unit of the subnormal numbers
    assert loss.data == pytest.approx(float(expected), rel=1e-14, abs=tiny)
    assert value.grad == pytest.approx(float(slope), rel=1e-13, abs=tiny)


def test_binary_logits_at_the_end_of_the_range():
    for z in (1e300, -1e300):
        for t in (0.0, 1.0, 0.5):
            value = Value(z)
            loss = nn.binary_cross_entropy_with_logits(value, t)
            loss.backward()
            wrong = (1 - t) if z > 0 else t
            assert loss.data == wrong * 1e300
            assert value.grad == math.copysign(wrong, z)


@pytest.mark.parametrize(("p", "t", "loss"), [(0.0, 1, 100.0), (1.0, 0, 100.0), (0.0, 0, 0.0), (1.0, 1, 0.0),
                                              (1e-50, 1, 100.0), (1.0, 0.5, 50.0)])  # fmt: skip
def test_the_logarithm_of_a_probability_is_clamped(p, t, loss):
    value = Value(p)
    result = nn.binary_cross_entropy(value, t)
    result.backward()
    assert result.data == pytest.approx(loss, rel=1e-14)
    assert math.isfinite(value.grad)


def test_nan_predictions_give_nan():
    for name, loss in LOSSES.items():
        target = 1 if name != "cross_entropy" else [1.0, 0.0]
        prediction = Value(math.nan) if name != "cross_entropy" else [Value(math.nan), Value(1.0)]
        assert math.isnan(loss(prediction, target).data), name


# --- errors ------------------------------------------------------------------------------------------

Y2 = [Value(0.1), Value(0.2)]
Bad = ValueError
mse, l1, hinge = nn.mse_loss, nn.l1_loss, nn.hinge_loss
bce_p, bce_z = nn.binary_cross_entropy, nn.binary_cross_entropy_with_logits


@pytest.mark.parametrize(
    ("act", "error", "message"),
    [
        (lambda: mse(Y2, [1.0]), Bad, "needs a target for each output, got 2 outputs and 1"),
        (lambda: mse(Y2[0], [1.0, 2.0]), Bad, "got 1 outputs and 2 targets"),
        (lambda: mse([], []), Bad, "got 0 outputs and 0 targets"),
        (lambda: mse(Y2, [1.0, math.nan]), Bad, "not nan as target, got nan at position 1"),
        (lambda: l1(Y2, [1.0, "a"]), TypeError, "real numbers as targets, got str at position 1"),
        (lambda: l1(Y2[0], None), TypeError, "real numbers as targets, got NoneType: None"),
        (lambda: huber_loss(Y2[0], 1.0, delta=0.0), Bad, "huber_loss needs delta > 0, got 0.0"),
        (lambda: hinge(Y2[0], 0), Bad, "hinge_loss takes -1 or 1 as target, got 0"),
        (lambda: bce_p(Y2[0], 2), Bad, "takes a number from 0 to 1 as target, got 2"),
        (lambda: bce_p(Value(1.5), 1), Bad, "from 0 to 1, got 1.5: use binary_cross"),
        (lambda: bce_z(Y2[0], -1), Bad, "takes a number from 0 to 1 as target, got -1"),
        (lambda: cross_entropy(Y2, 2), Bad, "class label from 0 to 1, got 2"),
        (lambda: cross_entropy(Y2, -1), Bad, "class label from 0 to 1, got -1"),
        (lambda: cross_entropy(Y2, True), TypeError, "a probability for each class, got bool"),
        (lambda: cross_entropy(Y2, 0.5), Bad, "integer class label .*, got float: 0.5"),
        (lambda: cross_entropy(Y2, math.nan), Bad, "integer class label .*, got float: nan"),
        (lambda: cross_entropy(Y2, np.ma.masked), TypeError, "integer class label .*, got NoneType"),
        (lambda: mse(Y2[0], np.ma.masked), TypeError, "real numbers as targets, got NoneType"),
        (lambda: mse(Y2, np.ma.masked_array([1.0, 2.0], mask=[0, 1])), TypeError, "NoneType at position 1"),
        (lambda: cross_entropy(Y2, None), TypeError, "integer class label .*, got NoneType"),
        (lambda: cross_entropy(Y2, [1.0]), Bad, "got 2 outputs and 1 targets"),
        (lambda: cross_entropy(Y2, [0.5, 0.6]), Bad, "probabilities that sum to 1, got a sum of 1.1"),
        (lambda: cross_entropy(Y2, [1.5, -0.5]), Bad, "from 0 to 1 as target, got 1.5 at position 0"),
        (lambda: cross_entropy(Y2[0], 0), TypeError, "sequence of logits, one per class, got Value"),
        (lambda: find_loss("mse"), Bad, "no loss is named 'mse': choose one of mse_loss"),
        (lambda: find_loss(3), TypeError, "a loss is a name or a function"),
    ],
)  # fmt: skip
def test_bad_input_says_what_was_given_and_expected(act, error, message):
    with pytest.raises(error, match=message):
        act()
