"""Weights of examples: the numbers of a loss that multiplies by the weight itself, in every back end."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nn import LOSSES, MLP, SGD, Adam, binary_cross_entropy_with_logits, fit, mse_loss
from tests.support.compiled import HAS_LLVMLITE, needs_llvmlite
from tests.support.profiles import tries

RNG = np.random.default_rng(5)
N = 9
X = RNG.uniform(-1.0, 1.0, (N, 2))
LABELS = np.array([0, 1, 2, 1, 0, 0, 2, 1, 0])
TARGETS = {
    "mse_loss": X[:, 0] * X[:, 1],
    "half_squared_error": np.stack([X[:, 0], X[:, 1] ** 2], axis=1),
    "l1_loss": X[:, 0],
    "huber_loss": (3.0 * X[:, :1]),
    "hinge_loss": np.sign(X[:, 0]),
    "cross_entropy": LABELS,
    "one-hot": np.eye(3)[LABELS],
    "binary_cross_entropy": LABELS % 2,
    "binary_cross_entropy_with_logits": LABELS % 2,
}
WIDTHS = {"half_squared_error": 2, "cross_entropy": 3, "one-hot": 3}


def train(kind, backend, y=None, loss=None, epochs=12, X=X, **options):
    last = "sigmoid" if kind == "binary_cross_entropy" else "linear"
    model = MLP(2, [3, WIDTHS.get(kind, 1)], "tanh", last, seed=3)
    y = TARGETS[kind] if y is None else y
    options = {"batch_size": 4, "seed": 2, "optimizer": Adam(model.parameters(), lr=0.05)} | options
    loss = loss or LOSSES["cross_entropy" if kind == "one-hot" else kind]
    return model, fit(model, X, y, loss=loss, epochs=epochs, backend=backend, **options)


def agree(run, other, rel=1e-12):
    (model, history), (other_model, other_history) = run, other
    assert list(model.state_dict().values()) == pytest.approx(
        list(other_model.state_dict().values()), rel=rel, abs=rel
    )
    assert history.columns.keys() == other_history.columns.keys()
    for name, numbers in history.columns.items():
        assert numbers == pytest.approx(other_history.columns[name], rel=rel, abs=rel)


BACKENDS = ["eager", "numpy"] + (["llvm"] if HAS_LLVMLITE else [])


def by_hand(kind, weights, epochs, batch_size, validation):
    """Whole batches of Σ w L / B, the eager engine alone."""
    from autograd import mean
    from nn import batches

    last = "sigmoid" if kind == "binary_cross_entropy" else "linear"
    model = MLP(2, [3, WIDTHS.get(kind, 1)], "tanh", last, seed=3)
    optimizer = Adam(model.parameters(), lr=0.05)
    loss = LOSSES["cross_entropy" if kind == "one-hot" else kind]
    rng = np.random.default_rng(2)
    y, losses = TARGETS[kind].tolist(), []
    for _ in range(epochs):
        total = 0.0
        for batch in batches(N, batch_size, seed=rng):
            each = mean([float(weights[i]) * loss(model(X[i].tolist()), y[i]) for i in batch])
            optimizer.zero_grad()
            each.backward()
            optimizer.step()
            total += each.data * len(batch)
        losses.append(total / N)
    rows, held = validation
    judged = math.fsum(float(w) * loss(model(X[i].tolist()), y[i]).data for i, w in zip(rows, held)) / len(
        rows
    )
    return model, losses, judged


@pytest.mark.parametrize("backend", ["eager", "numpy", pytest.param("llvm", marks=needs_llvmlite)])
@pytest.mark.parametrize("kind", TARGETS)
def test_a_weight_multiplies_the_loss_of_its_example(kind, backend):
    weights, held = RNG.uniform(0.0, 3.0, N), RNG.uniform(0.0, 3.0, 3)
    weights[2] = 0.0
    rows = [1, 4, 5]
    validation = (X[rows], TARGETS[kind][rows], held)
    expected, losses, judged = by_hand(kind, weights, 6, 4, (rows, held))
    metrics = ["accuracy"] if "entropy" in kind or kind == "one-hot" else ["mean_absolute_error"]
    model, history = train(
        kind, backend, sample_weight=weights, validation=validation, metrics=metrics, epochs=6
    )
    assert list(model.state_dict().values()) == pytest.approx(
        list(expected.state_dict().values()), rel=1e-11, abs=1e-12
    )
    assert history.loss == pytest.approx(losses, rel=1e-12)
    assert history.validation_loss[-1] == pytest.approx(judged, rel=1e-11)
    # and metrics are of the targets as they were given
    from nn import METRICS

    (name,) = metrics
    options = {"threshold": 0.0} if kind == "binary_cross_entropy_with_logits" else {}
    found = METRICS[name](TARGETS[kind][rows], model.predict(X[rows]), **options)
    assert history.validation_metrics[name][-1] == pytest.approx(found, rel=1e-11)


@tries(40)
@given(
    weights=st.lists(st.integers(0, 5), min_size=N, max_size=N),
    backend=st.sampled_from(["eager", "numpy"]),
    kind=st.sampled_from(["mse_loss", "cross_entropy", "binary_cross_entropy_with_logits"]),
)
def test_whole_weights_are_copies_of_the_example(weights, backend, kind):
    """The gradient of Σ w L over all examples is that of a batch that has each w times."""
    if not any(weights):
        return
    copies = np.repeat(np.arange(N), weights)
    model, history = train(
        kind, backend, sample_weight=weights, batch_size=None, optimizer=lambda p: SGD(p, lr=0.005 * N)
    )
    other, expected = train(
        kind,
        "eager",
        y=TARGETS[kind][copies],
        X=X[copies],
        batch_size=None,
        optimizer=lambda p: SGD(p, lr=0.005 * len(copies)),
    )
    assert list(model.state_dict().values()) == pytest.approx(
        list(other.state_dict().values()), rel=1e-9, abs=1e-9
    )
    assert [loss * N for loss in history.loss] == pytest.approx(
        [loss * len(copies) for loss in expected.loss], rel=1e-9, abs=1e-9
    )


@pytest.mark.parametrize("backend", BACKENDS)
def test_weights_of_classes_are_those_of_a_loss_with_an_if(backend):
    y = LABELS.astype(float)

    def loss(prediction, target):
        return (100.0 if target == 2 else 1.0) * mse_loss(prediction, target)

    expected = train("mse_loss", "eager", y=y, loss=loss, validation=(X[:4], y[:4]))
    given = {"validation": (X[:4], y[:4]), "class_weight": {0: 1, 1.0: 1.0, np.int64(2): 100.0}}
    agree(train("mse_loss", backend, y=y, **given), expected)
    agree(train("mse_loss", backend, y=y.reshape(-1, 1), **given), expected)


@pytest.mark.parametrize("backend", BACKENDS)
def test_both_weights_are_multiplied(backend):
    sample, of_class = RNG.uniform(0.5, 2.0, N), {0: 1.0, 1: 3.0, 2: 0.5}
    product = [w * of_class[label] for w, label in zip(sample, LABELS)]
    held = (X[:2], LABELS[:2], [2.0, 4.0])
    expected = train(
        "cross_entropy",
        "eager",
        sample_weight=product,
        validation=(X[:2], LABELS[:2], [2.0 * of_class[0], 4.0 * of_class[1]]),
    )
    for kind in ("cross_entropy", "one-hot"):
        held = (X[:2], TARGETS[kind][:2], [2.0, 4.0])
        run = train(kind, backend, sample_weight=sample, class_weight=of_class, validation=held)
        agree(run, expected)


@given(labels=st.lists(st.integers(-1, 3), min_size=1, max_size=12))
def test_balanced_weights_give_every_class_the_same_sum(labels):
    """N / (K · count), as scikit-learn's compute_class_weight has it."""
    from nn.weights import weights_of

    examples = [([0.0], label) for label in labels]
    (weights, _) = weights_of(examples, None, None, None, "balanced")
    for label in set(labels):
        count = labels.count(label)
        each = float(Fraction(len(labels), len(set(labels)) * count))
        assert [w for w, t in zip(weights, labels) if t == label] == pytest.approx([each] * count, rel=1e-15)


def test_balanced_weights_are_of_the_data_that_is_trained_on():
    theirs = pytest.importorskip("sklearn.utils.class_weight", reason="scikit-learn is in the extra demos")

    first = LABELS[:6]
    weights = dict(enumerate(theirs.compute_class_weight("balanced", classes=np.arange(3), y=first).tolist()))
    split = {"validation_split": 1 / 3}
    agree(
        train("cross_entropy", "eager", class_weight="balanced", **split),
        train("cross_entropy", "eager", class_weight=weights, **split),
    )


def test_weights_of_one_change_nothing():
    for backend in BACKENDS:
        model, history = train("mse_loss", backend)
        other, weighted = train("mse_loss", backend, sample_weight=np.ones(N, int))
        assert weighted.loss == history.loss
        assert other.state_dict() == model.state_dict()


def test_a_weighted_training_is_not_resumed_without_weights(tmp_path):
    _, history = train("mse_loss", "eager", sample_weight=np.ones(N))
    with pytest.raises(ValueError, match="another weights: it had True, and now it is False"):
        train("mse_loss", "eager", resume=history, epochs=20)
    whole = train("mse_loss", "numpy", sample_weight=X[:, 0] ** 2, epochs=20)
    _, history = train("mse_loss", "numpy", sample_weight=X[:, 0] ** 2)
    history.save(tmp_path / "c.json")
    model, resumed = train(
        "mse_loss", "numpy", sample_weight=X[:, 0] ** 2, epochs=20, resume=tmp_path / "c.json"
    )
    assert model.state_dict() == whole[0].state_dict()
    assert resumed.columns == whole[1].columns


# --- validation_split --------------------------------------------------------------------------------


@given(n=st.integers(2, 120), percent=st.integers(1, 99))
def test_the_last_share_is_kept(n, percent):
    """⌈split · n⌉ of them, in exact arithmetic; Keras has ⌊n (1 − split)⌋ in floats for the others."""
    from nn.examples import split_of

    kept = math.ceil(Fraction(percent, 100) * n)
    data = np.arange(n)
    if kept == n:
        with pytest.raises(ValueError, match="leaves none to train with"):
            split_of(percent / 100, data, data, None)
        return
    (first, second, none), (last, same) = split_of(percent / 100, data, data, None)
    assert none is None
    assert [*first, *last] == [*second, *same] == list(range(n))
    assert len(last) == kept


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_split_is_the_validation_data_of_the_last_rows(backend):
    weights = RNG.uniform(0.0, 2.0, N)
    agree(
        train("mse_loss", backend, validation_split=0.3, sample_weight=weights),
        train(
            "mse_loss",
            backend,
            y=TARGETS["mse_loss"][:6],
            X=X[:6],
            sample_weight=weights[:6],
            validation=(X[6:], TARGETS["mse_loss"][6:], weights[6:]),
        ),
    )


# --- errors ------------------------------------------------------------------------------------------

masked = np.ma.masked_array(np.ones(N), mask=[1, 1] + [0] * (N - 2))


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        (
            {"sample_weight": [1.0] * 8},
            ValueError,
            r"sample_weight must have the shape \(9,\), .* got \(8,\)",
        ),
        ({"sample_weight": np.ones((N, 1))}, ValueError, r"got \(9, 1\)"),
        ({"sample_weight": [1.0] * 8 + [-0.5]}, ValueError, r"at least 0, got -0\.5 in row 8"),
        (
            {"sample_weight": [1.0] * 8 + [math.nan]},
            ValueError,
            "sample_weight must be finite, got nan in row 8",
        ),
        ({"sample_weight": masked}, ValueError, "sample_weight has 2 masked numbers of 9"),
        ({"sample_weight": ["a"] * N}, TypeError, "sample_weight must be real numbers"),
        (
            {"class_weight": {0: 1.0, 1: 1.0}},
            ValueError,
            "no weight for the label 2 in row 2 of y: it has 0, 1",
        ),
        (
            {"class_weight": {0: 1, 1: 1, 2: -1}},
            ValueError,
            r"class_weight\[2\] must be finite and at least 0",
        ),
        ({"class_weight": {0: 1, 1: 1, 2: "a"}}, TypeError, r"class_weight\[2\] must be a number, got str"),
        (
            {"class_weight": "even"},
            TypeError,
            "a mapping of labels to weights or 'balanced', got str: 'even'",
        ),
        ({"class_weight": [1.0, 2.0]}, TypeError, "a mapping of labels to weights or 'balanced', got list"),
        (
            {"class_weight": "balanced", "validation": (X[:1], [2])},
            ValueError,
            "no weight for the label 2 in row 0 of validation y",
        ),
        (
            {"validation": (X[:1], [2], [1.0, 2.0])},
            ValueError,
            r"validation sample_weight must have .* \(1,\)",
        ),
        ({"validation": (X[:1], [2]), "validation_split": 0.5}, ValueError, "validation_split, not both"),
        ({"validation_split": 1.0}, ValueError, "validation_split must be from 0 to below 1, got 1.0"),
        ({"validation_split": "half"}, TypeError, "validation_split must be a number, got str"),
        (
            {"validation_split": 0.5, "sample_weight": [1.0]},
            ValueError,
            "one row per example, got 9 of X, 9 of y, 1 of sample_weight",
        ),
    ],
)
def test_bad_weights_are_refused(options, error, message):
    y = LABELS.copy()
    if options.get("class_weight") == "balanced":
        y[y == 2] = 1
    with pytest.raises(error, match=message):
        train("cross_entropy", "eager", y=y, **options)


def test_targets_that_are_no_labels_have_no_class_weight():
    with pytest.raises(ValueError, match=r"needs labels or one-hot rows as targets, got .* in row 0 of y"):
        train("half_squared_error", "eager", class_weight={0: 1.0})
    with pytest.raises(ValueError, match="class_weight='balanced' needs whole numbers as labels"):
        train("mse_loss", "eager", class_weight="balanced")


def test_scikit_learns_class_weight_trains_as_theirs_does():
    """A logistic regression without a penalty, whose optimum does not depend on the way to it."""
    theirs = pytest.importorskip("sklearn.linear_model", reason="scikit-learn is in the extra demos")

    rng = np.random.default_rng(0)
    points = rng.normal(size=(60, 2))
    labels = (points[:, 0] + rng.normal(size=60) > 1.0).astype(int)
    theirs = theirs.LogisticRegression(C=np.inf, class_weight="balanced", tol=1e-10, max_iter=1000).fit(
        points, labels
    )
    model = MLP(2, [1], seed=0)
    fit(
        model, points, labels, loss=binary_cross_entropy_with_logits, class_weight="balanced",
        optimizer=SGD(model.parameters(), lr=1.0), epochs=3000,
    )  # fmt: skip
    ours = [parameter.data for parameter in model.parameters()]
    assert ours == pytest.approx([*theirs.coef_[0], *theirs.intercept_], rel=1e-5)
