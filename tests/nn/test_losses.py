"""The losses and their gradients against formulas in 60 digits, in the tails too."""

import functools
import math
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import nn
from autograd import Value, compile, log_softmax, peek
from autograd import sum as autograd_sum
from nn import LOSSES, cross_entropy, huber_loss
from nn.losses import find_loss
from tests.support.compiled import needs_llvmlite
from tests.support.profiles import tries

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


@pytest.mark.parametrize("K", [1, 2, 50])
def test_a_class_records_the_logarithm_of_its_own_probability_alone(K):
    z = [Value(0.1 * i) for i in range(K)]
    loss = cross_entropy(z, K - 1)
    (node,) = loss.parents
    assert (loss.op, node.op, node.parents) == ("neg", "log_softmax", (z[-1], *z[:-1]))
    assert loss.data == -log_softmax(z)[-1].data


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


# --- the options of torch ----------------------------------------------------------------------------

WEIGHTED = {  # whether the mean is divided by the sum of the weights
    "mse_loss": True, "l1_loss": True, "huber_loss": False, "binary_cross_entropy": False,
    "binary_cross_entropy_with_logits": False,
}  # fmt: skip
reductions = st.sampled_from(["mean", "sum", "none"])
scores = st.floats(-4.0, 4.0)
factors = st.floats(0.125, 4.0)


def term_of(name, y, t):
    """The loss of one output, in numpy's arithmetic."""
    if name == "binary_cross_entropy":
        return -t * np.log(y) - (1 - t) * np.log1p(-y)
    if name == "binary_cross_entropy_with_logits":
        return t * np.logaddexp(0.0, -y) + (1 - t) * np.logaddexp(0.0, y)
    d = abs(y - t)
    return {"mse_loss": d * d, "l1_loss": d, "huber_loss": np.where(d <= 1, d * d / 2, d - 0.5)}[name]


def differences(f, z, h=1e-6):
    """The gradient of f at an array by central differences."""
    found = np.empty(z.size)
    for i in range(z.size):
        moved = np.zeros(z.size)
        moved[i] = h
        above, below = (f(z + sign * moved.reshape(z.shape)) for sign in (1.0, -1.0))
        found[i] = (above - below) / (2 * h)
    return found.reshape(z.shape)


@pytest.mark.parametrize("name", WEIGHTED)
@tries(30)
@given(data=st.data(), reduction=reductions, weighted=st.booleans())
def test_reduction_and_weight_of_each_output(name, data, reduction, weighted):
    n = data.draw(st.integers(1, 4))
    probable = name.startswith("binary")
    y = np.array(data.draw(st.lists(scores, min_size=n, max_size=n)))
    t = np.array(data.draw(st.lists(st.floats(0, 1) if probable else scores, min_size=n, max_size=n)))
    y = 1 / (1 + np.exp(-y)) if name == "binary_cross_entropy" else y
    w = np.array(data.draw(st.lists(factors, min_size=n, max_size=n)))

    def expected(y):
        terms = term_of(name, y, t) * (w if weighted else 1.0)
        divisor = w.sum() if weighted and WEIGHTED[name] else n
        return {"none": terms, "sum": terms.sum(), "mean": terms.sum() / divisor}[reduction]

    options = {"reduction": reduction, "weight": w if weighted else None}
    values = [Value(each) for each in y]
    found = LOSSES[name](values, t, **options)
    total = found if reduction != "none" else autograd_sum(found)
    assert np.array(LOSSES[name](y, t, **options)) == pytest.approx(expected(y), rel=1e-13)
    assert total.data == pytest.approx(np.sum(expected(y)), rel=1e-13)
    total.backward()
    off_kinks = np.all(abs(abs(y - t) - 1.0) > 1e-4) and np.all(abs(y - t) > 1e-4)
    if off_kinks or probable:
        slopes = differences(lambda y: np.sum(expected(y)), y)
        assert [each.grad for each in values] == pytest.approx(slopes, rel=1e-5, abs=1e-6)


def entropies(z, t, w, ignored, smoothing):
    """Of each row of logits its loss and its share in the mean, in numpy's arithmetic; K classes."""
    K = z.shape[1]
    logp = z - z.max(axis=1, keepdims=True)
    logp = logp - np.log(np.exp(logp).sum(axis=1, keepdims=True))
    if np.ndim(t) == 2:
        mixed = (1 - smoothing) * t + smoothing / K
        return -(mixed * w * logp).sum(axis=1), np.ones(len(z))
    counts = t != ignored
    label = np.where(counts, t, 0)
    rows = np.arange(len(z))
    losses = -(1 - smoothing) * w[label] * logp[rows, label] - smoothing / K * (w * logp).sum(axis=1)
    return np.where(counts, losses, 0.0), np.where(counts, w[label], 0.0)


@st.composite
def classified(draw):
    """Logits (N, K), targets (N,) or (N, K), and options; at least one target counts."""
    N, K = draw(st.integers(1, 4)), draw(st.integers(1, 4))
    z = np.array(draw(st.lists(st.lists(scores, min_size=K, max_size=K), min_size=N, max_size=N)))
    ignored = draw(st.sampled_from([-100, 0, 7]))
    if draw(st.booleans()) and ignored < 0:
        shares = np.array(draw(st.lists(st.lists(factors, min_size=K, max_size=K), min_size=N, max_size=N)))
        t = shares / shares.sum(axis=1, keepdims=True)
    else:
        labels = st.sampled_from([*range(K), ignored])
        t = np.array(draw(st.lists(labels, min_size=N, max_size=N).filter(lambda t: set(t) != {ignored})))
    w = draw(st.none() | st.lists(factors, min_size=K, max_size=K).map(np.array))
    smoothing = draw(st.sampled_from([0.0, 0.1, 1.0]))
    return z, t, {
        "weight": w, "ignore_index": ignored, "reduction": draw(reductions), "label_smoothing": smoothing,
    }  # fmt: skip


def reduced(z, t, weight, ignore_index, reduction, label_smoothing):
    w = np.ones(z.shape[1]) if weight is None else weight
    losses, shares = entropies(z, t, w, ignore_index, label_smoothing)
    return {"none": losses, "sum": losses.sum(), "mean": losses.sum() / shares.sum()}[reduction]


@pytest.mark.parametrize("kind", ["numbers", "values", "torch"])
@tries(60)
@given(classified())
def test_cross_entropy_with_all_its_options(kind, case):
    z, t, options = case
    expected = reduced(z, t, **options)
    slopes = differences(lambda z: np.sum(reduced(z, t, **options)), z)
    if kind == "torch":
        torch = pytest.importorskip("torch", reason="torch is the judge; it is in the extra bench")
        logits, weight = torch.tensor(z, requires_grad=True), options.pop("weight")
        given = torch.nn.functional.cross_entropy(
            logits, torch.tensor(t), weight=None if weight is None else torch.tensor(weight), **options
        )
        given.sum().backward()
        assert given.detach().numpy() == pytest.approx(expected, rel=1e-12, abs=1e-14)
        assert logits.grad.numpy() == pytest.approx(slopes, abs=1e-6)
        return
    rows = [list(map(Value, row)) for row in z.tolist()]
    targets = t.tolist()
    if kind == "values":
        targets = [list(map(Value, each)) if isinstance(each, list) else Value(each) for each in targets]
    found = cross_entropy(rows, targets, **options)
    total = autograd_sum(found) if isinstance(found, list) else found
    numbers = [peek(each) for each in (found if isinstance(found, list) else [found])]
    assert numbers == pytest.approx(np.atleast_1d(expected), rel=1e-12, abs=1e-14)
    total.backward()
    assert [[each.grad for each in row] for row in rows] == [pytest.approx(row, abs=1e-6) for row in slopes]
    if len(z) == 1:  # and as torch takes one row alone
        alone = cross_entropy(rows[0], targets[0], **options)
        assert peek(alone) == pytest.approx(np.sum(expected), rel=1e-12, abs=1e-14)


@pytest.mark.parametrize("backend", ["numpy", pytest.param("llvm", marks=needs_llvmlite)])
@tries(8)
@given(case=classified(), data=st.data())
def test_compiled_targets_are_inputs(backend, case, data):
    """One program for all classes; the rows that are ignored are those that it was recorded with."""
    z, t, options = case
    options["reduction"] = "mean" if options["reduction"] == "none" else options["reduction"]
    rows = [list(map(Value, row)) for row in z.tolist()]
    leaves = [Value(each) for each in np.ravel(t).tolist()]
    targets = leaves if t.ndim == 1 else [leaves[i : i + t.shape[1]] for i in range(0, t.size, t.shape[1])]
    program = compile(
        cross_entropy(rows, targets, **options),
        [each for row in rows for each in row],
        leaves,
        backend=backend,
    )
    counts = np.ones(len(t), bool) if t.ndim == 2 else t != options["ignore_index"]
    other = t.copy()
    other[counts] = t[counts][::-1]
    for each in (t, other):
        value, gradient = program(z.ravel(), np.ravel(each)[None])
        assert value == pytest.approx(float(reduced(z, each, **options)), rel=1e-12, abs=1e-14)
        slopes = differences(lambda z, each=each: reduced(z, each, **options), z).ravel()
        assert gradient == pytest.approx(slopes, abs=1e-6)
    if t.ndim == 1:
        other[data.draw(st.sampled_from(np.flatnonzero(counts).tolist()))] = z.shape[1]
        with pytest.raises(IndexError, match=f"from 0 to {z.shape[1] - 1}"):
            program(z.ravel(), other[None])
    if not counts.all() and t.ndim == 1:
        other[counts] = t[counts]
        other[np.flatnonzero(~counts)[0]] = (options["ignore_index"] + 1) % z.shape[1]
        if other[np.flatnonzero(~counts)[0]] != options["ignore_index"]:
            assert math.isnan(program(z.ravel(), other[None])[0])


@tries(30)
@given(data=st.data(), reduction=reductions)
def test_positive_outputs_have_a_weight_of_their_own(data, reduction):
    n = data.draw(st.integers(1, 3))
    z, t, p = (
        np.array(data.draw(st.lists(each, min_size=n, max_size=n)))
        for each in (scores, st.sampled_from([0.0, 0.25, 1.0]), factors)
    )
    terms = p * t * np.logaddexp(0.0, -z) + (1 - t) * np.logaddexp(0.0, z)
    expected = {"none": terms, "sum": terms.sum(), "mean": terms.mean()}[reduction]
    assert np.array(bce_z(z, t, pos_weight=p, reduction=reduction)) == pytest.approx(expected, rel=1e-13)


def test_what_does_not_count_does_no_harm():
    """Infinite logits and losses where the weight is 0 or the row is ignored: no nan, and no gradient."""
    far = [Value(math.inf), Value(-math.inf), Value(0.0)]
    rows = [far, [Value(0.0), Value(0.0), Value(0.0)]]
    loss = cross_entropy(rows, [-100, 1])
    loss.backward()
    assert loss.data == pytest.approx(math.log(3.0))
    assert [each.grad for each in far] == [0.0, 0.0, 0.0]
    assert nn.mse_loss([math.inf, 3.0], [0.0, 1.0], weight=[0.0, 2.0]) == 4.0
    assert cross_entropy([[0.0, 0.0]], [-100], reduction="sum") == 0.0
    assert cross_entropy([0.0, 0.0], -100, reduction="none") == 0.0


def test_a_loss_that_no_output_counts_in_is_a_node_with_derivatives_of_0():
    z = [Value(math.inf), Value(2.0)]
    losses = [
        *cross_entropy([z, z], [-100, 0], weight=[0.0, 1.0], reduction="none"),
        cross_entropy([z], [-100], reduction="sum"),
        *(loss([each], [1.0], weight=[0.0], reduction=reduction)
          for loss in (nn.huber_loss, bce_z) for each in z for reduction in ("mean", "sum")),
        nn.l1_loss(z, [1.0, 1.0], weight=[0.0, 0.0], reduction="sum"),
    ]  # fmt: skip
    for loss in losses:
        loss.backward()
        assert (loss.data, [each.grad for each in z]) == (0.0, [0.0, 0.0])


@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_a_program_of_a_row_that_counts_is_nan_where_it_would_be_ignored(reduction):
    z, t = [Value(0.5), Value(-1.0), Value(0.0)], Value(1.0)
    loss = cross_entropy(z, t, ignore_index=0, reduction=reduction)
    program = compile(loss, z, inputs=[t], backend="numpy")
    values = program.evaluate([0.5, -1.0, 0.0], [[1.0], [0.0], [2.0]]).ravel()
    right = [cross_entropy([0.5, -1.0, 0.0], label) for label in (1, 2)]
    assert values.tolist() == pytest.approx([right[0], math.nan, right[1]], nan_ok=True)


def test_fit_refuses_weights_that_would_have_no_effect():
    X, y = [[0.0], [1.0]], [0, 1]
    model = nn.MLP(1, [2], seed=0)
    settings = {"optimizer": nn.SGD(model.parameters(), lr=0.1), "epochs": 1, "progress": False}
    weighted = functools.partial(cross_entropy, weight=[1.0, 3.0])
    with pytest.raises(ValueError, match=r"no effect in the mean over the one target.*class_weight"):
        nn.fit(model, X, y, loss=weighted, **settings)
    summed = functools.partial(weighted, reduction="sum")
    history = nn.fit(model, X, y, loss=summed, metrics=["accuracy"], **settings)
    model = nn.MLP(1, [2], seed=0)
    settings["optimizer"] = nn.SGD(model.parameters(), lr=0.1)
    other = nn.fit(model, X, y, loss="cross_entropy", class_weight={0: 1.0, 1: 3.0}, **settings)
    assert history.loss == pytest.approx(other.loss, rel=1e-13)


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
        (lambda: mse(Y2, [1.0, 2.0], reduction="avg"), Bad, "'mean', 'sum' or 'none', got 'avg'"),
        (lambda: mse(Y2, [1.0, 2.0], weight=[1.0]), Bad, "a weight for each output, got 1 for 2"),
        (lambda: mse(Y2, [1.0, 2.0], weight=[1.0, -1.0]), Bad, "finite and at least 0, got -1"),
        (lambda: l1(Y2, [1.0, 2.0], weight=[0.0, 0.0]), Bad, "no mean over 2 outputs that all"),
        (lambda: huber_loss(Y2, [1.0, 2.0], weight="ab"), Bad, "a weight for each output, got 1 for 2"),
        (lambda: bce_p(0.5, 1, weight=["a"]), TypeError, "each weight must be a number, got str"),
        (lambda: bce_z(Y2, [1, 0], pos_weight=[2.0]), Bad, "a weight for each output, got 1 for 2"),
        (lambda: cross_entropy(Y2, 0, weight=[1.0]), Bad, "a weight for each class, got 1 for 2"),
        (lambda: cross_entropy(Y2, 0, label_smoothing=1.5), Bad, "must be from 0 to 1, got 1.5"),
        (lambda: cross_entropy(Y2, 0, ignore_index=0.5), TypeError, "must be an integer, got float"),
        (lambda: cross_entropy(Y2, 0, reduction=None), Bad, "'mean', 'sum' or 'none', got None"),
        (lambda: cross_entropy(Y2, [0.5, 0.5], ignore_index=1), Bad, "probabilities: got ignore_index=1"),
        (lambda: cross_entropy([Y2, Y2], [-100, -100]), Bad, "no mean over 2 targets that are all ignored"),
        (lambda: cross_entropy([Y2], [0], weight=[0.0, 1.0]), Bad, "no mean over 1 targets"),
        (lambda: cross_entropy([Y2, Y2], [0]), Bad, "each row of logits, got 2 rows and 1 targets"),
        (lambda: cross_entropy([Y2, Y2], 0), Bad, "got 2 rows and 1 targets"),
        (lambda: cross_entropy([Y2, Y2[:1]], [0, 0]), Bad, r"a logit for each class, got rows of \[1, 2\]"),
        (lambda: cross_entropy(Y2, "a"), TypeError, "integer class label .*, got str"),
        (lambda: find_loss("mse"), Bad, "no loss is named 'mse': choose one of mse_loss"),
        (lambda: find_loss(3), TypeError, "a loss is a name or a function"),
    ],
)  # fmt: skip
def test_bad_input_says_what_was_given_and_expected(act, error, message):
    with pytest.raises(error, match=message):
        act()
